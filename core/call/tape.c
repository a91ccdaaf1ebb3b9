// SPDX-License-Identifier: MIT
#include "call/tape.h"

#include "base/limits.h"
#include "call/call.h"

static struct llm_tape *tape_of(const struct llm_call *call) {
    struct llm_tape *tape = call->response->tape_last;
    return (call->flags & LLM_QUERY_EXCHANGES) != 0 && tape != NULL && !tape->over ? tape : NULL;
}

static struct llm_tape *tape_new(struct llm_call *call) {
    struct llm_response *r = call->response;
    struct llm_tape *tape =
        r->n_tapes < LLM_MAX_TAPE_EXCHANGES ? llm_arena_new(&r->arena, sizeof *tape) : NULL;
    if (tape == NULL) {
        r->tape_lost = true;
        return NULL;
    }
    *(r->tape_last != NULL ? &r->tape_last->next : &r->tapes) = tape;
    r->tape_last = tape;
    r->n_tapes++;
    tape->request_body.max = tape->answer_body.max = LLM_MAX_RESPONSE_BYTES;
    tape->attempt = 1;
    for (const struct llm_attempt *a = r->attempts; a != NULL; a = a->next) {
        tape->attempt++;
    }
    return tape;
}

// Of all providers, not only of the one that was asked: the whole is meant to be written down.
static void redact(struct llm_call *call, char *text, size_t len) {
    (void)llm_snapshot_redact(call->snapshot, NULL, 0, text, len);
}

static llm_str keep_text(struct llm_call *call, llm_str text) {
    const llm_str copy = llm_arena_dup(&call->response->arena, text);
    if (copy.ptr == NULL) {
        call->response->tape_lost = true;
        return LLM_STR("");
    }
    redact(call, (char *)(uintptr_t)copy.ptr, copy.len); // ours since a moment ago
    return copy;
}

static void keep_header(struct llm_call *call, struct llm_tape_headers *headers, llm_str name, llm_str value,
                        bool credential) {
    llm_header *list =
        llm_arena_grow(&call->response->arena, headers->list, headers->n, &headers->cap, sizeof *list);
    if (list == NULL) {
        call->response->tape_lost = true;
        return;
    }
    headers->list = list;
    list[headers->n++] =
        (llm_header){keep_text(call, name), credential ? (llm_str){NULL, 0} : keep_text(call, value)};
}

static void keep_body(struct llm_call *call, struct llm_buf *body, const void *p, size_t n) {
    if (llm_buf_put(body, p, n) != LLM_OK) {
        call->response->tape_lost = true;
    }
}

// The text without the credential that the draft holds in it, if it does.
static void blank_secret(const struct llm_call *call, llm_str from, llm_str copy) {
    const char *secret = call->draft.secret;
    if (secret != NULL && secret >= from.ptr && secret < from.ptr + from.len && copy.len == from.len) {
        memset((char *)(uintptr_t)copy.ptr + (secret - from.ptr), '*', call->draft.secret_len);
    }
}

void llm_call_tape_request(struct llm_call *call, const struct llm_http_call *http) {
    struct llm_tape *tape = (call->flags & LLM_QUERY_EXCHANGES) != 0 ? tape_new(call) : NULL;
    if (tape == NULL) {
        return;
    }
    tape->method = keep_text(call, llm_str_from(http->method));
    tape->url = keep_text(call, llm_str_from(http->url));
    blank_secret(call, llm_str_from(http->url), tape->url);
    for (size_t i = 0; i < http->n_lines; i++) {
        const llm_str line = llm_str_from(http->lines[i]);
        const char *colon = memchr(line.ptr, ':', line.len);
        const size_t n = colon != NULL ? (size_t)(colon - line.ptr) : line.len;
        if (n + 1 >= line.len) { // a field that libcurl is told to leave out
            continue;
        }
        const char *secret = call->draft.secret;
        keep_header(call, &tape->request_headers, (llm_str){line.ptr, n},
                    llm_str_trim(llm_str_cut(line, n + 1)),
                    secret != NULL && secret >= line.ptr && secret <= line.ptr + line.len);
    }
    for (size_t i = 0; i < http->n_body; i++) {
        keep_body(call, &tape->request_body, http->body[i].ptr, http->body[i].len);
    }
}

void llm_call_tape_head(struct llm_call *call, uint32_t http_status, const llm_header *headers, size_t n) {
    struct llm_tape *tape = tape_of(call);
    if (tape == NULL) {
        return;
    }
    tape->http_status = http_status;
    for (size_t i = 0; i < n; i++) {
        keep_header(call, &tape->answer_headers, headers[i].name, headers[i].value, false);
    }
}

void llm_call_tape_data(struct llm_call *call, const void *p, size_t n) {
    struct llm_tape *tape = tape_of(call);
    if (tape != NULL) {
        keep_body(call, &tape->answer_body, p, n);
    }
}

void llm_call_tape_cut(struct llm_call *call) {
    struct llm_tape *tape = tape_of(call);
    if (tape != NULL) {
        tape->cut = true;
    }
}

void llm_call_tape_over(struct llm_call *call) {
    struct llm_tape *tape = tape_of(call);
    if (tape == NULL) {
        return;
    }
    tape->over = true;
    tape->status = call->outcome < 0 ? call->outcome : LLM_OK;
    struct llm_buf *const bodies[] = {&tape->request_body, &tape->answer_body};
    for (size_t i = 0; i < 2; i++) {
        if (bodies[i]->len > 0) { // as a whole: a key may have come in pieces
            redact(call, bodies[i]->ptr, bodies[i]->len);
        }
    }
}

void llm_tape_clear(struct llm_response *r) {
    for (struct llm_tape *tape = r->tapes; tape != NULL; tape = tape->next) {
        llm_buf_done(&tape->request_body);
        llm_buf_done(&tape->answer_body);
    }
    r->tapes = r->tape_last = NULL;
    r->n_tapes = 0;
    r->tape_lost = false;
}

int llm_response_exchange(const llm_response *r, size_t position, llm_exchange_record *ret) {
    const struct llm_tape *tape = r->tapes;
    for (; tape != NULL && position > 0; position--) {
        tape = tape->next;
    }
    if (tape == NULL || !tape->over || ret == NULL || ret->size < sizeof *ret) {
        return 0;
    }
    const llm_str sent = llm_buf_str(&tape->request_body), came = llm_buf_str(&tape->answer_body);
    *ret = (llm_exchange_record){
        .size = (uint32_t)sizeof *ret,
        .flags = (tape->cut ? LLM_EXCHANGE_CUT : 0) | (r->tape_lost ? LLM_EXCHANGE_PART : 0),
        .attempt = tape->attempt,
        .http_status = (int32_t)tape->http_status,
        .status = tape->status,
        .method = tape->method,
        .url = tape->url,
        .request_headers = tape->request_headers.list,
        .n_request_headers = tape->request_headers.n,
        .answer_headers = tape->answer_headers.list,
        .n_answer_headers = tape->answer_headers.n,
        .request_body = {(const uint8_t *)sent.ptr, sent.len},
        .answer_body = {(const uint8_t *)came.ptr, came.len},
    };
    return 1;
}
