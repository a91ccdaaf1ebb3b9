// SPDX-License-Identifier: MIT
#include "call.h"

#include "debug.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_MS 500

static void say_model(struct cli_call *call) {
    llm_response *response = NULL;
    if (!call->say_model || call->cli->quiet || llm_call_response(call->call, &response) != LLM_OK) {
        return;
    }
    const char *model = llm_response_get(response, "model");
    const char *provider = llm_response_get(response, "provider");
    if (model != NULL && provider != NULL) {
        cli_say(call->cli, NULL, "no -m and no default_model: asking %s/%s", provider, model);
    }
    call->say_model = false;
    llm_response_free(response);
}

static void clear_progress(struct cli_call *call) {
    if (call->waited) {
        fputs("\r\033[K", call->cli->err.file);
        fflush(call->cli->err.file);
        call->waited = false;
    }
}

static void show_text(struct cli_call *call, const llm_event *event) {
    if (!call->show_text || event->channel == LLM_TEXT_REASONING || event->choice != 0 ||
        event->text.len == 0) {
        return;
    }
    clear_progress(call);
    term_write(&call->cli->out, event->text.ptr, event->text.len);
    fflush(call->cli->out.file);
    call->wrote = true;
}

static void warn(struct cli_call *call, const llm_event *event) {
    const char *text = event->text.ptr != NULL ? event->text.ptr : "";
    if (call->cli->quiet) {
        return;
    }
    clear_progress(call);
    if (event->name.len > 0) {
        cli_say(call->cli, NULL, "warning: %.*s: %.*s", (int)event->name.len, event->name.ptr,
                (int)event->text.len, text);
    } else {
        cli_say(call->cli, NULL, "warning: %.*s", (int)event->text.len, text);
    }
}

static llm_status on_event(void *ctx, llm_call *handle, const llm_event *event) {
    struct cli_call *call = ctx;
    (void)handle;
    switch (event->type) {
    case LLM_EVENT_START: say_model(call); break;
    case LLM_EVENT_TEXT: show_text(call, event); break;
    case LLM_EVENT_TOOL:
        call->n_tools = event->index + 1 > call->n_tools ? event->index + 1 : call->n_tools;
        break;
    case LLM_EVENT_WARNING: warn(call, event); break;
    case LLM_EVENT_END: call->ended = true; break;
    default: break;
    }
    return LLM_OK;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void show_progress(struct cli_call *call, int64_t began_ms) {
    const int64_t seconds = (now_ms() - began_ms) / 1000;
    if (seconds > 0 && !call->wrote) {
        fprintf(call->cli->err.file, "\r\033[Kwaiting, %lld s", (long long)seconds);
        fflush(call->cli->err.file);
        call->waited = true;
    }
}

// Drive the loop until the end event.
static void drive(struct cli_call *call, llm_loop *loop) {
    const bool progress = call->show_progress && call->cli->err.is_terminal && !call->cli->quiet;
    const int64_t began_ms = progress ? now_ms() : 0;
    struct pollfd ready[] = {{.fd = llm_loop_fd(loop), .events = POLLIN},
                             {.fd = cli_interrupt_fd(), .events = POLLIN}};
    while (llm_loop_run(loop, 0) > 0 && !call->ended) {
        const int n = poll(ready, 2, progress ? PROGRESS_MS : -1);
        if (n < 0 && errno != EINTR) {
            break;
        }
        if (n > 0 && ready[1].revents != 0) {
            char byte;
            (void)!read(ready[1].fd, &byte, 1);
            call->interrupted = true;
            llm_call_cancel(call->call);
        }
        if (progress) {
            show_progress(call, began_ms);
        }
    }
    clear_progress(call);
}

static void take_error(struct cli_call *call) {
    const llm_error *error = call->response == NULL ? NULL : llm_response_error(call->response);
    if (error != NULL) {
        call->error = *error;
    } else if (!call->ended) {
        call->error.status = LLM_E_INTERNAL;
        host_fail(&call->error, LLM_E_INTERNAL, "the call ended without its end event");
    }
}

static int tell_failure(struct cli_call *call) {
    struct cli *cli = call->cli;
    if (call->wrote && cli->out.last != '\n') {
        term_text(&cli->out, "\n");
    }
    if (call->interrupted && call->error.status == LLM_E_CANCELLED) {
        cli_say(cli, call->error.provider, "interrupted");
    } else {
        cli_say_error(cli, &call->error);
    }
    struct host_text json = {0};
    if (call->json && call->response != NULL && cli_call_json(call, NULL, 0, &json)) {
        cli_print_json(cli, host_text_str(&json));
    } else if (call->json) {
        cli_print_failure(cli, &call->error);
    }
    host_text_done(&json);
    // Nobody named a model, and there is none: what is missing is a setting or a key.
    const bool unset = call->args.model == NULL && llm_json_get(call->args.body, "model").ptr == NULL;
    if (unset && call->error.status == LLM_E_NOT_FOUND && call->error.http_status == 0) {
        return CLI_CONFIG;
    }
    return call->interrupted ? CLI_INTERRUPTED : cli_exit_of(&call->error);
}

int cli_call_run(struct cli_call *call) {
    llm_loop *loop = NULL;
    struct cli *cli = call->cli;
    call->error = (llm_error)LLM_ERROR_INIT;
    call->args.on_event = on_event;
    call->args.ctx = call;
    call->args.flags |= LLM_QUERY_COLLECT | LLM_QUERY_BORROW;
    if (cli->has_max_wait) {
        call->args.max_wait_ms = cli->max_wait_ms;
        call->args.flags |= cli->max_wait_ms == 0 ? LLM_QUERY_NO_WAIT : 0;
    }
    call->args.flags |= cli->debug > 0 ? LLM_QUERY_DEBUG : 0;
    call->args.flags |= cli->debug > 1 ? LLM_QUERY_DEBUG_BODIES : 0;
    if (llm_loop_new(cli->master, NULL, &loop, &call->error) == LLM_OK &&
        llm_call_start(loop, &call->args, &call->call, &call->error) == LLM_OK) {
        drive(call, loop);
        if (llm_call_response(call->call, &call->response) != LLM_OK) {
            call->response = NULL;
        }
        take_error(call);
        llm_call_free(call->call);
    }
    llm_loop_free(loop);
    if (cli->debug > 0) {
        if (call->wrote && cli->out.last != '\n') {
            term_text(&cli->out, "\n");
            term_flush(&cli->out);
        }
        cli_debug(cli, call->response);
    }
    if (call->error.status != LLM_OK) {
        return tell_failure(call);
    }
    if (call->wrote && cli->out.last != '\n') {
        term_text(&cli->out, "\n");
    }
    if (call->show_text && !call->wrote && call->n_tools > 0 && !cli->quiet) {
        cli_say(cli, NULL, "the model asks for %zu tool call%s; --json shows %s", call->n_tools,
                call->n_tools == 1 ? "" : "s", call->n_tools == 1 ? "it" : "them");
    }
    return CLI_OK;
}

void cli_call_done(struct cli_call *call) {
    llm_response_free(call->response);
    call->response = NULL;
}

// ---- JSON --------------------------------------------------------------------------------------------------------------

static void write_blobs(llm_json_writer *w, llm_str blobs, const char *const *paths, size_t n_paths) {
    size_t i = 0;
    llm_json_array(w);
    llm_json_iter each = llm_json_begin(blobs);
    while (llm_json_next(&each)) {
        llm_json_object(w);
        llm_json_iter it = llm_json_begin(each.value);
        while (llm_json_next(&it)) {
            llm_json_name_str(w, llm_json_plain(it.name));
            llm_json_raw(w, it.value);
        }
        if (i < n_paths && paths[i] != NULL) {
            llm_json_name(w, "path");
            llm_json_cstring(w, paths[i]);
        }
        i++;
        llm_json_object_end(w);
    }
    llm_json_array_end(w);
}

bool cli_call_json(const struct cli_call *call, const char *const *paths, size_t n_paths,
                   struct host_text *ret) {
    char *text = NULL;
    size_t len = 0;
    if (llm_response_json(call->response, &text, &len) != LLM_OK) {
        return false;
    }
    const llm_str json = {text, len};
    if (n_paths == 0) {
        host_text_add(ret, text, len);
    } else {
        llm_json_writer w = llm_json_writer_to(host_text_sink, ret);
        llm_json_object(&w);
        llm_json_iter it = llm_json_begin(json);
        while (llm_json_next(&it)) {
            llm_json_name_str(&w, llm_json_plain(it.name));
            if (llm_json_is(it.name, "blobs")) {
                write_blobs(&w, it.value, paths, n_paths);
            } else {
                llm_json_raw(&w, it.value);
            }
        }
        llm_json_object_end(&w);
    }
    llm_free(text);
    return !ret->failed;
}
