// SPDX-License-Identifier: MIT
// plugins diff and plugins bench: the same cases through plugins, each in a process of its own.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "validator.h"

// ---- in the child ----------------------------------------------------------------------------------------------------

struct dump {
    FILE *out;
    size_t n;
};

// A case: its name, the length of what came of it, what came of it.
static bool dump_case(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct dump *dump = ctx;
    (void)check;
    char *text = check_outcome(&v->c);
    if (text == NULL) {
        return false;
    }
    dump->n++;
    const bool ok = fprintf(dump->out, "%.*s\n%zu\n%s\n", LLM_FMT(v->name), strlen(text), text) > 0;
    free(text);
    return ok;
}

struct sums {
    uint64_t cases, calls, ns, worst_ns, chunks, verbs, allocations;
};

static bool measure_case(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct sums *sums = ctx;
    struct codec_result best, result;
    (void)check;
    (void)codec_host_run(&v->c, &best);
    for (int i = 0; i < 20; i++) {
        (void)codec_host_run(&v->c, &result);
        best.total_ns = result.total_ns < best.total_ns ? result.total_ns : best.total_ns;
        best.worst_ns = result.worst_ns < best.worst_ns ? result.worst_ns : best.worst_ns;
        codec_result_done(&result);
    }
    sums->cases++;
    sums->calls += best.n_calls;
    sums->ns += best.total_ns;
    sums->worst_ns = best.worst_ns > sums->worst_ns ? best.worst_ns : sums->worst_ns;
    sums->chunks += best.n_chunks;
    sums->verbs += best.n_verbs;
    sums->allocations += best.n_allocs;
    codec_result_done(&best);
    return true;
}

static int fail(const struct check *check) {
    (void)fprintf(stderr, "llm-plugin-check: %s: %s\n", check->options->file, check->text);
    return 2;
}

static const struct check_test as_if = {99, "compare", CHECK_ERROR, "", "", NULL};

static int dump_all(const struct check_options *options, FILE *out) {
    static struct check check;
    struct dump dump = {.out = out};
    check = (struct check){.options = options, .test = &as_if, .fd = -1, .random = 1};
    if (!check_load(&check)) {
        return fail(&check);
    }
    (void)check_each_vector(&check, dump_case, &dump);
    (void)check_each_request(&check, dump_case, &dump);
    return fflush(out) == 0 ? 0 : 2;
}

int check_bench(const struct check_options *options) {
    static struct check check;
    struct sums s = {0};
    check = (struct check){.options = options, .test = &as_if, .fd = -1, .random = 1};
    if (!check_load(&check)) {
        return fail(&check);
    }
    (void)check_each_case(&check, measure_case, &s);
    if (s.cases == 0 || s.calls == 0) {
        (void)fprintf(stderr, "llm-plugin-check: %s: no case to measure\n", options->file);
        return 2;
    }
    (void)printf("load            %8llu us\n", (unsigned long long)check.load_us);
    (void)printf("cases           %8llu\n", (unsigned long long)s.cases);
    (void)printf("a case          %8llu ns, %.1f calls, %.1f chunks, %.1f verbs, %.1f allocations\n",
                 (unsigned long long)(s.ns / s.cases), (double)s.calls / (double)s.cases,
                 (double)s.chunks / (double)s.cases, (double)s.verbs / (double)s.cases,
                 (double)s.allocations / (double)s.cases);
    (void)printf("a call          %8llu ns, %llu ns at most\n", (unsigned long long)(s.ns / s.calls),
                 (unsigned long long)s.worst_ns);
    return 0;
}

// ---- in the parent -----------------------------------------------------------------------------------------------------

static llm_str dump_of(const struct check_options *options, const char *file) {
    struct check_options own = *options;
    const int fd = memfd_create("dump", MFD_CLOEXEC);
    llm_str text = {NULL, 0};
    int status = 0;
    own.file = file;
    (void)fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        FILE *out = fdopen(fd, "w");
        (void)alarm(options->timeout_ms / 1000 * 6);
        _exit(out != NULL ? dump_all(&own, out) : 2);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void)fprintf(stderr, "llm-plugin-check: %s: it did not come to the end of the cases\n", file);
        (void)close(fd);
        return text;
    }
    const off_t len = lseek(fd, 0, SEEK_END);
    char *copy = malloc((size_t)len + 1);
    if (copy != NULL && pread(fd, copy, (size_t)len, 0) == len) {
        copy[len] = '\0';
        text = (llm_str){copy, (size_t)len};
    }
    (void)close(fd);
    return text;
}

struct record {
    llm_str name, text;
};

static bool next_record(llm_str *rest, struct record *ret) {
    const char *end = rest->len > 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;
    if (end == NULL) {
        return false;
    }
    ret->name = (llm_str){rest->ptr, (size_t)(end - rest->ptr)};
    *rest = llm_str_cut(*rest, ret->name.len + 1);
    uint64_t len = 0;
    end = memchr(rest->ptr, '\n', rest->len);
    if (end == NULL || !llm_str_uint((llm_str){rest->ptr, (size_t)(end - rest->ptr)}, SIZE_MAX, &len)) {
        return false;
    }
    *rest = llm_str_cut(*rest, (size_t)(end - rest->ptr) + 1);
    ret->text = (llm_str){rest->ptr, (size_t)len};
    *rest = llm_str_cut(*rest, (size_t)len + 1);
    return true;
}

static llm_str line_of(llm_str *rest) {
    const char *end = rest->len > 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;
    const llm_str line = {rest->ptr, end != NULL ? (size_t)(end - rest->ptr) : rest->len};
    *rest = llm_str_cut(*rest, line.len + (end != NULL ? 1 : 0));
    return line;
}

static void show_difference(llm_str name, llm_str old, llm_str new) {
    (void)printf("%.*s\n", LLM_FMT(name));
    while (old.len > 0 || new.len > 0) {
        const llm_str a = line_of(&old), b = line_of(&new);
        if (!llm_str_eq(a, b)) {
            (void)printf("  - %.*s\n  + %.*s\n", LLM_FMT(a), LLM_FMT(b));
        }
    }
}

int check_diff(const struct check_options *options, const char *old_file) {
    const llm_str old = dump_of(options, old_file), new = dump_of(options, options->file);
    size_t n = 0, differ = 0, missing = 0;
    struct record a, b;
    if (old.ptr == NULL || new.ptr == NULL) {
        return 2;
    }
    llm_str rest = old;
    while (next_record(&rest, &a)) {
        llm_str others = new;
        bool found = false;
        while (!found && next_record(&others, &b)) {
            found = llm_str_eq(a.name, b.name);
        }
        n++;
        if (!found) {
            (void)printf("%.*s\n  - only in %s\n", LLM_FMT(a.name), old_file);
            missing++;
        } else if (!llm_str_eq(a.text, b.text)) {
            show_difference(a.name, a.text, b.text);
            differ++;
        }
    }
    (void)printf("%zu cases: %zu the same, %zu differ, %zu are gone\n", n, n - differ - missing, differ,
                 missing);
    free((void *)(uintptr_t)old.ptr);
    free((void *)(uintptr_t) new.ptr);
    return differ + missing > 0 ? 1 : 0;
}
