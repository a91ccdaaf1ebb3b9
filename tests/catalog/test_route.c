// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "check_main.h"
#include "fail_alloc.h"
#include "world.h"

static struct world w;

// Three providers; "b" has a key, "local" needs none, "off" has a problem.
static void setup(void) {
    world_new(&w);
    world_file(
        &w, "plugins/providers.d/a.json",
        "[{\"name\": \"a\", \"base_url\": \"https://a.example\", \"auth\": {\"key_env\": \"A_KEY\"}, "
        "\"prefixes\": [\"gpt-\", \"a-long-prefix-\"],"
        "  \"models\": [{\"id\": \"gpt-4o\", \"input_per_mtok\": \"1\", \"aliases\": [\"omni\"]}, {\"id\": "
        "\"only-a\"},"
        "   {\"id\": \"both\"}, {\"id\": \"two-ops\"}, {\"id\": \"two-ops\", \"operation\": \"image\", "
        "\"per_image\": \"1\"},"
        "   {\"id\": \"paint\", \"operation\": \"image\"}, {\"id\": \"gpt-5*\", \"input_per_mtok\": \"5\"}]},"
        " {\"name\": \"b\", \"base_url\": \"https://b.example\", \"auth\": {\"key_env\": \"B_KEY\"}, "
        "\"prefixes\": [\"gpt-b-\", \"a-long-\"],"
        "  \"models\": [{\"id\": \"first-b\"}, {\"id\": \"both\", \"input_per_mtok\": \"2\"}, {\"id\": "
        "\"a/gpt-4o\"}, {\"id\": \"a/unlisted\"},"
        "   {\"id\": \"vector\", \"operation\": \"embeddings\"}]},"
        " {\"name\": \"local\", \"base_url\": \"http://localhost:1\", \"models\": [{\"id\": \"*\", "
        "\"input_per_mtok\": \"0\"}, {\"id\": \"both\"}]},"
        " {\"name\": \"off\", \"base_url\": \"https://o.example\", \"plugin\": \"none\", \"models\": "
        "[{\"id\": \"both\"}, {\"id\": \"lost\"}]}]");
    setenv("B_KEY", "sk-b", 1);
    world_must(&w, "{\"aliases\": {\"fast\": \"b/both\", \"omni\": \"only-a\", \"again\": \"fast\"}}");
    ck_assert_uint_eq(w.snapshot->n_refused, 0);
}

static void teardown(void) {
    world_free(&w);
}

static const struct {
    const char *model, *operation, *provider, *route;
} rows[] = {
    {"gpt-4o", NULL, NULL, "a/gpt-4o priced"},
    {"only-a", NULL, NULL, "a/only-a listed"},
    {"fast", NULL, NULL, "b/both priced"},        // an alias of the settings
    {"omni", NULL, NULL, "a/only-a listed"},      // goes before an alias of a catalogue entry
    {"again", NULL, NULL, "not_found"},           // and leads to a name, not to another alias
    {"both", NULL, NULL, "b/both priced"},        // the one with a key
    {"both", NULL, "a", "a/both listed"},         //
    {"both", NULL, "local", "local/both listed"}, //
    {"a/both", NULL, NULL, "a/both listed"},      // as it is spelt
    {"local/both", NULL, NULL, "local/both listed"},
    {"local/anything:7b", NULL, NULL, "local/anything:7b priced"}, // by the pattern's price
    {"local/a/b", NULL, NULL, "local/a/b priced"},
    {"a/new", NULL, NULL, "a/new"},
    {"a/gpt-4o", NULL, NULL, "b/a/gpt-4o listed"}, // both list it: the one with a key
    {"a/gpt-4o", NULL, "a", "a/gpt-4o priced"},
    {"a/unlisted", NULL, NULL, "b/a/unlisted listed"}, // the exact name
    {"a/unlisted", NULL, "a", "a/unlisted"},
    {"a/unlisted", NULL, "local", "local/a/unlisted priced"},
    {"gpt-9", NULL, NULL, "a/gpt-9"},
    {"gpt-5-mini", NULL, NULL, "a/gpt-5-mini priced"}, // prefix, and the pattern's price
    {"gpt-b-1", NULL, NULL, "b/gpt-b-1"},              // the longest prefix
    {"gpt-", NULL, NULL, "a/gpt-"},
    {"a-long-prefix-x", NULL, NULL, "a/a-long-prefix-x"},
    {"a-long-pre", NULL, NULL, "b/a-long-pre"},
    {"gpt-b-1", NULL, "a", "a/gpt-b-1"},
    {"gpt", NULL, NULL, "not_found"},
    {"two-ops", NULL, NULL, "a/two-ops listed"},
    {"two-ops", "image", NULL, "a/two-ops priced"},
    {"two-ops", "embeddings", NULL, "a/two-ops"}, // known, but without a price for that
    {"gpt-4o", "image", NULL, "a/gpt-4o"},
    {"lost", NULL, NULL, "config: off cannot be used: its plugin \"none\""},
    {"off/x", NULL, NULL, "config: off cannot be used"},
    {"both", NULL, "off", "config: off cannot be used"},
    {"", NULL, NULL, "b/first-b listed"}, // no model: the first provider with a key
    {"", "embeddings", NULL, "b/vector listed"},
    {"", NULL, "a", "a/gpt-4o priced"},
    {"", "image", "a", "a/two-ops priced"},
    {"", "image", "b", "not_found: no model was named, and b lists none for \"image\""},
    {"", "speech", NULL,
     "not_found: no model was named, and no provider that has a key lists one for \"speech\""},
    {"", "image", NULL, "not_found: no model was named"},
    {"x", NULL, "nobody", "not_found: no provider \"nobody\""},
    {"x", NULL, "locale", "not_found: no provider \"locale\"; nearest: local"},
    {"nobody/x", NULL, NULL, "not_found: no model \"nobody/x\""},
    {"/", NULL, NULL, "not_found"},
    {"a/", NULL, NULL, "not_found"},
    {"/a", NULL, NULL, "not_found"},
    {"onli-a", NULL, NULL, "not_found: no model \"onli-a\"; nearest: only-a"},
    {"paynt", NULL, NULL, "nearest: paint"},
    {"first", NULL, NULL, "nearest: fast, first-b"},
};

START_TEST(names_lead_where_they_should) {
    const char *got = world_route(&w, rows[_i].model, rows[_i].operation, rows[_i].provider);
    const bool whole = strchr(rows[_i].route, '/') != NULL && strstr(rows[_i].route, "not_found") == NULL;
    ck_assert_msg(whole ? strcmp(got, rows[_i].route) == 0 : strstr(got, rows[_i].route) != NULL,
                  "%s: \"%s\" instead of \"%s\"", rows[_i].model, got, rows[_i].route);
}
END_TEST

START_TEST(a_key_changes_the_choice) {
    setenv("A_KEY", "sk-a", 1);
    world_must(&w, NULL);
    ck_assert_str_eq(world_route(&w, "both", NULL, NULL), "a/both listed");       // then by name
    ck_assert_str_eq(world_route(&w, "a/gpt-4o", NULL, NULL), "a/gpt-4o priced"); // then as it is spelt
    ck_assert_str_eq(world_route(&w, "", NULL, NULL), "a/gpt-4o priced");
    unsetenv("A_KEY");
    unsetenv("B_KEY");
    world_must(&w, NULL);
    ck_assert_str_eq(world_route(&w, "both", NULL, NULL), "local/both listed");
    ck_assert_str_eq(world_route(&w, "", NULL, NULL), "local/both listed");
    ck_assert_str_eq(world_route(&w, "a/gpt-4o", NULL, NULL), "a/gpt-4o priced");
}
END_TEST

START_TEST(a_provider_that_brought_itself_without_a_key_goes_last) {
    world_keeper(&w);
    world_file(&w, "plugins/providers.d/c.json",
               "{\"name\": \"zz\", \"base_url\": \"https://z.example\", \"auth\": {\"key_env\": \"C_KEY\"}, "
               "\"models\": [{\"id\": \"shared\"}]}");
    world_file(&w, "user/llm-master/providers.d/k.json",
               "{\"name\": \"kept\", \"auth\": {\"scheme\": \"none\"}}");
    world_must(&w, NULL);
    ck_assert_str_eq(world_route(&w, "shared", NULL, NULL), "zz/shared listed");
    ck_assert_str_eq(world_route(&w, "kept-1", NULL, NULL), "kept/kept-1 priced");
    setenv("KEPT_API_KEY", "sk-kept", 1);
    world_file(&w, "user/llm-master/providers.d/k.json", "[]");
    world_must(&w, NULL);
    ck_assert_str_eq(world_route(&w, "shared", NULL, NULL), "kept/shared listed");
}
END_TEST

START_TEST(the_default_model_is_for_chat) {
    world_must(&w, "{\"default_model\": \"two-ops\"}");
    ck_assert_str_eq(world_route(&w, "", NULL, NULL), "a/two-ops listed");
    ck_assert_str_eq(world_route(&w, "", "image", NULL), "a/two-ops priced");
    ck_assert_str_eq(world_route(&w, "", "embeddings", NULL), "b/vector listed");
    ck_assert_str_eq(world_route(&w, "", NULL, "b"), "b/first-b listed");
    world_must(&w, "{\"default_model\": \"nothing-at-all\"}");
    ck_assert_ptr_nonnull(strstr(world_route(&w, "", NULL, NULL), "not_found: no model \"nothing-at-all\""));
    ck_assert_str_eq(world_route(&w, "", "embeddings", NULL), "b/vector listed");
}
END_TEST

START_TEST(a_name_may_be_as_long_as_the_limit) {
    char name[LLM_MAX_MODEL_BYTES + 2] = "gpt-";
    memset(name + 4, 'x', sizeof name - 4);
    name[LLM_MAX_MODEL_BYTES + 1] = '\0';
    ck_assert_ptr_nonnull(
        strstr(world_route(&w, name, NULL, NULL), "not_found: no model has a name of more than 512"));
    name[LLM_MAX_MODEL_BYTES] = '\0';
    ck_assert_int_eq(strncmp(world_route(&w, name, NULL, NULL), "a/gpt-xxxx", 10), 0);
}
END_TEST

START_TEST(nothing_known_says_so) {
    struct world empty;
    world_new(&empty);
    world_file(&empty, "user/llm-master/providers.d/e.json", "{\"name\": \"echo\", \"disabled\": true}");
    world_must(&empty, NULL);
    ck_assert_str_eq(world_route(&empty, "x", NULL, NULL),
                     "not_found: no model \"x\": no provider is known (see \"doctor\")");
    ck_assert_ptr_nonnull(strstr(world_route(&empty, "", NULL, NULL), "not_found: no model was named"));
    world_free(&empty);
}
END_TEST

START_TEST(a_route_allocates_nothing) {
    struct llm_route route;
    llm_error err = LLM_ERROR_INIT;
    const size_t before = fail_alloc_count();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)llm_snapshot_route(w.snapshot, llm_str_from(rows[i].model), LLM_STR("chat"), rows[i].provider,
                                 &route, &err);
    }
    ck_assert_uint_eq(fail_alloc_count(), before);
}
END_TEST

START_TEST(failure_leaves_the_route_as_it_was) {
    struct llm_route route = {.provider_model = LLM_STR("kept")};
    ck_assert_int_eq(llm_snapshot_route(w.snapshot, LLM_STR("nothing"), LLM_STR("chat"), NULL, &route, NULL),
                     LLM_E_NOT_FOUND);
    ck_assert(llm_str_is(route.provider_model, "kept"));
    ck_assert_ptr_null(route.provider);
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof(list)[0])

int main(void) {
    Suite *suite = suite_create("route");
    TCase *tests = tcase_create("route");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, names_lead_where_they_should, 0, COUNT(rows));
    tcase_add_test(tests, a_key_changes_the_choice);
    tcase_add_test(tests, a_provider_that_brought_itself_without_a_key_goes_last);
    tcase_add_test(tests, the_default_model_is_for_chat);
    tcase_add_test(tests, a_name_may_be_as_long_as_the_limit);
    tcase_add_test(tests, nothing_known_says_so);
    tcase_add_test(tests, a_route_allocates_nothing);
    tcase_add_test(tests, failure_leaves_the_route_as_it_was);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
