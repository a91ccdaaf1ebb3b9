// SPDX-License-Identifier: MIT
// Keys: where they are and how they are read.  The look-up itself is declared in settings.h.
#ifndef LLM_CONFIG_KEYS_H
#define LLM_CONFIG_KEYS_H

#include "config/document.h"
#include "config/settings.h"

#define LLM_KEY_COMMAND_MS 10000u // how long a command that prints a key may take

// Put value into *secret.  LLM_E_CONFIG: the message says what is wrong with it, naming `where` and never the key.
llm_status llm_key_set(struct llm_secret *secret, llm_str value, const char *where, llm_error *err);

// The member "keys" of config.json: an object, or an array of objects, for each provider.
llm_status llm_keys_take(void *builder, const struct llm_document *doc, llm_str value, llm_error *err);

// A variable of the environment: LLM_OK; LLM_E_NOT_FOUND: unset or empty.  NULL-safe when the settings read no environment.
llm_status llm_settings_env(const struct llm_settings *settings, const char *name, llm_str *ret);

// Is the file of a key readable by other users?  false also when it cannot be told.
bool llm_key_file_is_open(const char *path);

#endif
