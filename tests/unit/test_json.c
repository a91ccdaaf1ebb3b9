// SPDX-License-Identifier: MIT
#include "check_main.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "llm_json.h"

static const llm_str absent = {NULL, 0};

static void ck_str(llm_str got, const char *want) {
    if (want == NULL) {
        ck_assert_msg(got.ptr == NULL, "<%.*s>, none wanted", LLM_FMT(got));
    } else {
        ck_assert_msg(got.ptr != NULL && llm_str_is(got, want), "<%.*s>, wanted <%s>", LLM_FMT(got), want);
    }
}

// ---- judging ----

static const struct {
    const char *text;
    int bad;
    size_t at;
} judged[] = {
    {"null", LLM_JSON_VALID, 4},
    {" \t\r\n true \n", LLM_JSON_VALID, 11},
    {"-0", LLM_JSON_VALID, 2},
    {"0.0e-00", LLM_JSON_VALID, 7},
    {"1E+2", LLM_JSON_VALID, 4},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fF\"", LLM_JSON_VALID, 24},
    {"\"\x7f\"", LLM_JSON_VALID, 3}, // DEL is no control byte to JSON
    {"\"\\ud800\"", LLM_JSON_VALID, 8},
    {"\"\xf4\x8f\xbf\xbf\"", LLM_JSON_VALID, 6},
    {"[]", LLM_JSON_VALID, 2},
    {"{\"a\":[{},[],\"\",{\"b\":null}]}", LLM_JSON_VALID, 27},
    {"{\"a\":1,\"a\":1}", LLM_JSON_VALID, 13},
    {"\"0123456789abcdef0123456789abcdef\"", LLM_JSON_VALID, 34},
    {"", LLM_JSON_BAD_END, 0},
    {"  ", LLM_JSON_BAD_END, 2},
    {"[", LLM_JSON_BAD_END, 1},
    {"[1", LLM_JSON_BAD_END, 2},
    {"[1,", LLM_JSON_BAD_END, 3},
    {"{\"a\"", LLM_JSON_BAD_END, 4},
    {"{\"a\":", LLM_JSON_BAD_END, 5},
    {"\"abc", LLM_JSON_BAD_END, 4},
    {"\"abc\\", LLM_JSON_BAD_END, 5},
    {"\"\\u12", LLM_JSON_BAD_END, 5},
    {"tru", LLM_JSON_BAD_END, 3},
    {"-", LLM_JSON_BAD_END, 1},
    {"1.", LLM_JSON_BAD_END, 2},
    {"1e", LLM_JSON_BAD_END, 2},
    {"1e+", LLM_JSON_BAD_END, 3},
    {"[1,]", LLM_JSON_BAD_SYNTAX, 3},
    {"[,1]", LLM_JSON_BAD_SYNTAX, 1},
    {"[1 2]", LLM_JSON_BAD_SYNTAX, 3},
    {"[1}", LLM_JSON_BAD_SYNTAX, 2},
    {"{]", LLM_JSON_BAD_SYNTAX, 1},
    {"{\"a\":1]", LLM_JSON_BAD_SYNTAX, 6},
    {"{\"a\",1}", LLM_JSON_BAD_SYNTAX, 4},
    {"{\"a\"::1}", LLM_JSON_BAD_SYNTAX, 5},
    {"{1:1}", LLM_JSON_BAD_SYNTAX, 1},
    {"{\"a\":1,}", LLM_JSON_BAD_SYNTAX, 7},
    {"[{}]]", LLM_JSON_BAD_TAIL, 4},
    {"[01]", LLM_JSON_BAD_SYNTAX, 2},
    {"+1", LLM_JSON_BAD_SYNTAX, 0},
    {".5", LLM_JSON_BAD_SYNTAX, 0},
    {"trUe", LLM_JSON_BAD_SYNTAX, 2},
    {"nulll", LLM_JSON_BAD_TAIL, 4},
    {"'a'", LLM_JSON_BAD_SYNTAX, 0},
    {"[1]//", LLM_JSON_BAD_TAIL, 3},
    {"[\v1]", LLM_JSON_BAD_SYNTAX, 1},
    {"\xef\xbb\xbf[]", LLM_JSON_BAD_SYNTAX, 0},
    {"\"a\tb\"", LLM_JSON_BAD_BYTE, 2},
    {"\"0123456789abcde\x1f\"", LLM_JSON_BAD_BYTE, 16},
    {"\"\\x\"", LLM_JSON_BAD_ESCAPE, 2},
    {"\"\\u00g0\"", LLM_JSON_BAD_ESCAPE, 5},
    {"\"\\U0000\"", LLM_JSON_BAD_ESCAPE, 2},
    {"\"\x80\"", LLM_JSON_BAD_UTF8, 1},
    {"\"ab\xc0\xaf\"", LLM_JSON_BAD_UTF8, 3},
    {"\"\xed\xa0\x80\"", LLM_JSON_BAD_UTF8, 1},
    {"\"\xe2\x82\xac\xe2\x82\"", LLM_JSON_BAD_UTF8, 4},
    {"\"\xf4\x90\x80\x80\"", LLM_JSON_BAD_UTF8, 1},
    {"-a", LLM_JSON_BAD_NUMBER, 1},
    {"[1.]", LLM_JSON_BAD_NUMBER, 3},
    {"[1.e2]", LLM_JSON_BAD_NUMBER, 3},
    {"[1e]", LLM_JSON_BAD_NUMBER, 3},
    {"[1e+-2]", LLM_JSON_BAD_NUMBER, 4},
};

START_TEST(judges) {
    const llm_str text = llm_str_from(judged[_i].text);
    uint64_t levels[1];
    size_t at = 9999;
    char *copy = malloc(text.len > 0 ? text.len : 1); // ends where the text ends, for the sanitizer
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text.ptr, text.len);
    const int bad = llm_json_judge((llm_str){copy, text.len}, 64, levels, &at);
    free(copy);
    ck_assert_msg(bad == judged[_i].bad && at == judged[_i].at, "%s: %d at %zu", judged[_i].text, bad, at);
    at = 9999;
    ck_assert(llm_json_check(text, 64, &at) == (bad == 0));
    ck_assert_uint_eq(at, bad == 0 ? 9999 : judged[_i].at);
    ck_assert(llm_json_check(text, 64, NULL) == (bad == 0));
    ck_assert_uint_gt(strlen(llm_json_bad_text(bad)), 0);
}
END_TEST

START_TEST(judges_nul_and_absent) {
    ck_assert(!llm_json_check((llm_str){"1\0", 2}, 1, NULL));
    ck_assert(!llm_json_check((llm_str){"\"\0\"", 3}, 1, NULL));
    ck_assert(!llm_json_check(absent, 1, NULL));
}
END_TEST

START_TEST(judges_one_value_of_more) {
    uint64_t levels[1];
    size_t at;
    ck_assert_int_eq(llm_json_judge_value(LLM_STR(" {\"a\":1} x"), 64, levels, &at), LLM_JSON_VALID);
    ck_assert_uint_eq(at, 8);
    ck_assert_int_eq(llm_json_judge_value(LLM_STR("12,"), 0, levels, &at), LLM_JSON_VALID);
    ck_assert_uint_eq(at, 2);
}
END_TEST

static size_t nest(char *text, size_t levels) {
    for (size_t i = 0; i < levels; i++) {
        text[i] = '[';
        text[2 * levels - 1 - i] = ']';
    }
    return 2 * levels;
}

START_TEST(counts_levels) {
    enum { DEEP = 100000 };
    static char text[2 * DEEP];
    static uint64_t levels[(DEEP + 63) / 64];
    static const unsigned depths[] = {1, 2, 63, 64, 65, 512, LLM_JSON_DEPTH_MAX};
    size_t at;
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        const size_t len = nest(text, depths[i]);
        ck_assert(llm_json_check((llm_str){text, len}, depths[i], NULL));
        ck_assert(!llm_json_check((llm_str){text, len}, depths[i] - 1, &at));
        ck_assert_uint_eq(at, depths[i] - 1);
    }
    const llm_str past = {text, nest(text, LLM_JSON_DEPTH_MAX + 1)};
    ck_assert(!llm_json_check(past, 100000, NULL)); // counts as LLM_JSON_DEPTH_MAX
    const llm_str deep = {text, nest(text, DEEP)};
    ck_assert_int_eq(llm_json_judge(deep, DEEP, levels, NULL), LLM_JSON_VALID);
    ck_assert_int_eq(llm_json_judge(deep, DEEP - 1, levels, NULL), LLM_JSON_BAD_DEPTH);
    ck_assert(llm_str_eq(llm_json_value(deep), deep)); // the reader knows no depth at all
    ck_assert_uint_eq(llm_json_count(deep), 1);
}
END_TEST

// ---- reading ----

static const char doc[] =
    " { \"id\" : \"x1\", \"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\\n\"}},{\"index\":1}],"
    "\"n\": -12.50 ,\"t\":true,\"f\":false,\"z\":null,\"e\":[],\"o\":{},\"\":7,\"a/b\":1,\"m~n\":2,"
    "\"k\\u00e9y\":3,\"twice\":1,\"twice\":2,\"q\\\"\":4} ";

START_TEST(knows_types) {
    static const struct {
        const char *text;
        char type;
    } types[] = {{"{}", '{'}, {" [1]", '['}, {"\"\"", '"'}, {"null", 'n'}, {"true", 't'}, {"\nfalse", 'f'},
                 {"0", '0'},  {"-1", '0'},   {"", 0},       {" ", 0},      {"x", 0},      {"}", 0}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        ck_assert_msg(llm_json_type(llm_str_from(types[i].text)) == types[i].type, "%s", types[i].text);
    }
    ck_assert_int_eq(llm_json_type(absent), 0);
}
END_TEST

START_TEST(cuts_values) {
    static const struct {
        const char *text, *want;
    } values[] = {
        {" 12 ", "12"},
        {"1,2", "1"},
        {"-1.5e+3]", "-1.5e+3"},
        {"true}", "true"},
        {"\"a\\\"b\" c", "\"a\\\"b\""},
        {"{\"}\":\"]\"} x", "{\"}\":\"]\"}"},
        {"[[1],[{}]]]", "[[1],[{}]]"},
        {"", NULL},
        {" ", NULL},
        {"]", NULL},
        {"[1", NULL},
        {"\"a", NULL},
        {"\"a\\", NULL},
        {"{\"a\":\"b}", NULL},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        ck_str(llm_json_value(llm_str_from(values[i].text)), values[i].want);
    }
    ck_str(llm_json_value(absent), NULL);
}
END_TEST

START_TEST(gets_members_and_elements) {
    const llm_str d = llm_str_from(doc);
    ck_str(llm_json_get(d, "id"), "\"x1\"");
    ck_str(llm_json_get(d, "n"), "-12.50");
    ck_str(llm_json_get(d, "z"), "null");
    ck_str(llm_json_get(d, ""), "7");
    ck_str(llm_json_get(d, "k\xc3\xa9y"), "3");
    ck_str(llm_json_get(d, "q\""), "4");
    ck_str(llm_json_get(d, "twice"), "2");
    ck_str(llm_json_get(d, "ID"), NULL);
    ck_str(llm_json_get(d, "i"), NULL);
    ck_str(llm_json_get(d, "idx"), NULL);
    ck_str(llm_json_get(d, "k\\u00e9y"), NULL);
    ck_str(llm_json_get(absent, "id"), NULL);
    ck_str(llm_json_get(LLM_STR("[1]"), "id"), NULL);
    ck_str(llm_json_get(llm_json_get(llm_json_at(llm_json_get(d, "choices"), 0), "delta"), "content"),
           "\"Hi\\n\"");
    ck_str(llm_json_at(llm_json_get(d, "choices"), 1), "{\"index\":1}");
    ck_str(llm_json_at(llm_json_get(d, "choices"), 2), NULL);
    ck_str(llm_json_at(llm_json_get(d, "e"), 0), NULL);
    ck_str(llm_json_at(d, 0), NULL); // an object has no elements
    ck_str(llm_json_at(absent, 0), NULL);
}
END_TEST

START_TEST(points) {
    static const struct {
        const char *pointer, *want;
    } pointers[] = {
        {"/choices/0/delta/content", "\"Hi\\n\""},
        {"/choices/1/index", "1"},
        {"/choices/01", NULL},
        {"/choices/-", NULL},
        {"/choices/2", NULL},
        {"/choices/", NULL},
        {"/choices/9999999999", NULL},
        {"/", "7"},
        {"/a~1b", "1"},
        {"/m~0n", "2"},
        {"/a/b", NULL},
        {"/k\xc3\xa9y", "3"},
        {"/id/0", NULL},
        {"id", NULL},
        {"/twice", "2"},
        {"/o/", NULL},
        {"/id~", NULL},
    };
    const llm_str d = llm_str_from(doc);
    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++) {
        ck_str(llm_json_pointer(d, llm_str_from(pointers[i].pointer)), pointers[i].want);
    }
    ck_assert(llm_str_eq(llm_json_pointer(d, LLM_STR("")), llm_json_value(d)));
    ck_assert(llm_str_eq(llm_json_pointer(d, absent), llm_json_value(d)));
    ck_str(llm_json_pointer(absent, LLM_STR("/a")), NULL);
}
END_TEST

START_TEST(picks_in_one_pass) {
    static const char *const names[] = {"z", "id", "none", "twice", "", "k\xc3\xa9y"};
    llm_str values[6];
    llm_json_pick(llm_str_from(doc), names, values, 6);
    ck_str(values[0], "null");
    ck_str(values[1], "\"x1\"");
    ck_str(values[2], NULL);
    ck_str(values[3], "2");
    ck_str(values[4], "7");
    ck_str(values[5], "3");
    llm_json_pick(absent, names, values, 6);
    ck_str(values[1], NULL);
    llm_json_pick(LLM_STR("[1]"), names, values, 6);
    ck_str(values[1], NULL);
}
END_TEST

START_TEST(walks) {
    llm_json_iter it = llm_json_begin(LLM_STR("{\"a\":1, \"b\" : [2] ,\"c\":{}}"));
    ck_assert(llm_json_next(&it));
    ck_str(it.name, "\"a\"");
    ck_str(it.value, "1");
    ck_assert(llm_json_next(&it));
    ck_assert(llm_json_is(it.name, "b"));
    ck_str(it.value, "[2]");
    ck_assert(llm_json_next(&it));
    ck_assert(!llm_json_next(&it));
    ck_assert(!llm_json_next(&it));
    it = llm_json_begin(LLM_STR("[1,[2,3],\"x\"]"));
    ck_assert(llm_json_next(&it));
    ck_str(it.name, NULL);
    ck_assert_uint_eq(llm_json_count(LLM_STR("[1,[2,3],\"x\"]")), 3);
    ck_assert_uint_eq(llm_json_count(LLM_STR("[]")), 0);
    ck_assert_uint_eq(llm_json_count(LLM_STR("{\"a\":{\"b\":1}}")), 1);
    ck_assert_uint_eq(llm_json_count(LLM_STR("12")), 0);
    ck_assert_uint_eq(llm_json_count(absent), 0);
}
END_TEST

// ---- numbers ----

static const struct {
    const char *text;
    int ok;
    int64_t value;
} integers[] = {
    {"0", 1, 0},
    {"-0", 1, 0},
    {"42", 1, 42},
    {" 42 ", 1, 42},
    {"9007199254740993", 1, 9007199254740993},
    {"9223372036854775807", 1, INT64_MAX},
    {"-9223372036854775808", 1, INT64_MIN},
    {"9223372036854775808", 0, 0},
    {"-9223372036854775809", 0, 0},
    {"1.0", 1, 1},
    {"1.50e1", 1, 15},
    {"1e3", 1, 1000},
    {"1E+3", 1, 1000},
    {"1200e-2", 1, 12},
    {"1e18", 1, INT64_C(1000000000000000000)},
    {"1e19", 0, 0},
    {"0e999999999999999999999", 1, 0},
    {"1e999999999999999999999", 0, 0},
    {"0.000e-999999999999999999999", 1, 0},
    {"1e-999999999999999999999", 0, 0},
    {"1.5", 0, 0},
    {"1e-1", 0, 0},
    {"\"1\"", 0, 0},
    {"true", 0, 0},
    {"null", 0, 0},
    {"1x", 0, 0},
    {"01", 0, 0},
    {"-", 0, 0},
    {"", 0, 0},
};

START_TEST(reads_integers) {
    int64_t value = 777;
    ck_assert_msg(llm_json_int64(llm_str_from(integers[_i].text), &value) == integers[_i].ok, "%s",
                  integers[_i].text);
    ck_assert_int_eq(value, integers[_i].ok ? integers[_i].value : 777);
}
END_TEST

static const struct {
    const char *text;
    unsigned scale;
    int ok;
    int64_t value;
} decimals[] = {
    {"0.0123", 12, 1, 12300000000},
    {"0.15", 6, 1, 150000},
    {"1.9999999", 3, 1, 1999}, // cut, not rounded
    {"-1.9999", 3, 1, -1999},
    {"1.5e-7", 12, 1, 150000},
    {"15E-1", 0, 1, 1},
    {"2e3", 2, 1, 200000},
    {"0.00000000000009", 12, 1, 0},
    {"9223372.036854775807", 12, 1, INT64_MAX},
    {"9223372.0368547758079", 12, 1, INT64_MAX},
    {"9223372.036854775808", 12, 0, 0},
    {"-9223372.036854775808", 12, 1, INT64_MIN},
    {"1e400", 12, 0, 0},
    {"1e-400", 12, 1, 0},
    {"\"0.15\"", 6, 0, 0},
};

START_TEST(reads_decimals) {
    int64_t value = 777;
    ck_assert_msg(llm_json_decimal(llm_str_from(decimals[_i].text), decimals[_i].scale, &value) ==
                      decimals[_i].ok,
                  "%s", decimals[_i].text);
    ck_assert_int_eq(value, decimals[_i].ok ? decimals[_i].value : 777);
}
END_TEST

static const char *const doubles[] = {
    "0",
    "-0",
    "1",
    "-1.5",
    "0.1",
    "0.3",
    "3.141592653589793",
    "2.2250738585072014e-308",
    "5e-324",
    "4.9e-324",
    "2.5e-324",
    "1e-330",
    "1e-5000",
    "1.7976931348623157e308",
    "1e22",
    "1e23",
    "123456789012345678901234567890",
    "9007199254740993",
    "-0.0123456789012345678",
    "8.98846567431158e307",
    "6.62607015e-34",
    "1e-22",
    "123e-10",
    "0.000000000000000000000000000001",
    "100000000000000000000000000000000000000000000000000",
    "1.00000000000000011102230246251565",
    "0.0001220703125",
    "4.35e-5",
    "-0.03662109375",
    "0.8675309",
    "7.2057594037927933e16",
};

START_TEST(reads_doubles) {
    const double want = strtod(doubles[_i], NULL); // the test runs in the C locale
    double got = 777;
    ck_assert(llm_json_double(llm_str_from(doubles[_i]), &got));
    const double off = got > want ? got - want : want - got, size = want < 0 ? -want : want;
    ck_assert_msg(off <= 1e-15 * size || off <= 4.95e-324, "%s: %.17g, not %.17g", doubles[_i], got, want);
}
END_TEST

START_TEST(reads_many_doubles) {
    uint64_t state = 88172645463325252u;
    char text[64];
    for (int i = 0; i < 100000; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        const int digits = 1 + (int)(state % 18), exponent = (int)(state >> 32 & 511) - 255;
        (void)snprintf(text, sizeof text, "%s%d.%0*llde%d", (state & 1) != 0 ? "-" : "",
                       (int)(state >> 8 & 7), digits, (long long)(state >> 1) % 100000000000000000, exponent);
        const double want = strtod(text, NULL);
        double got = 777;
        ck_assert(llm_json_double(llm_str_from(text), &got));
        const double off = got > want ? got - want : want - got, size = want < 0 ? -want : want;
        if (off > 1e-15 * size) {
            ck_abort_msg("%s: %.17g, not %.17g", text, got, want);
        }
    }
}
END_TEST

START_TEST(refuses_doubles) {
    static const char *const bad[] = {"1e309", "1.7976931348623159e308", "-1e5000", "\"1\"", "x", "", "1.",
                                      "NaN"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double value = 777;
        ck_assert_msg(!llm_json_double(llm_str_from(bad[i]), &value), "%s", bad[i]);
        ck_assert(value == 777);
    }
}
END_TEST

START_TEST(reads_bools) {
    int value = 7;
    ck_assert(llm_json_bool(LLM_STR("true"), &value) && value == 1);
    ck_assert(llm_json_bool(LLM_STR(" false "), &value) && value == 0);
    value = 7;
    ck_assert(!llm_json_bool(LLM_STR("1"), &value) && !llm_json_bool(LLM_STR("trUe"), &value) &&
              !llm_json_bool(absent, &value));
    ck_assert_int_eq(value, 7);
}
END_TEST

// ---- text that is no JSON: inside the slice, an end, something absent; the sanitizer looks on ----

static void read_all(llm_str v) {
    static const char *const names[] = {"id", "choices", "k\xc3\xa9y"};
    llm_str values[3];
    char buf[8];
    int64_t integer;
    double number;
    int boolean;
    llm_json_pick(v, names, values, 3);
    (void)llm_json_pointer(v, LLM_STR("/choices/0/delta"));
    (void)llm_json_at(v, 1);
    for (llm_json_iter it = llm_json_begin(v); llm_json_next(&it);) {
        (void)llm_json_is(it.name, "n");
        (void)llm_json_int64(it.value, &integer);
        (void)llm_json_decimal(it.value, 12, &integer);
        (void)llm_json_double(it.value, &number);
        (void)llm_json_bool(it.value, &boolean);
        (void)llm_json_decode(it.value, buf, sizeof buf);
        (void)llm_json_decoded_len(it.value);
        (void)llm_json_count(it.value);
    }
    (void)llm_json_decode(v, buf, sizeof buf);
    (void)llm_json_plain(v);
    (void)llm_json_type(v);
}

START_TEST(stays_inside_bad_text) {
    static const char bytes[] = "\"\\{}[]:,0-u\x80";
    for (size_t len = 0; len < sizeof doc; len++) {
        for (size_t with = 0; with < sizeof bytes - 1; with++) {
            char *copy = malloc(len > 0 ? len : 1);
            ck_assert_ptr_nonnull(copy);
            memcpy(copy, doc, len);
            if (len > 0) {
                copy[len * (with + 1) / sizeof bytes] = bytes[with];
            }
            read_all((llm_str){copy, len});
            free(copy);
        }
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("json");
    tcase_add_loop_test(tcase, judges, 0, CHECK_ROWS(judged));
    tcase_add_test(tcase, judges_nul_and_absent);
    tcase_add_test(tcase, judges_one_value_of_more);
    tcase_add_test(tcase, counts_levels);
    tcase_add_test(tcase, knows_types);
    tcase_add_test(tcase, cuts_values);
    tcase_add_test(tcase, gets_members_and_elements);
    tcase_add_test(tcase, points);
    tcase_add_test(tcase, picks_in_one_pass);
    tcase_add_test(tcase, walks);
    tcase_add_loop_test(tcase, reads_integers, 0, CHECK_ROWS(integers));
    tcase_add_loop_test(tcase, reads_decimals, 0, CHECK_ROWS(decimals));
    tcase_add_loop_test(tcase, reads_doubles, 0, CHECK_ROWS(doubles));
    tcase_add_test(tcase, reads_many_doubles);
    tcase_add_test(tcase, refuses_doubles);
    tcase_add_test(tcase, reads_bools);
    tcase_add_test(tcase, stays_inside_bad_text);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
