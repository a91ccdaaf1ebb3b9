// SPDX-License-Identifier: MIT
// cache_key.h: what is the same request for JSON has the same key, whatever it looks like; what differs in a value has another.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "llm_json.h"
#include "state/cache_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds) {
    if (!holds) {
        abort();
    }
}

static struct llm_cache_key key_of(llm_str json, llm_sha256_fn sha) {
    struct llm_arena scratch = {.limit = 64u << 20};
    struct llm_cache_key key;
    must(llm_cache_key_json(json, sha, &scratch, &key) == LLM_OK);
    llm_arena_done(&scratch);
    return key;
}

static int same(const struct llm_cache_key *a, const struct llm_cache_key *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

// Blanks around everything, members from the last to the first, where no name stands twice.
static void put_otherwise(struct llm_buf *out, llm_str value) {
    const char type = llm_json_type(value);
    if (type != '{' && type != '[') {
        must(llm_buf_put(out, value.ptr, value.len) == LLM_OK);
        return;
    }
    llm_str names[16], values[16];
    size_t n = 0, total = llm_json_count(value);
    int turn = type == '{' && total <= 16;
    for (llm_json_iter it = llm_json_begin(value); turn && llm_json_next(&it); n++) {
        char one[256], two[256];
        const size_t len = llm_json_decode(it.name, one, sizeof one);
        for (size_t i = 0; i < n; i++) {
            const size_t other = llm_json_decode(names[i], two, sizeof two);
            turn = turn && len < sizeof one && (len != other || memcmp(one, two, len) != 0);
        }
        names[n] = it.name;
        values[n] = it.value;
    }
    must(llm_buf_puts(out, type == '{' ? "\n{ " : " [\t") == LLM_OK);
    size_t i = 0;
    for (llm_json_iter it = llm_json_begin(value); llm_json_next(&it); i++) {
        must(llm_buf_puts(out, i > 0 ? " , " : "") == LLM_OK);
        const llm_str name = turn ? names[total - 1 - i] : it.name;
        if (type == '{') {
            must(llm_buf_put(out, name.ptr, name.len) == LLM_OK && llm_buf_puts(out, "\r : ") == LLM_OK);
        }
        put_otherwise(out, turn ? values[total - 1 - i] : it.value);
    }
    must(llm_buf_puts(out, type == '{' ? " } " : " ] ") == LLM_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const llm_str json = {(const char *)data, size};
    if (size > 65536 || !llm_json_check(json, LLM_MAX_JSON_DEPTH, NULL)) {
        return 0;
    }
    const struct llm_cache_key key = key_of(json, llm_sha256_pick());
    const struct llm_cache_key portable = key_of(json, llm_sha256_portable);
    must(same(&key, &portable));
    struct llm_buf other = {.max = 1u << 20};
    put_otherwise(&other, llm_json_value(json));
    const struct llm_cache_key again = key_of(llm_buf_str(&other), llm_sha256_pick());
    must(same(&key, &again));
    // One level more is another question.
    other.len = 0;
    must(llm_buf_puts(&other, "[") == LLM_OK && llm_buf_put(&other, json.ptr, json.len) == LLM_OK &&
         llm_buf_puts(&other, "]") == LLM_OK);
    if (llm_json_check(llm_buf_str(&other), LLM_MAX_JSON_DEPTH, NULL)) {
        const struct llm_cache_key deeper = key_of(llm_buf_str(&other), llm_sha256_pick());
        must(!same(&key, &deeper));
    }
    llm_buf_done(&other);
    return 0;
}
