// SPDX-License-Identifier: MIT
// Many threads at one limit: never one more than it allows, in any window wherever it begins, and nobody is left in line.
// The clock moves a little with each reading, which happens under the lock: what a thread read last is when it was admitted, to the
// microsecond.  LLM_TEST_LONG: ten times as much.
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"
#include "state/limits.h"

#define THREADS 64
#define ASKS 24
#define SECOND UINT64_C(1000000)

static _Atomic uint64_t clock_us;
static uint64_t tick_us;
static _Thread_local uint64_t last_read;

static uint64_t read_us(void *ctx) {
    (void)ctx;
    last_read = atomic_fetch_add(&clock_us, tick_us);
    return last_read;
}

static int64_t read_wall(void *ctx) {
    (void)ctx;
    return (int64_t)last_read;
}

static size_t repetitions(void) {
    return getenv("LLM_TEST_LONG") != NULL ? 1000 : 100;
}

// ---- over-admissions -------------------------------------------------------------------------------------------------

struct admission {
    uint64_t us;
    int64_t amount;
};

static struct llm_limits *limits;
static struct llm_limit rule;
static uint32_t most; // that one asks for
static struct admission admitted[THREADS * ASKS];
static _Atomic size_t n_admitted;
static _Atomic int64_t inside, most_inside;
static pthread_barrier_t barrier;
static size_t rounds;

static void note(int64_t amount) {
    const size_t at = atomic_fetch_add(&n_admitted, 1);
    admitted[at] = (struct admission){last_read, amount};
}

static void enter(void) {
    const int64_t now = atomic_fetch_add(&inside, 1) + 1;
    int64_t seen = atomic_load(&most_inside);
    while (now > seen && !atomic_compare_exchange_weak(&most_inside, &seen, now)) {
    }
}

static void *hammer(void *ctx) {
    uint32_t seed = (uint32_t)(size_t)ctx;
    struct llm_wait wait = {0};
    const llm_str values[LLM_LIMIT_SIDES] = {{0}};
    for (size_t round = 0; round < rounds; round++) {
        (void)pthread_barrier_wait(&barrier);
        for (size_t i = 0; i < ASKS; i++) {
            seed = seed * 1664525u + 1013904223u;
            const int64_t amount = 1 + (seed >> 8) % most;
            uint64_t at_us;
            if (llm_limits_want(&wait, &rule, amount) != LLM_OK ||
                llm_limits_ask(limits, &wait, values, &at_us, NULL) != LLM_OK) {
                continue;
            }
            note(amount);
            const int64_t used[LLM_LIMIT_KINDS] = {1, amount, 0, amount};
            if (rule.kind == LLM_LIMIT_CONCURRENCY) {
                enter();
                (void)atomic_fetch_sub(&inside, 1);
            }
            llm_limits_settle(limits, &wait, used, false);
        }
        (void)pthread_barrier_wait(&barrier);
    }
    llm_wait_done(&wait);
    return NULL;
}

static int by_time(const void *a, const void *b) {
    const struct admission *x = a, *y = b;
    return x->us < y->us ? -1 : x->us > y->us;
}

// The most that any window holds: each ends at an admission; closed at both ends.
static int64_t fullest(uint64_t length_us) {
    const size_t n = atomic_load(&n_admitted);
    int64_t sum = 0, max = 0;
    size_t first = 0;
    qsort(admitted, n, sizeof admitted[0], by_time);
    for (size_t i = 0; i < n; i++) {
        sum += admitted[i].amount;
        while (admitted[i].us - admitted[first].us > length_us) {
            sum -= admitted[first++].amount;
        }
        max = sum > max ? sum : max;
    }
    return max;
}

// The most that any window of the calendar holds.
static int64_t fullest_minute(void) {
    const size_t n = atomic_load(&n_admitted);
    int64_t sum = 0, max = 0;
    qsort(admitted, n, sizeof admitted[0], by_time);
    for (size_t i = 0; i < n; i++) {
        const bool is_new = i > 0 && admitted[i].us / (60 * SECOND) != admitted[i - 1].us / (60 * SECOND);
        sum = (is_new ? 0 : sum) + admitted[i].amount;
        max = sum > max ? sum : max;
    }
    return max;
}

static const struct {
    enum llm_limit_kind kind;
    int64_t amount;
    uint64_t seconds;
    enum llm_limit_period period;
    uint32_t most;
    uint64_t tick_us;
} kinds[] = {
    {LLM_LIMIT_REQUESTS, 50, 60, LLM_PERIOD_NONE, 1, 90000},
    {LLM_LIMIT_TOKENS, 20000, 60, LLM_PERIOD_NONE, 900, 90000},
    {LLM_LIMIT_CONCURRENCY, 3, 0, LLM_PERIOD_NONE, 1, 1000},
    {LLM_LIMIT_MONEY, 5000000000000, 60, LLM_PERIOD_NONE, 90000000, 90000},
    {LLM_LIMIT_MONEY, 2000000000, 0, LLM_PERIOD_MINUTE, 90000000, 90000},
};

START_TEST(never_one_more) {
    const struct llm_limits_clock own = {NULL, read_us, read_wall};
    const struct llm_limit *list[1] = {&rule};
    pthread_t threads[THREADS];
    size_t over = 0, total = 0;
    rule = (struct llm_limit){.id = 1,
                              .kind = kinds[_i].kind,
                              .amount = kinds[_i].amount,
                              .seconds = kinds[_i].seconds,
                              .period = kinds[_i].period,
                              .name = LLM_STR("all calls")};
    most = kinds[_i].most;
    tick_us = kinds[_i].tick_us;
    rounds = repetitions();
    atomic_store(&clock_us, 1000 * SECOND);
    ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, THREADS + 1), 0);
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)), 0);
    }
    for (size_t round = 0; round < rounds; round++) {
        limits = llm_limits_new(&own, NULL);
        bool ready = limits != NULL && llm_limits_configure(limits, list, 1) == LLM_OK;
        atomic_store(&n_admitted, 0);
        atomic_store(&most_inside, 0);
        (void)pthread_barrier_wait(&barrier); // go
        (void)pthread_barrier_wait(&barrier); // all are done
        const int64_t max = kinds[_i].kind == LLM_LIMIT_CONCURRENCY ? atomic_load(&most_inside)
                            : kinds[_i].period != LLM_PERIOD_NONE   ? fullest_minute()
                                                                    : fullest(60 * SECOND);
        over += max > rule.amount || !ready ? 1 : 0;
        total += atomic_load(&n_admitted);
        struct llm_limits_stats stats = {0};
        llm_limits_stats(limits, &stats);
        over += stats.reserved + stats.waiting;
        llm_limits_free(limits);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)pthread_barrier_destroy(&barrier);
    ck_assert_uint_eq(over, 0);
    ck_assert_uint_gt(total, rounds * 30);
    ck_assert_uint_lt(total, rounds * THREADS * ASKS + 1);
}
END_TEST

// ---- waiting -------------------------------------------------------------------------------------------------------------

struct sleeper {
    struct llm_wait wait; // first
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;
};

static void wake(struct llm_wait *wait) {
    struct sleeper *s = (struct sleeper *)(void *)wait;
    (void)pthread_mutex_lock(&s->lock);
    s->woken = true;
    (void)pthread_cond_signal(&s->cond);
    (void)pthread_mutex_unlock(&s->lock);
}

static _Atomic size_t n_through, n_given_up;

// Never by a time-out: a wake-up that is lost hangs here, and the test with it.
static llm_status wait_for_turn(struct sleeper *s, bool gives_up) {
    const llm_str values[LLM_LIMIT_SIDES] = {{0}};
    uint64_t at_us;
    llm_status status;
    s->wait.wake = wake;
    s->wait.until_us = UINT64_MAX;
    status = llm_limits_want(&s->wait, &rule, 1);
    while (status == LLM_OK &&
           (status = llm_limits_ask(limits, &s->wait, values, &at_us, NULL)) == LLM_AGAIN) {
        if (gives_up) {
            llm_limits_cancel(limits, &s->wait);
            return LLM_E_CANCELLED;
        }
        (void)pthread_mutex_lock(&s->lock);
        while (!s->woken) {
            (void)pthread_cond_wait(&s->cond, &s->lock);
        }
        s->woken = false;
        (void)pthread_mutex_unlock(&s->lock);
        status = LLM_OK;
    }
    return status;
}

static void *waiter(void *ctx) {
    uint32_t seed = (uint32_t)(size_t)ctx;
    struct sleeper s = {.woken = false};
    (void)pthread_mutex_init(&s.lock, NULL);
    (void)pthread_cond_init(&s.cond, NULL);
    for (size_t i = 0; i < repetitions(); i++) {
        seed = seed * 1664525u + 1013904223u;
        if (wait_for_turn(&s, (seed >> 9) % 4 == 0) != LLM_OK) {
            (void)atomic_fetch_add(&n_given_up, 1);
            continue;
        }
        enter();
        (void)atomic_fetch_sub(&inside, 1);
        (void)atomic_fetch_add(&n_through, 1);
        if ((seed >> 12) % 3 == 0) {
            llm_limits_cancel(limits, &s.wait);
        } else {
            llm_limits_settle(limits, &s.wait, (int64_t[LLM_LIMIT_KINDS]){0}, false);
        }
    }
    llm_limits_cancel(limits, &s.wait);
    llm_wait_done(&s.wait);
    (void)pthread_mutex_destroy(&s.lock);
    (void)pthread_cond_destroy(&s.cond);
    return NULL;
}

START_TEST(everybody_has_his_turn) {
    const struct llm_limit *list[1] = {&rule};
    pthread_t threads[THREADS];
    struct llm_limits_stats stats;
    rule =
        (struct llm_limit){.id = 1, .kind = LLM_LIMIT_CONCURRENCY, .amount = 2, .name = LLM_STR("all calls")};
    limits = llm_limits_new(NULL, NULL);
    ck_assert_int_eq(llm_limits_configure(limits, list, 1), LLM_OK);
    atomic_store(&most_inside, 0);
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, waiter, (void *)(i + 1)), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    llm_limits_stats(limits, &stats);
    ck_assert_uint_eq(stats.reserved + stats.waiting, 0);
    ck_assert_uint_eq(atomic_load(&n_through) + atomic_load(&n_given_up), THREADS * repetitions());
    ck_assert_int_le(atomic_load(&most_inside), 2);
    llm_limits_free(limits);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("limits_threads");
    TCase *tcase = tcase_create("limits_threads");
    tcase_set_timeout(tcase, 100);
    tcase_add_loop_test(tcase, never_one_more, 0, CHECK_ROWS(kinds));
    tcase_add_test(tcase, everybody_has_his_turn);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
