// SPDX-License-Identifier: MIT
#include "catalog/key_run.h"

#include "base/error.h"
#include "base/mem.h"
#include "catalog/snapshot.h"

// Guarded by plugin->control, but for err while it is not over.
struct llm_key_run {
    size_t users;
    bool is_over;
    llm_status status;
    llm_error err;
    struct llm_snapshot *snapshot; // whose commands they are, so that it stays
    struct llm_provider *provider;
};

static bool lacks_keys(const struct llm_provider *provider) {
    for (size_t i = 0; i < provider->n_keys; i++) {
        if (provider->keys[i].command != NULL && !llm_secret_has(&provider->keys[i].secret)) {
            return true;
        }
    }
    return false;
}

// Run without a lock, for each may take seconds.  *ret: as many as the provider has keys.
static llm_status run_commands(const struct llm_snapshot *snapshot, const struct llm_provider *provider,
                               struct llm_secret **ret, llm_error *err) {
    llm_status status = LLM_OK;
    for (size_t i = 0; status == LLM_OK && i < provider->n_keys; i++) {
        struct llm_arena scratch = {0};
        llm_str origin;
        if (provider->keys[i].command == NULL || provider->keys[i].is_inherited) {
            continue;
        }
        *ret = *ret != NULL ? *ret : llm_mem_array(provider->n_keys, sizeof **ret);
        status = *ret != NULL ? llm_settings_key_of(&snapshot->settings, provider->keys[i].command, &scratch,
                                                    &(*ret)[i], &origin, err)
                              : llm_fail(err, LLM_E_NOMEM, "out of memory");
        llm_arena_done(&scratch);
    }
    return status;
}

static void adopt_keys(struct llm_provider *provider, struct llm_secret *keys) {
    for (size_t i = 0; keys != NULL && i < provider->n_keys; i++) {
        if (llm_secret_has(&keys[i]) && !llm_secret_has(&provider->keys[i].secret)) {
            provider->keys[i].secret = keys[i];
            if (provider->keys[i].health != NULL) {
                llm_health_renew(provider->keys[i].health);
            }
            keys[i] = (struct llm_secret){0};
        }
    }
}

static void free_keys(struct llm_secret *keys, size_t n) {
    for (size_t i = 0; keys != NULL && i < n; i++) {
        llm_secret_done(&keys[i]);
    }
    llm_mem_free(keys);
}

// ---- runs; the control is held ---------------------------------------------------------------------------------------

static void forget(struct llm_provider *provider, struct llm_key_run *run) {
    if (provider->key_run == run) {
        provider->key_run = NULL;
        run->users--; // the caller has one too
    }
}

// The control is let go meanwhile.
static void lead(struct llm_provider *provider, struct llm_key_run *run) {
    pthread_mutex_t *control = &provider->plugin->control;
    struct llm_secret *keys = NULL;
    (void)pthread_mutex_unlock(control);
    const llm_status status = run_commands(run->snapshot, provider, &keys, &run->err);
    (void)pthread_mutex_lock(control);
    if (status == LLM_OK) {
        adopt_keys(provider, keys);
    }
    free_keys(keys, provider->n_keys);
    run->status = status;
    run->is_over = true;
    forget(provider, run);
    (void)pthread_cond_broadcast(&provider->plugin->keys_came);
}

static void follow(struct llm_provider *provider, struct llm_key_run *run) {
    while (!run->is_over) {
        (void)pthread_cond_wait(&provider->plugin->keys_came, &provider->plugin->control);
    }
    if (run->provider != provider && provider->key_run == run) { // the first one of those who waited
        llm_provider_inherit_keys(provider, run->provider);
        forget(provider, run);
    }
}

static struct llm_key_run *new_run(struct llm_snapshot *snapshot, struct llm_provider *provider) {
    struct llm_key_run *run = llm_mem_new(sizeof *run);
    if (run != NULL) {
        run->users = 1;
        run->err = (llm_error)LLM_ERROR_INIT;
        run->snapshot = llm_snapshot_ref(snapshot);
        run->provider = provider;
    }
    return run;
}

// ---- what others do ----------------------------------------------------------------------------------------------------

llm_status llm_provider_run_commands(struct llm_snapshot *snapshot, struct llm_provider *provider,
                                     llm_error *err) {
    pthread_mutex_t *control = &provider->plugin->control;
    llm_status status = LLM_OK;
    bool is_told = false; // what others' run came to
    (void)pthread_mutex_lock(control);
    while (status == LLM_OK && !is_told && lacks_keys(provider)) {
        struct llm_key_run *run = provider->key_run;
        const bool leads = run == NULL;
        if (leads && (run = provider->key_run = new_run(snapshot, provider)) == NULL) {
            status = llm_fail(err, LLM_E_NOMEM, "out of memory");
            break;
        }
        run->users++;
        (leads ? lead : follow)(provider, run);
        is_told = run->provider == provider; // else this one's commands may be others
        status = is_told ? run->status : LLM_OK;
        (void)pthread_mutex_unlock(control);
        if (status != LLM_OK) {
            llm_error_copy(err, &run->err);
        }
        llm_key_run_unref(run);
        (void)pthread_mutex_lock(control);
    }
    (void)pthread_mutex_unlock(control);
    return status;
}

void llm_key_run_inherit(struct llm_provider *fresh, const struct llm_provider *old) {
    if (old->key_run != NULL) {
        fresh->key_run = old->key_run;
        fresh->key_run->users++;
    }
}

void llm_key_run_unref(struct llm_key_run *run) {
    if (run == NULL) {
        return;
    }
    pthread_mutex_t *control = &run->provider->plugin->control;
    (void)pthread_mutex_lock(control);
    const bool is_last = --run->users == 0;
    (void)pthread_mutex_unlock(control);
    if (is_last) {
        llm_snapshot_unref(run->snapshot);
        llm_mem_free(run);
    }
}
