// SPDX-License-Identifier: MIT
// The immutable sum of settings, plugins, providers and models at one moment.
#ifndef LLM_CATALOG_SNAPSHOT_H
#define LLM_CATALOG_SNAPSHOT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/secret.h"
#include "catalog/identity.h"
#include "catalog/kept.h"
#include "catalog/key_run.h"
#include "catalog/price.h"
#include "catalog/shelf.h"
#include "config/settings.h"
#include "plugin/plugin.h"
#include "state/health.h"

enum llm_auth_scheme {
    LLM_AUTH_NONE,
    LLM_AUTH_BEARER, // Authorization: Bearer KEY
    LLM_AUTH_HEADER, // <name>: <prefix>KEY
    LLM_AUTH_QUERY,  // ?<name>=KEY
    LLM_AUTH_BASIC,  // Authorization: Basic base64(KEY), KEY = "user:password"
};

// generate_map: the first pattern that fits a model (and whose generator's operation fits) names the generator.
struct llm_generate_rule {
    llm_str pattern; // glob over the provider's model id
    llm_str generator;
};

// One of a provider's keys.
struct llm_provider_key {
    llm_str name;             // "openai", the second "openai#2"; for people
    struct llm_secret secret; // absent: there is none, or its command has not given it yet
    llm_str origin;           // "environment OPENAI_API_KEY", "config.json", ...; absent: no key
    const struct llm_key_setting
        *command; // gives the key: it runs in llm_provider_instance(), at the first call; NULL: none does
    bool is_inherited;               // what it printed is the secret already
    struct llm_health_entry *health; // never NULL in a master's snapshot
};

struct llm_provider {
    llm_str name;              // "groq"
    llm_str title;             // "Groq"; for people
    llm_str base_url;          // no trailing '/'; placeholders like {resource} already replaced
    llm_str config;            // its JSON object as in its file; NUL-terminated; holds no key
    llm_str source;            // where it was read: a file, or "manifest of /path/x.so"
    bool from_manifest;        // a plugin brought it, not a provider file
    llm_str plugin_name;       // as asked for: an id or a file name without .so
    struct llm_plugin *plugin; // NULL: not there (problem says so)
    enum llm_auth_scheme auth;
    llm_str auth_name;             // field or parameter name for HEADER, QUERY
    llm_str auth_prefix;           // for HEADER
    bool key_required;             // false for local servers
    llm_str key_env;               // names of variables, comma-separated, in order
    struct llm_provider_key *keys; // at least one; without a key it has no secret and no origin
    size_t n_keys;
    struct llm_health_entry **health; // of the keys, in their order
    llm_str key_origin;               // of the first; absent: no key
    const llm_header *headers;        // fields to send with every exchange
    size_t n_headers;
    const llm_str
        *origins; // patterns ("https://*.example.com") allowed besides base_url's, without the credential
    size_t n_origins;
    const llm_str *prefixes;
    size_t n_prefixes;
    const struct llm_generate_rule *rules;
    size_t n_rules;
    size_t first_model, n_models; // in snapshot->models
    bool supports_caching;
    llm_str problem;                       // why it cannot be used; absent: nothing is wrong
    bool is_refused;                       // the problem is that its plugin is refused or at fault
    llm_str notice;                        // what a person should know though it can be used; absent: nothing
    const struct llm_source *build_source; // while the snapshot is made; then NULL
    llm_instance_args instance_args;       // for llm_kept_new()
    bool instance_failed;                  // guarded by plugin->control
    llm_str instance_message;              // why, in the plugin's words; guarded by plugin->control
    struct llm_kept *kept;                 // guarded by plugin->control
    struct llm_kept *inherited;  // of the snapshot before, until the first call; guarded by plugin->control
    struct llm_key_run *key_run; // commands that run for it; guarded by plugin->control
    _Atomic(llm_instance *) instance; // kept's, from the first call on; llm_provider_instance()
    _Atomic bool instance_ready;
    struct llm_provider_identity identity; // llm_provider_identify()
    _Atomic bool identity_ready;
};

struct llm_model {
    llm_str id; // the provider's own id: "gpt-4o-mini"
    const struct llm_provider *provider;
    llm_str operation;                         // "chat", ...
    struct llm_price price;                    // price.known false: no price
    int64_t context_tokens, output_tokens_max; // -1: unknown
    const llm_str *aliases;                    // other names for it
    size_t n_aliases;
    const struct llm_limit *limits; // that its provider states
    size_t n_limits;
    llm_str json;                     // its entry, for describe
    bool is_catalogued;               // the price is the catalogue's, not the provider file's
    struct llm_health_target *health; // of a model that a route chooses by latency; else NULL
};

struct llm_route {
    struct llm_provider *provider;
    const struct llm_model *model; // NULL: not in the catalogue, so without a price
    llm_str
        provider_model; // what the provider is asked for; borrowed from the snapshot or from the name given
};

struct llm_snapshot {
    _Atomic uint32_t refs;
    struct llm_arena arena;
    struct llm_settings settings;
    struct llm_plugins *registry; // borrowed from the master
    struct llm_health *health;    // the same; nullable
    struct llm_plugin **plugins;
    size_t n_plugins;
    struct llm_provider *providers; // sorted by name
    size_t n_providers;
    struct llm_model *models;
    size_t n_models;
    void *index; // private to route.c
    struct llm_shelf shelf;
    llm_header *refused; // name: file, value: reason - provider and model files that were left out
    size_t n_refused;
};

// Build one.  settings: consumed whatever the outcome.  health: nullable; the keys' entries are made in it.  LLM_E_CONFIG, LLM_E_NOMEM.  A file that is wrong is left out and listed in
// `refused`; only the user's own config.json can make this fail.
llm_status llm_snapshot_new(struct llm_settings *settings, struct llm_plugins *registry,
                            struct llm_health *health, struct llm_snapshot **ret, llm_error *err);
// May fresh take the place of old, that calls use?  LLM_E_CONFIG: a file that is wrong now and was not listed as wrong before, or a plugin
// file that was good and is refused now; what one can only lose by is not taken.
llm_status llm_snapshot_may_follow(const struct llm_snapshot *old, const struct llm_snapshot *fresh,
                                   llm_error *err);
struct llm_snapshot *llm_snapshot_ref(struct llm_snapshot *snapshot);
void llm_snapshot_unref(struct llm_snapshot *snapshot); // the last one frees instances and wipes keys

// Where a model goes: alias, exact name, "provider/model", then the longest prefix; `provider` (nullable) narrows it.
// Among several providers of an exact name: one with a key first, then by name.  "provider/model" goes before an exact name when
// that provider lists the model and its key is not the only one that is missing.  model absent: the default model, else the first
// provider that has a key, with its first model for the operation.
// LLM_E_NOT_FOUND with the three nearest names; LLM_E_CONFIG: the provider has a problem; LLM_E_DENIED: its plugin is refused.
// A missing key is no failure here: see llm_provider_need_key().
llm_status llm_snapshot_route(struct llm_snapshot *snapshot, llm_str model, llm_str operation,
                              const char *provider, struct llm_route *ret, llm_error *err);

// LLM_OK: it has a key, or works without one.  LLM_E_AUTH: it needs one; the message says which variables are looked at.
llm_status llm_provider_need_key(const struct llm_provider *provider, llm_error *err);

// The key for the next attempt: in turn, by their health (llm_health_pick()).  Never NULL; borrowed from the snapshot.
const struct llm_provider_key *llm_provider_choose_key(const struct llm_provider *provider, uint64_t now_us);

// Overwrite each occurrence of any of its keys in text[0..len) with '*'.  After llm_provider_instance(), or before any call.
// Gives how many bytes have become '*'.
size_t llm_provider_redact(const struct llm_provider *provider, char *text, size_t len);

// The same for the keys of all providers and of the settings, and for these words (nullable); any thread, any time.
size_t llm_snapshot_redact(struct llm_snapshot *snapshot, const llm_str *words, size_t n_words, char *text,
                           size_t len);

// The plugin's instance for a provider; loads the plugin and makes the instance at first use, or takes the one of the snapshot before when
// that fits (any thread; may be NULL when the plugin keeps none).  Also runs the commands that give keys which were not inherited, or waits while another call does.  A later call returns at once.  LLM_E_CONFIG, LLM_E_INTERNAL.
llm_status llm_provider_instance(struct llm_snapshot *snapshot, struct llm_provider *provider,
                                 llm_instance **ret, llm_error *err);

// The generator for a route: the provider's generate_map, else the plugin's first for the operation.  The plugin must be loaded.
// LLM_E_UNSUPPORTED naming the operations there are.
llm_status llm_provider_generator(const struct llm_provider *provider, llm_str model, llm_str operation,
                                  const struct llm_plugin_generator **ret, llm_error *err);

// JSON for llm_master_describe(); *ret: free with llm_mem_free().
llm_status llm_snapshot_describe(struct llm_snapshot *snapshot, const char *what, const char *filter,
                                 char **ret, size_t *ret_len, llm_error *err);

#endif
