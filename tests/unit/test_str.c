// SPDX-License-Identifier: MIT
#include "check_main.h"

#include <stdint.h>

#include "base/str.h"

START_TEST(compares_and_cuts) {
    const llm_str absent = {NULL, 0};
    ck_assert(llm_str_eq(LLM_STR("a"), LLM_STR("a")));
    ck_assert(!llm_str_eq(LLM_STR("a"), LLM_STR("b")));
    ck_assert(!llm_str_eq(LLM_STR("a"), LLM_STR("aa")));
    ck_assert(llm_str_eq(absent, LLM_STR("")));
    ck_assert(llm_str_is(LLM_STR("abc"), "abc"));
    ck_assert(llm_str_is(absent, NULL));
    ck_assert(llm_str_starts(LLM_STR("abc"), LLM_STR("ab")));
    ck_assert(llm_str_starts(LLM_STR("abc"), LLM_STR("")));
    ck_assert(!llm_str_starts(LLM_STR("ab"), LLM_STR("abc")));
    ck_assert(llm_str_is(llm_str_cut(LLM_STR("abc"), 1), "bc"));
    ck_assert_uint_eq(llm_str_cut(LLM_STR("abc"), 3).len, 0);
    ck_assert_uint_eq(llm_str_cut(LLM_STR("abc"), 99).len, 0);
    ck_assert(llm_str_eq_nocase(LLM_STR("Content-TYPE"), LLM_STR("content-type")));
    ck_assert(!llm_str_eq_nocase(LLM_STR("a"), LLM_STR("ab")));
    ck_assert(!llm_str_eq_nocase(LLM_STR("@"), LLM_STR("`"))); // these differ in the same bit as letters do
    ck_assert(!llm_str_eq_nocase(LLM_STR("\xc3\x84"), LLM_STR("\xc3\xa4")));
}
END_TEST

static const struct {
    const char *text, *want;
} trims[] = {
    {"", ""}, {" ", ""}, {"\r\n\t ", ""}, {"a", "a"}, {"  a b\t\r\n", "a b"}, {"\va\f", "\va\f"},
};

START_TEST(trims_blanks) {
    ck_assert(llm_str_is(llm_str_trim(llm_str_from(trims[_i].text)), trims[_i].want));
}
END_TEST

static const struct {
    const char *text;
    uint64_t max;
    bool want;
    uint64_t value;
} numbers[] = {
    {"0", 10, true, 0},
    {"10", 10, true, 10},
    {"11", 10, false, 0},
    {"0000000000000000000000000000000000007", 10, true, 7},
    {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
    {"18446744073709551616", UINT64_MAX, false, 0},
    {"99999999999999999999999", UINT64_MAX, false, 0},
    {"5", 3, false, 0},
    {"0", 0, true, 0},
    {"1", 0, false, 0},
    {"", 10, false, 0},
    {"-1", 10, false, 0},
    {"+1", 10, false, 0},
    {" 1", 10, false, 0},
    {"1 ", 10, false, 0},
    {"0x1", 10, false, 0},
    {"1.0", 10, false, 0},
};

START_TEST(reads_numbers) {
    const uint64_t untouched = 12345;
    uint64_t value = untouched;
    ck_assert_msg(llm_str_uint(llm_str_from(numbers[_i].text), numbers[_i].max, &value) == numbers[_i].want,
                  "%s", numbers[_i].text);
    ck_assert_uint_eq(value, numbers[_i].want ? numbers[_i].value : untouched);
}
END_TEST

static const struct {
    const char *pattern, *text;
    bool want;
} globs[] = {
    {"", "", true},
    {"", "a", false},
    {"*", "", true},
    {"*", "abc", true},
    {"abc", "abc", true},
    {"abc", "ab", false},
    {"ab", "abc", false},
    {"a*", "a", true},
    {"a*", "abc", true},
    {"a*", "b", false},
    {"*c", "abc", true},
    {"*c", "abcd", false},
    {"a*c", "abbbc", true},
    {"a*b*c", "aXbYbZc", true},
    {"a*b*c", "aXcYb", false},
    {"**", "x", true},
    {"*ab", "aab", true},
    {"a?c", "abc", false},
    {"a.c", "abc", false},
    {"[a]", "a", false},
    {"gpt-*", "gpt-4o-mini", true},
    {"*-mini*", "gpt-4o-mini-2024", true},
};

START_TEST(matches_patterns) {
    ck_assert_msg(llm_str_glob(llm_str_from(globs[_i].pattern), llm_str_from(globs[_i].text)) ==
                      globs[_i].want,
                  "%s %s", globs[_i].pattern, globs[_i].text);
}
END_TEST

static const struct {
    const char *why, *text;
    size_t len;
    bool want;
} utf8[] = {
    {"empty", "", 0, true},
    {"ASCII and NUL", "a\0b", 3, true},
    {"long ASCII", "abcdefghijklmnopqrstuvwxyz", 26, true},
    {"two bytes, the least", "\xc2\x80", 2, true},
    {"two bytes, the most", "\xdf\xbf", 2, true},
    {"three bytes, the least", "\xe0\xa0\x80", 3, true},
    {"last before the surrogates", "\xed\x9f\xbf", 3, true},
    {"first behind the surrogates", "\xee\x80\x80", 3, true},
    {"U+FFFF", "\xef\xbf\xbf", 3, true},
    {"four bytes, the least", "\xf0\x90\x80\x80", 4, true},
    {"U+10FFFF", "\xf4\x8f\xbf\xbf", 4, true},
    {"lone continuation byte", "\x80", 1, false},
    {"overlong slash", "\xc0\xaf", 2, false},
    {"overlong, two bytes", "\xc1\xbf", 2, false},
    {"overlong, three bytes", "\xe0\x9f\xbf", 3, false},
    {"overlong, four bytes", "\xf0\x8f\xbf\xbf", 4, false},
    {"first surrogate", "\xed\xa0\x80", 3, false},
    {"last surrogate", "\xed\xbf\xbf", 3, false},
    {"above U+10FFFF", "\xf4\x90\x80\x80", 4, false},
    {"five bytes", "\xf8\x88\x80\x80\x80", 5, false},
    {"0xff", "\xff", 1, false},
    {"cut after one", "\xe2", 1, false},
    {"cut after two", "\xe2\x82", 2, false},
    {"cut after three", "\xf0\x9f\x98", 3, false},
    {"bad third byte", "\xe2\x82\x41", 3, false},
    {"bad behind a word of ASCII", "abcdefgh\xff", 9, false},
    {"good behind a word of ASCII", "abcdefgh\xe2\x82\xac", 11, true},
};

START_TEST(knows_utf8) {
    ck_assert_msg(llm_str_utf8((llm_str){utf8[_i].text, utf8[_i].len}) == utf8[_i].want, "%s", utf8[_i].why);
}
END_TEST

START_TEST(measures_distance) {
    ck_assert_uint_eq(llm_str_distance(LLM_STR(""), LLM_STR("")), 0);
    ck_assert_uint_eq(llm_str_distance(LLM_STR("gpt-4o"), LLM_STR("gpt-4o")), 0);
    ck_assert_uint_eq(llm_str_distance(LLM_STR("GPT-4o"), LLM_STR("gpt-4O")), 0);
    ck_assert_uint_eq(llm_str_distance(LLM_STR("kitten"), LLM_STR("sitting")), 3);
    ck_assert_uint_eq(llm_str_distance(LLM_STR(""), LLM_STR("abc")), 3);
    char text[65];
    memset(text, 'a', sizeof text);
    ck_assert_uint_eq(llm_str_distance((llm_str){text, 64}, LLM_STR("")), 64);
    ck_assert_uint_eq(llm_str_distance((llm_str){text, 65}, LLM_STR("")), 1000);
    ck_assert_uint_eq(llm_str_distance(LLM_STR(""), (llm_str){text, 65}), 1000);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("str");
    TCase *tcase = tcase_create("str");
    tcase_add_test(tcase, compares_and_cuts);
    tcase_add_loop_test(tcase, trims_blanks, 0, CHECK_ROWS(trims));
    tcase_add_loop_test(tcase, reads_numbers, 0, CHECK_ROWS(numbers));
    tcase_add_loop_test(tcase, matches_patterns, 0, CHECK_ROWS(globs));
    tcase_add_loop_test(tcase, knows_utf8, 0, CHECK_ROWS(utf8));
    tcase_add_test(tcase, measures_distance);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
