// SPDX-License-Identifier: MIT
// Decide: by the outcome's class alone, never by a provider's text.  The policy is verdict.c.
#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "call/call.h"

static bool is_idempotent(const struct llm_call *call) {
    return call->draft.idempotent || llm_str_is(call->draft.method, "GET");
}

static struct llm_failure failure_of(struct llm_call *call, uint64_t now_us) {
    const llm_status status = call->outcome;
    *(llm_status_is_throttle(status) ? &call->throttles : &call->transients) += 1;
    return (struct llm_failure){
        .status = status,
        .stage = call->stage,
        .advice = call->advice,
        .advised_ms = call->error.status == status ? call->error.retry_after_ms : -1,
        .final = call->final,
        .idempotent = is_idempotent(call),
        .told = call->told,
        .attempts = call->attempts,
        .targets = llm_call_targets_left(call, status),
        .budget = true,
        .left_us = call->total_until_us > now_us ? call->total_until_us - now_us : 0,
        .throttles = call->throttles,
        .transients = call->transients,
        .random = (uint32_t)(llm_random_next(&call->loop->random) >> 32),
    };
}

// Another key of the provider may go at once where this one may not.
static bool has_other_key(const struct llm_call *call, uint64_t now_us) {
    const struct llm_provider *provider = call->route.provider;
    for (size_t i = 0; provider->n_keys > 1 && i < provider->n_keys; i++) {
        uint64_t wait_ms = 0;
        if (&provider->keys[i] != call->key &&
            llm_health_look(provider->keys[i].health, now_us, &wait_ms) < LLM_HEALTH_COOLING) {
            return true;
        }
    }
    return false;
}

static enum llm_step_name after_failure(struct llm_call *call) {
    const struct llm_retry_settings *settings = &call->snapshot->settings.retry;
    const uint64_t now_us = llm_clock_us();
    llm_call_attempt_over(call); // the health of its key and provider as of now
    struct llm_failure failure = failure_of(call, now_us);
    failure.other_key = has_other_key(call, now_us);
    struct llm_verdict verdict = llm_verdict(&failure, settings, call->max_attempts);
    if (verdict.name == LLM_VERDICT_RETRY && !llm_health_withdraw(call->key->health, now_us)) {
        failure.budget = false;
        verdict = llm_verdict(&failure, settings, call->max_attempts);
    }
    llm_call_observe_verdict(call, &verdict);
    call->back_off_us = verdict.name == LLM_VERDICT_RETRY ? verdict.wait_us : 0;
    switch (verdict.name) {
    case LLM_VERDICT_RETRY:
        return verdict.wait_us == 0 ? LLM_STEP_OPEN
                                    : llm_call_wait(call, now_us + verdict.wait_us, LLM_STEP_OPEN);
    case LLM_VERDICT_FALL_BACK: return llm_call_skip_target(call);
    case LLM_VERDICT_GIVE_UP: break;
    }
    return LLM_STEP_SETTLE;
}

enum llm_step_name llm_call_decide(struct llm_call *call) {
    if (call->outcome == LLM_AGAIN) {
        if (++call->exchanges < LLM_MAX_STEPS) {
            call->job_step.step++;
            call->job_step.attempt = 0;
            return LLM_STEP_ENCODE;
        }
        call->outcome =
            llm_call_fail(call, LLM_E_LIMIT, "the job is not done after %u exchanges", LLM_MAX_STEPS);
    }
    if (call->lost && call->racer != NULL) { // the other attempt is the answer
        call->step = LLM_STEP_PAUSE;
        return LLM_STEP_PAUSE;
    }
    call->phase = LLM_PHASE_NONE;
    llm_request_wipe(call);
    const bool failed = call->outcome < 0 && (call->attempt_open || call->held);
    call->held = false;
    if (!failed || call->racing != NULL) {
        return LLM_STEP_SETTLE;
    }
    if (call->racer != NULL && !call->told && call->outcome != LLM_E_CANCELLED) {
        llm_call_attempt_over(call);
        call->held = true;
        call->step = LLM_STEP_PAUSE;
        return LLM_STEP_PAUSE;
    }
    return after_failure(call);
}
