// SPDX-License-Identifier: MIT
// The language of docs/custom.md, as tables.
#include "read.h"

// ---- conditions

static llm_status read_value(struct reader *r, llm_str v, void *ret, const void *more) {
    struct expected *expected = ret;
    const char type = llm_json_type(v);
    expected->is_string = type == '"';
    if (expected->is_string) {
        return custom_read_string(r, v, &expected->text, more);
    }
    if (type == '{' || type == '[' || type == 'n') {
        return custom_wrong(r, "must be a string, a number, true or false");
    }
    char *text = custom_new(r->arena, v.len + 1);
    if (text == NULL) {
        return LLM_E_NOMEM;
    }
    memcpy(text, v.ptr, v.len);
    expected->text = (llm_str){text, v.len};
    return LLM_OK;
}

static const struct items values = {.read = read_value, .size = sizeof(struct expected)};

static llm_status read_test(struct reader *r, llm_str v, void *ret, const void *more) {
    struct test *test = ret;
    int present;
    (void)more;
    if (custom_is(test->name, "event") || custom_is(test->name, "data") || custom_is(test->name, "status")) {
        test->of = test->name.ptr[0] == 'e' ? OF_EVENT : test->name.ptr[0] == 'd' ? OF_DATA : OF_STATUS;
    } else if (test->name.len > 0 && test->name.ptr[0] != '/') {
        return custom_wrong(r, "a condition is about a JSON Pointer, \"event\", \"data\" or \"status\"");
    } else {
        TRY(custom_path_read(r, test->name, &test->path));
    }
    if (llm_json_type(v) == 'n') {
        test->presence = -1;
        return LLM_OK;
    }
    if (llm_json_type(v) != '{') {
        return custom_read_list(r, v, &test->values, &values);
    }
    if (llm_json_count(v) == 1 && llm_json_bool(llm_json_get(v, "present"), &present)) {
        test->presence = present ? 1 : -1;
        return LLM_OK;
    }
    if (llm_json_count(v) == 1 && llm_json_get(v, "contains").ptr != NULL) {
        test->is_part = true;
        return custom_read_list(r, llm_json_get(v, "contains"), &test->values, &values);
    }
    return custom_wrong(
        r, "must be a value, a list of values, null, {\"present\": true} or {\"contains\": \"text\"}");
}

static const struct items tests = {
    .read = read_test, .size = sizeof(struct test), .example = "{\"/status\": \"done\"}"};
static const struct items all_of = {
    .read = custom_read_map, .more = &tests, .size = sizeof(struct condition)};
static const struct items paths = {.read = custom_read_path, .size = sizeof(struct path)};

#define CONDITIONS custom_read_list, &all_of
#define PATHS custom_read_list, &paths
#define STRING custom_read_string, NULL
#define NUMBER custom_read_count, NULL

// ---- what is sent

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", NULL};
static const struct items headers = {.read = custom_read_text,
                                     .size = sizeof(struct field),
                                     .offset = offsetof(struct field, value),
                                     .example = "{\"x-version\": \"1\"}"};

static llm_status read_url(struct reader *r, llm_str v, void *ret, const void *more) {
    const struct text *url = ret;
    TRY(custom_read_text(r, v, ret, more));
    const llm_str first = url->parts[0].literal;
    const bool is_given = url->parts[0].placeholder != NULL;
    if (!is_given && (first.len == 0 || (first.ptr[0] != '/' && strncmp(first.ptr, "http", 4) != 0))) {
        return custom_wrong(
            r,
            "must be a path (\"/...\", put behind base_url), a URL, or begin with a placeholder that is one");
    }
    return LLM_OK;
}

static const struct entry request_members[] = {
    ENTRY(struct request, method, "method", custom_read_word, methods),
    ENTRY(struct request, url, "url", read_url, NULL),
    ENTRY(struct request, headers, "headers", custom_read_map, &headers),
    {"body", custom_read_node, NULL, offsetof(struct request, body), false, MAY_USE_FILES},
    END_OF_ENTRIES,
};

static llm_status read_request(struct reader *r, llm_str v, void *ret, const void *more) {
    struct request *request = ret;
    (void)more;
    TRY(custom_read_object(r, v, request, request_members));
    if (request->url.n == 0) {
        return custom_wrong(r, "\"url\" is missing");
    }
    if (request->method == 0) {
        request->method = request->body.kind != NODE_NONE ? METHOD_POST : METHOD_GET;
    }
    return LLM_OK;
}

// ---- what is taken

static const char *const reasons[] = {"stop", "length", "tool_calls", "content_filter", "other", NULL};
static const struct items finish_words = {.read = custom_read_word,
                                          .more = reasons,
                                          .size = sizeof(struct word),
                                          .offset = offsetof(struct word, value),
                                          .example = "{\"end\": \"stop\"}"};
static const struct items json_kinds = {.read = custom_read_list,
                                        .more = &paths,
                                        .size = sizeof(struct kind),
                                        .offset = offsetof(struct kind, from),
                                        .example = "{\"models\": \"/data\"}"};

#define COUNT(i, name) ENTRY(struct usage, counts[i], name, PATHS)
static const struct entry usage_members[] = {
    ENTRY(struct usage, raw, "raw", PATHS),
    COUNT(0, "input_tokens"),
    COUNT(1, "output_tokens"),
    COUNT(2, "cache_read_tokens"),
    COUNT(3, "cache_write_tokens"),
    COUNT(4, "cache_write_1h_tokens"),
    COUNT(5, "reasoning_tokens"),
    COUNT(6, "audio_input_tokens"),
    COUNT(7, "audio_output_tokens"),
    COUNT(COUNT_IMAGES, "images"),
    COUNT(9, "milliseconds"),
    COUNT(10, "characters"),
    COUNT(COUNT_COST, "cost"),
    ENTRY(struct usage, cost_unit_pico_usd, "cost_unit_usd", custom_read_usd, NULL),
    END_OF_ENTRIES,
};

static const struct entry blob_members[] = {
    ENTRY(struct blobs, is_body, "body", custom_read_bool, NULL),
    ENTRY(struct blobs, each, "each", PATHS),
    ENTRY(struct blobs, url, "url", PATHS),
    ENTRY(struct blobs, base64, "base64", PATHS),
    ENTRY(struct blobs, mime, "mime", PATHS),
    ENTRY(struct blobs, default_mime, "default_mime", STRING),
    END_OF_ENTRIES,
};

static llm_status read_blobs(struct reader *r, llm_str v, void *ret, const void *more) {
    const struct blobs *blobs = ret;
    TRY(custom_read_object(r, v, ret, more));
    return blobs->is_body || blobs->url.n + blobs->base64.n > 0
               ? LLM_OK
               : custom_wrong(r, "needs \"url\", \"base64\" or \"body\": true");
}

static const struct entry vector_members[] = {
    ENTRY(struct vectors, each, "each", PATHS),
    REQUIRED(struct vectors, vector, "vector", PATHS),
    END_OF_ENTRIES,
};
static const struct entry tool_members[] = {
    REQUIRED(struct tools, each, "each", PATHS),
    ENTRY(struct tools, id, "id", PATHS),
    REQUIRED(struct tools, name, "name", PATHS),
    REQUIRED(struct tools, arguments, "arguments", PATHS),
    END_OF_ENTRIES,
};

static llm_status read_content(struct reader *r, llm_str v, void *ret, const void *more) {
    struct content *content = ret;
    content->is_data = llm_json_is(v, "data");
    return content->is_data ? LLM_OK : custom_read_list(r, v, &content->from, more);
}

#define PICKS                                                                                                \
    ENTRY(struct picks, content, "text", read_content, &paths),                                              \
        ENTRY(struct picks, reasoning, "reasoning", PATHS), ENTRY(struct picks, refusal, "refusal", PATHS),  \
        ENTRY(struct picks, id, "id", PATHS), ENTRY(struct picks, model, "model", PATHS),                    \
        ENTRY(struct picks, finish, "finish", PATHS),                                                        \
        ENTRY(struct picks, finish_words, "finish_map", custom_read_map, &finish_words),                     \
        ENTRY(struct picks, kinds, "json", custom_read_map, &json_kinds),                                    \
        ENTRY(struct picks, usage, "usage", custom_read_object, usage_members),                              \
        ENTRY(struct picks, blobs, "blobs", read_blobs, blob_members),                                       \
        ENTRY(struct picks, vectors, "vectors", custom_read_object, vector_members),                         \
        ENTRY(struct picks, tools, "tools", custom_read_object, tool_members)

static const struct entry answer_members[] = {PICKS, END_OF_ENTRIES};
static const struct entry event_members[] = {ENTRY(struct picks, only_if, "if", CONDITIONS), PICKS,
                                             END_OF_ENTRIES};

static llm_status read_event(struct reader *r, llm_str v, void *ret, const void *more) {
    TRY(custom_read_object(r, v, ret, more));
    return ((struct picks *)ret)->blobs.is_body ? custom_wrong(r, "an event is no blob") : LLM_OK;
}

// ---- streams, jobs, failures, operations

static const char *const framings[] = {"sse", "lines", NULL}; // as LLM_FRAME_*
static const struct items events = {.read = read_event, .more = event_members, .size = sizeof(struct picks)};
static const struct entry stream_members[] = {
    REQUIRED(struct stream, framing, "framing", custom_read_word, framings),
    ENTRY(struct stream, request, "request", custom_read_object, request_members),
    REQUIRED(struct stream, events, "events", custom_read_list, &events),
    ENTRY(struct stream, done, "done", CONDITIONS),
    END_OF_ENTRIES,
};

static const struct items statuses = {.read = custom_read_count, .size = sizeof(int64_t)};
static const struct entry job_members[] = {
    REQUIRED(struct poll, request, "request", read_request, NULL),
    {"result", read_request, NULL, offsetof(struct poll, result), false, MAY_USE_POLL},
    ENTRY(struct poll, interval_ms, "interval_ms", NUMBER),
    ENTRY(struct poll, interval_max_ms, "interval_max_ms", NUMBER),
    ENTRY(struct poll, polls_max, "polls_max", NUMBER),
    ENTRY(struct poll, pending, "pending", CONDITIONS),
    REQUIRED(struct poll, done, "done", CONDITIONS),
    ENTRY(struct poll, failed, "failed", CONDITIONS),
    ENTRY(struct poll, not_ready, "not_ready", custom_read_list, &statuses),
    END_OF_ENTRIES,
};

static llm_status read_job(struct reader *r, llm_str v, void *ret, const void *more) {
    struct poll *poll = ret;
    *poll = (struct poll){.interval_ms = 500, .interval_max_ms = 5000, .polls_max = 600};
    TRY(custom_read_object(r, v, poll, more));
    if (poll->interval_ms > poll->interval_max_ms || poll->interval_max_ms > WAIT_MAX_MS) {
        return custom_wrong(r, "interval_ms is at most interval_max_ms, and that at most %d", WAIT_MAX_MS);
    }
    return poll->polls_max <= POLLS_MAX ? LLM_OK : custom_wrong(r, "polls_max is at most %d", POLLS_MAX);
}

static const char *const codes[] = {
    "invalid_request", "auth",           "permission",   "not_found", "conflict",    "too_large",
    "context_length",  "content_filter", "rate_limited", "quota",     "overloaded",  "server_error",
    "timeout",         "transport",      "protocol",     "cancelled", "unsupported", NULL}; // as LLM_E_*
static const char *const retries[] = {"never", "safe", "after", NULL};                      // as LLM_RETRY_*
static const struct entry rule_members[] = {
    REQUIRED(struct rule, when, "if", CONDITIONS),
    REQUIRED(struct rule, is, "is", custom_read_word, codes),
    ENTRY(struct rule, retry, "retry", custom_read_word, retries),
    END_OF_ENTRIES,
};
static const struct items rules = {
    .read = custom_read_object, .more = rule_members, .size = sizeof(struct rule)};
static const struct entry error_members[] = {
    ENTRY(struct errors, when, "if", CONDITIONS),
    ENTRY(struct errors, message, "message", PATHS),
    ENTRY(struct errors, code, "code", PATHS),
    ENTRY(struct errors, param, "param", PATHS),
    ENTRY(struct errors, rules, "rules", custom_read_list, &rules),
    END_OF_ENTRIES,
};

static const struct items dropped = {.read = custom_read_string, .size = sizeof(llm_str)};
static const struct entry operation_members[] = {
    REQUIRED(struct operation, request, "request", read_request, NULL),
    ENTRY(struct operation, answer, "answer", custom_read_object, answer_members),
    ENTRY(struct operation, stream, "stream", custom_read_object, stream_members),
    {"job", read_job, job_members, offsetof(struct operation, poll), false, MAY_USE_SUBMIT},
    ENTRY(struct operation, errors, "errors", custom_read_object, error_members),
    ENTRY(struct operation, dropped, "drop", custom_read_list, &dropped),
    END_OF_ENTRIES,
};

// A stream is asked for as the description says, and else in the operation's own way.
static void complete_request(struct request *request, const struct request *own) {
    if (request->method == 0) {
        request->method = own->method;
    }
    if (request->url.n == 0) {
        request->url = own->url;
    }
    if (request->headers.n == 0) {
        request->headers = own->headers;
    }
    if (request->body.kind == NODE_NONE) {
        request->body = own->body;
    }
}

static llm_status read_operation(struct reader *r, llm_str v, void *ret, const void *more) {
    struct operation *operation = ret;
    r->operation = operation;
    TRY(custom_read_object(r, v, operation, more));
    complete_request(&operation->stream.request, &operation->request);
    if (custom_is_job(operation) && custom_is_stream(operation)) {
        return custom_wrong(r, "an operation has \"stream\" or \"job\", not both");
    }
    if (operation->answer.blobs.is_body && custom_is_job(operation) && operation->poll.result.url.n == 0) {
        return custom_wrong(r, "a job whose answer is a blob needs \"result\", which fetches it");
    }
    return LLM_OK;
}

static const struct items operations = {.read = read_operation,
                                        .more = operation_members,
                                        .size = sizeof(struct operation),
                                        .example = "{\"chat\": {...}}"};
static const struct entry custom_members[] = {
    REQUIRED(llm_instance, operations, "operations", custom_read_map, &operations),
    ENTRY(llm_instance, errors, "errors", custom_read_object, error_members),
    END_OF_ENTRIES,
};

llm_status custom_describe(llm_instance *inst, llm_str config, char *message) {
    struct reader r = {.arena = &inst->arena, .message = message};
    size_t at = 0;
    if (!llm_json_check(config, DEPTH_MAX, &at)) {
        return custom_wrong(&r, "the provider's JSON is wrong at byte %zu", at);
    }
    const llm_str custom = llm_json_get(llm_json_value(config), "custom");
    if (custom.ptr == NULL) {
        return custom_wrong(&r, "is missing; docs/custom.md says what it holds");
    }
    return custom_read_object(&r, custom, inst, custom_members);
}
