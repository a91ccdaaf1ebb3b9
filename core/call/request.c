// SPDX-License-Identifier: MIT
// The HTTP request under construction: what a codec pushes, judged; then the credential, last, and only to its own origin.
#include "base/base64.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "call/call.h"
#include "net/url.h"

#define BASE64_STEP 3072u // bytes encoded at a time; a multiple of 3

static llm_status refuse(struct llm_call *call, llm_status status, const char *what, llm_str text) {
    return llm_call_fail(call, status, "the plugin built a request with %s: \"%.*s\"", what, LLM_FMT(text));
}

static bool is_token(llm_str s) {
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              memchr(marks, c, sizeof marks - 1) != NULL)) {
            return false;
        }
    }
    return s.len > 0;
}

static bool is_field_value(llm_str s) {
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

void llm_request_wipe(struct llm_call *call) {
    llm_wipe(call->draft.secret, call->draft.secret_len);
    call->draft.secret = NULL;
    call->draft.secret_len = 0;
}

void llm_request_reset(struct llm_call *call) {
    struct llm_draft *d = &call->draft;
    llm_request_wipe(call);
    d->method = d->url = (llm_str){NULL, 0};
    d->absolute = d->own_origin = d->anonymous = d->idempotent = d->has_content_type = d->has_accept = false;
    d->framing = LLM_FRAME_WHOLE;
    d->wait_ms = 0;
    d->n_lines = d->n_pieces = 0;
    d->body.len = 0;
    d->body_bytes = 0;
}

// ---- verbs -------------------------------------------------------------------------------------------------------

static bool origin_is_named(const struct llm_provider *provider, llm_str origin) {
    for (size_t i = 0; i < provider->n_origins; i++) {
        if (llm_str_glob(provider->origins[i], origin)) {
            return true;
        }
    }
    return false;
}

static llm_status set_absolute(struct llm_call *call, llm_str url) {
    struct llm_draft *d = &call->draft;
    const struct llm_provider *provider = call->route.provider;
    struct llm_url target, base;
    llm_error err = LLM_ERROR_INIT;
    llm_status status = llm_url_parse(url, &call->arena, &target, &err);
    if (status == LLM_OK) {
        status = llm_url_parse(provider->base_url, &call->arena, &base, &err);
    }
    if (status != LLM_OK) {
        return status == LLM_E_NOMEM ? status : llm_call_fail(call, status, "%s", err.message);
    }
    d->absolute = true;
    d->own_origin = llm_str_eq(target.origin, base.origin);
    if (!d->own_origin && !(target.https || (target.loopback && base.loopback))) {
        return refuse(call, LLM_E_DENIED, "a target that is not https", url);
    }
    if (!d->own_origin && !origin_is_named(provider, target.origin)) {
        return llm_call_fail(call, LLM_E_DENIED,
                             "the plugin asked for %.*s, which is none of the origins of %.*s; \"origins\" "
                             "in its provider file names more",
                             LLM_FMT(target.origin), LLM_FMT(provider->name));
    }
    d->url = llm_arena_dup(&call->arena, url);
    return d->url.ptr != NULL ? LLM_OK : LLM_E_NOMEM;
}

static llm_status LLM_CALL verb_line(void *ctx, const char *method, size_t mn, const char *url, size_t un) {
    struct llm_call *call = ctx;
    struct llm_draft *d = &call->draft;
    const llm_str target = {url, un};
    d->method = llm_arena_dup(&call->arena, (llm_str){method, mn});
    if (d->method.ptr == NULL) {
        return LLM_E_NOMEM;
    }
    if (!is_token(d->method) || mn > 16) {
        return refuse(call, LLM_E_INVALID_REQUEST, "no valid method", d->method);
    }
    if (un == 0 || url[0] != '/') {
        return set_absolute(call, target);
    }
    const llm_str base = call->route.provider->base_url;
    if (base.len + un > LLM_MAX_URL_BYTES) {
        return refuse(call, LLM_E_INVALID_REQUEST, "a URL that is too long", target);
    }
    for (size_t i = 0; i < un; i++) {
        if ((unsigned char)url[i] <= 0x20 || url[i] == 0x7f || url[i] == '#') {
            return refuse(call, LLM_E_INVALID_REQUEST, "a blank or control byte in its path", target);
        }
    }
    char *text = llm_arena_bytes(&call->arena, base.len + un + 1);
    if (text == NULL) {
        return LLM_E_NOMEM;
    }
    memcpy(text, base.ptr, base.len);
    memcpy(text + base.len, url, un);
    text[base.len + un] = '\0';
    d->url = (llm_str){text, base.len + un};
    d->own_origin = true;
    return LLM_OK;
}

static char *add_line(struct llm_call *call, llm_str name, llm_str prefix, llm_str value) {
    struct llm_draft *d = &call->draft;
    void *list = d->lines;
    const size_t len = name.len + 2 + prefix.len + value.len;
    char *line = llm_arena_bytes(&call->arena, len + 1);
    if (line == NULL || !llm_mem_grow(&list, d->n_lines, &d->cap_lines, sizeof *d->lines)) {
        return NULL;
    }
    char *at = line;
    const llm_str parts[] = {name, LLM_STR(": "), prefix, value};
    for (size_t i = 0; i < 4; i++) {
        if (parts[i].len > 0) {
            memcpy(at, parts[i].ptr, parts[i].len);
            at += parts[i].len;
        }
    }
    *at = '\0';
    if (prefix.len + value.len == 0) {
        line[len - 2] = ';'; // libcurl's form of a field with an empty value
        line[len - 1] = '\0';
    }
    d->lines = list;
    d->lines[d->n_lines++] = line;
    return line;
}

static llm_status LLM_CALL verb_header(void *ctx, const char *name, size_t nn, const char *value, size_t vn) {
    static const char *const ours[] = {"host",   "content-length", "connection",          "transfer-encoding",
                                       "expect", "authorization",  "proxy-authorization", "cookie",
                                       "te",     "upgrade",        "accept-encoding"};
    struct llm_call *call = ctx;
    const llm_str field = {name, nn}, text = {value, vn};
    if (!is_token(field) || !is_field_value(text)) {
        return refuse(call, LLM_E_INVALID_REQUEST, "a field that is none", field);
    }
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (llm_str_eq_nocase(field, llm_str_from(ours[i]))) {
            return refuse(call, LLM_E_DENIED, "a field that is the host's", field);
        }
    }
    if (call->draft.n_lines >= LLM_MAX_HEADER_FIELDS) {
        return refuse(call, LLM_E_LIMIT, "too many fields", field);
    }
    call->draft.has_content_type |= llm_str_eq_nocase(field, LLM_STR("content-type"));
    call->draft.has_accept |= llm_str_eq_nocase(field, LLM_STR("accept"));
    return add_line(call, field, (llm_str){"", 0}, text) != NULL ? LLM_OK : LLM_E_NOMEM;
}

static llm_status add_piece(struct llm_call *call, const void *lasting, size_t at, size_t n) {
    struct llm_draft *d = &call->draft;
    struct llm_body_piece *last = d->n_pieces > 0 ? &d->pieces[d->n_pieces - 1] : NULL;
    if (last != NULL &&
        ((lasting == NULL && last->ptr == NULL) ||
         (lasting != NULL && last->ptr != NULL && (const char *)last->ptr + last->len == lasting))) {
        last->len += n;
        return LLM_OK;
    }
    void *list = d->pieces;
    if (!llm_mem_grow(&list, d->n_pieces, &d->cap_pieces, sizeof *d->pieces)) {
        return LLM_E_NOMEM;
    }
    d->pieces = list;
    d->pieces[d->n_pieces++] = (struct llm_body_piece){lasting, at, n};
    return LLM_OK;
}

static bool lasts(const struct llm_call *call, const void *p, size_t n) {
    const uintptr_t at = (uintptr_t)p;
    const uintptr_t from = (uintptr_t)call->job_args.request.ptr;
    if (at >= from && at + n <= from + call->job_args.request.len) {
        return true;
    }
    for (size_t i = 0; i < call->job_args.n_attachments; i++) {
        const uintptr_t start = (uintptr_t)call->job_args.attachments[i].data.ptr;
        if (at >= start && at + n <= start + call->job_args.attachments[i].data.len) {
            return true;
        }
    }
    return false;
}

static llm_status LLM_CALL verb_body(void *ctx, const void *p, size_t n) {
    struct llm_call *call = ctx;
    struct llm_draft *d = &call->draft;
    if (n == 0) {
        return LLM_OK;
    }
    if (n > LLM_MAX_REQUEST_BYTES || d->body_bytes > LLM_MAX_REQUEST_BYTES - n) {
        return llm_call_fail(call, LLM_E_TOO_LARGE, "the request is larger than %u bytes",
                             LLM_MAX_REQUEST_BYTES);
    }
    d->body_bytes += n;
    if (lasts(call, p, n)) {
        return add_piece(call, p, 0, n);
    }
    const size_t at = d->body.len;
    const llm_status status = llm_buf_put(&d->body, p, n);
    return status == LLM_OK ? add_piece(call, NULL, at, n) : status;
}

static llm_status LLM_CALL verb_body_attachment(void *ctx, uint32_t n) {
    struct llm_call *call = ctx;
    if (n >= call->job_args.n_attachments) {
        return llm_call_fail(call, LLM_E_INTERNAL, "the plugin asked for attachment %u of %zu", n,
                             call->job_args.n_attachments);
    }
    const llm_bytes data = call->job_args.attachments[n].data;
    return verb_body(ctx, data.ptr, data.len);
}

static llm_status LLM_CALL verb_body_base64(void *ctx, uint32_t n) {
    struct llm_call *call = ctx;
    if (n >= call->job_args.n_attachments) {
        return llm_call_fail(call, LLM_E_INTERNAL, "the plugin asked for attachment %u of %zu", n,
                             call->job_args.n_attachments);
    }
    const llm_bytes data = call->job_args.attachments[n].data;
    llm_status status = LLM_OK;
    for (size_t i = 0; i < data.len && status == LLM_OK; i += BASE64_STEP) {
        char text[BASE64_STEP / 3 * 4];
        const size_t left = data.len - i;
        status = verb_body(ctx, text,
                           llm_base64_encode(data.ptr + i, left < BASE64_STEP ? left : BASE64_STEP, text));
    }
    return status;
}

static llm_status LLM_CALL verb_framing(void *ctx, uint32_t frame) {
    struct llm_call *call = ctx;
    if (frame > LLM_FRAME_SSE_FIELDS) {
        return llm_call_fail(call, LLM_E_UNSUPPORTED,
                             "the plugin asked for framing %u, which this version does not have", frame);
    }
    call->draft.framing = frame;
    return LLM_OK;
}

static llm_status LLM_CALL verb_wait_ms(void *ctx, uint64_t ms) {
    struct llm_call *call = ctx;
    call->draft.wait_ms = ms < LLM_MAX_WAIT_MS ? ms : LLM_MAX_WAIT_MS;
    return LLM_OK;
}

static llm_status may_have_secret(struct llm_call *call, uint32_t n) {
    if (n != 0 || !llm_secret_has(&call->key->secret)) {
        return llm_call_fail(call, LLM_E_AUTH, "no key for %.*s", LLM_FMT(call->route.provider->name));
    }
    if (!call->draft.own_origin) {
        return llm_call_fail(call, LLM_E_DENIED, "the key of %.*s goes to its own origin only",
                             LLM_FMT(call->route.provider->name));
    }
    if (!llm_str_starts(call->draft.url, LLM_STR("https://")) && !llm_url_is_loopback(call->draft.url)) {
        return llm_call_fail(call, LLM_E_DENIED,
                             "a key is never sent over plain http but to this machine; use https for %.*s",
                             LLM_FMT(call->route.provider->name));
    }
    return LLM_OK;
}

static llm_status put_secret_line(struct llm_call *call, llm_str name, llm_str prefix, llm_str value) {
    char *line = add_line(call, name, prefix, value);
    if (line == NULL) {
        return LLM_E_NOMEM;
    }
    call->draft.secret = line + name.len + 2 + prefix.len;
    call->draft.secret_len = value.len;
    return LLM_OK;
}

static llm_status put_secret_query(struct llm_call *call, llm_str name, llm_str value) {
    static const char hex[] = "0123456789ABCDEF";
    struct llm_draft *d = &call->draft;
    const size_t max = d->url.len + name.len + value.len * 3 + 3;
    char *url = llm_arena_bytes(&call->arena, max);
    if (url == NULL) {
        return LLM_E_NOMEM;
    }
    memcpy(url, d->url.ptr, d->url.len);
    char *at = url + d->url.len;
    *at++ = memchr(d->url.ptr, '?', d->url.len) != NULL ? '&' : '?';
    memcpy(at, name.ptr, name.len);
    at += name.len;
    *at++ = '=';
    d->secret = at;
    for (size_t i = 0; i < value.len; i++) {
        const unsigned char c = (unsigned char)value.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
            c == '.' || c == '_' || c == '~') {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            *at++ = hex[c >> 4];
            *at++ = hex[c & 15];
        }
    }
    *at = '\0';
    d->secret_len = (size_t)(at - d->secret);
    d->url = (llm_str){url, (size_t)(at - url)};
    return LLM_OK;
}

static llm_status LLM_CALL verb_header_secret(void *ctx, const char *name, size_t nn, const char *prefix,
                                              size_t pn, uint32_t n) {
    struct llm_call *call = ctx;
    const llm_str field = {name, nn}, before = {prefix, pn};
    if (!is_token(field) || !is_field_value(before)) {
        return refuse(call, LLM_E_INVALID_REQUEST, "a field that is none", field);
    }
    const llm_status status = may_have_secret(call, n);
    return status == LLM_OK ? put_secret_line(call, field, before, llm_secret_reveal(&call->key->secret))
                            : status;
}

static llm_status LLM_CALL verb_query_secret(void *ctx, const char *name, size_t nn, uint32_t n) {
    struct llm_call *call = ctx;
    const llm_str field = {name, nn};
    if (!is_token(field)) {
        return refuse(call, LLM_E_INVALID_REQUEST, "a parameter name that is none", field);
    }
    const llm_status status = may_have_secret(call, n);
    return status == LLM_OK ? put_secret_query(call, field, llm_secret_reveal(&call->key->secret)) : status;
}

static llm_status LLM_CALL verb_anonymous(void *ctx) {
    ((struct llm_call *)ctx)->draft.anonymous = true;
    return LLM_OK;
}

static llm_status LLM_CALL verb_idempotent(void *ctx) {
    ((struct llm_call *)ctx)->draft.idempotent = true;
    return LLM_OK;
}

void llm_request_bind(struct llm_call *call) {
    call->request_verbs = (llm_http_request){.size = (uint32_t)sizeof call->request_verbs,
                                             .ctx = call,
                                             .line = verb_line,
                                             .header = verb_header,
                                             .body = verb_body,
                                             .body_attachment = verb_body_attachment,
                                             .body_base64 = verb_body_base64,
                                             .framing = verb_framing,
                                             .wait_ms = verb_wait_ms,
                                             .header_secret = verb_header_secret,
                                             .query_secret = verb_query_secret,
                                             .anonymous = verb_anonymous,
                                             .idempotent = verb_idempotent};
}

// ---- putting it together -----------------------------------------------------------------------------------------

static llm_status add_basic(struct llm_call *call, llm_str key) {
    char *text = llm_arena_bytes(&call->arena, llm_base64_len(key.len) + 1);
    if (text == NULL) {
        return LLM_E_NOMEM;
    }
    const size_t k = llm_base64_encode((const uint8_t *)key.ptr, key.len, text);
    const llm_status status =
        put_secret_line(call, LLM_STR("authorization"), LLM_STR("Basic "), (llm_str){text, k});
    llm_wipe(text, k);
    return status;
}

// The provider's declared auth: the only place where a credential is written, but for the verbs above.
static llm_status add_credential(struct llm_call *call) {
    const struct llm_provider *p = call->route.provider;
    if (p->auth == LLM_AUTH_NONE || call->draft.anonymous || !call->draft.own_origin ||
        call->draft.secret != NULL || !llm_secret_has(&call->key->secret)) {
        return LLM_OK;
    }
    const llm_status status = may_have_secret(call, 0);
    if (status != LLM_OK) {
        return status;
    }
    const llm_str key = llm_secret_reveal(&call->key->secret);
    switch (p->auth) {
    case LLM_AUTH_BEARER: return put_secret_line(call, LLM_STR("authorization"), LLM_STR("Bearer "), key);
    case LLM_AUTH_HEADER: return put_secret_line(call, p->auth_name, p->auth_prefix, key);
    case LLM_AUTH_QUERY: return put_secret_query(call, p->auth_name, key);
    case LLM_AUTH_BASIC: return add_basic(call, key);
    case LLM_AUTH_NONE: break;
    }
    return LLM_OK;
}

static llm_status add_own_lines(struct llm_call *call) {
    const struct llm_provider *p = call->route.provider;
    bool ok = true;
    const llm_str none = {"", 0};
    for (size_t i = 0; ok && call->draft.own_origin && i < p->n_headers; i++) {
        ok = add_line(call, p->headers[i].name, none, p->headers[i].value) != NULL;
    }
    if (call->draft.body_bytes > 0 && !call->draft.has_content_type) {
        ok = ok && add_line(call, LLM_STR("content-type"), none, LLM_STR("application/json")) != NULL;
    }
    const bool stream = call->draft.framing == LLM_FRAME_SSE || call->draft.framing == LLM_FRAME_SSE_FIELDS;
    ok = ok && (call->draft.has_accept ||
                add_line(call, LLM_STR("accept"), none,
                         stream ? LLM_STR("text/event-stream, application/json") : LLM_STR("*/*")) != NULL);
    ok = ok && add_line(call, LLM_STR("accept-encoding"), none, LLM_STR("identity")) != NULL;
    ok = ok && add_line(call, LLM_STR("user-agent"), none, LLM_STR("llm-master/" LLM_MASTER_VERSION)) != NULL;
    return ok ? LLM_OK : LLM_E_NOMEM;
}

static llm_status resolve_body(struct llm_call *call) {
    struct llm_draft *d = &call->draft;
    if (d->n_pieces > d->cap_slices) {
        struct llm_slice *slices = llm_mem_resize(d->slices, d->cap_pieces * sizeof *slices);
        if (slices == NULL) {
            return LLM_E_NOMEM;
        }
        d->slices = slices;
        d->cap_slices = d->cap_pieces;
    }
    for (size_t i = 0; i < d->n_pieces; i++) {
        const struct llm_body_piece *piece = &d->pieces[i];
        d->slices[i] =
            (struct llm_slice){piece->ptr != NULL ? piece->ptr : d->body.ptr + piece->at, piece->len};
    }
    return LLM_OK;
}

llm_status llm_request_finish(struct llm_call *call, struct llm_http_call *ret) {
    struct llm_draft *d = &call->draft;
    llm_status status = d->url.ptr != NULL
                            ? add_own_lines(call)
                            : llm_call_fail(call, LLM_E_INTERNAL, "the plugin built no request");
    // libcurl would wait for "100 Continue" before a large body.
    static const char no_expect[] = "Expect:";
    void *list = d->lines;
    if (status == LLM_OK && !llm_mem_grow(&list, d->n_lines, &d->cap_lines, sizeof *d->lines)) {
        status = LLM_E_NOMEM;
    }
    if (status == LLM_OK) {
        d->lines = list;
        d->lines[d->n_lines++] = no_expect;
        status = add_credential(call);
    }
    if (status == LLM_OK) {
        status = resolve_body(call);
    }
    if (status == LLM_OK) {
        *ret = (struct llm_http_call){.method = d->method.ptr,
                                      .url = d->url.ptr,
                                      .lines = d->lines,
                                      .n_lines = d->n_lines,
                                      .body = d->slices,
                                      .n_body = d->n_pieces,
                                      .connect_timeout_ms = call->connect_ms,
                                      .public_only = d->absolute && !d->own_origin && !call->response->local};
    }
    return status;
}
