// SPDX-License-Identifier: MIT
// Settle: what it cost, what went wrong; finish: the end event.
#include "base/clock.h"
#include "base/error.h"
#include "call/call.h"
#include "catalog/price.h"

static void price(struct llm_call *call) {
    struct llm_response *r = call->response;
    const struct llm_model *model = call->route.model;
    if (r->stated_cost >= 0) {
        r->cost = r->stated_cost;
        r->cost_source = LLM_COST_PROVIDER;
    } else if (model != NULL && r->has_usage) {
        const int64_t age_us = (int64_t)(llm_clock_us() - r->start_us);
        r->cost =
            llm_price_cost(&model->price, &r->usage, (int64_t)time(NULL) - age_us / 1000000, &r->cost_by);
        r->cost_source = r->cost >= 0 ? LLM_COST_CATALOGUE : LLM_COST_UNKNOWN;
    }
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

static void fill_error(struct llm_call *call) {
    struct llm_response *r = call->response;
    // An error that a verb reported belongs to the outcome that the codec then returned; a cancel is nobody's fault.
    if (call->error.status == LLM_OK || call->outcome == LLM_E_CANCELLED) {
        (void)llm_call_fail(call, call->outcome, "%s", plain_message(call->outcome));
    }
    char *const texts[] = {call->error.message, call->error.provider_code, call->error.param,
                           call->error.request_id};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        llm_call_redact_text(call, texts[i], strlen(texts[i]));
    }
    if (call->error.request_id[0] == '\0' && r->request_id.ptr != NULL) {
        llm_error_text(call->error.request_id, sizeof call->error.request_id, r->request_id);
    }
    r->error = call->error;
    r->truncated = r->got_output;
}

void llm_call_attempt_over(struct llm_call *call) {
    struct llm_response *r = call->response;
    if (!call->attempt_open) {
        return;
    }
    call->attempt_open = false;
    llm_call_admit_over(call);
    const struct llm_attempt attempt = {.provider = call->route.provider->name,
                                        .model = call->route.provider_model,
                                        .status = call->outcome < 0 ? call->outcome : LLM_OK,
                                        .http_status = call->http_status,
                                        .us = llm_clock_us() - call->attempt_us,
                                        .cost = -1};
    (void)llm_response_add_attempt(r, &attempt);
    llm_call_observe_attempt(call, &attempt);
}

enum llm_step_name llm_call_settle(struct llm_call *call) {
    struct llm_response *r = call->response;
    llm_timer_clear(&call->loop->reactor, &call->timer);
    call->phase = LLM_PHASE_NONE;
    call->settled = true;
    llm_request_wipe(call);
    llm_call_attempt_over(call);
    r->end_us = llm_clock_us();
    if (call->outcome < 0) {
        fill_error(call);
    }
    price(call);
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
