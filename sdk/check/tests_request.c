// SPDX-License-Identifier: MIT
// Tests 30 to 36: requests.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "llm_json.h"
#include "validator.h"

static bool is_token(llm_str name) {
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL) {
            return false;
        }
    }
    return name.len > 0;
}

static void judge_field(struct check *check, llm_str line, llm_str case_name) {
    static const char *const hosts_own[] = {
        "host",          "content-length", "connection",         "transfer-encoding",
        "authorization", "cookie",         "proxy-authorization"};
    const char *colon = line.ptr[0] == '?' ? NULL : memchr(line.ptr, ':', line.len);
    if (colon == NULL) {
        return; // a secret in the query
    }
    const llm_str name = {line.ptr, (size_t)(colon - line.ptr)};
    if (!is_token(name)) {
        check_fail(check, "%.*s: \"%.*s\" is no name of a field", LLM_FMT(case_name), LLM_FMT(name));
    }
    for (size_t i = 0; i < sizeof hosts_own / sizeof hosts_own[0]; i++) {
        if (llm_str_eq_nocase(name, llm_str_from(hosts_own[i])) &&
            memmem(line.ptr, line.len, "{secret ", 8) == NULL) {
            check_fail(check, "%.*s: the field %.*s is the host's", LLM_FMT(case_name), LLM_FMT(name));
        }
    }
    for (size_t i = 0; i < line.len; i++) {
        if ((unsigned char)line.ptr[i] < ' ' && line.ptr[i] != '\t') {
            check_fail(check, "%.*s: a control byte in the field %.*s", LLM_FMT(case_name), LLM_FMT(name));
        }
    }
}

static bool has_origin(const struct check *check, llm_str url) {
    for (llm_json_iter p = llm_json_begin(llm_json_get(check->manifest, "providers")); llm_json_next(&p);) {
        for (llm_json_iter it = llm_json_begin(llm_json_get(p.value, "origins")); llm_json_next(&it);) {
            char pattern[512];
            (void)snprintf(pattern, sizeof pattern, "%.*s*", LLM_FMT(llm_json_plain(it.value)));
            if (llm_str_glob(llm_str_from(pattern), url)) {
                return true;
            }
        }
    }
    return false;
}

static bool same_origin(llm_str url, llm_str base) {
    const char *scheme = memmem(base.ptr, base.len, "://", 3);
    if (scheme == NULL) {
        return false;
    }
    const size_t host = (size_t)(scheme - base.ptr) + 3;
    const char *slash = memchr(base.ptr + host, '/', base.len - host);
    const llm_str origin = {base.ptr, slash != NULL ? (size_t)(slash - base.ptr) : base.len};
    return llm_str_starts(url, origin) &&
           (url.len == origin.len || strchr("/?#", url.ptr[origin.len]) != NULL);
}

static bool judge_line(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    const bool own_origin = ctx != NULL;
    (void)codec_host_run(&v->c, &result);
    if (result.breach.len > 0) {
        check_fail(check, "%.*s: %.200s", LLM_FMT(v->name), result.breach.ptr);
    }
    for (size_t i = 0; i < result.n_exchanges && !check_failed(check); i++) {
        const struct codec_exchange *ex = &result.exchanges[i];
        const llm_str url = llm_buf_str(&ex->url), method = llm_buf_str(&ex->method);
        if (ex->url.len == 0) {
            continue; // refused before a line was written
        }
        if (!is_token(method)) {
            check_fail(check, "%.*s: \"%.*s\" is no method", LLM_FMT(v->name), LLM_FMT(method));
        }
        if (own_origin && url.ptr[0] != '/' &&
            !same_origin(url, llm_str_from(v->c.base_url != NULL ? v->c.base_url : "https://test.example")) &&
            !has_origin(check, url)) {
            check_fail(check, "%.*s: %.*s lies at another origin", LLM_FMT(v->name), LLM_FMT(url));
        }
        llm_str rest = llm_buf_str(&ex->headers);
        while (rest.len > 0) {
            const char *end = memchr(rest.ptr, '\n', rest.len);
            const size_t n = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
            judge_field(check, (llm_str){rest.ptr, n}, v->name);
            rest = llm_str_cut(rest, end != NULL ? n + 1 : n);
        }
    }
    codec_result_done(&result);
    return !check_failed(check);
}

void check_test_request_line(struct check *check) {
    int own = 1;
    if (check_load(check) && check_file(check)) {
        const size_t n = check_each_request(check, judge_line, &own);
        (void)check_each_vector(check, judge_line, NULL);
        check_note(check, "%zu requests, %zu recorded", n, check->n_recorded);
    }
}

static bool says_json(llm_str headers) {
    char text[4096];
    (void)snprintf(text, sizeof text, "%.*s", LLM_FMT(headers));
    const char *type = strcasestr(text, "content-type: ");
    return type != NULL && strncasecmp(type + 14, "application/json", 16) == 0;
}

static bool judge_body(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    (void)ctx;
    (void)codec_host_run(&v->c, &result);
    for (size_t i = 0; i < result.n_exchanges; i++) {
        size_t at = 0;
        const llm_str body = llm_buf_str(&result.exchanges[i].body);
        const bool refused = result.status < 0 && result.n_exchanges == i + 1 && v->c.n_answers <= i &&
                             result.status != LLM_E_CANCELLED;
        if (!refused && says_json(llm_buf_str(&result.exchanges[i].headers)) &&
            !llm_json_check(body, 1000, &at)) {
            check_fail(check, "%.*s: no JSON at byte %zu: %.100s", LLM_FMT(v->name), at,
                       body.ptr + (at < body.len ? at : 0));
        }
    }
    codec_result_done(&result);
    return !check_failed(check);
}

void check_test_request_body(struct check *check) {
    if (check_load(check)) {
        (void)check_each_request(check, judge_body, NULL);
        (void)check_each_vector(check, judge_body, NULL);
    }
}

static bool judge_secrets(struct check *check, struct codec_vector_case *v, void *ctx) {
    static const llm_str names[] = {LLM_STR_INIT("key")};
    struct codec_result result;
    (void)ctx;
    v->c.secret_names = names;
    v->c.n_secrets = 1;
    (void)codec_host_run(&v->c, &result);
    for (size_t i = 0; i < result.n_exchanges; i++) {
        const llm_str headers = llm_buf_str(&result.exchanges[i].headers);
        const char *at = headers.len > 0 ? memmem(headers.ptr, headers.len, "{secret ", 8) : NULL;
        if (at != NULL && strncmp(at, "{secret 0}", 10) != 0) {
            check_fail(check, "%.*s: a secret that does not exist: %.12s", LLM_FMT(v->name), at);
        }
    }
    codec_result_done(&result);
    return !check_failed(check);
}

void check_test_secrets(struct check *check) {
    if (check_load(check)) {
        (void)check_each_request(check, judge_secrets, NULL);
    }
}

// Does any string inside the value stand in the body?  Roles and the like do not count; true when there is no other.
static bool holds_a_string_of(llm_str body, llm_str value) {
    static const char *const roles[] = {"system", "developer", "user",    "assistant",
                                        "tool",   "text",      "function"};
    bool any = false;
    for (size_t i = 0; i + 1 < value.len; i++) {
        if (value.ptr[i] != '"') {
            continue;
        }
        size_t end = i + 1;
        while (end < value.len && value.ptr[end] != '"') {
            end += value.ptr[end] == '\\' ? 2 : 1;
        }
        const size_t n = end < value.len ? end - i - 1 : 0;
        bool counts = n > 1 && (end + 1 >= value.len || value.ptr[end + 1] != ':');
        for (size_t k = 0; counts && k < sizeof roles / sizeof roles[0]; k++) {
            counts = n != strlen(roles[k]) || memcmp(value.ptr + i + 1, roles[k], n) != 0;
        }
        any = any || counts;
        if (counts && memmem(body.ptr, body.len, value.ptr + i + 1, n) != NULL) {
            return true;
        }
        i = end;
    }
    return !any &&
           (llm_json_type(value) != '"' || value.len <= 3); // "" and "x" are too short to be found again
}

// Is the member neither sent nor warned about?
static bool judge_dropped(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    (void)ctx;
    if (strcmp(v->c.operation, "chat") != 0 && strcmp(v->c.operation, "embeddings") != 0 &&
        strncmp(v->c.operation, "image", 5) != 0) {
        return true; // what its request may hold is not known here
    }
    (void)codec_host_run(&v->c, &result);
    if (result.status == LLM_E_UNSUPPORTED || result.status == LLM_E_INVALID_REQUEST) {
        if (!result.has_fault || (result.fault.param.len == 0 && result.fault.message.len == 0)) {
            check_fail(check, "%.*s: refused without saying which parameter", LLM_FMT(v->name));
        }
        codec_result_done(&result);
        return !check_failed(check);
    }
    for (llm_json_iter it = llm_json_begin(v->c.request_str); result.n_exchanges > 0 && llm_json_next(&it);) {
        const llm_str name = llm_json_plain(it.name);
        const llm_str body = llm_buf_str(&result.exchanges[0].body);
        bool told = llm_json_type(it.value) == 'n' || llm_str_is(name, "model") || llm_str_is(name, "stream");
        told = told || (body.len > 0 && it.name.ptr != NULL &&
                        memmem(body.ptr, body.len, it.name.ptr, it.name.len) != NULL);
        for (size_t i = 0; i < result.n_warnings; i++) {
            told = told || llm_str_starts(llm_buf_str(&result.warnings[i].param), name);
        }
        told = told || (body.len > 0 && holds_a_string_of(body, it.value)); // under another name
        if (!told) {
            check_fail(check, "%.*s: nothing of \"%.*s\" is sent, and no warning names it", LLM_FMT(v->name),
                       LLM_FMT(name));
        }
    }
    codec_result_done(&result);
    return !check_failed(check);
}

void check_test_unsupported(struct check *check) {
    if (check_load(check)) {
        (void)check_each_request(check, judge_dropped, NULL);
    }
}

static bool judge_same(struct check *check, struct codec_vector_case *v, void *ctx) {
    (void)ctx;
    char *first = check_outcome(&v->c), *second = check_outcome(&v->c);
    if (first == NULL || second == NULL || strcmp(first, second) != 0) {
        check_fail(check, "%.*s: two runs differ", LLM_FMT(v->name));
    }
    free(first);
    free(second);
    // The second attempt at the same step: a failure that is repeated.
    static const struct codec_answer busy = {.status = 503,
                                             .body = LLM_STR_INIT("{\"error\":{\"message\":\"busy\"}}")};
    struct codec_case c = v->c;
    c.answers = &busy;
    c.n_answers = 1;
    c.attempts = 2;
    struct codec_result result;
    (void)codec_host_run(&c, &result);
    if (result.n_exchanges == 2 &&
        !llm_str_eq(llm_buf_str(&result.exchanges[0].body), llm_buf_str(&result.exchanges[1].body))) {
        check_fail(check, "%.*s: the second attempt sends another body", LLM_FMT(v->name));
    }
    codec_result_done(&result);
    return !check_failed(check);
}

void check_test_deterministic(struct check *check) {
    if (check_load(check)) {
        (void)check_each_request(check, judge_same, NULL);
        (void)check_each_vector(check, judge_same, NULL);
    }
}

static bool refuse_verbs(struct check *check, struct codec_vector_case *v, void *ctx) {
    size_t *n = ctx;
    struct codec_result result;
    (void)codec_host_run(&v->c, &result);
    const uint32_t n_verbs = result.n_verbs;
    codec_result_done(&result);
    for (uint32_t i = 1; i <= n_verbs && i <= 200 && !check_failed(check); i++) {
        v->c.cancel_at = i;
        (void)codec_host_run(&v->c, &result);
        if (result.status != LLM_E_CANCELLED || result.breach.len > 0) {
            check_fail(check, "%.*s: verb %u refused, and the codec gives %d %.100s", LLM_FMT(v->name), i,
                       result.status, result.breach.len > 0 ? result.breach.ptr : "");
        }
        codec_result_done(&result);
        ++*n;
    }
    v->c.cancel_at = 0;
    return !check_failed(check) && *n < 4000;
}

void check_test_verbs_refuse(struct check *check) {
    size_t n = 0;
    if (check_load(check)) {
        (void)check_each_case(check, refuse_verbs, &n);
        check_note(check, "%zu verbs refused", n);
    }
}

void check_test_request_cost(struct check *check) {
    if (!check_load(check)) {
        return;
    }
    const char *operation = check_generator(check, "chat") != NULL ? "chat" : NULL;
    if (operation == NULL) {
        check_skip(check, "it has no chat");
        return;
    }
    char *request = malloc(110000);
    if (request == NULL) {
        return;
    }
    int n = snprintf(request, 110000, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    memset(request + n, 'a', 100000);
    (void)snprintf(request + n + 100000, 100, "\"}]}");
    const struct codec_case c = {
        .plugin = check->plugin, .operation = operation, .model = "m", .request = request};
    struct codec_result result;
    uint64_t best = UINT64_MAX;
    uint32_t allocations = 0;
    for (int i = 0; i < 20; i++) {
        (void)codec_host_run(&c, &result);
        best = result.total_ns < best ? result.total_ns : best;
        allocations = result.n_allocs;
        codec_result_done(&result);
    }
    if (best > 1000000) {
        check_fail(check, "it takes %llu us", (unsigned long long)(best / 1000));
    }
    check_note(check, "%llu us, %u allocations", (unsigned long long)(best / 1000), allocations);
    free(request);
}
