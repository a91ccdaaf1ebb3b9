// SPDX-License-Identifier: MIT
// The request log: what arrived, one JSON object a line, written before the answer is sent.
#ifndef LLM_SIM_LOG_H
#define LLM_SIM_LOG_H

#include "sim_http.h"

struct llm_sim_log {
    int fd; // -1: no log
    struct host_text line;
};

// What the log and an echo say of a request, as members of an open object: method, path, query, headers, body.
void llm_sim_log_request(llm_json_writer *w, const struct llm_sim_request *request, size_t body_max);

// Append one line; failures to write are not reported.
void llm_sim_log_write(struct llm_sim_log *log, uint64_t number, uint64_t connection,
                       const struct llm_sim_request *request, llm_str answered_by, unsigned status);

#endif
