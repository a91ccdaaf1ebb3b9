// SPDX-License-Identifier: MIT
// Is a response what was expected?
#ifndef LLM_TEST_RESPONSE_DIFF_H
#define LLM_TEST_RESPONSE_DIFF_H

#include <stdbool.h>
#include <stddef.h>

// want: members of a response as docs/response.md has them.  A member that is not in it must be absent, null or empty in `got`, but for
// those that a recording does not decide (times, attempts, names, the cost, ...): these are compared where `want` has them.
// Embeddings are compared as text, so that no digit gets lost.
// true: the same; else `why` names the member and both values.
bool response_is(const char *want, const char *got, char *why, size_t cap);

#endif
