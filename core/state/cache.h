// SPDX-License-Identifier: MIT
// Answers that are known: in memory, bounded in bytes, the least recently used one goes first, none lives longer than its time.
// This is the in-memory form; a shared store can take its place behind the same functions.  [any]
#ifndef LLM_STATE_CACHE_H
#define LLM_STATE_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "config/cache.h"
#include "state/cache_key.h"

// One answer: immutable once it is in the cache or shared, and alive as long as somebody holds it.
struct llm_answer {
    _Atomic uint32_t refs;
    bool is_cached;    // it is in the cache: private, under its lock
    uint64_t until_us; // by llm_clock_us(): it is not given from then on
    struct llm_cache_key key;
    struct llm_answer *chain, *newer, *older; // private
    int64_t cost;                             // of the call that it comes from, pico-USD; -1: unknown
    uint64_t sum;                             // private: checksum
    size_t len;
    uint8_t *bytes; // what it consists of, behind the struct, aligned to 8
};

// refs 1; a copy of the bytes.  NULL: no memory.
struct llm_answer *llm_answer_new(const struct llm_cache_key *key, const void *bytes, size_t len,
                                  int64_t cost);
struct llm_answer *llm_answer_ref(struct llm_answer *answer);
void llm_answer_unref(struct llm_answer *answer); // nullable
// Are the bytes what they were?  Any change within eight bytes that lie together is seen for certain.
bool llm_answer_is_whole(const struct llm_answer *answer);

struct llm_cache_stats {
    uint64_t entries, bytes;
    uint64_t hits, misses, stores;
    uint64_t evictions; // for room
    uint64_t expired;   // their time was over
    uint64_t damaged;   // the checksum did not fit
    uint64_t too_large; // over max_entry_bytes
};

struct llm_cache; // holds nothing until it is configured

// NULL: no memory.
struct llm_cache *llm_cache_new(void);
void llm_cache_free(struct llm_cache *cache); // nullable; answers that are held live on

// What a reload changed: entries over the new bound go; time to live counts for what is stored from now on.
void llm_cache_configure(struct llm_cache *cache, const struct llm_cache_settings *settings);
// The largest answer that is kept now.
size_t llm_cache_max_entry(const struct llm_cache *cache);

// The answer to a question, whole and in time, or NULL; llm_answer_unref() it.
struct llm_answer *llm_cache_get(struct llm_cache *cache, const struct llm_cache_key *key, uint64_t now_us);

// Keep it (it takes a reference of its own), in place of another of that key.  An answer that is too large, or a cache that has no
// memory for its table, changes nothing.
void llm_cache_put(struct llm_cache *cache, struct llm_answer *answer, uint64_t now_us);

void llm_cache_read_stats(struct llm_cache *cache, struct llm_cache_stats *ret);

#endif
