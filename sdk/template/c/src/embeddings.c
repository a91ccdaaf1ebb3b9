// SPDX-License-Identifier: MIT
// embeddings: texts in, a vector for each out.
#include "codec.h"

// CHANGE: which members of the request the provider takes, and what it calls them.
static const struct member members[] = {
    {"input", "input"},
    {"dimensions", "dimensions"},
    {NULL, NULL},
};

static llm_status LLM_CALL embeddings_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                             const llm_out *out) {
    (void)step;
    return request_json(job, "/embeddings", members, 0, req, out); // CHANGE: the path
}

static llm_status LLM_CALL embeddings_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    llm_str answer;
    llm_status status = answer_json(chunk, out, &answer);
    uint32_t index = 0;
    llm_json_iter it = llm_json_begin(llm_json_get(answer, "data")); // CHANGE: where the vectors are
    for (; status == LLM_OK && llm_json_next(&it); index++) {
        const llm_str vector = llm_json_get(it.value, "embedding");
        if (llm_json_type(vector) != '[') {
            return LLM_E_PROTOCOL;
        }
        status =
            out->vector_json(out->ctx, index, vector.ptr, vector.len); // as it was sent: nothing is rounded
    }
    llm_counts counts =
        answer_counts(llm_json_get(answer, "usage"), "prompt_tokens", NULL); // CHANGE: its name
    job->finished = index > 0;
    return status == LLM_OK && counts.raw.ptr != NULL ? out->usage(out->ctx, &counts) : status;
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = job_open,
    .close = job_close,
    .encode = embeddings_encode,
    .head = NULL,
    .data = embeddings_data,
    .end = job_end,
    .fail = job_fail,
};
static const char *const formats[] = {"openai.embeddings", NULL};
const llm_generator embeddings_generator = {
    .size = sizeof embeddings_generator,
    .flags = 0,
    .name = "embeddings",
    .operation = "embeddings",
    .formats = formats,
    .codec = &codec,
    .generate = NULL,
};
