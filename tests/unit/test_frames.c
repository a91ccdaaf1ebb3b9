// SPDX-License-Identifier: MIT
#include "check_main.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "fail_alloc.h"
#include "net/frames.h"

// What came out, one line a chunk: "S message=text", then "status N" when it was not LLM_OK.
struct heard {
    char text[4096];
    size_t len;
    size_t chunks, stop_after; // stop_after 0: never
    llm_status stop_with;
};

static llm_status on_chunk(void *ctx, const llm_chunk *chunk) {
    static const char letters[] = "WSLRF";
    struct heard *heard = ctx;
    heard->len += (size_t)snprintf(heard->text + heard->len, sizeof heard->text - heard->len,
                                   "%c %.*s=", letters[chunk->frame], (int)chunk->event.len,
                                   chunk->event.ptr != NULL ? chunk->event.ptr : "");
    memcpy(heard->text + heard->len, chunk->data.ptr, chunk->data.len); // may hold a NUL
    heard->len += chunk->data.len;
    heard->text[heard->len++] = '\n';
    heard->chunks++;
    return heard->chunks == heard->stop_after ? heard->stop_with
           : chunk->data.len % 2 == 0         ? LLM_OK
                                              : LLM_MORE;
}

#define STRICT 1u // by the standard alone
#define NO_END 2u // the end of the body is not told

static const struct row {
    const char *why;
    uint32_t framing, flags;
    const char *input, *want;
    size_t len; // of input when it holds a NUL
} rows[] = {
    {"one event", LLM_FRAME_SSE, 0, "data: a\n\n", "S message=a\n", 0},
    {"named event", LLM_FRAME_SSE, 0, "event: ping\ndata: {}\n\n", "S ping={}\n", 0},
    {"name behind the data", LLM_FRAME_SSE, 0, "data: 1\nevent: x\n\ndata: 2\n\n", "S x=1\nS message=2\n", 0},
    {"empty name is no name", LLM_FRAME_SSE, 0, "event:\ndata: 1\n\n", "S message=1\n", 0},
    {"the last name counts", LLM_FRAME_SSE, 0, "event: a\nevent: b\ndata: 1\n\n", "S b=1\n", 0},
    {"CRLF", LLM_FRAME_SSE, 0, "data: a\r\n\r\ndata: b\r\n\r\n", "S message=a\nS message=b\n", 0},
    {"CR", LLM_FRAME_SSE, 0, "data: a\r\rdata: b\r\r", "S message=a\nS message=b\n", 0},
    {"line ends mixed", LLM_FRAME_SSE, 0, "data: a\rdata: b\ndata: c\r\n\rdata: d\n\r\n",
     "S message=a\nb\nc\nS message=d\n", 0},
    {"LF CR is two ends", LLM_FRAME_SSE, 0, "data: a\n\rdata: b\n\r", "S message=a\nS message=b\n", 0},
    {"joined lines", LLM_FRAME_SSE, 0, "data: a\ndata\ndata:  b\n\n", "S message=a\n\n b\n", 0},
    {"one blank goes", LLM_FRAME_SSE, 0, "data:  a\n\ndata:\tb\n\n", "S message= a\nS message=\tb\n", 0},
    {"empty data is an event", LLM_FRAME_SSE, 0, "data:\n\ndata\n\n", "S message=\nS message=\n", 0},
    {"no data, no event", LLM_FRAME_SSE, 0, "event: x\n\nid: 7\n\ndata: 1\n\n", "S message=1\n", 0},
    {"comments and unknown fields", LLM_FRAME_SSE, 0,
     ": keep-alive\n\n:\nfoo: bar\nbaz\nretry: 10\ndata: 1\nData: 2\n\n", "S message=1\n", 0},
    {"a blank before the name makes it another", LLM_FRAME_SSE, 0, " data: 1\n\ndata: 2\n\n", "S message=2\n",
     0},
    {"byte order mark", LLM_FRAME_SSE, 0,
     "\xef\xbb\xbf"
     "data: 1\n\n\xef\xbb\xbf"
     "data: 2\n\ndata: 3\n\n",
     "S message=1\nS message=3\n", 0},
    {"two marks are one too many", LLM_FRAME_SSE, 0,
     "\xef\xbb\xbf\xef\xbb\xbf"
     "data: 1\n\ndata: 2\n\n",
     "S message=2\n", 0},
    {"no whole mark", LLM_FRAME_SSE, 0,
     "\xef\xbb"
     "data: 1\n\ndata: 2\n\n",
     "S message=2\n", 0},
    {"NUL in data", LLM_FRAME_SSE, 0, "data: a\0b\n\n", "S message=a\0b\n", 11},
    {"colons in the value", LLM_FRAME_SSE, 0, "data: a: b\n\n", "S message=a: b\n", 0},

    {"bad UTF-8", LLM_FRAME_SSE, 0,
     "data: a\xff"
     "b\n\n",
     "S message=a\xef\xbf\xbd"
     "b\n",
     0},
    {"bad UTF-8, cut character", LLM_FRAME_SSE, 0, "data: \xe2\x82\n\n", "S message=\xef\xbf\xbd\n", 0},
    {"bad UTF-8, surrogate is three", LLM_FRAME_SSE, 0, "data: \xed\xa0\x80\n\n",
     "S message=\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n", 0},
    {"bad UTF-8, joined", LLM_FRAME_SSE, 0, "data: a\ndata: \x80\ndata: b\n\n",
     "S message=a\n\xef\xbf\xbd\nb\n", 0},
    {"bad UTF-8 in the name", LLM_FRAME_SSE, 0, "event: \xc0x\ndata: a\n\n", "S \xef\xbf\xbdx=a\n", 0},
    {"good UTF-8", LLM_FRAME_SSE, 0, "event: \xc3\xa4\ndata: \xe2\x82\xac\xf0\x9f\x98\x80\n\n",
     "S \xc3\xa4=\xe2\x82\xac\xf0\x9f\x98\x80\n", 0},

    {"end: last line complete", LLM_FRAME_SSE, 0, "data: half\n", "S message=half\n", 0},
    {"end: JSON without its line end", LLM_FRAME_SSE, 0, "data: {\"a\": [1]}", "S message={\"a\": [1]}\n", 0},
    {"end: a string", LLM_FRAME_SSE, 0, "data: \"x\"", "S message=\"x\"\n", 0},
    {"end: DONE", LLM_FRAME_SSE, 0, "data: 1\n\ndata: [DONE]", "S message=1\nS message=[DONE]\n", 0},
    {"end: JSON that is cut", LLM_FRAME_SSE, 0, "data: {\"a\": [1]", "", 0},
    {"end: a number may go on", LLM_FRAME_SSE, 0, "data: 12", "", 0},
    {"end: two lines make one JSON text", LLM_FRAME_SSE, 0, "event: x\ndata: {\ndata: }", "S x={\n}\n", 0},
    {"end: two lines make none", LLM_FRAME_SSE, 0, "data: {}\ndata: {", "", 0},
    {"end: data, then a comment that is cut", LLM_FRAME_SSE, 0, "data: a\n: keep-al", "S message=a\n", 0},
    {"end: data, then a field that is cut", LLM_FRAME_SSE, 0, "data: a\neven", "S message=a\n", 0},
    {"end: nothing", LLM_FRAME_SSE, 0, "", "", 0},
    {"end: only blanks", LLM_FRAME_SSE, 0, "\n \n  ", "", 0},
    {"end: CR alone", LLM_FRAME_SSE, 0, "data: a\r", "S message=a\n", 0},
    {"not told of the end", LLM_FRAME_SSE, NO_END, "data: a\n", "", 0},
    {"strict: the end delivers nothing", LLM_FRAME_SSE, STRICT, "data: a\n", "", 0},
    {"strict: every body is a stream", LLM_FRAME_SSE, STRICT, "{\"a\":1}\n\ndata: x\n\n", "S message=x\n", 0},

    {"no stream: object", LLM_FRAME_SSE, 0, "{\"error\":\n\n1}", "W ={\"error\":\n\n1}\n", 0},
    {"no stream: array", LLM_FRAME_SSE, 0, "[1]\n", "W =[1]\n\n", 0},
    {"no stream: page", LLM_FRAME_SSE, 0, "<html>\n\ndata: x\n\n", "W =<html>\n\ndata: x\n\n\n", 0},
    {"no stream: blanks before it are dropped", LLM_FRAME_SSE, 0, "\r\n \n\t {\"a\":1}", "W ={\"a\":1}\n", 0},
    {"no stream: mark before it is dropped", LLM_FRAME_SSE, 0, "\xef\xbb\xbf {}", "W ={}\n", 0},
    {"stream behind blank lines", LLM_FRAME_SSE, 0, "\n\n \r\n\ndata: x\n\n", "S message=x\n", 0},

    {"fields: shown as they come", LLM_FRAME_SSE_FIELDS, 0, "data: 1\nerror: {\"a\":1}\n\n",
     "F error={\"a\":1}\nS message=1\n", 0},
    {"fields: blanks of the name stay", LLM_FRAME_SSE_FIELDS, 0, " data: {}\n\ndata: 2\n\n",
     "F  data={}\nS message=2\n", 0},
    {"fields: without a colon", LLM_FRAME_SSE_FIELDS, 0, "oops\n", "F oops=\n", 0},
    {"fields: not those of SSE, no comment", LLM_FRAME_SSE_FIELDS, 0,
     ": c\nid: 1\nretry: 2\nevent: e\ndata: d\n\n", "S e=d\n", 0},
    {"fields: bad UTF-8", LLM_FRAME_SSE_FIELDS, 0, "e\xff: \xfe\n", "F e\xef\xbf\xbd=\xef\xbf\xbd\n", 0},
    {"fields: end, complete", LLM_FRAME_SSE_FIELDS, 0, "data: 1\n\nerror: {}", "S message=1\nF error={}\n",
     0},
    {"fields: end, cut", LLM_FRAME_SSE_FIELDS, 0, "data: 1\n\nerror: {", "S message=1\n", 0},
    {"fields: no stream", LLM_FRAME_SSE_FIELDS, 0, "{}", "W ={}\n", 0},

    {"lines", LLM_FRAME_LINES, 0, "{\"a\":1}\n{}\n", "L ={\"a\":1}\nL ={}\n", 0},
    {"lines: CRLF, blank lines, no last end", LLM_FRAME_LINES, 0, "1\r\n\r\n \t\n\n2", "L =1\nL =2\n", 0},
    {"lines: CR is no end", LLM_FRAME_LINES, 0, "1\r2\n", "L =1\r2\n", 0},
    {"lines: arrays are lines", LLM_FRAME_LINES, 0, "[1]\n[2]\n", "L =[1]\nL =[2]\n", 0},
    {"lines: page", LLM_FRAME_LINES, 0, "\n<html>\n</html>\n", "W =<html>\n</html>\n\n", 0},
    {"lines: bad UTF-8", LLM_FRAME_LINES, 0, "{}\n\xff\n{}\n", "L ={}\nstatus -15\n", 0},
    {"lines: mark", LLM_FRAME_LINES, 0, "\xef\xbb\xbf{}\n", "L ={}\n", 0},
    {"lines: empty", LLM_FRAME_LINES, 0, "", "", 0},

    {"whole", LLM_FRAME_WHOLE, 0, "data: a\n\n", "W =data: a\n\n\n", 0},
    {"whole: empty", LLM_FRAME_WHOLE, 0, "", "W =\n", 0},
    {"whole: any bytes", LLM_FRAME_WHOLE, 0, " \xff\0x", "W = \xff\0x\n", 4},
    {"whole: not told of the end", LLM_FRAME_WHOLE, NO_END, "x", "", 0},
};

static size_t input_len(const struct row *row) {
    return row->len != 0 ? row->len : strlen(row->input);
}

// Expected texts hold a NUL where the input does.
static size_t want_len(const struct row *row) {
    const size_t head = strlen(row->want);
    return row->len == 0 ? head : head + 1 + strlen(row->want + head + 1);
}

// A piece that ends where it ends, for the sanitizer.
static llm_status feed_piece(struct llm_frames *frames, const char *p, size_t n) {
    char *copy = malloc(n > 0 ? n : 1);
    if (copy == NULL) {
        return LLM_E_NOMEM;
    }
    if (n > 0) {
        memcpy(copy, p, n);
    }
    const llm_status status = llm_frames_feed(frames, copy, n);
    free(copy);
    return status;
}

// Cut at `first`, then each `step` bytes.
static void run(struct llm_frames *frames, const struct row *row, size_t first, size_t step,
                struct heard *heard) {
    const size_t len = input_len(row);
    llm_status status = LLM_OK;
    llm_frames_init(frames, row->framing, 4096, 1 << 20, on_chunk, heard);
    frames->strict = (row->flags & STRICT) != 0;
    for (size_t at = 0; at < len && status == LLM_OK;) {
        size_t n = at == 0 && first > 0 ? first : step;
        n = n < len - at ? n : len - at;
        status = feed_piece(frames, row->input + at, n);
        at += n;
    }
    if (status == LLM_OK && (row->flags & NO_END) == 0) {
        status = llm_frames_end(frames);
    }
    if (status != LLM_OK) {
        heard->len += (size_t)snprintf(heard->text + heard->len, sizeof heard->text - heard->len,
                                       "status %d\n", status);
    }
}

START_TEST(cuts_in_the_same_way_however_it_arrives) {
    const struct row *row = &rows[_i];
    const size_t len = input_len(row);
    struct llm_frames frames = {0};
    for (size_t first = 0; first <= len; first++) {
        for (size_t step = 1; step <= len + 1;
             step += len > 0 ? len : 1) { // the rest byte by byte, and whole
            struct heard heard = {.len = 0};
            run(&frames, row, first, step, &heard);
            ck_assert_msg(heard.len == want_len(row) && memcmp(heard.text, row->want, heard.len) == 0,
                          "%s, cut at %zu, then each %zu: <%.*s>", row->why, first, step, (int)heard.len,
                          heard.text);
        }
    }
    llm_frames_done(&frames);
}
END_TEST

static const struct {
    uint32_t framing;
    size_t event_max, body_max;
    const char *input, *want;
} limits[] = {
    {LLM_FRAME_SSE, 7, 100, "data: a\n\ndata: bc\n\n",
     "S message=a\nstatus -20\n"}, // a line one byte too long
    {LLM_FRAME_SSE, 8, 100, "data: a\n\ndata: bc\n\n", "S message=a\nS message=bc\n"}, // just fits
    {LLM_FRAME_SSE, 8, 100, ": 34567890\n", "status -20\n"},                           // a comment counts too
    {LLM_FRAME_SSE, 7, 100, "data:ab\ndata:cd\ndata:e\n\n", "S message=ab\ncd\ne\n"},  // joined: 7 bytes
    {LLM_FRAME_SSE, 7, 100, "data:ab\ndata:cd\ndata:ef\n\n", "status -20\n"},          // joined: 8
    {LLM_FRAME_SSE, 7, 100, "data:\x80\x80\n\n", "S message=\xef\xbf\xbd\xef\xbf\xbd\n"}, // replaced: 6
    {LLM_FRAME_SSE, 8, 100, "data:\x80\x80\x80\n\n", "status -20\n"},                     // replaced: 9
    {LLM_FRAME_SSE, 100, 18, "data: a\n\ndata: b\n\n", "S message=a\nS message=b\n"},
    {LLM_FRAME_SSE, 100, 17, "data: a\n\ndata: b\n\n", "S message=a\nstatus -20\n"},
    {LLM_FRAME_LINES, 3, 100, "123\n1234\n", "L =123\nstatus -20\n"},
    {LLM_FRAME_WHOLE, 4, 100, "1234", "W =1234\n"},
    {LLM_FRAME_WHOLE, 4, 100, "12345", "status -20\n"},
    {LLM_FRAME_WHOLE, 100, 4, "12345", "status -20\n"},
    {LLM_FRAME_SSE, 4, 100, "     data: x\n\n", "status -20\n"},
};

START_TEST(keeps_the_maxima_to_the_byte) {
    const size_t len = strlen(limits[_i].input);
    struct llm_frames frames = {0};
    for (size_t step = 1; step <= len; step++) {
        struct heard heard = {.len = 0};
        llm_status status = LLM_OK;
        llm_frames_init(&frames, limits[_i].framing, limits[_i].event_max, limits[_i].body_max, on_chunk,
                        &heard);
        for (size_t at = 0; at < len && status == LLM_OK; at += step) {
            status = feed_piece(&frames, limits[_i].input + at, step < len - at ? step : len - at);
        }
        status = status == LLM_OK ? llm_frames_end(&frames) : status;
        if (status != LLM_OK) {
            (void)snprintf(heard.text + heard.len, sizeof heard.text - heard.len, "status %d\n", status);
            ck_assert_int_eq(llm_frames_feed(&frames, "x", 1), status); // and it stays
            ck_assert_int_eq(llm_frames_end(&frames), status);
        }
        ck_assert_msg(strcmp(heard.text, limits[_i].want) == 0, "row %d, each %zu: <%s>", _i, step,
                      heard.text);
    }
    llm_frames_done(&frames);
}
END_TEST

START_TEST(raw_passes_pieces_on) {
    struct llm_frames frames = {0};
    struct heard heard = {.len = 0};
    llm_frames_init(&frames, LLM_FRAME_RAW, 1, 100, on_chunk, &heard);
    ck_assert_int_eq(llm_frames_feed(&frames, "ab", 2), LLM_OK);
    ck_assert_int_eq(llm_frames_feed(&frames, "", 0), LLM_OK);
    ck_assert_int_eq(llm_frames_feed(&frames, "c\n", 2), LLM_OK);
    ck_assert_int_eq(llm_frames_end(&frames), LLM_OK);
    ck_assert_str_eq(heard.text, "R =ab\nR =c\n\n");
    llm_frames_done(&frames);
}
END_TEST

static const llm_status stops[] = {LLM_DONE, LLM_E_CANCELLED, LLM_E_PROTOCOL};

START_TEST(stops_when_told) {
    struct llm_frames frames = {0};
    struct heard heard = {.stop_after = 2, .stop_with = stops[_i]};
    llm_frames_init(&frames, LLM_FRAME_SSE, 100, 1000, on_chunk, &heard);
    ck_assert_int_eq(llm_frames_feed(&frames, "data: 1\n\ndata: 2\n\ndata: 3\n\nda", 29), stops[_i]);
    ck_assert_int_eq(llm_frames_feed(&frames, "ta: 4\n\n", 7), stops[_i]);
    ck_assert_int_eq(llm_frames_end(&frames), stops[_i]);
    ck_assert_str_eq(heard.text, "S message=1\nS message=2\n");
    llm_frames_reset(&frames, 1000);
    ck_assert_int_eq(llm_frames_feed(&frames, "data: 5\n\n", 9), LLM_OK);
    ck_assert_str_eq(heard.text, "S message=1\nS message=2\nS message=5\n");
    llm_frames_done(&frames);
}
END_TEST

static const struct {
    const char *input, *data, *id; // data NULL: none
} pendings[] = {
    {"data: a\n", "a", ""},      {"id: 7\ndata: a\ndata: b", "a\nb", "7"},
    {"data:5", "5", ""},         {"data: a\n\n", NULL, ""},
    {"event: x\n", NULL, ""},    {"id: 1\nid: a\0b\ndata: x", "x", "1"},
    {"id: 1\n\nid\n", NULL, ""},
};

START_TEST(shows_what_is_pending) {
    struct llm_frames frames = {0};
    struct heard heard = {.len = 0};
    llm_chunk chunk;
    llm_frames_init(&frames, LLM_FRAME_SSE, 100, 1000, on_chunk, &heard);
    const size_t len = _i == 5 ? 21 : strlen(pendings[_i].input);
    ck_assert_int_eq(llm_frames_feed(&frames, pendings[_i].input, len), LLM_OK);
    const bool pending = llm_frames_pending(&frames, &chunk);
    ck_assert(pending == (pendings[_i].data != NULL));
    if (pending) {
        ck_assert(llm_str_is((llm_str){(const char *)chunk.data.ptr, chunk.data.len}, pendings[_i].data));
        ck_assert(llm_str_is(chunk.event, "message"));
    }
    ck_assert(llm_str_is(llm_frames_last_id(&frames), pendings[_i].id));
    llm_frames_done(&frames);
}
END_TEST

START_TEST(ends_once) {
    struct llm_frames frames = {0};
    struct heard heard = {.len = 0};
    llm_frames_init(&frames, LLM_FRAME_WHOLE, 100, 1000, on_chunk, &heard);
    ck_assert_int_eq(llm_frames_end(&frames), LLM_OK);
    ck_assert_int_eq(llm_frames_end(&frames), LLM_OK);
    ck_assert_uint_eq(heard.chunks, 1);
    llm_frames_done(&frames);
    llm_frames_done(&frames);
}
END_TEST

static llm_status count_chunk(void *ctx, const llm_chunk *chunk) {
    *(size_t *)ctx += chunk->data.len;
    return LLM_OK;
}

START_TEST(neither_allocates_nor_copies_on_the_common_path) {
    static const char input[] = "event: delta\ndata: {\"a\":\"b\"}\n\n: comment\n\ndata: second\r\n\r\n";
    struct llm_frames frames = {0};
    size_t bytes = 0;
    const size_t before = fail_alloc_count();
    llm_frames_init(&frames, LLM_FRAME_SSE, LLM_MAX_EVENT_BYTES, LLM_MAX_RESPONSE_BYTES, count_chunk, &bytes);
    const llm_status status = llm_frames_feed(&frames, input, sizeof input - 1);
    const size_t after = fail_alloc_count();
    ck_assert_int_eq(status, LLM_OK);
    ck_assert_uint_eq(bytes, 15);
    ck_assert_uint_eq(after, before);
    ck_assert_ptr_null(frames.pending.ptr);
    ck_assert_ptr_null(frames.data.ptr);
    llm_frames_done(&frames);
}
END_TEST

START_TEST(allocates_nothing_once_warm) {
    static const char input[] = "id: 1\nevent: delta\ndata: one\ndata: two\n\nerror: \xff\n\n";
    struct llm_frames frames = {0};
    size_t bytes = 0, before = 0;
    for (int round = 0; round < 2; round++) {
        before = fail_alloc_count();
        llm_frames_init(&frames, LLM_FRAME_SSE_FIELDS, 1000, 1000, count_chunk, &bytes);
        for (size_t i = 0; i < sizeof input - 1; i++) {
            (void)llm_frames_feed(&frames, input + i, 1);
        }
        (void)llm_frames_end(&frames);
        llm_frames_reset(&frames, 1000);
    }
    const size_t after = fail_alloc_count();
    ck_assert_uint_eq(after, before);
    ck_assert_uint_eq(bytes, 2 * 10);
    llm_frames_done(&frames);
}
END_TEST

START_TEST(a_large_event_is_put_together_once) {
    enum { PIECE = 4096, PIECES = 256 };
    static char piece[PIECE];
    struct llm_frames frames = {0};
    size_t bytes = 0;
    memset(piece, 'x', sizeof piece);
    llm_frames_init(&frames, LLM_FRAME_SSE, LLM_MAX_EVENT_BYTES, LLM_MAX_RESPONSE_BYTES, count_chunk, &bytes);
    ck_assert_int_eq(llm_frames_feed(&frames, "data: ", 6), LLM_OK);
    for (int i = 0; i < PIECES; i++) {
        ck_assert_int_eq(llm_frames_feed(&frames, piece, sizeof piece), LLM_OK);
    }
    ck_assert_int_eq(llm_frames_feed(&frames, "\n", 1), LLM_OK);
    ck_assert_ptr_null(frames.pending.ptr); // its memory went over to data
    ck_assert_int_eq(llm_frames_feed(&frames, "\n", 1), LLM_OK);
    ck_assert_uint_eq(bytes, PIECE * PIECES);
    llm_frames_done(&frames);
}
END_TEST

// Each allocation fails once: a status, no crash, no leak, and what was heard is a beginning of what should be.
START_TEST(survives_every_failing_allocation) {
    const struct row *row = &rows[_i];
    const size_t len = input_len(row);
    for (size_t n = 0;; n++) {
        struct llm_frames frames = {0};
        static struct heard heard;
        heard = (struct heard){.len = 0};
        llm_status status = LLM_OK;
        llm_frames_init(&frames, row->framing, 4096, 1 << 20, on_chunk, &heard);
        frames.strict = (row->flags & STRICT) != 0;
        fail_alloc_after(n);
        for (size_t i = 0; i < len && status == LLM_OK; i++) {
            status = llm_frames_feed(&frames, row->input + i, 1);
        }
        if (status == LLM_OK && (row->flags & NO_END) == 0) {
            status = llm_frames_end(&frames);
        }
        const bool failed = fail_alloc_off();
        llm_frames_done(&frames);
        if (!failed) {
            break;
        }
        ck_assert_msg(status == LLM_E_NOMEM, "%s: allocation %zu: status %d", row->why, n, status);
        ck_assert_msg(heard.len <= want_len(row) && memcmp(heard.text, row->want, heard.len) == 0, "%s: %zu",
                      row->why, n);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("frames");
    TCase *tcase = tcase_create("frames");
    tcase_add_loop_test(tcase, cuts_in_the_same_way_however_it_arrives, 0, CHECK_ROWS(rows));
    tcase_add_loop_test(tcase, keeps_the_maxima_to_the_byte, 0, CHECK_ROWS(limits));
    tcase_add_test(tcase, raw_passes_pieces_on);
    tcase_add_loop_test(tcase, stops_when_told, 0, CHECK_ROWS(stops));
    tcase_add_loop_test(tcase, shows_what_is_pending, 0, CHECK_ROWS(pendings));
    tcase_add_test(tcase, ends_once);
    tcase_add_test(tcase, neither_allocates_nor_copies_on_the_common_path);
    tcase_add_test(tcase, allocates_nothing_once_warm);
    tcase_add_test(tcase, a_large_event_is_put_together_once);
    tcase_add_loop_test(tcase, survives_every_failing_allocation, 0, CHECK_ROWS(rows));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
