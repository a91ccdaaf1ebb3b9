// SPDX-License-Identifier: MIT
#include "world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "llm_json.h"

static void add_plugin(struct world *w, const char *built, const char *name) {
    char from[1000];
    const char *build = getenv("LLM_TEST_BUILD");
    ck_assert_msg(build != NULL, "LLM_TEST_BUILD is not set");
    snprintf(from, sizeof from, "%s/tests/%s", build, built);
    struct temp_dir plugins;
    snprintf(plugins.path, sizeof plugins.path, "%s", temp_dir_file(&w->dir, "plugins"));
    temp_dir_copy(&plugins, from, name);
}

void world_new(struct world *w) {
    static const char *const names[] = {
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "TAKEN_API_KEY",
        "KEPT_API_KEY",
        "A_KEY",
        "B_KEY",
        "C_KEY",
        "A_VARIABLE",
        "LLM_MASTER_MODEL",
        "LLM_MASTER_CONFIG",
        "LLM_MASTER_PLUGIN_PATH",
        "LLM_MASTER_PLUGIN_PATH_ADD",
    };
    static const llm_host host = {.size = sizeof host, .name = "test", .version = "0"};
    *w = (struct world){.err = LLM_ERROR_INIT};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsetenv(names[i]);
    }
    temp_dir_new(&w->dir);
    static const char *const dirs[] = {
        "plugins",         "plugins/providers.d",         "plugins/models.d",        "user",
        "user/llm-master", "user/llm-master/providers.d", "user/llm-master/models.d"};
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        temp_dir_make(&w->dir, dirs[i], 0755);
    }
    setenv("HOME", w->dir.path, 1);
    setenv("XDG_CONFIG_HOME", temp_dir_file(&w->dir, "user"), 1);
    add_plugin(w, "plugins/echo.so", "openai_compat.so");
    w->registry = llm_plugins_new(&host);
    w->health = llm_health_new(1);
    ck_assert(w->registry != NULL && w->health != NULL);
}

void world_free(struct world *w) {
    llm_snapshot_unref(w->snapshot);
    llm_plugins_free(w->registry);
    llm_health_free(w->health);
    temp_dir_free(&w->dir);
}

void world_file(struct world *w, const char *name, const char *text) {
    temp_dir_write(&w->dir, name, text, strlen(text), 0644);
}

void world_keeper(struct world *w) {
    add_plugin(w, "catalog/keeper.so", "keeper.so");
}

llm_status world_build(struct world *w, const char *settings) {
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    const char *dirs[] = {temp_dir_file(&w->dir, "plugins"), NULL};
    struct llm_settings s;
    options.flags = LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.settings = settings;
    const llm_status status = llm_settings_read(&options, &s, &w->err);
    if (status != LLM_OK) {
        return status;
    }
    struct llm_snapshot *next = NULL;
    const llm_status built = llm_snapshot_new(&s, w->registry, w->health, &next, &w->err);
    if (built == LLM_OK) {
        llm_snapshot_unref(w->snapshot);
        w->snapshot = next;
    }
    return built;
}

void world_must(struct world *w, const char *settings) {
    const llm_status status = world_build(w, settings);
    ck_assert_msg(status == LLM_OK, "%s", w->err.message);
}

struct llm_provider *world_provider(struct world *w, const char *name) {
    for (size_t i = 0; i < w->snapshot->n_providers; i++) {
        if (llm_str_is(w->snapshot->providers[i].name, name)) {
            return &w->snapshot->providers[i];
        }
    }
    return NULL;
}

const char *world_refused(struct world *w, const char *name) {
    const llm_str end = llm_str_from(name);
    for (size_t i = 0; i < w->snapshot->n_refused; i++) {
        const llm_str file = w->snapshot->refused[i].name;
        if (file.len >= end.len && llm_str_eq(llm_str_cut(file, file.len - end.len), end)) {
            return w->snapshot->refused[i].value.ptr;
        }
    }
    return NULL;
}

const char *world_route(struct world *w, const char *model, const char *operation, const char *provider) {
    static char text[1000];
    struct llm_route route;
    llm_error err = LLM_ERROR_INIT;
    const llm_status status =
        llm_snapshot_route(w->snapshot, llm_str_from(model),
                           llm_str_from(operation != NULL ? operation : "chat"), provider, &route, &err);
    if (status != LLM_OK) {
        snprintf(text, sizeof text, "%s: %s", llm_status_name(status), err.message);
    } else {
        snprintf(text, sizeof text, "%.*s/%.*s%s", LLM_FMT(route.provider->name),
                 LLM_FMT(route.provider_model),
                 route.model == NULL        ? ""
                 : route.model->price.known ? " priced"
                                            : " listed");
    }
    return text;
}

char *world_describe(struct world *w, const char *what, const char *filter) {
    char *json = NULL;
    size_t len = 0;
    ck_assert_int_eq(llm_snapshot_describe(w->snapshot, what, filter, &json, &len, &w->err), LLM_OK);
    ck_assert_uint_eq(len, strlen(json));
    ck_assert(llm_json_check((llm_str){json, len}, 64, NULL));
    return json;
}

int64_t world_price(const struct llm_model *model, enum llm_price_class class) {
    const llm_yocto price = llm_rates_get(&model->price.base, class);
    return price < 0 ? -1 : (int64_t)(price / INT64_C(1000000000000));
}
