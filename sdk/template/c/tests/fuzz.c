// SPDX-License-Identifier: MIT
// libFuzzer: any bytes as an answer of the provider.  `make fuzz` builds and runs it; the codec is linked statically.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "llm_provider.h"

static llm_status nothing(void) {
    return LLM_OK;
}

static void *give(void *ctx, size_t size) {
    void **blocks = (void **)ctx;
    for (size_t i = 0; i < 64; i++) {
        if (blocks[i] == NULL) {
            return blocks[i] = calloc(1, size + 1);
        }
    }
    return NULL;
}

// Verbs that take everything.
static void fill(void *table, size_t first, size_t size) {
    llm_status (*verb)(void) = nothing;
    for (size_t at = first; at + sizeof verb <= size; at += sizeof verb) {
        memcpy((char *)table + at, &verb, sizeof verb);
    }
}

#ifdef __cplusplus
extern "C"
#endif
    int
    LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char request[] = "{\"messages\":[],\"prompt\":\"p\",\"input\":\"i\"}";
    const llm_provider_descriptor *plugin = LLM_ENTRY();
    void *blocks[64] = {NULL};
    llm_out out;
    fill(&out, offsetof(llm_out, text), sizeof out);
    out.size = sizeof out;
    const llm_codec *codec = plugin->generators[0]->codec;
    llm_job_args args;
    memset(&args, 0, sizeof args);
    args.size = sizeof args;
    args.operation.ptr = plugin->generators[0]->operation;
    args.operation.len = strlen(args.operation.ptr);
    args.request.ptr = request;
    args.request.len = sizeof request - 1;
    args.alloc_ctx = blocks;
    args.alloc = give;
    llm_job *job = NULL;
    if (codec->open(NULL, &args, &out, &job) == LLM_OK) {
        llm_chunk chunk;
        memset(&chunk, 0, sizeof chunk);
        chunk.size = sizeof chunk;
        const uint8_t *end = data + size;
        for (const uint8_t *at = data; at < end;) { // a line, a chunk
            const uint8_t *line = (const uint8_t *)memchr(at, '\n', (size_t)(end - at));
            chunk.data.ptr = at;
            chunk.data.len = (size_t)((line != NULL ? line : end) - at);
            if (codec->data(job, &chunk, &out) != LLM_MORE) {
                break;
            }
            at = line != NULL ? line + 1 : end;
        }
        (void)codec->end(job, LLM_OK, &out);
        codec->close(job);
    }
    for (size_t i = 0; i < 64; i++) {
        free(blocks[i]);
    }
    return 0;
}
