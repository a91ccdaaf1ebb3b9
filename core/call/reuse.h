// SPDX-License-Identifier: MIT
// What lets calls use one answer: the cache, and calls of the same question that are under way.
#ifndef LLM_CALL_REUSE_H
#define LLM_CALL_REUSE_H

#include <pthread.h>

#include "base/buf.h"
#include "state/cache.h"

struct llm_call;
struct llm_route;

#define LLM_FLIGHT_BUCKETS 1024u

// Of a master; outlives reloads.
struct llm_reuse {
    struct llm_cache *cache;
    llm_sha256_fn sha;
    pthread_mutex_t lock; // guards everything below, and llm_call.share of the calls in it
    struct llm_call *flights[LLM_FLIGHT_BUCKETS]; // the calls that lead, by their key
    struct llm_call *kept;                        // those of them that a blocked llm_query() runs
    uint64_t led, followed;                       // since the start
};

struct llm_reuse *llm_reuse_new(void); // NULL: no memory
void llm_reuse_free(struct llm_reuse *reuse);

enum llm_share_role {
    LLM_SHARE_NONE,
    LLM_SHARE_LEADS,   // others may wait for its answer
    LLM_SHARE_FOLLOWS, // waits in its leader's list
};

// A call's place among those of the same question; guarded by llm_reuse.lock.
struct llm_share {
    enum llm_share_role role;
    struct llm_cache_key key;
    struct llm_call *chain;         // leaders of one bucket
    struct llm_call *kept_next;     // leaders that llm_query() runs
    struct llm_call *first, *last;  // a leader's followers, the longest waiting first
    struct llm_call *next, *before; // among followers
    struct llm_answer *answer;      // what the leader gave to a follower
};

// What a call wants of this, and the log of its events while they may be wanted again.
struct llm_reuse_state {
    bool begun, caches, shares;
    struct llm_answer *found; // in the cache
    bool records;             // events are logged
    bool started;             // LLM_EVENT_START is among them
    bool transient;           // nothing to keep: refused by policy, or it names a URL that will go
    struct llm_cache_key key;
    const void *provider; // the first one asked, with the model below: the answer of another is not kept
    llm_str provider_model;
    struct llm_buf log;
    size_t last; // where the last record is
};

// For llm_master_describe("cache"); free with llm_mem_free().  LLM_E_NOMEM.
llm_status llm_reuse_describe(struct llm_reuse *reuse, const struct llm_cache_settings *settings,
                              char **ret_json, size_t *ret_len);

// ---- the log of events: answer.c -----------------------------------------------------------------------------------

// Put an event in; pieces of one text, tool call or blob become one.  LLM_E_NOMEM, LLM_E_LIMIT: log->max.
llm_status llm_answer_log(struct llm_buf *log, size_t *last, const llm_event *event, bool raw_is_list);
// Who was asked, and what he called his model and his answer.
llm_status llm_answer_log_identity(struct llm_buf *log, size_t *last, const struct llm_route *route,
                                   llm_str model, llm_str id);
// Whoever gave the answer takes the place of the call's first choice: a fall-back or a racer of its leader's.
llm_status llm_answer_take_route(const struct llm_answer *answer, struct llm_call *call);
// Give all events again.  LLM_OK, or what llm_call_emit() stopped with.
llm_status llm_answer_play(const struct llm_answer *answer, struct llm_call *call);

// ---- calls of the same question: share.c ---------------------------------------------------------------------------

// LEADS; FOLLOWS: it is woken once share.answer is there or it leads; NONE: it has to go on alone.
enum llm_share_role llm_share_join(struct llm_call *call);
// The role now, and the answer that it was given (the caller's now).
enum llm_share_role llm_share_look(struct llm_call *call, struct llm_answer **ret_answer);
// It leads or follows no more.  answer: for those who follow; NULL: the first of them leads now.  Idempotent.
void llm_share_leave(struct llm_call *call, struct llm_answer *answer);

#endif
