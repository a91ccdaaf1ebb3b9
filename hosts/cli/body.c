// SPDX-License-Identifier: MIT
#include "body.h"

#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64 // what a request may have, see LLM_MAX_JSON_DEPTH

// ---- parameters --------------------------------------------------------------------------------------------------------

int cli_params_add(struct cli_params *params, const struct cli_args *args) {
    const char *equals = strchr(args->value, '=');
    if (equals == NULL || equals == args->value) {
        return cli_usage(args->cli, args, "-p takes NAME=VALUE, not \"%.64s\"", args->value);
    }
    if (params->n == CLI_MAX_PARAMS) {
        return cli_usage(args->cli, args, "more than %u parameters", CLI_MAX_PARAMS);
    }
    struct cli_param *param = &params->list[params->n];
    param->name = (llm_str){args->value, (size_t)(equals - args->value)};
    param->value = host_str(equals + 1);
    param->is_json = llm_json_check(param->value, DEPTH_MAX, NULL) != 0;
    for (size_t i = 0; i < params->n; i++) {
        if (host_same(params->list[i].name, param->name)) {
            return cli_usage(args->cli, args, "the parameter \"%.*s\" is given twice", (int)param->name.len,
                             param->name.ptr);
        }
    }
    params->n++;
    return CLI_OK;
}

void cli_params_write(const struct cli_params *params, llm_json_writer *w) {
    for (size_t i = 0; i < params->n; i++) {
        const struct cli_param *param = &params->list[i];
        llm_json_name_str(w, param->name);
        if (param->is_json) {
            llm_json_raw(w, llm_json_value(param->value));
        } else {
            llm_json_string(w, param->value);
        }
    }
}

bool cli_params_has(const struct cli_params *params, const char *name) {
    for (size_t i = 0; i < params->n; i++) {
        if (host_same(params->list[i].name, host_str(name))) {
            return true;
        }
    }
    return false;
}

// ---- attachments ---------------------------------------------------------------------------------------------------------

static bool begins(llm_str data, size_t at, const char *magic, size_t n) {
    return data.len >= at + n && memcmp(data.ptr + at, magic, n) == 0;
}

static const char *mime_of_bytes(llm_str data) {
    static const struct {
        const char *magic;
        size_t n;
        const char *mime;
    } known[] = {
        {"\x89PNG\r\n\x1a\n", 8, "image/png"},
        {"\xff\xd8\xff", 3, "image/jpeg"},
        {"GIF8", 4, "image/gif"},
        {"%PDF-", 5, "application/pdf"},
        {"ID3", 3, "audio/mpeg"},
        {"\xff\xfb", 2, "audio/mpeg"},
        {"\xff\xf3", 2, "audio/mpeg"},
        {"OggS", 4, "audio/ogg"},
        {"fLaC", 4, "audio/flac"},
        {"<svg", 4, "image/svg+xml"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (begins(data, 0, known[i].magic, known[i].n)) {
            return known[i].mime;
        }
    }
    if (begins(data, 0, "RIFF", 4) && begins(data, 8, "WEBP", 4)) {
        return "image/webp";
    }
    if (begins(data, 0, "RIFF", 4) && begins(data, 8, "WAVE", 4)) {
        return "audio/wav";
    }
    return begins(data, 4, "ftyp", 4) ? "video/mp4" : NULL;
}

static const char *mime_of_name(const char *name) {
    static const struct {
        const char *end, *mime;
    } known[] = {
        {".png", "image/png"},         {".jpg", "image/jpeg"}, {".jpeg", "image/jpeg"},
        {".webp", "image/webp"},       {".gif", "image/gif"},  {".svg", "image/svg+xml"},
        {".pdf", "application/pdf"},   {".wav", "audio/wav"},  {".mp3", "audio/mpeg"},
        {".json", "application/json"}, {".ogg", "audio/ogg"},  {".flac", "audio/flac"},
    };
    const llm_str text = host_str(name);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const size_t n = strlen(known[i].end);
        if (text.len > n && host_same_name((llm_str){text.ptr + text.len - n, n}, host_str(known[i].end))) {
            return known[i].mime;
        }
    }
    return NULL;
}

// UTF-8 without control bytes but tab and line ends.
static bool is_text(llm_str data) {
    size_t at = 0;
    while (at < data.len) {
        const unsigned char c = (unsigned char)data.ptr[at];
        size_t n = 0;
        if (c < 0x80) {
            n = c >= 0x20 || c == '\n' || c == '\t' || c == '\r' || c == '\f' ? 1 : 0;
        } else if (c >= 0xc2 && c < 0xf5) {
            n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        }
        if (n == 0 || n > data.len - at) {
            return false;
        }
        for (size_t i = 1; i < n; i++) {
            if (((unsigned char)data.ptr[at + i] & 0xc0) != 0x80) {
                return false;
            }
        }
        at += n;
    }
    return true;
}

const char *cli_mime_of(llm_str data, const char *name) {
    const char *mime = mime_of_bytes(data);
    if (mime == NULL) {
        mime = mime_of_name(name);
    }
    if (mime == NULL) {
        mime = data.len > 0 && is_text(data) ? "text/plain" : "application/octet-stream";
    }
    return mime;
}

static bool is_url(const char *source) {
    return strncmp(source, "http://", 7) == 0 || strncmp(source, "https://", 8) == 0 ||
           strncmp(source, "data:", 5) == 0;
}

int cli_attachments_add(struct cli_attachments *attachments, const struct cli_args *args) {
    if (attachments->n == CLI_MAX_ATTACHMENTS) {
        return cli_usage(args->cli, args, "more than %u attachments", CLI_MAX_ATTACHMENTS);
    }
    struct cli_attachment *attachment = &attachments->list[attachments->n++];
    const char *slash = strrchr(args->value, '/');
    attachment->source = args->value;
    attachment->name = slash != NULL && slash[1] != '\0' ? slash + 1 : args->value;
    attachment->is_url = is_url(args->value);
    if (attachment->is_url) {
        return CLI_OK;
    }
    const int status = cli_read(args->cli, args->value, &attachment->data);
    if (status == CLI_OK && attachment->data.len == 0) {
        cli_say(args->cli, NULL, "%s: empty: there is nothing to attach", args->value);
        return CLI_USAGE;
    }
    attachment->mime = cli_mime_of(host_text_str(&attachment->data), attachment->name);
    return status;
}

int cli_attachments_add_file(struct cli_attachments *attachments, const struct cli_args *args) {
    if (is_url(args->value)) {
        return cli_usage(args->cli, args, "-a takes a file here; a URL is a member of the request: %.64s",
                         args->value);
    }
    return cli_attachments_add(attachments, args);
}

void cli_attachments_put(const struct cli_attachments *attachments, llm_attachment *list,
                         llm_query_args *args) {
    for (size_t i = 0; i < attachments->n; i++) {
        const struct cli_attachment *from = &attachments->list[i];
        list[i] = (llm_attachment){
            .data = {(const uint8_t *)from->data.ptr, from->data.len},
            .mime = host_str(from->mime),
            .name = host_str(from->name),
        };
    }
    args->attachments = attachments->n > 0 ? list : NULL;
    args->n_attachments = attachments->n;
}

void cli_attachments_done(struct cli_attachments *attachments) {
    for (size_t i = 0; i < attachments->n; i++) {
        host_text_done(&attachments->list[i].data);
    }
}

static void write_base64(llm_json_writer *w, llm_str data) {
    struct host_text piece = {0};
    while (data.len > 0) {
        const size_t n = data.len < 49152 ? data.len : 49152; // a multiple of 3: no padding but at the end
        piece.len = 0;
        host_text_base64(&piece, data.ptr, n);
        if (piece.failed) {
            w->status = LLM_E_NOMEM;
            break;
        }
        llm_json_string_piece(w, piece.ptr, piece.len, 1);
        data = (llm_str){data.ptr + n, data.len - n};
    }
    host_text_done(&piece);
}

// A string member "data:MIME;base64,...".
static void write_data_url(llm_json_writer *w, const char *name, const struct cli_attachment *attachment) {
    llm_json_name(w, name);
    llm_json_string_begin(w);
    llm_json_string_piece(w, "data:", 5, 1);
    llm_json_string_piece(w, attachment->mime, strlen(attachment->mime), 1);
    llm_json_string_piece(w, ";base64,", 8, 1);
    write_base64(w, host_text_str(&attachment->data));
    llm_json_string_end(w);
}

static void begin_part(llm_json_writer *w, const char *type, bool nested) {
    llm_json_object(w);
    llm_json_name(w, "type");
    llm_json_cstring(w, type);
    llm_json_name(w, type);
    if (nested) {
        llm_json_object(w);
    }
}

static void write_text_file(llm_json_writer *w, const struct cli_attachment *attachment) {
    begin_part(w, "text", false);
    llm_json_string_begin(w);
    llm_json_string_piece(w, attachment->name, strlen(attachment->name), 0);
    llm_json_string_piece(w, ":\n", 2, 0);
    llm_json_string_piece(w, attachment->data.ptr, attachment->data.len, 0);
    llm_json_string_end(w);
    llm_json_object_end(w);
}

static void write_part(llm_json_writer *w, const struct cli_attachment *attachment) {
    const char *mime = attachment->mime;
    if (attachment->is_url || strncmp(mime, "image/", 6) == 0) {
        begin_part(w, "image_url", true);
        if (attachment->is_url) {
            llm_json_name(w, "url");
            llm_json_cstring(w, attachment->source);
        } else {
            write_data_url(w, "url", attachment);
        }
    } else if (strcmp(mime, "audio/wav") == 0 || strcmp(mime, "audio/mpeg") == 0) {
        begin_part(w, "input_audio", true);
        llm_json_name(w, "data");
        llm_json_string_begin(w);
        write_base64(w, host_text_str(&attachment->data));
        llm_json_string_end(w);
        llm_json_name(w, "format");
        llm_json_cstring(w, strcmp(mime, "audio/wav") == 0 ? "wav" : "mp3");
    } else if (is_text(host_text_str(&attachment->data))) {
        write_text_file(w, attachment);
        return;
    } else {
        begin_part(w, "file", true);
        llm_json_name(w, "filename");
        llm_json_cstring(w, attachment->name);
        write_data_url(w, "file_data", attachment);
    }
    llm_json_object_end(w);
    llm_json_object_end(w);
}

void cli_attachments_write(const struct cli_attachments *attachments, llm_json_writer *w) {
    for (size_t i = 0; i < attachments->n; i++) {
        write_part(w, &attachments->list[i]);
    }
}

// ---- the prompt ----------------------------------------------------------------------------------------------------------------

// A pipe, a socket or a file: something that a person put there.
static bool is_piped(void) {
    struct stat info;
    return fstat(STDIN_FILENO, &info) == 0 &&
           (S_ISFIFO(info.st_mode) || S_ISREG(info.st_mode) || S_ISSOCK(info.st_mode));
}

int cli_prompt(const struct cli_args *args, const char *operand, struct host_text *ret) {
    const bool dash = operand != NULL && strcmp(operand, "-") == 0;
    const bool input = dash || is_piped() || (operand == NULL && isatty(STDIN_FILENO) != 1);
    if (operand != NULL && !dash) {
        host_text_text(ret, operand);
    }
    if (input) {
        const size_t before = ret->len;
        if (before > 0) {
            host_text_text(ret, "\n\n");
        }
        const size_t from = ret->len;
        const int status = cli_read(args->cli, "-", ret);
        if (status != CLI_OK) {
            return status;
        }
        if (ret->len == from) {
            ret->len = before;
        }
    }
    if (ret->len == 0) {
        return cli_usage(args->cli, args, "there is no prompt: give one, or pipe one in");
    }
    return CLI_OK;
}
