// SPDX-License-Identifier: MIT
// A test in a process of its own: what ends it, and what makes its verdict count.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "validator.h"

#define TOKEN_BYTES 32
#define CHILD_IN 3
#define CHILD_OUT 4

static uint64_t now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

// ---- verdicts ------------------------------------------------------------------------------------------------------

static void verdict(struct check *check, enum check_verdict verdict, const char *format, va_list args) {
    if (check_failed(check)) {
        return;
    }
    check->verdict = verdict;
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the va_start of the callers is lost to it on one of four ways
    (void)vsnprintf(check->text, sizeof check->text, format, args);
}

void check_fail(struct check *check, const char *format, ...) {
    va_list args;
    va_start(args, format);
    verdict(check, check->test->level == CHECK_ERROR ? CHECK_FAIL : CHECK_WARN, format, args);
    va_end(args);
}

void check_skip(struct check *check, const char *format, ...) {
    va_list args;
    va_start(args, format);
    verdict(check, CHECK_SKIP, format, args);
    va_end(args);
}

void check_untested(struct check *check, const char *format, ...) {
    va_list args;
    va_start(args, format);
    verdict(check, CHECK_UNTESTED, format, args);
    va_end(args);
}

void check_note(struct check *check, const char *format, ...) {
    va_list args;
    va_start(args, format);
    verdict(check, check->verdict, format, args);
    va_end(args);
}

const char *check_number(const char *p, unsigned base, uint64_t *ret) {
    static const char digits[] = "0123456789abcdef";
    const char *start = p;
    uint64_t n = 0;
    for (const char *digit; *p != '\0' && (digit = memchr(digits, *p, base)) != NULL; p++) {
        if (n > (UINT64_MAX - 15) / base) {
            return NULL;
        }
        n = n * base + (uint64_t)(digit - digits);
    }
    *ret = n;
    return p > start ? p : NULL;
}

uint64_t check_random(struct check *check) { // xorshift64*
    uint64_t x = check->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    check->random = x;
    return x * UINT64_C(2685821657736338717);
}

// ---- the child -------------------------------------------------------------------------------------------------------

static bool read_token(int in, char *token) {
    size_t n = 0;
    while (n < TOKEN_BYTES) {
        const ssize_t got = read(in, token + n, TOKEN_BYTES - n);
        if (got <= 0) {
            return false;
        }
        n += (size_t)got;
    }
    return true;
}

static char check_room[sizeof(struct check)] __attribute__((aligned(16)));

int check_child(const struct check_options *options, const struct check_test *test, int in, int out) {
    char token[TOKEN_BYTES];
    char line[TOKEN_BYTES + 1 + 1024];
    if (in >= 0 && !read_token(in, token)) {
        return 2;
    }
    (void)close(in);
    struct check *check = (struct check *)(void *)check_room;
    check->options = options;
    check->test = test;
    check->fd = -1;
    check->result_fd = out;
    check->random = (options->seed + (uint64_t)test->number) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    test->run(check);
    if (out < 0) {
        (void)fprintf(stderr, "%d %s: verdict %d %s\n", test->number, test->id, check->verdict, check->text);
        return check->verdict == CHECK_FAIL ? 1 : 0;
    }
    memcpy(line, token, TOKEN_BYTES);
    line[TOKEN_BYTES] = (char)('0' + check->verdict);
    const size_t len = strlen(check->text);
    memcpy(line + TOKEN_BYTES + 1, check->text, len);
    const ssize_t put = write(out, line, TOKEN_BYTES + 1 + len);
    _exit(put == (ssize_t)(TOKEN_BYTES + 1 + len) ? 0 : 2); // nothing that the plugin left for the end runs
}

// ---- the parent ------------------------------------------------------------------------------------------------------

struct child {
    pid_t pid;
    int in, out; // to it, from it
    int said;    // its standard output and error
};

static bool child_start(const struct check_options *options, const struct check_test *test,
                        struct child *child) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
        return false;
    }
    child->said = memfd_create("said", MFD_CLOEXEC);
    child->pid = fork();
    if (child->pid == 0) {
        char number[16];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)setsid();
        const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (dup2(nothing, 0) < 0 || dup2(child->said, 1) < 0 || dup2(child->said, 2) < 0) {
            _exit(2);
        }
        // First out of the way, then into place.
        const int in = fcntl(to[0], F_DUPFD_CLOEXEC, 16), out = fcntl(from[1], F_DUPFD_CLOEXEC, 16);
        if (dup2(in, CHILD_IN) < 0 || dup2(out, CHILD_OUT) < 0) {
            _exit(2);
        }
        (void)snprintf(number, sizeof number, "%d", test->number);
        (void)setenv("LLM_CHECK_CHILD", number, 1);
        const char *decoys = test->run == check_test_decoys ? options->decoys : NULL;
        extern char **check_arguments;
        (void)execv(decoys != NULL ? decoys : options->self, check_arguments);
        _exit(2);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    child->in = to[1];
    child->out = from[0];
    return child->pid > 0;
}

// What came within the time, at most size bytes.
static size_t child_listen(const struct child *child, char *buf, size_t size, uint32_t timeout_ms,
                           bool *ret_late) {
    const uint64_t until = now_us() + (uint64_t)timeout_ms * 1000;
    size_t n = 0;
    *ret_late = false;
    for (;;) {
        const uint64_t now = now_us();
        struct pollfd fd = {.fd = child->out, .events = POLLIN};
        if (now >= until) {
            *ret_late = true;
            return n;
        }
        if (poll(&fd, 1, (int)((until - now + 999) / 1000)) <= 0) {
            continue;
        }
        const ssize_t got = n < size ? read(child->out, buf + n, size - n) : 0;
        if (got <= 0) {
            return n;
        }
        n += (size_t)got;
    }
}

// It and all that it started.
static int child_end(struct child *child, bool *ret_others) {
    int status = 0;
    *ret_others = false;
    (void)kill(-child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    pid_t other;
    while ((other = waitpid(-1, NULL, WNOHANG)) >= 0) { // we are their reaper
        *ret_others = true;
        if (other == 0) {
            char path[64];
            (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
            FILE *f = fopen(path, "re");
            char *word = NULL;
            size_t size = 0;
            while (f != NULL && getdelim(&word, &size, ' ', f) > 0) {
                uint64_t pid = 0;
                if (check_number(word, 10, &pid) != NULL && pid > 0 &&
                    pid <= INT32_MAX) { // 0 would be all of us
                    (void)kill((pid_t)pid, SIGKILL);
                    (void)waitpid((pid_t)pid, NULL, 0);
                }
            }
            free(word);
            if (f == NULL) {
                break;
            }
            (void)fclose(f);
        }
    }
    return status;
}

// The last line that it wrote to its standard output or error.
static void last_words(const struct child *child, char *buf, size_t size) {
    const off_t end = lseek(child->said, 0, SEEK_END);
    const off_t from = end > (off_t)size - 1 ? end - ((off_t)size - 1) : 0;
    const ssize_t got = pread(child->said, buf, size - 1, from);
    size_t n = got > 0 ? (size_t)got : 0;
    while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == ' ')) {
        n--;
    }
    buf[n] = '\0';
    const char *line = strrchr(buf, '\n');
    if (line != NULL) {
        memmove(buf, line + 1, strlen(line + 1) + 1);
    }
    for (char *p = buf; *p != '\0'; p++) {
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
    }
}

static void judge(struct check_result *ret, const struct child *child, const char *answer, size_t n,
                  const char *token, int status, bool late, uint32_t timeout_ms) {
    char words[200];
    last_words(child, words, sizeof words);
    const char *colon = words[0] != '\0' ? ": " : "";
    if (n > TOKEN_BYTES && memcmp(answer, token, TOKEN_BYTES) == 0 && !late && WIFEXITED(status) &&
        WEXITSTATUS(status) == 0 && answer[TOKEN_BYTES] >= '0' &&
        answer[TOKEN_BYTES] <= '0' + CHECK_UNTESTED) {
        ret->verdict = (enum check_verdict)(answer[TOKEN_BYTES] - '0');
        (void)snprintf(ret->text, sizeof ret->text, "%.*s", (int)(n - TOKEN_BYTES - 1),
                       answer + TOKEN_BYTES + 1);
        return;
    }
    ret->verdict = CHECK_FAIL; // whatever the level: it did not survive
    if (late) {
        (void)snprintf(ret->text, sizeof ret->text, "no end within %u ms%s%s", timeout_ms, colon, words);
    } else if (WIFSIGNALED(status) && n == 0) {
        (void)snprintf(ret->text, sizeof ret->text, "the process was ended by %s%s%s",
                       strsignal(WTERMSIG(status)), colon, words);
    } else {
        (void)snprintf(ret->text, sizeof ret->text,
                       "the process ended without a verdict of its own (status %d)%s%s",
                       WIFEXITED(status) ? WEXITSTATUS(status) : -1, colon, words);
    }
}

void check_run(const struct check_options *options, const struct check_test *test, struct check_result *ret) {
    char token[TOKEN_BYTES];
    char answer[TOKEN_BYTES + 1 + 1024];
    struct child child;
    const uint64_t from = now_us();
    *ret = (struct check_result){.test = test, .verdict = CHECK_UNTESTED};
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (getrandom(token, sizeof token, 0) != (ssize_t)sizeof token || !child_start(options, test, &child)) {
        (void)snprintf(ret->text, sizeof ret->text, "cannot start a process: %s", strerror(errno));
        return;
    }
    bool late = false, others = false;
    const bool given = write(child.in, token, sizeof token) == (ssize_t)sizeof token;
    (void)close(child.in);
    const size_t n = given ? child_listen(&child, answer, sizeof answer, options->timeout_ms, &late) : 0;
    for (int i = 0; !late && i < 500; i++) { // let it end by itself, so that its own exit status is seen
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT | WNOHANG) != 0 || info.si_pid != 0) {
            break;
        }
        (void)usleep(1000);
    }
    const int status = child_end(&child, &others);
    judge(ret, &child, answer, n, token, status, late, options->timeout_ms);
    if (others && ret->verdict == CHECK_PASS) {
        ret->verdict = CHECK_FAIL;
        (void)snprintf(ret->text, sizeof ret->text, "it left a process behind");
    }
    (void)close(child.out);
    (void)close(child.said);
    ret->us = now_us() - from;
}
