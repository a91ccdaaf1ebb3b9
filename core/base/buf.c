// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

llm_status llm_buf_reserve(struct llm_buf *buf, size_t n) {
    if (n > buf->max || buf->len > buf->max - n) {
        return LLM_E_LIMIT;
    }
    const size_t need = buf->len + n + 1;
    if (need <= buf->cap) {
        return LLM_OK;
    }
    size_t cap = buf->cap != 0 ? buf->cap : 256;
    while (cap < need) {
        cap *= 2; // cannot wrap: need <= max + 1, and every maximum is far below SIZE_MAX / 2
    }
    char *bigger = llm_mem_resize(buf->ptr, cap);
    if (bigger == NULL) {
        return LLM_E_NOMEM;
    }
    buf->ptr = bigger;
    buf->cap = cap;
    return LLM_OK;
}

llm_status llm_buf_put(struct llm_buf *buf, const void *p, size_t n) {
    const llm_status status = llm_buf_reserve(buf, n);
    if (status != LLM_OK) {
        return status;
    }
    if (n > 0) {
        memcpy(buf->ptr + buf->len, p, n);
    }
    buf->len += n;
    buf->ptr[buf->len] = '\0';
    return LLM_OK;
}

llm_status llm_buf_puts(struct llm_buf *buf, const char *text) {
    return llm_buf_put(buf, text, strlen(text));
}

llm_status llm_buf_printf(struct llm_buf *buf, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    llm_status status = len < 0 ? LLM_E_INTERNAL : llm_buf_reserve(buf, (size_t)len);
    if (status == LLM_OK) {
        (void)vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    return status;
}

void llm_buf_reset(struct llm_buf *buf, size_t keep_bytes) {
    if (buf->cap > keep_bytes) {
        llm_mem_free(buf->ptr);
        buf->ptr = NULL;
        buf->cap = 0;
    } else if (buf->ptr != NULL) {
        buf->ptr[0] = '\0';
    }
    buf->len = 0;
}

char *llm_buf_take(struct llm_buf *buf) {
    if (buf->ptr == NULL && llm_buf_put(buf, "", 0) != LLM_OK) {
        return NULL;
    }
    char *bytes = buf->ptr;
    buf->ptr = NULL;
    buf->len = buf->cap = 0;
    return bytes;
}

void llm_buf_done(struct llm_buf *buf) {
    llm_mem_free(buf->ptr);
    buf->ptr = NULL;
    buf->len = buf->cap = 0;
}

llm_status llm_buf_sink(void *ctx, const void *p, size_t n) {
    return llm_buf_put(ctx, p, n);
}
