// SPDX-License-Identifier: MIT
// Event streams and the events they give, whole, byte by byte and cut in two at each position.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "llm_json.h"
#include "net/frames.h"
#include "tap.h"
#include "test_data.h"

// What came out, as JSON in one spelling, so that it can be compared as text.
struct outcome {
    struct llm_frames frames;
    struct llm_buf text;
};

static void put_member(llm_json_writer *w, const char *name, llm_str text) {
    llm_json_name(w, name);
    llm_json_string(w, text);
}

static llm_status on_chunk(void *ctx, const llm_chunk *chunk) {
    struct outcome *outcome = ctx;
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &outcome->text);
    llm_json_object(&w);
    put_member(&w, "event", chunk->event);
    put_member(&w, "data", (llm_str){(const char *)chunk->data.ptr, chunk->data.len});
    put_member(&w, "id", llm_frames_last_id(&outcome->frames));
    llm_json_object_end(&w);
    return w.status == LLM_OK ? llm_buf_puts(&outcome->text, "\n") : w.status;
}

static llm_status put_end(struct llm_buf *text, llm_str last_id, llm_str pending) {
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, text);
    llm_json_object(&w);
    put_member(&w, "last_id", last_id);
    put_member(&w, "pending", pending);
    llm_json_object_end(&w);
    return w.status;
}

// A piece in a block of its own size, so that the sanitizer sees a read past it.
static llm_status feed(struct llm_frames *frames, const char *p, size_t n) {
    char *copy = malloc(n > 0 ? n : 1);
    if (copy == NULL) {
        return LLM_E_NOMEM;
    }
    if (n > 0) {
        memcpy(copy, p, n);
    }
    const llm_status status = llm_frames_feed(frames, copy, n);
    free(copy);
    return status;
}

// The first piece of `first` bytes, the others of `step`.
static bool gives(struct outcome *outcome, llm_str input, size_t first, size_t step, llm_str want) {
    llm_status status = LLM_OK;
    llm_chunk chunk;
    outcome->text.len = 0;
    llm_frames_init(&outcome->frames, LLM_FRAME_SSE, LLM_MAX_EVENT_BYTES, LLM_MAX_RESPONSE_BYTES, on_chunk,
                    outcome);
    outcome->frames.strict = true;
    for (size_t at = 0; at < input.len && status == LLM_OK;) {
        size_t n = at == 0 && first > 0 ? first : step;
        n = n < input.len - at ? n : input.len - at;
        status = feed(&outcome->frames, input.ptr + at, n);
        at += n;
    }
    llm_str pending = {NULL, 0};
    if (status == LLM_OK && llm_frames_pending(&outcome->frames, &chunk)) {
        pending = (llm_str){(const char *)chunk.data.ptr, chunk.data.len};
    }
    status =
        status == LLM_OK ? put_end(&outcome->text, llm_frames_last_id(&outcome->frames), pending) : status;
    return status == LLM_OK && llm_str_eq(llm_buf_str(&outcome->text), want);
}

static int base64_value(char c) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
    return at != NULL ? (int)(at - alphabet) : -1;
}

static llm_status put_base64(struct llm_buf *buf, llm_str text) {
    uint32_t bits = 0;
    int n = 0;
    for (size_t i = 0; i < text.len; i++) {
        const int value = base64_value(text.ptr[i]);
        if (value < 0) {
            continue;
        }
        bits = bits << 6 | (uint32_t)value;
        n += 6;
        if (n >= 8) {
            const char byte = (char)(bits >> (n -= 8));
            const llm_status status = llm_buf_put(buf, &byte, 1);
            if (status != LLM_OK) {
                return status;
            }
        }
    }
    return LLM_OK;
}

// A string of the vectors, decoded and escaped anew.
static void put_same(llm_json_writer *w, const char *name, llm_str string) {
    struct llm_buf text = {.max = 1 << 20};
    llm_json_name(w, name);
    if (llm_json_type(string) == '"' && llm_json_decode_to(string, llm_buf_sink, &text) == LLM_OK) {
        llm_json_string(w, llm_buf_str(&text));
    } else {
        llm_json_null(w);
    }
    llm_buf_done(&text);
}

static llm_status put_expected(struct llm_buf *buf, llm_str expect) {
    llm_json_iter it = llm_json_begin(llm_json_get(expect, "events"));
    while (llm_json_next(&it)) {
        llm_json_writer w = llm_json_writer_to(llm_buf_sink, buf);
        llm_json_object(&w);
        put_same(&w, "event", llm_json_get(it.value, "event"));
        put_same(&w, "data", llm_json_get(it.value, "data"));
        put_same(&w, "id", llm_json_get(it.value, "id"));
        llm_json_object_end(&w);
        if (w.status != LLM_OK || llm_buf_puts(buf, "\n") != LLM_OK) {
            return LLM_E_NOMEM;
        }
    }
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, buf);
    llm_json_object(&w);
    put_same(&w, "last_id", llm_json_get(expect, "last_id"));
    put_same(&w, "pending", llm_json_get(expect, "pending_data_at_eof"));
    llm_json_object_end(&w);
    return w.status;
}

static void check(struct tap *tap, llm_str vector) {
    struct outcome outcome = {.text = {.max = 1 << 20}};
    struct llm_buf input = {.max = 1 << 20}, want = {.max = 1 << 20};
    const llm_str id = llm_json_plain(llm_json_get(vector, "id")), base64 = llm_json_get(vector, "input_b64");
    const llm_status read = base64.ptr != NULL
                                ? put_base64(&input, llm_json_plain(base64))
                                : llm_json_decode_to(llm_json_get(vector, "input"), llm_buf_sink, &input);
    const llm_status expected = put_expected(&want, llm_json_get(vector, "expect"));
    const llm_str bytes = llm_buf_str(&input), wanted = llm_buf_str(&want);
    char line[256];
    bool same = read == LLM_OK && expected == LLM_OK && gives(&outcome, bytes, 0, bytes.len + 1, wanted);
    (void)snprintf(line, sizeof line, "whole: %.*s", LLM_FMT(id));
    tap_result(tap, same, line, "got %.*s", LLM_FMT(llm_buf_str(&outcome.text)));

    same = gives(&outcome, bytes, 0, 1, wanted);
    (void)snprintf(line, sizeof line, "byte by byte: %.*s", LLM_FMT(id));
    tap_result(tap, same, line, "got %.*s", LLM_FMT(llm_buf_str(&outcome.text)));

    size_t cut = 0;
    for (same = true; same && cut <= bytes.len; cut++) {
        same = gives(&outcome, bytes, cut, bytes.len + 1, wanted) && gives(&outcome, bytes, cut, 1, wanted);
    }
    (void)snprintf(line, sizeof line, "cut anywhere: %.*s", LLM_FMT(id));
    tap_result(tap, same, line, "cut at %zu: got %.*s", cut - 1, LLM_FMT(llm_buf_str(&outcome.text)));
    llm_frames_done(&outcome.frames);
    llm_buf_done(&outcome.text);
    llm_buf_done(&input);
    llm_buf_done(&want);
}

static void check_file(struct tap *tap, const char *path) {
    size_t len = 0;
    char *bytes = test_data_read(path, &len);
    const llm_str text = {bytes, len};
    tap_result(tap, bytes != NULL && llm_json_check(text, 64, NULL), "the vectors are JSON", "%s", path);
    llm_json_iter it = llm_json_begin(text);
    while (llm_json_next(&it)) {
        check(tap, it.value);
    }
    free(bytes);
}

int main(void) {
    struct tap tap = {0};
    char path[TEST_PATH_BYTES];
    test_data_source(path, "tests/conformance/vectors/sse.json");
    check_file(&tap, path);
    if (test_data_shared(path, "conformance/sse/vectors.json")) {
        check_file(&tap, path);
    } else {
        tap_skip(&tap, "SSE vectors of others", "no shared directory");
    }
    return tap_done(&tap);
}
