// SPDX-License-Identifier: MIT
// From model entries to models with prices.
#include "catalog/build.h"

#include "base/error.h"
#include "base/limits.h"
#include "llm_json.h"

// One entry while it is read.
struct making {
    struct llm_build *build;
    struct llm_model model;
    llm_str *operations;
    size_t n_operations;
};

typedef bool (*price_fn)(llm_str text, int64_t *ret);

static const struct {
    llm_str name;
    price_fn parse;
    size_t at; // in struct llm_price
} price_members[] = {
    {LLM_STR_INIT("input_per_mtok"), llm_price_parse_per_million, offsetof(struct llm_price, input)},
    {LLM_STR_INIT("output_per_mtok"), llm_price_parse_per_million, offsetof(struct llm_price, output)},
    {LLM_STR_INIT("cache_read_per_mtok"), llm_price_parse_per_million,
     offsetof(struct llm_price, cache_read)},
    {LLM_STR_INIT("cache_write_per_mtok"), llm_price_parse_per_million,
     offsetof(struct llm_price, cache_write)},
    {LLM_STR_INIT("cache_write_1h_per_mtok"), llm_price_parse_per_million,
     offsetof(struct llm_price, cache_write_1h)},
    {LLM_STR_INIT("reasoning_per_mtok"), llm_price_parse_per_million, offsetof(struct llm_price, reasoning)},
    {LLM_STR_INIT("audio_input_per_mtok"), llm_price_parse_per_million,
     offsetof(struct llm_price, audio_input)},
    {LLM_STR_INIT("audio_output_per_mtok"), llm_price_parse_per_million,
     offsetof(struct llm_price, audio_output)},
    {LLM_STR_INIT("per_image"), llm_price_parse_usd, offsetof(struct llm_price, image)},
    {LLM_STR_INIT("per_request"), llm_price_parse_usd, offsetof(struct llm_price, request)},
    {LLM_STR_INIT("per_character"), llm_price_parse_usd, offsetof(struct llm_price, character)},
    {LLM_STR_INIT("per_second"), llm_price_parse_usd, offsetof(struct llm_price, second)},
};

static const llm_str other_members[] = {
    LLM_STR_INIT("provider"),      LLM_STR_INIT("id"),
    LLM_STR_INIT("operation"),     LLM_STR_INIT("context_tokens"),
    LLM_STR_INIT("output_tokens"), LLM_STR_INIT("aliases"),
    LLM_STR_INIT("abilities"),     LLM_STR_INIT("title"),
    LLM_STR_INIT("notes"),         LLM_STR_INIT("source"),
    LLM_STR_INIT("as_of"),         LLM_STR_INIT("limits"),
    LLM_STR_INIT("custom"),
};

// A price is a string, or a number whose text is taken.
static llm_status read_price(struct making *m, const struct llm_source_member *member, size_t row,
                             llm_error *err) {
    llm_str text = member->value;
    if (llm_json_type(text) == '"') {
        text = llm_json_plain(text);
    }
    int64_t *price = (int64_t *)(void *)((char *)&m->model.price + price_members[row].at);
    if (text.ptr == NULL || !price_members[row].parse(text, price)) {
        return llm_document_fail(
            member->doc, member->value, err,
            "%.*s must be a decimal number of USD such as \"0.15\": no sign, no exponent, at most "
            "%d decimals",
            LLM_FMT(price_members[row].name), price_members[row].parse == llm_price_parse_usd ? 12 : 6);
    }
    m->model.price.known = true;
    return LLM_OK;
}

static llm_status read_limit(const struct llm_source *source, const char *name, int64_t *ret,
                             llm_error *err) {
    const struct llm_source_member member = llm_source_get(source, name);
    *ret = -1;
    return member.value.ptr == NULL
               ? LLM_OK
               : llm_document_int(member.doc, member.value, name, 0, INT64_C(1) << 40, ret, err);
}

#define PRICES (sizeof price_members / sizeof price_members[0])
#define OTHERS (sizeof other_members / sizeof other_members[0])

static llm_str member_name(size_t i) {
    return i < PRICES ? price_members[i].name : other_members[i - PRICES];
}

static llm_status fail_unknown(const struct llm_source_member *member, llm_error *err) {
    llm_str near = {0};
    size_t near_distance = 4;
    for (size_t i = 0; i < PRICES + OTHERS; i++) {
        const size_t distance = llm_str_distance(member->name, member_name(i));
        near = distance < near_distance ? member_name(i) : near;
        near_distance = distance < near_distance ? distance : near_distance;
    }
    return near.ptr != NULL ? llm_document_fail(member->doc, member->value, err,
                                                "unknown member \"%.*s\" of a model; did you mean \"%.*s\"?",
                                                LLM_FMT(member->name), LLM_FMT(near))
                            : llm_document_fail(member->doc, member->value, err,
                                                "unknown member \"%.*s\" of a model", LLM_FMT(member->name));
}

// Member names are ours here: one that is not known is a mistake.
static llm_status read_prices(struct making *m, const struct llm_source *source, llm_error *err) {
    llm_status status = LLM_OK;
    for (size_t i = 0; status == LLM_OK && i < source->n_members; i++) {
        const struct llm_source_member *member = &source->members[i];
        size_t k = 0;
        while (k < PRICES + OTHERS && !llm_str_eq(member->name, member_name(k))) {
            k++;
        }
        if (k < PRICES) {
            status = read_price(m, member, k, err);
        } else if (k == PRICES + OTHERS) {
            status = fail_unknown(member, err);
        }
    }
    return status;
}

static llm_status read_operations(struct making *m, const struct llm_source *source, llm_error *err) {
    static llm_str chat[] = {LLM_STR_INIT("chat")};
    const struct llm_source_member member = llm_source_get(source, "operation");
    m->operations = chat;
    m->n_operations = 1;
    return member.value.ptr == NULL
               ? LLM_OK
               : llm_document_strings(member.doc, member.value, "operation", &m->build->snapshot->arena,
                                      &m->operations, &m->n_operations, err);
}

static llm_status read_aliases(struct making *m, const struct llm_source *source, llm_error *err) {
    const struct llm_source_member member = llm_source_get(source, "aliases");
    llm_str *list = NULL;
    size_t count = 0;
    if (member.value.ptr == NULL) {
        return LLM_OK;
    }
    const llm_status status = llm_document_strings(member.doc, member.value, "aliases",
                                                   &m->build->snapshot->arena, &list, &count, err);
    m->model.aliases = list;
    m->model.n_aliases = status == LLM_OK ? count : 0;
    return status;
}

static llm_status read_entry(struct making *m, const struct llm_source *source, llm_error *err) {
    struct llm_model *model = &m->model;
    const struct llm_source_member id = llm_source_get(source, "id");
    if (id.value.ptr == NULL) {
        return llm_document_fail(source->doc, source->text, err, "a model has no \"id\"");
    }
    *model = (struct llm_model){.price = LLM_PRICE_NONE};
    llm_status status =
        llm_document_string(id.doc, id.value, "id", &m->build->snapshot->arena, &model->id, err);
    if (status == LLM_OK && model->id.len > LLM_MAX_MODEL_BYTES) {
        status = llm_document_fail(id.doc, id.value, err, "id is longer than %u bytes", LLM_MAX_MODEL_BYTES);
    }
    status = status == LLM_OK ? read_prices(m, source, err) : status;
    status = status == LLM_OK ? read_limit(source, "context_tokens", &model->context_tokens, err) : status;
    status = status == LLM_OK ? read_limit(source, "output_tokens", &model->output_tokens_max, err) : status;
    status = status == LLM_OK ? read_operations(m, source, err) : status;
    status = status == LLM_OK ? read_aliases(m, source, err) : status;
    return status == LLM_OK ? llm_source_json(m->build, source, &model->json) : status;
}

static llm_status add_entry(struct llm_build *build, struct llm_provider *provider,
                            const struct llm_source *source) {
    struct llm_snapshot *s = build->snapshot;
    struct making making = {.build = build};
    llm_error inner = LLM_ERROR_INIT;
    llm_status status = read_entry(&making, source, &inner);
    if (status == LLM_E_CONFIG) {
        return llm_build_refuse(build, source->origin, llm_str_from(inner.message));
    }
    for (size_t i = 0; status == LLM_OK && i < making.n_operations; i++) {
        if (s->n_models >= LLM_MAX_MODELS) {
            return llm_build_refuse(build, source->origin, LLM_STR("too many models"));
        }
        struct llm_model *list =
            llm_arena_grow(&s->arena, s->models, s->n_models, &build->cap_models, sizeof *list);
        if (list == NULL) {
            return llm_build_no_memory(build);
        }
        making.model.provider = provider;
        making.model.operation = making.operations[i];
        list[s->n_models++] = making.model;
        s->models = list;
        provider->n_models++;
    }
    return status == LLM_E_NOMEM ? llm_build_no_memory(build) : status;
}

// The entries of the provider's own "models", as sources.
static llm_status own_entries(struct llm_build *build, const struct llm_source *provider,
                              struct llm_source **ret, size_t *ret_count) {
    const struct llm_source_member models = llm_source_get(provider, "models");
    const size_t count = models.value.ptr != NULL ? llm_json_count(models.value) : 0;
    struct llm_source *list = llm_arena_new(&build->scratch, (count + 1) * sizeof *list);
    if (list == NULL) {
        return llm_build_no_memory(build);
    }
    size_t kept = 0;
    llm_json_iter it = llm_json_begin(models.value);
    while (count > 0 && llm_json_next(&it)) {
        llm_error inner = LLM_ERROR_INIT;
        struct llm_source entry = {.origin = provider->origin};
        llm_status status = llm_source_read(build, models.doc, it.value, &entry, &inner);
        if (status == LLM_OK) {
            entry.id = llm_json_plain(llm_source_get(&entry, "id").value);
            list[kept++] = entry;
        } else if (status != LLM_E_NOMEM) {
            status = llm_build_refuse(build, provider->origin, llm_str_from(inner.message));
        }
        if (status != LLM_OK) {
            return status;
        }
    }
    *ret = list;
    *ret_count = kept;
    return LLM_OK;
}

// Does an entry of models.d speak of this one?
static bool fits(const struct llm_source *over, const struct llm_source *entry) {
    const llm_str operation = llm_source_get(over, "operation").value;
    return llm_str_eq(over->id, entry->id) &&
           (operation.ptr == NULL || llm_str_eq(operation, llm_source_get(entry, "operation").value));
}

llm_status llm_models_build(struct llm_build *build, struct llm_provider *provider,
                            const struct llm_source *source) {
    struct llm_source *entries = NULL;
    size_t count = 0;
    llm_status status = own_entries(build, source, &entries, &count);
    provider->first_model = build->snapshot->n_models;
    struct llm_source_list added = {0};
    for (size_t i = 0; status == LLM_OK && i < build->models.count; i++) {
        const struct llm_source *over = &build->models.items[i];
        bool used = false;
        if (!llm_str_eq(over->name, provider->name)) {
            continue;
        }
        for (size_t k = 0; status == LLM_OK && k < count; k++) {
            if (fits(over, &entries[k])) {
                status = llm_source_lay_over(build, &entries[k], over, &entries[k]);
                used = true;
            }
        }
        for (size_t k = 0; status == LLM_OK && k < added.count; k++) {
            if (fits(over, &added.items[k])) {
                status = llm_source_lay_over(build, &added.items[k], over, &added.items[k]);
                used = true;
            }
        }
        status = status == LLM_OK && !used ? llm_source_append(build, &added, over) : status;
    }
    for (size_t k = 0; status == LLM_OK && k < count; k++) {
        status = add_entry(build, provider, &entries[k]);
    }
    for (size_t k = 0; status == LLM_OK && k < added.count; k++) {
        status = add_entry(build, provider, &added.items[k]);
    }
    return status;
}
