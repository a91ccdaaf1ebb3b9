// SPDX-License-Identifier: MIT
#include "catalog/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "config/trust.h"
#include "llm_json.h"

#define ENTRY_DEPTH_MAX 8

uint32_t llm_crc32(uint32_t crc, llm_str bytes) {
    uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) {
            c = c >> 1 ^ (UINT32_C(0xedb88320) & (0u - (c & 1)));
        }
        table[i] = c;
    }
    crc = ~crc;
    for (size_t i = 0; i < bytes.len; i++) {
        crc = table[(crc ^ (unsigned char)bytes.ptr[i]) & 255] ^ crc >> 8;
    }
    return ~crc;
}

// ---- opening -------------------------------------------------------------------------------------------------

static bool read_crc32(llm_str text, uint32_t *ret) {
    uint32_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f')) {
            return false;
        }
        value = value << 4 | (uint32_t)(digit ? c - '0' : c - 'a' + 10);
    }
    *ret = value;
    return text.len == 8;
}

static bool read_size(llm_str object, const char *name, uint64_t *ret) {
    return llm_str_uint(llm_json_get(object, name), LLM_MAX_CATALOGUE_BYTES, ret);
}

static llm_status no_catalogue(const char *name, llm_error *err) {
    return llm_fail(err, LLM_E_CONFIG, "%s: this is no catalogue of version 1", name);
}

llm_status llm_catalogue_of(llm_str text, const char *name, struct llm_catalogue *ret, llm_error *err) {
    const char *end =
        text.len > 0
            ? memchr(text.ptr, '\n', text.len < LLM_MAX_CATALOGUE_LINE ? text.len : LLM_MAX_CATALOGUE_LINE)
            : NULL;
    if (end == NULL) {
        return no_catalogue(name, err);
    }
    struct llm_catalogue c = {.header = {text.ptr, (size_t)(end - text.ptr)}};
    c.body = llm_str_cut(text, c.header.len + 1);
    uint64_t version = 0, entries = 0, bytes = 0;
    if (!llm_json_check(c.header, ENTRY_DEPTH_MAX, NULL) || llm_json_type(c.header) != '{' ||
        !read_size(c.header, "catalogue", &version) || version != 1 ||
        !read_size(c.header, "entries", &entries) || !read_size(c.header, "bytes", &bytes) ||
        !read_crc32(llm_json_plain(llm_json_get(c.header, "crc32")), &c.crc32)) {
        return no_catalogue(name, err);
    }
    if (bytes != c.body.len) {
        return llm_fail(err, LLM_E_CONFIG,
                        "%s: it holds %zu bytes of entries instead of %llu: it was cut or changed", name,
                        c.body.len, (unsigned long long)bytes);
    }
    c.entries = (size_t)entries;
    c.as_of = llm_json_plain(llm_json_get(c.header, "as_of"));
    *ret = c;
    return LLM_OK;
}

llm_status llm_catalogue_open(const char *path, struct llm_catalogue *ret, llm_error *err) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat info;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return llm_fail(err, LLM_E_NOT_FOUND, "%s: no such file", path);
    }
    if (fd < 0 || fstat(fd, &info) != 0) {
        const int failed = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return llm_fail(err, LLM_E_CONFIG, "%s: %s", path, strerror(failed));
    }
    const char *wrong = !S_ISREG(info.st_mode)                   ? "it is no file"
                        : info.st_size == 0                      ? "it is empty"
                        : info.st_size > LLM_MAX_CATALOGUE_BYTES ? "it is too large"
                                                                 : llm_trust_file(&info);
    if (wrong != NULL) {
        (void)close(fd);
        return llm_fail(err, LLM_E_CONFIG, "%s: %s", path, wrong);
    }
    const size_t len = (size_t)info.st_size;
    void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)close(fd);
    if (map == MAP_FAILED) {
        return llm_fail(err, LLM_E_NOMEM, "%s: out of memory", path);
    }
    const llm_status status = llm_catalogue_of((llm_str){map, len}, path, ret, err);
    if (status != LLM_OK) {
        (void)munmap(map, len);
        return status;
    }
    ret->map = map;
    ret->map_len = len;
    return LLM_OK;
}

void llm_catalogue_close(struct llm_catalogue *catalogue) {
    if (catalogue->map != NULL) {
        (void)munmap(catalogue->map, catalogue->map_len);
    }
    *catalogue = (struct llm_catalogue){0};
}

// ---- lines ---------------------------------------------------------------------------------------------------

// The line at `at`, without its end; *ret_next: behind it.
static llm_str line_at(llm_str body, size_t at, size_t *ret_next) {
    const char *end = memchr(body.ptr + at, '\n', body.len - at);
    const size_t stop = end != NULL ? (size_t)(end - body.ptr) : body.len;
    *ret_next = end != NULL ? stop + 1 : body.len;
    return (llm_str){body.ptr + at, stop - at};
}

// The parts of a line; false: it is none, or too long.
static bool split(llm_str line, struct llm_catalogue_entry *ret) {
    const char *first = line.len <= LLM_MAX_CATALOGUE_LINE ? memchr(line.ptr, '\t', line.len) : NULL;
    if (first == NULL) {
        return false;
    }
    ret->provider = (llm_str){line.ptr, (size_t)(first - line.ptr)};
    const llm_str rest = llm_str_cut(line, ret->provider.len + 1);
    const char *second = memchr(rest.ptr, '\t', rest.len);
    if (second == NULL) {
        return false;
    }
    ret->id = (llm_str){rest.ptr, (size_t)(second - rest.ptr)};
    ret->json = llm_str_cut(rest, ret->id.len + 1);
    return ret->provider.len > 0 && ret->id.len > 0 && ret->json.len > 0;
}

static bool is_entry(llm_str line, struct llm_catalogue_entry *ret) {
    return split(line, ret) && llm_json_check(ret->json, ENTRY_DEPTH_MAX, NULL) &&
           llm_json_type(ret->json) == '{' && llm_str_utf8(ret->id) && llm_str_utf8(ret->provider);
}

static int compare(llm_str a, llm_str b) {
    const size_t n = a.len < b.len ? a.len : b.len;
    const int order = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

// The order of a line's names and these; a line that is none goes before all.
static int compare_names(llm_str line, llm_str provider, llm_str id) {
    struct llm_catalogue_entry entry;
    if (!split(line, &entry)) {
        return -1;
    }
    const int order = compare(entry.provider, provider);
    return order != 0 ? order : compare(entry.id, id);
}

// Where the first line is that does not go before these names.
static size_t lower_bound(llm_str body, llm_str provider, llm_str id) {
    size_t low = 0, high = body.len; // both at the beginning of a line
    while (low < high) {
        size_t middle = low + (high - low) / 2, next;
        const char *start = memrchr(body.ptr + low, '\n', middle - low);
        middle = start != NULL ? (size_t)(start - body.ptr) + 1 : low;
        const llm_str line = line_at(body, middle, &next);
        if (compare_names(line, provider, id) < 0) {
            low = next;
        } else {
            high = middle;
        }
    }
    return low;
}

bool llm_catalogue_find(const struct llm_catalogue *catalogue, llm_str provider, llm_str id,
                        struct llm_catalogue_entry *ret) {
    const size_t at = lower_bound(catalogue->body, provider, id);
    size_t next;
    return at < catalogue->body.len && is_entry(line_at(catalogue->body, at, &next), ret) &&
           llm_str_eq(ret->provider, provider) && llm_str_eq(ret->id, id);
}

size_t llm_catalogue_provider(const struct llm_catalogue *catalogue, llm_str provider) {
    return lower_bound(catalogue->body, provider, LLM_STR(""));
}

bool llm_catalogue_next(const struct llm_catalogue *catalogue, size_t *at, struct llm_catalogue_entry *ret) {
    while (*at < catalogue->body.len) {
        if (is_entry(line_at(catalogue->body, *at, at), ret)) {
            return true;
        }
    }
    return false;
}

void llm_catalogue_source(const struct llm_catalogue *catalogue, llm_str json, llm_str *ret_name,
                          llm_str *ret_as_of) {
    uint64_t n;
    *ret_name = *ret_as_of = (llm_str){NULL, 0};
    if (llm_str_uint(llm_json_get(json, "source"), LLM_MAX_PROVIDERS, &n)) {
        const llm_str source = llm_json_at(llm_json_get(catalogue->header, "sources"), (size_t)n);
        *ret_name = llm_json_plain(llm_json_get(source, "name"));
        *ret_as_of = llm_json_plain(llm_json_get(source, "as_of"));
    }
}

// ---- judging all ---------------------------------------------------------------------------------------------

llm_status llm_catalogue_check(const struct llm_catalogue *catalogue, const char *name, llm_error *err) {
    const llm_str body = catalogue->body;
    struct llm_catalogue_entry entry, before = {0};
    size_t entries = 0, next = 0;
    if (llm_crc32(0, body) != catalogue->crc32) {
        return llm_fail(err, LLM_E_CONFIG, "%s: its checksum is another one: it was changed", name);
    }
    for (size_t at = 0; at < body.len; at = next) {
        const llm_str line = line_at(body, at, &next);
        entries++;
        if (!is_entry(line, &entry)) {
            return llm_fail(err, LLM_E_CONFIG, "%s:%zu: no entry: provider, model and object", name,
                            entries + 1);
        }
        int order = entries > 1 ? compare(before.provider, entry.provider) : -1;
        order = order != 0 ? order : compare(before.id, entry.id);
        if (order >= 0) {
            return llm_fail(err, LLM_E_CONFIG, "%s:%zu: %.*s/%.*s %s", name, entries + 1,
                            LLM_FMT(entry.provider), LLM_FMT(entry.id),
                            order == 0 ? "stands twice" : "is not in order");
        }
        before = entry;
    }
    return entries == catalogue->entries
               ? LLM_OK
               : llm_fail(err, LLM_E_CONFIG, "%s: it holds %zu entries instead of %zu", name, entries,
                          catalogue->entries);
}
