// SPDX-License-Identifier: MIT
// kill -9 under load.  A process makes calls on four threads and says which ones were acknowledged; it is killed after 1 to 300 ms and
// started again on the same ledger.  After each kill: every acknowledged row is there.  Now and then, and at the end: the store is
// intact, and no call is in it twice.
//     test_kill [KILLS]    100; with LLM_TEST_LONG set: 1000
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "llm_master.h"
#include "open_store.h"
#include "tap.h"
#include "temp_dir.h"

#define THREADS 4
#define ACK_BYTES 32u // a call's id
#define READY_MS_MAX 500

static uint64_t now_us(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static unsigned number_of(const char *text) {
    uint64_t number = 0;
    return llm_str_uint(llm_str_from(text), 1000000, &number) ? (unsigned)number : 0;
}

// ---- the process that is killed --------------------------------------------------------------------------------------

static llm_master *master;
static unsigned run_number;

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    (void)ctx;
    (void)request;
    const llm_status status = reply->head(reply->ctx, 200, NULL, 0);
    return status == LLM_OK ? reply->data(reply->ctx, "hello", 5) : status;
}

static void *call_for_ever(void *arg) {
    const unsigned thread = (unsigned)(uintptr_t)arg;
    for (unsigned n = 0;; n++) {
        char tag[64];
        llm_response *response = NULL;
        (void)snprintf(tag, sizeof tag, "%u-%u-%u", run_number, thread, n);
        const bool wait = n % 2 == 0;
        const llm_query_args args = {LLM_QUERY_INIT, .model = "echo-1", .prompt = "hi", .tag = tag,
                                     .flags = wait ? LLM_QUERY_ACKNOWLEDGE : 0};
        if (llm_query(master, &args, &response, NULL) == LLM_OK && wait &&
            write(STDOUT_FILENO, llm_response_get(response, "call_id"), ACK_BYTES) != (ssize_t)ACK_BYTES) {
            _exit(1);
        }
        llm_response_free(response);
    }
    return NULL;
}

static int be_killed(const char *path, const char *run) {
    static const llm_transport transport = {.size = sizeof transport, .exchange = exchange};
    char echo[1024], stores[1024], settings[1024];
    llm_error err = LLM_ERROR_INIT;
    (void)snprintf(echo, sizeof echo, "%s/tests/plugins", getenv("LLM_TEST_BUILD"));
    (void)snprintf(stores, sizeof stores, "%s/plugins", getenv("LLM_TEST_BUILD"));
    (void)snprintf(settings, sizeof settings, "{\"ledger\": {\"path\": \"%s\"}}", path);
    const char *const dirs[] = {echo, stores, NULL};
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.settings = settings;
    options.transport = &transport;
    if (llm_master_new(&options, &master, &err) != LLM_OK) {
        fprintf(stderr, "# %s\n", err.message);
        return 1;
    }
    run_number = number_of(run);
    for (unsigned i = 1; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, call_for_ever, (void *)(uintptr_t)i) != 0) {
            return 1;
        }
    }
    (void)call_for_ever(NULL);
    return 1;
}

// ---- one life --------------------------------------------------------------------------------------------------------

static char (*acks)[ACK_BYTES]; // of this run
static size_t n_acks, cap_acks, total_acks, slow_starts;
static uint64_t ready_us_max;

static void take_acks(const char *bytes, size_t n) {
    for (size_t i = 0; i + ACK_BYTES <= n; i += ACK_BYTES) {
        if (n_acks == cap_acks) {
            cap_acks = cap_acks == 0 ? 4096 : cap_acks * 2;
            acks = realloc(acks, cap_acks * sizeof *acks);
            if (acks == NULL) {
                abort();
            }
        }
        memcpy(acks[n_acks++], bytes + i, ACK_BYTES);
    }
}

// Read what it says until it is time (0: until the end).
static void listen_until(int fd, uint64_t until, uint64_t started) {
    char bytes[ACK_BYTES * 64];
    size_t have = 0;
    for (;;) {
        const uint64_t now = now_us(CLOCK_MONOTONIC);
        if (until != 0 && now >= until) {
            return;
        }
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, until != 0 ? (int)((until - now) / 1000) + 1 : -1) <= 0) {
            continue;
        }
        const ssize_t n = read(fd, bytes + have, sizeof bytes - have);
        if (n <= 0) {
            return;
        }
        if (n_acks == 0 && until != 0) {
            const uint64_t ready = now_us(CLOCK_MONOTONIC) - started;
            ready_us_max = ready > ready_us_max ? ready : ready_us_max;
            slow_starts += ready > READY_MS_MAX * 1000u ? 1 : 0;
        }
        have += (size_t)n;
        take_acks(bytes, have);
        memmove(bytes, bytes + have / ACK_BYTES * ACK_BYTES, have % ACK_BYTES);
        have %= ACK_BYTES;
    }
}

// false: it ended by itself.
static bool live_and_die(const char *self, const char *path, unsigned run, unsigned ms) {
    int fds[2];
    char number[16];
    (void)snprintf(number, sizeof number, "%u", run);
    if (pipe(fds) != 0) {
        return false;
    }
    n_acks = 0;
    const uint64_t started = now_us(CLOCK_MONOTONIC);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)execl(self, self, "--be-killed", path, number, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    listen_until(fds[0], started + ms * 1000u, started);
    (void)kill(pid, SIGKILL);
    listen_until(fds[0], 0, started);
    (void)close(fds[0]);
    int status = 0;
    (void)waitpid(pid, &status, 0);
    total_acks += n_acks;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

// ---- what is left ----------------------------------------------------------------------------------------------------

static const llm_store_descriptor *d;

struct seen {
    char (*ids)[ACK_BYTES];
    char **tags;
    size_t n, cap;
};

static llm_status LLM_CALL take_row(void *ctx, const llm_store_row *row) {
    static const char digits[] = "0123456789abcdef";
    struct seen *seen = ctx;
    if (seen->n == seen->cap) {
        seen->cap = seen->cap == 0 ? 4096 : seen->cap * 2;
        seen->ids = realloc(seen->ids, seen->cap * sizeof *seen->ids);
        seen->tags = realloc(seen->tags, seen->cap * sizeof *seen->tags);
        if (seen->ids == NULL || seen->tags == NULL) {
            abort();
        }
    }
    for (size_t i = 0; i < 16; i++) {
        seen->ids[seen->n][2 * i] = digits[row->id[i] >> 4];
        seen->ids[seen->n][2 * i + 1] = digits[row->id[i] & 15];
    }
    seen->tags[seen->n] = strndup(row->tag.ptr, row->tag.len);
    seen->n++;
    return LLM_OK;
}

static llm_status LLM_CALL take_problem(void *ctx, llm_str problem) {
    ++*(size_t *)ctx;
    printf("# %.*s\n", (int)problem.len, problem.ptr);
    return LLM_OK;
}

static int by_id(const void *a, const void *b) {
    return memcmp(a, b, ACK_BYTES);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t count_lost(const struct seen *seen) {
    size_t lost = 0; // rows come in the order of their ids
    for (size_t i = 0; i < n_acks; i++) {
        lost += bsearch(acks[i], seen->ids, seen->n, ACK_BYTES, by_id) == NULL ? 1 : 0;
    }
    return lost;
}

static size_t count_doubles(struct seen *seen) {
    size_t doubles = 0;
    if (seen->n > 1) {
        qsort(seen->tags, seen->n, sizeof *seen->tags, by_text);
    }
    for (size_t i = 1; i < seen->n; i++) {
        doubles += strcmp(seen->tags[i - 1], seen->tags[i]) == 0 ? 1 : 0;
    }
    return doubles;
}

// The rows since then; with problems: is all of it intact?  false: it cannot be read.
static bool look(const char *path, int64_t since_us, struct seen *seen, size_t *problems) {
    const llm_store_args args = {
        .size = sizeof args, .flags = LLM_STORE_READ, .path = {path, strlen(path)}, .wait_ms = 5000};
    const llm_store_query query = {.size = sizeof query, .since_us = since_us, .until_us = INT64_MAX};
    llm_store_fault fault = {.size = sizeof fault};
    llm_store *store = NULL;
    llm_status status = d->open(&args, &store, &fault);
    if (status != LLM_OK) {
        printf("# %s\n", fault.message);
        return false;
    }
    status = d->rows(store, &query, take_row, seen, &fault);
    if (status == LLM_OK && problems != NULL) {
        status = d->check(store, take_problem, problems, &fault);
    }
    d->close(store);
    if (status != LLM_OK) {
        printf("# %s\n", fault.message);
    }
    return status == LLM_OK;
}

static void forget(struct seen *seen) {
    for (size_t i = 0; i < seen->n; i++) {
        free(seen->tags[i]);
    }
    free(seen->tags);
    free(seen->ids);
    *seen = (struct seen){0};
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "--be-killed") == 0) {
        return be_killed(argv[2], argv[3]);
    }
    const bool thorough = getenv("LLM_TEST_LONG") != NULL;
    const unsigned kills = argc > 1 ? number_of(argv[1]) : thorough ? 1000 : 100;
    uint32_t seed = (uint32_t)now_us(CLOCK_REALTIME);
    struct tap tap = {0, 0};
    struct temp_dir dir;
    struct seen seen = {0};
    size_t lost = 0, problems = 0, unreadable = 0, quitters = 0, doubles = 0;
    temp_dir_new(&dir);
    const char *path = temp_dir_file(&dir, "ledger.db");
    char place[512];
    (void)snprintf(place, sizeof place, "%s", path);
    d = store_load(NULL);
    printf("# seed %u\n", (unsigned)seed);
    for (unsigned run = 0; run < kills; run++) {
        seed = seed * 1664525u + 1013904223u;
        const unsigned part = seed >> 22; // 0 ... 1023: short lives are more frequent
        const unsigned ms = 1 + part * part * 299u / (1023u * 1023u);
        const int64_t since = (int64_t)now_us(CLOCK_REALTIME);
        quitters += live_and_die(argv[0], place, run, ms) ? 0 : 1;
        if (access(place, F_OK) != 0) {
            continue; // killed before it made the file
        }
        const bool good = look(place, since, &seen, run % 10 == 9 ? &problems : NULL);
        unreadable +=
            good || n_acks == 0 ? 0 : 1; // killed between making the file and the schema: nothing was said
        lost += count_lost(&seen);
        forget(&seen);
    }
    unreadable += look(place, INT64_MIN, &seen, &problems) ? 0 : 1;
    doubles = count_doubles(&seen);
    printf("# %u kills, %zu acknowledged, %zu rows, ready after at most %llu ms\n", kills, total_acks, seen.n,
           (unsigned long long)(ready_us_max / 1000));
    tap_result(&tap, quitters == 0, "it ends only when it is killed", "%zu did", quitters);
    tap_result(&tap, total_acks > kills, "calls are acknowledged", "%zu were", total_acks);
    tap_result(&tap, unreadable == 0 && problems == 0, "the store is intact", "%zu unreadable, %zu problems",
               unreadable, problems);
    tap_result(&tap, lost == 0, "no acknowledged row is lost", "%zu of %zu are", lost, total_acks);
    tap_result(&tap, doubles == 0, "no call is there twice", "%zu are", doubles);
    tap_result(&tap, slow_starts * 20 <= kills, "it is ready again within 500 ms",
               "%zu of %u times it was not", slow_starts, kills);
    forget(&seen);
    free(acks);
    temp_dir_free(&dir);
    return tap_done(&tap);
}
