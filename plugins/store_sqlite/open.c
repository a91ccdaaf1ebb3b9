// SPDX-License-Identifier: MIT
// The file: nobody else may read or write it.  It is opened by its real path, and again known by its inode.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store.h"

static llm_status fail_errno(llm_store_fault *fault, const char *path, const char *doing, int code) {
    const llm_status status = code == ENOSPC || code == EDQUOT  ? LLM_E_LIMIT
                              : code == EROFS || code == EACCES ? LLM_E_DENIED
                                                                : LLM_E_CONFIG;
    fault->code = code;
    return store_fail(fault, status, "%s: cannot %s: %s", path, doing, strerror(code));
}

// ---- directories -----------------------------------------------------------------------------------------------------

// Every directory on the way to the file that is missing, for its owner alone.
static llm_status make_directories(char *path, llm_store_fault *fault) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const int failed = mkdir(path, 0700) != 0 && errno != EEXIST ? errno : 0;
        const llm_status status =
            failed != 0 ? fail_errno(fault, path, "make this directory", failed) : LLM_OK;
        *slash = '/';
        if (status != LLM_OK) {
            return status;
        }
    }
    return LLM_OK;
}

static bool others_can_write(const struct stat *st) {
    return (st->st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st->st_mode & S_ISVTX) == 0;
}

// store->path becomes the real one: of its directory, then the name.
static llm_status find_place(const llm_store_args *args, llm_store *store, llm_store_fault *fault) {
    char given[STORE_PATH_MAX], dir[PATH_MAX];
    struct stat st;
    if (args->path.ptr == NULL || args->path.len == 0 || args->path.ptr[0] != '/' ||
        args->path.len >= sizeof given) {
        return store_fail(fault, LLM_E_CONFIG, "ledger.path must be the absolute path of a file");
    }
    memcpy(given, args->path.ptr, args->path.len);
    given[args->path.len] = '\0';
    if ((args->flags & (LLM_STORE_MAKE | LLM_STORE_READ)) == LLM_STORE_MAKE) {
        const llm_status status = make_directories(given, fault);
        if (status != LLM_OK) {
            return status;
        }
    }
    char *slash = strrchr(given, '/');
    const char *name = slash + 1;
    *slash = '\0';
    const char *parent = given[0] != '\0' ? given : "/";
    if (realpath(parent, dir) == NULL || stat(dir, &st) != 0) {
        const bool read = (args->flags & LLM_STORE_READ) != 0 && errno == ENOENT;
        return fail_errno(fault, args->path.ptr,
                          read ? "find its directory, no call was recorded there yet" : "find its directory",
                          errno);
    }
    if (others_can_write(&st)) {
        return store_fail(fault, LLM_E_CONFIG, "%s: others can write to this directory: chmod 700 it", dir);
    }
    const int len = snprintf(store->path, sizeof store->path, "%s/%s", dir[1] != '\0' ? dir : "", name);
    if (name[0] == '\0' || len < 0 || (size_t)len >= sizeof store->path) {
        return store_fail(fault, LLM_E_CONFIG, "%s: this is no path of a file", args->path.ptr);
    }
    return LLM_OK;
}

// ---- the file --------------------------------------------------------------------------------------------------------

// The file is never opened here: closing a descriptor would take away the locks that SQLite holds on it for other connections of
// this process.  Its directory is ours alone, so that what is looked at is what SQLite opens.
static llm_status judge(llm_store *store, bool read, llm_store_fault *fault) {
    struct stat st;
    if (lstat(store->path, &st) != 0) {
        return fail_errno(fault, store->path,
                          read && errno == ENOENT ? "read it; no call was recorded there yet" : "look at it",
                          errno);
    }
    if (S_ISLNK(st.st_mode)) {
        return store_fail(fault, LLM_E_CONFIG, "%s: this is a symbolic link: name the file itself",
                          store->path);
    }
    if (!S_ISREG(st.st_mode)) {
        return store_fail(fault, LLM_E_CONFIG, "%s: this is no file", store->path);
    }
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return store_fail(fault, LLM_E_CONFIG, "%s: others can write to it: chmod 600 it", store->path);
    }
    if ((st.st_mode & 077) != 0 && !read && chmod(store->path, 0600) != 0) {
        return fail_errno(fault, store->path, "make it readable for its owner alone", errno);
    }
    store->dev = st.st_dev;
    store->ino = st.st_ino;
    return LLM_OK;
}

// Made by us, so that it is its owner's alone from the first moment; SQLite gives the files beside it the same permissions.
static llm_status make_file(llm_store *store, bool read, llm_store_fault *fault) {
    if (!read && mknod(store->path, S_IFREG | 0600, 0) != 0 && errno != EEXIST) {
        return fail_errno(fault, store->path, "make this file", errno);
    }
    return judge(store, read, fault);
}

llm_status store_still_there(const llm_store *store, llm_store_fault *fault) {
    struct stat st;
    if (lstat(store->path, &st) == 0 && st.st_dev == store->dev && st.st_ino == store->ino) {
        return LLM_OK;
    }
    return store_fail(fault, LLM_E_INTERNAL, "%s: the file was removed or replaced", store->path);
}

// ---- the connection ----------------------------------------------------------------------------------------------------

// Called while another program holds the lock: wait a little, or give up.
static int on_busy(void *ctx, int times) {
    llm_store *store = ctx;
    const int waited_ms = times < 10 ? times : 10 + (times - 10) * 20;
    if ((uint32_t)waited_ms >= store->wait_ms || atomic_load(&store->interrupted)) {
        return 0;
    }
    const struct timespec nap = {.tv_nsec = (times < 10 ? 1 : 20) * 1000000L};
    (void)nanosleep(&nap, NULL);
    return atomic_load(&store->interrupted) ? 0 : 1;
}

llm_status store_use_wal(llm_store *store, llm_store_fault *fault) {
    sqlite3_stmt *stmt = NULL;
    llm_status status = store_prepare(store, "PRAGMA journal_mode = WAL", 0, &stmt, fault);
    if (status != LLM_OK) {
        return status;
    }
    const int code = sqlite3_step(stmt);
    const char *mode = code == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (code != SQLITE_ROW) {
        status = store_sqlite_fail(store, fault, code, "cannot use");
    } else if (mode == NULL || strcmp(mode, "wal") != 0) {
        status = store_fail(fault, LLM_E_CONFIG,
                            "%s: SQLite cannot keep a write-ahead log there: name a place on a local disk",
                            store->path);
    }
    (void)sqlite3_finalize(stmt);
    return status;
}

static llm_status connect_by(llm_store *store, const char *name, int flags, llm_store_fault *fault) {
#ifdef SQLITE_OPEN_NOFOLLOW
    flags |= SQLITE_OPEN_NOFOLLOW;
#endif
    int code = sqlite3_open_v2(name, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        return store_sqlite_fail(store, fault, code, "cannot open");
    }
    (void)sqlite3_extended_result_codes(store->db, 1);
    (void)sqlite3_busy_handler(store->db, on_busy, store);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
#ifdef SQLITE_DBCONFIG_TRUSTED_SCHEMA
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
#endif
    (void)sqlite3_limit(store->db, SQLITE_LIMIT_ATTACHED, 0);
    return store_run(store, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;",
                     fault);
}

static llm_status connect_to(llm_store *store, bool read, llm_store_fault *fault) {
    return connect_by(store, store->path, read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, fault);
}

// ---- readers that may not write ------------------------------------------------------------------------------------

// Do rows wait in the write-ahead log?  Also when that cannot be told.
static bool has_log(const llm_store *store) {
    char log[STORE_PATH_MAX + 8];
    struct stat st;
    (void)snprintf(log, sizeof log, "%s-wal", store->path);
    return stat(log, &st) == 0 ? st.st_size > 0 : errno != ENOENT;
}

static void write_uri(char *uri, size_t size, const char *path) {
    static const char digits[] = "0123456789ABCDEF";
    size_t n = (size_t)snprintf(uri, size, "file:");
    for (; *path != '\0'; path++) {
        const unsigned char c = (unsigned char)*path;
        if (c == '%' || c == '?' || c == '#') {
            uri[n++] = '%';
            uri[n++] = digits[c >> 4];
            uri[n++] = digits[c & 15];
        } else {
            uri[n++] = *path;
        }
    }
    (void)snprintf(uri + n, size - n, "?immutable=1");
}

llm_status store_open_frozen(llm_store *store, llm_store_fault *fault) {
    char uri[3 * STORE_PATH_MAX + 32];
    struct stat st;
    if (has_log(store)) {
        return store_fail(fault, LLM_E_DENIED,
                          "%s: rows wait in %s-wal, and to read them takes write access to both and to their "
                          "directory: ask as their owner, or when the program that writes them has ended",
                          store->path, store->path);
    }
    if (stat(store->path, &st) != 0) {
        return fail_errno(fault, store->path, "look at it", errno);
    }
    (void)sqlite3_close_v2(store->db);
    store->db = NULL;
    store->frozen = true;
    store->frozen_size = st.st_size;
    store->frozen_time = st.st_mtim;
    write_uri(uri, sizeof uri, store->path);
    return connect_by(store, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, fault);
}

llm_status store_report_over(const llm_store *store, llm_status status, llm_store_fault *fault) {
    struct stat st;
    const bool same =
        !store->frozen ||
        (!has_log(store) && stat(store->path, &st) == 0 && st.st_dev == store->dev &&
         st.st_ino == store->ino && st.st_size == store->frozen_size &&
         st.st_mtim.tv_sec == store->frozen_time.tv_sec && st.st_mtim.tv_nsec == store->frozen_time.tv_nsec);
    return same || status < 0 ? status
                              : store_fail(fault, LLM_E_OVERLOADED,
                                           "%s: another program began to write it: ask again", store->path);
}

llm_status store_open(const llm_store_args *args, llm_store *store, llm_store_fault *fault) {
    const bool read = (args->flags & LLM_STORE_READ) != 0;
    if (sqlite3_threadsafe() == 0) {
        return store_fail(fault, LLM_E_CONFIG, "SQLite was built without threads: use another build of it");
    }
    llm_status status = find_place(args, store, fault);
    status = status == LLM_OK ? make_file(store, read, fault) : status;
    status = status == LLM_OK ? connect_to(store, read, fault) : status;
    if (status != LLM_OK || read) {
        return status;
    }
    if (sqlite3_db_readonly(store->db, "main") != 0) {
        return store_fail(fault, LLM_E_DENIED, "%s: it is read-only", store->path);
    }
    // Rows are appended: a few pages are enough, and memory is what it is after a minute, not after a day.
    return store_run(
        store, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -256;",
        fault);
}
