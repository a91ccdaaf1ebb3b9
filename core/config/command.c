// SPDX-License-Identifier: MIT
#include "config/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/secret.h"

extern char **environ;

// A group of its own (so that all of it can be killed) and the signals as a shell expects them, whatever the host changed.
static int set_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, defaults;
    (void)sigemptyset(&none);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    (void)sigaddset(&defaults, SIGCHLD);
    (void)sigaddset(&defaults, SIGINT);
    int failed = posix_spawnattr_setpgroup(attributes, 0);
    failed = failed != 0 ? failed : posix_spawnattr_setsigmask(attributes, &none);
    failed = failed != 0 ? failed : posix_spawnattr_setsigdefault(attributes, &defaults);
    const short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    return failed != 0 ? failed : posix_spawnattr_setflags(attributes, flags);
}

static int set_files(posix_spawn_file_actions_t *files, int out) {
    int failed = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    failed = failed != 0 ? failed : posix_spawn_file_actions_adddup2(files, out, 1);
    return failed != 0 ? failed : posix_spawn_file_actions_addopen(files, 2, "/dev/null", O_WRONLY, 0);
}

static int spawn(const char *command, int out, pid_t *ret_pid) {
    char shell[] = "/bin/sh", option[] = "-c";
    char *text = llm_mem_dup(llm_str_from(command));
    if (text == NULL) {
        return ENOMEM;
    }
    char *const argv[] = {shell, option, text, NULL};
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    int failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = posix_spawn_file_actions_init(&files);
        if (failed == 0) {
            failed = set_attributes(&attributes);
            failed = failed != 0 ? failed : set_files(&files, out);
            failed = failed != 0 ? failed : posix_spawn(ret_pid, shell, &files, &attributes, argv, environ);
            (void)posix_spawn_file_actions_destroy(&files);
        }
        (void)posix_spawnattr_destroy(&attributes);
    }
    llm_mem_free(text);
    return failed;
}

// Everything the command prints, until it closes its output.
static llm_status read_output(int fd, uint64_t deadline_us, struct llm_buf *out) {
    char chunk[1024];
    llm_status status = LLM_OK;
    while (status == LLM_OK) {
        const uint64_t now = llm_clock_us();
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        const int wait_ms = now < deadline_us ? (int)((deadline_us - now) / 1000 + 1) : 0;
        const int count = poll(&ready, 1, wait_ms);
        if (count == 0) {
            status = LLM_E_TIMEOUT;
        } else if (count > 0) {
            const ssize_t got = read(fd, chunk, sizeof chunk);
            if (got == 0) {
                break;
            }
            if (got > 0) {
                status = llm_buf_put(out, chunk, (size_t)got);
            } else if (errno != EINTR && errno != EAGAIN) {
                status = LLM_E_CONFIG;
            }
        } else if (errno != EINTR) {
            status = LLM_E_CONFIG;
        }
    }
    llm_wipe(chunk, sizeof chunk);
    return status;
}

// The output is closed: the end must be near.  A host that reaps all children itself leaves us without the status; then what was
// printed counts.
static llm_status wait_end(pid_t pid, uint64_t deadline_us, int *ret_code) {
    int code = 0;
    for (;;) {
        const pid_t got = waitpid(pid, &code, WNOHANG);
        if (got == pid) {
            *ret_code = code;
            return LLM_OK;
        }
        if (got < 0 && errno != EINTR) {
            *ret_code = 0;
            return LLM_OK;
        }
        if (llm_clock_us() >= deadline_us) {
            return LLM_E_TIMEOUT;
        }
        (void)poll(NULL, 0, 1);
    }
}

llm_status llm_command_run(const char *command, uint32_t timeout_ms, struct llm_buf *out, llm_error *err) {
    const uint64_t deadline_us = llm_clock_us() + (uint64_t)timeout_ms * 1000;
    int ends[2];
    pid_t pid = -1;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return llm_fail(err, LLM_E_CONFIG, "no pipe for the command: %s", strerror(errno));
    }
    const int failed = spawn(command, ends[1], &pid);
    (void)close(ends[1]);
    if (failed != 0) {
        (void)close(ends[0]);
        return failed == ENOMEM
                   ? llm_fail(err, LLM_E_NOMEM, "out of memory")
                   : llm_fail(err, LLM_E_CONFIG, "/bin/sh cannot be started: %s", strerror(failed));
    }
    int code = 0;
    llm_status status = read_output(ends[0], deadline_us, out);
    status = status == LLM_OK ? wait_end(pid, deadline_us, &code) : status;
    (void)close(ends[0]);
    if (status != LLM_OK) {
        (void)kill(-pid, SIGKILL);
        (void)waitpid(pid, &code, 0);
    }
    switch (status) {
    case LLM_OK: break;
    case LLM_E_TIMEOUT: return llm_fail(err, status, "the command did not end within %u ms", timeout_ms);
    case LLM_E_LIMIT: return llm_fail(err, status, "the command printed more than %zu bytes", out->max);
    case LLM_E_NOMEM: return llm_fail(err, status, "out of memory");
    default: return llm_fail(err, status, "the command's output cannot be read");
    }
    if (WIFSIGNALED(code)) {
        return llm_fail(err, LLM_E_CONFIG, "the command was ended by signal %d", WTERMSIG(code));
    }
    if (WEXITSTATUS(code) != 0) {
        return llm_fail(err, LLM_E_CONFIG, "the command ended with status %d", WEXITSTATUS(code));
    }
    return LLM_OK;
}
