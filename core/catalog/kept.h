// SPDX-License-Identifier: MIT
// A plugin's instance, and what it was made of.  Snapshots share it as long as that is the same; the last of them frees it.
#ifndef LLM_CATALOG_KEPT_H
#define LLM_CATALOG_KEPT_H

#include <stdbool.h>

#include "base/str.h"
#include "llm_provider.h"

struct llm_kept;
struct llm_provider;
struct llm_snapshot;

// Make an instance for a provider whose plugin is loaded and whose keys are there.  The plugin's control is held.
// LLM_E_NOMEM; every other failure: the plugin's own, *message is its word on it.
llm_status llm_kept_new(const struct llm_provider *provider, struct llm_kept **ret, llm_str *message);
struct llm_kept *llm_kept_ref(struct llm_kept *kept);
// The last one calls instance_free().  The plugin's control is not held.  NULL is fine.
void llm_kept_unref(struct llm_kept *kept);
// May be NULL: the plugin keeps none.
llm_instance *llm_kept_instance(const struct llm_kept *kept);
// Would an instance for this provider be made of the same: plugin file, name, base URL, configuration, header fields and keys?
bool llm_kept_fits(const struct llm_kept *kept, const struct llm_provider *provider);

// The keys that old's commands gave, where fresh has the same command and the provider did not refuse them.  Old's plugin's control is held.
void llm_provider_inherit_keys(struct llm_provider *fresh, const struct llm_provider *old);

// Before fresh takes old's place: its providers get what old's have, to use it where it fits when they are first called.
// with_keys: also the keys that commands gave, but for those that their provider refused, and what commands that run now will give; else the commands run again.
void llm_snapshot_inherit(struct llm_snapshot *fresh, const struct llm_snapshot *old, bool with_keys);

#endif
