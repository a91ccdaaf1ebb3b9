// SPDX-License-Identifier: MIT
#define GALLERY_ID "gallery"
#include "gallery.h"
