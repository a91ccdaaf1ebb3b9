// SPDX-License-Identifier: MIT
// What the commands of llm-master share.
#ifndef LLM_CLI_H
#define LLM_CLI_H

#include "host_text.h"
#include "llm_master.h"
#include "options.h"
#include "term.h"

// Exit statuses: part of the public contract.
#define CLI_OK 0
#define CLI_FAILED 1 // the call failed
#define CLI_USAGE 2  // wrong usage
#define CLI_CONFIG 3 // settings or key missing or wrong
#define CLI_PLUGIN 4 // plugin refused or at fault
#define CLI_INTERRUPTED 130
#define CLI_HELP_WANTED (-1) // of a command: main prints its help

#define CLI_MAX_PLUGIN_DIRS 64u          // --plugin-dir
#define CLI_MAX_PARAMS 256u              // -p: as many members as a request may have
#define CLI_MAX_ATTACHMENTS 64u          // -a
#define CLI_MAX_SAVED_BYTES (256u << 20) // a result that is fetched by its URL

// The program.
struct cli {
    const char *config_file;                          // --config
    const char *plugin_dirs[CLI_MAX_PLUGIN_DIRS + 1]; // --plugin-dir, NULL-terminated
    size_t n_plugin_dirs;
    unsigned verbose;         // -v: 1, -vv: 2
    bool quiet;               // -q
    bool facts;               // -u
    unsigned debug;           // --debug: 1, --debug-bodies: 2
    const char *metrics_file; // --metrics; NULL: none
    uint64_t log_lost;        // lines of the log that could not be written
    struct term out, err;
    struct host_pool pool; // as long as the program
    bool has_max_wait;     // --max-wait
    uint32_t max_wait_ms;
    const char *settings;           // JSON laid over all others; NULL: none
    const llm_transport *transport; // in the place of HTTP; NULL: HTTP
    bool records;                   // of the command that runs
    llm_master *master;             // cli_open()
};

struct cli_command {
    const char *name, *operands, *summary;
    const struct cli_option *options;
    size_t n_options;
    int (*run)(struct cli *cli, struct cli_args *args);
    bool records; // its calls go into the ledger, when the settings name one
};

extern const struct cli_command cli_query, cli_image, cli_embed, cli_request, cli_models, cli_providers,
    cli_keys, cli_ledger, cli_plugins, cli_replay, cli_sim, cli_limits, cli_config, cli_doctor;

// One line on standard error: "llm-master: PROVIDER: message"; provider NULL or "": without it.  Control bytes become blanks.
void cli_say(struct cli *cli, const char *provider, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cli_say_error(struct cli *cli, const llm_error *err);

// "llm-master COMMAND: message; see llm-master COMMAND --help", and CLI_USAGE.
int cli_usage(struct cli *cli, const struct cli_args *args, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The exit status that a failure means.
int cli_exit_of(const llm_error *err);

// Make cli->master, once.  CLI_OK, or the exit status of what was said on standard error; with json the failure goes to standard
// output too.
int cli_open(struct cli *cli, bool json);
void cli_close(struct cli *cli);

// llm_master_describe(): CLI_OK and *ret_json (valid JSON, an array), or as cli_open().
int cli_describe(struct cli *cli, const char *what, const char *filter, bool json,
                 struct host_text *ret_json);

// A failure as the JSON that commands print: {"error": {...}, "attempts": []} and a newline, on standard output.
void cli_print_failure(struct cli *cli, const llm_error *err);

// JSON and a newline on standard output.
void cli_print_json(struct cli *cli, llm_str json);

// Read a file, or standard input for "-".  CLI_OK, or CLI_USAGE after saying why.
int cli_read(struct cli *cli, const char *path, struct host_text *to);

// A path as an absolute one, from cli->pool; NULL after saying why.
const char *cli_absolute(struct cli *cli, const char *path);

// A descriptor that becomes readable when the person interrupts (SIGINT, SIGTERM); a second interrupt ends the program at once.
// -1: cannot be had.
int cli_interrupt_fd(void);

// The nearest of n names to what was typed, or NULL when none is near.
const char *cli_nearest(const char *typed, const char *const *names, size_t n);

#endif
