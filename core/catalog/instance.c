// SPDX-License-Identifier: MIT
// Providers at work: their plugin's instance, and the generator for a route.
#include "catalog/snapshot.h"

#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"

// The keys that commands print; run without a lock, for each may take seconds.  *ret: as many as the provider has keys.
static llm_status run_key_commands(struct llm_snapshot *snapshot, const struct llm_provider *provider,
                                   struct llm_secret **ret, llm_error *err) {
    llm_status status = LLM_OK;
    for (size_t i = 0; status == LLM_OK && i < provider->n_keys; i++) {
        struct llm_arena scratch = {0};
        llm_str origin;
        if (provider->keys[i].command == NULL || provider->keys[i].is_inherited) {
            continue;
        }
        *ret = *ret != NULL ? *ret : llm_mem_array(provider->n_keys, sizeof **ret);
        status = *ret != NULL ? llm_settings_key_of(&snapshot->settings, provider->keys[i].command, &scratch,
                                                    &(*ret)[i], &origin, err)
                              : llm_fail(err, LLM_E_NOMEM, "out of memory");
        llm_arena_done(&scratch);
    }
    return status;
}

static void adopt_keys(struct llm_provider *provider, struct llm_secret *keys) {
    for (size_t i = 0; keys != NULL && i < provider->n_keys; i++) {
        if (llm_secret_has(&keys[i]) && !llm_secret_has(&provider->keys[i].secret)) {
            provider->keys[i].secret = keys[i];
            if (provider->keys[i].health != NULL) {
                llm_health_renew(provider->keys[i].health);
            }
            keys[i] = (struct llm_secret){0};
        }
    }
}

static void free_keys(struct llm_secret *keys, size_t n) {
    for (size_t i = 0; keys != NULL && i < n; i++) {
        llm_secret_done(&keys[i]);
    }
    llm_mem_free(keys);
}

static llm_status fail_instance(const struct llm_provider *provider, llm_status status, llm_str message,
                                llm_error *err) {
    return llm_fail(err, status, "%.*s cannot be used: its plugin says: %.*s", LLM_FMT(provider->name),
                    LLM_FMT(message.len > 0 ? message : LLM_STR("no reason")));
}

// Under plugin->control.
static llm_status make_instance(struct llm_provider *provider, llm_error *err) {
    llm_str message = {0};
    if (provider->instance_failed) {
        return fail_instance(provider, LLM_E_CONFIG, provider->instance_message, err);
    }
    if (provider->inherited != NULL && llm_kept_fits(provider->inherited, provider)) {
        provider->kept = provider->inherited;
        provider->inherited = NULL;
    }
    const llm_status status =
        provider->kept == NULL ? llm_kept_new(provider, &provider->kept, &message) : LLM_OK;
    if (status == LLM_E_NOMEM) {
        return llm_fail(err, status, "out of memory");
    }
    if (status != LLM_OK) {
        provider->instance_failed = true;
        provider->instance_message = message;
        return fail_instance(provider, LLM_E_CONFIG, message, err);
    }
    atomic_store_explicit(&provider->instance, llm_kept_instance(provider->kept), memory_order_relaxed);
    atomic_store_explicit(&provider->instance_ready, true, memory_order_release);
    return LLM_OK;
}

llm_status llm_provider_instance(struct llm_snapshot *snapshot, struct llm_provider *provider,
                                 llm_instance **ret, llm_error *err) {
    if (atomic_load_explicit(&provider->instance_ready, memory_order_acquire)) {
        *ret = atomic_load_explicit(&provider->instance, memory_order_relaxed);
        return LLM_OK;
    }
    if (provider->plugin == NULL) {
        return llm_fail(err, LLM_E_CONFIG, "%.*s cannot be used: %.*s", LLM_FMT(provider->name),
                        LLM_FMT(provider->problem));
    }
    llm_status status = llm_plugin_load(snapshot->registry, provider->plugin, err);
    struct llm_secret *keys = NULL;
    struct llm_kept *unfit = NULL;
    if (status == LLM_OK && !snapshot->settings.offline) {
        status = run_key_commands(snapshot, provider, &keys, err);
    }
    if (status != LLM_OK) {
        free_keys(keys, provider->n_keys);
        return status;
    }
    (void)pthread_mutex_lock(&provider->plugin->control);
    if (!atomic_load_explicit(&provider->instance_ready, memory_order_relaxed)) {
        adopt_keys(provider, keys);
        status = make_instance(provider, err);
        unfit = provider->inherited;
        provider->inherited = NULL;
    }
    (void)pthread_mutex_unlock(&provider->plugin->control);
    llm_kept_unref(unfit);
    free_keys(keys, provider->n_keys);
    if (status == LLM_OK) {
        *ret = atomic_load_explicit(&provider->instance, memory_order_relaxed);
    }
    return status;
}

static llm_status no_generator(const struct llm_provider *provider, llm_str operation, llm_error *err) {
    const struct llm_plugin *plugin = provider->plugin;
    char names[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < plugin->n_generators; i++) {
        const int got = snprintf(names + len, sizeof names - len, "%s%.*s", len > 0 ? ", " : "",
                                 LLM_FMT(plugin->generators[i].operation));
        len += got > 0 && (size_t)got < sizeof names - len ? (size_t)got : 0;
    }
    return llm_fail(err, LLM_E_UNSUPPORTED, "%.*s has no operation \"%.*s\"; it has: %s",
                    LLM_FMT(provider->name), LLM_FMT(operation), names);
}

llm_status llm_provider_generator(const struct llm_provider *provider, llm_str model, llm_str operation,
                                  const struct llm_plugin_generator **ret, llm_error *err) {
    llm_str unknown = {0};
    for (size_t i = 0; i < provider->n_rules; i++) {
        const struct llm_generate_rule *rule = &provider->rules[i];
        if (!llm_str_glob(rule->pattern, model)) {
            continue;
        }
        const struct llm_plugin_generator *found = llm_plugin_generator(provider->plugin, rule->generator);
        if (found != NULL && llm_str_eq(found->operation, operation)) {
            *ret = found;
            return LLM_OK;
        }
        unknown = found == NULL ? rule->generator : unknown;
    }
    const struct llm_plugin_generator *first = llm_plugin_generator_for(provider->plugin, operation);
    if (first == NULL && unknown.ptr != NULL) {
        return llm_fail(err, LLM_E_CONFIG,
                        "%.*s: generate_map names \"%.*s\", which its plugin does not have",
                        LLM_FMT(provider->name), LLM_FMT(unknown));
    }
    if (first == NULL) {
        return no_generator(provider, operation, err);
    }
    *ret = first;
    return LLM_OK;
}
