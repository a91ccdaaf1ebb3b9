// SPDX-License-Identifier: MIT
// The facts line.
#include "call.h"

// pico-USD as a decimal without zeros at the end.
static void add_dollars(struct host_text *line, int64_t pico) {
    char digits[13];
    int64_t fraction = pico % 1000000000000;
    size_t n = 12;
    host_text_text(line, "$");
    host_text_number(line, (uint64_t)(pico / 1000000000000));
    for (size_t i = 12; i > 0; i--) {
        digits[i - 1] = (char)('0' + fraction % 10);
        fraction /= 10;
    }
    while (n > 0 && digits[n - 1] == '0') {
        n--;
    }
    if (n > 0) {
        host_text_text(line, ".");
        host_text_add(line, digits, n);
    }
}

static void add_count(struct host_text *line, int64_t count, const char *what) {
    if (count < 0) {
        host_text_text(line, "?");
    } else {
        host_text_number(line, (uint64_t)count);
    }
    host_text_text(line, what);
}

// Two decimals, or three below a tenth.
static void add_seconds(struct host_text *line, int64_t us) {
    const int64_t ms = (us + 500) / 1000;
    const bool fine = ms < 100;
    const int64_t fraction = fine ? ms : (us + 5000) / 10000 % 100;
    host_text_number(line, fine ? 0 : (uint64_t)((us + 5000) / 1000000));
    host_text_text(line, ".");
    host_text_text(line, fine && fraction < 10 ? "00" : fine || fraction < 10 ? "0" : "");
    host_text_number(line, (uint64_t)fraction);
    host_text_text(line, " s");
}

static void add_usage(struct host_text *line, const llm_usage *usage, bool is_chat) {
    if (usage->input_tokens >= 0 || usage->output_tokens >= 0) {
        host_text_text(line, " | ");
        add_count(line, usage->input_tokens, " in");
        if (usage->cache_read_tokens >= 0) {
            host_text_text(line, " (");
            add_count(line, usage->cache_read_tokens, " cached)");
        }
        if (usage->output_tokens >= 0 || is_chat) {
            host_text_text(line, " + ");
            add_count(line, usage->output_tokens, " out");
        }
    }
    if (usage->images > 0) {
        host_text_text(line, " | ");
        add_count(line, usage->images, usage->images == 1 ? " image" : " images");
    }
}

void cli_facts(struct cli *cli, const llm_response *response) {
    const char *model = llm_response_get(response, "model");
    const char *provider = llm_response_get(response, "provider");
    const int64_t cost = llm_response_cost(response, NULL);
    const int64_t first_us = llm_response_first_token_us(response);
    const char *operation = llm_response_get(response, "operation");
    const bool is_chat = operation != NULL && strcmp(operation, "chat") == 0;
    struct host_text line = {0};
    if (cli->quiet || (!cli->err.is_terminal && !cli->facts)) {
        return;
    }
    host_text_text(&line, model != NULL ? model : "?");
    host_text_text(&line, " via ");
    host_text_text(&line, provider != NULL ? provider : "?");
    add_usage(&line, llm_response_usage(response), is_chat);
    host_text_text(&line, " | ");
    if (cost < 0) {
        host_text_text(&line, "no price");
    } else {
        add_dollars(&line, cost);
    }
    host_text_text(&line, " | ");
    add_seconds(&line, llm_response_latency_us(response));
    if (first_us >= 0 && is_chat) {
        host_text_text(&line, ", first token ");
        add_seconds(&line, first_us);
    }
    const size_t attempts = llm_response_attempts(response);
    if (attempts > 1) {
        host_text_text(&line, " | ");
        host_text_number(&line, attempts);
        host_text_text(&line, " attempts");
    }
    fflush(cli->out.file);
    term_style(&cli->err, "2");
    term_write(&cli->err, line.ptr, line.failed ? 0 : line.len);
    term_style(&cli->err, "0");
    term_text(&cli->err, "\n");
    term_flush(&cli->err);
    host_text_done(&line);
}
