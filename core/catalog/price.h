// SPDX-License-Identifier: MIT
// Prices and what a call costs, in integers: pico-USD (1 USD = 10^12).
#ifndef LLM_CATALOG_PRICE_H
#define LLM_CATALOG_PRICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

// pico-USD per unit; -1: no price for this class.  A price per million tokens in USD, "0.15", is 150,000 pico-USD per token.
struct llm_price {
    bool known;
    int64_t input, output, cache_read, cache_write, cache_write_1h, reasoning; // per token
    int64_t audio_input, audio_output;                                         // per token
    int64_t image, request, character, millisecond;                            // per one
};

// "1.25" (USD per million) -> pico-USD per one.  At most 12 decimals, no sign, no exponent; false: not that.
bool llm_price_parse_per_million(llm_str text, int64_t *ret);
// "0.04" (USD per one) -> pico-USD.
bool llm_price_parse_usd(llm_str text, int64_t *ret);

// What `usage` costs; -1: a class that was used has no price and none stands in for it, nothing was counted, or it does not fit.
// Cached and reasoning tokens are part of input and output: each token is counted once, clamped, never negative.  A class without a
// price of its own is priced as the class it is part of.
int64_t llm_price_cost(const struct llm_price *price, const llm_usage *usage);

// pico-USD as decimal USD without trailing zeros: 22200000 -> "0.0000222".  buf: at least 32 bytes.
const char *llm_price_format(int64_t pico_usd, char *buf);

#endif
