// SPDX-License-Identifier: MIT
// The debug record: what went over the wire, without what is secret.  The log's debug lines are made here too.
#include "call/debug.h"

#include "base/clock.h"
#include "base/limits.h"
#include "call/call.h"
#include "llm_json.h"
#include "observe/headers.h"

#define SHOWN_URL_BYTES 1024u

// ---- log ---------------------------------------------------------------------------------------------------------

static bool logs(const struct llm_call *call) {
    return llm_master_logs(call->loop->master, LLM_LOG_DEBUG);
}

static unsigned long long id_of(const struct llm_call *call) {
    return (unsigned long long)call->id;
}

// Its length alone: what was asked and answered has no place in a log.
static void log_bytes(struct llm_call *call, const char *mark, size_t n) {
    llm_master_log(call->loop->master, LLM_LOG_DEBUG, "call %llu %s %zu bytes", id_of(call), mark, n);
}

static void log_header(struct llm_call *call, const char *mark, llm_header header) {
    char text[1024];
    const llm_str shown = llm_header_is_shown(header.name)
                              ? llm_call_redact(call, header.value, text, sizeof text)
                              : LLM_STR("***");
    llm_master_log(call->loop->master, LLM_LOG_DEBUG, "call %llu %s %.*s: %.*s", id_of(call), mark,
                   LLM_FMT(header.name), LLM_FMT(shown));
}

// ---- the record --------------------------------------------------------------------------------------------------

// A racer's exchanges stand with those of its call, which lives longer.
static struct llm_response *response_of(const struct llm_call *call) {
    return call->racing != NULL ? call->racing->response : call->response;
}

static llm_header split_line(const char *line) {
    const llm_str all = llm_str_from(line);
    const char *colon = memchr(all.ptr, ':', all.len);
    const size_t n = colon != NULL ? (size_t)(colon - all.ptr) : all.len;
    return (llm_header){{all.ptr, n}, llm_str_trim(llm_str_cut(all, n < all.len ? n + 1 : n))};
}

static llm_str keep_text(struct llm_call *call, llm_str text) {
    const llm_str copy = llm_arena_dup(&response_of(call)->arena, text);
    if (copy.ptr != NULL) {
        llm_call_redact_text(call, (char *)(uintptr_t)copy.ptr, copy.len); // ours since a moment ago
    }
    return copy;
}

static void keep_header(struct llm_call *call, struct llm_debug_headers *headers, llm_header header) {
    llm_header *list =
        llm_arena_grow(&response_of(call)->arena, headers->list, headers->n, &headers->cap, sizeof *list);
    if (list == NULL) {
        return;
    }
    headers->list = list;
    list[headers->n].name = keep_text(call, header.name);
    list[headers->n].value =
        llm_header_is_shown(header.name) ? keep_text(call, header.value) : (llm_str){NULL, 0};
    headers->n++;
}

static void keep_body(struct llm_call *call, struct llm_debug_body *body, const void *p, size_t n) {
    body->bytes += n;
    if ((call->flags & LLM_QUERY_DEBUG_BODIES) == 0) {
        return;
    }
    if (body->text == NULL) {
        body->text = llm_arena_bytes(&response_of(call)->arena, LLM_MAX_DEBUG_BODY_BYTES);
    }
    if (body->text != NULL) {
        const size_t room = LLM_MAX_DEBUG_BODY_BYTES - body->len;
        const size_t take = n < room ? n : room;
        memcpy(body->text + body->len, p, take);
        body->len += take;
    }
}

static struct llm_debug *exchange_of(const struct llm_call *call) {
    return call->debug != NULL && call->debug->end_us == 0 ? call->debug : NULL;
}

static struct llm_debug *exchange_new(struct llm_call *call) {
    struct llm_response *r = response_of(call);
    call->debug = NULL;
    if (r->n_debug++ >= LLM_MAX_DEBUG_EXCHANGES) {
        return NULL;
    }
    struct llm_debug *debug = llm_arena_new(&r->arena, sizeof *debug);
    if (debug == NULL) {
        return NULL;
    }
    *(r->debug_last != NULL ? &r->debug_last->next : &r->debug) = debug;
    r->debug_last = debug;
    debug->hedge = call->racing != NULL;
    call->debug = debug;
    debug->start_us = llm_clock_us();
    return debug;
}

void llm_call_debug_request(struct llm_call *call, const struct llm_http_call *http) {
    char url[SHOWN_URL_BYTES];
    struct llm_debug *debug = (call->flags & LLM_QUERY_DEBUG) != 0 ? exchange_new(call) : NULL;
    if (debug == NULL && !logs(call)) {
        return;
    }
    const llm_str shown = {url, llm_url_show(llm_str_from(http->url), url, sizeof url)};
    llm_call_redact_text(call, url, shown.len);
    llm_master_log(call->loop->master, LLM_LOG_DEBUG, "call %llu > %s %s", id_of(call), http->method, url);
    if (debug != NULL) {
        debug->method = keep_text(call, llm_str_from(http->method));
        debug->url = keep_text(call, shown);
    }
    for (size_t i = 0; i < http->n_lines; i++) {
        const llm_header header = split_line(http->lines[i]);
        if (header.value.len == 0) { // a field that libcurl is told to leave out
            continue;
        }
        if (logs(call)) {
            log_header(call, ">", header);
        }
        if (debug != NULL) {
            keep_header(call, &debug->request_headers, header);
        }
    }
    for (size_t i = 0; i < http->n_body; i++) {
        if (debug != NULL) {
            keep_body(call, &debug->request_body, http->body[i].ptr, http->body[i].len);
        }
    }
    log_bytes(call, ">", call->draft.body_bytes);
}

void llm_call_debug_head(struct llm_call *call, uint32_t http_status, const llm_header *headers, size_t n) {
    struct llm_debug *debug = exchange_of(call);
    if (debug == NULL && !logs(call)) {
        return;
    }
    llm_master_log(call->loop->master, LLM_LOG_DEBUG, "call %llu < HTTP %u", id_of(call), http_status);
    if (debug != NULL) {
        debug->http_status = http_status;
        debug->head_us = llm_clock_us();
        if (call->exchange != NULL) {
            llm_exchange_times(call->exchange, &debug->times);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (logs(call)) {
            log_header(call, "<", headers[i]);
        }
        if (debug != NULL) {
            keep_header(call, &debug->answer_headers, headers[i]);
        }
    }
}

void llm_call_debug_data(struct llm_call *call, const void *p, size_t n) {
    struct llm_debug *debug = exchange_of(call);
    if (logs(call)) {
        log_bytes(call, "<", n);
    }
    if (debug != NULL) {
        keep_body(call, &debug->answer_body, p, n);
    }
}

// A body whose end was cut off may end with the begin of a key: what is shown is redacted as a whole, at the end.
void llm_call_debug_over(struct llm_call *call) {
    struct llm_debug *debug = exchange_of(call);
    if (debug == NULL) {
        return;
    }
    debug->end_us = llm_clock_us();
    debug->status = call->outcome < 0 ? call->outcome : LLM_OK;
    struct llm_debug_body *const bodies[] = {&debug->request_body, &debug->answer_body};
    for (size_t i = 0; i < 2; i++) {
        if (bodies[i]->text != NULL) {
            llm_call_redact_text(call, bodies[i]->text, bodies[i]->len);
        }
    }
}

void llm_call_debug_number(struct llm_call *call, uint32_t attempt) {
    for (struct llm_debug *d = response_of(call)->debug; d != NULL; d = d->next) {
        if (d->attempt == 0 && d->hedge == (call->racing != NULL)) {
            d->attempt = attempt;
        }
    }
}

// ---- JSON --------------------------------------------------------------------------------------------------------

static void number(llm_json_writer *w, const char *name, uint64_t value) {
    llm_json_name(w, name);
    llm_json_integer(w, value <= INT64_MAX ? (int64_t)value : INT64_MAX);
}

static void time_us(llm_json_writer *w, const char *name, int64_t us) {
    llm_json_name(w, name);
    if (us < 0) {
        llm_json_null(w);
    } else {
        llm_json_integer(w, us);
    }
}

static void text(llm_json_writer *w, const char *name, llm_str value) {
    llm_json_name(w, name);
    llm_json_string(w, value);
}

static void write_side(llm_json_writer *w, const char *name, const struct llm_debug_headers *headers,
                       const struct llm_debug_body *body, bool over) {
    llm_json_name(w, name);
    llm_json_object(w);
    llm_json_name(w, "headers");
    llm_json_array(w);
    for (size_t i = 0; i < headers->n; i++) {
        llm_json_object(w);
        text(w, "name", headers->list[i].name);
        text(w, "value", headers->list[i].value); // null: not shown
        llm_json_object_end(w);
    }
    llm_json_array_end(w);
    number(w, "bytes", body->bytes);
    if (body->text != NULL && over) {
        text(w, "body", (llm_str){body->text, body->len});
    }
    llm_json_object_end(w);
}

static void write_exchange(llm_json_writer *w, const struct llm_debug *d, uint64_t origin_us) {
    llm_json_object(w);
    time_us(w, "attempt", d->attempt != 0 ? (int64_t)d->attempt : -1);
    text(w, "method", d->method);
    text(w, "url", d->url);
    number(w, "start_us", d->start_us - origin_us);
    time_us(w, "dns_us", d->times.known ? d->times.dns_us : -1);
    time_us(w, "connect_us", d->times.known ? d->times.connect_us : -1);
    time_us(w, "tls_us", d->times.known ? d->times.tls_us : -1);
    time_us(w, "first_byte_us", d->head_us != 0 ? (int64_t)(d->head_us - d->start_us) : -1);
    time_us(w, "end_us", d->end_us != 0 ? (int64_t)(d->end_us - d->start_us) : -1);
    if (d->times.known) {
        llm_json_name(w, "reused");
        llm_json_boolean(w, d->times.reused);
    }
    llm_json_name(w, "status");
    llm_json_cstring(w, llm_status_name(d->status));
    time_us(w, "http_status", d->http_status != 0 ? (int64_t)d->http_status : -1);
    write_side(w, "request", &d->request_headers, &d->request_body, d->end_us != 0);
    if (d->http_status != 0) {
        write_side(w, "answer", &d->answer_headers, &d->answer_body, d->end_us != 0);
    }
    llm_json_object_end(w);
}

void llm_debug_write(llm_json_writer *w, const struct llm_response *r) {
    if (r->debug == NULL) {
        return;
    }
    llm_json_name(w, "debug");
    llm_json_array(w);
    for (const struct llm_debug *d = r->debug; d != NULL; d = d->next) {
        write_exchange(w, d, r->start_us);
    }
    llm_json_array_end(w);
    number(w, "debug_left_out",
           r->n_debug > LLM_MAX_DEBUG_EXCHANGES ? r->n_debug - LLM_MAX_DEBUG_EXCHANGES : 0);
}
