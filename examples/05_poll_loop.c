// SPDX-License-Identifier: MIT
// 05_poll_loop: several calls at once on one thread, inside a program's own poll().  Teaches: loop, descriptor, run.
//
//     ./poll_loop [MODEL]
#include <llm_master.h>
#include <poll.h>
#include <stdio.h>

enum { CALLS = 3 };

struct question {
    const char *prompt;
    llm_call *call;
    llm_response *answer;
};

// A callback may start, cancel and free calls.  Here it keeps the answer and frees its own call.
static llm_status on_event(void *ctx, llm_call *call, const llm_event *event) {
    struct question *question = ctx;
    if (event->type == LLM_EVENT_END) {
        printf("%s -> %s\n", question->prompt, llm_status_name(event->status));
        llm_call_response(call, &question->answer);
        llm_call_free(call);
        question->call = NULL;
    }
    return LLM_OK;
}

static llm_status run(llm_loop *loop) {
    struct pollfd polled = {.fd = llm_loop_fd(loop),
                            .events = POLLIN}; // the program's own descriptors go beside it
    int open_calls = llm_loop_run(loop, 0);

    while (open_calls > 0) {
        if (poll(&polled, 1, 1000) > 0) {
            open_calls = llm_loop_run(loop, 0); // does what is due, never waits
        }
    }
    return open_calls; // 0, or what went wrong
}

int main(int argc, char **argv) {
    struct question questions[CALLS] = {
        {.prompt = "one plus one"}, {.prompt = "two plus two"}, {.prompt = "a prime"}};
    llm_error err = LLM_ERROR_INIT;
    llm_master *master = NULL;
    llm_loop *loop = NULL;

    llm_status status = llm_master_new(NULL, &master, &err);
    if (status == LLM_OK) {
        status = llm_loop_new(master, NULL, &loop, &err);
    }
    for (int i = 0; i < CALLS && status == LLM_OK; i++) {
        const llm_query_args query = {
            .size = LLM_QUERY_INIT,
            .flags = LLM_QUERY_STREAM | LLM_QUERY_COLLECT,
            .model = argc > 1 ? argv[1] : NULL,
            .prompt = questions[i].prompt,
            .on_event = on_event,
            .ctx = &questions[i],
        };
        status = llm_call_start(loop, &query, &questions[i].call, &err); // no event comes from in here
    }
    if (status == LLM_OK) {
        status = run(loop);
    } else {
        fprintf(stderr, "%s: %s\n", llm_status_name(status), err.message);
    }
    for (int i = 0; i < CALLS; i++) {
        printf("%s: %s\n", questions[i].prompt,
               questions[i].answer != NULL ? llm_response_content(questions[i].answer, NULL) : "no answer");
        llm_response_free(questions[i].answer);
    }
    llm_loop_free(loop); // calls that are left are cancelled
    llm_master_free(master);
    return status == LLM_OK ? 0 : 1;
}
