// SPDX-License-Identifier: MIT
// The master: one snapshot at a time, plugins that are never unloaded, a store of idle loops.
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "call/call.h"
#include "call/recorder.h"
#include "call/watch.h"
#include "catalog/update.h"

// ---- what plugins get ----------------------------------------------------------------------------------------------

static const void *LLM_CALL host_interface(void *ctx, const char *id) {
    (void)ctx;
    (void)id;
    return NULL;
}

static void LLM_CALL host_log(void *ctx, int32_t level, const char *msg, size_t len) {
    struct llm_master *master = ctx;
    if (!llm_master_logs(master, level)) {
        return;
    }
    atomic_fetch_add(&master->in_log, 1);
    if (!atomic_load(&master->closed)) {
        llm_master_log(master, level, "plugin: %.*s", LLM_FMT(((llm_str){msg, len})));
    }
    atomic_fetch_sub(&master->in_log, 1);
}

static void *LLM_CALL host_alloc(void *ctx, void *old, size_t size) {
    (void)ctx;
    if (size == 0) {
        llm_mem_free(old);
        return NULL;
    }
    return llm_mem_resize(old, size);
}

// ---- log -----------------------------------------------------------------------------------------------------------

void llm_master_log(struct llm_master *master, int32_t level, const char *format, ...) {
    char line[LLM_MAX_LOG_LINE_BYTES];
    va_list args;
    if (!llm_master_logs(master, level)) {
        return;
    }
    va_start(args, format);
    const int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    const size_t n = len < 0 ? 0 : (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
    char clean[sizeof line];
    llm_error_text(clean, sizeof clean, (llm_str){line, n});
    master->options.log(master->options.log_ctx, level, clean, strlen(clean));
}

bool llm_master_listens(const struct llm_master *master, enum llm_log_event event) {
    const llm_master_options *options = &master->options;
    return (options->log != NULL || options->log_record != NULL) &&
           llm_log_events[event].level >= options->log_level;
}

void llm_master_tell(struct llm_master *master, enum llm_log_event event, const struct llm_facts *facts) {
    const llm_master_options *options = &master->options;
    const struct llm_log_event_name *row = &llm_log_events[event];
    if (!llm_master_listens(master, event)) {
        return;
    }
    if (facts->cut) {
        llm_metrics_count(master->metrics, LLM_COUNT_LOG_DROPPED, 1);
    }
    if (options->log_record != NULL) {
        const llm_log_record record = {.size = (uint32_t)sizeof record,
                                       .level = row->level,
                                       .time_us = llm_clock_wall_us(),
                                       .event = row->name,
                                       .fields = facts->fields,
                                       .n_fields = facts->n};
        options->log_record(options->log_ctx, &record);
    }
    if (options->log != NULL) {
        char line[LLM_MAX_LOG_LINE_BYTES];
        const size_t n = llm_facts_line(facts, row->name, line, sizeof line);
        options->log(options->log_ctx, row->level, line, n);
    }
}

// ---- life ----------------------------------------------------------------------------------------------------------

static llm_status build(struct llm_master *master, struct llm_snapshot **ret, llm_error *err) {
    struct llm_settings settings;
    const llm_status status = llm_settings_read(&master->options, &settings, err);
    return status == LLM_OK ? llm_snapshot_new(&settings, master->plugins, master->health, ret, err) : status;
}

// What cannot fail, once the snapshot is in force.
static void follow(struct llm_master *master, const struct llm_settings *settings) {
    llm_health_configure(master->health, &settings->breaker, &settings->retry_budget);
    llm_cache_configure(master->reuse->cache, &settings->cache);
}

// The host's strings may go once llm_master_new() has returned.
static llm_status copy_options(struct llm_master *master, const llm_master_options *options) {
    master->options = (llm_master_options)LLM_MASTER_OPTIONS_INIT;
    if (options == NULL) {
        return LLM_OK;
    }
    memcpy(&master->options, options, options->size < sizeof *options ? options->size : sizeof *options);
    master->options.size = (uint32_t)sizeof *options;
    struct llm_arena *arena = &master->options_arena;
    const char **texts[] = {&master->options.config_file, &master->options.settings};
    for (size_t i = 0; i < 2; i++) {
        if (*texts[i] != NULL) {
            *texts[i] = llm_arena_dup(arena, llm_str_from(*texts[i])).ptr;
            if (*texts[i] == NULL) {
                return LLM_E_NOMEM;
            }
        }
    }
    if (master->options.plugin_dirs == NULL) {
        return LLM_OK;
    }
    size_t n = 0;
    while (master->options.plugin_dirs[n] != NULL) {
        n++;
    }
    const char **dirs = llm_arena_new(arena, (n + 1) * sizeof *dirs);
    for (size_t i = 0; dirs != NULL && i < n; i++) {
        dirs[i] = llm_arena_dup(arena, llm_str_from(master->options.plugin_dirs[i])).ptr;
        if (dirs[i] == NULL) {
            return LLM_E_NOMEM;
        }
    }
    master->options.plugin_dirs = dirs;
    return dirs != NULL ? LLM_OK : LLM_E_NOMEM;
}

llm_status llm_master_new(const llm_master_options *options, llm_master **ret, llm_error *err) {
    llm_error own = LLM_ERROR_INIT;
    if (options != NULL && options->size < LLM_END(llm_master_options, log_ctx)) {
        return llm_fail(err, LLM_E_INVALID_REQUEST,
                        "llm_master_options.size is not set: begin it with LLM_MASTER_OPTIONS_INIT");
    }
    struct llm_master *master = llm_mem_new(sizeof *master);
    if (master == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    (void)pthread_mutex_init(&master->lock, NULL);
    (void)pthread_mutex_init(&master->reload, NULL);
    atomic_init(&master->next_id, 1);
    atomic_init(&master->refs, 1);
    master->id_seed = llm_id_seed();
    master->host = (llm_host){.size = (uint32_t)sizeof master->host,
                              .abi_minor = LLM_ABI_MINOR,
                              .ctx = master,
                              .name = "llm-master",
                              .version = LLM_MASTER_VERSION,
                              .get_interface = host_interface,
                              .log = host_log,
                              .alloc = host_alloc};
    llm_status status = copy_options(master, options);
    master->health = llm_health_new(llm_clock_us());
    master->responses = llm_response_pool_new();
    master->metrics = llm_metrics_new();
    if (master->health != NULL) {
        llm_health_on_change(master->health, llm_master_observe_breaker, master);
    }
    master->reuse = llm_reuse_new();
    master->plugins = llm_plugins_new(&master->host);
    master->limits = llm_limits_new(NULL, NULL);
    master->recorder = llm_recorder_new(master);
    if (status == LLM_OK) {
        status = master->health != NULL && master->responses != NULL && master->reuse != NULL &&
                         master->plugins != NULL && master->metrics != NULL && master->recorder != NULL &&
                         master->limits != NULL
                     ? build(master, &master->snapshot, &own)
                     : LLM_E_NOMEM;
    }
    if (status == LLM_OK) {
        status = llm_recorder_configure(master->recorder, master->snapshot, &own);
    }
    status = status == LLM_OK ? llm_master_limits(master, master->snapshot) : status;
    if (status != LLM_OK) {
        llm_master_free(master);
        if (own.status == LLM_OK) {
            (void)llm_fail(&own, status, "%s",
                           status == LLM_E_NOMEM ? "out of memory" : llm_status_name(status));
        }
        llm_error_copy(err, &own);
        return status;
    }
    llm_master_observe_plugins(master);
    follow(master, &master->snapshot->settings);
    *ret = master;
    return LLM_OK;
}

static void free_idle_loops(struct llm_master *master) {
    (void)pthread_mutex_lock(&master->lock);
    struct llm_loop *loop = master->idle_loops;
    master->idle_loops = NULL;
    master->n_idle_loops = 0;
    (void)pthread_mutex_unlock(&master->lock);
    while (loop != NULL) {
        struct llm_loop *next = loop->next;
        llm_loop_free(loop);
        loop = next;
    }
}

void llm_master_free(llm_master *master) {
    if (master == NULL) {
        return;
    }
    llm_master_unwatch(master);
    free_idle_loops(master);
    llm_recorder_free(master->recorder);
    if (master->snapshot != NULL) {
        llm_snapshot_unref(master->snapshot);
    }
    atomic_store(&master->closed, true);
    while (atomic_load(&master->in_log) > 0) { // as long as the host's own function takes
        (void)sched_yield();
    }
    llm_master_unref(master);
}

void llm_master_unref(struct llm_master *master) {
    if (atomic_fetch_sub(&master->refs, 1) != 1) {
        return;
    }
    llm_plugins_free(master->plugins);
    llm_limits_free(master->limits);
    llm_response_pool_unref(master->responses);
    llm_reuse_free(master->reuse);
    llm_health_free(master->health);
    llm_metrics_free(master->metrics);
    llm_arena_done(&master->options_arena);
    (void)pthread_mutex_destroy(&master->lock);
    (void)pthread_mutex_destroy(&master->reload);
    llm_mem_free(master);
}

struct llm_snapshot *llm_master_snapshot(struct llm_master *master) {
    (void)pthread_mutex_lock(&master->lock);
    struct llm_snapshot *snapshot = llm_snapshot_ref(master->snapshot);
    (void)pthread_mutex_unlock(&master->lock);
    return snapshot;
}

llm_status llm_master_reload(llm_master *master, llm_error *err) {
    return llm_master_read_again(master, NULL, err);
}

llm_status llm_master_read_again(struct llm_master *master, const char *said, llm_error *err) {
    struct llm_snapshot *fresh;
    llm_error own = LLM_ERROR_INIT;
    (void)pthread_mutex_lock(&master->reload);
    llm_status status = build(master, &fresh, &own);
    if (status == LLM_OK) {
        status = llm_snapshot_may_follow(master->snapshot, fresh, &own);
        status = status == LLM_OK ? llm_recorder_configure(master->recorder, fresh, &own) : status;
        if (status == LLM_OK && llm_master_limits(master, fresh) != LLM_OK) {
            status = llm_fail(&own, LLM_E_NOMEM, "out of memory");
        }
        if (status != LLM_OK) {
            llm_snapshot_unref(fresh);
        }
    }
    if (status == LLM_OK) {
        llm_snapshot_inherit(fresh, master->snapshot, said != NULL);
        (void)pthread_mutex_lock(&master->lock);
        struct llm_snapshot *old = master->snapshot;
        const bool same = llm_str_eq(old->settings.ca_file, fresh->settings.ca_file) &&
                          llm_str_eq(old->settings.proxy, fresh->settings.proxy);
        master->snapshot = fresh;
        master->net_rules += same ? 0 : 1;
        (void)pthread_mutex_unlock(&master->lock);
        follow(master, &fresh->settings);
        if (!same) { // they hold connections that were made by other rules
            free_idle_loops(master);
        }
        llm_snapshot_unref(old);
    } else {
        llm_error_copy(err, &own);
    }
    if (status == LLM_OK || said == NULL || strcmp(said, own.message) != 0) {
        llm_master_observe_reload(master, status == LLM_OK ? NULL : &own);
    }
    (void)pthread_mutex_unlock(&master->reload);
    return status;
}

llm_status llm_master_watch(llm_master *master, llm_error *err) {
    struct llm_watch *watch = NULL;
    (void)pthread_mutex_lock(&master->lock);
    const bool has_one = master->watch != NULL;
    (void)pthread_mutex_unlock(&master->lock);
    if (has_one) {
        return LLM_OK;
    }
    const llm_status status = llm_watch_new(master, &watch, err);
    if (status != LLM_OK) {
        return status;
    }
    (void)pthread_mutex_lock(&master->lock);
    struct llm_watch *const other = master->watch;
    master->watch = other == NULL ? watch : other;
    (void)pthread_mutex_unlock(&master->lock);
    if (other != NULL) {
        llm_watch_free(watch);
    }
    return LLM_OK;
}

void llm_master_unwatch(llm_master *master) {
    (void)pthread_mutex_lock(&master->lock);
    struct llm_watch *watch = master->watch;
    master->watch = NULL;
    (void)pthread_mutex_unlock(&master->lock);
    llm_watch_free(watch);
}

llm_status llm_master_describe(llm_master *master, const char *what, const char *filter, char **ret_json,
                               size_t *ret_len, llm_error *err) {
    struct llm_snapshot *snapshot = llm_master_snapshot(master);
    size_t len = 0;
    const bool of_cache = what != NULL && strcmp(what, "cache") == 0;
    const bool of_limits = what != NULL && strcmp(what, "limits") == 0;
    const llm_status status =
        of_cache    ? llm_reuse_describe(master->reuse, &snapshot->settings.cache, ret_json, &len)
        : of_limits ? llm_master_describe_limits(master, snapshot, ret_json, &len, err)
                    : llm_snapshot_describe(snapshot, what, filter, ret_json, &len, err);
    llm_snapshot_unref(snapshot);
    if (status == LLM_OK && ret_len != NULL) {
        *ret_len = len;
    }
    return status;
}

size_t llm_redact(llm_master *master, const llm_str *words, size_t n_words, char *text, size_t len) {
    struct llm_snapshot *snapshot = llm_master_snapshot(master);
    const size_t changed = llm_snapshot_redact(snapshot, words, n_words, text, len);
    llm_snapshot_unref(snapshot);
    return changed;
}

llm_status llm_models_update(llm_master *master, const llm_models_update_args *args, char **ret_json,
                             size_t *ret_len, llm_error *err) {
    llm_models_update_args own = {.size = (uint32_t)sizeof own};
    memcpy(&own, args, args->size < sizeof own ? args->size : sizeof own);
    struct llm_snapshot *snapshot = llm_master_snapshot(master);
    const llm_status status = llm_catalogue_update(snapshot, &own, ret_json, ret_len, err);
    llm_snapshot_unref(snapshot);
    return status;
}
