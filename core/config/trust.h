// SPDX-License-Identifier: MIT
// Who could have written a file: what others can change is not believed.
#ifndef LLM_CONFIG_TRUST_H
#define LLM_CONFIG_TRUST_H

#include <sys/stat.h>

#include "base/str.h"

// NULL: only root and the user that this process runs as can write it.  Else why not, and what to do; static.
// A file of the user's own group is the user's when that group has the user's number (a private group, the habit of many systems).
const char *llm_trust_file(const struct stat *info);

#endif
