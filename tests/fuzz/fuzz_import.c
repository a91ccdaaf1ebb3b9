// SPDX-License-Identifier: MIT
// Any text as a newer list of models: it is refused with a reason, or gives a whole catalogue in which every entry can be used; the same
// list again then changes nothing.
#include "catalog/build.h"
#include "catalog/update.h"

#include <stdio.h>
#include <stdlib.h>

#include "llm_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool fact) {
    if (!fact) {
        abort();
    }
}

static const char body[] =
    "bedrock\tclaude\t{\"input_per_mtok\":\"3\",\"output_per_mtok\":\"15\",\"source\":1}\n"
    "openai\tgpt-4o\t{\"context_tokens\":128000,\"input_per_mtok\":\"2.5\",\"output_per_mtok\":\"10\","
    "\"prices\":[{"
    "\"tier\":\"batch\",\"input_per_mtok\":\"1.25\"}],\"abilities\":[\"tools\"],\"source\":0}\n";

static void open_old(char *text, size_t text_size, struct llm_catalogue *ret) {
    llm_error err = LLM_ERROR_INIT;
    const int n = snprintf(
        text, text_size,
        "{\"catalogue\":1,\"entries\":2,\"bytes\":%zu,\"crc32\":\"%08x\",\"as_of\":\"2026-01-02\","
        "\"sources\":[{"
        "\"name\":\"litellm\",\"as_of\":\"2026-01-02\"},{\"name\":\"models.dev\",\"as_of\":\"2026-01-01\"}],"
        "\"names\":{\"bedrock_converse\":\"bedrock\"},\"free\":[\"ollama\"]}\n%s",
        sizeof body - 1, (unsigned)llm_crc32(0, (llm_str){body, sizeof body - 1}), body);
    need(llm_catalogue_of((llm_str){text, (size_t)n}, "old", ret, &err) == LLM_OK);
}

static void use_all(const struct llm_catalogue *made) {
    struct llm_arena arena = {.limit = 64u << 20};
    struct llm_catalogue_entry entry;
    struct llm_model model;
    llm_error err = LLM_ERROR_INIT;
    size_t at = 0;
    while (llm_catalogue_next(made, &at, &entry)) {
        need(llm_model_read(&arena, &entry, &model, &err) == LLM_OK);
        llm_arena_reset(&arena, 65536);
    }
    llm_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[2048];
    struct llm_catalogue old, made;
    struct llm_buf first = {.max = 32u << 20}, again = {.max = 32u << 20}, report = {.max = 64u << 20};
    llm_error err = LLM_ERROR_INIT;
    const llm_str list = {(const char *)data, size};
    int64_t changed = -1;
    open_old(text, sizeof text, &old);
    if (llm_catalogue_make(&old, list, "list", LLM_STR("2026-02-01"), 0, &first, &report, &err) != LLM_OK) {
        need(err.message[0] != '\0');
    } else {
        need(llm_json_check(llm_buf_str(&report), 64, NULL));
        need(llm_catalogue_of(llm_buf_str(&first), "new", &made, &err) == LLM_OK);
        need(llm_catalogue_check(&made, "new", &err) == LLM_OK);
        use_all(&made);
        need(llm_catalogue_make(&made, list, "list", LLM_STR("2026-02-01"), 0, &again, &report, &err) ==
             LLM_OK);
        need(llm_json_int64(llm_json_get(llm_buf_str(&report), "changed"), &changed) && changed == 0);
    }
    llm_buf_done(&first);
    llm_buf_done(&again);
    llm_buf_done(&report);
    return 0;
}
