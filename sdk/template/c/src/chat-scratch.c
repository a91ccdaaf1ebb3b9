// SPDX-License-Identifier: MIT
// chat: messages in, text (and tool calls) out; as a stream, where the caller wants one.
#include "text.h"

// CHANGE: which members of the request the provider takes, and what it calls them.
static const struct member members[] = {
    {"messages", "input"},
    {"temperature", "temperature"},
    {"max_tokens", "max_output"},
    {NULL, NULL},
};

static llm_status LLM_CALL chat_open(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                                     llm_job **ret) {
    if (llm_json_type(llm_json_get(args->request, "messages")) != '[') {
        return refuse(out, LLM_E_INVALID_REQUEST, "messages", "messages must be an array");
    }
    return job_open(inst, args, out, ret);
}

static llm_status LLM_CALL chat_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                       const llm_out *out) {
    (void)step;
    return request_json(job, "/chat/completions", members, (job->args->flags & LLM_JOB_STREAM) != 0, req,
                        out); // CHANGE: the path
}

static llm_status LLM_CALL chat_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    llm_str event;
    llm_status status = answer_json(chunk, out, &event);
    if (status != LLM_OK) {
        return status;
    }
    if (!job->finished) { // CHANGE: where the text and the reason for the end are
        status = answer_text(llm_json_get(event, "text"), out);
        status = status == LLM_OK ? answer_finish(job, llm_json_get(event, "end"), out) : status;
    }
    llm_counts counts = answer_counts(llm_json_get(event, "usage"), "input", "output"); // CHANGE: its names
    return status == LLM_OK && counts.raw.ptr != NULL ? out->usage(out->ctx, &counts) : status;
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = chat_open,
    .close = job_close,
    .encode = chat_encode,
    .head = NULL,
    .data = chat_data,
    .end = job_end,
    .fail = job_fail,
};
static const char *const formats[] = {"openai.chat", NULL};
const llm_generator chat_generator = {
    .size = sizeof chat_generator,
    .flags = 0,
    .name = "chat",
    .operation = "chat",
    .formats = formats,
    .codec = &codec,
    .generate = NULL,
};
