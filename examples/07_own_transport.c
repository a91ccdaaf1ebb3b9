// SPDX-License-Identifier: MIT
// 07_own_transport: answer the provider's HTTP request in the program itself.  Teaches: a test without a network or a key.
//
// The plugin writes the same request and reads the same bytes as it would over HTTP, in whatever pieces they come.
//
//     ./own_transport MODEL
#include <llm_master.h>
#include <stdio.h>

#define FIELD(name, value)                                                                                   \
    {                                                                                                        \
        {name, sizeof(name) - 1}, {                                                                          \
            value, sizeof(value) - 1                                                                         \
        }                                                                                                    \
    }

static const char stream[] =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"},\"finish_reason\":\"stop\"}]}\n\n"
    "data: [DONE]\n\n";

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    static const llm_header fields[] = {FIELD("content-type", "text/event-stream")};
    size_t *n_requests = ctx;

    ++*n_requests;
    printf("%.*s %.*s\n%.*s\n", (int)request->method.len, request->method.ptr, (int)request->url.len,
           request->url.ptr, (int)request->body.len, (const char *)request->body.ptr);

    llm_status status = reply->head(reply->ctx, 200, fields, 1);
    for (size_t at = 0; at < sizeof stream - 1 && status == LLM_OK; at++) {
        status = reply->data(reply->ctx, stream + at, 1); // byte by byte: cuts do not matter
    }
    return status == LLM_OK ? LLM_OK : LLM_E_TRANSPORT;
}

int main(int argc, char **argv) {
    size_t n_requests = 0;
    const llm_transport transport = {
        .size = (uint32_t)sizeof transport, .ctx = &n_requests, .exchange = exchange};
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    llm_error err = LLM_ERROR_INIT;
    llm_master *master = NULL;
    llm_response *answer = NULL;
    const llm_query_args query = {
        .size = LLM_QUERY_INIT,
        .flags = LLM_QUERY_STREAM,
        .model = argc > 1 ? argv[1] : NULL,
        .prompt = "Say hello.",
    };

    options.transport = &transport; // borrowed until llm_master_free()
    llm_status status = llm_master_new(&options, &master, &err);
    if (status == LLM_OK) {
        status = llm_query(master, &query, &answer, &err);
    }
    if (status == LLM_OK) {
        printf("%zu request, answer: %s\n", n_requests, llm_response_content(answer, NULL));
    } else {
        fprintf(stderr, "%s: %s\n", llm_status_name(status), err.message);
    }
    llm_response_free(answer);
    llm_master_free(master);
    return status == LLM_OK ? 0 : 1;
}
