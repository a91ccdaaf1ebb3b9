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
// LLM_E_INVALID_REQUEST with line, column and byte in the message, and in err->param the name that stands twice;
// LLM_E_TOO_LARGE; LLM_E_NOMEM.  *ret only on LLM_OK.  The text is not copied.
llm_status llm_gate_request(llm_str text, struct llm_arena *arena, struct llm_gate *ret, llm_error *err);

// The raw value of a top-level member; absent: ptr NULL.
llm_str llm_gate_get(const struct llm_gate *gate, const char *name);

// Where a byte of a text stands, each counted from 1; columns count characters.
struct llm_gate_place {
    size_t line, column, byte;
};
struct llm_gate_place llm_gate_place(llm_str text, size_t offset);

// A few words on what llm_json_judge() (LLM_JSON_BAD_*, offset) found: "unexpected ','".
#define LLM_GATE_WORDS_BYTES 64
void llm_gate_words(llm_str text, int bad, size_t offset, char words[LLM_GATE_WORDS_BYTES]);

#endif
