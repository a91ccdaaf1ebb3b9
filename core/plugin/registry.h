// SPDX-License-Identifier: MIT
// The registry's inside, shared by scan.c and load.c.
#ifndef LLM_PLUGIN_REGISTRY_H
#define LLM_PLUGIN_REGISTRY_H

#include "plugin/elf.h"
#include "plugin/plugin.h"

struct llm_plugins {
    const llm_host *host;
    pthread_mutex_t lock; // guards everything below; taken after a plugin's `control`
    struct llm_arena arena;
    struct llm_plugin **objects; // all that ever were
    size_t n_objects, cap_objects;
    struct llm_elf scratch; // for scans
};

// LOADED or FOUND -> FAULTED.  The lock is held.
void llm_plugins_fault_locked(struct llm_plugins *plugins, struct llm_plugin *plugin, const char *reason);

#endif
