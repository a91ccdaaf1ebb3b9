// SPDX-License-Identifier: MIT
#include "body.h"
#include "call.h"
#include "wishes.h"

static const struct cli_option options[] = {
    {'m', "model", "MODEL", "instead of the body's \"model\""},
    {0, "provider", "NAME", "instead of the one that the model leads to"},
    {0, "format", "F", "the format of the body, such as openai.chat"},
    {'a', "attach", "FILE", "bytes beside the body, such as the sound of a transcription; may be repeated"},
    {0, "raw", NULL, "the provider's answer too, as it came, under \"raw\""},
    CLI_WISHES,
};

struct request {
    const char *model, *provider, *format, *operation, *file;
    bool raw;
    struct host_text body;
    struct cli_attachments attachments;
    struct cli_wishes wishes;
};

static int read_args(struct request *request, struct cli_args *args) {
    int found;
    while ((found = cli_args_next(args)) != CLI_ARG_END) {
        if (found == CLI_ARG_HELP) {
            return CLI_HELP_WANTED;
        }
        if (found == CLI_ARG_BAD) {
            return CLI_USAGE;
        }
        int status = CLI_OK;
        if (found == CLI_ARG_OPTION && cli_wishes_take(&request->wishes, args, &status)) {
            if (status != CLI_OK) {
                return status;
            }
            continue;
        }
        if (found == CLI_ARG_OPERAND && request->operation == NULL) {
            request->operation = args->value;
        } else if (found == CLI_ARG_OPERAND && request->file == NULL) {
            request->file = args->value;
        } else if (found == CLI_ARG_OPERAND) {
            return cli_usage(args->cli, args, "\"%.64s\" is too much: an operation and a file are taken",
                             args->value);
        } else if (cli_is(args, "model")) {
            request->model = args->value;
        } else if (cli_is(args, "provider")) {
            request->provider = args->value;
        } else if (cli_is(args, "format")) {
            request->format = args->value;
        } else if (cli_is(args, "raw")) {
            request->raw = true;
        } else if ((status = cli_attachments_add_file(&request->attachments, args)) != CLI_OK) {
            return status;
        }
    }
    if (request->operation == NULL) {
        return cli_usage(args->cli, args, "there is no operation, such as chat, and no file");
    }
    if (request->file == NULL) {
        return cli_usage(args->cli, args, "there is no file; - is standard input");
    }
    return CLI_OK;
}

static int read_body(struct request *request, struct cli *cli) {
    size_t at = 0;
    unsigned line, column;
    const int status = cli_read(cli, request->file, &request->body);
    if (status != CLI_OK) {
        return status;
    }
    const llm_str body = host_text_str(&request->body);
    const char *name = strcmp(request->file, "-") == 0 ? "standard input" : request->file;
    if (!llm_json_check(body, 64, &at)) {
        host_text_place(body, at, &line, &column);
        cli_say(cli, NULL, "%s:%u:%u: this is not JSON, or it is nested deeper than 64", name, line, column);
        return CLI_USAGE;
    }
    if (llm_json_type(llm_json_value(body)) != '{') {
        cli_say(cli, NULL, "%s: a request is a JSON object", name);
        return CLI_USAGE;
    }
    return CLI_OK;
}

static int ask(struct request *request, struct cli *cli) {
    struct cli_call call = {.cli = cli, .json = true, .show_progress = true};
    llm_attachment files[CLI_MAX_ATTACHMENTS];
    struct host_text json = {0};
    int stream = 0;
    llm_json_bool(llm_json_get(llm_json_value(host_text_str(&request->body)), "stream"), &stream);
    call.args.size = LLM_QUERY_INIT;
    call.args.operation = request->operation;
    call.args.model = request->model;
    call.args.provider = request->provider;
    call.args.format = request->format;
    call.args.body = llm_json_value(host_text_str(&request->body));
    call.args.flags = (stream ? LLM_QUERY_STREAM : 0) | (request->raw ? LLM_QUERY_RAW : 0);
    cli_attachments_put(&request->attachments, files, &call.args);
    cli_wishes_put(&request->wishes, &call.args);
    const int status = cli_call_run(&call);
    if (status == CLI_OK && cli_call_json(&call, NULL, 0, &json)) {
        cli_print_json(cli, host_text_str(&json));
        cli_facts(cli, call.response);
    }
    host_text_done(&json);
    cli_call_done(&call);
    return status;
}

static int run(struct cli *cli, struct cli_args *args) {
    struct request request = {0};
    int status = read_args(&request, args);
    status = status == CLI_OK ? read_body(&request, cli) : status;
    status = status == CLI_OK ? cli_open(cli, true) : status;
    status = status == CLI_OK ? ask(&request, cli) : status;
    cli_attachments_done(&request.attachments);
    host_text_done(&request.body);
    return status;
}

const struct cli_command cli_request = {
    .name = "request",
    .operands = "OPERATION FILE",
    .summary = "Send a request body as it is, print the response as JSON",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
    .records = true,
};
