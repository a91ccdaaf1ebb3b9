// SPDX-License-Identifier: MIT
// Settle: what it cost, what went wrong; finish: the end event.
#include "base/clock.h"
#include "base/error.h"
#include "call/call.h"
#include "catalog/price.h"

// What an attempt cost by itself.
static void price(const struct llm_call *call, struct llm_attempt *attempt) {
    struct llm_response *r = call->response;
    const struct llm_model *model = call->route.model;
    if (r->stated_cost >= 0) {
        attempt->cost = r->stated_cost;
        attempt->cost_source = LLM_COST_PROVIDER;
    } else if (model != NULL && r->has_usage) {
        attempt->cost = llm_price_cost(&model->price, &r->usage, call->started_us / 1000000, &r->cost_by);
        attempt->cost_source = attempt->cost >= 0 ? LLM_COST_CATALOGUE : LLM_COST_UNKNOWN;
    }
}

// The call's cost is the sum of its attempts'.  The cost of the last one must be known; that of an earlier one which a provider may have
// charged and did not state is told by a warning.
static void add_cost(struct llm_call *call, const struct llm_attempt *attempt, bool charged) {
    struct llm_response *r = call->response;
    if (attempt->cost >= 0) {
        const bool fits = call->spent <= INT64_MAX - attempt->cost;
        call->spent = fits ? call->spent + attempt->cost : INT64_MAX;
        call->spent_source =
            call->spent_source == LLM_COST_UNKNOWN || call->spent_source == attempt->cost_source
                ? attempt->cost_source
                : LLM_COST_CATALOGUE;
    }
    const bool known = attempt->cost >= 0 || (!charged && call->spent_source != LLM_COST_UNKNOWN);
    r->cost = known ? call->spent : -1;
    r->cost_source = known ? call->spent_source : LLM_COST_UNKNOWN;
    call->charged_unknown =
        call->charged_unknown || (charged && attempt->cost < 0 && attempt->status != LLM_OK);
}

static const char *plain_message(llm_status status) {
    switch (status) {
    case LLM_E_CANCELLED: return "cancelled";
    case LLM_E_NOMEM: return "out of memory";
    case LLM_E_LIMIT: return "the answer is larger than allowed";
    case LLM_E_PROTOCOL: return "the answer is not what was promised, or was cut off";
    case LLM_E_UNSUPPORTED: return "the provider cannot do this";
    default: return "the plugin reported a failure without saying why";
    }
}

static void redact_error(struct llm_call *call) {
    char *const texts[] = {call->error.message, call->error.provider_code, call->error.param,
                           call->error.request_id};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        llm_call_redact_text(call, texts[i], strlen(texts[i]));
    }
}

static void fill_error(struct llm_call *call) {
    struct llm_response *r = call->response;
    // An error that a verb reported belongs to the outcome that the codec then returned; a cancel is nobody's fault.
    if (call->error.status == LLM_OK || call->outcome == LLM_E_CANCELLED) {
        (void)llm_call_fail(call, call->outcome, "%s", plain_message(call->outcome));
    }
    redact_error(call);
    if (call->error.request_id[0] == '\0' && r->request_id.ptr != NULL) {
        llm_error_text(call->error.request_id, sizeof call->error.request_id, r->request_id);
    }
    r->error = call->error;
    r->truncated = r->got_output;
}

// A caller's impatience is no fault of the provider's.
static llm_status health_of(const struct llm_call *call) {
    const bool own = call->outcome == LLM_E_TIMEOUT && call->stage != LLM_STAGE_REFUSED && call->impatient;
    return own ? LLM_E_CANCELLED : call->outcome < 0 ? call->outcome : LLM_OK;
}

// What was given up before it was answered may have been done all the same.
static bool may_be_charged(const struct llm_call *call) {
    const bool given_up = call->outcome == LLM_E_TIMEOUT || call->outcome == LLM_E_CANCELLED;
    return call->stage == LLM_STAGE_ANSWER || call->response->has_usage ||
           (call->stage == LLM_STAGE_SENT && given_up);
}

void llm_call_attempt_over(struct llm_call *call) {
    struct llm_call *whole = call->racing != NULL ? call->racing : call;
    if (!call->attempt_open) {
        return;
    }
    const uint64_t now_us = llm_clock_us();
    const uint64_t begin_us = call->counted ? call->attempt_us : now_us;
    call->attempt_open = false;
    if (call->error.status != LLM_OK) { // now: the next target has other keys
        redact_error(call);
    }
    llm_call_admit_over(call);
    const bool wants_wait = call->outcome < 0 && call->error.status == call->outcome;
    llm_health_leave(&call->ticket, now_us, health_of(call),
                     call->first_byte_us != 0 ? call->first_byte_us - begin_us : 0,
                     wants_wait ? call->error.retry_after_ms : -1);
    const uint64_t waited_us = call->back_off_us + call->admission.waited_us - call->queued_us;
    struct llm_attempt attempt = {.provider = call->route.provider->name,
                                  .model = call->route.provider_model,
                                  .status = call->outcome < 0 ? call->outcome : LLM_OK,
                                  .http_status = call->http_status,
                                  .us = call->counted ? (now_us > begin_us ? now_us - begin_us : 1) : 0,
                                  .key = call->route.provider->n_keys > 1 ? call->key->name : (llm_str){0},
                                  .waited_ms = (uint32_t)(waited_us / 1000),
                                  .hedge = call->racing != NULL,
                                  .cost = -1};
    price(call, &attempt);
    add_cost(whole, &attempt, may_be_charged(call));
    (void)llm_response_add_attempt(whole->response, &attempt);
    llm_call_debug_number(call, (uint32_t)llm_response_attempts(whole->response));
    llm_call_observe_attempt(call, &attempt);
}

// Money that nobody stated is not nothing.
static void warn_of_cost(struct llm_call *call) {
    static const char text[] =
        "a failed attempt may have been charged for, and its cost is not known: the cost is a lower bound";
    if (call->charged_unknown && call->response->cost >= 0) {
        (void)llm_call_emit(call, &(llm_event){.type = LLM_EVENT_WARNING,
                                               .id = LLM_STR("cost_incomplete"),
                                               .text = llm_str_from(text)});
    }
}

enum llm_step_name llm_call_settle(struct llm_call *call) {
    struct llm_response *r = call->response;
    if (call->racing != NULL) {
        return llm_call_hedge_over(call);
    }
    llm_call_hedge_stop(call);
    llm_timer_clear(&call->loop->reactor, &call->timer);
    call->phase = LLM_PHASE_NONE;
    call->settled = true;
    llm_request_wipe(call);
    llm_call_attempt_over(call);
    r->end_us = llm_clock_us();
    if (call->outcome < 0) {
        fill_error(call);
    }
    if (r->cached) {
        r->cost = 0;
        r->cost_source = LLM_COST_CACHE;
    }
    warn_of_cost(call);
    if (r->error.status != LLM_OK) {
        (void)llm_call_emit(
            call, &(llm_event){.type = LLM_EVENT_ERROR, .status = r->error.status, .error = &r->error});
    }
    return LLM_STEP_RECORD;
}

enum llm_step_name llm_call_finish(struct llm_call *call) {
    struct llm_response *r = call->response;
    const llm_status status = r->error.status;
    llm_call_reuse_over(call);
    llm_call_observe_end(call);
    call->step = LLM_STEP_ENDED;
    call->ended = true;
    call->loop->n_open--;
    (void)llm_call_emit(call, &(llm_event){.type = LLM_EVENT_END, .status = status});
    return LLM_STEP_ENDED;
}
