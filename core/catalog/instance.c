// SPDX-License-Identifier: MIT
// Providers at work: their plugin's instance, and the generator for a route.
#include "catalog/snapshot.h"

#include <stdio.h>

#include "base/error.h"
#include "catalog/key_run.h"

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
    struct llm_kept *unfit = NULL;
    if (status == LLM_OK && !snapshot->settings.offline) {
        status = llm_provider_run_commands(snapshot, provider, err);
    }
    if (status != LLM_OK) {
        return status;
    }
    (void)pthread_mutex_lock(&provider->plugin->control);
    if (!atomic_load_explicit(&provider->instance_ready, memory_order_relaxed)) {
        status = make_instance(provider, err);
        unfit = provider->inherited;
        provider->inherited = NULL;
    }
    (void)pthread_mutex_unlock(&provider->plugin->control);
    llm_kept_unref(unfit);
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
