// SPDX-License-Identifier: MIT
// The manifest says 1, the entry 2.
#define GALLERY_ENTRY llm_provider_entry_v2
#include "gallery.h"
