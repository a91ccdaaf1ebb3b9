// SPDX-License-Identifier: MIT
// What the head of an answer says beside its status.
#ifndef LLM_NET_ADVICE_H
#define LLM_NET_ADVICE_H

#include "base/str.h"

// The value of a field (name in lower case), the first one; absent: ptr NULL.
llm_str llm_head_get(const llm_header *headers, size_t n, const char *name);

// The provider's id of this request, by the names in use for it; absent: ptr NULL.
llm_str llm_head_request_id(const llm_header *headers, size_t n);

// How long to wait before trying again: retry-after-ms, then Retry-After as seconds (RFC 9110 10.2.3; a fraction is understood) or as a
// date measured against now_s (seconds since 1970).  In ms, 1 to LLM_MAX_RETRY_AFTER_MS; -1: no usable advice (zero is none).
int64_t llm_head_retry_after_ms(const llm_header *headers, size_t n, int64_t now_s);

#endif
