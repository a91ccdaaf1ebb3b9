// SPDX-License-Identifier: MIT
#include "config/breaker.h"

#include <stdio.h>

#include "config/builder.h"

#define MS_MAX 86400000 // a day
#define COUNT_MAX 1000000
#define BREAKER(member) offsetof(struct llm_settings, breaker.member)
#define BUDGET(member) offsetof(struct llm_settings, retry_budget.member)

static const struct row {
    const char *name;
    size_t at; // of a uint32_t in the settings
    int64_t min, max;
} rows[] = {
    {"breaker.cool_ms", BREAKER(cool_ms), 1, MS_MAX},
    {"breaker.error_percent", BREAKER(error_percent), 0, 100},
    {"breaker.failures", BREAKER(failures), 0, COUNT_MAX},
    {"breaker.half_life_ms", BREAKER(half_life_ms), 1, MS_MAX},
    {"breaker.max_cool_ms", BREAKER(max_cool_ms), 1, MS_MAX},
    {"breaker.max_open_ms", BREAKER(max_open_ms), 1, MS_MAX},
    {"breaker.min_calls", BREAKER(min_calls), 1, COUNT_MAX},
    {"breaker.open_ms", BREAKER(open_ms), 1, MS_MAX},
    {"breaker.window_ms", BREAKER(window_ms), 1, MS_MAX},
    {"retry_budget.per_second", BUDGET(per_second), 0, COUNT_MAX},
    {"retry_budget.percent", BUDGET(percent), 0, 1000},
    {"retry_budget.ttl_ms", BUDGET(ttl_ms), 1, MS_MAX},
};

static uint32_t *number_of(struct llm_settings *settings, const struct row *row) {
    return (uint32_t *)(void *)((char *)settings + row->at);
}

llm_status llm_breaker_built_in(struct llm_settings_builder *b, llm_error *err) {
    struct llm_settings *s = b->settings;
    s->breaker = (struct llm_breaker_settings)LLM_BREAKER_SETTINGS_INIT;
    s->retry_budget = (struct llm_retry_budget_settings)LLM_RETRY_BUDGET_SETTINGS_INIT;
    b->origin = LLM_STR("built in");
    llm_status status = llm_settings_taken(b, "breaker.enabled", LLM_STR("true"), err);
    for (size_t i = 0; status == LLM_OK && i < sizeof rows / sizeof rows[0]; i++) {
        char text[16];
        const int len = snprintf(text, sizeof text, "%u", (unsigned)*number_of(s, &rows[i]));
        status = llm_settings_taken(b, rows[i].name, (llm_str){text, (size_t)len}, err);
    }
    return status;
}

static llm_status take_number(struct llm_settings_builder *b, const struct row *row,
                              const struct llm_document *doc, llm_str value, llm_error *err) {
    int64_t number = 0;
    const llm_status status = llm_document_int(doc, value, row->name, row->min, row->max, &number, err);
    if (status != LLM_OK) {
        return status;
    }
    *number_of(b->settings, row) = (uint32_t)number;
    return llm_settings_taken(b, row->name, value, err);
}

#define TAKE(name, index)                                                                                    \
    static llm_status take_##name(void *ctx, const struct llm_document *doc, llm_str value,                  \
                                  llm_error *err) {                                                          \
        return take_number(ctx, &rows[index], doc, value, err);                                              \
    }
TAKE(cool_ms, 0)
TAKE(error_percent, 1)
TAKE(failures, 2)
TAKE(half_life_ms, 3)
TAKE(max_cool_ms, 4)
TAKE(max_open_ms, 5)
TAKE(min_calls, 6)
TAKE(open_ms, 7)
TAKE(window_ms, 8)
TAKE(per_second, 9)
TAKE(percent, 10)
TAKE(ttl_ms, 11)

static llm_status take_enabled(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    const llm_status status =
        llm_document_bool(doc, value, "breaker.enabled", &b->settings->breaker.enabled, err);
    return status == LLM_OK ? llm_settings_taken(b, "breaker.enabled", value, err) : status;
}

llm_status llm_breaker_take(void *builder, const struct llm_document *doc, llm_str value, llm_error *err) {
    static const struct llm_document_member members[] = {
        {"cool_ms", take_cool_ms},
        {"enabled", take_enabled},
        {"error_percent", take_error_percent},
        {"failures", take_failures},
        {"half_life_ms", take_half_life_ms},
        {"max_cool_ms", take_max_cool_ms},
        {"max_open_ms", take_max_open_ms},
        {"min_calls", take_min_calls},
        {"open_ms", take_open_ms},
        {"window_ms", take_window_ms},
        {NULL, NULL},
    };
    return llm_document_members(doc, value, "breaker", members, builder, err);
}

llm_status llm_retry_budget_take(void *builder, const struct llm_document *doc, llm_str value,
                                 llm_error *err) {
    static const struct llm_document_member members[] = {
        {"per_second", take_per_second},
        {"percent", take_percent},
        {"ttl_ms", take_ttl_ms},
        {NULL, NULL},
    };
    return llm_document_members(doc, value, "retry_budget", members, builder, err);
}
