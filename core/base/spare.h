// SPDX-License-Identifier: MIT
// How many of a pool's idle objects are too many: those that nothing has needed for a while.  A pool that only grows keeps the memory of the
// busiest moment for ever; one that gives back what a period did not need follows the load, and still costs no allocation while that is steady.
#ifndef LLM_BASE_SPARE_H
#define LLM_BASE_SPARE_H

#include <stddef.h>
#include <stdint.h>

#define LLM_SPARE_PERIOD_US 10000000u

struct llm_spare { // zeroed: nothing was seen yet
    size_t low;    // the fewest that were idle since then
    uint64_t since_us;
};

// After one was taken: idle are left.
static inline void llm_spare_taken(struct llm_spare *spare, size_t idle) {
    if (idle < spare->low) {
        spare->low = idle;
    }
}

// After one was put back: idle are there now.  Gives how many of them, the longest idle first, are to be freed: 0 but for once in a period.
static inline size_t llm_spare_put(struct llm_spare *spare, size_t idle, uint64_t now_us) {
    if (now_us < spare->since_us + LLM_SPARE_PERIOD_US) { // now may be another thread's, a little older
        return 0;
    }
    const size_t unneeded = spare->since_us != 0 && spare->low < idle ? spare->low : 0;
    spare->low = idle - unneeded;
    spare->since_us = now_us;
    return unneeded;
}

#endif
