// SPDX-License-Identifier: MIT
// The simulator: a small HTTP/1.1 server that plays recorded, scripted or built-in provider answers, faults included.
//
// One thread, one epoll; no allocation per request once warm.  It serves `llm-master sim`, the tests (in-process or as a
// process), the demo and the benchmarks.  What an answer is, and the grammar of scripts: docs/simulator.md.
//
// Which answer a request gets, the first that fits:
//   1. a rule of the script, in order;
//   2. /fixture/ID/...: the recording of that id;
//   3. the recording whose method, path, model and stream flag fit best; equal ones take turns;
//   4. a built-in answer (chat, embeddings, images, models, the example services), unless switched off;
//   5. 404, which names the request.
#ifndef LLM_SIM_H
#define LLM_SIM_H

#include "llm_master.h"

#include <stdbool.h>

#define LLM_SIM_MAX_HEAD_BYTES (64u << 10)  // request line and header fields: 431 past it
#define LLM_SIM_MAX_BODY_BYTES (256u << 20) // a request body: 413 past it
#define LLM_SIM_MAX_HEADERS 128u            // header fields of a request: 431 past it
#define LLM_SIM_MAX_RULES 4096u             // rules of a script
#define LLM_SIM_MAX_FIXTURES 65536u         // recordings in a tree
#define LLM_SIM_MAX_DEMO_WORDS 4096u        // words of a built-in chat answer
#define LLM_SIM_MAX_KEPT_BYTES (64u << 10)  // what a connection keeps of its buffers between requests
#define LLM_SIM_MAX_ANSWERS_KEY 64u         // bytes of a request's name in the log of answers
#define LLM_SIM_MAX_LOG_BODY (1u << 20)     // bytes of a request body that the log shows
#define LLM_SIM_MAX_WRITES 64u              // writes of one answer before other connections have their turn

struct llm_sim;

struct llm_sim_options {
    const char *listen;       // "ADDR:PORT" or "PORT"; port 0 picks a free one; NULL: "127.0.0.1:0"
    const char *fixtures;     // folder tree of recordings; NULL: none
    const char *script;       // file of rules; NULL: none
    const char *rules;        // the text of rules, instead of a file; NULL: none
    const char *log_file;     // one JSON line a request is appended; "-": standard output; NULL: none
    const char *answers_file; // one JSON line an answer is appended, when it is over; NULL: none
    const char *answers_key;  // JSON Pointer: what of a request's body names it there; NULL: nothing
    uint32_t
        chunk_bytes; // size of a write of recorded and built-in answers; 0: an event, or the whole body, at once
    uint32_t delay_ms; // before each write but the first, of recorded and built-in answers
    bool no_demo;      // no built-in answers
};

// Read fixtures and script, bind and listen.  Free with llm_sim_free().
// LLM_E_CONFIG: a file cannot be read or is wrong (the message has file, line and column), or the address is none.
// LLM_E_TRANSPORT: cannot listen there.  LLM_E_NOMEM.
llm_status llm_sim_new(const struct llm_sim_options *options, struct llm_sim **ret_sim, llm_error *err);
void llm_sim_free(struct llm_sim *sim); // stops its thread too

unsigned llm_sim_port(const struct llm_sim *sim);
const char *llm_sim_url(const struct llm_sim *sim); // "http://127.0.0.1:PORT", borrowed until llm_sim_free()

// Serve on the calling thread until llm_sim_stop().  LLM_E_INTERNAL: the kernel refused to wait.
llm_status llm_sim_run(struct llm_sim *sim);

// Serve on a thread of its own.  LLM_E_LIMIT: no thread to be had.
llm_status llm_sim_start(struct llm_sim *sim);

// Make llm_sim_run() return.  Any thread, also a signal handler.
void llm_sim_stop(struct llm_sim *sim);

// How many requests were read whole, and how many connections were accepted, so far.  Any thread.
uint64_t llm_sim_requests(const struct llm_sim *sim);
uint64_t llm_sim_connections(const struct llm_sim *sim);

#endif
