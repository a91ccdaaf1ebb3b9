// SPDX-License-Identifier: MIT
// transcription: sound in, what is said in it out.
#include "form.h"
#include "text.h"

// CHANGE: which members of the request the provider takes, and what it calls them.
static const struct member members[] = {
    {"language", "language"},
    {"prompt", "prompt"},
    {"temperature", "temperature"},
    {"response_format", "response_format"},
    {"timestamp_granularities", "timestamp_granularities"},
    {NULL, NULL},
};

static llm_status LLM_CALL transcription_open(llm_instance *inst, const llm_job_args *args,
                                              const llm_out *out, llm_job **ret) {
    if (args->n_attachments != 1) {
        return refuse(out, LLM_E_INVALID_REQUEST, "attachments", "attach the sound, as one file");
    }
    const llm_str format = llm_json_get(args->request, "response_format"); // the others are no JSON
    if (format.ptr != NULL && !llm_json_is(format, "json") && !llm_json_is(format, "verbose_json")) {
        return refuse(out, LLM_E_UNSUPPORTED, "response_format",
                      "only json and verbose_json are understood here");
    }
    return job_open(inst, args, out, ret);
}

// CHANGE: what the part is called.
static const char *part_name(const llm_attachment *attachment) {
    (void)attachment;
    return "file";
}

static llm_status LLM_CALL transcription_encode(llm_job *job, const llm_step *step,
                                                const llm_http_request *req, const llm_out *out) {
    (void)step;
    return request_form(job, "/audio/transcriptions", members, part_name, req, out); // CHANGE: the path
}

static llm_status LLM_CALL transcription_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    llm_str answer;
    llm_status status = answer_json(chunk, out, &answer);
    const llm_str text = llm_json_get(answer, "text"),
                  usage = llm_json_get(answer, "usage"); // CHANGE: where they are
    int64_t seconds = -1;
    if (status != LLM_OK || llm_json_type(text) != '"') {
        return status;
    }
    status = answer_text(text, out);
    if (status == LLM_OK) {
        job->finished = 1;
        status = out->finish(out->ctx, 0, LLM_FINISH_STOP, NULL, 0);
    }
    llm_counts counts = answer_counts(usage, "input_tokens", "output_tokens"); // CHANGE: its names
    if (llm_json_int64(llm_json_get(usage, "seconds"), &seconds) && seconds >= 0 && seconds < 1000000000) {
        counts.milliseconds = seconds * 1000;
    }
    return status == LLM_OK && counts.raw.ptr != NULL ? out->usage(out->ctx, &counts) : status;
}

static const llm_codec codec = {
    .size = sizeof codec,
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = transcription_open,
    .close = job_close,
    .encode = transcription_encode,
    .head = NULL,
    .data = transcription_data,
    .end = job_end,
    .fail = job_fail,
};
static const char *const formats[] = {"openai.transcription", NULL};
const llm_generator transcription_generator = {
    .size = sizeof transcription_generator,
    .flags = 0,
    .name = "transcription",
    .operation = "transcription",
    .formats = formats,
    .codec = &codec,
    .generate = NULL,
};
