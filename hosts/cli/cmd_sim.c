// SPDX-License-Identifier: MIT
#include "cli.h"

#include "sim.h"

#include <errno.h>
#include <poll.h>

static const struct cli_option options[] = {
    {0, "listen", "ADDR:PORT", "where to listen (127.0.0.1:0: a free port of this machine only)"},
    {0, "fixtures", "DIR", "play the recordings below DIR"},
    {0, "script", "FILE", "play the rules of FILE"},
    {0, "log", "FILE", "append one JSON line for each request; - is standard output"},
    {0, "chunks", "BYTES", "cut recorded and built-in answers into writes of that size"},
    {0, "delay", "MS", "wait before each write but the first, of recorded and built-in answers"},
    {0, "no-demo", NULL, "no built-in answers"},
};

static int read_number(const struct cli_args *args, int64_t max, uint32_t *ret) {
    int64_t n;
    if (!llm_json_int64(host_str(args->value), &n) || n < 0 || n > max) {
        return cli_usage(args->cli, args, "--%s takes a number from 0 to %lld", args->option->name,
                         (long long)max);
    }
    *ret = (uint32_t)n;
    return CLI_OK;
}

static int read_option(struct llm_sim_options *sim, const struct cli_args *args) {
    if (cli_is(args, "listen")) {
        sim->listen = args->value;
    } else if (cli_is(args, "fixtures")) {
        sim->fixtures = args->value;
    } else if (cli_is(args, "script")) {
        sim->script = args->value;
    } else if (cli_is(args, "log")) {
        sim->log_file = args->value;
    } else if (cli_is(args, "chunks")) {
        return read_number(args, INT32_MAX, &sim->chunk_bytes);
    } else if (cli_is(args, "delay")) {
        return read_number(args, 3600000, &sim->delay_ms);
    } else {
        sim->no_demo = true;
    }
    return CLI_OK;
}

// The server has a thread of its own; this one waits to be interrupted.
static int serve(struct cli *cli, const struct llm_sim_options *sim_options) {
    struct llm_sim *sim = NULL;
    llm_error err = LLM_ERROR_INIT;
    struct pollfd interrupt = {.fd = cli_interrupt_fd(), .events = POLLIN};
    llm_status status = llm_sim_new(sim_options, &sim, &err);
    if (status != LLM_OK) {
        cli_say(cli, "sim", "%s", err.message);
        return status == LLM_E_CONFIG ? CLI_USAGE : CLI_FAILED;
    }
    status = llm_sim_start(sim);
    if (status != LLM_OK) {
        cli_say(cli, "sim", "no thread is to be had");
    } else {
        printf("listening on %s\n", llm_sim_url(sim));
        fflush(stdout);
        while (poll(&interrupt, 1, -1) < 0 && errno == EINTR) {
        }
    }
    llm_sim_free(sim);
    return status == LLM_OK ? CLI_OK : CLI_FAILED;
}

static int run(struct cli *cli, struct cli_args *args) {
    struct llm_sim_options sim = {0};
    int found;
    while ((found = cli_args_next(args)) != CLI_ARG_END) {
        int status = CLI_OK;
        if (found == CLI_ARG_HELP) {
            return CLI_HELP_WANTED;
        }
        if (found == CLI_ARG_BAD) {
            return CLI_USAGE;
        }
        if (found == CLI_ARG_OPERAND) {
            return cli_usage(cli, args, "\"%.64s\" is too much: no operand is taken", args->value);
        }
        status = read_option(&sim, args);
        if (status != CLI_OK) {
            return status;
        }
    }
    return serve(cli, &sim);
}

const struct cli_command cli_sim = {
    .name = "sim",
    .operands = "",
    .summary = "A local provider that plays recorded, scripted or built-in answers",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
};
