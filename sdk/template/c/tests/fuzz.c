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

static void feed(const llm_codec *codec, llm_job *job, const uint8_t *at, const uint8_t *end,
                 const llm_out *out) {
    static const llm_head head = {sizeof head, 200, NULL, 0};
    llm_status status = codec->head != NULL ? codec->head(job, &head, out) : LLM_OK;
    while (status >= 0 && status != LLM_DONE && at < end) { // a line, a chunk
        const uint8_t *line = (const uint8_t *)memchr(at, '\n', (size_t)(end - at));
        llm_chunk chunk;
        memset(&chunk, 0, sizeof chunk);
        chunk.size = sizeof chunk;
        chunk.data.ptr = at;
        chunk.data.len = (size_t)((line != NULL ? line : end) - at);
        status = codec->data(job, &chunk, out);
        at = line != NULL ? line + 1 : end;
    }
    (void)codec->end(job, LLM_OK, out);
}

static void fail(const llm_codec *codec, llm_job *job, const uint8_t *at, size_t n) {
    const llm_head head = {sizeof head, 400, NULL, 0};
    const llm_bytes body = {at, n};
    llm_fault fault;
    memset(&fault, 0, sizeof fault);
    fault.size = sizeof fault;
    fault.code = LLM_E_INVALID_REQUEST;
    (void)codec->fail(job, &head, &body, &fault);
}

#ifdef __cplusplus
extern "C"
#endif
    int
    LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
// The first byte chooses the operation, and whether the rest is its answer or a failure's body.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char request[] = "{\"messages\":[],\"prompt\":\"p\",\"input\":\"i\"}";
    static const llm_attachment file = {{(const uint8_t *)"PNG", 3}, {"image/png", 9}, {"a.png", 5}};
    const llm_generator *const *generators = LLM_ENTRY()->generators;
    size_t n = 0;
    while (generators[n] != NULL) {
        n++;
    }
    if (size == 0) {
        return 0;
    }
    const llm_generator *g = generators[(data[0] >> 1) % n];
    void *blocks[64] = {NULL};
    llm_out out;
    fill(&out, offsetof(llm_out, text), sizeof out);
    out.size = sizeof out;
    llm_job_args args;
    memset(&args, 0, sizeof args);
    args.size = sizeof args;
    args.operation.ptr = g->operation;
    args.operation.len = strlen(g->operation);
    args.request.ptr = request;
    args.request.len = sizeof request - 1;
    args.attachments = &file;
    args.n_attachments = 1;
    args.alloc_ctx = blocks;
    args.alloc = give;
    llm_job *job = NULL;
    if (g->codec->open(NULL, &args, &out, &job) == LLM_OK) {
        if ((data[0] & 1) == 0) {
            feed(g->codec, job, data + 1, data + size, &out);
        } else {
            fail(g->codec, job, data + 1, size - 1);
        }
        g->codec->close(job);
    }
    for (size_t i = 0; i < 64; i++) {
        free(blocks[i]);
    }
    return 0;
}
