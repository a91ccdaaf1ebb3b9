// SPDX-License-Identifier: MIT
#include "host_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool host_text_reserve(struct host_text *buf, size_t n) {
    if (n <= buf->cap - buf->len) {
        return true;
    }
    if (buf->failed || n > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4) {
        buf->failed = true;
        return false;
    }
    size_t cap = buf->cap < 256 ? 256 : buf->cap * 2;
    if (cap < buf->len + n) {
        cap = buf->len + n;
    }
    char *ptr = realloc(buf->ptr, cap);
    if (ptr == NULL) {
        buf->failed = true;
        return false;
    }
    buf->ptr = ptr;
    buf->cap = cap;
    return true;
}

void host_text_add(struct host_text *buf, const void *p, size_t n) {
    if (n == 0 || !host_text_reserve(buf, n)) {
        return;
    }
    memcpy(buf->ptr + buf->len, p, n);
    buf->len += n;
}

void host_text_text(struct host_text *buf, const char *text) {
    host_text_add(buf, text, strlen(text));
}

void host_text_number(struct host_text *buf, uint64_t n) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    host_text_add(buf, digits + at, sizeof digits - at);
}

void host_text_hex(struct host_text *buf, uint64_t n) {
    char digits[16];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[n % 16];
        n /= 16;
    } while (n > 0);
    host_text_add(buf, digits + at, sizeof digits - at);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void host_text_base64(struct host_text *buf, const void *p, size_t n) {
    const uint8_t *from = p;
    if (!host_text_reserve(buf, n / 3 * 4 + 4)) {
        return;
    }
    char *to = buf->ptr + buf->len;
    size_t i = 0;
    for (; i + 3 <= n; i += 3) {
        const uint32_t word = (uint32_t)from[i] << 16 | (uint32_t)from[i + 1] << 8 | from[i + 2];
        *to++ = alphabet[word >> 18];
        *to++ = alphabet[word >> 12 & 63];
        *to++ = alphabet[word >> 6 & 63];
        *to++ = alphabet[word & 63];
    }
    if (i < n) {
        const uint32_t word = (uint32_t)from[i] << 16 | (i + 1 < n ? (uint32_t)from[i + 1] << 8 : 0);
        *to++ = alphabet[word >> 18];
        *to++ = alphabet[word >> 12 & 63];
        *to++ = i + 1 < n ? alphabet[word >> 6 & 63] : '=';
        *to++ = '=';
    }
    buf->len = (size_t)(to - buf->ptr);
}

void host_text_decoded(struct host_text *buf, llm_str string) {
    if (llm_json_decode_to(string, host_text_sink, buf) != LLM_OK) {
        buf->failed = true;
    }
}

bool host_text_unbase64(struct host_text *buf, llm_str text) {
    uint32_t word = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (c == '=' || c == '\n' || c == '\r' || c == ' ') {
            continue;
        }
        const char *digit = c == '\0' ? NULL : strchr(alphabet, c);
        if (digit == NULL) {
            return false;
        }
        word = word << 6 | (uint32_t)(digit - alphabet);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            host_text_add(buf, &(char){(char)(word >> bits & 255)}, 1);
        }
    }
    return !buf->failed;
}

void host_text_reset(struct host_text *buf, size_t keep) {
    if (buf->cap > keep) {
        host_text_done(buf);
        return;
    }
    buf->len = 0;
    buf->failed = false;
}

void host_text_done(struct host_text *buf) {
    free(buf->ptr);
    *buf = (struct host_text){0};
}

llm_str host_text_str(const struct host_text *buf) {
    return (llm_str){buf->ptr != NULL ? buf->ptr : "", buf->len};
}

llm_status host_text_sink(void *ctx, const void *p, size_t n) {
    struct host_text *buf = ctx;
    host_text_add(buf, p, n);
    return buf->failed ? LLM_E_NOMEM : LLM_OK;
}

llm_status host_text_fd(struct host_text *buf, int fd, const char *path, llm_error *err) {
    for (;;) {
        if (!host_text_reserve(buf, 16384)) {
            return host_fail(err, LLM_E_NOMEM, "%s: out of memory", path);
        }
        const ssize_t got = read(fd, buf->ptr + buf->len, buf->cap - buf->len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return host_fail(err, LLM_E_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
        }
        if (got == 0) {
            return LLM_OK;
        }
        buf->len += (size_t)got;
        if (buf->len > HOST_MAX_FILE_BYTES) {
            return host_fail(err, LLM_E_CONFIG, "%s: larger than %u bytes", path, HOST_MAX_FILE_BYTES);
        }
    }
}

llm_status host_text_file(struct host_text *buf, const char *path, llm_error *err) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return host_fail(err, LLM_E_CONFIG, "%s: cannot be opened: %s", path, strerror(errno));
    }
    const llm_status status = host_text_fd(buf, fd, path, err);
    close(fd);
    return status;
}

struct host_pool_block {
    struct host_pool_block *below;
    size_t used, cap;
    _Alignas(max_align_t) char data[];
};

void *host_pool_alloc(struct host_pool *pool, size_t n) {
    if (n > SIZE_MAX / 4) {
        return NULL;
    }
    n = (n + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    struct host_pool_block *top = pool->top;
    if (top == NULL || n > top->cap - top->used) {
        const size_t cap = n > 16384 ? n : 16384;
        top = calloc(1, sizeof *top + cap);
        if (top == NULL) {
            return NULL;
        }
        top->below = pool->top;
        top->cap = cap;
        pool->top = top;
    }
    void *cut = top->data + top->used;
    top->used += n;
    return cut;
}

llm_str host_pool_copy(struct host_pool *pool, llm_str text) {
    char *copy = host_pool_alloc(pool, text.len + 1);
    if (copy != NULL && text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    return (llm_str){copy, copy != NULL ? text.len : 0};
}

llm_str host_pool_decode(struct host_pool *pool, llm_str string) {
    if (llm_json_type(string) != '"') {
        return (llm_str){0};
    }
    const size_t len = llm_json_decoded_len(string);
    char *copy = host_pool_alloc(pool, len + 1);
    if (copy == NULL || llm_json_decode(string, copy, len) != len) {
        return (llm_str){0};
    }
    return (llm_str){copy, len};
}

void host_pool_done(struct host_pool *pool) {
    while (pool->top != NULL) {
        struct host_pool_block *below = pool->top->below;
        free(pool->top);
        pool->top = below;
    }
}

void host_text_minified(struct host_text *buf, llm_str json) {
    bool in_string = false;
    if (!host_text_reserve(buf, json.len)) {
        return;
    }
    for (size_t i = 0; i < json.len; i++) {
        const char c = json.ptr[i];
        if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            continue;
        }
        buf->ptr[buf->len++] = c;
        if (in_string && c == '\\' && i + 1 < json.len) {
            buf->ptr[buf->len++] = json.ptr[++i];
        } else if (c == '"') {
            in_string = !in_string;
        }
    }
}

void host_text_place(llm_str text, size_t offset, unsigned *ret_line, unsigned *ret_column) {
    *ret_line = 1;
    *ret_column = 1;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        ++*ret_column;
        if (text.ptr[i] == '\n') {
            ++*ret_line;
            *ret_column = 1;
        }
    }
}

llm_status host_fail(llm_error *err, llm_status status, const char *format, ...) {
    if (err == NULL) {
        return status;
    }
    va_list args;
    va_start(args, format);
    err->status = status;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

bool host_glob(llm_str glob, llm_str text) {
    size_t g = 0, t = 0, star = SIZE_MAX, mark = 0;
    while (t < text.len) {
        if (g < glob.len && glob.ptr[g] == '*') {
            star = g++;
            mark = t;
        } else if (g < glob.len && (glob.ptr[g] == '?' || glob.ptr[g] == text.ptr[t])) {
            g++;
            t++;
        } else if (star != SIZE_MAX) {
            g = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (g < glob.len && glob.ptr[g] == '*') {
        g++;
    }
    return g == glob.len;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool host_same_name(llm_str a, llm_str b) {
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}
