// SPDX-License-Identifier: MIT
// A small plugin that conforms, and one defect for each DEFECT_ that a file defines before it includes this.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "llm_json.h"
#include "llm_provider.h"

#define MANIFEST                                                                                             \
    "{\"manifest\":1,\"id\":\"com.example.nasty\",\"version\":\"1.0.0\",\"abi\":{\"major\":1,\"minor\":0},"  \
    "\"generators\":{\"chat\":\"chat\"},"                                                                    \
    "\"providers\":[{\"name\":\"nasty\",\"base_url\":\"https://api.nasty.example/v1\","                      \
    "\"auth\":{\"scheme\":\"bearer\",\"key_env\":\"NASTY_API_KEY\"}}]}"
LLM_MANIFEST(MANIFEST);

struct llm_job {
    llm_str request;
    int finished;
#if defined(DEFECT_KEEPS_CHUNK)
    llm_bytes kept;
#endif
};

static const llm_host *the_host;
#if defined(DEFECT_THREAD_LOCAL)
static __thread int calls;
#endif

static void misbehave(void) {
#if defined(DEFECT_CRASH)
    (void)raise(SIGSEGV);
#elif defined(DEFECT_HANG)
    for (volatile int i = 0; i >= 0; i = 1 - i) {
    }
#elif defined(DEFECT_EXITS)
    exit(0);
#elif defined(DEFECT_FORKS)
    if (fork() == 0) {
        (void)setsid();
        (void)sleep(600);
        _exit(0);
    }
#elif defined(DEFECT_SAYS_PASS)
    (void)puts("pass");
    (void)puts("ok 1 - all tests passed");
    (void)fflush(stdout);
    _exit(0);
#elif defined(DEFECT_WRITES_EVERYWHERE)
    for (int fd = 0; fd < 64; fd++) {
        (void)!write(fd, "00000000000000000000000000000000pass", 36);
    }
    _exit(0);
#elif defined(DEFECT_OPENS_FILE)
    const int fd = open("/etc/hostname", O_RDONLY);
    if (fd >= 0) {
        (void)close(fd);
    }
#elif defined(DEFECT_READS_ENVIRONMENT)
    (void)getenv("NASTY_API_KEY");
#elif defined(DEFECT_LEAKS)
    void *volatile p = malloc(100);
    (void)p;
#endif
}

#if defined(DEFECT_EXITS_EARLY)
__attribute__((constructor)) static void early(void) {
    _exit(0);
}
#endif

#if defined(DEFECT_KILLS_SIBLINGS)
// The children of the process that started this one.
__attribute__((constructor)) static void kill_siblings(void) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)getppid(), (int)getppid());
    FILE *f = fopen(path, "r");
    int pid;
    while (f != NULL && fscanf(f, "%d", &pid) == 1) {
        (void)kill(pid, SIGKILL);
    }
}
#endif

static llm_status LLM_CALL job_open(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                                    llm_job **ret) {
    (void)inst;
    (void)out;
    llm_job *job = args->alloc(args->alloc_ctx, sizeof *job);
    if (job == NULL) {
#if defined(DEFECT_DROPS_MEMORY)
        return LLM_E_INTERNAL;
#else
        return LLM_E_NOMEM;
#endif
    }
    job->request = args->request;
    *ret = job;
    return LLM_OK;
}

static void LLM_CALL job_close(llm_job *job) {
    (void)job;
}

#define TEXT(s) s, sizeof(s) - 1

static llm_status LLM_CALL job_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                      const llm_out *out) {
    (void)step;
    (void)out;
    misbehave();
#if defined(DEFECT_LOG_PROMPT)
    the_host->log(the_host->ctx, LLM_LOG_INFO, job->request.ptr, job->request.len);
#endif
    llm_status status = req->line(req->ctx, TEXT("POST"), TEXT("/chat"));
    if (status == LLM_OK) {
        status = req->header(req->ctx, TEXT("content-type"), TEXT("application/json"));
    }
    if (status == LLM_OK) {
        status = req->framing(req->ctx, LLM_FRAME_SSE);
    }
#if defined(DEFECT_RANDOM_BODY)
    if (status == LLM_OK) {
        char text[64];
        const int n = snprintf(text, sizeof text, "[%ld,", (long)clock());
        status = req->body(req->ctx, text, (size_t)n);
        status = status == LLM_OK ? req->body(req->ctx, job->request.ptr, job->request.len) : status;
        return status == LLM_OK ? req->body(req->ctx, TEXT("]")) : status;
    }
#endif
#if defined(DEFECT_LOCALE_NUMBERS)
    const llm_str heat = llm_json_get(job->request, "temperature");
    if (status == LLM_OK && heat.ptr != NULL) {
        char text[64];
        const int n = snprintf(text, sizeof text, "{\"temperature\":%g}", strtod(heat.ptr, NULL));
        return req->body(req->ctx, text, (size_t)n);
    }
#endif
    return status == LLM_OK ? req->body(req->ctx, job->request.ptr, job->request.len) : status;
}

static llm_status say(llm_str text, const llm_out *out) {
    char decoded[256];
    if (llm_json_type(text) != '"' || text.len > sizeof decoded) {
        return LLM_OK;
    }
    const size_t n = llm_json_decode(text, decoded, sizeof decoded);
    return n == (size_t)-1 ? LLM_OK : out->text(out->ctx, 0, LLM_TEXT_CONTENT, decoded, n);
}

static llm_status LLM_CALL job_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    const llm_str data = {(const char *)chunk->data.ptr, chunk->data.len};
    size_t at;
#if defined(DEFECT_KEEPS_CHUNK)
    if (job->kept.len > 0 && job->kept.ptr[0] == 'x') {
        return LLM_E_PROTOCOL;
    }
    job->kept = chunk->data;
#endif
#if defined(DEFECT_THREAD_LOCAL)
    if (++calls % 1000 == 1 && job->finished == 0 && data.len > 3) {
        return out->text(out->ctx, 0, LLM_TEXT_CONTENT, "first", 5) < 0 ? LLM_E_CANCELLED : LLM_MORE;
    }
#endif
    if (data.len == 6 && memcmp(data.ptr, "[DONE]", 6) == 0) {
        return LLM_DONE;
    }
    if (!llm_json_check(data, 64, &at)) {
        return LLM_E_PROTOCOL;
    }
    if (llm_json_get(data, "error").ptr != NULL) {
        const llm_fault fault = {.size = sizeof fault, .code = LLM_E_SERVER, .message = {"failed", 6}};
        const llm_status told = out->fault(out->ctx, &fault);
        return told < 0 ? told : LLM_E_SERVER;
    }
    llm_json_iter it = llm_json_begin(llm_json_get(data, "choices"));
    llm_status status = LLM_OK;
    if (!job->finished && llm_json_next(&it)) {
        const llm_str delta = llm_json_get(it.value, "delta"), message = llm_json_get(it.value, "message");
        status = say(llm_json_get(delta.ptr != NULL ? delta : message, "content"), out);
        if (status == LLM_OK && llm_json_type(llm_json_get(it.value, "finish_reason")) == '"') {
            job->finished = 1;
            status = out->finish(out->ctx, 0, LLM_FINISH_STOP, TEXT("stop"));
        }
    }
    return status < 0 ? status : LLM_MORE;
}

static llm_status LLM_CALL job_end(llm_job *job, llm_status transport, const llm_out *out) {
    (void)out;
    (void)transport;
    return job->finished ? LLM_DONE : LLM_E_PROTOCOL;
}

static llm_status LLM_CALL init(const llm_host *host, void **plugin) {
    (void)plugin;
    the_host = host;
    return LLM_OK;
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = job_open,
    .close = job_close,
    .encode = job_encode,
    .data = job_data,
    .end = job_end,
};
static const char *const formats[] = {"openai.chat", NULL};
static const llm_generator chat = {
    .size = sizeof chat, .name = "chat", .operation = "chat", .formats = formats, .codec = &codec};
static const llm_generator *const generators[] = {&chat, NULL};
static const llm_provider_descriptor descriptor = {
    .size = sizeof descriptor,
    .abi_minor = LLM_ABI_MINOR,
    .id = "com.example.nasty",
    .version = "1.0.0",
    .generators = generators,
    .init = init,
};

const llm_provider_descriptor *LLM_CALL LLM_ENTRY(void) {
    return &descriptor;
}
