// SPDX-License-Identifier: MIT
// Over real sockets, against the simulator: providers that cut, reset, stall and babble while calls are cancelled and freed at every moment;
// time-outs; cancels from another thread; limits on what an answer may be.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check_main.h"
#include "llm_master.h"
#include "sim.h"

static struct llm_sim *sim;
static llm_master *master;

static void begin(const char *rules) {
    static char plugin_dir[1024], settings[512];
    static const char *dirs[2];
    llm_error err = LLM_ERROR_INIT;
    ck_assert_msg(llm_sim_new(&(struct llm_sim_options){.rules = rules, .no_demo = true}, &sim, &err) ==
                      LLM_OK,
                  "%s", err.message);
    ck_assert_int_eq(llm_sim_start(sim), LLM_OK);
    (void)snprintf(plugin_dir, sizeof plugin_dir, "%s/tests/plugins", getenv("LLM_TEST_BUILD"));
    (void)snprintf(settings, sizeof settings, "{\"base_urls\":{\"echo\":\"%s\"}}", llm_sim_url(sim));
    dirs[0] = plugin_dir;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.settings = settings;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
}

static void finish(void) {
    llm_master_free(master);
    llm_sim_free(sim);
}

static int64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---- the storm -----------------------------------------------------------------------------------------------------

static uint32_t seed = 12345;

static uint32_t roll(uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 16) % n;
}

static char *storm_rules(size_t count) {
    static const char *const faults[] = {
        "\"fault\":{\"kind\":\"cut\",\"after\":%u}",
        "\"fault\":{\"kind\":\"reset\",\"after\":%u}",
        "\"fault\":{\"kind\":\"garbage\",\"after\":%u}",
        "\"fault\":{\"kind\":\"close\",\"after\":%u}",
        "\"fault\":{\"kind\":\"refuse\",\"after\":%u}",
        "\"fault\":{\"kind\":\"length\",\"by\":%u}",
        "\"fault\":{\"kind\":\"stall\",\"after\":%u}",
        "\"status\":500,\"delay_ms\":%u",
        "\"chunks\":1,\"head_delay_ms\":%u",
        "\"framing\":\"close\",\"delay_ms\":%u",
    };
    char *text = malloc(count * 256 + 16);
    size_t n = (size_t)sprintf(text, "[");
    for (size_t i = 0; i < count; i++) {
        n += (size_t)sprintf(text + n, "%s{\"match\":{\"nth\":1},\"reply\":{\"body\":\"hello world\",",
                             i > 0 ? "," : "");
        n += (size_t)sprintf(text + n, faults[roll(10)], 1 + roll(9));
        n += (size_t)sprintf(text + n, "}}");
    }
    (void)sprintf(text + n, ",{\"reply\":{\"body\":\"fine\"}}]");
    return text;
}

struct guest {
    llm_call *call;
    size_t events, ends, free_at, refuse_at, cancel_at;
    bool freed;
};

static llm_status on_event(void *ctx, llm_call *call, const llm_event *event) {
    struct guest *guest = ctx;
    ck_assert(!guest->freed);
    ck_assert_uint_eq(guest->ends, 0);
    guest->events++;
    guest->ends += event->type == LLM_EVENT_END ? 1 : 0;
    if (guest->events == guest->cancel_at) {
        llm_call_cancel(call);
    }
    if (guest->events == guest->free_at) {
        guest->freed = true;
        llm_call_free(call);
    }
    return guest->events == guest->refuse_at ? LLM_E_CANCELLED : LLM_OK;
}

START_TEST(a_storm_of_disconnects) {
    enum { GUESTS = 600 };
    static struct guest guests[GUESTS];
    llm_loop *loop;
    char *rules = storm_rules(500);
    memset(guests, 0, sizeof guests);
    begin(rules);
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    for (size_t i = 0; i < GUESTS; i++) {
        struct guest *guest = &guests[i];
        const uint32_t mood = roll(6);
        guest->free_at = mood == 0 ? 1 + roll(4) : 0;
        guest->refuse_at = mood == 1 ? 1 + roll(4) : 0;
        guest->cancel_at = mood == 2 ? 1 + roll(4) : 0;
        const llm_query_args args = {LLM_QUERY_INIT,           .model = "echo-1",    .prompt = "hi",
                                     .total_timeout_ms = 1500, .on_event = on_event, .ctx = guest};
        ck_assert_int_eq(llm_call_start(loop, &args, &guest->call, NULL), LLM_OK);
        if (mood == 3) {
            for (uint32_t k = roll(5); k > 0; k--) {
                (void)llm_loop_run(loop, 0);
            }
            if (!guest->freed) {
                guest->freed = true;
                llm_call_free(guest->call);
            }
        }
        if (i % 50 == 49) {
            (void)llm_loop_run(loop, 1);
        }
    }
    const int64_t until = now_ms() + 20000;
    while (llm_loop_run(loop, 100) > 0) {
        ck_assert_int_lt(now_ms(), until);
    }
    for (size_t i = 0; i < GUESTS; i++) {
        if (!guests[i].freed) {
            ck_assert_uint_eq(guests[i].ends, 1);
            llm_call_free(guests[i].call);
        }
    }
    llm_loop_free(loop);
    finish();
    free(rules);
}
END_TEST

// ---- faults, one by one ----------------------------------------------------------------------------------------------

static const struct {
    const char *why, *rules;
    llm_status want;
    const char *says;
} faults[] = {
    {"closed without an answer", "[{\"reply\":{\"fault\":{\"kind\":\"close\"}}}]", LLM_E_TRANSPORT, ""},
    {"reset without an answer", "[{\"reply\":{\"fault\":{\"kind\":\"refuse\"}}}]", LLM_E_TRANSPORT, ""},
    {"cut in the body", "[{\"reply\":{\"body\":\"hello world\",\"fault\":{\"kind\":\"cut\",\"after\":5}}}]",
     LLM_E_TRANSPORT, "cut off"},
    {"never an answer", "[{\"reply\":{\"fault\":{\"kind\":\"silent\"}}}]", LLM_E_TIMEOUT, "first_byte_ms"},
    {"stalls in the body",
     "[{\"reply\":{\"body\":\"hello world\",\"fault\":{\"kind\":\"stall\",\"after\":5}}}]", LLM_E_TIMEOUT,
     "idle_ms"},
    {"drips for ever",
     "[{\"reply\":{\"body\":\"hello world\",\"chunks\":1,\"delay_ms\":50,\"repeat\":1000}}]", LLM_E_TIMEOUT,
     "total_ms"},
    {"a page of HTML", "[{\"reply\":{\"status\":502,\"body\":\"<html>x</html>\"}}]", LLM_E_SERVER, "HTML"},
    {"a redirect", "[{\"reply\":{\"status\":307,\"headers\":{\"location\":\"http://127.0.0.1:1/\"}}}]",
     LLM_E_PROTOCOL, "not followed"},
    {"gzip unasked",
     "[{\"reply\":{\"headers\":{\"content-encoding\":\"gzip\"},\"body_base64\":\"H4sIAAAA\"}}]",
     LLM_E_PROTOCOL, "gzip"},
    {"no HTTP at all", "[{\"reply\":{\"raw\":\"SSH-2.0-OpenSSH_9.2\\r\\n\"}}]", LLM_E_TRANSPORT, ""},
    {"garbage as a status line", "[{\"reply\":{\"raw\":\"HTTP/1.1 xyz\\r\\n\\r\\n\"}}]", LLM_E_TRANSPORT, ""},
};

START_TEST(faults_are_named) {
    llm_error err = LLM_ERROR_INIT;
    begin(faults[_i].rules);
    const llm_query_args args = {LLM_QUERY_INIT,          .model = "echo-1",
                                 .prompt = "hi",          .first_byte_timeout_ms = 1500,
                                 .idle_timeout_ms = 1000, .total_timeout_ms = 8000};
    const llm_status got = llm_query(master, &args, NULL, &err);
    ck_assert_msg(got == faults[_i].want, "%s: %s: %s", faults[_i].why, llm_status_name(got), err.message);
    ck_assert_msg(strstr(err.message, faults[_i].says) != NULL, "%s: %s", faults[_i].why, err.message);
    ck_assert_str_eq(err.provider, "echo");
    finish();
}
END_TEST

START_TEST(nobody_listens) {
    llm_error err = LLM_ERROR_INIT;
    begin("[]");
    llm_sim_free(sim); // its port is closed now
    sim = NULL;
    const llm_query_args args = {LLM_QUERY_INIT, .model = "echo-1", .prompt = "hi"};
    ck_assert_int_eq(llm_query(master, &args, NULL, &err), LLM_E_TRANSPORT);
    ck_assert_ptr_nonnull(strstr(err.message, "127.0.0.1"));
    llm_master_free(master);
}
END_TEST

// ---- from another thread ---------------------------------------------------------------------------------------------

struct canceller {
    llm_call *call;
    llm_loop *loop;
};

static void *cancel_soon(void *arg) {
    const struct canceller *who = arg;
    const struct timespec nap = {.tv_nsec = 50000000};
    (void)nanosleep(&nap, NULL);
    llm_call_cancel(who->call);
    return NULL;
}

START_TEST(another_thread_may_cancel) {
    pthread_t thread;
    struct canceller who;
    struct guest guest = {0};
    begin("[{\"reply\":{\"fault\":{\"kind\":\"silent\"}}}]");
    ck_assert_int_eq(llm_loop_new(master, NULL, &who.loop, NULL), LLM_OK);
    const llm_query_args args = {LLM_QUERY_INIT, .model = "echo-1", .prompt = "hi", .on_event = on_event,
                                 .ctx = &guest};
    ck_assert_int_eq(llm_call_start(who.loop, &args, &who.call, NULL), LLM_OK);
    const int64_t before = now_ms();
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, &who), 0);
    while (guest.ends == 0) {
        (void)llm_loop_run(who.loop, -1);
    }
    (void)pthread_join(thread, NULL);
    ck_assert_int_lt(now_ms() - before, 2000);
    llm_response *response;
    ck_assert_int_eq(llm_call_response(who.call, &response), LLM_OK);
    ck_assert_int_eq(llm_response_error(response)->status, LLM_E_CANCELLED);
    llm_response_free(response);
    llm_call_free(who.call);
    llm_loop_free(who.loop);
    finish();
}
END_TEST

static void *ask_often(void *arg) {
    size_t good = 0;
    (void)arg;
    for (int i = 0; i < 40; i++) {
        llm_response *response = NULL;
        const llm_query_args args = {LLM_QUERY_INIT, .model = "echo-1", .prompt = "hi"};
        good += llm_query(master, &args, &response, NULL) == LLM_OK &&
                        strcmp(llm_response_content(response, NULL), "fine") == 0
                    ? 1
                    : 0;
        llm_response_free(response);
    }
    return (void *)good;
}

START_TEST(threads_share_one_master) {
    pthread_t threads[6];
    begin("[{\"reply\":{\"body\":\"fine\"}}]");
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, NULL), 0);
    }
    for (int i = 0; i < 6; i++) {
        void *good;
        (void)pthread_join(threads[i], &good);
        ck_assert_uint_eq((size_t)good, 40);
    }
    ck_assert_uint_le(llm_sim_connections(sim), 6); // connections stay warm
    finish();
}
END_TEST

// ---- fetching results ------------------------------------------------------------------------------------------------

START_TEST(results_are_fetched_with_care) {
    llm_error err = LLM_ERROR_INIT;
    uint8_t *data = NULL;
    size_t len = 0;
    char url[256];
    llm_response *local = NULL;
    begin("[{\"match\":{\"path\":\"/pic\"},\"reply\":{\"body\":\"0123456789\"}},{\"match\":{\"path\":\"/"
          "moved\"},\"reply\":{\"status\":302,\"headers\":{\"location\":\"/pic\"}}},"
          "{\"reply\":{\"body\":\"fine\"}}]");
    const llm_query_args args = {LLM_QUERY_INIT, .model = "echo-1", .prompt = "hi"};
    ck_assert_int_eq(llm_query(master, &args, &local, NULL), LLM_OK);
    (void)snprintf(url, sizeof url, "%s/pic", llm_sim_url(sim));
    ck_assert_int_eq(llm_fetch(master, local, url, 10, &data, &len, &err), LLM_OK); // exactly at the limit
    ck_assert_uint_eq(len, 10);
    ck_assert_str_eq((const char *)data, "0123456789");
    llm_free(data);
    ck_assert_int_eq(llm_fetch(master, local, url, 9, &data, &len, &err), LLM_E_LIMIT); // one past it
    ck_assert_int_eq(llm_fetch(master, NULL, url, 10, &data, &len, &err),
                     LLM_E_DENIED); // nobody vouches for this machine
    ck_assert_int_eq(llm_fetch(master, local, "http://192.168.0.1/x", 10, &data, &len, &err), LLM_E_DENIED);
    ck_assert_int_eq(llm_fetch(master, local, "https://127.0.0.1:1/x", 10, &data, &len, &err),
                     LLM_E_TRANSPORT); // local, but nobody listens
    ck_assert_int_eq(llm_fetch(master, NULL, "https://127.0.0.1:1/x", 10, &data, &len, &err), LLM_E_DENIED);
    ck_assert_int_eq(llm_fetch(master, NULL, "https://[::ffff:127.0.0.1]:1/x", 10, &data, &len, &err),
                     LLM_E_DENIED);
    ck_assert_int_eq(llm_fetch(master, local, "file:///etc/passwd", 10, &data, &len, &err),
                     LLM_E_INVALID_REQUEST);
    (void)snprintf(url, sizeof url, "%s/moved", llm_sim_url(sim));
    ck_assert_int_eq(llm_fetch(master, local, url, 10, &data, &len, &err), LLM_E_PROTOCOL);
    llm_response_free(local);
    finish();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("storm");
    TCase *tcase = tcase_create("storm");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_storm_of_disconnects);
    tcase_add_loop_test(tcase, faults_are_named, 0, (int)(sizeof faults / sizeof faults[0]));
    tcase_add_test(tcase, nobody_listens);
    tcase_add_test(tcase, another_thread_may_cancel);
    tcase_add_test(tcase, threads_share_one_master);
    tcase_add_test(tcase, results_are_fetched_with_care);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
