// SPDX-License-Identifier: MIT
#include "observe/headers.h"

const char *const llm_shown_headers[] = {
    "accept",
    "accept-encoding",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "idempotency-key",
    "keep-alive",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "server",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "x-ratelimit-*",
    "x-request-id",
    NULL,
};

static const char *const shown_parameters[] = {"alt", "api-version", "limit", "order", "stream", NULL};

static bool is_in(const char *const *list, llm_str name) {
    for (size_t i = 0; list[i] != NULL; i++) {
        const llm_str entry = llm_str_from(list[i]);
        const bool open = list[i][entry.len - 1] == '*';
        const size_t n = open ? entry.len - 1 : entry.len;
        if ((open ? name.len >= n : name.len == n) &&
            llm_str_eq_nocase((llm_str){name.ptr, n}, (llm_str){entry.ptr, n})) {
            return true;
        }
    }
    return false;
}

bool llm_header_is_shown(llm_str name) {
    return is_in(llm_shown_headers, name);
}

bool llm_parameter_is_shown(llm_str name) {
    return is_in(shown_parameters, name);
}

struct out {
    char *at, *end;
};

static void put(struct out *out, llm_str s) {
    const size_t room = (size_t)(out->end - out->at);
    const size_t n = s.len < room ? s.len : room;
    memcpy(out->at, s.len > 0 ? s.ptr : "", n);
    out->at += n;
}

static size_t find(llm_str s, char c) {
    const char *at = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;
    return at != NULL ? (size_t)(at - s.ptr) : s.len;
}

static void put_query(struct out *out, llm_str query) {
    while (query.len > 0) {
        const llm_str pair = {query.ptr, find(query, '&')};
        const llm_str name = {pair.ptr, find(pair, '=')};
        put(out, name);
        if (name.len < pair.len) {
            put(out, LLM_STR("="));
            put(out, llm_parameter_is_shown(name) ? llm_str_cut(pair, name.len + 1) : LLM_STR("***"));
        }
        query = llm_str_cut(query, pair.len);
        if (query.len > 0) {
            put(out, LLM_STR("&"));
            query = llm_str_cut(query, 1);
        }
    }
}

size_t llm_url_show(llm_str url, char *text, size_t size) {
    struct out out = {text, text + size - 1};
    url.len = find(url, '#');
    const llm_str base = {url.ptr, find(url, '?')};
    size_t scheme = find(base, ':');
    scheme = scheme + 3 <= base.len && memcmp(base.ptr + scheme, "://", 3) == 0 ? scheme + 3 : 0;
    llm_str rest = llm_str_cut(base, scheme);
    const llm_str authority = {rest.ptr, find(rest, '/')};
    put(&out, (llm_str){base.ptr, scheme});
    size_t at = find(authority, '@');
    if (at < authority.len) {
        for (size_t next; (next = find(llm_str_cut(authority, at + 1), '@')) < authority.len - at - 1;) {
            at += next + 1;
        }
        put(&out, LLM_STR("***"));
        rest = llm_str_cut(rest, at);
    }
    put(&out, rest);
    if (base.len < url.len) {
        put(&out, LLM_STR("?"));
        put_query(&out, llm_str_cut(url, base.len + 1));
    }
    *out.at = '\0';
    return (size_t)(out.at - text);
}
