// SPDX-License-Identifier: MIT
// Reads JSON into structs by tables, and says what is wrong and where.
#include "read.h"

#include <stdio.h>

#define LIST_MAX 320 // of names in a message

// "a b c" in list.
static void join(char *list, const char *name) {
    const size_t n = strlen(list);
    (void)snprintf(list + n, LIST_MAX - n, "%s%s", n == 0 ? "" : " ", name);
}

// The inside of a raw name.
static llm_str bare(llm_str name) {
    return (llm_str){name.ptr + 1, name.len - 2};
}

// ---- objects, lists, maps

static llm_status read_member(struct reader *r, const llm_json_iter *it, const struct entry *entries,
                              char *base) {
    const struct entry *e = entries;
    const size_t before = custom_down(r, bare(it->name));
    const unsigned allowed = r->allowed;
    while (e->name != NULL && !llm_json_is(it->name, e->name)) {
        e++;
    }
    if (e->name != NULL) {
        r->allowed |= e->allows;
        TRY(e->read(r, it->value, base + e->offset, e->more));
        r->allowed = allowed;
    } else if (!llm_json_is(it->name, "comment")) {
        char list[LIST_MAX] = "";
        for (e = entries; e->name != NULL; e++) {
            join(list, e->name);
        }
        return custom_wrong(r, "unknown member; there are: %s", list);
    }
    custom_up(r, before);
    return LLM_OK;
}

llm_status custom_read_object(struct reader *r, llm_str v, void *ret, const void *more) {
    const struct entry *entries = more;
    if (llm_json_type(v) != '{') {
        return custom_wrong(r, "must be an object");
    }
    for (llm_json_iter it = llm_json_begin(v); llm_json_next(&it);) {
        TRY(read_member(r, &it, entries, ret));
    }
    for (const struct entry *e = entries; e->name != NULL; e++) {
        if (e->is_required && llm_json_get(v, e->name).ptr == NULL) {
            return custom_wrong(r, "\"%s\" is missing", e->name);
        }
    }
    return LLM_OK;
}

// All lists lie in memory as {T *list; size_t n}.
static llm_status new_list(struct reader *r, size_t n, size_t size, void *ret, char **ret_list) {
    void *list = custom_new(r->arena, n * size);
    if (list == NULL) {
        return LLM_E_NOMEM;
    }
    memcpy(ret, &list, sizeof list);
    memcpy((char *)ret + sizeof list, &n, sizeof n);
    *ret_list = list;
    return LLM_OK;
}

llm_status custom_read_list(struct reader *r, llm_str v, void *ret, const void *more) {
    const struct items *of = more;
    char *list;
    size_t n = 0;
    if (llm_json_type(v) != '[') {
        TRY(new_list(r, 1, of->size, ret, &list));
        return of->read(r, v, list, of->more);
    }
    if (llm_json_count(v) == 0) {
        return custom_wrong(r, "must not be empty");
    }
    TRY(new_list(r, llm_json_count(v), of->size, ret, &list));
    for (llm_json_iter it = llm_json_begin(v); llm_json_next(&it); n++) {
        const size_t before = custom_down_number(r, n);
        TRY(of->read(r, it.value, list + n * of->size, of->more));
        custom_up(r, before);
    }
    return LLM_OK;
}

llm_status custom_read_map(struct reader *r, llm_str v, void *ret, const void *more) {
    const struct items *of = more;
    char *item;
    if (llm_json_type(v) != '{' || llm_json_count(v) == 0) {
        return custom_wrong(r, "must be an object that is not empty, as %s", of->example);
    }
    TRY(new_list(r, llm_json_count(v), of->size, ret, &item));
    for (llm_json_iter it = llm_json_begin(v); llm_json_next(&it); item += of->size) {
        const size_t before = custom_down(r, bare(it.name));
        TRY(custom_read_string(r, it.name, item, NULL));
        TRY(of->read(r, it.value, item + of->offset, of->more));
        custom_up(r, before);
    }
    return LLM_OK;
}

// ---- single values

llm_status custom_read_string(struct reader *r, llm_str v, void *ret, const void *more) {
    (void)more;
    if (llm_json_type(v) != '"') {
        return custom_wrong(r, "must be a string");
    }
    const size_t len = llm_json_decoded_len(v);
    char *text = custom_new(r->arena, len + 1);
    if (text == NULL) {
        return LLM_E_NOMEM;
    }
    (void)llm_json_decode(v, text, len);
    *(llm_str *)ret = (llm_str){text, len};
    return LLM_OK;
}

llm_status custom_read_bool(struct reader *r, llm_str v, void *ret, const void *more) {
    int flag;
    (void)more;
    if (!llm_json_bool(v, &flag)) {
        return custom_wrong(r, "must be true or false");
    }
    *(bool *)ret = flag != 0;
    return LLM_OK;
}

llm_status custom_read_count(struct reader *r, llm_str v, void *ret, const void *more) {
    (void)more;
    if (!llm_json_int64(v, ret) || *(int64_t *)ret < 1) {
        return custom_wrong(r, "must be a whole number above 0");
    }
    return LLM_OK;
}

llm_status custom_read_usd(struct reader *r, llm_str v, void *ret, const void *more) {
    llm_str text = {NULL, 0};
    (void)more;
    TRY(custom_read_string(r, v, &text, NULL));
    if (!llm_json_check(text, 1, NULL) || !llm_json_decimal(text, 12, ret) || *(int64_t *)ret < 1) {
        return custom_wrong(r, "must be an amount in USD in quotes, as \"0.001\"");
    }
    return LLM_OK;
}

llm_status custom_read_word(struct reader *r, llm_str v, void *ret, const void *more) {
    const char *const *words = more;
    char list[LIST_MAX] = "";
    for (int32_t i = 0; words[i] != NULL; i++) {
        if (llm_json_is(v, words[i])) {
            *(int32_t *)ret = i + 1;
            return LLM_OK;
        }
        join(list, words[i]);
    }
    return custom_wrong(r, "%.*s is not one of: %s", SHORT(v), list);
}

// ---- pointers

static llm_status read_step(struct reader *r, llm_str text, struct step *ret) {
    char *name = custom_new(r->arena, text.len + 1);
    size_t n = 0;
    if (name == NULL) {
        return LLM_E_NOMEM;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '~') {
            name[n++] = text.ptr[i];
        } else if (i + 1 < text.len && (text.ptr[i + 1] == '0' || text.ptr[i + 1] == '1')) {
            name[n++] = text.ptr[++i] == '0' ? '~' : '/';
        } else {
            return custom_wrong(r, "in a pointer \"~\" is written \"~0\", and \"/\" \"~1\"");
        }
    }
    *ret = (struct step){.name = name, .is_all = custom_is(text, "*")};
    const bool is_negative = n > 1 && name[0] == '-';
    ret->is_index = n > 0 && n < 9;
    for (size_t i = is_negative; i < n && ret->is_index; i++) {
        ret->is_index = name[i] >= '0' && name[i] <= '9';
        ret->index = ret->is_index ? ret->index * 10 + (name[i] - '0') : 0;
    }
    ret->index = is_negative ? -ret->index : ret->index;
    return LLM_OK;
}

llm_status custom_path_read(struct reader *r, llm_str text, struct path *ret) {
    size_t n = 0, start = 1;
    *ret = (struct path){NULL, 0};
    if (text.len == 0) {
        return LLM_OK;
    }
    if (text.ptr[0] != '/') {
        return custom_wrong(r, "\"%.*s\" is no JSON Pointer: it begins with \"/\"", SHORT(text));
    }
    for (size_t i = 0; i < text.len; i++) {
        n += text.ptr[i] == '/';
    }
    struct step *steps = custom_new(r->arena, n * sizeof *steps);
    if (steps == NULL) {
        return LLM_E_NOMEM;
    }
    *ret = (struct path){steps, n};
    for (size_t i = 1, k = 0; i <= text.len; i++) {
        if (i == text.len || text.ptr[i] == '/') {
            TRY(read_step(r, (llm_str){text.ptr + start, i - start}, &steps[k++]));
            start = i + 1;
        }
    }
    return LLM_OK;
}

llm_status custom_read_path(struct reader *r, llm_str v, void *ret, const void *more) {
    llm_str text = {NULL, 0};
    TRY(custom_read_string(r, v, &text, more));
    return custom_path_read(r, text, ret);
}
