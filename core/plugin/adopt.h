// SPDX-License-Identifier: MIT
// Take over what a plugin's entry gave: judge it and copy it into tables of ours.
#ifndef LLM_PLUGIN_ADOPT_H
#define LLM_PLUGIN_ADOPT_H

#include "plugin/plugin.h"
#include "plugin/reason.h"

// What the descriptor has to agree with.
struct llm_adopt_expected {
    llm_str id, version;
    llm_str generators; // JSON object, name -> operation; absent: any
};

struct llm_adopted {
    llm_provider_descriptor *descriptor; // no function is NULL
    struct llm_plugin_generator *generators;
    size_t n_generators;
};

// Everything is copied into the arena; only function pointers keep pointing into the plugin.  Tables may be shorter than ours as
// long as the mandatory members are there, and longer (the rest is not looked at).  It calls nothing of the plugin.
// LLM_E_DENIED with the reason; LLM_E_NOMEM.
llm_status llm_adopt(const llm_provider_descriptor *theirs, const struct llm_adopt_expected *expected,
                     struct llm_arena *arena, struct llm_adopted *ret, struct llm_reason *why);

// The same for what a store's entry gave.  *ret: in the arena, no function is NULL.
llm_status llm_adopt_store(const llm_store_descriptor *theirs, const struct llm_adopt_expected *expected,
                           struct llm_arena *arena, const llm_store_descriptor **ret, struct llm_reason *why);

#endif
