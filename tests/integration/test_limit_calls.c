// SPDX-License-Identifier: MIT
// Limits and whole calls: what each way to end leaves in the counters, who waits and is woken, and that nothing is leaked by thousands of
// cancels and faults on several threads.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "call/call.h"
#include "check_main.h"
#include "fail_alloc.h"
#include "llm_json.h"
#include "temp_dir.h"

#define BODY "{\"model\":\"acme-1\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"
#define IN_TOKENS ((int64_t)(sizeof BODY + 1) / 3) // one for each three bytes
#define MICRO INT64_C(1000000)                     // pico-USD of a token of input

// ---- a provider in the place of HTTP ----------------------------------------------------------------------------------

struct reply {
    uint32_t status;       // 0: none
    const char *pieces[4]; // NULL-terminated
    bool is_stream, is_broken;
};

static _Thread_local const struct reply *next_reply;
static _Thread_local uint32_t nap_us;
static _Atomic int inside, most_inside;

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    (void)ctx;
    (void)request;
    const struct reply *r = next_reply;
    const int now = atomic_fetch_add(&inside, 1) + 1;
    int seen = atomic_load(&most_inside);
    while (now > seen && !atomic_compare_exchange_weak(&most_inside, &seen, now)) {
    }
    if (nap_us > 0) {
        (void)nanosleep(&(struct timespec){.tv_nsec = (long)nap_us * 1000}, NULL);
    }
    if (r->status != 0) {
        const llm_header type = {LLM_STR("content-type"),
                                 r->is_stream ? LLM_STR("text/event-stream") : LLM_STR("application/json")};
        llm_status status = reply->head(reply->ctx, r->status, &type, 1);
        for (size_t i = 0; r->pieces[i] != NULL && status == LLM_OK; i++) {
            status = reply->data(reply->ctx, r->pieces[i], strlen(r->pieces[i]));
        }
    }
    (void)atomic_fetch_sub(&inside, 1);
    return r->is_broken ? LLM_E_TRANSPORT : LLM_OK;
}

static const llm_transport transport = {.size = sizeof transport, .exchange = exchange};
static struct temp_dir dir;
static llm_master *master;

static void begin_with(const char *settings, const llm_transport *over) {
    static const char file[] =
        "{\"name\":\"acme\",\"base_url\":\"https://acme.example/"
        "v1\",\"plugin\":\"openai_compat\",\"models\":["
        "{\"id\":\"acme-1\",\"input_per_mtok\":\"1\",\"output_per_mtok\":\"2\",\"output_tokens\":100},"
        "{\"id\":\"acme-free\"},"
        "{\"id\":\"acme-slow\",\"input_per_mtok\":\"1\",\"output_per_mtok\":\"2\","
        "\"limits\":{\"requests_per_minute\":2}}]}";
    static char plugins[1024], tests[1024];
    static const char *dirs[4];
    llm_error err = LLM_ERROR_INIT;
    temp_dir_new(&dir);
    temp_dir_make(&dir, "providers.d", 0755);
    temp_dir_write(&dir, "providers.d/acme.json", file, sizeof file - 1, 0644);
    (void)snprintf(plugins, sizeof plugins, "%s/plugins", getenv("LLM_TEST_BUILD"));
    (void)snprintf(tests, sizeof tests, "%s/tests/plugins", getenv("LLM_TEST_BUILD"));
    dirs[0] = plugins;
    dirs[1] = tests;
    dirs[2] = dir.path;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.settings = settings;
    options.transport = over;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
    atomic_store(&most_inside, 0);
    nap_us = 0;
}

static void begin(const char *settings) {
    begin_with(settings, &transport);
}

static void finish(void) {
    struct llm_limits_stats stats;
    llm_limits_stats(master->limits, &stats);
    ck_assert_uint_eq(stats.reserved, 0);
    ck_assert_uint_eq(stats.waiting, 0);
    llm_master_free(master);
    temp_dir_free(&dir);
}

// A member of the first counter of that kind; money in pico-USD.
static int64_t counted(const char *kind, const char *member) {
    char *json = NULL;
    size_t len = 0;
    int64_t value = -1;
    ck_assert_int_eq(llm_master_describe(master, "limits", NULL, &json, &len, NULL), LLM_OK);
    llm_json_iter it = llm_json_begin((llm_str){json, len});
    while (llm_json_next(&it)) {
        if (llm_json_is(llm_json_get(it.value, "kind"), kind)) {
            const llm_str text = llm_json_get(it.value, member);
            const bool is_money = llm_json_type(text) == '"';
            ck_assert(llm_json_decimal(is_money ? llm_json_plain(text) : text, is_money ? 12 : 0, &value));
            break;
        }
    }
    llm_free(json);
    return value;
}

// ---- every way to end -----------------------------------------------------------------------------------------------------

#define ALL                                                                                                  \
    "{\"limits\":[{\"requests_per_minute\":100,\"tokens_per_minute\":100000,\"concurrency\":4,"              \
    "\"usd\":\"1\",\"window\":3600}]}"

#define CHUNK(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define USAGE(in, out)                                                                                       \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":" in ",\"completion_tokens\":" out "}}\n\n"
#define WHOLE(usage)                                                                                         \
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"abcdef\"},"                \
    "\"finish_reason\":\"stop\"}]" usage "}"

enum stop { NEVER, AT_START, AT_TEXT, FREE_AT_TEXT };

static const struct {
    const char *name;
    struct reply reply;
    enum stop stop;
    llm_status status;
    int64_t requests, tokens, money, estimated; // money: of tokens of input and output when -1
} ends[] = {
    {"done, usage told",
     {200, {WHOLE(",\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34}")}, false, false},
     NEVER,
     LLM_OK,
     1,
     46,
     12 * MICRO + 34 * 2 * MICRO,
     0},
    {"done, usage not told",
     {200, {WHOLE("")}, false, false},
     NEVER,
     LLM_OK,
     1,
     IN_TOKENS + 2,
     (IN_TOKENS + 4) * MICRO,
     1},
    {"done, a part of the usage told",
     {200, {WHOLE(",\"usage\":{\"prompt_tokens\":12}")}, false, false},
     NEVER,
     LLM_OK,
     1,
     12 + 2,
     (12 + 4) * MICRO,
     1},
    {"stream done, usage told",
     {200, {CHUNK("abc"), USAGE("5", "7") "data: [DONE]\n\n"}, true, false},
     NEVER,
     LLM_OK,
     1,
     12,
     5 * MICRO + 7 * 2 * MICRO,
     0},
    {"refused",
     {400, {"{\"error\":{\"message\":\"no\"}}"}, false, false},
     NEVER,
     LLM_E_INVALID_REQUEST,
     1,
     0,
     0,
     0},
    {"throttled",
     {429, {"{\"error\":{\"message\":\"slow\"}}"}, false, false},
     NEVER,
     LLM_E_RATE_LIMITED,
     1,
     0,
     0,
     0},
    {"at fault", {500, {"oops"}, false, false}, NEVER, LLM_E_SERVER, 1, 0, 0, 0},
    {"broken before the answer", {0, {NULL}, false, true}, NEVER, LLM_E_TRANSPORT, 1, 0, 0, 0},
    {"no answer in it", {200, {"<html>"}, false, false}, NEVER, LLM_E_PROTOCOL, 1, 0, 0, 0},
    {"cut after output",
     {200, {CHUNK("abcdef")}, true, true},
     NEVER,
     LLM_E_TRANSPORT,
     1,
     IN_TOKENS + 2,
     (IN_TOKENS + 4) * MICRO,
     1},
    {"cut after output and a first usage",
     {200, {USAGE("9", "1") CHUNK("abcdefghi")}, true, true},
     NEVER,
     LLM_E_TRANSPORT,
     1,
     9 + 3,
     (9 + 6) * MICRO,
     1},
    {"cancelled before output",
     {200, {CHUNK("abc")}, true, false},
     AT_START,
     LLM_E_CANCELLED,
     1,
     IN_TOKENS,
     IN_TOKENS *MICRO,
     1},
    {"cancelled after output",
     {200, {CHUNK("abcdefg"), CHUNK("hi")}, true, false},
     AT_TEXT,
     LLM_E_CANCELLED,
     1,
     IN_TOKENS + 3,
     (IN_TOKENS + 6) * MICRO,
     1},
    {"freed after output",
     {200, {CHUNK("abcdefg"), CHUNK("hi")}, true, false},
     FREE_AT_TEXT,
     LLM_E_CANCELLED,
     1,
     IN_TOKENS + 3,
     (IN_TOKENS + 6) * MICRO,
     1},
};

struct guest {
    enum stop stop;
    size_t n_ends;
    llm_status status;
    bool freed;
};

static llm_status on_event(void *ctx, llm_call *call, const llm_event *event) {
    struct guest *g = ctx;
    g->n_ends += event->type == LLM_EVENT_END ? 1 : 0;
    g->status = event->type == LLM_EVENT_END ? event->status : g->status;
    if (g->stop == FREE_AT_TEXT && event->type == LLM_EVENT_TEXT) {
        g->freed = true;
        llm_call_free(call);
        return LLM_OK;
    }
    const bool stops = (g->stop == AT_START && event->type == LLM_EVENT_START) ||
                       (g->stop == AT_TEXT && event->type == LLM_EVENT_TEXT);
    return stops ? LLM_E_CANCELLED : LLM_OK;
}

static llm_query_args args_of(const char *model, struct guest *g) {
    llm_query_args args = {LLM_QUERY_INIT, .model = model, .body = LLM_STR(BODY), .max_attempts = 1};
    args.on_event = g != NULL ? on_event : NULL;
    args.ctx = g;
    return args;
}

START_TEST(every_way_to_end) {
    struct guest g = {.stop = ends[_i].stop};
    llm_query_args args = args_of("acme-1", &g);
    llm_loop *loop;
    llm_call *call;
    begin(ALL);
    next_reply = &ends[_i].reply;
    args.flags = ends[_i].reply.is_stream ? LLM_QUERY_STREAM : 0;
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    while (llm_loop_run(loop, 1000) > 0 && !g.freed) {
    }
    if (!g.freed) {
        ck_assert_msg(g.status == ends[_i].status, "%s: %s", ends[_i].name, llm_status_name(g.status));
        llm_call_free(call);
    }
    llm_loop_free(loop);
    ck_assert_msg(counted("requests", "used") == ends[_i].requests, "%s", ends[_i].name);
    ck_assert_msg(counted("tokens", "used") == ends[_i].tokens, "%s: %lld", ends[_i].name,
                  (long long)counted("tokens", "used"));
    ck_assert_msg(counted("money", "used") == ends[_i].money, "%s: %lld", ends[_i].name,
                  (long long)counted("money", "used"));
    ck_assert_msg(counted("tokens", "estimated") == ends[_i].estimated, "%s", ends[_i].name);
    ck_assert_int_eq(counted("concurrency", "used"), 0);
    finish();
}
END_TEST

START_TEST(what_was_never_sent_does_not_count) {
    const llm_query_args args = args_of("acme-1", NULL);
    begin_with("{\"limits\":[{\"requests_per_minute\":100,\"tokens_per_minute\":100000,\"usd\":\"1\","
               "\"window\":\"day\"}],"
               "\"base_urls\":{\"acme\":\"http://127.0.0.1:1\"}}",
               NULL);
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_TRANSPORT);
    ck_assert_int_eq(counted("requests", "admitted"), 1);
    ck_assert_int_eq(counted("requests", "used"), 0);
    ck_assert_int_eq(counted("tokens", "used"), 0);
    ck_assert_int_eq(counted("money", "used"), 0);
    finish();
}
END_TEST

START_TEST(a_plugin_that_blocks_is_admitted_too) {
    llm_query_args args = {LLM_QUERY_INIT, .model = "blocking-1", .prompt = "verbs"};
    llm_error err = LLM_ERROR_INIT;
    begin(ALL);
    ck_assert_msg(llm_query(master, &args, NULL, &err) == LLM_OK, "%s", err.message);
    ck_assert_int_eq(counted("requests", "used"), 1);
    ck_assert_int_eq(counted("tokens", "used"), 5);
    args.prompt = "wait";
    args.total_timeout_ms = 30;
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_TIMEOUT);
    ck_assert_int_eq(counted("requests", "used"), 2);
    ck_assert_int_gt(counted("tokens", "used"), 5 + 3); // "waiting" came, and the prompt was sent
    ck_assert_int_eq(counted("tokens", "estimated"), 1);
    ck_assert_int_eq(counted("concurrency", "used"), 0);
    finish();
}
END_TEST

// ---- refusals --------------------------------------------------------------------------------------------------------------

static const struct reply fine = {
    200, {WHOLE(",\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34}")}, false, false};

static const struct {
    const char *settings, *model, *tag;
    const char *body;       // NULL: BODY
    int passes;             // so many calls go before it
    const char *message;    // how it begins; NULL: it passes
    int64_t retry_after_ms; // at least; -1: none
} refusals[] = {
    {"{\"limits\":[{\"tag\":\"team-a\",\"requests_per_minute\":2}]}", "acme-1", "team-a", NULL, 2,
     "the limit of 2 requests per minute for tag \"team-a\" is reached: come back in 6", 59000},
    {"{\"limits\":[{\"tag\":\"team-a\",\"requests_per_minute\":2}]}", "acme-1", "team-b", NULL, 3, NULL, -1},
    {"{\"limits\":[{\"tag\":\"*\",\"each\":true,\"requests_per_minute\":1}]}", "acme-1", NULL, NULL, 1,
     "the limit of 1 request per minute for tag \"*\" (each), here tag \"\" is reached", 59000},
    {"{\"limits\":[{\"provider\":\"acme\",\"model\":\"acme-*\",\"requests_per_minute\":1}]}", "acme-1", NULL,
     NULL, 1, "the limit of 1 request per minute for provider \"acme\", model \"acme-*\" is reached", 59000},
    {"{\"limits\":[{\"key\":\"acme\",\"requests_per_minute\":1}]}", "acme-1", NULL, NULL, 1,
     "the limit of 1 request per minute for key \"acme\" is reached", 59000},
    {"{\"limits\":[{\"name\":\"trial\",\"usd\":\"0.0001\",\"window\":3600}]}", "acme-1", NULL, NULL, 0,
     "the call may take 0.000222 USD, more than the limit of 0.0001 USD per hour for trial ever allows", -1},
    {"{\"limits\":[{\"usd\":\"0.0003\",\"window\":3600}]}", "acme-1", NULL, NULL, 1,
     "the limit of 0.0003 USD per hour for all calls is reached: come back in 6", 3600000},
    {"{\"limits\":[{\"usd\":\"1\",\"window\":\"day\"}]}", "acme-free", NULL, NULL, 0,
     "acme-free has no price, and the limit of money for all calls needs one", -1},
    {"{\"limits\":[{\"usd\":\"1\",\"window\":\"day\",\"unpriced\":\"allow\"}]}", "acme-free", NULL, NULL, 3,
     NULL, -1},
    {"{\"limits\":[{\"tokens_per_minute\":100}]}", "acme-1", NULL, NULL, 0,
     "the call may take 122 tokens, more than the limit of 100 tokens per minute for all calls ever allows",
     -1},
    {"{\"limits\":[{\"tokens_per_minute\":1000}],\"admission\":{\"output_tokens\":9}}", "acme-1", NULL, NULL,
     5, NULL, -1},
    {"{\"limits\":[{\"tokens_per_minute\":1000}]}", "acme-free", NULL, NULL, 0,
     "the call may take 4118 tokens, more than the limit of 1000 tokens per minute", -1},
    {"{\"limits\":[{\"tokens_per_minute\":1000}]}", "acme-free", NULL,
     "{\"max_tokens\":300,\"n\":4,\"messages\":[]}", 0, "the call may take 1213 tokens, more than", -1},
    {"{\"limits\":[{\"tokens_per_minute\":1000}]}", "acme-free", NULL,
     "{\"max_completion_tokens\":1,\"max_tokens\":1200,\"messages\":[]}", 0, "the call may take 12",
     -1}, // the larger one, whichever the provider obeys
    {"{\"limits\":[{\"tokens_per_minute\":1000}]}", "acme-free", NULL,
     "{\"max_completion_tokens\":300,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", 5, NULL, -1},
    {"{}", "acme-slow", NULL, NULL, 2,
     "the limit of 2 requests per minute for provider \"acme\", model \"acme-slow\" (each), here key "
     "\"acme\" is reached",
     59000},
};

START_TEST(refusals_name_the_limit) {
    llm_query_args args = args_of(refusals[_i].model, NULL);
    llm_error err = LLM_ERROR_INIT;
    begin(refusals[_i].settings);
    next_reply = &fine;
    args.tag = refusals[_i].tag;
    args.flags = LLM_QUERY_NO_WAIT;
    if (refusals[_i].body != NULL) {
        args.body = llm_str_from(refusals[_i].body);
    }
    for (int i = 0; i < refusals[_i].passes; i++) {
        ck_assert_msg(llm_query(master, &args, NULL, &err) == LLM_OK, "%s", err.message);
    }
    if (refusals[_i].message != NULL) {
        ck_assert_int_eq(llm_query(master, &args, NULL, &err), LLM_E_LIMIT);
        ck_assert_msg(strncmp(err.message, refusals[_i].message, strlen(refusals[_i].message)) == 0, "%s",
                      err.message);
        ck_assert_str_eq(err.provider, "acme");
        ck_assert_int_ge(err.retry_after_ms, refusals[_i].retry_after_ms);
        ck_assert_int_eq(err.retry_after_ms < 0, refusals[_i].retry_after_ms < 0);
    }
    finish();
}
END_TEST

START_TEST(a_file_in_a_request_is_no_text) {
    static char body[200000];
    llm_query_args args = args_of("acme-1", NULL);
    llm_error err = LLM_ERROR_INIT;
    begin("{\"limits\":[{\"tokens_per_minute\":1500}]}");
    next_reply = &fine;
    int n = snprintf(body, sizeof body,
                     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
                     "\"image_url\":{\"url\":\"data:image/png;base64,");
    memset(body + n, 'A', 150000);
    (void)snprintf(body + n + 150000, sizeof body - 150000 - (size_t)n, "\"}}]}]}");
    args.body = llm_str_from(body);
    args.flags = LLM_QUERY_NO_WAIT;
    ck_assert_msg(llm_query(master, &args, NULL, &err) == LLM_OK, "%s", err.message);
    finish();
}
END_TEST

// ---- waiting ----------------------------------------------------------------------------------------------------------------

static uint64_t now_us(void) {
    return llm_clock_us();
}

// What only begins like a file is text, and counts as such.
START_TEST(text_that_begins_like_a_file_is_text) {
    static const char *const begins[] = {
        "data: ",
        "data:text/csv,",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUV"
        "WXYZABC"
        "DEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ ",
    };
    static char body[70000];
    llm_query_args args = args_of("acme-1", NULL);
    llm_error err = LLM_ERROR_INIT;
    begin("{\"limits\":[{\"tokens_per_minute\":1500}]}");
    next_reply = &fine;
    int n = snprintf(body, sizeof body, "{\"messages\":[{\"role\":\"user\",\"content\":\"%s", begins[_i]);
    for (int i = 0; i < 10000; i++, n += 6) {
        memcpy(body + n, "12, 34", 6);
    }
    (void)snprintf(body + n, sizeof body - (size_t)n, "\"}]}");
    args.body = llm_str_from(body);
    ck_assert_int_eq(llm_query(master, &args, NULL, &err), LLM_E_LIMIT);
    ck_assert_msg(strstr(err.message, "ever allows") != NULL, "%s", err.message);
    finish();
}
END_TEST

// A long end of a request without a quote: tokens that were counted before, for embeddings.
START_TEST(numbers_to_the_end_of_a_request) {
    static char body[8192];
    llm_query_args args = args_of("acme-1", NULL);
    llm_error err = LLM_ERROR_INIT;
    begin("{\"limits\":[{\"tokens_per_minute\":1500}]}");
    next_reply = &fine;
    int n = snprintf(body, sizeof body, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"input\":[1");
    for (; n < 3000; n += 4) {
        memcpy(body + n, ",222", 4);
    }
    (void)snprintf(body + n, sizeof body - (size_t)n, "]}");
    args.body = llm_str_from(body);
    ck_assert_msg(llm_query(master, &args, NULL, &err) == LLM_OK, "%s", err.message);
    finish();
}
END_TEST

START_TEST(a_turn_that_comes_with_time) {
    struct guest g[3] = {{0}};
    llm_call *calls[3];
    llm_loop *loop;
    begin("{\"limits\":[{\"usd\":\"0.00025\",\"window\":1}]}"); // one call a second
    next_reply = &fine;
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    const uint64_t from = now_us();
    for (size_t i = 0; i < 3; i++) {
        llm_query_args args = args_of("acme-1", &g[i]);
        args.max_wait_ms = i == 1 ? 1 : 5000;
        ck_assert_int_eq(llm_call_start(loop, &args, &calls[i], NULL), LLM_OK);
        (void)llm_loop_run(loop, 0);
    }
    ck_assert_uint_eq(g[0].n_ends, 1);
    ck_assert_uint_eq(g[1].n_ends, 1); // there is no room before it would have to go
    ck_assert_int_eq(g[1].status, LLM_E_LIMIT);
    ck_assert_uint_eq(g[2].n_ends, 0);
    ck_assert_int_eq(counted("money", "waiting"), 1);
    size_t rounds = 0;
    for (; llm_loop_run(loop, -1) > 0; rounds++) {
    }
    const uint64_t took = now_us() - from;
    ck_assert_int_eq(g[2].status, LLM_OK);
    ck_assert_uint_ge(took, 1000000);
    ck_assert_uint_lt(took, 2500000);
    ck_assert_uint_lt(rounds, 20); // nobody looked again and again
    for (size_t i = 0; i < 3; i++) {
        llm_call_free(calls[i]);
    }
    llm_loop_free(loop);
    finish();
}
END_TEST

START_TEST(a_call_that_waits_is_stopped_at_once) {
    struct guest g[4] = {{0}};
    llm_call *calls[4];
    llm_loop *loop;
    begin("{\"limits\":[{\"usd\":\"0.00025\",\"window\":60}]}");
    next_reply = &fine;
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    for (size_t i = 0; i < 4; i++) {
        llm_query_args args = args_of("acme-1", &g[i]);
        args.max_wait_ms = 80000;
        args.total_timeout_ms = i == 3 ? 86400000 : 86000000;
        ck_assert_int_eq(llm_call_start(loop, &args, &calls[i], NULL), i < 4 ? LLM_OK : LLM_OK);
    }
    (void)llm_loop_run(loop, 0);
    ck_assert_int_eq(counted("money", "waiting"), 1); // the others would have waited two minutes and more
    llm_call_cancel(calls[1]);
    const uint64_t from = now_us();
    while (llm_loop_run(loop, 100) > 0) {
    }
    ck_assert_uint_lt(now_us() - from, 50000);
    ck_assert_int_eq(g[1].status, LLM_E_CANCELLED);
    ck_assert_int_eq(counted("money", "waiting"), 0);
    llm_query_args args = args_of("acme-1", NULL);
    llm_call *last;
    args.max_wait_ms = 80000;
    ck_assert_int_eq(llm_call_start(loop, &args, &last, NULL), LLM_OK);
    (void)llm_loop_run(loop, 0);
    ck_assert_int_eq(counted("money", "waiting"), 1);
    llm_call_free(last); // in line
    ck_assert_int_eq(counted("money", "waiting"), 0);
    ck_assert_int_eq(llm_call_start(loop, &args, &last, NULL), LLM_OK);
    (void)llm_loop_run(loop, 0);
    for (size_t i = 0; i < 4; i++) {
        llm_call_free(calls[i]);
    }
    llm_loop_free(loop); // with one in line
    finish();
}
END_TEST

START_TEST(a_reload_lets_those_in_who_wait) {
    struct guest g = {0};
    llm_call *call;
    llm_loop *loop;
    begin("{\"limits\":[{\"requests_per_minute\":1}]}");
    next_reply = &fine;
    llm_query_args args = args_of("acme-1", &g);
    args.max_wait_ms = 80000;
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_OK);
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    (void)llm_loop_run(loop, 0);
    ck_assert_int_eq(counted("requests", "waiting"), 1);
    master->options.settings = "{\"limits\":[{\"requests_per_minute\":2}]}";
    ck_assert_int_eq(llm_master_reload(master, NULL), LLM_OK);
    while (llm_loop_run(loop, 1000) > 0) {
    }
    ck_assert_int_eq(g.status, LLM_OK);
    ck_assert_int_eq(counted("requests", "used"), 2);
    ck_assert_int_eq(counted("requests", "amount"), 2);
    llm_call_free(call);
    llm_loop_free(loop);
    finish();
}
END_TEST

// ---- many threads ---------------------------------------------------------------------------------------------------------------

enum { THREADS = 16 };

static void *query_in_turn(void *ctx) {
    size_t *failed = ctx;
    const size_t rounds = getenv("LLM_TEST_LONG") != NULL ? 200 : 10;
    next_reply = &fine;
    nap_us = 300;
    for (size_t i = 0; i < rounds; i++) {
        const llm_query_args args = args_of("acme-1", NULL);
        *failed += llm_query(master, &args, NULL, NULL) == LLM_OK ? 0 : 1;
    }
    return NULL;
}

START_TEST(calls_of_many_threads_wake_each_other) {
    pthread_t threads[THREADS];
    size_t failed[THREADS] = {0};
    begin("{\"limits\":[{\"concurrency\":2}]}");
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, query_in_turn, &failed[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        ck_assert_uint_eq(failed[i], 0);
    }
    ck_assert_int_eq(atomic_load(&most_inside), 2);
    finish();
}
END_TEST

static const struct reply moods[] = {
    {200, {WHOLE(",\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34}")}, false, false},
    {200, {CHUNK("abc"), CHUNK("d"), USAGE("5", "7") "data: [DONE]\n\n"}, true, false},
    {200, {CHUNK("abc")}, true, true},
    {429, {"{}"}, false, false},
    {500, {""}, false, false},
    {0, {NULL}, false, true},
    {200, {"<html>"}, false, false},
};

struct stormer {
    uint32_t seed;
    size_t ends; // of calls
};

static uint32_t roll(struct stormer *s, uint32_t n) {
    s->seed = s->seed * 1664525u + 1013904223u;
    return (s->seed >> 8) % n;
}

enum { CALLS = 12 };

static void start_one(struct stormer *s, llm_loop *loop, llm_call **call, struct guest *g) {
    *g = (struct guest){.stop = (enum stop)roll(s, 4)};
    llm_query_args args = args_of(roll(s, 3) == 0 ? "acme-free" : "acme-1", g);
    args.tag = roll(s, 2) == 0 ? "a" : "b";
    args.max_wait_ms = 1 + roll(s, 30);
    args.max_attempts = roll(s, 20) == 0 ? 2 : 1;
    args.flags = (roll(s, 4) == 0 ? LLM_QUERY_NO_WAIT : 0) | (roll(s, 2) == 0 ? LLM_QUERY_STREAM : 0);
    if (llm_call_start(loop, &args, call, NULL) != LLM_OK) {
        *call = NULL;
    }
}

static void *storm(void *ctx) {
    struct stormer *s = ctx;
    struct guest g[CALLS];
    llm_call *calls[CALLS] = {NULL};
    llm_loop *loop;
    const size_t wanted = getenv("LLM_TEST_LONG") != NULL ? 25000 : 2500;
    if (llm_loop_new(master, NULL, &loop, NULL) != LLM_OK) {
        return NULL;
    }
    while (s->ends < wanted) {
        const size_t i = roll(s, CALLS);
        next_reply = &moods[roll(s, sizeof moods / sizeof moods[0])];
        nap_us = roll(s, 30) == 0 ? 100 : 0;
        if (calls[i] == NULL) {
            start_one(s, loop, &calls[i], &g[i]);
        } else if (roll(s, 4) == 0 && !g[i].freed) {
            llm_call_cancel(calls[i]);
        } else if (roll(s, 6) == 0 && !g[i].freed) {
            g[i].freed = true;
            llm_call_free(calls[i]);
        }
        (void)llm_loop_run(loop, roll(s, 8) == 0 ? 1 : 0);
        for (size_t k = 0; k < CALLS; k++) {
            if (calls[k] != NULL && (g[k].freed || g[k].n_ends > 0)) {
                if (!g[k].freed) {
                    llm_call_free(calls[k]);
                }
                calls[k] = NULL;
                s->ends++;
            }
        }
    }
    llm_loop_free(loop); // whatever is left in it
    return NULL;
}

START_TEST(ten_thousand_cancels_and_faults_leak_nothing) {
    enum { STORMERS = 4 };
    pthread_t threads[STORMERS];
    struct stormer stormers[STORMERS];
    begin("{\"breaker\":{\"enabled\":false},\"limits\":[{\"concurrency\":3},{\"tag\":\"a\",\"concurrency\":2,"
          "\"requests_per_minute\":100000},"
          "{\"tokens_per_minute\":90000000,\"usd\":\"900\",\"window\":\"minute\",\"unpriced\":\"allow\"},"
          "{\"tag\":\"*\",\"model\":\"*\",\"each\":true,\"concurrency\":2}]}");
    for (size_t i = 0; i < STORMERS; i++) {
        stormers[i] = (struct stormer){.seed = 77 + (uint32_t)i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, storm, &stormers[i]), 0);
    }
    const size_t reloads = 20;
    for (size_t i = 0; i < reloads; i++) {
        ck_assert_int_eq(llm_master_reload(master, NULL), LLM_OK);
    }
    for (size_t i = 0; i < STORMERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    ck_assert_int_le(atomic_load(&most_inside), 3);
    ck_assert_int_eq(counted("concurrency", "used"), 0);
    ck_assert_int_gt(counted("concurrency", "admitted"), 1000);
    finish(); // nothing is reserved, nobody waits
}
END_TEST

// ---- memory --------------------------------------------------------------------------------------------------------------------

START_TEST(memory_that_is_not_there) {
    begin("{\"limits\":[{\"requests_per_minute\":100000},{\"tokens_per_minute\":100000000,\"concurrency\":4,"
          "\"usd\":\"900\",\"window\":\"day\"},{\"tag\":\"*\",\"each\":true,\"concurrency\":2}]}");
    char tag[16];
    llm_query_args args = args_of("acme-1", NULL);
    bool failed = true;
    next_reply = &fine;
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_OK);
    for (size_t n = 0; failed; n++) {
        struct llm_limits_stats stats;
        (void)snprintf(tag, sizeof tag, "tag %zu", n); // a counter that is not there yet
        args.tag = tag;
        fail_alloc_after(n);
        const llm_status status = llm_query(master, &args, NULL, NULL);
        failed = fail_alloc_off();
        ck_assert(status == LLM_OK || (failed && status == LLM_E_NOMEM));
        llm_limits_stats(master->limits, &stats);
        ck_assert_uint_eq(stats.reserved + stats.waiting, 0);
    }
    finish();
}
END_TEST

START_TEST(limits_allocate_nothing_in_a_steady_state) {
    size_t costs[2];
    for (size_t i = 0; i < 2; i++) {
        llm_query_args args = args_of("acme-1", NULL);
        bool good = true;
        begin(i == 0 ? "{}"
                     : "{\"limits\":[{\"requests_per_minute\":100000},{\"tokens_per_minute\":100000000,"
                       "\"concurrency\":4,\"usd\":\"900\",\"window\":\"day\"}]}");
        next_reply = &fine;
        args.tag = "ann";
        for (size_t k = 0; k < 20; k++) {
            good = llm_query(master, &args, NULL, NULL) == LLM_OK && good;
        }
        const size_t before = fail_alloc_count();
        for (size_t k = 0; k < 50; k++) {
            good = llm_query(master, &args, NULL, NULL) == LLM_OK && good;
        }
        costs[i] = fail_alloc_count() - before;
        ck_assert(good);
        finish();
    }
    ck_assert_uint_eq(costs[1], costs[0]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("limit_calls");
    TCase *tcase = tcase_create("limit_calls");
    tcase_set_timeout(tcase, 100);
    tcase_add_loop_test(tcase, every_way_to_end, 0, CHECK_ROWS(ends));
    tcase_add_test(tcase, what_was_never_sent_does_not_count);
    tcase_add_test(tcase, a_plugin_that_blocks_is_admitted_too);
    tcase_add_loop_test(tcase, refusals_name_the_limit, 0, CHECK_ROWS(refusals));
    tcase_add_test(tcase, memory_that_is_not_there);
    tcase_add_test(tcase, limits_allocate_nothing_in_a_steady_state);
    tcase_add_test(tcase, a_file_in_a_request_is_no_text);
    tcase_add_loop_test(tcase, text_that_begins_like_a_file_is_text, 0, 3);
    tcase_add_test(tcase, numbers_to_the_end_of_a_request);
    tcase_add_test(tcase, a_turn_that_comes_with_time);
    tcase_add_test(tcase, a_call_that_waits_is_stopped_at_once);
    tcase_add_test(tcase, a_reload_lets_those_in_who_wait);
    tcase_add_test(tcase, calls_of_many_threads_wake_each_other);
    tcase_add_test(tcase, ten_thousand_cancels_and_faults_leak_nothing);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
