// SPDX-License-Identifier: MIT
#include "call/response.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/spare.h"
#include "llm_json.h"

#define KEEP_BYTES 65536u // of each buffer, for the next call
#define POOL_MAX 64u

struct llm_response_pool {
    pthread_mutex_t lock; // guards idle, n_idle, spare
    struct llm_response *idle;
    size_t n_idle;
    struct llm_spare spare;
    bool closed;
    _Atomic uint32_t refs; // the master's and each response's
};

struct llm_response_pool *llm_response_pool_new(void) {
    struct llm_response_pool *pool = llm_mem_new(sizeof *pool);
    if (pool != NULL) {
        (void)pthread_mutex_init(&pool->lock, NULL);
        atomic_init(&pool->refs, 1);
    }
    return pool;
}

static void response_destroy(struct llm_response *r) {
    for (size_t i = 0; i < r->ready_choices; i++) {
        for (size_t k = 0; k < 3; k++) {
            llm_buf_done(&r->choices[i].text[k]);
        }
    }
    for (size_t i = 0; i < r->ready_tools; i++) {
        llm_buf_done(&r->tools[i].args);
    }
    for (size_t i = 0; i < r->ready_blobs; i++) {
        llm_buf_done(&r->blobs[i].data);
    }
    for (size_t i = 0; i < r->ready_vectors; i++) {
        llm_buf_done(&r->vectors[i].json);
    }
    llm_mem_free(r->choices);
    llm_mem_free(r->tools);
    llm_mem_free(r->blobs);
    llm_mem_free(r->vectors);
    llm_buf_done(&r->usage_raw);
    llm_buf_done(&r->raw);
    llm_arena_done(&r->arena);
    llm_mem_free(r);
}

// Takes all but the n last used ones out of the pool, which is locked.
static struct llm_response *cut_after(struct llm_response_pool *pool, size_t n) {
    struct llm_response **at = &pool->idle;
    if (n >= pool->n_idle) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        at = &(*at)->next;
    }
    struct llm_response *rest = *at;
    *at = NULL;
    pool->n_idle = n;
    return rest;
}

static void destroy_all(struct llm_response *r) {
    while (r != NULL) {
        struct llm_response *next = r->next;
        response_destroy(r);
        r = next;
    }
}

static void pool_drop(struct llm_response_pool *pool) {
    if (atomic_fetch_sub(&pool->refs, 1) == 1) {
        (void)pthread_mutex_destroy(&pool->lock);
        llm_mem_free(pool);
    }
}

void llm_response_pool_unref(struct llm_response_pool *pool) {
    if (pool == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&pool->lock);
    struct llm_response *idle = cut_after(pool, 0);
    pool->closed = true;
    (void)pthread_mutex_unlock(&pool->lock);
    destroy_all(idle);
    pool_drop(pool);
}

// Empty, with its memory kept.
static void response_clear(struct llm_response *r) {
    for (size_t i = 0; i < r->ready_choices; i++) {
        for (size_t k = 0; k < 3; k++) {
            llm_buf_reset(&r->choices[i].text[k], KEEP_BYTES);
        }
        r->choices[i].finished = false;
        r->choices[i].native = (llm_str){NULL, 0};
    }
    for (size_t i = 0; i < r->ready_tools; i++) {
        llm_buf_reset(&r->tools[i].args, KEEP_BYTES);
    }
    for (size_t i = 0; i < r->ready_blobs; i++) {
        llm_buf_reset(&r->blobs[i].data, KEEP_BYTES);
    }
    for (size_t i = 0; i < r->ready_vectors; i++) {
        llm_buf_reset(&r->vectors[i].json, KEEP_BYTES);
    }
    llm_buf_reset(&r->usage_raw, KEEP_BYTES);
    llm_buf_reset(&r->raw, KEEP_BYTES);
    llm_tape_clear(r);
    llm_arena_reset(&r->arena, KEEP_BYTES);
    r->collect = r->raw_is_list = r->truncated = r->got_output = r->local = r->has_usage = false;
    r->operation = r->provider = r->model = r->provider_model = r->id = r->request_id = r->call_id =
        (llm_str){NULL, 0};
    r->n_choices = r->n_tools = r->n_blobs = r->n_vectors = r->n_warnings = 0;
    r->warnings = r->kinds = NULL;
    r->attempts = NULL;
    r->debug = r->debug_last = NULL;
    r->n_debug = 0;
    llm_usage_clear(&r->usage);
    r->cached = r->shared = false;
    r->stated_cost = r->cost = r->saved_cost = -1;
    r->cost_source = LLM_COST_UNKNOWN;
    r->cost_by = (struct llm_price_applied){.above = -1};
    r->error = (llm_error)LLM_ERROR_INIT;
    r->start_us = r->first_us = r->end_us = 0;
}

struct llm_response *llm_response_new(struct llm_response_pool *pool) {
    (void)pthread_mutex_lock(&pool->lock);
    struct llm_response *r = pool->idle;
    if (r != NULL) {
        pool->idle = r->next;
        pool->n_idle--;
        llm_spare_taken(&pool->spare, pool->n_idle);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (r == NULL) {
        r = llm_mem_new(sizeof *r);
        if (r == NULL) {
            return NULL;
        }
        r->usage_raw.max = LLM_MAX_EVENT_BYTES;
        r->raw.max = LLM_MAX_RESPONSE_BYTES;
        r->arena.limit = LLM_MAX_RESPONSE_BYTES;
        response_clear(r);
    }
    atomic_fetch_add(&pool->refs, 1);
    r->pool = pool;
    atomic_store(&r->refs, 1);
    return r;
}

void llm_response_ref(struct llm_response *r) {
    atomic_fetch_add(&r->refs, 1);
}

void llm_response_free(llm_response *r) {
    if (r == NULL || atomic_fetch_sub(&r->refs, 1) != 1) {
        return;
    }
    struct llm_response_pool *pool = r->pool;
    response_clear(r);
    const uint64_t now_us = llm_clock_us();
    (void)pthread_mutex_lock(&pool->lock);
    r->next = NULL;
    if (!pool->closed && pool->n_idle < POOL_MAX) {
        r->next = pool->idle;
        pool->idle = r;
        pool->n_idle++;
        r = cut_after(pool, pool->n_idle - llm_spare_put(&pool->spare, pool->n_idle, now_us));
    }
    (void)pthread_mutex_unlock(&pool->lock);
    destroy_all(r);
    pool_drop(pool);
}

// ---- putting events together ------------------------------------------------------------------------------------

static struct llm_choice *choice_at(struct llm_response *r, uint32_t index) {
    if (index >= LLM_MAX_CHOICES) {
        return NULL;
    }
    while (r->ready_choices <= index) {
        void *list = r->choices;
        if (!llm_mem_grow(&list, r->ready_choices, &r->cap_choices, sizeof *r->choices)) {
            return NULL;
        }
        r->choices = list;
        r->choices[r->ready_choices] = (struct llm_choice){0};
        for (size_t k = 0; k < 3; k++) {
            r->choices[r->ready_choices].text[k].max = LLM_MAX_RESPONSE_BYTES;
        }
        r->ready_choices++;
    }
    if (r->n_choices <= index) {
        r->n_choices = (size_t)index + 1;
    }
    return &r->choices[index];
}

static struct llm_tool_call *tool_at(struct llm_response *r, uint32_t choice, uint32_t index) {
    for (size_t i = r->n_tools; i > 0; i--) { // the last one is the usual one
        if (r->tools[i - 1].index == index && r->tools[i - 1].choice == choice) {
            return &r->tools[i - 1];
        }
    }
    void *list = r->tools;
    if (r->n_tools >= LLM_MAX_TOOL_CALLS || choice_at(r, choice) == NULL ||
        (r->n_tools == r->ready_tools && !llm_mem_grow(&list, r->n_tools, &r->cap_tools, sizeof *r->tools))) {
        return NULL;
    }
    r->tools = list;
    struct llm_tool_call *tool = &r->tools[r->n_tools];
    if (r->n_tools == r->ready_tools) {
        *tool = (struct llm_tool_call){.args = {.max = LLM_MAX_RESPONSE_BYTES}};
        r->ready_tools++;
    }
    r->n_tools++;
    tool->choice = choice;
    tool->index = index;
    tool->id = tool->name = (llm_str){NULL, 0};
    return tool;
}

static struct llm_blob_data *blob_at(struct llm_response *r, uint32_t index) {
    for (size_t i = r->n_blobs; i > 0; i--) {
        if (r->blobs[i - 1].index == index) {
            return &r->blobs[i - 1];
        }
    }
    void *list = r->blobs;
    if (r->n_blobs >= LLM_MAX_BLOBS ||
        (r->n_blobs == r->ready_blobs && !llm_mem_grow(&list, r->n_blobs, &r->cap_blobs, sizeof *r->blobs))) {
        return NULL;
    }
    r->blobs = list;
    struct llm_blob_data *blob = &r->blobs[r->n_blobs];
    if (r->n_blobs == r->ready_blobs) {
        *blob = (struct llm_blob_data){.data = {.max = LLM_MAX_RESPONSE_BYTES}};
        r->ready_blobs++;
    }
    r->n_blobs++;
    blob->index = index;
    blob->mime = blob->url = (llm_str){NULL, 0};
    return blob;
}

static struct llm_vector_data *vector_at(struct llm_response *r, uint32_t index) {
    void *list = r->vectors;
    if (r->n_vectors >= LLM_MAX_VECTORS ||
        (r->n_vectors == r->ready_vectors &&
         !llm_mem_grow(&list, r->n_vectors, &r->cap_vectors, sizeof *r->vectors))) {
        return NULL;
    }
    r->vectors = list;
    struct llm_vector_data *vector = &r->vectors[r->n_vectors];
    if (r->n_vectors == r->ready_vectors) {
        *vector = (struct llm_vector_data){.json = {.max = LLM_MAX_EVENT_BYTES}};
        r->ready_vectors++;
    }
    r->n_vectors++;
    vector->index = index;
    return vector;
}

// A copy in the arena, kept when it is the same as before.
static llm_status keep(struct llm_response *r, llm_str *at, llm_str s) {
    if (s.len == 0 || llm_str_eq(*at, s)) {
        return LLM_OK;
    }
    const llm_str copy = llm_arena_dup(&r->arena, s);
    if (copy.ptr == NULL) {
        return LLM_E_NOMEM;
    }
    *at = copy;
    return LLM_OK;
}

static llm_status add_note(struct llm_response *r, struct llm_note **list, bool replace, llm_str code,
                           llm_str param, llm_str text) {
    struct llm_note **at = list;
    while (*at != NULL && !(replace && llm_str_eq((*at)->code, code))) {
        at = &(*at)->next;
    }
    struct llm_note *note = *at != NULL ? *at : llm_arena_new(&r->arena, sizeof *note);
    if (note == NULL) {
        return LLM_E_NOMEM;
    }
    note->code = llm_arena_dup(&r->arena, code);
    note->param = param.len != 0 ? llm_arena_dup(&r->arena, param) : (llm_str){NULL, 0};
    note->text = llm_arena_dup(&r->arena, text);
    if (note->code.ptr == NULL || note->text.ptr == NULL) {
        return LLM_E_NOMEM;
    }
    *at = note;
    return LLM_OK;
}

static llm_status add_floats(struct llm_buf *json, const float *v, size_t n) {
    llm_status status = llm_buf_puts(json, "[");
    for (size_t i = 0; i < n && status == LLM_OK; i++) {
        char text[40];
        const int len = snprintf(text, sizeof text, "%s%.9g", i > 0 ? "," : "", (double)v[i]);
        for (int k = 1; k < len; k++) { // the host's locale may write another decimal point
            if (text[k] == ',') {
                text[k] = '.';
            }
        }
        status = llm_buf_puts(json, v[i] - v[i] == 0 ? text : i > 0 ? ",null" : "null");
    }
    return status == LLM_OK ? llm_buf_puts(json, "]") : status;
}

static llm_status add_usage(struct llm_response *r, const llm_usage *usage) {
    r->usage_raw.len = 0;
    const llm_status status =
        usage->raw.ptr != NULL ? llm_buf_put(&r->usage_raw, usage->raw.ptr, usage->raw.len) : LLM_OK;
    r->usage = *usage;
    r->usage.raw =
        usage->raw.ptr != NULL && status == LLM_OK ? llm_buf_str(&r->usage_raw) : (llm_str){NULL, 0};
    llm_str *const words[] = {&r->usage.tier, &r->usage.dimensions, &r->usage.quality};
    for (size_t i = 0; i < 3; i++) {
        const bool has = words[i]->ptr != NULL && words[i]->len < LLM_MAX_USAGE_WORD_BYTES;
        if (has) {
            memcpy(r->usage_words[i], words[i]->ptr, words[i]->len);
        }
        words[i]->ptr = has ? r->usage_words[i] : NULL;
        words[i]->len = has ? words[i]->len : 0;
    }
    r->has_usage = true;
    return status;
}

static llm_status add_tool(struct llm_response *r, const llm_event *e) {
    struct llm_tool_call *tool = tool_at(r, e->choice, e->index);
    if (tool == NULL) {
        return LLM_E_LIMIT;
    }
    llm_status status = keep(r, &tool->id, e->id);
    if (status == LLM_OK) {
        status = keep(r, &tool->name, e->name);
    }
    return status == LLM_OK ? llm_buf_put(&tool->args, e->text.ptr, e->text.len) : status;
}

static llm_status add_blob(struct llm_response *r, const llm_event *e) {
    struct llm_blob_data *blob = blob_at(r, e->index);
    if (blob == NULL) {
        return LLM_E_LIMIT;
    }
    llm_status status = keep(r, &blob->mime, e->mime);
    if (status == LLM_OK) {
        status = keep(r, &blob->url, e->text);
    }
    return status == LLM_OK ? llm_buf_put(&blob->data, e->data.ptr, e->data.len) : status;
}

static llm_status add_vector(struct llm_response *r, const llm_event *e) {
    struct llm_vector_data *vector = vector_at(r, e->index);
    if (vector == NULL) {
        return LLM_E_LIMIT;
    }
    return e->text.ptr != NULL ? llm_buf_put(&vector->json, e->text.ptr, e->text.len)
                               : add_floats(&vector->json, e->vector, e->n_vector);
}

static llm_status add_finish(struct llm_response *r, const llm_event *e) {
    struct llm_choice *choice = choice_at(r, e->choice);
    if (choice == NULL) {
        return LLM_E_LIMIT;
    }
    choice->finished = true;
    choice->finish = e->finish;
    return keep(r, &choice->native, e->native);
}

llm_status llm_response_add(struct llm_response *r, const llm_event *e) {
    switch (e->type) {
    case LLM_EVENT_TEXT: {
        struct llm_choice *choice = choice_at(r, e->choice);
        if (choice == NULL || e->channel > LLM_TEXT_REFUSAL) {
            return LLM_E_LIMIT;
        }
        return r->collect ? llm_buf_put(&choice->text[e->channel], e->text.ptr, e->text.len) : LLM_OK;
    }
    case LLM_EVENT_TOOL: return r->collect ? add_tool(r, e) : LLM_OK;
    case LLM_EVENT_BLOB: return r->collect ? add_blob(r, e) : LLM_OK;
    case LLM_EVENT_VECTOR: return r->collect ? add_vector(r, e) : LLM_OK;
    case LLM_EVENT_USAGE: return add_usage(r, e->usage);
    case LLM_EVENT_FINISH: return add_finish(r, e);
    case LLM_EVENT_WARNING:
        if (r->n_warnings++ >= LLM_MAX_WARNINGS) {
            return LLM_OK;
        }
        return add_note(r, &r->warnings, false, e->id, e->name, e->text);
    case LLM_EVENT_JSON:
        return r->collect ? add_note(r, &r->kinds, true, e->name, (llm_str){NULL, 0}, e->text) : LLM_OK;
    default: return LLM_OK;
    }
}

llm_status llm_response_add_raw(struct llm_response *r, llm_str text, bool list) {
    const bool json = llm_json_check(text, 10000, NULL) != 0;
    llm_status status = LLM_OK;
    r->raw_is_list = r->raw_is_list || list;
    if (r->raw.len > 0 && (status = llm_buf_puts(&r->raw, ",")) != LLM_OK) {
        return status;
    }
    if (json) {
        return llm_buf_put(&r->raw, text.ptr, text.len);
    }
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &r->raw);
    llm_json_string(&w, text);
    return w.status;
}

void llm_response_begin_attempt(struct llm_response *r) {
    llm_usage_clear(&r->usage);
    r->has_usage = false;
    r->stated_cost = -1;
    r->cost_by = (struct llm_price_applied){.above = -1};
    r->raw.len = 0;
    r->raw_is_list = false;
    r->request_id = (llm_str){NULL, 0};
}

llm_status llm_response_add_attempt(struct llm_response *r, const struct llm_attempt *attempt) {
    struct llm_attempt **at = &r->attempts;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    struct llm_attempt *copy = llm_arena_new(&r->arena, sizeof *copy);
    if (copy == NULL) {
        return LLM_E_NOMEM;
    }
    *copy = *attempt;
    copy->next = NULL;
    copy->provider = llm_arena_dup(&r->arena, attempt->provider);
    copy->model = llm_arena_dup(&r->arena, attempt->model);
    copy->key = llm_arena_dup(&r->arena, attempt->key);
    *at = copy;
    return LLM_OK;
}

// ---- what hosts read --------------------------------------------------------------------------------------------

static const char *text_of(const struct llm_response *r, uint32_t channel, size_t *ret_len) {
    const llm_str text = r->n_choices > 0 ? llm_buf_str(&r->choices[0].text[channel]) : (llm_str){"", 0};
    if (ret_len != NULL) {
        *ret_len = text.len;
    }
    return text.ptr;
}

const char *llm_response_content(const llm_response *r, size_t *ret_len) {
    return text_of(r, LLM_TEXT_CONTENT, ret_len);
}

const char *llm_response_reasoning(const llm_response *r, size_t *ret_len) {
    return text_of(r, LLM_TEXT_REASONING, ret_len);
}

const llm_error *llm_response_error(const llm_response *r) {
    return r->error.status != LLM_OK ? &r->error : NULL;
}

const llm_usage *llm_response_usage(const llm_response *r) {
    return &r->usage;
}

int64_t llm_response_cost(const llm_response *r, uint32_t *ret_source) {
    if (ret_source != NULL) {
        *ret_source = r->cost_source;
    }
    return r->cost;
}

int64_t llm_response_latency_us(const llm_response *r) {
    return r->end_us > r->start_us ? (int64_t)(r->end_us - r->start_us) : 0;
}

int64_t llm_response_first_token_us(const llm_response *r) {
    return r->first_us != 0 ? (int64_t)(r->first_us - r->start_us) : -1;
}

size_t llm_response_attempts(const llm_response *r) {
    size_t n = 0;
    for (const struct llm_attempt *a = r->attempts; a != NULL; a = a->next) {
        n++;
    }
    return n;
}

int llm_response_blob(const llm_response *r, size_t position, llm_blob *ret) {
    if (position >= r->n_blobs || ret == NULL || ret->size < sizeof *ret) {
        return 0;
    }
    const struct llm_blob_data *blob = &r->blobs[position];
    *ret = (llm_blob){.size = (uint32_t)sizeof *ret,
                      .index = blob->index,
                      .mime = blob->mime,
                      .url = blob->url,
                      .data = {(const uint8_t *)blob->data.ptr, blob->data.len}};
    return 1;
}
