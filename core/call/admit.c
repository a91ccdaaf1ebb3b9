// SPDX-License-Identifier: MIT
// Admit: limits are reserved before an attempt and settled after it.
#include "call/call.h"

enum llm_step_name llm_call_admit(struct llm_call *call) {
    (void)call;
    return LLM_STEP_ENCODE;
}

void llm_call_admit_over(struct llm_call *call) {
    (void)call;
}

void llm_call_admit_cancel(struct llm_call *call) {
    (void)call;
}
