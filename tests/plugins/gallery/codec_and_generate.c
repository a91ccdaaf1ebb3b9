// SPDX-License-Identifier: MIT
#include "llm_provider.h"

static llm_status LLM_CALL run(llm_instance *inst, const llm_job_args *args, const llm_run *state,
                               const llm_out *out) {
    (void)inst;
    (void)args;
    (void)state;
    (void)out;
    return LLM_DONE;
}
static const llm_generate generate = {.size = sizeof generate, .run = run};
#define GALLERY_GENERATE &generate
#include "gallery.h"
