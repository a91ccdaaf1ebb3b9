// SPDX-License-Identifier: MIT
// What the ledger knows, as JSON: sums, calls one by one, and whether the store is intact.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"
#include "call/call.h"
#include "call/recorder.h"
#include "llm_json.h"

#define FLUSH_MS 2000u      // how long rows of this process are waited for
#define CALLS_DEFAULT 1000u // one document of calls

// Numbers of usage, in the order of LLM_USAGE_*.
static const char *const numbers[LLM_USAGE_NUMBERS] = {
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "images",
    "milliseconds",
    "characters",
};

static const struct {
    const char *name;
    uint32_t by;
} groups[] = {
    {"day", LLM_BY_DAY},       {"provider", LLM_BY_PROVIDER},
    {"model", LLM_BY_MODEL},   {"operation", LLM_BY_OPERATION},
    {"tag", LLM_BY_TAG},       {"key", LLM_BY_KEY},
    {"status", LLM_BY_STATUS},
};
#define N_GROUPS (sizeof groups / sizeof groups[0])

// One report under way.
struct report {
    const llm_usage_args *args;
    const struct llm_ledger_settings *settings;
    llm_store_query query;
    uint8_t after[16];
    llm_json_writer w;
    llm_store_sum total;
    uint64_t n;
    char last[LLM_ID_TEXT];
    llm_status broken; // what a receiver said
};

// ---- what was asked ------------------------------------------------------------------------------------------------------

static llm_status take_by(const char *by, uint32_t *ret, llm_error *err) {
    llm_str rest = llm_str_from(by);
    while (rest.len > 0) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        const llm_str name = {rest.ptr, comma != NULL ? (size_t)(comma - rest.ptr) : rest.len};
        size_t i = 0;
        while (i < N_GROUPS && !llm_str_is(name, groups[i].name)) {
            i++;
        }
        if (i == N_GROUPS) {
            return llm_fail(
                err, LLM_E_INVALID_REQUEST,
                "usage is not grouped by \"%.*s\"; known: day, provider, model, operation, tag, key, "
                "status",
                LLM_FMT(name));
        }
        *ret |= groups[i].by;
        rest = llm_str_cut(rest, name.len + (comma != NULL ? 1 : 0));
    }
    return LLM_OK;
}

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_id(const char *text, uint8_t id[16]) {
    size_t n = 0;
    for (; n < 32 && text[n] != '\0'; n++) {
        const int value = digit(text[n]);
        if (value < 0) {
            return false;
        }
        id[n / 2] = (uint8_t)(n % 2 == 0 ? value << 4 : id[n / 2] | value);
    }
    return n == 32 && text[n] == '\0';
}

static llm_status take_args(struct report *r, const llm_usage_args *a, llm_error *err) {
    r->query = (llm_store_query){
        .size = (uint32_t)sizeof r->query,
        .since_us = a->since_us != 0 ? a->since_us : INT64_MIN,
        .until_us = a->until_us != 0 ? a->until_us : INT64_MAX,
        .day_offset_s = a->day_offset_s,
        .limit = a->limit != 0 ? a->limit : CALLS_DEFAULT,
        .provider = llm_str_from(a->provider),
        .model = llm_str_from(a->model),
        .operation = llm_str_from(a->operation),
        .tag = llm_str_from(a->tag),
        .key = llm_str_from(a->key),
        .status = llm_str_from(a->status),
    };
    if (a->after != NULL) {
        if (!read_id(a->after, r->after)) {
            return llm_fail(err, LLM_E_INVALID_REQUEST, "usage: \"%.64s\" is no id of a call", a->after);
        }
        r->query.after = r->after;
    }
    if (a->day_offset_s < -86400 || a->day_offset_s > 86400) {
        return llm_fail(err, LLM_E_INVALID_REQUEST, "usage: a day begins at most a day from UTC's");
    }
    return take_by(a->by, &r->query.by, err);
}

// ---- JSON ----------------------------------------------------------------------------------------------------------------

static void text_member(llm_json_writer *w, const char *name, llm_str text) {
    llm_json_name(w, name);
    if (text.ptr == NULL) {
        llm_json_null(w);
    } else {
        llm_json_string(w, text);
    }
}

static void number_member(llm_json_writer *w, const char *name, int64_t number) {
    llm_json_name(w, name);
    if (number < 0) {
        llm_json_null(w);
    } else {
        llm_json_integer(w, number);
    }
}

// Exact: whole dollars, then as many of 12 decimals as are not zero.
static void money_member(llm_json_writer *w, const char *name, int64_t micro, int64_t pico) {
    char text[48];
    int n = snprintf(text, sizeof text, "%lld.%06lld%06lld", (long long)(micro / 1000000),
                     (long long)(micro % 1000000), (long long)pico);
    while (text[n - 1] == '0') {
        n--;
    }
    n -= text[n - 1] == '.' ? 1 : 0;
    llm_json_name(w, name);
    llm_json_string(w, (llm_str){text, (size_t)n});
}

static void day_member(llm_json_writer *w, int64_t day) {
    char text[32] = "";
    const time_t seconds = (time_t)(day * 86400);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%d", &tm) == 0) {
        (void)snprintf(text, sizeof text, "%lld", (long long)day);
    }
    text_member(w, "day", llm_str_from(text));
}

static void time_member(llm_json_writer *w, const char *name, int64_t us) {
    char text[48] = "", full[64];
    const time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    if (us == INT64_MIN || us == INT64_MAX || gmtime_r(&seconds, &tm) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
        text_member(w, name, (llm_str){NULL, 0});
        return;
    }
    (void)snprintf(full, sizeof full, "%s.%06dZ", text, (int)(us % 1000000 < 0 ? 0 : us % 1000000));
    text_member(w, name, llm_str_from(full));
}

static void write_numbers(llm_json_writer *w, const llm_store_sum *s) {
    number_member(w, "calls", s->calls);
    number_member(w, "failed", s->failed);
    number_member(w, "cached", s->cached);
    number_member(w, "truncated", s->truncated);
    number_member(w, "estimated", s->estimated);
    number_member(w, "attempts", s->attempts);
    for (size_t i = 0; i < LLM_USAGE_NUMBERS; i++) {
        number_member(w, numbers[i], s->usage[i]);
    }
    if (s->cost_unknown < s->calls) {
        money_member(w, "cost_usd", s->cost_micro_usd, s->cost_pico_usd);
    } else {
        text_member(w, "cost_usd", (llm_str){NULL, 0});
    }
    number_member(w, "cost_unknown", s->cost_unknown);
    number_member(w, "mean_us", s->calls > 0 ? s->duration_us / s->calls : -1);
    number_member(w, "mean_first_token_us", s->first_tokens > 0 ? s->first_token_us / s->first_tokens : -1);
}

// ---- sums ----------------------------------------------------------------------------------------------------------------

static bool add_to(int64_t *to, int64_t more) {
    if (more < 0) { // not known
        return true;
    }
    *to = *to < 0 ? 0 : *to;
    return !__builtin_add_overflow(*to, more, to);
}

static bool add_sum(llm_store_sum *t, const llm_store_sum *s) {
    bool fits = add_to(&t->calls, s->calls) && add_to(&t->failed, s->failed) &&
                add_to(&t->cached, s->cached) && add_to(&t->truncated, s->truncated) &&
                add_to(&t->estimated, s->estimated) && add_to(&t->attempts, s->attempts) &&
                add_to(&t->cost_unknown, s->cost_unknown) && add_to(&t->duration_us, s->duration_us) &&
                add_to(&t->first_token_us, s->first_token_us) && add_to(&t->first_tokens, s->first_tokens) &&
                add_to(&t->cost_micro_usd, s->cost_micro_usd);
    for (size_t i = 0; i < LLM_USAGE_NUMBERS; i++) {
        fits = fits && add_to(&t->usage[i], s->usage[i]);
    }
    t->cost_pico_usd += s->cost_pico_usd;
    fits = fits && add_to(&t->cost_micro_usd, t->cost_pico_usd / 1000000);
    t->cost_pico_usd %= 1000000;
    return fits;
}

static llm_status LLM_CALL give_sum(void *ctx, const llm_store_sum *s) {
    struct report *r = ctx;
    llm_json_writer *w = &r->w;
    const llm_str texts[N_GROUPS] = {{NULL, 0}, s->provider, s->model, s->operation,
                                     s->tag,    s->key,      s->status};
    llm_json_object(w);
    for (size_t i = 0; i < N_GROUPS; i++) {
        if ((s->by & groups[i].by) != 0 && groups[i].by == LLM_BY_DAY) {
            day_member(w, s->day);
        } else if ((s->by & groups[i].by) != 0) {
            text_member(w, groups[i].name, texts[i]);
        }
    }
    write_numbers(w, s);
    llm_json_object_end(w);
    r->broken = !add_sum(&r->total, s) ? LLM_E_LIMIT : w->status;
    return r->broken;
}

static llm_status report_sums(struct report *r, const llm_store_descriptor *d, llm_store *store,
                              llm_store_fault *fault) {
    llm_json_writer *w = &r->w;
    r->total = (llm_store_sum){.size = (uint32_t)sizeof r->total};
    for (size_t i = 0; i < LLM_USAGE_NUMBERS; i++) {
        r->total.usage[i] = -1;
    }
    llm_json_name(w, "by");
    llm_json_array(w);
    for (size_t i = 0; i < N_GROUPS; i++) {
        if ((r->query.by & groups[i].by) != 0) {
            llm_json_cstring(w, groups[i].name);
        }
    }
    llm_json_array_end(w);
    llm_json_name(w, "sums");
    llm_json_array(w);
    const llm_status status = d->sums(store, &r->query, give_sum, r, fault);
    llm_json_array_end(w);
    llm_json_name(w, "total");
    llm_json_object(w);
    write_numbers(w, &r->total);
    llm_json_object_end(w);
    return status;
}

// ---- calls ---------------------------------------------------------------------------------------------------------------

static void flag_member(llm_json_writer *w, const char *name, uint32_t flags, uint32_t flag) {
    llm_json_name(w, name);
    llm_json_boolean(w, (flags & flag) != 0);
}

static llm_status LLM_CALL give_call(void *ctx, const llm_store_row *row) {
    struct report *r = ctx;
    llm_json_writer *w = &r->w;
    struct llm_id id;
    memcpy(id.bytes, row->id, sizeof id.bytes);
    llm_id_text(&id, r->last);
    r->n++;
    llm_json_object(w);
    text_member(w, "id", llm_str_from(r->last));
    time_member(w, "time", row->time_us);
    number_member(w, "duration_us", row->duration_us);
    number_member(w, "first_token_us", row->first_token_us);
    text_member(w, "operation", row->operation);
    text_member(w, "provider", row->provider);
    text_member(w, "model", row->model);
    text_member(w, "provider_model", row->provider_model);
    text_member(w, "key", row->key);
    text_member(w, "tag", row->tag);
    text_member(w, "status", row->status);
    number_member(w, "http_status", row->http_status != 0 ? row->http_status : -1);
    for (size_t i = 0; i < LLM_USAGE_NUMBERS; i++) {
        number_member(w, numbers[i], row->usage[i]);
    }
    if (row->cost_pico_usd >= 0) {
        money_member(w, "cost_usd", row->cost_pico_usd / 1000000, row->cost_pico_usd % 1000000);
    } else {
        text_member(w, "cost_usd", (llm_str){NULL, 0});
    }
    text_member(w, "cost_source", row->cost_source);
    text_member(w, "request_id", row->request_id);
    flag_member(w, "cached", row->flags, LLM_ROW_CACHED);
    flag_member(w, "truncated", row->flags, LLM_ROW_TRUNCATED);
    flag_member(w, "estimated", row->flags, LLM_ROW_ESTIMATED);
    flag_member(w, "stream", row->flags, LLM_ROW_STREAM);
    number_member(w, "attempts", row->attempts);
    llm_json_name(w, "attempts_list");
    const bool is_json =
        row->attempts_json.ptr != NULL && llm_json_check(row->attempts_json, LLM_MAX_JSON_DEPTH, NULL) != 0;
    llm_json_raw(w, is_json ? row->attempts_json : (llm_str){NULL, 0});
    llm_json_object_end(w);
    r->broken = w->status;
    return r->broken;
}

static llm_status report_calls(struct report *r, const llm_store_descriptor *d, llm_store *store,
                               llm_store_fault *fault) {
    llm_json_writer *w = &r->w;
    llm_json_name(w, "calls");
    llm_json_array(w);
    const llm_status status = d->rows(store, &r->query, give_call, r, fault);
    llm_json_array_end(w);
    // Where to go on; null: that was all.
    text_member(w, "next", r->n == r->query.limit ? llm_str_from(r->last) : (llm_str){NULL, 0});
    return status;
}

// ---- check ---------------------------------------------------------------------------------------------------------------

static llm_status LLM_CALL give_problem(void *ctx, llm_str problem) {
    struct report *r = ctx;
    llm_json_string(&r->w, problem);
    r->n++;
    r->broken = r->w.status;
    return r->broken;
}

static llm_status report_check(struct report *r, const llm_store_descriptor *d, llm_store *store,
                               llm_store_fault *fault) {
    llm_json_writer *w = &r->w;
    llm_json_name(w, "problems");
    llm_json_array(w);
    const llm_status status = d->check(store, give_problem, r, fault);
    llm_json_array_end(w);
    llm_json_name(w, "ok");
    llm_json_boolean(w, r->n == 0);
    return status;
}

// ---- the function --------------------------------------------------------------------------------------------------------

typedef llm_status (*report_fn)(struct report *r, const llm_store_descriptor *d, llm_store *store,
                                llm_store_fault *fault);

static report_fn find_report(const char *what) {
    static const struct {
        const char *name;
        report_fn fn;
    } reports[] = {{"sums", report_sums}, {"calls", report_calls}, {"check", report_check}};
    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
        if (what == NULL || strcmp(what, reports[i].name) == 0) {
            return reports[i].fn;
        }
    }
    return NULL;
}

static llm_status write_report(struct llm_master *master, const struct llm_snapshot *snapshot,
                               struct report *r, report_fn fn, llm_error *err) {
    const llm_store_descriptor *d = NULL;
    llm_store *store = NULL;
    llm_store_fault fault = {.size = (uint32_t)sizeof fault};
    llm_status status = llm_recorder_store(master->plugins, snapshot, &d, err);
    status = status == LLM_OK ? llm_ledger_open(d, r->settings, &master->host, true, &store, err) : status;
    if (status != LLM_OK) {
        return status;
    }
    llm_json_object(&r->w);
    text_member(&r->w, "store", r->settings->store);
    const bool secret = llm_str_glob(LLM_STR("*://*@*"), r->settings->path);
    text_member(&r->w, "path", secret ? LLM_STR("(with a password)") : r->settings->path);
    time_member(&r->w, "since", r->query.since_us);
    time_member(&r->w, "until", r->query.until_us);
    status = fn(r, d, store, &fault);
    llm_json_object_end(&r->w);
    d->close(store);
    if (r->broken == LLM_E_LIMIT || (status >= 0 && r->w.status == LLM_E_LIMIT)) {
        return llm_fail(err, LLM_E_LIMIT,
                        "usage: the sums are too large, or there are too many: narrow it down");
    }
    status = status >= 0 ? r->w.status : status;
    if (status == LLM_E_NOMEM) {
        return llm_fail(err, status, "out of memory");
    }
    fault.message[sizeof fault.message - 1] = '\0';
    return status >= 0 ? LLM_OK : llm_fail(err, status, "ledger: %s", fault.message);
}

static llm_usage_args copy_args(const llm_usage_args *args) {
    llm_usage_args own = {.size = (uint32_t)sizeof own};
    if (args != NULL) {
        memcpy(&own, args, args->size < sizeof own ? args->size : sizeof own);
    }
    return own;
}

llm_status llm_master_usage(llm_master *master, const llm_usage_args *args, char **ret_json, size_t *ret_len,
                            llm_error *err) {
    const llm_usage_args own = copy_args(args);
    struct report r = {.args = &own};
    const report_fn fn = find_report(own.what);
    llm_status status = take_args(&r, &own, err);
    if (status != LLM_OK) {
        return status;
    }
    if (fn == NULL) {
        return llm_fail(err, LLM_E_INVALID_REQUEST, "\"%.32s\" is none of sums, calls, check", own.what);
    }
    struct llm_snapshot *snapshot = llm_master_snapshot(master);
    struct llm_buf json = {.max = LLM_MAX_RESPONSE_BYTES};
    r.settings = &snapshot->settings.ledger;
    r.w = llm_json_writer_to(llm_buf_sink, &json);
    if (!r.settings->on) {
        status = llm_fail(err, LLM_E_NOT_FOUND,
                          "no ledger is kept: set \"ledger\": {\"store\": \"sqlite\"} in the settings");
    } else {
        (void)llm_master_flush(master, FLUSH_MS, NULL); // what is not written yet is not in the report
        status = write_report(master, snapshot, &r, fn, err);
    }
    llm_snapshot_unref(snapshot);
    if (status != LLM_OK) {
        llm_buf_done(&json);
        return status;
    }
    if (ret_len != NULL) {
        *ret_len = json.len;
    }
    *ret_json = llm_buf_take(&json);
    return LLM_OK;
}

llm_status llm_master_flush(llm_master *master, uint32_t timeout_ms, llm_error *err) {
    struct llm_recorder_use *use = llm_recorder_enter(master->recorder);
    if (use == NULL) {
        return LLM_OK;
    }
    const llm_status status = llm_ledger_flush(llm_recorder_ledger(use), timeout_ms, err);
    llm_recorder_leave(use);
    return status;
}
