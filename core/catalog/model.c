// SPDX-License-Identifier: MIT
// From model entries to models with prices.
#include "catalog/build.h"

#include "base/error.h"
#include "base/limits.h"
#include "catalog/rates.h"
#include "llm_json.h"

#define LIMIT_MAX (INT64_C(1) << 40) // tokens

// One entry while it is read.
struct making {
    struct llm_build *build; // NULL: the entry is the catalogue's
    struct llm_arena *arena, *scratch;
    const struct llm_document *doc; // for the place of what is missing
    llm_str text;
    struct llm_model model;
    struct llm_rates_draft rates;
    llm_str *operations;
    size_t n_operations;
    const struct llm_document *stated_doc; // "limits" waits until the id is known
    llm_str stated;
};

enum member_kind { ID, PRICES, OPERATION, LIMIT, STATED, ALIASES, FOR_PEOPLE };

// at: of a limit, in struct llm_model.
static const struct member {
    llm_str name;
    enum member_kind kind;
    size_t at;
} members[] = {
    {LLM_STR_INIT("id"), ID, 0},
    {LLM_STR_INIT("prices"), PRICES, 0},
    {LLM_STR_INIT("context_tokens"), LIMIT, offsetof(struct llm_model, context_tokens)},
    {LLM_STR_INIT("output_tokens"), LIMIT, offsetof(struct llm_model, output_tokens_max)},
    {LLM_STR_INIT("abilities"), FOR_PEOPLE, 0},
    {LLM_STR_INIT("operation"), OPERATION, 0},
    {LLM_STR_INIT("aliases"), ALIASES, 0},
    {LLM_STR_INIT("provider"), FOR_PEOPLE, 0}, // in models.d, where it was read before
    {LLM_STR_INIT("title"), FOR_PEOPLE, 0},
    {LLM_STR_INIT("notes"), FOR_PEOPLE, 0},
    {LLM_STR_INIT("source"), FOR_PEOPLE, 0},
    {LLM_STR_INIT("as_of"), FOR_PEOPLE, 0},
    {LLM_STR_INIT("limits"), STATED, 0},
    {LLM_STR_INIT("custom"), FOR_PEOPLE, 0},
};

#define MEMBERS (sizeof members / sizeof members[0])

static llm_status read_id(struct making *m, const struct llm_source_member *member, llm_error *err) {
    const llm_status status =
        llm_document_string(member->doc, member->value, "id", m->arena, &m->model.id, err);
    return status == LLM_OK && m->model.id.len > LLM_MAX_MODEL_BYTES
               ? llm_document_fail(member->doc, member->value, err, "id is longer than %u bytes",
                                   LLM_MAX_MODEL_BYTES)
               : status;
}

static llm_status read_aliases(struct making *m, const struct llm_source_member *member, llm_error *err) {
    llm_str *list = NULL;
    size_t count = 0;
    const llm_status status =
        llm_document_strings(member->doc, member->value, "aliases", m->arena, &list, &count, err);
    m->model.aliases = list;
    m->model.n_aliases = status == LLM_OK ? count : 0;
    return status;
}

static llm_status fail_unknown(const struct llm_source_member *member, llm_error *err) {
    llm_str near = {0};
    size_t near_distance = 4;
    for (size_t i = 0; llm_rates_name(i) != NULL; i++) {
        const llm_str name = llm_str_from(llm_rates_name(i));
        const size_t distance = llm_str_distance(member->name, name);
        near = distance < near_distance ? name : near;
        near_distance = distance < near_distance ? distance : near_distance;
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        const size_t distance = llm_str_distance(member->name, members[i].name);
        near = distance < near_distance ? members[i].name : near;
        near_distance = distance < near_distance ? distance : near_distance;
    }
    return near.ptr != NULL ? llm_document_fail(member->doc, member->value, err,
                                                "unknown member \"%.*s\" of a model; did you mean \"%.*s\"?",
                                                LLM_FMT(member->name), LLM_FMT(near))
                            : llm_document_fail(member->doc, member->value, err,
                                                "unknown member \"%.*s\" of a model", LLM_FMT(member->name));
}

// Member names are ours here: one that is not known is a mistake.  *seen: a bit for each that was there.
static llm_status read_member(struct making *m, const struct llm_source_member *member, uint64_t *seen,
                              llm_error *err) {
    size_t i = 0;
    while (i < MEMBERS && !llm_str_eq(member->name, members[i].name)) {
        i++;
    }
    const size_t rate = i == MEMBERS ? llm_rates_find(member->name) : 0;
    if (rate == SIZE_MAX) {
        return fail_unknown(member, err);
    }
    const uint64_t bit = UINT64_C(1) << (i + rate);
    if ((*seen & bit) != 0) {
        return llm_document_fail(member->doc, member->value, err, "\"%.*s\" stands twice",
                                 LLM_FMT(member->name));
    }
    *seen |= bit;
    if (i == MEMBERS) {
        return llm_rates_take(&m->rates, rate, member->doc, member->value, err);
    }
    switch (members[i].kind) {
    case PRICES: return llm_price_read_rules(member->doc, member->value, m->arena, &m->model.price, err);
    case ID: return read_id(m, member, err);
    case OPERATION:
        return llm_document_strings(member->doc, member->value, "operation", m->arena, &m->operations,
                                    &m->n_operations, err);
    case LIMIT:
        return llm_document_int(member->doc, member->value, members[i].name.ptr, 0, LIMIT_MAX,
                                (int64_t *)(void *)((char *)&m->model + members[i].at), err);
    case ALIASES: return read_aliases(m, member, err);
    case STATED:
        m->stated_doc = member->doc;
        m->stated = member->value;
        break;
    case FOR_PEOPLE: break;
    }
    return LLM_OK;
}

// Into the snapshot's list, once for each operation.
static llm_status append(struct making *m, struct llm_provider *provider, llm_str origin) {
    struct llm_build *build = m->build;
    struct llm_snapshot *s = build->snapshot;
    m->model.provider = provider;
    for (size_t i = 0; i < m->n_operations; i++) {
        if (s->n_models >= LLM_MAX_MODELS) {
            return llm_build_refuse(build, origin, LLM_STR("too many models"));
        }
        struct llm_model *list =
            llm_arena_grow(&s->arena, s->models, s->n_models, &build->cap_models, sizeof *list);
        if (list == NULL) {
            return llm_build_no_memory(build);
        }
        m->model.operation = m->operations[i];
        list[s->n_models++] = m->model;
        s->models = list;
        provider->n_models++;
    }
    return LLM_OK;
}

// The members of an entry, from its text or (when it was laid over another) from its source.
static llm_status read_entry(struct making *m, const struct llm_source *source, llm_error *err) {
    uint64_t seen = 0;
    llm_status status = LLM_OK;
    for (size_t i = 0; source != NULL && status == LLM_OK && i < source->n_members; i++) {
        status = read_member(m, &source->members[i], &seen, err);
    }
    if (source == NULL && llm_json_type(m->text) != '{') {
        return llm_document_fail(m->doc, m->text, err, "an object belongs here");
    }
    llm_json_iter it = llm_json_begin(m->text);
    while (source == NULL && status == LLM_OK && llm_json_next(&it)) {
        struct llm_source_member member = {llm_json_plain(it.name), it.value, m->doc};
        if (member.name.ptr == NULL) {
            status = llm_document_string(m->doc, it.name, "a member's name", m->scratch, &member.name, err);
        }
        status = status == LLM_OK ? read_member(m, &member, &seen, err) : status;
    }
    if (status == LLM_OK && m->model.id.ptr == NULL) {
        status = llm_document_fail(m->doc, m->text, err, "a model has no \"id\"");
    }
    m->model.price.known |= m->rates.classes != 0;
    return status == LLM_OK ? llm_rates_keep(&m->rates, m->arena, &m->model.price.base, err) : status;
}

// How often it may be asked, by its provider.
static llm_status read_stated(struct making *m, llm_str provider, llm_str origin, llm_error *err) {
    struct llm_limit_list list = {0};
    if (m->stated.ptr == NULL) {
        return LLM_OK;
    }
    const llm_str kept = llm_arena_dup(&m->build->snapshot->arena, origin);
    if (kept.ptr == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    const llm_status status = llm_limits_stated(m->stated_doc, m->stated, provider, m->model.id, kept,
                                                &m->build->snapshot->arena, &list, err);
    m->model.limits = list.items;
    m->model.n_limits = list.count;
    return status;
}

// source: NULL: the entry is as its text says.
static llm_status add_entry(struct llm_build *build, struct llm_provider *provider,
                            const struct llm_document *doc, llm_str text, const struct llm_source *source,
                            llm_str origin) {
    static llm_str chat[] = {LLM_STR_INIT("chat")};
    struct making making = {
        .build = build,
        .arena = &build->snapshot->arena,
        .scratch = &build->scratch,
        .doc = doc,
        .text = text,
        .model = {.context_tokens = -1, .output_tokens_max = -1},
        .operations = chat,
        .n_operations = 1,
    };
    llm_error inner = LLM_ERROR_INIT;
    llm_status status = read_entry(&making, source, &inner);
    status = status == LLM_OK ? read_stated(&making, provider->name, origin, &inner) : status;
    if (status == LLM_E_CONFIG) {
        return llm_build_refuse(build, origin, llm_str_from(inner.message));
    }
    if (status == LLM_OK && source != NULL) {
        status = llm_source_json(build, source, &making.model.json);
    } else if (status == LLM_OK) {
        making.model.json = llm_arena_dup(&build->snapshot->arena, text);
        status = making.model.json.ptr != NULL ? LLM_OK : LLM_E_NOMEM;
    }
    return status == LLM_OK ? append(&making, provider, origin) : llm_build_no_memory(build);
}

llm_status llm_model_read(struct llm_arena *arena, const struct llm_catalogue_entry *entry,
                          struct llm_model *ret, llm_error *err) {
    static llm_str chat[] = {LLM_STR_INIT("chat")};
    const struct llm_document doc = {.name = LLM_STR("catalogue"),
                                     .bytes = (char *)(uintptr_t)entry->json.ptr, // only read
                                     .n_bytes = entry->json.len,
                                     .root = entry->json};
    struct making making = {
        .arena = arena,
        .scratch = arena,
        .doc = &doc,
        .text = entry->json,
        .model = {.id = entry->id, .context_tokens = -1, .output_tokens_max = -1},
        .operations = chat,
        .n_operations = 1,
    };
    const llm_status status = read_entry(&making, NULL, err);
    if (status == LLM_OK) {
        *ret = making.model;
        ret->operation = making.operations[0];
        ret->json = entry->json;
        ret->is_catalogued = true;
    }
    return status;
}

static llm_status add_own(struct llm_build *build, struct llm_provider *provider,
                          const struct llm_source *source) {
    const struct llm_source_member models = llm_source_get(source, "models");
    llm_status status = LLM_OK;
    llm_json_iter it = llm_json_begin(models.value);
    while (models.value.ptr != NULL && status == LLM_OK && llm_json_next(&it)) {
        status = add_entry(build, provider, models.doc, it.value, NULL, source->origin);
    }
    return status;
}

// ---- with what models.d says --------------------------------------------------------------------------------

// The entries of the provider's own "models", as sources.
static llm_status own_entries(struct llm_build *build, const struct llm_source *provider,
                              struct llm_source_list *ret) {
    const struct llm_source_member models = llm_source_get(provider, "models");
    llm_json_iter it = llm_json_begin(models.value);
    llm_status status = LLM_OK;
    while (models.value.ptr != NULL && status == LLM_OK && llm_json_next(&it)) {
        llm_error inner = LLM_ERROR_INIT;
        struct llm_source entry = {.origin = provider->origin};
        status = llm_source_read(build, models.doc, it.value, &entry, &inner);
        if (status == LLM_OK) {
            entry.id = llm_json_plain(llm_source_get(&entry, "id").value);
            status = llm_source_append(build, ret, &entry);
        } else if (status != LLM_E_NOMEM) {
            status = llm_build_refuse(build, provider->origin, llm_str_from(inner.message));
        }
    }
    return status;
}

// Does an entry of models.d speak of this one?
static bool fits(const struct llm_source *over, const struct llm_source *entry) {
    const llm_str operation = llm_source_get(over, "operation").value;
    return llm_str_eq(over->id, entry->id) &&
           (operation.ptr == NULL || llm_str_eq(operation, llm_source_get(entry, "operation").value));
}

// Lay an entry of models.d over those that it speaks of, or add it.
static llm_status lay_over(struct llm_build *build, struct llm_source_list *entries,
                           const struct llm_source *over) {
    llm_status status = LLM_OK;
    bool used = false;
    for (size_t i = 0; status == LLM_OK && i < entries->count; i++) {
        if (fits(over, &entries->items[i])) {
            status = llm_source_lay_over(build, &entries->items[i], over, &entries->items[i]);
            used = true;
        }
    }
    return status == LLM_OK && !used ? llm_source_append(build, entries, over) : status;
}

llm_status llm_models_build(struct llm_build *build, struct llm_provider *provider,
                            const struct llm_source *source) {
    struct llm_source_list entries = {0};
    bool alone = true;
    provider->first_model = build->snapshot->n_models;
    for (size_t i = 0; i < build->models.count; i++) {
        alone = alone && !llm_str_eq(build->models.items[i].name, provider->name);
    }
    if (alone) {
        return add_own(build, provider, source);
    }
    llm_status status = own_entries(build, source, &entries);
    for (size_t i = 0; status == LLM_OK && i < build->models.count; i++) {
        if (llm_str_eq(build->models.items[i].name, provider->name)) {
            status = lay_over(build, &entries, &build->models.items[i]);
        }
    }
    for (size_t i = 0; status == LLM_OK && i < entries.count; i++) {
        const struct llm_source *entry = &entries.items[i];
        status = add_entry(build, provider, entry->doc, entry->text, entry, entry->origin);
    }
    return status;
}
