// SPDX-License-Identifier: MIT
// May a snapshot take the place of another in a running program?  Whole or not at all.
#include "base/error.h"
#include "catalog/snapshot.h"

static bool was_refused(const struct llm_snapshot *old, llm_str file) {
    for (size_t i = 0; i < old->n_refused; i++) {
        if (llm_str_eq(old->refused[i].name, file)) {
            return true;
        }
    }
    return false;
}

static bool was_good(const struct llm_snapshot *old, const char *path) {
    for (size_t i = 0; i < old->n_plugins; i++) {
        const int state = old->plugins[i]->state;
        if (strcmp(old->plugins[i]->path, path) == 0) {
            return state == LLM_PLUGIN_FOUND || state == LLM_PLUGIN_LOADED;
        }
    }
    return false;
}

llm_status llm_snapshot_may_follow(const struct llm_snapshot *old, const struct llm_snapshot *fresh,
                                   llm_error *err) {
    for (size_t i = 0; i < fresh->n_refused; i++) {
        const llm_header *file = &fresh->refused[i];
        if (!was_refused(old, file->name)) {
            const bool named = llm_str_starts(file->value, file->name);
            return llm_fail(err, LLM_E_CONFIG, "%.*s%s%.*s", LLM_FMT(named ? (llm_str){0} : file->name),
                            named ? "" : ": ", LLM_FMT(file->value));
        }
    }
    for (size_t i = 0; i < fresh->n_plugins; i++) {
        const struct llm_plugin *plugin = fresh->plugins[i];
        if (plugin->state == LLM_PLUGIN_REFUSED && was_good(old, plugin->path)) {
            return llm_fail(err, LLM_E_CONFIG, "%s was good before: %s", plugin->path, plugin->reason);
        }
    }
    return LLM_OK;
}
