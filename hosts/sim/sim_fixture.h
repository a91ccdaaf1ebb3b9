// SPDX-License-Identifier: MIT
// Recordings: a folder tree with a meta.json, a response.* and perhaps a request.* in each leaf.
#ifndef LLM_SIM_FIXTURE_H
#define LLM_SIM_FIXTURE_H

#include "sim_http.h"
#include "sim_reply.h"

struct llm_sim_fixtures;

struct llm_sim_fixture {
    llm_str id, method, path, model; // model absent: not known
    bool stream;
    uint64_t sequence_step; // of a submit-then-poll exchange
    llm_str sequence;       // absent: a recording of its own
    struct llm_sim_reply reply;
    uint64_t served; // how often it was the answer
};

// Read the tree below folder.  sizes of writes and delays as in llm_sim_options.  Free with llm_sim_fixtures_free().
// LLM_E_CONFIG: no recording there, or one that cannot be read.  LLM_E_NOMEM.
llm_status llm_sim_fixtures_new(const char *folder, uint32_t chunk_bytes, uint32_t delay_ms,
                                struct llm_sim_fixtures **ret_fixtures, llm_error *err);
void llm_sim_fixtures_free(struct llm_sim_fixtures *fixtures);

// By id; NULL: there is none.
struct llm_sim_fixture *llm_sim_fixtures_get(const struct llm_sim_fixtures *fixtures, llm_str id);

// The one that a request asks for: by /fixture/ID/... or by what fits best; NULL: none.  It counts as served.
struct llm_sim_fixture *llm_sim_fixtures_match(struct llm_sim_fixtures *fixtures,
                                               const struct llm_sim_request *request);

#endif
