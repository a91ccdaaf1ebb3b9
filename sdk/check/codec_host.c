// SPDX-License-Identifier: MIT
#include "codec_host.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "codec_sink.h"
#include "llm_json.h"
#include "net/frames.h"

#define FIELD_BYTES_MAX 65536

struct run {
    const struct codec_case *c;
    const llm_codec *codec;
    llm_job *job;
    struct codec_sink sink;
    llm_out out;
    struct llm_frames frames;
    llm_status stop; // what data() said when it was not "go on"
    bool closed_early, is_cut;
    uint32_t n_chunks; // of this answer
    struct llm_arena job_memory;
};

// llm_job_args.alloc: it counts, and fails, with the others.
static void *LLM_CALL job_alloc(void *ctx, size_t size) {
    struct run *run = ctx;
    run->sink.result->n_allocs++;
    return run->sink.result->n_allocs == run->sink.fail_alloc ? NULL : llm_arena_new(&run->job_memory, size);
}

static void *count_alloc(void *ctx, void *old, size_t size) {
    struct codec_sink *sink = ctx;
    if (size == 0) {
        if (old != NULL) {
            sink->n_live--;
        }
        free(old);
        return NULL;
    }
    sink->result->n_allocs++;
    if (sink->result->n_allocs == sink->fail_alloc) {
        return NULL;
    }
    void *p = realloc(old, size);
    sink->n_live += old == NULL && p != NULL ? 1 : 0;
    return p;
}

static const void *no_interface(void *ctx, const char *id) {
    (void)ctx;
    (void)id;
    return NULL;
}

static void no_log(void *ctx, int32_t level, const char *msg, size_t len) {
    (void)ctx;
    (void)level;
    (void)msg;
    (void)len;
}

static void keep_log(void *ctx, int32_t level, const char *msg, size_t len) {
    struct codec_sink *sink = ctx;
    if (level > LLM_LOG_DEBUG) {
        sink->result->log.max = LLM_MAX_RESPONSE_BYTES;
        (void)llm_buf_put(&sink->result->log, msg, len);
        (void)llm_buf_puts(&sink->result->log, "\n");
    }
}

static void *plain_alloc(void *ctx, void *old, size_t size) {
    (void)ctx;
    if (size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, size);
}

const llm_host codec_plain_host = {.size = sizeof(llm_host),
                                   .abi_minor = LLM_ABI_MINOR,
                                   .name = "codec-host",
                                   .version = "0",
                                   .get_interface = no_interface,
                                   .log = no_log,
                                   .alloc = plain_alloc};

// ---- calls into the codec ------------------------------------------------------------------------------------------

enum which { OPEN, CLOSE, ENCODE, HEAD, DATA, END, FAIL };

struct invocation {
    struct run *run;
    enum which which;
    llm_instance *inst;
    const llm_job_args *args;
    const llm_step *step;
    const llm_http_request *req;
    const llm_head *head;
    const llm_chunk *chunk;
    const llm_bytes *body;
    llm_fault *fault;
    llm_status transport, status;
};

static void *invoke_now(void *ctx) {
    struct invocation *in = ctx;
    struct run *run = in->run;
    const llm_codec *codec = run->codec;
    struct timespec from, to;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    switch (in->which) {
    case OPEN: in->status = codec->open(in->inst, in->args, &run->out, &run->job); break;
    case CLOSE: codec->close(run->job); break;
    case ENCODE: in->status = codec->encode(run->job, in->step, in->req, &run->out); break;
    case HEAD: in->status = codec->head(run->job, in->head, &run->out); break;
    case DATA: in->status = codec->data(run->job, in->chunk, &run->out); break;
    case END: in->status = codec->end(run->job, in->transport, &run->out); break;
    case FAIL: in->status = codec->fail(run->job, in->head, in->body, in->fault); break;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    const int64_t ns = (int64_t)(to.tv_sec - from.tv_sec) * 1000000000 + (to.tv_nsec - from.tv_nsec);
    struct codec_result *result = run->sink.result;
    result->n_calls++;
    result->total_ns += (uint64_t)ns;
    result->worst_ns = (uint64_t)ns > result->worst_ns ? (uint64_t)ns : result->worst_ns;
    return NULL;
}

static llm_status invoke(struct invocation in) {
    pthread_t thread;
    if (!in.run->c->fresh_threads || pthread_create(&thread, NULL, invoke_now, &in) != 0) {
        (void)invoke_now(&in);
    } else {
        (void)pthread_join(thread, NULL);
    }
    return in.status;
}

// ---- the answer ----------------------------------------------------------------------------------------------------

static void *copy_new(const struct run *run, size_t size) {
    if (!run->c->unmap_chunks) {
        return llm_mem_new(size);
    }
    void *p = mmap(NULL, size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED ? p : NULL;
}

static void copy_free(const struct run *run, void *p, size_t size) {
    if (run->c->unmap_chunks) { // the address is not given out again
        (void)madvise(p, size + 1, MADV_DONTNEED);
        (void)mprotect(p, size + 1, PROT_NONE);
    } else {
        llm_mem_free(p);
    }
}

// A codec gets each chunk in memory of its own, freed behind the call: reading past it, or later, is seen by the sanitizers.
static llm_status on_chunk(void *ctx, const llm_chunk *chunk) {
    struct run *run = ctx;
    const size_t size = chunk->data.len + chunk->event.len;
    if (run->c->cut_after != 0 && run->n_chunks == run->c->cut_after) {
        run->is_cut = true;
        return LLM_E_TRANSPORT;
    }
    run->n_chunks++;
    uint8_t *copy = copy_new(run, size);
    if (copy == NULL) {
        return LLM_E_NOMEM;
    }
    if (chunk->data.len > 0) {
        memcpy(copy, chunk->data.ptr, chunk->data.len);
    }
    if (chunk->event.len > 0) {
        memcpy(copy + chunk->data.len, chunk->event.ptr, chunk->event.len);
    }
    llm_chunk own = *chunk;
    own.data.ptr = copy;
    own.event.ptr = chunk->event.ptr != NULL ? (const char *)copy + chunk->data.len : NULL;
    run->sink.result->n_chunks++;
    const llm_status status = invoke((struct invocation){.run = run, .which = DATA, .chunk = &own});
    copy_free(run, copy, size);
    if (run->c->close_after != 0 && run->sink.result->n_chunks == run->c->close_after) {
        run->closed_early = true;
        return LLM_E_CANCELLED;
    }
    if (status != LLM_OK && status != LLM_MORE) {
        run->stop = status;
        return status == LLM_DONE ? LLM_DONE : status < 0 ? status : LLM_E_INTERNAL;
    }
    return LLM_OK;
}

static llm_status feed_split(struct run *run, llm_str body) {
    const size_t split = run->c->split;
    if (split == CODEC_SPLIT_WHOLE || (split != CODEC_SPLIT_BYTES && split >= body.len)) {
        return llm_frames_feed(&run->frames, body.ptr, body.len);
    }
    if (split != CODEC_SPLIT_BYTES) {
        const llm_status status = llm_frames_feed(&run->frames, body.ptr, split);
        return status < 0 || run->stop == LLM_DONE
                   ? status
                   : llm_frames_feed(&run->frames, body.ptr + split, body.len - split);
    }
    for (size_t i = 0; i < body.len; i++) {
        const llm_status status = llm_frames_feed(&run->frames, body.ptr + i, 1);
        if (status < 0 || run->stop == LLM_DONE) {
            return status;
        }
    }
    return LLM_OK;
}

static llm_status take_good(struct run *run, const struct codec_answer *answer, const llm_head *head,
                            uint32_t framing) {
    if (run->codec->head != NULL) {
        const llm_status status = invoke((struct invocation){.run = run, .which = HEAD, .head = head});
        if (status < 0) {
            return status;
        }
    }
    llm_frames_init(&run->frames, framing, LLM_MAX_EVENT_BYTES, LLM_MAX_RESPONSE_BYTES, on_chunk, run);
    run->stop = LLM_OK;
    run->is_cut = false;
    run->n_chunks = 0;
    llm_status status = feed_split(run, answer->body);
    if (status >= 0 && run->stop == LLM_OK && answer->transport == LLM_OK) {
        status = llm_frames_end(&run->frames);
    }
    if (run->closed_early || (status < 0 && run->stop != LLM_DONE && !run->is_cut)) {
        return status;
    }
    const llm_status transport = run->stop == LLM_DONE ? LLM_OK
                                 : run->is_cut         ? LLM_E_TRANSPORT
                                                       : answer->transport;
    return invoke((struct invocation){.run = run, .which = END, .transport = transport});
}

static llm_status take_bad(struct run *run, const struct codec_answer *answer, const llm_head *head) {
    llm_fault fault = {
        .size = sizeof(fault), .code = llm_status_from_http(answer->status), .http_status = answer->status};
    for (size_t i = 0; i < answer->n_headers; i++) {
        uint64_t seconds;
        if (llm_str_is(answer->headers[i].name, "retry-after") &&
            llm_str_uint(answer->headers[i].value, 86400, &seconds)) {
            fault.retry_after_ms = seconds * 1000;
        }
    }
    llm_status status = LLM_OK;
    if (run->codec->fail != NULL) {
        char *copy = llm_mem_new(answer->body.len);
        if (copy == NULL) {
            return LLM_E_NOMEM;
        }
        if (answer->body.len > 0) {
            memcpy(copy, answer->body.ptr, answer->body.len);
        }
        const llm_bytes body = {(const uint8_t *)copy, answer->body.len};
        status = invoke(
            (struct invocation){.run = run, .which = FAIL, .head = head, .body = &body, .fault = &fault});
        if (status != LLM_AGAIN) {
            codec_sink_fault(&run->sink, &fault); // the slices may point into the body
        }
        llm_mem_free(copy);
    } else {
        codec_sink_fault(&run->sink, &fault);
    }
    return status == LLM_AGAIN || status < 0 ? status : fault.code;
}

static llm_status exchange(struct run *run, uint32_t step, uint32_t attempt) {
    llm_http_request req;
    const llm_step s = {sizeof(s), step, attempt, 0};
    struct codec_exchange *ex = codec_sink_exchange(&run->sink, &req);
    if (ex == NULL) {
        return LLM_E_NOMEM;
    }
    llm_status status = invoke((struct invocation){.run = run, .which = ENCODE, .step = &s, .req = &req});
    if (status < 0 || run->c->close_after_encode) {
        return status < 0 ? status : LLM_E_CANCELLED;
    }
    if (ex->url.len == 0) {
        codec_sink_breach(&run->sink, "encode() gave no line");
    }
    if (step >= run->c->n_answers) {
        return LLM_E_CANCELLED; // the case ends here
    }
    const struct codec_answer *answer = &run->c->answers[step];
    const llm_head head = {sizeof(head), answer->status, answer->headers, answer->n_headers};
    status = answer->status >= 200 && answer->status < 300 ? take_good(run, answer, &head, ex->framing)
                                                           : take_bad(run, answer, &head);
    llm_frames_done(&run->frames);
    const bool again = answer->status >= 300 && status < 0 && attempt + 1 < run->c->attempts;
    return again ? exchange(run, step, attempt + 1) : status;
}

static llm_status run_job(struct run *run, llm_instance *inst, const llm_job_args *args) {
    llm_status status = invoke((struct invocation){.run = run, .which = OPEN, .inst = inst, .args = args});
    if (status < 0) {
        return status;
    }
    const uint32_t step_max = run->c->step_max != 0 ? run->c->step_max : (uint32_t)run->c->n_answers;
    status = run->c->close_after_open ? LLM_E_CANCELLED : LLM_AGAIN;
    for (uint32_t step = 0; status == LLM_AGAIN; step++) {
        status = step != 0 && step >= step_max ? LLM_E_LIMIT : exchange(run, step, 0);
    }
    if (status > 0 && status != LLM_DONE) {
        codec_sink_breach(&run->sink, "end() gave neither LLM_DONE nor LLM_AGAIN nor an error");
    }
    (void)invoke((struct invocation){.run = run, .which = CLOSE});
    return status == LLM_DONE ? LLM_OK : status;
}

// Split the request into its members, names decoded into `names`.
static size_t split_fields(llm_str request, struct llm_buf *names, llm_header *fields, size_t max) {
    size_t n = 0;
    llm_json_iter it = llm_json_begin(request);
    while (n < max && llm_json_next(&it)) {
        const size_t len = llm_json_decoded_len(it.name);
        if (llm_buf_reserve(names, len) != LLM_OK) {
            break;
        }
        (void)llm_json_decode(it.name, names->ptr + names->len, len);
        fields[n++] = (llm_header){{names->ptr + names->len, len}, it.value};
        names->len += len;
    }
    return n;
}

static const llm_generator *find_generator(const struct codec_case *c) {
    for (const llm_generator *const *g = c->plugin->generators; *g != NULL; g++) {
        if (c->generator != NULL ? strcmp((*g)->name, c->generator) == 0
                                 : strcmp((*g)->operation, c->operation) == 0) {
            return *g;
        }
    }
    return NULL;
}

static llm_status instance_new(const struct codec_case *c, void *plugin, llm_instance **ret,
                               llm_str *message) {
    const llm_instance_args args = {
        .size = sizeof(args),
        .n_secrets = c->n_secrets,
        .name = llm_str_from(c->provider != NULL ? c->provider : "test"),
        .base_url = llm_str_from(c->base_url != NULL ? c->base_url : "https://test.example/v1"),
        .config = llm_str_from(c->config != NULL ? c->config : "{}"),
        .secret_names = c->secret_names};
    *ret = NULL;
    return c->plugin->instance_new != NULL ? c->plugin->instance_new(plugin, &args, ret, message) : LLM_OK;
}

static void instance_free(const struct codec_case *c, llm_instance *inst) {
    if (c->plugin->instance_new != NULL && c->plugin->instance_free != NULL) {
        c->plugin->instance_free(inst);
    }
}

llm_status codec_shared_new(const struct codec_case *c, const llm_host *host, struct codec_shared *ret) {
    llm_str message = {NULL, 0};
    *ret = (struct codec_shared){0};
    llm_status status = c->plugin->init != NULL ? c->plugin->init(host, &ret->plugin) : LLM_OK;
    if (status < 0) {
        return status;
    }
    status = instance_new(c, ret->plugin, &ret->instance, &message);
    if (status < 0 && c->plugin->shutdown != NULL) {
        c->plugin->shutdown(ret->plugin);
    }
    return status;
}

void codec_shared_done(const struct codec_case *c, struct codec_shared *shared) {
    instance_free(c, shared->instance);
    if (c->plugin->shutdown != NULL) {
        c->plugin->shutdown(shared->plugin);
    }
}

static llm_status run_instance(struct run *run, void *plugin, const llm_job_args *args) {
    const struct codec_case *c = run->c;
    llm_instance *inst;
    llm_str message = {NULL, 0};
    llm_status status = instance_new(c, plugin, &inst, &message);
    if (status < 0) {
        const llm_fault fault = {.size = sizeof(fault), .code = status, .message = message};
        codec_sink_fault(&run->sink, &fault);
        return status;
    }
    status = run_job(run, inst, args);
    instance_free(c, inst);
    return status;
}

static llm_status run_plugin(struct run *run, const llm_job_args *args) {
    llm_host host = codec_plain_host;
    host.ctx = &run->sink;
    host.log = keep_log;
    host.alloc = count_alloc;
    const struct codec_case *c = run->c;
    const llm_provider_descriptor *plugin = c->plugin;
    void *state = NULL;
    if (c->shared != NULL) {
        return run_job(run, c->shared->instance, args);
    }
    if (plugin->init != NULL) {
        const llm_status status = plugin->init(c->host != NULL ? c->host : &host, &state);
        if (status < 0) {
            return status;
        }
    }
    const llm_status status = run_instance(run, state, args);
    if (plugin->shutdown != NULL) {
        plugin->shutdown(state);
    }
    return status;
}

llm_status codec_host_run(const struct codec_case *c, struct codec_result *ret) {
    *ret = (struct codec_result){.usage = LLM_COUNTS_INIT};
    struct run run = {.c = c};
    codec_sink_init(&run.sink, ret, &run.out);
    run.sink.cancel_at = c->cancel_at;
    run.sink.fail_alloc = c->fail_alloc;
    const llm_generator *generator = find_generator(c);
    if (generator == NULL || generator->codec == NULL) {
        codec_sink_breach(&run.sink, "no such generator");
        ret->status = LLM_E_UNSUPPORTED;
        return ret->status;
    }
    run.codec = generator->codec;
    static const llm_str empty = LLM_STR_INIT("{}");
    const llm_str request = c->request_str.ptr != NULL ? c->request_str
                            : c->request != NULL       ? llm_str_from(c->request)
                                                       : empty;
    struct llm_buf names = {.max = FIELD_BYTES_MAX};
    llm_header fields[LLM_MAX_REQUEST_FIELDS];
    if (llm_buf_reserve(&names, FIELD_BYTES_MAX) != LLM_OK) { // once: the fields point into it
        ret->status = LLM_E_NOMEM;
        return ret->status;
    }
    llm_job_args args = {.size = sizeof(args),
                         .flags = c->stream ? LLM_JOB_STREAM : 0,
                         .id = 1,
                         .operation = llm_str_from(c->operation),
                         .format = llm_str_from(c->format != NULL ? c->format : generator->formats[0]),
                         .model = llm_str_from(c->model),
                         .request = request,
                         .fields = fields,
                         .attachments = c->attachments,
                         .n_attachments = c->n_attachments,
                         .alloc_ctx = &run,
                         .alloc = job_alloc};
    args.n_fields = split_fields(request, &names, fields, LLM_MAX_REQUEST_FIELDS);
    run.sink.args = &args;
    ret->status = run_plugin(&run, &args);
    if (run.sink.n_live != 0) {
        codec_sink_breach(&run.sink, "memory from llm_host.alloc was not given back");
    }
    llm_buf_done(&names);
    llm_arena_done(&run.job_memory);
    return ret->status;
}
