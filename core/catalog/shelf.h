// SPDX-License-Identifier: MIT
// The catalogue's file as a snapshot uses it: opened when a name or a price is asked for that no provider file gives, and what was
// found kept.
#ifndef LLM_CATALOG_SHELF_H
#define LLM_CATALOG_SHELF_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "catalog/catalogue.h"

#define LLM_SHELF_BUCKETS 64

struct llm_shelf_item;
struct llm_snapshot;
struct llm_provider;
struct llm_model;

struct llm_shelf {
    pthread_mutex_t lock; // guards what is added
    _Atomic bool opened;
    struct llm_catalogue catalogue; // after opened; body absent: there is none
    const char *path;               // of it
    llm_str problem;                // why a file could not be used; absent: nothing is wrong
    struct llm_arena arena;
    _Atomic(struct llm_shelf_item *) items[LLM_SHELF_BUCKETS]; // only added to
};

void llm_shelf_init(struct llm_shelf *shelf);
void llm_shelf_done(struct llm_shelf *shelf);

// [any] The snapshot's catalogue: of the plugins' or installation's file and the user's the one with the later date, at the same date the user's; NULL:
// there is none that can be used.
const struct llm_catalogue *llm_shelf_catalogue(struct llm_snapshot *snapshot);

// [any] A model of a provider from the catalogue; NULL: it is not there, or is for another operation (absent: any).  The model lives as
// long as the snapshot, and asking again allocates nothing.  under: the provider file's model without a price that gets the
// catalogue's price; NULL: none.
const struct llm_model *llm_shelf_model(struct llm_snapshot *snapshot, struct llm_provider *provider,
                                        llm_str id, llm_str operation, const struct llm_model *under);

#endif
