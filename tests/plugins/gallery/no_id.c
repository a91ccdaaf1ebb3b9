// SPDX-License-Identifier: MIT
#define GALLERY_MANIFEST LLM_MANIFEST("{\"manifest\": 1, \"version\": \"1.0.0\", \"abi\": {\"major\": 1}}");
#include "gallery.h"
