// SPDX-License-Identifier: MIT
#include "call/verdict.h"

#include "check_main.h"
#include "config/routes.h"
#include "llm_provider.h"

static const struct llm_retry_settings settings = {.max_attempts = 3,
                                                   .base_ms = 200,
                                                   .throttle_base_ms = 1000,
                                                   .max_backoff_ms = 20000,
                                                   .max_retry_after_ms = 60000};

#define NONE LLM_STAGE_NONE
#define SENT LLM_STAGE_SENT
#define REFUSED LLM_STAGE_REFUSED
#define ANSWER LLM_STAGE_ANSWER
#define STOP LLM_VERDICT_GIVE_UP
#define AGAIN LLM_VERDICT_RETRY
#define OTHER LLM_VERDICT_FALL_BACK

// A failure of the first of three attempts, with ten minutes and a budget left.
static struct llm_failure failure(llm_status status, enum llm_stage stage) {
    return (struct llm_failure){.status = status,
                                .stage = stage,
                                .advised_ms = -1,
                                .attempts = 1,
                                .budget = true,
                                .left_us = 600000000,
                                .throttles = 1,
                                .transients = 1,
                                .random = UINT32_MAX};
}

static enum llm_verdict_name judge(const struct llm_failure *f) {
    return llm_verdict(f, &settings, settings.max_attempts).name;
}

// ---- each class, at each stage ---------------------------------------------------------------------------------------

static const struct {
    llm_status status;
    enum llm_verdict_name at[LLM_STAGES], idempotent[LLM_STAGES];
} classes[] = {
    {LLM_E_INVALID_REQUEST, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_AUTH, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_PERMISSION, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_NOT_FOUND, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_CONFLICT, {STOP, STOP, STOP, STOP}, {STOP, STOP, AGAIN, AGAIN}},
    {LLM_E_TOO_LARGE, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_CONTEXT_LENGTH, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_CONTENT_FILTER, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_RATE_LIMITED, {AGAIN, AGAIN, AGAIN, AGAIN}, {AGAIN, AGAIN, AGAIN, AGAIN}},
    {LLM_E_QUOTA, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_OVERLOADED, {AGAIN, AGAIN, AGAIN, AGAIN}, {AGAIN, AGAIN, AGAIN, AGAIN}},
    {LLM_E_SERVER, {AGAIN, AGAIN, AGAIN, AGAIN}, {AGAIN, AGAIN, AGAIN, AGAIN}},
    {LLM_E_TIMEOUT, {AGAIN, STOP, AGAIN, STOP}, {AGAIN, AGAIN, AGAIN, AGAIN}},
    {LLM_E_TRANSPORT, {AGAIN, AGAIN, AGAIN, AGAIN}, {AGAIN, AGAIN, AGAIN, AGAIN}},
    {LLM_E_PROTOCOL, {STOP, STOP, STOP, STOP}, {STOP, STOP, AGAIN, AGAIN}},
    {LLM_E_CANCELLED, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_UNSUPPORTED, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_CONFIG, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_NOMEM, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_LIMIT, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_DENIED, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
    {LLM_E_INTERNAL, {STOP, STOP, STOP, STOP}, {STOP, STOP, STOP, STOP}},
};

START_TEST(each_class_at_each_stage) {
    for (int stage = 0; stage < LLM_STAGES; stage++) {
        struct llm_failure f = failure(classes[_i].status, (enum llm_stage)stage);
        ck_assert_msg(judge(&f) == classes[_i].at[stage], "%s at %d", llm_status_name(f.status), stage);
        f.idempotent = true;
        ck_assert_msg(judge(&f) == classes[_i].idempotent[stage], "%s at %d, idempotent",
                      llm_status_name(f.status), stage);
        // Another target takes it, but not what is the end.
        f.targets = 2;
        const bool end = f.status == LLM_E_CANCELLED || f.status == LLM_E_NOMEM;
        ck_assert_int_eq(judge(&f), end ? STOP : OTHER);
        // Never after output, after the last attempt, or after the deadline, whatever there is.
        f.told = true;
        ck_assert_int_eq(judge(&f), STOP);
        f.told = false;
        f.attempts = 3;
        ck_assert_int_eq(judge(&f), STOP);
        f.attempts = 1;
        f.left_us = 0;
        ck_assert_int_eq(judge(&f), STOP);
    }
}
END_TEST

START_TEST(every_status_has_a_row) {
    ck_assert_uint_eq(sizeof classes / sizeof classes[0], (size_t)-LLM_E_INTERNAL);
}
END_TEST

#pragma GCC diagnostic ignored "-Woverride-init" // F() gives what a case does not

// ---- what else counts ------------------------------------------------------------------------------------------------

static const struct {
    const char *why;
    struct llm_failure f;
    enum llm_verdict_name want;
    uint64_t least_us, most_us;
} cases[] = {
#define F(...)                                                                                               \
    {                                                                                                        \
        .advised_ms = -1, .attempts = 1, .budget = true, .left_us = 600000000, .throttles = 1,               \
        .transients = 1, .random = UINT32_MAX, __VA_ARGS__                                                   \
    }
    {"a transient fault: the short base", F(.status = LLM_E_SERVER, .stage = REFUSED), AGAIN, 200000, 200000},
    {"a throttled one: the long base", F(.status = LLM_E_RATE_LIMITED, .stage = REFUSED), AGAIN, 1000000,
     1000000},
    {"it doubles", F(.status = LLM_E_SERVER, .stage = REFUSED, .attempts = 2, .transients = 2), AGAIN, 400000,
     400000},
    {"each kind by itself", F(.status = LLM_E_SERVER, .stage = REFUSED, .attempts = 2, .throttles = 9), AGAIN,
     200000, 200000},
    {"up to the maximum", F(.status = LLM_E_SERVER, .stage = REFUSED, .transients = 16), AGAIN, 20000000,
     20000000},
    {"full jitter: nothing at all", F(.status = LLM_E_SERVER, .stage = REFUSED, .random = 0), AGAIN, 0, 0},
    {"full jitter: half", F(.status = LLM_E_SERVER, .stage = REFUSED, .random = UINT32_MAX / 2), AGAIN, 99990,
     100010},
    {"not before the provider says",
     F(.status = LLM_E_RATE_LIMITED, .stage = REFUSED, .advised_ms = 7000, .random = 0), AGAIN, 7000000,
     7000000},
    {"and spread behind that", F(.status = LLM_E_RATE_LIMITED, .stage = REFUSED, .advised_ms = 7000), AGAIN,
     7700000, 7700000},
    {"advice at the bound", F(.status = LLM_E_RATE_LIMITED, .stage = REFUSED, .advised_ms = 60000), AGAIN,
     60000000, 66000000},
    {"advice past the bound", F(.status = LLM_E_RATE_LIMITED, .stage = REFUSED, .advised_ms = 60001), STOP, 0,
     0},
    {"advice past the deadline",
     F(.status = LLM_E_RATE_LIMITED, .stage = REFUSED, .advised_ms = 5000, .left_us = 5000000), STOP, 0, 0},
    {"advice inside the deadline",
     F(.status = LLM_E_RATE_LIMITED, .stage = REFUSED, .advised_ms = 5000, .left_us = 5000001, .random = 0),
     AGAIN, 5000000, 5000000},
    {"nobody waits by advice while another target is free",
     F(.status = LLM_E_RATE_LIMITED, .stage = REFUSED, .advised_ms = 1, .targets = 1), OTHER, 0, 0},
    {"without advice the same target first", F(.status = LLM_E_RATE_LIMITED, .stage = REFUSED, .targets = 1),
     AGAIN, 1000000, 1000000},
    {"one attempt is kept for the other target",
     F(.status = LLM_E_SERVER, .stage = REFUSED, .targets = 1, .attempts = 2), OTHER, 0, 0},
    {"no budget", F(.status = LLM_E_SERVER, .stage = REFUSED, .budget = false), STOP, 0, 0},
    {"no budget, another target", F(.status = LLM_E_SERVER, .stage = REFUSED, .budget = false, .targets = 1),
     OTHER, 0, 0},
    {"a certificate that is not trusted", F(.status = LLM_E_TRANSPORT, .stage = NONE, .final = true), STOP, 0,
     0},
    {"the same, another target", F(.status = LLM_E_TRANSPORT, .stage = NONE, .final = true, .targets = 1),
     OTHER, 0, 0},
    {"the codec says never", F(.status = LLM_E_SERVER, .stage = REFUSED, .advice = LLM_RETRY_NEVER), STOP, 0,
     0},
    {"the codec says safe", F(.status = LLM_E_PROTOCOL, .stage = ANSWER, .advice = LLM_RETRY_SAFE), AGAIN,
     200000, 200000},
    {"safe, but a class that stays",
     F(.status = LLM_E_INVALID_REQUEST, .stage = REFUSED, .advice = LLM_RETRY_SAFE), STOP, 0, 0},
    {"advice with a refusal that stays",
     F(.status = LLM_E_QUOTA, .stage = REFUSED, .advice = LLM_RETRY_AFTER, .advised_ms = 5), STOP, 0, 0},
    {"a worn-out key, and another one",
     F(.status = LLM_E_RATE_LIMITED, .stage = REFUSED, .advised_ms = 9000, .other_key = true), AGAIN, 0, 0},
    {"a refused key, and another one", F(.status = LLM_E_AUTH, .stage = REFUSED, .other_key = true), AGAIN, 0,
     0},
    {"another key without a budget",
     F(.status = LLM_E_AUTH, .stage = REFUSED, .other_key = true, .budget = false), STOP, 0, 0},
    {"another key does not help an overloaded provider",
     F(.status = LLM_E_OVERLOADED, .stage = REFUSED, .other_key = true), AGAIN, 1000000, 1000000},
    {"a limit of ours, another target", F(.status = LLM_E_LIMIT, .stage = NONE, .attempts = 0, .targets = 1),
     OTHER, 0, 0},
    {"the call's own deadline", F(.status = LLM_E_TIMEOUT, .stage = SENT, .left_us = 0, .targets = 1), STOP,
     0, 0},
};

START_TEST(what_counts) {
    const struct llm_verdict got = llm_verdict(&cases[_i].f, &settings, settings.max_attempts);
    ck_assert_msg(got.name == cases[_i].want, "%s: %s", cases[_i].why, got.why);
    ck_assert_msg(got.wait_us >= cases[_i].least_us && got.wait_us <= cases[_i].most_us, "%s: %llu us",
                  cases[_i].why, (unsigned long long)got.wait_us);
}
END_TEST

START_TEST(jitter_stays_in_its_bounds) {
    static const uint64_t bounds[] = {0, 1, 999, 200000, 3600000000};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        ck_assert_uint_eq(llm_jitter(bounds[i], 0), 0);
        ck_assert_uint_eq(llm_jitter(bounds[i], UINT32_MAX), bounds[i]);
        ck_assert_uint_le(llm_jitter(bounds[i], 0x80000000u), bounds[i] / 2 + 1);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("verdict");
    TCase *tcase = tcase_create("verdict");
    tcase_add_loop_test(tcase, each_class_at_each_stage, 0, (int)(sizeof classes / sizeof classes[0]));
    tcase_add_test(tcase, every_status_has_a_row);
    tcase_add_loop_test(tcase, what_counts, 0, (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(tcase, jitter_stays_in_its_bounds);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
