// SPDX-License-Identifier: MIT
#define GALLERY_CODEC NULL
#include "gallery.h"
