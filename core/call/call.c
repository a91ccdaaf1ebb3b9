// SPDX-License-Identifier: MIT
// The state table: reading it top to bottom is reading the life of a call.
#include "call/call.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

static enum llm_step_name (*const steps[])(struct llm_call *call) = {
    [LLM_STEP_REUSE] = llm_call_reuse,       // -> OPEN, SETTLE (the answer is known), PAUSE (it is under way)
    [LLM_STEP_OPEN] = llm_call_open,         // -> ADMIT, or DECIDE when the plugin refuses
    [LLM_STEP_ADMIT] = llm_call_admit,       // -> ENCODE, PAUSE (wait for the turn), DECIDE (a limit refuses)
    [LLM_STEP_ENCODE] = llm_call_encode,     // -> EXCHANGE, PAUSE (wait before it), DECIDE
    [LLM_STEP_EXCHANGE] = llm_call_exchange, // -> PAUSE until the answer is over, DECIDE
    [LLM_STEP_DECIDE] =
        llm_call_decide, // -> ENCODE (the next exchange), OPEN (the next attempt), PAUSE, SETTLE
    [LLM_STEP_SETTLE] = llm_call_settle, // -> RECORD
    [LLM_STEP_RECORD] = llm_call_record, // -> FINISH, PAUSE until the row is safe
    [LLM_STEP_FINISH] = llm_call_finish, // -> ENDED
};

// What is left of it can no longer be stopped.
static bool is_settling(const struct llm_call *call) {
    return call->step == LLM_STEP_ENDED || call->settled;
}

void llm_call_advance(struct llm_call *call) {
    if (atomic_load(&call->cancel_asked) && !is_settling(call)) {
        llm_call_abort(call, LLM_E_CANCELLED);
    }
    if (call->lost && call->racing == NULL) {
        llm_call_hedge_yield(call);
    }
    while (call->step < LLM_STEP_PAUSE) {
        const enum llm_step_name next = steps[call->step](call);
        // A step that pauses has said in call->step where it goes on; a callback may have freed or aborted the call meanwhile.
        if (next == LLM_STEP_PAUSE) {
            return;
        }
        call->step = next;
    }
}

void llm_call_abort(struct llm_call *call, llm_status status) {
    if (is_settling(call)) {
        return;
    }
    llm_call_hedge_stop(call);
    if (call->exchange != NULL) {
        llm_call_look_if_sent(call);
        llm_exchange_stop(call->exchange, false);
        call->exchange = NULL;
    }
    llm_worker_stop(call);
    llm_call_admit_cancel(call);
    llm_call_reuse_cancel(call);
    llm_timer_clear(&call->loop->reactor, &call->timer);
    call->phase = LLM_PHASE_NONE;
    call->stopped = true;
    call->outcome = status;
    llm_call_debug_over(call);
    llm_call_tape_cut(call);
    llm_call_tape_over(call);
    call->step = LLM_STEP_DECIDE;
    llm_loop_queue(call);
}

llm_status llm_call_fail(struct llm_call *call, llm_status status, const char *format, ...) {
    char line[sizeof call->error.message];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    (void)llm_fail(&call->error, status, "%s", line);
    llm_error_text(call->error.provider, sizeof call->error.provider, call->route.provider->name);
    call->error.http_status = (int32_t)call->http_status;
    return status;
}

void llm_codec_enter(struct llm_call *call) {
    if ((call->generator->codec.flags & LLM_CODEC_SERIAL) != 0) {
        (void)pthread_mutex_lock(&call->route.provider->plugin->serial);
    }
}

void llm_codec_leave(struct llm_call *call) {
    if ((call->generator->codec.flags & LLM_CODEC_SERIAL) != 0) {
        (void)pthread_mutex_unlock(&call->route.provider->plugin->serial);
    }
}

void llm_call_redact_text(struct llm_call *call, char *text, size_t len) {
    llm_provider_redact(call->route.provider, text, len);
}

llm_str llm_call_redact(struct llm_call *call, llm_str text, char *buf, size_t size) {
    const size_t n = text.len < size - 1 ? text.len : size - 1;
    memcpy(buf, text.ptr != NULL ? text.ptr : "", text.ptr != NULL ? n : 0);
    buf[n] = '\0';
    llm_call_redact_text(call, buf, n);
    return (llm_str){buf, n};
}

// ---- deadlines: one timer a call; it is moved only when a nearer deadline comes up -----------------------------------

static uint64_t phase_deadline(const struct llm_call *call) {
    switch (call->phase) {
    case LLM_PHASE_WAIT:
    case LLM_PHASE_TURN: return call->wait_until_us;
    case LLM_PHASE_FIRST_BYTE: return call->activity_us + (uint64_t)call->first_byte_ms * 1000;
    case LLM_PHASE_IDLE: return call->activity_us + (uint64_t)call->idle_ms * 1000;
    case LLM_PHASE_RECORD:
    case LLM_PHASE_NONE:
    case LLM_PHASE_SHARE: break; // total_ms alone
    }
    return UINT64_MAX;
}

static void arm(struct llm_call *call) {
    const uint64_t phase = phase_deadline(call);
    const uint64_t at = phase < call->total_until_us ? phase : call->total_until_us;
    if (call->timer.slot == 0 || call->timer.at_us > at) {
        (void)llm_timer_set(&call->loop->reactor, &call->timer, at);
    }
}

void llm_call_phase(struct llm_call *call, enum llm_phase phase) {
    call->phase = phase;
    call->activity_us = call->loop->reactor.now_us;
    arm(call);
}

enum llm_step_name llm_call_wait(struct llm_call *call, uint64_t until_us, enum llm_step_name resume) {
    call->step = LLM_STEP_PAUSE;
    call->resume = resume;
    call->wait_until_us = until_us;
    llm_call_phase(call, LLM_PHASE_WAIT);
    return LLM_STEP_PAUSE;
}

void llm_call_on_timer(struct llm_timer *timer) {
    struct llm_call *call = (struct llm_call *)(void *)((char *)timer - offsetof(struct llm_call, timer));
    const uint64_t now = call->loop->reactor.now_us;
    if (call->phase == LLM_PHASE_NONE) {
        return;
    }
    if (call->phase == LLM_PHASE_RECORD) {
        llm_call_record_late(call);
        return;
    }
    if (now >= call->total_until_us) {
        (void)llm_call_fail(call, LLM_E_TIMEOUT, "not done after %u ms; total_ms is the limit",
                            call->total_ms);
        llm_call_abort(call, LLM_E_TIMEOUT);
        return;
    }
    if (now < phase_deadline(call)) {
        arm(call);
        return;
    }
    if (call->phase == LLM_PHASE_TURN) { // admit looks again
        call->phase = LLM_PHASE_NONE;
        llm_loop_queue(call);
        return;
    }
    if (call->phase == LLM_PHASE_WAIT) {
        call->phase = LLM_PHASE_NONE;
        call->step = call->resume;
        llm_loop_queue(call);
        return;
    }
    const bool first = call->phase == LLM_PHASE_FIRST_BYTE;
    (void)llm_call_fail(call, LLM_E_TIMEOUT,
                        first ? "no answer within %u ms; first_byte_ms is the limit"
                              : "nothing came for %u ms; idle_ms is the limit",
                        first ? call->first_byte_ms : call->idle_ms);
    llm_call_abort(call, LLM_E_TIMEOUT);
}
