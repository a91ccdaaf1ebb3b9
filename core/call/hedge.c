// SPDX-License-Identifier: MIT
// Hedge: a second attempt, the racer, is a call inside the call.  The first of the two that gives output is the answer; what the racer says
// before that is kept back, and the loser is stopped and settled.  The racer has no ledger row and no end event: it reports to its call.
#include "base/clock.h"
#include "base/error.h"
#include "call/call.h"

// ---- the racer starts ------------------------------------------------------------------------------------------------

// Elsewhere when a fall-back takes over from what is slow, else the same once more.  false: that is not allowed now.
static bool choose(struct llm_call *call, size_t *ret, bool *ret_draws) {
    struct llm_chain *chain = &call->chain;
    *ret = call->target;
    for (size_t i = 0; i < chain->n_targets; i++) {
        if (!chain->targets[i].used && (chain->targets[i].when & LLM_WHEN(LLM_E_TIMEOUT)) != 0) {
            *ret = i;
            break;
        }
    }
    struct llm_target *target = &chain->targets[*ret];
    const struct llm_provider *provider = target->route.provider;
    *ret_draws = provider == call->route.provider || llm_call_tried(call, provider);
    const bool allowed = !*ret_draws || llm_health_can_withdraw(provider->keys[0].health, llm_clock_us());
    target->used = target->used || allowed;
    return allowed;
}

static void copy_query(struct llm_call *racer, const struct llm_call *call) {
    racer->id = call->id;
    racer->name = call->name;
    racer->started_us = call->started_us;
    racer->tag = call->tag;
    racer->flags = call->flags & ~(uint32_t)LLM_QUERY_EXCHANGES;
    racer->delivery = LLM_DELIVER_CALLBACK;
    racer->on_event = NULL;
    racer->format = call->format;
    racer->prompt_tail = call->prompt_tail;
    racer->gate = call->gate;
    racer->job_args = call->job_args;
    racer->job_args.alloc_ctx = &racer->arena;
    racer->max_attempts = 1;
    racer->impatient = call->impatient;
    racer->connect_ms = call->connect_ms;
    racer->first_byte_ms = call->first_byte_ms;
    racer->idle_ms = call->idle_ms;
    racer->total_ms = call->total_ms;
    racer->total_until_us = call->total_until_us;
    racer->error = (llm_error)LLM_ERROR_INIT;
    racer->admission.max_wait_ms = 0; // who waits for a limit wins no race
}

static llm_status prepare(struct llm_call *racer, struct llm_call *call, size_t target) {
    llm_error err = LLM_ERROR_INIT;
    copy_query(racer, call);
    racer->racing = call;
    racer->snapshot = llm_snapshot_ref(call->snapshot);
    racer->response = llm_response_new(call->loop->master->responses);
    racer->chain.targets = llm_arena_new(&racer->arena, sizeof *racer->chain.targets);
    if (racer->response == NULL || racer->chain.targets == NULL) {
        return LLM_E_NOMEM;
    }
    racer->chain.targets[0] = call->chain.targets[target];
    racer->chain.n_targets = 1;
    racer->racer_target = target;
    racer->response->start_us = llm_clock_us();
    return llm_call_take_target(racer, 0, &err);
}

static void start(struct llm_call *call) {
    struct llm_loop *loop = call->loop;
    size_t target;
    bool draws;
    if (!choose(call, &target, &draws)) {
        return;
    }
    struct llm_call *racer = llm_call_take(loop);
    if (racer == NULL) {
        return;
    }
    if (prepare(racer, call, target) != LLM_OK) {
        llm_call_drop(racer);
        return;
    }
    racer->draws = draws;
    racer->ended = true; // for the host there is one call
    racer->step = LLM_STEP_OPEN;
    llm_loop_list(racer);
    call->racer = racer;
    llm_loop_queue(racer);
}

static void on_timer(struct llm_timer *timer) {
    struct llm_call *call =
        (struct llm_call *)(void *)((char *)timer - offsetof(struct llm_call, hedge_timer));
    if (!call->settled && call->attempt_open && call->counted && !call->told && call->racer == NULL &&
        call->phase != LLM_PHASE_WAIT && call->attempts < call->max_attempts) {
        start(call);
    }
}

void llm_call_hedge_arm(struct llm_call *call) {
    if (call->racing == NULL && call->hedge_ms > 0 && call->attempts == 1) {
        call->hedge_timer.fire = on_timer;
        (void)llm_timer_set(&call->loop->reactor, &call->hedge_timer,
                            llm_clock_us() + (uint64_t)call->hedge_ms * 1000);
    }
}

// ---- one wins --------------------------------------------------------------------------------------------------------

static llm_str move_text(struct llm_response *to, llm_str text) {
    return llm_arena_dup(&to->arena, text);
}

// What the racer's answer has said of itself.
static llm_status adopt(struct llm_response *to, const struct llm_response *from) {
    to->provider = move_text(to, from->provider);
    to->provider_model = move_text(to, from->provider_model);
    to->request_id = move_text(to, from->request_id);
    if (from->id.ptr != NULL) {
        to->id = move_text(to, from->id);
    }
    to->local = from->local;
    to->stated_cost = from->stated_cost;
    to->raw_is_list = from->raw_is_list;
    return from->raw.len > 0 ? llm_buf_put(&to->raw, from->raw.ptr, from->raw.len) : LLM_OK;
}

// The racer gives output first.
static llm_status win(struct llm_call *racer) {
    struct llm_call *call = racer->racing;
    racer->won = call->lost = true;
    call->held = false;
    call->phase = LLM_PHASE_NONE;
    call->step = LLM_STEP_PAUSE;
    if (call->attempt_open) {
        call->outcome = LLM_E_CANCELLED;
        call->error = (llm_error)LLM_ERROR_INIT;
        llm_call_look_if_sent(call);
        llm_call_debug_over(call);
        llm_call_attempt_over(call);
    }
    llm_loop_queue(call); // its exchange is stopped there: libcurl may be on the stack
    llm_response_begin_attempt(call->response);
    llm_status status = adopt(call->response, racer->response);
    llm_response_free(racer->response);
    racer->response = call->response;
    llm_response_ref(racer->response);
    return status == LLM_OK ? llm_call_flush(racer, call) : status;
}

llm_status llm_call_hedge_event(struct llm_call *racer, llm_event *event, bool binds) {
    struct llm_call *call = racer->racing;
    if (racer->lost || (!racer->won && call->told)) {
        return LLM_E_CANCELLED;
    }
    llm_call_admit_see(racer, event);
    if (!racer->won && !binds) {
        return llm_call_enqueue(racer, event);
    }
    const llm_status status = racer->won ? LLM_OK : win(racer);
    return status == LLM_OK ? llm_call_give(call, event) : status;
}

void llm_call_hedge_lose(struct llm_call *call) {
    struct llm_call *racer = call->racer;
    if (racer != NULL && !racer->lost) {
        racer->lost = true;
        atomic_store(&racer->cancel_asked, true);
        llm_loop_queue(racer);
    }
}

// ---- one is over -----------------------------------------------------------------------------------------------------

void llm_call_hedge_yield(struct llm_call *call) {
    if (call->exchange != NULL) {
        llm_exchange_stop(call->exchange, false);
        call->exchange = NULL;
    }
    llm_worker_stop(call);
    call->stopped = true;
    llm_request_wipe(call);
    llm_call_close_job(call);
}

// The racer's outcome is the call's.
static void hand_over(struct llm_call *racer, struct llm_call *call) {
    call->outcome = racer->outcome;
    call->error = racer->error;
    call->route = call->chain.targets[racer->racer_target].route;
    call->key = racer->key;
    call->http_status = racer->http_status;
    call->stage = racer->stage;
    call->step = LLM_STEP_SETTLE;
    llm_call_observe_winner(call);
    llm_loop_queue(call);
}

enum llm_step_name llm_call_hedge_over(struct llm_call *racer) {
    struct llm_call *call = racer->racing;
    if (racer->outcome >= 0 && !racer->won && !racer->lost && !call->told) { // an answer without any output
        const llm_status status = win(racer);
        racer->outcome = status < 0 ? status : racer->outcome;
    }
    llm_timer_clear(&racer->loop->reactor, &racer->timer);
    racer->phase = LLM_PHASE_NONE;
    racer->settled = true;
    llm_request_wipe(racer);
    llm_call_attempt_over(racer);
    llm_call_close_job(racer); // it refers to the call's request
    call->racer = NULL;
    if (!racer->counted && racer->racer_target != call->target) { // it was never there: a fall-back may go
        call->chain.targets[racer->racer_target].used = false;
    }
    if (racer->won && !call->settled) {
        hand_over(racer, call);
    } else if (call->held) {
        call->step = LLM_STEP_DECIDE;
        llm_loop_queue(call);
    }
    racer->step = LLM_STEP_ENDED;
    llm_loop_bury(racer);
    return LLM_STEP_ENDED;
}

void llm_call_hedge_stop(struct llm_call *call) {
    struct llm_call *racer = call->racer;
    llm_timer_clear(&call->loop->reactor, &call->hedge_timer);
    if (racer == NULL) {
        return;
    }
    racer->lost = racer->lost || !racer->won;
    llm_call_abort(racer, LLM_E_CANCELLED);
    llm_call_advance(racer);
}
