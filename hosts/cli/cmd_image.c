// SPDX-License-Identifier: MIT
#include "body.h"
#include "call.h"
#include "files.h"
#include "wishes.h"

#include <stdlib.h>
#include <unistd.h>

#define RESULTS_MAX 1024u // blobs of one answer, see LLM_MAX_BLOBS

static const struct cli_option options[] = {
    {'m', "model", "MODEL", "a name, an alias, or PROVIDER/MODEL"},
    {'p', "param", "NAME=VALUE",
     "a member of the request: JSON where it is JSON, else text; may be repeated"},
    {'a', "attach", "FILE", "a picture to work on; may be repeated"},
    {'o', "output", "FILE", "where the result goes; numbered when there are several"},
    {'f', "force", NULL, "overwrite a file that is there"},
    {0, "operation", "NAME", "image; image.edit (with -a); image.vectorize, image.upscale, ..."},
    {0, "json", NULL, "print the whole response as JSON, failures too"},
    CLI_WISHES,
};

struct image {
    const char *model, *output, *operation, *prompt;
    bool force, json;
    struct cli_params params;
    struct cli_attachments attachments;
    struct host_text body;
    struct cli_wishes wishes;
};

static int read_option(struct image *image, struct cli_args *args) {
    int status;
    if (cli_wishes_take(&image->wishes, args, &status)) {
        return status;
    }
    if (cli_is(args, "model")) {
        image->model = args->value;
    } else if (cli_is(args, "param")) {
        return cli_params_add(&image->params, args);
    } else if (cli_is(args, "attach")) {
        return cli_attachments_add_file(&image->attachments, args);
    } else if (cli_is(args, "output")) {
        image->output = args->value;
    } else if (cli_is(args, "force")) {
        image->force = true;
    } else if (cli_is(args, "operation")) {
        image->operation = args->value;
    } else {
        image->json = true;
    }
    return CLI_OK;
}

static int read_args(struct image *image, struct cli_args *args) {
    int found;
    while ((found = cli_args_next(args)) != CLI_ARG_END) {
        if (found == CLI_ARG_HELP) {
            return CLI_HELP_WANTED;
        }
        if (found == CLI_ARG_BAD) {
            return CLI_USAGE;
        }
        if (found == CLI_ARG_OPTION) {
            const int status = read_option(image, args);
            if (status != CLI_OK) {
                return status;
            }
        } else if (image->prompt != NULL) {
            return cli_usage(args->cli, args, "more than one prompt: put it in quotes");
        } else {
            image->prompt = args->value;
        }
    }
    if (cli_params_has(&image->params, "model") || cli_params_has(&image->params, "prompt")) {
        return cli_usage(args->cli, args,
                         "\"model\" and \"prompt\" are no parameters: use -m and the operand");
    }
    if (image->prompt == NULL && image->attachments.n == 0) {
        return cli_usage(args->cli, args, "there is no prompt");
    }
    if (image->output != NULL && !image->force && access(image->output, F_OK) == 0) {
        cli_say(args->cli, NULL, "%s: there is such a file already; -f overwrites it", image->output);
        return CLI_USAGE;
    }
    if (image->operation == NULL) {
        image->operation = image->attachments.n > 0 ? "image.edit" : "image";
    }
    return CLI_OK;
}

static bool write_body(struct image *image) {
    llm_json_writer w = llm_json_writer_to(host_text_sink, &image->body);
    llm_json_object(&w);
    if (image->prompt != NULL) {
        llm_json_name(&w, "prompt");
        llm_json_cstring(&w, image->prompt);
    }
    cli_params_write(&image->params, &w);
    llm_json_object_end(&w);
    return w.status == LLM_OK && !image->body.failed;
}

static void print_saved(struct cli *cli, const char *path, llm_str data) {
    unsigned width, height;
    char line[64];
    term_text(&cli->out, path);
    if (cli_picture_size(data, &width, &height)) {
        snprintf(line, sizeof line, "  %ux%u", width, height);
        term_text(&cli->out, line);
    }
    snprintf(line, sizeof line, "  %zu bytes\n", data.len);
    term_text(&cli->out, line);
}

struct saving {
    const struct image *image;
    struct cli_call *call;
    size_t count;
    char *paths[RESULTS_MAX];
    size_t n_paths;
};

static int save(struct saving *saving, llm_str data, llm_str mime) {
    struct cli *cli = saving->call->cli;
    const struct image *image = saving->image;
    struct host_text path = {0};
    // The bytes know better than a header; what they do not tell, the answer states.
    const char *told = cli_mime_of(data, "");
    const bool unknown = strcmp(told, "application/octet-stream") == 0 || strcmp(told, "text/plain") == 0;
    const char *extension = cli_extension_of(unknown && mime.len > 0 ? mime : host_str(told));
    if (!cli_result_path(image->output, "image", saving->n_paths + 1, saving->count, extension, &path)) {
        cli_say(cli, NULL, "out of memory");
        host_text_done(&path);
        return CLI_FAILED;
    }
    const int status = cli_save(cli, path.ptr, data, image->force);
    if (status != CLI_OK) {
        host_text_done(&path);
        return status;
    }
    saving->paths[saving->n_paths++] = path.ptr;
    if (!image->json) {
        print_saved(cli, path.ptr, data);
    }
    return CLI_OK;
}

static int fetch_and_save(struct saving *saving, const llm_blob *blob) {
    struct cli *cli = saving->call->cli;
    struct host_text url = {0};
    llm_error err = LLM_ERROR_INIT;
    uint8_t *data = NULL;
    size_t len = 0;
    int status = CLI_FAILED;
    host_text_add(&url, blob->url.ptr, blob->url.len);
    host_text_add(&url, "", 1);
    if (url.failed) {
        cli_say(cli, NULL, "out of memory");
    } else if (llm_fetch(cli->master, saving->call->response, url.ptr, CLI_MAX_SAVED_BYTES, &data, &len,
                         &err) != LLM_OK) {
        cli_say(cli, llm_response_get(saving->call->response, "provider"), "%s", err.message);
    } else {
        status = save(saving, (llm_str){(const char *)data, len}, blob->mime);
    }
    llm_free(data);
    host_text_done(&url);
    return status;
}

static int save_all(struct saving *saving) {
    const llm_response *response = saving->call->response;
    llm_blob blob = {.size = sizeof blob};
    int status = CLI_OK;
    while (saving->count < RESULTS_MAX && llm_response_blob(response, saving->count, &blob) != 0) {
        saving->count++;
    }
    for (size_t i = 0; i < saving->count && status == CLI_OK; i++) {
        blob.size = sizeof blob;
        llm_response_blob(response, i, &blob);
        status = blob.data.len > 0
                     ? save(saving, (llm_str){(const char *)blob.data.ptr, blob.data.len}, blob.mime)
                     : fetch_and_save(saving, &blob);
    }
    if (saving->count == 0) {
        cli_say(saving->call->cli, llm_response_get(response, "provider"), "the answer holds no image");
        status = CLI_FAILED;
    }
    return status;
}

static int finish(struct image *image, struct cli_call *call) {
    struct saving *saving = calloc(1, sizeof *saving);
    struct host_text json = {0};
    if (saving == NULL) {
        cli_say(call->cli, NULL, "out of memory");
        return CLI_FAILED;
    }
    saving->image = image;
    saving->call = call;
    const int status = save_all(saving);
    // Also when one could not be saved: the answer is paid for.
    if (image->json && cli_call_json(call, (const char *const *)saving->paths, saving->n_paths, &json)) {
        cli_print_json(call->cli, host_text_str(&json));
    }
    if (status == CLI_OK) {
        cli_facts(call->cli, call->response);
    }
    for (size_t i = 0; i < saving->n_paths; i++) {
        free(saving->paths[i]);
    }
    free(saving);
    host_text_done(&json);
    return status;
}

static int ask(struct image *image, struct cli *cli) {
    llm_attachment pictures[CLI_MAX_ATTACHMENTS];
    struct cli_call call = {
        .cli = cli, .json = image->json, .show_text = !image->json, .show_progress = true};
    call.args.size = LLM_QUERY_INIT;
    call.args.operation = image->operation;
    call.args.model = image->model;
    call.args.body = host_text_str(&image->body);
    cli_attachments_put(&image->attachments, pictures, &call.args);
    call.say_model = image->model == NULL;
    cli_wishes_put(&image->wishes, &call.args);
    int status = cli_call_run(&call);
    status = status == CLI_OK ? finish(image, &call) : status;
    cli_call_done(&call);
    return status;
}

static int run(struct cli *cli, struct cli_args *args) {
    struct image image = {0};
    int status = read_args(&image, args);
    status = status == CLI_OK ? cli_open(cli, image.json) : status;
    if (status == CLI_OK && !write_body(&image)) {
        cli_say(cli, NULL, "out of memory");
        status = CLI_FAILED;
    }
    status = status == CLI_OK ? ask(&image, cli) : status;
    cli_attachments_done(&image.attachments);
    host_text_done(&image.body);
    return status;
}

const struct cli_command cli_image = {
    .name = "image",
    .operands = "PROMPT",
    .summary = "Make or change pictures; they are saved, path and size are printed",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
    .records = true,
};
