// SPDX-License-Identifier: MIT
// Settings "limits" and "admission": how much may be asked for, by whom and of whom, and how long a call waits for its turn.
#ifndef LLM_CONFIG_LIMITS_H
#define LLM_CONFIG_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/document.h"

enum llm_limit_kind { LLM_LIMIT_REQUESTS, LLM_LIMIT_TOKENS, LLM_LIMIT_CONCURRENCY, LLM_LIMIT_MONEY };
#define LLM_LIMIT_KINDS 4

// Windows of money by the calendar, in UTC.
enum llm_limit_period {
    LLM_PERIOD_NONE,
    LLM_PERIOD_MINUTE,
    LLM_PERIOD_HOUR,
    LLM_PERIOD_DAY,
    LLM_PERIOD_MONTH
};

// What sets a call apart.
enum llm_limit_side { LLM_LIMIT_TAG, LLM_LIMIT_PROVIDER, LLM_LIMIT_MODEL, LLM_LIMIT_KEY };
#define LLM_LIMIT_SIDES 4

// At most `amount` of one kind, for the calls that fit all patterns.
struct llm_limit {
    uint64_t
        id; // of everything but the amount: what was counted under it goes on counting when the amount is changed
    enum llm_limit_kind kind;
    int64_t amount;                    // requests, tokens, calls at once, pico-USD; at least 1
    uint64_t seconds;                  // any time of this length; 0: no such window
    enum llm_limit_period period;      // of money, when seconds is 0
    llm_str patterns[LLM_LIMIT_SIDES]; // globs; absent: whatever
    uint32_t each;                     // bit s: one counter for each value of side s
    bool unpriced;                     // of money: calls without a price may pass, and count as nothing
    llm_str name;                      // the calls that it is for: `tag "team-*" (each)`; "all calls"
    llm_str origin;                    // the file that says so, or "options"
};

struct llm_limit_settings {
    struct llm_limit *list;
    size_t count;
    uint32_t max_wait_ms;   // how long a call may wait for its turn
    uint32_t output_tokens; // what is reserved for an answer whose length the request does not bound
};

#define LLM_LIMIT_SETTINGS_INIT                                                                              \
    { NULL, 0, 30000, 4096 }

struct llm_limit_list {
    struct llm_limit *items; // from an arena
    size_t count, cap;
};

// The limits that a provider's file states for a model ("limits" of a model's entry): requests_per_*, tokens_per_*, concurrency;
// for each key of the provider by itself.  provider, model, origin: borrowed.  LLM_E_CONFIG, LLM_E_NOMEM.
llm_status llm_limits_stated(const struct llm_document *doc, llm_str value, llm_str provider, llm_str model,
                             llm_str origin, struct llm_arena *arena, struct llm_limit_list *list,
                             llm_error *err);

struct llm_settings_builder;
// Members of config.json; the table's functions.
llm_status llm_settings_take_limits(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err);
llm_status llm_settings_take_admission(void *ctx, const struct llm_document *doc, llm_str value,
                                       llm_error *err);

// pico-USD (0 or more) as decimal USD with two decimals at least: "5.00".  buf: at least LLM_LIMIT_USD bytes.  Gives buf.
#define LLM_LIMIT_USD 40
const char *llm_limit_usd(int64_t pico_usd, char *buf);
// "60 requests per minute", "5 USD per day", "4 calls at once".  buf: at least LLM_LIMIT_TEXT bytes.  Gives buf.
#define LLM_LIMIT_TEXT 112
const char *llm_limit_text(enum llm_limit_kind kind, int64_t amount, uint64_t seconds,
                           enum llm_limit_period period, char *buf);

#endif
