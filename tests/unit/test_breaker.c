// SPDX-License-Identifier: MIT
#include "state/breaker.h"

#include <string.h>

#include "check_main.h"

static const struct llm_breaker_settings defaults = LLM_BREAKER_SETTINGS_INIT;

// ---- scripts -------------------------------------------------------------------------------------------------------

enum op {
    END,
    GOOD,    // n calls pass and are good
    FAULT,   // n calls pass and are faults
    NEITHER, // n calls pass and are neither
    BEGIN,   // call number n passes, and goes on
    PROBE,   // call number n passes as the probe, and goes on
    ENDS_GOOD,
    ENDS_FAULT,
    ENDS_NEITHER, // call number n is over
    STOP,         // a call may not pass, and is told to wait for 1 to n ms
    IS,           // the state is n
};

struct step {
    uint64_t ms; // the time
    enum op op;
    uint32_t n;
};

static const struct script {
    const char *name;
    uint32_t failures, error_percent, min_calls; // 0, 0, 0: the defaults
    struct step steps[24];
} scripts[] = {
    {"five faults in a row open it",
     0,
     0,
     0,
     {{0, FAULT, 4}, {0, IS, LLM_BREAKER_CLOSED}, {0, FAULT, 1}, {0, IS, LLM_BREAKER_OPEN}, {0, STOP, 1000}}},
    {"a good one between them does not let them",
     0,
     0,
     0,
     {{0, FAULT, 4}, {1, GOOD, 1}, {2, FAULT, 4}, {3, IS, LLM_BREAKER_CLOSED}}},
    {"what is neither does not stand between them",
     0,
     0,
     0,
     {{0, FAULT, 4}, {1, NEITHER, 9}, {2, FAULT, 1}, {3, IS, LLM_BREAKER_OPEN}}},
    {"half of twenty opens it",
     0,
     0,
     0,
     {{0, FAULT, 2},
      {0, GOOD, 2},
      {0, FAULT, 2},
      {0, GOOD, 2},
      {0, FAULT, 2},
      {0, GOOD, 6},
      {0, FAULT, 3},
      {0, IS, LLM_BREAKER_CLOSED},
      {0, FAULT, 1},
      {0, IS, LLM_BREAKER_OPEN}}},
    {"half of nineteen does not",
     0,
     0,
     0,
     {{0, FAULT, 4}, {0, GOOD, 9}, {0, FAULT, 4}, {0, GOOD, 1}, {0, FAULT, 1}, {0, IS, LLM_BREAKER_CLOSED}}},
    {"a little less than half does not",
     0,
     0,
     0,
     {{0, GOOD, 100},
      {0, FAULT, 4},
      {0, GOOD, 1},
      {0, FAULT, 4},
      {0, GOOD, 1},
      {0, FAULT, 4},
      {0, IS, LLM_BREAKER_CLOSED}}},
    {"what is older than the window does not count",
     100,
     50,
     20,
     {{0, FAULT, 10}, {0, GOOD, 9}, {10002, FAULT, 1}, {10002, IS, LLM_BREAKER_CLOSED}}},
    {"what is younger does",
     100,
     50,
     20,
     {{0, FAULT, 10}, {0, GOOD, 9}, {8990, FAULT, 1}, {8990, IS, LLM_BREAKER_OPEN}}},
    {"the window slides",
     100,
     50,
     20,
     {{0, FAULT, 9},
      {5000, GOOD, 9},
      {9990, FAULT, 1},
      {9990, IS, LLM_BREAKER_CLOSED},
      {12000, FAULT, 8},
      {12000, IS, LLM_BREAKER_CLOSED},
      {12000, FAULT, 2},
      {12000, IS, LLM_BREAKER_OPEN}}},
    {"a good probe closes it",
     0,
     0,
     0,
     {{0, FAULT, 5},
      {749, STOP, 251},
      {1000, PROBE, 0},
      {1000, IS, LLM_BREAKER_HALF_OPEN},
      {1001, STOP, 999},
      {1100, ENDS_GOOD, 0},
      {1100, IS, LLM_BREAKER_CLOSED},
      {1100, FAULT, 4},
      {1100, IS, LLM_BREAKER_CLOSED}}},
    {"a probe with a fault opens it for longer",
     0,
     0,
     0,
     {{0, FAULT, 5},
      {1000, PROBE, 0},
      {1000, ENDS_FAULT, 0},
      {1000, IS, LLM_BREAKER_OPEN},
      {2499, STOP, 501},
      {3000, PROBE, 1},
      {3000, ENDS_FAULT, 1},
      {5999, STOP, 1001},
      {7000, PROBE, 2},
      {7000, ENDS_FAULT, 2},
      {7000, STOP, 4000},
      {11000, PROBE, 3},
      {11000, ENDS_GOOD, 3},
      {11000, IS, LLM_BREAKER_CLOSED}}},
    {"a probe that is neither makes room for the next",
     0,
     0,
     0,
     {{0, FAULT, 5},
      {1000, PROBE, 0},
      {1010, ENDS_NEITHER, 0},
      {1010, IS, LLM_BREAKER_HALF_OPEN},
      {1010, PROBE, 1},
      {1011, STOP, 1000},
      {1020, ENDS_GOOD, 1},
      {1020, IS, LLM_BREAKER_CLOSED}}},
    {"a probe that hangs does not stop another",
     0,
     0,
     0,
     {{0, FAULT, 5},
      {1000, PROBE, 0},
      {1500, STOP, 500},
      {2000, PROBE, 1},
      {2001, STOP, 1000},
      {2100, ENDS_GOOD, 1},
      {2100, IS, LLM_BREAKER_CLOSED},
      {9000, ENDS_FAULT, 0},
      {9000, IS, LLM_BREAKER_CLOSED}}},
    {"an old probe's fault does not speak for the new one",
     0,
     0,
     0,
     {{0, FAULT, 5},
      {1000, PROBE, 0},
      {2000, PROBE, 1},
      {2001, ENDS_FAULT, 0},
      {2001, IS, LLM_BREAKER_HALF_OPEN},
      {2002, STOP, 1000},
      {2010, ENDS_GOOD, 1},
      {2010, IS, LLM_BREAKER_CLOSED}}},
    {"an old probe that is good closes it",
     0,
     0,
     0,
     {{0, FAULT, 5},
      {1000, PROBE, 0},
      {2000, PROBE, 1},
      {2001, ENDS_FAULT, 1},
      {2001, IS, LLM_BREAKER_OPEN},
      {2500, ENDS_GOOD, 0},
      {2500, IS, LLM_BREAKER_CLOSED}}},
    {"calls from before it opened do not count",
     0,
     0,
     0,
     {{0, BEGIN, 0},
      {0, BEGIN, 1},
      {0, BEGIN, 2},
      {0, FAULT, 5},
      {100, ENDS_FAULT, 0},
      {200, ENDS_GOOD, 1},
      {200, IS, LLM_BREAKER_OPEN},
      {1000, PROBE, 3},
      {1000, ENDS_GOOD, 3},
      {1000, FAULT, 4},
      {1000, ENDS_FAULT, 2},
      {1000, IS, LLM_BREAKER_CLOSED}}},
    {"openings are in a row when little time is between them",
     0,
     0,
     0,
     {{0, FAULT, 5},
      {1000, PROBE, 0},
      {1000, ENDS_GOOD, 0},
      {10999, FAULT, 5},
      {12000, STOP, 999},
      {12999, PROBE, 1},
      {12999, ENDS_GOOD, 1},
      {22999, FAULT, 5},
      {23999, PROBE, 2}}},
    {"without the rule of failures only the rate counts",
     0,
     50,
     20,
     {{0, FAULT, 19}, {0, IS, LLM_BREAKER_CLOSED}, {0, FAULT, 1}, {0, IS, LLM_BREAKER_OPEN}}},
    {"without the rule of the rate only failures count",
     5,
     0,
     1,
     {{0, FAULT, 4},
      {0, GOOD, 1},
      {0, FAULT, 4},
      {0, GOOD, 1},
      {0, FAULT, 4},
      {0, IS, LLM_BREAKER_CLOSED},
      {0, FAULT, 1},
      {0, IS, LLM_BREAKER_OPEN}}},
    {"without both it never opens", 0, 0, 1, {{0, FAULT, 10000}, {0, IS, LLM_BREAKER_CLOSED}}},
    {"one of one can open it", 1, 0, 1, {{0, FAULT, 1}, {0, IS, LLM_BREAKER_OPEN}}},
    {"a clock that stands still is harmless",
     0,
     0,
     0,
     {{5, FAULT, 5},
      {5, STOP, 1000},
      {5, STOP, 1000},
      {1005, PROBE, 0},
      {1005, ENDS_NEITHER, 0},
      {1005, PROBE, 1},
      {1005, ENDS_GOOD, 1},
      {1005, GOOD, 50},
      {1005, IS, LLM_BREAKER_CLOSED}}},
    {"a clock that jumps back makes it wait once more at most",
     0,
     0,
     0,
     {{86400000, FAULT, 5},
      {86400100, STOP, 900},
      {1000, STOP, 1000},
      {2000, PROBE, 0},
      {500, STOP, 1000},
      {1500, PROBE, 1},
      {1500, ENDS_GOOD, 1},
      {1500, IS, LLM_BREAKER_CLOSED}}},
    {"a window goes on after a jump back",
     0,
     50,
     20,
     {{86400000, FAULT, 10}, {86400000, GOOD, 9}, {1000, FAULT, 1}, {1000, IS, LLM_BREAKER_OPEN}}},
    {"an older reading of another thread changes nothing",
     0,
     0,
     0,
     {{2000, FAULT, 5},
      {1990, STOP, 1000},
      {3000, PROBE, 0},
      {2995, STOP, 1000},
      {2990, ENDS_GOOD, 0},
      {2980, FAULT, 4},
      {2985, IS, LLM_BREAKER_CLOSED}}},
    {"a clock that jumps a year on is harmless",
     0,
     0,
     0,
     {{0, FAULT, 4},
      {31536000000, GOOD, 1},
      {31536000000, FAULT, 5},
      {31536000000, STOP, 1000},
      {63072000000, PROBE, 0},
      {63072000000, ENDS_GOOD, 0},
      {63072000000, IS, LLM_BREAKER_CLOSED}}},
};

static struct llm_breaker_settings rules_of(const struct script *script) {
    struct llm_breaker_settings rules = defaults;
    if (script->failures != 0 || script->error_percent != 0 || script->min_calls != 0) {
        rules.failures = script->failures;
        rules.error_percent = script->error_percent;
        rules.min_calls = script->min_calls;
    }
    return rules;
}

static void run_calls(struct llm_breaker *b, const struct llm_breaker_settings *rules, uint64_t now,
                      uint32_t n, enum llm_breaker_outcome outcome, const char *where) {
    for (uint32_t i = 0; i < n; i++) {
        struct llm_breaker_ticket ticket;
        uint64_t wait = 0;
        ck_assert_msg(llm_breaker_enter(b, rules, now, &ticket, &wait) == LLM_BREAKER_GO, "%s", where);
        llm_breaker_leave(b, rules, now, &ticket, outcome);
    }
}

START_TEST(goes_by_the_script) {
    const struct script *script = &scripts[_i];
    const struct llm_breaker_settings rules = rules_of(script);
    struct llm_breaker b = {.random = 12345};
    struct llm_breaker_ticket tickets[4] = {{0, 0}};
    for (const struct step *step = script->steps; step->op != END; step++) {
        const uint64_t now = step->ms * 1000;
        const char *name = script->name;
        struct llm_breaker_ticket ticket;
        uint64_t wait = 0;
        switch (step->op) {
        case GOOD: run_calls(&b, &rules, now, step->n, LLM_BREAKER_GOOD, name); break;
        case FAULT: run_calls(&b, &rules, now, step->n, LLM_BREAKER_FAULT, name); break;
        case NEITHER: run_calls(&b, &rules, now, step->n, LLM_BREAKER_NEITHER, name); break;
        case BEGIN:
            ck_assert_msg(llm_breaker_enter(&b, &rules, now, &tickets[step->n], &wait) == LLM_BREAKER_GO,
                          "%s", name);
            break;
        case PROBE:
            ck_assert_msg(llm_breaker_look(&b, &rules, now, &wait) == LLM_BREAKER_PROBE, "%s: %d", name,
                          (int)(step - script->steps));
            ck_assert_msg(llm_breaker_enter(&b, &rules, now, &tickets[step->n], &wait) == LLM_BREAKER_PROBE,
                          "%s", name);
            break;
        case ENDS_GOOD: llm_breaker_leave(&b, &rules, now, &tickets[step->n], LLM_BREAKER_GOOD); break;
        case ENDS_FAULT: llm_breaker_leave(&b, &rules, now, &tickets[step->n], LLM_BREAKER_FAULT); break;
        case ENDS_NEITHER: llm_breaker_leave(&b, &rules, now, &tickets[step->n], LLM_BREAKER_NEITHER); break;
        case STOP:
            ck_assert_msg(llm_breaker_enter(&b, &rules, now, &ticket, &wait) == LLM_BREAKER_STOP, "%s: %d",
                          name, (int)(step - script->steps));
            ck_assert_msg(wait >= 1 && wait <= (uint64_t)step->n * 1000, "%s: waits %llu us", name,
                          (unsigned long long)wait);
            break;
        case IS:
            ck_assert_msg((uint32_t)b.state == step->n, "%s: state %d at %d", name, (int)b.state,
                          (int)(step - script->steps));
            break;
        case END: break;
        }
    }
}
END_TEST

// ---- more than a script can say ------------------------------------------------------------------------------------------

START_TEST(time_open_has_jitter_and_a_bound) {
    uint64_t least = UINT64_MAX, most = 0;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct llm_breaker b = {.random = seed * 0x9e3779b97f4a7c15u};
        struct llm_breaker_ticket ticket;
        uint64_t now = 0, wait = 0;
        run_calls(&b, &defaults, now, 5, LLM_BREAKER_FAULT, "jitter");
        for (int i = 0; i < 30; i++) { // it stays away for long
            ck_assert_uint_ge(b.open_us, i < 2 ? (750000u << i) : 3000000u);
            ck_assert_uint_le(b.open_us, i < 2 ? (1000000u << i) : 4000000u);
            now += b.open_us;
            ck_assert_int_eq(llm_breaker_enter(&b, &defaults, now, &ticket, &wait), LLM_BREAKER_PROBE);
            llm_breaker_leave(&b, &defaults, now, &ticket, LLM_BREAKER_FAULT);
        }
        least = b.open_us < least ? b.open_us : least;
        most = b.open_us > most ? b.open_us : most;
    }
    ck_assert_uint_lt(least, 3020000);
    ck_assert_uint_gt(most, 3980000);
}
END_TEST

// Wherever the provider comes back, and however long it was away, a call each 10 ms finds out within 5 s.
START_TEST(a_provider_that_is_back_is_used_within_5_s) {
    for (uint64_t away_ms = 1; away_ms < 120000; away_ms += 487) {
        struct llm_breaker b = {.random = away_ms};
        uint64_t back_ms = 0;
        for (uint64_t ms = 0; back_ms == 0; ms += 10) {
            struct llm_breaker_ticket ticket;
            uint64_t wait = 0;
            if (llm_breaker_enter(&b, &defaults, ms * 1000, &ticket, &wait) != LLM_BREAKER_STOP) {
                const bool good = ms >= away_ms;
                llm_breaker_leave(&b, &defaults, ms * 1000, &ticket,
                                  good ? LLM_BREAKER_GOOD : LLM_BREAKER_FAULT);
                back_ms = good ? ms : 0;
            }
        }
        ck_assert_uint_le(back_ms - away_ms, 4010);
    }
}
END_TEST

// How many calls reach a provider that fails for a minute, of 100 a second.
START_TEST(an_outage_costs_few_calls) {
    struct llm_breaker b = {.random = 7};
    unsigned passed = 0;
    for (uint64_t ms = 0; ms < 60000; ms += 10) {
        struct llm_breaker_ticket ticket;
        uint64_t wait = 0;
        if (llm_breaker_enter(&b, &defaults, ms * 1000, &ticket, &wait) != LLM_BREAKER_STOP) {
            llm_breaker_leave(&b, &defaults, ms * 1000, &ticket, LLM_BREAKER_FAULT);
            passed++;
        }
    }
    ck_assert_uint_ge(passed, 5 + 14);
    ck_assert_uint_le(passed, 5 + 22);
}
END_TEST

START_TEST(switched_off_it_lets_every_call_pass) {
    struct llm_breaker b = {.random = 1};
    struct llm_breaker_settings off = defaults;
    struct llm_breaker_ticket ticket;
    uint64_t wait = 0;
    off.enabled = false;
    run_calls(&b, &off, 0, 1000, LLM_BREAKER_FAULT, "off");
    ck_assert_int_eq(b.state, LLM_BREAKER_CLOSED);
    ck_assert_uint_eq(b.consecutive, 1000); // still told to people
    run_calls(&b, &defaults, 0, 1, LLM_BREAKER_FAULT, "on again");
    ck_assert_int_eq(llm_breaker_enter(&b, &defaults, 0, &ticket, &wait), LLM_BREAKER_STOP);
    run_calls(&b, &off, 1, 1, LLM_BREAKER_FAULT, "off while open");
    ck_assert_int_eq(b.state, LLM_BREAKER_CLOSED);
    ck_assert_uint_eq(b.consecutive, 1);
}
END_TEST

START_TEST(looking_changes_nothing) {
    struct llm_breaker b = {.random = 1}, before;
    uint64_t wait = 0;
    run_calls(&b, &defaults, 1000, 5, LLM_BREAKER_FAULT, "look");
    before = b;
    ck_assert_int_eq(llm_breaker_look(&b, &defaults, 2000, &wait), LLM_BREAKER_STOP);
    ck_assert_int_eq(llm_breaker_look(&b, &defaults, 2000000, &wait), LLM_BREAKER_PROBE);
    ck_assert_int_eq(llm_breaker_look(&b, &defaults, 2000000, &wait), LLM_BREAKER_PROBE);
    ck_assert_mem_eq(&b, &before, sizeof b);
}
END_TEST

START_TEST(probe_numbers_begin_anew) {
    struct llm_breaker b = {.random = 1, .probe = UINT32_MAX - 1, .round = UINT32_MAX};
    uint64_t now = 0;
    run_calls(&b, &defaults, now, 5, LLM_BREAKER_FAULT, "wrap");
    for (int i = 0; i < 3; i++) {
        struct llm_breaker_ticket ticket;
        uint64_t wait = 0;
        now += 4000000;
        ck_assert_int_eq(llm_breaker_enter(&b, &defaults, now, &ticket, &wait), LLM_BREAKER_PROBE);
        ck_assert_uint_ne(ticket.probe, 0);
        llm_breaker_leave(&b, &defaults, now, &ticket, LLM_BREAKER_FAULT);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("breaker");
    TCase *tests = tcase_create("breaker");
    tcase_add_loop_test(tests, goes_by_the_script, 0, CHECK_ROWS(scripts));
    tcase_add_test(tests, time_open_has_jitter_and_a_bound);
    tcase_add_test(tests, a_provider_that_is_back_is_used_within_5_s);
    tcase_add_test(tests, an_outage_costs_few_calls);
    tcase_add_test(tests, switched_off_it_lets_every_call_pass);
    tcase_add_test(tests, looking_changes_nothing);
    tcase_add_test(tests, probe_numbers_begin_anew);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
