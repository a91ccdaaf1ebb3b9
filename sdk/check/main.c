// SPDX-License-Identifier: MIT
// llm-plugin-check: does this plugin conform?
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "llm_json.h"
#include "validator.h"

#define VECTORS_MAX 64

char **check_arguments; // for the children, which read them again

extern const int check_decoys_here __attribute__((weak));
bool check_has_decoys(void);
bool check_has_decoys(void) {
    return &check_decoys_here != NULL;
}

struct arguments {
    struct check_options options;
    const char *vectors[VECTORS_MAX];
    bool json, list, quiet, bench;
    const char *diff, *pack, *recordings;
    int only[128];
    size_t n_only;
    int in_process;
};

static const char usage[] =
    "usage: llm-master plugins check [OPTION]... FILE\n"
    "       llm-master plugins diff OLD NEW | bench FILE | pack DIR FILE | vectors DIR FILE\n"
    "\n"
    "Runs every rule of the plugin ABI against a plugin, each in a process of its own.\n"
    "\n"
    "  --vectors FILE       recorded exchanges (JSON); may be given several times.  Default: FILE's name "
    "with .vectors.json,\n"
    "                       where there is one.  Without any, made-up answers in OpenAI's format are used\n"
    "  --source DIR         the plugin's own folder, for the rules on documents\n"
    "  --only TEST          a number or an id; may be given several times\n"
    "  --seed N             repeat a run whose damaged answers found something\n"
    "  --fuzz-seconds N     how long to damage answers (2)\n"
    "  --timeout SECONDS    of one test (10)\n"
    "  --json               the report as JSON\n"
    "  --in-process TEST    run one test in this process, for a debugger\n"
    "  --list               list the rules\n"
    "  --diff OLD           no rules: what differs when the same cases go through OLD and FILE\n"
    "  --pack DIR           no rules: a new folder with FILE, its manifest and their SHA-256\n"
    "  --vectors-of DIR     no rules: the recordings in DIR as a file of vectors, on standard output\n"
    "  --bench              no rules: time and allocations of the plugin's calls\n"
    "  --quiet              only what is wrong\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 it conforms (warnings may be there); 1 it does not; 2 wrong usage, or a test could not "
    "be made.\n";

static const struct check_test *find_test(const char *name) {
    for (const struct check_test *t = check_tests; t->id != NULL; t++) {
        char number[16];
        (void)snprintf(number, sizeof number, "%d", t->number);
        if (strcmp(t->id, name) == 0 || strcmp(number, name) == 0) {
            return t;
        }
    }
    return NULL;
}

static int wrong(const char *what, const char *value) {
    (void)fprintf(stderr, "llm-plugin-check: %s%s%s (see --help)\n", what, value != NULL ? ": " : "",
                  value != NULL ? value : "");
    return 2;
}

static bool number(const char *text, uint64_t max, uint64_t *ret) {
    return llm_str_uint(llm_str_from(text), max, ret);
}

static int take(struct arguments *a, int option) {
    const struct check_test *test;
    uint64_t n = 0;
    switch (option) {
    case 'v':
        if (a->options.n_vectors == VECTORS_MAX) {
            return wrong("too many --vectors", NULL);
        }
        a->vectors[a->options.n_vectors++] = optarg;
        return 0;
    case 's': a->options.source = optarg; return 0;
    case 'o':
    case 'i':
        test = find_test(optarg);
        if (test == NULL) {
            return wrong("no such test", optarg);
        }
        if (option == 'i') {
            a->in_process = test->number;
        } else if (a->n_only < sizeof a->only / sizeof a->only[0]) {
            a->only[a->n_only++] = test->number;
        }
        return 0;
    case 'S':
        return number(optarg, UINT64_MAX, &a->options.seed) ? 0
                                                            : wrong("--seed needs a whole number", optarg);
    case 'f':
    case 't':
        if (!number(optarg, 86400, &n) || (option == 't' && n == 0)) {
            return wrong("that option needs seconds", optarg);
        }
        *(option == 'f' ? &a->options.fuzz_ms : &a->options.timeout_ms) = (uint32_t)n * 1000;
        return 0;
    case 'j': a->json = true; return 0;
    case 'l': a->list = true; return 0;
    case 'q': a->quiet = true; return 0;
    case 'b': a->bench = true; return 0;
    case 'd': a->diff = optarg; return 0;
    case 'p': a->pack = optarg; return 0;
    case 'r': a->recordings = optarg; return 0;
    default: return wrong("unknown option, or one without its value", NULL);
    }
}

static int read_arguments(struct arguments *a, int argc, char **argv) {
    static const struct option options[] = {
        {"vectors", required_argument, NULL, 'v'},
        {"source", required_argument, NULL, 's'},
        {"only", required_argument, NULL, 'o'},
        {"seed", required_argument, NULL, 'S'},
        {"timeout", required_argument, NULL, 't'},
        {"fuzz-seconds", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {"in-process", required_argument, NULL, 'i'},
        {"list", no_argument, NULL, 'l'},
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {"diff", required_argument, NULL, 'd'},
        {"pack", required_argument, NULL, 'p'},
        {"bench", no_argument, NULL, 'b'},
        {"vectors-of", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    int option;
    opterr = 0;
    a->options.fuzz_ms = 2000;
    a->options.timeout_ms = 10000;
    while ((option = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
        if (option == 'h' || option == 'V') {
            (void)fputs(option == 'h' ? usage : "llm-plugin-check " LLM_CHECK_VERSION "\n", stdout);
            exit(0);
        }
        const int bad = take(a, option);
        if (bad != 0) {
            return bad;
        }
    }
    if (!a->list && optind != argc - 1) {
        return wrong(optind >= argc ? "which file?" : "one file at a time", NULL);
    }
    a->options.file = a->list ? NULL : argv[optind];
    a->options.vectors = a->vectors;
    return 0;
}

// The plugin and recordings by names that do not depend on where a child is.
static bool find_files(struct arguments *a) {
    static char file[PATH_MAX], self[PATH_MAX], decoys[PATH_MAX + 16], beside[PATH_MAX + 16];
    if (realpath(a->options.file, file) == NULL) {
        return false;
    }
    a->options.file = file;
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    a->options.self = self;
    (void)snprintf(decoys, sizeof decoys, "%s-decoys", self);
    a->options.decoys = access(decoys, X_OK) == 0 ? decoys : NULL;
    const size_t len = strlen(file);
    if (a->options.n_vectors == 0 && len > 3 && strcmp(file + len - 3, ".so") == 0) {
        (void)snprintf(beside, sizeof beside, "%.*s.vectors.json", (int)len - 3, file);
        if (access(beside, R_OK) == 0) {
            a->vectors[a->options.n_vectors++] = beside;
        }
    }
    return true;
}

// ---- reports -----------------------------------------------------------------------------------------------------------

static const char *const words[] = {"ok", "warn", "FAIL", "skip", "could not test"};

static void show(const struct arguments *a, const struct check_result *r) {
    const struct check_test *t = r->test;
    const bool fine = r->verdict == CHECK_PASS || r->verdict == CHECK_SKIP;
    if (a->quiet && fine) {
        return;
    }
    (void)printf("%-5s %2d %-22s %s%s%s\n", words[r->verdict], t->number, t->id,
                 r->text[0] != '\0' && !fine ? r->text : t->rule, r->text[0] != '\0' && fine ? " - " : "",
                 r->text[0] != '\0' && fine ? r->text : "");
    if (!fine) {
        (void)printf("         rule: %s\n         to do: %s\n", t->rule, t->remedy);
    }
    (void)fflush(stdout);
}

// The n results up to this one, all skipped; the same reason for many is told once.
static void show_skips(const struct arguments *a, const struct check_result *last, size_t n) {
    if (n > 2 && !a->quiet) {
        (void)printf("%-5s %2d to %d: %s\n", words[CHECK_SKIP], last[-(ptrdiff_t)n + 1].test->number,
                     last->test->number, last->text);
        return;
    }
    for (; n > 0; n--) {
        show(a, last - (n - 1));
    }
}

static void show_json(const struct arguments *a, const struct check_result *results, size_t n,
                      const size_t *counts, const char *verdict) {
    static const char *const names[] = {"pass", "warning", "fail", "skipped", "untested"};
    struct llm_buf buf = {.max = LLM_MAX_RESPONSE_BYTES};
    char abi[24];
    (void)snprintf(abi, sizeof abi, "%u.%u", LLM_ABI_MAJOR, LLM_ABI_MINOR);
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &buf);
    llm_json_object(&w);
    llm_json_name(&w, "file");
    llm_json_cstring(&w, a->options.file);
    llm_json_name(&w, "abi");
    llm_json_cstring(&w, abi);
    llm_json_name(&w, "seed");
    llm_json_integer(&w, (int64_t)(a->options.seed & INT64_MAX));
    llm_json_name(&w, "verdict");
    llm_json_cstring(&w, verdict);
    for (size_t i = 0; i < 5; i++) {
        llm_json_name(&w, names[i]);
        llm_json_integer(&w, (int64_t)counts[i]);
    }
    llm_json_name(&w, "tests");
    llm_json_array(&w);
    for (size_t i = 0; i < n; i++) {
        const struct check_result *r = &results[i];
        llm_json_object(&w);
        llm_json_name(&w, "number");
        llm_json_integer(&w, r->test->number);
        llm_json_name(&w, "id");
        llm_json_cstring(&w, r->test->id);
        llm_json_name(&w, "level");
        llm_json_cstring(&w, r->test->level == CHECK_ERROR ? "error" : "warning");
        llm_json_name(&w, "verdict");
        llm_json_cstring(&w, names[r->verdict]);
        llm_json_name(&w, "text");
        llm_json_cstring(&w, r->text);
        llm_json_name(&w, "rule");
        llm_json_cstring(&w, r->test->rule);
        llm_json_name(&w, "remedy");
        llm_json_cstring(&w, r->test->remedy);
        llm_json_name(&w, "ms");
        llm_json_integer(&w, (int64_t)(r->us / 1000));
        llm_json_object_end(&w);
    }
    llm_json_array_end(&w);
    llm_json_object_end(&w);
    (void)printf("%s\n", buf.ptr != NULL ? buf.ptr : "{}");
    llm_buf_done(&buf);
}

static bool is_wanted(const struct arguments *a, const struct check_test *t) {
    bool wanted = a->n_only == 0;
    for (size_t i = 0; i < a->n_only; i++) {
        wanted = wanted || a->only[i] == t->number;
    }
    return wanted;
}

static int run_all(const struct arguments *a) {
    static struct check_result results[128];
    size_t n = 0, skips = 0, counts[5] = {0}; // skips: the last ones, not shown yet
    for (const struct check_test *t = check_tests; t->id != NULL; t++) {
        if (is_wanted(a, t)) {
            check_run(&a->options, t, &results[n]);
            counts[results[n].verdict]++;
            const bool skipped = results[n].verdict == CHECK_SKIP;
            if (skips > 0 && (!skipped || strcmp(results[n].text, results[n - 1].text) != 0)) {
                show_skips(a, &results[n - 1], skips);
                skips = 0;
            }
            if (skipped && !a->json) {
                skips++;
            } else if (!a->json) {
                show(a, &results[n]);
            }
            n++;
        }
    }
    if (skips > 0) {
        show_skips(a, &results[n - 1], skips);
    }
    const int status = counts[CHECK_FAIL] > 0 ? 1 : counts[CHECK_UNTESTED] > 0 ? 2 : 0;
    const char *const verdicts[] = {"conforms", "does not conform", "could not be tested whole"};
    if (a->json) {
        show_json(a, results, n, counts, verdicts[status]);
    } else {
        (void)printf("%s: %s: %zu passed, %zu failed, %zu warnings, %zu skipped%s\n", a->options.file,
                     verdicts[status], counts[CHECK_PASS], counts[CHECK_FAIL] + counts[CHECK_UNTESTED],
                     counts[CHECK_WARN], counts[CHECK_SKIP],
                     a->options.n_vectors == 0 ? " (no recorded exchanges: --vectors)" : "");
    }
    return status;
}

int main(int argc, char **argv) {
    static struct arguments a;
    const char *child = getenv("LLM_CHECK_CHILD");
    check_arguments = argv;
    const int bad = read_arguments(&a, argc, argv);
    if (bad != 0) {
        return bad;
    }
    if (a.list) {
        for (const struct check_test *t = check_tests; t->id != NULL; t++) {
            (void)printf("%2d %-22s %s  %s\n", t->number, t->id, t->level == CHECK_ERROR ? "E" : "W",
                         t->rule);
        }
        return 0;
    }
    if (!find_files(&a)) {
        return wrong("cannot find the file", a.options.file);
    }
    if (a.options.seed == 0) {
        const char *seed = getenv("LLM_CHECK_SEED"); // of the parent
        char text[24];
        if (seed == NULL || !number(seed, UINT64_MAX, &a.options.seed)) {
            a.options.seed = (uint64_t)time(NULL);
        }
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)a.options.seed);
        (void)setenv("LLM_CHECK_SEED", text, 1);
    }
    if (child != NULL) {
        const struct check_test *test = find_test(child);
        (void)unsetenv("LLM_CHECK_CHILD");
        return test != NULL ? check_child(&a.options, test, 3, 4) : 2;
    }
    if (a.in_process != 0) {
        for (const struct check_test *t = check_tests; t->id != NULL; t++) {
            if (t->number == a.in_process) {
                return check_child(&a.options, t, -1, -1);
            }
        }
    }
    if (a.pack != NULL) {
        return check_pack(&a.options, a.pack);
    }
    if (a.recordings != NULL) {
        return check_vectors(&a.options, a.recordings);
    }
    if (a.diff != NULL) {
        static char old[PATH_MAX];
        return realpath(a.diff, old) != NULL ? check_diff(&a.options, old)
                                             : wrong("cannot find the file", a.diff);
    }
    return a.bench ? check_bench(&a.options) : run_all(&a);
}
