// SPDX-License-Identifier: MIT
// Counters of what calls take: how much of a limit is used now, and when there is room again.
//
// A WINDOW OF SECONDS slides.  It is kept as LLM_COUNTER_SLOTS slots of a 64th of its length, and the one that is being filled besides:
// what was taken leaves with its slot, that is between one length and one length and a 64th after it was taken.  So no time of
// the window's length, wherever it begins, holds more than the limit; and room that an exact record would give comes at most a 64th
// later.  Room and memory are constant, whatever the limit is.
//
// A WINDOW OF THE CALENDAR (UTC; minute, hour, day, month) begins empty.  What was taken in one belongs to it also when it is settled
// later.  The wall clock may jump: forward, the new window begins (once); back, the window that is open stays open, but no longer than
// its own length by the monotonic clock.
//
// CALLS AT ONCE are counted up and down.
//
// A store keeps the numbers.  The one here is in the memory of the process and is called with a lock held; another one (shared by
// processes) fits behind the same functions and finds a counter by its id.
#ifndef LLM_STATE_COUNTER_H
#define LLM_STATE_COUNTER_H

#include <stddef.h>

#include "config/limits.h"

#define LLM_COUNTER_SLOTS 64u

struct llm_time {
    uint64_t us;     // monotonic
    int64_t wall_us; // since 1970
};

// The first members say what is counted; `amount` may be changed.  The rest is the store's.
struct llm_counter {
    llm_str id; // the same in every process
    enum llm_limit_kind kind;
    enum llm_limit_period period;
    uint64_t slot_us; // of a sliding window; else 0
    int64_t amount;   // what the limit allows

    int64_t sum;        // taken now
    uint64_t head;      // sliding: number of the newest slot; calendar: of the window
    uint64_t opened_us; // calendar: when the window began
    uint64_t round;     // calendar: which opening of a window this is
    uint64_t hold_us;   // at once: about how long a call takes; 0: unknown
    int64_t *slots;     // sliding: LLM_COUNTER_SLOTS + 1
};

// A part of a reservation.
struct llm_take {
    const struct llm_limit *limit; // the limiter's
    struct llm_counter *counter;
    int64_t amount; // 0 or more
    uint64_t place; // the store's: where it was counted
};

#define LLM_COUNTER_UNKNOWN 0u       // when() cannot tell
#define LLM_COUNTER_NEVER UINT64_MAX // so much never fits

struct llm_counter_store {
    void *ctx;
    // Take all n, or none: then *ret_stop is the first that has no room.
    bool (*reserve)(void *ctx, struct llm_take *takes, size_t n, const struct llm_time *now,
                    size_t *ret_stop);
    // What was reserved becomes what was used (0 or more), which may be more than was reserved.  At once: gives the place back.
    void (*settle)(void *ctx, struct llm_take *take, int64_t used, const struct llm_time *now);
    // Taken now.
    int64_t (*used)(void *ctx, struct llm_counter *counter, const struct llm_time *now);
    // When there is room for so much if nothing else happens (monotonic): now or later, LLM_COUNTER_UNKNOWN, LLM_COUNTER_NEVER.
    uint64_t (*when)(void *ctx, struct llm_counter *counter, int64_t amount, const struct llm_time *now);
};

// In the memory of this process.  Not locked.
extern const struct llm_counter_store llm_counter_memory;

// Begin to count; the members that say what, and slots (zeroed), are set.
void llm_counter_init(struct llm_counter *counter, const struct llm_time *now);

// How long room takes to come back for sure: a sliding window with its newest slot; the shortest one of a calendar's kind; 0: calls at once.
uint64_t llm_counter_length_us(const struct llm_counter *counter);

// The number of a calendar's window, and where it ends; wall-clock microseconds.
int64_t llm_counter_window(enum llm_limit_period period, int64_t wall_us, int64_t *ret_end_us);

#endif
