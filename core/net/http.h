// SPDX-License-Identifier: MIT
// HTTP exchanges on one reactor: the only code that knows libcurl.  Redirects are never followed, nothing is decompressed, no proxy is
// used unless the settings name one.
#ifndef LLM_NET_HTTP_H
#define LLM_NET_HTTP_H

#include "base/buf.h"
#include "net/reactor.h"

struct llm_http;
struct llm_exchange;

struct llm_http_options {
    llm_str ca_file; // PEM file, or a directory of hashed ones; absent: the system's certificates
    llm_str proxy;   // absent: none; "environment": the usual variables
};

struct llm_slice {
    const void *ptr;
    size_t len;
};

// How an exchange ended.
struct llm_http_end {
    const char *message; // one line, empty when nothing failed; borrowed
    bool sent;           // the request, or a part of it, may have reached the other side
    bool untrusted;      // its certificate is not trusted: trying again cannot help
};

// Everything in it stays valid until on_end or llm_exchange_stop().
struct llm_http_call {
    const char *method, *url; // NUL-terminated
    const char *const *lines; // n_lines header lines "name: value", NUL-terminated
    size_t n_lines;
    const struct llm_slice *body; // n_body slices
    size_t n_body;
    uint32_t connect_timeout_ms;
    bool public_only; // refuse to connect to an address that is not public
    void *ctx;
    // [loop] The head of the final answer (never a 1xx): names in lower case; borrowed.  Not LLM_OK: stop.
    llm_status (*on_head)(void *ctx, uint32_t http_status, const llm_header *headers, size_t n_headers);
    // [loop] Bytes of the body.  Not LLM_OK: stop.
    llm_status (*on_data)(void *ctx, const void *p, size_t n);
    // [loop] The last word, exactly once unless stopped.  LLM_OK: the body is complete.  Else what on_head or on_data gave, or LLM_E_TIMEOUT
    // (connect), LLM_E_TRANSPORT, LLM_E_DENIED (not public), LLM_E_NOMEM.  The exchange is gone afterwards.
    // A kept-alive connection that turns out closed before a byte of an answer came has been replaced by a new one before.
    void (*on_end)(void *ctx, llm_status status, const struct llm_http_end *end);
};

// LLM_E_NOMEM, LLM_E_CONFIG.  The reactor's on_ready must call llm_http_ready().
llm_status llm_http_new(struct llm_reactor *reactor, const struct llm_http_options *options,
                        struct llm_http **ret, llm_error *err);
// Exchanges that are left are dropped without on_end.
void llm_http_free(struct llm_http *http);

void llm_http_ready(struct llm_http *http, int fd, int events);

// Begin; nothing is called back from in here.  LLM_E_INVALID_REQUEST: no usable URL.  LLM_E_NOMEM.
llm_status llm_http_start(struct llm_http *http, const struct llm_http_call *call, struct llm_exchange **ret);

// Has anything of the request left, or may it have?
bool llm_exchange_sent(const struct llm_exchange *exchange);
// Stop it; on_end is not called.  drain: the answer is complete but for its last bytes: read on for a moment, so that the connection can be
// used again.
void llm_exchange_stop(struct llm_exchange *exchange, bool drain);

// Where the time until the head went; all since the exchange began.
struct llm_http_times {
    bool known, reused;                 // reused: the connection was there already
    int64_t dns_us, connect_us, tls_us; // -1: there was no such step
};

// In on_head, or later while the exchange is there.
void llm_exchange_times(const struct llm_exchange *exchange, struct llm_http_times *ret);

#endif
