// SPDX-License-Identifier: MIT
// A whole provider in 60 lines of code: chat with the made-up vendor Acme.
//
//   POST /talk {model, say, stream} -> {text, end, in, out}, or as events {t} ... {end, in, out}
//
// Compile it and put it into a plugin directory:
//
// cc -std=c11 -O2 -fPIC -fvisibility=hidden -shared -Wl,-z,defs,-z,now -Isdk -o acme.so examples/plugins/acme.c
//
// It sends the model and the last message; one for daily use would also report what it leaves out: out->warn().
#include "llm_json.h"

LLM_MANIFEST("{\"manifest\": 1, \"id\": \"com.acme\", \"version\": \"1.0.0\", \"abi\": {\"major\": 1},"
             "\"generators\": {\"chat\": \"chat\"}, \"providers\": [{\"name\": \"acme\","
             "\"prefixes\": [\"acme-\"], \"base_url\": \"http://127.0.0.1:8089/v1\", \"models\": [{"
             "\"id\": \"acme-1\", \"input_per_mtok\": \"0.15\", \"output_per_mtok\": \"0.60\"}]}]}");

struct llm_job {
    const llm_job_args *args; // lives as long as the job
    int complete;
};

static llm_status open_job(llm_instance *inst, const llm_job_args *args, const llm_out *out, llm_job **ret) {
    llm_job *job = args->alloc(args->alloc_ctx, sizeof *job); // zeroed; the core frees it
    if (job == NULL)
        return LLM_E_NOMEM;
    (*ret = job)->args = args;
    return LLM_OK;
}

static void close_job(llm_job *job) {
}

static llm_status ask(llm_job *job, const llm_step *step, const llm_http_request *req, const llm_out *out) {
    llm_str messages = llm_json_get(job->args->request, "messages");
    llm_status st = req->line(req->ctx, "POST", 4, "/talk", 5); // goes behind base_url
    st = st < 0 ? st : req->header(req->ctx, "content-type", 12, "application/json", 16);
    st = st < 0 ? st : req->framing(req->ctx, LLM_FRAME_SSE); // an answer that is no stream comes whole
    llm_json_writer w = llm_json_writer_to(req->body, req->ctx);
    llm_json_object(&w);
    llm_json_name(&w, "model");
    llm_json_string(&w, job->args->model);
    llm_json_name(&w, "say"); // the last message, as the caller wrote it
    llm_json_raw(&w, llm_json_get(llm_json_at(messages, llm_json_count(messages) - 1), "content"));
    llm_json_name(&w, "stream");
    llm_json_boolean(&w, (job->args->flags & LLM_JOB_STREAM) != 0);
    llm_json_object_end(&w);
    return st < 0 ? st : w.status;
}

static llm_status data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    llm_str v[5], doc = {(const char *)chunk->data.ptr, chunk->data.len};
    llm_counts counts = LLM_COUNTS_INIT;
    llm_json_pick(doc, (const char *const[]){"t", "text", "end", "in", "out"}, v, 5);
    llm_status st = llm_json_text(v[0].ptr ? v[0] : v[1], out, 0, LLM_TEXT_CONTENT);
    if (st < 0 || v[2].ptr == NULL) // no "end" yet
        return st < 0 ? st : LLM_MORE;
    llm_json_int64(v[3], &counts.input_tokens);
    llm_json_int64(v[4], &counts.output_tokens);
    st = out->usage(out->ctx, &counts);
    uint32_t reason = llm_json_is(v[2], "stop") ? LLM_FINISH_STOP : LLM_FINISH_OTHER;
    st = st < 0 ? st : out->finish(out->ctx, 0, reason, NULL, 0);
    job->complete = 1;
    return st < 0 ? st : LLM_DONE;
}

static llm_status end(llm_job *job, llm_status transport, const llm_out *out) {
    return job->complete ? LLM_DONE : LLM_E_PROTOCOL; // a stream that was cut
}

static const llm_codec codec = {sizeof codec, 0, open_job, close_job, ask, NULL, data, end, NULL};
static const char *const formats[] = {"openai.chat", NULL};
static const llm_generator chat = {sizeof chat, 0, "chat", "chat", formats, &codec, NULL};
static const llm_generator *const generators[] = {&chat, NULL};
static const llm_provider_descriptor acme = {sizeof acme, 0, "com.acme", "1.0.0", generators};

LLM_EXPORT const llm_provider_descriptor *llm_provider_entry_v1(void) {
    return &acme;
}
