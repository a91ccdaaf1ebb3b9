// SPDX-License-Identifier: MIT
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LEDGER_WAIT_MS 5000u // for the rows of this run

// ---- saying ----------------------------------------------------------------------------------------------------------

static void say_line(struct cli *cli, const char *provider, const char *text) {
    char line[1024];
    size_t n = 0;
    for (; text[n] != '\0' && n < sizeof line - 1; n++) {
        const unsigned char c = (unsigned char)text[n];
        line[n] = c < 0x20 || c == 0x7f ? ' ' : text[n];
    }
    line[n] = '\0';
    fflush(cli->out.file);
    // The library's messages name the provider by themselves where they speak about it first.
    const size_t len = provider == NULL ? 0 : strlen(provider);
    const bool named = len > 0 && strncmp(line, provider, len) == 0 && (line[len] == ':' || line[len] == ' ');
    term_text(&cli->err, "llm-master: ");
    if (len > 0 && !named) {
        term_text(&cli->err, provider);
        term_text(&cli->err, ": ");
    }
    term_text(&cli->err, line);
    term_text(&cli->err, "\n");
    term_flush(&cli->err);
}

void cli_say(struct cli *cli, const char *provider, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say_line(cli, provider, text);
}

// What to do about a failure that came from the provider or the way to it; NULL: the message says it, or nothing can be done.
static const char *advice_of(const llm_error *err) {
    static const char look[] = "check its base URL; llm-master providers shows it";
    if (err->http_status >= 300 && err->http_status < 400) {
        return look;
    }
    switch (err->status) {
    case LLM_E_AUTH: return "check the key; llm-master keys tells where it is from";
    case LLM_E_PERMISSION: return "the key may not do this";
    case LLM_E_NOT_FOUND: return "llm-master models lists what there is";
    case LLM_E_TOO_LARGE: return "send less";
    case LLM_E_CONTEXT_LENGTH: return "shorten it, or take a model with a larger context";
    case LLM_E_RATE_LIMITED: return "try again later";
    case LLM_E_QUOTA: return "see plan and billing at the provider";
    case LLM_E_OVERLOADED:
    case LLM_E_SERVER: return "try again";
    case LLM_E_PROTOCOL: return "try again, or check its base URL; llm-master providers shows it";
    case LLM_E_TRANSPORT: return err->http_status != 0 ? "try again" : look;
    default: return NULL;
    }
}

void cli_say_error(struct cli *cli, const llm_error *err) {
    const char *message = err->message[0] != '\0' ? err->message : llm_status_name(err->status);
    const char *advice = advice_of(err);
    // Messages of our own, which are there before anything was sent, say what to do.
    const bool ours = err->http_status == 0 && err->status != LLM_E_TRANSPORT;
    char line[1024];
    if (ours || advice == NULL || strstr(message, "; ") != NULL) {
        say_line(cli, err->provider, message);
        return;
    }
    if (err->retry_after_ms > 0) {
        snprintf(line, sizeof line, "%s; try again in %lld s", message,
                 (long long)((err->retry_after_ms + 999) / 1000));
    } else {
        snprintf(line, sizeof line, "%s; %s", message, advice);
    }
    say_line(cli, err->provider, line);
}

int cli_usage(struct cli *cli, const struct cli_args *args, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    const size_t len = strlen(text);
    const char *see = len > 0 && text[len - 1] == '?' ? " See" : "; see";
    if (args->command[0] == '\0') {
        cli_say(cli, NULL, "%s%s llm-master --help", text, see);
    } else {
        cli_say(cli, args->command, "%s%s llm-master %s --help", text, see, args->command);
    }
    return CLI_USAGE;
}

int cli_exit_of(const llm_error *err) {
    switch (err->status) {
    case LLM_OK: return CLI_OK;
    case LLM_E_CONFIG: return CLI_CONFIG;
    case LLM_E_AUTH:
        return err->http_status == 0 ? CLI_CONFIG : CLI_FAILED; // no answer: the key was missing here
    case LLM_E_INTERNAL: return CLI_PLUGIN;
    case LLM_E_DENIED: return err->http_status == 0 ? CLI_PLUGIN : CLI_FAILED;
    default: return CLI_FAILED;
    }
}

// ---- JSON on standard output ---------------------------------------------------------------------------------------------

void cli_print_json(struct cli *cli, llm_str json) {
    term_write(&cli->out, json.ptr, json.len);
    term_text(&cli->out, "\n");
}

static void member(llm_json_writer *w, const char *name, const char *text) {
    llm_json_name(w, name);
    if (text[0] == '\0') {
        llm_json_null(w);
    } else {
        llm_json_cstring(w, text);
    }
}

void cli_print_failure(struct cli *cli, const llm_error *err) {
    struct host_text json = {0};
    llm_json_writer w = llm_json_writer_to(host_text_sink, &json);
    llm_json_object(&w);
    llm_json_name(&w, "error");
    llm_json_object(&w);
    member(&w, "code", llm_status_name(err->status));
    member(&w, "message", err->message);
    member(&w, "provider", err->provider);
    llm_json_name(&w, "http_status");
    if (err->http_status == 0) {
        llm_json_null(&w);
    } else {
        llm_json_integer(&w, err->http_status);
    }
    llm_json_name(&w, "retry_after_ms");
    if (err->retry_after_ms < 0) {
        llm_json_null(&w);
    } else {
        llm_json_integer(&w, err->retry_after_ms);
    }
    member(&w, "provider_code", err->provider_code);
    member(&w, "param", err->param);
    member(&w, "provider_request_id", err->request_id);
    llm_json_object_end(&w);
    llm_json_name(&w, "attempts");
    llm_json_array(&w);
    llm_json_array_end(&w);
    llm_json_object_end(&w);
    if (w.status == LLM_OK) {
        cli_print_json(cli, host_text_str(&json));
    }
    host_text_done(&json);
}

// ---- the master ----------------------------------------------------------------------------------------------------------

// A log whose reader has gone is no reason to die: between these two a broken pipe is an error like others.
static void enter_pipe(sigset_t *before) {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, before);
}

static void leave_pipe(const sigset_t *before) {
    const struct timespec now = {0};
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    while (!sigismember(before, SIGPIPE) && sigtimedwait(&pipe, NULL, &now) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

static void on_log(void *ctx, int32_t level, const char *line, size_t len) {
    static const char *const names[] = {"debug", "info", "warning", "error"};
    struct cli *cli = ctx;
    sigset_t before;
    enter_pipe(&before);
    term_style(&cli->err, "2");
    term_text(&cli->err, level >= 0 && level < 4 ? names[level] : "log");
    term_text(&cli->err, ": ");
    term_write(&cli->err, line, len);
    term_style(&cli->err, "0");
    term_text(&cli->err, "\n");
    if (!term_flush(&cli->err)) { // the answer matters more
        clearerr(cli->err.file);
        cli->log_lost++;
    }
    leave_pipe(&before);
}

int cli_open(struct cli *cli, bool json) {
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    llm_error err = LLM_ERROR_INIT;
    if (cli->master != NULL) {
        return CLI_OK;
    }
    options.flags = cli->records ? 0 : LLM_MASTER_NO_LEDGER;
    options.config_file = cli->config_file;
    options.plugin_dirs = cli->n_plugin_dirs > 0 ? cli->plugin_dirs : NULL;
    options.settings = cli->settings;
    options.transport = cli->transport;
    if (cli->verbose > 0) {
        options.log_level = cli->verbose > 1 ? LLM_LOG_DEBUG : LLM_LOG_INFO;
        options.log = on_log;
        options.log_ctx = cli;
    }
    if (llm_master_new(&options, &cli->master, &err) == LLM_OK) {
        return CLI_OK;
    }
    cli_say_error(cli, &err);
    if (json) {
        cli_print_failure(cli, &err);
    }
    return cli_exit_of(&err);
}

// Rows that cannot be written are lost with the program: that is said.
static void flush_ledger(struct cli *cli) {
    llm_error err = LLM_ERROR_INIT;
    if (cli->master != NULL && cli->records &&
        llm_master_flush(cli->master, LEDGER_WAIT_MS, &err) != LLM_OK) {
        cli_say_error(cli, &err);
    }
}

void cli_close(struct cli *cli) {
    flush_ledger(cli);
    llm_master_free(cli->master);
    cli->master = NULL;
}

int cli_describe(struct cli *cli, const char *what, const char *filter, bool json,
                 struct host_text *ret_json) {
    llm_error err = LLM_ERROR_INIT;
    char *text = NULL;
    size_t len = 0;
    const int opened = cli_open(cli, json);
    if (opened != CLI_OK) {
        return opened;
    }
    if (llm_master_describe(cli->master, what, filter, &text, &len, &err) != LLM_OK) {
        cli_say_error(cli, &err);
        if (json) {
            cli_print_failure(cli, &err);
        }
        return cli_exit_of(&err);
    }
    host_text_add(ret_json, text, len);
    llm_free(text);
    if (ret_json->failed) {
        cli_say(cli, NULL, "out of memory");
        return CLI_FAILED;
    }
    return CLI_OK;
}

int cli_read(struct cli *cli, const char *path, struct host_text *to) {
    llm_error err = LLM_ERROR_INIT;
    const llm_status status = strcmp(path, "-") == 0 ? host_text_fd(to, STDIN_FILENO, "standard input", &err)
                                                     : host_text_file(to, path, &err);
    if (status == LLM_OK) {
        return CLI_OK;
    }
    cli_say(cli, NULL, "%s", err.message);
    return status == LLM_E_NOMEM ? CLI_FAILED : CLI_USAGE;
}

const char *cli_absolute(struct cli *cli, const char *path) {
    struct host_text full = {0};
    char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
    if (path[0] != '/' && here == NULL) {
        cli_say(cli, NULL, "%s: the current directory cannot be told: %s", path, strerror(errno));
        return NULL;
    }
    if (here != NULL) {
        host_text_text(&full, here);
        host_text_text(&full, "/");
    }
    host_text_text(&full, path);
    const llm_str kept = full.failed ? (llm_str){0} : host_pool_copy(&cli->pool, host_text_str(&full));
    if (kept.ptr == NULL) {
        cli_say(cli, NULL, "out of memory");
    }
    host_text_done(&full);
    free(here);
    return kept.ptr;
}

// ---- interrupts ------------------------------------------------------------------------------------------------------------

// The one place that a signal handler can reach: the writing end of a pipe.
static volatile sig_atomic_t interrupt_pipe = -1;

static void on_interrupt(int number) {
    const int saved = errno;
    (void)number;
    (void)!write((int)interrupt_pipe, "", 1);
    errno = saved;
}

int cli_interrupt_fd(void) {
    int ends[2];
    if (pipe(ends) != 0) {
        return -1;
    }
    interrupt_pipe = ends[1];
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    // What the shell told to be ignored (a job in the background) stays so.
    struct sigaction before;
    if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
        sigaction(SIGINT, &action, NULL);
    }
    sigaction(SIGTERM, &action, NULL);
    return ends[0];
}

// ---- names -----------------------------------------------------------------------------------------------------------------

#define NAME_MAX_BYTES 32u

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// Edits that turn a into b; long names are never near.
static size_t distance(const char *a, const char *b) {
    const size_t n = strlen(a), m = strlen(b);
    size_t row[NAME_MAX_BYTES + 1];
    if (n > NAME_MAX_BYTES || m > NAME_MAX_BYTES) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= m; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            const size_t above = row[j];
            row[j] = smaller(smaller(row[j - 1], above) + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[m];
}

const char *cli_nearest(const char *typed, const char *const *names, size_t n) {
    const char *nearest = NULL;
    size_t least = strlen(typed) / 3 + 2;
    for (size_t i = 0; i < n; i++) {
        const size_t d = distance(typed, names[i]);
        if (d < least) {
            least = d;
            nearest = names[i];
        }
    }
    return nearest;
}
