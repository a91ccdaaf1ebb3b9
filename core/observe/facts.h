// SPDX-License-Identifier: MIT
// What may leave the library beside answers: the names of all fields of log records and of all attributes of spans stand in two tables,
// and there is no other way to name one.  No field holds a secret, a prompt or an answer.  docs/observe.md shows the tables.
#ifndef LLM_OBSERVE_FACTS_H
#define LLM_OBSERVE_FACTS_H

#include <stdbool.h>

#include "base/limits.h"
#include "base/str.h"

struct llm_fact_name {
    const char *name;
    bool is_text; // else a number
};

// Fields of log records.
enum llm_log_field {
    LLM_FIELD_CALL,           // the call's number in this process
    LLM_FIELD_ID,             // the call's id: the response's, the ledger's
    LLM_FIELD_PROVIDER,       // its name
    LLM_FIELD_OPERATION,      // "chat"
    LLM_FIELD_MODEL,          // as the provider is asked for it
    LLM_FIELD_STATUS,         // "ok", "rate_limited", ...
    LLM_FIELD_HTTP_STATUS,    // 100..599
    LLM_FIELD_ATTEMPT,        // 1, 2, ...
    LLM_FIELD_ATTEMPTS,       // how many there were
    LLM_FIELD_KEY,            // which of the provider's keys, by number: "openai#2"
    LLM_FIELD_DURATION_US,    // of the call or the attempt
    LLM_FIELD_FIRST_TOKEN_US, // from the call's start to its first output
    LLM_FIELD_WAIT_US,        // waited or to be waited
    LLM_FIELD_INPUT_TOKENS,
    LLM_FIELD_OUTPUT_TOKENS,
    LLM_FIELD_COST_PICO_USD,
    LLM_FIELD_CACHED,     // 1: the answer was known
    LLM_FIELD_STREAM,     // 1: a stream was asked for
    LLM_FIELD_REQUEST_ID, // the provider's
    LLM_FIELD_PLUGIN,     // id or file name
    LLM_FIELD_REASON,     // the library's own words
    LLM_FIELD_PROVIDERS,  // how many are known
    LLM_FIELD_PLUGINS,    // how many are known
    LLM_FIELD_COUNT,
};
extern const struct llm_fact_name llm_log_fields[LLM_FIELD_COUNT];

enum llm_log_event {
    LLM_TELL_CALL_START,        // debug
    LLM_TELL_CALL_END,          // info
    LLM_TELL_CALL_REFUSED,      // info: before it began
    LLM_TELL_ATTEMPT_END,       // debug
    LLM_TELL_RETRY,             // info: an attempt failed and is repeated
    LLM_TELL_FALLBACK,          // warn: it failed and the call goes elsewhere
    LLM_TELL_GIVE_UP,           // info: it failed and the call is over
    LLM_TELL_HEDGE,             // info
    LLM_TELL_BREAKER_OPEN,      // warn
    LLM_TELL_BREAKER_HALF_OPEN, // info
    LLM_TELL_BREAKER_CLOSED,    // info
    LLM_TELL_LIMIT_WAIT,        // debug
    LLM_TELL_LIMIT_REFUSED,     // warn
    LLM_TELL_RELOAD,            // info
    LLM_TELL_RELOAD_FAILED,     // error
    LLM_TELL_PLUGIN_REFUSED,    // warn
    LLM_TELL_LEDGER_FAILURE,    // error
    LLM_TELL_COUNT,
};
extern const struct llm_log_event_name {
    const char *name;
    int32_t level; // LLM_LOG_*
} llm_log_events[LLM_TELL_COUNT];

// Attributes of spans, by OpenTelemetry's GenAI conventions; "llm_master." where these have no name.
enum llm_span_field {
    LLM_SPAN_OPERATION,
    LLM_SPAN_PROVIDER,
    LLM_SPAN_REQUEST_MODEL,
    LLM_SPAN_RESPONSE_MODEL,
    LLM_SPAN_RESPONSE_ID,
    LLM_SPAN_FINISH_REASONS,
    LLM_SPAN_INPUT_TOKENS,
    LLM_SPAN_OUTPUT_TOKENS,
    LLM_SPAN_CACHE_READ_TOKENS,
    LLM_SPAN_CACHE_WRITE_TOKENS,
    LLM_SPAN_REASONING_TOKENS,
    LLM_SPAN_ERROR_TYPE,
    LLM_SPAN_SERVER_ADDRESS,
    LLM_SPAN_SERVER_PORT,
    LLM_SPAN_HTTP_STATUS,
    LLM_SPAN_RESEND_COUNT,
    LLM_SPAN_REQUEST_ID,
    LLM_SPAN_KEY,
    LLM_SPAN_HEDGE,
    LLM_SPAN_ATTEMPTS,
    LLM_SPAN_FIRST_TOKEN_US,
    LLM_SPAN_WAIT_US,
    LLM_SPAN_COST,
    LLM_SPAN_CACHED,
    LLM_SPAN_FIELD_COUNT,
};
extern const struct llm_fact_name llm_span_fields[LLM_SPAN_FIELD_COUNT];

// Fields under construction, with their texts: no memory but this.
struct llm_facts {
    llm_field fields[LLM_MAX_FACTS];
    size_t n;
    size_t used;
    bool cut; // something did not fit
    char text[4096];
};

static inline void llm_facts_init(struct llm_facts *facts) {
    facts->n = facts->used = 0;
    facts->cut = false;
}

// Absent and empty texts are left out.  At most LLM_MAX_FACT_BYTES; control bytes are escaped (\n, \x1b), bytes that are no UTF-8 too.
void llm_facts_log_text(struct llm_facts *facts, enum llm_log_field field, llm_str text);
void llm_facts_log_number(struct llm_facts *facts, enum llm_log_field field, int64_t number);
void llm_facts_span_text(struct llm_facts *facts, enum llm_span_field field, llm_str text);
void llm_facts_span_number(struct llm_facts *facts, enum llm_span_field field, int64_t number);

// "event name=value name="a value" ...", cut at size - 1; gives its length.  Texts with blanks, quotes or '=' are quoted.
size_t llm_facts_line(const struct llm_facts *facts, const char *event, char *line, size_t size);

#endif
