// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "check_main.h"
#include "fail_alloc.h"
#include "keeper.h"
#include "llm_json.h"
#include "world.h"

static struct world w;

static void setup(void) {
    world_new(&w);
    world_keeper(&w);
    setenv("KEPT_API_KEY", "sk-kept", 1);
}

static void teardown(void) {
    world_free(&w);
}

static const char rich[] =
    "{\"name\": \"a\", \"base_url\": \"https://{x}.example\", \"variables\": {\"x\": {\"default\": \"y\"}},"
    " \"auth\": {\"key_env\": [\"A_KEY\", \"B_KEY\"]}, \"headers\": {\"h\": \"{x}\"}, \"origins\": "
    "[\"https://*.b.example\"],"
    " \"prefixes\": [\"x-\"], \"generate_map\": {\"*\": \"chat\"}, \"modles\": 1,"
    " \"models\": [{\"id\": \"m\", \"input_per_mtok\": \"1\", \"aliases\": [\"n\"], \"operation\": "
    "[\"chat\", \"image\"]}, {\"idd\": 1}]}";

START_TEST(every_allocation_may_fail) {
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    const char *dirs[] = {temp_dir_file(&w.dir, "plugins"), NULL};
    world_file(&w, "plugins/providers.d/a.json", rich);
    world_file(&w, "plugins/providers.d/b.json", "{\"name\": \"b\"");
    world_file(&w, "plugins/models.d/m.json",
               "[{\"provider\": \"a\", \"id\": \"m\", \"output_per_mtok\": \"2\"}, {\"provider\": \"a\", "
               "\"id\": \"o\"}]");
    world_file(&w, "user/llm-master/providers.d/a.json",
               "[{\"name\": \"a\", \"headers\": {\"h\": \"2\"}}, {\"name\": \"kept\", \"title\": \"K\"}]");
    world_file(&w, "user/llm-master/providers.d/b.json", "{\"name\": \"a\", \"headers\": 3}");
    setenv("A_KEY", "sk-a", 1);
    options.flags = LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.settings = "{\"aliases\": {\"q\": \"m\"}, \"keys\": {\"kept\": [{\"command\": \"echo sk\"}, "
                       "{\"value\": \"sk-2\"}]}, "
                       "\"base_urls\": {\"kept\": \"https://k.example\"}}";
    size_t n = 0;
    for (;; n++) {
        struct llm_settings s;
        struct llm_snapshot *snapshot = NULL;
        llm_error err = LLM_ERROR_INIT;
        struct llm_health *health = llm_health_new(1);
        ck_assert_ptr_nonnull(health);
        ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
        fail_alloc_after(n);
        const llm_status status = llm_snapshot_new(&s, w.registry, health, &snapshot, &err);
        const bool failed = fail_alloc_off();
        llm_health_free(health);
        if (!failed) {
            ck_assert_msg(status == LLM_OK, "%s", err.message);
            llm_snapshot_unref(snapshot);
            break;
        }
        ck_assert_msg(status == LLM_E_NOMEM, "allocation %zu: %s: %s", n, llm_status_name(status),
                      err.message);
        ck_assert_ptr_null(snapshot);
    }
    ck_assert_uint_gt(n, 10);
}
END_TEST

START_TEST(a_description_may_run_out_of_memory) {
    static const char *const subjects[] = {"models", "providers", "keys", "plugins", "config", "doctor"};
    world_file(&w, "plugins/providers.d/a.json", rich);
    world_must(&w, NULL);
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        for (size_t n = 0;; n++) {
            char *json = NULL;
            size_t len = 0;
            llm_error err = LLM_ERROR_INIT;
            fail_alloc_after(n);
            const llm_status status = llm_snapshot_describe(w.snapshot, subjects[i], NULL, &json, &len, &err);
            const bool failed = fail_alloc_off();
            free(json);
            if (!failed) {
                ck_assert_int_eq(status, LLM_OK);
                break;
            }
            ck_assert_int_eq(status, LLM_E_NOMEM);
        }
    }
}
END_TEST

START_TEST(an_instance_is_made_once_and_knows_its_provider) {
    llm_error err = LLM_ERROR_INIT;
    llm_instance *one = NULL, *two = NULL;
    world_must(&w, NULL);
    struct llm_provider *p = world_provider(&w, "kept");
    ck_assert_int_eq(llm_provider_instance(w.snapshot, p, &one, &err), LLM_OK);
    ck_assert_int_eq(llm_provider_instance(w.snapshot, p, &two, &err), LLM_OK);
    ck_assert_ptr_eq(one, two);
    ck_assert(llm_str_is(one->args->name, "kept"));
    ck_assert(llm_str_is(one->args->base_url, "https://kept.example/v1"));
    ck_assert_uint_eq(one->args->n_secrets, 1);
    ck_assert(llm_str_is(one->args->secret_names[0], "api_key"));
    ck_assert(llm_json_check(one->args->config, 16, NULL));
    ck_assert_ptr_null(memmem(one->args->config.ptr, one->args->config.len, "sk-kept", 7));
    // Another snapshot has its own; the old one lives as long as somebody holds it.
    struct llm_snapshot *old = llm_snapshot_ref(w.snapshot);
    world_must(&w, NULL);
    ck_assert_int_eq(llm_provider_instance(w.snapshot, world_provider(&w, "kept"), &two, &err), LLM_OK);
    ck_assert_ptr_ne(one, two);
    ck_assert(llm_str_is(one->args->name, "kept"));
    llm_snapshot_unref(old);
}
END_TEST

START_TEST(a_plugin_without_instances_gives_none) {
    llm_error err = LLM_ERROR_INIT;
    llm_instance *inst = (llm_instance *)&w;
    world_must(&w, NULL);
    ck_assert_int_eq(llm_provider_instance(w.snapshot, world_provider(&w, "echo"), &inst, &err), LLM_OK);
    ck_assert_ptr_null(inst);
}
END_TEST

START_TEST(a_plugin_may_refuse_a_provider) {
    llm_error err = LLM_ERROR_INIT;
    llm_instance *inst = NULL;
    world_file(
        &w, "plugins/providers.d/a.json",
        "{\"name\": \"a\", \"plugin\": \"keeper\", \"base_url\": \"https://a.example\", \"custom\": 1}");
    world_file(&w, "plugins/providers.d/b.json",
               "{\"name\": \"b\", \"plugin\": \"none\", \"base_url\": \"https://a.example\"}");
    world_must(&w, NULL);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(llm_provider_instance(w.snapshot, world_provider(&w, "a"), &inst, &err),
                         LLM_E_CONFIG);
        ck_assert_str_eq(err.message, "a cannot be used: its plugin says: custom is not wanted");
    }
    ck_assert_int_eq(llm_provider_instance(w.snapshot, world_provider(&w, "b"), &inst, &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "is in no plugin directory"));
    ck_assert_ptr_null(inst);
}
END_TEST

START_TEST(a_command_gives_its_key_at_the_first_call) {
    llm_error err = LLM_ERROR_INIT;
    llm_instance *inst = NULL;
    char settings[800];
    snprintf(settings, sizeof settings,
             "{\"keys\": {\"kept\": {\"command\": \"test -e %s && echo sk-command\"}}}",
             temp_dir_file(&w.dir, "ready"));
    world_must(&w, settings);
    struct llm_provider *p = world_provider(&w, "kept");
    ck_assert(p->keys[0].command != NULL && !llm_secret_has(&p->keys[0].secret));
    ck_assert(llm_str_is(p->key_origin, "command in options"));
    ck_assert_int_eq(llm_provider_need_key(p, &err), LLM_OK);
    ck_assert_int_eq(llm_provider_instance(w.snapshot, p, &inst, &err), LLM_E_CONFIG);
    ck_assert_str_eq(err.message, "no key for kept: the command ended with status 1");
    world_file(&w, "ready", "");
    ck_assert_int_eq(llm_provider_instance(w.snapshot, p, &inst, &err), LLM_OK);
    ck_assert(llm_str_is(llm_secret_reveal(&p->keys[0].secret), "sk-command"));
}
END_TEST

static const struct {
    const char *model, *operation, *generator;
} generators[] = {
    {"kept-1", "chat", "chat"},
    {"b-1", "image", "image_b"},
    {"x", "image", "image_a"},
    {"odd-1", "image", "image_a"}, // the rule's generator is for another operation
    {"none-1", "chat", "chat"},    // the rule's generator does not exist, but there is one for the operation
    {"none-1", "speech", "config: kept: generate_map names \"nothing\""},
    {"x", "speech", "unsupported: kept has no operation \"speech\"; it has: chat, image, image"},
};

START_TEST(a_generator_is_chosen_by_pattern_and_operation) {
    llm_error err = LLM_ERROR_INIT;
    llm_instance *inst = NULL;
    char got[1000];
    world_must(&w, NULL);
    struct llm_provider *p = world_provider(&w, "kept");
    ck_assert_int_eq(llm_provider_instance(w.snapshot, p, &inst, &err), LLM_OK);
    const struct llm_plugin_generator *g = NULL;
    const llm_status status = llm_provider_generator(p, llm_str_from(generators[_i].model),
                                                     llm_str_from(generators[_i].operation), &g, &err);
    if (status == LLM_OK) {
        snprintf(got, sizeof got, "%.*s", LLM_FMT(g->name));
    } else {
        snprintf(got, sizeof got, "%s: %s", llm_status_name(status), err.message);
    }
    ck_assert_msg(strstr(got, generators[_i].generator) == got, "%s", got);
}
END_TEST

static void *ask(void *arg) {
    (void)arg;
    size_t failures = 0;
    for (int i = 0; i < 2000; i++) {
        struct llm_snapshot *s = llm_snapshot_ref(w.snapshot);
        struct llm_route route;
        llm_instance *inst = NULL;
        const struct llm_plugin_generator *g;
        llm_status status = llm_snapshot_route(s, LLM_STR("kept-1"), LLM_STR("chat"), NULL, &route, NULL);
        status = status == LLM_OK ? llm_provider_instance(s, route.provider, &inst, NULL) : status;
        status = status == LLM_OK
                     ? llm_provider_generator(route.provider, route.provider_model, LLM_STR("chat"), &g, NULL)
                     : status;
        failures +=
            status != LLM_OK || inst == NULL || !llm_secret_has(&route.provider->keys[0].secret) ? 1 : 0;
        llm_snapshot_unref(s);
    }
    return (void *)failures;
}

START_TEST(many_threads_share_a_snapshot) {
    pthread_t threads[4];
    world_must(&w, "{\"keys\": {\"kept\": {\"command\": \"echo sk-command\"}}}");
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, NULL), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *failures = NULL;
        ck_assert_int_eq(pthread_join(threads[i], &failures), 0);
        ck_assert_ptr_null(failures);
    }
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof(list)[0])

int main(void) {
    Suite *suite = suite_create("snapshot");
    TCase *tests = tcase_create("snapshot");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_allocation_may_fail);
    tcase_add_test(tests, a_description_may_run_out_of_memory);
    tcase_add_test(tests, an_instance_is_made_once_and_knows_its_provider);
    tcase_add_test(tests, a_plugin_without_instances_gives_none);
    tcase_add_test(tests, a_plugin_may_refuse_a_provider);
    tcase_add_test(tests, a_command_gives_its_key_at_the_first_call);
    tcase_add_loop_test(tests, a_generator_is_chosen_by_pattern_and_operation, 0, COUNT(generators));
    tcase_add_test(tests, many_threads_share_a_snapshot);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
