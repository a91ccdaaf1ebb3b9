// SPDX-License-Identifier: MIT
// Inside of the limiter: counters with those who wait for them.
#ifndef LLM_STATE_LINE_H
#define LLM_STATE_LINE_H

#include <pthread.h>

#include "state/limits.h"

#define LLM_LINE_BUCKETS 1024u

// A counter and its line.  What stands above the blank line never changes.
struct llm_line {
    struct llm_counter counter; // first: a counter is found with its line
    uint64_t limit_id, seconds;
    uint32_t each;
    llm_str name, origin; // of the limit
    llm_str sides
        [LLM_LIMIT_SIDES]; // the value, where there is one counter for each; else the pattern; absent: whatever

    struct llm_line *next; // in its bucket
    uint32_t pins;         // reservations, those in line, and reports: it is not forgotten
    struct llm_wait *first, *last;
    const struct llm_wait *told; // the head that knows that it is
    size_t n_waiting;
    int64_t queued; // what those in line want of it
    int64_t held;   // of what is counted: reserved, and not settled yet
    uint64_t admitted, refused, estimated;
};

struct llm_limit_amount {
    uint64_t id;
    int64_t amount;
};

struct llm_limits {
    pthread_mutex_t lock;
    struct llm_limits_clock clock;
    struct llm_counter_store store;
    bool by_calendar;                 // a counter needs the wall clock
    struct llm_limit_amount *amounts; // those in force, by id
    size_t n_amounts;
    struct llm_line *buckets[LLM_LINE_BUCKETS];
    size_t n_lines, n_reserved, n_waiting;
    uint64_t arrivals;
    uint64_t sweep_us; // no sweep before this
};

static inline struct llm_line *llm_line_of(const struct llm_wait *wait, size_t at) {
    return (struct llm_line *)(void *)wait->takes[at].counter;
}

// Now; with the lock held.
struct llm_time llm_limits_time(const struct llm_limits *limits);

// Why a call is not admitted, told without the lock.
enum llm_refusal_why {
    LLM_REFUSE_FULL,
    LLM_REFUSE_LONG,
    LLM_REFUSE_WAITED,
    LLM_REFUSE_LARGE,
    LLM_REFUSE_MANY
};
struct llm_refusal {
    enum llm_refusal_why why;
    char limit[LLM_LIMIT_TEXT], name[512];
    enum llm_limit_kind kind;
    int64_t amount;                       // that the call wants
    uint64_t waited_us, wait_us, back_us; // back_us: until there is room; 0: unknown
};
void llm_refusal_fill(struct llm_refusal *refusal, const struct llm_line *line);
// Write err; gives LLM_E_LIMIT.
llm_status llm_refusal_fail(const struct llm_refusal *refusal, llm_error *err);

#endif
