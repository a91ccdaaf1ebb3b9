// SPDX-License-Identifier: MIT
#include "config/retry.h"

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "config/builder.h"

#define MS_MAX 3600000 // an hour

static const struct row {
    const char *name;
    size_t at;
    uint32_t value, min, max;
} rows[] = {
    {"retry.max_attempts", offsetof(struct llm_retry_settings, max_attempts), 3, 1, LLM_MAX_ATTEMPTS},
    {"retry.base_ms", offsetof(struct llm_retry_settings, base_ms), 200, 1, MS_MAX},
    {"retry.throttle_base_ms", offsetof(struct llm_retry_settings, throttle_base_ms), 1000, 1, MS_MAX},
    {"retry.max_backoff_ms", offsetof(struct llm_retry_settings, max_backoff_ms), 20000, 1, MS_MAX},
    {"retry.max_retry_after_ms", offsetof(struct llm_retry_settings, max_retry_after_ms), 60000, 0, MS_MAX},
    {"retry.hedge_ms", offsetof(struct llm_retry_settings, hedge_ms), 0, 0, MS_MAX},
};

static void set(struct llm_settings *settings, const struct row *row, uint32_t value) {
    *(uint32_t *)(void *)((char *)&settings->retry + row->at) = value;
}

llm_status llm_retry_built_in(struct llm_settings_builder *b, llm_error *err) {
    llm_status status = LLM_OK;
    b->origin = LLM_STR("built in");
    for (size_t i = 0; status == LLM_OK && i < sizeof rows / sizeof rows[0]; i++) {
        char text[16];
        const int len = snprintf(text, sizeof text, "%u", rows[i].value);
        set(b->settings, &rows[i], rows[i].value);
        status = llm_settings_taken(b, rows[i].name, (llm_str){text, (size_t)len}, err);
    }
    return status;
}

static llm_status take(struct llm_settings_builder *b, const struct row *row, const struct llm_document *doc,
                       llm_str value, llm_error *err) {
    int64_t number = 0;
    const llm_status status = llm_document_int(doc, value, row->name, row->min, row->max, &number, err);
    if (status != LLM_OK) {
        return status;
    }
    set(b->settings, row, (uint32_t)number);
    return llm_settings_taken(b, row->name, value, err);
}

#define TAKE(function, index)                                                                                \
    static llm_status function(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {   \
        return take(ctx, &rows[index], doc, value, err);                                                     \
    }
TAKE(take_max_attempts, 0)
TAKE(take_base, 1)
TAKE(take_throttle_base, 2)
TAKE(take_max_backoff, 3)
TAKE(take_max_retry_after, 4)
TAKE(take_hedge, 5)

llm_status llm_retry_take(void *builder, const struct llm_document *doc, llm_str value, llm_error *err) {
    static const struct llm_document_member members[] = {
        {"base_ms", take_base},
        {"hedge_ms", take_hedge},
        {"max_attempts", take_max_attempts},
        {"max_backoff_ms", take_max_backoff},
        {"max_retry_after_ms", take_max_retry_after},
        {"throttle_base_ms", take_throttle_base},
        {NULL, NULL},
    };
    return llm_document_members(doc, value, "retry", members, builder, err);
}
