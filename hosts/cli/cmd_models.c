// SPDX-License-Identifier: MIT
#include "cli.h"
#include "table.h"

static const struct cli_option options[] = {
    {0, "provider", "NAME", "of this provider only"},
    {0, "json", NULL, "print JSON, as docs/describe.md describes it"},
};

// A pattern without * and ? fits anywhere in the name.
static bool fits(llm_str model, const char *pattern) {
    char id[512];
    if (pattern == NULL) {
        return true;
    }
    const size_t len = llm_json_decode(llm_json_get(model, "id"), id, sizeof id);
    const llm_str name = {id, len == SIZE_MAX ? 0 : len};
    if (strpbrk(pattern, "*?") != NULL) {
        return host_glob(host_str(pattern), name);
    }
    return name.len > 0 && memmem(name.ptr, name.len, pattern, strlen(pattern)) != NULL;
}

static void add_text(struct host_text *text, llm_str string) {
    if (llm_json_type(string) == '"') {
        host_text_decoded(text, string);
    } else {
        host_text_text(text, "?");
    }
}

// "0.15 / 0.60", or what is paid for one of something.
static void price_cell(struct table *table, llm_str model) {
    static const struct {
        const char *member, *text;
    } units[] = {
        {"per_image", " per image"},
        {"per_request", " per request"},
        {"per_second", " per second"},
        {"per_character", " per character"},
    };
    struct host_text text = {0};
    const llm_str in = llm_json_get(model, "input_per_mtok"), out = llm_json_get(model, "output_per_mtok");
    if (in.ptr != NULL || out.ptr != NULL) {
        add_text(&text, in);
        host_text_text(&text, " / ");
        add_text(&text, out);
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const llm_str price = llm_json_get(model, units[i].member);
        if (price.ptr != NULL) {
            host_text_text(&text, text.len > 0 ? ", " : "");
            add_text(&text, price);
            host_text_text(&text, units[i].text);
        }
    }
    table_cell(table, host_text_str(&text));
    host_text_done(&text);
}

static void abilities_cell(struct table *table, llm_str model) {
    struct host_text text = {0};
    llm_json_iter it = llm_json_begin(llm_json_get(model, "abilities"));
    while (llm_json_next(&it)) {
        host_text_text(&text, text.len > 0 ? " " : "");
        add_text(&text, it.value);
    }
    table_cell(table, host_text_str(&text));
    host_text_done(&text);
}

static size_t print_table(struct cli *cli, llm_str models, const char *pattern) {
    static const char *const heads[] = {
        "MODEL", "PROVIDER", "OPERATION", "CONTEXT", "OUTPUT", "USD PER MILLION IN / OUT", "ABILITIES"};
    struct table table = table_new(heads, sizeof heads / sizeof heads[0]);
    size_t n = 0;
    llm_json_iter it = llm_json_begin(models);
    while (llm_json_next(&it)) {
        if (!fits(it.value, pattern)) {
            continue;
        }
        n++;
        table_string(&table, llm_json_get(it.value, "id"));
        table_string(&table, llm_json_get(it.value, "provider"));
        table_string(&table, llm_json_get(it.value, "operation"));
        table_string(&table, llm_json_get(it.value, "context_tokens"));
        table_string(&table, llm_json_get(it.value, "output_tokens"));
        price_cell(&table, it.value);
        abilities_cell(&table, it.value);
    }
    if (n == 0) {
        table.n_cells = 0;
    }
    table_print(&table, &cli->out);
    return n;
}

static size_t print_json(struct cli *cli, llm_str models, const char *pattern) {
    struct host_text json = {0};
    llm_json_writer w = llm_json_writer_to(host_text_sink, &json);
    size_t n = 0;
    llm_json_array(&w);
    llm_json_iter it = llm_json_begin(models);
    while (llm_json_next(&it)) {
        if (fits(it.value, pattern)) {
            n++;
            llm_json_raw(&w, it.value);
        }
    }
    llm_json_array_end(&w);
    cli_print_json(cli, host_text_str(&json));
    host_text_done(&json);
    return n;
}

static int run(struct cli *cli, struct cli_args *args) {
    const char *provider = NULL, *pattern = NULL;
    bool json = false;
    int found;
    while ((found = cli_args_next(args)) != CLI_ARG_END) {
        if (found == CLI_ARG_HELP) {
            return CLI_HELP_WANTED;
        }
        if (found == CLI_ARG_BAD) {
            return CLI_USAGE;
        }
        if (found == CLI_ARG_OPERAND && pattern != NULL) {
            return cli_usage(cli, args, "more than one pattern");
        }
        if (found == CLI_ARG_OPERAND) {
            pattern = args->value;
        } else if (cli_is(args, "provider")) {
            provider = args->value;
        } else {
            json = true;
        }
    }
    struct host_text models = {0};
    int status = cli_describe(cli, "models", provider, json, &models);
    if (status == CLI_OK) {
        const llm_str all = host_text_str(&models);
        const size_t n = json ? print_json(cli, all, pattern) : print_table(cli, all, pattern);
        if (n == 0) {
            cli_say(cli, provider, "no model fits%s%s; llm-master doctor tells what is there",
                    pattern != NULL ? " " : "", pattern != NULL ? pattern : "");
            status = CLI_FAILED;
        }
    }
    host_text_done(&models);
    return status;
}

const struct cli_command cli_models = {
    .name = "models",
    .operands = "[PATTERN]",
    .summary = "The catalogue: models, providers, prices, limits, abilities",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
};
