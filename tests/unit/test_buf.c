// SPDX-License-Identifier: MIT
#include "check_main.h"

#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "fail_alloc.h"

START_TEST(grows_and_terminates) {
    struct llm_buf buf = {.max = 10000};
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(llm_buf_put(&buf, "0123456789", 10), LLM_OK);
        ck_assert_int_eq(buf.ptr[buf.len], '\0');
    }
    ck_assert_uint_eq(buf.len, 10000);
    ck_assert_mem_eq(buf.ptr + 9990, "0123456789", 11);
    llm_buf_done(&buf);
}
END_TEST

START_TEST(keeps_the_maximum_to_the_byte) {
    struct llm_buf buf = {.max = 10};
    ck_assert_int_eq(llm_buf_puts(&buf, "12345"), LLM_OK);
    ck_assert_int_eq(llm_buf_puts(&buf, "123456"), LLM_E_LIMIT);
    ck_assert_str_eq(buf.ptr, "12345");
    ck_assert_int_eq(llm_buf_puts(&buf, "67890"), LLM_OK);
    ck_assert_int_eq(llm_buf_put(&buf, "x", 1), LLM_E_LIMIT);
    ck_assert_int_eq(llm_buf_put(&buf, "", 0), LLM_OK);
    ck_assert_int_eq(llm_buf_reserve(&buf, SIZE_MAX), LLM_E_LIMIT);
    ck_assert_int_eq(llm_buf_printf(&buf, "%d", 1), LLM_E_LIMIT);
    ck_assert_str_eq(buf.ptr, "1234567890");
    llm_buf_done(&buf);
}
END_TEST

START_TEST(holds_nothing_without_a_maximum) {
    struct llm_buf buf = {0};
    ck_assert_int_eq(llm_buf_put(&buf, "x", 1), LLM_E_LIMIT);
    ck_assert_uint_eq(llm_buf_str(&buf).len, 0);
    ck_assert_ptr_nonnull(llm_buf_str(&buf).ptr);
    llm_buf_done(&buf);
}
END_TEST

START_TEST(prints) {
    struct llm_buf buf = {.max = 1000};
    ck_assert_int_eq(llm_buf_printf(&buf, "%s=%d", "a", 1), LLM_OK);
    ck_assert_int_eq(llm_buf_printf(&buf, "&%0300d", 7), LLM_OK);
    ck_assert_uint_eq(buf.len, 304);
    ck_assert_int_eq(llm_buf_sink(&buf, "!", 1), LLM_OK);
    ck_assert_int_eq(buf.ptr[304], '!');
    llm_buf_done(&buf);
}
END_TEST

START_TEST(gives_its_bytes_away) {
    struct llm_buf buf = {.max = 100};
    ck_assert_int_eq(llm_buf_puts(&buf, "mine"), LLM_OK);
    char *bytes = llm_buf_take(&buf);
    ck_assert_str_eq(bytes, "mine");
    ck_assert_uint_eq(buf.len, 0);
    llm_mem_free(bytes);
    bytes = llm_buf_take(&buf); // of an empty one
    ck_assert_str_eq(bytes, "");
    llm_mem_free(bytes);
    ck_assert_int_eq(llm_buf_puts(&buf, "again"), LLM_OK);
    llm_buf_done(&buf);
}
END_TEST

START_TEST(keeps_memory_when_asked) {
    struct llm_buf buf = {.max = 1000};
    ck_assert_int_eq(llm_buf_puts(&buf, "some"), LLM_OK);
    llm_buf_reset(&buf, 4096);
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_str_eq(buf.ptr, "");
    const size_t before = fail_alloc_count();
    const llm_status status = llm_buf_puts(&buf, "other");
    const size_t after = fail_alloc_count();
    ck_assert_int_eq(status, LLM_OK);
    ck_assert_uint_eq(after, before);
    llm_buf_reset(&buf, 0);
    ck_assert_ptr_null(buf.ptr);
    llm_buf_done(&buf);
}
END_TEST

START_TEST(is_unchanged_by_a_failure) {
    struct llm_buf buf = {.max = 10000};
    char large[300] = {0};
    ck_assert_int_eq(llm_buf_puts(&buf, "kept"), LLM_OK);
    fail_alloc_after(0);
    const llm_status status = llm_buf_put(&buf, large, sizeof large);
    ck_assert(fail_alloc_off());
    ck_assert_int_eq(status, LLM_E_NOMEM);
    ck_assert_str_eq(buf.ptr, "kept");
    llm_buf_done(&buf);
    fail_alloc_after(0);
    const char *taken = llm_buf_take(&buf);
    ck_assert(fail_alloc_off());
    ck_assert_ptr_null(taken);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("buf");
    TCase *tcase = tcase_create("buf");
    tcase_add_test(tcase, grows_and_terminates);
    tcase_add_test(tcase, keeps_the_maximum_to_the_byte);
    tcase_add_test(tcase, holds_nothing_without_a_maximum);
    tcase_add_test(tcase, prints);
    tcase_add_test(tcase, gives_its_bytes_away);
    tcase_add_test(tcase, keeps_memory_when_asked);
    tcase_add_test(tcase, is_unchanged_by_a_failure);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
