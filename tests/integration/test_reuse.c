// SPDX-License-Identifier: MIT
// Answers that are given again: what is kept and what is not, that it comes in the same form, and what a host and its settings say.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_main.h"
#include "fail_alloc.h"
#include "llm_master.h"
#include "temp_dir.h"

// ---- a provider that answers from memory ---------------------------------------------------------------------------

static const char *answer_body;
static uint32_t answer_status;
static bool answer_breaks, answer_numbers;
static size_t exchanges;
static llm_master *master;
static struct temp_dir dir;

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    static const llm_header sse = {{"content-type", 12}, {"text/event-stream", 17}};
    char number[32];
    (void)ctx;
    (void)request;
    exchanges++;
    llm_status status =
        reply->head(reply->ctx, answer_status, &sse, strncmp(answer_body, "data:", 5) == 0 ? 1 : 0);
    for (size_t at = 0; answer_body[at] != '\0' && status == LLM_OK; at += 7) { // in pieces
        const size_t left = strlen(answer_body + at);
        status = reply->data(reply->ctx, answer_body + at, left < 7 ? left : 7);
        if (left <= 7) {
            break;
        }
    }
    if (answer_numbers && status == LLM_OK) {
        (void)snprintf(number, sizeof number, " %zu", exchanges);
        status = reply->data(reply->ctx, number, strlen(number));
    }
    return answer_breaks ? LLM_E_TRANSPORT : LLM_OK;
}

static const llm_transport transport = {.size = sizeof transport, .exchange = exchange};

static const char provider[] =
    "{\"name\":\"compat\",\"base_url\":\"%s\",\"auth\":{\"scheme\":\"none\"},\"prefixes\":[\"c-\"],"
    "\"models\":[{\"id\":\"c-1\",\"operation\":\"chat\",\"input_per_mtok\":\"1\",\"output_per_mtok\":\"2\"},"
    "{\"id\":\"c-free\",\"operation\":\"chat\"},{\"id\":\"c-e\",\"operation\":\"embeddings\"},"
    "{\"id\":\"c-i\",\"operation\":\"image\"}]}";

static void write_provider(const char *base_url) {
    char text[1024];
    const int n = snprintf(text, sizeof text, provider, base_url);
    temp_dir_write(&dir, "plugins/providers.d/compat.json", text, (size_t)n, 0600);
}

static llm_master_options options_of_test(const char *settings) {
    static char compat[1024], echo[1024];
    static const char *dirs[4];
    (void)snprintf(compat, sizeof compat, "%s/plugins", getenv("LLM_TEST_BUILD"));
    (void)snprintf(echo, sizeof echo, "%s/tests/plugins", getenv("LLM_TEST_BUILD"));
    dirs[0] = temp_dir_file(&dir, "plugins");
    dirs[1] = compat;
    dirs[2] = echo;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.transport = &transport;
    options.settings = settings;
    return options;
}

static void begin_with(const char *settings) {
    llm_error err = LLM_ERROR_INIT;
    llm_master_free(master);
    master = NULL;
    const llm_master_options options = options_of_test(settings);
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
}

static void setup(void) {
    temp_dir_new(&dir);
    temp_dir_make(&dir, "plugins", 0700);
    temp_dir_make(&dir, "plugins/providers.d", 0700);
    write_provider("http://127.0.0.1:9/v1");
    begin_with(NULL);
    answer_body = "Hello there";
    answer_status = 200;
    answer_breaks = answer_numbers = false;
    exchanges = 0;
}

static void teardown(void) {
    llm_master_free(master);
    master = NULL;
    temp_dir_free(&dir);
}

static llm_query_args ask(uint32_t flags) {
    return (llm_query_args){LLM_QUERY_INIT, .flags = flags, .model = "echo-1", .prompt = "Hi"};
}

static llm_response *get(const llm_query_args *args) {
    llm_response *response = NULL;
    llm_error err = LLM_ERROR_INIT;
    ck_assert_msg(llm_query(master, args, &response, &err) == LLM_OK, "%s", err.message);
    return response;
}

static char *json_of(const llm_response *response) {
    char *json;
    ck_assert_int_eq(llm_response_json(response, &json, NULL), LLM_OK);
    return json;
}

// Asks; how many exchanges did that take?
static size_t cost_of(const llm_query_args *args) {
    const size_t before = exchanges;
    llm_response_free(get(args));
    return exchanges - before;
}

static bool describes(const char *part) {
    char *json;
    ck_assert_int_eq(llm_master_describe(master, "cache", NULL, &json, NULL, NULL), LLM_OK);
    const bool is = strstr(json, part) != NULL;
    if (!is) {
        printf("# %s not in %s\n", part, json);
    }
    llm_free(json);
    return is;
}

// ---- what is kept ------------------------------------------------------------------------------------------------------

START_TEST(the_second_time_costs_nothing) {
    const llm_query_args args = ask(LLM_QUERY_CACHE);
    ck_assert_uint_eq(cost_of(&args), 1);
    llm_response *response = get(&args);
    uint32_t source;
    ck_assert_uint_eq(exchanges, 1);
    ck_assert_str_eq(llm_response_content(response, NULL), "Hello there");
    ck_assert_str_eq(llm_response_get(response, "finish_reason"), "stop");
    ck_assert_int_eq(llm_response_cost(response, &source), 0);
    ck_assert_uint_eq(source, LLM_COST_CACHE);
    char *json = json_of(response);
    ck_assert_ptr_nonnull(strstr(json, "\"source\":\"cache\"}"));
    ck_assert_ptr_nonnull(strstr(json, "\"cached\":true,\"shared\":false,\"saved\":null")); // it had no usage
    ck_assert_ptr_nonnull(strstr(json, "\"attempts\":[]"));
    llm_free(json);
    llm_response_free(response);
    char *metrics;
    ck_assert_int_eq(llm_master_metrics(master, &metrics, NULL, NULL), LLM_OK);
    ck_assert_ptr_nonnull(strstr(metrics, "\nllm_master_cache_hits_total 1\n"));
    llm_free(metrics);
    ck_assert(describes("\"entries\":1,") && describes("\"hits\":1,") && describes("\"misses\":1,"));
}
END_TEST

START_TEST(only_who_asks_for_it_gets_it) {
    const llm_query_args with = ask(LLM_QUERY_CACHE), without = ask(0), never = ask(LLM_QUERY_NO_CACHE);
    ck_assert_uint_eq(cost_of(&with), 1);
    ck_assert_uint_eq(cost_of(&without), 1);
    ck_assert_uint_eq(cost_of(&never), 1);
    ck_assert_uint_eq(cost_of(&with), 0);
    begin_with("{\"cache\":{\"enabled\":true}}");
    ck_assert_uint_eq(cost_of(&without), 1);
    ck_assert_uint_eq(cost_of(&without), 0);
    ck_assert_uint_eq(cost_of(&never), 1);
    ck_assert_uint_eq(cost_of(&with), 0);
    begin_with("{\"cache\":{\"enabled\":true,\"max_bytes\":0}}");
    ck_assert_uint_eq(cost_of(&with), 1);
    ck_assert_uint_eq(cost_of(&with), 1);
}
END_TEST

START_TEST(another_tenant_gets_nothing) {
    llm_query_args args = ask(LLM_QUERY_CACHE);
    ck_assert_uint_eq(cost_of(&args), 1);
    args.tag = "alice";
    ck_assert_uint_eq(cost_of(&args), 1);
    args.tag = "bob";
    ck_assert_uint_eq(cost_of(&args), 1);
    args.tag = "alice";
    ck_assert_uint_eq(cost_of(&args), 0);
}
END_TEST

START_TEST(limits_of_a_tag_count_hits) {
    llm_error err = LLM_ERROR_INIT;
    llm_query_args args = ask(LLM_QUERY_CACHE);
    args.tag = "alice";
    begin_with("{\"limits\":[{\"tag\":\"alice\",\"requests_per_hour\":3},{\"requests_per_hour\":2}]}");
    ck_assert_uint_eq(cost_of(&args), 1);
    ck_assert_uint_eq(cost_of(&args), 0);
    ck_assert_uint_eq(cost_of(&args), 0);
    ck_assert_int_eq(llm_query(master, &args, NULL, &err), LLM_E_LIMIT);
    ck_assert_int_gt(err.retry_after_ms, 0);
    args.tag = NULL; // the other limit is not the caller's: hits do not count
    ck_assert_uint_eq(cost_of(&args), 1);
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(cost_of(&args), 0);
    }
}
END_TEST

START_TEST(another_question_is_another) {
    llm_query_args args = {LLM_QUERY_INIT, .flags = LLM_QUERY_CACHE, .model = "echo-1"};
    static const struct {
        const char *body;
        size_t want;
    } bodies[] = {
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}", 1},
        {"{ \"messages\" : [ { \"content\" : \"H\\u0069\", \"role\" : \"user\" } ] }", 0},
        {"{\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}", 0},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"seed\":1}", 1},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"seed\":2}", 1},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"Hi!\"}]}", 1},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        args.body = (llm_str){bodies[i].body, strlen(bodies[i].body)};
        ck_assert_msg(cost_of(&args) == bodies[i].want, "%s", bodies[i].body);
    }
    args.model = "echo-2"; // by its prefix
    ck_assert_uint_eq(cost_of(&args), 1);
    const llm_attachment picture = {.data = {(const uint8_t *)"x", 1}, .mime = {"image/png", 9}};
    args.attachments = &picture;
    args.n_attachments = 1;
    ck_assert_uint_eq(cost_of(&args), 1);
    ck_assert_uint_eq(cost_of(&args), 0);
}
END_TEST

// ---- what is not kept ----------------------------------------------------------------------------------------------------

static llm_status refuse_text(void *ctx, llm_call *call, const llm_event *event) {
    (void)ctx;
    (void)call;
    return event->type == LLM_EVENT_TEXT ? LLM_E_CANCELLED : LLM_OK;
}

START_TEST(failures_are_not_kept) {
    llm_query_args args = ask(LLM_QUERY_CACHE);
    args.max_attempts = 1;
    answer_status = 500;
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_SERVER);
    answer_status = 200;
    answer_breaks = true;
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_TRANSPORT); // cut
    answer_breaks = false;
    args.on_event = refuse_text;
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_CANCELLED);
    args.on_event = NULL;
    ck_assert(describes("\"entries\":0,"));
    ck_assert_uint_eq(cost_of(&args), 1);
    ck_assert_uint_eq(cost_of(&args), 0);
    args.on_event = refuse_text; // a hit may be refused too
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_CANCELLED);
    args.on_event = NULL;
    ck_assert_uint_eq(cost_of(&args), 0);
}
END_TEST

START_TEST(what_is_too_large_or_too_old_is_not_kept) {
    const llm_query_args args = ask(LLM_QUERY_CACHE);
    begin_with("{\"cache\":{\"max_entry_bytes\":100}}");
    ck_assert_uint_eq(cost_of(&args), 1);
    ck_assert_uint_eq(cost_of(&args), 1);
    begin_with("{\"cache\":{\"ttl_s\":0}}");
    ck_assert_uint_eq(cost_of(&args), 1);
    ck_assert_uint_eq(cost_of(&args), 1);
}
END_TEST

static const char filtered[] =
    "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"no\"},"
    "\"finish_reason\":\"content_filter\"}]}";
static const char by_url[] = "{\"created\":1,\"data\":[{\"url\":\"https://example.com/1.png?sig=1\"}]}";

START_TEST(what_will_not_last_is_not_kept) {
    llm_query_args args = {LLM_QUERY_INIT, .flags = LLM_QUERY_CACHE, .model = "c-1", .prompt = "Hi"};
    answer_body = filtered;
    ck_assert_uint_eq(cost_of(&args), 1);
    ck_assert_uint_eq(cost_of(&args), 1);
    args.model = "c-i";
    args.operation = "image";
    answer_body = by_url;
    ck_assert_uint_eq(cost_of(&args), 1);
    ck_assert_uint_eq(cost_of(&args), 1);
}
END_TEST

// ---- the same answer -----------------------------------------------------------------------------------------------------

static const struct {
    const char *why, *model, *operation;
    uint32_t flags;
    const char *body;
} forms[] = {
    {"text", "echo-1", NULL, 0, "Hello \xc3\xa4 there"},
    {"text with usage", "c-1", NULL, 0,
     "{\"id\":\"chatcmpl-7\",\"model\":\"c-1-2026\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
     "\"assistant\",\"content\":"
     "\"Hello\",\"reasoning_content\":\"hm\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,"
     "\"completion_tokens\":3,\"total_tokens\":15},\"service_tier\":\"flex\"}"},
    {"two choices and tools", "c-1", NULL, 0,
     "{\"id\":\"a\",\"choices\":[{\"index\":0,\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"t1\","
     "\"type\":"
     "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\": "
     "1}\"}},{\"id\":\"t2\",\"type\":\"function\","
     "\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"},{\"index\":1,"
     "\"message\":"
     "{\"content\":\"or so\"},\"finish_reason\":\"length\"}]}"},
    {"a stream", "c-1", NULL, LLM_QUERY_STREAM,
     "data: "
     "{\"id\":\"s\",\"model\":\"c-1-2026\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n"
     "data: {\"id\":\"s\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"}}]}\n\n"
     "data: "
     "{\"id\":\"s\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\","
     "\"function\":"
     "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\"\"}}]}}]}\n\n"
     "data: "
     "{\"id\":\"s\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{"
     "\"arguments\":"
     "\":1}\"}}]}}]}\n\n"
     "data: "
     "{\"id\":\"s\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}],\"usage\":"
     "{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n"},
    {"a stream, raw", "c-1", NULL, LLM_QUERY_STREAM | LLM_QUERY_RAW,
     "data: {\"id\":\"s\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n"
     "data: "
     "{\"id\":\"s\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"},\"finish_reason\":\"stop\"}]}"
     "\n\n"
     "data: [DONE]\n\n"},
    {"raw", "c-1", NULL, LLM_QUERY_RAW,
     "{\"id\":\"a\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]"
     "}"},
    {"vectors", "c-e", "embeddings", 0,
     "{\"data\":[{\"index\":0,\"embedding\":[0.5,-1e-3]},{\"index\":1,\"embedding\":[1,2]}],\"usage\":"
     "{\"prompt_tokens\":4,\"total_tokens\":4}}"},
    {"an image", "c-i", "image", 0, "{\"created\":1,\"data\":[{\"b64_json\":\"iVBORw0KGgoAAAAB\"}]}"},
};

// Everything up to the cost, and what came raw.
static void cut(char *json) {
    char *cost = strstr(json, "\"cost\":"), *raw = strstr(json, "\"truncated\":");
    ck_assert_ptr_nonnull(cost);
    ck_assert_ptr_nonnull(raw);
    memmove(cost, raw, strlen(raw) + 1);
}

START_TEST(it_is_the_same_answer) {
    const llm_query_args args = {LLM_QUERY_INIT, .flags = LLM_QUERY_CACHE | forms[_i].flags,
                                 .model = forms[_i].model, .operation = forms[_i].operation, .prompt = "Hi"};
    answer_body = forms[_i].body;
    llm_response *first = get(&args), *second = get(&args);
    ck_assert_msg(exchanges == 1, "%s", forms[_i].why);
    char *one = json_of(first), *two = json_of(second);
    cut(one);
    cut(two);
    ck_assert_str_eq(one, two);
    llm_blob a = {.size = sizeof a}, b = {.size = sizeof b};
    ck_assert_int_eq(llm_response_blob(first, 0, &a), llm_response_blob(second, 0, &b));
    ck_assert_uint_eq(a.data.len, b.data.len);
    ck_assert(a.data.len == 0 || memcmp(a.data.ptr, b.data.ptr, a.data.len) == 0);
    llm_free(one);
    llm_free(two);
    llm_response_free(first);
    llm_response_free(second);
}
END_TEST

START_TEST(streams_and_whole_answers_serve_each_other) {
    llm_query_args args = {LLM_QUERY_INIT, .flags = LLM_QUERY_CACHE | LLM_QUERY_STREAM, .model = "c-1",
                           .prompt = "Hi"};
    answer_body = forms[3].body;
    ck_assert_uint_eq(cost_of(&args), 1);
    args.flags = LLM_QUERY_CACHE;
    llm_response *whole = get(&args);
    ck_assert_uint_eq(exchanges, 1);
    ck_assert_str_eq(llm_response_content(whole, NULL), "Hello");
    llm_response_free(whole);
    args.prompt = "Ho";
    answer_body = forms[1].body;
    ck_assert_uint_eq(cost_of(&args), 1);
    args.flags |= LLM_QUERY_STREAM;
    ck_assert_uint_eq(cost_of(&args), 0);
    args.flags |= LLM_QUERY_RAW; // raw chunks were not kept
    answer_body = forms[3].body;
    ck_assert_uint_eq(cost_of(&args), 1);
}
END_TEST

START_TEST(what_it_saved_is_said) {
    llm_query_args args = {LLM_QUERY_INIT, .flags = LLM_QUERY_CACHE, .model = "c-1", .prompt = "Hi"};
    answer_body =
        "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"usage\":"
        "{\"prompt_tokens\":12,\"completion_tokens\":3}}";
    llm_response *first = get(&args), *second = get(&args);
    const int64_t cost = llm_response_cost(first, NULL);
    char want[64];
    ck_assert_int_gt(cost, 0);
    ck_assert_int_eq(llm_response_cost(second, NULL), 0);
    ck_assert_int_eq(llm_response_usage(second)->input_tokens, 12);
    char *json = json_of(second);
    (void)snprintf(want, sizeof want, "\"pico_usd\":%lld},\"latency_ms\"", (long long)cost);
    ck_assert_msg(strstr(json, want) != NULL, "%s", json);
    llm_free(json);
    llm_response_free(first);
    llm_response_free(second);
    args.model = "c-free"; // no price: unknown, not nothing
    llm_response_free(get(&args));
    second = get(&args);
    json = json_of(second);
    ck_assert_ptr_nonnull(strstr(json, "\"saved\":null"));
    llm_free(json);
    llm_response_free(second);
}
END_TEST

// ---- events ----------------------------------------------------------------------------------------------------------------

struct diary {
    char text[512];
    llm_status refuse_at;
};

static llm_status note(void *ctx, llm_call *call, const llm_event *event) {
    struct diary *diary = ctx;
    const size_t used = strlen(diary->text);
    (void)call;
    ck_assert_uint_eq(event->size, sizeof *event);
    (void)snprintf(diary->text + used, sizeof diary->text - used, "%u:%.*s ", event->type,
                   (int)event->text.len, event->text.ptr != NULL ? event->text.ptr : "");
    return LLM_OK;
}

START_TEST(events_come_in_the_same_form) {
    struct diary first = {{0}, 0}, second = {{0}, 0};
    llm_query_args args = {LLM_QUERY_INIT,   .flags = LLM_QUERY_CACHE | LLM_QUERY_STREAM,
                           .model = "c-1",   .prompt = "Hi",
                           .on_event = note, .ctx = &first};
    answer_body = forms[3].body;
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_OK);
    args.ctx = &second;
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_OK);
    ck_assert_uint_eq(exchanges, 1);
    ck_assert_str_eq(first.text, "0:c-1 1:Hel 1:lo 2:{\"a\" 2::1} 6: 5: 12: ");
    ck_assert_str_eq(second.text, "0:c-1 1:Hello 2:{\"a\":1} 6: 5: 12: "); // pieces are joined
}
END_TEST

START_TEST(a_loop_and_a_pull_get_it_too) {
    llm_loop *loop;
    llm_call *call;
    const llm_event *event;
    llm_query_args args = ask(LLM_QUERY_CACHE);
    args.on_event = NULL;
    ck_assert_uint_eq(cost_of(&args), 1);
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    uint32_t types[8];
    size_t n = 0;
    while (n < 8 && llm_call_next(call, -1, &event) == LLM_OK) {
        types[n++] = event->type;
    }
    ck_assert_uint_eq(n, 4);
    ck_assert_uint_eq(types[0], LLM_EVENT_START);
    ck_assert_uint_eq(types[1], LLM_EVENT_TEXT);
    ck_assert_uint_eq(types[2], LLM_EVENT_FINISH);
    ck_assert_uint_eq(types[3], LLM_EVENT_END);
    llm_call_free(call);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    llm_call_free(call); // before it looked
    llm_loop_free(loop);
    ck_assert_uint_eq(exchanges, 1);
}
END_TEST

static llm_status free_at_text(void *ctx, llm_call *call, const llm_event *event) {
    size_t *events = ctx;
    ++*events;
    if (event->type == LLM_EVENT_TEXT) {
        llm_call_free(call);
    }
    return LLM_OK;
}

START_TEST(a_hit_may_be_freed_in_the_middle) {
    llm_loop *loop;
    llm_call *call;
    size_t events = 0;
    llm_query_args args = ask(LLM_QUERY_CACHE);
    ck_assert_uint_eq(cost_of(&args), 1);
    args.on_event = free_at_text;
    args.ctx = &events;
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    ck_assert_int_eq(llm_loop_run(loop, 0), 0);
    ck_assert_uint_eq(events, 2);
    llm_loop_free(loop);
}
END_TEST

// ---- reload ----------------------------------------------------------------------------------------------------------------

START_TEST(it_outlives_a_reload_unless_the_provider_changed) {
    const llm_query_args args = {LLM_QUERY_INIT, .flags = LLM_QUERY_CACHE, .model = "c-1", .prompt = "Hi"};
    answer_body = forms[1].body;
    ck_assert_uint_eq(cost_of(&args), 1);
    ck_assert_int_eq(llm_master_reload(master, NULL), LLM_OK);
    ck_assert_uint_eq(cost_of(&args), 0);
    write_provider("http://127.0.0.1:10/v1");
    ck_assert_int_eq(llm_master_reload(master, NULL), LLM_OK);
    ck_assert_uint_eq(cost_of(&args), 1);
    ck_assert(describes("\"entries\":2,"));
}
END_TEST

// ---- memory ----------------------------------------------------------------------------------------------------------------

START_TEST(a_warm_miss_and_a_warm_hit_allocate_the_entry_alone) {
    llm_query_args args = ask(LLM_QUERY_CACHE | LLM_QUERY_SHARE);
    char prompt[32];
    args.prompt = prompt;
    for (int i = 0; i < 8; i++) {
        (void)snprintf(prompt, sizeof prompt, "number %d", i);
        llm_response_free(get(&args));
    }
    (void)snprintf(prompt, sizeof prompt, "number x");
    size_t before = fail_alloc_count();
    (void)llm_query(master, &args, NULL, NULL);
    size_t used = fail_alloc_count() - before;
    ck_assert_uint_eq(used, 1); // the entry
    before = fail_alloc_count();
    for (int i = 0; i < 10; i++) {
        (void)llm_query(master, &args, NULL, NULL);
    }
    used = fail_alloc_count() - before;
    ck_assert_uint_eq(used, 0);
}
END_TEST

static llm_status count_ends(void *ctx, llm_call *call, const llm_event *event) {
    size_t *ends = ctx;
    (void)call;
    *ends += event->type == LLM_EVENT_END ? 1 : 0;
    return LLM_OK;
}

// A miss and a hit, on a fresh master, with the n-th allocation failing.
static bool with_failure(size_t n, llm_status *ret) {
    llm_master *own = NULL;
    size_t ends = 0, calls = 0;
    const llm_master_options options = options_of_test(NULL);
    llm_query_args args = {
        LLM_QUERY_INIT,         .flags = LLM_QUERY_CACHE | LLM_QUERY_SHARE | LLM_QUERY_STREAM,
        .model = "c-1",         .prompt = "Hi",
        .on_event = count_ends, .ctx = &ends};
    answer_body = forms[3].body;
    fail_alloc_after(n);
    *ret = llm_master_new(&options, &own, NULL);
    for (int i = 0; *ret == LLM_OK && i < 3; i++) {
        llm_response *response = NULL;
        *ret = llm_query(own, &args, &response, NULL);
        calls += response != NULL ? 1 : 0;
        llm_response_free(response);
    }
    const bool failed = fail_alloc_off();
    llm_master_free(own);
    ck_assert_uint_eq(ends, calls);
    return failed;
}

START_TEST(every_allocation_fails_once) {
    for (size_t n = 0; n < 20000; n++) {
        llm_status status;
        if (!with_failure(n, &status)) {
            ck_assert_int_eq(status, LLM_OK);
            return;
        }
        ck_assert_msg(status <= LLM_OK, "%zu: %d", n, (int)status);
    }
    ck_abort_msg("it never came through");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("reuse");
    TCase *tcase = tcase_create("reuse");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_second_time_costs_nothing);
    tcase_add_test(tcase, only_who_asks_for_it_gets_it);
    tcase_add_test(tcase, another_tenant_gets_nothing);
    tcase_add_test(tcase, limits_of_a_tag_count_hits);
    tcase_add_test(tcase, another_question_is_another);
    tcase_add_test(tcase, failures_are_not_kept);
    tcase_add_test(tcase, what_is_too_large_or_too_old_is_not_kept);
    tcase_add_test(tcase, what_will_not_last_is_not_kept);
    tcase_add_loop_test(tcase, it_is_the_same_answer, 0, CHECK_ROWS(forms));
    tcase_add_test(tcase, streams_and_whole_answers_serve_each_other);
    tcase_add_test(tcase, what_it_saved_is_said);
    tcase_add_test(tcase, events_come_in_the_same_form);
    tcase_add_test(tcase, a_loop_and_a_pull_get_it_too);
    tcase_add_test(tcase, a_hit_may_be_freed_in_the_middle);
    tcase_add_test(tcase, it_outlives_a_reload_unless_the_provider_changed);
    tcase_add_test(tcase, a_warm_miss_and_a_warm_hit_allocate_the_entry_alone);
    tcase_add_test(tcase, every_allocation_fails_once);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
