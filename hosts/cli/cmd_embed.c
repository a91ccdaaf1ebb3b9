// SPDX-License-Identifier: MIT
#include "body.h"
#include "call.h"
#include "wishes.h"

static const struct cli_option options[] = {
    {'m', "model", "MODEL", "a name, an alias, or PROVIDER/MODEL"},
    {'p', "param", "NAME=VALUE",
     "a member of the request: JSON where it is JSON, else text; may be repeated"},
    {0, "json", NULL, "print the whole response as JSON, failures too"},
    CLI_WISHES,
};

struct embed {
    const char *model;
    bool json;
    size_t n_texts;
    struct cli_params params;
    struct host_text texts, body; // texts: JSON strings, separated by commas
    struct cli_wishes wishes;
};

static int read_args(struct embed *embed, struct cli_args *args) {
    int found;
    while ((found = cli_args_next(args)) != CLI_ARG_END) {
        if (found == CLI_ARG_HELP) {
            return CLI_HELP_WANTED;
        }
        if (found == CLI_ARG_BAD) {
            return CLI_USAGE;
        }
        int status = CLI_OK;
        if (found == CLI_ARG_OPTION && cli_wishes_take(&embed->wishes, args, &status)) {
            if (status != CLI_OK) {
                return status;
            }
            continue;
        }
        if (found == CLI_ARG_OPERAND) {
            llm_json_writer w = llm_json_writer_to(host_text_sink, &embed->texts);
            host_text_text(&embed->texts, embed->n_texts++ > 0 ? "," : "");
            llm_json_cstring(&w, args->value);
        } else if (cli_is(args, "model")) {
            embed->model = args->value;
        } else if (cli_is(args, "json")) {
            embed->json = true;
        } else {
            status = cli_params_add(&embed->params, args);
            if (status != CLI_OK) {
                return status;
            }
        }
    }
    if (cli_params_has(&embed->params, "model") || cli_params_has(&embed->params, "input")) {
        return cli_usage(args->cli, args,
                         "\"model\" and \"input\" are no parameters: use -m and the operands");
    }
    return CLI_OK;
}

static int write_body(struct embed *embed, const struct cli_args *args) {
    struct host_text input = {0};
    if (embed->n_texts == 0) {
        const int status = cli_prompt(args, NULL, &input);
        if (status != CLI_OK) {
            host_text_done(&input);
            return status;
        }
    }
    llm_json_writer w = llm_json_writer_to(host_text_sink, &embed->body);
    llm_json_object(&w);
    llm_json_name(&w, "input");
    llm_json_array(&w);
    if (embed->n_texts == 0) {
        llm_json_string(&w, host_text_str(&input));
    } else {
        llm_json_raw(&w, host_text_str(&embed->texts));
    }
    llm_json_array_end(&w);
    cli_params_write(&embed->params, &w);
    llm_json_object_end(&w);
    host_text_done(&input);
    if (w.status != LLM_OK || embed->texts.failed || embed->body.failed) {
        cli_say(args->cli, NULL, "out of memory");
        return CLI_FAILED;
    }
    return CLI_OK;
}

// A vector a line, or all of it.
static void print(const struct embed *embed, struct cli *cli, llm_str json) {
    if (embed->json) {
        cli_print_json(cli, json);
        return;
    }
    llm_json_iter it = llm_json_begin(llm_json_get(json, "embeddings"));
    while (llm_json_next(&it)) {
        cli_print_json(cli, it.value);
    }
}

static int run(struct cli *cli, struct cli_args *args) {
    struct embed embed = {0};
    struct host_text json = {0};
    int status = read_args(&embed, args);
    status = status == CLI_OK ? write_body(&embed, args) : status;
    status = status == CLI_OK ? cli_open(cli, embed.json) : status;
    if (status == CLI_OK) {
        struct cli_call call = {.cli = cli, .json = embed.json, .say_model = embed.model == NULL};
        call.args.size = LLM_QUERY_INIT;
        call.args.operation = "embeddings";
        call.args.model = embed.model;
        call.args.body = host_text_str(&embed.body);
        cli_wishes_put(&embed.wishes, &call.args);
        status = cli_call_run(&call);
        if (status == CLI_OK && cli_call_json(&call, NULL, 0, &json)) {
            print(&embed, cli, host_text_str(&json));
            cli_facts(cli, call.response);
        }
        cli_call_done(&call);
    }
    host_text_done(&json);
    host_text_done(&embed.texts);
    host_text_done(&embed.body);
    return status;
}

const struct cli_command cli_embed = {
    .name = "embed",
    .operands = "[TEXT]...",
    .summary = "Turn texts into vectors, one JSON array a line",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
    .records = true,
};
