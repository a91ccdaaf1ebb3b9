// SPDX-License-Identifier: MIT
#include "config/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "config/trust.h"
#include "llm_json.h"

#undef llm_document_fail // the analyzer's view of it

// The byte behind a string that begins at i.
static size_t string_end(const char *text, size_t len, size_t i) {
    for (i++; i < len; i++) {
        const char *quote = memchr(text + i, '"', len - i);
        if (quote == NULL) {
            return len;
        }
        const char *escape = memchr(text + i, '\\', (size_t)(quote - text) - i);
        if (escape == NULL) {
            return (size_t)(quote - text) + 1;
        }
        i = (size_t)(escape - text) + 1; // the escaped byte is passed over
    }
    return len;
}

bool llm_document_blank_comments(char *text, size_t len) {
    size_t i = 0;
    while (i < len) {
        if (text[i] == '"') {
            i = string_end(text, len, i);
        } else if (text[i] == '/' && i + 1 < len && text[i + 1] == '/') {
            while (i < len && text[i] != '\n') {
                text[i++] = ' ';
            }
        } else if (text[i] == '/' && i + 1 < len && text[i + 1] == '*') {
            const char *end = memmem(text + i + 2, len - i - 2, "*/", 2);
            if (end == NULL) {
                return false;
            }
            for (; text + i < end + 2; i++) {
                text[i] = text[i] == '\n' ? '\n' : ' ';
            }
        } else {
            i++;
        }
    }
    return true;
}

static void position(const struct llm_document *doc, const char *at, size_t *line, size_t *column) {
    *line = 1;
    *column = 1;
    for (const char *p = doc->bytes; p < at; p++) {
        *column += ((unsigned char)*p & 0xc0) != 0x80 ? 1 : 0;
        if (*p == '\n') {
            (*line)++;
            *column = 1;
        }
    }
}

llm_status llm_document_fail(const struct llm_document *doc, llm_str at, llm_error *err, const char *format,
                             ...) {
    char what[512];
    size_t line = 0, column = 0;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    position(doc, at.ptr != NULL ? at.ptr : doc->bytes, &line, &column);
    return llm_fail(err, LLM_E_CONFIG, "%.*s:%zu:%zu: %s", LLM_FMT(doc->name), line, column, what);
}

// The text is in doc->bytes; judge it.
static llm_status judge(struct llm_document *doc, llm_error *err) {
    llm_str text = {doc->bytes, doc->n_bytes};
    if (llm_str_starts(text, LLM_STR("\xef\xbb\xbf"))) {
        return llm_document_fail(doc, text, err, "begins with a byte order mark: save it as plain UTF-8");
    }
    size_t at = 0;
    bool valid = llm_json_check(text, LLM_MAX_JSON_DEPTH, &at); // most files have no comments
    if (!valid && !llm_document_blank_comments(doc->bytes, doc->n_bytes)) {
        return llm_document_fail(doc, llm_str_cut(text, text.len), err, "a comment is not closed");
    }
    valid = valid || llm_json_check(text, LLM_MAX_JSON_DEPTH, &at);
    if (!valid) {
        const llm_str rest = llm_str_cut(text, at < text.len ? at : text.len);
        if (llm_str_trim(rest).len == 0) {
            return llm_document_fail(doc, rest, err, "no valid JSON: it ends too early");
        }
        return llm_document_fail(doc, rest, err, "no valid JSON here (or deeper than %d levels)",
                                 LLM_MAX_JSON_DEPTH);
    }
    doc->root = llm_str_trim(text);
    return LLM_OK;
}

llm_status llm_document_parse(struct llm_document *doc, llm_str name, llm_str text, llm_error *err) {
    *doc = (struct llm_document){.name = name};
    if (text.len > LLM_MAX_SETTINGS_BYTES) {
        return llm_fail(err, LLM_E_CONFIG, "%.*s: longer than %u bytes", LLM_FMT(name),
                        LLM_MAX_SETTINGS_BYTES);
    }
    doc->bytes = llm_mem_dup(text.ptr != NULL ? text : LLM_STR(""));
    if (doc->bytes == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    doc->n_bytes = text.len;
    const llm_status status = judge(doc, err);
    if (status != LLM_OK) {
        llm_document_done(doc);
    }
    return status;
}

static llm_status read_all(int fd, struct llm_document *doc, size_t size, llm_error *err) {
    // One byte more: a file that grows meanwhile is noticed.
    doc->bytes = llm_mem_new(size + 2);
    if (doc->bytes == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    while (doc->n_bytes <= size) {
        const ssize_t got = read(fd, doc->bytes + doc->n_bytes, size + 1 - doc->n_bytes);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return llm_fail(err, LLM_E_CONFIG, "%.*s: cannot be read: %s", LLM_FMT(doc->name),
                            strerror(errno));
        }
        if (got == 0) {
            return LLM_OK;
        }
        doc->n_bytes += (size_t)got;
    }
    return llm_fail(err, LLM_E_CONFIG, "%.*s: changed while it was read; try again", LLM_FMT(doc->name));
}

static llm_status read_open(int fd, struct llm_document *doc, llm_error *err) {
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return llm_fail(err, LLM_E_CONFIG, "%.*s: cannot be read: %s", LLM_FMT(doc->name), strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return llm_fail(err, LLM_E_CONFIG, "%.*s: is not a regular file", LLM_FMT(doc->name));
    }
    const char *distrust = llm_trust_file(&info);
    if (distrust != NULL) {
        return llm_fail(err, LLM_E_CONFIG, "%.*s: refused: %s", LLM_FMT(doc->name), distrust);
    }
    if (info.st_size > (off_t)LLM_MAX_SETTINGS_BYTES) {
        return llm_fail(err, LLM_E_CONFIG, "%.*s: longer than %u bytes", LLM_FMT(doc->name),
                        LLM_MAX_SETTINGS_BYTES);
    }
    doc->readable_by_others = (info.st_mode & (S_IRGRP | S_IROTH)) != 0;
    const llm_status status = read_all(fd, doc, (size_t)info.st_size, err);
    return status == LLM_OK ? judge(doc, err) : status;
}

llm_status llm_document_read(struct llm_document *doc, llm_str name, llm_error *err) {
    *doc = (struct llm_document){.name = name};
    // O_NONBLOCK: a pipe in its place must not make us wait.
    const int fd = open(name.ptr, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return llm_fail(err, LLM_E_NOT_FOUND, "%.*s: no such file", LLM_FMT(name));
    }
    if (fd < 0) {
        return llm_fail(err, LLM_E_CONFIG, "%.*s: cannot be read: %s", LLM_FMT(name), strerror(errno));
    }
    const llm_status status = read_open(fd, doc, err);
    (void)close(fd);
    if (status != LLM_OK) {
        llm_document_done(doc);
    }
    return status;
}

void llm_document_done(struct llm_document *doc) {
    llm_wipe(doc->bytes, doc->n_bytes);
    llm_mem_free(doc->bytes);
    *doc = (struct llm_document){0};
}

llm_status llm_document_string(const struct llm_document *doc, llm_str value, const char *what,
                               struct llm_arena *arena, llm_str *ret, llm_error *err) {
    const size_t len = llm_json_decoded_len(value);
    if (llm_json_type(value) != '"' || len == 0) {
        return llm_document_fail(doc, value, err, "%s must be a string that is not empty", what);
    }
    char *text = llm_arena_bytes(arena, len + 1);
    if (text == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    (void)llm_json_decode(value, text, len);
    text[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return llm_document_fail(doc, value, err, "%s holds a control character", what);
        }
    }
    *ret = (llm_str){text, len};
    return LLM_OK;
}

llm_status llm_document_strings(const struct llm_document *doc, llm_str value, const char *what,
                                struct llm_arena *arena, llm_str **ret, size_t *ret_count, llm_error *err) {
    const bool single = llm_json_type(value) == '"';
    if (!single && llm_json_type(value) != '[') {
        return llm_document_fail(doc, value, err, "%s must be a string or an array of strings", what);
    }
    const size_t count = single ? 1 : llm_json_count(value);
    llm_str *list = llm_arena_new(arena, (count + 1) * sizeof *list);
    if (list == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    llm_status status = single ? llm_document_string(doc, value, what, arena, &list[0], err) : LLM_OK;
    llm_json_iter it = llm_json_begin(value);
    for (size_t i = 0; !single && status == LLM_OK && llm_json_next(&it); i++) {
        status = llm_document_string(doc, it.value, what, arena, &list[i], err);
    }
    if (status == LLM_OK) {
        *ret = list;
        *ret_count = count;
    }
    return status;
}

llm_status llm_document_bool(const struct llm_document *doc, llm_str value, const char *what, bool *ret,
                             llm_error *err) {
    int flag = 0;
    if (!llm_json_bool(value, &flag)) {
        return llm_document_fail(doc, value, err, "%s must be true or false", what);
    }
    *ret = flag != 0;
    return LLM_OK;
}

llm_status llm_document_int(const struct llm_document *doc, llm_str value, const char *what, int64_t min,
                            int64_t max, int64_t *ret, llm_error *err) {
    int64_t number = 0;
    if (!llm_json_int64(value, &number) || number < min || number > max) {
        return llm_document_fail(doc, value, err, "%s must be a whole number from %lld to %lld", what,
                                 (long long)min, (long long)max);
    }
    *ret = number;
    return LLM_OK;
}

// The name in the table that a mistyped one is nearest to, or NULL.
static const char *nearest(llm_str name, const struct llm_document_member *table) {
    const char *best = NULL;
    size_t best_distance = name.len / 2 + 2;
    for (; table->name != NULL; table++) {
        const size_t distance = llm_str_distance(name, llm_str_from(table->name));
        if (distance < best_distance) {
            best_distance = distance;
            best = table->name;
        }
    }
    return best;
}

static llm_status unknown(const struct llm_document *doc, llm_str name, const char *what,
                          const struct llm_document_member *table, llm_error *err) {
    const llm_str text = {name.ptr + 1, name.len - 2};
    const char *best = nearest(text, table);
    if (best != NULL) {
        return llm_document_fail(doc, name, err, "unknown member \"%.*s\" in %s; did you mean \"%s\"?",
                                 LLM_FMT(text), what, best);
    }
    char names[256] = "";
    size_t len = 0;
    for (; table->name != NULL && len + strlen(table->name) + 3 < sizeof names; table++) {
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len > 0 ? ", " : "", table->name);
    }
    return llm_document_fail(doc, name, err, "unknown member \"%.*s\" in %s; known: %s", LLM_FMT(text), what,
                             names);
}

llm_status llm_document_members(const struct llm_document *doc, llm_str value, const char *what,
                                const struct llm_document_member *table, void *ctx, llm_error *err) {
    uint64_t seen = 0;
    if (llm_json_type(value) != '{') {
        return llm_document_fail(doc, value, err, "%s must be an object", what);
    }
    llm_json_iter it = llm_json_begin(value);
    while (llm_json_next(&it)) {
        size_t i = 0;
        while (table[i].name != NULL && !llm_json_is(it.name, table[i].name)) {
            i++;
        }
        if (table[i].name == NULL) {
            return unknown(doc, it.name, what, table, err);
        }
        if ((seen & UINT64_C(1) << i) != 0) {
            return llm_document_fail(doc, it.name, err, "%s names \"%s\" twice", what, table[i].name);
        }
        seen |= UINT64_C(1) << i;
        const llm_status status = table[i].take(ctx, doc, it.value, err);
        if (status != LLM_OK) {
            return status;
        }
    }
    return LLM_OK;
}
