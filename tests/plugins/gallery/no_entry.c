// SPDX-License-Identifier: MIT
#include "llm_provider.h"

#undef LLM_EXPORT
#define LLM_EXPORT __attribute__((used))
#define GALLERY_ENTRY acme_entry
#include "gallery.h"
