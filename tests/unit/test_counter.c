// SPDX-License-Identifier: MIT
#include "state/counter.h"

#include <string.h>

#include "check_main.h"

#define SECOND UINT64_C(1000000)
#define DAY_US (INT64_C(86400) * 1000000)

static uint32_t seed;

static uint32_t roll(uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static int64_t slots[4][LLM_COUNTER_SLOTS + 1];

static struct llm_counter counter(size_t i, enum llm_limit_kind kind, int64_t amount, uint64_t seconds,
                                  enum llm_limit_period period, const struct llm_time *now) {
    struct llm_counter c = {.kind = kind, .amount = amount, .period = period};
    c.slot_us = seconds * (1000000 / LLM_COUNTER_SLOTS);
    c.slots = slots[i];
    memset(slots[i], 0, sizeof slots[i]);
    llm_counter_init(&c, now);
    return c;
}

static bool reserve(struct llm_take *takes, size_t n, const struct llm_time *now, size_t *stop) {
    return llm_counter_memory.reserve(NULL, takes, n, now, stop);
}

static bool reserve_one(struct llm_counter *c, int64_t amount, struct llm_time now, struct llm_take *take) {
    size_t stop;
    *take = (struct llm_take){.counter = c, .amount = amount};
    return reserve(take, 1, &now, &stop);
}

static uint64_t when(struct llm_counter *c, int64_t amount, struct llm_time now) {
    return llm_counter_memory.when(NULL, c, amount, &now);
}

static int64_t used(struct llm_counter *c, struct llm_time now) {
    return llm_counter_memory.used(NULL, c, &now);
}

// ---- sliding windows against a brute-force record -------------------------------------------------------------------

enum { RECORDS = 6000 };
static struct {
    uint64_t us;
    int64_t amount;
} records[RECORDS];
static size_t n_records;

// All that was taken from `from` to `to`, both included.
static int64_t taken(uint64_t from, uint64_t to) {
    int64_t sum = 0;
    for (size_t i = n_records; i-- > 0 && records[i].us >= from;) {
        sum += records[i].us <= to ? records[i].amount : 0;
    }
    return sum;
}

static void record(uint64_t us, int64_t amount) {
    ck_assert_uint_lt(n_records, RECORDS);
    records[n_records].us = us;
    records[n_records++].amount = amount;
}

static const struct {
    enum llm_limit_kind kind;
    int64_t amount;
    uint64_t seconds;
    uint32_t most, step_ms; // of one request, between two
    uint32_t settles;       // of 4 are settled with another amount
} windows[] = {
    {LLM_LIMIT_REQUESTS, 1, 60, 1, 30000, 0},        {LLM_LIMIT_REQUESTS, 7, 60, 1, 9000, 0},
    {LLM_LIMIT_REQUESTS, 60, 60, 1, 900, 1},         {LLM_LIMIT_REQUESTS, 500, 60, 1, 60, 0},
    {LLM_LIMIT_TOKENS, 1000, 60, 400, 4000, 0},      {LLM_LIMIT_TOKENS, 100000, 60, 3000, 500, 3},
    {LLM_LIMIT_TOKENS, 90000, 3600, 9000, 90000, 4}, {LLM_LIMIT_MONEY, 5000000000000, 777, 900000000, 400, 3},
};

START_TEST(no_window_wherever_it_begins_holds_more_than_the_limit) {
    const uint64_t length = windows[_i].seconds * SECOND, slot = length / LLM_COUNTER_SLOTS;
    for (uint32_t round = 0; round < 6; round++) {
        seed = 100 * (uint32_t)_i + round;
        struct llm_time now = {.us = 5 * SECOND + roll(1000000)};
        struct llm_counter c =
            counter(0, windows[_i].kind, windows[_i].amount, windows[_i].seconds, LLM_PERIOD_NONE, &now);
        size_t admitted = 0;
        n_records = 0;
        for (size_t step = 0; step < 2500; step++) {
            // Bursts, and now and then a silence of more than a window.
            now.us += roll(400) == 0 ? length + roll(1000000)
                      : roll(3) == 0 ? 0
                                     : (uint64_t)roll(windows[_i].step_ms) * 1000 + roll(1000);
            const int64_t amount = 1 + roll(windows[_i].most);
            struct llm_take take;
            if (!reserve_one(&c, amount, now, &take)) {
                // Whoever kept every record would not admit it a 64th of the window later either.
                const uint64_t from = now.us > length + slot ? now.us - length - slot + 1 : 0;
                ck_assert_int_gt(taken(from, now.us) + amount, c.amount);
                const uint64_t at = when(&c, amount, now);
                ck_assert_uint_gt(at, now.us);
                ck_assert_uint_le(at, now.us + length + slot);
                continue;
            }
            admitted++;
            const size_t mine = n_records;
            record(now.us, amount);
            // What ends here is the fullest: nothing was taken after it.
            ck_assert_int_le(taken(now.us > length ? now.us - length : 0, now.us), c.amount);
            if (roll(4) < windows[_i].settles) {
                const struct llm_time later = {.us = now.us};
                const int64_t real = roll((uint32_t)amount + 1);
                llm_counter_memory.settle(NULL, &take, real, &later);
                records[mine].amount = real;
            }
        }
        ck_assert_uint_gt(admitted, 50);
    }
}
END_TEST

START_TEST(room_comes_when_it_was_told) {
    struct llm_time now = {.us = 100 * SECOND};
    struct llm_counter c = counter(0, LLM_LIMIT_TOKENS, 1000, 60, LLM_PERIOD_NONE, &now);
    struct llm_take take;
    seed = 7;
    for (size_t i = 0; i < 3000; i++) {
        const int64_t amount = 1 + roll(600);
        if (reserve_one(&c, amount, now, &take)) {
            now.us += roll(2000000);
            continue;
        }
        const uint64_t at = when(&c, amount, now);
        ck_assert(!reserve_one(&c, amount, (struct llm_time){.us = at - 1}, &take));
        now.us = at;
        ck_assert(reserve_one(&c, amount, now, &take));
    }
    ck_assert_uint_eq(when(&c, 1001, now), LLM_COUNTER_NEVER);
}
END_TEST

START_TEST(a_settlement_later_than_the_window) {
    struct llm_time now = {.us = 100 * SECOND};
    struct llm_counter c = counter(0, LLM_LIMIT_TOKENS, 1000, 60, LLM_PERIOD_NONE, &now);
    struct llm_take long_one, other;
    ck_assert(reserve_one(&c, 800, now, &long_one));
    now.us += 62 * SECOND;
    ck_assert_int_eq(used(&c, now), 0);
    ck_assert(reserve_one(&c, 900, now, &other));
    llm_counter_memory.settle(NULL, &long_one, 100, &now); // its slot has left: nothing is given back twice
    ck_assert_int_eq(used(&c, now), 900);
    ck_assert(reserve_one(&c, 50, now, &long_one));
    llm_counter_memory.settle(NULL, &long_one, 450, &now); // more than was reserved
    ck_assert_int_eq(used(&c, now), 1350);
    ck_assert(!reserve_one(&c, 1, now, &other));
    now.us += 62 * SECOND;
    ck_assert_int_eq(used(&c, now), 0);
}
END_TEST

START_TEST(all_or_nothing) {
    const struct llm_time now = {.us = 100 * SECOND};
    struct llm_counter c[3] = {
        counter(0, LLM_LIMIT_REQUESTS, 5, 60, LLM_PERIOD_NONE, &now),
        counter(1, LLM_LIMIT_TOKENS, 100, 60, LLM_PERIOD_NONE, &now),
        counter(2, LLM_LIMIT_CONCURRENCY, 2, 0, LLM_PERIOD_NONE, &now),
    };
    struct llm_take takes[3] = {
        {.counter = &c[0], .amount = 1}, {.counter = &c[1], .amount = 101}, {.counter = &c[2], .amount = 1}};
    size_t stop = 9;
    ck_assert(!reserve(takes, 3, &now, &stop));
    ck_assert_uint_eq(stop, 1);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(used(&c[i], now), 0);
    }
    takes[1].amount = 100;
    ck_assert(reserve(takes, 3, &now, &stop));
    ck_assert_int_eq(used(&c[1], now), 100);
    ck_assert_int_eq(used(&c[2], now), 1);
}
END_TEST

START_TEST(numbers_that_do_not_fit) {
    const struct llm_time now = {.us = 100 * SECOND};
    struct llm_counter c = counter(0, LLM_LIMIT_MONEY, INT64_MAX, 60, LLM_PERIOD_NONE, &now);
    struct llm_take a, b;
    ck_assert(reserve_one(&c, 10, now, &a) && reserve_one(&c, 10, now, &b));
    llm_counter_memory.settle(NULL, &a, INT64_MAX, &now);
    llm_counter_memory.settle(NULL, &b, INT64_MAX, &now);
    ck_assert_int_eq(used(&c, now), INT64_MAX);
    ck_assert_int_eq(used(&c, (struct llm_time){.us = 200 * SECOND}), 0);
}
END_TEST

// ---- the calendar ---------------------------------------------------------------------------------------------------

static int64_t wall(int64_t seconds) {
    return seconds * 1000000;
}

static const struct {
    enum llm_limit_period period;
    int64_t at, end; // seconds since 1970
} ends[] = {
    {LLM_PERIOD_MINUTE, 59, 60},
    {LLM_PERIOD_MINUTE, 60, 120},
    {LLM_PERIOD_HOUR, 1799999999, 1800000000},
    {LLM_PERIOD_DAY, 1800000000, 1800057600},
    {LLM_PERIOD_DAY, -1, 0},
    {LLM_PERIOD_MONTH, 0, 2678400},
    {LLM_PERIOD_MONTH, 1709164799,
     1709251200}, // 2024-02-28T23:59:59Z: a leap year's February ends a day later
    {LLM_PERIOD_MONTH, 1709251199, 1709251200}, // 2024-02-29T23:59:59Z
    {LLM_PERIOD_MONTH, 1740787199, 1740787200}, // 2025-02-28T23:59:59Z
    {LLM_PERIOD_MONTH, 1767225599, 1767225600}, // 2025-12-31T23:59:59Z
    {LLM_PERIOD_MONTH, 1767225600, 1769904000}, // 2026-01-01T00:00:00Z
    {LLM_PERIOD_MONTH, 2147483648, 2148595200}, // 2038-01-19
    {LLM_PERIOD_MONTH, 4107542399, 4107542400}, // 2100-02-28T23:59:59Z: no leap year
};

START_TEST(where_a_window_ends) {
    int64_t end = 0, next = 0;
    const int64_t window = llm_counter_window(ends[_i].period, wall(ends[_i].at), &end);
    ck_assert_int_eq(end, wall(ends[_i].end));
    ck_assert_int_eq(llm_counter_window(ends[_i].period, end - 1, &next), window);
    ck_assert_int_eq(llm_counter_window(ends[_i].period, end, &next), window + 1);
    ck_assert_int_gt(next, end);
}
END_TEST

START_TEST(a_window_begins_empty) {
    struct llm_time now = {.us = 100 * SECOND, .wall_us = wall(1800000000)};
    struct llm_counter c = counter(0, LLM_LIMIT_MONEY, 1000, 0, LLM_PERIOD_DAY, &now);
    struct llm_take old, take;
    ck_assert(reserve_one(&c, 700, now, &old));
    ck_assert(!reserve_one(&c, 301, now, &take));
    ck_assert_uint_eq(when(&c, 301, now), now.us + 57600 * SECOND);
    now.us += 57600 * SECOND;
    now.wall_us += wall(57600);
    ck_assert(reserve_one(&c, 1000, now, &take));
    llm_counter_memory.settle(NULL, &old, 5, &now); // belongs to the day before
    ck_assert_int_eq(used(&c, now), 1000);
    llm_counter_memory.settle(NULL, &take, 400, &now);
    ck_assert_int_eq(used(&c, now), 400);
}
END_TEST

START_TEST(the_wall_clock_jumps_a_day_to_and_fro) {
    struct llm_time now = {.us = 100 * SECOND, .wall_us = wall(1800000000)};
    struct llm_counter c = counter(0, LLM_LIMIT_MONEY, 100, 0, LLM_PERIOD_DAY, &now);
    const int64_t base = now.wall_us;
    int64_t admitted = 0;
    struct llm_take take;
    seed = 3;
    for (uint32_t i = 0; i < 600; i++) { // each 100 ms for a minute
        now.us += SECOND / 10;
        now.wall_us = base + (int64_t)(now.us - 100 * SECOND) + ((int64_t)roll(3) - 1) * DAY_US;
        admitted += reserve_one(&c, 1, now, &take) ? 1 : 0;
    }
    ck_assert_int_le(admitted, 200); // one window more than without jumps
    ck_assert_int_ge(admitted, 100);
    // Set back for good: the window that was open stays open for no longer than its length.
    now.wall_us = base;
    ck_assert(!reserve_one(&c, 1, now, &take));
    ck_assert_uint_eq(when(&c, 1, now), c.opened_us + (uint64_t)DAY_US);
    now.us = c.opened_us + (uint64_t)DAY_US;
    now.wall_us = base + 1000000;
    ck_assert(reserve_one(&c, 100, now, &take));
}
END_TEST

START_TEST(a_clock_that_was_set_a_year_ahead_does_not_block_for_a_year) {
    struct llm_time now = {.us = 100 * SECOND, .wall_us = wall(1800000000) + 365 * DAY_US};
    struct llm_counter c = counter(0, LLM_LIMIT_MONEY, 100, 0, LLM_PERIOD_HOUR, &now);
    struct llm_take old, take;
    ck_assert(reserve_one(&c, 100, now, &old));
    now.wall_us = wall(1800000000);
    ck_assert(!reserve_one(&c, 1, now, &take));
    now.us += 3600 * SECOND;
    now.wall_us += wall(3600);
    ck_assert(reserve_one(&c, 100, now, &take));
    llm_counter_memory.settle(NULL, &old, 0, &now);
    ck_assert_int_eq(used(&c, now), 100);
}
END_TEST

// ---- at once -----------------------------------------------------------------------------------------------------------

START_TEST(calls_at_once) {
    struct llm_time now = {.us = 100 * SECOND};
    struct llm_counter c = counter(0, LLM_LIMIT_CONCURRENCY, 2, 0, LLM_PERIOD_NONE, &now);
    struct llm_take a, b, d;
    ck_assert(reserve_one(&c, 1, now, &a) && reserve_one(&c, 1, now, &b));
    ck_assert(!reserve_one(&c, 1, now, &d));
    ck_assert_uint_eq(when(&c, 1, now), LLM_COUNTER_UNKNOWN);
    now.us += 3 * SECOND;
    llm_counter_memory.settle(NULL, &a, 1, &now);
    ck_assert_int_eq(used(&c, now), 1);
    ck_assert_uint_eq(c.hold_us, 3 * SECOND);
    ck_assert_uint_eq(when(&c, 1, now), now.us);
    ck_assert(reserve_one(&c, 1, now, &d));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("counter");
    TCase *tcase = tcase_create("counter");
    tcase_add_loop_test(tcase, no_window_wherever_it_begins_holds_more_than_the_limit, 0,
                        CHECK_ROWS(windows));
    tcase_add_test(tcase, room_comes_when_it_was_told);
    tcase_add_test(tcase, a_settlement_later_than_the_window);
    tcase_add_test(tcase, all_or_nothing);
    tcase_add_test(tcase, numbers_that_do_not_fit);
    tcase_add_loop_test(tcase, where_a_window_ends, 0, CHECK_ROWS(ends));
    tcase_add_test(tcase, a_window_begins_empty);
    tcase_add_test(tcase, the_wall_clock_jumps_a_day_to_and_fro);
    tcase_add_test(tcase, a_clock_that_was_set_a_year_ahead_does_not_block_for_a_year);
    tcase_add_test(tcase, calls_at_once);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
