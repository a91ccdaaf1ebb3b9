// SPDX-License-Identifier: MIT
// What the library tells of its calls: metrics, log records, spans and the debug record, through the public functions, with a transport in
// the place of HTTP.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"
#include "fail_alloc.h"
#include "llm_master.h"
#include "observe/facts.h"

#define PROMPT "the-canary-of-the-prompt"
#define ANSWER "the-canary-of-the-answer"

static struct answer {
    uint32_t status;
    const char *pieces[4];
    const char *header, *value;
} answer;

static uint32_t failures; // so many exchanges are answered with 503 first

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    (void)ctx;
    (void)request;
    if (failures > 0) {
        failures--;
        (void)reply->head(reply->ctx, 503, NULL, 0);
        return LLM_OK;
    }
    const llm_header header = {{answer.header, answer.header != NULL ? strlen(answer.header) : 0},
                               {answer.value, answer.value != NULL ? strlen(answer.value) : 0}};
    if (answer.status == 0) {
        return LLM_E_TRANSPORT;
    }
    llm_status status = reply->head(reply->ctx, answer.status, &header, answer.header != NULL ? 1 : 0);
    for (size_t i = 0; answer.pieces[i] != NULL && status == LLM_OK; i++) {
        status = reply->data(reply->ctx, answer.pieces[i], strlen(answer.pieces[i]));
    }
    return LLM_OK;
}

static const llm_transport transport = {.size = sizeof transport, .exchange = exchange};
static llm_master *master;
static char plugin_dir[1024];

// ---- what was told ----------------------------------------------------------------------------------------------------

static char lines[65536], records[65536], told_spans[65536];
static size_t n_records, n_spans;
static llm_span last_span[2]; // [is_attempt]

static void add(char *all, size_t size, const char *text, size_t len) {
    const size_t used = strlen(all);
    if (used + len + 1 < size) {
        memcpy(all + used, text, len);
        all[used + len] = '\0';
    }
}

static void add_field(char *all, size_t size, const llm_field *field) {
    char text[700];
    const int n =
        field->text.ptr != NULL
            ? snprintf(text, sizeof text, " %s=%.*s", field->name, (int)field->text.len, field->text.ptr)
            : snprintf(text, sizeof text, " %s=%lld", field->name, (long long)field->number);
    add(all, size, text, (size_t)n);
}

static void on_line(void *ctx, int32_t level, const char *line, size_t len) {
    ck_assert_ptr_eq(ctx, lines);
    ck_assert(level >= LLM_LOG_DEBUG && level <= LLM_LOG_ERROR);
    for (size_t i = 0; i < len; i++) {
        ck_assert_msg((unsigned char)line[i] >= 0x20, "a control byte in %.*s", (int)len, line);
    }
    add(lines, sizeof lines, line, len);
    add(lines, sizeof lines, "\n", 1);
}

static bool is_field_of(const struct llm_fact_name *table, size_t n, const llm_field *field) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(table[i].name, field->name) == 0) {
            return table[i].is_text == (field->text.ptr != NULL);
        }
    }
    return false;
}

static void on_record(void *ctx, const llm_log_record *record) {
    bool known = false;
    ck_assert_ptr_eq(ctx, lines);
    ck_assert_uint_eq(record->size, sizeof *record);
    ck_assert_int_gt(record->time_us, 1600000000000000);
    for (size_t i = 0; i < LLM_TELL_COUNT; i++) {
        known = known || (strcmp(llm_log_events[i].name, record->event) == 0 &&
                          llm_log_events[i].level == record->level);
    }
    ck_assert_msg(known, "event %s is not in the table", record->event);
    add(records, sizeof records, record->event, strlen(record->event));
    for (size_t i = 0; i < record->n_fields; i++) {
        ck_assert_msg(is_field_of(llm_log_fields, LLM_FIELD_COUNT, &record->fields[i]),
                      "field %s is not in the table", record->fields[i].name);
        add_field(records, sizeof records, &record->fields[i]);
    }
    add(records, sizeof records, "\n", 1);
    n_records++;
}

static void on_span(void *ctx, const llm_span *span) {
    ck_assert_ptr_eq(ctx, &n_spans);
    ck_assert_uint_ne(span->span_id, 0);
    ck_assert_int_ge(span->end_us, span->start_us);
    ck_assert_int_gt(span->start_us, 1600000000000000);
    add(told_spans, sizeof told_spans, span->name, strlen(span->name));
    for (size_t i = 0; i < span->n_attributes; i++) {
        ck_assert_msg(is_field_of(llm_span_fields, LLM_SPAN_FIELD_COUNT, &span->attributes[i]),
                      "attribute %s is not in the table", span->attributes[i].name);
        add_field(told_spans, sizeof told_spans, &span->attributes[i]);
    }
    add(told_spans, sizeof told_spans, "\n", 1);
    last_span[span->is_attempt] = *span;
    n_spans++;
}

static llm_master_options options_of_test(void) {
    static const char *dirs[2];
    (void)snprintf(plugin_dir, sizeof plugin_dir, "%s/tests/plugins", getenv("LLM_TEST_BUILD"));
    dirs[0] = plugin_dir;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.transport = &transport;
    options.settings =
        "{\"retry\": {\"base_ms\": 1, \"throttle_base_ms\": 1}, \"breaker\": {\"failures\": 3},"
        " \"limits\": [{\"model\": \"echo-limited\", \"requests_per_day\": 1}]}";
    return options;
}

static void start(llm_master_options *options) {
    llm_error err = LLM_ERROR_INIT;
    answer = (struct answer){.status = 200, .pieces = {ANSWER}};
    failures = 0;
    ck_assert_msg(llm_master_new(options, &master, &err) == LLM_OK, "%s", err.message);
    lines[0] = records[0] = told_spans[0] = '\0';
    n_records = n_spans = 0;
}

static void setup(void) {
    llm_master_options options = options_of_test();
    options.log_level = LLM_LOG_DEBUG;
    options.log = on_line;
    options.log_record = on_record;
    options.log_ctx = lines;
    options.span = on_span;
    options.span_ctx = &n_spans;
    start(&options);
}

static void setup_quiet(void) {
    llm_master_options options = options_of_test();
    start(&options);
}

static void teardown(void) {
    llm_master_free(master);
}

static llm_query_args ask(void) {
    return (llm_query_args){LLM_QUERY_INIT, .model = "echo-1", .prompt = PROMPT, .max_attempts = 1};
}

static llm_status query(void) {
    const llm_query_args args = ask();
    return llm_query(master, &args, NULL, NULL);
}

static char *metrics(void) {
    char *text = NULL;
    size_t len = 0;
    ck_assert_int_eq(llm_master_metrics(master, &text, &len, NULL), LLM_OK);
    ck_assert_uint_eq(len, strlen(text));
    return text;
}

static void counts(const char *line) {
    char *text = metrics(), wanted[300];
    (void)snprintf(wanted, sizeof wanted, "\n%s\n", line);
    ck_assert_msg(strstr(text, wanted) != NULL, "no %s in\n%s", line, text);
    llm_free(text);
}

// ---- metrics ------------------------------------------------------------------------------------------------------------

#define LABELS "{provider=\"echo\",operation=\"chat\",model=\"echo-1\""

START_TEST(calls_are_counted) {
    ck_assert_int_eq(query(), LLM_OK);
    ck_assert_int_eq(query(), LLM_OK);
    counts("llm_master_calls_total" LABELS ",status=\"ok\"} 2");
    counts("llm_master_attempts_total" LABELS ",status=\"ok\"} 2");
    counts("llm_master_calls_in_flight" LABELS "} 0");
    counts("llm_master_call_duration_seconds_count" LABELS "} 2");
    counts("llm_master_first_token_seconds_count" LABELS "} 2");
    counts("llm_master_calls_unpriced_total" LABELS "} 2");
    answer = (struct answer){.status = 429, .pieces = {"slow down"}};
    ck_assert_int_eq(query(), LLM_E_RATE_LIMITED);
    counts("llm_master_calls_total" LABELS ",status=\"rate_limited\"} 1");
    counts("llm_master_attempts_total" LABELS ",status=\"rate_limited\"} 1");
    counts("llm_master_calls_in_flight" LABELS "} 0");
    counts("llm_master_first_token_seconds_count" LABELS "} 2");
}
END_TEST

// Each metric that is exposed stands in the documentation, and the other way round.
START_TEST(every_metric_is_in_the_documentation) {
    static char page[65536];
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/docs/observe.md", getenv("LLM_TEST_SOURCE"));
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    fclose(file);
    char *text = metrics();
    size_t exposed = 0, listed = 0;
    for (const char *at = text; (at = strstr(at, "# TYPE ")) != NULL; at++) {
        char row[128];
        const int n = (int)strcspn(at + 7, " ");
        const char *type = at + 7 + n + 1;
        (void)snprintf(row, sizeof row, "\n| `%.*s` | %.*s |", n, at + 7, (int)strcspn(type, "\n"), type);
        ck_assert_msg(strstr(page, row) != NULL, "no row %s", row);
        exposed++;
    }
    for (const char *at = page; (at = strstr(at, "\n| `llm_master_")) != NULL; at++) {
        listed++;
    }
    ck_assert_uint_eq(exposed, listed);
    llm_free(text);
}
END_TEST

START_TEST(what_is_refused_is_counted) {
    llm_query_args args = ask();
    args.model = "no-such-model";
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_NOT_FOUND);
    counts("llm_master_calls_refused_total{status=\"not_found\"} 1");
    char *text = metrics();
    ck_assert_ptr_null(strstr(text, "no-such-model"));
    llm_free(text);
}
END_TEST

START_TEST(a_call_freed_before_its_end_is_counted) {
    llm_loop *loop = NULL;
    llm_call *call = NULL;
    const llm_query_args args = ask();
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    counts("llm_master_calls_in_flight" LABELS "} 1");
    llm_call_free(call);
    counts("llm_master_calls_in_flight" LABELS "} 0");
    counts("llm_master_calls_total" LABELS ",status=\"cancelled\"} 1");
    llm_loop_free(loop);
}
END_TEST

START_TEST(reloads_are_counted) {
    ck_assert_int_eq(llm_master_reload(master, NULL), LLM_OK);
    counts("llm_master_reloads_total 1");
    counts("llm_master_reloads_failed_total 0");
    llm_master_log_dropped(master, 3);
    counts("llm_master_log_records_dropped_total 3");
}
END_TEST

// ---- log and spans --------------------------------------------------------------------------------------------------------

static void fits(const char *all, const char *part) {
    ck_assert_msg(strstr(all, part) != NULL, "no %s in\n%.2000s", part, all);
}

START_TEST(a_call_is_told) {
    answer.header = "x-request-id";
    answer.value = "request-7";
    ck_assert_int_eq(query(), LLM_OK);
    fits(records, "call_start call=1 id=llm-");
    fits(records, " provider=echo operation=chat model=echo-1 stream=0\n");
    fits(records, "attempt_end call=1 id=llm-");
    fits(records, " attempt=1 status=ok http_status=200 duration_us=");
    fits(records, "call_end call=1 id=llm-");
    fits(records, " status=ok http_status=200 attempts=1 duration_us=");
    fits(records, " request_id=request-7\n");
    fits(lines, "call_end call=1 id=llm-");
    ck_assert_uint_eq(n_records, 3);
}
END_TEST

START_TEST(a_refusal_is_told) {
    llm_query_args args = ask();
    args.model = "no-such-model";
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_NOT_FOUND);
    fits(records, "call_refused call=1 operation=chat status=not_found\n");
    ck_assert_int_eq(llm_master_reload(master, NULL), LLM_OK);
    fits(records, "\nreload providers=");
}
END_TEST

START_TEST(a_span_is_given) {
    ck_assert_int_eq(query(), LLM_OK);
    ck_assert_uint_eq(n_spans, 2);
    fits(told_spans,
         "chat echo-1 gen_ai.operation.name=chat gen_ai.provider.name=echo gen_ai.request.model=echo-1 "
         "server.address=");
    fits(told_spans, " server.port=");
    fits(told_spans, " http.response.status_code=200 ");
    fits(told_spans, " gen_ai.response.id=llm-");
    fits(told_spans, " llm_master.attempts=1 llm_master.first_token_us=");
    ck_assert_uint_eq(last_span[1].parent_id, last_span[0].span_id);
    ck_assert_uint_ne(last_span[1].span_id, last_span[0].span_id);
    ck_assert_uint_eq(last_span[0].parent_id, 0);
    ck_assert_int_ge(last_span[1].start_us, last_span[0].start_us);
    const uint64_t first = last_span[0].span_id;
    answer.status = 503;
    ck_assert_int_eq(query(), LLM_E_OVERLOADED);
    fits(told_spans, " error.type=overloaded ");
    ck_assert_int_eq(last_span[0].status, LLM_E_OVERLOADED);
    ck_assert_uint_ne(last_span[0].span_id, first);
}
END_TEST

START_TEST(no_prompt_and_no_answer) {
    const llm_query_args args = ask();
    llm_response *response = NULL;
    answer.header = "x-echo";
    answer.value = ANSWER;
    ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_OK);
    ck_assert_str_eq(llm_response_content(response, NULL), ANSWER);
    llm_response_free(response);
    answer = (struct answer){.status = 400, .pieces = {"you said " PROMPT}};
    ck_assert_int_eq(query(), LLM_E_INVALID_REQUEST);
    const char *const all[] = {lines, records, told_spans};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_msg(strstr(all[i], PROMPT) == NULL && strstr(all[i], ANSWER) == NULL, "%.2000s", all[i]);
    }
}
END_TEST

START_TEST(nothing_breaks_a_line) {
    answer.header = "x-request-id";
    answer.value = "one\x1b[31m two=\"3\"";
    ck_assert_int_eq(query(), LLM_OK);
    fits(lines, " request_id=\"one\\x1b[31m two=\\\"3\\\"\"\n");
    fits(records, " request_id=one\\x1b[31m two=\"3\"\n");
}
END_TEST

// ---- what the engine does -----------------------------------------------------------------------------------------------

static llm_status ask_model(const char *model, uint32_t max_attempts, const char *const *fallbacks) {
    llm_query_args args = ask();
    args.model = model;
    args.max_attempts = max_attempts;
    args.fallbacks = fallbacks;
    return llm_query(master, &args, NULL, NULL);
}

START_TEST(retries_are_counted_and_told) {
    failures = 2;
    ck_assert_int_eq(ask_model("echo-1", 3, NULL), LLM_OK);
    counts("llm_master_retries_total" LABELS "} 2");
    counts("llm_master_fallbacks_total" LABELS "} 0");
    counts("llm_master_attempts_total" LABELS ",status=\"overloaded\"} 2");
    counts("llm_master_attempts_total" LABELS ",status=\"ok\"} 1");
    counts("llm_master_calls_total" LABELS ",status=\"ok\"} 1");
    fits(records, "retry call=1 id=llm-");
    fits(records, " model=echo-1 attempt=1 status=overloaded reason=");
    fits(records, " model=echo-1 attempt=2 status=overloaded reason=");
    fits(records, " attempts=3 ");
    ck_assert_uint_eq(n_spans, 4);
    fits(told_spans, " http.request.resend_count=1");
    fits(told_spans, " llm_master.attempts=3 ");
}
END_TEST

START_TEST(a_breaker_is_counted_and_told) {
    static const char *const fallbacks[] = {"echo-2", NULL};
    failures = 3;
    ck_assert_int_eq(ask_model("echo-1", 3, NULL), LLM_E_OVERLOADED);
    fits(records, "breaker_open provider=echo\n");
    fits(records, "give_up call=1 ");
    counts("llm_master_breaker_opens_total 1");
    counts("llm_master_breaker_state{provider=\"echo\"} 2");
    (void)ask_model("echo-1", 3, fallbacks);
    fits(records, "call_end call=2 ");
}
END_TEST

START_TEST(a_limit_is_counted_and_told) {
    ck_assert_int_eq(ask_model("echo-limited", 1, NULL), LLM_OK);
    ck_assert_int_eq(ask_model("echo-limited", 1, NULL), LLM_E_LIMIT);
    counts("llm_master_limit_refusals_total 1");
    fits(records, "limit_refused call=2 ");
    fits(lines, "limit_refused call=2 ");
}
END_TEST

// ---- the debug record -----------------------------------------------------------------------------------------------------

static char *json_of(uint32_t flags) {
    llm_query_args args = ask();
    llm_response *response = NULL;
    char *json = NULL;
    args.flags = flags;
    (void)llm_query(master, &args, &response, NULL);
    ck_assert_int_eq(llm_response_json(response, &json, NULL), LLM_OK);
    llm_response_free(response);
    return json;
}

START_TEST(the_exchange_is_kept) {
    answer.header = "content-type";
    answer.value = "text/plain";
    char *json = json_of(LLM_QUERY_DEBUG);
    fits(json,
         "\"debug\":[{\"attempt\":1,\"method\":\"POST\",\"url\":\"http://127.0.0.1:9/chat\",\"start_us\":");
    fits(json, "\"dns_us\":null,");
    fits(json, "\"status\":\"ok\",\"http_status\":200,\"request\":{\"headers\":[");
    fits(json, "{\"name\":\"user-agent\",\"value\":\"llm-master/");
    fits(json,
         "\"answer\":{\"headers\":[{\"name\":\"content-type\",\"value\":\"text/plain\"}],\"bytes\":24}");
    fits(json, "\"debug_left_out\":0");
    ck_assert_ptr_null(strstr(json, PROMPT));
    llm_free(json);
    json = json_of(0);
    ck_assert_ptr_null(strstr(json, "debug"));
    llm_free(json);
}
END_TEST

START_TEST(bodies_are_kept_when_asked_for) {
    char *json = json_of(LLM_QUERY_DEBUG | LLM_QUERY_DEBUG_BODIES);
    fits(json, "\"bytes\":24,\"body\":\"" PROMPT "\"");
    fits(json, "\"bytes\":24,\"body\":\"" ANSWER "\"");
    llm_free(json);
}
END_TEST

START_TEST(a_value_that_is_not_listed_is_not_shown) {
    answer.header = "x-anything";
    answer.value = "a-value";
    char *json = json_of(LLM_QUERY_DEBUG | LLM_QUERY_DEBUG_BODIES);
    fits(json, "{\"name\":\"x-anything\",\"value\":null}");
    ck_assert_ptr_null(strstr(json, "a-value"));
    ck_assert_ptr_null(strstr(lines, "a-value"));
    fits(lines, "x-anything: ***");
    llm_free(json);
}
END_TEST

START_TEST(a_failure_is_kept) {
    answer = (struct answer){.status = 429, .pieces = {"slow", " down"}};
    char *json = json_of(LLM_QUERY_DEBUG | LLM_QUERY_DEBUG_BODIES);
    fits(json, "\"status\":\"rate_limited\",\"http_status\":429,");
    fits(json, "\"bytes\":9,\"body\":\"slow down\"");
    llm_free(json);
    answer = (struct answer){0};
    json = json_of(LLM_QUERY_DEBUG);
    fits(json, "\"first_byte_us\":null,");
    fits(json, "\"status\":\"transport\",\"http_status\":null,");
    ck_assert_ptr_null(strstr(json, "\"answer\""));
    llm_free(json);
}
END_TEST

START_TEST(a_body_has_its_maximum) {
    static char much[LLM_MAX_DEBUG_BODY_BYTES + 100];
    memset(much, 'x', sizeof much - 1);
    answer.pieces[0] = much;
    char *json = json_of(LLM_QUERY_DEBUG | LLM_QUERY_DEBUG_BODIES);
    const char *body = strstr(json, "\"answer\":");
    ck_assert_ptr_nonnull(body);
    fits(body, "\"bytes\":8291,");
    body = strstr(body, "\"body\":\"") + 8;
    ck_assert_uint_eq(strspn(body, "x"), LLM_MAX_DEBUG_BODY_BYTES);
    llm_free(json);
}
END_TEST

START_TEST(nobody_listens_nothing_is_told) {
    ck_assert_int_eq(query(), LLM_OK);
    ck_assert_uint_eq(n_records + n_spans, 0);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(query(), LLM_OK);
    }
    const size_t before = fail_alloc_count();
    const llm_status status = query();
    const size_t after = fail_alloc_count();
    ck_assert_int_eq(status, LLM_OK);
    ck_assert_uint_eq(after, before);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("observe");
    TCase *t = tcase_create("listening");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, calls_are_counted);
    tcase_add_test(t, every_metric_is_in_the_documentation);
    tcase_add_test(t, what_is_refused_is_counted);
    tcase_add_test(t, a_call_freed_before_its_end_is_counted);
    tcase_add_test(t, reloads_are_counted);
    tcase_add_test(t, a_call_is_told);
    tcase_add_test(t, a_refusal_is_told);
    tcase_add_test(t, a_span_is_given);
    tcase_add_test(t, no_prompt_and_no_answer);
    tcase_add_test(t, nothing_breaks_a_line);
    tcase_add_test(t, retries_are_counted_and_told);
    tcase_add_test(t, a_breaker_is_counted_and_told);
    tcase_add_test(t, a_limit_is_counted_and_told);
    tcase_add_test(t, the_exchange_is_kept);
    tcase_add_test(t, bodies_are_kept_when_asked_for);
    tcase_add_test(t, a_value_that_is_not_listed_is_not_shown);
    tcase_add_test(t, a_failure_is_kept);
    tcase_add_test(t, a_body_has_its_maximum);
    suite_add_tcase(suite, t);
    t = tcase_create("quiet");
    tcase_add_checked_fixture(t, setup_quiet, teardown);
    tcase_add_test(t, nobody_listens_nothing_is_told);
    suite_add_tcase(suite, t);
    return check_main(suite);
}
