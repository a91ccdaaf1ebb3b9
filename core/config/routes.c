// SPDX-License-Identifier: MIT
#include "config/routes.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "config/builder.h"
#include "llm_json.h"

#define WEIGHT_MAX 1000000
#define HEDGE_MS_MAX 3600000

static const struct {
    const char *name;
    uint32_t when;
} conditions[] = {
    {"any", LLM_WHEN_ANY},
    {"auth", LLM_WHEN(LLM_E_AUTH) | LLM_WHEN(LLM_E_PERMISSION)},
    {"content_filter", LLM_WHEN(LLM_E_CONTENT_FILTER)},
    {"context_length", LLM_WHEN(LLM_E_CONTEXT_LENGTH) | LLM_WHEN(LLM_E_TOO_LARGE)},
    {"invalid_request", LLM_WHEN(LLM_E_INVALID_REQUEST)},
    {"limit", LLM_WHEN(LLM_E_LIMIT)},
    {"not_found", LLM_WHEN(LLM_E_NOT_FOUND)},
    {"overloaded", LLM_WHEN(LLM_E_OVERLOADED) | LLM_WHEN(LLM_E_SERVER)},
    {"quota", LLM_WHEN(LLM_E_QUOTA)},
    {"rate", LLM_WHEN(LLM_E_RATE_LIMITED) | LLM_WHEN(LLM_E_QUOTA) | LLM_WHEN(LLM_E_LIMIT)},
    {"timeout", LLM_WHEN(LLM_E_TIMEOUT)},
    {"transport", LLM_WHEN(LLM_E_TRANSPORT) | LLM_WHEN(LLM_E_PROTOCOL)},
    {"unsupported", LLM_WHEN(LLM_E_UNSUPPORTED)},
};

struct reader { // of one route
    struct llm_settings_builder *b;
    struct llm_route_rule rule;
    char what[160]; // "routes.NAME"
    struct llm_route_model *model;
    bool is_fallback;
};

static llm_status no_memory(llm_error *err) {
    return llm_fail(err, LLM_E_NOMEM, "out of memory");
}

// ---- one model of a list ---------------------------------------------------------------------------------------------

static llm_status take_model(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct reader *r = ctx;
    const llm_status status =
        llm_document_string(doc, value, "a route's model", &r->b->settings->arena, &r->model->model, err);
    if (status == LLM_OK && r->model->model.len > LLM_MAX_MODEL_BYTES) {
        return llm_document_fail(doc, value, err, "a model's name has at most %u bytes", LLM_MAX_MODEL_BYTES);
    }
    return status;
}

static llm_status take_weight(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct reader *r = ctx;
    int64_t weight = 0;
    const llm_status status = llm_document_int(doc, value, "weight", 0, WEIGHT_MAX, &weight, err);
    r->model->weight = (uint32_t)weight;
    return status;
}

static llm_status add_condition(struct reader *r, const struct llm_document *doc, llm_str value,
                                llm_error *err) {
    char text[32];
    const size_t len = llm_json_type(value) == '"' ? llm_json_decode(value, text, sizeof text) : sizeof text;
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        if (len < sizeof text && llm_str_is((llm_str){text, len}, conditions[i].name)) {
            r->model->when |= conditions[i].when;
            return LLM_OK;
        }
    }
    return llm_document_fail(doc, value, err,
                             "no condition of a fall-back; there are any, auth, content_filter, "
                             "context_length, invalid_request, limit, not_found, overloaded, quota, rate, "
                             "timeout, transport, unsupported");
}

static llm_status take_when(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct reader *r = ctx;
    r->model->when = 0;
    if (llm_json_type(value) != '[') {
        return add_condition(r, doc, value, err);
    }
    llm_status status = LLM_OK;
    llm_json_iter it = llm_json_begin(value);
    while (status == LLM_OK && llm_json_next(&it)) {
        status = add_condition(r, doc, it.value, err);
    }
    return status == LLM_OK && r->model->when == 0
               ? llm_document_fail(doc, value, err,
                                   "\"when\" names no condition; leave it out for any failure")
               : status;
}

// {"model": ...}, or the name alone.
static llm_status read_model(struct reader *r, const struct llm_document *doc, llm_str value,
                             llm_error *err) {
    static const struct llm_document_member target[] = {
        {"model", take_model}, {"weight", take_weight}, {NULL, NULL}};
    static const struct llm_document_member fallback[] = {
        {"model", take_model}, {"when", take_when}, {NULL, NULL}};
    char what[sizeof r->what + 32];
    *r->model = (struct llm_route_model){.weight = 1, .when = LLM_WHEN_ANY};
    if (llm_json_type(value) == '"') {
        return take_model(r, doc, value, err);
    }
    (void)snprintf(what, sizeof what, "a %s of %s", r->is_fallback ? "fall-back" : "target", r->what);
    const llm_status status =
        llm_document_members(doc, value, what, r->is_fallback ? fallback : target, r, err);
    return status == LLM_OK && r->model->model.ptr == NULL
               ? llm_document_fail(doc, value, err, "%s needs a \"model\"", what)
               : status;
}

static llm_status read_models(struct reader *r, const struct llm_document *doc, llm_str value,
                              struct llm_route_model **ret, size_t *ret_count, llm_error *err) {
    if (llm_json_type(value) != '[') {
        return llm_document_fail(doc, value, err, "%s: targets and fallbacks are lists", r->what);
    }
    const size_t count = llm_json_count(value);
    if (count == 0 || count > LLM_MAX_ROUTE_MODELS) {
        return llm_document_fail(doc, value, err, "%s: such a list holds 1 to %u models", r->what,
                                 LLM_MAX_ROUTE_MODELS);
    }
    struct llm_route_model *list = llm_arena_new(&r->b->settings->arena, count * sizeof *list);
    if (list == NULL) {
        return no_memory(err);
    }
    llm_status status = LLM_OK;
    size_t n = 0;
    llm_json_iter it = llm_json_begin(value);
    while (status == LLM_OK && llm_json_next(&it)) {
        r->model = &list[n++];
        status = read_model(r, doc, it.value, err);
    }
    *ret = list;
    *ret_count = n;
    return status;
}

// ---- one route -------------------------------------------------------------------------------------------------------

static llm_status take_targets(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct reader *r = ctx;
    r->is_fallback = false;
    return read_models(r, doc, value, &r->rule.targets, &r->rule.n_targets, err);
}

static llm_status take_fallbacks(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct reader *r = ctx;
    r->is_fallback = true;
    return read_models(r, doc, value, &r->rule.fallbacks, &r->rule.n_fallbacks, err);
}

static llm_status take_choose(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    static const char *const names[] = {"order", "weighted", "latency"};
    struct reader *r = ctx;
    char text[16];
    const size_t len = llm_json_type(value) == '"' ? llm_json_decode(value, text, sizeof text) : sizeof text;
    for (size_t i = 0; i < 3; i++) {
        if (len < sizeof text && llm_str_is((llm_str){text, len}, names[i])) {
            r->rule.choice = (enum llm_route_choice)i;
            return LLM_OK;
        }
    }
    return llm_document_fail(doc, value, err, "%s.choose must be order, weighted or latency", r->what);
}

static llm_status take_hedge(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct reader *r = ctx;
    int64_t ms = 0;
    const llm_status status = llm_document_int(doc, value, "hedge_ms", 0, HEDGE_MS_MAX, &ms, err);
    r->rule.has_hedge = true;
    r->rule.hedge_ms = (uint32_t)ms;
    return status;
}

static llm_status put(struct llm_settings_builder *b, const struct llm_route_rule *rule, llm_error *err) {
    struct llm_settings *s = b->settings;
    for (size_t i = 0; i < s->n_routes; i++) {
        if (llm_str_eq(s->routes[i].name, rule->name)) {
            s->routes[i] = *rule;
            return LLM_OK;
        }
    }
    struct llm_route_rule *list =
        llm_arena_grow(&s->arena, s->routes, s->n_routes, &b->cap_routes, sizeof *list);
    if (list == NULL) {
        return no_memory(err);
    }
    list[s->n_routes++] = *rule;
    s->routes = list;
    return LLM_OK;
}

static llm_status take_route(struct llm_settings_builder *b, const struct llm_document *doc, llm_json_iter it,
                             llm_error *err) {
    static const struct llm_document_member members[] = {
        {"choose", take_choose},
        {"fallbacks", take_fallbacks},
        {"hedge_ms", take_hedge},
        {"targets", take_targets},
        {NULL, NULL},
    };
    struct reader r = {.b = b, .rule = {.origin = b->origin}};
    llm_status status =
        llm_document_string(doc, it.name, "the name of a route", &b->settings->arena, &r.rule.name, err);
    if (status != LLM_OK) {
        return status;
    }
    if (r.rule.name.len > LLM_MAX_MODEL_BYTES || b->settings->n_routes >= LLM_MAX_ROUTES) {
        return llm_document_fail(doc, it.name, err, "at most %u routes, with names of at most %u bytes",
                                 LLM_MAX_ROUTES, LLM_MAX_MODEL_BYTES);
    }
    (void)snprintf(r.what, sizeof r.what, "routes.%.*s", (int)(r.rule.name.len < 128 ? r.rule.name.len : 128),
                   r.rule.name.ptr);
    status = llm_document_members(doc, it.value, r.what, members, &r, err);
    status = status == LLM_OK ? put(b, &r.rule, err) : status;
    return status == LLM_OK ? llm_settings_taken(b, r.what, it.value, err) : status;
}

llm_status llm_routes_take(void *builder, const struct llm_document *doc, llm_str value, llm_error *err) {
    if (llm_json_type(value) != '{') {
        return llm_document_fail(doc, value, err,
                                 "routes must be an object: {\"NAME\": {\"targets\": [...]}}");
    }
    llm_status status = LLM_OK;
    llm_json_iter it = llm_json_begin(value);
    while (status == LLM_OK && llm_json_next(&it)) {
        status = take_route(builder, doc, it, err);
    }
    return status;
}

// ---- the whole -------------------------------------------------------------------------------------------------------

static int compare(llm_str a, llm_str b) {
    const int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b) {
    return compare(((const struct llm_route_rule *)a)->name, ((const struct llm_route_rule *)b)->name);
}

struct llm_route_rule *llm_routes_find(const struct llm_settings *s, llm_str name) {
    size_t low = 0, high = s->n_routes;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare(s->routes[middle].name, name);
        if (order == 0) {
            return &s->routes[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

// The route that a model of `rule` leads to; NULL: it is a model.  A route may name the model of its own name.
static struct llm_route_rule *behind(const struct llm_settings *s, const struct llm_route_rule *rule,
                                     llm_str model) {
    for (size_t i = 0; llm_routes_find(s, model) == NULL && i < s->n_aliases; i++) {
        if (llm_str_eq(s->aliases[i].name, model)) {
            model = s->aliases[i].value;
            break;
        }
    }
    return llm_str_eq(model, rule->name) ? NULL : llm_routes_find(s, model);
}

// How many routes deep it is goes to rule->height.
static llm_status follow(struct llm_settings *s, struct llm_route_rule *rule, uint32_t depth,
                         llm_error *err) {
    if (rule->visiting || depth >= LLM_MAX_ROUTE_DEPTH) {
        return llm_fail(err, LLM_E_CONFIG,
                        rule->visiting
                            ? "%.*s: routes.%.*s leads back to itself"
                            : "%.*s: routes.%.*s is the end of too many routes that lead to one another",
                        LLM_FMT(rule->origin), LLM_FMT(rule->name));
    }
    llm_status status = LLM_OK;
    uint32_t below = 0;
    rule->visiting = true;
    for (size_t i = 0; status == LLM_OK && i < rule->n_targets + rule->n_fallbacks; i++) {
        const llm_str model =
            i < rule->n_targets ? rule->targets[i].model : rule->fallbacks[i - rule->n_targets].model;
        struct llm_route_rule *next = behind(s, rule, model);
        if (next != NULL && (next->height == 0 || depth + 1 + next->height > LLM_MAX_ROUTE_DEPTH)) {
            status = follow(s, next, depth + 1, err);
        }
        below = next != NULL && next->height > below ? next->height : below;
    }
    rule->visiting = false;
    rule->height = below + 1;
    return status;
}

llm_status llm_routes_check(struct llm_settings *s, llm_error *err) {
    llm_status status = LLM_OK;
    if (s->n_routes > 1) {
        qsort(s->routes, s->n_routes, sizeof *s->routes, by_name);
    }
    for (size_t i = 0; status == LLM_OK && i < s->n_routes; i++) {
        status = s->routes[i].height == 0 ? follow(s, &s->routes[i], 0, err) : LLM_OK;
    }
    return status;
}
