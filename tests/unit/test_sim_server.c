// SPDX-License-Identifier: MIT
// The simulator as a server, over real sockets.
#include "check_main.h"
#include "llm_json.h"
#include "raw_client.h"
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct raw_client client;

static struct llm_sim *started(const struct llm_sim_options *options) {
    struct llm_sim *sim = NULL;
    llm_error err = LLM_ERROR_INIT;
    ck_assert_msg(llm_sim_new(options, &sim, &err) == LLM_OK, "%s", err.message);
    ck_assert_int_eq(llm_sim_start(sim), LLM_OK);
    return sim;
}

static struct llm_sim *with_rules(const char *rules) {
    return started(&(struct llm_sim_options){.rules = rules});
}

// One request on a connection of its own that ends after it.
static const char *ask(struct llm_sim *sim, const char *line, const char *body) {
    char head[512];
    ck_assert(raw_open(&client, llm_sim_port(sim)));
    snprintf(head, sizeof head,
             "%s HTTP/1.1\r\nHost: sim:1\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", line,
             strlen(body));
    raw_say(&client, head);
    raw_say(&client, body);
    raw_all(&client);
    raw_close(&client);
    return client.text;
}

static bool holds(const char *text, const char *part) {
    return strstr(text, part) != NULL;
}

START_TEST(requests_on_one_connection_are_answered_in_order) {
    struct llm_sim *sim =
        with_rules("[{\"match\":{\"path\":\"/a\"},\"reply\":{\"body\":\"first\"}},"
                   "{\"match\":{\"path\":\"/b\"},\"reply\":{\"body\":\"second\",\"chunks\":1}}]");
    ck_assert(raw_open(&client, llm_sim_port(sim)));
    for (int round = 0; round < 50; round++) {
        raw_forget(&client);
        raw_say(&client, "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n");
        ck_assert(raw_until(&client, "second"));
        while (!holds(strstr(client.text, "second"), "first")) {
            ck_assert(raw_read(&client, 2000));
        }
        ck_assert(strstr(client.text, "first") < strstr(client.text, "second"));
    }
    raw_close(&client);
    ck_assert_uint_eq(llm_sim_requests(sim), 150);
    ck_assert_uint_eq(llm_sim_connections(sim), 1);
    llm_sim_free(sim);
}
END_TEST

START_TEST(faults_reach_the_other_side) {
    struct llm_sim *sim = with_rules(
        "[{\"match\":{\"path\":\"/"
        "cut\"},\"reply\":{\"body\":\"abcdef\",\"fault\":{\"kind\":\"cut\",\"after\":3}}},"
        "{\"match\":{\"path\":\"/"
        "reset\"},\"reply\":{\"body\":\"abcdef\",\"fault\":{\"kind\":\"reset\",\"after\":3}}},"
        "{\"match\":{\"path\":\"/close\"},\"reply\":{\"body\":\"x\",\"fault\":{\"kind\":\"close\"}}},"
        "{\"match\":{\"path\":\"/"
        "stall\"},\"reply\":{\"body\":\"abcdef\",\"fault\":{\"kind\":\"stall\",\"after\":3}}},"
        "{\"match\":{\"path\":\"/silent\"},\"reply\":{\"fault\":{\"kind\":\"silent\"}}},"
        "{\"match\":{\"path\":\"/"
        "garbage\"},\"reply\":{\"body\":\"x\",\"framing\":\"close\",\"fault\":{\"kind\":"
        "\"garbage\",\"bytes\":1000,\"after\":1}}}]");
    ask(sim, "GET /cut", "");
    ck_assert(client.ended && holds(client.text, "\r\n\r\nabc") && !holds(client.text, "abcd"));
    ask(sim, "GET /reset", "");
    ck_assert(client.broken);
    ask(sim, "GET /close", "");
    ck_assert(client.ended && client.len == 0);
    ask(sim, "GET /garbage", "");
    ck_assert(client.ended && client.len > 1000);
    static const char *const quiet[] = {"GET /stall HTTP/1.1\r\n\r\n", "GET /silent HTTP/1.1\r\n\r\n"};
    for (size_t i = 0; i < 2; i++) {
        ck_assert(raw_open(&client, llm_sim_port(sim)));
        raw_say(&client, quiet[i]);
        while (raw_read(&client, 150)) {
        }
        ck_assert(!client.ended && !client.broken);
        ck_assert(i == 0 ? holds(client.text, "\r\n\r\nabc") : client.len == 0);
        raw_close(&client);
    }
    llm_sim_free(sim);
}
END_TEST

START_TEST(garbage_is_refused_and_the_server_lives) {
    struct llm_sim *sim = with_rules("[{\"reply\":{\"body\":\"fine\"}}]");
    char noise[5000];
    uint32_t seed = 1;
    for (int round = 0; round < 40; round++) {
        for (size_t i = 0; i < sizeof noise; i++) {
            seed = seed * 1664525u + 1013904223u;
            noise[i] = (char)(seed >> 24);
        }
        memcpy(noise + (round * 100), "\r\n\r\n", 4);
        ck_assert(raw_open(&client, llm_sim_port(sim)));
        raw_send(&client, noise, sizeof noise);
        raw_all(&client);
        ck_assert(holds(client.text, "HTTP/1.1 400 "));
        raw_close(&client);
        // Gone before the answer, in the middle of a body, and without a word.
        ck_assert(raw_open(&client, llm_sim_port(sim)));
        raw_say(&client,
                round % 2 ? "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc" : "GET / HTTP/1.1\r\n\r\n");
        raw_close(&client);
    }
    ck_assert(holds(ask(sim, "GET /", ""), "fine"));
    llm_sim_free(sim);
}
END_TEST

START_TEST(a_delay_is_kept_and_others_are_served_meanwhile) {
    static struct raw_client slow;
    struct llm_sim *sim =
        with_rules("[{\"match\":{\"path\":\"/slow\"},\"reply\":{\"head_delay_ms\":200,\"body\":\"late\"}},"
                   "{\"match\":{\"path\":\"/endless\"},\"reply\":{\"sse\":[\"x\"],\"repeat\":1000000000000}},"
                   "{\"reply\":{\"body\":\"soon\"}}]");
    static struct raw_client endless;
    ck_assert(raw_open(&endless, llm_sim_port(sim)));
    raw_say(&endless, "GET /endless HTTP/1.1\r\n\r\n");
    ck_assert(raw_until(&endless, "data: x"));
    ck_assert(raw_open(&slow, llm_sim_port(sim)));
    raw_say(&slow, "GET /slow HTTP/1.1\r\n\r\n");
    ck_assert(holds(ask(sim, "GET /", ""), "soon"));
    ck_assert(!raw_read(&slow, 50));
    ck_assert(raw_until(&slow, "late"));
    raw_close(&slow);
    raw_close(&endless);
    llm_sim_free(sim);
}
END_TEST

START_TEST(expect_and_chunked_bodies_are_understood) {
    struct llm_sim *sim = with_rules("[{\"reply\":{\"echo\":true}}]");
    ck_assert(raw_open(&client, llm_sim_port(sim)));
    raw_say(&client,
            "POST /x?y=z HTTP/1.1\r\nA: b\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
    ck_assert(raw_until(&client, "100 Continue\r\n\r\n"));
    raw_say(&client, "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    ck_assert(raw_until(&client, "\"body\":\"hello\"}"));
    ck_assert(holds(client.text,
                    "{\"method\":\"POST\",\"path\":\"/x\",\"query\":\"y=z\",\"headers\":[[\"A\",\"b\"]"));
    raw_close(&client);
    // 3 MiB in one go.
    char *body = malloc((3 << 20) + 1);
    memset(body, 'z', 3 << 20);
    body[3 << 20] = '\0';
    ck_assert(raw_open(&client, llm_sim_port(sim)));
    raw_say(&client, "POST / HTTP/1.1\r\nContent-Length: 3145728\r\nConnection: close\r\n\r\n");
    for (size_t at = 0; at < 3 << 20; at += 1 << 16) {
        ck_assert(raw_send(&client, body + at, 1 << 16));
    }
    ck_assert(raw_until(&client, "\"body_bytes\":3145728"));
    raw_close(&client);
    free(body);
    llm_sim_free(sim);
}
END_TEST

START_TEST(the_log_shows_what_was_sent) {
    char file[] = "/tmp/llm-sim-log-XXXXXX";
    char line[2048];
    close(mkstemp(file));
    struct llm_sim *sim =
        started(&(struct llm_sim_options){.rules = "[{\"name\":\"one\",\"reply\":{}}]", .log_file = file});
    ask(sim, "POST /p?q", "{\"a\":1}");
    ask(sim, "POST /p", "\x01\xff");
    llm_sim_free(sim);
    FILE *log = fopen(file, "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof line, log));
    ck_assert(llm_json_check((llm_str){line, strlen(line)}, 8, NULL));
    ck_assert(holds(
        line,
        "{\"n\":1,\"connection\":1,\"answer\":\"one\",\"status\":200,\"method\":\"POST\",\"path\":\"/p\","
        "\"query\":\"q\",\"headers\":[[\"Host\",\"sim:1\"],"));
    ck_assert(holds(line, "\"body_bytes\":7,\"body\":\"{\\\"a\\\":1}\"}"));
    ck_assert_ptr_nonnull(fgets(line, sizeof line, log));
    ck_assert(holds(line, "\"body_base64\":\"Af8=\"}"));
    fclose(log);
    unlink(file);
}
END_TEST

// complete: no fault, and its last byte is on its way.
START_TEST(the_log_of_answers_says_what_came_of_them) {
    char file[] = "/tmp/sim_answers_XXXXXX", text[2048] = "";
    ck_assert_int_ge(mkstemp(file), 0);
    struct llm_sim *sim = started(&(struct llm_sim_options){
        .rules =
            "[{\"name\":\"cut\",\"match\":{\"path\":\"/cut\"},\"note\":[1],\"reply\":{\"body\":\"abcdef\","
            "\"fault\":{\"kind\":\"cut\",\"after\":3}}},{\"name\":\"good\",\"note\":{\"n\":2},\"reply\":{"
            "\"body\":\"abc\"}}]",
        .answers_file = file,
        .answers_key = "/user"});
    ask(sim, "POST /cut", "{\"user\":\"one\"}");
    ask(sim, "POST /good", "{\"user\":\"two\"}");
    ask(sim, "POST /good", "no JSON");
    llm_sim_free(sim);
    FILE *in = fopen(file, "r");
    ck_assert_ptr_nonnull(in);
    ck_assert_uint_gt(fread(text, 1, sizeof text - 1, in), 0);
    (void)fclose(in);
    (void)remove(file);
    ck_assert_str_eq(
        text,
        "{\"n\":1,\"key\":\"one\",\"answer\":\"cut\",\"status\":200,\"complete\":false,\"note\":[1]}\n"
        "{\"n\":2,\"key\":\"two\",\"answer\":\"good\",\"status\":200,\"complete\":true,\"note\":{\"n\":2}}\n"
        "{\"n\":3,\"key\":\"\",\"answer\":\"good\",\"status\":200,\"complete\":true,\"note\":{\"n\":2}}\n");
}
END_TEST

START_TEST(built_in_answers_speak_the_formats) {
    struct llm_sim *sim = started(&(struct llm_sim_options){0});
    static const struct {
        const char *line, *body, *want;
    } cases[] = {
        {"POST /v1/chat/completions",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be "
         "brief\"},{\"role\":\"user\",\"content\":"
         "\"Hi there\"}]}",
         "\"content\":\"You said: Hi there - and this is the simulator's answer.\""},
        {"POST /v1/chat/completions",
         "{\"model\":\"m\",\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]}",
         "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":10,\"total_tokens\":11}}"},
        {"POST /v1/chat/completions", "{\"model\":\"m\",\"max_tokens\":2,\"messages\":[]}",
         "\"finish_reason\":\"length\""},
        {"POST /v1/chat/completions",
         "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{"
         "\"content\":\"x\"}]}",
         "\"delta\":{\"content\":\"You \"},\"finish_reason\":null}]}\n\n"},
        {"POST /v1/chat/completions", "{\"model\":\"m\"}", "HTTP/1.1 400 "},
        {"POST /v1/chat/completions", "{", "The body is not JSON."},
        {"POST /v1/embeddings", "{\"model\":\"m\",\"input\":[\"a\",\"b c\"]}",
         "\"usage\":{\"prompt_tokens\":3,"},
        {"POST /v1/embeddings",
         "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":4,\"encoding_format\":\"base64\"}",
         "==\"}],\"model\":\"m\""},
        {"POST /v1/images/generations", "{\"model\":\"gpt-image-1\",\"prompt\":\"p\"}",
         "\"b64_json\":\"iVBORw0KGgo"},
        {"POST /v1/images/generations", "{\"model\":\"recraftv3\",\"prompt\":\"p\",\"n\":2}",
         "\"url\":\"http://sim:1/sim/blob/"},
        {"POST /v1/images/vectorize", "{\"image_url\":\"data:\"}", "\"image\":{\"image_id\":\"00000000-"},
        {"GET /v1/models", "", "\"id\":\"sim-chat\""},
        {"GET /v1/users/me", "", "\"credits\":5000"},
        {"GET /sim/blob/7.png", "", "content-type: image/png"},
        {"GET /sim/blob/7.svg", "", "<svg "},
        {"POST /v1/talk", "{\"model\":\"acme-1\",\"say\":\"one two\"}", "\"end\":\"stop\",\"in\":2,\"out\":"},
        {"POST /v1/talk", "{\"model\":\"acme-1\",\"say\":\"one two\",\"stream\":true}",
         "data: {\"end\":\"stop\",\"in\":2,\"out\":"},
        {"POST /v2/talk/parrot-grey",
         "{\"turns\":[{\"who\":\"human\",\"says\":\"hi there\"}],\"flow\":false}",
         "\"why\":\"complete\",\"spent\":{\"in\":2,\"out\":11}}"},
        {"POST /v2/talk/parrot-grey",
         "{\"turns\":[{\"says\":\"hi\"}],\"flow\":true,\"limits\":{\"words\":1}}",
         "{\"kind\":\"word\",\"w\":\"You \"}\n\r\n"},
        {"POST /v2/talk/parrot-grey", "{}", "\"kind\":\"squawk\""},
        {"POST /api/jobs?engine=x", "{\"scene\":\"a cat\",\"prints\":2}",
         "{\"job\":\"1\",\"look_at\":\"/jobs/1\",\"price_cents\":8}"},
        {"POST /api/jobs?engine=x", "{\"prints\":2}", "\"reason_code\":\"form\""},
        {"GET /api/jobs/1", "", "{\"job\":\"1\",\"state\":\"developing\"}"},
        {"GET /api/jobs/1", "", "{\"job\":\"1\",\"state\":\"ready\",\"album\":\"/albums/1\"}"},
        {"GET /api/jobs/2", "", "\"reason_code\":\"no_job\""},
        {"GET /api/albums/1?sort=1", "", "\"bill\":{\"prints\":2,\"cents\":8}}"},
        {"GET /nothing", "", "has no answer for GET /nothing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = ask(sim, cases[i].line, cases[i].body);
        if (!holds(cases[i].line, ".png")) {
            ck_assert_msg(holds(text, cases[i].want), "case %zu: %s", i, text);
        }
    }
    llm_sim_free(sim);
    sim = started(&(struct llm_sim_options){.no_demo = true});
    ck_assert(holds(ask(sim, "GET /v1/models", ""), "HTTP/1.1 404 "));
    llm_sim_free(sim);
}
END_TEST

static void put(const char *folder, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

START_TEST(recordings_are_found_by_what_was_asked) {
    char root[] = "/tmp/llm-sim-tree-XXXXXX", one[64], two[64], gone[64];
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(one, sizeof one, "%s/one", root);
    snprintf(two, sizeof two, "%s/two", root);
    snprintf(gone, sizeof gone, "rm -r %s", root);
    mkdir(one, 0700);
    mkdir(two, 0700);
    put(one, "meta.json",
        "{\"id\":\"rec-1\",\"stream\":false,\"request\":{\"method\":\"POST\",\"url\":\"https://h/api/v1/chat/"
        "completions?x\","
        "\"body\":\"request.json\"},\"response\":{\"status\":429,\"headers\":[[\"x-id\",\"7\"],[\"content-"
        "length\",\"9999\"]],"
        "\"body\":\"response.json\"}}");
    put(one, "request.json", "{\"model\":\"m1\"}");
    put(one, "response.json", "{\"error\":1}");
    put(two, "meta.json",
        "{\"id\":\"rec-2\",\"stream\":true,\"request\":{\"method\":\"POST\",\"url\":\"https://h/v1/chat/"
        "completions\"},"
        "\"response\":{\"body\":\"response.sse\"}}");
    put(two, "response.sse", "data: 1\n\ndata: 2\n\n");
    struct llm_sim *sim = started(&(struct llm_sim_options){.fixtures = root, .no_demo = true});
    const char *text = ask(sim, "POST /v1/chat/completions", "{\"model\":\"m1\"}");
    ck_assert(holds(text, "HTTP/1.1 429 Too Many Requests\r\nx-id: 7\r\ncontent-type: application/json\r\n"
                          "content-length: 11\r\n"));
    ck_assert(holds(text, "{\"error\":1}"));
    ck_assert(holds(ask(sim, "POST /v1/chat/completions", "{\"model\":\"other\"}"), "404 Not Found"));
    text = ask(sim, "POST /v1/chat/completions", "{\"model\":\"any\",\"stream\":true}");
    ck_assert(holds(text, "\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"));
    ck_assert(holds(ask(sim, "GET /fixture/rec-1/whatever", ""), "{\"error\":1}"));
    ck_assert(holds(ask(sim, "GET /fixture/none", ""), "404 Not Found"));
    llm_sim_free(sim);
    ck_assert_int_eq(system(gone), 0);
}
END_TEST

START_TEST(what_cannot_be_opened_is_said) {
    static const struct {
        struct llm_sim_options options;
        llm_status want;
        const char *message;
    } cases[] = {
        {{.listen = "nowhere"}, LLM_E_CONFIG, "\"nowhere\" is no address"},
        {{.listen = "127.0.0.1:x"}, LLM_E_CONFIG, "is no address"},
        {{.listen = ":"}, LLM_E_CONFIG, "is no address"},
        {{.listen = "203.0.113.1:0"}, LLM_E_TRANSPORT, "cannot listen on 203.0.113.1:0: "},
        {{.fixtures = "/nonexistent"}, LLM_E_CONFIG, "/nonexistent: cannot be opened: "},
        {{.script = "/nonexistent"}, LLM_E_CONFIG, "/nonexistent: cannot be opened: "},
        {{.script = "/"}, LLM_E_CONFIG, "/: cannot be read: "},
        {{.log_file = "/nonexistent/x"}, LLM_E_CONFIG, "/nonexistent/x: cannot be written: "},
        {{.rules = "nonsense"}, LLM_E_CONFIG, "rules:1:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct llm_sim *sim = NULL;
        llm_error err = LLM_ERROR_INIT;
        ck_assert_msg(llm_sim_new(&cases[i].options, &sim, &err) == cases[i].want, "case %zu", i);
        ck_assert_msg(holds(err.message, cases[i].message), "case %zu: %s", i, err.message);
        ck_assert_ptr_null(sim);
    }
    struct llm_sim *sim = started(&(struct llm_sim_options){.listen = "0"});
    char taken[64];
    snprintf(taken, sizeof taken, "127.0.0.1:%u", llm_sim_port(sim));
    struct llm_sim *second = NULL;
    llm_error err = LLM_ERROR_INIT;
    ck_assert_int_eq(llm_sim_new(&(struct llm_sim_options){.listen = taken}, &second, &err), LLM_E_TRANSPORT);
    llm_sim_free(sim);
}
END_TEST

START_TEST(many_connections_come_and_go) {
    struct llm_sim *sim = with_rules("[{\"reply\":{\"sse\":[\"a\",\"b\"],\"delay_ms\":1,\"repeat\":100}}]");
    int fds[200];
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < 200; i++) {
            ck_assert(raw_open(&client, llm_sim_port(sim)));
            raw_say(&client, "GET / HTTP/1.1\r\n\r\n");
            fds[i] = client.fd;
        }
        for (size_t i = 0; i < 200; i++) {
            close(fds[(i * 7) % 200]);
        }
    }
    ck_assert(holds(ask(sim, "GET /", ""), "data: b"));
    llm_sim_free(sim);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_server");
    TCase *tests = tcase_create("sim_server");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, requests_on_one_connection_are_answered_in_order);
    tcase_add_test(tests, faults_reach_the_other_side);
    tcase_add_test(tests, garbage_is_refused_and_the_server_lives);
    tcase_add_test(tests, a_delay_is_kept_and_others_are_served_meanwhile);
    tcase_add_test(tests, expect_and_chunked_bodies_are_understood);
    tcase_add_test(tests, the_log_shows_what_was_sent);
    tcase_add_test(tests, the_log_of_answers_says_what_came_of_them);
    tcase_add_test(tests, built_in_answers_speak_the_formats);
    tcase_add_test(tests, recordings_are_found_by_what_was_asked);
    tcase_add_test(tests, what_cannot_be_opened_is_said);
    tcase_add_test(tests, many_connections_come_and_go);
    return check_main(suite);
}
