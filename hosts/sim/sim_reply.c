// SPDX-License-Identifier: MIT
#include "sim_reply.h"

#include "sim_http.h"

#include <stdlib.h>

static const char close_field[] = "connection: close\r\n\r\n";

void llm_sim_play(struct llm_sim_player *player, const struct llm_sim_reply *reply) {
    *player = (struct llm_sim_player){.reply = reply, .seed = 0x9e3779b97f4a7c15u};
    player->close_after = reply->close_after;
}

static void part(struct llm_sim_player *player, const void *p, size_t n) {
    if (n == 0) {
        return;
    }
    struct iovec *v = &player->parts[player->n_parts++];
    memcpy(&v->iov_base, &p, sizeof p); // iovec has no const
    v->iov_len = n;
}

static void add_head(struct llm_sim_player *player) {
    const llm_str head = player->reply->head;
    player->head_sent = true;
    if (head.len >= 2 && player->close_after && !player->reply->raw) {
        part(player, head.ptr, head.len - 2);
        part(player, close_field, sizeof close_field - 1);
        return;
    }
    part(player, head.ptr, head.len);
}

// How much of the body the next write takes, if nothing else bounds it.
static size_t write_bytes(struct llm_sim_player *player) {
    const struct llm_sim_reply *reply = player->reply;
    if (reply->n_sizes > 0) {
        if (player->size_left == 0) {
            player->size_left = reply->sizes[player->size_index];
            player->size_index += player->size_index + 1 < reply->n_sizes;
        }
        return player->size_left;
    }
    if (reply->n_ends > 0) {
        return reply->ends[player->end_index] - player->at;
    }
    return reply->body.len - player->at;
}

static void advance(struct llm_sim_player *player, size_t n) {
    const struct llm_sim_reply *reply = player->reply;
    player->at += n;
    player->sent += n;
    player->size_left -= reply->n_sizes > 0 ? n : 0;
    while (player->end_index < reply->n_ends && reply->ends[player->end_index] <= player->at) {
        player->end_index++;
    }
    if (player->at == reply->body.len) {
        player->round++;
        player->at = 0;
        player->end_index = 0;
    }
}

static bool has_body_left(const struct llm_sim_player *player) {
    return !player->no_body && player->reply->body.len > 0 && player->round < player->reply->times;
}

static bool is_at_fault(const struct llm_sim_player *player) {
    const struct llm_sim_reply *reply = player->reply;
    return reply->fault != LLM_SIM_WHOLE && (player->sent >= reply->after || !has_body_left(player));
}

static void add_body(struct llm_sim_player *player) {
    const struct llm_sim_reply *reply = player->reply;
    size_t n = write_bytes(player);
    if (n > reply->body.len - player->at) {
        n = reply->body.len - player->at;
    }
    if (reply->fault != LLM_SIM_WHOLE && n > reply->after - player->sent) {
        n = (size_t)(reply->after - player->sent);
    }
    if (reply->chunked) {
        struct host_text frame = {player->frame, 0, sizeof player->frame, false};
        host_text_hex(&frame, n);
        host_text_text(&frame, "\r\n");
        part(player, player->frame, frame.len);
    }
    part(player, reply->body.ptr + player->at, n);
    if (reply->chunked) {
        part(player, "\r\n", 2);
    }
    advance(player, n);
}

static void add_end(struct llm_sim_player *player) {
    player->ended = true;
    if (player->reply->chunked && !player->no_body) {
        part(player, "0\r\n\r\n", 5);
    }
}

static int add_noise(struct llm_sim_player *player) {
    uint32_t n = player->reply->garbage_bytes - player->noise_sent;
    if (n == 0) {
        return LLM_SIM_CLOSE;
    }
    n = n < sizeof player->noise ? n : (uint32_t)sizeof player->noise;
    for (uint32_t i = 0; i < n; i++) {
        player->seed = player->seed * 6364136223846793005u + 1442695040888963407u;
        player->noise[i] = (char)(player->seed >> 56);
    }
    player->noise_sent += n;
    part(player, player->noise, n);
    return LLM_SIM_PIECE;
}

static int play_fault(struct llm_sim_player *player) {
    switch (player->reply->fault) {
    case LLM_SIM_WHOLE:
    case LLM_SIM_CUT: return LLM_SIM_CLOSE;
    case LLM_SIM_RESET: return LLM_SIM_ABORT;
    case LLM_SIM_STALL: return LLM_SIM_HANG;
    case LLM_SIM_GARBAGE: return add_noise(player);
    }
    return LLM_SIM_CLOSE;
}

static int pause_for(struct llm_sim_player *player, uint32_t ms) {
    player->waited = true;
    player->wait_ms = ms;
    return LLM_SIM_WAIT;
}

int llm_sim_next(struct llm_sim_player *player) {
    const struct llm_sim_reply *reply = player->reply;
    player->n_parts = 0;
    if (!player->head_sent) {
        if (reply->head_delay_ms > 0 && !player->waited) {
            return pause_for(player, reply->head_delay_ms);
        }
        if (reply->fault != LLM_SIM_WHOLE && reply->fault_before_head) {
            return play_fault(player);
        }
        add_head(player);
    } else if (is_at_fault(player)) {
        return play_fault(player);
    } else if (player->ended || !has_body_left(player)) {
        if (player->ended || !reply->chunked || player->no_body) {
            return player->close_after ? LLM_SIM_CLOSE : LLM_SIM_OVER;
        }
        add_end(player);
        return LLM_SIM_PIECE;
    } else if (reply->delay_ms > 0 && !player->waited) {
        return pause_for(player, reply->delay_ms);
    }
    player->waited = false;
    if (has_body_left(player) && !is_at_fault(player)) {
        add_body(player);
    }
    if (!has_body_left(player) && !is_at_fault(player)) {
        add_end(player);
    }
    return LLM_SIM_PIECE;
}

void llm_sim_made_reset(struct llm_sim_made *made) {
    host_text_reset(&made->head, LLM_SIM_MAX_KEPT_BYTES);
    host_text_reset(&made->body, LLM_SIM_MAX_KEPT_BYTES);
    made->reply = (struct llm_sim_reply){.times = 1};
    made->n_ends = 0;
    made->failed = false;
}

void llm_sim_made_done(struct llm_sim_made *made) {
    host_text_done(&made->head);
    host_text_done(&made->body);
    free(made->ends);
    made->ends = NULL;
}

void llm_sim_made_cut(struct llm_sim_made *made) {
    if (made->n_ends == made->cap_ends) {
        const size_t cap = made->cap_ends == 0 ? 64 : made->cap_ends * 2;
        size_t *ends = realloc(made->ends, cap * sizeof *ends);
        if (ends == NULL) {
            made->failed = true;
            return;
        }
        made->ends = ends;
        made->cap_ends = cap;
    }
    if (made->n_ends == 0 || made->ends[made->n_ends - 1] < made->body.len) {
        made->ends[made->n_ends++] = made->body.len;
    }
}

bool llm_sim_made_end(struct llm_sim_made *made, unsigned status, const char *type, const char *fields,
                      bool chunked) {
    if (made->n_ends > 0) {
        llm_sim_made_cut(made);
    }
    llm_sim_head_status(&made->head, status);
    if (type != NULL) {
        llm_sim_head_field(&made->head, host_str("content-type"), host_str(type));
    }
    if (fields != NULL) {
        host_text_text(&made->head, fields);
    }
    if (chunked) {
        host_text_text(&made->head, "transfer-encoding: chunked\r\n");
    } else {
        host_text_text(&made->head, "content-length: ");
        host_text_number(&made->head, made->body.len);
        host_text_text(&made->head, "\r\n");
    }
    host_text_text(&made->head, "\r\n");
    made->reply.status = status;
    made->reply.head = host_text_str(&made->head);
    made->reply.body = host_text_str(&made->body);
    made->reply.chunked = chunked;
    made->reply.ends = made->ends;
    made->reply.n_ends = made->n_ends;
    return !(made->failed || made->head.failed || made->body.failed);
}
