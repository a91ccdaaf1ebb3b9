// SPDX-License-Identifier: MIT
// Settings while they are put together: each layer (file, environment, options) goes over the one before.  A group of settings
// ("retry", "limits", ...) is a file of its own that takes its member of config.json.
#ifndef LLM_CONFIG_BUILDER_H
#define LLM_CONFIG_BUILDER_H

#include "config/document.h"
#include "config/settings.h"

struct llm_settings_builder {
    struct llm_settings *settings;
    llm_str origin; // of the layer that is read now
    llm_header *aliases, *base_urls, *plugin_dirs;
    struct llm_key_setting *keys;
    struct llm_setting_origin *origins;
    size_t cap_aliases, cap_base_urls, cap_plugin_dirs, cap_keys, cap_origins, cap_routes, n_plugin_dirs;
};

// Remember where a setting came from; value: its JSON.  LLM_E_NOMEM.
llm_status llm_settings_taken(struct llm_settings_builder *b, const char *name, llm_str value,
                              llm_error *err);

// A string that is an absolute path ("~/" is understood).  what: its name, for the message.
llm_status llm_settings_take_path(struct llm_settings_builder *b, const struct llm_document *doc,
                                  llm_str value, const char *what, llm_str *ret, llm_error *err);

#endif
