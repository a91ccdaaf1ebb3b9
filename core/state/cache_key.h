// SPDX-License-Identifier: MIT
// What makes two queries the same question: SHA-256 of all that the answer depends on, in a form in which equal requests are
// equal bytes and different ones are not.
#ifndef LLM_STATE_CACHE_KEY_H
#define LLM_STATE_CACHE_KEY_H

#include "base/arena.h"
#include "base/sha256.h"
#include "base/str.h"

struct llm_cache_key {
    uint8_t bytes[LLM_SHA256_BYTES];
};

// Absent and empty texts are different.  All borrowed.
struct llm_cache_question {
    const llm_str
        *facts; // who is asked, and how: provider, its settings, plugin, model, operation, format, tag, ...
    size_t n_facts;
    const llm_header *fields; // of the request, which passed llm_gate_request(): names decoded, values raw
    size_t n_fields;
    llm_str skip; // a top-level member that does not count; absent: none
    const llm_attachment *attachments;
    size_t n_attachments;
};

// The form of the request: members in the order of their decoded names (equal names in the order they came in), no blanks, numbers
// by their text, strings by their decoded value (with half a surrogate pair: by their text).  Every part says its kind and its
// length, so that no two questions have the same bytes.
// scratch: is cut from; reset it afterwards.  LLM_E_NOMEM: it is exhausted.  LLM_E_UNSUPPORTED: a top-level name with U+FFFD in it, which
// may have been something else before it was decoded.
llm_status llm_cache_key_make(const struct llm_cache_question *question, llm_sha256_fn sha,
                              struct llm_arena *scratch, struct llm_cache_key *ret);

// For tests and fuzzing: one JSON value, valid by llm_json_check() and at most LLM_MAX_JSON_DEPTH deep.  As above.
llm_status llm_cache_key_json(llm_str json, llm_sha256_fn sha, struct llm_arena *scratch,
                              struct llm_cache_key *ret);

#endif
