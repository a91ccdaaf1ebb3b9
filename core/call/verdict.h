// SPDX-License-Identifier: MIT
// What follows a failed attempt: a pure function of what is known, so that the policy can be read and tested as a table.
// docs/policies.md is its page for operators.
#ifndef LLM_CALL_VERDICT_H
#define LLM_CALL_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "config/retry.h"
#include "llm_master.h"

// How far the attempt came.
enum llm_stage {
    LLM_STAGE_NONE,    // nothing was sent: no connection, or the request could not be built
    LLM_STAGE_SENT,    // it may have been sent; no byte of an answer came
    LLM_STAGE_REFUSED, // an answer that is not 2xx
    LLM_STAGE_ANSWER,  // the head of a 2xx answer
};
#define LLM_STAGES 4

struct llm_failure {
    llm_status status; // negative
    enum llm_stage stage;
    uint32_t advice;     // LLM_RETRY_* of the codec
    int64_t advised_ms;  // how long the provider says to wait; -1: it did not say
    bool final;          // trying again cannot help: a certificate that is not trusted
    bool other_key;      // the provider has another key that may go at once
    bool idempotent;     // repeating the exchange does nothing twice
    bool told;           // the host has been given output
    uint32_t attempts;   // counted so far, this one too
    uint32_t targets;    // others that are left and take a failure of this class
    bool budget;         // the provider's retry budget has something left
    uint64_t left_us;    // until the call's deadline
    uint32_t throttles;  // attempts of this call that were told to slow down, this one too
    uint32_t transients; // attempts that failed otherwise, this one too
    uint32_t random;
};

enum llm_verdict_name {
    LLM_VERDICT_GIVE_UP,
    LLM_VERDICT_RETRY,     // the same target, after wait_us
    LLM_VERDICT_FALL_BACK, // another target, at once
};

struct llm_verdict {
    enum llm_verdict_name name;
    uint64_t wait_us;
    const char *why; // static; for the log
};

struct llm_verdict llm_verdict(const struct llm_failure *failure, const struct llm_retry_settings *settings,
                               uint32_t max_attempts);

// Does the provider ask for less, rather than being broken?
bool llm_status_is_throttle(llm_status status);

// Uniform in [0, bound], from 32 random bits.
uint64_t llm_jitter(uint64_t bound, uint32_t random);

#endif
