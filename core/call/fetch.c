// SPDX-License-Identifier: MIT
// Results that a provider gave as a URL.
#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "call/call.h"
#include "net/url.h"

struct fetch {
    struct llm_loop *loop;
    struct llm_buf body;
    uint32_t http_status;
    bool done;
    llm_status status;
    llm_error *err;
};

static llm_status on_head(void *ctx, uint32_t http_status, const llm_header *headers, size_t n) {
    struct fetch *fetch = ctx;
    (void)headers;
    (void)n;
    fetch->http_status = http_status;
    return LLM_OK;
}

static llm_status on_data(void *ctx, const void *p, size_t n) {
    struct fetch *fetch = ctx;
    return fetch->http_status >= 200 && fetch->http_status < 300 ? llm_buf_put(&fetch->body, p, n) : LLM_OK;
}

static void on_end(void *ctx, llm_status status, const struct llm_http_end *end) {
    struct fetch *fetch = ctx;
    fetch->done = true;
    fetch->loop->progress++;
    fetch->status = status;
    if (status == LLM_E_LIMIT) {
        (void)llm_fail(fetch->err, status, "the file is larger than %zu bytes", fetch->body.max);
    } else if (status != LLM_OK) {
        (void)llm_fail(fetch->err, status, "%s", end->message);
    } else if (fetch->http_status < 200 || fetch->http_status > 299) {
        fetch->status = llm_status_from_http(fetch->http_status);
        (void)llm_fail(fetch->err, fetch->status, "HTTP %u%s", fetch->http_status,
                       fetch->http_status / 100 == 3 ? ": a redirect, which is not followed" : "");
    }
}

static llm_status run(struct llm_loop *loop, const struct llm_http_call *http, struct fetch *fetch,
                      uint32_t timeout_ms) {
    struct llm_exchange *exchange;
    fetch->loop = loop;
    const llm_status status = llm_http_start(loop->http, http, &exchange);
    if (status != LLM_OK) {
        return llm_fail(fetch->err, status, "the URL cannot be used");
    }
    const uint64_t until = llm_clock_us() + (uint64_t)timeout_ms * 1000;
    while (!fetch->done) {
        const uint64_t now = llm_clock_us();
        if (now >= until) {
            llm_exchange_stop(exchange, false);
            return llm_fail(fetch->err, LLM_E_TIMEOUT, "not fetched within %u ms", timeout_ms);
        }
        (void)llm_loop_run(loop, (int)((until - now) / 1000 + 1));
    }
    return fetch->status;
}

llm_status llm_fetch(llm_master *master, const llm_response *from, const char *url, size_t max_bytes,
                     uint8_t **ret_data, size_t *ret_len, llm_error *err) {
    struct llm_arena arena = {0};
    struct llm_url target;
    struct llm_loop *loop = NULL;
    struct llm_snapshot *snapshot = llm_master_snapshot(master);
    struct fetch fetch = {
        .body = {.max = max_bytes < LLM_MAX_RESPONSE_BYTES ? max_bytes : LLM_MAX_RESPONSE_BYTES}, .err = err};
    llm_status status = url != NULL ? llm_url_parse(llm_str_from(url), &arena, &target, err)
                                    : llm_fail(err, LLM_E_INVALID_REQUEST, "no URL");
    const bool local = status == LLM_OK && from != NULL && from->local && target.loopback;
    if (status == LLM_OK && !target.https && !local) {
        status = llm_fail(err, LLM_E_DENIED, "only https URLs are fetched, this one is %.*s",
                          LLM_FMT(target.origin));
    }
    if (status == LLM_OK) {
        status = llm_loop_take(master, &loop, err);
    }
    if (status == LLM_OK) {
        static const char user_agent[] = "user-agent: llm-master/" LLM_MASTER_VERSION;
        static const char *const lines[] = {"accept: */*", "accept-encoding: identity", user_agent};
        const struct llm_http_call http = {.method = "GET",
                                           .url = url,
                                           .lines = lines,
                                           .n_lines = 3,
                                           .connect_timeout_ms = snapshot->settings.connect_timeout_ms,
                                           .public_only = !local,
                                           .ctx = &fetch,
                                           .on_head = on_head,
                                           .on_data = on_data,
                                           .on_end = on_end};
        status = run(loop, &http, &fetch, snapshot->settings.total_timeout_ms);
        llm_loop_give(loop);
    }
    if (status == LLM_OK) {
        *ret_len = fetch.body.len;
        *ret_data = (uint8_t *)llm_buf_take(&fetch.body);
        status = *ret_data != NULL ? LLM_OK : LLM_E_NOMEM;
    }
    llm_buf_done(&fetch.body);
    llm_arena_done(&arena);
    llm_snapshot_unref(snapshot);
    return status;
}
