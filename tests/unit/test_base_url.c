// SPDX-License-Identifier: MIT
#include "catalog/base_url.h"

#include "base/limits.h"
#include "check_main.h"

static const struct {
    const char *url, *host, *path;
    enum llm_reach reach;
} good[] = {
    {"https://api.openai.com/v1", "api.openai.com", "/v1", LLM_REACH_PUBLIC},
    {"https://api.deepseek.com", "api.deepseek.com", "", LLM_REACH_PUBLIC},
    {"https://a-b.example:8443/x/y", "a-b.example", "/x/y", LLM_REACH_PUBLIC},
    {"https://[2001:db8::1]:8443/v1", "[2001:db8::1]", "/v1", LLM_REACH_PUBLIC},
    {"https://8.8.8.8/v1", "8.8.8.8", "/v1", LLM_REACH_PUBLIC},
    {"http://localhost:11434/v1", "localhost", "/v1", LLM_REACH_LOOPBACK},
    {"http://LocalHost", "LocalHost", "", LLM_REACH_LOOPBACK},
    {"http://x.localhost:1", "x.localhost", "", LLM_REACH_LOOPBACK},
    {"http://127.0.0.1:1", "127.0.0.1", "", LLM_REACH_LOOPBACK},
    {"http://127.9.9.9:65535", "127.9.9.9", "", LLM_REACH_LOOPBACK},
    {"http://[::1]:8000/v1", "[::1]", "/v1", LLM_REACH_LOOPBACK},
    {"http://10.1.2.3/v1", "10.1.2.3", "/v1", LLM_REACH_PRIVATE},
    {"http://172.16.0.1/v1", "172.16.0.1", "/v1", LLM_REACH_PRIVATE},
    {"http://172.31.255.255/v1", "172.31.255.255", "/v1", LLM_REACH_PRIVATE},
    {"http://192.168.1.1/v1", "192.168.1.1", "/v1", LLM_REACH_PRIVATE},
    {"http://[fd00::1]/v1", "[fd00::1]", "/v1", LLM_REACH_PRIVATE},
    {"http://[fe80::1]/v1", "[fe80::1]", "/v1", LLM_REACH_PRIVATE},
    {"http://gpu-box:8000/v1", "gpu-box", "/v1", LLM_REACH_PRIVATE},
    {"http://gpu.local:8000/v1", "gpu.local", "/v1", LLM_REACH_PRIVATE},
    {"http://gpu.home.arpa/v1", "gpu.home.arpa", "/v1", LLM_REACH_PRIVATE},
    {"http://my_host.internal/v1", "my_host.internal", "/v1", LLM_REACH_PRIVATE},
};

START_TEST(good_urls_are_taken_apart) {
    struct llm_base_url url;
    const char *wrong = llm_base_url_judge(llm_str_from(good[_i].url), &url);
    ck_assert_msg(wrong == NULL, "%s: %s", good[_i].url, wrong);
    ck_assert(llm_str_is(url.host, good[_i].host));
    ck_assert(llm_str_is(url.path, good[_i].path));
    ck_assert_int_eq(url.reach, good[_i].reach);
}
END_TEST

static const char *const bad[] = {
    "",
    "api.openai.com",
    "HTTPS://api.openai.com",
    "ftp://api.openai.com",
    "file:///etc/passwd",
    "https://",
    "https:///v1",
    "https://user@host.example/v1",
    "https://user:password@host.example/v1",
    "https://host.example/v1/",
    "https://host.example/",
    "https://host.example/v1?x=1",
    "https://host.example?x=1",
    "https://host.example/v1#x",
    "https://host.example/a b",
    "https://host.example\\v1",
    "https://host.example/a\\b",
    "https://host.example/../v1",
    "https://host.example/./v1",
    "https://host.example/v1/..",
    "https://host.example:0/v1",
    "https://host.example:65536/v1",
    "https://host.example:/v1",
    "https://host.example:8a/v1",
    "https://host.example:80:80/v1",
    "https://.host.example/v1",
    "https://host..example/v1",
    "https://-host.example/v1",
    "https://host-.example/v1",
    "https://h\xc3\xb6st.example/v1",
    "https://host.example/v1\xc3\xb6",
    "https://host.example/v1\r\nx: y",
    "https://host.example/{model}",
    "https://[::1/v1",
    "https://[::g]/v1",
    "https://[]/v1",
    "https://2130706433/v1",
    "https://0x7f000001/v1",
    "https://0x7f.1/v1",
    "https://127.1/v1",
    "https://0177.0.0.1/v1",
    "https://256.1.1.1/v1",
    "https://host.example.1/v1",
    "http://api.openai.com/v1",
    "http://8.8.8.8/v1",
    "http://11.0.0.1/v1",
    "http://172.32.0.1/v1",
    "http://[2001:db8::1]/v1",
    "http://127.0.0.1.example.com/v1",
    "http://localhost.example.com/v1",
};

START_TEST(bad_urls_are_refused_with_a_reason) {
    struct llm_base_url url = {.is_https = true, .host = LLM_STR("kept")};
    const char *wrong = llm_base_url_judge(llm_str_from(bad[_i]), &url);
    ck_assert_msg(wrong != NULL && wrong[0] != '\0', "accepted: %s", bad[_i]);
    ck_assert(llm_str_is(url.host, "kept"));
}
END_TEST

START_TEST(a_url_may_be_as_long_as_the_limit) {
    static char text[LLM_MAX_URL_BYTES + 2];
    struct llm_base_url url;
    memset(text, 'a', sizeof text);
    memcpy(text, "https://host.example/", 21);
    ck_assert_ptr_null(llm_base_url_judge((llm_str){text, LLM_MAX_URL_BYTES}, &url));
    ck_assert_ptr_nonnull(llm_base_url_judge((llm_str){text, LLM_MAX_URL_BYTES + 1}, &url));
}
END_TEST

static const struct {
    const char *origin;
    bool good;
} origins[] = {
    {"https://img.example.com", true},
    {"https://*.example.com", true},
    {"https://*.example.com:8443", true},
    {"http://127.0.0.1:8080", true},
    {"http://localhost", true},
    {"https://*", false},
    {"https://*.com", false},
    {"https://a*.example.com", false},
    {"https://*.*.com", false},
    {"https://img.example.com/", false},
    {"https://img.example.com/x", false},
    {"http://img.example.com", false},
    {"http://10.0.0.1", false},
    {"https://u@img.example.com", false},
    {"img.example.com", false},
    {"", false},
};

START_TEST(origins_are_judged) {
    const char *wrong = llm_origin_judge(llm_str_from(origins[_i].origin));
    ck_assert_msg((wrong == NULL) == origins[_i].good, "%s: %s", origins[_i].origin,
                  wrong != NULL ? wrong : "");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("url");
    TCase *tests = tcase_create("url");
    tcase_add_loop_test(tests, good_urls_are_taken_apart, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(tests, bad_urls_are_refused_with_a_reason, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, a_url_may_be_as_long_as_the_limit);
    tcase_add_loop_test(tests, origins_are_judged, 0, (int)(sizeof origins / sizeof origins[0]));
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
