// SPDX-License-Identifier: MIT
#include "replayer.h"

#include <stdlib.h>
#include <sys/wait.h>

#include "test_data.h"

#define PLAIN_PROVIDER "openai" // for what no configured provider sent

static const char *build_root(void) {
    const char *build = getenv("LLM_TEST_BUILD");
    return build != NULL ? build : "build";
}

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    struct replayer *r = ctx;
    const struct recording *recording = r->recording;
    llm_str left = recording->answer;
    (void)request;
    if (r->played++ > 0) {
        return LLM_E_TRANSPORT;
    }
    llm_status status = reply->head(reply->ctx, recording->status, recording->headers, recording->n_headers);
    for (bool first = true; status >= 0 && left.len > 0; first = false) {
        const size_t want = r->cut == REPLAY_BYTES ? 1 : first ? r->cut : left.len;
        const size_t n = want < left.len ? want : left.len;
        char *piece = malloc(n); // of just that size: a read past it shows under a sanitizer
        memcpy(piece, left.ptr, n);
        status = reply->data(reply->ctx, piece, n);
        free(piece);
        left = (llm_str){left.ptr + n, left.len - n};
    }
    return status < 0 ? status : LLM_OK;
}

llm_status replayer_open(struct replayer *r, llm_error *err) {
    char plugins[TEST_PATH_BYTES];
    const char *dirs[] = {plugins, NULL};
    (void)snprintf(plugins, sizeof plugins, "%s/plugins", build_root());
    *r = (struct replayer){.cut = REPLAY_WHOLE};
    r->transport = (llm_transport){.size = sizeof r->transport, .ctx = r, .exchange = exchange};
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.transport = &r->transport;
    options.settings =
        "{\"breaker\": {\"enabled\": false}}"; // one recorded failure has nothing to do with the next
    return llm_master_new(&options, &r->master, err);
}

void replayer_close(struct replayer *r) {
    llm_master_free(r->master);
}

// Zeroes what differs from call to call.
static void drop_times(char *json) {
    static const char *const names[] = {"\"ms\":", "\"latency_ms\":", "\"first_token_ms\":"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (char *p = json; (p = strstr(p, names[i])) != NULL;) {
            p += strlen(names[i]);
            const size_t n = strcspn(p, ",}");
            memmove(p + 1, p + n, strlen(p + n) + 1);
            *p = '0';
        }
    }
    // An answer without an id gets one of ours, which counts the calls.
    char *own = strncmp(json, "{\"id\":\"llm-", 11) == 0 ? json : strstr(json, "},\"id\":\"llm-");
    for (char *p = own != NULL ? strstr(own, "llm-") + 4 : NULL; p != NULL && *p != '"'; p++) {
        *p = '0';
    }
}

static bool is_known(struct replayer *r, const char *provider) {
    char *json = NULL;
    size_t len = 0;
    llm_error err = LLM_ERROR_INIT;
    const bool known = provider != NULL &&
                       llm_master_describe(r->master, "providers", provider, &json, &len, &err) == LLM_OK;
    llm_free(json);
    return known;
}

char *replayer_run(struct replayer *r, const struct recording *recording, size_t cut) {
    const llm_str operation = recording_operation(recording->operation);
    const llm_str model = recording->model.ptr != NULL ? recording->model : host_str("recorded");
    const char *provider = recording->provider.ptr;
    struct host_text body = {0};
    llm_response *response = NULL;
    llm_error err = LLM_ERROR_INIT;
    char *json = NULL, *ret = NULL;
    size_t len = 0;
    if (recording->request.ptr == NULL) {
        recording_write_request(&body, model, operation);
    }
    const llm_query_args args = {
        .size = LLM_QUERY_INIT,
        .operation = operation.ptr,
        .provider = is_known(r, provider) ? provider : PLAIN_PROVIDER,
        .model = model.ptr,
        .body = recording->request.ptr != NULL ? recording->request : host_text_str(&body),
        .flags = recording->stream ? LLM_QUERY_STREAM : 0,
        .max_attempts = 1,
    };
    r->recording = recording;
    r->cut = cut;
    r->played = 0;
    (void)llm_query(r->master, &args, &response, &err);
    if (response != NULL && llm_response_json(response, &json, &len) == LLM_OK) {
        ret = strdup(json);
        drop_times(ret);
    } else {
        ret = strdup(err.message);
    }
    llm_free(json);
    llm_response_free(response);
    host_text_done(&body);
    return ret;
}

char *replayer_command(const char *folder) {
    char command[2 * TEST_PATH_BYTES];
    struct host_text out = {0};
    llm_error err = LLM_ERROR_INIT;
    (void)snprintf(
        command, sizeof command,
        "HOME=/nonexistent XDG_CONFIG_HOME=/nonexistent '%s/hosts/cli/llm-master' replay -q '%s' 2>/dev/null",
        build_root(), folder);
    fflush(stdout);
    FILE *pipe = popen(command, "r");
    if (pipe != NULL) {
        (void)host_text_fd(&out, fileno(pipe), "llm-master", &err);
        const int status = pclose(pipe);
        if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) { // 1: the recording holds a failure
            host_text_text(&out, " and it crashed");
        }
    }
    while (out.len > 0 && out.ptr[out.len - 1] == '\n') {
        out.len--;
    }
    char *ret = test_data_text(out.len > 0 ? out.ptr : "", out.len);
    drop_times(ret);
    host_text_done(&out);
    return ret;
}
