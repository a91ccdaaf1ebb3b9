// SPDX-License-Identifier: MIT
#include "base/str.h"

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool llm_str_eq_nocase(llm_str a, llm_str b) {
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

static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

llm_str llm_str_trim(llm_str s) {
    while (s.len > 0 && blank(s.ptr[0])) {
        s = llm_str_cut(s, 1);
    }
    while (s.len > 0 && blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

bool llm_str_uint(llm_str s, uint64_t max, uint64_t *ret) {
    uint64_t value = 0;
    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.ptr[i];
        if (c < '0' || c > '9') {
            return false;
        }
        const uint64_t digit = (uint64_t)(c - '0');
        if (value > (max - digit) / 10 || digit > max) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

bool llm_str_glob(llm_str pattern, llm_str s) {
    // The last star seen takes one byte more each time the rest does not fit: no recursion, O(n * m) at worst.
    size_t p = 0, i = 0, star = SIZE_MAX, taken = 0;
    while (i < s.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            taken = i;
        } else if (p < pattern.len && pattern.ptr[p] == s.ptr[i]) {
            p++;
            i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

// Length of the valid sequence at p, 0 when there is none.  RFC 3629 section 4.
static size_t utf8_sequence(const unsigned char *p, size_t n) {
    const unsigned char c = p[0];
    if (c < 0x80) {
        return 1;
    }
    if (c >= 0xc2 && c <= 0xdf) {
        return n >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    }
    if (c >= 0xe0 && c <= 0xef) {
        const unsigned char low = c == 0xe0 ? 0xa0 : 0x80;
        const unsigned char high = c == 0xed ? 0x9f : 0xbf;
        return n >= 3 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        const unsigned char low = c == 0xf0 ? 0x90 : 0x80;
        const unsigned char high = c == 0xf4 ? 0x8f : 0xbf;
        return n >= 4 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80 ? 4
                                                                                                       : 0;
    }
    return 0;
}

bool llm_str_utf8(llm_str s) {
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = 0;
    while (i < s.len) {
        uint64_t word;
        if (s.len - i >= sizeof word) {
            memcpy(&word, p + i, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof word;
                continue;
            }
        }
        const size_t step = utf8_sequence(p + i, s.len - i);
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

size_t llm_str_distance(llm_str a, llm_str b) {
    enum { MAX = 64 };
    size_t row[MAX + 1];
    if (a.len > MAX || b.len > MAX) {
        return 1000;
    }
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            const size_t replace = diagonal + (lower(a.ptr[i - 1]) != lower(b.ptr[j - 1]) ? 1 : 0);
            const size_t remove = row[j] + 1;
            const size_t insert = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = replace < remove ? replace : remove;
            row[j] = insert < row[j] ? insert : row[j];
        }
    }
    return row[b.len];
}
