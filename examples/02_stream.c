// SPDX-License-Identifier: MIT
// 02_stream: the answer as it is made, then what it cost.  Teaches: events by callback, usage, cost, latency.
//
//     ./stream [MODEL [QUESTION]]
#include <inttypes.h>
#include <llm_master.h>
#include <stdio.h>

// Everything in an event is borrowed: it is printed or copied here, never kept.
static llm_status on_event(void *ctx, llm_call *call, const llm_event *event) {
    (void)ctx;
    (void)call;
    switch (event->type) {
    case LLM_EVENT_TEXT:
        if (event->channel == LLM_TEXT_CONTENT) {
            fwrite(event->text.ptr, 1, event->text.len, stdout);
            fflush(stdout);
        }
        return LLM_OK;
    case LLM_EVENT_WARNING: // a parameter that this provider does not know was dropped, say
        fprintf(stderr, "warning: %.*s\n", (int)event->text.len, event->text.ptr);
        return LLM_OK;
    default: return LLM_OK; // new kinds of events may appear
    }
}

static void print_facts(const llm_response *answer) {
    const llm_usage *usage = llm_response_usage(answer);
    const int64_t cost = llm_response_cost(answer, NULL);

    printf("\n%s via %s", llm_response_get(answer, "model"), llm_response_get(answer, "provider"));
    if (usage->input_tokens >= 0 && usage->output_tokens >= 0) { // -1: not reported, which is not 0
        printf(" | %" PRId64 " in + %" PRId64 " out", usage->input_tokens, usage->output_tokens);
    }
    if (cost >= 0) { // 1 USD is 10^12
        printf(" | $%" PRId64 ".%012" PRId64, cost / 1000000000000, cost % 1000000000000);
    }
    printf(" | %" PRId64 " ms, first token %" PRId64 " ms\n", llm_response_latency_us(answer) / 1000,
           llm_response_first_token_us(answer) / 1000);
}

int main(int argc, char **argv) {
    llm_error err = LLM_ERROR_INIT;
    llm_master *master = NULL;
    llm_response *answer = NULL;
    const llm_query_args query = {
        .size = LLM_QUERY_INIT,
        .flags = LLM_QUERY_STREAM,
        .model = argc > 1 ? argv[1] : NULL,
        .prompt = argc > 2 ? argv[2] : "Count from one to five.",
        .on_event = on_event,
    };

    llm_status status = llm_master_new(NULL, &master, &err);
    if (status == LLM_OK) {
        status = llm_query(master, &query, &answer, &err);
    }
    if (status == LLM_OK) {
        print_facts(answer);
    } else {
        fprintf(stderr, "\n%s: %s\n", llm_status_name(status), err.message);
    }
    llm_response_free(answer);
    llm_master_free(master);
    return status == LLM_OK ? 0 : 1;
}
