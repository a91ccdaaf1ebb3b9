// SPDX-License-Identifier: MIT
#include "base/base64.h"

size_t llm_base64_encode(const uint8_t *p, size_t n, char *to) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t k = 0;
    for (size_t i = 0; i < n; i += 3, k += 4) {
        const size_t left = n - i;
        const uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0u) |
                           (left > 2 ? (uint32_t)p[i + 2] : 0u);
        to[k] = digits[v >> 18];
        to[k + 1] = digits[(v >> 12) & 63];
        to[k + 2] = left > 1 ? digits[(v >> 6) & 63] : '=';
        to[k + 3] = left > 2 ? digits[v & 63] : '=';
    }
    return k;
}

// 64 and above: no digit.
static uint8_t value_of(char c) {
    if (c >= 'A' && c <= 'Z') {
        return (uint8_t)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint8_t)(c - 'a' + 26);
    }
    if (c >= '0' && c <= '9') {
        return (uint8_t)(c - '0' + 52);
    }
    return c == '+' || c == '-'                 ? 62
           : c == '/' || c == '_'               ? 63
           : c == '=' || c == '\r' || c == '\n' ? 64
                                                : 65;
}

size_t llm_base64_decode(struct llm_base64 *state, const char *p, size_t n, uint8_t *to) {
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t value = value_of(p[i]);
        if (value >= 64) {
            if (value > 64) {
                return SIZE_MAX;
            }
            continue;
        }
        state->rest[state->n_rest++] = value;
        if (state->n_rest == 4) {
            const uint32_t v = (uint32_t)state->rest[0] << 18 | (uint32_t)state->rest[1] << 12 |
                               (uint32_t)state->rest[2] << 6 | state->rest[3];
            to[k++] = (uint8_t)(v >> 16);
            to[k++] = (uint8_t)(v >> 8);
            to[k++] = (uint8_t)v;
            state->n_rest = 0;
        }
    }
    return k;
}

size_t llm_base64_finish(struct llm_base64 *state, uint8_t *to) {
    size_t k = 0;
    if (state->n_rest >= 2) {
        to[k++] = (uint8_t)(state->rest[0] << 2 | state->rest[1] >> 4);
    }
    if (state->n_rest == 3) {
        to[k++] = (uint8_t)(state->rest[1] << 4 | state->rest[2] >> 2);
    }
    state->n_rest = 0;
    return k;
}
