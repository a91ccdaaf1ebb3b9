// SPDX-License-Identifier: MIT
// The master's ledger: which one is in force, and who still uses one that a reload took out of force.
#ifndef LLM_CALL_RECORDER_H
#define LLM_CALL_RECORDER_H

#include "catalog/snapshot.h"
#include "state/ledger.h"

struct llm_recorder;

// NULL: out of memory.  Off until llm_recorder_configure().
struct llm_recorder *llm_recorder_new(struct llm_master *master);
// Writes what waits, at most 5 s for each ledger; lost rows are told to the log.  NULL is fine.
void llm_recorder_free(struct llm_recorder *recorder);

// By the settings of this snapshot from now on; calls under way keep the ledger that they began with.  On failure nothing changes.
// LLM_E_CONFIG: no such store, its plugin cannot be used, or it cannot be opened.  LLM_E_NOMEM.
llm_status llm_recorder_configure(struct llm_recorder *recorder, const struct llm_snapshot *snapshot,
                                  llm_error *err);

// The ledger in force with one user more, or NULL when there is none; give it back with llm_recorder_leave().
struct llm_recorder_use;
struct llm_recorder_use *llm_recorder_enter(struct llm_recorder *recorder);
void llm_recorder_leave(struct llm_recorder_use *use);
struct llm_ledger *llm_recorder_ledger(const struct llm_recorder_use *use);

// The store that the settings of a snapshot name, loaded.
llm_status llm_recorder_store(struct llm_plugins *plugins, const struct llm_snapshot *snapshot,
                              const llm_store_descriptor **ret, llm_error *err);

#endif
