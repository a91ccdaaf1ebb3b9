// SPDX-License-Identifier: MIT
#define GALLERY_GENERATORS NULL, &chat
#include "gallery.h"
