// SPDX-License-Identifier: MIT
#include <unistd.h>

#include "cli.h"
#include "cmd_plugins_new.h"
#include "cmd_record.h"
#include "table.h"

static const struct cli_option options[] = {
    {0, "all", NULL, "list: refused and unused files too, with the reason"},
    {0, "json", NULL, "print JSON, as docs/describe.md describes it"},
};

struct plugins {
    const char *verb, *name;
    bool all, json;
};

static int read_args(struct plugins *plugins, struct cli_args *args) {
    int found;
    while ((found = cli_args_next(args)) != CLI_ARG_END) {
        if (found == CLI_ARG_HELP) {
            return CLI_HELP_WANTED;
        }
        if (found == CLI_ARG_BAD) {
            return CLI_USAGE;
        }
        if (found == CLI_ARG_OPERAND && plugins->verb == NULL) {
            plugins->verb = args->value;
        } else if (found == CLI_ARG_OPERAND && plugins->name == NULL) {
            plugins->name = args->value;
        } else if (found == CLI_ARG_OPERAND) {
            return cli_usage(args->cli, args, "\"%.64s\" is too much", args->value);
        } else if (cli_is(args, "all")) {
            plugins->all = true;
        } else {
            plugins->json = true;
        }
    }
    const bool list = plugins->verb != NULL && strcmp(plugins->verb, "list") == 0;
    const bool show = plugins->verb != NULL && strcmp(plugins->verb, "show") == 0;
    if (!list && !show) {
        return cli_usage(args->cli, args,
                         "say list, show NAME, new NAME, check FILE, diff OLD NEW, bench FILE, pack DIR "
                         "FILE, record OPERATION, replay DIR or vectors DIR FILE");
    }
    if (show != (plugins->name != NULL)) {
        return cli_usage(args->cli, args, show ? "show needs the name of a plugin" : "list takes no name");
    }
    return CLI_OK;
}

static bool is_state(llm_str plugin, const char *state) {
    return llm_json_is(llm_json_get(plugin, "state"), state);
}

static bool is_usable(llm_str plugin) {
    return is_state(plugin, "found") || is_state(plugin, "loaded");
}

static void names_cell(struct table *table, llm_str names) {
    struct host_text text = {0};
    llm_json_iter it = llm_json_begin(names);
    while (llm_json_next(&it)) {
        host_text_text(&text, text.len > 0 ? " " : "");
        host_text_decoded(&text, it.value);
    }
    table_cell(table, host_text_str(&text));
    host_text_done(&text);
}

static void print_table(const struct plugins *plugins, struct cli *cli, llm_str list) {
    static const char *const some[] = {"PLUGIN", "VERSION", "STATE", "FILE", "PROVIDERS"};
    static const char *const all[] = {"PLUGIN", "VERSION", "STATE", "FILE", "PROVIDERS OR REASON"};
    struct table table = table_new(plugins->all ? all : some, sizeof all / sizeof all[0]);
    llm_json_iter it = llm_json_begin(list);
    while (llm_json_next(&it)) {
        const llm_str reason = llm_json_get(it.value, "reason");
        if (!plugins->all && !is_usable(it.value)) {
            continue;
        }
        table_string(&table, llm_json_get(it.value, "id"));
        table_string(&table, llm_json_get(it.value, "version"));
        table_string(&table, llm_json_get(it.value, "state"));
        table_string(&table, llm_json_get(it.value, "path"));
        if (llm_json_type(reason) == '"') {
            table_string(&table, reason);
        } else {
            names_cell(&table, llm_json_get(it.value, "providers"));
        }
    }
    table_print(&table, &cli->out);
}

static void print_json(const struct plugins *plugins, struct cli *cli, llm_str list) {
    struct host_text json = {0};
    llm_json_writer w = llm_json_writer_to(host_text_sink, &json);
    llm_json_array(&w);
    llm_json_iter it = llm_json_begin(list);
    while (llm_json_next(&it)) {
        if (plugins->all || is_usable(it.value)) {
            llm_json_raw(&w, it.value);
        }
    }
    llm_json_array_end(&w);
    cli_print_json(cli, host_text_str(&json));
    host_text_done(&json);
}

static int list_plugins(const struct plugins *plugins, struct cli *cli, llm_str list) {
    size_t usable = 0, refused = 0;
    llm_json_iter it = llm_json_begin(list);
    while (llm_json_next(&it)) {
        usable += is_usable(it.value);
        refused += is_state(it.value, "refused") || is_state(it.value, "faulted");
    }
    if (plugins->json) {
        print_json(plugins, cli, list);
    } else {
        print_table(plugins, cli, list);
    }
    if (usable > 0) {
        if (refused > 0 && !plugins->all && !cli->quiet) {
            cli_say(cli, NULL, "%zu file%s refused; plugins list --all tells why", refused,
                    refused == 1 ? " is" : "s are");
        }
        return CLI_OK;
    }
    if (refused > 0) {
        cli_say(cli, NULL, "all plugins are refused; plugins list --all tells why");
        return CLI_PLUGIN;
    }
    cli_say(cli, NULL, "there is no plugin; llm-master doctor tells where they are looked for");
    return CLI_CONFIG;
}

// A member a line.
static void print_members(struct cli *cli, llm_str plugin) {
    llm_json_iter it = llm_json_begin(plugin);
    while (llm_json_next(&it)) {
        struct host_text line = {0};
        if (llm_json_type(it.value) == 'n') {
            continue;
        }
        host_text_decoded(&line, it.name);
        host_text_text(&line, "=");
        if (llm_json_type(it.value) == '"') {
            host_text_decoded(&line, it.value);
        } else {
            host_text_minified(&line, it.value);
        }
        host_text_text(&line, "\n");
        term_write(&cli->out, line.ptr, line.failed ? 0 : line.len);
        host_text_done(&line);
    }
}

static int show_plugin(const struct plugins *plugins, struct cli *cli, llm_str list) {
    int status = CLI_OK;
    if (plugins->json) {
        cli_print_json(cli, list);
    }
    llm_json_iter it = llm_json_begin(list);
    while (llm_json_next(&it)) {
        if (!plugins->json) {
            print_members(cli, it.value);
        }
        if (is_state(it.value, "refused") || is_state(it.value, "faulted")) {
            struct host_text reason = {0};
            host_text_decoded(&reason, llm_json_get(it.value, "reason"));
            cli_say(cli, plugins->name, "%.*s", (int)reason.len, reason.len > 0 ? reason.ptr : "");
            host_text_done(&reason);
            status = CLI_PLUGIN;
        }
    }
    return status;
}

// check, diff and bench load a plugin without a core around it: another program does that, in processes of its own.
static int run_tool(struct cli *cli, struct cli_args *args) {
    static const char *const places[] = {"../../sdk/check", "../libexec/llm-master", LLM_LIBEXECDIR};
    const char *verb = args->argv[args->at];
    char path[8192], self[4096];
    const char *argv[260] = {"llm-plugin-check"};
    size_t n = 1;
    if (args->argc - args->at > 250) {
        return cli_usage(cli, args, "too many arguments");
    }
    const char *first = args->at + 1 < args->argc ? args->argv[args->at + 1] : "";
    const bool help = strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0; // no value of --diff
    if (strcmp(verb, "check") != 0 && !help) {
        argv[n++] = strcmp(verb, "diff") == 0      ? "--diff"
                    : strcmp(verb, "pack") == 0    ? "--pack"
                    : strcmp(verb, "vectors") == 0 ? "--vectors-of"
                                                   : "--bench";
    }
    for (int i = args->at + 1; i < args->argc; i++) {
        argv[n++] = args->argv[i];
    }
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const bool relative = places[i][0] != '/';
        (void)snprintf(path, sizeof path, "%s%s%s/llm-plugin-check", relative ? self : "",
                       relative ? "/" : "", places[i]);
        (void)execv(path, (char *const *)(uintptr_t)argv);
    }
    cli_say(cli, NULL, "llm-plugin-check is not installed: it belongs into %s", LLM_LIBEXECDIR);
    return CLI_CONFIG;
}

static bool is_tool(const struct cli_args *args) {
    const char *verb = args->at < args->argc ? args->argv[args->at] : "";
    return strcmp(verb, "check") == 0 || strcmp(verb, "diff") == 0 || strcmp(verb, "bench") == 0 ||
           strcmp(verb, "pack") == 0 || strcmp(verb, "vectors") == 0;
}

static int run(struct cli *cli, struct cli_args *args) {
    if (is_tool(args)) {
        return run_tool(cli, args);
    }
    if (args->at < args->argc && strcmp(args->argv[args->at], "replay") == 0) {
        args->at++;
        args->command = cli_replay.name;
        args->table = cli_replay.options;
        args->n_table = cli_replay.n_options;
        return cli_replay.run(cli, args);
    }
    if (args->at < args->argc && strcmp(args->argv[args->at], "new") == 0) {
        args->at++;
        return cli_plugins_new(cli, args);
    }
    if (args->at < args->argc && strcmp(args->argv[args->at], "record") == 0) {
        args->at++;
        return cli_plugins_record(cli, args);
    }
    struct plugins plugins = {0};
    struct host_text list = {0};
    int status = read_args(&plugins, args);
    status = status == CLI_OK ? cli_describe(cli, "plugins", plugins.name, plugins.json, &list) : status;
    if (status == CLI_OK) {
        const llm_str all = host_text_str(&list);
        status = plugins.name != NULL ? show_plugin(&plugins, cli, all) : list_plugins(&plugins, cli, all);
    }
    host_text_done(&list);
    return status;
}

const struct cli_command cli_plugins = {
    .name = "plugins",
    .operands = "list | show NAME | new NAME | check FILE | diff OLD NEW | bench FILE | pack DIR FILE | "
                "record OPERATION | replay DIR | vectors DIR FILE",
    .summary = "Plugins: which were found, what they are, why one is refused",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
};
