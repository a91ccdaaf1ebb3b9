// SPDX-License-Identifier: MIT
// The debug record of a call, for people: --debug.
#ifndef LLM_CLI_DEBUG_H
#define LLM_CLI_DEBUG_H

#include "cli.h"

// Each exchange on standard error, a line for each fact, "debug: > " before what was sent and "debug: < " before what came.
void cli_debug(struct cli *cli, const llm_response *response);

#endif
