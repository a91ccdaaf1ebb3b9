// SPDX-License-Identifier: MIT
// Retry budget: how many calls may be tried again, so that an outage is not multiplied.  Each call adds a part of a try that is good for
// ttl_ms; besides, per_second tries a second come from nothing, at most one second's worth saved up.
// In any time t the tries are at most percent of the calls of t + ttl, plus per_second * (t + 1 s).
#ifndef LLM_STATE_BUDGET_H
#define LLM_STATE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "config/breaker.h"

#define LLM_BUDGET_SLICES 10

// Zeroed is valid: full of what comes from nothing.  Not locked.  All in millionths of a try.
struct llm_budget {
    uint64_t slices[LLM_BUDGET_SLICES]; // left of what calls have added, by time
    uint32_t slice;                     // the newest
    bool running;
    uint64_t slice_us; // when the newest began
    uint64_t floor;    // left of what came from nothing
    uint64_t floor_us;
};

// A call is made.
void llm_budget_deposit(struct llm_budget *budget, const struct llm_retry_budget_settings *rules,
                        uint64_t now_us);
// Take one try; false: there is none, and nothing is taken.
bool llm_budget_withdraw(struct llm_budget *budget, const struct llm_retry_budget_settings *rules,
                         uint64_t now_us);
// Whole tries left.
uint64_t llm_budget_left(struct llm_budget *budget, const struct llm_retry_budget_settings *rules,
                         uint64_t now_us);

#endif
