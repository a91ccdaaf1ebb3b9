// SPDX-License-Identifier: MIT
#define GALLERY_OPEN NULL
#include "gallery.h"
