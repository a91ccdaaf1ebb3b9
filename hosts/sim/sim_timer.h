// SPDX-License-Identifier: MIT
// Timers in a binary heap: many streams that write at their own pace.
#ifndef LLM_SIM_TIMER_H
#define LLM_SIM_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct llm_sim_timer {
    uint64_t due_us; // of the clock that llm_sim_now_us() reads
    size_t index;    // in the heap, from 1; 0: not set
};

struct llm_sim_timers {
    struct llm_sim_timer **heap; // heap[0] is not used
    size_t n, cap;
};

uint64_t llm_sim_now_us(void);

// Set, or set anew.  false: out of memory, the timer is not set.
bool llm_sim_timer_set(struct llm_sim_timers *timers, struct llm_sim_timer *timer, uint64_t due_us);
void llm_sim_timer_clear(struct llm_sim_timers *timers, struct llm_sim_timer *timer);

// The one that is due first; NULL: none is set.
struct llm_sim_timer *llm_sim_timer_first(const struct llm_sim_timers *timers);
void llm_sim_timers_done(struct llm_sim_timers *timers);

#endif
