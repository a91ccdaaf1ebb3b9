// SPDX-License-Identifier: MIT
#define GALLERY_MANIFEST
#include "gallery.h"
