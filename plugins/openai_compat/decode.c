// SPDX-License-Identifier: MIT
// The answer: bodies and events to the operation's reader, and what the end of a stream means.
#include "openai_compat.h"

#define DEPTH_MAX 512 // of answers; nothing recurses over them

static llm_str trim(llm_str s) {
    while (s.len > 0 && (unsigned char)s.ptr[0] <= ' ') {
        s = (llm_str){s.ptr + 1, s.len - 1};
    }
    while (s.len > 0 && (unsigned char)s.ptr[s.len - 1] <= ' ') {
        s.len--;
    }
    return s;
}

static bool starts(llm_str s, const char *with) {
    const size_t n = strlen(with);
    return s.len >= n && memcmp(s.ptr, with, n) == 0;
}

// What came of it, unless something could not be kept.
static llm_status settle(const llm_job *job, llm_status status) {
    return job->no_memory ? LLM_E_NOMEM : status;
}

static bool is_chat(const llm_job *job) {
    return job->operation == OAI_CHAT || job->operation == OAI_COMPLETIONS;
}

static llm_status take_body(llm_job *job, llm_str body, const llm_out *out) {
    job->terminated = true;
    if (body.len == 0) {
        return oai_fault(out, LLM_E_PROTOCOL, "the answer is empty", NULL);
    }
    if (!llm_json_check(body, DEPTH_MAX, NULL)) {
        return oai_fault(out, LLM_E_PROTOCOL, "the answer is no JSON", NULL);
    }
    if (!is_chat(job)) {
        return oai_list_body(job, body, out);
    }
    const llm_str doc =
        llm_json_type(body) == '[' ? oai_at(body, 0) : body; // some put a list around a failure
    const llm_status status = oai_chat_chunk(job, doc, true, out);
    return status < 0 || job->has_answer ? status
                                         : oai_fault(out, LLM_E_PROTOCOL, "the answer holds no choice", NULL);
}

// Some servers put blanks before the field's name, or write `error: {...}`: both come as fields that SSE does not define.
static llm_status take_event(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    const llm_str event = trim(chunk->event);
    const llm_str data = trim((llm_str){(const char *)chunk->data.ptr, chunk->data.len});
    if (oai_same(event, "error")) {
        return oai_fault_in_answer(job, data, out);
    }
    if (starts(data, "[DONE]")) {
        job->terminated = true;
        return LLM_DONE;
    }
    if (!starts(data, "{")) {
        return LLM_MORE; // a ping, or a field that nobody defined
    }
    if (!llm_json_check(data, DEPTH_MAX, NULL)) {
        return oai_fault(out, LLM_E_PROTOCOL, "an event of the stream is no JSON", NULL);
    }
    const llm_status status =
        is_chat(job) ? oai_chat_chunk(job, data, false, out) : oai_image_event(job, data, out);
    return status < 0 ? status : LLM_MORE;
}

llm_status LLM_CALL oai_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    if (chunk->frame == LLM_FRAME_SSE || chunk->frame == LLM_FRAME_SSE_FIELDS) {
        return settle(job, take_event(job, chunk, out));
    }
    const llm_status status =
        take_body(job, trim((llm_str){(const char *)chunk->data.ptr, chunk->data.len}), out);
    return settle(job, status < 0 ? status : LLM_MORE);
}

llm_status LLM_CALL oai_end(llm_job *job, llm_status transport, const llm_out *out) {
    const bool finished = is_chat(job) ? oai_chat_is_finished(job) : job->has_finish;
    if (!job->terminated && !finished) {
        if (transport < 0) {
            return transport;
        }
        return oai_fault(out, LLM_E_PROTOCOL,
                         job->has_answer ? "the stream ended before the answer was complete"
                                         : "the stream ended without an answer",
                         NULL);
    }
    if (!job->has_answer) {
        return oai_fault(out, LLM_E_PROTOCOL, "the stream ended without an answer", NULL);
    }
    const llm_status status = is_chat(job) ? oai_chat_end(job, out) : LLM_OK;
    return status < 0 ? status : LLM_DONE;
}

// Some services say whether the same request can come out otherwise.
static void take_advice(const llm_head *head, llm_fault *fault) {
    for (size_t i = 0; i < head->n_headers; i++) {
        if (oai_same(head->headers[i].name, "x-should-retry")) {
            if (oai_same(head->headers[i].value, "false")) {
                fault->retry = LLM_RETRY_NEVER;
            } else if (oai_same(head->headers[i].value, "true") && fault->retry == LLM_RETRY_DEFAULT) {
                fault->retry = LLM_RETRY_SAFE;
            }
        }
    }
}

llm_status LLM_CALL oai_fail(llm_job *job, const llm_head *head, const llm_bytes *body, llm_fault *fault) {
    if (fault->http_status == 0) {
        fault->http_status = head->http_status;
    }
    oai_fault_read(job, trim((llm_str){(const char *)body->ptr, body->len}), fault);
    take_advice(head, fault);
    return settle(job, LLM_OK);
}
