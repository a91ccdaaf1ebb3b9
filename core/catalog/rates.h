// SPDX-License-Identifier: MIT
// The members of a model's entry that are prices, and its "prices": prices under a condition.
#ifndef LLM_CATALOG_RATES_H
#define LLM_CATALOG_RATES_H

#include "base/arena.h"
#include "catalog/price.h"
#include "config/document.h"

// Prices while they are read.  Zeroed is valid: none.
struct llm_rates_draft {
    uint32_t classes;
    llm_yocto prices[LLM_PRICE_CLASSES];
};

// The names of the members that are prices, NULL after the last.
const char *llm_rates_name(size_t n);
// The number of a name; SIZE_MAX: it is none of these.
size_t llm_rates_find(llm_str member);

// Take the price of name n: a string, or a number whose text is taken.  LLM_E_CONFIG.
llm_status llm_rates_take(struct llm_rates_draft *draft, size_t n, const struct llm_document *doc,
                          llm_str value, llm_error *err);
// LLM_E_NOMEM.
llm_status llm_rates_keep(const struct llm_rates_draft *draft, struct llm_arena *arena, struct llm_rates *ret,
                          llm_error *err);

// Read the array "prices" into ret->rules, sorted; ret->known is set when there is one.  LLM_E_CONFIG with the place; LLM_E_NOMEM.
llm_status llm_price_read_rules(const struct llm_document *doc, llm_str value, struct llm_arena *arena,
                                struct llm_price *ret, llm_error *err);

#endif
