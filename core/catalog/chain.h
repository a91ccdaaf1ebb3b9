// SPDX-License-Identifier: MIT
// Chains: the models that a call may go to, in order.
#ifndef LLM_CATALOG_CHAIN_H
#define LLM_CATALOG_CHAIN_H

#include "catalog/snapshot.h"

#define LLM_MAX_TARGETS 32u // of one call

struct llm_target {
    struct llm_route route;
    uint32_t when;   // LLM_WHEN() of the failures of another that it takes over
    bool used;       // it was tried, or cannot be
    bool told;       // the host knows that it cannot be
    llm_str problem; // why it cannot be; absent: it can
};

struct llm_chain {
    struct llm_target *targets; // the first goes first; those that `when` fits follow in order
    size_t n_targets;
    bool has_hedge; // the name that was asked for says hedge_ms
    uint32_t hedge_ms;
};

struct llm_chain_wish {
    llm_str model, operation;
    const char *provider;         // nullable
    const char *const *fallbacks; // NULL-terminated models, in place of the configured ones; NULL: those
    bool alone;                   // no other model or provider than the first choice
    uint64_t *random;             // state of the choice by weight or latency; not 0
    uint64_t now_us;
};

// The model asked for, or what the settings' "routes" put in its place, then its fall-backs.
// LLM_E_NOT_FOUND, LLM_E_CONFIG, LLM_E_DENIED: as llm_snapshot_route(), for the first model, or one of wish->fallbacks.  LLM_E_NOMEM.
// A configured target that cannot be found is listed with its problem.
llm_status llm_snapshot_chain(struct llm_snapshot *snapshot, const struct llm_chain_wish *wish,
                              struct llm_arena *arena, struct llm_chain *ret, llm_error *err);

// A random number; *state is not 0.
static inline uint64_t llm_random_next(uint64_t *state) { // xorshift64*
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

#endif
