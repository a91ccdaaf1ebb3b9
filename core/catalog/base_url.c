// SPDX-License-Identifier: MIT
#include "catalog/base_url.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/limits.h"

static bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool ends(llm_str s, llm_str tail) {
    return s.len >= tail.len && llm_str_eq_nocase(llm_str_cut(s, s.len - tail.len), tail);
}

static enum llm_reach reach_of_ipv4(const unsigned char ip[4]) {
    if (ip[0] == 127) {
        return LLM_REACH_LOOPBACK;
    }
    const bool private = ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
                         (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254);
    return private ? LLM_REACH_PRIVATE : LLM_REACH_PUBLIC;
}

static enum llm_reach reach_of_ipv6(const unsigned char ip[16]) {
    static const unsigned char loopback[16] = {[15] = 1};
    if (memcmp(ip, loopback, sizeof loopback) == 0) {
        return LLM_REACH_LOOPBACK;
    }
    return (ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) ? LLM_REACH_PRIVATE
                                                                               : LLM_REACH_PUBLIC;
}

static enum llm_reach reach_of_name(llm_str host) {
    static const llm_str endings[] = {LLM_STR_INIT(".local"), LLM_STR_INIT(".lan"), LLM_STR_INIT(".internal"),
                                      LLM_STR_INIT(".home.arpa")};
    if (llm_str_eq_nocase(host, LLM_STR("localhost")) || ends(host, LLM_STR(".localhost"))) {
        return LLM_REACH_LOOPBACK;
    }
    bool private = memchr(host.ptr, '.', host.len) == NULL;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        private = private || ends(host, endings[i]);
    }
    return private ? LLM_REACH_PRIVATE : LLM_REACH_PUBLIC;
}

// false: no host.
static bool judge_host(llm_str host, enum llm_reach *ret) {
    unsigned char ip[16];
    char text[64];
    if (host.len == 0 || host.len > 253) {
        return false;
    }
    if (host.ptr[0] == '[') {
        if (host.len < 4 || host.len >= sizeof text || host.ptr[host.len - 1] != ']') {
            return false;
        }
        (void)snprintf(text, sizeof text, "%.*s", (int)(host.len - 2), host.ptr + 1);
        if (inet_pton(AF_INET6, text, ip) != 1) {
            return false;
        }
        *ret = reach_of_ipv6(ip);
        return true;
    }
    bool numeric = true;
    for (size_t i = 0; i < host.len; i++) {
        const char c = host.ptr[i];
        const bool first = i == 0 || host.ptr[i - 1] == '.',
                   last = i + 1 == host.len || host.ptr[i + 1] == '.';
        if (!(is_alnum(c) || c == '_' || (c == '-' && !first && !last) || (c == '.' && !first))) {
            return false;
        }
        numeric = numeric && ((c >= '0' && c <= '9') || c == '.');
    }
    if (!numeric) {
        // "0x7f.1" and the like: a last label that begins with a digit is no name.
        const char *dot = memrchr(host.ptr, '.', host.len);
        const char last = dot != NULL && dot + 1 < host.ptr + host.len ? dot[1] : host.ptr[0];
        *ret = reach_of_name(host);
        return !(last >= '0' && last <= '9' && dot != NULL) && !llm_str_starts(host, LLM_STR("0x"));
    }
    if (host.len >= sizeof text) {
        return false;
    }
    (void)snprintf(text, sizeof text, "%.*s", (int)host.len, host.ptr);
    if (inet_pton(AF_INET, text, ip) != 1) {
        return false;
    }
    *ret = reach_of_ipv4(ip);
    return true;
}

static const char *judge_path(llm_str path) {
    static const char allowed[] = "-._~!$&'()*+,;=:@%/";
    for (size_t i = 0; i < path.len; i++) {
        if (!is_alnum(path.ptr[i]) && (path.ptr[i] == '\0' || strchr(allowed, path.ptr[i]) == NULL)) {
            return path.ptr[i] == '?' || path.ptr[i] == '#' ? "it holds a query or a fragment"
                                                            : "its path holds a byte that a URL may not hold";
        }
    }
    llm_str rest = path;
    while (rest.len > 0) {
        const llm_str segment = llm_str_cut(rest, 1);
        const char *slash = segment.len > 0 ? memchr(segment.ptr, '/', segment.len) : NULL;
        const llm_str name = {segment.ptr, slash != NULL ? (size_t)(slash - segment.ptr) : segment.len};
        if (llm_str_is(name, ".") || llm_str_is(name, "..")) {
            return "its path holds a dot segment";
        }
        rest = llm_str_cut(segment, name.len);
    }
    return path.len > 0 && path.ptr[path.len - 1] == '/' ? "it ends with '/'" : NULL;
}

// Scheme, host and port; what follows goes to ret->path.
static const char *judge_authority(llm_str url, struct llm_base_url *ret) {
    uint64_t port = 0;
    if (url.len > LLM_MAX_URL_BYTES) {
        return "it is too long";
    }
    ret->is_https = llm_str_starts(url, LLM_STR("https://"));
    if (!ret->is_https && !llm_str_starts(url, LLM_STR("http://"))) {
        return "it does not begin with https:// (or http://)";
    }
    const llm_str rest = llm_str_cut(url, ret->is_https ? 8 : 7);
    size_t end = 0;
    while (end < rest.len && strchr("/?#\\", rest.ptr[end]) == NULL) {
        end++;
    }
    const llm_str authority = {rest.ptr, end};
    if (memchr(authority.ptr, '@', authority.len) != NULL) {
        return "it holds a user name";
    }
    const bool bracket = authority.len > 0 && authority.ptr[0] == '[';
    const char *close = bracket ? memchr(authority.ptr, ']', authority.len) : authority.ptr;
    const char *colon =
        close != NULL ? memchr(close, ':', (size_t)(authority.ptr + authority.len - close)) : NULL;
    ret->host = (llm_str){authority.ptr, colon != NULL ? (size_t)(colon - authority.ptr) : authority.len};
    ret->port = colon != NULL ? llm_str_cut(authority, ret->host.len + 1) : (llm_str){0};
    ret->path = llm_str_cut(rest, end);
    if (colon != NULL && (!llm_str_uint(ret->port, 65535, &port) || port == 0)) {
        return "its port is no number from 1 to 65535";
    }
    return NULL;
}

const char *llm_base_url_judge(llm_str url, struct llm_base_url *ret) {
    struct llm_base_url found = {0};
    const char *wrong = judge_authority(url, &found);
    if (wrong == NULL && !judge_host(found.host, &found.reach)) {
        wrong = "it holds no valid host";
    }
    wrong = wrong != NULL ? wrong : judge_path(found.path);
    if (wrong == NULL && !found.is_https && found.reach == LLM_REACH_PUBLIC) {
        wrong = "it is plain http to another network: use https";
    }
    if (wrong == NULL) {
        *ret = found;
    }
    return wrong;
}

const char *llm_origin_judge(llm_str origin) {
    struct llm_base_url found = {0};
    const char *wrong = judge_authority(origin, &found);
    if (wrong != NULL) {
        return wrong;
    }
    const llm_str host = llm_str_starts(found.host, LLM_STR("*.")) ? llm_str_cut(found.host, 2) : found.host;
    if (!judge_host(host, &found.reach)) {
        return "it holds no valid host (a pattern may begin with \"*.\")";
    }
    if (found.path.len > 0) {
        return "it holds a path";
    }
    if (found.host.len != host.len && memchr(host.ptr, '.', host.len) == NULL) {
        return "it stands for a whole top-level domain";
    }
    return !found.is_https && found.reach != LLM_REACH_LOOPBACK ? "it is plain http to another machine"
                                                                : NULL;
}
