// SPDX-License-Identifier: MIT
#include "metrics.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static bool write_file(const char *path, const char *text, size_t len) {
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return false;
    }
    const bool good = fwrite(text, 1, len, file) == len;
    return fclose(file) == 0 && good;
}

// A reader that comes meanwhile sees the old file or the new one.
static bool replace_file(struct cli *cli, const char *path, const char *text, size_t len) {
    struct stat st;
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        return write_file(path, text, len);
    }
    const size_t n = strlen(path) + sizeof ".tmp";
    char *temporary = host_pool_alloc(&cli->pool, n);
    if (temporary == NULL) {
        errno = ENOMEM;
        return false;
    }
    (void)snprintf(temporary, n, "%s.tmp", path);
    if (write_file(temporary, text, len) && rename(temporary, path) == 0) {
        return true;
    }
    const int saved = errno;
    (void)remove(temporary);
    errno = saved;
    return false;
}

bool cli_write_metrics(struct cli *cli) {
    char *text = NULL;
    size_t len = 0;
    if (cli->metrics_file == NULL || cli->master == NULL) {
        return true;
    }
    llm_master_log_dropped(cli->master, cli->log_lost);
    if (llm_master_metrics(cli->master, &text, &len, NULL) != LLM_OK) {
        cli_say(cli, NULL, "out of memory");
        return false;
    }
    const bool good = replace_file(cli, cli->metrics_file, text, len);
    if (!good) {
        cli_say(cli, NULL, "%s: %s", cli->metrics_file, strerror(errno));
    }
    llm_free(text);
    return good;
}
