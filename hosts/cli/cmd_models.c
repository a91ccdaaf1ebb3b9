// SPDX-License-Identifier: MIT
#include "cli.h"
#include "table.h"

#include <stdarg.h>
#include <stdio.h>

static const struct cli_option options[] = {
    {0, "provider", "NAME", "of this provider only"},
    {0, "all", NULL, "of providers that are not configured too"},
    {0, "json", NULL, "print JSON, as docs/describe.md describes it"},
    {0, "dry-run", NULL, "update: compare, and write nothing"},
    {0, "strict", NULL, "update: refuse a list that holds a wrong entry"},
    {0, "as-of", "DATE", "update: the day the list is from; without it that of the file"},
};

struct models {
    const char *provider, *pattern; // the pattern "update", and a file: an update
    const char *file, *as_of;
    bool all, json, dry_run, strict;
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
        {"per_image", " per image"},         {"per_request", " per request"}, {"per_second", " per second"},
        {"per_character", " per character"}, {"per_page", " per page"},       {"per_search", " per search"},
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
    if (llm_json_get(model, "prices").ptr != NULL) {
        host_text_text(&text, text.len > 0 ? " ..." : "..."); // others under a condition
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

// ---- models update -------------------------------------------------------------------------------------------

static void put(struct term *term, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct term *term, const char *format, ...) {
    char text[1200];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n > 0) {
        term_text(term, text);
    }
}

static void print_price(struct term *term, llm_str object) {
    static const char *const names[] = {"input_per_mtok", "output_per_mtok", "per_image", "per_second"};
    bool any = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const llm_str price = llm_json_plain(llm_json_get(object, names[i]));
        if (price.ptr != NULL) {
            put(term, "%s%.*s", any ? " / " : "", (int)price.len, price.ptr);
            any = true;
        }
    }
    put(term, "%s", any ? "" : "none");
}

static int64_t number(llm_str report, const char *name) {
    int64_t value = 0;
    (void)llm_json_int64(llm_json_get(report, name), &value);
    return value;
}

static void print_changes(struct cli *cli, llm_str report) {
    llm_json_iter it = llm_json_begin(llm_json_get(report, "changes"));
    while (llm_json_next(&it)) {
        struct host_text name = {0};
        if (!llm_json_is(llm_json_get(it.value, "what"), "price")) {
            continue;
        }
        host_text_decoded(&name, llm_json_get(it.value, "provider"));
        host_text_text(&name, "/");
        host_text_decoded(&name, llm_json_get(it.value, "id"));
        put(&cli->out, "price  %.*s: ", (int)name.len, name.len > 0 ? name.ptr : "");
        print_price(&cli->out, llm_json_get(it.value, "before"));
        put(&cli->out, " -> ");
        print_price(&cli->out, llm_json_get(it.value, "after"));
        put(&cli->out, "\n");
        host_text_done(&name);
    }
}

static void print_report(struct cli *cli, llm_str report) {
    static const struct {
        const char *name, *text;
    } counts[] = {{"models", "models"},   {"new", "new"},
                  {"changed", "changed"}, {"price_changes", "with another price"},
                  {"gone", "gone"},       {"bad", "left out"}};
    struct host_text file = {0};
    int written = 0;
    llm_json_iter it = llm_json_begin(llm_json_get(report, "bad_entries"));
    while (llm_json_next(&it)) {
        struct host_text text = {0};
        host_text_decoded(&text, it.value);
        cli_say(cli, NULL, "left out: %.*s", (int)text.len, text.len > 0 ? text.ptr : "");
        host_text_done(&text);
    }
    print_changes(cli, report);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        put(&cli->out, "%s%lld %s", i == 0 ? "" : ", ", (long long)number(report, counts[i].name),
            counts[i].text);
    }
    host_text_decoded(&file, llm_json_get(report, "file"));
    (void)llm_json_bool(llm_json_get(report, "written"), &written);
    put(&cli->out, "\n%s %.*s\n", written ? "written:" : "not written (a dry run):", (int)file.len,
        file.len > 0 ? file.ptr : "");
    host_text_done(&file);
}

static int update(struct cli *cli, const struct models *models) {
    llm_error err = LLM_ERROR_INIT;
    char *json = NULL;
    size_t len = 0;
    int status = cli_open(cli, models->json);
    if (status != CLI_OK) {
        return status;
    }
    const llm_models_update_args args = {.size = sizeof args,
                                         .flags = (models->dry_run ? LLM_UPDATE_DRY_RUN : 0) |
                                                  (models->strict ? LLM_UPDATE_STRICT : 0),
                                         .file = models->file,
                                         .as_of = models->as_of};
    if (llm_models_update(cli->master, &args, &json, &len, &err) != LLM_OK) {
        cli_say_error(cli, &err);
        if (models->json) {
            cli_print_failure(cli, &err);
        }
        return cli_exit_of(&err);
    }
    if (models->json) {
        cli_print_json(cli, (llm_str){json, len});
    } else {
        print_report(cli, (llm_str){json, len});
    }
    llm_free(json);
    return CLI_OK;
}

// ---- what was asked for --------------------------------------------------------------------------------------

static int take_operand(struct models *models, struct cli_args *args) {
    const bool is_update = models->pattern != NULL && strcmp(models->pattern, "update") == 0;
    if (models->pattern == NULL) {
        models->pattern = args->value;
    } else if (is_update && models->file == NULL) {
        models->file = args->value;
    } else {
        return cli_usage(args->cli, args, is_update ? "more than one file" : "more than one pattern");
    }
    return CLI_OK;
}

static int read_args(struct models *models, struct cli_args *args) {
    int found;
    while ((found = cli_args_next(args)) != CLI_ARG_END) {
        if (found == CLI_ARG_HELP) {
            return CLI_HELP_WANTED;
        }
        if (found == CLI_ARG_BAD) {
            return CLI_USAGE;
        }
        if (found == CLI_ARG_OPERAND) {
            const int status = take_operand(models, args);
            if (status != CLI_OK) {
                return status;
            }
        } else if (cli_is(args, "provider")) {
            models->provider = args->value;
        } else if (cli_is(args, "as-of")) {
            models->as_of = args->value;
        } else {
            models->all |= cli_is(args, "all");
            models->json |= cli_is(args, "json");
            models->dry_run |= cli_is(args, "dry-run");
            models->strict |= cli_is(args, "strict");
        }
    }
    const bool is_update = models->pattern != NULL && strcmp(models->pattern, "update") == 0;
    if (is_update && models->file == NULL) {
        return cli_usage(args->cli, args, "update needs a file");
    }
    if (!is_update && (models->dry_run || models->strict || models->as_of != NULL)) {
        return cli_usage(args->cli, args, "--dry-run, --strict and --as-of are for update");
    }
    return CLI_OK;
}

static int run(struct cli *cli, struct cli_args *args) {
    struct models models = {0};
    struct host_text list = {0};
    int status = read_args(&models, args);
    if (status != CLI_OK || models.file != NULL) {
        return status == CLI_OK ? update(cli, &models) : status;
    }
    status = cli_describe(cli, models.all ? "models_all" : "models", models.provider, models.json, &list);
    if (status == CLI_OK) {
        const llm_str all = host_text_str(&list);
        const size_t n =
            models.json ? print_json(cli, all, models.pattern) : print_table(cli, all, models.pattern);
        if (n == 0) {
            cli_say(cli, models.provider, "no model fits%s%s; %s", models.pattern != NULL ? " " : "",
                    models.pattern != NULL ? models.pattern : "",
                    models.all ? "llm-master doctor tells what is there"
                               : "--all lists those of other providers too");
            status = CLI_FAILED;
        }
    }
    host_text_done(&list);
    return status;
}

const struct cli_command cli_models = {
    .name = "models",
    .operands = "[PATTERN] | update FILE",
    .summary = "The catalogue: models, providers, prices, limits, abilities; bring a newer one",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
};
