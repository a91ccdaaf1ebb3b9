// SPDX-License-Identifier: MIT
// An answer: what is sent, in which pieces, at which moments, and where it breaks.
#ifndef LLM_SIM_REPLY_H
#define LLM_SIM_REPLY_H

#include "host_text.h"

#include <sys/uio.h>

enum llm_sim_fault {
    LLM_SIM_WHOLE,   // none: the answer is sent as it is
    LLM_SIM_CUT,     // the connection is closed in order after `after` bytes of the body
    LLM_SIM_RESET,   // the same with a reset
    LLM_SIM_STALL,   // nothing more comes after `after` bytes, the connection stays open
    LLM_SIM_GARBAGE, // `garbage_bytes` bytes of noise instead of the rest, then the end
};

// Immutable once made; many connections may play the same one.
struct llm_sim_reply {
    unsigned status;
    llm_str head;       // up to and with the empty line; absent: the body holds the whole answer (raw)
    llm_str body;       // one round of it
    uint64_t times;     // rounds; at least 1
    const size_t *ends; // offsets in body behind which a write ends: ascending, the last is body.len
    size_t n_ends;
    const uint32_t *sizes; // sizes of writes instead, each at least 1; the last one repeats
    size_t n_sizes;
    uint32_t head_delay_ms, delay_ms; // before the head; before each write but the first
    bool chunked;                     // each write is a chunk, an empty one ends the body
    bool close_after;                 // the end of the connection is the end of the body
    bool raw;                         // the head, if any, is sent as it is
    enum llm_sim_fault fault;
    bool fault_before_head; // not even the head is sent
    uint64_t after;         // bytes of the body, chunk framing not counted
    uint32_t garbage_bytes;
};

#define LLM_SIM_PIECE 0 // write the piece, then ask again
#define LLM_SIM_WAIT 1  // ask again after wait_ms
#define LLM_SIM_OVER 2  // complete: the connection takes the next request
#define LLM_SIM_CLOSE 3 // close the connection
#define LLM_SIM_ABORT 4 // reset it
#define LLM_SIM_HANG 5  // send nothing more, until the other side closes

#define LLM_SIM_PIECE_PARTS 6

// One playing of a reply.  Start it with llm_sim_play().
struct llm_sim_player {
    const struct llm_sim_reply *reply;
    bool no_body, close_after; // of this request: HEAD; "Connection: close"
    // private
    bool waited, head_sent, ended;
    uint64_t round, sent;
    size_t at, end_index, size_index, size_left;
    char frame[20];
    char noise[64];
    uint32_t noise_sent;
    uint64_t seed;
    // the piece, and the wait
    struct iovec parts[LLM_SIM_PIECE_PARTS];
    int n_parts;
    uint32_t wait_ms;
};

void llm_sim_play(struct llm_sim_player *player, const struct llm_sim_reply *reply);

// What comes next: LLM_SIM_*.
int llm_sim_next(struct llm_sim_player *player);

// A reply that is made for one request, in buffers that are used again.
struct llm_sim_made {
    struct llm_sim_reply reply;
    struct host_text head, body;
    size_t *ends;
    size_t n_ends, cap_ends;
    bool failed;
};

// Empty it.
void llm_sim_made_reset(struct llm_sim_made *made);
void llm_sim_made_done(struct llm_sim_made *made);

// What follows in the body belongs to the next write.
void llm_sim_made_cut(struct llm_sim_made *made);

// Complete it: status, content type (NULL: no such field), more fields (complete lines; NULL: none), framing.
// false: out of memory.
bool llm_sim_made_end(struct llm_sim_made *made, unsigned status, const char *type, const char *fields,
                      bool chunked);

#endif
