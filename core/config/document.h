// SPDX-License-Identifier: MIT
// A JSON text that a person wrote: comments are allowed, and what is wrong is said with file, line and column.
#ifndef LLM_CONFIG_DOCUMENT_H
#define LLM_CONFIG_DOCUMENT_H

#include <stdarg.h>

#include "base/arena.h"
#include "base/str.h"

// Zeroed is valid: nothing read.
struct llm_document {
    llm_str name; // for messages: the path
    char *bytes;  // private
    size_t n_bytes;
    llm_str root; // the value: valid JSON by llm_json_check(), depth <= LLM_MAX_JSON_DEPTH, valid UTF-8
    bool readable_by_others;
};

// Read a file of at most LLM_MAX_SETTINGS_BYTES.  name: borrowed until llm_document_done(), NUL-terminated.
// LLM_E_NOT_FOUND: there is none.  LLM_E_CONFIG: it cannot be read, is too large, is no file, can be written by others (see
// llm_trust_file()), or is no JSON.  LLM_E_NOMEM.
llm_status llm_document_read(struct llm_document *doc, llm_str name, llm_error *err);

// The same for text in memory, which is copied.  name: borrowed.
llm_status llm_document_parse(struct llm_document *doc, llm_str name, llm_str text, llm_error *err);

// The text is wiped: it may hold a key.
void llm_document_done(struct llm_document *doc);

// LLM_E_CONFIG with "name:line:column: what is wrong".  at: inside the document's text.
llm_status llm_document_fail(const struct llm_document *doc, llm_str at, llm_error *err, const char *format,
                             ...) __attribute__((format(printf, 4, 5)));
#ifdef __clang_analyzer__ // it sees one file at a time
#define llm_document_fail(doc, at, err, ...) (llm_document_fail(doc, at, err, __VA_ARGS__), LLM_E_CONFIG)
#endif

// A string that is not empty, valid UTF-8, without control bytes, decoded into the arena.  what: its name, for the message.
llm_status llm_document_string(const struct llm_document *doc, llm_str value, const char *what,
                               struct llm_arena *arena, llm_str *ret, llm_error *err);
// One string, or an array of them.  *ret: from the arena.
llm_status llm_document_strings(const struct llm_document *doc, llm_str value, const char *what,
                                struct llm_arena *arena, llm_str **ret, size_t *ret_count, llm_error *err);
llm_status llm_document_bool(const struct llm_document *doc, llm_str value, const char *what, bool *ret,
                             llm_error *err);
// A whole number from min to max.
llm_status llm_document_int(const struct llm_document *doc, llm_str value, const char *what, int64_t min,
                            int64_t max, int64_t *ret, llm_error *err);

// What an object may hold.  take: one member's value; ctx and doc as given to llm_document_members().
struct llm_document_member {
    const char *name;
    llm_status (*take)(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err);
};

// Hand each member to its function.  table: ended by a NULL name; at most 64 entries.  what: the object's name for the message.
// LLM_E_CONFIG: value is no object, holds a name twice or one that is not in the table (the message gives the nearest).
llm_status llm_document_members(const struct llm_document *doc, llm_str value, const char *what,
                                const struct llm_document_member *table, void *ctx, llm_error *err);

// Blank out comments (// to the end of the line, /* to */) outside strings; nothing moves.  false: one is not closed.
bool llm_document_blank_comments(char *text, size_t len);

#endif
