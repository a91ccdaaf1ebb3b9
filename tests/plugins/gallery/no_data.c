// SPDX-License-Identifier: MIT
#define GALLERY_DATA NULL
#include "gallery.h"
