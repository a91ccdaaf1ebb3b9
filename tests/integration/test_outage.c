// SPDX-License-Identifier: MIT
// A provider that fails entirely for a while, and comes back (row 39): how often it is asked meanwhile, what the breaker says, how soon it is
// used again.  The figures are printed.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check_main.h"
#include "llm_master.h"
#include "sim.h"

#define PACE_US 4000 // between two calls
#define OUTAGE_S 2

static struct llm_sim *sim;
static llm_master *master;
static llm_loop *loop;

static int64_t now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void start_sim(const char *listen, const char *rules) {
    llm_error err = LLM_ERROR_INIT;
    const struct llm_sim_options options = {.listen = listen, .rules = rules};
    ck_assert_msg(llm_sim_new(&options, &sim, &err) == LLM_OK, "%s", err.message);
    ck_assert_int_eq(llm_sim_start(sim), LLM_OK);
}

static void begin(const char *rules, bool breaker) {
    char settings[512];
    llm_error err = LLM_ERROR_INIT;
    start_sim(NULL, rules);
    (void)snprintf(settings, sizeof settings,
                   "{\"base_urls\":{\"openai\":\"%s/v1\"},\"keys\":{\"openai\":{\"value\":\"k\"}},"
                   "\"retry\":{\"base_ms\":20,\"throttle_base_ms\":20},\"breaker\":{\"enabled\":%s}}",
                   llm_sim_url(sim), breaker ? "true" : "false");
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG;
    options.settings = settings;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
}

static void finish(void) {
    llm_loop_free(loop);
    llm_master_free(master);
    llm_sim_free(sim);
}

struct count {
    size_t begun, ended, good, most_attempts;
    int64_t first_good_us;
};

static size_t attempts_of(llm_call *call) {
    llm_response *response;
    char *json;
    size_t n = 0;
    ck_assert_int_eq(llm_call_response(call, &response), LLM_OK);
    ck_assert_int_eq(llm_response_json(response, &json, NULL), LLM_OK);
    for (const char *at = strstr(json, "\"attempts\":["); at != NULL; n++) {
        at = strstr(at + 1, "{\"provider\":");
        if (at == NULL) {
            break;
        }
    }
    llm_free(json);
    llm_response_free(response);
    return n;
}

static llm_status on_event(void *ctx, llm_call *call, const llm_event *event) {
    struct count *count = ctx;
    if (event->type != LLM_EVENT_END) {
        return LLM_OK;
    }
    count->ended++;
    if (event->status == LLM_OK) {
        count->good++;
        count->first_good_us = count->first_good_us == 0 ? now_us() : count->first_good_us;
    } else {
        const size_t n = attempts_of(call);
        count->most_attempts = n > count->most_attempts ? n : count->most_attempts;
    }
    llm_call_free(call);
    return LLM_OK;
}

// Calls at a steady pace for so long; ends earlier when one was good and `until_good`.
static void call_for(int64_t us, struct count *count, bool until_good) {
    const int64_t end = now_us() + us;
    int64_t next = now_us();
    while (now_us() < end && !(until_good && count->good > 0)) {
        for (; next <= now_us(); next += PACE_US) {
            llm_call *call;
            const llm_query_args args = {LLM_QUERY_INIT,           .model = "gpt-4o-mini", .prompt = "hi",
                                         .total_timeout_ms = 3000, .on_event = on_event,   .ctx = count};
            count->begun += llm_call_start(loop, &args, &call, NULL) == LLM_OK ? 1 : 0;
        }
        (void)llm_loop_run(loop, 2);
    }
}

static void drain(const struct count *count) {
    for (int i = 0; i < 1000 && count->ended < count->begun; i++) {
        (void)llm_loop_run(loop, 10);
    }
    ck_assert_uint_eq(count->ended, count->begun);
}

static bool breaker_is(const char *state) {
    char *json;
    ck_assert_int_eq(llm_master_describe(master, "providers", "openai", &json, NULL, NULL), LLM_OK);
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "\"%s\"", state);
    const char *breaker = strstr(json, "\"breaker\"");
    const bool is = breaker != NULL && strstr(breaker, wanted) != NULL;
    if (!is) {
        printf("# not %s: %.1200s\n", state, json);
    }
    llm_free(json);
    return is;
}

static const struct {
    const char *why, *rules;
    bool breaker;
} outages[] = {
    {"status 500, no breaker", "[{\"reply\":{\"status\":500,\"body\":\"\"}}]", false},
    {"status 500", "[{\"reply\":{\"status\":500,\"body\":\"\"}}]", true},
    {"status 503", "[{\"reply\":{\"status\":503,\"body\":\"\"}}]", true},
    {"reset", "[{\"reply\":{\"fault\":{\"kind\":\"refuse\"}}}]", true},
};

START_TEST(an_outage_is_not_made_worse_and_passes) {
    struct count failing = {0}, coming = {0};
    char listen[32];
    begin(outages[_i].rules, outages[_i].breaker);
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%u", llm_sim_port(sim));
    call_for(OUTAGE_S * INT64_C(1000000), &failing, false);
    const bool open = !outages[_i].breaker || breaker_is("open") || breaker_is("half_open");
    drain(&failing);
    const uint64_t asked = llm_sim_requests(sim);
    ck_assert_uint_eq(failing.good, 0);
    ck_assert_uint_le(failing.most_attempts, 3);
    ck_assert(open);
    llm_sim_free(sim); // nobody listens any more, until it is back
    start_sim(listen, "[]");
    const int64_t back = now_us();
    call_for(10 * INT64_C(1000000), &coming, true);
    drain(&coming);
    ck_assert_uint_gt(coming.good, 0);
    printf("# %s: %zu calls, asked %llu times (%.2f a call); back in use after %lld ms\n", outages[_i].why,
           failing.begun, (unsigned long long)asked, (double)asked / (double)failing.begun,
           (long long)(coming.first_good_us - back) / 1000);
    // 20 percent, and ten tries a second that come from nothing.
    ck_assert_uint_le(asked, failing.begun * 12 / 10 + 10 * (OUTAGE_S + 1));
    ck_assert_int_le(coming.first_good_us - back, 5 * INT64_C(1000000));
    finish();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("outage");
    TCase *tcase = tcase_create("outage");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, an_outage_is_not_made_worse_and_passes, 0, CHECK_ROWS(outages));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
