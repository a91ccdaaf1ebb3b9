// SPDX-License-Identifier: MIT
#include "base/sha256.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_SHA_NI 1
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// ---- any machine -----------------------------------------------------------------------------------------------

static uint32_t turn(uint32_t x, unsigned n) {
    return x >> n | x << (32 - n);
}

static uint32_t load(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void compress_block(uint32_t state[8], const uint8_t *p) {
    uint32_t w[64], s[8];
    for (size_t i = 0; i < 16; i++) {
        w[i] = load(p + 4 * i);
    }
    for (size_t i = 16; i < 64; i++) {
        const uint32_t a = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
        const uint32_t b = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, state, sizeof s);
#pragma GCC unroll 8
    for (size_t i = 0; i < 64; i += 8) { // the words change places, not their contents
#pragma GCC unroll 8
        for (size_t r = 0; r < 8; r++) {
            const uint32_t e = s[(12 - r) % 8], f = s[(13 - r) % 8], g = s[(14 - r) % 8];
            const uint32_t a = s[(8 - r) % 8], b = s[(9 - r) % 8], c = s[(10 - r) % 8];
            const uint32_t one = s[(15 - r) % 8] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
                                 (g ^ (e & (f ^ g))) + k[i + r] + w[i + r];
            s[(11 - r) % 8] += one;
            s[(15 - r) % 8] = one + (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) | (c & (a | b)));
        }
    }
    for (size_t i = 0; i < 8; i++) {
        state[i] += s[i];
    }
}

void llm_sha256_portable(uint32_t state[8], const uint8_t *blocks, size_t n) {
    for (; n > 0; n--, blocks += 64) {
        compress_block(state, blocks);
    }
}

// ---- x86 with the SHA instructions --------------------------------------------------------------------------------

#ifdef HAS_SHA_NI
static int has_sha_ni(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_SSE4_1) == 0 || (c & bit_SSSE3) == 0) {
        return 0;
    }
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29)) != 0;
}

__attribute__((target("sha,sse4.1,ssse3"))) static void compress_sha_ni(uint32_t state[8],
                                                                        const uint8_t *blocks, size_t n) {
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    // The instructions want the eight words as (f e b a) and (h g d c).
    const __m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0xb1);
    const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(dcba, hgfe, 8);
    __m128i cdgh = _mm_blend_epi16(hgfe, dcba, 0xf0);
    for (; n > 0; n--, blocks += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(blocks + 16 * i)), order);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) { // four rounds each
            __m128i now = w[i & 3];
            if (i >= 4) {
                const __m128i mixed = _mm_add_epi32(_mm_sha256msg1_epu32(now, w[(i + 1) & 3]),
                                                    _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
                now = w[i & 3] = _mm_sha256msg2_epu32(mixed, w[(i + 3) & 3]);
            }
            const __m128i sum =
                _mm_add_epi32(now, _mm_loadu_si128((const __m128i *)(const void *)(k + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#endif

// ---- the stream -----------------------------------------------------------------------------------------------------

llm_sha256_fn llm_sha256_pick(void) {
#ifdef HAS_SHA_NI
    if (has_sha_ni()) {
        return compress_sha_ni;
    }
#endif
    return llm_sha256_portable;
}

void llm_sha256_init(struct llm_sha256 *sha, llm_sha256_fn fn) {
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(sha->state, start, sizeof start);
    sha->total = 0;
    sha->compress = fn;
}

void llm_sha256_put(struct llm_sha256 *sha, const void *p, size_t n) {
    const uint8_t *at = p;
    const size_t held = (size_t)(sha->total % 64);
    sha->total += n;
    if (held + n < 64) {
        if (n > 0) {
            memcpy(sha->block + held, at, n);
        }
        return;
    }
    if (held > 0) {
        memcpy(sha->block + held, at, 64 - held);
        sha->compress(sha->state, sha->block, 1);
        at += 64 - held;
        n -= 64 - held;
    }
    sha->compress(sha->state, at, n / 64);
    if (n % 64 > 0) {
        memcpy(sha->block, at + (n & ~(size_t)63), n % 64);
    }
}

void llm_sha256_end(struct llm_sha256 *sha, uint8_t ret[LLM_SHA256_BYTES]) {
    static const uint8_t mark = 0x80, zeros[64] = {0};
    const uint64_t bits = sha->total * 8;
    uint8_t length[8];
    for (size_t i = 0; i < 8; i++) {
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    llm_sha256_put(sha, &mark, 1);
    llm_sha256_put(sha, zeros, (120 - sha->total % 64) % 64);
    llm_sha256_put(sha, length, 8);
    for (size_t i = 0; i < 32; i++) {
        ret[i] = (uint8_t)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
    }
}
