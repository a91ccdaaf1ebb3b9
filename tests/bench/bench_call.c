// SPDX-License-Identifier: MIT
// What the core costs on top of libcurl.  One process asks, one (the simulator) answers, both on one processor; every figure is CPU time of
// the asking thread, every row is taken in turn with what it is compared to, and the median of the rounds is shown.
//
// Prints one line a figure: name, value, goal, ratio or count, and "ok" or "MISSED".  Exit status 1 when a goal was missed.
// "run bare|core CALLS" only asks for 1 KB that often, for callgrind (--toggle-collect=bench_call_run).
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "fail_alloc.h"
#include "llm_json.h"
#include "llm_master.h"
#include "sim.h"

#define ROUNDS 5

void bench_call_run(bool with_core, int calls);

// ---- the two clients -----------------------------------------------------------------------------------------------

static char url[256];
static CURL *curl;
static llm_master *master;

static size_t swallow(char *p, size_t size, size_t n, void *ctx) {
    (void)p;
    *(size_t *)ctx += size * n;
    return size * n;
}

static void bare(const char *body, size_t len, int times) {
    size_t got = 0;
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)len);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &got);
    for (int i = 0; i < times; i++) {
        const CURLcode rc = curl_easy_perform(curl);
        if (rc != CURLE_OK) {
            fprintf(stderr, "bench: libcurl: %s\n", curl_easy_strerror(rc));
            exit(2);
        }
    }
}

static size_t events;

static llm_status on_event(void *ctx, llm_call *call, const llm_event *event) {
    (void)ctx;
    (void)call;
    events += event->type == LLM_EVENT_TEXT ? 1 : 0;
    return LLM_OK;
}

static void core(const char *body, size_t len, uint32_t flags, int times) {
    const llm_query_args args = {LLM_QUERY_INIT, .flags = flags, .model = "gpt-4o-mini", .body = {body, len},
                                 .on_event = on_event};
    for (int i = 0; i < times; i++) {
        llm_error err = LLM_ERROR_INIT;
        llm_response *response;
        if (llm_query(master, &args, &response, &err) != LLM_OK) {
            fprintf(stderr, "bench: %s\n", err.message);
            exit(2);
        }
        llm_response_free(response);
    }
}

struct pair {
    double bare_us, core_us;
};

// CPU per call of both, in turn.
static struct pair compare(const char *body, size_t len, const char *core_body, size_t core_len,
                           uint32_t flags, int times) {
    double a[ROUNDS], b[ROUNDS];
    bare(body, len, times / 10 + 5);
    core(core_body, core_len, flags, times / 10 + 5);
    for (int i = 0; i < ROUNDS; i++) {
        const double t0 = bench_cpu_us();
        bare(body, len, times);
        const double t1 = bench_cpu_us();
        core(core_body, core_len, flags, times);
        const double t2 = bench_cpu_us();
        a[i] = (t1 - t0) / times;
        b[i] = (t2 - t1) / times;
    }
    return (struct pair){bench_median(a, ROUNDS), bench_median(b, ROUNDS)};
}

static char *chat(size_t content_len, const char *more, size_t *ret_len) {
    char *body = malloc(content_len + 256);
    const int n =
        sprintf(body, "{\"model\":\"gpt-4o-mini\"%s,\"messages\":[{\"role\":\"user\",\"content\":\"", more);
    memset(body + n, 'a', content_len);
    strcpy(body + n + content_len, "\"}]}");
    *ret_len = strlen(body);
    return body;
}

__attribute__((noinline)) void bench_call_run(bool with_core, int calls) {
    size_t len;
    char *body = chat(920, "", &len);
    if (with_core) {
        core(body, len, 0, calls);
    } else {
        bare(body, len, calls);
    }
    free(body);
}

// ---- the figures ---------------------------------------------------------------------------------------------------

static void call_figures(void) {
    char beside[96];
    size_t len;
    char *body = chat(920, "", &len);
    const struct pair small = compare(body, len, body, len, 0, 4000);
    (void)snprintf(beside, sizeof beside, "libcurl %.2f us, core %.2f us", small.bare_us, small.core_us);
    bench_row("1 KB call: core / libcurl", small.core_us / small.bare_us, "x", 1.5, beside);
    bench_row("1 KB call: core - libcurl", small.core_us - small.bare_us, "us", 4.0, beside);
    const size_t before = fail_alloc_count();
    core(body, len, 0, 1000);
    bench_row("1 KB call: heap allocations of our own", (double)(fail_alloc_count() - before) / 1000, "", 0,
              "1000 calls, warm");
    free(body);

    body = chat(100000, "", &len);
    const struct pair large = compare(body, len, body, len, 0, 1000);
    (void)snprintf(beside, sizeof beside, "libcurl %.1f us, core %.1f us", large.bare_us, large.core_us);
    bench_row("100 KB prompt: core - libcurl", large.core_us - large.bare_us, "us", 40, beside);
    free(body);

    body = chat(5000000, "", &len);
    core(body, len, 0, 3);
    const size_t bytes = fail_alloc_bytes();
    const struct pair huge = compare(body, len, body, len, 0, 20);
    const double copies = (double)(fail_alloc_bytes() - bytes) / (20.0 * ROUNDS + 7) / (double)len;
    (void)snprintf(beside, sizeof beside, "libcurl %.0f us, core %.0f us", huge.bare_us, huge.core_us);
    bench_row("5 MB body: copies made before libcurl's own", copies, "", 0.01, beside);
    free(body);
}

static void stream_figures(void) {
    char beside[96];
    size_t len;
    char *body = chat(920, ",\"stream\":true", &len);
    events = 0;
    core(body, len, LLM_QUERY_STREAM, 1);
    const double per_call = (double)events;
    const struct pair stream = compare(body, len, body, len, LLM_QUERY_STREAM, 300);
    size_t small_len;
    char *small_body = chat(920, "", &small_len);
    const struct pair plain = compare(small_body, small_len, small_body, small_len, 0, 1000);
    const double fixed = plain.core_us - plain.bare_us;
    (void)snprintf(beside, sizeof beside, "%.0f events; libcurl %.0f us, core %.0f us", per_call,
                   stream.bare_us, stream.core_us);
    bench_row("streamed event: core - libcurl", (stream.core_us - stream.bare_us - fixed) / per_call, "us",
              1.0, beside);
    const size_t before = fail_alloc_count();
    core(body, len, LLM_QUERY_STREAM, 100);
    bench_row("streamed call: heap allocations of our own", (double)(fail_alloc_count() - before) / 100, "",
              0, "100 calls, warm");
    free(small_body);
    free(body);
}

// ---- setting up ----------------------------------------------------------------------------------------------------

static char *rules(void) {
    static const char chunk[] =
        "{\\\"id\\\":\\\"chatcmpl-1\\\",\\\"object\\\":\\\"chat.completion.chunk\\\",\\\"created\\\":"
        "1700000000,\\\"model\\\":\\\"gpt-4o-mini\\\","
        "\\\"system_fingerprint\\\":\\\"fp_1\\\",\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{"
        "\\\"content\\\":\\\" word\\\"},\\\"logprobs\\\":null,\\\"finish_reason\\\":null}]}";
    char *text = malloc(1 << 20);
    size_t n = (size_t)sprintf(
        text,
        "[{\"match\":{\"path\":\"/v1/chat/completions\",\"body\":{\"/stream\":true}},\"reply\":{\"sse\":[");
    for (int i = 0; i < 200; i++) {
        n += (size_t)sprintf(text + n, "\"%s\",", chunk);
    }
    n += (size_t)sprintf(
        text + n,
        "\"{\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{},\\\"finish_reason\\\":\\\"stop\\\"}]}\","
        "\"{\\\"choices\\\":[],\\\"usage\\\":{\\\"prompt_tokens\\\":9,\\\"completion_tokens\\\":200,"
        "\\\"total_tokens\\\":209}}\",\"[DONE]\"]}},");
    n += (size_t)sprintf(
        text + n, "{\"match\":{\"path\":\"/v1/chat/"
                  "completions\"},\"reply\":{\"headers\":{\"content-type\":\"application/json\"},\"body\":"
                  "\"{\\\"id\\\":\\\"chatcmpl-1\\\",\\\"object\\\":\\\"chat.completion\\\",\\\"created\\\":"
                  "1700000000,\\\"model\\\":\\\"gpt-4o-mini\\\",\\\"choices\\\":[{\\\"index\\\":0,"
                  "\\\"message\\\":{\\\"role\\\":\\\"assistant\\\",\\\"content\\\":\\\"");
    memset(text + n, 'x', 700);
    n += 700;
    (void)sprintf(text + n, "\\\"},\\\"finish_reason\\\":\\\"stop\\\"}],\\\"usage\\\":{\\\"prompt_tokens\\\":"
                            "9,\\\"completion_tokens\\\":200,\\\"total_tokens\\\":209}}\"}}]");
    return text;
}

int main(int argc, char **argv) {
    const bool only_calls = argc == 4 && strcmp(argv[1], "run") == 0;
    int64_t calls = 0;
    if (argc != 1 && !(only_calls && llm_json_int64((llm_str){argv[3], strlen(argv[3])}, &calls) &&
                       calls >= 0 && calls <= 1000000)) {
        fprintf(stderr, "usage: bench_call [run bare|core CALLS]\n");
        return 2;
    }
    llm_error err = LLM_ERROR_INIT;
    struct llm_sim *sim;
    char *text = rules();
    bench_pin();
    if (llm_sim_new(&(struct llm_sim_options){.rules = text}, &sim, &err) != LLM_OK) {
        fprintf(stderr, "bench: simulator: %s\n", err.message);
        return 2;
    }
    const pid_t server = fork();
    if (server == 0) {
        (void)llm_sim_run(sim);
        _exit(0);
    }
    char settings[512];
    (void)snprintf(url, sizeof url, "%s/v1/chat/completions", llm_sim_url(sim));
    (void)snprintf(
        settings, sizeof settings,
        "{\"base_urls\":{\"openai\":\"%s/v1\"},\"keys\":{\"openai\":{\"value\":\"sk-bench-0123456789\"}}}",
        llm_sim_url(sim));
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_CONFIG;
    options.settings = settings;
    if (llm_master_new(&options, &master, &err) != LLM_OK) {
        fprintf(stderr, "bench: %s\n", err.message);
        (void)kill(server, SIGTERM);
        return 2;
    }
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    curl = curl_easy_init();
    struct curl_slist *fields = curl_slist_append(NULL, "content-type: application/json");
    fields = curl_slist_append(fields, "accept-encoding: identity");
    fields = curl_slist_append(fields, "user-agent: llm-master/0");
    fields = curl_slist_append(fields, "Expect:");
    fields = curl_slist_append(fields, "authorization: Bearer sk-bench-0123456789");
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
    if (only_calls) {
        bench_call_run(strcmp(argv[2], "core") == 0, (int)calls);
    } else {
        call_figures();
        stream_figures();
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(fields);
    llm_master_free(master);
    (void)kill(server, SIGTERM);
    (void)waitpid(server, NULL, 0);
    llm_sim_free(sim);
    free(text);
    return bench_missed > 0 ? 1 : 0;
}
