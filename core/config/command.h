// SPDX-License-Identifier: MIT
// Run a shell command and take what it prints: how a key comes out of a password manager.
#ifndef LLM_CONFIG_COMMAND_H
#define LLM_CONFIG_COMMAND_H

#include "base/buf.h"

// /bin/sh -c command, with nothing to read and its messages thrown away; what it prints is appended to out (which the caller
// wipes).  Killed with its children when it takes longer than timeout_ms or prints more than out->max.
// LLM_E_TIMEOUT, LLM_E_LIMIT, LLM_E_NOMEM; LLM_E_CONFIG: it cannot be started or does not end with status 0 (message).
llm_status llm_command_run(const char *command, uint32_t timeout_ms, struct llm_buf *out, llm_error *err);

#endif
