// SPDX-License-Identifier: MIT
// plugins record: one real call, kept as a recording that replay, the simulator and tests play.
#include "cmd_record.h"

#include "body.h"
#include "call.h"
#include "record_files.h"

static const struct cli_option options[] = {
    {'m', "model", "MODEL", "a name, an alias, or PROVIDER/MODEL"},
    {0, "provider", "NAME", "instead of the one that the model leads to"},
    {0, "plugin", "FILE", "use this plugin; its first provider unless --provider or -m names one"},
    {'s', "system", "TEXT", "the system message (chat)"},
    {'p', "param", "NAME=VALUE",
     "a member of the request: JSON where it is JSON, else text; may be repeated"},
    {'a', "attach", "FILE|URL", "something to look at (chat); may be repeated"},
    {0, "body", "FILE", "the whole request body, as request takes it, in the place of prompt, -s, -p and -a"},
    {0, "format", "F", "what the body is written in; default: that of the operation"},
    {0, "stream", NULL, "ask for a stream"},
    {'o', "output", "DIR", "the folder of the recording; default: fixtures/OPERATION-N"},
    {'f', "force", NULL, "put it in the place of a recording that is there"},
    {0, "redact", "TEXT", "overwrite this too wherever it stands; may be repeated"},
    {0, "keep-header", "NAME", "keep the value of this header field; may be repeated"},
};

struct record {
    const char *operation, *operand, *model, *provider, *plugin, *system, *body_file, *format, *output;
    bool stream, force;
    struct cli_params params;
    struct cli_attachments attachments;
    struct redaction redaction;
    struct host_text prompt, body;
    struct fixture fixture;
};

static int add_word(struct record *record, const struct cli_args *args) {
    struct redaction *r = &record->redaction;
    if (strlen(args->value) < REDACTION_WORD_BYTES_MIN) {
        return cli_usage(args->cli, args, "--redact takes at least %u bytes", REDACTION_WORD_BYTES_MIN);
    }
    if (r->n_words == REDACTION_MAX_WORDS / 2) {
        return cli_usage(args->cli, args, "more than %u --redact", REDACTION_MAX_WORDS / 2);
    }
    r->words[r->n_words++] = host_str(args->value);
    return CLI_OK;
}

static int add_header(struct record *record, const struct cli_args *args) {
    struct redaction *r = &record->redaction;
    const llm_str name = host_str(args->value);
    if (redaction_header(r, name) == REDACTION_LEFT) {
        return cli_usage(args->cli, args, "%s is never kept", args->value);
    }
    if (r->n_kept == REDACTION_MAX_HEADERS) {
        return cli_usage(args->cli, args, "more than %u --keep-header", REDACTION_MAX_HEADERS);
    }
    r->kept[r->n_kept++] = name;
    return CLI_OK;
}

static int read_option(struct record *record, const struct cli_args *args) {
    const struct {
        const char *name, **value;
    } texts[] = {{"model", &record->model},   {"provider", &record->provider}, {"plugin", &record->plugin},
                 {"system", &record->system}, {"body", &record->body_file},    {"format", &record->format},
                 {"output", &record->output}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (cli_is(args, texts[i].name)) {
            *texts[i].value = args->value;
            return CLI_OK;
        }
    }
    if (cli_is(args, "param")) {
        return cli_params_add(&record->params, args);
    }
    if (cli_is(args, "attach")) {
        return cli_attachments_add(&record->attachments, args);
    }
    if (cli_is(args, "redact")) {
        return add_word(record, args);
    }
    if (cli_is(args, "keep-header")) {
        return add_header(record, args);
    }
    *(cli_is(args, "stream") ? &record->stream : &record->force) = true;
    return CLI_OK;
}

static bool is_chat(const struct record *record) {
    return strcmp(record->operation, "chat") == 0;
}

static int check_args(const struct record *record, struct cli_args *args) {
    const bool made = record->operand != NULL || record->system != NULL || record->params.n > 0 ||
                      record->attachments.n > 0;
    if (record->operation == NULL) {
        return cli_usage(args->cli, args, "there is no operation, such as chat");
    }
    if (record->body_file != NULL && made) {
        return cli_usage(args->cli, args, "--body is the whole request: no prompt, -s, -p or -a beside it");
    }
    if (!is_chat(record) && (record->system != NULL || record->attachments.n > 0)) {
        return cli_usage(args->cli, args, "-s and -a are for chat; %.32s takes -p and --body",
                         record->operation);
    }
    if (cli_params_has(&record->params, "model") || cli_params_has(&record->params, "stream")) {
        return cli_usage(args->cli, args, "\"model\" and \"stream\" are no parameters: use -m and --stream");
    }
    return CLI_OK;
}

static int read_args(struct record *record, struct cli_args *args) {
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
            status = read_option(record, args);
        } else if (record->operation == NULL) {
            record->operation = args->value;
        } else if (record->operand == NULL) {
            record->operand = args->value;
        } else {
            return cli_usage(args->cli, args, "more than one prompt: put it in quotes");
        }
        if (status != CLI_OK) {
            return status;
        }
    }
    return check_args(record, args);
}

// ---- the request -------------------------------------------------------------------------------------------------------

static const char *prompt_member(const char *operation) {
    static const char *const others[][2] = {
        {"embeddings", "input"}, {"moderation", "input"}, {"speech", "input"}, {"rerank", "query"}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(operation, others[i][0]) == 0) {
            return others[i][1];
        }
    }
    return "prompt";
}

static void write_message(llm_json_writer *w, const char *role, llm_str text,
                          const struct cli_attachments *attachments) {
    llm_json_object(w);
    llm_json_name(w, "role");
    llm_json_cstring(w, role);
    llm_json_name(w, "content");
    if (attachments->n == 0) {
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

static int write_body(struct record *record, struct cli *cli) {
    static const struct cli_attachments none = {.n = 0};
    llm_json_writer w = llm_json_writer_to(host_text_sink, &record->body);
    const llm_str prompt = host_text_str(&record->prompt);
    llm_json_object(&w);
    if (is_chat(record)) {
        llm_json_name(&w, "messages");
        llm_json_array(&w);
        if (record->system != NULL) {
            write_message(&w, "system", host_str(record->system), &none);
        }
        write_message(&w, "user", prompt, &record->attachments);
        llm_json_array_end(&w);
    } else if (prompt.len > 0) {
        llm_json_name(&w, prompt_member(record->operation));
        llm_json_string(&w, prompt);
    }
    cli_params_write(&record->params, &w);
    llm_json_object_end(&w);
    if (w.status != LLM_OK || record->body.failed) {
        cli_say(cli, "record", "out of memory");
        return CLI_FAILED;
    }
    return CLI_OK;
}

static int read_body(struct record *record, struct cli *cli) {
    unsigned line, column;
    size_t at = 0;
    const int status = cli_read(cli, record->body_file, &record->body);
    const llm_str body = host_text_str(&record->body);
    if (status == CLI_OK && (!llm_json_check(body, 64, &at) || llm_json_type(llm_json_value(body)) != '{')) {
        host_text_place(body, at, &line, &column);
        cli_say(cli, "record", "%s:%u:%u: this is no JSON object", record->body_file, line, column);
        return CLI_USAGE;
    }
    int stream = 0;
    llm_json_bool(llm_json_get(llm_json_value(body), "stream"), &stream);
    record->stream = record->stream || stream != 0;
    return status;
}

static int make_body(struct record *record, struct cli_args *args) {
    if (record->body_file != NULL) {
        return read_body(record, args->cli);
    }
    int status = CLI_OK;
    if (record->operand != NULL || is_chat(record)) {
        status = cli_prompt(args, record->operand, &record->prompt);
    }
    return status == CLI_OK ? write_body(record, args->cli) : status;
}

// ---- the plugin --------------------------------------------------------------------------------------------------------

// Its folder is looked into first.
static int use_folder(struct record *record, struct cli_args *args) {
    struct cli *cli = args->cli;
    if (record->plugin == NULL) {
        return CLI_OK;
    }
    const char *path = cli_absolute(cli, record->plugin);
    if (path == NULL || cli->n_plugin_dirs == CLI_MAX_PLUGIN_DIRS) {
        return path == NULL ? CLI_FAILED : cli_usage(cli, args, "too many plugin directories");
    }
    const llm_str folder =
        host_pool_copy(&cli->pool, (llm_str){path, (size_t)(strrchr(path, '/') - path) + 1});
    if (folder.ptr == NULL) {
        cli_say(cli, "record", "out of memory");
        return CLI_FAILED;
    }
    memmove(cli->plugin_dirs + 1, cli->plugin_dirs, cli->n_plugin_dirs * sizeof cli->plugin_dirs[0]);
    cli->plugin_dirs[0] = folder.ptr;
    cli->n_plugin_dirs++;
    return CLI_OK;
}

// Is it usable, and whose provider is asked?
static int use_plugin(struct record *record, struct cli *cli) {
    struct host_text list = {0};
    if (record->plugin == NULL) {
        return CLI_OK;
    }
    const char *slash = strrchr(record->plugin, '/');
    int status = cli_describe(cli, "plugins", slash != NULL ? slash + 1 : record->plugin, false, &list);
    const llm_str plugin = llm_json_at(host_text_str(&list), 0);
    const llm_str reason = llm_json_get(plugin, "reason");
    if (status == CLI_OK && llm_json_type(reason) == '"') {
        const llm_str why = host_pool_decode(&cli->pool, reason);
        cli_say(cli, record->plugin, "%s", why.ptr != NULL ? why.ptr : "refused");
        status = CLI_PLUGIN;
    }
    if (status == CLI_OK && record->provider == NULL && record->model == NULL) {
        record->provider =
            host_pool_decode(&cli->pool, llm_json_at(llm_json_get(plugin, "providers"), 0)).ptr;
    }
    host_text_done(&list);
    return status;
}

// ---- the call ----------------------------------------------------------------------------------------------------------

static int keep(struct record *record, struct cli *cli, const struct cli_call *call) {
    struct record_files files = {.fixture = &record->fixture,
                                 .redaction = &record->redaction,
                                 .response = call->response,
                                 .operation = record->operation,
                                 .format = record->format,
                                 .query = call->args.body,
                                 .stream = record->stream};
    char line[160];
    int status = record_files(&files);
    status = status == CLI_OK ? fixture_commit(&record->fixture) : status;
    if (status != CLI_OK) {
        return status;
    }
    (void)snprintf(line, sizeof line, "  HTTP %d, %zu bytes", (int)files.http_status, files.answer_bytes);
    term_text(&cli->out, record->fixture.folder);
    term_text(&cli->out, line);
    if (files.n_exchanges > 1) {
        (void)snprintf(line, sizeof line, ", %zu exchanges", files.n_exchanges);
        term_text(&cli->out, line);
    }
    term_text(&cli->out, "\n");
    return CLI_OK;
}

static int ask(struct record *record, struct cli *cli) {
    struct cli_call call = {.cli = cli, .show_progress = true};
    call.args.size = LLM_QUERY_INIT;
    call.args.operation = record->operation;
    call.args.model = record->model;
    call.args.provider = record->provider;
    call.args.format = record->format;
    call.args.body = llm_json_value(host_text_str(&record->body));
    call.args.flags = LLM_QUERY_EXCHANGES | LLM_QUERY_NO_FALLBACK | LLM_QUERY_NO_CACHE |
                      (record->stream ? LLM_QUERY_STREAM : 0);
    call.args.max_attempts = 1;
    call.say_model = record->model == NULL && record->provider == NULL;
    int status = cli_call_run(&call);
    // A failure that came from the provider is as good as an answer.
    const bool kept = call.response != NULL && !call.interrupted && call.error.status != LLM_E_NOMEM;
    if (kept && (status == CLI_OK || call.error.http_status != 0)) {
        status = keep(record, cli, &call);
        if (status == CLI_OK) {
            cli_facts(cli, call.response);
        }
    } else if (status != CLI_OK && call.response != NULL) {
        cli_say(cli, "record", "nothing is written");
    }
    cli_call_done(&call);
    return status;
}

static int record_call(struct record *record, struct cli_args *args) {
    struct cli *cli = args->cli;
    int status = read_args(record, args);
    status = status == CLI_OK ? make_body(record, args) : status;
    status = status == CLI_OK ? use_folder(record, args) : status;
    status = status == CLI_OK ? cli_open(cli, false) : status;
    status = status == CLI_OK ? use_plugin(record, cli) : status;
    status = status == CLI_OK
                 ? fixture_begin(&record->fixture, cli, record->output, record->operation, record->force)
                 : status;
    status = status == CLI_OK ? redaction_check(&record->redaction, "the name of the folder",
                                                host_str(record->fixture.folder))
                              : status;
    return status == CLI_OK ? ask(record, cli) : status;
}

static void help(void) {
    printf("usage: llm-master plugins record [OPTION]... OPERATION [PROMPT | -]\n\n"
           "Make one real call and keep it as a recording: what was sent, what came, without "
           "keys.\n\nOptions:\n");
    cli_help_options(options, sizeof options / sizeof options[0]);
    printf("\nOptions of the program:\n");
    cli_help_options(cli_program_options, cli_program_options_count);
}

int cli_plugins_record(struct cli *cli, struct cli_args *args) {
    struct record *record = host_pool_alloc(&cli->pool, sizeof *record);
    if (record == NULL) {
        cli_say(cli, "record", "out of memory");
        return CLI_FAILED;
    }
    args->command = "plugins record";
    args->table = options;
    args->n_table = sizeof options / sizeof options[0];
    cli->records = true;
    record->redaction.cli = cli;
    int status = record_call(record, args);
    if (status == CLI_HELP_WANTED) {
        help();
        status = CLI_OK;
    }
    fixture_done(&record->fixture);
    cli_attachments_done(&record->attachments);
    host_text_done(&record->prompt);
    host_text_done(&record->body);
    return status;
}
