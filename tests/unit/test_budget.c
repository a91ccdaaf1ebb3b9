// SPDX-License-Identifier: MIT
#include "state/budget.h"

#include "check_main.h"

static const struct llm_retry_budget_settings defaults = LLM_RETRY_BUDGET_SETTINGS_INIT;

// All that is left at a time, taken.
static unsigned take_all(struct llm_budget *b, const struct llm_retry_budget_settings *rules, uint64_t ms) {
    unsigned taken = 0;
    ck_assert_uint_lt(llm_budget_left(b, rules, ms * 1000), 1000000);
    const uint64_t left = llm_budget_left(b, rules, ms * 1000);
    while (llm_budget_withdraw(b, rules, ms * 1000)) {
        taken++;
    }
    ck_assert_uint_eq(taken, left);
    ck_assert_uint_eq(llm_budget_left(b, rules, ms * 1000), 0);
    return taken;
}

static const struct {
    const char *name;
    uint32_t percent, per_second, ttl_ms;
    struct {
        uint64_t ms;
        unsigned calls, tries; // made then, and what is left afterwards
    } steps[6];
} rows[] = {
    {"a second's worth comes from nothing",
     20,
     10,
     10000,
     {{0, 0, 10}, {0, 0, 0}, {99, 0, 0}, {100, 0, 1}, {1000, 0, 9}, {60000, 0, 10}}},
    {"a fifth of the calls besides",
     20,
     10,
     10000,
     {{0, 100, 30}, {0, 5, 1}, {0, 4, 0}, {0, 1, 1}, {1000, 10, 12}}},
    {"calls count for ten seconds",
     20,
     0,
     10000,
     {{0, 0, 0}, {5000, 4, 0}, {15002, 1, 0}, {15002, 4, 1}, {15002, 0, 0}}},
    {"what they left is good as long as they are",
     20,
     0,
     10000,
     {{0, 4, 0}, {9000, 1, 1}, {9000, 4, 0}, {19002, 1, 0}}},
    {"no percent: only what comes from nothing", 0, 2, 10000, {{0, 1000, 2}, {250, 1000, 0}, {500, 0, 1}}},
    {"nothing at all", 0, 0, 10000, {{0, 1000, 0}, {100000, 0, 0}}},
    {"one for each call", 100, 0, 10000, {{0, 7, 7}, {1, 0, 0}}},
    {"ten for each call", 1000, 0, 1, {{0, 7, 70}, {0, 1, 10}, {5, 0, 0}}},
    {"a clock that jumps back gives nothing twice",
     20,
     10,
     10000,
     {{86400000, 0, 10}, {0, 0, 0}, {99, 0, 0}, {100, 0, 1}, {86400000, 0, 10}}},
    {"nor an older reading",
     20,
     10,
     10000,
     {{5000, 0, 10}, {4990, 0, 0}, {5000, 0, 0}, {5100, 0, 1}, {5090, 0, 0}, {5110, 0, 0}}},
    {"a jump back keeps what calls have added",
     50,
     0,
     10000,
     {{86400000, 2, 1}, {86400000, 1, 0}, {0, 1, 1}, {0, 0, 0}}},
};

START_TEST(holds_what_the_table_says) {
    const struct llm_retry_budget_settings rules = {rows[_i].percent, rows[_i].per_second, rows[_i].ttl_ms};
    struct llm_budget b = {0};
    for (size_t i = 0;
         i < 6 && (i == 0 || rows[_i].steps[i].ms + rows[_i].steps[i].calls + rows[_i].steps[i].tries > 0);
         i++) {
        for (unsigned n = 0; n < rows[_i].steps[i].calls; n++) {
            llm_budget_deposit(&b, &rules, rows[_i].steps[i].ms * 1000);
        }
        const unsigned tries = take_all(&b, &rules, rows[_i].steps[i].ms);
        ck_assert_msg(tries == rows[_i].steps[i].tries, "%s: %u at step %zu", rows[_i].name, tries, i);
    }
}
END_TEST

// What the header promises, over an hour of 1 to 100 calls a second, each of which fails and wants three tries.
START_TEST(the_tries_keep_to_the_bound) {
    struct llm_budget b = {0};
    static uint32_t calls[3600], tries[3600]; // of each second
    uint64_t random = 88172645463325252u;
    for (unsigned s = 0; s < 3600; s++) {
        calls[s] = tries[s] = 0;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        const unsigned rate = 1 + (unsigned)(random % 100);
        for (unsigned i = 0; i < rate; i++) {
            const uint64_t now = s * 1000000ull + i * 1000000ull / rate;
            calls[s]++;
            llm_budget_deposit(&b, &defaults, now);
            for (int k = 0; k < 3; k++) {
                tries[s] += llm_budget_withdraw(&b, &defaults, now) ? 1 : 0;
            }
        }
    }
    for (unsigned from = 10; from < 3600; from += 7) {
        uint64_t t = 0, of_calls = 0;
        for (unsigned s = from - 10; s < from; s++) {
            of_calls += calls[s];
        }
        for (unsigned s = from; s < 3600 && s < from + 120; s++) {
            of_calls += calls[s];
            t += tries[s];
            const uint64_t seconds = s - from + 1;
            ck_assert_uint_le(t, of_calls / 5 + 10 * (seconds + 1));
        }
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("budget");
    TCase *tests = tcase_create("budget");
    tcase_add_loop_test(tests, holds_what_the_table_says, 0, CHECK_ROWS(rows));
    tcase_add_test(tests, the_tries_keep_to_the_bound);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
