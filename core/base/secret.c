// SPDX-License-Identifier: MIT
#include "base/secret.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/mem.h"

// Shorter ones are not looked for: a two-letter "key" would blank out half of every message.
#define REDACT_BYTES_MIN 4u
#define REDACT_WORD_BYTES 6u // shorter ones only as a word
#define REDACT_BEGIN_BYTES 6u
#define REDACT_SPELLED_BYTES 8u // shorter ones are not looked for in other spellings

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

// ---- other spellings: each gives how many bytes of the text are the whole secret, or 0 --------------------------------

static int digit_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// Is it c, written as two hexadecimal digits?
static bool is_hex(const char *p, char c) {
    const int high = digit_of(p[0]), low = digit_of(p[1]);
    return high >= 0 && low >= 0 && (char)(high * 16 + low) == c;
}

// Some bytes as %XX, as in a URL, or behind a backslash, as in JSON.
static size_t match_escaped(const struct llm_secret *secret, const char *text, size_t len) {
    size_t at = 0;
    for (size_t i = 0; i < secret->len; i++) {
        const char c = secret->bytes[i];
        if (at < len && (text[at] == c || (text[at] == '+' && c == ' '))) {
            at++;
        } else if (len - at >= 3 && text[at] == '%' && is_hex(text + at + 1, c)) {
            at += 3;
        } else if (len - at >= 2 && text[at] == '\\' && text[at + 1] == c) {
            at += 2;
        } else {
            return 0;
        }
    }
    return at;
}

static size_t match_hex(const struct llm_secret *secret, const char *text, size_t len) {
    if (secret->len > len / 2) {
        return 0;
    }
    for (size_t i = 0; i < secret->len; i++) {
        if (!is_hex(text + i * 2, secret->bytes[i])) {
            return 0;
        }
    }
    return secret->len * 2;
}

// As base64 that begins with the secret, in either alphabet.
static size_t match_base64(const struct llm_secret *secret, const char *text, size_t len) {
    size_t at = 0;
    for (size_t i = 0; i < secret->len; i += 3) {
        char group[4];
        const size_t n = secret->len - i < 3 ? secret->len - i : 3;
        const size_t chars = n + 1;
        (void)llm_base64_encode((const uint8_t *)secret->bytes + i, n, group);
        for (size_t k = 0; k < chars; k++, at++) {
            // What follows the secret may have changed the bits that are left over in its last character.
            const bool last = n < 3 && k == n;
            const char c = at < len && text[at] == '-'   ? '+'
                           : at < len && text[at] == '_' ? '/'
                           : at < len                    ? text[at]
                                                         : '\0';
            if (at >= len || (c != group[k] && !last)) {
                return 0;
            }
        }
    }
    return at;
}

static void redact_spellings(const struct llm_secret *secret, char *text, size_t len) {
    char first[4];
    (void)llm_base64_encode((const uint8_t *)secret->bytes, 3, first);
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        size_t n = 0;
        if (c == secret->bytes[0] || c == '%' || c == '\\') {
            n = match_escaped(secret, text + i, len - i);
        }
        if (n == 0 && len - i >= 2 && is_hex(text + i, secret->bytes[0])) {
            n = match_hex(secret, text + i, len - i);
        }
        if (n == 0 && c == first[0]) {
            n = match_base64(secret, text + i, len - i);
        }
        if (n > 0) {
            memset(text + i, '*', n);
            i += n - 1;
        }
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
    if (secret->len >= REDACT_SPELLED_BYTES) {
        redact_spellings(secret, text, len);
    }
}
