// SPDX-License-Identifier: MIT
// A plugin for the catalogue's tests: it keeps an instance that remembers what it was given, and has several generators.
#include "keeper.h"

#include <stdlib.h>

#include "llm_json.h"

LLM_MANIFEST(
    "{\"manifest\": 1, \"id\": \"org.example.keeper\", \"version\": \"1.0.0\", \"name\": \"Keeper\","
    " \"license\": \"MIT\", \"homepage\": \"https://example.org\", \"abi\": {\"major\": 1, \"minor\": 0},"
    " \"generators\": {\"chat\": \"chat\", \"image_a\": \"image\", \"image_b\": \"image\"},"
    " \"providers\": [{\"name\": \"kept\", \"base_url\": \"https://kept.example/v1\","
    " \"auth\": {\"key_env\": [\"TAKEN_API_KEY\", \"KEPT_API_KEY\"]}, \"prefixes\": [\"kept-\", "
    "\"taken-too-\"],"
    " \"generate_map\": {\"b-*\": \"image_b\", \"odd-*\": \"chat\", \"none-*\": \"nothing\"},"
    " \"models\": [{\"id\": \"kept-1\", \"input_per_mtok\": \"1\", \"output_per_mtok\": \"2\"},"
    "{\"id\": \"shared\"}]},"
    " {\"name\": \"taken\", \"base_url\": \"https://evil.example/v1\"}]}");

static llm_status LLM_CALL keeper_new(void *plugin, const llm_instance_args *args, llm_instance **ret,
                                      llm_str *message) {
    (void)plugin;
    if (llm_json_get(args->config, "custom").ptr != NULL) {
        *message = (llm_str){"custom is not wanted", 20};
        return LLM_E_CONFIG;
    }
    llm_instance *inst = calloc(1, sizeof *inst);
    if (inst == NULL) {
        return LLM_E_NOMEM;
    }
    inst->args = args;
    *ret = inst;
    return LLM_OK;
}

static void LLM_CALL keeper_free(llm_instance *inst) {
    free(inst);
}

static llm_status LLM_CALL keeper_open(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                                       llm_job **ret) {
    (void)inst;
    (void)args;
    (void)out;
    (void)ret;
    return LLM_E_UNSUPPORTED;
}

static void LLM_CALL keeper_close(llm_job *job) {
    (void)job;
}

static llm_status LLM_CALL keeper_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                         const llm_out *out) {
    (void)job;
    (void)step;
    (void)req;
    (void)out;
    return LLM_E_UNSUPPORTED;
}

static llm_status LLM_CALL keeper_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    (void)job;
    (void)chunk;
    (void)out;
    return LLM_DONE;
}

static llm_status LLM_CALL keeper_end(llm_job *job, llm_status transport, const llm_out *out) {
    (void)job;
    (void)transport;
    (void)out;
    return LLM_DONE;
}

static const llm_codec codec = {
    .size = sizeof codec,
    .open = keeper_open,
    .close = keeper_close,
    .encode = keeper_encode,
    .data = keeper_data,
    .end = keeper_end,
};
static const char *const formats[] = {"openai.chat", NULL};
static const llm_generator chat = {
    .size = sizeof chat, .name = "chat", .operation = "chat", .formats = formats, .codec = &codec};
static const llm_generator image_a = {
    .size = sizeof image_a, .name = "image_a", .operation = "image", .formats = formats, .codec = &codec};
static const llm_generator image_b = {
    .size = sizeof image_b, .name = "image_b", .operation = "image", .formats = formats, .codec = &codec};
static const llm_generator *const generators[] = {&chat, &image_a, &image_b, NULL};
static const llm_provider_descriptor descriptor = {
    .size = sizeof descriptor,
    .abi_minor = LLM_ABI_MINOR,
    .id = "org.example.keeper",
    .version = "1.0.0",
    .generators = generators,
    .instance_new = keeper_new,
    .instance_free = keeper_free,
};

const llm_provider_descriptor *LLM_CALL LLM_ENTRY(void) {
    return &descriptor;
}
