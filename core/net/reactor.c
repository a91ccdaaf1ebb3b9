// SPDX-License-Identifier: MIT
#include "net/reactor.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define BATCH 64

struct llm_reactor_fd {
    uint8_t wanted;     // LLM_LOOP_*: what the owner wants to hear
    uint8_t registered; // LLM_LOOP_*: what epoll knows; with a lazy owner it may be more than is wanted
    bool known;         // epoll has it
    bool lazy;          // its close will be told
};

static uint32_t epoll_events(int events) {
    return ((events & LLM_LOOP_READ) != 0 ? (uint32_t)EPOLLIN : 0u) |
           ((events & LLM_LOOP_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0u);
}

static bool grow_fds(struct llm_reactor *r, int fd) {
    if ((size_t)fd < r->fd_count) {
        return true;
    }
    size_t count = r->fd_count != 0 ? r->fd_count : 64;
    while (count <= (size_t)fd) {
        count *= 2;
    }
    struct llm_reactor_fd *fds = llm_mem_resize(r->fds, count * sizeof *fds);
    if (fds == NULL) {
        return false;
    }
    memset(fds + r->fd_count, 0, (count - r->fd_count) * sizeof *fds);
    r->fds = fds;
    r->fd_count = count;
    return true;
}

llm_status llm_reactor_init(struct llm_reactor *r, const llm_loop_options *host, llm_reactor_fn on_ready,
                            void *ctx) {
    *r = (struct llm_reactor){
        .epoll_fd = -1, .wake_fd = -1, .timer_fd = -1, .host_timer_at_us = -1, .now_us = llm_clock_us()};
    r->on_ready = on_ready;
    r->ctx = ctx;
    r->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (r->wake_fd < 0) {
        return LLM_E_LIMIT;
    }
    if (host != NULL && host->watch != NULL) {
        r->host = *host;
        r->host.watch(r->host.ctx, r->wake_fd, LLM_LOOP_READ);
        return LLM_OK;
    }
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = r->wake_fd};
    if (r->epoll_fd < 0 || epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->wake_fd, &event) != 0) {
        llm_reactor_done(r);
        return LLM_E_LIMIT;
    }
    return LLM_OK;
}

void llm_reactor_done(struct llm_reactor *r) {
    if (r->host.watch != NULL && r->wake_fd >= 0) {
        r->host.watch(r->host.ctx, r->wake_fd, 0);
        r->host.timer(r->host.ctx, -1);
    }
    for (int i = 0; i < 3; i++) {
        const int fd = i == 0 ? r->epoll_fd : i == 1 ? r->wake_fd : r->timer_fd;
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    llm_mem_free(r->heap);
    llm_mem_free(r->fds);
    *r = (struct llm_reactor){.epoll_fd = -1, .wake_fd = -1, .timer_fd = -1};
}

llm_status llm_reactor_watch(struct llm_reactor *r, int fd, int events) {
    if (fd < 0 || !grow_fds(r, fd)) {
        return LLM_E_NOMEM;
    }
    struct llm_reactor_fd *entry = &r->fds[fd];
    entry->wanted = (uint8_t)events;
    if (r->host.watch != NULL) {
        r->host.watch(r->host.ctx, fd, events);
        return LLM_OK;
    }
    // Lazily: what epoll knows beyond what is wanted does no harm; serve_fd() drops it when it speaks up.
    if (entry->known && (entry->registered == events || (entry->lazy && events == 0))) {
        return LLM_OK;
    }
    if (events == 0 && !entry->known) {
        return LLM_OK;
    }
    struct epoll_event event = {.events = epoll_events(events), .data.fd = fd};
    const int op = events == 0 ? EPOLL_CTL_DEL : entry->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int rc = epoll_ctl(r->epoll_fd, op, fd, &event);
    if (rc != 0 && op == EPOLL_CTL_MOD && errno == ENOENT) {
        rc = epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    } else if (rc != 0 && op == EPOLL_CTL_ADD && errno == EEXIST) {
        rc = epoll_ctl(r->epoll_fd, EPOLL_CTL_MOD, fd, &event);
    }
    entry->known = events != 0 && rc == 0;
    entry->registered = entry->known ? (uint8_t)events : 0;
    return rc == 0 || events == 0 ? LLM_OK : LLM_E_LIMIT;
}

void llm_reactor_opened(struct llm_reactor *r, int fd) {
    if (fd >= 0 && grow_fds(r, fd)) {
        r->fds[fd] = (struct llm_reactor_fd){.lazy = true};
    }
}

void llm_reactor_closed(struct llm_reactor *r, int fd) {
    if (fd < 0 || (size_t)fd >= r->fd_count) {
        return;
    }
    if (r->host.watch != NULL && r->fds[fd].wanted != 0) {
        r->host.watch(r->host.ctx, fd, 0);
    }
    r->fds[fd] = (struct llm_reactor_fd){0}; // the kernel drops it from epoll when it is closed
}

// ---- timers: a binary heap, earliest first ----------------------------------------------------------------

static void place(struct llm_reactor *r, size_t i, struct llm_timer *timer) {
    r->heap[i] = timer;
    timer->slot = i + 1;
}

static void sift_up(struct llm_reactor *r, size_t i, struct llm_timer *timer) {
    while (i > 0 && r->heap[(i - 1) / 2]->at_us > timer->at_us) {
        place(r, i, r->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(r, i, timer);
}

static void sift_down(struct llm_reactor *r, size_t i, struct llm_timer *timer) {
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= r->heap_count) {
            break;
        }
        if (child + 1 < r->heap_count && r->heap[child + 1]->at_us < r->heap[child]->at_us) {
            child++;
        }
        if (r->heap[child]->at_us >= timer->at_us) {
            break;
        }
        place(r, i, r->heap[child]);
        i = child;
    }
    place(r, i, timer);
}

llm_status llm_timer_set(struct llm_reactor *r, struct llm_timer *timer, uint64_t at_us) {
    if (timer->slot != 0) {
        const uint64_t before = timer->at_us;
        timer->at_us = at_us;
        if (at_us < before) {
            sift_up(r, timer->slot - 1, timer);
        } else {
            sift_down(r, timer->slot - 1, timer);
        }
        return LLM_OK;
    }
    void *heap = r->heap;
    if (!llm_mem_grow(&heap, r->heap_count, &r->heap_cap, sizeof *r->heap)) {
        return LLM_E_NOMEM;
    }
    r->heap = heap;
    timer->at_us = at_us;
    sift_up(r, r->heap_count++, timer);
    return LLM_OK;
}

void llm_timer_clear(struct llm_reactor *r, struct llm_timer *timer) {
    if (timer->slot == 0) {
        return;
    }
    const size_t i = timer->slot - 1;
    timer->slot = 0;
    struct llm_timer *last = r->heap[--r->heap_count];
    if (last == timer) {
        return;
    }
    if (i > 0 && r->heap[(i - 1) / 2]->at_us > last->at_us) {
        sift_up(r, i, last);
    } else {
        sift_down(r, i, last);
    }
}

static size_t fire_due(struct llm_reactor *r) {
    // A timer that is set anew for "now" waits for the next round: no round lasts for ever.
    const uint64_t now = r->now_us;
    const size_t budget = r->heap_count;
    size_t fired = 0;
    while (r->heap_count > 0 && r->heap[0]->at_us <= now && fired < budget) {
        struct llm_timer *timer = r->heap[0];
        llm_timer_clear(r, timer);
        timer->fire(timer);
        fired++;
    }
    return fired;
}

size_t llm_reactor_fire(struct llm_reactor *r) {
    r->now_us = llm_clock_us();
    return fire_due(r);
}

// ---- running ----------------------------------------------------------------------------------------------

static void serve_fd(struct llm_reactor *r, int fd, int events) {
    if (fd == r->wake_fd) {
        uint64_t count;
        while (read(fd, &count, sizeof count) == (ssize_t)sizeof count) {
        }
        return;
    }
    if (fd < 0 || (size_t)fd >= r->fd_count) {
        return;
    }
    if (r->fds[fd].wanted == 0) { // left there lazily, and now it has something to say to nobody
        const bool lazy = r->fds[fd].lazy;
        r->fds[fd].lazy = false;
        (void)llm_reactor_watch(r, fd, 0);
        r->fds[fd].lazy = lazy;
        return;
    }
    r->on_ready(r->ctx, fd, events);
}

static int wait_ms(struct llm_reactor *r, int timeout_ms) {
    if (r->heap_count == 0 || timeout_ms == 0) {
        return timeout_ms;
    }
    const uint64_t now = r->now_us = llm_clock_us();
    const uint64_t at = r->heap[0]->at_us;
    const uint64_t left = at <= now ? 0 : (at - now + 999) / 1000;
    return timeout_ms < 0 || left < (uint64_t)timeout_ms ? (int)(left < INT32_MAX ? left : INT32_MAX)
                                                         : timeout_ms;
}

void llm_reactor_wait(struct llm_reactor *r, int timeout_ms) {
    struct epoll_event events[BATCH];
    if (r->epoll_fd >= 0) {
        const int n = epoll_wait(r->epoll_fd, events, BATCH, wait_ms(r, timeout_ms));
        r->now_us = llm_clock_us();
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == r->timer_fd) {
                uint64_t count;
                (void)!read(r->timer_fd, &count, sizeof count);
                r->timer_fd_at_us = 0;
                continue;
            }
            const uint32_t bits = events[i].events;
            const bool trouble = (bits & (uint32_t)(EPOLLERR | EPOLLHUP)) != 0;
            serve_fd(r, events[i].data.fd,
                     ((bits & EPOLLIN) != 0 || trouble ? LLM_LOOP_READ : 0) |
                         ((bits & EPOLLOUT) != 0 || trouble ? LLM_LOOP_WRITE : 0));
        }
    }
    (void)fire_due(r);
}

void llm_reactor_ready(struct llm_reactor *r, int fd, int events) {
    r->now_us = llm_clock_us();
    if (fd >= 0) {
        serve_fd(r, fd, events);
    } else {
        r->host_timer_at_us = -1;
    }
    (void)fire_due(r);
}

void llm_reactor_settle(struct llm_reactor *r, bool soon) {
    const uint64_t at = soon ? 1 : r->heap_count > 0 ? r->heap[0]->at_us : 0;
    if (r->host.timer != NULL) {
        const int64_t want = at != 0 ? (int64_t)at : -1;
        if (want != r->host_timer_at_us) {
            const uint64_t now = llm_clock_us();
            r->host_timer_at_us = want;
            r->host.timer(r->host.ctx, at == 0 ? -1 : at <= now ? 0 : (int64_t)((at - now + 999) / 1000));
        }
        return;
    }
    if (r->timer_fd >= 0 && at != r->timer_fd_at_us) {
        const struct itimerspec spec = {
            .it_value = {.tv_sec = (time_t)(at / 1000000), .tv_nsec = (long)(at % 1000000) * 1000}};
        r->timer_fd_at_us = at;
        (void)timerfd_settime(r->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
    }
}

void llm_reactor_wake(struct llm_reactor *r) {
    const uint64_t one = 1;
    (void)!write(r->wake_fd, &one, sizeof one);
}

int llm_reactor_fd(struct llm_reactor *r) {
    if (r->epoll_fd < 0) {
        return -1;
    }
    if (r->timer_fd < 0) {
        r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = r->timer_fd};
        if (r->timer_fd < 0 || epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->timer_fd, &event) != 0) {
            return -1;
        }
    }
    return r->epoll_fd;
}
