// SPDX-License-Identifier: MIT
#define GALLERY_DESCRIPTOR_VERSION "1.0.1"
#include "gallery.h"
