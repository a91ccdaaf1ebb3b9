// SPDX-License-Identifier: MIT
#include "openai_compat.h"

// llm_json.h once: used as it is, each file has a copy of what it calls.
llm_str oai_get(llm_str object, const char *name) {
    return llm_json_get(object, name);
}

llm_str oai_at(llm_str array, size_t index) {
    return llm_json_at(array, index);
}

llm_json_iter oai_begin(llm_str v) {
    return llm_json_begin(v);
}

int oai_next(llm_json_iter *it) {
    return llm_json_next(it);
}

bool oai_is(llm_str string, const char *text) {
    return llm_json_is(string, text) != 0;
}

bool oai_is_str(llm_str string, llm_str text) {
    return llm_json_is_str(string, text) != 0;
}

bool oai_int64(llm_str v, int64_t *ret) {
    return llm_json_int64(v, ret) != 0;
}

bool oai_decimal(llm_str v, unsigned scale, int64_t *ret) {
    return llm_json_decimal(v, scale, ret) != 0;
}

llm_str oai_plain(llm_str string) {
    return llm_json_plain(string);
}

llm_status oai_text(llm_str string, const llm_out *out, uint32_t choice, uint32_t channel) {
    return llm_json_text(string, out, choice, channel);
}

llm_status oai_decode_to(llm_str string, llm_json_sink sink, void *ctx) {
    return llm_json_decode_to(string, sink, ctx);
}

void oai_string(llm_json_writer *w, llm_str text) {
    llm_json_string(w, text);
}

static char folded(char c, bool fold_case) {
    return fold_case && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool oai_glob(llm_str pattern, llm_str text, bool fold_case) {
    size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern.len && folded(pattern.ptr[p], fold_case) == folded(text.ptr[t], fold_case)) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

bool oai_same(llm_str a, const char *b) {
    const size_t n = strlen(b);
    return a.len == n && (n == 0 || memcmp(a.ptr, b, n) == 0);
}

char *oai_room(llm_job *job, enum oai_slot slot, size_t size) {
    struct oai_room *text = &job->texts[slot];
    if (text->cap < size) {
        size_t cap = 256;
        while (cap < size) {
            cap *= 2;
        }
        char *p = job->args->alloc(job->args->alloc_ctx, cap);
        if (p == NULL) {
            job->no_memory = true;
            return NULL;
        }
        *text = (struct oai_room){p, cap};
    }
    return text->ptr;
}

llm_str oai_keep(llm_job *job, llm_str string, enum oai_slot slot) {
    if (llm_json_type(string) != '"') {
        return (llm_str){NULL, 0};
    }
    const size_t len = llm_json_decoded_len(string);
    char *p = oai_room(job, slot, len + 1);
    if (p == NULL) {
        return (llm_str){NULL, 0};
    }
    return (llm_str){p, llm_json_decode(string, p, len)};
}

llm_str oai_decode(llm_job *job, llm_str string, enum oai_slot slot) {
    const llm_str plain = oai_plain(string);
    return plain.ptr != NULL ? plain : oai_keep(job, string, slot);
}

bool oai_has_text(llm_str v) {
    return llm_json_type(v) == '"' && !oai_is(v, "");
}

void oai_pick(llm_str object, const llm_str *names, llm_str *values, size_t n) {
    llm_json_iter it = llm_json_begin(object);
    for (size_t i = 0; i < n; i++) {
        values[i] = (llm_str){NULL, 0};
    }
    while (it.is_object && llm_json_next(&it)) {
        const char *name = it.name.ptr + 1;
        const size_t len = it.name.len - 2;
        const bool escaped = len > 5 && memchr(name, '\\', len) != NULL;
        for (size_t i = 0; i < n; i++) {
            if (escaped ? llm_json_is_str(it.name, names[i])
                        : len == names[i].len && name[0] == names[i].ptr[0] &&
                              memcmp(name, names[i].ptr, len) == 0) {
                values[i] = it.value;
                break;
            }
        }
    }
}
