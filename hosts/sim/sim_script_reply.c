// SPDX-License-Identifier: MIT
// The "reply" of a rule: members into a draft, the draft into bytes that are ready to be sent.
#include "sim_parse.h"

#include "sim.h"
#include "sim_fixture.h"
#include "sim_http.h"

#include <stdio.h>

struct draft {
    struct llm_sim_reply *reply;
    struct llm_sim_made made; // body and ends are collected here
    const char *type;         // NULL: none
    llm_str headers;          // the script's object
    bool has_body, raw, echo, framed;
    llm_str raw_head;  // a JSON string; absent: none
    int64_t length_by; // added to the true Content-Length
};

static llm_status claim_body(struct llm_sim_parse *parse, struct draft *draft, llm_str value) {
    if (draft->has_body) {
        return llm_sim_parse_bad(parse, value,
                                 "a reply has one body: one of body, body_file, body_base64, sse, "
                                 "lines, raw, raw_base64, echo, fixture");
    }
    draft->has_body = true;
    return LLM_OK;
}

static llm_status read_status(struct llm_sim_parse *parse, void *target, llm_str value) {
    int64_t n;
    const llm_status status = llm_sim_parse_integer(parse, value, 200, 999, &n);
    if (status == LLM_OK) {
        ((struct draft *)target)->reply->status = (unsigned)n;
    }
    return status;
}

static llm_status read_headers(struct llm_sim_parse *parse, void *target, llm_str value) {
    ((struct draft *)target)->headers = value;
    return llm_json_type(value) == '{' ? LLM_OK
                                       : llm_sim_parse_bad(parse, value, "an object is expected here");
}

static llm_status read_body(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct draft *draft = target;
    const bool is_text = llm_json_type(value) == '"';
    draft->type = is_text ? "text/plain; charset=utf-8" : "application/json";
    if (is_text) {
        host_text_decoded(&draft->made.body, value);
    } else {
        host_text_minified(&draft->made.body, value);
    }
    return claim_body(parse, draft, value);
}

static llm_status read_body_file(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct draft *draft = target;
    llm_str name;
    llm_status status = llm_sim_parse_string(parse, value, &name);
    if (status != LLM_OK) {
        return status;
    }
    struct host_text path = {0};
    const char *slash = strrchr(parse->name, '/');
    if (slash != NULL && name.len > 0 && name.ptr[0] != '/') {
        host_text_add(&path, parse->name, (size_t)(slash + 1 - parse->name));
    }
    host_text_add(&path, name.ptr, name.len + 1);
    llm_error why = LLM_ERROR_INIT;
    status = path.failed ? LLM_E_NOMEM : host_text_file(&draft->made.body, path.ptr, &why);
    host_text_done(&path);
    draft->type = llm_sim_type_of(name);
    if (status != LLM_OK) {
        return llm_sim_parse_bad(parse, value, "%s", why.message);
    }
    return claim_body(parse, draft, value);
}

static llm_status read_base64(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct draft *draft = target;
    llm_str text;
    const llm_status status = llm_sim_parse_string(parse, value, &text);
    if (status != LLM_OK) {
        return status;
    }
    if (!host_text_unbase64(&draft->made.body, text)) {
        return llm_sim_parse_bad(parse, value, "this is not base64");
    }
    draft->type = "application/octet-stream";
    return claim_body(parse, draft, value);
}

static llm_status read_raw(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct draft *draft = target;
    if (llm_json_type(value) != '"') {
        return llm_sim_parse_bad(parse, value, "a string is expected here");
    }
    draft->raw = true;
    host_text_decoded(&draft->made.body, value);
    return claim_body(parse, draft, value);
}

static llm_status read_raw_head(struct llm_sim_parse *parse, void *target, llm_str value) {
    ((struct draft *)target)->raw_head = value;
    return llm_json_type(value) == '"' ? LLM_OK
                                       : llm_sim_parse_bad(parse, value, "a string is expected here");
}

static llm_status read_raw_base64(struct llm_sim_parse *parse, void *target, llm_str value) {
    ((struct draft *)target)->raw = true;
    return read_base64(parse, target, value);
}

// data: one field a line, as the format asks for.
static void add_data(struct host_text *body, llm_str value) {
    if (llm_json_type(value) != '"') {
        host_text_text(body, "data: ");
        host_text_minified(body, value);
        host_text_text(body, "\n");
        return;
    }
    struct host_text text = {0};
    host_text_decoded(&text, value);
    llm_str rest = host_text_str(&text);
    bool more = true;
    while (more) {
        const char *lf = memchr(rest.ptr, '\n', rest.len);
        const size_t n = lf == NULL ? rest.len : (size_t)(lf - rest.ptr);
        host_text_text(body, "data: ");
        host_text_add(body, rest.ptr, n);
        host_text_text(body, "\n");
        more = lf != NULL;
        rest = more ? (llm_str){lf + 1, rest.len - n - 1} : rest;
    }
    body->failed |= text.failed;
    host_text_done(&text);
}

static void add_event(struct host_text *body, llm_str item) {
    const llm_str raw = llm_json_get(item, "$raw");
    const llm_str name = llm_json_get(item, "$event");
    if (raw.ptr != NULL) {
        host_text_decoded(body, raw);
        return;
    }
    if (name.ptr != NULL) {
        host_text_text(body, "event: ");
        host_text_decoded(body, name);
        host_text_text(body, "\n");
        item = llm_json_get(item, "data");
    }
    if (item.ptr != NULL) {
        add_data(body, item);
    }
    host_text_text(body, "\n");
}

static llm_status read_items(struct llm_sim_parse *parse, struct draft *draft, llm_str value,
                             void (*add)(struct host_text *body, llm_str item)) {
    if (llm_json_type(value) != '[') {
        return llm_sim_parse_bad(parse, value, "a list is expected here");
    }
    llm_json_iter it = llm_json_begin(value);
    while (llm_json_next(&it)) {
        add(&draft->made.body, it.value);
        llm_sim_made_cut(&draft->made);
    }
    draft->reply->chunked = !draft->framed || draft->reply->chunked;
    return claim_body(parse, draft, value);
}

static llm_status read_sse(struct llm_sim_parse *parse, void *target, llm_str value) {
    ((struct draft *)target)->type = "text/event-stream";
    return read_items(parse, target, value, add_event);
}

static void add_line(struct host_text *body, llm_str item) {
    if (llm_json_type(item) == '"') {
        host_text_decoded(body, item);
    } else {
        host_text_minified(body, item);
    }
    host_text_text(body, "\n");
}

static llm_status read_lines(struct llm_sim_parse *parse, void *target, llm_str value) {
    ((struct draft *)target)->type = "application/x-ndjson";
    return read_items(parse, target, value, add_line);
}

static llm_status read_echo(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct draft *draft = target;
    const llm_status status = llm_sim_parse_bool(parse, value, &draft->echo);
    return status == LLM_OK && draft->echo ? claim_body(parse, draft, value) : status;
}

static llm_status read_fixture(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct draft *draft = target;
    llm_str id;
    const llm_status status = llm_sim_parse_string(parse, value, &id);
    if (status != LLM_OK) {
        return status;
    }
    const struct llm_sim_fixture *fixture =
        parse->fixtures == NULL ? NULL : llm_sim_fixtures_get(parse->fixtures, id);
    if (fixture == NULL) {
        return llm_sim_parse_bad(parse, value, "no recording of this id is loaded (--fixtures)");
    }
    const struct llm_sim_reply own = *draft->reply;
    *draft->reply = fixture->reply;
    draft->reply->times = own.times;
    draft->reply->head_delay_ms = own.head_delay_ms;
    draft->reply->delay_ms = own.delay_ms > 0 ? own.delay_ms : fixture->reply.delay_ms;
    if (own.n_sizes > 0) {
        draft->reply->sizes = own.sizes;
        draft->reply->n_sizes = own.n_sizes;
    }
    draft->reply->fault = own.fault;
    draft->reply->fault_before_head = own.fault_before_head;
    draft->reply->after = own.after;
    draft->reply->garbage_bytes = own.garbage_bytes;
    return claim_body(parse, draft, value);
}

static llm_status read_framing(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct draft *draft = target;
    draft->framed = true;
    draft->reply->chunked = llm_json_is(value, "chunked");
    draft->reply->close_after = llm_json_is(value, "close");
    if (!draft->reply->chunked && !draft->reply->close_after && !llm_json_is(value, "length")) {
        return llm_sim_parse_bad(parse, value, "one of \"length\", \"chunked\", \"close\" is expected here");
    }
    return LLM_OK;
}

static llm_status read_chunks(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct llm_sim_reply *reply = ((struct draft *)target)->reply;
    const bool is_list = llm_json_type(value) == '[';
    const size_t n = is_list ? llm_json_count(value) : 1;
    uint32_t *sizes = host_pool_alloc(parse->pool, (n + 1) * sizeof *sizes);
    if (sizes == NULL) {
        return llm_sim_parse_nomem(parse);
    }
    for (size_t i = 0; i < n; i++) {
        int64_t size;
        const llm_status status =
            llm_sim_parse_integer(parse, is_list ? llm_json_at(value, i) : value, 1, INT32_MAX, &size);
        if (status != LLM_OK) {
            return status;
        }
        sizes[i] = (uint32_t)size;
    }
    reply->sizes = sizes;
    reply->n_sizes = n;
    return LLM_OK;
}

static llm_status read_ms(struct llm_sim_parse *parse, llm_str value, uint32_t *ret) {
    int64_t ms;
    const llm_status status = llm_sim_parse_integer(parse, value, 0, 3600000, &ms);
    if (status == LLM_OK) {
        *ret = (uint32_t)ms;
    }
    return status;
}

static llm_status read_delay(struct llm_sim_parse *parse, void *target, llm_str value) {
    return read_ms(parse, value, &((struct draft *)target)->reply->delay_ms);
}

static llm_status read_head_delay(struct llm_sim_parse *parse, void *target, llm_str value) {
    return read_ms(parse, value, &((struct draft *)target)->reply->head_delay_ms);
}

static llm_status read_repeat(struct llm_sim_parse *parse, void *target, llm_str value) {
    int64_t times;
    const llm_status status = llm_sim_parse_integer(parse, value, 1, INT64_MAX, &times);
    if (status == LLM_OK) {
        ((struct draft *)target)->reply->times = (uint64_t)times;
    }
    return status;
}

static llm_status read_kind(struct llm_sim_parse *parse, void *target, llm_str value) {
    static const struct {
        const char *name;
        enum llm_sim_fault fault;
        bool before_head;
    } kinds[] = {
        {"cut", LLM_SIM_CUT, false},     {"reset", LLM_SIM_RESET, false},     {"stall", LLM_SIM_STALL, false},
        {"close", LLM_SIM_CUT, true},    {"garbage", LLM_SIM_GARBAGE, false}, {"refuse", LLM_SIM_RESET, true},
        {"silent", LLM_SIM_STALL, true}, {"length", LLM_SIM_WHOLE, false},
    };
    struct llm_sim_reply *reply = ((struct draft *)target)->reply;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (llm_json_is(value, kinds[i].name)) {
            reply->fault = kinds[i].fault;
            reply->fault_before_head = kinds[i].before_head;
            return LLM_OK;
        }
    }
    return llm_sim_parse_bad(
        parse, value, "one of cut, reset, stall, garbage, close, refuse, silent, length is expected here");
}

static llm_status read_after(struct llm_sim_parse *parse, void *target, llm_str value) {
    int64_t n;
    const llm_status status = llm_sim_parse_integer(parse, value, 0, INT64_MAX, &n);
    if (status == LLM_OK) {
        ((struct draft *)target)->reply->after = (uint64_t)n;
    }
    return status;
}

static llm_status read_bytes(struct llm_sim_parse *parse, void *target, llm_str value) {
    int64_t n;
    const llm_status status = llm_sim_parse_integer(parse, value, 0, INT32_MAX, &n);
    if (status == LLM_OK) {
        ((struct draft *)target)->reply->garbage_bytes = (uint32_t)n;
    }
    return status;
}

static llm_status read_by(struct llm_sim_parse *parse, void *target, llm_str value) {
    return llm_sim_parse_integer(parse, value, -INT32_MAX, INT32_MAX, &((struct draft *)target)->length_by);
}

static llm_status read_fault(struct llm_sim_parse *parse, void *target, llm_str value) {
    static const struct llm_sim_member members[] = {
        {"kind", read_kind}, {"after", read_after}, {"bytes", read_bytes}, {"by", read_by}};
    ((struct draft *)target)->reply->garbage_bytes = 64;
    const llm_status status =
        llm_sim_parse_object(parse, value, members, sizeof members / sizeof members[0], target);
    if (status == LLM_OK && llm_json_get(value, "kind").ptr == NULL) {
        return llm_sim_parse_bad(parse, value, "the fault has no \"kind\"");
    }
    return status;
}

// One field, or one for each value of a list.  null: none, also not the one that would be there by itself.
static llm_status add_field(struct llm_sim_parse *parse, struct host_text *head, llm_str name,
                            llm_str value) {
    const bool is_list = llm_json_type(value) == '[';
    const size_t n = is_list ? llm_json_count(value) : llm_json_type(value) != 'n';
    for (size_t i = 0; i < n; i++) {
        llm_str text;
        const llm_status status = llm_sim_parse_string(parse, is_list ? llm_json_at(value, i) : value, &text);
        if (status != LLM_OK) {
            return status;
        }
        llm_sim_head_field(head, name, text);
    }
    return LLM_OK;
}

static llm_status build_head(struct llm_sim_parse *parse, struct draft *draft, size_t body_bytes) {
    struct host_text *head = &draft->made.head;
    bool has_type = draft->type == NULL, has_framing = false;
    llm_sim_head_status(head, draft->reply->status);
    llm_json_iter it = llm_json_begin(draft->headers);
    while (llm_json_next(&it)) {
        llm_str name;
        llm_status status = llm_sim_parse_string(parse, it.name, &name);
        status = status == LLM_OK ? add_field(parse, head, name, it.value) : status;
        if (status != LLM_OK) {
            return status;
        }
        has_type |= host_same_name(name, host_str("content-type"));
        has_framing |= host_same_name(name, host_str("content-length")) ||
                       host_same_name(name, host_str("transfer-encoding"));
    }
    if (!has_type) {
        llm_sim_head_field(head, host_str("content-type"), host_str(draft->type));
    }
    if (!has_framing && draft->reply->chunked) {
        host_text_text(head, "transfer-encoding: chunked\r\n");
    } else if (!has_framing && !draft->reply->close_after) {
        const int64_t length = (int64_t)body_bytes + draft->length_by;
        host_text_text(head, "content-length: ");
        host_text_number(head, length > 0 ? (uint64_t)length : 0);
        host_text_text(head, "\r\n");
    }
    draft->reply->close_after |= has_framing || draft->length_by != 0;
    host_text_text(head, "\r\n");
    return LLM_OK;
}

static llm_status keep(struct llm_sim_parse *parse, struct draft *draft) {
    struct llm_sim_reply *reply = draft->reply;
    struct llm_sim_made *made = &draft->made;
    reply->body = host_pool_copy(parse->pool, host_text_str(&made->body));
    if (!draft->raw || made->head.len > 0) {
        reply->head = host_pool_copy(parse->pool, host_text_str(&made->head));
    }
    if (made->n_ends > 0 && made->body.len > 0) {
        size_t *ends = host_pool_alloc(parse->pool, made->n_ends * sizeof *ends);
        if (ends == NULL) {
            return llm_sim_parse_nomem(parse);
        }
        memcpy(ends, made->ends, made->n_ends * sizeof *ends);
        reply->ends = ends;
        reply->n_ends = made->n_ends;
    }
    const bool failed = made->failed || made->head.failed || made->body.failed || reply->body.ptr == NULL ||
                        (!draft->raw && reply->head.ptr == NULL);
    return failed ? llm_sim_parse_nomem(parse) : LLM_OK;
}

static llm_status build(struct llm_sim_parse *parse, struct draft *draft) {
    struct llm_sim_reply *reply = draft->reply;
    if (reply->head.ptr != NULL ||
        draft->echo) { // a recording is built already, an echo is built when it is played
        return LLM_OK;
    }
    if (draft->raw_head.ptr != NULL && !draft->raw) {
        return llm_sim_parse_bad(parse, draft->raw_head, "\"raw_head\" stands before \"raw\" only");
    }
    if (draft->raw) {
        reply->chunked = false;
        reply->close_after = true;
        reply->raw = true;
        if (draft->raw_head.ptr != NULL) {
            host_text_decoded(&draft->made.head, draft->raw_head);
        }
        return keep(parse, draft);
    }
    if (!reply->chunked && reply->times > 1 && draft->made.body.len > SIZE_MAX / 4 / reply->times) {
        return llm_sim_parse_bad(parse, parse->text, "a repeated body is too long for \"length\" framing");
    }
    const llm_status status = build_head(parse, draft, draft->made.body.len * (size_t)reply->times);
    return status == LLM_OK ? keep(parse, draft) : status;
}

llm_status llm_sim_parse_reply(struct llm_sim_parse *parse, llm_str value, struct llm_sim_reply *reply,
                               bool *ret_echo) {
    static const struct llm_sim_member members[] = {
        {"status", read_status},
        {"headers", read_headers},
        {"body", read_body},
        {"body_file", read_body_file},
        {"body_base64", read_base64},
        {"sse", read_sse},
        {"lines", read_lines},
        {"raw", read_raw},
        {"raw_base64", read_raw_base64},
        {"raw_head", read_raw_head},
        {"echo", read_echo},
        {"fixture", read_fixture},
        {"framing", read_framing},
        {"chunks", read_chunks},
        {"delay_ms", read_delay},
        {"head_delay_ms", read_head_delay},
        {"repeat", read_repeat},
        {"fault", read_fault},
    };
    struct draft draft = {.reply = reply};
    *reply = (struct llm_sim_reply){.status = 200, .times = 1};
    llm_status status =
        llm_sim_parse_object(parse, value, members, sizeof members / sizeof members[0], &draft);
    if (status == LLM_OK) {
        status = build(parse, &draft);
    }
    *ret_echo = draft.echo;
    llm_sim_made_done(&draft.made);
    return status;
}
