// SPDX-License-Identifier: MIT
#include "test_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *root(void) {
    const char *source = getenv("LLM_TEST_SOURCE");
    return source != NULL ? source : ".";
}

void test_data_source(char path[TEST_PATH_BYTES], const char *name) {
    (void)snprintf(path, TEST_PATH_BYTES, "%s/%s", root(), name);
}

bool test_data_shared(char path[TEST_PATH_BYTES], const char *name) {
    const char *shared = getenv("LLM_MASTER_SHARED");
    if (shared != NULL) {
        (void)snprintf(path, TEST_PATH_BYTES, "%s/%s", shared, name);
    } else {
        (void)snprintf(path, TEST_PATH_BYTES, "%s/../shared/%s", root(), name);
    }
    return access(path, R_OK) == 0;
}

char *test_data_read(const char *path, size_t *ret_len) {
    struct stat info;
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    if (file != NULL && fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode)) {
        const size_t len = (size_t)info.st_size;
        bytes = malloc(len > 0 ? len : 1);
        if (bytes != NULL && fread(bytes, 1, len, file) != len) {
            free(bytes);
            bytes = NULL;
        }
        *ret_len = len;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return bytes;
}

char *test_data_text(const char *bytes, size_t n) {
    char *text = malloc(n + 1);
    if (text != NULL) {
        if (n > 0) {
            memcpy(text, bytes, n);
        }
        text[n] = '\0';
    }
    return text;
}
