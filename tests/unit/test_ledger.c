// SPDX-License-Identifier: MIT
// The ledger's queue and writer, over a store that a test can make slow, full, busy, and stuck.
#include "state/ledger.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "check_main.h"
#include "fail_alloc.h"

// ---- the store -------------------------------------------------------------------------------------------------------

#define ROWS_MAX 200000u

static struct {
    pthread_mutex_t lock;
    atomic_int opens, closes, appends;
    _Atomic llm_status open_status, append_status; // what the next ones say
    atomic_int append_ms, stuck;                   // slow; stuck until interrupted
    atomic_bool interrupted, deaf;                 // deaf: an interrupt is not heard
    atomic_size_t n, doubles, largest;
    bool seen[ROWS_MAX];
    uint64_t order; // of the last row
    atomic_int disorder;
    char texts[256];
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void nap(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    (void)nanosleep(&t, NULL);
}

static llm_status LLM_CALL fake_open(const llm_store_args *args, llm_store **ret, llm_store_fault *fault) {
    static int object;
    atomic_fetch_add(&fake.opens, 1);
    const llm_status status = atomic_load(&fake.open_status);
    if (status != LLM_OK) {
        (void)snprintf(fault->message, sizeof fault->message, "%.*s: says no", (int)args->path.len,
                       args->path.ptr);
        return status;
    }
    *ret = (llm_store *)(void *)&object;
    return LLM_OK;
}

static void LLM_CALL fake_close(llm_store *store) {
    (void)store;
    atomic_fetch_add(&fake.closes, 1);
}

static llm_status LLM_CALL fake_append(llm_store *store, const llm_store_row *const *rows, size_t n,
                                       llm_store_fault *fault) {
    (void)store;
    atomic_fetch_add(&fake.appends, 1);
    nap(atomic_load(&fake.append_ms));
    while (atomic_load(&fake.stuck) != 0 && !(atomic_load(&fake.interrupted) && !atomic_load(&fake.deaf))) {
        nap(1);
    }
    const llm_status status = atomic_load(&fake.append_status);
    if (status != LLM_OK) {
        (void)snprintf(fault->message, sizeof fault->message, "the disk is full");
        return status;
    }
    (void)pthread_mutex_lock(&fake.lock);
    for (size_t i = 0; i < n; i++) {
        uint64_t number = 0;
        memcpy(&number, rows[i]->id, sizeof number);
        if (fake.seen[number % ROWS_MAX]) {
            atomic_fetch_add(&fake.doubles, 1);
        }
        fake.seen[number % ROWS_MAX] = true;
        if (number <= fake.order) {
            atomic_fetch_add(&fake.disorder, 1);
        }
        fake.order = number;
        (void)snprintf(fake.texts, sizeof fake.texts, "%.*s|%.*s", (int)rows[i]->provider.len,
                       rows[i]->provider.len > 0 ? rows[i]->provider.ptr : "", (int)rows[i]->tag.len,
                       rows[i]->tag.len > 0 ? rows[i]->tag.ptr : "");
    }
    if (n > atomic_load(&fake.largest)) {
        atomic_store(&fake.largest, n);
    }
    atomic_fetch_add(&fake.n, n);
    (void)pthread_mutex_unlock(&fake.lock);
    return LLM_OK;
}

static void LLM_CALL fake_interrupt(llm_store *store) {
    (void)store;
    atomic_store(&fake.interrupted, true);
}

static const llm_store_descriptor store = {.size = sizeof store,
                                           .open = fake_open,
                                           .close = fake_close,
                                           .append = fake_append,
                                           .interrupt = fake_interrupt};

static struct llm_ledger *ledger;
static struct llm_ledger_settings settings;
static char log_text[4096];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int safe_calls;

static void on_log(void *ctx, int32_t level, const char *line) {
    (void)ctx;
    (void)pthread_mutex_lock(&log_lock);
    const size_t n = strlen(log_text);
    (void)snprintf(log_text + n, sizeof log_text - n, "%d %s\n", (int)level, line);
    (void)pthread_mutex_unlock(&log_lock);
}

static bool logged(const char *text) {
    (void)pthread_mutex_lock(&log_lock);
    const bool is = strstr(log_text, text) != NULL;
    (void)pthread_mutex_unlock(&log_lock);
    return is;
}

static void on_safe(void *waiter) {
    atomic_fetch_add((atomic_int *)waiter, 1);
    atomic_fetch_add(&safe_calls, 1);
}

static llm_status open_ledger(llm_error *err) {
    const struct llm_ledger_options options = {
        .store = &store, .settings = &settings, .log = on_log, .safe = on_safe};
    return llm_ledger_new(&options, &ledger, err);
}

static void setup(void) {
    (void)pthread_mutex_lock(&fake.lock);
    atomic_store(&fake.opens, 0);
    atomic_store(&fake.closes, 0);
    atomic_store(&fake.appends, 0);
    atomic_store(&fake.open_status, LLM_OK);
    atomic_store(&fake.append_status, LLM_OK);
    atomic_store(&fake.append_ms, 0);
    atomic_store(&fake.stuck, 0);
    atomic_store(&fake.interrupted, false);
    atomic_store(&fake.deaf, false);
    atomic_store(&fake.n, 0);
    atomic_store(&fake.doubles, 0);
    atomic_store(&fake.largest, 0);
    atomic_store(&fake.disorder, 0);
    atomic_store(&safe_calls, 0);
    memset(fake.seen, 0, sizeof fake.seen);
    fake.order = 0;
    (void)pthread_mutex_unlock(&fake.lock);
    log_text[0] = '\0';
    ledger = NULL;
    settings = (struct llm_ledger_settings){.on = true,
                                            .store = LLM_STR("fake"),
                                            .path = LLM_STR("/some/place"),
                                            .queue_rows = 16384,
                                            .acknowledge_ms = 1000,
                                            .wait_ms = 100};
    llm_error err = LLM_ERROR_INIT;
    ck_assert_msg(open_ledger(&err) == LLM_OK, "%s", err.message);
}

static void fill(struct llm_ledger_row *row, uint64_t number) {
    row->row = (llm_store_row){.size = (uint32_t)sizeof row->row, .status = LLM_STR("ok")};
    memcpy(row->row.id, &number, sizeof number);
}

static llm_status put(uint64_t number, void *waiter) {
    struct llm_ledger_row *row;
    const llm_status status = llm_ledger_begin(ledger, &row, NULL);
    if (status == LLM_OK) {
        fill(row, number);
        llm_ledger_commit(ledger, row, waiter);
    }
    return status;
}

// Wait until something is so; false: not within two seconds.
static bool soon(bool (*is)(void)) {
    for (int i = 0; i < 2000 && !is(); i++) {
        nap(1);
    }
    return is();
}

static bool is_failing(void) {
    struct llm_ledger_facts facts;
    llm_ledger_look(ledger, &facts);
    return facts.failing;
}

static bool is_well(void) {
    return !is_failing();
}

// ---- rows -------------------------------------------------------------------------------------------------------------

START_TEST(rows_arrive_once_in_order) {
    for (uint64_t i = 1; i <= 5000; i++) {
        ck_assert_int_eq(put(i, NULL), LLM_OK);
    }
    ck_assert_int_eq(llm_ledger_flush(ledger, 5000, NULL), LLM_OK);
    ck_assert_uint_eq(atomic_load(&fake.n), 5000);
    ck_assert_uint_eq(atomic_load(&fake.doubles), 0);
    ck_assert_int_eq(atomic_load(&fake.disorder), 0);
    ck_assert_uint_eq(llm_ledger_free(ledger, 1000), 0);
    ck_assert_int_eq(atomic_load(&fake.opens), 1);
    ck_assert_int_eq(atomic_load(&fake.closes), 1);
    ck_assert_str_eq(log_text, "");
}
END_TEST

START_TEST(rows_go_in_groups) {
    atomic_store(&fake.append_ms, 5); // so long a disk takes: meanwhile the next group gathers
    for (uint64_t i = 1; i <= 3000; i++) {
        ck_assert_int_eq(put(i, NULL), LLM_OK);
    }
    ck_assert_int_eq(llm_ledger_flush(ledger, 5000, NULL), LLM_OK);
    ck_assert_int_lt(atomic_load(&fake.appends), 60);
    ck_assert_uint_gt(atomic_load(&fake.largest), 100);
    ck_assert_uint_le(atomic_load(&fake.largest), LLM_MAX_LEDGER_BATCH);
    ck_assert_uint_eq(llm_ledger_free(ledger, 1000), 0);
}
END_TEST

START_TEST(the_end_writes_what_waits) {
    for (uint64_t i = 1; i <= 700; i++) {
        ck_assert_int_eq(put(i, NULL), LLM_OK);
    }
    ck_assert_uint_eq(llm_ledger_free(ledger, 2000), 0);
    ck_assert_uint_eq(atomic_load(&fake.n), 700);
}
END_TEST

START_TEST(a_waiter_is_told_once) {
    atomic_int told = 0;
    atomic_store(&fake.append_ms, 20);
    ck_assert_int_eq(put(1, &told), LLM_OK);
    ck_assert_int_eq(atomic_load(&told), 0);
    ck_assert_int_eq(llm_ledger_flush(ledger, 2000, NULL), LLM_OK);
    ck_assert_int_eq(atomic_load(&told), 1);
    ck_assert_uint_eq(llm_ledger_free(ledger, 1000), 0);
    ck_assert_int_eq(atomic_load(&told), 1);
}
END_TEST

START_TEST(who_forgets_is_not_told) {
    struct llm_ledger_row *row;
    atomic_int told = 0;
    atomic_store(&fake.append_ms, 50);
    ck_assert_int_eq(llm_ledger_begin(ledger, &row, NULL), LLM_OK);
    fill(row, 1);
    llm_ledger_commit(ledger, row, &told);
    llm_ledger_forget(ledger, row, &told);
    ck_assert_uint_eq(llm_ledger_free(ledger, 1000), 0);
    ck_assert_uint_eq(atomic_load(&fake.n), 1);
    ck_assert_int_eq(atomic_load(&told), 0);
}
END_TEST

START_TEST(texts_are_copies_that_fit) {
    struct llm_ledger_row *row;
    char provider[] = "acme";
    ck_assert_int_eq(llm_ledger_begin(ledger, &row, NULL), LLM_OK);
    fill(row, 1);
    row->row.provider = llm_ledger_text(row, llm_str_from(provider));
    provider[0] = 'X';
    ck_assert_ptr_null(llm_ledger_text(row, (llm_str){NULL, 0}).ptr);
    row->row.tag = llm_ledger_text(row, LLM_STR("t"));
    char huge[2 * LLM_MAX_ROW_TEXT_BYTES];
    memset(huge, 'a', sizeof huge);
    for (size_t i = 0; i < sizeof huge; i += 2) {
        memcpy(huge + i, "\xc3\xa4", 2);
    }
    const llm_str cut = llm_ledger_text(row, (llm_str){huge, sizeof huge});
    ck_assert_uint_le(cut.len, LLM_MAX_ROW_TEXT_BYTES - 5);
    ck_assert(llm_str_utf8(cut)); // cut between two characters
    ck_assert_uint_le(llm_ledger_text(row, (llm_str){huge, 10}).len, 1);
    llm_ledger_commit(ledger, row, NULL);
    ck_assert_uint_eq(llm_ledger_free(ledger, 1000), 0);
    ck_assert_str_eq(fake.texts, "acme|t");
}
END_TEST

// ---- a store that fails ------------------------------------------------------------------------------------------------

START_TEST(refuse_while_it_fails) {
    llm_error err = LLM_ERROR_INIT;
    struct llm_ledger_row *row;
    atomic_store(&fake.append_status, LLM_E_LIMIT);
    ck_assert_int_eq(put(1, NULL), LLM_OK);
    ck_assert(soon(is_failing));
    ck_assert_int_eq(llm_ledger_begin(ledger, &row, &err), LLM_E_DENIED);
    ck_assert_ptr_nonnull(
        strstr(err.message, "the disk is full; calls are refused until rows can be written again"));
    ck_assert(logged("3 ledger: the disk is full; 1 rows wait in memory, and calls are refused"));
    ck_assert_int_eq(llm_ledger_flush(ledger, 20, &err), LLM_E_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(err.message, "1 rows are not written after 20 ms: the disk is full"));
    atomic_store(&fake.append_status, LLM_OK); // there is room again: it goes on by itself
    ck_assert(soon(is_well));
    ck_assert_int_eq(put(2, NULL), LLM_OK);
    ck_assert_uint_eq(llm_ledger_free(ledger, 1000), 0);
    ck_assert_uint_eq(atomic_load(&fake.n), 2);
    ck_assert_uint_eq(atomic_load(&fake.doubles), 0);
    ck_assert(logged("2 ledger: rows are written again"));
    ck_assert_int_gt(atomic_load(&fake.opens), 1); // it was opened anew
    ck_assert_int_eq(atomic_load(&fake.opens), atomic_load(&fake.closes));
}
END_TEST

START_TEST(busy_is_tried_again_as_it_is) {
    atomic_store(&fake.append_status, LLM_E_OVERLOADED);
    ck_assert_int_eq(put(1, NULL), LLM_OK);
    ck_assert(soon(is_failing));
    atomic_store(&fake.append_status, LLM_OK);
    ck_assert_int_eq(llm_ledger_flush(ledger, 3000, NULL), LLM_OK);
    ck_assert_int_eq(atomic_load(&fake.opens), 1);
    ck_assert_uint_eq(llm_ledger_free(ledger, 1000), 0);
}
END_TEST

START_TEST(queue_until_it_is_full) {
    llm_error err = LLM_ERROR_INIT;
    struct llm_ledger_row *row;
    settings.queue = true;
    settings.queue_rows = 100;
    llm_ledger_configure(ledger, &settings);
    atomic_store(&fake.append_status, LLM_E_DENIED);
    for (uint64_t i = 1; i <= 100; i++) {
        ck_assert_int_eq(put(i, NULL), LLM_OK);
    }
    ck_assert(soon(is_failing));
    ck_assert_int_eq(llm_ledger_begin(ledger, &row, &err), LLM_E_DENIED);
    ck_assert(logged("and calls go on"));
    atomic_store(&fake.append_status, LLM_OK);
    ck_assert_int_eq(llm_ledger_flush(ledger, 3000, NULL), LLM_OK);
    ck_assert_int_eq(put(101, NULL), LLM_OK);
    ck_assert_uint_eq(llm_ledger_free(ledger, 1000), 0);
    ck_assert_uint_eq(atomic_load(&fake.n), 101);
}
END_TEST

START_TEST(calls_under_way_count) {
    llm_error err = LLM_ERROR_INIT;
    struct llm_ledger_row *rows[16], *more;
    settings.queue_rows = 16;
    llm_ledger_configure(ledger, &settings);
    for (size_t i = 0; i < 16; i++) {
        ck_assert_int_eq(llm_ledger_begin(ledger, &rows[i], NULL), LLM_OK);
    }
    ck_assert_int_eq(llm_ledger_begin(ledger, &more, &err), LLM_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "ledger.queue_rows"));
    llm_ledger_drop(ledger, rows[0]);
    ck_assert_int_eq(llm_ledger_begin(ledger, &rows[0], NULL), LLM_OK);
    for (size_t i = 0; i < 16; i++) {
        llm_ledger_drop(ledger, rows[i]);
    }
    llm_ledger_drop(ledger, NULL);
    ck_assert_uint_eq(llm_ledger_free(ledger, 1000), 0);
}
END_TEST

START_TEST(rows_that_are_lost_are_counted) {
    atomic_store(&fake.append_status, LLM_E_LIMIT);
    for (uint64_t i = 1; i <= 3; i++) {
        (void)put(i, NULL);
    }
    ck_assert(soon(is_failing));
    struct llm_ledger_facts facts;
    llm_ledger_look(ledger, &facts);
    ck_assert_uint_eq(llm_ledger_free(ledger, 50), facts.waiting);
    char want[128];
    (void)snprintf(want, sizeof want, "3 ledger: %llu rows are lost: the disk is full",
                   (unsigned long long)facts.waiting);
    ck_assert(logged(want));
}
END_TEST

START_TEST(a_stuck_store_is_interrupted) {
    atomic_store(&fake.stuck, 1);
    ck_assert_int_eq(put(1, NULL), LLM_OK);
    const uint64_t before = llm_clock_us();
    (void)llm_ledger_free(ledger, 50); // the interrupt lets the append end well
    ck_assert_uint_lt(llm_clock_us() - before, 1500000);
    ck_assert(atomic_load(&fake.interrupted));
    ck_assert_uint_eq(atomic_load(&fake.n), 1);
}
END_TEST

START_TEST(a_store_that_hears_nothing_is_left) {
    atomic_store(&fake.stuck, 1);
    atomic_store(&fake.deaf, true);
    ck_assert_int_eq(put(1, NULL), LLM_OK);
    ck_assert_int_eq(put(2, NULL), LLM_OK);
    const uint64_t before = llm_clock_us();
    ck_assert_uint_eq(llm_ledger_free(ledger, 50), 2);
    ck_assert_uint_lt(llm_clock_us() - before, 1500000);
    ck_assert(logged("2 rows are lost: there was no time"));
    atomic_store(&fake.stuck, 0); // its thread ends, and frees what it held
    for (int i = 0; i < 2000 && atomic_load(&fake.closes) < 1; i++) {
        nap(1);
    }
    ck_assert_int_eq(atomic_load(&fake.closes), 1);
    nap(20);
}
END_TEST

START_TEST(a_store_that_does_not_open) {
    llm_error err = LLM_ERROR_INIT;
    ck_assert_uint_eq(llm_ledger_free(ledger, 100), 0);
    atomic_store(&fake.open_status, LLM_E_DENIED);
    ck_assert_int_eq(open_ledger(&err), LLM_E_CONFIG);
    ck_assert_str_eq(err.message, "ledger: /some/place: says no");
    atomic_store(&fake.open_status, LLM_E_NOMEM);
    ck_assert_int_eq(open_ledger(&err), LLM_E_NOMEM);
    ck_assert_uint_eq(llm_ledger_free(NULL, 100), 0);
}
END_TEST

START_TEST(what_is_the_same_place) {
    ck_assert(llm_ledger_same(ledger, &settings));
    settings.queue = true;
    settings.acknowledge_ms = 77;
    ck_assert(llm_ledger_same(ledger, &settings)); // may change while it runs
    llm_ledger_configure(ledger, &settings);
    ck_assert_uint_eq(llm_ledger_acknowledge_ms(ledger), 77);
    settings.path = LLM_STR("/other");
    ck_assert(!llm_ledger_same(ledger, &settings));
    ck_assert_uint_eq(llm_ledger_free(ledger, 100), 0);
}
END_TEST

START_TEST(each_allocation_fails_once) {
    size_t n = 0;
    ck_assert_uint_eq(llm_ledger_free(ledger, 100), 0);
    for (bool failed = true; failed; n++) {
        struct llm_ledger *made = NULL;
        const struct llm_ledger_options options = {.store = &store, .settings = &settings, .safe = on_safe};
        fail_alloc_after(n);
        const llm_status status = llm_ledger_new(&options, &made, NULL);
        failed = fail_alloc_off();
        ck_assert_int_eq(status, failed ? LLM_E_NOMEM : LLM_OK);
        ck_assert_uint_eq(llm_ledger_free(made, 100), 0);
    }
    ck_assert_uint_gt(n, 3);
    ck_assert_int_eq(atomic_load(&fake.opens), atomic_load(&fake.closes));
    ck_assert_int_eq(open_ledger(NULL), LLM_OK);
    llm_status status = LLM_OK;
    size_t rows = 0;
    fail_alloc_from(0); // no more memory: what is there is used, then calls are refused
    for (struct llm_ledger_row *row = NULL; status == LLM_OK; rows++) {
        status = llm_ledger_begin(ledger, &row, NULL);
    }
    ck_assert(fail_alloc_off());
    ck_assert_int_eq(status, LLM_E_NOMEM);
    ck_assert_uint_eq(rows, 257);
    ck_assert_uint_eq(llm_ledger_free(ledger, 100), 0);
}
END_TEST

// ---- processes and threads ---------------------------------------------------------------------------------------------

START_TEST(a_forked_child_is_refused) {
    struct llm_ledger_row *held;
    ck_assert_int_eq(llm_ledger_begin(ledger, &held, NULL), LLM_OK);
    fill(held, 1);
    const pid_t pid = fork();
    if (pid == 0) {
        llm_error err = LLM_ERROR_INIT;
        struct llm_ledger_row *row;
        int bad =
            llm_ledger_begin(ledger, &row, &err) == LLM_E_DENIED && strstr(err.message, "forked") ? 0 : 1;
        bad += llm_ledger_flush(ledger, 10, &err) == LLM_E_DENIED ? 0 : 1;
        llm_ledger_commit(ledger, held, NULL);
        bad += llm_ledger_free(ledger, 10) == 0 ? 0 : 1;
        _exit(bad);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    llm_ledger_commit(ledger, held, NULL);
    ck_assert_uint_eq(llm_ledger_free(ledger, 1000), 0);
    ck_assert_uint_eq(atomic_load(&fake.n), 1); // the parent's alone
}
END_TEST

#define THREADS 8
#define EACH 2000

static atomic_ullong next_number;

static void *produce(void *arg) {
    atomic_int *told = arg;
    for (int i = 0; i < EACH; i++) {
        struct llm_ledger_row *row;
        while (llm_ledger_begin(ledger, &row, NULL) != LLM_OK) {
            nap(1);
        }
        fill(row, atomic_fetch_add(&next_number, 1) + 1);
        llm_ledger_commit(ledger, row, i % 3 == 0 ? told : NULL);
        if (i % 500 == 0) {
            (void)llm_ledger_flush(ledger, 1000, NULL);
        }
    }
    return NULL;
}

START_TEST(many_threads) {
    pthread_t threads[THREADS];
    atomic_int told[THREADS];
    atomic_store(&next_number, 0);
    for (size_t i = 0; i < THREADS; i++) {
        atomic_init(&told[i], 0);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, produce, &told[i]), 0);
    }
    for (int i = 0; i < 20; i++) { // it fails now and then
        atomic_store(&fake.append_status, i % 2 == 0 ? LLM_E_LIMIT : LLM_OK);
        nap(3);
    }
    atomic_store(&fake.append_status, LLM_OK);
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    ck_assert_uint_eq(llm_ledger_free(ledger, 5000), 0);
    ck_assert_uint_eq(atomic_load(&fake.n), THREADS * EACH);
    ck_assert_uint_eq(atomic_load(&fake.doubles), 0);
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(atomic_load(&told[i]), (EACH + 2) / 3);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("ledger");
    TCase *tcase = tcase_create("ledger");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, rows_arrive_once_in_order);
    tcase_add_test(tcase, rows_go_in_groups);
    tcase_add_test(tcase, the_end_writes_what_waits);
    tcase_add_test(tcase, a_waiter_is_told_once);
    tcase_add_test(tcase, who_forgets_is_not_told);
    tcase_add_test(tcase, texts_are_copies_that_fit);
    tcase_add_test(tcase, refuse_while_it_fails);
    tcase_add_test(tcase, busy_is_tried_again_as_it_is);
    tcase_add_test(tcase, queue_until_it_is_full);
    tcase_add_test(tcase, calls_under_way_count);
    tcase_add_test(tcase, rows_that_are_lost_are_counted);
    tcase_add_test(tcase, a_stuck_store_is_interrupted);
    tcase_add_test(tcase, a_store_that_hears_nothing_is_left);
    tcase_add_test(tcase, a_store_that_does_not_open);
    tcase_add_test(tcase, what_is_the_same_place);
    tcase_add_test(tcase, each_allocation_fails_once);
    tcase_add_test(tcase, a_forked_child_is_refused);
    tcase_add_test(tcase, many_threads);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
