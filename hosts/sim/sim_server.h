// SPDX-License-Identifier: MIT
// The inside of the simulator: what its server, its connections and its choice of answers share.
#ifndef LLM_SIM_SERVER_H
#define LLM_SIM_SERVER_H

#include "sim.h"
#include "sim_demo.h"
#include "sim_fixture.h"
#include "sim_log.h"
#include "sim_script.h"
#include "sim_timer.h"

#include <pthread.h>
#include <stdatomic.h>

enum llm_sim_state {
    LLM_SIM_READING,  // a request is awaited or incomplete
    LLM_SIM_PLAYING,  // its answer is under way
    LLM_SIM_HANGING,  // nothing more will be sent
    LLM_SIM_DRAINING, // our side is closed; what still comes is thrown away until the other side closes
};

struct llm_sim_conn {
    struct llm_sim_timer timer; // first member: the heap gives it back
    struct llm_sim *sim;
    struct llm_sim_conn *next, *prev;
    int fd;
    uint32_t events; // watched now
    enum llm_sim_state state;
    bool blocked;   // the socket takes no more
    bool peer_done; // the other side sends no more
    bool continued; // 100 Continue was sent
    uint64_t number;
    struct host_text in;
    struct llm_sim_player player;
    struct llm_sim_made made;
    struct llm_sim_reader reader;
    struct llm_sim_answered answered;
};

struct llm_sim {
    struct llm_sim_script *script;     // NULL: none
    struct llm_sim_fixtures *fixtures; // NULL: none
    struct llm_sim_demo demo;
    struct llm_sim_log log, answers;
    llm_str answers_key; // absent: none
    struct llm_sim_timers timers;
    bool no_demo;
    int epoll, listener, stopper;
    bool listener_paused; // no descriptor was left
    unsigned port;
    char url[300];
    struct llm_sim_conn *conns, *spare;
    size_t n_spare;
    atomic_uint_least64_t requests, connections; // relaxed: counters for people
    pthread_t thread;
    bool has_thread;
};

// What a request gets, into conn->player's reply or conn->made; logs it.
const struct llm_sim_reply *llm_sim_answer(struct llm_sim *sim, uint64_t connection,
                                           const struct llm_sim_request *request, struct llm_sim_made *made,
                                           struct llm_sim_answered *ret_answered);

// A refusal of what is no request.
const struct llm_sim_reply *llm_sim_refuse(struct llm_sim_made *made, unsigned status);

// Take a connection over; false: no memory, and fd is closed.
bool llm_sim_conn_open(struct llm_sim *sim, int fd);
void llm_sim_conn_event(struct llm_sim_conn *conn, uint32_t events);
void llm_sim_conn_due(struct llm_sim_conn *conn);
void llm_sim_conn_close(struct llm_sim_conn *conn);
// Free what llm_sim_conn_close() kept for the next one.
void llm_sim_conn_free_spare(struct llm_sim *sim);

#endif
