// SPDX-License-Identifier: MIT
#define GALLERY_DESCRIPTOR_SIZE 0xffffffffu
#include "gallery.h"
