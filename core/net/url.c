// SPDX-License-Identifier: MIT
#include "net/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#include "base/error.h"
#include "base/limits.h"

static bool host_is_loopback(llm_str host) {
    struct in_addr v4;
    struct in6_addr v6;
    char text[64];
    if (llm_str_eq_nocase(host, LLM_STR("localhost"))) {
        return true;
    }
    if (host.len >= sizeof text) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1) {
        return (ntohl(v4.s_addr) >> 24) == 127;
    }
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool llm_url_is_loopback(llm_str url) {
    if (!llm_str_starts(url, LLM_STR("http://"))) {
        return false;
    }
    llm_str host = llm_str_cut(url, 7);
    size_t n = 0;
    if (host.len > 0 && host.ptr[0] == '[') {
        const char *close = memchr(host.ptr, ']', host.len);
        return close != NULL && host_is_loopback((llm_str){host.ptr + 1, (size_t)(close - host.ptr) - 1});
    }
    while (n < host.len && host.ptr[n] != ':' && host.ptr[n] != '/' && host.ptr[n] != '?' &&
           host.ptr[n] != '#') {
        n++;
    }
    return host_is_loopback((llm_str){host.ptr, n});
}

// A part of a parsed URL as a copy in arena; absent: ptr NULL.
static llm_str part(CURLU *url, CURLUPart what, struct llm_arena *arena) {
    char *text = NULL;
    if (curl_url_get(url, what, &text, 0) != CURLUE_OK) {
        return (llm_str){NULL, 0};
    }
    const llm_str copy = llm_arena_dup(arena, llm_str_from(text));
    curl_free(text);
    return copy;
}

static llm_status describe(CURLU *handle, struct llm_arena *arena, struct llm_url *ret, llm_error *err) {
    const llm_str scheme = part(handle, CURLUPART_SCHEME, arena);
    const llm_str user = part(handle, CURLUPART_USER, arena);
    llm_str host = part(handle, CURLUPART_HOST, arena);
    const llm_str port = part(handle, CURLUPART_PORT, arena);
    if (scheme.ptr == NULL || host.ptr == NULL || host.len == 0) {
        return llm_fail(err, LLM_E_INVALID_REQUEST, "the URL has no scheme or no host");
    }
    const bool https = llm_str_is(scheme, "https");
    if (!https && !llm_str_is(scheme, "http")) {
        return llm_fail(err, LLM_E_INVALID_REQUEST,
                        "the URL's scheme is \"%.*s\"; only https and http can be spoken", LLM_FMT(scheme));
    }
    if (user.ptr != NULL) {
        return llm_fail(err, LLM_E_INVALID_REQUEST,
                        "the URL holds a user name; credentials do not belong into a URL");
    }
    const bool own_port = port.ptr == NULL || llm_str_is(port, https ? "443" : "80");
    const llm_str origin = own_port ? llm_arena_format(arena, "%s://%s", scheme.ptr, host.ptr)
                                    : llm_arena_format(arena, "%s://%s:%s", scheme.ptr, host.ptr, port.ptr);
    char *text = llm_arena_bytes(arena, origin.len + 1);
    if (origin.ptr == NULL || text == NULL) {
        return LLM_E_NOMEM;
    }
    for (size_t i = 0; i <= origin.len; i++) {
        const char c = origin.ptr[i];
        text[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    if (host.len > 2 && host.ptr[0] == '[') {
        host = (llm_str){host.ptr + 1, host.len - 2};
    }
    *ret = (struct llm_url){
        .origin = {text, origin.len}, .host = host, .https = https, .loopback = host_is_loopback(host)};
    return LLM_OK;
}

llm_status llm_url_parse(llm_str text, struct llm_arena *arena, struct llm_url *ret, llm_error *err) {
    if (text.len == 0 || text.len > LLM_MAX_URL_BYTES) {
        return llm_fail(err, LLM_E_INVALID_REQUEST, "the URL is %s", text.len == 0 ? "empty" : "too long");
    }
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c <= 0x20 || c == 0x7f) {
            return llm_fail(err, LLM_E_INVALID_REQUEST, "the URL holds a blank or a control byte");
        }
    }
    const llm_str copy = llm_arena_dup(arena, text);
    CURLU *handle = curl_url();
    if (copy.ptr == NULL || handle == NULL) {
        curl_url_cleanup(handle);
        return LLM_E_NOMEM;
    }
    const CURLUcode rc = curl_url_set(handle, CURLUPART_URL, copy.ptr, CURLU_NON_SUPPORT_SCHEME);
    const llm_status status = rc == CURLUE_OUT_OF_MEMORY ? LLM_E_NOMEM
                              : rc != CURLUE_OK
                                  ? llm_fail(err, LLM_E_INVALID_REQUEST, "\"%.*s\" is no URL: %s",
                                             LLM_FMT(text), curl_url_strerror(rc))
                                  : describe(handle, arena, ret, err);
    curl_url_cleanup(handle);
    return status;
}

// The ranges of the IANA special-purpose registries that are not globally reachable.
static bool v4_is_public(uint32_t a) {
    static const struct {
        uint32_t net;
        int bits;
    } closed[] = {
        {0x00000000u, 8},  {0x0a000000u, 8},  {0x64400000u, 10}, {0x7f000000u, 8},  {0xa9fe0000u, 16},
        {0xac100000u, 12}, {0xc0000000u, 24}, {0xc0000200u, 24}, {0xc0586300u, 24}, {0xc0a80000u, 16},
        {0xc6120000u, 15}, {0xc6336400u, 24}, {0xcb007100u, 24}, {0xe0000000u, 4},  {0xf0000000u, 4},
    };
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
        if ((a ^ closed[i].net) >> (32 - closed[i].bits) == 0) {
            return false;
        }
    }
    return true;
}

bool llm_address_is_public(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return v4_is_public(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family != AF_INET6) {
        return false;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    const uint8_t *b = in6.sin6_addr.s6_addr;
    // Global unicast is 2000::/3; of it 2001::/23 (Teredo among them), 2001:db8::/32, 2002::/16 (6to4) and 3fff::/20 lead elsewhere.
    // NAT64 (64:ff9b::/96) and mapped addresses lie outside of 2000::/3.
    return (b[0] & 0xe0) == 0x20 && !(b[0] == 0x20 && b[1] == 0x01 && b[2] < 0x02) &&
           !(b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8) &&
           !(b[0] == 0x20 && b[1] == 0x02) && !(b[0] == 0x3f && b[1] == 0xff && (b[2] & 0xf0) == 0);
}
