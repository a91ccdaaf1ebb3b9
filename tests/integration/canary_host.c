// SPDX-License-Identifier: MIT
// A program that lets the library tell everything it can, for canary.py: every callback writes to a file of its own.
//
//     canary_host OUTPUT_DIR PROMPT_FILE [MODEL OPERATION FLAGS FALLBACK]...
//
// FALLBACK: "-" for none.  Settings come from the environment, as for any program.
#include <llm_master.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outputs {
    FILE *log, *records, *spans;
    const char *dir;
};

static FILE *open_output(const char *dir, const char *name, unsigned n) {
    char path[4096];
    (void)snprintf(path, sizeof path, n > 0 ? "%s/%s-%u" : "%s/%s", dir, name, n);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void on_line(void *ctx, int32_t level, const char *line, size_t len) {
    fprintf(((struct outputs *)ctx)->log, "%d %.*s\n", (int)level, (int)len, line);
}

static void write_field(FILE *file, const llm_field *field) {
    if (field->text.ptr != NULL) {
        fprintf(file, " %s=%.*s", field->name, (int)field->text.len, field->text.ptr);
    } else {
        fprintf(file, " %s=%lld", field->name, (long long)field->number);
    }
}

static void on_record(void *ctx, const llm_log_record *record) {
    FILE *file = ((struct outputs *)ctx)->records;
    fprintf(file, "%s", record->event);
    for (size_t i = 0; i < record->n_fields; i++) {
        write_field(file, &record->fields[i]);
    }
    fprintf(file, "\n");
}

static void on_span(void *ctx, const llm_span *span) {
    FILE *file = ((struct outputs *)ctx)->spans;
    fprintf(file, "%s", span->name);
    for (size_t i = 0; i < span->n_attributes; i++) {
        write_field(file, &span->attributes[i]);
    }
    fprintf(file, "\n");
}

static void write_error(FILE *file, const llm_error *err) {
    fprintf(file, "%s\n%s\n%s\n%s\n%s\n%s\n", llm_status_name(err->status), err->provider, err->provider_code,
            err->param, err->request_id, err->message);
}

static void describe(struct outputs *outputs, llm_master *master) {
    static const char *const whats[] = {"models", "providers", "keys",   "plugins",
                                        "config", "doctor",    "limits", "usage"};
    for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++) {
        char *json = NULL;
        size_t len = 0;
        llm_error err = LLM_ERROR_INIT;
        FILE *file = open_output(outputs->dir, whats[i], 0);
        if (llm_master_describe(master, whats[i], NULL, &json, &len, &err) == LLM_OK) {
            (void)fwrite(json, 1, len, file);
        } else {
            write_error(file, &err);
        }
        llm_free(json);
        fclose(file);
    }
}

static void ask(struct outputs *outputs, llm_master *master, unsigned n, char **argv, const char *prompt) {
    llm_query_args args = {LLM_QUERY_INIT, .model = argv[0], .operation = argv[1], .prompt = prompt,
                           .tag = "canary"};
    const char *fallbacks[] = {argv[3], NULL};
    llm_response *response = NULL;
    llm_error err = LLM_ERROR_INIT;
    unsigned flags = 0;
    (void)sscanf(argv[2], "%u", &flags);
    args.flags = flags;
    args.fallbacks = strcmp(argv[3], "-") != 0 ? fallbacks : NULL;
    const llm_status status = llm_query(master, &args, &response, &err);
    FILE *file = open_output(outputs->dir, "error", n);
    write_error(file, &err);
    fclose(file);
    if (response != NULL) {
        char *json = NULL;
        size_t len = 0;
        file = open_output(outputs->dir, "response", n);
        if (llm_response_json(response, &json, &len) == LLM_OK) {
            (void)fwrite(json, 1, len, file);
        }
        fclose(file);
        llm_free(json);
    }
    llm_response_free(response);
    printf("%s\n", llm_status_name(status));
}

int main(int argc, char **argv) {
    struct outputs outputs = {.dir = argv[1]};
    static char prompt[4096];
    llm_error err = LLM_ERROR_INIT;
    FILE *file = argc >= 3 ? fopen(argv[2], "r") : NULL;
    if (file == NULL) {
        return 2;
    }
    prompt[fread(prompt, 1, sizeof prompt - 1, file)] = '\0';
    fclose(file);
    outputs.log = open_output(outputs.dir, "log", 0);
    outputs.records = open_output(outputs.dir, "records", 0);
    outputs.spans = open_output(outputs.dir, "spans", 0);
    llm_master *master = NULL;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.log_level = LLM_LOG_DEBUG;
    options.log = on_line;
    options.log_record = on_record;
    options.log_ctx = &outputs;
    options.span = on_span;
    options.span_ctx = &outputs;
    if (llm_master_new(&options, &master, &err) != LLM_OK) {
        write_error(stderr, &err);
        return 1;
    }
    for (int i = 3; i + 3 < argc; i += 4) {
        ask(&outputs, master, (unsigned)(i / 4 + 1), argv + i, prompt);
    }
    describe(&outputs, master);
    (void)llm_master_reload(master, NULL);
    char *text = NULL;
    if (llm_master_metrics(master, &text, NULL, &err) == LLM_OK) {
        file = open_output(outputs.dir, "metrics", 0);
        fputs(text, file);
        fclose(file);
    }
    llm_free(text);
    llm_master_free(master);
    fclose(outputs.log);
    fclose(outputs.records);
    fclose(outputs.spans);
    return 0;
}
