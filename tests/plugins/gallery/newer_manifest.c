// SPDX-License-Identifier: MIT
#define GALLERY_MANIFEST LLM_MANIFEST("{\"manifest\": 2, \"id\": 7}");
#include "gallery.h"
