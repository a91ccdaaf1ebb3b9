// SPDX-License-Identifier: MIT
#include "vectors.h"

#include <stdio.h>

#include <stdlib.h>

#include "base/base64.h"
#include "base/limits.h"
#include "base/mem.h"
#include "llm_json.h"

#define SPLITS_MAX 2000

static char *keep(struct codec_vector_case *v, size_t size) {
    char *p = llm_mem_new(size + 1);
    if (p == NULL || v->n_memory == sizeof v->memory / sizeof v->memory[0]) {
        fprintf(stderr, "vector too large\n");
        abort();
    }
    v->memory[v->n_memory++] = p;
    return p;
}

// NUL-terminated; a string decoded, anything else as it stands; absent: {NULL, 0}.
static llm_str text_of(struct codec_vector_case *v, llm_str value) {
    if (value.ptr == NULL) {
        return value;
    }
    char *p = keep(v, value.len);
    size_t n = llm_json_decode(value, p, value.len);
    if (n == SIZE_MAX) {
        memcpy(p, value.ptr, value.len);
        n = value.len;
    }
    p[n] = '\0';
    return (llm_str){p, n};
}

static llm_str member(struct codec_vector_case *v, const char *name) {
    return text_of(v, llm_json_get(v->doc, name));
}

static llm_str lines_of(struct codec_vector_case *v, llm_str lines) {
    char *p = keep(v, lines.len + llm_json_count(lines));
    size_t n = 0;
    for (llm_json_iter it = llm_json_begin(lines); llm_json_next(&it);) {
        n += llm_json_decode(it.value, p + n, it.value.len);
        p[n++] = '\n';
    }
    return (llm_str){p, n};
}

// A string of base64; wrong: empty.
static llm_str bytes_of(struct codec_vector_case *v, llm_str value) {
    const llm_str text = text_of(v, value);
    struct llm_base64 state = {.n_rest = 0};
    if (text.ptr == NULL) {
        return text;
    }
    char *p = keep(v, text.len + 3);
    size_t n = llm_base64_decode(&state, text.ptr, text.len, (uint8_t *)p);
    n = n == SIZE_MAX ? 0 : n + llm_base64_finish(&state, (uint8_t *)p + n);
    return (llm_str){p, n};
}

static void read_exchange(struct codec_vector_case *v, llm_str exchange) {
    struct codec_answer *answer = &v->answers[v->c.n_answers];
    int64_t status = 200;
    int cut = 0;

    (void)llm_json_int64(llm_json_get(exchange, "status"), &status);
    (void)llm_json_bool(llm_json_get(exchange, "cut"), &cut);
    answer->status = (uint32_t)status;
    answer->transport = cut ? LLM_E_TRANSPORT : LLM_OK;
    answer->headers = v->headers[v->c.n_answers];
    for (llm_json_iter it = llm_json_begin(llm_json_get(exchange, "answer_headers")); llm_json_next(&it);) {
        if (answer->n_headers < CODEC_HEADERS_MAX) {
            v->headers[v->c.n_answers][answer->n_headers++] =
                (llm_header){text_of(v, it.name), text_of(v, it.value)};
        }
    }
    const llm_str lines = llm_json_get(exchange, "lines");
    const llm_str base64 = llm_json_get(exchange, "answer_base64");
    answer->body = lines.ptr != NULL    ? lines_of(v, lines)
                   : base64.ptr != NULL ? bytes_of(v, base64)
                                        : text_of(v, llm_json_get(exchange, "answer"));
    v->expected[v->c.n_answers++] = exchange;
}

llm_str codec_vectors_file(const char *path) {
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t len = 0;
    if (f != NULL && fseek(f, 0, SEEK_END) == 0) {
        len = (size_t)ftell(f);
        rewind(f);
        text = llm_mem_new(len + 1);
        len = text != NULL ? fread(text, 1, len, f) : 0;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return (llm_str){text, len};
}

void codec_vector_read(struct codec_vector_case *v, const llm_provider_descriptor *plugin, llm_str doc) {
    int stream = 0;

    *v = (struct codec_vector_case){.doc = doc, .events = {.max = LLM_MAX_RESPONSE_BYTES}};
    v->name = member(v, "name");
    (void)llm_json_bool(llm_json_get(doc, "stream"), &stream);
    v->c = (struct codec_case){.plugin = plugin,
                               .operation = member(v, "operation").ptr,
                               .model = member(v, "model").ptr,
                               .format = member(v, "format").ptr,
                               .base_url = member(v, "base_url").ptr,
                               .config = member(v, "config").ptr,
                               .request_str = llm_json_get(doc, "request"),
                               .stream = stream != 0,
                               .attachments = v->attachments,
                               .answers = v->answers};
    const llm_str file = member(v, "config_file");
    if (file.ptr != NULL) {
        const char *root = getenv("LLM_TEST_SOURCE");
        char path[4096];
        (void)snprintf(path, sizeof path, "%s%s%s", root != NULL ? root : "", root != NULL ? "/" : "",
                       file.ptr);
        const llm_str text = codec_vectors_file(path);
        v->c.config = text.ptr != NULL ? text.ptr : "(no file)";
        v->memory[v->n_memory++] = (void *)(uintptr_t)text.ptr;
        v->c.base_url =
            v->c.base_url != NULL ? v->c.base_url : text_of(v, llm_json_get(text, "base_url")).ptr;
    }
    for (llm_json_iter it = llm_json_begin(llm_json_get(doc, "attachments")); llm_json_next(&it);) {
        const llm_str bytes = text_of(v, llm_json_get(it.value, "text"));
        v->attachments[v->c.n_attachments++] =
            (llm_attachment){.data = {(const uint8_t *)bytes.ptr, bytes.len},
                             .mime = text_of(v, llm_json_get(it.value, "mime")),
                             .name = text_of(v, llm_json_get(it.value, "name"))};
    }
    for (llm_json_iter it = llm_json_begin(llm_json_get(doc, "exchanges")); llm_json_next(&it);) {
        read_exchange(v, it.value);
    }
    for (llm_json_iter it = llm_json_begin(llm_json_get(doc, "events")); llm_json_next(&it);) {
        const llm_str line = text_of(v, it.value);
        (void)llm_buf_put(&v->events, line.ptr, line.len);
        (void)llm_buf_puts(&v->events, "\n");
    }
    (void)llm_buf_puts(&v->events, "");
}

// Give back what was kept since `mark`.
static void forget(struct codec_vector_case *v, size_t mark) {
    while (v->n_memory > mark) {
        llm_mem_free(v->memory[--v->n_memory]);
    }
}

void codec_vector_done(struct codec_vector_case *v) {
    forget(v, 0);
    llm_buf_done(&v->events);
}

// ---- comparing

static const char *const framings[] = {"whole", "sse", "lines", "raw", "sse_fields"};

static bool same(llm_str got, llm_str want, const char *what, struct llm_buf *why) {
    if (llm_str_eq(got, want)) {
        return true;
    }
    (void)llm_buf_printf(why, "%s: got\n# ", what);
    (void)llm_buf_put(why, got.ptr, got.len);
    (void)llm_buf_puts(why, "\n# wanted\n# ");
    (void)llm_buf_put(why, want.ptr, want.len);
    return false;
}

static bool same_flag(llm_str exchange, const char *name, bool got, struct llm_buf *why) {
    int want = 0;
    if (llm_json_bool(llm_json_get(exchange, name), &want) && (want != 0) != got) {
        (void)llm_buf_printf(why, "%s is %d", name, got);
        return false;
    }
    return true;
}

static bool same_exchange(struct codec_vector_case *v, const struct codec_exchange *ex, llm_str want,
                          struct llm_buf *why) {
    struct llm_buf line = {.max = LLM_MAX_URL_BYTES * 2};
    int64_t wait_ms = 0;
    (void)llm_buf_printf(&line, "%.*s %.*s", LLM_FMT(llm_buf_str(&ex->method)),
                         LLM_FMT(llm_buf_str(&ex->url)));
    bool ok = same(llm_buf_str(&line), text_of(v, llm_json_get(want, "sent")), "request line", why);
    llm_buf_done(&line);

    const llm_str base64 = llm_json_get(want, "body_base64");
    const llm_str body = base64.ptr != NULL ? bytes_of(v, base64) : text_of(v, llm_json_get(want, "body"));
    ok = ok && same(llm_buf_str(&ex->body), body.ptr != NULL ? body : LLM_STR(""), "body", why);
    for (llm_json_iter it = llm_json_begin(llm_json_get(want, "headers")); ok && llm_json_next(&it);) {
        const llm_str header = text_of(v, it.value);
        if (ex->headers.len == 0 ||
            memmem(ex->headers.ptr, ex->headers.len, header.ptr, header.len) == NULL) {
            (void)llm_buf_printf(why, "no header \"%.*s\" in %.*s", LLM_FMT(header),
                                 LLM_FMT(llm_buf_str(&ex->headers)));
            ok = false;
        }
    }
    const llm_str framing = text_of(v, llm_json_get(want, "framing"));
    ok = ok && (framing.ptr == NULL || same(llm_str_from(framings[ex->framing]), framing, "framing", why));
    if (ok && llm_json_int64(llm_json_get(want, "wait_ms"), &wait_ms) && (uint64_t)wait_ms != ex->wait_ms) {
        (void)llm_buf_printf(why, "wait_ms is %llu", (unsigned long long)ex->wait_ms);
        ok = false;
    }
    return ok && same_flag(want, "anonymous", ex->anonymous, why) &&
           same_flag(want, "idempotent", ex->idempotent, why);
}

bool codec_vector_compare(struct codec_vector_case *v, size_t split, struct llm_buf *why) {
    struct codec_result result;
    const size_t mark = v->n_memory;
    bool ok = true;

    v->c.split = split;
    (void)codec_host_run(&v->c, &result);
    if (result.n_exchanges != v->c.n_answers) {
        (void)llm_buf_printf(why, "%zu exchanges; ", result.n_exchanges);
        ok = false;
    }
    for (size_t i = 0; ok && i < result.n_exchanges; i++) {
        ok = same_exchange(v, &result.exchanges[i], v->expected[i], why);
    }
    ok = same(llm_str_from(codec_result_text(&result)), llm_buf_str(&v->events), "events", why) && ok;
    codec_result_done(&result);
    forget(v, mark);
    return ok;
}

// Each allocation, then each verb, fails once: no crash, no leak, no breach; the failure is passed on.
static bool run_failures(struct codec_vector_case *v, struct llm_buf *why) {
    struct codec_result result;
    bool ok = true;

    v->c.split = CODEC_SPLIT_WHOLE;
    (void)codec_host_run(&v->c, &result);
    const uint32_t n_allocs = result.n_allocs, n_verbs = result.n_verbs;
    codec_result_done(&result);
    for (uint32_t i = 1; ok && i <= n_allocs; i++) {
        v->c.fail_alloc = i;
        (void)codec_host_run(&v->c, &result);
        ok = result.status == LLM_E_NOMEM && result.breach.len == 0;
        if (!ok) {
            (void)llm_buf_printf(why, "allocation %u failed: %s", i, codec_result_text(&result));
        }
        codec_result_done(&result);
    }
    v->c.fail_alloc = 0;
    for (uint32_t i = 1; ok && i <= n_verbs; i++) {
        v->c.cancel_at = i;
        (void)codec_host_run(&v->c, &result);
        ok = result.status == LLM_E_CANCELLED && result.breach.len == 0;
        if (!ok) {
            (void)llm_buf_printf(why, "verb %u refused: %s", i, codec_result_text(&result));
        }
        codec_result_done(&result);
    }
    v->c.cancel_at = 0;
    return ok;
}

bool codec_vector_run(struct codec_vector_case *v, struct llm_buf *why) {
    size_t longest = 0;
    for (size_t i = 0; i < v->c.n_answers; i++) {
        longest = v->answers[i].body.len > longest ? v->answers[i].body.len : longest;
    }
    if (!codec_vector_compare(v, CODEC_SPLIT_WHOLE, why) ||
        !codec_vector_compare(v, CODEC_SPLIT_BYTES, why)) {
        return false;
    }
    for (size_t split = 1; split < longest && split < SPLITS_MAX; split++) {
        if (!codec_vector_compare(v, split, why)) {
            (void)llm_buf_printf(why, "\n# (split at %zu)", split);
            return false;
        }
    }
    return run_failures(v, why);
}
