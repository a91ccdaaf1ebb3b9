// SPDX-License-Identifier: MIT
// "ledger": where settled calls are recorded.  See docs/ledger.md.
#ifndef LLM_CONFIG_LEDGER_H
#define LLM_CONFIG_LEDGER_H

#include "base/str.h"

struct llm_ledger_settings {
    bool on;                 // the settings have a "ledger" whose store is not "none"
    llm_str store;           // "sqlite": what the manifest of a store plugin says
    llm_str path;            // NUL-terminated; an absolute path, or what has "://" in it
    bool built_in_path;      // path is ours: directories on the way to it may be made
    llm_str config;          // JSON object for the store alone; absent: none
    bool queue;              // on_failure: "queue" instead of "refuse"
    uint32_t queue_rows;     // rows in memory, at most
    uint32_t acknowledge_ms; // how long a call waits for its row, at most
    uint32_t wait_ms;        // how long a locked store is waited for, at most
};

struct llm_settings_builder;
struct llm_document;

// The member "ledger" of a document; ctx: the builder.
llm_status llm_ledger_settings_take(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err);
llm_status llm_ledger_settings_built_in(struct llm_settings_builder *b, llm_error *err);
// After the last layer: the path, when none was named.  LLM_E_CONFIG: there is no home directory.
llm_status llm_ledger_settings_finish(struct llm_settings_builder *b, llm_error *err);

#endif
