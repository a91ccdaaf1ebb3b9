// SPDX-License-Identifier: MIT
#include "net/reactor.h"

#include <unistd.h>

#include "base/clock.h"
#include "check_main.h"

static int fired[1024];
static int fired_count;

struct numbered {
    struct llm_timer timer;
    int number;
};

static void note(struct llm_timer *timer) {
    fired[fired_count++] = ((struct numbered *)timer)->number;
}

static int ready_fd, ready_events, ready_count;

static void on_ready(void *ctx, int fd, int events) {
    (void)ctx;
    ready_fd = fd;
    ready_events = events;
    ready_count++;
}

static struct llm_reactor reactor;

static void setup(void) {
    fired_count = ready_count = 0;
    ck_assert_int_eq(llm_reactor_init(&reactor, NULL, on_ready, NULL), LLM_OK);
}

static void teardown(void) {
    llm_reactor_done(&reactor);
}

START_TEST(timers_fire_in_order) {
    struct numbered timers[200] = {0};
    const uint64_t now = llm_clock_us();
    for (int i = 0; i < 200; i++) {
        timers[i].timer.fire = note;
        timers[i].number = (i * 37) % 200;
        ck_assert_int_eq(llm_timer_set(&reactor, &timers[i].timer, now - 1000 + (uint64_t)timers[i].number),
                         LLM_OK);
    }
    for (int i = 0; i < 200; i += 3) { // some are taken back, some are moved to where they were
        llm_timer_clear(&reactor, &timers[i].timer);
        llm_timer_clear(&reactor, &timers[i].timer);
        if (i % 2 == 0) {
            ck_assert_int_eq(llm_timer_set(&reactor, &timers[i].timer, now + 10000000), LLM_OK);
            ck_assert_int_eq(
                llm_timer_set(&reactor, &timers[i].timer, now - 1000 + (uint64_t)timers[i].number), LLM_OK);
        }
    }
    ck_assert_uint_eq(llm_reactor_fire(&reactor), 200 - 33);
    for (int i = 1; i < fired_count; i++) {
        ck_assert_int_lt(fired[i - 1], fired[i]);
    }
    ck_assert_uint_eq(reactor.heap_count, 0);
}
END_TEST

static int again_count;

static void set_again(struct llm_timer *timer) {
    again_count++;
    ck_assert_int_eq(llm_timer_set(&reactor, timer, llm_clock_us()), LLM_OK);
}

START_TEST(a_round_ends) {
    struct llm_timer timer = {.fire = set_again};
    again_count = 0;
    ck_assert_int_eq(llm_timer_set(&reactor, &timer, 1), LLM_OK);
    ck_assert_uint_eq(llm_reactor_fire(&reactor), 1);
    ck_assert_int_eq(again_count, 1);
    llm_timer_clear(&reactor, &timer);
}
END_TEST

START_TEST(descriptors_speak_when_wanted) {
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(llm_reactor_watch(&reactor, pipes[0], LLM_LOOP_READ), LLM_OK);
    llm_reactor_wait(&reactor, 0);
    ck_assert_int_eq(ready_count, 0);
    ck_assert_int_eq((int)write(pipes[1], "x", 1), 1);
    llm_reactor_wait(&reactor, 1000);
    ck_assert_int_eq(ready_count, 1);
    ck_assert_int_eq(ready_fd, pipes[0]);
    ck_assert_int_eq(ready_events, LLM_LOOP_READ);
    ck_assert_int_eq(llm_reactor_watch(&reactor, pipes[0], 0), LLM_OK);
    llm_reactor_wait(&reactor, 0);
    ck_assert_int_eq(ready_count, 1);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}
END_TEST

START_TEST(lazy_descriptors_stay_silent) {
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    llm_reactor_opened(&reactor, pipes[0]);
    ck_assert_int_eq(llm_reactor_watch(&reactor, pipes[0], LLM_LOOP_READ), LLM_OK);
    ck_assert_int_eq(llm_reactor_watch(&reactor, pipes[0], 0), LLM_OK);
    ck_assert_int_eq((int)write(pipes[1], "x", 1), 1);
    llm_reactor_wait(&reactor, 10);
    ck_assert_int_eq(ready_count, 0);
    ck_assert_int_eq(llm_reactor_watch(&reactor, pipes[0], LLM_LOOP_READ), LLM_OK); // and again
    llm_reactor_wait(&reactor, 1000);
    ck_assert_int_eq(ready_count, 1);
    llm_reactor_closed(&reactor, pipes[0]);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}
END_TEST

START_TEST(wake_and_timer_make_the_descriptor_readable) {
    struct numbered one = {.timer = {.fire = note}, .number = 7};
    ck_assert_int_ge(llm_reactor_fd(&reactor), 0);
    llm_reactor_wake(&reactor);
    llm_reactor_wait(&reactor, 5000); // returns at once
    ck_assert_int_eq(llm_timer_set(&reactor, &one.timer, llm_clock_us() + 2000), LLM_OK);
    llm_reactor_settle(&reactor, false);
    const uint64_t before = llm_clock_us();
    while (fired_count == 0 && llm_clock_us() - before < 5000000) {
        llm_reactor_wait(&reactor, 1000);
    }
    ck_assert_int_eq(fired_count, 1);
    ck_assert_int_eq(fired[0], 7);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("reactor");
    TCase *tcase = tcase_create("reactor");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, timers_fire_in_order);
    tcase_add_test(tcase, a_round_ends);
    tcase_add_test(tcase, descriptors_speak_when_wanted);
    tcase_add_test(tcase, lazy_descriptors_stay_silent);
    tcase_add_test(tcase, wake_and_timer_make_the_descriptor_readable);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
