// SPDX-License-Identifier: MIT
#include "openai_compat.h"

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
    struct oai_text *text = &job->texts[slot];
    if (text->cap < size) {
        size_t cap = 256;
        while (cap < size) {
            cap *= 2;
        }
        char *p = job->args->alloc(job->args->alloc_ctx, cap);
        if (p == NULL) {
            return NULL;
        }
        *text = (struct oai_text){p, cap};
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
    const llm_str plain = llm_json_plain(string);
    return plain.ptr != NULL ? plain : oai_keep(job, string, slot);
}

bool oai_has_text(llm_str v) {
    return llm_json_type(v) == '"' && !llm_json_is(v, "");
}
