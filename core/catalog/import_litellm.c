// SPDX-License-Identifier: MIT
// LiteLLM's list: one object, a model a member; USD per token, suffixes for conditions.
#include "catalog/import.h"

#include "base/limits.h"
#include "catalog/rates.h"
#include "llm_json.h"

static const struct {
    const char *mode, *operation;
} modes[] = {{"chat", "chat"},
             {"responses", "chat"},
             {"completion", "completions"},
             {"embedding", "embeddings"},
             {"image_generation", "image"},
             {"image_edit", "image.edit"},
             {"audio_transcription", "transcription"},
             {"audio_speech", "speech"},
             {"rerank", "rerank"},
             {"moderation", "moderation"},
             {"video_generation", "video"},
             {"realtime", "realtime"},
             {"search", "search"},
             {"ocr", "ocr"}};

// The operations in which a member means that, with blanks around each; NULL: all.
static const struct row {
    const char *member, *ours;
    int places;
    const char *operations;
} rows[] = {
    {"input_cost_per_token", "input_per_mtok", 6, NULL},
    {"output_cost_per_token", "output_per_mtok", 6, NULL},
    {"cache_read_input_token_cost", "cache_read_per_mtok", 6, NULL},
    {"input_cost_per_token_cache_hit", "cache_read_per_mtok", 6, NULL},
    {"cache_creation_input_token_cost", "cache_write_per_mtok", 6, NULL},
    {"cache_creation_input_token_cost_above_1hr", "cache_write_1h_per_mtok", 6, NULL},
    {"output_cost_per_reasoning_token", "reasoning_per_mtok", 6, NULL},
    {"input_cost_per_audio_token", "audio_input_per_mtok", 6, NULL},
    {"output_cost_per_audio_token", "audio_output_per_mtok", 6, NULL},
    {"input_cost_per_image_token", "image_input_per_mtok", 6, NULL},
    {"output_cost_per_image_token", "image_output_per_mtok", 6, NULL},
    {"output_cost_per_image", "per_image", 0, " image image.edit "},
    {"input_cost_per_image", "per_image", 0, " image image.edit "},
    {"input_cost_per_second", "per_second", 0, " transcription realtime "},
    {"output_cost_per_second", "per_second", 0, " video "},
    {"output_cost_per_video_per_second", "per_second", 0, " video "},
    {"input_cost_per_character", "per_character", 0, " speech "},
    {"ocr_cost_per_page", "per_page", 0, " ocr "},
    {"input_cost_per_query", "per_search", 0, " rerank search "},
    {"input_cost_per_request", "per_request", 0, NULL},
};

static const struct {
    llm_str suffix, tier;
} tiers[] = {{LLM_STR_INIT("_batches"), LLM_STR_INIT("batch")},
             {LLM_STR_INIT("_flex"), LLM_STR_INIT("flex")},
             {LLM_STR_INIT("_priority"), LLM_STR_INIT("priority")}};

static const struct {
    const char *member, *ability;
} flags[] = {{"supports_function_calling", "tools"},
             {"supports_vision", "vision"},
             {"supports_audio_input", "audio"},
             {"supports_video_input", "video"},
             {"supports_pdf_input", "pdf"},
             {"supports_reasoning", "reasoning"},
             {"supports_response_schema", "structured_output"},
             {"supports_prompt_caching", "caching"}};

static bool cut_end(llm_str *text, llm_str end) {
    if (text->len <= end.len || !llm_str_eq(llm_str_cut(*text, text->len - end.len), end)) {
        return false;
    }
    text->len -= end.len;
    return true;
}

// "..._above_200k_tokens" -> 200,000.
static int64_t cut_above(llm_str *name) {
    static const llm_str word = LLM_STR_INIT("_above_");
    llm_str text = *name;
    uint64_t thousands;
    if (!cut_end(&text, LLM_STR("k_tokens"))) {
        return -1;
    }
    size_t digits = 0;
    while (digits < text.len && text.ptr[text.len - digits - 1] >= '0' &&
           text.ptr[text.len - digits - 1] <= '9') {
        digits++;
    }
    if (digits == 0 || digits > 6 ||
        !llm_str_uint(llm_str_cut(text, text.len - digits), 999999, &thousands)) {
        return -1;
    }
    text.len -= digits;
    if (!cut_end(&text, word)) {
        return -1;
    }
    *name = text;
    return (int64_t)thousands * 1000;
}

// What a member is; NULL: no price of ours.
static const struct row *find_row(llm_str name, int64_t *ret_above, llm_str *ret_tier) {
    *ret_tier = LLM_STR("");
    for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; i++) {
        if (cut_end(&name, tiers[i].suffix)) {
            *ret_tier = tiers[i].tier;
            break;
        }
    }
    *ret_above = cut_above(&name);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (llm_str_is(name, rows[i].member)) {
            return &rows[i];
        }
    }
    return NULL;
}

static bool is_for(const struct row *row, llm_str operation) {
    char word[40] = " ";
    if (row->operations == NULL) {
        return true;
    }
    memcpy(word + 1, operation.ptr, operation.len < 36 ? operation.len : 36);
    word[1 + (operation.len < 36 ? operation.len : 36)] = ' ';
    return strstr(row->operations, word) != NULL;
}

// tiered_pricing: ranges of input tokens.
static const char *take_ranges(struct llm_import *import, struct llm_import_entry *entry, llm_str ranges) {
    llm_json_iter it = llm_json_begin(ranges);
    const char *wrong = NULL;
    for (size_t n = 0; wrong == NULL && llm_json_next(&it); n++) {
        const llm_str low = llm_json_at(llm_json_get(it.value, "range"), 0);
        char zero[80];
        size_t len;
        const int64_t above = llm_import_count(low);
        if (above == 0 && (llm_import_decimal(low, 0, 0, 0, zero, &len) != NULL)) {
            return NULL;
        }
        llm_json_iter member = llm_json_begin(it.value);
        while (wrong == NULL && llm_json_next(&member)) {
            int64_t other;
            llm_str tier;
            const struct row *row = find_row(llm_json_plain(member.name), &other, &tier);
            if (row != NULL && row->places == 6 && llm_json_type(member.value) == '0') {
                wrong = llm_import_put(import, entry, llm_rates_find(llm_str_from(row->ours)), member.value,
                                       6, n == 0 ? -1 : above, LLM_STR(""));
            }
        }
    }
    return wrong;
}

// NULL: taken; else what is wrong with *ret_member, and where.
static const char *take_members(struct llm_import *import, struct llm_import_entry *entry, llm_str model,
                                llm_str *ret_member, llm_str *ret_place) {
    llm_json_iter it = llm_json_begin(model);
    const char *wrong = NULL;
    while (wrong == NULL && llm_json_next(&it)) {
        int64_t above;
        llm_str tier;
        const struct row *row = find_row(llm_json_plain(it.name), &above, &tier);
        *ret_member = llm_json_plain(it.name);
        *ret_place = it.value;
        if (row != NULL && llm_json_type(it.value) != 'n' && is_for(row, entry->operation)) {
            wrong = llm_import_put(import, entry, llm_rates_find(llm_str_from(row->ours)), it.value,
                                   row->places, above, tier);
        }
    }
    if (wrong != NULL) {
        return wrong;
    }
    *ret_member = LLM_STR("tiered_pricing");
    *ret_place = model;
    const llm_str ranges = llm_json_get(model, "tiered_pricing");
    wrong = llm_json_type(ranges) == '[' ? take_ranges(import, entry, ranges) : NULL;
    entry->context = llm_import_count(llm_json_get(model, "max_input_tokens"));
    entry->output = llm_import_count(llm_json_get(model, "max_output_tokens"));
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        int able = 0;
        if (llm_json_bool(llm_json_get(model, flags[i].member), &able) && able) {
            llm_import_able(entry, flags[i].ability);
        }
    }
    return wrong;
}

static const char *operation_of(llm_str model) {
    const llm_str mode = llm_json_get(model, "mode");
    for (size_t i = 0; mode.ptr != NULL && i < sizeof modes / sizeof modes[0]; i++) {
        if (llm_json_is(mode, modes[i].mode)) {
            return modes[i].operation;
        }
    }
    return mode.ptr == NULL ? "chat" : NULL;
}

// "groq/llama" -> "llama", where "groq" is another name of that provider.
static llm_str id_of(struct llm_import *import, llm_str key, llm_str provider) {
    const char *slash = memchr(key.ptr, '/', key.len);
    const size_t head = slash != NULL ? (size_t)(slash - key.ptr) : 0;
    if (slash == NULL || head + 1 == key.len) {
        return key;
    }
    const llm_str ours = llm_import_provider(import, (llm_str){key.ptr, head});
    return ours.ptr != NULL && llm_str_eq(ours, llm_import_provider(import, provider))
               ? llm_str_cut(key, head + 1)
               : key;
}

static void take(struct llm_import *import, llm_str name, llm_str model) {
    llm_str key, provider = {NULL, 0}, member = {NULL, 0}, place = model;
    llm_error err = {.size = sizeof err};
    const llm_status status = llm_document_string(import->doc, name, "a name", &import->arena, &key, &err);
    if (status != LLM_OK) {
        import->no_memory |= status == LLM_E_NOMEM;
        llm_import_refuse(import, LLM_STR("an entry"), name, "its name has control characters", member);
        return;
    }
    if (memmem(key.ptr, key.len, "-x-", 3) != NULL) {
        return; // an image's size in a model's name
    }
    const llm_str stated = llm_json_get(model, "litellm_provider");
    if (llm_json_type(model) != '{' || llm_json_type(stated) != '"' ||
        (provider = llm_json_plain(stated)).ptr == NULL) {
        llm_import_refuse(import, key, model, "no litellm_provider", member);
        return;
    }
    const char *operation = operation_of(model);
    struct llm_import_entry *entry =
        operation != NULL
            ? llm_import_new(import, key, name, provider, id_of(import, key, provider), operation)
            : NULL;
    const char *wrong = entry != NULL ? take_members(import, entry, model, &member, &place) : NULL;
    if (wrong != NULL) {
        llm_import_refuse(import, key, place, wrong, member);
        import->n_entries--;
    }
}

void llm_import_litellm(struct llm_import *import, llm_str root) {
    llm_json_iter it = llm_json_begin(root);
    while (llm_json_next(&it)) {
        if (!llm_json_is(it.name, "sample_spec") && !llm_json_is(it.name, "fallback_generalizations")) {
            take(import, it.name, it.value);
        }
    }
}
