// SPDX-License-Identifier: MIT
#ifndef LLM_CLI_CMD_RECORD_H
#define LLM_CLI_CMD_RECORD_H

#include "cli.h"

// plugins record: args stand behind the verb.  An exit status, or CLI_HELP_WANTED.
int cli_plugins_record(struct cli *cli, struct cli_args *args);

#endif
