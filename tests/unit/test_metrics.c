// SPDX-License-Identifier: MIT
// Counters: labels are bounded, what is counted stands in the text once and in order, threads lose nothing.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "check_main.h"
#include "fail_alloc.h"
#include "observe/metrics.h"

static struct llm_metrics *metrics;
static struct llm_buf text;

static void setup(void) {
    metrics = llm_metrics_new();
    ck_assert_ptr_nonnull(metrics);
    text = (struct llm_buf){.max = 64u << 20};
}

static void teardown(void) {
    llm_buf_done(&text);
    llm_metrics_free(metrics);
}

static const char *written(void) {
    text.len = 0;
    ck_assert_int_eq(llm_metrics_write(metrics, &text), LLM_OK);
    return text.ptr;
}

static void has(const char *line) {
    char wanted[600];
    (void)snprintf(wanted, sizeof wanted, "\n%s\n", line);
    ck_assert_msg(strstr(written(), wanted) != NULL, "no line %s in\n%s", line, text.ptr);
}

static struct llm_series *series(const char *provider, const char *operation, const char *model) {
    return llm_metrics_series(metrics, llm_str_from(provider), llm_str_from(operation), llm_str_from(model));
}

START_TEST(a_series_is_found_again) {
    struct llm_series *one = series("a", "chat", "m");
    ck_assert_ptr_eq(one, series("a", "chat", "m"));
    ck_assert_ptr_ne(one, series("ac", "hat", "m"));
    ck_assert_ptr_ne(one, series("a", "chat", "m2"));
    ck_assert_ptr_ne(one, series("a", "", "chatm"));
    ck_assert_ptr_ne(series("", "", ""), one);
}
END_TEST

START_TEST(counts_stand_in_the_text) {
    struct llm_series *s = series("acme", "chat", "m-1");
    llm_count(&s->started, 5);
    llm_count(&s->ended, 3);
    llm_count(&s->calls[0], 2);
    llm_count(&s->calls[llm_status_index(LLM_E_RATE_LIMITED)], 1);
    llm_count(&s->attempts[llm_status_index(LLM_E_RATE_LIMITED)], 4);
    llm_count(&s->tokens[LLM_TOKENS_INPUT], 12);
    llm_count(&s->tokens[LLM_TOKENS_REASONING], 7);
    llm_count(&s->cost[0], 22200001);
    llm_count(&s->cost[1], 1500000000000);
    llm_count(&s->retries, 3);
    llm_metrics_count(metrics, LLM_COUNT_LIMIT_WAIT_US, 1250000);
    llm_metrics_refused(metrics, LLM_E_AUTH);
    has("llm_master_calls_total{provider=\"acme\",operation=\"chat\",model=\"m-1\",status=\"ok\"} 2");
    has("llm_master_calls_total{provider=\"acme\",operation=\"chat\",model=\"m-1\",status=\"rate_limited\"} "
        "1");
    has("llm_master_attempts_total{provider=\"acme\",operation=\"chat\",model=\"m-1\",status=\"rate_"
        "limited\"} 4");
    has("llm_master_calls_in_flight{provider=\"acme\",operation=\"chat\",model=\"m-1\"} 2");
    has("llm_master_retries_total{provider=\"acme\",operation=\"chat\",model=\"m-1\"} 3");
    has("llm_master_tokens_total{provider=\"acme\",operation=\"chat\",model=\"m-1\",class=\"input\"} 12");
    has("llm_master_tokens_total{provider=\"acme\",operation=\"chat\",model=\"m-1\",class=\"output\"} 0");
    has("llm_master_tokens_total{provider=\"acme\",operation=\"chat\",model=\"m-1\",class=\"reasoning\"} 7");
    has("llm_master_cost_usd_total{provider=\"acme\",operation=\"chat\",model=\"m-1\",source=\"catalogue\"} "
        "0.000022200001");
    has("llm_master_cost_usd_total{provider=\"acme\",operation=\"chat\",model=\"m-1\",source=\"provider\"} "
        "1.5");
    has("llm_master_limit_wait_seconds_total 1.25");
    has("llm_master_calls_refused_total{status=\"auth\"} 1");
    ck_assert_ptr_null(strstr(text.ptr, "\"other\""));
}
END_TEST

static const struct {
    uint64_t us;
    const char *duration, *first; // the first bucket that holds it
} times[] = {
    {0, "0.01", "0.001"},
    {1, "0.01", "0.001"},
    {1000, "0.01", "0.001"},
    {1001, "0.01", "0.005"},
    {10000, "0.01", "0.01"},
    {10001, "0.02", "0.02"},
    {1280000, "1.28", "2.5"},
    {1280001, "2.56", "2.5"},
    {81920000, "81.92", "+Inf"},
    {81920001, "+Inf", "+Inf"},
    {UINT64_C(1) << 40, "+Inf", "+Inf"},
};

START_TEST(a_time_falls_into_its_bucket) {
    struct llm_series *s = series("p", "o", "m");
    llm_count(&s->started, 1);
    llm_series_duration(s, times[_i].us);
    llm_series_first(s, times[_i].us);
    static const char *const names[] = {"llm_master_call_duration_seconds", "llm_master_first_token_seconds"};
    const char *const bounds[] = {times[_i].duration, times[_i].first};
    for (size_t k = 0; k < 2; k++) {
        char line[200], before[200];
        (void)snprintf(line, sizeof line, "%s_bucket{provider=\"p\",operation=\"o\",model=\"m\",le=\"%s\"} 1",
                       names[k], bounds[k]);
        has(line);
        const char *at = strstr(text.ptr, line);
        (void)snprintf(before, sizeof before, "\n%s_bucket", names[k]);
        const char *first = strstr(text.ptr, before);
        for (const char *p = first + 1; p < at; p = strchr(p, '\n') + 1) { // none below it
            ck_assert(strchr(p, '\n')[-1] == '0');
        }
        (void)snprintf(line, sizeof line, "%s_count{provider=\"p\",operation=\"o\",model=\"m\"} 1", names[k]);
        has(line);
    }
}
END_TEST

START_TEST(labels_are_escaped) {
    llm_count(&series("a\"b\\c", "x\ny", "m\x1b[31m\x7f")->started, 1);
    has("llm_master_calls_in_flight{provider=\"a\\\"b\\\\c\",operation=\"x\\ny\",model=\"m [31m \"} 1");
}
END_TEST

START_TEST(models_beyond_the_maximum_are_others) {
    char model[32];
    for (unsigned i = 0; i < LLM_MAX_METRIC_MODELS + 50; i++) {
        (void)snprintf(model, sizeof model, "model-%u", i);
        llm_count(&series("p", "chat", model)->started, 1);
    }
    ck_assert_str_ne(series("p", "chat", "model-255")->model.ptr, "other");
    ck_assert(llm_str_is(series("p", "chat", "model-256")->model, "other"));
    has("llm_master_calls_in_flight{provider=\"p\",operation=\"chat\",model=\"other\"} 50");
    llm_count(&series("q", "chat", "new")->started, 1);
    has("llm_master_calls_in_flight{provider=\"q\",operation=\"chat\",model=\"other\"} 1");
}
END_TEST

START_TEST(series_beyond_the_maximum_are_one) {
    char provider[32];
    for (unsigned i = 0; i < 3 * LLM_MAX_METRIC_SERIES; i++) {
        (void)snprintf(provider, sizeof provider, "provider-%u", i);
        llm_count(&series(provider, "chat", "m")->started, 1);
    }
    const char *all = written();
    size_t lines = 0;
    for (const char *at = all; (at = strstr(at, "\nllm_master_calls_in_flight{")) != NULL; at++) {
        lines++;
    }
    ck_assert_uint_eq(lines, LLM_MAX_METRIC_SERIES + 1);
    has("llm_master_calls_in_flight{provider=\"other\",operation=\"other\",model=\"other\"} 2048");
}
END_TEST

START_TEST(the_order_is_that_of_the_labels) {
    llm_count(&series("b", "chat", "m")->started, 1);
    llm_count(&series("a", "image", "m")->started, 1);
    llm_count(&series("a", "chat", "n")->started, 1);
    llm_count(&series("a", "chat", "m")->started, 1);
    const char *at = written();
    static const char *const order[] = {"{provider=\"a\",operation=\"chat\",model=\"m\"}",
                                        "{provider=\"a\",operation=\"chat\",model=\"n\"}",
                                        "{provider=\"a\",operation=\"image\",model=\"m\"}",
                                        "{provider=\"b\",operation=\"chat\",model=\"m\"}"};
    for (size_t i = 0; i < 4; i++) {
        at = strstr(at, order[i]);
        ck_assert_ptr_nonnull(at);
    }
}
END_TEST

// Every line is a comment or a sample of the family above it, and no family comes twice.
START_TEST(the_text_is_well_formed) {
    llm_count(&series("a", "chat", "m")->started, 1);
    char family[100] = "", seen[8192] = "\n";
    char *save = NULL, *copy = strdup(written());
    ck_assert(text.ptr[text.len - 1] == '\n');
    for (char *line = copy; *line != '\0'; line = save) {
        save = strchr(line, '\n') + 1;
        save[-1] = '\0';
        if (strncmp(line, "# HELP ", 7) == 0) {
            char name[110];
            (void)snprintf(family, sizeof family, "%.*s", (int)strcspn(line + 7, " "), line + 7);
            (void)snprintf(name, sizeof name, "\n%s\n", family);
            ck_assert_msg(strstr(seen, name) == NULL, "%s twice", family);
            (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s", name + 1);
            ck_assert_int_eq(strncmp(family, "llm_master_", 11), 0);
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            const char *type = strchr(line + 7, ' ') + 1;
            ck_assert_int_eq(strncmp(line + 7, family, strlen(family)), 0);
            ck_assert(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 ||
                      strcmp(type, "histogram") == 0);
        } else {
            ck_assert_msg(strncmp(line, family, strlen(family)) == 0, "%s in %s", line, family);
        }
    }
    free(copy);
}
END_TEST

static void *count_much(void *ctx) {
    (void)ctx;
    for (int i = 0; i < 20000; i++) {
        struct llm_series *s = series("p", "chat", i % 2 == 0 ? "even" : "odd");
        llm_count(&s->calls[0], 1);
        llm_series_duration(s, 1500);
    }
    return NULL;
}

START_TEST(threads_lose_nothing) {
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_much, NULL), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    has("llm_master_calls_total{provider=\"p\",operation=\"chat\",model=\"even\",status=\"ok\"} 40000");
    has("llm_master_call_duration_seconds_sum{provider=\"p\",operation=\"chat\",model=\"odd\"} 60");
    has("llm_master_call_duration_seconds_count{provider=\"p\",operation=\"chat\",model=\"odd\"} 40000");
}
END_TEST

START_TEST(without_memory_it_is_another_one) {
    fail_alloc_from(0);
    struct llm_series *s = series("p", "chat", "m");
    (void)fail_alloc_off();
    ck_assert(llm_str_is(s->provider, "other"));
    ck_assert(llm_str_is(series("p", "chat", "m")->provider, "p"));
    for (size_t n = 0;; n++) {
        fail_alloc_after(n);
        struct llm_metrics *more = llm_metrics_new();
        const bool failed = fail_alloc_off();
        llm_metrics_free(more);
        ck_assert_int_eq(failed, more == NULL);
        if (!failed) {
            break;
        }
    }
    fail_alloc_from(0);
    const llm_status status = llm_metrics_write(metrics, &text);
    (void)fail_alloc_off();
    ck_assert_int_eq(status, LLM_E_NOMEM);
}
END_TEST

START_TEST(counting_allocates_nothing) {
    (void)series("p", "chat", "m");
    const size_t before = fail_alloc_count();
    for (int i = 0; i < 100; i++) {
        struct llm_series *s = series("p", "chat", "m");
        llm_count(&s->calls[0], 1);
        llm_series_duration(s, 1500);
        llm_series_first(s, 1500);
    }
    ck_assert_uint_eq(fail_alloc_count(), before);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("metrics");
    TCase *t = tcase_create("metrics");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_series_is_found_again);
    tcase_add_test(t, counts_stand_in_the_text);
    tcase_add_loop_test(t, a_time_falls_into_its_bucket, 0, CHECK_ROWS(times));
    tcase_add_test(t, labels_are_escaped);
    tcase_add_test(t, models_beyond_the_maximum_are_others);
    tcase_add_test(t, series_beyond_the_maximum_are_one);
    tcase_add_test(t, the_order_is_that_of_the_labels);
    tcase_add_test(t, the_text_is_well_formed);
    tcase_add_test(t, threads_lose_nothing);
    tcase_add_test(t, without_memory_it_is_another_one);
    tcase_add_test(t, counting_allocates_nothing);
    suite_add_tcase(suite, t);
    return check_main(suite);
}
