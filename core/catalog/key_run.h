// SPDX-License-Identifier: MIT
// The commands that give a provider's keys: they run once, however many calls come first at the same time.  Whoever comes while they run
// waits for what they give, also with the snapshot of a reload that keeps keys.
#ifndef LLM_CATALOG_KEY_RUN_H
#define LLM_CATALOG_KEY_RUN_H

#include "base/error.h"

struct llm_key_run; // commands that run, or have just run; it is known to the providers that wait for them
struct llm_provider;
struct llm_snapshot;

// The provider's keys are there afterwards.  Blocks the calling thread as long as the commands take, whether it runs them or waits for another
// thread that does.  The plugin's control is not held.  What the commands fail with, also for those who waited.  LLM_E_NOMEM.
llm_status llm_provider_run_commands(struct llm_snapshot *snapshot, struct llm_provider *provider,
                                     llm_error *err);

// fresh comes in old's place: it waits for what runs for old.  Both are of one plugin, whose control is held.
void llm_key_run_inherit(struct llm_provider *fresh, const struct llm_provider *old);
// The plugin's control is not held.  NULL is fine.
void llm_key_run_unref(struct llm_key_run *run);

#endif
