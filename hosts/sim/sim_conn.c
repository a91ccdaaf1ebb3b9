// SPDX-License-Identifier: MIT
// One connection: requests in, answers out, in order.
#include "sim_server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 16384u       // room for one read
#define AHEAD_BYTES (64u << 10) // what is read ahead while an answer is under way
#define DRAIN_US 2000000u       // how long the other side may take to close
#define SPARE_MAX 1024u

static void watch(struct llm_sim_conn *conn) {
    const bool full = conn->state == LLM_SIM_PLAYING && conn->in.len > conn->reader.consumed + AHEAD_BYTES;
    const uint32_t events =
        (conn->peer_done || full ? 0 : (uint32_t)EPOLLIN) | (conn->blocked ? (uint32_t)EPOLLOUT : 0);
    if (events != conn->events) {
        struct epoll_event event = {.events = events, .data.ptr = conn};
        epoll_ctl(conn->sim->epoll, EPOLL_CTL_MOD, conn->fd, &event);
        conn->events = events;
    }
}

bool llm_sim_conn_open(struct llm_sim *sim, int fd) {
    struct llm_sim_conn *conn = sim->spare;
    if (conn != NULL) {
        sim->spare = conn->next;
        sim->n_spare--;
    } else {
        conn = calloc(1, sizeof *conn);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    if (conn == NULL || epoll_ctl(sim->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(conn);
        close(fd);
        return false;
    }
    conn->sim = sim;
    conn->fd = fd;
    conn->events = EPOLLIN;
    conn->state = LLM_SIM_READING;
    conn->blocked = conn->peer_done = conn->continued = false;
    conn->number = atomic_fetch_add_explicit(&sim->connections, 1, memory_order_relaxed) + 1;
    llm_sim_reader_reset(&conn->reader);
    conn->prev = NULL;
    conn->next = sim->conns;
    if (sim->conns != NULL) {
        sim->conns->prev = conn;
    }
    sim->conns = conn;
    return true;
}

static void resume_listener(struct llm_sim *sim) {
    if (sim->listener_paused) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &sim->listener};
        sim->listener_paused = false;
        epoll_ctl(sim->epoll, EPOLL_CTL_MOD, sim->listener, &event);
    }
}

void llm_sim_conn_close(struct llm_sim_conn *conn) {
    struct llm_sim *sim = conn->sim;
    llm_sim_log_answer(&sim->answers, &conn->answered, false);
    llm_sim_timer_clear(&sim->timers, &conn->timer);
    close(conn->fd);
    conn->fd = -1;
    if (conn->prev != NULL) {
        conn->prev->next = conn->next;
    } else {
        sim->conns = conn->next;
    }
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
    resume_listener(sim);
    if (sim->n_spare < SPARE_MAX) {
        host_text_reset(&conn->in, LLM_SIM_MAX_KEPT_BYTES);
        llm_sim_made_reset(&conn->made);
        conn->next = sim->spare;
        sim->spare = conn;
        sim->n_spare++;
        return;
    }
    host_text_done(&conn->in);
    llm_sim_made_done(&conn->made);
    free(conn);
}

void llm_sim_conn_free_spare(struct llm_sim *sim) {
    while (sim->spare != NULL) {
        struct llm_sim_conn *conn = sim->spare;
        sim->spare = conn->next;
        host_text_done(&conn->in);
        llm_sim_made_done(&conn->made);
        free(conn);
    }
    sim->n_spare = 0;
}

static void reset(struct llm_sim_conn *conn) {
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    llm_sim_conn_close(conn);
}

static void begin(struct llm_sim_conn *conn, const struct llm_sim_reply *reply) {
    llm_sim_play(&conn->player, reply);
    conn->state = LLM_SIM_PLAYING;
}

// true: an answer is under way.
static bool take_request(struct llm_sim_conn *conn) {
    if (conn->in.len == 0) {
        return false;
    }
    const int result = llm_sim_read(&conn->reader, &conn->in);
    const struct llm_sim_request *request = &conn->reader.request;
    if (result == LLM_SIM_READ_MORE) {
        if (conn->reader.head_bytes > 0 && request->wants_continue && !conn->continued) {
            static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
            conn->continued = true;
            (void)!send(conn->fd, go_on, sizeof go_on - 1, MSG_NOSIGNAL);
        }
        return false;
    }
    if (result != LLM_SIM_READ_READY) {
        conn->reader.consumed = conn->in.len;
        begin(conn, llm_sim_refuse(&conn->made, (unsigned)result));
        return true;
    }
    begin(conn, llm_sim_answer(conn->sim, conn->number, request, &conn->made, &conn->answered));
    conn->player.no_body = host_same(request->method, host_str("HEAD"));
    conn->player.close_after |= !request->keep_alive;
    return true;
}

static void next_request(struct llm_sim_conn *conn) {
    const size_t left = conn->in.len - conn->reader.consumed;
    if (left > 0) {
        memmove(conn->in.ptr, conn->in.ptr + conn->reader.consumed, left);
        conn->in.len = left;
    } else {
        host_text_reset(&conn->in, LLM_SIM_MAX_KEPT_BYTES);
    }
    llm_sim_reader_reset(&conn->reader);
    conn->continued = false;
    conn->state = LLM_SIM_READING;
}

// 1: all of the piece is on its way; 0: the socket takes no more for now; -1: it is broken.
static int send_piece(struct llm_sim_conn *conn) {
    struct llm_sim_player *player = &conn->player;
    while (player->n_parts > 0) {
        const struct msghdr message = {.msg_iov = player->parts, .msg_iovlen = (size_t)player->n_parts};
        const ssize_t sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
        }
        size_t left = (size_t)sent;
        int done = 0;
        while (done < player->n_parts && left >= player->parts[done].iov_len) {
            left -= player->parts[done++].iov_len;
        }
        player->n_parts -= done;
        memmove(player->parts, player->parts + done, (size_t)player->n_parts * sizeof player->parts[0]);
        if (player->n_parts > 0) {
            player->parts[0].iov_base = (char *)player->parts[0].iov_base + left;
            player->parts[0].iov_len -= left;
        }
    }
    return 1;
}

static void wait_ms(struct llm_sim_conn *conn, uint32_t ms) {
    llm_sim_timer_set(&conn->sim->timers, &conn->timer, llm_sim_now_us() + (uint64_t)ms * 1000u);
}

static void drain(struct llm_sim_conn *conn) {
    shutdown(conn->fd, SHUT_WR);
    conn->state = LLM_SIM_DRAINING;
    conn->in.len = 0;
    llm_sim_timer_set(&conn->sim->timers, &conn->timer, llm_sim_now_us() + DRAIN_US);
}

static void note_end(struct llm_sim_conn *conn, bool over) {
    llm_sim_log_answer(&conn->sim->answers, &conn->answered,
                       over && conn->player.reply->fault == LLM_SIM_WHOLE);
}

enum outcome { GOES_ON, PAUSED, GONE };

// What the player asks for when there is no piece to send.
static enum outcome obey(struct llm_sim_conn *conn, int asked) {
    switch (asked) {
    case LLM_SIM_WAIT: wait_ms(conn, conn->player.wait_ms); return PAUSED;
    case LLM_SIM_OVER:
        note_end(conn, true);
        next_request(conn);
        return GOES_ON;
    case LLM_SIM_HANG:
        note_end(conn, false);
        conn->state = LLM_SIM_HANGING;
        if (!conn->peer_done) {
            return PAUSED;
        }
        llm_sim_conn_close(conn);
        return GONE;
    case LLM_SIM_CLOSE:
        note_end(conn, true);
        if (!conn->peer_done) {
            drain(conn);
            return PAUSED;
        }
        llm_sim_conn_close(conn);
        return GONE;
    default: reset(conn); return GONE;
    }
}

static enum outcome play(struct llm_sim_conn *conn) {
    for (unsigned writes = 0; writes < LLM_SIM_MAX_WRITES; writes++) {
        if (conn->player.n_parts == 0) {
            const int asked = llm_sim_next(&conn->player);
            if (asked != LLM_SIM_PIECE) {
                return obey(conn, asked);
            }
        }
        const int sent = send_piece(conn);
        if (sent < 0) {
            llm_sim_conn_close(conn);
            return GONE;
        }
        conn->blocked = sent == 0;
        if (conn->blocked) {
            return PAUSED;
        }
    }
    wait_ms(conn, 0);
    return PAUSED;
}

static void run(struct llm_sim_conn *conn) {
    enum outcome outcome = GOES_ON;
    while (outcome == GOES_ON) {
        if (conn->state == LLM_SIM_READING && !take_request(conn)) {
            if (conn->peer_done) {
                llm_sim_conn_close(conn);
                return;
            }
            break;
        }
        outcome = play(conn);
    }
    if (outcome != GONE) {
        watch(conn);
    }
}

// false: the connection is of no more use.
static bool receive(struct llm_sim_conn *conn) {
    if (!host_text_reserve(&conn->in, READ_BYTES)) {
        return false;
    }
    const ssize_t got = recv(conn->fd, conn->in.ptr + conn->in.len, conn->in.cap - conn->in.len, 0);
    if (got > 0) {
        conn->in.len += conn->state == LLM_SIM_DRAINING ? 0 : (size_t)got;
        return true;
    }
    if (got == 0) {
        conn->peer_done = true;
        return conn->state == LLM_SIM_PLAYING || conn->state == LLM_SIM_READING;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

void llm_sim_conn_event(struct llm_sim_conn *conn, uint32_t events) {
    if ((events & EPOLLIN) != 0) {
        if (!receive(conn)) {
            llm_sim_conn_close(conn);
            return;
        }
    } else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        llm_sim_conn_close(conn);
        return;
    }
    const bool idle = conn->state == LLM_SIM_HANGING || conn->state == LLM_SIM_DRAINING ||
                      (conn->state == LLM_SIM_PLAYING && (events & EPOLLOUT) == 0);
    if (idle) {
        watch(conn);
        return;
    }
    run(conn);
}

void llm_sim_conn_due(struct llm_sim_conn *conn) {
    if (conn->state == LLM_SIM_PLAYING) {
        run(conn);
    } else if (conn->state == LLM_SIM_DRAINING) {
        llm_sim_conn_close(conn);
    }
}
