// SPDX-License-Identifier: MIT
// 09_metrics: counters for Prometheus and a log in fields.  Teaches: what a library tells of itself; docs/observe.md lists it.
//
//     ./metrics MODEL PROMPT [PORT]       without PORT the counters are printed once
#include <llm_master.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// One line for each event worth telling, as fields: nothing in them is secret, a prompt or an answer.
static void on_record(void *ctx, const llm_log_record *record) {
    (void)ctx;
    fprintf(stderr, "%s", record->event);
    for (size_t i = 0; i < record->n_fields; i++) {
        const llm_field *field = &record->fields[i];
        if (field->text.ptr != NULL) {
            fprintf(stderr, " %s=%.*s", field->name, (int)field->text.len, field->text.ptr);
        } else {
            fprintf(stderr, " %s=%lld", field->name, (long long)field->number);
        }
    }
    fprintf(stderr, "\n");
}

// Answer each connection with the counters of now, whatever it asks for: put it where only Prometheus can reach it.
static int serve(llm_master *master, unsigned short port) {
    const struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (const struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 16) != 0) {
        perror("listen");
        return 1;
    }
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
        char request[4096], head[128], *text;
        size_t len;
        if (read(fd, request, sizeof request) <= 0 ||
            llm_master_metrics(master, &text, &len, NULL) != LLM_OK) {
            continue;
        }
        const int n = snprintf(head, sizeof head,
                               "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\n"
                               "content-length: %zu\r\nconnection: close\r\n\r\n",
                               len);
        (void)!send(fd, head, (size_t)n, MSG_NOSIGNAL | MSG_MORE);
        (void)!send(fd, text, len, MSG_NOSIGNAL);
        llm_free(text);
    }
    return 0;
}

int main(int argc, char **argv) {
    llm_master *master;
    llm_error err = LLM_ERROR_INIT;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.log_level = LLM_LOG_INFO;
    options.log_record = on_record;
    if (llm_master_new(&options, &master, &err) != LLM_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const llm_query_args args = {LLM_QUERY_INIT, .model = argc > 1 ? argv[1] : NULL,
                                 .prompt = argc > 2 ? argv[2] : "Hello"};
    (void)llm_query(master, &args, NULL, &err); // a failure is counted too
    unsigned short port = 0;
    char *text;
    if (argc > 3 && (port = (unsigned short)strtoul(argv[3], NULL, 10)) != 0) {
        return serve(master, port);
    }
    if (llm_master_metrics(master, &text, NULL, &err) == LLM_OK) {
        fputs(text, stdout);
        llm_free(text);
    }
    llm_master_free(master);
    return 0;
}
