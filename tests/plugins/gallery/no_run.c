// SPDX-License-Identifier: MIT
#include <stddef.h>

#include "llm_provider.h"

static const llm_generate generate = {.size = sizeof generate, .run = NULL};
#define GALLERY_CODEC NULL
#define GALLERY_GENERATE &generate
#include "gallery.h"
