// SPDX-License-Identifier: MIT
// The schema and its history.  PRAGMA user_version says how many of the steps a file has; they are only ever added to.
#include <stdio.h>
#include <time.h>

#include "store.h"

// What turns version n into n + 1; each runs in the transaction that also counts it.
static const char *const steps[STORE_SCHEMA] = {
    // 1: one row a call.  NULL: not known.
    "CREATE TABLE calls ("
    " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
    " time_us INTEGER NOT NULL, duration_us INTEGER, first_token_us INTEGER,"
    " operation TEXT, provider TEXT, model TEXT, provider_model TEXT, key TEXT, tag TEXT, status TEXT NOT "
    "NULL,"
    " http_status INTEGER, input_tokens INTEGER, output_tokens INTEGER, cache_read_tokens INTEGER,"
    " cache_write_tokens INTEGER, cache_write_1h_tokens INTEGER, reasoning_tokens INTEGER,"
    " audio_input_tokens INTEGER, audio_output_tokens INTEGER, images INTEGER, milliseconds INTEGER,"
    " characters INTEGER, cost_pico_usd INTEGER, cost_source TEXT, attempts INTEGER NOT NULL, attempts_json "
    "TEXT,"
    " request_id TEXT, flags INTEGER NOT NULL) WITHOUT ROWID;",
    // 2: for people with the sqlite3 program: text for ids and times, exact dollars.
    "CREATE VIEW calls_text AS SELECT lower(hex(id)) AS id,"
    " strftime('%Y-%m-%dT%H:%M:%S', time_us / 1000000, 'unixepoch') || printf('.%06dZ', time_us % 1000000) "
    "AS time,"
    " provider, model, tag, key, status, input_tokens, output_tokens,"
    " CASE WHEN cost_pico_usd IS NOT NULL"
    " THEN printf('%d.%012d', cost_pico_usd / 1000000000000, cost_pico_usd % 1000000000000) END AS cost_usd,"
    " duration_us / 1000 AS duration_ms FROM calls;",
};

static llm_status ask(llm_store *store, const char *sql, int64_t *ret, llm_store_fault *fault) {
    sqlite3_stmt *stmt = NULL;
    llm_status status = store_prepare(store, sql, 0, &stmt, fault);
    if (status != LLM_OK) {
        return status;
    }
    const int code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) {
        *ret = sqlite3_column_int64(stmt, 0);
    } else {
        status = store_sqlite_fail(store, fault, code, "cannot read");
    }
    (void)sqlite3_finalize(stmt);
    return status;
}

// What the file is: *ret_version -1: nothing yet.
static llm_status identify(llm_store *store, int64_t *ret_version, llm_store_fault *fault) {
    int64_t application = 0, version = 0, objects = 0;
    llm_status status = ask(store, "PRAGMA application_id", &application, fault);
    status = status == LLM_OK ? ask(store, "PRAGMA user_version", &version, fault) : status;
    status = status == LLM_OK ? ask(store, "SELECT count(*) FROM sqlite_master", &objects, fault) : status;
    if (status != LLM_OK) {
        return status;
    }
    if (application == 0 && version == 0 && objects == 0) {
        *ret_version = 0;
        return LLM_OK;
    }
    if (application != STORE_APPLICATION) {
        return store_fail(fault, LLM_E_CONFIG, "%s: this is a database of another program: name another file",
                          store->path);
    }
    if (version > STORE_SCHEMA || version < 0) {
        return store_fail(
            fault, LLM_E_CONFIG,
            "%s: its schema is version %lld, this program knows up to %d: use a newer program, or "
            "name another file",
            store->path, (long long)version, STORE_SCHEMA);
    }
    *ret_version = version;
    return LLM_OK;
}

// In a transaction of its own, after another look: two programs may come at once.
static llm_status migrate(llm_store *store, llm_store_fault *fault) {
    char pragma[64];
    int64_t version = 0;
    llm_status status = store_run(store, "BEGIN IMMEDIATE;", fault);
    if (status != LLM_OK) {
        return status;
    }
    status = identify(store, &version, fault);
    for (; status == LLM_OK && version < STORE_SCHEMA; version++) {
        status = store_run(store, steps[version], fault);
    }
    if (status == LLM_OK) {
        (void)snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
                       STORE_APPLICATION, STORE_SCHEMA);
        status = store_run(store, pragma, fault);
    }
    status = status == LLM_OK ? store_run(store, "COMMIT;", fault) : status;
    if (status != LLM_OK && sqlite3_get_autocommit(store->db) == 0) {
        llm_store_fault other = {.size = (uint32_t)sizeof other};
        (void)store_run(store, "ROLLBACK;", &other);
    }
    return status;
}

static llm_status try_schema(llm_store *store, bool read, llm_store_fault *fault) {
    int64_t version = 0;
    llm_status status = identify(store, &version, fault);
    if (status == LLM_OK && read && version == 0) {
        return store_fail(fault, LLM_E_CONFIG, "%s: no call was recorded there yet", store->path);
    }
    if (status != LLM_OK || read) {
        return status;
    }
    status = store_use_wal(store, fault);
    return status == LLM_OK && version < STORE_SCHEMA ? migrate(store, fault) : status;
}

llm_status store_schema(llm_store *store, bool read, llm_store_fault *fault) {
    static const struct timespec nap = {.tv_nsec = 10000000};
    llm_status status = try_schema(store, read, fault);
    // SQLite asks the busy handler not everywhere: not where two connections change the kind of journal at once.
    for (uint32_t ms = 0; status == LLM_E_OVERLOADED && ms < store->wait_ms && ms < 2000; ms += 10) {
        (void)nanosleep(&nap, NULL);
        status = try_schema(store, read, fault);
    }
    return status;
}
