// SPDX-License-Identifier: MIT
#include "check_main.h"

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "fail_alloc.h"

START_TEST(cuts_zeroed_and_aligned) {
    struct llm_arena arena = {0};
    for (size_t size = 0; size < 200; size++) {
        unsigned char *p = llm_arena_new(&arena, size);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++) {
            ck_assert_uint_eq(p[i], 0);
        }
        memset(p, 0xaa, size); // the next cut must not see this
        ck_assert_ptr_nonnull(llm_arena_bytes(&arena, 1));
    }
    llm_arena_done(&arena);
}
END_TEST

START_TEST(keeps_the_limit_to_the_byte) {
    struct llm_arena arena = {.limit = 100};
    ck_assert_ptr_nonnull(llm_arena_bytes(&arena, 99));
    ck_assert_ptr_null(llm_arena_bytes(&arena, 2));
    ck_assert_uint_eq(arena.used, 99);
    ck_assert_ptr_nonnull(llm_arena_bytes(&arena, 1));
    ck_assert_ptr_null(llm_arena_bytes(&arena, 1));
    ck_assert_ptr_null(llm_arena_bytes(&arena, SIZE_MAX));
    llm_arena_reset(&arena, 0);
    ck_assert_ptr_null(llm_arena_bytes(&arena, 101));
    ck_assert_ptr_nonnull(llm_arena_bytes(&arena, 100));
    llm_arena_done(&arena);
}
END_TEST

START_TEST(refuses_what_cannot_exist) {
    struct llm_arena arena = {0};
    ck_assert_ptr_null(llm_arena_bytes(&arena, SIZE_MAX));
    ck_assert_ptr_null(llm_arena_new(&arena, SIZE_MAX - 8));
    ck_assert_uint_eq(arena.used, 0);
    llm_arena_done(&arena);
}
END_TEST

START_TEST(gives_large_cuts_their_own_block) {
    struct llm_arena arena = {0};
    char *small = llm_arena_bytes(&arena, 10);
    char *large = llm_arena_bytes(&arena, 1 << 20);
    ck_assert_ptr_nonnull(large);
    memset(small, 1, 10);
    memset(large, 2, 1 << 20);
    ck_assert_int_eq(small[9], 1);
    llm_arena_done(&arena);
}
END_TEST

START_TEST(copies_text) {
    struct llm_arena arena = {0};
    const llm_str copy = llm_arena_dup(&arena, (llm_str){"a\0b", 3});
    ck_assert_uint_eq(copy.len, 3);
    ck_assert_mem_eq(copy.ptr, "a\0b", 4);
    ck_assert_ptr_null(llm_arena_dup(&arena, (llm_str){NULL, 0}).ptr);
    ck_assert_str_eq(llm_arena_dup(&arena, LLM_STR("")).ptr, "");
    const llm_str line = llm_arena_format(&arena, "%s %d", "x", 42);
    ck_assert_uint_eq(line.len, 4);
    ck_assert_str_eq(line.ptr, "x 42");
    for (int width = 254; width <= 258; width++) { // around what is printed on the stack first
        const llm_str wide = llm_arena_format(&arena, "%*d", width, 7);
        ck_assert_uint_eq(wide.len, (size_t)width);
        ck_assert_uint_eq(strlen(wide.ptr), (size_t)width);
        ck_assert_int_eq(wide.ptr[width - 1], '7');
    }
    llm_arena_done(&arena);
}
END_TEST

// Allocations that `cuts` cuts of 4000 bytes cost.
static size_t cost(struct llm_arena *arena, int cuts) {
    const size_t before = fail_alloc_count();
    while (cuts-- > 0) {
        if (llm_arena_bytes(arena, 4000) == NULL) {
            return SIZE_MAX;
        }
    }
    return fail_alloc_count() - before;
}

START_TEST(reuses_what_reset_kept) {
    struct llm_arena arena = {0};
    ck_assert_uint_eq(cost(&arena, 10), 10);
    llm_arena_reset(&arena, 1 << 20);
    ck_assert_uint_eq(cost(&arena, 10), 0);
    llm_arena_reset(&arena, 4096); // one block may stay
    ck_assert_uint_eq(cost(&arena, 1), 0);
    ck_assert_uint_eq(cost(&arena, 1), 1);
    llm_arena_done(&arena);
    llm_arena_done(&arena); // zeroed is valid
}
END_TEST

START_TEST(is_unchanged_by_a_failure) {
    struct llm_arena arena = {0};
    fail_alloc_from(0);
    const void *got[] = {llm_arena_new(&arena, 8), llm_arena_dup(&arena, LLM_STR("abc")).ptr,
                         llm_arena_format(&arena, "%d", 1).ptr};
    ck_assert(fail_alloc_off());
    for (size_t i = 0; i < sizeof got / sizeof got[0]; i++) {
        ck_assert_ptr_null(got[i]);
    }
    ck_assert_uint_eq(arena.used, 0);
    ck_assert_ptr_nonnull(llm_arena_new(&arena, 8));
    llm_arena_done(&arena);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("arena");
    TCase *tcase = tcase_create("arena");
    tcase_add_test(tcase, cuts_zeroed_and_aligned);
    tcase_add_test(tcase, keeps_the_limit_to_the_byte);
    tcase_add_test(tcase, refuses_what_cannot_exist);
    tcase_add_test(tcase, gives_large_cuts_their_own_block);
    tcase_add_test(tcase, copies_text);
    tcase_add_test(tcase, reuses_what_reset_kept);
    tcase_add_test(tcase, is_unchanged_by_a_failure);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
