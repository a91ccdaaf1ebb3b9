// SPDX-License-Identifier: MIT
// The head of an answer: lines "name: value" as input.  Advice is -1 or within its range, whatever stands there; it does not depend on anything
// but the fields; what is found is one of the values.
#include "net/advice.h"

#include <stdlib.h>

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds) {
    if (!holds) {
        abort();
    }
}

static int is_inside(llm_str part, const char *text, size_t size) {
    return part.ptr == NULL || (part.ptr >= text && part.ptr + part.len <= text + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    llm_header headers[LLM_MAX_HEADER_FIELDS];
    char *text = malloc(size + 1);
    size_t n = 0;
    must(text != NULL);
    memcpy(text, data, size);
    for (size_t at = 0; at < size && n < LLM_MAX_HEADER_FIELDS;) {
        const char *end = memchr(text + at, '\n', size - at);
        const size_t len = end != NULL ? (size_t)(end - text) - at : size - at;
        const char *colon = memchr(text + at, ':', len);
        if (colon != NULL) {
            const size_t name = (size_t)(colon - text) - at;
            headers[n++] = (llm_header){{text + at, name}, {colon + 1, len - name - 1}};
        }
        at += len + 1;
    }
    static const int64_t clocks[] = {0, 784111777, 1700000000, INT64_C(253402300799)};
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        const int64_t ms = llm_head_retry_after_ms(headers, n, clocks[i]);
        must(ms == -1 || (ms >= 1 && ms <= (int64_t)LLM_MAX_RETRY_AFTER_MS));
        must(ms == llm_head_retry_after_ms(headers, n, clocks[i]));
    }
    must(is_inside(llm_head_request_id(headers, n), text, size));
    must(is_inside(llm_head_get(headers, n, "retry-after"), text, size));
    free(text);
    return 0;
}
