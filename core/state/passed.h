// SPDX-License-Identifier: MIT
// Time that has passed since a stamp, by a clock that may stand still or jump back.
#ifndef LLM_STATE_PASSED_H
#define LLM_STATE_PASSED_H

#include <stdint.h>

// A reading that is older than the stamp by less than this is another thread's: nothing has passed.  By more: the clock was set back,
// and the time begins to run anew.
#define LLM_PASSED_JUMP_US 1000000u

static inline uint64_t llm_passed_us(uint64_t *stamp_us, uint64_t now_us) {
    if (now_us >= *stamp_us) {
        return now_us - *stamp_us;
    }
    if (*stamp_us - now_us > LLM_PASSED_JUMP_US) {
        *stamp_us = now_us;
    }
    return 0;
}

#endif
