// SPDX-License-Identifier: MIT
// Calls that ask the same at the same time: one leads, the others get its answer; who leaves, fails or blocks harms nobody.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check_main.h"
#include "llm_master.h"
#include "sim.h"

static llm_master *master;
static struct llm_sim *sim;

static void nap(long ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

// ---- a provider that takes its time, on the caller's thread ------------------------------------------------------------

static atomic_size_t exchanges, under_way, most_under_way;
static size_t failures; // the first ones
static long takes_ms;

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    (void)ctx;
    const size_t nth = atomic_fetch_add(&exchanges, 1);
    const size_t now = atomic_fetch_add(&under_way, 1) + 1;
    if (now > atomic_load(&most_under_way)) {
        atomic_store(&most_under_way, now);
    }
    nap(takes_ms);
    atomic_fetch_sub(&under_way, 1);
    llm_status status = reply->head(reply->ctx, nth < failures ? 400 : 200, NULL, 0);
    if (status == LLM_OK) { // what was asked comes back
        status = reply->data(reply->ctx, request->body.ptr, request->body.len);
    }
    return status < 0 ? LLM_E_TRANSPORT : LLM_OK;
}

static const llm_transport transport = {.size = sizeof transport, .exchange = exchange};

static void begin(const char *rules) {
    static char plugin_dir[1024], settings[512];
    static const char *dirs[2];
    llm_error err = LLM_ERROR_INIT;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    atomic_store(&exchanges, 0);
    atomic_store(&most_under_way, 0);
    failures = 0;
    takes_ms = 100;
    (void)snprintf(plugin_dir, sizeof plugin_dir, "%s/tests/plugins", getenv("LLM_TEST_BUILD"));
    dirs[0] = plugin_dir;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.transport = rules == NULL ? &transport : NULL;
    if (rules != NULL) {
        ck_assert_int_eq(llm_sim_new(&(struct llm_sim_options){.rules = rules, .no_demo = true}, &sim, &err),
                         LLM_OK);
        ck_assert_int_eq(llm_sim_start(sim), LLM_OK);
        (void)snprintf(settings, sizeof settings, "{\"base_urls\":{\"echo\":\"%s\"}}", llm_sim_url(sim));
        options.settings = settings;
    }
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
}

static void finish(void) {
    llm_master_free(master);
    llm_sim_free(sim);
    master = NULL;
    sim = NULL;
}

static llm_query_args ask(const char *prompt) {
    return (llm_query_args){LLM_QUERY_INIT, .flags = LLM_QUERY_SHARE, .model = "echo-1", .prompt = prompt,
                            .max_attempts = 1};
}

// ---- threads that block ------------------------------------------------------------------------------------------------

static atomic_size_t good, bad, shared;

static void *ask_blocking(void *arg) {
    const llm_query_args args = ask(arg != NULL ? arg : "same");
    llm_response *response = NULL;
    char *json = NULL;
    if (llm_query(master, &args, &response, NULL) == LLM_OK &&
        strcmp(llm_response_content(response, NULL), args.prompt) == 0 &&
        llm_response_json(response, &json, NULL) == LLM_OK) {
        atomic_fetch_add(&good, 1);
        atomic_fetch_add(&shared, strstr(json, "\"shared\":true") != NULL ? 1u : 0u);
    } else {
        atomic_fetch_add(&bad, 1);
    }
    llm_free(json);
    llm_response_free(response);
    return NULL;
}

static void ask_in_threads(const char *prompt) {
    pthread_t threads[8];
    atomic_store(&good, 0);
    atomic_store(&bad, 0);
    atomic_store(&shared, 0);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_blocking, (void *)(uintptr_t)prompt), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

START_TEST(eight_threads_one_exchange) {
    begin(NULL);
    takes_ms = 300;
    ask_in_threads("same");
    ck_assert_uint_eq(atomic_load(&good), 8);
    ck_assert_uint_eq(atomic_load(&exchanges), 1);
    ck_assert_uint_eq(atomic_load(&shared), 7);
    finish();
}
END_TEST

START_TEST(after_a_failure_one_leads_not_all) {
    begin(NULL);
    failures = 3;
    ask_in_threads("same");
    ck_assert_uint_eq(atomic_load(&bad), 3);
    ck_assert_uint_eq(atomic_load(&good), 5);
    ck_assert_uint_eq(atomic_load(&exchanges), 4);
    ck_assert_uint_eq(atomic_load(&most_under_way), 1);
    finish();
}
END_TEST

static void *ask_often(void *arg) {
    static const char *const prompts[] = {"one", "two", "three"};
    unsigned seed = (unsigned)(uintptr_t)arg;
    size_t wrong = 0;
    for (size_t i = 0; i < 150; i++) {
        seed = seed * 1664525u + 1013904223u;
        llm_query_args args = ask(prompts[(seed >> 16) % 3]);
        args.flags |= (seed >> 20) % 2 != 0 ? LLM_QUERY_CACHE : 0u;
        llm_response *response = NULL;
        const llm_status status = llm_query(master, &args, &response, NULL);
        wrong += status != LLM_OK || strcmp(llm_response_content(response, NULL), args.prompt) != 0 ? 1 : 0;
        llm_response_free(response);
    }
    return (void *)wrong;
}

START_TEST(eight_threads_many_questions_while_it_reloads) {
    pthread_t threads[8];
    begin(NULL);
    takes_ms = 0;
    for (uintptr_t i = 0; i < 8; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, (void *)i), 0);
    }
    for (size_t i = 0; i < 10; i++) {
        ck_assert_int_eq(llm_master_reload(master, NULL), LLM_OK);
    }
    for (size_t i = 0; i < 8; i++) {
        void *wrong;
        (void)pthread_join(threads[i], &wrong);
        ck_assert_uint_eq((size_t)wrong, 0);
    }
    ck_assert_uint_lt(atomic_load(&exchanges), 8 * 150);
    finish();
}
END_TEST

// ---- no two wait for each other ----------------------------------------------------------------------------------------

static llm_status ask_inside(void *ctx, llm_call *call, const llm_event *event) {
    (void)call;
    if (event->type == LLM_EVENT_TEXT) {
        const llm_query_args args = ask("same");
        *(llm_status *)ctx = llm_query(master, &args, NULL, NULL);
    }
    return LLM_OK;
}

START_TEST(a_callback_may_ask_the_same) {
    llm_status inside = LLM_E_INTERNAL;
    llm_query_args args = ask("same");
    args.on_event = ask_inside;
    args.ctx = &inside;
    begin(NULL);
    takes_ms = 0;
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_OK);
    ck_assert_int_eq(inside, LLM_OK);
    ck_assert_uint_eq(atomic_load(&exchanges), 2);
    finish();
}
END_TEST

static const char slow[] = "[{\"reply\":{\"body\":\"slow\",\"head_delay_ms\":150}}]";

START_TEST(a_blocked_query_does_not_wait_for_a_loop_that_nobody_runs) {
    llm_loop *loop, *other;
    llm_call *call, *second;
    const llm_event *event;
    begin(slow);
    const llm_query_args args = ask("same");
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_loop_new(master, NULL, &other, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    (void)llm_loop_run(loop, 0); // it leads
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(other, &args, &second, NULL), LLM_OK);
    while (llm_call_next(second, -1, &event) == LLM_OK) {
    }
    ck_assert_uint_eq(llm_sim_requests(sim), 3);
    llm_loop_free(other);
    llm_loop_free(loop);
    finish();
}
END_TEST

// ---- on one loop ---------------------------------------------------------------------------------------------------------

struct guest {
    llm_call *call;
    size_t texts, ends;
    llm_status status;
};

static llm_status note(void *ctx, llm_call *call, const llm_event *event) {
    struct guest *guest = ctx;
    (void)call;
    guest->texts += event->type == LLM_EVENT_TEXT ? 1 : 0;
    if (event->type == LLM_EVENT_END) {
        guest->ends++;
        guest->status = event->status;
    }
    return LLM_OK;
}

static struct guest guests[5];
static llm_loop *loop;

static void start_guests(const char *rules, uint32_t total_ms_of_last) {
    begin(rules);
    memset(guests, 0, sizeof guests);
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    for (size_t i = 0; i < 5; i++) {
        llm_query_args args = ask("same");
        args.on_event = note;
        args.ctx = &guests[i];
        args.total_timeout_ms = i == 4 ? total_ms_of_last : 0;
        ck_assert_int_eq(llm_call_start(loop, &args, &guests[i].call, NULL), LLM_OK);
    }
    (void)llm_loop_run(loop, 10);
}

static void run_out(void) {
    while (llm_loop_run(loop, -1) > 0) {
    }
}

static void free_guests(void) {
    for (size_t i = 0; i < 5; i++) {
        llm_call_free(guests[i].call);
    }
    llm_loop_free(loop);
    finish();
}

START_TEST(one_loop_one_exchange) {
    start_guests(slow, 0);
    run_out();
    for (size_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(guests[i].texts, 1);
        ck_assert_uint_eq(guests[i].ends, 1);
        ck_assert_int_eq(guests[i].status, LLM_OK);
    }
    ck_assert_uint_eq(llm_sim_requests(sim), 1);
    free_guests();
}
END_TEST

START_TEST(followers_leave_and_nobody_notices) {
    start_guests(slow, 40); // the last one times out
    llm_call_cancel(guests[1].call);
    llm_call_free(guests[3].call);
    guests[3].call = NULL;
    run_out();
    const llm_status want[] = {LLM_OK, LLM_E_CANCELLED, LLM_OK, LLM_OK, LLM_E_TIMEOUT};
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(guests[i].status, want[i]);
        ck_assert_uint_eq(guests[i].ends, i == 3 ? 0 : 1);
    }
    ck_assert_uint_eq(llm_sim_requests(sim), 1);
    free_guests();
}
END_TEST

START_TEST(the_next_one_leads_when_the_leader_goes) {
    start_guests(slow, 0);
    llm_call_cancel(guests[0].call);
    (void)llm_loop_run(loop, 0);
    (void)llm_loop_run(loop, 20); // the second one has begun
    llm_call_free(guests[1].call);
    guests[1].call = NULL;
    run_out();
    ck_assert_int_eq(guests[0].status, LLM_E_CANCELLED);
    for (size_t i = 2; i < 5; i++) {
        ck_assert_int_eq(guests[i].status, LLM_OK);
        ck_assert_uint_eq(guests[i].texts, 1);
    }
    ck_assert_uint_eq(llm_sim_requests(sim), 3);
    free_guests();
}
END_TEST

START_TEST(a_loop_goes_with_all_of_them) {
    start_guests(slow, 0);
    llm_loop_free(loop);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(guests[i].ends, 1);
        ck_assert_int_eq(guests[i].status, LLM_E_CANCELLED);
    }
    finish();
}
END_TEST

// A follower on a loop that another thread runs is woken there.
static atomic_bool leads;

static void *lead_on_own_loop(void *arg) {
    (void)arg;
    llm_loop *own;
    llm_call *call;
    struct guest guest = {0};
    llm_query_args args = ask("same");
    args.on_event = note;
    args.ctx = &guest;
    if (llm_loop_new(master, NULL, &own, NULL) == LLM_OK &&
        llm_call_start(own, &args, &call, NULL) == LLM_OK) {
        (void)llm_loop_run(own, 10);
        atomic_store(&leads, true);
        while (guest.ends == 0) {
            (void)llm_loop_run(own, -1);
        }
        llm_call_free(call);
        llm_loop_free(own);
    }
    return NULL;
}

START_TEST(two_threads_two_loops_one_exchange) {
    pthread_t thread;
    llm_call *call;
    struct guest guest = {0};
    begin(slow);
    atomic_store(&leads, false);
    ck_assert_int_eq(pthread_create(&thread, NULL, lead_on_own_loop, NULL), 0);
    while (!atomic_load(&leads)) {
        nap(1);
    }
    llm_query_args args = ask("same");
    args.on_event = note;
    args.ctx = &guest;
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    run_out();
    (void)pthread_join(thread, NULL);
    ck_assert_int_eq(guest.status, LLM_OK);
    ck_assert_uint_eq(guest.texts, 1);
    ck_assert_uint_eq(llm_sim_requests(sim), 1);
    llm_call_free(call);
    llm_loop_free(loop);
    finish();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("share");
    TCase *tcase = tcase_create("share");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, eight_threads_one_exchange);
    tcase_add_test(tcase, after_a_failure_one_leads_not_all);
    tcase_add_test(tcase, eight_threads_many_questions_while_it_reloads);
    tcase_add_test(tcase, a_callback_may_ask_the_same);
    tcase_add_test(tcase, a_blocked_query_does_not_wait_for_a_loop_that_nobody_runs);
    tcase_add_test(tcase, one_loop_one_exchange);
    tcase_add_test(tcase, followers_leave_and_nobody_notices);
    tcase_add_test(tcase, the_next_one_leads_when_the_leader_goes);
    tcase_add_test(tcase, a_loop_goes_with_all_of_them);
    tcase_add_test(tcase, two_threads_two_loops_one_exchange);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
