// SPDX-License-Identifier: MIT
// Every recorded answer in OpenAI's format, from end to end: the response that the library and `llm-master replay` make of it must hold
// what a second reading finds in the recording (oracle_openai.h), or what stands in the recording's expect.json, and must stay the same
// when the body comes byte by byte or is cut in two anywhere.
//
//     replay_table [--markdown] [DIRECTORY]...    recordings: a folder with meta.json each; without one: ours, and the shared ones
//
// Without --markdown: TAP.  Bodies of more than 2000 bytes are cut at evenly spread places and behind line ends, more than a thousand of
// them for most; LLM_TEST_LONG set: everywhere, but for the longest.
#include <stdlib.h>

#include "oracle_openai.h"
#include "replayer.h"
#include "response_diff.h"
#include "tap.h"
#include "test_data.h"

#define ROWS_MAX 128
#define WHY_BYTES 320

struct row {
    char provider[48], operation[48];
    int count, exact;
    char why[WHY_BYTES]; // of the first that differs
    bool spoken;
};

struct table {
    struct tap tap;
    struct replayer replayer;
    struct row rows[ROWS_MAX];
    int n_rows;
    bool markdown;
    size_t cuts;
};

// Operations that these have in a format of their own.
static const char *const others[] = {"cohere", "gemini", "vertex", "anthropic", "bedrock"};
static const char *const spoken[] = {"chat.completions",   "completions",  "embeddings",
                                     "images.generations", "images.edits", "moderations"};

static bool is_spoken(const struct recording *recording) {
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (host_same(recording->provider, host_str(others[i])) &&
            !host_same(recording->operation, host_str("chat.completions"))) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof spoken / sizeof spoken[0]; i++) {
        if (host_same(recording->operation, host_str(spoken[i]))) {
            return true;
        }
    }
    return false;
}

static struct row *row_of(struct table *t, const struct recording *recording) {
    struct row fresh = {.spoken = is_spoken(recording)};
    (void)snprintf(fresh.provider, sizeof fresh.provider, "%s",
                   recording->provider.ptr != NULL ? recording->provider.ptr : "?");
    (void)snprintf(fresh.operation, sizeof fresh.operation, "%s",
                   recording->operation.ptr != NULL ? recording->operation.ptr : "?");
    for (int i = 0; i < t->n_rows; i++) {
        if (strcmp(t->rows[i].provider, fresh.provider) == 0 &&
            strcmp(t->rows[i].operation, fresh.operation) == 0) {
            return &t->rows[i];
        }
    }
    if (t->n_rows == ROWS_MAX) {
        return NULL;
    }
    t->rows[t->n_rows] = fresh;
    return &t->rows[t->n_rows++];
}

// What the response must be, as JSON to be freed: what expect.json says, else what the second reading finds.  NULL: neither can tell.
static char *expected(const char *folder, const struct recording *recording) {
    char path[TEST_PATH_BYTES];
    size_t n = 0;
    (void)snprintf(path, sizeof path, "%s/expect.json", folder);
    char *bytes = test_data_read(path, &n);
    if (bytes != NULL) {
        char *text = test_data_text(bytes, n);
        free(bytes);
        return text;
    }
    struct oracle o = {.provider = recording->provider.ptr,
                       .operation = recording_operation(recording->operation).ptr,
                       .status = recording->status,
                       .stream = recording->stream};
    char *body =
        test_data_text(recording->answer.len > 0 ? recording->answer.ptr : "", recording->answer.len);
    cJSON *want = oracle_response(&o, body);
    char *text = cJSON_PrintUnformatted(want);
    cJSON_Delete(want);
    oracle_done(&o);
    free(body);
    return text;
}

static bool holds_line_end(const struct recording *recording, size_t at) {
    return at > 0 && at < recording->answer.len && recording->answer.ptr[at - 1] == '\n';
}

// The first cut that gives another answer; SIZE_MAX: none does.
static size_t find_bad_cut(struct table *t, const struct recording *recording, const char *whole) {
    const size_t n = recording->answer.len;
    const size_t budget = getenv("LLM_TEST_LONG") != NULL ? 400000000 : 4000000;
    const size_t step = 1 + n * n / budget;
    for (size_t at = 0; at <= n; at++) { // 0: byte by byte
        if (at % step != 0 && !(n < 20000 && holds_line_end(recording, at))) {
            continue;
        }
        char *json = replayer_run(&t->replayer, recording, at);
        const bool same = strcmp(json, whole) == 0;
        free(json);
        t->cuts++;
        if (!same) {
            return at;
        }
    }
    return SIZE_MAX;
}

static void tell(struct table *t, bool ok, const char *name, const char *what, const char *why) {
    char line[200];
    if (!t->markdown) {
        (void)snprintf(line, sizeof line, "%s: %s", name, what);
        tap_result(&t->tap, ok, line, "%s", why);
    }
}

static void check(struct table *t, struct row *row, const char *folder, const struct recording *recording) {
    const char *slash = strrchr(folder, '/'), *name = slash != NULL ? slash + 1 : folder;
    char why[WHY_BYTES] = "";
    char *want = expected(folder, recording);
    char *whole = replayer_run(&t->replayer, recording, REPLAY_WHOLE);
    char *printed = replayer_command(folder);
    const bool exact = response_is(want, whole, why, sizeof why);
    tell(t, exact, name, "what the recording holds", why);
    const bool told = strcmp(whole, printed) == 0;
    tell(t, told, name, "llm-master replay tells the same", printed);
    const size_t cut = find_bad_cut(t, recording, whole);
    tell(t, cut == SIZE_MAX, name, "the same when cut", cut == 0 ? "byte by byte" : "in two");
    row->exact += exact && told && cut == SIZE_MAX;
    if (row->why[0] == '\0' && !(exact && told && cut == SIZE_MAX)) {
        (void)snprintf(row->why, sizeof row->why, "%.80s: %.200s", name,
                       !exact  ? why
                       : !told ? "llm-master replay tells something else"
                               : "another answer when cut");
    }
    free(want);
    free(whole);
    free(printed);
}

static bool visit(void *ctx, const char *folder) {
    struct table *t = ctx;
    struct recording recording;
    llm_error err = LLM_ERROR_INIT;
    if (recording_load(&recording, folder, &err) != LLM_OK) {
        tap_result(&t->tap, 0, folder, "%s", err.message);
        return true;
    }
    struct row *row = row_of(t, &recording);
    if (row != NULL) {
        row->count++;
        if (row->spoken) {
            check(t, row, folder, &recording);
        }
    }
    recording_done(&recording);
    return row != NULL;
}

/* ---- the table ---------------------------------------------------------------------------------------------------------------- */

static void print_cell(const char *text) {
    for (; *text != '\0'; text++) {
        printf(*text == '|' ? "\\%c" : "%c", *text);
    }
}

static int by_name(const void *a, const void *b) {
    const struct row *left = a, *right = b;
    const int order = strcmp(left->provider, right->provider);
    return order != 0 ? order : strcmp(left->operation, right->operation);
}

static void print_table(struct table *t) {
    int count = 0, exact = 0;
    qsort(t->rows, (size_t)t->n_rows, sizeof t->rows[0], by_name);
    printf("| Provider | Operation | Recordings | Exact | Differing | Why |\n|---|---|---:|---:|---:|---|\n");
    for (int i = 0; i < t->n_rows; i++) {
        const struct row *row = &t->rows[i];
        if (row->spoken) {
            printf("| %s | %s | %d | %d | %d | ", row->provider, row->operation, row->count, row->exact,
                   row->count - row->exact);
            print_cell(row->why);
            printf(" |\n");
            count += row->count;
            exact += row->exact;
        }
    }
    printf("| all | | %d | %d | %d | |\n", count, exact, count - exact);
    const char *begin = "\nNot spoken by a shipped plugin yet: ";
    for (int i = 0; i < t->n_rows; i++) {
        const struct row *row = &t->rows[i];
        if (!row->spoken) {
            printf("%s%s %s (%d)", begin, row->provider, row->operation, row->count);
            begin = ", ";
        }
    }
    printf("%s", begin[0] == ',' ? ".\n" : "");
}

static void replay_tree(struct table *t, const char *title, const char *folder) {
    llm_error err = LLM_ERROR_INIT;
    t->n_rows = 0;
    t->cuts = 0;
    if (recording_walk(folder, visit, t, &err) != LLM_OK) {
        tap_result(&t->tap, 0, folder, "%s", err.message);
        return;
    }
    if (t->markdown) {
        printf("%s\n\n", title);
        print_table(t);
        printf("\nBodies cut in two, or sent byte by byte: %zu runs.\n\n", t->cuts);
        for (int i = 0; i < t->n_rows; i++) {
            t->tap.failed += t->rows[i].spoken ? t->rows[i].count - t->rows[i].exact : 0;
        }
    }
}

int main(int argc, char **argv) {
    static struct table t;
    llm_error err = LLM_ERROR_INIT;
    char path[TEST_PATH_BYTES];
    int named = 1;
    if (replayer_open(&t.replayer, &err) != LLM_OK) {
        (void)fprintf(stderr, "replay_table: %s\n", err.message);
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "--markdown") == 0) {
        t.markdown = true;
        named = 2;
    }
    for (int i = named; i < argc; i++) {
        replay_tree(&t, argv[i], argv[i]);
    }
    if (named == argc && test_data_shared(path, "fixtures/index.json")) {
        *strrchr(path, '/') = '\0';
        replay_tree(&t, "Recorded traffic of providers:", path);
    } else if (named == argc && t.markdown) {
        printf("There is no directory with recorded traffic here (LLM_MASTER_SHARED).\n\n");
    } else if (named == argc) {
        tap_skip(&t.tap, "recorded traffic", "there is none here");
    }
    if (named == argc) {
        test_data_source(path, "tests/conformance/recordings");
        replay_tree(&t, "Recordings in the tree, one for each oddity:", path);
    }
    replayer_close(&t.replayer);
    return t.markdown ? t.tap.failed > 0 : tap_done(&t.tap);
}
