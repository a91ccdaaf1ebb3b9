// SPDX-License-Identifier: MIT
// A plugin for tests: sends the last message's text and takes any answer as text.
#include <stdlib.h>

#include "llm_json.h"
#include "llm_provider.h"

LLM_MANIFEST(
    "{\"manifest\": 1, \"id\": \"org.example.echo\", \"version\": \"1.0.0\", \"name\": \"Echo\","
    " \"license\": \"MIT\", \"abi\": {\"major\": 1, \"minor\": 0}, \"generators\": {\"chat\": \"chat\"},"
    " \"needs\": {\"host_interfaces\": []}, \"permissions\": [], \"providers\": [{\"name\": \"echo\","
    " \"base_url\": \"http://127.0.0.1:9\", \"auth\": {\"scheme\": \"none\"}, \"prefixes\": [\"echo-\"],"
    " \"generate_map\": {\"*\": \"chat\"}, \"models\": [{\"id\": \"echo-1\", \"operation\": \"chat\","
    " \"input_per_mtok\": \"1\", \"output_per_mtok\": \"2\"}]}]}");

struct llm_job {
    llm_str prompt; // a JSON string of the request
};

static llm_status LLM_CALL echo_open(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                                     llm_job **ret) {
    (void)inst;
    (void)out;
    const llm_str messages = llm_json_get(args->request, "messages");
    const size_t count = llm_json_count(messages);
    llm_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return LLM_E_NOMEM;
    }
    job->prompt = llm_json_get(llm_json_at(messages, count > 0 ? count - 1 : 0), "content");
    *ret = job;
    return LLM_OK;
}

static void LLM_CALL echo_close(llm_job *job) {
    free(job);
}

static llm_status LLM_CALL echo_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                       const llm_out *out) {
    (void)step;
    (void)out;
    llm_status status = req->line(req->ctx, "POST", 4, "/chat", 5);
    if (status == LLM_OK) {
        status = req->header(req->ctx, "content-type", 12, "text/plain", 10);
    }
    if (status == LLM_OK && llm_json_type(job->prompt) == '"') {
        status = llm_json_decode_to(job->prompt, req->body, req->ctx);
    }
    return status;
}

static llm_status LLM_CALL echo_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    (void)job;
    const llm_status status =
        out->text(out->ctx, 0, LLM_TEXT_CONTENT, (const char *)chunk->data.ptr, chunk->data.len);
    return status < 0 ? status : LLM_MORE;
}

static llm_status LLM_CALL echo_end(llm_job *job, llm_status transport, const llm_out *out) {
    (void)job;
    if (transport != LLM_OK) {
        return LLM_E_PROTOCOL;
    }
    const llm_status status = out->finish(out->ctx, 0, LLM_FINISH_STOP, NULL, 0);
    return status < 0 ? status : LLM_DONE;
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = echo_open,
    .close = echo_close,
    .encode = echo_encode,
    .data = echo_data,
    .end = echo_end,
};
static const char *const formats[] = {"openai.chat", NULL};
static const llm_generator chat = {
    .size = sizeof chat, .name = "chat", .operation = "chat", .formats = formats, .codec = &codec};
static const llm_generator *const generators[] = {&chat, NULL};
static const llm_provider_descriptor descriptor = {
    .size = sizeof descriptor,
    .abi_minor = LLM_ABI_MINOR,
    .id = "org.example.echo",
    .version = "1.0.0",
    .generators = generators,
};

LLM_EXPORT const llm_provider_descriptor *LLM_CALL LLM_ENTRY(void) {
    return &descriptor;
}
