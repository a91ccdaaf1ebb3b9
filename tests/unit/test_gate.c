// SPDX-License-Identifier: MIT
#include "check_main.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/gate.h"
#include "base/limits.h"
#include "fail_alloc.h"
#include "llm_json.h"

// A copy that ends where the text ends, for the sanitizer.
static llm_status judge(llm_str text, struct llm_arena *arena, struct llm_gate *ret, llm_error *err) {
    char *copy = malloc(text.len > 0 ? text.len : 1);
    ck_assert_ptr_nonnull(copy);
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    const llm_status status = llm_gate_request((llm_str){copy, text.len}, arena, ret, err);
    free(copy);
    return status;
}

static const struct {
    const char *text, *message; // message NULL: good
} rows[] = {
    {"{}", NULL},
    {" \t\r\n{ \"a\" : 1 , \"b\":[] }\n", NULL},
    {"{\"a\":{\"a\":1,\"a\":2}}", NULL}, // twice, but not on top
    {"{\"a\":1,\"A\":2}", NULL},
    {"", "request: the text ends too early at line 1, column 1 (byte 1)"},
    {" \n ", "request: the text ends too early at line 2, column 2 (byte 4)"},
    {"[]", "request: not a JSON object at line 1, column 1 (byte 1)"},
    {"\n\"x\"", "request: not a JSON object at line 2, column 1 (byte 2)"},
    {"\xef\xbb\xbf{}", "request: not a JSON object at line 1, column 1 (byte 1)"},
    {"{", "request: the text ends too early at line 1, column 2 (byte 2)"},
    {"{\"a\"", "request: the text ends too early at line 1, column 5 (byte 5)"},
    {"{\"a\":1", "request: the text ends too early at line 1, column 7 (byte 7)"},
    {"{\"a\":1,", "request: the text ends too early at line 1, column 8 (byte 8)"},
    {"{\"a\":1,}", "request: unexpected '}' at line 1, column 8 (byte 8)"},
    {"{,}", "request: unexpected ',' at line 1, column 2 (byte 2)"},
    {"{a:1}", "request: unexpected 'a' at line 1, column 2 (byte 2)"},
    {"{\"a\" 1}", "request: unexpected '1' at line 1, column 6 (byte 6)"},
    {"{\"a\":}", "request: unexpected '}' at line 1, column 6 (byte 6)"},
    {"{\"a\":01}", "request: unexpected '1' at line 1, column 7 (byte 7)"},
    {"{\"a\":1.}", "request: a digit is missing at line 1, column 8 (byte 8)"},
    {"{\"a\":NaN}", "request: unexpected 'N' at line 1, column 6 (byte 6)"},
    {"{\"a\":\f1}", "request: unexpected byte 0x0c at line 1, column 6 (byte 6)"},
    {"{\"a\":\"x\ny\"}",
     "request: a control byte in a string (it must be escaped) at line 1, column 8 (byte 8)"},
    {"{\"a\":\"\\q\"}", "request: no escape of JSON at line 1, column 8 (byte 8)"},
    {"{\"a\":\"\xff\"}", "request: no valid UTF-8 at line 1, column 7 (byte 7)"},
    {"{\"\xe2\x82\xac\":\n \"\xed\xa0\x80\"}", "request: no valid UTF-8 at line 2, column 3 (byte 11)"},
    {"{\"\xe2\x82\xac\":x}",
     "request: unexpected 'x' at line 1, column 6 (byte 8)"}, // a column is a character
    {"{} {}", "request: something behind the JSON value at line 1, column 4 (byte 4)"},
    {"{}x", "request: something behind the JSON value at line 1, column 3 (byte 3)"},
    {"{\"a\":1 \"b\":2}", "request: unexpected '\"' at line 1, column 8 (byte 8)"},
    {"{\"a\":1]", "request: unexpected ']' at line 1, column 7 (byte 7)"},
    {"{\"model\":1,\"mod\\u0065l\":2}", "request: the same name twice: model at line 1, column 12 (byte 12)"},
    {"{\"\":1,\"\":2}", "request: the same name twice at line 1, column 7 (byte 7)"},
};

START_TEST(judges) {
    struct llm_arena arena = {0};
    struct llm_gate gate = {NULL, 77};
    llm_error err = LLM_ERROR_INIT;
    const llm_status status = judge(llm_str_from(rows[_i].text), &arena, &gate, &err);
    if (rows[_i].message == NULL) {
        ck_assert_msg(status == LLM_OK, "%s: %s", rows[_i].text, err.message);
    } else {
        ck_assert_int_eq(status, LLM_E_INVALID_REQUEST);
        ck_assert_str_eq(err.message, rows[_i].message);
        ck_assert_int_eq(err.status, LLM_E_INVALID_REQUEST);
        ck_assert_uint_eq(gate.n_fields, 77); // untouched
        ck_assert_int_eq(judge(llm_str_from(rows[_i].text), &arena, &gate, NULL), LLM_E_INVALID_REQUEST);
    }
    llm_arena_done(&arena);
}
END_TEST

START_TEST(nul_is_a_byte_like_others) {
    struct llm_arena arena = {0};
    struct llm_gate gate;
    llm_error err = LLM_ERROR_INIT;
    ck_assert_int_eq(judge((llm_str){"{}\0", 3}, &arena, &gate, &err), LLM_E_INVALID_REQUEST);
    ck_assert_int_eq(judge((llm_str){"{\"a\0\":1}", 8}, &arena, &gate, &err), LLM_E_INVALID_REQUEST);
    ck_assert_int_eq(judge((llm_str){NULL, 0}, &arena, &gate, &err), LLM_E_INVALID_REQUEST);
    ck_assert_int_eq(judge(LLM_STR("{\"a\\u0000b\":1,\"a\":2}"), &arena, &gate, &err), LLM_OK);
    ck_assert_uint_eq(gate.fields[0].name.len, 3);
    llm_arena_done(&arena);
}
END_TEST

START_TEST(gives_slices_of_the_text) {
    static const char text[] = "{\"model\" : \"x\",\"n\":9007199254740993, "
                               "\"p\":1.10,\"s\":\"a\\u0000b\",\"sp\\u0061ce\": { \"b\" :1 , \"a\":2 } }";
    struct llm_arena arena = {0};
    struct llm_gate gate;
    ck_assert_int_eq(llm_gate_request(llm_str_from(text), &arena, &gate, NULL), LLM_OK);
    ck_assert_uint_eq(gate.n_fields, 5);
    ck_assert(llm_str_is(gate.fields[0].name, "model"));
    ck_assert_ptr_eq(gate.fields[0].name.ptr, text + 2);
    ck_assert(llm_str_is(llm_gate_get(&gate, "model"), "\"x\""));
    ck_assert(llm_str_is(llm_gate_get(&gate, "n"), "9007199254740993"));
    ck_assert(llm_str_is(llm_gate_get(&gate, "p"), "1.10"));
    ck_assert(llm_str_is(llm_gate_get(&gate, "s"), "\"a\\u0000b\""));
    ck_assert(llm_str_is(llm_gate_get(&gate, "space"), "{ \"b\" :1 , \"a\":2 }"));
    ck_assert_ptr_null(llm_gate_get(&gate, "Model").ptr);
    ck_assert_ptr_null(llm_gate_get(&gate, "").ptr);
    for (size_t i = 0; i < gate.n_fields; i++) {
        ck_assert(gate.fields[i].value.ptr > text && gate.fields[i].value.ptr < text + sizeof text);
    }
    llm_arena_done(&arena);
}
END_TEST

START_TEST(names_what_stands_twice) {
    struct llm_arena arena = {0};
    struct llm_gate gate;
    llm_error err = LLM_ERROR_INIT;
    ck_assert_int_eq(judge(LLM_STR("{\"a\":1}"), &arena, &gate, &err), LLM_OK);
    ck_assert_int_eq(judge(LLM_STR("{\"x\\ny\":1,\"x\\ny\":2}"), &arena, &gate, &err), LLM_E_INVALID_REQUEST);
    ck_assert_str_eq(err.param, "x y");
    ck_assert_int_eq(judge(LLM_STR("{"), &arena, &gate, &err), LLM_E_INVALID_REQUEST);
    ck_assert_str_eq(err.param, "");
    llm_arena_done(&arena);
}
END_TEST

// {"a": [[[ ... ]]]} of `levels` levels in all.
static llm_status judge_depth(size_t levels) {
    static char text[4096];
    struct llm_arena arena = {0};
    struct llm_gate gate;
    size_t len = 5;
    memcpy(text, "{\"a\":", len);
    for (size_t i = 1; i < levels; i++) {
        text[len++] = i % 2 == 0 ? '[' : '{';
        if (i % 2 != 0 && i + 1 < levels) {
            memcpy(text + len, "\"b\":", 4);
            len += 4;
        }
    }
    for (size_t i = levels; i-- > 1;) {
        text[len++] = i % 2 == 0 ? ']' : '}';
    }
    if (levels == 1) {
        text[len++] = '1';
    }
    text[len++] = '}';
    const llm_status status = judge((llm_str){text, len}, &arena, &gate, NULL);
    llm_arena_done(&arena);
    return status;
}

START_TEST(keeps_the_depth) {
    for (size_t levels = 1; levels <= LLM_MAX_JSON_DEPTH; levels++) {
        ck_assert_int_eq(judge_depth(levels), LLM_OK);
    }
    ck_assert_int_eq(judge_depth(LLM_MAX_JSON_DEPTH + 1), LLM_E_INVALID_REQUEST);
    ck_assert_int_eq(judge_depth(LLM_MAX_JSON_DEPTH + 2), LLM_E_INVALID_REQUEST);
}
END_TEST

static llm_status judge_fields(size_t n, size_t *ret_n) {
    static char text[16384];
    struct llm_arena arena = {0};
    struct llm_gate gate = {NULL, 0};
    size_t len = 1;
    text[0] = '{';
    for (size_t i = 0; i < n; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s\"f%zu\":%zu", i > 0 ? "," : "", i, i);
    }
    text[len++] = '}';
    const llm_status status = judge((llm_str){text, len}, &arena, &gate, NULL);
    *ret_n = gate.n_fields;
    llm_arena_done(&arena);
    return status;
}

START_TEST(keeps_the_number_of_fields) {
    size_t n;
    ck_assert_int_eq(judge_fields(LLM_MAX_REQUEST_FIELDS, &n), LLM_OK);
    ck_assert_uint_eq(n, LLM_MAX_REQUEST_FIELDS);
    ck_assert_int_eq(judge_fields(LLM_MAX_REQUEST_FIELDS + 1, &n), LLM_E_INVALID_REQUEST);
}
END_TEST

START_TEST(keeps_the_bytes) {
    const size_t max = LLM_MAX_REQUEST_BYTES;
    char *text = malloc(max + 1);
    struct llm_arena arena = {0};
    struct llm_gate gate;
    llm_error err = LLM_ERROR_INIT;
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', max + 1);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + max - 2, "\"} ", 3);
    ck_assert_int_eq(llm_gate_request((llm_str){text, max}, &arena, &gate, &err), LLM_OK);
    ck_assert_int_eq(llm_gate_request((llm_str){text, max + 1}, &arena, &gate, &err), LLM_E_TOO_LARGE);
    ck_assert_str_eq(err.message, "request: 268435457 bytes, at most 268435456 are taken");
    llm_arena_done(&arena);
    free(text);
}
END_TEST

START_TEST(survives_every_failing_allocation) {
    static const llm_str text = LLM_STR_INIT("{\"a\\u0041\":1,\"b\\u0041\":2,\"c\":3}");
    for (size_t n = 0;; n++) {
        struct llm_arena arena = {0};
        struct llm_gate gate = {NULL, 77};
        llm_error err = LLM_ERROR_INIT;
        fail_alloc_after(n);
        const llm_status status = llm_gate_request(text, &arena, &gate, &err);
        const bool failed = fail_alloc_off();
        llm_arena_done(&arena);
        if (!failed) {
            ck_assert_int_eq(status, LLM_OK);
            ck_assert_uint_gt(n, 0);
            break;
        }
        ck_assert_int_eq(status, LLM_E_NOMEM);
        ck_assert_uint_eq(gate.n_fields, 77);
    }
    // An arena's limit is the same to it.
    for (size_t limit = 1; limit < 120; limit++) {
        struct llm_arena arena = {.limit = limit};
        struct llm_gate gate = {NULL, 77};
        const llm_status status = llm_gate_request(text, &arena, &gate, NULL);
        ck_assert(status == LLM_E_NOMEM || (status == LLM_OK && limit >= 3 * sizeof(llm_header)));
        llm_arena_done(&arena);
    }
}
END_TEST

START_TEST(allocates_only_the_list) {
    struct llm_arena arena = {0};
    struct llm_gate gate;
    (void)llm_gate_request(LLM_STR("{\"a\":1,\"b\":2}"), &arena, &gate, NULL);
    ck_assert_uint_eq(arena.used, 2 * sizeof(llm_header));
    llm_arena_done(&arena);
}
END_TEST

START_TEST(finds_places) {
    const llm_str text = LLM_STR("ab\n\xc3\xa4z\r\n\n");
    static const struct {
        size_t offset, line, column;
    } want[] = {{0, 1, 1}, {1, 1, 2}, {2, 1, 3}, {3, 2, 1}, {5, 2, 2}, {6, 2, 3}, {8, 3, 1}, {9, 4, 1}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const struct llm_gate_place place = llm_gate_place(text, want[i].offset);
        ck_assert_uint_eq(place.line, want[i].line);
        ck_assert_uint_eq(place.column, want[i].column);
        ck_assert_uint_eq(place.byte, want[i].offset + 1);
    }
}
END_TEST

START_TEST(words_fit) {
    for (int bad = LLM_JSON_VALID; bad <= LLM_JSON_BAD_TAIL; bad++) {
        char words[LLM_GATE_WORDS_BYTES];
        llm_gate_words(LLM_STR("x"), bad, 5, words);
        ck_assert_str_eq(words, llm_json_bad_text(bad)); // not cut
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gate");
    TCase *tcase = tcase_create("gate");
    tcase_add_loop_test(tcase, judges, 0, CHECK_ROWS(rows));
    tcase_add_test(tcase, nul_is_a_byte_like_others);
    tcase_add_test(tcase, gives_slices_of_the_text);
    tcase_add_test(tcase, names_what_stands_twice);
    tcase_add_test(tcase, keeps_the_depth);
    tcase_add_test(tcase, keeps_the_number_of_fields);
    tcase_add_test(tcase, keeps_the_bytes);
    tcase_add_test(tcase, survives_every_failing_allocation);
    tcase_add_test(tcase, allocates_only_the_list);
    tcase_add_test(tcase, finds_places);
    tcase_add_test(tcase, words_fit);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
