// SPDX-License-Identifier: MIT
#include "call.h"
#include "recording.h"
#include "table.h"

#include <stdlib.h>

// Who decodes what no configured provider sent: the plain format.
#define PLAIN_PROVIDER "openai"

static const struct cli_option options[] = {
    {0, "provider", "NAME", "decode as this provider's, whatever the recording says"},
    {0, "operation", "NAME", "decode as this operation's, whatever the recording says"},
    {0, "split", "HOW", "how the body arrives: whole, bytes (one by one), or N (that many at once)"},
    {0, "raw", NULL, "the recorded answer too, under \"raw\""},
    {0, "table", NULL, "DIR is a tree of recordings: print how many of which kind are decoded"},
};

// One provider and operation.
struct row {
    char provider[64], operation[64];
    unsigned count, answers, failures, undecoded;
    char why[160]; // of the first that could not be decoded
};

struct rows {
    struct row *list;
    size_t n, cap;
};

struct replay {
    struct cli *cli;
    const char *provider, *operation, *folder;
    size_t piece_bytes;
    bool raw, table;
    struct recording *current; // what the transport plays
    llm_transport transport;
    struct rows rows; // of the table
};

static int read_option(struct replay *replay, const struct cli_args *args) {
    int64_t n;
    if (cli_is(args, "provider")) {
        replay->provider = args->value;
    } else if (cli_is(args, "operation")) {
        replay->operation = args->value;
    } else if (cli_is(args, "raw")) {
        replay->raw = true;
    } else if (cli_is(args, "table")) {
        replay->table = true;
    } else if (strcmp(args->value, "whole") == 0) {
        replay->piece_bytes = 0;
    } else if (strcmp(args->value, "bytes") == 0) {
        replay->piece_bytes = 1;
    } else if (llm_json_int64(host_str(args->value), &n) && n > 0) {
        replay->piece_bytes = (size_t)n;
    } else {
        return cli_usage(args->cli, args, "--split takes whole, bytes, or a number of bytes, not \"%.64s\"",
                         args->value);
    }
    return CLI_OK;
}

static int read_args(struct replay *replay, struct cli_args *args) {
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
            status = read_option(replay, args);
        } else if (replay->folder != NULL) {
            return cli_usage(args->cli, args, "more than one directory");
        } else {
            replay->folder = args->value;
        }
        if (status != CLI_OK) {
            return status;
        }
    }
    return replay->folder == NULL ? cli_usage(args->cli, args, "there is no directory") : CLI_OK;
}

// Is there a provider of this name, and can it be used?
static bool is_usable(struct replay *replay, const char *name) {
    char *json = NULL;
    size_t len = 0;
    const bool known =
        llm_master_describe(replay->cli->master, "providers", name, &json, &len, NULL) == LLM_OK;
    const llm_str state = llm_json_get(llm_json_at((llm_str){json, len}, 0), "state");
    const bool usable = known && !llm_json_is(state, "problem");
    llm_free(json);
    return usable;
}

// One recorded failure has nothing to do with the next, and no answer is paid for again.
static const char breaker_off[] = "{\"enabled\": false}";
static const char alone[] = "{\"breaker\": {\"enabled\": false}, \"limits\": []}";

// Some base URLs have parts that the environment fills in (an account, a resource).  Nothing is sent there, so any will do.
// *ret: settings that give such providers one; absent: there are none.
static int stand_in_settings(struct cli *cli, struct host_text *ret) {
    struct host_text providers = {0};
    const int status = cli_describe(cli, "providers", NULL, true, &providers);
    size_t n = 0;
    llm_json_writer w = llm_json_writer_to(host_text_sink, ret);
    llm_json_object(&w);
    llm_json_name(&w, "breaker");
    llm_json_raw(&w, host_str(breaker_off));
    llm_json_name(&w, "limits");
    llm_json_array(&w);
    llm_json_array_end(&w);
    llm_json_name(&w, "base_urls");
    llm_json_object(&w);
    llm_json_iter it = llm_json_begin(host_text_str(&providers));
    while (status == CLI_OK && llm_json_next(&it)) {
        const llm_str name = llm_json_plain(llm_json_get(it.value, "name"));
        if (name.ptr != NULL && llm_json_is(llm_json_get(it.value, "state"), "problem")) {
            llm_json_name_str(&w, name);
            llm_json_cstring(&w, "https://recorded.invalid");
            n++;
        }
    }
    llm_json_object_end(&w);
    llm_json_object_end(&w);
    host_text_add(ret, "", 1);
    host_text_done(&providers);
    if (n == 0) {
        host_text_done(ret);
    }
    return status;
}

static int open_master(struct replay *replay, struct host_text *settings) {
    struct cli *cli = replay->cli;
    const int status = stand_in_settings(cli, settings);
    if (status != CLI_OK || settings->len == 0) {
        return status;
    }
    cli_close(cli);
    cli->settings = settings->ptr;
    return cli_open(cli, true);
}

// What became of one recording.
struct outcome {
    llm_response *response; // NULL: the call did not begin
    llm_error error;        // status LLM_OK: none
    bool decoded;           // an answer, or a failure that was recorded
};

// A failure that the recording holds is decoded; one that the decoding made is not.
static bool is_decoded(const llm_error *error) {
    if (error->status == LLM_OK) {
        return true;
    }
    const bool ours = error->status == LLM_E_INTERNAL || error->status == LLM_E_PROTOCOL ||
                      error->status == LLM_E_UNSUPPORTED || error->status == LLM_E_CONFIG ||
                      error->status == LLM_E_NOMEM || error->status == LLM_E_LIMIT;
    return error->http_status != 0 && !ours;
}

static void play(struct replay *replay, struct recording *recording, struct outcome *outcome) {
    const llm_str operation =
        recording_operation(replay->operation != NULL ? host_str(replay->operation) : recording->operation);
    const llm_str model = recording->model.ptr != NULL ? recording->model : host_str("recorded");
    const char *provider = replay->provider != NULL ? replay->provider : recording->provider.ptr;
    struct host_text body = {0};
    if (provider == NULL || !is_usable(replay, provider)) {
        if (!replay->table && !replay->cli->quiet) {
            cli_say(replay->cli, provider, "not configured: decoded as the plain format of %s",
                    PLAIN_PROVIDER);
        }
        provider = PLAIN_PROVIDER;
    }
    if (recording->request.ptr == NULL) {
        recording_write_request(&body, model, operation);
    }
    llm_query_args args = {.size = LLM_QUERY_INIT};
    args.format = recording->format.ptr;
    args.operation = operation.ptr != NULL ? operation.ptr : "chat";
    args.provider = provider;
    args.model = model.ptr;
    args.max_attempts = 1;
    args.body = recording->request.ptr != NULL ? recording->request : host_text_str(&body);
    args.flags = (recording->stream ? LLM_QUERY_STREAM : 0) | (replay->raw ? LLM_QUERY_RAW : 0);
    recording->piece_bytes = replay->piece_bytes;
    replay->current = recording;
    outcome->error = (llm_error)LLM_ERROR_INIT;
    outcome->response = NULL;
    llm_query(replay->cli->master, &args, &outcome->response, &outcome->error);
    outcome->decoded = is_decoded(&outcome->error);
    replay->current = NULL;
    host_text_done(&body);
}

static int replay_one(struct replay *replay) {
    struct recording recording;
    struct outcome outcome;
    struct host_text json = {0};
    llm_error err = LLM_ERROR_INIT;
    if (recording_load(&recording, replay->folder, &err) != LLM_OK) {
        cli_say(replay->cli, "replay", "%s", err.message);
        return CLI_USAGE;
    }
    play(replay, &recording, &outcome);
    const struct cli_call call = {.response = outcome.response};
    if (outcome.response != NULL && cli_call_json(&call, NULL, 0, &json)) {
        cli_print_json(replay->cli, host_text_str(&json));
    } else {
        cli_print_failure(replay->cli, &outcome.error);
    }
    if (!outcome.decoded) {
        cli_say_error(replay->cli, &outcome.error);
    } else if (outcome.response != NULL) {
        cli_facts(replay->cli, outcome.response);
    }
    host_text_done(&json);
    llm_response_free(outcome.response);
    recording_done(&recording);
    return outcome.decoded ? CLI_OK : CLI_FAILED;
}

// ---- the table ---------------------------------------------------------------------------------------------------------

static void copy_name(char *to, size_t size, llm_str name) {
    snprintf(to, size, "%.*s", (int)(name.len < size ? name.len : size - 1),
             name.ptr != NULL ? name.ptr : "?");
}

static struct row *row_of(struct rows *rows, const struct recording *recording) {
    struct row fresh = {0};
    copy_name(fresh.provider, sizeof fresh.provider, recording->provider);
    copy_name(fresh.operation, sizeof fresh.operation, recording->operation);
    for (size_t i = 0; i < rows->n; i++) {
        if (strcmp(rows->list[i].provider, fresh.provider) == 0 &&
            strcmp(rows->list[i].operation, fresh.operation) == 0) {
            return &rows->list[i];
        }
    }
    if (rows->n == rows->cap) {
        const size_t cap = rows->cap == 0 ? 32 : rows->cap * 2;
        struct row *list = realloc(rows->list, cap * sizeof *list);
        if (list == NULL) {
            return NULL;
        }
        rows->list = list;
        rows->cap = cap;
    }
    rows->list[rows->n] = fresh;
    return &rows->list[rows->n++];
}

static bool replay_into_table(void *ctx, const char *folder) {
    struct replay *replay = ctx;
    struct recording recording;
    struct outcome outcome;
    llm_error err = LLM_ERROR_INIT;
    if (recording_load(&recording, folder, &err) != LLM_OK) {
        cli_say(replay->cli, "replay", "%s", err.message);
        return true;
    }
    play(replay, &recording, &outcome);
    struct row *row = row_of(&replay->rows, &recording);
    if (row != NULL) {
        row->count++;
        row->undecoded += !outcome.decoded;
        row->failures += outcome.decoded && outcome.error.status != LLM_OK;
        row->answers += outcome.error.status == LLM_OK;
        if (!outcome.decoded && row->why[0] == '\0') {
            const char *name = strrchr(folder, '/');
            snprintf(row->why, sizeof row->why, "%.60s: %.90s", name != NULL ? name + 1 : folder,
                     outcome.error.message);
        }
    }
    llm_response_free(outcome.response);
    recording_done(&recording);
    return row != NULL;
}

static void number_cell(struct table *table, unsigned n) {
    char digits[12];
    snprintf(digits, sizeof digits, "%u", n);
    table_cell(table, host_str(digits));
}

static int replay_tree(struct replay *replay) {
    static const char *const heads[] = {"PROVIDER",    "OPERATION",         "COUNT", "ANSWERS", "FAILURES",
                                        "NOT DECODED", "THE FIRST OF THESE"};
    const struct rows *rows = &replay->rows;
    llm_error err = LLM_ERROR_INIT;
    unsigned count = 0, undecoded = 0;
    if (recording_walk(replay->folder, replay_into_table, replay, &err) != LLM_OK) {
        cli_say(replay->cli, "replay", "%s", err.message);
        return CLI_USAGE;
    }
    struct table table = table_new(heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->list[i];
        count += row->count;
        undecoded += row->undecoded;
        table_cell(&table, host_str(row->provider));
        table_cell(&table, host_str(row->operation));
        number_cell(&table, row->count);
        number_cell(&table, row->answers);
        number_cell(&table, row->failures);
        number_cell(&table, row->undecoded);
        table_cell(&table, host_str(row->why));
    }
    table_print(&table, &replay->cli->out);
    free(rows->list);
    if (count == 0) {
        cli_say(replay->cli, "replay", "%s: no recording (meta.json) below it", replay->folder);
        return CLI_USAGE;
    }
    if (undecoded > 0) {
        cli_say(replay->cli, "replay", "%u of %u recordings could not be decoded", undecoded, count);
    }
    return undecoded > 0 ? CLI_FAILED : CLI_OK;
}

static int run(struct cli *cli, struct cli_args *args) {
    struct replay *replay = host_pool_alloc(&cli->pool, sizeof *replay);
    struct host_text settings = {0};
    if (replay == NULL) {
        cli_say(cli, NULL, "out of memory");
        return CLI_FAILED;
    }
    replay->cli = cli;
    replay->transport = (llm_transport){
        .size = (uint32_t)sizeof replay->transport, .ctx = &replay->current, .exchange = recording_exchange};
    cli->transport = &replay->transport;
    cli->settings = alone;
    int status = read_args(replay, args);
    status = status == CLI_OK ? open_master(replay, &settings) : status;
    if (status == CLI_OK) {
        status = replay->table ? replay_tree(replay) : replay_one(replay);
    }
    cli_close(cli); // before what it borrows goes
    cli->transport = NULL;
    cli->settings = NULL;
    host_text_done(&settings);
    return status;
}

const struct cli_command cli_replay = {
    .name = "replay",
    .operands = "DIR",
    .summary = "Decode a recorded exchange, print the response as JSON",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
};
