// SPDX-License-Identifier: MIT
#define GALLERY_MORE "\"abi\": {\"major\": 1},"
#include "gallery.h"
