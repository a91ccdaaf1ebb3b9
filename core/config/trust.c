// SPDX-License-Identifier: MIT
#include "config/trust.h"

#include <unistd.h>

const char *llm_trust_file(const struct stat *info) {
    const uid_t user = geteuid();
    if (info->st_uid != 0 && info->st_uid != user) {
        return "it belongs to another user (chown it)";
    }
    if ((info->st_mode & S_IWOTH) != 0) {
        return "everybody can write it (chmod go-w)";
    }
    const bool private_group =
        info->st_uid == user && info->st_gid == (gid_t)user && getegid() == info->st_gid;
    if ((info->st_mode & S_IWGRP) != 0 && info->st_gid != 0 && !private_group) {
        return "its group can write it (chmod g-w)";
    }
    return NULL;
}
