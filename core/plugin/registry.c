// SPDX-License-Identifier: MIT
#include "plugin/registry.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"
#include "plugin/reason.h"

struct llm_plugins *llm_plugins_new(const llm_host *host) {
    struct llm_plugins *plugins = llm_mem_new(sizeof *plugins);
    if (plugins == NULL) {
        return NULL;
    }
    plugins->host = host;
    (void)pthread_mutex_init(&plugins->lock, NULL);
    return plugins;
}

void llm_plugins_free(struct llm_plugins *plugins) {
    if (plugins == NULL) {
        return;
    }
    for (size_t i = plugins->n_objects; i > 0; i--) { // in reverse order of their first appearance
        struct llm_plugin *plugin = plugins->objects[i - 1];
        if (plugin->descriptor != NULL) { // LOADED, or FAULTED after that
            plugin->descriptor->shutdown(plugin->plugin);
        }
        (void)pthread_mutex_destroy(&plugin->control);
        (void)pthread_cond_destroy(&plugin->keys_came);
        (void)pthread_mutex_destroy(&plugin->serial);
    }
    (void)pthread_mutex_destroy(&plugins->lock);
    llm_arena_done(&plugins->arena);
    llm_mem_free(plugins->objects);
    llm_mem_free(plugins);
}

void llm_plugins_fault_locked(struct llm_plugins *plugins, struct llm_plugin *plugin, const char *reason) {
    if (plugin->state != LLM_PLUGIN_LOADED && plugin->state != LLM_PLUGIN_FOUND) {
        return; // the first reason stays: others may be reading it
    }
    const llm_str copy = llm_arena_dup(&plugins->arena, llm_str_from(reason));
    plugin->reason = copy.ptr != NULL ? copy.ptr : "out of memory: restart the program";
    plugin->state = LLM_PLUGIN_FAULTED;
}

void llm_plugin_fault(struct llm_plugin *plugin, const char *format, ...) {
    char line[512];
    struct llm_reason why;
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    (void)llm_refuse(&why, "%s", len > 0 ? line : "it broke the contract");
    (void)pthread_mutex_lock(&plugin->owner->lock);
    llm_plugins_fault_locked(plugin->owner, plugin, why.text);
    (void)pthread_mutex_unlock(&plugin->owner->lock);
}

const struct llm_plugin_generator *llm_plugin_generator(const struct llm_plugin *plugin, llm_str name) {
    for (size_t i = 0; plugin->state == LLM_PLUGIN_LOADED && i < plugin->n_generators; i++) {
        if (llm_str_eq(plugin->generators[i].name, name)) {
            return &plugin->generators[i];
        }
    }
    return NULL;
}

const struct llm_plugin_generator *llm_plugin_generator_for(const struct llm_plugin *plugin,
                                                            llm_str operation) {
    for (size_t i = 0; plugin->state == LLM_PLUGIN_LOADED && i < plugin->n_generators; i++) {
        if (llm_str_eq(plugin->generators[i].operation, operation)) {
            return &plugin->generators[i];
        }
    }
    return NULL;
}

const char *llm_plugin_state_name(int state) {
    switch ((enum llm_plugin_state)state) {
    case LLM_PLUGIN_REFUSED: return "refused";
    case LLM_PLUGIN_SHADOWED: return "shadowed";
    case LLM_PLUGIN_FOUND: return "found";
    case LLM_PLUGIN_LOADED: return "loaded";
    case LLM_PLUGIN_FAULTED: return "faulted";
    }
    return "unknown";
}
