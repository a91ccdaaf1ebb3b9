// SPDX-License-Identifier: MIT
#include "oracle_openai.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle_state.h"

static void add(struct text *t, const char *s) {
    const size_t n = strlen(s);
    t->p = realloc(t->p, t->n + n + 1);
    memcpy(t->p + t->n, s, n + 1);
    t->n += n;
}

static void addf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void addf(struct text *t, const char *format, ...) {
    char line[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    add(t, line);
}

static void add_quoted(struct text *t, const char *s) {
    add(t, "\"");
    for (; *s != '\0'; s++) {
        const unsigned char c = (unsigned char)*s;
        if (c == '\n') {
            add(t, "\\n");
        } else if (c < 0x20) {
            addf(t, "\\x%02x", c);
        } else {
            addf(t, c == '"' || c == '\\' ? "\\%c" : "%c", *s);
        }
    }
    add(t, "\"");
}

static const char *str(const cJSON *object, const char *name) {
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return s != NULL && s[0] != '\0' ? s : NULL;
}

static cJSON *get(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static char *copy(const char *s) {
    struct text t = {0};
    add(&t, s);
    return t.p;
}

/* ---- messages ---------------------------------------------------------------------------------------------------------- */

static void read_content(struct choice *c, const cJSON *content, size_t channel) {
    if (cJSON_IsString(content)) {
        add(&c->parts[channel], content->valuestring);
        return;
    }
    const cJSON *part;
    cJSON_ArrayForEach(part, content) {
        const char *type = str(part, "type");
        if (type != NULL && strcmp(type, "thinking") == 0) {
            read_content(c, get(part, "thinking"), 1);
        } else if (type != NULL && strcmp(type, "text") == 0) {
            read_content(c, get(part, "text"), channel);
        }
    }
}

static void read_reasoning(struct choice *c, const cJSON *message) {
    static const char *const names[] = {"reasoning_content", "reasoning", "reasoning_text"};
    for (size_t i = 0; i < 3; i++) {
        if (str(message, names[i]) != NULL) {
            add(&c->parts[1], str(message, names[i]));
            return;
        }
    }
    const cJSON *detail;
    cJSON_ArrayForEach(detail, get(message, "reasoning_details")) {
        const char *text = str(detail, "text") != NULL ? str(detail, "text") : str(detail, "summary");
        add(&c->parts[1], text != NULL ? text : "");
    }
}

static void read_function(struct call *call, const cJSON *function) {
    const cJSON *args = get(function, "arguments");
    call->used = true;
    if (str(function, "name") != NULL) {
        call->name.n = 0;
        add(&call->name, str(function, "name"));
    }
    if (cJSON_IsString(args)) {
        add(&call->args, args->valuestring);
    } else if (cJSON_IsObject(args)) {
        char *printed = cJSON_PrintUnformatted(args);
        add(&call->args, printed);
        free(printed);
    }
}

static void read_message(struct choice *c, const cJSON *message, bool whole) {
    const cJSON *piece;
    int at = 0;
    read_reasoning(c, message);
    read_content(c, get(message, "content"), 0);
    read_content(c, get(message, "refusal"), 2);
    cJSON_ArrayForEach(piece, get(message, "tool_calls")) {
        const cJSON *index = get(piece, "index");
        struct call *call = &c->calls[!whole && cJSON_IsNumber(index) ? index->valueint : at];
        if (str(piece, "id") != NULL) {
            call->id.n = 0;
            add(&call->id, str(piece, "id"));
        }
        read_function(call, get(piece, "function"));
        at++;
    }
    if (str(get(message, "function_call"), "name") != NULL) {
        read_function(&c->calls[0], get(message, "function_call"));
    }
}

static void keep(char **place, const char *s) {
    if (*place == NULL && s != NULL) {
        *place = copy(s);
    }
}

static void read_document(struct state *s, const cJSON *doc, bool whole) {
    const cJSON *one;
    keep(&s->model, str(doc, "model"));
    keep(&s->id, str(doc, "id"));
    cJSON_ArrayForEach(one, get(doc, "choices")) {
        struct choice *c = &s->choices[cJSON_IsNumber(get(one, "index")) ? get(one, "index")->valueint : 0];
        c->used = true;
        if (cJSON_IsObject(get(one, "delta"))) {
            read_message(c, get(one, "delta"), false);
        } else if (cJSON_IsObject(get(one, "message"))) {
            read_message(c, get(one, "message"), whole);
        } else {
            read_content(c, get(one, "text"), 0);
        }
        if (c->finish == NULL && str(one, "finish_reason") != NULL) {
            c->finish = copy(str(one, "finish_reason"));
            keep(&c->native, str(one, "native_finish_reason"));
            keep(&c->native, c->finish);
        } else if (whole && cJSON_IsString(get(one, "finish_reason"))) {
            c->native = copy(""); // said, though it says nothing
        }
    }
    const cJSON *usage = get(doc, "usage");
    if (!cJSON_IsObject(usage)) {
        usage = get(get(doc, "x_groq"), "usage");
    }
    if (cJSON_IsObject(usage)) {
        cJSON_Delete(s->o->usage);
        s->o->usage = cJSON_Duplicate(usage, 1);
        const char *tier = str(doc, "service_tier");
        (void)snprintf(s->o->tier, sizeof s->o->tier, "%s",
                       tier != NULL && strcmp(tier, "auto") != 0 ? tier : "");
    }
}

/* ---- streams -------------------------------------------------------------------------------------------------------------- */

static void read_line(struct state *s, const char *line, size_t n, bool *is_error) {
    while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == ' ')) {
        n--;
    }
    while (n > 0 && *line == ' ') {
        line++;
        n--;
    }
    if (n > 6 && strncmp(line, "event:", 6) == 0) {
        *is_error = n >= 11 && strncmp(line + n - 5, "error", 5) == 0;
        return;
    }
    const bool error_line = n > 6 && strncmp(line, "error:", 6) == 0;
    if (s->done || s->error != NULL || (!error_line && (n < 5 || strncmp(line, "data:", 5) != 0))) {
        return;
    }
    line += error_line ? 6 : 5;
    while (*line == ' ') {
        line++;
    }
    if (strncmp(line, "[DONE]", 6) == 0) {
        s->done = true;
        return;
    }
    cJSON *doc = cJSON_ParseWithOpts(line, NULL, 0);
    if (error_line || *is_error || cJSON_IsObject(get(doc, "error"))) {
        s->error = doc;
        return;
    }
    read_document(s, doc, false);
    cJSON_Delete(doc);
}

static void read_stream(struct state *s, const char *body, size_t n) {
    bool is_error = false;
    for (const char *p = body, *end = body + n; p < end;) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        const size_t len = line_end != NULL ? (size_t)(line_end - p) : (size_t)(end - p);
        read_line(s, p, len, &is_error);
        p += len + 1;
    }
}

/* ---- words ------------------------------------------------------------------------------------------------------------------ */

const char *oracle_finish(const struct choice *c) {
    static const char *const known[][2] = {{"stop", "stop"},
                                           {"length", "length"},
                                           {"tool_calls", "tool_calls"},
                                           {"eos", "stop"},
                                           {"function_call", "tool_calls"},
                                           {"content_filter", "content_filter"},
                                           {"tool_use", "tool_calls"},
                                           {"model_length", "length"},
                                           {"end_turn", "stop"}};
    for (size_t i = 0; c->finish != NULL && i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(c->finish, known[i][0]) == 0) {
            return known[i][1];
        }
    }
    return "other";
}

static void write_finish(struct text *t, const struct choice *c, const char *label) {
    addf(t, "finish%s %s ", label, oracle_finish(c));
    if (c->native != NULL) {
        add_quoted(t, c->native);
    } else {
        add(t, "-");
    }
    add(t, "\n");
}

static void write_choice(struct text *t, const struct choice *c, size_t n, bool finished) {
    static const char *const channels[] = {"content", "reasoning", "refusal"};
    char label[16] = "";
    if (n > 0) {
        (void)snprintf(label, sizeof label, "[%zu]", n);
    }
    for (size_t i = 0; i < 3; i++) {
        if (c->parts[i].n > 0) {
            addf(t, "%s%s ", channels[i], label);
            add_quoted(t, c->parts[i].p);
            add(t, "\n");
        }
    }
    for (size_t i = 0; i < CALLS; i++) {
        const struct call *call = &c->calls[i];
        if (call->used) {
            addf(t, "tool%s %zu ", label, i);
            add_quoted(t, call->id.n > 0 ? call->id.p : "");
            add(t, " ");
            add_quoted(t, call->name.n > 0 ? call->name.p : "");
            add(t, " ");
            add(t, call->args.n > 0 ? call->args.p : finished ? "{}" : "");
            add(t, "\n");
        }
    }
    if (finished) {
        write_finish(t, c, label);
    }
}

static void write_count(struct text *t, const char *name, double value) {
    if (value >= 0) {
        addf(t, " %s=%.0f", name, value);
    }
}

static double number(const cJSON *object, const char *name) {
    const cJSON *v = get(object, name);
    return cJSON_IsNumber(v) ? v->valuedouble : -1;
}

static double first(double a, double b) {
    return a >= 0 ? a : b;
}

static double least(double a, double b) {
    return a > b ? b : a;
}

static double stated_cost(const cJSON *usage) {
    if (cJSON_IsObject(get(usage, "cost"))) {
        return number(get(usage, "cost"), "total_cost") * 1e12;
    }
    if (number(usage, "cost") >= 0) {
        return number(usage, "cost") * 1e12;
    }
    const double ticks = number(usage, "cost_in_usd_ticks");
    return ticks > 0 ? ticks * 100 : -1;
}

void oracle_count(const struct oracle *o, double images, struct oracle_counts *ret) {
    const cJSON *u = o->usage;
    const cJSON *in_details = cJSON_IsObject(get(u, "prompt_tokens_details"))
                                  ? get(u, "prompt_tokens_details")
                                  : get(u, "input_tokens_details");
    const cJSON *out_details = cJSON_IsObject(get(u, "completion_tokens_details"))
                                   ? get(u, "completion_tokens_details")
                                   : get(u, "output_tokens_details");
    double in = first(number(u, "prompt_tokens"), number(u, "input_tokens"));
    double out = first(number(u, "completion_tokens"), number(u, "output_tokens"));
    const double reasoning = number(out_details, "reasoning_tokens");
    if (strcmp(o->operation, "embeddings") == 0) {
        in = first(in, number(u, "total_tokens"));
    }
    if (strcmp(o->provider, "xai") == 0) {
        out += reasoning > 0 ? reasoning : 0;
    }
    const double read = first(number(in_details, "cached_tokens"),
                              first(number(u, "prompt_cache_hit_tokens"), number(u, "num_cached_tokens")));
    ret->in = in;
    ret->out = out;
    ret->read = read >= 0 ? least(read, in) : read;
    ret->write = number(in_details, "cache_write_tokens");
    ret->reasoning = reasoning >= 0 ? least(reasoning, out) : reasoning;
    ret->audio_in = number(in_details, "audio_tokens");
    ret->audio_out = number(out_details, "audio_tokens");
    ret->image_in = number(in_details, "image_tokens");
    ret->image_out = number(out_details, "image_tokens");
    ret->images = images;
    ret->pico_usd = stated_cost(u);
}

// doc: where size and quality of images stand; NULL: nowhere.
static void write_usage(struct text *t, const struct oracle *o, double images, const cJSON *doc) {
    static const char *const words[] = {"size", "quality"};
    struct oracle_counts c;
    oracle_count(o, images, &c);
    add(t, "usage");
    write_count(t, "in", c.in);
    write_count(t, "out", c.out);
    write_count(t, "read", c.read);
    write_count(t, "write", c.write);
    write_count(t, "reasoning", c.reasoning);
    write_count(t, "ain", c.audio_in);
    write_count(t, "aout", c.audio_out);
    write_count(t, "images", c.images);
    write_count(t, "cost", c.pico_usd);
    write_count(t, "iin", c.image_in);
    write_count(t, "iout", c.image_out);
    for (size_t i = 0; i < 2; i++) {
        const char *word = images >= 0 ? str(doc, words[i]) : NULL;
        if (word != NULL && strcmp(word, "auto") != 0) {
            addf(t, " %s=%s", words[i], word);
        }
    }
    add(t, "\n");
}

/* ---- failures ------------------------------------------------------------------------------------------------------------------ */

static const char *class_of_status(double status) {
    static const struct {
        int status;
        const char *name;
    } table[] = {{401, "auth"},      {402, "quota"},        {403, "permission"},   {404, "not_found"},
                 {413, "too_large"}, {429, "rate_limited"}, {500, "server_error"}, {503, "overloaded"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].status == (int)status) {
            return table[i].name;
        }
    }
    return status >= 500 || status < 400 ? "server_error" : "invalid_request";
}

static const char *class_of(const char *code, const char *message, double status) {
    static const struct {
        const char *code, *message, *name;
    } table[] = {
        {"context_length_exceeded", NULL, "context_length"},
        {"too_many_prompt_tokens", NULL, "context_length"},
        {"exceed_context_size_error", NULL, "context_length"},
        {"insufficient_quota", NULL, "quota"},
        {"invalid_api_key", NULL, "auth"},
        {"model_not_found", NULL, "not_found"},
        {"content_filter", NULL, "content_filter"},
        {"moderation_blocked", NULL, "content_filter"},
        {NULL, "maximum context length", "context_length"},
        {NULL, "prompt too long", "context_length"},
        {NULL, "Incorrect API key", "auth"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if ((table[i].code != NULL && code != NULL && strcmp(code, table[i].code) == 0) ||
            (table[i].message != NULL && message != NULL && strstr(message, table[i].message) != NULL)) {
            return table[i].name;
        }
    }
    return class_of_status(status);
}

void oracle_fail(const cJSON *doc, double http_status, struct oracle_failure *ret) {
    const cJSON *e = cJSON_IsObject(get(doc, "error")) ? get(doc, "error") : doc;
    const char *code = str(e, "code");
    ret->message = str(e, "message") != NULL  ? str(e, "message")
                   : str(e, "detail") != NULL ? str(e, "detail")
                                              : str(e, "error");
    ret->param = str(e, "param");
    if (cJSON_IsNumber(get(e, "code"))) {
        (void)snprintf(ret->digits, sizeof ret->digits, "%d", get(e, "code")->valueint);
        code = ret->digits;
    }
    ret->code = code != NULL ? code : str(e, "type");
    double inside = number(e, "status_code") > 0 ? number(e, "status_code") : number(e, "code");
    if (ret->code != NULL && inside < 400) {
        inside = 0;
        for (const char *d = ret->code; *d >= '0' && *d <= '9'; d++) {
            inside = inside * 10 + (*d - '0');
        }
    }
    ret->status = http_status >= 400 ? http_status : inside >= 400 ? inside : 0;
    ret->name = class_of(ret->code, ret->message, ret->status);
}

static void write_failure(struct text *t, const cJSON *doc, double http_status) {
    struct oracle_failure f;
    oracle_fail(doc, http_status, &f);
    addf(t, "fault %s %.0f ", f.name, f.status);
    add_quoted(t, f.message != NULL ? f.message : "");
    if (f.code != NULL) {
        add(t, " code=");
        add_quoted(t, f.code);
    }
    if (f.param != NULL) {
        add(t, " param=");
        add_quoted(t, f.param);
    }
    addf(t, "\nstatus %s\n", f.name);
}

/* ---- lists ------------------------------------------------------------------------------------------------------------------------ */

// The JSON text behind `"name":` from `from` on, which is an array.
char *oracle_array(const char *from, const char *name, const char **ret_end) {
    char key[64];
    (void)snprintf(key, sizeof key, "\"%s\"", name);
    const char *p = strstr(from, key);
    p = p != NULL ? strchr(p, '[') : NULL;
    int depth = 0;
    bool quoted = false;
    for (const char *q = p; q != NULL && *q != '\0'; q++) {
        if (*q == '\\') {
            q++;
        } else if (*q == '"') {
            quoted = !quoted;
        } else if (!quoted && (*q == '[' || *q == ']')) {
            depth += *q == '[' ? 1 : -1;
            if (depth == 0) {
                char *text = calloc(1, (size_t)(q - p) + 2);
                memcpy(text, p, (size_t)(q - p) + 1);
                *ret_end = q;
                return text;
            }
        }
    }
    return NULL;
}

char *oracle_floats(const char *base64) {
    struct text t = {0};
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    int n_bits = 0, n_bytes = 0;
    unsigned char four[4];
    bool begun = false;
    for (; *base64 != '\0' && *base64 != '='; base64++) {
        bits = bits << 6 | (uint32_t)(strchr(alphabet, *base64) - alphabet);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            four[n_bytes++] = (unsigned char)(bits >> n_bits);
        }
        if (n_bytes == 4) {
            float f;
            memcpy(&f, four, 4);
            addf(&t, "%s%.9g", begun ? "," : "", (double)f);
            begun = true;
            n_bytes = 0;
        }
    }
    return t.p;
}

static void write_list(struct text *t, struct oracle *o, const cJSON *doc, const char *body) {
    const cJSON *one;
    const char *at = body;
    int n = 0;
    cJSON_ArrayForEach(one, get(doc, "data")) {
        if (strcmp(o->operation, "embeddings") == 0 && str(one, "embedding") != NULL) {
            addf(t, "vector %d ", n++);
            char *text = oracle_floats(str(one, "embedding"));
            add(t, text != NULL ? text : "");
            add(t, "\n");
            free(text);
        } else if (strcmp(o->operation, "embeddings") == 0) {
            char *text = oracle_array(at, "embedding", &at);
            addf(t, "vector %d ", n++);
            add(t, text);
            add(t, "\n");
            free(text);
        } else {
            const char *format = str(doc, "output_format");
            addf(t, "blob %d %s%s %s ", n++, format != NULL ? "image/" : "", format != NULL ? format : "",
                 str(one, "b64_json") != NULL ? "base64" : "url");
            add(t, str(one, "b64_json") != NULL ? str(one, "b64_json") : str(one, "url"));
            add(t, "\n");
        }
    }
    if (cJSON_IsObject(get(doc, "usage"))) {
        o->usage = cJSON_Duplicate(get(doc, "usage"), 1);
    }
    const bool images = strncmp(o->operation, "image", 5) == 0;
    if (images || o->usage != NULL) {
        write_usage(t, o, images ? n : -1, doc);
    }
    if (strcmp(o->operation, "moderation") == 0) {
        char *text = oracle_array(body, "results", &at);
        add(t, "json moderation ");
        add(t, text);
        add(t, "\n");
        free(text);
    }
}

/* ---- all of it ---------------------------------------------------------------------------------------------------------------------- */

static void write_named(struct text *t, const char *name, const char *value) {
    if (value != NULL) {
        addf(t, "%s ", name);
        add_quoted(t, value);
        add(t, "\n");
    }
}

void oracle_state_done(struct state *s) {
    for (size_t i = 0; i < CHOICES; i++) {
        struct choice *c = &s->choices[i];
        for (size_t k = 0; k < 3; k++) {
            free(c->parts[k].p);
        }
        for (size_t k = 0; k < CALLS; k++) {
            free(c->calls[k].id.p);
            free(c->calls[k].name.p);
            free(c->calls[k].args.p);
        }
        free(c->finish);
        free(c->native);
    }
    free(s->model);
    free(s->id);
    cJSON_Delete(s->error);
}

bool oracle_is_whole(const struct state *s) {
    bool finished = s->done || !s->o->stream;
    for (size_t i = 0; i < CHOICES; i++) {
        finished |= s->choices[i].finish != NULL;
    }
    return finished;
}

static void write_chat(struct text *t, struct state *s) {
    const bool finished = oracle_is_whole(s);
    write_named(t, "model", s->model);
    write_named(t, "id", s->id);
    for (size_t i = 0; i < CHOICES; i++) {
        if (s->choices[i].used) {
            write_choice(t, &s->choices[i], i, finished && s->error == NULL);
        }
    }
    if (s->o->usage != NULL) {
        write_usage(t, s->o, -1, NULL);
    }
    if (s->error != NULL) {
        write_failure(t, s->error, 0);
    } else if (!finished) {
        add(t, "fault protocol 0 \"the stream ended before the answer was complete\"\nstatus protocol\n");
    }
}

void oracle_chat_read(struct state *s, const char *body, size_t n) {
    if (s->o->stream) {
        read_stream(s, body, n);
        return;
    }
    cJSON *doc = cJSON_Parse(body);
    if (cJSON_IsObject(get(doc, "error"))) {
        s->error = doc;
        return;
    }
    read_document(s, doc, true);
    cJSON_Delete(doc);
}

void oracle_read(struct oracle *o, const char *body, size_t n) {
    struct state *s = calloc(1, sizeof *s);
    struct text t = {0};
    add(&t, "");
    s->o = o;
    const bool chat = strcmp(o->operation, "chat") == 0 || strcmp(o->operation, "completions") == 0;
    cJSON *doc = o->status < 300 && o->stream ? NULL : cJSON_Parse(body);
    if (o->status >= 300) {
        write_failure(&t, doc, o->status);
    } else if (chat) {
        oracle_chat_read(s, body, n);
        write_chat(&t, s);
    } else {
        write_named(&t, "model", str(doc, "model"));
        write_named(&t, "id", str(doc, "id"));
        write_list(&t, o, doc, body);
    }
    cJSON_Delete(doc);
    oracle_state_done(s);
    free(s);
    o->text = t.p;
}

void oracle_done(struct oracle *o) {
    cJSON_Delete(o->usage);
    free(o->text);
    *o = (struct oracle){0};
}
