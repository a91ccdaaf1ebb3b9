// SPDX-License-Identifier: MIT
// Text as pointer and length.  Nothing here allocates.
#ifndef LLM_BASE_STR_H
#define LLM_BASE_STR_H

#include <stdbool.h>
#include <string.h>

#include "llm_master.h"

#define LLM_STR(literal) ((llm_str){"" literal "", sizeof(literal) - 1})
#define LLM_STR_INIT(literal)                                                                                \
    { "" literal "", sizeof(literal) - 1 }
// For "%.*s".
#define LLM_FMT(s) (int)((s).len > 4096 ? 4096 : (s).len), ((s).ptr != NULL ? (s).ptr : "")

static inline llm_str llm_str_from(const char *text) {
    return (llm_str){text, text != NULL ? strlen(text) : 0};
}

static inline bool llm_str_eq(llm_str a, llm_str b) {
    return a.len == b.len &&
           (a.len == 0 || (a.ptr != NULL && b.ptr != NULL && memcmp(a.ptr, b.ptr, a.len) == 0));
}

static inline bool llm_str_is(llm_str a, const char *text) {
    return llm_str_eq(a, llm_str_from(text));
}

static inline bool llm_str_starts(llm_str s, llm_str prefix) {
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline llm_str llm_str_cut(llm_str s, size_t from) {
    return from >= s.len ? (llm_str){s.ptr + s.len, 0} : (llm_str){s.ptr + from, s.len - from};
}

// ASCII letters only, whatever the locale.
bool llm_str_eq_nocase(llm_str a, llm_str b);

// Without leading and trailing blanks (space, tab, CR, LF).
llm_str llm_str_trim(llm_str s);

// Decimal digits only, at most `max`; false: empty, another byte, or more.
bool llm_str_uint(llm_str s, uint64_t max, uint64_t *ret);

// '*' stands for any bytes, also none; every other byte for itself.
bool llm_str_glob(llm_str pattern, llm_str s);

// Is it valid UTF-8 (RFC 3629: no surrogates, nothing above U+10FFFF, no overlong form)?
bool llm_str_utf8(llm_str s);

// Edit distance, for "did you mean": bounded, 1000 when either is longer than 64 bytes.
size_t llm_str_distance(llm_str a, llm_str b);

#endif
