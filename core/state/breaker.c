// SPDX-License-Identifier: MIT
#include "state/breaker.h"

#include <string.h>

#include "state/passed.h"

// ---- the window ----------------------------------------------------------------------------------------------------

static void clear_window(struct llm_breaker *b, uint64_t now_us) {
    memset(b->slices, 0, sizeof b->slices);
    b->slice_us = now_us;
}

static void drop_old_slices(struct llm_breaker *b, uint64_t window_ms, uint64_t now_us) {
    const uint64_t slice_us = window_ms * 1000 / LLM_BREAKER_SLICES + 1;
    const uint64_t steps = llm_passed_us(&b->slice_us, now_us) / slice_us;
    if (steps >= LLM_BREAKER_SLICES) {
        clear_window(b, now_us);
        return;
    }
    for (uint64_t i = 0; i < steps; i++) {
        b->slice = (b->slice + 1) % LLM_BREAKER_SLICES;
        b->slices[b->slice].calls = b->slices[b->slice].faults = 0;
    }
    b->slice_us += steps * slice_us;
}

static bool is_bad(const struct llm_breaker *b, const struct llm_breaker_settings *rules) {
    uint64_t calls = 0, faults = 0;
    for (size_t i = 0; i < LLM_BREAKER_SLICES; i++) {
        calls += b->slices[i].calls;
        faults += b->slices[i].faults;
    }
    return (rules->failures != 0 && b->consecutive >= rules->failures) ||
           (rules->error_percent != 0 && calls >= rules->min_calls &&
            faults * 100 >= calls * rules->error_percent);
}

// ---- states --------------------------------------------------------------------------------------------------------

static void change(struct llm_breaker *b, enum llm_breaker_state state, uint64_t now_us) {
    b->state = state;
    b->round++;
    b->since_us = now_us;
    b->probing = false;
}

static void shut(struct llm_breaker *b, uint64_t now_us) {
    change(b, LLM_BREAKER_CLOSED, now_us);
    b->consecutive = 0;
    clear_window(b, now_us);
}

// xorshift64
static uint64_t next_random(struct llm_breaker *b) {
    uint64_t x = b->random != 0 ? b->random : 0x9e3779b97f4a7c15u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return b->random = x;
}

static void trip(struct llm_breaker *b, const struct llm_breaker_settings *rules, uint64_t now_us) {
    const bool was_well = b->state == LLM_BREAKER_CLOSED &&
                          llm_passed_us(&b->since_us, now_us) >= (uint64_t)rules->window_ms * 1000;
    b->openings = was_well ? 0 : b->openings;
    const uint32_t doublings = b->openings < 20 ? b->openings : 20;
    const uint64_t longer = (uint64_t)rules->open_ms << doublings;
    const uint64_t ms = longer < rules->max_open_ms ? longer : rules->max_open_ms;
    b->open_us = ms * 1000 - next_random(b) % (ms * 250 + 1);
    b->openings++;
    change(b, LLM_BREAKER_OPEN, now_us);
}

// ---- calls ---------------------------------------------------------------------------------------------------------

enum llm_breaker_pass llm_breaker_look(struct llm_breaker *b, const struct llm_breaker_settings *rules,
                                       uint64_t now_us, uint64_t *ret_wait_us) {
    if (b->state == LLM_BREAKER_CLOSED || !rules->enabled) {
        return LLM_BREAKER_GO;
    }
    if (b->state == LLM_BREAKER_HALF_OPEN && !b->probing) {
        return LLM_BREAKER_PROBE;
    }
    const uint64_t passed = llm_passed_us(b->state == LLM_BREAKER_OPEN ? &b->since_us : &b->probe_us, now_us);
    if (passed >= b->open_us) {
        return LLM_BREAKER_PROBE;
    }
    *ret_wait_us = b->open_us - passed;
    return LLM_BREAKER_STOP;
}

enum llm_breaker_pass llm_breaker_enter(struct llm_breaker *b, const struct llm_breaker_settings *rules,
                                        uint64_t now_us, struct llm_breaker_ticket *ret,
                                        uint64_t *ret_wait_us) {
    const enum llm_breaker_pass pass = llm_breaker_look(b, rules, now_us, ret_wait_us);
    if (pass == LLM_BREAKER_STOP) {
        return pass;
    }
    if (pass == LLM_BREAKER_GO && b->state != LLM_BREAKER_CLOSED) { // it was switched off while it was open
        shut(b, now_us);
    }
    if (pass == LLM_BREAKER_PROBE) {
        if (b->state == LLM_BREAKER_OPEN) {
            change(b, LLM_BREAKER_HALF_OPEN, now_us);
        }
        b->probing = true;
        b->probe_us = now_us;
        b->probe += b->probe != UINT32_MAX ? 1 : 2; // never 0
    }
    *ret = (struct llm_breaker_ticket){b->round, pass == LLM_BREAKER_PROBE ? b->probe : 0};
    return pass;
}

static void leave_probe(struct llm_breaker *b, const struct llm_breaker_settings *rules, uint64_t now_us,
                        uint32_t probe, enum llm_breaker_outcome outcome) {
    if (b->state == LLM_BREAKER_CLOSED) {
        return;
    }
    if (outcome == LLM_BREAKER_GOOD) { // also one that comes late: there is no newer knowledge
        shut(b, now_us);
    } else if (b->state == LLM_BREAKER_HALF_OPEN && probe == b->probe) {
        b->probing = false;
        if (outcome == LLM_BREAKER_FAULT) {
            b->consecutive += b->consecutive != UINT32_MAX;
            trip(b, rules, now_us);
        }
    }
}

void llm_breaker_leave(struct llm_breaker *b, const struct llm_breaker_settings *rules, uint64_t now_us,
                       const struct llm_breaker_ticket *ticket, enum llm_breaker_outcome outcome) {
    if (ticket->probe != 0) {
        leave_probe(b, rules, now_us, ticket->probe, outcome);
        return;
    }
    if (ticket->round != b->round || outcome == LLM_BREAKER_NEITHER) {
        return;
    }
    drop_old_slices(b, rules->window_ms, now_us);
    b->slices[b->slice].calls++;
    if (outcome == LLM_BREAKER_GOOD) {
        b->consecutive = 0;
        return;
    }
    b->slices[b->slice].faults++;
    b->consecutive += b->consecutive != UINT32_MAX;
    if (rules->enabled && is_bad(b, rules)) {
        trip(b, rules, now_us);
    }
}
