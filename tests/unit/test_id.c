// SPDX-License-Identifier: MIT
// Ids: what stands where, that they sort, and that seeds differ.
#include "base/id.h"

#include <string.h>

#include "check_main.h"

START_TEST(the_parts) {
    char text[LLM_ID_TEXT];
    const struct llm_id id = llm_id_make(INT64_C(0x0123456789ab) * 1000 + 999, 0x123456789u, 0x3fffffffffu);
    llm_id_text(&id, text);
    // 36 bits 0x123456789: 0x123 above, 0x456789 << 38 | seed below, with the variant's bit 63
    ck_assert_str_eq(text, "0123456789ab71239159e27fffffffff");
}
END_TEST

START_TEST(they_sort_and_differ) {
    struct llm_id before = llm_id_make(1000, 0, 7);
    for (uint64_t i = 1; i < 3000; i++) {
        const struct llm_id next = llm_id_make(1000 + (int64_t)(i / 1000) * 1000, i * 100003, 7);
        ck_assert_int_lt(memcmp(&before, &next, sizeof next), 0);
        before = next;
    }
    const struct llm_id a = llm_id_make(5, 1, 1), b = llm_id_make(5, 1, 2), c = llm_id_make(-5, 1, 1);
    ck_assert_int_ne(memcmp(&a, &b, sizeof a), 0);
    ck_assert_int_eq(memcmp(&a, &c, sizeof a), 0); // before 1970 there is no time
}
END_TEST

START_TEST(seeds_differ) {
    ck_assert(llm_id_seed() != llm_id_seed());
}
END_TEST

int main(void) {
    Suite *suite = suite_create("id");
    TCase *tcase = tcase_create("id");
    tcase_add_test(tcase, the_parts);
    tcase_add_test(tcase, they_sort_and_differ);
    tcase_add_test(tcase, seeds_differ);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
