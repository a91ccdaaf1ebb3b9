// SPDX-License-Identifier: MIT
// What every store must do.  Against a store of your own, at a place that is empty:
//     test_store /path/to/store_acme.so [PLACE [CONFIG]]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"
#include "open_store.h"
#include "temp_dir.h"

static const llm_store_descriptor *d;
static const char *place, *config; // place NULL: a file in a directory of the test's own
static struct temp_dir dir;
static llm_store_fault fault;
static bool filled; // a place that we were given is filled once

static llm_store *open_place(uint32_t flags) {
    const char *path = place != NULL ? place : temp_dir_file(&dir, "ledger.db");
    const llm_store_args args = {.size = sizeof args,
                                 .flags = flags,
                                 .path = {path, strlen(path)},
                                 .config = {config, config != NULL ? strlen(config) : 0},
                                 .wait_ms = 2000};
    llm_store *store = NULL;
    fault = (llm_store_fault){.size = sizeof fault};
    const llm_status status = d->open(&args, &store, &fault);
    ck_assert_msg(status == LLM_OK, "open: %d %s", (int)status, fault.message);
    return store;
}

static void append(llm_store *store, const llm_store_row *rows, size_t n) {
    const llm_store_row *list[1024];
    for (size_t i = 0; i < n; i++) {
        list[i] = &rows[i];
    }
    const llm_status status = d->append(store, list, n, &fault);
    ck_assert_msg(status == LLM_OK, "append: %d %s", (int)status, fault.message);
}

#define N_ROWS 600u
static llm_store_row all[N_ROWS];

static void setup(void) {
    for (uint32_t i = 0; i < N_ROWS; i++) {
        all[i] = store_row(i);
    }
    temp_dir_new(&dir);
    if (place == NULL || !filled) {
        llm_store *store = open_place(0);
        append(store, all, N_ROWS / 2);
        append(store, all + N_ROWS / 2, N_ROWS / 2);
        d->close(store);
        filled = true;
    }
}

static void teardown(void) {
    temp_dir_free(&dir);
}

// ---- rows ------------------------------------------------------------------------------------------------------------

static struct {
    size_t n;
    uint32_t first;
    uint8_t last[16];
    bool differs;
} got;

static bool same(llm_str a, llm_str b) {
    return (a.ptr == NULL) == (b.ptr == NULL) && a.len == b.len &&
           (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static llm_status LLM_CALL take_row(void *ctx, const llm_store_row *row) {
    (void)ctx;
    const llm_store_row *w = &all[(got.first + got.n) % N_ROWS];
    got.differs |= memcmp(row->id, w->id, 16) != 0 || row->time_us != w->time_us || row->flags != w->flags ||
                   row->duration_us != w->duration_us || row->first_token_us != w->first_token_us ||
                   memcmp(row->usage, w->usage, sizeof row->usage) != 0 ||
                   row->cost_pico_usd != w->cost_pico_usd || row->http_status != w->http_status ||
                   row->attempts != w->attempts;
    got.differs |= !same(row->operation, w->operation) || !same(row->provider, w->provider) ||
                   !same(row->model, w->model) || !same(row->provider_model, w->provider_model) ||
                   !same(row->key, w->key) || !same(row->tag, w->tag) || !same(row->status, w->status) ||
                   !same(row->cost_source, w->cost_source) || !same(row->request_id, w->request_id) ||
                   !same(row->attempts_json, w->attempts_json);
    memcpy(got.last, row->id, 16);
    got.n++;
    return LLM_OK;
}

static llm_store_query everything(void) {
    return (llm_store_query){.size = sizeof(llm_store_query), .since_us = INT64_MIN, .until_us = INT64_MAX};
}

static void read_rows(llm_store *store, const llm_store_query *query, uint32_t first) {
    got.n = 0;
    got.first = first;
    got.differs = false;
    const llm_status status = d->rows(store, query, take_row, NULL, &fault);
    ck_assert_msg(status == LLM_OK, "rows: %s", fault.message);
    ck_assert(!got.differs);
}

START_TEST(rows_come_back_as_they_were) {
    llm_store *store = open_place(LLM_STORE_READ);
    llm_store_query query = everything();
    read_rows(store, &query, 0);
    ck_assert_uint_eq(got.n, N_ROWS);
    query.limit = 250; // in pages
    uint8_t after[16];
    size_t total = 0;
    do {
        read_rows(store, &query, (uint32_t)total);
        total += got.n;
        memcpy(after, got.last, sizeof after);
        query.after = after;
    } while (got.n == 250);
    ck_assert_uint_eq(total, N_ROWS);
    d->close(store);
}
END_TEST

START_TEST(a_row_is_there_once) {
    llm_store *store = open_place(0);
    append(store, all + 10, 20); // after a failure the same rows come again
    llm_store_row other = store_row(5);
    other.status = (llm_str){"changed", 7};
    append(store, &other, 1); // and change nothing
    const llm_store_query query = everything();
    read_rows(store, &query, 0);
    ck_assert_uint_eq(got.n, N_ROWS);
    d->close(store);
}
END_TEST

START_TEST(two_write_at_once) {
    llm_store *a = open_place(0), *b = open_place(0), *reader = open_place(LLM_STORE_READ);
    append(a, all, 100);
    append(b, all + 100, 100);
    append(a, all + 200, 100);
    const llm_store_query query = everything();
    read_rows(reader, &query, 0);
    ck_assert_uint_eq(got.n, N_ROWS);
    d->close(a);
    append(b, all, 1);
    d->close(reader);
    append(b, all, 1);
    d->close(b);
}
END_TEST

// ---- sums ------------------------------------------------------------------------------------------------------------

#define SUMS_MAX 2000
static llm_store_sum sums[SUMS_MAX];
static char names[SUMS_MAX][6][32]; // "-": absent
static size_t n_sums;

static llm_status LLM_CALL take_sum(void *ctx, const llm_store_sum *sum) {
    (void)ctx;
    const llm_str texts[] = {sum->provider, sum->model, sum->operation, sum->tag, sum->key, sum->status};
    sums[n_sums] = *sum;
    for (size_t i = 0; i < 6; i++) {
        (void)snprintf(names[n_sums][i], 32, "%.*s", texts[i].ptr != NULL ? (int)texts[i].len : 1,
                       texts[i].ptr != NULL ? texts[i].ptr : "-");
    }
    n_sums++;
    return LLM_OK;
}

static void read_sums(const llm_store_query *query) {
    llm_store *store = open_place(LLM_STORE_READ);
    n_sums = 0;
    const llm_status status = d->sums(store, query, take_sum, NULL, &fault);
    ck_assert_msg(status == LLM_OK, "sums: %s", fault.message);
    d->close(store);
}

START_TEST(one_sum_over_all) {
    llm_store_sum want = {.calls = N_ROWS};
    __extension__ __int128 pico = 0;
    for (uint32_t i = 0; i < N_ROWS; i++) {
        want.failed += i % 6 == 5;
        want.cached += i % 5 == 0;
        want.attempts += 1 + i % 3;
        want.duration_us += i;
        want.first_token_us += i % 2 == 0 ? i : 0;
        want.first_tokens += i % 2 == 0;
        want.cost_unknown += i % 4 == 3;
        want.usage[0] += i % 5 == 0 ? 0 : i; // what came from the cache was counted before
        pico += all[i].cost_pico_usd >= 0 ? all[i].cost_pico_usd : 0;
    }
    const llm_store_query query = everything();
    read_sums(&query);
    ck_assert_uint_eq(n_sums, 1);
    ck_assert_int_eq(sums[0].calls, want.calls);
    ck_assert_int_eq(sums[0].failed, want.failed);
    ck_assert_int_eq(sums[0].cached, want.cached);
    ck_assert_int_eq(sums[0].truncated, 0);
    ck_assert_int_eq(sums[0].attempts, want.attempts);
    ck_assert_int_eq(sums[0].duration_us, want.duration_us);
    ck_assert_int_eq(sums[0].first_token_us, want.first_token_us);
    ck_assert_int_eq(sums[0].first_tokens, want.first_tokens);
    ck_assert_int_eq(sums[0].usage[LLM_USAGE_INPUT_TOKENS], want.usage[0]);
    ck_assert_int_eq(sums[0].usage[LLM_USAGE_CHARACTERS], want.usage[0] * 11);
    ck_assert_int_eq(sums[0].usage[LLM_USAGE_IMAGES], -1); // nobody knows: not 0
    ck_assert_int_eq(sums[0].cost_unknown, want.cost_unknown);
    ck_assert_int_eq(sums[0].cost_micro_usd, (int64_t)(pico / 1000000));
    ck_assert_int_eq(sums[0].cost_pico_usd, (int64_t)(pico % 1000000));
}
END_TEST

START_TEST(sums_by_each_group) {
    static const struct {
        uint32_t by;
        size_t column, n;
        const char *first, *last;
    } rows[] = {
        {LLM_BY_PROVIDER, 0, 3, "acme", "cedar"},
        {LLM_BY_MODEL, 1, 1,
         "m\xc3\xb6"
         "del",
         "m\xc3\xb6"
         "del"},
        {LLM_BY_OPERATION, 2, 1, "chat", "chat"},
        {LLM_BY_TAG, 3, 2, "-", "team, \"a\"\n"},
        {LLM_BY_KEY, 4, 2, "-", "main"},
        {LLM_BY_STATUS, 5, 2, "ok", "rate_limited"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        llm_store_query query = everything();
        query.by = rows[i].by;
        read_sums(&query);
        ck_assert_uint_eq(n_sums, rows[i].n);
        ck_assert_uint_eq(sums[0].by, rows[i].by);
        ck_assert_str_eq(names[0][rows[i].column], rows[i].first);
        ck_assert_str_eq(names[n_sums - 1][rows[i].column], rows[i].last);
        int64_t calls = 0;
        for (size_t k = 0; k < n_sums; k++) {
            calls += sums[k].calls;
        }
        ck_assert_int_eq(calls, N_ROWS);
    }
}
END_TEST

START_TEST(sums_by_several_are_in_order) {
    llm_store_query query = everything();
    query.by = LLM_BY_DAY | LLM_BY_PROVIDER | LLM_BY_STATUS;
    query.day_offset_s = 86400 - 300; // the day changes at row 300
    read_sums(&query);
    for (size_t i = 1; i < n_sums; i++) {
        const int64_t days = sums[i].day - sums[i - 1].day;
        const int providers = strcmp(names[i][0], names[i - 1][0]);
        ck_assert(days > 0 || (days == 0 && (providers > 0 ||
                                             (providers == 0 && strcmp(names[i][5], names[i - 1][5]) > 0))));
    }
    ck_assert_int_eq(sums[0].day, 20454);
    ck_assert_int_eq(sums[n_sums - 1].day, 20455);
}
END_TEST

START_TEST(filters) {
    llm_store_query query = everything();
    query.provider = (llm_str){"brook", 5};
    read_sums(&query);
    ck_assert_int_eq(sums[0].calls, N_ROWS / 3);
    query.key = (llm_str){"", 0}; // those without
    read_sums(&query);
    ck_assert_int_eq(sums[0].calls, N_ROWS / 6);
    query = everything();
    query.tag = (llm_str){"team, \"a\"\n", 10};
    read_sums(&query);
    ck_assert_int_eq(sums[0].calls, (N_ROWS + 6) / 7);
    query = everything();
    query.since_us = all[100].time_us;
    query.until_us = all[200].time_us; // not in it any more
    read_sums(&query);
    ck_assert_int_eq(sums[0].calls, 100);
    query.since_us = all[100].time_us + 1;
    query.until_us = all[200].time_us + 1;
    read_sums(&query);
    ck_assert_int_eq(sums[0].calls, 100);
    query.provider = (llm_str){"' OR 1=1 --", 11};
    query.by = LLM_BY_PROVIDER;
    read_sums(&query);
    ck_assert_uint_eq(n_sums, 0);
}
END_TEST

static llm_status LLM_CALL refuse_row(void *ctx, const llm_store_row *row) {
    (void)ctx;
    (void)row;
    return LLM_E_CANCELLED;
}

static llm_status LLM_CALL refuse_sum(void *ctx, const llm_store_sum *sum) {
    (void)ctx;
    (void)sum;
    return LLM_E_LIMIT;
}

START_TEST(who_receives_may_stop) {
    llm_store *store = open_place(LLM_STORE_READ);
    const llm_store_query query = everything();
    ck_assert_int_eq(d->rows(store, &query, refuse_row, NULL, &fault), LLM_E_CANCELLED);
    ck_assert_int_eq(d->sums(store, &query, refuse_sum, NULL, &fault), LLM_E_LIMIT);
    d->close(store);
}
END_TEST

static llm_status LLM_CALL count_problem(void *ctx, llm_str problem) {
    (void)problem;
    ++*(int *)ctx;
    return LLM_OK;
}

START_TEST(it_is_intact) {
    int problems = 0;
    llm_store *store = open_place(LLM_STORE_READ);
    ck_assert_int_eq(d->check(store, count_problem, &problems, &fault), LLM_OK);
    ck_assert_int_eq(problems, 0);
    d->close(store);
}
END_TEST

START_TEST(an_interrupt_is_heard) {
    llm_store *store = open_place(0);
    d->interrupt(store);
    const llm_store_row *list[] = {&all[0]};
    ck_assert_int_eq(d->append(store, list, 1, &fault), LLM_E_CANCELLED);
    d->close(store);
}
END_TEST

// Last: it changes the sums.
START_TEST(money_beyond_64_bits) {
    llm_store_row rich[4];
    for (uint32_t i = 0; i < 4; i++) { // 9.2 million dollars each, and 807 pico-USD
        rich[i] = store_row(100000 + i);
        rich[i].cost_pico_usd = INT64_MAX;
        rich[i].provider = (llm_str){"rich", 4};
    }
    llm_store *store = open_place(0);
    append(store, rich, 4);
    d->close(store);
    llm_store_query query = everything();
    query.provider = (llm_str){"rich", 4};
    read_sums(&query);
    __extension__ const __int128 want = (__int128)INT64_MAX * 4;
    ck_assert_int_eq(sums[0].cost_micro_usd, (int64_t)(want / 1000000));
    ck_assert_int_eq(sums[0].cost_pico_usd, (int64_t)(want % 1000000));
}
END_TEST

int main(int argc, char **argv) {
    d = store_load(argc > 1 ? argv[1] : NULL);
    place = argc > 2 ? argv[2] : NULL;
    config = argc > 3 ? argv[3] : NULL;
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("store");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, rows_come_back_as_they_were);
    tcase_add_test(tcase, a_row_is_there_once);
    tcase_add_test(tcase, two_write_at_once);
    tcase_add_test(tcase, one_sum_over_all);
    tcase_add_test(tcase, sums_by_each_group);
    tcase_add_test(tcase, sums_by_several_are_in_order);
    tcase_add_test(tcase, filters);
    tcase_add_test(tcase, who_receives_may_stop);
    tcase_add_test(tcase, it_is_intact);
    tcase_add_test(tcase, an_interrupt_is_heard);
    tcase_add_test(tcase, money_beyond_64_bits);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
