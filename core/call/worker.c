// SPDX-License-Identifier: MIT
// Generators that block: one thread for the call.  Its verbs are written down and carried out on the loop's thread, so that a host sees
// events from one thread only.  A thread that does not stop when it is told is written off: it owns what it uses and frees it at its end.
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "call/call.h"

enum verb {
    TEXT,
    TOOL,
    BLOB,
    BLOB_BASE64,
    BLOB_URL,
    VECTOR,
    VECTOR_JSON,
    USAGE,
    FINISH,
    FAULT,
    WARN,
    IDENTITY,
    JSON
};

// One verb, written down: the record, then its texts, padded to 8.
struct record {
    uint32_t verb, a, b, c;
    size_t len[4]; // SIZE_MAX: absent
    llm_counts counts;
    llm_fault fault;
};

struct llm_worker {
    pthread_mutex_t lock;  // guards call, log, done, result
    struct llm_call *call; // NULL: written off
    struct llm_buf log;
    bool done;
    llm_status result;
    atomic_bool cancelled;
    int cancel_fd;
    // What the thread uses, its own:
    struct llm_arena arena;
    struct llm_master *master; // its plugins and what they were given
    struct llm_snapshot *snapshot;
    llm_instance *instance;
    const struct llm_plugin_generator *generator;
    llm_job_args args;
    llm_out out;
    llm_run run;
};

static void worker_free(struct llm_worker *w) {
    if (w->cancel_fd >= 0) {
        (void)close(w->cancel_fd);
    }
    llm_buf_done(&w->log);
    llm_arena_done(&w->arena);
    llm_snapshot_unref(w->snapshot);
    llm_master_unref(w->master);
    (void)pthread_mutex_destroy(&w->lock);
    llm_mem_free(w);
}

static llm_status put(struct llm_worker *w, struct record *r, const llm_str *texts, size_t n) {
    if (atomic_load(&w->cancelled)) {
        return LLM_E_CANCELLED;
    }
    size_t total = sizeof *r;
    for (size_t i = 0; i < 4; i++) {
        r->len[i] = i < n && texts[i].ptr != NULL ? texts[i].len : SIZE_MAX;
        total += i < n && texts[i].ptr != NULL ? texts[i].len : 0;
    }
    static const char zero[8] = {0};
    const size_t pad = (8 - total % 8) % 8;
    (void)pthread_mutex_lock(&w->lock);
    llm_status status = llm_buf_reserve(&w->log, total + pad);
    if (status == LLM_OK) {
        (void)llm_buf_put(&w->log, r, sizeof *r);
        for (size_t i = 0; i < n; i++) {
            (void)llm_buf_put(&w->log, texts[i].ptr, texts[i].ptr != NULL ? texts[i].len : 0);
        }
        (void)llm_buf_put(&w->log, zero, pad);
        if (w->call != NULL) {
            llm_call_attend(w->call);
        }
    }
    (void)pthread_mutex_unlock(&w->lock);
    return status;
}

static llm_status LLM_CALL w_text(void *ctx, uint32_t choice, uint32_t channel, const char *p, size_t n) {
    return put(ctx, &(struct record){.verb = TEXT, .a = choice, .b = channel}, &(llm_str){p, n}, 1);
}

static llm_status LLM_CALL w_tool(void *ctx, uint32_t choice, uint32_t index, const char *id, size_t in,
                                  const char *name, size_t nn, const char *args, size_t an) {
    return put(ctx, &(struct record){.verb = TOOL, .a = choice, .b = index},
               (llm_str[]){{id, in}, {name, nn}, {args, an}}, 3);
}

static llm_status LLM_CALL w_blob(void *ctx, uint32_t index, const char *mime, size_t mn, const uint8_t *p,
                                  size_t n, uint32_t last) {
    return put(ctx, &(struct record){.verb = BLOB, .a = index, .b = last},
               (llm_str[]){{mime, mn}, {(const char *)p, n}}, 2);
}

static llm_status LLM_CALL w_blob_base64(void *ctx, uint32_t index, const char *mime, size_t mn,
                                         const char *p, size_t n, uint32_t last) {
    return put(ctx, &(struct record){.verb = BLOB_BASE64, .a = index, .b = last},
               (llm_str[]){{mime, mn}, {p, n}}, 2);
}

static llm_status LLM_CALL w_blob_url(void *ctx, uint32_t index, const char *mime, size_t mn, const char *url,
                                      size_t n) {
    return put(ctx, &(struct record){.verb = BLOB_URL, .a = index}, (llm_str[]){{mime, mn}, {url, n}}, 2);
}

static llm_status LLM_CALL w_vector(void *ctx, uint32_t index, const float *v, size_t n) {
    return put(ctx, &(struct record){.verb = VECTOR, .a = index}, &(llm_str){(const char *)v, n * sizeof *v},
               1);
}

static llm_status LLM_CALL w_vector_json(void *ctx, uint32_t index, const char *p, size_t n) {
    return put(ctx, &(struct record){.verb = VECTOR_JSON, .a = index}, &(llm_str){p, n}, 1);
}

static llm_status LLM_CALL w_usage(void *ctx, const llm_counts *counts) {
    struct record r = {.verb = USAGE, .counts = LLM_COUNTS_INIT};
    memcpy(&r.counts, counts, counts->size < sizeof r.counts ? counts->size : sizeof r.counts);
    return put(ctx, &r, (llm_str[]){r.counts.raw, r.counts.tier, r.counts.dimensions, r.counts.quality}, 4);
}

static llm_status LLM_CALL w_finish(void *ctx, uint32_t choice, uint32_t reason, const char *native,
                                    size_t n) {
    return put(ctx, &(struct record){.verb = FINISH, .a = choice, .b = reason}, &(llm_str){native, n}, 1);
}

static llm_status LLM_CALL w_fault(void *ctx, const llm_fault *fault) {
    struct record r = {.verb = FAULT};
    memcpy(&r.fault, fault, fault->size < sizeof r.fault ? fault->size : sizeof r.fault);
    return put(ctx, &r,
               (llm_str[]){r.fault.message, r.fault.provider_code, r.fault.request_id, r.fault.param}, 4);
}

static llm_status LLM_CALL w_warn(void *ctx, const char *code, size_t cn, const char *param, size_t pn,
                                  const char *text, size_t n) {
    return put(ctx, &(struct record){.verb = WARN}, (llm_str[]){{code, cn}, {param, pn}, {text, n}}, 3);
}

static llm_status LLM_CALL w_identity(void *ctx, const char *model, size_t mn, const char *id, size_t n) {
    return put(ctx, &(struct record){.verb = IDENTITY}, (llm_str[]){{model, mn}, {id, n}}, 2);
}

static llm_status LLM_CALL w_verbatim(void *ctx) {
    (void)ctx;
    return LLM_OK;
}

static llm_status LLM_CALL w_json(void *ctx, const char *kind, size_t kn, const char *p, size_t n) {
    return put(ctx, &(struct record){.verb = JSON}, (llm_str[]){{kind, kn}, {p, n}}, 2);
}

// On the loop's thread: the verb as if the codec had called it.
static llm_status carry_out(const llm_out *o, struct record *r, const llm_str *t) {
    switch ((enum verb)r->verb) {
    case TEXT: return o->text(o->ctx, r->a, r->b, t[0].ptr, t[0].len);
    case TOOL: return o->tool(o->ctx, r->a, r->b, t[0].ptr, t[0].len, t[1].ptr, t[1].len, t[2].ptr, t[2].len);
    case BLOB: return o->blob(o->ctx, r->a, t[0].ptr, t[0].len, (const uint8_t *)t[1].ptr, t[1].len, r->b);
    case BLOB_BASE64: return o->blob_base64(o->ctx, r->a, t[0].ptr, t[0].len, t[1].ptr, t[1].len, r->b);
    case BLOB_URL: return o->blob_url(o->ctx, r->a, t[0].ptr, t[0].len, t[1].ptr, t[1].len);
    case VECTOR:
        return o->vector(o->ctx, r->a, (const float *)(const void *)t[0].ptr, t[0].len / sizeof(float));
    case VECTOR_JSON: return o->vector_json(o->ctx, r->a, t[0].ptr, t[0].len);
    case USAGE:
        r->counts.raw = t[0];
        r->counts.tier = t[1];
        r->counts.dimensions = t[2];
        r->counts.quality = t[3];
        return o->usage(o->ctx, &r->counts);
    case FINISH: return o->finish(o->ctx, r->a, r->b, t[0].ptr, t[0].len);
    case FAULT:
        r->fault.message = t[0];
        r->fault.provider_code = t[1];
        r->fault.request_id = t[2];
        r->fault.param = t[3];
        return o->fault(o->ctx, &r->fault);
    case WARN: return o->warn(o->ctx, t[0].ptr, t[0].len, t[1].ptr, t[1].len, t[2].ptr, t[2].len);
    case IDENTITY: return o->identity(o->ctx, t[0].ptr, t[0].len, t[1].ptr, t[1].len);
    case JSON: return o->json(o->ctx, t[0].ptr, t[0].len, t[1].ptr, t[1].len);
    }
    return LLM_OK;
}

static llm_status play(struct llm_call *call, const struct llm_buf *log) {
    llm_status status = LLM_OK;
    for (size_t at = 0; at < log->len && status >= 0;) {
        struct record r;
        llm_str texts[4];
        memcpy(&r, log->ptr + at, sizeof r);
        at += sizeof r;
        for (size_t i = 0; i < 4; i++) {
            const bool has = r.len[i] != SIZE_MAX;
            texts[i] = (llm_str){has ? log->ptr + at : NULL, has ? r.len[i] : 0};
            at += texts[i].len;
        }
        at = (at + 7) & ~(size_t)7;
        status = carry_out(&call->out_verbs, &r, texts);
    }
    return status;
}

void llm_worker_drain(struct llm_call *call) {
    struct llm_worker *w = call->worker;
    struct llm_buf log = {.max = LLM_MAX_RESPONSE_BYTES};
    (void)pthread_mutex_lock(&w->lock);
    const struct llm_buf taken = w->log;
    w->log = log;
    log = taken;
    const bool done = w->done;
    const llm_status result = w->result;
    (void)pthread_mutex_unlock(&w->lock);
    if (log.len > 0) {
        llm_call_phase(call, LLM_PHASE_IDLE);
    }
    llm_status status = play(call, &log);
    llm_buf_done(&log);
    if (status >= 0 && !done) {
        return;
    }
    call->outcome = status < 0 ? status : result < 0 ? result : LLM_DONE;
    llm_worker_stop(call);
    call->phase = LLM_PHASE_NONE;
    call->step = LLM_STEP_DECIDE;
    llm_loop_queue(call);
}

void llm_worker_stop(struct llm_call *call) {
    struct llm_worker *w = call->worker;
    if (w == NULL) {
        return;
    }
    call->worker = NULL;
    const uint64_t one = 1;
    atomic_store(&w->cancelled, true);
    (void)!write(w->cancel_fd, &one, sizeof one);
    (void)pthread_mutex_lock(&w->lock);
    w->call = NULL;
    const bool done = w->done;
    (void)pthread_mutex_unlock(&w->lock);
    if (done) { // else the thread does it
        worker_free(w);
    }
}

static uint32_t LLM_CALL is_cancelled(void *ctx) {
    return atomic_load(&((struct llm_worker *)ctx)->cancelled) ? 1 : 0;
}

static void *thread_main(void *arg) {
    struct llm_worker *w = arg;
    const llm_status result = w->generator->generate.run(w->instance, &w->args, &w->run, &w->out);
    (void)pthread_mutex_lock(&w->lock);
    w->done = true;
    w->result = result;
    const bool orphan = w->call == NULL;
    if (!orphan) {
        llm_call_attend(w->call);
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (orphan) {
        worker_free(w);
    }
    return NULL;
}

static void *LLM_CALL job_alloc(void *ctx, size_t size) {
    return llm_arena_new(ctx, size);
}

// The request as the thread's own copy: the call may be over long before the thread is.
static bool copy_args(struct llm_worker *w, const llm_job_args *args) {
    struct llm_arena *arena = &w->arena;
    w->args = *args;
    w->args.operation = llm_arena_dup(arena, args->operation);
    w->args.model = llm_arena_dup(arena, args->model);
    w->args.request = llm_arena_dup(arena, args->request);
    llm_header *fields = llm_arena_new(arena, (args->n_fields + 1) * sizeof *fields);
    llm_attachment *list = llm_arena_new(arena, (args->n_attachments + 1) * sizeof *list);
    if (w->args.operation.ptr == NULL || w->args.request.ptr == NULL || fields == NULL || list == NULL) {
        return false;
    }
    for (size_t i = 0; i < args->n_fields; i++) {
        fields[i].name = llm_arena_dup(arena, args->fields[i].name);
        fields[i].value = (llm_str){w->args.request.ptr + (args->fields[i].value.ptr - args->request.ptr),
                                    args->fields[i].value.len};
    }
    for (size_t i = 0; i < args->n_attachments; i++) {
        const llm_attachment *from = &args->attachments[i];
        const llm_str data = llm_arena_dup(arena, (llm_str){(const char *)from->data.ptr, from->data.len});
        list[i] = (llm_attachment){{(const uint8_t *)data.ptr, data.len},
                                   llm_arena_dup(arena, from->mime),
                                   llm_arena_dup(arena, from->name)};
        if (from->data.ptr != NULL && data.ptr == NULL) {
            return false;
        }
    }
    w->args.alloc_ctx = arena;
    w->args.alloc = job_alloc;
    w->args.fields = fields;
    w->args.attachments = list;
    return true;
}

static struct llm_worker *worker_new(struct llm_call *call) {
    struct llm_worker *w = llm_mem_new(sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    (void)pthread_mutex_init(&w->lock, NULL);
    w->log.max = LLM_MAX_RESPONSE_BYTES;
    w->call = call;
    w->master = call->loop->master;
    atomic_fetch_add(&w->master->refs, 1);
    w->snapshot = llm_snapshot_ref(call->snapshot);
    w->instance = call->instance;
    w->generator = call->generator;
    w->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->run = (llm_run){.size = (uint32_t)sizeof w->run,
                       .cancel_fd = w->cancel_fd,
                       .ctx = w,
                       .timeout_ms = call->total_ms,
                       .cancelled = is_cancelled};
    w->out = (llm_out){.size = (uint32_t)sizeof w->out,
                       .ctx = w,
                       .text = w_text,
                       .tool = w_tool,
                       .blob = w_blob,
                       .blob_base64 = w_blob_base64,
                       .blob_url = w_blob_url,
                       .vector = w_vector,
                       .vector_json = w_vector_json,
                       .usage = w_usage,
                       .finish = w_finish,
                       .fault = w_fault,
                       .warn = w_warn,
                       .identity = w_identity,
                       .verbatim = w_verbatim,
                       .json = w_json};
    if (w->cancel_fd < 0 || !copy_args(w, &call->job_args)) {
        worker_free(w);
        return NULL;
    }
    return w;
}

enum llm_step_name llm_worker_start(struct llm_call *call) {
    struct llm_worker *w = worker_new(call);
    pthread_t thread;
    pthread_attr_t attr;
    if (w == NULL) {
        call->outcome = LLM_E_NOMEM;
        return LLM_STEP_DECIDE;
    }
    call->worker = w;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    const int rc = pthread_create(&thread, &attr, thread_main, w);
    (void)pthread_attr_destroy(&attr);
    if (rc != 0) {
        call->worker = NULL;
        worker_free(w);
        call->outcome = llm_call_fail(call, LLM_E_LIMIT, "no thread is left for a plugin that blocks");
        return LLM_STEP_DECIDE;
    }
    call->step = LLM_STEP_PAUSE;
    llm_call_phase(call, LLM_PHASE_FIRST_BYTE);
    return LLM_STEP_PAUSE;
}
