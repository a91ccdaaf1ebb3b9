// SPDX-License-Identifier: MIT
// SHA-256 (FIPS 180-4): names for content, never a secret.
#ifndef LLM_BASE_SHA256_H
#define LLM_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define LLM_SHA256_BYTES 32u

// How blocks are taken in; what it is made of depends on the machine.
typedef void (*llm_sha256_fn)(uint32_t state[8], const uint8_t *blocks, size_t n);

struct llm_sha256 {
    uint32_t state[8];
    uint64_t total; // bytes taken
    uint8_t block[64];
    llm_sha256_fn compress; // private
};

// The fastest one of this machine: asking takes a microsecond, so ask once.
llm_sha256_fn llm_sha256_pick(void);
// The one that every machine can do.
void llm_sha256_portable(uint32_t state[8], const uint8_t *blocks, size_t n);

void llm_sha256_init(struct llm_sha256 *sha, llm_sha256_fn fn);
void llm_sha256_put(struct llm_sha256 *sha, const void *p, size_t n);
// It must be initialised again before more is put in.
void llm_sha256_end(struct llm_sha256 *sha, uint8_t ret[LLM_SHA256_BYTES]);

#endif
