// SPDX-License-Identifier: MIT
// One call of a command: run it, show what comes, tell how it ended.
#ifndef LLM_CLI_CALL_H
#define LLM_CLI_CALL_H

#include "cli.h"

struct cli_call {
    struct cli *cli;
    llm_query_args args; // set it up; on_event and ctx are taken
    bool show_text;      // write content to standard output as it comes
    bool show_progress;  // say on a terminal's standard error that it is being waited for
    bool say_model;      // say which model was taken
    bool json;           // failures go to standard output too
    // what came of it
    llm_response *response; // NULL: the call did not begin
    llm_error error;        // status LLM_OK: none
    // private
    llm_call *call;
    bool ended, interrupted, wrote, waited;
    size_t n_tools;
};

// Run it to its end.  CLI_OK, or the exit status; failures were said on standard error, and with json printed.
// The response (perhaps of a failed call) is there until cli_call_done().
int cli_call_run(struct cli_call *call);
void cli_call_done(struct cli_call *call);

// The response's JSON; paths (nullable): where blob i was saved, NULL: nowhere.  false: out of memory.
bool cli_call_json(const struct cli_call *call, const char *const *paths, size_t n_paths,
                   struct host_text *ret);

// "MODEL via PROVIDER | 12 in (0 cached) + 34 out | $0.0000222 | 0.41 s, first token 0.12 s | 2 attempts" on standard error, when it is a
// terminal or -u was given, and not with -q.
void cli_facts(struct cli *cli, const llm_response *response);

#endif
