// SPDX-License-Identifier: MIT
// A plugin for the next major, as it will be.
#define GALLERY_MORE "\"abi\": {\"major\": 2, \"minor\": 0}"
#define GALLERY_ENTRY llm_provider_entry_v2
#include "gallery.h"
