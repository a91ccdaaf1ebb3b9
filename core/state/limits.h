// SPDX-License-Identifier: MIT
// Limits at work: what an attempt takes is reserved before it, all or nothing, and becomes what it really used after it.  What does not
// fit now may wait: in line, without a thread and without asking again and again.
//
// THE LINE.  A call stands in the line of the first of its limits that has no room for it; in that line nobody passes it, neither
// a newcomer nor a smaller one.  When the line's head has its turn and another limit stops it, it moves to that line, to the place
// that its arrival gives it.  A call that does not need a limit never waits for those that do.
//
// WHO WAKES IT.  Room that somebody gives back is handed at once to the head of the line (in the thread that gives back), and the call is
// woken.  Room that comes with time is taken by the head itself: llm_limits_ask() tells it when to come back.  Whoever becomes
// the head is woken to be told.
//
// TIME is read with the lock held: nothing is admitted by an older time than that at which it is admitted.
#ifndef LLM_STATE_LIMITS_H
#define LLM_STATE_LIMITS_H

#include "base/buf.h"
#include "config/limits.h"
#include "llm_json.h"
#include "state/counter.h"

struct llm_limits;

struct llm_limits_clock {
    void *ctx;
    uint64_t (*us)(void *ctx);     // monotonic
    int64_t (*wall_us)(void *ctx); // since 1970
};

// ---- life --------------------------------------------------------------------------------------------------------

// clock, store: nullable (the system's; in memory), copied.  NULL: out of memory.
struct llm_limits *llm_limits_new(const struct llm_limits_clock *clock,
                                  const struct llm_counter_store *store);
// Nothing may be reserved or wait.  NULL is fine.
void llm_limits_free(struct llm_limits *limits);
// [any] From now on these limits are in force, whatever is reserved or asked for by older ones: a limit of the same id goes on from what
// was counted, with its new amount; one that is not among them stops nobody any more.  list: copied.  LLM_E_NOMEM: nothing changed.
llm_status llm_limits_configure(struct llm_limits *limits, const struct llm_limit *const *list, size_t n);

// ---- reservations --------------------------------------------------------------------------------------------------

enum llm_wait_state { LLM_WAIT_NONE, LLM_WAIT_LINE, LLM_WAIT_HELD };

// One attempt's.  Zeroed is valid.  It does not move while it is in line.
struct llm_wait {
    void (*wake)(
        struct llm_wait *wait); // [any] with the lock held: ask again soon.  It calls nothing of this file
    struct llm_take *takes;     // limit and amount are set by llm_limits_want()
    size_t n_takes, cap_takes;
    uint64_t until_us; // it waits no longer than this (monotonic); 0: it does not wait
    uint64_t since_us; // when it was first asked for
    // private
    enum llm_wait_state state;
    struct llm_wait *next, *prev; // in line
    uint64_t number;              // of its arrival
    size_t at;                    // for which of its takes it stands in line
};

// What is asked for, one limit after the other.  Its memory is kept until llm_wait_done().  LLM_E_NOMEM.
llm_status llm_limits_want(struct llm_wait *wait, const struct llm_limit *limit, int64_t amount);
void llm_wait_done(struct llm_wait *wait);

// [any] Reserve all that is wanted.  values: of each side (absent: none), for limits with a counter for each; read in the first ask only.
// LLM_OK: reserved.
// LLM_AGAIN: it waits: ask again when woken, and at *ret_at_us (monotonic) at the latest.
// LLM_E_LIMIT: refused and out of the line; err says which limit, and in retry_after_ms when to come back (-1: never, or unknown):
//     it is more than the limit allows at all; there is no room before until_us; there are too many counters.
// LLM_E_NOMEM.
llm_status llm_limits_ask(struct llm_limits *limits, struct llm_wait *wait,
                          const llm_str values[LLM_LIMIT_SIDES], uint64_t *ret_at_us, llm_error *err);

// [any] It was used: by kind.  is_estimate: the numbers are.  Idempotent; nothing when nothing is reserved.  true: a limit of tokens or money
// counted an estimate.
bool llm_limits_settle(struct llm_limits *limits, struct llm_wait *wait, const int64_t used[LLM_LIMIT_KINDS],
                       bool is_estimate);
// [any] Leave the line, or give back all that is reserved: as if it had never been.  Idempotent.
void llm_limits_cancel(struct llm_limits *limits, struct llm_wait *wait);

// ---- what people see -------------------------------------------------------------------------------------------------

// [any] The objects of an array: one a counter, and one for each limit of the list that has none yet (docs/describe.md).
void llm_limits_report(struct llm_limits *limits, const struct llm_limit *list, size_t n, llm_json_writer *w);

struct llm_limits_stats {
    size_t counters, reserved, waiting;
};
// [any] For tests: how many there are.
void llm_limits_stats(struct llm_limits *limits, struct llm_limits_stats *ret);

#endif
