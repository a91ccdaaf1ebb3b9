// SPDX-License-Identifier: MIT
#define GALLERY_ENCODE NULL
#include "gallery.h"
