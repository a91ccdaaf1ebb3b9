// SPDX-License-Identifier: MIT
#include "open_store.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "plugin/plugin.h"

static const llm_host host = {.size = sizeof host, .name = "test", .version = "0"};

static void die(const char *file, const char *why) {
    printf("Bail out! %s: %s\n", file, why);
    exit(99);
}

const llm_store_descriptor *store_load(const char *file) {
    static char path[PATH_MAX], given[PATH_MAX + 64], dir[PATH_MAX];
    static struct llm_arena arena;
    static struct llm_plugins *plugins; // never freed: its code is in use
    struct llm_plugin **list = NULL;
    size_t count = 0;
    llm_error err = LLM_ERROR_INIT;
    const char *build = getenv("LLM_TEST_BUILD");
    (void)snprintf(given, sizeof given, "%s/plugins/store_sqlite.so", build != NULL ? build : ".");
    if (realpath(file != NULL ? file : given, path) == NULL) {
        die(file != NULL ? file : given, "no such file");
    }
    (void)snprintf(dir, sizeof dir, "%s", path);
    *strrchr(dir, '/') = '\0';
    const char *const dirs[] = {dir, NULL};
    plugins = llm_plugins_new(&host);
    if (plugins == NULL || llm_plugins_scan(plugins, dirs, &arena, &list, &count, &err) != LLM_OK) {
        die(path, err.message);
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i]->path, path) != 0) {
            continue;
        }
        if (llm_plugin_load_store(plugins, list[i], &err) != LLM_OK) {
            die(path, err.message);
        }
        return list[i]->store_descriptor;
    }
    die(path, "is not found in its own directory");
    return NULL;
}

#define TEXT(s) ((llm_str){s, sizeof(s) - 1})

llm_store_row store_row(uint32_t n) {
    static const llm_str providers[] = {{"acme", 4}, {"brook", 5}, {"cedar", 5}};
    const int64_t time_us = INT64_C(1767225600000000) + (int64_t)n * 1000000 + 123;
    const struct llm_id id = llm_id_make(time_us, n, 7);
    llm_store_row row = {
        .size = sizeof row,
        .flags = n % 5 == 0 ? LLM_ROW_CACHED : 0,
        .time_us = time_us,
        .duration_us = n,
        .first_token_us = n % 2 == 0 ? (int64_t)n : -1,
        .cost_pico_usd = n % 4 == 3 ? -1 : (int64_t)n * 1000000000000 + n,
        .http_status = 200,
        .attempts = 1 + n % 3,
        .operation = TEXT("chat"),
        .provider = providers[n % 3],
        .model = TEXT("m\xc3\xb6"
                      "del"),
        .provider_model = TEXT("model-2026"),
        .key = n % 2 == 0 ? TEXT("main") : (llm_str){NULL, 0},
        .tag = n % 7 == 0 ? TEXT("team, \"a\"\n") : (llm_str){NULL, 0},
        .status = n % 6 == 5 ? TEXT("rate_limited") : TEXT("ok"),
        .cost_source = n % 4 == 3 ? (llm_str){NULL, 0} : TEXT("catalogue"),
        .request_id = TEXT("req_1"),
        .attempts_json = n % 3 == 0 ? (llm_str){NULL, 0} : TEXT("[{\"provider\":\"acme\"}]"),
    };
    memcpy(row.id, id.bytes, sizeof row.id);
    for (size_t i = 0; i < LLM_USAGE_NUMBERS; i++) {
        row.usage[i] = i == LLM_USAGE_IMAGES ? -1 : (int64_t)(n * (i + 1));
    }
    return row;
}
