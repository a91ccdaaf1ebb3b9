// SPDX-License-Identifier: MIT
#define GALLERY_DESCRIPTOR_SIZE 0
#include "gallery.h"
