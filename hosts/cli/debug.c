// SPDX-License-Identifier: MIT
#include "debug.h"

#include "call.h"

static void begin(struct cli *cli, const char *mark) {
    term_style(&cli->err, "2");
    term_text(&cli->err, "debug: ");
    term_text(&cli->err, mark);
}

static void end(struct cli *cli) {
    term_style(&cli->err, "0");
    term_text(&cli->err, "\n");
}

static void text(struct cli *cli, llm_str json) {
    struct host_text decoded = {0};
    host_text_decoded(&decoded, json);
    term_write(&cli->err, decoded.len > 0 ? decoded.ptr : "", decoded.len);
    host_text_done(&decoded);
}

static void raw(struct cli *cli, llm_str json) {
    term_write(&cli->err, json.ptr, json.len);
}

// ", dns 1.2 ms"; a time that is null is left out.
static void tell_time(struct cli *cli, const char *name, llm_str json) {
    char shown[64];
    int64_t us;
    if (!llm_json_int64(json, &us)) {
        return;
    }
    snprintf(shown, sizeof shown, ", %s %lld.%lld ms", name, (long long)(us / 1000),
             (long long)(us % 1000 / 100));
    term_text(&cli->err, shown);
}

static void tell_times(struct cli *cli, llm_str exchange) {
    static const char *const names[][2] = {{"dns", "dns_us"},
                                           {"connected", "connect_us"},
                                           {"tls", "tls_us"},
                                           {"first byte", "first_byte_us"},
                                           {"end", "end_us"}};
    const llm_str reused = llm_json_get(exchange, "reused");
    begin(cli, "* ");
    term_text(&cli->err, reused.ptr == NULL             ? "no connection of ours"
                         : llm_json_type(reused) == 't' ? "the connection was there"
                                                        : "a new connection");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tell_time(cli, names[i][0], llm_json_get(exchange, names[i][1]));
    }
    end(cli);
}

static void tell_body(struct cli *cli, const char *mark, llm_str json) {
    struct host_text body = {0};
    host_text_decoded(&body, json);
    for (size_t at = 0; at < body.len;) {
        const char *stop = memchr(body.ptr + at, '\n', body.len - at);
        const size_t n = stop != NULL ? (size_t)(stop - body.ptr) - at : body.len - at;
        begin(cli, mark);
        term_write(&cli->err, body.ptr + at, n);
        end(cli);
        at += n + 1;
    }
    host_text_done(&body);
}

static void tell_side(struct cli *cli, const char *mark, llm_str side) {
    const llm_str headers = llm_json_get(side, "headers");
    for (size_t i = 0; llm_json_at(headers, i).ptr != NULL; i++) {
        const llm_str header = llm_json_at(headers, i);
        const llm_str value = llm_json_get(header, "value");
        begin(cli, mark);
        text(cli, llm_json_get(header, "name"));
        term_text(&cli->err, ": ");
        if (llm_json_type(value) == '"') {
            text(cli, value);
        } else {
            term_text(&cli->err, "***");
        }
        end(cli);
    }
    begin(cli, mark);
    raw(cli, llm_json_get(side, "bytes"));
    term_text(&cli->err, " bytes");
    end(cli);
    const llm_str body = llm_json_get(side, "body");
    if (body.ptr != NULL) {
        tell_body(cli, mark, body);
    }
}

static void tell_exchange(struct cli *cli, llm_str exchange) {
    const llm_str answer = llm_json_get(exchange, "answer");
    begin(cli, "> ");
    text(cli, llm_json_get(exchange, "method"));
    term_text(&cli->err, " ");
    text(cli, llm_json_get(exchange, "url"));
    term_text(&cli->err, " (attempt ");
    raw(cli, llm_json_get(exchange, "attempt"));
    term_text(&cli->err, ")");
    end(cli);
    tell_side(cli, "> ", llm_json_get(exchange, "request"));
    if (answer.ptr != NULL) {
        begin(cli, "< HTTP ");
        raw(cli, llm_json_get(exchange, "http_status"));
        end(cli);
        tell_side(cli, "< ", answer);
    }
    tell_times(cli, exchange);
    begin(cli, "* ");
    text(cli, llm_json_get(exchange, "status"));
    end(cli);
}

void cli_debug(struct cli *cli, const llm_response *response) {
    char *json = NULL;
    size_t len = 0;
    if (response == NULL || llm_response_json(response, &json, &len) != LLM_OK) {
        return;
    }
    const llm_str list = llm_json_get((llm_str){json, len}, "debug");
    const llm_str left_out = llm_json_get((llm_str){json, len}, "debug_left_out");
    for (size_t i = 0; llm_json_at(list, i).ptr != NULL; i++) {
        tell_exchange(cli, llm_json_at(list, i));
    }
    int64_t n;
    if (llm_json_int64(left_out, &n) && n > 0) {
        begin(cli, "* ");
        raw(cli, left_out);
        term_text(&cli->err, " more exchanges are not shown");
        end(cli);
    }
    term_flush(&cli->err);
    llm_free(json);
}
