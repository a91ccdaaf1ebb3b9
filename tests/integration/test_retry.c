// SPDX-License-Identifier: MIT
// Retry and fall-back over real sockets: the simulator plays two providers, "openai" below /a and "groq" below /b.
#include "fail_alloc.h"
#include "two_providers.h"

// ---- classes, one after the other ------------------------------------------------------------------------------------

#define TWICE "\"match\":{\"path\":\"/a/*\",\"nth\":[1,2]},"
#define ALWAYS "\"match\":{\"path\":\"/a/*\"},"

static const struct {
    const char *why, *rules;
    llm_status want;
    uint64_t requests;
    const char *text;
    bool stream;
} classes[] = {
    {"503 twice", "[{" TWICE "\"reply\":{\"status\":503}},%A]", LLM_OK, 3, "from a", false},
    {"500 twice", "[{" TWICE "\"reply\":{\"status\":500}},%A]", LLM_OK, 3, "from a", false},
    {"429 twice", "[{" TWICE "\"reply\":{\"status\":429}},%A]", LLM_OK, 3, "from a", false},
    {"504 twice", "[{" TWICE "\"reply\":{\"status\":504}},%A]", LLM_OK, 3, "from a", false},
    {"408 twice", "[{" TWICE "\"reply\":{\"status\":408}},%A]", LLM_OK, 3, "from a", false},
    {"503 always", "[{" ALWAYS "\"reply\":{\"status\":503}}]", LLM_E_OVERLOADED, 3, "", false},
    {"400", "[{" ALWAYS "\"reply\":{\"status\":400}}]", LLM_E_INVALID_REQUEST, 1, "", false},
    {"401", "[{" ALWAYS "\"reply\":{\"status\":401}}]", LLM_E_AUTH, 1, "", false},
    {"402", "[{" ALWAYS "\"reply\":{\"status\":402}}]", LLM_E_QUOTA, 1, "", false},
    {"403", "[{" ALWAYS "\"reply\":{\"status\":403}}]", LLM_E_PERMISSION, 1, "", false},
    {"404", "[{" ALWAYS "\"reply\":{\"status\":404}}]", LLM_E_NOT_FOUND, 1, "", false},
    {"413", "[{" ALWAYS "\"reply\":{\"status\":413}}]", LLM_E_TOO_LARGE, 1, "", false},
    {"a page", "[{" ALWAYS "\"reply\":{\"body\":\"<html></html>\"}}]", LLM_E_PROTOCOL, 1, "", false},
    {"reset before an answer",
     "[{\"match\":{\"path\":\"/a/*\",\"nth\":1},\"reply\":{\"fault\":{\"kind\":\"refuse\"}}},%A]", LLM_OK, 2,
     "from a", false},
    {"closed before an answer",
     "[{\"match\":{\"path\":\"/a/*\",\"nth\":1},\"reply\":{\"fault\":{\"kind\":\"close\"}}},%A]", LLM_OK, 2,
     "from a", false},
    {"a stream cut before its first word",
     "[{\"match\":{\"path\":\"/a/"
     "*\",\"nth\":1},\"reply\":{\"sse\":[{\"choices\":[{\"index\":0,\"delta\":{\"role\":"
     "\"assistant\"}}]},\"[DONE]\"],\"fault\":{\"kind\":\"reset\",\"after\":40}}},"
     "{\"reply\":{\"sse\":[{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"whole\"}}]},"
     "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]},\"[DONE]\"]}}]",
     LLM_OK, 2, "whole", true},
    {"a stream cut after its first word",
     "[{\"match\":{\"path\":\"/a/"
     "*\",\"nth\":1},\"reply\":{\"sse\":[{\"choices\":[{\"index\":0,\"delta\":{\"content\":"
     "\"half\"}}]},{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"more and more of it\"}}]}],"
     "\"delay_ms\":20,\"fault\":{\"kind\":\"reset\",\"after\":80}}},%A]",
     LLM_E_TRANSPORT, 1, "half", true},
};

START_TEST(each_class) {
    llm_response *response = NULL;
    llm_error err = LLM_ERROR_INIT;
    llm_query_args args = ask();
    args.flags = classes[_i].stream ? LLM_QUERY_STREAM : 0;
    begin(classes[_i].rules, FAST);
    const llm_status got = llm_query(master, &args, &response, &err);
    ck_assert_msg(got == classes[_i].want, "%s: %s: %s", classes[_i].why, llm_status_name(got), err.message);
    ck_assert_msg(llm_sim_requests(sim) == classes[_i].requests, "%s: %d requests", classes[_i].why,
                  (int)llm_sim_requests(sim));
    ck_assert_uint_eq(llm_response_attempts(response), classes[_i].requests);
    ck_assert_str_eq(llm_response_content(response, NULL), classes[_i].text);
    llm_response_free(response);
    finish();
}
END_TEST

// ---- advice ----------------------------------------------------------------------------------------------------------

static const struct {
    const char *why, *field, *value;
    uint32_t total_ms;
    llm_status want;
    uint64_t requests;
    int64_t least_ms, most_ms, advised_ms;
} advice[] = {
    {"seconds", "retry-after", "1", 0, LLM_OK, 2, 1000, 2500, -1},
    {"milliseconds", "retry-after-ms", "150", 0, LLM_OK, 2, 150, 1500, -1},
    {"a date long past", "retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", 0, LLM_OK, 2, 0, 1000, -1},
    {"a date far off", "retry-after", "Sun, 06 Nov 2094 08:49:37 GMT", 0, LLM_E_RATE_LIMITED, 1, 0, 800,
     86400000},
    {"10^9", "retry-after", "1000000000", 0, LLM_E_RATE_LIMITED, 1, 0, 800, 86400000},
    {"-1", "retry-after", "-1", 0, LLM_OK, 2, 0, 1000, -1},
    {"text", "retry-after", "soon", 0, LLM_OK, 2, 0, 1000, -1},
    {"past the bound", "retry-after", "61", 0, LLM_E_RATE_LIMITED, 1, 0, 800, 61000},
    {"past the deadline", "retry-after", "2", 1500, LLM_E_RATE_LIMITED, 1, 0, 800, 2000},
};

START_TEST(advice_is_followed_within_bounds) {
    char rules[512];
    llm_response *response = NULL;
    llm_error err = LLM_ERROR_INIT;
    llm_query_args args = ask();
    args.total_timeout_ms = advice[_i].total_ms;
    (void)snprintf(rules, sizeof rules,
                   "[{\"match\":{\"nth\":1},\"reply\":{\"status\":429,\"headers\":{\"%s\":\"%s\"}}},%%A]",
                   advice[_i].field, advice[_i].value);
    begin(rules, FAST);
    const int64_t start = now_ms();
    const llm_status got = llm_query(master, &args, &response, &err);
    const int64_t took = now_ms() - start;
    ck_assert_msg(got == advice[_i].want, "%s: %s", advice[_i].why, err.message);
    ck_assert_uint_eq(llm_sim_requests(sim), advice[_i].requests);
    ck_assert_msg(took >= advice[_i].least_ms && took <= advice[_i].most_ms, "%s: %lld ms", advice[_i].why,
                  (long long)took);
    if (got != LLM_OK) {
        ck_assert_int_eq(err.retry_after_ms, advice[_i].advised_ms);
    } else if (advice[_i].least_ms >= 100) {
        ck_assert_ptr_nonnull(strstr(json_of(response), "\"waited_ms\":1"));
    }
    llm_response_free(response);
    finish();
}
END_TEST

// ---- an outage -------------------------------------------------------------------------------------------------------

// The requests of an outage: at most 3 a call, and in all at most 1.2 a call besides 10 at once and 10 a second.
static void judge_outage(uint64_t calls, uint64_t requests, int64_t ms) {
    const uint64_t most = calls + calls / 5 + 10 + (uint64_t)ms / 100 + 1;
    ck_assert_msg(requests <= most, "%llu requests of %llu calls in %lld ms", (unsigned long long)requests,
                  (unsigned long long)calls, (long long)ms);
}

START_TEST(an_outage_is_not_multiplied) {
    enum { CALLS = 300 };
    begin("[{\"reply\":{\"status\":503}}]", FAST); // without the breaker: the budget alone
    const int64_t start = now_ms();
    for (int i = 0; i < CALLS; i++) {
        const llm_query_args args = ask();
        const uint64_t before = llm_sim_requests(sim);
        ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_OVERLOADED);
        ck_assert_uint_le(llm_sim_requests(sim) - before, 3);
    }
    judge_outage(CALLS, llm_sim_requests(sim), now_ms() - start);
    printf("# outage: %llu requests of %d calls in %lld ms\n", (unsigned long long)llm_sim_requests(sim),
           CALLS, (long long)(now_ms() - start));
    finish();
}
END_TEST

START_TEST(a_provider_that_is_back_is_used) {
    llm_error err = LLM_ERROR_INIT;
    begin("[{\"match\":{\"nth\":[1,5]},\"reply\":{\"status\":503}},%A]",
          "\"retry\":{\"base_ms\":1,\"throttle_base_ms\":1},\"breaker\":{\"open_ms\":100}");
    const llm_query_args args = ask();
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_OVERLOADED);
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_OVERLOADED);
    ck_assert_uint_eq(llm_sim_requests(sim), 5);
    // Left alone: refused at once, with the time to come back, and nothing is sent.
    const int64_t start = now_ms();
    ck_assert_int_eq(llm_query(master, &args, NULL, &err), LLM_E_OVERLOADED);
    ck_assert_uint_eq(llm_sim_requests(sim), 5);
    ck_assert_int_ge(err.retry_after_ms, 1);
    ck_assert_int_le(err.retry_after_ms, 100);
    while (llm_query(master, &args, NULL, &err) != LLM_OK) {
        ck_assert_int_lt(now_ms() - start, 5000);
        const struct timespec little = {.tv_nsec = 5000000};
        (void)nanosleep(&little, NULL);
    }
    ck_assert_uint_eq(llm_sim_requests(sim), 6);
    finish();
}
END_TEST

// ---- fall-back -------------------------------------------------------------------------------------------------------

static const struct {
    const char *why, *rule, *when;
    bool falls;
} conditions[] = {
    {"any: overloaded", "{\"status\":503}", "any", true},
    {"any: refused", "{\"status\":401}", "any", true},
    {"any: not found", "{\"status\":404}", "any", true},
    {"any: not a bad request", "{\"status\":400}", "any", false},
    {"rate: 429", "{\"status\":429}", "rate", true},
    {"rate: not 503", "{\"status\":503}", "rate", false},
    {"overloaded: 503", "{\"status\":503}", "overloaded", true},
    {"overloaded: not 429", "{\"status\":429}", "overloaded", false},
    {"context: yes",
     "{\"status\":400,\"body\":{\"error\":{\"message\":\"too long\",\"code\":\"context_length_exceeded\"}}}",
     "context_length", true},
    {"context: not a bad request", "{\"status\":400}", "context_length", false},
    {"filter: yes",
     "{\"status\":400,\"body\":{\"error\":{\"message\":\"no\",\"code\":\"content_policy_violation\"}}}",
     "content_filter", true},
    {"filter: not 503", "{\"status\":503}", "content_filter", false},
    {"auth: 401", "{\"status\":401}", "auth", true},
    {"quota: 402", "{\"status\":402}", "quota", true},
    {"transport: reset", "{\"fault\":{\"kind\":\"refuse\"}}", "transport", true},
    {"transport: a page", "{\"body\":\"<html></html>\"}", "transport", true},
    {"invalid_request: 400", "{\"status\":400}", "invalid_request", true},
    {"not_found: 404", "{\"status\":404}", "not_found", true},
    {"timeout: no answer in time", "{\"head_delay_ms\":4000}", "timeout", true},
    {"timeout: not 503", "{\"status\":503}", "timeout", false},
};

START_TEST(fall_back_by_condition) {
    char rules[1024], settings[1024];
    llm_response *response = NULL;
    (void)snprintf(rules, sizeof rules, "[{\"match\":{\"path\":\"/a/*\"},\"reply\":%s},%%B]",
                   conditions[_i].rule);
    (void)snprintf(
        settings, sizeof settings,
        FAST
        ",\"timeouts\":{\"first_byte_ms\":500},\"routes\":{\"gpt-4o-mini\":{\"fallbacks\":[{\"model\":\"groq/"
        "llama-3.1-8b-instant\",\"when\":[\"%s\"]}]}}",
        conditions[_i].when);
    begin(rules, settings);
    llm_query_args args = ask();
    const llm_status got = llm_query(master, &args, &response, NULL);
    ck_assert_msg((got == LLM_OK) == conditions[_i].falls, "%s: %s", conditions[_i].why,
                  llm_status_name(got));
    ck_assert_str_eq(llm_response_content(response, NULL), conditions[_i].falls ? "from b" : "");
    ck_assert_str_eq(llm_response_get(response, "provider"), conditions[_i].falls ? "groq" : "openai");
    ck_assert_str_eq(llm_response_get(response, "model"), "gpt-4o-mini");
    llm_response_free(response);
    args.flags |= LLM_QUERY_NO_FALLBACK;
    ck_assert_int_ne(llm_query(master, &args, NULL, NULL), LLM_OK);
    finish();
}
END_TEST

START_TEST(fall_backs_of_the_query_take_the_place) {
    llm_response *response = NULL;
    llm_error err = LLM_ERROR_INIT;
    begin("[{\"match\":{\"path\":\"/a/*\"},\"reply\":{\"status\":503}},"
          "{\"match\":{\"path\":\"/b/*\",\"body\":{\"/model\":\"llama-3.1-8b-instant\"}},\"reply\":{\"body\":"
          "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"its own "
          "model\"},\"finish_reason\":\"stop\"}]}}}]",
          FAST);
    llm_query_args args = ask();
    args.fallbacks = to_groq;
    ck_assert_msg(llm_query(master, &args, &response, &err) == LLM_OK, "%s", err.message);
    ck_assert_str_eq(llm_response_content(response, NULL), "its own model");
    ck_assert_uint_eq(llm_response_attempts(response), 3); // two at the first, one is kept for the other
    const char *json = json_of(response);
    ck_assert_msg(strstr(json, "\"attempts\":[{\"provider\":\"openai\",\"model\":\"gpt-4o-mini\",\"status\":"
                               "\"overloaded\",\"http_status\":503,") != NULL,
                  "%s", json);
    llm_response_free(response);
    static const char *const nothing[] = {"no-such-model-at-all", NULL};
    args.fallbacks = nothing;
    ck_assert_int_eq(llm_query(master, &args, NULL, &err), LLM_E_NOT_FOUND);
    finish();
}
END_TEST

START_TEST(a_format_that_the_other_does_not_take) {
    llm_response *response = NULL;
    begin("[{\"match\":{\"path\":\"/a/*\"},\"reply\":{\"status\":503}},%B]", FAST);
    llm_query_args args = ask();
    static const char *const others[] = {"recraft/recraftv3", "groq/llama-3.1-8b-instant", NULL};
    args.fallbacks = others;
    ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_OK);
    ck_assert_str_eq(llm_response_content(response, NULL), "from b");
    ck_assert_ptr_nonnull(strstr(json_of(response), "target_skipped"));
    llm_response_free(response);
    finish();
}
END_TEST

START_TEST(targets_by_weight) {
    begin("[%A,%B]",
          FAST ",\"routes\":{\"both\":{\"choose\":\"weighted\",\"targets\":[{\"model\":\"gpt-4o-mini\","
               "\"weight\":3},{\"model\":\"groq/llama-3.1-8b-instant\",\"weight\":1}]}}");
    size_t first = 0;
    for (int i = 0; i < 400; i++) {
        llm_response *response = NULL;
        llm_query_args args = ask();
        args.model = "both";
        ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_OK);
        first += strcmp(llm_response_get(response, "provider"), "openai") == 0;
        llm_response_free(response);
    }
    ck_assert_msg(first > 250 && first < 350, "%zu of 400, 300 expected", first); // 5.8 sigma
    finish();
}
END_TEST

START_TEST(the_faster_target) {
    begin("[{\"match\":{\"path\":\"/a/"
          "*\"},\"reply\":{\"head_delay_ms\":30,\"body\":{\"choices\":[{\"index\":0,\"message\":{"
          "\"content\":\"slow\"},\"finish_reason\":\"stop\"}]}}},%B]",
          FAST ",\"routes\":{\"both\":{\"choose\":\"latency\",\"targets\":[\"gpt-4o-mini\","
               "\"groq/llama-3.1-8b-instant\"]}}");
    size_t slow = 0;
    for (int i = 0; i < 40; i++) {
        llm_response *response = NULL;
        llm_query_args args = ask();
        args.model = "both";
        ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_OK);
        slow += strcmp(llm_response_get(response, "provider"), "openai") == 0;
        llm_response_free(response);
    }
    ck_assert_msg(slow >= 1 && slow <= 4, "%zu of 40 went to the slow one", slow);
    finish();
}
END_TEST

static const struct {
    const char *settings, *says;
} circles[] = {
    {"{\"routes\":{\"a\":{\"targets\":[\"b\"]},\"b\":{\"targets\":[\"a\"]}}}", "leads back to itself"},
    {"{\"aliases\":{\"x\":\"a\"},\"routes\":{\"a\":{\"fallbacks\":[\"b\"]},\"b\":{\"targets\":[\"x\"]}}}",
     "leads back to itself"},
    {"{\"routes\":{\"a\":{\"targets\":[]}}}", "1 to 16 models"},
    {"{\"routes\":{\"a\":{\"targets\":[{\"weight\":1}]}}}", "needs a \"model\""},
    {"{\"routes\":{\"a\":{\"choose\":\"best\"}}}", "order, weighted or latency"},
    {"{\"routes\":{\"a\":{\"fallbacks\":[{\"model\":\"x\",\"when\":\"rain\"}]}}}", "no condition"},
    {"{\"retry\":{\"max_attempts\":0}}", "max_attempts"},
};

START_TEST(settings_that_are_wrong) {
    llm_error err = LLM_ERROR_INIT;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG;
    options.settings = circles[_i].settings;
    ck_assert_int_eq(llm_master_new(&options, &master, &err), LLM_E_CONFIG);
    ck_assert_msg(strstr(err.message, circles[_i].says) != NULL, "%s", err.message);
}
END_TEST

START_TEST(a_route_may_hold_its_own_name_and_an_unknown_one) {
    llm_response *response = NULL;
    begin("[%A,%B]",
          FAST ",\"routes\":{\"gpt-4o-mini\":{\"targets\":[\"nobody-knows-it\",\"gpt-4o-mini\"]}}");
    const llm_query_args args = ask();
    ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_OK);
    ck_assert_str_eq(llm_response_content(response, NULL), "from a");
    ck_assert_ptr_nonnull(strstr(json_of(response), "target_skipped"));
    llm_response_free(response);
    char *json;
    size_t len;
    ck_assert_int_eq(llm_master_describe(master, "doctor", NULL, &json, &len, NULL), LLM_OK);
    ck_assert_ptr_nonnull(strstr(json, "nobody-knows-it"));
    llm_free(json);
    finish();
}
END_TEST

START_TEST(another_key_is_taken_at_once) {
    static const char *const two = "[{\"value\":\"key-1\"},{\"value\":\"key-2\"}]";
    const char *const one = openai_key;
    openai_key = two;
    begin("[{\"match\":{\"header\":{\"authorization\":\"Bearer "
          "key-1\"}},\"reply\":{\"status\":429,\"headers\":{"
          "\"retry-after\":\"30\"}}},%A]",
          FAST);
    openai_key = one;
    size_t attempts = 0;
    const int64_t start = now_ms();
    for (int i = 0; i < 6; i++) {
        llm_response *response = NULL;
        const llm_query_args args = ask();
        ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_OK);
        attempts += llm_response_attempts(response);
        if (llm_response_attempts(response) == 2) {
            ck_assert_ptr_nonnull(strstr(json_of(response), "\"key\":\"openai#2\""));
        }
        llm_response_free(response);
    }
    ck_assert_uint_eq(attempts, 7); // the worn-out key was tried once, and rests
    ck_assert_int_lt(now_ms() - start, 3000);
    finish();
}
END_TEST

// ---- money -----------------------------------------------------------------------------------------------------------

START_TEST(a_failed_attempt_that_reported_usage_costs) {
    llm_response *response = NULL;
    uint32_t source;
    begin("[{\"match\":{\"path\":\"/a/"
          "*\",\"nth\":1},\"reply\":{\"sse\":[{\"choices\":[],\"usage\":{\"prompt_tokens\":1000000,"
          "\"completion_tokens\":0}},{\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}]}},"
          "{\"reply\":{\"sse\":[{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]},{\"choices\":[{"
          "\"index\":0,\"delta\":{},"
          "\"finish_reason\":\"stop\"}]},{\"choices\":[],\"usage\":{\"prompt_tokens\":1000000,\"completion_"
          "tokens\":0}},"
          "\"[DONE]\"]}}]",
          FAST);
    llm_query_args args = ask();
    args.flags = LLM_QUERY_STREAM;
    ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_OK);
    ck_assert_uint_eq(llm_response_attempts(response), 2);
    ck_assert_int_eq(llm_response_cost(response, &source), INT64_C(300000000000)); // twice 0.15 USD
    ck_assert_uint_eq(source, LLM_COST_CATALOGUE);
    ck_assert_int_eq(llm_response_usage(response)->input_tokens, 1000000); // of the answer
    llm_response_free(response);
    finish();
}
END_TEST

// ---- cancel ----------------------------------------------------------------------------------------------------------

START_TEST(a_wait_can_be_cancelled) {
    struct watcher w = {0};
    llm_loop *loop;
    llm_call *call;
    begin("[{\"reply\":{\"status\":429,\"headers\":{\"retry-after\":\"30\"}}}]", FAST);
    llm_query_args args = ask();
    args.on_event = watch;
    args.ctx = &w;
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    const int64_t start = now_ms();
    while (llm_sim_requests(sim) == 0 || now_ms() - start < 100) {
        (void)llm_loop_run(loop, 10);
        ck_assert_int_lt(now_ms() - start, 5000);
    }
    ck_assert_uint_eq(w.ends, 0); // it waits
    llm_call_cancel(call);
    (void)llm_loop_run(loop, 0);
    ck_assert_uint_eq(w.ends, 1);
    ck_assert_int_eq(w.status, LLM_E_CANCELLED);
    llm_call_free(call);
    llm_loop_free(loop);
    ck_assert_uint_eq(llm_sim_requests(sim), 1);
    finish();
}
END_TEST

// ---- memory ----------------------------------------------------------------------------------------------------------

static const struct {
    const char *why, *rules;
    bool stream, falls;
    uint32_t hedge_ms;
} shapes[] = {
    {"retry", "[{" TWICE "\"reply\":{\"status\":503}},%A]", false, false, 0},
    {"fall-back", "[{" ALWAYS "\"reply\":{\"status\":401}},%B]", false, true, 0},
    {"retry, stream",
     "[{" TWICE "\"reply\":{\"status\":503}},{\"reply\":{\"sse\":[{\"choices\":[{\"index\":0,\"delta\":{"
     "\"content\":\"x\"}}]},"
     "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]},\"[DONE]\"]}}]",
     true, false, 0},
    {"fall-back, stream",
     "[{" ALWAYS "\"reply\":{\"status\":401}},{\"reply\":{\"sse\":[{\"choices\":[{\"index\":0,\"delta\":{"
     "\"content\":\"x\"}}]},"
     "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]},\"[DONE]\"]}}]",
     true, true, 0},
    {"a race",
     "[{\"match\":{\"path\":\"/a/*\"},\"reply\":{\"head_delay_ms\":60,\"sse\":[" SSE(
         "a") "]}},"
              "{\"reply\":{\"sse\":[" SSE("b") "]}}]",
     true, true, 5},
};

// Whatever allocation of a call fails: one end event, and nothing behind it.
static bool once_with_failure(size_t n, bool stream, bool falls, uint32_t hedge_ms, struct watcher *w,
                              llm_status *ret) {
    llm_loop *loop = NULL;
    llm_call *call = NULL;
    llm_query_args args = ask();
    *w = (struct watcher){0};
    args.flags = LLM_QUERY_COLLECT | (stream ? LLM_QUERY_STREAM : 0);
    args.fallbacks = falls ? to_groq : NULL;
    args.total_timeout_ms = 3000;
    args.hedge_ms = hedge_ms;
    args.on_event = watch;
    args.ctx = w;
    *ret = llm_loop_new(master, NULL, &loop, NULL);
    fail_alloc_after(n);
    if (*ret == LLM_OK) {
        *ret = llm_call_start(loop, &args, &call, NULL);
    }
    while (*ret == LLM_OK && llm_loop_run(loop, 100) > 0) {
    }
    const bool failed = fail_alloc_off();
    llm_call_free(call);
    llm_loop_free(loop);
    return failed;
}

START_TEST(every_allocation_of_a_call_fails_once) {
    for (size_t n = 0; n < 3000; n++) {
        struct watcher w;
        llm_status status;
        begin(shapes[_i].rules, FAST);
        const bool failed =
            once_with_failure(n, shapes[_i].stream, shapes[_i].falls, shapes[_i].hedge_ms, &w, &status);
        finish();
        ck_assert_msg(w.ends == (status == LLM_OK ? 1 : 0) && w.behind == 0, "%s %zu: %zu ends, %d",
                      shapes[_i].why, n, w.ends, (int)status);
        if (!failed) {
            ck_assert_int_eq(w.status, LLM_OK);
            ck_assert_uint_gt(n, 5);
            printf("# %s: %zu allocations\n", shapes[_i].why, n);
            return;
        }
    }
    ck_abort_msg("it never came through");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("retry");
    TCase *tcase = tcase_create("retry");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, each_class, 0, (int)(sizeof classes / sizeof classes[0]));
    tcase_add_loop_test(tcase, advice_is_followed_within_bounds, 0, (int)(sizeof advice / sizeof advice[0]));
    tcase_add_test(tcase, an_outage_is_not_multiplied);
    tcase_add_test(tcase, a_provider_that_is_back_is_used);
    tcase_add_loop_test(tcase, fall_back_by_condition, 0, (int)(sizeof conditions / sizeof conditions[0]));
    tcase_add_test(tcase, fall_backs_of_the_query_take_the_place);
    tcase_add_test(tcase, a_format_that_the_other_does_not_take);
    tcase_add_test(tcase, targets_by_weight);
    tcase_add_test(tcase, the_faster_target);
    tcase_add_loop_test(tcase, settings_that_are_wrong, 0, (int)(sizeof circles / sizeof circles[0]));
    tcase_add_test(tcase, a_route_may_hold_its_own_name_and_an_unknown_one);
    tcase_add_test(tcase, another_key_is_taken_at_once);
    tcase_add_test(tcase, a_failed_attempt_that_reported_usage_costs);
    tcase_add_test(tcase, a_wait_can_be_cancelled);
    tcase_add_loop_test(tcase, every_allocation_of_a_call_fails_once, 0,
                        (int)(sizeof shapes / sizeof shapes[0]));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
