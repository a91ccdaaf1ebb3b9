// SPDX-License-Identifier: MIT
#include "net/frames.h"

#include "llm_json.h"

// WHATWG HTML 9.2.6 "Interpreting an event stream", on bytes: line ends are ASCII, so that cutting before decoding gives the same.

#define DECIDED 1u  // it is known whether the body is a stream
#define SKIP_LF 2u  // the last line ended with CR: a LF that follows belongs to it
#define HAS_DATA 4u // a data line was seen in this event
#define ENDED 8u
#define BOM_SHIFT 8 // how many bytes of a byte order mark were seen; 3: the place for one has passed
#define BOM_MASK (3u << BOM_SHIFT)

// Longest that stands before the data in its line: "data: ".
#define DATA_LEAD 6

static const llm_str absent = {NULL, 0};

static bool is_sse(const struct llm_frames *frames) {
    return frames->frame == LLM_FRAME_SSE || frames->frame == LLM_FRAME_SSE_FIELDS;
}

static void start(struct llm_frames *frames) {
    frames->frame = frames->framing;
    frames->flags = frames->framing == LLM_FRAME_WHOLE || frames->framing == LLM_FRAME_RAW ? DECIDED : 0;
    frames->stopped = LLM_OK;
    frames->body_bytes = 0;
    frames->data_skip = 0;
    frames->data_here = frames->event_here = absent;
}

static void each_buf(struct llm_frames *frames, void (*apply)(struct llm_buf *buf, size_t n), size_t n) {
    struct llm_buf *const bufs[] = {&frames->pending, &frames->data, &frames->event, &frames->id,
                                    &frames->spare};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) {
        apply(bufs[i], n);
    }
}

static void set_max(struct llm_buf *buf, size_t max) {
    buf->len = 0;
    buf->max = max;
}

static void free_buf(struct llm_buf *buf, size_t n) {
    (void)n;
    llm_buf_done(buf);
}

void llm_frames_init(struct llm_frames *frames, uint32_t framing, size_t event_max, size_t body_max,
                     llm_frames_fn on_chunk, void *ctx) {
    frames->framing = framing;
    frames->strict = false;
    frames->on_chunk = on_chunk;
    frames->ctx = ctx;
    frames->event_max = event_max;
    frames->body_max = body_max;
    each_buf(frames, set_max, event_max + DATA_LEAD);
    start(frames);
}

void llm_frames_reset(struct llm_frames *frames, size_t keep_bytes) {
    each_buf(frames, llm_buf_reset, keep_bytes);
    start(frames);
}

void llm_frames_done(struct llm_frames *frames) {
    each_buf(frames, free_buf, 0);
    *frames = (struct llm_frames){0};
}

// ---- handing out ----

static llm_status stop(struct llm_frames *frames, llm_status status) {
    if (status != LLM_OK && status != LLM_MORE) {
        frames->stopped = status;
        return status;
    }
    return LLM_OK;
}

static llm_status emit(struct llm_frames *frames, uint32_t frame, llm_str event, llm_str data) {
    const llm_chunk chunk = {
        .size = sizeof chunk,
        .frame = frame,
        .event = event,
        .data = {(const uint8_t *)data.ptr, data.len},
    };
    return stop(frames, frames->on_chunk(frames->ctx, &chunk));
}

static llm_str event_name(const struct llm_frames *frames) {
    if (frames->event_here.len > 0) {
        return frames->event_here;
    }
    return frames->event.len > 0 ? llm_buf_str(&frames->event) : LLM_STR("message");
}

static llm_str event_data(const struct llm_frames *frames) {
    return frames->data_here.ptr != NULL ? frames->data_here
                                         : llm_str_cut(llm_buf_str(&frames->data), frames->data_skip);
}

static void forget_event(struct llm_frames *frames) {
    frames->flags &= ~HAS_DATA;
    frames->data.len = frames->event.len = 0;
    frames->data_skip = 0;
    frames->data_here = frames->event_here = absent;
}

static llm_status dispatch(struct llm_frames *frames) {
    llm_status status = LLM_OK;
    if ((frames->flags & HAS_DATA) != 0) {
        status = emit(frames, LLM_FRAME_SSE, event_name(frames), event_data(frames));
    }
    forget_event(frames);
    return status;
}

// ---- fields ----

// Append text, each bad sequence as U+FFFD, and keep to the maximum of one event (skip bytes of buf do not count).
static llm_status put_text(struct llm_frames *frames, struct llm_buf *buf, llm_str text, size_t skip) {
    llm_status status = LLM_OK;
    const char *run = text.ptr;
    const char *const end = text.ptr + text.len;
    if (!llm_str_utf8(text)) {
        for (const char *p = run; p < end && status == LLM_OK;) {
            int valid;
            const size_t n = llm_json_utf8_len(p, (size_t)(end - p), &valid);
            if (!valid) {
                status = llm_buf_put(buf, run, (size_t)(p - run));
                status = status == LLM_OK ? llm_buf_put(buf, "\xef\xbf\xbd", 3) : status;
                run = p + n;
            }
            p += n;
        }
    }
    status = status == LLM_OK ? llm_buf_put(buf, run, (size_t)(end - run)) : status;
    return status == LLM_OK && buf->len - skip > frames->event_max ? LLM_E_LIMIT : status;
}

// What lies in the piece that is fed is copied when it is needed longer.
static llm_status keep(struct llm_buf *buf, llm_str *here) {
    const llm_status status = here->ptr != NULL ? llm_buf_put(buf, here->ptr, here->len) : LLM_OK;
    *here = absent;
    return status;
}

static llm_status first_data(struct llm_frames *frames, llm_str value, bool in_pending) {
    frames->flags |= HAS_DATA;
    if (!llm_str_utf8(value)) {
        return put_text(frames, &frames->data, value, 0);
    }
    if (!in_pending) {
        frames->data_here = value;
        return LLM_OK;
    }
    // The line was put together in `pending`: that buffer becomes `data`, so that a large event is not copied again.
    const struct llm_buf line = frames->pending;
    frames->data_skip = (size_t)(value.ptr - line.ptr);
    frames->pending = frames->data;
    frames->pending.len = 0;
    frames->data = line;
    return LLM_OK;
}

static llm_status more_data(struct llm_frames *frames, llm_str value) {
    llm_status status = keep(&frames->data, &frames->data_here);
    status = status == LLM_OK ? llm_buf_put(&frames->data, "\n", 1) : status;
    return status == LLM_OK ? put_text(frames, &frames->data, value, frames->data_skip) : status;
}

static llm_status set_event(struct llm_frames *frames, llm_str value, bool in_pending) {
    frames->event_here = absent;
    frames->event.len = 0;
    if (!in_pending && llm_str_utf8(value)) {
        frames->event_here = value;
        return LLM_OK;
    }
    return put_text(frames, &frames->event, value, 0);
}

static llm_status set_id(struct llm_frames *frames, llm_str value) {
    if (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL) {
        return LLM_OK;
    }
    frames->id.len = 0;
    return put_text(frames, &frames->id, value, 0);
}

// A line whose field SSE does not define.
static llm_status other_field(struct llm_frames *frames, llm_str name, llm_str value) {
    if (!llm_str_utf8(name) || !llm_str_utf8(value)) {
        frames->spare.len = 0;
        llm_status status = put_text(frames, &frames->spare, name, 0);
        const size_t cut = frames->spare.len;
        status = status == LLM_OK ? put_text(frames, &frames->spare, value, cut) : status;
        if (status != LLM_OK) {
            return status;
        }
        name = (llm_str){frames->spare.ptr, cut};
        value = (llm_str){frames->spare.ptr + cut, frames->spare.len - cut};
    }
    return emit(frames, LLM_FRAME_SSE_FIELDS, name, value);
}

// Field and value of a line; false: a comment.
static bool split_line(llm_str line, llm_str *ret_name, llm_str *ret_value) {
    const char *colon =
        line.len >= 5 && memcmp(line.ptr, "data:", 5) == 0 ? line.ptr + 4 : memchr(line.ptr, ':', line.len);
    if (colon == NULL) {
        *ret_name = line;
        *ret_value = llm_str_cut(line, line.len);
        return true;
    }
    *ret_name = (llm_str){line.ptr, (size_t)(colon - line.ptr)};
    *ret_value = llm_str_cut(line, ret_name->len + 1);
    if (ret_value->len > 0 && ret_value->ptr[0] == ' ') {
        *ret_value = llm_str_cut(*ret_value, 1);
    }
    return colon != line.ptr;
}

static llm_status take_field(struct llm_frames *frames, llm_str line, bool in_pending) {
    llm_str name, value;
    if (!split_line(line, &name, &value)) {
        return LLM_OK;
    }
    if (llm_str_eq(name, LLM_STR("data"))) {
        return (frames->flags & HAS_DATA) == 0 ? first_data(frames, value, in_pending)
                                               : more_data(frames, value);
    }
    if (llm_str_eq(name, LLM_STR("event"))) {
        return set_event(frames, value, in_pending);
    }
    if (llm_str_eq(name, LLM_STR("id"))) {
        return set_id(frames, value);
    }
    if (frames->framing == LLM_FRAME_SSE_FIELDS && !llm_str_eq(name, LLM_STR("retry"))) {
        return other_field(frames, name, value);
    }
    return LLM_OK;
}

// ---- lines ----

static llm_status take_line(struct llm_frames *frames, llm_str line, bool in_pending) {
    if (line.len > frames->event_max) {
        return LLM_E_LIMIT;
    }
    if (frames->frame != LLM_FRAME_LINES) {
        return line.len == 0 ? dispatch(frames) : take_field(frames, line, in_pending);
    }
    if (llm_str_trim(line).len == 0) {
        return LLM_OK;
    }
    line.len -= line.ptr[line.len - 1] == '\r';
    return llm_str_utf8(line) ? emit(frames, LLM_FRAME_LINES, absent, line) : LLM_E_PROTOCOL;
}

static llm_status put_pending(struct llm_frames *frames, const char *p, size_t n) {
    if (n > frames->event_max - frames->pending.len) { // pending is never longer than event_max
        return LLM_E_LIMIT;
    }
    return llm_buf_put(&frames->pending, p, n);
}

// The line [p, stop), whose start may lie in pending.
static llm_status end_line(struct llm_frames *frames, const char *p, const char *stop) {
    if (frames->pending.len == 0) {
        return take_line(frames, (llm_str){p, (size_t)(stop - p)}, false);
    }
    llm_status status = put_pending(frames, p, (size_t)(stop - p));
    if (status == LLM_OK) {
        status = take_line(frames, llm_buf_str(&frames->pending), true);
        frames->pending.len = 0;
    }
    return status;
}

static llm_status feed_lines(struct llm_frames *frames, const char *p, const char *end) {
    const bool cr_ends = frames->frame != LLM_FRAME_LINES;
    const char *lf = NULL; // the next LF, or end; looked for once, also when CRs end many lines before it
    llm_status status = LLM_OK;
    while (p < end && status == LLM_OK) {
        if ((frames->flags & SKIP_LF) != 0) {
            frames->flags &= ~SKIP_LF;
            p += *p == '\n';
            continue;
        }
        if (lf == NULL || lf < p) {
            lf = memchr(p, '\n', (size_t)(end - p));
            lf = lf != NULL ? lf : end;
        }
        const char *cr = cr_ends && p < lf ? memchr(p, '\r', (size_t)(lf - p)) : NULL;
        const char *stop_at = cr != NULL ? cr : lf;
        if (stop_at == end) {
            status = put_pending(frames, p, (size_t)(end - p));
            break;
        }
        status = end_line(frames, p, stop_at);
        frames->flags |= cr != NULL ? SKIP_LF : 0;
        p = stop_at + 1;
    }
    status = status == LLM_OK ? keep(&frames->data, &frames->data_here) : status;
    return status == LLM_OK ? keep(&frames->event, &frames->event_here) : status;
}

// ---- is it a stream at all? ----

// Go over a byte order mark and leading blanks; gives the first byte that is not gone over.  The blanks of the line that the
// first other byte stands in are its beginning: they are kept in pending.
static const char *decide(struct llm_frames *frames, const char *p, const char *end, llm_status *status) {
    static const char bom[] = "\xef\xbb\xbf";
    for (; p < end && (frames->flags & BOM_MASK) != BOM_MASK; p++) {
        const size_t seen = (frames->flags & BOM_MASK) >> BOM_SHIFT;
        if (*p != bom[seen]) {
            frames->flags |= BOM_MASK | (seen > 0 ? DECIDED : 0);
            *status = seen > 0 ? put_pending(frames, bom, seen) : LLM_OK;
            break;
        }
        frames->flags += 1u << BOM_SHIFT;
    }
    if ((frames->flags & BOM_MASK) == BOM_MASK && frames->strict) {
        frames->flags |= DECIDED;
    }
    for (; p < end && *status == LLM_OK && (frames->flags & DECIDED) == 0; p++) {
        if (*p == '\n' || *p == '\r') {
            frames->pending.len = 0;
        } else if (*p == ' ' || *p == '\t') {
            *status = put_pending(frames, p, 1);
        } else {
            frames->flags |= DECIDED;
            if (*p == '<' || (is_sse(frames) && (*p == '{' || *p == '['))) {
                frames->frame = LLM_FRAME_WHOLE;
                frames->pending.len = 0;
            }
            break;
        }
    }
    return p;
}

// ---- the whole ----

static llm_status feed(struct llm_frames *frames, const char *p, const char *end) {
    llm_status status = LLM_OK;
    if ((frames->flags & DECIDED) == 0) {
        p = decide(frames, p, end, &status);
    }
    if (p == end || status != LLM_OK) {
        return status;
    }
    switch (frames->frame) {
    case LLM_FRAME_WHOLE: return put_pending(frames, p, (size_t)(end - p));
    case LLM_FRAME_RAW: return emit(frames, LLM_FRAME_RAW, absent, (llm_str){p, (size_t)(end - p)});
    default: return feed_lines(frames, p, end);
    }
}

llm_status llm_frames_feed(struct llm_frames *frames, const void *p, size_t n) {
    if (frames->stopped != LLM_OK) {
        return frames->stopped;
    }
    // The bytes up to the maximum are delivered wherever the cut is.
    const size_t room = frames->body_max - frames->body_bytes;
    const size_t taken = n < room ? n : room;
    llm_status status = LLM_OK;
    if (taken > 0) {
        frames->body_bytes += taken;
        status = feed(frames, p, (const char *)p + taken);
    }
    return stop(frames, status == LLM_OK && taken < n ? LLM_E_LIMIT : status);
}

static bool is_complete(llm_str data) {
    const char type = llm_json_type(data);
    return llm_str_starts(data, LLM_STR("[DONE]")) ||
           ((type == '{' || type == '[' || type == '"') && llm_json_check(data, LLM_JSON_DEPTH_MAX, NULL));
}

static llm_status end_events(struct llm_frames *frames) {
    llm_str name, value;
    if (frames->strict) {
        return LLM_OK;
    }
    const llm_str tail = llm_buf_str(&frames->pending);
    if (tail.len == 0 || !split_line(tail, &name, &value)) {
        return dispatch(frames);
    }
    // A line without its end: what it says counts when it is certainly all of it.
    const bool is_data = llm_str_eq(name, LLM_STR("data"));
    if (!is_data && !is_complete(value)) {
        return dispatch(frames);
    }
    const llm_status status = take_field(frames, tail, true);
    if (status != LLM_OK || (is_data && !is_complete(event_data(frames)))) {
        return status;
    }
    return dispatch(frames);
}

llm_status llm_frames_end(struct llm_frames *frames) {
    if (frames->stopped != LLM_OK || (frames->flags & ENDED) != 0) {
        return frames->stopped;
    }
    frames->flags |= ENDED;
    switch (frames->frame) {
    case LLM_FRAME_RAW: return LLM_OK;
    case LLM_FRAME_WHOLE: return emit(frames, LLM_FRAME_WHOLE, absent, llm_buf_str(&frames->pending));
    case LLM_FRAME_LINES: return stop(frames, take_line(frames, llm_buf_str(&frames->pending), true));
    default: return stop(frames, end_events(frames));
    }
}

bool llm_frames_pending(struct llm_frames *frames, llm_chunk *ret) {
    if (!is_sse(frames) || frames->stopped != LLM_OK) {
        return false;
    }
    if (frames->pending.len > 0) {
        const llm_status status = take_line(frames, llm_buf_str(&frames->pending), true);
        frames->pending.len = 0;
        if (stop(frames, status) != LLM_OK) {
            return false;
        }
    }
    if ((frames->flags & HAS_DATA) == 0) {
        return false;
    }
    const llm_str data = event_data(frames);
    *ret = (llm_chunk){.size = sizeof *ret,
                       .frame = LLM_FRAME_SSE,
                       .event = event_name(frames),
                       .data = {(const uint8_t *)data.ptr, data.len}};
    return true;
}
