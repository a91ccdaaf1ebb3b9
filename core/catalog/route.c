// SPDX-License-Identifier: MIT
// Names to models: one hash table, made with the snapshot; a look-up allocates nothing.
#include "catalog/build.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"

enum name_kind {
    NAME_MODEL,  // a model's id, or an alias that its entry gives
    NAME_ALIAS,  // of the settings
    NAME_PREFIX, // of a provider
};

struct name {
    uint64_t hash;
    llm_str text;
    enum name_kind kind;
    unsigned rank;                 // less goes first
    struct llm_provider *provider; // NULL: an alias
    const struct llm_model *model; // of a model
    llm_str target;                // of an alias
};

struct index {
    struct name *names; // equal ones side by side, by rank and provider
    size_t n_names;
    uint32_t *slots; // place of a hash's first name, and one more; 0: free
    size_t mask;
    uint64_t prefix_lengths; // bit n - 1: there is a prefix of n bytes
};

#define HASH_START UINT64_C(0xcbf29ce484222325) // FNV-1a
#define HASH_FACTOR UINT64_C(0x100000001b3)

static uint64_t hash_byte(uint64_t hash, char c) {
    return (hash ^ (unsigned char)c) * HASH_FACTOR;
}

static uint64_t hash_kind(uint64_t hash, enum name_kind kind) {
    return (hash ^ (uint64_t)kind) * HASH_FACTOR;
}

static uint64_t hash_text(llm_str text) {
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < text.len; i++) {
        hash = hash_byte(hash, text.ptr[i]);
    }
    return hash;
}

// Which of several providers goes first: one with a key; then one that works without, unless a plugin brought itself.
static unsigned rank_of(const struct llm_provider *provider) {
    if (provider->problem.ptr != NULL) {
        return 4;
    }
    if (provider->key_origin.ptr != NULL) {
        return 0;
    }
    if (!provider->key_required) {
        return provider->from_manifest ? 3 : 1;
    }
    return 2;
}

// ---- making the index ---------------------------------------------------------------------------------------

static int by_name(const void *a, const void *b) {
    const struct name *x = a, *y = b;
    if (x->hash != y->hash) {
        return x->hash < y->hash ? -1 : 1;
    }
    if (x->text.len != y->text.len) {
        return x->text.len < y->text.len ? -1 : 1;
    }
    const int order = memcmp(x->text.ptr, y->text.ptr, x->text.len);
    if (order != 0) {
        return order;
    }
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    if (x->provider != y->provider) {
        return x->provider < y->provider ? -1 : 1; // providers are sorted by name
    }
    return (x->model > y->model) - (x->model < y->model);
}

static void add(struct index *index, struct name name) {
    name.hash = hash_kind(hash_text(name.text), name.kind);
    index->names[index->n_names++] = name;
}

static void add_provider(struct index *index, struct llm_snapshot *s, struct llm_provider *provider) {
    const unsigned rank = rank_of(provider);
    for (size_t i = 0; i < provider->n_models; i++) {
        const struct llm_model *model = &s->models[provider->first_model + i];
        if (memchr(model->id.ptr, '*', model->id.len) != NULL) {
            continue; // a pattern gives prices and no name
        }
        struct name name = {
            .text = model->id, .kind = NAME_MODEL, .rank = rank, .provider = provider, .model = model};
        add(index, name);
        for (size_t k = 0; k < model->n_aliases; k++) {
            name.text = model->aliases[k];
            add(index, name);
        }
    }
    for (size_t i = 0; i < provider->n_prefixes; i++) {
        add(index,
            (struct name){
                .text = provider->prefixes[i], .kind = NAME_PREFIX, .rank = rank, .provider = provider});
        index->prefix_lengths |= UINT64_C(1) << (provider->prefixes[i].len - 1);
    }
}

static size_t count_names(const struct llm_snapshot *s) {
    size_t count = s->settings.n_aliases;
    for (size_t i = 0; i < s->n_models; i++) {
        count += 1 + s->models[i].n_aliases;
    }
    for (size_t i = 0; i < s->n_providers; i++) {
        count += s->providers[i].n_prefixes;
    }
    return count;
}

static void fill_slots(struct index *index) {
    for (size_t i = 0; i < index->n_names; i++) {
        if (i > 0 && index->names[i].hash == index->names[i - 1].hash) {
            continue;
        }
        size_t slot = (size_t)index->names[i].hash & index->mask;
        while (index->slots[slot] != 0) {
            slot = (slot + 1) & index->mask;
        }
        index->slots[slot] = (uint32_t)i + 1;
    }
}

llm_status llm_route_index(struct llm_build *build) {
    struct llm_snapshot *s = build->snapshot;
    const size_t count = count_names(s);
    size_t slots = 16;
    while (slots < count * 2) {
        slots *= 2;
    }
    struct index *index = llm_arena_new(&s->arena, sizeof *index);
    if (index == NULL || count > UINT32_MAX / 4) {
        return llm_build_no_memory(build);
    }
    index->names = llm_arena_new(&s->arena, (count + 1) * sizeof *index->names);
    index->slots = llm_arena_new(&s->arena, slots * sizeof *index->slots);
    if (index->names == NULL || index->slots == NULL) {
        return llm_build_no_memory(build);
    }
    index->mask = slots - 1;
    for (size_t i = 0; i < s->n_providers; i++) {
        add_provider(index, s, &s->providers[i]);
    }
    for (size_t i = 0; i < s->settings.n_aliases; i++) {
        add(index, (struct name){.text = s->settings.aliases[i].name,
                                 .kind = NAME_ALIAS,
                                 .target = s->settings.aliases[i].value});
    }
    qsort(index->names, index->n_names, sizeof *index->names, by_name);
    fill_slots(index);
    s->index = index;
    return LLM_OK;
}

// ---- looking up ------------------------------------------------------------------------------------------------

static bool same(const struct name *name, uint64_t hash, enum name_kind kind, llm_str text) {
    return name->hash == hash && name->kind == kind && llm_str_eq(name->text, text);
}

// The first name that is equal, or NULL; the others follow it.
static const struct name *look_up(const struct index *index, enum name_kind kind, llm_str text,
                                  uint64_t hash) {
    hash = hash_kind(hash, kind);
    for (size_t slot = (size_t)hash & index->mask; index->slots[slot] != 0; slot = (slot + 1) & index->mask) {
        const struct name *name = &index->names[index->slots[slot] - 1];
        // Different names of one hash stand side by side as well.
        for (; name < index->names + index->n_names && name->hash == hash; name++) {
            if (same(name, hash, kind, text)) {
                return name;
            }
        }
    }
    return NULL;
}

static bool operation_fits(const struct llm_model *model, llm_str operation) {
    return operation.ptr == NULL || llm_str_eq(model->operation, operation);
}

// The best model of that name, of one provider or (NULL) of any: the first whose operation fits, else the first.
static const struct name *find_model(const struct index *index, llm_str text, llm_str operation,
                                     const struct llm_provider *only) {
    const uint64_t hash = hash_text(text);
    const struct name *best = NULL;
    const struct name *end = index->names + index->n_names;
    for (const struct name *at = look_up(index, NAME_MODEL, text, hash);
         at != NULL && at < end && same(at, hash_kind(hash, NAME_MODEL), NAME_MODEL, text); at++) {
        if (only != NULL && at->provider != only) {
            continue;
        }
        if (operation_fits(at->model, operation)) {
            return at;
        }
        best = best != NULL ? best : at;
    }
    return best;
}

// The provider of the longest prefix, or NULL.
static struct llm_provider *find_prefix(const struct index *index, llm_str text) {
    struct llm_provider *best = NULL;
    uint64_t hash = HASH_START;
    for (size_t n = 1; n <= text.len && n <= LLM_MAX_PREFIX_BYTES; n++) {
        hash = hash_byte(hash, text.ptr[n - 1]);
        if ((index->prefix_lengths >> (n - 1) & 1) == 0) {
            continue;
        }
        const struct name *found = look_up(index, NAME_PREFIX, (llm_str){text.ptr, n}, hash);
        best = found != NULL ? found->provider : best;
    }
    return best;
}

static struct llm_provider *find_provider(struct llm_snapshot *s, llm_str name) {
    size_t low = 0, high = s->n_providers;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const llm_str other = s->providers[middle].name;
        int order = memcmp(other.ptr, name.ptr, other.len < name.len ? other.len : name.len);
        order = order != 0 ? order : (other.len > name.len) - (other.len < name.len);
        if (order == 0) {
            return &s->providers[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

// ---- what was meant ------------------------------------------------------------------------------------------------

struct nearest {
    llm_str names[3];
    size_t scores[3];
};

static void consider(struct nearest *nearest, llm_str asked, llm_str name) {
    size_t score = llm_str_distance(asked, name);
    const char *slash = memrchr(name.ptr, '/', name.len);
    if (slash != NULL) {
        const size_t tail = llm_str_distance(asked, llm_str_cut(name, (size_t)(slash - name.ptr) + 1));
        score = tail < score ? tail : score;
    }
    if (asked.len >= 3 && memmem(name.ptr, name.len, asked.ptr, asked.len) != NULL && score > 2) {
        score = 2;
    }
    if (score > asked.len / 3 + 1) { // what shares less was not meant
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        if (llm_str_eq(nearest->names[i], name)) {
            return;
        }
    }
    for (size_t i = 0; i < 3; i++) {
        if (nearest->names[i].ptr == NULL || score < nearest->scores[i]) {
            for (size_t k = 2; k > i; k--) {
                nearest->names[k] = nearest->names[k - 1];
                nearest->scores[k] = nearest->scores[k - 1];
            }
            nearest->names[i] = name;
            nearest->scores[i] = score;
            return;
        }
    }
}

// "; nearest: a, b, c", or "".
static const char *nearest_text(const struct nearest *nearest, char *buf, size_t size) {
    size_t len = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < 3 && nearest->names[i].ptr != NULL; i++) {
        const int got =
            snprintf(buf + len, size - len, "%s%.*s", i == 0 ? "; nearest: " : ", ",
                     (int)(nearest->names[i].len < 100 ? nearest->names[i].len : 100), nearest->names[i].ptr);
        len += got > 0 && (size_t)got < size - len ? (size_t)got : 0;
    }
    return buf;
}

static llm_status no_provider(const struct llm_snapshot *s, llm_str asked, llm_error *err) {
    struct nearest nearest = {0};
    char text[400];
    for (size_t i = 0; i < s->n_providers; i++) {
        consider(&nearest, asked, s->providers[i].name);
    }
    return llm_fail(err, LLM_E_NOT_FOUND, "no provider \"%.*s\"%s (see \"providers\")", LLM_FMT(asked),
                    nearest_text(&nearest, text, sizeof text));
}

static llm_status no_model(const struct llm_snapshot *s, llm_str asked, llm_error *err) {
    const struct index *index = s->index;
    struct nearest nearest = {0};
    char text[400];
    for (size_t i = 0; i < index->n_names; i++) {
        if (index->names[i].kind != NAME_PREFIX) {
            consider(&nearest, asked, index->names[i].text);
        }
    }
    if (s->n_providers == 0) {
        return llm_fail(err, LLM_E_NOT_FOUND, "no model \"%.*s\": no provider is known (see \"doctor\")",
                        LLM_FMT(asked));
    }
    return llm_fail(err, LLM_E_NOT_FOUND, "no model \"%.*s\"%s (see \"models\", or name it PROVIDER/MODEL%s)",
                    LLM_FMT(asked), nearest_text(&nearest, text, sizeof text),
                    s->n_refused > 0 ? "; files were left out: see \"doctor\"" : "");
}

// ---- routes --------------------------------------------------------------------------------------------------------

// The provider file's model of this name (also a pattern) for the operation, or NULL.
static const struct llm_model *own_model(const struct llm_snapshot *s, const struct llm_provider *provider,
                                         const struct llm_model *model, llm_str name, llm_str operation) {
    if (model != NULL && operation_fits(model, operation)) {
        return model;
    }
    for (size_t i = 0; i < provider->n_models; i++) {
        const struct llm_model *other = &s->models[provider->first_model + i];
        if (operation_fits(other, operation) && llm_str_glob(other->id, name)) {
            return other;
        }
    }
    return NULL;
}

// A route with this model of the provider; its entry only when it is for the operation.  What the provider's file does not list or
// gives no price for is looked up in the catalogue.
static struct llm_route route_to(struct llm_snapshot *s, struct llm_provider *provider,
                                 const struct llm_model *model, llm_str name, llm_str operation) {
    struct llm_route route = {.provider = provider, .provider_model = model != NULL ? model->id : name};
    route.model = own_model(s, provider, model, route.provider_model, operation);
    if (route.model == NULL || !route.model->price.known) {
        const struct llm_model *listed =
            llm_shelf_model(s, provider, route.provider_model, operation, route.model);
        route.model = listed != NULL ? listed : route.model;
    }
    return route;
}

// The provider's first model for an operation, or NULL.
static const struct llm_model *first_model(const struct llm_snapshot *s, const struct llm_provider *provider,
                                           llm_str operation) {
    for (size_t i = 0; i < provider->n_models; i++) {
        const struct llm_model *model = &s->models[provider->first_model + i];
        if (operation_fits(model, operation) && memchr(model->id.ptr, '*', model->id.len) == NULL) {
            return model;
        }
    }
    return NULL;
}

// No model was named: the given provider's first, or that of the first provider that can be used at once.
static llm_status route_first(struct llm_snapshot *s, llm_str operation, struct llm_provider *only,
                              struct llm_route *ret, llm_error *err) {
    struct llm_provider *best = NULL;
    if (only != NULL) {
        const struct llm_model *model = first_model(s, only, operation);
        if (model == NULL) {
            return llm_fail(err, LLM_E_NOT_FOUND, "no model was named, and %.*s lists none for \"%.*s\"",
                            LLM_FMT(only->name), LLM_FMT(operation));
        }
        *ret = route_to(s, only, model, model->id, operation);
        return LLM_OK;
    }
    for (size_t i = 0; i < s->n_providers; i++) {
        struct llm_provider *provider = &s->providers[i];
        const unsigned rank = rank_of(provider);
        if ((rank < 2 || rank == 3) && first_model(s, provider, operation) != NULL &&
            (best == NULL || rank < rank_of(best))) {
            best = provider;
        }
    }
    if (best == NULL) {
        return llm_fail(
            err, LLM_E_NOT_FOUND,
            "no model was named, and no provider that has a key lists one for \"%.*s\" (see \"keys\")",
            LLM_FMT(operation));
    }
    const struct llm_model *model = first_model(s, best, operation);
    *ret = route_to(s, best, model, model->id, operation);
    return LLM_OK;
}

// The provider that goes first among those that the catalogue lists a model of that name for, or NULL.
static struct llm_provider *find_catalogued(struct llm_snapshot *s, llm_str name, llm_str operation) {
    struct llm_provider *best = NULL;
    for (size_t i = 0; i < s->n_providers; i++) {
        struct llm_provider *provider = &s->providers[i];
        if ((best == NULL || rank_of(provider) < rank_of(best)) &&
            llm_shelf_model(s, provider, name, operation, NULL) != NULL) {
            best = provider;
        }
    }
    return best;
}

static llm_status route_name(struct llm_snapshot *s, llm_str name, llm_str operation,
                             struct llm_provider *only, struct llm_route *ret, llm_error *err) {
    const struct index *index = s->index;
    const struct name *exact = find_model(index, name, operation, only);
    const char *slash = memchr(name.ptr, '/', name.len);
    struct llm_provider *spelt =
        slash != NULL ? find_provider(s, (llm_str){name.ptr, (size_t)(slash - name.ptr)}) : NULL;
    const llm_str rest = slash != NULL ? llm_str_cut(name, (size_t)(slash - name.ptr) + 1) : name;
    if (spelt != NULL && rest.len > 0 && (only == NULL || only == spelt)) {
        const struct name *listed = find_model(index, rest, operation, spelt);
        const bool other_has_key = exact != NULL && exact->rank < rank_of(spelt);
        if (exact == NULL || (listed != NULL && !other_has_key)) {
            *ret = route_to(s, spelt, listed != NULL ? listed->model : NULL, rest, operation);
            return LLM_OK;
        }
    }
    if (exact != NULL) {
        *ret = route_to(s, exact->provider, exact->model, name, operation);
        return LLM_OK;
    }
    struct llm_provider *provider = only != NULL ? only : find_prefix(index, name);
    provider = provider != NULL ? provider : find_catalogued(s, name, operation);
    if (provider == NULL) {
        return no_model(s, name, err);
    }
    *ret = route_to(s, provider, NULL, name, operation);
    return LLM_OK;
}

// The configured default is a model for chat; it stands in for another operation only when it is listed for that one.
static llm_status route_default(struct llm_snapshot *s, llm_str operation, struct llm_route *ret,
                                llm_error *err) {
    struct llm_route route = {0};
    if (s->settings.default_model.ptr == NULL) {
        return route_first(s, operation, NULL, ret, err);
    }
    const llm_status status = llm_snapshot_route(s, s->settings.default_model, operation, NULL, &route, err);
    if (llm_str_is(operation, "chat") || operation.ptr == NULL || (status == LLM_OK && route.model != NULL)) {
        if (status == LLM_OK) {
            *ret = route;
        }
        return status;
    }
    return route_first(s, operation, NULL, ret, err);
}

llm_status llm_snapshot_route(struct llm_snapshot *snapshot, llm_str model, llm_str operation,
                              const char *provider, struct llm_route *ret, llm_error *err) {
    struct llm_provider *only = NULL;
    struct llm_route route = {0};
    llm_status status;
    if (provider != NULL) {
        only = find_provider(snapshot, llm_str_from(provider));
        if (only == NULL) {
            return no_provider(snapshot, llm_str_from(provider), err);
        }
    }
    if (model.len > LLM_MAX_MODEL_BYTES) {
        return llm_fail(err, LLM_E_NOT_FOUND, "no model has a name of more than %u bytes",
                        LLM_MAX_MODEL_BYTES);
    }
    if (model.ptr == NULL || model.len == 0) {
        status = only != NULL ? route_first(snapshot, operation, only, &route, err)
                              : route_default(snapshot, operation, &route, err);
    } else {
        const struct name *alias = look_up(snapshot->index, NAME_ALIAS, model, hash_text(model));
        status = route_name(snapshot, alias != NULL ? alias->target : model, operation, only, &route, err);
    }
    if (status != LLM_OK) {
        return status;
    }
    if (route.provider->problem.ptr != NULL) {
        status = llm_fail(err, route.provider->is_refused ? LLM_E_DENIED : LLM_E_CONFIG,
                          "%.*s cannot be used: %.*s", LLM_FMT(route.provider->name),
                          LLM_FMT(route.provider->problem));
        if (err != NULL && err->size >= sizeof *err) {
            llm_error_text(err->provider, sizeof err->provider, route.provider->name);
        }
        return status;
    }
    *ret = route;
    return LLM_OK;
}
