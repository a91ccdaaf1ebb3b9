// SPDX-License-Identifier: MIT
// Scripts: rules that say which request gets which answer.  Their grammar: docs/simulator.md.
#ifndef LLM_SIM_SCRIPT_H
#define LLM_SIM_SCRIPT_H

#include "sim_http.h"
#include "sim_reply.h"

struct llm_sim_script;
struct llm_sim_fixtures;

// One rule that fits.  Borrowed until llm_sim_script_free().
struct llm_sim_hit {
    llm_str name; // of the rule; "rule N" when it has none
    llm_str note; // raw JSON; absent: none
    bool echo;    // answer with the request itself, under the reply's status
    const struct llm_sim_reply *reply;
};

// Read rules.  name stands in messages, body files are relative to its folder; fixtures: nullable, for replies that name a
// recording; it must outlive the script.  Free with llm_sim_script_free().
// LLM_E_CONFIG: not JSON, or not rules: "FILE:LINE:COLUMN: what".  LLM_E_NOMEM.
llm_status llm_sim_script_new(llm_str text, const char *name, const struct llm_sim_fixtures *fixtures,
                              struct llm_sim_script **ret_script, llm_error *err);
void llm_sim_script_free(struct llm_sim_script *script);

// Does the script allow built-in answers?
bool llm_sim_script_demo(const struct llm_sim_script *script);

// The first rule that fits this request; the rules count what they saw.  false: none.
bool llm_sim_script_match(struct llm_sim_script *script, const struct llm_sim_request *request,
                          struct llm_sim_hit *ret_hit);

#endif
