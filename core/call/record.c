// SPDX-License-Identifier: MIT
// Record: the ledger's row of a settled call.  The place for it is taken before the call begins.
#include "base/clock.h"
#include "base/error.h"
#include "call/call.h"
#include "call/recorder.h"
#include "llm_json.h"

#define COUNT_MAX INT64_C(1000000000000) // what a provider counts beyond that is no count

enum { RECORD_NONE, RECORD_WAITING, RECORD_SAFE }; // llm_call.recorded

llm_status llm_call_record_begin(struct llm_call *call, llm_error *err) {
    call->recorder = llm_recorder_enter(call->loop->master->recorder);
    if (call->recorder == NULL) {
        return LLM_OK;
    }
    return llm_ledger_begin(llm_recorder_ledger(call->recorder), &call->row, err);
}

void llm_call_record_drop(struct llm_call *call) {
    if (call->row != NULL) {
        llm_ledger_drop(llm_recorder_ledger(call->recorder), call->row);
        call->row = NULL;
    }
    llm_recorder_leave(call->recorder);
    call->recorder = NULL;
    atomic_store_explicit(&call->recorded, RECORD_NONE, memory_order_relaxed);
}

// ---- the row -----------------------------------------------------------------------------------------------------------

// What is left of a row's text area; an attempt that does not fit is left out.
struct tail {
    char text[LLM_MAX_ROW_TEXT_BYTES];
    size_t len, room;
};

static llm_status LLM_CALL tail_sink(void *ctx, const void *p, size_t n) {
    struct tail *tail = ctx;
    if (n > tail->room - tail->len) {
        return LLM_E_LIMIT;
    }
    memcpy(tail->text + tail->len, p, n);
    tail->len += n;
    return LLM_OK;
}

static void text_member(llm_json_writer *w, const char *name, llm_str text) {
    if (text.ptr != NULL && text.len > 0) {
        llm_json_name(w, name);
        llm_json_string(w, text);
    }
}

static void number_member(llm_json_writer *w, const char *name, int64_t number) {
    llm_json_name(w, name);
    llm_json_integer(w, number);
}

static void write_attempt(llm_json_writer *w, const struct llm_attempt *a) {
    llm_json_object(w);
    text_member(w, "provider", a->provider);
    text_member(w, "model", a->model);
    text_member(w, "key", a->key);
    text_member(w, "status", llm_str_from(llm_status_name(a->status)));
    if (a->http_status != 0) {
        number_member(w, "http_status", a->http_status);
    }
    number_member(w, "us", (int64_t)a->us);
    if (a->waited_ms != 0) {
        number_member(w, "waited_ms", a->waited_ms);
    }
    if (a->hedge) {
        llm_json_name(w, "hedge");
        llm_json_boolean(w, 1);
    }
    if (a->cost >= 0) {
        number_member(w, "cost_pico_usd", a->cost);
    }
    llm_json_object_end(w);
}

static void attempts_text(struct llm_ledger_row *row, const struct llm_response *r) {
    struct tail tail = {.len = 1, .room = sizeof row->text - row->used - 1};
    if (row->used + 2 > sizeof row->text) {
        return;
    }
    tail.text[0] = '[';
    for (const struct llm_attempt *a = r->attempts; a != NULL; a = a->next) {
        const size_t before = tail.len;
        llm_json_writer w = llm_json_writer_to(tail_sink, &tail);
        if (before > 1) {
            (void)tail_sink(&tail, ",", 1);
        }
        write_attempt(&w, a);
        if (w.status != LLM_OK || tail.len == before) {
            tail.len = before;
            break;
        }
    }
    tail.text[tail.len++] = ']';
    row->row.attempts_json = llm_ledger_text(row, (llm_str){tail.text, tail.len});
}

static void take_usage(llm_store_row *row, const llm_usage *u) {
    const int64_t numbers[LLM_USAGE_NUMBERS] = {
        [LLM_USAGE_INPUT_TOKENS] = u->input_tokens,
        [LLM_USAGE_OUTPUT_TOKENS] = u->output_tokens,
        [LLM_USAGE_CACHE_READ_TOKENS] = u->cache_read_tokens,
        [LLM_USAGE_CACHE_WRITE_TOKENS] = u->cache_write_tokens,
        [LLM_USAGE_CACHE_WRITE_1H_TOKENS] = u->cache_write_1h_tokens,
        [LLM_USAGE_REASONING_TOKENS] = u->reasoning_tokens,
        [LLM_USAGE_AUDIO_INPUT_TOKENS] = u->audio_input_tokens,
        [LLM_USAGE_AUDIO_OUTPUT_TOKENS] = u->audio_output_tokens,
        [LLM_USAGE_IMAGES] = u->images,
        [LLM_USAGE_MILLISECONDS] = u->milliseconds,
        [LLM_USAGE_CHARACTERS] = u->characters,
    };
    for (size_t i = 0; i < LLM_USAGE_NUMBERS; i++) {
        row->usage[i] = numbers[i] < 0 ? -1 : numbers[i] < COUNT_MAX ? numbers[i] : COUNT_MAX;
    }
}

static int64_t between(uint64_t from, uint64_t to) {
    return to > from ? (int64_t)(to - from) : 0;
}

static llm_str source_of(uint32_t source) {
    switch (source) {
    case LLM_COST_CATALOGUE: return LLM_STR("catalogue");
    case LLM_COST_PROVIDER: return LLM_STR("provider");
    case LLM_COST_CACHE: return LLM_STR("cache");
    default: return (llm_str){NULL, 0};
    }
}

static void fill(const struct llm_call *call) {
    const struct llm_response *r = call->response;
    struct llm_ledger_row *place = call->row;
    llm_store_row *row = &place->row;
    *row = (llm_store_row){
        .size = (uint32_t)sizeof *row,
        .flags = (r->truncated ? LLM_ROW_TRUNCATED : 0u) | (r->cached ? LLM_ROW_CACHED : 0u) |
                 (call->estimated ? LLM_ROW_ESTIMATED : 0u) |
                 ((call->flags & LLM_QUERY_STREAM) != 0 ? LLM_ROW_STREAM : 0u),
        .time_us = call->started_us > 0 ? call->started_us : 0,
        .duration_us = between(r->start_us, r->end_us),
        .first_token_us = r->first_us != 0 ? between(r->start_us, r->first_us) : -1,
        .cost_pico_usd = r->cost < 0 ? -1 : r->cost,
        .operation = llm_ledger_text(place, r->operation),
        .status = llm_str_from(llm_status_name(r->error.status)), // static
        .cost_source = r->cost < 0 ? (llm_str){NULL, 0} : source_of(r->cost_source),
    };
    memcpy(row->id, call->name.bytes, sizeof row->id);
    take_usage(row, &r->usage);
    const struct llm_attempt *decisive = NULL; // the one that gave the answer, else the last
    for (const struct llm_attempt *a = r->attempts; a != NULL; a = a->next) {
        row->attempts++;
        decisive = decisive == NULL || decisive->status != LLM_OK ? a : decisive;
    }
    row->http_status = decisive != NULL ? (int32_t)decisive->http_status : 0;
    row->provider = llm_ledger_text(place, r->provider);
    row->model = llm_ledger_text(place, r->model);
    row->provider_model = llm_ledger_text(place, r->provider_model);
    row->tag = llm_ledger_text(place, call->tag);
    row->key = decisive != NULL ? llm_ledger_text(place, decisive->key) : (llm_str){NULL, 0};
    row->request_id = llm_ledger_text(place, r->request_id);
    if (row->attempts > 1) {
        attempts_text(place, r);
    }
}

// ---- the step ----------------------------------------------------------------------------------------------------------

// [writer]
void llm_call_record_safe(void *waiter) {
    struct llm_call *call = waiter;
    atomic_store(&call->recorded, RECORD_SAFE);
    llm_call_attend(call);
}

bool llm_call_record_is_safe(struct llm_call *call) {
    return atomic_load(&call->recorded) == RECORD_SAFE;
}

void llm_call_record_forget(struct llm_call *call) {
    if (atomic_load(&call->recorded) != RECORD_NONE) {
        llm_ledger_forget(llm_recorder_ledger(call->recorder), call->waiting_row, call);
        atomic_store(&call->recorded, RECORD_NONE);
    }
}

// The row is not safe in time: the host asked for that, and is told.
static void give_up(struct llm_call *call) {
    struct llm_response *r = call->response;
    struct llm_ledger *ledger = llm_recorder_ledger(call->recorder);
    struct llm_ledger_facts facts;
    llm_ledger_look(ledger, &facts);
    if (r->error.status != LLM_OK) {
        return;
    }
    (void)llm_call_fail(
        call, LLM_E_TIMEOUT,
        "the answer is complete, but the ledger's row is not safe after %u ms: %s; it waits in memory",
        llm_ledger_acknowledge_ms(ledger), facts.failing ? facts.reason : "the store is slow");
    r->error = call->error;
    (void)llm_call_emit(call,
                        &(llm_event){.type = LLM_EVENT_ERROR, .status = r->error.status, .error = &r->error});
}

static enum llm_step_name look_again(struct llm_call *call, bool late) {
    if (atomic_load(&call->recorded) == RECORD_WAITING && !late) {
        return LLM_STEP_PAUSE;
    }
    llm_timer_clear(&call->loop->reactor, &call->timer);
    call->phase = LLM_PHASE_NONE;
    const bool safe = llm_call_record_is_safe(call);
    llm_call_record_forget(call);
    if (!safe) {
        give_up(call);
    }
    return LLM_STEP_FINISH;
}

// Its timer: acknowledge_ms are over.
void llm_call_record_late(struct llm_call *call) {
    if (call->step == LLM_STEP_RECORD && look_again(call, true) == LLM_STEP_FINISH) {
        call->step = LLM_STEP_FINISH;
        llm_loop_queue(call);
    }
}

enum llm_step_name llm_call_record(struct llm_call *call) {
    if (atomic_load_explicit(&call->recorded, memory_order_relaxed) != RECORD_NONE) {
        return look_again(call, false);
    }
    if (call->row == NULL) {
        return LLM_STEP_FINISH;
    }
    struct llm_ledger *ledger = llm_recorder_ledger(call->recorder);
    struct llm_reactor *reactor = &call->loop->reactor;
    fill(call);
    bool wait = (call->flags & LLM_QUERY_ACKNOWLEDGE) != 0 && !call->freed;
    if (wait) {
        call->phase = LLM_PHASE_RECORD;
        call->wait_until_us = llm_clock_us() + (uint64_t)llm_ledger_acknowledge_ms(ledger) * 1000;
        wait = llm_timer_set(reactor, &call->timer, call->wait_until_us) == LLM_OK;
    }
    call->waiting_row = call->row;
    atomic_store(&call->recorded, wait ? RECORD_WAITING : RECORD_NONE);
    llm_ledger_commit(ledger, call->row, wait ? call : NULL);
    call->row = NULL;
    call->phase = wait ? LLM_PHASE_RECORD : LLM_PHASE_NONE;
    return wait ? LLM_STEP_PAUSE : LLM_STEP_FINISH;
}
