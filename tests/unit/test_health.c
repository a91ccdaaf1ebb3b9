// SPDX-License-Identifier: MIT
#include "state/health.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "check_main.h"
#include "fail_alloc.h"
#include "state/latency.h"

#define S 1000000u // us
#define THREADS 8

static struct llm_health *health;
static struct llm_health_entry *a, *b;

static void setup(void) {
    health = llm_health_new(42);
    a = llm_health_get(health, LLM_STR("a"), LLM_STR("a"));
    b = llm_health_get(health, LLM_STR("b"), LLM_STR("b"));
    ck_assert(a != NULL && b != NULL);
}

static void teardown(void) {
    llm_health_free(health);
}

// An attempt that took no time.
static enum llm_health_pass attempt(struct llm_health_entry *entry, uint64_t now_us, llm_status status,
                                    uint64_t first_byte_us, int64_t retry_after_ms) {
    struct llm_health_ticket ticket;
    uint64_t wait_ms = 0;
    const enum llm_health_pass pass = llm_health_enter(entry, NULL, now_us, &ticket, &wait_ms);
    llm_health_leave(&ticket, now_us, status, first_byte_us, retry_after_ms);
    return pass;
}

static struct llm_health_view view_of(struct llm_health_entry *entry, uint64_t now_us) {
    struct llm_health_view view;
    llm_health_view(entry, now_us, &view);
    return view;
}

static enum llm_health_pass look(struct llm_health_entry *entry, uint64_t now_us, uint64_t *wait_ms) {
    return llm_health_look(entry, now_us, wait_ms);
}

// ---- names -----------------------------------------------------------------------------------------------------------

START_TEST(a_name_is_found_again) {
    char name[40];
    struct llm_health_entry *entries[1000];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "provider%d", i / 2);
        entries[i] = llm_health_get(health, llm_str_from(name), i % 2 == 0 ? LLM_STR("one") : LLM_STR("two"));
        ck_assert_ptr_nonnull(entries[i]);
        ck_assert(i == 0 || entries[i] != entries[i - 1]);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "provider%d", i / 2);
        ck_assert_ptr_eq(entries[i], llm_health_get(health, llm_str_from(name),
                                                    i % 2 == 0 ? LLM_STR("one") : LLM_STR("two")));
    }
    struct llm_health_target *t = llm_health_target(health, LLM_STR("a"), LLM_STR("m"));
    ck_assert_ptr_eq(t, llm_health_target(health, LLM_STR("a"), LLM_STR("m")));
    ck_assert_ptr_ne(t, llm_health_target(health, LLM_STR("b"), LLM_STR("m")));
    ck_assert_ptr_ne(t, llm_health_target(health, LLM_STR("a"), LLM_STR("n")));
}
END_TEST

// A thousand reloads find what is there; attempts need no memory at all.
START_TEST(what_is_there_needs_no_memory) {
    static const struct llm_breaker_settings breaker = LLM_BREAKER_SETTINGS_INIT;
    static const struct llm_retry_budget_settings budget = LLM_RETRY_BUDGET_SETTINGS_INIT;
    struct llm_health_entry *keys[2] = {a, llm_health_get(health, LLM_STR("a"), LLM_STR("a#2"))};
    struct llm_health_target *target = llm_health_target(health, LLM_STR("a"), LLM_STR("m"));
    struct llm_health_view view;
    const size_t before = fail_alloc_count();
    for (uint64_t i = 0; i < 1000; i++) {
        struct llm_health_ticket ticket;
        uint64_t wait_ms = 0;
        llm_health_configure(health, &breaker, &budget);
        (void)llm_health_get(health, LLM_STR("a"), LLM_STR("a#2"));
        (void)llm_health_target(health, LLM_STR("a"), LLM_STR("m"));
        struct llm_health_entry *key = keys[llm_health_pick(keys, 2, i)];
        llm_health_deposit(key, i);
        (void)llm_health_score(key, target, i);
        (void)llm_health_enter(key, target, i, &ticket, &wait_ms);
        llm_health_leave(&ticket, i, i % 3 == 0 ? LLM_E_SERVER : LLM_OK, 1, -1);
        (void)llm_health_withdraw(key, i);
        llm_health_view(key, i, &view);
    }
    const size_t count = fail_alloc_count() - before;
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(every_allocation_may_fail) {
    for (size_t n = 0;; n++) {
        fail_alloc_after(n);
        struct llm_health *h = llm_health_new(1);
        struct llm_health_entry *entry = NULL;
        struct llm_health_target *target = NULL;
        if (h != NULL) {
            entry = llm_health_get(h, LLM_STR("p"), LLM_STR("k"));
            target = llm_health_target(h, LLM_STR("p"), LLM_STR("m"));
        }
        const bool failed = fail_alloc_off();
        if (h != NULL) { // it goes on as if nothing had been
            ck_assert_ptr_nonnull(llm_health_get(h, LLM_STR("p"), LLM_STR("k")));
            ck_assert_ptr_nonnull(llm_health_target(h, LLM_STR("p"), LLM_STR("m")));
        }
        llm_health_free(h);
        if (!failed) {
            ck_assert(entry != NULL && target != NULL);
            break;
        }
    }
    llm_health_free(NULL);
}
END_TEST

// ---- what an outcome says ----------------------------------------------------------------------------------------------

static const struct {
    llm_status status;
    uint64_t first_byte_us;
    uint32_t faults; // of a provider that had one before
    bool rests;
} outcomes[] = {
    {LLM_OK, 5, 0, false},
    {LLM_OK, 0, 0, false}, // a generator without HTTP
    {LLM_E_INVALID_REQUEST, 5, 0, false},
    {LLM_E_INVALID_REQUEST, 0, 1, false}, // it never left
    {LLM_E_AUTH, 5, 0, true},
    {LLM_E_PERMISSION, 5, 0, false},
    {LLM_E_NOT_FOUND, 5, 0, false},
    {LLM_E_CONFLICT, 5, 0, false},
    {LLM_E_TOO_LARGE, 5, 0, false},
    {LLM_E_CONTEXT_LENGTH, 5, 0, false},
    {LLM_E_CONTENT_FILTER, 5, 0, false},
    {LLM_E_RATE_LIMITED, 5, 0, true},
    {LLM_E_QUOTA, 5, 0, true},
    {LLM_E_OVERLOADED, 5, 2, false},
    {LLM_E_SERVER, 5, 2, false},
    {LLM_E_TIMEOUT, 0, 2, false},
    {LLM_E_TIMEOUT, 5, 2, false},
    {LLM_E_TRANSPORT, 0, 2, false},
    {LLM_E_PROTOCOL, 5, 2, false},
    {LLM_E_CANCELLED, 0, 1, false},
    {LLM_E_CANCELLED, 5, 1, false},
    {LLM_E_UNSUPPORTED, 0, 1, false},
    {LLM_E_CONFIG, 0, 1, false},
    {LLM_E_NOMEM, 0, 1, false},
    {LLM_E_NOMEM, 5, 0, false}, // ours, but it had answered
    {LLM_E_LIMIT, 0, 1, false},
    {LLM_E_DENIED, 0, 1, false},
    {LLM_E_INTERNAL, 0, 1, false},
};

START_TEST(an_outcome_speaks_of_the_provider_or_the_key) {
    attempt(a, S, LLM_E_SERVER, 5, -1);
    ck_assert_int_eq(attempt(a, S, outcomes[_i].status, outcomes[_i].first_byte_us, -1), LLM_HEALTH_GO);
    const struct llm_health_view view = view_of(a, S);
    ck_assert_uint_eq(view.consecutive, outcomes[_i].faults);
    ck_assert_int_eq(view.key_rests_ms != 0, outcomes[_i].rests);
    ck_assert_int_eq(view.key_status, outcomes[_i].rests ? outcomes[_i].status : LLM_OK);
    ck_assert_uint_eq(view.in_flight + view.key_in_flight, 0);
    ck_assert_uint_eq(view.latency_us, outcomes[_i].status == LLM_OK ? outcomes[_i].first_byte_us : 0);
    ck_assert_uint_eq(view_of(b, S).consecutive, 0);
}
END_TEST

START_TEST(a_breaker_is_the_providers_and_not_the_keys) {
    struct llm_health_entry *second = llm_health_get(health, LLM_STR("a"), LLM_STR("a#2"));
    struct llm_health_ticket ticket;
    uint64_t wait_ms = 0;
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(attempt(i % 2 == 0 ? a : second, S, LLM_E_TRANSPORT, 0, -1), LLM_HEALTH_GO);
    }
    ck_assert_int_eq(llm_health_enter(second, NULL, S, &ticket, &wait_ms), LLM_HEALTH_OPEN);
    ck_assert_ptr_null(ticket.entry);
    ck_assert(wait_ms >= 750 && wait_ms <= 1000);
    llm_health_leave(&ticket, S, LLM_OK, 1, -1); // holds nothing: does nothing
    ck_assert_int_eq(look(a, S, &wait_ms), LLM_HEALTH_OPEN);
    ck_assert_int_eq(look(b, S, &wait_ms), LLM_HEALTH_GO);
    ck_assert_int_eq(look(a, 2 * S, &wait_ms), LLM_HEALTH_PROBE);
    struct llm_health_view view = view_of(a, S);
    ck_assert_int_eq(view.state, LLM_BREAKER_OPEN);
    ck_assert(view.retry_after_ms >= 750 && view.retry_after_ms <= 1000);
    ck_assert_uint_eq(view.consecutive, 5);
    view = view_of(a, 2 * S);
    ck_assert_int_eq(view.state, LLM_BREAKER_HALF_OPEN);
    ck_assert_uint_eq(view.retry_after_ms, 0);
    ck_assert_int_eq(llm_health_enter(second, NULL, 2 * S, &ticket, &wait_ms), LLM_HEALTH_PROBE);
    view = view_of(a, 2 * S);
    ck_assert_int_eq(view.state, LLM_BREAKER_HALF_OPEN);
    ck_assert_uint_ge(view.retry_after_ms, 1);
    ck_assert_uint_eq(view.in_flight, 1);
    ck_assert_uint_eq(view.key_in_flight, 0); // it is the other key's
    llm_health_leave(&ticket, 2 * S, LLM_OK, 5, -1);
    ck_assert_int_eq(view_of(a, 2 * S).state, LLM_BREAKER_CLOSED);
    llm_health_leave(&ticket, 2 * S, LLM_OK, 5, -1); // a second time: nothing
    ck_assert_uint_eq(view_of(a, 2 * S).in_flight, 0);
}
END_TEST

// ---- keys that rest ------------------------------------------------------------------------------------------------------

static const struct {
    const char *name;
    llm_status status;
    int64_t advice_ms;
    uint32_t times; // in a row
    uint64_t rests_ms;
} rests[] = {
    {"advice counts", LLM_E_RATE_LIMITED, 20000, 1, 20000},
    {"advice of an hour too", LLM_E_RATE_LIMITED, 3600000, 1, 3600000},
    {"no more than max_cool_ms", LLM_E_RATE_LIMITED, 86400000, 1, 3600000},
    {"advice of nothing", LLM_E_RATE_LIMITED, 0, 1, 0},
    {"without advice a second", LLM_E_RATE_LIMITED, -1, 1, 1000},
    {"twice", LLM_E_RATE_LIMITED, -1, 2, 2000},
    {"five times", LLM_E_RATE_LIMITED, -1, 5, 16000},
    {"a hundred times", LLM_E_RATE_LIMITED, -1, 100, 3600000},
    {"a wrong key rests for a minute", LLM_E_AUTH, -1, 1, 60000},
    {"and for longer", LLM_E_AUTH, -1, 3, 240000},
    {"no money", LLM_E_QUOTA, -1, 1, 60000},
    {"until the month is over", LLM_E_QUOTA, 3000000, 1, 3000000},
};

START_TEST(a_refused_key_rests) {
    uint64_t wait_ms = 0;
    for (uint32_t i = 0; i < rests[_i].times; i++) {
        // A key that rests is used all the same when there is no other.
        ck_assert_int_eq(attempt(a, S, rests[_i].status, 5, rests[_i].advice_ms), LLM_HEALTH_GO);
    }
    const uint64_t ms = view_of(a, S).key_rests_ms;
    ck_assert_msg(ms == rests[_i].rests_ms, "%s: %llu ms", rests[_i].name, (unsigned long long)ms);
    if (ms == 0) {
        ck_assert_int_eq(look(a, S, &wait_ms), LLM_HEALTH_GO);
        return;
    }
    ck_assert_int_eq(look(a, S, &wait_ms), LLM_HEALTH_COOLING);
    ck_assert_uint_eq(wait_ms, ms);
    ck_assert_uint_eq(llm_health_score(a, NULL, S), LLM_HEALTH_SCORE_COOLING);
    ck_assert_int_eq(look(a, S + ms * 1000 - 1, &wait_ms), LLM_HEALTH_COOLING);
    ck_assert_uint_eq(wait_ms, 1);
    ck_assert_int_eq(look(a, S + ms * 1000, &wait_ms), LLM_HEALTH_GO);
}
END_TEST

// Calls that were under way together learn the same thing.
START_TEST(a_burst_of_refusals_is_one) {
    struct llm_health_ticket tickets[12];
    uint64_t wait_ms = 0;
    for (size_t i = 0; i < 12; i++) {
        ck_assert_int_eq(llm_health_enter(a, NULL, S + i, &tickets[i], &wait_ms), LLM_HEALTH_GO);
    }
    for (size_t i = 0; i < 12; i++) {
        llm_health_leave(&tickets[i], 2 * S + i, LLM_E_RATE_LIMITED, 5, -1);
    }
    ck_assert_uint_le(view_of(a, 2 * S + 12).key_rests_ms, 1000);
    attempt(a, 3 * S, LLM_E_RATE_LIMITED, 5, -1); // this one began later: the second in a row
    ck_assert_uint_eq(view_of(a, 3 * S).key_rests_ms, 2000);
}
END_TEST

START_TEST(an_answer_ends_the_rest_when_its_call_is_younger) {
    struct llm_health_ticket old;
    uint64_t wait_ms = 0;
    ck_assert_int_eq(llm_health_enter(a, NULL, S, &old, &wait_ms), LLM_HEALTH_GO);
    attempt(a, 2 * S, LLM_E_RATE_LIMITED, 5, 60000);
    llm_health_leave(&old, 3 * S, LLM_OK, 2 * S, -1);
    ck_assert_int_eq(look(a, 3 * S, &wait_ms), LLM_HEALTH_COOLING);
    attempt(a, 4 * S, LLM_E_CANCELLED, 5, -1);
    attempt(a, 4 * S, LLM_E_SERVER, 5, -1);
    ck_assert_int_eq(look(a, 4 * S, &wait_ms), LLM_HEALTH_COOLING);
    attempt(a, 4 * S, LLM_E_RATE_LIMITED, 5, 1); // less advice does not shorten it
    ck_assert_uint_eq(view_of(a, 4 * S).key_rests_ms, 58000);
    attempt(a, 4 * S, LLM_OK, 5, -1);
    ck_assert_int_eq(look(a, 4 * S, &wait_ms), LLM_HEALTH_GO);
    attempt(a, 4 * S, LLM_E_RATE_LIMITED, 5, -1);
    ck_assert_uint_eq(view_of(a, 4 * S).key_rests_ms, 1000); // counted from anew
}
END_TEST

START_TEST(a_reload_gives_refused_keys_another_chance) {
    static const struct llm_breaker_settings breaker = LLM_BREAKER_SETTINGS_INIT;
    static const struct llm_retry_budget_settings budget = {50, 0, 1000};
    uint64_t wait_ms = 0;
    attempt(a, S, LLM_E_AUTH, 5, -1);
    attempt(b, S, LLM_E_RATE_LIMITED, 5, 60000);
    llm_health_configure(health, &breaker, &budget);
    ck_assert_int_eq(look(a, S, &wait_ms), LLM_HEALTH_GO);
    ck_assert_int_eq(look(b, S, &wait_ms), LLM_HEALTH_COOLING);
    ck_assert_uint_eq(view_of(a, S).retries_left, 0); // by the new rules
    struct llm_health_entry *c = llm_health_get(health, LLM_STR("c"), LLM_STR("c"));
    ck_assert_uint_eq(view_of(c, S).retries_left, 0);
}
END_TEST

START_TEST(a_clock_that_jumps_back_does_not_prolong_a_rest) {
    uint64_t wait_ms = 0;
    attempt(a, 100000ull * S, LLM_E_RATE_LIMITED, 5, 20000);
    ck_assert_int_eq(look(a, 5 * S, &wait_ms), LLM_HEALTH_COOLING);
    ck_assert_uint_eq(wait_ms, 20000);
    ck_assert_int_eq(look(a, 25 * S, &wait_ms), LLM_HEALTH_GO);
}
END_TEST

// ---- choice of a key -------------------------------------------------------------------------------------------------------

// Which of n keys is picked, 12 times.
static void pick_12(struct llm_health_entry *const *keys, size_t n, uint64_t now_us, char *ret) {
    for (int i = 0; i < 12; i++) {
        ret[i] = (char)('0' + llm_health_pick(keys, n, now_us));
    }
    ret[12] = '\0';
}

START_TEST(keys_take_turns) {
    struct llm_health_entry *keys[3] = {a, llm_health_get(health, LLM_STR("a"), LLM_STR("a#2")),
                                        llm_health_get(health, LLM_STR("a"), LLM_STR("a#3"))};
    struct llm_health_ticket tickets[9];
    uint64_t wait_ms = 0;
    char got[13];
    pick_12(keys, 1, S, got);
    ck_assert_str_eq(got, "000000000000");
    pick_12(keys, 3, S, got);
    ck_assert_str_eq(got, "012012012012");
    attempt(keys[1], S, LLM_E_AUTH, 5, -1);
    pick_12(keys, 3, S, got);
    ck_assert_str_eq(got, "022022022022"); // the turn of the one that rests goes to the next
    attempt(keys[0], S, LLM_E_RATE_LIMITED, 5, 5000);
    pick_12(keys, 3, S, got);
    ck_assert_str_eq(got, "222222222222");
    attempt(keys[2], S, LLM_E_RATE_LIMITED, 5, 90000);
    pick_12(keys, 3, S, got);
    ck_assert_str_eq(got, "000000000000"); // all rest: the one that is done first
    pick_12(keys, 3, 6 * S, got);
    ck_assert_str_eq(got, "000000000000"); // it rests no more
    pick_12(keys, 3, 1000 * S, got);
    ck_assert_str_eq(got, "012012012012"); // all were refused once
    for (int i = 0; i < 3; i++) {
        attempt(keys[i], 1000 * S, LLM_OK, 5, -1);
    }
    for (int i = 0; i < 9; i++) { // 0 is busy
        ck_assert_int_eq(llm_health_enter(keys[0], NULL, 1000 * S, &tickets[i], &wait_ms), LLM_HEALTH_GO);
    }
    pick_12(keys, 3, 1000 * S, got);
    ck_assert_str_eq(got, "112112112112");
    for (int i = 0; i < 9; i++) {
        llm_health_leave(&tickets[i], 1000 * S, LLM_OK, 5, -1);
    }
    pick_12(keys, 3, 1000 * S, got);
    ck_assert_str_eq(got, "012012012012");
}
END_TEST

// ---- latency and score -----------------------------------------------------------------------------------------------------

static const struct {
    uint64_t value, passed, half_life, want;
} fades[] = {
    {1000, 0, 10, 1000}, {1000, 10, 10, 500},      {1000, 20, 10, 250},
    {1000, 5, 10, 750},  {1000, 15, 10, 375},      {1000, 399, 10, 0},
    {1000, 400, 10, 0},  {1000, UINT64_MAX, 1, 0}, {1ull << 36, 1, 1ull << 40, 68719476736},
    {0, 5, 10, 0},
};

START_TEST(fades_by_halves) {
    const uint64_t got = llm_latency_fade(fades[_i].value, fades[_i].passed, fades[_i].half_life);
    ck_assert_uint_eq(got, fades[_i].want);
}
END_TEST

START_TEST(the_estimate_is_a_peak_ewma) {
    struct llm_latency latency = {0};
    ck_assert_uint_eq(llm_latency_now(&latency, S, 10 * S), 0);
    llm_latency_add(&latency, 1000, S, 10 * S);
    ck_assert_uint_eq(latency.us, 1000);
    llm_latency_add(&latency, 5000, S, 10 * S); // worse: at once
    ck_assert_uint_eq(latency.us, 5000);
    llm_latency_add(&latency, 1000, S, 10 * S); // better, but no time has passed
    ck_assert_uint_eq(latency.us, 5000);
    llm_latency_add(&latency, 1000, 11 * S, 10 * S);
    ck_assert_uint_eq(latency.us, 3000);
    llm_latency_add(&latency, 1000, 31 * S, 10 * S);
    ck_assert_uint_eq(latency.us, 1500);
    ck_assert_uint_eq(llm_latency_now(&latency, 31 * S, 10 * S), 1500);
    ck_assert_uint_eq(llm_latency_now(&latency, 41 * S, 10 * S), 750); // not measured: it fades
    ck_assert_uint_eq(latency.us, 1500);
    llm_latency_add(&latency, 900, 5 * S, 10 * S); // the clock jumps back
    ck_assert_uint_eq(latency.us, 1500);
    llm_latency_add(&latency, 900, 15 * S, 10 * S);
    ck_assert_uint_eq(latency.us, 1200);
    llm_latency_add(&latency, UINT64_MAX, 15 * S, 10 * S);
    ck_assert_uint_eq(latency.us, LLM_LATENCY_MAX_US);
    llm_latency_add(&latency, 0, 1000000ull * S, 10 * S);
    ck_assert_uint_eq(latency.us, 1); // known, and very fast
}
END_TEST

START_TEST(the_score_grows_with_what_makes_it_worse) {
    struct llm_health_ticket first, second;
    uint64_t wait_ms = 0;
    ck_assert_uint_eq(llm_health_score(a, NULL, S), 0); // unknown: to be tried
    llm_health_enter(a, NULL, S, &first, &wait_ms);
    ck_assert_uint_eq(llm_health_score(a, NULL, S), 2 * S); // tried just now: not by everybody
    llm_health_leave(&first, S, LLM_OK, 1000, -1);
    ck_assert_uint_eq(llm_health_score(a, NULL, S), 1000);
    llm_health_enter(a, NULL, S, &first, &wait_ms);
    llm_health_enter(a, NULL, S, &second, &wait_ms);
    ck_assert_uint_eq(llm_health_score(a, NULL, S), 3000);
    llm_health_leave(&first, S, LLM_E_SERVER, 5, -1);
    ck_assert_uint_eq(llm_health_score(a, NULL, S), 4000);
    llm_health_leave(&second, S, LLM_E_CANCELLED, 0, -1);
    ck_assert_uint_eq(llm_health_score(a, NULL, S), 2000);
    for (int i = 0; i < 4; i++) {
        attempt(a, S, LLM_E_SERVER, 5, -1);
    }
    ck_assert_uint_eq(llm_health_score(a, NULL, S), LLM_HEALTH_SCORE_OPEN);
    ck_assert_uint_eq(llm_health_score(a, NULL, 2 * S), 0); // a probe is due
    llm_health_enter(a, NULL, 2 * S, &first, &wait_ms);
    ck_assert_uint_eq(llm_health_score(a, NULL, 2 * S), LLM_HEALTH_SCORE_OPEN); // and is under way
    llm_health_leave(&first, 2 * S, LLM_E_CANCELLED, 0, -1);
    // A refusal that comes fast does not make it look fast, and nothing overflows.
    attempt(b, S, LLM_E_INVALID_REQUEST, 1, -1);
    ck_assert_uint_eq(llm_health_score(b, NULL, S), 0);
    attempt(b, S, LLM_OK, UINT64_MAX, -1);
    ck_assert_uint_lt(llm_health_score(b, NULL, S), LLM_HEALTH_SCORE_COOLING);
}
END_TEST

START_TEST(targets_of_one_provider_are_told_apart) {
    struct llm_health_target *slow = llm_health_target(health, LLM_STR("a"), LLM_STR("slow"));
    struct llm_health_target *fast = llm_health_target(health, LLM_STR("a"), LLM_STR("fast"));
    struct llm_health_ticket ticket;
    uint64_t wait_ms = 0;
    llm_health_enter(a, slow, S, &ticket, &wait_ms);
    ck_assert_uint_eq(llm_health_score(a, slow, S), 2 * S);
    ck_assert_uint_eq(llm_health_score(a, fast, S), 0);
    llm_health_leave(&ticket, S, LLM_OK, 9000, -1);
    llm_health_enter(a, fast, S, &ticket, &wait_ms);
    llm_health_leave(&ticket, S, LLM_OK, 500, -1);
    ck_assert_uint_eq(llm_health_score(a, slow, S), 9000);
    ck_assert_uint_eq(llm_health_score(a, fast, S), 500);
    ck_assert_uint_eq(llm_health_score(a, NULL, S), 9000);
}
END_TEST

// Of 1,000 calls, one each ms and each taking 10 or 50 ms, the faster target gets most; the slower one still some, so that it is known.
START_TEST(power_of_two_choices_takes_the_faster_one) {
    struct llm_health_entry *both[2] = {a, b};
    static const uint64_t takes_ms[2] = {50, 10};
    struct llm_health_ticket tickets[1000];
    uint64_t begun[1000], done[2] = {0, 0}, wait_ms = 0;
    int of[1000];
    for (uint64_t ms = 0; ms < 1000; ms++) {
        const uint64_t now = S + ms * 1000;
        for (uint64_t i = ms > 60 ? ms - 60 : 0; i < ms; i++) {
            if (begun[i] + takes_ms[of[i]] == ms) {
                llm_health_leave(&tickets[i], now, LLM_OK, takes_ms[of[i]] * 1000, -1);
            }
        }
        of[ms] = llm_health_score(a, NULL, now) <= llm_health_score(b, NULL, now) ? 0 : 1;
        begun[ms] = ms;
        done[of[ms]]++;
        ck_assert_int_eq(llm_health_enter(both[of[ms]], NULL, now, &tickets[ms], &wait_ms), LLM_HEALTH_GO);
    }
    ck_assert_uint_gt(done[1], 2 * done[0]);
    ck_assert_uint_gt(done[0], 20);
}
END_TEST

// ---- threads -----------------------------------------------------------------------------------------------------------------

static atomic_uint n_probes, n_stops, n_passes, n_tries;

static void run_threads(void *(*work)(void *)) {
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
}

// Probes that are not answered, so that one a round may pass.
static void *enter_half_open(void *ctx) {
    (void)ctx;
    for (int i = 0; i < 500; i++) {
        struct llm_health_ticket ticket;
        uint64_t wait_ms = 0;
        const enum llm_health_pass pass = llm_health_enter(a, NULL, 2 * S, &ticket, &wait_ms);
        atomic_fetch_add(pass == LLM_HEALTH_PROBE  ? &n_probes
                         : pass == LLM_HEALTH_OPEN ? &n_stops
                                                   : &n_passes,
                         1);
    }
    return NULL;
}

START_TEST(one_probe_passes_among_threads) {
    atomic_store(&n_probes, 0);
    atomic_store(&n_stops, 0);
    atomic_store(&n_passes, 0);
    for (int i = 0; i < 5; i++) {
        attempt(a, S, LLM_E_SERVER, 5, -1);
    }
    run_threads(enter_half_open);
    ck_assert_uint_eq(atomic_load(&n_probes), 1);
    ck_assert_uint_eq(atomic_load(&n_passes), 0);
    ck_assert_uint_eq(atomic_load(&n_stops), THREADS * 500 - 1);
    ck_assert_uint_eq(view_of(a, 2 * S).in_flight, 1);
}
END_TEST

static void *spend(void *ctx) {
    (void)ctx;
    for (int i = 0; i < 1000; i++) {
        llm_health_deposit(a, S);
        if (llm_health_withdraw(a, S)) {
            atomic_fetch_add(&n_tries, 1);
        }
    }
    return NULL;
}

START_TEST(the_budget_is_exact_among_threads) {
    atomic_store(&n_tries, 0);
    run_threads(spend);
    ck_assert_uint_eq(atomic_load(&n_tries) + view_of(a, S).retries_left, THREADS * 1000 / 5 + 10);
    while (llm_health_withdraw(a, S)) {
        atomic_fetch_add(&n_tries, 1);
    }
    ck_assert_uint_eq(atomic_load(&n_tries), THREADS * 1000 / 5 + 10);
}
END_TEST

// Everything at once, with reloads.
static void *use_everything(void *ctx) {
    static const llm_status statuses[] = {LLM_OK,          LLM_E_SERVER, LLM_E_RATE_LIMITED,
                                          LLM_E_CANCELLED, LLM_OK,       LLM_E_AUTH};
    static const struct llm_breaker_settings breaker = LLM_BREAKER_SETTINGS_INIT;
    static const struct llm_retry_budget_settings budget = LLM_RETRY_BUDGET_SETTINGS_INIT;
    const size_t self = (size_t)ctx;
    for (size_t i = 0; i < 1000; i++) {
        char name[16];
        struct llm_health_ticket ticket;
        uint64_t wait_ms = 0;
        const uint64_t now = S + i * 5000 + self;
        snprintf(name, sizeof name, "a#%zu", i % 3);
        struct llm_health_entry *keys[3] = {a, llm_health_get(health, LLM_STR("a"), llm_str_from(name)), a};
        struct llm_health_target *target = llm_health_target(health, LLM_STR("a"), LLM_STR("m"));
        struct llm_health_entry *key = keys[llm_health_pick(keys, 3, now)];
        (void)llm_health_look(key, now, &wait_ms);
        (void)llm_health_score(key, target, now);
        (void)llm_health_enter(key, target, now, &ticket, &wait_ms);
        llm_health_leave(&ticket, now + 100, statuses[(i + self) % 6], 100, (int64_t)(i % 7) - 1);
        if (i % 100 == 0) {
            llm_health_configure(health, &breaker, &budget);
            (void)view_of(key, now);
        }
    }
    return NULL;
}

START_TEST(threads_and_reloads_do_not_disturb_each_other) {
    run_threads(use_everything);
    const struct llm_health_view view = view_of(a, 100 * S);
    ck_assert_uint_eq(view.in_flight + view.key_in_flight, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("health");
    TCase *tests = tcase_create("health");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_name_is_found_again);
    tcase_add_test(tests, what_is_there_needs_no_memory);
    tcase_add_test(tests, every_allocation_may_fail);
    tcase_add_loop_test(tests, an_outcome_speaks_of_the_provider_or_the_key, 0, CHECK_ROWS(outcomes));
    tcase_add_test(tests, a_breaker_is_the_providers_and_not_the_keys);
    tcase_add_loop_test(tests, a_refused_key_rests, 0, CHECK_ROWS(rests));
    tcase_add_test(tests, a_burst_of_refusals_is_one);
    tcase_add_test(tests, an_answer_ends_the_rest_when_its_call_is_younger);
    tcase_add_test(tests, a_reload_gives_refused_keys_another_chance);
    tcase_add_test(tests, a_clock_that_jumps_back_does_not_prolong_a_rest);
    tcase_add_test(tests, keys_take_turns);
    tcase_add_loop_test(tests, fades_by_halves, 0, CHECK_ROWS(fades));
    tcase_add_test(tests, the_estimate_is_a_peak_ewma);
    tcase_add_test(tests, the_score_grows_with_what_makes_it_worse);
    tcase_add_test(tests, targets_of_one_provider_are_told_apart);
    tcase_add_test(tests, power_of_two_choices_takes_the_faster_one);
    tcase_add_test(tests, one_probe_passes_among_threads);
    tcase_add_test(tests, the_budget_is_exact_among_threads);
    tcase_add_test(tests, threads_and_reloads_do_not_disturb_each_other);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
