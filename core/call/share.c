// SPDX-License-Identifier: MIT
// Single flight: of calls that ask the same at the same time one leads and the others wait for its answer.
#include <assert.h>

#include "base/mem.h"
#include "call/call.h"

struct llm_reuse *llm_reuse_new(void) {
    struct llm_reuse *reuse = llm_mem_new(sizeof *reuse);
    struct llm_cache *cache = llm_cache_new();
    if (reuse == NULL || cache == NULL) {
        llm_mem_free(reuse);
        llm_cache_free(cache);
        return NULL;
    }
    reuse->cache = cache;
    reuse->sha = llm_sha256_pick();
    (void)pthread_mutex_init(&reuse->lock, NULL);
    return reuse;
}

void llm_reuse_free(struct llm_reuse *reuse) {
    if (reuse == NULL) {
        return;
    }
    llm_cache_free(reuse->cache);
    (void)pthread_mutex_destroy(&reuse->lock);
    llm_mem_free(reuse);
}

static struct llm_reuse *reuse_of(const struct llm_call *call) {
    return call->loop->master->reuse;
}

// ---- the leaders; the lock is held ---------------------------------------------------------------------------------------

static struct llm_call **slot_of(struct llm_reuse *reuse, const struct llm_cache_key *key) {
    uint64_t hash;
    memcpy(&hash, key->bytes, sizeof hash);
    struct llm_call **slot = &reuse->flights[hash % LLM_FLIGHT_BUCKETS];
    while (*slot != NULL && memcmp((*slot)->share.key.bytes, key->bytes, sizeof key->bytes) != 0) {
        slot = &(*slot)->share.chain;
    }
    return slot;
}

static void begin_to_lead(struct llm_reuse *reuse, struct llm_call *call) {
    struct llm_call **slot = slot_of(reuse, &call->share.key);
    call->share.role = LLM_SHARE_LEADS;
    call->share.chain = NULL;
    *slot = call;
    if (call->kept) {
        call->share.kept_next = reuse->kept;
        reuse->kept = call;
    }
    reuse->led++;
}

static void end_to_lead(struct llm_reuse *reuse, struct llm_call *call) {
    *slot_of(reuse, &call->share.key) = call->share.chain;
    for (struct llm_call **at = &reuse->kept; *at != NULL; at = &(*at)->share.kept_next) {
        if (*at == call) {
            *at = call->share.kept_next;
            break;
        }
    }
    call->share.role = LLM_SHARE_NONE;
}

// Does this thread, further down its stack, run a call that others may wait for?
static bool thread_leads(const struct llm_reuse *reuse) {
    for (const struct llm_call *at = reuse->kept; at != NULL; at = at->share.kept_next) {
        if (pthread_equal(atomic_load(&at->loop->thread), pthread_self())) {
            return true;
        }
    }
    return false;
}

// Only who is sure to be told may wait.  A blocked llm_query() runs nothing but its own call: it waits for another llm_query() only, and
// not from inside a callback of one (two threads might wait for each other).  Else the leader is on this loop, or on one that another
// thread runs.
static bool may_follow(const struct llm_reuse *reuse, const struct llm_call *call,
                       const struct llm_call *leader) {
    if (call->kept) {
        return leader->kept && !thread_leads(reuse);
    }
    const struct llm_loop *loop = leader->loop;
    return loop == call->loop ||
           (atomic_load(&loop->was_run) && !pthread_equal(atomic_load(&loop->thread), pthread_self()));
}

// ---- followers; the lock is held -----------------------------------------------------------------------------------------

static void enlist(struct llm_call *leader, struct llm_call *call) {
    call->share.role = LLM_SHARE_FOLLOWS;
    call->share.next = NULL;
    call->share.before = leader->share.last;
    *(leader->share.last != NULL ? &leader->share.last->share.next : &leader->share.first) = call;
    leader->share.last = call;
}

static void delist(struct llm_call *leader, struct llm_call *call) {
    assert(leader != NULL);
    struct llm_share *s = &call->share;
    *(s->before != NULL ? &s->before->share.next : &leader->share.first) = s->next;
    *(s->next != NULL ? &s->next->share.before : &leader->share.last) = s->before;
    s->next = s->before = NULL;
    s->role = LLM_SHARE_NONE;
}

static void wake(struct llm_call *call) {
    atomic_store(&call->woken, true);
    llm_call_attend(call);
}

static void hand_out(struct llm_call *leader, struct llm_answer *answer) {
    while (leader->share.first != NULL) {
        struct llm_call *call = leader->share.first;
        delist(leader, call);
        call->share.answer = llm_answer_ref(answer);
        wake(call);
    }
}

// The longest waiting one leads, the others wait for it.
static void hand_over(struct llm_reuse *reuse, struct llm_call *leader) {
    struct llm_call *call = leader->share.first;
    if (call == NULL) {
        return;
    }
    delist(leader, call);
    call->share.first = leader->share.first;
    call->share.last = leader->share.last;
    leader->share.first = leader->share.last = NULL;
    begin_to_lead(reuse, call);
    wake(call);
}

// ---- what calls do ---------------------------------------------------------------------------------------------------------

enum llm_share_role llm_share_join(struct llm_call *call) {
    struct llm_reuse *reuse = reuse_of(call);
    (void)pthread_mutex_lock(&reuse->lock);
    struct llm_call *leader = *slot_of(reuse, &call->share.key);
    if (leader == NULL) {
        begin_to_lead(reuse, call);
    } else if (may_follow(reuse, call, leader)) {
        enlist(leader, call);
        reuse->followed++;
    }
    const enum llm_share_role role = call->share.role;
    (void)pthread_mutex_unlock(&reuse->lock);
    return role;
}

enum llm_share_role llm_share_look(struct llm_call *call, struct llm_answer **ret_answer) {
    struct llm_reuse *reuse = reuse_of(call);
    (void)pthread_mutex_lock(&reuse->lock);
    const enum llm_share_role role = call->share.role;
    *ret_answer = call->share.answer;
    call->share.answer = NULL;
    (void)pthread_mutex_unlock(&reuse->lock);
    return role;
}

void llm_share_leave(struct llm_call *call, struct llm_answer *answer) {
    struct llm_reuse *reuse = reuse_of(call);
    struct llm_share *s = &call->share;
    (void)pthread_mutex_lock(&reuse->lock);
    if (s->role == LLM_SHARE_FOLLOWS) {
        delist(*slot_of(reuse, &s->key), call);
    } else if (s->role == LLM_SHARE_LEADS) {
        end_to_lead(reuse, call);
        if (answer != NULL) {
            hand_out(call, answer);
        } else {
            hand_over(reuse, call);
        }
    }
    struct llm_answer *unused = s->answer;
    s->answer = NULL;
    atomic_store(&call->woken, false);
    (void)pthread_mutex_unlock(&reuse->lock);
    llm_answer_unref(unused);
}
