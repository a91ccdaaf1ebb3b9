// SPDX-License-Identifier: MIT
#include "observe/exposition.h"

static void put(struct llm_exposition *e, const char *p, size_t n) {
    if (e->status == LLM_OK) {
        e->status = llm_buf_put(e->text, p, n);
    }
}

static void puts_(struct llm_exposition *e, const char *text) {
    put(e, text, strlen(text));
}

void llm_exposition_family(struct llm_exposition *e, const char *name, const char *type, const char *help) {
    e->name = name;
    const char *const parts[] = {"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        puts_(e, parts[i]);
    }
}

// A label's value: backslash, quote and newline are escaped; other control bytes, which a reader may stumble over, become blanks.
static void put_value(struct llm_exposition *e, llm_str s) {
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.ptr[i];
        if (c == '\n') {
            puts_(e, "\\n");
        } else if (c == '\\' || c == '"') {
            put(e, (char[]){'\\', c}, 2);
        } else {
            put(e, (unsigned char)c < 0x20 || c == 0x7f ? " " : &c, 1);
        }
    }
}

void llm_exposition_decimal(struct llm_exposition *e, const char *suffix, const llm_header *labels,
                            size_t n_labels, uint64_t value, unsigned decimals) {
    char number[40];
    char *const end = number + sizeof number;
    char *at = end;
    bool shown = false;
    for (unsigned i = 0; i < decimals; i++, value /= 10) {
        if (shown || value % 10 != 0) {
            *--at = (char)('0' + value % 10);
            shown = true;
        }
    }
    if (shown) {
        *--at = '.';
    }
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    puts_(e, e->name);
    puts_(e, suffix);
    for (size_t i = 0; i < n_labels; i++) {
        puts_(e, i == 0 ? "{" : ",");
        put(e, labels[i].name.ptr, labels[i].name.len);
        puts_(e, "=\"");
        put_value(e, labels[i].value);
        puts_(e, "\"");
    }
    puts_(e, n_labels > 0 ? "} " : " ");
    put(e, at, (size_t)(end - at));
    puts_(e, "\n");
}

void llm_exposition_sample(struct llm_exposition *e, const char *suffix, const llm_header *labels,
                           size_t n_labels, uint64_t value) {
    llm_exposition_decimal(e, suffix, labels, n_labels, value, 0);
}
