// SPDX-License-Identifier: MIT
// Requests of every operation, and answers for those who bring no recordings.
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "llm_json.h"
#include "validator.h"

#define MODEL "test-model"

static const char *const texts[] = {
    "Hello",
    "",
    "\\u00e9\\u4e2d\\ud83d\\ude00",
    "line\\nline\\ttab \\\"quoted\\\" back\\\\slash",
    "caf\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80",
    "\\u0000 in the middle",
};

// Members that a request may have besides; each is tried alone and two are tried together.
static const char *const chat_members[] = {
    "\"stream\":true",
    "\"stream\":false",
    "\"stream\":true,\"stream_options\":{\"include_usage\":true}",
    "\"temperature\":0",
    "\"temperature\":0.30000000000000004",
    "\"temperature\":1e0",
    "\"top_p\":0.5",
    "\"max_tokens\":16",
    "\"max_completion_tokens\":9007199254740993",
    "\"n\":2",
    "\"stop\":\"END\"",
    "\"stop\":[\"a\",\"b\"]",
    "\"seed\":-1",
    "\"presence_penalty\":-2",
    "\"logit_bias\":{\"50256\":-100}",
    "\"logprobs\":true,\"top_logprobs\":5",
    "\"user\":\"u-1\"",
    "\"response_format\":{\"type\":\"json_object\"}",
    ("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"s\",\"schema\":{\"type\":"
     "\"object\"}}}"),
    ("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\","
     "\"properties\":{}}}}]"),
    "\"tools\":[]",
    "\"tool_choice\":\"auto\"",
    "\"parallel_tool_calls\":false",
    "\"reasoning_effort\":\"low\"",
    "\"metadata\":{\"a\":\"b\"}",
    "\"service_tier\":\"auto\"",
    "\"modalities\":[\"text\"]",
    "\"zz_unknown\":{\"deep\":[1,{\"x\":null}]}",
    "\"zz_null\":null",
};

static const char *const chat_messages[] = {
    "[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"Hi\"}]",
    "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"What is "
    "this?\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
    "\"https://example.com/a.png\"}}]}]",
    "[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/"
    "png;base64,iVBORw0KGgo=\"}}]}]",
    "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"
    "\"c1\",\"type\":\"function\","
    "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]},{\"role\":\"tool\",\"tool_call_id\":"
    "\"c1\",\"content\":\"2\"}]",
    "[{\"role\":\"developer\",\"content\":\"Be "
    "polite.\"},{\"role\":\"user\",\"name\":\"bob\",\"content\":\"Hello\"},{"
    "\"role\":\"assistant\",\"content\":\"Good day\"},"
    "{\"role\":\"user\",\"content\":\"Go on\"}]",
};

static const char *const image_members[] = {
    "\"n\":1",
    "\"n\":4",
    "\"size\":\"1024x1024\"",
    "\"size\":\"auto\"",
    "\"response_format\":\"url\"",
    "\"response_format\":\"b64_json\"",
    "\"quality\":\"high\"",
    "\"style\":\"vivid\"",
    "\"user\":\"u\"",
    "\"zz_unknown\":[1]",
};

static const char *const input_members[] = {
    "\"dimensions\":256", "\"encoding_format\":\"float\"", "\"encoding_format\":\"base64\"",
    "\"user\":\"u\"",     "\"voice\":\"alloy\"",           "\"speed\":1.5",
    "\"zz_unknown\":0",
};

struct visit {
    struct check *check;
    check_visit_fn fn;
    void *ctx;
    const char *operation;
    bool with_answer, stopped;
    size_t n;
};

// ---- made-up answers --------------------------------------------------------------------------------------------------

static const char sse_answer[] = "data: "
                                 "{\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"model\":\"test-"
                                 "model\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
                                 "\"assistant\",\"content\":\"Hi \xc3\xa9\"},\"finish_reason\":null}]}\n\n"
                                 "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" "
                                 "there\"},\"finish_reason\":null}]}\n\n"
                                 "data: "
                                 "{\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
                                 "\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
                                 "\"completion_tokens\":2,\"total_tokens\":5}}\n\ndata: [DONE]\n\n";
static const char json_answer[] =
    "{\"id\":\"1\",\"object\":\"chat.completion\",\"model\":\"test-model\",\"created\":1,\"choices\":[{"
    "\"index\":0,\"message\":{\"role\":"
    "\"assistant\",\"content\":\"Hi "
    "\\u00e9\"},\"finish_reason\":\"stop\"}],\"data\":[{\"index\":0,\"embedding\":[0.5,1],\"url\":"
    "\"https://example.com/"
    "a.png\",\"b64_json\":\"iVBORw0KGgo=\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,"
    "\"total_tokens\":5},\"zz\":null}";

static bool is_stream(llm_str request) {
    int stream = 0;
    return llm_json_bool(llm_json_get(request, "stream"), &stream) && stream != 0;
}

static void give(struct visit *visit, const char *request) {
    static const llm_header sse[] = {{LLM_STR_INIT("content-type"), LLM_STR_INIT("text/event-stream")}};
    static const llm_header json[] = {{LLM_STR_INIT("content-type"), LLM_STR_INIT("application/json")}};
    struct codec_vector_case v = {.events = {.max = LLM_MAX_RESPONSE_BYTES}};
    if (visit->stopped) {
        return;
    }
    const llm_str text = llm_str_from(request);
    const bool stream = is_stream(text);
    char name[160];
    (void)snprintf(name, sizeof name, "%s %zu %.120s%s", visit->operation, visit->n + 1, request,
                   strlen(request) > 120 ? "..." : "");
    v.name = llm_str_from(name);
    v.c = check_own_case(visit->check);
    v.c.operation = visit->operation;
    v.c.model = MODEL;
    v.c.request_str = text;
    v.c.stream = stream;
    v.c.answers = v.answers;
    if (visit->with_answer) {
        v.answers[0] = (struct codec_answer){.status = 200,
                                             .headers = stream ? sse : json,
                                             .n_headers = 1,
                                             .body = llm_str_from(stream ? sse_answer : json_answer)};
        v.c.n_answers = 1;
    }
    visit->n++;
    visit->stopped = !visit->fn(visit->check, &v, visit->ctx);
    codec_vector_done(&v);
}

static void give_chat(struct visit *visit, const char *messages, const char *first, const char *second) {
    char *request = NULL;
    if (asprintf(&request, "{\"model\":\"" MODEL "\",\"messages\":%s%s%s%s%s}", messages,
                 first != NULL ? "," : "", first != NULL ? first : "", second != NULL ? "," : "",
                 second != NULL ? second : "") >= 0) {
        give(visit, request);
        free(request);
    }
}

#define EACH(list, i) (size_t i = 0; i < sizeof(list) / sizeof((list)[0]); i++)

static void give_chats(struct visit *visit) {
    static const char hello[] = "[{\"role\":\"user\",\"content\":\"Hi\"}]";
    for
        EACH(texts, i) {
            char messages[256];
            (void)snprintf(messages, sizeof messages, "[{\"role\":\"user\",\"content\":\"%s\"}]", texts[i]);
            give_chat(visit, messages, NULL, NULL);
            give_chat(visit, messages, "\"stream\":true", NULL);
        }
    for
        EACH(chat_messages, i) {
            give_chat(visit, chat_messages[i], NULL, NULL);
            give_chat(visit, chat_messages[i], "\"stream\":true", NULL);
        }
    for
        EACH(chat_members, i) {
            give_chat(visit, hello, chat_members[i], NULL);
            give_chat(visit, hello, chat_members[i],
                      strstr(chat_members[i], "\"stream\"") != NULL ? "\"seed\":1" : "\"stream\":true");
            give_chat(visit, chat_messages[i % (sizeof chat_messages / sizeof chat_messages[0])],
                      chat_members[i], NULL);
        }
}

static void give_others(struct visit *visit, const char *member, const char *const *members, size_t n) {
    char request[512];
    for
        EACH(texts, i) {
            (void)snprintf(request, sizeof request, "{\"model\":\"" MODEL "\",\"%s\":\"%s\"}", member,
                           texts[i]);
            give(visit, request);
        }
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(request, sizeof request, "{\"model\":\"" MODEL "\",\"%s\":\"a red bird\",%s}", member,
                       members[i]);
        give(visit, request);
        for (size_t k = i + 1; k < n && k < i + 3; k++) {
            if (strncmp(members[i], members[k], 6) != 0) {
                (void)snprintf(request, sizeof request,
                               "{\"model\":\"" MODEL "\",\"%s\":\"a red bird\",%s,%s}", member, members[i],
                               members[k]);
                give(visit, request);
            }
        }
    }
}

static size_t each_request(struct check *check, bool with_answer, check_visit_fn fn, void *ctx) {
    struct visit visit = {.check = check, .fn = fn, .ctx = ctx, .with_answer = with_answer};
    for (const llm_generator *const *g = check->plugin->generators; *g != NULL; g++) {
        visit.operation = (*g)->operation;
        if ((*g)->codec == NULL || check_generator(check, visit.operation) != *g) {
            continue;
        }
        if (strcmp(visit.operation, "chat") == 0) {
            give_chats(&visit);
        } else if (strncmp(visit.operation, "image", 5) == 0) {
            give_others(&visit, "prompt", image_members, sizeof image_members / sizeof image_members[0]);
        } else if (strcmp(visit.operation, "models") == 0) {
            give(&visit, "{}");
        } else {
            give_others(&visit, "input", input_members, sizeof input_members / sizeof input_members[0]);
        }
    }
    return visit.n;
}

size_t check_each_request(struct check *check, check_visit_fn visit, void *ctx) {
    return each_request(check, false, visit, ctx);
}

// ---- recordings ---------------------------------------------------------------------------------------------------------

bool check_read_recordings(struct check *check) {
    size_t cap = 0;
    for (size_t i = 0; i < check->options->n_vectors; i++) {
        const char *path = check->options->vectors[i];
        const llm_str file = codec_vectors_file(path); // it lives as long as the process
        size_t at = 0;
        if (file.ptr == NULL || !llm_json_check(file, LLM_MAX_JSON_DEPTH, &at)) {
            check_untested(check, "%s: %s", path, file.ptr == NULL ? "cannot be read" : "is no JSON");
            return false;
        }
        for (llm_json_iter it = llm_json_begin(llm_json_value(file)); llm_json_next(&it);) {
            void *list = check->recorded;
            struct codec_vector_case *v = malloc(sizeof *v);
            if (v == NULL || !llm_mem_grow(&list, check->n_recorded, &cap, sizeof *check->recorded)) {
                check_untested(check, "out of memory");
                free(v);
                return false;
            }
            codec_vector_read(v, NULL, it.value);
            check->recorded = list;
            check->recorded[check->n_recorded++] = v;
        }
    }
    return true;
}

void check_bind(struct check *check) {
    size_t kept = 0;
    for (size_t i = 0; i < check->n_recorded; i++) {
        struct codec_vector_case *v = check->recorded[i];
        v->c.plugin = check->plugin;
        if (v->c.operation != NULL && check_generator(check, v->c.operation) != NULL) {
            check->recorded[kept++] = v;
        }
    }
    check->n_recorded = kept;
}

size_t check_each_vector(struct check *check, check_visit_fn visit, void *ctx) {
    for (size_t i = 0; i < check->n_recorded; i++) {
        const struct codec_case as_read = check->recorded[i]->c;
        const bool go_on = visit(check, check->recorded[i], ctx);
        check->recorded[i]->c = as_read;
        if (!go_on) {
            return i + 1;
        }
    }
    return check->n_recorded;
}

size_t check_each_case(struct check *check, check_visit_fn visit, void *ctx) {
    return check->n_recorded > 0 ? check_each_vector(check, visit, ctx)
                                 : each_request(check, true, visit, ctx);
}

char *check_outcome(const struct codec_case *c) {
    struct codec_result result;
    struct llm_buf all = {.max = LLM_MAX_RESPONSE_BYTES};
    (void)codec_host_run(c, &result);
    for (size_t i = 0; i < result.n_exchanges; i++) {
        (void)llm_buf_puts(&all, codec_request_text(&result, i));
        (void)llm_buf_puts(&all, "\n");
    }
    (void)llm_buf_puts(&all, codec_result_text(&result));
    codec_result_done(&result);
    char *text = strdup(all.ptr != NULL ? all.ptr : "");
    llm_buf_done(&all);
    return text;
}
