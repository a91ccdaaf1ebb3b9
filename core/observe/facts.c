// SPDX-License-Identifier: MIT
#include "observe/facts.h"

#define TEXT true
#define NUMBER false

const struct llm_fact_name llm_log_fields[LLM_FIELD_COUNT] = {
    [LLM_FIELD_CALL] = {"call", NUMBER},
    [LLM_FIELD_ID] = {"id", TEXT},
    [LLM_FIELD_PROVIDER] = {"provider", TEXT},
    [LLM_FIELD_OPERATION] = {"operation", TEXT},
    [LLM_FIELD_MODEL] = {"model", TEXT},
    [LLM_FIELD_STATUS] = {"status", TEXT},
    [LLM_FIELD_HTTP_STATUS] = {"http_status", NUMBER},
    [LLM_FIELD_ATTEMPT] = {"attempt", NUMBER},
    [LLM_FIELD_ATTEMPTS] = {"attempts", NUMBER},
    [LLM_FIELD_KEY] = {"key", TEXT},
    [LLM_FIELD_DURATION_US] = {"duration_us", NUMBER},
    [LLM_FIELD_FIRST_TOKEN_US] = {"first_token_us", NUMBER},
    [LLM_FIELD_WAIT_US] = {"wait_us", NUMBER},
    [LLM_FIELD_INPUT_TOKENS] = {"input_tokens", NUMBER},
    [LLM_FIELD_OUTPUT_TOKENS] = {"output_tokens", NUMBER},
    [LLM_FIELD_COST_PICO_USD] = {"cost_pico_usd", NUMBER},
    [LLM_FIELD_CACHED] = {"cached", NUMBER},
    [LLM_FIELD_STREAM] = {"stream", NUMBER},
    [LLM_FIELD_REQUEST_ID] = {"request_id", TEXT},
    [LLM_FIELD_PLUGIN] = {"plugin", TEXT},
    [LLM_FIELD_REASON] = {"reason", TEXT},
    [LLM_FIELD_PROVIDERS] = {"providers", NUMBER},
    [LLM_FIELD_PLUGINS] = {"plugins", NUMBER},
};

const struct llm_log_event_name llm_log_events[LLM_TELL_COUNT] = {
    [LLM_TELL_CALL_START] = {"call_start", LLM_LOG_DEBUG},
    [LLM_TELL_CALL_END] = {"call_end", LLM_LOG_INFO},
    [LLM_TELL_CALL_REFUSED] = {"call_refused", LLM_LOG_INFO},
    [LLM_TELL_ATTEMPT_END] = {"attempt_end", LLM_LOG_DEBUG},
    [LLM_TELL_RETRY] = {"retry", LLM_LOG_INFO},
    [LLM_TELL_FALLBACK] = {"fallback", LLM_LOG_WARN},
    [LLM_TELL_GIVE_UP] = {"give_up", LLM_LOG_INFO},
    [LLM_TELL_HEDGE] = {"hedge", LLM_LOG_INFO},
    [LLM_TELL_BREAKER_OPEN] = {"breaker_open", LLM_LOG_WARN},
    [LLM_TELL_BREAKER_HALF_OPEN] = {"breaker_half_open", LLM_LOG_INFO},
    [LLM_TELL_BREAKER_CLOSED] = {"breaker_closed", LLM_LOG_INFO},
    [LLM_TELL_LIMIT_WAIT] = {"limit_wait", LLM_LOG_DEBUG},
    [LLM_TELL_LIMIT_REFUSED] = {"limit_refused", LLM_LOG_WARN},
    [LLM_TELL_RELOAD] = {"reload", LLM_LOG_INFO},
    [LLM_TELL_RELOAD_FAILED] = {"reload_failed", LLM_LOG_ERROR},
    [LLM_TELL_PLUGIN_REFUSED] = {"plugin_refused", LLM_LOG_WARN},
    [LLM_TELL_LEDGER_FAILURE] = {"ledger_failure", LLM_LOG_ERROR},
};

const struct llm_fact_name llm_span_fields[LLM_SPAN_FIELD_COUNT] = {
    [LLM_SPAN_OPERATION] = {"gen_ai.operation.name", TEXT},
    [LLM_SPAN_PROVIDER] = {"gen_ai.provider.name", TEXT},
    [LLM_SPAN_REQUEST_MODEL] = {"gen_ai.request.model", TEXT},
    [LLM_SPAN_RESPONSE_MODEL] = {"gen_ai.response.model", TEXT},
    [LLM_SPAN_RESPONSE_ID] = {"gen_ai.response.id", TEXT},
    [LLM_SPAN_FINISH_REASONS] = {"gen_ai.response.finish_reasons", TEXT},
    [LLM_SPAN_INPUT_TOKENS] = {"gen_ai.usage.input_tokens", NUMBER},
    [LLM_SPAN_OUTPUT_TOKENS] = {"gen_ai.usage.output_tokens", NUMBER},
    [LLM_SPAN_CACHE_READ_TOKENS] = {"gen_ai.usage.cache_read.input_tokens", NUMBER},
    [LLM_SPAN_CACHE_WRITE_TOKENS] = {"gen_ai.usage.cache_creation.input_tokens", NUMBER},
    [LLM_SPAN_REASONING_TOKENS] = {"gen_ai.usage.reasoning.output_tokens", NUMBER},
    [LLM_SPAN_ERROR_TYPE] = {"error.type", TEXT},
    [LLM_SPAN_SERVER_ADDRESS] = {"server.address", TEXT},
    [LLM_SPAN_SERVER_PORT] = {"server.port", NUMBER},
    [LLM_SPAN_HTTP_STATUS] = {"http.response.status_code", NUMBER},
    [LLM_SPAN_RESEND_COUNT] = {"http.request.resend_count", NUMBER},
    [LLM_SPAN_REQUEST_ID] = {"llm_master.provider_request_id", TEXT},
    [LLM_SPAN_KEY] = {"llm_master.key", TEXT},
    [LLM_SPAN_HEDGE] = {"llm_master.hedge", NUMBER},
    [LLM_SPAN_ATTEMPTS] = {"llm_master.attempts", NUMBER},
    [LLM_SPAN_FIRST_TOKEN_US] = {"llm_master.first_token_us", NUMBER},
    [LLM_SPAN_WAIT_US] = {"llm_master.wait_us", NUMBER},
    [LLM_SPAN_CACHED] = {"llm_master.cached", NUMBER},
    [LLM_SPAN_COST] = {"llm_master.cost_pico_usd", NUMBER},
};

// ---- putting in ----------------------------------------------------------------------------------------------------

static bool put(struct llm_facts *facts, const char *p, size_t n) {
    if (sizeof facts->text - facts->used <= n) {
        facts->cut = true;
        return false;
    }
    memcpy(facts->text + facts->used, p, n);
    facts->used += n;
    facts->text[facts->used] = '\0';
    return true;
}

static bool put_hex(struct llm_facts *facts, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    return put(facts, (char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
}

static bool put_clean(struct llm_facts *facts, llm_str s) {
    const bool utf8 = llm_str_utf8(s);
    bool good = true;
    for (size_t i = 0; i < s.len && good; i++) {
        const unsigned char c = (unsigned char)s.ptr[i];
        if (c == '\n' || c == '\\') {
            good = put(facts, c == '\n' ? "\\n" : "\\\\", 2);
        } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) {
            good = put_hex(facts, c);
        } else if (c == 0xc2 &&
                   (unsigned char)s.ptr[i + 1] < 0xa0) { // U+0080 to U+009F: control characters too
            good = put_hex(facts, (unsigned char)s.ptr[++i]);
        } else {
            good = put(facts, s.ptr + i, 1);
        }
    }
    return good;
}

static llm_field *add(struct llm_facts *facts, const struct llm_fact_name *name) {
    if (facts->n == LLM_MAX_FACTS) {
        facts->cut = true;
        return NULL;
    }
    llm_field *field = &facts->fields[facts->n++];
    *field = (llm_field){.name = name->name};
    return field;
}

static void add_text(struct llm_facts *facts, const struct llm_fact_name *name, llm_str text) {
    const size_t at = facts->used;
    if (text.len == 0) {
        return;
    }
    if (text.len > LLM_MAX_FACT_BYTES) {
        facts->cut = true;
        text.len = LLM_MAX_FACT_BYTES;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    if (!put_clean(facts, text) || !put(facts, "", 1)) {
        facts->used = at;
        return;
    }
    llm_field *field = add(facts, name);
    if (field != NULL) {
        field->text = (llm_str){facts->text + at, facts->used - at - 1};
    }
}

static void add_number(struct llm_facts *facts, const struct llm_fact_name *name, int64_t number) {
    llm_field *field = add(facts, name);
    if (field != NULL) {
        field->number = number;
    }
}

void llm_facts_log_text(struct llm_facts *facts, enum llm_log_field field, llm_str text) {
    add_text(facts, &llm_log_fields[field], text);
}

void llm_facts_log_number(struct llm_facts *facts, enum llm_log_field field, int64_t number) {
    add_number(facts, &llm_log_fields[field], number);
}

void llm_facts_span_text(struct llm_facts *facts, enum llm_span_field field, llm_str text) {
    add_text(facts, &llm_span_fields[field], text);
}

void llm_facts_span_number(struct llm_facts *facts, enum llm_span_field field, int64_t number) {
    add_number(facts, &llm_span_fields[field], number);
}

// ---- a line --------------------------------------------------------------------------------------------------------

struct line {
    char *at, *end;
};

static void line_put(struct line *line, llm_str s) {
    const size_t room = (size_t)(line->end - line->at);
    const size_t n = s.len < room ? s.len : room;
    memcpy(line->at, s.len > 0 ? s.ptr : "", n);
    line->at += n;
}

static bool is_bare(llm_str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == ' ' || s.ptr[i] == '"' || s.ptr[i] == '=' || s.ptr[i] == '\\') {
            return false;
        }
    }
    return true;
}

// What is escaped already stays so: only the quote is dangerous.
static void line_quoted(struct line *line, llm_str s) {
    line_put(line, LLM_STR("\""));
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"') {
            line_put(line, LLM_STR("\\"));
        }
        line_put(line, (llm_str){s.ptr + i, 1});
    }
    line_put(line, LLM_STR("\""));
}

static void line_number(struct line *line, int64_t number) {
    char text[24];
    char *const end = text + sizeof text;
    char *at = end;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) {
        *--at = '-';
    }
    line_put(line, (llm_str){at, (size_t)(end - at)});
}

size_t llm_facts_line(const struct llm_facts *facts, const char *event, char *text, size_t size) {
    struct line line = {text, text + size - 1};
    line_put(&line, llm_str_from(event));
    for (size_t i = 0; i < facts->n; i++) {
        const llm_field *field = &facts->fields[i];
        line_put(&line, LLM_STR(" "));
        line_put(&line, llm_str_from(field->name));
        line_put(&line, LLM_STR("="));
        if (field->text.ptr == NULL) {
            line_number(&line, field->number);
        } else if (is_bare(field->text)) {
            line_put(&line, field->text);
        } else {
            line_quoted(&line, field->text);
        }
    }
    *line.at = '\0';
    return (size_t)(line.at - text);
}
