// SPDX-License-Identifier: MIT
// Reads a description: each kind of object is a table of its members, and whatever is not in the table is an error.
#include "custom.h"

#include <stdarg.h>
#include <stdio.h>

#define LIST_MAX 320 // of names in a message

// ---- messages and the way down

llm_status custom_wrong(struct reader *r, const char *format, ...) {
    char text[LIST_MAX + 128];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)snprintf(r->message, MESSAGE_MAX, "/custom%.*s: %s", (int)r->at_len, r->at, text);
    return LLM_E_CONFIG;
}

static void put_at(struct reader *r, char c) {
    if (r->at_len < sizeof r->at) {
        r->at[r->at_len++] = c;
    }
}

size_t custom_down(struct reader *r, llm_str name) {
    const size_t before = r->at_len;
    put_at(r, '/');
    for (size_t i = 0; i < name.len; i++) {
        const bool is_special = name.ptr[i] == '/' || name.ptr[i] == '~';
        put_at(r, is_special ? '~' : name.ptr[i]);
        if (is_special) {
            put_at(r, name.ptr[i] == '/' ? '1' : '0');
        }
    }
    return before;
}

void custom_up(struct reader *r, size_t before) {
    r->at_len = before;
}

size_t custom_down_number(struct reader *r, size_t number) {
    char text[24];
    const int n = snprintf(text, sizeof text, "%zu", number);
    return custom_down(r, (llm_str){text, (size_t)n});
}

#define NEW(r, ptr, count)                                                                                   \
    do {                                                                                                     \
        (ptr) = custom_new((r)->arena, (count) * sizeof *(ptr));                                             \
        if ((ptr) == NULL) {                                                                                 \
            return LLM_E_NOMEM;                                                                              \
        }                                                                                                    \
    } while (0)

// The inside of a raw name.
static llm_str bare(llm_str name) {
    return (llm_str){name.ptr + 1, name.len - 2};
}

// ---- objects by table

typedef llm_status (*read_fn)(struct reader *r, llm_str v, void *ret);
struct entry {
    const char *name;
    read_fn read;
    size_t offset;
    bool is_required;
};
#define ENTRY(T, name, read, member)                                                                         \
    { name, read, offsetof(T, member), false }
#define REQUIRED(T, name, read, member)                                                                      \
    { name, read, offsetof(T, member), true }
#define NO_MORE                                                                                              \
    { NULL, NULL, 0, false }

static llm_status unknown_member(struct reader *r, const struct entry *entries) {
    char list[LIST_MAX];
    size_t n = 0;
    for (const struct entry *e = entries; e->name != NULL && n < sizeof list; e++) {
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n == 0 ? "" : " ", e->name);
    }
    return custom_wrong(r, "unknown member; there are: %s", list);
}

static llm_status read_member(struct reader *r, const llm_json_iter *it, const struct entry *entries,
                              void *base) {
    const struct entry *e = entries;
    const size_t before = custom_down(r, bare(it->name));
    while (e->name != NULL && !llm_json_is(it->name, e->name)) {
        e++;
    }
    if (e->name == NULL && !llm_json_is(it->name, "comment")) {
        return unknown_member(r, entries);
    }
    if (e->name != NULL) {
        TRY(e->read(r, it->value, (char *)base + e->offset));
    }
    custom_up(r, before);
    return LLM_OK;
}

static llm_status read_object(struct reader *r, llm_str v, const struct entry *entries, void *base) {
    if (llm_json_type(v) != '{') {
        return custom_wrong(r, "must be an object");
    }
    for (llm_json_iter it = llm_json_begin(v); llm_json_next(&it);) {
        TRY(read_member(r, &it, entries, base));
    }
    for (const struct entry *e = entries; e->name != NULL; e++) {
        if (e->is_required && llm_json_get(v, e->name).ptr == NULL) {
            return custom_wrong(r, "\"%s\" is missing", e->name);
        }
    }
    return LLM_OK;
}

// An array of T, or one T alone.
struct many {
    read_fn read;
    size_t size;
};

static llm_status read_many(struct reader *r, llm_str v, const struct many *many, void **ret_list,
                            size_t *ret_n) {
    const bool is_array = llm_json_type(v) == '[';
    const size_t count = is_array ? llm_json_count(v) : 1;
    char *list = custom_new(r->arena, count * many->size);
    size_t n = 0;

    if (list == NULL) {
        return LLM_E_NOMEM;
    }
    *ret_list = list;
    *ret_n = count;
    if (!is_array) {
        return many->read(r, v, list);
    }
    for (llm_json_iter it = llm_json_begin(v); llm_json_next(&it); n++) {
        const size_t before = custom_down_number(r, n);
        TRY(many->read(r, it.value, list + n * many->size));
        custom_up(r, before);
    }
    return LLM_OK;
}

// ---- single values

llm_status custom_string_read(struct reader *r, llm_str v, llm_str *ret) {
    if (llm_json_type(v) != '"') {
        return custom_wrong(r, "must be a string");
    }
    const size_t len = llm_json_decoded_len(v);
    char *text;
    NEW(r, text, len + 1);
    (void)llm_json_decode(v, text, len);
    *ret = (llm_str){text, len};
    return LLM_OK;
}

static llm_status read_string(struct reader *r, llm_str v, void *ret) {
    return custom_string_read(r, v, ret);
}

static llm_status read_true(struct reader *r, llm_str v, void *ret) {
    int flag;
    if (!llm_json_bool(v, &flag)) {
        return custom_wrong(r, "must be true or false");
    }
    *(bool *)ret = flag != 0;
    return LLM_OK;
}

static llm_status read_count(struct reader *r, llm_str v, void *ret) {
    if (!llm_json_int64(v, ret) || *(int64_t *)ret < 1) {
        return custom_wrong(r, "must be a whole number above 0");
    }
    return LLM_OK;
}

static llm_status read_usd(struct reader *r, llm_str v, void *ret) {
    llm_str text;
    TRY(custom_string_read(r, v, &text));
    if (!llm_json_check(text, 1, NULL) || !llm_json_decimal(text, 12, ret) || *(int64_t *)ret < 0) {
        return custom_wrong(r, "must be an amount in USD in quotes, as \"0.001\"");
    }
    return LLM_OK;
}

// A word of a list; its place in the list is the value.
static llm_status read_word(struct reader *r, llm_str v, const char *const *words, size_t *ret) {
    char list[LIST_MAX];
    size_t n = 0;
    for (size_t i = 0; words[i] != NULL; i++) {
        if (llm_json_is(v, words[i])) {
            *ret = i;
            return LLM_OK;
        }
        n += n < sizeof list
                 ? (size_t)snprintf(list + n, sizeof list - n, "%s%s", i == 0 ? "" : " ", words[i])
                 : 0;
    }
    return custom_wrong(r, "%.*s is not one of: %s", (int)(v.len < 60 ? v.len : 60), v.ptr, list);
}

static llm_status read_method(struct reader *r, llm_str v, void *ret) {
    static const char *const words[] = {"GET", "POST", "PUT", "PATCH", "DELETE", NULL};
    size_t word;
    TRY(read_word(r, v, words, &word));
    *(llm_str *)ret = custom_str(words[word]);
    return LLM_OK;
}

static llm_status read_framing(struct reader *r, llm_str v, void *ret) {
    static const char *const words[] = {"sse", "lines", NULL};
    size_t word;
    TRY(read_word(r, v, words, &word));
    *(uint32_t *)ret = word == 0 ? LLM_FRAME_SSE_FIELDS : LLM_FRAME_LINES;
    return LLM_OK;
}

static llm_status read_code(struct reader *r, llm_str v, void *ret) {
    // In the order of LLM_E_*.
    static const char *const words[] = {
        "invalid_request", "auth",           "permission",   "not_found", "conflict",    "too_large",
        "context_length",  "content_filter", "rate_limited", "quota",     "overloaded",  "server_error",
        "timeout",         "transport",      "protocol",     "cancelled", "unsupported", NULL};
    size_t word;
    TRY(read_word(r, v, words, &word));
    *(llm_status *)ret = -(llm_status)word - 1;
    return LLM_OK;
}

static llm_status read_retry(struct reader *r, llm_str v, void *ret) {
    static const char *const words[] = {"default", "never", "safe", "after", NULL};
    size_t word;
    TRY(read_word(r, v, words, &word));
    *(uint32_t *)ret = (uint32_t)word;
    return LLM_OK;
}

// ---- pointers

static llm_status read_step(struct reader *r, llm_str text, struct step *ret) {
    char *name;
    size_t n = 0;
    NEW(r, name, text.len + 1);
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
    struct step *steps;
    size_t n = 0, start = 1;
    if (text.len == 0) {
        *ret = (struct path){NULL, 0};
        return LLM_OK;
    }
    if (text.ptr[0] != '/') {
        return custom_wrong(r, "\"%.*s\" is no JSON Pointer: it begins with \"/\"",
                            (int)(text.len < 60 ? text.len : 60), text.ptr);
    }
    for (size_t i = 0; i < text.len; i++) {
        n += text.ptr[i] == '/';
    }
    NEW(r, steps, n);
    *ret = (struct path){steps, n};
    for (size_t i = 1, k = 0; i <= text.len; i++) {
        if (i == text.len || text.ptr[i] == '/') {
            TRY(read_step(r, (llm_str){text.ptr + start, i - start}, &steps[k++]));
            start = i + 1;
        }
    }
    return LLM_OK;
}

static llm_status read_path(struct reader *r, llm_str v, void *ret) {
    llm_str text;
    TRY(custom_string_read(r, v, &text));
    return custom_path_read(r, text, ret);
}

static llm_status read_paths(struct reader *r, llm_str v, void *ret) {
    static const struct many many = {read_path, sizeof(struct path)};
    struct paths *paths = ret;
    void *list;
    TRY(read_many(r, v, &many, &list, &paths->n));
    paths->list = list;
    return LLM_OK;
}

// ---- conditions

static llm_status read_value(struct reader *r, llm_str v, struct test *test, size_t n) {
    const char type = llm_json_type(v);
    char *text;
    test->are_string[n] = type == '"';
    if (type == '"') {
        return custom_string_read(r, v, &test->values[n]);
    }
    if (type == '{' || type == '[' || type == 'n') {
        return custom_wrong(r, "must be a string, a number, true or false");
    }
    NEW(r, text, v.len + 1);
    memcpy(text, v.ptr, v.len);
    test->values[n] = (llm_str){text, v.len};
    return LLM_OK;
}

static llm_status read_values(struct reader *r, llm_str v, struct test *test) {
    const bool is_array = llm_json_type(v) == '[';
    test->n = is_array ? llm_json_count(v) : 1;
    NEW(r, test->values, test->n + 1);
    NEW(r, test->are_string, test->n + 1);
    if (!is_array) {
        return read_value(r, v, test, 0);
    }
    size_t n = 0;
    for (llm_json_iter it = llm_json_begin(v); llm_json_next(&it);) {
        TRY(read_value(r, it.value, test, n++));
    }
    return LLM_OK;
}

static llm_status read_test(struct reader *r, llm_str name, llm_str v, struct test *test) {
    llm_str text;
    int present;
    TRY(custom_string_read(r, name, &text));
    if (custom_is(text, "event") || custom_is(text, "data") || custom_is(text, "status")) {
        test->of = text.ptr[0] == 'e' ? OF_EVENT : text.ptr[0] == 'd' ? OF_DATA : OF_STATUS;
    } else if (text.len > 0 && text.ptr[0] != '/') {
        return custom_wrong(r, "a condition is about a JSON Pointer, \"event\", \"data\" or \"status\"");
    } else {
        TRY(custom_path_read(r, text, &test->path));
    }
    if (llm_json_type(v) == 'n') {
        test->presence = -1;
        return LLM_OK;
    }
    if (llm_json_type(v) != '{') {
        return read_values(r, v, test);
    }
    if (llm_json_count(v) == 1 && llm_json_bool(llm_json_get(v, "present"), &present)) {
        test->presence = present ? 1 : -1;
        return LLM_OK;
    }
    if (llm_json_count(v) == 1 && llm_json_get(v, "contains").ptr != NULL) {
        test->is_part = true;
        return read_values(r, llm_json_get(v, "contains"), test);
    }
    return custom_wrong(
        r, "must be a value, a list of values, null, {\"present\": true} or {\"contains\": \"text\"}");
}

static llm_status read_condition(struct reader *r, llm_str v, void *ret) {
    struct condition *condition = ret;
    if (llm_json_type(v) != '{' || llm_json_count(v) == 0) {
        return custom_wrong(r, "must be an object of conditions, as {\"/status\": \"done\"}");
    }
    NEW(r, condition->tests, llm_json_count(v));
    for (llm_json_iter it = llm_json_begin(v); llm_json_next(&it);) {
        const size_t before = custom_down(r, bare(it.name));
        TRY(read_test(r, it.name, it.value, &condition->tests[condition->n++]));
        custom_up(r, before);
    }
    return LLM_OK;
}

static llm_status read_conditions(struct reader *r, llm_str v, void *ret) {
    static const struct many many = {read_condition, sizeof(struct condition)};
    struct conditions *conditions = ret;
    void *list;
    TRY(read_many(r, v, &many, &list, &conditions->n));
    conditions->list = list;
    return LLM_OK;
}

// ---- what is sent

static llm_status read_headers(struct reader *r, llm_str v, void *ret) {
    struct request *request = (struct request *)((char *)ret - offsetof(struct request, headers));
    if (llm_json_type(v) != '{') {
        return custom_wrong(r, "must be an object: field to value");
    }
    request->n_headers = 0;
    NEW(r, request->headers, llm_json_count(v) + 1);
    for (llm_json_iter it = llm_json_begin(v); llm_json_next(&it);) {
        struct field *field = &request->headers[request->n_headers++];
        const size_t before = custom_down(r, bare(it.name));
        TRY(custom_string_read(r, it.name, &field->name));
        TRY(custom_text_read(r, it.value, &field->value));
        custom_up(r, before);
    }
    return LLM_OK;
}

static llm_status read_body(struct reader *r, llm_str v, void *ret) {
    const unsigned before = r->allowed;
    struct node *node;
    NEW(r, node, 1);
    r->allowed |= MAY_USE_FILES;
    TRY(custom_node_read(r, v, node));
    r->allowed = before;
    *(struct node **)ret = node;
    return LLM_OK;
}

static llm_status read_url(struct reader *r, llm_str v, void *ret) {
    struct text *url = ret;
    TRY(custom_text_read(r, v, url));
    const llm_str first = url->parts[0].literal;
    const bool is_given = url->parts[0].placeholder != NULL;
    if (!is_given && (first.len == 0 || (first.ptr[0] != '/' && strncmp(first.ptr, "http", 4) != 0))) {
        return custom_wrong(
            r,
            "must be a path (\"/...\", put behind base_url), a URL, or begin with a placeholder that is one");
    }
    return LLM_OK;
}

static const struct entry request_entries[] = {
    ENTRY(struct request, "method", read_method, method),
    ENTRY(struct request, "url", read_url, url),
    ENTRY(struct request, "headers", read_headers, headers),
    ENTRY(struct request, "body", read_body, body),
    NO_MORE,
};

static llm_status read_part_of_request(struct reader *r, llm_str v, void *ret) {
    return read_object(r, v, request_entries, ret);
}

static llm_status read_request(struct reader *r, llm_str v, void *ret) {
    struct request *request = ret;
    TRY(read_object(r, v, request_entries, request));
    if (request->url.n == 0) {
        return custom_wrong(r, "\"url\" is missing");
    }
    if (request->method.ptr == NULL) {
        request->method = custom_str(request->body != NULL ? "POST" : "GET");
    }
    return LLM_OK;
}

// ---- what is taken

static llm_status read_pairs(struct reader *r, llm_str v, read_fn read, size_t offset, struct pairs *ret) {
    if (llm_json_type(v) != '{') {
        return custom_wrong(r, "must be an object");
    }
    ret->n = 0;
    NEW(r, ret->list, llm_json_count(v) + 1);
    for (llm_json_iter it = llm_json_begin(v); llm_json_next(&it);) {
        struct pair *pair = &ret->list[ret->n++];
        const size_t before = custom_down(r, bare(it.name));
        TRY(custom_string_read(r, it.name, &pair->name));
        TRY(read(r, it.value, (char *)pair + offset));
        custom_up(r, before);
    }
    return LLM_OK;
}

static llm_status read_reason(struct reader *r, llm_str v, void *ret) {
    static const char *const words[] = {"stop", "length", "tool_calls", "content_filter", "other", NULL};
    size_t word;
    TRY(read_word(r, v, words, &word));
    *(int32_t *)ret = (int32_t)word;
    return LLM_OK;
}

static llm_status read_finish_map(struct reader *r, llm_str v, void *ret) {
    return read_pairs(r, v, read_reason, offsetof(struct pair, value), ret);
}

static llm_status read_json_kinds(struct reader *r, llm_str v, void *ret) {
    return read_pairs(r, v, read_paths, offsetof(struct pair, from), ret);
}

static llm_status read_content(struct reader *r, llm_str v, void *ret) {
    struct picks *picks = (struct picks *)((char *)ret - offsetof(struct picks, text));
    if (llm_json_is(v, "data")) {
        picks->is_text_data = true;
        return LLM_OK;
    }
    return read_paths(r, v, ret);
}

static llm_status read_only_if(struct reader *r, llm_str v, void *ret) {
    ((struct picks *)((char *)ret - offsetof(struct picks, only_if)))->has_only_if = true;
    return read_conditions(r, v, ret);
}

#define COUNT(i, name) ENTRY(struct usage, name, read_paths, counts[i])
static llm_status read_usage(struct reader *r, llm_str v, void *ret) {
    static const struct entry entries[] = {ENTRY(struct usage, "raw", read_paths, raw),
                                           COUNT(0, "input_tokens"),
                                           COUNT(1, "output_tokens"),
                                           COUNT(2, "cache_read_tokens"),
                                           COUNT(3, "cache_write_tokens"),
                                           COUNT(4, "cache_write_1h_tokens"),
                                           COUNT(5, "reasoning_tokens"),
                                           COUNT(6, "audio_input_tokens"),
                                           COUNT(7, "audio_output_tokens"),
                                           COUNT(8, "images"),
                                           COUNT(9, "milliseconds"),
                                           COUNT(10, "characters"),
                                           COUNT(11, "cost"),
                                           ENTRY(struct usage, "cost_unit_usd", read_usd, cost_unit_pico_usd),
                                           NO_MORE};
    struct usage *usage = ret;
    usage->is_given = true;
    usage->cost_unit_pico_usd = INT64_C(1000000000000);
    return read_object(r, v, entries, usage);
}

static llm_status read_blobs(struct reader *r, llm_str v, void *ret) {
    static const struct entry entries[] = {ENTRY(struct blobs, "body", read_true, is_body),
                                           ENTRY(struct blobs, "each", read_paths, each),
                                           ENTRY(struct blobs, "url", read_paths, url),
                                           ENTRY(struct blobs, "base64", read_paths, base64),
                                           ENTRY(struct blobs, "mime", read_paths, mime),
                                           ENTRY(struct blobs, "default_mime", read_string, default_mime),
                                           NO_MORE};
    struct blobs *blobs = ret;
    blobs->is_given = true;
    TRY(read_object(r, v, entries, blobs));
    if (!blobs->is_body && blobs->url.n == 0 && blobs->base64.n == 0) {
        return custom_wrong(r, "needs \"url\", \"base64\" or \"body\": true");
    }
    return LLM_OK;
}

static llm_status read_vectors(struct reader *r, llm_str v, void *ret) {
    static const struct entry entries[] = {ENTRY(struct vectors, "each", read_paths, each),
                                           REQUIRED(struct vectors, "vector", read_paths, vector), NO_MORE};
    ((struct vectors *)ret)->is_given = true;
    return read_object(r, v, entries, ret);
}

static llm_status read_tools(struct reader *r, llm_str v, void *ret) {
    static const struct entry entries[] = {
        REQUIRED(struct tools, "each", read_paths, each), ENTRY(struct tools, "id", read_paths, id),
        REQUIRED(struct tools, "name", read_paths, name),
        REQUIRED(struct tools, "arguments", read_paths, arguments), NO_MORE};
    ((struct tools *)ret)->is_given = true;
    return read_object(r, v, entries, ret);
}

#define PICKS                                                                                                \
    ENTRY(struct picks, "text", read_content, text[0]),                                                      \
        ENTRY(struct picks, "reasoning", read_paths, text[1]),                                               \
        ENTRY(struct picks, "refusal", read_paths, text[2]), ENTRY(struct picks, "id", read_paths, id),      \
        ENTRY(struct picks, "model", read_paths, model), ENTRY(struct picks, "finish", read_paths, finish),  \
        ENTRY(struct picks, "finish_map", read_finish_map, finish_map),                                      \
        ENTRY(struct picks, "json", read_json_kinds, json), ENTRY(struct picks, "usage", read_usage, usage), \
        ENTRY(struct picks, "blobs", read_blobs, blobs),                                                     \
        ENTRY(struct picks, "vectors", read_vectors, vectors),                                               \
        ENTRY(struct picks, "tools", read_tools, tools)

static llm_status read_answer(struct reader *r, llm_str v, void *ret) {
    static const struct entry entries[] = {PICKS, NO_MORE};
    return read_object(r, v, entries, ret);
}

static llm_status read_event(struct reader *r, llm_str v, void *ret) {
    static const struct entry entries[] = {ENTRY(struct picks, "if", read_only_if, only_if), PICKS, NO_MORE};
    TRY(read_object(r, v, entries, ret));
    return ((struct picks *)ret)->blobs.is_body ? custom_wrong(r, "an event is no blob") : LLM_OK;
}

// ---- streams, jobs, failures

static llm_status read_events(struct reader *r, llm_str v, void *ret) {
    static const struct many many = {read_event, sizeof(struct picks)};
    struct stream *stream = (struct stream *)((char *)ret - offsetof(struct stream, events));
    void *list;
    TRY(read_many(r, v, &many, &list, &stream->n_events));
    stream->events = list;
    return LLM_OK;
}

static llm_status read_stream(struct reader *r, llm_str v, void *ret) {
    static const struct entry entries[] = {REQUIRED(struct stream, "framing", read_framing, framing),
                                           ENTRY(struct stream, "request", read_part_of_request, request),
                                           REQUIRED(struct stream, "events", read_events, events),
                                           ENTRY(struct stream, "done", read_conditions, done), NO_MORE};
    ((struct stream *)ret)->is_given = true;
    return read_object(r, v, entries, ret);
}

static llm_status read_result(struct reader *r, llm_str v, void *ret) {
    ((struct poll *)((char *)ret - offsetof(struct poll, result)))->has_result = true;
    r->allowed |= MAY_USE_POLL;
    TRY(read_request(r, v, ret));
    r->allowed &= ~MAY_USE_POLL;
    return LLM_OK;
}

static llm_status read_statuses(struct reader *r, llm_str v, void *ret) {
    static const struct many many = {read_count, sizeof(int64_t)};
    struct poll *poll = (struct poll *)((char *)ret - offsetof(struct poll, not_ready));
    void *list;
    TRY(read_many(r, v, &many, &list, &poll->n_not_ready));
    poll->not_ready = list;
    return LLM_OK;
}

static llm_status read_poll(struct reader *r, llm_str v, void *ret) {
    static const struct entry entries[] = {REQUIRED(struct poll, "request", read_request, request),
                                           ENTRY(struct poll, "result", read_result, result),
                                           ENTRY(struct poll, "interval_ms", read_count, interval_ms),
                                           ENTRY(struct poll, "interval_max_ms", read_count, interval_max_ms),
                                           ENTRY(struct poll, "polls_max", read_count, polls_max),
                                           ENTRY(struct poll, "pending", read_conditions, pending),
                                           REQUIRED(struct poll, "done", read_conditions, done),
                                           ENTRY(struct poll, "failed", read_conditions, failed),
                                           ENTRY(struct poll, "not_ready", read_statuses, not_ready),
                                           NO_MORE};
    struct poll *poll = ret;
    *poll = (struct poll){.is_given = true, .interval_ms = 500, .interval_max_ms = 5000, .polls_max = 600};
    r->allowed |= MAY_USE_SUBMIT;
    TRY(read_object(r, v, entries, poll));
    r->allowed &= ~MAY_USE_SUBMIT;
    if (poll->interval_ms > poll->interval_max_ms || poll->interval_max_ms > WAIT_MAX_MS) {
        return custom_wrong(r, "interval_ms is at most interval_max_ms, and that at most %d", WAIT_MAX_MS);
    }
    if (poll->polls_max > POLLS_MAX) {
        return custom_wrong(r, "polls_max is at most %d", POLLS_MAX);
    }
    return LLM_OK;
}

static llm_status read_rule(struct reader *r, llm_str v, void *ret) {
    static const struct entry entries[] = {REQUIRED(struct rule, "if", read_conditions, when),
                                           REQUIRED(struct rule, "is", read_code, is),
                                           ENTRY(struct rule, "retry", read_retry, retry), NO_MORE};
    return read_object(r, v, entries, ret);
}

static llm_status read_rules(struct reader *r, llm_str v, void *ret) {
    static const struct many many = {read_rule, sizeof(struct rule)};
    struct errors *errors = (struct errors *)((char *)ret - offsetof(struct errors, rules));
    void *list;
    TRY(read_many(r, v, &many, &list, &errors->n_rules));
    errors->rules = list;
    return LLM_OK;
}

static llm_status read_errors(struct reader *r, llm_str v, void *ret) {
    static const struct entry entries[] = {ENTRY(struct errors, "if", read_conditions, when),
                                           ENTRY(struct errors, "message", read_paths, message),
                                           ENTRY(struct errors, "code", read_paths, code),
                                           ENTRY(struct errors, "param", read_paths, param),
                                           ENTRY(struct errors, "rules", read_rules, rules),
                                           NO_MORE};
    return read_object(r, v, entries, ret);
}

static llm_status read_dropped(struct reader *r, llm_str v, void *ret) {
    static const struct many many = {read_string, sizeof(llm_str)};
    struct operation *operation = (struct operation *)((char *)ret - offsetof(struct operation, dropped));
    void *list;
    TRY(read_many(r, v, &many, &list, &operation->n_dropped));
    operation->dropped = list;
    return LLM_OK;
}

static llm_status read_operation(struct reader *r, llm_str v, struct operation *operation) {
    static const struct entry entries[] = {REQUIRED(struct operation, "request", read_request, request),
                                           ENTRY(struct operation, "answer", read_answer, answer),
                                           ENTRY(struct operation, "stream", read_stream, stream),
                                           ENTRY(struct operation, "job", read_poll, poll),
                                           ENTRY(struct operation, "errors", read_errors, errors),
                                           ENTRY(struct operation, "drop", read_dropped, dropped),
                                           NO_MORE};
    r->operation = operation;
    TRY(read_object(r, v, entries, operation));
    if (operation->poll.is_given && operation->stream.is_given) {
        return custom_wrong(r, "an operation has \"stream\" or \"job\", not both");
    }
    if (operation->answer.blobs.is_body && operation->poll.is_given && !operation->poll.has_result) {
        return custom_wrong(r, "a job whose answer is a blob needs \"result\", which fetches it");
    }
    return LLM_OK;
}

static llm_status read_operations(struct reader *r, llm_str v, void *ret) {
    llm_instance *inst = (llm_instance *)((char *)ret - offsetof(llm_instance, operations));
    if (llm_json_type(v) != '{' || llm_json_count(v) == 0) {
        return custom_wrong(r, "must be an object of operations, as {\"chat\": {...}}");
    }
    inst->n = 0;
    NEW(r, inst->operations, llm_json_count(v));
    for (llm_json_iter it = llm_json_begin(v); llm_json_next(&it);) {
        struct operation *operation = &inst->operations[inst->n++];
        const size_t before = custom_down(r, bare(it.name));
        TRY(custom_string_read(r, it.name, &operation->name));
        TRY(read_operation(r, it.value, operation));
        custom_up(r, before);
    }
    return LLM_OK;
}

llm_status custom_describe(llm_instance *inst, llm_str config, char *message) {
    static const struct entry entries[] = {REQUIRED(llm_instance, "operations", read_operations, operations),
                                           ENTRY(llm_instance, "errors", read_errors, errors), NO_MORE};
    struct reader r = {.arena = &inst->arena, .message = message};
    size_t at = 0;
    if (!llm_json_check(config, DEPTH_MAX, &at)) {
        return custom_wrong(&r, "the provider's JSON is wrong at byte %zu", at);
    }
    const llm_str custom = llm_json_get(llm_json_value(config), "custom");
    if (custom.ptr == NULL) {
        return custom_wrong(&r, "is missing; docs/custom.md says what it holds");
    }
    return read_object(&r, custom, entries, inst);
}
