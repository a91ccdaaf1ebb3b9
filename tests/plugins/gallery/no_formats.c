// SPDX-License-Identifier: MIT
#define GALLERY_FORMATS NULL
#include "gallery.h"
