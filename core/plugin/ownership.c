// SPDX-License-Identifier: MIT
#include "plugin/ownership.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#include "base/limits.h"

static unsigned mode_of(const struct stat *st) {
    return (unsigned)(st->st_mode & 07777);
}

static bool owner_is_believed(const struct stat *st) {
    return st->st_uid == 0 || st->st_uid == geteuid();
}

static llm_status refuse_owner(const char *what, const char *path, const struct stat *st,
                               struct llm_reason *why) {
    if (geteuid() == 0) {
        return llm_refuse(why, "%s%s belongs to user %u, not to root: chown it to root", what, path,
                          (unsigned)st->st_uid);
    }
    return llm_refuse(why, "%s%s belongs to user %u, neither to root nor to you (user %u): chown it", what,
                      path, (unsigned)st->st_uid, (unsigned)geteuid());
}

static llm_status judge_dir(const char *path, bool is_parent, struct llm_reason *why) {
    struct stat st;
    if (lstat(path, &st) != 0) {
        return llm_refuse(why, "cannot look at the directory %s: %s", path, strerror(errno));
    }
    if (!S_ISDIR(st.st_mode)) {
        return llm_refuse(why, "%s is not a directory any more: look again", path);
    }
    if (!owner_is_believed(&st)) {
        return refuse_owner("the directory ", path, &st, why);
    }
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (is_parent && (st.st_mode & S_ISVTX) != 0)) {
        return LLM_OK;
    }
    if ((st.st_mode & S_ISVTX) != 0) {
        return llm_refuse(why,
                          "the directory %s is open to everyone (mode %04o): make one of your own inside it",
                          path, mode_of(&st));
    }
    return llm_refuse(why, "others can write to the directory %s (mode %04o): chmod go-w %s", path,
                      mode_of(&st), path);
}

llm_status llm_ownership_check_dir(const char *real_path, struct llm_reason *why) {
    char parent[PATH_MAX];
    const size_t len = strlen(real_path);
    if (real_path[0] != '/' || len >= sizeof parent) {
        return llm_refuse(why, "%s is not an absolute path below %d bytes", real_path, PATH_MAX);
    }
    llm_status status = LLM_OK;
    for (size_t end = 1; end < len && status == LLM_OK; end++) { // "/", "/a", "/a/b"
        if (end > 1 && real_path[end] != '/') {
            continue;
        }
        memcpy(parent, real_path, end);
        parent[end] = '\0';
        status = judge_dir(parent, true, why);
    }
    return status == LLM_OK ? judge_dir(real_path, false, why) : status;
}

static const char *kind_of(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFDIR: return "a directory";
    case S_IFLNK: return "a symbolic link";
    case S_IFIFO: return "a named pipe";
    case S_IFSOCK: return "a socket";
    default: return "a device";
    }
}

llm_status llm_ownership_check_file(const struct stat *st, struct llm_reason *why) {
    if (S_ISLNK(st->st_mode)) {
        return llm_refuse(why, "it is a symbolic link: copy the file itself here");
    }
    if (!S_ISREG(st->st_mode)) {
        return llm_refuse(why, "it is %s, not a file: remove it or rename it", kind_of(st->st_mode));
    }
    if (!owner_is_believed(st)) {
        return refuse_owner("it", "", st, why);
    }
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return llm_refuse(why, "others can write to it (mode %04o): chmod go-w it", mode_of(st));
    }
    if (st->st_size <= 0) {
        return llm_refuse(why, "the file is empty: copy it again");
    }
    if ((uint64_t)st->st_size > LLM_MAX_PLUGIN_BYTES) {
        return llm_refuse(why, "the file has %" PRIu64 " bytes; a plugin may have %u", (uint64_t)st->st_size,
                          LLM_MAX_PLUGIN_BYTES);
    }
    return LLM_OK;
}
