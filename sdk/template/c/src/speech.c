// SPDX-License-Identifier: MIT
// speech: text in, sound out.  The answer is the bytes of a file, no JSON.
#include "codec.h"

// CHANGE: which members of the request the provider takes, and what it calls them.
static const struct member members[] = {
    {"input", "input"},
    {"voice", "voice"},
    {"response_format", "response_format"},
    {"speed", "speed"},
    {"instructions", "instructions"},
    {NULL, NULL},
};

static llm_status LLM_CALL speech_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                         const llm_out *out) {
    (void)step;
    const llm_status status = request_json(job, "/audio/speech", members, 0, req, out); // CHANGE: the path
    return status == LLM_OK ? req->framing(req->ctx, LLM_FRAME_RAW) : status; // bytes as they arrive
}

// Some report a failure with status 200: JSON is no sound.
static llm_status LLM_CALL speech_head(llm_job *job, const llm_head *head, const llm_out *out) {
    (void)job;
    for (size_t i = 0; i < head->n_headers; i++) {
        const llm_str value = head->headers[i].value;
        if (is(head->headers[i].name, "content-type") && value.len >= 16 &&
            memcmp(value.ptr, "application/json", 16) == 0) {
            return refuse(out, LLM_E_PROTOCOL, NULL, "the answer is JSON where sound was to come");
        }
    }
    return LLM_OK;
}

static llm_status LLM_CALL speech_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    job->finished = job->finished || chunk->data.len > 0;
    return out->blob(out->ctx, 0, "", 0, chunk->data.ptr, chunk->data.len, 0);
}

// Bytes do not say that they are all: a connection that broke is an error.
static llm_status LLM_CALL speech_end(llm_job *job, llm_status transport, const llm_out *out) {
    if (transport < 0 || !job->finished) {
        return transport < 0 ? transport : LLM_E_PROTOCOL;
    }
    const llm_status status = out->blob(out->ctx, 0, "", 0, NULL, 0, 1);
    return status < 0 ? status : LLM_DONE;
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = job_open,
    .close = job_close,
    .encode = speech_encode,
    .head = speech_head,
    .data = speech_data,
    .end = speech_end,
    .fail = job_fail,
};
static const char *const formats[] = {"openai.speech", NULL};
const llm_generator speech_generator = {
    .size = sizeof speech_generator,
    .flags = 0,
    .name = "speech",
    .operation = "speech",
    .formats = formats,
    .codec = &codec,
    .generate = NULL,
};
