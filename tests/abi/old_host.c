// SPDX-License-Identifier: MIT
// A host of ABI 1.0: compiled against the header as it was then, it loads a plugin and drives one chat through it.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "llm_provider.h" // tests/abi/1.0

#if LLM_ABI_MINOR != 0u
#error "this is to be the header of ABI 1.0"
#endif

static char heard[256];

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

static void *host_alloc(void *ctx, void *old, size_t size) {
    (void)ctx;
    if (size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, size);
}

static void *job_alloc(void *ctx, size_t size) {
    char **at = ctx;
    char *p = *at;
    *at += (size + 15) & ~(size_t)15;
    return p;
}

static llm_status text(void *ctx, uint32_t choice, uint32_t channel, const char *p, size_t n) {
    (void)ctx;
    (void)choice;
    (void)channel;
    const size_t len = strlen(heard);
    if (len + n < sizeof heard) {
        memcpy(heard + len, p, n);
        heard[len + n] = '\0';
    }
    return LLM_OK;
}

static llm_status usage(void *ctx, const llm_counts *counts) {
    *(int64_t *)ctx = counts->input_tokens; // a newer plugin's counts are larger: only what 1.0 knows is read
    return LLM_OK;
}

static llm_status anything(void) {
    return LLM_OK;
}

// Verbs that take everything; the table ends where 1.0 ends, at the end of a page behind which there is nothing.
static void *table(size_t first, size_t size) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    llm_status (*verb)(void) = anything;
    if (p == MAP_FAILED || mprotect(p + page, page, PROT_NONE) != 0) {
        exit(2);
    }
    p += page - size;
    for (size_t at = first; at + sizeof verb <= size; at += sizeof verb) {
        memcpy(p + at, &verb, sizeof verb);
    }
    return p;
}

int main(int argc, char **argv) {
    union {
        void *p;
        const llm_provider_descriptor *(*fn)(void);
    } entry;
    static char memory[65536] __attribute__((aligned(16)));
    char *room = memory;
    int64_t input_tokens = -1;
    void *handle = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    entry.p = handle != NULL ? dlsym(handle, "llm_provider_entry_v1") : NULL;
    if (entry.p == NULL) {
        (void)fprintf(stderr, "old_host: %s\n", argc == 2 ? dlerror() : "usage: old_host PLUGIN");
        return 2;
    }
    const llm_provider_descriptor *plugin = entry.fn();
    llm_host *host = table(sizeof *host, sizeof *host);
    *host = (llm_host){sizeof *host, 0, NULL, "old host", "1.0", no_interface, no_log, host_alloc};
    llm_out *out = table(offsetof(llm_out, text), sizeof *out);
    out->size = sizeof *out;
    out->ctx = &input_tokens;
    out->text = text;
    out->usage = usage;
    llm_http_request *req = table(offsetof(llm_http_request, line), sizeof *req);
    req->size = sizeof *req;
    void *state = NULL;
    llm_instance *inst = NULL;
    llm_str message = {NULL, 0};
    const llm_instance_args instance_args = {sizeof instance_args,         0,         {"test", 4},
                                             {"https://test.example", 20}, {"{}", 2}, NULL};
    if ((plugin->init != NULL && plugin->init(host, &state) < 0) ||
        (plugin->instance_new != NULL && plugin->instance_new(state, &instance_args, &inst, &message) < 0)) {
        return 1;
    }
    const llm_codec *codec = plugin->generators[0]->codec;
    static const char request[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
    const llm_header field = {{"messages", 8}, {request + 12, sizeof request - 14}};
    llm_job_args args = {.size = sizeof args,
                         .id = 1,
                         .operation = {"chat", 4},
                         .format = {"openai.chat", 11},
                         .model = {"m", 1},
                         .request = {request, sizeof request - 1},
                         .fields = &field,
                         .n_fields = 1,
                         .alloc_ctx = &room,
                         .alloc = job_alloc};
    llm_job *job = NULL;
    const llm_step step = {sizeof step, 0, 0, 0};
    if (codec->open(inst, &args, out, &job) < 0 || codec->encode(job, &step, req, out) < 0) {
        return 1;
    }
    static const char answer[] =
        "{\"id\":\"1\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hello\"},"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}";
    const llm_head head = {sizeof head, 200, NULL, 0};
    const llm_chunk chunk = {
        sizeof chunk, LLM_FRAME_WHOLE, {NULL, 0}, {(const uint8_t *)answer, sizeof answer - 1}};
    if ((codec->head != NULL && codec->head(job, &head, out) < 0) || codec->data(job, &chunk, out) < 0 ||
        codec->end(job, LLM_OK, out) != LLM_DONE) {
        return 1;
    }
    codec->close(job);
    (void)printf("%s %lld\n", heard, (long long)input_tokens);
    return strcmp(heard, "Hello") == 0 ? 0 : 1;
}
