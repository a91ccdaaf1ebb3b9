// SPDX-License-Identifier: MIT
// The ledger in a file of SQLite: what its parts share.
#ifndef LLM_STORE_SQLITE_H
#define LLM_STORE_SQLITE_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "llm_store.h"

#define STORE_SCHEMA 2               // PRAGMA user_version
#define STORE_APPLICATION 0x4c4c4d4c // PRAGMA application_id: "LLML"
#define STORE_PATH_MAX 4096

struct llm_store {
    sqlite3 *db;
    sqlite3_stmt *begin, *insert, *commit, *rollback; // of a writer
    dev_t dev; // the file that is open: another one in its place would get no rows
    ino_t ino;
    uint32_t wait_ms;
    bool frozen; // read as a file that nobody changes, because nothing may be made beside it
    off_t frozen_size;
    struct timespec frozen_time;
    atomic_bool interrupted;
    char path[STORE_PATH_MAX];
};

// open.c: find, judge and make the file; pragmas; the schema.
llm_status store_open(const llm_store_args *args, llm_store *store, llm_store_fault *fault);

// After a failure with SQLite's code: where nothing may be made beside the file and no row waits in its write-ahead log, open it once more as
// one that nobody changes.  LLM_E_DENIED: rows wait there; every other status: it was not that.
llm_status store_open_frozen(llm_store *store, llm_store_fault *fault);

// A report is over: status, or LLM_E_OVERLOADED because the file was changed meanwhile after all.
llm_status store_report_over(const llm_store *store, llm_status status, llm_store_fault *fault);

// A write-ahead log from now on.  LLM_E_OVERLOADED: others use it right now, try again.
llm_status store_use_wal(llm_store *store, llm_store_fault *fault);

// Is the file still the one that lies at its path?
llm_status store_still_there(const llm_store *store, llm_store_fault *fault);

// schema.c: make or migrate; read: only look.
llm_status store_schema(llm_store *store, bool read, llm_store_fault *fault);

// report.c
llm_status LLM_CALL store_sums(llm_store *store, const llm_store_query *query, llm_store_sum_fn give,
                               void *ctx, llm_store_fault *fault);
llm_status LLM_CALL store_rows(llm_store *store, const llm_store_query *query, llm_store_row_fn give,
                               void *ctx, llm_store_fault *fault);
llm_status LLM_CALL store_check(llm_store *store, llm_store_problem_fn give, void *ctx,
                                llm_store_fault *fault);

// store.c
llm_status store_fail(llm_store_fault *fault, llm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// From SQLite's error; doing: "cannot add rows to".
llm_status store_sqlite_fail(llm_store *store, llm_store_fault *fault, int code, const char *doing);
// A statement from text of ours; flags: SQLITE_PREPARE_*.
llm_status store_prepare(llm_store *store, const char *sql, unsigned flags, sqlite3_stmt **ret,
                         llm_store_fault *fault);
// Statements without parameters and rows, one behind the other.
llm_status store_run(llm_store *store, const char *sql, llm_store_fault *fault);

#endif
