// SPDX-License-Identifier: MIT
#include "check_main.h"

#include <stdint.h>

#include "base/buf.h"
#include "llm_json.h"

static const llm_str absent = {NULL, 0};

// ---- strings ----

static const struct {
    const char *json, *text;
    size_t len;
} strings[] = {
    {"\"\"", "", 0},
    {"\"abc\"", "abc", 3},
    {"\"a\\\"b\\\\c\\/d\"", "a\"b\\c/d", 7},
    {"\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t", 5},
    {"\"a\\u0000b\"", "a\0b", 3},
    {"\"\\u00e9\\u20AC\"", "\xc3\xa9\xe2\x82\xac", 5},
    {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4},
    {"\"\\uDBFF\\uDFFF\"", "\xf4\x8f\xbf\xbf", 4},
    {"\"\\ud83d\"", "\xef\xbf\xbd", 3},
    {"\"\\ud83dx\"", "\xef\xbf\xbdx", 4},
    {"\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd", 6},
    {"\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7},
    {"\"\\ud83d\\n\"", "\xef\xbf\xbd\n", 4},
    {"\"\xe2\x82\xac\"", "\xe2\x82\xac", 3},
};

START_TEST(decodes) {
    const llm_str json = llm_str_from(strings[_i].json), text = {strings[_i].text, strings[_i].len};
    char buf[64];
    struct llm_buf sink = {.max = 1000};
    ck_assert_uint_eq(llm_json_decode(json, buf, sizeof buf), text.len);
    ck_assert_mem_eq(buf, text.ptr, text.len);
    ck_assert_uint_eq(llm_json_decoded_len(json), text.len);
    ck_assert(llm_json_is_str(json, text));
    ck_assert(!llm_json_is_str(json, LLM_STR("something else")));
    ck_assert_int_eq(llm_json_decode_to(json, llm_buf_sink, &sink), LLM_OK);
    ck_assert(llm_str_eq(llm_buf_str(&sink), text));
    llm_buf_done(&sink);
    const llm_str plain = llm_json_plain(json);
    if (strchr(strings[_i].json, '\\') == NULL) {
        ck_assert(llm_str_eq(plain, text) && plain.ptr == json.ptr + 1);
    } else {
        ck_assert_ptr_null(plain.ptr);
    }
    for (size_t cap = 0; cap <= text.len; cap++) { // cut, but never inside a character
        const size_t n = llm_json_decode(json, buf, cap);
        ck_assert_uint_le(n, cap);
        ck_assert(n + 3 >= cap && llm_str_utf8((llm_str){buf, n}));
        ck_assert(memcmp(buf, text.ptr, n) == 0);
    }
}
END_TEST

START_TEST(decodes_only_strings) {
    static const char *const others[] = {"null", "1", "{}", "[\"a\"]", "\"a", "\"", ""};
    char buf[4];
    struct llm_buf sink = {.max = 1000};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const llm_str v = llm_str_from(others[i]);
        ck_assert_uint_eq(llm_json_decode(v, buf, sizeof buf), SIZE_MAX);
        ck_assert_uint_eq(llm_json_decoded_len(v), 0);
        ck_assert_ptr_null(llm_json_plain(v).ptr);
        ck_assert(!llm_json_is(v, others[i]));
        ck_assert_int_eq(llm_json_decode_to(v, llm_buf_sink, &sink), LLM_E_PROTOCOL);
    }
    ck_assert_uint_eq(llm_json_decode(absent, buf, sizeof buf), SIZE_MAX);
    ck_assert(!llm_json_is(absent, ""));
    ck_assert(!llm_json_is(LLM_STR("\"\""), NULL));
    llm_buf_done(&sink);
}
END_TEST

struct pieces {
    struct llm_buf all;
    size_t n;
    bool utf8;
    llm_status status;
};

static llm_status LLM_CALL on_text(void *ctx, uint32_t choice, uint32_t channel, const char *p, size_t n) {
    struct pieces *pieces = ctx;
    pieces->n++;
    pieces->utf8 = llm_str_utf8((llm_str){p, n}) && n > 0;
    ck_assert_uint_eq(choice, 3);
    ck_assert_uint_eq(channel, LLM_TEXT_REASONING);
    ck_assert_int_eq(llm_buf_put(&pieces->all, p, n), LLM_OK);
    return pieces->status;
}

START_TEST(hands_text_out) {
    struct pieces pieces = {.all = {.max = 100000}};
    const llm_out out = {.size = sizeof out, .ctx = &pieces, .text = on_text};
    ck_assert_int_eq(llm_json_text(absent, &out, 3, LLM_TEXT_REASONING), LLM_OK);
    ck_assert_int_eq(llm_json_text(LLM_STR("null"), &out, 3, LLM_TEXT_REASONING), LLM_OK);
    ck_assert_int_eq(llm_json_text(LLM_STR("\"\""), &out, 3, LLM_TEXT_REASONING), LLM_OK);
    ck_assert_uint_eq(pieces.n, 0);
    ck_assert_int_eq(llm_json_text(LLM_STR("12"), &out, 3, LLM_TEXT_REASONING), LLM_E_PROTOCOL);
    ck_assert_int_eq(llm_json_text(LLM_STR("\"a\\nb \\ud83d\\ude00 c\""), &out, 3, LLM_TEXT_REASONING),
                     LLM_OK);
    ck_assert_uint_eq(pieces.n, 1); // short texts come in one piece, escapes or not
    ck_assert(llm_str_is(llm_buf_str(&pieces.all), "a\nb \xf0\x9f\x98\x80 c"));

    struct llm_buf json = {.max = 100000};
    ck_assert_int_eq(llm_buf_puts(&json, "\""), LLM_OK);
    for (int i = 0; i < 3000; i++) {
        ck_assert_int_eq(llm_buf_puts(&json, i % 3 == 0 ? "\\n" : "\xe2\x82\xac"), LLM_OK);
    }
    ck_assert_int_eq(llm_buf_puts(&json, "\""), LLM_OK);
    pieces.n = pieces.all.len = 0;
    ck_assert_int_eq(llm_json_text(llm_buf_str(&json), &out, 3, LLM_TEXT_REASONING), LLM_OK);
    ck_assert_uint_eq(pieces.all.len, 1000 + 2000 * 3);
    ck_assert_uint_lt(pieces.n, 10);
    ck_assert(pieces.utf8);
    pieces.status = LLM_E_CANCELLED;
    pieces.n = 0;
    ck_assert_int_eq(llm_json_text(llm_buf_str(&json), &out, 3, LLM_TEXT_REASONING), LLM_E_CANCELLED);
    ck_assert_uint_eq(pieces.n, 1);
    llm_buf_done(&json);
    llm_buf_done(&pieces.all);
}
END_TEST

// ---- writing ----

START_TEST(writes) {
    struct llm_buf buf = {.max = 10000};
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &buf);
    llm_json_object(&w);
    llm_json_name(&w, "a");
    llm_json_array(&w);
    llm_json_integer(&w, INT64_MIN);
    llm_json_integer(&w, INT64_MAX);
    llm_json_integer(&w, 0);
    llm_json_array(&w);
    llm_json_array_end(&w);
    llm_json_object(&w);
    llm_json_object_end(&w);
    llm_json_boolean(&w, 1);
    llm_json_boolean(&w, 0);
    llm_json_null(&w);
    llm_json_array_end(&w);
    llm_json_name(&w, "q\"\n");
    llm_json_raw(&w, LLM_STR("{ \"x\": 1.10 }"));
    llm_json_name_str(&w, (llm_str){"n\0", 2});
    llm_json_raw(&w, absent);
    llm_json_name_raw(&w, LLM_STR("\"\\u0041\""));
    llm_json_string(&w, absent);
    llm_json_name(&w, "s");
    llm_json_cstring(&w, "text");
    llm_json_name(&w, "c");
    llm_json_cstring(&w, NULL);
    llm_json_name(&w, "p");
    llm_json_string_begin(&w);
    llm_json_string_piece(&w, "data:", 5, 0);
    llm_json_string_piece(&w, "AA==", 4, 1);
    llm_json_string_piece(&w, "\n", 1, 0);
    llm_json_string_end(&w);
    llm_json_name_raw(&w, LLM_STR("\"z\""));
    llm_json_object(&w);
    llm_json_object_end(&w);
    llm_json_object_end(&w);
    ck_assert_int_eq(w.status, LLM_OK);
    ck_assert_str_eq(
        buf.ptr,
        "{\"a\":[-9223372036854775808,9223372036854775807,0,[],{},true,false,null],\"q\\\"\\n\":{ \"x\": "
        "1.10 },"
        "\"n\\u0000\":null,\"\\u0041\":null,\"s\":\"text\",\"c\":null,\"p\":\"data:AA==\\n\",\"z\":{}}");
    ck_assert(llm_json_check(llm_buf_str(&buf), 3, NULL));
    llm_buf_done(&buf);
}
END_TEST

static const struct {
    const char *text, *want;
    size_t len; // of text when it holds a NUL
} escaped[] = {
    {"", "\"\"", 0},
    {"plain", "\"plain\"", 0},
    {"\"\\/", "\"\\\"\\\\/\"", 0},
    {"\b\f\n\r\t\x1f\x01", "\"\\b\\f\\n\\r\\t\\u001f\\u0001\"", 0},
    {"a\0b", "\"a\\u0000b\"", 3},
    {"\x7f", "\"\x7f\"", 0},
    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", 0},
    {"a\xff"
     "b",
     "\"a\xef\xbf\xbd"
     "b\"",
     0},
    {"\xe2\x82", "\"\xef\xbf\xbd\"", 0},
    {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 0},
    {"0123456789abcdef\"0123456789abcdef", "\"0123456789abcdef\\\"0123456789abcdef\"", 0},
};

START_TEST(escapes) {
    struct llm_buf buf = {.max = 10000};
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &buf);
    const llm_str text = {escaped[_i].text,
                          escaped[_i].len != 0 ? escaped[_i].len : strlen(escaped[_i].text)};
    llm_json_string(&w, text);
    ck_assert_int_eq(w.status, LLM_OK);
    ck_assert_str_eq(buf.ptr, escaped[_i].want);
    ck_assert(llm_json_check(llm_buf_str(&buf), 0, NULL));
    if (llm_str_utf8(text)) {
        ck_assert(llm_json_is_str(llm_buf_str(&buf), text)); // there and back
    }
    llm_buf_done(&buf);
}
END_TEST

START_TEST(writes_long_strings) {
    static char text[5000];
    struct llm_buf buf = {.max = 100000};
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)(i % 2000 < 1500 ? 'a' + i % 26 : i % 128); // long runs, and many escapes
    }
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &buf);
    llm_json_string(&w, (llm_str){text, sizeof text});
    ck_assert_int_eq(w.status, LLM_OK);
    ck_assert(llm_json_is_str(llm_buf_str(&buf), (llm_str){text, sizeof text}));
    llm_buf_done(&buf);
}
END_TEST

START_TEST(keeps_63_levels) {
    struct llm_buf buf = {.max = 10000};
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &buf);
    for (int i = 0; i < 63; i++) {
        llm_json_array(&w);
        llm_json_integer(&w, i);
    }
    for (int i = 0; i < 63; i++) {
        llm_json_array_end(&w);
    }
    ck_assert_int_eq(w.status, LLM_OK);
    ck_assert(llm_json_check(llm_buf_str(&buf), 63, NULL));
    ck_assert_mem_eq(buf.ptr, "[0,[1,[2,", 9);
    w = llm_json_writer_to(llm_buf_sink, &buf);
    for (int i = 0; i < 64; i++) {
        llm_json_object(&w);
    }
    ck_assert_int_eq(w.status, LLM_E_LIMIT);
    w = llm_json_writer_to(llm_buf_sink, &buf);
    llm_json_array_end(&w);
    ck_assert_int_eq(w.status, LLM_E_INTERNAL);
    llm_buf_done(&buf);
}
END_TEST

static llm_status LLM_CALL refuse(void *ctx, const void *p, size_t n) {
    (void)p;
    (void)n;
    return ++*(int *)ctx == 2 ? LLM_E_CANCELLED : LLM_OK;
}

START_TEST(stops_at_the_first_failure) {
    int calls = 0;
    llm_json_writer w = llm_json_writer_to(refuse, &calls);
    llm_json_array(&w);
    llm_json_cstring(&w, "x");
    llm_json_cstring(&w, "y");
    llm_json_raw(&w, LLM_STR("1"));
    llm_json_string_begin(&w);
    llm_json_string_piece(&w, "z", 1, 0);
    llm_json_string_end(&w);
    llm_json_array_end(&w);
    ck_assert_int_eq(w.status, LLM_E_CANCELLED);
    ck_assert_int_eq(calls, 2);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("json_text");
    TCase *tcase = tcase_create("json_text");
    tcase_add_loop_test(tcase, decodes, 0, CHECK_ROWS(strings));
    tcase_add_test(tcase, decodes_only_strings);
    tcase_add_test(tcase, hands_text_out);
    tcase_add_test(tcase, writes);
    tcase_add_loop_test(tcase, escapes, 0, CHECK_ROWS(escaped));
    tcase_add_test(tcase, writes_long_strings);
    tcase_add_test(tcase, keeps_63_levels);
    tcase_add_test(tcase, stops_at_the_first_failure);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
