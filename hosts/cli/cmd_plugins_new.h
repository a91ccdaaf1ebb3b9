// SPDX-License-Identifier: MIT
// plugins new: a folder with a plugin that builds and conforms.
#ifndef LLM_CLI_CMD_PLUGINS_NEW_H
#define LLM_CLI_CMD_PLUGINS_NEW_H

#include "cli.h"

// args: behind the word "new".
int cli_plugins_new(struct cli *cli, struct cli_args *args);

#endif
