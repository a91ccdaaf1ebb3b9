// SPDX-License-Identifier: MIT
// What every command that asks a provider takes: who asks, and what happens when a provider fails.
#ifndef LLM_CLI_WISHES_H
#define LLM_CLI_WISHES_H

#include "cli.h"

#define CLI_MAX_FALLBACKS 16u

#define CLI_WISHES                                                                                           \
    {0, "tag", "NAME", "who asks: for limits, the ledger and the cache"},                                    \
        {0, "fallback", "MODEL", "a model to ask when this one fails; may be repeated"},                     \
        {0, "no-fallback", NULL, "no other model or provider, whatever the settings say"},                   \
        {0, "max-attempts", "N", "tries over all models; 1: no retry"}, {                                    \
        0, "hedge-ms", "MS", "ask again elsewhere when no output came by then"                               \
    }

struct cli_wishes {
    const char *tag;
    const char *fallbacks[CLI_MAX_FALLBACKS + 1]; // NULL-terminated
    size_t n_fallbacks;
    uint32_t max_attempts, hedge_ms;
    bool no_fallback;
};

// Is the option that was found one of them?  *ret_status: CLI_OK, or what was said.
bool cli_wishes_take(struct cli_wishes *wishes, const struct cli_args *args, int *ret_status);
// Put them into a query; borrowed until its end.
void cli_wishes_put(const struct cli_wishes *wishes, llm_query_args *query);

#endif
