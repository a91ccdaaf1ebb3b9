// SPDX-License-Identifier: MIT
// The recording half of codec_host: verbs that write down what a codec says, and notice what it may not say.
#ifndef LLM_CHECK_CODEC_SINK_H
#define LLM_CHECK_CODEC_SINK_H

#include "codec_host.h"

struct codec_sink {
    struct codec_result *result;
    const llm_job_args *args;
    size_t exchange; // the current one's number + 1
    uint32_t cancel_at, fail_alloc;
    bool cancelled;
    int64_t n_live; // blocks from llm_host.alloc
};

// Verbs of *out record into *result.
void codec_sink_init(struct codec_sink *sink, struct codec_result *result, llm_out *out);

// A new exchange; the verbs of *req record into it. NULL: out of memory.
struct codec_exchange *codec_sink_exchange(struct codec_sink *sink, llm_http_request *req);

void codec_sink_fault(struct codec_sink *sink, const llm_fault *fault);
void codec_sink_breach(struct codec_sink *sink, const char *what);

#endif
