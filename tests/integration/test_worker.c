// SPDX-License-Identifier: MIT
// Generators that block, each on a thread of its own: every verb arrives on the loop's thread in order, one end event, cancels and frees at
// every moment, deadlines, failures, a plugin that does not listen.
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check_main.h"
#include "llm_master.h"

static llm_master *master;
static atomic_uint logged; // lines of plugins

static void on_log(void *ctx, int32_t level, const char *message, size_t len) {
    (void)ctx;
    (void)level;
    (void)len;
    atomic_fetch_add(&logged, strstr(message, "plugin: ") != NULL ? 1 : 0);
}

static void setup(void) {
    static char plugin_dir[1024];
    static const char *dirs[2];
    llm_error err = LLM_ERROR_INIT;
    (void)snprintf(plugin_dir, sizeof plugin_dir, "%s/tests/plugins", getenv("LLM_TEST_BUILD"));
    dirs[0] = plugin_dir;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.log = on_log;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
}

static void teardown(void) {
    llm_master_free(master);
}

static size_t threads(void) {
    DIR *dir = opendir("/proc/self/task");
    size_t n = 0;
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n;
}

static void nap_ms(long ms) {
    const struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&nap, NULL);
}

static void threads_come_down_to(size_t n) {
    for (int i = 0; i < 1000 && threads() > n; i++) {
        nap_ms(10);
    }
    ck_assert_uint_le(threads(), n);
}

struct watcher {
    pthread_t thread;
    size_t events, ends, errors, cancel_at, refuse_at, free_at;
    llm_status status;
};

static llm_status watch(void *ctx, llm_call *call, const llm_event *event) {
    struct watcher *w = ctx;
    ck_assert_uint_eq(w->ends, 0);
    ck_assert(pthread_equal(w->thread, pthread_self()));
    w->events++;
    w->errors += event->type == LLM_EVENT_ERROR ? 1 : 0;
    if (event->type == LLM_EVENT_END) {
        w->ends++;
        w->status = event->status;
    }
    if (w->events == w->cancel_at) {
        llm_call_cancel(call);
    }
    if (w->events == w->free_at) {
        llm_call_free(call);
    }
    return w->events == w->refuse_at ? LLM_E_CANCELLED : LLM_OK;
}

static llm_query_args ask(struct watcher *w, const char *prompt) {
    w->thread = pthread_self();
    return (llm_query_args){LLM_QUERY_INIT,   .flags = LLM_QUERY_COLLECT, .model = "blocking-1",
                            .prompt = prompt, .on_event = watch,          .ctx = w};
}

static void run_to_end(llm_loop *loop, const struct watcher *w) {
    for (int i = 0; i < 2000 && w->ends == 0; i++) {
        (void)llm_loop_run(loop, 10);
    }
    ck_assert_uint_eq(w->ends, 1);
}

START_TEST(every_verb_arrives) {
    struct watcher w = {0};
    llm_response *r;
    llm_error err = LLM_ERROR_INIT;
    const llm_query_args args = ask(&w, "verbs");
    ck_assert_msg(llm_query(master, &args, &r, &err) == LLM_OK, "%s", err.message);
    char *json;
    ck_assert_int_eq(llm_response_json(r, &json, NULL), LLM_OK);
    static const char *const parts[] = {"\"content\":\"Hello\"",
                                        "\"reasoning\":\"hm\"",
                                        "\"arguments\":\"{\\\"a\\\":1}\"",
                                        "\"bytes\":9",
                                        "\"bytes\":8",
                                        "https://example.org/x.png",
                                        "[1.10]",
                                        "0.5",
                                        "\"code\":\"param_dropped\",\"param\":\"top_k\"",
                                        "\"ranking\":[3,1]",
                                        "\"raw\":{\"in\":3}",
                                        "\"native_finish_reason\":\"end\"",
                                        "\"provider_model\":\"blocking-1a\"",
                                        "\"id\":\"id-7\""};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        ck_assert_msg(strstr(json, parts[i]) != NULL, "%s is not in %s", parts[i], json);
    }
    ck_assert_int_eq(llm_response_cost(r, NULL), 7000000); // 3 at 1 and 2 at 2 USD a million
    ck_assert_uint_eq(w.ends, 1);
    ck_assert_uint_eq(w.errors, 0);
    llm_free(json);
    llm_response_free(r);
}
END_TEST

START_TEST(a_flood_stays_in_order) {
    struct watcher w = {0};
    llm_response *r;
    const llm_query_args args = ask(&w, "flood");
    ck_assert_int_eq(llm_query(master, &args, &r, NULL), LLM_OK);
    const char *at = llm_response_content(r, NULL);
    for (int i = 0; i < 20000; i++) {
        char number[16];
        const int n = snprintf(number, sizeof number, "%d ", i);
        ck_assert_msg(strncmp(at, number, (size_t)n) == 0, "%d: %.20s", i, at);
        at += n;
    }
    llm_response_free(r);
}
END_TEST

START_TEST(a_cancel_ends_it) {
    const size_t before = threads();
    for (size_t at = 1; at <= 2;
         at++) { // at the text; at the event behind it, which never comes: from outside
        struct watcher w = {.cancel_at = at == 1 ? 1 : 0};
        llm_loop *loop;
        llm_call *call;
        const llm_query_args args = ask(&w, "wait");
        ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
        ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
        for (int i = 0; i < 2000 && w.events == 0; i++) {
            (void)llm_loop_run(loop, 10);
        }
        if (at == 2) {
            llm_call_cancel(call);
        }
        run_to_end(loop, &w);
        ck_assert_int_eq(w.status, LLM_E_CANCELLED);
        ck_assert_uint_eq(w.errors, 1);
        llm_call_free(call);
        llm_loop_free(loop);
    }
    threads_come_down_to(before);
}
END_TEST

START_TEST(refusing_an_event_ends_it) {
    struct watcher w = {.refuse_at = 1};
    const llm_query_args args = ask(&w, "wait");
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_CANCELLED);
    ck_assert_uint_eq(w.ends, 1);
}
END_TEST

START_TEST(deadlines_end_it) {
    const size_t before = threads();
    for (int which = 0; which < 3; which++) {
        struct watcher w = {0};
        llm_error err = LLM_ERROR_INIT;
        llm_query_args args = ask(&w, which == 2 ? "deaf" : "wait");
        args.total_timeout_ms = which == 0 ? 100 : 0;
        args.idle_timeout_ms = which == 1 ? 100 : 0;
        args.first_byte_timeout_ms = which == 2 ? 100 : 0;
        ck_assert_int_eq(llm_query(master, &args, NULL, &err), LLM_E_TIMEOUT);
        static const char *const says[] = {"total_ms", "idle_ms", "first_byte_ms"};
        ck_assert_msg(strstr(err.message, says[which]) != NULL, "%s: %s", says[which], err.message);
        ck_assert_uint_eq(w.ends, 1);
    }
    threads_come_down_to(before);
}
END_TEST

START_TEST(a_failure_is_told) {
    struct watcher w = {0};
    llm_error err = LLM_ERROR_INIT;
    llm_query_args args = ask(&w, "fault");
    args.max_attempts = 1;
    ck_assert_int_eq(llm_query(master, &args, NULL, &err), LLM_E_OVERLOADED);
    ck_assert_str_eq(err.message, "the line is busy");
    ck_assert_str_eq(err.provider_code, "busy");
    ck_assert_str_eq(err.request_id, "r-9");
    ck_assert_str_eq(err.param, "model");
    ck_assert_int_eq(err.retry_after_ms, 1500);
    ck_assert_uint_eq(w.ends, 1);
    ck_assert_uint_eq(w.errors, 1);
}
END_TEST

START_TEST(a_failure_behind_text_keeps_the_text) {
    struct watcher w = {0};
    llm_error err = LLM_ERROR_INIT;
    llm_response *r;
    const llm_query_args args = ask(&w, "fail");
    ck_assert_int_eq(llm_query(master, &args, &r, &err), LLM_E_SERVER);
    ck_assert_str_eq(llm_response_content(r, NULL), "Hel");
    ck_assert_str_eq(err.provider, "blocking");
    ck_assert_uint_eq(w.ends, 1);
    llm_response_free(r);
}
END_TEST

START_TEST(an_end_without_a_result_is_an_end) {
    struct watcher w = {0};
    const llm_query_args args = ask(&w, "lie");
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_OK);
    ck_assert_uint_eq(w.ends, 1);
}
END_TEST

START_TEST(it_may_be_freed_at_every_moment) {
    const size_t before = threads();
    for (size_t at = 0; at < 4; at++) {
        struct watcher w = {.free_at = at == 3 ? 1 : 0};
        llm_loop *loop;
        llm_call *call;
        const llm_query_args args = ask(&w, "wait");
        ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
        ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
        for (int i = 0; i < 500 && at > 0 && w.events == 0; i++) {
            (void)llm_loop_run(loop, 10);
        }
        if (at == 1) {
            llm_call_free(call);
            ck_assert_uint_eq(w.ends, 0);
        }
        llm_loop_free(loop); // at 0 and 2 with the call under way
        ck_assert_uint_eq(w.ends, at == 0 || at == 2 ? 1u : 0u);
    }
    threads_come_down_to(before);
}
END_TEST

// The thread goes on in the plugin's code when everything else is gone: the code must still be there.
// Text that comes while the end of another call keeps the loop's last round busy is given at the very end of it.
struct pair {
    llm_loop *loop;
    llm_call *waits, *talks;
    size_t ends, texts;
    bool freed, runs;
};

static llm_status keep_busy(void *ctx, llm_call *call, const llm_event *event) {
    struct pair *p = ctx;
    (void)call;
    if (event->type == LLM_EVENT_END) {
        p->ends++;
        nap_ms(1800); // the other one says something now
    }
    return LLM_OK;
}

static llm_status free_at_text(void *ctx, llm_call *call, const llm_event *event) {
    struct pair *p = ctx;
    if (event->type == LLM_EVENT_TEXT) {
        p->texts++;
        p->runs = llm_loop_run(p->loop, 0) != LLM_E_INVALID_REQUEST;
        p->freed = true;
        llm_call_free(call);
    }
    return LLM_OK;
}

static void *cancel_soon(void *arg) {
    struct pair *p = arg;
    nap_ms(100);
    llm_call_cancel(p->waits);
    return NULL;
}

START_TEST(it_may_be_freed_at_the_end_of_a_round) {
    struct pair p = {0};
    pthread_t thread;
    const size_t before = threads();
    llm_query_args args = {LLM_QUERY_INIT, .model = "blocking-1", .prompt = "wait", .on_event = keep_busy,
                           .ctx = &p};
    ck_assert_int_eq(llm_loop_new(master, NULL, &p.loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(p.loop, &args, &p.waits, NULL), LLM_OK);
    args.prompt = "deaf";
    args.on_event = free_at_text;
    ck_assert_int_eq(llm_call_start(p.loop, &args, &p.talks, NULL), LLM_OK);
    for (int i = 0; i < 5; i++) {
        (void)llm_loop_run(p.loop, 10);
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, &p), 0);
    while (p.ends == 0) {
        (void)llm_loop_run(p.loop, 1000);
    }
    (void)pthread_join(thread, NULL);
    for (int i = 0; i < 200 && !p.freed; i++) {
        (void)llm_loop_run(p.loop, 10);
    }
    ck_assert_uint_eq(p.texts, 1);
    ck_assert(!p.runs); // it is inside the loop
    llm_call_free(p.waits);
    llm_loop_free(p.loop);
    threads_come_down_to(before);
}
END_TEST

START_TEST(one_that_does_not_listen_is_left_alone) {
    const size_t before = threads();
    struct watcher w = {0};
    llm_loop *loop;
    llm_call *call;
    const llm_query_args args = ask(&w, "deaf");
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    (void)llm_loop_run(loop, 10);
    llm_call_cancel(call);
    run_to_end(loop, &w);
    ck_assert_int_eq(w.status, LLM_E_CANCELLED);
    llm_call_free(call);
    llm_loop_free(loop);
    llm_master_free(master);
    master = NULL;
    atomic_store(&logged, 0);
    threads_come_down_to(before);
    nap_ms(50);
    ck_assert_uint_eq(atomic_load(&logged), 0); // whose log it was is gone
}
END_TEST

static void *ask_often(void *arg) {
    size_t good = 0;
    (void)arg;
    for (int i = 0; i < 25; i++) {
        struct watcher w = {.cancel_at = i % 5 == 4 ? 1 : 0};
        llm_response *r = NULL;
        const llm_query_args args = ask(&w, i % 5 == 3 ? "verbs" : i % 5 == 4 ? "wait" : "again");
        const llm_status status = llm_query(master, &args, &r, NULL);
        good += w.ends == 1 && status == (i % 5 == 4 ? LLM_E_CANCELLED : LLM_OK) ? 1 : 0;
        llm_response_free(r);
    }
    return (void *)good;
}

START_TEST(many_threads_block_while_it_reloads) {
    pthread_t list[8];
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(pthread_create(&list[i], NULL, ask_often, NULL), 0);
    }
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(llm_master_reload(master, NULL), LLM_OK);
    }
    for (int i = 0; i < 8; i++) {
        void *good;
        (void)pthread_join(list[i], &good);
        ck_assert_uint_eq((size_t)good, 25);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("worker");
    TCase *tcase = tcase_create("worker");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_verb_arrives);
    tcase_add_test(tcase, a_flood_stays_in_order);
    tcase_add_test(tcase, a_cancel_ends_it);
    tcase_add_test(tcase, refusing_an_event_ends_it);
    tcase_add_test(tcase, deadlines_end_it);
    tcase_add_test(tcase, a_failure_is_told);
    tcase_add_test(tcase, a_failure_behind_text_keeps_the_text);
    tcase_add_test(tcase, an_end_without_a_result_is_an_end);
    tcase_add_test(tcase, it_may_be_freed_at_every_moment);
    tcase_add_test(tcase, it_may_be_freed_at_the_end_of_a_round);
    tcase_add_test(tcase, one_that_does_not_listen_is_left_alone);
    tcase_add_test(tcase, many_threads_block_while_it_reloads);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
