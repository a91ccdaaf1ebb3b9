// SPDX-License-Identifier: MIT
#include "codec_sink.h"

#include "base/limits.h"
#include "base/mem.h"

#define BUF ((struct llm_buf){.max = LLM_MAX_RESPONSE_BYTES})

enum { CAP_EXCHANGES, CAP_CHOICES, CAP_TOOLS, CAP_BLOBS, CAP_VECTORS, CAP_WARNINGS, CAP_JSONS };

void codec_sink_breach(struct codec_sink *sink, const char *what) {
    struct llm_buf *breach = &sink->result->breach;
    breach->max = LLM_MAX_RESPONSE_BYTES;
    (void)llm_buf_puts(breach, what);
    (void)llm_buf_puts(breach, "\n");
}

// Every verb begins here.
static llm_status verb(struct codec_sink *sink) {
    sink->result->n_verbs++;
    if (sink->cancelled) {
        codec_sink_breach(sink, "a verb after one had refused");
        return LLM_E_CANCELLED;
    }
    sink->cancelled = sink->result->n_verbs == sink->cancel_at;
    return sink->cancelled ? LLM_E_CANCELLED : LLM_OK;
}

static void check_text(struct codec_sink *sink, const char *p, size_t n) {
    if (!llm_str_utf8((llm_str){p, n})) {
        codec_sink_breach(sink, "text that is not UTF-8");
    }
}

static llm_status set(struct llm_buf *buf, const char *p, size_t n) {
    buf->max = LLM_MAX_RESPONSE_BYTES;
    buf->len = 0;
    return llm_buf_put(buf, p, n);
}

/* ---- the request --------------------------------------------------------------------------------------------- */

static struct codec_exchange *current(struct codec_sink *sink) {
    return &sink->result->exchanges[sink->exchange - 1];
}

static llm_status on_line(void *ctx, const char *method, size_t method_len, const char *url, size_t url_len) {
    const llm_status status = verb(ctx);
    if (status < 0) {
        return status;
    }
    struct codec_exchange *ex = current(ctx);
    if (url_len == 0) {
        return LLM_E_INVALID_REQUEST;
    }
    if (ex->url.len != 0 || ex->headers.len != 0 || ex->body.len != 0) {
        codec_sink_breach(ctx, "line is not the first verb");
    }
    for (size_t i = 0; i < url_len; i++) {
        if ((unsigned char)url[i] <= ' ' || url[i] == 0x7f) {
            codec_sink_breach(ctx, "control bytes in a URL");
        }
    }
    const llm_status put = set(&ex->method, method, method_len);
    return put < 0 ? put : set(&ex->url, url, url_len);
}

static llm_status put_header(struct codec_sink *sink, llm_str name, llm_str prefix, llm_str value,
                             int secret) {
    const llm_status status = verb(sink);
    if (status < 0) {
        return status;
    }
    struct llm_buf *headers = &current(sink)->headers;
    if (secret < 0) {
        return llm_buf_printf(headers, "%.*s: %.*s\n", LLM_FMT(name), LLM_FMT(value));
    }
    return llm_buf_printf(headers, "%.*s: %.*s{secret %d}\n", LLM_FMT(name), LLM_FMT(prefix), secret);
}

static llm_status on_header(void *ctx, const char *name, size_t name_len, const char *value,
                            size_t value_len) {
    return put_header(ctx, (llm_str){name, name_len}, (llm_str){NULL, 0}, (llm_str){value, value_len}, -1);
}

static llm_status on_header_secret(void *ctx, const char *name, size_t name_len, const char *prefix,
                                   size_t prefix_len, uint32_t n) {
    return put_header(ctx, (llm_str){name, name_len}, (llm_str){prefix, prefix_len}, (llm_str){NULL, 0},
                      (int)n);
}

static llm_status on_query_secret(void *ctx, const char *name, size_t name_len, uint32_t n) {
    const llm_status status = verb(ctx);
    return status < 0 ? status
                      : llm_buf_printf(&current(ctx)->headers, "?%.*s: {secret %u}\n",
                                       LLM_FMT(((llm_str){name, name_len})), (unsigned)n);
}

static bool lies_in(const void *p, size_t n, const void *area, size_t area_len) {
    const uintptr_t at = (uintptr_t)p;
    const uintptr_t from = (uintptr_t)area;
    return area != NULL && at >= from && n <= area_len && at - from <= area_len - n;
}

static llm_status on_body(void *ctx, const void *p, size_t n) {
    struct codec_sink *sink = ctx;
    const llm_status status = verb(sink);
    if (status < 0) {
        return status;
    }
    struct codec_exchange *ex = current(sink);
    bool referred = lies_in(p, n, sink->args->request.ptr, sink->args->request.len);
    for (size_t i = 0; i < sink->args->n_attachments; i++) {
        referred |= lies_in(p, n, sink->args->attachments[i].data.ptr, sink->args->attachments[i].data.len);
    }
    ex->copied_bytes += referred ? 0 : n;
    return llm_buf_put(&ex->body, p, n);
}

static llm_status on_body_attachment(void *ctx, uint32_t n) {
    const struct codec_sink *sink = ctx;
    if (n >= sink->args->n_attachments) {
        return LLM_E_INVALID_REQUEST;
    }
    return on_body(ctx, sink->args->attachments[n].data.ptr, sink->args->attachments[n].data.len);
}

static llm_status on_body_base64(void *ctx, uint32_t n) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const struct codec_sink *sink = ctx;
    const llm_status status = verb(ctx);
    if (status < 0) {
        return status;
    }
    if (n >= sink->args->n_attachments) {
        return LLM_E_INVALID_REQUEST;
    }
    const llm_bytes data = sink->args->attachments[n].data;
    for (size_t i = 0; i < data.len; i += 3) {
        const uint32_t b1 = i + 1 < data.len ? data.ptr[i + 1] : 0;
        const uint32_t b2 = i + 2 < data.len ? data.ptr[i + 2] : 0;
        const uint32_t bits = (uint32_t)data.ptr[i] << 16 | b1 << 8 | b2;
        const char four[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                              i + 1 < data.len ? alphabet[bits >> 6 & 63] : '=',
                              i + 2 < data.len ? alphabet[bits & 63] : '='};
        const llm_status put = llm_buf_put(&current(ctx)->body, four, 4);
        if (put < 0) {
            return put;
        }
    }
    return LLM_OK;
}

static llm_status on_framing(void *ctx, uint32_t frame) {
    const llm_status status = verb(ctx);
    if (status == LLM_OK) {
        current(ctx)->framing = frame;
    }
    return status;
}

static llm_status on_wait_ms(void *ctx, uint64_t ms) {
    const llm_status status = verb(ctx);
    if (ms > LLM_MAX_WAIT_MS) {
        codec_sink_breach(ctx, "wait_ms over its maximum");
    }
    if (status == LLM_OK) {
        current(ctx)->wait_ms = ms;
    }
    return status;
}

static llm_status on_anonymous(void *ctx) {
    const llm_status status = verb(ctx);
    if (status == LLM_OK) {
        current(ctx)->anonymous = true;
    }
    return status;
}

static llm_status on_idempotent(void *ctx) {
    const llm_status status = verb(ctx);
    if (status == LLM_OK) {
        current(ctx)->idempotent = true;
    }
    return status;
}

struct codec_exchange *codec_sink_exchange(struct codec_sink *sink, llm_http_request *req) {
    struct codec_result *result = sink->result;
    void *list = result->exchanges;
    if (!llm_mem_grow(&list, result->n_exchanges, &result->cap[CAP_EXCHANGES], sizeof *result->exchanges)) {
        return NULL;
    }
    result->exchanges = list;
    struct codec_exchange *ex = &result->exchanges[result->n_exchanges++];
    *ex = (struct codec_exchange){.method = BUF, .url = BUF, .headers = BUF, .body = BUF};
    sink->exchange = result->n_exchanges;
    *req = (llm_http_request){.size = sizeof(*req),
                              .ctx = sink,
                              .line = on_line,
                              .header = on_header,
                              .body = on_body,
                              .body_attachment = on_body_attachment,
                              .body_base64 = on_body_base64,
                              .framing = on_framing,
                              .wait_ms = on_wait_ms,
                              .header_secret = on_header_secret,
                              .query_secret = on_query_secret,
                              .anonymous = on_anonymous,
                              .idempotent = on_idempotent};
    return ex;
}

/* ---- the answer ------------------------------------------------------------------------------------------------ */

static struct codec_choice *choice_of(struct codec_result *result, uint32_t choice) {
    for (size_t i = 0; i < result->n_choices; i++) {
        if (result->choices[i].choice == choice) {
            return &result->choices[i];
        }
    }
    void *list = result->choices;
    if (!llm_mem_grow(&list, result->n_choices, &result->cap[CAP_CHOICES], sizeof *result->choices)) {
        return NULL;
    }
    result->choices = list;
    struct codec_choice *c = &result->choices[result->n_choices++];
    *c = (struct codec_choice){.text = {BUF, BUF, BUF}, .native = BUF, .choice = choice};
    return c;
}

static llm_status on_text(void *ctx, uint32_t choice, uint32_t channel, const char *p, size_t n) {
    struct codec_sink *sink = ctx;
    const llm_status status = verb(sink);
    if (status < 0) {
        return status;
    }
    check_text(sink, p, n);
    struct codec_choice *c = channel <= LLM_TEXT_REFUSAL ? choice_of(sink->result, choice) : NULL;
    if (c == NULL) {
        codec_sink_breach(sink, "text: no such channel");
        return LLM_E_INTERNAL;
    }
    sink->result->n_late += c->finished ? 1 : 0;
    return llm_buf_put(&c->text[channel], p, n);
}

static struct codec_tool *tool_of(struct codec_result *result, uint32_t choice, uint32_t index) {
    for (size_t i = 0; i < result->n_tools; i++) {
        if (result->tools[i].choice == choice && result->tools[i].index == index) {
            return &result->tools[i];
        }
    }
    void *list = result->tools;
    if (!llm_mem_grow(&list, result->n_tools, &result->cap[CAP_TOOLS], sizeof *result->tools)) {
        return NULL;
    }
    result->tools = list;
    struct codec_tool *tool = &result->tools[result->n_tools++];
    *tool = (struct codec_tool){.choice = choice, .index = index, .id = BUF, .name = BUF, .args = BUF};
    return tool;
}

static llm_status on_tool(void *ctx, uint32_t choice, uint32_t index, const char *id, size_t id_len,
                          const char *name, size_t name_len, const char *args, size_t args_len) {
    struct codec_sink *sink = ctx;
    const llm_status status = verb(sink);
    if (status < 0) {
        return status;
    }
    check_text(sink, id, id_len);
    check_text(sink, name, name_len);
    check_text(sink, args, args_len);
    struct codec_tool *tool = tool_of(sink->result, choice, index);
    if (tool == NULL) {
        return LLM_E_NOMEM;
    }
    if (id_len > 0) {
        (void)set(&tool->id, id, id_len);
    }
    if (name_len > 0) {
        (void)set(&tool->name, name, name_len);
    }
    return llm_buf_put(&tool->args, args, args_len);
}

static llm_status add_blob(struct codec_sink *sink, struct codec_blob key, llm_str mime, llm_str data) {
    const llm_status status = verb(sink);
    if (status < 0) {
        return status;
    }
    struct codec_result *result = sink->result;
    struct codec_blob *blob = NULL;
    for (size_t i = 0; i < result->n_blobs; i++) {
        blob = result->blobs[i].index == key.index ? &result->blobs[i] : blob;
    }
    if (blob == NULL) {
        void *list = result->blobs;
        if (!llm_mem_grow(&list, result->n_blobs, &result->cap[CAP_BLOBS], sizeof *result->blobs)) {
            return LLM_E_NOMEM;
        }
        result->blobs = list;
        blob = &result->blobs[result->n_blobs++];
        *blob = (struct codec_blob){.index = key.index, .kind = key.kind, .mime = BUF, .data = BUF};
    }
    if (blob->complete || blob->kind != key.kind) {
        codec_sink_breach(sink, "more of a blob that was complete, or of another kind");
    }
    if (mime.len > 0) {
        (void)set(&blob->mime, mime.ptr, mime.len);
    }
    blob->complete = key.complete;
    return llm_buf_put(&blob->data, data.ptr, data.len);
}

static llm_status on_blob(void *ctx, uint32_t index, const char *mime, size_t mime_len, const uint8_t *p,
                          size_t n, uint32_t last) {
    return add_blob(ctx, (struct codec_blob){.index = index, .kind = CODEC_BLOB_BYTES, .complete = last != 0},
                    (llm_str){mime, mime_len}, (llm_str){(const char *)p, n});
}

static llm_status on_blob_base64(void *ctx, uint32_t index, const char *mime, size_t mime_len, const char *p,
                                 size_t n, uint32_t last) {
    return add_blob(ctx,
                    (struct codec_blob){.index = index, .kind = CODEC_BLOB_BASE64, .complete = last != 0},
                    (llm_str){mime, mime_len}, (llm_str){p, n});
}

static llm_status on_blob_url(void *ctx, uint32_t index, const char *mime, size_t mime_len, const char *url,
                              size_t url_len) {
    return add_blob(ctx, (struct codec_blob){.index = index, .kind = CODEC_BLOB_URL, .complete = true},
                    (llm_str){mime, mime_len}, (llm_str){url, url_len});
}

static llm_status add_vector(struct codec_sink *sink, uint32_t index, bool is_json, llm_str data) {
    const llm_status status = verb(sink);
    if (status < 0) {
        return status;
    }
    struct codec_result *result = sink->result;
    void *list = result->vectors;
    if (!llm_mem_grow(&list, result->n_vectors, &result->cap[CAP_VECTORS], sizeof *result->vectors)) {
        return LLM_E_NOMEM;
    }
    result->vectors = list;
    struct codec_vector *vector = &result->vectors[result->n_vectors++];
    *vector = (struct codec_vector){.index = index, .is_json = is_json, .data = BUF};
    return llm_buf_put(&vector->data, data.ptr, data.len);
}

static llm_status on_vector(void *ctx, uint32_t index, const float *v, size_t n) {
    return add_vector(ctx, index, false, (llm_str){(const char *)v, n * sizeof(float)});
}

static llm_status on_vector_json(void *ctx, uint32_t index, const char *p, size_t n) {
    return add_vector(ctx, index, true, (llm_str){p, n});
}

static llm_status on_usage(void *ctx, const llm_counts *counts) {
    struct codec_sink *sink = ctx;
    const llm_status status = verb(sink);
    if (status < 0) {
        return status;
    }
    sink->result->has_usage = true;
    llm_counts *usage = &sink->result->usage;
    *usage = (llm_counts)LLM_COUNTS_INIT;
    memcpy(usage, counts, counts->size < sizeof *usage ? counts->size : sizeof *usage);
    (void)set(&sink->result->usage_raw, counts->raw.ptr, counts->raw.len);
    llm_str *const words[] = {&usage->tier, &usage->dimensions, &usage->quality};
    for (size_t i = 0; i < 3; i++) {
        check_text(sink, words[i]->ptr, words[i]->len);
        (void)set(&sink->result->usage_words[i], words[i]->ptr, words[i]->len);
        *words[i] = (llm_str){NULL, 0};
    }
    sink->result->usage.raw =
        counts->raw.ptr != NULL ? llm_buf_str(&sink->result->usage_raw) : (llm_str){NULL, 0};
    return LLM_OK;
}

static llm_status on_finish(void *ctx, uint32_t choice, uint32_t reason, const char *native, size_t n) {
    struct codec_sink *sink = ctx;
    const llm_status status = verb(sink);
    if (status < 0) {
        return status;
    }
    check_text(sink, native, n);
    struct codec_choice *c = choice_of(sink->result, choice);
    if (c == NULL) {
        return LLM_E_NOMEM;
    }
    if (c->finished) {
        codec_sink_breach(sink, "a choice finished twice");
    }
    c->finished = true;
    c->reason = reason;
    c->has_native = native != NULL;
    return set(&c->native, native, n);
}

void codec_sink_fault(struct codec_sink *sink, const llm_fault *fault) {
    struct codec_result *result = sink->result;
    if (fault->code >= 0) {
        codec_sink_breach(sink, "a fault without a negative code");
    }
    result->has_fault = true;
    result->fault = *fault;
    llm_str *parts[4] = {&result->fault.message, &result->fault.provider_code, &result->fault.request_id,
                         &result->fault.param};
    for (size_t i = 0; i < 4; i++) {
        check_text(sink, parts[i]->ptr, parts[i]->len);
        if (parts[i]->ptr != NULL) {
            (void)set(&result->fault_text[i], parts[i]->ptr, parts[i]->len);
            *parts[i] = llm_buf_str(&result->fault_text[i]);
        }
    }
}

static llm_status on_fault(void *ctx, const llm_fault *fault) {
    const llm_status status = verb(ctx);
    if (status == LLM_OK) {
        codec_sink_fault(ctx, fault);
    }
    return status;
}

static llm_status add_pair(struct codec_sink *sink, bool warning, llm_str name, llm_str param, llm_str text) {
    const llm_status status = verb(sink);
    if (status < 0) {
        return status;
    }
    struct codec_result *result = sink->result;
    void *list = warning ? result->warnings : result->jsons;
    size_t *n = warning ? &result->n_warnings : &result->n_jsons;
    struct codec_pair *pair = NULL;
    for (size_t i = 0; !warning && i < *n; i++) {
        pair = llm_str_eq(llm_buf_str(&result->jsons[i].name), name) ? &result->jsons[i] : pair;
    }
    if (pair == NULL) {
        if (!llm_mem_grow(&list, *n, &result->cap[warning ? CAP_WARNINGS : CAP_JSONS], sizeof *pair)) {
            return LLM_E_NOMEM;
        }
        *(warning ? &result->warnings : &result->jsons) = list;
        pair = (struct codec_pair *)list + (*n)++;
        *pair = (struct codec_pair){BUF, BUF, BUF};
    }
    (void)set(&pair->name, name.ptr, name.len);
    (void)set(&pair->param, param.ptr, param.len);
    return set(&pair->text, text.ptr, text.len);
}

static llm_status on_warn(void *ctx, const char *code, size_t code_len, const char *param, size_t param_len,
                          const char *text, size_t n) {
    return add_pair(ctx, true, (llm_str){code, code_len}, (llm_str){param, param_len}, (llm_str){text, n});
}

static llm_status on_json(void *ctx, const char *kind, size_t kind_len, const char *p, size_t n) {
    return add_pair(ctx, false, (llm_str){kind, kind_len}, (llm_str){NULL, 0}, (llm_str){p, n});
}

static llm_status on_identity(void *ctx, const char *model, size_t model_len, const char *id, size_t id_len) {
    struct codec_sink *sink = ctx;
    const llm_status status = verb(sink);
    if (status < 0) {
        return status;
    }
    check_text(sink, model, model_len);
    check_text(sink, id, id_len);
    if (model_len > 0) {
        (void)set(&sink->result->model, model, model_len);
    }
    if (id_len > 0) {
        (void)set(&sink->result->id, id, id_len);
    }
    return LLM_OK;
}

static llm_status on_verbatim(void *ctx) {
    struct codec_sink *sink = ctx;
    const llm_status status = verb(sink);
    sink->result->n_verbatim++;
    return status;
}

void codec_sink_init(struct codec_sink *sink, struct codec_result *result, llm_out *out) {
    *sink = (struct codec_sink){.result = result};
    result->usage_words[0] = result->usage_words[1] = result->usage_words[2] = BUF;
    result->usage_raw = result->model = result->id = result->breach = result->text = BUF;
    *out = (llm_out){.size = sizeof(*out),
                     .ctx = sink,
                     .text = on_text,
                     .tool = on_tool,
                     .blob = on_blob,
                     .blob_base64 = on_blob_base64,
                     .blob_url = on_blob_url,
                     .vector = on_vector,
                     .vector_json = on_vector_json,
                     .usage = on_usage,
                     .finish = on_finish,
                     .fault = on_fault,
                     .warn = on_warn,
                     .identity = on_identity,
                     .verbatim = on_verbatim,
                     .json = on_json};
}
