// SPDX-License-Identifier: MIT
// The catalogue's file: the new one is written beside the old, which keeps its place until all of it is safe.
#include "catalog/update.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "llm_json.h"

static llm_status fail_errno(llm_error *err, const char *path, const char *what) {
    return llm_fail(err, LLM_E_CONFIG, "%s: %s: %s", path, what, strerror(errno));
}

// The directories above a file.
static void make_dirs(const char *path) {
    char dir[PATH_MAX];
    (void)snprintf(dir, sizeof dir, "%s", path);
    for (char *slash = strchr(dir + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(dir, 0700);
        *slash = '/';
    }
}

static bool write_all(int fd, llm_str text) {
    while (text.len > 0) {
        const ssize_t done = write(fd, text.ptr, text.len);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        text = llm_str_cut(text, done > 0 ? (size_t)done : 0);
    }
    return fsync(fd) == 0;
}

static void sync_dir(const char *path) {
    char dir[PATH_MAX];
    (void)snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash == NULL) {
        return;
    }
    slash[slash == dir ? 1 : 0] = '\0';
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

static llm_status swap_in(const char *path, llm_str text, llm_error *err) {
    char temp[PATH_MAX], old[PATH_MAX];
    const int n = snprintf(temp, sizeof temp, "%s.%ld.tmp", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof temp) {
        return llm_fail(err, LLM_E_CONFIG, "%s: the path is too long", path);
    }
    (void)snprintf(old, sizeof old, "%s.bak", path);
    make_dirs(path);
    (void)unlink(temp);
    const int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        return fail_errno(err, temp, "cannot be made");
    }
    const bool written = write_all(fd, text);
    const int failed = errno;
    if (close(fd) != 0 || !written) {
        errno = written ? errno : failed;
        (void)fail_errno(err, temp, "cannot be written");
        (void)unlink(temp);
        return LLM_E_CONFIG;
    }
    (void)unlink(old);
    (void)link(path, old); // there may be none yet
    if (rename(temp, path) != 0) {
        (void)fail_errno(err, path, "cannot be replaced");
        (void)unlink(temp);
        return LLM_E_CONFIG;
    }
    sync_dir(path);
    return LLM_OK;
}

// ---- the list ------------------------------------------------------------------------------------------------

static llm_status read_all(int fd, const char *path, struct llm_buf *ret, llm_error *err) {
    for (;;) {
        if (llm_buf_reserve(ret, 65536) != LLM_OK) {
            return llm_fail(err, LLM_E_CONFIG, "%s: larger than %u bytes", path, LLM_MAX_CATALOGUE_BYTES);
        }
        const ssize_t got = read(fd, ret->ptr + ret->len, 65536);
        if (got < 0 && errno != EINTR) {
            return fail_errno(err, path, "cannot be read");
        }
        if (got == 0) {
            return LLM_OK;
        }
        ret->len += got > 0 ? (size_t)got : 0;
    }
}

// The text, and the day of its last change.
static llm_status read_list(const char *path, struct llm_buf *ret, char *day, size_t day_size,
                            llm_error *err) {
    struct stat info;
    struct tm tm;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        const int failed = errno;
        (void)fail_errno(err, path, "cannot be read");
        return failed == ENOENT ? llm_fail(err, LLM_E_NOT_FOUND, "%s: no such file", path) : LLM_E_CONFIG;
    }
    const llm_status status = fstat(fd, &info) == 0 ? read_all(fd, path, ret, err) : LLM_E_CONFIG;
    (void)close(fd);
    if (status == LLM_OK && gmtime_r(&info.st_mtime, &tm) != NULL) {
        (void)snprintf(day, day_size, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    }
    return status;
}

// ---- all of it -----------------------------------------------------------------------------------------------

// The report, with what became of it in front.
static char *finish_report(struct llm_buf *report, const char *path, bool written, size_t *ret_len) {
    struct llm_buf out = {.max = 8 * LLM_MAX_CATALOGUE_BYTES};
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &out);
    llm_json_object(&w);
    llm_json_name(&w, "file");
    llm_json_cstring(&w, path);
    llm_json_name(&w, "written");
    llm_json_boolean(&w, written ? 1 : 0);
    llm_json_iter it = llm_json_begin(llm_buf_str(report));
    while (llm_json_next(&it)) {
        llm_json_name_str(&w, llm_json_plain(it.name));
        llm_json_raw(&w, it.value);
    }
    llm_json_object_end(&w);
    if (w.status != LLM_OK) {
        llm_buf_done(&out);
        return NULL;
    }
    *ret_len = out.len;
    return llm_buf_take(&out);
}

static llm_status update(struct llm_snapshot *snapshot, const llm_models_update_args *args,
                         const char *target, char **ret_json, size_t *ret_len, llm_error *err) {
    struct llm_buf list = {.max = LLM_MAX_CATALOGUE_BYTES + 65536}, text = {.max = LLM_MAX_CATALOGUE_BYTES},
                   report = {.max = 8 * LLM_MAX_CATALOGUE_BYTES};
    char day[64] = "1970-01-01";
    size_t len = 0;
    const bool dry = (args->flags & LLM_UPDATE_DRY_RUN) != 0;
    llm_status status = read_list(args->file, &list, day, sizeof day, err);
    const llm_str as_of = llm_str_from(args->as_of != NULL ? args->as_of : day);
    if (status == LLM_OK) {
        status = llm_catalogue_make(llm_shelf_catalogue(snapshot), llm_buf_str(&list), args->file, as_of,
                                    args->flags, &text, &report, err);
    }
    if (status == LLM_OK && !dry) {
        status = swap_in(target, llm_buf_str(&text), err);
    }
    if (status == LLM_OK && ret_json != NULL) {
        *ret_json = finish_report(&report, target, !dry, &len);
        status = *ret_json != NULL ? LLM_OK : llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    if (ret_len != NULL) {
        *ret_len = len;
    }
    llm_buf_done(&list);
    llm_buf_done(&text);
    llm_buf_done(&report);
    return status;
}

llm_status llm_catalogue_update(struct llm_snapshot *snapshot, const llm_models_update_args *args,
                                char **ret_json, size_t *ret_len, llm_error *err) {
    int64_t seconds;
    const char *target = args->catalogue != NULL ? args->catalogue : snapshot->settings.user_catalogue;
    if (args->file == NULL) {
        return llm_fail(err, LLM_E_INVALID_REQUEST, "no file was named");
    }
    if (args->as_of != NULL &&
        (strlen(args->as_of) != 10 || !llm_price_parse_date(llm_str_from(args->as_of), &seconds))) {
        return llm_fail(err, LLM_E_INVALID_REQUEST, "as_of must be a day such as \"2026-07-24\"");
    }
    if (target == NULL) {
        return llm_fail(err, LLM_E_CONFIG,
                        "there is no place for the user's catalogue: set HOME or XDG_DATA_HOME");
    }
    return update(snapshot, args, target, ret_json, ret_len, err);
}
