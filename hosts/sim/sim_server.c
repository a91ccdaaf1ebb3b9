// SPDX-License-Identifier: MIT
#include "sim_server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 256

// "ADDR:PORT", "[ADDR]:PORT" or "PORT" into its parts.  false: neither.
static bool split_address(const char *text, char *host, size_t host_cap, const char **ret_port) {
    const char *colon = strrchr(text, ':');
    *ret_port = colon == NULL ? text : colon + 1;
    size_t n = colon == NULL ? 0 : (size_t)(colon - text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (n >= host_cap || **ret_port == '\0' || strlen(*ret_port) > 5 ||
        strspn(*ret_port, "0123456789") != strlen(*ret_port)) {
        return false;
    }
    memcpy(host, colon == NULL ? "127.0.0.1" : text, colon == NULL ? 10 : n);
    host[colon == NULL ? 9 : n] = '\0';
    return host[0] != '\0';
}

static int bind_to(const struct addrinfo *address) {
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int yes = 1;
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, 4096) != 0) {
        const int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static void find_port(struct llm_sim *sim, const char *host) {
    struct sockaddr_storage at = {0};
    socklen_t size = sizeof at;
    getsockname(sim->listener, (struct sockaddr *)&at, &size);
    if (at.ss_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, &at, sizeof six);
        sim->port = ntohs(six.sin6_port);
    } else {
        struct sockaddr_in four;
        memcpy(&four, &at, sizeof four);
        sim->port = ntohs(four.sin_port);
    }
    snprintf(sim->url, sizeof sim->url, strchr(host, ':') != NULL ? "http://[%s]:%u" : "http://%s:%u", host,
             sim->port);
}

static llm_status open_listener(struct llm_sim *sim, const char *text, llm_error *err) {
    char host[256];
    const char *port;
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (!split_address(text, host, sizeof host, &port)) {
        return host_fail(err, LLM_E_CONFIG, "\"%s\" is no address to listen on; 127.0.0.1:8080 is one", text);
    }
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        return host_fail(err, LLM_E_CONFIG, "\"%s\" is no address to listen on; 127.0.0.1:8080 is one", text);
    }
    sim->listener = bind_to(found);
    freeaddrinfo(found);
    if (sim->listener < 0) {
        return host_fail(err, LLM_E_TRANSPORT, "cannot listen on %s: %s", text, strerror(errno));
    }
    find_port(sim, host);
    return LLM_OK;
}

static llm_status open_loop(struct llm_sim *sim, llm_error *err) {
    struct epoll_event on_listener = {.events = EPOLLIN, .data.ptr = &sim->listener};
    struct epoll_event on_stopper = {.events = EPOLLIN, .data.ptr = &sim->stopper};
    sim->epoll = epoll_create1(EPOLL_CLOEXEC);
    sim->stopper = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (sim->epoll < 0 || sim->stopper < 0 ||
        epoll_ctl(sim->epoll, EPOLL_CTL_ADD, sim->listener, &on_listener) != 0 ||
        epoll_ctl(sim->epoll, EPOLL_CTL_ADD, sim->stopper, &on_stopper) != 0) {
        return host_fail(err, LLM_E_TRANSPORT, "cannot wait for connections: %s", strerror(errno));
    }
    return LLM_OK;
}

static llm_status open_log(struct llm_sim_log *log, const char *file, llm_error *err) {
    if (file == NULL) {
        return LLM_OK;
    }
    const bool is_stdout = strcmp(file, "-") == 0;
    log->fd = is_stdout ? dup(STDOUT_FILENO) : open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log->fd < 0) {
        return host_fail(err, LLM_E_CONFIG, "%s: cannot be written: %s", file, strerror(errno));
    }
    return LLM_OK;
}

static llm_status read_script(struct llm_sim *sim, const struct llm_sim_options *options, llm_error *err) {
    struct host_text text = {0};
    const char *name = options->script != NULL ? options->script : "rules";
    llm_status status = LLM_OK;
    if (options->script == NULL && options->rules == NULL) {
        return LLM_OK;
    }
    if (options->script != NULL) {
        status = host_text_file(&text, options->script, err);
    } else {
        host_text_text(&text, options->rules);
    }
    if (status == LLM_OK) {
        status = llm_sim_script_new(host_text_str(&text), name, sim->fixtures, &sim->script, err);
    }
    host_text_done(&text);
    return status;
}

static llm_status open_all(struct llm_sim *sim, const struct llm_sim_options *options, llm_error *err) {
    llm_status status = LLM_OK;
    if (options->fixtures != NULL) {
        status = llm_sim_fixtures_new(options->fixtures, options->chunk_bytes, options->delay_ms,
                                      &sim->fixtures, err);
    }
    status = status == LLM_OK ? read_script(sim, options, err) : status;
    status = status == LLM_OK ? open_log(&sim->log, options->log_file, err) : status;
    status = status == LLM_OK ? open_log(&sim->answers, options->answers_file, err) : status;
    status = status == LLM_OK
                 ? open_listener(sim, options->listen != NULL ? options->listen : "127.0.0.1:0", err)
                 : status;
    return status == LLM_OK ? open_loop(sim, err) : status;
}

llm_status llm_sim_new(const struct llm_sim_options *options, struct llm_sim **ret_sim, llm_error *err) {
    struct llm_sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL) {
        return host_fail(err, LLM_E_NOMEM, "out of memory");
    }
    sim->epoll = sim->listener = sim->stopper = sim->log.fd = sim->answers.fd = -1;
    const llm_status status = open_all(sim, options, err);
    if (status != LLM_OK) {
        llm_sim_free(sim);
        return status;
    }
    sim->answers_key = options->answers_key != NULL ? host_str(options->answers_key) : (llm_str){NULL, 0};
    sim->demo.origin = host_str(sim->url);
    sim->demo.chunk_bytes = options->chunk_bytes;
    sim->demo.delay_ms = options->delay_ms;
    sim->no_demo = options->no_demo || (sim->script != NULL && !llm_sim_script_demo(sim->script));
    *ret_sim = sim;
    return LLM_OK;
}

static void close_one(int fd) {
    if (fd >= 0) {
        close(fd);
    }
}

void llm_sim_free(struct llm_sim *sim) {
    if (sim == NULL) {
        return;
    }
    if (sim->has_thread) {
        llm_sim_stop(sim);
        pthread_join(sim->thread, NULL);
    }
    while (sim->conns != NULL) {
        llm_sim_conn_close(sim->conns);
    }
    llm_sim_conn_free_spare(sim);
    close_one(sim->epoll);
    close_one(sim->listener);
    close_one(sim->stopper);
    close_one(sim->log.fd);
    close_one(sim->answers.fd);
    host_text_done(&sim->log.line);
    host_text_done(&sim->answers.line);
    llm_sim_timers_done(&sim->timers);
    llm_sim_demo_done(&sim->demo);
    llm_sim_script_free(sim->script);
    llm_sim_fixtures_free(sim->fixtures);
    free(sim);
}

unsigned llm_sim_port(const struct llm_sim *sim) {
    return sim->port;
}

const char *llm_sim_url(const struct llm_sim *sim) {
    return sim->url;
}

static void accept_all(struct llm_sim *sim) {
    for (;;) {
        const int fd = accept4(sim->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            const int yes = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            llm_sim_conn_open(sim, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE) {
            struct epoll_event event = {.events = 0, .data.ptr = &sim->listener};
            sim->listener_paused = true;
            epoll_ctl(sim->epoll, EPOLL_CTL_MOD, sim->listener, &event);
        }
        if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void run_timers(struct llm_sim *sim) {
    struct llm_sim_timer *first = llm_sim_timer_first(&sim->timers);
    if (first == NULL) {
        return;
    }
    const uint64_t now = llm_sim_now_us();
    while (first != NULL && first->due_us <= now) {
        llm_sim_timer_clear(&sim->timers, first);
        llm_sim_conn_due((struct llm_sim_conn *)(void *)first);
        first = llm_sim_timer_first(&sim->timers);
    }
}

static int wait_time(const struct llm_sim *sim) {
    const struct llm_sim_timer *first = llm_sim_timer_first(&sim->timers);
    if (first == NULL) {
        return -1;
    }
    const uint64_t now = llm_sim_now_us();
    return first->due_us <= now ? 0 : (int)((first->due_us - now + 999) / 1000);
}

llm_status llm_sim_run(struct llm_sim *sim) {
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        const int n = epoll_wait(sim->epoll, events, EVENTS_MAX, wait_time(sim));
        if (n < 0 && errno != EINTR) {
            return LLM_E_INTERNAL;
        }
        bool stopped = false;
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &sim->listener) {
                accept_all(sim);
            } else if (events[i].data.ptr == &sim->stopper) {
                uint64_t count;
                (void)!read(sim->stopper, &count, sizeof count);
                stopped = true;
            } else {
                llm_sim_conn_event(events[i].data.ptr, events[i].events);
            }
        }
        run_timers(sim);
        if (stopped) {
            return LLM_OK;
        }
    }
}

static void *run_thread(void *ctx) {
    llm_sim_run(ctx);
    return NULL;
}

llm_status llm_sim_start(struct llm_sim *sim) {
    if (pthread_create(&sim->thread, NULL, run_thread, sim) != 0) {
        return LLM_E_LIMIT;
    }
    sim->has_thread = true;
    return LLM_OK;
}

void llm_sim_stop(struct llm_sim *sim) {
    const uint64_t one = 1;
    (void)!write(sim->stopper, &one, sizeof one);
}

uint64_t llm_sim_requests(const struct llm_sim *sim) {
    return atomic_load_explicit(&sim->requests, memory_order_relaxed);
}

uint64_t llm_sim_connections(const struct llm_sim *sim) {
    return atomic_load_explicit(&sim->connections, memory_order_relaxed);
}
