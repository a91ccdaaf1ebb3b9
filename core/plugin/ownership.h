// SPDX-License-Identifier: MIT
// Who may have written a file: only root and the user this process runs as are believed.
#ifndef LLM_PLUGIN_OWNERSHIP_H
#define LLM_PLUGIN_OWNERSHIP_H

#include <sys/stat.h>

#include "plugin/reason.h"

// A directory of plugins, by its real path (no symbolic link in it): it and each of its parents up to / belongs to root or to
// the effective user, and neither its group nor others can write to it.  A sticky parent such as /tmp is fine, because
// what lies below it belongs to one of the two; the directory itself may not be one.  LLM_E_DENIED with the reason.
llm_status llm_ownership_check_dir(const char *real_path, struct llm_reason *why);

// A plugin file: regular, not empty, at most LLM_MAX_PLUGIN_BYTES, of root or the effective user, not writable by others.
llm_status llm_ownership_check_file(const struct stat *st, struct llm_reason *why);

#endif
