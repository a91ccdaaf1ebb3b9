// SPDX-License-Identifier: MIT
// Names of calls that are unique across processes and sort by time: UUID version 7 (RFC 9562).
#ifndef LLM_BASE_ID_H
#define LLM_BASE_ID_H

#include <stdint.h>

#define LLM_ID_BYTES 16u
#define LLM_ID_TEXT 33u // 32 hexadecimal digits and a NUL

struct llm_id {
    uint8_t bytes[LLM_ID_BYTES];
};

// What tells this process's ids from those of others: 64 random bits.  Never fails.
uint64_t llm_id_seed(void);

// 48 bits of milliseconds since 1970, then the low 36 bits of number, then 38 bits of the seed, with version and variant between them.
// So ids of one seed whose numbers differ are different, and in one millisecond they sort by number.
struct llm_id llm_id_make(int64_t time_us, uint64_t number, uint64_t seed);

// 32 digits, lower case, and a NUL.
void llm_id_text(const struct llm_id *id, char text[LLM_ID_TEXT]);

#endif
