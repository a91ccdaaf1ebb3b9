// SPDX-License-Identifier: MIT
// The thread that looks after plugin and settings directories and reloads a master when something in them changes.
#ifndef LLM_CALL_WATCH_H
#define LLM_CALL_WATCH_H

#include "llm_master.h"

struct llm_watch;

// Watch what the master's snapshot was read from; reads everything once more shortly after.
// LLM_E_LIMIT: the kernel's bounds on watches, the message names them.  LLM_E_NOMEM.
llm_status llm_watch_new(struct llm_master *master, struct llm_watch **ret, llm_error *err);
// Waits for the thread.  Nullable.
void llm_watch_free(struct llm_watch *watch);

#endif
