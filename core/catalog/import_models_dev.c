// SPDX-License-Identifier: MIT
// models.dev's list: providers with models; USD per million tokens.
#include "catalog/import.h"

#include "catalog/rates.h"
#include "llm_json.h"

static const struct {
    const char *theirs, *ours;
} rows[] = {{"input", "input_per_mtok"},
            {"output", "output_per_mtok"},
            {"cache_read", "cache_read_per_mtok"},
            {"cache_write", "cache_write_per_mtok"},
            {"reasoning", "reasoning_per_mtok"},
            {"input_audio", "audio_input_per_mtok"},
            {"output_audio", "audio_output_per_mtok"}};

static const char *take_rates(struct llm_import *import, struct llm_import_entry *entry, llm_str rates,
                              int64_t above, llm_str *ret_member) {
    const char *wrong = NULL;
    for (size_t i = 0; wrong == NULL && i < sizeof rows / sizeof rows[0]; i++) {
        const llm_str value = llm_json_get(rates, rows[i].theirs);
        if (value.ptr != NULL && llm_json_type(value) != 'n') {
            *ret_member = llm_str_from(rows[i].theirs);
            wrong = llm_import_put(import, entry, llm_rates_find(llm_str_from(rows[i].ours)), value, 0, above,
                                   LLM_STR(""));
        }
    }
    return wrong;
}

static const char *take_cost(struct llm_import *import, struct llm_import_entry *entry, llm_str cost,
                             llm_str *ret_member) {
    const llm_str tiers = llm_json_get(cost, "tiers"), legacy = llm_json_get(cost, "context_over_200k");
    const char *wrong = take_rates(import, entry, cost, -1, ret_member);
    bool any = false;
    llm_json_iter it = llm_json_begin(tiers);
    while (wrong == NULL && llm_json_type(tiers) == '[' && llm_json_next(&it)) {
        const llm_str tier = llm_json_get(it.value, "tier");
        const int64_t above = llm_import_count(llm_json_get(tier, "size"));
        if (above > 0 && llm_json_is(llm_json_get(tier, "type"), "context")) {
            any = true;
            wrong = take_rates(import, entry, it.value, above, ret_member);
        }
    }
    return wrong == NULL && !any && llm_json_type(legacy) == '{'
               ? take_rates(import, entry, legacy, 200000, ret_member)
               : wrong;
}

static bool holds(llm_str array, const char *word) {
    llm_json_iter it = llm_json_begin(array);
    while (llm_json_type(array) == '[' && llm_json_next(&it)) {
        if (llm_json_is(it.value, word)) {
            return true;
        }
    }
    return false;
}

static const char *operation_of(llm_str id, llm_str model) {
    const llm_str made = llm_json_get(llm_json_get(model, "modalities"), "output");
    for (size_t i = 0; i + 5 <= id.len; i++) {
        if (llm_str_eq_nocase((llm_str){id.ptr + i, 5}, LLM_STR("embed"))) {
            return "embeddings";
        }
    }
    const llm_str first = llm_json_at(made, 0);
    if (llm_json_type(made) != '[' || holds(made, "text")) {
        return "chat";
    }
    return llm_json_is(first, "image")   ? "image"
           : llm_json_is(first, "audio") ? "speech"
           : llm_json_is(first, "video") ? "video"
                                         : "chat";
}

static void take_abilities(struct llm_import_entry *entry, llm_str model) {
    static const struct {
        const char *member, *ability;
    } flags[] = {
        {"tool_call", "tools"}, {"reasoning", "reasoning"}, {"structured_output", "structured_output"}};
    static const struct {
        const char *modality, *ability;
    } inputs[] = {{"image", "vision"}, {"audio", "audio"}, {"video", "video"}, {"pdf", "pdf"}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        int able = 0;
        if (llm_json_bool(llm_json_get(model, flags[i].member), &able) && able) {
            llm_import_able(entry, flags[i].ability);
        }
    }
    const llm_str taken = llm_json_get(llm_json_get(model, "modalities"), "input");
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        if (holds(taken, inputs[i].modality)) {
            llm_import_able(entry, inputs[i].ability);
        }
    }
}

static void take(struct llm_import *import, llm_str provider, llm_str name, llm_str model) {
    llm_str id, member = {NULL, 0};
    llm_error err = {.size = sizeof err};
    const llm_status status = llm_document_string(import->doc, name, "a name", &import->arena, &id, &err);
    if (status != LLM_OK) {
        import->no_memory |= status == LLM_E_NOMEM;
        llm_import_refuse(import, provider, name, "a model's name has control characters", member);
        return;
    }
    if (llm_json_type(model) != '{') {
        llm_import_refuse(import, id, model, "an object belongs here", member);
        return;
    }
    struct llm_import_entry *entry = llm_import_new(import, id, name, provider, id, operation_of(id, model));
    if (entry == NULL) {
        return;
    }
    const llm_str cost = llm_json_get(model, "cost"), limit = llm_json_get(model, "limit");
    const char *wrong = llm_json_type(cost) == '{' ? take_cost(import, entry, cost, &member) : NULL;
    entry->context = llm_import_count(llm_json_get(limit, "context"));
    entry->output = llm_import_count(llm_json_get(limit, "output"));
    take_abilities(entry, model);
    if (wrong != NULL) {
        llm_import_refuse(import, id, cost, wrong, member);
        import->n_entries--;
    }
}

void llm_import_models_dev(struct llm_import *import, llm_str root) {
    llm_json_iter it = llm_json_begin(root);
    while (llm_json_next(&it)) {
        const llm_str models = llm_json_get(it.value, "models");
        llm_json_iter model = llm_json_begin(models);
        while (llm_json_type(models) == '{' && llm_json_next(&model)) {
            take(import, llm_json_plain(it.name), model.name, model.value);
        }
    }
}
