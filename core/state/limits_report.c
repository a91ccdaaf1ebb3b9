// SPDX-License-Identifier: MIT
// What people see of limits: why a call was refused, and what the counters say.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "state/line.h"

// ---- refusals ------------------------------------------------------------------------------------------------

static const char *const sides[LLM_LIMIT_SIDES] = {"tag", "provider", "model", "key"};

void llm_refusal_fill(struct llm_refusal *refusal, const struct llm_line *line) {
    const struct llm_counter *counter = &line->counter;
    char name[sizeof refusal->name];
    size_t len = (size_t)snprintf(name, sizeof name, "%.*s",
                                  (int)(line->name.len < 200 ? line->name.len : 200), line->name.ptr);
    for (size_t i = 0; i < LLM_LIMIT_SIDES && len < sizeof name; i++) {
        if ((line->each & 1u << i) != 0) {
            const llm_str side = line->sides[i];
            len += (size_t)snprintf(name + len, sizeof name - len, ", here %s \"%.*s\"", sides[i],
                                    (int)(side.len < 64 ? side.len : 64), side.ptr != NULL ? side.ptr : "");
        }
    }
    *refusal = (struct llm_refusal){.kind = counter->kind};
    llm_error_text(refusal->name, sizeof refusal->name, llm_str_from(name));
    (void)llm_limit_text(counter->kind, counter->amount, line->seconds, counter->period, refusal->limit);
}

// "850 ms", "12.3 s", "5 min", "7.2 h", "3.5 days": never less than it is.
static const char *duration(uint64_t us, char buf[32]) {
    const uint64_t ms = us / 1000 + (us % 1000 != 0 ? 1 : 0);
    const struct {
        uint64_t below, unit;
        const char *name;
    } rows[] = {{1000, 1, "ms"},
                {120000, 1000, "s"},
                {7200000, 60000, "min"},
                {172800000, 3600000, "h"},
                {UINT64_MAX, 86400000, "days"}};
    size_t i = 0;
    while (ms >= rows[i].below) {
        i++;
    }
    const uint64_t tenths = rows[i].unit == 1 ? ms * 10 : (ms * 10 + rows[i].unit - 1) / rows[i].unit;
    if (tenths % 10 == 0) {
        (void)snprintf(buf, 32, "%" PRIu64 " %s", tenths / 10, rows[i].name);
    } else {
        (void)snprintf(buf, 32, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, rows[i].name);
    }
    return buf;
}

static void fail_large(const struct llm_refusal *r, llm_error *err) {
    char usd[LLM_LIMIT_USD];
    const char *unit = r->kind == LLM_LIMIT_MONEY ? "USD" : r->kind == LLM_LIMIT_TOKENS ? "tokens" : "calls";
    if (r->kind == LLM_LIMIT_MONEY) {
        (void)llm_limit_usd(r->amount, usd);
    } else {
        (void)snprintf(usd, sizeof usd, "%" PRId64, r->amount);
    }
    (void)llm_fail(err, LLM_E_LIMIT, "the call may take %s %s, more than the limit of %s for %s ever allows",
                   usd, unit, r->limit, r->name);
}

llm_status llm_refusal_fail(const struct llm_refusal *r, llm_error *err) {
    char back[64] = "come back when one of the calls under way is done", time[32], wait[32];
    if (r->back_us > 0) {
        (void)snprintf(back, sizeof back, "come back in %s%s",
                       r->kind == LLM_LIMIT_CONCURRENCY ? "about " : "", duration(r->back_us, time));
    }
    switch (r->why) {
    case LLM_REFUSE_LARGE: fail_large(r, err); break;
    case LLM_REFUSE_MANY:
        (void)llm_fail(err, LLM_E_LIMIT, "the limit of %s for %s has too many distinct values to count",
                       r->limit, r->name);
        break;
    case LLM_REFUSE_FULL:
        (void)llm_fail(err, LLM_E_LIMIT, "the limit of %s for %s is reached: %s", r->limit, r->name, back);
        break;
    case LLM_REFUSE_LONG:
        (void)llm_fail(err, LLM_E_LIMIT,
                       "the limit of %s for %s is reached, and the call may wait only %s: %s", r->limit,
                       r->name, duration(r->wait_us, wait), back);
        break;
    case LLM_REFUSE_WAITED:
        (void)llm_fail(err, LLM_E_LIMIT,
                       "the limit of %s for %s is reached, and after %s it was not its turn: %s", r->limit,
                       r->name, duration(r->waited_us, wait), back);
        break;
    }
    if (r->back_us > 0 && r->why != LLM_REFUSE_LARGE && err != NULL &&
        err->size >= LLM_END(llm_error, retry_after_ms)) {
        err->retry_after_ms = (int64_t)((r->back_us + 999) / 1000);
    }
    return LLM_E_LIMIT;
}

// ---- the report -------------------------------------------------------------------------------------------------

// A counter as it was.
struct row {
    struct llm_line *line;
    int64_t amount, used;
    size_t waiting;
    uint64_t oldest_us, room_us, admitted, refused, estimated;
};

static void fill(struct llm_limits *limits, struct llm_line *line, const struct llm_time *now,
                 struct row *row) {
    const int64_t used = limits->store.used(limits->store.ctx, &line->counter, now);
    const uint64_t room = limits->store.when(limits->store.ctx, &line->counter, 1, now);
    *row = (struct row){
        .line = line,
        .amount = line->counter.amount,
        .used = used,
        .waiting = line->n_waiting,
        .oldest_us = line->first != NULL ? now->us - line->first->since_us : 0,
        .room_us = room == LLM_COUNTER_UNKNOWN || room == LLM_COUNTER_NEVER ? UINT64_MAX : room - now->us,
        .admitted = line->admitted,
        .refused = line->refused,
        .estimated = line->estimated,
    };
    line->pins++;
}

static int by_name(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->line->limit_id != y->line->limit_id) {
        return x->line->limit_id < y->line->limit_id ? -1 : 1;
    }
    const llm_str s = x->line->counter.id, t = y->line->counter.id;
    const int order = memcmp(s.ptr, t.ptr, s.len < t.len ? s.len : t.len);
    return order != 0 ? order : s.len < t.len ? -1 : s.len > t.len;
}

// The counters of now, each pinned.  NULL: out of memory.
static struct row *take_rows(struct llm_limits *limits, size_t *ret_n) {
    (void)pthread_mutex_lock(&limits->lock);
    struct row *rows = llm_mem_array(limits->n_lines + 1, sizeof *rows);
    const struct llm_time now = llm_limits_time(limits);
    size_t n = 0;
    for (size_t i = 0; rows != NULL && i < LLM_LINE_BUCKETS; i++) {
        for (struct llm_line *line = limits->buckets[i]; line != NULL; line = line->next) {
            fill(limits, line, &now, &rows[n++]);
        }
    }
    (void)pthread_mutex_unlock(&limits->lock);
    if (n > 1) {
        qsort(rows, n, sizeof *rows, by_name);
    }
    *ret_n = n;
    return rows;
}

static void let_go(struct llm_limits *limits, struct row *rows, size_t n) {
    (void)pthread_mutex_lock(&limits->lock);
    for (size_t i = 0; i < n; i++) {
        rows[i].line->pins--;
    }
    (void)pthread_mutex_unlock(&limits->lock);
    llm_mem_free(rows);
}

static void write_text(llm_json_writer *w, const char *name, llm_str text) {
    llm_json_name(w, name);
    if (text.ptr != NULL) {
        llm_json_string(w, text);
    } else {
        llm_json_null(w);
    }
}

static void write_amount(llm_json_writer *w, const char *name, enum llm_limit_kind kind, int64_t amount) {
    char usd[LLM_LIMIT_USD];
    llm_json_name(w, name);
    if (kind == LLM_LIMIT_MONEY) {
        llm_json_cstring(w, llm_limit_usd(amount, usd));
    } else {
        llm_json_integer(w, amount);
    }
}

static void write_number(llm_json_writer *w, const char *name, uint64_t number) {
    llm_json_name(w, name);
    llm_json_integer(w, number < INT64_MAX ? (int64_t)number : INT64_MAX);
}

static void write_window(llm_json_writer *w, uint64_t seconds, enum llm_limit_period period) {
    static const char *const names[] = {"", "minute", "hour", "day", "month"};
    llm_json_name(w, "window");
    if (seconds != 0) {
        llm_json_integer(w, (int64_t)seconds);
    } else if (period != LLM_PERIOD_NONE) {
        llm_json_cstring(w, names[period]);
    } else {
        llm_json_null(w);
    }
}

// What both kinds of object begin with.
static void write_limit(llm_json_writer *w, const struct llm_limit *limit, const llm_str *values) {
    static const char *const kinds[] = {"requests", "tokens", "concurrency", "money"};
    char text[LLM_LIMIT_TEXT];
    llm_json_name(w, "limit");
    llm_json_cstring(w, llm_limit_text(limit->kind, limit->amount, limit->seconds, limit->period, text));
    write_text(w, "for", limit->name);
    llm_json_name(w, "kind");
    llm_json_cstring(w, kinds[limit->kind]);
    write_window(w, limit->seconds, limit->period);
    for (size_t i = 0; i < LLM_LIMIT_SIDES; i++) {
        write_text(w, sides[i], values[i]);
    }
    llm_json_name(w, "each");
    llm_json_boolean(w, limit->each != 0);
    write_amount(w, "amount", limit->kind, limit->amount);
}

static void write_counter(llm_json_writer *w, const struct row *row) {
    const struct llm_line *line = row->line;
    const struct llm_limit limit = {.kind = line->counter.kind,
                                    .amount = row->amount,
                                    .seconds = line->seconds,
                                    .period = line->counter.period,
                                    .name = line->name,
                                    .each = line->each};
    llm_json_object(w);
    write_limit(w, &limit, line->sides);
    write_amount(w, "used", limit.kind, row->used);
    write_amount(w, "free", limit.kind, row->amount > row->used ? row->amount - row->used : 0);
    llm_json_name(w, "room_ms");
    if (row->room_us == UINT64_MAX) {
        llm_json_null(w);
    } else {
        llm_json_integer(w, (int64_t)((row->room_us + 999) / 1000));
    }
    write_number(w, "waiting", row->waiting);
    write_number(w, "waiting_ms", row->oldest_us / 1000);
    write_number(w, "admitted", row->admitted);
    write_number(w, "refused", row->refused);
    write_number(w, "estimated", row->estimated);
    write_text(w, "origin", line->origin);
    llm_json_object_end(w);
}

// A limit that has counted nothing yet.
static void write_unused(llm_json_writer *w, const struct llm_limit *limit) {
    llm_str values[LLM_LIMIT_SIDES];
    memcpy(values, limit->patterns, sizeof values);
    llm_json_object(w);
    write_limit(w, limit, values);
    write_amount(w, "used", limit->kind, 0);
    write_amount(w, "free", limit->kind, limit->amount);
    static const char *const zeros[] = {"room_ms",  "waiting", "waiting_ms",
                                        "admitted", "refused", "estimated"};
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) {
        write_number(w, zeros[i], 0);
    }
    write_text(w, "origin", limit->origin);
    llm_json_object_end(w);
}

// Rows of a limit stand together: the first of them.
static size_t first_row(const struct row *rows, size_t n, uint64_t id) {
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (rows[middle].line->limit_id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void llm_limits_report(struct llm_limits *limits, const struct llm_limit *list, size_t n,
                       llm_json_writer *w) {
    size_t n_rows = 0;
    struct row *rows = take_rows(limits, &n_rows);
    if (rows == NULL) {
        w->status = LLM_E_NOMEM;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = first_row(rows, n_rows, list[i].id);
        if (at == n_rows || rows[at].line->limit_id != list[i].id) {
            write_unused(w, &list[i]);
        }
        for (; at < n_rows && rows[at].line->limit_id == list[i].id; at++) {
            write_counter(w, &rows[at]);
            rows[at].amount = INT64_MAX; // told
        }
    }
    for (size_t i = 0; i < n_rows; i++) { // those that provider files state
        if (rows[i].amount != INT64_MAX) {
            write_counter(w, &rows[i]);
        }
    }
    let_go(limits, rows, n_rows);
}

void llm_limits_stats(struct llm_limits *limits, struct llm_limits_stats *ret) {
    (void)pthread_mutex_lock(&limits->lock);
    *ret = (struct llm_limits_stats){
        .counters = limits->n_lines, .reserved = limits->n_reserved, .waiting = limits->n_waiting};
    (void)pthread_mutex_unlock(&limits->lock);
}
