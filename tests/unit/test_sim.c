// SPDX-License-Identifier: MIT
// The parts of the simulator by themselves: buffers, requests, timers, players, scripts.
#include "check_main.h"
#include "host_text.h"
#include "sim_fixture.h"
#include "sim_http.h"
#include "sim_png.h"
#include "sim_reply.h"
#include "sim_script.h"
#include "sim_timer.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(globs_cover_what_they_say) {
    static const struct {
        const char *glob, *text;
        bool want;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"a*c", "abbc", true},
        {"a*c", "abbcd", false},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"*b*", "abc", true},
        {"*/chat", "/v1/chat", true},
        {"/v1/*", "/v2/x", false},
        {"a**", "a", true},
        {"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(host_glob(host_str(cases[i].glob), host_str(cases[i].text)) == cases[i].want,
                      "%s over %s", cases[i].glob, cases[i].text);
    }
}
END_TEST

START_TEST(base64_goes_there_and_back) {
    for (size_t n = 0; n < 70; n++) {
        char bytes[70];
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (char)(i * 37 + n);
        }
        struct host_text text = {0}, back = {0};
        host_text_base64(&text, bytes, n);
        ck_assert_uint_eq(text.len, (n + 2) / 3 * 4);
        ck_assert(host_text_unbase64(&back, host_text_str(&text)));
        ck_assert(host_same(host_text_str(&back), (llm_str){bytes, n}));
        host_text_done(&text);
        host_text_done(&back);
    }
    struct host_text back = {0};
    ck_assert(!host_text_unbase64(&back, host_str("ab!d")));
    host_text_done(&back);
}
END_TEST

START_TEST(minified_json_keeps_strings) {
    struct host_text buf = {0};
    host_text_minified(&buf, host_str("{ \"a b\" : [ 1 ,\n\t\"x \\\" y\" ] }"));
    ck_assert(host_same(host_text_str(&buf), host_str("{\"a b\":[1,\"x \\\" y\"]}")));
    host_text_done(&buf);
}
END_TEST

// Feed a request in steps of that many bytes.  The result of the last look.
static int feed(struct llm_sim_reader *reader, struct host_text *in, llm_str bytes, size_t step) {
    int result = LLM_SIM_READ_MORE;
    llm_sim_reader_reset(reader);
    for (size_t at = 0; at < bytes.len && result == LLM_SIM_READ_MORE; at += step) {
        const size_t n = bytes.len - at < step ? bytes.len - at : step;
        // A buffer that moves at every step shows slices that were kept too long.
        struct host_text moved = {0};
        host_text_add(&moved, in->ptr, in->len);
        host_text_add(&moved, bytes.ptr + at, n);
        host_text_done(in);
        *in = moved;
        result = llm_sim_read(reader, in);
    }
    return result;
}

START_TEST(requests_are_read_whole_and_in_pieces) {
    static const struct {
        const char *request, *body;
        int want;
    } cases[] = {
        {"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", "", LLM_SIM_READ_READY},
        {"POST /a?b=c HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "hello", LLM_SIM_READ_READY},
        {"POST /a?b=c HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "hello",
         LLM_SIM_READ_READY},
        {"POST http://h/a?b=c HTTP/1.1\r\ntransfer-encoding: "
         "chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nt: u\r\n\r\n",
         "hello", LLM_SIM_READ_READY},
        {"POST /a?b=c HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell", NULL, LLM_SIM_READ_MORE},
        {"GET /a?b=c HTTP/1.1\r\nHost: x\r\n", NULL, LLM_SIM_READ_MORE},
        {"GET /a HTTP/1.1\nHost: x\n\r\n\r\n", NULL, 400},
        {"GET /a HTTP/1.0\r\n\r\n", NULL, 505},
        {"GET /a HTTP/2.0\r\n\r\n", NULL, 505},
        {"GET  HTTP/1.1\r\n\r\n", NULL, 400},
        {"G@T / HTTP/1.1\r\n\r\n", NULL, 400},
        {"nonsense\r\n\r\n", NULL, 400},
        {"\r\n\r\n", NULL, 400},
        {"GET /a HTTP/1.1\r\nno colon\r\n\r\n", NULL, 400},
        {"GET /a HTTP/1.1\r\nbad name: x\r\n\r\n", NULL, 400},
        {"GET /a HTTP/1.1\r\nname: x\x01y\r\n\r\n", NULL, 400},
        {"POST /a HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", NULL, 400},
        {"POST /a HTTP/1.1\r\nContent-Length: -5\r\n\r\n", NULL, 400},
        {"POST /a HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", NULL, 413},
        {"POST /a HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", NULL, 400},
        {"POST /a HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", NULL, 501},
        {"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NULL, 400},
        {"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", NULL, 400},
        {"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n", NULL, 413},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const llm_str bytes = host_str(cases[i].request);
        for (size_t step = 1; step <= bytes.len; step += step < 5 ? 1 : bytes.len) {
            static struct llm_sim_reader reader;
            struct host_text in = {0};
            const int got = feed(&reader, &in, bytes, step);
            ck_assert_msg(got == cases[i].want, "case %zu, step %zu: %d", i, step, got);
            if (got == LLM_SIM_READ_READY) {
                ck_assert(host_same(reader.request.path, host_str("/a")));
                ck_assert(host_same(reader.request.query, host_str("b=c")));
                ck_assert_msg(host_same(reader.request.body, host_str(cases[i].body)), "case %zu", i);
                ck_assert_uint_eq(reader.consumed, in.len);
            }
            host_text_done(&in);
        }
    }
}
END_TEST

START_TEST(heads_have_a_limit) {
    static struct llm_sim_reader reader;
    for (int past = 0; past < 2; past++) {
        struct host_text text = {0}, in = {0};
        host_text_text(&text, "GET / HTTP/1.1\r\na: ");
        while (text.len < LLM_SIM_MAX_HEAD_BYTES - 4 + (size_t)past) {
            host_text_text(&text, "x");
        }
        host_text_text(&text, "\r\n\r\n");
        ck_assert_int_eq(feed(&reader, &in, host_text_str(&text), 65536 * 2),
                         past ? 431 : LLM_SIM_READ_READY);
        host_text_done(&text);
        host_text_done(&in);
    }
    for (unsigned n = LLM_SIM_MAX_HEADERS; n <= LLM_SIM_MAX_HEADERS + 1; n++) {
        struct host_text text = {0}, in = {0};
        host_text_text(&text, "GET / HTTP/1.1\r\n");
        for (unsigned i = 0; i < n; i++) {
            host_text_text(&text, "a: b\r\n");
        }
        host_text_text(&text, "\r\n");
        ck_assert_int_eq(feed(&reader, &in, host_text_str(&text), 65536),
                         n > LLM_SIM_MAX_HEADERS ? 431 : LLM_SIM_READ_READY);
        host_text_done(&text);
        host_text_done(&in);
    }
}
END_TEST

START_TEST(timers_come_in_order) {
    enum { N = 500 };
    static struct llm_sim_timer all[N];
    struct llm_sim_timers timers = {0};
    uint32_t seed = 7;
    memset(all, 0, sizeof all);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            seed = seed * 1664525u + 1013904223u;
            ck_assert(llm_sim_timer_set(&timers, &all[i], seed >> 16));
        }
        for (int i = 0; i < N; i += 3) {
            llm_sim_timer_clear(&timers, &all[i]);
        }
        uint64_t last = 0;
        int n = 0;
        for (struct llm_sim_timer *t; (t = llm_sim_timer_first(&timers)) != NULL; n++) {
            ck_assert(t->due_us >= last);
            last = t->due_us;
            llm_sim_timer_clear(&timers, t);
        }
        ck_assert_int_eq(n, N - (N + 2) / 3);
    }
    llm_sim_timers_done(&timers);
}
END_TEST

// Play a reply into one text, without sockets: '|' behind each write, and a letter for the end.
static const char *played(const struct llm_sim_reply *reply) {
    static char text[4096];
    static const char ends[] = "?WOCAH";
    struct llm_sim_player player;
    struct host_text out = {text, 0, sizeof text, false};
    llm_sim_play(&player, reply);
    for (;;) {
        const int next = llm_sim_next(&player);
        for (int i = 0; next == LLM_SIM_PIECE && i < player.n_parts; i++) {
            host_text_add(&out, player.parts[i].iov_base, player.parts[i].iov_len);
        }
        host_text_text(&out, next == LLM_SIM_PIECE ? "|" : "");
        if (next != LLM_SIM_PIECE) {
            host_text_add(&out, &ends[next], 1);
        }
        if (next != LLM_SIM_PIECE && next != LLM_SIM_WAIT) {
            host_text_add(&out, "", 1);
            return text;
        }
    }
}

START_TEST(answers_are_cut_as_asked) {
    static const uint32_t one[] = {1}, mixed[] = {2, 3};
    static const size_t ends[] = {3, 6};
    const struct llm_sim_reply plain = {.head = host_str("H\r\n"), .body = host_str("abcdef"), .times = 1};
    struct llm_sim_reply reply = plain;
    ck_assert_str_eq(played(&reply), "H\r\nabcdef|O");
    reply.sizes = one;
    reply.n_sizes = 1;
    ck_assert_str_eq(played(&reply), "H\r\na|b|c|d|e|f|O");
    reply.sizes = mixed;
    reply.n_sizes = 2;
    ck_assert_str_eq(played(&reply), "H\r\nab|cde|f|O");
    reply.chunked = true;
    ck_assert_str_eq(played(&reply), "H\r\n2\r\nab\r\n|3\r\ncde\r\n|1\r\nf\r\n0\r\n\r\n|O");
    reply.n_sizes = 0;
    reply.ends = ends;
    reply.n_ends = 2;
    reply.times = 2;
    reply.delay_ms = 1;
    ck_assert_str_eq(played(&reply),
                     "H\r\n3\r\nabc\r\n|W3\r\ndef\r\n|W3\r\nabc\r\n|W3\r\ndef\r\n0\r\n\r\n|O");
    reply = plain;
    reply.head_delay_ms = 1;
    reply.close_after = true;
    ck_assert_str_eq(played(&reply), "WHconnection: close\r\n\r\nabcdef|C");
    reply.body = (llm_str){0};
    ck_assert_str_eq(played(&reply), "WHconnection: close\r\n\r\n|C");
}
END_TEST

START_TEST(faults_come_where_they_are_asked_for) {
    const struct llm_sim_reply plain = {.head = host_str("H"), .body = host_str("abcdef"), .times = 1};
    struct llm_sim_reply reply = plain;
    reply.fault = LLM_SIM_CUT;
    ck_assert_str_eq(played(&reply), "H|C");
    reply.after = 4;
    ck_assert_str_eq(played(&reply), "Habcd|C");
    reply.after = 99;
    ck_assert_str_eq(played(&reply), "Habcdef|C");
    reply.chunked = true;
    ck_assert_str_eq(played(&reply), "H6\r\nabcdef\r\n|C");
    reply.after = 2;
    reply.fault = LLM_SIM_RESET;
    ck_assert_str_eq(played(&reply), "H2\r\nab\r\n|A");
    reply.fault = LLM_SIM_STALL;
    ck_assert_str_eq(played(&reply), "H2\r\nab\r\n|H");
    reply.fault_before_head = true;
    ck_assert_str_eq(played(&reply), "H");
    reply.fault = LLM_SIM_CUT;
    ck_assert_str_eq(played(&reply), "C");
    reply = plain;
    reply.fault = LLM_SIM_GARBAGE;
    reply.after = 6;
    reply.garbage_bytes = 0;
    ck_assert_str_eq(played(&reply), "Habcdef|C");
}
END_TEST

START_TEST(scripts_that_are_wrong_say_where) {
    static const struct {
        const char *script, *want;
    } cases[] = {
        {"{", "s.json:1:2: this is not JSON"},
        {"\n [1]", "s.json:2:3: an object is expected here"},
        {"{\"rules\": 1}", "s.json:1:11: a list of rules is expected here"},
        {"[{\"match\":{}}]", "s.json:1:2: the rule has no \"reply\""},
        {"[{\"reply\":{\"sttaus\":1}}]",
         "s.json:1:12: unknown member \"sttaus\"; known here: status headers body body_file"},
        {"[{\"reply\":{\"status\":99}}]", "s.json:1:21: a whole number from 200 to 999"},
        {"[{\"reply\":{\"body\":1,\"sse\":[]}}]", "s.json:1:27: a reply has one body"},
        {"[{\"reply\":{\"chunks\":0}}]", "s.json:1:21: a whole number from 1"},
        {"[{\"reply\":{\"fault\":{}}}]", "s.json:1:20: the fault has no \"kind\""},
        {"[{\"reply\":{\"fault\":{\"kind\":\"x\"}}}]", "s.json:1:28: one of cut, reset"},
        {"[{\"reply\":{\"body_base64\":\"!\"}}]", "s.json:1:26: this is not base64"},
        {"[{\"reply\":{\"body_file\":\"/nonexistent\"}}]", "s.json:1:24: /nonexistent: cannot be opened"},
        {"[{\"reply\":{\"fixture\":\"x\"}}]", "s.json:1:22: no recording of this id"},
        {"[{\"reply\":{\"headers\":{\"a\":1}}}]", "s.json:1:27: a string is expected"},
        {"[{\"match\":{\"body\":{\"model\":1}}}]", "s.json:1:20: a JSON pointer begins"},
        {"[{\"match\":{\"nth\":0}}]", "s.json:1:18: a whole number from 1"},
        {"[{\"match\":{\"every\":0}}]", "s.json:1:20: a whole number from 1"},
        {"[{\"reply\":{\"raw_head\":\"x\",\"body\":1}}]",
         "s.json:1:23: \"raw_head\" stands before \"raw\" only"},
        {"[{\"reply\":{\"framing\":\"x\"}}]", "s.json:1:22: one of \"length\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct llm_sim_script *script = NULL;
        llm_error err = LLM_ERROR_INIT;
        ck_assert_int_eq(llm_sim_script_new(host_str(cases[i].script), "s.json", NULL, &script, &err),
                         LLM_E_CONFIG);
        ck_assert_ptr_null(script);
        ck_assert_msg(strncmp(err.message, cases[i].want, strlen(cases[i].want)) == 0, "%zu: %s", i,
                      err.message);
    }
}
END_TEST

static struct llm_sim_request made_request(const char *method, const char *path, const char *body) {
    struct llm_sim_request request;
    memset(&request, 0, sizeof request);
    request.method = host_str(method);
    request.path = host_str(path);
    request.body = host_str(body);
    request.headers[0] = (llm_header){host_str("X-Key"), host_str("abc")};
    request.n_headers = 1;
    return request;
}

START_TEST(rules_match_what_they_name) {
    static const char text[] =
        "[{\"match\":{\"method\":\"GET\"},\"reply\":{\"status\":201}},"
        "{\"match\":{\"header\":{\"x-key\":\"a*\",\"x-none\":null},\"path\":\"/"
        "h*\"},\"reply\":{\"status\":202}},"
        "{\"match\":{\"body\":{\"/model\":\"m\\u0031\",\"/n\":1.50,\"/none\":null,\"/o\":{\"a\":[1, 2]}}},"
        "\"reply\":{\"status\":203}},"
        "{\"match\":{\"path\":\"/n\",\"nth\":2},\"reply\":{\"status\":204}},"
        "{\"match\":{\"path\":\"/n\",\"nth\":[3,4]},\"reply\":{\"status\":205}},"
        "{\"match\":{\"path\":\"/e\",\"every\":3},\"note\":{\"a\":1},\"reply\":{\"status\":207}},"
        "{\"match\":{\"query\":\"q=*\"},\"reply\":{\"status\":206}}]";
    static const struct {
        const char *method, *path, *body;
        unsigned want;
    } cases[] = {
        {"GET", "/", "", 201},
        {"POST", "/h1", "", 202},
        {"POST", "/x", "{\"model\":\"m1\",\"n\":1.50,\"o\":{\"a\":[1,2]}}", 203},
        {"POST", "/x", "{\"model\":\"m1\",\"n\":1.5,\"o\":{\"a\":[1,2]}}", 0},
        {"POST", "/x", "{\"model\":\"m1\",\"n\":1.50,\"none\":1,\"o\":{\"a\":[1,2]}}", 0},
        {"POST", "/x", "not json", 0},
        {"POST", "/n", "", 0},
        {"POST", "/n", "", 204},
        {"POST", "/n", "", 205},
        {"POST", "/n", "", 205},
        {"POST", "/n", "", 0},
        {"POST", "/e", "", 0},
        {"POST", "/e", "", 0},
        {"POST", "/e", "", 207},
        {"POST", "/e", "", 0},
        {"POST", "/e", "", 0},
        {"POST", "/e", "", 207},
    };
    struct llm_sim_script *script = NULL;
    llm_error err = LLM_ERROR_INIT;
    ck_assert_msg(llm_sim_script_new(host_str(text), "s", NULL, &script, &err) == LLM_OK, "%s", err.message);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct llm_sim_request request = made_request(cases[i].method, cases[i].path, cases[i].body);
        struct llm_sim_hit hit;
        const bool found = llm_sim_script_match(script, &request, &hit);
        ck_assert_msg((found ? hit.reply->status : 0) == cases[i].want, "case %zu: %u", i,
                      found ? hit.reply->status : 0);
    }
    llm_sim_script_free(script);
}
END_TEST

START_TEST(bodies_are_built_as_written) {
    static const struct {
        const char *reply, *want;
    } cases[] = {
        {"{\"body\":\"hi\"}",
         "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 2\r\n\r\nhi|O"},
        {"{\"body\":{\"n\": 9007199254740993}, \"status\":429,\"headers\":{\"retry-after\":\"2\"}}",
         "HTTP/1.1 429 Too Many Requests\r\nretry-after: 2\r\ncontent-type: application/json\r\n"
         "content-length: 22\r\n\r\n{\"n\":9007199254740993}|O"},
        {"{\"sse\":[\"a\\nb\",{\"x\": 1},{\"$event\":\"e\",\"data\":{}},{\"$raw\":\": "
         "c\\n\\n\"}],\"framing\":\"close\","
         "\"headers\":{\"content-type\":null}}",
         "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ndata: a\ndata: b\n\n|data: {\"x\":1}\n\n|event: "
         "e\ndata: "
         "{}\n\n|: c\n\n|C"},
        {"{\"lines\":[\"a\",{\"x\": 1}],\"repeat\":2}",
         "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
         "2\r\na\n\r\n|8\r\n{\"x\":1}\n\r\n|2\r\na\n\r\n|8\r\n{\"x\":1}\n\r\n0\r\n\r\n|O"},
        {"{\"raw\":\"HTTP/1.1 200\\r\\n\\r\\nx\"}", "HTTP/1.1 200\r\n\r\nx|C"},
        {"{\"raw_head\":\"HTTP/1.1 200\\r\\n\",\"raw\":\"a: b\\r\\n\",\"repeat\":2}",
         "HTTP/1.1 200\r\na: b\r\n|a: b\r\n|C"},
        {"{\"body\":\"hi\",\"fault\":{\"kind\":\"length\",\"by\":5},\"headers\":{\"content-type\":null}}",
         "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nhi|C"},
        {"{\"body_base64\":\"aGk=\",\"headers\":{\"content-type\":[\"a/b\",\"c/"
         "d\"],\"content-length\":\"1\"}}",
         "HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-type: c/d\r\ncontent-length: 1\r\nconnection: "
         "close\r\n"
         "\r\nhi|C"},
        {"{}", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n|O"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct llm_sim_script *script = NULL;
        llm_error err = LLM_ERROR_INIT;
        char text[512];
        snprintf(text, sizeof text, "[{\"reply\":%s}]", cases[i].reply);
        ck_assert_msg(llm_sim_script_new(host_str(text), "s", NULL, &script, &err) == LLM_OK, "%s",
                      err.message);
        const struct llm_sim_request request = made_request("GET", "/", "");
        struct llm_sim_hit hit;
        ck_assert(llm_sim_script_match(script, &request, &hit));
        ck_assert_str_eq(played(hit.reply), cases[i].want);
        llm_sim_script_free(script);
    }
}
END_TEST

START_TEST(pictures_are_whole) {
    struct host_text png = {0}, svg = {0};
    llm_sim_png(&png, 12345);
    llm_sim_svg(&svg, 12345);
    ck_assert_uint_gt(png.len, 3000);
    ck_assert(memcmp(png.ptr, "\x89PNG\r\n\x1a\n", 8) == 0);
    ck_assert(memcmp(png.ptr + png.len - 12, "\0\0\0\0IEND\xae\x42\x60\x82", 12) == 0);
    ck_assert(svg.len > 20 && memcmp(svg.ptr, "<svg ", 5) == 0);
    host_text_done(&png);
    host_text_done(&svg);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim");
    TCase *tests = tcase_create("sim");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, globs_cover_what_they_say);
    tcase_add_test(tests, base64_goes_there_and_back);
    tcase_add_test(tests, minified_json_keeps_strings);
    tcase_add_test(tests, requests_are_read_whole_and_in_pieces);
    tcase_add_test(tests, heads_have_a_limit);
    tcase_add_test(tests, timers_come_in_order);
    tcase_add_test(tests, answers_are_cut_as_asked);
    tcase_add_test(tests, faults_come_where_they_are_asked_for);
    tcase_add_test(tests, scripts_that_are_wrong_say_where);
    tcase_add_test(tests, rules_match_what_they_name);
    tcase_add_test(tests, bodies_are_built_as_written);
    tcase_add_test(tests, pictures_are_whole);
    return check_main(suite);
}
