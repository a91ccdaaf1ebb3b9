// SPDX-License-Identifier: MIT
// Failures: whoever detects one writes the message, everyone else passes the status up.
#ifndef LLM_BASE_ERROR_H
#define LLM_BASE_ERROR_H

#include "base/str.h"

// Put status and one line into *err (nullable; only members within err->size) and give status back.
llm_status llm_fail(llm_error *err, llm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__ // it sees one file at a time: tell it that the status comes back as it went in
#define llm_fail(err, status, ...) (llm_fail(err, status, __VA_ARGS__), (status))
#endif

// Copy s into a text member of an error: cut at a UTF-8 boundary, control bytes become spaces.
void llm_error_text(char *member, size_t size, llm_str s);

// A copy between structs of different size.
void llm_error_copy(llm_error *to, const llm_error *from);

// The status that an HTTP status means by itself; LLM_OK for 2xx.
llm_status llm_status_from_http(uint32_t http_status);

#endif
