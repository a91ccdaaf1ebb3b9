// SPDX-License-Identifier: MIT
// 17 levels.
#define GALLERY_MORE "\"abi\": {\"major\": 1}, \"x\": [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"
#include "gallery.h"
