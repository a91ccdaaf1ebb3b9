// SPDX-License-Identifier: MIT
// The response as JSON.  docs/response.md is its description.
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "call/response.h"
#include "catalog/price.h"
#include "llm_json.h"

static const char *const finish_names[] = {"stop", "length", "tool_calls", "content_filter", "other"};

const char *llm_finish_name(const struct llm_choice *choice) {
    return choice->finish < sizeof finish_names / sizeof finish_names[0] ? finish_names[choice->finish]
                                                                         : "other";
}

static void member(llm_json_writer *w, const char *name, llm_str value) {
    llm_json_name(w, name);
    llm_json_string(w, value);
}

static void member_if(llm_json_writer *w, const char *name, llm_str value) {
    if (value.len > 0) {
        member(w, name, value);
    }
}

static void count(llm_json_writer *w, const char *name, int64_t value) {
    llm_json_name(w, name);
    if (value < 0) {
        llm_json_null(w);
    } else {
        llm_json_integer(w, value);
    }
}

// Microseconds as milliseconds with their fraction.
static void milliseconds(llm_json_writer *w, const char *name, int64_t us) {
    char text[32];
    llm_json_name(w, name);
    if (us < 0) {
        llm_json_null(w);
        return;
    }
    char *end = text + sizeof text;
    char *at = end;
    int64_t fraction = us % 1000, whole = us / 1000;
    for (int i = 0; i < 3; i++) {
        if (at != end || fraction % 10 != 0) {
            *--at = (char)('0' + fraction % 10);
        }
        fraction /= 10;
    }
    if (at != end) {
        *--at = '.';
    }
    do {
        *--at = (char)('0' + whole % 10);
        whole /= 10;
    } while (whole > 0);
    llm_json_raw(w, (llm_str){at, (size_t)(end - at)});
}

static void write_tools(llm_json_writer *w, const struct llm_response *r, size_t choice) {
    size_t position = 0;
    for (size_t i = 0; i < r->n_tools; i++) {
        const struct llm_tool_call *tool = &r->tools[i];
        if (tool->choice != choice) {
            continue;
        }
        if (position == 0) {
            llm_json_name(w, "tool_calls");
            llm_json_array(w);
        }
        llm_json_object(w);
        count(w, "index", (int64_t)position++);
        member(w, "id", tool->id.ptr != NULL ? tool->id : LLM_STR("")); // some providers give none
        member(w, "name", tool->name.ptr != NULL ? tool->name : LLM_STR(""));
        member(w, "arguments", tool->args.len > 0 ? llm_buf_str(&tool->args) : LLM_STR("{}"));
        llm_json_object_end(w);
    }
    if (position > 0) {
        llm_json_array_end(w);
    }
}

static void write_choice(llm_json_writer *w, const struct llm_response *r, size_t index) {
    const struct llm_choice *choice = &r->choices[index];
    member(w, "content", llm_buf_str(&choice->text[LLM_TEXT_CONTENT]));
    member_if(w, "reasoning", llm_buf_str(&choice->text[LLM_TEXT_REASONING]));
    member_if(w, "refusal", llm_buf_str(&choice->text[LLM_TEXT_REFUSAL]));
    write_tools(w, r, index);
    if (choice->finished) {
        llm_json_name(w, "finish_reason");
        llm_json_cstring(w, llm_finish_name(choice));
        member(w, "native_finish_reason", choice->native);
    }
}

static void write_choices(llm_json_writer *w, const struct llm_response *r) {
    if (r->n_choices > 0) {
        write_choice(w, r, 0);
    }
    if (r->n_choices < 2) {
        return;
    }
    llm_json_name(w, "choices");
    llm_json_array(w);
    for (size_t i = 0; i < r->n_choices; i++) {
        llm_json_object(w);
        count(w, "index", (int64_t)i);
        write_choice(w, r, i);
        llm_json_object_end(w);
    }
    llm_json_array_end(w);
}

static void write_blobs(llm_json_writer *w, const struct llm_response *r) {
    if (r->n_blobs == 0) {
        return;
    }
    llm_json_name(w, "blobs");
    llm_json_array(w);
    for (size_t i = 0; i < r->n_blobs; i++) {
        const struct llm_blob_data *blob = &r->blobs[i];
        llm_json_object(w);
        count(w, "index", blob->index);
        member(w, "mime", blob->mime);
        if (blob->url.len > 0) {
            member(w, "url", blob->url);
        } else {
            count(w, "bytes", (int64_t)blob->data.len);
        }
        llm_json_object_end(w);
    }
    llm_json_array_end(w);
}

static int by_index(const void *a, const void *b) {
    const struct llm_vector_data *left = *(const struct llm_vector_data *const *)a;
    const struct llm_vector_data *right = *(const struct llm_vector_data *const *)b;
    const int64_t order = (int64_t)left->index - (int64_t)right->index;
    return order < 0 || (order == 0 && left < right) ? -1 : 1;
}

// In the order of their numbers, however they came.
static void write_vectors(llm_json_writer *w, const struct llm_response *r) {
    if (r->n_vectors == 0) {
        return;
    }
    const struct llm_vector_data **sorted = llm_mem_array(r->n_vectors, sizeof *sorted);
    if (sorted == NULL) {
        w->status = LLM_E_NOMEM;
        return;
    }
    for (size_t i = 0; i < r->n_vectors; i++) {
        sorted[i] = &r->vectors[i];
    }
    qsort(sorted, r->n_vectors, sizeof *sorted, by_index);
    llm_json_name(w, "embeddings");
    llm_json_array(w);
    for (size_t i = 0; i < r->n_vectors; i++) {
        llm_json_raw(w, llm_buf_str(&sorted[i]->json));
    }
    llm_json_array_end(w);
    llm_mem_free(sorted);
}

static void write_usage(llm_json_writer *w, const struct llm_response *r) {
    const llm_usage *u = &r->usage;
    llm_json_name(w, "usage");
    llm_json_object(w);
    count(w, "input_tokens", u->input_tokens);
    count(w, "output_tokens", u->output_tokens);
    count(w, "cache_read_tokens", u->cache_read_tokens);
    count(w, "cache_write_tokens", u->cache_write_tokens);
    count(w, "reasoning_tokens", u->reasoning_tokens);
    count(w, "audio_input_tokens", u->audio_input_tokens);
    count(w, "audio_output_tokens", u->audio_output_tokens);
    count(w, "images", u->images);
    if (u->milliseconds >= 0) {
        milliseconds(w, "seconds", u->milliseconds);
    }
    const struct {
        const char *name;
        int64_t value;
    } rare[] = {{"characters", u->characters},
                {"cache_write_1h_tokens", u->cache_write_1h_tokens},
                {"image_input_tokens", u->image_input_tokens},
                {"image_output_tokens", u->image_output_tokens},
                {"pages", u->pages},
                {"searches", u->searches}};
    for (size_t i = 0; i < sizeof rare / sizeof rare[0]; i++) {
        if (rare[i].value >= 0) {
            count(w, rare[i].name, rare[i].value);
        }
    }
    member_if(w, "tier", u->tier);
    member_if(w, "size", u->dimensions);
    member_if(w, "quality", u->quality);
    llm_json_name(w, "raw");
    llm_json_raw(w, u->raw);
    llm_json_object_end(w);
}

static const char *cost_source(uint32_t source) {
    return source == LLM_COST_PROVIDER ? "provider" : source == LLM_COST_CACHE ? "cache" : "catalogue";
}

static void write_cost(llm_json_writer *w, const struct llm_response *r) {
    char text[32];
    llm_json_name(w, "cost");
    if (r->cost < 0) {
        llm_json_null(w);
        return;
    }
    llm_json_object(w);
    llm_json_name(w, "usd");
    llm_json_cstring(w, llm_price_format(r->cost, text));
    count(w, "pico_usd", r->cost);
    llm_json_name(w, "source");
    llm_json_cstring(w, cost_source(r->cost_source));
    if (r->cost_source == LLM_COST_CATALOGUE) {
        const struct llm_price_applied *by = &r->cost_by;
        member_if(w, "tier", by->tier ? r->usage.tier : (llm_str){NULL, 0});
        member_if(w, "price_from", llm_str_from(by->from));
        if (by->above >= 0) {
            count(w, "above_input_tokens", by->above);
        }
    }
    llm_json_object_end(w);
}

// What did not have to be asked for again.
static void write_reuse(llm_json_writer *w, const struct llm_response *r) {
    char text[32];
    if (!r->cached) {
        return;
    }
    llm_json_name(w, "cached");
    llm_json_boolean(w, true);
    llm_json_name(w, "shared");
    llm_json_boolean(w, r->shared);
    llm_json_name(w, "saved");
    if (r->saved_cost < 0) {
        llm_json_null(w);
        return;
    }
    llm_json_object(w);
    llm_json_name(w, "usd");
    llm_json_cstring(w, llm_price_format(r->saved_cost, text));
    count(w, "pico_usd", r->saved_cost);
    llm_json_object_end(w);
}

static void write_attempt_facts(llm_json_writer *w, const struct llm_attempt *a) {
    char text[32];
    member_if(w, "key", a->key);
    if (a->waited_ms > 0) {
        count(w, "waited_ms", a->waited_ms);
    }
    if (a->hedge) {
        llm_json_name(w, "hedge");
        llm_json_boolean(w, true);
    }
    if (a->cost >= 0) {
        llm_json_name(w, "cost_usd");
        llm_json_cstring(w, llm_price_format(a->cost, text));
    }
}

static void write_attempts(llm_json_writer *w, const struct llm_response *r) {
    llm_json_name(w, "attempts");
    llm_json_array(w);
    for (const struct llm_attempt *a = r->attempts; a != NULL; a = a->next) {
        llm_json_object(w);
        member(w, "provider", a->provider);
        member(w, "model", a->model);
        llm_json_name(w, "status");
        llm_json_cstring(w, llm_status_name(a->status));
        count(w, "http_status", a->http_status != 0 ? (int64_t)a->http_status : -1);
        milliseconds(w, "ms", (int64_t)a->us);
        write_attempt_facts(w, a);
        llm_json_object_end(w);
    }
    llm_json_array_end(w);
}

static void write_warnings(llm_json_writer *w, const struct llm_response *r) {
    llm_json_name(w, "warnings");
    llm_json_array(w);
    for (const struct llm_note *note = r->warnings; note != NULL; note = note->next) {
        llm_json_object(w);
        member(w, "code", note->code);
        member(w, "param", note->param);
        member(w, "text", note->text);
        llm_json_object_end(w);
    }
    llm_json_array_end(w);
}

static void write_error(llm_json_writer *w, const llm_error *e) {
    const llm_str none = {NULL, 0};
    llm_json_name(w, "error");
    llm_json_object(w);
    llm_json_name(w, "code");
    llm_json_cstring(w, llm_status_name(e->status));
    member(w, "message", llm_str_from(e->message));
    member(w, "provider", e->provider[0] != '\0' ? llm_str_from(e->provider) : none);
    count(w, "http_status", e->http_status != 0 ? (int64_t)e->http_status : -1);
    count(w, "retry_after_ms", e->retry_after_ms);
    member(w, "provider_code", e->provider_code[0] != '\0' ? llm_str_from(e->provider_code) : none);
    member(w, "param", e->param[0] != '\0' ? llm_str_from(e->param) : none);
    member(w, "provider_request_id", e->request_id[0] != '\0' ? llm_str_from(e->request_id) : none);
    llm_json_object_end(w);
}

llm_status llm_response_json(const llm_response *r, char **ret_json, size_t *ret_len) {
    struct llm_buf buf = {.max = SIZE_MAX / 4};
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &buf);
    llm_json_object(&w);
    if (r->error.status != LLM_OK) {
        write_error(&w, &r->error);
    }
    member(&w, "id", r->id);
    member(&w, "operation", r->operation);
    member(&w, "provider", r->provider);
    member(&w, "model", r->model);
    member(&w, "provider_model", r->provider_model);
    write_choices(&w, r);
    write_blobs(&w, r);
    write_vectors(&w, r);
    for (const struct llm_note *kind = r->kinds; kind != NULL; kind = kind->next) {
        llm_json_name_str(&w, kind->code);
        llm_json_raw(&w, kind->text);
    }
    write_usage(&w, r);
    write_cost(&w, r);
    write_reuse(&w, r);
    milliseconds(&w, "latency_ms", llm_response_latency_us(r));
    milliseconds(&w, "first_token_ms", llm_response_first_token_us(r));
    write_attempts(&w, r);
    write_warnings(&w, r);
    member(&w, "provider_request_id", r->request_id);
    llm_json_name(&w, "truncated");
    llm_json_boolean(&w, r->truncated);
    if (r->raw.len > 0) {
        llm_json_name(&w, "raw");
        if (r->raw_is_list) {
            (void)llm_buf_puts(&buf, "[");
        }
        llm_json_raw(&w, llm_buf_str(&r->raw));
        if (r->raw_is_list) {
            (void)llm_buf_puts(&buf, "]");
        }
    }
    llm_debug_write(&w, r);
    llm_json_object_end(&w);
    char *json = w.status == LLM_OK ? llm_buf_take(&buf) : NULL;
    if (json == NULL) {
        llm_buf_done(&buf);
        return LLM_E_NOMEM;
    }
    *ret_json = json;
    if (ret_len != NULL) {
        *ret_len = strlen(json);
    }
    return LLM_OK;
}

const char *llm_response_get(const llm_response *r, const char *fact) {
    const struct llm_choice *choice = r->n_choices > 0 && r->choices[0].finished ? &r->choices[0] : NULL;
    const struct {
        const char *name;
        const char *value;
    } facts[] = {
        {"id", r->id.ptr},
        {"call_id", r->call_id.ptr},
        {"operation", r->operation.ptr},
        {"provider", r->provider.ptr},
        {"model", r->model.ptr},
        {"provider_model", r->provider_model.ptr},
        {"provider_request_id", r->request_id.ptr},
        {"finish_reason", choice != NULL ? llm_finish_name(choice) : NULL},
        {"native_finish_reason", choice != NULL ? choice->native.ptr : NULL},
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (fact != NULL && strcmp(fact, facts[i].name) == 0) {
            return facts[i].value;
        }
    }
    return NULL;
}
