// SPDX-License-Identifier: MIT
#include "sim_log.h"

#include <errno.h>
#include <unistd.h>

static bool is_text(llm_str bytes) {
    // A string of JSON is UTF-8 without control bytes; in quotes the judge of JSON is one of text.
    for (size_t i = 0; i < bytes.len; i++) {
        const unsigned char c = (unsigned char)bytes.ptr[i];
        if (c < 0x20 && c != '\n' && c != '\r' && c != '\t') {
            return false;
        }
    }
    size_t at = 0;
    while (at < bytes.len) {
        const unsigned char c = (unsigned char)bytes.ptr[at];
        const size_t n = c < 0x80                ? 1
                         : c >= 0xc2 && c < 0xe0 ? 2
                         : c >= 0xe0 && c < 0xf0 ? 3
                         : c >= 0xf0 && c < 0xf5 ? 4
                                                 : 0;
        if (n == 0 || n > bytes.len - at) {
            return false;
        }
        for (size_t i = 1; i < n; i++) {
            if (((unsigned char)bytes.ptr[at + i] & 0xc0) != 0x80) {
                return false;
            }
        }
        at += n;
    }
    return true;
}

static void add_base64(llm_json_writer *w, llm_str bytes) {
    struct host_text text = {0};
    host_text_base64(&text, bytes.ptr, bytes.len);
    llm_json_string(w, host_text_str(&text));
    host_text_done(&text);
}

void llm_sim_log_request(llm_json_writer *w, const struct llm_sim_request *request, size_t body_max) {
    llm_json_name(w, "method");
    llm_json_string(w, request->method);
    llm_json_name(w, "path");
    llm_json_string(w, request->path);
    llm_json_name(w, "query");
    llm_json_string(w, request->query);
    llm_json_name(w, "headers");
    llm_json_array(w);
    for (size_t i = 0; i < request->n_headers; i++) {
        llm_json_array(w);
        llm_json_string(w, request->headers[i].name);
        llm_json_string(w, request->headers[i].value);
        llm_json_array_end(w);
    }
    llm_json_array_end(w);
    llm_json_name(w, "body_bytes");
    llm_json_integer(w, (int64_t)request->body.len);
    llm_str body = request->body;
    if (body.len > body_max) {
        body.len = body_max;
    }
    if (is_text(body)) {
        llm_json_name(w, "body");
        llm_json_string(w, body);
    } else {
        llm_json_name(w, "body_base64");
        add_base64(w, body);
    }
}

static void append(struct llm_sim_log *log) {
    host_text_text(&log->line, "\n");
    size_t at = 0;
    while (at < log->line.len) {
        const ssize_t n = write(log->fd, log->line.ptr + at, log->line.len - at);
        if (n < 0 && errno != EINTR) {
            return;
        }
        at += n > 0 ? (size_t)n : 0;
    }
}

void llm_sim_log_write(struct llm_sim_log *log, uint64_t number, uint64_t connection,
                       const struct llm_sim_request *request, llm_str answered_by, unsigned status) {
    if (log->fd < 0) {
        return;
    }
    host_text_reset(&log->line, LLM_SIM_MAX_KEPT_BYTES);
    llm_json_writer w = llm_json_writer_to(host_text_sink, &log->line);
    llm_json_object(&w);
    llm_json_name(&w, "n");
    llm_json_integer(&w, (int64_t)number);
    llm_json_name(&w, "connection");
    llm_json_integer(&w, (int64_t)connection);
    llm_json_name(&w, "answer");
    llm_json_string(&w, answered_by);
    llm_json_name(&w, "status");
    llm_json_integer(&w, status);
    llm_sim_log_request(&w, request, LLM_SIM_MAX_LOG_BODY);
    llm_json_object_end(&w);
    append(log);
}

void llm_sim_log_answer(struct llm_sim_log *log, struct llm_sim_answered *answered, bool complete) {
    if (log->fd < 0 || !answered->open) {
        return;
    }
    answered->open = false;
    host_text_reset(&log->line, LLM_SIM_MAX_KEPT_BYTES);
    llm_json_writer w = llm_json_writer_to(host_text_sink, &log->line);
    llm_json_object(&w);
    llm_json_name(&w, "n");
    llm_json_integer(&w, (int64_t)answered->number);
    llm_json_name(&w, "key");
    llm_json_string(&w, (llm_str){answered->key, answered->key_len});
    llm_json_name(&w, "answer");
    llm_json_string(&w, answered->name);
    llm_json_name(&w, "status");
    llm_json_integer(&w, answered->status);
    llm_json_name(&w, "complete");
    llm_json_boolean(&w, complete);
    llm_json_name(&w, "note");
    llm_json_raw(&w, answered->note);
    llm_json_object_end(&w);
    append(log);
}
