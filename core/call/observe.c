// SPDX-License-Identifier: MIT
// Observe: what a call tells to metrics and to the host's listeners.
#include "call/call.h"

void llm_call_observe_start(struct llm_call *call) {
    (void)call;
}

void llm_call_observe_attempt(struct llm_call *call, const struct llm_attempt *attempt) {
    (void)call;
    (void)attempt;
}

void llm_call_observe_end(struct llm_call *call) {
    (void)call;
}
