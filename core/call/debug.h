// SPDX-License-Identifier: MIT
// What the debug record keeps of each exchange (LLM_QUERY_DEBUG), in the response's arena.  At most LLM_MAX_DEBUG_EXCHANGES of them.
#ifndef LLM_CALL_DEBUG_H
#define LLM_CALL_DEBUG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "llm_json.h"
#include "net/http.h"

struct llm_debug_headers {
    llm_header *list; // value absent: not shown
    size_t n, cap;
};

struct llm_debug_body {
    uint64_t bytes; // all of it
    char *text;     // its begin, at most LLM_MAX_DEBUG_BODY_BYTES; NULL: not asked for
    size_t len;
};

struct llm_debug {
    struct llm_debug *next;
    uint32_t attempt; // its place in the list of attempts: 1, 2, ...; 0: it is not over
    bool hedge;       // the racer's
    uint32_t http_status;
    llm_status status;
    llm_str method, url;
    struct llm_debug_headers request_headers, answer_headers;
    struct llm_debug_body request_body, answer_body;
    struct llm_http_times times;
    uint64_t start_us, head_us, end_us; // monotonic; 0: it did not come so far
};

struct llm_response;
// The members "debug" and "debug_left_out" of a response's JSON; none when nothing was kept.
void llm_debug_write(llm_json_writer *w, const struct llm_response *response);

#endif
