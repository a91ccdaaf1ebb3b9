// SPDX-License-Identifier: MIT
// Text for programs: growing buffers, memory that is given back at once, files, globs.
// Hosts see no inside of the library, so they have their own.  A failure (out of memory) sticks: it is checked once, at the end.
#ifndef HOST_TEXT_H
#define HOST_TEXT_H

#include "llm_json.h"
#include "llm_master.h"

#include <stdbool.h>

#define HOST_MAX_FILE_BYTES (256u << 20) // a file that is read whole

struct host_text {
    char *ptr;
    size_t len, cap;
    bool failed; // something could not be added
};

// Room for n more bytes behind len.  false: out of memory.
bool host_text_reserve(struct host_text *buf, size_t n);
void host_text_add(struct host_text *buf, const void *p, size_t n);
void host_text_text(struct host_text *buf, const char *text);
void host_text_number(struct host_text *buf, uint64_t n); // decimal
void host_text_hex(struct host_text *buf, uint64_t n);    // no leading zeros
void host_text_base64(struct host_text *buf, const void *p, size_t n);

void host_text_decoded(struct host_text *buf, llm_str string); // a JSON string; no string: failed

// Decode base64 text (padding optional, blanks skipped).  false: not base64, or out of memory.
bool host_text_unbase64(struct host_text *buf, llm_str text);

// Empty it; memory above keep bytes is given back.
void host_text_reset(struct host_text *buf, size_t keep);
void host_text_done(struct host_text *buf);

llm_str host_text_str(const struct host_text *buf);

// As a place for llm_json_writer; ctx is the buffer.
llm_status host_text_sink(void *ctx, const void *p, size_t n);

// Append the whole file.  LLM_E_CONFIG: it cannot be read, or is larger than HOST_MAX_FILE_BYTES; err says which.
llm_status host_text_file(struct host_text *buf, const char *path, llm_error *err);

// Memory that lives as long as the pool: what is read once, at the start.
struct host_pool {
    struct host_pool_block *top;
};

// Zeroed memory, aligned for anything; NULL: out of memory.
void *host_pool_alloc(struct host_pool *pool, size_t n);
// A copy; ptr NULL: out of memory.
llm_str host_pool_copy(struct host_pool *pool, llm_str text);
// A JSON string, decoded; ptr NULL: out of memory, or it is no string.
llm_str host_pool_decode(struct host_pool *pool, llm_str string);
void host_pool_done(struct host_pool *pool);

// Append a JSON value without the blanks between its tokens.
void host_text_minified(struct host_text *buf, llm_str json);

// Line and column (both from 1, in bytes) of an offset.
void host_text_place(llm_str text, size_t offset, unsigned *ret_line, unsigned *ret_column);

// Append what a descriptor gives until its end; path stands in messages.  Errors as host_text_file().
llm_status host_text_fd(struct host_text *buf, int fd, const char *path, llm_error *err);

// Write status and message into err (nullable), and give status back.
llm_status host_fail(llm_error *err, llm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline llm_str host_str(const char *text) {
    return (llm_str){text, strlen(text)};
}

static inline bool host_same(llm_str a, llm_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

// Does the glob (* any run, ? one byte) cover text?
bool host_glob(llm_str glob, llm_str text);

// Equal but for the case of ASCII letters (header names).
bool host_same_name(llm_str a, llm_str b);

#endif
