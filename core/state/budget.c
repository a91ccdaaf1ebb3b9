// SPDX-License-Identifier: MIT
#include "state/budget.h"

#include <string.h>

#include "state/passed.h"

#define TRY 1000000u // millionths

static void drop_old_slices(struct llm_budget *b, uint64_t ttl_ms, uint64_t now_us) {
    const uint64_t slice_us = ttl_ms * 1000 / LLM_BUDGET_SLICES + 1;
    const uint64_t steps = llm_passed_us(&b->slice_us, now_us) / slice_us;
    if (steps >= LLM_BUDGET_SLICES) {
        memset(b->slices, 0, sizeof b->slices);
        b->slice_us = now_us;
        return;
    }
    for (uint64_t i = 0; i < steps; i++) {
        b->slice = (b->slice + 1) % LLM_BUDGET_SLICES;
        b->slices[b->slice] = 0;
    }
    b->slice_us += steps * slice_us;
}

static void bring_up(struct llm_budget *b, const struct llm_retry_budget_settings *rules, uint64_t now_us) {
    const uint64_t full = (uint64_t)rules->per_second * TRY;
    if (!b->running) {
        b->running = true;
        b->slice_us = b->floor_us = now_us;
        b->floor = full;
        return;
    }
    drop_old_slices(b, rules->ttl_ms, now_us);
    const uint64_t passed = llm_passed_us(&b->floor_us, now_us);
    b->floor_us += passed;
    b->floor += passed < 1000000 ? passed * rules->per_second : full;
    b->floor = b->floor < full ? b->floor : full;
}

static uint64_t saved(const struct llm_budget *b) {
    uint64_t sum = 0;
    for (size_t i = 0; i < LLM_BUDGET_SLICES; i++) {
        sum += b->slices[i];
    }
    return sum;
}

void llm_budget_deposit(struct llm_budget *b, const struct llm_retry_budget_settings *rules,
                        uint64_t now_us) {
    bring_up(b, rules, now_us);
    b->slices[b->slice] += (uint64_t)rules->percent * (TRY / 100);
}

bool llm_budget_withdraw(struct llm_budget *b, const struct llm_retry_budget_settings *rules,
                         uint64_t now_us) {
    bring_up(b, rules, now_us);
    if (saved(b) + b->floor < TRY) {
        return false;
    }
    uint64_t due = TRY;
    for (uint32_t i = 1; i <= LLM_BUDGET_SLICES && due > 0; i++) { // what is lost soonest first
        uint64_t *slice = &b->slices[(b->slice + i) % LLM_BUDGET_SLICES];
        const uint64_t part = *slice < due ? *slice : due;
        *slice -= part;
        due -= part;
    }
    b->floor -= due;
    return true;
}

uint64_t llm_budget_left(struct llm_budget *b, const struct llm_retry_budget_settings *rules,
                         uint64_t now_us) {
    bring_up(b, rules, now_us);
    return (saved(b) + b->floor) / TRY;
}
