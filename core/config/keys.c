// SPDX-License-Identifier: MIT
#include "config/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "config/command.h"
#include "config/trust.h"

llm_status llm_key_set(struct llm_secret *secret, llm_str value, const char *where, llm_error *err) {
    const llm_status status = llm_secret_set(secret, value);
    if (status == LLM_OK || status == LLM_E_NOMEM) {
        return status == LLM_OK ? status : llm_fail(err, status, "out of memory");
    }
    value = llm_str_trim(value);
    if (value.len == 0) {
        return llm_fail(err, LLM_E_CONFIG, "the key in %s is empty", where);
    }
    if (value.len > LLM_MAX_KEY_BYTES) {
        return llm_fail(err, LLM_E_CONFIG, "the key in %s is longer than %u bytes", where, LLM_MAX_KEY_BYTES);
    }
    size_t i = 0;
    while (i < value.len && (unsigned char)value.ptr[i] >= 0x20 && (unsigned char)value.ptr[i] < 0x7f) {
        i++;
    }
    return llm_fail(err, LLM_E_CONFIG,
                    "the key in %s holds a byte that no key has (byte %zu of %zu is a line end, a control "
                    "character or not ASCII): set it again",
                    where, i + 1, value.len);
}

llm_status llm_settings_env(const struct llm_settings *settings, const char *name, llm_str *ret) {
    const char *value = settings->use_environment ? secure_getenv(name) : NULL;
    if (value == NULL || value[0] == '\0') {
        return LLM_E_NOT_FOUND;
    }
    *ret = llm_str_from(value);
    return LLM_OK;
}

const struct llm_key_setting *llm_settings_key_setting(const struct llm_settings *settings,
                                                       llm_str provider) {
    for (size_t i = 0; i < settings->n_keys; i++) {
        if (llm_str_eq(settings->keys[i].provider, provider)) {
            return &settings->keys[i];
        }
    }
    return NULL;
}

const struct llm_key_setting *llm_settings_key_next(const struct llm_settings *settings,
                                                    const struct llm_key_setting *key) {
    const llm_str provider = key->provider;
    while (++key < settings->keys + settings->n_keys) {
        if (llm_str_eq(key->provider, provider)) {
            return key;
        }
    }
    return NULL;
}

bool llm_key_file_is_open(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && (info.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

// What a file holds, for a key: LLM_MAX_KEY_BYTES and some blanks.
static llm_status read_key_file(int fd, llm_str path, struct llm_buf *ret, llm_error *err) {
    struct stat info;
    if (fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
        return llm_fail(err, LLM_E_CONFIG, "the key file %.*s is no file", LLM_FMT(path));
    }
    const char *distrust = llm_trust_file(&info);
    if (distrust != NULL) {
        return llm_fail(err, LLM_E_CONFIG, "the key file %.*s is refused: %s", LLM_FMT(path), distrust);
    }
    char chunk[1024];
    llm_status status = LLM_OK;
    while (status == LLM_OK) {
        const ssize_t got = read(fd, chunk, sizeof chunk);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            status = llm_fail(err, LLM_E_CONFIG, "the key file %.*s cannot be read: %s", LLM_FMT(path),
                              strerror(errno));
        } else if (got > 0 && llm_buf_put(ret, chunk, (size_t)got) != LLM_OK) {
            status = llm_fail(err, LLM_E_CONFIG, "the key file %.*s is longer than %u bytes", LLM_FMT(path),
                              LLM_MAX_KEY_BYTES);
        }
    }
    llm_wipe(chunk, sizeof chunk);
    return status;
}

static llm_status key_from_file(llm_str path, struct llm_secret *secret, llm_error *err) {
    const int fd = open(path.ptr, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return llm_fail(err, LLM_E_CONFIG, "the key file %.*s cannot be read: %s", LLM_FMT(path),
                        strerror(errno));
    }
    struct llm_buf text = {.max = LLM_MAX_KEY_BYTES + 64};
    char where[256];
    (void)snprintf(where, sizeof where, "file %.*s", LLM_FMT(path));
    // Room for all of it at once: growing would leave pieces of the key in freed memory.
    llm_status status = llm_buf_reserve(&text, text.max);
    status = status == LLM_OK ? read_key_file(fd, path, &text, err) : llm_fail(err, status, "out of memory");
    (void)close(fd);
    status = status == LLM_OK ? llm_key_set(secret, llm_buf_str(&text), where, err) : status;
    llm_wipe(text.ptr, text.cap);
    llm_buf_done(&text);
    return status;
}

static llm_status key_from_command(const struct llm_key_setting *key, struct llm_secret *secret,
                                   llm_error *err) {
    struct llm_buf text = {.max = LLM_MAX_KEY_BYTES + 64};
    llm_error inner = LLM_ERROR_INIT;
    char where[160];
    (void)snprintf(where, sizeof where, "the output of the command for %.*s", LLM_FMT(key->provider));
    llm_status status = llm_buf_reserve(&text, text.max); // as above
    if (status == LLM_OK) {
        status = llm_command_run(key->command.ptr, LLM_KEY_COMMAND_MS, &text, &inner);
    }
    if (status == LLM_OK) {
        status = llm_key_set(secret, llm_buf_str(&text), where, err);
    } else {
        status = status == LLM_E_NOMEM ? status : LLM_E_CONFIG;
        status = llm_fail(err, status, "no key for %.*s: %s", LLM_FMT(key->provider), inner.message);
    }
    llm_wipe(text.ptr, text.cap);
    llm_buf_done(&text);
    return status;
}

// LLM_E_NOT_FOUND: unset.
static llm_status key_from_env(const struct llm_settings *settings, llm_str name, struct llm_arena *arena,
                               struct llm_secret *secret, llm_str *ret_origin, llm_error *err) {
    static const char prefix[] = "environment ";
    struct llm_secret found = {0};
    char where[300];
    llm_str value;
    if (name.len == 0 || name.len > 255) {
        return LLM_E_NOT_FOUND;
    }
    (void)snprintf(where, sizeof where, "%s%.*s", prefix, LLM_FMT(name));
    llm_status status = llm_settings_env(settings, where + strlen(prefix), &value);
    status = status == LLM_OK ? llm_key_set(&found, value, where, err) : status;
    if (status != LLM_OK) {
        return status;
    }
    const llm_str origin = llm_arena_dup(arena, llm_str_from(where));
    if (origin.ptr == NULL) {
        llm_secret_done(&found);
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    llm_secret_done(secret);
    *secret = found;
    *ret_origin = origin;
    return LLM_OK;
}

llm_status llm_settings_key_of(const struct llm_settings *settings, const struct llm_key_setting *key,
                               struct llm_arena *arena, struct llm_secret *secret, llm_str *ret_origin,
                               llm_error *err) {
    struct llm_secret found = {0};
    llm_str origin = {0};
    llm_status status;
    if (llm_secret_has(&key->value)) {
        status = llm_secret_set(&found, llm_secret_reveal(&key->value));
        origin = llm_arena_dup(arena, key->origin);
    } else if (key->file.ptr != NULL) {
        status = key_from_file(key->file, &found, err);
        origin = llm_arena_format(arena, "file %.*s", LLM_FMT(key->file));
    } else if (key->command.ptr != NULL) {
        status = key_from_command(key, &found, err);
        origin = llm_arena_format(arena, "command in %.*s", LLM_FMT(key->origin));
    } else {
        return key_from_env(settings, key->env, arena, secret, ret_origin, err);
    }
    if (status == LLM_E_NOMEM || origin.ptr == NULL) {
        status = llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    if (status != LLM_OK) {
        llm_secret_done(&found);
        return status;
    }
    llm_secret_done(secret);
    *secret = found;
    *ret_origin = origin;
    return LLM_OK;
}

llm_status llm_settings_key_of_envs(const struct llm_settings *settings, llm_str key_envs,
                                    struct llm_arena *arena, struct llm_secret *secret, llm_str *ret_origin,
                                    llm_error *err) {
    llm_status status = LLM_E_NOT_FOUND;
    while (status == LLM_E_NOT_FOUND && key_envs.len > 0) {
        const char *comma = memchr(key_envs.ptr, ',', key_envs.len);
        const size_t len = comma != NULL ? (size_t)(comma - key_envs.ptr) : key_envs.len;
        status = key_from_env(settings, (llm_str){key_envs.ptr, len}, arena, secret, ret_origin, err);
        key_envs = llm_str_cut(key_envs, comma != NULL ? len + 1 : len);
    }
    return status;
}

llm_status llm_settings_key(const struct llm_settings *settings, llm_str provider, llm_str key_envs,
                            struct llm_arena *arena, struct llm_secret *secret, llm_str *ret_origin,
                            llm_error *err) {
    const struct llm_key_setting *key = llm_settings_key_setting(settings, provider);
    llm_status status = LLM_E_NOT_FOUND;
    for (; status == LLM_E_NOT_FOUND && key != NULL; key = llm_settings_key_next(settings, key)) {
        status = llm_settings_key_of(settings, key, arena, secret, ret_origin, err);
    }
    return status == LLM_E_NOT_FOUND
               ? llm_settings_key_of_envs(settings, key_envs, arena, secret, ret_origin, err)
               : status;
}
