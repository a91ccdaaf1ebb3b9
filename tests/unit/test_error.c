// SPDX-License-Identifier: MIT
#include "check_main.h"

#include "base/error.h"

START_TEST(names_every_status) {
    for (llm_status status = LLM_OK; status <= LLM_AGAIN; status++) {
        ck_assert_str_eq(llm_status_name(status), "ok");
    }
    ck_assert_str_eq(llm_status_name(LLM_E_INVALID_REQUEST), "invalid_request");
    ck_assert_str_eq(llm_status_name(LLM_E_SERVER), "server_error");
    ck_assert_str_eq(llm_status_name(LLM_E_NOMEM), "out_of_memory");
    ck_assert_str_eq(llm_status_name(LLM_E_INTERNAL), "plugin_fault");
    ck_assert_str_eq(llm_status_name(-1000), "plugin_fault");
    ck_assert_str_eq(llm_status_name(INT32_MIN), "plugin_fault");
    for (llm_status a = -1; a >= LLM_E_INTERNAL; a--) {
        for (llm_status b = a - 1; b >= LLM_E_INTERNAL; b--) {
            ck_assert_str_ne(llm_status_name(a), llm_status_name(b));
        }
    }
}
END_TEST

START_TEST(fills_one_line) {
    llm_error err = LLM_ERROR_INIT;
    ck_assert_int_eq(llm_fail(&err, LLM_E_AUTH, "no %s\nfor\t%d\x1b[31m", "key", 7), LLM_E_AUTH);
    ck_assert_int_eq(err.status, LLM_E_AUTH);
    ck_assert_str_eq(err.message, "no key for 7 [31m");
    ck_assert_int_eq(err.retry_after_ms, -1);
    ck_assert_int_eq(llm_fail(NULL, LLM_E_AUTH, "nobody listens"), LLM_E_AUTH);
}
END_TEST

START_TEST(respects_the_size_of_the_struct) {
    llm_error err = LLM_ERROR_INIT;
    err.size = 8;
    ck_assert_int_eq(llm_fail(&err, LLM_E_AUTH, "x"), LLM_E_AUTH);
    ck_assert_int_eq(err.status, LLM_OK);
    llm_error full = LLM_ERROR_INIT;
    llm_fail(&full, LLM_E_QUOTA, "money");
    llm_error_copy(&err, &full);
    ck_assert_int_eq(err.status, LLM_OK);
    err.size = sizeof err;
    llm_error_copy(&err, &full);
    ck_assert_str_eq(err.message, "money");
    llm_error_copy(NULL, &full);
}
END_TEST

static const struct {
    const char *text, *want; // into 6 bytes
} texts[] = {
    {"", ""},
    {"abcde", "abcde"},
    {"abcdef", "abcde"},
    {"abc\xe2\x82\xac", "abc"}, // the character would end one byte past
    {"ab\xe2\x82\xac", "ab\xe2\x82\xac"},
    {"abcd\xc3\xa4", "abcd"},
    {"a\r\nb\x7f", "a  b "},
};

START_TEST(cuts_text_at_a_character) {
    char member[7] = "xxxxxx";
    llm_error_text(member, 6, llm_str_from(texts[_i].text));
    ck_assert_str_eq(member, texts[_i].want);
    ck_assert_int_eq(member[6], '\0');
}
END_TEST

START_TEST(message_is_cut_not_overrun) {
    llm_error err = LLM_ERROR_INIT;
    llm_fail(&err, LLM_E_SERVER, "%0*d", (int)sizeof err.message - 1, 0);
    ck_assert_uint_eq(strlen(err.message), sizeof err.message - 1);
    llm_fail(&err, LLM_E_SERVER, "%0*d", (int)sizeof err.message, 0);
    ck_assert_uint_eq(strlen(err.message), sizeof err.message - 1);
    llm_fail(&err, LLM_E_SERVER, "%0*d\xe2\x82\xac", (int)sizeof err.message - 4, 0);
    ck_assert_uint_eq(strlen(err.message), sizeof err.message - 1);
    llm_fail(&err, LLM_E_SERVER, "%0*d\xe2\x82\xac", (int)sizeof err.message - 3,
             0); // a character is not split
    ck_assert_uint_eq(strlen(err.message), sizeof err.message - 3);
}
END_TEST

static const struct {
    uint32_t http;
    llm_status want;
} statuses[] = {
    {200, LLM_OK},
    {204, LLM_OK},
    {299, LLM_OK},
    {199, LLM_E_PROTOCOL},
    {302, LLM_E_PROTOCOL},
    {400, LLM_E_INVALID_REQUEST},
    {401, LLM_E_AUTH},
    {402, LLM_E_QUOTA},
    {403, LLM_E_PERMISSION},
    {404, LLM_E_NOT_FOUND},
    {408, LLM_E_TIMEOUT},
    {409, LLM_E_CONFLICT},
    {410, LLM_E_NOT_FOUND},
    {413, LLM_E_TOO_LARGE},
    {418, LLM_E_INVALID_REQUEST},
    {422, LLM_E_INVALID_REQUEST},
    {429, LLM_E_RATE_LIMITED},
    {500, LLM_E_SERVER},
    {503, LLM_E_OVERLOADED},
    {504, LLM_E_TIMEOUT},
    {529, LLM_E_OVERLOADED},
    {599, LLM_E_SERVER},
    {0, LLM_E_PROTOCOL},
};

START_TEST(understands_http) {
    ck_assert_msg(llm_status_from_http(statuses[_i].http) == statuses[_i].want, "%u", statuses[_i].http);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("error");
    TCase *tcase = tcase_create("error");
    tcase_add_test(tcase, names_every_status);
    tcase_add_test(tcase, fills_one_line);
    tcase_add_test(tcase, respects_the_size_of_the_struct);
    tcase_add_loop_test(tcase, cuts_text_at_a_character, 0, CHECK_ROWS(texts));
    tcase_add_test(tcase, message_is_cut_not_overrun);
    tcase_add_loop_test(tcase, understands_http, 0, CHECK_ROWS(statuses));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
