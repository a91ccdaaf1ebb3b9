// SPDX-License-Identifier: MIT
// The plugin's tables: manifest, generators, codecs.
#include "openai_compat.h"

LLM_MANIFEST(
    "{\"manifest\":1,\"id\":\"org.llm-master.openai_compat\",\"version\":\"0.1.0\","
    "\"name\":\"OpenAI format\",\"license\":\"MIT\",\"abi\":{\"major\":1,\"minor\":0},"
    "\"generators\":{\"chat\":\"chat\",\"completions\":\"completions\",\"embeddings\":\"embeddings\","
    "\"image\":\"image\",\"image_edit\":\"image.edit\",\"models\":\"models\",\"moderation\":\"moderation\"},"
    "\"needs\":{\"host_interfaces\":[]},\"permissions\":[],\"providers\":[]}");

// One generator: its opener, its codec, the format that it takes as it is.
#define GENERATOR(id, kind, generator_name, operation_name, format_name)                                     \
    static llm_status LLM_CALL id##_open(llm_instance *inst, const llm_job_args *args, const llm_out *out,   \
                                         llm_job **ret) {                                                    \
        return oai_open(inst, args, out, kind, ret);                                                         \
    }                                                                                                        \
    static const llm_codec id##_codec = {.size = sizeof(llm_codec),                                          \
                                         .flags = LLM_CODEC_DETERMINISTIC,                                   \
                                         .open = id##_open,                                                  \
                                         .close = oai_close,                                                 \
                                         .encode = oai_encode,                                               \
                                         .data = oai_data,                                                   \
                                         .end = oai_end,                                                     \
                                         .fail = oai_fail};                                                  \
    static const char *const id##_formats[] = {format_name, NULL};                                           \
    static const llm_generator id##_generator = {.size = sizeof(llm_generator),                              \
                                                 .name = generator_name,                                     \
                                                 .operation = operation_name,                                \
                                                 .formats = id##_formats,                                    \
                                                 .codec = &id##_codec}

GENERATOR(chat, OAI_CHAT, "chat", "chat", "openai.chat");
GENERATOR(completions, OAI_COMPLETIONS, "completions", "completions", "openai.completions");
GENERATOR(embeddings, OAI_EMBEDDINGS, "embeddings", "embeddings", "openai.embeddings");
GENERATOR(image, OAI_IMAGE, "image", "image", "openai.image");
GENERATOR(image_edit, OAI_IMAGE_EDIT, "image_edit", "image.edit", "openai.image.edit");
GENERATOR(models, OAI_MODELS, "models", "models", "openai.models");
GENERATOR(moderation, OAI_MODERATION, "moderation", "moderation", "openai.moderation");

static const llm_generator *const generators[] = {
    &chat_generator,       &completions_generator, &embeddings_generator, &image_generator,
    &image_edit_generator, &models_generator,      &moderation_generator, NULL};

static const llm_provider_descriptor descriptor = {.size = sizeof(descriptor),
                                                   .abi_minor = LLM_ABI_MINOR,
                                                   .id = "org.llm-master.openai_compat",
                                                   .version = "0.1.0",
                                                   .generators = generators,
                                                   .init = oai_init,
                                                   .shutdown = oai_shutdown,
                                                   .instance_new = oai_instance_new,
                                                   .instance_free = oai_instance_free};

const llm_provider_descriptor *LLM_CALL LLM_ENTRY(void) {
    return &descriptor;
}
