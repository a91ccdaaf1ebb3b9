// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "check_main.h"
#include "llm_json.h"
#include "world.h"

static struct world w;

static void setup(void) {
    world_new(&w);
}

static void teardown(void) {
    world_free(&w);
}

#define FILE_A "plugins/providers.d/a.json"
#define USER_A "user/llm-master/providers.d/a.json"

START_TEST(a_file_gives_a_provider) {
    world_file(&w, FILE_A,
               "{ // all members\n"
               "\"name\": \"acme\", \"title\": \"Acme\", \"plugin\": \"org.example.echo\",\n"
               "\"base_url\": \"https://{place}.acme.example/v1/\",\n"
               "\"variables\": {\"place\": {\"default\": \"eu\", \"title\": \"where\"}, \"team\": {\"env\": "
               "[\"A_VARIABLE\"]}},\n"
               "\"auth\": {\"scheme\": \"header\", \"name\": \"x-key\", \"prefix\": \"Key \", \"key_env\": "
               "[\"A_KEY\", \"B_KEY\"]},\n"
               "\"headers\": {\"x-place\": \"in {place}\", \"x-team\": \"{team}\", \"x-fixed\": \"1\"},\n"
               "\"origins\": [\"https://*.acme.example\"], \"prefixes\": [\"acme-\", \"ac-\"],\n"
               "\"generate_map\": {\"img-*\": \"image\", \"*\": \"chat\"},\n"
               "\"models\": [{\"id\": \"acme-1\", \"input_per_mtok\": \"0.15\", \"output_per_mtok\": 0.60, "
               "\"context_tokens\": 8000,\n"
               "  \"output_tokens\": 4000, \"aliases\": [\"one\"], \"abilities\": [\"tools\"]}],\n"
               "\"supports_caching\": true, \"params\": {\"drop\": [\"x\"]}, \"quirks\": {}, \"paths\": {}, "
               "\"custom\": 9007199254740993,\n"
               "\"homepage\": \"https://acme.example\", \"my own\": [1.10]}");
    setenv("B_KEY", "sk-b", 1);
    world_must(&w, NULL);
    ck_assert_msg(w.snapshot->n_refused == 0, "%s", world_refused(&w, ""));
    const struct llm_provider *p = world_provider(&w, "acme");
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_null(p->problem.ptr);
    ck_assert_ptr_null(p->notice.ptr);
    ck_assert(llm_str_is(p->title, "Acme"));
    ck_assert_str_eq(p->plugin->id.ptr, "org.example.echo");
    ck_assert(llm_str_is(p->base_url, "https://eu.acme.example/v1"));
    ck_assert_int_eq(p->auth, LLM_AUTH_HEADER);
    ck_assert(llm_str_is(p->auth_name, "x-key") && llm_str_is(p->auth_prefix, "Key "));
    ck_assert(p->key_required && llm_str_is(p->key_env, "A_KEY,B_KEY"));
    ck_assert(llm_str_is(llm_secret_reveal(&p->keys[0].secret), "sk-b"));
    ck_assert(llm_str_is(p->key_origin, "environment B_KEY"));
    ck_assert_uint_eq(p->n_headers, 2);
    ck_assert(llm_str_is(p->headers[0].name, "x-place") && llm_str_is(p->headers[0].value, "in eu"));
    ck_assert(llm_str_is(p->headers[1].name, "x-fixed"));
    ck_assert_uint_eq(p->n_origins, 1);
    ck_assert_uint_eq(p->n_prefixes, 2);
    ck_assert_uint_eq(p->n_rules, 2);
    ck_assert(llm_str_is(p->rules[0].pattern, "img-*") && llm_str_is(p->rules[0].generator, "image"));
    ck_assert(p->supports_caching && !p->from_manifest);
    ck_assert_ptr_nonnull(strstr(p->source.ptr, FILE_A));
    const llm_str config = {p->config.ptr, p->config.len};
    ck_assert(llm_json_check(config, 16, NULL));
    ck_assert(llm_str_is(llm_json_get(config, "custom"), "9007199254740993"));
    ck_assert(llm_str_is(llm_json_get(config, "my own"), "[1.10]"));
    ck_assert_uint_eq(p->n_models, 1);
    const struct llm_model *m = &w.snapshot->models[p->first_model];
    ck_assert(llm_str_is(m->id, "acme-1") && llm_str_is(m->operation, "chat") && m->provider == p);
    ck_assert(world_price(m, LLM_PRICE_INPUT) == 150000);
    ck_assert(world_price(m, LLM_PRICE_OUTPUT) == 600000);
    ck_assert(world_price(m, LLM_PRICE_CACHE_READ) == -1);
    ck_assert_int_eq(m->context_tokens, 8000);
    ck_assert_int_eq(m->output_tokens_max, 4000);
}
END_TEST

START_TEST(ten_lines_are_enough) {
    world_file(&w, FILE_A, "{\"name\": \"acme\", \"base_url\": \"https://api.acme.example\"}");
    world_must(&w, NULL);
    const struct llm_provider *p = world_provider(&w, "acme");
    ck_assert(llm_str_is(p->title, "acme") && llm_str_is(p->plugin_name, "openai_compat"));
    ck_assert_ptr_nonnull(p->plugin);
    ck_assert_int_eq(p->auth, LLM_AUTH_NONE);
    ck_assert(!p->key_required);
    ck_assert_ptr_null(p->key_origin.ptr);
}
END_TEST

#define BASE "\"name\": \"a\", \"base_url\": \"https://a.example\""

static const struct {
    const char *text, *message;
} bad[] = {
    {"{", ":1:2: no valid JSON: it ends too early"},
    {"3", ":1:1: an object belongs here"},
    {"[3]", ":1:2: an object belongs here"},
    {"{}", ":1:1: \"name\" is missing"},
    {"{\"name\": \"A\"}", ":1:10: \"name\" must be lower-case letters"},
    {"{\"name\": \"a/b\"}", "\"name\" must be lower-case letters"},
    {"{\"name\": \"-a\"}", "\"name\" must be lower-case letters"},
    {"{\"name\": 1}", "name must be a string"},
    {"{\"name\": \"a\"}", "\"base_url\" is missing"},
    {"{\"name\": \"a\", \"base_ulr\": \"https://a.example\"}", "\"base_url\" is missing"},
    {"{" BASE ",\n \"name\": \"b\"}", ":2:2: \"name\" stands twice"},
    {"{" BASE ", \"n\\u0061me\": \"b\"}", "\"name\" stands twice"},
    {"{\"name\": \"a\", \"base_url\": \"http://a.example\"}",
     ":1:27: base_url \"http://a.example\" cannot be used: it is plain http to another network"},
    {"{\"name\": \"a\", \"base_url\": \"https://u@a.example\"}", "it holds a user name"},
    {"{\"name\": \"a\", \"base_url\": \"https://a.example?x\"}", "a query or a fragment"},
    {"{\"name\": \"a\", \"base_url\": \"https://{x}.example\"}", "{x} is not among its variables"},
    {"{\"name\": \"a\", \"base_url\": \"https://{x.example\"}", "is not among its variables"},
    {"{\"name\": \"a\", \"base_url\": \"https://{x}.example\", \"variables\": {\"x\": {\"value\": "
     "\"evil.example/\"}}}",
     "the value of {x} may hold letters"},
    {"{\"name\": \"a\", \"base_url\": \"https://{x}.example\", \"variables\": {\"x\": {\"env\": \"A-B\"}}}",
     "\"A-B\" is no name of an environment variable"},
    {"{\"name\": \"a\", \"base_url\": \"https://{x}.example\", \"variables\": {\"x\": {\"evn\": \"A\"}}}",
     "unknown member \"evn\" in a variable; did you mean \"env\"?"},
    {"{" BASE ", \"auth\": {\"scheme\": \"baerer\"}}", "auth.scheme must be bearer"},
    {"{" BASE ", \"auth\": {\"sceme\": \"bearer\"}}",
     "unknown member \"sceme\" in auth; did you mean \"scheme\"?"},
    {"{" BASE ", \"auth\": {\"scheme\": \"header\"}}", "auth.name is missing"},
    {"{" BASE ", \"auth\": {\"scheme\": \"query\"}}", "auth.name is missing"},
    {"{" BASE ", \"auth\": {\"scheme\": \"header\", \"name\": \"a b\"}}", "auth.name is no name"},
    {"{" BASE ", \"auth\": {\"scheme\": \"header\", \"name\": \"a:\"}}", "auth.name is no name"},
    {"{" BASE ", \"auth\": {\"scheme\": \"none\", \"required\": true}}", "auth.required does not go with"},
    {"{" BASE ", \"auth\": {\"key_env\": \"\"}}", "auth.key_env must be a string"},
    {"{" BASE ", \"auth\": {\"key_env\": [\"A\", \"B,C\"]}}",
     "\"B,C\" is no name of an environment variable"},
    {"{" BASE ", \"auth\": \"bearer\"}", "auth must be an object"},
    {"{" BASE ", \"key\": \"sk-1234567890\"}", "a provider file holds no key"},
    {"{" BASE ", \"api_key\": \"sk-1234567890\"}", "a provider file holds no key"},
    {"{" BASE ", \"headers\": {\"Authorization\": \"x\"}}",
     "\"Authorization\" is no header that may be set here"},
    {"{" BASE ", \"headers\": {\"host\": \"x\"}}", "is no header that may be set here"},
    {"{" BASE ", \"headers\": {\"x y\": \"x\"}}", "is no header that may be set here"},
    {"{" BASE ", \"headers\": {\"x\": \"a\\r\\nb: c\"}}", "a header's value holds a control character"},
    {"{" BASE ", \"headers\": {\"x\": \"\xc3\xa4\"}}", "must be plain ASCII"},
    {"{" BASE ", \"headers\": {\"x\": 1}}", "a header's value must be a string"},
    {"{" BASE ", \"headers\": []}", "headers must be an object"},
    {"{" BASE ", \"origins\": [\"https://*\"]}", "origin \"https://*\" cannot be used"},
    {"{" BASE ", \"prefixes\": [\"\"]}", "prefixes must be a string that is not empty"},
    {"{" BASE ", \"prefixes\": 1}", "prefixes must be a string or an array"},
    {"{" BASE ", \"generate_map\": []}", "generate_map must be an object"},
    {"{" BASE ", \"generate_map\": {\"*\": 1}}", "a generator's name must be a string"},
    {"{" BASE ", \"models\": {}}", "models must be an array"},
    {"{" BASE ", \"disabled\": 1}", "disabled must be true or false"},
    {"{" BASE ", \"params\": []}", "must be objects"},
    {"{" BASE ", \"title\": \"a\\u0000b\"}", "title holds a control character"},
};

START_TEST(a_bad_file_is_left_out_and_the_rest_goes_on) {
    world_file(&w, FILE_A, bad[_i].text);
    world_file(&w, "plugins/providers.d/b.json",
               "{\"name\": \"other\", \"base_url\": \"https://b.example\"}");
    world_must(&w, NULL);
    const char *reason = world_refused(&w, FILE_A);
    ck_assert_msg(reason != NULL, "accepted: %s", bad[_i].text);
    ck_assert_msg(strstr(reason, bad[_i].message) != NULL, "%s", reason);
    ck_assert_ptr_null(strstr(reason, "sk-1234567890"));
    ck_assert_uint_eq(w.snapshot->n_refused, 1);
    ck_assert_ptr_null(world_provider(&w, "a"));
    ck_assert_ptr_nonnull(world_provider(&w, "other"));
}
END_TEST

static const struct {
    const char *text, *message;
} bad_models[] = {
    {"{}", "a model has no \"id\""},
    {"3", "an object belongs here"},
    {"{\"id\": 3}", "id must be a string"},
    {"{\"id\": \"x\", \"input_per_mtok\": \"free\"}", ":2:36: input_per_mtok must be a decimal number"},
    {"{\"id\": \"x\", \"input_per_mtok\": \"-1\"}", "input_per_mtok must be a decimal number"},
    {"{\"id\": \"x\", \"input_per_mtok\": 1e-6}", "input_per_mtok must be a decimal number"},
    {"{\"id\": \"x\", \"input_per_mtok\": null}", "input_per_mtok must be a decimal number"},
    {"{\"id\": \"x\", \"input_per_mtoken\": \"1\"}",
     "unknown member \"input_per_mtoken\" of a model; did you mean \"input_per_mtok\"?"},
    {"{\"id\": \"x\", \"whatever\": \"1\"}", "unknown member \"whatever\" of a model"},
    {"{\"id\": \"x\", \"context_tokens\": \"1\"}", "context_tokens must be a whole number"},
    {"{\"id\": \"x\", \"context_tokens\": -1}", "context_tokens must be a whole number"},
    {"{\"id\": \"x\", \"operation\": 1}", "operation must be a string or an array"},
    {"{\"id\": \"x\", \"aliases\": [1]}", "aliases must be a string"},
    {"{\"id\": \"x\", \"id\": \"y\"}", "\"id\" stands twice"},
};

START_TEST(a_bad_model_is_left_out_and_the_others_stay) {
    char text[1000];
    snprintf(text, sizeof text, "{" BASE ", \"models\": [{\"id\": \"good\"},\n     %s]}",
             bad_models[_i].text);
    world_file(&w, FILE_A, text);
    world_must(&w, NULL);
    const char *reason = world_refused(&w, FILE_A);
    ck_assert_msg(reason != NULL && strstr(reason, bad_models[_i].message) != NULL, "%s",
                  reason != NULL ? reason : "accepted");
    ck_assert_uint_eq(world_provider(&w, "a")->n_models, 1);
}
END_TEST

START_TEST(names_and_prefixes_have_a_limit) {
    char text[400], name[LLM_MAX_PREFIX_BYTES + 2];
    memset(name, 'n', sizeof name);
    for (int over = 0; over <= 1; over++) {
        snprintf(text, sizeof text, "{\"name\": \"%.*s\", \"base_url\": \"https://a.example\"}",
                 (int)LLM_MAX_PROVIDER_NAME_BYTES + over, name);
        world_file(&w, FILE_A, text);
        world_must(&w, NULL);
        ck_assert_int_eq(world_refused(&w, FILE_A) != NULL, over);
        snprintf(text, sizeof text, "{" BASE ", \"prefixes\": [\"%.*s\"]}", (int)LLM_MAX_PREFIX_BYTES + over,
                 name);
        world_file(&w, FILE_A, text);
        world_must(&w, NULL);
        ck_assert_int_eq(world_refused(&w, FILE_A) != NULL, over);
    }
}
END_TEST

START_TEST(variables_come_from_value_environment_default) {
    static const char text[] =
        "{\"name\": \"a\", \"base_url\": \"https://{x}.a.example\", \"variables\": {\"x\": {%s}}}";
    static const struct {
        const char *variable, *set, *url, *problem;
    } rows[] = {
        {"\"default\": \"d\", \"env\": \"A_VARIABLE\", \"value\": \"v\"", "e", "https://v.a.example", NULL},
        {"\"default\": \"d\", \"env\": \"A_VARIABLE\"", "e", "https://e.a.example", NULL},
        {"\"default\": \"d\", \"env\": \"A_VARIABLE\"", NULL, "https://d.a.example", NULL},
        {"\"env\": \"A_VARIABLE\"", NULL, "https://{x}.a.example",
         "set A_VARIABLE (the {x} of its base URL)"},
        {"\"env\": [\"A_VARIABLE\", \"B\"], \"required\": true", NULL, "https://{x}.a.example",
         "set A_VARIABLE (its x)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char file[400];
        snprintf(file, sizeof file, text, rows[i].variable);
        world_file(&w, FILE_A, file);
        if (rows[i].set != NULL) {
            setenv("A_VARIABLE", rows[i].set, 1);
        } else {
            unsetenv("A_VARIABLE");
        }
        world_must(&w, NULL);
        const struct llm_provider *p = world_provider(&w, "a");
        ck_assert(llm_str_is(p->base_url, rows[i].url));
        ck_assert_int_eq(p->problem.ptr != NULL, rows[i].problem != NULL);
        ck_assert_msg(rows[i].problem == NULL || llm_str_is(p->problem, rows[i].problem), "%s",
                      p->problem.ptr);
    }
    setenv("A_VARIABLE", "evil.example/x", 1);
    world_file(&w, FILE_A,
               "{\"name\": \"a\", \"base_url\": \"https://{x}.a.example\", \"variables\": {\"x\": {\"env\": "
               "\"A_VARIABLE\"}}}");
    world_must(&w, NULL);
    ck_assert_ptr_nonnull(strstr(world_refused(&w, FILE_A), "may hold letters"));
}
END_TEST

START_TEST(base_urls_are_overridden) {
    world_file(&w, FILE_A,
               "{\"name\": \"a\", \"base_url\": \"https://{x}.example\", \"base_url_env\": \"A_VARIABLE\", "
               "\"variables\": {\"x\": {}}}");
    world_must(&w, NULL);
    ck_assert_ptr_nonnull(world_provider(&w, "a")->problem.ptr);
    setenv("A_VARIABLE", "https://env.example/v1/", 1);
    world_must(&w, NULL);
    ck_assert_ptr_null(world_provider(&w, "a")->problem.ptr);
    ck_assert(llm_str_is(world_provider(&w, "a")->base_url, "https://env.example/v1"));
    world_must(&w, "{\"base_urls\": {\"a\": \"https://settings.example\"}}");
    ck_assert(llm_str_is(world_provider(&w, "a")->base_url, "https://settings.example"));
    world_must(&w, "{\"base_urls\": {\"a\": \"http://settings.example\"}}");
    ck_assert_ptr_nonnull(
        strstr(world_provider(&w, "a")->problem.ptr,
               "the base URL \"http://settings.example\" in the settings' base_urls cannot be used"));
    setenv("A_VARIABLE", "nonsense", 1);
    world_must(&w, NULL);
    ck_assert_ptr_nonnull(
        strstr(world_provider(&w, "a")->problem.ptr, "in the variable of its base_url_env cannot"));
}
END_TEST

START_TEST(the_users_file_lies_over_the_others) {
    world_file(&w, FILE_A,
               "{" BASE
               ", \"prefixes\": [\"x-\"], \"headers\": {\"x\": \"1\"}, \"models\": [{\"id\": \"m\"}]}");
    world_file(
        &w, USER_A,
        "{\"name\": \"a\", \"base_url\": \"https://mine.example\", \"headers\": {\"y\": \"2\"}, \"own\": 1}");
    world_must(&w, NULL);
    const struct llm_provider *p = world_provider(&w, "a");
    ck_assert(llm_str_is(p->base_url, "https://mine.example"));
    ck_assert_uint_eq(p->n_headers, 1);
    ck_assert(llm_str_is(p->headers[0].name, "y"));
    ck_assert_uint_eq(p->n_prefixes, 1);
    ck_assert_uint_eq(p->n_models, 1);
    ck_assert_ptr_nonnull(strstr(p->source.ptr, " over it"));
    ck_assert(llm_json_check(p->config, 16, NULL));
    ck_assert(llm_str_is(llm_json_get(p->config, "base_url"), "\"https://mine.example\""));
    ck_assert(llm_str_is(llm_json_get(p->config, "own"), "1"));
    ck_assert_uint_eq(w.snapshot->n_refused, 0);
}
END_TEST

START_TEST(a_wrong_file_of_the_user_leaves_what_is_under_it) {
    world_file(&w, FILE_A, "{" BASE "}");
    world_file(&w, USER_A, "{\"name\": \"a\",\n\"headers\": 7}");
    world_must(&w, NULL);
    ck_assert_ptr_nonnull(strstr(world_refused(&w, USER_A), "a.json:2:12: headers must be an object"));
    ck_assert(llm_str_is(world_provider(&w, "a")->base_url, "https://a.example"));
}
END_TEST

START_TEST(the_user_adds_and_takes_away) {
    world_file(&w, FILE_A, "{" BASE "}");
    world_file(&w, USER_A,
               "[{\"name\": \"a\", \"disabled\": true}, {\"name\": \"new\", \"base_url\": "
               "\"https://new.example\"}]");
    world_must(&w, NULL);
    ck_assert_ptr_null(world_provider(&w, "a"));
    ck_assert_ptr_nonnull(world_provider(&w, "new"));
    ck_assert_uint_eq(w.snapshot->n_refused, 0);
}
END_TEST

START_TEST(the_first_file_keeps_a_name) {
    world_file(&w, FILE_A, "{" BASE "}");
    world_file(&w, "plugins/providers.d/b.json", "{\"name\": \"a\", \"base_url\": \"https://evil.example\"}");
    world_must(&w, NULL);
    ck_assert(llm_str_is(world_provider(&w, "a")->base_url, "https://a.example"));
    ck_assert_ptr_nonnull(strstr(world_refused(&w, "b.json"), "the provider \"a\" is already defined by"));
}
END_TEST

START_TEST(only_json_files_that_others_cannot_write_count) {
    world_file(&w, "plugins/providers.d/a.txt", "{" BASE "}");
    world_file(&w, "plugins/providers.d/.a.json", "{" BASE "}");
    world_must(&w, NULL);
    ck_assert_ptr_null(world_provider(&w, "a"));
    world_file(&w, FILE_A, "{" BASE "}");
    ck_assert_int_eq(chmod(temp_dir_file(&w.dir, FILE_A), 0666), 0);
    world_must(&w, NULL);
    ck_assert_ptr_null(world_provider(&w, "a"));
    ck_assert_ptr_nonnull(strstr(world_refused(&w, FILE_A), "everybody can write it"));
    ck_assert_int_eq(chmod(temp_dir_file(&w.dir, FILE_A), 0644), 0);
    ck_assert_int_eq(chmod(temp_dir_file(&w.dir, "plugins/providers.d"), 0777), 0);
    world_must(&w, NULL);
    ck_assert_ptr_null(world_provider(&w, "a"));
    ck_assert_ptr_nonnull(strstr(world_refused(&w, "providers.d"), "everybody can write it"));
}
END_TEST

START_TEST(models_are_added_and_changed_from_their_own_files) {
    world_file(&w, FILE_A,
               "{" BASE
               ", \"models\": [{\"id\": \"m\", \"input_per_mtok\": \"1\", \"output_per_mtok\": \"2\"},"
               " {\"id\": \"m\", \"operation\": \"embeddings\", \"input_per_mtok\": \"3\"}]}");
    world_file(&w, "plugins/models.d/x.json",
               "[{\"provider\": \"a\", \"id\": \"n\", \"operation\": [\"image\", \"image.edit\"], "
               "\"per_image\": \"0.04\"},"
               " {\"provider\": \"nobody\", \"id\": \"n\"}]");
    world_file(
        &w, "user/llm-master/models.d/x.json",
        "[{\"provider\": \"a\", \"id\": \"m\", \"operation\": \"embeddings\", \"input_per_mtok\": \"4\"},"
        " {\"provider\": \"a\", \"id\": \"n\", \"per_image\": \"0.05\"}, {\"provider\": \"a\", \"id\": 5}]");
    world_must(&w, NULL);
    const struct llm_provider *p = world_provider(&w, "a");
    const struct llm_model *m = &w.snapshot->models[p->first_model];
    ck_assert_uint_eq(p->n_models, 4);
    ck_assert(world_price(&m[0], LLM_PRICE_INPUT) == 1000000);
    ck_assert(world_price(&m[0], LLM_PRICE_OUTPUT) == 2000000);
    ck_assert(llm_str_is(m[1].operation, "embeddings"));
    ck_assert(world_price(&m[1], LLM_PRICE_INPUT) == 4000000);
    ck_assert(llm_str_is(m[2].operation, "image") && llm_str_is(m[3].operation, "image.edit"));
    ck_assert(world_price(&m[3], LLM_PRICE_IMAGE) == 50000000000);
    ck_assert_ptr_nonnull(
        strstr(world_refused(&w, "user/llm-master/models.d/x.json"), "\"id\" must be a string"));
}
END_TEST

START_TEST(a_member_that_is_misspelt_is_noticed) {
    world_file(&w, FILE_A, "{" BASE ", \"prefixs\": [\"a-\"], \"something\": 1}");
    world_must(&w, NULL);
    ck_assert(llm_str_is(world_provider(&w, "a")->notice,
                         "unknown member \"prefixs\": did you mean \"prefixes\"?"));
}
END_TEST

START_TEST(a_provider_without_its_plugin_says_so) {
    world_file(&w, FILE_A, "{" BASE ", \"plugin\": \"nothing\"}");
    world_file(&w, "plugins/broken.so", "this is text");
    world_file(&w, "plugins/providers.d/b.json",
               "{\"name\": \"b\", \"base_url\": \"https://b.example\", \"plugin\": \"broken\"}");
    world_must(&w, NULL);
    ck_assert_ptr_nonnull(
        strstr(world_provider(&w, "a")->problem.ptr, "its plugin \"nothing\" is in no plugin directory"));
    ck_assert_ptr_nonnull(strstr(world_provider(&w, "b")->problem.ptr, "broken.so is refused: "));
}
END_TEST

static const struct {
    const char *url, *auth;
    bool sent;
    const char *problem, *notice;
} keys[] = {
    {"https://a.example", "\"key_env\": \"A_KEY\"", true, NULL, NULL},
    {"http://localhost:1", "\"key_env\": \"A_KEY\"", true, NULL, NULL},
    {"http://127.0.0.1:1", "\"key_env\": \"A_KEY\"", true, NULL, NULL},
    {"http://10.0.0.1", "\"key_env\": \"A_KEY\"", false, "its key is not sent: http://10.0.0.1 is plain http",
     NULL},
    {"http://box:8000/v1", "\"key_env\": \"A_KEY\", \"required\": false", false, NULL, "its key is not sent"},
    {"https://a.example", "\"scheme\": \"none\", \"key_env\": \"A_KEY\"", false, NULL, NULL},
};

START_TEST(a_key_leaves_this_machine_in_the_clear_never) {
    char text[400];
    snprintf(text, sizeof text, "{\"name\": \"a\", \"base_url\": \"%s\", \"auth\": {%s}}", keys[_i].url,
             keys[_i].auth);
    world_file(&w, FILE_A, text);
    setenv("A_KEY", "sk-secret", 1);
    world_must(&w, NULL);
    const struct llm_provider *p = world_provider(&w, "a");
    ck_assert_int_eq(llm_secret_has(&p->keys[0].secret), keys[_i].sent);
    ck_assert_int_eq(p->key_origin.ptr != NULL, keys[_i].sent);
    ck_assert_int_eq(p->problem.ptr != NULL, keys[_i].problem != NULL);
    ck_assert_int_eq(p->notice.ptr != NULL, keys[_i].notice != NULL);
    ck_assert(keys[_i].problem == NULL || strstr(p->problem.ptr, keys[_i].problem) != NULL);
    ck_assert(keys[_i].notice == NULL || strstr(p->notice.ptr, keys[_i].notice) != NULL);
}
END_TEST

START_TEST(a_key_that_cannot_be_used_is_a_problem) {
    llm_error err = LLM_ERROR_INIT;
    world_file(&w, FILE_A, "{" BASE ", \"auth\": {\"key_env\": \"A_KEY\"}}");
    world_must(&w, NULL);
    ck_assert_ptr_null(world_provider(&w, "a")->problem.ptr);
    ck_assert_int_eq(llm_provider_need_key(world_provider(&w, "a"), &err), LLM_E_AUTH);
    ck_assert_ptr_nonnull(
        strstr(err.message, "no key for a: set A_KEY in the environment, or keys.a in config.json"));
    setenv("A_KEY", "sk-bad\nkey", 1);
    world_must(&w, NULL);
    ck_assert_ptr_nonnull(
        strstr(world_provider(&w, "a")->problem.ptr, "the key in environment A_KEY holds a byte"));
    setenv("A_KEY", "sk-good", 1);
    world_must(&w, NULL);
    ck_assert_int_eq(llm_provider_need_key(world_provider(&w, "a"), &err), LLM_OK);
    world_must(&w, "{\"keys\": {\"a\": {\"file\": \"/nonexistent/key\"}}}");
    ck_assert_ptr_nonnull(strstr(world_provider(&w, "a")->problem.ptr, "/nonexistent/key cannot be read"));
    world_file(&w, FILE_A, "{" BASE ", \"auth\": {}}");
    world_must(&w, NULL);
    ck_assert_int_eq(llm_provider_need_key(world_provider(&w, "a"), &err), LLM_E_AUTH);
    ck_assert_ptr_nonnull(strstr(err.message, "no key for a: set keys.a in config.json"));
}
END_TEST

START_TEST(a_manifest_brings_a_provider) {
    world_keeper(&w);
    world_must(&w, NULL);
    const struct llm_provider *p = world_provider(&w, "kept");
    ck_assert(p->from_manifest);
    ck_assert_str_eq(p->plugin->id.ptr, "org.example.keeper");
    ck_assert(llm_str_is(p->key_env, "TAKEN_API_KEY,KEPT_API_KEY"));
    ck_assert_uint_eq(p->n_prefixes, 2);
    ck_assert_ptr_nonnull(strstr(p->source.ptr, "manifest of "));
    ck_assert_ptr_nonnull(world_provider(&w, "taken"));
    ck_assert_uint_eq(w.snapshot->n_refused, 0);
}
END_TEST

START_TEST(a_manifest_gets_nothing_that_a_file_has) {
    world_keeper(&w);
    world_file(&w, FILE_A,
               "{\"name\": \"taken\", \"base_url\": \"https://taken.example\", \"auth\": {\"key_env\": "
               "\"TAKEN_API_KEY\"},"
               " \"prefixes\": [\"taken-\"]}");
    setenv("TAKEN_API_KEY", "sk-taken", 1);
    world_must(&w, NULL);
    const struct llm_provider *p = world_provider(&w, "kept");
    ck_assert(llm_str_is(p->key_env, "KEPT_API_KEY"));
    ck_assert_ptr_null(p->key_origin.ptr);
    ck_assert_uint_eq(p->n_prefixes, 1);
    ck_assert_ptr_nonnull(strstr(p->notice.ptr, "the variable TAKEN_API_KEY belongs to taken"));
    ck_assert_ptr_nonnull(strstr(p->notice.ptr, "the prefix \"taken-too-\" belongs to taken"));
    ck_assert(llm_str_is(world_provider(&w, "taken")->base_url, "https://taken.example"));
    ck_assert(!world_provider(&w, "taken")->from_manifest);
    ck_assert_ptr_nonnull(
        strstr(world_refused(&w, "keeper.so"), "the provider \"taken\" is already defined by"));
    world_must(&w, "{\"keys\": {\"kept\": {\"env\": \"TAKEN_API_KEY\"}}}");
    ck_assert(llm_str_is(llm_secret_reveal(&world_provider(&w, "kept")->keys[0].secret), "sk-taken"));
}
END_TEST

START_TEST(what_the_user_says_about_a_manifests_provider_counts) {
    world_keeper(&w);
    world_file(&w, FILE_A,
               "{\"name\": \"other\", \"base_url\": \"https://o.example\", \"auth\": {\"key_env\": "
               "\"TAKEN_API_KEY\"}, \"prefixes\": [\"taken-\"]}");
    world_file(
        &w, USER_A,
        "{\"name\": \"kept\", \"auth\": {\"key_env\": \"TAKEN_API_KEY\"}, \"prefixes\": [\"taken-too-\"]}");
    world_must(&w, NULL);
    const struct llm_provider *p = world_provider(&w, "kept");
    ck_assert(llm_str_is(p->key_env, "TAKEN_API_KEY"));
    ck_assert_uint_eq(p->n_prefixes, 1);
    ck_assert_str_eq(p->plugin->id.ptr, "org.example.keeper");
    // A file that says where the service is stands by itself: the manifest's provider of that name is refused.
    world_file(&w, USER_A, "{\"name\": \"kept\", \"base_url\": \"https://mine.example\"}");
    world_must(&w, NULL);
    p = world_provider(&w, "kept");
    ck_assert_str_eq(p->plugin->id.ptr, "org.example.echo");
    ck_assert(!p->from_manifest);
    ck_assert_ptr_nonnull(
        strstr(world_refused(&w, "keeper.so"), "the provider \"kept\" is already defined by"));
    world_file(&w, USER_A,
               "{\"name\": \"kept\", \"base_url\": \"https://mine.example\", \"plugin\": \"keeper\"}");
    world_must(&w, NULL);
    p = world_provider(&w, "kept");
    ck_assert_str_eq(p->plugin->id.ptr, "org.example.keeper");
    ck_assert(llm_str_is(p->base_url, "https://mine.example"));
    ck_assert_uint_eq(p->n_models, 2);
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof(list)[0])

int main(void) {
    Suite *suite = suite_create("provider");
    TCase *tests = tcase_create("provider");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_file_gives_a_provider);
    tcase_add_test(tests, ten_lines_are_enough);
    tcase_add_loop_test(tests, a_bad_file_is_left_out_and_the_rest_goes_on, 0, COUNT(bad));
    tcase_add_loop_test(tests, a_bad_model_is_left_out_and_the_others_stay, 0, COUNT(bad_models));
    tcase_add_test(tests, names_and_prefixes_have_a_limit);
    tcase_add_test(tests, variables_come_from_value_environment_default);
    tcase_add_test(tests, base_urls_are_overridden);
    tcase_add_test(tests, the_users_file_lies_over_the_others);
    tcase_add_test(tests, a_wrong_file_of_the_user_leaves_what_is_under_it);
    tcase_add_test(tests, the_user_adds_and_takes_away);
    tcase_add_test(tests, the_first_file_keeps_a_name);
    tcase_add_test(tests, only_json_files_that_others_cannot_write_count);
    tcase_add_test(tests, models_are_added_and_changed_from_their_own_files);
    tcase_add_test(tests, a_member_that_is_misspelt_is_noticed);
    tcase_add_test(tests, a_provider_without_its_plugin_says_so);
    tcase_add_loop_test(tests, a_key_leaves_this_machine_in_the_clear_never, 0, COUNT(keys));
    tcase_add_test(tests, a_key_that_cannot_be_used_is_a_problem);
    tcase_add_test(tests, a_manifest_brings_a_provider);
    tcase_add_test(tests, a_manifest_gets_nothing_that_a_file_has);
    tcase_add_test(tests, what_the_user_says_about_a_manifests_provider_counts);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
