// SPDX-License-Identifier: MIT
#include "codec.h"

// ---- begin and end ---------------------------------------------------------------------------------------------------

llm_status LLM_CALL job_open(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                             llm_job **ret) {
    llm_job *job = (llm_job *)args->alloc(args->alloc_ctx, sizeof *job);
    (void)inst;
    (void)out;
    if (job == NULL) {
        return LLM_E_NOMEM;
    }
    job->args = args;
    *ret = job;
    return LLM_OK;
}

void LLM_CALL job_close(llm_job *job) {
    (void)job; // its memory is the host's
}

// An answer that was cut off is an error, never an answer.
llm_status LLM_CALL job_end(llm_job *job, llm_status transport, const llm_out *out) {
    (void)out;
    return job->finished ? LLM_DONE : transport < 0 ? transport : LLM_E_PROTOCOL;
}

llm_status refuse(const llm_out *out, llm_status code, const char *param, const char *message) {
    llm_fault fault;
    memset(&fault, 0, sizeof fault);
    fault.size = sizeof fault;
    fault.code = code;
    fault.param = str(param, param != NULL ? strlen(param) : 0);
    fault.message = str(message, strlen(message));
    const llm_status told = out->fault(out->ctx, &fault);
    return told < 0 ? told : code;
}

// ---- requests ---------------------------------------------------------------------------------------------------------

const struct member *request_member(const struct member *members, llm_str name, const llm_out *out,
                                    llm_status *ret_status) {
    static const struct member known[] = {{"model", NULL}, {"stream", NULL}, {"stream_options", NULL}};
    *ret_status = LLM_OK;
    for (; members->ours != NULL; members++) {
        if (is(name, members->ours)) {
            return members;
        }
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (is(name, known[i].ours)) {
            return &known[i]; // written by request_json, or not at all
        }
    }
    *ret_status =
        out->warn(out->ctx, TEXT("param_dropped"), name.ptr, name.len, TEXT("@title@ does not take it"));
    return NULL;
}

static llm_status put(void *ctx, const void *p, size_t n) {
    const llm_http_request *req = (const llm_http_request *)ctx;
    return req->body(req->ctx, p, n);
}

llm_status request_json(llm_job *job, const char *path, const struct member *members, int stream,
                        const llm_http_request *req, const llm_out *out) {
    const llm_job_args *args = job->args;
    llm_status status = req->line(req->ctx, TEXT("POST"), path, strlen(path));
    if (status == LLM_OK) {
        status = req->header(req->ctx, TEXT("content-type"), TEXT("application/json"));
    }
    if (status == LLM_OK && stream) {
        status = req->framing(req->ctx, LLM_FRAME_SSE);
    }
    if (status != LLM_OK) {
        return status;
    }
    llm_json_writer w = llm_json_writer_to(put, (void *)(uintptr_t)req);
    llm_json_object(&w);
    if (args->model.ptr != NULL) {
        llm_json_name(&w, "model");
        llm_json_string(&w, args->model);
    }
    for (size_t i = 0; i < args->n_fields && w.status >= 0; i++) { // negative: the host wants no more
        const struct member *m = request_member(members, args->fields[i].name, out, &status);
        if (status < 0) {
            return status;
        }
        if (m != NULL && m->theirs != NULL) {
            llm_json_name(&w, m->theirs);
            llm_json_raw(&w, args->fields[i].value); // byte for byte as the caller wrote it
        }
    }
    if (stream) {
        llm_json_name(&w, "stream");
        llm_json_boolean(&w, 1);
    }
    llm_json_object_end(&w);
    return w.status;
}

// ---- answers ----------------------------------------------------------------------------------------------------------

static llm_status report_error(llm_str error, const llm_out *out) {
    static const char unsaid[] = "the provider reports an error without a message";
    char message[512];
    llm_fault fault;
    const llm_str text = llm_json_get(error, "message");
    const size_t n = llm_json_type(text) == '"' ? llm_json_decode(text, message, sizeof message) : (size_t)-1;
    memset(&fault, 0, sizeof fault);
    fault.size = sizeof fault;
    fault.code = LLM_E_SERVER;
    fault.message = n != (size_t)-1 ? str(message, n) : str(unsaid, sizeof unsaid - 1);
    fault.provider_code = llm_json_plain(llm_json_get(error, "code"));
    const llm_status told = out->fault(out->ctx, &fault);
    return told < 0 ? told : LLM_E_SERVER;
}

llm_status answer_json(const llm_chunk *chunk, const llm_out *out, llm_str *ret) {
    const llm_str text = str(chunk->data.ptr, chunk->data.len);
    size_t at = 0;
    *ret = str(NULL, 0);
    if (is(text, "[DONE]")) { // CHANGE: how a stream says that it is over
        return LLM_DONE;
    }
    if (text.len == 0) {
        return LLM_OK;
    }
    if (!llm_json_check(text, 64, &at)) {
        return LLM_E_PROTOCOL;
    }
    *ret = llm_json_value(text);
    const llm_str error = llm_json_get(*ret, "error"); // CHANGE: what a failure inside an answer looks like
    return llm_json_type(error) == '{' ? report_error(error, out) : LLM_OK;
}

llm_counts answer_counts(llm_str usage, const char *input, const char *output) {
    llm_counts counts = LLM_COUNTS_INIT;
    if (llm_json_type(usage) == '{') {
        (void)llm_json_int64(llm_json_get(usage, input), &counts.input_tokens);
        if (output != NULL) {
            (void)llm_json_int64(llm_json_get(usage, output), &counts.output_tokens);
        }
        counts.raw = usage;
    }
    return counts;
}

// A status of 400 and above: the host has filled the fault from it; the body knows better.
llm_status LLM_CALL job_fail(llm_job *job, const llm_head *head, const llm_bytes *body, llm_fault *fault) {
    const llm_str text = str(body->ptr, body->len);
    size_t at = 0;
    (void)head;
    if (!llm_json_check(text, 64, &at)) {
        return LLM_OK; // HTML, nothing, ...: what the host made of the status stands
    }
    const llm_str error = llm_json_get(llm_json_value(text), "error"),
                  message = llm_json_get(error, "message");
    if (llm_json_type(message) == '"') {
        char *copy = (char *)job->args->alloc(job->args->alloc_ctx, message.len); // lives until close()
        if (copy == NULL) {
            return LLM_E_NOMEM;
        }
        const size_t n = llm_json_decode(message, copy, message.len);
        fault->message = n != (size_t)-1 ? str(copy, n) : fault->message;
    }
    const llm_str code = llm_json_plain(llm_json_get(error, "code"));
    if (is(code, "context_length_exceeded")) { // CHANGE: the provider's codes
        fault->code = LLM_E_CONTEXT_LENGTH;
    } else if (is(code, "insufficient_quota")) {
        fault->code = LLM_E_QUOTA;
    }
    return LLM_OK;
}
