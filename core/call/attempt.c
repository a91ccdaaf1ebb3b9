// SPDX-License-Identifier: MIT
// Attempt: encode -> exchange -> frames -> head/data/end or fail.  Nothing here goes on by itself: when an answer is over, the outcome is
// noted and the call is queued.
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "call/call.h"
#include "net/advice.h"

static void over(struct llm_call *call, llm_status outcome) {
    call->exchange = NULL;
    call->stopped = true;
    if (call->lost) { // nobody asks what became of it
        return;
    }
    call->outcome = outcome;
    llm_call_debug_over(call);
    llm_call_tape_over(call);
    call->phase = LLM_PHASE_NONE;
    call->step = LLM_STEP_DECIDE;
    llm_loop_queue(call);
}

// ---- the answer --------------------------------------------------------------------------------------------------

// What is kept is shown to people and written to files: without the keys, which some servers repeat.
static llm_status keep_raw(struct llm_call *call, llm_str text, bool list) {
    struct llm_buf *raw = &call->response->raw;
    const size_t before = raw->len;
    const llm_status status = llm_response_add_raw(call->response, text, list);
    if (raw->len > before) {
        llm_call_redact_text(call, raw->ptr + before, raw->len - before);
    }
    return status;
}

static llm_status on_chunk(void *ctx, const llm_chunk *chunk) {
    struct llm_call *call = ctx;
    const llm_str text = {(const char *)chunk->data.ptr, chunk->data.len};
    if ((call->flags & LLM_QUERY_RAW) != 0) {
        llm_status status = keep_raw(call, text, chunk->frame != LLM_FRAME_WHOLE);
        if (status == LLM_OK) {
            status =
                llm_call_emit(call, &(llm_event){.type = LLM_EVENT_RAW, .text = text, .name = chunk->event});
        }
        if (status != LLM_OK) {
            return status;
        }
    }
    llm_codec_enter(call);
    const llm_status status = call->generator->codec.data(call->job, chunk, &call->out_verbs);
    llm_codec_leave(call);
    return status == LLM_MORE ? LLM_OK : status;
}

// A copy without the secrets that a server may have written into it.
static llm_str clean_copy(struct llm_call *call, struct llm_arena *arena, llm_str text) {
    const llm_str copy = llm_arena_dup(arena, text);
    if (copy.ptr != NULL) {
        llm_call_redact_text(call, (char *)(uintptr_t)copy.ptr, copy.len);
    }
    return copy;
}

static void keep_request_id(struct llm_call *call, llm_str id) {
    struct llm_response *r = call->response;
    if (id.len > 0) {
        r->request_id = clean_copy(call, &r->arena, id);
    }
}

// The head lasts until fail() has seen it.
static llm_status keep_head(struct llm_call *call, const llm_header *headers, size_t n) {
    llm_header *fields = llm_arena_new(&call->arena, (n + 1) * sizeof *fields);
    if (fields == NULL) {
        return LLM_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        fields[i] = (llm_header){llm_arena_dup(&call->arena, headers[i].name),
                                 clean_copy(call, &call->arena, headers[i].value)};
        if (fields[i].name.ptr == NULL || fields[i].value.ptr == NULL) {
            return LLM_E_NOMEM;
        }
    }
    call->head_fields = fields;
    call->n_head_fields = n;
    return LLM_OK;
}

static llm_status on_head(void *ctx, uint32_t http_status, const llm_header *headers, size_t n) {
    struct llm_call *call = ctx;
    if (call->lost) {
        return LLM_E_CANCELLED;
    }
    call->http_status = http_status;
    call->answer_is_2xx = http_status >= 200 && http_status < 300;
    call->first_byte_us = call->first_byte_us != 0 ? call->first_byte_us : llm_clock_us();
    call->stage = call->answer_is_2xx ? LLM_STAGE_ANSWER : LLM_STAGE_REFUSED;
    llm_call_phase(call, LLM_PHASE_IDLE);
    llm_call_debug_head(call, http_status, headers, n);
    llm_call_tape_head(call, http_status, headers, n);
    keep_request_id(call, llm_head_request_id(headers, n));
    if (!call->answer_is_2xx) {
        return keep_head(call, headers, n);
    }
    const llm_str coding = llm_str_trim(llm_head_get(headers, n, "content-encoding"));
    if (coding.len > 0 && !llm_str_eq_nocase(coding, LLM_STR("identity"))) {
        return llm_call_fail(call, LLM_E_PROTOCOL,
                             "the answer is encoded with %.*s although \"identity\" was asked for",
                             LLM_FMT(coding));
    }
    if (call->exchanges == 0) {
        const llm_status status = llm_call_emit(call, &(llm_event){.type = LLM_EVENT_START,
                                                                   .name = call->response->provider,
                                                                   .text = call->response->provider_model});
        if (status != LLM_OK) {
            return status;
        }
    }
    const llm_head head = {
        .size = (uint32_t)sizeof head, .http_status = http_status, .headers = headers, .n_headers = n};
    llm_codec_enter(call);
    const llm_status status = call->generator->codec.head(call->job, &head, &call->out_verbs);
    llm_codec_leave(call);
    return status < 0 ? status : LLM_OK;
}

static llm_status failed_answer(struct llm_call *call);

static llm_status end_of_body(struct llm_call *call, llm_status transport) {
    llm_codec_enter(call);
    const llm_status status = call->generator->codec.end(call->job, transport, &call->out_verbs);
    llm_codec_leave(call);
    return status >= 0 && status != LLM_AGAIN ? LLM_DONE : status;
}

// The next bytes.  LLM_OK: go on; LLM_DONE: the answer is complete, whatever may follow; negative: it failed.
static llm_status feed(struct llm_call *call, const void *p, size_t n) {
    call->activity_us = call->loop->reactor.now_us;
    llm_call_debug_data(call, p, n);
    llm_call_tape_data(call, p, n);
    if (!call->answer_is_2xx) {
        const size_t room = LLM_MAX_ERROR_BYTES - call->error_body.len;
        const llm_status status = llm_buf_put(&call->error_body, p, n < room ? n : room);
        return status == LLM_OK && n >= room ? LLM_DONE : status; // the rest is not read: it may have no end
    }
    return llm_frames_feed(&call->frames, p, n);
}

static llm_status on_data(void *ctx, const void *p, size_t n) {
    struct llm_call *call = ctx;
    if (call->lost) {
        return LLM_E_CANCELLED;
    }
    const llm_status status = feed(call, p, n);
    if (status == LLM_OK) {
        return LLM_OK;
    }
    struct llm_exchange *exchange = call->exchange;
    const llm_status outcome = status != LLM_DONE    ? status
                               : call->answer_is_2xx ? end_of_body(call, LLM_OK)
                                                     : failed_answer(call);
    over(call, outcome);
    if (exchange != NULL) {
        llm_exchange_stop(exchange, status == LLM_DONE);
    }
    return status == LLM_DONE ? LLM_OK : outcome;
}

static void fail_by_status(struct llm_call *call, llm_fault *fault) {
    const llm_str body = llm_str_trim(llm_buf_str(&call->error_body));
    fault->http_status = call->http_status;
    fault->code = llm_status_from_http(call->http_status);
    fault->code = fault->code >= 0 ? LLM_E_PROTOCOL : fault->code;
    const int64_t wait = llm_head_retry_after_ms(call->head_fields, call->n_head_fields, (int64_t)time(NULL));
    if (wait > 0) {
        fault->retry = LLM_RETRY_AFTER;
        fault->retry_after_ms = (uint64_t)wait;
    }
    if (call->http_status >= 300 && call->http_status < 400) {
        fault->message = llm_arena_format(
            &call->arena, "HTTP %u: a redirect to %.*s, which is not followed", call->http_status,
            LLM_FMT(llm_head_get(call->head_fields, call->n_head_fields, "location")));
        return;
    }
    const bool readable =
        body.len > 0 && body.len <= 512 && body.ptr[0] != '<' && body.ptr[0] != '{' && llm_str_utf8(body);
    fault->message =
        readable ? llm_arena_format(&call->arena, "HTTP %u: %.*s", call->http_status, LLM_FMT(body))
                 : llm_arena_format(&call->arena, "HTTP %u%s", call->http_status,
                                    body.len == 0        ? " without a body"
                                    : body.ptr[0] == '<' ? " with a page of HTML instead of an API's answer"
                                                         : "");
}

// An answer that is not 2xx: status and head say something, the codec knows better.
static llm_status failed_answer(struct llm_call *call) {
    llm_fault fault = {.size = (uint32_t)sizeof fault};
    llm_call_redact_text(call, call->error_body.ptr,
                         call->error_body.len); // some servers say the key that they refuse
    fail_by_status(call, &fault);
    if ((call->flags & LLM_QUERY_RAW) != 0 && call->error_body.len > 0) {
        (void)llm_response_add_raw(call->response, llm_buf_str(&call->error_body), false);
    }
    if (call->http_status < 400) { // a redirect: no answer of the provider's, whatever its body says
        llm_call_fault(call, &fault);
        return call->error.status;
    }
    const llm_head head = {.size = (uint32_t)sizeof head,
                           .http_status = call->http_status,
                           .headers = call->head_fields,
                           .n_headers = call->n_head_fields};
    const llm_bytes body = {(const uint8_t *)llm_buf_str(&call->error_body).ptr, call->error_body.len};
    llm_codec_enter(call);
    const llm_status status = call->generator->codec.fail(call->job, &head, &body, &fault);
    llm_codec_leave(call);
    if (status == LLM_AGAIN) {
        return LLM_AGAIN;
    }
    llm_call_fault(call, &fault);
    return call->error.status;
}

static void on_end(void *ctx, llm_status transport, const struct llm_http_end *end) {
    struct llm_call *call = ctx;
    if (call->stopped) { // on_data has said it all
        return;
    }
    call->exchange = NULL;
    if (call->lost) {
        return;
    }
    call->final = end->untrusted;
    if (transport < 0) {
        llm_call_tape_cut(call);
    }
    if (!end->sent && call->stage == LLM_STAGE_SENT) {
        call->stage = LLM_STAGE_NONE;
    }
    if (atomic_load(&call->cancel_asked)) {
        over(call, LLM_E_CANCELLED);
        return;
    }
    if (call->http_status == 0 || (transport < 0 && !call->answer_is_2xx)) {
        if (call->error.status == LLM_OK) {
            (void)llm_call_fail(call, transport < 0 ? transport : LLM_E_TRANSPORT, "%s", end->message);
        }
        over(call, call->error.status);
        return;
    }
    if (!call->answer_is_2xx) {
        over(call, failed_answer(call));
        return;
    }
    llm_status status = transport == LLM_OK ? llm_frames_end(&call->frames) : LLM_OK;
    if (status >= 0) {
        status = end_of_body(call, transport);
    }
    if (transport < 0 && status < 0 && call->error.status == LLM_OK) {
        status = llm_call_fail(call, transport, "the answer was cut off: %s", end->message);
    }
    over(call, status);
}

void llm_call_look_if_sent(struct llm_call *call) {
    if (call->exchange != NULL && call->stage == LLM_STAGE_SENT && !llm_exchange_sent(call->exchange)) {
        call->stage = LLM_STAGE_NONE;
    }
}

// ---- steps -------------------------------------------------------------------------------------------------------

static void begin_answer(struct llm_call *call) {
    const uint32_t framing = call->draft.framing;
    call->http_status = 0;
    call->answer_is_2xx = call->stopped = false;
    call->error_body.len = 0;
    call->n_head_fields = 0;
    llm_frames_init(&call->frames, framing,
                    framing == LLM_FRAME_WHOLE ? LLM_MAX_RESPONSE_BYTES : LLM_MAX_EVENT_BYTES,
                    LLM_MAX_RESPONSE_BYTES, on_chunk, call);
}

// Counted before it starts: whatever happens, it was one.  false: the provider is left alone meanwhile.
static bool begin(struct llm_call *call) {
    struct llm_health_entry *health = call->key->health;
    const uint64_t now_us = llm_clock_us();
    uint64_t wait_ms = 0;
    const struct llm_call *other = call->racing;
    if (!llm_call_tried(call, call->route.provider) &&
        (other == NULL ||
         (other->route.provider != call->route.provider && !llm_call_tried(other, call->route.provider)))) {
        llm_health_deposit(health, now_us);
    }
    const struct llm_model *model = call->route.model;
    if (llm_health_enter(health, model != NULL ? model->health : NULL, now_us, &call->ticket, &wait_ms) ==
        LLM_HEALTH_OPEN) {
        call->final = true;
        call->outcome = LLM_OK;
        llm_call_left_alone(call, wait_ms);
        return false;
    }
    if (call->draws && !llm_health_withdraw(health, now_us)) { // others took it since it was looked at
        llm_health_leave(&call->ticket, now_us, LLM_E_CANCELLED, 0, -1);
        call->outcome = llm_call_fail(call, LLM_E_CANCELLED, "the retry budget has no try left");
        return false;
    }
    call->counted = true;
    call->attempts++;
    if (call->racing != NULL) {
        call->racing->attempts++;
    }
    call->attempt_us = now_us;
    llm_call_hedge_arm(call);
    return true;
}

enum llm_step_name llm_call_encode(struct llm_call *call) {
    if (!call->counted && !begin(call)) {
        return LLM_STEP_DECIDE;
    }
    if (call->generator->codec.open == NULL) {
        call->stage = LLM_STAGE_SENT;
        call->admission.sent = true;
        return llm_worker_start(call);
    }
    llm_request_reset(call);
    llm_codec_enter(call);
    const llm_status status =
        call->generator->codec.encode(call->job, &call->job_step, &call->request_verbs, &call->out_verbs);
    llm_codec_leave(call);
    if (status < 0) {
        call->outcome = status;
        return LLM_STEP_DECIDE;
    }
    if (call->draft.wait_ms == 0) {
        return LLM_STEP_EXCHANGE;
    }
    const uint64_t wait_ms = call->draft.wait_ms;
    const enum llm_step_name next = llm_call_wait(call, llm_clock_us() + wait_ms * 1000, LLM_STEP_EXCHANGE);
    (void)llm_call_emit(call, &(llm_event){.type = LLM_EVENT_PROGRESS, .wait_ms = wait_ms});
    return next;
}

// ---- a host's transport in the place of HTTP ------------------------------------------------------------------------

static llm_status reply_head(void *ctx, uint32_t http_status, const llm_header *headers, size_t n) {
    struct llm_call *call = ctx;
    if (call->stopped || http_status < 200 || http_status > 599) {
        return call->stopped ? LLM_DONE : LLM_E_INVALID_REQUEST;
    }
    const llm_status status = on_head(call, http_status, headers, n);
    if (status != LLM_OK) {
        over(call, status);
    }
    return status;
}

static llm_status reply_data(void *ctx, const void *p, size_t n) {
    struct llm_call *call = ctx;
    if (call->stopped || call->http_status == 0) {
        return call->stopped ? LLM_DONE : LLM_E_INVALID_REQUEST;
    }
    const llm_status status = on_data(call, p, n);
    return call->stopped && status == LLM_OK ? LLM_DONE : status;
}

static llm_status outgoing_body(struct llm_call *call, const struct llm_http_call *http, llm_outgoing *out) {
    char *body = llm_arena_bytes(&call->arena, call->draft.body_bytes + 1);
    if (body == NULL) {
        return LLM_E_NOMEM;
    }
    char *at = body;
    for (size_t i = 0; i < http->n_body; i++) {
        memcpy(at, http->body[i].ptr, http->body[i].len);
        at += http->body[i].len;
    }
    *at = '\0';
    out->body = (llm_bytes){(const uint8_t *)body, (size_t)(at - body)};
    return LLM_OK;
}

static llm_status use_transport(struct llm_call *call, const struct llm_http_call *http) {
    const llm_transport *transport = call->loop->master->options.transport;
    llm_header *fields = llm_arena_new(&call->arena, (http->n_lines + 1) * sizeof *fields);
    llm_outgoing out = {.size = (uint32_t)sizeof out,
                        .call_id = call->id,
                        .method = llm_str_from(http->method),
                        .url = llm_str_from(http->url),
                        .headers = fields};
    if (fields == NULL || outgoing_body(call, http, &out) != LLM_OK) {
        return LLM_E_NOMEM;
    }
    for (size_t i = 0; i < http->n_lines; i++) {
        const llm_str line = llm_str_from(http->lines[i]);
        const char *colon = memchr(line.ptr, ':', line.len);
        const bool secret = call->draft.secret != NULL && call->draft.secret >= line.ptr &&
                            call->draft.secret <= line.ptr + line.len;
        if (colon != NULL && !secret && (size_t)(colon - line.ptr) + 1 < line.len) {
            const size_t n = (size_t)(colon - line.ptr);
            fields[out.n_headers++] = (llm_header){{line.ptr, n}, llm_str_trim(llm_str_cut(line, n + 1))};
        }
    }
    const llm_reply reply = {
        .size = (uint32_t)sizeof reply, .ctx = call, .head = reply_head, .data = reply_data};
    const llm_status status = transport->exchange(transport->ctx, &out, &reply);
    const struct llm_http_end end = {.message = status < 0 ? "the host's transport failed"
                                                           : "the host's transport gave no answer",
                                     .sent = true};
    on_end(call, status < 0 ? LLM_E_TRANSPORT : LLM_OK, &end);
    return LLM_OK;
}

enum llm_step_name llm_call_exchange(struct llm_call *call) {
    struct llm_http_call http;
    llm_status status = llm_request_finish(call, &http);
    if (status == LLM_OK) {
        begin_answer(call);
        http.ctx = call;
        http.on_head = on_head;
        http.on_data = on_data;
        http.on_end = on_end;
        llm_call_debug_request(call, &http);
        llm_call_tape_request(call, &http);
        call->step = LLM_STEP_PAUSE;
        call->stage = LLM_STAGE_SENT;
        call->admission.sent = true;
        llm_call_phase(call, LLM_PHASE_FIRST_BYTE);
        status = call->loop->master->options.transport != NULL
                     ? use_transport(call, &http)
                     : llm_http_start(call->loop->http, &http, &call->exchange);
    }
    if (status != LLM_OK) {
        call->outcome = status;
        call->step = LLM_STEP_EXCHANGE;
        return LLM_STEP_DECIDE;
    }
    return LLM_STEP_PAUSE;
}
