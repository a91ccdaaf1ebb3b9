// SPDX-License-Identifier: MIT
// One recorded exchange on disk, and its answer as a transport of the library.
#ifndef LLM_CLI_RECORDING_H
#define LLM_CLI_RECORDING_H

#include "cli.h"

#define RECORDING_MAX_HEADERS 128u // of the recorded answer

struct recording {
    struct host_pool pool;       // all text below
    llm_str provider, operation; // meta.json's words
    llm_str model;               // of the request, else of the answer; absent: neither says
    bool stream;
    unsigned status;
    llm_header headers[RECORDING_MAX_HEADERS];
    size_t n_headers;
    bool cut;       // the connection broke behind the answer
    llm_str format; // of the request; absent: the operation's own
    llm_str
        request; // what was asked, a JSON object: the query, else the body that was sent; absent: not recorded, or no JSON
    llm_str answer; // the body
    // how it is played
    size_t piece_bytes;     // 0: the body in one piece
    unsigned played;        // exchanges so far: there is one in each
    struct recording *next; // the next step of a sequence
};

// Read folder/meta.json and the files that it names; of a sequence all steps, from folder/1 on.  LLM_E_CONFIG: it is no recording; err says why.  LLM_E_NOMEM.
llm_status recording_load(struct recording *recording, const char *folder, llm_error *err);
void recording_done(struct recording *recording);

// llm_transport.exchange; ctx: a struct recording * *, so that one master replays many.
llm_status recording_exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply);

// Call visit for every folder at or below `folder` that holds a meta.json, in the order of their names.
// visit gives false to stop.  LLM_E_CONFIG: folder cannot be read.
llm_status recording_walk(const char *folder, bool (*visit)(void *ctx, const char *folder), void *ctx,
                          llm_error *err);

// The operation that a recording's word means: "chat" for "chat.completions", ...; words that are not known stay.
llm_str recording_operation(llm_str word);

// A request that fits the operation, for a recording without one: only the answer matters.
void recording_write_request(struct host_text *body, llm_str model, llm_str operation);

#endif
