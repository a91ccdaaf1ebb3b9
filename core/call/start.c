// SPDX-License-Identifier: MIT
// Start: everything that can be refused before anything is sent, then the plugin's job.
#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "call/call.h"
#include "llm_json.h"
#include "net/url.h"

#define KEEP_BYTES 65536u // of each buffer, for the next call
#define POOL_MAX 256u

static llm_str text_or(const char *text, const char *otherwise) {
    return llm_str_from(text != NULL ? text : otherwise);
}

// ---- memory of a call --------------------------------------------------------------------------------------------

struct llm_call *llm_call_take(struct llm_loop *loop) {
    struct llm_call *call = loop->pool;
    if (call != NULL) {
        loop->pool = call->next;
        loop->n_pool--;
        llm_spare_taken(&loop->spare, loop->n_pool);
        return call;
    }
    call = llm_mem_new(sizeof *call);
    if (call == NULL) {
        return NULL;
    }
    call->loop = loop;
    call->arena.limit = LLM_MAX_REQUEST_BYTES + (16u << 20);
    call->queue_arena.limit = LLM_MAX_RESPONSE_BYTES;
    call->draft.body.max = LLM_MAX_REQUEST_BYTES;
    call->error_body.max = LLM_MAX_ERROR_BYTES;
    call->scratch.max = LLM_MAX_EVENT_BYTES;
    call->timer.fire = llm_call_on_timer;
    llm_sink_bind(call);
    llm_request_bind(call);
    return call;
}

static void call_clear(struct llm_call *call) {
    llm_request_wipe(call);
    llm_arena_reset(&call->arena, KEEP_BYTES);
    llm_arena_reset(&call->queue_arena, KEEP_BYTES);
    llm_frames_reset(&call->frames, KEEP_BYTES);
    llm_buf_reset(&call->draft.body, KEEP_BYTES);
    llm_buf_reset(&call->error_body, KEEP_BYTES);
    llm_buf_reset(&call->scratch, KEEP_BYTES);
    llm_buf_reset(&call->reuse.log, KEEP_BYTES);
    call->reuse = (struct llm_reuse_state){.log = call->reuse.log};
    call->share = (struct llm_share){0};
    atomic_store(&call->woken, false);
    call->ready = call->freed = call->ended = call->kept = call->end_pulled = false;
    call->attempt_open = call->settled = false;
    atomic_store(&call->cancel_asked, false);
    call->queue_first = call->queue_last = NULL;
    call->chain = (struct llm_chain){0};
    call->format = call->prompt_tail = (llm_str){NULL, 0};
    call->attempts = call->throttles = call->transients = 0;
    call->counted = call->told = call->charged_unknown = call->estimated = false;
    call->spent = 0;
    call->spent_source = LLM_COST_UNKNOWN;
    call->stage = LLM_STAGE_NONE;
    call->racer = call->racing = NULL;
    call->lost = call->won = call->held = call->draws = false;
    call->back_off_us = 0;
    call->job = NULL;
    call->key = NULL;
    call->instance = NULL;
    call->generator = NULL;
    call->exchange = NULL;
    call->debug = NULL;
    call->exchanges = 0;
    call->http_status = 0;
    call->outcome = LLM_OK;
    call->phase = LLM_PHASE_NONE;
    call->snapshot = NULL;
    call->response = NULL;
    call->worker = NULL;
    call->series = call->series_now = NULL;
    call->waiting_row = NULL;
    call->gate = (struct llm_gate){0};
    call->admission = (struct llm_admission){
        .wait = {.takes = call->admission.wait.takes, .cap_takes = call->admission.wait.cap_takes}};
    call->error = (llm_error)LLM_ERROR_INIT;
    call->base64 = (struct llm_base64){0};
}

static void call_destroy(struct llm_call *call) {
    llm_arena_done(&call->arena);
    llm_arena_done(&call->queue_arena);
    llm_frames_done(&call->frames);
    llm_buf_done(&call->draft.body);
    llm_buf_done(&call->error_body);
    llm_buf_done(&call->scratch);
    llm_wait_done(&call->admission.wait);
    llm_buf_done(&call->reuse.log);
    llm_mem_free(call->draft.lines);
    llm_mem_free(call->draft.pieces);
    llm_mem_free(call->draft.slices);
    llm_mem_free(call);
}

// The n last used ones stay.
static void pool_keep(struct llm_loop *loop, size_t n) {
    struct llm_call **at = &loop->pool;
    if (n >= loop->n_pool) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        at = &(*at)->next;
    }
    while (*at != NULL) {
        struct llm_call *call = *at;
        *at = call->next;
        call_destroy(call);
    }
    loop->n_pool = n;
}

void llm_call_drop(struct llm_call *call) {
    struct llm_loop *loop = call->loop;
    llm_call_record_drop(call);
    llm_response_free(call->response);
    if (call->snapshot != NULL) {
        llm_snapshot_unref(call->snapshot);
    }
    call_clear(call);
    if (loop->n_pool >= POOL_MAX) {
        call_destroy(call);
        return;
    }
    call->next = loop->pool;
    loop->pool = call;
    loop->n_pool++;
    pool_keep(loop, loop->n_pool - llm_spare_put(&loop->spare, loop->n_pool, loop->reactor.now_us));
}

void llm_call_pool_free(struct llm_loop *loop) {
    pool_keep(loop, 0);
}

void llm_call_close_job(struct llm_call *call) {
    if (call->job != NULL) {
        llm_codec_enter(call);
        call->generator->codec.close(call->job);
        llm_codec_leave(call);
        call->job = NULL;
    }
}

void llm_call_release(struct llm_call *call) {
    struct llm_loop *loop = call->loop;
    llm_call_abort(call, LLM_E_CANCELLED);
    llm_call_advance(call);    // without events: it is settled and recorded like every other
    llm_call_reuse_over(call); // no other thread knows of it from here on
    llm_loop_unlist(call);
    llm_loop_unqueue(call);
    llm_call_close_job(call);
    llm_call_observe_end(call);
    loop->n_open -= call->ended ? 0 : 1;
    *(call->prev != NULL ? &call->prev->next : &loop->calls) = call->next;
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    call->prev = NULL;
    llm_call_drop(call);
}

// ---- the request -------------------------------------------------------------------------------------------------

static bool is_image(llm_str operation) {
    return llm_str_starts(operation, LLM_STR("image"));
}

static void write_message(llm_json_writer *w, const char *role, const char *content) {
    llm_json_object(w);
    llm_json_name(w, "role");
    llm_json_cstring(w, role);
    llm_json_name(w, "content");
    llm_json_cstring(w, content);
    llm_json_object_end(w);
}

// A request in OpenAI's form from a prompt, but for its beginning: each target names its own model.
static llm_status tail_from_prompt(struct llm_call *call, const llm_query_args *args, llm_str operation) {
    struct llm_buf *buf = &call->scratch; // free until the first blob
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, buf);
    buf->len = 0;
    llm_json_object(&w);
    if (llm_str_is(operation, "chat")) {
        llm_json_name(&w, "messages");
        llm_json_array(&w);
        if (args->system != NULL) {
            write_message(&w, "system", args->system);
        }
        write_message(&w, "user", args->prompt);
        llm_json_array_end(&w);
    } else if (args->prompt != NULL) {
        llm_json_name(&w, is_image(operation) ? "prompt" : "input");
        llm_json_cstring(&w, args->prompt);
    }
    llm_json_object_end(&w);
    if (w.status != LLM_OK) {
        return w.status;
    }
    call->prompt_tail = llm_arena_dup(&call->arena, llm_str_cut(llm_buf_str(buf), 1));
    return call->prompt_tail.ptr != NULL ? LLM_OK : LLM_E_NOMEM;
}

static llm_status take_body(struct llm_call *call, const llm_query_args *args, llm_str *ret, llm_error *err) {
    if (args->body.len > LLM_MAX_REQUEST_BYTES) {
        return llm_fail(err, LLM_E_TOO_LARGE, "the request has %zu bytes, at most %u can be sent",
                        args->body.len, LLM_MAX_REQUEST_BYTES);
    }
    *ret = (args->flags & LLM_QUERY_BORROW) != 0 ? args->body : llm_arena_dup(&call->arena, args->body);
    if (ret->ptr == NULL) {
        return LLM_E_NOMEM;
    }
    return llm_gate_request(*ret, &call->arena, &call->gate, err);
}

static llm_status take_attachments(struct llm_call *call, const llm_query_args *args) {
    llm_attachment *list = llm_arena_new(&call->arena, args->n_attachments * sizeof *list);
    if (list == NULL) {
        return LLM_E_NOMEM;
    }
    for (size_t i = 0; i < args->n_attachments; i++) {
        list[i] = args->attachments[i];
        list[i].mime = llm_arena_dup(&call->arena, list[i].mime);
        list[i].name = llm_arena_dup(&call->arena, list[i].name);
        if ((args->flags & LLM_QUERY_BORROW) == 0) {
            const llm_str copy =
                llm_arena_dup(&call->arena, (llm_str){(const char *)list[i].data.ptr, list[i].data.len});
            list[i].data.ptr = (const uint8_t *)copy.ptr;
            if (copy.ptr == NULL) {
                return LLM_E_NOMEM;
            }
        }
    }
    call->job_args.attachments = list;
    call->job_args.n_attachments = args->n_attachments;
    return LLM_OK;
}

// The model that the caller names: argument, else the body's "model"; absent: none.
static llm_status asked_model(struct llm_call *call, const llm_query_args *args, llm_str *ret,
                              llm_error *err) {
    *ret = llm_str_from(args->model);
    if (args->model == NULL && call->gate.fields != NULL) {
        const llm_str raw = llm_gate_get(&call->gate, "model");
        if (llm_json_type(raw) == '"') {
            char *text = llm_arena_bytes(&call->arena, raw.len + 1);
            if (text == NULL) {
                return LLM_E_NOMEM;
            }
            *ret = (llm_str){text, llm_json_decode(raw, text, raw.len)};
        } else if (raw.ptr != NULL && llm_json_type(raw) != 'n') {
            return llm_fail(err, LLM_E_INVALID_REQUEST, "\"model\" is no string");
        }
    }
    if (ret->len > LLM_MAX_MODEL_BYTES) {
        return llm_fail(err, LLM_E_INVALID_REQUEST, "the model's name has %zu bytes, at most %u make sense",
                        ret->len, LLM_MAX_MODEL_BYTES);
    }
    if (ret->len == 0) {
        *ret = (llm_str){NULL, 0};
    }
    return LLM_OK;
}

static llm_status take_tag(struct llm_call *call, const llm_query_args *args, llm_error *err) {
    const llm_str tag = args->size >= LLM_END(llm_query_args, tag) ? llm_str_from(args->tag) : (llm_str){0};
    if (tag.len > LLM_MAX_TAG_BYTES || !llm_str_utf8(tag)) {
        return llm_fail(err, LLM_E_INVALID_REQUEST, "the tag must be UTF-8 of at most %u bytes",
                        LLM_MAX_TAG_BYTES);
    }
    call->tag = llm_arena_dup(&call->arena, tag.len > 0 ? tag : (llm_str){0});
    return call->tag.ptr != NULL || tag.len == 0 ? LLM_OK : LLM_E_NOMEM;
}

// ---- the call ----------------------------------------------------------------------------------------------------

static void take_limits(struct llm_call *call, const llm_query_args *args) {
    const struct llm_settings *settings = &call->snapshot->settings;
    call->connect_ms =
        args->connect_timeout_ms != 0 ? args->connect_timeout_ms : settings->connect_timeout_ms;
    call->first_byte_ms =
        args->first_byte_timeout_ms != 0 ? args->first_byte_timeout_ms : settings->first_byte_timeout_ms;
    call->idle_ms = args->idle_timeout_ms != 0 ? args->idle_timeout_ms : settings->idle_timeout_ms;
    call->total_ms = args->total_timeout_ms != 0 ? args->total_timeout_ms : settings->total_timeout_ms;
    call->admission.max_wait_ms =
        LLM_HAS(llm_query_args, args, max_wait_ms) ? args->max_wait_ms : settings->limits.max_wait_ms;
    if ((args->flags & LLM_QUERY_NO_WAIT) != 0) {
        call->admission.max_wait_ms = 0;
    }
    call->impatient = call->connect_ms < settings->connect_timeout_ms ||
                      call->first_byte_ms < settings->first_byte_timeout_ms ||
                      call->idle_ms < settings->idle_timeout_ms ||
                      call->total_ms < settings->total_timeout_ms;
}

static llm_status find_targets(struct llm_call *call, const llm_query_args *args, llm_str model,
                               llm_error *err) {
    const struct llm_chain_wish wish = {
        .model = model,
        .operation = call->job_args.operation,
        .provider = args->provider,
        .fallbacks = LLM_HAS(llm_query_args, args, fallbacks) ? args->fallbacks : NULL,
        .alone = (args->flags & LLM_QUERY_NO_FALLBACK) != 0,
        .random = &call->loop->random,
        .now_us = call->loop->reactor.now_us,
    };
    const uint32_t asked = LLM_HAS(llm_query_args, args, max_attempts) ? args->max_attempts : 0;
    call->max_attempts = asked != 0 ? asked : call->snapshot->settings.retry.max_attempts;
    if (args->format != NULL) {
        call->format = llm_arena_dup(&call->arena, llm_str_from(args->format));
        if (call->format.ptr == NULL) {
            return LLM_E_NOMEM;
        }
    }
    const llm_status status = llm_snapshot_chain(call->snapshot, &wish, &call->arena, &call->chain, err);
    const uint32_t hedge_ms = LLM_HAS(llm_query_args, args, hedge_ms) ? args->hedge_ms : 0;
    call->hedge_ms = hedge_ms != 0           ? hedge_ms
                     : call->chain.has_hedge ? call->chain.hedge_ms
                                             : call->snapshot->settings.retry.hedge_ms;
    return status == LLM_OK ? llm_call_first_target(call, err) : status;
}

static llm_status name_response(struct llm_call *call, llm_str model) {
    struct llm_response *r = call->response;
    struct llm_arena *arena = &r->arena;
    r->operation = llm_arena_dup(arena, call->job_args.operation);
    r->model = llm_arena_dup(arena, model.ptr != NULL ? model : call->route.provider_model);
    char name[sizeof "llm-" + LLM_ID_TEXT] = "llm-";
    llm_id_text(&call->name, name + 4);
    r->id = llm_arena_dup(arena, llm_str_from(name));
    r->call_id = llm_str_cut(r->id, r->id.ptr != NULL ? 4 : 0);
    return r->operation.ptr != NULL && r->id.ptr != NULL ? LLM_OK : LLM_E_NOMEM;
}

static void *LLM_CALL job_alloc(void *ctx, size_t size) {
    return llm_arena_new(ctx, size);
}

static llm_status prepare(struct llm_call *call, const llm_query_args *args, llm_error *err) {
    struct llm_master *master = call->loop->master;
    llm_str model, body = {NULL, 0};
    llm_status status = LLM_OK;
    call->snapshot = llm_master_snapshot(master);
    call->response = llm_response_new(master->responses);
    if (call->response == NULL) {
        return LLM_E_NOMEM;
    }
    call->response->start_us = llm_clock_us();
    call->job_args = (llm_job_args){.size = (uint32_t)sizeof call->job_args,
                                    .flags = (args->flags & LLM_QUERY_STREAM) != 0 ? LLM_JOB_STREAM : 0u,
                                    .id = call->id,
                                    .alloc_ctx = &call->arena,
                                    .alloc = job_alloc};
    call->job_args.operation = llm_arena_dup(&call->arena, text_or(args->operation, "chat"));
    if (call->job_args.operation.ptr == NULL) {
        return LLM_E_NOMEM;
    }
    if ((status = take_tag(call, args, err)) != LLM_OK) {
        return status;
    }
    if (args->body.ptr != NULL && (status = take_body(call, args, &body, err)) != LLM_OK) {
        return status;
    }
    if (args->body.ptr == NULL && args->prompt == NULL && llm_str_is(call->job_args.operation, "chat")) {
        return llm_fail(err, LLM_E_INVALID_REQUEST, "neither a body nor a prompt was given");
    }
    call->job_args.request = body;
    if (body.ptr == NULL) {
        status = tail_from_prompt(call, args, call->job_args.operation);
    }
    if (status != LLM_OK || (status = asked_model(call, args, &model, err)) != LLM_OK ||
        (status = find_targets(call, args, model, err)) != LLM_OK) {
        return status;
    }
    if (args->n_attachments > 0 && (status = take_attachments(call, args)) != LLM_OK) {
        return status;
    }
    take_limits(call, args);
    status = name_response(call, model);
    return status == LLM_OK ? llm_call_record_begin(call, err) : status;
}

llm_status llm_call_new(struct llm_loop *loop, const llm_query_args *args, enum llm_delivery delivery,
                        struct llm_call **ret, llm_error *err) {
    if (args == NULL || args->size < LLM_END(llm_query_args, ctx)) {
        return llm_fail(err, LLM_E_INVALID_REQUEST,
                        "llm_query_args.size is not set: begin it with LLM_QUERY_INIT");
    }
    struct llm_call *call = llm_call_take(loop);
    if (call == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    call->id = atomic_fetch_add(&loop->master->next_id, 1);
    call->started_us = llm_clock_wall_us();
    call->name = llm_id_make(call->started_us, call->id, loop->master->id_seed);
    call->flags = args->flags;
    call->delivery = delivery;
    call->on_event = args->on_event;
    call->ctx = args->ctx;
    call->error = (llm_error)LLM_ERROR_INIT;
    llm_error own = LLM_ERROR_INIT;
    const llm_status status = prepare(call, args, &own);
    if (status != LLM_OK) {
        if (own.status == LLM_OK) {
            (void)llm_fail(&own, status, "%s",
                           status == LLM_E_NOMEM ? "out of memory" : llm_status_name(status));
        }
        llm_error_copy(err, &own);
        llm_call_observe_refused(call, &own);
        llm_call_drop(call);
        return status;
    }
    call->response->collect = (call->flags & LLM_QUERY_COLLECT) != 0;
    call->total_until_us = call->response->start_us + (uint64_t)call->total_ms * 1000;
    call->step = LLM_STEP_REUSE;
    llm_loop_list(call);
    loop->n_open++;
    llm_loop_queue(call);
    llm_call_observe_start(call);
    *ret = call;
    return LLM_OK;
}

static void begin_attempt(struct llm_call *call) {
    call->attempt_open = true;
    call->counted = false;
    call->attempt_us = call->first_byte_us = 0;
    call->queued_us = call->admission.waited_us;
    call->outcome = LLM_OK;
    call->error = (llm_error)LLM_ERROR_INIT;
    call->stage = LLM_STAGE_NONE;
    call->advice = LLM_RETRY_DEFAULT;
    call->final = false;
    call->http_status = 0;
    call->n_head_fields = 0;
    call->base64 = (struct llm_base64){0};
    call->blob_typed = false;
    llm_response_begin_attempt(call->response);
}

// The plugin's job: a request that it cannot do is refused here.
enum llm_step_name llm_call_open(struct llm_call *call) {
    call->key = llm_provider_choose_key(call->route.provider, llm_clock_us());
    if (llm_call_breaker_is_open(call)) {
        return llm_call_skip_target(call);
    }
    begin_attempt(call);
    llm_call_observe_open(call);
    if (call->job != NULL) { // the same once more
        call->job_step.attempt++;
        return LLM_STEP_ADMIT;
    }
    llm_call_tell_problems(call);
    call->exchanges = 0;
    call->job_step = (llm_step){.size = (uint32_t)sizeof call->job_step};
    if (call->generator->codec.open == NULL) { // its thread starts when it is admitted
        return LLM_STEP_ADMIT;
    }
    llm_codec_enter(call);
    const llm_status status =
        call->generator->codec.open(call->instance, &call->job_args, &call->out_verbs, &call->job);
    llm_codec_leave(call);
    if (status < 0) {
        call->job = NULL;
        call->outcome = status;
        return LLM_STEP_DECIDE;
    }
    return LLM_STEP_ADMIT;
}
