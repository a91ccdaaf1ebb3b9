// SPDX-License-Identifier: MIT
// What a provider can do wrong, and what must come of it: the rows of faults.json, each as a stream and in one piece where both make sense.
// After every row: one end event and nothing behind it, an error event exactly when it failed, no descriptor and no thread left.
//
//     test_faults          the whole table (rows marked "long" only when LLM_TEST_LONG is set)
//     test_faults WORD     the rows whose name holds WORD, with what came of them
//
// A row: "row" of the list of faults, "name", "mode" ("whole", "stream"; both when absent).  What the provider does: "reply" (as in a script of
// the simulator; without a body the good one), or "replies" in turn, "always", "warm_up" (a call before).  How it is asked: "settings", "*_ms",
// "max_attempts".  What must come of it: "want" (a status, or several with | between), "says", "text", "truncated", "json" (what the response
// holds as text), "usage", "retry_after_ms", "requests", "attempts", "connections" (after a second, good call), "within_ms", "least_ms",
// "memory_mib".  What differs by mode stands in "plain" or "stream" once more.
#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "llm_master.h"
#include "sim.h"
#include "tap.h"
#include "test_data.h"

static const char *chosen;
static const cJSON *table;

static int64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t entries(const char *dir) {
    DIR *open = opendir(dir);
    size_t n = 0;
    while (open != NULL && readdir(open) != NULL) {
        n++;
    }
    if (open != NULL) {
        closedir(open);
    }
    return n;
}

static long peak_kib(void) {
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

// ---- a row ------------------------------------------------------------------------------------------------------------

// The row's member, or that of its part for this mode.
static const cJSON *get(const cJSON *row, bool stream, const char *name) {
    const cJSON *part = cJSON_GetObjectItemCaseSensitive(row, stream ? "stream" : "plain");
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(part, name);
    return own != NULL ? own : cJSON_GetObjectItemCaseSensitive(row, name);
}

static const char *get_text(const cJSON *row, bool stream, const char *name, const char *otherwise) {
    const cJSON *item = get(row, stream, name);
    return cJSON_IsString(item) ? item->valuestring : otherwise;
}

static int64_t get_number(const cJSON *row, bool stream, const char *name, int64_t otherwise) {
    const cJSON *item = get(row, stream, name);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : otherwise;
}

static bool has_body(const cJSON *reply) {
    static const char *const bodies[] = {"body", "body_base64", "sse", "lines", "raw", "raw_base64", NULL};
    for (size_t i = 0; bodies[i] != NULL; i++) {
        if (cJSON_GetObjectItemCaseSensitive(reply, bodies[i]) != NULL) {
            return true;
        }
    }
    return false;
}

// A reply without a body gets the good one.
static cJSON *whole_reply(const cJSON *reply, bool stream) {
    cJSON *copy = reply != NULL ? cJSON_Duplicate(reply, 1) : cJSON_CreateObject();
    if (!has_body(copy)) {
        cJSON_AddItemToObject(
            copy, stream ? "sse" : "body",
            cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(table, stream ? "events" : "chat"), 1));
    }
    return copy;
}

// {"$text": "abc", "$times": n} becomes that text n times.
static void expand(cJSON *item) {
    for (cJSON *child = item->child; child != NULL;) {
        cJSON *next = child->next;
        const cJSON *text = cJSON_GetObjectItemCaseSensitive(child, "$text");
        if (text == NULL) {
            expand(child);
            child = next;
            continue;
        }
        const size_t times = (size_t)cJSON_GetObjectItemCaseSensitive(child, "$times")->valuedouble;
        const size_t len = strlen(text->valuestring);
        char *all = malloc(len * times + 1);
        for (size_t i = 0; i < times; i++) {
            memcpy(all + i * len, text->valuestring, len);
        }
        all[len * times] = '\0';
        cJSON *whole = cJSON_CreateString(all);
        free(all);
        if (child->string != NULL) {
            char *name = strdup(child->string);
            cJSON_ReplaceItemInObjectCaseSensitive(item, name, whole);
            free(name);
        } else {
            cJSON_ReplaceItemViaPointer(item, child, whole);
        }
        child = next;
    }
}

// The script: the row's replies in turn, then the good one.
static char *script(const cJSON *row, bool stream) {
    cJSON *rules = cJSON_CreateArray();
    const cJSON *replies = get(row, stream, "replies");
    const cJSON *one = get(row, stream, "reply");
    const int n = replies != NULL ? cJSON_GetArraySize(replies) : 1;
    const bool every_time = get(row, stream, "always") != NULL;
    for (int i = 0; i < n; i++) {
        cJSON *rule = cJSON_CreateObject();
        if (!every_time) {
            cJSON_AddNumberToObject(cJSON_AddObjectToObject(rule, "match"), "nth", i + 1);
        }
        cJSON_AddItemToObject(rule, "reply",
                              whole_reply(replies != NULL ? cJSON_GetArrayItem(replies, i) : one, stream));
        cJSON_AddItemToArray(rules, rule);
    }
    cJSON *last = cJSON_CreateObject();
    cJSON_AddItemToObject(last, "reply", whole_reply(NULL, stream));
    cJSON_AddItemToArray(rules, last);
    char *text = cJSON_PrintUnformatted(rules);
    cJSON_Delete(rules);
    return text;
}

struct outcome {
    size_t ends, errors, starts, behind; // behind: events after the end
    llm_status status;                   // of the end event
    llm_response *response;
    int64_t ms;
    uint64_t requests, connections;
    const char *refused; // the call did not begin
    char *json;
};

static llm_status on_event(void *ctx, llm_call *call, const llm_event *event) {
    struct outcome *o = ctx;
    (void)call;
    o->behind += o->ends > 0 ? 1 : 0;
    o->ends += event->type == LLM_EVENT_END ? 1 : 0;
    o->errors += event->type == LLM_EVENT_ERROR ? 1 : 0;
    o->starts += event->type == LLM_EVENT_START ? 1 : 0;
    o->status = event->type == LLM_EVENT_END ? event->status : o->status;
    return LLM_OK;
}

static void ask(llm_loop *loop, const cJSON *row, bool stream, struct outcome *o) {
    static char refused[1024];
    static const char body[] =
        "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
    static const char body_stream[] =
        "{\"model\":\"gpt-4o-mini\",\"stream\":true,\"messages\":[{\"role\":\"user\","
        "\"content\":\"Hi\"}]}";
    const char *text = stream ? body_stream : body;
    llm_error err = LLM_ERROR_INIT;
    llm_call *call;
    const llm_query_args args = {LLM_QUERY_INIT,
                                 .flags = (stream ? LLM_QUERY_STREAM : 0u) | LLM_QUERY_COLLECT,
                                 .body = {text, strlen(text)},
                                 .connect_timeout_ms = (uint32_t)get_number(row, stream, "connect_ms", 2000),
                                 .first_byte_timeout_ms =
                                     (uint32_t)get_number(row, stream, "first_byte_ms", 5000),
                                 .idle_timeout_ms = (uint32_t)get_number(row, stream, "idle_ms", 5000),
                                 .total_timeout_ms = (uint32_t)get_number(row, stream, "total_ms", 20000),
                                 .max_attempts = (uint32_t)get_number(row, stream, "max_attempts", 1),
                                 .on_event = on_event,
                                 .ctx = o};
    const int64_t before = now_ms();
    if (llm_call_start(loop, &args, &call, &err) != LLM_OK) {
        (void)snprintf(refused, sizeof refused, "%s", err.message);
        o->refused = refused;
        return;
    }
    while (o->ends == 0 && now_ms() - before < 60000) {
        (void)llm_loop_run(loop, 100);
    }
    o->ms = now_ms() - before;
    (void)llm_call_response(call, &o->response);
    (void)llm_response_json(o->response, &o->json, NULL);
    llm_call_free(call);
    for (int i = 0; i < 3; i++) {
        (void)llm_loop_run(loop, 0);
    }
}

// ---- what must have come of it ----------------------------------------------------------------------------------------

#define MUST(holds, ...)                                                                                     \
    do {                                                                                                     \
        if (!(holds)) {                                                                                      \
            (void)snprintf(why, size, __VA_ARGS__);                                                          \
            return false;                                                                                    \
        }                                                                                                    \
    } while (0)

static bool judge_events(const struct outcome *o, const char *want, bool truncated, char *why, size_t size) {
    MUST(o->refused == NULL, "it did not begin: %s", o->refused);
    MUST(o->ends == 1, "%zu end events", o->ends);
    MUST(o->behind == 0, "%zu events after the end", o->behind);
    const llm_error *e = llm_response_error(o->response);
    const char *got = llm_status_name(o->status);
    const char *found = strstr(want, got);
    const size_t n = strlen(got);
    MUST(found != NULL && (found == want || found[-1] == '|') && (found[n] == '\0' || found[n] == '|'),
         "%s instead of %s: %s", got, want, e != NULL ? e->message : "");
    MUST(o->errors == (o->status < 0 ? 1u : 0u), "%zu error events", o->errors);
    MUST((e != NULL) == (o->status < 0), "its error is %s", e != NULL ? e->message : "missing");
    MUST(e == NULL || e->status == o->status, "error and end event say different things");
    MUST(e == NULL || strcmp(e->provider, "openai") == 0, "the error is of \"%s\"", e->provider);
    cJSON *json = cJSON_Parse(o->json);
    const bool is = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "truncated"));
    cJSON_Delete(json);
    MUST(is == truncated, "truncated is %s", is ? "true" : "false");
    return true;
}

static bool judge_usage(const cJSON *want, const llm_response *r, char *why, size_t size) {
    const llm_usage *u = llm_response_usage(r);
    const struct {
        const char *name;
        int64_t value;
    } got[] = {{"input", u->input_tokens},
               {"output", u->output_tokens},
               {"cached", u->cache_read_tokens},
               {"cost", llm_response_cost(r, NULL)}};
    for (size_t i = 0; i < sizeof got / sizeof got[0]; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(want, got[i].name);
        MUST(item == NULL || (int64_t)item->valuedouble == got[i].value, "%s is %lld", got[i].name,
             (long long)got[i].value);
    }
    MUST(got[3].value >= -1, "a cost of %lld", (long long)got[3].value);
    return true;
}

static size_t attempts_of(const struct outcome *o) {
    cJSON *json = cJSON_Parse(o->json);
    const int n = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "attempts"));
    cJSON_Delete(json);
    return (size_t)n;
}

static bool judge(const cJSON *row, bool stream, const struct outcome *o, char *why, size_t size) {
    const char *want = get_text(row, stream, "want", "ok");
    const bool fails = strcmp(want, "ok") != 0;
    if (!judge_events(o, want, cJSON_IsTrue(get(row, stream, "truncated")), why, size)) {
        return false;
    }
    const char *says = get_text(row, stream, "says", "");
    const llm_error *e = llm_response_error(o->response);
    MUST(e == NULL || strstr(e->message, says) != NULL, "it says: %s", e->message);
    MUST(e == NULL || strstr(e->message, "sk-") == NULL, "a secret in: %s", e->message);
    const char *text =
        get_text(row, stream, "text", fails ? NULL : cJSON_GetObjectItem(table, "text")->valuestring);
    MUST(text == NULL || strcmp(llm_response_content(o->response, NULL), text) == 0, "the text is \"%.200s\"",
         llm_response_content(o->response, NULL));
    MUST(strstr(o->json, get_text(row, stream, "json", "")) != NULL, "not in %.900s", o->json);
    if (!judge_usage(get(row, stream, "usage"), o->response, why, size)) {
        return false;
    }
    const cJSON *retry = get(row, stream, "retry_after_ms");
    MUST(retry == NULL || (e != NULL && e->retry_after_ms == (int64_t)retry->valuedouble),
         "retry after %lld ms", e != NULL ? (long long)e->retry_after_ms : 0);
    const uint64_t requests = (uint64_t)get_number(row, stream, "requests", (int64_t)o->requests);
    MUST(o->requests == requests, "%llu requests", (unsigned long long)o->requests);
    const size_t attempts = (size_t)get_number(row, stream, "attempts", (int64_t)attempts_of(o));
    MUST(attempts_of(o) == attempts, "%zu attempts", attempts_of(o));
    const int64_t within = get_number(row, stream, "within_ms", 10000),
                  least = get_number(row, stream, "least_ms", 0);
    // A machine may be busy: what is asked for is that the limit ended it, not another one ten times as long.
    MUST(o->ms <= 10 * within && o->ms >= least, "it took %lld ms", (long long)o->ms);
    return true;
}

// ---- running a row ----------------------------------------------------------------------------------------------------

static llm_master *master_of(const struct llm_sim *sim, const cJSON *row, bool stream) {
    llm_master *master = NULL;
    llm_error err = LLM_ERROR_INIT;
    cJSON *settings = cJSON_CreateObject();
    const cJSON *more = get(row, stream, "settings");
    char url[300];
    (void)snprintf(url, sizeof url, "%s/v1", llm_sim_url(sim));
    cJSON_AddStringToObject(cJSON_AddObjectToObject(settings, "base_urls"), "openai", url);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(cJSON_AddObjectToObject(settings, "keys"), "openai"),
                            "value", "sk-canary-0123456789");
    for (const cJSON *item = more != NULL ? more->child : NULL; item != NULL; item = item->next) {
        cJSON_AddItemToObject(settings, item->string, cJSON_Duplicate(item, 1));
    }
    char *text = cJSON_PrintUnformatted(settings);
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG;
    options.settings = text;
    if (llm_master_new(&options, &master, &err) != LLM_OK) {
        printf("# %s\n", err.message);
    }
    cJSON_free(text);
    cJSON_Delete(settings);
    return master;
}

static bool play(const cJSON *row, bool stream, struct outcome *o, char *why, size_t size) {
    llm_error err = LLM_ERROR_INIT;
    struct llm_sim *sim = NULL;
    llm_loop *loop = NULL;
    char *rules = script(row, stream);
    const llm_status status =
        llm_sim_new(&(struct llm_sim_options){.rules = rules, .no_demo = true}, &sim, &err);
    cJSON_free(rules);
    MUST(status == LLM_OK && llm_sim_start(sim) == LLM_OK, "the simulator: %s", err.message);
    llm_master *master = master_of(sim, row, stream);
    const long before_kib = peak_kib();
    bool fine = master != NULL && llm_loop_new(master, NULL, &loop, &err) == LLM_OK;
    if (fine) {
        struct outcome warm = {0};
        if (get(row, stream, "warm_up") != NULL) { // a first call, so that the connection is there
            ask(loop, row, stream, &warm);
            llm_response_free(warm.response);
            llm_free(warm.json);
        }
        ask(loop, row, stream, o);
        o->requests = llm_sim_requests(sim);
        fine = judge(row, stream, o, why, size);
        const long grown = (peak_kib() - before_kib) >> 10;
        if (fine && grown > get_number(row, stream, "memory_mib", 64)) {
            (void)snprintf(why, size, "memory grew by %ld MiB", grown);
            fine = false;
        }
        const cJSON *fresh = get(row, stream, "connections");
        if (fine && fresh != NULL) { // after a second call
            struct outcome next = {0};
            ask(loop, row, stream, &next);
            o->connections = llm_sim_connections(sim);
            fine = next.status == LLM_OK && o->connections == (uint64_t)fresh->valuedouble;
            (void)snprintf(why, size, "%llu connections after a second call, which gave %s",
                           (unsigned long long)o->connections, llm_status_name(next.status));
            llm_response_free(next.response);
            llm_free(next.json);
        }
    }
    llm_loop_free(loop);
    llm_master_free(master);
    llm_sim_free(sim);
    return fine;
}

static void run(struct tap *tap, const cJSON *row, bool stream) {
    char name[256], why[2048] = "";
    struct outcome o = {0};
    const int number = (int)get_number(row, stream, "row", 0);
    (void)snprintf(name, sizeof name, "row %d: %s (%s)", number, get_text(row, stream, "name", "?"),
                   stream ? "stream" : "whole");
    if (cJSON_IsTrue(get(row, stream, "long")) && getenv("LLM_TEST_LONG") == NULL && chosen == NULL) {
        tap_skip(tap, name, "LLM_TEST_LONG is not set");
        return;
    }
    const size_t fds = entries("/proc/self/fd"), threads = entries("/proc/self/task");
    bool fine = play(row, stream, &o, why, sizeof why);
    for (int i = 0; i < 200 && entries("/proc/self/task") > threads;
         i++) { // one that was joined is listed for a moment
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    const size_t fds_left = entries("/proc/self/fd"), threads_left = entries("/proc/self/task");
    if (fine && (fds_left != fds || threads_left > threads)) {
        (void)snprintf(why, sizeof why, "descriptors %zu to %zu, threads %zu to %zu", fds, fds_left, threads,
                       threads_left);
        fine = false;
    }
    tap_result(tap, fine, name, "%s", why);
    if (chosen != NULL) {
        printf("# %lld ms, %llu requests: %s\n", (long long)o.ms, (unsigned long long)o.requests,
               o.json != NULL ? o.json : "");
    }
    llm_response_free(o.response);
    llm_free(o.json);
}

// ---- a stream that is cut at every byte -------------------------------------------------------------------------------

// Bytes of the stream; *ret_finish: up to the end of the line that says why it ended.
static size_t stream_bytes(size_t *ret_finish) {
    const cJSON *event;
    size_t n = 0;
    cJSON_ArrayForEach(event, cJSON_GetObjectItemCaseSensitive(table, "events")) {
        char *text = cJSON_IsString(event) ? strdup(event->valuestring) : cJSON_PrintUnformatted(event);
        n += strlen("data: ") + strlen(text) + 2;
        *ret_finish = strstr(text, "\"stop\"") != NULL ? n - 2 : *ret_finish;
        free(text);
    }
    return n;
}

static char *cut_script(size_t bytes, const char *framing) {
    cJSON *rules = cJSON_CreateArray();
    for (size_t i = 0; i <= bytes; i++) {
        cJSON *rule = cJSON_CreateObject(), *reply = whole_reply(NULL, true);
        cJSON_AddNumberToObject(cJSON_AddObjectToObject(rule, "match"), "nth", (double)i + 1);
        cJSON *fault = cJSON_AddObjectToObject(reply, "fault");
        cJSON_AddStringToObject(reply, "framing", framing);
        cJSON_AddStringToObject(fault, "kind", "cut");
        cJSON_AddNumberToObject(fault, "after", (double)i);
        cJSON_AddItemToObject(rule, "reply", reply);
        cJSON_AddItemToArray(rules, rule);
    }
    char *text = cJSON_PrintUnformatted(rules);
    cJSON_Delete(rules);
    return text;
}

// Never complete before the finish reason has come, always when all of it has; the text is always a beginning of the whole one.
static bool judge_cut(size_t at, size_t finish, size_t bytes, const struct outcome *o, char *why,
                      size_t size) {
    const char *whole = cJSON_GetObjectItemCaseSensitive(table, "text")->valuestring;
    const char *text = llm_response_content(o->response, NULL);
    const bool complete = at >= bytes - 2; // but for the line ends behind it
    MUST(o->ends == 1 && o->behind == 0, "at %zu: %zu end events", at, o->ends);
    MUST(strncmp(text, whole, strlen(text)) == 0, "at %zu: the text is \"%s\"", at, text);
    MUST(o->status == LLM_OK || !complete, "at %zu: %s", at, llm_status_name(o->status));
    MUST(o->status == LLM_E_TRANSPORT || o->status == LLM_E_PROTOCOL || at >= finish, "at %zu: %s", at,
         llm_status_name(o->status));
    MUST(o->status != LLM_OK || strcmp(text, whole) == 0, "at %zu: only \"%s\"", at, text);
    return true;
}

static void cut_everywhere(struct tap *tap, const char *framing) {
    char name[128], why[1024] = "";
    size_t finish = 0;
    const size_t bytes = stream_bytes(&finish);
    char *rules = cut_script(bytes, framing);
    struct llm_sim *sim = NULL;
    llm_loop *loop = NULL;
    llm_error err = LLM_ERROR_INIT;
    bool fine =
        llm_sim_new(&(struct llm_sim_options){.rules = rules, .no_demo = true}, &sim, &err) == LLM_OK &&
        llm_sim_start(sim) == LLM_OK;
    llm_master *master = fine ? master_of(sim, NULL, true) : NULL;
    fine = master != NULL && llm_loop_new(master, NULL, &loop, &err) == LLM_OK;
    for (size_t i = 0; fine && i <= bytes; i++) {
        struct outcome o = {0};
        if (i % 4 == 3) { // before it leaves a provider alone that fails each time
            llm_loop_free(loop);
            llm_master_free(master);
            loop = NULL;
            master = master_of(sim, NULL, true);
            fine = master != NULL && llm_loop_new(master, NULL, &loop, &err) == LLM_OK;
        }
        ask(loop, NULL, true, &o);
        fine = judge_cut(i, finish, bytes, &o, why, sizeof why);
        llm_response_free(o.response);
        llm_free(o.json);
    }
    (void)snprintf(name, sizeof name, "row 36: a stream cut at every byte (%s)", framing);
    tap_result(tap, fine, name, "%s%s", why, err.message);
    llm_loop_free(loop);
    llm_master_free(master);
    llm_sim_free(sim);
    cJSON_free(rules);
}

int main(int argc, char **argv) {
    struct tap tap = {0};
    char path[TEST_PATH_BYTES];
    size_t len = 0;
    chosen = argc > 1 ? argv[1] : NULL;
    test_data_source(path, "tests/integration/faults.json");
    char *text = test_data_read(path, &len);
    cJSON *all = text != NULL ? cJSON_ParseWithLength(text, len) : NULL;
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(all, "rows"), *row;
    table = all;
    if (all != NULL) {
        expand(all);
    }
    tap_result(&tap, cJSON_GetArraySize(rows) > 50, "the table is there", "%s", path);
    cJSON_ArrayForEach(row, rows) {
        const cJSON *mode = cJSON_GetObjectItemCaseSensitive(row, "mode");
        if (chosen != NULL && strstr(get_text(row, false, "name", ""), chosen) == NULL) {
            continue;
        }
        if (mode == NULL || strcmp(mode->valuestring, "whole") == 0) {
            run(&tap, row, false);
        }
        if (mode == NULL || strcmp(mode->valuestring, "stream") == 0) {
            run(&tap, row, true);
        }
    }
    if (chosen == NULL && all != NULL) {
        cut_everywhere(&tap, "chunked");
        cut_everywhere(&tap, "close");
    }
    cJSON_Delete(all);
    free(text);
    return tap_done(&tap);
}
