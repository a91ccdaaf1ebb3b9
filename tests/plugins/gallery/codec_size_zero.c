// SPDX-License-Identifier: MIT
#define GALLERY_CODEC_SIZE 0
#include "gallery.h"
