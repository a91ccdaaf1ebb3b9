// SPDX-License-Identifier: MIT
#define GALLERY_VERSION "1.0"
#include "gallery.h"
