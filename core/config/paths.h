// SPDX-License-Identifier: MIT
// Which directories are searched.
#ifndef LLM_CONFIG_PATHS_H
#define LLM_CONFIG_PATHS_H

#include "config/settings.h"

#define LLM_CATALOGUE_FILE "catalogue.jsonl" // in the data directory, and in the user's

// Where this program lies; each absent when it does not apply.
struct llm_places {
    llm_str
        plugins; // "<build>/plugins" of a build tree, or "<prefix>/lib.../llm-master/plugins" beside the program
    bool is_build_tree;
    llm_str data; // the folder of providers.d and models.d that belongs to them
};

// From the path of the library or program that holds this code: looked up, never searched from the current directory.
// LLM_E_NOMEM; LLM_OK also when there is nothing.
llm_status llm_places_find(struct llm_arena *arena, struct llm_places *ret);
// The same for a given object file; what llm_places_find() does after it knows it.
llm_status llm_places_of(llm_str object, struct llm_arena *arena, struct llm_places *ret);

// An absolute path from one that begins with '/' or "~/".  what: the setting, for the message of LLM_E_CONFIG (a relative path).
// LLM_E_NOMEM.  *ret: from the settings' arena.
llm_status llm_path_absolute(struct llm_settings *settings, llm_str path, const char *what, llm_str *ret,
                             llm_error *err);

// Fill plugin_dirs, provider_dirs, model_dirs, user_provider_dir and user_model_dir.  from_settings: what config.json and the host's
// settings name, as directory and origin.  add_origin is called for each plugin directory in order.
llm_status llm_settings_find_dirs(struct llm_settings *settings, const llm_master_options *options,
                                  const llm_header *from_settings, size_t n_from_settings,
                                  llm_status (*add_origin)(void *ctx, llm_str dir, llm_str origin), void *ctx,
                                  llm_error *err);

// $XDG_CONFIG_HOME/llm-master; absent ptr: there is none.  LLM_E_NOMEM.
llm_status llm_path_user_config(struct llm_settings *settings, llm_str *ret, llm_error *err);
// $XDG_STATE_HOME/llm-master, the same.
llm_status llm_path_user_state(struct llm_settings *settings, llm_str *ret, llm_error *err);

#endif
