// SPDX-License-Identifier: MIT
// chat: messages in, text (and tool calls) out; as a stream, where the caller wants one.
#include "text.h"

// CHANGE: which members of the request the provider takes, and what it calls them.
static const struct member members[] = {
    {"messages", "messages"},
    {"temperature", "temperature"},
    {"top_p", "top_p"},
    {"max_tokens", "max_tokens"},
    {"max_completion_tokens", "max_completion_tokens"},
    {"stop", "stop"},
    {"seed", "seed"},
    {"n", "n"},
    {"tools", "tools"},
    {"tool_choice", "tool_choice"},
    {"response_format", "response_format"},
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

// Fragments of tool calls.
static llm_status call_tools(llm_str calls, const llm_out *out) {
    char id[128], name[128], args[4096];
    llm_status status = LLM_OK;
    uint32_t position = 0;
    for (llm_json_iter it = llm_json_begin(calls); status == LLM_OK && llm_json_next(&it); position++) {
        const llm_str function = llm_json_get(it.value, "function"),
                      arguments = llm_json_get(function, "arguments");
        const size_t n_id = llm_json_decode(llm_json_get(it.value, "id"), id, sizeof id);
        const size_t n_name = llm_json_decode(llm_json_get(function, "name"), name, sizeof name);
        int64_t index = position;
        (void)llm_json_int64(llm_json_get(it.value, "index"), &index);
        size_t n_args = 0;
        if (llm_json_type(arguments) == '"') {
            n_args = llm_json_decode(arguments, args, sizeof args);
            if (n_args == (size_t)-1) {
                return LLM_E_PROTOCOL; // larger than the buffer: take a larger one
            }
        }
        status = index < 0 || index > 4095
                     ? LLM_E_PROTOCOL
                     : out->tool(out->ctx, 0, (uint32_t)index, id, n_id != (size_t)-1 ? n_id : 0, name,
                                 n_name != (size_t)-1 ? n_name : 0, args, n_args);
    }
    return status;
}

static llm_status LLM_CALL chat_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    llm_str event;
    llm_status status = answer_json(chunk, out, &event);
    llm_json_iter choices = llm_json_begin(llm_json_get(event, "choices"));
    if (status != LLM_OK) {
        return status;
    }
    if (!job->finished &&
        llm_json_next(&choices)) { // CHANGE: where the text, the tool calls and the reason for the end are
        const llm_str delta = llm_json_get(choices.value, "delta");
        const llm_str message = delta.ptr != NULL ? delta : llm_json_get(choices.value, "message");
        status = answer_text(llm_json_get(message, "content"), out);
        status = status == LLM_OK ? call_tools(llm_json_get(message, "tool_calls"), out) : status;
        status =
            status == LLM_OK ? answer_finish(job, llm_json_get(choices.value, "finish_reason"), out) : status;
    }
    llm_counts counts = answer_counts(llm_json_get(event, "usage"), "prompt_tokens",
                                      "completion_tokens"); // CHANGE: its names
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
