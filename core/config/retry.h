// SPDX-License-Identifier: MIT
// Settings "retry": how often and how fast a failed attempt is repeated.
#ifndef LLM_CONFIG_RETRY_H
#define LLM_CONFIG_RETRY_H

#include "config/document.h"

#define LLM_MAX_ATTEMPTS 16u // of one call, over all targets

struct llm_retry_settings {
    uint32_t max_attempts;       // of one call, over all targets; 1: no retry
    uint32_t base_ms;            // first back-off after a transient fault; it doubles with each attempt
    uint32_t throttle_base_ms;   // the same after a throttled or overloaded answer
    uint32_t max_backoff_ms;     // no back-off is longer
    uint32_t max_retry_after_ms; // a provider's advice to wait longer is not waited for
    uint32_t hedge_ms;           // without output by then a second attempt races the first; 0: never
};

struct llm_settings_builder;

// LLM_E_NOMEM.
llm_status llm_retry_built_in(struct llm_settings_builder *b, llm_error *err);
// The member of config.json.
llm_status llm_retry_take(void *builder, const struct llm_document *doc, llm_str value, llm_error *err);

#endif
