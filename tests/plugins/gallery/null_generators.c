// SPDX-License-Identifier: MIT
#define GALLERY_LIST NULL
#include "gallery.h"
