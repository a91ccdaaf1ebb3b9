// SPDX-License-Identifier: MIT
#include "body.h"
#include "call.h"
#include "wishes.h"

static const struct cli_option options[] = {
    {'m', "model", "MODEL", "a name, an alias, or PROVIDER/MODEL"},
    {'s', "system", "TEXT", "the system message"},
    {'p', "param", "NAME=VALUE",
     "a member of the request: JSON where it is JSON, else text; may be repeated"},
    {'a', "attach", "FILE|URL", "an image, sound, document or text to look at; may be repeated"},
    {0, "schema", "FILE", "the answer is JSON of this JSON Schema"},
    {0, "json", NULL, "print the whole response as JSON, failures too"},
    {0, "no-stream", NULL, "ask for the answer in one piece"},
    CLI_WISHES,
};

struct query {
    const char *model, *system, *schema_file, *operand;
    bool json, no_stream;
    struct cli_params params;
    struct cli_attachments attachments;
    struct host_text prompt, schema, body;
    struct cli_wishes wishes;
};

static int read_option(struct query *query, struct cli_args *args) {
    int status;
    if (cli_wishes_take(&query->wishes, args, &status)) {
        return status;
    }
    if (cli_is(args, "model")) {
        query->model = args->value;
    } else if (cli_is(args, "system")) {
        query->system = args->value;
    } else if (cli_is(args, "param")) {
        return cli_params_add(&query->params, args);
    } else if (cli_is(args, "attach")) {
        return cli_attachments_add(&query->attachments, args);
    } else if (cli_is(args, "schema")) {
        query->schema_file = args->value;
    } else if (cli_is(args, "json")) {
        query->json = true;
    } else {
        query->no_stream = true;
    }
    return CLI_OK;
}

static int read_args(struct query *query, struct cli_args *args) {
    int found;
    while ((found = cli_args_next(args)) != CLI_ARG_END) {
        int status = CLI_OK;
        if (found == CLI_ARG_HELP) {
            return CLI_HELP_WANTED;
        }
        if (found == CLI_ARG_BAD) {
            return CLI_USAGE;
        }
        if (found == CLI_ARG_OPTION) {
            status = read_option(query, args);
        } else if (query->operand != NULL) {
            return cli_usage(args->cli, args, "more than one prompt: put it in quotes");
        } else {
            query->operand = args->value;
        }
        if (status != CLI_OK) {
            return status;
        }
    }
    static const char *const taken[] = {"model", "messages", "stream"};
    static const char *const instead[] = {"-m", "the prompt, -s and -a", "--no-stream"};
    for (size_t i = 0; i < 3; i++) {
        if (cli_params_has(&query->params, taken[i])) {
            return cli_usage(args->cli, args, "\"%s\" is no parameter: use %s", taken[i], instead[i]);
        }
    }
    if (query->schema_file != NULL && cli_params_has(&query->params, "response_format")) {
        return cli_usage(args->cli, args, "--schema and -p response_format say the same");
    }
    return CLI_OK;
}

// A schema by itself, or the object with name and schema that the format knows.
static void write_schema(const struct query *query, llm_json_writer *w) {
    const llm_str schema = llm_json_value(host_text_str(&query->schema));
    llm_json_name(w, "response_format");
    llm_json_object(w);
    llm_json_name(w, "type");
    llm_json_cstring(w, "json_schema");
    llm_json_name(w, "json_schema");
    if (llm_json_get(schema, "name").ptr != NULL && llm_json_get(schema, "schema").ptr != NULL) {
        llm_json_raw(w, schema);
    } else {
        llm_json_object(w);
        llm_json_name(w, "name");
        llm_json_cstring(w, "answer");
        llm_json_name(w, "schema");
        llm_json_raw(w, schema);
        llm_json_object_end(w);
    }
    llm_json_object_end(w);
}

static void write_message(llm_json_writer *w, const char *role, llm_str text,
                          const struct cli_attachments *attachments) {
    llm_json_object(w);
    llm_json_name(w, "role");
    llm_json_cstring(w, role);
    llm_json_name(w, "content");
    if (attachments == NULL || attachments->n == 0) {
        llm_json_string(w, text);
    } else {
        llm_json_array(w);
        llm_json_object(w);
        llm_json_name(w, "type");
        llm_json_cstring(w, "text");
        llm_json_name(w, "text");
        llm_json_string(w, text);
        llm_json_object_end(w);
        cli_attachments_write(attachments, w);
        llm_json_array_end(w);
    }
    llm_json_object_end(w);
}

static bool write_body(struct query *query) {
    llm_json_writer w = llm_json_writer_to(host_text_sink, &query->body);
    llm_json_object(&w);
    llm_json_name(&w, "messages");
    llm_json_array(&w);
    if (query->system != NULL) {
        write_message(&w, "system", host_str(query->system), NULL);
    }
    write_message(&w, "user", host_text_str(&query->prompt), &query->attachments);
    llm_json_array_end(&w);
    cli_params_write(&query->params, &w);
    if (query->schema_file != NULL) {
        write_schema(query, &w);
    }
    llm_json_object_end(&w);
    return w.status == LLM_OK && !query->body.failed;
}

static int read_schema(struct query *query, struct cli *cli) {
    size_t at;
    if (query->schema_file == NULL) {
        return CLI_OK;
    }
    const int status = cli_read(cli, query->schema_file, &query->schema);
    if (status == CLI_OK && !llm_json_check(host_text_str(&query->schema), 64, &at)) {
        unsigned line, column;
        host_text_place(host_text_str(&query->schema), at, &line, &column);
        cli_say(cli, NULL, "%s:%u:%u: this is not JSON", query->schema_file, line, column);
        return CLI_USAGE;
    }
    return status;
}

// Is a default model set?  Then nobody needs to be told which one is taken.
static bool has_default(struct cli *cli) {
    struct host_text rows = {0};
    const bool known = cli_describe(cli, "config", "default_model", false, &rows) == CLI_OK;
    const llm_str value = llm_json_get(llm_json_at(host_text_str(&rows), 0), "value");
    const bool has = known && llm_json_type(value) == '"';
    host_text_done(&rows);
    return has;
}

// Files in an answer: URLs are part of it, bytes are for another command.
static void tell_blobs(struct cli *cli, const llm_response *response) {
    llm_blob blob = {.size = sizeof blob};
    size_t held = 0;
    for (size_t i = 0; llm_response_blob(response, i, &blob) != 0; i++) {
        if (blob.url.len > 0) {
            term_write(&cli->out, blob.url.ptr, blob.url.len);
            term_text(&cli->out, "\n");
        } else {
            held++;
        }
        blob.size = sizeof blob;
    }
    if (held > 0 && !cli->quiet) {
        cli_say(cli, NULL, "the answer holds %zu file%s; llm-master image saves %s", held,
                held == 1 ? "" : "s", held == 1 ? "it" : "them");
    }
}

static int ask(struct query *query, struct cli *cli) {
    struct cli_call call = {
        .cli = cli, .json = query->json, .show_text = !query->json, .show_progress = true};
    struct host_text json = {0};
    call.args.size = LLM_QUERY_INIT;
    call.args.model = query->model;
    call.args.body = host_text_str(&query->body);
    call.args.flags = query->no_stream ? 0 : LLM_QUERY_STREAM;
    call.say_model = query->model == NULL && !has_default(cli);
    cli_wishes_put(&query->wishes, &call.args);
    int status = cli_call_run(&call);
    if (status == CLI_OK && query->json) {
        if (cli_call_json(&call, NULL, 0, &json)) {
            cli_print_json(cli, host_text_str(&json));
        } else {
            cli_say(cli, NULL, "out of memory");
            status = CLI_FAILED;
        }
    }
    if (status == CLI_OK) {
        if (!query->json) {
            tell_blobs(cli, call.response);
        }
        cli_facts(cli, call.response);
    }
    host_text_done(&json);
    cli_call_done(&call);
    return status;
}

static int run(struct cli *cli, struct cli_args *args) {
    struct query query = {0};
    int status = read_args(&query, args);
    status = status == CLI_OK ? read_schema(&query, cli) : status;
    status = status == CLI_OK ? cli_prompt(args, query.operand, &query.prompt) : status;
    status = status == CLI_OK ? cli_open(cli, query.json) : status;
    if (status == CLI_OK && !write_body(&query)) {
        cli_say(cli, NULL, "out of memory");
        status = CLI_FAILED;
    }
    status = status == CLI_OK ? ask(&query, cli) : status;
    cli_attachments_done(&query.attachments);
    host_text_done(&query.prompt);
    host_text_done(&query.schema);
    host_text_done(&query.body);
    return status;
}

const struct cli_command cli_query = {
    .name = "query",
    .operands = "[PROMPT | -]",
    .summary = "Ask a model; the answer streams to standard output",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
    .records = true,
};
