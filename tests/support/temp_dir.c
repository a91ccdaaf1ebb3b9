// SPDX-License-Identifier: MIT
#include "temp_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what, const char *path) {
    printf("Bail out! cannot %s %s: %s\n", what, path, strerror(errno));
    exit(99);
}

void temp_dir_new(struct temp_dir *dir) {
    char given[200], *real;
    const char *base = getenv("TMPDIR");
    snprintf(given, sizeof given, "%s/llm-test-XXXXXX", base != NULL && base[0] == '/' ? base : "/tmp");
    if (mkdtemp(given) == NULL || (real = realpath(given, NULL)) == NULL) {
        die("make", given);
        return;
    }
    snprintf(dir->path, sizeof dir->path, "%s", real);
    free(real);
    if (chmod(dir->path, 0755) != 0) {
        die("chmod", dir->path);
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

void temp_dir_free(struct temp_dir *dir) {
    if (nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        die("remove", dir->path);
    }
}

const char *temp_dir_file(const struct temp_dir *dir, const char *name) {
    static char paths[8][600];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", dir->path, name);
    return path;
}

void temp_dir_write(const struct temp_dir *dir, const char *name, const void *bytes, size_t len,
                    mode_t mode) {
    const char *path = temp_dir_file(dir, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, len, file) != len || fclose(file) != 0 || chmod(path, mode) != 0) {
        die("write", path);
    }
}

void temp_dir_make(const struct temp_dir *dir, const char *name, mode_t mode) {
    const char *path = temp_dir_file(dir, name);
    if (mkdir(path, 0700) != 0 || chmod(path, mode) != 0) {
        die("make", path);
    }
}

char *temp_dir_read(const char *path, size_t *ret_len) {
    FILE *file = fopen(path, "rb");
    struct stat st;
    if (file == NULL || fstat(fileno(file), &st) != 0) {
        die("read", path);
        return NULL;
    }
    char *bytes = malloc((size_t)st.st_size + 1);
    if (bytes == NULL || fread(bytes, 1, (size_t)st.st_size, file) != (size_t)st.st_size) {
        die("read", path);
        return NULL;
    }
    fclose(file);
    bytes[st.st_size] = '\0';
    *ret_len = (size_t)st.st_size;
    return bytes;
}

void temp_dir_copy(const struct temp_dir *dir, const char *from, const char *name) {
    char temporary[300];
    size_t len = 0;
    char *bytes = temp_dir_read(from, &len);
    snprintf(temporary, sizeof temporary, "%.200s.new", name);
    temp_dir_write(dir, temporary, bytes, len, 0755);
    free(bytes);
    if (rename(temp_dir_file(dir, temporary), temp_dir_file(dir, name)) != 0) {
        die("rename", name);
    }
}
