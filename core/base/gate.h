// SPDX-License-Identifier: MIT
// The gate for JSON that comes from outside: every byte is judged before anything looks at it.
#ifndef LLM_BASE_GATE_H
#define LLM_BASE_GATE_H

#include "base/arena.h"
#include "base/str.h"

// A request that passed: its top-level members in order, as slices of the text (names decoded into the arena only
// where they hold an escape).
struct llm_gate {
    llm_header *fields;
    size_t n_fields;
};

// Judge one JSON object: strict RFC 8259 grammar, valid UTF-8, depth <= LLM_MAX_JSON_DEPTH, at most LLM_MAX_REQUEST_BYTES and
// LLM_MAX_REQUEST_FIELDS, no two top-level names that are equal after decoding, nothing behind the object but blanks.
// LLM_E_INVALID_REQUEST with byte, line and column in the message; LLM_E_TOO_LARGE; LLM_E_NOMEM.  *ret only on LLM_OK.
llm_status llm_gate_request(llm_str text, struct llm_arena *arena, struct llm_gate *ret, llm_error *err);

// The raw value of a top-level member; absent: ptr NULL.
llm_str llm_gate_get(const struct llm_gate *gate, const char *name);

#endif
