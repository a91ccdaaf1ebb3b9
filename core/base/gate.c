// SPDX-License-Identifier: MIT
#include "base/gate.h"

#include <stdio.h>

#include "base/error.h"
#include "base/limits.h"
#include "llm_json.h"

_Static_assert(LLM_MAX_JSON_DEPTH <= 64, "one word holds a bit for each level");

// What is wrong beside the grammar; continues LLM_JSON_BAD_*.
#define BAD_NO_OBJECT 100
#define BAD_TWICE 101
#define BAD_FIELDS 102
#define BAD_MEMORY 103

// A request on its way through the gate.
struct passage {
    const char *p, *end;
    struct llm_arena *arena;
    int bad;        // LLM_JSON_BAD_*, BAD_*
    const char *at; // the byte that is wrong
    size_t n_fields;
    llm_header fields[LLM_MAX_REQUEST_FIELDS];
};

struct llm_gate_place llm_gate_place(llm_str text, size_t offset) {
    struct llm_gate_place place = {1, 1, offset + 1};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)text.ptr[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

void llm_gate_words(llm_str text, int bad, size_t offset, char words[LLM_GATE_WORDS_BYTES]) {
    const unsigned char c = offset < text.len ? (unsigned char)text.ptr[offset] : 0;
    if (bad != LLM_JSON_BAD_SYNTAX || offset >= text.len) {
        (void)snprintf(words, LLM_GATE_WORDS_BYTES, "%s", llm_json_bad_text(bad));
    } else if (c >= 0x20 && c < 0x7f) {
        (void)snprintf(words, LLM_GATE_WORDS_BYTES, "unexpected '%c'", c);
    } else {
        (void)snprintf(words, LLM_GATE_WORDS_BYTES, "unexpected byte 0x%02x", c);
    }
}

static bool wrong(struct passage *passage, int bad, const char *at) {
    passage->bad = bad;
    passage->at = at;
    return false;
}

static void skip_blanks(struct passage *passage) {
    while (passage->p < passage->end &&
           (*passage->p == ' ' || *passage->p == '\t' || *passage->p == '\n' || *passage->p == '\r')) {
        passage->p++;
    }
}

// The next byte that is no blank must be c.
static bool take(struct passage *passage, char c) {
    skip_blanks(passage);
    if (passage->p == passage->end) {
        return wrong(passage, LLM_JSON_BAD_END, passage->p);
    }
    if (*passage->p != c) {
        return wrong(passage, LLM_JSON_BAD_SYNTAX, passage->p);
    }
    passage->p++;
    return true;
}

static bool take_value(struct passage *passage, llm_str *ret) {
    uint64_t levels = 0;
    size_t len;
    skip_blanks(passage);
    const llm_str rest = {passage->p, (size_t)(passage->end - passage->p)};
    const int bad = llm_json_judge_value(rest, LLM_MAX_JSON_DEPTH - 1, &levels, &len);
    if (bad != LLM_JSON_VALID) {
        return wrong(passage, bad, passage->p + len);
    }
    *ret = (llm_str){passage->p, len};
    passage->p += len;
    return true;
}

// A name as it is when it holds no escape, else decoded; absent: no memory.
static llm_str decoded(struct llm_arena *arena, llm_str raw) {
    llm_str name = llm_json_plain(raw);
    if (name.ptr == NULL) {
        char *text = llm_arena_bytes(arena, raw.len);
        if (text != NULL) {
            name = (llm_str){text, llm_json_decode(raw, text, raw.len)};
        }
    }
    return name;
}

static bool is_known(const struct passage *passage, llm_str name) {
    for (size_t i = 0; i < passage->n_fields; i++) {
        if (llm_str_eq(passage->fields[i].name, name)) {
            return true;
        }
    }
    return false;
}

static bool take_member(struct passage *passage) {
    llm_header field;
    llm_str raw;
    skip_blanks(passage);
    const char *start = passage->p;
    if (start == passage->end || *start != '"') {
        return take(passage, '"');
    }
    if (!take_value(passage, &raw)) {
        return false;
    }
    field.name = decoded(passage->arena, raw);
    if (field.name.ptr == NULL) {
        return wrong(passage, BAD_MEMORY, start);
    }
    if (is_known(passage, field.name)) {
        return wrong(passage, BAD_TWICE, start);
    }
    if (passage->n_fields == LLM_MAX_REQUEST_FIELDS) {
        return wrong(passage, BAD_FIELDS, start);
    }
    if (!take(passage, ':') || !take_value(passage, &field.value)) {
        return false;
    }
    passage->fields[passage->n_fields++] = field;
    return true;
}

static bool is_next(struct passage *passage, char c) {
    skip_blanks(passage);
    return passage->p < passage->end && *passage->p == c;
}

static bool take_object(struct passage *passage) {
    skip_blanks(passage);
    if (passage->p < passage->end && *passage->p != '{') {
        return wrong(passage, BAD_NO_OBJECT, passage->p);
    }
    if (!take(passage, '{')) {
        return false;
    }
    bool more = !is_next(passage, '}');
    while (more) {
        if (!take_member(passage)) {
            return false;
        }
        more = is_next(passage, ',');
        passage->p += more;
    }
    if (!take(passage, '}')) {
        return false;
    }
    skip_blanks(passage);
    return passage->p == passage->end ? true : wrong(passage, LLM_JSON_BAD_TAIL, passage->p);
}

static llm_status refuse(const struct passage *passage, llm_str text, llm_error *err) {
    if (passage->bad == BAD_MEMORY) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    const size_t offset = (size_t)(passage->at - text.ptr);
    const struct llm_gate_place place = llm_gate_place(text, offset);
    char words[LLM_GATE_WORDS_BYTES];
    char name[sizeof err->param] = "";
    switch (passage->bad) {
    case BAD_NO_OBJECT: (void)snprintf(words, sizeof words, "not a JSON object"); break;
    case BAD_FIELDS:
        (void)snprintf(words, sizeof words, "more than %d members", LLM_MAX_REQUEST_FIELDS);
        break;
    case BAD_TWICE: {
        const llm_str twice = llm_json_value(llm_str_cut(text, offset));
        (void)snprintf(words, sizeof words, "the same name twice");
        llm_error_text(name, sizeof name, (llm_str){name, llm_json_decode(twice, name, sizeof name - 1)});
        break;
    }
    default: llm_gate_words(text, passage->bad, offset, words); break;
    }
    (void)llm_fail(err, LLM_E_INVALID_REQUEST, "request: %s%s%s at line %zu, column %zu (byte %zu)", words,
                   name[0] != '\0' ? ": " : "", name, place.line, place.column, place.byte);
    if (err != NULL && err->size >= sizeof *err) {
        memcpy(err->param, name, sizeof err->param);
    }
    return LLM_E_INVALID_REQUEST;
}

llm_status llm_gate_request(llm_str text, struct llm_arena *arena, struct llm_gate *ret, llm_error *err) {
    struct passage passage;
    if (text.len > LLM_MAX_REQUEST_BYTES) {
        return llm_fail(err, LLM_E_TOO_LARGE, "request: %zu bytes, at most %u are taken", text.len,
                        LLM_MAX_REQUEST_BYTES);
    }
    passage.p = text.ptr != NULL ? text.ptr : "";
    passage.end = passage.p + text.len;
    passage.arena = arena;
    passage.n_fields = 0;
    if (!take_object(&passage)) {
        return refuse(&passage, (llm_str){passage.end - text.len, text.len}, err);
    }
    const size_t bytes = passage.n_fields * sizeof(llm_header);
    llm_header *fields = llm_arena_new(arena, bytes);
    if (fields == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    memcpy(fields, passage.fields, bytes);
    *ret = (struct llm_gate){fields, passage.n_fields};
    return LLM_OK;
}

llm_str llm_gate_get(const struct llm_gate *gate, const char *name) {
    const llm_str wanted = llm_str_from(name);
    for (size_t i = 0; i < gate->n_fields; i++) {
        if (llm_str_eq(gate->fields[i].name, wanted)) {
            return gate->fields[i].value;
        }
    }
    return (llm_str){NULL, 0};
}
