// SPDX-License-Identifier: MIT
// What LLM_QUERY_EXCHANGES keeps of a call: each exchange whole, keys left out.  At most LLM_MAX_TAPE_EXCHANGES of them.
#ifndef LLM_CALL_TAPE_H
#define LLM_CALL_TAPE_H

#include "base/buf.h"
#include "net/http.h"

struct llm_tape_headers {
    llm_header *list; // value absent: a credential
    size_t n, cap;
};

struct llm_tape {
    struct llm_tape *next;
    uint32_t attempt; // 1, 2, ...
    uint32_t http_status;
    llm_status status;
    bool cut, over;
    llm_str method, url;
    struct llm_tape_headers request_headers, answer_headers; // these in the response's arena
    struct llm_buf request_body, answer_body;                // these are freed by llm_tape_clear()
};

struct llm_response;
void llm_tape_clear(struct llm_response *response);

#endif
