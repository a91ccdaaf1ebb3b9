// SPDX-License-Identifier: MIT
// Observe: what a call tells to metrics and to the host's listeners.  Nothing is gathered that nobody asked for; only names of the two
// tables in observe/facts.h leave the library, and no key is in any text.
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "call/call.h"
#include "call/verdict.h"

static struct llm_master *master_of(const struct llm_call *call) {
    return call->loop->master;
}

static bool spans(const struct llm_call *call) {
    return master_of(call)->options.span != NULL;
}

// ---- metrics -------------------------------------------------------------------------------------------------------

static void count_usage(struct llm_series *series, const struct llm_response *r) {
    const llm_usage *u = &r->usage;
    if (r->cached) { // it was used when the answer was made
        return;
    }
    const int64_t n[LLM_TOKENS_COUNT] = {u->input_tokens,       u->output_tokens,    u->cache_read_tokens,
                                         u->cache_write_tokens, u->reasoning_tokens, u->audio_input_tokens,
                                         u->audio_output_tokens};
    for (size_t i = 0; i < LLM_TOKENS_COUNT; i++) {
        if (n[i] > 0) {
            llm_count(&series->tokens[i], (uint64_t)n[i]);
        }
    }
    if (r->cost > 0) {
        llm_count(&series->cost[r->cost_source == LLM_COST_PROVIDER], (uint64_t)r->cost);
    } else if (r->cost < 0 && r->error.status == LLM_OK) {
        llm_count(&series->unpriced, 1);
    }
}

static void count_end(struct llm_call *call, llm_status status) {
    const struct llm_response *r = call->response;
    struct llm_series *series = call->series_now;
    llm_count(&call->series->ended, 1);
    llm_count(&series->calls[llm_status_index(status)], 1);
    llm_series_duration(series, r->end_us - r->start_us);
    if (r->first_us != 0) {
        llm_series_first(series, r->first_us - r->start_us);
    }
    count_usage(series, r);
}

// ---- facts ---------------------------------------------------------------------------------------------------------

static size_t attempts_of(const struct llm_response *r, const struct llm_attempt **ret_last) {
    size_t n = 0;
    *ret_last = NULL;
    for (const struct llm_attempt *a = r->attempts; a != NULL; a = a->next) {
        *ret_last = a;
        n++;
    }
    return n;
}

// What a racer races, else itself: for the host there is one call.
static const struct llm_call *whole_of(const struct llm_call *call) {
    return call->racing != NULL ? call->racing : call;
}

// What every event of a call begins with.
static void begin(struct llm_facts *facts, const struct llm_call *call, llm_str provider, llm_str model) {
    const struct llm_response *r = whole_of(call)->response;
    llm_facts_init(facts);
    llm_facts_log_number(facts, LLM_FIELD_CALL, (int64_t)call->id);
    llm_facts_log_text(facts, LLM_FIELD_ID, r->id);
    llm_facts_log_text(facts, LLM_FIELD_PROVIDER, provider);
    llm_facts_log_text(facts, LLM_FIELD_OPERATION, r->operation);
    llm_facts_log_text(facts, LLM_FIELD_MODEL, model);
}

static void number_if(struct llm_facts *facts, enum llm_log_field field, int64_t number, bool known) {
    if (known) {
        llm_facts_log_number(facts, field, number);
    }
}

static void tell(struct llm_call *call, enum llm_log_event event, struct llm_facts *facts) {
    llm_call_redact_text(call, facts->text, facts->used);
    llm_master_tell(master_of(call), event, facts);
}

static void tell_start(struct llm_call *call) {
    struct llm_facts facts;
    if (!llm_master_listens(master_of(call), LLM_TELL_CALL_START)) {
        return;
    }
    begin(&facts, call, call->route.provider->name, call->route.provider_model);
    llm_facts_log_number(&facts, LLM_FIELD_STREAM, (call->flags & LLM_QUERY_STREAM) != 0);
    tell(call, LLM_TELL_CALL_START, &facts);
}

static void tell_attempt(struct llm_call *call, const struct llm_attempt *attempt, enum llm_log_event event) {
    struct llm_facts facts;
    const struct llm_attempt *last;
    if (!llm_master_listens(master_of(call), event)) {
        return;
    }
    begin(&facts, call, attempt->provider, attempt->model);
    llm_facts_log_number(&facts, LLM_FIELD_ATTEMPT, (int64_t)attempts_of(whole_of(call)->response, &last));
    llm_facts_log_text(&facts, LLM_FIELD_KEY, attempt->key);
    llm_facts_log_text(&facts, LLM_FIELD_STATUS, llm_str_from(llm_status_name(attempt->status)));
    number_if(&facts, LLM_FIELD_HTTP_STATUS, attempt->http_status, attempt->http_status != 0);
    llm_facts_log_number(&facts, LLM_FIELD_DURATION_US, (int64_t)attempt->us);
    number_if(&facts, LLM_FIELD_WAIT_US, (int64_t)attempt->waited_ms * 1000, attempt->waited_ms != 0);
    llm_facts_log_text(&facts, LLM_FIELD_REQUEST_ID, call->response->request_id);
    tell(call, event, &facts);
}

static void tell_end(struct llm_call *call, llm_status status) {
    const struct llm_response *r = call->response;
    struct llm_facts facts;
    const struct llm_attempt *last;
    if (!llm_master_listens(master_of(call), LLM_TELL_CALL_END)) {
        return;
    }
    begin(&facts, call, call->route.provider->name, call->route.provider_model);
    llm_facts_log_text(&facts, LLM_FIELD_STATUS, llm_str_from(llm_status_name(status)));
    number_if(&facts, LLM_FIELD_HTTP_STATUS, call->http_status, call->http_status != 0);
    llm_facts_log_number(&facts, LLM_FIELD_ATTEMPTS, (int64_t)attempts_of(r, &last));
    llm_facts_log_number(&facts, LLM_FIELD_DURATION_US, (int64_t)(r->end_us - r->start_us));
    number_if(&facts, LLM_FIELD_FIRST_TOKEN_US, (int64_t)(r->first_us - r->start_us), r->first_us != 0);
    number_if(&facts, LLM_FIELD_INPUT_TOKENS, r->usage.input_tokens, r->usage.input_tokens >= 0);
    number_if(&facts, LLM_FIELD_OUTPUT_TOKENS, r->usage.output_tokens, r->usage.output_tokens >= 0);
    number_if(&facts, LLM_FIELD_COST_PICO_USD, r->cost, r->cost >= 0);
    number_if(&facts, LLM_FIELD_CACHED, 1, r->cached);
    llm_facts_log_text(&facts, LLM_FIELD_REQUEST_ID, r->request_id);
    tell(call, LLM_TELL_CALL_END, &facts);
}

// ---- spans ---------------------------------------------------------------------------------------------------------

// "https://host:8443/v1": host and port.
static void server(struct llm_facts *facts, llm_str url) {
    const bool https = llm_str_starts(url, LLM_STR("https://"));
    llm_str host = llm_str_cut(url, https ? 8 : 7);
    uint64_t port = https ? 443 : 80;
    const char *slash = host.len > 0 ? memchr(host.ptr, '/', host.len) : NULL;
    host.len = slash != NULL ? (size_t)(slash - host.ptr) : host.len;
    const char *bracket = host.len > 0 ? memrchr(host.ptr, ']', host.len) : NULL;
    const char *colon = host.len > 0 ? memrchr(host.ptr, ':', host.len) : NULL;
    if (colon != NULL && colon > bracket) {
        (void)llm_str_uint(llm_str_cut(host, (size_t)(colon - host.ptr) + 1), 65535, &port);
        host.len = (size_t)(colon - host.ptr);
    }
    if (bracket != NULL && host.len > 2) {
        host = (llm_str){host.ptr + 1, host.len - 2};
    }
    llm_facts_span_text(facts, LLM_SPAN_SERVER_ADDRESS, host);
    if (host.len > 0) {
        llm_facts_span_number(facts, LLM_SPAN_SERVER_PORT, (int64_t)port);
    }
}

static void span_number_if(struct llm_facts *facts, enum llm_span_field field, int64_t number) {
    if (number >= 0) {
        llm_facts_span_number(facts, field, number);
    }
}

static void span_answer(struct llm_facts *facts, const struct llm_response *r) {
    char reasons[256];
    size_t used = 0;
    for (size_t i = 0; i < r->n_choices && used < sizeof reasons - 32; i++) {
        const llm_str name = llm_str_from(r->choices[i].finished ? llm_finish_name(&r->choices[i]) : "");
        if (used > 0 && name.len > 0) {
            reasons[used++] = ',';
        }
        memcpy(reasons + used, name.ptr, name.len);
        used += name.len;
    }
    llm_facts_span_text(facts, LLM_SPAN_RESPONSE_MODEL, r->provider_model);
    llm_facts_span_text(facts, LLM_SPAN_RESPONSE_ID, r->id);
    llm_facts_span_text(facts, LLM_SPAN_FINISH_REASONS, (llm_str){reasons, used});
    llm_facts_span_text(facts, LLM_SPAN_REQUEST_ID, r->request_id);
    span_number_if(facts, LLM_SPAN_INPUT_TOKENS, r->usage.input_tokens);
    span_number_if(facts, LLM_SPAN_OUTPUT_TOKENS, r->usage.output_tokens);
    span_number_if(facts, LLM_SPAN_CACHE_READ_TOKENS, r->usage.cache_read_tokens);
    span_number_if(facts, LLM_SPAN_CACHE_WRITE_TOKENS, r->usage.cache_write_tokens);
    span_number_if(facts, LLM_SPAN_REASONING_TOKENS, r->usage.reasoning_tokens);
}

// Different for every call of every process, and for every attempt of it; never 0.
static uint64_t span_id(const struct llm_call *call, size_t attempt) {
    uint64_t x = master_of(call)->id_seed + (call->id * (LLM_MAX_STEPS * 2) + attempt) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return x != 0 ? x : 1;
}

struct span_facts {
    size_t attempt; // 0: the call's
    llm_str provider, model;
    llm_status status;
    uint64_t start_us, end_us; // monotonic
};

static void span_begin(struct llm_facts *facts, const struct llm_call *call, const struct span_facts *s) {
    llm_facts_init(facts);
    llm_facts_span_text(facts, LLM_SPAN_OPERATION, whole_of(call)->response->operation);
    llm_facts_span_text(facts, LLM_SPAN_PROVIDER, s->provider);
    llm_facts_span_text(facts, LLM_SPAN_REQUEST_MODEL, s->model);
    if (s->status != LLM_OK) {
        llm_facts_span_text(facts, LLM_SPAN_ERROR_TYPE, llm_str_from(llm_status_name(s->status)));
    }
    server(facts, call->route.provider->base_url);
}

static void span_give(struct llm_call *call, struct llm_facts *facts, const struct span_facts *s) {
    const struct llm_master *master = master_of(call);
    const struct llm_response *r = whole_of(call)->response;
    char raw[LLM_MAX_NAME_BYTES + LLM_MAX_FACT_BYTES], name[sizeof raw];
    (void)snprintf(raw, sizeof raw, "%.*s%s%.*s", LLM_FMT(r->operation), s->model.len > 0 ? " " : "",
                   LLM_FMT(s->model));
    llm_error_text(name, sizeof name, llm_str_from(raw));
    llm_call_redact_text(call, facts->text, facts->used);
    const uint64_t origin = r->start_us;
    const llm_span span = {.size = (uint32_t)sizeof span,
                           .is_attempt = s->attempt > 0,
                           .name = name,
                           .span_id = span_id(call, s->attempt),
                           .parent_id = s->attempt > 0 ? span_id(call, 0) : 0,
                           .call_id = call->id,
                           .start_us = call->started_us + (int64_t)(s->start_us - origin),
                           .end_us = call->started_us + (int64_t)(s->end_us - origin),
                           .status = s->status,
                           .attributes = facts->fields,
                           .n_attributes = facts->n};
    master->options.span(master->options.span_ctx, &span);
}

static void span_attempt(struct llm_call *call, const struct llm_attempt *attempt) {
    const struct llm_attempt *last;
    const uint64_t now = llm_clock_us();
    const struct span_facts s = {.attempt = attempts_of(whole_of(call)->response, &last),
                                 .provider = attempt->provider,
                                 .model = attempt->model,
                                 .status = attempt->status,
                                 .start_us = now > attempt->us ? now - attempt->us : 0,
                                 .end_us = now};
    struct llm_facts facts;
    span_begin(&facts, call, &s);
    if (attempt->http_status != 0) {
        llm_facts_span_number(&facts, LLM_SPAN_HTTP_STATUS, attempt->http_status);
    }
    if (s.attempt > 1) {
        llm_facts_span_number(&facts, LLM_SPAN_RESEND_COUNT, (int64_t)s.attempt - 1);
    }
    if (attempt->hedge) {
        llm_facts_span_number(&facts, LLM_SPAN_HEDGE, 1);
    }
    llm_facts_span_text(&facts, LLM_SPAN_KEY, attempt->key);
    if (attempt->waited_ms > 0) {
        llm_facts_span_number(&facts, LLM_SPAN_WAIT_US, (int64_t)attempt->waited_ms * 1000);
    }
    span_number_if(&facts, LLM_SPAN_COST, attempt->cost);
    if (attempt->status == LLM_OK) {
        span_answer(&facts, call->response);
    }
    span_give(call, &facts, &s);
}

static void span_end(struct llm_call *call, llm_status status) {
    const struct llm_response *r = call->response;
    const struct llm_attempt *last;
    const struct span_facts s = {.provider = call->route.provider->name,
                                 .model = call->route.provider_model,
                                 .status = status,
                                 .start_us = r->start_us,
                                 .end_us = r->end_us};
    struct llm_facts facts;
    span_begin(&facts, call, &s);
    if (call->http_status != 0) {
        llm_facts_span_number(&facts, LLM_SPAN_HTTP_STATUS, call->http_status);
    }
    llm_facts_span_number(&facts, LLM_SPAN_ATTEMPTS, (int64_t)attempts_of(r, &last));
    span_number_if(&facts, LLM_SPAN_FIRST_TOKEN_US,
                   r->first_us != 0 ? (int64_t)(r->first_us - r->start_us) : -1);
    span_number_if(&facts, LLM_SPAN_COST, r->cost);
    span_number_if(&facts, LLM_SPAN_CACHED, r->cached ? 1 : -1);
    span_answer(&facts, r);
    span_give(call, &facts, &s);
}

// ---- the life of a call --------------------------------------------------------------------------------------------

static void observe_route(struct llm_call *call) {
    call->observed[0] = call->route.provider->name;
    call->observed[1] = call->route.provider_model;
    struct llm_series *series = call->series_hint;
    if (series == NULL || !llm_str_eq(series->model, call->observed[1]) ||
        !llm_str_eq(series->provider, call->observed[0]) ||
        !llm_str_eq(series->operation, call->job_args.operation)) {
        series = llm_metrics_series(master_of(call)->metrics, call->observed[0], call->job_args.operation,
                                    call->observed[1]);
    }
    call->series_now = call->series_hint = series;
}

void llm_call_observe_start(struct llm_call *call) {
    observe_route(call);
    call->series = call->series_now;
    call->observed_move = false;
    llm_count(&call->series->started, 1);
    tell_start(call);
}

void llm_call_observe_refused(struct llm_call *call, const llm_error *error) {
    struct llm_master *master = master_of(call);
    llm_metrics_refused(master->metrics, error->status);
    if (!llm_master_listens(master, LLM_TELL_CALL_REFUSED)) {
        return;
    }
    struct llm_facts facts;
    llm_facts_init(&facts);
    llm_facts_log_number(&facts, LLM_FIELD_CALL, (int64_t)call->id);
    llm_facts_log_text(&facts, LLM_FIELD_PROVIDER, llm_str_from(error->provider));
    llm_facts_log_text(&facts, LLM_FIELD_OPERATION, call->job_args.operation);
    llm_facts_log_text(&facts, LLM_FIELD_STATUS, llm_str_from(llm_status_name(error->status)));
    llm_master_tell(master, LLM_TELL_CALL_REFUSED, &facts);
}

void llm_call_observe_verdict(struct llm_call *call, const struct llm_verdict *verdict) {
    static const enum llm_log_event events[] = {[LLM_VERDICT_GIVE_UP] = LLM_TELL_GIVE_UP,
                                                [LLM_VERDICT_RETRY] = LLM_TELL_RETRY,
                                                [LLM_VERDICT_FALL_BACK] = LLM_TELL_FALLBACK};
    const enum llm_log_event event = events[verdict->name];
    call->observed_move = verdict->name == LLM_VERDICT_FALL_BACK;
    if (!llm_master_listens(master_of(call), event)) {
        return;
    }
    struct llm_facts facts;
    begin(&facts, call, call->route.provider->name, call->route.provider_model);
    llm_facts_log_number(&facts, LLM_FIELD_ATTEMPT, call->attempts);
    llm_facts_log_text(&facts, LLM_FIELD_STATUS, llm_str_from(llm_status_name(call->outcome)));
    llm_facts_log_text(&facts, LLM_FIELD_REASON, llm_str_from(verdict->why));
    llm_facts_log_number(&facts, LLM_FIELD_WAIT_US, (int64_t)verdict->wait_us);
    tell(call, event, &facts);
}

// Away from a provider that was not asked at all: its breaker is open, or it has no key.
static void tell_move(struct llm_call *call) {
    struct llm_facts facts;
    if (call->observed_move || !llm_master_listens(master_of(call), LLM_TELL_FALLBACK)) {
        return;
    }
    begin(&facts, call, call->observed[0], call->observed[1]);
    llm_facts_log_text(&facts, LLM_FIELD_REASON, LLM_STR("it could not be asked"));
    tell(call, LLM_TELL_FALLBACK, &facts);
}

void llm_call_observe_open(struct llm_call *call) {
    if (call->racing != NULL) { // it comes beside an attempt, not after one
        observe_route(call);
        return;
    }
    const bool same = llm_str_eq(call->observed[0], call->route.provider->name) &&
                      llm_str_eq(call->observed[1], call->route.provider_model);
    if (!same) {
        tell_move(call);
        observe_route(call);
        llm_count(&call->series_now->fallbacks, 1);
    } else if (call->response->attempts != NULL) {
        llm_count(&call->series_now->retries, 1);
    }
    call->observed_move = false;
}

void llm_call_observe_attempt(struct llm_call *call, const struct llm_attempt *attempt) {
    struct llm_series *series = call->series_now;
    llm_count(&series->attempts[llm_status_index(attempt->status)], 1);
    if (attempt->hedge) {
        llm_count(&series->hedges, 1);
        tell_attempt(call, attempt, LLM_TELL_HEDGE);
    }
    tell_attempt(call, attempt, LLM_TELL_ATTEMPT_END);
    if (spans(call)) {
        span_attempt(call, attempt);
    }
}

void llm_call_observe_winner(struct llm_call *call) {
    observe_route(call);
}

void llm_call_observe_end(struct llm_call *call) {
    struct llm_response *r = call->response;
    if (call->series == NULL) {
        return;
    }
    // Freed before its end: nobody hears of it, but it is counted.
    const llm_status status = call->settled ? r->error.status : LLM_E_CANCELLED;
    if (r->end_us == 0) {
        r->end_us = llm_clock_us();
    }
    count_end(call, status);
    tell_end(call, status);
    if (spans(call)) {
        span_end(call, status);
    }
    call->series = NULL;
}

void llm_call_observe_limit_wait(struct llm_call *call) {
    if (!llm_master_listens(master_of(call), LLM_TELL_LIMIT_WAIT)) {
        return;
    }
    struct llm_facts facts;
    begin(&facts, call, call->route.provider->name, call->route.provider_model);
    tell(call, LLM_TELL_LIMIT_WAIT, &facts);
}

void llm_call_observe_limit_over(struct llm_call *call, bool waited, uint64_t wait_us, llm_status status) {
    struct llm_metrics *metrics = master_of(call)->metrics;
    if (waited) {
        llm_metrics_count(metrics, LLM_COUNT_LIMIT_WAITS, 1);
        llm_metrics_count(metrics, LLM_COUNT_LIMIT_WAIT_US, wait_us);
    }
    if (status == LLM_OK) {
        return;
    }
    llm_metrics_count(metrics, LLM_COUNT_LIMIT_REFUSALS, 1);
    if (!llm_master_listens(master_of(call), LLM_TELL_LIMIT_REFUSED)) {
        return;
    }
    struct llm_facts facts;
    begin(&facts, call, call->route.provider->name, call->route.provider_model);
    llm_facts_log_number(&facts, LLM_FIELD_WAIT_US, (int64_t)wait_us);
    llm_facts_log_text(&facts, LLM_FIELD_REASON, llm_str_from(call->error.message));
    tell(call, LLM_TELL_LIMIT_REFUSED, &facts);
}
