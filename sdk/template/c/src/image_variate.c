// SPDX-License-Identifier: MIT
// image.variate: an image in, others like it out.
#include "form.h"
#include "images.h"

// CHANGE: which members of the request the provider takes, and what it calls them.
static const struct member members[] = {
    {"n", "n"},
    {"size", "size"},
    {"response_format", "response_format"},
    {NULL, NULL},
};

static llm_status LLM_CALL image_variate_open(llm_instance *inst, const llm_job_args *args,
                                              const llm_out *out, llm_job **ret) {
    if (args->n_attachments != 1) {
        return refuse(out, LLM_E_INVALID_REQUEST, "attachments", "attach one image");
    }
    return job_open(inst, args, out, ret);
}

// CHANGE: what the part is called.
static const char *part_name(const llm_attachment *attachment) {
    (void)attachment;
    return "image";
}

static llm_status LLM_CALL image_variate_encode(llm_job *job, const llm_step *step,
                                                const llm_http_request *req, const llm_out *out) {
    (void)step;
    return request_form(job, "/images/variations", members, part_name, req, out); // CHANGE: the path
}

static llm_status LLM_CALL image_variate_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    return answer_images(job, chunk, out);
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = image_variate_open,
    .close = job_close,
    .encode = image_variate_encode,
    .head = NULL,
    .data = image_variate_data,
    .end = job_end,
    .fail = job_fail,
};
static const char *const formats[] = {"openai.image.variate", NULL};
const llm_generator image_variate_generator = {
    .size = sizeof image_variate_generator,
    .flags = 0,
    .name = "image_variate",
    .operation = "image.variate",
    .formats = formats,
    .codec = &codec,
    .generate = NULL,
};
