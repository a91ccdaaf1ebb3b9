// SPDX-License-Identifier: MIT
// A plugin for tests with instances: it answers with which instance it is, how many there are, and the "mark" of its provider.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "llm_json.h"
#include "llm_provider.h"

LLM_MANIFEST(
    "{\"manifest\": 1, \"id\": \"org.example.serial\", \"version\": \"1.0.0\", \"name\": \"Serial\","
    " \"license\": \"MIT\", \"abi\": {\"major\": 1, \"minor\": 0}, \"generators\": {\"chat\": \"chat\"},"
    " \"needs\": {\"host_interfaces\": []}, \"permissions\": [], \"providers\": []}");

struct llm_instance {
    unsigned number;
    llm_instance_args args; // its texts are ours until instance_free()
};

struct llm_job {
    llm_instance *instance;
};

static atomic_uint made, alive;

static llm_status LLM_CALL serial_instance_new(void *plugin, const llm_instance_args *args,
                                               llm_instance **ret, llm_str *message) {
    (void)plugin;
    (void)message;
    llm_instance *instance = calloc(1, sizeof *instance);
    if (instance == NULL) {
        return LLM_E_NOMEM;
    }
    instance->number = ++made;
    instance->args = *args;
    alive++;
    *ret = instance;
    return LLM_OK;
}

static void LLM_CALL serial_instance_free(llm_instance *instance) {
    alive--;
    free(instance);
}

static llm_status LLM_CALL serial_open(llm_instance *instance, const llm_job_args *args, const llm_out *out,
                                       llm_job **ret) {
    (void)args;
    (void)out;
    llm_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return LLM_E_NOMEM;
    }
    job->instance = instance;
    *ret = job;
    return LLM_OK;
}

static void LLM_CALL serial_close(llm_job *job) {
    free(job);
}

static llm_status LLM_CALL serial_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                         const llm_out *out) {
    (void)job;
    (void)step;
    (void)out;
    return req->line(req->ctx, "POST", 4, "/chat", 5);
}

static llm_status LLM_CALL serial_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    (void)job;
    (void)chunk;
    (void)out;
    return LLM_MORE;
}

static llm_status LLM_CALL serial_end(llm_job *job, llm_status transport, const llm_out *out) {
    char text[256];
    const llm_instance_args *args = &job->instance->args;
    const llm_str mark = llm_json_plain(llm_json_get(args->config, "mark"));
    if (transport != LLM_OK) {
        return LLM_E_PROTOCOL;
    }
    const int n =
        snprintf(text, sizeof text, "%u of %u, %.*s %.*s", job->instance->number, (unsigned)alive,
                 (int)args->name.len, args->name.ptr, (int)mark.len, mark.ptr != NULL ? mark.ptr : "");
    llm_status status = out->text(out->ctx, 0, LLM_TEXT_CONTENT, text, (size_t)n);
    status = status < 0 ? status : out->finish(out->ctx, 0, LLM_FINISH_STOP, NULL, 0);
    return status < 0 ? status : LLM_DONE;
}

static const llm_codec codec = {
    .size = sizeof codec,
    .open = serial_open,
    .close = serial_close,
    .encode = serial_encode,
    .data = serial_data,
    .end = serial_end,
};
static const char *const formats[] = {"openai.chat", NULL};
static const llm_generator chat = {
    .size = sizeof chat, .name = "chat", .operation = "chat", .formats = formats, .codec = &codec};
static const llm_generator *const generators[] = {&chat, NULL};
static const llm_provider_descriptor descriptor = {
    .size = sizeof descriptor,
    .abi_minor = LLM_ABI_MINOR,
    .id = "org.example.serial",
    .version = "1.0.0",
    .instance_new = serial_instance_new,
    .instance_free = serial_instance_free,
    .generators = generators,
};

LLM_EXPORT const llm_provider_descriptor *LLM_CALL LLM_ENTRY(void) {
    return &descriptor;
}
