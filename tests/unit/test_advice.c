// SPDX-License-Identifier: MIT
#include "net/advice.h"

#include "check_main.h"

#define NOW 784111777 // Sun, 06 Nov 1994 08:49:37 GMT

static const struct {
    const char *why;
    llm_str after, after_ms;
    int64_t want;
} waits[] = {
    {"nothing said", {NULL, 0}, {NULL, 0}, -1},
    {"seconds", LLM_STR_INIT("2"), {NULL, 0}, 2000},
    {"blanks around", LLM_STR_INIT(" 2 "), {NULL, 0}, 2000},
    {"a fraction", LLM_STR_INIT("0.25"), {NULL, 0}, 250},
    {"ms wins", LLM_STR_INIT("9"), LLM_STR_INIT("1500"), 1500},
    {"zero ms is none, seconds follow", LLM_STR_INIT("1"), LLM_STR_INIT("0"), 1000},
    {"zero is none", LLM_STR_INIT("0"), {NULL, 0}, -1},
    {"negative", LLM_STR_INIT("-1"), {NULL, 0}, -1},
    {"text", LLM_STR_INIT("soon"), {NULL, 0}, -1},
    {"a thousand million seconds are a day", LLM_STR_INIT("1000000000"), {NULL, 0}, 86400000},
    {"digits beyond any number", LLM_STR_INIT("99999999999999999999999999"), {NULL, 0}, 86400000},
    {"exactly a day", LLM_STR_INIT("86400"), {NULL, 0}, 86400000},
    {"a date in 3 s", LLM_STR_INIT("Sun, 06 Nov 1994 08:49:40 GMT"), {NULL, 0}, 3000},
    {"a date that has passed", LLM_STR_INIT("Sun, 06 Nov 1994 08:49:36 GMT"), {NULL, 0}, -1},
    {"a date far away", LLM_STR_INIT("Fri, 31 Dec 2060 23:59:59 GMT"), {NULL, 0}, 86400000},
    {"a broken date", LLM_STR_INIT("Sun, 06 Foo 1994 08:49:40 GMT"), {NULL, 0}, -1},
    {"an empty value", LLM_STR_INIT(""), {NULL, 0}, -1},
    {"half a ms", {NULL, 0}, LLM_STR_INIT("0.5"), 1},
};

START_TEST(waits_are_read) {
    const llm_header fields[] = {{LLM_STR("content-type"), LLM_STR("x")},
                                 {LLM_STR("retry-after"), waits[_i].after},
                                 {LLM_STR("retry-after-ms"), waits[_i].after_ms}};
    const int64_t got = llm_head_retry_after_ms(fields, 3, NOW);
    ck_assert_msg(got == waits[_i].want, "%s: %lld", waits[_i].why, (long long)got);
}
END_TEST

START_TEST(request_ids_are_found) {
    static const llm_header both[] = {{LLM_STR_INIT("apim-request-id"), LLM_STR_INIT("a")},
                                      {LLM_STR_INIT("x-request-id"), LLM_STR_INIT("b")}};
    static const llm_header trace[] = {{LLM_STR_INIT("x-ds-trace-id"), LLM_STR_INIT("t")},
                                       {LLM_STR_INIT("x-amzn-requestid"), LLM_STR_INIT("r")}};
    static const llm_header none[] = {{LLM_STR_INIT("date"), LLM_STR_INIT("today")}};
    ck_assert(llm_str_is(llm_head_request_id(both, 2), "b"));
    ck_assert(llm_str_is(llm_head_request_id(both, 1), "a"));
    ck_assert(llm_str_is(llm_head_request_id(trace, 2), "r"));
    ck_assert(llm_str_is(llm_head_request_id(trace, 1), "t"));
    ck_assert_ptr_null(llm_head_request_id(none, 1).ptr);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("advice");
    TCase *tcase = tcase_create("advice");
    tcase_add_loop_test(tcase, waits_are_read, 0, (int)(sizeof waits / sizeof waits[0]));
    tcase_add_test(tcase, request_ids_are_found);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
