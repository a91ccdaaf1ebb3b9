// SPDX-License-Identifier: MIT
// Admit: limits are reserved before an attempt and settled after it.  docs/policies.md is the operator's page of this file.
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "call/call.h"
#include "catalog/price.h"
#include "llm_json.h"

#define BYTES_PER_TOKEN 3u   // of JSON: English has four and more, code three, Chinese three
#define MEDIA_TOKENS 1024    // an image, a sound or a document
#define MEDIA_BYTES 1024u    // a string of base64 that is longer than this is one
#define DATA_HEAD_BYTES 256u // of a data URL, to its comma
#define SAMPLES 16u
#define SAMPLE_BYTES 64u
#define SECONDS_GUESSED 60 // of sound, when it cannot be known before
#define TOKENS_MAX INT64_C(1000000000000)
#define REPORT_BYTES_MAX (64u << 20)
#define COUNT_MAX 1000 // "n" of a request

// ---- the estimate ------------------------------------------------------------------------------------------

static bool is_base64(const char *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char c = p[i];
        const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        c == '+' || c == '/' || c == '_' || c == '-' || c == '=' || c == '\\';
        if (!ok) {
            return false;
        }
    }
    return true;
}

// Bytes between two quotes: a data URL, or base64 by itself?  Looked at in places, so that text which only begins so is none.
static bool is_media(const char *p, size_t n) {
    if (n <= MEDIA_BYTES) {
        return false;
    }
    if (memcmp(p, "data:", 5) == 0) {
        const char *comma = memchr(p, ',', DATA_HEAD_BYTES);
        if (comma == NULL) {
            return false;
        }
        n -= (size_t)(comma + 1 - p);
        p = comma + 1;
    }
    for (size_t i = 0; i <= SAMPLES; i++) {
        if (!is_base64(p + (n - SAMPLE_BYTES) / SAMPLES * i, SAMPLE_BYTES)) {
            return false;
        }
    }
    return true;
}

// Input tokens: one for each BYTES_PER_TOKEN of the request's JSON, MEDIA_TOKENS for each file in it or beside it.
static int64_t input_tokens(const struct llm_call *call) {
    const llm_str request = call->job_args.request;
    size_t bytes = request.len, media = call->job_args.n_attachments;
    llm_str rest = request;
    while (rest.len > MEDIA_BYTES) {
        const char *quote = memchr(rest.ptr, '"', rest.len);
        if (quote == NULL) {
            break;
        }
        const size_t n = (size_t)(quote - rest.ptr);
        if (is_media(rest.ptr, n)) {
            bytes -= n;
            media++;
        }
        rest = llm_str_cut(rest, n + 1);
    }
    return (int64_t)((bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN) + (int64_t)media * MEDIA_TOKENS;
}

// A whole number among the request's members; otherwise when there is none.
static int64_t number_of(const struct llm_call *call, const char *name, int64_t max, int64_t otherwise) {
    int64_t value;
    if (!llm_json_int64(llm_gate_get(&call->gate, name), &value) || value < 0) {
        return otherwise;
    }
    return value < max ? value : max;
}

static bool writes_tokens(llm_str operation) {
    static const char *const silent[] = {"embeddings",    "rerank", "moderation",
                                         "transcription", "models", "speech"};
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        if (llm_str_is(operation, silent[i])) {
            return false;
        }
    }
    return true;
}

// Output tokens: what the request allows (the most of its members: who knows which one the provider obeys), else the model's maximum or admission.output_tokens, whichever is less; for each choice.
static int64_t output_tokens(const struct llm_call *call) {
    static const char *const names[] = {"max_completion_tokens", "max_tokens", "max_output_tokens"};
    const struct llm_model *model = call->route.model;
    int64_t tokens = -1;
    if (!writes_tokens(call->job_args.operation)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const int64_t allowed = number_of(call, names[i], TOKENS_MAX, -1);
        tokens = allowed > tokens ? allowed : tokens;
    }
    if (tokens < 0) {
        tokens = call->snapshot->settings.limits.output_tokens;
        if (model != NULL && model->output_tokens_max >= 0 && model->output_tokens_max < tokens) {
            tokens = model->output_tokens_max;
        }
    }
    return tokens * number_of(call, "n", COUNT_MAX, 1);
}

static int64_t price_of(const struct llm_call *call, const llm_usage *usage) {
    const struct llm_model *model = call->route.model;
    return model != NULL && model->price.known
               ? llm_price_cost(&model->price, usage, call->started_us / 1000000, NULL)
               : -1;
}

// So many tokens, and the units of the operation.
static llm_usage estimated_usage(const struct llm_call *call, int64_t input, int64_t output, int64_t images) {
    const llm_str operation = call->job_args.operation;
    llm_usage usage;
    llm_usage_clear(&usage);
    usage.input_tokens = input;
    usage.output_tokens = output;
    usage.tier = llm_json_plain(llm_gate_get(&call->gate, "service_tier"));
    usage.dimensions = llm_json_plain(llm_gate_get(&call->gate, "size"));
    usage.quality = llm_json_plain(llm_gate_get(&call->gate, "quality"));
    if (llm_str_starts(operation, LLM_STR("image"))) {
        usage.images = images;
    } else if (llm_str_is(operation, "speech")) {
        const llm_str text = llm_gate_get(&call->gate, "input");
        usage.characters = text.len > 2 ? (int64_t)text.len - 2 : 0;
    } else if (llm_str_is(operation, "transcription")) {
        usage.milliseconds = SECONDS_GUESSED * 1000;
    }
    return usage;
}

// ---- what is asked for -----------------------------------------------------------------------------------------

static void values_of(const struct llm_call *call, llm_str values[LLM_LIMIT_SIDES]) {
    values[LLM_LIMIT_TAG] = call->tag;
    values[LLM_LIMIT_PROVIDER] = call->route.provider->name;
    values[LLM_LIMIT_MODEL] = call->route.provider_model;
    values[LLM_LIMIT_KEY] = call->key != NULL ? call->key->name : call->route.provider->name;
}

static bool fits(const struct llm_limit *limit, const llm_str *values) {
    for (size_t i = 0; i < LLM_LIMIT_SIDES; i++) {
        if (limit->patterns[i].ptr != NULL && !llm_str_glob(limit->patterns[i], values[i])) {
            return false;
        }
    }
    return true;
}

// LLM_E_LIMIT: it has no price.
static llm_status amount_of(struct llm_call *call, const struct llm_limit *limit, int64_t *ret) {
    struct llm_admission *a = &call->admission;
    *ret = 1;
    if (limit->kind == LLM_LIMIT_REQUESTS || limit->kind == LLM_LIMIT_CONCURRENCY) {
        return LLM_OK;
    }
    if (a->input_tokens < 0) {
        a->input_tokens = input_tokens(call);
        a->output_tokens = output_tokens(call);
    }
    *ret = a->input_tokens + a->output_tokens;
    if (limit->kind == LLM_LIMIT_TOKENS) {
        return LLM_OK;
    }
    const llm_usage usage =
        estimated_usage(call, a->input_tokens, a->output_tokens, number_of(call, "n", COUNT_MAX, 1));
    *ret = price_of(call, &usage);
    if (*ret < 0 && !limit->unpriced) {
        return llm_call_fail(
            call, LLM_E_LIMIT,
            "%.*s has no price, and the limit of money for %.*s needs one: give it a price in "
            "models.d, or set \"unpriced\": \"allow\" in the limit",
            LLM_FMT(call->route.provider_model), LLM_FMT(limit->name));
    }
    *ret = *ret < 0 ? 0 : *ret;
    return LLM_OK;
}

static llm_status want(struct llm_call *call, const struct llm_limit *list, size_t n, const llm_str *values) {
    for (size_t i = 0; i < n; i++) {
        int64_t amount;
        if (!fits(&list[i], values)) {
            continue;
        }
        llm_status status = amount_of(call, &list[i], &amount);
        if (status == LLM_OK && llm_limits_want(&call->admission.wait, &list[i], amount) != LLM_OK) {
            status = llm_call_fail(call, LLM_E_NOMEM, "out of memory");
        }
        if (status != LLM_OK) {
            return status;
        }
    }
    return LLM_OK;
}

static void woken(struct llm_wait *wait) {
    llm_call_attend((struct llm_call *)(void *)((char *)wait - offsetof(struct llm_call, admission.wait)));
}

static llm_status begin(struct llm_call *call, const llm_str *values) {
    struct llm_admission *a = &call->admission;
    const struct llm_limit_settings *settings = &call->snapshot->settings.limits;
    const struct llm_model *model = call->route.model;
    a->wait.n_takes = 0;
    a->wait.wake = woken;
    a->input_tokens = a->output_tokens = -1;
    llm_status status = want(call, settings->list, settings->count, values);
    if (status == LLM_OK && model != NULL) {
        status = want(call, model->limits, model->n_limits, values);
    }
    const uint64_t max_us = (uint64_t)a->max_wait_ms * 1000;
    const uint64_t until = llm_clock_us() + (max_us > a->waited_us ? max_us - a->waited_us : 0);
    a->wait.until_us = a->max_wait_ms == 0 ? 0 : until < call->total_until_us ? until : call->total_until_us;
    return status;
}

// ---- steps -------------------------------------------------------------------------------------------------------

static enum llm_step_name admitted(struct llm_call *call) {
    call->admission.admitted = true;
    call->phase = LLM_PHASE_NONE;
    return LLM_STEP_ENCODE;
}

static void count_wait(struct llm_call *call, bool is_first, llm_status status) {
    struct llm_admission *a = &call->admission;
    const uint64_t now = llm_clock_us();
    const uint64_t wait_us = now > a->wait.since_us ? now - a->wait.since_us : 0;
    a->waited_us += wait_us;
    llm_call_observe_limit_over(call, !is_first, wait_us, status);
}

static enum llm_step_name pause(struct llm_call *call, uint64_t at_us, bool is_first) {
    call->step = LLM_STEP_ADMIT;
    call->wait_until_us = at_us;
    llm_call_phase(call, LLM_PHASE_TURN);
    if (is_first) {
        llm_call_observe_limit_wait(call);
        const uint64_t now = llm_clock_us();
        const uint64_t wait_ms = at_us > now ? (at_us - now + 999) / 1000 : 0;
        if (llm_call_emit(call, &(llm_event){.type = LLM_EVENT_PROGRESS, .wait_ms = wait_ms}) != LLM_OK) {
            llm_loop_queue(call); // the host has had enough
        }
    }
    return LLM_STEP_PAUSE;
}

enum llm_step_name llm_call_admit(struct llm_call *call) {
    struct llm_admission *a = &call->admission;
    const struct llm_model *model = call->route.model;
    const bool is_first = !a->asked;
    llm_str values[LLM_LIMIT_SIDES] = {{0}};
    uint64_t at_us = 0;
    if (is_first) {
        a->admitted = a->sent = a->has_usage = false;
        a->output_bytes = 0;
        a->blobs = 0;
        if (call->snapshot->settings.limits.count == 0 && (model == NULL || model->n_limits == 0)) {
            return LLM_STEP_ENCODE;
        }
        values_of(call, values);
        const llm_status status = begin(call, values);
        if (status != LLM_OK || a->wait.n_takes == 0) {
            call->outcome = status != LLM_OK ? status : call->outcome;
            return status != LLM_OK ? LLM_STEP_DECIDE : LLM_STEP_ENCODE;
        }
    }
    const llm_status status =
        llm_limits_ask(call->loop->master->limits, &a->wait, values, &at_us, &call->error);
    a->asked = status == LLM_OK || status == LLM_AGAIN;
    if (status == LLM_AGAIN) {
        return pause(call, at_us, is_first);
    }
    count_wait(call, is_first, status);
    if (status == LLM_OK) {
        return admitted(call);
    }
    call->phase = LLM_PHASE_NONE;
    llm_error_text(call->error.provider, sizeof call->error.provider, call->route.provider->name);
    call->outcome = status;
    return LLM_STEP_DECIDE;
}

static bool counts_hits(const struct llm_limit *limit) {
    const bool of_caller =
        limit->patterns[LLM_LIMIT_TAG].ptr != NULL || (limit->each & 1u << LLM_LIMIT_TAG) != 0;
    return limit->kind == LLM_LIMIT_REQUESTS && of_caller;
}

llm_status llm_call_admit_hit(struct llm_call *call) {
    const struct llm_limit_settings *settings = &call->snapshot->settings.limits;
    struct llm_limits *limits = call->loop->master->limits;
    struct llm_wait *wait = &call->admission.wait;
    llm_str values[LLM_LIMIT_SIDES];
    const int64_t used[LLM_LIMIT_KINDS] = {[LLM_LIMIT_REQUESTS] = 1};
    uint64_t at_us = 0;
    llm_status status = LLM_OK;
    wait->n_takes = 0;
    wait->until_us = 0; // it does not wait
    values_of(call, values);
    for (size_t i = 0; i < settings->count && status == LLM_OK; i++) {
        if (counts_hits(&settings->list[i]) && fits(&settings->list[i], values)) {
            status = llm_limits_want(wait, &settings->list[i], 1);
        }
    }
    if (status == LLM_OK && wait->n_takes > 0) {
        status = llm_limits_ask(limits, wait, values, &at_us, &call->error);
        if (status == LLM_OK) {
            (void)llm_limits_settle(limits, wait, used, false);
        }
    }
    if (status != LLM_OK && call->error.status == LLM_OK) {
        (void)llm_call_fail(call, status, "out of memory");
    }
    return status;
}

void llm_call_admit_see(struct llm_call *call, const llm_event *event) {
    struct llm_admission *a = &call->admission;
    a->has_usage = a->has_usage || event->type == LLM_EVENT_USAGE;
    a->output_bytes += event->type == LLM_EVENT_TEXT || event->type == LLM_EVENT_TOOL ? event->text.len : 0;
    a->blobs += event->type == LLM_EVENT_BLOB && event->last != 0 ? 1 : 0;
}

// ---- what it came to ------------------------------------------------------------------------------------------------

static int64_t seen_tokens(const struct llm_admission *a) {
    return (int64_t)((a->output_bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN);
}

// What is reserved of a kind; -1: no limit of this kind holds.
static int64_t held(const struct llm_admission *a, enum llm_limit_kind kind) {
    for (size_t i = 0; i < a->wait.n_takes; i++) {
        if (a->wait.takes[i].counter->kind == kind) {
            return a->wait.takes[i].amount;
        }
    }
    return -1;
}

// A cost that cannot be said counts as it was reserved; nobody asks what none of the limits is about.
static int64_t cost_or_held(const struct llm_call *call, const llm_usage *usage, bool *is_estimate) {
    const int64_t reserved = held(&call->admission, LLM_LIMIT_MONEY);
    if (reserved < 0 || call->response->stated_cost >= 0) {
        return reserved < 0 ? 0 : call->response->stated_cost;
    }
    const int64_t pico_usd = price_of(call, usage);
    *is_estimate = *is_estimate || pico_usd < 0;
    return pico_usd < 0 ? reserved : pico_usd;
}

// As the provider says; what it does not say, and what a cut answer has more in it than the last count said, by what came.
// true: a part is estimated.
static bool use_reported(const struct llm_call *call, int64_t *tokens, int64_t *pico_usd) {
    const struct llm_admission *a = &call->admission;
    const struct llm_response *r = call->response;
    llm_usage usage = r->usage;
    const bool is_more = (call->outcome < 0 && usage.output_tokens < seen_tokens(a)) ||
                         (usage.output_tokens < 0 && seen_tokens(a) > 0);
    const bool is_partial = is_more || usage.input_tokens < 0;
    usage.output_tokens = is_more ? seen_tokens(a) : usage.output_tokens;
    *tokens = (usage.input_tokens >= 0 ? usage.input_tokens : a->input_tokens) +
              (usage.output_tokens >= 0 ? usage.output_tokens : 0);
    bool is_estimate = is_partial;
    *pico_usd = cost_or_held(call, &usage, &is_estimate);
    return is_estimate;
}

// By what was sent and what came.
static void use_estimate(const struct llm_call *call, int64_t *tokens, int64_t *pico_usd) {
    const struct llm_admission *a = &call->admission;
    const int64_t output = writes_tokens(call->job_args.operation) ? seen_tokens(a) : 0;
    *tokens = a->input_tokens + output;
    bool is_estimate = true;
    const llm_usage usage = estimated_usage(call, a->input_tokens, output, (int64_t)a->blobs);
    *pico_usd = cost_or_held(call, &usage, &is_estimate);
}

void llm_call_admit_over(struct llm_call *call) {
    struct llm_admission *a = &call->admission;
    if (!a->asked) {
        return;
    }
    a->asked = false;
    if (!a->sent || (call->stage == LLM_STAGE_NONE && call->exchanges == 0)) { // as if it had never been
        llm_limits_cancel(call->loop->master->limits, &a->wait);
        return;
    }
    // Given up by us, who cannot know what it did meanwhile; a failure that the provider told, or of the way to it, did nothing.
    const bool is_unknown = call->outcome == LLM_E_CANCELLED || call->outcome == LLM_E_TIMEOUT;
    int64_t tokens = 0, pico_usd = 0;
    bool is_estimate = false;
    a->input_tokens = a->input_tokens < 0 ? 0 : a->input_tokens;
    if (a->has_usage) {
        is_estimate = use_reported(call, &tokens, &pico_usd);
    } else if (call->outcome >= 0 || a->output_bytes > 0 || a->blobs > 0 || is_unknown) {
        is_estimate = true;
        use_estimate(call, &tokens, &pico_usd);
    }
    const int64_t used[LLM_LIMIT_KINDS] = {
        [LLM_LIMIT_REQUESTS] = 1, [LLM_LIMIT_TOKENS] = tokens, [LLM_LIMIT_MONEY] = pico_usd};
    if (llm_limits_settle(call->loop->master->limits, &a->wait, used, is_estimate)) {
        (call->racing != NULL ? call->racing : call)->estimated = true;
    }
}

void llm_call_admit_cancel(struct llm_call *call) {
    struct llm_admission *a = &call->admission;
    if (a->asked && !a->admitted) {
        a->asked = false;
        llm_limits_cancel(call->loop->master->limits, &a->wait);
    }
}

// ---- the master ---------------------------------------------------------------------------------------------------

llm_status llm_master_limits(struct llm_master *master, const struct llm_snapshot *snapshot) {
    const struct llm_limit_settings *settings = &snapshot->settings.limits;
    size_t n = settings->count, at = 0;
    for (size_t i = 0; i < snapshot->n_models; i++) {
        n += snapshot->models[i].n_limits;
    }
    const struct llm_limit **list = llm_mem_array(n + 1, sizeof *list);
    if (list == NULL) {
        return LLM_E_NOMEM;
    }
    for (size_t i = 0; i < settings->count; i++) {
        list[at++] = &settings->list[i];
    }
    for (size_t i = 0; i < snapshot->n_models; i++) {
        for (size_t k = 0; k < snapshot->models[i].n_limits; k++) {
            list[at++] = &snapshot->models[i].limits[k];
        }
    }
    const llm_status status = llm_limits_configure(master->limits, list, n);
    llm_mem_free(list);
    return status;
}

llm_status llm_master_describe_limits(struct llm_master *master, const struct llm_snapshot *snapshot,
                                      char **ret, size_t *ret_len, llm_error *err) {
    const struct llm_limit_settings *settings = &snapshot->settings.limits;
    struct llm_buf text = {.max = REPORT_BYTES_MAX};
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &text);
    llm_json_array(&w);
    llm_limits_report(master->limits, settings->list, settings->count, &w);
    llm_json_array_end(&w);
    if (w.status != LLM_OK) {
        llm_buf_done(&text);
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    *ret_len = text.len;
    *ret = llm_buf_take(&text);
    return LLM_OK;
}
