// SPDX-License-Identifier: MIT
// What is found, what is wrong, and what to do about it.
#include "catalog/report.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/keys.h"

#define LINE_BYTES_MAX 2048u

// One row.  text: printf-like.
static void row(llm_json_writer *w, const char *level, llm_str subject, const char *remedy,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
static void row(llm_json_writer *w, const char *level, llm_str subject, const char *remedy,
                const char *format, ...) {
    char text[LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    llm_json_object(w);
    llm_report_text(w, "level", llm_str_from(level));
    llm_report_text(w, "subject", subject);
    llm_report_text(w, "text", llm_str_from(text));
    llm_report_text(w, "remedy", llm_str_from(remedy));
    llm_json_object_end(w);
}

// A row about one name in a group of the settings.
static void row_named(llm_json_writer *w, const char *group, llm_str name, const char *text) {
    char subject[LINE_BYTES_MAX];
    (void)snprintf(subject, sizeof subject, "%s.%.*s", group, LLM_FMT(name));
    row(w, "warning", llm_str_from(subject), "see \"providers\" for the names", "%s", text);
}

static void check_config_file(const struct llm_settings *settings, llm_json_writer *w) {
    struct stat info;
    bool holds_key = false;
    if (settings->config_file.ptr == NULL) {
        row(w, "info", LLM_STR("config.json"), NULL,
            "none is read: the program wants none, or HOME is not set to an absolute path");
        return;
    }
    if (stat(settings->config_file.ptr, &info) != 0) {
        row(w, "info", settings->config_file, NULL, "there is no such file; the defaults are in force");
        return;
    }
    for (size_t i = 0; i < settings->n_keys; i++) {
        holds_key = holds_key || (llm_secret_has(&settings->keys[i].value) &&
                                  llm_str_eq(settings->keys[i].origin, settings->config_file));
    }
    if (holds_key && (info.st_mode & (S_IRGRP | S_IROTH)) != 0) {
        row(w, "warning", settings->config_file, "chmod 600 it",
            "it holds a key and other users can read it");
    } else {
        row(w, "ok", settings->config_file, NULL, "read");
    }
}

static void check_settings(const struct llm_snapshot *s, llm_json_writer *w) {
    const struct llm_settings *settings = &s->settings;
    for (size_t i = 0; i < settings->n_keys; i++) {
        const struct llm_key_setting *key = &settings->keys[i];
        if (key->number == 1 && !llm_report_knows(s, key->provider)) {
            row_named(w, "keys", key->provider, "the settings hold a key for a provider that does not exist");
        }
        if (key->file.ptr != NULL && llm_key_file_is_open(key->file.ptr)) {
            row(w, "warning", key->file, "chmod 600 it",
                "other users can read this file with the key of %.*s", LLM_FMT(key->provider));
        }
    }
    for (size_t i = 0; i < settings->n_base_urls; i++) {
        if (!llm_report_knows(s, settings->base_urls[i].name)) {
            row_named(w, "base_urls", settings->base_urls[i].name,
                      "the settings hold a base URL for a provider that does not exist");
        }
    }
}

// Could rows be written?  Nothing is opened or made for this.
static void check_ledger_path(const struct llm_ledger_settings *ledger, llm_json_writer *w) {
    char folder[4096];
    const llm_str path = ledger->path;
    const char *slash = strrchr(path.ptr, '/');
    const bool is_file = strstr(path.ptr, "://") == NULL && slash != NULL;
    (void)snprintf(folder, sizeof folder, "%.*s", is_file ? (int)(slash - path.ptr) + 1 : 0, path.ptr);
    if (is_file && access(folder, W_OK | X_OK) != 0 && !(ledger->built_in_path && errno == ENOENT)) {
        row(w, "error", path, "make the directory, or name another in ledger.path",
            "no call is recorded: its directory: %s", strerror(errno));
    } else if (is_file && access(path.ptr, W_OK) != 0 && errno != ENOENT) {
        row(w, "error", path, "see who owns it, or name another in ledger.path", "no call is recorded: %s",
            strerror(errno));
    } else {
        row(w, "ok", path, NULL, "each call gets a row there");
    }
}

static void check_store(const struct llm_snapshot *s, llm_json_writer *w) {
    const llm_str store = s->settings.ledger.store;
    if (!s->settings.ledger.on) {
        return;
    }
    for (size_t i = 0; i < s->n_plugins; i++) {
        if (s->plugins[i]->store.ptr != NULL && llm_str_eq(s->plugins[i]->store, store)) {
            check_ledger_path(&s->settings.ledger, w);
            return;
        }
    }
    row(w, "error", LLM_STR("ledger.store"), "llm-master plugins list names those that are there",
        "no plugin is the store \"%.*s\"", LLM_FMT(store));
}

static size_t count_plugin_files(const char *path, bool *ret_exists) {
    DIR *dir = opendir(path);
    size_t count = 0;
    const struct dirent *entry;
    *ret_exists = dir != NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        const llm_str name = llm_str_from(entry->d_name);
        count += name.len > 3 && llm_str_is(llm_str_cut(name, name.len - 3), ".so") ? 1 : 0;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count;
}

static void check_plugin_dirs(const struct llm_snapshot *s, llm_json_writer *w) {
    for (size_t i = 0; s->settings.plugin_dirs[i] != NULL; i++) {
        const char *dir = s->settings.plugin_dirs[i];
        bool exists = false;
        const size_t count = count_plugin_files(dir, &exists);
        if (!exists) {
            row(w, "info", llm_str_from(dir), NULL, "this plugin directory does not exist");
        } else if (count == 0) {
            row(w, "info", llm_str_from(dir), NULL, "this plugin directory is empty");
        } else {
            row(w, "ok", llm_str_from(dir), NULL, "%zu plugin file%s", count, count == 1 ? "" : "s");
        }
    }
}

static void check_plugins(const struct llm_snapshot *s, llm_json_writer *w) {
    size_t usable = 0;
    for (size_t i = 0; i < s->n_plugins; i++) {
        const struct llm_plugin *plugin = s->plugins[i];
        const int state = atomic_load(&plugin->state);
        const char *reason = plugin->reason != NULL ? plugin->reason : "";
        if (state == LLM_PLUGIN_FOUND || state == LLM_PLUGIN_LOADED) {
            usable++;
        } else if (state == LLM_PLUGIN_SHADOWED) {
            row(w, "info", llm_str_from(plugin->path), "remove one of the two", "not used: %s", reason);
        } else {
            row(w, "error", llm_str_from(plugin->path), "put it right, or remove the file", "%s: %s",
                llm_plugin_state_name(state), reason);
        }
    }
    if (usable == 0) {
        row(w, "error", LLM_STR("plugins"),
            "install the plugins, or name their directory with --plugin-dir or LLM_MASTER_PLUGIN_PATH",
            "no plugin that can be used was found");
    }
}

static void check_refused(const struct llm_snapshot *s, llm_json_writer *w) {
    for (size_t i = 0; i < s->n_refused; i++) {
        const llm_str name = s->refused[i].name;
        llm_str reason = s->refused[i].value;
        if (llm_str_starts(reason, name) && reason.len > name.len + 1) { // "FILE:LINE:COLUMN: ..."
            reason = llm_str_cut(reason, name.len + 1);
        }
        row(w, "error", name, "correct the file, or remove it", "left out: %.*s", LLM_FMT(reason));
    }
}

static void check_providers(const struct llm_snapshot *s, llm_json_writer *w) {
    size_t keys = 0, ready = 0;
    for (size_t i = 0; i < s->n_providers; i++) {
        const struct llm_provider *p = &s->providers[i];
        keys += p->key_origin.ptr != NULL ? 1 : 0;
        ready += strcmp(llm_provider_state(p), "ready") == 0 ? 1 : 0;
        if (p->problem.ptr != NULL) {
            // Not set up is no fault: most people use a few of the providers only.
            const bool is_unset = llm_str_starts(p->problem, LLM_STR("set "));
            row(w, is_unset ? "info" : "warning", p->name, NULL, "cannot be used: %.*s", LLM_FMT(p->problem));
        }
        if (p->notice.ptr != NULL) {
            row(w, "warning", p->name, NULL, "%.*s", LLM_FMT(p->notice));
        }
    }
    if (s->n_providers == 0) {
        row(w, "error", LLM_STR("providers"), "install the provider files, or put one into providers.d",
            "no provider is known");
    } else if (keys == 0) {
        row(w, "warning", LLM_STR("keys"), "set a variable such as those that \"keys\" lists",
            "no provider has a key");
    } else {
        row(w, "ok", LLM_STR("keys"), NULL, "%zu of %zu providers have a key, %zu are ready", keys,
            s->n_providers, ready);
    }
}

static void check_catalogue(struct llm_snapshot *s, llm_json_writer *w) {
    llm_error err = LLM_ERROR_INIT;
    const struct llm_catalogue *catalogue = llm_shelf_catalogue(s);
    if (s->shelf.problem.ptr != NULL) {
        row(w, "error", LLM_STR("catalogue"), "remove the file, or bring a whole one with \"models update\"",
            "%.*s", LLM_FMT(s->shelf.problem));
    }
    if (catalogue == NULL) {
        return;
    }
    if (llm_catalogue_check(catalogue, s->shelf.path, &err) != LLM_OK) {
        row(w, "error", LLM_STR("catalogue"), "remove the file, or bring a whole one with \"models update\"",
            "%s", err.message);
        return;
    }
    row(w, "ok", LLM_STR("catalogue"), NULL, "%zu models, as of %.*s (%s)", catalogue->entries,
        LLM_FMT(catalogue->as_of), s->shelf.path);
}

static void check_default(struct llm_snapshot *s, llm_json_writer *w) {
    llm_error err = LLM_ERROR_INIT;
    struct llm_route route;
    const llm_str name = s->settings.default_model;
    if (name.ptr == NULL) {
        return;
    }
    const llm_status status = llm_snapshot_route(s, name, LLM_STR("chat"), NULL, &route, &err);
    if (status != LLM_OK || llm_provider_need_key(route.provider, &err) != LLM_OK) {
        row(w, "error", LLM_STR("default_model"), "set another one", "%s", err.message);
        return;
    }
    row(w, "ok", LLM_STR("default_model"), NULL, "%.*s goes to %.*s", LLM_FMT(name),
        LLM_FMT(route.provider->name));
}

void llm_report_doctor(struct llm_snapshot *snapshot, llm_json_writer *w) {
    check_config_file(&snapshot->settings, w);
    check_settings(snapshot, w);
    check_store(snapshot, w);
    check_plugin_dirs(snapshot, w);
    check_plugins(snapshot, w);
    check_refused(snapshot, w);
    check_providers(snapshot, w);
    check_catalogue(snapshot, w);
    check_default(snapshot, w);
}
