// SPDX-License-Identifier: MIT
// No defect: it needs a library, and says so.
#define GALLERY_MORE "\"abi\": {\"major\": 1}, \"needs\": {\"libraries\": [\"libcjson.so.1\"]}"
#include "gallery.h"
