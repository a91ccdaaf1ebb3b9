// SPDX-License-Identifier: MIT
// Loops: calls that are due are advanced, then the reactor waits.  Frees wait until nothing of a call is on the stack.
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "call/call.h"

#define IDLE_LOOPS_MAX 64u

static void on_ready(void *ctx, int fd, int events) {
    struct llm_loop *loop = ctx;
    llm_http_ready(loop->http, fd, events);
}

llm_status llm_loop_new(llm_master *master, const llm_loop_options *options, llm_loop **ret, llm_error *err) {
    struct llm_loop *loop = llm_mem_new(sizeof *loop);
    if (loop == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    loop->master = master;
    loop->random = (llm_clock_us() ^ (uintptr_t)loop) | 1;
    llm_status status = llm_reactor_init(&loop->reactor, options, on_ready, loop);
    if (status != LLM_OK) {
        llm_mem_free(loop);
        return llm_fail(err, status, "no descriptor is left for another loop");
    }
    (void)pthread_mutex_lock(&master->lock);
    loop->net_rules = master->net_rules;
    (void)pthread_mutex_unlock(&master->lock);
    struct llm_snapshot *snapshot = llm_master_snapshot(master); // as new as the rules, or newer
    const struct llm_http_options http = {.ca_file = snapshot->settings.ca_file,
                                          .proxy = snapshot->settings.proxy};
    status = llm_http_new(&loop->reactor, &http, &loop->http, err);
    llm_snapshot_unref(snapshot);
    if (status != LLM_OK) {
        llm_reactor_done(&loop->reactor);
        llm_mem_free(loop);
        return status == LLM_E_NOMEM ? llm_fail(err, status, "out of memory") : status;
    }
    *ret = loop;
    return LLM_OK;
}

// ---- what is to be done --------------------------------------------------------------------------------------------

void llm_loop_queue(struct llm_call *call) {
    struct llm_loop *loop = call->loop;
    if (call->ready) {
        return;
    }
    call->ready = true;
    call->ready_next = NULL;
    if (loop->ready_last != NULL) {
        loop->ready_last->ready_next = call;
    } else {
        loop->ready_first = call;
    }
    loop->ready_last = call;
}

void llm_loop_unqueue(struct llm_call *call) {
    struct llm_loop *loop = call->loop;
    struct llm_call *before = NULL;
    for (struct llm_call *at = loop->ready_first; at != NULL; before = at, at = at->ready_next) {
        if (at != call) {
            continue;
        }
        *(before != NULL ? &before->ready_next : &loop->ready_first) = call->ready_next;
        if (loop->ready_last == call) {
            loop->ready_last = before;
        }
        call->ready = false;
        return;
    }
}

static void advance_ready(struct llm_loop *loop) {
    // What is queued meanwhile waits for the next round, so that a call that starts calls does not keep the others waiting.
    struct llm_call *const last = loop->ready_last;
    while (loop->ready_first != NULL) {
        struct llm_call *call = loop->ready_first;
        loop->ready_first = call->ready_next;
        if (loop->ready_first == NULL) {
            loop->ready_last = NULL;
        }
        call->ready = false;
        const bool stop = call == last;
        llm_call_advance(call);
        if (stop) {
            break;
        }
    }
}

// Calls that another thread asked us to look at: cancelled, admitted by a limit, or their worker has something.
static void take_attention(struct llm_loop *loop) {
    struct llm_call *call = atomic_exchange(&loop->cancels, NULL);
    while (call != NULL) {
        struct llm_call *next = call->cancel_next;
        atomic_store(&call->cancel_listed, false);
        if (call->worker != NULL) {
            llm_worker_drain(call);
        }
        const bool woken = atomic_exchange(&call->woken, false);
        if (woken || atomic_load(&call->cancel_asked) || call->step == LLM_STEP_ADMIT ||
            llm_call_record_is_safe(call)) {
            llm_loop_queue(call);
        }
        call = next;
    }
}

static void enter(struct llm_loop *loop) {
    if (loop->depth++ == 0) {
        atomic_store(&loop->thread, pthread_self());
        atomic_store(&loop->was_run, true);
        atomic_store(&loop->running, true);
    }
}

void llm_loop_list(struct llm_call *call) {
    struct llm_loop *loop = call->loop;
    call->prev = NULL;
    call->next = loop->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    loop->calls = call;
}

void llm_loop_bury(struct llm_call *call) {
    if (!call->freed) {
        call->freed = true;
        llm_call_record_forget(call); // nobody puts it into loop->cancels for that from now on
        call->grave_next = call->loop->graves;
        call->loop->graves = call;
    }
}

static void reap(struct llm_loop *loop) {
    while (loop->graves != NULL) {
        struct llm_call *call = loop->graves;
        loop->graves = call->grave_next;
        llm_call_release(call);
    }
}

static void leave(struct llm_loop *loop) {
    if (loop->depth > 1) {
        loop->depth--;
        return;
    }
    take_attention(loop); // still inside: it may call the host, which may free calls
    while (loop->graves != NULL) {
        reap(loop);
        take_attention(loop); // what they gave back let others in
    }
    loop->depth = 0;
    llm_reactor_settle(&loop->reactor, loop->ready_first != NULL);
    atomic_store(&loop->running, false);
}

int llm_loop_run(llm_loop *loop, int timeout_ms) {
    if (loop->depth > 0) {
        return LLM_E_INVALID_REQUEST; // from inside a callback
    }
    enter(loop);
    const uint64_t before = loop->progress;
    take_attention(loop);
    advance_ready(loop);
    if (llm_reactor_fire(&loop->reactor) > 0) {
        advance_ready(loop);
    }
    if (loop->progress != before || loop->ready_first != NULL || atomic_load(&loop->cancels) != NULL) {
        timeout_ms = 0;
    }
    if (loop->reactor.epoll_fd >= 0) {
        llm_reactor_wait(&loop->reactor, timeout_ms);
        take_attention(loop);
        advance_ready(loop);
    }
    const int open = (int)loop->n_open;
    leave(loop);
    return open;
}

int llm_loop_ready(llm_loop *loop, int fd, int events) {
    if (loop->depth > 0) {
        return LLM_E_INVALID_REQUEST;
    }
    enter(loop);
    llm_reactor_ready(&loop->reactor, fd, events);
    take_attention(loop);
    advance_ready(loop);
    const int open = (int)loop->n_open;
    leave(loop);
    return open;
}

int llm_loop_fd(llm_loop *loop) {
    return llm_reactor_fd(&loop->reactor);
}

void llm_loop_wake(llm_loop *loop) {
    llm_reactor_wake(&loop->reactor);
}

void llm_loop_free(llm_loop *loop) {
    if (loop == NULL) {
        return;
    }
    enter(loop);
    for (struct llm_call *call = loop->calls; call != NULL; call = call->next) {
        llm_call_abort(call, LLM_E_CANCELLED);
        llm_call_advance(call);
        llm_call_record_late(call); // nobody runs it until its row is safe
        llm_call_advance(call);
        llm_loop_bury(call);
    }
    take_attention(loop);
    reap(loop);
    loop->ready_first = loop->ready_last = NULL;
    llm_http_free(loop->http);
    llm_reactor_done(&loop->reactor);
    llm_call_pool_free(loop);
    llm_arena_done(&loop->scratch);
    llm_mem_free(loop);
}

// ---- calls ---------------------------------------------------------------------------------------------------------

llm_status llm_call_start(llm_loop *loop, const llm_query_args *args, llm_call **ret, llm_error *err) {
    struct llm_call *call;
    const bool pull =
        args != NULL && args->size >= LLM_END(llm_query_args, on_event) && args->on_event == NULL;
    const llm_status status =
        llm_call_new(loop, args, pull ? LLM_DELIVER_PULL : LLM_DELIVER_CALLBACK, &call, err);
    if (status != LLM_OK) {
        return status;
    }
    if (loop->depth == 0) {
        llm_reactor_settle(&loop->reactor, true);
    }
    *ret = call;
    return LLM_OK;
}

void llm_call_attend(struct llm_call *call) {
    struct llm_loop *loop = call->loop;
    if (!atomic_exchange(&call->cancel_listed, true)) {
        struct llm_call *head = atomic_load(&loop->cancels);
        do {
            call->cancel_next = head;
        } while (!atomic_compare_exchange_weak(&loop->cancels, &head, call));
    }
    if (!atomic_load(&loop->running) || !pthread_equal(atomic_load(&loop->thread), pthread_self())) {
        llm_reactor_wake(&loop->reactor);
    }
}

void llm_loop_unlist(struct llm_call *call) {
    struct llm_loop *loop = call->loop;
    if (!atomic_load(&call->cancel_listed)) {
        return;
    }
    struct llm_call *others = atomic_exchange(&loop->cancels, NULL);
    while (others != NULL) {
        struct llm_call *next = others->cancel_next;
        atomic_store(&others->cancel_listed, false);
        if (others != call) {
            llm_call_attend(others);
        }
        others = next;
    }
}

void llm_call_cancel(llm_call *call) {
    atomic_store(&call->cancel_asked, true);
    llm_call_attend(call);
}

void llm_call_free(llm_call *call) {
    if (call == NULL || call->freed) {
        return;
    }
    if (call->kept) {
        llm_call_cancel(call);
        return;
    }
    struct llm_loop *loop = call->loop;
    atomic_store(&call->cancel_asked, true);
    llm_loop_bury(call);
    if (loop->depth == 0) {
        enter(loop);
        leave(loop);
    }
}

llm_status llm_call_response(llm_call *call, llm_response **ret) {
    llm_response_ref(call->response);
    *ret = call->response;
    return LLM_OK;
}

// ---- the master's store ----------------------------------------------------------------------------------------------

llm_status llm_loop_take(struct llm_master *master, struct llm_loop **ret, llm_error *err) {
    (void)pthread_mutex_lock(&master->lock);
    struct llm_loop *loop = master->idle_loops;
    if (loop != NULL) {
        master->idle_loops = loop->next;
        master->n_idle_loops--;
    }
    (void)pthread_mutex_unlock(&master->lock);
    if (loop != NULL) {
        *ret = loop;
        return LLM_OK;
    }
    return llm_loop_new(master, NULL, ret, err);
}

void llm_loop_give(struct llm_loop *loop) {
    struct llm_master *master = loop->master;
    (void)pthread_mutex_lock(&master->lock);
    const bool keep = master->n_idle_loops < IDLE_LOOPS_MAX && loop->net_rules == master->net_rules;
    if (keep) {
        loop->next = master->idle_loops;
        master->idle_loops = loop;
        master->n_idle_loops++;
    }
    (void)pthread_mutex_unlock(&master->lock);
    if (!keep) {
        llm_loop_free(loop);
    }
}
