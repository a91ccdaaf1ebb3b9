// SPDX-License-Identifier: MIT
#include "cli.h"
#include "table.h"

static const struct cli_option options[] = {
    {0, "origin", NULL, "show: where each setting is from"},
    {0, "json", NULL, "print JSON, as docs/describe.md describes it"},
};

static void print_table(struct cli *cli, llm_str rows, bool origin) {
    static const char *const heads[] = {"SETTING", "VALUE", "FROM"};
    struct table table = table_new(heads, origin ? 3 : 2);
    llm_json_iter it = llm_json_begin(rows);
    while (llm_json_next(&it)) {
        table_string(&table, llm_json_get(it.value, "name"));
        table_string(&table, llm_json_get(it.value, "value"));
        if (origin) {
            table_string(&table, llm_json_get(it.value, "origin"));
        }
    }
    table_print(&table, &cli->out);
}

static int show(struct cli *cli, bool origin, bool json) {
    struct host_text rows = {0};
    const int status = cli_describe(cli, "config", NULL, json, &rows);
    if (status == CLI_OK && json) {
        cli_print_json(cli, host_text_str(&rows));
    } else if (status == CLI_OK) {
        print_table(cli, host_text_str(&rows), origin);
    }
    host_text_done(&rows);
    return status;
}

// Is the row about what the settings say?
static bool is_about_settings(llm_str subject) {
    static const char *const patterns[] = {"*.json*", "default_model*", "keys.*", "base_urls.*", "ledger.*"};
    bool about = false;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        about = about || host_glob(host_str(patterns[i]), subject);
    }
    return about;
}

// Settings that can be read are fine by themselves; what the doctor finds wrong with files of settings counts too.  A warning is told, also that a
// provider cannot be used; that none has a key is none.
static int check(struct cli *cli, bool json) {
    struct host_text rows = {0};
    int status = cli_describe(cli, "doctor", NULL, json, &rows);
    const int described = status;
    size_t warnings = 0;
    llm_json_iter it = llm_json_begin(host_text_str(&rows));
    while (described == CLI_OK && llm_json_next(&it)) {
        struct host_text subject = {0}, text = {0};
        host_text_decoded(&subject, llm_json_get(it.value, "subject"));
        host_text_decoded(&text, llm_json_get(it.value, "text"));
        host_text_add(&subject, "", 1);
        const llm_str level = llm_json_get(it.value, "level"), remedy = llm_json_get(it.value, "remedy");
        const bool warning = llm_json_is(level, "warning") &&
                             !host_glob(host_str("keys"), (llm_str){subject.ptr, strlen(subject.ptr)});
        if (warning || (llm_json_is(level, "error") && is_about_settings(host_text_str(&subject)))) {
            if (llm_json_type(remedy) == '"') {
                host_text_text(&text, "; ");
                host_text_decoded(&text, remedy);
            }
            cli_say(cli, subject.ptr, "%s%.*s", warning ? "warning: " : "", (int)text.len, text.ptr);
            warnings += warning;
            status = warning ? status : CLI_CONFIG;
        }
        host_text_done(&subject);
        host_text_done(&text);
    }
    if (status == CLI_OK && !json) {
        term_text(&cli->out, warnings == 0 ? "the settings are fine\n" : "the settings can be used\n");
    } else if (described == CLI_OK && json) {
        cli_print_json(cli, host_text_str(&rows));
    }
    host_text_done(&rows);
    return status;
}

static int run(struct cli *cli, struct cli_args *args) {
    const char *verb = NULL;
    bool origin = false, json = false;
    int found;
    while ((found = cli_args_next(args)) != CLI_ARG_END) {
        if (found == CLI_ARG_HELP) {
            return CLI_HELP_WANTED;
        }
        if (found == CLI_ARG_BAD) {
            return CLI_USAGE;
        }
        if (found == CLI_ARG_OPERAND && verb != NULL) {
            return cli_usage(cli, args, "\"%.64s\" is too much", args->value);
        }
        if (found == CLI_ARG_OPERAND) {
            verb = args->value;
        } else if (cli_is(args, "origin")) {
            origin = true;
        } else {
            json = true;
        }
    }
    if (verb != NULL && strcmp(verb, "show") == 0) {
        return show(cli, origin, json);
    }
    if (verb != NULL && strcmp(verb, "check") == 0) {
        return check(cli, json);
    }
    return cli_usage(cli, args, "say show or check");
}

const struct cli_command cli_config = {
    .name = "config",
    .operands = "show | check",
    .summary = "The settings in force, where each is from, and whether they are right",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
};
