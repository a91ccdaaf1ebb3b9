// SPDX-License-Identifier: MIT
#include "catalog/identity.h"

#include "catalog/snapshot.h"

static void put(struct llm_sha256 *sha, llm_str text) {
    const uint64_t len = text.len;
    llm_sha256_put(sha, &len, sizeof len); // in this process only: in the machine's own order
    llm_sha256_put(sha, text.ptr, text.len);
}

static void make(struct llm_provider *provider, llm_sha256_fn fn) {
    struct llm_sha256 sha;
    llm_sha256_init(&sha, fn);
    put(&sha, provider->base_url);
    put(&sha, provider->config);
    put(&sha, provider->plugin->id);
    put(&sha, provider->plugin->version);
    for (size_t i = 0; i < provider->n_headers; i++) {
        put(&sha, provider->headers[i].name);
        put(&sha, provider->headers[i].value);
    }
    llm_sha256_end(&sha, provider->identity.bytes);
}

const struct llm_provider_identity *llm_provider_identify(struct llm_provider *provider, llm_sha256_fn fn) {
    if (!atomic_load_explicit(&provider->identity_ready, memory_order_acquire)) {
        (void)pthread_mutex_lock(&provider->plugin->control);
        if (!atomic_load_explicit(&provider->identity_ready, memory_order_relaxed)) {
            make(provider, fn);
            atomic_store_explicit(&provider->identity_ready, true, memory_order_release);
        }
        (void)pthread_mutex_unlock(&provider->plugin->control);
    }
    return &provider->identity;
}
