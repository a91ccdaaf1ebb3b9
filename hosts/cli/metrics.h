// SPDX-License-Identifier: MIT
// The counters of one run, for scripts: --metrics.
#ifndef LLM_CLI_METRICS_H
#define LLM_CLI_METRICS_H

#include "cli.h"

// Write them where --metrics says; without it, or when no master was made, nothing.  false after saying why.
bool cli_write_metrics(struct cli *cli);

#endif
