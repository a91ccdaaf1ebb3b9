// SPDX-License-Identifier: MIT
// What comes of a call: events put together.  Its memory is kept and used again by later calls.
#ifndef LLM_CALL_RESPONSE_H
#define LLM_CALL_RESPONSE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "call/debug.h"
#include "call/tape.h"
#include "catalog/price.h"

struct llm_choice {
    struct llm_buf text[3]; // LLM_TEXT_*
    bool finished;
    uint32_t finish; // LLM_FINISH_*
    llm_str native;
};

struct llm_tool_call {
    uint32_t choice, index;
    llm_str id, name;
    struct llm_buf args;
};

struct llm_blob_data {
    uint32_t index;
    llm_str mime, url;
    struct llm_buf data;
};

struct llm_vector_data {
    uint32_t index;
    struct llm_buf json; // the array as text
};

struct llm_attempt {
    struct llm_attempt *next;
    llm_str provider, model;
    llm_status status;
    uint32_t http_status;
    uint64_t us;
    llm_str key;          // which of the provider's keys, "openai#2"; absent: its only one, or none
    bool hedge;           // it raced another attempt
    uint32_t waited_ms;   // for limits and for back-off, before it began
    int64_t cost;         // what this attempt alone cost, pico-USD; -1: unknown
    uint32_t cost_source; // LLM_COST_*
};

struct llm_note { // a warning (code, param, text), or a kind of JSON (name, -, value)
    struct llm_note *next;
    llm_str code, param, text;
};

struct llm_response_pool;

// The arrays keep their elements' buffers between uses: n_ are in use, ready_ are initialised.
struct llm_response {
    struct llm_response *next; // in the pool
    struct llm_response_pool *pool;
    _Atomic uint32_t refs;
    struct llm_arena arena;
    bool collect, raw_is_list, truncated, got_output, local;
    bool cached, shared; // the answer was known; it is that of a call that was under way
    int64_t saved_cost;  // what the answer cost when it was made; -1: unknown
    llm_str operation, provider, model, provider_model, id, request_id;
    llm_str call_id; // the ledger's; NUL-terminated
    struct llm_choice *choices;
    size_t n_choices, ready_choices, cap_choices;
    struct llm_tool_call *tools;
    size_t n_tools, ready_tools, cap_tools;
    struct llm_blob_data *blobs;
    size_t n_blobs, ready_blobs, cap_blobs;
    struct llm_vector_data *vectors;
    size_t n_vectors, ready_vectors, cap_vectors;
    struct llm_note *warnings, *kinds;
    size_t n_warnings;
    struct llm_attempt *attempts;
    struct llm_debug *debug, *debug_last; // LLM_QUERY_DEBUG
    size_t n_debug;                       // also those that are not kept
    struct llm_tape *tapes, *tape_last;   // LLM_QUERY_EXCHANGES
    size_t n_tapes;
    bool tape_lost; // not all of it could be kept
    llm_usage usage;
    struct llm_buf usage_raw;
    char usage_words[3][LLM_MAX_USAGE_WORD_BYTES]; // tier, size, quality
    bool has_usage;
    int64_t stated_cost; // the provider's, pico-USD; -1: none
    int64_t cost;
    uint32_t cost_source;
    struct llm_price_applied cost_by; // when it is from the catalogue
    struct llm_buf raw;               // LLM_QUERY_RAW
    llm_error error;                  // status LLM_OK: none
    uint64_t start_us, first_us, end_us;
};

struct llm_response_pool *llm_response_pool_new(void);
void llm_response_pool_unref(struct llm_response_pool *pool); // lives on until its last response is gone

// refs 1; NULL: out of memory.
struct llm_response *llm_response_new(struct llm_response_pool *pool);
void llm_response_ref(struct llm_response *response);

// Put an event in.  LLM_E_NOMEM, LLM_E_LIMIT.
llm_status llm_response_add(struct llm_response *response, const llm_event *event);

// A chunk of the answer as the provider sent it; list: chunks of a stream.
llm_status llm_response_add_raw(struct llm_response *response, llm_str text, bool list);

// "stop", "length", ...  Static.
const char *llm_finish_name(const struct llm_choice *choice);

// What a failed attempt left, but for warnings and attempts, is gone: another begins.
void llm_response_begin_attempt(struct llm_response *response);

llm_status llm_response_add_attempt(struct llm_response *response, const struct llm_attempt *attempt);

#endif
