// SPDX-License-Identifier: MIT
// Lists of models that others publish, read into entries of the catalogue.  tools/catalogue.py does the same for the shipped file.
#ifndef LLM_CATALOG_IMPORT_H
#define LLM_CATALOG_IMPORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "catalog/catalogue.h"
#include "config/document.h"

struct llm_import_rate {
    size_t name;   // llm_rates_name()
    int64_t above; // -1: any number of input tokens
    llm_str tier;  // "": any
    llm_str text;  // a decimal
};

struct llm_import_entry {
    llm_str provider, id, operation;
    int64_t context, output; // 0: unknown
    uint32_t abilities;      // a bit each: tools vision audio video pdf reasoning structured_output caching
    size_t source, order;    // order: as they were read
    struct llm_import_rate *rates;
    size_t n_rates, cap_rates;
};

// Zeroed but for doc is valid.
struct llm_import {
    struct llm_arena arena;
    const struct llm_document *doc; // the list
    llm_str names, free_of; // of the catalogue's header: other names of providers; who has models for nothing
    struct llm_import_entry *entries;
    size_t n_entries, cap_entries;
    llm_str *bad; // what was left out, and why
    size_t n_bad, cap_bad;
    bool no_memory;
};

void llm_import_done(struct llm_import *import);

// What a list is, by its first entries: "litellm", "models.dev"; NULL: neither.
const char *llm_import_kind(llm_str root);
// Read all entries; those that are wrong are put into `bad`.  LLM_E_NOMEM.  Sorted by provider and id, each once.
llm_status llm_import_read(struct llm_import *import, const char *kind, llm_error *err);

// One list each.
void llm_import_litellm(struct llm_import *import, llm_str root);
void llm_import_models_dev(struct llm_import *import, llm_str root);

// A new entry in the list under its provider's name there; NULL: it cannot be, and that stands in `bad`.
struct llm_import_entry *llm_import_new(struct llm_import *import, llm_str key, llm_str place,
                                        llm_str provider, llm_str id, const char *operation);
// An entry was found wrong while it was read: it is taken back.
void llm_import_refuse(struct llm_import *import, llm_str key, llm_str place, const char *what,
                       llm_str member);
// The catalogue's name of a provider; absent: it is no name.
llm_str llm_import_provider(struct llm_import *import, llm_str name);
// Put a price (unless it is there) that is a JSON number times 10^places; NULL: done, else what is wrong with it.
const char *llm_import_put(struct llm_import *import, struct llm_import_entry *entry, size_t name,
                           llm_str number, int places, int64_t above, llm_str tier);
// A limit: a whole number above 0; else 0.
int64_t llm_import_count(llm_str number);
void llm_import_able(struct llm_import_entry *entry, const char *ability);

// The text of a JSON number times 10^places as a plain decimal, exactly.  buf: at least 80 bytes.  NULL: done, else what is wrong: it is no number, less
// than 0, above max, or has more decimals.
const char *llm_import_decimal(llm_str number, int places, unsigned decimals, unsigned max, char *buf,
                               size_t *ret_len);

// An entry of the catalogue as one of these; rules with other conditions than tier and input tokens are left out.
bool llm_import_from_json(struct llm_import *import, const struct llm_catalogue_entry *from,
                          struct llm_import_entry *ret);
// Limits, abilities and prices that `entry` lacks and `other` has; prices only when it has none, or both agree on input and output.
void llm_import_fill(struct llm_import *import, struct llm_import_entry *entry,
                     const struct llm_import_entry *other);
bool llm_import_same_prices(const struct llm_import_entry *a, const struct llm_import_entry *b);
// The line of the catalogue.
llm_status llm_import_write(struct llm_import_entry *entry, struct llm_buf *out);

#endif
