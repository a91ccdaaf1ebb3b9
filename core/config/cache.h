// SPDX-License-Identifier: MIT
// "cache": {"enabled", "max_bytes", "ttl_s", "max_entry_bytes"}.
#ifndef LLM_CONFIG_CACHE_H
#define LLM_CONFIG_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct llm_cache_settings {
    bool enabled;             // every query uses the cache, unless it says LLM_QUERY_NO_CACHE
    uint64_t max_bytes;       // of all answers together; 0: none is kept
    uint64_t max_entry_bytes; // of one answer
    uint32_t ttl_s;           // seconds that an answer is given; 0: none is kept
};

struct llm_document;
struct llm_settings_builder;

// b->origin says where they come from.  LLM_E_NOMEM.
llm_status llm_cache_settings_built_in(struct llm_settings_builder *b, llm_error *err);
// The member of a settings document; ctx: the builder.  LLM_E_CONFIG, LLM_E_NOMEM.
llm_status llm_cache_settings_take(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err);

#endif
