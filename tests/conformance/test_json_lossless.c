// SPDX-License-Identifier: MIT
// Texts whose meaning parsers like to change: carried, each byte stays; read, nothing is rounded, cut or guessed.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/gate.h"
#include "llm_json.h"
#include "tap.h"
#include "test_data.h"

#define TRANSFORM "conformance/json/JSONTestSuite/test_transform/"

// Through the gate as a member, out of it, and through the writer: is it still the same?
static bool is_carried(llm_str text) {
    struct llm_buf object = {.max = 1 << 20}, again = {.max = 1 << 20};
    struct llm_arena arena = {0};
    struct llm_gate gate = {NULL, 0};
    const llm_str value = llm_str_trim(text);
    bool same = llm_buf_puts(&object, "{\"x\": ") == LLM_OK &&
                llm_buf_put(&object, text.ptr, text.len) == LLM_OK && llm_buf_puts(&object, "}") == LLM_OK &&
                llm_gate_request(llm_buf_str(&object), &arena, &gate, NULL) == LLM_OK;
    same = same && llm_str_eq(llm_gate_get(&gate, "x"), value);
    if (same) {
        llm_json_writer w = llm_json_writer_to(llm_buf_sink, &again);
        llm_json_raw(&w, llm_gate_get(&gate, "x"));
        same = w.status == LLM_OK && llm_str_eq(llm_buf_str(&again), value);
    }
    llm_arena_done(&arena);
    llm_buf_done(&object);
    llm_buf_done(&again);
    return same;
}

static const char *const carried[] = {
    "9007199254740993",
    "1.10",
    "-0.0",
    "1E400",
    "123456789012345678901234567890.10",
    "\"a\\u0000b\"",
    "\"\\ud800\"",
    "\"\\u0041\\/\"",
    "{\"b\" : 1,\n\t\"a\":2 }",
    "{\"a\":1,\"a\":2}",
    "[ 1 ,2]",
};

static void check_carried(struct tap *tap) {
    for (size_t i = 0; i < sizeof carried / sizeof carried[0]; i++) {
        tap_result(tap, is_carried(llm_str_from(carried[i])), "carried as sent", "%s", carried[i]);
    }
}

static char *read_transform(const char *name, size_t *ret_len) {
    char path[TEST_PATH_BYTES], full[TEST_PATH_BYTES];
    (void)snprintf(path, sizeof path, TRANSFORM "%s.json", name);
    return test_data_shared(full, path) ? test_data_read(full, ret_len) : NULL;
}

// The value that matters in the text, and how it reads: an integer, none that fits (NULL), or decoded text.
static const struct {
    const char *file, *pointer;
    bool fits;
    int64_t integer;
    const char *text;
} transforms[] = {
    {"number_-9223372036854775808", "/0", true, INT64_MIN, NULL},
    {"number_-9223372036854775809", "/0", false, 0, NULL},
    {"number_1.000000000000000005", "/0", false, 0, NULL},
    {"number_1000000000000000", "/0", true, 1000000000000000, NULL},
    {"number_9223372036854775807", "/0", true, INT64_MAX, NULL},
    {"number_9223372036854775808", "/0", false, 0, NULL},
    {"object_same_key_different_values", "/a", true, 2, NULL},
    {"object_same_key_unclear_values", "/a", true, 0, NULL},
    {"string_1_invalid_codepoint", "/0", false, 0, "\xef\xbf\xbd"},
    {"string_2_invalid_codepoints", "/0", false, 0, "\xef\xbf\xbd\xef\xbf\xbd"},
    {"string_3_escaped_invalid_codepoints", "/0", false, 0, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
};

static void check_transforms(struct tap *tap) {
    for (size_t i = 0; i < sizeof transforms / sizeof transforms[0]; i++) {
        size_t len = 0;
        char *bytes = read_transform(transforms[i].file, &len);
        if (bytes == NULL) {
            tap_skip(tap, transforms[i].file, "no shared directory");
            continue;
        }
        const llm_str text = {bytes, len},
                      value = llm_json_pointer(text, llm_str_from(transforms[i].pointer));
        int64_t integer = 777;
        char line[128];
        // Bad UTF-8 is refused at the gate, so there is nothing to carry.
        const bool valid = llm_json_check(text, 64, NULL) != 0;
        (void)snprintf(line, sizeof line, "carried as sent, or refused: %s", transforms[i].file);
        tap_result(tap, is_carried(text) == valid, line, "%.*s", LLM_FMT(text));
        bool right = llm_json_int64(value, &integer) == (transforms[i].fits ? 1 : 0) &&
                     integer == (transforms[i].fits ? transforms[i].integer : 777);
        if (transforms[i].text != NULL && valid) {
            right = right && llm_json_is(value, transforms[i].text);
        }
        (void)snprintf(line, sizeof line, "read without a change: %s", transforms[i].file);
        tap_result(tap, right, line, "%.*s", LLM_FMT(value));
        free(bytes);
    }
}

// Text -> JSON -> text.
static bool comes_back(llm_str string) {
    struct llm_buf text = {.max = 1 << 20}, json = {.max = 1 << 20};
    bool same = llm_json_decode_to(string, llm_buf_sink, &text) == LLM_OK;
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &json);
    llm_json_string(&w, llm_buf_str(&text));
    same = same && w.status == LLM_OK && llm_json_check(llm_buf_str(&json), 0, NULL) &&
           llm_json_is_str(llm_buf_str(&json), llm_buf_str(&text)) &&
           llm_json_decoded_len(string) == text.len;
    llm_buf_done(&text);
    llm_buf_done(&json);
    return same;
}

static void check_strings(struct tap *tap) {
    char path[TEST_PATH_BYTES];
    size_t len = 0, n = 0, good = 0;
    char *bytes = test_data_shared(path, "conformance/strings/blns.json") ? test_data_read(path, &len) : NULL;
    if (bytes == NULL) {
        tap_skip(tap, "naughty strings", "no shared directory");
        return;
    }
    const llm_str text = {bytes, len};
    const llm_str list = llm_json_type(text) == '{' ? llm_json_get(text, "strings") : text;
    for (llm_json_iter it = llm_json_begin(list); llm_json_next(&it); n++) {
        const llm_str string = llm_json_type(it.value) == '{' ? llm_json_get(it.value, "string") : it.value;
        good += comes_back(string);
    }
    tap_result(tap, n > 100 && good == n, "naughty strings come back", "%zu of %zu", good, n);
    free(bytes);
}

int main(void) {
    struct tap tap = {0};
    check_carried(&tap);
    check_transforms(&tap);
    check_strings(&tap);
    return tap_done(&tap);
}
