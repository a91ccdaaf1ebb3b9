// SPDX-License-Identifier: MIT
// The simulator plays two providers, "openai" below /a and "groq" below /b.  For the programs that test retry, fall-back and hedging.
#ifndef LLM_TEST_TWO_PROVIDERS_H
#define LLM_TEST_TWO_PROVIDERS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check_main.h"
#include "llm_json.h"
#include "llm_master.h"
#include "sim.h"

static struct llm_sim *sim;
static llm_master *master;

#define OK_BODY                                                                                              \
    "{\"id\":\"r1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","          \
    "\"content\":\"%s\"},"                                                                                   \
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}"

// %A: the provider a answers well; %B: b does.
static char *rules_of(const char *text) {
    static char rules[32768];
    size_t n = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '%' && (at[1] == 'A' || at[1] == 'B')) {
            char body[512];
            (void)snprintf(body, sizeof body, OK_BODY, at[1] == 'A' ? "from a" : "from b");
            n += (size_t)snprintf(rules + n, sizeof rules - n,
                                  "{\"match\":{\"path\":\"/%c/*\"},\"reply\":{\"body\":%s}}", at[1] | 32,
                                  body);
            at++;
        } else {
            rules[n++] = *at;
        }
    }
    rules[n] = '\0';
    return rules;
}

static llm_log_record_fn on_record;
static llm_span_fn on_span;
static const char *openai_key = "{\"value\":\"key-a\"}";

static void begin(const char *rules, const char *settings) {
    static char text[4096];
    llm_error err = LLM_ERROR_INIT;
    ck_assert_msg(llm_sim_new(&(struct llm_sim_options){.rules = rules_of(rules), .no_demo = true}, &sim,
                              &err) == LLM_OK,
                  "%s", err.message);
    ck_assert_int_eq(llm_sim_start(sim), LLM_OK);
    (void)snprintf(text, sizeof text,
                   "{\"base_urls\":{\"openai\":\"%s/a\",\"groq\":\"http://localhost%s/b\"},"
                   "\"keys\":{\"openai\":%s,\"groq\":{\"value\":\"key-b\"}}%s%s}",
                   llm_sim_url(sim), strrchr(llm_sim_url(sim), ':'), openai_key, settings != NULL ? "," : "",
                   settings != NULL ? settings : "");
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG;
    options.settings = text;
    options.log_level = LLM_LOG_INFO;
    options.log_record = on_record;
    options.span = on_span;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
}

static void finish(void) {
    llm_master_free(master);
    llm_sim_free(sim);
}

#define FAST                                                                                                 \
    "\"retry\":{\"base_ms\":1,\"throttle_base_ms\":1,\"max_attempts\":3},\"breaker\":{\"enabled\":false}"

#define SSE(word)                                                                                            \
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" word                                              \
    "\"}}]},{\"choices\":[{\"index\":0,\"delta\":{},"                                                        \
    "\"finish_reason\":\"stop\"}]},{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}" \
    "},\"[DONE]\""

static const char *const to_groq[] = {"groq/llama-3.1-8b-instant", NULL};

static llm_query_args ask(void) {
    return (llm_query_args){LLM_QUERY_INIT, .model = "gpt-4o-mini", .prompt = "hi"};
}

static int64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// The response's JSON, "" when there is none.
static const char *json_of(const llm_response *response) {
    static char text[16384];
    char *json;
    size_t len;
    text[0] = '\0';
    if (response != NULL && llm_response_json(response, &json, &len) == LLM_OK) {
        (void)snprintf(text, sizeof text, "%s", json);
        llm_free(json);
    }
    return text;
}

struct watcher {
    size_t ends, behind;
    llm_status status;
};

static llm_status watch(void *ctx, llm_call *call, const llm_event *event) {
    struct watcher *w = ctx;
    (void)call;
    w->behind += w->ends;
    if (event->type == LLM_EVENT_END) {
        w->ends++;
        w->status = event->status;
    }
    return LLM_OK;
}

#endif
