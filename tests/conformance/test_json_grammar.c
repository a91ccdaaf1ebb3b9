// SPDX-License-Identifier: MIT
// The judge and the gate over texts that must pass (y), must not (n), or may do either (i).
#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/gate.h"
#include "base/limits.h"
#include "llm_json.h"
#include "tap.h"
#include "test_data.h"

#define SUITE "conformance/json/JSONTestSuite/test_parsing"

// Of the texts that may do either, those that are refused: they are not UTF-8.  RFC 8259 section 8.1.
static const char *const refused[] = {
    "i_string_UTF-16LE_with_BOM",
    "i_string_UTF-8_invalid_sequence",
    "i_string_invalid_utf-8",
    "i_string_iso_latin_1",
    "i_string_lone_utf8_continuation_byte",
    "i_string_not_in_unicode_range",
    "i_string_overlong_sequence_2_bytes",
    "i_string_overlong_sequence_6_bytes",
    "i_string_overlong_sequence_6_bytes_null",
    "i_string_truncated-utf-8",
    "i_string_utf16BE_no_BOM",
    "i_string_utf16LE_no_BOM",
    "i_structure_UTF-8_BOM_empty_object",
};

static bool is_wanted(llm_str name) {
    if (name.ptr[0] == 'i') {
        for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
            if (llm_str_is(name, refused[i])) {
                return false;
            }
        }
    }
    return name.ptr[0] != 'n';
}

static bool passes_gate(llm_str object) {
    struct llm_arena arena = {0};
    struct llm_gate gate;
    llm_error err = LLM_ERROR_INIT;
    const llm_status status = llm_gate_request(object, &arena, &gate, &err);
    llm_arena_done(&arena);
    return status == LLM_OK;
}

// {"x": text}, which the gate judges by the same grammar.
static bool passes_gate_as_member(llm_str text) {
    char *object = malloc(text.len + 6);
    if (object == NULL) {
        return false;
    }
    memcpy(object, "{\"x\":", 5);
    memcpy(object + 5, text.ptr, text.len);
    object[text.len + 5] = '}';
    const bool passes = passes_gate((llm_str){object, text.len + 6});
    free(object);
    return passes;
}

// Whatever the text is, the reader stays inside it and ends.
static void read_all(llm_str text) {
    static const char *const names[] = {"a", "b"};
    llm_str values[2];
    char buf[16];
    double number;
    llm_json_pick(text, names, values, 2);
    for (llm_json_iter it = llm_json_begin(text); llm_json_next(&it);) {
        (void)llm_json_decode(it.value, buf, sizeof buf);
        (void)llm_json_decoded_len(it.value);
        (void)llm_json_double(it.value, &number);
        (void)llm_json_count(it.value);
    }
    (void)llm_json_value(text);
}

static void check(struct tap *tap, llm_str name, llm_str text) {
    static uint64_t levels[100000 / 64 + 1];
    char line[256];
    size_t at = 0;
    const bool want = is_wanted(name);
    const int bad = llm_json_judge(text, 100000, levels, &at);
    (void)snprintf(line, sizeof line, "grammar: %.*s", LLM_FMT(name));
    tap_result(tap, (bad == LLM_JSON_VALID) == want && at <= text.len, line, "%s at byte %zu",
               llm_json_bad_text(bad), at);

    const bool shallow = llm_json_check(text, LLM_MAX_JSON_DEPTH - 1, NULL) != 0;
    (void)snprintf(line, sizeof line, "gate: %.*s", LLM_FMT(name));
    tap_result(tap, passes_gate_as_member(text) == shallow && (want || !passes_gate(text)), line,
               "the gate and the judge do not agree");
    read_all(text);
}

static int is_json(const struct dirent *entry) {
    return strstr(entry->d_name, ".json") != NULL;
}

static void check_suite(struct tap *tap) {
    char dir[TEST_PATH_BYTES], path[2 * TEST_PATH_BYTES];
    struct dirent **entries = NULL;
    const int count = test_data_shared(dir, SUITE) ? scandir(dir, &entries, is_json, alphasort) : -1;
    if (count <= 0) {
        tap_skip(tap, "JSONTestSuite", "no shared directory");
        return;
    }
    for (int i = 0; i < count; i++) {
        size_t len = 0;
        (void)snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
        char *bytes = test_data_read(path, &len);
        const llm_str name = {entries[i]->d_name, strlen(entries[i]->d_name) - 5};
        if (bytes != NULL) {
            check(tap, name, (llm_str){bytes, len});
        } else {
            tap_result(tap, 0, entries[i]->d_name, "cannot be read");
        }
        free(bytes);
        free(entries[i]);
    }
    free(entries);
}

static int hex(char c) {
    const char *digits = "0123456789ABCDEF", *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

// %XX is a byte.  A block of just the size, to be freed.
static char *unquote(llm_str text, size_t *ret_len) {
    char *bytes = malloc(text.len > 0 ? text.len : 1);
    size_t len = 0;
    for (size_t i = 0; bytes != NULL && i < text.len; i++) {
        if (text.ptr[i] == '%' && i + 2 < text.len && hex(text.ptr[i + 1]) >= 0 &&
            hex(text.ptr[i + 2]) >= 0) {
            bytes[len++] = (char)(hex(text.ptr[i + 1]) * 16 + hex(text.ptr[i + 2]));
            i += 2;
        } else {
            bytes[len++] = text.ptr[i];
        }
    }
    char *fitting = bytes != NULL ? realloc(bytes, len > 0 ? len : 1) : NULL;
    *ret_len = len;
    return fitting != NULL ? fitting : bytes;
}

// Lines of "name TAB text", the name begins as in the suite; # begins a comment.
static void check_own(struct tap *tap) {
    char path[TEST_PATH_BYTES];
    size_t len = 0;
    test_data_source(path, "tests/conformance/vectors/json.tsv");
    char *bytes = test_data_read(path, &len);
    tap_result(tap, bytes != NULL, "json.tsv is there", "%s", path);
    const char *p = bytes;
    while (bytes != NULL && p < bytes + len) {
        const char *end = memchr(p, '\n', (size_t)(bytes + len - p));
        end = end != NULL ? end : bytes + len;
        const char *tab = memchr(p, '\t', (size_t)(end - p));
        if (*p != '#' && tab != NULL) {
            size_t text_len;
            char *text = unquote((llm_str){tab + 1, (size_t)(end - tab - 1)}, &text_len);
            check(tap, (llm_str){p, (size_t)(tab - p)}, (llm_str){text, text_len});
            free(text);
        }
        p = end + 1;
    }
    free(bytes);
}

int main(void) {
    struct tap tap = {0};
    check_own(&tap);
    check_suite(&tap);
    return tap_done(&tap);
}
