// SPDX-License-Identifier: MIT
#include "catalog/snapshot.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "catalog/build.h"
#include "llm_json.h"

#define ARENA_BYTES_MAX (512u << 20)

static const llm_str secret_names[] = {LLM_STR_INIT("api_key")};

// A source into snapshot->providers.  What the user's file says wrongly is left out, and what is under it taken.
static llm_status add_provider(struct llm_build *build, const struct llm_source *source) {
    struct llm_snapshot *s = build->snapshot;
    struct llm_provider *provider = &s->providers[s->n_providers];
    for (; source != NULL; source = source->under) {
        llm_error inner = LLM_ERROR_INIT;
        bool disabled = false;
        llm_status status = llm_provider_build(build, source, provider, &disabled, &inner);
        if (status == LLM_E_NOMEM) {
            return llm_build_no_memory(build);
        }
        if (status == LLM_OK && disabled) {
            return LLM_OK;
        }
        if (status == LLM_OK) {
            status = llm_provider_limit_claims(build, provider, source);
            provider->build_source = source;
            s->n_providers += status == LLM_OK ? 1 : 0;
            return status;
        }
        status = llm_build_refuse(build, source->origin, llm_str_from(inner.message));
        if (status != LLM_OK) {
            return status;
        }
    }
    return LLM_OK;
}

static int by_name(const void *a, const void *b) {
    const struct llm_provider *x = a, *y = b;
    const size_t shorter = x->name.len < y->name.len ? x->name.len : y->name.len;
    const int order = memcmp(x->name.ptr, y->name.ptr, shorter);
    return order != 0 ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

// Providers of files before those of manifests: what a file claims, no manifest gets.
static llm_status add_providers(struct llm_build *build) {
    struct llm_snapshot *s = build->snapshot;
    const struct llm_source_list *list = &build->providers;
    llm_status status = LLM_OK;
    s->providers = llm_arena_new(&s->arena, (list->count + 1) * sizeof *s->providers);
    if (s->providers == NULL) {
        return llm_build_no_memory(build);
    }
    for (int manifests = 0; manifests <= 1; manifests++) {
        for (size_t i = 0; status == LLM_OK && i < list->count; i++) {
            if ((list->items[i].plugin != NULL) == (manifests == 1)) {
                status = add_provider(build, &list->items[i]);
            }
        }
    }
    if (status == LLM_OK && s->n_providers > 1) {
        qsort(s->providers, s->n_providers, sizeof *s->providers, by_name);
    }
    return status;
}

// Room for the models at once: a list that grows leaves each of its shorter forms in the snapshot's memory.
static llm_status make_room_for_models(struct llm_build *build) {
    struct llm_snapshot *s = build->snapshot;
    size_t count = 0;
    for (size_t i = 0; i < s->n_providers; i++) {
        count += llm_json_count(llm_source_get(s->providers[i].build_source, "models").value);
    }
    build->cap_models = count + count / 8 + 8; // an entry can be several, one for each operation
    s->models = llm_arena_new(&s->arena, build->cap_models * sizeof *s->models);
    return s->models != NULL ? LLM_OK : llm_build_no_memory(build);
}

static llm_status finish_providers(struct llm_build *build) {
    struct llm_snapshot *s = build->snapshot;
    llm_status status = make_room_for_models(build);
    for (size_t i = 0; status == LLM_OK && i < s->n_providers; i++) {
        struct llm_provider *provider = &s->providers[i];
        status = llm_provider_find_keys(build, provider);
        status = status == LLM_OK ? llm_models_build(build, provider, provider->build_source) : status;
        provider->build_source = NULL;
        provider->instance_args = (llm_instance_args){
            .size = (uint32_t)sizeof(llm_instance_args),
            .n_secrets = 1,
            .name = provider->name,
            .base_url = provider->base_url,
            .config = provider->config,
            .secret_names = secret_names,
        };
    }
    return status;
}

static llm_status fill(struct llm_snapshot *s, llm_error *err) {
    struct llm_build build = {.snapshot = s, .err = err, .scratch = {.limit = ARENA_BYTES_MAX}};
    llm_status status =
        llm_plugins_scan(s->registry, s->settings.plugin_dirs, &s->arena, &s->plugins, &s->n_plugins, err);
    status = status == LLM_OK ? llm_build_read(&build) : status;
    status = status == LLM_OK ? add_providers(&build) : status;
    status = status == LLM_OK ? finish_providers(&build) : status;
    status = status == LLM_OK ? llm_route_index(&build) : status;
    status = status == LLM_OK ? llm_routes_look_up(&build) : status;
    llm_build_done(&build);
    return status;
}

llm_status llm_snapshot_new(struct llm_settings *settings, struct llm_plugins *registry,
                            struct llm_health *health, struct llm_snapshot **ret, llm_error *err) {
    struct llm_snapshot *snapshot = llm_mem_new(sizeof *snapshot);
    if (snapshot == NULL) {
        llm_settings_done(settings);
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    atomic_init(&snapshot->refs, 1);
    llm_shelf_init(&snapshot->shelf);
    snapshot->arena.limit = ARENA_BYTES_MAX;
    snapshot->settings = *settings;
    *settings = (struct llm_settings){0};
    snapshot->registry = registry;
    snapshot->health = health;
    const llm_status status = fill(snapshot, err);
    if (status != LLM_OK) {
        llm_snapshot_unref(snapshot);
        return status;
    }
    *ret = snapshot;
    return LLM_OK;
}

struct llm_snapshot *llm_snapshot_ref(struct llm_snapshot *snapshot) {
    (void)atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
    return snapshot;
}

void llm_snapshot_unref(struct llm_snapshot *snapshot) {
    if (snapshot == NULL || atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < snapshot->n_providers; i++) {
        llm_kept_unref(snapshot->providers[i].kept);
        llm_kept_unref(snapshot->providers[i].inherited);
        llm_key_run_unref(snapshot->providers[i].key_run);
        llm_provider_wipe_keys(&snapshot->providers[i]);
    }
    llm_shelf_done(&snapshot->shelf);
    llm_settings_done(&snapshot->settings);
    llm_arena_done(&snapshot->arena);
    llm_mem_free(snapshot);
}
