// SPDX-License-Identifier: MIT
// custom.so: any HTTP JSON service that a provider file describes.  docs/custom.md is its manual.
#include "custom.h"

// The text of the tokens between the brackets.
#define JSON(...) #__VA_ARGS__

// clang-format off
LLM_MANIFEST(JSON({
    "manifest": 1, "id": "org.llm-master.custom", "version": "0.1.0",
    "name": "Services described in a file", "license": "MIT",
    "abi": {"major": 1, "minor": 0},
    "generators": {
        "chat": "chat", "completions": "completions", "embeddings": "embeddings", "image": "image", "image.edit": "image.edit",
        "image.inpaint": "image.inpaint", "image.variate": "image.variate", "image.vectorize": "image.vectorize",
        "image.remove_background": "image.remove_background", "image.upscale": "image.upscale", "video": "video",
        "speech": "speech", "transcription": "transcription", "translation": "translation", "rerank": "rerank",
        "moderation": "moderation", "models": "models", "account": "account", "custom": "custom"}}));
// clang-format on

#define OPERATIONS(X)                                                                                        \
    X(chat, "chat")                                                                                          \
    X(completions, "completions")                                                                            \
    X(embeddings, "embeddings")                                                                              \
    X(image, "image")                                                                                        \
    X(edit, "image.edit")                                                                                    \
    X(inpaint, "image.inpaint")                                                                              \
    X(variate, "image.variate")                                                                              \
    X(vectorize, "image.vectorize")                                                                          \
    X(remove, "image.remove_background")                                                                     \
    X(upscale, "image.upscale")                                                                              \
    X(video, "video")                                                                                        \
    X(speech, "speech")                                                                                      \
    X(transcription, "transcription")                                                                        \
    X(translation, "translation")                                                                            \
    X(rerank, "rerank")                                                                                      \
    X(moderation, "moderation")                                                                              \
    X(models, "models")                                                                                      \
    X(account, "account")                                                                                    \
    X(custom, "custom")

#define FORMATS(id, name) static const char *const formats_##id[] = {"openai." name, "custom", NULL};
#define GENERATOR(id, name)                                                                                  \
    static const llm_generator generator_##id = {                                                            \
        (uint32_t)sizeof(llm_generator), 0, name, name, formats_##id, &custom_codec, NULL};
#define ADDRESS(id, name) &generator_##id,
OPERATIONS(FORMATS)
OPERATIONS(GENERATOR)
static const llm_generator *const generators[] = {OPERATIONS(ADDRESS) NULL};

// ---- memory

#define BLOCK_BYTES 4096

struct block {
    struct block *next;
    size_t used, size;
};

void *custom_new(struct arena *arena, size_t size) {
    struct block *block = arena->blocks;
    size = (size + 15) & ~(size_t)15;
    if (size == 0) {
        size = 16;
    }
    if (block == NULL || size > block->size - block->used) {
        const size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        const size_t head = (sizeof *block + 15) & ~(size_t)15;
        block = room < SIZE_MAX / 2 ? arena->host->alloc(arena->host->ctx, NULL, head + room) : NULL;
        if (block == NULL) {
            return NULL;
        }
        *block = (struct block){.next = arena->blocks, .used = head, .size = head + room};
        arena->blocks = block;
    }
    char *p = (char *)block + block->used;
    block->used += size;
    memset(p, 0, size);
    return p;
}

void custom_arena_done(struct arena *arena) {
    while (arena->blocks != NULL) {
        struct block *next = arena->blocks->next;
        arena->host->alloc(arena->host->ctx, arena->blocks, 0);
        arena->blocks = next;
    }
}

// ---- plugin and instances

// Messages must outlive the instance that could not be made.
struct plugin {
    struct arena arena;
};

static llm_status LLM_CALL init(const llm_host *host, void **plugin) {
    struct plugin *self = host->alloc(host->ctx, NULL, sizeof *self);
    if (self == NULL) {
        return LLM_E_NOMEM;
    }
    *self = (struct plugin){.arena = {.host = host}};
    *plugin = self;
    return LLM_OK;
}

static void LLM_CALL shut_down(void *plugin) {
    struct plugin *self = plugin;
    const llm_host *host = self->arena.host;
    custom_arena_done(&self->arena);
    host->alloc(host->ctx, self, 0);
}

static void LLM_CALL instance_free(llm_instance *inst) {
    if (inst == NULL) {
        return;
    }
    const llm_host *host = inst->arena.host;
    custom_arena_done(&inst->arena);
    host->alloc(host->ctx, inst, 0);
}

static llm_status LLM_CALL instance_new(void *plugin, const llm_instance_args *args, llm_instance **ret,
                                        llm_str *message) {
    struct plugin *self = plugin;
    const llm_host *host = self->arena.host;
    char text[MESSAGE_MAX] = "out of memory";
    llm_status status = LLM_E_NOMEM;

    llm_instance *inst = host->alloc(host->ctx, NULL, sizeof *inst);
    if (inst != NULL) {
        *inst = (llm_instance){.arena = {.host = host}, .base_url = args->base_url};
        status = custom_describe(inst, args->config, text);
    }
    if (status == LLM_OK) {
        *ret = inst;
        return LLM_OK;
    }
    instance_free(inst);
    char *copy = custom_new(&self->arena, strlen(text));
    if (copy == NULL) {
        *message = custom_str("out of memory");
        return LLM_E_NOMEM;
    }
    memcpy(copy, text, strlen(text));
    *message = (llm_str){copy, strlen(text)};
    return status;
}

static const llm_provider_descriptor descriptor = {
    .size = (uint32_t)sizeof(llm_provider_descriptor),
    .abi_minor = LLM_ABI_MINOR,
    .id = "org.llm-master.custom",
    .version = "0.1.0",
    .generators = generators,
    .init = init,
    .shutdown = shut_down,
    .instance_new = instance_new,
    .instance_free = instance_free,
};

LLM_EXPORT const llm_provider_descriptor *LLM_CALL LLM_ENTRY(void) {
    return &descriptor;
}
