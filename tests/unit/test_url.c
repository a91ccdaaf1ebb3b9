// SPDX-License-Identifier: MIT
#include "net/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "check_main.h"

static const struct {
    const char *text;
    llm_status want;
    const char *origin;
    bool loopback;
} urls[] = {
    {"https://api.example.com/v1", LLM_OK, "https://api.example.com", false},
    {"https://API.Example.com:443/v1?x=1", LLM_OK, "https://api.example.com", false},
    {"https://api.example.com:8443", LLM_OK, "https://api.example.com:8443", false},
    {"http://127.0.0.1:80/x", LLM_OK, "http://127.0.0.1", true},
    {"http://localhost:11434/v1", LLM_OK, "http://localhost:11434", true},
    {"http://[::1]:8080/", LLM_OK, "http://[::1]:8080", true},
    {"http://2130706433/", LLM_OK, "http://127.0.0.1", true}, // one number is an address too
    {"http://0x7f.1/", LLM_OK, "http://127.0.0.1", true},
    {"http://127.0.0.1.example.com/", LLM_OK, "http://127.0.0.1.example.com", false},
    {"https://user:secret@example.com/", LLM_E_INVALID_REQUEST, NULL, false},
    {"ftp://example.com/", LLM_E_INVALID_REQUEST, NULL, false},
    {"file:///etc/passwd", LLM_E_INVALID_REQUEST, NULL, false},
    {"example.com/v1", LLM_E_INVALID_REQUEST, NULL, false},
    {"https://exa mple.com/", LLM_E_INVALID_REQUEST, NULL, false},
    {"https://example.com/\r\nX: 1", LLM_E_INVALID_REQUEST, NULL, false},
    {"https://", LLM_E_INVALID_REQUEST, NULL, false},
    {"", LLM_E_INVALID_REQUEST, NULL, false},
};

START_TEST(urls_are_judged) {
    struct llm_arena arena = {0};
    struct llm_url url = {.origin = {"untouched", 9}};
    const llm_status got = llm_url_parse(llm_str_from(urls[_i].text), &arena, &url, NULL);
    ck_assert_msg(got == urls[_i].want, "%s: %d", urls[_i].text, (int)got);
    if (got == LLM_OK) {
        ck_assert_str_eq(url.origin.ptr, urls[_i].origin);
        ck_assert_msg(url.loopback == urls[_i].loopback, "%s", urls[_i].text);
    } else {
        ck_assert_str_eq(url.origin.ptr, "untouched");
    }
    llm_arena_done(&arena);
}
END_TEST

START_TEST(cheap_loopback_agrees) {
    ck_assert(llm_url_is_loopback(LLM_STR("http://127.0.0.1:8080/v1")));
    ck_assert(llm_url_is_loopback(LLM_STR("http://127.9.9.9")));
    ck_assert(llm_url_is_loopback(LLM_STR("http://localhost/v1")));
    ck_assert(llm_url_is_loopback(LLM_STR("http://[::1]:1/v1")));
    ck_assert(!llm_url_is_loopback(LLM_STR("http://localhost.example.com/")));
    ck_assert(!llm_url_is_loopback(LLM_STR("http://127.0.0.1.example.com/")));
    ck_assert(!llm_url_is_loopback(LLM_STR("http://128.0.0.1/")));
    ck_assert(!llm_url_is_loopback(LLM_STR("https://127.0.0.1/")));
    ck_assert(!llm_url_is_loopback(LLM_STR("http://[::2]/")));
    ck_assert(!llm_url_is_loopback(LLM_STR("http://[::1")));
    ck_assert(!llm_url_is_loopback(LLM_STR("http://")));
}
END_TEST

static const struct {
    const char *address;
    bool is_public;
} addresses[] = {
    {"8.8.8.8", true},
    {"1.1.1.1", true},
    {"127.0.0.1", false},
    {"10.1.2.3", false},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"172.32.0.1", true},
    {"192.168.1.1", false},
    {"169.254.169.254", false},
    {"100.64.0.1", false},
    {"100.128.0.1", true},
    {"0.0.0.0", false},
    {"192.0.0.8", false},
    {"192.0.2.1", false},
    {"198.18.0.1", false},
    {"198.51.100.1", false},
    {"203.0.113.9", false},
    {"224.0.0.1", false},
    {"255.255.255.255", false},
    {"192.88.99.1", false},
    {"::1", false},
    {"::", false},
    {"::ffff:8.8.8.8", false},
    {"64:ff9b::1", false},
    {"fe80::1", false},
    {"fc00::1", false},
    {"ff02::1", false},
    {"2001:db8::1", false},
    {"2002:7f00:1::", false},
    {"2001::1", false},
    {"3fff::1", false},
    {"fec0::1", false},
    {"2606:4700::1111", true},
    {"2001:4860:4860::8888", true},
};

START_TEST(addresses_are_told_apart) {
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    const char *text = addresses[_i].address;
    bool got;
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        got = llm_address_is_public((const struct sockaddr *)&v4);
    } else {
        ck_assert_int_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        got = llm_address_is_public((const struct sockaddr *)&v6);
    }
    ck_assert_msg(got == addresses[_i].is_public, "%s", text);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("url");
    TCase *tcase = tcase_create("url");
    tcase_add_loop_test(tcase, urls_are_judged, 0, (int)(sizeof urls / sizeof urls[0]));
    tcase_add_test(tcase, cheap_loopback_agrees);
    tcase_add_loop_test(tcase, addresses_are_told_apart, 0, (int)(sizeof addresses / sizeof addresses[0]));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
