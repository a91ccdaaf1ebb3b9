// SPDX-License-Identifier: MIT
// 06_threads: llm_query() from many threads.  Teaches: one master serves them all, each thread does its own work.
//
//     ./threads [MODEL]
#include <llm_master.h>
#include <pthread.h>
#include <stdio.h>

enum { THREADS = 4, QUESTIONS_EACH = 3 };

struct worker {
    pthread_t thread;
    llm_master *master;
    const char *model;
    int answered;
    llm_error err; // each thread its own
};

static void *work(void *ctx) {
    struct worker *worker = ctx;
    const llm_query_args query = {
        .size = LLM_QUERY_INIT,
        .model = worker->model,
        .prompt = "Say a word.",
        .total_timeout_ms = 60000,
    };

    for (int i = 0; i < QUESTIONS_EACH; i++) {
        llm_response *answer = NULL;
        // The master, its connections and its settings are shared; no lock is held while a call is under way.
        if (llm_query(worker->master, &query, &answer, &worker->err) == LLM_OK) {
            worker->answered++;
        }
        llm_response_free(answer);
    }
    return NULL;
}

int main(int argc, char **argv) {
    struct worker workers[THREADS] = {0};
    llm_error err = LLM_ERROR_INIT;
    llm_master *master = NULL;
    int answered = 0;

    if (llm_master_new(NULL, &master, &err) != LLM_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        workers[i].master = master;
        workers[i].model = argc > 1 ? argv[1] : NULL;
        workers[i].err.size = (uint32_t)sizeof workers[i].err;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            work(&workers[i]); // no thread left: do it here
            workers[i].thread = pthread_self();
        }
    }
    for (int i = 0; i < THREADS; i++) {
        if (!pthread_equal(workers[i].thread, pthread_self())) {
            pthread_join(workers[i].thread, NULL);
        }
        answered += workers[i].answered;
        if (workers[i].answered < QUESTIONS_EACH) {
            fprintf(stderr, "thread %d: %s\n", i, workers[i].err.message);
        }
    }
    printf("%d of %d answered\n", answered, THREADS * QUESTIONS_EACH);
    llm_master_free(master); // after the last call
    return answered == THREADS * QUESTIONS_EACH ? 0 : 1;
}
