// SPDX-License-Identifier: MIT
// The monotonic clock; nothing in the core waits by the wall clock.
#ifndef LLM_BASE_CLOCK_H
#define LLM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t llm_clock_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

#endif
