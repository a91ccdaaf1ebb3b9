// SPDX-License-Identifier: MIT
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBERS_MAX 10000u

static int no_memory(struct cli *cli) {
    cli_say(cli, "record", "out of memory: nothing is written");
    return CLI_FAILED;
}

static int cannot(struct cli *cli, const char *path, int error) {
    cli_say(cli, "record", "%s: cannot be written: %s", path, strerror(error));
    return CLI_FAILED;
}

// "a/b", NUL-terminated in *ret, which is emptied before.
static bool join(struct host_text *ret, const char *a, const char *b) {
    ret->len = 0;
    host_text_text(ret, a);
    host_text_text(ret, b[0] != '\0' ? "/" : "");
    host_text_text(ret, b);
    host_text_add(ret, "", 1);
    return !ret->failed;
}

// ---- the place ---------------------------------------------------------------------------------------------------------

static bool holds(const char *folder, const char *name) {
    struct host_text path = {0};
    const bool is_there = join(&path, folder, name) && access(path.ptr, F_OK) == 0;
    host_text_done(&path);
    return is_there;
}

static bool is_recording(const char *folder) {
    return holds(folder, "meta.json") || holds(folder, "1/meta.json");
}

static const char *free_folder(struct cli *cli, const char *stem) {
    for (unsigned i = 1; i < NUMBERS_MAX; i++) {
        struct host_text path = {0};
        host_text_text(&path, "fixtures/");
        host_text_text(&path, stem);
        host_text_text(&path, "-");
        host_text_number(&path, i);
        host_text_add(&path, "", 1);
        const bool is_free = !path.failed && access(path.ptr, F_OK) != 0;
        const llm_str kept = is_free ? host_pool_copy(&cli->pool, host_text_str(&path)) : (llm_str){0};
        const bool failed = path.failed || (is_free && kept.ptr == NULL);
        host_text_done(&path);
        if (failed || is_free) {
            return kept.ptr;
        }
    }
    return NULL;
}

static int make_parents(struct cli *cli, char *path) {
    for (char *at = path + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        const bool failed = mkdir(path, 0777) != 0 && errno != EEXIST;
        const int error = errno;
        if (failed) {
            return cannot(cli, path, error);
        }
        *at = '/';
    }
    return CLI_OK;
}

static int make_temp(struct fixture *fixture) {
    struct host_text *temp = &fixture->temp;
    const char *slash = strrchr(fixture->folder, '/');
    const size_t stem = slash != NULL ? (size_t)(slash - fixture->folder) + 1 : 0;
    host_text_add(temp, fixture->folder, stem);
    host_text_text(temp, ".");
    host_text_text(temp, fixture->folder + stem);
    host_text_text(temp, ".XXXXXX");
    host_text_add(temp, "", 1);
    if (temp->failed) {
        temp->len = 0;
        return no_memory(fixture->cli);
    }
    const int status = make_parents(fixture->cli, temp->ptr);
    if (status == CLI_OK && mkdtemp(temp->ptr) != NULL) {
        return CLI_OK;
    }
    const int error = errno;
    temp->len = 0;
    return status != CLI_OK ? status : cannot(fixture->cli, fixture->folder, error);
}

int fixture_begin(struct fixture *fixture, struct cli *cli, const char *folder, const char *stem,
                  bool force) {
    *fixture = (struct fixture){.cli = cli, .force = force};
    fixture->folder = folder != NULL ? folder : free_folder(cli, stem);
    if (fixture->folder == NULL) {
        return no_memory(cli);
    }
    size_t len = strlen(fixture->folder);
    while (len > 1 && fixture->folder[len - 1] == '/') {
        len--;
    }
    fixture->folder = host_pool_copy(&cli->pool, (llm_str){fixture->folder, len}).ptr;
    if (fixture->folder == NULL) {
        return no_memory(cli);
    }
    if (access(fixture->folder, F_OK) == 0) {
        if (!force) {
            cli_say(cli, "record", "%s: it is there already; -f overwrites it", fixture->folder);
            return CLI_USAGE;
        }
        if (!is_recording(fixture->folder)) {
            cli_say(cli, "record", "%s: this is no recording (no meta.json): it is not overwritten",
                    fixture->folder);
            return CLI_USAGE;
        }
    }
    return make_temp(fixture);
}

struct fixture_file *fixture_add(struct fixture *fixture, const char *name) {
    if (fixture->n_files == fixture->cap_files) {
        const size_t cap = fixture->cap_files == 0 ? 16 : fixture->cap_files * 2;
        struct fixture_file *files = realloc(fixture->files, cap * sizeof *files);
        if (files == NULL) {
            no_memory(fixture->cli);
            return NULL;
        }
        fixture->files = files;
        fixture->cap_files = cap;
    }
    struct fixture_file *file = &fixture->files[fixture->n_files++];
    *file = (struct fixture_file){0};
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    return file;
}

// ---- writing -----------------------------------------------------------------------------------------------------------

// 0, or an errno.
static int write_file(const char *path, llm_str data) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t at = 0;
    while (fd >= 0 && at < data.len) {
        const ssize_t n = write(fd, data.ptr + at, data.len - at);
        if (n < 0 && errno != EINTR) {
            break;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    int error = fd < 0 || at < data.len ? errno : 0;
    if (fd >= 0) {
        error = error == 0 && fsync(fd) != 0 ? errno : error;
        error = close(fd) != 0 && error == 0 ? errno : error;
    }
    return error;
}

static int write_all(const struct fixture *fixture) {
    for (size_t i = 0; i < fixture->n_files; i++) {
        const struct fixture_file *file = &fixture->files[i];
        struct host_text path = {0}, shown = {0};
        int status = CLI_OK;
        if (!join(&path, fixture->temp.ptr, file->name) || !join(&shown, fixture->folder, file->name)) {
            status = no_memory(fixture->cli);
        } else {
            char *slash = strrchr(path.ptr, '/');
            *slash = '\0';
            int error = mkdir(path.ptr, 0700) != 0 && errno != EEXIST ? errno : 0;
            *slash = '/';
            error = error != 0 ? error : write_file(path.ptr, host_text_str(&file->text));
            status = error != 0 ? cannot(fixture->cli, shown.ptr, error) : CLI_OK;
        }
        host_text_done(&path);
        host_text_done(&shown);
        if (status != CLI_OK) {
            return status;
        }
    }
    return CLI_OK;
}

// ---- removing ----------------------------------------------------------------------------------------------------------

static int is_entry(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static bool is_own(const char *path, const char *name, unsigned depth) {
    return strcmp(name, "meta.json") == 0 || strcmp(name, "query.json") == 0 ||
           strcmp(name, "vectors.json") == 0 || strncmp(name, "request.", 8) == 0 ||
           strncmp(name, "response.", 9) == 0 ||
           (depth == 0 && strspn(name, "0123456789") == strlen(name) && holds(path, "meta.json"));
}

// Remove a folder of ours, two levels deep.  rest (nullable): files that are not ours go there, those of a step into its folder.
static void remove_folder(const char *gone, const char *rest, unsigned depth) {
    struct dirent **entries = NULL;
    const int n = scandir(gone, &entries, is_entry, alphasort);
    for (int i = 0; i < n; i++) {
        struct host_text from = {0}, to = {0};
        const char *name = entries[i]->d_name;
        if (join(&from, gone, name) && (rest == NULL || join(&to, rest, name))) {
            if (rest != NULL && !is_own(from.ptr, name, depth)) {
                (void)mkdir(rest, 0700);
                (void)rename(from.ptr, to.ptr);
            } else if (unlink(from.ptr) != 0 && depth == 0) {
                remove_folder(from.ptr, rest != NULL ? to.ptr : NULL, depth + 1);
            }
        }
        host_text_done(&from);
        host_text_done(&to);
        free(entries[i]);
    }
    free(entries);
    (void)rmdir(gone);
}

// Some file systems know no rename that replaces nothing.
static bool place(const char *temp, const char *folder) {
    if (renameat2(AT_FDCWD, temp, AT_FDCWD, folder, RENAME_NOREPLACE) == 0) {
        return true;
    }
    return errno == EINVAL && access(folder, F_OK) != 0 && rename(temp, folder) == 0;
}

int fixture_commit(struct fixture *fixture) {
    const char *temp = fixture->temp.ptr, *folder = fixture->folder;
    const int status = write_all(fixture);
    if (status != CLI_OK) {
        return status;
    }
    if (place(temp, folder)) {
        fixture->temp.len = 0;
        return CLI_OK;
    }
    if (errno != EEXIST) {
        return cannot(fixture->cli, folder, errno);
    }
    if (!fixture->force) {
        cli_say(fixture->cli, "record", "%s: it is there by now; -f overwrites it", folder);
        return CLI_FAILED;
    }
    if (renameat2(AT_FDCWD, temp, AT_FDCWD, folder, RENAME_EXCHANGE) != 0) {
        return cannot(fixture->cli, folder, errno);
    }
    remove_folder(temp, folder, 0);
    fixture->temp.len = 0;
    return CLI_OK;
}

void fixture_done(struct fixture *fixture) {
    if (fixture->temp.len > 0) {
        remove_folder(fixture->temp.ptr, NULL, 0);
    }
    for (size_t i = 0; i < fixture->n_files; i++) {
        host_text_done(&fixture->files[i].text);
    }
    free(fixture->files);
    host_text_done(&fixture->temp);
    fixture->files = NULL;
    fixture->n_files = 0;
}
