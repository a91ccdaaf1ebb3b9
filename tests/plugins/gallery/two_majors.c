// SPDX-License-Identifier: MIT
// No defect: it serves the next major too.
#include "gallery.h"

LLM_EXPORT const void *llm_provider_entry_v2(void);
LLM_EXPORT const void *llm_provider_entry_v2(void) {
    return NULL;
}
