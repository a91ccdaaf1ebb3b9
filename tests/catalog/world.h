// SPDX-License-Identifier: MIT
// A world for the catalogue: directories of its own, plugins in them, and the snapshot of it all.
#ifndef LLM_TEST_WORLD_H
#define LLM_TEST_WORLD_H

#include "catalog/snapshot.h"
#include "temp_dir.h"

// Directories: plugins/ (with providers.d/ and models.d/) and user/llm-master/ (the user's own, the same two).
struct world {
    struct temp_dir dir;
    struct llm_plugins *registry;
    struct llm_health *health;
    struct llm_snapshot *snapshot;
    llm_error err;
};

void world_new(struct world *w); // openai_compat.so is there (in truth: a plugin that echoes)
void world_free(struct world *w);

// A file: "plugins/providers.d/x.json".
void world_file(struct world *w, const char *name, const char *text);
// The plugin "keeper" as plugins/keeper.so.
void world_keeper(struct world *w);

// Build the snapshot; the one before is let go.  settings: JSON, or NULL.
llm_status world_build(struct world *w, const char *settings);
// The same, or the test fails with the message.
void world_must(struct world *w, const char *settings);

struct llm_provider *world_provider(struct world *w, const char *name); // NULL: none
// The reason for which a file was left out; NULL: it was not.  name: its end.
const char *world_refused(struct world *w, const char *name);
// "provider/model" of a route, or the message.  operation NULL: chat.  Static.
const char *world_route(struct world *w, const char *model, const char *operation, const char *provider);
// What is known; free with llm_mem_free().
char *world_describe(struct world *w, const char *what, const char *filter);

// The price of a class in pico-USD per one, without conditions; -1: none.
int64_t world_price(const struct llm_model *model, enum llm_price_class class);

#endif
