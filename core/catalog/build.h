// SPDX-License-Identifier: MIT
// Inside of the catalogue: what a snapshot is made from.
#ifndef LLM_CATALOG_BUILD_H
#define LLM_CATALOG_BUILD_H

#include "catalog/catalogue.h"
#include "catalog/snapshot.h"
#include "config/document.h"

// A member of an object, and the text that it stands in (for the place of a mistake).
struct llm_source_member {
    llm_str name, value; // decoded; raw JSON
    const struct llm_document *doc;
};

// A provider, or a model, as its files say.
struct llm_source {
    llm_str name;              // of the provider
    llm_str id;                // of the model
    llm_str origin;            // its file, or "manifest of FILE"
    struct llm_plugin *plugin; // it is from a manifest
    bool is_user;              // it is from the user's own directory
    struct llm_source_member *members;
    size_t n_members;
    llm_str text; // the object as it stands in its file
    const struct llm_document *doc;
    const struct llm_source *under; // what it was laid over; NULL: it stands by itself
};

struct llm_source_list {
    struct llm_source *items;
    size_t count, cap;
};

struct llm_build {
    struct llm_snapshot *snapshot;
    struct llm_arena scratch; // gone when the snapshot is built
    struct llm_document **docs;
    size_t n_docs, cap_docs;
    struct llm_source_list providers, models,
        user; // user: the user's provider files, before they are laid over
    size_t cap_refused, cap_models;
    llm_error *err;
};

// LLM_E_NOMEM with its message.
llm_status llm_build_no_memory(struct llm_build *build);

// A file, or a part of it, is left out.
llm_status llm_build_refuse(struct llm_build *build, llm_str file, llm_str reason);

// Read all files and manifests.  LLM_E_NOMEM only; what is wrong is refused.
llm_status llm_build_read(struct llm_build *build);
void llm_build_done(struct llm_build *build);

// The members of an object.  LLM_E_CONFIG: no object, or a name stands twice.
llm_status llm_source_read(struct llm_build *build, const struct llm_document *doc, llm_str object,
                           struct llm_source *ret, llm_error *err);
llm_status llm_source_append(struct llm_build *build, struct llm_source_list *list,
                             const struct llm_source *item);
// `over` laid over `under`: a member that it holds takes the place of the one of that name.  ret may be under.
llm_status llm_source_lay_over(struct llm_build *build, const struct llm_source *under,
                               const struct llm_source *over, struct llm_source *ret);

// A member of a source; absent value: none.
struct llm_source_member llm_source_get(const struct llm_source *source, const char *name);
// "file" or "file and file".
llm_status llm_source_text(struct llm_build *build, const struct llm_source *source, llm_str *ret);
// The object as JSON text: the members as they stand in their files.
llm_status llm_source_json(struct llm_build *build, const struct llm_source *source, llm_str *ret);

// Is this what a provider calls its plugin: the plugin's id, or its file's name without ".so"?
bool llm_plugin_is_named(const struct llm_plugin *plugin, llm_str name);

// Make a provider of a source.  LLM_E_CONFIG: a member is wrong (message: file, line, column).  *ret_disabled: leave it out.
llm_status llm_provider_build(struct llm_build *build, const struct llm_source *source,
                              struct llm_provider *ret, bool *ret_disabled, llm_error *err);

// What a provider that a manifest brings may not have, because a file's provider has it: key variables and prefixes.  Before keys
// are looked up.
llm_status llm_provider_limit_claims(struct llm_build *build, struct llm_provider *provider,
                                     const struct llm_source *source);

// Find the provider's keys.  LLM_E_NOMEM only: what is wrong becomes its problem.
llm_status llm_provider_find_keys(struct llm_build *build, struct llm_provider *provider);
void llm_provider_wipe_keys(struct llm_provider *provider);

// A model of the catalogue; its texts point into the entry.  LLM_E_CONFIG: the entry is wrong (the message tells the column in its
// object); LLM_E_NOMEM.
llm_status llm_model_read(struct llm_arena *arena, const struct llm_catalogue_entry *entry,
                          struct llm_model *ret, llm_error *err);

// Append the models of a provider to the snapshot's; wrong ones are refused.  LLM_E_NOMEM.
llm_status llm_models_build(struct llm_build *build, struct llm_provider *provider,
                            const struct llm_source *source);

// The names of a snapshot.  LLM_E_NOMEM.
llm_status llm_route_index(struct llm_build *build);

// The models that the settings' routes name: an unknown one is told among what was refused; what a route chooses by latency gets a
// place for it.  LLM_E_NOMEM.
llm_status llm_routes_look_up(struct llm_build *build);

#endif
