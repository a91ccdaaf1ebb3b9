// SPDX-License-Identifier: MIT
// Tests 51 to 63: closing, threads, the process around it, memory, behaviour.
#include <dirent.h>
#include <errno.h>
#include <fenv.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "codec_sink.h"
#include "llm_json.h"
#include "validator.h"

static bool close_everywhere(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    struct codec_case c = v->c;
    (void)ctx;
    (void)codec_host_run(&c, &result);
    const uint32_t n = result.n_chunks;
    codec_result_done(&result);
    for (uint32_t k = 0; k < n + 3 && k < 40 && !check_failed(check); k++) {
        c = v->c;
        c.close_after_open = k == 0;
        c.close_after_encode = k == 1;
        c.close_after = k >= 2 ? k - 1 : 0;
        (void)codec_host_run(&c, &result);
        if (result.breach.len > 0) {
            check_fail(check, "%.*s: closed at point %u: %.100s", LLM_FMT(v->name), k, result.breach.ptr);
        }
        codec_result_done(&result);
    }
    return !check_failed(check);
}

void check_test_close_anywhere(struct check *check) {
    if (!check_load(check)) {
        return;
    }
    (void)check_each_case(check, close_everywhere, NULL);
    check_memory_reset(0);
    (void)check_each_case(check, close_everywhere, NULL);
    if (check_memory_live() != 0) {
        check_fail(check, "%lld blocks are left", (long long)check_memory_live());
    }
}

// ---- threads -----------------------------------------------------------------------------------------------------------

#define THREADS 8
#define CASES 64

struct crowd {
    struct codec_case cases[CASES];
    char *expected[CASES];
    size_t n;
    _Atomic size_t next, wrong;
    pthread_mutex_t serial;
    bool is_serial;
};

static bool collect_case(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct crowd *crowd = ctx;
    (void)check;
    if (crowd->n < CASES) {
        crowd->cases[crowd->n++] = v->c;
    }
    return crowd->n < CASES;
}

static void *run_crowd(void *ctx) {
    struct crowd *crowd = ctx;
    size_t i;
    while ((i = atomic_fetch_add(&crowd->next, 1)) < CASES * 4) {
        const size_t k = (i * 7) % crowd->n;
        if (crowd->is_serial) {
            (void)pthread_mutex_lock(&crowd->serial);
        }
        char *text = check_outcome(&crowd->cases[k]);
        if (crowd->is_serial) {
            (void)pthread_mutex_unlock(&crowd->serial);
        }
        if (text == NULL || strcmp(text, crowd->expected[k]) != 0) {
            (void)atomic_fetch_add(&crowd->wrong, 1);
        }
        free(text);
    }
    return NULL;
}

static bool same_instance(const struct codec_case *a, const struct codec_case *b) {
    return (a->config == b->config ||
            (a->config != NULL && b->config != NULL && strcmp(a->config, b->config) == 0)) &&
           (a->base_url == b->base_url ||
            (a->base_url != NULL && b->base_url != NULL && strcmp(a->base_url, b->base_url) == 0));
}

void check_test_threads(struct check *check) {
    static struct crowd crowd;
    struct codec_shared shared;
    pthread_t threads[THREADS];
    if (!check_load(check)) {
        return;
    }
    if (check->n_recorded == 0) {
        check_skip(
            check,
            "no recorded exchanges were given (--vectors FILE)"); // made-up requests do not outlive their visit
        return;
    }
    (void)check_each_vector(check, collect_case, &crowd);
    size_t kept = 0;
    for (size_t i = 0; i < crowd.n; i++) { // one instance for all
        if (same_instance(&crowd.cases[i], &crowd.cases[0])) {
            crowd.cases[kept++] = crowd.cases[i];
        }
    }
    crowd.n = kept;
    if (codec_shared_new(&crowd.cases[0], &codec_plain_host, &shared) != LLM_OK) {
        check_skip(check, "the first recording's configuration is refused");
        return;
    }
    (void)pthread_mutex_init(&crowd.serial, NULL);
    for (size_t i = 0; i < crowd.n; i++) {
        const llm_generator *g = check_generator(check, crowd.cases[i].operation);
        crowd.is_serial = crowd.is_serial || (g->codec->flags & LLM_CODEC_SERIAL) != 0;
        crowd.cases[i].shared = &shared;
        crowd.expected[i] = check_outcome(&crowd.cases[i]);
    }
    size_t started = 0;
    while (started < THREADS && pthread_create(&threads[started], NULL, run_crowd, &crowd) == 0) {
        started++;
    }
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    codec_shared_done(&crowd.cases[0], &shared);
    if (crowd.wrong != 0) {
        check_fail(check, "%zu of %d jobs on %d threads gave other results than alone", (size_t)crowd.wrong,
                   CASES * 4, THREADS);
    }
    check_note(check, "%d jobs on %zu threads%s", CASES * 4, started,
               crowd.is_serial ? ", one at a time" : "");
}

static bool on_fresh_threads(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_case c = v->c;
    size_t *n = ctx;
    c.fresh_threads = true;
    char *here = check_outcome(&v->c), *there = check_outcome(&c);
    if (here == NULL || there == NULL || strcmp(here, there) != 0) {
        check_fail(check, "%.*s: other events when each call comes from another thread", LLM_FMT(v->name));
    }
    free(here);
    free(there);
    return !check_failed(check) && ++*n < 200;
}

void check_test_fresh_threads(struct check *check) {
    size_t n = 0;
    if (check_load(check)) {
        (void)check_each_case(check, on_fresh_threads, &n);
    }
}

// ---- the process around it ----------------------------------------------------------------------------------------------

struct surroundings {
    sigset_t mask;
    struct sigaction actions[32];
    char locale[256], cwd[4096];
    mode_t umask;
    int rounding;
    uint64_t environment;
};

extern char **environ;

static void look_around(struct surroundings *s) {
    memset(s, 0, sizeof *s);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &s->mask);
    for (int i = 1; i < 32; i++) {
        (void)sigaction(i, NULL, &s->actions[i]);
    }
    const char *locale = setlocale(LC_ALL, NULL);
    (void)snprintf(s->locale, sizeof s->locale, "%s", locale != NULL ? locale : "");
    if (getcwd(s->cwd, sizeof s->cwd) == NULL) {
        s->cwd[0] = '\0';
    }
    s->umask = umask(0);
    (void)umask(s->umask);
    s->rounding = fegetround();
    for (char **at = environ; *at != NULL; at++) {
        for (const char *p = *at; *p != '\0'; p++) {
            s->environment = s->environment * 31 + (unsigned char)*p;
        }
    }
}

static bool same_action(const struct sigaction *a, const struct sigaction *b) {
    return a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags;
}

static const char *what_changed(const struct surroundings *a, const struct surroundings *b) {
    for (int i = 1; i < 32; i++) {
        if (!same_action(&a->actions[i], &b->actions[i])) {
            return "a signal handler";
        }
    }
    return memcmp(&a->mask, &b->mask, sizeof a->mask) != 0 ? "the signal mask"
           : strcmp(a->locale, b->locale) != 0             ? "the locale"
           : strcmp(a->cwd, b->cwd) != 0                   ? "the working directory"
           : a->umask != b->umask                          ? "the umask"
           : a->rounding != b->rounding                    ? "the rounding mode"
           : a->environment != b->environment              ? "the environment"
                                                           : NULL;
}

static bool collect_text(struct check *check, struct codec_vector_case *v, void *ctx) {
    char **text = ctx;
    (void)check;
    char *outcome = check_outcome(&v->c), *all = NULL;
    if (asprintf(&all, "%s%s", *text != NULL ? *text : "", outcome != NULL ? outcome : "") >= 0) {
        free(*text);
        *text = all;
    }
    free(outcome);
    return *text != NULL && strlen(*text) < (1 << 20);
}

static void collect_all(struct check *check, char **ret) {
    (void)check_each_case(check, collect_text, ret);
    (void)check_each_request(check, collect_text, ret);
}

void check_test_process(struct check *check) {
    static struct surroundings before, after;
    char *ignored = NULL, *plain = NULL, *comma = NULL;
    look_around(&before);
    if (!check_load(check)) {
        return;
    }
    (void)check_each_case(check, collect_text, &ignored);
    look_around(&after);
    free(ignored);
    const char *changed = what_changed(&before, &after);
    if (changed != NULL) {
        check_fail(check, "%s is not what it was", changed);
    }
    // Once more where a number's point is a comma, with requests that hold such numbers.
    collect_all(check, &plain);
    if (check_decimal_comma()) {
        collect_all(check, &comma);
        if (plain != NULL && comma != NULL && strcmp(plain, comma) != 0) {
            check_fail(check, "other results in a locale with a decimal comma");
        }
    } else {
        check_note(check, "not run: this system has no locale with a decimal comma, and none could be made");
    }
    free(plain);
    free(comma);
}

static size_t count_in(const char *path) {
    DIR *dir = opendir(path);
    size_t n = 0;
    while (dir != NULL && readdir(dir) != NULL) {
        n++;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return n;
}

static bool run_once(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    (void)check;
    (void)ctx;
    (void)codec_host_run(&v->c, &result);
    codec_result_done(&result);
    return true;
}

void check_test_leftovers(struct check *check) {
    if (!check_load(check)) {
        return;
    }
    const size_t fds = count_in("/proc/self/fd"), threads = count_in("/proc/self/task");
    (void)check_each_case(check, run_once, NULL);
    const size_t fds_now = count_in("/proc/self/fd"), threads_now = count_in("/proc/self/task");
    if (fds_now != fds || threads_now != threads) {
        check_fail(check, "%zu descriptors and %zu threads before, %zu and %zu after", fds, threads, fds_now,
                   threads_now);
    }
}

// ---- no memory -----------------------------------------------------------------------------------------------------------

static bool without_memory(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    size_t *n = ctx;
    check_memory_reset(0);
    (void)codec_host_run(&v->c, &result);
    const uint32_t given = result.n_allocs;
    const uint64_t own = check_memory_count();
    const llm_status status = result.status;
    codec_result_done(&result);
    for (uint64_t i = 1; i <= given + own && i < 100 && !check_failed(check); i++) {
        struct codec_case c = v->c;
        c.fail_alloc = i <= given ? (uint32_t)i : 0;
        check_memory_reset(i > given ? i - given : 0);
        (void)codec_host_run(&c, &result);
        if ((result.status != LLM_E_NOMEM && !(i > given && result.status == status)) ||
            result.breach.len > 0) {
            check_fail(check, "%.*s: allocation %llu fails, and it gives %s %.100s", LLM_FMT(v->name),
                       (unsigned long long)i, llm_status_name(result.status),
                       result.breach.len > 0 ? result.breach.ptr : "");
        }
        codec_result_done(&result);
        if (check_memory_live() != 0 && !check_failed(check)) {
            check_fail(check, "%.*s: allocation %llu fails, and %lld blocks are left", LLM_FMT(v->name),
                       (unsigned long long)i, (long long)check_memory_live());
        }
        ++*n;
    }
    check_memory_reset(0);
    return !check_failed(check);
}

void check_test_no_memory(struct check *check) {
    size_t n = 0;
    if (check_load(check)) {
        (void)check_each_case(check, run_once, NULL); // what is set up once
        (void)check_each_case(check, without_memory, &n);
        check_note(check, "%zu allocations failed", n);
    }
}

// ---- generators that block -------------------------------------------------------------------------------------------------

struct blocking {
    const llm_generate *generate;
    llm_instance *instance;
    llm_job_args args;
    llm_run run;
    llm_out out;
    _Atomic uint32_t cancelled, done;
    llm_status status;
    struct codec_sink sink;
    struct codec_result result;
};

static uint32_t LLM_CALL is_cancelled(void *ctx) {
    return atomic_load(&((struct blocking *)ctx)->cancelled);
}

static void *run_blocking(void *ctx) {
    struct blocking *b = ctx;
    b->status = b->generate->run(b->instance, &b->args, &b->run, &b->out);
    atomic_store(&b->done, 1);
    return NULL;
}

static void cancel_one(struct check *check, const llm_generator *g) {
    static struct blocking b;
    int fds[2];
    pthread_t thread;
    struct codec_shared shared;
    const struct codec_case c = {.plugin = check->plugin, .operation = g->operation};
    if (codec_shared_new(&c, &codec_plain_host, &shared) != LLM_OK || pipe(fds) != 0) {
        return;
    }
    b = (struct blocking){.generate = g->generate, .instance = shared.instance};
    b.args = (llm_job_args){.size = sizeof b.args,
                            .operation = llm_str_from(g->operation),
                            .format = llm_str_from(g->formats[0]),
                            .model = LLM_STR("m"),
                            .request = LLM_STR("{\"model\":\"m\"}")};
    b.run = (llm_run){
        .size = sizeof b.run, .cancel_fd = fds[0], .ctx = &b, .timeout_ms = 5000, .cancelled = is_cancelled};
    codec_sink_init(&b.sink, &b.result, &b.out);
    b.sink.args = &b.args;
    if (pthread_create(&thread, NULL, run_blocking, &b) != 0) {
        return;
    }
    (void)usleep(50000);
    atomic_store(&b.cancelled, 1);
    (void)!write(fds[1], "x", 1);
    for (int i = 0; i < 200 && atomic_load(&b.done) == 0; i++) {
        (void)usleep(10000);
    }
    if (atomic_load(&b.done) == 0) {
        check_fail(check, "%s goes on 2 s after it was cancelled", g->name);
        return; // the process ends with it
    }
    (void)pthread_join(thread, NULL);
    codec_shared_done(&c, &shared);
}

void check_test_blocking(struct check *check) {
    size_t n = 0;
    if (!check_load(check)) {
        return;
    }
    for (const llm_generator *const *g = check->plugin->generators; *g != NULL && !check_failed(check); g++) {
        if ((*g)->generate != NULL) {
            n++;
            cancel_one(check, *g);
        }
    }
    if (n == 0) {
        check_skip(check, "no generator blocks");
    }
}

// ---- behaviour --------------------------------------------------------------------------------------------------------------

void check_test_sandboxed(struct check *check) {
    if (!check_load_sandboxed(check)) {
        return;
    }
    check_sandbox_phase(CHECK_RUNNING);
    const size_t before = strlen(check_sandbox_report());
    const size_t n = check_each_case(check, run_once, NULL) + check_each_request(check, run_once, NULL);
    const char *report = check_sandbox_report();
    if (strlen(report) > before) {
        check_fail(check, "it tries: %s", report + before + (before > 0 ? 2 : 0));
    }
    check_note(check, "%zu cases", n);
}

static bool judge_log(struct check *check, struct codec_vector_case *v, void *ctx) {
    static const char canary[] = "zanzibar-canary-4711";
    struct codec_result result;
    struct codec_case c = v->c;
    char *request = NULL;
    (void)ctx;
    if (asprintf(&request,
                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],\"prompt\":\"%s\","
                 "\"input\":\"%s\"}",
                 canary, canary, canary) < 0) {
        return false;
    }
    c.request_str = llm_str_from(request);
    (void)codec_host_run(&c, &result);
    if (result.log.len > 0 && memmem(result.log.ptr, result.log.len, canary, sizeof canary - 1) != NULL) {
        check_fail(check, "%.*s: the text of the request is in the log", LLM_FMT(v->name));
    }
    codec_result_done(&result);
    free(request);
    return !check_failed(check);
}

void check_test_log(struct check *check) {
    if (check_load(check)) {
        (void)check_each_case(check, judge_log, NULL);
    }
}

struct cost {
    uint64_t worst_ns, total_ns, n_calls;
};

static bool measure(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct cost *cost = ctx;
    struct codec_result best, result;
    (void)check;
    (void)codec_host_run(&v->c, &best);
    for (int i = 0; i < 4; i++) { // the machine may be busy: the best of five
        (void)codec_host_run(&v->c, &result);
        best.worst_ns = result.worst_ns < best.worst_ns ? result.worst_ns : best.worst_ns;
        best.total_ns = result.total_ns < best.total_ns ? result.total_ns : best.total_ns;
        codec_result_done(&result);
    }
    cost->worst_ns = best.worst_ns > cost->worst_ns ? best.worst_ns : cost->worst_ns;
    cost->total_ns += best.total_ns;
    cost->n_calls += best.n_calls;
    codec_result_done(&best);
    return true;
}

void check_test_call_cost(struct check *check) {
    struct cost cost = {0};
    if (!check_load(check)) {
        return;
    }
    (void)check_each_case(check, measure, &cost);
    if (cost.worst_ns > 1000000) {
        check_fail(check, "a call takes %llu us", (unsigned long long)(cost.worst_ns / 1000));
    }
    check_note(check, "%llu ns a call, %llu us at most",
               (unsigned long long)(cost.n_calls > 0 ? cost.total_ns / cost.n_calls : 0),
               (unsigned long long)(cost.worst_ns / 1000));
}

static bool replay_one(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    size_t *n = ctx;
    const llm_generator *g = check_generator(check, v->c.operation);
    if ((g->codec->flags & LLM_CODEC_DETERMINISTIC) == 0) {
        return true;
    }
    char *first = check_outcome(&v->c);
    struct codec_case c = v->c;
    c.close_after = 1; // the worker dies behind the first event
    (void)codec_host_run(&c, &result);
    codec_result_done(&result);
    char *again = check_outcome(&v->c);
    if (first == NULL || again == NULL || strcmp(first, again) != 0) {
        check_fail(check, "%.*s: replayed, it gives other events", LLM_FMT(v->name));
    }
    free(first);
    free(again);
    ++*n;
    return !check_failed(check);
}

void check_test_replay(struct check *check) {
    size_t n = 0;
    if (check_load(check)) {
        (void)check_each_case(check, replay_one, &n);
        if (n == 0) {
            check_skip(check, "no codec says LLM_CODEC_DETERMINISTIC");
        }
    }
}

static bool note_operation(struct check *check, struct codec_vector_case *v, void *ctx) {
    bool *seen = ctx;
    struct codec_result result;
    (void)codec_host_run(&v->c, &result);
    size_t i = 0;
    for (const llm_generator *const *g = check->plugin->generators; *g != NULL && i < 256; g++, i++) {
        seen[i] = seen[i] || (result.status == LLM_OK && strcmp((*g)->operation, v->c.operation) == 0);
    }
    codec_result_done(&result);
    return true;
}

void check_test_round_trip(struct check *check) {
    bool seen[256] = {false};
    size_t n = 0, i = 0;
    char missing[600] = "";
    if (!check_load(check)) {
        return;
    }
    if (check->n_recorded == 0) {
        check_skip(check, "no recorded exchanges were given (--vectors FILE)");
        return;
    }
    (void)check_each_vector(check, note_operation, seen);
    for (const llm_generator *const *g = check->plugin->generators; *g != NULL && i < 256; g++, i++) {
        n += seen[i] ? 1 : 0;
        if (!seen[i] && (*g)->codec != NULL) {
            const size_t len = strlen(missing);
            (void)snprintf(missing + len, sizeof missing - len, "%s%s", len > 0 ? ", " : "", (*g)->operation);
        }
    }
    if (missing[0] != '\0') {
        check_fail(check, "no recorded exchange that ends well for: %.500s", missing);
    }
    check_note(check, "%zu generators", n);
}

void check_test_documents(struct check *check) {
    static const char *const files[] = {"README.md", "CHANGELOG.md", "LICENSE"};
    if (check->options->source == NULL) {
        check_skip(check, "the source's folder was not given (--source DIR)");
        return;
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[4200];
        (void)snprintf(path, sizeof path, "%s/%s", check->options->source, files[i]);
        if (access(path, R_OK) != 0) {
            check_fail(check, "there is no %s", path);
        }
    }
}
