// SPDX-License-Identifier: MIT
#include "catalog/shelf.h"

#include <limits.h>
#include <stdio.h>

#include "base/error.h"
#include "catalog/build.h"
#include "config/paths.h"

#define SHELF_BYTES_MAX (64u << 20)

struct llm_shelf_item {
    struct llm_shelf_item *next;
    const struct llm_provider *provider;
    const struct llm_model *under;
    struct llm_model model;
};

void llm_shelf_init(struct llm_shelf *shelf) {
    (void)pthread_mutex_init(&shelf->lock, NULL);
    shelf->arena.limit = SHELF_BYTES_MAX;
}

void llm_shelf_done(struct llm_shelf *shelf) {
    llm_catalogue_close(&shelf->catalogue);
    llm_arena_done(&shelf->arena);
    (void)pthread_mutex_destroy(&shelf->lock);
}

// ---- the file ------------------------------------------------------------------------------------------------

static bool open_one(struct llm_shelf *shelf, const char *path, struct llm_catalogue *ret) {
    llm_error err = LLM_ERROR_INIT;
    const llm_status status = path != NULL ? llm_catalogue_open(path, ret, &err) : LLM_E_NOT_FOUND;
    if (status != LLM_OK && status != LLM_E_NOT_FOUND) {
        shelf->problem = llm_arena_dup(&shelf->arena, llm_str_from(err.message));
    }
    return status == LLM_OK;
}

static bool is_later(llm_str a, llm_str b) {
    const size_t n = a.len < b.len ? a.len : b.len;
    const int order = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    return order > 0 || (order == 0 && a.len >= b.len);
}

// The first that can be used: beside plugins, as their provider files are, or the installation's.  Gives its path; NULL: none.
static const char *open_ours(struct llm_shelf *shelf, const struct llm_settings *settings,
                             struct llm_catalogue *ret) {
    for (size_t i = 0; settings->plugin_dirs[i] != NULL; i++) {
        char path[PATH_MAX];
        const int len = snprintf(path, sizeof path, "%s/" LLM_CATALOGUE_FILE, settings->plugin_dirs[i]);
        if (len > 0 && (size_t)len < sizeof path && open_one(shelf, path, ret)) {
            const llm_str copy = llm_arena_dup(&shelf->arena, llm_str_from(path));
            return copy.ptr != NULL ? copy.ptr : "";
        }
    }
    return open_one(shelf, settings->catalogue, ret) ? settings->catalogue : NULL;
}

static void open_both(struct llm_shelf *shelf, const struct llm_settings *settings) {
    struct llm_catalogue ours = {0}, users = {0};
    const bool has_users = open_one(shelf, settings->user_catalogue, &users);
    const char *path = open_ours(shelf, settings, &ours);
    const bool take_users = has_users && (path == NULL || is_later(users.as_of, ours.as_of));
    shelf->catalogue = take_users ? users : ours;
    shelf->path = take_users ? settings->user_catalogue : path;
    llm_catalogue_close(take_users ? &ours : &users);
}

const struct llm_catalogue *llm_shelf_catalogue(struct llm_snapshot *snapshot) {
    struct llm_shelf *shelf = &snapshot->shelf;
    if (!atomic_load_explicit(&shelf->opened, memory_order_acquire)) {
        (void)pthread_mutex_lock(&shelf->lock);
        if (!atomic_load_explicit(&shelf->opened, memory_order_relaxed)) {
            open_both(shelf, &snapshot->settings);
            atomic_store_explicit(&shelf->opened, true, memory_order_release);
        }
        (void)pthread_mutex_unlock(&shelf->lock);
    }
    return shelf->catalogue.body.ptr != NULL ? &shelf->catalogue : NULL;
}

// ---- models --------------------------------------------------------------------------------------------------

static size_t bucket_of(const struct llm_provider *provider, llm_str id) {
    uint64_t hash = (uint64_t)(uintptr_t)provider >> 4;
    for (size_t i = 0; i < id.len; i++) {
        hash = (hash ^ (unsigned char)id.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return (size_t)(hash >> 32) % LLM_SHELF_BUCKETS;
}

static const struct llm_model *kept(struct llm_shelf *shelf, size_t bucket,
                                    const struct llm_provider *provider, llm_str id,
                                    const struct llm_model *under) {
    const struct llm_shelf_item *item = atomic_load_explicit(&shelf->items[bucket], memory_order_acquire);
    while (item != NULL &&
           (item->provider != provider || item->under != under || !llm_str_eq(item->model.id, id))) {
        item = item->next;
    }
    return item != NULL ? &item->model : NULL;
}

// NULL: it is not in the catalogue, its entry is wrong, or memory is out.  The lock is held.
static const struct llm_model *add(struct llm_shelf *shelf, size_t bucket, struct llm_provider *provider,
                                   llm_str id, const struct llm_model *under) {
    struct llm_catalogue_entry entry;
    struct llm_shelf_item *item;
    if (!llm_catalogue_find(&shelf->catalogue, provider->name, id, &entry) ||
        (item = llm_arena_new(&shelf->arena, sizeof *item)) == NULL ||
        llm_model_read(&shelf->arena, &entry, &item->model, NULL) != LLM_OK) {
        return NULL;
    }
    item->provider = provider;
    item->under = under;
    item->model.provider = provider;
    if (under != NULL) {
        const struct llm_model listed = item->model;
        struct llm_model *model = &item->model;
        *model = *under;
        model->price = listed.price;
        model->is_catalogued = true;
        model->context_tokens = under->context_tokens >= 0 ? under->context_tokens : listed.context_tokens;
        model->output_tokens_max =
            under->output_tokens_max >= 0 ? under->output_tokens_max : listed.output_tokens_max;
    }
    item->next = atomic_load_explicit(&shelf->items[bucket], memory_order_relaxed);
    atomic_store_explicit(&shelf->items[bucket], item, memory_order_release);
    return &item->model;
}

const struct llm_model *llm_shelf_model(struct llm_snapshot *snapshot, struct llm_provider *provider,
                                        llm_str id, llm_str operation, const struct llm_model *under) {
    struct llm_shelf *shelf = &snapshot->shelf;
    if (llm_shelf_catalogue(snapshot) == NULL || id.len == 0) {
        return NULL;
    }
    const size_t bucket = bucket_of(provider, id);
    const struct llm_model *model = kept(shelf, bucket, provider, id, under);
    struct llm_catalogue_entry entry;
    if (model == NULL && llm_catalogue_find(&shelf->catalogue, provider->name, id, &entry)) {
        (void)pthread_mutex_lock(&shelf->lock);
        model = kept(shelf, bucket, provider, id, under);
        model = model != NULL ? model : add(shelf, bucket, provider, id, under);
        (void)pthread_mutex_unlock(&shelf->lock);
    }
    return model != NULL && (operation.ptr == NULL || llm_str_eq(model->operation, operation)) ? model : NULL;
}
