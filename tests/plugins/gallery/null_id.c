// SPDX-License-Identifier: MIT
#define GALLERY_DESCRIPTOR_ID NULL
#include "gallery.h"
