// SPDX-License-Identifier: MIT
// A plugin without a fault.  A file of the gallery defines one of the words below before it includes this: its defect.
#ifndef LLM_TEST_GALLERY_H
#define LLM_TEST_GALLERY_H

#include <stddef.h>

#include "llm_provider.h"

#ifndef GALLERY_ID // in the manifest
#define GALLERY_ID "org.example.gallery"
#endif
#ifndef GALLERY_VERSION // in the manifest
#define GALLERY_VERSION "1.0.0"
#endif
#ifndef GALLERY_MORE // members of the manifest
#define GALLERY_MORE "\"abi\": {\"major\": 1, \"minor\": 0}"
#endif
#ifndef GALLERY_MANIFEST
#define GALLERY_MANIFEST                                                                                     \
    LLM_MANIFEST("{\"manifest\": 1, \"id\": \"" GALLERY_ID "\", \"version\": \"" GALLERY_VERSION             \
                 "\", " GALLERY_MORE "}");
#endif

GALLERY_MANIFEST

#define GALLERY_UNUSED __attribute__((unused))

GALLERY_UNUSED static llm_status LLM_CALL open_job(llm_instance *inst, const llm_job_args *args,
                                                   const llm_out *out, llm_job **ret) {
    (void)inst;
    (void)args;
    (void)out;
    *ret = NULL;
    return LLM_OK;
}

GALLERY_UNUSED static void LLM_CALL close_job(llm_job *job) {
    (void)job;
}

GALLERY_UNUSED static llm_status LLM_CALL encode(llm_job *job, const llm_step *step,
                                                 const llm_http_request *req, const llm_out *out) {
    (void)job;
    (void)step;
    (void)out;
    return req->line(req->ctx, "POST", 4, "/", 1);
}

GALLERY_UNUSED static llm_status LLM_CALL data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    (void)job;
    (void)chunk;
    (void)out;
    return LLM_MORE;
}

GALLERY_UNUSED static llm_status LLM_CALL end(llm_job *job, llm_status transport, const llm_out *out) {
    (void)job;
    (void)out;
    return transport == LLM_OK ? LLM_DONE : LLM_E_PROTOCOL;
}

// The members of the codec.
#ifndef GALLERY_CODEC_SIZE
#define GALLERY_CODEC_SIZE sizeof(llm_codec)
#endif
#ifndef GALLERY_OPEN
#define GALLERY_OPEN open_job
#endif
#ifndef GALLERY_CLOSE
#define GALLERY_CLOSE close_job
#endif
#ifndef GALLERY_ENCODE
#define GALLERY_ENCODE encode
#endif
#ifndef GALLERY_DATA
#define GALLERY_DATA data
#endif
#ifndef GALLERY_END
#define GALLERY_END end
#endif
static const llm_codec codec __attribute__((used)) = {
    .size = GALLERY_CODEC_SIZE,
    .open = GALLERY_OPEN,
    .close = GALLERY_CLOSE,
    .encode = GALLERY_ENCODE,
    .data = GALLERY_DATA,
    .end = GALLERY_END,
};

static const char *const formats[] __attribute__((used)) = {"openai.chat", NULL};

// The members of the generator.
#ifndef GALLERY_NAME
#define GALLERY_NAME "chat"
#endif
#ifndef GALLERY_FORMATS
#define GALLERY_FORMATS formats
#endif
#ifndef GALLERY_CODEC
#define GALLERY_CODEC &codec
#endif
#ifndef GALLERY_GENERATE
#define GALLERY_GENERATE NULL
#endif
static const llm_generator chat = {
    .size = sizeof chat,
    .name = GALLERY_NAME,
    .operation = "chat",
    .formats = GALLERY_FORMATS,
    .codec = GALLERY_CODEC,
    .generate = GALLERY_GENERATE,
};

// The members of the descriptor.
#ifndef GALLERY_GENERATORS
#define GALLERY_GENERATORS &chat, NULL
#endif
#ifndef GALLERY_DESCRIPTOR_ID
#define GALLERY_DESCRIPTOR_ID GALLERY_ID
#endif
#ifndef GALLERY_DESCRIPTOR_VERSION
#define GALLERY_DESCRIPTOR_VERSION GALLERY_VERSION
#endif
#ifndef GALLERY_DESCRIPTOR_SIZE
#define GALLERY_DESCRIPTOR_SIZE sizeof(llm_provider_descriptor)
#endif
#ifndef GALLERY_INIT
#define GALLERY_INIT NULL
#endif
#ifndef GALLERY_INSTANCE_NEW
#define GALLERY_INSTANCE_NEW NULL
#endif
#ifndef GALLERY_INSTANCE_FREE
#define GALLERY_INSTANCE_FREE NULL
#endif
static const llm_generator *const generators[] __attribute__((used)) = {GALLERY_GENERATORS};
#ifndef GALLERY_LIST
#define GALLERY_LIST generators
#endif
static const llm_provider_descriptor descriptor __attribute__((used)) = {
    .size = (uint32_t)GALLERY_DESCRIPTOR_SIZE,
    .abi_minor = LLM_ABI_MINOR,
    .id = GALLERY_DESCRIPTOR_ID,
    .version = GALLERY_DESCRIPTOR_VERSION,
    .generators = GALLERY_LIST,
    .init = GALLERY_INIT,
    .instance_new = GALLERY_INSTANCE_NEW,
    .instance_free = GALLERY_INSTANCE_FREE,
};

// The entry.
#ifndef GALLERY_ANSWER
#define GALLERY_ANSWER &descriptor
#endif
#ifndef GALLERY_ENTRY
#define GALLERY_ENTRY llm_provider_entry_v1
#endif
LLM_EXPORT const llm_provider_descriptor *LLM_CALL GALLERY_ENTRY(void);
LLM_EXPORT const llm_provider_descriptor *LLM_CALL GALLERY_ENTRY(void) {
    return GALLERY_ANSWER;
}

#endif
