// SPDX-License-Identifier: MIT
// plugins pack: a folder to hand on, with the file, its manifest and the sums of both.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "validator.h"

static bool write_to(const char *dir, const char *name, llm_str text) {
    char path[8192];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wbx");
    const bool ok = f != NULL && fwrite(text.ptr, 1, text.len, f) == text.len;
    const bool closed = f == NULL || fclose(f) == 0;
    if (!ok || !closed) {
        (void)fprintf(stderr, "llm-plugin-check: cannot write %s: %s\n", path, strerror(errno));
    }
    return ok && closed;
}

static size_t sum_line(char *buf, size_t size, llm_str text, const char *name) {
    struct llm_sha256 sha;
    uint8_t sum[LLM_SHA256_BYTES];
    char hex[2 * LLM_SHA256_BYTES + 1];
    llm_sha256_init(&sha, llm_sha256_pick());
    llm_sha256_put(&sha, text.ptr, text.len);
    llm_sha256_end(&sha, sum);
    for (size_t i = 0; i < LLM_SHA256_BYTES; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    }
    const int n = snprintf(buf, size, "%s  %s\n", hex, name);
    return n > 0 ? (size_t)n : 0;
}

int check_pack(const struct check_options *options, const char *dir) {
    static const struct check_test as_if = {1, "pack", CHECK_ERROR, "", "", NULL};
    static struct check check;
    const char *slash = strrchr(options->file, '/');
    const char *name = slash != NULL ? slash + 1 : options->file;
    char sums[1024];
    check = (struct check){.options = options, .test = &as_if, .fd = -1};
    if (!check_file(&check) || check.facts.id.ptr == NULL) {
        (void)fprintf(stderr, "llm-plugin-check: %s: %s\n", options->file,
                      check.text[0] != '\0' ? check.text
                                            : "there is no manifest that can be read (see check)");
        return 1;
    }
    const llm_str file = codec_vectors_file(options->file);
    if (file.ptr == NULL || mkdir(dir, 0777) != 0) {
        (void)fprintf(stderr, "llm-plugin-check: cannot make %s: %s\n", dir, strerror(errno));
        llm_mem_free((void *)(uintptr_t)file.ptr);
        return 2;
    }
    size_t n = sum_line(sums, sizeof sums, file, name);
    n += sum_line(sums + n, sizeof sums - n, check.manifest, "plugin.json");
    const bool ok = write_to(dir, name, file) && write_to(dir, "plugin.json", check.manifest) &&
                    write_to(dir, "SHA256SUMS", (llm_str){sums, n});
    llm_mem_free((void *)(uintptr_t)file.ptr);
    if (ok) {
        (void)printf("%s: %s, plugin.json, SHA256SUMS of %.*s %.*s\n", dir, name, LLM_FMT(check.facts.id),
                     LLM_FMT(check.facts.version));
    }
    return ok ? 0 : 2;
}
