// SPDX-License-Identifier: MIT
// Retry and fall-back over real sockets: the simulator plays two providers, "openai" below /a and "groq" below /b.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check_main.h"
#include "fail_alloc.h"
#include "llm_json.h"
#include "llm_master.h"
#include "sim.h"

static struct llm_sim *sim;
static llm_master *master;

#define OK_BODY                                                                                              \
    "{\"id\":\"r1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","          \
    "\"content\":\"%s\"},"                                                                                   \
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}"

// %A: the provider a answers well; %B: b does.
static char *rules_of(const char *text) {
    static char rules[32768];
    size_t n = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '%' && (at[1] == 'A' || at[1] == 'B')) {
            char body[512];
            (void)snprintf(body, sizeof body, OK_BODY, at[1] == 'A' ? "from a" : "from b");
            n += (size_t)snprintf(rules + n, sizeof rules - n,
                                  "{\"match\":{\"path\":\"/%c/*\"},\"reply\":{\"body\":%s}}", at[1] | 32,
                                  body);
            at++;
        } else {
            rules[n++] = *at;
        }
    }
    rules[n] = '\0';
    return rules;
}

// Log records and spans of races.
static struct {
    int hedges, fallbacks, spans;
    char provider[64], status[64], span_provider[64];
} noted;

static void copy_field(char *to, size_t size, const llm_field *fields, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            (void)snprintf(to, size, "%.*s", (int)fields[i].text.len, fields[i].text.ptr);
        }
    }
}

static void note(void *ctx, const llm_log_record *record) {
    (void)ctx;
    noted.fallbacks += strcmp(record->event, "fallback") == 0;
    if (strcmp(record->event, "hedge") == 0) {
        noted.hedges++;
        copy_field(noted.provider, sizeof noted.provider, record->fields, record->n_fields, "provider");
        copy_field(noted.status, sizeof noted.status, record->fields, record->n_fields, "status");
    }
}

static void note_span(void *ctx, const llm_span *span) {
    (void)ctx;
    for (size_t i = 0; i < span->n_attributes; i++) {
        if (strcmp(span->attributes[i].name, "llm_master.hedge") == 0) {
            noted.spans++;
            copy_field(noted.span_provider, sizeof noted.span_provider, span->attributes, span->n_attributes,
                       "gen_ai.provider.name");
        }
    }
}

static const char *openai_key = "{\"value\":\"key-a\"}";

static void begin(const char *rules, const char *settings) {
    static char text[4096];
    llm_error err = LLM_ERROR_INIT;
    ck_assert_msg(llm_sim_new(&(struct llm_sim_options){.rules = rules_of(rules), .no_demo = true}, &sim,
                              &err) == LLM_OK,
                  "%s", err.message);
    ck_assert_int_eq(llm_sim_start(sim), LLM_OK);
    (void)snprintf(text, sizeof text,
                   "{\"base_urls\":{\"openai\":\"%s/a\",\"groq\":\"%s/b\"},"
                   "\"keys\":{\"openai\":%s,\"groq\":{\"value\":\"key-b\"}}%s%s}",
                   llm_sim_url(sim), llm_sim_url(sim), openai_key, settings != NULL ? "," : "",
                   settings != NULL ? settings : "");
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG;
    options.settings = text;
    options.log_level = LLM_LOG_INFO;
    options.log_record = note;
    options.span = note_span;
    memset(&noted, 0, sizeof noted);
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
}

static void finish(void) {
    llm_master_free(master);
    llm_sim_free(sim);
}

#define FAST                                                                                                 \
    "\"retry\":{\"base_ms\":1,\"throttle_base_ms\":1,\"max_attempts\":3},\"breaker\":{\"enabled\":false}"

static const char *const to_groq[] = {"groq/llama-3.1-8b-instant", NULL};

static llm_query_args ask(void) {
    return (llm_query_args){LLM_QUERY_INIT, .model = "gpt-4o-mini", .prompt = "hi"};
}

static int64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// The response's JSON, "" when there is none.
static const char *json_of(const llm_response *response) {
    static char text[16384];
    char *json;
    size_t len;
    text[0] = '\0';
    if (response != NULL && llm_response_json(response, &json, &len) == LLM_OK) {
        (void)snprintf(text, sizeof text, "%s", json);
        llm_free(json);
    }
    return text;
}

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

struct watcher {
    size_t ends, behind;
    llm_status status;
};

static llm_status watch(void *ctx, llm_call *call, const llm_event *event) {
    struct watcher *w = ctx;
    (void)call;
    w->behind += w->ends;
    if (event->type == LLM_EVENT_END) {
        w->ends++;
        w->status = event->status;
    }
    return LLM_OK;
}

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

// ---- hedge -----------------------------------------------------------------------------------------------------------

#define SSE(word)                                                                                            \
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" word                                              \
    "\"}}]},{\"choices\":[{\"index\":0,\"delta\":{},"                                                        \
    "\"finish_reason\":\"stop\"}]},{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}" \
    "},\"[DONE]\""

static const struct {
    const char *why, *rules;
    uint32_t hedge_ms;
    llm_status want;
    const char *text, *provider;
    size_t attempts;
    const char *json;
} races[] = {
    {"the second is faster",
     "[{\"match\":{\"path\":\"/a/*\"},\"reply\":{\"head_delay_ms\":3000,\"sse\":[" SSE(
         "slow") "]}},"
                 "{\"reply\":{\"sse\":[" SSE("fast") "]}}]",
     30, LLM_OK, "fast", "groq", 2, "\"hedge\":true"},
    {"the first is faster after all",
     "[{\"match\":{\"path\":\"/a/*\"},\"reply\":{\"head_delay_ms\":150,\"sse\":[" SSE(
         "first") "]}},"
                  "{\"reply\":{\"head_delay_ms\":3000,\"sse\":[" SSE("second") "]}}]",
     30, LLM_OK, "first", "openai", 2, "\"status\":\"cancelled\""},
    {"there is no need",
     "[{\"match\":{\"path\":\"/a/*\"},\"reply\":{\"sse\":[" SSE("first") "]}},{\"reply\":{\"sse\":[" SSE(
         "second") "]}}]",
     2000, LLM_OK, "first", "openai", 1, "\"status\":\"ok\""},
    {"the first fails while the second runs",
     "[{\"match\":{\"path\":\"/a/*\"},\"reply\":{\"head_delay_ms\":80,\"status\":401}},"
     "{\"reply\":{\"head_delay_ms\":200,\"sse\":[" SSE("second") "]}}]",
     30, LLM_OK, "second", "groq", 2, "\"status\":\"auth\""},
    {"the second fails, the first answers",
     "[{\"match\":{\"path\":\"/a/*\"},\"reply\":{\"head_delay_ms\":200,\"sse\":[" SSE(
         "first") "]}},"
                  "{\"reply\":{\"status\":503}}]",
     30, LLM_OK, "first", "openai", 2, "\"status\":\"overloaded\""},
    {"both fail",
     "[{\"match\":{\"path\":\"/a/*\"},\"reply\":{\"head_delay_ms\":80,\"status\":401}},"
     "{\"reply\":{\"head_delay_ms\":120,\"status\":403}}]",
     30, LLM_E_AUTH, "", "openai", 2, "\"status\":\"permission\""},
    {"the head comes, the words do not",
     "[{\"match\":{\"path\":\"/a/"
     "*\"},\"reply\":{\"delay_ms\":3000,\"sse\":[{\"choices\":[{\"index\":0,\"delta\":{\"role\":"
     "\"assistant\"}}]}," SSE("slow") "]}},{\"reply\":{\"sse\":[" SSE("fast") "]}}]",
     30, LLM_OK, "fast", "groq", 2, "\"hedge\":true"},
};

START_TEST(a_race) {
    llm_response *response = NULL;
    llm_error err = LLM_ERROR_INIT;
    struct watcher w = {0};
    begin(races[_i].rules, FAST);
    llm_query_args args = ask();
    args.flags = LLM_QUERY_STREAM;
    args.hedge_ms = races[_i].hedge_ms;
    args.fallbacks = to_groq;
    args.on_event = watch;
    args.ctx = &w;
    const int64_t start = now_ms();
    const llm_status got = llm_query(master, &args, &response, &err);
    ck_assert_msg(got == races[_i].want, "%s: %s: %s", races[_i].why, llm_status_name(got), err.message);
    ck_assert_int_lt(now_ms() - start, 2500);
    ck_assert_uint_eq(w.ends, 1);
    ck_assert_uint_eq(w.behind, 0);
    ck_assert_str_eq(llm_response_content(response, NULL), races[_i].text);
    ck_assert_str_eq(llm_response_get(response, "provider"), races[_i].provider);
    ck_assert_uint_eq(llm_response_attempts(response), races[_i].attempts);
    ck_assert_msg(strstr(json_of(response), races[_i].json) != NULL, "%s: %s", races[_i].why,
                  json_of(response));
    if (got == LLM_OK) {
        ck_assert_int_eq(llm_response_usage(response)->input_tokens, 10);
        ck_assert_int_ge(llm_response_cost(response, NULL), 1);
    }
    llm_response_free(response);
    finish();
}
END_TEST

// Both exchanges stand in the debug record, each with the place of its attempt.
START_TEST(a_race_is_recorded) {
    llm_response *response = NULL;
    begin(races[_i].rules, FAST);
    llm_query_args args = ask();
    args.flags = LLM_QUERY_STREAM | LLM_QUERY_DEBUG | LLM_QUERY_DEBUG_BODIES;
    args.hedge_ms = races[_i].hedge_ms;
    args.fallbacks = to_groq;
    ck_assert_int_eq(llm_query(master, &args, &response, NULL), races[_i].want);
    const llm_str json = {json_of(response), strlen(json_of(response))};
    const llm_str attempts = llm_json_get(json, "attempts"), debug = llm_json_get(json, "debug");
    ck_assert_uint_eq(llm_json_count(attempts), races[_i].attempts);
    ck_assert_msg(llm_json_count(debug) == races[_i].attempts, "%s: %s", races[_i].why, json.ptr);
    size_t seen = 0;
    for (size_t i = 0; i < races[_i].attempts; i++) {
        const llm_str exchange = llm_json_at(debug, i);
        int64_t number = 0;
        ck_assert(llm_json_int64(llm_json_get(exchange, "attempt"), &number));
        ck_assert_int_ge(number, 1);
        seen |= (size_t)1 << number;
        const llm_str attempt = llm_json_at(attempts, (size_t)number - 1);
        const llm_str provider = llm_json_plain(llm_json_get(attempt, "provider"));
        const llm_str url = llm_json_plain(llm_json_get(exchange, "url"));
        ck_assert(memmem(url.ptr, url.len, provider.len == 4 ? "/b/" : "/a/", 3) != NULL);
        const llm_str status = llm_json_plain(llm_json_get(exchange, "status"));
        const llm_str want = llm_json_plain(llm_json_get(attempt, "status"));
        ck_assert_msg(status.len == want.len && memcmp(status.ptr, want.ptr, want.len) == 0, "%s: %s",
                      races[_i].why, json.ptr);
        ck_assert_int_ne(llm_json_type(llm_json_get(exchange, "end_us")), 'n');
        ck_assert(llm_json_get(llm_json_get(exchange, "request"), "body").ptr != NULL);
    }
    ck_assert_uint_eq(seen, races[_i].attempts == 2 ? 6 : 2);
    ck_assert(memmem(json.ptr, json.len, "key-", 4) == NULL);
    llm_response_free(response);
    finish();
}
END_TEST

static long sample(const char *text, const char *family, const char *provider, const char *status) {
    char line[256];
    const bool at_groq = strcmp(provider, "groq") == 0;
    const int n = snprintf(line, sizeof line, "\n%s{provider=\"%s\",operation=\"chat\",model=\"%s\"%s%s%s} ",
                           family, provider, at_groq ? "llama-3.1-8b-instant" : "gpt-4o-mini",
                           status[0] != '\0' ? ",status=\"" : "", status, status[0] != '\0' ? "\"" : "");
    const char *at = strstr(text, line);
    return at != NULL ? strtol(at + n, NULL, 10) : 0;
}

// Each attempt counts where it was made, and a race is no fall-back.
START_TEST(a_race_is_counted) {
    static const struct {
        const char *first, *second, *winner; // statuses of the attempts
        const char *outcome;
    } want[] = {
        {"cancelled", "ok", "groq", "ok"},    {"ok", "cancelled", "openai", "ok"},
        {"ok", "", "openai", "ok"},           {"auth", "ok", "groq", "ok"},
        {"ok", "overloaded", "openai", "ok"}, {"auth", "permission", "openai", "auth"},
        {"cancelled", "ok", "groq", "ok"},
    };
    char *text = NULL;
    size_t len = 0;
    const bool raced = want[_i].second[0] != '\0';
    begin(races[_i].rules, FAST);
    llm_query_args args = ask();
    args.flags = LLM_QUERY_STREAM;
    args.hedge_ms = races[_i].hedge_ms;
    args.fallbacks = to_groq;
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), races[_i].want);
    ck_assert_int_eq(llm_master_metrics(master, &text, &len, NULL), LLM_OK);
    ck_assert_int_eq(sample(text, "llm_master_hedges_total", "groq", ""), raced);
    ck_assert_int_eq(sample(text, "llm_master_hedges_total", "openai", ""), 0);
    ck_assert_int_eq(sample(text, "llm_master_fallbacks_total", "groq", ""), 0);
    ck_assert_int_eq(sample(text, "llm_master_attempts_total", "openai", want[_i].first), 1);
    ck_assert(!raced || sample(text, "llm_master_attempts_total", "groq", want[_i].second) == 1);
    ck_assert_int_eq(sample(text, "llm_master_calls_total", want[_i].winner, want[_i].outcome), 1);
    ck_assert_int_eq(sample(text, "llm_master_calls_in_flight", "openai", ""), 0);
    ck_assert_int_eq(sample(text, "llm_master_calls_in_flight", "groq", ""), 0);
    if (races[_i].want == LLM_OK) {
        ck_assert_ptr_nonnull(strstr(text, "llm_master_tokens_total"));
        char line[200];
        (void)snprintf(line, sizeof line, "\nllm_master_tokens_total{provider=\"%s\",", want[_i].winner);
        ck_assert_msg(strstr(text, line) != NULL, "%s: %s", races[_i].why, text);
    }
    llm_free(text);
    ck_assert_int_eq(noted.hedges, raced);
    ck_assert_int_eq(noted.spans, raced);
    ck_assert_int_eq(noted.fallbacks, 0);
    if (raced) {
        ck_assert_str_eq(noted.provider, "groq");
        ck_assert_str_eq(noted.status, want[_i].second);
        ck_assert_str_eq(noted.span_provider, "groq");
    }
    finish();
}
END_TEST

// Whenever it is cancelled or freed, and whichever of the two is ahead: one end at most, and nothing is left.
START_TEST(a_race_may_be_left_at_any_time) {
    begin(
        "[{\"match\":{\"path\":\"/a/"
        "*\"},\"reply\":{\"head_delay_ms\":8,\"delay_ms\":2,\"chunks\":20,\"sse\":[" SSE(
            "a") "]}},{\"reply\":{\"head_delay_ms\":5,\"delay_ms\":2,\"chunks\":20,\"sse\":[" SSE("b") "]}}]",
        FAST);
    llm_loop *loop;
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    for (int i = 0; i < 120; i++) {
        struct watcher w = {0};
        llm_call *call;
        llm_query_args args = ask();
        args.flags = LLM_QUERY_STREAM | (i % 5 == 4 ? LLM_QUERY_RAW : 0) |
                     (i % 2 == 1 ? LLM_QUERY_DEBUG | LLM_QUERY_DEBUG_BODIES : 0);
        args.hedge_ms = 1 + (uint32_t)i % 4;
        args.fallbacks = i % 3 != 2 ? to_groq : NULL;
        args.on_event = watch;
        args.ctx = &w;
        ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
        const int64_t until = now_ms() + i % 24;
        while (w.ends == 0 && now_ms() < until) {
            (void)llm_loop_run(loop, 1);
        }
        if (i % 2 == 0) {
            llm_call_cancel(call);
            while (w.ends == 0) {
                (void)llm_loop_run(loop, 10);
            }
        }
        llm_call_free(call);
        ck_assert_uint_le(w.ends, 1);
        ck_assert_uint_eq(w.behind, 0);
    }
    ck_assert_int_eq(llm_loop_run(loop, 0), 0);
    llm_loop_free(loop);
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
    tcase_add_loop_test(tcase, a_race, 0, (int)(sizeof races / sizeof races[0]));
    tcase_add_loop_test(tcase, a_race_is_recorded, 0, (int)(sizeof races / sizeof races[0]));
    tcase_add_loop_test(tcase, a_race_is_counted, 0, (int)(sizeof races / sizeof races[0]));
    tcase_add_test(tcase, a_race_may_be_left_at_any_time);
    tcase_add_loop_test(tcase, every_allocation_of_a_call_fails_once, 0,
                        (int)(sizeof shapes / sizeof shapes[0]));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
