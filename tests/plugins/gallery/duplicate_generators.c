// SPDX-License-Identifier: MIT
#define GALLERY_GENERATORS &chat, &chat, NULL
#include "gallery.h"
