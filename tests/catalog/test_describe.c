// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "check_main.h"
#include "llm_json.h"
#include "world.h"

static struct world w;

static void setup(void) {
    world_new(&w);
    world_keeper(&w);
    world_file(&w, "plugins/broken.so", "text");
    world_file(&w, "plugins/providers.d/a.json",
               "{\"name\": \"a\", \"title\": \"A \\\"quoted\\\"\", \"base_url\": \"https://a.example\", "
               "\"homepage\": \"https://h.example\","
               " \"auth\": {\"key_env\": [\"A_KEY\", \"B_KEY\"]}, \"prefixes\": [\"a-\"],"
               " \"models\": [{\"id\": \"m\", \"input_per_mtok\": 0.10, \"output_per_mtok\": \"2\", "
               "\"context_tokens\": 9, \"abilities\": [\"tools\"]},"
               "  {\"id\": \"n\", \"operation\": \"image\"}]}");
    world_file(&w, "plugins/providers.d/bad.json", "{\"name\": \"bad\"}");
    setenv("B_KEY", "sk-secret-b", 1);
    world_must(&w, "{\"default_model\": \"m\", \"keys\": {\"a\": {\"value\": \"sk-secret-a\"}, \"ghost\": "
                   "{\"env\": \"X\"}}, \"base_urls\": {\"ghost\": \"https://g.example\"}}");
}

static void teardown(void) {
    world_free(&w);
}

// The member of the object whose `key` is `value`, as JSON text; "" when there is none.
static const char *find(const char *json, const char *key, const char *value, const char *member) {
    static char text[4000];
    llm_json_iter it = llm_json_begin(llm_str_from(json));
    text[0] = '\0';
    while (llm_json_next(&it)) {
        if (llm_json_is(llm_json_get(it.value, key), value)) {
            snprintf(text, sizeof text, "%.*s", LLM_FMT(llm_json_get(it.value, member)));
            break;
        }
    }
    return text;
}

static void expect(const char *json, const char *key, const char *value, const char *member,
                   const char *want) {
    const char *got = find(json, key, value, member);
    ck_assert_msg(strcmp(got, want) == 0, "%s of %s: %s instead of %s", member, value, got, want);
}

START_TEST(models) {
    char *json = world_describe(&w, "models", "a");
    ck_assert_uint_eq(llm_json_count(llm_str_from(json)), 2);
    expect(json, "id", "m", "provider", "\"a\"");
    expect(json, "id", "m", "operation", "\"chat\"");
    expect(json, "id", "m", "priced", "true");
    expect(json, "id", "m", "state", "\"ready\"");
    expect(json, "id", "m", "input_per_mtok", "\"0.10\"");
    expect(json, "id", "m", "output_per_mtok", "\"2\"");
    expect(json, "id", "m", "context_tokens", "9");
    expect(json, "id", "m", "abilities", "[\"tools\"]");
    expect(json, "id", "n", "operation", "\"image\"");
    expect(json, "id", "n", "priced", "false");
    llm_mem_free(json);
    json = world_describe(&w, "models", NULL);
    expect(json, "id", "kept-1", "provider", "\"kept\"");
    expect(json, "id", "kept-1", "state", "\"no_key\"");
    llm_mem_free(json);
}
END_TEST

START_TEST(providers) {
    char *json = world_describe(&w, "providers", NULL);
    expect(json, "name", "a", "title", "\"A \\\"quoted\\\"\"");
    expect(json, "name", "a", "state", "\"ready\"");
    expect(json, "name", "a", "plugin", "\"openai_compat\"");
    expect(json, "name", "a", "auth", "\"bearer\"");
    expect(json, "name", "a", "key_found", "true");
    expect(json, "name", "a", "key_origin", "\"options\"");
    expect(json, "name", "a", "models", "2");
    expect(json, "name", "a", "prefixes", "[\"a-\"]");
    expect(json, "name", "a", "problem", "null");
    expect(json, "name", "a", "homepage", "\"https://h.example\"");
    expect(json, "name", "a", "docs", "null");
    expect(json, "name", "a", "health",
           "{\"breaker\":\"closed\",\"retry_after_ms\":null,\"faults_in_a_row\":0,\"in_flight\":0,\"latency_"
           "us\":null,"
           "\"retries_left\":10}");
    expect(json, "name", "a", "keys",
           "[{\"name\":\"a\",\"origin\":\"options\",\"in_flight\":0,\"rests_ms\":null,\"refused\":null}]");
    expect(json, "name", "kept", "keys", "[]");
    expect(json, "name", "kept", "key_found", "false");
    expect(json, "name", "kept", "state", "\"no_key\"");
    expect(json, "name", "echo", "key_required", "false");
    ck_assert_ptr_null(strstr(json, "sk-secret"));
    llm_mem_free(json);
    json = world_describe(&w, "keys", "a");
    expect(json, "provider", "a", "keys", "[{\"name\":\"a\",\"origin\":\"options\"}]");
    llm_mem_free(json);
    json = world_describe(&w, "providers", "a");
    ck_assert_uint_eq(llm_json_count(llm_str_from(json)), 1);
    llm_mem_free(json);
}
END_TEST

START_TEST(keys) {
    char *json = world_describe(&w, "keys", NULL);
    expect(json, "provider", "a", "found", "true");
    expect(json, "provider", "a", "origin", "\"options\"");
    expect(json, "provider", "a", "variables", "[\"A_KEY\",\"B_KEY\"]");
    expect(json, "provider", "a", "required", "true");
    expect(json, "provider", "kept", "found", "false");
    expect(json, "provider", "kept", "origin", "null");
    expect(json, "provider", "echo", "variables", "[]");
    ck_assert_ptr_null(strstr(json, "sk-secret"));
    llm_mem_free(json);
}
END_TEST

START_TEST(plugins) {
    char *json = world_describe(&w, "plugins", NULL);
    expect(json, "file", "keeper.so", "id", "\"org.example.keeper\"");
    expect(json, "file", "keeper.so", "version", "\"1.0.0\"");
    expect(json, "file", "keeper.so", "state", "\"found\"");
    expect(json, "file", "keeper.so", "reason", "null");
    expect(json, "file", "keeper.so", "providers", "[\"kept\",\"taken\"]");
    expect(json, "file", "keeper.so", "generators",
           "{\"chat\": \"chat\", \"image_a\": \"image\", \"image_b\": \"image\"}");
    expect(json, "file", "broken.so", "state", "\"refused\"");
    expect(json, "file", "broken.so", "id", "null");
    ck_assert_ptr_nonnull(strstr(find(json, "file", "broken.so", "path"), "/plugins/broken.so\""));
    ck_assert_uint_gt(strlen(find(json, "file", "broken.so", "reason")), 10);
    llm_mem_free(json);
    static const char *const filters[] = {"keeper", "keeper.so", "org.example.keeper", "Keeper"};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        json = world_describe(&w, "plugins", filters[i]);
        ck_assert_uint_eq(llm_json_count(llm_str_from(json)), 1);
        llm_mem_free(json);
    }
}
END_TEST

START_TEST(config) {
    char *json = world_describe(&w, "config", NULL);
    expect(json, "name", "default_model", "value", "\"m\"");
    expect(json, "name", "default_model", "origin", "\"options\"");
    expect(json, "name", "timeouts.idle_ms", "value", "120000");
    expect(json, "name", "timeouts.idle_ms", "origin", "\"built in\"");
    expect(json, "name", "keys.a", "value", "{\"value\": \"(hidden)\"}");
    expect(json, "name", "plugin_dirs", "origin", "\"options\"");
    ck_assert_ptr_nonnull(strstr(find(json, "name", "config_file", "value"), "config.json"));
    ck_assert_ptr_nonnull(strstr(find(json, "name", "provider_dirs", "value"), "plugins/providers.d"));
    ck_assert_ptr_null(strstr(json, "sk-secret"));
    llm_mem_free(json);
    json = world_describe(&w, "config", "default_model");
    ck_assert_uint_eq(llm_json_count(llm_str_from(json)), 1);
    llm_mem_free(json);
}
END_TEST

START_TEST(doctor_names_what_is_wrong) {
    char *json = world_describe(&w, "doctor", NULL);
    expect(json, "text", "no_key", "level", "");
    ck_assert_ptr_nonnull(strstr(json, "broken.so\",\"text\":\"refused: "));
    ck_assert_ptr_nonnull(strstr(json, "bad.json\",\"text\":\"left out: "));
    ck_assert_ptr_nonnull(strstr(json, "the settings hold a key for a provider that does not exist"));
    ck_assert_ptr_nonnull(strstr(json, "the settings hold a base URL for a provider that does not exist"));
    expect(json, "subject", "keys", "level", "\"ok\"");
    expect(json, "subject", "default_model", "text", "\"m goes to a\"");
    ck_assert_ptr_null(strstr(json, "sk-secret"));
    llm_mem_free(json);
}
END_TEST

START_TEST(doctor_sees_open_files_and_missing_things) {
    char settings[1000];
    unsetenv("B_KEY");
    world_file(&w, "key", "sk-secret-c");
    snprintf(settings, sizeof settings,
             "{\"keys\": {\"kept\": {\"file\": \"%s\"}, \"a\": {\"value\": \"sk-secret-a\"}}, "
             "\"default_model\": \"nothing\"}",
             temp_dir_file(&w.dir, "key"));
    world_file(&w, "user/llm-master/config.json", settings);
    world_must(&w, NULL);
    char *json = world_describe(&w, "doctor", NULL);
    ck_assert_ptr_nonnull(strstr(json, "other users can read this file with the key of kept"));
    ck_assert_ptr_nonnull(strstr(json, "it holds a key and other users can read it"));
    expect(json, "subject", "default_model", "level", "\"error\"");
    ck_assert_ptr_null(strstr(json, "sk-secret"));
    llm_mem_free(json);
    struct world empty;
    world_new(&empty);
    ck_assert_int_eq(remove(temp_dir_file(&empty.dir, "plugins/openai_compat.so")), 0);
    world_must(&empty, "{}");
    json = world_describe(&empty, "doctor", NULL);
    expect(json, "subject", "plugins", "text", "\"no plugin that can be used was found\"");
    expect(json, "subject", "providers", "text", "\"no provider is known\"");
    ck_assert_ptr_nonnull(strstr(json, "this plugin directory is empty"));
    llm_mem_free(json);
    world_free(&empty);
}
END_TEST

static const struct {
    const char *what, *filter;
    llm_status status;
    const char *message;
} bad[] = {
    {"nothing", NULL, LLM_E_INVALID_REQUEST, "\"nothing\" is none of models, models_all, providers"},
    {NULL, NULL, LLM_E_INVALID_REQUEST, "\"\" is none of models"},
    {"models", "nobody", LLM_E_NOT_FOUND, "no provider \"nobody\""},
    {"keys", "keep", LLM_E_NOT_FOUND, "no provider \"keep\"; nearest: kept"},
    {"plugins", "keepr", LLM_E_NOT_FOUND, "no plugin \"keepr\"; nearest: keeper"},
};

START_TEST(what_is_not_known_is_said) {
    char *json = NULL;
    size_t len = 7;
    llm_error err = LLM_ERROR_INIT;
    ck_assert_int_eq(llm_snapshot_describe(w.snapshot, bad[_i].what, bad[_i].filter, &json, &len, &err),
                     bad[_i].status);
    ck_assert_msg(strstr(err.message, bad[_i].message) != NULL, "%s", err.message);
    ck_assert_ptr_null(json);
    ck_assert_uint_eq(len, 7);
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof(list)[0])

int main(void) {
    Suite *suite = suite_create("describe");
    TCase *tests = tcase_create("describe");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, models);
    tcase_add_test(tests, providers);
    tcase_add_test(tests, keys);
    tcase_add_test(tests, plugins);
    tcase_add_test(tests, config);
    tcase_add_test(tests, doctor_names_what_is_wrong);
    tcase_add_test(tests, doctor_sees_open_files_and_missing_things);
    tcase_add_loop_test(tests, what_is_not_known_is_said, 0, COUNT(bad));
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
