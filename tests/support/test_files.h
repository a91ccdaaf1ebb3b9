// SPDX-License-Identifier: MIT
// Where the tests' data is, and reading it.
#ifndef LLM_TEST_FILES_H
#define LLM_TEST_FILES_H

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The whole file with a NUL behind it, to be freed; NULL: there is none.
static inline char *test_file_read(const char *path, size_t *ret_len) {
    FILE *f = fopen(path, "rbe");
    if (f == NULL) {
        return NULL;
    }
    size_t len = 0, cap = 4096;
    char *text = malloc(cap);
    size_t n;
    while (text != NULL && (n = fread(text + len, 1, cap - len - 1, f)) > 0) {
        len += n;
        if (cap - len < 2) {
            cap *= 2;
            char *more = realloc(text, cap);
            if (more == NULL) {
                free(text);
            }
            text = more;
        }
    }
    (void)fclose(f);
    if (text != NULL) {
        text[len] = '\0';
    }
    if (ret_len != NULL) {
        *ret_len = len;
    }
    return text;
}

// A directory of the shared data: recordings, vectors.  It may be absent.
static inline void test_shared_dir(const char *name, char *ret, size_t size) {
    const char *shared = getenv("LLM_MASTER_SHARED");
    const char *source = getenv("LLM_TEST_SOURCE");
    if (shared != NULL && shared[0] != '\0') {
        (void)snprintf(ret, size, "%s/%s", shared, name);
    } else {
        (void)snprintf(ret, size, "%s/../shared/%s", source != NULL ? source : ".", name);
        if (access(ret, F_OK) != 0) { // a working copy beside the first one
            (void)snprintf(ret, size, "%s/../../shared/%s", source != NULL ? source : ".", name);
        }
    }
}

// The shipped file of a provider as plain JSON, to be freed; NULL: there is none.
static inline char *test_provider_config(const char *provider) {
    const char *source = getenv("LLM_TEST_SOURCE");
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/providers.d/%s.json", source != NULL ? source : ".", provider);
    char *text = test_file_read(path, NULL);
    if (text != NULL) {
        cJSON_Minify(text); // comments are allowed there
    }
    return text;
}

#endif
