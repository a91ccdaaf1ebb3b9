// SPDX-License-Identifier: MIT
// Settings "routes": what a name stands for when several models can do it, and where a call goes when one fails.
#ifndef LLM_CONFIG_ROUTES_H
#define LLM_CONFIG_ROUTES_H

#include "config/document.h"

#define LLM_MAX_ROUTES 4096u
#define LLM_MAX_ROUTE_MODELS 16u // targets, or fall-backs, of one route
#define LLM_MAX_ROUTE_DEPTH 8u   // of routes whose targets are routes

// A class of failure as a bit; status is negative.
#define LLM_WHEN(status) (UINT32_C(1) << -(status))
// What another model or provider may not have: every failure but those of the request itself, of the host and of the caller.
#define LLM_WHEN_ANY                                                                                         \
    (UINT32_MAX & ~(UINT32_C(1) | LLM_WHEN(LLM_E_INVALID_REQUEST) | LLM_WHEN(LLM_E_CANCELLED) |              \
                    LLM_WHEN(LLM_E_NOMEM) | LLM_WHEN(LLM_E_DENIED)))

enum llm_route_choice {
    LLM_ROUTE_ORDER,    // as listed
    LLM_ROUTE_WEIGHTED, // one by weight, then the others by weight
    LLM_ROUTE_LATENCY,  // the better one of two taken at random, then the others as listed
};

struct llm_route_model {
    llm_str model;
    uint32_t weight; // of a target; 1 when not said; 0: only when the others fail
    uint32_t when;   // of a fall-back: LLM_WHEN_*
};

struct llm_route_rule {
    llm_str name;
    struct llm_route_model *targets; // none: the model of that name
    size_t n_targets;
    struct llm_route_model *fallbacks;
    size_t n_fallbacks;
    enum llm_route_choice choice;
    bool has_hedge;
    uint32_t hedge_ms;
    bool visiting;   // while they are checked
    uint32_t height; // 1, and more when its targets are routes
    llm_str origin;  // the file that says so, or "options"
};

struct llm_settings;

// The member of config.json; a route of a later layer takes the place of one of that name.
llm_status llm_routes_take(void *builder, const struct llm_document *doc, llm_str value, llm_error *err);
// When all layers are read: sort, and look for circles.  LLM_E_CONFIG names a route of the circle.
llm_status llm_routes_check(struct llm_settings *settings, llm_error *err);

// The rule of that name; NULL: none.
struct llm_route_rule *llm_routes_find(const struct llm_settings *settings, llm_str name);

#endif
