// SPDX-License-Identifier: MIT
#define GALLERY_NAME ""
#include "gallery.h"
