// SPDX-License-Identifier: MIT
// What a codec pushes becomes events: bounds are checked here, once.
#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "call/call.h"

struct llm_queued {
    struct llm_queued *next;
    llm_event event;
    llm_usage usage;
    llm_error error;
};

// ---- giving events -----------------------------------------------------------------------------------------------

static bool copy_text(struct llm_arena *arena, llm_str *s) {
    if (s->ptr == NULL) {
        return true;
    }
    *s = llm_arena_dup(arena, *s);
    return s->ptr != NULL;
}

// A copy of the event that lasts until it is pulled.
llm_status llm_call_enqueue(struct llm_call *call, const llm_event *event) {
    struct llm_arena *arena = &call->queue_arena;
    struct llm_queued *q = llm_arena_new(arena, sizeof *q);
    if (q == NULL) {
        return LLM_E_NOMEM;
    }
    q->event = *event;
    llm_event *e = &q->event;
    llm_str data = {(const char *)e->data.ptr, e->data.len};
    llm_str vector = {(const char *)e->vector, e->n_vector * sizeof *e->vector};
    if (vector.ptr != NULL) { // aligned, unlike text
        void *floats = llm_arena_new(arena, vector.len + 1);
        vector.ptr = floats != NULL ? memcpy(floats, vector.ptr, vector.len) : NULL;
        e->vector = floats;
    }
    if (!copy_text(arena, &e->text) || !copy_text(arena, &e->id) || !copy_text(arena, &e->name) ||
        !copy_text(arena, &e->mime) || !copy_text(arena, &e->native) || !copy_text(arena, &data) ||
        (event->vector != NULL && vector.ptr == NULL)) {
        return LLM_E_NOMEM;
    }
    e->data.ptr = (const uint8_t *)data.ptr;
    if (event->usage != NULL) {
        q->usage = *event->usage;
        e->usage = &q->usage;
        if (!copy_text(arena, &q->usage.raw) || !copy_text(arena, &q->usage.tier) ||
            !copy_text(arena, &q->usage.dimensions) || !copy_text(arena, &q->usage.quality)) {
            return LLM_E_NOMEM;
        }
    }
    if (event->error != NULL) {
        q->error = *event->error;
        e->error = &q->error;
    }
    *(call->queue_last != NULL ? &call->queue_last->next : &call->queue_first) = q;
    call->queue_last = q;
    return LLM_OK;
}

static bool is_output(uint32_t type) {
    return type == LLM_EVENT_TEXT || type == LLM_EVENT_TOOL || type == LLM_EVENT_BLOB ||
           type == LLM_EVENT_VECTOR;
}

// After these nothing is tried again: the host has seen a part of this answer.
static bool binds(uint32_t type) {
    return is_output(type) || type == LLM_EVENT_FINISH || type == LLM_EVENT_JSON || type == LLM_EVENT_RAW;
}

llm_status llm_call_emit(struct llm_call *call, llm_event *event) {
    const bool last = event->type == LLM_EVENT_END || event->type == LLM_EVENT_ERROR;
    if (!last && atomic_load_explicit(&call->cancel_asked, memory_order_relaxed)) {
        return LLM_E_CANCELLED;
    }
    if (call->racing != NULL) {
        return llm_call_hedge_event(call, event, binds(event->type));
    }
    if (call->lost && !call->settled) {
        return LLM_E_CANCELLED;
    }
    if (call->racer != NULL && binds(event->type)) {
        llm_call_hedge_lose(call);
    }
    return llm_call_give(call, event);
}

llm_status llm_call_flush(struct llm_call *racer, struct llm_call *call) {
    llm_status status = LLM_OK;
    for (struct llm_queued *q = racer->queue_first; q != NULL && status == LLM_OK; q = q->next) {
        status = llm_call_give(call, &q->event);
    }
    racer->queue_first = racer->queue_last = NULL;
    return status;
}

llm_status llm_call_give(struct llm_call *call, llm_event *event) {
    const bool last = event->type == LLM_EVENT_END || event->type == LLM_EVENT_ERROR;
    struct llm_response *r = call->response;
    event->size = (uint32_t)sizeof *event;
    call->told = call->told || binds(event->type);
    if (is_output(event->type)) {
        r->got_output = true;
        llm_call_admit_see(call, event);
        if (r->first_us == 0) {
            r->first_us = llm_clock_us();
        }
    }
    if (event->type == LLM_EVENT_USAGE) {
        llm_call_admit_see(call, event);
    }
    llm_status status = llm_response_add(r, event);
    if (status != LLM_OK) {
        return status;
    }
    if (call->reuse.records) {
        llm_call_reuse_event(call, event);
    }
    call->loop->progress++;
    if (call->freed) {
        return LLM_OK;
    }
    if (call->delivery == LLM_DELIVER_PULL) {
        return llm_call_enqueue(call, event);
    }
    if (call->on_event != NULL) {
        call->busy++;
        status = call->on_event(call->ctx, call, event);
        call->busy--;
        if (status < 0 && !last) {
            atomic_store(&call->cancel_asked, true);
            return LLM_E_CANCELLED;
        }
    }
    return LLM_OK;
}

llm_status llm_call_next(llm_call *call, int timeout_ms, const llm_event **ret_event) {
    const uint64_t until = llm_clock_us() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000;
    bool was_run = false; // at least once: a host that polls gets on
    if (call->delivery != LLM_DELIVER_PULL) {
        return LLM_E_INVALID_REQUEST;
    }
    if (call->queue_first == NULL) { // everything that was given before is done with
        llm_arena_reset(&call->queue_arena, 65536);
        call->queue_last = NULL;
    }
    while (call->queue_first == NULL) {
        if (call->end_pulled) {
            return LLM_DONE;
        }
        if (call->ended) { // there was no memory to queue it: it comes all the same
            call->end_pulled = true;
            call->pulled = (llm_event){.size = (uint32_t)sizeof call->pulled,
                                       .type = LLM_EVENT_END,
                                       .status = call->response->error.status};
            *ret_event = &call->pulled;
            return LLM_OK;
        }
        const uint64_t now = llm_clock_us();
        const int left_ms = timeout_ms < 0 ? -1 : now < until ? (int)((until - now + 999) / 1000) : 0;
        if (left_ms == 0 && was_run) {
            return LLM_E_TIMEOUT;
        }
        if (llm_loop_run(call->loop, left_ms) < 0) { // from inside a callback: nothing would ever come
            return LLM_E_INVALID_REQUEST;
        }
        was_run = true;
    }
    call->pulled = call->queue_first->event;
    call->end_pulled = call->pulled.type == LLM_EVENT_END;
    call->queue_first = call->queue_first->next;
    call->queue_last = call->queue_first == NULL ? NULL : call->queue_last;
    *ret_event = &call->pulled;
    return LLM_OK;
}

// ---- verbs -------------------------------------------------------------------------------------------------------

static llm_status LLM_CALL verb_text(void *ctx, uint32_t choice, uint32_t channel, const char *p, size_t n) {
    if (n == 0) {
        return LLM_OK;
    }
    if (choice >= LLM_MAX_CHOICES || channel > LLM_TEXT_REFUSAL) {
        return LLM_E_LIMIT;
    }
    return llm_call_emit(
        ctx, &(llm_event){.type = LLM_EVENT_TEXT, .choice = choice, .channel = channel, .text = {p, n}});
}

static llm_status LLM_CALL verb_tool(void *ctx, uint32_t choice, uint32_t index, const char *id,
                                     size_t id_len, const char *name, size_t name_len, const char *args,
                                     size_t args_len) {
    if (choice >= LLM_MAX_CHOICES) {
        return LLM_E_LIMIT;
    }
    return llm_call_emit(ctx, &(llm_event){.type = LLM_EVENT_TOOL,
                                           .choice = choice,
                                           .index = index,
                                           .id = {id, id_len},
                                           .name = {name, name_len},
                                           .text = {args != NULL ? args : "", args != NULL ? args_len : 0}});
}

// What the first bytes say.
static llm_str sniff(const uint8_t *p, size_t n) {
    static const struct {
        const char *magic;
        size_t len, at;
        const char *mime;
    } kinds[] = {
        {"\x89PNG\r\n\x1a\n", 8, 0, "image/png"},
        {"\xff\xd8\xff", 3, 0, "image/jpeg"},
        {"GIF8", 4, 0, "image/gif"},
        {"WEBP", 4, 8, "image/webp"},
        {"WAVE", 4, 8, "audio/wav"},
        {"<svg", 4, 0, "image/svg+xml"},
        {"<?xml", 5, 0, "image/svg+xml"},
        {"ID3", 3, 0, "audio/mpeg"},
        {"\xff\xfb", 2, 0, "audio/mpeg"},
        {"OggS", 4, 0, "audio/ogg"},
        {"fLaC", 4, 0, "audio/flac"},
        {"%PDF", 4, 0, "application/pdf"},
        {"ftypavif", 8, 4, "image/avif"},
        {"ftyp", 4, 4, "video/mp4"},
        {"\x1a\x45\xdf\xa3", 4, 0, "video/webm"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (n >= kinds[i].at + kinds[i].len && memcmp(p + kinds[i].at, kinds[i].magic, kinds[i].len) == 0) {
            return llm_str_from(kinds[i].mime);
        }
    }
    return LLM_STR("application/octet-stream");
}

static llm_status give_blob(struct llm_call *call, uint32_t index, llm_str mime, const uint8_t *p, size_t n,
                            uint32_t last) {
    if (mime.len == 0 && n > 0 && (!call->blob_typed || index != call->blob_index)) {
        mime = sniff(p, n);
    }
    call->blob_typed = last == 0;
    call->blob_index = index;
    return llm_call_emit(
        call,
        &(llm_event){.type = LLM_EVENT_BLOB, .index = index, .mime = mime, .data = {p, n}, .last = last});
}

static llm_status LLM_CALL verb_blob(void *ctx, uint32_t index, const char *mime, size_t mime_len,
                                     const uint8_t *p, size_t n, uint32_t last) {
    return index < LLM_MAX_BLOBS ? give_blob(ctx, index, (llm_str){mime, mime_len}, p, n, last) : LLM_E_LIMIT;
}

// Decodes into call->scratch; digits that do not make a whole group wait for the next piece.
static llm_status decode_base64(struct llm_call *call, const char *p, size_t n) {
    struct llm_buf *out = &call->scratch;
    out->len = 0;
    const llm_status status = llm_buf_reserve(out, n / 4 * 3 + 6);
    if (status != LLM_OK) {
        return status;
    }
    const size_t len = llm_base64_decode(&call->base64, p, n, (uint8_t *)out->ptr);
    if (len == SIZE_MAX) {
        return llm_call_fail(call, LLM_E_PROTOCOL, "the answer holds base64 text that is none");
    }
    out->len = len;
    return LLM_OK;
}

static llm_status LLM_CALL verb_blob_base64(void *ctx, uint32_t index, const char *mime, size_t mime_len,
                                            const char *p, size_t n, uint32_t last) {
    struct llm_call *call = ctx;
    if (index >= LLM_MAX_BLOBS) {
        return LLM_E_LIMIT;
    }
    const llm_status status = decode_base64(call, p, n);
    if (status != LLM_OK) {
        return status;
    }
    struct llm_buf *out = &call->scratch;
    if (last != 0) {
        out->len += llm_base64_finish(&call->base64, (uint8_t *)out->ptr + out->len);
    }
    return give_blob(call, index, (llm_str){mime, mime_len}, (const uint8_t *)out->ptr, out->len, last);
}

static llm_status LLM_CALL verb_blob_url(void *ctx, uint32_t index, const char *mime, size_t mime_len,
                                         const char *url, size_t url_len) {
    if (index >= LLM_MAX_BLOBS || url_len > LLM_MAX_URL_BYTES) {
        return LLM_E_LIMIT;
    }
    return llm_call_emit(ctx, &(llm_event){.type = LLM_EVENT_BLOB,
                                           .index = index,
                                           .mime = {mime, mime_len},
                                           .text = {url, url_len},
                                           .last = 1});
}

static llm_status LLM_CALL verb_vector(void *ctx, uint32_t index, const float *v, size_t n) {
    if (index >= LLM_MAX_VECTORS) {
        return LLM_E_LIMIT;
    }
    return llm_call_emit(ctx,
                         &(llm_event){.type = LLM_EVENT_VECTOR, .index = index, .vector = v, .n_vector = n});
}

static llm_status LLM_CALL verb_vector_json(void *ctx, uint32_t index, const char *p, size_t n) {
    if (index >= LLM_MAX_VECTORS) {
        return LLM_E_LIMIT;
    }
    return llm_call_emit(ctx, &(llm_event){.type = LLM_EVENT_VECTOR, .index = index, .text = {p, n}});
}

static int64_t counted(int64_t value) {
    return value < 0 ? -1 : value < LLM_MAX_USAGE_COUNT ? value : LLM_MAX_USAGE_COUNT;
}

static llm_status LLM_CALL verb_usage(void *ctx, const llm_counts *counts) {
    struct llm_call *call = ctx;
    llm_counts c = LLM_COUNTS_INIT;
    memcpy(&c, counts, counts->size < sizeof c ? counts->size : sizeof c);
    const llm_usage usage = {.size = (uint32_t)sizeof usage,
                             .input_tokens = counted(c.input_tokens),
                             .output_tokens = counted(c.output_tokens),
                             .cache_read_tokens = counted(c.cache_read_tokens),
                             .cache_write_tokens = counted(c.cache_write_tokens),
                             .cache_write_1h_tokens = counted(c.cache_write_1h_tokens),
                             .reasoning_tokens = counted(c.reasoning_tokens),
                             .audio_input_tokens = counted(c.audio_input_tokens),
                             .audio_output_tokens = counted(c.audio_output_tokens),
                             .images = counted(c.images),
                             .milliseconds = counted(c.milliseconds),
                             .characters = counted(c.characters),
                             .raw = c.raw,
                             .image_input_tokens = counted(c.image_input_tokens),
                             .image_output_tokens = counted(c.image_output_tokens),
                             .pages = counted(c.pages),
                             .searches = counted(c.searches),
                             .tier = c.tier,
                             .dimensions = c.dimensions,
                             .quality = c.quality};
    if (c.cost_pico_usd >= 0) {
        call->response->stated_cost = c.cost_pico_usd;
    }
    return llm_call_emit(call, &(llm_event){.type = LLM_EVENT_USAGE, .usage = &usage});
}

static llm_status LLM_CALL verb_finish(void *ctx, uint32_t choice, uint32_t reason, const char *native,
                                       size_t n) {
    if (choice >= LLM_MAX_CHOICES) {
        return LLM_E_LIMIT;
    }
    return llm_call_emit(
        ctx,
        &(llm_event){.type = LLM_EVENT_FINISH, .choice = choice, .finish = reason, .native = {native, n}});
}

void llm_call_fault(struct llm_call *call, const llm_fault *fault) {
    llm_fault f = {0};
    memcpy(&f, fault, fault->size < sizeof f ? fault->size : sizeof f);
    llm_error *e = &call->error;
    (void)llm_call_fail(call, f.code < 0 ? f.code : LLM_E_INTERNAL, "%.*s", LLM_FMT(f.message));
    if (f.message.len == 0) {
        llm_error_text(e->message, sizeof e->message, llm_str_from(llm_status_name(e->status)));
    }
    if (f.http_status != 0) {
        e->http_status = (int32_t)f.http_status;
    }
    if (f.retry_after_ms != 0) {
        e->retry_after_ms =
            (int64_t)(f.retry_after_ms < LLM_MAX_RETRY_AFTER_MS ? f.retry_after_ms : LLM_MAX_RETRY_AFTER_MS);
    }
    call->advice = f.retry;
    llm_error_text(e->provider_code, sizeof e->provider_code, f.provider_code);
    llm_error_text(e->param, sizeof e->param, f.param);
    llm_error_text(e->request_id, sizeof e->request_id, f.request_id);
}

static llm_status LLM_CALL verb_fault(void *ctx, const llm_fault *fault) {
    llm_call_fault(ctx, fault);
    return LLM_OK;
}

static llm_status LLM_CALL verb_warn(void *ctx, const char *code, size_t code_len, const char *param,
                                     size_t param_len, const char *text, size_t n) {
    return llm_call_emit(ctx, &(llm_event){.type = LLM_EVENT_WARNING,
                                           .id = {code, code_len},
                                           .name = {param, param_len},
                                           .text = {text, n}});
}

static llm_status LLM_CALL verb_identity(void *ctx, const char *model, size_t model_len, const char *id,
                                         size_t id_len) {
    struct llm_response *r = ((struct llm_call *)ctx)->response;
    const llm_str said[] = {{model, model_len}, {id, id_len}};
    llm_str *const at[] = {&r->provider_model, &r->id};
    for (size_t i = 0; i < 2; i++) {
        if (said[i].len > 0 && !llm_str_eq(*at[i], said[i])) {
            const llm_str copy = llm_arena_dup(&r->arena, said[i]);
            if (copy.ptr == NULL) {
                return LLM_E_NOMEM;
            }
            *at[i] = copy;
        }
    }
    return LLM_OK;
}

static llm_status LLM_CALL verb_verbatim(void *ctx) {
    (void)ctx; // a hint for hosts that forward bytes; LLM_QUERY_RAW gives every chunk
    return LLM_OK;
}

static llm_status LLM_CALL verb_json(void *ctx, const char *kind, size_t kind_len, const char *p, size_t n) {
    return llm_call_emit(ctx, &(llm_event){.type = LLM_EVENT_JSON, .name = {kind, kind_len}, .text = {p, n}});
}

void llm_sink_bind(struct llm_call *call) {
    call->out_verbs = (llm_out){.size = (uint32_t)sizeof call->out_verbs,
                                .ctx = call,
                                .text = verb_text,
                                .tool = verb_tool,
                                .blob = verb_blob,
                                .blob_base64 = verb_blob_base64,
                                .blob_url = verb_blob_url,
                                .vector = verb_vector,
                                .vector_json = verb_vector_json,
                                .usage = verb_usage,
                                .finish = verb_finish,
                                .fault = verb_fault,
                                .warn = verb_warn,
                                .identity = verb_identity,
                                .verbatim = verb_verbatim,
                                .json = verb_json};
}
