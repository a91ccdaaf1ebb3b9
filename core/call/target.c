// SPDX-License-Identifier: MIT
// Target: the provider and model that an attempt goes to, and the request as it is for them.
#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "call/call.h"
#include "llm_json.h"
#include "net/url.h"

static const char *const *format_of(const struct llm_plugin_generator *generator, llm_str wanted,
                                    llm_str operation) {
    for (const char *const *at = generator->formats; *at != NULL; at++) {
        const llm_str format = llm_str_from(*at);
        const bool canonical =
            llm_str_starts(format, LLM_STR("openai.")) && llm_str_eq(llm_str_cut(format, 7), operation);
        if (wanted.ptr != NULL ? llm_str_eq(format, wanted) : canonical) {
            return at;
        }
    }
    return wanted.ptr == NULL ? generator->formats : NULL;
}

// A body that was made from a prompt names the target's own model.
static llm_status body_for(struct llm_call *call, llm_str model, llm_error *err) {
    struct llm_buf *buf = &call->scratch; // free until the first blob
    if (call->prompt_tail.ptr == NULL) {
        return LLM_OK;
    }
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, buf);
    buf->len = 0;
    llm_json_object(&w);
    if (model.ptr != NULL) {
        llm_json_name(&w, "model");
        llm_json_string(&w, model);
    }
    llm_status status = w.status;
    llm_str tail = call->prompt_tail;
    if (status == LLM_OK && model.ptr != NULL && tail.len > 1) {
        status = llm_buf_puts(buf, ",");
    }
    status = status == LLM_OK ? llm_buf_put(buf, tail.ptr, tail.len) : status;
    if (status != LLM_OK) {
        return status;
    }
    const llm_str body = llm_arena_dup(&call->arena, llm_buf_str(buf));
    if (body.ptr == NULL) {
        return LLM_E_NOMEM;
    }
    call->job_args.request = body;
    return llm_gate_request(body, &call->arena, &call->gate, err);
}

static llm_status name_response(struct llm_response *r, const struct llm_route *route) {
    struct llm_arena *arena = &r->arena;
    r->provider = llm_arena_dup(arena, route->provider->name);
    r->provider_model = llm_arena_dup(arena, route->provider_model);
    r->local = llm_url_is_loopback(route->provider->base_url);
    return r->provider.ptr != NULL ? LLM_OK : LLM_E_NOMEM;
}

llm_status llm_call_take_route(struct llm_call *call, size_t index) {
    const struct llm_route *route = &call->chain.targets[index].route;
    if (atomic_load_explicit(&route->provider->instance_ready,
                             memory_order_acquire)) { // its keys stay as they are
        call->route = *route;
        llm_call_observe_winner(call);
    }
    return name_response(call->response, route);
}

static llm_status find_parts(struct llm_call *call, const struct llm_route *route, llm_instance **instance,
                             const struct llm_plugin_generator **generator, llm_error *err) {
    struct llm_provider *provider = route->provider;
    const llm_str operation = call->job_args.operation;
    llm_status status =
        call->loop->master->options.transport != NULL ? LLM_OK : llm_provider_need_key(provider, err);
    status = status == LLM_OK ? llm_provider_instance(call->snapshot, provider, instance, err) : status;
    status = status == LLM_OK
                 ? llm_provider_generator(provider, route->provider_model, operation, generator, err)
                 : status;
    if (status == LLM_OK && format_of(*generator, call->format, operation) == NULL) {
        status = llm_fail(err, LLM_E_UNSUPPORTED, "%.*s does not take the format %.*s; it takes %s",
                          LLM_FMT(provider->name), LLM_FMT(call->format), (*generator)->formats[0]);
    }
    if (status != LLM_OK && err != NULL && err->size >= sizeof *err) {
        llm_error_text(err->provider, sizeof err->provider, provider->name);
    }
    return status;
}

llm_status llm_call_take_target(struct llm_call *call, size_t index, llm_error *err) {
    struct llm_target *target = &call->chain.targets[index];
    llm_instance *instance = NULL;
    const struct llm_plugin_generator *generator = NULL;
    target->used = true;
    llm_status status = find_parts(call, &target->route, &instance, &generator, err);
    if (status != LLM_OK) {
        target->problem = llm_arena_dup(&call->arena, llm_str_from(err->message));
        return status;
    }
    call->target = index;
    call->route = target->route;
    call->instance = instance;
    call->generator = generator;
    call->job_args.format = llm_str_from(*format_of(generator, call->format, call->job_args.operation));
    call->job_args.model = llm_arena_dup(&call->arena, call->route.provider_model);
    call->route.provider_model = call->job_args.model;
    status = body_for(call, call->job_args.model, err);
    call->job_args.fields = call->gate.fields;
    call->job_args.n_fields = call->gate.n_fields;
    return status == LLM_OK ? name_response(call->response, &call->route) : status;
}

llm_status llm_call_first_target(struct llm_call *call, llm_error *err) {
    llm_error first = LLM_ERROR_INIT;
    for (size_t i = 0; i < call->chain.n_targets; i++) {
        llm_error inner = LLM_ERROR_INIT;
        struct llm_target *target = &call->chain.targets[i];
        if (target->used || (first.status != LLM_OK && (target->when & LLM_WHEN(first.status)) == 0)) {
            continue;
        }
        const llm_status status = llm_call_take_target(call, i, &inner);
        if (status == LLM_OK || status == LLM_E_NOMEM) {
            return status;
        }
        if (first.status == LLM_OK) {
            first = inner;
        }
    }
    llm_error_copy(err, &first);
    return first.status;
}

uint32_t llm_call_targets_left(const struct llm_call *call, llm_status status) {
    uint32_t count = 0;
    for (size_t i = 0; i < call->chain.n_targets; i++) {
        const struct llm_target *target = &call->chain.targets[i];
        count += !target->used && (target->when & LLM_WHEN(status)) != 0 ? 1 : 0;
    }
    return count;
}

void llm_call_tell_problems(struct llm_call *call) {
    for (size_t i = 0; i < call->chain.n_targets; i++) {
        struct llm_target *target = &call->chain.targets[i];
        if (target->problem.ptr != NULL && !target->told) {
            target->told = true;
            (void)llm_call_emit(call, &(llm_event){.type = LLM_EVENT_WARNING,
                                                   .id = LLM_STR("target_skipped"),
                                                   .text = target->problem});
        }
    }
}

bool llm_call_tried(const struct llm_call *call, const struct llm_provider *provider) {
    for (const struct llm_attempt *a = call->response->attempts; a != NULL; a = a->next) {
        if (a->us > 0 && llm_str_eq(a->provider, provider->name)) {
            return true;
        }
    }
    return false;
}

bool llm_call_breaker_is_open(struct llm_call *call) {
    uint64_t wait_ms = 0;
    if (call->key->health == NULL ||
        llm_health_look(call->key->health, llm_clock_us(), &wait_ms) != LLM_HEALTH_OPEN) {
        return false;
    }
    llm_call_left_alone(call, wait_ms);
    return true;
}

void llm_call_left_alone(struct llm_call *call, uint64_t wait_ms) {
    if (call->outcome >= 0 || call->error.status == LLM_OK) {
        call->outcome = llm_call_fail(
            call, LLM_E_OVERLOADED, "%.*s failed too often of late and is left alone; asked again in %llu ms",
            LLM_FMT(call->route.provider->name), (unsigned long long)wait_ms);
    }
    call->error.retry_after_ms = (int64_t)wait_ms;
}

// The targets behind the one that failed could not be asked: what it cost is not theirs.
static void name_last_asked(struct llm_call *call) {
    struct llm_response *r = call->response;
    for (const struct llm_attempt *a = r->attempts; a != NULL; a = a->next) {
        if (a->us > 0 && !a->hedge) {
            r->provider = a->provider;
            r->provider_model = a->model;
        }
    }
}

enum llm_step_name llm_call_skip_target(struct llm_call *call) {
    llm_call_close_job(call);
    if (llm_call_next_target(call, call->outcome)) {
        return LLM_STEP_OPEN;
    }
    name_last_asked(call);
    return LLM_STEP_SETTLE;
}

bool llm_call_next_target(struct llm_call *call, llm_status status) {
    bool found = false;
    for (size_t i = 0; !found && i < call->chain.n_targets; i++) {
        llm_error inner = LLM_ERROR_INIT;
        const struct llm_target *target = &call->chain.targets[i];
        if (target->used || (target->when & LLM_WHEN(status)) == 0) {
            continue;
        }
        if (llm_call_tried(call, target->route.provider) &&
            !llm_health_withdraw(target->route.provider->keys[0].health, llm_clock_us())) {
            call->chain.targets[i].used = true; // another model, but the same provider: it counts as a retry
        } else {
            found = llm_call_take_target(call, i, &inner) == LLM_OK;
        }
    }
    llm_call_tell_problems(call);
    return found;
}
