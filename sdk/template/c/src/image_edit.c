// SPDX-License-Identifier: MIT
// image.edit: images and what to do with them in, images out.
#include "form.h"
#include "images.h"

// CHANGE: which members of the request the provider takes, and what it calls them.
static const struct member members[] = {
    {"prompt", "prompt"},         {"n", "n"},   {"size", "size"}, {"quality", "quality"},
    {"background", "background"}, {NULL, NULL},
};

static llm_status LLM_CALL image_edit_open(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                                           llm_job **ret) {
    if (args->n_attachments == 0) {
        return refuse(out, LLM_E_INVALID_REQUEST, "attachments", "attach the image that is to be edited");
    }
    return job_open(inst, args, out, ret);
}

// CHANGE: what the parts are called.  An attachment whose name begins with "mask" says where the image may change.
static const char *part_name(const llm_attachment *attachment) {
    return attachment->name.len >= 4 && memcmp(attachment->name.ptr, "mask", 4) == 0 ? "mask" : "image[]";
}

static llm_status LLM_CALL image_edit_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                             const llm_out *out) {
    (void)step;
    return request_form(job, "/images/edits", members, part_name, req, out); // CHANGE: the path
}

static llm_status LLM_CALL image_edit_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    return answer_images(job, chunk, out);
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = image_edit_open,
    .close = job_close,
    .encode = image_edit_encode,
    .head = NULL,
    .data = image_edit_data,
    .end = job_end,
    .fail = job_fail,
};
static const char *const formats[] = {"openai.image.edit", NULL};
const llm_generator image_edit_generator = {
    .size = sizeof image_edit_generator,
    .flags = 0,
    .name = "image_edit",
    .operation = "image.edit",
    .formats = formats,
    .codec = &codec,
    .generate = NULL,
};
