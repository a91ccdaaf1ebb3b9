// SPDX-License-Identifier: MIT
// Tests 37 to 50: answers.
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/limits.h"
#include "llm_json.h"
#include "validator.h"

static const char no_recordings[] = "no recorded exchanges were given (--vectors FILE)";

static bool compare_whole(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct llm_buf why = {.max = LLM_MAX_RESPONSE_BYTES};
    const size_t *split = ctx;
    if (!codec_vector_compare(v, split != NULL ? *split : CODEC_SPLIT_WHOLE, &why)) {
        check_fail(check, "\"%.*s\": %.400s", LLM_FMT(v->name), why.ptr != NULL ? why.ptr : "");
    }
    llm_buf_done(&why);
    return !check_failed(check);
}

void check_test_recorded(struct check *check) {
    if (!check_load(check)) {
        return;
    }
    if (check->n_recorded == 0) {
        check_skip(check, "%s", no_recordings);
        return;
    }
    (void)check_each_vector(check, compare_whole, NULL);
    check_note(check, "%zu exchanges", check->n_recorded);
}

// ---- cut and changed ---------------------------------------------------------------------------------------------------

static bool same_anyhow(struct check *check, struct codec_vector_case *v, const struct codec_case *changed,
                        const char *how) {
    char *plain = check_outcome(&v->c), *other = check_outcome(changed);
    const bool same = plain != NULL && other != NULL && strcmp(plain, other) == 0;
    if (!same) {
        check_fail(check, "%.*s: other events when %s", LLM_FMT(v->name), how);
    }
    free(plain);
    free(other);
    return same;
}

static bool compare_splits(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_case c = v->c;
    size_t longest = 0;
    (void)ctx;
    for (size_t i = 0; i < c.n_answers; i++) {
        longest = c.answers[i].body.len > longest ? c.answers[i].body.len : longest;
    }
    c.split = CODEC_SPLIT_BYTES;
    if (!same_anyhow(check, v, &c, "the answer comes byte by byte")) {
        return false;
    }
    // Made-up answers are all alike: for them fewer places are enough.
    const size_t step = check->n_recorded == 0 ? longest / 60 + 1 : longest > 600 ? longest / 300 : 1;
    for (size_t at = 1; at < longest; at += step) {
        char how[64];
        c.split = at;
        (void)snprintf(how, sizeof how, "the answer is cut behind byte %zu", at);
        if (!same_anyhow(check, v, &c, how)) {
            return false;
        }
    }
    return true;
}

void check_test_split(struct check *check) {
    if (check_load(check)) {
        (void)check_each_case(check, compare_splits, NULL);
    }
}

// The body with {"zz_unknown":{"a":[1]}, ... in each object that begins a line or an event's data.
static char *with_unknown(llm_str body, size_t *ret_len) {
    static const char more[] = "\"zz_unknown\":{\"a\":[1,null,\"\\u00e9\"]},";
    char *text = malloc(body.len * 40 + 64);
    size_t n = 0;
    for (size_t i = 0; text != NULL && i < body.len; i++) {
        text[n++] = body.ptr[i];
        const bool begins = i == 0 || body.ptr[i - 1] == '\n' ||
                            (i >= 6 && memcmp(body.ptr + i - 6, "data: ", 6) == 0) ||
                            (i >= 5 && memcmp(body.ptr + i - 5, "data:", 5) == 0);
        if (body.ptr[i] == '{' && begins && i + 1 < body.len && body.ptr[i + 1] == '"') {
            memcpy(text + n, more, sizeof more - 1);
            n += sizeof more - 1;
        }
    }
    *ret_len = n;
    return text;
}

static bool is_event_stream(llm_str body) {
    return llm_str_starts(body, LLM_STR("data:")) || llm_str_starts(body, LLM_STR("event:")) ||
           (body.len > 0 && memmem(body.ptr, body.len, "\ndata:", 6) != NULL);
}

static void free_texts(char **texts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(texts[i]);
    }
}

static bool compare_unknown(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_case c = v->c;
    const size_t n = c.n_answers;
    struct codec_answer answers[CODEC_EXCHANGES_MAX];
    char *texts[CODEC_EXCHANGES_MAX] = {NULL};
    struct codec_result plain, other;
    (void)ctx;
    bool is_json = true;
    for (size_t i = 0; i < n; i++) {
        size_t len = 0, at;
        answers[i] = c.answers[i];
        is_json = is_json && (is_event_stream(answers[i].body) || llm_json_check(answers[i].body, 64, &at));
        texts[i] = with_unknown(answers[i].body, &len);
        answers[i].body = (llm_str){texts[i], len};
    }
    if (is_json && n > 0) {
        (void)codec_host_run(&v->c, &plain);
        c.answers = answers;
        (void)codec_host_run(&c, &other);
        plain.has_usage = other.has_usage =
            false; // usage.raw is the provider's object: it shows the difference
        plain.n_jsons = other.n_jsons = 0;
        char *first = strdup(codec_result_text(&plain));
        const char *second = codec_result_text(&other);
        if (first != NULL && strcmp(first, second) != 0) {
            check_fail(check, "%.*s: other events when an unknown member is added: %.200s", LLM_FMT(v->name),
                       second);
        }
        free(first);
        codec_result_done(&plain);
        codec_result_done(&other);
    }
    free_texts(texts, n);
    return !check_failed(check);
}

static bool is_fine(llm_status status) {
    return status == LLM_OK || status < 0;
}

// Each string of the body in its turn becomes null: any outcome but a crash or a breach.
static bool try_nulls(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_case c = v->c;
    struct codec_answer answer;
    struct codec_result result;
    size_t tries = 0;
    (void)ctx;
    if (c.n_answers == 0) {
        return true;
    }
    const llm_str body = c.answers[0].body;
    c.answers = &answer;
    c.n_answers = 1;
    for (size_t i = 0; i + 1 < body.len && tries < 60; i++) {
        if (body.ptr[i] != ':' || body.ptr[i + 1] != '"') {
            continue;
        }
        size_t end = i + 2;
        while (end < body.len && (body.ptr[end] != '"' || body.ptr[end - 1] == '\\')) {
            end++;
        }
        char *text = NULL;
        const int n = asprintf(&text, "%.*snull%.*s", (int)(i + 1), body.ptr,
                               (int)(body.len - (end < body.len ? end + 1 : end)),
                               body.ptr + (end < body.len ? end + 1 : end));
        if (n < 0) {
            return true;
        }
        answer = v->c.answers[0];
        answer.body = (llm_str){text, (size_t)n};
        (void)codec_host_run(&c, &result);
        if (!is_fine(result.status) || result.breach.len > 0) {
            check_fail(check, "%.*s: null in the place of the string at byte %zu: status %d %.100s",
                       LLM_FMT(v->name), i + 1, result.status,
                       result.breach.len > 0 ? result.breach.ptr : "");
        }
        codec_result_done(&result);
        free(text);
        tries++;
    }
    return !check_failed(check);
}

void check_test_unknown(struct check *check) {
    if (check_load(check)) {
        (void)check_each_case(check, compare_unknown, NULL);
        (void)check_each_case(check, try_nulls, NULL);
    }
}

static bool cut_everywhere(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result whole, cut;
    (void)ctx;
    (void)codec_host_run(&v->c, &whole);
    const bool good =
        whole.status == LLM_OK && strcmp(v->c.operation, "chat") == 0 && whole.n_choices + whole.n_tools > 0;
    const uint32_t n_chunks = whole.n_chunks;
    codec_result_done(&whole);
    struct codec_case c = v->c;
    for (uint32_t k = 1; good && v->c.n_answers == 1 && k < n_chunks && k < 300 && !check_failed(check);
         k++) {
        c.cut_after = k;
        (void)codec_host_run(&c, &cut);
        bool finished = cut.has_usage;
        for (size_t i = 0; i < cut.n_choices; i++) {
            finished = finished || cut.choices[i].finished;
        }
        if (cut.status == LLM_OK && !finished) {
            check_fail(check, "%.*s: cut behind chunk %u of %u, and it counts as complete", LLM_FMT(v->name),
                       k, n_chunks);
        }
        codec_result_done(&cut);
    }
    return !check_failed(check);
}

void check_test_truncated(struct check *check) {
    if (check_load(check)) {
        (void)check_each_case(check, cut_everywhere, NULL);
    }
}

static bool insert_error(struct check *check, struct codec_vector_case *v, void *ctx) {
    static const char event[] =
        "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\",\"code\":500}}\n\n";
    size_t *n = ctx;
    struct codec_case c = v->c;
    struct codec_answer answer;
    struct codec_result result;
    if (c.n_answers != 1 || !is_event_stream(c.answers[0].body) || c.answers[0].status >= 300) {
        return true;
    }
    const llm_str body = c.answers[0].body;
    const char *gap = memmem(body.ptr, body.len, "\n\n", 2);
    if (gap == NULL) {
        return true;
    }
    const size_t at = (size_t)(gap - body.ptr) + 2;
    char *text = NULL;
    const int len = asprintf(&text, "%.*s%s", (int)at, body.ptr, event);
    if (len < 0) {
        return true;
    }
    answer = c.answers[0];
    answer.body = (llm_str){text, (size_t)len};
    c.answers = &answer;
    (void)codec_host_run(&c, &result);
    ++*n;
    if (result.status >= 0) {
        check_fail(check, "%.*s: {\"error\": ...} in the stream is not noticed", LLM_FMT(v->name));
    }
    codec_result_done(&result);
    free(text);
    return !check_failed(check);
}

void check_test_error_event(struct check *check) {
    size_t n = 0;
    if (check_load(check)) {
        (void)check_each_case(check, insert_error, &n);
        if (n == 0) {
            check_skip(check, "no case is an event stream");
        }
    }
}

static bool judge_breach(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    const char *const what = ctx;
    v->c.split = CODEC_SPLIT_BYTES;
    (void)codec_host_run(&v->c, &result);
    if (result.breach.len > 0 && strstr(result.breach.ptr, what) != NULL) {
        check_fail(check, "%.*s: %.200s", LLM_FMT(v->name), result.breach.ptr);
    }
    v->c.split = CODEC_SPLIT_WHOLE;
    codec_result_done(&result);
    return !check_failed(check);
}

void check_test_utf8(struct check *check) {
    static char what[] = "UTF-8";
    if (check_load(check)) {
        (void)check_each_case(check, judge_breach, what);
    }
}

static bool judge_tools(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    size_t *n = ctx;
    (void)codec_host_run(&v->c, &result);
    for (size_t i = 0; result.status == LLM_OK && i < result.n_tools; i++) {
        size_t at = 0;
        const llm_str args = llm_buf_str(&result.tools[i].args);
        ++*n;
        if (args.len > 0 && args.ptr[0] == '{' && !llm_json_check(args, LLM_MAX_JSON_DEPTH, &at)) {
            check_fail(check, "%.*s: the arguments of call %u are no JSON at byte %zu: %.100s",
                       LLM_FMT(v->name), result.tools[i].index, at, args.ptr);
        }
        if (result.tools[i].name.len == 0) {
            check_fail(check, "%.*s: call %u has no name", LLM_FMT(v->name), result.tools[i].index);
        }
    }
    codec_result_done(&result);
    return !check_failed(check);
}

void check_test_tools(struct check *check) {
    size_t n = 0;
    if (check_load(check)) {
        (void)check_each_case(check, judge_tools, &n);
        check_note(check, "%zu tool calls", n);
    }
}

static bool judge_finish(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    (void)ctx;
    (void)codec_host_run(&v->c, &result);
    if (result.n_late > 0 || (result.breach.len > 0 && strstr(result.breach.ptr, "finish") != NULL)) {
        check_fail(check, "%.*s: %s", LLM_FMT(v->name),
                   result.n_late > 0 ? "text after the finish" : result.breach.ptr);
    }
    for (size_t i = 0; result.status == LLM_OK && i < result.n_choices; i++) {
        if (!result.choices[i].finished && strcmp(v->c.operation, "chat") == 0) {
            check_fail(check, "%.*s: choice %u never finishes", LLM_FMT(v->name), result.choices[i].choice);
        }
    }
    codec_result_done(&result);
    return !check_failed(check);
}

void check_test_finish(struct check *check) {
    if (check_load(check)) {
        (void)check_each_case(check, judge_finish, NULL);
    }
}

// ---- too much ------------------------------------------------------------------------------------------------------------

static bool first_of_each(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_vector_case **found = ctx;
    (void)check;
    if (*found == NULL && v->c.n_answers > 0 && v->c.answers[0].status < 300) {
        *found = v;
    }
    return *found == NULL;
}

static void try_body(struct check *check, const struct codec_case *of, char *body, size_t len,
                     uint32_t status, const char *what) {
    struct codec_case c = *of;
    struct codec_answer answer = of->n_answers > 0 ? of->answers[0] : (struct codec_answer){0};
    struct codec_result result;
    answer.status = status;
    answer.transport = LLM_OK;
    answer.body = (llm_str){body, len};
    c.answers = &answer;
    c.n_answers = 1;
    (void)codec_host_run(&c, &result);
    if (!is_fine(result.status) || (result.breach.len > 0 && strstr(result.breach.ptr, "UTF-8") == NULL)) {
        check_fail(check, "%s: status %d %.100s", what, result.status,
                   result.breach.len > 0 ? result.breach.ptr : "");
    }
    codec_result_done(&result);
}

static char *filled(const char *before, const char *unit, size_t times, const char *after, size_t *ret_len) {
    const size_t nb = strlen(before), nu = strlen(unit), na = strlen(after);
    char *text = malloc(nb + nu * times + na + 1);
    if (text == NULL) {
        return NULL;
    }
    memcpy(text, before, nb);
    for (size_t i = 0; i < times; i++) {
        memcpy(text + nb + i * nu, unit, nu);
    }
    memcpy(text + nb + nu * times, after, na + 1);
    *ret_len = nb + nu * times + na;
    return text;
}

void check_test_sizes(struct check *check) {
    static const struct {
        const char *what, *before, *unit;
        size_t times;
        const char *after;
    } bodies[] = {
        {"100,000 events", "", "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n",
         100000, "data: [DONE]\n\n"},
        {"an event of 1 MiB", "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"", "a", 1 << 20,
         "\"}}]}\n\ndata: [DONE]\n\n"},
        {"JSON of 10,000 levels", "data: {\"choices\":", "[", 10000, "\n\n"},
        {"an answer of 10,000 levels", "{\"choices\":", "[", 10000, ""},
        {"an answer of 8 MiB", "{\"choices\":[{\"message\":{\"content\":\"", "aaaaaaaa", 1 << 20, "\"}}]}"},
        {"8 MiB of nothing", "", "        ", 1 << 20, ""},
        {"a number of 1 MiB", "{\"usage\":{\"prompt_tokens\":", "9", 1 << 20, "}}"},
        {"100,000 members", "{", "\"a\":1,", 100000, "\"b\":2}"},
    };
    struct codec_vector_case *v = NULL;
    if (!check_load(check)) {
        return;
    }
    struct codec_case c = {.plugin = check->plugin,
                           .model = "m",
                           .request = "{\"model\":\"m\",\"messages\":[],\"prompt\":\"x\"}"};
    (void)check_each_vector(check, first_of_each, &v);
    if (v != NULL) {
        c = v->c;
    } else {
        const llm_generator *g = check_generator(check, "chat");
        g = g != NULL ? g : check->plugin->generators[0];
        c.operation = g->operation;
        if (g->codec == NULL) {
            check_skip(check, "it has no codec");
            return;
        }
    }
#if !LLM_SANITIZED
    const struct rlimit memory = {(rlim_t)768 << 20, (rlim_t)768 << 20};
    (void)setrlimit(RLIMIT_AS, &memory);
#endif
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        size_t len = 0;
        char *body = filled(bodies[i].before, bodies[i].unit, bodies[i].times, bodies[i].after, &len);
        if (body == NULL) {
            check_untested(check, "out of memory");
            return;
        }
        for (int stream = 0; stream < 2; stream++) {
            c.stream = stream != 0;
            try_body(check, &c, body, len, 200, bodies[i].what);
            try_body(check, &c, body, len, 400, bodies[i].what);
        }
        free(body);
    }
}

void check_test_fail_matrix(struct check *check) {
    static const uint32_t statuses[] = {400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 418, 422, 424,
                                        429, 451, 499, 500, 501, 502, 503, 504, 520, 522, 529, 599};
    static const char *const bodies[] = {
        "",
        " ",
        "null",
        "{}",
        "[]",
        "{\"error\":null}",
        "{\"error\":\"text\"}",
        "{\"error\":{\"message\":\"m\",\"type\":\"t\",\"code\":\"c\",\"param\":\"p\"}}",
        "{\"error\":{\"message\":null,\"code\":7}}",
        "{\"error\":{\"message\":\"You exceeded your current quota\",\"code\":\"insufficient_quota\"}}",
        ("{\"error\":{\"message\":\"maximum context length is 8192 "
         "tokens\",\"code\":\"context_length_exceeded\"}}"),
        "{\"detail\":[{\"loc\":[\"body\",\"x\"],\"msg\":\"bad\"}]}",
        "{\"message\":\"plain\"}",
        "{\"error\":{\"message\":\"cut",
        "<html><body><h1>502 Bad Gateway</h1></body></html>",
        "upstream connect error",
        "\xff\xfe\x00\x01",
        "data: {\"error\":{\"message\":\"in a stream\"}}\n\n",
    };
    size_t n = 0;
    if (!check_load(check)) {
        return;
    }
    for (const llm_generator *const *g = check->plugin->generators; *g != NULL && !check_failed(check); g++) {
        if ((*g)->codec == NULL) {
            continue;
        }
        for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
            for (size_t k = 0; k < sizeof bodies / sizeof bodies[0]; k++) {
                const struct codec_answer answer = {.status = statuses[i], .body = llm_str_from(bodies[k])};
                const struct codec_case c = {
                    .plugin = check->plugin,
                    .generator = (*g)->name,
                    .operation = (*g)->operation,
                    .model = "m",
                    .request = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
                               "\"prompt\":\"x\",\"input\":\"x\"}",
                    .answers = &answer,
                    .n_answers = 1,
                    .step_max = 2};
                struct codec_result result;
                (void)codec_host_run(&c, &result);
                const bool reached = result.n_exchanges > 0 && result.exchanges[0].url.len > 0;
                if (reached && result.status >= 0) {
                    check_fail(check, "%s: HTTP %u with %.40s gives %d", (*g)->name, statuses[i], bodies[k],
                               result.status);
                } else if (reached && result.has_fault && result.breach.len > 0) {
                    check_fail(check, "%s: HTTP %u with %.40s: %.100s", (*g)->name, statuses[i], bodies[k],
                               result.breach.ptr);
                }
                n += reached ? 1 : 0;
                codec_result_done(&result);
            }
        }
    }
    check_note(check, "%zu answers", n);
}

static bool poll_for_ever(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    size_t *polled = ctx;
    if (v->c.n_answers < 2) {
        return true;
    }
    // The last answer but one, which asked for another look, again and again.
    static struct codec_answer answers[LLM_MAX_STEPS + 1];
    for (size_t i = 0; i <= LLM_MAX_STEPS; i++) {
        answers[i] = v->c.answers[i + 1 < v->c.n_answers ? i : v->c.n_answers - 2];
    }
    struct codec_case c = v->c;
    c.answers = answers;
    c.n_answers = LLM_MAX_STEPS + 1;
    (void)codec_host_run(&c, &result);
    ++*polled;
    if (result.breach.len > 0 && strstr(result.breach.ptr, "wait_ms") != NULL) {
        check_fail(check, "%.*s: %.100s", LLM_FMT(v->name), result.breach.ptr);
    }
    for (size_t i = 1; i < result.n_exchanges && result.n_exchanges > 100; i++) {
        if (result.exchanges[i].wait_ms == 0) {
            check_fail(check, "%.*s: exchange %zu of a job that is polled begins without waiting",
                       LLM_FMT(v->name), i);
            break;
        }
    }
    codec_result_done(&result);
    return !check_failed(check);
}

void check_test_again(struct check *check) {
    size_t polled = 0;
    if (check_load(check)) {
        (void)check_each_vector(check, poll_for_ever, &polled);
        if (polled == 0) {
            check_skip(check, "no recorded exchange is polled");
        }
    }
}

static bool cancel_at_random(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    (void)ctx;
    (void)codec_host_run(&v->c, &result);
    const uint32_t n = result.n_verbs;
    codec_result_done(&result);
    for (int i = 0; i < 5 && n > 0 && !check_failed(check); i++) {
        v->c.cancel_at = 1 + (uint32_t)(check_random(check) % n);
        (void)codec_host_run(&v->c, &result);
        if (result.status != LLM_E_CANCELLED || result.breach.len > 0) {
            check_fail(check, "%.*s: verb %u was refused, and it gives %s %.100s", LLM_FMT(v->name),
                       v->c.cancel_at, llm_status_name(result.status),
                       result.breach.len > 0 ? result.breach.ptr : "");
        }
        codec_result_done(&result);
    }
    v->c.cancel_at = 0;
    return !check_failed(check);
}

void check_test_cancelled(struct check *check) {
    if (check_load(check)) {
        (void)check_each_case(check, cancel_at_random, NULL);
    }
}

static bool unmap_chunks(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_case c = v->c;
    (void)ctx;
    c.unmap_chunks = true;
    return same_anyhow(check, v, &c, "the memory of each chunk is gone after the call");
}

void check_test_kept_slices(struct check *check) {
    if (check_load(check)) {
        (void)check_each_case(check, unmap_chunks, NULL);
    }
}

// ---- damage ----------------------------------------------------------------------------------------------------------------

static void damage(struct check *check, char *text, size_t *len, size_t cap) {
    static const char *const pieces[] = {"\"",  "{",       "}",    "[",     "]",  ":",     ",",    "null",
                                         "\\u", "\\ud800", "\n\n", "data:", "-1", "1e999", "\xff", "\r"};
    for (uint64_t i = 1 + check_random(check) % 4; i > 0 && *len > 0; i--) {
        const size_t at = (size_t)(check_random(check) % *len);
        const char *piece = pieces[check_random(check) % (sizeof pieces / sizeof pieces[0])];
        const size_t n = strlen(piece);
        switch (check_random(check) % 4) {
        case 0: text[at] = (char)check_random(check); break;
        case 1: *len = at; break;
        case 2: {
            const size_t gone = 1 + (size_t)(check_random(check) % (*len - at));
            memmove(text + at, text + at + gone, *len - at - gone);
            *len -= gone;
            break;
        }
        default:
            if (*len + n < cap) {
                memmove(text + at + n, text + at, *len - at);
                memcpy(text + at, piece, n);
                *len += n;
            }
        }
    }
}

struct fuzzing {
    struct timespec until;
    uint64_t n;
};

static bool is_over(const struct fuzzing *f) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > f->until.tv_sec || (now.tv_sec == f->until.tv_sec && now.tv_nsec >= f->until.tv_nsec);
}

static bool fuzz_one(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct fuzzing *f = ctx;
    struct codec_case c = v->c;
    const size_t n = c.n_answers;
    struct codec_answer answers[CODEC_EXCHANGES_MAX];
    char *texts[CODEC_EXCHANGES_MAX] = {NULL};
    struct codec_result result;
    for (size_t i = 0; i < n; i++) {
        answers[i] = c.answers[i];
        const size_t cap = answers[i].body.len + 64;
        texts[i] = malloc(cap);
        if (texts[i] == NULL) {
            free_texts(texts, i);
            return false;
        }
        memcpy(texts[i], answers[i].body.ptr != NULL ? answers[i].body.ptr : "", answers[i].body.len);
        answers[i].body.ptr = texts[i];
        damage(check, texts[i], &answers[i].body.len, cap);
    }
    c.answers = answers;
    c.split = check_random(check) % 3 == 0 ? CODEC_SPLIT_BYTES : CODEC_SPLIT_WHOLE;
    (void)codec_host_run(&c, &result);
    f->n++;
    if (!is_fine(result.status) ||
        (result.breach.len > 0 && strstr(result.breach.ptr, "finished twice") == NULL)) {
        check_fail(check, "%.*s, damaged (--seed %llu): status %d %.100s", LLM_FMT(v->name),
                   (unsigned long long)check->options->seed, result.status,
                   result.breach.len > 0 ? result.breach.ptr : "");
    }
    codec_result_done(&result);
    free_texts(texts, n);
    return !check_failed(check) && !is_over(f);
}

void check_test_fuzz(struct check *check) {
    struct fuzzing f = {.n = 0};
    if (!check_load(check)) {
        return;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &f.until);
    f.until.tv_sec += check->options->fuzz_ms / 1000;
    f.until.tv_nsec += (long)(check->options->fuzz_ms % 1000) * 1000000;
    if (f.until.tv_nsec >= 1000000000) {
        f.until.tv_nsec -= 1000000000;
        f.until.tv_sec++;
    }
    while (!is_over(&f) && !check_failed(check) && check_each_case(check, fuzz_one, &f) > 0) {
    }
    check_note(check, "%llu damaged answers, --seed %llu", (unsigned long long)f.n,
               (unsigned long long)check->options->seed);
}
