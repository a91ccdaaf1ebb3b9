// SPDX-License-Identifier: MIT
#define GALLERY_ANSWER NULL
#include "gallery.h"
