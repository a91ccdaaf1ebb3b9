// SPDX-License-Identifier: MIT
#include "config/limits.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "check_main.h"
#include "config/settings.h"
#include "fail_alloc.h"

static llm_status read(const char *text, struct llm_settings *s, llm_error *err) {
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_ENVIRONMENT;
    options.settings = text;
    *err = (llm_error)LLM_ERROR_INIT;
    return llm_settings_read(&options, s, err);
}

static const struct {
    const char *text, *message;
} bad[] = {
    {"{\"limits\":{}}", "limits must be an array of objects"},
    {"{\"limits\":[7]}", "a limit must be"},
    {"{\"limits\":[{}]}",
     "a limit bounds nothing: give it requests_per_minute, tokens_per_minute, concurrency, or usd"},
    {"{\"limits\":[{\"requests_per_minut\":7}]}", "did you mean \"requests_per_minute\"?"},
    {"{\"limits\":[{\"requests_per_minute\":0}]}", "requests_per_minute must be a whole number from 1 to "},
    {"{\"limits\":[{\"requests_per_minute\":1.5}]}", "requests_per_minute must be a whole number from 1 to "},
    {"{\"limits\":[{\"concurrency\":1000001}]}", "concurrency must be a whole number from 1 to 1000000"},
    {"{\"limits\":[{\"usd\":\"5\"}]}", "usd needs a window"},
    {"{\"limits\":[{\"concurrency\":1,\"window\":\"day\"}]}", "window belongs to usd, which is not there"},
    {"{\"limits\":[{\"concurrency\":1,\"unpriced\":\"allow\"}]}",
     "unpriced belongs to usd, which is not there"},
    {"{\"limits\":[{\"usd\":\"five\",\"window\":\"day\"}]}", "usd must be a decimal number of USD"},
    {"{\"limits\":[{\"usd\":\"0\",\"window\":\"day\"}]}", "usd must be a decimal number of USD"},
    {"{\"limits\":[{\"usd\":\"-1\",\"window\":\"day\"}]}", "usd must be a decimal number of USD"},
    {"{\"limits\":[{\"usd\":\"1000001\",\"window\":\"day\"}]}", "usd must be a decimal number of USD"},
    {"{\"limits\":[{\"usd\":\"1\",\"window\":\"week\"}]}",
     "window must be \"minute\", \"hour\", \"day\", \"month\""},
    {"{\"limits\":[{\"usd\":\"1\",\"window\":0}]}",
     "window must be \"minute\", \"hour\", \"day\", \"month\""},
    {"{\"limits\":[{\"usd\":\"1\",\"window\":\"day\",\"unpriced\":\"no\"}]}",
     "unpriced must be \"refuse\" or \"allow\""},
    {"{\"limits\":[{\"each\":true,\"concurrency\":1}]}",
     "each needs a tag, provider, model or key to tell apart"},
    {"{\"limits\":[{\"tag\":\"\",\"concurrency\":1}]}", "tag"},
    {"{\"limits\":[{\"tag\":\"a\",\"concurrency\":1},{\"tag\":\"a\",\"concurrency\":2}]}",
     "this limit stands twice: tag \"a\""},
    {"{\"admission\":{\"max_wait_ms\":-1}}",
     "admission.max_wait_ms must be a whole number from 0 to 86400000"},
    {"{\"admission\":{\"output_tokens\":0}}",
     "admission.output_tokens must be a whole number from 1 to 10000000"},
    {"{\"admission\":{\"wait_ms\":1}}", "did you mean \"max_wait_ms\"?"},
};

START_TEST(a_mistake_is_told) {
    struct llm_settings s;
    llm_error err;
    ck_assert_int_eq(read(bad[_i].text, &s, &err), LLM_E_CONFIG);
    ck_assert_msg(strstr(err.message, bad[_i].message) != NULL, "%s", err.message);
    ck_assert_ptr_nonnull(strstr(err.message, "options:1:"));
}
END_TEST

START_TEST(everything_that_can_be_said) {
    struct llm_settings s;
    llm_error err;
    char text[LLM_LIMIT_TEXT];
    ck_assert_msg(read("{\"limits\":[{\"name\":\"house\",\"tag\":\"t*\",\"provider\":\"p\",\"model\":\"m\","
                       "\"key\":\"k\",\"each\":"
                       "true,\"requests_per_minute\":1,\"requests_per_hour\":2,\"requests_per_day\":3,"
                       "\"tokens_per_minute\":4,"
                       "\"tokens_per_hour\":5,\"tokens_per_day\":6,\"concurrency\":7,\"usd\":\"8.25\","
                       "\"window\":\"month\","
                       "\"unpriced\":\"allow\"},{\"usd\":0.000000000001,\"window\":90}],"
                       "\"admission\":{\"max_wait_ms\":0,\"output_tokens\":77}}",
                       &s, &err) == LLM_OK,
                  "%s", err.message);
    static const char *const texts[] = {
        "1 request per minute", "2 requests per hour",         "3 requests per day",
        "4 tokens per minute",  "5 tokens per hour",           "6 tokens per day",
        "7 calls at once",      "8.25 USD per calendar month", "0.000000000001 USD per 90 s"};
    ck_assert_uint_eq(s.limits.count, 9);
    for (size_t i = 0; i < 9; i++) {
        const struct llm_limit *limit = &s.limits.list[i];
        (void)llm_limit_text(limit->kind, limit->amount, limit->seconds, limit->period, text);
        ck_assert_str_eq(text, texts[i]);
        ck_assert(llm_str_is(limit->name, i < 8 ? "house" : "all calls"));
        ck_assert_uint_eq(limit->each, i < 8 ? 15 : 0);
        ck_assert(llm_str_is(limit->origin, "options"));
        for (size_t k = 0; k < i; k++) {
            ck_assert_uint_ne(limit->id, s.limits.list[k].id);
        }
    }
    ck_assert(s.limits.list[7].unpriced && !s.limits.list[8].unpriced);
    ck_assert_uint_eq(s.limits.max_wait_ms, 0);
    ck_assert_uint_eq(s.limits.output_tokens, 77);
    llm_settings_done(&s);
}
END_TEST

START_TEST(the_amount_is_no_part_of_what_a_limit_is) {
    struct llm_settings a, b;
    llm_error err;
    ck_assert_int_eq(read("{\"limits\":[{\"tag\":\"x\",\"concurrency\":1}]}", &a, &err), LLM_OK);
    ck_assert_int_eq(read("{\"limits\":[{\"name\":\"n\",\"tag\":\"x\",\"concurrency\":9},{\"provider\":\"x\","
                          "\"concurrency\":9}]}",
                          &b, &err),
                     LLM_OK);
    ck_assert_uint_eq(a.limits.list[0].id, b.limits.list[0].id);
    ck_assert_uint_ne(a.limits.list[0].id, b.limits.list[1].id);
    llm_settings_done(&a);
    llm_settings_done(&b);
}
END_TEST

START_TEST(as_many_as_there_may_be_and_one_more) {
    static char text[LLM_MAX_LIMITS * 48 + 100];
    for (unsigned more = 0; more < 2; more++) {
        struct llm_settings s;
        llm_error err;
        size_t n = (size_t)snprintf(text, sizeof text, "{\"limits\":[");
        for (unsigned i = 0; i < LLM_MAX_LIMITS + more; i++) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s{\"tag\":\"t%u\",\"concurrency\":1}",
                                  i > 0 ? "," : "", i);
        }
        (void)snprintf(text + n, sizeof text - n, "]}");
        ck_assert_int_eq(read(text, &s, &err), more == 0 ? LLM_OK : LLM_E_CONFIG);
        if (more == 0) {
            llm_settings_done(&s);
        }
    }
}
END_TEST

START_TEST(memory_that_is_not_there) {
    struct llm_settings s;
    llm_error err;
    llm_status status;
    bool failed = true;
    for (size_t n = 0; failed; n++) {
        fail_alloc_after(n);
        status = read("{\"limits\":[{\"tag\":\"x\",\"concurrency\":1,\"usd\":\"1\",\"window\":\"day\"}]}", &s,
                      &err);
        failed = fail_alloc_off();
        ck_assert_int_eq(status, failed ? LLM_E_NOMEM : LLM_OK);
    }
    llm_settings_done(&s);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("limit_settings");
    TCase *tcase = tcase_create("limit_settings");
    tcase_add_loop_test(tcase, a_mistake_is_told, 0, CHECK_ROWS(bad));
    tcase_add_test(tcase, everything_that_can_be_said);
    tcase_add_test(tcase, the_amount_is_no_part_of_what_a_limit_is);
    tcase_add_test(tcase, as_many_as_there_may_be_and_one_more);
    tcase_add_test(tcase, memory_that_is_not_there);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
