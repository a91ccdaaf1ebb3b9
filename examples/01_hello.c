// SPDX-License-Identifier: MIT
// 01_hello: one question, one answer.  Teaches: master, query, response, and who frees what.
//
//     cc 01_hello.c $(pkg-config --cflags --libs llm_master) -o hello
//     ./hello [MODEL [QUESTION]]
#include <llm_master.h>
#include <stdio.h>

int main(int argc, char **argv) {
    llm_error err = LLM_ERROR_INIT;
    llm_master *master = NULL;
    llm_response *answer = NULL;
    const llm_query_args query = {
        .size = LLM_QUERY_INIT,
        .model = argc > 1 ? argv[1] : NULL, // NULL: the configured default
        .prompt = argc > 2 ? argv[2] : "Say hello in one word.",
    };

    llm_status status = llm_master_new(NULL, &master, &err);
    if (status == LLM_OK) {
        status = llm_query(master, &query, &answer, &err);
    }
    if (status == LLM_OK) {
        printf("%s\n", llm_response_content(answer, NULL));
    } else {
        fprintf(stderr, "%s: %s\n", llm_status_name(status), err.message);
    }
    llm_response_free(answer); // an answer may exist after a failure too: what came before it
    llm_master_free(master);
    return status == LLM_OK ? 0 : 1;
}
