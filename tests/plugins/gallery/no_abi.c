// SPDX-License-Identifier: MIT
#define GALLERY_MORE "\"name\": \"Gallery\""
#include "gallery.h"
