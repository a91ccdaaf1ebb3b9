// SPDX-License-Identifier: MIT
// What of an exchange may be shown.
#include <string.h>

#include "check_main.h"
#include "observe/headers.h"

static const struct {
    const char *name;
    bool shown;
} headers[] = {
    {"content-type", true},
    {"Content-Type", true},
    {"x-request-id", true},
    {"x-ratelimit-remaining-tokens", true},
    {"x-ratelimit-", true},
    {"x-ratelimit", false},
    {"authorization", false},
    {"api-key", false},
    {"x-api-key", false},
    {"set-cookie", false},
    {"cookie", false},
    {"location", false},
    {"content-typ", false},
    {"content-types", false},
    {"", false},
    {"x-anything", false},
};

START_TEST(a_header_is_in_the_list) {
    ck_assert_int_eq(llm_header_is_shown(llm_str_from(headers[_i].name)), headers[_i].shown);
}
END_TEST

static const struct {
    const char *in, *out;
} urls[] = {
    {"https://a.example/v1/chat", "https://a.example/v1/chat"},
    {"https://a.example/v1?key=secret", "https://a.example/v1?key=***"},
    {"https://a.example/v1?api-version=2&key=secret&x", "https://a.example/v1?api-version=2&key=***&x"},
    {"https://a.example/v1?=secret&b=&alt=sse", "https://a.example/v1?=***&b=***&alt=sse"},
    {"https://user:password@a.example:8443/v1", "https://***@a.example:8443/v1"},
    {"https://a@b@c@a.example/@x", "https://***@a.example/@x"},
    {"https://a.example/v1#secret", "https://a.example/v1"},
    {"https://a.example/v1?a=b#secret?c=d", "https://a.example/v1?a=***"},
    {"/only/a/path?x=y", "/only/a/path?x=***"},
    {"", ""},
    {"?", "?"},
};

START_TEST(a_url_is_shown_without_secrets) {
    char text[256];
    const size_t n = llm_url_show(llm_str_from(urls[_i].in), text, sizeof text);
    ck_assert_str_eq(text, urls[_i].out);
    ck_assert_uint_eq(n, strlen(text));
    ck_assert_uint_le(llm_url_show(llm_str_from(urls[_i].in), text, 4), 3);
    ck_assert_int_eq(strncmp(text, urls[_i].out, strlen(text)), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("shown");
    TCase *t = tcase_create("shown");
    tcase_add_loop_test(t, a_header_is_in_the_list, 0, CHECK_ROWS(headers));
    tcase_add_loop_test(t, a_url_is_shown_without_secrets, 0, CHECK_ROWS(urls));
    suite_add_tcase(suite, t);
    return check_main(suite);
}
