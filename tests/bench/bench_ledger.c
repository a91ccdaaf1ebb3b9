// SPDX-License-Identifier: MIT
// What the ledger costs: microseconds and allocations of a call on the calling thread, with and without; rows that SQLite takes a second.
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "fail_alloc.h"
#include "llm_master.h"
#include "temp_dir.h"

#define CALLS 2000
#define ROUNDS 15

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    (void)ctx;
    (void)request;
    const llm_status status = reply->head(reply->ctx, 200, NULL, 0);
    return status == LLM_OK ? reply->data(reply->ctx, "hello", 5) : status;
}

static llm_master *make(const char *settings) {
    static const llm_transport transport = {.size = sizeof transport, .exchange = exchange};
    static char echo[1024], stores[1024];
    const char *build = getenv("LLM_TEST_BUILD");
    llm_master *master = NULL;
    llm_error err = LLM_ERROR_INIT;
    (void)snprintf(echo, sizeof echo, "%s/tests/plugins", build != NULL ? build : ".");
    (void)snprintf(stores, sizeof stores, "%s/plugins", build != NULL ? build : ".");
    const char *const dirs[] = {echo, stores, NULL};
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.settings = settings;
    options.transport = &transport;
    if (llm_master_new(&options, &master, &err) != LLM_OK) {
        fprintf(stderr, "bench_ledger: %s\n", err.message);
        exit(1);
    }
    return master;
}

static void call(llm_master *master) {
    const llm_query_args args = {LLM_QUERY_INIT, .model = "echo-1", .prompt = "hi", .tag = "bench"};
    if (llm_query(master, &args, NULL, NULL) != LLM_OK) {
        fprintf(stderr, "bench_ledger: a call failed\n");
        exit(1);
    }
}

// The median round, in microseconds of CPU a call on this thread; *allocations: of the last round.
static double calls_us(llm_master *master, size_t *allocations) {
    double rounds[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        const size_t before = fail_alloc_count();
        const double start = bench_cpu_us();
        for (int k = 0; k < CALLS; k++) {
            call(master);
        }
        rounds[i] = (bench_cpu_us() - start) / CALLS;
        *allocations = fail_alloc_count() - before;
        (void)llm_master_flush(master, 10000, NULL);
    }
    return bench_median(rounds, ROUNDS);
}

static double wall_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

int main(void) {
    struct temp_dir dir;
    char settings[512], beside[64];
    size_t without = 0, with = 0;
    temp_dir_new(&dir);
    (void)snprintf(settings, sizeof settings, "{\"ledger\": {\"path\": \"%s/ledger.db\"}}", dir.path);
    llm_master *off = make("{}"), *on = make(settings);
    const double plain = calls_us(off, &without), recorded = calls_us(on, &with);
    (void)snprintf(beside, sizeof beside, "%.3f us without, %.3f us with", plain, recorded);
    bench_row("ledger: what it adds to a call", recorded - plain, "us", 1.0, beside);
    (void)snprintf(beside, sizeof beside, "in %d calls", CALLS);
    bench_row("ledger: allocations that it adds", (double)with - (double)without, "", 0, beside);
    const double start = wall_us();
    for (int k = 0; k < 12000; k++) {
        call(on);
    }
    (void)llm_master_flush(on, 60000, NULL);
    const double seconds = (wall_us() - start) / 1e6;
    (void)snprintf(beside, sizeof beside, "%.0f rows a second, calls included", 12000 / seconds);
    bench_row("ledger: 12,000 rows until they are safe", seconds * 1000, "ms", 1200, beside);
    llm_master_free(on);
    llm_master_free(off);
    temp_dir_free(&dir);
    return bench_missed > 0 ? 1 : 0;
}
