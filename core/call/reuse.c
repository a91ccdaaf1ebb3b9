// SPDX-License-Identifier: MIT
// Reuse: an answer that is in the cache, or that a call of the same content is about to give.
#include "call/reuse.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "call/call.h"
#include "catalog/identity.h"
#include "llm_json.h"

#define SCRATCH_BYTES (64u << 20)
#define SCRATCH_KEEP 65536u

// ---- the question --------------------------------------------------------------------------------------------------------

static bool wants_cache(const struct llm_call *call) {
    const bool asked = (call->flags & LLM_QUERY_CACHE) != 0 || call->snapshot->settings.cache.enabled;
    return asked && (call->flags & LLM_QUERY_NO_CACHE) == 0 &&
           llm_cache_max_entry(call->loop->master->reuse->cache) > 0;
}

// What a call was given as raw chunks is not what another, that asks for another form of them, expects.
static llm_str raw_form(const struct llm_call *call) {
    if ((call->flags & LLM_QUERY_RAW) == 0) {
        return (llm_str){NULL, 0};
    }
    return (call->flags & LLM_QUERY_STREAM) != 0 ? LLM_STR("raw stream") : LLM_STR("raw");
}

static llm_status make_key(struct llm_call *call, struct llm_cache_key *ret) {
    const llm_sha256_fn sha = call->loop->master->reuse->sha;
    const struct llm_provider_identity *identity = llm_provider_identify(call->route.provider, sha);
    const llm_str facts[] = {
        call->route.provider->name,
        {(const char *)identity->bytes, sizeof identity->bytes},
        call->generator->name,
        call->job_args.model,
        call->job_args.operation,
        call->job_args.format,
        call->tag,
        raw_form(call),
    };
    const struct llm_cache_question question = {.facts = facts,
                                                .n_facts = sizeof facts / sizeof facts[0],
                                                .fields = call->job_args.fields,
                                                .n_fields = call->job_args.n_fields,
                                                .skip = LLM_STR_INIT("stream"),
                                                .attachments = call->job_args.attachments,
                                                .n_attachments = call->job_args.n_attachments};
    struct llm_arena *scratch = &call->loop->scratch;
    scratch->limit = SCRATCH_BYTES;
    const llm_status status = llm_cache_key_make(&question, sha, scratch, ret);
    llm_arena_reset(scratch, SCRATCH_KEEP);
    return status;
}

// An answer may come from every model of the chain: who shares it allows the same ones.
static struct llm_cache_key share_key(const struct llm_call *call) {
    struct llm_cache_key key = call->reuse.key;
    if (call->chain.n_targets < 2) {
        return key;
    }
    struct llm_sha256 sha;
    llm_sha256_init(&sha, call->loop->master->reuse->sha);
    llm_sha256_put(&sha, key.bytes, sizeof key.bytes);
    for (size_t i = 0; i < call->chain.n_targets; i++) {
        const struct llm_target *target = &call->chain.targets[i];
        const uint64_t lengths[] = {target->route.provider->name.len, target->route.provider_model.len,
                                    target->when};
        llm_sha256_put(&sha, lengths, sizeof lengths);
        llm_sha256_put(&sha, target->route.provider->name.ptr, target->route.provider->name.len);
        llm_sha256_put(&sha, target->route.provider_model.ptr, target->route.provider_model.len);
    }
    llm_sha256_end(&sha, key.bytes);
    return key;
}

// false: it has nothing to do with others.
static bool begin(struct llm_call *call) {
    struct llm_reuse_state *state = &call->reuse;
    state->begun = true;
    state->caches = wants_cache(call);
    state->shares = (call->flags & LLM_QUERY_SHARE) != 0;
    if ((!state->caches && !state->shares) || make_key(call, &state->key) != LLM_OK) {
        return state->caches = state->shares = false;
    }
    state->provider = call->route.provider;
    state->provider_model = call->job_args.model;
    if (state->shares) {
        call->share.key = share_key(call);
    }
    return true;
}

static void record(struct llm_call *call) {
    struct llm_reuse_state *state = &call->reuse;
    const size_t room = state->caches ? llm_cache_max_entry(call->loop->master->reuse->cache) : 0;
    state->log.max = state->shares && room < LLM_MAX_SHARED_BYTES ? LLM_MAX_SHARED_BYTES : room;
    state->records = true;
}

// ---- the answer ------------------------------------------------------------------------------------------------------------

static enum llm_step_name give(struct llm_call *call, const struct llm_answer *answer, bool is_shared) {
    struct llm_response *r = call->response;
    const llm_status named = llm_answer_take_route(answer, call);
    const llm_status allowed = named == LLM_OK ? llm_call_admit_hit(call) : named;
    if (allowed != LLM_OK) {
        call->outcome = allowed;
        return LLM_STEP_SETTLE;
    }
    r->cached = true;
    llm_metrics_count(call->loop->master->metrics, is_shared ? LLM_COUNT_SHARED : LLM_COUNT_CACHE_HITS, 1);
    r->shared = is_shared;
    r->saved_cost = answer->cost;
    const llm_status status = llm_answer_play(answer, call);
    call->outcome = status < 0 ? status : LLM_DONE;
    return LLM_STEP_SETTLE;
}

static enum llm_step_name wait(struct llm_call *call) {
    call->step = LLM_STEP_REUSE;
    llm_call_phase(call, LLM_PHASE_SHARE);
    return LLM_STEP_PAUSE;
}

enum llm_step_name llm_call_reuse(struct llm_call *call) {
    struct llm_reuse_state *state = &call->reuse;
    struct llm_answer *answer = NULL;
    enum llm_share_role role = LLM_SHARE_NONE;
    if (!state->begun) {
        if (!begin(call)) {
            return LLM_STEP_OPEN;
        }
        role = state->shares ? llm_share_join(call) : LLM_SHARE_NONE;
    } else if (state->shares) {
        role = llm_share_look(call, &answer);
    }
    if (answer != NULL) {
        call->phase = LLM_PHASE_NONE;
        const enum llm_step_name next = give(call, answer, true);
        llm_answer_unref(answer);
        return next;
    }
    if (role == LLM_SHARE_FOLLOWS) {
        return wait(call);
    }
    // Only now: whoever led before put his answer there before others could lead.
    call->phase = LLM_PHASE_NONE;
    if (state->caches &&
        (answer = llm_cache_get(call->loop->master->reuse->cache, &state->key, llm_clock_us())) != NULL) {
        const enum llm_step_name next = give(call, answer, false);
        state->found = answer;
        return next;
    }
    if (state->caches || role == LLM_SHARE_LEADS) {
        record(call);
    }
    return LLM_STEP_OPEN;
}

// ---- events on their way -----------------------------------------------------------------------------------------------------

static bool is_logged(const llm_event *event, const struct llm_call *call) {
    return event->type < LLM_EVENT_ERROR && event->type != LLM_EVENT_PROGRESS && !call->settled;
}

void llm_call_reuse_event(struct llm_call *call, const llm_event *event) {
    struct llm_reuse_state *state = &call->reuse;
    if (!is_logged(event, call) || (event->type == LLM_EVENT_START && state->started)) { // another attempt
        return;
    }
    state->started |= event->type == LLM_EVENT_START;
    state->transient |= event->type == LLM_EVENT_FINISH && event->finish == LLM_FINISH_CONTENT_FILTER;
    state->transient |= event->type == LLM_EVENT_BLOB && event->text.len > 0;
    if (llm_answer_log(&state->log, &state->last, event, call->response->raw_is_list) != LLM_OK) {
        state->records = false;
        llm_buf_reset(&state->log, 0);
    }
}

// ---- the end -----------------------------------------------------------------------------------------------------------------

static bool is_of_first_choice(const struct llm_call *call) {
    return call->route.provider == call->reuse.provider &&
           llm_str_eq(call->route.provider_model, call->reuse.provider_model); // of a race: the winner's
}

// What others may have of this call; NULL: nothing.
static struct llm_answer *make_answer(struct llm_call *call) {
    struct llm_reuse_state *state = &call->reuse;
    const struct llm_response *r = call->response;
    if (!state->records || !call->settled || r->error.status != LLM_OK || call->freed ||
        llm_answer_log_identity(&state->log, &state->last, &call->route, r->provider_model, r->id) !=
            LLM_OK) {
        return NULL;
    }
    return llm_answer_new(&state->key, state->log.ptr, state->log.len, r->cost);
}

void llm_call_reuse_over(struct llm_call *call) {
    struct llm_reuse_state *state = &call->reuse;
    if (!state->caches && !state->shares) {
        return;
    }
    struct llm_answer *answer = state->found != NULL ? state->found : make_answer(call);
    const bool is_new = answer != NULL && state->found == NULL;
    if (is_new && state->caches && !state->transient && is_of_first_choice(call)) {
        llm_cache_put(call->loop->master->reuse->cache, answer, llm_clock_us());
    }
    if (state->shares) {
        llm_share_leave(call, answer);
    }
    llm_answer_unref(answer);
    state->found = NULL;
    state->records = state->caches = state->shares = false;
}

void llm_call_reuse_cancel(struct llm_call *call) {
    if (call->reuse.shares && call->phase == LLM_PHASE_SHARE) {
        llm_share_leave(call, NULL);
        call->reuse.shares = false;
    }
}

// ---- figures -----------------------------------------------------------------------------------------------------------------

llm_status llm_reuse_describe(struct llm_reuse *reuse, const struct llm_cache_settings *settings,
                              char **ret_json, size_t *ret_len) {
    struct llm_cache_stats s;
    llm_cache_read_stats(reuse->cache, &s);
    (void)pthread_mutex_lock(&reuse->lock);
    const uint64_t followed = reuse->followed;
    (void)pthread_mutex_unlock(&reuse->lock);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"entries", s.entries},
        {"bytes", s.bytes},
        {"hits", s.hits},
        {"misses", s.misses},
        {"stores", s.stores},
        {"evictions", s.evictions},
        {"expired", s.expired},
        {"damaged", s.damaged},
        {"too_large", s.too_large},
        {"shared", followed},
        {"max_bytes", settings->max_bytes},
        {"max_entry_bytes", settings->max_entry_bytes},
        {"ttl_s", settings->ttl_s},
    };
    struct llm_buf buf = {.max = 4096};
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &buf);
    llm_json_object(&w);
    llm_json_name(&w, "enabled");
    llm_json_boolean(&w, settings->enabled);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        llm_json_name(&w, rows[i].name);
        llm_json_integer(&w, (int64_t)rows[i].value);
    }
    llm_json_object_end(&w);
    const size_t len = buf.len;
    char *json = w.status == LLM_OK ? llm_buf_take(&buf) : NULL;
    llm_buf_done(&buf);
    if (json == NULL) {
        return LLM_E_NOMEM;
    }
    *ret_json = json;
    *ret_len = len;
    return LLM_OK;
}
