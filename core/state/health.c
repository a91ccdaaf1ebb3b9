// SPDX-License-Identifier: MIT
#include "state/health.h"

#include <pthread.h>

#include "base/limits.h"
#include "base/mem.h"
#include "state/budget.h"
#include "state/latency.h"

#define BUCKETS 256u
#define UNKNOWN_US 1000000u // the latency of what was never measured and is in use

struct llm_health_entry {
    struct llm_health_entry *next; // of the provider
    struct provider *provider;
    char *name;
    uint32_t in_flight;
    uint32_t refusals;   // in a row
    uint64_t counted_us; // when the last of them was
    uint64_t rest_since_us, rest_us;
    llm_status rest_status; // LLM_OK: it does not rest
    uint64_t refused_us;    // when it was LLM_E_AUTH, and nothing was answered since; 0: never
};

struct llm_health_target {
    struct llm_health_target *next; // of the provider
    struct provider *provider;
    char *name;
    uint32_t in_flight;
    struct llm_latency latency;
};

struct provider {
    struct provider *next; // of the bucket
    const struct llm_health *health;
    char *name;
    pthread_mutex_t lock; // guards everything below, and what belongs to its keys and targets but their lists
    struct llm_breaker_settings rules;
    struct llm_retry_budget_settings budget_rules;
    struct llm_breaker breaker;
    struct llm_budget budget;
    struct llm_latency latency;
    uint32_t in_flight;
    uint32_t turn;
    struct llm_health_entry *keys;     // guarded by the health's lock to add, by both to go through
    struct llm_health_target *targets; // the same
};

struct llm_health {
    pthread_mutex_t lock; // guards the lists and the rules; taken before a provider's
    struct llm_breaker_settings rules;
    struct llm_retry_budget_settings budget_rules;
    uint64_t seed;
    llm_health_changed_fn changed; // nullable
    void *changed_ctx;
    struct provider *buckets[BUCKETS];
};

// ---- life ------------------------------------------------------------------------------------------------------------

struct llm_health *llm_health_new(uint64_t seed) {
    struct llm_health *health = llm_mem_new(sizeof *health);
    if (health == NULL) {
        return NULL;
    }
    (void)pthread_mutex_init(&health->lock, NULL);
    health->rules = (struct llm_breaker_settings)LLM_BREAKER_SETTINGS_INIT;
    health->budget_rules = (struct llm_retry_budget_settings)LLM_RETRY_BUDGET_SETTINGS_INIT;
    health->seed = seed;
    return health;
}

static void free_provider(struct provider *p) {
    while (p->keys != NULL) {
        struct llm_health_entry *key = p->keys;
        p->keys = key->next;
        llm_mem_free(key->name);
        llm_mem_free(key);
    }
    while (p->targets != NULL) {
        struct llm_health_target *target = p->targets;
        p->targets = target->next;
        llm_mem_free(target->name);
        llm_mem_free(target);
    }
    (void)pthread_mutex_destroy(&p->lock);
    llm_mem_free(p->name);
    llm_mem_free(p);
}

void llm_health_free(struct llm_health *health) {
    if (health == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (health->buckets[i] != NULL) {
            struct provider *p = health->buckets[i];
            health->buckets[i] = p->next;
            free_provider(p);
        }
    }
    (void)pthread_mutex_destroy(&health->lock);
    llm_mem_free(health);
}

static void configure_provider(struct provider *p, const struct llm_health *health) {
    (void)pthread_mutex_lock(&p->lock);
    p->rules = health->rules;
    p->budget_rules = health->budget_rules;
    for (struct llm_health_entry *key = p->keys; key != NULL; key = key->next) {
        if (key->rest_status == LLM_E_AUTH || key->rest_status == LLM_E_QUOTA) {
            key->rest_status = LLM_OK;
            key->refusals = 0;
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
}

void llm_health_configure(struct llm_health *health, const struct llm_breaker_settings *breaker,
                          const struct llm_retry_budget_settings *budget) {
    (void)pthread_mutex_lock(&health->lock);
    health->rules = *breaker;
    health->budget_rules = *budget;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct provider *p = health->buckets[i]; p != NULL; p = p->next) {
            configure_provider(p, health);
        }
    }
    (void)pthread_mutex_unlock(&health->lock);
}

// ---- names -------------------------------------------------------------------------------------------------------------

// FNV-1a
static uint64_t hash(llm_str name) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < name.len; i++) {
        h = (h ^ (unsigned char)name.ptr[i]) * 0x100000001b3u;
    }
    return h;
}

// The health's lock is held.
static struct provider *provider_get(struct llm_health *health, llm_str name) {
    const uint64_t h = hash(name);
    struct provider **bucket = &health->buckets[h % BUCKETS];
    for (struct provider *p = *bucket; p != NULL; p = p->next) {
        if (llm_str_is(name, p->name)) {
            return p;
        }
    }
    struct provider *p = llm_mem_new(sizeof *p);
    char *copy = llm_mem_dup(name);
    if (p == NULL || copy == NULL) {
        llm_mem_free(p);
        llm_mem_free(copy);
        return NULL;
    }
    (void)pthread_mutex_init(&p->lock, NULL);
    p->name = copy;
    p->rules = health->rules;
    p->budget_rules = health->budget_rules;
    p->health = health;
    p->breaker.random = health->seed ^ h;
    p->next = *bucket;
    return *bucket = p;
}

static struct llm_health_entry *key_get(struct provider *p, llm_str name) {
    for (struct llm_health_entry *key = p->keys; key != NULL; key = key->next) {
        if (llm_str_is(name, key->name)) {
            return key;
        }
    }
    struct llm_health_entry *key = llm_mem_new(sizeof *key);
    char *copy = llm_mem_dup(name);
    if (key == NULL || copy == NULL) {
        llm_mem_free(key);
        llm_mem_free(copy);
        return NULL;
    }
    *key = (struct llm_health_entry){.next = p->keys, .provider = p, .name = copy};
    return p->keys = key;
}

static struct llm_health_target *target_get(struct provider *p, llm_str name) {
    for (struct llm_health_target *target = p->targets; target != NULL; target = target->next) {
        if (llm_str_is(name, target->name)) {
            return target;
        }
    }
    struct llm_health_target *target = llm_mem_new(sizeof *target);
    char *copy = llm_mem_dup(name);
    if (target == NULL || copy == NULL) {
        llm_mem_free(target);
        llm_mem_free(copy);
        return NULL;
    }
    *target = (struct llm_health_target){.next = p->targets, .provider = p, .name = copy};
    return p->targets = target;
}

struct llm_health_entry *llm_health_get(struct llm_health *health, llm_str provider, llm_str key) {
    (void)pthread_mutex_lock(&health->lock);
    struct provider *p = provider_get(health, provider);
    struct llm_health_entry *entry = p != NULL ? key_get(p, key) : NULL;
    (void)pthread_mutex_unlock(&health->lock);
    return entry;
}

struct llm_health_target *llm_health_target(struct llm_health *health, llm_str provider, llm_str model) {
    (void)pthread_mutex_lock(&health->lock);
    struct provider *p = provider_get(health, provider);
    struct llm_health_target *target = p != NULL ? target_get(p, model) : NULL;
    (void)pthread_mutex_unlock(&health->lock);
    return target;
}

bool llm_health_was_refused(struct llm_health_entry *entry) {
    (void)pthread_mutex_lock(&entry->provider->lock);
    const bool was_refused = entry->refused_us != 0;
    (void)pthread_mutex_unlock(&entry->provider->lock);
    return was_refused;
}

void llm_health_renew(struct llm_health_entry *entry) {
    (void)pthread_mutex_lock(&entry->provider->lock);
    entry->refused_us = 0;
    (void)pthread_mutex_unlock(&entry->provider->lock);
}

// ---- keys that rest ------------------------------------------------------------------------------------------------------

static uint64_t ms_up(uint64_t us) {
    return us / 1000 + (us % 1000 != 0);
}

static uint64_t half_life_us(const struct provider *p) {
    return p->rules.half_life_ms != 0 ? (uint64_t)p->rules.half_life_ms * 1000 : 1;
}

// us left; 0: it does not rest.
static uint64_t rests_us(struct llm_health_entry *key, uint64_t now_us) {
    if (key->rest_status == LLM_OK) {
        return 0;
    }
    const uint64_t passed = llm_passed_us(&key->rest_since_us, now_us);
    return passed < key->rest_us ? key->rest_us - passed : 0;
}

static void let_rest(struct llm_health_entry *key, uint64_t start_us, uint64_t now_us, llm_status status,
                     int64_t advice_ms) {
    const struct llm_breaker_settings *rules = &key->provider->rules;
    const bool is_same =
        key->refusals > 0 && start_us < key->counted_us; // it was under way with the one before
    const uint32_t before = key->refusals - (is_same ? 1 : 0), doublings = before < 20 ? before : 20;
    // Waiting does not mend a wrong key or an empty account: it is asked seldom, from the first time on.
    const uint64_t first_ms = status == LLM_E_RATE_LIMITED ? rules->cool_ms : 60ull * rules->cool_ms;
    uint64_t ms = advice_ms >= 0 ? (uint64_t)advice_ms : first_ms << doublings;
    ms = ms < rules->max_cool_ms ? ms : rules->max_cool_ms;
    key->refusals += !is_same && key->refusals != UINT32_MAX ? 1 : 0;
    key->counted_us = is_same ? key->counted_us : now_us;
    if (ms * 1000 <= rests_us(key, now_us)) {
        return;
    }
    key->rest_since_us = now_us;
    key->rest_us = ms * 1000;
    key->rest_status = status;
}

static void key_learn(struct llm_health_entry *key, uint64_t start_us, uint64_t now_us, llm_status status,
                      bool is_well, int64_t advice_ms) {
    if (status == LLM_E_AUTH) {
        key->refused_us = now_us | 1;
    } else if (status >= 0 && start_us > key->refused_us) {
        key->refused_us = 0;
    }
    if (status == LLM_E_RATE_LIMITED || status == LLM_E_QUOTA || status == LLM_E_AUTH) {
        let_rest(key, start_us, now_us, status, advice_ms);
    } else if (is_well && (key->rest_status == LLM_OK || start_us > key->rest_since_us)) {
        key->rest_status = LLM_OK;
        key->refusals = 0;
    }
}

// ---- attempts --------------------------------------------------------------------------------------------------------------

static enum llm_breaker_outcome judge(llm_status status, bool heard) {
    switch (status) {
    case LLM_E_OVERLOADED:
    case LLM_E_SERVER:
    case LLM_E_TIMEOUT:
    case LLM_E_TRANSPORT:
    case LLM_E_PROTOCOL: return LLM_BREAKER_FAULT;
    case LLM_E_CANCELLED: return LLM_BREAKER_NEITHER;
    default: return status >= 0 || heard ? LLM_BREAKER_GOOD : LLM_BREAKER_NEITHER;
    }
}

void llm_health_on_change(struct llm_health *health, llm_health_changed_fn changed, void *ctx) {
    health->changed = changed;
    health->changed_ctx = ctx;
}

static void tell_change(const struct provider *p, enum llm_breaker_state before,
                        enum llm_breaker_state after) {
    if (before != after && p->health->changed != NULL) {
        p->health->changed(p->health->changed_ctx, llm_str_from(p->name), after);
    }
}

enum llm_health_pass llm_health_enter(struct llm_health_entry *entry, struct llm_health_target *target,
                                      uint64_t now_us, struct llm_health_ticket *ret,
                                      uint64_t *ret_retry_after_ms) {
    struct provider *p = entry->provider;
    struct llm_health_ticket ticket = {.entry = entry, .target = target, .start_us = now_us};
    uint64_t wait_us = 0;
    (void)pthread_mutex_lock(&p->lock);
    const enum llm_breaker_state before = p->breaker.state;
    const enum llm_breaker_pass pass =
        llm_breaker_enter(&p->breaker, &p->rules, now_us, &ticket.breaker, &wait_us);
    const enum llm_breaker_state after = p->breaker.state;
    if (pass != LLM_BREAKER_STOP) {
        p->in_flight++;
        entry->in_flight++;
        if (target != NULL) {
            target->in_flight++;
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    tell_change(p, before, after);
    if (pass == LLM_BREAKER_STOP) {
        *ret = (struct llm_health_ticket){0};
        *ret_retry_after_ms = ms_up(wait_us);
        return LLM_HEALTH_OPEN;
    }
    *ret = ticket;
    return pass == LLM_BREAKER_PROBE ? LLM_HEALTH_PROBE : LLM_HEALTH_GO;
}

void llm_health_leave(struct llm_health_ticket *ticket, uint64_t now_us, llm_status status,
                      uint64_t first_byte_us, int64_t retry_after_ms) {
    struct llm_health_entry *entry = ticket->entry;
    struct llm_health_target *target = ticket->target;
    if (entry == NULL) {
        return;
    }
    struct provider *p = entry->provider;
    ticket->entry = NULL;
    (void)pthread_mutex_lock(&p->lock);
    p->in_flight--;
    entry->in_flight--;
    if (target != NULL) {
        target->in_flight--;
    }
    const enum llm_breaker_outcome outcome = judge(status, first_byte_us != 0);
    const enum llm_breaker_state before = p->breaker.state;
    llm_breaker_leave(&p->breaker, &p->rules, now_us, &ticket->breaker, outcome);
    const enum llm_breaker_state after = p->breaker.state;
    key_learn(entry, ticket->start_us, now_us, status, outcome == LLM_BREAKER_GOOD, retry_after_ms);
    if (outcome == LLM_BREAKER_GOOD && status >= 0 &&
        first_byte_us != 0) { // a refusal is fast and says nothing
        llm_latency_add(&p->latency, first_byte_us, now_us, half_life_us(p));
        if (target != NULL) {
            llm_latency_add(&target->latency, first_byte_us, now_us, half_life_us(p));
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    tell_change(p, before, after);
}

// ---- choice ------------------------------------------------------------------------------------------------------------------

enum llm_health_pass llm_health_look(struct llm_health_entry *entry, uint64_t now_us,
                                     uint64_t *ret_retry_after_ms) {
    struct provider *p = entry->provider;
    uint64_t wait_us = 0;
    (void)pthread_mutex_lock(&p->lock);
    const enum llm_breaker_pass pass = llm_breaker_look(&p->breaker, &p->rules, now_us, &wait_us);
    const uint64_t rest_us = rests_us(entry, now_us);
    (void)pthread_mutex_unlock(&p->lock);
    if (pass == LLM_BREAKER_STOP) {
        *ret_retry_after_ms = ms_up(wait_us);
        return LLM_HEALTH_OPEN;
    }
    if (rest_us != 0) {
        *ret_retry_after_ms = ms_up(rest_us);
        return LLM_HEALTH_COOLING;
    }
    return pass == LLM_BREAKER_PROBE ? LLM_HEALTH_PROBE : LLM_HEALTH_GO;
}

// Below LLM_HEALTH_SCORE_COOLING, whatever the factors.
static uint64_t weigh(uint64_t latency_us, uint64_t in_flight, uint64_t faults) {
    const uint64_t most = LLM_HEALTH_SCORE_COOLING - 1;
    uint64_t score;
    if (latency_us == 0) {
        latency_us = in_flight == 0 && faults == 0 ? 0 : UNKNOWN_US;
    }
    if (__builtin_mul_overflow(latency_us, in_flight + 1, &score) ||
        __builtin_mul_overflow(score, faults + 1, &score)) {
        return most;
    }
    return score < most ? score : most;
}

uint64_t llm_health_score(struct llm_health_entry *entry, struct llm_health_target *target, uint64_t now_us) {
    struct provider *p = entry->provider;
    uint64_t wait_us = 0, score;
    (void)pthread_mutex_lock(&p->lock);
    struct llm_latency *latency = target != NULL ? &target->latency : &p->latency;
    const enum llm_breaker_pass pass = llm_breaker_look(&p->breaker, &p->rules, now_us, &wait_us);
    if (pass == LLM_BREAKER_STOP) {
        score = LLM_HEALTH_SCORE_OPEN;
    } else if (rests_us(entry, now_us) != 0) {
        score = LLM_HEALTH_SCORE_COOLING;
    } else if (pass == LLM_BREAKER_PROBE) {
        score = 0;
    } else {
        score = weigh(llm_latency_now(latency, now_us, half_life_us(p)),
                      target != NULL ? target->in_flight : p->in_flight, p->breaker.consecutive);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return score;
}

static uint64_t load(const struct llm_health_entry *key) {
    return ((uint64_t)key->in_flight + 1) * ((uint64_t)key->refusals + 1);
}

// The provider's lock is held.
static size_t pick_locked(struct llm_health_entry *const *keys, size_t n, uint64_t now_us) {
    const size_t from = keys[0]->provider->turn++ % n;
    size_t found[2] = {from, from}, n_found = 0, best = from;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < n && n_found < 2; i++) {
        const size_t at = (from + i) % n;
        const uint64_t rest_us = rests_us(keys[at], now_us);
        if (rest_us == 0) {
            found[n_found++] = at;
        } else if (rest_us < least) {
            least = rest_us;
            best = at;
        }
    }
    if (n_found == 0) {
        return best;
    }
    return n_found == 2 && load(keys[found[1]]) < load(keys[found[0]]) ? found[1] : found[0];
}

size_t llm_health_pick(struct llm_health_entry *const *keys, size_t n, uint64_t now_us) {
    if (n < 2) {
        return 0;
    }
    struct provider *p = keys[0]->provider;
    (void)pthread_mutex_lock(&p->lock);
    const size_t at = pick_locked(keys, n, now_us);
    (void)pthread_mutex_unlock(&p->lock);
    return at;
}

// ---- retry budget --------------------------------------------------------------------------------------------------------------

void llm_health_deposit(struct llm_health_entry *entry, uint64_t now_us) {
    struct provider *p = entry->provider;
    (void)pthread_mutex_lock(&p->lock);
    llm_budget_deposit(&p->budget, &p->budget_rules, now_us);
    (void)pthread_mutex_unlock(&p->lock);
}

bool llm_health_withdraw(struct llm_health_entry *entry, uint64_t now_us) {
    struct provider *p = entry->provider;
    (void)pthread_mutex_lock(&p->lock);
    const bool got = llm_budget_withdraw(&p->budget, &p->budget_rules, now_us);
    (void)pthread_mutex_unlock(&p->lock);
    return got;
}

bool llm_health_can_withdraw(struct llm_health_entry *entry, uint64_t now_us) {
    struct provider *p = entry->provider;
    (void)pthread_mutex_lock(&p->lock);
    const bool can = llm_budget_left(&p->budget, &p->budget_rules, now_us) > 0;
    (void)pthread_mutex_unlock(&p->lock);
    return can;
}

// ---- what people see -------------------------------------------------------------------------------------------------------------

void llm_health_view(struct llm_health_entry *entry, uint64_t now_us, struct llm_health_view *ret) {
    struct provider *p = entry->provider;
    uint64_t wait_us = 0;
    (void)pthread_mutex_lock(&p->lock);
    const enum llm_breaker_pass pass = llm_breaker_look(&p->breaker, &p->rules, now_us, &wait_us);
    const uint64_t rest_us = rests_us(entry, now_us);
    *ret = (struct llm_health_view){
        .state = pass == LLM_BREAKER_GO      ? LLM_BREAKER_CLOSED
                 : pass == LLM_BREAKER_PROBE ? LLM_BREAKER_HALF_OPEN
                                             : p->breaker.state,
        .retry_after_ms = pass == LLM_BREAKER_STOP ? ms_up(wait_us) : 0,
        .consecutive = p->breaker.consecutive,
        .in_flight = p->in_flight,
        .latency_us = p->latency.us,
        .retries_left = llm_budget_left(&p->budget, &p->budget_rules, now_us),
        .key_in_flight = entry->in_flight,
        .key_rests_ms = ms_up(rest_us),
        .key_status = rest_us != 0 ? entry->rest_status : LLM_OK,
    };
    (void)pthread_mutex_unlock(&p->lock);
}
