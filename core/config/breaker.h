// SPDX-License-Identifier: MIT
// Settings "breaker" and "retry_budget": when a provider or a key is left alone, and how many calls may be tried again.
#ifndef LLM_CONFIG_BREAKER_H
#define LLM_CONFIG_BREAKER_H

#include "config/document.h"

struct llm_breaker_settings {
    bool enabled;
    uint32_t failures;      // faults in a row that open it; 0: these do not
    uint32_t error_percent; // faults of all calls in the window that open it; 0: these do not
    uint32_t min_calls;     // calls in the window below which error_percent says nothing
    uint32_t window_ms;
    uint32_t open_ms, max_open_ms; // how long it stays open: the first time, and after more openings in a row
    uint32_t cool_ms,
        max_cool_ms;       // how long a key rests that was refused: without advice at first, and at most
    uint32_t half_life_ms; // of the estimate of latency
};

struct llm_retry_budget_settings {
    uint32_t percent;    // tries again per 100 calls
    uint32_t per_second; // ... and these besides
    uint32_t ttl_ms;     // how long a call counts
};

#define LLM_BREAKER_SETTINGS_INIT                                                                            \
    {                                                                                                        \
        .enabled = true, .failures = 5, .error_percent = 50, .min_calls = 20, .window_ms = 10000,            \
        .open_ms = 1000, .max_open_ms = 4000, .cool_ms = 1000, .max_cool_ms = 3600000, .half_life_ms = 10000 \
    }
#define LLM_RETRY_BUDGET_SETTINGS_INIT                                                                       \
    { .percent = 20, .per_second = 10, .ttl_ms = 10000 }

struct llm_settings_builder;

// LLM_E_NOMEM.
llm_status llm_breaker_built_in(struct llm_settings_builder *b, llm_error *err);
// The members of config.json.
llm_status llm_breaker_take(void *builder, const struct llm_document *doc, llm_str value, llm_error *err);
llm_status llm_retry_budget_take(void *builder, const struct llm_document *doc, llm_str value,
                                 llm_error *err);

#endif
