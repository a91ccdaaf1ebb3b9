// SPDX-License-Identifier: MIT
#include "cli.h"

static const struct cli_option options[] = {
    {0, "json", NULL, "print JSON, as docs/describe.md describes it"},
};

static const char *style_of(llm_str level) {
    return llm_json_is(level, "error")     ? "31"
           : llm_json_is(level, "warning") ? "33"
           : llm_json_is(level, "ok")      ? "32"
                                           : "2";
}

static void print_row(struct cli *cli, llm_str row) {
    const llm_str level = llm_json_get(row, "level"), remedy = llm_json_get(row, "remedy");
    struct host_text line = {0};
    term_style(&cli->out, style_of(level));
    host_text_decoded(&line, level);
    while (line.len < 9) {
        host_text_text(&line, " ");
    }
    term_write(&cli->out, line.ptr, line.len);
    term_style(&cli->out, "0");
    line.len = 0;
    host_text_decoded(&line, llm_json_get(row, "subject"));
    host_text_text(&line, ": ");
    host_text_decoded(&line, llm_json_get(row, "text"));
    if (llm_json_type(remedy) == '"') {
        host_text_text(&line, "; ");
        host_text_decoded(&line, remedy);
    }
    host_text_text(&line, "\n");
    term_write(&cli->out, line.ptr, line.len);
    host_text_done(&line);
}

static int run(struct cli *cli, struct cli_args *args) {
    struct host_text rows = {0};
    bool json = false;
    size_t errors = 0;
    int found;
    while ((found = cli_args_next(args)) != CLI_ARG_END) {
        if (found == CLI_ARG_HELP) {
            return CLI_HELP_WANTED;
        }
        if (found == CLI_ARG_BAD) {
            return CLI_USAGE;
        }
        if (found == CLI_ARG_OPERAND) {
            return cli_usage(cli, args, "\"%.64s\" is too much: no operand is taken", args->value);
        }
        json = true;
    }
    int status = cli_describe(cli, "doctor", NULL, json, &rows);
    if (status != CLI_OK) {
        host_text_done(&rows);
        return status;
    }
    if (json) {
        cli_print_json(cli, host_text_str(&rows));
    }
    llm_json_iter it = llm_json_begin(host_text_str(&rows));
    while (llm_json_next(&it)) {
        errors += llm_json_is(llm_json_get(it.value, "level"), "error") != 0;
        if (!json) {
            print_row(cli, it.value);
        }
    }
    host_text_done(&rows);
    if (errors > 0) {
        cli_say(cli, NULL, "%zu thing%s wrong", errors, errors == 1 ? " is" : "s are");
        status = CLI_CONFIG;
    }
    return status;
}

const struct cli_command cli_doctor = {
    .name = "doctor",
    .operands = "",
    .summary = "What is found, what is wrong, what to do",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
};
