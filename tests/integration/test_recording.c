// SPDX-License-Identifier: MIT
// The ledger through the public functions: a row for every call whatever came of it, acknowledgements, what happens while rows cannot be
// written, reloads, forks, and what reports say.
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check_main.h"
#include "llm_json.h"
#include "llm_master.h"
#include "temp_dir.h"

static uint32_t answer_status;
static bool answer_broken;

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    (void)ctx;
    (void)request;
    llm_status status = reply->head(reply->ctx, answer_status, NULL, 0);
    status = status == LLM_OK ? reply->data(reply->ctx, "Hello", 5) : status;
    (void)status;
    return answer_broken ? LLM_E_TRANSPORT : LLM_OK;
}

static const llm_transport transport = {.size = sizeof transport, .exchange = exchange};
static struct temp_dir dir;
static llm_master *master;
static char log_text[8192];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void on_log(void *ctx, int32_t level, const char *line, size_t len) {
    (void)ctx;
    (void)pthread_mutex_lock(&log_lock);
    const size_t n = strlen(log_text);
    (void)snprintf(log_text + n, sizeof log_text - n, "%d %.*s\n", (int)level, (int)len, line);
    (void)pthread_mutex_unlock(&log_lock);
}

// The record of the last failure of the ledger.
static char failure[512];
static size_t n_failures;

static void on_record(void *ctx, const llm_log_record *record) {
    (void)ctx;
    if (strcmp(record->event, "ledger_failure") == 0) {
        ck_assert_int_eq(record->level, LLM_LOG_ERROR);
        ck_assert_uint_eq(record->n_fields, 1);
        ck_assert_str_eq(record->fields[0].name, "reason");
        (void)pthread_mutex_lock(&log_lock);
        (void)snprintf(failure, sizeof failure, "%.*s", (int)record->fields[0].text.len,
                       record->fields[0].text.ptr);
        n_failures++;
        (void)pthread_mutex_unlock(&log_lock);
    }
}

static const char *settings_of(const char *more) {
    static char text[1024];
    (void)snprintf(text, sizeof text, "{\"ledger\": {\"path\": \"%s/ledger.db\"%s}}", dir.path, more);
    return text;
}

static llm_status make(const char *settings, uint32_t flags, llm_error *err) {
    static char echo[1024], stores[1024];
    const char *build = getenv("LLM_TEST_BUILD");
    (void)snprintf(echo, sizeof echo, "%s/tests/plugins", build);
    (void)snprintf(stores, sizeof stores, "%s/plugins", build);
    const char *const dirs[] = {echo, stores, NULL};
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS | flags;
    options.plugin_dirs = dirs;
    options.transport = &transport;
    options.settings = settings;
    options.log = on_log;
    options.log_record = on_record;
    return llm_master_new(&options, &master, err);
}

static void begin(const char *more) {
    llm_error err = LLM_ERROR_INIT;
    ck_assert_msg(make(settings_of(more), 0, &err) == LLM_OK, "%s", err.message);
}

static void setup(void) {
    temp_dir_new(&dir);
    answer_status = 200;
    answer_broken = false;
    master = NULL;
    log_text[0] = failure[0] = '\0';
    n_failures = 0;
}

static void teardown(void) {
    llm_master_free(master);
    temp_dir_free(&dir);
}

static void nap(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    (void)nanosleep(&t, NULL);
}

static llm_query_args ask(const char *tag) {
    return (llm_query_args){LLM_QUERY_INIT, .model = "echo-1", .prompt = "hi", .tag = tag};
}

static llm_status query(const char *tag, uint32_t flags, llm_error *err) {
    llm_query_args args = ask(tag);
    args.flags = flags;
    return llm_query(master, &args, NULL, err);
}

// A report; its text lasts until the next one.
static llm_str report(llm_usage_args args) {
    static char *json;
    size_t len = 0;
    llm_error err = LLM_ERROR_INIT;
    llm_free(json);
    json = NULL;
    args.size = sizeof args;
    const llm_status status = llm_master_usage(master, &args, &json, &len, &err);
    ck_assert_msg(status == LLM_OK, "%s", err.message);
    ck_assert_int_eq(llm_json_check((llm_str){json, len}, 64, NULL), 1);
    return (llm_str){json, len};
}

static llm_str at(llm_str json, const char *pointer) {
    return llm_json_pointer(json, (llm_str){pointer, strlen(pointer)});
}

static int64_t number(llm_str json, const char *pointer) {
    int64_t value = -1;
    return llm_json_int64(at(json, pointer), &value) ? value : -1;
}

static int64_t calls_in_ledger(void) {
    return number(report((llm_usage_args){0}), "/total/calls");
}

// ---- a row for every call --------------------------------------------------------------------------------------------

START_TEST(what_a_row_says) {
    llm_response *response = NULL;
    const llm_query_args args = ask("team a");
    begin("");
    ck_assert_int_eq(llm_query(master, &args, &response, NULL), LLM_OK);
    const llm_str row = at(report((llm_usage_args){.what = "calls"}), "/calls/0");
    ck_assert(llm_json_is(at(row, "/id"), llm_response_get(response, "call_id")));
    ck_assert(llm_json_is(at(row, "/tag"), "team a"));
    ck_assert(llm_json_is(at(row, "/provider"), "echo"));
    ck_assert(llm_json_is(at(row, "/model"), "echo-1"));
    ck_assert(llm_json_is(at(row, "/operation"), "chat"));
    ck_assert(llm_json_is(at(row, "/status"), "ok"));
    ck_assert_int_eq(number(row, "/http_status"), 200);
    ck_assert_int_eq(number(row, "/attempts"), 1);
    ck_assert_int_ge(number(row, "/duration_us"), number(row, "/first_token_us"));
    ck_assert_int_eq(llm_json_type(at(row, "/input_tokens")), 'n'); // not reported: not 0
    ck_assert_int_eq(llm_json_type(at(row, "/cost_usd")), 'n');
    ck_assert_int_eq(llm_json_type(at(row, "/attempts_list")), 'n');
    llm_response_free(response);
}
END_TEST

START_TEST(failed_calls_too) {
    begin("");
    answer_status = 400;
    ck_assert_int_eq(query("x", 0, NULL), LLM_E_INVALID_REQUEST);
    answer_status = 200;
    answer_broken = true;
    ck_assert_int_lt(query("x", LLM_QUERY_NO_FALLBACK, NULL), 0);
    answer_broken = false;
    ck_assert_int_eq(query("x", 0, NULL), LLM_OK);
    const llm_str sums = report((llm_usage_args){.by = "status"});
    ck_assert_int_eq(number(sums, "/total/calls"), 3);
    ck_assert_int_eq(number(sums, "/total/failed"), 2);
    ck_assert_int_eq(number(sums, "/total/truncated"), 0);
    ck_assert_int_eq(number(sums, "/total/cost_unknown"), 3);
    ck_assert_int_eq(llm_json_type(at(sums, "/total/cost_usd")), 'n');
}
END_TEST

static llm_status refuse_text(void *ctx, llm_call *call, const llm_event *event) {
    (void)call;
    size_t *ends = ctx;
    *ends += event->type == LLM_EVENT_END ? 1 : 0;
    return event->type == LLM_EVENT_TEXT ? LLM_E_CANCELLED : LLM_OK;
}

START_TEST(cancelled_and_freed_calls_too) {
    llm_loop *loop;
    llm_call *call, *dropped, *left;
    size_t ends = 0;
    begin("");
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    llm_query_args args = ask(NULL);
    args.on_event = refuse_text;
    args.ctx = &ends;
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    while (llm_loop_run(loop, 10) > 0) {
    }
    ck_assert_int_eq(llm_call_start(loop, &args, &dropped, NULL), LLM_OK);
    llm_call_free(dropped); // before it did anything
    ck_assert_int_eq(llm_call_start(loop, &args, &left, NULL), LLM_OK);
    llm_call_free(call);
    llm_loop_free(loop); // with one under way
    ck_assert_uint_eq(ends, 2);
    const llm_str sums = report((llm_usage_args){.status = "cancelled"});
    ck_assert_int_eq(number(sums, "/total/calls"), 3);
    ck_assert_int_ge(number(sums, "/total/truncated"), 1); // output had begun
    ck_assert_int_eq(calls_in_ledger(), 3);
}
END_TEST

START_TEST(refused_calls_have_none) {
    llm_query_args args = ask(NULL);
    begin("");
    args.model = "no-such-model";
    ck_assert_int_eq(llm_query(master, &args, NULL, NULL), LLM_E_NOT_FOUND);
    ck_assert_int_eq(calls_in_ledger(), 0);
}
END_TEST

// ---- acknowledgement -------------------------------------------------------------------------------------------------

START_TEST(the_end_waits_for_the_row) {
    begin("");
    for (int64_t i = 1; i <= 20; i++) {
        ck_assert_int_eq(query("a", LLM_QUERY_ACKNOWLEDGE, NULL), LLM_OK);
        ck_assert_int_eq(calls_in_ledger(), i);
    }
}
END_TEST

// Make the store fail: its file and a directory change places, at once.
static void swap(void) {
    ck_assert_int_eq(renameat2(AT_FDCWD, temp_dir_file(&dir, "ledger.db"), AT_FDCWD,
                               temp_dir_file(&dir, "away.db"), RENAME_EXCHANGE),
                     0);
}

static void break_store(void) {
    temp_dir_make(&dir, "away.db", 0700);
    swap();
}

static void mend_store(void) {
    swap();
}

static size_t count_ends;

static llm_status count_end(void *ctx, llm_call *call, const llm_event *event) {
    (void)ctx;
    (void)call;
    count_ends += event->type == LLM_EVENT_END ? 1 : 0;
    return LLM_OK;
}

START_TEST(an_acknowledgement_that_does_not_come) {
    llm_error err = LLM_ERROR_INIT;
    begin(", \"acknowledge_ms\": 100, \"on_failure\": \"queue\"");
    ck_assert_int_eq(query("a", LLM_QUERY_ACKNOWLEDGE, NULL), LLM_OK);
    break_store();
    ck_assert_int_eq(query("b", LLM_QUERY_ACKNOWLEDGE, &err), LLM_E_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(err.message, "not safe after 100 ms"));
    mend_store();
    ck_assert_int_eq(llm_master_flush(master, 5000, &err), LLM_OK);
    ck_assert_int_eq(calls_in_ledger(), 2); // it waited in memory
}
END_TEST

START_TEST(waiting_calls_are_cancelled_and_freed) {
    llm_loop *loop;
    llm_call *calls[8];
    begin(", \"acknowledge_ms\": 5000, \"on_failure\": \"queue\"");
    ck_assert_int_eq(query("a", LLM_QUERY_ACKNOWLEDGE, NULL), LLM_OK);
    break_store();
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    llm_query_args args = ask("w");
    args.flags = LLM_QUERY_ACKNOWLEDGE;
    args.on_event = count_end;
    count_ends = 0;
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(llm_call_start(loop, &args, &calls[i], NULL), LLM_OK);
    }
    for (int i = 0; i < 10; i++) {
        (void)llm_loop_run(loop, 5);
    }
    ck_assert_uint_eq(count_ends, 0);
    llm_call_cancel(calls[0]); // settled: it goes on waiting
    for (size_t i = 1; i < 5; i++) {
        llm_call_free(calls[i]);
    }
    (void)llm_loop_run(loop, 5);
    ck_assert_uint_eq(count_ends, 0);
    mend_store();
    while (count_ends < 4) {
        (void)llm_loop_run(loop, 100);
    }
    for (size_t i = 5; i < 8; i++) {
        llm_call_free(calls[i]);
    }
    llm_call_free(calls[0]);
    llm_loop_free(loop);
    ck_assert_int_eq(calls_in_ledger(), 9);
}
END_TEST

// The end of a loop gives every call its end, also one that waits for its row.
START_TEST(a_loop_that_ends_waits_for_no_row) {
    llm_loop *loop;
    llm_call *calls[2];
    begin(", \"acknowledge_ms\": 5000, \"on_failure\": \"queue\"");
    ck_assert_int_eq(query("a", LLM_QUERY_ACKNOWLEDGE, NULL), LLM_OK);
    break_store();
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    llm_query_args args = ask("w");
    args.flags = LLM_QUERY_ACKNOWLEDGE;
    args.on_event = count_end;
    count_ends = 0;
    ck_assert_int_eq(llm_call_start(loop, &args, &calls[0], NULL), LLM_OK);
    for (int i = 0; i < 5; i++) {
        (void)llm_loop_run(loop, 5);
    }
    ck_assert_uint_eq(count_ends, 0);                                       // it waits
    ck_assert_int_eq(llm_call_start(loop, &args, &calls[1], NULL), LLM_OK); // it has not begun
    llm_loop_free(loop);
    ck_assert_uint_eq(count_ends, 2);
    mend_store();
    ck_assert_int_eq(llm_master_flush(master, 5000, NULL), LLM_OK);
    ck_assert_int_eq(calls_in_ledger(), 3);
}
END_TEST

// ---- while rows cannot be written ------------------------------------------------------------------------------------

START_TEST(calls_are_refused_until_it_works_again) {
    llm_error err = LLM_ERROR_INIT;
    begin("");
    ck_assert_int_eq(query("a", LLM_QUERY_ACKNOWLEDGE, NULL), LLM_OK);
    break_store();
    ck_assert_int_eq(query("b", 0, NULL), LLM_OK); // nobody knows yet: its row waits
    llm_status status = LLM_OK;
    int admitted = 0;
    for (int i = 0; i < 400 && status == LLM_OK; i++) {
        nap(5);
        status = query("c", 0, &err);
        admitted += status == LLM_OK ? 1 : 0;
    }
    ck_assert_int_eq(status, LLM_E_DENIED);
    ck_assert_ptr_nonnull(strstr(err.message, "ledger.db"));
    ck_assert_ptr_nonnull(strstr(err.message, "calls are refused"));
    mend_store();
    for (int i = 0; i < 400 && status != LLM_OK; i++) {
        nap(5);
        status = query("d", 0, &err);
    }
    ck_assert_int_eq(status, LLM_OK);
    ck_assert_int_eq(calls_in_ledger(), 3 + admitted);
    ck_assert_ptr_nonnull(strstr(log_text, "3 ledger_failure"));
    ck_assert_ptr_nonnull(strstr(log_text, "rows are written again"));
}
END_TEST

// A sample without labels; -1: there is none.
static int64_t sample(const char *name) {
    char *text = NULL, line[128];
    ck_assert_int_eq(llm_master_metrics(master, &text, NULL, NULL), LLM_OK);
    const int n = snprintf(line, sizeof line, "\n%s ", name);
    const char *found = strstr(text, line);
    int64_t value = -1;
    ck_assert(found == NULL || llm_json_int64((llm_str){found + n, strcspn(found + n, "\n")}, &value));
    llm_free(text);
    return value;
}

static bool becomes(const char *name, int64_t value) {
    for (int i = 0; i < 1000 && sample(name) != value; i++) {
        nap(5);
    }
    return sample(name) == value;
}

START_TEST(a_failure_is_told_and_counted) {
    begin(", \"on_failure\": \"queue\"");
    ck_assert_int_eq(query("secret tag", LLM_QUERY_ACKNOWLEDGE, NULL), LLM_OK);
    ck_assert_int_eq(sample("llm_master_ledger_failing"), 0);
    ck_assert_int_eq(sample("llm_master_ledger_failures_total"), 0);
    ck_assert(becomes("llm_master_ledger_rows_total", 1)); // it is counted a moment after it was told
    ck_assert_int_eq(sample("llm_master_ledger_queue"), 0);
    ck_assert_uint_eq(n_failures, 0);
    break_store();
    ck_assert_int_eq(query("secret tag", 0, NULL), LLM_OK);
    ck_assert(becomes("llm_master_ledger_failing", 1));
    ck_assert_int_ge(sample("llm_master_ledger_failures_total"), 1);
    ck_assert_int_eq(sample("llm_master_ledger_rows_total"), 1);
    ck_assert_int_eq(sample("llm_master_ledger_queue"), 1);
    ck_assert_uint_eq(n_failures, 1); // once for one trouble, however often it is tried
    ck_assert_ptr_nonnull(strstr(failure, "ledger.db"));
    ck_assert_ptr_null(strstr(failure, "secret tag"));
    ck_assert_ptr_nonnull(strstr(log_text, "3 ledger_failure reason="));
    mend_store();
    ck_assert(becomes("llm_master_ledger_failing", 0));
    ck_assert_uint_eq(n_failures, 2);
    ck_assert_ptr_nonnull(strstr(failure, "rows are written again"));
    ck_assert_int_eq(llm_master_flush(master, 5000, NULL), LLM_OK);
    ck_assert_int_eq(sample("llm_master_ledger_rows_total"), 2);
    ck_assert_int_eq(sample("llm_master_ledger_queue"), 0);
    ck_assert_int_eq(sample("llm_master_ledger_rows_lost_total"), 0);
    swap(); // a new trouble is told anew
    ck_assert_int_eq(query("secret tag", 0, NULL), LLM_OK);
    ck_assert(becomes("llm_master_ledger_failing", 1));
    ck_assert_uint_eq(n_failures, 3);
    mend_store();
}
END_TEST

START_TEST(lost_rows_are_told) {
    begin(", \"on_failure\": \"queue\"");
    ck_assert_int_eq(query("a", LLM_QUERY_ACKNOWLEDGE, NULL), LLM_OK);
    break_store();
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(query("b", 0, NULL), LLM_OK);
    }
    llm_master_free(master); // tries for five seconds
    master = NULL;
    ck_assert_ptr_nonnull(strstr(log_text, "5 rows are lost: "));
    ck_assert_ptr_nonnull(strstr(failure, "5 rows are lost: "));
}
END_TEST

START_TEST(start_up_says_what_is_wrong) {
    static const struct {
        const char *settings, *says;
    } rows[] = {
        {"{\"ledger\": {\"path\": \"/nowhere/at/all/x.db\"}}",
         "/nowhere/at/all/x.db: cannot find its directory"},
        {"{\"ledger\": {\"path\": \"x.db\"}}", "relative path"},
        {"{\"ledger\": {\"store\": \"postgrse\", \"path\": \"/tmp/x\"}}",
         "no plugin is the store \"postgrse\""},
        {"{\"ledger\": {\"on_failure\": \"ignore\"}}", "must be \"refuse\" or \"queue\""},
        {"{\"ledger\": {\"queue_rows\": 3}}", "ledger.queue_rows"},
        {"{\"ledger\": {}}", "there is no home directory"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        llm_error err = LLM_ERROR_INIT;
        ck_assert_int_eq(make(rows[i].settings, 0, &err), LLM_E_CONFIG);
        ck_assert_msg(strstr(err.message, rows[i].says) != NULL, "%s", err.message);
    }
}
END_TEST

// ---- on, off, elsewhere ----------------------------------------------------------------------------------------------

START_TEST(off_is_off) {
    llm_error err = LLM_ERROR_INIT;
    char *json = NULL;
    ck_assert_int_eq(make("{}", 0, &err), LLM_OK);
    ck_assert_int_eq(query("a", LLM_QUERY_ACKNOWLEDGE, NULL), LLM_OK); // nothing to wait for
    ck_assert_int_eq(llm_master_flush(master, 0, NULL), LLM_OK);
    ck_assert_int_eq(llm_master_usage(master, NULL, &json, NULL, &err), LLM_E_NOT_FOUND);
    llm_master_free(master);
    ck_assert_int_eq(make("{\"ledger\": {\"store\": \"none\", \"path\": \"/x\"}}", 0, &err), LLM_OK);
    llm_master_free(master);
    begin("");
    ck_assert_int_eq(query("a", 0, NULL), LLM_OK);
    llm_master_free(master);
    ck_assert_int_eq(make(settings_of(""), LLM_MASTER_NO_LEDGER, &err), LLM_OK); // only to read
    ck_assert_int_eq(query("a", 0, NULL), LLM_OK);
    ck_assert_int_eq(calls_in_ledger(), 1);
}
END_TEST

static llm_status no_event(void *ctx, llm_call *call, const llm_event *event) {
    (void)ctx;
    (void)call;
    (void)event;
    return LLM_OK;
}

START_TEST(a_reload_moves_it) {
    llm_error err = LLM_ERROR_INIT;
    llm_loop *loop;
    llm_call *call;
    char config[600], text[900];
    (void)snprintf(config, sizeof config, "%s/config.json", dir.path);
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    char echo[1024], stores[1024];
    (void)snprintf(echo, sizeof echo, "%s/tests/plugins", getenv("LLM_TEST_BUILD"));
    (void)snprintf(stores, sizeof stores, "%s/plugins", getenv("LLM_TEST_BUILD"));
    const char *const dirs[] = {echo, stores, NULL};
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.transport = &transport;
    options.config_file = config;
    temp_dir_write(&dir, "config.json", "{}", 2, 0600);
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
    ck_assert_int_eq(query("off", 0, NULL), LLM_OK);
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    static const char *const places[] = {"one.db", "two.db", "one.db"};
    for (size_t i = 0; i < 3; i++) {
        const int n = snprintf(text, sizeof text, "{\"ledger\": {\"path\": \"%s/%s\"}}", dir.path, places[i]);
        temp_dir_write(&dir, "config.json", text, (size_t)n, 0600);
        ck_assert_msg(llm_master_reload(master, &err) == LLM_OK, "%s", err.message);
        ck_assert_int_eq(query("on", 0, NULL), LLM_OK);
        if (i == 0) { // it began with the first one, and stays with it
            llm_query_args args = ask("long");
            args.on_event = no_event;
            ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
        }
    }
    const int n = snprintf(text, sizeof text, "{\"ledger\": {\"path\": \"%s/none/x.db\"}}", dir.path);
    temp_dir_write(&dir, "config.json", text, (size_t)n, 0600);
    ck_assert_int_eq(llm_master_reload(master, &err), LLM_E_CONFIG); // nothing changes
    ck_assert_int_eq(query("on", 0, NULL), LLM_OK);
    while (llm_loop_run(loop, 10) > 0) {
    }
    llm_call_free(call);
    llm_loop_free(loop);
    ck_assert_int_eq(llm_master_flush(master, 2000, NULL), LLM_OK);
    nap(50); // the first ledger, out of force, writes when it likes
    ck_assert_int_eq(calls_in_ledger(), 4);
}
END_TEST

START_TEST(a_forked_child_is_refused) {
    begin("");
    ck_assert_int_eq(query("a", 0, NULL), LLM_OK);
    const pid_t pid = fork();
    if (pid == 0) {
        llm_error err = LLM_ERROR_INIT;
        const llm_status status = query("child", 0, &err);
        _exit(status == LLM_E_DENIED && strstr(err.message, "forked") != NULL ? 0 : 1);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_int_eq(query("a", 0, NULL), LLM_OK);
    ck_assert_int_eq(calls_in_ledger(), 2);
}
END_TEST

static void *ask_many(void *arg) {
    size_t *good = arg;
    for (int i = 0; i < 50; i++) {
        *good += query("t", i % 4 == 0 ? LLM_QUERY_ACKNOWLEDGE : 0, NULL) == LLM_OK ? 1 : 0;
    }
    return NULL;
}

START_TEST(many_threads_and_reloads) {
    pthread_t threads[8];
    size_t good[8] = {0}, sum = 0;
    begin("");
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_many, &good[i]), 0);
    }
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(llm_master_reload(master, NULL), LLM_OK);
    }
    for (size_t i = 0; i < 8; i++) {
        (void)pthread_join(threads[i], NULL);
        sum += good[i];
    }
    ck_assert_uint_eq(sum, 400);
    ck_assert_int_eq(calls_in_ledger(), 400);
}
END_TEST

// ---- reports ---------------------------------------------------------------------------------------------------------

static const struct {
    const char *limits;
    bool is_estimated;
} estimates[] = {
    {"", false},
    {"}, \"limits\": [{\"requests_per_minute\": 1000, \"concurrency\": 9}], \"retry\": {", false},
    {"}, \"limits\": [{\"tokens_per_minute\": 100000}], \"retry\": {", true},
    {"}, \"limits\": [{\"usd\": \"5\", \"window\": \"day\"}], \"retry\": {", true},
};

// The provider tells no usage: what limits counted instead is an estimate, and the row holds none of it.
START_TEST(rows_say_that_limits_estimated) {
    begin(estimates[_i].limits);
    ck_assert_int_eq(query("a", LLM_QUERY_ACKNOWLEDGE, NULL), LLM_OK);
    const llm_str row = at(report((llm_usage_args){.what = "calls"}), "/calls/0");
    ck_assert_int_eq(llm_json_type(at(row, "/estimated")), estimates[_i].is_estimated ? 't' : 'f');
    ck_assert_int_eq(llm_json_type(at(row, "/input_tokens")), 'n');
    ck_assert_int_eq(llm_json_type(at(row, "/cost_usd")), 'n');
    ck_assert_int_eq(number(report((llm_usage_args){0}), "/total/estimated"), estimates[_i].is_estimated);
    ck_assert_int_eq(number(report((llm_usage_args){0}), "/total/cost_unknown"), 1);
    llm_master_free(master);
    begin(estimates[_i].limits); // a new one
    answer_broken = true;
    answer_status = 500;
    ck_assert_int_ne(query("b", LLM_QUERY_ACKNOWLEDGE, NULL), LLM_OK); // failed before output: given back
    ck_assert_int_eq(number(report((llm_usage_args){.tag = "b"}), "/total/estimated"), 0);
}
END_TEST

START_TEST(reports_are_narrowed) {
    begin("");
    for (int i = 0; i < 7; i++) {
        ck_assert_int_eq(query(i % 2 == 0 ? "even" : NULL, 0, NULL), LLM_OK);
    }
    ck_assert_int_eq(number(report((llm_usage_args){.tag = "even"}), "/total/calls"), 4);
    ck_assert_int_eq(number(report((llm_usage_args){.tag = ""}), "/total/calls"), 3);
    ck_assert_int_eq(number(report((llm_usage_args){.provider = "none"}), "/total/calls"), 0);
    ck_assert_int_eq(number(report((llm_usage_args){.until_us = 1}), "/total/calls"), 0);
    ck_assert_int_eq(number(report((llm_usage_args){.since_us = 1}), "/total/calls"), 7);
    const llm_str by = report((llm_usage_args){.by = "tag,day"});
    ck_assert_int_eq(llm_json_type(at(by, "/sums/0/tag")), 'n');
    ck_assert(llm_json_is(at(by, "/sums/1/tag"), "even"));
    llm_str page = report((llm_usage_args){.what = "calls", .limit = 4});
    char next[64] = "";
    ck_assert_uint_eq(llm_json_count(at(page, "/calls")), 4);
    next[llm_json_decode(at(page, "/next"), next, sizeof next - 1)] = '\0';
    page = report((llm_usage_args){.what = "calls", .limit = 4, .after = next});
    ck_assert_uint_eq(llm_json_count(at(page, "/calls")), 3);
    ck_assert_int_eq(llm_json_type(at(page, "/next")), 'n');
    int intact = 0;
    ck_assert(llm_json_bool(at(report((llm_usage_args){.what = "check"}), "/ok"), &intact) && intact);
    static const llm_usage_args bad[] = {{.what = "everything"},
                                         {.by = "colour"},
                                         {.what = "calls", .after = "xyz"},
                                         {.day_offset_s = 100000}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        llm_usage_args args = bad[i];
        char *json = NULL;
        args.size = sizeof args;
        ck_assert_int_eq(llm_master_usage(master, &args, &json, NULL, NULL), LLM_E_INVALID_REQUEST);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("recording");
    TCase *tcase = tcase_create("recording");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_a_row_says);
    tcase_add_test(tcase, failed_calls_too);
    tcase_add_test(tcase, cancelled_and_freed_calls_too);
    tcase_add_test(tcase, refused_calls_have_none);
    tcase_add_test(tcase, the_end_waits_for_the_row);
    tcase_add_test(tcase, an_acknowledgement_that_does_not_come);
    tcase_add_test(tcase, waiting_calls_are_cancelled_and_freed);
    tcase_add_test(tcase, a_loop_that_ends_waits_for_no_row);
    tcase_add_test(tcase, calls_are_refused_until_it_works_again);
    tcase_add_test(tcase, a_failure_is_told_and_counted);
    tcase_add_test(tcase, lost_rows_are_told);
    tcase_add_test(tcase, start_up_says_what_is_wrong);
    tcase_add_test(tcase, off_is_off);
    tcase_add_test(tcase, a_reload_moves_it);
    tcase_add_test(tcase, a_forked_child_is_refused);
    tcase_add_test(tcase, many_threads_and_reloads);
    tcase_add_loop_test(tcase, rows_say_that_limits_estimated, 0,
                        (int)(sizeof estimates / sizeof estimates[0]));
    tcase_add_test(tcase, reports_are_narrowed);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
