// SPDX-License-Identifier: MIT
// Directories, the order of files, and what stays when they are looked at again.
#include "check_main.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "fail_alloc.h"
#include "plugin_test.h"

static struct plugin_test test;

static void begin(void) {
    plugin_test_begin(&test);
}

static void finish(void) {
    plugin_test_end(&test);
}

#define SCAN() ck_assert_int_eq(plugin_test_scan(&test), LLM_OK)
#define LOAD(plugin) ck_assert_int_eq(llm_plugin_load(test.plugins, plugin, &test.err), LLM_OK)
#define STATE(plugin, expected)                                                                              \
    ck_assert_str_eq(llm_plugin_state_name((plugin)->state), llm_plugin_state_name(expected))

static void ck_reason(const struct llm_plugin *plugin, const char *part) {
    ck_assert_ptr_nonnull(plugin->reason);
    ck_assert_msg(strstr(plugin->reason, part) != NULL, "\"%s\" is not in: %s", part, plugin->reason);
}

// ---- one plugin ---------------------------------------------------------------------------------------------

START_TEST(finds_and_loads) {
    plugin_test_install(&test, "echo.so", "echo.so");
    SCAN();
    ck_assert_uint_eq(test.count, 1);
    struct llm_plugin *plugin = test.list[0];
    STATE(plugin, LLM_PLUGIN_FOUND);
    ck_assert_str_eq(plugin->path, temp_dir_file(&test.dir, "echo.so"));
    ck_assert_str_eq(plugin->id.ptr, "org.example.echo");
    ck_assert_str_eq(plugin->version.ptr, "1.0.0");
    ck_assert_str_eq(plugin->name.ptr, "Echo");
    ck_assert_uint_eq(strlen(plugin->manifest.ptr), plugin->manifest.len);
    ck_assert_ptr_null(plugin->descriptor);
    ck_assert_ptr_null(llm_plugin_generator(plugin, LLM_STR("chat")));
    LOAD(plugin);
    LOAD(plugin);
    STATE(plugin, LLM_PLUGIN_LOADED);
    const struct llm_plugin_generator *chat = llm_plugin_generator(plugin, LLM_STR("chat"));
    ck_assert_ptr_nonnull(chat);
    ck_assert_ptr_eq(chat, llm_plugin_generator_for(plugin, LLM_STR("chat")));
    ck_assert_ptr_null(llm_plugin_generator(plugin, LLM_STR("draw")));
    ck_assert_ptr_null(llm_plugin_generator_for(plugin, LLM_STR("image")));
    ck_assert_str_eq(chat->formats[0], "openai.chat");
    ck_assert_ptr_null(chat->formats[1]);
    ck_assert_int_eq(chat->codec.head(NULL, NULL, NULL), LLM_OK);
    ck_assert_int_eq((chat->codec.fail)(NULL, NULL, NULL, NULL), LLM_OK); // Check has a macro of that name
    llm_instance *instance = (llm_instance *)(uintptr_t)1;
    ck_assert_int_eq(plugin->descriptor->instance_new(plugin->plugin, NULL, &instance, NULL), LLM_OK);
    ck_assert_ptr_null(instance);
    plugin->descriptor->instance_free(instance);
    ck_assert_ptr_null(plugin->descriptor->get_interface("llm.nothing/1"));
}
END_TEST

START_TEST(runs_no_code_before_it_loads) {
    (void)unsetenv("LLM_TEST_CONSTRUCTOR");
    plugin_test_install(&test, "constructor.so", "constructor.so");
    SCAN();
    SCAN();
    ck_assert_ptr_null(getenv("LLM_TEST_CONSTRUCTOR"));
    LOAD(test.list[0]);
    ck_assert_ptr_nonnull(getenv("LLM_TEST_CONSTRUCTOR"));
}
END_TEST

START_TEST(gives_what_instance_new_says) {
    llm_instance *instance = NULL;
    llm_str message = {NULL, 0};
    plugin_test_install(&test, "instance_new_fails.so", "x.so");
    SCAN();
    LOAD(test.list[0]);
    const llm_provider_descriptor *descriptor = test.list[0]->descriptor;
    ck_assert_int_eq(descriptor->instance_new(test.list[0]->plugin, NULL, &instance, &message), LLM_E_CONFIG);
    ck_assert(llm_str_is(message, "the gallery is closed"));
}
END_TEST

START_TEST(calls_a_plugin_by_its_id_when_it_has_no_name) {
    plugin_test_install(&test, "good.so", "good.so");
    SCAN();
    ck_assert_str_eq(test.list[0]->name.ptr, "org.example.gallery");
}
END_TEST

START_TEST(faults_on_request) {
    plugin_test_install(&test, "echo.so", "echo.so");
    SCAN();
    LOAD(test.list[0]);
    llm_plugin_fault(test.list[0], "it said %d\n", 7);
    llm_plugin_fault(test.list[0], "later");
    STATE(test.list[0], LLM_PLUGIN_FAULTED);
    ck_assert_str_eq(test.list[0]->reason, "it said 7 ");
    ck_assert_int_eq(llm_plugin_load(test.plugins, test.list[0], &test.err), LLM_E_INTERNAL);
    SCAN();
    STATE(test.list[0], LLM_PLUGIN_FAULTED);
}
END_TEST

static void *load_one(void *arg) {
    llm_error err = LLM_ERROR_INIT;
    return (void *)(intptr_t)llm_plugin_load(test.plugins, arg, &err);
}

START_TEST(loads_once_for_many_threads) {
    pthread_t threads[8];
    plugin_test_install(&test, "echo.so", "echo.so");
    SCAN();
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, load_one, test.list[0]), 0);
    }
    SCAN(); // meanwhile
    for (size_t i = 0; i < 8; i++) {
        void *status = NULL;
        (void)pthread_join(threads[i], &status);
        ck_assert_int_eq((int)(intptr_t)status, LLM_OK);
    }
    STATE(test.list[0], LLM_PLUGIN_LOADED);
}
END_TEST

// ---- directories ----------------------------------------------------------------------------------------------

START_TEST(sorts_by_byte_and_shadows_the_second) {
    plugin_test_install(&test, "echo.so", "b.so");
    plugin_test_install(&test, "echo.so", "B.so");
    plugin_test_install(&test, "good.so", "a.so");
    temp_dir_write(&test.dir, "notes.txt", "x", 1, 0644);
    temp_dir_write(&test.dir, ".hidden.so", "x", 1, 0644);
    temp_dir_write(&test.dir, ".so", "x", 1, 0644);
    SCAN();
    ck_assert_uint_eq(test.count, 3);
    ck_assert_str_eq(test.list[0]->path, temp_dir_file(&test.dir, "B.so"));
    ck_assert_str_eq(test.list[1]->path, temp_dir_file(&test.dir, "a.so"));
    ck_assert_str_eq(test.list[2]->path, temp_dir_file(&test.dir, "b.so"));
    STATE(test.list[0], LLM_PLUGIN_FOUND);
    STATE(test.list[1], LLM_PLUGIN_FOUND);
    STATE(test.list[2], LLM_PLUGIN_SHADOWED);
    ck_reason(test.list[2], temp_dir_file(&test.dir, "B.so"));
    ck_reason(test.list[2], "org.example.echo");
    ck_assert_int_eq(llm_plugin_load(test.plugins, test.list[2], &test.err), LLM_E_DENIED);
    ck_assert_ptr_nonnull(strstr(test.err.message, "remove one of the two"));
}
END_TEST

START_TEST(takes_directories_in_their_order) {
    temp_dir_make(&test.dir, "one", 0755);
    temp_dir_make(&test.dir, "two", 0755);
    plugin_test_install(&test, "echo.so", "one/z.so");
    plugin_test_install(&test, "echo.so", "two/a.so");
    (void)symlink("one", temp_dir_file(&test.dir, "link"));
    char one[300], two[300], link[300];
    snprintf(one, sizeof one, "%s", temp_dir_file(&test.dir, "one"));
    snprintf(two, sizeof two, "%s", temp_dir_file(&test.dir, "two"));
    snprintf(link, sizeof link, "%s", temp_dir_file(&test.dir, "link"));
    const char *const dirs[] = {"/nowhere/at/all", two, "", link, one, two, NULL};
    ck_assert_int_eq(plugin_test_scan_dirs(&test, dirs), LLM_OK);
    ck_assert_uint_eq(test.count, 2);
    ck_assert_str_eq(test.list[0]->path, temp_dir_file(&test.dir, "two/a.so"));
    ck_assert_str_eq(test.list[1]->path, temp_dir_file(&test.dir, "one/z.so"));
    STATE(test.list[1], LLM_PLUGIN_SHADOWED);
    ck_assert_int_eq(plugin_test_scan_dirs(&test, NULL), LLM_OK);
    ck_assert_uint_eq(test.count, 0);
}
END_TEST

START_TEST(refuses_what_others_can_write_to) {
    static const struct {
        mode_t mode, parent_mode;
        const char *reason; // NULL: fine
    } cases[] = {
        {0755, 0755, NULL},
        {0700, 0755, NULL},
        {0755, 01777, NULL}, // below a sticky directory, like /tmp
        {01777, 0755, "is open to everyone (mode 1777): make one of your own inside it"},
        {0777, 0755, "others can write to the directory"},
        {0775, 0755, "chmod go-w"},
        {0755, 0777, "others can write to the directory"},
        {0755, 0770, "chmod go-w"},
    };
    temp_dir_make(&test.dir, "parent", 0755);
    temp_dir_make(&test.dir, "parent/plugins", 0755);
    plugin_test_install(&test, "echo.so", "parent/plugins/echo.so");
    char plugins[300];
    snprintf(plugins, sizeof plugins, "%s", temp_dir_file(&test.dir, "parent/plugins"));
    const char *const dirs[] = {plugins, NULL};
    const struct llm_plugin *good = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)chmod(plugins, cases[i].mode);
        (void)chmod(temp_dir_file(&test.dir, "parent"), cases[i].parent_mode);
        ck_assert_int_eq(plugin_test_scan_dirs(&test, dirs), LLM_OK);
        ck_assert_uint_eq(test.count, 1);
        if (cases[i].reason == NULL) {
            STATE(test.list[0], LLM_PLUGIN_FOUND);
            ck_assert(good == NULL || good == test.list[0]);
            good = test.list[0];
        } else {
            STATE(test.list[0], LLM_PLUGIN_REFUSED);
            ck_reason(test.list[0], cases[i].reason);
        }
    }
    (void)chmod(temp_dir_file(&test.dir, "parent"), 0755);
}
END_TEST

START_TEST(refuses_a_foreign_directory) {
    if (geteuid() != 0) {
        return; // only root can make one
    }
    temp_dir_make(&test.dir, "plugins", 0755);
    plugin_test_install(&test, "echo.so", "plugins/echo.so");
    char plugins[300];
    snprintf(plugins, sizeof plugins, "%s", temp_dir_file(&test.dir, "plugins"));
    (void)chown(plugins, 12345, 12345);
    const char *const dirs[] = {plugins, NULL};
    ck_assert_int_eq(plugin_test_scan_dirs(&test, dirs), LLM_OK);
    STATE(test.list[0], LLM_PLUGIN_REFUSED);
    ck_reason(test.list[0], "belongs to user 12345");
}
END_TEST

START_TEST(names_a_directory_that_cannot_be_listed) {
    temp_dir_write(&test.dir, "file", "x", 1, 0644);
    char file[300], below[320];
    snprintf(file, sizeof file, "%s", temp_dir_file(&test.dir, "file"));
    snprintf(below, sizeof below, "%s/below", file);
    const char *const dirs[] = {file, below, NULL};
    ck_assert_int_eq(plugin_test_scan_dirs(&test, dirs), LLM_OK);
    ck_assert_uint_eq(test.count, 2);
    ck_assert_str_eq(test.list[0]->path, file);
    STATE(test.list[0], LLM_PLUGIN_REFUSED);
    ck_reason(test.list[0], "cannot list this directory: Not a directory");
    ck_reason(test.list[1], "cannot list this directory: Not a directory");
}
END_TEST

START_TEST(takes_any_file_name) {
    plugin_test_install(&test, "echo.so", "two\nlines \x1b[31m.so");
    plugin_test_install(&test, "echo.so", "two\nlines \x1b[31m2.so");
    SCAN();
    ck_assert_uint_eq(test.count, 2);
    for (const char *p = test.list[1]->reason; *p != '\0'; p++) {
        ck_assert_int_ge((unsigned char)*p, ' ');
    }
}
END_TEST

START_TEST(counts_files_to_the_limit) {
    char name[32];
    for (unsigned i = 0; i < LLM_MAX_PLUGINS; i++) {
        snprintf(name, sizeof name, "%u.so", i);
        (void)symlink("x", temp_dir_file(&test.dir, name));
    }
    SCAN();
    ck_assert_uint_eq(test.count, LLM_MAX_PLUGINS);
    (void)symlink("x", temp_dir_file(&test.dir, "more.so"));
    ck_assert_int_eq(plugin_test_scan(&test), LLM_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(test.err.message, "more than 4096 plugin files"));
    ck_assert_ptr_nonnull(strstr(test.err.message, test.dir.path));
}
END_TEST

// ---- again ------------------------------------------------------------------------------------------------------

START_TEST(keeps_what_did_not_change) {
    plugin_test_install(&test, "echo.so", "a.so");
    plugin_test_install(&test, "echo.so", "b.so");
    plugin_test_install(&test, "no_manifest.so", "c.so");
    SCAN();
    struct llm_plugin *before[3] = {test.list[0], test.list[1], test.list[2]};
    LOAD(before[0]);
    SCAN();
    ck_assert_uint_eq(test.count, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_ptr_eq(test.list[i], before[i]);
    }
    STATE(before[0], LLM_PLUGIN_LOADED);
    STATE(before[1], LLM_PLUGIN_SHADOWED);
    STATE(before[2], LLM_PLUGIN_REFUSED);
}
END_TEST

START_TEST(loads_a_new_generation_beside_the_old) {
    plugin_test_install(&test, "echo.so", "a.so");
    SCAN();
    struct llm_plugin *old = test.list[0];
    LOAD(old);
    plugin_test_install(&test, "good.so", "a.so");
    SCAN();
    ck_assert_uint_eq(test.count, 1);
    ck_assert_ptr_ne(test.list[0], old);
    STATE(test.list[0], LLM_PLUGIN_FOUND);
    LOAD(test.list[0]);
    STATE(old, LLM_PLUGIN_LOADED);
    ck_assert(llm_plugin_generator(old, LLM_STR("chat"))->codec.open !=
              llm_plugin_generator(test.list[0], LLM_STR("chat"))->codec.open);
    ck_assert_str_eq(test.list[0]->descriptor->id, "org.example.gallery");
    ck_assert_str_eq(old->descriptor->id, "org.example.echo");
}
END_TEST

START_TEST(loads_the_same_code_as_a_new_generation) {
    struct llm_plugin *seen[3];
    for (size_t i = 0; i < 3; i++) {
        plugin_test_install(&test, "echo.so", "a.so");
        SCAN();
        seen[i] = test.list[0];
        LOAD(seen[i]);
    }
    ck_assert(seen[0] != seen[1] && seen[1] != seen[2]);
    // Each has a mapping of its own.
    ck_assert(seen[0]->generators[0].codec.open != seen[1]->generators[0].codec.open);
    ck_assert(seen[1]->generators[0].codec.open != seen[2]->generators[0].codec.open);
}
END_TEST

static void write_over(const char *built, const char *name) {
    size_t len = 0;
    char *bytes = temp_dir_read(plugin_test_built(built), &len);
    const int fd =
        open(temp_dir_file(&test.dir, name), O_WRONLY); // not truncated: the mapping stays readable
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq((int)write(fd, bytes, len), (int)len);
    ck_assert_int_eq(ftruncate(fd, (off_t)len + 4096), 0);
    (void)close(fd);
    free(bytes);
}

START_TEST(refuses_a_loaded_file_that_was_written_over) {
    plugin_test_install(&test, "echo.so", "a.so");
    SCAN();
    struct llm_plugin *old = test.list[0];
    LOAD(old);
    write_over("echo.so", "a.so");
    for (int i = 0; i < 2; i++) {
        SCAN();
        ck_assert_uint_eq(test.count, 1);
        ck_assert_ptr_ne(test.list[0], old);
        STATE(test.list[0], LLM_PLUGIN_REFUSED);
        ck_reason(test.list[0], "it was written over while it was loaded: restart, and install with cp");
        STATE(old, LLM_PLUGIN_FAULTED);
    }
    plugin_test_install(&test, "echo.so", "a.so"); // properly
    SCAN();
    STATE(test.list[0], LLM_PLUGIN_FOUND);
    LOAD(test.list[0]);
}
END_TEST

START_TEST(takes_a_file_that_was_written_over_before_it_was_loaded) {
    plugin_test_install(&test, "good.so", "a.so");
    SCAN();
    struct llm_plugin *old = test.list[0];
    write_over("echo.so", "a.so");
    ck_assert_int_eq(llm_plugin_load(test.plugins, old, &test.err), LLM_E_INTERNAL);
    ck_reason(old, "it changed after it was looked at: reload");
    SCAN();
    ck_assert_ptr_ne(test.list[0], old);
    ck_assert_str_eq(test.list[0]->id.ptr, "org.example.echo");
    LOAD(test.list[0]);
}
END_TEST

START_TEST(refuses_a_second_name_of_a_loaded_file) {
    plugin_test_install(&test, "echo.so", "a.so");
    SCAN();
    LOAD(test.list[0]);
    ck_assert_int_eq(rename(temp_dir_file(&test.dir, "a.so"), temp_dir_file(&test.dir, "b.so")), 0);
    SCAN();
    STATE(test.list[0], LLM_PLUGIN_REFUSED);
    ck_reason(test.list[0], "it is the same file as ");
    ck_reason(test.list[0], "/a.so, which is loaded: restart, or copy it");
    ck_assert_int_eq(rename(temp_dir_file(&test.dir, "b.so"), temp_dir_file(&test.dir, "a.so")), 0);
    SCAN();
    STATE(test.list[0], LLM_PLUGIN_LOADED);
}
END_TEST

START_TEST(moves_up_when_the_first_goes) {
    plugin_test_install(&test, "echo.so", "b.so");
    SCAN();
    struct llm_plugin *second = test.list[0];
    LOAD(second);
    plugin_test_install(&test, "echo.so", "a.so");
    SCAN();
    ck_assert_uint_eq(test.count, 2);
    STATE(test.list[0], LLM_PLUGIN_FOUND);
    STATE(test.list[1], LLM_PLUGIN_SHADOWED);
    ck_assert_ptr_ne(test.list[1], second); // which goes on for calls under way
    STATE(second, LLM_PLUGIN_LOADED);
    (void)unlink(temp_dir_file(&test.dir, "a.so"));
    SCAN();
    ck_assert_uint_eq(test.count, 1);
    ck_assert_ptr_eq(test.list[0], second);
}
END_TEST

START_TEST(heals_when_the_cause_is_gone) {
    plugin_test_install(&test, "echo.so", "a.so");
    (void)chmod(temp_dir_file(&test.dir, "a.so"), 0666);
    SCAN();
    struct llm_plugin *refused = test.list[0];
    STATE(refused, LLM_PLUGIN_REFUSED);
    (void)chmod(temp_dir_file(&test.dir, "a.so"), 0644);
    SCAN();
    ck_assert_ptr_ne(test.list[0], refused);
    STATE(refused, LLM_PLUGIN_REFUSED); // an object does not change below its reader
    LOAD(test.list[0]);
    (void)chmod(temp_dir_file(&test.dir, "a.so"), 0666);
    SCAN();
    STATE(test.list[0], LLM_PLUGIN_REFUSED);
}
END_TEST

START_TEST(looks_again_before_it_loads) {
    plugin_test_install(&test, "echo.so", "a.so");
    plugin_test_install(&test, "good.so", "b.so");
    plugin_test_install(&test, "constructor.so", "c.so");
    SCAN();
    (void)unlink(temp_dir_file(&test.dir, "a.so"));
    ck_assert_int_eq(llm_plugin_load(test.plugins, test.list[0], &test.err), LLM_E_INTERNAL);
    ck_reason(test.list[0], "cannot open it any more: No such file or directory");
    (void)chmod(temp_dir_file(&test.dir, "b.so"), 0666);
    ck_assert_int_eq(llm_plugin_load(test.plugins, test.list[1], &test.err), LLM_E_INTERNAL);
    ck_reason(test.list[1], "others can write to it (mode 0666)");
    (void)chmod(test.dir.path, 0777);
    plugin_test_install(&test, "good.so", "d.so");
    SCAN();
    ck_assert_uint_eq(test.count, 3);
    STATE(test.list[2], LLM_PLUGIN_REFUSED);
    (void)chmod(test.dir.path, 0755);
}
END_TEST

// ---- cost and failure -----------------------------------------------------------------------------------------------

static double now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

START_TEST(lists_200_plugins_without_opening_them) {
    size_t len = 0;
    char *bytes = temp_dir_read(plugin_test_built("echo.so"), &len);
    char *id = memmem(bytes, len, "org.example.echo", 16);
    ck_assert_ptr_nonnull(id);
    for (unsigned i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof name, "%03u.so", i);
        memcpy(id + 13, name, 3); // in the manifest, or in the code: the other does not matter here
        temp_dir_write(&test.dir, name, bytes, len, 0755);
    }
    free(bytes);
    double first = 1e9, again = 1e9;
    for (int i = 0; i < 20; i++) {
        llm_plugins_free(test.plugins);
        test.plugins = llm_plugins_new(&plugin_test_host);
        const double begin_us = now_us();
        SCAN();
        const double middle_us = now_us();
        SCAN();
        const double end_us = now_us();
        first = middle_us - begin_us < first ? middle_us - begin_us : first;
        again = end_us - middle_us < again ? end_us - middle_us : again;
    }
    ck_assert_uint_eq(test.count, 200);
    for (size_t i = 0; i < test.count; i++) {
        ck_assert_int_ne(atomic_load(&test.list[i]->state), LLM_PLUGIN_LOADED);
    }
    printf("# 200 plugins: %.0f us, again: %.0f us (CPU, best of 20)\n", first, again);
}
END_TEST

START_TEST(survives_failing_allocations) {
    plugin_test_install(&test, "echo.so", "a.so");
    plugin_test_install(&test, "echo.so", "b.so");
    plugin_test_install(&test, "no_manifest.so", "c.so");
    const char *const dirs[] = {test.dir.path, NULL};
    for (size_t n = 0;; n++) {
        struct llm_arena arena = {0};
        struct llm_plugin **list = NULL;
        size_t count = 0;
        llm_error err = LLM_ERROR_INIT;
        llm_status scanned = LLM_E_NOMEM, loaded = LLM_E_NOMEM;
        fail_alloc_after(n);
        struct llm_plugins *plugins = llm_plugins_new(&plugin_test_host);
        if (plugins != NULL) {
            scanned = llm_plugins_scan(plugins, dirs, &arena, &list, &count, &err);
        }
        if (scanned == LLM_OK) {
            loaded = llm_plugin_load(plugins, list[0], &err);
        }
        const bool failed = fail_alloc_off();
        if (!failed) {
            ck_assert_int_eq(loaded, LLM_OK);
        } else if (scanned != LLM_OK) {
            ck_assert_int_eq(scanned, LLM_E_NOMEM);
            ck_assert(plugins == NULL || err.status == LLM_E_NOMEM);
        } else if (loaded != LLM_OK) {
            ck_assert_int_eq(loaded, LLM_E_NOMEM);
            ck_assert_int_eq(err.status, LLM_E_NOMEM);
        }
        if (plugins != NULL && loaded != LLM_OK) { // once there is memory again, it works
            ck_assert_int_eq(llm_plugins_scan(plugins, dirs, &arena, &list, &count, &err), LLM_OK);
            ck_assert_uint_eq(count, 3);
            ck_assert_int_eq(llm_plugin_load(plugins, list[0], &err), LLM_OK);
        }
        llm_plugins_free(plugins);
        llm_arena_done(&arena);
        if (!failed) {
            ck_assert_uint_gt(n, 10);
            break;
        }
    }
    llm_plugins_free(NULL);
}
END_TEST

START_TEST(leaves_no_descriptor_open) {
    plugin_test_install(&test, "echo.so", "a.so");
    plugin_test_install(&test, "undefined_symbol.so", "b.so");
    plugin_test_install(&test, "no_manifest.so", "c.so");
    const int before = dup(0);
    (void)close(before);
    SCAN();
    LOAD(test.list[0]);
    ck_assert_int_eq(llm_plugin_load(test.plugins, test.list[1], &test.err), LLM_E_INTERNAL);
    SCAN();
    const int after = dup(0);
    (void)close(after);
    ck_assert_int_eq(before, after);
}
END_TEST

START_TEST(names_states) {
    ck_assert_str_eq(llm_plugin_state_name(LLM_PLUGIN_REFUSED), "refused");
    ck_assert_str_eq(llm_plugin_state_name(LLM_PLUGIN_SHADOWED), "shadowed");
    ck_assert_str_eq(llm_plugin_state_name(LLM_PLUGIN_FOUND), "found");
    ck_assert_str_eq(llm_plugin_state_name(LLM_PLUGIN_LOADED), "loaded");
    ck_assert_str_eq(llm_plugin_state_name(LLM_PLUGIN_FAULTED), "faulted");
    ck_assert_str_eq(llm_plugin_state_name(99), "unknown");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("registry");
    TCase *tests = tcase_create("registry");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, finds_and_loads);
    tcase_add_test(tests, runs_no_code_before_it_loads);
    tcase_add_test(tests, gives_what_instance_new_says);
    tcase_add_test(tests, calls_a_plugin_by_its_id_when_it_has_no_name);
    tcase_add_test(tests, faults_on_request);
    tcase_add_test(tests, loads_once_for_many_threads);
    tcase_add_test(tests, sorts_by_byte_and_shadows_the_second);
    tcase_add_test(tests, takes_directories_in_their_order);
    tcase_add_test(tests, refuses_what_others_can_write_to);
    tcase_add_test(tests, refuses_a_foreign_directory);
    tcase_add_test(tests, names_a_directory_that_cannot_be_listed);
    tcase_add_test(tests, takes_any_file_name);
    tcase_add_test(tests, counts_files_to_the_limit);
    tcase_add_test(tests, keeps_what_did_not_change);
    tcase_add_test(tests, loads_a_new_generation_beside_the_old);
    tcase_add_test(tests, loads_the_same_code_as_a_new_generation);
    tcase_add_test(tests, refuses_a_loaded_file_that_was_written_over);
    tcase_add_test(tests, takes_a_file_that_was_written_over_before_it_was_loaded);
    tcase_add_test(tests, refuses_a_second_name_of_a_loaded_file);
    tcase_add_test(tests, moves_up_when_the_first_goes);
    tcase_add_test(tests, heals_when_the_cause_is_gone);
    tcase_add_test(tests, looks_again_before_it_loads);
    tcase_add_test(tests, lists_200_plugins_without_opening_them);
    tcase_add_test(tests, survives_failing_allocations);
    tcase_add_test(tests, leaves_no_descriptor_open);
    tcase_add_test(tests, names_states);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
