// SPDX-License-Identifier: MIT
// Takes results out of answers.
#include "custom.h"

// Each thing that is found is handed to `give`.
struct taker {
    llm_job *job;
    const struct picks *picks;
    const llm_out *out;
    uint32_t channel;
};

// The length of the valid UTF-8 at the start of text, at most max bytes.
static size_t utf8_prefix(llm_str text, size_t max) {
    size_t n = 0;
    while (n < text.len) {
        int valid;
        const size_t len = llm_json_utf8_len(text.ptr + n, text.len - n, &valid);
        if (!valid || n + len > max) {
            break;
        }
        n += len;
    }
    return n;
}

// A decoded string that lives until the job is closed; a slice of the answer where it has no escapes.
static llm_status text_of(llm_job *job, llm_str v, llm_str *ret) {
    *ret = llm_json_plain(v);
    if (ret->ptr != NULL || llm_json_type(v) != '"') {
        return LLM_OK;
    }
    const size_t len = llm_json_decoded_len(v);
    char *text = custom_new(&job->arena, len);
    if (text == NULL) {
        return LLM_E_NOMEM;
    }
    *ret = (llm_str){text, llm_json_decode(v, text, len)};
    return LLM_OK;
}

static llm_status give_text(void *ctx, llm_str value) {
    const struct taker *t = ctx;
    return llm_json_text(value, t->out, CHOICE, t->channel);
}

static llm_status give_texts(struct taker *t, const struct view *view) {
    const struct picks *picks = t->picks;
    const struct paths *const channels[] = {&picks->content.from, &picks->reasoning, &picks->refusal};
    if (picks->content.is_data && view->text.len > 0) {
        if (utf8_prefix(view->text, view->text.len) != view->text.len) {
            return LLM_E_PROTOCOL;
        }
        TRY(t->out->text(t->out->ctx, CHOICE, LLM_TEXT_CONTENT, view->text.ptr, view->text.len));
    }
    for (t->channel = 0; t->channel < 3; t->channel++) {
        TRY(custom_paths_walk(view->doc, channels[t->channel], give_text, t));
    }
    return LLM_OK;
}

static llm_status give_identity(struct taker *t, llm_str doc) {
    llm_str model, id;
    TRY(text_of(t->job, custom_paths_get(doc, &t->picks->model), &model));
    TRY(text_of(t->job, custom_paths_get(doc, &t->picks->id), &id));
    return model.len + id.len > 0 ? t->out->identity(t->out->ctx, model.ptr, model.len, id.ptr, id.len)
                                  : LLM_OK;
}

static llm_status give_finish(struct taker *t, llm_str doc) {
    const llm_str value = custom_paths_get(doc, &t->picks->finish);
    uint32_t reason = LLM_FINISH_OTHER;
    llm_str native;
    if (value.ptr == NULL || t->job->is_finished) {
        return LLM_OK;
    }
    for (size_t i = 0; i < t->picks->finish_words.n; i++) {
        if (llm_json_is(value, t->picks->finish_words.list[i].name.ptr)) {
            reason = (uint32_t)t->picks->finish_words.list[i].value - 1;
        }
    }
    TRY(text_of(t->job, value, &native));
    if (native.ptr == NULL) { // a number, true
        native = value;
    }
    t->job->is_finished = true;
    return t->out->finish(t->out->ctx, CHOICE, reason, native.ptr, native.len);
}

// ---- usage

static bool gives_blobs(const struct picks *picks) {
    return picks->blobs.url.n + picks->blobs.base64.n > 0;
}

struct sum {
    int64_t total;
    bool found;
};

static llm_status add_count(void *ctx, llm_str value) {
    struct sum *sum = ctx;
    int64_t n;
    if (llm_json_int64(value, &n) && n >= 0 && sum->total <= INT64_MAX - n) {
        sum->total += n;
        sum->found = true;
    }
    return LLM_OK;
}

#define ONE_DOLLAR INT64_C(1000000000000)

// value x unit, the value to six decimals.
static int64_t cost_of(llm_str value, int64_t unit_pico_usd) {
    int64_t millionths;
    if (!llm_json_decimal(value, 6, &millionths) || millionths < 0) {
        return -1;
    }
    const int64_t whole = millionths / 1000000, rest = millionths % 1000000;
    if (whole > INT64_MAX / 2 / unit_pico_usd) {
        return -1;
    }
    return whole * unit_pico_usd + rest * (unit_pico_usd / 1000000) +
           rest * (unit_pico_usd % 1000000) / 1000000;
}

static llm_status give_usage(struct taker *t, llm_str doc) {
    const struct usage *usage = &t->picks->usage;
    llm_counts *counts = &t->job->counts;
    int64_t *const slots[] = {&counts->input_tokens,
                              &counts->output_tokens,
                              &counts->cache_read_tokens,
                              &counts->cache_write_tokens,
                              &counts->cache_write_1h_tokens,
                              &counts->reasoning_tokens,
                              &counts->audio_input_tokens,
                              &counts->audio_output_tokens,
                              &counts->images,
                              &counts->milliseconds,
                              &counts->characters};
    bool any = false;
    if (gives_blobs(t->picks) && usage->counts[COUNT_IMAGES].n == 0 && t->job->is_image) {
        counts->images = t->job->n_blobs;
        any = true;
    }
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        struct sum sum = {0, false};
        for (size_t k = 0; k < usage->counts[i].n; k++) {
            TRY(custom_path_walk(doc, &usage->counts[i].list[k], add_count, &sum));
        }
        *slots[i] = sum.found ? sum.total : *slots[i];
        any = any || sum.found;
    }
    const llm_str cost = custom_paths_get(doc, &usage->counts[COUNT_COST]);
    if (cost.ptr != NULL) {
        const int64_t unit = usage->cost_unit_pico_usd;
        counts->cost_pico_usd = cost_of(cost, unit > 0 ? unit : ONE_DOLLAR);
        any = any || counts->cost_pico_usd >= 0;
    }
    counts->raw = custom_paths_get(doc, &usage->raw);
    const llm_status status = any || counts->raw.ptr != NULL ? t->out->usage(t->out->ctx, counts) : LLM_OK;
    counts->raw = (llm_str){NULL, 0};
    return status;
}

// ---- lists

static llm_status give_blob(void *ctx, llm_str item) {
    struct taker *t = ctx;
    const struct blobs *blobs = &t->picks->blobs;
    llm_str url, base64, mime;
    TRY(text_of(t->job, custom_paths_get(item, &blobs->mime), &mime));
    TRY(text_of(t->job, custom_paths_get(item, &blobs->base64), &base64));
    TRY(text_of(t->job, custom_paths_get(item, &blobs->url), &url));
    mime = mime.len > 0 ? mime : blobs->default_mime;
    if (base64.len > 0) {
        return t->out->blob_base64(t->out->ctx, t->job->n_blobs++, mime.ptr, mime.len, base64.ptr, base64.len,
                                   1);
    }
    return url.len > 0
               ? t->out->blob_url(t->out->ctx, t->job->n_blobs++, mime.ptr, mime.len, url.ptr, url.len)
               : LLM_OK;
}

static llm_status give_vector(void *ctx, llm_str item) {
    struct taker *t = ctx;
    const llm_str vector = custom_paths_get(item, &t->picks->vectors.vector);
    return llm_json_type(vector) == '['
               ? t->out->vector_json(t->out->ctx, t->job->n_vectors++, vector.ptr, vector.len)
               : LLM_OK;
}

static llm_status give_tool(void *ctx, llm_str item) {
    struct taker *t = ctx;
    const struct tools *tools = &t->picks->tools;
    llm_str id, name, args = custom_paths_get(item, &tools->arguments);
    TRY(text_of(t->job, custom_paths_get(item, &tools->id), &id));
    TRY(text_of(t->job, custom_paths_get(item, &tools->name), &name));
    if (llm_json_type(args) == '"') {
        TRY(text_of(t->job, args, &args));
    }
    return t->out->tool(t->out->ctx, CHOICE, t->job->n_tools++, id.ptr, id.len, name.ptr, name.len, args.ptr,
                        args.len);
}

// Each item of a list; the answer itself when the description names no list.
static llm_status give_each(struct taker *t, llm_str doc, const struct paths *each, custom_found_fn give) {
    if (each->n == 0) {
        return doc.ptr != NULL ? give(t, doc) : LLM_OK;
    }
    return custom_paths_walk(doc, each, give, t);
}

llm_status custom_picks_give(llm_job *job, const struct picks *picks, const struct view *view,
                             const llm_out *out) {
    struct taker t = {job, picks, out, 0};
    TRY(give_identity(&t, view->doc));
    TRY(give_texts(&t, view));
    if (picks->tools.name.n > 0) {
        TRY(give_each(&t, view->doc, &picks->tools.each, give_tool));
    }
    if (gives_blobs(picks)) {
        TRY(give_each(&t, view->doc, &picks->blobs.each, give_blob));
    }
    if (picks->vectors.vector.n > 0) {
        TRY(give_each(&t, view->doc, &picks->vectors.each, give_vector));
    }
    TRY(give_usage(&t, view->doc));
    for (size_t i = 0; i < picks->kinds.n; i++) {
        const struct kind *kind = &picks->kinds.list[i];
        const llm_str value = custom_paths_get(view->doc, &kind->from);
        if (value.ptr != NULL) {
            TRY(out->json(out->ctx, kind->name.ptr, kind->name.len, value.ptr, value.len));
        }
    }
    return give_finish(&t, view->doc);
}

// ---- failures

// Copied: the answer is gone when the fault is read.  A number or an object as its JSON.
static llm_str copy_of(llm_str v, char *buf, size_t cap) {
    size_t n = llm_json_decode(v, buf, cap);
    if (v.ptr != NULL && n == SIZE_MAX) {
        n = utf8_prefix(v, cap);
        memcpy(buf, v.ptr, n);
    }
    return v.ptr == NULL ? (llm_str){NULL, 0} : (llm_str){buf, n};
}

static bool apply_rules(const struct errors *errors, const struct view *view, llm_fault *fault) {
    for (size_t i = 0; i < errors->rules.n; i++) {
        const struct rule *rule = &errors->rules.list[i];
        if (custom_holds(&rule->when, view)) {
            fault->code = -rule->is;
            fault->retry = (uint32_t)rule->retry;
            return true;
        }
    }
    return false;
}

void custom_fault_read(llm_job *job, const struct view *view, llm_fault *fault) {
    const struct errors *const own = &job->operation->errors, *const all = &job->instance->errors;
    const struct errors *const both[] = {own, all};
    for (size_t i = 0; i < 2; i++) {
        llm_str *const slots[] = {&fault->message, &fault->provider_code, &fault->param};
        const struct paths *const from[] = {&both[i]->message, &both[i]->code, &both[i]->param};
        char *const bufs[] = {job->message, job->code, job->param};
        const size_t caps[] = {sizeof job->message, sizeof job->code, sizeof job->param};
        for (size_t k = 0; k < 3; k++) {
            const llm_str found = custom_paths_get(view->doc, from[k]);
            if (found.ptr != NULL && slots[k]->ptr != bufs[k]) {
                *slots[k] = copy_of(found, bufs[k], caps[k]);
            }
        }
    }
    if (view->doc.ptr == NULL && fault->message.ptr != job->message && view->text.len > 0 &&
        view->text.ptr[0] != '<') {
        const size_t n = utf8_prefix(view->text, sizeof job->message);
        memcpy(job->message, view->text.ptr, n);
        fault->message = n > 0 ? (llm_str){job->message, n} : fault->message;
    }
    (void)(apply_rules(own, view, fault) || apply_rules(all, view, fault));
}
