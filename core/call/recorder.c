// SPDX-License-Identifier: MIT
#include "call/recorder.h"

#include "base/error.h"
#include "base/mem.h"
#include "call/call.h"

#define FREE_MS 5000u // how long the end of a ledger may take

struct llm_recorder_use {
    struct llm_recorder_use *next;
    struct llm_ledger *ledger;
    _Atomic uint32_t users;
};

struct llm_recorder {
    struct llm_master *master;
    pthread_mutex_t lock;                       // guards `all`, and `current` against its end
    _Atomic(struct llm_recorder_use *) current; // NULL: off
    struct llm_recorder_use *all;
};

struct llm_recorder *llm_recorder_new(struct llm_master *master) {
    struct llm_recorder *recorder = llm_mem_new(sizeof *recorder);
    if (recorder != NULL) {
        recorder->master = master;
        (void)pthread_mutex_init(&recorder->lock, NULL);
    }
    return recorder;
}

void llm_recorder_free(struct llm_recorder *recorder) {
    if (recorder == NULL) {
        return;
    }
    while (recorder->all != NULL) {
        struct llm_recorder_use *use = recorder->all;
        recorder->all = use->next;
        const uint64_t lost = llm_ledger_free(use->ledger, FREE_MS);
        llm_metrics_count(recorder->master->metrics, LLM_COUNT_LEDGER_LOST, lost);
        llm_mem_free(use);
    }
    (void)pthread_mutex_destroy(&recorder->lock);
    llm_mem_free(recorder);
}

// ---- the store ---------------------------------------------------------------------------------------------------------

static struct llm_plugin *find_store(const struct llm_snapshot *snapshot, llm_str name) {
    for (size_t i = 0; i < snapshot->n_plugins; i++) {
        struct llm_plugin *plugin = snapshot->plugins[i];
        const int state = plugin->state;
        if ((state == LLM_PLUGIN_FOUND || state == LLM_PLUGIN_LOADED || state == LLM_PLUGIN_FAULTED) &&
            plugin->store.ptr != NULL && llm_str_eq(plugin->store, name)) {
            return plugin;
        }
    }
    return NULL;
}

llm_status llm_recorder_store(struct llm_plugins *plugins, const struct llm_snapshot *snapshot,
                              const llm_store_descriptor **ret, llm_error *err) {
    const llm_str name = snapshot->settings.ledger.store;
    struct llm_plugin *plugin = find_store(snapshot, name);
    if (plugin == NULL) {
        return llm_fail(
            err, LLM_E_CONFIG,
            "ledger.store: no plugin is the store \"%.*s\"; llm-master plugins lists what there is",
            LLM_FMT(name));
    }
    llm_error inner = LLM_ERROR_INIT;
    const llm_status status = llm_plugin_load_store(plugins, plugin, &inner);
    if (status == LLM_OK) {
        *ret = plugin->store_descriptor;
        return LLM_OK;
    }
    return llm_fail(err, status == LLM_E_NOMEM ? status : LLM_E_CONFIG, "ledger: %s", inner.message);
}

// ---- which ledger ------------------------------------------------------------------------------------------------------

// Ledgers that are out of force and that nobody uses any more.
static void reap(struct llm_recorder *recorder) {
    struct llm_recorder_use **at = &recorder->all;
    (void)pthread_mutex_lock(&recorder->lock);
    while (*at != NULL) {
        struct llm_recorder_use *use = *at;
        if (use == atomic_load(&recorder->current) || atomic_load(&use->users) > 0) {
            at = &use->next;
            continue;
        }
        *at = use->next;
        (void)pthread_mutex_unlock(&recorder->lock);
        const uint64_t lost = llm_ledger_free(use->ledger, FREE_MS);
        llm_metrics_count(recorder->master->metrics, LLM_COUNT_LEDGER_LOST, lost);
        llm_mem_free(use);
        (void)pthread_mutex_lock(&recorder->lock);
        at = &recorder->all;
    }
    (void)pthread_mutex_unlock(&recorder->lock);
}

static llm_status open_ledger(struct llm_recorder *recorder, const struct llm_snapshot *snapshot,
                              llm_error *err) {
    struct llm_recorder_use *use = llm_mem_new(sizeof *use);
    if (use == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    struct llm_ledger_options options = {.settings = &snapshot->settings.ledger,
                                         .log = llm_master_observe_ledger,
                                         .safe = llm_call_record_safe,
                                         .ctx = recorder->master};
    llm_status status = llm_recorder_store(recorder->master->plugins, snapshot, &options.store, err);
    status = status == LLM_OK ? llm_ledger_new(&options, &use->ledger, err) : status;
    if (status != LLM_OK) {
        llm_mem_free(use);
        return status;
    }
    (void)pthread_mutex_lock(&recorder->lock);
    use->next = recorder->all;
    recorder->all = use;
    atomic_store(&recorder->current, use);
    (void)pthread_mutex_unlock(&recorder->lock);
    return LLM_OK;
}

llm_status llm_recorder_configure(struct llm_recorder *recorder, const struct llm_snapshot *snapshot,
                                  llm_error *err) {
    const struct llm_ledger_settings *settings = &snapshot->settings.ledger;
    struct llm_recorder_use *now = atomic_load(&recorder->current); // only reloads change it, one at a time
    llm_status status = LLM_OK;
    if ((recorder->master->options.flags & LLM_MASTER_NO_LEDGER) != 0) {
        return LLM_OK;
    }
    if (!settings->on) {
        (void)pthread_mutex_lock(&recorder->lock);
        atomic_store(&recorder->current, NULL);
        (void)pthread_mutex_unlock(&recorder->lock);
    } else if (now != NULL && llm_ledger_same(now->ledger, settings)) {
        llm_ledger_configure(now->ledger, settings);
    } else {
        status = open_ledger(recorder, snapshot, err);
    }
    reap(recorder);
    return status;
}

struct llm_recorder_use *llm_recorder_enter(struct llm_recorder *recorder) {
    if (atomic_load_explicit(&recorder->current, memory_order_relaxed) == NULL) {
        return NULL;
    }
    (void)pthread_mutex_lock(&recorder->lock);
    struct llm_recorder_use *use = atomic_load(&recorder->current);
    if (use != NULL) {
        (void)atomic_fetch_add(&use->users, 1);
    }
    (void)pthread_mutex_unlock(&recorder->lock);
    return use;
}

void llm_recorder_leave(struct llm_recorder_use *use) {
    if (use != NULL) {
        (void)atomic_fetch_sub(&use->users, 1);
    }
}

struct llm_ledger *llm_recorder_ledger(const struct llm_recorder_use *use) {
    return use->ledger;
}
