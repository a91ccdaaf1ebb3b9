// SPDX-License-Identifier: MIT
#include "wishes.h"

static int read_number(const struct cli_args *args, int64_t min, int64_t max, uint32_t *ret) {
    int64_t value;
    if (!llm_json_int64(host_str(args->value), &value) || value < min || value > max) {
        return cli_usage(args->cli, args, "--%s takes a number from %lld to %lld", args->option->name,
                         (long long)min, (long long)max);
    }
    *ret = (uint32_t)value;
    return CLI_OK;
}

bool cli_wishes_take(struct cli_wishes *wishes, const struct cli_args *args, int *ret_status) {
    *ret_status = CLI_OK;
    if (cli_is(args, "tag")) {
        wishes->tag = args->value;
    } else if (cli_is(args, "fallback")) {
        if (wishes->n_fallbacks >= CLI_MAX_FALLBACKS) {
            *ret_status = cli_usage(args->cli, args, "at most %u fall-backs", CLI_MAX_FALLBACKS);
            return true;
        }
        wishes->fallbacks[wishes->n_fallbacks++] = args->value;
    } else if (cli_is(args, "no-fallback")) {
        wishes->no_fallback = true;
    } else if (cli_is(args, "max-attempts")) {
        *ret_status = read_number(args, 1, 16, &wishes->max_attempts);
    } else if (cli_is(args, "hedge-ms")) {
        *ret_status = read_number(args, 1, 3600000, &wishes->hedge_ms);
    } else {
        return false;
    }
    return true;
}

void cli_wishes_put(const struct cli_wishes *wishes, llm_query_args *query) {
    query->tag = wishes->tag;
    query->fallbacks = wishes->n_fallbacks > 0 ? wishes->fallbacks : NULL;
    query->max_attempts = wishes->max_attempts;
    query->hedge_ms = wishes->hedge_ms;
    query->flags |= wishes->no_fallback ? LLM_QUERY_NO_FALLBACK : 0;
}
