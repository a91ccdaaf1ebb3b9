// SPDX-License-Identifier: MIT
// Bytes that grow up to a named maximum.
#ifndef LLM_BASE_BUF_H
#define LLM_BASE_BUF_H

#include <stddef.h>

#include "base/str.h"

// Start with {.max = LLM_MAX_...}: a buffer without a maximum holds nothing.
struct llm_buf {
    char *ptr; // has a NUL behind len once anything was put in
    size_t len, cap, max;
};

// LLM_OK; LLM_E_LIMIT: over max; LLM_E_NOMEM.  On failure the buffer is as it was.
llm_status llm_buf_put(struct llm_buf *buf, const void *p, size_t n);
llm_status llm_buf_puts(struct llm_buf *buf, const char *text);
llm_status llm_buf_printf(struct llm_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Room for n more bytes (and a NUL).
llm_status llm_buf_reserve(struct llm_buf *buf, size_t n);

// Empty; memory above keep_bytes is given back.
void llm_buf_reset(struct llm_buf *buf, size_t keep_bytes);

// The bytes become the caller's (llm_mem_free); the buffer is empty.  Never NULL but when out of memory.
char *llm_buf_take(struct llm_buf *buf);

void llm_buf_done(struct llm_buf *buf);

static inline llm_str llm_buf_str(const struct llm_buf *buf) {
    return (llm_str){buf->ptr != NULL ? buf->ptr : "", buf->len};
}

// A sink for llm_json.h's writer: ctx is the buffer.
llm_status llm_buf_sink(void *ctx, const void *p, size_t n);

#endif
