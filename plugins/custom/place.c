// SPDX-License-Identifier: MIT
// Where in the description we are, and messages that say so.
#include "read.h"

#include <stdarg.h>
#include <stdio.h>

llm_status custom_wrong(struct reader *r, const char *format, ...) {
    char text[MESSAGE_MAX - 256];
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)snprintf(r->message, MESSAGE_MAX, "/custom%.*s: %s", (int)r->at_len, r->at, len < 0 ? "" : text);
    return LLM_E_CONFIG;
}

static void put_at(struct reader *r, char c) {
    if (r->at_len < sizeof r->at) {
        r->at[r->at_len++] = c;
    }
}

size_t custom_down(struct reader *r, llm_str name) {
    const size_t before = r->at_len;
    put_at(r, '/');
    for (size_t i = 0; i < name.len; i++) {
        const bool is_special = name.ptr[i] == '/' || name.ptr[i] == '~';
        put_at(r, is_special ? '~' : name.ptr[i]);
        if (is_special) {
            put_at(r, name.ptr[i] == '/' ? '1' : '0');
        }
    }
    return before;
}

size_t custom_down_number(struct reader *r, size_t number) {
    char text[24];
    const int n = snprintf(text, sizeof text, "%zu", number);
    return custom_down(r, (llm_str){text, (size_t)n});
}

void custom_up(struct reader *r, size_t before) {
    r->at_len = before;
}
