// SPDX-License-Identifier: MIT
// @title@ for LLM Master: requests of the caller in, HTTP requests out; bytes of the answer in, events out.
// Lines with "CHANGE" are where your provider differs from what this template makes up.
#include <string.h>

#include "llm_json.h"
#include "llm_provider.h"
#include "manifest.h" // plugin.json as text: made by the build

LLM_MANIFEST(PLUGIN_JSON);

#define TEXT(s) (s), sizeof(s) - 1

// What lives from open() to close().
struct llm_job {
    const llm_job_args *args;
    int finished; // the answer said that it is complete
};

static llm_str str(const void *p, size_t n) {
    const llm_str s = {(const char *)p, n};
    return s;
}

static int is(llm_str text, const char *word) {
    return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0;
}

// @begin chat
// A failure that says which member of the request is at fault.
static llm_status refuse(const llm_out *out, llm_status code, const char *param, const char *message) {
    llm_fault fault;
    memset(&fault, 0, sizeof fault);
    fault.size = sizeof fault;
    fault.code = code;
    fault.param = str(param, strlen(param));
    fault.message = str(message, strlen(message));
    const llm_status told = out->fault(out->ctx, &fault);
    return told < 0 ? told : code;
}
// @end

// ---- begin and end ---------------------------------------------------------------------------------------------------

static llm_status LLM_CALL job_open(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                                    llm_job **ret) {
    (void)inst;
    // @begin chat
    if (is(args->operation, "chat") && llm_json_type(llm_json_get(args->request, "messages")) != '[') {
        return refuse(out, LLM_E_INVALID_REQUEST, "messages", "messages must be an array");
    }
    // @end
    llm_job *job = (llm_job *)args->alloc(args->alloc_ctx, sizeof *job);
    if (job == NULL) {
        return LLM_E_NOMEM;
    }
    job->args = args; // valid until close()
    *ret = job;
    (void)out;
    return LLM_OK;
}

static void LLM_CALL job_close(llm_job *job) {
    (void)job; // its memory is the host's
}

// ---- the request -----------------------------------------------------------------------------------------------------

static llm_status put(void *ctx, const void *p, size_t n) {
    const llm_http_request *req = (const llm_http_request *)ctx;
    return req->body(req->ctx, p, n);
}

// CHANGE: which members of the request the provider takes, and what it calls them.
static const struct {
    const char *ours, *theirs;
} members[] = {
    // @begin chat
    // @begin openai
    {"messages", "messages"},
    {"temperature", "temperature"},
    {"top_p", "top_p"},
    {"max_tokens", "max_tokens"},
    {"max_completion_tokens", "max_completion_tokens"},
    {"stop", "stop"},
    {"seed", "seed"},
    {"n", "n"},
    {"tools", "tools"},
    {"tool_choice", "tool_choice"},
    {"response_format", "response_format"},
    // @end
    // @begin scratch
    {"messages", "input"},
    {"temperature", "temperature"},
    {"max_tokens", "max_output"},
    // @end
    // @end
    // @begin embeddings
    {"input", "input"},
    {"dimensions", "dimensions"},
    // @end
    // @begin image
    {"prompt", "prompt"},
    {"n", "n"},
    {"size", "size"},
    // @end
    {"model", NULL},
    {"stream", NULL},
    {"stream_options", NULL}, // written below, or not at all
};

#define MEMBERS (sizeof members / sizeof members[0])

static llm_status write_body(llm_job *job, const llm_http_request *req, const llm_out *out) {
    const llm_job_args *args = job->args;
    llm_json_writer w = llm_json_writer_to(put, (void *)(uintptr_t)req);
    llm_json_object(&w);
    if (args->model.ptr != NULL) {
        llm_json_name(&w, "model");
        llm_json_string(&w, args->model);
    }
    for (size_t i = 0; i < args->n_fields; i++) {
        size_t k = 0;
        if (w.status < 0) { // the host wants no more: say nothing else
            return w.status;
        }
        while (k < MEMBERS && !is(args->fields[i].name, members[k].ours)) {
            k++;
        }
        if (k == MEMBERS) { // nothing is dropped silently
            const llm_status status = out->warn(out->ctx, TEXT("param_dropped"), args->fields[i].name.ptr,
                                                args->fields[i].name.len, TEXT("@title@ does not take it"));
            if (status < 0) {
                return status;
            }
        } else if (members[k].theirs != NULL) {
            llm_json_name(&w, members[k].theirs);
            llm_json_raw(&w, args->fields[i].value); // byte for byte as the caller wrote it
        }
    }
    if ((args->flags & LLM_JOB_STREAM) != 0) {
        llm_json_name(&w, "stream");
        llm_json_boolean(&w, 1);
    }
    llm_json_object_end(&w);
    return w.status;
}

static llm_status LLM_CALL job_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                      const llm_out *out) {
    const llm_str operation = job->args->operation;
    llm_status status = LLM_E_UNSUPPORTED;
    (void)step;
    // @begin chat
    if (is(operation, "chat")) {
        status = req->line(req->ctx, TEXT("POST"), TEXT("/chat/completions")); // CHANGE
    }
    // @end
    // @begin embeddings
    if (is(operation, "embeddings")) {
        status = req->line(req->ctx, TEXT("POST"), TEXT("/embeddings")); // CHANGE
    }
    // @end
    // @begin image
    if (is(operation, "image")) {
        status = req->line(req->ctx, TEXT("POST"), TEXT("/images")); // CHANGE
    }
    // @end
    if (status == LLM_OK) {
        status = req->header(req->ctx, TEXT("content-type"), TEXT("application/json"));
    }
    if (status == LLM_OK && (job->args->flags & LLM_JOB_STREAM) != 0) {
        status = req->framing(req->ctx, LLM_FRAME_SSE);
    }
    return status == LLM_OK ? write_body(job, req, out) : status;
}

// ---- the answer ------------------------------------------------------------------------------------------------------

// @begin chat
// A JSON string as text, decoded in pieces; anything else is no text.
static llm_status say(llm_str string, const llm_out *out) {
    return llm_json_type(string) == '"' ? llm_json_text(string, out, 0, LLM_TEXT_CONTENT) : LLM_OK;
}
// @end

static llm_status report_usage(llm_str usage, const llm_out *out) {
    llm_counts counts = LLM_COUNTS_INIT;
    if (llm_json_type(usage) != '{') {
        return LLM_OK;
    }
    // CHANGE: the provider's names for what was used.  A count that is not there stays -1: not reported.
    // @begin openai
    (void)llm_json_int64(llm_json_get(usage, "prompt_tokens"), &counts.input_tokens);
    (void)llm_json_int64(llm_json_get(usage, "completion_tokens"), &counts.output_tokens);
    // @end
    // @begin scratch
    (void)llm_json_int64(llm_json_get(usage, "input"), &counts.input_tokens);
    (void)llm_json_int64(llm_json_get(usage, "output"), &counts.output_tokens);
    // @end
    counts.raw = usage;
    return out->usage(out->ctx, &counts);
}

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

// @begin chat
static llm_status finish(llm_job *job, llm_str reason, const llm_out *out) {
    const llm_str word = llm_json_plain(reason); // CHANGE: the provider's words
    if (llm_json_type(reason) != '"' || job->finished) {
        return LLM_OK;
    }
    job->finished = 1;
    return out->finish(out->ctx, 0,
                       is(word, "stop")             ? LLM_FINISH_STOP
                       : is(word, "length")         ? LLM_FINISH_LENGTH
                       : is(word, "tool_calls")     ? LLM_FINISH_TOOL_CALLS
                       : is(word, "content_filter") ? LLM_FINISH_CONTENT_FILTER
                                                    : LLM_FINISH_OTHER,
                       word.ptr, word.len);
}

// @begin openai
// Fragments of tool calls.
static llm_status call_tools(llm_str calls, const llm_out *out) {
    char id[128], name[128], args[4096];
    llm_status status = LLM_OK;
    uint32_t position = 0;
    for (llm_json_iter it = llm_json_begin(calls); status == LLM_OK && llm_json_next(&it); position++) {
        const llm_str function = llm_json_get(it.value, "function"),
                      arguments = llm_json_get(function, "arguments");
        const size_t n_id = llm_json_decode(llm_json_get(it.value, "id"), id, sizeof id);
        const size_t n_name = llm_json_decode(llm_json_get(function, "name"), name, sizeof name);
        int64_t index = position;
        (void)llm_json_int64(llm_json_get(it.value, "index"), &index);
        size_t n_args = 0;
        if (llm_json_type(arguments) == '"') {
            n_args = llm_json_decode(arguments, args, sizeof args);
            if (n_args == (size_t)-1) {
                return LLM_E_PROTOCOL; // larger than the buffer: take a larger one
            }
        }
        status = index < 0 || index > 4095
                     ? LLM_E_PROTOCOL
                     : out->tool(out->ctx, 0, (uint32_t)index, id, n_id != (size_t)-1 ? n_id : 0, name,
                                 n_name != (size_t)-1 ? n_name : 0, args, n_args);
    }
    return status;
}

// CHANGE: where the text, the tool calls and the reason for the end are.
static llm_status read_chat(llm_job *job, llm_str event, const llm_out *out) {
    llm_json_iter choices = llm_json_begin(llm_json_get(event, "choices"));
    llm_status status = LLM_OK;
    if (!job->finished && llm_json_next(&choices)) {
        const llm_str delta = llm_json_get(choices.value, "delta");
        const llm_str message = delta.ptr != NULL ? delta : llm_json_get(choices.value, "message");
        status = say(llm_json_get(message, "content"), out);
        status = status == LLM_OK ? call_tools(llm_json_get(message, "tool_calls"), out) : status;
        status = status == LLM_OK ? finish(job, llm_json_get(choices.value, "finish_reason"), out) : status;
    }
    return status;
}
// @end
// @begin scratch
// CHANGE: where the text and the reason for the end are.
static llm_status read_chat(llm_job *job, llm_str event, const llm_out *out) {
    if (job->finished) {
        return LLM_OK;
    }
    const llm_status status = say(llm_json_get(event, "text"), out);
    return status == LLM_OK ? finish(job, llm_json_get(event, "end"), out) : status;
}
// @end
// @end

// @begin embeddings
static llm_status read_embeddings(llm_job *job, llm_str answer, const llm_out *out) {
    llm_status status = LLM_OK;
    uint32_t index = 0;
    for (llm_json_iter it = llm_json_begin(llm_json_get(answer, "data"));
         status == LLM_OK && llm_json_next(&it); index++) {
        const llm_str vector = llm_json_get(it.value, "embedding"); // CHANGE
        if (llm_json_type(vector) != '[') {
            return LLM_E_PROTOCOL;
        }
        status = out->vector_json(out->ctx, index, vector.ptr, vector.len);
    }
    job->finished = index > 0;
    return status;
}
// @end

// @begin image
static llm_status read_image(llm_job *job, llm_str answer, const llm_out *out) {
    llm_status status = LLM_OK;
    uint32_t index = 0;
    for (llm_json_iter it = llm_json_begin(llm_json_get(answer, "data"));
         status == LLM_OK && llm_json_next(&it); index++) {
        char url[2048];
        const llm_str base64 = llm_json_plain(llm_json_get(it.value, "b64_json")); // CHANGE
        const size_t n = llm_json_decode(llm_json_get(it.value, "url"), url, sizeof url);
        if (base64.len > 0) {
            status = out->blob_base64(out->ctx, index, "", 0, base64.ptr, base64.len, 1);
        } else if (n != (size_t)-1 && n > 0) {
            status = out->blob_url(out->ctx, index, "", 0, url, n);
        } else {
            return LLM_E_PROTOCOL;
        }
    }
    job->finished = index > 0;
    return status;
}
// @end

static llm_status LLM_CALL job_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    const llm_str event = str(chunk->data.ptr, chunk->data.len);
    size_t at = 0;
    if (is(event, "[DONE]")) { // CHANGE: how a stream says that it is over
        return LLM_DONE;
    }
    if (event.len == 0) {
        return LLM_MORE;
    }
    if (!llm_json_check(event, 64, &at)) {
        return LLM_E_PROTOCOL;
    }
    const llm_str answer = llm_json_value(event), error = llm_json_get(answer, "error");
    if (llm_json_type(error) == '{') {
        return report_error(error, out);
    }
    llm_status status = LLM_OK;
    // @begin chat
    if (is(job->args->operation, "chat")) {
        status = read_chat(job, answer, out);
    }
    // @end
    // @begin embeddings
    if (is(job->args->operation, "embeddings")) {
        status = read_embeddings(job, answer, out);
    }
    // @end
    // @begin image
    if (is(job->args->operation, "image")) {
        status = read_image(job, answer, out);
    }
    // @end
    status = status == LLM_OK ? report_usage(llm_json_get(answer, "usage"), out) : status;
    return status < 0 ? status : LLM_MORE;
}

// A stream that was cut off is an error, never an answer.
static llm_status LLM_CALL job_end(llm_job *job, llm_status transport, const llm_out *out) {
    (void)out;
    return job->finished ? LLM_DONE : transport < 0 ? transport : LLM_E_PROTOCOL;
}

// A status of 400 and above: the host has filled the fault from it; the body knows better.
static llm_status LLM_CALL job_fail(llm_job *job, const llm_head *head, const llm_bytes *body,
                                    llm_fault *fault) {
    const llm_str text = str(body->ptr, body->len);
    size_t at = 0;
    (void)head;
    if (!llm_json_check(text, 64, &at)) {
        return LLM_OK; // HTML, nothing, ...: what the host made of the status stands
    }
    const llm_str error = llm_json_get(llm_json_value(text), "error"),
                  message = llm_json_get(error, "message");
    if (llm_json_type(message) == '"') {
        char *copy = (char *)job->args->alloc(job->args->alloc_ctx, message.len);
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

// ---- tables ----------------------------------------------------------------------------------------------------------

static const llm_codec codec = {
    sizeof codec, LLM_CODEC_DETERMINISTIC, job_open, job_close, job_encode, NULL, job_data, job_end, job_fail,
};

// @begin chat
static const char *const chat_formats[] = {"openai.chat", NULL};
static const llm_generator chat = {sizeof chat, 0, "chat", "chat", chat_formats, &codec, NULL};
// @end
// @begin embeddings
static const char *const embeddings_formats[] = {"openai.embeddings", NULL};
static const llm_generator embeddings = {sizeof embeddings,  0,      "embeddings", "embeddings",
                                         embeddings_formats, &codec, NULL};
// @end
// @begin image
static const char *const image_formats[] = {"openai.image", NULL};
static const llm_generator image = {sizeof image, 0, "image", "image", image_formats, &codec, NULL};
// @end
static const llm_generator *const generators[] = {
    // @begin chat
    &chat,
    // @end
    // @begin embeddings
    &embeddings,
    // @end
    // @begin image
    &image,
    // @end
    NULL,
};

static const llm_provider_descriptor descriptor = {
    sizeof descriptor, LLM_ABI_MINOR, "@id@", "0.1.0", generators, NULL, NULL, NULL, NULL, NULL,
};

const llm_provider_descriptor *LLM_CALL LLM_ENTRY(void) {
    return &descriptor;
}
