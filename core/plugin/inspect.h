// SPDX-License-Identifier: MIT
// Everything that is checked before a byte of a plugin runs, on one open descriptor.
#ifndef LLM_PLUGIN_INSPECT_H
#define LLM_PLUGIN_INSPECT_H

#include <sys/stat.h>

#include "base/arena.h"
#include "plugin/elf.h"
#include "plugin/manifest.h"

struct llm_inspection {
    llm_str text;                 // the manifest, NUL-terminated, in the arena
    struct llm_manifest manifest; // slices of text
    bool uses_origin;             // it has a search path: $ORIGIN must mean its directory
};

// Open a file of a directory for reading: no link is followed, nothing blocks.  -1 and errno.
int llm_inspect_open(int dir_fd, const char *name);

// Judge it.  scratch: any; st: what fstat() says.  LLM_E_DENIED with the reason; LLM_E_NOMEM.
llm_status llm_inspect(int fd, const struct stat *st, const llm_host *host, struct llm_elf *scratch,
                       struct llm_arena *arena, struct llm_inspection *ret, struct llm_reason *why);

#endif
