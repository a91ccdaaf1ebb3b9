// SPDX-License-Identifier: MIT
// Hedging over real sockets: the first of two attempts that gives output is the answer, and what is told of both.
#include "two_providers.h"

// Log records and spans of races.
static struct {
    int hedges, fallbacks, spans;
    char provider[64], status[64], span_provider[64], span_server[64], call_server[64];
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
    if (!span->is_attempt) {
        copy_field(noted.call_server, sizeof noted.call_server, span->attributes, span->n_attributes,
                   "server.address");
    }
    for (size_t i = 0; i < span->n_attributes; i++) {
        if (strcmp(span->attributes[i].name, "llm_master.hedge") == 0) {
            noted.spans++;
            copy_field(noted.span_provider, sizeof noted.span_provider, span->attributes, span->n_attributes,
                       "gen_ai.provider.name");
            copy_field(noted.span_server, sizeof noted.span_server, span->attributes, span->n_attributes,
                       "server.address");
        }
    }
}

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

static int64_t sample(const char *text, const char *family, const char *provider, const char *status) {
    char line[256];
    const bool at_groq = strcmp(provider, "groq") == 0;
    const int n = snprintf(line, sizeof line, "\n%s{provider=\"%s\",operation=\"chat\",model=\"%s\"%s%s%s} ",
                           family, provider, at_groq ? "llama-3.1-8b-instant" : "gpt-4o-mini",
                           status[0] != '\0' ? ",status=\"" : "", status, status[0] != '\0' ? "\"" : "");
    const char *at = strstr(text, line);
    int64_t value = 0;
    return at != NULL && llm_json_int64((llm_str){at + n, strcspn(at + n, "\n")}, &value) ? value : 0;
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
    memset(&noted, 0, sizeof noted);
    on_record = note;
    on_span = note_span;
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
        ck_assert_str_eq(noted.span_server, "localhost"); // openai's is 127.0.0.1
        ck_assert_str_eq(noted.call_server, strcmp(want[_i].winner, "groq") == 0 ? "localhost" : "127.0.0.1");
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

int main(void) {
    Suite *suite = suite_create("race");
    TCase *tcase = tcase_create("race");
    const int n = (int)(sizeof races / sizeof races[0]);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_race, 0, n);
    tcase_add_loop_test(tcase, a_race_is_recorded, 0, n);
    tcase_add_loop_test(tcase, a_race_is_counted, 0, n);
    tcase_add_test(tcase, a_race_may_be_left_at_any_time);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
