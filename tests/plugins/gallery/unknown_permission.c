// SPDX-License-Identifier: MIT
#define GALLERY_MORE "\"abi\": {\"major\": 1}, \"permissions\": [\"secret.reveal\"]"
#include "gallery.h"
