// SPDX-License-Identifier: MIT
// Answers that are text.
#ifndef TEXT_H
#define TEXT_H

#include "codec.h"

// A JSON string as text, decoded in pieces; anything else is no text.
static inline llm_status answer_text(llm_str string, const llm_out *out) {
    return llm_json_type(string) == '"' ? llm_json_text(string, out, 0, LLM_TEXT_CONTENT) : LLM_OK;
}

// The reason for the end, a JSON string; anything else: the end is not here yet.
static inline llm_status answer_finish(llm_job *job, llm_str reason, const llm_out *out) {
    const llm_str word = llm_json_plain(reason); // CHANGE: the provider's words
    if (llm_json_type(reason) != '"' || job->finished) {
        return LLM_OK;
    }
    job->finished = 1;
    return out->finish(out->ctx, 0,
                       is(word, "stop")             ? LLM_FINISH_STOP
                       : is(word, "length")         ? LLM_FINISH_LENGTH
                       : is(word, "tool_calls")     ? LLM_FINISH_TOOL_CALLS
                       : is(word, "content_filter") ? LLM_FINISH_CONTENT_FILTER
                                                    : LLM_FINISH_OTHER,
                       word.ptr, word.len);
}

#endif
