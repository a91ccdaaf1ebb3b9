// SPDX-License-Identifier: MIT
// What limits, routing, health, cost and the ledger add to a call: the same call over a transport of ours with all of them off, and on.
// Without arguments it prints CPU time of the calling thread and allocations; "run off|on CALLS DIR" only calls, for callgrind
// (--toggle-collect=bench_steps_run).
#include <string.h>
#include <sys/stat.h>

#include "bench.h"
#include "fail_alloc.h"
#include "llm_json.h"
#include "llm_master.h"

#define ROUNDS 9
#define CALLS 4000

void bench_steps_run(llm_master *master, size_t calls);

static const char answer[] = "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,"
                             "\"model\":\"gpt-4o-mini\",\"choices\":[{"
                             "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hello "
                             "there\"},\"finish_reason\":\"stop\"}],\"usage\":{"
                             "\"prompt_tokens\":9,\"completion_tokens\":200,\"total_tokens\":209}}";

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    static const llm_header fields[] = {{{"content-type", 12}, {"application/json", 16}}};
    (void)ctx;
    (void)request;
    const llm_status status = reply->head(reply->ctx, 200, fields, 1);
    return status == LLM_OK && reply->data(reply->ctx, answer, sizeof answer - 1) < 0 ? LLM_E_TRANSPORT
                                                                                      : LLM_OK;
}

static const llm_transport transport = {.size = sizeof transport, .exchange = exchange};

static llm_master *make(bool on, const char *dir) {
    static const char off[] = "{\"breaker\":{\"enabled\":false},\"retry\":{\"max_attempts\":1},\"keys\":{"
                              "\"openai\":{\"value\":\"k\"}}}";
    char settings[2048];
    llm_error err = LLM_ERROR_INIT;
    llm_master *master;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    (void)snprintf(
        settings, sizeof settings,
        "{\"keys\":{\"openai\":{\"value\":\"k\"}},\"limits\":[{\"requests_per_minute\":100000000},"
        "{\"provider\":\"openai\",\"tokens_per_minute\":1000000000000},{\"tag\":\"*\",\"each\":true,"
        "\"concurrency\":1000},"
        "{\"usd\":1000000,\"window\":\"day\"}],\"ledger\":{\"path\":\"%s/"
        "ledger.db\",\"on_failure\":\"queue\"}}",
        dir);
    options.flags = LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_ENVIRONMENT;
    options.settings = on ? settings : off;
    options.transport = &transport;
    if (llm_master_new(&options, &master, &err) != LLM_OK) {
        fprintf(stderr, "bench: %s\n", err.message);
        exit(2);
    }
    return master;
}

__attribute__((noinline)) void bench_steps_run(llm_master *master, size_t calls) {
    static const char body[] =
        "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    const llm_query_args args = {LLM_QUERY_INIT, .body = {body, sizeof body - 1}, .tag = "team-a"};
    for (size_t i = 0; i < calls; i++) {
        llm_error err = LLM_ERROR_INIT;
        llm_response *response = NULL;
        if (llm_query(master, &args, &response, &err) != LLM_OK) {
            fprintf(stderr, "bench: %s\n", err.message);
            exit(2);
        }
        llm_response_free(response);
    }
}

// Calls without what waits in the ledger's queue growing over its end.
static double timed(llm_master *master) {
    const double before = bench_cpu_us();
    bench_steps_run(master, CALLS);
    const double after = bench_cpu_us();
    (void)llm_master_flush(master, 60000, NULL);
    return (after - before) / CALLS;
}

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "run") == 0) {
        int64_t calls = 0;
        if (!llm_json_int64((llm_str){argv[3], strlen(argv[3])}, &calls) || calls < 0) {
            return 2;
        }
        llm_master *master = make(strcmp(argv[2], "on") == 0, argv[4]);
        bench_steps_run(master, (size_t)calls);
        llm_master_free(master);
        return 0;
    }
    if (argc != 2) {
        fprintf(stderr, "usage: bench_steps DIR | bench_steps run off|on CALLS DIR\n");
        return 2;
    }
    double off_us[ROUNDS], on_us[ROUNDS], more_us[ROUNDS];
    char beside[96];
    llm_master *off = make(false, argv[1]), *on = make(true, argv[1]);
    bench_pin();
    (void)timed(off);
    (void)timed(on);
    for (int i = 0; i < ROUNDS; i++) {
        off_us[i] = timed(off);
        on_us[i] = timed(on);
        more_us[i] = on_us[i] - off_us[i];
    }
    const double a = bench_median(off_us, ROUNDS), b = bench_median(on_us, ROUNDS);
    (void)snprintf(beside, sizeof beside, "off %.2f us, on %.2f us: %.2f times", a, b, b / a);
    bench_row("limits, health, cost, ledger: a call more", bench_median(more_us, ROUNDS), "us", 2.0, beside);
    const size_t before = fail_alloc_count();
    bench_steps_run(on, 1000);
    bench_row("limits, health, cost, ledger: allocations", (double)(fail_alloc_count() - before) / 1000, "",
              0, "1000 calls, warm");
    llm_master_free(off);
    llm_master_free(on);
    return bench_missed > 0 ? 1 : 0;
}
