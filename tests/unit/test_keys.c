// SPDX-License-Identifier: MIT
#include "config/keys.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "check_main.h"
#include "config/command.h"
#include "fail_alloc.h"
#include "temp_dir.h"

static struct temp_dir dir;

static void setup(void) {
    temp_dir_new(&dir);
    setenv("HOME", dir.path, 1);
    unsetenv("KEY_ONE");
    unsetenv("KEY_TWO");
}

static void teardown(void) {
    temp_dir_free(&dir);
}

// The key of provider "p" with these settings.
static llm_status look_up(const char *settings, const char *envs, struct llm_secret *secret, char *origin,
                          llm_error *err) {
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    struct llm_settings s;
    struct llm_arena arena = {0};
    llm_str found = LLM_STR("untouched");
    options.flags = LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.settings = settings;
    ck_assert_msg(llm_settings_read(&options, &s, err) == LLM_OK, "%s", err->message);
    const llm_status status =
        llm_settings_key(&s, LLM_STR("p"), llm_str_from(envs), &arena, secret, &found, err);
    snprintf(origin, 600, "%.*s", LLM_FMT(found));
    llm_arena_done(&arena);
    llm_settings_done(&s);
    return status;
}

START_TEST(variables_are_looked_at_in_order) {
    struct llm_secret secret = {0};
    llm_error err = LLM_ERROR_INIT;
    char origin[600];
    ck_assert_int_eq(look_up(NULL, "KEY_ONE,KEY_TWO", &secret, origin, &err), LLM_E_NOT_FOUND);
    ck_assert_str_eq(origin, "untouched");
    setenv("KEY_ONE", "", 1);
    setenv("KEY_TWO", "sk-two", 1);
    ck_assert_int_eq(look_up(NULL, "KEY_ONE,KEY_TWO", &secret, origin, &err), LLM_OK);
    ck_assert_str_eq(origin, "environment KEY_TWO");
    ck_assert(llm_str_is(llm_secret_reveal(&secret), "sk-two"));
    setenv("KEY_ONE", " sk-one\n", 1);
    ck_assert_int_eq(look_up(NULL, "KEY_ONE,KEY_TWO", &secret, origin, &err), LLM_OK);
    ck_assert_str_eq(origin, "environment KEY_ONE");
    ck_assert(llm_str_is(llm_secret_reveal(&secret), "sk-one"));
    ck_assert_int_eq(look_up(NULL, "", &secret, origin, &err), LLM_E_NOT_FOUND);
    llm_secret_done(&secret);
}
END_TEST

START_TEST(settings_go_before_variables) {
    struct llm_secret secret = {0};
    llm_error err = LLM_ERROR_INIT;
    char origin[600], settings[800];
    setenv("KEY_ONE", "sk-one", 1);
    ck_assert_int_eq(
        look_up("{\"keys\": {\"p\": {\"value\": \"sk-value\"}}}", "KEY_ONE", &secret, origin, &err), LLM_OK);
    ck_assert_str_eq(origin, "options");
    ck_assert(llm_str_is(llm_secret_reveal(&secret), "sk-value"));
    temp_dir_write(&dir, "key", "sk-file\n", 8, 0600);
    snprintf(settings, sizeof settings, "{\"keys\": {\"p\": {\"file\": \"%s\"}}}",
             temp_dir_file(&dir, "key"));
    ck_assert_int_eq(look_up(settings, "KEY_ONE", &secret, origin, &err), LLM_OK);
    ck_assert_ptr_nonnull(strstr(origin, "/key"));
    ck_assert(llm_str_is(llm_secret_reveal(&secret), "sk-file"));
    ck_assert_int_eq(look_up("{\"keys\": {\"p\": {\"command\": \"echo sk-$((40+2))\"}}}", "KEY_ONE", &secret,
                             origin, &err),
                     LLM_OK);
    ck_assert_str_eq(origin, "command in options");
    ck_assert(llm_str_is(llm_secret_reveal(&secret), "sk-42"));
    setenv("KEY_TWO", "sk-two", 1);
    ck_assert_int_eq(look_up("{\"keys\": {\"p\": {\"env\": \"KEY_TWO\"}}}", "KEY_ONE", &secret, origin, &err),
                     LLM_OK);
    ck_assert_str_eq(origin, "environment KEY_TWO");
    unsetenv("KEY_TWO");
    ck_assert_int_eq(look_up("{\"keys\": {\"p\": {\"env\": \"KEY_TWO\"}}}", "KEY_ONE", &secret, origin, &err),
                     LLM_OK);
    ck_assert_str_eq(origin, "environment KEY_ONE");
    ck_assert_int_eq(
        look_up("{\"keys\": {\"other\": {\"env\": \"KEY_TWO\"}}}", "KEY_ONE", &secret, origin, &err), LLM_OK);
    llm_secret_done(&secret);
}
END_TEST

START_TEST(a_bad_key_is_named_by_its_place_and_never_shown) {
    static const struct {
        const char *value, *message;
    } rows[] = {
        {"sk-bad\nkey", "the key in environment KEY_ONE holds a byte that no key has (byte 7 of 10"},
        {"sk-bad\x7f", "byte 7 of 7"},
        {"sk-bad\xc3\xa4", "byte 7 of 8"},
        {"  \n ", "the key in environment KEY_ONE is empty"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct llm_secret secret = {0};
        llm_error err = LLM_ERROR_INIT;
        char origin[600];
        setenv("KEY_ONE", rows[i].value, 1);
        setenv("KEY_TWO", "sk-good", 1);
        ck_assert_int_eq(look_up(NULL, "KEY_ONE,KEY_TWO", &secret, origin, &err), LLM_E_CONFIG);
        ck_assert_msg(strstr(err.message, rows[i].message) != NULL, "%s", err.message);
        ck_assert_ptr_null(strstr(err.message, "sk-bad"));
        ck_assert(!llm_secret_has(&secret));
    }
}
END_TEST

START_TEST(a_key_may_be_as_long_as_the_limit) {
    char *value = malloc(LLM_MAX_KEY_BYTES + 2);
    struct llm_secret secret = {0};
    llm_error err = LLM_ERROR_INIT;
    char origin[600], settings[800];
    memset(value, 'k', LLM_MAX_KEY_BYTES + 1);
    snprintf(settings, sizeof settings, "{\"keys\": {\"p\": {\"file\": \"%s\"}}}",
             temp_dir_file(&dir, "key"));
    temp_dir_write(&dir, "key", value, LLM_MAX_KEY_BYTES, 0600);
    ck_assert_msg(look_up(settings, "", &secret, origin, &err) == LLM_OK, "%s", err.message);
    ck_assert_uint_eq(secret.len, LLM_MAX_KEY_BYTES);
    temp_dir_write(&dir, "key", value, LLM_MAX_KEY_BYTES + 1, 0600);
    ck_assert_int_eq(look_up(settings, "", &secret, origin, &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "longer than 16384 bytes"));
    llm_secret_done(&secret);
    free(value);
}
END_TEST

START_TEST(key_files_are_judged) {
    struct llm_secret secret = {0};
    llm_error err = LLM_ERROR_INIT;
    char origin[600], settings[800];
    snprintf(settings, sizeof settings, "{\"keys\": {\"p\": {\"file\": \"%s\"}}}",
             temp_dir_file(&dir, "key"));
    ck_assert_int_eq(look_up(settings, "", &secret, origin, &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "cannot be read: No such file"));
    temp_dir_write(&dir, "key", "sk-file", 7, 0602);
    ck_assert_int_eq(look_up(settings, "", &secret, origin, &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "everybody can write it"));
    ck_assert(!llm_key_file_is_open(temp_dir_file(&dir, "key")));
    ck_assert_int_eq(chmod(temp_dir_file(&dir, "key"), 0644), 0);
    ck_assert_int_eq(look_up(settings, "", &secret, origin, &err), LLM_OK);
    ck_assert(llm_key_file_is_open(temp_dir_file(&dir, "key")));
    ck_assert_int_eq(unlink(temp_dir_file(&dir, "key")), 0);
    temp_dir_make(&dir, "key", 0700);
    ck_assert_int_eq(look_up(settings, "", &secret, origin, &err), LLM_E_CONFIG);
    ck_assert(!llm_key_file_is_open(temp_dir_file(&dir, "none")));
    llm_secret_done(&secret);
}
END_TEST

static const struct {
    const char *command;
    uint32_t timeout_ms;
    llm_status status;
    const char *text; // output, or message
} commands[] = {
    {"echo a; echo b", 10000, LLM_OK, "a\nb\n"},
    {"printf x", 10000, LLM_OK, "x"},
    {"true", 10000, LLM_OK, ""},
    {"echo no >&2; echo yes", 10000, LLM_OK, "yes\n"},
    {"cat; echo end", 10000, LLM_OK, "end\n"},
    {"exit 3", 10000, LLM_E_CONFIG, "ended with status 3"},
    {"echo key; false", 10000, LLM_E_CONFIG, "ended with status 1"},
    {"no-such-program-at-all", 10000, LLM_E_CONFIG, "ended with status 127"},
    {"kill -TERM $$", 10000, LLM_E_CONFIG, "ended by signal 15"},
    {"exec 1>&-; sleep 5", 30, LLM_E_TIMEOUT, "did not end within 30 ms"},
    {"sleep 5", 30, LLM_E_TIMEOUT, "did not end within 30 ms"},
    {"sleep 5 & wait", 30, LLM_E_TIMEOUT, "did not end within 30 ms"},
    {"while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done", 10000, LLM_E_LIMIT,
     "printed more than 100 bytes"},
    {"trap '' TERM; while :; do :; done", 30, LLM_E_TIMEOUT, "did not end"},
};

START_TEST(commands_are_bounded) {
    struct llm_buf out = {.max = 100};
    llm_error err = LLM_ERROR_INIT;
    const uint64_t start = llm_clock_us();
    const llm_status status = llm_command_run(commands[_i].command, commands[_i].timeout_ms, &out, &err);
    ck_assert_msg(status == commands[_i].status, "%s: %s: %s", commands[_i].command, llm_status_name(status),
                  err.message);
    if (status == LLM_OK) {
        ck_assert(llm_str_is(llm_buf_str(&out), commands[_i].text));
    } else {
        ck_assert_msg(strstr(err.message, commands[_i].text) != NULL, "%s", err.message);
    }
    ck_assert_uint_lt(llm_clock_us() - start, 4000000);
    llm_buf_done(&out);
}
END_TEST

START_TEST(a_host_that_ignores_its_children_gets_the_output_all_the_same) {
    struct llm_buf out = {.max = 100};
    llm_error err = LLM_ERROR_INIT;
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);
    ck_assert_int_eq(llm_command_run("echo x", 10000, &out, &err), LLM_OK);
    ck_assert(llm_str_is(llm_buf_str(&out), "x\n"));
    (void)signal(SIGCHLD, before);
    llm_buf_done(&out);
}
END_TEST

START_TEST(a_command_that_fails_gives_no_key) {
    struct llm_secret secret = {0};
    llm_error err = LLM_ERROR_INIT;
    char origin[600];
    setenv("KEY_ONE", "sk-one", 1);
    ck_assert_int_eq(look_up("{\"keys\": {\"p\": {\"command\": \"echo sk-wrong; exit 1\"}}}", "KEY_ONE",
                             &secret, origin, &err),
                     LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "no key for p: the command ended with status 1"));
    ck_assert_int_eq(
        look_up("{\"keys\": {\"p\": {\"command\": \"true\"}}}", "KEY_ONE", &secret, origin, &err),
        LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "the output of the command for p is empty"));
    ck_assert(!llm_secret_has(&secret));
}
END_TEST

START_TEST(every_allocation_may_fail) {
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    struct llm_settings s;
    llm_error err = LLM_ERROR_INIT;
    char settings[800];
    temp_dir_write(&dir, "key", "sk-file", 7, 0600);
    setenv("KEY_ONE", "sk-one", 1);
    snprintf(settings, sizeof settings,
             "{\"keys\": {\"f\": {\"file\": \"%s\"}, \"c\": {\"command\": \"echo sk-command\"}, \"v\": "
             "{\"value\": \"sk-value\"}}}",
             temp_dir_file(&dir, "key"));
    options.flags = LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.settings = settings;
    ck_assert_int_eq(llm_settings_read(&options, &s, &err), LLM_OK);
    static const char *const names[] = {"f", "c", "v", "e"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t n = 0;; n++) {
            struct llm_secret secret = {0};
            struct llm_arena arena = {0};
            llm_str origin;
            fail_alloc_after(n);
            const llm_status status = llm_settings_key(&s, llm_str_from(names[i]), LLM_STR("KEY_ONE"), &arena,
                                                       &secret, &origin, &err);
            const bool failed = fail_alloc_off();
            llm_arena_done(&arena);
            llm_secret_done(&secret);
            if (!failed) {
                ck_assert_int_eq(status, LLM_OK);
                break;
            }
            ck_assert_msg(status == LLM_E_NOMEM, "%s %zu: %s %s", names[i], n, llm_status_name(status),
                          err.message);
        }
    }
    llm_settings_done(&s);
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof(list)[0])

int main(void) {
    Suite *suite = suite_create("keys");
    TCase *tests = tcase_create("keys");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, variables_are_looked_at_in_order);
    tcase_add_test(tests, settings_go_before_variables);
    tcase_add_test(tests, a_bad_key_is_named_by_its_place_and_never_shown);
    tcase_add_test(tests, a_key_may_be_as_long_as_the_limit);
    tcase_add_test(tests, key_files_are_judged);
    tcase_add_loop_test(tests, commands_are_bounded, 0, COUNT(commands));
    tcase_add_test(tests, a_host_that_ignores_its_children_gets_the_output_all_the_same);
    tcase_add_test(tests, a_command_that_fails_gives_no_key);
    tcase_add_test(tests, every_allocation_may_fail);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
