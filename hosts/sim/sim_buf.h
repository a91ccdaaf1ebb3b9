// SPDX-License-Identifier: MIT
// A growing buffer.  A failure (out of memory) sticks: it is checked once, at the end.
#ifndef LLM_SIM_BUF_H
#define LLM_SIM_BUF_H

#include "llm_json.h"
#include "llm_master.h"

#include <stdbool.h>

struct llm_sim_buf {
    char *ptr;
    size_t len, cap;
    bool failed; // something could not be added
};

// Room for n more bytes behind len.  false: out of memory.
bool llm_sim_buf_reserve(struct llm_sim_buf *buf, size_t n);
void llm_sim_buf_add(struct llm_sim_buf *buf, const void *p, size_t n);
void llm_sim_buf_text(struct llm_sim_buf *buf, const char *text);
void llm_sim_buf_number(struct llm_sim_buf *buf, uint64_t n); // decimal
void llm_sim_buf_hex(struct llm_sim_buf *buf, uint64_t n);    // no leading zeros
void llm_sim_buf_base64(struct llm_sim_buf *buf, const void *p, size_t n);

void llm_sim_buf_decoded(struct llm_sim_buf *buf, llm_str string); // a JSON string; no string: failed

// Decode base64 text (padding optional, blanks skipped).  false: not base64, or out of memory.
bool llm_sim_buf_unbase64(struct llm_sim_buf *buf, llm_str text);

// Empty it; memory above keep bytes is given back.
void llm_sim_buf_reset(struct llm_sim_buf *buf, size_t keep);
void llm_sim_buf_done(struct llm_sim_buf *buf);

llm_str llm_sim_buf_str(const struct llm_sim_buf *buf);

// As a place for llm_json_writer; ctx is the buffer.
llm_status llm_sim_buf_sink(void *ctx, const void *p, size_t n);

// Append the whole file.  LLM_E_CONFIG: it cannot be read, or is larger than LLM_SIM_MAX_FILE_BYTES; err says which.
llm_status llm_sim_buf_file(struct llm_sim_buf *buf, const char *path, llm_error *err);

// Memory that lives as long as the pool: what is read once, at the start.
struct llm_sim_pool {
    struct llm_sim_pool_block *top;
};

// Zeroed memory, aligned for anything; NULL: out of memory.
void *llm_sim_pool_alloc(struct llm_sim_pool *pool, size_t n);
// A copy; ptr NULL: out of memory.
llm_str llm_sim_pool_copy(struct llm_sim_pool *pool, llm_str text);
// A JSON string, decoded; ptr NULL: out of memory, or it is no string.
llm_str llm_sim_pool_decode(struct llm_sim_pool *pool, llm_str string);
void llm_sim_pool_done(struct llm_sim_pool *pool);

// Append a JSON value without the blanks between its tokens.
void llm_sim_buf_minified(struct llm_sim_buf *buf, llm_str json);

// Line and column (both from 1, in bytes) of an offset.
void llm_sim_place(llm_str text, size_t offset, unsigned *ret_line, unsigned *ret_column);

// Write status and message into err (nullable), and give status back.
llm_status llm_sim_fail(llm_error *err, llm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline llm_str llm_sim_str(const char *text) {
    return (llm_str){text, strlen(text)};
}

static inline bool llm_sim_same(llm_str a, llm_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

// Does the glob (* any run, ? one byte) cover text?
bool llm_sim_glob(llm_str glob, llm_str text);

// Equal but for the case of ASCII letters (header names).
bool llm_sim_same_name(llm_str a, llm_str b);

#endif
