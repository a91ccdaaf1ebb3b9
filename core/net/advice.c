// SPDX-License-Identifier: MIT
#include "net/advice.h"

#include <time.h>

#include "base/limits.h"

llm_str llm_head_get(const llm_header *headers, size_t n, const char *name) {
    const llm_str wanted = llm_str_from(name);
    for (size_t i = 0; i < n; i++) {
        if (llm_str_eq(headers[i].name, wanted)) {
            return headers[i].value;
        }
    }
    return (llm_str){NULL, 0};
}

static bool ends(llm_str s, llm_str end) {
    return s.len >= end.len && llm_str_eq(llm_str_cut(s, s.len - end.len), end);
}

llm_str llm_head_request_id(const llm_header *headers, size_t n) {
    static const llm_str suffixes[] = {LLM_STR_INIT("request-id"), LLM_STR_INIT("requestid"),
                                       LLM_STR_INIT("generation-id"), LLM_STR_INIT("trace-id")};
    const llm_str exact = llm_head_get(headers, n, "x-request-id");
    if (exact.len > 0) {
        return exact;
    }
    for (size_t k = 0; k < sizeof suffixes / sizeof suffixes[0]; k++) {
        for (size_t i = 0; i < n; i++) {
            if (ends(headers[i].name, suffixes[k]) && headers[i].value.len > 0) {
                return headers[i].value;
            }
        }
    }
    return (llm_str){NULL, 0};
}

// "1", "0.5" in units of 1/1000; -1: no number.
static int64_t thousandths(llm_str s) {
    int64_t value = 0;
    size_t i = 0, digits = 0;
    for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++, digits++) {
        if (value < (int64_t)LLM_MAX_RETRY_AFTER_MS) {
            value = value * 10 + (s.ptr[i] - '0');
        }
    }
    value *= 1000;
    if (digits > 0 && i < s.len && s.ptr[i] == '.') {
        int64_t unit = 100;
        for (i++; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++, unit /= 10) {
            value += unit * (s.ptr[i] - '0');
        }
    }
    return digits > 0 && i == s.len ? value : -1;
}

static int two(const char *p) {
    return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' ? (p[0] - '0') * 10 + (p[1] - '0') : -1;
}

// IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7), in seconds since 1970; -1: none.  Names are English whatever the locale.
static int64_t date(llm_str s) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (s.len != 29 || s.ptr[3] != ',' || !ends(s, LLM_STR(" GMT"))) {
        return -1;
    }
    struct tm tm = {.tm_mday = two(s.ptr + 5),
                    .tm_hour = two(s.ptr + 17),
                    .tm_min = two(s.ptr + 20),
                    .tm_sec = two(s.ptr + 23),
                    .tm_mon = -1};
    const int century = two(s.ptr + 12), year = two(s.ptr + 14);
    for (int m = 0; m < 12; m++) {
        if (memcmp(s.ptr + 8, months + 3 * m, 3) == 0) {
            tm.tm_mon = m;
        }
    }
    if (tm.tm_mday < 1 || tm.tm_hour < 0 || tm.tm_min < 0 || tm.tm_sec < 0 || tm.tm_mon < 0 || century < 0 ||
        year < 0) {
        return -1;
    }
    tm.tm_year = century * 100 + year - 1900;
    return (int64_t)timegm(&tm);
}

static int64_t clamp(int64_t ms) {
    return ms <= 0 ? -1 : ms < (int64_t)LLM_MAX_RETRY_AFTER_MS ? ms : (int64_t)LLM_MAX_RETRY_AFTER_MS;
}

int64_t llm_head_retry_after_ms(const llm_header *headers, size_t n, int64_t now_s) {
    const int64_t exact = thousandths(llm_str_trim(llm_head_get(headers, n, "retry-after-ms")));
    if (exact > 0) {
        return clamp(exact < 1000 ? 1 : exact / 1000);
    }
    const llm_str value = llm_str_trim(llm_head_get(headers, n, "retry-after"));
    const int64_t ms = thousandths(value);
    if (ms >= 0) {
        return clamp(ms);
    }
    const int64_t at = date(value);
    return at > now_s ? clamp((at - now_s) * 1000) : -1;
}
