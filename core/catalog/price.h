// SPDX-License-Identifier: MIT
// Prices and what a call costs, in integers: pico-USD (1 USD = 10^12).
#ifndef LLM_CATALOG_PRICE_H
#define LLM_CATALOG_PRICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

// pico-USD per unit; -1: no price for this class.  A price per million tokens in USD, "0.15", is 150,000 pico-USD per token.
struct llm_price {
    bool known; // one of them at least is not -1
    int64_t input, output, cache_read, cache_write, cache_write_1h, reasoning; // per token
    int64_t audio_input, audio_output;                                         // per token
    int64_t image, request, character, second;                                 // per one
};

#define LLM_PRICE_NONE                                                                                       \
    { false, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 }

// "1.25" (USD per million) -> pico-USD per one.  Digits with at most one point among them; no sign, no exponent, no blanks; at most 6
// decimals that are not trailing zeros (a pico-USD is not divided).  false: not that, or it does not fit; *ret is untouched.
bool llm_price_parse_per_million(llm_str text, int64_t *ret);
// "0.04" (USD per one) -> pico-USD; at most 12 decimals.
bool llm_price_parse_usd(llm_str text, int64_t *ret);

// What `usage` costs in pico-USD; -1: it cannot be said.
// Cached, audio and reasoning tokens are part of input and output: each token is counted once, clamped, never negative.  A class
// without a price of its own is priced as the class it is part of.  A price per request is added once.
// It cannot be said when nothing with a price was counted; when tokens or units were counted that have no price (tokens are
// excused when units such as images were paid for, and units when tokens were); when one of input and output has a price above
// zero and was not reported while the other was; when it does not fit.
int64_t llm_price_cost(const struct llm_price *price, const llm_usage *usage);

// pico-USD (0 or more) as decimal USD without trailing zeros: 22200000 -> "0.0000222".  buf: at least 32 bytes.  Gives buf.
const char *llm_price_format(int64_t pico_usd, char *buf);

#endif
