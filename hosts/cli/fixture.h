// SPDX-License-Identifier: MIT
// A folder that appears whole or not at all: made beside its place, then renamed.
#ifndef LLM_CLI_FIXTURE_H
#define LLM_CLI_FIXTURE_H

#include "cli.h"

#define FIXTURE_MAX_NAME_BYTES 64u

struct fixture_file {
    char name[FIXTURE_MAX_NAME_BYTES]; // "meta.json", "2/response.sse"
    struct host_text text;
};

struct fixture {
    struct cli *cli;
    const char *folder; // NUL-terminated, in the program's pool
    bool force;
    struct host_text temp; // where it is made; NUL-terminated; empty: nowhere
    struct fixture_file *files;
    size_t n_files, cap_files;
};

// Find the place and make the temporary folder in it, so that what would fail fails before a call is paid for.
// folder NULL: the first "fixtures/STEM-N" that is free.  CLI_OK, or the exit status after saying why.
int fixture_begin(struct fixture *fixture, struct cli *cli, const char *folder, const char *stem, bool force);

// A new file, to be filled.  NULL: out of memory, it was said.
struct fixture_file *fixture_add(struct fixture *fixture, const char *name);

// Write all files (mode 0600, folders 0700) and put the folder in its place.  CLI_OK, or CLI_FAILED after saying why: nothing is there then.
int fixture_commit(struct fixture *fixture);

// Whatever is left of it goes.
void fixture_done(struct fixture *fixture);

#endif
