// SPDX-License-Identifier: MIT
// 04_cancel: stop an answer that is under way.  Teaches: pull, cancel, the end event, what a cancelled call keeps.
//
//     ./cancel [MODEL [QUESTION]]
#include <llm_master.h>
#include <stdio.h>

enum { ENOUGH_BYTES = 20 };

// Pull events until the end.  After cancel the end event still comes, once, and nothing after it.
static llm_status read_some(llm_call *call) {
    const llm_event *event = NULL;
    size_t bytes = 0;

    while (llm_call_next(call, -1, &event) == LLM_OK) {
        if (event->type == LLM_EVENT_TEXT) {
            printf("%.*s", (int)event->text.len, event->text.ptr);
            bytes += event->text.len;
        }
        if (event->type == LLM_EVENT_END) {
            return event->status;
        }
        if (bytes >= ENOUGH_BYTES) {
            llm_call_cancel(call); // any thread may say this, as often as it likes
        }
    }
    return LLM_E_INTERNAL;
}

int main(int argc, char **argv) {
    llm_error err = LLM_ERROR_INIT;
    llm_master *master = NULL;
    llm_loop *loop = NULL;
    llm_call *call = NULL;
    llm_response *answer = NULL;
    const llm_query_args query = {
        .size = LLM_QUERY_INIT,
        .flags = LLM_QUERY_STREAM | LLM_QUERY_COLLECT,
        .model = argc > 1 ? argv[1] : NULL,
        .prompt = argc > 2 ? argv[2] : "Tell a long story.",
    };

    llm_status status = llm_master_new(NULL, &master, &err);
    if (status == LLM_OK) {
        status = llm_loop_new(master, NULL, &loop, &err);
    }
    if (status == LLM_OK) {
        status = llm_call_start(loop, &query, &call, &err);
    }
    if (status == LLM_OK) {
        status = read_some(call);
        printf("\nended as: %s\n", llm_status_name(status));
        if (llm_call_response(call, &answer) == LLM_OK) { // what came before the end is not lost
            size_t kept = 0;
            llm_response_content(answer, &kept);
            printf("kept: %zu bytes\n", kept);
        }
    } else {
        fprintf(stderr, "%s: %s\n", llm_status_name(status), err.message);
    }
    llm_response_free(answer);
    llm_call_free(call);
    llm_loop_free(loop);
    llm_master_free(master);
    return status == LLM_OK || status == LLM_E_CANCELLED ? 0 : 1;
}
