// SPDX-License-Identifier: MIT
#include "record_files.h"

#include <stdio.h>
#include <time.h>

#include "files.h"

static int no_memory(const struct record_files *files) {
    cli_say(files->fixture->cli, "record", "out of memory: nothing is written");
    return CLI_FAILED;
}

// A file with these bytes, redacted.
static int add_file(struct record_files *files, const char *name, llm_str bytes, bool failure) {
    struct fixture_file *file = fixture_add(files->fixture, name);
    if (file == NULL) {
        return CLI_FAILED;
    }
    host_text_add(&file->text, bytes.ptr, bytes.len);
    if (file->text.failed) {
        return no_memory(files);
    }
    redaction_apply(files->redaction, file->text.ptr, file->text.len, failure);
    return CLI_OK;
}

// ---- names -------------------------------------------------------------------------------------------------------------

static llm_str header_of(const llm_header *headers, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (host_same_name(headers[i].name, host_str(name))) {
            return headers[i].value;
        }
    }
    return (llm_str){"", 0};
}

static llm_str mime_of(const llm_header *headers, size_t n) {
    llm_str type = header_of(headers, n, "content-type");
    const char *end = type.len > 0 ? memchr(type.ptr, ';', type.len) : NULL;
    type.len = end != NULL ? (size_t)(end - type.ptr) : type.len;
    while (type.len > 0 && type.ptr[type.len - 1] == ' ') {
        type.len--;
    }
    return type;
}

static const char *extension_of(llm_str mime) {
    static const char *const more[][2] = {{"text/event-stream", "sse"},
                                          {"application/x-ndjson", "jsonl"},
                                          {"application/jsonl", "jsonl"},
                                          {"application/problem+json", "json"},
                                          {"application/vnd.amazon.eventstream", "eventstream.bin"},
                                          {"text/html", "html"}};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        if (host_same_name(mime, host_str(more[i][0]))) {
            return more[i][1];
        }
    }
    return cli_extension_of(mime);
}

// The step's folder and a slash; nothing when there is one step only.
static void name_file(const struct record_files *files, size_t step, const char *name, const char *extension,
                      char ret[FIXTURE_MAX_NAME_BYTES]) {
    char folder[24] = "";
    if (files->n_exchanges > 1) {
        (void)snprintf(folder, sizeof folder, "%zu/", step + 1);
    }
    (void)snprintf(ret, FIXTURE_MAX_NAME_BYTES, "%s%s.%s", folder, name, extension);
}

// ---- meta.json ---------------------------------------------------------------------------------------------------------

struct meta {
    struct record_files *files;
    llm_json_writer w;
    bool failed;
};

static void text(struct meta *meta, llm_str value) {
    struct host_text copy = {0};
    host_text_add(&copy, value.ptr, value.len);
    meta->failed = meta->failed || copy.failed;
    if (!copy.failed) {
        redaction_apply(meta->files->redaction, copy.ptr, copy.len, false);
        llm_json_string(&meta->w, value.len > 0 ? host_text_str(&copy) : (llm_str){"", 0});
    }
    host_text_done(&copy);
}

static void member(struct meta *meta, const char *name, const char *value) {
    if (value != NULL) {
        llm_json_name(&meta->w, name);
        text(meta, host_str(value));
    }
}

static void member_str(struct meta *meta, const char *name, llm_str value) {
    llm_json_name(&meta->w, name);
    text(meta, value);
}

static void number(struct meta *meta, const char *name, int64_t value) {
    llm_json_name(&meta->w, name);
    llm_json_integer(&meta->w, value);
}

static void pair(struct meta *meta, llm_str name, llm_str value) {
    llm_json_array(&meta->w);
    text(meta, name);
    text(meta, value);
    llm_json_array_end(&meta->w);
}

static void headers(struct meta *meta, const llm_header *list, size_t n) {
    llm_json_name(&meta->w, "headers");
    llm_json_array(&meta->w);
    for (size_t i = 0; i < n; i++) {
        const enum redaction_header how = redaction_header(meta->files->redaction, list[i].name);
        if (list[i].value.ptr == NULL || how == REDACTION_LEFT || how == REDACTION_WIRE) {
            continue;
        }
        pair(meta, list[i].name, how == REDACTION_SHOWN ? list[i].value : host_str("***"));
    }
    llm_json_array_end(&meta->w);
}

// The names of those whose value is not told.
static void hidden(struct meta *meta, const char *name, const llm_header *list, size_t n) {
    llm_json_name(&meta->w, name);
    llm_json_array(&meta->w);
    for (size_t i = 0; i < n; i++) {
        const enum redaction_header how = redaction_header(meta->files->redaction, list[i].name);
        if (list[i].value.ptr == NULL || how == REDACTION_LEFT || how == REDACTION_HIDDEN) {
            text(meta, list[i].name);
        }
    }
    llm_json_array_end(&meta->w);
}

static void about(struct meta *meta, size_t step) {
    const struct record_files *files = meta->files;
    const char *folder = files->fixture->folder;
    const char *slash = strrchr(folder, '/');
    const char *stem = slash != NULL ? slash + 1 : folder;
    char id[256];
    if (files->n_exchanges > 1) {
        (void)snprintf(id, sizeof id, "%.200s-%zu", stem, step + 1);
    } else {
        (void)snprintf(id, sizeof id, "%.200s", stem);
    }
    member(meta, "id", id);
    member(meta, "provider", llm_response_get(files->response, "provider"));
    member(meta, "model", llm_response_get(files->response, "provider_model"));
    member(meta, "operation", files->operation);
    llm_json_name(&meta->w, "stream");
    llm_json_boolean(&meta->w, files->stream);
    if (files->n_exchanges > 1) {
        llm_json_name(&meta->w, "sequence");
        llm_json_object(&meta->w);
        member(meta, "id", stem);
        number(meta, "n", (int64_t)step + 1);
        llm_json_object_end(&meta->w);
    }
    if (step == 0) {
        llm_json_name(&meta->w, "query");
        llm_json_object(&meta->w);
        member(meta, "format", files->format);
        member(meta, "model", llm_response_get(files->response, "model"));
        member(meta, "body", "query.json");
        llm_json_object_end(&meta->w);
    }
}

static void recorded(struct meta *meta, const llm_exchange_record *exchange) {
    char day[16] = "";
    struct tm tm;
    const time_t now = time(NULL);
    if (gmtime_r(&now, &tm) != NULL) {
        (void)strftime(day, sizeof day, "%Y-%m-%d", &tm);
    }
    llm_json_name(&meta->w, "recorded");
    llm_json_object(&meta->w);
    member(meta, "by", "llm-master");
    member(meta, "version", llm_version());
    member(meta, "on", day);
    hidden(meta, "hidden_request_headers", exchange->request_headers, exchange->n_request_headers);
    hidden(meta, "hidden_answer_headers", exchange->answer_headers, exchange->n_answer_headers);
    llm_json_object_end(&meta->w);
}

static int add_meta(struct record_files *files, size_t step, const llm_exchange_record *exchange,
                    const char *request_file, const char *response_file) {
    char name[FIXTURE_MAX_NAME_BYTES];
    name_file(files, step, "meta", "json", name);
    struct fixture_file *file = fixture_add(files->fixture, name);
    if (file == NULL) {
        return CLI_FAILED;
    }
    struct meta meta = {.files = files, .w = llm_json_writer_to(host_text_sink, &file->text)};
    llm_json_object(&meta.w);
    about(&meta, step);
    llm_json_name(&meta.w, "request");
    llm_json_object(&meta.w);
    member_str(&meta, "method", exchange->method);
    member_str(&meta, "url", exchange->url);
    headers(&meta, exchange->request_headers, exchange->n_request_headers);
    member(&meta, "body", request_file);
    llm_json_object_end(&meta.w);
    llm_json_name(&meta.w, "response");
    llm_json_object(&meta.w);
    number(&meta, "status", exchange->http_status);
    headers(&meta, exchange->answer_headers, exchange->n_answer_headers);
    member(&meta, "body", response_file);
    number(&meta, "bytes", (int64_t)exchange->answer_body.len);
    if ((exchange->flags & LLM_EXCHANGE_CUT) != 0) {
        llm_json_name(&meta.w, "cut");
        llm_json_boolean(&meta.w, true);
    }
    llm_json_object_end(&meta.w);
    recorded(&meta, exchange);
    llm_json_object_end(&meta.w);
    host_text_text(&file->text, "\n");
    return meta.failed || meta.w.status != LLM_OK || file->text.failed ? no_memory(files) : CLI_OK;
}

// ---- all of it ---------------------------------------------------------------------------------------------------------

static llm_str str_of(llm_bytes bytes) {
    return (llm_str){(const char *)bytes.ptr, bytes.len};
}

static int add_exchange(struct record_files *files, size_t step, const llm_exchange_record *exchange) {
    char request[FIXTURE_MAX_NAME_BYTES] = "", response[FIXTURE_MAX_NAME_BYTES];
    const bool is_json = host_same_name(mime_of(exchange->request_headers, exchange->n_request_headers),
                                        host_str("application/json"));
    const bool failure = exchange->http_status >= 400;
    int status = CLI_OK;
    if (exchange->request_body.len > 0) {
        name_file(files, step, "request", is_json ? "json" : "body", request);
        status = add_file(files, request, str_of(exchange->request_body), false);
    }
    name_file(files, step, "response",
              extension_of(mime_of(exchange->answer_headers, exchange->n_answer_headers)), response);
    status = status == CLI_OK ? add_file(files, response, str_of(exchange->answer_body), failure) : status;
    const size_t folder = files->n_exchanges > 1 ? (size_t)(strchr(response, '/') - response) + 1 : 0;
    return status == CLI_OK ? add_meta(files, step, exchange, request[0] != '\0' ? request + folder : NULL,
                                       response + folder)
                            : status;
}

// How many exchanges got an answer: one that got none is the last, and nothing that could be played.
static int count(struct record_files *files) {
    llm_exchange_record exchange = {.size = sizeof exchange};
    size_t n = 0;
    while (llm_response_exchange(files->response, n, &exchange) != 0 && exchange.http_status != 0) {
        if ((exchange.flags & LLM_EXCHANGE_PART) != 0) {
            cli_say(
                files->fixture->cli, "record",
                "the exchange could not be kept whole (memory, or too many exchanges): nothing is written");
            return CLI_FAILED;
        }
        redaction_learn(files->redaction, &exchange);
        files->http_status = exchange.http_status;
        files->answer_bytes += exchange.answer_body.len;
        n++;
    }
    files->n_exchanges = n;
    if (n == 0) {
        cli_say(files->fixture->cli, "record", "no answer came: nothing is written");
        return CLI_FAILED;
    }
    if (files->redaction->failed) {
        cli_say(files->fixture->cli, "record", "more than %u ids in headers: nothing is written",
                REDACTION_MAX_WORDS);
        return CLI_FAILED;
    }
    return CLI_OK;
}

int record_files(struct record_files *files) {
    char name[FIXTURE_MAX_NAME_BYTES];
    int status = count(files);
    if (status != CLI_OK) {
        return status;
    }
    name_file(files, 0, "query", "json", name);
    status = add_file(files, name, files->query, false);
    for (size_t i = 0; status == CLI_OK && i < files->n_exchanges; i++) {
        llm_exchange_record exchange = {.size = sizeof exchange};
        status = llm_response_exchange(files->response, i, &exchange) != 0 ? add_exchange(files, i, &exchange)
                                                                           : no_memory(files);
    }
    for (size_t i = 0; status == CLI_OK && i < files->fixture->n_files; i++) {
        const struct fixture_file *file = &files->fixture->files[i];
        status = redaction_check(files->redaction, file->name, host_text_str(&file->text));
    }
    return status;
}
