// SPDX-License-Identifier: MIT
// image: a description in, images out.
#include "images.h"

// CHANGE: which members of the request the provider takes, and what it calls them.
static const struct member members[] = {
    {"prompt", "prompt"}, {"n", "n"}, {"size", "size"}, {"quality", "quality"}, {NULL, NULL},
};

static llm_status LLM_CALL image_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                        const llm_out *out) {
    (void)step;
    return request_json(job, "/images/generations", members, 0, req, out); // CHANGE: the path
}

static llm_status LLM_CALL image_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    return answer_images(job, chunk, out);
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = job_open,
    .close = job_close,
    .encode = image_encode,
    .head = NULL,
    .data = image_data,
    .end = job_end,
    .fail = job_fail,
};
static const char *const formats[] = {"openai.image", NULL};
const llm_generator image_generator = {
    .size = sizeof image_generator,
    .flags = 0,
    .name = "image",
    .operation = "image",
    .formats = formats,
    .codec = &codec,
    .generate = NULL,
};
