// SPDX-License-Identifier: MIT
#include "base/secret.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/mem.h"
#include "llm_json.h"

// Shorter ones are not looked for: a two-letter "key" would blank out half of every message.
#define REDACT_BYTES_MIN 4u
#define REDACT_WORD_BYTES 6u // shorter ones only as a word
#define REDACT_BEGIN_BYTES 6u
#define REDACT_SPELLED_BYTES 8u    // shorter ones are not looked for in other spellings
#define REDACT_BACKSLASHES_MAX 16u // before one byte: JSON inside JSON, four deep

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

// Gives how many bytes were something else.
static size_t blank(char *text, size_t n) {
    size_t changed = 0;
    for (size_t i = 0; i < n; i++) {
        changed += text[i] != '*';
        text[i] = '*';
    }
    return changed;
}

static size_t redact_begin(const struct llm_secret *secret, char *text, size_t len) {
    size_t n = secret->len - 1 < len ? secret->len - 1 : len;
    while (n >= REDACT_BEGIN_BYTES && memcmp(text + len - n, secret->bytes, n) != 0) {
        n--;
    }
    return n >= REDACT_BEGIN_BYTES ? blank(text + len - n, n) : 0;
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

// One byte c as %XX or %25XX, as in a URL, or behind backslashes or as \u00XX, as in JSON (perhaps JSON inside JSON).
static size_t match_escape(const char *text, size_t len, char c) {
    if (len >= 5 && memcmp(text, "%25", 3) == 0 && is_hex(text + 3, c)) {
        return 5;
    }
    if (len >= 3 && text[0] == '%' && is_hex(text + 1, c)) {
        return 3;
    }
    size_t n = 0;
    while (n < len && n < REDACT_BACKSLASHES_MAX && text[n] == '\\') {
        n++;
    }
    if (n > 0 && len - n >= 5 && memcmp(text + n, "u00", 3) == 0 && is_hex(text + n + 3, c)) {
        return n + 5;
    }
    return n > 0 && n < len && text[n] == c ? n + 1 : 0;
}

// "\\uXXXX" behind any number of backslashes; gives how many bytes that is, or 0.
static size_t match_unit(const char *text, size_t len, unsigned unit) {
    size_t n = 0;
    while (n < len && n < REDACT_BACKSLASHES_MAX && text[n] == '\\') {
        n++;
    }
    const bool is_unit = n > 0 && len - n >= 5 && text[n] == 'u' && is_hex(text + n + 1, (char)(unit >> 8)) &&
                         is_hex(text + n + 3, (char)(unit & 0xff));
    return is_unit ? n + 5 : 0;
}

// One UTF-8 character of several bytes as \uXXXX, or as two of them.  *ret_used: how many bytes of the secret it has.
static size_t match_character(const char *text, size_t len, llm_str rest, size_t *ret_used) {
    int valid = 0;
    const size_t used = llm_json_utf8_len(rest.ptr, rest.len, &valid);
    if (valid == 0 || used < 2) {
        return 0;
    }
    unsigned c = (unsigned char)rest.ptr[0] & (0x7fu >> used);
    for (size_t i = 1; i < used; i++) {
        c = c << 6 | ((unsigned char)rest.ptr[i] & 0x3f);
    }
    *ret_used = used;
    if (c < 0x10000) {
        return match_unit(text, len, c);
    }
    const size_t high = match_unit(text, len, 0xd800 + ((c - 0x10000) >> 10));
    const size_t low = high > 0 ? match_unit(text + high, len - high, 0xdc00 + (c & 0x3ff)) : 0;
    return low > 0 ? high + low : 0;
}

// times: how often the text was written for a URL, which tells what "%2525" is where the secret has a '%'; 0 takes its backslashes
// for themselves too.
static size_t match_spelled(const struct llm_secret *secret, const char *text, size_t len, unsigned times) {
    size_t at = 0, used;
    for (size_t i = 0; i < secret->len; i += used) {
        const char c = secret->bytes[i];
        const bool plain = at < len && (text[at] == c || (text[at] == '+' && c == ' '));
        size_t n = plain && times == 0 ? 0 : match_escape(text + at, len - at, c);
        n = n == 5 && c == '%' && times == 1 ? 3 : n;
        n = n == 0 && plain ? 1 : n;
        used = 1;
        if (n == 0 && (unsigned char)c >= 0x80) {
            n = match_character(text + at, len - at, (llm_str){secret->bytes + i, secret->len - i}, &used);
        }
        if (n == 0) {
            return 0;
        }
        at += n;
    }
    return at;
}

static size_t match_escaped(const struct llm_secret *secret, bool is_plain, const char *text, size_t len) {
    size_t n = 0;
    for (unsigned times = 0; n == 0 && times <= (is_plain ? 0 : 2); times++) {
        n = match_spelled(secret, text, len, times);
    }
    return n;
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

static char plain_base64(char c) {
    return c == '-' ? '+' : c == '_' ? '/' : c;
}

// The characters of base64 that the secret alone decides, when `shift` other bytes stand before it in its group.
static size_t base64_begin(size_t shift) {
    return shift == 0 ? 0 : shift + 1;
}

// The next group of 3 bytes of `shift` unknown ones and the secret; gives how many of its characters there are.
static size_t base64_group(const struct llm_secret *secret, size_t shift, size_t at, char group[4]) {
    uint8_t bytes[3] = {0};
    const size_t left = shift + secret->len - at;
    const size_t n = left < 3 ? left : 3;
    for (size_t i = 0; i < n; i++) {
        bytes[i] = at + i < shift ? 0 : (uint8_t)secret->bytes[at + i - shift];
    }
    (void)llm_base64_encode(bytes, n, group);
    return n + 1;
}

// As base64, in either alphabet, with anything before and behind it.
static size_t match_base64(const struct llm_secret *secret, size_t shift, const char *text, size_t len) {
    size_t at = 0, begin = base64_begin(shift);
    for (size_t i = 0; i < shift + secret->len; i += 3) {
        char group[4];
        const size_t chars = base64_group(secret, shift, i, group);
        for (size_t k = begin; k < chars; k++, at++) {
            // What follows the secret may have changed the bits that are left over in its last character.
            const bool last = chars < 4 && k == chars - 1;
            if (at >= len || (plain_base64(text[at]) != group[k] && !last)) {
                return 0;
            }
        }
        begin = 0;
    }
    return at;
}

static size_t redact_spellings(const struct llm_secret *secret, char *text, size_t len) {
    char group[4], first[3];
    bool begins[256] = {false};
    size_t changed = 0;
    const bool is_plain =
        memchr(secret->bytes, '%', secret->len) == NULL && memchr(secret->bytes, '\\', secret->len) == NULL;
    for (size_t shift = 0; shift < 3; shift++) {
        (void)base64_group(secret, shift, 0, group);
        first[shift] = group[base64_begin(shift)];
    }
    for (size_t i = 0; i < sizeof begins; i++) { // most bytes begin nothing
        const char c = (char)i, plain = plain_base64(c);
        begins[i] = c == secret->bytes[0] || c == '%' || c == '\\' ||
                    digit_of(c) == (unsigned char)secret->bytes[0] >> 4 || plain == first[0] ||
                    plain == first[1] || plain == first[2];
    }
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        size_t n = 0;
        if (!begins[(unsigned char)c]) {
            continue;
        }
        if (c == secret->bytes[0] || c == '%' || c == '\\') {
            n = match_escaped(secret, is_plain, text + i, len - i);
        }
        if (n == 0 && len - i >= 2 && is_hex(text + i, secret->bytes[0])) {
            n = match_hex(secret, text + i, len - i);
        }
        for (size_t shift = 0; n == 0 && shift < 3; shift++) {
            n = plain_base64(c) == first[shift] ? match_base64(secret, shift, text + i, len - i) : 0;
        }
        if (n > 0) {
            changed += blank(text + i, n);
            i += n - 1;
        }
    }
    return changed;
}

size_t llm_secret_redact(const struct llm_secret *secret, char *text, size_t len) {
    if (secret->bytes == NULL || secret->len < REDACT_BYTES_MIN) {
        return 0;
    }
    char *at = text;
    char *const end = text + len;
    size_t changed = 0;
    while ((size_t)(end - at) >= secret->len &&
           (at = memmem(at, (size_t)(end - at), secret->bytes, secret->len)) != NULL) {
        const bool inside =
            (at > text && is_word_byte(at[-1])) || (at + secret->len < end && is_word_byte(at[secret->len]));
        if (secret->len >= REDACT_WORD_BYTES || !inside) {
            changed += blank(at, secret->len);
        }
        at += secret->len;
    }
    changed += redact_begin(secret, text, len);
    if (secret->len >= REDACT_SPELLED_BYTES) {
        changed += redact_spellings(secret, text, len);
    }
    return changed;
}
