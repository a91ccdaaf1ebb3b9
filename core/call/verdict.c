// SPDX-License-Identifier: MIT
#include "call/verdict.h"

#include "llm_provider.h"

// Whether the same target is tried again.
enum retry {
    NO,   // waiting does not help
    SLOW, // it asks for less: the longer back-off
    YES,  // a transient fault
    IDEM, // a transient fault, and work may have been done: only what may be repeated
};

// ---- the policy ------------------------------------------------------------------------------------------------------
//
// One row for each class of failure, one column for how far the attempt came.  A codec's advice goes before the table where the row is
// not NO throughout: NEVER is NO; SAFE and AFTER (the provider did no work) are YES, or SLOW in a row of that.

// clang-format off
static const struct row {
    llm_status status;
    enum retry at[LLM_STAGES];
} policy[] = {
    //                      nothing sent  no answer  refused  2xx began
    {LLM_E_INVALID_REQUEST, {NO,          NO,        NO,      NO}},
    {LLM_E_AUTH,            {NO,          NO,        NO,      NO}},
    {LLM_E_PERMISSION,      {NO,          NO,        NO,      NO}},
    {LLM_E_NOT_FOUND,       {NO,          NO,        NO,      NO}},
    {LLM_E_CONFLICT,        {NO,          NO,        IDEM,    IDEM}},
    {LLM_E_TOO_LARGE,       {NO,          NO,        NO,      NO}},
    {LLM_E_CONTEXT_LENGTH,  {NO,          NO,        NO,      NO}},
    {LLM_E_CONTENT_FILTER,  {NO,          NO,        NO,      NO}},
    {LLM_E_RATE_LIMITED,    {SLOW,        SLOW,      SLOW,    SLOW}},
    {LLM_E_QUOTA,           {NO,          NO,        NO,      NO}},
    {LLM_E_OVERLOADED,      {SLOW,        SLOW,      SLOW,    SLOW}},
    {LLM_E_SERVER,          {YES,         YES,       YES,     YES}},
    {LLM_E_TIMEOUT,         {YES,         IDEM,      YES,     IDEM}}, // refused: 408, 504
    {LLM_E_TRANSPORT,       {YES,         YES,       YES,     YES}},
    {LLM_E_PROTOCOL,        {NO,          NO,        IDEM,    IDEM}},
    {LLM_E_CANCELLED,       {NO,          NO,        NO,      NO}},
    {LLM_E_UNSUPPORTED,     {NO,          NO,        NO,      NO}},
    {LLM_E_CONFIG,          {NO,          NO,        NO,      NO}},
    {LLM_E_NOMEM,           {NO,          NO,        NO,      NO}},
    {LLM_E_LIMIT,           {NO,          NO,        NO,      NO}},
    {LLM_E_DENIED,          {NO,          NO,        NO,      NO}},
    {LLM_E_INTERNAL,        {NO,          NO,        NO,      NO}},
};
// clang-format on

static enum retry retry_in(const struct row *row, const struct llm_failure *f) {
    const enum retry stands = row->at[f->stage];
    bool never = true;
    for (int i = 0; i < LLM_STAGES; i++) {
        never = never && row->at[i] == NO;
    }
    if (never || f->final || f->advice == LLM_RETRY_NEVER) {
        return NO;
    }
    if (f->advice == LLM_RETRY_SAFE || f->advice == LLM_RETRY_AFTER) {
        return stands == SLOW ? SLOW : YES;
    }
    return stands != IDEM ? stands : f->idempotent ? YES : NO;
}

static enum retry retry_of(const struct llm_failure *f) {
    for (size_t i = 0; i < sizeof policy / sizeof policy[0]; i++) {
        if (policy[i].status == f->status) {
            return retry_in(&policy[i], f);
        }
    }
    return NO;
}

bool llm_status_is_throttle(llm_status status) {
    return status == LLM_E_RATE_LIMITED || status == LLM_E_OVERLOADED;
}

uint64_t llm_jitter(uint64_t bound, uint32_t random) {
    return bound == 0 ? 0 : (uint64_t)random * (bound + 1) >> 32;
}

// Full jitter: anything from 0 to the back-off, which doubles.
static uint64_t back_off_us(const struct llm_failure *f, const struct llm_retry_settings *s,
                            enum retry retry) {
    const uint64_t base = retry == SLOW ? s->throttle_base_ms : s->base_ms;
    const uint32_t before = retry == SLOW ? f->throttles : f->transients;
    const uint32_t doublings = before > 0 ? (before - 1 < 20 ? before - 1 : 20) : 0;
    uint64_t ms = base << doublings;
    ms = ms < s->max_backoff_ms ? ms : s->max_backoff_ms;
    return llm_jitter(ms * 1000, f->random);
}

static struct llm_verdict give_up(const char *why) {
    return (struct llm_verdict){LLM_VERDICT_GIVE_UP, 0, why};
}

struct llm_verdict llm_verdict(const struct llm_failure *f, const struct llm_retry_settings *s,
                               uint32_t max_attempts) {
    if (f->told) {
        return give_up("output was given");
    }
    if (f->status == LLM_E_CANCELLED || f->status == LLM_E_NOMEM) {
        return give_up("it is the end");
    }
    if (f->attempts >= max_attempts) {
        return give_up("no attempt is left");
    }
    if (f->left_us == 0) {
        return give_up("the deadline has passed");
    }
    // A key that is worn out or refused says nothing about another one.
    if (f->other_key && f->budget && f->stage == LLM_STAGE_REFUSED &&
        (f->status == LLM_E_RATE_LIMITED || f->status == LLM_E_QUOTA || f->status == LLM_E_AUTH)) {
        return (struct llm_verdict){LLM_VERDICT_RETRY, 0, "another key is free"};
    }
    const enum retry retry = retry_of(f);
    const bool told_when = f->advised_ms > 0;
    // An attempt is kept for each other target, and nobody waits by a provider's clock while another is free.
    const bool others_first = f->targets > 0 && (told_when || max_attempts - f->attempts <= f->targets);
    if (retry == NO || others_first) {
        return f->targets > 0 ? (struct llm_verdict){LLM_VERDICT_FALL_BACK, 0, "another target takes it"}
                              : give_up("a failure of this class stays");
    }
    if (!f->budget) {
        return f->targets > 0 ? (struct llm_verdict){LLM_VERDICT_FALL_BACK, 0, "the retry budget is spent"}
                              : give_up("the retry budget is spent");
    }
    uint64_t wait_us = back_off_us(f, s, retry);
    if (told_when) {
        if (f->advised_ms > (int64_t)s->max_retry_after_ms) {
            return give_up("the provider asks for a longer wait than is allowed");
        }
        // Not before the provider says so, and not all at the same moment.
        const uint64_t advised_us = (uint64_t)f->advised_ms * 1000;
        const uint64_t spread_us = advised_us / 10 < wait_us ? advised_us / 10 : wait_us;
        wait_us = advised_us + spread_us;
    }
    if (wait_us >= f->left_us) {
        return give_up("the deadline comes before the next attempt");
    }
    return (struct llm_verdict){LLM_VERDICT_RETRY, wait_us, "it may pass"};
}
