// SPDX-License-Identifier: MIT
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#undef llm_fail // the analyzer's view of it

// Index: -status.
static const char *const names[] = {
    "ok",           "invalid_request", "auth",           "permission",   "not_found",    "conflict",
    "too_large",    "context_length",  "content_filter", "rate_limited", "quota",        "overloaded",
    "server_error", "timeout",         "transport",      "protocol",     "cancelled",    "unsupported",
    "config",       "out_of_memory",   "limit",          "denied",       "plugin_fault",
};

const char *llm_status_name(llm_status status) {
    if (status >= 0) {
        return "ok";
    }
    const size_t index = (size_t) - (int64_t)status;
    return index < sizeof names / sizeof names[0] ? names[index] : "plugin_fault";
}

void llm_error_text(char *member, size_t size, llm_str s) {
    size_t n = s.len < size - 1 ? s.len : size - 1;
    if (n < s.len) {
        while (n > 0 && ((unsigned char)s.ptr[n] & 0xc0) == 0x80) {
            n--;
        }
    }
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)s.ptr[i];
        member[i] = c < 0x20 || c == 0x7f ? ' ' : s.ptr[i];
    }
    member[n] = '\0';
}

llm_status llm_fail(llm_error *err, llm_status status, const char *format, ...) {
    if (err == NULL || err->size < sizeof *err) {
        return status;
    }
    char line[sizeof err->message + 1]; // one more, so that llm_error_text() sees that it has to cut
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    *err = (llm_error)LLM_ERROR_INIT;
    err->status = status;
    const size_t n = len < 0 ? 0 : (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
    llm_error_text(err->message, sizeof err->message, (llm_str){line, n});
    return status;
}

void llm_error_copy(llm_error *to, const llm_error *from) {
    if (to != NULL && to->size >= sizeof *to) {
        *to = *from;
        to->size = (uint32_t)sizeof *to;
    }
}

llm_status llm_status_from_http(uint32_t http_status) {
    switch (http_status) {
    case 400:
    case 422: return LLM_E_INVALID_REQUEST;
    case 401: return LLM_E_AUTH;
    case 402: return LLM_E_QUOTA;
    case 403: return LLM_E_PERMISSION;
    case 404:
    case 410: return LLM_E_NOT_FOUND;
    case 408:
    case 504: return LLM_E_TIMEOUT;
    case 409: return LLM_E_CONFLICT;
    case 413: return LLM_E_TOO_LARGE;
    case 429: return LLM_E_RATE_LIMITED;
    case 503:
    case 529: return LLM_E_OVERLOADED;
    default: break;
    }
    if (http_status >= 200 && http_status < 300) {
        return LLM_OK;
    }
    if (http_status >= 400 && http_status < 500) {
        return LLM_E_INVALID_REQUEST;
    }
    return http_status >= 500 ? LLM_E_SERVER : LLM_E_PROTOCOL;
}
