// SPDX-License-Identifier: MIT
// Answers that are images.
#ifndef IMAGES_H
#define IMAGES_H

#include "codec.h"

// {"data": [{"b64_json": "..."} or {"url": "..."}], "usage": {...}}
static inline llm_status answer_images(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    llm_str answer;
    llm_status status = answer_json(chunk, out, &answer);
    uint32_t index = 0;
    llm_json_iter it = llm_json_begin(llm_json_get(answer, "data")); // CHANGE: where the images are
    for (; status == LLM_OK && llm_json_next(&it); index++) {
        char url[2048];
        const llm_str base64 = llm_json_plain(llm_json_get(it.value, "b64_json"));
        const size_t n = llm_json_decode(llm_json_get(it.value, "url"), url, sizeof url);
        if (base64.len > 0) {
            status = out->blob_base64(out->ctx, index, "", 0, base64.ptr, base64.len, 1);
        } else if (n != (size_t)-1 && n > 0) {
            status = out->blob_url(out->ctx, index, "", 0, url, n);
        } else {
            return LLM_E_PROTOCOL;
        }
    }
    if (status != LLM_OK || index == 0) {
        return status;
    }
    llm_counts counts =
        answer_counts(llm_json_get(answer, "usage"), "input_tokens", "output_tokens"); // CHANGE
    counts.images = index;
    job->finished = 1;
    return out->usage(out->ctx, &counts);
}

#endif
