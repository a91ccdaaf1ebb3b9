// SPDX-License-Identifier: MIT
// Rare orders of events over real sockets, and what money, limits and keys come to in them.  The simulator plays "openai" below /a and
// "groq" below /b.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "call/call.h"
#include "check_main.h"
#include "llm_json.h"
#include "sim.h"
#include "temp_dir.h"

static struct llm_sim *sim;
static llm_master *master;

#define KEY_A "sk-first-canary-0123456789"

#define FAST "\"retry\":{\"base_ms\":1,\"throttle_base_ms\":1,\"max_attempts\":3}"
#define SAYS(text)                                                                                           \
    "{\"body\":{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"" text "\"},"    \
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}}"
#define LATE(ms, text)                                                                                       \
    "{\"head_delay_ms\":" ms ",\"body\":{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","     \
    "\"content\":\"" text "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,"                \
    "\"completion_tokens\":5}}}"
#define AT_A(reply) "{\"match\":{\"path\":\"/a/*\"},\"reply\":" reply "}"
#define AT_B(reply) "{\"match\":{\"path\":\"/b/*\"},\"reply\":" reply "}"
#define OF_MODEL(model, reply) "{\"match\":{\"body\":{\"/model\":\"" model "\"}},\"reply\":" reply "}"

static void make(const char *base_a, const char *base_b, const char *settings) {
    static char text[4096];
    llm_error err = LLM_ERROR_INIT;
    (void)snprintf(
        text, sizeof text,
        "{\"base_urls\":{\"openai\":\"%s\",\"groq\":\"%s\"},\"keys\":{\"openai\":{\"value\":\"" KEY_A
        "\"},\"groq\":{\"value\":\"sk-second-canary-0123456789\"}},%s}",
        base_a, base_b, settings);
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG;
    options.settings = text;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
}

static void begin(const char *rules, const char *settings) {
    char a[128], b[128];
    llm_error err = LLM_ERROR_INIT;
    ck_assert_msg(llm_sim_new(&(struct llm_sim_options){.rules = rules, .no_demo = true}, &sim, &err) ==
                      LLM_OK,
                  "%s", err.message);
    ck_assert_int_eq(llm_sim_start(sim), LLM_OK);
    (void)snprintf(a, sizeof a, "%s/a", llm_sim_url(sim));
    (void)snprintf(b, sizeof b, "%s/b", llm_sim_url(sim));
    make(a, b, settings);
}

static void finish(void) {
    struct llm_limits_stats stats;
    llm_limits_stats(master->limits, &stats);
    ck_assert_uint_eq(stats.reserved, 0);
    ck_assert_uint_eq(stats.waiting, 0);
    llm_master_free(master);
    llm_sim_free(sim);
    master = NULL;
    sim = NULL;
}

static const char *const to_groq[] = {"groq/llama-3.1-8b-instant", NULL};
static const char *const to_sibling[] = {"gpt-4o", NULL};

static llm_query_args ask(void) {
    return (llm_query_args){LLM_QUERY_INIT, .model = "gpt-4o-mini", .prompt = "hi"};
}

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

static int64_t now_ms(void) {
    return (int64_t)(llm_clock_us() / 1000);
}

// A member of the first counter of that kind.
static int64_t counted(const char *kind, const char *member) {
    char *json = NULL;
    size_t len = 0;
    int64_t value = -1;
    ck_assert_int_eq(llm_master_describe(master, "limits", NULL, &json, &len, NULL), LLM_OK);
    llm_json_iter it = llm_json_begin((llm_str){json, len});
    while (llm_json_next(&it)) {
        if (llm_json_is(llm_json_get(it.value, "kind"), kind)) {
            (void)llm_json_int64(llm_json_get(it.value, member), &value);
            break;
        }
    }
    llm_free(json);
    return value;
}

struct watcher {
    size_t ends;
    llm_status status;
};

static llm_status watch(void *ctx, llm_call *call, const llm_event *event) {
    struct watcher *w = ctx;
    (void)call;
    w->ends += event->type == LLM_EVENT_END ? 1 : 0;
    w->status = event->type == LLM_EVENT_END ? event->status : w->status;
    return LLM_OK;
}

static llm_call *start(llm_loop *loop, llm_query_args args, struct watcher *w) {
    llm_call *call = NULL;
    llm_error err = LLM_ERROR_INIT;
    args.on_event = watch;
    args.ctx = w;
    ck_assert_msg(llm_call_start(loop, &args, &call, &err) == LLM_OK, "%s", err.message);
    return call;
}

static void run_until(llm_loop *loop, const struct watcher *w, int64_t most_ms) {
    const int64_t until = now_ms() + most_ms;
    while (w->ends == 0 && now_ms() < until) {
        (void)llm_loop_run(loop, 10);
    }
}

// ---- money -------------------------------------------------------------------------------------------------------------

// Whatever a codec counts: two counts can be added.
START_TEST(counts_without_measure_are_no_way_around_a_limit) {
    struct watcher w = {0};
    llm_loop *loop;
    llm_counts counts = LLM_COUNTS_INIT;
    counts.input_tokens = counts.output_tokens = counts.reasoning_tokens = INT64_MAX;
    begin("[{\"reply\":" SAYS("a") "}]", FAST);
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    llm_call *call = start(loop, ask(), &w);
    ck_assert_int_eq(call->out_verbs.usage(call->out_verbs.ctx, &counts), LLM_OK);
    const llm_usage *usage = &call->response->usage;
    ck_assert_int_eq(usage->input_tokens, LLM_MAX_USAGE_COUNT);
    ck_assert_int_gt(usage->input_tokens + usage->output_tokens + usage->reasoning_tokens, 0);
    run_until(loop, &w, 5000);
    ck_assert_int_eq(w.status, LLM_OK);
    llm_call_free(call);
    llm_loop_free(loop);
    finish();
}
END_TEST

static const struct {
    const char *why, *rules;
    uint32_t first_byte_ms, hedge_ms;
} unknown_costs[] = {
    {"timed out before a byte of the answer", "[" AT_A(LATE("3000", "a")) "," AT_B(SAYS("b")) "]", 100, 0},
    {"the loser of a race", "[" AT_A(LATE("3000", "a")) "," AT_B(SAYS("b")) "]", 0, 50},
};

START_TEST(what_may_have_been_charged_is_told) {
    llm_response *response = NULL;
    llm_query_args args = ask();
    args.fallbacks = to_groq;
    args.first_byte_timeout_ms = unknown_costs[_i].first_byte_ms;
    args.hedge_ms = unknown_costs[_i].hedge_ms;
    begin(unknown_costs[_i].rules, FAST);
    ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_OK);
    ck_assert_str_eq(llm_response_content(response, NULL), "b");
    ck_assert_int_gt(llm_response_cost(response, NULL), 0);
    ck_assert_msg(strstr(json_of(response), "cost_incomplete") != NULL, "%s: %s", unknown_costs[_i].why,
                  json_of(response));
    llm_response_free(response);
    finish();
}
END_TEST

// ---- a race ---------------------------------------------------------------------------------------------------------------

START_TEST(the_cache_keeps_no_answer_of_a_racer_at_another_model) {
    llm_response *response = NULL;
    llm_query_args args = ask();
    args.fallbacks = to_sibling;
    args.hedge_ms = 30;
    args.flags = LLM_QUERY_CACHE;
    begin("[{\"match\":{\"body\":{\"/model\":\"gpt-4o-mini\"},\"nth\":1},\"reply\":" LATE(
              "3000", "slow") "}," OF_MODEL("gpt-4o-mini",
                                            SAYS("first choice")) "," OF_MODEL("gpt-4o", SAYS("sibling")) "]",
          FAST);
    ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_OK);
    ck_assert_str_eq(llm_response_content(response, NULL), "sibling");
    llm_response_free(response);
    args.hedge_ms = 0;
    ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_OK);
    ck_assert_str_eq(llm_response_content(response, NULL), "first choice");
    llm_response_free(response);
    finish();
}
END_TEST

static void has_metric(const char *text, const char *line) {
    ck_assert_msg(strstr(text, line) != NULL, "%s is not there", line);
}

START_TEST(metrics_are_of_who_answered) {
    char *text = NULL;
    llm_query_args args = ask();
    args.fallbacks = to_groq;
    args.hedge_ms = 30;
    begin("[" AT_A(LATE("3000", "a")) "," AT_B(SAYS("b")) "]", FAST);
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_OK);
    ck_assert_int_eq(llm_master_metrics(master, &text, NULL, NULL), LLM_OK);
#define AT_GROQ "provider=\"groq\",operation=\"chat\",model=\"llama-3.1-8b-instant\""
    has_metric(text, "llm_master_attempts_total{" AT_GROQ ",status=\"ok\"} 1");
    has_metric(text, "llm_master_tokens_total{" AT_GROQ ",class=\"input\"} 10");
    has_metric(text, "llm_master_calls_total{" AT_GROQ ",status=\"ok\"} 1");
    llm_free(text);
    finish();
}
END_TEST

START_TEST(a_racer_that_was_not_admitted_leaves_the_fall_back) {
    struct watcher w[2] = {{0}, {0}};
    llm_loop *loop;
    llm_query_args args = ask();
    begin("[" AT_A("{\"head_delay_ms\":150,\"status\":401}") "," AT_B(LATE("400", "from b")) "]",
          FAST ",\"limits\":[{\"provider\":\"groq\",\"concurrency\":1}]");
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    args.model = to_groq[0];
    llm_call *other = start(loop, args, &w[0]);
    args.model = "gpt-4o-mini";
    args.fallbacks = to_groq;
    args.hedge_ms = 30;
    llm_call *call = start(loop, args, &w[1]);
    run_until(loop, &w[1], 5000);
    ck_assert_uint_eq(w[1].ends, 1);
    ck_assert_msg(w[1].status == LLM_OK, "%s", llm_status_name(w[1].status));
    llm_call_free(other);
    llm_call_free(call);
    llm_loop_free(loop);
    finish();
}
END_TEST

// The provider's budget holds one try: a racer that a limit kept out has not used it.
START_TEST(a_racer_that_was_not_admitted_takes_no_try) {
    struct watcher w[2] = {{0}, {0}};
    llm_loop *loop;
    llm_response *response = NULL;
    llm_query_args args = ask();
    begin("[" OF_MODEL(
              "gpt-4o",
              LATE("600", "busy")) ","
                                   "{\"match\":{\"body\":{\"/model\":\"gpt-4o-mini\"},\"nth\":1},\"reply\":"
                                   "{\"head_delay_ms\":200,\"status\":503}}," OF_MODEL("gpt-4o-mini",
                                                                                       SAYS("again")) "]",
          FAST ",\"retry_budget\":{\"percent\":50,\"per_second\":0},"
               "\"limits\":[{\"model\":\"gpt-4o-mini\",\"concurrency\":1}]");
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    args.model = to_sibling[0];
    llm_call *other = start(loop, args, &w[0]); // two calls are worth one try
    args.model = "gpt-4o-mini";
    args.hedge_ms = 30;
    llm_call *call = start(loop, args, &w[1]);
    run_until(loop, &w[1], 5000);
    ck_assert_int_eq(llm_call_response(call, &response), LLM_OK);
    ck_assert_msg(strstr(json_of(response), "\"hedge\":true") != NULL, "%s", json_of(response));
    ck_assert_msg(w[1].status == LLM_OK, "%s: %s", llm_status_name(w[1].status), json_of(response));
    llm_response_free(response);
    llm_call_free(other);
    llm_call_free(call);
    llm_loop_free(loop);
    finish();
}
END_TEST

// ---- an answer that is shared -----------------------------------------------------------------------------------------------

struct told {
    struct watcher watcher; // first
    char provider[64], model[64];
};

static llm_status note_start(void *ctx, llm_call *call, const llm_event *event) {
    struct told *told = ctx;
    if (event->type == LLM_EVENT_START) {
        (void)snprintf(told->provider, sizeof told->provider, "%.*s", (int)event->name.len, event->name.ptr);
        (void)snprintf(told->model, sizeof told->model, "%.*s", (int)event->text.len, event->text.ptr);
    }
    return watch(&told->watcher, call, event);
}

// The leader falls back: who follows it tells whose answer it is, too.
START_TEST(a_follower_names_who_answered) {
    struct told told[2] = {{{0}, "", ""}, {{0}, "", ""}};
    llm_call *calls[2];
    llm_loop *loop;
    char *text = NULL;
    llm_query_args args = ask();
    args.fallbacks = to_groq;
    args.flags = LLM_QUERY_SHARE;
    args.on_event = note_start;
    char path[1024], settings[2048];
    struct temp_dir dir;
    (void)snprintf(path, sizeof path, "%s/plugins/store_sqlite.so", getenv("LLM_TEST_BUILD"));
    const bool records = access(path, R_OK) == 0; // it may be built without SQLite
    temp_dir_new(&dir);
    (void)snprintf(settings, sizeof settings, FAST "%s%s%s", records ? ",\"ledger\":{\"path\":\"" : "",
                   records ? temp_dir_file(&dir, "ledger.db") : "", records ? "\"}" : "");
    begin("[" AT_A("{\"head_delay_ms\":50,\"status\":401}") "," AT_B(SAYS("b")) "]", settings);
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    for (int i = 0; i < 2; i++) {
        args.ctx = &told[i];
        ck_assert_int_eq(llm_call_start(loop, &args, &calls[i], NULL), LLM_OK);
    }
    run_until(loop, &told[0].watcher, 5000);
    run_until(loop, &told[1].watcher, 5000);
    ck_assert_uint_eq(llm_sim_requests(sim), 2);
    for (int i = 0; i < 2; i++) {
        llm_response *response = NULL;
        ck_assert_int_eq(told[i].watcher.status, LLM_OK);
        ck_assert_int_eq(llm_call_response(calls[i], &response), LLM_OK);
        ck_assert_str_eq(llm_response_get(response, "provider"), "groq");
        ck_assert_str_eq(llm_response_get(response, "provider_model"), "llama-3.1-8b-instant");
        ck_assert_str_eq(told[i].provider, "groq");
        ck_assert_str_eq(told[i].model, "llama-3.1-8b-instant");
        llm_response_free(response);
        llm_call_free(calls[i]);
    }
    ck_assert_int_eq(llm_master_metrics(master, &text, NULL, NULL), LLM_OK);
    has_metric(text, "llm_master_calls_total{" AT_GROQ ",status=\"ok\"} 2");
    llm_free(text);
    llm_loop_free(loop);
    if (records) {
        const llm_usage_args usage = {.size = sizeof usage, .by = "provider"};
        ck_assert_int_eq(llm_master_flush(master, 5000, NULL), LLM_OK);
        ck_assert_int_eq(llm_master_usage(master, &usage, &text, NULL, NULL), LLM_OK);
        ck_assert_msg(strstr(text, "groq") != NULL && strstr(text, "openai") == NULL, "%s", text);
        llm_free(text);
    }
    finish();
    temp_dir_free(&dir);
}
END_TEST

// ---- a host that polls ------------------------------------------------------------------------------------------------------

// Each look runs the loop once, however little time there is.
START_TEST(a_poll_gets_on) {
    llm_loop *loop;
    llm_call *call = NULL;
    const llm_event *event = NULL;
    const llm_query_args args = ask();
    llm_status status = LLM_E_TIMEOUT;
    size_t idle = 0;
    begin("[{\"reply\":" LATE("300", "a") "}]", FAST);
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    for (const int64_t until = now_ms() + 5000; status == LLM_E_TIMEOUT && now_ms() < until;) {
        atomic_store(&loop->was_run, false);
        status = llm_call_next(call, 0, &event);
        idle += atomic_load(&loop->was_run) ? 0 : 1;
    }
    ck_assert_int_eq(status, LLM_OK);
    ck_assert_uint_eq(idle, 0);
    while (status == LLM_OK) {
        status = llm_call_next(call, -1, &event);
    }
    ck_assert_int_eq(status, LLM_DONE);
    llm_call_free(call);
    llm_loop_free(loop);
    finish();
}
END_TEST

static llm_call *pulled;

static llm_status pull_inside(void *ctx, llm_call *call, const llm_event *event) {
    const llm_event *other = NULL;
    if (event->type == LLM_EVENT_TEXT) {
        ck_assert_int_eq(llm_call_next(pulled, -1, &other), LLM_E_INVALID_REQUEST);
    }
    return watch(ctx, call, event);
}

START_TEST(a_callback_that_pulls_is_told_so) {
    struct watcher w = {0};
    llm_loop *loop;
    llm_call *call = NULL;
    llm_query_args args = ask();
    begin("[{\"match\":{\"nth\":1},\"reply\":" LATE("1000", "a") "},{\"reply\":" SAYS("b") "}]", FAST);
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &pulled, NULL), LLM_OK);
    args.on_event = pull_inside;
    args.ctx = &w;
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    run_until(loop, &w, 5000);
    ck_assert_int_eq(w.status, LLM_OK);
    llm_call_free(call);
    llm_call_free(pulled);
    llm_loop_free(loop);
    finish();
}
END_TEST

// ---- before anything is sent ----------------------------------------------------------------------------------------------

// A port whose connections hang: its backlog is full.
static int full_port(int guests[2], char url[64]) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(fd, 0), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(url, 64, "http://127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    for (int i = 0; i < 2; i++) {
        guests[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(guests[i], (struct sockaddr *)&at, sizeof at);
    }
    return fd;
}

START_TEST(an_end_while_it_connects_gives_all_back) {
    int guests[2];
    char url[64];
    struct watcher w = {0};
    llm_loop *loop;
    llm_query_args args = ask();
    const int fd = full_port(guests, url);
    make(url, url, FAST ",\"limits\":[{\"requests_per_minute\":100,\"tokens_per_minute\":100000}]");
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    args.max_attempts = 1;
    args.first_byte_timeout_ms = _i == 0 ? 150 : 0;
    llm_call *call = start(loop, args, &w);
    run_until(loop, &w, _i == 0 ? 3000 : 150);
    ck_assert_uint_eq(w.ends, _i == 0 ? 1 : 0);
    ck_assert_int_eq(counted("requests", "admitted"), 1);
    llm_call_cancel(call);
    run_until(loop, &w, 3000);
    ck_assert_int_eq(w.status, _i == 0 ? LLM_E_TIMEOUT : LLM_E_CANCELLED);
    ck_assert_int_eq(counted("requests", "used"), 0);
    ck_assert_int_eq(counted("tokens", "used"), 0);
    llm_call_free(call);
    llm_loop_free(loop);
    finish();
    (void)close(guests[0]);
    (void)close(guests[1]);
    (void)close(fd);
}
END_TEST

// A time-out before anything was sent may be tried again, whatever the request.
START_TEST(a_time_out_while_it_connects_is_tried_again) {
    int guests[2];
    char url[64];
    llm_response *response = NULL;
    llm_query_args args = ask();
    const int fd = full_port(guests, url);
    make(url, url, FAST);
    args.first_byte_timeout_ms = 100;
    ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_E_TIMEOUT);
    ck_assert_uint_eq(llm_response_attempts(response), 3);
    llm_response_free(response);
    finish();
    (void)close(guests[0]);
    (void)close(guests[1]);
    (void)close(fd);
}
END_TEST

// ---- keys -------------------------------------------------------------------------------------------------------------------

static void leave_groq_alone(void) {
    struct llm_health_entry *groq = llm_health_get(master->health, LLM_STR("groq"), LLM_STR("groq"));
    for (int i = 0; i < 5; i++) {
        struct llm_health_ticket ticket;
        uint64_t wait_ms;
        (void)llm_health_enter(groq, NULL, llm_clock_us(), &ticket, &wait_ms);
        llm_health_leave(&ticket, llm_clock_us(), LLM_E_SERVER, 1, -1);
    }
}

START_TEST(a_key_that_a_server_repeats_is_not_told_by_another_target) {
    llm_error err = LLM_ERROR_INIT;
    llm_response *response = NULL;
    llm_query_args args = ask();
    begin("[" AT_A("{\"sse\":[{\"error\":{\"message\":\"wrong key " KEY_A
                   "\",\"code\":\"invalid_api_key\"}}]}") "," AT_B(SAYS("b")) "]",
          FAST);
    leave_groq_alone();
    args.flags = LLM_QUERY_STREAM;
    args.fallbacks = to_groq;
    ck_assert_int_eq(llm_query(master, &args, &response, &err), LLM_E_AUTH);
    ck_assert_msg(strstr(err.message, "wrong key") != NULL, "%s", err.message);
    ck_assert_msg(strstr(err.message, KEY_A) == NULL, "%s", err.message);
    ck_assert_ptr_null(strstr(json_of(response), KEY_A));
    llm_response_free(response);
    finish();
}
END_TEST

// What was spent at one provider is not booked to another that was not even asked.
START_TEST(a_failure_is_of_who_was_asked) {
    llm_error err = LLM_ERROR_INIT;
    llm_response *response = NULL;
    llm_query_args args = ask();
    begin("[" AT_A("{\"sse\":[{\"choices\":[],\"usage\":{\"prompt_tokens\":1000000,\"completion_tokens\":0}},"
                   "{\"error\":{\"message\":\"wrong key\",\"code\":\"invalid_api_key\"}}]}") "]",
          FAST);
    leave_groq_alone();
    args.flags = LLM_QUERY_STREAM;
    args.fallbacks = to_groq;
    ck_assert_int_eq(llm_query(master, &args, &response, &err), LLM_E_AUTH);
    ck_assert_str_eq(err.provider, "openai");
    ck_assert_int_eq(llm_response_cost(response, NULL), INT64_C(150000000000));
    ck_assert_str_eq(llm_response_get(response, "provider"), "openai");
    ck_assert_str_eq(llm_response_get(response, "provider_model"), "gpt-4o-mini");
    llm_response_free(response);
    finish();
}
END_TEST

// ---- reload -----------------------------------------------------------------------------------------------------------------

START_TEST(a_reload_that_fails_changes_nothing) {
    static const char before[] = "{\"breaker\":{\"failures\":5}}",
                      after[] = "{\"breaker\":{\"failures\":1},\"ledger\":{\"store\":\"nobody\"}}";
    struct temp_dir dir;
    char path[1024];
    llm_error err = LLM_ERROR_INIT;
    temp_dir_new(&dir);
    temp_dir_write(&dir, "config.json", before, sizeof before - 1, 0644);
    (void)snprintf(path, sizeof path, "%s/config.json", dir.path);
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT;
    options.config_file = path;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
    struct llm_health_entry *groq = llm_health_get(master->health, LLM_STR("groq"), LLM_STR("groq"));
    struct llm_health_ticket ticket;
    uint64_t wait_ms = 0;
    (void)llm_health_enter(groq, NULL, llm_clock_us(), &ticket, &wait_ms);
    llm_health_leave(&ticket, llm_clock_us(), LLM_E_AUTH, 1, -1); // the key rests until a reload
    ck_assert_int_eq(llm_health_look(groq, llm_clock_us(), &wait_ms), LLM_HEALTH_COOLING);
    temp_dir_write(&dir, "config.json", after, sizeof after - 1, 0644);
    ck_assert_int_eq(llm_master_reload(master, &err), LLM_E_CONFIG);
    ck_assert_int_eq(llm_health_look(groq, llm_clock_us(), &wait_ms), LLM_HEALTH_COOLING);
    (void)llm_health_enter(groq, NULL, llm_clock_us(), &ticket, &wait_ms);
    llm_health_leave(&ticket, llm_clock_us(), LLM_E_SERVER, 1, -1);
    ck_assert_int_ne(llm_health_look(groq, llm_clock_us(), &wait_ms), LLM_HEALTH_OPEN);
    llm_master_free(master);
    temp_dir_free(&dir);
}
END_TEST

static void *ask_once(void *arg) {
    const llm_query_args args = ask();
    *(llm_status *)arg = llm_query(master, &args, NULL, NULL);
    return NULL;
}

static void write_proxy(const struct temp_dir *dir, const char *more) {
    char text[512];
    const int n = snprintf(text, sizeof text,
                           "{\"base_urls\":{\"openai\":\"%s/a\"},\"keys\":{\"openai\":{\"value\":\"k\"}}%s}",
                           llm_sim_url(sim), more);
    temp_dir_write(dir, "config.json", text, (size_t)n, 0600);
}

// A call under way ends as it began; what comes after it goes by the new rules, whoever lent it the loop.
START_TEST(no_loop_keeps_the_proxy_of_before) {
    struct temp_dir dir;
    char path[1024];
    pthread_t thread;
    llm_status first = LLM_E_INTERNAL, second = LLM_OK;
    llm_error err = LLM_ERROR_INIT;
    ck_assert_int_eq(
        llm_sim_new(&(struct llm_sim_options){.rules = "[{\"reply\":" LATE("400", "a") "}]", .no_demo = true},
                    &sim, &err),
        LLM_OK);
    ck_assert_int_eq(llm_sim_start(sim), LLM_OK);
    temp_dir_new(&dir);
    write_proxy(&dir, "");
    (void)snprintf(path, sizeof path, "%s/config.json", dir.path);
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT;
    options.config_file = path;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
    ck_assert_int_eq(pthread_create(&thread, NULL, ask_once, &first), 0);
    while (llm_sim_requests(sim) == 0) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    write_proxy(&dir, ",\"retry\":{\"max_attempts\":1},\"proxy\":\"http://127.0.0.1:1\"");
    ck_assert_msg(llm_master_reload(master, &err) == LLM_OK, "%s", err.message);
    (void)pthread_join(thread, NULL);
    ck_assert_int_eq(first, LLM_OK);
    (void)ask_once(&second);
    ck_assert_int_eq(second, LLM_E_TRANSPORT);
    ck_assert_uint_eq(llm_sim_requests(sim), 1);
    temp_dir_free(&dir);
    finish();
}
END_TEST

// ---- rows of the policies that no other test has ---------------------------------------------------------------------------

#define TWO_ROUTE(more) FAST ",\"breaker\":{\"enabled\":false}" more

static const struct {
    const char *why, *rules, *settings;
    const char *const *fallbacks;
    llm_status want;
    uint64_t requests;
    const char *text; // NULL: whatever
    int64_t most_ms;
    uint32_t flags;
} rows[] = {
    {"nobody waits by advice while another target is free",
     "[" AT_A("{\"status\":429,\"headers\":{\"retry-after\":\"5\"}}") "," AT_B(SAYS("b")) "]", TWO_ROUTE(""),
     to_groq, LLM_OK, 2, "b", 1500, 0},
    {"409 is not tried again", "[" AT_A("{\"status\":409}") "]", TWO_ROUTE(""), NULL, LLM_E_CONFLICT, 1, "",
     1500, 0},
    {"a POST that timed out at the provider is tried again", "[" AT_A("{\"status\":504}") "]", TWO_ROUTE(""),
     NULL, LLM_E_TIMEOUT, 3, "", 1500, 0},
    {"another model of the same provider draws on the budget",
     "[" OF_MODEL("gpt-4o-mini", "{\"status\":401}") "," OF_MODEL("gpt-4o", SAYS("sibling")) "]",
     TWO_ROUTE(",\"retry_budget\":{\"percent\":0,\"per_second\":0}"), to_sibling, LLM_E_AUTH, 1, "", 1500, 0},
    {"another provider does not", "[" AT_A("{\"status\":401}") "," AT_B(SAYS("b")) "]",
     TWO_ROUTE(",\"retry_budget\":{\"percent\":0,\"per_second\":0}"), to_groq, LLM_OK, 2, "b", 1500, 0},
    {"a try that the budget does not hold is not made", "[" AT_A("{\"status\":503}") "]",
     TWO_ROUTE(",\"retry_budget\":{\"percent\":0,\"per_second\":0}"), NULL, LLM_E_OVERLOADED, 1, "", 1500, 0},
    {"a spent budget falls back", "[" AT_A("{\"status\":503}") "," AT_B(SAYS("b")) "]",
     TWO_ROUTE(",\"retry_budget\":{\"percent\":0,\"per_second\":0}"), to_groq, LLM_OK, 2, "b", 1500, 0},
    {"weight 0 goes only when the others fail", "[" AT_A("{\"status\":404}") "," AT_B(SAYS("b")) "]",
     TWO_ROUTE(",\"routes\":{\"gpt-4o-mini\":{\"choose\":\"weighted\",\"targets\":[{\"model\":\"groq/"
               "llama-3.1-8b-instant\",\"weight\":0},{\"model\":\"gpt-4o-mini\",\"weight\":1}]}}"),
     NULL, LLM_OK, 2, "b", 1500, 0},
    {"a limit of ours falls back by rate", "[" AT_A(SAYS("a")) "," AT_B(SAYS("b")) "]",
     TWO_ROUTE(",\"limits\":[{\"provider\":\"openai\",\"tokens_per_minute\":1}],\"routes\":{\"gpt-4o-mini\":"
               "{\"fallbacks\":[{\"model\":\"groq/llama-3.1-8b-instant\",\"when\":[\"rate\"]}]}}"),
     NULL, LLM_OK, 1, "b", 1500, 0},
    {"a limit of ours does not fall back by timeout", "[" AT_A(SAYS("a")) "," AT_B(SAYS("b")) "]",
     TWO_ROUTE(",\"limits\":[{\"provider\":\"openai\",\"tokens_per_minute\":1}],\"routes\":{\"gpt-4o-mini\":"
               "{\"fallbacks\":[{\"model\":\"groq/llama-3.1-8b-instant\",\"when\":[\"timeout\"]}]}}"),
     NULL, LLM_E_LIMIT, 0, "", 1500, 0},
    {"raw bytes bind",
     "[" AT_A("{\"sse\":[{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]},{\"error\":{"
              "\"message\":\"overloaded\",\"type\":\"server_error\"}}]}") "]",
     TWO_ROUTE(""), NULL, LLM_E_SERVER, 1, "", 1500, LLM_QUERY_STREAM | LLM_QUERY_RAW},
    {"without raw bytes the same is tried again",
     "[" AT_A("{\"sse\":[{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]},{\"error\":{"
              "\"message\":\"overloaded\",\"type\":\"server_error\"}}]}") "]",
     TWO_ROUTE(""), NULL, LLM_E_SERVER, 3, "", 1500, LLM_QUERY_STREAM},
    {"a redirect is no answer and stays",
     "[" AT_A("{\"status\":307,\"headers\":{\"location\":\"/b/x\"}}") "]", TWO_ROUTE(""), NULL,
     LLM_E_PROTOCOL, 1, "", 1500, 0},
};

START_TEST(as_the_policies_say) {
    llm_response *response = NULL;
    llm_error err = LLM_ERROR_INIT;
    llm_query_args args = ask();
    args.fallbacks = rows[_i].fallbacks;
    args.flags = rows[_i].flags;
    begin(rows[_i].rules, rows[_i].settings);
    const int64_t from = now_ms();
    const llm_status got = llm_query(master, &args, &response, &err);
    ck_assert_msg(got == rows[_i].want, "%s: %s: %s", rows[_i].why, llm_status_name(got), err.message);
    ck_assert_msg(llm_sim_requests(sim) == rows[_i].requests, "%s: %d requests", rows[_i].why,
                  (int)llm_sim_requests(sim));
    ck_assert_msg(now_ms() - from <= rows[_i].most_ms, "%s: %d ms", rows[_i].why, (int)(now_ms() - from));
    ck_assert_msg(strcmp(llm_response_content(response, NULL), rows[_i].text) == 0, "%s", rows[_i].why);
    llm_response_free(response);
    finish();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("edges");
    TCase *tcase = tcase_create("edges");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, counts_without_measure_are_no_way_around_a_limit);
    tcase_add_loop_test(tcase, what_may_have_been_charged_is_told, 0, CHECK_ROWS(unknown_costs));
    tcase_add_test(tcase, the_cache_keeps_no_answer_of_a_racer_at_another_model);
    tcase_add_test(tcase, metrics_are_of_who_answered);
    tcase_add_test(tcase, a_racer_that_was_not_admitted_leaves_the_fall_back);
    tcase_add_test(tcase, a_racer_that_was_not_admitted_takes_no_try);
    tcase_add_test(tcase, a_follower_names_who_answered);
    tcase_add_test(tcase, a_poll_gets_on);
    tcase_add_test(tcase, a_callback_that_pulls_is_told_so);
    tcase_add_loop_test(tcase, an_end_while_it_connects_gives_all_back, 0, 2);
    tcase_add_test(tcase, a_time_out_while_it_connects_is_tried_again);
    tcase_add_test(tcase, a_key_that_a_server_repeats_is_not_told_by_another_target);
    tcase_add_test(tcase, a_failure_is_of_who_was_asked);
    tcase_add_test(tcase, a_reload_that_fails_changes_nothing);
    tcase_add_test(tcase, no_loop_keeps_the_proxy_of_before);
    tcase_add_loop_test(tcase, as_the_policies_say, 0, CHECK_ROWS(rows));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
