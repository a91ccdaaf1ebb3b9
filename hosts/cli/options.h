// SPDX-License-Identifier: MIT
// Options and operands of a command line, one at a time.
#ifndef LLM_CLI_OPTIONS_H
#define LLM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct cli;

struct cli_option {
    char letter;      // '\0': only a name
    const char *name; // without "--"
    const char *arg;  // what its value is called; NULL: it takes none
    const char *help;
};

#define CLI_ARG_END 0
#define CLI_ARG_OPTION 1  // option and value are set
#define CLI_ARG_OPERAND 2 // value is set
#define CLI_ARG_HELP 3    // --help
#define CLI_ARG_BAD 4     // it was said what is wrong

struct cli_args {
    struct cli *cli;
    char **argv;
    int argc, at;
    const char *command; // for messages; "" before it is known
    const struct cli_option *table;
    size_t n_table;
    bool stop_at_operand; // the whole program's part of the line
    // what was found
    const struct cli_option *option;
    const char *value; // of the option (NULL when it takes none), or the operand
    // private
    const char *cluster;
    bool literal;
};

// The next one: CLI_ARG_*.  The whole program's options (--config, --plugin-dir, -v, -q, -u) are applied to args->cli and not given.
int cli_args_next(struct cli_args *args);

// Is it the option of that name?
bool cli_is(const struct cli_args *args, const char *name);

// Options as lines of a help text, on standard output.
void cli_help_options(const struct cli_option *table, size_t n);
extern const struct cli_option cli_program_options[];
extern const size_t cli_program_options_count;

#endif
