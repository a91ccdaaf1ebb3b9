// SPDX-License-Identifier: MIT
#include "gallery.h"

LLM_EXPORT int gallery_helper(void);
LLM_EXPORT int gallery_helper(void) {
    return 1;
}
