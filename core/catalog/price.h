// SPDX-License-Identifier: MIT
// Prices and what a call costs, in integers.  Cost is pico-USD (1 USD = 10^12); prices are kept in yocto-USD (10^24), in which
// every price that a list states is whole, and a sum is rounded once, to the nearest pico-USD, a half up.
#ifndef LLM_CATALOG_PRICE_H
#define LLM_CATALOG_PRICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

__extension__ typedef __int128 llm_yocto; // yocto-USD; -1: no price

// What has a price.
enum llm_price_class {
    LLM_PRICE_INPUT, // tokens, to LLM_PRICE_IMAGE_OUTPUT
    LLM_PRICE_OUTPUT,
    LLM_PRICE_CACHE_READ,
    LLM_PRICE_CACHE_WRITE, // for 5 minutes
    LLM_PRICE_CACHE_WRITE_1H,
    LLM_PRICE_REASONING,
    LLM_PRICE_AUDIO_INPUT,
    LLM_PRICE_AUDIO_OUTPUT,
    LLM_PRICE_IMAGE_INPUT,
    LLM_PRICE_IMAGE_OUTPUT,
    LLM_PRICE_IMAGE,       // an image that was made
    LLM_PRICE_MILLISECOND, // of audio or video, in or out
    LLM_PRICE_CHARACTER,
    LLM_PRICE_PAGE,
    LLM_PRICE_SEARCH,
    LLM_PRICE_REQUEST, // once for the call
    LLM_PRICE_CLASSES
};

// Prices of some classes.
struct llm_rates {
    uint32_t classes;        // bit c: there is one of class c
    const llm_yocto *prices; // those of the classes that are there, in their order
};

#define LLM_PRICE_ONCE 1000000u // llm_price_rule.times

// Prices that hold under a condition: they are laid over those before them.
struct llm_price_rule {
    struct llm_rates rates;
    int64_t from;          // seconds since 1970 (UTC) from which it holds; INT64_MIN: always
    int64_t above;         // it holds for a call of more input tokens than this; -1: for any
    int64_t past;          // it is for what a class counts past this number (of seconds); -1: for all of it
    llm_str tier;          // "flex", "priority", "batch", ...; absent: any
    llm_str size, quality; // of images and video; absent: any
    uint32_t times;        // millionths: prices per token, image, time, character and page times this
    llm_str from_text;     // as it was written
};

// Zeroed is valid: no price.
struct llm_price {
    bool known; // there is a price of one class at least
    struct llm_rates base;
    const struct llm_price_rule *rules; // the later goes over the earlier; llm_price_sort()
    size_t n_rules;
};

// Which rules a cost came by.
struct llm_price_applied {
    bool tier;     // one for the usage's service tier
    char from[24]; // the date of the latest that applied, as written; "": it has none
    int64_t above; // the highest llm_price_rule.above that applied; -1: none
};

// A decimal number of USD per one, or per million: digits with at most one point among them; no sign, no exponent, no blanks; at most
// 24 decimals (per million 18) that are not trailing zeros, less than 10^9 USD per one.  false: not that; *ret is untouched.
bool llm_price_parse_per_one(llm_str text, llm_yocto *ret);
bool llm_price_parse_per_million(llm_str text, llm_yocto *ret);
// USD per second as a price per millisecond: at most 21 decimals.
bool llm_price_parse_per_second(llm_str text, llm_yocto *ret);
// "1.1" -> millionths, for llm_price_rule.times: above 0, at most 1,000, at most 6 decimals.
bool llm_price_parse_times(llm_str text, uint32_t *ret);
// "0.04" (an amount of USD) -> pico-USD; at most 12 decimals.
bool llm_price_parse_usd(llm_str text, int64_t *ret);
// "2026-02-01", "2026-02-01T16:30:00Z" -> seconds since 1970.
bool llm_price_parse_date(llm_str text, int64_t *ret);

// The price of a class; -1: none.
llm_yocto llm_rates_get(const struct llm_rates *rates, enum llm_price_class class);

// Bring rules into the order in which they are laid over each other: by how many of tier, size and quality they name, then by
// `above`, then by `from`, then as they stand.
void llm_price_sort(struct llm_price_rule *rules, size_t n_rules);

// What `usage` costs in pico-USD at the wall-clock time `at` (seconds since 1970, when the call began); -1: it cannot be said.
// usage: the library's own (all members are read).  ret: which prices applied; nullable.  Allocates nothing.
// Cached, audio, image and reasoning tokens are part of input and output: each token is counted once, clamped, never negative.  A class
// without a price of its own is priced as the class it is part of.  A price per request is added once.
// It cannot be said when nothing with a price was counted; when tokens or units were counted that have no price (tokens are
// excused when units such as images were paid for, and units when tokens were; searches are never excused); when one of input and
// output has a price above zero and was not reported while the other was; when usage names a tier that is not a default one
// (absent, "", "default", "standard", "auto", "on_demand") and that no rule names; when it does not fit.
int64_t llm_price_cost(const struct llm_price *price, const llm_usage *usage, int64_t at,
                       struct llm_price_applied *ret);

// A usage of which nothing is known: all counts -1.
void llm_usage_clear(llm_usage *usage);

// pico-USD (0 or more) as decimal USD without trailing zeros: 22200000 -> "0.0000222".  buf: at least 32 bytes.  Gives buf.
const char *llm_price_format(int64_t pico_usd, char *buf);

#endif
