// SPDX-License-Identifier: MIT
#include "state/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "check_main.h"
#include "fail_alloc.h"

#define SECOND UINT64_C(1000000)
#define PICO INT64_C(1000000000000)

static uint32_t seed;

static uint32_t roll(uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

// ---- a clock and limits of our own -----------------------------------------------------------------------------------

static uint64_t now_us;
static int64_t wall_us;

static uint64_t read_us(void *ctx) {
    (void)ctx;
    return now_us;
}

static int64_t read_wall(void *ctx) {
    (void)ctx;
    return wall_us;
}

static const struct llm_limits_clock own_clock = {NULL, read_us, read_wall};
static struct llm_limits *limits;

static struct llm_limit limit(uint64_t id, enum llm_limit_kind kind, int64_t amount, uint64_t seconds) {
    return (struct llm_limit){.id = id,
                              .kind = kind,
                              .amount = amount,
                              .seconds = seconds,
                              .name = LLM_STR("all calls"),
                              .origin = LLM_STR("test")};
}

static void configure(struct llm_limit *list, size_t n) {
    const struct llm_limit *all[8];
    for (size_t i = 0; i < n; i++) {
        all[i] = &list[i];
    }
    ck_assert_int_eq(llm_limits_configure(limits, all, n), LLM_OK);
}

static void setup(void) {
    now_us = 1000 * SECOND;
    wall_us = INT64_C(1800000000) * 1000000;
    limits = llm_limits_new(&own_clock, NULL);
    ck_assert_ptr_nonnull(limits);
}

static void teardown(void) {
    struct llm_limits_stats stats;
    llm_limits_stats(limits, &stats);
    ck_assert_uint_eq(stats.reserved, 0);
    ck_assert_uint_eq(stats.waiting, 0);
    llm_limits_free(limits);
}

struct guest {
    struct llm_wait wait; // first
    unsigned wakes;
    uint64_t at_us;
    llm_error err;
    llm_str values[LLM_LIMIT_SIDES];
};

static void woken(struct llm_wait *wait) {
    ((struct guest *)(void *)wait)->wakes++;
}

static llm_status ask_again(struct guest *g) {
    g->err = (llm_error)LLM_ERROR_INIT;
    return llm_limits_ask(limits, &g->wait, g->values, &g->at_us, &g->err);
}

// Ask for so much of each of n limits, waiting so long.
static llm_status ask(struct guest *g, const struct llm_limit *list, size_t n, int64_t amount,
                      uint64_t wait_us) {
    g->wait.wake = woken;
    g->wait.until_us = wait_us > 0 ? now_us + wait_us : 0;
    for (size_t i = 0; i < n; i++) {
        const bool is_one = list[i].kind == LLM_LIMIT_REQUESTS || list[i].kind == LLM_LIMIT_CONCURRENCY;
        ck_assert_int_eq(llm_limits_want(&g->wait, &list[i], is_one ? 1 : amount), LLM_OK);
    }
    return ask_again(g);
}

static void settle(struct guest *g, int64_t amount) {
    const int64_t used[LLM_LIMIT_KINDS] = {1, amount, 0, amount};
    llm_limits_settle(limits, &g->wait, used, false);
}

static void done(struct guest *guests, size_t n) {
    for (size_t i = 0; i < n; i++) {
        llm_limits_cancel(limits, &guests[i].wait);
        llm_wait_done(&guests[i].wait);
    }
}

// ---- the line ----------------------------------------------------------------------------------------------------------

START_TEST(first_come_first_served) {
    struct llm_limit one = limit(1, LLM_LIMIT_CONCURRENCY, 1, 0);
    struct guest g[5] = {0};
    configure(&one, 1);
    ck_assert_int_eq(ask(&g[0], &one, 1, 1, 30 * SECOND), LLM_OK);
    for (size_t i = 1; i < 5; i++) {
        ck_assert_int_eq(ask(&g[i], &one, 1, 1, 30 * SECOND), LLM_AGAIN);
        ck_assert_uint_eq(g[i].at_us, now_us + 30 * SECOND); // nobody knows when a call is done
    }
    settle(&g[0], 0);
    ck_assert_uint_eq(g[1].wakes, 1);
    ck_assert_int_eq(ask_again(&g[1]), LLM_OK);
    ck_assert_uint_eq(g[2].wakes, 1); // told that it is the head
    ck_assert_int_eq(ask_again(&g[2]), LLM_AGAIN);
    ck_assert_uint_eq(g[3].wakes + g[4].wakes, 0);
    llm_limits_cancel(limits, &g[3].wait); // from the middle
    llm_limits_cancel(limits, &g[2].wait); // the head
    settle(&g[1], 0);
    ck_assert_int_eq(ask_again(&g[4]), LLM_OK);
    llm_limits_cancel(limits, &g[4].wait); // what was given is given back
    ck_assert_int_eq(ask(&g[0], &one, 1, 1, 0), LLM_OK);
    done(g, 5);
}
END_TEST

START_TEST(a_smaller_one_does_not_pass) {
    struct llm_limit tokens = limit(1, LLM_LIMIT_TOKENS, 100, 60);
    struct guest g[4] = {0};
    configure(&tokens, 1);
    ck_assert_int_eq(ask(&g[0], &tokens, 1, 60, 0), LLM_OK);
    ck_assert_int_eq(ask(&g[1], &tokens, 1, 80, 90 * SECOND), LLM_AGAIN);
    ck_assert_int_eq(ask(&g[2], &tokens, 1, 10, 200 * SECOND), LLM_AGAIN); // there would be room for it
    ck_assert_int_eq(ask(&g[3], &tokens, 1, 10, 0), LLM_E_LIMIT);
    ck_assert_uint_gt(g[1].at_us, now_us + 60 * SECOND);
    ck_assert_uint_lt(g[1].at_us, now_us + 61 * SECOND);
    now_us = g[1].at_us - 1;
    ck_assert_int_eq(ask_again(&g[1]), LLM_AGAIN);
    now_us = g[1].at_us;
    ck_assert_int_eq(ask_again(&g[1]), LLM_OK);
    ck_assert_uint_eq(g[2].wakes, 1);
    ck_assert_int_eq(ask_again(&g[2]), LLM_OK);
    settle(&g[0], 60);
    done(g, 4);
}
END_TEST

START_TEST(nobody_waits_for_what_he_does_not_need) {
    struct llm_limit all = limit(1, LLM_LIMIT_CONCURRENCY, 3, 0),
                     team = limit(2, LLM_LIMIT_CONCURRENCY, 1, 0);
    struct llm_limit both[2] = {team, all};
    struct guest g[5] = {0};
    configure(both, 2);
    ck_assert_int_eq(ask(&g[0], both, 2, 1, 0), LLM_OK);
    ck_assert_int_eq(ask(&g[1], both, 2, 1, 30 * SECOND), LLM_AGAIN); // for its team
    ck_assert_int_eq(ask(&g[2], &all, 1, 1, 30 * SECOND), LLM_OK);    // another team's
    ck_assert_int_eq(ask(&g[3], &all, 1, 1, 30 * SECOND), LLM_OK);
    ck_assert_int_eq(ask(&g[4], &all, 1, 1, 30 * SECOND), LLM_AGAIN);
    settle(&g[0], 0); // room in both lines: the one that came first goes
    ck_assert_int_eq(ask_again(&g[1]), LLM_OK);
    ck_assert_int_eq(ask_again(&g[4]), LLM_AGAIN);
    settle(&g[2], 0);
    ck_assert_int_eq(ask_again(&g[4]), LLM_OK);
    done(g, 5);
}
END_TEST

START_TEST(who_goes_to_another_line_keeps_his_place) {
    struct llm_limit a = limit(1, LLM_LIMIT_CONCURRENCY, 1, 0), b = limit(2, LLM_LIMIT_CONCURRENCY, 1, 0);
    struct llm_limit both[2] = {a, b};
    struct guest g[5] = {0};
    configure(both, 2);
    ck_assert_int_eq(ask(&g[0], &a, 1, 1, 0), LLM_OK);
    ck_assert_int_eq(ask(&g[1], &b, 1, 1, 0), LLM_OK);
    ck_assert_int_eq(ask(&g[2], both, 2, 1, 30 * SECOND), LLM_AGAIN); // in the line of a
    ck_assert_int_eq(ask(&g[3], &b, 1, 1, 30 * SECOND), LLM_AGAIN);
    ck_assert_int_eq(ask(&g[4], both, 2, 1, 30 * SECOND), LLM_AGAIN);
    settle(&g[0], 0); // a is free, b is not: both go to the line of b, where 3 stands
    ck_assert_int_eq(ask_again(&g[2]), LLM_AGAIN);
    settle(&g[1], 0);
    ck_assert_int_eq(ask_again(&g[2]), LLM_OK);
    ck_assert_int_eq(ask_again(&g[3]), LLM_AGAIN);
    settle(&g[2], 0);
    ck_assert_int_eq(ask_again(&g[3]), LLM_OK);
    settle(&g[3], 0);
    ck_assert_int_eq(ask_again(&g[4]), LLM_OK);
    done(g, 5);
}
END_TEST

START_TEST(a_head_whose_loop_sleeps_does_not_stop_the_line) {
    struct llm_limit rpm = limit(1, LLM_LIMIT_REQUESTS, 1, 60);
    struct guest g[3] = {0};
    configure(&rpm, 1);
    ck_assert_int_eq(ask(&g[0], &rpm, 1, 1, 0), LLM_OK);
    settle(&g[0], 0);
    ck_assert_int_eq(ask(&g[1], &rpm, 1, 1, 100 * SECOND), LLM_AGAIN);
    now_us += 70 * SECOND; // it did not come back in time
    ck_assert_int_eq(ask(&g[2], &rpm, 1, 1, 10 * SECOND), LLM_E_LIMIT);
    ck_assert_uint_ge(g[1].wakes, 1); // but a newcomer does not take its place
    ck_assert_int_eq(ask_again(&g[1]), LLM_OK);
    done(g, 3);
}
END_TEST

// ---- refusals ------------------------------------------------------------------------------------------------------------

static const struct {
    enum llm_limit_kind kind;
    int64_t amount;
    uint64_t seconds;
    int64_t taken, wanted; // of it
    uint64_t wait_us;
    const char *message;
    int64_t retry_from, retry_to;
} refusals[] = {
    {LLM_LIMIT_REQUESTS, 1, 60, 1, 1, 0,
     "the limit of 1 request per minute for all calls is reached: come back in 60", 60000, 60938},
    {LLM_LIMIT_TOKENS, 500, 3600, 400, 200, 0,
     "the limit of 500 tokens per hour for all calls is reached: come back in ", 3600000, 3656250},
    {LLM_LIMIT_TOKENS, 500, 60, 400, 200, 2 * SECOND,
     "the limit of 500 tokens per minute for all calls is reached, and the call may wait only 2 s: come back "
     "in 60",
     60000, 60938},
    {LLM_LIMIT_TOKENS, 500, 60, 0, 501, 2 * SECOND,
     "the call may take 501 tokens, more than the limit of 500 tokens per minute for all calls ever allows",
     -1, -1},
    {LLM_LIMIT_MONEY, 5 * PICO, 777, 0, 7500000000000, 0,
     "the call may take 7.50 USD, more than the limit of 5.00 USD per 777 s for all calls ever allows", -1,
     -1},
    {LLM_LIMIT_MONEY, 5 * PICO, 777, 5 * PICO, 1, 0,
     "the limit of 5.00 USD per 777 s for all calls is reached: come back in", 777000, 789141},
    {LLM_LIMIT_CONCURRENCY, 1, 0, 1, 1, 0,
     "the limit of 1 call at once for all calls is reached: come back when one of the calls under way is "
     "done",
     -1, -1},
};

START_TEST(a_refusal_says_which_limit_and_when_to_come_back) {
    struct llm_limit rule = limit(1, refusals[_i].kind, refusals[_i].amount, refusals[_i].seconds);
    struct guest g[2] = {0};
    configure(&rule, 1);
    if (refusals[_i].taken > 0) {
        ck_assert_int_eq(ask(&g[0], &rule, 1, refusals[_i].taken, 0), LLM_OK);
        if (rule.kind != LLM_LIMIT_CONCURRENCY) {
            settle(&g[0], refusals[_i].taken);
        }
    }
    ck_assert_int_eq(ask(&g[1], &rule, 1, refusals[_i].wanted, refusals[_i].wait_us), LLM_E_LIMIT);
    ck_assert_int_eq(g[1].err.status, LLM_E_LIMIT);
    ck_assert_msg(strncmp(g[1].err.message, refusals[_i].message, strlen(refusals[_i].message)) == 0, "%s",
                  g[1].err.message);
    ck_assert_int_ge(g[1].err.retry_after_ms, refusals[_i].retry_from);
    ck_assert_int_le(g[1].err.retry_after_ms, refusals[_i].retry_to);
    done(g, 2);
}
END_TEST

START_TEST(who_has_waited_long_enough_is_refused) {
    struct llm_limit one = limit(1, LLM_LIMIT_CONCURRENCY, 1, 0);
    struct guest g[3] = {0};
    configure(&one, 1);
    ck_assert_int_eq(ask(&g[0], &one, 1, 1, 0), LLM_OK);
    ck_assert_int_eq(ask(&g[1], &one, 1, 1, 2 * SECOND), LLM_AGAIN);
    ck_assert_int_eq(ask(&g[2], &one, 1, 1, 9 * SECOND), LLM_AGAIN);
    now_us += 2 * SECOND;
    ck_assert_int_eq(ask_again(&g[1]), LLM_E_LIMIT);
    ck_assert_str_eq(g[1].err.message,
                     "the limit of 1 call at once for all calls is reached, and after 2 s it was "
                     "not its turn: come back when one of the calls under way is done");
    ck_assert_uint_eq(g[2].wakes, 1);
    settle(&g[0], 0);
    ck_assert_int_eq(ask_again(&g[2]), LLM_OK);
    settle(&g[2], 0);
    // Now it is known how long a call takes.
    ck_assert_int_eq(ask(&g[0], &one, 1, 1, 0), LLM_OK);
    ck_assert_int_eq(ask(&g[1], &one, 1, 1, 0), LLM_E_LIMIT);
    ck_assert_int_gt(g[1].err.retry_after_ms, 0);
    done(g, 3);
}
END_TEST

START_TEST(those_in_line_count_for_the_time_to_wait) {
    struct llm_limit rpm = limit(1, LLM_LIMIT_REQUESTS, 2, 60);
    struct guest g[8] = {0};
    configure(&rpm, 1);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(ask(&g[i], &rpm, 1, 1, 0), LLM_OK);
    }
    for (size_t i = 2; i < 4; i++) {
        ck_assert_int_eq(ask(&g[i], &rpm, 1, 1, 70 * SECOND), LLM_AGAIN);
    }
    ck_assert_int_eq(ask(&g[4], &rpm, 1, 1, 70 * SECOND), LLM_E_LIMIT); // its turn is two minutes away
    ck_assert_int_gt(g[4].err.retry_after_ms, 120000);
    ck_assert_int_lt(g[4].err.retry_after_ms, 123000);
    ck_assert_int_eq(ask(&g[5], &rpm, 1, 1, 130 * SECOND), LLM_AGAIN);
    done(g, 8);
}
END_TEST

// What a call under way has reserved may come back long before the window is over.
START_TEST(what_is_only_reserved_may_be_waited_for) {
    struct llm_limit tpm = limit(1, LLM_LIMIT_TOKENS, 500, 60);
    struct guest g[4] = {0};
    configure(&tpm, 1);
    ck_assert_int_eq(ask(&g[0], &tpm, 1, 400, 0), LLM_OK);
    ck_assert_int_eq(ask(&g[1], &tpm, 1, 200, 2 * SECOND), LLM_AGAIN);
    ck_assert_int_eq(ask(&g[2], &tpm, 1, 400, 2 * SECOND), LLM_E_LIMIT); // not with the one before it
    ck_assert_int_eq(ask(&g[3], &tpm, 1, 200, 0), LLM_E_LIMIT);          // it does not wait
    ck_assert_int_ge(g[3].err.retry_after_ms, 60000);
    settle(&g[0], 10);
    ck_assert_uint_eq(g[1].wakes, 1);
    ck_assert_int_eq(ask_again(&g[1]), LLM_OK);
    settle(&g[1], 200);
    ck_assert_int_eq(ask(&g[2], &tpm, 1, 400, 2 * SECOND), LLM_E_LIMIT); // what was used stays
    done(g, 4);
}
END_TEST

START_TEST(money_begins_anew_with_the_day) {
    struct llm_limit day = limit(1, LLM_LIMIT_MONEY, 5 * PICO, 0);
    day.period = LLM_PERIOD_DAY;
    struct guest g[3] = {0};
    configure(&day, 1);
    ck_assert_int_eq(ask(&g[0], &day, 1, 4 * PICO, 0), LLM_OK);
    settle(&g[0], 5 * PICO);
    ck_assert_int_eq(ask(&g[1], &day, 1, PICO, 0), LLM_E_LIMIT);
    ck_assert_int_eq(g[1].err.retry_after_ms, 57600000);
    ck_assert_str_eq(g[1].err.message,
                     "the limit of 5.00 USD per calendar day for all calls is reached: come back in 16 h");
    wall_us += INT64_C(57599) * 1000000;
    ck_assert_int_eq(ask(&g[1], &day, 1, PICO, 2 * SECOND), LLM_AGAIN);
    ck_assert_uint_eq(g[1].at_us, now_us + SECOND);
    now_us += SECOND;
    wall_us += 1000000;
    ck_assert_int_eq(ask_again(&g[1]), LLM_OK);
    done(g, 3);
}
END_TEST

// Who stands behind more than a window gives waits for the one after it.
START_TEST(those_in_line_take_windows_of_the_calendar) {
    struct llm_limit minute = limit(1, LLM_LIMIT_MONEY, 10 * PICO, 0);
    minute.period = LLM_PERIOD_MINUTE;
    struct guest g[6] = {0};
    configure(&minute, 1);
    wall_us += INT64_C(20) * 1000000; // 40 s are left of it
    ck_assert_int_eq(ask(&g[0], &minute, 1, 5 * PICO, 0), LLM_OK);
    settle(&g[0], 5 * PICO);
    ck_assert_int_eq(ask(&g[1], &minute, 1, 10 * PICO, 400 * SECOND), LLM_AGAIN);
    ck_assert_uint_eq(g[1].at_us, now_us + 40 * SECOND);
    ck_assert_int_eq(ask(&g[2], &minute, 1, 5 * PICO, 0), LLM_E_LIMIT);
    ck_assert_int_eq(g[2].err.retry_after_ms, 40000); // 5 of now and 10 of the next one: may be
    ck_assert_int_eq(ask(&g[2], &minute, 1, 10 * PICO, 0), LLM_E_LIMIT);
    ck_assert_int_eq(g[2].err.retry_after_ms, 100000);
    ck_assert_int_eq(ask(&g[2], &minute, 1, 10 * PICO, 99 * SECOND), LLM_E_LIMIT);
    ck_assert_int_eq(ask(&g[2], &minute, 1, 10 * PICO, 101 * SECOND), LLM_AGAIN);
    ck_assert_int_eq(ask(&g[3], &minute, 1, 10 * PICO, 159 * SECOND), LLM_E_LIMIT);
    ck_assert_int_eq(g[3].err.retry_after_ms, 160000);
    now_us += 40 * SECOND;
    wall_us += INT64_C(40) * 1000000;
    ck_assert_int_eq(ask_again(&g[1]), LLM_OK);
    ck_assert_int_eq(ask_again(&g[2]), LLM_AGAIN);
    now_us += 60 * SECOND;
    wall_us += INT64_C(60) * 1000000;
    ck_assert_int_eq(ask_again(&g[2]), LLM_OK);
    done(g, 6);
}
END_TEST

// ---- other limits -----------------------------------------------------------------------------------------------------------

START_TEST(a_reload_changes_the_amount_and_keeps_what_was_counted) {
    struct llm_limit rpm = limit(1, LLM_LIMIT_REQUESTS, 2, 60), one = limit(2, LLM_LIMIT_CONCURRENCY, 1, 0);
    struct llm_limit both[2] = {rpm, one};
    struct guest g[6] = {0};
    configure(both, 2);
    ck_assert_int_eq(ask(&g[0], &rpm, 1, 1, 0), LLM_OK);
    ck_assert_int_eq(ask(&g[1], &rpm, 1, 1, 0), LLM_OK);
    ck_assert_int_eq(ask(&g[2], &rpm, 1, 1, 70 * SECOND), LLM_AGAIN);
    both[0].amount = 3;
    configure(both, 2);
    ck_assert_int_eq(ask_again(&g[2]), LLM_OK); // by the new amount, though it asked by the old one
    ck_assert_int_eq(ask(&g[3], &rpm, 1, 1, 0), LLM_E_LIMIT);
    both[0].amount = 1;
    configure(both, 2);
    ck_assert_int_eq(ask(&g[3], &rpm, 1, 1, 0), LLM_E_LIMIT);
    ck_assert_int_eq(ask(&g[4], &one, 1, 1, 0), LLM_OK);
    ck_assert_int_eq(ask(&g[5], &one, 1, 1, 30 * SECOND), LLM_AGAIN);
    configure(both, 1); // no limit of calls at once any more
    ck_assert_int_eq(ask_again(&g[5]), LLM_OK);
    ck_assert_int_eq(ask(&g[3], &one, 1, 1, 0), LLM_OK); // who still knows the old limits
    configure(both, 0);
    llm_limits_cancel(limits, &g[3].wait);
    ck_assert_int_eq(ask(&g[3], &rpm, 1, 1, 0), LLM_OK);
    done(g, 6);
}
END_TEST

START_TEST(what_a_reload_makes_too_large_stops_nobody) {
    struct llm_limit tpm = limit(1, LLM_LIMIT_TOKENS, 1000, 60);
    struct guest g[3] = {0};
    configure(&tpm, 1);
    ck_assert_int_eq(ask(&g[0], &tpm, 1, 900, 0), LLM_OK);
    settle(&g[0], 300);
    ck_assert_int_eq(ask(&g[1], &tpm, 1, 800, 70 * SECOND), LLM_AGAIN);
    ck_assert_int_eq(ask(&g[2], &tpm, 1, 100, 70 * SECOND), LLM_AGAIN); // it stands behind
    tpm.amount = 500;
    configure(&tpm, 1);
    ck_assert_uint_ge(g[1].wakes, 1);
    ck_assert_int_eq(ask_again(&g[1]), LLM_E_LIMIT);
    ck_assert_str_eq(g[1].err.message,
                     "the call may take 800 tokens, more than the limit of 500 tokens per minute for all "
                     "calls ever allows");
    ck_assert_int_eq(ask_again(&g[2]), LLM_OK);
    done(g, 3);
}
END_TEST

START_TEST(each_value_has_its_counter) {
    struct llm_limit rule = limit(1, LLM_LIMIT_REQUESTS, 1, 60);
    struct guest g[6] = {0};
    rule.each = 1u << LLM_LIMIT_TAG | 1u << LLM_LIMIT_MODEL;
    rule.name = LLM_STR("tag \"*\", model \"*\" (each)");
    configure(&rule, 1);
    static const char *const tags[] = {"ann", "bob", "ann", "", "annm", "ann"};
    static const char *const models[] = {"m", "m", "mm", "m", "", "m"};
    for (size_t i = 0; i < 6; i++) {
        g[i].values[LLM_LIMIT_TAG] = llm_str_from(tags[i][0] != '\0' ? tags[i] : NULL);
        g[i].values[LLM_LIMIT_MODEL] = llm_str_from(models[i]);
        g[i].values[LLM_LIMIT_KEY] = llm_str_from(i % 2 == 0 ? "a" : "b"); // not told apart
        ck_assert_int_eq(ask(&g[i], &rule, 1, 1, 0), i < 5 ? LLM_OK : LLM_E_LIMIT);
    }
    ck_assert_str_eq(g[5].err.message,
                     "the limit of 1 request per minute for tag \"*\", model \"*\" (each), here tag "
                     "\"ann\", here model \"m\" is reached: come back in 60.4 s");
    done(g, 6);
}
END_TEST

static void name_of(struct guest *g, unsigned number, char name[16]) {
    (void)snprintf(name, 16, "t%u", number);
    g->values[LLM_LIMIT_TAG] = llm_str_from(name);
}

START_TEST(no_counter_in_use_is_forgotten) {
    struct llm_limit rule = limit(1, LLM_LIMIT_REQUESTS, 1, 60);
    struct guest g = {0}, held = {0};
    char name[16], other[16];
    struct llm_limits_stats stats;
    rule.each = 1u << LLM_LIMIT_TAG;
    configure(&rule, 1);
    name_of(&held, 0, other);
    ck_assert_int_eq(ask(&held, &rule, 1, 1, 0), LLM_OK); // never settled
    for (unsigned i = 1; i < LLM_MAX_LIMIT_COUNTERS; i++) {
        name_of(&g, i, name);
        ck_assert_int_eq(ask(&g, &rule, 1, 1, 0), LLM_OK);
        settle(&g, 0);
        now_us += i == 4000 ? 30 * SECOND : 0;
    }
    llm_limits_stats(limits, &stats);
    ck_assert_uint_eq(stats.counters, LLM_MAX_LIMIT_COUNTERS);
    name_of(&g, LLM_MAX_LIMIT_COUNTERS, name);
    ck_assert_int_eq(ask(&g, &rule, 1, 1, 0), LLM_E_LIMIT);
    ck_assert_str_eq(g.err.message,
                     "the limit of 1 request per minute for all calls has too many distinct values to count");
    now_us += 31 * SECOND; // the first half counts nothing any more
    ck_assert_int_eq(ask(&g, &rule, 1, 1, 0), LLM_OK);
    settle(&g, 0);
    llm_limits_stats(limits, &stats);
    ck_assert_uint_ge(stats.counters, LLM_MAX_LIMIT_COUNTERS - 4100);
    ck_assert_uint_le(stats.counters, LLM_MAX_LIMIT_COUNTERS - 3900);
    name_of(&g, 4001, name);
    ck_assert_int_eq(ask(&g, &rule, 1, 1, 0), LLM_E_LIMIT);
    now_us += 40 * SECOND;
    settle(&held, 0);
    done(&g, 1);
    done(&held, 1);
}
END_TEST

// ---- nothing is lost ----------------------------------------------------------------------------------------------------------

START_TEST(ten_thousand_ends_of_every_kind_leak_nothing) {
    struct llm_limit rules[4] = {limit(1, LLM_LIMIT_REQUESTS, 40, 60), limit(2, LLM_LIMIT_TOKENS, 3000, 60),
                                 limit(3, LLM_LIMIT_CONCURRENCY, 5, 0), limit(4, LLM_LIMIT_MONEY, 4000, 10)};
    enum { GUESTS = 24 };
    static struct guest g[GUESTS];
    static enum { OUT, IN_LINE, INSIDE } where[GUESTS];
    size_t ends = 0, waits = 0;
    memset(g, 0, sizeof g);
    memset(where, 0, sizeof where);
    seed = 20 + (uint32_t)_i;
    configure(rules, 4);
    while (ends < 10000) {
        const size_t i = roll(GUESTS);
        now_us += roll(20) == 0 ? roll(3000000) : roll(20000);
        if (where[i] == OUT) {
            const uint32_t from = roll(4), n = 1 + roll(4 - from);
            const llm_status status = ask(&g[i], &rules[from], n, 1 + roll(500), roll(3) * 20 * SECOND);
            where[i] = status == LLM_OK ? INSIDE : status == LLM_AGAIN ? IN_LINE : OUT;
            waits += status == LLM_AGAIN ? 1 : 0;
        } else if (roll(3) == 0) {
            llm_limits_cancel(limits, &g[i].wait);
            llm_limits_cancel(limits, &g[i].wait);
            where[i] = OUT;
        } else if (where[i] == INSIDE) {
            settle(&g[i], roll(3) == 0 ? 0 : roll(700));
            settle(&g[i], 1); // once is enough
            where[i] = OUT;
        } else {
            const llm_status status = ask_again(&g[i]);
            where[i] = status == LLM_OK ? INSIDE : status == LLM_AGAIN ? IN_LINE : OUT;
        }
        ends += where[i] == OUT ? 1 : 0;
        if (roll(500) == 0) {
            struct llm_limit *rule = &rules[roll(4)];
            rule->amount += roll(2) == 0 || rule->amount == 1 ? 1 : -1;
            configure(rules, 4);
        }
    }
    ck_assert_uint_gt(waits, 500);
    for (size_t i = 0; i < GUESTS; i++) {
        llm_limits_cancel(limits, &g[i].wait);
    }
    now_us += 70 * SECOND; // all windows have passed: whatever is left was leaked
    for (size_t i = 0; i < 4; i++) {
        struct guest all = {0};
        const struct llm_limit *rule = &rules[i];
        if (rule->kind == LLM_LIMIT_TOKENS || rule->kind == LLM_LIMIT_MONEY) {
            ck_assert_int_eq(ask(&all, rule, 1, rule->amount, 0), LLM_OK);
        } else {
            struct guest many[64] = {0};
            ck_assert_int_le(rule->amount, 63);
            for (int64_t k = 0; k <= rule->amount; k++) {
                ck_assert_int_eq(ask(&many[k], rule, 1, 1, 0), k < rule->amount ? LLM_OK : LLM_E_LIMIT);
            }
            done(many, 64);
        }
        done(&all, 1);
    }
    done(g, GUESTS);
}
END_TEST

START_TEST(memory_that_is_not_there) {
    struct llm_limit rules[2] = {limit(1, LLM_LIMIT_REQUESTS, 5, 60), limit(2, LLM_LIMIT_TOKENS, 100, 60)};
    const struct llm_limit *list[2] = {&rules[0], &rules[1]};
    bool failed = true;
    size_t tries = 0;
    for (; failed; tries++) {
        struct guest g = {.wait = {.wake = woken}};
        llm_status status = LLM_E_NOMEM;
        fail_alloc_after(tries);
        struct llm_limits *own = llm_limits_new(&own_clock, NULL);
        if (own != NULL && (status = llm_limits_configure(own, list, 2)) == LLM_OK &&
            (status = llm_limits_want(&g.wait, &rules[0], 1)) == LLM_OK &&
            (status = llm_limits_want(&g.wait, &rules[1], 7)) == LLM_OK) {
            status = llm_limits_ask(own, &g.wait, g.values, &g.at_us, &g.err);
        }
        failed = fail_alloc_off();
        ck_assert_int_eq(status, failed ? LLM_E_NOMEM : LLM_OK);
        if (own != NULL) {
            struct llm_limits_stats stats;
            llm_limits_cancel(own, &g.wait);
            llm_limits_stats(own, &stats);
            ck_assert_uint_eq(stats.reserved + stats.waiting, 0);
        }
        llm_wait_done(&g.wait);
        llm_limits_free(own);
    }
    ck_assert_uint_ge(tries, 5);
}
END_TEST

START_TEST(a_steady_state_allocates_nothing) {
    struct llm_limit rules[3] = {limit(1, LLM_LIMIT_REQUESTS, 100000, 60),
                                 limit(2, LLM_LIMIT_TOKENS, 1000000, 60),
                                 limit(3, LLM_LIMIT_CONCURRENCY, 10, 0)};
    struct guest g = {0};
    configure(rules, 3);
    ck_assert_int_eq(ask(&g, rules, 3, 10, 0), LLM_OK);
    settle(&g, 10);
    const int64_t used[LLM_LIMIT_KINDS] = {1, 5, 0, 0};
    bool good = true;
    const size_t before = fail_alloc_count();
    for (size_t i = 0; i < 100; i++) {
        for (size_t k = 0; k < 3; k++) {
            good = llm_limits_want(&g.wait, &rules[k], 1) == LLM_OK && good;
        }
        good = llm_limits_ask(limits, &g.wait, g.values, &g.at_us, &g.err) == LLM_OK && good;
        llm_limits_settle(limits, &g.wait, used, false);
        now_us += 100000;
    }
    const size_t after = fail_alloc_count();
    ck_assert(good);
    ck_assert_uint_eq(after, before);
    done(&g, 1);
}
END_TEST

// ---- the report ------------------------------------------------------------------------------------------------------------------

START_TEST(what_people_see) {
    struct llm_limit rules[2] = {limit(1, LLM_LIMIT_MONEY, 5 * PICO, 0), limit(2, LLM_LIMIT_REQUESTS, 1, 60)};
    struct guest g[3] = {0};
    rules[0].period = LLM_PERIOD_MONTH;
    rules[1].each = 1u << LLM_LIMIT_TAG;
    rules[1].patterns[LLM_LIMIT_TAG] = LLM_STR("*");
    configure(rules, 2);
    struct llm_buf text = {.max = 1u << 20};
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &text);
    g[0].values[LLM_LIMIT_TAG] = g[1].values[LLM_LIMIT_TAG] = LLM_STR("ann");
    ck_assert_int_eq(ask(&g[0], &rules[1], 1, 1, 0), LLM_OK);
    ck_assert_int_eq(ask(&g[1], &rules[1], 1, 1, 70 * SECOND), LLM_AGAIN);
    ck_assert_int_eq(ask(&g[2], &rules[1], 1, 1, 0), LLM_OK); // without a tag
    now_us += 2500000;
    llm_json_array(&w);
    llm_limits_report(limits, rules, 2, &w);
    llm_json_array_end(&w);
    ck_assert_int_eq(w.status, LLM_OK);
    const llm_str all = llm_buf_str(&text), ann = llm_json_at(all, 2), money = llm_json_at(all, 0);
    ck_assert(llm_json_check(all, 8, NULL));
    ck_assert_uint_eq(llm_json_count(all), 3);
    ck_assert(llm_json_is(llm_json_get(money, "limit"), "5.00 USD per calendar month"));
    ck_assert(llm_json_is(llm_json_get(money, "free"), "5.00"));
    ck_assert(llm_json_is(llm_json_get(money, "window"), "month"));
    ck_assert(llm_json_is(llm_json_get(ann, "tag"), "ann"));
    ck_assert(llm_str_is(llm_json_get(ann, "used"), "1"));
    ck_assert(llm_str_is(llm_json_get(ann, "free"), "0"));
    ck_assert(llm_str_is(llm_json_get(ann, "waiting"), "1"));
    ck_assert(llm_str_is(llm_json_get(ann, "waiting_ms"), "2500"));
    ck_assert(llm_str_is(llm_json_get(ann, "window"), "60"));
    ck_assert(llm_json_is(llm_json_get(ann, "origin"), "test"));
    int64_t room = 0;
    ck_assert(llm_json_int64(llm_json_get(ann, "room_ms"), &room));
    ck_assert_int_gt(room, 57000);
    ck_assert_int_lt(room, 59000);
    llm_buf_done(&text);
    done(g, 3);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("limits");
    TCase *tcase = tcase_create("limits");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, first_come_first_served);
    tcase_add_test(tcase, a_smaller_one_does_not_pass);
    tcase_add_test(tcase, nobody_waits_for_what_he_does_not_need);
    tcase_add_test(tcase, who_goes_to_another_line_keeps_his_place);
    tcase_add_test(tcase, a_head_whose_loop_sleeps_does_not_stop_the_line);
    tcase_add_loop_test(tcase, a_refusal_says_which_limit_and_when_to_come_back, 0, CHECK_ROWS(refusals));
    tcase_add_test(tcase, who_has_waited_long_enough_is_refused);
    tcase_add_test(tcase, what_is_only_reserved_may_be_waited_for);
    tcase_add_test(tcase, what_a_reload_makes_too_large_stops_nobody);
    tcase_add_test(tcase, those_in_line_count_for_the_time_to_wait);
    tcase_add_test(tcase, money_begins_anew_with_the_day);
    tcase_add_test(tcase, those_in_line_take_windows_of_the_calendar);
    tcase_add_test(tcase, a_reload_changes_the_amount_and_keeps_what_was_counted);
    tcase_add_test(tcase, each_value_has_its_counter);
    tcase_add_test(tcase, no_counter_in_use_is_forgotten);
    tcase_add_loop_test(tcase, ten_thousand_ends_of_every_kind_leak_nothing, 0, 4);
    tcase_add_test(tcase, memory_that_is_not_there);
    tcase_add_test(tcase, a_steady_state_allocates_nothing);
    tcase_add_test(tcase, what_people_see);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
