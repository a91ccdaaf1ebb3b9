// SPDX-License-Identifier: MIT
// llm-master: one command line, any model.
#include "cli.h"
#include "metrics.h"

static const struct cli_command *const commands[] = {
    &cli_query,   &cli_image,  &cli_embed, &cli_request, &cli_models, &cli_providers, &cli_keys,
    &cli_plugins, &cli_replay, &cli_sim,   &cli_ledger,  &cli_limits, &cli_config,    &cli_doctor,
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static const struct cli_option version_option = {0, "version", NULL, "the version, and nothing else"};

static void help(void) {
    printf("usage: llm-master [OPTION]... COMMAND [ARGUMENT]...\n\n"
           "Ask any model of any provider.\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("  %-11s%s\n", commands[i]->name, commands[i]->summary);
    }
    printf("\nOptions, before or behind the command:\n");
    cli_help_options(cli_program_options, cli_program_options_count);
    cli_help_options(&version_option, 1);
    printf("\nllm-master COMMAND --help tells more about one.  man llm-master tells everything.\n"
           "Exit status: 0 done; 1 the call failed; 2 wrong usage; 3 settings or key missing; 4 plugin "
           "refused or at fault;\n"
           "130 interrupted.\n");
}

static void help_command(const struct cli_command *command) {
    printf("usage: llm-master %s [OPTION]...%s%s\n\n%s.\n", command->name,
           command->operands[0] != '\0' ? " " : "", command->operands, command->summary);
    if (command->n_options > 0) {
        printf("\nOptions:\n");
        cli_help_options(command->options, command->n_options);
    }
    printf("\nOptions of the program:\n");
    cli_help_options(cli_program_options, cli_program_options_count);
}

static const struct cli_command *find(struct cli *cli, const char *name) {
    const char *names[COMMANDS];
    char list[256];
    struct host_text known = {list, 0, sizeof list, false};
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i]->name;
        if (strcmp(name, names[i]) == 0) {
            return commands[i];
        }
        host_text_text(&known, i > 0 ? " " : "");
        host_text_text(&known, names[i]);
    }
    const char *nearest = cli_nearest(name, names, COMMANDS);
    if (nearest != NULL) {
        cli_say(cli, NULL, "there is no command \"%.64s\"; did you mean %s? There are: %.*s", name, nearest,
                (int)known.len, known.ptr);
    } else {
        cli_say(cli, NULL, "there is no command \"%.64s\"; there are: %.*s", name, (int)known.len, known.ptr);
    }
    return NULL;
}

// help [COMMAND]
static int help_asked(struct cli *cli, struct cli_args *args) {
    args->at++;
    if (args->at == args->argc) {
        help();
        return CLI_OK;
    }
    const struct cli_command *command = find(cli, args->argv[args->at]);
    if (command == NULL) {
        return CLI_USAGE;
    }
    help_command(command);
    return CLI_OK;
}

static int run_command(struct cli *cli, struct cli_args *args) {
    if (strcmp(args->value, "help") == 0) {
        return help_asked(cli, args);
    }
    const struct cli_command *command = find(cli, args->value);
    if (command == NULL) {
        return CLI_USAGE;
    }
    args->at++;
    args->stop_at_operand = false;
    args->command = command->name;
    cli->records = command->records;
    args->table = command->options;
    args->n_table = command->n_options;
    const int status = command->run(cli, args);
    if (status == CLI_HELP_WANTED) {
        help_command(command);
        return CLI_OK;
    }
    return status;
}

static int run(struct cli *cli, struct cli_args *args) {
    switch (cli_args_next(args)) {
    case CLI_ARG_OPTION: printf("llm-master %s\n", llm_version()); return CLI_OK;
    case CLI_ARG_OPERAND: return run_command(cli, args);
    case CLI_ARG_HELP: help(); return CLI_OK;
    case CLI_ARG_BAD: return CLI_USAGE;
    default: return cli_usage(cli, args, "no command is given");
    }
}

int main(int argc, char **argv) {
    struct cli cli = {.out = term_of(stdout), .err = term_of(stderr)};
    struct cli_args args = {.cli = &cli,
                            .argv = argv,
                            .argc = argc,
                            .at = argc > 0 ? 1 : 0,
                            .command = "",
                            .table = &version_option,
                            .n_table = 1,
                            .stop_at_operand = true};
    int status = run(&cli, &args);
    if (!cli_write_metrics(&cli) && status == CLI_OK) {
        status = CLI_FAILED;
    }
    cli_close(&cli);
    if (!term_flush(&cli.out) && status == CLI_OK) {
        cli_say(&cli, NULL, "standard output cannot be written");
        status = CLI_FAILED;
    }
    host_pool_done(&cli.pool);
    return status;
}
