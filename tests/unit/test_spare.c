// SPDX-License-Identifier: MIT
// What a pool gives back: what a whole period did not need, and nothing that it did.
#include "base/spare.h"

#include "check_main.h"

#define PERIOD LLM_SPARE_PERIOD_US

struct pool {
    struct llm_spare spare;
    size_t idle, out, freed;
};

static void take(struct pool *pool) {
    if (pool->idle > 0) {
        pool->idle--;
        llm_spare_taken(&pool->spare, pool->idle);
    }
    pool->out++;
}

static void put(struct pool *pool, uint64_t now_us) {
    pool->out--;
    pool->idle++;
    const size_t unneeded = llm_spare_put(&pool->spare, pool->idle, now_us);
    pool->idle -= unneeded;
    pool->freed += unneeded;
}

static void burst(struct pool *pool, size_t n, uint64_t now_us) {
    for (size_t i = 0; i < n; i++) {
        take(pool);
    }
    for (size_t i = 0; i < n; i++) {
        put(pool, now_us);
    }
}

START_TEST(a_peak_is_given_back) {
    struct pool pool = {0};
    burst(&pool, 100, 5);
    ck_assert_uint_eq(pool.idle, 100);
    burst(&pool, 3, PERIOD + 5); // the period with the peak ends: all hundred were needed in it
    ck_assert_uint_eq(pool.idle, 100);
    burst(&pool, 3, 2 * PERIOD + 5); // in this one three were
    ck_assert_uint_eq(pool.idle, 3);
    burst(&pool, 3, 3 * PERIOD + 5);
    ck_assert_uint_eq(pool.idle, 3);
    ck_assert_uint_eq(pool.freed, 97);
}
END_TEST

START_TEST(an_older_time_ends_no_period) {
    struct pool pool = {0};
    burst(&pool, 100, 5);
    burst(&pool, 3, PERIOD + 5);
    burst(&pool, 3, PERIOD + 4); // of a thread that looked at the clock before
    ck_assert_uint_eq(pool.idle, 100);
}
END_TEST

START_TEST(what_is_used_now_and_then_stays) {
    struct pool pool = {0};
    for (uint64_t i = 0; i < 50; i++) { // one call a minute
        burst(&pool, 1, i * 6 * PERIOD + 5);
    }
    ck_assert_uint_eq(pool.idle, 1);
    ck_assert_uint_eq(pool.freed, 0);
}
END_TEST

START_TEST(a_steady_load_frees_nothing) {
    struct pool pool = {0};
    for (uint64_t i = 0; i < 1000; i++) {
        burst(&pool, 8, 5 + i * PERIOD / 10);
    }
    ck_assert_uint_eq(pool.freed, 0);
}
END_TEST

// One stays out over the end of a period: the number that is freed never exceeds what is there.
START_TEST(it_is_never_more_than_there_is) {
    struct pool pool = {0};
    uint64_t random = 1;
    for (uint64_t i = 0; i < 100000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if (pool.out == 0 || (random >> 33) % 2 == 0) {
            take(&pool);
        } else {
            put(&pool, 5 + i * (PERIOD / 7));
        }
        ck_assert_uint_lt(pool.idle, 100000); // no wrap
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("spare");
    TCase *tcase = tcase_create("spare");
    tcase_add_test(tcase, a_peak_is_given_back);
    tcase_add_test(tcase, an_older_time_ends_no_period);
    tcase_add_test(tcase, what_is_used_now_and_then_stays);
    tcase_add_test(tcase, a_steady_load_frees_nothing);
    tcase_add_test(tcase, it_is_never_more_than_there_is);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
