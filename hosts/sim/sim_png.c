// SPDX-License-Identifier: MIT
#include "sim_png.h"

#define ROW_BYTES (1 + 3 * LLM_SIM_PNG_SIDE)
#define RAW_BYTES (ROW_BYTES * LLM_SIM_PNG_SIDE)

static uint32_t crc32_of(const uint8_t *p, size_t n) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static uint32_t adler32_of(const uint8_t *p, size_t n) {
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < n; i++) {
        a = (a + p[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static void put32(uint8_t *to, uint32_t n) {
    to[0] = (uint8_t)(n >> 24);
    to[1] = (uint8_t)(n >> 16);
    to[2] = (uint8_t)(n >> 8);
    to[3] = (uint8_t)n;
}

static void add_chunk(struct host_text *buf, const char *type, const uint8_t *data, size_t n) {
    uint8_t word[4];
    put32(word, (uint32_t)n);
    host_text_add(buf, word, 4);
    const size_t from = buf->len;
    host_text_text(buf, type);
    host_text_add(buf, data, n);
    if (!buf->failed) {
        put32(word, crc32_of((const uint8_t *)buf->ptr + from, buf->len - from));
        host_text_add(buf, word, 4);
    }
}

void llm_sim_png(struct host_text *buf, uint32_t seed) {
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t header[13] = {0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0};
    uint8_t data[7 + RAW_BYTES + 4] = {0x78, 0x01, 1}; // zlib with one block that is stored, not packed
    uint8_t *raw = data + 7;

    put32(header, LLM_SIM_PNG_SIDE);
    put32(header + 4, LLM_SIM_PNG_SIDE);
    data[3] = RAW_BYTES & 255;
    data[4] = RAW_BYTES >> 8;
    data[5] = (uint8_t)~data[3];
    data[6] = (uint8_t)~data[4];
    for (uint32_t y = 0; y < LLM_SIM_PNG_SIDE; y++) {
        for (uint32_t x = 0; x < LLM_SIM_PNG_SIDE; x++) {
            uint8_t *pixel = raw + y * ROW_BYTES + 1 + 3 * x;
            pixel[0] = (uint8_t)((seed & 255) + 3 * x);
            pixel[1] = (uint8_t)((seed >> 8 & 255) + 3 * y);
            pixel[2] = (uint8_t)((seed >> 16 & 255) + 2 * (x ^ y));
        }
    }
    put32(data + 7 + RAW_BYTES, adler32_of(raw, RAW_BYTES));
    host_text_add(buf, signature, sizeof signature);
    add_chunk(buf, "IHDR", header, sizeof header);
    add_chunk(buf, "IDAT", data, sizeof data);
    add_chunk(buf, "IEND", header, 0);
}

void llm_sim_svg(struct host_text *buf, uint32_t seed) {
    char colour[6];
    for (int i = 0; i < 6; i++) {
        colour[i] = "0123456789abcdef"[seed >> 4 * i & 15];
    }
    host_text_text(
        buf, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\" width=\"32\" height=\"32\">"
             "<rect width=\"32\" height=\"32\" fill=\"#");
    host_text_add(buf, colour, sizeof colour);
    host_text_text(buf, "\"/><circle cx=\"16\" cy=\"16\" r=\"9\" fill=\"#fff\"/></svg>\n");
}
