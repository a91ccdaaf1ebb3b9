// SPDX-License-Identifier: MIT
#define GALLERY_CLOSE NULL
#include "gallery.h"
