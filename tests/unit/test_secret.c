// SPDX-License-Identifier: MIT
#include "check_main.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/secret.h"
#include "fail_alloc.h"

static const struct {
    const char *why, *value, *want; // want NULL: refused
} values[] = {
    {"plain", "sk-abc123", "sk-abc123"},
    {"newline of a file", "sk-abc\n", "sk-abc"},
    {"blanks around", " \tsk-abc \r\n", "sk-abc"},
    {"blank inside", "Basic abc", "Basic abc"},
    {"empty", "", NULL},
    {"only blanks", " \n", NULL},
    {"a header more", "sk\r\nX-Injected: 1", NULL},
    {"tab inside", "a\tb", NULL},
    {"DEL",
     "a\x7f"
     "b",
     NULL},
    {"no ASCII",
     "s\xc3\xa9"
     "cret",
     NULL},
};

START_TEST(takes_what_a_header_can_carry) {
    struct llm_secret secret = {0};
    const llm_status status = llm_secret_set(&secret, llm_str_from(values[_i].value));
    ck_assert_msg(status == (values[_i].want != NULL ? LLM_OK : LLM_E_CONFIG), "%s", values[_i].why);
    ck_assert(llm_secret_has(&secret) == (values[_i].want != NULL));
    if (values[_i].want != NULL) {
        ck_assert(llm_str_is(llm_secret_reveal(&secret), values[_i].want));
    }
    llm_secret_done(&secret);
    ck_assert(!llm_secret_has(&secret));
}
END_TEST

START_TEST(keeps_the_maximum_to_the_byte) {
    static char key[LLM_MAX_KEY_BYTES + 1];
    struct llm_secret secret = {0};
    memset(key, 'k', sizeof key);
    ck_assert_int_eq(llm_secret_set(&secret, (llm_str){key, LLM_MAX_KEY_BYTES}), LLM_OK);
    ck_assert_int_eq(llm_secret_set(&secret, (llm_str){key, LLM_MAX_KEY_BYTES + 1}), LLM_E_CONFIG);
    ck_assert_uint_eq(llm_secret_reveal(&secret).len, LLM_MAX_KEY_BYTES); // the old one is still there
    llm_secret_done(&secret);
}
END_TEST

START_TEST(refuses_nul_inside) {
    struct llm_secret secret = {0};
    ck_assert_int_eq(llm_secret_set(&secret, (llm_str){"a\0b", 3}), LLM_E_CONFIG);
    ck_assert_int_eq(llm_secret_set(&secret, (llm_str){NULL, 0}), LLM_E_CONFIG);
}
END_TEST

START_TEST(replaces_or_keeps) {
    struct llm_secret secret = {0};
    ck_assert_int_eq(llm_secret_set(&secret, LLM_STR("first1")), LLM_OK);
    fail_alloc_after(0);
    const llm_status status = llm_secret_set(&secret, LLM_STR("second"));
    ck_assert(fail_alloc_off());
    ck_assert_int_eq(status, LLM_E_NOMEM);
    ck_assert(llm_str_is(llm_secret_reveal(&secret), "first1"));
    ck_assert_int_eq(llm_secret_set(&secret, LLM_STR("second")), LLM_OK);
    ck_assert(llm_str_is(llm_secret_reveal(&secret), "second"));
    llm_secret_done(&secret);
}
END_TEST

static const struct {
    const char *secret, *text, *want;
} redactions[] = {
    {"sk-123", "key sk-123 and sk-123!", "key ****** and ******!"},
    {"sk-123", "sk-123", "******"},
    {"sk-123", "sk-12", "sk-12"},
    {"sk-123", "", ""},
    {"sk-123", "sk-sk-123", "sk-******"},
    {"sk-123", "its begin, cut off: sk-12", "its begin, cut off: sk-12"}, // of a short key too little is left
    {"sk-123456789", "cut off: sk-12345", "cut off: ********"},
    {"sk-123456789", "cut off: sk-123456789 sk-12345678", "cut off: ************ ***********"},
    {"sk-123456789", "sk-123456x", "sk-123456x"},
    {"sk-4", "key sk-4, sk-4", "key ****, ****"},
    {"sk-4", "sk-45 and desk-4", "sk-45 and desk-4"}, // a short one only where it stands by itself
    {"sk3", "short keys sk3", "short keys sk3"},
    {"sk/1+2=34", "?key=sk%2F1%2b2%3D34&x", "?key=***************&x"},
    {"sk/1+2=34", "?key=sk%2F1%2b2%3D35&x", "?key=sk%2F1%2b2%3D35&x"},
    {"sk/1+2=34", "{\"key\":\"sk\\/1+2=34\"}", "{\"key\":\"**********\"}"},
    {"sk 12345", "sk+12345", "********"},
    {"sk-12345", "hex 736b2d3132333435 and 736B2D3132333435.", "hex **************** and ****************."},
    {"sk-12345", "736b2d31323334", "736b2d31323334"},
    {"sk-12345", "Basic c2stMTIzNDU= and c2stMTIzNDU", "Basic ***********= and ***********"},
    {"sk-123456", "c2stMTIzNDU2OnBhc3M=", "************OnBhc3M="},
    {"sk-12345", "c2stMTIzNDU6cGFzcw==", "***********6cGFzcw=="},
    {"sk?o>~~>", "c2s/bz5+fj4= c2s_bz5-fj4", "***********= ***********"},
    {"sk-12345", "c2stMTIzND", "c2stMTIzND"},
    {"user:pass", "dXNlcjpwYXNz", "************"},
    {"sk-12345", "dTpzay0xMjM0NQ== and eHNrLTEyMzQ1eQ", "dTp***********== and eH**********eQ"},
    {"sk-12345", "\"\\u0073k-\\u00312345\" \\\\u0073k-12345", "\"******************\" **************"},
    {"sk-\"\\345", "{\"a\":\"sk-\\\"\\\\345\"}", "{\"a\":\"**********\"}"},
    {"sk-\"\\345", "\"{\\\"sk-\\\\\\\"\\\\\\\\345\"", "\"{\\\"**************\""},
    {"sk/12345", "?u=%3Fkey%3Dsk%252F12345", "?u=%3Fkey%3D************"},
    {"sk%12345", "?key=sk%2512345&u=sk%252512345", "?key=**********&u=************"}, // a key with '%' in it
    {"sk%25345/", "sk%25345%2F sk%2525345%2F", "*********** *************"},
    {"sk\\12345", "\"sk\\u005c12345\" sk%5C12345", "\"*************\" **********"},
};

START_TEST(redacts) {
    struct llm_secret secret = {0};
    char text[64];
    (void)snprintf(text, sizeof text, "%s", redactions[_i].text);
    ck_assert_uint_eq(llm_secret_redact(&secret, text, strlen(text)), 0); // no secret: nothing happens
    ck_assert_str_eq(text, redactions[_i].text);
    ck_assert_int_eq(llm_secret_set(&secret, llm_str_from(redactions[_i].secret)), LLM_OK);
    size_t changed = 0;
    for (size_t i = 0; redactions[_i].text[i] != '\0'; i++) {
        changed += redactions[_i].text[i] != redactions[_i].want[i];
    }
    ck_assert_uint_eq(llm_secret_redact(&secret, text, strlen(text)), changed);
    ck_assert_str_eq(text, redactions[_i].want);
    ck_assert_uint_eq(llm_secret_redact(&secret, text, strlen(text)), 0);
    llm_secret_done(&secret);
}
END_TEST

// Words are looked for as keys are: UTF-8, which JSON may write in ASCII.
START_TEST(redacts_words) {
    static const struct {
        const char *word, *text, *want;
    } words[] = {
        {"J\303\274rgen M\303\274ller", "\"J\\u00fcrgen M\\u00FCller\"", "\"***********************\""},
        {"\303\234ber-Ich", "{\\\"a\\\": \\\"\\\\u00dcber-Ich\\\"}", "{\\\"a\\\": \\\"**************\\\"}"},
        {"\346\235\261\344\272\254 4711", "\\u6771\\u4eac 4711", "*****************"},
        {"Jane \360\237\230\200 Roe", "Jane \\ud83d\\ude00 Roe", "*********************"},
        {"Jane \360\237\230\200 Roe", "Jane \\ud83d\\ude01 Roe", "Jane \\ud83d\\ude01 Roe"},
        {"J\303\274rgen M\303\274ller", "J%C3%BCrgen%20M%C3%BCller", "*************************"},
        {"abcdefg\303", "abcdefg\\u00c3", "*************"}, // no UTF-8: byte by byte
    };
    char text[64];
    const struct llm_secret word = {(char *)(uintptr_t)words[_i].word, strlen(words[_i].word)};
    (void)snprintf(text, sizeof text, "%s", words[_i].text);
    (void)llm_secret_redact(&word, text, strlen(text));
    ck_assert_str_eq(text, words[_i].want);
}
END_TEST

START_TEST(wipes) {
    char text[8] = "secrets";
    llm_wipe(text, sizeof text);
    ck_assert_mem_eq(text, "\0\0\0\0\0\0\0", 8);
    llm_wipe(NULL, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("secret");
    TCase *tcase = tcase_create("secret");
    tcase_add_loop_test(tcase, takes_what_a_header_can_carry, 0, CHECK_ROWS(values));
    tcase_add_test(tcase, keeps_the_maximum_to_the_byte);
    tcase_add_test(tcase, refuses_nul_inside);
    tcase_add_test(tcase, replaces_or_keeps);
    tcase_add_loop_test(tcase, redacts, 0, CHECK_ROWS(redactions));
    tcase_add_loop_test(tcase, redacts_words, 0, 7);
    tcase_add_test(tcase, wipes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
