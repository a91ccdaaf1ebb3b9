// SPDX-License-Identifier: MIT
// Peak EWMA of a latency: a worse one counts at once and whole, a better one little by little; what was not measured for long fades.
#ifndef LLM_STATE_LATENCY_H
#define LLM_STATE_LATENCY_H

#include "state/passed.h"

#define LLM_LATENCY_MAX_US (1ull << 36) // 19 hours; more is cut

// Zeroed is valid: nothing measured.  Not locked.
struct llm_latency {
    uint64_t us; // 0: unknown
    uint64_t stamp_us;
};

// value after so much time, half of it gone after half_life_us (> 0); within 7 % of 2^-t between halves.
static inline uint64_t llm_latency_fade(uint64_t value, uint64_t passed_us, uint64_t half_life_us) {
    const uint64_t halves = passed_us / half_life_us;
    if (halves >= 40) {
        return 0;
    }
    value >>= halves;
    return value -
           (uint64_t)((double)value * (double)(passed_us % half_life_us) / (double)(2 * half_life_us));
}

static inline void llm_latency_add(struct llm_latency *latency, uint64_t sample_us, uint64_t now_us,
                                   uint64_t half_life_us) {
    sample_us = sample_us == 0 ? 1 : sample_us < LLM_LATENCY_MAX_US ? sample_us : LLM_LATENCY_MAX_US;
    const uint64_t passed = llm_passed_us(&latency->stamp_us, now_us);
    latency->us = sample_us >= latency->us
                      ? sample_us
                      : sample_us + llm_latency_fade(latency->us - sample_us, passed, half_life_us);
    latency->stamp_us += passed;
}

// The estimate as of now; 0: unknown, or forgotten.
static inline uint64_t llm_latency_now(struct llm_latency *latency, uint64_t now_us, uint64_t half_life_us) {
    return llm_latency_fade(latency->us, llm_passed_us(&latency->stamp_us, now_us), half_life_us);
}

#endif
