// SPDX-License-Identifier: MIT
#include "state/limits.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "state/line.h"

#define WINDOWS_MAX 1000000     // that a wait is told by
#define SWEEP_PAUSE_US 1000000u // after a sweep that found nothing

// ---- life --------------------------------------------------------------------------------------------------

static uint64_t system_us(void *ctx) {
    (void)ctx;
    return llm_clock_us();
}

static int64_t system_wall_us(void *ctx) {
    (void)ctx;
    return llm_clock_wall_us();
}

struct llm_limits *llm_limits_new(const struct llm_limits_clock *clock,
                                  const struct llm_counter_store *store) {
    struct llm_limits *limits = llm_mem_new(sizeof *limits);
    if (limits == NULL) {
        return NULL;
    }
    (void)pthread_mutex_init(&limits->lock, NULL);
    limits->clock =
        clock != NULL ? *clock : (struct llm_limits_clock){.us = system_us, .wall_us = system_wall_us};
    limits->store = store != NULL ? *store : llm_counter_memory;
    return limits;
}

void llm_limits_free(struct llm_limits *limits) {
    if (limits == NULL) {
        return;
    }
    for (size_t i = 0; i < LLM_LINE_BUCKETS; i++) {
        while (limits->buckets[i] != NULL) {
            struct llm_line *line = limits->buckets[i];
            limits->buckets[i] = line->next;
            llm_mem_free(line);
        }
    }
    llm_mem_free(limits->amounts);
    (void)pthread_mutex_destroy(&limits->lock);
    llm_mem_free(limits);
}

struct llm_time llm_limits_time(const struct llm_limits *limits) {
    return (struct llm_time){
        .us = limits->clock.us(limits->clock.ctx),
        .wall_us = limits->by_calendar ? limits->clock.wall_us(limits->clock.ctx) : 0,
    };
}

// ---- finding counters -------------------------------------------------------------------------------------------

static uint64_t mix(uint64_t hash, llm_str text) {
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (uint8_t)text.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static struct llm_line **bucket(struct llm_limits *limits, const struct llm_limit *limit,
                                const llm_str *values) {
    uint64_t hash = limit->id;
    for (size_t i = 0; limit->each != 0 && i < LLM_LIMIT_SIDES; i++) {
        hash = (limit->each & 1u << i) != 0 ? mix(hash, values[i]) : hash;
    }
    return &limits->buckets[(hash ^ hash >> 29) % LLM_LINE_BUCKETS];
}

static bool fits(const struct llm_line *line, const struct llm_limit *limit, const llm_str *values) {
    if (line->limit_id != limit->id) {
        return false;
    }
    for (size_t i = 0; limit->each != 0 && i < LLM_LIMIT_SIDES; i++) {
        if ((limit->each & 1u << i) != 0 && !llm_str_eq(line->sides[i], values[i])) {
            return false;
        }
    }
    return true;
}

static int by_id(const void *a, const void *b) {
    const struct llm_limit_amount *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

// What the limit of this id allows now: without end when it is no longer in force.
static int64_t amount_of(const struct llm_limits *limits, uint64_t id) {
    const struct llm_limit_amount key = {.id = id};
    const struct llm_limit_amount *found =
        limits->n_amounts == 0 ? NULL : bsearch(&key, limits->amounts, limits->n_amounts, sizeof key, by_id);
    return found != NULL ? found->amount : INT64_MAX;
}

static llm_str put(char **at, llm_str text) {
    if (text.ptr == NULL) {
        return text;
    }
    char *copy = *at;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *at += text.len + 1;
    return (llm_str){copy, text.len};
}

// The same in every process: the limit's id in hexadecimal digits, then the values, each behind a NUL.
static llm_str put_id(char **at, const struct llm_line *line) {
    static const char digits[] = "0123456789abcdef";
    char *id = *at;
    for (int shift = 60; shift >= 0; shift -= 4) {
        *(*at)++ = digits[line->limit_id >> shift & 15];
    }
    for (size_t i = 0; i < LLM_LIMIT_SIDES; i++) {
        if ((line->each & 1u << i) != 0) {
            *(*at)++ = '\0';
            if (line->sides[i].len > 0) {
                memcpy(*at, line->sides[i].ptr, line->sides[i].len);
                *at += line->sides[i].len;
            }
        }
    }
    return (llm_str){id, (size_t)(*at - id)};
}

static struct llm_line *make(struct llm_limits *limits, const struct llm_limit *limit, const llm_str *values,
                             const struct llm_time *now) {
    const size_t slots = limit->seconds != 0 ? LLM_COUNTER_SLOTS + 1 : 0;
    size_t size =
        sizeof(struct llm_line) + slots * sizeof(int64_t) + 16 + limit->name.len + limit->origin.len + 2;
    for (size_t i = 0; i < LLM_LIMIT_SIDES; i++) {
        const bool each = (limit->each & 1u << i) != 0;
        size += 2 * (each ? values[i].len : limit->patterns[i].len) + 2;
    }
    struct llm_line *line = llm_mem_new(size);
    if (line == NULL) {
        return NULL;
    }
    struct llm_counter *counter = &line->counter;
    counter->slots = slots > 0 ? (int64_t *)(void *)(line + 1) : NULL;
    char *at = (char *)(line + 1) + slots * sizeof(int64_t);
    line->limit_id = limit->id;
    line->seconds = limit->seconds;
    line->each = limit->each;
    line->name = put(&at, limit->name);
    line->origin = put(&at, limit->origin);
    for (size_t i = 0; i < LLM_LIMIT_SIDES; i++) {
        line->sides[i] = put(&at, (limit->each & 1u << i) != 0 ? values[i] : limit->patterns[i]);
    }
    counter->id = put_id(&at, line);
    counter->kind = limit->kind;
    counter->period = limit->period;
    counter->slot_us = limit->seconds * (1000000 / LLM_COUNTER_SLOTS);
    counter->amount = amount_of(limits, limit->id);
    llm_counter_init(counter, now);
    return line;
}

// Forget counters that nobody needs and that have counted nothing that still matters.
static void sweep(struct llm_limits *limits, const struct llm_time *now) {
    const size_t before = limits->n_lines;
    if (now->us < limits->sweep_us) {
        return;
    }
    for (size_t i = 0; i < LLM_LINE_BUCKETS; i++) {
        for (struct llm_line **at = &limits->buckets[i]; *at != NULL;) {
            struct llm_line *line = *at;
            if (line->pins > 0 || limits->store.used(limits->store.ctx, &line->counter, now) != 0) {
                at = &line->next;
                continue;
            }
            *at = line->next;
            limits->n_lines--;
            llm_mem_free(line);
        }
    }
    limits->sweep_us = limits->n_lines == before ? now->us + SWEEP_PAUSE_US : 0;
}

// LLM_OK, LLM_E_LIMIT (there are too many), LLM_E_NOMEM.
static llm_status find(struct llm_limits *limits, const struct llm_limit *limit, const llm_str *values,
                       struct llm_time *now, struct llm_line **ret) {
    struct llm_line **first = bucket(limits, limit, values);
    for (struct llm_line *line = *first; line != NULL; line = line->next) {
        if (fits(line, limit, values)) {
            *ret = line;
            return LLM_OK;
        }
    }
    if (limits->n_lines >= LLM_MAX_LIMIT_COUNTERS) {
        sweep(limits, now);
    }
    if (limits->n_lines >= LLM_MAX_LIMIT_COUNTERS) {
        return LLM_E_LIMIT;
    }
    if (limit->period != LLM_PERIOD_NONE && !limits->by_calendar) {
        limits->by_calendar = true;
        *now = llm_limits_time(limits);
    }
    struct llm_line *line = make(limits, limit, values, now);
    if (line == NULL) {
        return LLM_E_NOMEM;
    }
    line->next = *first;
    *first = line;
    limits->n_lines++;
    *ret = line;
    return LLM_OK;
}

static void unpin(struct llm_wait *wait) {
    for (size_t i = 0; i < wait->n_takes; i++) {
        llm_line_of(wait, i)->pins--;
    }
    wait->n_takes = 0;
    wait->state = LLM_WAIT_NONE;
}

// ---- lines ------------------------------------------------------------------------------------------------------

static void enter(struct llm_limits *limits, struct llm_wait *wait, size_t at) {
    struct llm_line *line = llm_line_of(wait, at);
    struct llm_wait *before = line->last;
    while (before != NULL && before->number > wait->number) {
        before = before->prev;
    }
    wait->at = at;
    wait->state = LLM_WAIT_LINE;
    wait->prev = before;
    wait->next = before != NULL ? before->next : line->first;
    *(before != NULL ? &before->next : &line->first) = wait;
    *(wait->next != NULL ? &wait->next->prev : &line->last) = wait;
    line->n_waiting++;
    line->queued += wait->takes[at].amount;
    limits->n_waiting++;
}

static void leave(struct llm_limits *limits, struct llm_wait *wait) {
    struct llm_line *line = llm_line_of(wait, wait->at);
    *(wait->prev != NULL ? &wait->prev->next : &line->first) = wait->next;
    *(wait->next != NULL ? &wait->next->prev : &line->last) = wait->prev;
    wait->next = wait->prev = NULL;
    line->n_waiting--;
    line->queued -= wait->takes[wait->at].amount;
    line->told = line->told == wait ? NULL : line->told;
    limits->n_waiting--;
}

// Is there an earlier one in the line?
static bool is_behind(const struct llm_line *line, const struct llm_wait *wait) {
    return line->first != NULL && line->first->number < wait->number;
}

static bool try(struct llm_limits *limits, struct llm_wait *wait, const struct llm_time *now,
                size_t *ret_stop) {
    for (size_t i = 0; limits->n_waiting > 0 && i < wait->n_takes; i++) {
        if (is_behind(llm_line_of(wait, i), wait)) {
            *ret_stop = i;
            return false;
        }
    }
    if (!limits->store.reserve(limits->store.ctx, wait->takes, wait->n_takes, now, ret_stop)) {
        return false;
    }
    for (size_t i = 0; i < wait->n_takes; i++) {
        llm_line_of(wait, i)->admitted++;
        llm_line_of(wait, i)->held += wait->takes[i].amount;
    }
    limits->n_reserved++;
    return true;
}

static void tell(struct llm_line *line) {
    if (line->first != NULL && line->told != line->first) {
        line->told = line->first;
        line->first->wake(line->first);
    }
}

// Let those in who are due.
static void serve(struct llm_limits *limits, struct llm_line *line, const struct llm_time *now) {
    while (line->first != NULL) {
        struct llm_wait *wait = line->first;
        size_t stop;
        if (try(limits, wait, now, &stop)) {
            leave(limits, wait);
            wait->state = LLM_WAIT_HELD;
            wait->wake(wait);
            continue;
        }
        if (llm_line_of(wait, stop) == line) {
            break;
        }
        leave(limits, wait);
        enter(limits, wait, stop);
        tell(llm_line_of(wait, stop));
    }
    tell(line);
}

static void serve_all(struct llm_limits *limits, struct llm_wait *wait, const struct llm_time *now) {
    for (size_t i = 0; limits->n_waiting > 0 && i < wait->n_takes; i++) {
        serve(limits, llm_line_of(wait, i), now);
    }
}

// ---- asking -----------------------------------------------------------------------------------------------------

// The calendar gives all at once, where a window ends.
static uint64_t calendar_room_at(struct llm_limits *limits, struct llm_counter *counter, int64_t need,
                                 const struct llm_time *now) {
    const int64_t unused = counter->amount - limits->store.used(limits->store.ctx, counter, now);
    const int64_t left = unused > 0 ? unused : 0;
    if (need <= left) {
        return now->us;
    }
    const int64_t windows = counter->amount > 0 ? (need - left - 1) / counter->amount : 0; // after this one
    const uint64_t end = left < counter->amount
                             ? limits->store.when(limits->store.ctx, counter, left + 1, now)
                             : now->us; // or later
    return end + (uint64_t)(windows < WINDOWS_MAX ? windows : WINDOWS_MAX) * llm_counter_length_us(counter);
}

// When there may be room for so much and for all that stand in line.  LLM_COUNTER_UNKNOWN: it cannot be told.
static uint64_t room_at(struct llm_limits *limits, struct llm_line *line, int64_t amount,
                        const struct llm_time *now) {
    struct llm_counter *counter = &line->counter;
    const int64_t need = line->queued < INT64_MAX - amount ? line->queued + amount : INT64_MAX;
    if (counter->period != LLM_PERIOD_NONE) {
        return calendar_room_at(limits, counter, need, now);
    }
    const int64_t rounds = need > counter->amount ? (need - 1) / counter->amount : 0;
    const uint64_t at = limits->store.when(limits->store.ctx, counter, need - rounds * counter->amount, now);
    return at == LLM_COUNTER_UNKNOWN ? at : at + (uint64_t)rounds * llm_counter_length_us(counter);
}

// Would there be room if the calls under way used nothing of what they have reserved?
static bool may_come_back(struct llm_limits *limits, struct llm_line *line, int64_t amount,
                          const struct llm_time *now) {
    struct llm_counter *counter = &line->counter;
    const bool is_estimate = counter->kind == LLM_LIMIT_TOKENS || counter->kind == LLM_LIMIT_MONEY;
    return is_estimate && line->held > 0 &&
           amount + line->queued <=
               counter->amount - limits->store.used(limits->store.ctx, counter, now) + line->held;
}

// Which limit lets it wait longest; LLM_COUNTER_UNKNOWN when none can be told.
static uint64_t turn_at(struct llm_limits *limits, struct llm_wait *wait, const struct llm_time *now,
                        size_t *at) {
    uint64_t latest = LLM_COUNTER_UNKNOWN;
    for (size_t i = 0; i < wait->n_takes; i++) {
        struct llm_line *line = llm_line_of(wait, i);
        const uint64_t room = room_at(limits, line, wait->takes[i].amount, now);
        const bool is_told = wait->until_us <= now->us || room <= wait->until_us ||
                             !may_come_back(limits, line, wait->takes[i].amount, now);
        if (is_told && room > now->us && room > latest) {
            latest = room;
            *at = i;
        }
    }
    return latest;
}

static void refuse(struct llm_wait *wait, size_t at, enum llm_refusal_why why, uint64_t back_at,
                   const struct llm_time *now, struct llm_refusal *ret) {
    struct llm_line *line = llm_line_of(wait, at);
    line->refused++;
    llm_refusal_fill(ret, line);
    ret->why = why;
    ret->amount = wait->takes[at].amount;
    ret->waited_us = now->us - wait->since_us;
    ret->wait_us = wait->until_us > wait->since_us ? wait->until_us - wait->since_us : 0;
    ret->back_us = back_at > now->us ? back_at - now->us : 0;
    if (back_at == LLM_COUNTER_UNKNOWN &&
        line->counter.hold_us > 0) { // about when one of those that run is done
        ret->back_us = line->counter.hold_us / (uint64_t)line->counter.amount + 1;
    }
}

// When it is to ask again: the head of a line when there is room, the others when their time is up.
static uint64_t next_look(struct llm_limits *limits, const struct llm_wait *wait,
                          const struct llm_time *now) {
    struct llm_line *line = llm_line_of(wait, wait->at);
    if (line->first != wait) {
        return wait->until_us;
    }
    line->told = wait;
    const uint64_t room =
        limits->store.when(limits->store.ctx, &line->counter, wait->takes[wait->at].amount, now);
    return room != LLM_COUNTER_UNKNOWN && room < wait->until_us ? room : wait->until_us;
}

static llm_status resolve(struct llm_limits *limits, struct llm_wait *wait, const llm_str *values,
                          struct llm_time *now, struct llm_refusal *refusal) {
    for (size_t i = 0; i < wait->n_takes; i++) {
        struct llm_line *line = NULL;
        const struct llm_limit *limit = wait->takes[i].limit;
        const llm_status status = find(limits, limit, values, now, &line);
        if (status != LLM_OK) {
            wait->n_takes = i;
            unpin(wait);
            refusal->why = LLM_REFUSE_MANY;
            (void)llm_limit_text(limit->kind, limit->amount, limit->seconds, limit->period, refusal->limit);
            llm_error_text(refusal->name, sizeof refusal->name, limit->name);
            return status;
        }
        line->pins++;
        wait->takes[i].counter = &line->counter;
    }
    return LLM_OK;
}

// The first limit that allows less than the call alone wants; n_takes: none.
static size_t too_large(const struct llm_wait *wait) {
    size_t i = 0;
    while (i < wait->n_takes && wait->takes[i].amount <= wait->takes[i].counter->amount) {
        i++;
    }
    return i;
}

static llm_status arrive(struct llm_limits *limits, struct llm_wait *wait, const llm_str *values,
                         struct llm_time *now, uint64_t *ret_at_us, struct llm_refusal *refusal) {
    size_t stop = 0;
    wait->since_us = now->us;
    wait->number = ++limits->arrivals;
    const llm_status status = resolve(limits, wait, values, now, refusal);
    if (status != LLM_OK) {
        return status;
    }
    const size_t large = too_large(wait);
    if (large < wait->n_takes) {
        refuse(wait, large, LLM_REFUSE_LARGE, LLM_COUNTER_NEVER, now, refusal);
        unpin(wait);
        return LLM_E_LIMIT;
    }
    serve_all(limits, wait, now);
    if (try(limits, wait, now, &stop)) {
        wait->state = LLM_WAIT_HELD;
        return LLM_OK;
    }
    size_t slowest = stop;
    const uint64_t turn = turn_at(limits, wait, now, &slowest);
    if (wait->until_us <= now->us || turn > wait->until_us) {
        refuse(wait, slowest, wait->until_us <= now->us ? LLM_REFUSE_FULL : LLM_REFUSE_LONG, turn, now,
               refusal);
        unpin(wait);
        return LLM_E_LIMIT;
    }
    enter(limits, wait, stop);
    *ret_at_us = next_look(limits, wait, now);
    return LLM_AGAIN;
}

static llm_status look(struct llm_limits *limits, struct llm_wait *wait, const struct llm_time *now,
                       uint64_t *ret_at_us, struct llm_refusal *refusal) {
    if (wait->state == LLM_WAIT_LINE) {
        serve(limits, llm_line_of(wait, wait->at), now);
    }
    if (wait->state == LLM_WAIT_HELD) {
        return LLM_OK;
    }
    const size_t large = too_large(wait); // since a reload
    if (now->us < wait->until_us && large == wait->n_takes) {
        *ret_at_us = next_look(limits, wait, now);
        return LLM_AGAIN;
    }
    struct llm_line *line = llm_line_of(wait, wait->at);
    leave(limits, wait);
    if (large < wait->n_takes) {
        refuse(wait, large, LLM_REFUSE_LARGE, LLM_COUNTER_NEVER, now, refusal);
    } else {
        const uint64_t turn = room_at(limits, line, wait->takes[wait->at].amount, now);
        refuse(wait, wait->at, LLM_REFUSE_WAITED, turn, now, refusal);
    }
    serve(limits, line, now);
    unpin(wait);
    return LLM_E_LIMIT;
}

llm_status llm_limits_ask(struct llm_limits *limits, struct llm_wait *wait,
                          const llm_str values[LLM_LIMIT_SIDES], uint64_t *ret_at_us, llm_error *err) {
    struct llm_refusal refusal = {0};
    (void)pthread_mutex_lock(&limits->lock);
    struct llm_time now = llm_limits_time(limits);
    const llm_status status = wait->state == LLM_WAIT_NONE
                                  ? arrive(limits, wait, values, &now, ret_at_us, &refusal)
                                  : look(limits, wait, &now, ret_at_us, &refusal);
    (void)pthread_mutex_unlock(&limits->lock);
    return status == LLM_E_LIMIT   ? llm_refusal_fail(&refusal, err)
           : status == LLM_E_NOMEM ? llm_fail(err, status, "out of memory")
                                   : status;
}

llm_status llm_limits_want(struct llm_wait *wait, const struct llm_limit *limit, int64_t amount) {
    if (wait->n_takes == wait->cap_takes) {
        void *takes = wait->takes;
        if (!llm_mem_grow(&takes, wait->n_takes, &wait->cap_takes, sizeof *wait->takes)) {
            return LLM_E_NOMEM;
        }
        wait->takes = takes;
    }
    wait->takes[wait->n_takes++] = (struct llm_take){.limit = limit, .amount = amount};
    return LLM_OK;
}

void llm_wait_done(struct llm_wait *wait) {
    llm_mem_free(wait->takes);
    wait->takes = NULL;
    wait->n_takes = wait->cap_takes = 0;
}

// ---- giving back ----------------------------------------------------------------------------------------------------

// true: a limit counted an estimate.
static bool give_back(struct llm_limits *limits, struct llm_wait *wait, const int64_t *used, bool is_estimate,
                      const struct llm_time *now) {
    bool is_counted = false;
    for (size_t i = 0; i < wait->n_takes; i++) {
        struct llm_take *take = &wait->takes[i];
        const enum llm_limit_kind kind = take->counter->kind;
        limits->store.settle(limits->store.ctx, take, used[kind], now);
        llm_line_of(wait, i)->held -= take->amount;
        const bool counts = is_estimate && (kind == LLM_LIMIT_TOKENS || kind == LLM_LIMIT_MONEY);
        llm_line_of(wait, i)->estimated += counts ? 1 : 0;
        is_counted = is_counted || counts;
    }
    limits->n_reserved--;
    serve_all(limits, wait, now);
    unpin(wait);
    return is_counted;
}

bool llm_limits_settle(struct llm_limits *limits, struct llm_wait *wait, const int64_t used[LLM_LIMIT_KINDS],
                       bool is_estimate) {
    bool is_counted = false;
    (void)pthread_mutex_lock(&limits->lock);
    if (wait->state == LLM_WAIT_HELD) {
        const struct llm_time now = llm_limits_time(limits);
        is_counted = give_back(limits, wait, used, is_estimate, &now);
    }
    (void)pthread_mutex_unlock(&limits->lock);
    return is_counted;
}

void llm_limits_cancel(struct llm_limits *limits, struct llm_wait *wait) {
    static const int64_t nothing[LLM_LIMIT_KINDS] = {0};
    (void)pthread_mutex_lock(&limits->lock);
    if (wait->state != LLM_WAIT_NONE) {
        const struct llm_time now = llm_limits_time(limits);
        if (wait->state == LLM_WAIT_HELD) {
            (void)give_back(limits, wait, nothing, false, &now);
        } else {
            struct llm_line *line = llm_line_of(wait, wait->at);
            leave(limits, wait);
            serve(limits, line, &now);
            unpin(wait);
        }
    }
    (void)pthread_mutex_unlock(&limits->lock);
}

// ---- other limits ------------------------------------------------------------------------------------------------------

// Those who want more now than is allowed at all go by themselves: nobody stands behind them for nothing.
static void wake_too_large(const struct llm_line *line) {
    for (struct llm_wait *wait = line->first; wait != NULL; wait = wait->next) {
        if (too_large(wait) < wait->n_takes) {
            wait->wake(wait);
        }
    }
}

llm_status llm_limits_configure(struct llm_limits *limits, const struct llm_limit *const *list, size_t n) {
    struct llm_limit_amount *amounts = llm_mem_array(n + 1, sizeof *amounts);
    if (amounts == NULL) {
        return LLM_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        amounts[i] = (struct llm_limit_amount){list[i]->id, list[i]->amount};
    }
    qsort(amounts, n, sizeof *amounts, by_id);
    (void)pthread_mutex_lock(&limits->lock);
    struct llm_limit_amount *old = limits->amounts;
    limits->amounts = amounts;
    limits->n_amounts = n;
    const struct llm_time now = llm_limits_time(limits);
    for (size_t i = 0; i < LLM_LINE_BUCKETS; i++) {
        for (struct llm_line *line = limits->buckets[i]; line != NULL; line = line->next) {
            line->counter.amount = amount_of(limits, line->limit_id);
        }
    }
    for (size_t i = 0; i < LLM_LINE_BUCKETS; i++) {
        for (struct llm_line *line = limits->buckets[i]; line != NULL; line = line->next) {
            serve(limits, line, &now);
            wake_too_large(line);
        }
    }
    (void)pthread_mutex_unlock(&limits->lock);
    llm_mem_free(old);
    return LLM_OK;
}
