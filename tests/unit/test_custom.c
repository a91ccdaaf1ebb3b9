// SPDX-License-Identifier: MIT
// custom.so: vectors over shipped and invented descriptions, descriptions that are wrong.
#include "codec_vectors.h"

#include <stdlib.h>

const llm_provider_descriptor *LLM_ENTRY(void);

static void run_file(struct tap *tap, const char *name) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/tests/vectors/custom/%s.json", getenv("LLM_TEST_SOURCE"), name);
    codec_vectors_run(tap, LLM_ENTRY(), path);
}

int main(void) {
    struct tap tap = {0, 0};
    run_file(&tap, "examples");
    run_file(&tap, "language");
    run_file(&tap, "operations");
    run_file(&tap, "shipped");
    run_file(&tap, "wrong");
    return tap_done(&tap);
}
