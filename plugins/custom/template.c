// SPDX-License-Identifier: MIT
// Templates: JSON with placeholders.  Read once; what holds no placeholder stays one slice.
#include "read.h"

#define NEW(r, ptr, count)                                                                                   \
    do {                                                                                                     \
        (ptr) = custom_new((r)->arena, (count) * sizeof *(ptr));                                             \
        if ((ptr) == NULL) {                                                                                 \
            return LLM_E_NOMEM;                                                                              \
        }                                                                                                    \
    } while (0)

// ---- reading: "${[TRANSFORM of ]SOURCE[ or SOURCE...][?][ else DEFAULT]}"

// The next word; *text goes behind it and the blanks that follow.
static llm_str next_word(llm_str *text) {
    size_t n = 0, skip;
    while (n < text->len && text->ptr[n] != ' ') {
        n++;
    }
    const llm_str word = {text->ptr, n};
    for (skip = n; skip < text->len && text->ptr[skip] == ' ';) {
        skip++;
    }
    *text = (llm_str){text->ptr + skip, text->len - skip};
    return word;
}

static bool take_prefix(llm_str *text, const char *prefix) {
    const size_t n = strlen(prefix);
    if (text->len < n || memcmp(text->ptr, prefix, n) != 0) {
        return false;
    }
    *text = (llm_str){text->ptr + n, text->len - n};
    return true;
}

// Remember that the request's member is used, so that it is neither reported as lost nor part of the rest.
static llm_status use_name(struct reader *r, const char *name) {
    struct operation *op = r->operation;
    if (op->used.n == op->used.cap) {
        const size_t cap = op->used.cap * 2 + 8;
        const char **list;
        NEW(r, list, cap);
        if (op->used.n > 0) {
            memcpy(list, op->used.list, op->used.n * sizeof *list);
        }
        op->used.list = list;
        op->used.cap = cap;
    }
    op->used.list[op->used.n++] = name;
    return LLM_OK;
}

static llm_status use_source(struct reader *r, const struct source *source) {
    switch (source->kind) {
    case FROM_REQUEST:
        r->operation->uses_all |= source->path.n == 0;
        return source->path.n == 0 ? LLM_OK : use_name(r, source->path.steps[0].name);
    case FROM_PROMPT: TRY(use_name(r, "prompt")); return use_name(r, "messages");
    case FROM_SYSTEM: return use_name(r, "messages");
    default: return LLM_OK;
    }
}

static llm_status read_source(struct reader *r, llm_str word, struct source *ret) {
    static const struct {
        const char *word;
        enum source_kind kind;
    } plain[] = {{"request", FROM_REQUEST}, {"model", FROM_MODEL},   {"operation", FROM_OPERATION},
                 {"stream", FROM_STREAM},   {"prompt", FROM_PROMPT}, {"system", FROM_SYSTEM}};
    const llm_str whole = word;
    *ret = (struct source){.kind = FROM_REQUEST};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (custom_is(word, plain[i].word)) {
            ret->kind = plain[i].kind;
            return use_source(r, ret);
        }
    }
    unsigned needs = 0;
    if (take_prefix(&word, "submit:")) {
        ret->kind = FROM_SUBMIT;
        needs = MAY_USE_SUBMIT;
    } else if (take_prefix(&word, "poll:")) {
        ret->kind = FROM_POLL;
        needs = MAY_USE_POLL;
    } else if (take_prefix(&word, "item:")) {
        ret->kind = FROM_ITEM;
        needs = MAY_USE_ITEM;
    } else if (take_prefix(&word, "attachment:")) {
        ret->kind = FROM_FILE;
        needs = MAY_USE_FILES;
        ret->number = word.len == 1 ? (uint32_t)(word.ptr[0] - '0') : 10;
    } else if (word.len == 0 || word.ptr[0] != '/') {
        return custom_wrong(r,
                            "\"%.*s\" is no source: /pointer request prompt system model stream operation "
                            "submit:/pointer poll:/pointer item:/pointer attachment:0",
                            SHORT(whole));
    }
    if ((needs & r->allowed) != needs || ret->number > 9) {
        return custom_wrong(
            r,
            "\"%.*s\" cannot be used here: submit in a job, poll in its result, item in $each, "
            "attachment (0 to 9) in a body",
            SHORT(whole));
    }
    if (ret->kind != FROM_FILE) {
        TRY(custom_path_read(r, word, &ret->path));
    }
    return use_source(r, ret);
}

static llm_status read_transform(struct reader *r, llm_str *text, enum transform *ret) {
    static const char *const words[] = {"", "text", "json", "path", "base64", "mime"};
    llm_str rest = *text;
    const llm_str word = next_word(&rest);
    *ret = AS_IT_IS;
    if (!take_prefix(&rest, "of ")) {
        return LLM_OK;
    }
    for (size_t i = 1; i < sizeof words / sizeof words[0]; i++) {
        if (custom_is(word, words[i])) {
            *ret = (enum transform)i;
            *text = rest;
            return LLM_OK;
        }
    }
    return custom_wrong(r, "\"%.*s of\" is unknown: text json path base64 mime", SHORT(word));
}

// A default is JSON where it parses, else a string.
static llm_status read_default(struct reader *r, llm_str text, llm_str *ret) {
    char *quoted;
    size_t n = 0;
    if (llm_json_check(text, DEPTH_MAX, NULL)) {
        *ret = llm_json_value(text);
        return LLM_OK;
    }
    NEW(r, quoted, text.len * 6 + 2);
    quoted[n++] = '"';
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20) {
            memcpy(quoted + n, "\\u00", 4);
            quoted[n + 4] = "01"[c >> 4];
            quoted[n + 5] = "0123456789abcdef"[c & 15];
            n += 6;
            continue;
        }
        if (c == '"' || c == '\\') {
            quoted[n++] = '\\';
        }
        quoted[n++] = text.ptr[i];
    }
    quoted[n++] = '"';
    *ret = (llm_str){quoted, n};
    return LLM_OK;
}

static llm_status read_placeholder(struct reader *r, llm_str text, struct placeholder *ret) {
    struct source *sources;
    bool more = true;
    ret->text = text;
    NEW(r, sources, text.len / 2 + 1);
    ret->sources = sources;
    TRY(read_transform(r, &text, &ret->transform));
    while (more) {
        llm_str word = next_word(&text);
        if (word.len > 1 && word.ptr[word.len - 1] == '?') {
            ret->is_optional = true;
            word.len--;
        }
        TRY(read_source(r, word, &sources[ret->n]));
        if ((ret->transform == AS_BASE64 || ret->transform == AS_MIME) && sources[ret->n].kind != FROM_FILE) {
            return custom_wrong(r, "base64 and mime are of an attachment");
        }
        ret->n++;
        more = take_prefix(&text, "or ");
    }
    if (take_prefix(&text, "else ")) {
        return read_default(r, text, &ret->otherwise);
    }
    return text.len == 0
               ? LLM_OK
               : custom_wrong(r, "\"%.*s\" is out of place: there are \"of\", \"or\", \"else\"", SHORT(text));
}

// Behind the brace that closes the placeholder; SIZE_MAX: there is none.
static size_t placeholder_end(llm_str text, size_t from) {
    size_t depth = 1;
    for (size_t i = from; i < text.len; i++) {
        depth += text.ptr[i] == '{';
        depth -= text.ptr[i] == '}';
        if (depth == 0) {
            return i + 1;
        }
    }
    return SIZE_MAX;
}

static bool at_placeholder(llm_str text, size_t i) {
    return text.ptr[i] == '$' && i + 1 < text.len && text.ptr[i + 1] == '{';
}

llm_status custom_read_text(struct reader *r, llm_str v, void *ret, const void *more) {
    struct text *into = ret;
    llm_str text = {NULL, 0};
    struct part *parts;
    size_t n = 2, start = 0, i = 0;
    TRY(custom_read_string(r, v, &text, more));
    for (size_t k = 0; k < text.len; k++) {
        n += text.ptr[k] == '$' ? 2 : 0;
    }
    NEW(r, parts, n);
    *into = (struct text){parts, 0};
    while (i < text.len) {
        if (text.ptr[i] == '$' && i + 1 < text.len && at_placeholder(text, i + 1)) { // "$${" is "${"
            parts[into->n++] = (struct part){.literal = {text.ptr + start, i - start}};
            start = i + 1;
            i += 3;
            continue;
        }
        if (!at_placeholder(text, i)) {
            i++;
            continue;
        }
        const size_t end = placeholder_end(text, i + 2);
        struct placeholder *placeholder;
        if (end == SIZE_MAX) {
            return custom_wrong(r, "a placeholder has no \"}\"");
        }
        NEW(r, placeholder, 1);
        TRY(read_placeholder(r, (llm_str){text.ptr + i + 2, end - i - 3}, placeholder));
        if (i > start) {
            parts[into->n++] = (struct part){.literal = {text.ptr + start, i - start}};
        }
        parts[into->n++] = (struct part){.placeholder = placeholder};
        start = i = end;
    }
    if (i > start || into->n == 0) {
        parts[into->n++] = (struct part){.literal = {text.ptr + start, i - start}};
    }
    return LLM_OK;
}

static llm_status read_each(struct reader *r, llm_str v, struct node *ret) {
    const unsigned before = r->allowed;
    ret->kind = NODE_EACH;
    TRY(custom_read_text(r, llm_json_get(v, "$each"), &ret->text, NULL));
    if (llm_json_count(v) != 2 || llm_json_get(v, "$as").ptr == NULL || ret->text.n != 1 ||
        ret->text.parts[0].placeholder == NULL) {
        return custom_wrong(r, "must be {\"$each\": \"${a list}\", \"$as\": template}");
    }
    NEW(r, ret->members, 1);
    r->allowed |= MAY_USE_ITEM;
    TRY(custom_read_node(r, llm_json_get(v, "$as"), &ret->members[0].node, NULL));
    r->allowed = before;
    return LLM_OK;
}

static llm_status read_map(struct reader *r, llm_str v, struct node *ret) {
    ret->kind = NODE_MAP;
    ret->raw = llm_json_get(v, "$to");
    TRY(custom_read_text(r, llm_json_get(v, "$map"), &ret->text, NULL));
    if (llm_json_count(v) != 2 || llm_json_type(ret->raw) != '{' || ret->text.n != 1 ||
        ret->text.parts[0].placeholder == NULL) {
        return custom_wrong(
            r, "must be {\"$map\": \"${a value}\", \"$to\": {\"value\": replacement, \"*\": any other}}");
    }
    return LLM_OK;
}

// "name?" is left out when it is empty; "...": "rest" stands for what no placeholder names.
static llm_status read_member(struct reader *r, const llm_json_iter *it, struct member *ret) {
    llm_str name = it->name;
    ret->is_rest = llm_json_is(name, "...");
    if (ret->is_rest && !llm_json_is(it->value, "rest")) {
        return custom_wrong(r, "\"...\" can only be \"rest\"");
    }
    r->operation->has_rest |= ret->is_rest;
    if (name.len > 3 && name.ptr[name.len - 2] == '?') {
        char *shorter;
        NEW(r, shorter, name.len);
        memcpy(shorter, name.ptr, name.len - 2);
        shorter[name.len - 2] = '"';
        name = (llm_str){shorter, name.len - 1};
        ret->is_left_out_when_empty = true;
    }
    ret->name = name;
    return ret->is_rest ? LLM_OK : custom_read_node(r, it->value, &ret->node, NULL);
}

static llm_status read_members(struct reader *r, llm_str v, struct node *ret) {
    bool is_raw = true;
    ret->kind = llm_json_type(v) == '{' ? NODE_OBJECT : NODE_ARRAY;
    NEW(r, ret->members, llm_json_count(v) + 1);
    for (llm_json_iter it = llm_json_begin(v); llm_json_next(&it);) {
        struct member *member = &ret->members[ret->n++];
        const size_t before = ret->kind == NODE_OBJECT
                                  ? custom_down(r, (llm_str){it.name.ptr + 1, it.name.len - 2})
                                  : custom_down_number(r, ret->n - 1);
        if (ret->kind == NODE_OBJECT) {
            TRY(read_member(r, &it, member));
        } else {
            TRY(custom_read_node(r, it.value, &member->node, NULL));
        }
        is_raw =
            is_raw && member->node.kind == NODE_RAW && !member->is_rest && !member->is_left_out_when_empty;
        custom_up(r, before);
    }
    ret->kind = is_raw ? NODE_RAW : ret->kind;
    return LLM_OK;
}

llm_status custom_read_node(struct reader *r, llm_str v, void *ret, const void *more) {
    struct node *into = ret;
    const char type = llm_json_type(v);
    *into = (struct node){.kind = NODE_RAW, .raw = v};
    if (type == '"') {
        TRY(custom_read_text(r, v, &into->text, more));
        const struct part *first = into->text.parts;
        const bool is_plain = first->placeholder == NULL && first->literal.len == llm_json_decoded_len(v);
        into->kind = is_plain ? NODE_RAW : NODE_TEXT;
        return LLM_OK;
    }
    if (type == '{' && llm_json_get(v, "$each").ptr != NULL) {
        return read_each(r, v, into);
    }
    if (type == '{' && llm_json_get(v, "$map").ptr != NULL) {
        return read_map(r, v, into);
    }
    return type == '{' || type == '[' ? read_members(r, v, into) : LLM_OK;
}
