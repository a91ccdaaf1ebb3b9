// SPDX-License-Identifier: MIT
#include "cli.h"
#include "table.h"

static const struct cli_option options[] = {
    {0, "json", NULL, "print JSON, as docs/describe.md describes it"},
};

// "closed", "open 812 ms"
static void health_cell(struct table *table, llm_str provider) {
    const llm_str health = llm_json_get(provider, "health");
    const llm_str wait = llm_json_get(health, "retry_after_ms");
    struct host_text text = {0};
    host_text_decoded(&text, llm_json_get(health, "breaker"));
    if (llm_json_type(wait) == '0') {
        host_text_text(&text, " ");
        host_text_add(&text, wait.ptr, wait.len);
        host_text_text(&text, " ms");
    }
    table_cell(table, host_text_str(&text));
    host_text_done(&text);
}

// Where the first is from; of several also how many there are, and how many rest.
static void keys_cell(struct table *table, llm_str provider) {
    const llm_str keys = llm_json_get(provider, "keys");
    const size_t count = llm_json_count(keys);
    struct host_text text = {0};
    size_t resting = 0;
    llm_json_iter it = llm_json_begin(keys);
    while (llm_json_next(&it)) {
        resting += llm_json_type(llm_json_get(it.value, "rests_ms")) == '0' ? 1 : 0;
    }
    if (count > 0) {
        host_text_decoded(&text, llm_json_get(llm_json_at(keys, 0), "origin"));
    }
    if (count > 1) {
        host_text_text(&text, " and ");
        host_text_number(&text, count - 1);
        host_text_text(&text, " more");
    }
    if (resting > 0) {
        host_text_text(&text, ", ");
        host_text_number(&text, resting);
        host_text_text(&text, resting == 1 ? " rests" : " rest");
    }
    table_cell(table, host_text_str(&text));
    host_text_done(&text);
}

static void print_table(struct cli *cli, llm_str providers) {
    static const char *const heads[] = {"PROVIDER", "STATE",    "PLUGIN",  "MODELS",
                                        "BREAKER",  "KEY FROM", "BASE URL"};
    struct table table = table_new(heads, sizeof heads / sizeof heads[0]);
    llm_json_iter it = llm_json_begin(providers);
    while (llm_json_next(&it)) {
        table_string(&table, llm_json_get(it.value, "name"));
        table_string(&table, llm_json_get(it.value, "state"));
        table_string(&table, llm_json_get(it.value, "plugin"));
        table_string(&table, llm_json_get(it.value, "models"));
        health_cell(&table, it.value);
        keys_cell(&table, it.value);
        table_string(&table, llm_json_get(it.value, "base_url"));
    }
    table_print(&table, &cli->out);
}

// What is wrong with some, one line each.
static void print_problems(struct cli *cli, llm_str providers) {
    llm_json_iter it = llm_json_begin(providers);
    while (!cli->quiet && llm_json_next(&it)) {
        const llm_str problem = llm_json_get(it.value, "problem");
        struct host_text text = {0}, name = {0};
        if (llm_json_type(problem) == '"') {
            host_text_decoded(&text, problem);
            host_text_decoded(&name, llm_json_get(it.value, "name"));
            host_text_add(&name, "", 1);
            cli_say(cli, name.failed ? NULL : name.ptr, "%.*s", (int)text.len, text.ptr);
        }
        host_text_done(&text);
        host_text_done(&name);
    }
}

static int run(struct cli *cli, struct cli_args *args) {
    bool json = false;
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
    struct host_text providers = {0};
    const int status = cli_describe(cli, "providers", NULL, json, &providers);
    if (status == CLI_OK && json) {
        cli_print_json(cli, host_text_str(&providers));
    } else if (status == CLI_OK) {
        print_table(cli, host_text_str(&providers));
        print_problems(cli, host_text_str(&providers));
    }
    host_text_done(&providers);
    return status;
}

const struct cli_command cli_providers = {
    .name = "providers",
    .operands = "",
    .summary = "Every provider: its plugin, where it is, whether it has a key, its state",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
};
