// SPDX-License-Identifier: MIT
// Readiness and time for one loop: its own epoll, or the host's event loop.  One thread at a time, but for wake.
#ifndef LLM_NET_REACTOR_H
#define LLM_NET_REACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "llm_master.h"

// Embedded in its owner; zeroed is "not armed".  fire: [loop]; the timer is disarmed when it is called.
struct llm_timer {
    uint64_t at_us;
    size_t slot; // private: place in the heap + 1; 0: not armed
    void (*fire)(struct llm_timer *timer);
};

// [loop] A watched descriptor is ready; events: LLM_LOOP_READ | LLM_LOOP_WRITE.
typedef void (*llm_reactor_fn)(void *ctx, int fd, int events);

struct llm_reactor_fd; // private

struct llm_reactor {
    int epoll_fd, wake_fd, timer_fd; // -1: none
    uint64_t now_us;                 // when it last woke or fired: near enough for time-outs, and free
    llm_reactor_fn on_ready;
    void *ctx;
    struct llm_loop_options host; // watch NULL: own epoll
    struct llm_timer **heap;
    size_t heap_count, heap_cap;
    struct llm_reactor_fd *fds; // index: descriptor
    size_t fd_count;
    uint64_t timer_fd_at_us;  // what timer_fd is set to; 0: nothing
    int64_t host_timer_at_us; // what the host was asked for; -1: nothing
};

// host: nullable.  LLM_E_LIMIT: no descriptor left.  LLM_E_NOMEM.
llm_status llm_reactor_init(struct llm_reactor *reactor, const llm_loop_options *host,
                            llm_reactor_fn on_ready, void *ctx);
void llm_reactor_done(struct llm_reactor *reactor);

// Watch fd for events (0: stop).
llm_status llm_reactor_watch(struct llm_reactor *reactor, int fd, int events);
// A descriptor between these two is watched lazily: "stop" and "again" cost no system call.  closed: before close().
void llm_reactor_opened(struct llm_reactor *reactor, int fd);
void llm_reactor_closed(struct llm_reactor *reactor, int fd);

// Arm or move a timer; LLM_E_NOMEM leaves it as it was.
llm_status llm_timer_set(struct llm_reactor *reactor, struct llm_timer *timer, uint64_t at_us);
void llm_timer_clear(struct llm_reactor *reactor, struct llm_timer *timer);

// Fire the timers that are due; gives how many.
size_t llm_reactor_fire(struct llm_reactor *reactor);
// Wait at most timeout_ms (-1: no limit) and no longer than the next timer; serve descriptors, then timers.
void llm_reactor_wait(struct llm_reactor *reactor, int timeout_ms);
// The host's event loop says so.
void llm_reactor_ready(struct llm_reactor *reactor, int fd, int events);
// Tell whoever waits (the host's timer, timer_fd) about the nearest deadline; soon: something is due now.
void llm_reactor_settle(struct llm_reactor *reactor, bool soon);
// [any]
void llm_reactor_wake(struct llm_reactor *reactor);
// A descriptor that is readable when there is something to do; -1 with a host's loop.
int llm_reactor_fd(struct llm_reactor *reactor);

#endif
