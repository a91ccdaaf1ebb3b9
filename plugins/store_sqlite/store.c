// SPDX-License-Identifier: MIT
// The entry of the plugin, and how rows are added: one transaction a group, by the row's own id.
#include "store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LLM_STORE_MANIFEST(
    "{\"manifest\": 1, \"id\": \"org.llm-master.store-sqlite\", \"version\": \"0.1.0\", \"name\": \"SQLite "
    "ledger\","
    " \"license\": \"MIT\", \"abi\": {\"major\": 1, \"minor\": 0}, \"store\": \"sqlite\","
    " \"needs\": {\"host_interfaces\": [], \"libraries\": [\"libsqlite3.so.0\"]}, \"permissions\": []}");

// ---- failures --------------------------------------------------------------------------------------------------------

llm_status store_fail(llm_store_fault *fault, llm_status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->message, sizeof fault->message, format, args);
    va_end(args);
    return status;
}

static const struct {
    int code; // SQLite's primary one
    llm_status status;
    const char *advice;
} meanings[] = {
    {SQLITE_BUSY, LLM_E_OVERLOADED, "another program holds it locked"},
    {SQLITE_LOCKED, LLM_E_OVERLOADED, "another program holds it locked"},
    {SQLITE_NOMEM, LLM_E_NOMEM, "out of memory"},
    {SQLITE_FULL, LLM_E_LIMIT, "the disk is full"},
    {SQLITE_READONLY, LLM_E_DENIED, "it is read-only"},
    {SQLITE_PERM, LLM_E_DENIED, "it may not be written"},
    {SQLITE_AUTH, LLM_E_DENIED, "it may not be written"},
    {SQLITE_CANTOPEN, LLM_E_DENIED, "it cannot be opened, or no file can be made beside it"},
    {SQLITE_CORRUPT, LLM_E_INTERNAL, "it is damaged; llm-master usage check says where"},
    {SQLITE_NOTADB, LLM_E_CONFIG, "it is no ledger, or it is damaged: move it away, or name another"},
    {SQLITE_INTERRUPT, LLM_E_CANCELLED, "interrupted"},
};

llm_status store_sqlite_fail(llm_store *store, llm_store_fault *fault, int code, const char *doing) {
    const int system_code = store->db != NULL ? sqlite3_system_errno(store->db) : 0;
    fault->code = code;
    if (atomic_load(&store->interrupted)) {
        return store_fail(fault, LLM_E_CANCELLED, "%s %s: interrupted", doing, store->path);
    }
    if (system_code == ENOSPC || system_code == EDQUOT || system_code == EFBIG) {
        return store_fail(fault, LLM_E_LIMIT, "%s %s: the disk is full (%s)", doing, store->path,
                          strerror(system_code));
    }
    if (system_code == EROFS) {
        return store_fail(fault, LLM_E_DENIED, "%s %s: the file system is read-only", doing, store->path);
    }
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if ((code & 0xff) == meanings[i].code) {
            return store_fail(fault, meanings[i].status, "%s %s: %s", doing, store->path, meanings[i].advice);
        }
    }
    return store_fail(fault, LLM_E_INTERNAL, "%s %s: %s (%d%s%s)", doing, store->path, sqlite3_errstr(code),
                      code, system_code != 0 ? ", " : "", system_code != 0 ? strerror(system_code) : "");
}

// What comes after an interrupt does not begin.
llm_status store_prepare(llm_store *store, const char *sql, unsigned flags, sqlite3_stmt **ret,
                         llm_store_fault *fault) {
    const int code = atomic_load(&store->interrupted)
                         ? SQLITE_INTERRUPT
                         : sqlite3_prepare_v3(store->db, sql, -1, flags, ret, NULL);
    return code == SQLITE_OK ? LLM_OK : store_sqlite_fail(store, fault, code, "cannot use");
}

llm_status store_run(llm_store *store, const char *sql, llm_store_fault *fault) {
    while (*sql != '\0') {
        sqlite3_stmt *stmt = NULL;
        int code = sqlite3_prepare_v3(store->db, sql, -1, 0, &stmt, &sql);
        while (code == SQLITE_OK && stmt != NULL && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
            code = SQLITE_OK;
        }
        (void)sqlite3_finalize(stmt);
        if (code != SQLITE_OK && code != SQLITE_DONE) {
            return store_sqlite_fail(store, fault, code, "cannot use");
        }
    }
    return LLM_OK;
}

// ---- open and close --------------------------------------------------------------------------------------------------

static void LLM_CALL sqlite_close(llm_store *store) {
    sqlite3_stmt *const statements[] = {store->begin, store->insert, store->commit, store->rollback};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        (void)sqlite3_finalize(statements[i]);
    }
    (void)sqlite3_close_v2(store->db);
    free(store);
}

static llm_status prepare_writer(llm_store *store, llm_store_fault *fault) {
    const struct {
        const char *sql;
        sqlite3_stmt **stmt;
    } list[] = {
        {"BEGIN IMMEDIATE", &store->begin},
        {"COMMIT", &store->commit},
        {"ROLLBACK", &store->rollback},
        {"INSERT INTO calls (id, time_us, duration_us, first_token_us, operation, provider, model, "
         "provider_model,"
         " key, tag, status, http_status, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,"
         " cache_write_1h_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, images, "
         "milliseconds,"
         " characters, cost_pico_usd, cost_source, attempts, attempts_json, request_id, flags)"
         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, "
         "?20, ?21,"
         " ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29) ON CONFLICT (id) DO NOTHING",
         &store->insert},
    };
    llm_status status = LLM_OK;
    for (size_t i = 0; status == LLM_OK && i < sizeof list / sizeof list[0]; i++) {
        status = store_prepare(store, list[i].sql, SQLITE_PREPARE_PERSISTENT, list[i].stmt, fault);
    }
    return status;
}

static llm_status LLM_CALL sqlite_open(const llm_store_args *args, llm_store **ret, llm_store_fault *fault) {
    llm_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return store_fail(fault, LLM_E_NOMEM, "out of memory");
    }
    atomic_init(&store->interrupted, false);
    store->wait_ms = args->wait_ms;
    fault->code = 0;
    const bool read = (args->flags & LLM_STORE_READ) != 0;
    llm_status status = store_open(args, store, fault);
    status = status == LLM_OK ? store_schema(store, read, fault) : status;
    const int code = fault->code & 0xff;
    if (status != LLM_OK && read && store->db != NULL &&
        (code == SQLITE_CANTOPEN || code == SQLITE_READONLY)) {
        status = store_open_frozen(store, fault);
        status = status == LLM_OK ? store_schema(store, read, fault) : status;
    }
    status = status == LLM_OK && !read ? prepare_writer(store, fault) : status;
    if (status != LLM_OK) {
        sqlite_close(store);
        return status;
    }
    *ret = store;
    return LLM_OK;
}

static void LLM_CALL sqlite_interrupt(llm_store *store) {
    atomic_store(&store->interrupted, true);
    sqlite3_interrupt(store->db);
}

// ---- rows ------------------------------------------------------------------------------------------------------------

static int bind_text(sqlite3_stmt *stmt, int at, llm_str text) {
    return text.ptr == NULL ? sqlite3_bind_null(stmt, at)
                            : sqlite3_bind_text64(stmt, at, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_number(sqlite3_stmt *stmt, int at, int64_t number) {
    return number < 0 ? sqlite3_bind_null(stmt, at) : sqlite3_bind_int64(stmt, at, number);
}

static int bind_row(sqlite3_stmt *stmt, const llm_store_row *row) {
    const llm_str texts[] = {row->operation, row->provider, row->model, row->provider_model,
                             row->key,       row->tag,      row->status};
    int at = 1;
    int code = sqlite3_bind_blob(stmt, at++, row->id, sizeof row->id, SQLITE_STATIC);
    code |= sqlite3_bind_int64(stmt, at++, row->time_us);
    code |= bind_number(stmt, at++, row->duration_us);
    code |= bind_number(stmt, at++, row->first_token_us);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        code |= bind_text(stmt, at++, texts[i]);
    }
    code |= bind_number(stmt, at++, row->http_status != 0 ? row->http_status : -1);
    for (size_t i = 0; i < LLM_USAGE_NUMBERS; i++) {
        code |= bind_number(stmt, at++, row->usage[i]);
    }
    code |= bind_number(stmt, at++, row->cost_pico_usd);
    code |= bind_text(stmt, at++, row->cost_source);
    code |= sqlite3_bind_int64(stmt, at++, row->attempts);
    code |= bind_text(stmt, at++, row->attempts_json);
    code |= bind_text(stmt, at++, row->request_id);
    code |= sqlite3_bind_int64(stmt, at++, row->flags);
    return code == SQLITE_OK ? SQLITE_OK : SQLITE_NOMEM;
}

static int step_once(sqlite3_stmt *stmt) {
    const int code = sqlite3_step(stmt);
    (void)sqlite3_reset(stmt);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static llm_status LLM_CALL sqlite_append(llm_store *store, const llm_store_row *const *rows, size_t n,
                                         llm_store_fault *fault) {
    const llm_status there = store_still_there(store, fault);
    if (there != LLM_OK) {
        return there;
    }
    int code = atomic_load(&store->interrupted) ? SQLITE_INTERRUPT : step_once(store->begin);
    for (size_t i = 0; code == SQLITE_OK && i < n; i++) {
        code = bind_row(store->insert, rows[i]);
        code = code == SQLITE_OK ? step_once(store->insert) : code;
    }
    (void)sqlite3_clear_bindings(store->insert);
    code = code == SQLITE_OK ? step_once(store->commit) : code;
    if (code == SQLITE_OK) { // into a file that was taken away meanwhile: they come again, into the next one
        return store_still_there(store, fault);
    }
    const llm_status status = store_sqlite_fail(store, fault, code, "cannot add rows to");
    if (sqlite3_get_autocommit(store->db) == 0) {
        (void)step_once(store->rollback);
    }
    return status;
}

static const llm_store_descriptor descriptor = {
    .size = sizeof descriptor,
    .abi_minor = LLM_STORE_ABI_MINOR,
    .id = "org.llm-master.store-sqlite",
    .version = "0.1.0",
    .open = sqlite_open,
    .close = sqlite_close,
    .append = sqlite_append,
    .sums = store_sums,
    .rows = store_rows,
    .check = store_check,
    .interrupt = sqlite_interrupt,
};

LLM_EXPORT const llm_store_descriptor *LLM_CALL LLM_STORE_ENTRY(void) {
    return &descriptor;
}
