// SPDX-License-Identifier: MIT
// The ledger: rows of settled calls, on their way to a store.  One thread of its own writes them, in groups: it is started by
// llm_ledger_new() and ended by llm_ledger_free(), and exists only where the host's settings ask for a ledger.
//
//     llm_ledger_begin    a place for the call's row, or the call is refused: what began can be recorded
//     llm_ledger_text     what the row says, copied into the place
//     llm_ledger_commit   into the queue; the writer takes it from there to the store
//
// On the path of a call: no allocation but for the first calls that are under way at once, one short lock, and at most a futex wake.
// A row stays in memory until the store has it: after a failure it is tried again, with a back-off, until it is safe or the ledger is freed.
#ifndef LLM_STATE_LEDGER_H
#define LLM_STATE_LEDGER_H

#include <stdatomic.h>

#include "base/limits.h"
#include "config/ledger.h"
#include "llm_store.h"

struct llm_ledger;

// A place for one row.  The caller fills `row`; texts through llm_ledger_text().
struct llm_ledger_row {
    struct llm_ledger_row *next; // private
    _Atomic(void *) waiter;      // private
    llm_store_row row;
    size_t used;
    char text[LLM_MAX_ROW_TEXT_BYTES];
};

struct llm_ledger_options {
    const llm_store_descriptor *store;          // borrowed
    const struct llm_ledger_settings *settings; // copied
    // [any] One line for the host's log; nullable.
    void (*log)(void *ctx, int32_t level, const char *line);
    // [writer] A row that was committed with a waiter is safe.  Called with a lock of the ledger held: it may not call the ledger.
    void (*safe)(void *waiter);
    void *ctx; // of log
};

// Open the store and start the writer.  LLM_E_CONFIG: the store cannot be opened; the message has the place and the reason.  LLM_E_NOMEM.
llm_status llm_ledger_new(const struct llm_ledger_options *options, struct llm_ledger **ret, llm_error *err);

// No call may be between begin and commit.  Writes what waits, for at most timeout_ms, then ends the writer.  Gives the number of
// rows that were lost.  In a child process that was forked after llm_ledger_new() it does nothing: the parent has the ledger.
uint64_t llm_ledger_free(struct llm_ledger *ledger, uint32_t timeout_ms);

// [any] Wait until all rows that were committed before are safe.  LLM_E_TIMEOUT: not within timeout_ms; the message says why.
llm_status llm_ledger_flush(struct llm_ledger *ledger, uint32_t timeout_ms, llm_error *err);

// [any] A place for the row of a call that is about to begin.
// LLM_E_DENIED: the store fails (on_failure "refuse"), or fails and the queue is full ("queue"), or this process was forked.
// LLM_E_LIMIT: as many calls and rows as queue_rows are under way.  LLM_E_NOMEM.
llm_status llm_ledger_begin(struct llm_ledger *ledger, struct llm_ledger_row **ret, llm_error *err);

// [any] The call did not begin: the place is free again.
void llm_ledger_drop(struct llm_ledger *ledger, struct llm_ledger_row *row);

// A copy inside the place; cut at a character when there is no more room.  The copy of an absent text is absent.
llm_str llm_ledger_text(struct llm_ledger_row *row, llm_str text);

// [any] The row is complete, and the ledger's from now on.  waiter: what safe() is given once it is safe; NULL: nobody waits.
void llm_ledger_commit(struct llm_ledger *ledger, struct llm_ledger_row *row, void *waiter);

// [any] Nobody waits any more: when it returns, safe() is over, or will not be called.  The row may be another's by
// then: it is only compared.
void llm_ledger_forget(struct llm_ledger *ledger, struct llm_ledger_row *row, void *waiter);

struct llm_ledger_facts {
    bool failing;
    uint64_t waiting;  // rows in memory that are not safe
    uint64_t written;  // rows that are safe
    uint64_t failures; // times that the store said no
    char reason[512];  // of the failure
};
void llm_ledger_look(struct llm_ledger *ledger, struct llm_ledger_facts *ret);

// Do both mean the same place, kept in the same way?
bool llm_ledger_same(const struct llm_ledger *ledger, const struct llm_ledger_settings *settings);
// What may change while it runs: on_failure, acknowledge_ms, queue_rows.
void llm_ledger_configure(struct llm_ledger *ledger, const struct llm_ledger_settings *settings);
uint32_t llm_ledger_acknowledge_ms(const struct llm_ledger *ledger);

// Open a store by the settings.  read: for reports.  LLM_E_CONFIG with place and reason; LLM_E_NOMEM.
llm_status llm_ledger_open(const llm_store_descriptor *store, const struct llm_ledger_settings *settings,
                           const llm_host *host, bool read, llm_store **ret, llm_error *err);

#endif
