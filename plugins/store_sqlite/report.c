// SPDX-License-Identifier: MIT
// Reports: the texts of the statements are put together from pieces of ours; what the caller gives is bound.
#include <stdio.h>
#include <string.h>

#include "store.h"

#define NUMBERS                                                                                              \
    "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, "            \
    "reasoning_tokens, audio_input_tokens, audio_output_tokens, images, milliseconds, characters"

static const char *const numbers[LLM_USAGE_NUMBERS] = {
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "images",
    "milliseconds",
    "characters",
};

// In the order of LLM_BY_*, the day first.
static const struct {
    uint32_t by;
    const char *column;
} groups[] = {
    {LLM_BY_PROVIDER, "provider"}, {LLM_BY_MODEL, "model"}, {LLM_BY_OPERATION, "operation"},
    {LLM_BY_TAG, "tag"},           {LLM_BY_KEY, "key"},     {LLM_BY_STATUS, "status"},
};
#define N_GROUPS (sizeof groups / sizeof groups[0])

struct sql {
    char text[4096];
    size_t len;
};

static void add(struct sql *sql, const char *text) {
    const size_t n = strlen(text), room = sizeof sql->text - 1 - sql->len;
    memcpy(sql->text + sql->len, text, n < room ? n : room);
    sql->len += n < room ? n : room;
    sql->text[sql->len] = '\0';
}

static llm_str filter_of(const llm_store_query *query, size_t i) {
    const llm_str filters[N_GROUPS] = {query->provider, query->model, query->operation,
                                       query->tag,      query->key,   query->status};
    return filters[i];
}

// ?1, ?2: times; ?3, ?4: the ids that fit them; ?5: seconds added to a day; ?6: an id; ?7...: filters.
static void add_where(struct sql *sql, const llm_store_query *query) {
    char parameter[32];
    add(sql, " FROM calls WHERE id >= ?3 AND id <= ?4 AND time_us >= ?1 AND time_us < ?2");
    if (query->after != NULL) {
        add(sql, " AND id > ?6");
    }
    for (size_t i = 0; i < N_GROUPS; i++) {
        const llm_str filter = filter_of(query, i);
        if (filter.ptr == NULL) {
            continue;
        }
        add(sql, " AND ");
        add(sql, groups[i].column);
        (void)snprintf(parameter, sizeof parameter, " = ?%zu", 7 + i);
        add(sql, filter.len > 0 ? parameter : " IS NULL");
    }
}

// The first 6 bytes of an id are its milliseconds: what lies between these ids is what can fit.
static void bound_id(uint8_t id[16], int64_t us, int fill) {
    const uint64_t most = (UINT64_C(1) << 48) - 1;
    uint64_t ms = us > 0 ? (uint64_t)us / 1000 : 0;
    ms = ms < most ? ms : most;
    memset(id, fill, 16);
    for (int i = 0; i < 6; i++) {
        id[i] = (uint8_t)(ms >> 8 * (5 - i));
    }
}

static int bind_query(sqlite3_stmt *stmt, const llm_store_query *query) {
    uint8_t from[16], to[16];
    bound_id(from, query->since_us, 0);
    bound_id(to, query->until_us, 0xff);
    int code = sqlite3_bind_int64(stmt, 1, query->since_us) | sqlite3_bind_int64(stmt, 2, query->until_us) |
               sqlite3_bind_blob(stmt, 3, from, sizeof from, SQLITE_TRANSIENT) |
               sqlite3_bind_blob(stmt, 4, to, sizeof to, SQLITE_TRANSIENT);
    const int most = sqlite3_bind_parameter_count(stmt);
    if (most >= 5) {
        code |= sqlite3_bind_int64(stmt, 5, (int64_t)query->day_offset_s * 1000000);
    }
    if (query->after != NULL && most >= 6) {
        code |= sqlite3_bind_blob(stmt, 6, query->after, 16, SQLITE_TRANSIENT);
    }
    for (size_t i = 0; i < N_GROUPS; i++) {
        const llm_str filter = filter_of(query, i);
        if (filter.len > 0 && filter.ptr != NULL) {
            code |=
                sqlite3_bind_text64(stmt, 7 + (int)i, filter.ptr, filter.len, SQLITE_TRANSIENT, SQLITE_UTF8);
        }
    }
    return code == SQLITE_OK ? SQLITE_OK : SQLITE_NOMEM;
}

static llm_str text_at(sqlite3_stmt *stmt, int column) {
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text != NULL ? (llm_str){text, (size_t)sqlite3_column_bytes(stmt, column)} : (llm_str){NULL, 0};
}

static int64_t number_at(sqlite3_stmt *stmt, int column) {
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? -1 : sqlite3_column_int64(stmt, column);
}

// ---- sums ------------------------------------------------------------------------------------------------------------

static void write_sums(struct sql *sql, const llm_store_query *query) {
    char piece[256];
    int columns = 0;
    add(sql, "SELECT ");
    if ((query->by & LLM_BY_DAY) != 0) {
        add(sql, "(time_us + ?5) / 86400000000 - ((time_us + ?5) % 86400000000 < 0), ");
        columns++;
    }
    for (size_t i = 0; i < N_GROUPS; i++) {
        if ((query->by & groups[i].by) != 0) {
            add(sql, groups[i].column);
            add(sql, ", ");
            columns++;
        }
    }
    (void)snprintf(
        piece, sizeof piece,
        "count(*), sum(status <> 'ok'), sum(flags & %u <> 0), sum(flags & %u <> 0), sum(flags & %u <> 0), "
        "sum(attempts)",
        LLM_ROW_CACHED, LLM_ROW_TRUNCATED, LLM_ROW_ESTIMATED);
    add(sql, piece);
    for (size_t i = 0; i < LLM_USAGE_NUMBERS; i++) {
        (void)snprintf(piece, sizeof piece, ", sum(CASE WHEN flags & %u = 0 THEN %s END)", LLM_ROW_CACHED,
                       numbers[i]); // what a provider counted once is not counted again
        add(sql, piece);
    }
    // Money in two parts: a sum of pico-USD would leave 64 bits after nine million dollars.
    add(sql, ", sum(cost_pico_usd / 1000000), sum(cost_pico_usd % 1000000), sum(cost_pico_usd IS NULL),"
             " sum(duration_us), sum(first_token_us), count(first_token_us)");
    add_where(sql, query);
    for (int i = 1; i <= columns; i++) {
        (void)snprintf(piece, sizeof piece, i == 1 ? " GROUP BY %d" : ", %d", i);
        add(sql, piece);
    }
    for (int i = 1; i <= columns; i++) {
        (void)snprintf(piece, sizeof piece, i == 1 ? " ORDER BY %d" : ", %d", i);
        add(sql, piece);
    }
}

static int64_t zero_at(sqlite3_stmt *stmt, int column) {
    return sqlite3_column_int64(stmt, column); // NULL, the sum of nothing, is 0
}

static void read_sum(sqlite3_stmt *stmt, uint32_t by, llm_store_sum *sum) {
    llm_str *const texts[N_GROUPS] = {&sum->provider, &sum->model, &sum->operation,
                                      &sum->tag,      &sum->key,   &sum->status};
    int at = 0;
    *sum = (llm_store_sum){.size = (uint32_t)sizeof *sum, .by = by};
    if ((by & LLM_BY_DAY) != 0) {
        sum->day = sqlite3_column_int64(stmt, at++);
    }
    for (size_t i = 0; i < N_GROUPS; i++) {
        if ((by & groups[i].by) != 0) {
            *texts[i] = text_at(stmt, at++);
        }
    }
    int64_t *const counts[] = {&sum->calls,     &sum->failed,    &sum->cached,
                               &sum->truncated, &sum->estimated, &sum->attempts};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        *counts[i] = zero_at(stmt, at++);
    }
    for (size_t i = 0; i < LLM_USAGE_NUMBERS; i++) {
        sum->usage[i] = number_at(stmt, at++);
    }
    const int64_t micro = zero_at(stmt, at++), pico = zero_at(stmt, at++);
    sum->cost_micro_usd = micro + pico / 1000000;
    sum->cost_pico_usd = pico % 1000000;
    sum->cost_unknown = zero_at(stmt, at++);
    sum->duration_us = zero_at(stmt, at++);
    sum->first_token_us = zero_at(stmt, at++);
    sum->first_tokens = zero_at(stmt, at++);
}

llm_status LLM_CALL store_sums(llm_store *store, const llm_store_query *query, llm_store_sum_fn give,
                               void *ctx, llm_store_fault *fault) {
    struct sql sql = {"", 0};
    sqlite3_stmt *stmt = NULL;
    llm_store_sum sum;
    const uint32_t by = query->by & (LLM_BY_DAY | LLM_BY_PROVIDER | LLM_BY_MODEL | LLM_BY_OPERATION |
                                     LLM_BY_TAG | LLM_BY_KEY | LLM_BY_STATUS);
    llm_store_query without = *query; // sums know no cursor
    without.after = NULL;
    write_sums(&sql, &without);
    llm_status status = store_prepare(store, sql.text, 0, &stmt, fault);
    if (status != LLM_OK) {
        return status;
    }
    int code = bind_query(stmt, &without);
    code = code == SQLITE_OK ? sqlite3_step(stmt) : code;
    for (; code == SQLITE_ROW && status >= 0; code = sqlite3_step(stmt)) {
        read_sum(stmt, by, &sum);
        status = give(ctx, &sum);
        if (status < 0) {
            break;
        }
    }
    if (status >= 0 && code != SQLITE_DONE) {
        status = store_sqlite_fail(store, fault, code, "cannot read");
    }
    (void)sqlite3_finalize(stmt);
    return store_report_over(store, status < 0 ? status : LLM_OK, fault);
}

// ---- rows ------------------------------------------------------------------------------------------------------------

// false: it is no row of ours.
static bool read_row(sqlite3_stmt *stmt, llm_store_row *row) {
    llm_str *const texts[] = {&row->operation, &row->provider, &row->model, &row->provider_model,
                              &row->key,       &row->tag,      &row->status};
    int at = 0;
    *row = (llm_store_row){.size = (uint32_t)sizeof *row};
    const void *id = sqlite3_column_blob(stmt, at);
    if (id == NULL || sqlite3_column_bytes(stmt, at++) != (int)sizeof row->id) {
        return false;
    }
    memcpy(row->id, id, sizeof row->id);
    row->time_us = sqlite3_column_int64(stmt, at++);
    row->duration_us = number_at(stmt, at++);
    row->first_token_us = number_at(stmt, at++);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = text_at(stmt, at++);
    }
    row->http_status = (int32_t)sqlite3_column_int64(stmt, at++);
    for (size_t i = 0; i < LLM_USAGE_NUMBERS; i++) {
        row->usage[i] = number_at(stmt, at++);
    }
    row->cost_pico_usd = number_at(stmt, at++);
    row->cost_source = text_at(stmt, at++);
    row->attempts = (uint32_t)sqlite3_column_int64(stmt, at++);
    row->attempts_json = text_at(stmt, at++);
    row->request_id = text_at(stmt, at++);
    row->flags = (uint32_t)sqlite3_column_int64(stmt, at++);
    return true;
}

llm_status LLM_CALL store_rows(llm_store *store, const llm_store_query *query, llm_store_row_fn give,
                               void *ctx, llm_store_fault *fault) {
    struct sql sql = {"", 0};
    sqlite3_stmt *stmt = NULL;
    llm_store_row row;
    add(&sql,
        "SELECT id, time_us, duration_us, first_token_us, operation, provider, model, provider_model, key, "
        "tag,"
        " status, http_status, " NUMBERS ", cost_pico_usd, cost_source, attempts, attempts_json, request_id,"
        " flags");
    add_where(&sql, query);
    add(&sql, " ORDER BY id");
    llm_status status = store_prepare(store, sql.text, 0, &stmt, fault);
    if (status != LLM_OK) {
        return status;
    }
    int code = bind_query(stmt, query);
    code = code == SQLITE_OK ? sqlite3_step(stmt) : code;
    for (uint32_t n = 0; code == SQLITE_ROW && status >= 0; code = sqlite3_step(stmt)) {
        if (!read_row(stmt, &row)) {
            status = store_fail(fault, LLM_E_INTERNAL, "%s: a row has no id", store->path);
            break;
        }
        status = give(ctx, &row);
        if (status < 0 || ++n == query->limit) {
            code = SQLITE_DONE;
            break;
        }
    }
    if (status >= 0 && code != SQLITE_DONE) {
        status = store_sqlite_fail(store, fault, code, "cannot read");
    }
    (void)sqlite3_finalize(stmt);
    return store_report_over(store, status < 0 ? status : LLM_OK, fault);
}

// ---- integrity -------------------------------------------------------------------------------------------------------

static llm_status give_problems(llm_store *store, const char *sql, const char *good,
                                llm_store_problem_fn give, void *ctx, llm_store_fault *fault) {
    sqlite3_stmt *stmt = NULL;
    llm_status status = store_prepare(store, sql, 0, &stmt, fault);
    if (status != LLM_OK) {
        return status;
    }
    int code = sqlite3_step(stmt);
    for (; code == SQLITE_ROW && status >= 0; code = sqlite3_step(stmt)) {
        const llm_str text = text_at(stmt, 0);
        const bool fine = text.ptr != NULL && good != NULL && strcmp(text.ptr, good) == 0;
        status = fine ? LLM_OK : give(ctx, text);
    }
    if (status >= 0 && code != SQLITE_DONE) {
        status = store_sqlite_fail(store, fault, code, "cannot read");
    }
    (void)sqlite3_finalize(stmt);
    return status < 0 ? status : LLM_OK;
}

llm_status LLM_CALL store_check(llm_store *store, llm_store_problem_fn give, void *ctx,
                                llm_store_fault *fault) {
    llm_status status = give_problems(store, "PRAGMA integrity_check(100)", "ok", give, ctx, fault);
    if (status != LLM_OK) {
        return status;
    }
    status = give_problems(store,
                           "SELECT 'row ' || lower(hex(id)) || ' is not as it was written' FROM calls"
                           " WHERE duration_us < 0 OR cost_pico_usd < 0 OR typeof(time_us) <> 'integer'"
                           " OR typeof(status) <> 'text' OR length(id) <> 16 LIMIT 100",
                           NULL, give, ctx, fault);
    return store_report_over(store, status, fault);
}
