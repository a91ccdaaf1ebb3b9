// SPDX-License-Identifier: MIT
// Vectors for codecs: what is asked, what must be sent, what comes back, what must be made of it.  One JSON array a file:
//
//   [{"name": "a sentence", "operation": "image", "model": "m", "stream": false, "format": "...", "base_url": "...",
//     "config": {the provider's JSON} | "config_file": "providers.d/x.json", "request": {...}, "attachments": [{"mime": "image/png", "name": "a.png", "text": "bytes"}],
//     "exchanges": [{"sent": "POST /images", "headers": ["accept: application/json"], "body": {...},
//                    "framing": "sse", "wait_ms": 500, "anonymous": true, "idempotent": true,
//                    "status": 200, "answer_headers": {"content-type": "..."}, "answer": {...} | "text" , "lines": ["a", "b"], "answer_base64": "...",
//                    "cut": true}],
//     "events": ["content \"Hi\"", "finish stop -"]}]
//
// Request and bodies are compared and sent byte for byte as they stand in the file (a string: what it says; "lines": each with \n).
// Members of an exchange that are left out are not compared; `body` absent: nothing may be sent.  `events`: codec_result_text().
#ifndef LLM_CHECK_VECTORS_H
#define LLM_CHECK_VECTORS_H

#include "codec_host.h"

#define CODEC_EXCHANGES_MAX 16
#define CODEC_HEADERS_MAX 16
#define CODEC_ATTACHMENTS_MAX 8

// One vector, its strings decoded; everything lives in `memory`.
struct codec_vector_case {
    llm_str doc, name;
    struct codec_case c;
    struct codec_answer answers[CODEC_EXCHANGES_MAX];
    llm_str expected[CODEC_EXCHANGES_MAX]; // the exchange's object
    llm_header headers[CODEC_EXCHANGES_MAX][CODEC_HEADERS_MAX];
    llm_attachment attachments[CODEC_ATTACHMENTS_MAX];
    struct llm_buf events;
    void *memory[1024];
    size_t n_memory;
};

// A file's text, NUL-terminated, from llm_mem; ptr NULL: it cannot be read.
llm_str codec_vectors_file(const char *path);

// One vector of the array; doc: borrowed until codec_vector_done().  A "config_file" is looked for below LLM_TEST_SOURCE.
void codec_vector_read(struct codec_vector_case *v, const llm_provider_descriptor *plugin, llm_str doc);
void codec_vector_done(struct codec_vector_case *v);

// Run it, its bodies cut at `split`, and compare requests and events.  false: *why says what differs.
bool codec_vector_compare(struct codec_vector_case *v, size_t split, struct llm_buf *why);

// Whole, byte by byte, at every split, with each allocation and each verb failing once.
bool codec_vector_run(struct codec_vector_case *v, struct llm_buf *why);

#endif
