// SPDX-License-Identifier: MIT
// Circuit breaker: a provider that fails is left alone, and asked again by one call at a time.
//
//     closed     calls pass; `failures` faults in a row, or `error_percent` of at least `min_calls` in the window, open it
//     open       no call passes for open_ms, doubled with each opening in a row up to max_open_ms, less up to a quarter (jitter)
//     half open  one call passes, the probe; good: closed; fault: open; neither: the next call is the probe.  A probe that gives no
//                answer for as long as the breaker was open does not stop another one
#ifndef LLM_STATE_BREAKER_H
#define LLM_STATE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "config/breaker.h"

#define LLM_BREAKER_SLICES 10

enum llm_breaker_state { LLM_BREAKER_CLOSED, LLM_BREAKER_OPEN, LLM_BREAKER_HALF_OPEN };
enum llm_breaker_pass { LLM_BREAKER_GO, LLM_BREAKER_PROBE, LLM_BREAKER_STOP };
enum llm_breaker_outcome { LLM_BREAKER_NEITHER, LLM_BREAKER_GOOD, LLM_BREAKER_FAULT };

// Zeroed is valid: closed.  Not locked.
struct llm_breaker {
    enum llm_breaker_state state;
    uint32_t round;       // changes with each change of state: what began in another round does not count
    uint32_t consecutive; // faults in a row
    uint32_t openings;    // in a row
    uint64_t since_us;    // begin of the state
    uint64_t open_us;     // how long it is, or was, open
    bool probing;
    uint32_t probe; // number of the last one
    uint64_t probe_us;
    struct {
        uint32_t calls, faults;
    } slices[LLM_BREAKER_SLICES];
    uint32_t slice; // the newest
    uint64_t slice_us;
    uint64_t random;
};

// What llm_breaker_enter() let pass.
struct llm_breaker_ticket {
    uint32_t round, probe; // probe 0: an ordinary call
};

// STOP: *ret_wait_us says when to ask again, and no ticket is given.
enum llm_breaker_pass llm_breaker_enter(struct llm_breaker *breaker, const struct llm_breaker_settings *rules,
                                        uint64_t now_us, struct llm_breaker_ticket *ret,
                                        uint64_t *ret_wait_us);
// What llm_breaker_enter() would say; nothing changes.
enum llm_breaker_pass llm_breaker_look(struct llm_breaker *breaker, const struct llm_breaker_settings *rules,
                                       uint64_t now_us, uint64_t *ret_wait_us);
// Once for each ticket.
void llm_breaker_leave(struct llm_breaker *breaker, const struct llm_breaker_settings *rules, uint64_t now_us,
                       const struct llm_breaker_ticket *ticket, enum llm_breaker_outcome outcome);

#endif
