// SPDX-License-Identifier: MIT
// A plugin for tests: a generator that blocks, with an instance.  What it does is the prompt: "verbs", "wait" (until it is cancelled), "deaf" (1.5 s, whatever
// is said to it, then one more verb), "flood", "fault", "fail", "lie" (a failure that is none), anything else comes back as text.
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "llm_json.h"
#include "llm_provider.h"

LLM_MANIFEST(
    "{\"manifest\": 1, \"id\": \"org.example.blocking\", \"version\": \"1.0.0\", \"name\": \"Blocking\","
    " \"license\": \"MIT\", \"abi\": {\"major\": 1, \"minor\": 0}, \"generators\": {\"chat\": \"chat\"},"
    " \"needs\": {\"host_interfaces\": []}, \"permissions\": [], \"providers\": [{\"name\": \"blocking\","
    " \"base_url\": \"http://127.0.0.1:9\", \"auth\": {\"scheme\": \"none\"}, \"prefixes\": [\"blocking-\"],"
    " \"generate_map\": {\"*\": \"chat\"}, \"models\": [{\"id\": \"blocking-1\", \"operation\": \"chat\","
    " \"input_per_mtok\": \"1\", \"output_per_mtok\": \"2\"}]}]}");

struct blocking {
    const llm_host *host;
};

struct llm_instance {
    struct blocking *plugin;
    unsigned runs;
};

static llm_status LLM_CALL blocking_init(const llm_host *host, void **plugin) {
    struct blocking *b = host->alloc(host->ctx, NULL, sizeof *b);
    if (b == NULL) {
        return LLM_E_NOMEM;
    }
    b->host = host;
    *plugin = b;
    return LLM_OK;
}

static void LLM_CALL blocking_shutdown(void *plugin) {
    struct blocking *b = plugin;
    const llm_host *host = b->host;
    (void)host->alloc(host->ctx, b, 0);
}

static llm_status LLM_CALL blocking_instance_new(void *plugin, const llm_instance_args *args,
                                                 llm_instance **ret, llm_str *message) {
    struct blocking *b = plugin;
    llm_instance *inst = b->host->alloc(b->host->ctx, NULL, sizeof *inst);
    (void)args;
    (void)message;
    if (inst == NULL) {
        return LLM_E_NOMEM;
    }
    *inst = (llm_instance){.plugin = b};
    *ret = inst;
    return LLM_OK;
}

static void LLM_CALL blocking_instance_free(llm_instance *inst) {
    const llm_host *host = inst->plugin->host;
    (void)host->alloc(host->ctx, inst, 0);
}

static llm_status say(const llm_out *out, const char *text) {
    return out->text(out->ctx, 0, LLM_TEXT_CONTENT, text, strlen(text));
}

static llm_status verbs(const llm_out *o) {
    static const float vector[] = {0.5f, -1.0f};
    static const uint8_t bytes[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0};
    llm_counts counts = LLM_COUNTS_INIT;
    counts.input_tokens = 3;
    counts.output_tokens = 2;
    counts.raw = (llm_str){"{\"in\":3}", 8};
    llm_status s = o->identity(o->ctx, "blocking-1a", 11, "id-7", 4);
    s = s < 0 ? s : o->text(o->ctx, 0, LLM_TEXT_REASONING, "hm", 2);
    s = s < 0 ? s : say(o, "Hello");
    s = s < 0 ? s : o->tool(o->ctx, 0, 0, "c1", 2, "f", 1, "{\"a\":", 5);
    s = s < 0 ? s : o->tool(o->ctx, 0, 0, NULL, 0, NULL, 0, "1}", 2);
    s = s < 0 ? s : o->blob(o->ctx, 0, "image/png", 9, bytes, sizeof bytes, 1);
    s = s < 0 ? s : o->blob_base64(o->ctx, 1, "image/png", 9, "iVBORw0KGgo=", 12, 1);
    s = s < 0 ? s : o->blob_url(o->ctx, 2, "image/png", 9, "https://example.org/x.png", 25);
    s = s < 0 ? s : o->vector(o->ctx, 0, vector, 2);
    s = s < 0 ? s : o->vector_json(o->ctx, 1, "[1.10]", 6);
    s = s < 0 ? s : o->warn(o->ctx, "param_dropped", 13, "top_k", 5, "not here", 8);
    s = s < 0 ? s : o->json(o->ctx, "ranking", 7, "[3,1]", 5);
    s = s < 0 ? s : o->usage(o->ctx, &counts);
    s = s < 0 ? s : o->finish(o->ctx, 0, LLM_FINISH_STOP, "end", 3);
    return s < 0 ? s : LLM_DONE;
}

static llm_status wait_for_cancel(const llm_run *run, const llm_out *out) {
    struct pollfd fd = {.fd = run->cancel_fd, .events = POLLIN};
    const llm_status status = say(out, "waiting");
    if (status < 0) {
        return status;
    }
    while (run->cancelled(run->ctx) == 0) {
        (void)poll(&fd, 1, -1);
    }
    return LLM_E_CANCELLED;
}

// All that a plugin was given is there until the end of what it runs.
static llm_status be_deaf(llm_instance *inst, const llm_out *out) {
    const struct timespec nap = {.tv_sec = 1, .tv_nsec = 500000000};
    (void)nanosleep(&nap, NULL);
    inst->plugin->host->log(inst->plugin->host->ctx, LLM_LOG_WARN, "deaf", 4);
    inst->runs++;
    return say(out, "too late") < 0 ? LLM_E_CANCELLED : LLM_DONE;
}

static llm_status flood(const llm_out *out) {
    for (int i = 0; i < 20000; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d ", i);
        const llm_status status = say(out, text);
        if (status < 0) {
            return status;
        }
    }
    return LLM_DONE;
}

static llm_status fault(const llm_out *out) {
    const llm_fault f = {.size = sizeof f,
                         .code = LLM_E_OVERLOADED,
                         .retry = LLM_RETRY_AFTER,
                         .retry_after_ms = 1500,
                         .message = {"the line is busy", 16},
                         .provider_code = {"busy", 4},
                         .request_id = {"r-9", 3},
                         .param = {"model", 5}};
    (void)out->fault(out->ctx, &f);
    return LLM_E_OVERLOADED;
}

static llm_status LLM_CALL blocking_run(llm_instance *inst, const llm_job_args *args, const llm_run *run,
                                        const llm_out *out) {
    const llm_str messages = llm_json_get(args->request, "messages");
    const llm_str prompt = llm_json_get(llm_json_at(messages, 0), "content");
    if (llm_json_is(prompt, "verbs")) {
        return verbs(out);
    }
    if (llm_json_is(prompt, "wait")) {
        return wait_for_cancel(run, out);
    }
    if (llm_json_is(prompt, "deaf")) {
        return be_deaf(inst, out);
    }
    if (llm_json_is(prompt, "flood")) {
        return flood(out);
    }
    if (llm_json_is(prompt, "fault")) {
        return fault(out);
    }
    if (llm_json_is(prompt, "fail")) {
        return say(out, "Hel") < 0 ? LLM_E_CANCELLED : LLM_E_SERVER;
    }
    if (llm_json_is(prompt, "lie")) {
        return LLM_OK;
    }
    const llm_str text = llm_json_plain(prompt);
    const llm_status status = out->text(out->ctx, 0, LLM_TEXT_CONTENT, text.ptr, text.len);
    return status < 0 ? status : LLM_DONE;
}

static const llm_generate generate = {.size = sizeof generate, .run = blocking_run};
static const char *const formats[] = {"openai.chat", NULL};
static const llm_generator chat = {
    .size = sizeof chat, .name = "chat", .operation = "chat", .formats = formats, .generate = &generate};
static const llm_generator *const generators[] = {&chat, NULL};
static const llm_provider_descriptor descriptor = {
    .size = sizeof descriptor,
    .abi_minor = LLM_ABI_MINOR,
    .id = "org.example.blocking",
    .version = "1.0.0",
    .init = blocking_init,
    .shutdown = blocking_shutdown,
    .instance_new = blocking_instance_new,
    .instance_free = blocking_instance_free,
    .generators = generators,
};

LLM_EXPORT const llm_provider_descriptor *LLM_CALL LLM_ENTRY(void) {
    return &descriptor;
}
