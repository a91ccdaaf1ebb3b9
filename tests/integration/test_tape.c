// SPDX-License-Identifier: MIT
// LLM_QUERY_EXCHANGES: what llm_response_exchange() gives, without keys, also when memory runs out; llm_redact().
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"
#include "fail_alloc.h"
#include "llm_master.h"

#define KEY "sk-canary/0123456789+tape"
#define OTHER_KEY "sk-canary-of-another-one"
#define UNUSED_KEY "sk-canary-of-nobody-here"
#define LONGER_KEY OTHER_KEY "/and-more"

static struct answer {
    uint32_t status;
    const char *pieces[4];
    bool breaks;
} answer;

static unsigned busy; // so many exchanges are refused first

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    static const char *const names[] = {"content-type", "set-cookie", "x-said"};
    static const char *const values[] = {"text/plain", "a=b", "you sent " KEY};
    llm_header headers[3];
    (void)ctx;
    (void)request;
    for (size_t i = 0; i < 3; i++) {
        headers[i] = (llm_header){{names[i], strlen(names[i])}, {values[i], strlen(values[i])}};
    }
    if (busy > 0) {
        busy--;
        (void)reply->head(reply->ctx, 503, headers, 3);
        (void)reply->data(reply->ctx, "busy", 4);
        return LLM_OK;
    }
    llm_status status = reply->head(reply->ctx, answer.status, headers, 3);
    for (size_t i = 0; answer.pieces[i] != NULL && status == LLM_OK; i++) {
        status = reply->data(reply->ctx, answer.pieces[i], strlen(answer.pieces[i]));
    }
    return answer.breaks ? LLM_E_TRANSPORT : LLM_OK;
}

static const llm_transport transport = {.size = sizeof transport, .exchange = exchange};
static llm_master *master;

static void setup(void) {
    static char plugin_dir[1024];
    const char *const dirs[] = {plugin_dir, NULL};
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    llm_error err = LLM_ERROR_INIT;
    (void)snprintf(plugin_dir, sizeof plugin_dir, "%s/tests/plugins", getenv("LLM_TEST_BUILD"));
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.plugin_dirs = dirs;
    options.transport = &transport;
    options.settings =
        "{\"retry\": {\"base_ms\": 1, \"throttle_base_ms\": 1},"
        " \"keys\": {\"echo\": [{\"value\": \"" KEY "\"}, {\"value\": \"" OTHER_KEY
        "\"}], \"nobody\": {\"value\": \"" UNUSED_KEY "\"}, \"longer\": {\"value\": \"" LONGER_KEY "\"}}}";
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
    answer = (struct answer){.status = 200, .pieces = {"hello"}};
    busy = 0;
}

static void teardown(void) {
    llm_master_free(master);
}

static llm_response *query(uint32_t flags, const char *prompt) {
    const llm_query_args args = {LLM_QUERY_INIT, .model = "echo-1", .prompt = prompt, .flags = flags};
    llm_response *response = NULL;
    (void)llm_query(master, &args, &response, NULL);
    return response;
}

static void is(llm_bytes got, const char *want) {
    ck_assert_msg(got.len == strlen(want) && memcmp(got.ptr, want, got.len) == 0, "%.*s, not %s",
                  (int)got.len, (const char *)got.ptr, want);
}

static const char *value_of(const llm_header *headers, size_t n, const char *name) {
    static char value[256];
    for (size_t i = 0; i < n; i++) {
        if (headers[i].name.len == strlen(name) &&
            memcmp(headers[i].name.ptr, name, headers[i].name.len) == 0) {
            (void)snprintf(value, sizeof value, "%.*s", (int)headers[i].value.len,
                           headers[i].value.ptr != NULL ? headers[i].value.ptr : "");
            return headers[i].value.ptr != NULL ? value : "(absent)";
        }
    }
    return "(none)";
}

START_TEST(an_exchange_is_kept_whole) {
    llm_exchange_record record = {.size = sizeof record};
    answer.pieces[0] = "hel";
    answer.pieces[1] = "lo";
    llm_response *response = query(LLM_QUERY_EXCHANGES, "Hi");
    ck_assert_int_eq(llm_response_exchange(response, 0, &record), 1);
    ck_assert_uint_eq(record.flags, 0);
    ck_assert_uint_eq(record.attempt, 1);
    ck_assert_int_eq(record.http_status, 200);
    ck_assert_int_eq(record.status, LLM_OK);
    is((llm_bytes){(const uint8_t *)record.method.ptr, record.method.len}, "POST");
    is(record.request_body, "Hi");
    is(record.answer_body, "hello");
    ck_assert_str_eq(value_of(record.answer_headers, record.n_answer_headers, "set-cookie"), "a=b");
    ck_assert_str_eq(value_of(record.answer_headers, record.n_answer_headers, "x-said"),
                     "you sent *************************");
    ck_assert_int_eq(llm_response_exchange(response, 1, &record), 0);
    record.size = 8;
    ck_assert_int_eq(llm_response_exchange(response, 0, &record), 0);
    llm_response_free(response);
    record.size = sizeof record;
    response = query(0, "Hi"); // the same response's memory, used again
    ck_assert_int_eq(llm_response_exchange(response, 0, &record), 0);
    llm_response_free(response);
}
END_TEST

START_TEST(keys_are_not) {
    llm_exchange_record record = {.size = sizeof record};
    answer.pieces[0] = "you sent sk-canary/0123";
    answer.pieces[1] = "456789+tape, or sk-canary\\/0123456789+ta";
    answer.pieces[2] = "pe";
    llm_response *response = query(LLM_QUERY_EXCHANGES, "is it " KEY "?");
    ck_assert_int_eq(llm_response_exchange(response, 0, &record), 1);
    is(record.request_body, "is it *************************?");
    is(record.answer_body, "you sent *************************, or **************************");
    llm_response_free(response);
}
END_TEST

START_TEST(each_attempt_has_its_own) {
    llm_exchange_record record = {.size = sizeof record};
    busy = 1;
    llm_response *response = query(LLM_QUERY_EXCHANGES, "Hi");
    ck_assert_int_eq(llm_response_exchange(response, 0, &record), 1);
    ck_assert_int_eq(record.http_status, 503);
    is(record.answer_body, "busy");
    ck_assert_int_lt(record.status, 0);
    ck_assert_int_eq(llm_response_exchange(response, 1, &record), 1);
    ck_assert_int_eq(record.http_status, 200);
    ck_assert_uint_eq(record.attempt, 2);
    is(record.answer_body, "hello");
    llm_response_free(response);
}
END_TEST

START_TEST(a_cut_is_told) {
    llm_exchange_record record = {.size = sizeof record};
    answer.breaks = true;
    llm_response *response = query(LLM_QUERY_EXCHANGES | LLM_QUERY_STREAM, "Hi");
    ck_assert_int_eq(llm_response_exchange(response, 0, &record), 1);
    ck_assert_uint_eq(record.flags, LLM_EXCHANGE_CUT);
    is(record.answer_body, "hello");
    llm_response_free(response);
}
END_TEST

// Whatever cannot be kept is told, or the call itself fails; what stands there without a mark is whole.
START_TEST(without_memory_nothing_is_half) {
    size_t marked = 0;
    llm_response_free(query(LLM_QUERY_EXCHANGES, "a question")); // what is kept for later calls is there now
    for (size_t n = 0;; n++) {
        llm_exchange_record record = {.size = sizeof record};
        fail_alloc_after(n);
        llm_response *response = query(LLM_QUERY_EXCHANGES, "a question");
        const bool failed = fail_alloc_off();
        if (response != NULL && llm_response_exchange(response, 0, &record) != 0) {
            if ((record.flags & LLM_EXCHANGE_PART) != 0) {
                marked++;
            } else {
                is(record.request_body, "a question");
                ck_assert_uint_eq(record.n_answer_headers, record.http_status != 0 ? 3 : 0);
            }
        }
        llm_response_free(response);
        if (!failed) {
            break;
        }
    }
    ck_assert_uint_gt(marked, 0);
}
END_TEST

START_TEST(all_keys_and_words_are_overwritten) {
    char text[] = KEY " " OTHER_KEY " " UNUSED_KEY " plain Jane";
    const llm_str words[] = {{"Jane", 4}, {NULL, 0}};
    const size_t n = sizeof KEY - 1 + sizeof OTHER_KEY - 1 + sizeof UNUSED_KEY - 1 + 4;
    ck_assert_uint_eq(llm_redact(master, words, 2, text, strlen(text)), n);
    ck_assert_str_eq(
        text, "************************* ************************ ************************ plain ****");
    ck_assert_uint_eq(llm_redact(master, words, 2, text, strlen(text)), 0);
    ck_assert_uint_eq(llm_redact(master, NULL, 0, text, 0), 0);
}
END_TEST

// A key or word may be the begin of another: nothing of the longer one is left.
START_TEST(a_secret_in_a_secret_is_none_left) {
    char text[] = LONGER_KEY " and 4711aabb, 4711aabb-xyz";
    char cut[] = LONGER_KEY " and " OTHER_KEY "/and";
    const llm_str words[] = {{"4711aabb", 8}, {"4711aabb-xyz", 12}};
    (void)llm_redact(master, words, 2, text, strlen(text));
    ck_assert_str_eq(text, "********************************* and ********, ************");
    (void)llm_redact(master, words, 2, cut, strlen(cut));
    ck_assert_str_eq(cut, "********************************* and ****************************");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tape");
    TCase *tcase = tcase_create("tape");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_exchange_is_kept_whole);
    tcase_add_test(tcase, keys_are_not);
    tcase_add_test(tcase, each_attempt_has_its_own);
    tcase_add_test(tcase, a_cut_is_told);
    tcase_add_test(tcase, without_memory_nothing_is_half);
    tcase_add_test(tcase, all_keys_and_words_are_overwritten);
    tcase_add_test(tcase, a_secret_in_a_secret_is_none_left);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
