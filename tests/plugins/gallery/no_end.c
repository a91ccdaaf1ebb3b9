// SPDX-License-Identifier: MIT
#define GALLERY_END NULL
#include "gallery.h"
