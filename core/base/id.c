// SPDX-License-Identifier: MIT
#include "base/id.h"

#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"

uint64_t llm_id_seed(void) {
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed) {
        return seed;
    }
    // An old kernel, or one that has just started: the moment and the process have to do.
    seed = llm_clock_us() * 0x9e3779b97f4a7c15u ^ (uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)&seed;
    return seed * 0xd1342543de82ef95u ^ seed >> 29;
}

static void put(uint8_t *to, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    }
}

struct llm_id llm_id_make(int64_t time_us, uint64_t number, uint64_t seed) {
    struct llm_id id = {{0}};
    const uint64_t ms = time_us > 0 ? (uint64_t)time_us / 1000 : 0;
    put(id.bytes, ms, 6);
    put(id.bytes + 6, 0x7000u | (number >> 24 & 0xfffu), 2);
    put(id.bytes + 8, UINT64_C(1) << 63 | (number & 0xffffffu) << 38 | (seed & 0x3fffffffffu), 8);
    return id;
}

void llm_id_text(const struct llm_id *id, char text[LLM_ID_TEXT]) {
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < LLM_ID_BYTES; i++) {
        text[2 * i] = digits[id->bytes[i] >> 4];
        text[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    text[2 * LLM_ID_BYTES] = '\0';
}
