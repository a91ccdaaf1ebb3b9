// SPDX-License-Identifier: MIT
// Clocks.  Nothing in the core waits by the wall clock: it only says when something happened.
#ifndef LLM_BASE_CLOCK_H
#define LLM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t llm_clock_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

// Since 1970; may jump.
static inline int64_t llm_clock_wall_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif
