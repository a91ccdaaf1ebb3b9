// SPDX-License-Identifier: MIT
#define LLM_ENTRY some_function
#include "llm_provider.h"

LLM_EXPORT extern const int llm_provider_entry_v1;
LLM_EXPORT const int llm_provider_entry_v1 = 1;

#undef LLM_EXPORT
#define LLM_EXPORT __attribute__((used))
#define GALLERY_ENTRY acme_entry
#include "gallery.h"
