// SPDX-License-Identifier: MIT
// Cuts the body of an answer into chunks: server-sent events, lines, the whole, or bytes as they arrive.
#ifndef LLM_NET_FRAMES_H
#define LLM_NET_FRAMES_H

#include "base/buf.h"
#include "llm_provider.h"

// One chunk; its pointers are borrowed until the function returns.  LLM_OK / LLM_MORE: go on.  Anything else stops the cutting
// and is what llm_frames_feed() returns, then and from then on.
// chunk->frame is how it was cut in fact: WHOLE also when a stream was asked for and the body is none, SSE for an event and
// SSE_FIELDS for a line whose field SSE does not define.  chunk->event is absent but for these two.
typedef llm_status (*llm_frames_fn)(void *ctx, const llm_chunk *chunk);

// Private but for init and `strict`; zeroed is valid.  No allocation while an event lies whole inside one piece that was fed
// and needs no joining, and no copy.
struct llm_frames {
    uint32_t framing; // LLM_FRAME_*: as asked
    // As it turned out: WHOLE when the first byte that is not blank shows that the body is no stream: one of { [ < where events
    // were asked for, < where lines were.
    uint32_t frame;
    bool
        strict; // SSE by the standard alone: set it behind init.  Every body is a stream, and its end delivers nothing.
    llm_frames_fn on_chunk;
    void *ctx;
    struct llm_buf pending; // an unfinished line, or the body (WHOLE)
    struct llm_buf data;    // SSE: data lines so far, from data_skip on
    struct llm_buf event;   // SSE: event name so far
    struct llm_buf id;      // SSE: last event id
    struct llm_buf spare;   // SSE_FIELDS: a line whose bad UTF-8 was replaced
    size_t data_skip;
    llm_str data_here, event_here; // SSE: the same, while they still lie in the piece that is fed
    uint32_t flags;
    llm_status stopped; // what on_chunk or a limit said
    size_t event_max, body_max;
    size_t body_bytes; // so far
};

// event_max: bytes of one event, line or whole body.  body_max: bytes in all.  Keeps the buffers' memory from an earlier use.
void llm_frames_init(struct llm_frames *frames, uint32_t framing, size_t event_max, size_t body_max,
                     llm_frames_fn on_chunk, void *ctx);

// The next bytes of the body.  Any cut of the same bytes gives the same chunks (RAW apart) and the same status.
// LLM_E_LIMIT: an event or the body is over its maximum; what stands before it has been delivered.  LLM_E_NOMEM.
// LLM_E_PROTOCOL: LINES with invalid UTF-8.  SSE replaces bad UTF-8 with U+FFFD and drops a byte order mark at the start, as the
// standard says; a blank before a field name makes it another name, also as it says: SSE_FIELDS shows such a line.
// Blanks before a body that turns out WHOLE are dropped.
llm_status llm_frames_feed(struct llm_frames *frames, const void *p, size_t n);

// The body is over.  WHOLE gives its one chunk (also an empty one), LINES the last line, SSE an event whose blank line never
// came (lenient: some proxies leave it out) when its last line was complete or its data is a complete JSON object, array or
// string, or [DONE].  A second call does nothing.
llm_status llm_frames_end(struct llm_frames *frames);

// SSE, instead of llm_frames_end(): the event that the body's end leaves without a blank line, its last line complete or not;
// false: there is none.  Its pointers are borrowed until the next call.
bool llm_frames_pending(struct llm_frames *frames, llm_chunk *ret);

// SSE: the id in force: of the event, while on_chunk runs.  "" when none was given.
static inline llm_str llm_frames_last_id(const struct llm_frames *frames) {
    return llm_buf_str(&frames->id);
}

// Empty for the next answer, cut in the same way; memory up to keep_bytes a buffer stays.
void llm_frames_reset(struct llm_frames *frames, size_t keep_bytes);
void llm_frames_done(struct llm_frames *frames);

#endif
