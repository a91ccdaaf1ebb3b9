// SPDX-License-Identifier: MIT
#include "options.h"

#include "cli.h"
#include "llm_json.h"

#include <stdio.h>

const struct cli_option cli_program_options[] = {
    {0, "config", "FILE", "settings from FILE, not from $XDG_CONFIG_HOME/llm-master/config.json"},
    {0, "plugin-dir", "DIR", "look for plugins in DIR first; may be repeated"},
    {'v', "verbose", NULL, "say what happens; -vv: every exchange, secrets left out"},
    {'q', "quiet", NULL, "no facts line, no notes, no progress"},
    {'u', "usage", NULL, "the facts line (tokens, cost, time) also when this is no terminal"},
    {0, "debug", NULL, "show each exchange: URL, headers, sizes, times; secrets left out"},
    {0, "debug-bodies", NULL, "the same with the begin of each body"},
    {0, "metrics", "FILE", "write the counters of this run to FILE at the end (Prometheus text)"},
    {0, "max-wait", "MS", "how long a call may wait for limits; 0: it is refused at once"},
    {'h', "help", NULL, "this text"},
};
const size_t cli_program_options_count = sizeof cli_program_options / sizeof cli_program_options[0];

bool cli_is(const struct cli_args *args, const char *name) {
    return strcmp(args->option->name, name) == 0;
}

static const struct cli_option *find(const struct cli_option *table, size_t n, const char *name, size_t len,
                                     char letter) {
    for (size_t i = 0; i < n; i++) {
        const bool same =
            name != NULL && strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0;
        if (same || (name == NULL && table[i].letter == letter)) {
            return &table[i];
        }
    }
    return NULL;
}

static const char *nearest_name(const struct cli_args *args, const char *name) {
    const char *names[64];
    size_t n = 0;
    for (size_t i = 0; i < args->n_table && n < 64; i++) {
        names[n++] = args->table[i].name;
    }
    for (size_t i = 0; i < cli_program_options_count && n < 64; i++) {
        names[n++] = cli_program_options[i].name;
    }
    return cli_nearest(name, names, n);
}

static int unknown(struct cli_args *args, const char *text, const char *name) {
    const char *nearest = name == NULL ? NULL : nearest_name(args, name);
    if (nearest != NULL) {
        cli_usage(args->cli, args, "there is no option %s; did you mean --%s?", text, nearest);
    } else {
        cli_usage(args->cli, args, "there is no option %s", text);
    }
    return CLI_ARG_BAD;
}

static int take_max_wait(struct cli_args *args) {
    const size_t len = args->value != NULL ? strlen(args->value) : 0;
    int64_t ms;
    if (!llm_json_int64((llm_str){args->value, len}, &ms) || ms < 0 || ms > 86400000) {
        cli_usage(args->cli, args, "--max-wait must be a whole number of milliseconds up to 86400000");
        return CLI_ARG_BAD;
    }
    args->cli->has_max_wait = true;
    args->cli->max_wait_ms = (uint32_t)ms;
    return CLI_ARG_END;
}

// The whole program's: apply it.  CLI_ARG_END: done, go on.
static int apply(struct cli_args *args) {
    struct cli *cli = args->cli;
    if (cli_is(args, "help")) {
        return CLI_ARG_HELP;
    }
    if (cli_is(args, "config")) {
        cli->config_file = args->value;
    } else if (cli_is(args, "plugin-dir")) {
        if (cli->n_plugin_dirs == CLI_MAX_PLUGIN_DIRS) {
            cli_usage(cli, args, "more than %u plugin directories", CLI_MAX_PLUGIN_DIRS);
            return CLI_ARG_BAD;
        }
        const char *dir = cli_absolute(cli, args->value);
        if (dir == NULL) {
            return CLI_ARG_BAD;
        }
        cli->plugin_dirs[cli->n_plugin_dirs++] = dir;
    } else if (cli_is(args, "verbose")) {
        cli->verbose++;
    } else if (cli_is(args, "debug") || cli_is(args, "debug-bodies")) {
        const unsigned level = cli_is(args, "debug") ? 1 : 2;
        cli->debug = cli->debug > level ? cli->debug : level;
    } else if (cli_is(args, "metrics")) {
        cli->metrics_file = args->value;
    } else if (cli_is(args, "max-wait")) {
        return take_max_wait(args);
    } else if (cli_is(args, "quiet")) {
        cli->quiet = true;
    } else {
        cli->facts = true;
    }
    return CLI_ARG_END;
}

// The option that was found, with its value taken from here (NULL: from the next word).
static int take(struct cli_args *args, const struct cli_option *option, const char *text, const char *value) {
    args->option = option;
    args->value = value;
    if (option->arg == NULL && value != NULL) {
        cli_usage(args->cli, args, "%s takes no value", text);
        return CLI_ARG_BAD;
    }
    if (option->arg != NULL && value == NULL) {
        if (args->at == args->argc) {
            cli_usage(args->cli, args, "%s needs a value: %s", text, option->arg);
            return CLI_ARG_BAD;
        }
        args->value = args->argv[args->at++];
    }
    const bool own =
        option >= args->table && option < args->table + args->n_table && strcmp(option->name, "help") != 0;
    return own ? CLI_ARG_OPTION : apply(args);
}

static int take_name(struct cli_args *args, const char *word) {
    const char *name = word + 2;
    const char *equals = strchr(name, '=');
    const size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct cli_option *option = find(args->table, args->n_table, name, len, '\0');
    if (option == NULL) {
        option = find(cli_program_options, cli_program_options_count, name, len, '\0');
    }
    return option == NULL ? unknown(args, word, name)
                          : take(args, option, word, equals != NULL ? equals + 1 : NULL);
}

static int take_letter(struct cli_args *args) {
    const char letter = *args->cluster++;
    const char text[] = {'-', letter, '\0'};
    const struct cli_option *option = find(args->table, args->n_table, NULL, 0, letter);
    if (option == NULL) {
        option = find(cli_program_options, cli_program_options_count, NULL, 0, letter);
    }
    if (option == NULL) {
        return unknown(args, text, NULL);
    }
    const char *value = NULL;
    if (option->arg != NULL && *args->cluster != '\0') {
        value = args->cluster;
        args->cluster = NULL;
    } else if (*args->cluster == '\0') {
        args->cluster = NULL;
    }
    return take(args, option, text, value);
}

int cli_args_next(struct cli_args *args) {
    for (;;) {
        int found = CLI_ARG_END;
        if (args->cluster != NULL) {
            found = take_letter(args);
        } else {
            if (args->at == args->argc) {
                return CLI_ARG_END;
            }
            const char *word = args->argv[args->at];
            if (args->literal || word[0] != '-' || word[1] == '\0') {
                args->value = word;
                args->at += !args->stop_at_operand;
                return CLI_ARG_OPERAND;
            }
            args->at++;
            if (strcmp(word, "--") == 0) {
                args->literal = true;
            } else if (word[1] == '-') {
                found = take_name(args, word);
            } else {
                args->cluster = word + 1;
            }
        }
        if (found != CLI_ARG_END) {
            return found;
        }
    }
}

void cli_help_options(const struct cli_option *table, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char left[64];
        const char letter[] = {'-', table[i].letter, ',', ' ', '\0'};
        snprintf(left, sizeof left, "%s--%s%s%s", table[i].letter != 0 ? letter : "    ", table[i].name,
                 table[i].arg != NULL ? " " : "", table[i].arg != NULL ? table[i].arg : "");
        printf("  %-26s %s\n", left, table[i].help);
    }
}
