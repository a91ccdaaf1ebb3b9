// SPDX-License-Identifier: MIT
// An input for a codec: sections with a line "----" between them.  The first line is "OPERATION MODEL" or "OPERATION MODEL stream";
// then the provider's JSON, the request, and one section for each answer: its status in the first line, then the body.
#ifndef LLM_FUZZ_CODEC_H
#define LLM_FUZZ_CODEC_H

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "codec_host.h"
#include "llm_json.h"

#define FUZZ_ANSWERS_MAX 8

static inline llm_str fuzz_section(llm_str *rest) {
    static const char mark[] = "\n----\n";
    const char *end = rest->len > 0 ? memmem(rest->ptr, rest->len, mark, sizeof mark - 1) : NULL;
    const llm_str section = {rest->ptr, end != NULL ? (size_t)(end - rest->ptr) : rest->len};
    *rest = end != NULL ? llm_str_cut(*rest, section.len + sizeof mark - 1) : LLM_STR("");
    return section;
}

static inline llm_str fuzz_word(llm_str *line) {
    size_t n = 0;
    while (n < line->len && line->ptr[n] != ' ' && line->ptr[n] != '\n') {
        n++;
    }
    const llm_str word = {line->ptr, n};
    *line = llm_str_cut(*line, n + (n < line->len));
    return word;
}

static inline char *fuzz_copy(llm_str s) {
    char *copy = calloc(1, s.len + 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, s.ptr != NULL ? s.ptr : "", s.len);
    return copy;
}

static inline bool fuzz_has_generator(const llm_provider_descriptor *plugin, const char *operation) {
    for (const llm_generator *const *g = plugin->generators; *g != NULL; g++) {
        if (strcmp((*g)->operation, operation) == 0) {
            return true;
        }
    }
    return false;
}

// Aborts when the codec breaks the contract.
static inline void fuzz_codec(const llm_provider_descriptor *plugin, const uint8_t *data, size_t size) {
    llm_str rest = {(const char *)data, size};
    llm_str first = fuzz_section(&rest);
    char *operation = fuzz_copy(fuzz_word(&first)), *model = fuzz_copy(fuzz_word(&first));
    char *config = fuzz_copy(fuzz_section(&rest));
    const llm_str request = fuzz_section(&rest);
    struct codec_answer answers[FUZZ_ANSWERS_MAX] = {{0}};
    size_t n = 0;
    for (; n < FUZZ_ANSWERS_MAX && rest.len > 0; n++) {
        uint64_t status = 200;
        answers[n].body = fuzz_section(&rest);
        (void)llm_str_uint(fuzz_word(&answers[n].body), 599, &status);
        answers[n].status = status < 100 ? 200 : (uint32_t)status;
    }
    // What the host promises about a request: see llm_job_args.
    if (llm_json_check(request, LLM_MAX_JSON_DEPTH, NULL) && llm_json_type(llm_json_value(request)) == '{' &&
        llm_json_count(llm_json_value(request)) <= LLM_MAX_REQUEST_FIELDS &&
        llm_str_utf8(llm_str_from(model)) && fuzz_has_generator(plugin, operation)) {
        struct codec_result result;
        (void)codec_host_run(&(struct codec_case){.plugin = plugin,
                                                  .operation = operation,
                                                  .model = model,
                                                  .config = config,
                                                  .request_str = llm_json_value(request),
                                                  .stream = llm_str_is(first, "stream"),
                                                  .answers = answers,
                                                  .n_answers = n},
                             &result);
        if (result.breach.len > 0) {
            fprintf(stderr, "%s", result.breach.ptr);
            abort();
        }
        codec_result_done(&result);
    }
    free(operation);
    free(model);
    free(config);
}

#endif
