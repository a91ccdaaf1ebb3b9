// SPDX-License-Identifier: MIT
#include "cli.h"
#include "table.h"

static const struct cli_option options[] = {
    {0, "provider", "NAME", "of this provider only; exit status 3 when it has no key and needs one"},
    {0, "json", NULL, "print JSON, as docs/describe.md describes it"},
};

static bool is_true(llm_str object, const char *name) {
    int yes = 0;
    llm_json_bool(llm_json_get(object, name), &yes);
    return yes != 0;
}

// Where it is from, or which variables would give one.
static void source_cell(struct table *table, llm_str key) {
    if (is_true(key, "found")) {
        table_string(table, llm_json_get(key, "origin"));
        return;
    }
    struct host_text text = {0};
    llm_json_iter it = llm_json_begin(llm_json_get(key, "variables"));
    while (llm_json_next(&it)) {
        host_text_text(&text, text.len > 0 ? " or " : is_true(key, "required") ? "set " : "may be set: ");
        host_text_decoded(&text, it.value);
    }
    table_cell(table, host_text_str(&text));
    host_text_done(&text);
}

// A line for each key but the first.
static void more_rows(struct table *table, llm_str key) {
    const llm_str keys = llm_json_get(key, "keys");
    llm_json_iter it = llm_json_begin(keys);
    bool first = true;
    while (llm_json_next(&it)) {
        if (!first) {
            table_string(table, llm_json_get(it.value, "name"));
            table_cell(table, host_str("yes"));
            table_string(table, llm_json_get(it.value, "origin"));
        }
        first = false;
    }
}

static void print_table(struct cli *cli, llm_str keys) {
    static const char *const heads[] = {"PROVIDER", "KEY", "FROM"};
    struct table table = table_new(heads, sizeof heads / sizeof heads[0]);
    llm_json_iter it = llm_json_begin(keys);
    while (llm_json_next(&it)) {
        const bool found = is_true(it.value, "found");
        table_string(&table, llm_json_get(it.value, "provider"));
        table_cell(&table, host_str(found ? "yes" : is_true(it.value, "required") ? "no" : "not needed"));
        source_cell(&table, it.value);
        more_rows(&table, it.value);
    }
    table_print(&table, &cli->out);
}

static int run(struct cli *cli, struct cli_args *args) {
    const char *provider = NULL;
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
            return cli_usage(cli, args, "\"%.64s\" is too much; --provider names one", args->value);
        }
        if (cli_is(args, "provider")) {
            provider = args->value;
        } else {
            json = true;
        }
    }
    struct host_text keys = {0};
    int status = cli_describe(cli, "keys", provider, json, &keys);
    if (status == CLI_OK && json) {
        cli_print_json(cli, host_text_str(&keys));
    } else if (status == CLI_OK) {
        print_table(cli, host_text_str(&keys));
    }
    const llm_str one = llm_json_at(host_text_str(&keys), 0);
    if (status == CLI_OK && provider != NULL && !is_true(one, "found") && is_true(one, "required")) {
        struct host_text reason = {0};
        if (llm_json_type(llm_json_get(one, "problem")) == '"') {
            host_text_decoded(&reason, llm_json_get(one, "problem"));
        }
        cli_say(cli, provider, "there is no key for it%s%.*s", reason.len > 0 ? ": " : "", (int)reason.len,
                reason.len > 0 ? reason.ptr : "");
        host_text_done(&reason);
        status = CLI_CONFIG;
    }
    host_text_done(&keys);
    return status;
}

const struct cli_command cli_keys = {
    .name = "keys",
    .operands = "",
    .summary = "Which providers have a key, and where it is from; never the key",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
};
