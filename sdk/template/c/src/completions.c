// SPDX-License-Identifier: MIT
// completions: a prompt in, the text that goes on from it out; the form that came before chat.
#include "text.h"

// CHANGE: which members of the request the provider takes, and what it calls them.
static const struct member members[] = {
    {"prompt", "prompt"},
    {"suffix", "suffix"},
    {"temperature", "temperature"},
    {"top_p", "top_p"},
    {"max_tokens", "max_tokens"},
    {"stop", "stop"},
    {"seed", "seed"},
    {"echo", "echo"},
    {"logprobs", "logprobs"},
    {NULL, NULL},
};

static llm_status LLM_CALL completions_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                              const llm_out *out) {
    (void)step;
    return request_json(job, "/completions", members, (job->args->flags & LLM_JOB_STREAM) != 0, req,
                        out); // CHANGE: the path
}

static llm_status LLM_CALL completions_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    llm_str event;
    llm_status status = answer_json(chunk, out, &event);
    llm_json_iter choices = llm_json_begin(llm_json_get(event, "choices"));
    if (status != LLM_OK) {
        return status;
    }
    if (!job->finished && llm_json_next(&choices)) { // CHANGE: where the text and the reason for the end are
        status = answer_text(llm_json_get(choices.value, "text"), out);
        status =
            status == LLM_OK ? answer_finish(job, llm_json_get(choices.value, "finish_reason"), out) : status;
    }
    llm_counts counts = answer_counts(llm_json_get(event, "usage"), "prompt_tokens", "completion_tokens");
    return status == LLM_OK && counts.raw.ptr != NULL ? out->usage(out->ctx, &counts) : status;
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = job_open,
    .close = job_close,
    .encode = completions_encode,
    .head = NULL,
    .data = completions_data,
    .end = job_end,
    .fail = job_fail,
};
static const char *const formats[] = {"openai.completions", NULL};
const llm_generator completions_generator = {
    .size = sizeof completions_generator,
    .flags = 0,
    .name = "completions",
    .operation = "completions",
    .formats = formats,
    .codec = &codec,
    .generate = NULL,
};
