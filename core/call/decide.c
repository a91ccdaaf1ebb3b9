// SPDX-License-Identifier: MIT
// Decide: by the outcome's class alone, never by a provider's text.
#include "base/error.h"
#include "base/limits.h"
#include "call/call.h"

enum llm_step_name llm_call_decide(struct llm_call *call) {
    if (call->outcome == LLM_AGAIN) {
        if (++call->exchanges < LLM_MAX_STEPS) {
            call->job_step.step++;
            call->job_step.attempt = 0;
            return LLM_STEP_ENCODE;
        }
        call->outcome =
            llm_call_fail(call, LLM_E_LIMIT, "the job is not done after %u exchanges", LLM_MAX_STEPS);
    }
    return LLM_STEP_SETTLE;
}
