// SPDX-License-Identifier: MIT
// The request log: what arrived, one JSON object a line, written before the answer is sent.
#ifndef LLM_SIM_LOG_H
#define LLM_SIM_LOG_H

#include "sim.h"
#include "sim_http.h"

struct llm_sim_log {
    int fd; // -1: no log
    struct host_text line;
};

// What the log of answers says of one that is under way.
struct llm_sim_answered {
    bool open; // not written down yet
    unsigned status;
    llm_str name, note; // borrowed from the script
    uint64_t number;
    char key[LLM_SIM_MAX_ANSWERS_KEY];
    size_t key_len;
};

// What the log and an echo say of a request, as members of an open object: method, path, query, headers, body.
void llm_sim_log_request(llm_json_writer *w, const struct llm_sim_request *request, size_t body_max);

// An answer is over.  complete: its last byte was given to the kernel, and no fault cut it.
void llm_sim_log_answer(struct llm_sim_log *log, struct llm_sim_answered *answered, bool complete);

// Append one line; failures to write are not reported.
void llm_sim_log_write(struct llm_sim_log *log, uint64_t number, uint64_t connection,
                       const struct llm_sim_request *request, llm_str answered_by, unsigned status);

#endif
