// SPDX-License-Identifier: MIT
#include "cli.h"
#include "table.h"

static const struct cli_option options[] = {
    {0, "json", NULL, "print JSON, as docs/describe.md describes it"},
};

// "tag ann, model m" of a counter that is one of several; else what the limit is for.
static void for_cell(struct table *table, llm_str row) {
    static const char *const sides[] = {"tag", "provider", "model", "key"};
    int each = 0;
    llm_json_bool(llm_json_get(row, "each"), &each);
    struct host_text text = {0};
    for (size_t i = 0; each != 0 && i < sizeof sides / sizeof sides[0]; i++) {
        const llm_str side = llm_json_get(row, sides[i]);
        if (llm_json_type(side) == '"') {
            host_text_text(&text, text.len > 0 ? ", " : "");
            host_text_text(&text, sides[i]);
            host_text_text(&text, " ");
            host_text_decoded(&text, side);
        }
    }
    if (text.len > 0) {
        table_cell(table, host_text_str(&text));
    } else {
        table_string(table, llm_json_get(row, "for"));
    }
    host_text_done(&text);
}

// When there is room again.
static void room_cell(struct table *table, llm_str row) {
    int64_t ms;
    char text[32];
    if (!llm_json_int64(llm_json_get(row, "room_ms"), &ms)) {
        table_cell(table, host_str("when a call is done"));
    } else if (ms == 0) {
        table_cell(table, host_str("now"));
    } else {
        (void)snprintf(text, sizeof text, "in %lld s", (long long)((ms + 999) / 1000));
        table_cell(table, host_str(text));
    }
}

static void print_table(struct cli *cli, llm_str rows) {
    static const char *const heads[] = {"LIMIT", "FOR", "USED", "FREE", "WAITING", "REFUSED", "ROOM"};
    struct table table = table_new(heads, sizeof heads / sizeof heads[0]);
    llm_json_iter it = llm_json_begin(rows);
    while (llm_json_next(&it)) {
        table_string(&table, llm_json_get(it.value, "limit"));
        for_cell(&table, it.value);
        table_string(&table, llm_json_get(it.value, "used"));
        table_string(&table, llm_json_get(it.value, "free"));
        table_string(&table, llm_json_get(it.value, "waiting"));
        table_string(&table, llm_json_get(it.value, "refused"));
        room_cell(&table, it.value);
    }
    table_print(&table, &cli->out);
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
    struct host_text rows = {0};
    const int status = cli_describe(cli, "limits", NULL, json, &rows);
    if (status == CLI_OK && json) {
        cli_print_json(cli, host_text_str(&rows));
    } else if (status == CLI_OK && llm_json_count(host_text_str(&rows)) > 0) {
        print_table(cli, host_text_str(&rows));
    } else if (status == CLI_OK && !cli->quiet) {
        cli_say(cli, NULL, "no limits are set; \"limits\" in config.json sets them");
    }
    host_text_done(&rows);
    return status;
}

const struct cli_command cli_limits = {
    .name = "limits",
    .operands = "",
    .summary = "The limits in force: what is used, what is free, who waits",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
};
