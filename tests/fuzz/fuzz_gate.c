// SPDX-License-Identifier: MIT
// gate.h beside the judge: what passes is one valid object whose names differ; what does not has a reason and a place.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/gate.h"
#include "base/limits.h"
#include "llm_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds) {
    if (!holds) {
        abort();
    }
}

static void try_fields(llm_str text, const struct llm_gate *gate) {
    size_t n = 0;
    for (llm_json_iter it = llm_json_begin(text); llm_json_next(&it); n++) {
        must(n < gate->n_fields);
        const llm_header *field = &gate->fields[n];
        must(llm_str_eq(field->value, it.value) && field->value.ptr == it.value.ptr);
        must(llm_json_is_str(it.name, field->name) && llm_str_utf8(field->name));
        for (size_t i = 0; i < n; i++) {
            must(!llm_str_eq(gate->fields[i].name, field->name));
        }
    }
    must(n == gate->n_fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const llm_str text = {(const char *)data, size};
    struct llm_arena arena = {.limit = 1 << 20};
    struct llm_gate gate = {NULL, 0};
    llm_error err = LLM_ERROR_INIT;
    const llm_status status = llm_gate_request(text, &arena, &gate, &err);
    const int valid = llm_json_check(text, LLM_MAX_JSON_DEPTH, NULL) && llm_json_type(text) == '{';
    if (status == LLM_OK) {
        must(valid && err.status == LLM_OK);
        try_fields(text, &gate);
    } else if (status == LLM_E_INVALID_REQUEST) {
        must(err.status == status && strncmp(err.message, "request: ", 9) == 0);
        must(!valid || strstr(err.message, "twice") != NULL || strstr(err.message, "members") != NULL);
    } else {
        must(status == LLM_E_NOMEM);
    }
    llm_arena_done(&arena);
    return 0;
}
