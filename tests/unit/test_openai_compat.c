// SPDX-License-Identifier: MIT
// openai_compat.so: vectors for each rule, and what they cannot show.
#include "codec_vectors.h"

#include <stdlib.h>

#include "base/limits.h"
#include "test_data.h"

const llm_provider_descriptor *LLM_ENTRY(void);

// A long prompt is referred to where it lies; only what differs is copied.
static void check_copies(struct tap *tap) {
    static char request[100000];
    static const char lead[] = "{\"model\":\"alias\",\"messages\":[{\"role\":\"developer\",\"content\":\"";
    static const char tail[] = "\"}],\"seed\":1}";
    memset(request, 'x', sizeof request);
    memcpy(request, lead, sizeof lead - 1);
    memcpy(request + sizeof request - sizeof tail, tail, sizeof tail);
    struct codec_result result;
    struct codec_case c = {.plugin = LLM_ENTRY(),
                           .operation = "chat",
                           .model = "real",
                           .request = request,
                           .stream = true,
                           .config = "{\"params\":{\"rename\":{\"seed\":\"random_seed\"},\"messages\":{"
                                     "\"roles\":{\"developer\":\"system\"}}}}"};
    codec_host_run(&c, &result);
    const struct codec_exchange *ex = result.exchanges;
    tap_result(tap, result.n_exchanges == 1 && ex->body.len > 99000 && ex->copied_bytes < 150,
               "long prompts are not copied", "%zu bytes of %zu", ex->copied_bytes, ex->body.len);
    codec_result_done(&result);
}

// The memory of a call is one piece, whatever its length.
static void check_memory(struct tap *tap) {
    struct llm_buf body = {.max = LLM_MAX_RESPONSE_BYTES};
    uint32_t n_allocs[2];
    for (int n = 0; n < 2; n++) {
        for (int i = 0; i < (n == 0 ? 1 : 1000); i++) {
            (void)llm_buf_puts(
                &body,
                "data: "
                "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\\n\","
                "\"reasoning\":\"b\"}}],\"usage\":{\"prompt_tokens\":1}}\n\n");
        }
        (void)llm_buf_puts(&body, "data: [DONE]\n\n");
        const struct codec_answer answer = {.status = 200, .body = llm_buf_str(&body)};
        struct codec_result result;
        codec_host_run(&(struct codec_case){.plugin = LLM_ENTRY(),
                                            .operation = "chat",
                                            .model = "m",
                                            .stream = true,
                                            .answers = &answer,
                                            .n_answers = 1},
                       &result);
        n_allocs[n] = result.n_allocs;
        llm_buf_reset(&body, SIZE_MAX);
        codec_result_done(&result);
    }
    tap_result(tap, n_allocs[0] == n_allocs[1], "chunks allocate nothing",
               "%u blocks for one, %u for a thousand", n_allocs[0], n_allocs[1]);
    llm_buf_done(&body);
}

// One tool call more than there may be is a failure, not a crash.
static void check_calls(struct tap *tap) {
    for (int more = 0; more < 2; more++) {
        struct llm_buf body = {.max = LLM_MAX_RESPONSE_BYTES};
        (void)llm_buf_puts(&body, "{\"choices\":[{\"message\":{\"tool_calls\":[");
        for (unsigned i = 0; i < LLM_MAX_TOOL_CALLS + (unsigned)more; i++) {
            (void)llm_buf_puts(&body, i == 0 ? "{\"function\":{\"name\":\"f\"}}"
                                             : ",{\"function\":{\"name\":\"f\"}}");
        }
        (void)llm_buf_puts(&body, "]}}]}");
        const struct codec_answer answer = {.status = 200, .body = llm_buf_str(&body)};
        struct codec_result result;
        codec_host_run(
            &(struct codec_case){
                .plugin = LLM_ENTRY(), .operation = "chat", .model = "m", .answers = &answer, .n_answers = 1},
            &result);
        tap_result(tap,
                   result.n_tools == LLM_MAX_TOOL_CALLS && result.status == (more ? LLM_E_LIMIT : LLM_OK),
                   more ? "one tool call too many" : "as many tool calls as there may be", "%zu, %d",
                   result.n_tools, result.status);
        codec_result_done(&result);
        llm_buf_done(&body);
    }
}

// Nothing of the first attempt is left in the second; warnings are given once.
static void check_retry(struct tap *tap) {
    struct codec_result result;
    const llm_header none = {{NULL, 0}, {NULL, 0}};
    const struct codec_answer answers[] = {
        {.status = 503, .headers = &none, .body = {"{}", 2}},
    };
    codec_host_run(&(struct codec_case){.plugin = LLM_ENTRY(),
                                        .operation = "chat",
                                        .model = "m",
                                        .request = "{\"a\":1}",
                                        .config = "{\"params\":{\"drop\":[\"a\"]}}",
                                        .answers = answers,
                                        .n_answers = 1,
                                        .attempts = 2},
                   &result);
    tap_result(tap,
               result.n_exchanges == 2 && result.n_warnings == 1 && result.status == LLM_E_OVERLOADED &&
                   llm_str_eq(llm_buf_str(&result.exchanges[0].body), llm_buf_str(&result.exchanges[1].body)),
               "a second attempt sends the same and warns no more", "%zu exchanges, %zu warnings",
               result.n_exchanges, result.n_warnings);
    codec_result_done(&result);
}

int main(void) {
    static const char *const files[] = {"requests", "chat", "streams", "failures", "usage", "lists"};
    struct tap tap = {0};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[128], path[TEST_PATH_BYTES];
        (void)snprintf(name, sizeof name, "tests/vectors/openai_compat/%s.json", files[i]);
        test_data_source(path, name);
        codec_vectors_run(&tap, LLM_ENTRY(), path);
    }
    check_copies(&tap);
    check_memory(&tap);
    check_calls(&tap);
    check_retry(&tap);
    return tap_done(&tap);
}
