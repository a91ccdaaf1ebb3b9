// SPDX-License-Identifier: MIT
// models: nothing in, the list of models out.
#include "codec.h"

static llm_status LLM_CALL models_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                         const llm_out *out) {
    (void)job;
    (void)step;
    (void)out;
    return req->line(req->ctx, TEXT("GET"), TEXT("/models")); // CHANGE: the path
}

static llm_status LLM_CALL models_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    llm_str answer;
    llm_status status = answer_json(chunk, out, &answer);
    const llm_str list = llm_json_get(answer, "data"); // CHANGE: where it is
    if (status != LLM_OK || llm_json_type(list) != '[') {
        return status;
    }
    job->finished = 1;
    status = out->json(out->ctx, TEXT("models"), list.ptr, list.len); // as it was sent
    return status;
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = job_open,
    .close = job_close,
    .encode = models_encode,
    .head = NULL,
    .data = models_data,
    .end = job_end,
    .fail = job_fail,
};
static const char *const formats[] = {"openai.models", NULL};
const llm_generator models_generator = {
    .size = sizeof models_generator,
    .flags = 0,
    .name = "models",
    .operation = "models",
    .formats = formats,
    .codec = &codec,
    .generate = NULL,
};
