// SPDX-License-Identifier: MIT
#include "catalog/kept.h"

#include <stdatomic.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "catalog/snapshot.h"

struct llm_kept {
    _Atomic uint32_t refs;
    struct llm_plugin *plugin;
    struct llm_arena arena; // of the texts in args
    llm_instance_args args;
    llm_instance *instance;
    uint8_t digest[LLM_SHA256_BYTES]; // of what it was made of
};

static void put(struct llm_sha256 *sha, llm_str text) {
    const uint64_t len = text.len;
    llm_sha256_put(sha, &len, sizeof len); // in this process only: in the machine's own order
    llm_sha256_put(sha, text.ptr, text.len);
}

static void digest(const struct llm_provider *provider, uint8_t ret[LLM_SHA256_BYTES]) {
    struct llm_sha256 sha;
    const size_t counts[] = {(size_t)provider->auth, provider->n_headers, provider->n_keys};
    llm_sha256_init(&sha, llm_sha256_pick());
    llm_sha256_put(&sha, counts, sizeof counts);
    put(&sha, provider->name);
    put(&sha, provider->base_url);
    put(&sha, provider->config);
    for (size_t i = 0; i < provider->n_headers; i++) {
        put(&sha, provider->headers[i].name);
        put(&sha, provider->headers[i].value);
    }
    for (size_t i = 0; i < provider->n_keys; i++) {
        put(&sha, llm_secret_reveal(&provider->keys[i].secret));
    }
    llm_sha256_end(&sha, ret);
    llm_wipe(&sha, sizeof sha);
}

static void discard(struct llm_kept *kept) {
    llm_wipe(kept->digest, sizeof kept->digest);
    llm_arena_done(&kept->arena);
    llm_mem_free(kept);
}

// The snapshot that it is made for may go before it does.
static llm_status copy_args(struct llm_kept *kept, const llm_instance_args *args) {
    kept->args = *args;
    kept->args.name = llm_arena_dup(&kept->arena, args->name);
    kept->args.base_url = llm_arena_dup(&kept->arena, args->base_url);
    kept->args.config = llm_arena_dup(&kept->arena, args->config);
    return kept->args.name.ptr != NULL && kept->args.base_url.ptr != NULL && kept->args.config.ptr != NULL
               ? LLM_OK
               : LLM_E_NOMEM;
}

llm_status llm_kept_new(const struct llm_provider *provider, struct llm_kept **ret, llm_str *message) {
    const llm_provider_descriptor *descriptor = provider->plugin->descriptor;
    struct llm_kept *kept = llm_mem_new(sizeof *kept);
    if (kept == NULL) {
        return LLM_E_NOMEM;
    }
    atomic_init(&kept->refs, 1);
    kept->plugin = provider->plugin;
    digest(provider, kept->digest);
    llm_status status = copy_args(kept, &provider->instance_args);
    if (status == LLM_OK) {
        status = descriptor->instance_new(kept->plugin->plugin, &kept->args, &kept->instance, message);
    }
    if (status != LLM_OK) {
        discard(kept);
        return status;
    }
    *ret = kept;
    return LLM_OK;
}

struct llm_kept *llm_kept_ref(struct llm_kept *kept) {
    (void)atomic_fetch_add_explicit(&kept->refs, 1, memory_order_relaxed);
    return kept;
}

void llm_kept_unref(struct llm_kept *kept) {
    if (kept == NULL || atomic_fetch_sub_explicit(&kept->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (kept->instance != NULL) {
        (void)pthread_mutex_lock(&kept->plugin->control);
        kept->plugin->descriptor->instance_free(kept->instance);
        (void)pthread_mutex_unlock(&kept->plugin->control);
    }
    discard(kept);
}

llm_instance *llm_kept_instance(const struct llm_kept *kept) {
    return kept->instance;
}

bool llm_kept_fits(const struct llm_kept *kept, const struct llm_provider *provider) {
    uint8_t other[LLM_SHA256_BYTES];
    if (kept->plugin != provider->plugin) {
        return false;
    }
    digest(provider, other);
    const bool same = memcmp(kept->digest, other, sizeof other) == 0;
    llm_wipe(other, sizeof other);
    return same;
}

// ---- from one snapshot to the next ---------------------------------------------------------------------------------

static struct llm_provider_key *find_key(const struct llm_provider *old, const struct llm_provider_key *key) {
    for (size_t i = 0; i < old->n_keys; i++) {
        struct llm_provider_key *other = &old->keys[i];
        if (other->command != NULL && llm_secret_has(&other->secret) && llm_str_eq(other->name, key->name) &&
            llm_str_eq(other->command->command, key->command->command)) {
            return other;
        }
    }
    return NULL;
}

// Without memory the command runs again.
void llm_provider_inherit_keys(struct llm_provider *fresh, const struct llm_provider *old) {
    for (size_t i = 0; i < fresh->n_keys; i++) {
        struct llm_provider_key *key = &fresh->keys[i];
        const struct llm_provider_key *other = key->command != NULL ? find_key(old, key) : NULL;
        if (other != NULL && (key->health == NULL || !llm_health_was_refused(key->health))) {
            key->is_inherited = llm_secret_set(&key->secret, llm_secret_reveal(&other->secret)) == LLM_OK;
        }
    }
}

static void inherit(struct llm_provider *fresh, const struct llm_provider *old, bool with_keys) {
    if (old->plugin == NULL || fresh->plugin == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&old->plugin->control); // calls may be about to make what is looked at
    struct llm_kept *kept = old->kept != NULL ? old->kept : old->inherited;
    if (kept != NULL && old->plugin == fresh->plugin) {
        fresh->inherited = llm_kept_ref(kept);
    }
    if (with_keys) {
        llm_provider_inherit_keys(fresh, old);
        if (old->plugin == fresh->plugin) {
            llm_key_run_inherit(fresh, old);
        }
    }
    (void)pthread_mutex_unlock(&old->plugin->control);
}

static int order(llm_str a, llm_str b) {
    const int by_bytes = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return by_bytes != 0 ? by_bytes : (a.len > b.len) - (a.len < b.len);
}

void llm_snapshot_inherit(struct llm_snapshot *fresh, const struct llm_snapshot *old, bool with_keys) {
    size_t k = 0;
    for (size_t i = 0; i < fresh->n_providers; i++) { // both are sorted by name
        while (k < old->n_providers && order(old->providers[k].name, fresh->providers[i].name) < 0) {
            k++;
        }
        if (k < old->n_providers && llm_str_eq(old->providers[k].name, fresh->providers[i].name)) {
            inherit(&fresh->providers[i], &old->providers[k], with_keys);
        }
    }
}
