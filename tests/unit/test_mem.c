// SPDX-License-Identifier: MIT
#include "check_main.h"

#include <stdint.h>

#include "base/mem.h"
#include "fail_alloc.h"

START_TEST(gives_zeroed_memory) {
    unsigned char *p = llm_mem_new(64);
    for (int i = 0; i < 64; i++) {
        ck_assert_uint_eq(p[i], 0);
    }
    llm_mem_free(p);
    p = llm_mem_new(0);
    ck_assert_ptr_nonnull(p);
    llm_mem_free(p);
    p = llm_mem_array(0, 8);
    ck_assert_ptr_nonnull(p);
    llm_mem_free(p);
    llm_mem_free(NULL);
}
END_TEST

START_TEST(refuses_products_that_do_not_fit) {
    volatile size_t many = SIZE_MAX / 2;
    ck_assert_ptr_null(llm_mem_array(many, 4));
    ck_assert_ptr_null(llm_mem_dup((llm_str){"x", SIZE_MAX}));
}
END_TEST

START_TEST(copies_with_a_nul) {
    char *copy = llm_mem_dup((llm_str){"abcdef", 3});
    ck_assert_str_eq(copy, "abc");
    llm_mem_free(copy);
    ck_assert_ptr_null(llm_mem_dup((llm_str){NULL, 0}));
}
END_TEST

START_TEST(grows_a_list) {
    int *list = NULL;
    size_t cap = 0;
    for (int i = 0; i < 1000; i++) {
        ck_assert(llm_mem_grow((void **)&list, (size_t)i, &cap, sizeof *list));
        list[i] = i;
    }
    ck_assert_int_eq(list[999], 999);
    ck_assert_uint_le(cap, 2000);
    llm_mem_free(list);
}
END_TEST

START_TEST(leaves_the_list_when_it_cannot_grow) {
    int *list = NULL;
    size_t cap = 0;
    ck_assert(llm_mem_grow((void **)&list, 0, &cap, sizeof *list));
    list[0] = 7;
    int *const before = list;
    const size_t cap_before = cap;
    fail_alloc_after(0);
    const bool grown = llm_mem_grow((void **)&list, cap, &cap, sizeof *list);
    ck_assert(fail_alloc_off());
    ck_assert(!grown);
    ck_assert(!llm_mem_grow((void **)&list, cap, &cap, SIZE_MAX / 4));
    ck_assert_ptr_eq(list, before);
    ck_assert_uint_eq(cap, cap_before);
    ck_assert_int_eq(list[0], 7);
    llm_mem_free(list);
}
END_TEST

START_TEST(says_when_there_is_none_left) {
    fail_alloc_from(0);
    void *const got[] = {llm_mem_new(1), llm_mem_array(1, 1), llm_mem_resize(NULL, 1),
                         llm_mem_dup((llm_str){"x", 1})};
    ck_assert(fail_alloc_off());
    for (size_t i = 0; i < sizeof got / sizeof got[0]; i++) {
        ck_assert_ptr_null(got[i]);
    }
    void *p = llm_mem_resize(NULL, 0);
    ck_assert_ptr_nonnull(p);
    llm_mem_free(p);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("mem");
    TCase *tcase = tcase_create("mem");
    tcase_add_test(tcase, gives_zeroed_memory);
    tcase_add_test(tcase, refuses_products_that_do_not_fit);
    tcase_add_test(tcase, copies_with_a_nul);
    tcase_add_test(tcase, grows_a_list);
    tcase_add_test(tcase, leaves_the_list_when_it_cannot_grow);
    tcase_add_test(tcase, says_when_there_is_none_left);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
