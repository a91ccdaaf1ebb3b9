// SPDX-License-Identifier: MIT
// One call: submit, and then the answer, a stream, or looking again until a job is done.
#include "custom.h"

static llm_status fail(const llm_out *out, const llm_fault *fault) {
    const llm_status status = out->fault(out->ctx, fault);
    return status < 0 ? status : fault->code;
}

static llm_status fail_with(const llm_out *out, llm_status code, const char *message) {
    llm_fault fault = {.size = sizeof fault, .code = code, .retry = LLM_RETRY_NEVER};
    fault.message = custom_str(message);
    return fail(out, &fault);
}

static llm_status fail_inside(llm_job *job, const struct view *view, const llm_out *out) {
    llm_fault fault = {.size = sizeof fault, .code = LLM_E_SERVER, .http_status = view->status};
    fault.message = custom_str("the provider says that it failed");
    custom_fault_read(job, view, &fault);
    return fail(out, &fault);
}

static void LLM_CALL job_close(llm_job *job) {
    const llm_host *host = job->arena.host;
    custom_arena_done(&job->arena);
    host->alloc(host->ctx, job, 0);
}

// What is sent first: a stream may be asked for in another way.
static const struct request *submission(const llm_job *job) {
    return job->is_stream ? &job->operation->stream.request : &job->operation->request;
}

static llm_status LLM_CALL job_open(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                                    llm_job **ret) {
    const llm_host *host = inst->arena.host;
    const struct operation *operation = NULL;
    for (size_t i = 0; i < inst->operations.n; i++) {
        if (args->operation.len == inst->operations.list[i].name.len &&
            memcmp(args->operation.ptr, inst->operations.list[i].name.ptr, args->operation.len) == 0) {
            operation = &inst->operations.list[i];
        }
    }
    if (operation == NULL) {
        return fail_with(out, LLM_E_UNSUPPORTED, "the description of this provider has no such operation");
    }
    llm_job *job = host->alloc(host->ctx, NULL, sizeof *job);
    if (job == NULL) {
        return LLM_E_NOMEM;
    }
    *job = (llm_job){.instance = inst, .args = args, .operation = operation, .arena = {.host = host}};
    job->is_stream = custom_is_stream(operation) && (args->flags & LLM_JOB_STREAM);
    job->is_image = args->operation.len >= 5 && memcmp(args->operation.ptr, "image", 5) == 0;
    job->wait_ms = operation->poll.interval_ms;
    job->counts = (llm_counts)LLM_COUNTS_INIT;
    const llm_status status = custom_request_check(job, submission(job), out);
    if (status < 0) {
        job_close(job);
        return status;
    }
    *ret = job;
    return LLM_OK;
}

// ---- sending

static llm_status encode_submit(llm_job *job, struct scope *scope, bool is_first) {
    const struct operation *op = job->operation;
    if (is_first) {
        TRY(custom_losses_report(scope));
    }
    TRY(custom_request_write(scope, submission(job)));
    if (job->is_stream) {
        return scope->req->framing(scope->req->ctx, op->stream.framing == LLM_FRAME_SSE ? LLM_FRAME_SSE_FIELDS
                                                                                        : LLM_FRAME_LINES);
    }
    if (op->answer.blobs.is_body && !custom_is_job(op)) {
        return scope->req->framing(scope->req->ctx, LLM_FRAME_RAW);
    }
    // What only asks may be asked again.
    return op->request.method == METHOD_GET ? scope->req->idempotent(scope->req->ctx) : LLM_OK;
}

static llm_status LLM_CALL job_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                      const llm_out *out) {
    const struct poll *poll = &job->operation->poll;
    struct scope scope = {.job = job, .req = req, .out = out, .item = {NULL, 0}};
    job->has_blob_begun = job->is_done = false;
    job->http_status = 0;
    if (job->stage == STAGE_SUBMIT) {
        return encode_submit(job, &scope, step->attempt == 0);
    }
    const struct request *request = job->stage == STAGE_POLL ? &poll->request : &poll->result;
    TRY(custom_request_write(&scope, request));
    TRY(req->idempotent(req->ctx));
    if (job->stage == STAGE_RESULT) {
        return job->operation->answer.blobs.is_body ? req->framing(req->ctx, LLM_FRAME_RAW) : LLM_OK;
    }
    return req->wait_ms(req->ctx, (uint64_t)job->wait_ms);
}

// ---- receiving

static llm_status LLM_CALL job_head(llm_job *job, const llm_head *head, const llm_out *out) {
    (void)out;
    job->http_status = head->http_status;
    job->mime[0] = '\0';
    for (size_t i = 0; i < head->n_headers; i++) {
        if (custom_is(head->headers[i].name, "content-type")) {
            const llm_str value = head->headers[i].value;
            size_t n = 0;
            while (n < value.len && value.ptr[n] != ';' && value.ptr[n] != ' ' && n + 1 < sizeof job->mime) {
                job->mime[n] = value.ptr[n];
                n++;
            }
            job->mime[n] = '\0';
        }
    }
    return LLM_OK;
}

// Also for what is no JSON: events like [DONE], and services that answer with plain text.
static struct view view_of(const llm_job *job, const llm_chunk *chunk) {
    const llm_str text = {(const char *)chunk->data.ptr, chunk->data.len};
    const bool is_json = llm_json_check(text, DEPTH_MAX, NULL);
    return (struct view){.doc = is_json ? llm_json_value(text) : (llm_str){NULL, 0},
                         .text = text,
                         .event = chunk->frame == LLM_FRAME_SSE || chunk->frame == LLM_FRAME_SSE_FIELDS
                                      ? chunk->event
                                      : (llm_str){NULL, 0},
                         .status = job->http_status};
}

static bool is_failure(const llm_job *job, const struct view *view) {
    return custom_holds(&job->operation->errors.when, view) ||
           custom_holds(&job->instance->errors.when, view);
}

static llm_status take_event(llm_job *job, const struct view *view, const llm_out *out) {
    const struct stream *stream = &job->operation->stream;
    for (size_t i = 0; i < stream->events.n; i++) {
        const struct picks *picks = &stream->events.list[i];
        if (picks->only_if.n == 0 || custom_holds(&picks->only_if, view)) {
            TRY(custom_picks_give(job, picks, view, out));
        }
    }
    job->is_done = custom_holds(&stream->done, view);
    return job->is_done ? LLM_DONE : LLM_MORE;
}

static llm_status keep(llm_job *job, llm_str doc, llm_str *ret) {
    char *copy = doc.len <= ANSWER_MAX ? custom_new(&job->arena, doc.len) : NULL;
    if (copy == NULL) {
        return doc.len <= ANSWER_MAX ? LLM_E_NOMEM : LLM_E_LIMIT;
    }
    if (doc.len > 0) {
        memcpy(copy, doc.ptr, doc.len);
    }
    *ret = (llm_str){copy, doc.len};
    return LLM_OK;
}

// The answer of a job that may not be done yet.
static llm_status take_state(llm_job *job, const struct view *view, const llm_out *out) {
    const struct poll *poll = &job->operation->poll;
    if (custom_holds(&poll->failed, view)) {
        return fail_inside(job, view, out);
    }
    const bool is_done = custom_holds(&poll->done, view);
    if (job->stage == STAGE_POLL && !is_done && poll->pending.n > 0 && !custom_holds(&poll->pending, view)) {
        return fail_with(out, LLM_E_PROTOCOL,
                         "the job is in a state that the description of this provider does not know");
    }
    const bool is_first = job->stage == STAGE_SUBMIT;
    if (is_first) {
        TRY(keep(job, view->doc, &job->submitted));
    }
    if (is_done && poll->result.url.n == 0) {
        job->is_done = true;
        return custom_picks_give(job, &job->operation->answer, view, out);
    }
    job->stage = is_done ? STAGE_RESULT : STAGE_POLL;
    if (is_done) {
        TRY(keep(job, view->doc, &job->polled));
    }
    if (is_first || is_done) { // what it costs some providers say at once
        TRY(custom_picks_give(job, &(struct picks){.usage = job->operation->answer.usage}, view, out));
        const struct request *next = is_done ? &poll->result : &poll->request;
        return custom_request_check(job, next, out);
    }
    return LLM_OK;
}

static llm_status take_whole(llm_job *job, const struct view *view, const llm_out *out) {
    const struct operation *op = job->operation;
    if (view->doc.ptr == NULL && !op->answer.content.is_data) {
        return fail_with(out, LLM_E_PROTOCOL, "the answer is no JSON");
    }
    if (is_failure(job, view)) {
        return fail_inside(job, view, out);
    }
    if (custom_is_job(op) && job->stage != STAGE_RESULT) {
        return take_state(job, view, out);
    }
    job->is_done = true;
    return custom_picks_give(job, &op->answer, view, out);
}

static llm_status take_bytes(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    const llm_str mime =
        job->mime[0] != '\0' ? custom_str(job->mime) : job->operation->answer.blobs.default_mime;
    if (!job->has_blob_begun) {
        job->n_blobs++;
    }
    job->has_blob_begun = true;
    return out->blob(out->ctx, job->n_blobs - 1, mime.ptr, mime.len, chunk->data.ptr, chunk->data.len, 0);
}

static llm_status LLM_CALL job_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    if (chunk->frame == LLM_FRAME_RAW) {
        return take_bytes(job, chunk, out);
    }
    const struct view view = view_of(job, chunk);
    job->poll_errors = 0;
    if (chunk->frame == LLM_FRAME_WHOLE) {
        const llm_status status = take_whole(job, &view, out);
        return status < 0 ? status : LLM_DONE;
    }
    return is_failure(job, &view) ? fail_inside(job, &view, out) : take_event(job, &view, out);
}

// ---- the end

// Does the description say where the answer tells how it ended?
static bool tells_finish(const llm_job *job) {
    const struct operation *op = job->operation;
    if (!job->is_stream) {
        return op->answer.finish.n > 0;
    }
    for (size_t i = 0; i < op->stream.events.n; i++) {
        if (op->stream.events.list[i].finish.n > 0) {
            return true;
        }
    }
    return false;
}

static llm_status finish(llm_job *job, const llm_out *out) {
    if (job->has_blob_begun) {
        TRY(out->blob(out->ctx, job->n_blobs - 1, "", 0, (const uint8_t *)"", 0, 1));
    }
    if (job->is_image && job->counts.images < 0) {
        job->counts.images = job->n_blobs;
        TRY(out->usage(out->ctx, &job->counts));
    }
    if (!job->is_finished) { // it tells, and did not this time: it ended in some other way
        const uint32_t reason = tells_finish(job) ? LLM_FINISH_OTHER : LLM_FINISH_STOP;
        TRY(out->finish(out->ctx, CHOICE, reason, NULL, 0));
    }
    return LLM_DONE;
}

static llm_status look_again(llm_job *job, const llm_out *out) {
    const struct poll *poll = &job->operation->poll;
    if (job->stage == STAGE_RESULT) {
        return LLM_AGAIN;
    }
    if (job->polls++ == poll->polls_max) {
        return fail_with(out, LLM_E_TIMEOUT,
                         "the job is not done after as many looks as the description allows");
    }
    if (job->polls > 1) {
        job->wait_ms += job->wait_ms / 2;
        job->wait_ms = job->wait_ms < poll->interval_max_ms ? job->wait_ms : poll->interval_max_ms;
    }
    return LLM_AGAIN;
}

static llm_status LLM_CALL job_end(llm_job *job, llm_status transport, const llm_out *out) {
    const struct stream *stream = &job->operation->stream;
    if (transport < 0 && !job->is_done) {
        return transport;
    }
    if (job->is_done || job->has_blob_begun) {
        return finish(job, out);
    }
    if (custom_is_job(job->operation)) {
        return look_again(job, out);
    }
    if (job->is_stream && (stream->done.n == 0 || job->is_finished)) {
        return finish(job, out);
    }
    return fail_with(out, LLM_E_PROTOCOL, "the answer ended before it was complete");
}

// A job that is waited for is not given up because one look at it failed.
static llm_status look_later(llm_job *job, uint64_t advice_ms) {
    job->polls++;
    job->wait_ms = job->wait_ms > (int64_t)advice_ms
                       ? job->wait_ms
                       : (int64_t)(advice_ms < WAIT_MAX_MS ? advice_ms : WAIT_MAX_MS);
    return LLM_AGAIN;
}

static llm_status LLM_CALL job_fail(llm_job *job, const llm_head *head, const llm_bytes *body,
                                    llm_fault *fault) {
    const struct poll *poll = &job->operation->poll;
    const llm_chunk chunk = {.size = sizeof chunk, .frame = LLM_FRAME_WHOLE, .data = *body};
    job->http_status = head->http_status;
    if (job->stage == STAGE_POLL && job->polls < poll->polls_max) {
        for (size_t i = 0; i < poll->not_ready.n; i++) {
            if (poll->not_ready.list[i] == (int64_t)head->http_status) {
                return look_later(job, fault->retry_after_ms);
            }
        }
        if ((head->http_status == 429 || head->http_status >= 500) && job->poll_errors++ < POLL_ERRORS_MAX) {
            return look_later(job, fault->retry_after_ms);
        }
    }
    const struct view view = view_of(job, &chunk);
    custom_fault_read(job, &view, fault);
    return LLM_OK;
}

const llm_codec custom_codec = {
    .size = (uint32_t)sizeof(llm_codec),
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = job_open,
    .close = job_close,
    .encode = job_encode,
    .head = job_head,
    .data = job_data,
    .end = job_end,
    .fail = job_fail,
};
