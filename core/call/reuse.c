// SPDX-License-Identifier: MIT
// Reuse: an answer that is in the cache, or that a call of the same content is about to give.
#include "call/call.h"

enum llm_step_name llm_call_reuse(struct llm_call *call) {
    (void)call;
    return LLM_STEP_OPEN;
}

void llm_call_reuse_over(struct llm_call *call) {
    (void)call;
}
