// SPDX-License-Identifier: MIT
// URLs: what is taken for one has a scheme of ours, a host, an origin that is the same when it is read again, and goes to this machine exactly when
// both judges say so.
#include "net/url.h"

#include <stdlib.h>

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds) {
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct llm_arena arena = {0};
    struct llm_url url, again;
    llm_error err = LLM_ERROR_INIT;
    char *text = malloc(size + 1);
    must(text != NULL);
    memcpy(text, data, size);
    const llm_str given = {text, size};
    (void)llm_url_is_loopback(given);
    if (llm_url_parse(given, &arena, &url, &err) == LLM_OK) {
        must(size > 0 && size <= LLM_MAX_URL_BYTES);
        must(url.host.len > 0 && url.origin.len > url.host.len);
        must(llm_str_starts(url.origin, url.https ? LLM_STR("https://") : LLM_STR("http://")));
        must(memchr(url.origin.ptr, '@', url.origin.len) == NULL);
        for (size_t i = 0; i < url.origin.len; i++) {
            must((unsigned char)url.origin.ptr[i] > 0x20 && (unsigned char)url.origin.ptr[i] != 0x7f);
        }
        must(llm_url_parse(url.origin, &arena, &again, &err) == LLM_OK);
        must(llm_str_eq(again.origin, url.origin) && again.loopback == url.loopback &&
             again.https == url.https);
        must(url.https || llm_url_is_loopback(url.origin) == url.loopback);
    } else {
        must(err.message[0] != '\0');
    }
    llm_arena_done(&arena);
    free(text);
    return 0;
}
