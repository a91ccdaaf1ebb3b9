// SPDX-License-Identifier: MIT
// Any text as a catalogue: what its entries say becomes models with prices, or is refused with a reason; no price makes a cost below 0.
#include "catalog/build.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool fact) {
    if (!fact) {
        abort();
    }
}

static void use(const struct llm_catalogue *catalogue, const struct llm_catalogue_entry *entry) {
    struct llm_arena arena = {.limit = 1 << 20};
    struct llm_model model;
    llm_error err = LLM_ERROR_INIT;
    llm_usage usage;
    llm_str name, as_of;
    const llm_status status = llm_model_read(&arena, entry, &model, &err);
    need(status == LLM_OK || err.message[0] != '\0');
    if (status == LLM_OK) {
        llm_usage_clear(&usage);
        usage.input_tokens = INT64_MAX;
        usage.output_tokens = usage.images = usage.milliseconds = 3;
        need(llm_price_cost(&model.price, &usage, INT64_MAX, NULL) >= -1);
    }
    llm_catalogue_source(catalogue, entry->json, &name, &as_of);
    llm_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct llm_catalogue catalogue;
    struct llm_catalogue_entry entry, found;
    llm_error err = LLM_ERROR_INIT;
    if (llm_catalogue_of((llm_str){(const char *)data, size}, "fuzzed", &catalogue, &err) != LLM_OK) {
        need(err.message[0] != '\0');
        return 0;
    }
    const bool whole = llm_catalogue_check(&catalogue, "fuzzed", &err) == LLM_OK;
    size_t at = 0, n = 0;
    while (llm_catalogue_next(&catalogue, &at, &entry)) {
        n++;
        const bool has = llm_catalogue_find(&catalogue, entry.provider, entry.id, &found);
        need(has || !whole); // in order, each is found
        need(!has || llm_str_eq(found.json, entry.json) || !whole);
        use(&catalogue, &entry);
    }
    need(!whole || n == catalogue.entries);
    (void)llm_catalogue_find(&catalogue, LLM_STR("openai"), LLM_STR("gpt-4o"), &found);
    need(llm_catalogue_provider(&catalogue, LLM_STR("m")) <= catalogue.body.len);
    llm_catalogue_close(&catalogue);
    return 0;
}
