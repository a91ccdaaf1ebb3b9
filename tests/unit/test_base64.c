// SPDX-License-Identifier: MIT
#include "base/base64.h"

#include <string.h>

#include "check_main.h"

// RFC 4648 section 10, and the alphabet's last letters.
static const struct {
    const char *plain, *text;
} rows[] = {{"", ""},
            {"f", "Zg=="},
            {"fo", "Zm8="},
            {"foo", "Zm9v"},
            {"foob", "Zm9vYg=="},
            {"fooba", "Zm9vYmE="},
            {"foobar", "Zm9vYmFy"},
            {"\xff\xef\xbe", "/+++"}};

START_TEST(encodes) {
    char to[32] = {0};
    const size_t n = llm_base64_encode((const uint8_t *)rows[_i].plain, strlen(rows[_i].plain), to);
    ck_assert_uint_eq(n, llm_base64_len(strlen(rows[_i].plain)));
    ck_assert_str_eq(to, rows[_i].text);
}
END_TEST

START_TEST(decodes_at_every_cut) {
    const char *text = rows[_i].text;
    const size_t len = strlen(text);
    for (size_t cut = 0; cut <= len; cut++) {
        struct llm_base64 state = {0};
        uint8_t to[64] = {0};
        size_t n = llm_base64_decode(&state, text, cut, to);
        n += llm_base64_decode(&state, text + cut, len - cut, to + n);
        n += llm_base64_finish(&state, to + n);
        ck_assert_uint_eq(n, strlen(rows[_i].plain));
        ck_assert_int_eq(memcmp(to, rows[_i].plain, n), 0);
    }
}
END_TEST

START_TEST(refuses_what_is_none) {
    struct llm_base64 state = {0};
    uint8_t to[16];
    ck_assert_uint_eq(llm_base64_decode(&state, "Zm9\n", 4, to), 0);
    ck_assert_uint_eq(llm_base64_decode(&state, "v", 1, to), 3);
    ck_assert_uint_eq(llm_base64_decode(&state, "_-", 2, to), 0);
    ck_assert_uint_eq(llm_base64_decode(&state, "Z!", 2, to), SIZE_MAX);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("base64");
    TCase *tcase = tcase_create("base64");
    tcase_add_loop_test(tcase, encodes, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_loop_test(tcase, decodes_at_every_cut, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(tcase, refuses_what_is_none);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
