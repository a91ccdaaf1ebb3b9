// SPDX-License-Identifier: MIT
#include "config/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "check_main.h"
#include "config/paths.h"
#include "fail_alloc.h"
#include "llm_json.h"
#include "temp_dir.h"

static struct temp_dir dir;

// An environment that holds a home of our own and nothing else of ours.
static void setup(void) {
    static const char *const names[] = {"LLM_MASTER_CONFIG",      "LLM_MASTER_MODEL",
                                        "LLM_MASTER_PLUGIN_PATH", "LLM_MASTER_PLUGIN_PATH_ADD",
                                        "XDG_CONFIG_HOME",        "XDG_DATA_HOME"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsetenv(names[i]);
    }
    temp_dir_new(&dir);
    temp_dir_make(&dir, ".config", 0755);
    temp_dir_make(&dir, ".config/llm-master", 0755);
    setenv("HOME", dir.path, 1);
}

static void teardown(void) {
    temp_dir_free(&dir);
}

static void write_config(const char *text) {
    temp_dir_write(&dir, ".config/llm-master/config.json", text, strlen(text), 0600);
}

static const char *config_path(void) {
    return temp_dir_file(&dir, ".config/llm-master/config.json");
}

static const struct llm_setting_origin *origin_of(const struct llm_settings *s, const char *name) {
    for (size_t i = 0; i < s->n_origins; i++) {
        if (strcmp(s->origins[i].name, name) == 0) {
            return &s->origins[i];
        }
    }
    return NULL;
}

START_TEST(without_a_file_the_defaults_are_in_force) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    ck_assert_int_eq(llm_settings_read(NULL, &s, &err), LLM_OK);
    ck_assert(llm_str_is(s.config_file, config_path()));
    ck_assert_ptr_null(s.default_model.ptr);
    ck_assert_uint_eq(s.connect_timeout_ms, 5000);
    ck_assert_uint_eq(s.first_byte_timeout_ms, 300000);
    ck_assert_uint_eq(s.idle_timeout_ms, 120000);
    ck_assert_uint_eq(s.total_timeout_ms, 600000);
    ck_assert_ptr_null(s.proxy.ptr);
    ck_assert(s.breaker.enabled);
    ck_assert_uint_eq(s.breaker.failures, 5);
    ck_assert_uint_eq(s.retry_budget.percent, 20);
    ck_assert(llm_str_is(origin_of(&s, "breaker.max_open_ms")->value, "4000"));
    ck_assert(llm_str_is(origin_of(&s, "breaker.enabled")->origin, "built in"));
    ck_assert(llm_str_is(origin_of(&s, "timeouts.idle_ms")->origin, "built in"));
    ck_assert_str_eq(s.user_provider_dir, temp_dir_file(&dir, ".config/llm-master/providers.d"));
    ck_assert_str_eq(s.user_model_dir, temp_dir_file(&dir, ".config/llm-master/models.d"));
    llm_settings_done(&s);
}
END_TEST

START_TEST(a_file_sets_everything) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    write_config(
        "// mine\n{\n"
        "  \"$schema\": \"https://example.org/x\",\n"
        "  \"default_model\": \"gpt-4o-mini\", /* cheap */\n"
        "  \"timeouts\": {\"connect_ms\": 1, \"first_byte_ms\": 2, \"idle_ms\": 3, \"total_ms\": 86400000},\n"
        "  \"plugin_dirs\": [\"/opt/a\", \"~/b/\"],\n"
        "  \"aliases\": {\"fast\": \"groq/x\", \"best\": \"gpt-5\"},\n"
        "  \"keys\": {\"a\": {\"value\": \"sk-secret-value\"}, \"b\": {\"file\": \"~/key\"},\n"
        "           \"c\": {\"command\": \"pass c\"}, \"d\": {\"env\": \"D\"}},\n"
        "  \"base_urls\": {\"openai\": \"https://proxy.example/v1\"},\n"
        "  \"ca_file\": \"/etc/ca.pem\", \"proxy\": \"environment\"\n}\n");
    ck_assert_msg(llm_settings_read(NULL, &s, &err) == LLM_OK, "%s", err.message);
    ck_assert(llm_str_is(s.default_model, "gpt-4o-mini"));
    ck_assert_uint_eq(s.connect_timeout_ms, 1);
    ck_assert_uint_eq(s.first_byte_timeout_ms, 2);
    ck_assert_uint_eq(s.idle_timeout_ms, 3);
    ck_assert_uint_eq(s.total_timeout_ms, 86400000);
    ck_assert_str_eq(s.plugin_dirs[0], "/opt/a");
    ck_assert_str_eq(s.plugin_dirs[1], temp_dir_file(&dir, "b"));
    ck_assert_uint_eq(s.n_aliases, 2);
    ck_assert(llm_str_is(s.aliases[0].name, "fast") && llm_str_is(s.aliases[0].value, "groq/x"));
    ck_assert_uint_eq(s.n_keys, 4);
    ck_assert(llm_str_is(llm_secret_reveal(&s.keys[0].value), "sk-secret-value"));
    ck_assert(llm_str_is(s.keys[1].file, temp_dir_file(&dir, "key")));
    ck_assert(llm_str_is(s.keys[2].command, "pass c"));
    ck_assert(llm_str_is(s.keys[3].env, "D"));
    ck_assert(llm_str_is(s.keys[3].origin, config_path()));
    ck_assert(llm_str_is(s.base_urls[0].value, "https://proxy.example/v1"));
    ck_assert(llm_str_is(s.ca_file, "/etc/ca.pem"));
    ck_assert(llm_str_is(s.proxy, "environment"));
    ck_assert(llm_str_is(origin_of(&s, "default_model")->origin, config_path()));
    ck_assert(llm_str_is(origin_of(&s, "aliases.fast")->value, "\"groq/x\""));
    for (size_t i = 0; i < s.n_origins; i++) {
        ck_assert_ptr_null(memmem(s.origins[i].value.ptr, s.origins[i].value.len, "secret-value", 12));
        ck_assert(llm_json_check(s.origins[i].value, 8, NULL));
    }
    llm_settings_done(&s);
}
END_TEST

static const struct {
    const char *text, *message;
} bad[] = {
    {"{\"defualt_model\": \"x\"}",
     ":1:2: unknown member \"defualt_model\" in the settings; did you mean \"default_model\"?"},
    {"{\n\n  \"timeouts\": {\"conect_ms\": 1}}",
     ":3:16: unknown member \"conect_ms\" in timeouts; did you mean \"connect_ms\"?"},
    {"{\"keys\": {\"openai\": {\"flie\": \"/x\"}}}",
     ":1:22: unknown member \"flie\" in keys.openai; did you mean \"file\"?"},
    {"{\"default_model\": 1}", ":1:19: default_model must be a string"},
    {"{\"default_model\": \"\"}", "must be a string that is not empty"},
    {"{\"timeouts\": {\"idle_ms\": 0}}", ":1:26: timeouts.idle_ms must be a whole number from 1 to 86400000"},
    {"{\"timeouts\": {\"idle_ms\": 86400001}}", "timeouts.idle_ms must be a whole number"},
    {"{\"timeouts\": {\"idle_ms\": 1.5}}", "timeouts.idle_ms must be a whole number"},
    {"{\"timeouts\": {\"idle_ms\": \"1\"}}", "timeouts.idle_ms must be a whole number"},
    {"{\"timeouts\": []}", "timeouts must be an object"},
    {"{\"breaker\": {\"failure\": 1}}", "unknown member \"failure\" in breaker; did you mean \"failures\"?"},
    {"{\"breaker\": {\"error_percent\": 101}}", "breaker.error_percent must be a whole number from 0 to 100"},
    {"{\"breaker\": {\"open_ms\": 0}}", "breaker.open_ms must be a whole number from 1 to 86400000"},
    {"{\"breaker\": {\"enabled\": 1}}", "breaker.enabled must be"},
    {"{\"breaker\": 5}", "breaker must be an object"},
    {"{\"retry_budget\": {\"percent\": -1}}", "retry_budget.percent must be a whole number from 0 to 1000"},
    {"{\"retry_budget\": {\"ttl_ms\": 0}}", "retry_budget.ttl_ms must be a whole number"},
    {"{\"keys\": {\"a\": []}}", "keys.a is empty"},
    {"{\"keys\": {\"a\": [{\"env\": \"A\"}, {}]}}",
     "keys.a[1] needs exactly one of value, file, command, env"},
    {"{\"keys\": {\"a\": [\"sk-x\"]}}", "keys.a[0] must be an object"},
    {"{\"keys\": {\"a\": [{\"value\": 5}]}}", "keys.a[0].value must be a string"},
    {"{\"plugin_dirs\": \"/x\"}", "plugin_dirs must be an array of paths"},
    {"{\"plugin_dirs\": [\"plugins\"]}", ":1:18: plugin_dirs: \"plugins\" is a relative path"},
    {"{\"plugin_dirs\": [\"./plugins\"]}", "is a relative path"},
    {"{\"ca_file\": \"ca.pem\"}", "ca_file: \"ca.pem\" is a relative path"},
    {"{\"proxy\": \"yes\"}", "proxy must be \"environment\" or a URL"},
    {"{\"aliases\": {\"a\": 1}}", ":1:19: aliases.a must be a string"},
    {"{\"aliases\": [\"a\"]}", "aliases must be an object of strings"},
    {"{\"keys\": {\"openai\": \"sk-1234567\"}}", ":1:21: keys.openai must be an object"},
    {"{\"keys\": {\"openai\": {}}}", "keys.openai needs exactly one of value, file, command, env"},
    {"{\"keys\": {\"openai\": {\"env\": \"A\", \"file\": \"/a\"}}}", "keys.openai needs exactly one of"},
    {"{\"keys\": {\"openai\": {\"file\": \"key.txt\"}}}", "is a relative path"},
    {"{\"keys\": {\"openai\": {\"value\": \"sk-12\\n34567\"}}}",
     ":1:31: the key in keys.openai.value holds a byte that no key has (byte 6 of 11"},
    {"{\"keys\": {\"openai\": {\"value\": \"\"}}}", "the key in keys.openai.value is empty"},
    {"{\"keys\": {\"openai\": {\"value\": 7}}}", "keys.openai.value must be a string"},
    {"{\"keys\": []}", "keys must be an object"},
    {"{\"keys\": {\"openai\": {\"value\": \"sk-1234567\"}}, \"x\": 1}", "unknown member \"x\""},
    {"[]", "the settings must be an object"},
    {"{\"proxy\": \"environment\", \"proxy\": \"environment\"}", "the settings names \"proxy\" twice"},
    {"{\"default_model\" \"x\"}", ":1:18: no valid JSON here"},
};

START_TEST(what_is_wrong_is_named_by_file_line_and_column) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    write_config(bad[_i].text);
    ck_assert_int_eq(llm_settings_read(NULL, &s, &err), LLM_E_CONFIG);
    ck_assert_msg(strstr(err.message, bad[_i].message) != NULL, "%s", err.message);
    ck_assert_msg(strncmp(err.message, config_path(), strlen(config_path())) == 0, "%s", err.message);
    ck_assert_ptr_null(strstr(err.message, "34567"));
}
END_TEST

START_TEST(a_file_that_others_can_write_is_refused) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    write_config("{}");
    ck_assert_int_eq(chmod(config_path(), 0602), 0);
    ck_assert_int_eq(llm_settings_read(NULL, &s, &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "everybody can write it"));
}
END_TEST

START_TEST(layers_go_over_each_other) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    write_config("{\"default_model\": \"file\", \"aliases\": {\"a\": \"1\", \"b\": \"2\"}, \"timeouts\": "
                 "{\"idle_ms\": 7}}");
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    ck_assert(llm_str_is(s.default_model, "file"));
    llm_settings_done(&s);
    setenv("LLM_MASTER_MODEL", "environment", 1);
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    ck_assert(llm_str_is(s.default_model, "environment"));
    ck_assert(llm_str_is(origin_of(&s, "default_model")->origin, "environment LLM_MASTER_MODEL"));
    llm_settings_done(&s);
    options.settings = "{\"default_model\": \"options\", \"aliases\": {\"b\": \"3\", \"c\": \"4\"}}";
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    ck_assert(llm_str_is(s.default_model, "options"));
    ck_assert(llm_str_is(origin_of(&s, "default_model")->origin, "options"));
    ck_assert_uint_eq(s.n_aliases, 3);
    ck_assert(llm_str_is(s.aliases[1].value, "3"));
    ck_assert_uint_eq(s.idle_timeout_ms, 7);
    llm_settings_done(&s);
    options.settings = "{\"x\": 1}";
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "options:1:2: unknown member"));
}
END_TEST

START_TEST(the_breaker_and_the_retry_budget_are_numbers) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    write_config(
        "{\"breaker\": {\"cool_ms\": 1, \"enabled\": false, \"error_percent\": 2, \"failures\": 3,"
        "\"half_life_ms\": 4, \"max_cool_ms\": 5, \"max_open_ms\": 6, \"min_calls\": 7, \"open_ms\": 8,"
        "\"window_ms\": 9}, \"retry_budget\": {\"per_second\": 10, \"percent\": 11, \"ttl_ms\": 12}}");
    options.settings = "{\"breaker\": {\"failures\": 0}}";
    ck_assert_msg(llm_settings_read(&options, &s, &err) == LLM_OK, "%s", err.message);
    const uint32_t got[] = {s.breaker.cool_ms,         s.breaker.error_percent, s.breaker.failures,
                            s.breaker.half_life_ms,    s.breaker.max_cool_ms,   s.breaker.max_open_ms,
                            s.breaker.min_calls,       s.breaker.open_ms,       s.breaker.window_ms,
                            s.retry_budget.per_second, s.retry_budget.percent,  s.retry_budget.ttl_ms};
    static const uint32_t want[] = {1, 2, 0, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    ck_assert_mem_eq(got, want, sizeof want);
    ck_assert(!s.breaker.enabled);
    ck_assert(llm_str_is(origin_of(&s, "breaker.failures")->origin, "options"));
    ck_assert(llm_str_is(origin_of(&s, "breaker.open_ms")->origin, config_path()));
    llm_settings_done(&s);
}
END_TEST

START_TEST(a_provider_may_have_several_keys) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    write_config("{\"keys\": {\"a\": [{\"value\": \"sk-first-key\"}, {\"value\": \"sk-second-key\"}, "
                 "{\"env\": \"A\"}],"
                 "\"b\": {\"env\": \"B,C\"}}}");
    ck_assert_msg(llm_settings_read(NULL, &s, &err) == LLM_OK, "%s", err.message);
    ck_assert_uint_eq(s.n_keys, 4);
    const struct llm_key_setting *key = llm_settings_key_setting(&s, LLM_STR("a"));
    for (uint32_t i = 1; i <= 3; i++) {
        ck_assert_ptr_nonnull(key);
        ck_assert_uint_eq(key->number, i);
        key = llm_settings_key_next(&s, key);
    }
    ck_assert_ptr_null(key);
    ck_assert(llm_str_is(s.keys[3].env, "B,C")); // a comma splits nothing
    ck_assert(llm_str_is(origin_of(&s, "keys.a")->value,
                         "[{\"value\": \"(hidden)\"},{\"value\": \"(hidden)\"},{\"env\": \"A\"}]"));
    llm_settings_done(&s);
    options.settings = "{\"keys\": {\"a\": {\"file\": \"/k\"}}}"; // all three go
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    ck_assert_uint_eq(s.n_keys, 2);
    ck_assert(llm_str_is(s.keys[0].env, "B,C"));
    ck_assert(llm_str_is(s.keys[1].file, "/k"));
    ck_assert(llm_str_is(origin_of(&s, "keys.a")->value, "{\"file\": \"/k\"}"));
    llm_settings_done(&s);
}
END_TEST

START_TEST(a_provider_has_at_most_64_keys) {
    for (unsigned count = LLM_MAX_KEYS; count <= LLM_MAX_KEYS + 1; count++) {
        struct llm_settings s;
        llm_error err = LLM_ERROR_INIT;
        llm_master_options options = LLM_MASTER_OPTIONS_INIT;
        char text[2000];
        size_t len = (size_t)snprintf(text, sizeof text, "{\"keys\": {\"a\": [");
        for (unsigned i = 0; i < count; i++) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s{\"env\": \"A\"}", i > 0 ? "," : "");
        }
        (void)snprintf(text + len, sizeof text - len, "]}}");
        options.settings = text;
        if (count <= LLM_MAX_KEYS) {
            ck_assert_msg(llm_settings_read(&options, &s, &err) == LLM_OK, "%s", err.message);
            ck_assert_uint_eq(s.n_keys, count);
            llm_settings_done(&s);
        } else {
            ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_E_CONFIG);
            ck_assert_ptr_nonnull(strstr(err.message, "keys.a has more than 64 keys"));
        }
    }
}
END_TEST

START_TEST(keys_in_several_layers_are_replaced) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    write_config("{\"keys\": {\"a\": {\"value\": \"sk-first-key\"}}}");
    options.settings = "{\"keys\": {\"a\": {\"env\": \"A\"}, \"b\": {\"value\": \"sk-other-key\"}}}";
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    ck_assert_uint_eq(s.n_keys, 2);
    ck_assert(!llm_secret_has(&s.keys[0].value));
    ck_assert(llm_str_is(s.keys[0].env, "A"));
    llm_settings_done(&s);
}
END_TEST

START_TEST(a_named_file_must_exist) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.config_file = temp_dir_file(&dir, "none.json");
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "none.json: no such file"));
    options.config_file = NULL;
    setenv("LLM_MASTER_CONFIG", temp_dir_file(&dir, "none.json"), 1);
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_E_CONFIG);
    setenv("LLM_MASTER_CONFIG", "none.json", 1);
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "relative path"));
    temp_dir_write(&dir, "mine.json", "{\"default_model\": \"m\"}", 22, 0600);
    setenv("LLM_MASTER_CONFIG", temp_dir_file(&dir, "mine.json"), 1);
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    ck_assert(llm_str_is(s.default_model, "m"));
    llm_settings_done(&s);
}
END_TEST

START_TEST(flags_close_the_environment_and_the_file) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    const char *dirs[] = {dir.path, NULL};
    write_config("{\"default_model\": \"file\"}");
    setenv("LLM_MASTER_MODEL", "environment", 1);
    options.flags = LLM_MASTER_NO_ENVIRONMENT;
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    ck_assert_ptr_null(s.default_model.ptr);
    ck_assert_ptr_null(s.user_provider_dir);
    llm_settings_done(&s);
    options.flags = LLM_MASTER_NO_CONFIG;
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    ck_assert(llm_str_is(s.default_model, "environment"));
    ck_assert_ptr_null(s.user_provider_dir);
    llm_settings_done(&s);
    options.flags = LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    setenv("LLM_MASTER_PLUGIN_PATH", "/opt/x", 1);
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    ck_assert_str_eq(s.plugin_dirs[0], dir.path);
    ck_assert_ptr_null(s.plugin_dirs[1]);
    ck_assert_str_eq(s.provider_dirs[0], temp_dir_file(&dir, "providers.d"));
    ck_assert_ptr_null(s.provider_dirs[1]);
    llm_settings_done(&s);
}
END_TEST

// All directories in one line, "build tree" ones left out.
static const char *all_dirs(const struct llm_settings *s, char *buf, size_t size) {
    size_t len = 0;
    buf[0] = '\0';
    for (size_t i = 0; s->plugin_dirs[i] != NULL; i++) {
        len += (size_t)snprintf(buf + len, size - len, "%s%s", i > 0 ? ":" : "", s->plugin_dirs[i]);
    }
    return buf;
}

START_TEST(plugin_directories_have_an_order) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    char got[2000], want[2000];
    const char *dirs[] = {"/usr", NULL};
    options.plugin_dirs = dirs;
    write_config("{\"plugin_dirs\": [\"/opt/settings\"]}");
    setenv("LLM_MASTER_PLUGIN_PATH_ADD", "/opt/add1:/opt/add2/", 1);
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    snprintf(want, sizeof want, "/usr:/opt/add1:/opt/add2:/opt/settings:");
    ck_assert_msg(strncmp(all_dirs(&s, got, sizeof got), want, strlen(want)) == 0, "%s", got);
    ck_assert_ptr_nonnull(strstr(got, temp_dir_file(&dir, ".local/share/llm-master/plugins")));
    llm_settings_done(&s);
    setenv("XDG_DATA_HOME", "/opt/data", 1);
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    ck_assert_ptr_nonnull(strstr(all_dirs(&s, got, sizeof got), "/opt/data/llm-master/plugins"));
    llm_settings_done(&s);
    setenv("LLM_MASTER_PLUGIN_PATH", ":/opt/path::/opt/settings:", 1);
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    ck_assert_str_eq(all_dirs(&s, got, sizeof got), "/usr:/opt/add1:/opt/add2:/opt/path:/opt/settings");
    llm_settings_done(&s);
    setenv("LLM_MASTER_PLUGIN_PATH", "plugins", 1);
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(
        strstr(err.message, "environment LLM_MASTER_PLUGIN_PATH: \"plugins\" is a relative path"));
}
END_TEST

START_TEST(an_explicit_directory_may_be_relative_to_here) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    const char *dirs[] = {"p", NULL};
    char before[1000];
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    ck_assert_int_eq(chdir(dir.path), 0);
    options.plugin_dirs = dirs;
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "\"p\" does not exist"));
    dirs[0] = "/nonexistent/p";
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "\"/nonexistent/p\" does not exist"));
    dirs[0] = "p";
    temp_dir_make(&dir, "p", 0755);
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    ck_assert_str_eq(s.plugin_dirs[0], temp_dir_file(&dir, "p"));
    llm_settings_done(&s);
    ck_assert_int_eq(chdir(before), 0);
}
END_TEST

START_TEST(xdg_directories_that_are_relative_count_as_none) {
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    setenv("XDG_CONFIG_HOME", "config", 1);
    ck_assert_int_eq(llm_settings_read(NULL, &s, &err), LLM_OK);
    ck_assert(llm_str_is(s.config_file, config_path()));
    llm_settings_done(&s);
    unsetenv("HOME");
    ck_assert_int_eq(llm_settings_read(NULL, &s, &err), LLM_OK);
    ck_assert_ptr_null(s.config_file.ptr);
    ck_assert_ptr_null(s.user_provider_dir);
    llm_settings_done(&s);
}
END_TEST

static const struct {
    const char *files; // made, separated by blanks; '/' at the end: a directory
    const char *object;
    const char *plugins, *data; // NULL: none
    bool is_build_tree;
} places[] = {
    {"b/ b/plugins/ b/plugins/providers.d/ b/build.ninja b/hosts/ b/hosts/cli/", "b/hosts/cli/llm-master",
     "b/plugins", "b/plugins", true},
    {"b/ b/plugins/ b/plugins/providers.d/ b/build.ninja b/core/", "b/core/lib.so", "b/plugins", "b/plugins",
     true},
    {"b/ b/plugins/ b/build.ninja b/hosts/ b/hosts/cli/", "b/hosts/cli/llm-master", NULL, NULL, false},
    {"b/ b/plugins/ b/plugins/providers.d/ b/hosts/ b/hosts/cli/", "b/hosts/cli/llm-master", NULL, NULL,
     false},
    {"p/ p/bin/ p/lib/ p/lib/llm-master/ p/lib/llm-master/plugins/ p/share/ p/share/llm-master/",
     "p/bin/llm-master", "p/lib/llm-master/plugins", "p/share/llm-master", false},
    {"p/ p/lib/ p/lib/x86/ p/lib/x86/llm-master/ p/lib/x86/llm-master/plugins/ p/share/ p/share/llm-master/",
     "p/lib/x86/libllm.so", "p/lib/x86/llm-master/plugins", "p/share/llm-master", false},
    {"p/ p/lib64/ p/lib64/llm-master/ p/lib64/llm-master/plugins/ p/bin/", "p/bin/x",
     "p/lib64/llm-master/plugins", NULL, false},
    {"p/ p/bin/", "p/bin/llm-master", NULL, NULL, false},
};

START_TEST(a_program_finds_what_lies_beside_it) {
    struct llm_arena arena = {0};
    struct llm_places found = {0};
    llm_str rest = llm_str_from(places[_i].files);
    while (rest.len > 0) {
        char name[200];
        const char *blank = memchr(rest.ptr, ' ', rest.len);
        const size_t len = blank != NULL ? (size_t)(blank - rest.ptr) : rest.len;
        const bool is_dir = rest.ptr[len - 1] == '/';
        snprintf(name, sizeof name, "%.*s", (int)(is_dir ? len - 1 : len), rest.ptr);
        if (is_dir) {
            temp_dir_make(&dir, name, 0755);
        } else {
            temp_dir_write(&dir, name, "", 0, 0644);
        }
        rest = llm_str_cut(rest, len + (blank != NULL ? 1 : 0));
    }
    ck_assert_int_eq(llm_places_of(llm_str_from(temp_dir_file(&dir, places[_i].object)), &arena, &found),
                     LLM_OK);
    ck_assert_int_eq(found.plugins.ptr != NULL, places[_i].plugins != NULL);
    ck_assert_int_eq(found.data.ptr != NULL, places[_i].data != NULL);
    ck_assert_int_eq(found.is_build_tree, places[_i].is_build_tree);
    if (places[_i].plugins != NULL) {
        ck_assert_str_eq(found.plugins.ptr, temp_dir_file(&dir, places[_i].plugins));
    }
    if (places[_i].data != NULL) {
        ck_assert_str_eq(found.data.ptr, temp_dir_file(&dir, places[_i].data));
    }
    llm_arena_done(&arena);
}
END_TEST

START_TEST(this_program_finds_its_build_tree) {
    struct llm_arena arena = {0};
    struct llm_places found = {0};
    char want[1000];
    const char *build = getenv("LLM_TEST_BUILD");
    if (build == NULL) {
        return;
    }
    ck_assert_int_eq(llm_places_find(&arena, &found), LLM_OK);
    ck_assert(found.is_build_tree);
    snprintf(want, sizeof want, "%s/plugins", build);
    ck_assert_str_eq(found.plugins.ptr, want);
    llm_arena_done(&arena);
}
END_TEST

// docs/config.schema.json has the members that the reader has, of an object and of the one called `below` in it.
static void compare_members(llm_str schema, const char *below) {
    llm_error err = LLM_ERROR_INIT;
    struct llm_settings s;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    char text[300];
    llm_json_iter it = llm_json_begin(llm_json_get(schema, "properties"));
    size_t count = 0;
    options.settings = text;
    snprintf(text, sizeof text,
             below != NULL ? "{\"%s\": {\"zzzzzzzzzzzzzzzz\": 1}}" : "%s{\"zzzzzzzzzzzzzzzz\": 1}",
             below != NULL ? below : "");
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_E_CONFIG);
    const char *known = strstr(err.message, "known: ");
    ck_assert_ptr_nonnull(known);
    size_t n_known = 1;
    for (const char *p = known; *p != '\0'; p++) {
        n_known += *p == ',' ? 1 : 0;
    }
    while (llm_json_next(&it)) {
        char name[100];
        snprintf(name, sizeof name, "%.*s", LLM_FMT(llm_json_plain(it.name)));
        ck_assert_msg(strstr(known, name) != NULL, "%s: the reader does not know it", name);
        count++;
    }
    ck_assert_uint_eq(count, n_known);
}

START_TEST(the_schema_says_what_the_reader_does) {
    char path[1000];
    size_t len = 0;
    snprintf(path, sizeof path, "%s/docs/config.schema.json", getenv("LLM_TEST_SOURCE"));
    char *text = temp_dir_read(path, &len);
    const llm_str schema = {text, len};
    ck_assert(llm_json_check(schema, 16, NULL));
    compare_members(schema, NULL);
    static const char *const groups[] = {"breaker", "retry", "retry_budget", "timeouts"};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        compare_members(llm_json_get(llm_json_get(schema, "properties"), groups[i]), groups[i]);
    }
    free(text);
}
END_TEST

START_TEST(every_allocation_may_fail) {
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.settings = "{\"default_model\": \"x\", \"keys\": {\"a\": [{\"value\": \"sk-some-key\"}, "
                       "{\"value\": \"sk-2\"}], \"b\": "
                       "{\"file\": \"/x\"}},"
                       "\"aliases\": {\"a\": \"b\"}, \"plugin_dirs\": [\"/opt/x\"]}";
    write_config(
        "{\"keys\": {\"a\": {\"value\": \"sk-some-key\"}}, \"base_urls\": {\"a\": \"https://x.example\"}}");
    setenv("LLM_MASTER_MODEL", "m", 1);
    for (size_t n = 0;; n++) {
        struct llm_settings s;
        llm_error err = LLM_ERROR_INIT;
        fail_alloc_after(n);
        const llm_status status = llm_settings_read(&options, &s, &err);
        const bool failed = fail_alloc_off();
        if (!failed) {
            ck_assert_int_eq(status, LLM_OK);
            llm_settings_done(&s);
            break;
        }
        ck_assert_msg(status == LLM_E_NOMEM, "allocation %zu: %s: %s", n, llm_status_name(status),
                      err.message);
    }
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof(list)[0])

int main(void) {
    Suite *suite = suite_create("settings");
    TCase *tests = tcase_create("settings");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, without_a_file_the_defaults_are_in_force);
    tcase_add_test(tests, a_file_sets_everything);
    tcase_add_loop_test(tests, what_is_wrong_is_named_by_file_line_and_column, 0, COUNT(bad));
    tcase_add_test(tests, a_file_that_others_can_write_is_refused);
    tcase_add_test(tests, layers_go_over_each_other);
    tcase_add_test(tests, the_breaker_and_the_retry_budget_are_numbers);
    tcase_add_test(tests, a_provider_may_have_several_keys);
    tcase_add_test(tests, a_provider_has_at_most_64_keys);
    tcase_add_test(tests, keys_in_several_layers_are_replaced);
    tcase_add_test(tests, a_named_file_must_exist);
    tcase_add_test(tests, flags_close_the_environment_and_the_file);
    tcase_add_test(tests, plugin_directories_have_an_order);
    tcase_add_test(tests, an_explicit_directory_may_be_relative_to_here);
    tcase_add_test(tests, xdg_directories_that_are_relative_count_as_none);
    tcase_add_loop_test(tests, a_program_finds_what_lies_beside_it, 0, COUNT(places));
    tcase_add_test(tests, this_program_finds_its_build_tree);
    tcase_add_test(tests, the_schema_says_what_the_reader_does);
    tcase_add_test(tests, every_allocation_may_fail);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
