// SPDX-License-Identifier: MIT
// The codec of OpenAI's format.  First byte: what the rest is (answer of a stream, whole answer, failure, request); second byte: operation
// and provider.  Nothing may crash, read too far, or break the contract; an answer cut into bytes is the same answer; a body sent is JSON.
#include <stdio.h>
#include <stdlib.h>

#include "base/gate.h"
#include "base/limits.h"
#include "codec_host.h"
#include "llm_json.h"

const llm_provider_descriptor *llm_provider_entry_v1(void);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const operations[] = {"chat",       "completions", "embeddings", "image",
                                         "image.edit", "models",      "moderation"};

static const char *const configs[] = {
    "{}",
    "{\"quirks\":{\"think_tags\":true,\"stream_usage\":\"unasked\",\"reasoning_tokens\":\"outside\",\"audio_"
    "tokens\":\"outside\","
    "\"cost\":{\"pointer\":\"/usage/cost\",\"scale\":3},\"finish_reasons\":{\"x\":\"stop\"},"
    "\"errors\":[{\"status\":400,\"code\":\"a*\",\"message\":\"*b*\",\"is\":\"quota\",\"retry\":\"never\"}]}"
    "}",
    "{\"params\":{\"rename\":{\"a\":\"b\",\"b\":\"c\"},\"drop\":[\"d\",\"user\"],\"values\":{\"e\":{\"f\":"
    "\"g\"}},\"defaults\":{\"h\":[1]},"
    "\"messages\":{\"roles\":{\"developer\":\"system\"},\"drop\":[\"x\",\"y\"]}},\"paths\":{\"chat\":\"/"
    "{model}\"},"
    "\"quirks\":{\"model_in_body\":false}}",
};

static void demand(bool fine, const char *what, const char *text) {
    if (!fine) {
        fprintf(stderr, "%s\n%s\n", what, text);
        abort();
    }
}

static void take_answer(struct codec_case *c) {
    struct codec_result whole, bytes;
    codec_host_run(c, &whole);
    demand(whole.breach.len == 0, "a breach", codec_result_text(&whole));
    c->split = CODEC_SPLIT_BYTES;
    codec_host_run(c, &bytes);
    demand(strcmp(codec_result_text(&whole), codec_result_text(&bytes)) == 0, codec_result_text(&whole),
           codec_result_text(&bytes));
    codec_result_done(&whole);
    codec_result_done(&bytes);
}

static void take_request(struct codec_case *c) {
    struct codec_result result;
    codec_host_run(c, &result);
    demand(result.breach.len == 0, "a breach", codec_result_text(&result));
    if (result.n_exchanges > 0 && result.exchanges[0].body.len > 0 && result.status == LLM_E_CANCELLED) {
        const llm_str body = llm_buf_str(&result.exchanges[0].body);
        demand(llm_json_check(body, LLM_JSON_DEPTH_MAX, NULL) != 0, "no JSON is sent", body.ptr);
    }
    codec_result_done(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > 65536) {
        return 0;
    }
    const llm_str rest = {(const char *)data + 2, size - 2};
    const uint32_t kind = data[0] % 4;
    const struct codec_answer answer = {.status = kind == 2 ? 400u + data[0] / 4 : 200u, .body = rest};
    struct codec_case c = {.plugin = llm_provider_entry_v1(),
                           .operation = operations[data[1] % 7],
                           .config = configs[data[1] / 7 % 3],
                           .model = "m/1",
                           .stream = kind == 0 || data[1] >= 128,
                           .answers = &answer,
                           .n_answers = 1};
    if (kind != 3) {
        take_answer(&c);
        return 0;
    }
    const llm_attachment attachment = {{data, 2}, {"image/png", 9}, {"a", 1}};
    struct llm_arena arena = {0};
    struct llm_gate gate;
    const bool passed = llm_gate_request(rest, &arena, &gate, NULL) == LLM_OK; // a codec gets nothing else
    llm_arena_done(&arena);
    if (!passed) {
        return 0;
    }
    c.request_str = rest;
    c.n_answers = 0;
    c.attachments = &attachment;
    c.n_attachments = data[0] / 4 % 2;
    take_request(&c);
    return 0;
}
