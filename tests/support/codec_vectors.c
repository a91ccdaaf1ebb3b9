// SPDX-License-Identifier: MIT
#include "codec_vectors.h"

#include "base/limits.h"
#include "base/mem.h"
#include "llm_json.h"

void codec_vectors_run(struct tap *tap, const llm_provider_descriptor *plugin, const char *path) {
    const llm_str file = codec_vectors_file(path);
    size_t at = 0;

    if (file.ptr == NULL || !llm_json_check(file, LLM_MAX_JSON_DEPTH, &at)) {
        tap_result(tap, 0, path, "cannot be read, or no JSON at byte %zu", at);
    } else {
        for (llm_json_iter it = llm_json_begin(llm_json_value(file)); llm_json_next(&it);) {
            struct codec_vector_case v;
            struct llm_buf why = {.max = LLM_MAX_RESPONSE_BYTES};
            codec_vector_read(&v, plugin, it.value);
            const bool ok = codec_vector_run(&v, &why);
            tap_result(tap, ok, v.name.ptr, "%s", why.ptr != NULL ? why.ptr : "");
            llm_buf_done(&why);
            codec_vector_done(&v);
        }
    }
    llm_mem_free((void *)(uintptr_t)file.ptr);
}
