// SPDX-License-Identifier: MIT
// Fields of log records and spans: bounded, one line whatever is in them, and only names of the tables.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"
#include "observe/facts.h"

static struct llm_facts facts;

static void setup(void) {
    llm_facts_init(&facts);
}

static const struct {
    const char *in, *out, *line; // line: as it stands in a text line
} texts[] = {
    {"plain", "plain", "plain"},
    {"two words", "two words", "\"two words\""},
    {"a=b", "a=b", "\"a=b\""},
    {"say \"hi\"", "say \"hi\"", "\"say \\\"hi\\\"\""},
    {"one\ntwo", "one\\ntwo", "\"one\\ntwo\""},
    {"one\r\ntwo", "one\\x0d\\ntwo", "\"one\\x0d\\ntwo\""},
    {"\x1b[31mred", "\\x1b[31mred", "\"\\x1b[31mred\""},
    {"back\\slash", "back\\\\slash", "\"back\\\\slash\""},
    {"\x7f", "\\x7f", "\"\\x7f\""},
    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
    {"csi\xc2\x9b"
     "31m",
     "csi\\x9b31m", "\"csi\\x9b31m\""},
    {"no\xff"
     "utf8\xc3\xbc",
     "no\\xffutf8\\xc3\\xbc", "\"no\\xffutf8\\xc3\\xbc\""},
    {"half\xc2", "half\\xc2", "\"half\\xc2\""},
};

START_TEST(texts_are_escaped) {
    char line[256];
    llm_facts_log_text(&facts, LLM_FIELD_REASON, llm_str_from(texts[_i].in));
    ck_assert_uint_eq(facts.n, 1);
    ck_assert_str_eq(facts.fields[0].text.ptr, texts[_i].out);
    ck_assert_uint_eq(facts.fields[0].text.len, strlen(texts[_i].out));
    ck_assert_str_eq(facts.fields[0].name, "reason");
    const size_t n = llm_facts_line(&facts, "reload", line, sizeof line);
    ck_assert_uint_eq(n, strlen(line));
    ck_assert_int_eq(strncmp(line, "reload reason=", 14), 0);
    ck_assert_str_eq(line + 14, texts[_i].line);
}
END_TEST

START_TEST(numbers_are_written_whole) {
    char line[256];
    llm_facts_log_number(&facts, LLM_FIELD_CALL, 0);
    llm_facts_log_number(&facts, LLM_FIELD_WAIT_US, INT64_MIN);
    llm_facts_log_number(&facts, LLM_FIELD_COST_PICO_USD, INT64_MAX);
    (void)llm_facts_line(&facts, "x", line, sizeof line);
    ck_assert_str_eq(line, "x call=0 wait_us=-9223372036854775808 cost_pico_usd=9223372036854775807");
}
END_TEST

START_TEST(what_is_absent_is_left_out) {
    llm_facts_log_text(&facts, LLM_FIELD_KEY, (llm_str){NULL, 0});
    llm_facts_log_text(&facts, LLM_FIELD_KEY, (llm_str){"", 0});
    ck_assert_uint_eq(facts.n, 0);
}
END_TEST

START_TEST(a_text_has_its_maximum) {
    char much[LLM_MAX_FACT_BYTES + 3];
    memset(much, 'x', sizeof much);
    llm_facts_log_text(&facts, LLM_FIELD_MODEL, (llm_str){much, LLM_MAX_FACT_BYTES});
    ck_assert(!facts.cut);
    ck_assert_uint_eq(facts.fields[0].text.len, LLM_MAX_FACT_BYTES);
    memcpy(much + LLM_MAX_FACT_BYTES - 1, "\xc3\xbc", 2); // the cut falls between its bytes
    llm_facts_log_text(&facts, LLM_FIELD_MODEL, (llm_str){much, LLM_MAX_FACT_BYTES + 1});
    ck_assert(facts.cut);
    ck_assert_uint_eq(facts.fields[1].text.len, LLM_MAX_FACT_BYTES - 1);
}
END_TEST

START_TEST(all_of_it_has_its_maximum) {
    char much[LLM_MAX_FACT_BYTES], line[LLM_MAX_LOG_LINE_BYTES];
    memset(much, 'x', sizeof much);
    for (size_t i = 0; i < 20; i++) {
        llm_facts_log_text(&facts, LLM_FIELD_MODEL, (llm_str){much, sizeof much});
    }
    ck_assert(facts.cut);
    ck_assert_uint_lt(facts.n, 20);
    for (size_t i = 0; i < 2 * LLM_MAX_FACTS; i++) {
        llm_facts_log_number(&facts, LLM_FIELD_CALL, 1);
    }
    ck_assert_uint_eq(facts.n, LLM_MAX_FACTS);
    ck_assert_uint_lt(llm_facts_line(&facts, "x", line, sizeof line), sizeof line);
    ck_assert_uint_eq(llm_facts_line(&facts, "longer", line, 4), 3);
    ck_assert_str_eq(line, "lon");
}
END_TEST

START_TEST(every_name_is_there_once) {
    for (size_t i = 0; i < LLM_FIELD_COUNT; i++) {
        ck_assert_msg(llm_log_fields[i].name != NULL, "field %zu", i);
        for (size_t k = 0; k < i; k++) {
            ck_assert_str_ne(llm_log_fields[i].name, llm_log_fields[k].name);
        }
    }
    for (size_t i = 0; i < LLM_SPAN_FIELD_COUNT; i++) {
        ck_assert_msg(llm_span_fields[i].name != NULL, "attribute %zu", i);
    }
    for (size_t i = 0; i < LLM_TELL_COUNT; i++) {
        ck_assert_msg(llm_log_events[i].name != NULL, "event %zu", i);
    }
}
END_TEST

static char page[65536];

static bool is_on_the_page(const char *name) {
    char quoted[200];
    (void)snprintf(quoted, sizeof quoted, "`%s`", name);
    return strstr(page, quoted) != NULL;
}

START_TEST(every_name_is_in_the_documentation) {
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/docs/observe.md", getenv("LLM_TEST_SOURCE"));
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    fclose(file);
    for (size_t i = 0; i < LLM_FIELD_COUNT; i++) {
        ck_assert_msg(is_on_the_page(llm_log_fields[i].name), "%s", llm_log_fields[i].name);
    }
    for (size_t i = 0; i < LLM_SPAN_FIELD_COUNT; i++) {
        ck_assert_msg(is_on_the_page(llm_span_fields[i].name), "%s", llm_span_fields[i].name);
    }
    for (size_t i = 0; i < LLM_TELL_COUNT; i++) {
        ck_assert_msg(is_on_the_page(llm_log_events[i].name), "%s", llm_log_events[i].name);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("facts");
    TCase *t = tcase_create("facts");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_loop_test(t, texts_are_escaped, 0, CHECK_ROWS(texts));
    tcase_add_test(t, numbers_are_written_whole);
    tcase_add_test(t, what_is_absent_is_left_out);
    tcase_add_test(t, a_text_has_its_maximum);
    tcase_add_test(t, all_of_it_has_its_maximum);
    tcase_add_test(t, every_name_is_there_once);
    tcase_add_test(t, every_name_is_in_the_documentation);
    suite_add_tcase(suite, t);
    return check_main(suite);
}
