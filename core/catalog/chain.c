// SPDX-License-Identifier: MIT
#include "catalog/chain.h"

#include "base/error.h"
#include "base/limits.h"
#include "catalog/build.h"

struct maker {
    struct llm_snapshot *snapshot;
    const struct llm_chain_wish *wish;
    struct llm_arena *arena;
    struct llm_chain *chain;
    size_t cap;
    llm_error first; // what was wrong with the first that cannot be used
};

static bool listed(const struct llm_chain *chain, const struct llm_route *route) {
    for (size_t i = 0; i < chain->n_targets; i++) {
        const struct llm_route *other = &chain->targets[i].route;
        if (other->provider == route->provider && llm_str_eq(other->provider_model, route->provider_model)) {
            return true;
        }
    }
    return false;
}

static llm_status append(struct maker *m, const struct llm_target *target) {
    struct llm_chain *chain = m->chain;
    if (chain->n_targets >= LLM_MAX_TARGETS ||
        (target->route.provider != NULL && listed(chain, &target->route))) {
        return LLM_OK;
    }
    struct llm_target *list =
        llm_arena_grow(m->arena, chain->targets, chain->n_targets, &m->cap, sizeof *list);
    if (list == NULL) {
        return LLM_E_NOMEM;
    }
    list[chain->n_targets++] = *target;
    chain->targets = list;
    llm_str *model = &list[chain->n_targets - 1].route.provider_model; // perhaps the caller's text
    if (model->ptr == NULL) {
        return LLM_OK;
    }
    *model = llm_arena_dup(m->arena, *model);
    return model->ptr != NULL ? LLM_OK : LLM_E_NOMEM;
}

// A model; one that cannot be found is listed with its problem.
static llm_status add_model(struct maker *m, llm_str name, uint32_t when) {
    const struct llm_chain_wish *wish = m->wish;
    struct llm_target target = {.when = when};
    llm_error err = LLM_ERROR_INIT;
    const llm_status status =
        llm_snapshot_route(m->snapshot, name, wish->operation, wish->provider, &target.route, &err);
    if (status == LLM_E_NOMEM) {
        return status;
    }
    if (status != LLM_OK) {
        target.used = true;
        target.problem = llm_arena_dup(m->arena, llm_str_from(err.message));
        m->first = m->first.status == LLM_OK ? err : m->first;
        if (target.problem.ptr == NULL) {
            return LLM_E_NOMEM;
        }
    }
    return append(m, &target);
}

// ---- the order of a route's targets ----------------------------------------------------------------------------------

static void by_weight(const struct llm_route_rule *rule, uint64_t *random, size_t order[]) {
    uint64_t total = 0;
    for (size_t i = 0; i < rule->n_targets; i++) {
        total += rule->targets[order[i]].weight;
    }
    for (size_t at = 0; at < rule->n_targets && total > 0; at++) {
        uint64_t pick = llm_random_next(random) % total;
        size_t i = at;
        while (i + 1 < rule->n_targets && pick >= rule->targets[order[i]].weight) {
            pick -= rule->targets[order[i++]].weight;
        }
        const size_t chosen = order[i];
        total -= rule->targets[chosen].weight;
        for (; i > at; i--) {
            order[i] = order[i - 1];
        }
        order[at] = chosen;
    }
}

static uint64_t score(const struct maker *m, const struct llm_target *target) {
    if (target->used || target->route.provider->keys[0].health == NULL) {
        return target->used ? UINT64_MAX : 0;
    }
    const struct llm_model *model = target->route.model;
    return llm_health_score(target->route.provider->keys[0].health, model != NULL ? model->health : NULL,
                            m->wish->now_us);
}

// The better one of two taken at random goes first: enough to keep away from the slow ones, without a stampede to the best.
static void by_latency(struct maker *m, size_t start) {
    struct llm_target *targets = m->chain->targets + start;
    const size_t n = m->chain->n_targets - start;
    if (n < 2) {
        return;
    }
    const size_t a = (size_t)(llm_random_next(m->wish->random) % n);
    const size_t step = 1 + (size_t)(llm_random_next(m->wish->random) % (n - 1));
    const size_t b = (a + step) % n;
    size_t best = score(m, &targets[b]) < score(m, &targets[a]) ? b : a;
    const struct llm_target chosen = targets[best];
    for (; best > 0; best--) {
        targets[best] = targets[best - 1];
    }
    targets[0] = chosen;
}

static llm_str unalias(const struct llm_settings *s, llm_str name) {
    for (size_t i = 0; llm_routes_find(s, name) == NULL && i < s->n_aliases; i++) {
        if (llm_str_eq(s->aliases[i].name, name)) {
            return s->aliases[i].value;
        }
    }
    return name;
}

static llm_status add_rule(struct maker *m, const struct llm_route_rule *rule, uint32_t when);

// A name: a model, or a route but the one that it stands in.
static llm_status add_name(struct maker *m, llm_str name, const struct llm_route_rule *in, uint32_t when) {
    const struct llm_settings *s = &m->snapshot->settings;
    if (s->n_routes == 0) {
        return add_model(m, name, when);
    }
    const llm_str meant = unalias(s, name);
    const struct llm_route_rule *rule = llm_routes_find(s, meant);
    return rule == NULL || rule == in ? add_model(m, meant, when) : add_rule(m, rule, when);
}

static llm_status add_rule(struct maker *m, const struct llm_route_rule *rule, uint32_t when) {
    size_t order[LLM_MAX_ROUTE_MODELS];
    const size_t start = m->chain->n_targets;
    if (rule->n_targets == 0) {
        return add_model(m, rule->name, when);
    }
    for (size_t i = 0; i < rule->n_targets; i++) {
        order[i] = i;
    }
    if (rule->choice == LLM_ROUTE_WEIGHTED) {
        by_weight(rule, m->wish->random, order);
    }
    llm_status status = LLM_OK;
    for (size_t i = 0; status == LLM_OK && i < rule->n_targets; i++) {
        status = add_name(m, rule->targets[order[i]].model, rule, when);
    }
    if (status == LLM_OK && rule->choice == LLM_ROUTE_LATENCY) {
        by_latency(m, start);
    }
    return status;
}

// ---- the whole -------------------------------------------------------------------------------------------------------

static llm_status add_wished(struct maker *m, llm_error *err) {
    llm_status status = LLM_OK;
    for (size_t i = 0; status == LLM_OK && m->wish->fallbacks[i] != NULL; i++) {
        const llm_str name = llm_str_from(m->wish->fallbacks[i]);
        const size_t before = m->chain->n_targets;
        status = add_name(m, name, NULL, LLM_WHEN_ANY);
        const struct llm_target *last = &m->chain->targets[m->chain->n_targets - 1];
        if (status == LLM_OK && m->chain->n_targets > before && last->problem.ptr != NULL) {
            return llm_fail(err, LLM_E_NOT_FOUND, "fall-back %.*s: %.*s", LLM_FMT(name),
                            LLM_FMT(last->problem));
        }
    }
    return status;
}

static llm_status add_fallbacks(struct maker *m, const struct llm_route_rule *rule, llm_error *err) {
    if (m->wish->alone) {
        return LLM_OK;
    }
    if (m->wish->fallbacks != NULL) {
        return add_wished(m, err);
    }
    llm_status status = LLM_OK;
    for (size_t i = 0; rule != NULL && status == LLM_OK && i < rule->n_fallbacks; i++) {
        status = add_name(m, rule->fallbacks[i].model, rule, rule->fallbacks[i].when);
    }
    return status;
}

// The rule of what was asked for; NULL: none.
static const struct llm_route_rule *rule_of(const struct llm_snapshot *s, const struct llm_chain_wish *wish) {
    if (s->settings.n_routes == 0 || wish->provider != NULL) {
        return NULL;
    }
    const bool chat = wish->operation.ptr == NULL || llm_str_is(wish->operation, "chat");
    const llm_str name = wish->model.ptr != NULL ? wish->model : s->settings.default_model;
    return name.ptr == NULL || (wish->model.ptr == NULL && !chat)
               ? NULL
               : llm_routes_find(&s->settings, unalias(&s->settings, name));
}

static size_t usable(const struct llm_chain *chain) {
    size_t i = 0;
    while (i < chain->n_targets && chain->targets[i].used) {
        i++;
    }
    return i;
}

llm_status llm_snapshot_chain(struct llm_snapshot *snapshot, const struct llm_chain_wish *wish,
                              struct llm_arena *arena, struct llm_chain *ret, llm_error *err) {
    struct llm_chain chain = {0};
    struct maker m = {.snapshot = snapshot, .wish = wish, .arena = arena, .chain = &chain};
    m.first = (llm_error)LLM_ERROR_INIT;
    const struct llm_route_rule *rule = rule_of(snapshot, wish);
    llm_status status =
        rule != NULL ? add_rule(&m, rule, LLM_WHEN_ANY) : add_model(&m, wish->model, LLM_WHEN_ANY);
    const bool bad = status == LLM_OK && rule == NULL && chain.n_targets > 0 && chain.targets[0].used;
    status = status == LLM_OK && !bad ? add_fallbacks(&m, rule, err) : status;
    if (status != LLM_OK) {
        return status;
    }
    const size_t first = usable(&chain);
    if (first == chain.n_targets) {
        llm_error_copy(err, &m.first);
        return m.first.status;
    }
    if (wish->alone) {
        chain.targets += first;
        chain.n_targets = 1;
    }
    chain.hedge_ms = rule != NULL ? rule->hedge_ms : 0;
    chain.has_hedge = rule != NULL && rule->has_hedge;
    *ret = chain;
    return LLM_OK;
}

// ---- while the snapshot is made --------------------------------------------------------------------------------------

static llm_status check_model(struct llm_build *build, const struct llm_route_rule *rule, llm_str name) {
    struct llm_snapshot *s = build->snapshot;
    struct llm_route route = {0};
    llm_error err = LLM_ERROR_INIT;
    const llm_str meant = unalias(&s->settings, name);
    if (llm_routes_find(&s->settings, meant) != NULL && !llm_str_eq(meant, rule->name)) {
        return LLM_OK;
    }
    const llm_status status = llm_snapshot_route(s, meant, (llm_str){NULL, 0}, NULL, &route, &err);
    if (status == LLM_E_NOT_FOUND) {
        const llm_str reason =
            llm_arena_format(&s->arena, "routes.%.*s: %s", LLM_FMT(rule->name), err.message);
        return reason.ptr != NULL ? llm_build_refuse(build, rule->origin, reason)
                                  : llm_build_no_memory(build);
    }
    if (status == LLM_OK && rule->choice == LLM_ROUTE_LATENCY && route.model != NULL && s->health != NULL) {
        struct llm_model *model = &s->models[route.model - s->models];
        model->health = llm_health_target(s->health, route.provider->name, model->id);
        return model->health != NULL ? LLM_OK : llm_build_no_memory(build);
    }
    return status == LLM_E_NOMEM ? llm_build_no_memory(build) : LLM_OK;
}

llm_status llm_routes_look_up(struct llm_build *build) {
    const struct llm_settings *settings = &build->snapshot->settings;
    llm_status status = LLM_OK;
    for (size_t i = 0; i < settings->n_routes; i++) {
        const struct llm_route_rule *rule = &settings->routes[i];
        for (size_t k = 0; status == LLM_OK && k < rule->n_targets + rule->n_fallbacks; k++) {
            status = check_model(build, rule,
                                 k < rule->n_targets ? rule->targets[k].model
                                                     : rule->fallbacks[k - rule->n_targets].model);
        }
    }
    return status;
}
