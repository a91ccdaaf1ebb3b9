// SPDX-License-Identifier: MIT
#define GALLERY_MANIFEST LLM_MANIFEST("[]");
#include "gallery.h"
