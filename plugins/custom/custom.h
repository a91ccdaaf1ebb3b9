// SPDX-License-Identifier: MIT
// What the files of custom.so share.  docs/custom.md is the language that is described here.
#ifndef CUSTOM_H
#define CUSTOM_H

#include <stdbool.h>

#include "llm_json.h"
#include "llm_provider.h"

#define TRY(expr)                                                                                            \
    do {                                                                                                     \
        const llm_status try_status_ = (expr);                                                               \
        if (try_status_ < 0) {                                                                               \
            return try_status_;                                                                              \
        }                                                                                                    \
    } while (0)

#define DEPTH_MAX 64
#define URL_MAX 8192          // of a request that was put together
#define VALUE_MAX 2048        // of a header, and of a text that is compared
#define ANSWER_MAX (1u << 20) // of an answer that later steps look into
#define POLLS_MAX 4000        // the host allows 4,096 exchanges
#define POLL_ERRORS_MAX 5     // in a row, while a job is waited for
#define WAIT_MAX_MS 60000     // between two looks
#define CHOICE 0

// ---- memory that lives as long as its owner

struct block;
struct arena {
    const llm_host *host;
    struct block *blocks;
};
// Zeroed; NULL: none left.
void *custom_new(struct arena *arena, size_t size);
void custom_arena_done(struct arena *arena);

// ---- pointers: RFC 6901, and "*" for every element, "-1" for the last one

struct step {
    const char *name; // NUL-terminated
    int32_t index;    // from the end when below 0
    bool is_index, is_all;
};
struct path {
    const struct step *steps;
    size_t n;
};
struct paths { // the first that leads to something
    const struct path *list;
    size_t n;
};

typedef llm_status (*custom_found_fn)(void *ctx, llm_str value);
// Every value that the path leads to, null left out, in order, until `found` gives anything but LLM_OK.
llm_status custom_path_walk(llm_str doc, const struct path *path, custom_found_fn found, void *ctx);
// The first of them, null too; absent: none.
llm_str custom_path_get(llm_str doc, const struct path *path);
// The first that is not null; absent: none.
llm_str custom_paths_get(llm_str doc, const struct paths *paths);
// Walk the first path that leads to something.
llm_status custom_paths_walk(llm_str doc, const struct paths *paths, custom_found_fn found, void *ctx);

// ---- conditions

// One answer, or one event of a stream.
struct view {
    llm_str doc;   // JSON; absent: the text is none
    llm_str text;  // as it came
    llm_str event; // SSE
    uint32_t status;
};

enum subject { OF_PATH, OF_EVENT, OF_DATA, OF_STATUS };
struct expected {
    llm_str text; // NUL-terminated
    bool is_string;
};
struct test {
    llm_str name; // as written
    enum subject of;
    struct path path;
    int presence; // 1: must be there, -1: must not; 0: see below
    bool is_part; // one of the values is a part of it, letters' case aside
    struct {
        struct expected *list;
        size_t n;
    } values; // any of them
};
struct condition { // all hold
    struct test *tests;
    size_t n;
};
struct conditions { // one holds; none given: never
    struct condition *list;
    size_t n;
};
bool custom_holds(const struct conditions *conditions, const struct view *view);

// ---- templates

enum source_kind {
    FROM_REQUEST,
    FROM_SUBMIT,
    FROM_POLL,
    FROM_ITEM,
    FROM_MODEL,
    FROM_OPERATION,
    FROM_STREAM,
    FROM_PROMPT,
    FROM_SYSTEM,
    FROM_FILE
};
enum transform { AS_IT_IS, AS_TEXT, AS_JSON, AS_PATH, AS_BASE64, AS_MIME };

struct source {
    enum source_kind kind;
    struct path path;
    uint32_t number; // FROM_FILE
};
struct placeholder {
    const struct source *sources;
    size_t n;
    enum transform transform;
    llm_str otherwise; // JSON; absent: none
    bool is_optional;
    llm_str text; // as written, for messages
};
struct part { // one of the two
    llm_str literal;
    const struct placeholder *placeholder;
};
struct text { // parts put together
    const struct part *parts;
    size_t n;
};

enum node_kind { NODE_NONE, NODE_RAW, NODE_TEXT, NODE_OBJECT, NODE_ARRAY, NODE_EACH, NODE_MAP };
struct node {
    enum node_kind kind;
    llm_str raw;      // NODE_RAW: as it is; NODE_MAP: the table
    struct text text; // NODE_TEXT; NODE_EACH, NODE_MAP: one placeholder
    struct member *members;
    size_t n;
};
struct member {
    llm_str name; // with its quotes; absent in an array
    bool is_rest; // "...": what no placeholder names
    bool is_left_out_when_empty;
    struct node node;
};

struct field {
    llm_str name;
    struct text value;
};
enum { METHOD_GET = 1, METHOD_POST = 2 };
struct request {
    int32_t method; // number in GET POST PUT PATCH DELETE, from 1; 0: not given
    struct text url;
    struct {
        struct field *list;
        size_t n;
    } headers;
    struct node body;
};

// ---- what is taken from an answer

struct content {
    struct paths from;
    bool is_data; // the text of the answer, which is no JSON
};
struct word {
    llm_str name;
    int32_t value; // LLM_FINISH_* + 1
};
struct kind {
    llm_str name;
    struct paths from;
};
enum { COUNT_IMAGES = 8, COUNT_COST = 11 };
struct usage {
    struct paths raw;
    struct paths counts[COUNT_COST + 1]; // the sum of all that are found; in the order of llm_counts
    int64_t cost_unit_pico_usd;          // 0: one dollar
};
struct blobs {
    bool is_body;
    struct paths each, url, base64, mime;
    llm_str default_mime;
};
struct vectors {
    struct paths each, vector;
};
struct tools {
    struct paths each, id, name, arguments;
};
struct picks {
    struct conditions only_if; // none: always
    struct content content;
    struct paths reasoning, refusal, id, model, finish;
    struct {
        struct word *list;
        size_t n;
    } finish_words;
    struct {
        struct kind *list;
        size_t n;
    } kinds;
    struct usage usage;
    struct blobs blobs;
    struct vectors vectors;
    struct tools tools;
};

// ---- the description

struct rule {
    struct conditions when;
    int32_t is;    // -LLM_E_*
    int32_t retry; // LLM_RETRY_*
};
struct errors {
    struct conditions when; // a 2xx answer, or event, that is a failure
    struct paths message, code, param;
    struct {
        struct rule *list;
        size_t n;
    } rules;
};
struct stream {
    int32_t framing;        // LLM_FRAME_SSE, LLM_FRAME_LINES; 0: there are no streams
    struct request request; // whole: what the description leaves out is the operation's own
    struct {
        struct picks *list;
        size_t n;
    } events;
    struct conditions done;
};
struct poll {
    struct request request, result;
    int64_t interval_ms, interval_max_ms, polls_max;
    struct conditions pending, done, failed;
    struct {
        int64_t *list;
        size_t n;
    } not_ready;
};
struct operation {
    llm_str name;
    struct request request;
    struct picks answer;
    struct stream stream;
    struct poll poll;
    struct errors errors;
    struct {
        llm_str *list;
        size_t n;
    } dropped; // members that are never sent, not with the rest either
    struct {
        const char **list;
        size_t n, cap;
    } used; // top-level members of the request that templates name
    bool uses_all, has_rest;
};

struct llm_instance {
    struct arena arena;
    llm_str base_url;
    struct {
        struct operation *list;
        size_t n;
    } operations;
    struct errors errors;
};

// Read the description in the provider's config.  On failure `message` (NUL-terminated) says where and what.
// LLM_E_CONFIG, LLM_E_NOMEM.
#define MESSAGE_MAX 768
llm_status custom_describe(llm_instance *inst, llm_str config, char *message);

static inline bool custom_is_job(const struct operation *op) {
    return op->poll.done.n > 0;
}

static inline bool custom_is_stream(const struct operation *op) {
    return op->stream.framing != 0;
}

// ---- one call

enum stage { STAGE_SUBMIT, STAGE_POLL, STAGE_RESULT };

struct llm_job {
    const llm_instance *instance;
    const llm_job_args *args;
    const struct operation *operation;
    struct arena arena;
    enum stage stage;
    bool is_stream, is_image, is_done, is_finished, has_blob_begun;
    uint32_t http_status;
    int64_t polls, poll_errors, wait_ms;
    uint32_t n_blobs, n_vectors, n_tools;
    llm_str submitted, polled; // answers that later steps look into; in the arena
    llm_counts counts;
    char mime[128]; // of a body that is a blob
    char message[768], code[96], param[96];
};

// template.c
struct scope {
    const llm_job *job;
    const llm_http_request *req;
    const llm_out *out;
    llm_str item;
};
// Put a request together and hand it to the host.  What must be there and is not: LLM_E_INVALID_REQUEST, or LLM_E_PROTOCOL
// when an answer should have brought it; after out->fault.
llm_status custom_request_write(struct scope *scope, const struct request *request);

// The same, handing it to nobody.
llm_status custom_request_check(const llm_job *job, const struct request *request, const llm_out *out);
// A warning for each member of the caller's request that no template uses.
llm_status custom_losses_report(const struct scope *scope);

// picks.c
llm_status custom_picks_give(llm_job *job, const struct picks *picks, const struct view *view,
                             const llm_out *out);
// Fill a fault from a failure.
void custom_fault_read(llm_job *job, const struct view *view, llm_fault *fault);

// job.c
extern const llm_codec custom_codec;

static inline llm_str custom_str(const char *text) {
    return (llm_str){text, strlen(text)};
}

static inline bool custom_is(llm_str a, const char *b) {
    return a.len == strlen(b) && (a.len == 0 || memcmp(a.ptr, b, a.len) == 0);
}

#endif
