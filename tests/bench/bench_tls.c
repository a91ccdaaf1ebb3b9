// SPDX-License-Identifier: MIT
// New TLS connections: with the system's certificates a careless client parses all of them each time (19 ms on Debian).  And reading the
// manifests of many plugins.  Usage: bench_tls PORT CA_FILE PLUGIN_DIR; an HTTPS server that closes after each answer listens on PORT.
#include <string.h>

#include "base/error.h"
#include "bench.h"
#include "net/http.h"
#include "plugin/plugin.h"

struct outcome {
    llm_status status;
    bool untrusted;
};

static bool done;

static llm_status on_head(void *ctx, uint32_t http_status, const llm_header *headers, size_t n) {
    (void)ctx;
    (void)http_status;
    (void)headers;
    (void)n;
    return LLM_OK;
}

static llm_status on_data(void *ctx, const void *p, size_t n) {
    (void)ctx;
    (void)p;
    (void)n;
    return LLM_OK;
}

static void on_end(void *ctx, llm_status status, const struct llm_http_end *end) {
    *(struct outcome *)ctx = (struct outcome){status, end->untrusted};
    done = true;
}

static struct llm_http *http;

static void on_ready(void *ctx, int fd, int events) {
    (void)ctx;
    llm_http_ready(http, fd, events);
}

// CPU of the n-th new connection, in ms; how the last one ended in *ret.
static double nth_connection(const char *url, const char *ca_file, int nth, struct outcome *ret) {
    struct llm_reactor reactor;
    llm_error err = LLM_ERROR_INIT;
    double ms = 0;
    if (llm_reactor_init(&reactor, NULL, on_ready, NULL) != LLM_OK ||
        llm_http_new(&reactor, &(struct llm_http_options){.ca_file = llm_str_from(ca_file)}, &http, &err) !=
            LLM_OK) {
        fprintf(stderr, "bench: %s\n", err.message);
        exit(2);
    }
    for (int i = 0; i < nth; i++) {
        struct llm_exchange *exchange;
        const double before = bench_cpu_us();
        done = false;
        const struct llm_http_call call = {.method = "GET",
                                           .url = url,
                                           .connect_timeout_ms = 5000,
                                           .ctx = ret,
                                           .on_head = on_head,
                                           .on_data = on_data,
                                           .on_end = on_end};
        if (llm_http_start(http, &call, &exchange) != LLM_OK) {
            exit(2);
        }
        while (!done) {
            (void)llm_reactor_fire(&reactor);
            if (!done) {
                llm_reactor_wait(&reactor, 1000);
            }
        }
        ms = (bench_cpu_us() - before) / 1000;
    }
    llm_http_free(http);
    llm_reactor_done(&reactor);
    return ms;
}

static void list_plugins(const char *dir) {
    const char *dirs[] = {dir, NULL};
    double ms[7];
    size_t count = 0;
    char beside[64];
    for (int i = 0; i < 7; i++) {
        static const llm_host host = {.size = sizeof host};
        struct llm_arena arena = {0};
        struct llm_plugins *plugins = llm_plugins_new(&host);
        struct llm_plugin **list;
        const double before = bench_cpu_us();
        if (llm_plugins_scan(plugins, dirs, &arena, &list, &count, NULL) != LLM_OK) {
            exit(2);
        }
        ms[i] = (bench_cpu_us() - before) / 1000;
        llm_plugins_free(plugins);
        llm_arena_done(&arena);
    }
    (void)snprintf(beside, sizeof beside, "%zu files, none of their code run", count);
    bench_row("listing 200 plugins", bench_median(ms, 7), "ms", 2.0, beside);
}

int main(int argc, char **argv) {
    char url[64];
    struct outcome last = {LLM_OK, false};
    double ms[5];
    if (argc != 4) {
        fprintf(stderr, "usage: bench_tls PORT CA_FILE PLUGIN_DIR\n");
        return 2;
    }
    bench_pin();
    (void)snprintf(url, sizeof url, "https://localhost:%s/", argv[1]);
    for (int i = 0; i < 5; i++) {
        ms[i] = nth_connection(url, argv[2], 2, &last);
    }
    if (last.status != LLM_OK) {
        fprintf(stderr, "bench: nobody who can be trusted listens on %s\n", url);
        return 2;
    }
    bench_row("second new TLS connection, verified", bench_median(ms, 5), "ms", 3.0, "one CA file");
    for (int i = 0; i < 5; i++) {
        ms[i] = nth_connection(url, NULL, 2, &last);
    }
    if (!last.untrusted) {
        fprintf(stderr, "bench: a certificate that the system does not know was not refused\n");
        return 2;
    }
    bench_row("second new TLS connection, system's CAs", bench_median(ms, 5), "ms", 3.0,
              "refused: certificate is not theirs");
    list_plugins(argv[3]);
    return bench_missed > 0 ? 1 : 0;
}
