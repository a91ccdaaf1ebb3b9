// SPDX-License-Identifier: MIT
// Drives one codec directly: no core, no network, no clock.  Recorded answers in, the HTTP requests and everything that the codec
// said out.  The plugin is linked statically or comes as a pointer from anywhere else.
//
//     struct codec_result result;
//     codec_host_run(&(struct codec_case){.plugin = entry(), .operation = "chat", .model = "m", .request = "{}",
//                                         .answers = &(struct codec_answer){.status = 200, .body = body}, .n_answers = 1},
//                    &result);
//     ck_assert_str_eq(codec_result_text(&result), "content \"Hi\"\n...");
//     codec_result_done(&result);
#ifndef LLM_CHECK_CODEC_HOST_H
#define LLM_CHECK_CODEC_HOST_H

#include "base/buf.h"
#include "llm_provider.h"

#define CODEC_SPLIT_WHOLE 0        // the body in one piece
#define CODEC_SPLIT_BYTES SIZE_MAX // byte by byte; any other number n: two pieces, cut behind n bytes

struct codec_answer {
    uint32_t status; // HTTP status
    const llm_header *headers;
    size_t n_headers;
    llm_str body;
    llm_status transport; // LLM_OK, or LLM_E_TRANSPORT: the connection broke behind `body`
};

struct codec_case {
    const llm_provider_descriptor *plugin;
    const char *provider;  // name; NULL: "test"
    const char *base_url;  // NULL: "https://test.example/v1"
    const char *config;    // the provider's JSON; NULL: {}
    const char *generator; // NULL: the first one for `operation`
    const char *operation;
    const char *format;  // NULL: the generator's first
    const char *model;   // NULL: absent
    const char *request; // JSON; NULL: {}
    llm_str request_str; // the same with a length; ptr NULL: use `request`
    bool stream;         // LLM_JOB_STREAM
    const llm_attachment *attachments;
    size_t n_attachments;
    const llm_str *secret_names;
    uint32_t n_secrets;
    const struct codec_answer *answers; // one an exchange, in order
    size_t n_answers;
    size_t split;         // CODEC_SPLIT_*
    uint32_t step_max;    // exchanges allowed; 0: n_answers
    uint32_t attempts;    // times that an exchange is repeated whose answer is no 2xx, in all; 0: 1
    uint32_t cancel_at;   // this verb (1, 2, ...) answers LLM_E_CANCELLED; 0: none does
    uint32_t fail_alloc;  // this llm_host.alloc (1, 2, ...) gives NULL; 0: none does
    uint32_t close_after; // close behind this many chunks; 0: no
    uint32_t cut_after;   // the connection breaks behind this many chunks of each answer; 0: it does not
    bool close_after_open, close_after_encode;
    bool unmap_chunks;    // a chunk's memory is unmapped behind the call: who keeps a slice of it crashes
    bool fresh_threads;   // each call into the codec comes from a thread of its own
    const llm_host *host; // instead of the one that counts allocations; NULL: that one
    const struct codec_shared
        *shared; // a plugin and an instance that are there already; NULL: made for this case
};

// What several cases, at once, may share.
struct codec_shared {
    void *plugin; // what init() gave
    llm_instance *instance;
};

// One HTTP request as the codec built it.
struct codec_exchange {
    struct llm_buf method, url;
    struct llm_buf
        headers; // "name: value\n" a field; a secret's value shows as "<prefix>{secret 0}"; a query secret as "?name: {secret 0}"
    struct llm_buf body;
    size_t copied_bytes; // of the body: not inside the request or an attachment
    uint32_t framing;
    uint64_t wait_ms;
    bool anonymous, idempotent;
};

struct codec_choice {
    struct llm_buf text[3]; // by LLM_TEXT_*
    uint32_t choice;
    bool finished;
    uint32_t reason; // LLM_FINISH_*
    bool has_native;
    struct llm_buf native;
};

struct codec_tool {
    uint32_t choice, index;
    struct llm_buf id, name, args;
};

#define CODEC_BLOB_BYTES 0u
#define CODEC_BLOB_BASE64 1u
#define CODEC_BLOB_URL 2u

struct codec_blob {
    uint32_t index, kind; // CODEC_BLOB_*
    struct llm_buf mime, data;
    bool complete;
};

struct codec_vector {
    uint32_t index;
    bool is_json;
    struct llm_buf data; // floats, or JSON text
};

struct codec_pair { // a warning's parts or a json verb
    struct llm_buf name, param, text;
};

struct codec_result {
    llm_status status; // LLM_OK: end() said LLM_DONE; else the failure
    struct codec_exchange *exchanges;
    size_t n_exchanges;
    struct codec_choice *choices;
    size_t n_choices;
    struct codec_tool *tools;
    size_t n_tools;
    struct codec_blob *blobs;
    size_t n_blobs;
    struct codec_vector *vectors;
    size_t n_vectors;
    struct codec_pair *warnings, *jsons;
    size_t n_warnings, n_jsons;
    bool has_usage;
    llm_counts usage; // raw points into usage_raw
    struct llm_buf usage_raw, model, id;
    struct llm_buf usage_words[3]; // tier, size, quality
    bool has_fault;                // from out->fault, or from fail()
    llm_fault fault;
    struct llm_buf fault_text[4]; // message, provider_code, request_id, param; the fault's slices point here
    uint32_t n_chunks, n_verbatim, n_verbs, n_allocs;
    uint32_t n_late;                      // pieces of text of a choice that had finished
    uint64_t worst_ns, total_ns, n_calls; // time inside [call] functions
    struct llm_buf log;                   // what the plugin logged above LLM_LOG_DEBUG, a line each
    struct llm_buf breach;                // breaches of the contract by the codec, one line each; empty: none
    struct llm_buf text;                  // of codec_result_text()
    size_t cap[8];                        // private
};

// Run the whole case.  *ret is filled in any case and belongs to the caller (codec_result_done); what it gives is ret->status.
llm_status codec_host_run(const struct codec_case *c, struct codec_result *ret);

// The plugin's state and an instance of it, as a case would make them, for codec_case.shared.
llm_status codec_shared_new(const struct codec_case *c, const llm_host *host, struct codec_shared *ret);
void codec_shared_done(const struct codec_case *c, struct codec_shared *shared);

// A host that counts nothing and offers nothing.
extern const llm_host codec_plain_host;

// All that was produced as lines of text, in a fixed order whatever the order and pieces of the verbs: what two runs are compared
// by, and what a table of expectations is written in.  Borrowed until codec_result_done.
//
//     model "m"                      id "x"
//     content "a\nb"                 content[1] "..." for choice 1; reasoning, refusal likewise
//     tool 0 "id" "name" {"a":1}     tool[1] 0 ... for choice 1
//     finish stop "stop"             native reason absent: -
//     blob 0 image/png base64 iVBO   url, bytes (hex) likewise; "..." behind it when `last` never came
//     vector 0 [0.1,0.2]
//     usage in=1 out=2 read=0 ...    only what is reported: in out read write write1h reasoning ain aout images ms chars cost
//     raw {"prompt_tokens":1}
//     json models [...]
//     warn param_dropped seed text
//     fault invalid_request 400 "message" code="..." param="..." id="..." retry=1 after=2000
//     breach ...
//     status protocol                not for LLM_OK
const char *codec_result_text(struct codec_result *result);

// The same for request number n: "POST https://...\n", header lines, a blank line, the body.
const char *codec_request_text(struct codec_result *result, size_t n);

const struct codec_choice *codec_result_choice(const struct codec_result *result, uint32_t choice);

void codec_result_done(struct codec_result *result);

#endif
