// SPDX-License-Identifier: MIT
// rerank: a question and documents in, the order in which they answer it out.
#include "codec.h"

// CHANGE: which members of the request the provider takes, and what it calls them.
static const struct member members[] = {
    {"query", "query"}, {"documents", "documents"},
    {"top_n", "top_n"}, {"return_documents", "return_documents"},
    {NULL, NULL},
};

static llm_status LLM_CALL rerank_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                         const llm_out *out) {
    (void)step;
    return request_json(job, "/rerank", members, 0, req, out); // CHANGE: the path
}

static llm_status LLM_CALL rerank_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    llm_str answer;
    llm_status status = answer_json(chunk, out, &answer);
    const llm_str list = llm_json_get(answer, "results"); // CHANGE: where it is
    if (status != LLM_OK || llm_json_type(list) != '[') {
        return status;
    }
    job->finished = 1;
    status = out->json(out->ctx, TEXT("ranking"), list.ptr, list.len); // as it was sent
    llm_counts counts =
        answer_counts(llm_json_get(answer, "usage"), "total_tokens", NULL); // CHANGE: its name
    return status == LLM_OK && counts.raw.ptr != NULL ? out->usage(out->ctx, &counts) : status;
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = job_open,
    .close = job_close,
    .encode = rerank_encode,
    .head = NULL,
    .data = rerank_data,
    .end = job_end,
    .fail = job_fail,
};
static const char *const formats[] = {"openai.rerank", NULL};
const llm_generator rerank_generator = {
    .size = sizeof rerank_generator,
    .flags = 0,
    .name = "rerank",
    .operation = "rerank",
    .formats = formats,
    .codec = &codec,
    .generate = NULL,
};
