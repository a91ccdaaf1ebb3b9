// SPDX-License-Identifier: MIT
#include "recraft.h"

// How a kind of image begins, in bytes and in base64, and how its file is called.
static const struct {
    const char *mime, *bytes, *base64, *suffix;
} kinds[] = {
    {"image/png", "\x89PNG\r\n\x1a\n", "iVBORw0KGgo", ".png"},
    {"image/webp", "RIFF", "UklGR", ".webp"},
    {"image/jpeg", "\xff\xd8\xff", "/9j/", ".jpg"},
    {"image/jpeg", "\xff\xd8\xff", "/9j/", ".jpeg"},
    {"image/gif", "GIF8", "R0lGOD", ".gif"},
    {"image/svg+xml", "<svg", "PHN2Z", ".svg"},
    {"image/svg+xml", "<?xml", "PD94bW", ".svg"},
    {"image/svg+xml", "<!DOCTYPE svg", "PCFET0NUWVBFIHN2Z", ".svg"},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static int begins(const void *p, size_t len, const char *start) {
    return len >= strlen(start) && memcmp(p, start, strlen(start)) == 0;
}

const char *recraft_mime_of_bytes(llm_bytes bytes) {
    for (size_t i = 0; i < KINDS; i++) {
        if (begins(bytes.ptr, bytes.len, kinds[i].bytes)) {
            return kinds[i].mime;
        }
    }
    return NULL;
}

const char *recraft_mime_of_base64(llm_str text) {
    for (size_t i = 0; i < KINDS; i++) {
        if (begins(text.ptr, text.len, kinds[i].base64)) {
            return kinds[i].mime;
        }
    }
    return NULL;
}

const char *recraft_mime_of_url(llm_str url) {
    for (size_t i = 0; i < url.len; i++) {
        if (url.ptr[i] == '?' || url.ptr[i] == '#') {
            url.len = i;
        }
    }
    for (size_t i = 0; i < KINDS; i++) {
        const size_t n = strlen(kinds[i].suffix);
        if (url.len > n && memcmp(url.ptr + url.len - n, kinds[i].suffix, n) == 0) {
            return kinds[i].mime;
        }
    }
    return NULL;
}

llm_str recraft_image_address(llm_str value) {
    // OpenAI's forms nest three deep: [{"image_url": {"url": ...}}].
    for (int depth = 0; depth < 4; depth++) {
        const char type = llm_json_type(value);
        if (type == '"') {
            return value;
        }
        if (type == '[') {
            value = llm_json_at(value, 0);
            continue;
        }
        const llm_str inner = llm_json_get(value, "image_url");
        value = inner.ptr != NULL ? inner : llm_json_get(value, "url");
    }
    return (llm_str){NULL, 0};
}

llm_str recraft_last_user_content(llm_str messages) {
    llm_str content = {NULL, 0};
    for (llm_json_iter it = llm_json_begin(messages); llm_json_next(&it);) {
        if (llm_json_is(llm_json_get(it.value, "role"), "user")) {
            content = llm_json_get(it.value, "content");
        }
    }
    return content;
}

llm_str recraft_content_part(llm_str content, const char *kind) {
    if (llm_json_type(content) != '[') {
        return (llm_str){NULL, 0};
    }
    for (llm_json_iter it = llm_json_begin(content); llm_json_next(&it);) {
        if (llm_json_is(llm_json_get(it.value, "type"), kind)) {
            return it.value;
        }
    }
    return (llm_str){NULL, 0};
}
