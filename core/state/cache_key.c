// SPDX-License-Identifier: MIT
#include "state/cache_key.h"

#include "llm_json.h"

// The kind of each part.
enum { ABSENT = '-', TEXT = 's', RAW = 'r', NUMBER = 'n', WORD = 'w', ARRAY = '[', OBJECT = '{', END = '.' };

struct writer {
    struct llm_sha256 sha;
    struct llm_arena *scratch;
};

// A member on its way into the order of names.
struct member {
    llm_str name; // decoded, or raw with its quotes
    llm_str value;
    bool is_raw;
};

static void put_part(struct writer *w, char kind, llm_str text) {
    uint8_t head[9] = {(uint8_t)kind};
    for (size_t i = 0; i < 8; i++) {
        head[1 + i] = (uint8_t)((uint64_t)text.len >> (8 * i));
    }
    llm_sha256_put(&w->sha, head, sizeof head);
    llm_sha256_put(&w->sha, text.ptr, text.len);
}

static void put_mark(struct writer *w, char kind) {
    llm_sha256_put(&w->sha, &kind, 1);
}

static void put_text(struct writer *w, llm_str text) {
    put_part(w, text.ptr != NULL ? TEXT : ABSENT, text.ptr != NULL ? text : (llm_str){"", 0});
}

// ---- strings -----------------------------------------------------------------------------------------------------

static unsigned hex4(const char *p) {
    unsigned value = 0;
    for (size_t i = 0; i < 4; i++) {
        const unsigned c = (unsigned char)p[i];
        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20u) - 'a' + 10);
    }
    return value;
}

// Decoding makes one character of all halves of a surrogate pair: such a string counts by its text.
static bool has_half_a_pair(llm_str string) {
    const char *p = string.ptr, *end = string.ptr + string.len;
    while ((p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
        if (p[1] != 'u') {
            p += 2;
            continue;
        }
        const unsigned code = hex4(p + 2);
        p += 6;
        if (code < 0xd800 || code > 0xdfff) {
            continue;
        }
        const bool low = code < 0xdc00 && p[0] == '\\' && p[1] == 'u' && (hex4(p + 2) & 0xfc00u) == 0xdc00u;
        if (!low) {
            return true;
        }
        p += 6;
    }
    return false;
}

static llm_status LLM_CALL sha_sink(void *ctx, const void *p, size_t n) {
    llm_sha256_put(ctx, p, n);
    return LLM_OK;
}

static void put_string(struct writer *w, llm_str string) {
    const llm_str plain = llm_json_plain(string);
    if (plain.ptr != NULL) {
        put_part(w, TEXT, plain);
    } else if (has_half_a_pair(string)) {
        put_part(w, RAW, string);
    } else {
        uint8_t head[9] = {TEXT};
        const uint64_t len = llm_json_decoded_len(string);
        for (size_t i = 0; i < 8; i++) {
            head[1 + i] = (uint8_t)(len >> (8 * i));
        }
        llm_sha256_put(&w->sha, head, sizeof head);
        (void)llm_json_decode_to(string, sha_sink, &w->sha);
    }
}

static llm_status take_name(struct writer *w, llm_str string, struct member *ret) {
    ret->name = llm_json_plain(string);
    ret->is_raw = false;
    if (ret->name.ptr != NULL) {
        return LLM_OK;
    }
    if (has_half_a_pair(string)) {
        ret->is_raw = true;
        ret->name = string;
        return LLM_OK;
    }
    char *text = llm_arena_bytes(w->scratch, string.len);
    if (text == NULL) {
        return LLM_E_NOMEM;
    }
    ret->name = (llm_str){text, llm_json_decode(string, text, string.len)};
    return LLM_OK;
}

// ---- the order of members --------------------------------------------------------------------------------------------

static int compare(const struct member *a, const struct member *b) {
    const size_t shorter = a->name.len < b->name.len ? a->name.len : b->name.len;
    const int order = shorter > 0 ? memcmp(a->name.ptr, b->name.ptr, shorter) : 0;
    if (order != 0 || a->name.len != b->name.len) {
        return order != 0 ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
    }
    return (int)a->is_raw - (int)b->is_raw;
}

static bool is_sorted(const struct member *list, size_t n) {
    for (size_t i = 1; i < n; i++) {
        if (compare(&list[i - 1], &list[i]) > 0) {
            return false;
        }
    }
    return true;
}

static void merge(const struct member *from, size_t left, size_t middle, size_t right, struct member *to) {
    size_t a = left, b = middle;
    for (size_t at = left; at < right; at++) {
        const bool first = a < middle && (b == right || compare(&from[a], &from[b]) <= 0);
        to[at] = first ? from[a++] : from[b++];
    }
}

// Stable, so that equal names stay in the order they came in.
static llm_status sort(struct writer *w, struct member **list, size_t n) {
    if (is_sorted(*list, n)) {
        return LLM_OK;
    }
    struct member *from = *list, *to = llm_arena_new(w->scratch, n * sizeof *to);
    if (to == NULL) {
        return LLM_E_NOMEM;
    }
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            const size_t middle = at + width < n ? at + width : n;
            merge(from, at, middle, middle + width < n ? middle + width : n, to);
        }
        struct member *const other = from;
        from = to;
        to = other;
    }
    *list = from;
    return LLM_OK;
}

// ---- values ------------------------------------------------------------------------------------------------------------

static llm_status put_value(struct writer *w, llm_str value);

// NOLINTNEXTLINE(misc-no-recursion): as deep as the gate lets a request be
static llm_status put_members(struct writer *w, struct member *list, size_t n) {
    llm_status status = sort(w, &list, n);
    put_mark(w, OBJECT);
    for (size_t i = 0; i < n && status == LLM_OK; i++) {
        put_part(w, list[i].is_raw ? RAW : TEXT, list[i].name);
        status = put_value(w, list[i].value);
    }
    put_mark(w, END);
    return status;
}

// NOLINTNEXTLINE(misc-no-recursion): as above
static llm_status put_object(struct writer *w, llm_str value) {
    const size_t n = llm_json_count(value);
    struct member *list = llm_arena_new(w->scratch, n * sizeof *list);
    size_t i = 0;
    llm_status status = list != NULL ? LLM_OK : LLM_E_NOMEM;
    for (llm_json_iter it = llm_json_begin(value); status == LLM_OK && i < n && llm_json_next(&it); i++) {
        list[i].value = it.value;
        status = take_name(w, it.name, &list[i]);
    }
    return status == LLM_OK ? put_members(w, list, i) : status;
}

// NOLINTNEXTLINE(misc-no-recursion): as above
static llm_status put_array(struct writer *w, llm_str value) {
    llm_status status = LLM_OK;
    put_mark(w, ARRAY);
    for (llm_json_iter it = llm_json_begin(value); status == LLM_OK && llm_json_next(&it);) {
        status = put_value(w, it.value);
    }
    put_mark(w, END);
    return status;
}

// NOLINTNEXTLINE(misc-no-recursion): as above
static llm_status put_value(struct writer *w, llm_str value) {
    switch (llm_json_type(value)) {
    case '{': return put_object(w, value);
    case '[': return put_array(w, value);
    case '"': put_string(w, value); return LLM_OK;
    case '0': put_part(w, NUMBER, value); return LLM_OK;
    default: put_part(w, WORD, value.ptr != NULL ? value : (llm_str){"", 0}); return LLM_OK;
    }
}

// The gate has decoded the names: what was half a surrogate pair cannot be told from U+FFFD any more.
static bool is_ambiguous(llm_str name) {
    return memchr(name.ptr, 0xef, name.len) != NULL && memmem(name.ptr, name.len, "\xef\xbf\xbd", 3) != NULL;
}

static llm_status put_fields(struct writer *w, const struct llm_cache_question *q) {
    struct member *list = llm_arena_new(w->scratch, q->n_fields * sizeof *list);
    size_t n = 0;
    if (list == NULL) {
        return LLM_E_NOMEM;
    }
    for (size_t i = 0; i < q->n_fields; i++) {
        if (is_ambiguous(q->fields[i].name)) {
            return LLM_E_UNSUPPORTED;
        }
        if (q->skip.ptr == NULL || !llm_str_eq(q->fields[i].name, q->skip)) {
            list[n++] = (struct member){q->fields[i].name, q->fields[i].value, false};
        }
    }
    return put_members(w, list, n);
}

llm_status llm_cache_key_make(const struct llm_cache_question *q, llm_sha256_fn sha,
                              struct llm_arena *scratch, struct llm_cache_key *ret) {
    struct writer w = {.scratch = scratch};
    llm_sha256_init(&w.sha, sha);
    put_text(&w, LLM_STR("llm-master cache key 1"));
    put_mark(&w, ARRAY);
    for (size_t i = 0; i < q->n_facts; i++) {
        put_text(&w, q->facts[i]);
    }
    put_mark(&w, END);
    const llm_status status = put_fields(&w, q);
    for (size_t i = 0; i < q->n_attachments; i++) {
        const llm_attachment *a = &q->attachments[i];
        put_text(&w, a->mime);
        put_text(&w, a->name);
        put_part(&w, TEXT, (llm_str){(const char *)a->data.ptr, a->data.len});
    }
    put_mark(&w, END);
    llm_sha256_end(&w.sha, ret->bytes);
    return status;
}

llm_status llm_cache_key_json(llm_str json, llm_sha256_fn sha, struct llm_arena *scratch,
                              struct llm_cache_key *ret) {
    struct writer w = {.scratch = scratch};
    llm_sha256_init(&w.sha, sha);
    const llm_status status = put_value(&w, llm_json_value(json));
    llm_sha256_end(&w.sha, ret->bytes);
    return status;
}
