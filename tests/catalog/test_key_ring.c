// SPDX-License-Identifier: MIT
// Several keys of one provider.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "check_main.h"
#include "world.h"

static struct world w;

static void setup(void) {
    world_new(&w);
    world_keeper(&w);
    world_file(
        &w, "plugins/providers.d/a.json",
        "{\"name\": \"a\", \"base_url\": \"https://a.example\", \"auth\": {\"key_env\": [\"A_KEY\"]}}");
}

static void teardown(void) {
    world_free(&w);
}

// The keys of a provider: "name=secret from origin; ..."
static const char *ring(const struct llm_provider *p) {
    static char text[1000];
    size_t len = 0;
    for (size_t i = 0; i < p->n_keys; i++) {
        const struct llm_provider_key *key = &p->keys[i];
        const llm_str secret = llm_secret_reveal(&key->secret);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s=%.*s from %.*s", i > 0 ? "; " : "",
                                LLM_FMT(key->name), LLM_FMT(secret), LLM_FMT(key->origin));
    }
    return text;
}

static const struct {
    const char *settings, *ring;
} rings[] = {
    {NULL, "a= from "},
    {"{\"keys\": {\"a\": {\"value\": \"sk-1\"}}}", "a=sk-1 from options"},
    {"{\"keys\": {\"a\": [{\"value\": \"sk-1\"}]}}", "a=sk-1 from options"},
    {"{\"keys\": {\"a\": [{\"value\": \"sk-1\"}, {\"env\": \"B_KEY\"}, {\"value\": \"sk-3\"}]}}",
     "a=sk-1 from options; a#2=sk-b from environment B_KEY; a#3=sk-3 from options"},
    // A variable that is not set gives no key; the others keep their names.
    {"{\"keys\": {\"a\": [{\"env\": \"C_KEY\"}, {\"value\": \"sk-2\"}]}}", "a#2=sk-2 from options"},
    {"{\"keys\": {\"a\": [{\"env\": \"C_KEY\"}, {\"env\": \"C_KEY\"}]}}", "a= from "},
    {"{\"keys\": {\"a\": [{\"command\": \"echo sk-1\"}, {\"value\": \"sk-2\"}]}}",
     "a= from command in options; a#2=sk-2 from options"},
    {"{\"keys\": {\"a\": [{\"value\": \"sk-1\"}, {\"value\": \"sk-1\"}]}}",
     "a=sk-1 from options; a#2=sk-1 from options"},
    {"{\"keys\": {\"a\": {\"value\": \"sk-1,sk-2\"}}}", "a=sk-1,sk-2 from options"}, // a comma splits nothing
};

START_TEST(a_ring_has_the_keys_that_are_there) {
    setenv("B_KEY", "sk-b", 1);
    world_must(&w, rings[_i].settings);
    const struct llm_provider *p = world_provider(&w, "a");
    ck_assert_str_eq(ring(p), rings[_i].ring);
    ck_assert(llm_str_eq(p->key_origin, p->keys[0].origin));
    for (size_t i = 0; i < p->n_keys; i++) {
        ck_assert_ptr_nonnull(p->keys[i].health);
        ck_assert_ptr_eq(p->keys[i].health, p->health[i]);
    }
}
END_TEST

START_TEST(without_a_key_of_the_settings_a_variable_counts) {
    setenv("A_KEY", "sk-a", 1);
    world_must(&w, "{\"keys\": {\"a\": [{\"env\": \"C_KEY\"}, {\"env\": \"C_KEY\"}]}}");
    ck_assert_str_eq(ring(world_provider(&w, "a")), "a=sk-a from environment A_KEY");
}
END_TEST

START_TEST(one_that_is_wrong_is_the_providers_problem) {
    world_must(&w, "{\"keys\": {\"a\": [{\"value\": \"sk-1\"}, {\"file\": \"/nonexistent\"}]}}");
    const struct llm_provider *p = world_provider(&w, "a");
    ck_assert_str_eq(ring(p), "a= from ");
    ck_assert_ptr_nonnull(strstr(p->problem.ptr, "the key file /nonexistent cannot be read"));
}
END_TEST

START_TEST(none_leaves_this_machine_in_the_clear) {
    world_file(&w, "plugins/providers.d/b.json",
               "{\"name\": \"b\", \"base_url\": \"http://10.0.0.1\", \"auth\": {\"key_env\": [\"C_KEY\"]}}");
    world_must(&w, "{\"keys\": {\"b\": [{\"value\": \"sk-1\"}, {\"value\": \"sk-2\"}]}}");
    const struct llm_provider *p = world_provider(&w, "b");
    ck_assert_str_eq(ring(p), "b= from ");
    ck_assert_ptr_nonnull(strstr(p->problem.ptr, "its key is not sent"));
}
END_TEST

START_TEST(commands_run_at_the_first_call) {
    llm_error err = LLM_ERROR_INIT;
    llm_instance *instance = NULL;
    char settings[900];
    snprintf(settings, sizeof settings,
             "{\"keys\": {\"kept\": [{\"command\": \"echo sk-1\"}, {\"value\": \"sk-2\"},"
             " {\"command\": \"test -e %s && echo sk-3\"}]}}",
             temp_dir_file(&w.dir, "ready"));
    world_must(&w, settings);
    struct llm_provider *p = world_provider(&w, "kept");
    ck_assert_int_eq(llm_provider_instance(w.snapshot, p, &instance, &err), LLM_E_CONFIG);
    ck_assert_str_eq(err.message, "no key for kept: the command ended with status 1");
    ck_assert(!llm_secret_has(&p->keys[0].secret)); // all or nothing
    world_file(&w, "ready", "");
    ck_assert_int_eq(llm_provider_instance(w.snapshot, p, &instance, &err), LLM_OK);
    ck_assert_str_eq(ring(p), "kept=sk-1 from command in options; kept#2=sk-2 from options; "
                              "kept#3=sk-3 from command in options");
}
END_TEST

static const struct {
    const char *text, *want;
} redactions[] = {
    {"sk-first-key and sk-second-key", "************ and *************"},
    {"sk-second-key", "*************"},
    {"Incorrect API key provided: sk-first-key.", "Incorrect API key provided: ************."},
    {"the third is k-33", "the third is ****"},
    {"nothing", "nothing"},
};

START_TEST(all_are_redacted) {
    char text[100];
    world_must(&w, "{\"keys\": {\"a\": [{\"value\": \"sk-first-key\"}, {\"value\": \"sk-second-key\"}, "
                   "{\"value\": \"k-33\"}]}}");
    snprintf(text, sizeof text, "%s", redactions[_i].text);
    llm_provider_redact(world_provider(&w, "a"), text, strlen(text));
    ck_assert_str_eq(text, redactions[_i].want);
}
END_TEST

// An attempt with the key whose turn it is, which ends so.
static const struct llm_provider_key *attempt(const struct llm_provider *p, llm_status status) {
    struct llm_health_ticket ticket;
    uint64_t wait_ms = 0;
    const uint64_t now = llm_clock_us();
    const struct llm_provider_key *key = llm_provider_choose_key(p, now);
    ck_assert_int_eq(llm_health_enter(key->health, NULL, now, &ticket, &wait_ms), LLM_HEALTH_GO);
    llm_health_leave(&ticket, now, status, 1000, 60000);
    return key;
}

START_TEST(a_refused_key_is_left_alone_and_a_reload_knows_it_still) {
    static const char settings[] =
        "{\"keys\": {\"a\": [{\"value\": \"sk-1\"}, {\"value\": \"sk-2\"}, {\"value\": \"sk-3\"}]}}";
    world_must(&w, settings);
    const struct llm_provider *p = world_provider(&w, "a");
    ck_assert_ptr_eq(attempt(p, LLM_OK), &p->keys[0]);
    ck_assert_ptr_eq(attempt(p, LLM_E_RATE_LIMITED), &p->keys[1]);
    ck_assert_ptr_eq(attempt(p, LLM_OK), &p->keys[2]);
    world_must(&w, settings);
    p = world_provider(&w, "a");
    for (int i = 0; i < 30; i++) {
        ck_assert_ptr_ne(attempt(p, LLM_OK), &p->keys[1]);
    }
    char *json = world_describe(&w, "providers", "a");
    ck_assert_ptr_nonnull(
        strstr(json, "{\"name\":\"a#2\",\"origin\":\"options\",\"in_flight\":0,\"rests_ms\":"));
    ck_assert_ptr_nonnull(strstr(json, ",\"refused\":\"rate_limited\"}"));
    ck_assert_ptr_nonnull(strstr(json, "\"latency_us\":1000,"));
    ck_assert_ptr_null(strstr(json, "sk-"));
    llm_mem_free(json);
}
END_TEST

START_TEST(a_provider_that_fails_is_shown) {
    world_must(&w, "{\"keys\": {\"a\": {\"value\": \"sk-1\"}}}");
    const struct llm_provider *p = world_provider(&w, "a");
    for (int i = 0; i < 5; i++) {
        attempt(p, LLM_E_SERVER);
    }
    char *json = world_describe(&w, "providers", "a");
    ck_assert_ptr_nonnull(strstr(json, "\"health\":{\"breaker\":\"open\",\"retry_after_ms\":"));
    ck_assert_ptr_null(strstr(json, "\"retry_after_ms\":null"));
    ck_assert_ptr_nonnull(strstr(json, "\"faults_in_a_row\":5,"));
    llm_mem_free(json);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("key_ring");
    TCase *tests = tcase_create("key_ring");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, a_ring_has_the_keys_that_are_there, 0, CHECK_ROWS(rings));
    tcase_add_test(tests, without_a_key_of_the_settings_a_variable_counts);
    tcase_add_test(tests, one_that_is_wrong_is_the_providers_problem);
    tcase_add_test(tests, none_leaves_this_machine_in_the_clear);
    tcase_add_test(tests, commands_run_at_the_first_call);
    tcase_add_loop_test(tests, all_are_redacted, 0, CHECK_ROWS(redactions));
    tcase_add_test(tests, a_refused_key_is_left_alone_and_a_reload_knows_it_still);
    tcase_add_test(tests, a_provider_that_fails_is_shown);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
