// SPDX-License-Identifier: MIT
// Answers as a log of events: what is written once and given again.
#include "base/mem.h"
#include "call/call.h"

// What a record has, in this order; absent texts have the length NONE.
enum { ID, NAME, MIME, NATIVE, USAGE, TEXT, DATA, N_TEXTS };

#define NONE UINT32_MAX
#define IDENTITY 255u // a record that is no event

struct record {
    uint8_t type, channel, finish, last;
    uint32_t choice, index, n_vector;
    uint32_t len[N_TEXTS];
};

_Static_assert(LLM_EVENT_END < IDENTITY, "a byte holds every type");
_Static_assert(sizeof(struct record) % 4 == 0, "floats behind it are aligned by padding to 8");

// The texts of a usage, and where a record has them.
static const uint8_t usage_texts[] = {TEXT, NAME, MIME, NATIVE};

#define N_USAGE (sizeof usage_texts / sizeof usage_texts[0])

static llm_str *usage_word(llm_usage *usage, size_t i) {
    llm_str *const words[N_USAGE] = {&usage->raw, &usage->tier, &usage->dimensions, &usage->quality};
    return words[i];
}

_Static_assert(sizeof(llm_usage) == 8 + 15 * sizeof(int64_t) + N_USAGE * sizeof(llm_str),
               "a new text in it must be kept too");

static size_t padded(size_t n) {
    return (n + 7) & ~(size_t)7;
}

// Where the texts begin and end; data is aligned.
static size_t data_at(const struct record *r) {
    size_t at = sizeof *r;
    for (size_t i = 0; i < DATA; i++) {
        at += r->len[i] != NONE ? r->len[i] : 0;
    }
    return r->len[DATA] != NONE ? padded(at) : at;
}

static size_t size_of(const struct record *r) {
    return padded(data_at(r) + (r->len[DATA] != NONE ? r->len[DATA] : 0));
}

// ---- writing -----------------------------------------------------------------------------------------------------------

static llm_status pad(struct llm_buf *log) {
    static const char zeros[8] = {0};
    return llm_buf_put(log, zeros, padded(log->len) - log->len);
}

static llm_status put(struct llm_buf *log, size_t *last, struct record *r, const llm_str texts[N_TEXTS]) {
    for (size_t i = 0; i < N_TEXTS; i++) {
        if (texts[i].len >= NONE) {
            return LLM_E_LIMIT;
        }
        r->len[i] = texts[i].ptr != NULL ? (uint32_t)texts[i].len : NONE;
    }
    const llm_status status = llm_buf_reserve(log, size_of(r));
    if (status != LLM_OK) {
        return status;
    }
    *last = log->len;
    (void)llm_buf_put(log, r, sizeof *r);
    for (size_t i = 0; i < N_TEXTS; i++) {
        if (i == DATA && texts[i].ptr != NULL) {
            (void)pad(log);
        }
        (void)llm_buf_put(log, texts[i].ptr, texts[i].ptr != NULL ? texts[i].len : 0);
    }
    return pad(log);
}

// Does the event go on with what the last record began, and in which of its texts?
static bool continues(const struct record *r, const llm_event *e, size_t *ret_text) {
    if (r->type != e->type || r->choice != e->choice || r->index != e->index) {
        return false;
    }
    *ret_text = e->type == LLM_EVENT_BLOB ? DATA : TEXT;
    switch (e->type) {
    case LLM_EVENT_TEXT: return r->channel == e->channel && e->text.ptr != NULL && r->len[TEXT] != NONE;
    case LLM_EVENT_TOOL:
        return e->id.len == 0 && e->name.len == 0 && e->text.ptr != NULL && r->len[TEXT] != NONE;
    case LLM_EVENT_BLOB:
        return r->last == 0 && e->text.len == 0 && e->mime.len == 0 && e->data.ptr != NULL &&
               r->len[DATA] != NONE;
    default: return false;
    }
}

static llm_status append(struct llm_buf *log, size_t at, const llm_event *e, size_t text) {
    struct record r;
    const llm_str more = text == DATA ? (llm_str){(const char *)e->data.ptr, e->data.len} : e->text;
    memcpy(&r, log->ptr + at, sizeof r);
    if (more.len >= NONE - r.len[text]) {
        return LLM_E_LIMIT;
    }
    const llm_status status = llm_buf_reserve(log, more.len + 8);
    if (status != LLM_OK) {
        return status;
    }
    log->len = at + data_at(&r) + (text == DATA ? r.len[DATA] : 0); // without the padding
    r.len[text] += (uint32_t)more.len;
    r.last = (uint8_t)e->last;
    memcpy(log->ptr + at, &r, sizeof r);
    (void)llm_buf_put(log, more.ptr, more.len);
    return pad(log);
}

llm_status llm_answer_log(struct llm_buf *log, size_t *last, const llm_event *e, bool raw_is_list) {
    size_t text;
    if (log->len > 0) {
        struct record before;
        memcpy(&before, log->ptr + *last, sizeof before);
        if (continues(&before, e, &text)) {
            return append(log, *last, e, text);
        }
    }
    struct record r = {.type = (uint8_t)e->type,
                       .channel = (uint8_t)e->channel,
                       .finish = (uint8_t)(e->finish < 255 ? e->finish : 255),
                       .last = (uint8_t)(e->type == LLM_EVENT_RAW ? raw_is_list : e->last != 0),
                       .choice = e->choice,
                       .index = e->index,
                       .n_vector = (uint32_t)e->n_vector};
    llm_str texts[N_TEXTS] = {
        [ID] = e->id,         [NAME] = e->name, [MIME] = e->mime,
        [NATIVE] = e->native, [TEXT] = e->text, [DATA] = {(const char *)e->data.ptr, e->data.len}};
    llm_usage usage;
    if (e->type == LLM_EVENT_START) { // whoever gets it again has names of his own
        texts[NAME] = texts[TEXT] = (llm_str){NULL, 0};
    }
    if (e->usage != NULL) {
        usage = *e->usage;
        for (size_t i = 0; i < N_USAGE; i++) {
            llm_str *word = usage_word(&usage, i);
            texts[usage_texts[i]] = *word;
            *word = (llm_str){NULL, 0};
        }
        texts[USAGE] = (llm_str){(const char *)&usage, sizeof usage};
    }
    if (e->vector != NULL) {
        texts[DATA] = (llm_str){(const char *)e->vector, e->n_vector * sizeof *e->vector};
    }
    return put(log, last, &r, texts);
}

llm_status llm_answer_log_identity(struct llm_buf *log, size_t *last, const struct llm_route *route,
                                   llm_str model, llm_str id) {
    struct record r = {.type = IDENTITY};
    const llm_str texts[N_TEXTS] = {
        [NAME] = model, [ID] = id, [MIME] = route->provider->name, [NATIVE] = route->provider_model};
    return put(log, last, &r, texts);
}

// ---- giving it again ---------------------------------------------------------------------------------------------------

static llm_status play_event(struct llm_call *call, const struct record *r, const llm_str texts[N_TEXTS]) {
    struct llm_response *response = call->response;
    llm_usage usage;
    llm_event e = {.type = r->type,
                   .channel = r->channel,
                   .finish = r->finish,
                   .last = r->last,
                   .choice = r->choice,
                   .index = r->index,
                   .text = texts[TEXT],
                   .id = texts[ID],
                   .name = texts[NAME],
                   .mime = texts[MIME],
                   .native = texts[NATIVE],
                   .data = {(const uint8_t *)texts[DATA].ptr, texts[DATA].len}};
    if (r->type == LLM_EVENT_START) {
        e.name = response->provider;
        e.text = response->provider_model;
    } else if (r->type == LLM_EVENT_USAGE) {
        memcpy(&usage, texts[USAGE].ptr, sizeof usage);
        for (size_t i = 0; i < N_USAGE; i++) {
            *usage_word(&usage, i) = texts[usage_texts[i]];
        }
        e = (llm_event){.type = LLM_EVENT_USAGE, .usage = &usage};
    } else if (r->type == LLM_EVENT_VECTOR && texts[DATA].ptr != NULL) {
        e.vector = (const float *)(const void *)texts[DATA].ptr;
        e.n_vector = r->n_vector;
        e.data = (llm_bytes){NULL, 0};
    } else if (r->type == LLM_EVENT_RAW) {
        e.last = 0;
        const llm_status status = llm_response_add_raw(response, e.text, r->last != 0);
        if (status != LLM_OK) {
            return status;
        }
    }
    return llm_call_emit(call, &e);
}

static llm_status play_identity(struct llm_call *call, const llm_str texts[N_TEXTS]) {
    struct llm_response *r = call->response;
    r->provider_model = llm_arena_dup(&r->arena, texts[NAME]);
    r->id = llm_arena_dup(&r->arena, texts[ID]);
    return r->provider_model.ptr != NULL && r->id.ptr != NULL ? LLM_OK : LLM_E_NOMEM;
}

// The record at *at; *at is the next one's.
static struct record read_record(const struct llm_answer *answer, size_t *at, llm_str texts[N_TEXTS]) {
    const char *base = (const char *)answer->bytes + *at;
    struct record r;
    memcpy(&r, base, sizeof r);
    size_t from = sizeof r;
    for (size_t i = 0; i < N_TEXTS; i++) {
        const bool has = r.len[i] != NONE;
        from = i == DATA ? data_at(&r) : from;
        texts[i] = (llm_str){has ? base + from : NULL, has ? r.len[i] : 0};
        from += texts[i].len;
    }
    *at += size_of(&r);
    return r;
}

llm_status llm_answer_take_route(const struct llm_answer *answer, struct llm_call *call) {
    const struct llm_chain *chain = &call->chain;
    llm_str texts[N_TEXTS] = {{0}};
    for (size_t at = 0; at < answer->len;) { // the last record is the identity
        (void)read_record(answer, &at, texts);
    }
    if (llm_str_eq(call->route.provider->name, texts[MIME]) &&
        llm_str_eq(call->route.provider_model, texts[NATIVE])) {
        return LLM_OK;
    }
    for (size_t i = 0; i < chain->n_targets; i++) {
        const struct llm_route *route = &chain->targets[i].route;
        if (llm_str_eq(route->provider->name, texts[MIME]) &&
            llm_str_eq(route->provider_model, texts[NATIVE])) {
            return llm_call_take_route(call, i);
        }
    }
    return LLM_OK;
}

llm_status llm_answer_play(const struct llm_answer *answer, struct llm_call *call) {
    llm_status status = LLM_OK;
    for (size_t at = 0; at < answer->len && status == LLM_OK;) {
        llm_str texts[N_TEXTS];
        const struct record r = read_record(answer, &at, texts);
        status = r.type == IDENTITY ? play_identity(call, texts) : play_event(call, &r, texts);
    }
    return status;
}
