// SPDX-License-Identifier: MIT
#include "state/cache.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

#define ALLOCATION_BYTES 16u // what an allocation costs beside its bytes

struct llm_cache {
    pthread_mutex_t lock; // guards everything below but max_entry
    struct llm_answer **table;
    size_t n_table; // a power of two, or 0
    struct llm_answer *newest, *oldest;
    uint64_t max_bytes, ttl_us;
    _Atomic uint64_t max_entry;
    struct llm_cache_stats stats;
};

// ---- answers ---------------------------------------------------------------------------------------------------------

// Each step is a bijection of the sum so far, so that a change of one word always changes the end.
static uint64_t sum_of(const uint8_t *bytes, size_t len) {
    uint64_t sum = 0x9e3779b97f4a7c15u ^ len;
    for (size_t at = 0; at < len; at += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + at, len - at < 8 ? len - at : 8);
        sum = (sum ^ word) * 0xff51afd7ed558ccdu;
        sum ^= sum >> 32;
    }
    return sum;
}

struct llm_answer *llm_answer_new(const struct llm_cache_key *key, const void *bytes, size_t len,
                                  int64_t cost) {
    if (len > SIZE_MAX / 2) {
        return NULL;
    }
    const size_t head = (sizeof(struct llm_answer) + 7) & ~(size_t)7;
    struct llm_answer *answer = llm_mem_resize(NULL, head + len);
    if (answer == NULL) {
        return NULL;
    }
    *answer = (struct llm_answer){.key = *key, .cost = cost, .len = len, .bytes = (uint8_t *)answer + head};
    atomic_init(&answer->refs, 1);
    if (len > 0) {
        memcpy(answer->bytes, bytes, len);
    }
    answer->sum = sum_of(answer->bytes, len);
    return answer;
}

struct llm_answer *llm_answer_ref(struct llm_answer *answer) {
    (void)atomic_fetch_add_explicit(&answer->refs, 1, memory_order_relaxed);
    return answer;
}

void llm_answer_unref(struct llm_answer *answer) {
    if (answer != NULL && atomic_fetch_sub_explicit(&answer->refs, 1, memory_order_acq_rel) == 1) {
        llm_mem_free(answer);
    }
}

bool llm_answer_is_whole(const struct llm_answer *answer) {
    return sum_of(answer->bytes, answer->len) == answer->sum;
}

static uint64_t weight(const struct llm_answer *answer) {
    return sizeof *answer + answer->len + ALLOCATION_BYTES;
}

// ---- table and order; the lock is held -----------------------------------------------------------------------------------

static struct llm_answer **slot_of(struct llm_cache *cache, const struct llm_cache_key *key) {
    uint64_t hash;
    memcpy(&hash, key->bytes, sizeof hash); // as good as random
    struct llm_answer **slot = &cache->table[hash & (cache->n_table - 1)];
    while (*slot != NULL && memcmp((*slot)->key.bytes, key->bytes, sizeof key->bytes) != 0) {
        slot = &(*slot)->chain;
    }
    return slot;
}

static void unlink_order(struct llm_cache *cache, struct llm_answer *answer) {
    *(answer->newer != NULL ? &answer->newer->older : &cache->newest) = answer->older;
    *(answer->older != NULL ? &answer->older->newer : &cache->oldest) = answer->newer;
    answer->newer = answer->older = NULL;
}

static void link_newest(struct llm_cache *cache, struct llm_answer *answer) {
    answer->older = cache->newest;
    answer->newer = NULL;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = answer;
    cache->newest = answer;
}

// Out of the cache; the cache's reference is the caller's now.
static struct llm_answer *take_out(struct llm_cache *cache, struct llm_answer *answer) {
    struct llm_answer **slot = slot_of(cache, &answer->key);
    *slot = answer->chain;
    answer->chain = NULL;
    unlink_order(cache, answer);
    answer->is_cached = false;
    cache->stats.entries--;
    cache->stats.bytes -= weight(answer);
    return answer;
}

static void shrink(struct llm_cache *cache, uint64_t room) {
    while (cache->oldest != NULL &&
           (room > cache->max_bytes || cache->stats.bytes > cache->max_bytes - room)) {
        cache->stats.evictions++;
        llm_answer_unref(take_out(cache, cache->oldest));
    }
}

// false: there is no table at all.  A table that cannot grow gets longer chains.
static bool grow_table(struct llm_cache *cache) {
    if (cache->stats.entries < cache->n_table) {
        return true;
    }
    const size_t count = cache->n_table != 0 ? cache->n_table * 2 : 64;
    struct llm_answer **table = llm_mem_array(count, sizeof(struct llm_answer *));
    if (table == NULL) {
        return cache->n_table != 0;
    }
    llm_mem_free(cache->table);
    cache->table = table;
    cache->n_table = count;
    for (struct llm_answer *answer = cache->oldest; answer != NULL; answer = answer->newer) {
        answer->chain = NULL;
        *slot_of(cache, &answer->key) = answer;
    }
    return true;
}

// ---- the cache -----------------------------------------------------------------------------------------------------------

struct llm_cache *llm_cache_new(void) {
    struct llm_cache *cache = llm_mem_new(sizeof *cache);
    if (cache != NULL) {
        (void)pthread_mutex_init(&cache->lock, NULL);
    }
    return cache;
}

void llm_cache_free(struct llm_cache *cache) {
    if (cache == NULL) {
        return;
    }
    cache->max_bytes = 0;
    shrink(cache, 0);
    llm_mem_free(cache->table);
    (void)pthread_mutex_destroy(&cache->lock);
    llm_mem_free(cache);
}

void llm_cache_configure(struct llm_cache *cache, const struct llm_cache_settings *settings) {
    (void)pthread_mutex_lock(&cache->lock);
    cache->max_bytes = settings->max_bytes;
    cache->ttl_us = (uint64_t)settings->ttl_s * 1000000u;
    atomic_store(&cache->max_entry, settings->max_entry_bytes < settings->max_bytes
                                        ? settings->max_entry_bytes
                                        : settings->max_bytes);
    shrink(cache, 0);
    (void)pthread_mutex_unlock(&cache->lock);
}

size_t llm_cache_max_entry(const struct llm_cache *cache) {
    return (size_t)atomic_load_explicit(&cache->max_entry, memory_order_relaxed);
}

// A reference to what is there and in time; NULL: a miss, which is counted.  *ret_dead: to be let go without the lock.
static struct llm_answer *find(struct llm_cache *cache, const struct llm_cache_key *key, uint64_t now_us,
                               struct llm_answer **ret_dead) {
    struct llm_answer *answer = cache->n_table != 0 ? *slot_of(cache, key) : NULL;
    if (answer != NULL && now_us >= answer->until_us) {
        cache->stats.expired++;
        *ret_dead = take_out(cache, answer);
        answer = NULL;
    }
    if (answer == NULL) {
        cache->stats.misses++;
        return NULL;
    }
    if (cache->newest != answer) {
        unlink_order(cache, answer);
        link_newest(cache, answer);
    }
    return llm_answer_ref(answer);
}

struct llm_answer *llm_cache_get(struct llm_cache *cache, const struct llm_cache_key *key, uint64_t now_us) {
    struct llm_answer *dead = NULL;
    (void)pthread_mutex_lock(&cache->lock);
    struct llm_answer *answer = find(cache, key, now_us, &dead);
    (void)pthread_mutex_unlock(&cache->lock);
    llm_answer_unref(dead);
    if (answer == NULL) {
        return NULL;
    }
    const bool whole = llm_answer_is_whole(answer); // takes time in a large one: without the lock
    dead = NULL;
    (void)pthread_mutex_lock(&cache->lock);
    if (whole) {
        cache->stats.hits++;
    } else {
        cache->stats.misses++;
        cache->stats.damaged += answer->is_cached ? 1 : 0;
        dead = answer->is_cached ? take_out(cache, answer) : NULL;
    }
    (void)pthread_mutex_unlock(&cache->lock);
    llm_answer_unref(dead);
    if (!whole) {
        llm_answer_unref(answer);
        return NULL;
    }
    return answer;
}

// The lock is held.
static void keep(struct llm_cache *cache, struct llm_answer *answer, uint64_t now_us,
                 struct llm_answer **ret_before) {
    if (answer->len > atomic_load(&cache->max_entry) || weight(answer) > cache->max_bytes) {
        cache->stats.too_large++;
        return;
    }
    if (answer->is_cached || cache->ttl_us == 0 || !grow_table(cache)) {
        return;
    }
    struct llm_answer *before = *slot_of(cache, &answer->key);
    if (before != NULL) {
        *ret_before = take_out(cache, before);
    }
    shrink(cache, weight(answer));
    answer->until_us = now_us + cache->ttl_us;
    answer->is_cached = true;
    *slot_of(cache, &answer->key) = llm_answer_ref(answer);
    link_newest(cache, answer);
    cache->stats.entries++;
    cache->stats.bytes += weight(answer);
    cache->stats.stores++;
}

void llm_cache_put(struct llm_cache *cache, struct llm_answer *answer, uint64_t now_us) {
    struct llm_answer *before = NULL;
    (void)pthread_mutex_lock(&cache->lock);
    keep(cache, answer, now_us, &before);
    (void)pthread_mutex_unlock(&cache->lock);
    llm_answer_unref(before);
}

void llm_cache_read_stats(struct llm_cache *cache, struct llm_cache_stats *ret) {
    (void)pthread_mutex_lock(&cache->lock);
    *ret = cache->stats;
    (void)pthread_mutex_unlock(&cache->lock);
}
