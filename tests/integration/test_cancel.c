// SPDX-License-Identifier: MIT
// Cancelling stops the transfer: the provider is this program itself, and sees when its connection is closed.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check_main.h"
#include "llm_master.h"

static llm_master *master;
static llm_loop *loop;
static int listener;

static int64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void setup(void) {
    static char text[512];
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    llm_error err = LLM_ERROR_INIT;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(text, sizeof text,
                   "{\"base_urls\":{\"openai\":\"http://127.0.0.1:%u/a\",\"groq\":\"http://127.0.0.1:%u/b\"},"
                   "\"keys\":{\"openai\":{\"value\":\"key-a\"},\"groq\":{\"value\":\"key-b\"}}}",
                   ntohs(at.sin_port), ntohs(at.sin_port));
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG;
    options.settings = text;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
}

static void teardown(void) {
    llm_loop_free(loop);
    llm_master_free(master);
    (void)close(listener);
}

struct guest {
    size_t texts, ends;
    bool refuses;
    llm_status status;
    llm_error error;
};

static llm_status on_event(void *ctx, llm_call *call, const llm_event *event) {
    struct guest *guest = ctx;
    (void)call;
    guest->texts += event->type == LLM_EVENT_TEXT ? 1 : 0;
    if (event->type == LLM_EVENT_END) {
        guest->ends++;
        guest->status = event->status;
    }
    return guest->refuses && event->type == LLM_EVENT_TEXT ? LLM_E_CANCELLED : LLM_OK;
}

static llm_call *start(struct guest *guest, uint32_t hedge_ms, const char *const *fallbacks) {
    llm_call *call;
    const llm_query_args args = {
        LLM_QUERY_INIT,       .flags = LLM_QUERY_STREAM, .model = "gpt-4o-mini",
        .prompt = "hi",       .on_event = on_event,      .ctx = guest,
        .hedge_ms = hedge_ms, .fallbacks = fallbacks,    .max_attempts = fallbacks != NULL ? 2 : 1};
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    return call;
}

// The next connection, its request read; *ret_path: the letter behind the first slash.
static int serve(char *ret_path) {
    char request[8192];
    size_t n = 0;
    int fd = -1;
    const int64_t until = now_ms() + 5000;
    while (n < 4 || strstr(request, "hi\"}]") == NULL) {
        ck_assert_int_lt(now_ms(), until);
        (void)llm_loop_run(loop, 1);
        fd = fd < 0 ? accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : fd;
        const ssize_t got = fd >= 0 ? recv(fd, request + n, sizeof request - 1 - n, 0) : -1;
        n += got > 0 ? (size_t)got : 0;
        request[n] = '\0';
    }
    *ret_path = strchr(request, '/')[1];
    return fd;
}

static void say(int fd, const char *text) {
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
static const char word[] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word\"}}]}\n\n";

// Is it closed by the other side, now?
static bool is_closed(int fd) {
    char byte;
    const ssize_t n = recv(fd, &byte, 1, 0);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

static void wait_for_text(struct guest *guest) {
    const int64_t until = now_ms() + 5000;
    while (guest->texts == 0) {
        ck_assert_int_lt(now_ms(), until);
        (void)llm_loop_run(loop, 10);
    }
}

static const char *const moments[] = {"before the head", "after the head", "after a word"};

// One turn of the loop after the cancel: the connection is closed, then the end event is there; nothing is left to be done.
START_TEST(a_cancel_closes_the_connection) {
    struct guest guest = {0};
    char path;
    llm_call *call = start(&guest, 0, NULL);
    const int fd = serve(&path);
    if (_i >= 1) {
        say(fd, head);
        (void)llm_loop_run(loop, 20);
    }
    if (_i >= 2) {
        say(fd, word);
        wait_for_text(&guest);
    }
    ck_assert_msg(!is_closed(fd), "%s", moments[_i]);
    const int64_t asked = now_ms();
    llm_call_cancel(call);
    (void)llm_loop_run(loop, 0);
    ck_assert_msg(is_closed(fd), "%s: still open", moments[_i]);
    ck_assert_uint_eq(guest.ends, 1);
    ck_assert_int_eq(guest.status, LLM_E_CANCELLED);
    printf("# cancelled %s: closed after %lld ms\n", moments[_i], (long long)(now_ms() - asked));
    llm_response *response;
    ck_assert_int_eq(llm_call_response(call, &response), LLM_OK);
    ck_assert_int_eq(llm_response_usage(response)->output_tokens, -1); // not reported: not known, not nothing
    ck_assert_int_eq(llm_response_cost(response, NULL), -1);
    llm_response_free(response);
    llm_call_free(call);
    (void)close(fd);
}
END_TEST

START_TEST(a_refusing_callback_closes_the_connection) {
    struct guest guest = {.refuses = true};
    char path;
    llm_call *call = start(&guest, 0, NULL);
    const int fd = serve(&path);
    say(fd, head);
    say(fd, word);
    wait_for_text(&guest);
    (void)llm_loop_run(loop, 0);
    ck_assert(is_closed(fd));
    ck_assert_uint_eq(guest.ends, 1);
    ck_assert_int_eq(guest.status, LLM_E_CANCELLED);
    llm_call_free(call);
    (void)close(fd);
}
END_TEST

// What the provider reported before it is settled.
START_TEST(what_was_reported_is_settled) {
    struct guest guest = {0};
    char path;
    llm_call *call = start(&guest, 0, NULL);
    const int fd = serve(&path);
    say(fd, head);
    say(fd, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":100}}\n\n");
    say(fd, word);
    wait_for_text(&guest);
    llm_call_cancel(call);
    (void)llm_loop_run(loop, 0);
    ck_assert(is_closed(fd));
    llm_response *response;
    ck_assert_int_eq(llm_call_response(call, &response), LLM_OK);
    ck_assert_int_eq(llm_response_usage(response)->input_tokens, 1000);
    ck_assert_int_eq(llm_response_cost(response, NULL), 1000 * 150000 + 100 * 600000);
    llm_response_free(response);
    llm_call_free(call);
    (void)close(fd);
}
END_TEST

// Of two that race, the one that loses is closed as soon as the other speaks.
START_TEST(the_loser_of_a_race_is_closed) {
    static const char *const others[] = {"groq/llama-3.1-8b-instant", NULL};
    struct guest guest = {0};
    char first_path, second_path;
    llm_call *call = start(&guest, 20, others);
    const int first = serve(&first_path);
    const int second = serve(&second_path);
    ck_assert_int_eq(first_path, 'a');
    ck_assert_int_eq(second_path, 'b');
    const int winner = _i == 0 ? first : second, loser = _i == 0 ? second : first;
    say(loser, head); // it was ahead, without a word
    (void)llm_loop_run(loop, 10);
    ck_assert(!is_closed(winner) && !is_closed(loser));
    say(winner, head);
    say(winner, word);
    wait_for_text(&guest);
    (void)llm_loop_run(loop, 0);
    ck_assert(is_closed(loser));
    ck_assert(!is_closed(winner));
    ck_assert_uint_eq(guest.ends, 0);
    say(winner,
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
    const int64_t until = now_ms() + 5000;
    while (guest.ends == 0) {
        ck_assert_int_lt(now_ms(), until);
        (void)llm_loop_run(loop, 10);
    }
    ck_assert_int_eq(guest.status, LLM_OK);
    llm_call_free(call);
    (void)close(first);
    (void)close(second);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cancel");
    TCase *tcase = tcase_create("cancel");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_cancel_closes_the_connection, 0, (int)(sizeof moments / sizeof moments[0]));
    tcase_add_test(tcase, a_refusing_callback_closes_the_connection);
    tcase_add_test(tcase, what_was_reported_is_settled);
    tcase_add_loop_test(tcase, the_loser_of_a_race_is_closed, 0, 2);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
