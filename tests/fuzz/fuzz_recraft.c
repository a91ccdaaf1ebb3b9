// SPDX-License-Identifier: MIT
// recraft.so: configuration, request and answers from anywhere.
#include "fuzz_codec.h"

const llm_provider_descriptor *LLM_ENTRY(void);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_codec(LLM_ENTRY(), data, size);
    return 0;
}
