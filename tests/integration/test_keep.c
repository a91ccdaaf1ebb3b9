// SPDX-License-Identifier: MIT
// What a reload keeps: instances of plugins and keys that commands gave, as long as nothing that made them changed.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check_main.h"
#include "llm_master.h"
#include "sim.h"
#include "temp_dir.h"

static struct temp_dir dir;
static struct llm_sim *sim;
static llm_master *master;
static atomic_int reloads;

static void setup(void) {
    temp_dir_new(&dir);
    temp_dir_make(&dir, "plugins", 0700);
    temp_dir_make(&dir, "plugins/providers.d", 0700);
    atomic_store(&reloads, 0);
}

static void teardown(void) {
    llm_master_free(master);
    llm_sim_free(sim);
    master = NULL;
    sim = NULL;
    temp_dir_free(&dir);
}

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    (void)ctx;
    (void)request;
    const llm_status status = reply->head(reply->ctx, 200, NULL, 0);
    return status == LLM_OK && reply->data(reply->ctx, "Hello", 5) < 0 ? LLM_E_TRANSPORT : LLM_OK;
}

static const llm_transport transport = {.size = sizeof transport, .exchange = exchange};

static void on_record(void *ctx, const llm_log_record *record) {
    (void)ctx;
    if (strcmp(record->event, "reload") == 0) {
        atomic_fetch_add(&reloads, 1);
    }
}

static void put(const char *file, const char *text) {
    char temporary[128];
    (void)snprintf(temporary, sizeof temporary, "%s~", file);
    temp_dir_write(&dir, temporary, text, strlen(text), 0600);
    ck_assert_int_eq(rename(temp_dir_file(&dir, temporary), temp_dir_file(&dir, file)), 0);
}

static void begin(const llm_transport *by) {
    static const char *dirs[2];
    llm_error err = LLM_ERROR_INIT;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    dirs[0] = temp_dir_file(&dir, "plugins");
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_DEFAULT_DIRS;
    options.config_file = temp_dir_file(&dir, "config.json");
    options.plugin_dirs = dirs;
    options.transport = by;
    options.log_level = LLM_LOG_INFO;
    options.log_record = on_record;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
}

static void reload(void) {
    llm_error err = LLM_ERROR_INIT;
    ck_assert_msg(llm_master_reload(master, &err) == LLM_OK, "%s", err.message);
}

static llm_status ask(const char *model, char *ret, size_t size) {
    llm_error err = LLM_ERROR_INIT;
    llm_response *response = NULL;
    const llm_query_args args = {LLM_QUERY_INIT, .model = model, .prompt = "hi", .max_attempts = 1};
    const llm_status status = llm_query(master, &args, &response, &err);
    if (ret != NULL) {
        (void)snprintf(ret, size, "%.255s",
                       response != NULL ? llm_response_content(response, NULL) : err.message);
    }
    llm_response_free(response);
    return status;
}

// ---- instances -----------------------------------------------------------------------------------------------------------

static void copy_plugin(void) {
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/tests/plugins/serial.so", getenv("LLM_TEST_BUILD"));
    temp_dir_copy(&dir, path, "plugins/serial.so");
}

static void provider(const char *name, const char *base_url, const char *mark) {
    char file[128], text[1024];
    (void)snprintf(file, sizeof file, "plugins/providers.d/%s.json", name);
    (void)snprintf(
        text, sizeof text,
        "{\"name\": \"%s\", \"base_url\": \"%s\", \"plugin\": \"serial\", \"auth\": {\"scheme\": "
        "\"bearer\"}, \"models\": [{\"id\": \"%s-1\", \"operation\": \"chat\"}], \"mark\": \"%s\"}",
        name, base_url, name, mark);
    put(file, text);
}

static void keys(const char *one, const char *two) {
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"keys\": {\"one\": {\"value\": \"%s\"}, \"two\": {\"value\": \"%s\"}}}", one, two);
    put("config.json", text);
}

static void world(void) {
    copy_plugin();
    provider("one", "http://127.0.0.1:9", "a");
    provider("two", "http://127.0.0.1:9", "b");
    keys("sk-one", "sk-two");
    begin(&transport);
}

static void answers(const char *model, const char *want) {
    char text[256];
    ck_assert_msg(ask(model, text, sizeof text) == LLM_OK, "%s", text);
    ck_assert_str_eq(text, want);
}

START_TEST(an_instance_is_kept) {
    world();
    answers("one-1", "1 of 1, one a");
    answers("two-1", "2 of 2, two b");
    reload();
    reload(); // of what was not asked in between, too
    answers("one-1", "1 of 2, one a");
    answers("two-1", "2 of 2, two b");
    provider("new", "http://127.0.0.1:9", "c"); // another provider is none of its business
    keys("sk-one", "sk-two");
    reload();
    answers("one-1", "1 of 2, one a");
}
END_TEST

START_TEST(an_instance_is_made_anew_when_what_made_it_changed) {
    world();
    answers("one-1", "1 of 1, one a");
    answers("two-1", "2 of 2, two b");
    provider("one", "http://127.0.0.1:9", "z");
    reload();
    answers("one-1", "3 of 2, one z"); // the old one is gone
    answers("two-1", "2 of 2, two b");
    provider("one", "http://127.0.0.1:10", "z");
    reload();
    answers("one-1", "4 of 2, one z");
    keys("sk-one", "sk-second");
    reload();
    answers("two-1", "5 of 2, two b");
    answers("one-1", "4 of 2, one z");
    copy_plugin(); // another file, so its code is another
    reload();
    answers("one-1", "1 of 1, one z");
    ck_assert_int_eq(unlink(temp_dir_file(&dir, "plugins/providers.d/one.json")), 0);
    reload();
    answers("two-1", "2 of 1, two b"); // the other went with its provider
}
END_TEST

// A call under way uses the old instance until it is over.
START_TEST(the_last_user_frees_it) {
    llm_loop *loop;
    llm_call *call;
    llm_response *response = NULL;
    const llm_event *event = NULL;
    const llm_query_args args = {LLM_QUERY_INIT, .model = "one-1", .prompt = "hi",
                                 .flags = LLM_QUERY_COLLECT};
    world();
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    reload();
    answers("one-1", "1 of 1, one a"); // shared
    provider("one", "http://127.0.0.1:9", "z");
    reload();
    answers("one-1", "2 of 2, one z");
    while (llm_call_next(call, -1, &event) == LLM_OK && event->type != LLM_EVENT_END) {
    }
    ck_assert_int_eq(llm_call_response(call, &response), LLM_OK);
    ck_assert_str_eq(llm_response_content(response, NULL), "1 of 2, one a");
    llm_response_free(response);
    llm_call_free(call);
    llm_loop_free(loop);
    answers("one-1", "2 of 1, one z");
}
END_TEST

static atomic_bool stop;

static void *ask_on_and_on(void *arg) {
    char text[256];
    (void)arg;
    while (!atomic_load(&stop)) {
        ck_assert_int_eq(ask("one-1", text, sizeof text), LLM_OK);
        ck_assert_int_eq(ask("two-1", text, sizeof text), LLM_OK);
    }
    return NULL;
}

START_TEST(kept_under_load) {
    pthread_t threads[4];
    world();
    answers("one-1", "1 of 1, one a");
    answers("two-1", "2 of 2, two b");
    atomic_store(&stop, false);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_on_and_on, NULL), 0);
    }
    for (int i = 0; i < 60; i++) {
        if (i % 3 == 0) {
            provider("two", "http://127.0.0.1:9", i % 2 == 0 ? "b" : "c");
        }
        reload();
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    answers("one-1", "1 of 2, one a");
}
END_TEST

// ---- keys of commands -------------------------------------------------------------------------------------------------------

static size_t count(const char *file, const char *what) {
    size_t len = 0, n = 0;
    const char *path = temp_dir_file(&dir, file);
    char *text = access(path, R_OK) == 0 ? temp_dir_read(path, &len) : NULL;
    for (const char *at = text; at != NULL && (at = strstr(at, what)) != NULL; at++) {
        n++;
    }
    free(text);
    return n;
}

// The command prints what stands in the file "key", and notes each time that it runs in "ran".
static void command_config(const char *more) {
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "{\"base_urls\": {\"openai\": \"%s/v1\"}, \"keys\": {\"openai\": {\"command\": \"echo ran "
                   ">>'%s'; cat '%s'%s\"}}}",
                   llm_sim_url(sim), temp_dir_file(&dir, "ran"), temp_dir_file(&dir, "key"), more);
    put("config.json", text);
}

static void key_world(const char *rules) {
    llm_error err = LLM_ERROR_INIT;
    const struct llm_sim_options how = {.rules = rules, .log_file = temp_dir_file(&dir, "log")};
    ck_assert_msg(llm_sim_new(&how, &sim, &err) == LLM_OK, "%s", err.message);
    ck_assert_int_eq(llm_sim_start(sim), LLM_OK);
    put("key", "sk-old");
    command_config("");
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/plugins/openai_compat.so", getenv("LLM_TEST_BUILD"));
    temp_dir_copy(&dir, path, "plugins/openai_compat.so");
    put("plugins/providers.d/openai.json",
        "{\"name\": \"openai\", \"base_url\": \"https://api.openai.com/v1\", \"plugin\": \"openai_compat\", "
        "\"auth\": {\"scheme\": \"bearer\"}, \"models\": [{\"id\": \"gpt-4o-mini\", \"operation\": "
        "\"chat\"}]}");
    begin(NULL);
}

#define MODEL "openai/gpt-4o-mini"

static void nap(long ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

// A file is dropped in, and the watch has read everything again.
static void wait_reload(const char *file, const char *text) {
    const int before = atomic_load(&reloads);
    put(file, text);
    for (int i = 0; i < 500 && atomic_load(&reloads) == before; i++) {
        nap(20);
    }
    ck_assert_int_gt(atomic_load(&reloads), before);
}

static void watch(void) {
    llm_error err = LLM_ERROR_INIT;
    ck_assert_msg(llm_master_watch(master, &err) == LLM_OK, "%s", err.message);
    for (int i = 0; i < 500 && atomic_load(&reloads) == 0; i++) {
        nap(20);
    }
    ck_assert_int_eq(atomic_load(&reloads), 1);
}

#define OTHER(mark)                                                                                          \
    "{\"name\": \"other\", \"base_url\": \"http://127.0.0.1:9\", \"auth\": {\"scheme\": \"none\"}, \"x\": "  \
    "\"" mark "\"}"

START_TEST(a_watch_does_not_ask_again) {
    key_world(NULL);
    ck_assert_int_eq(ask(MODEL, NULL, 0), LLM_OK);
    watch();
    wait_reload("plugins/providers.d/other.json", OTHER("1"));
    wait_reload("plugins/providers.d/other.json", OTHER("2"));
    ck_assert_int_eq(ask(MODEL, NULL, 0), LLM_OK);
    ck_assert_uint_eq(count("ran", "ran"), 1);
    ck_assert_uint_eq(count("log", "Bearer sk-old"), 2);
    // Its provider's settings are not its own; its command is.
    wait_reload(
        "plugins/providers.d/openai.json",
        "{\"name\": \"openai\", \"base_url\": \"https://api.openai.com/v1\", \"plugin\": "
        "\"openai_compat\", \"auth\": {\"scheme\": \"bearer\"}, \"models\": [{\"id\": \"gpt-4o-mini\", "
        "\"operation\": \"chat\"}], \"title\": \"Mine\"}");
    ck_assert_int_eq(ask(MODEL, NULL, 0), LLM_OK);
    ck_assert_uint_eq(count("ran", "ran"), 1);
    put("key", "sk-new");
    const int before = atomic_load(&reloads);
    command_config("; true");
    for (int i = 0; i < 500 && atomic_load(&reloads) == before; i++) {
        nap(20);
    }
    ck_assert_int_eq(ask(MODEL, NULL, 0), LLM_OK);
    ck_assert_uint_eq(count("ran", "ran"), 2);
    ck_assert_uint_eq(count("log", "Bearer sk-new"), 1);
}
END_TEST

START_TEST(who_asks_for_a_reload_gets_new_keys) {
    key_world(NULL);
    ck_assert_int_eq(ask(MODEL, NULL, 0), LLM_OK);
    put("key", "sk-new");
    ck_assert_int_eq(ask(MODEL, NULL, 0), LLM_OK);
    ck_assert_uint_eq(count("log", "Bearer sk-old"), 2);
    reload();
    reload();
    ck_assert_uint_eq(count("ran", "ran"), 1); // not before it is needed
    ck_assert_int_eq(ask(MODEL, NULL, 0), LLM_OK);
    ck_assert_int_eq(ask(MODEL, NULL, 0), LLM_OK);
    ck_assert_uint_eq(count("ran", "ran"), 2);
    ck_assert_uint_eq(count("log", "Bearer sk-new"), 2);
}
END_TEST

START_TEST(a_refused_key_is_read_again) {
    key_world(
        "[{\"match\": {\"header\": {\"authorization\": \"Bearer sk-old\"}}, \"reply\": {\"status\": 401, "
        "\"body\": {\"error\": {\"message\": \"no\"}}}}]");
    ck_assert_int_eq(ask(MODEL, NULL, 0), LLM_E_AUTH);
    watch(); // which reads everything once
    put("key", "sk-new");
    ck_assert_int_eq(ask(MODEL, NULL, 0), LLM_OK);
    ck_assert_uint_eq(count("ran", "ran"), 2);
    wait_reload("plugins/providers.d/other.json", OTHER("1"));
    ck_assert_int_eq(ask(MODEL, NULL, 0), LLM_OK); // and that one is kept
    ck_assert_uint_eq(count("ran", "ran"), 2);
}
END_TEST

// ---- a command that takes its time ------------------------------------------------------------------------------------------

static void *ask_once(void *arg) {
    *(llm_status *)arg = ask(MODEL, NULL, 0);
    return NULL;
}

static void wait_until_it_runs(void) {
    for (int i = 0; i < 500 && count("ran", "ran") == 0; i++) {
        nap(10);
    }
}

// The command goes on when the file "go" is there, and fails where there is no file "key".
static void slow_world(void) {
    key_world(NULL);
    llm_master_free(master);
    char text[2048];
    (void)snprintf(text, sizeof text,
                   "{\"base_urls\": {\"openai\": \"%s/v1\"}, \"keys\": {\"openai\": {\"command\": \"echo ran "
                   ">>'%s'; until [ -e '%s' ]; do sleep 0.02; done; cat '%s'\"}}}",
                   llm_sim_url(sim), temp_dir_file(&dir, "ran"), temp_dir_file(&dir, "go"),
                   temp_dir_file(&dir, "key"));
    put("config.json", text);
    begin(NULL);
}

START_TEST(first_calls_ask_once) {
    pthread_t threads[6];
    llm_status statuses[6];
    slow_world();
    if (_i == 1) {
        ck_assert_int_eq(unlink(temp_dir_file(&dir, "key")), 0);
    }
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_once, &statuses[i]), 0);
    }
    wait_until_it_runs();
    nap(200); // all of them are there
    put("go", "");
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(statuses[i], _i == 1 ? LLM_E_CONFIG : LLM_OK);
    }
    ck_assert_uint_eq(count("ran", "ran"), 1);
    if (_i == 1) { // what failed is tried again by the next one
        put("key", "sk-old");
        ck_assert_int_eq(ask(MODEL, NULL, 0), LLM_OK);
        ck_assert_uint_eq(count("ran", "ran"), 2);
    }
}
END_TEST

START_TEST(a_watch_waits_for_the_key_that_is_on_its_way) {
    pthread_t threads[4];
    llm_status statuses[4];
    slow_world();
    watch();
    ck_assert_int_eq(pthread_create(&threads[0], NULL, ask_once, &statuses[0]), 0);
    wait_until_it_runs();
    wait_reload("plugins/providers.d/other.json", OTHER("1"));
    wait_reload("plugins/providers.d/other.json", OTHER("2"));
    for (size_t i = 1; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_once, &statuses[i]), 0);
    }
    nap(200);
    put("go", "");
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(statuses[i], LLM_OK);
    }
    ck_assert_uint_eq(count("ran", "ran"), 1);
    ck_assert_uint_eq(count("log", "Bearer sk-old"), 4);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("keep");
    TCase *tcase = tcase_create("keep");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_instance_is_kept);
    tcase_add_test(tcase, an_instance_is_made_anew_when_what_made_it_changed);
    tcase_add_test(tcase, the_last_user_frees_it);
    tcase_add_test(tcase, kept_under_load);
    tcase_add_test(tcase, a_watch_does_not_ask_again);
    tcase_add_test(tcase, who_asks_for_a_reload_gets_new_keys);
    tcase_add_test(tcase, a_refused_key_is_read_again);
    tcase_add_loop_test(tcase, first_calls_ask_once, 0, 2);
    tcase_add_test(tcase, a_watch_waits_for_the_key_that_is_on_its_way);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
