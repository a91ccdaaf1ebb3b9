// SPDX-License-Identifier: MIT
// Settings: config.json (JSON with comments), then the environment, then the host's options.  Each remembers where it came from.
#ifndef LLM_CONFIG_SETTINGS_H
#define LLM_CONFIG_SETTINGS_H

#include "base/arena.h"
#include "base/secret.h"
#include "base/str.h"
#include "config/breaker.h"
#include "config/cache.h"
#include "config/ledger.h"
#include "config/limits.h"
#include "config/retry.h"
#include "config/routes.h"

// A key that the settings name for a provider: exactly one of value, file, command, env is present.
struct llm_key_setting {
    llm_str provider;
    struct llm_secret value;
    llm_str env, file, command;
    llm_str origin;  // the file that says so, or "options"
    uint32_t number; // its place among the provider's keys, from 1
};

struct llm_setting_origin {
    const char *name; // "default_model"
    llm_str value;    // as JSON, secrets left out
    llm_str origin;   // "built in", a file's path, "environment X", "options"
};

struct llm_settings {
    struct llm_arena arena;
    bool use_environment;
    bool offline;          // a transport takes the place of HTTP: nothing that only HTTP needs has to be set
    llm_str config_file;   // read, or where it would be
    llm_str default_model; // absent: none
    uint32_t connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms, total_timeout_ms;
    struct llm_retry_settings retry;
    llm_str ca_file; // absent: the system's
    llm_str proxy; // absent: none.  Proxy variables of the environment count only with "proxy": "environment"
    // NULL-terminated, in order: of two files that claim one name, the one in the earlier directory counts.  All absolute.
    const char **plugin_dirs, **provider_dirs, **model_dirs;
    const char *catalogue, *user_catalogue;         // files of the catalogue, which may not exist; NULL: none
    const char *user_provider_dir, *user_model_dir; // laid over the others; NULL: none
    const llm_header *aliases;                      // alias -> model
    size_t n_aliases;
    struct llm_route_rule *routes; // sorted by name
    size_t n_routes;
    struct llm_key_setting *keys;
    size_t n_keys;
    struct llm_breaker_settings breaker;
    struct llm_retry_budget_settings retry_budget;
    const llm_header *base_urls; // provider -> base URL that takes the place of its file's
    size_t n_base_urls;
    struct llm_ledger_settings ledger;
    struct llm_limit_settings limits;
    struct llm_cache_settings cache;
    const struct llm_setting_origin *origins;
    size_t n_origins;
};

// Read everything.  options: nullable.  Free with llm_settings_done(), which wipes keys.
// LLM_E_CONFIG: file, line, column, what is wrong and what is allowed (unknown members too, with the nearest name).  LLM_E_NOMEM.
llm_status llm_settings_read(const llm_master_options *options, struct llm_settings *ret, llm_error *err);
void llm_settings_done(struct llm_settings *settings);

// Look up a provider's key: the first that the settings give, by value, file, command, env; then the variables in key_envs ("A,B").
// LLM_OK: *secret and *origin (from arena) are set.  LLM_E_NOT_FOUND: there is none.  LLM_E_CONFIG: there is one and it cannot be used (bad
// characters, unreadable file, command that failed); the message says which.
// A command runs with /bin/sh, at most 10 s: where that is in the way, ask llm_settings_key_setting() first.
llm_status llm_settings_key(const struct llm_settings *settings, llm_str provider, llm_str key_envs,
                            struct llm_arena *arena, struct llm_secret *secret, llm_str *ret_origin,
                            llm_error *err);

// What the settings say about a provider's keys: the first, and the one after another; NULL: nothing, no more.
const struct llm_key_setting *llm_settings_key_setting(const struct llm_settings *settings, llm_str provider);
const struct llm_key_setting *llm_settings_key_next(const struct llm_settings *settings,
                                                    const struct llm_key_setting *key);

// The two halves of llm_settings_key(): one key that the settings give, and the variables.
llm_status llm_settings_key_of(const struct llm_settings *settings, const struct llm_key_setting *key,
                               struct llm_arena *arena, struct llm_secret *secret, llm_str *ret_origin,
                               llm_error *err);
llm_status llm_settings_key_of_envs(const struct llm_settings *settings, llm_str key_envs,
                                    struct llm_arena *arena, struct llm_secret *secret, llm_str *ret_origin,
                                    llm_error *err);

#endif
