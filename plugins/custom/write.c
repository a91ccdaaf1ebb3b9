// SPDX-License-Identifier: MIT
// Fills templates in and hands the request to the host.  Values of the caller's request go into the body as they are.
#include "custom.h"

enum value_kind { VALUE_ABSENT, VALUE_JSON, VALUE_TEXT, VALUE_PARTS, VALUE_FILE };
struct value {
    enum value_kind kind;
    llm_str text;    // JSON; text; a list of parts whose texts are one text
    uint32_t number; // attachment
    enum transform transform;
};

// The caller's fault before anything is sent, the provider's afterwards.
static llm_status refuse(const struct scope *scope, llm_str param, const char *message) {
    llm_fault fault = {.size = sizeof fault, .code = LLM_E_INVALID_REQUEST, .retry = LLM_RETRY_NEVER};
    if (scope->job->stage != STAGE_SUBMIT) {
        fault.code = LLM_E_PROTOCOL;
    }
    fault.message = custom_str(message);
    fault.param = param;
    const llm_status status = scope->out->fault(scope->out->ctx, &fault);
    return status < 0 ? status : fault.code;
}

static llm_str field(const llm_job_args *args, const char *name) {
    for (size_t i = 0; i < args->n_fields; i++) {
        if (custom_is(args->fields[i].name, name)) {
            return args->fields[i].value;
        }
    }
    return (llm_str){NULL, 0};
}

// ---- sources

// The content of the last message of a role, or the first one.
static llm_str content_of(llm_str messages, const char *role, const char *other, bool is_last) {
    llm_str content = {NULL, 0};
    for (llm_json_iter it = llm_json_begin(messages); llm_json_next(&it);) {
        const llm_str is = llm_json_get(it.value, "role");
        if ((llm_json_is(is, role) || llm_json_is(is, other)) && (is_last || content.ptr == NULL)) {
            content = llm_json_get(it.value, "content");
        }
    }
    return content;
}

static struct value json_value(llm_str json) {
    return (struct value){.kind = json.ptr != NULL ? VALUE_JSON : VALUE_ABSENT, .text = json};
}

// A string is one already; a list of message parts is the text of all; null is none.
static struct value as_text(struct value value) {
    const char type = value.kind == VALUE_JSON ? llm_json_type(value.text) : '\0';
    if (type == '[') {
        value.kind = VALUE_PARTS;
    } else if (type == 'n') {
        value.kind = VALUE_ABSENT;
    }
    return value;
}

static struct value text_value(llm_str text) {
    return (struct value){.kind = text.len > 0 ? VALUE_TEXT : VALUE_ABSENT, .text = text};
}

static struct value value_of_source(const struct scope *scope, const struct source *source) {
    const llm_job_args *args = scope->job->args;
    switch (source->kind) {
    case FROM_REQUEST: return json_value(custom_path_get(args->request, &source->path));
    case FROM_SUBMIT: return json_value(custom_path_get(scope->job->submitted, &source->path));
    case FROM_POLL: return json_value(custom_path_get(scope->job->polled, &source->path));
    case FROM_ITEM: return json_value(custom_path_get(scope->item, &source->path));
    case FROM_MODEL: return text_value(args->model);
    case FROM_OPERATION: return text_value(args->operation);
    case FROM_STREAM: return json_value(custom_str(scope->job->is_stream ? "true" : "false"));
    case FROM_SYSTEM:
        return as_text(json_value(content_of(field(args, "messages"), "system", "developer", false)));
    case FROM_PROMPT:
        if (field(args, "prompt").ptr != NULL) {
            return as_text(json_value(field(args, "prompt")));
        }
        return as_text(json_value(content_of(field(args, "messages"), "user", "user", true)));
    case FROM_FILE:
        return source->number < args->n_attachments
                   ? (struct value){.kind = VALUE_FILE, .number = source->number}
                   : (struct value){.kind = VALUE_ABSENT};
    }
    return (struct value){.kind = VALUE_ABSENT};
}

static struct value value_of(const struct scope *scope, const struct placeholder *placeholder) {
    struct value value = {.kind = VALUE_ABSENT};
    for (size_t i = 0; i < placeholder->n && value.kind == VALUE_ABSENT; i++) {
        value = value_of_source(scope, &placeholder->sources[i]);
    }
    if (value.kind == VALUE_ABSENT) {
        return json_value(placeholder->otherwise);
    }
    value.transform = placeholder->transform;
    if (placeholder->transform == AS_TEXT) {
        return as_text(value);
    }
    if (placeholder->transform == AS_JSON && value.kind == VALUE_JSON) {
        value.kind = VALUE_TEXT;
    }
    if (placeholder->transform == AS_MIME && value.kind == VALUE_FILE) {
        return text_value(scope->job->args->attachments[value.number].mime);
    }
    return value;
}

// 1: there; 0: not, and need not be; else a status: it must be.
static llm_status has_all(const struct scope *scope, const struct text *text) {
    for (size_t i = 0; i < text->n; i++) {
        const struct placeholder *placeholder = text->parts[i].placeholder;
        if (placeholder == NULL || value_of(scope, placeholder).kind != VALUE_ABSENT) {
            continue;
        }
        if (placeholder->is_optional) {
            return 0;
        }
        return refuse(scope, placeholder->text, "this provider needs a value that is not there");
    }
    return 1;
}

// ---- text into a sink

static llm_status give_text(const struct value *value, llm_json_sink sink, void *ctx) {
    if (value->kind == VALUE_TEXT) {
        return sink(ctx, value->text.ptr, value->text.len);
    }
    if (value->kind == VALUE_JSON) {
        return llm_json_type(value->text) == '"' ? llm_json_decode_to(value->text, sink, ctx)
                                                 : sink(ctx, value->text.ptr, value->text.len);
    }
    for (llm_json_iter it = llm_json_begin(value->text); llm_json_next(&it);) {
        const llm_str part = llm_json_get(it.value, "text");
        if (llm_json_type(part) == '"') {
            TRY(llm_json_decode_to(part, sink, ctx));
        }
    }
    return LLM_OK;
}

// A line: a URL or the value of a field.
struct line {
    char text[URL_MAX];
    size_t len, max;
    bool is_encoded, keeps_slash;
};

static llm_status LLM_CALL line_add(void *ctx, const void *p, size_t n) {
    struct line *line = ctx;
    const unsigned char *bytes = p;
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = bytes[i];
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                              c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && line->keeps_slash);
        if (line->len + 3 > line->max) {
            return LLM_E_TOO_LARGE;
        }
        if (!line->is_encoded || is_plain) {
            line->text[line->len++] = (char)c;
            continue;
        }
        line->text[line->len++] = '%';
        line->text[line->len++] = "0123456789ABCDEF"[c >> 4];
        line->text[line->len++] = "0123456789ABCDEF"[c & 15];
    }
    return LLM_OK;
}

// A URL may begin with one that an answer gave; what is put in behind is encoded.
static llm_status fill_line(const struct scope *scope, const struct text *text, bool is_url,
                            struct line *line) {
    line->len = 0;
    line->keeps_slash = false;
    line->max = is_url ? URL_MAX : VALUE_MAX;
    for (size_t i = 0; i < text->n; i++) {
        const struct placeholder *placeholder = text->parts[i].placeholder;
        line->is_encoded = is_url && i > 0 && placeholder != NULL;
        if (placeholder == NULL) {
            TRY(line_add(line, text->parts[i].literal.ptr, text->parts[i].literal.len));
            continue;
        }
        const struct value value = value_of(scope, placeholder);
        line->keeps_slash = value.transform == AS_PATH;
        TRY(give_text(&value, line_add, line));
    }
    return LLM_OK;
}

// ---- the body

// The writer of this body and the way to the host's verbs.
struct body {
    struct scope scope;
    llm_json_writer json;
};

static llm_status LLM_CALL add_piece(void *ctx, const void *p, size_t n) {
    struct body *b = ctx;
    llm_json_string_piece(&b->json, p, n, 0);
    return b->json.status < 0 ? b->json.status : LLM_OK;
}

static void give_file(struct body *b, const struct value *value) {
    const llm_str mime = b->scope.job->args->attachments[value->number].mime;
    if (value->transform != AS_BASE64) {
        llm_json_string_piece(&b->json, "data:", 5, 1);
        (void)add_piece(b, mime.len > 0 ? mime.ptr : "application/octet-stream",
                        mime.len > 0 ? mime.len : 24);
        llm_json_string_piece(&b->json, ";base64,", 8, 1);
    }
    if (b->json.status >= 0) {
        const llm_status status = b->scope.req->body_base64(b->scope.req->ctx, value->number);
        b->json.status = status < 0 ? status : b->json.status;
    }
}

static void give_string(struct body *b, const struct text *text) {
    if (text->n == 1 && text->parts[0].placeholder != NULL) {
        const struct value value = value_of(&b->scope, text->parts[0].placeholder);
        if (value.kind == VALUE_JSON) {
            llm_json_raw(&b->json, value.text);
            return;
        }
    }
    llm_json_string_begin(&b->json);
    for (size_t i = 0; i < text->n; i++) {
        if (text->parts[i].placeholder == NULL) {
            (void)add_piece(b, text->parts[i].literal.ptr, text->parts[i].literal.len);
            continue;
        }
        const struct value value = value_of(&b->scope, text->parts[i].placeholder);
        if (value.kind == VALUE_FILE) {
            give_file(b, &value);
        } else {
            (void)give_text(&value, add_piece, b);
        }
    }
    llm_json_string_end(&b->json);
}

static bool is_used(const struct operation *op, llm_str name) {
    for (size_t i = 0; i < op->used.n; i++) {
        if (custom_is(name, op->used.list[i])) {
            return true;
        }
    }
    return op->uses_all || custom_is(name, "model") || custom_is(name, "stream") ||
           custom_is(name, "stream_options");
}

// Is a raw name equal to a decoded one?
static bool is_name(llm_str raw, llm_str name) {
    char text[256];
    const size_t n = llm_json_decode(raw, text, sizeof text);
    return n == name.len && memcmp(text, name.ptr, n) == 0;
}

static bool is_dropped(const struct operation *op, llm_str name) {
    for (size_t i = 0; i < op->dropped.n; i++) {
        if (custom_is(name, op->dropped.list[i].ptr)) {
            return true;
        }
    }
    return false;
}

// Is there anything that no placeholder names and this object has not?  Written when b is to write it.
static bool give_rest(struct body *b, const struct scope *scope, const struct node *node) {
    const llm_job_args *args = scope->job->args;
    const struct operation *op = scope->job->operation;
    bool any = false;
    for (size_t i = 0; i < args->n_fields; i++) {
        bool is_taken = is_used(op, args->fields[i].name) || is_dropped(op, args->fields[i].name);
        for (size_t k = 0; k < node->n && !is_taken; k++) {
            is_taken = is_name(node->members[k].name, args->fields[i].name);
        }
        any = any || !is_taken;
        if (!is_taken && b != NULL) {
            llm_json_name_str(&b->json, args->fields[i].name);
            llm_json_raw(&b->json, args->fields[i].value);
        }
    }
    return any;
}

static llm_status give_node(struct body *b, const struct node *node);

// As has_all, for anything.  An object is there; one that is left out when empty is there when a member is.
static llm_status is_there(const struct body *b, const struct node *node, bool when_empty) {
    if (node->kind == NODE_TEXT || node->kind == NODE_EACH || node->kind == NODE_MAP) {
        return has_all(&b->scope, &node->text);
    }
    if (node->kind == NODE_RAW || when_empty) {
        return 1;
    }
    for (size_t i = 0; i < node->n; i++) {
        const struct member *member = &node->members[i];
        const llm_status there = member->is_rest
                                     ? give_rest(NULL, &b->scope, node)
                                     : is_there(b, &member->node, !member->is_left_out_when_empty);
        if (there != 0) {
            return there;
        }
    }
    return 0;
}

static llm_status give_members(struct body *b, const struct node *node) {
    for (size_t i = 0; i < node->n; i++) {
        const struct member *member = &node->members[i];
        if (member->is_rest) {
            (void)give_rest(b, &b->scope, node);
            continue;
        }
        const llm_status there = is_there(b, &member->node, !member->is_left_out_when_empty);
        if (there < 0) {
            return there;
        }
        if (there == 0) {
            continue;
        }
        if (node->kind == NODE_OBJECT) {
            llm_json_name_raw(&b->json, member->name);
        }
        TRY(give_node(b, &member->node));
    }
    return LLM_OK;
}

static llm_status give_each(struct body *b, const struct node *node) {
    const struct value list = value_of(&b->scope, node->text.parts[0].placeholder);
    const llm_str before = b->scope.item;
    if (list.kind != VALUE_JSON || llm_json_type(list.text) != '[') {
        return refuse(&b->scope, node->text.parts[0].placeholder->text, "must be an array for this provider");
    }
    llm_json_array(&b->json);
    for (llm_json_iter it = llm_json_begin(list.text); llm_json_next(&it);) {
        b->scope.item = it.value;
        const llm_status there = is_there(b, &node->members[0].node, true);
        TRY(there);
        if (there != 0) {
            TRY(give_node(b, &node->members[0].node));
        }
    }
    b->scope.item = before;
    llm_json_array_end(&b->json);
    return b->json.status;
}

static void give_mapped(struct body *b, const struct node *node) {
    const struct value value = value_of(&b->scope, node->text.parts[0].placeholder);
    char text[256];
    size_t n = value.kind == VALUE_JSON ? llm_json_decode(value.text, text, sizeof text - 1) : 0;
    llm_str to = llm_json_get(node->raw, "*");
    if (n == SIZE_MAX || value.kind == VALUE_TEXT) { // a number, true, false; the model's name
        n = value.text.len < sizeof text ? value.text.len : 0;
        memcpy(text, value.text.ptr, n);
    }
    text[n] = '\0';
    const llm_str exact = llm_json_get(node->raw, text);
    to = exact.ptr != NULL ? exact : to;
    if (to.ptr != NULL) {
        llm_json_raw(&b->json, to);
    } else {
        give_string(b, &node->text);
    }
}

static llm_status give_node(struct body *b, const struct node *node) {
    switch (node->kind) {
    case NODE_NONE: break;
    case NODE_RAW: llm_json_raw(&b->json, node->raw); break;
    case NODE_TEXT: give_string(b, &node->text); break;
    case NODE_EACH: return give_each(b, node);
    case NODE_MAP: give_mapped(b, node); break;
    case NODE_ARRAY:
        llm_json_array(&b->json);
        TRY(give_members(b, node));
        llm_json_array_end(&b->json);
        break;
    case NODE_OBJECT:
        llm_json_object(&b->json);
        TRY(give_members(b, node));
        llm_json_object_end(&b->json);
        break;
    }
    return b->json.status;
}

// ---- the whole

// A value may not climb out of the path that the description gives.
static bool climbs(llm_str url) {
    size_t start = 0;
    for (size_t i = 0; i <= url.len; i++) {
        const bool is_end = i == url.len || url.ptr[i] == '/' || url.ptr[i] == '?';
        if (!is_end) {
            continue;
        }
        const size_t n = i - start;
        if ((n == 1 || n == 2) && url.ptr[start] == '.' && url.ptr[i - 1] == '.') {
            return true;
        }
        if (i < url.len && url.ptr[i] == '?') {
            return false;
        }
        start = i + 1;
    }
    return false;
}

static size_t origin_len(llm_str url) {
    size_t n = 0, slashes = 0;
    while (n < url.len && (slashes += url.ptr[n] == '/') < 3) {
        n++;
    }
    return n;
}

static bool is_elsewhere(const struct scope *scope, llm_str url) {
    const llm_str base = scope->job->instance->base_url;
    const size_t n = origin_len(url);
    return url.len > 0 && url.ptr[0] != '/' && (n != origin_len(base) || memcmp(url.ptr, base.ptr, n) != 0);
}

static bool has_control(llm_str text, unsigned char highest) {
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c <= highest || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static llm_status write_line(struct scope *scope, llm_str method, const struct text *url, struct line *line) {
    const llm_status there = has_all(scope, url);
    if (there <= 0) {
        return there < 0 ? there : refuse(scope, url->parts[0].literal, "the URL lacks a value");
    }
    TRY(fill_line(scope, url, true, line));
    const llm_str text = {line->text, line->len};
    if (has_control(text, ' ')) {
        return refuse(scope, custom_str("url"), "the URL holds a blank or a control byte");
    }
    if (url->parts[0].placeholder == NULL && climbs(text)) {
        return refuse(scope, custom_str("model"), "a value in the URL is \".\" or \"..\"");
    }
    TRY(scope->req->line(scope->req->ctx, method.ptr, method.len, text.ptr, text.len));
    return is_elsewhere(scope, text) ? scope->req->anonymous(scope->req->ctx) : LLM_OK;
}

static llm_status write_header(struct scope *scope, llm_str name, llm_str value) {
    return scope->req->header(scope->req->ctx, name.ptr, name.len, value.ptr, value.len);
}

static bool is_named(const struct request *request, const char *name) {
    for (size_t i = 0; i < request->headers.n; i++) {
        const llm_str is = request->headers.list[i].name;
        size_t n = 0;
        while (n < is.len && name[n] != '\0' && (is.ptr[n] | 32) == name[n]) {
            n++;
        }
        if (n == is.len && name[n] == '\0') {
            return true;
        }
    }
    return false;
}

static llm_status write_headers(struct scope *scope, const struct request *request, bool has_body,
                                struct line *line) {
    for (size_t i = 0; i < request->headers.n; i++) {
        const struct field *header = &request->headers.list[i];
        const llm_status there = has_all(scope, &header->value);
        TRY(there);
        if (there != 0) {
            TRY(fill_line(scope, &header->value, false, line));
            const llm_str value = {line->text, line->len};
            if (has_control(value, 0x1f)) {
                return refuse(scope, header->name, "a header field would hold a control byte");
            }
            TRY(write_header(scope, header->name, value));
        }
    }
    if (has_body && !is_named(request, "content-type")) {
        TRY(write_header(scope, custom_str("content-type"), custom_str("application/json")));
    }
    return LLM_OK;
}

llm_status custom_request_write(struct scope *scope, const struct request *request) {
    static const char *const methods[] = {"", "GET", "POST", "PUT", "PATCH", "DELETE"};
    const bool has_body = request->body.kind != NODE_NONE;
    struct line line;
    TRY(write_line(scope, custom_str(methods[request->method]), &request->url, &line));
    TRY(write_headers(scope, request, has_body, &line));
    if (!has_body) {
        return LLM_OK;
    }
    struct body body = {.scope = *scope, .json = llm_json_writer_to(scope->req->body, scope->req->ctx)};
    const llm_status there = is_there(&body, &request->body, true);
    return there <= 0 ? there : give_node(&body, &request->body);
}

// ---- the same for nobody: does a request lack something?

static llm_status LLM_CALL no_two(void *ctx, const char *a, size_t a_len, const char *b, size_t b_len) {
    (void)ctx, (void)a, (void)a_len, (void)b, (void)b_len;
    return LLM_OK;
}

static llm_status LLM_CALL no_body(void *ctx, const void *p, size_t n) {
    (void)ctx, (void)p, (void)n;
    return LLM_OK;
}

static llm_status LLM_CALL no_file(void *ctx, uint32_t n) {
    (void)ctx, (void)n;
    return LLM_OK;
}

static llm_status LLM_CALL no_flag(void *ctx) {
    (void)ctx;
    return LLM_OK;
}

llm_status custom_request_check(const llm_job *job, const struct request *request, const llm_out *out) {
    const llm_http_request nobody = {.size = sizeof nobody,
                                     .line = no_two,
                                     .header = no_two,
                                     .body = no_body,
                                     .body_base64 = no_file,
                                     .anonymous = no_flag};
    struct scope scope = {.job = job, .req = &nobody, .out = out, .item = {NULL, 0}};
    return custom_request_write(&scope, request);
}

llm_status custom_losses_report(const struct scope *scope) {
    const llm_job_args *args = scope->job->args;
    const struct operation *op = scope->job->operation;
    static const char text[] = "the description of this provider does not use it";
    for (size_t i = 0; i < args->n_fields; i++) {
        const llm_str name = args->fields[i].name;
        if (!is_used(op, name) && (!op->has_rest || is_dropped(op, name))) {
            TRY(scope->out->warn(scope->out->ctx, "param_dropped", 13, name.ptr, name.len, text,
                                 sizeof text - 1));
        }
    }
    return LLM_OK;
}
