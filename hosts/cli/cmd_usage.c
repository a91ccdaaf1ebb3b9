// SPDX-License-Identifier: MIT
#include "cli.h"
#include "usage_print.h"

#include <stdlib.h>
#include <time.h>

#define EXPORT_PAGE 10000u // calls of one look

static const struct cli_option options[] = {
    {0, "by", "WHAT", "day, provider, model, operation, tag, key or status; may be repeated (day, provider)"},
    {0, "since", "TIME", "from then on: 2026-11-24, 2026-11-24T12:30, today, yesterday, 24h, 7d, 2w"},
    {0, "until", "TIME", "before then; a date alone: the whole of that day too"},
    {0, "zone", "OFFSET", "days begin and times are meant there: +01:00 (UTC)"},
    {0, "provider", "NAME", "calls of this provider only"},
    {0, "model", "NAME", "calls of this model only, as it was asked for"},
    {0, "operation", "NAME", "calls of this operation only"},
    {0, "tag", "TEXT", "calls with this tag only; \"\": those without"},
    {0, "key", "NAME", "calls with this key only"},
    {0, "status", "NAME", "calls that ended so: ok, rate_limited, ..."},
    {0, "table", NULL, "print a table (what it does anyway)"},
    {0, "json", NULL, "print JSON, as docs/ledger.md describes it; export: one call a line"},
    {0, "csv", NULL, "print CSV (what export does anyway)"},
    {0, "plot", NULL, "draw bars"},
    {0, "of", "WHAT", "what the bars show: cost, calls, input or output (cost, when it is known)"},
};

enum form { TABLE, JSON, CSV, PLOT };

struct wish {
    llm_usage_args args;
    char by[128];
    const char *verb, *since, *until, *of;
    bool formed;
    enum form form;
    int32_t zone_s;
};

// ---- what is asked for -----------------------------------------------------------------------------------------------

static int add_by(struct cli *cli, const struct cli_args *args, struct wish *wish) {
    static const char *const names[] = {"day", "provider", "model", "operation", "tag", "key", "status"};
    const size_t n = strlen(wish->by), more = strlen(args->value);
    const char *at = args->value;
    while (*at != '\0') {
        const size_t len = strcspn(at, ",");
        size_t i = 0;
        while (i < 7 && !(strlen(names[i]) == len && strncmp(at, names[i], len) == 0)) {
            i++;
        }
        if (i == 7) {
            return cli_usage(cli, args,
                             "--by \"%.32s\" is none of day, provider, model, operation, tag, key, status",
                             args->value);
        }
        at += len + (at[len] == ',' ? 1 : 0);
    }
    if (n + more + 2 > sizeof wish->by) {
        return cli_usage(cli, args, "--by stands there too often");
    }
    (void)snprintf(wish->by + n, sizeof wish->by - n, "%s%s", n > 0 ? "," : "", args->value);
    return CLI_OK;
}

static int take_of(struct cli *cli, const struct cli_args *args, struct wish *wish) {
    static const char *const names[][2] = {
        {"cost", "cost_usd"}, {"calls", "calls"}, {"input", "input_tokens"}, {"output", "output_tokens"}};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(args->value, names[i][0]) == 0) {
            wish->of = names[i][1];
            return CLI_OK;
        }
    }
    return cli_usage(cli, args, "--of \"%.32s\" is none of cost, calls, input, output", args->value);
}

static int take_option(struct cli *cli, const struct cli_args *args, struct wish *wish) {
    const struct {
        const char *name;
        const char **to;
    } texts[] = {
        {"since", &wish->since},
        {"until", &wish->until},
        {"provider", &wish->args.provider},
        {"model", &wish->args.model},
        {"operation", &wish->args.operation},
        {"tag", &wish->args.tag},
        {"key", &wish->args.key},
        {"status", &wish->args.status},
    };
    static const char *const forms[] = {"table", "json", "csv", "plot"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (cli_is(args, texts[i].name)) {
            *texts[i].to = args->value;
            return CLI_OK;
        }
    }
    for (size_t i = 0; i < 4; i++) {
        if (cli_is(args, forms[i])) {
            if (wish->formed && wish->form != (enum form)i) {
                return cli_usage(cli, args, "--table, --json, --csv and --plot exclude each other");
            }
            wish->form = (enum form)i;
            wish->formed = true;
            return CLI_OK;
        }
    }
    if (cli_is(args, "by")) {
        return add_by(cli, args, wish);
    }
    if (cli_is(args, "of")) {
        return take_of(cli, args, wish);
    }
    return usage_zone(args->value, &wish->zone_s)
               ? CLI_OK
               : cli_usage(cli, args, "--zone \"%.32s\" is no offset like +01:00", args->value);
}

static int take_times(struct cli *cli, const struct cli_args *args, struct wish *wish) {
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    const int64_t now_us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
    const struct {
        const char *name, *text;
        bool end;
        int64_t *to;
    } times[] = {{"since", wish->since, false, &wish->args.since_us},
                 {"until", wish->until, true, &wish->args.until_us}};
    for (size_t i = 0; i < 2; i++) {
        if (times[i].text != NULL &&
            !usage_time(times[i].text, now_us, wish->zone_s, times[i].end, times[i].to)) {
            return cli_usage(cli, args,
                             "--%s \"%.32s\" is no time like 2026-11-24, 2026-11-24T12:30, today, 24h or 7d",
                             times[i].name, times[i].text);
        }
    }
    wish->args.day_offset_s = wish->zone_s;
    return CLI_OK;
}

static int read_line(struct cli *cli, struct cli_args *args, struct wish *wish) {
    int found;
    while ((found = cli_args_next(args)) != CLI_ARG_END) {
        if (found == CLI_ARG_HELP) {
            return CLI_HELP_WANTED;
        }
        if (found == CLI_ARG_BAD) {
            return CLI_USAGE;
        }
        if (found == CLI_ARG_OPERAND && (wish->verb != NULL || (strcmp(args->value, "check") != 0 &&
                                                                strcmp(args->value, "export") != 0))) {
            return cli_usage(cli, args, "\"%.64s\" is neither check nor export", args->value);
        }
        if (found == CLI_ARG_OPERAND) {
            wish->verb = args->value;
            continue;
        }
        const int status = take_option(cli, args, wish);
        if (status != CLI_OK) {
            return status;
        }
    }
    return take_times(cli, args, wish);
}

// ---- what comes of it ------------------------------------------------------------------------------------------------

static int ask(struct cli *cli, const llm_usage_args *args, bool json, char **ret, size_t *ret_len) {
    llm_error err = LLM_ERROR_INIT;
    if (llm_master_usage(cli->master, args, ret, ret_len, &err) == LLM_OK) {
        return CLI_OK;
    }
    cli_say_error(cli, &err);
    if (json) {
        cli_print_failure(cli, &err);
    }
    return err.status == LLM_E_NOT_FOUND ? CLI_CONFIG : cli_exit_of(&err);
}

static int check(struct cli *cli, struct wish *wish) {
    char *json = NULL;
    size_t len = 0;
    int good = 0;
    wish->args.what = "check";
    const int status = ask(cli, &wish->args, wish->form == JSON, &json, &len);
    if (status != CLI_OK) {
        return status;
    }
    const llm_str text = {json, len};
    (void)llm_json_bool(llm_json_get(text, "ok"), &good);
    if (wish->form == JSON) {
        cli_print_json(cli, text);
    } else if (good) {
        term_text(&cli->out, "the ledger is intact\n");
    } else {
        for (llm_json_iter it = llm_json_begin(llm_json_get(text, "problems")); llm_json_next(&it);) {
            struct host_text line = {0};
            host_text_decoded(&line, it.value);
            cli_say(cli, NULL, "%.*s", (int)line.len, line.len > 0 ? line.ptr : "");
            host_text_done(&line);
        }
    }
    llm_free(json);
    return good ? CLI_OK : CLI_FAILED;
}

static void print_lines(struct cli *cli, llm_str rows) {
    for (llm_json_iter it = llm_json_begin(rows); llm_json_next(&it);) {
        cli_print_json(cli, it.value);
    }
}

// Call by call, in pages: a ledger may be larger than memory.
static int export(struct cli *cli, struct wish *wish) {
    char after[64] = "";
    int status = CLI_OK;
    bool more = true;
    wish->args.what = "calls";
    wish->args.limit = EXPORT_PAGE;
    for (bool first = true; more && status == CLI_OK; first = false) {
        char *json = NULL;
        size_t len = 0;
        wish->args.after = first ? NULL : after;
        status = ask(cli, &wish->args, false, &json, &len);
        if (status != CLI_OK) {
            break;
        }
        const llm_str text = {json, len}, next = llm_json_get(text, "next");
        const llm_str rows = llm_json_get(text, "calls");
        if (wish->form == JSON) {
            print_lines(cli, rows);
        } else {
            usage_print_calls(cli, rows, first);
        }
        more = llm_json_type(next) == '"';
        usage_text(next, after, sizeof after);
        llm_free(json);
    }
    return status;
}

static int sums(struct cli *cli, struct wish *wish) {
    char *json = NULL;
    size_t len = 0;
    if (wish->by[0] == '\0') {
        (void)snprintf(wish->by, sizeof wish->by, wish->form == PLOT ? "day" : "day,provider");
    }
    wish->args.by = wish->by;
    const int status = ask(cli, &wish->args, wish->form == JSON, &json, &len);
    if (status != CLI_OK) {
        return status;
    }
    const llm_str text = {json, len};
    switch (wish->form) {
    case TABLE: usage_print_table(cli, text); break;
    case JSON: cli_print_json(cli, text); break;
    case CSV: usage_print_csv(cli, text); break;
    case PLOT: usage_print_plot(cli, text, wish->of, 0); break;
    }
    llm_free(json);
    return CLI_OK;
}

static int run(struct cli *cli, struct cli_args *args) {
    struct wish wish = {.args = {.size = sizeof wish.args}};
    int status = read_line(cli, args, &wish);
    if (status != CLI_OK) {
        return status;
    }
    status = cli_open(cli, wish.form == JSON && wish.verb == NULL);
    if (status != CLI_OK) {
        return status;
    }
    if (wish.verb == NULL) {
        return sums(cli, &wish);
    }
    return strcmp(wish.verb, "check") == 0 ? check(cli, &wish) : export(cli, &wish);
}

const struct cli_command cli_ledger = {
    .name = "usage",
    .operands = "[check | export]",
    .summary = "What was used and what it cost, by the ledger: docs/ledger.md",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
};
