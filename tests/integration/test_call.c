// SPDX-License-Identifier: MIT
// The life of a call through the public functions, with a transport in the place of HTTP: order of events, one end, cancels and frees at every
// moment, limits, and every allocation made to fail once.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"
#include "fail_alloc.h"
#include "llm_master.h"

// ---- a provider that answers from memory -----------------------------------------------------------------------------

static struct answer {
    uint32_t status;
    const char *pieces[8]; // NULL-terminated
    bool broken;           // the connection breaks behind them
    const char *header, *value;
} answer;

static char seen_url[256], seen_body[4096], seen_headers[2048];
static size_t exchanges;

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    (void)ctx;
    exchanges++;
    (void)snprintf(seen_url, sizeof seen_url, "%.*s", (int)request->url.len, request->url.ptr);
    (void)snprintf(seen_body, sizeof seen_body, "%.*s", (int)request->body.len,
                   (const char *)request->body.ptr);
    seen_headers[0] = '\0';
    for (size_t i = 0; i < request->n_headers; i++) {
        const size_t used = strlen(seen_headers);
        (void)snprintf(seen_headers + used, sizeof seen_headers - used, "%.*s: %.*s\n",
                       (int)request->headers[i].name.len, request->headers[i].name.ptr,
                       (int)request->headers[i].value.len, request->headers[i].value.ptr);
    }
    const llm_header header = {{answer.header, answer.header != NULL ? strlen(answer.header) : 0},
                               {answer.value, answer.value != NULL ? strlen(answer.value) : 0}};
    if (answer.status != 0) {
        llm_status status = reply->head(reply->ctx, answer.status, &header, answer.header != NULL ? 1 : 0);
        for (size_t i = 0; answer.pieces[i] != NULL && status == LLM_OK; i++) {
            status = reply->data(reply->ctx, answer.pieces[i], strlen(answer.pieces[i]));
        }
    }
    return answer.broken ? LLM_E_TRANSPORT : LLM_OK;
}

static const llm_transport transport = {.size = sizeof transport, .exchange = exchange};
static llm_master *master;
static char plugin_dir[1024];

static llm_master_options options_of_test(void) {
    static const char *dirs[2];
    (void)snprintf(plugin_dir, sizeof plugin_dir, "%s/tests/plugins", getenv("LLM_TEST_BUILD"));
    dirs[0] = plugin_dir;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.transport = &transport;
    return options;
}

static void setup(void) {
    llm_error err = LLM_ERROR_INIT;
    const llm_master_options options = options_of_test();
    answer = (struct answer){.status = 200, .pieces = {"Hello", " there"}};
    exchanges = 0;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
}

static void teardown(void) {
    llm_master_free(master);
}

static llm_query_args ask(void) {
    return (llm_query_args){LLM_QUERY_INIT, .model = "echo-1", .prompt = "Hi \"you\""};
}

// ---- one question, one answer ----------------------------------------------------------------------------------------

START_TEST(one_question_one_answer) {
    llm_response *response = NULL;
    llm_error err = LLM_ERROR_INIT;
    const llm_query_args args = ask();
    ck_assert_msg(llm_query(master, &args, &response, &err) == LLM_OK, "%s", err.message);
    ck_assert_str_eq(llm_response_content(response, NULL), "Hello there");
    ck_assert_str_eq(llm_response_get(response, "provider"), "echo");
    ck_assert_str_eq(llm_response_get(response, "finish_reason"), "stop");
    ck_assert_str_eq(seen_url, "http://127.0.0.1:9/chat");
    ck_assert_str_eq(seen_body, "Hi \"you\"");
    ck_assert_ptr_null(llm_response_error(response));
    ck_assert_int_eq(llm_response_usage(response)->input_tokens, -1);
    ck_assert_int_eq(llm_response_cost(response, NULL), -1); // nothing was counted: unknown, not zero
    char *json;
    size_t len;
    ck_assert_int_eq(llm_response_json(response, &json, &len), LLM_OK);
    ck_assert_uint_eq(strlen(json), len);
    ck_assert_ptr_nonnull(strstr(json, "\"content\":\"Hello there\""));
    ck_assert_ptr_nonnull(strstr(json, "\"cost\":null"));
    ck_assert_ptr_nonnull(strstr(
        json,
        "\"attempts\":[{\"provider\":\"echo\",\"model\":\"echo-1\",\"status\":\"ok\",\"http_status\":200,"));
    llm_free(json);
    llm_response_free(response);
}
END_TEST

START_TEST(a_response_outlives_the_master) {
    llm_response *response = NULL;
    const llm_query_args args = ask();
    ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_OK);
    llm_master_free(master);
    ck_assert_str_eq(llm_response_content(response, NULL), "Hello there");
    llm_response_free(response);
    const llm_master_options options = options_of_test();
    ck_assert_int_eq(llm_master_new(&options, &master, NULL), LLM_OK);
}
END_TEST

static const struct {
    const char *why, *model, *operation, *body, *prompt;
    llm_status want;
    const char *says;
} refused[] = {
    {"unknown model", "ecko-1", NULL, NULL, "x", LLM_E_NOT_FOUND, "echo-1"},
    {"no JSON", "echo-1", NULL, "{", NULL, LLM_E_INVALID_REQUEST, "byte"},
    {"no object", "echo-1", NULL, "[]", NULL, LLM_E_INVALID_REQUEST, "object"},
    {"a name twice", "echo-1", NULL, "{\"a\":1,\"\\u0061\":2}", NULL, LLM_E_INVALID_REQUEST, "twice"},
    {"two documents", "echo-1", NULL, "{}{}", NULL, LLM_E_INVALID_REQUEST, "byte"},
    {"bad UTF-8", "echo-1", NULL, "{\"a\":\"\xff\"}", NULL, LLM_E_INVALID_REQUEST, "byte"},
    {"model is no string", NULL, NULL, "{\"model\":7}", NULL, LLM_E_INVALID_REQUEST, "model"},
    {"unknown operation", "echo-1", "sing", "{}", NULL, LLM_E_UNSUPPORTED, "chat"},
    {"nothing to say", "echo-1", NULL, NULL, NULL, LLM_E_INVALID_REQUEST, "prompt"},
};

START_TEST(refusals_come_before_anything_is_sent) {
    llm_query_args args = {LLM_QUERY_INIT, .model = refused[_i].model, .operation = refused[_i].operation,
                           .prompt = refused[_i].prompt};
    llm_error err = LLM_ERROR_INIT;
    llm_response *response = NULL;
    if (refused[_i].body != NULL) {
        args.body = (llm_str){refused[_i].body, strlen(refused[_i].body)};
    }
    const llm_status got = llm_query(master, &args, &response, &err);
    ck_assert_msg(got == refused[_i].want, "%s: %s: %s", refused[_i].why, llm_status_name(got), err.message);
    ck_assert_int_eq(err.status, got);
    ck_assert_msg(strstr(err.message, refused[_i].says) != NULL, "%s: %s", refused[_i].why, err.message);
    ck_assert_ptr_null(response);
    ck_assert_uint_eq(exchanges, 0);
}
END_TEST

START_TEST(a_struct_without_a_size_is_refused) {
    llm_query_args args = {0};
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_INVALID_REQUEST);
    ck_assert_int_eq(llm_query(master, NULL, NULL, NULL), LLM_E_INVALID_REQUEST);
}
END_TEST

// ---- answers that are none -------------------------------------------------------------------------------------------

static const struct {
    const char *why;
    struct answer answer;
    llm_status want;
    const char *says;
    bool truncated;
} failures[] = {
    {"401", {401, {"{\"error\":\"bad key\"}"}, false, NULL, NULL}, LLM_E_AUTH, "HTTP 401", false},
    {"a page of HTML", {502, {"<html>Bad gateway</html>"}, false, NULL, NULL}, LLM_E_SERVER, "HTML", false},
    {"a redirect",
     {307, {""}, false, "location", "https://evil.example/"},
     LLM_E_PROTOCOL,
     "https://evil.example/",
     false},
    {"429 with advice",
     {429, {"slow down"}, false, "retry-after", "2"},
     LLM_E_RATE_LIMITED,
     "slow down",
     false},
    {"gzip", {200, {"\x1f\x8b"}, false, "content-encoding", "gzip"}, LLM_E_PROTOCOL, "gzip", false},
    {"no answer at all", {0, {NULL}, true, NULL, NULL}, LLM_E_TRANSPORT, "transport", false},
    {"cut in the middle", {200, {"Hel"}, true, NULL, NULL}, LLM_E_TRANSPORT, "cut off", false},
};

START_TEST(failures_say_what_happened) {
    const llm_query_args args = ask();
    llm_error err = LLM_ERROR_INIT;
    llm_response *response = NULL;
    answer = failures[_i].answer;
    const llm_status got = llm_query(master, &args, &response, &err);
    ck_assert_msg(got == failures[_i].want, "%s: %s: %s", failures[_i].why, llm_status_name(got),
                  err.message);
    ck_assert_msg(strstr(err.message, failures[_i].says) != NULL, "%s: %s", failures[_i].why, err.message);
    ck_assert_str_eq(err.provider, "echo");
    ck_assert_ptr_nonnull(response);
    ck_assert_int_eq(llm_response_error(response)->status, got);
    if (answer.status == 429) {
        ck_assert_int_eq(err.retry_after_ms, 2000);
    }
    llm_response_free(response);
}
END_TEST

// ---- events ----------------------------------------------------------------------------------------------------------

struct watcher {
    uint32_t types[64];
    size_t count, ends, refuse_at, free_at;
    llm_loop *loop;
    bool restart;
};

static llm_status watch(void *ctx, llm_call *call, const llm_event *event) {
    struct watcher *w = ctx;
    ck_assert_uint_eq(w->ends, 0); // nothing follows the end
    w->types[w->count++ % 64] = event->type;
    w->ends += event->type == LLM_EVENT_END ? 1 : 0;
    if (w->free_at == w->count) {
        llm_call_free(call);
    }
    if (w->restart && event->type == LLM_EVENT_END) {
        llm_call *next;
        llm_query_args args = ask();
        args.on_event = watch;
        args.ctx = w;
        w->restart = false;
        w->count = w->ends = 0;
        ck_assert_int_eq(llm_call_start(w->loop, &args, &next, NULL), LLM_OK);
        ck_assert_uint_eq(w->count, 0); // never from inside
        llm_call_free(call);
    }
    return w->refuse_at == w->count ? LLM_E_CANCELLED : LLM_OK;
}

START_TEST(events_come_in_order_and_end_once) {
    struct watcher w = {0};
    llm_query_args args = ask();
    args.on_event = watch;
    args.ctx = &w;
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_OK);
    const uint32_t want[] = {LLM_EVENT_START, LLM_EVENT_TEXT, LLM_EVENT_FINISH, LLM_EVENT_END};
    ck_assert_uint_eq(w.count, 4);
    ck_assert_int_eq(memcmp(w.types, want, sizeof want), 0);
}
END_TEST

START_TEST(refusing_an_event_cancels) {
    for (size_t at = 1; at <= 3; at++) {
        struct watcher w = {.refuse_at = at};
        llm_query_args args = ask();
        llm_error err = LLM_ERROR_INIT;
        args.on_event = watch;
        args.ctx = &w;
        ck_assert_int_eq(llm_query(master, &args, NULL, &err), LLM_E_CANCELLED);
        ck_assert_uint_eq(w.ends, 1);
        ck_assert_uint_eq(w.types[w.count - 2], LLM_EVENT_ERROR);
    }
}
END_TEST

START_TEST(a_call_may_be_freed_at_every_event) {
    for (size_t at = 1; at <= 4; at++) {
        struct watcher w = {.free_at = at};
        llm_loop *loop;
        llm_call *call;
        llm_query_args args = ask();
        args.on_event = watch;
        args.ctx = &w;
        ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
        ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
        for (int i = 0; i < 10 && llm_loop_run(loop, 0) > 0; i++) {
        }
        ck_assert_uint_eq(w.count, at); // a freed call says nothing more
        llm_loop_free(loop);
    }
}
END_TEST

START_TEST(an_event_may_start_another_call) {
    struct watcher w = {.restart = true};
    llm_call *call;
    llm_query_args args = ask();
    args.on_event = watch;
    args.ctx = &w;
    ck_assert_int_eq(llm_loop_new(master, NULL, &w.loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(w.loop, &args, &call, NULL), LLM_OK);
    ck_assert_uint_eq(w.count, 0);
    for (int i = 0; i < 20 && llm_loop_run(w.loop, 0) > 0; i++) {
    }
    ck_assert_uint_eq(w.ends, 1);
    ck_assert_uint_eq(exchanges, 2);
    llm_loop_free(w.loop);
}
END_TEST

START_TEST(a_loop_ends_its_calls) {
    struct watcher w[3];
    memset(w, 0, sizeof w);
    llm_loop *loop;
    llm_call *call;
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    for (int i = 0; i < 3; i++) {
        llm_query_args args = ask();
        args.on_event = watch;
        args.ctx = &w[i];
        ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    }
    llm_loop_free(loop);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(w[i].ends, 1);
    }
}
END_TEST

START_TEST(events_can_be_pulled) {
    llm_loop *loop;
    llm_call *call;
    const llm_event *event;
    llm_query_args args = ask();
    char text[64] = "";
    size_t ends = 0;
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    llm_status status;
    while ((status = llm_call_next(call, 1000, &event)) == LLM_OK) {
        if (event->type == LLM_EVENT_TEXT) {
            strncat(text, event->text.ptr, event->text.len);
        }
        ends += event->type == LLM_EVENT_END ? 1 : 0;
    }
    ck_assert_int_eq(status, LLM_DONE);
    ck_assert_str_eq(text, "Hello there");
    ck_assert_uint_eq(ends, 1);
    llm_call_free(call);
    llm_loop_free(loop);
}
END_TEST

// ---- a host's own event loop ---------------------------------------------------------------------------------------------

static int64_t host_timer = -1;

static void host_watch(void *ctx, int fd, int events) {
    (void)ctx;
    (void)fd;
    (void)events;
}

static void host_set_timer(void *ctx, int64_t after_ms) {
    (void)ctx;
    host_timer = after_ms;
}

START_TEST(a_host_can_drive) {
    llm_loop *loop;
    llm_call *call;
    struct watcher w = {0};
    llm_query_args args = ask();
    const llm_loop_options options = {.size = sizeof options, .watch = host_watch, .timer = host_set_timer};
    args.on_event = watch;
    args.ctx = &w;
    ck_assert_int_eq(llm_loop_new(master, &options, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_loop_fd(loop), -1);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    ck_assert_int_eq(host_timer, 0);
    for (int i = 0; i < 10 && w.ends == 0; i++) {
        ck_assert_int_ge(host_timer, 0);
        (void)llm_loop_ready(loop, -1, 0);
    }
    ck_assert_uint_eq(w.ends, 1);
    llm_call_free(call);
    llm_loop_free(loop);
}
END_TEST

// ---- threads, reloads ------------------------------------------------------------------------------------------------------

static void *ask_often(void *arg) {
    (void)arg;
    size_t good = 0;
    for (int i = 0; i < 50; i++) {
        llm_response *response = NULL;
        const llm_query_args args = ask();
        good += llm_query(master, &args, &response, NULL) == LLM_OK &&
                        strcmp(llm_response_content(response, NULL), "Hello there") == 0
                    ? 1
                    : 0;
        llm_response_free(response);
    }
    return (void *)good;
}

static llm_status quiet_exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    (void)ctx;
    (void)request;
    llm_status status = reply->head(reply->ctx, 200, NULL, 0);
    return status == LLM_OK && reply->data(reply->ctx, "Hello there", 11) < 0 ? LLM_E_TRANSPORT : LLM_OK;
}

START_TEST(many_threads_ask_while_it_reloads) {
    const llm_transport quiet = {.size = sizeof quiet, .exchange = quiet_exchange};
    llm_master_options options = options_of_test();
    options.transport = &quiet;
    llm_master_free(master);
    ck_assert_int_eq(llm_master_new(&options, &master, NULL), LLM_OK);
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, NULL), 0);
    }
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(llm_master_reload(master, NULL), LLM_OK);
    }
    for (int i = 0; i < 8; i++) {
        void *good;
        (void)pthread_join(threads[i], &good);
        ck_assert_uint_eq((size_t)good, 50);
    }
}
END_TEST

// ---- memory --------------------------------------------------------------------------------------------------------------

START_TEST(a_warm_call_allocates_what_the_plugin_does) {
    const llm_query_args args = ask();
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_OK);
    }
    const size_t before = fail_alloc_count();
    for (int i = 0; i < 10; i++) {
        (void)llm_query(master, &args, NULL, NULL);
    }
    const size_t after = fail_alloc_count();
    ck_assert_uint_eq(after - before, 0);
}
END_TEST

// Every allocation of a master and a call on it fails once: a clear status, no crash, no leak.
static bool everything_with_failure(size_t n, llm_status *ret) {
    llm_master *own = NULL;
    llm_response *response = NULL;
    char *json = NULL;
    size_t len;
    const llm_master_options options = options_of_test();
    const llm_query_args args = ask();
    fail_alloc_after(n);
    *ret = llm_master_new(&options, &own, NULL);
    if (*ret == LLM_OK) {
        *ret = llm_query(own, &args, &response, NULL);
    }
    if (*ret == LLM_OK) {
        *ret = llm_response_json(response, &json, &len);
    }
    if (*ret == LLM_OK) {
        *ret = llm_master_reload(own, NULL);
    }
    const bool failed = fail_alloc_off();
    llm_free(json);
    llm_response_free(response);
    llm_master_free(own);
    return failed;
}

START_TEST(every_allocation_fails_once) {
    for (size_t n = 0; n < 5000; n++) {
        llm_status status;
        if (!everything_with_failure(n, &status)) {
            ck_assert_int_eq(status, LLM_OK);
            ck_assert_uint_gt(n, 20);
            return;
        }
        // A plugin or file that could not be read for want of memory may be left out: then the model is not found.
        ck_assert_msg(status <= LLM_OK, "%zu: %d", n, (int)status);
    }
    ck_abort_msg("it never came through");
}
END_TEST

// The same for a loop: start, pull, cancel, free.
static bool pulling_with_failure(size_t n, llm_status *ret) {
    llm_loop *loop = NULL;
    llm_call *call = NULL, *other = NULL;
    const llm_event *event;
    const llm_query_args args = ask();
    size_t ends = 0;
    fail_alloc_after(n);
    *ret = llm_loop_new(master, NULL, &loop, NULL);
    if (*ret == LLM_OK) {
        *ret = llm_call_start(loop, &args, &call, NULL);
    }
    if (*ret == LLM_OK) {
        *ret = llm_call_start(loop, &args, &other, NULL);
    }
    if (*ret == LLM_OK) {
        llm_call_cancel(other);
        while ((*ret = llm_call_next(call, 1000, &event)) == LLM_OK && ends < 2) {
            ends += event->type == LLM_EVENT_END ? 1 : 0;
        }
    }
    const bool failed = fail_alloc_off();
    // Whatever memory there was: a call that began is ended by one end event.
    ck_assert_uint_eq(ends, call != NULL && *ret == LLM_DONE ? 1 : 0);
    llm_call_free(call);
    llm_call_free(other);
    llm_loop_free(loop);
    return failed;
}

START_TEST(every_allocation_of_a_loop_fails_once) {
    for (size_t n = 0; n < 2000; n++) {
        llm_status status;
        if (!pulling_with_failure(n, &status)) {
            ck_assert_int_eq(status, LLM_DONE);
            return;
        }
        ck_assert_msg(status == LLM_E_NOMEM || status == LLM_DONE || status == LLM_E_LIMIT, "%zu: %d", n,
                      (int)status);
    }
    ck_abort_msg("it never came through");
}
END_TEST

static const char *const described[] = {"models", "providers", "keys", "plugins", "config", "doctor"};

START_TEST(every_allocation_of_a_description_fails_once) {
    for (size_t n = 0; n < 5000; n++) {
        char *json = NULL;
        size_t len = 0;
        fail_alloc_after(n);
        const llm_status status = llm_master_describe(master, described[_i], NULL, &json, &len, NULL);
        const bool failed = fail_alloc_off();
        if (!failed) {
            ck_assert_int_eq(status, LLM_OK);
            ck_assert_uint_eq(strlen(json), len);
            llm_free(json);
            return;
        }
        llm_free(json);
        ck_assert_msg(status == LLM_E_NOMEM || status == LLM_OK, "%s %zu: %d", described[_i], n, (int)status);
    }
    ck_abort_msg("it never came through");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("call");
    TCase *tcase = tcase_create("call");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, one_question_one_answer);
    tcase_add_test(tcase, a_response_outlives_the_master);
    tcase_add_loop_test(tcase, refusals_come_before_anything_is_sent, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(tcase, a_struct_without_a_size_is_refused);
    tcase_add_loop_test(tcase, failures_say_what_happened, 0, (int)(sizeof failures / sizeof failures[0]));
    tcase_add_test(tcase, events_come_in_order_and_end_once);
    tcase_add_test(tcase, refusing_an_event_cancels);
    tcase_add_test(tcase, a_call_may_be_freed_at_every_event);
    tcase_add_test(tcase, an_event_may_start_another_call);
    tcase_add_test(tcase, a_loop_ends_its_calls);
    tcase_add_test(tcase, events_can_be_pulled);
    tcase_add_test(tcase, a_host_can_drive);
    tcase_add_test(tcase, many_threads_ask_while_it_reloads);
    tcase_add_test(tcase, a_warm_call_allocates_what_the_plugin_does);
    tcase_add_test(tcase, every_allocation_fails_once);
    tcase_add_test(tcase, every_allocation_of_a_loop_fails_once);
    tcase_add_loop_test(tcase, every_allocation_of_a_description_fails_once, 0,
                        (int)(sizeof described / sizeof described[0]));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
