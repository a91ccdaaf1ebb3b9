// SPDX-License-Identifier: MIT
// RFC 4648 section 4 out; sections 4 and 5, with or without padding, in.
#ifndef LLM_BASE_BASE64_H
#define LLM_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

// Bytes that n bytes become.
static inline size_t llm_base64_len(size_t n) {
    return (n + 2) / 3 * 4;
}

// Encode; to holds llm_base64_len(n).  Gives that length.
size_t llm_base64_encode(const uint8_t *p, size_t n, char *to);

// Decoding in pieces: start zeroed.
struct llm_base64 {
    uint8_t rest[4];
    size_t n_rest;
};

// Decode n characters; to holds n / 4 * 3 + 3.  '=', CR and LF are passed over.  Gives the bytes written, SIZE_MAX: another character.
size_t llm_base64_decode(struct llm_base64 *state, const char *p, size_t n, uint8_t *to);
// The last bytes, at most 2; starts anew.
size_t llm_base64_finish(struct llm_base64 *state, uint8_t *to);

#endif
