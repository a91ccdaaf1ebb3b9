// SPDX-License-Identifier: MIT
// Request bodies out of options: parameters, prompts, attachments, schemas.
#ifndef LLM_CLI_BODY_H
#define LLM_CLI_BODY_H

#include "cli.h"

// -p NAME=VALUE
struct cli_param {
    llm_str name, value; // value: JSON when is_json, else text
    bool is_json;
};

struct cli_params {
    struct cli_param list[CLI_MAX_PARAMS];
    size_t n;
};

// Take one -p.  CLI_OK, or CLI_USAGE after saying why.
int cli_params_add(struct cli_params *params, const struct cli_args *args);
// As members of an open object.
void cli_params_write(const struct cli_params *params, llm_json_writer *w);
bool cli_params_has(const struct cli_params *params, const char *name);

// -a FILE or URL
struct cli_attachment {
    const char *source, *name; // name: without folders
    const char *mime;
    bool is_url;
    struct host_text data; // of a file
};

struct cli_attachments {
    struct cli_attachment list[CLI_MAX_ATTACHMENTS];
    size_t n;
};

// Read one.  CLI_OK, or the exit status after saying why.
int cli_attachments_add(struct cli_attachments *attachments, const struct cli_args *args);
void cli_attachments_done(struct cli_attachments *attachments);
// The same, of files alone: these travel beside the body (a URL is a member of it).
int cli_attachments_add_file(struct cli_attachments *attachments, const struct cli_args *args);
// Beside the body of args; list has CLI_MAX_ATTACHMENTS places and lives as long as args.
void cli_attachments_put(const struct cli_attachments *attachments, llm_attachment *list,
                         llm_query_args *args);
// As parts of a chat message's content: image_url, input_audio, file, or text for text files.
void cli_attachments_write(const struct cli_attachments *attachments, llm_json_writer *w);

// What the first bytes, or the file's name, say: "image/png"; text is "text/plain"; "application/octet-stream" when nothing does.
const char *cli_mime_of(llm_str data, const char *name);

// The prompt: the operand, standard input for "-" or when there is no operand, both when input is piped in.
// CLI_OK, or the exit status after saying why.
int cli_prompt(const struct cli_args *args, const char *operand, struct host_text *ret);

#endif
