// SPDX-License-Identifier: MIT
// llm_json.h: the judge, the reader and the writer have to agree with each other.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "llm_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds) {
    if (!holds) {
        abort();
    }
}

static int inside(llm_str part, llm_str whole) {
    return part.ptr == NULL || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void try_string(llm_str string, int valid) {
    struct llm_buf text = {.max = 1 << 20}, json = {.max = 1 << 22};
    char small[7];
    const size_t len = llm_json_decoded_len(string);
    const size_t cut = llm_json_decode(string, small, sizeof small);
    const llm_status status = llm_json_decode_to(string, llm_buf_sink, &text);
    if (status == LLM_OK) {
        must(text.len == len && cut <= len && (cut == 0 || memcmp(small, text.ptr, cut) == 0));
        must(llm_json_is_str(string, llm_buf_str(&text)));
        llm_json_writer w = llm_json_writer_to(llm_buf_sink, &json);
        llm_json_string(&w, llm_buf_str(&text));
        must(w.status == LLM_OK && llm_json_check(llm_buf_str(&json), 0, NULL));
        must(!valid ||
             (llm_str_utf8(llm_buf_str(&text)) && llm_json_is_str(llm_buf_str(&json), llm_buf_str(&text))));
    } else {
        must(cut == SIZE_MAX && len == 0);
    }
    llm_buf_done(&text);
    llm_buf_done(&json);
}

static void try_scalars(llm_str v) {
    int64_t integer = 1, decimal = 1;
    double number;
    int boolean;
    const int has_integer = llm_json_int64(v, &integer);
    const int has_decimal = llm_json_decimal(v, 0, &decimal);
    must(!has_integer || (has_decimal && integer == decimal));
    must(!has_integer || llm_json_double(v, &number));
    (void)llm_json_double(v, &number);
    (void)llm_json_decimal(v, 12, &decimal);
    must(!llm_json_bool(v, &boolean) || boolean == 0 || boolean == 1);
}

// Members and elements, one level; each is found again by its name or its number.
static void try_members(llm_str doc, int valid) {
    size_t n = 0;
    for (llm_json_iter it = llm_json_begin(doc); llm_json_next(&it); n++) {
        must(inside(it.value, doc) && inside(it.name, doc));
        must(!valid || llm_json_check(it.value, 1024, NULL));
        try_string(it.value, valid);
        try_scalars(it.value);
        if (it.is_object) {
            char name[64];
            const size_t len = llm_json_decode(it.name, name, sizeof name - 1);
            must(len != SIZE_MAX);
            name[len] = '\0';
            if (len == llm_json_decoded_len(it.name) && strlen(name) == len) {
                const char *const names[] = {name, "a"};
                llm_str values[2];
                llm_json_pick(doc, names, values, 2);
                const llm_str got = llm_json_get(doc, name);
                must(got.ptr != NULL && got.ptr == values[0].ptr);
            }
        } else if (n < 100) {
            must(llm_json_at(doc, n).ptr == it.value.ptr);
        }
    }
    must(n == llm_json_count(doc));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t levels[16];
    const llm_str doc = {(const char *)data, size};
    size_t at = size + 1;
    const int bad = llm_json_judge(doc, LLM_JSON_DEPTH_MAX, levels, &at);
    const int valid = bad == LLM_JSON_VALID;
    must(at <= size && llm_json_check(doc, LLM_JSON_DEPTH_MAX, NULL) == valid);
    // A text is wrong where it says so: what stands before that can go on well, with that byte it cannot.
    if (!valid && bad != LLM_JSON_BAD_TAIL && bad != LLM_JSON_BAD_UTF8) {
        size_t again = 0;
        const int cut = llm_json_judge((llm_str){doc.ptr, at}, LLM_JSON_DEPTH_MAX, levels, &again);
        must(cut == LLM_JSON_VALID || (cut == LLM_JSON_BAD_END && again == at));
    }
    const llm_str value = llm_json_value(doc);
    must(inside(value, doc) &&
         (!valid || (value.ptr != NULL && llm_json_check(value, LLM_JSON_DEPTH_MAX, NULL))));
    try_members(doc, valid);
    try_string(doc, valid);
    try_scalars(doc);
    if (size > 0) {
        const llm_str pointer = {doc.ptr, data[0] % size};
        must(inside(llm_json_pointer(doc, pointer), doc));
    }
    return 0;
}
