// SPDX-License-Identifier: MIT
// Breaker and keys over real sockets: the simulator sees which key came, and a provider that fails comes back.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check_main.h"
#include "llm_json.h"
#include "llm_master.h"
#include "sim.h"
#include "temp_dir.h"

#define ONE "sk-key-number-one"
#define TWO "sk-key-number-two"
#define TWO_KEYS "[{\"value\": \"" ONE "\"}, {\"value\": \"" TWO "\"}]"

static struct temp_dir dir;
static struct llm_sim *sim;
static llm_master *master;

static void setup(void) {
    temp_dir_new(&dir);
}

static void teardown(void) {
    llm_master_free(master);
    llm_sim_free(sim);
    master = NULL;
    sim = NULL;
    temp_dir_free(&dir);
}

// rules: NULL: every request gets a good answer.  more: further members of the settings.
static void begin(const char *rules, const char *keys, const char *more) {
    static char settings[1024];
    llm_error err = LLM_ERROR_INIT;
    const struct llm_sim_options how = {.rules = rules, .log_file = temp_dir_file(&dir, "log")};
    ck_assert_msg(llm_sim_new(&how, &sim, &err) == LLM_OK, "%s", err.message);
    ck_assert_int_eq(llm_sim_start(sim), LLM_OK);
    (void)snprintf(settings, sizeof settings,
                   "{\"base_urls\": {\"openai\": \"%s/v1\"}, \"keys\": {\"openai\": %s}%s}", llm_sim_url(sim),
                   keys, more);
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG;
    options.settings = settings;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
}

static llm_status ask(uint32_t max_attempts, llm_error *err) {
    const llm_query_args args = {LLM_QUERY_INIT, .model = "openai/gpt-4o-mini", .prompt = "hi",
                                 .max_attempts = max_attempts};
    llm_response *response = NULL;
    const llm_status status = llm_query(master, &args, &response, err);
    if (response != NULL) {
        char *json = NULL;
        ck_assert_int_eq(llm_response_json(response, &json, NULL), LLM_OK);
        ck_assert_ptr_null(strstr(json, "sk-key"));
        llm_free(json);
    }
    llm_response_free(response);
    return status;
}

// Requests that came with a key.
static size_t seen(const char *key) {
    size_t len = 0, n = 0;
    char *log = temp_dir_read(temp_dir_file(&dir, "log"), &len);
    for (const char *at = log; (at = strstr(at, key)) != NULL; at++) {
        n++;
    }
    free(log);
    return n;
}

static char *described(void) {
    char *json = NULL;
    ck_assert_int_eq(llm_master_describe(master, "providers", "openai", &json, NULL, NULL), LLM_OK);
    ck_assert_ptr_null(strstr(json, "sk-key"));
    return json;
}

static void shows(const char *what) {
    char *json = described();
    ck_assert_msg(strstr(json, what) != NULL, "no %s in %s", what, json);
    llm_free(json);
}

START_TEST(two_keys_take_turns) {
    begin(NULL, TWO_KEYS, "");
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(ask(1, NULL), LLM_OK);
    }
    ck_assert_uint_eq(seen(ONE), 5);
    ck_assert_uint_eq(seen(TWO), 5);
    ck_assert_uint_eq(llm_sim_requests(sim), 10);
    shows("\"breaker\":\"closed\"");
    char *json = described();
    ck_assert_ptr_null(strstr(json, "\"latency_us\":null"));
    llm_free(json);
}
END_TEST

static const struct {
    const char *reply, *refused;
} refusals[] = {
    {"\"status\": 401, \"body\": {\"error\": {\"message\": \"Incorrect API key provided: " TWO "\"}}",
     "auth"},
    {"\"status\": 429, \"headers\": {\"retry-after\": \"30\"}, \"body\": {\"error\": {\"message\": \"slow "
     "down\"}}",
     "rate_limited"},
    {"\"status\": 429, \"headers\": {\"retry-after\": \"30\"}, \"body\": {\"error\": {\"code\": "
     "\"insufficient_quota\", "
     "\"message\": \"no money\"}}",
     "quota"},
};

// One call meets the refusal, and is tried again with the other key; the others do not come near it.
START_TEST(a_refused_key_is_left_alone_while_the_other_works) {
    char rules[600], want[60];
    snprintf(rules, sizeof rules,
             "[{\"match\": {\"header\": {\"authorization\": \"Bearer " TWO "\"}}, \"reply\": {%s}}]",
             refusals[_i].reply);
    begin(rules, TWO_KEYS, "");
    for (int i = 0; i < 10; i++) {
        llm_error err = LLM_ERROR_INIT;
        const llm_status status = ask(0, &err);
        ck_assert_msg(status == LLM_OK, "call %d: %s", i, err.message);
    }
    ck_assert_uint_eq(seen(TWO), 1);
    ck_assert_uint_eq(seen(ONE), 10);
    snprintf(want, sizeof want, "\"refused\":\"%s\"", refusals[_i].refused);
    shows(want);
    shows("\"breaker\":\"closed\"");
    // After a reload the key rests still, unless a reload may have mended it.
    ck_assert_int_eq(llm_master_reload(master, NULL), LLM_OK);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(ask(0, NULL), LLM_OK);
    }
    ck_assert_uint_eq(seen(TWO), strcmp(refusals[_i].refused, "rate_limited") == 0 ? 1 : 2);
}
END_TEST

// One key alone is used although it was refused.
START_TEST(one_key_alone_is_always_used) {
    begin("[{\"match\": {\"nth\": 1}, \"reply\": {\"status\": 401, \"body\": {\"error\": {\"message\": "
          "\"bad " ONE "\"}}}}]",
          "{\"value\": \"" ONE "\"}", "");
    llm_error err = LLM_ERROR_INIT;
    ck_assert_int_eq(ask(0, &err), LLM_E_AUTH);
    ck_assert_ptr_null(strstr(err.message, ONE));
    ck_assert_int_eq(ask(0, NULL), LLM_OK);
    ck_assert_uint_eq(seen(ONE), 2);
}
END_TEST

static int64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Five failures open it: nothing more is sent.  When the provider is back a call finds out, and all pass.
START_TEST(a_provider_that_fails_is_left_alone_until_it_is_back) {
    begin("[{\"match\": {\"nth\": [1, 5]}, \"reply\": {\"status\": 500, \"body\": {\"error\": {\"message\": "
          "\"x\"}}}}]",
          TWO_KEYS, ", \"breaker\": {\"open_ms\": 300, \"max_open_ms\": 300}");
    llm_error err = LLM_ERROR_INIT;
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(ask(1, &err), LLM_E_SERVER);
    }
    const int64_t opened = now_ms();
    shows("\"breaker\":\"open\",\"retry_after_ms\":");
    shows("\"faults_in_a_row\":5,");
    for (int i = 0; i < 50 && now_ms() < opened + 200; i++) {
        err = (llm_error)LLM_ERROR_INIT;
        ck_assert_int_lt(ask(1, &err), 0);
        ck_assert_int_ge(err.retry_after_ms, 1);
        ck_assert_int_le(err.retry_after_ms, 300);
    }
    ck_assert_uint_eq(llm_sim_requests(sim), 5);
    llm_status status = LLM_E_SERVER;
    while (status != LLM_OK && now_ms() < opened + 5000) {
        status = ask(1, NULL);
        (void)poll(NULL, 0, 10);
    }
    ck_assert_int_eq(status, LLM_OK);
    ck_assert_uint_eq(llm_sim_requests(sim), 6);
    shows("\"breaker\":\"closed\",\"retry_after_ms\":null,\"faults_in_a_row\":0,\"in_flight\":0,");
    ck_assert_int_eq(ask(1, NULL), LLM_OK);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("health_live");
    TCase *tests = tcase_create("health_live");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, two_keys_take_turns);
    tcase_add_loop_test(tests, a_refused_key_is_left_alone_while_the_other_works, 0, CHECK_ROWS(refusals));
    tcase_add_test(tests, one_key_alone_is_always_used);
    tcase_add_test(tests, a_provider_that_fails_is_left_alone_until_it_is_back);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
