// SPDX-License-Identifier: MIT
// What JSON and framing cost, beside cJSON and memcpy on the same documents.
#include "bench.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "base/gate.h"
#include "base/limits.h"
#include "llm_json.h"
#include "net/frames.h"

enum { ROUNDS = 7, PIECE_BYTES = 16384 };

static struct llm_arena arena;
static struct llm_frames frames;
static volatile size_t result; // what is measured is used

typedef void (*work_fn)(llm_str text);

static void work_check(llm_str text) {
    result += (size_t)llm_json_check(text, 64, NULL);
}

static void work_gate(llm_str text) {
    struct llm_gate gate = {NULL, 0};
    if (llm_gate_request(text, &arena, &gate, NULL) == LLM_OK) {
        result += gate.n_fields + llm_gate_get(&gate, "model").len;
    }
    llm_arena_reset(&arena, 1 << 16);
}

static void work_pick(llm_str text) {
    static const char *const names[] = {"model", "stream"};
    llm_str values[2];
    llm_json_pick(text, names, values, 2);
    result += values[0].len + values[1].len;
}

static void work_delta(llm_str text) {
    const llm_str delta = llm_json_get(llm_json_at(llm_json_get(text, "choices"), 0), "delta");
    result += llm_json_get(delta, "content").len;
}

static void work_cjson(llm_str text) {
    cJSON *tree = cJSON_ParseWithLength(text.ptr, text.len);
    result += tree != NULL;
    cJSON_Delete(tree);
}

static void work_memcpy(llm_str text) {
    static char copy[6 << 20];
    memcpy(copy, text.ptr, text.len);
    result += (size_t)copy[text.len / 2];
}

static llm_status on_chunk(void *ctx, const llm_chunk *chunk) {
    (void)ctx;
    result += chunk->data.len;
    return LLM_OK;
}

static void work_frames(llm_str text) {
    llm_frames_init(&frames, LLM_FRAME_SSE, LLM_MAX_EVENT_BYTES, LLM_MAX_RESPONSE_BYTES, on_chunk, NULL);
    for (size_t at = 0; at < text.len; at += PIECE_BYTES) {
        const size_t n = text.len - at < PIECE_BYTES ? text.len - at : PIECE_BYTES;
        result += (size_t)llm_frames_feed(&frames, text.ptr + at, n);
    }
}

// Nanoseconds of one run, the median over rounds of some milliseconds each.
static double cost_ns(work_fn work, llm_str text) {
    double rounds[ROUNDS];
    size_t times = 1;
    for (double spent = 0; spent < 2000; times *= 2) {
        const double start = bench_cpu_us();
        for (size_t i = 0; i < times; i++) {
            work(text);
        }
        spent = bench_cpu_us() - start;
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        const double start = bench_cpu_us();
        for (size_t i = 0; i < times; i++) {
            work(text);
        }
        rounds[round] = (bench_cpu_us() - start) * 1000 / (double)times;
    }
    return bench_median(rounds, ROUNDS);
}

// A chat request whose prompt is `n` bytes; every 60th is a line end and every 97th a quote, escaped.
static void make_chat(struct llm_buf *buf, size_t n, const char *letter) {
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, buf);
    llm_json_object(&w);
    llm_json_name(&w, "model");
    llm_json_cstring(&w, "gpt-4o-mini");
    llm_json_name(&w, "messages");
    llm_json_array(&w);
    llm_json_object(&w);
    llm_json_name(&w, "role");
    llm_json_cstring(&w, "user");
    llm_json_name(&w, "content");
    llm_json_string_begin(&w);
    for (size_t i = 0; i < n; i += strlen(letter)) {
        const char *piece = i % 60 == 59 ? "\n" : i % 97 == 96 ? "\"" : letter;
        llm_json_string_piece(&w, piece, strlen(piece), 0);
    }
    llm_json_string_end(&w);
    llm_json_object_end(&w);
    llm_json_array_end(&w);
    llm_json_name(&w, "temperature");
    llm_json_raw(&w, LLM_STR("0.2"));
    llm_json_name(&w, "stream");
    llm_json_boolean(&w, 1);
    llm_json_object_end(&w);
}

static void make_image(struct llm_buf *buf, size_t n) {
    (void)llm_buf_puts(buf, "{\"model\":\"m\",\"image\":\"");
    for (size_t i = 0; i < n; i += 64) {
        (void)llm_buf_puts(buf, "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q");
    }
    (void)llm_buf_puts(buf, "\"}");
}

static void compare(const char *name, work_fn work, llm_str text, work_fn other, const char *other_name,
                    double goal) {
    char beside[64];
    const double ours = cost_ns(work, text), theirs = cost_ns(other, text);
    (void)snprintf(beside, sizeof beside, "%.0f ns beside %.0f ns of %s", ours, theirs, other_name);
    bench_row(name, ours / theirs, "times", goal, beside);
}

static const char event[] =
    "{\"id\":\"chatcmpl-a1b2c3d4e5f6\",\"object\":\"chat.completion.chunk\",\"created\":1763980000,"
    "\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" of the\"},"
    "\"logprobs\":null,\"finish_reason\":null}]}";

int main(void) {
    struct llm_buf chat = {.max = 1 << 20}, prompt = {.max = 1 << 20}, foreign = {.max = 1 << 20};
    struct llm_buf image = {.max = 8 << 20}, stream = {.max = 1 << 20};
    bench_pin();
    make_chat(&chat, 900, "a");
    make_chat(&prompt, 100000, "a");
    make_chat(&foreign, 100000, "\xe6\x88\x91"); // three bytes a character
    make_image(&image, 5000000);
    for (int i = 0; i < 1000; i++) {
        (void)llm_buf_printf(&stream, "data: %s\n\n", event);
    }
    const llm_str chunk = llm_str_from(event);
    compare("JSON: model and stream of a 1 KB chat", work_pick, llm_buf_str(&chat), work_cjson, "cJSON", 0.5);
    compare("JSON: gate, 1 KB chat", work_gate, llm_buf_str(&chat), work_cjson, "cJSON", 0.7);
    compare("JSON: gate, 100 KB prompt", work_gate, llm_buf_str(&prompt), work_cjson, "cJSON", 0.3);
    compare("JSON: judge, 200 B event", work_check, chunk, work_cjson, "cJSON", 0.6);
    compare("JSON: text of a 200 B event", work_delta, chunk, work_cjson, "cJSON", 0.4);
    compare("JSON: gate, 5 MB image", work_gate, llm_buf_str(&image), work_memcpy, "memcpy", 3);
    bench_row("JSON: gate, 100 KB prompt", cost_ns(work_gate, llm_buf_str(&prompt)) / 1000, "us", 20,
              "ASCII");
    bench_row("JSON: gate, 100 KB prompt", cost_ns(work_gate, llm_buf_str(&foreign)) / 1000, "us", 80,
              "three bytes a character");
    bench_row("frames: one 200 B event", cost_ns(work_frames, llm_buf_str(&stream)) / 1000, "ns", 200,
              "1000 events in pieces of 16 KB");
    llm_frames_done(&frames);
    llm_arena_done(&arena);
    llm_buf_done(&chat);
    llm_buf_done(&prompt);
    llm_buf_done(&foreign);
    llm_buf_done(&image);
    llm_buf_done(&stream);
    return bench_missed > 0;
}
