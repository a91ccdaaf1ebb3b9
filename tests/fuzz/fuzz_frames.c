// SPDX-License-Identifier: MIT
// frames.h: however the bytes are cut, the same chunks come out.  First byte: framing and mode; second: where to cut.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "net/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENT_MAX = 200, BODY_MAX = 4000 };

struct heard {
    struct llm_buf text;
    llm_status stop; // what the third chunk is answered with
    int chunks;
};

static void must(int holds) {
    if (!holds) {
        abort();
    }
}

static llm_status on_chunk(void *ctx, const llm_chunk *chunk) {
    struct heard *heard = ctx;
    const llm_str chunk_data = {(const char *)chunk->data.ptr, chunk->data.len};
    const int events = chunk->frame == LLM_FRAME_SSE || chunk->frame == LLM_FRAME_SSE_FIELDS;
    must(chunk->size == sizeof *chunk && chunk_data.len <= BODY_MAX);
    must(!events || (llm_str_utf8(chunk_data) && llm_str_utf8(chunk->event) && chunk_data.len <= EVENT_MAX));
    must(chunk->frame != LLM_FRAME_SSE || chunk->event.len > 0);
    must(chunk->frame != LLM_FRAME_LINES || llm_str_utf8(chunk_data));
    must(llm_buf_printf(&heard->text, "%u %zu %zu ", chunk->frame, chunk->event.len, chunk_data.len) ==
         LLM_OK);
    must(llm_buf_put(&heard->text, chunk->event.ptr, chunk->event.len) == LLM_OK);
    must(llm_buf_put(&heard->text, chunk_data.ptr, chunk_data.len) == LLM_OK);
    return ++heard->chunks == 3 ? heard->stop : LLM_OK;
}

// The first piece of `first` bytes, the others of `step`; strict: what is left over instead of the end.
static void run(struct heard *heard, uint8_t mode, const uint8_t *data, size_t size, size_t first,
                size_t step) {
    static const uint32_t framings[] = {LLM_FRAME_SSE, LLM_FRAME_SSE_FIELDS, LLM_FRAME_LINES,
                                        LLM_FRAME_WHOLE};
    struct llm_frames frames = {0};
    llm_status status = LLM_OK;
    llm_chunk chunk;
    llm_frames_init(&frames, framings[mode & 3], EVENT_MAX, BODY_MAX, on_chunk, heard);
    frames.strict = (mode & 4) != 0;
    heard->stop = (mode & 8) != 0 ? LLM_DONE : LLM_OK;
    for (size_t at = 0; at < size && status == LLM_OK;) {
        size_t n = at == 0 && first > 0 ? first : step;
        n = n < size - at ? n : size - at;
        uint8_t *piece = malloc(n); // gone when the next one comes
        must(piece != NULL);
        memcpy(piece, data + at, n);
        status = llm_frames_feed(&frames, piece, n);
        free(piece);
        at += n;
    }
    if (frames.strict && llm_frames_pending(&frames, &chunk)) {
        must(on_chunk(heard, &chunk) >= 0);
    } else if (status == LLM_OK) {
        status = llm_frames_end(&frames);
    }
    must(llm_frames_end(&frames) == status || status == LLM_OK);
    must(llm_buf_printf(&heard->text, "status %d id ", status) == LLM_OK);
    must(llm_buf_put(&heard->text, llm_frames_last_id(&frames).ptr, llm_frames_last_id(&frames).len) ==
         LLM_OK);
    llm_frames_done(&frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    const uint8_t mode = data[0];
    const size_t cut = data[1];
    struct heard whole = {.text = {.max = 1 << 20}};
    run(&whole, mode, data + 2, size - 2, 0, size);
    const size_t cuts[][2] = {{0, 1}, {cut, size}, {0, cut % 7 + 1}};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct heard pieces = {.text = {.max = 1 << 20}};
        run(&pieces, mode, data + 2, size - 2, cuts[i][0], cuts[i][1]);
        must(llm_str_eq(llm_buf_str(&pieces.text), llm_buf_str(&whole.text)));
        llm_buf_done(&pieces.text);
    }
    llm_buf_done(&whole.text);
    return 0;
}
