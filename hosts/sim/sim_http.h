// SPDX-License-Identifier: MIT
// Reading HTTP/1.1 requests out of a buffer that grows, and writing the heads of answers.
#ifndef LLM_SIM_HTTP_H
#define LLM_SIM_HTTP_H

#include "host_text.h"
#include "sim.h"

// One request.  All slices lie in the buffer that was parsed: borrowed until it changes.
struct llm_sim_request {
    llm_str method;
    llm_str target; // as sent: path and query
    llm_str path;   // without the query, and without scheme and host when the target was absolute
    llm_str query;  // without the '?'; absent: none
    llm_str host;   // of the Host field
    llm_header headers[LLM_SIM_MAX_HEADERS];
    size_t n_headers;
    llm_str body;    // chunks put together
    bool keep_alive; // the client takes another answer on this connection
    bool wants_continue;
};

// Where the reading of one request stands.  Zeroed: at its start.
struct llm_sim_reader {
    size_t scanned;     // bytes without a head's end
    size_t head_bytes;  // 0: the head is not complete
    size_t body_length; // of Content-Length
    size_t body_bytes;  // chunked: decoded so far, behind the head
    size_t at;          // chunked: where the next undecoded byte lies
    size_t chunk_left;  // chunked: payload left of the chunk under way
    const char *base;   // where the buffer lay when the head was parsed
    size_t consumed;    // when complete: bytes of the buffer that the request took
    bool chunked, in_chunk, in_trailer;
    struct llm_sim_request request;
};

#define LLM_SIM_READ_MORE 0  // feed more bytes
#define LLM_SIM_READ_READY 1 // reader->request is whole
// else the HTTP status to refuse it with: 400, 413, 431, 501, 505; the connection is of no use after it

// At the start again, without clearing what will be written anyway.
static inline void llm_sim_reader_reset(struct llm_sim_reader *reader) {
    memset(reader, 0, offsetof(struct llm_sim_reader, request));
}

// Look at what the buffer holds.  It may move bytes of a chunked body together, and reserve room in the buffer.
int llm_sim_read(struct llm_sim_reader *reader, struct host_text *in);

// A header field by name (any case); absent: none.
llm_str llm_sim_header(const struct llm_sim_request *request, const char *name);

// "OK", "Not Found", ...  Static.
const char *llm_sim_reason(unsigned status);

// What the end of a file's name says of its content: "application/json", ...  Static.
const char *llm_sim_type_of(llm_str file);

// A status line, and a field.  An answer's head ends with an empty line: host_text_text(buf, "\r\n").
void llm_sim_head_status(struct host_text *buf, unsigned status);
void llm_sim_head_field(struct host_text *buf, llm_str name, llm_str value);

#endif
