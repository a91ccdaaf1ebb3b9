// SPDX-License-Identifier: MIT
// moderation: texts in, what is wrong with each out.
#include "codec.h"

// CHANGE: which members of the request the provider takes, and what it calls them.
static const struct member members[] = {
    {"input", "input"},
    {NULL, NULL},
};

static llm_status LLM_CALL moderation_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                             const llm_out *out) {
    (void)step;
    return request_json(job, "/moderations", members, 0, req, out); // CHANGE: the path
}

static llm_status LLM_CALL moderation_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    llm_str answer;
    llm_status status = answer_json(chunk, out, &answer);
    const llm_str list = llm_json_get(answer, "results"); // CHANGE: where it is
    if (status != LLM_OK || llm_json_type(list) != '[') {
        return status;
    }
    job->finished = 1;
    status = out->json(out->ctx, TEXT("moderation"), list.ptr, list.len); // as it was sent
    return status;
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = job_open,
    .close = job_close,
    .encode = moderation_encode,
    .head = NULL,
    .data = moderation_data,
    .end = job_end,
    .fail = job_fail,
};
static const char *const formats[] = {"openai.moderation", NULL};
const llm_generator moderation_generator = {
    .size = sizeof moderation_generator,
    .flags = 0,
    .name = "moderation",
    .operation = "moderation",
    .formats = formats,
    .codec = &codec,
    .generate = NULL,
};
