// SPDX-License-Identifier: MIT
#include "config/cache.h"

#include "config/builder.h"

#define BYTES_MAX ((int64_t)1 << 40)
#define ENTRY_BYTES_MAX ((int64_t)256 << 20)
#define TTL_S_MAX 31536000 // a year

static llm_status take_enabled(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    const llm_status status =
        llm_document_bool(doc, value, "cache.enabled", &b->settings->cache.enabled, err);
    return status == LLM_OK ? llm_settings_taken(b, "cache.enabled", value, err) : status;
}

static llm_status take_number(struct llm_settings_builder *b, const struct llm_document *doc, llm_str value,
                              const char *name, int64_t max, uint64_t *ret, llm_error *err) {
    int64_t number = 0;
    const llm_status status = llm_document_int(doc, value, name, 0, max, &number, err);
    if (status != LLM_OK) {
        return status;
    }
    *ret = (uint64_t)number;
    return llm_settings_taken(b, name, value, err);
}

static llm_status take_max_bytes(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    return take_number(b, doc, value, "cache.max_bytes", BYTES_MAX, &b->settings->cache.max_bytes, err);
}

static llm_status take_max_entry(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    return take_number(b, doc, value, "cache.max_entry_bytes", ENTRY_BYTES_MAX,
                       &b->settings->cache.max_entry_bytes, err);
}

static llm_status take_ttl(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    uint64_t seconds = b->settings->cache.ttl_s;
    const llm_status status = take_number(b, doc, value, "cache.ttl_s", TTL_S_MAX, &seconds, err);
    b->settings->cache.ttl_s = (uint32_t)seconds;
    return status;
}

llm_status llm_cache_settings_take(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    static const struct llm_document_member members[] = {
        {"enabled", take_enabled},
        {"max_bytes", take_max_bytes},
        {"max_entry_bytes", take_max_entry},
        {"ttl_s", take_ttl},
        {NULL, NULL},
    };
    return llm_document_members(doc, value, "cache", members, ctx, err);
}

llm_status llm_cache_settings_built_in(struct llm_settings_builder *b, llm_error *err) {
    static const llm_header rows[] = {
        {LLM_STR_INIT("cache.enabled"), LLM_STR_INIT("false")},
        {LLM_STR_INIT("cache.max_bytes"), LLM_STR_INIT("67108864")},
        {LLM_STR_INIT("cache.max_entry_bytes"), LLM_STR_INIT("1048576")},
        {LLM_STR_INIT("cache.ttl_s"), LLM_STR_INIT("3600")},
    };
    b->settings->cache = (struct llm_cache_settings){
        .enabled = false, .max_bytes = 64u << 20, .max_entry_bytes = 1u << 20, .ttl_s = 3600};
    llm_status status = LLM_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && status == LLM_OK; i++) {
        status = llm_settings_taken(b, rows[i].name.ptr, rows[i].value, err);
    }
    return status;
}
