// SPDX-License-Identifier: MIT
// The exported functions, nothing else.
#include "llm_master.h"

const char *llm_version(void) {
    return LLM_MASTER_VERSION;
}
