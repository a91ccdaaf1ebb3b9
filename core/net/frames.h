// SPDX-License-Identifier: MIT
// Cuts the body of an answer into chunks: server-sent events, lines, the whole, or bytes as they arrive.
#ifndef LLM_NET_FRAMES_H
#define LLM_NET_FRAMES_H

#include "base/buf.h"
#include "llm_provider.h"

// One chunk; its pointers are borrowed until the function returns.  LLM_OK / LLM_MORE: go on.  Anything else stops the cutting
// and is what llm_frames_feed() returns.
typedef llm_status (*llm_frames_fn)(void *ctx, const llm_chunk *chunk);

// Private but for init.  No allocation while an event lies whole inside one piece that was fed and needs no joining.
struct llm_frames {
    uint32_t framing; // LLM_FRAME_*: as asked
    uint32_t
        frame; // as it turned out (WHOLE when a 2xx body is no event stream: first byte not blank and one of { [ <)
    llm_frames_fn on_chunk;
    void *ctx;
    struct llm_buf pending; // an unfinished line, or the body (WHOLE)
    struct llm_buf data;    // SSE: data lines so far
    struct llm_buf event;   // SSE: event name so far
    struct llm_buf id;      // SSE: last event id
    uint32_t flags;         // private: BOM seen, CR pending, has data, decided
    size_t body_max;        // decoded bytes allowed in all
    size_t body_bytes;
};

// event_max: bytes of one event, line or whole body.  Keeps the buffers' memory from an earlier use.
void llm_frames_init(struct llm_frames *frames, uint32_t framing, size_t event_max, size_t body_max,
                     llm_frames_fn on_chunk, void *ctx);

// The next bytes of the body.  Any cut of the same bytes gives the same chunks.
// LLM_E_LIMIT: an event or the body is over its maximum.  LLM_E_NOMEM.  LLM_E_PROTOCOL: LINES with invalid UTF-8.
// SSE replaces bad UTF-8 with U+FFFD, as the standard says.
llm_status llm_frames_feed(struct llm_frames *frames, const void *p, size_t n);

// The body is over.  WHOLE gives its one chunk (also an empty one), LINES the last line, SSE an event whose blank line never
// came (lenient: some proxies leave it out) when its last line was complete or its data is a complete JSON text or [DONE].
llm_status llm_frames_end(struct llm_frames *frames);

// Empty for the next answer; memory up to keep_bytes a buffer stays.
void llm_frames_reset(struct llm_frames *frames, size_t keep_bytes);
void llm_frames_done(struct llm_frames *frames);

#endif
