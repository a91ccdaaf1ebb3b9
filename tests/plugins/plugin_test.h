// SPDX-License-Identifier: MIT
// What the tests of plugin files have in common: a directory, a registry, one look.
#ifndef LLM_TEST_PLUGIN_TEST_H
#define LLM_TEST_PLUGIN_TEST_H

#include <stdio.h>
#include <stdlib.h>

#include "plugin/plugin.h"
#include "temp_dir.h"

// A host that offers nothing.
static inline const void *plugin_test_interface(void *ctx, const char *id) {
    (void)ctx;
    (void)id;
    return NULL;
}
static inline void plugin_test_log(void *ctx, int32_t level, const char *msg, size_t len) {
    (void)ctx;
    (void)level;
    (void)msg;
    (void)len;
}
static inline void *plugin_test_alloc(void *ctx, void *old, size_t size) {
    (void)ctx;
    if (size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, size);
}
static const llm_host plugin_test_host = {
    .size = (uint32_t)sizeof(llm_host),
    .name = "llm-master",
    .version = "0.0.0",
    .get_interface = plugin_test_interface,
    .log = plugin_test_log,
    .alloc = plugin_test_alloc,
};

struct plugin_test {
    struct temp_dir dir;
    struct llm_plugins *plugins;
    struct llm_arena arena;
    struct llm_plugin **list;
    size_t count;
    llm_error err;
};

static inline void plugin_test_begin(struct plugin_test *test) {
    *test = (struct plugin_test){.err = LLM_ERROR_INIT};
    temp_dir_new(&test->dir);
    test->plugins = llm_plugins_new(&plugin_test_host);
}

static inline void plugin_test_end(struct plugin_test *test) {
    llm_plugins_free(test->plugins);
    llm_arena_done(&test->arena);
    temp_dir_free(&test->dir);
}

static inline llm_status plugin_test_scan_dirs(struct plugin_test *test, const char *const *dirs) {
    return llm_plugins_scan(test->plugins, dirs, &test->arena, &test->list, &test->count, &test->err);
}

// Look at the test's own directory.
static inline llm_status plugin_test_scan(struct plugin_test *test) {
    const char *const dirs[] = {test->dir.path, NULL};
    return plugin_test_scan_dirs(test, dirs);
}

// build/tests/plugins/NAME; the text lasts until the fourth call after this one.
static inline const char *plugin_test_built(const char *name) {
    static char paths[4][600];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/tests/plugins/%s", getenv("LLM_TEST_BUILD"), name);
    return path;
}

static inline void plugin_test_install(struct plugin_test *test, const char *built, const char *name) {
    temp_dir_copy(&test->dir, plugin_test_built(built), name);
}

#endif
