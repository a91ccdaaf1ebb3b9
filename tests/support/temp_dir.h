// SPDX-License-Identifier: MIT
// A directory of a test's own, with the permissions that the core asks for.
#ifndef LLM_TEST_TEMP_DIR_H
#define LLM_TEST_TEMP_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct temp_dir {
    char path[256]; // real path
};

// mkdtemp below $TMPDIR or /tmp.  These functions abort the test program with a message when the system says no.
void temp_dir_new(struct temp_dir *dir);
void temp_dir_free(struct temp_dir *dir); // with all that is in it

// dir/name; the text lasts until the eighth call after this one.
const char *temp_dir_file(const struct temp_dir *dir, const char *name);

void temp_dir_write(const struct temp_dir *dir, const char *name, const void *bytes, size_t len, mode_t mode);
void temp_dir_make(const struct temp_dir *dir, const char *name, mode_t mode); // a directory

// A copy of a file; written beside its name and renamed, the way to install a plugin.
void temp_dir_copy(const struct temp_dir *dir, const char *from, const char *name);

// A whole file; free() it.
char *temp_dir_read(const char *path, size_t *ret_len);

#endif
