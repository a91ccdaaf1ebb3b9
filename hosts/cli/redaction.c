// SPDX-License-Identifier: MIT
#include "redaction.h"

#include <stdlib.h>

#define ID_BYTES_MIN 8u     // of an id that a header tells
#define TOKEN_BYTES_MIN 16u // behind "Bearer "

// Does one of the globs cover the name, whatever its case?
static bool is_in(llm_str name, const char *const *globs) {
    char lower[128];
    const size_t n = name.len < sizeof lower ? name.len : sizeof lower;
    for (size_t i = 0; i < n; i++) {
        lower[i] = (char)(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? name.ptr[i] | 0x20 : name.ptr[i]);
    }
    for (size_t i = 0; globs[i] != NULL; i++) {
        if (host_glob(host_str(globs[i]), (llm_str){lower, n})) {
            return true;
        }
    }
    return false;
}

// ---- headers -----------------------------------------------------------------------------------------------------------

enum redaction_header redaction_header(const struct redaction *redaction, llm_str name) {
    static const char *const wire[] = {"alt-svc", "connection", "content-length",    "keep-alive",
                                       "trailer", "upgrade",    "transfer-encoding", NULL};
    static const char *const left[] = {"*authorization", "*cookie*", NULL};
    static const char *const shown[] = {"accept",
                                        "accept-encoding",
                                        "accept-ranges",
                                        "*ratelimit-*",
                                        "cache-control",
                                        "content-encoding",
                                        "content-type",
                                        "date",
                                        "retry-after",
                                        "server",
                                        "retry-after-ms",
                                        "user-agent",
                                        "vary",
                                        "x-should-retry",
                                        "*-processing-ms",
                                        "*-version",
                                        "content-language",
                                        NULL};
    if (is_in(name, wire)) {
        return REDACTION_WIRE;
    }
    if (is_in(name, left)) {
        return REDACTION_LEFT;
    }
    for (size_t i = 0; i < redaction->n_kept; i++) {
        if (host_same_name(redaction->kept[i], name)) {
            return REDACTION_SHOWN;
        }
    }
    return is_in(name, shown) ? REDACTION_SHOWN : REDACTION_HIDDEN;
}

static bool is_id(llm_str value) {
    bool has_digit = false;
    for (size_t i = 0; i < value.len; i++) {
        has_digit = has_digit || (value.ptr[i] >= '0' && value.ptr[i] <= '9');
    }
    return has_digit && value.len >= ID_BYTES_MIN;
}

static void learn(struct redaction *redaction, llm_str value) {
    if (!is_id(value)) {
        return;
    }
    for (size_t i = 0; i < redaction->n_words; i++) {
        if (host_same(redaction->words[i], value)) {
            return;
        }
    }
    if (redaction->n_words == REDACTION_MAX_WORDS) {
        redaction->failed = true;
        return;
    }
    redaction->words[redaction->n_words++] = value;
}

static void learn_all(struct redaction *redaction, const llm_header *headers, size_t n) {
    static const char *const cookies[] = {"*cookie*", NULL};
    static const char *const ids[] = {"*organization*", "*project*", "*account*",  "*tenant*", "*workspace*",
                                      "*session*",      "*trace*",   "*-ray",      "*token*",  "*auth*",
                                      "*key*",          "*-id",      "*requestid", NULL};
    for (size_t i = 0; i < n; i++) {
        llm_str value = headers[i].value;
        if (value.len == 0 || redaction_header(redaction, headers[i].name) == REDACTION_SHOWN) {
            continue;
        }
        if (is_in(headers[i].name, cookies)) { // NAME=VALUE; attributes
            const char *equals = memchr(value.ptr, '=', value.len);
            const char *end = memchr(value.ptr, ';', value.len);
            const char *to = end != NULL ? end : value.ptr + value.len;
            if (equals != NULL && equals < to) {
                learn(redaction, (llm_str){equals + 1, (size_t)(to - equals - 1)});
            }
        } else if (is_in(headers[i].name, ids)) {
            learn(redaction, value);
        }
    }
}

void redaction_learn(struct redaction *redaction, const llm_exchange_record *exchange) {
    learn_all(redaction, exchange->request_headers, exchange->n_request_headers);
    learn_all(redaction, exchange->answer_headers, exchange->n_answer_headers);
}

// ---- text --------------------------------------------------------------------------------------------------------------

static bool is_name_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// Of APIs and of signed URLs, whoever signs them.
static bool is_secret_parameter(llm_str name) {
    static const char *const names[] = {"key",          "api_key",       "apikey",       "api-key",
                                        "access_token", "token",         "auth",         "sig",
                                        "signature",    "*-signature",   "*-credential", "*-security-token",
                                        "*accessid",    "*accesskeyid",  "key-pair-id",  "policy",
                                        "secret",       "client_secret", "password",     NULL};
    return is_in(name, names);
}

// ?key=VALUE, &sig=VALUE: in URLs wherever they stand, the '&' also as JSON and HTML write it.
static void blank_parameters(char *text, size_t len) {
    for (size_t i = 1; i < len; i++) {
        size_t begin = i;
        if (text[i] != '=') {
            continue;
        }
        while (begin > 0 && i - begin < 32 && is_name_byte(text[begin - 1])) {
            begin--;
        }
        if (begin > 0 && text[begin - 1] == '\\' && i - begin > 5 && memcmp(text + begin, "u0026", 5) == 0) {
            begin += 5;
        } else if (begin == 0 ||
                   (text[begin - 1] != '?' && text[begin - 1] != '&' && text[begin - 1] != ';')) {
            continue;
        }
        if (is_secret_parameter((llm_str){text + begin, i - begin})) {
            size_t end = i + 1;
            while (end < len && (unsigned char)text[end] > ' ' && strchr("&\"'\\<>#)]", text[end]) == NULL) {
                end++;
            }
            memset(text + i + 1, '*', end - i - 1);
            i = end - 1;
        }
    }
}

static bool is_token_byte(char c) {
    return is_name_byte(c) || (c != '\0' && strchr("./+=~*:", c) != NULL);
}

// Bearer TOKEN, Basic TOKEN
static void blank_credentials(char *text, size_t len) {
    for (size_t i = 0; i + 8 < len; i++) {
        if ((text[i] | 0x20) != 'b') {
            continue;
        }
        const size_t n = host_same_name((llm_str){text + i, 7}, host_str("bearer "))  ? 7
                         : host_same_name((llm_str){text + i, 6}, host_str("basic ")) ? 6
                                                                                      : 0;
        size_t end = i + n;
        while (n > 0 && end < len && is_token_byte(text[end])) {
            end++;
        }
        const llm_str token = {text + i + n, end - i - n};
        if (n > 0 && token.len >= TOKEN_BYTES_MIN && is_id(token)) {
            memset(text + i + n, '*', token.len);
            i = end - 1;
        }
    }
}

// What a server has masked itself, "sk-ab***wxyz", still tells a begin and an end.
static void blank_masked(char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        size_t end = i, stars = 0;
        while (end < len && (is_name_byte(text[end]) || text[end] == '*' || text[end] == '.')) {
            stars += text[end++] == '*';
        }
        if (stars >= 3) {
            memset(text + i, '*', end - i);
        }
        i = end > i ? end - 1 : i;
    }
}

void redaction_apply(struct redaction *redaction, char *text, size_t len, bool failure) {
    if (len == 0) {
        return;
    }
    (void)llm_redact(redaction->cli->master, redaction->words, redaction->n_words, text, len);
    blank_parameters(text, len);
    blank_credentials(text, len);
    if (failure) {
        blank_masked(text, len);
    }
}

int redaction_check(const struct redaction *redaction, const char *name, llm_str text) {
    char *copy = malloc(text.len + 1);
    if (copy == NULL) {
        cli_say(redaction->cli, "record", "out of memory: nothing is written");
        return CLI_FAILED;
    }
    memcpy(copy, text.len > 0 ? text.ptr : "", text.len);
    const bool key = llm_redact(redaction->cli->master, NULL, 0, copy, text.len) > 0;
    const bool word =
        llm_redact(redaction->cli->master, redaction->words, redaction->n_words, copy, text.len) > 0;
    free(copy);
    if (key) {
        cli_say(redaction->cli, "record", "a key would still stand in %s: nothing is written", name);
    } else if (word) {
        cli_say(redaction->cli, "record",
                "what --redact or an id of the headers names would still stand in %s: nothing is written",
                name);
    }
    return key || word ? CLI_FAILED : CLI_OK;
}
