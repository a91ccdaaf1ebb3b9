// SPDX-License-Identifier: MIT
// What the master tells: its own events, and the text of the metrics with what other parts know.
#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "call/call.h"
#include "call/recorder.h"
#include "observe/exposition.h"

void llm_master_observe_plugins(struct llm_master *master) {
    if (!llm_master_listens(master, LLM_TELL_PLUGIN_REFUSED)) {
        return;
    }
    struct llm_snapshot *snapshot = llm_master_snapshot(master);
    for (size_t i = 0; i < snapshot->n_plugins; i++) {
        const struct llm_plugin *plugin = snapshot->plugins[i];
        const int state = atomic_load(&plugin->state);
        if (state == LLM_PLUGIN_REFUSED || state == LLM_PLUGIN_FAULTED) {
            struct llm_facts facts;
            llm_facts_init(&facts);
            llm_facts_log_text(&facts, LLM_FIELD_PLUGIN,
                               plugin->id.len > 0 ? plugin->id : llm_str_from(plugin->path));
            llm_facts_log_text(&facts, LLM_FIELD_REASON, llm_str_from(plugin->reason));
            llm_master_tell(master, LLM_TELL_PLUGIN_REFUSED, &facts);
        }
    }
    llm_snapshot_unref(snapshot);
}

void llm_master_observe_reload(struct llm_master *master, const llm_error *error) {
    const enum llm_log_event event = error == NULL ? LLM_TELL_RELOAD : LLM_TELL_RELOAD_FAILED;
    llm_metrics_count(master->metrics, error == NULL ? LLM_COUNT_RELOADS : LLM_COUNT_RELOADS_FAILED, 1);
    if (!llm_master_listens(master, event)) {
        return;
    }
    struct llm_facts facts;
    llm_facts_init(&facts);
    if (error != NULL) {
        llm_facts_log_text(&facts, LLM_FIELD_STATUS, llm_str_from(llm_status_name(error->status)));
        llm_facts_log_text(&facts, LLM_FIELD_REASON, llm_str_from(error->message));
        llm_master_tell(master, event, &facts);
        return;
    }
    struct llm_snapshot *snapshot = llm_master_snapshot(master);
    llm_facts_log_number(&facts, LLM_FIELD_PROVIDERS, (int64_t)snapshot->n_providers);
    llm_facts_log_number(&facts, LLM_FIELD_PLUGINS, (int64_t)snapshot->n_plugins);
    llm_snapshot_unref(snapshot);
    llm_master_tell(master, event, &facts);
    llm_master_observe_plugins(master);
}

// ---- the text ------------------------------------------------------------------------------------------------------

void llm_master_observe_breaker(void *ctx, llm_str provider, enum llm_breaker_state state) {
    static const enum llm_log_event events[] = {[LLM_BREAKER_CLOSED] = LLM_TELL_BREAKER_CLOSED,
                                                [LLM_BREAKER_OPEN] = LLM_TELL_BREAKER_OPEN,
                                                [LLM_BREAKER_HALF_OPEN] = LLM_TELL_BREAKER_HALF_OPEN};
    struct llm_master *master = ctx;
    llm_metrics_count(master->metrics, LLM_COUNT_BREAKER_OPENS, state == LLM_BREAKER_OPEN ? 1 : 0);
    if (!llm_master_listens(master, events[state])) {
        return;
    }
    struct llm_facts facts;
    llm_facts_init(&facts);
    llm_facts_log_text(&facts, LLM_FIELD_PROVIDER, provider);
    llm_master_tell(master, events[state], &facts);
}

void llm_master_observe_ledger(void *ctx, int32_t level, const char *line) {
    struct llm_master *master = ctx;
    if (level < LLM_LOG_WARN) {
        llm_master_log(master, level, "%s", line);
        return;
    }
    if (!llm_master_listens(master, LLM_TELL_LEDGER_FAILURE)) {
        return;
    }
    struct llm_facts facts;
    llm_facts_init(&facts);
    llm_facts_log_text(&facts, LLM_FIELD_REASON, llm_str_from(line));
    llm_master_tell(master, LLM_TELL_LEDGER_FAILURE, &facts);
}

// ---- the text ----------------------------------------------------------------------------------------------------

static const struct family {
    const char *name, *type, *help;
} breaker_state = {"llm_master_breaker_state", "gauge", "Circuit breaker: 0 closed, 1 half open, 2 open."},
  key_resting = {"llm_master_key_resting", "gauge", "1 while a key that was refused rests."},
  cache_hits = {"llm_master_cache_hits_total", "counter", "Calls that were answered from the cache."},
  cache_misses = {"llm_master_cache_misses_total", "counter", "Calls that asked the cache in vain."},
  cache_evictions = {"llm_master_cache_evictions_total", "counter", "Answers that made room for newer ones."},
  cache_entries = {"llm_master_cache_entries", "gauge", "Answers in the cache."},
  cache_bytes = {"llm_master_cache_bytes", "gauge", "Their bytes."},
  shared = {"llm_master_shared_total", "counter", "Calls that got the answer of an identical one under way."},
  limit_waiting = {"llm_master_limit_waiting", "gauge", "Attempts that wait for a limit."},
  limit_reserved = {"llm_master_limit_reserved", "gauge", "Attempts that hold a reservation of limits."},
  ledger_rows = {"llm_master_ledger_rows_total", "counter", "Rows that are safe in the ledger in force."},
  ledger_queue = {"llm_master_ledger_queue", "gauge", "Rows in memory that are not safe yet."},
  ledger_failures = {"llm_master_ledger_failures_total", "counter",
                     "Writes that the ledger in force refused."},
  ledger_failing = {"llm_master_ledger_failing", "gauge", "1 while the ledger cannot be written."};

static void begin(struct llm_exposition *e, const struct family *family) {
    llm_exposition_family(e, family->name, family->type, family->help);
}

static void single(struct llm_exposition *e, const struct family *family, uint64_t value) {
    begin(e, family);
    llm_exposition_sample(e, "", NULL, 0, value);
}

static bool has_breaker(const struct llm_provider *provider) {
    return provider->n_keys > 0 && provider->health != NULL && provider->health[0] != NULL;
}

// Providers that were asked: hundreds are known, few are used.
static bool was_asked(const struct llm_health_view *view) {
    return view->state != LLM_BREAKER_CLOSED || view->consecutive > 0 || view->latency_us > 0 ||
           view->in_flight > 0;
}

static void write_health(struct llm_exposition *e, const struct llm_snapshot *snapshot) {
    static const uint64_t values[] = {
        [LLM_BREAKER_CLOSED] = 0, [LLM_BREAKER_HALF_OPEN] = 1, [LLM_BREAKER_OPEN] = 2};
    const uint64_t now = llm_clock_us();
    struct llm_health_view view;
    begin(e, &breaker_state);
    for (size_t i = 0; i < snapshot->n_providers; i++) {
        const struct llm_provider *provider = &snapshot->providers[i];
        const llm_header label = {LLM_STR("provider"), provider->name};
        if (has_breaker(provider)) {
            llm_health_view(provider->health[0], now, &view);
            if (was_asked(&view)) {
                llm_exposition_sample(e, "", &label, 1, values[view.state]);
            }
        }
    }
    begin(e, &key_resting);
    for (size_t i = 0; i < snapshot->n_providers; i++) {
        const struct llm_provider *provider = &snapshot->providers[i];
        for (size_t k = 0; has_breaker(provider) && k < provider->n_keys; k++) {
            llm_health_view(provider->health[k], now, &view);
            const llm_header labels[] = {{LLM_STR("provider"), provider->name},
                                         {LLM_STR("key"), provider->keys[k].name}};
            if (was_asked(&view) || view.key_rests_ms > 0) {
                llm_exposition_sample(e, "", labels, 2, view.key_rests_ms > 0);
            }
        }
    }
}

static void write_limits(struct llm_exposition *e, struct llm_limits *limits) {
    struct llm_limits_stats stats;
    llm_limits_stats(limits, &stats);
    single(e, &limit_waiting, stats.waiting);
    single(e, &limit_reserved, stats.reserved);
}

static void write_cache(struct llm_exposition *e, struct llm_reuse *reuse) {
    struct llm_cache_stats stats;
    llm_cache_read_stats(reuse->cache, &stats);
    (void)pthread_mutex_lock(&reuse->lock);
    const uint64_t followed = reuse->followed;
    (void)pthread_mutex_unlock(&reuse->lock);
    single(e, &cache_hits, stats.hits);
    single(e, &cache_misses, stats.misses);
    single(e, &cache_evictions, stats.evictions);
    single(e, &cache_entries, stats.entries);
    single(e, &cache_bytes, stats.bytes);
    single(e, &shared, followed);
}

static void write_ledger(struct llm_exposition *e, struct llm_recorder *recorder) {
    struct llm_recorder_use *use = llm_recorder_enter(recorder);
    struct llm_ledger_facts facts = {0};
    if (use != NULL) {
        llm_ledger_look(llm_recorder_ledger(use), &facts);
        llm_recorder_leave(use);
    }
    single(e, &ledger_rows, facts.written);
    single(e, &ledger_queue, facts.waiting);
    single(e, &ledger_failures, facts.failures);
    single(e, &ledger_failing, facts.failing);
}

void llm_master_log_dropped(llm_master *master, uint64_t n) {
    llm_metrics_count(master->metrics, LLM_COUNT_LOG_DROPPED, n);
}

llm_status llm_master_metrics(llm_master *master, char **ret_text, size_t *ret_len, llm_error *err) {
    struct llm_buf text = {.max = LLM_MAX_RESPONSE_BYTES};
    struct llm_exposition e = {.text = &text};
    struct llm_snapshot *snapshot = llm_master_snapshot(master);
    e.status = llm_metrics_write(master->metrics, &text);
    write_health(&e, snapshot);
    write_limits(&e, master->limits);
    write_cache(&e, master->reuse);
    write_ledger(&e, master->recorder);
    llm_snapshot_unref(snapshot);
    const llm_status status = e.status;
    const size_t len = text.len;
    char *taken = status == LLM_OK ? llm_buf_take(&text) : NULL;
    if (taken == NULL) {
        llm_buf_done(&text);
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    *ret_text = taken;
    if (ret_len != NULL) {
        *ret_len = len;
    }
    return LLM_OK;
}
