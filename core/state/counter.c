// SPDX-License-Identifier: MIT
#include "state/counter.h"

#include <string.h>

#define RING (LLM_COUNTER_SLOTS + 1u) // the window, and the slot that is being filled
#define SECOND INT64_C(1000000)

// ---- the calendar ------------------------------------------------------------------------------------------

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

// Months since the year 0 of a day since 1970: the proleptic Gregorian calendar, years beginning in March.
static int64_t month_of(int64_t day) {
    const int64_t z = day + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    return (yoe + era * 400) * 12 + (5 * doy + 2) / 153 + 2;
}

// The first day of it.
static int64_t day_of(int64_t month) {
    const int64_t shifted = month - 2, year = floor_div(shifted, 12), m = shifted - year * 12;
    const int64_t era = floor_div(year, 400), yoe = year - era * 400;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + (153 * m + 2) / 5 - 719468;
}

static int64_t period_us(enum llm_limit_period period) {
    static const int64_t seconds[] = {0, 60, 3600, 86400, 31 * 86400};
    return seconds[period] * SECOND;
}

int64_t llm_counter_window(enum llm_limit_period period, int64_t wall_us, int64_t *ret_end_us) {
    if (period == LLM_PERIOD_MONTH) {
        const int64_t month = month_of(floor_div(wall_us, 86400 * SECOND));
        *ret_end_us = day_of(month + 1) * 86400 * SECOND;
        return month;
    }
    const int64_t window = floor_div(wall_us, period_us(period));
    *ret_end_us = (window + 1) * period_us(period);
    return window;
}

uint64_t llm_counter_length_us(const struct llm_counter *counter) {
    static const uint64_t seconds[] = {0, 60, 3600, 86400, UINT64_C(28) * 86400};
    return counter->slot_us != 0 ? counter->slot_us * RING : seconds[counter->period] * (uint64_t)SECOND;
}

// ---- one counter ----------------------------------------------------------------------------------------------

void llm_counter_init(struct llm_counter *counter, const struct llm_time *now) {
    counter->sum = 0;
    counter->opened_us = now->us;
    counter->round = 0;
    counter->hold_us = 0;
    counter->head = 0;
    if (counter->slot_us != 0) {
        counter->head = now->us / counter->slot_us;
    } else if (counter->period != LLM_PERIOD_NONE) {
        int64_t end;
        counter->head = (uint64_t)llm_counter_window(counter->period, now->wall_us, &end);
    }
}

static void slide(struct llm_counter *c, uint64_t us) {
    const uint64_t newest = us / c->slot_us;
    if (newest <= c->head) {
        return;
    }
    if (newest - c->head >= RING) {
        memset(c->slots, 0, RING * sizeof *c->slots);
        c->sum = 0;
    } else {
        for (uint64_t slot = c->head + 1; slot <= newest; slot++) {
            c->sum -= c->slots[slot % RING];
            c->slots[slot % RING] = 0;
        }
    }
    c->head = newest;
}

static void turn(struct llm_counter *c, const struct llm_time *now) {
    int64_t end;
    const int64_t window = llm_counter_window(c->period, now->wall_us, &end), open = (int64_t)c->head;
    const bool is_later = window > open;
    const bool was_set_back = window < open && now->us - c->opened_us >= (uint64_t)period_us(c->period);
    if (is_later || was_set_back) {
        c->head = (uint64_t)window;
        c->opened_us = now->us;
        c->round++;
        c->sum = 0;
    }
}

// Bring it up to date.
static void roll(struct llm_counter *c, const struct llm_time *now) {
    if (c->slot_us != 0) {
        slide(c, now->us);
    } else if (c->period != LLM_PERIOD_NONE) {
        turn(c, now);
    }
}

// Never past what the type holds.
static void add(struct llm_counter *c, int64_t amount) {
    amount = amount < INT64_MAX - c->sum ? amount : INT64_MAX - c->sum;
    c->sum += amount;
    if (c->slot_us != 0) {
        c->slots[c->head % RING] += amount;
    }
}

static void take(struct llm_take *t, const struct llm_time *now) {
    struct llm_counter *c = t->counter;
    add(c, t->amount);
    t->place = c->slot_us != 0 ? c->head : c->period != LLM_PERIOD_NONE ? c->round : now->us;
}

// ---- the store ---------------------------------------------------------------------------------------------------

static bool reserve(void *ctx, struct llm_take *takes, size_t n, const struct llm_time *now,
                    size_t *ret_stop) {
    (void)ctx;
    for (size_t i = 0; i < n; i++) {
        struct llm_counter *c = takes[i].counter;
        roll(c, now);
        if (takes[i].amount > c->amount - c->sum) {
            *ret_stop = i;
            return false;
        }
    }
    for (size_t i = 0; i < n; i++) {
        take(&takes[i], now);
    }
    return true;
}

static void settle_sliding(struct llm_counter *c, const struct llm_take *t, int64_t used) {
    if (used > t->amount) { // it counts from when it is known
        add(c, used - t->amount);
    } else if (t->place + LLM_COUNTER_SLOTS >= c->head) {
        c->slots[t->place % RING] -= t->amount - used;
        c->sum -= t->amount - used;
    }
}

static void settle(void *ctx, struct llm_take *t, int64_t used, const struct llm_time *now) {
    struct llm_counter *c = t->counter;
    (void)ctx;
    roll(c, now);
    if (c->slot_us != 0) {
        settle_sliding(c, t, used);
    } else if (c->period == LLM_PERIOD_NONE) {
        const uint64_t held = now->us > t->place ? now->us - t->place : 0;
        c->sum -= t->amount;
        c->hold_us = c->hold_us == 0 ? held : c->hold_us - c->hold_us / 8 + held / 8;
    } else if (t->place == c->round && used <= t->amount) {
        c->sum -= t->amount - used;
    } else if (t->place == c->round) {
        add(c, used - t->amount);
    }
}

static int64_t used(void *ctx, struct llm_counter *c, const struct llm_time *now) {
    (void)ctx;
    roll(c, now);
    return c->sum;
}

static uint64_t when_slides(const struct llm_counter *c, int64_t amount, uint64_t now_us) {
    int64_t sum = c->sum;
    uint64_t slot = c->head >= LLM_COUNTER_SLOTS ? c->head - LLM_COUNTER_SLOTS : 0;
    for (; slot < c->head && amount > c->amount - sum; slot++) {
        sum -= c->slots[slot % RING];
        if (amount <= c->amount - sum) {
            break;
        }
    }
    const uint64_t at = (slot + RING) * c->slot_us;
    return at > now_us ? at : now_us;
}

static uint64_t when(void *ctx, struct llm_counter *c, int64_t amount, const struct llm_time *now) {
    (void)ctx;
    roll(c, now);
    if (amount > c->amount) {
        return LLM_COUNTER_NEVER;
    }
    if (amount <= c->amount - c->sum) {
        return now->us;
    }
    if (c->slot_us != 0) {
        return when_slides(c, amount, now->us);
    }
    if (c->period == LLM_PERIOD_NONE) {
        return LLM_COUNTER_UNKNOWN;
    }
    int64_t end_us;
    if (llm_counter_window(c->period, now->wall_us, &end_us) < (int64_t)c->head) { // the clock was set back
        return c->opened_us + (uint64_t)period_us(c->period);
    }
    return now->us + (uint64_t)(end_us - now->wall_us);
}

const struct llm_counter_store llm_counter_memory = {
    .reserve = reserve, .settle = settle, .used = used, .when = when};
