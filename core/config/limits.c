// SPDX-License-Identifier: MIT
#include "config/limits.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "config/builder.h"
#include "llm_json.h"

#define AMOUNT_MAX INT64_C(1000000000000000)      // requests and tokens
#define CONCURRENCY_MAX 1000000                   // calls
#define PICO_USD_MAX INT64_C(1000000000000000000) // a million USD
#define WINDOW_SECONDS_MAX (INT64_C(366) * 86400) // a year
#define WAIT_MS_MAX 86400000                      // a day
#define OUTPUT_TOKENS_MAX 10000000

#define MINUTE 60
#define HOUR 3600
#define DAY 86400

static const char *const sides[LLM_LIMIT_SIDES] = {"tag", "provider", "model", "key"};
static const char *const periods[] = {"", "minute", "hour", "day", "month"};

static llm_status no_memory(llm_error *err) {
    return llm_fail(err, LLM_E_NOMEM, "out of memory");
}

// ---- one entry -----------------------------------------------------------------------------------------

#define LINES_MAX 8 // one a member that bounds something

struct reading {
    struct llm_arena *arena;
    struct llm_limit common; // what all lines of the entry share
    struct llm_limit lines[LINES_MAX];
    size_t n_lines;
    llm_str name; // given by a person
    bool has_each, has_window, has_usd, has_unpriced;
    uint64_t window_seconds;
    enum llm_limit_period window;
};

static llm_status take_side(struct reading *r, enum llm_limit_side side, const struct llm_document *doc,
                            llm_str value, llm_error *err) {
    return llm_document_string(doc, value, sides[side], r->arena, &r->common.patterns[side], err);
}

static llm_status take_tag(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    return take_side(ctx, LLM_LIMIT_TAG, doc, value, err);
}

static llm_status take_provider(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    return take_side(ctx, LLM_LIMIT_PROVIDER, doc, value, err);
}

static llm_status take_model(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    return take_side(ctx, LLM_LIMIT_MODEL, doc, value, err);
}

static llm_status take_key(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    return take_side(ctx, LLM_LIMIT_KEY, doc, value, err);
}

static llm_status take_name(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct reading *r = ctx;
    const llm_status status = llm_document_string(doc, value, "a limit's name", r->arena, &r->name, err);
    return status == LLM_OK && r->name.len > LLM_MAX_NAME_BYTES
               ? llm_document_fail(doc, value, err, "a limit's name is longer than %u bytes",
                                   LLM_MAX_NAME_BYTES)
               : status;
}

static llm_status take_each(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct reading *r = ctx;
    return llm_document_bool(doc, value, "each", &r->has_each, err);
}

static llm_status add_line(struct reading *r, const struct llm_document *doc, llm_str value, const char *what,
                           enum llm_limit_kind kind, uint64_t seconds, llm_error *err) {
    int64_t amount = 0;
    const llm_status status = llm_document_int(
        doc, value, what, 1, kind == LLM_LIMIT_CONCURRENCY ? CONCURRENCY_MAX : AMOUNT_MAX, &amount, err);
    if (status == LLM_OK) {
        r->lines[r->n_lines++] = (struct llm_limit){.kind = kind, .amount = amount, .seconds = seconds};
    }
    return status;
}

static llm_status take_rpm(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    return add_line(ctx, doc, value, "requests_per_minute", LLM_LIMIT_REQUESTS, MINUTE, err);
}

static llm_status take_rph(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    return add_line(ctx, doc, value, "requests_per_hour", LLM_LIMIT_REQUESTS, HOUR, err);
}

static llm_status take_rpd(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    return add_line(ctx, doc, value, "requests_per_day", LLM_LIMIT_REQUESTS, DAY, err);
}

static llm_status take_tpm(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    return add_line(ctx, doc, value, "tokens_per_minute", LLM_LIMIT_TOKENS, MINUTE, err);
}

static llm_status take_tph(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    return add_line(ctx, doc, value, "tokens_per_hour", LLM_LIMIT_TOKENS, HOUR, err);
}

static llm_status take_tpd(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    return add_line(ctx, doc, value, "tokens_per_day", LLM_LIMIT_TOKENS, DAY, err);
}

static llm_status take_concurrency(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    return add_line(ctx, doc, value, "concurrency", LLM_LIMIT_CONCURRENCY, 0, err);
}

static llm_status take_usd(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct reading *r = ctx;
    const llm_str text = llm_json_type(value) == '"' ? llm_json_plain(value) : value;
    int64_t pico = 0;
    if (!llm_json_decimal(text, 12, &pico) || pico < 1 || pico > PICO_USD_MAX) {
        return llm_document_fail(doc, value, err,
                                 "usd must be a decimal number of USD such as \"5.00\", up to 1,000,000");
    }
    r->has_usd = true;
    r->lines[r->n_lines++] = (struct llm_limit){.kind = LLM_LIMIT_MONEY, .amount = pico};
    return LLM_OK;
}

static llm_status take_window(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct reading *r = ctx;
    int64_t seconds = 0;
    r->has_window = true;
    for (size_t i = 1; i < sizeof periods / sizeof periods[0]; i++) {
        if (llm_json_is(value, periods[i])) {
            r->window = (enum llm_limit_period)i;
            return LLM_OK;
        }
    }
    if (!llm_json_int64(value, &seconds) || seconds < 1 || seconds > WINDOW_SECONDS_MAX) {
        return llm_document_fail(doc, value, err,
                                 "window must be \"minute\", \"hour\", \"day\", \"month\", or a number of "
                                 "seconds from 1 to %lld",
                                 (long long)WINDOW_SECONDS_MAX);
    }
    r->window_seconds = (uint64_t)seconds;
    return LLM_OK;
}

static llm_status take_unpriced(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct reading *r = ctx;
    r->has_unpriced = true;
    r->common.unpriced = llm_json_is(value, "allow") != 0;
    return r->common.unpriced || llm_json_is(value, "refuse")
               ? LLM_OK
               : llm_document_fail(doc, value, err, "unpriced must be \"refuse\" or \"allow\"");
}

// ---- what it is called ------------------------------------------------------------------------------------

static void mix(uint64_t *hash, llm_str text) { // FNV-1a, the length first
    *hash = (*hash ^ text.len) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < text.len; i++) {
        *hash = (*hash ^ (uint8_t)text.ptr[i]) * UINT64_C(0x100000001b3);
    }
}

static uint64_t identity(const struct llm_limit *limit) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < LLM_LIMIT_SIDES; i++) {
        mix(&hash, limit->patterns[i]);
        mix(&hash, limit->patterns[i].ptr != NULL ? LLM_STR("+") : LLM_STR("-"));
    }
    const uint64_t rest[] = {limit->each, limit->kind, limit->seconds, limit->period};
    mix(&hash, (llm_str){(const char *)rest, sizeof rest});
    return hash;
}

static llm_status describe(struct reading *r) {
    char text[1024];
    size_t len = 0;
    for (size_t i = 0; i < LLM_LIMIT_SIDES; i++) {
        const llm_str pattern = r->common.patterns[i];
        if (pattern.ptr != NULL && len < sizeof text) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s \"%.*s\"", len > 0 ? ", " : "",
                                    sides[i], (int)(pattern.len < 128 ? pattern.len : 128), pattern.ptr);
        }
    }
    if (len == 0) {
        len = (size_t)snprintf(text, sizeof text, "all calls");
    }
    if (r->common.each != 0) {
        len += (size_t)snprintf(text + len, sizeof text - len, " (each)");
    }
    r->common.name = r->name.ptr != NULL ? r->name : llm_arena_dup(r->arena, (llm_str){text, len});
    return r->common.name.ptr != NULL ? LLM_OK : LLM_E_NOMEM;
}

const char *llm_limit_usd(int64_t pico_usd, char *buf) {
    int digits = 12;
    int64_t fraction = pico_usd % INT64_C(1000000000000);
    for (; digits > 2 && fraction % 10 == 0; digits--) {
        fraction /= 10;
    }
    (void)snprintf(buf, LLM_LIMIT_USD, "%lld.%0*lld", (long long)(pico_usd / INT64_C(1000000000000)), digits,
                   (long long)fraction);
    return buf;
}

const char *llm_limit_text(enum llm_limit_kind kind, int64_t amount, uint64_t seconds,
                           enum llm_limit_period period, char *buf) {
    static const char *const units[] = {"request", "token", "call", "USD"};
    char number[40], window[40];
    if (kind == LLM_LIMIT_MONEY) {
        (void)llm_limit_usd(amount, number);
    } else {
        (void)snprintf(number, sizeof number, "%lld", (long long)amount);
    }
    const char *plural = kind == LLM_LIMIT_MONEY || amount == 1 ? "" : "s";
    if (kind == LLM_LIMIT_CONCURRENCY) {
        (void)snprintf(buf, LLM_LIMIT_TEXT, "%s call%s at once", number, plural);
        return buf;
    }
    const char *word = seconds == MINUTE ? "minute"
                       : seconds == HOUR ? "hour"
                       : seconds == DAY  ? "day"
                                         : NULL;
    if (seconds == 0) {
        (void)snprintf(window, sizeof window, "calendar %s", periods[period]);
    } else if (word != NULL) {
        (void)snprintf(window, sizeof window, "%s", word);
    } else {
        (void)snprintf(window, sizeof window, "%llu s", (unsigned long long)seconds);
    }
    (void)snprintf(buf, LLM_LIMIT_TEXT, "%s %s%s per %s", number, units[kind], plural, window);
    return buf;
}

// ---- lists ------------------------------------------------------------------------------------------------

static llm_status append(struct reading *r, const struct llm_document *doc, llm_str value,
                         struct llm_limit_list *list, llm_error *err) {
    if (describe(r) != LLM_OK) {
        return no_memory(err);
    }
    for (size_t i = 0; i < r->n_lines; i++) {
        struct llm_limit limit = r->common;
        limit.kind = r->lines[i].kind;
        limit.amount = r->lines[i].amount;
        limit.seconds = limit.kind == LLM_LIMIT_MONEY ? r->window_seconds : r->lines[i].seconds;
        limit.period = limit.kind == LLM_LIMIT_MONEY ? r->window : LLM_PERIOD_NONE;
        limit.id = identity(&limit);
        for (size_t k = 0; k < list->count; k++) {
            if (list->items[k].id == limit.id) {
                return llm_document_fail(doc, value, err, "this limit stands twice: %.*s",
                                         LLM_FMT(limit.name));
            }
        }
        if (list->count >= LLM_MAX_LIMITS) {
            return llm_document_fail(doc, value, err, "there are more than %u limits", LLM_MAX_LIMITS);
        }
        struct llm_limit *bigger =
            llm_arena_grow(r->arena, list->items, list->count, &list->cap, sizeof *bigger);
        if (bigger == NULL) {
            return no_memory(err);
        }
        bigger[list->count++] = limit;
        list->items = bigger;
    }
    return LLM_OK;
}

static llm_status take_entry(struct llm_arena *arena, llm_str origin, const struct llm_document *doc,
                             llm_str value, struct llm_limit_list *list, llm_error *err) {
    static const struct llm_document_member members[] = {
        {"concurrency", take_concurrency},
        {"each", take_each},
        {"key", take_key},
        {"model", take_model},
        {"name", take_name},
        {"provider", take_provider},
        {"requests_per_day", take_rpd},
        {"requests_per_hour", take_rph},
        {"requests_per_minute", take_rpm},
        {"tag", take_tag},
        {"tokens_per_day", take_tpd},
        {"tokens_per_hour", take_tph},
        {"tokens_per_minute", take_tpm},
        {"unpriced", take_unpriced},
        {"usd", take_usd},
        {"window", take_window},
        {NULL, NULL},
    };
    struct reading r = {.arena = arena, .common.origin = origin};
    const llm_status status = llm_document_members(doc, value, "a limit", members, &r, err);
    if (status != LLM_OK) {
        return status;
    }
    for (size_t i = 0; r.has_each && i < LLM_LIMIT_SIDES; i++) {
        r.common.each |= r.common.patterns[i].ptr != NULL ? 1u << i : 0u;
    }
    if (r.n_lines == 0) {
        return llm_document_fail(doc, value, err,
                                 "a limit bounds nothing: give it requests_per_minute, tokens_per_minute, "
                                 "concurrency, or usd with window");
    }
    if (r.has_usd != r.has_window || (r.has_unpriced && !r.has_usd)) {
        return llm_document_fail(doc, value, err,
                                 r.has_usd      ? "usd needs a window"
                                 : r.has_window ? "window belongs to usd, which is not there"
                                                : "unpriced belongs to usd, which is not there");
    }
    if (r.has_each && r.common.each == 0) {
        return llm_document_fail(doc, value, err, "each needs a tag, provider, model or key to tell apart");
    }
    return append(&r, doc, value, list, err);
}

llm_status llm_limits_stated(const struct llm_document *doc, llm_str value, llm_str provider, llm_str model,
                             llm_str origin, struct llm_arena *arena, struct llm_limit_list *list,
                             llm_error *err) {
    static const struct llm_document_member members[] = {
        {"concurrency", take_concurrency}, {"requests_per_day", take_rpd},
        {"requests_per_hour", take_rph},   {"requests_per_minute", take_rpm},
        {"tokens_per_day", take_tpd},      {"tokens_per_hour", take_tph},
        {"tokens_per_minute", take_tpm},   {NULL, NULL},
    };
    struct reading r = {.arena = arena,
                        .common = {.origin = origin,
                                   .each = 1u << LLM_LIMIT_KEY,
                                   .patterns = {[LLM_LIMIT_PROVIDER] = provider, [LLM_LIMIT_MODEL] = model}}};
    const llm_status status = llm_document_members(doc, value, "a model's limits", members, &r, err);
    return status == LLM_OK ? append(&r, doc, value, list, err) : status;
}

llm_status llm_settings_take_limits(void *ctx, const struct llm_document *doc, llm_str value,
                                    llm_error *err) {
    struct llm_settings_builder *b = ctx;
    struct llm_limit_list list = {0};
    if (llm_json_type(value) != '[') {
        return llm_document_fail(doc, value, err, "limits must be an array of objects");
    }
    const llm_str origin = llm_arena_dup(&b->settings->arena, b->origin);
    if (origin.ptr == NULL) {
        return no_memory(err);
    }
    llm_json_iter it = llm_json_begin(value);
    while (llm_json_next(&it)) {
        const llm_status status = take_entry(&b->settings->arena, origin, doc, it.value, &list, err);
        if (status != LLM_OK) {
            return status;
        }
    }
    b->settings->limits.list = list.items;
    b->settings->limits.count = list.count;
    return llm_settings_taken(b, "limits", value, err);
}

// ---- how it is waited -----------------------------------------------------------------------------------------

static llm_status take_number(struct llm_settings_builder *b, const struct llm_document *doc, llm_str value,
                              const char *name, int64_t min, int64_t max, uint32_t *ret, llm_error *err) {
    int64_t number = 0;
    const llm_status status = llm_document_int(doc, value, name, min, max, &number, err);
    if (status != LLM_OK) {
        return status;
    }
    *ret = (uint32_t)number;
    return llm_settings_taken(b, name, value, err);
}

static llm_status take_max_wait(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    return take_number(b, doc, value, "admission.max_wait_ms", 0, WAIT_MS_MAX,
                       &b->settings->limits.max_wait_ms, err);
}

static llm_status take_output(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    return take_number(b, doc, value, "admission.output_tokens", 1, OUTPUT_TOKENS_MAX,
                       &b->settings->limits.output_tokens, err);
}

llm_status llm_settings_take_admission(void *ctx, const struct llm_document *doc, llm_str value,
                                       llm_error *err) {
    static const struct llm_document_member members[] = {
        {"max_wait_ms", take_max_wait},
        {"output_tokens", take_output},
        {NULL, NULL},
    };
    return llm_document_members(doc, value, "admission", members, ctx, err);
}
