// SPDX-License-Identifier: MIT
// catalogue.h: any text as a catalogue, and any lines behind a header that fits them.  First byte: which of both.  Nothing outside is read; in a
// catalogue that is judged to be good each entry is found again, and the entries are as many as it says.
#include "catalog/catalogue.h"

#include <stdlib.h>

#include "base/buf.h"
#include "llm_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static void walk(const struct llm_catalogue *catalogue, bool good) {
    struct llm_catalogue_entry entry, found;
    size_t at = 0, n = 0;
    llm_str source, as_of;
    while (llm_catalogue_next(catalogue, &at, &entry)) {
        must(at <= catalogue->body.len);
        n++;
        const bool is = llm_catalogue_find(catalogue, entry.provider, entry.id, &found);
        must(is || !good);
        must(!is ||
             (llm_json_check(found.json, LLM_JSON_DEPTH_MAX, NULL) && llm_json_type(found.json) == '{'));
        must(!is || (llm_str_eq(found.provider, entry.provider) && llm_str_eq(found.id, entry.id)));
        must(llm_catalogue_provider(catalogue, entry.provider) <= catalogue->body.len);
        llm_catalogue_source(catalogue, entry.json, &source, &as_of);
    }
    must(!good || n == catalogue->entries);
    (void)llm_catalogue_find(catalogue, LLM_STR("openai"), LLM_STR("gpt-4o"), &found);
    (void)llm_catalogue_provider(catalogue, LLM_STR("zzz"));
}

static void judge(llm_str text) {
    struct llm_catalogue catalogue = {0};
    llm_error err = LLM_ERROR_INIT;
    if (llm_catalogue_of(text, "file", &catalogue, &err) != LLM_OK) {
        must(err.message[0] != '\0');
        return;
    }
    const bool good = llm_catalogue_check(&catalogue, "file", &err) == LLM_OK;
    must(good || err.message[0] != '\0');
    walk(&catalogue, good);
    llm_catalogue_close(&catalogue);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    char *lines = malloc(size);
    must(lines != NULL);
    memcpy(lines, data + 1, size - 1);
    const llm_str body = {lines, size - 1};
    if (data[0] % 2 == 0) {
        judge(body);
        free(lines);
        return 0;
    }
    struct llm_buf text = {.max = 1u << 24};
    size_t entries = 0;
    for (size_t i = 0; i < body.len; i++) {
        entries += body.ptr[i] == '\n' ? 1 : 0;
    }
    must(llm_buf_printf(&text,
                        "{\"catalogue\":1,\"entries\":%zu,\"bytes\":%zu,\"crc32\":\"%08x\",\"as_of\":\"2026-"
                        "07-24\",\"sources\":[{"
                        "\"name\":\"one\",\"as_of\":\"2026-07\"}],\"names\":{}}\n",
                        entries, body.len, llm_crc32(0, body)) == LLM_OK);
    must(llm_buf_put(&text, body.ptr, body.len) == LLM_OK);
    char *exact = malloc(text.len);
    must(exact != NULL);
    memcpy(exact, text.ptr, text.len);
    judge((llm_str){exact, text.len});
    free(exact);
    llm_buf_done(&text);
    free(lines);
    return 0;
}
