// SPDX-License-Identifier: MIT
#include "base/secret.h"

#include "base/limits.h"
#include "base/mem.h"

// Shorter ones are not looked for: a two-letter "key" would blank out half of every message.
#define REDACT_BYTES_MIN 4u
#define REDACT_WORD_BYTES 6u // shorter ones only as a word
#define REDACT_BEGIN_BYTES 6u

void llm_wipe(void *p, size_t n) {
    if (p != NULL) {
        explicit_bzero(p, n);
    }
}

llm_status llm_secret_set(struct llm_secret *secret, llm_str value) {
    value = llm_str_trim(value);
    if (value.len == 0 || value.len > LLM_MAX_KEY_BYTES) {
        return LLM_E_CONFIG;
    }
    for (size_t i = 0; i < value.len; i++) {
        const unsigned char c = (unsigned char)value.ptr[i];
        if (c < 0x20 || c >= 0x7f) {
            return LLM_E_CONFIG;
        }
    }
    char *copy = llm_mem_dup(value);
    if (copy == NULL) {
        return LLM_E_NOMEM;
    }
    llm_secret_done(secret);
    secret->bytes = copy;
    secret->len = value.len;
    return LLM_OK;
}

void llm_secret_done(struct llm_secret *secret) {
    llm_wipe(secret->bytes, secret->len);
    llm_mem_free(secret->bytes);
    *secret = (struct llm_secret){0};
}

static bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void redact_begin(const struct llm_secret *secret, char *text, size_t len) {
    size_t n = secret->len - 1 < len ? secret->len - 1 : len;
    while (n >= REDACT_BEGIN_BYTES && memcmp(text + len - n, secret->bytes, n) != 0) {
        n--;
    }
    if (n >= REDACT_BEGIN_BYTES) {
        memset(text + len - n, '*', n);
    }
}

void llm_secret_redact(const struct llm_secret *secret, char *text, size_t len) {
    if (secret->bytes == NULL || secret->len < REDACT_BYTES_MIN) {
        return;
    }
    char *at = text;
    char *const end = text + len;
    while ((size_t)(end - at) >= secret->len &&
           (at = memmem(at, (size_t)(end - at), secret->bytes, secret->len)) != NULL) {
        const bool inside =
            (at > text && is_word_byte(at[-1])) || (at + secret->len < end && is_word_byte(at[secret->len]));
        if (secret->len >= REDACT_WORD_BYTES || !inside) {
            memset(at, '*', secret->len);
        }
        at += secret->len;
    }
    redact_begin(secret, text, len);
}
