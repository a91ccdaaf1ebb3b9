// SPDX-License-Identifier: MIT
// 08_watch: a program that keeps running and takes new plugins, providers and settings.  Teaches: llm_master_watch().
//
//     ./watch MODEL        then one question a line; drop a plugin into a plugin directory meanwhile
#include <llm_master.h>
#include <stdio.h>
#include <string.h>

static void on_log(void *ctx, int32_t level, const char *line, size_t len) {
    (void)ctx;
    (void)level;
    fprintf(stderr, "%.*s\n", (int)len, line); // why a change was not taken, for example
}

static void answer(llm_master *master, const char *model, const char *question) {
    const llm_query_args query = {
        .size = LLM_QUERY_INIT,
        .model = model,
        .prompt = question,
        .total_timeout_ms = 60000,
        .max_attempts = 1,
    };
    llm_response *response = NULL;
    llm_error err = LLM_ERROR_INIT;

    // Each call takes the newest state; one that is under way ends on the state that it began with.
    if (llm_query(master, &query, &response, &err) == LLM_OK) {
        printf("%s\n", llm_response_content(response, NULL));
    } else {
        printf("%s: %s\n", llm_status_name(err.status), err.message);
    }
    fflush(stdout);
    llm_response_free(response);
}

int main(int argc, char **argv) {
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    llm_error err = LLM_ERROR_INIT;
    llm_master *master = NULL;
    char line[4096];

    options.log = on_log;
    if (llm_master_new(&options, &master, &err) != LLM_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    // One thread looks after the directories from now on.  Without it: llm_master_reload() when the program wants to.
    if (llm_master_watch(master, &err) != LLM_OK) {
        fprintf(stderr, "%s\n", err.message);
        llm_master_free(master);
        return 1;
    }
    printf("watching\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        answer(master, argc > 1 ? argv[1] : NULL, line);
    }
    llm_master_free(master); // ends the thread too
    return 0;
}
