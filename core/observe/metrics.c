// SPDX-License-Identifier: MIT
#include "observe/metrics.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "observe/exposition.h"

#define SLOTS (LLM_MAX_METRIC_SERIES * 2u) // a power of two, never more than half full

struct bound {
    uint64_t us;
    const char *text; // in seconds
};

// Upper bounds of the buckets: what OpenTelemetry's GenAI conventions advise.
static const struct bound duration_bounds[LLM_DURATION_BUCKETS - 1] = {
    {10000, "0.01"},     {20000, "0.02"},     {40000, "0.04"},     {80000, "0.08"},    {160000, "0.16"},
    {320000, "0.32"},    {640000, "0.64"},    {1280000, "1.28"},   {2560000, "2.56"},  {5120000, "5.12"},
    {10240000, "10.24"}, {20480000, "20.48"}, {40960000, "40.96"}, {81920000, "81.92"}};
static const struct bound first_bounds[LLM_FIRST_BUCKETS - 1] = {
    {1000, "0.001"},  {5000, "0.005"}, {10000, "0.01"},  {20000, "0.02"}, {40000, "0.04"},  {60000, "0.06"},
    {80000, "0.08"},  {100000, "0.1"}, {250000, "0.25"}, {500000, "0.5"}, {750000, "0.75"}, {1000000, "1"},
    {2500000, "2.5"}, {5000000, "5"},  {7500000, "7.5"}, {10000000, "10"}};

struct llm_metrics {
    _Atomic(struct llm_series *) slots[SLOTS];
    pthread_mutex_t lock;              // held while a series is added
    _Atomic size_t n_series, n_models; // written with the lock held
    struct llm_series *other;          // of everything: made first, so that counting cannot fail
    llm_counter plain[LLM_COUNT_PLAIN];
    llm_counter refused[LLM_STATUS_COUNT];
};

// ---- series --------------------------------------------------------------------------------------------------------

static uint64_t mix(uint64_t h, llm_str s) {
    while (s.len >= 8) {
        uint64_t word;
        memcpy(&word, s.ptr, 8);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
        s = llm_str_cut(s, 8);
    }
    uint64_t rest = s.len;
    for (size_t i = 0; i < s.len; i++) {
        rest = rest << 8 | (unsigned char)s.ptr[i];
    }
    h = (h ^ rest) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

static char *place(char *at, llm_str *label, llm_str s) {
    memcpy(at, s.len > 0 ? s.ptr : "", s.len);
    *label = (llm_str){at, s.len};
    return at + s.len;
}

static struct llm_series *series_new(llm_str provider, llm_str operation, llm_str model, uint64_t hash) {
    struct llm_series *series = llm_mem_new(sizeof *series + provider.len + operation.len + model.len + 1);
    if (series != NULL) {
        series->hash = hash;
        char *at = place(series->text, &series->provider, provider);
        at = place(at, &series->operation, operation);
        (void)place(at, &series->model, model);
    }
    return series;
}

struct llm_metrics *llm_metrics_new(void) {
    struct llm_metrics *metrics = llm_mem_new(sizeof *metrics);
    if (metrics == NULL) {
        return NULL;
    }
    const llm_str other = LLM_STR(LLM_OTHER_LABEL);
    (void)pthread_mutex_init(&metrics->lock, NULL);
    metrics->other = series_new(other, other, other, 0);
    if (metrics->other == NULL) {
        llm_metrics_free(metrics);
        return NULL;
    }
    return metrics;
}

void llm_metrics_free(struct llm_metrics *metrics) {
    if (metrics == NULL) {
        return;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        llm_mem_free(atomic_load_explicit(&metrics->slots[i], memory_order_relaxed));
    }
    llm_mem_free(metrics->other);
    (void)pthread_mutex_destroy(&metrics->lock);
    llm_mem_free(metrics);
}

// The series, or NULL and the slot where it belongs.
static struct llm_series *look_up(struct llm_metrics *metrics, llm_str provider, llm_str operation,
                                  llm_str model, uint64_t hash, size_t *ret_slot) {
    for (size_t slot = hash % SLOTS;; slot = (slot + 1) % SLOTS) {
        struct llm_series *series = atomic_load_explicit(&metrics->slots[slot], memory_order_acquire);
        *ret_slot = slot;
        if (series == NULL ||
            (series->hash == hash && llm_str_eq(series->model, model) &&
             llm_str_eq(series->provider, provider) && llm_str_eq(series->operation, operation))) {
            return series;
        }
    }
}

static bool is_full(struct llm_metrics *metrics, bool own_model) {
    return atomic_load_explicit(&metrics->n_series, memory_order_relaxed) >= LLM_MAX_METRIC_SERIES ||
           (own_model &&
            atomic_load_explicit(&metrics->n_models, memory_order_relaxed) >= LLM_MAX_METRIC_MODELS);
}

static struct llm_series *find(struct llm_metrics *metrics, llm_str provider, llm_str operation,
                               llm_str model) {
    const uint64_t hash = mix(mix(mix(0, provider), operation), model);
    const bool own_model = !llm_str_is(model, LLM_OTHER_LABEL);
    size_t slot;
    struct llm_series *series = look_up(metrics, provider, operation, model, hash, &slot);
    if (series != NULL || is_full(metrics, own_model)) {
        return series;
    }
    (void)pthread_mutex_lock(&metrics->lock);
    series = look_up(metrics, provider, operation, model, hash, &slot); // another thread may have been first
    if (series == NULL && !is_full(metrics, own_model)) {
        series = series_new(provider, operation, model, hash);
        if (series != NULL) {
            metrics->n_series++;
            metrics->n_models += own_model ? 1 : 0;
            atomic_store_explicit(&metrics->slots[slot], series, memory_order_release);
        }
    }
    (void)pthread_mutex_unlock(&metrics->lock);
    return series;
}

struct llm_series *llm_metrics_series(struct llm_metrics *metrics, llm_str provider, llm_str operation,
                                      llm_str model) {
    struct llm_series *series = find(metrics, provider, operation, model);
    if (series == NULL) {
        series = find(metrics, provider, operation, LLM_STR(LLM_OTHER_LABEL));
    }
    return series != NULL ? series : metrics->other;
}

// ---- counting ------------------------------------------------------------------------------------------------------

void llm_metrics_count(struct llm_metrics *metrics, enum llm_plain_counter which, uint64_t n) {
    llm_count(&metrics->plain[which], n);
}

void llm_metrics_refused(struct llm_metrics *metrics, llm_status status) {
    llm_count(&metrics->refused[llm_status_index(status)], 1);
}

static size_t bucket_of(const struct bound *bounds, size_t n, uint64_t us) {
    size_t i = 0;
    while (i < n && us > bounds[i].us) {
        i++;
    }
    return i;
}

void llm_series_duration(struct llm_series *series, uint64_t us) {
    llm_count(&series->duration[bucket_of(duration_bounds, LLM_DURATION_BUCKETS - 1, us)], 1);
    llm_count(&series->duration_us, us);
}

void llm_series_first(struct llm_series *series, uint64_t us) {
    llm_count(&series->first[bucket_of(first_bounds, LLM_FIRST_BUCKETS - 1, us)], 1);
    llm_count(&series->first_us, us);
}

// ---- text ----------------------------------------------------------------------------------------------------------

struct labels { // of a sample: those of its series, and one more
    llm_header list[4];
};

static struct labels labels_of(const struct llm_series *s) {
    return (struct labels){{{LLM_STR_INIT("provider"), s->provider},
                            {LLM_STR_INIT("operation"), s->operation},
                            {LLM_STR_INIT("model"), s->model}}};
}

static uint64_t value_of(const llm_counter *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct view { // the series there are, in order
    struct llm_series *list[LLM_MAX_METRIC_SERIES + 1];
    size_t n;
};

static int compare(llm_str a, llm_str b) {
    const size_t n = a.len < b.len ? a.len : b.len;
    const int order = memcmp(a.ptr, b.ptr, n);
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int by_labels(const void *a, const void *b) {
    const struct llm_series *x = *(struct llm_series *const *)a, *y = *(struct llm_series *const *)b;
    int order = compare(x->provider, y->provider);
    order = order != 0 ? order : compare(x->operation, y->operation);
    return order != 0 ? order : compare(x->model, y->model);
}

static bool is_used(const struct llm_series *series) {
    uint64_t n = value_of(&series->started);
    for (size_t i = 0; i < LLM_STATUS_COUNT; i++) {
        n += value_of(&series->calls[i]) + value_of(&series->attempts[i]);
    }
    return n > 0;
}

static void by_status(struct llm_exposition *e, const struct view *view, size_t offset) {
    for (size_t i = 0; i < view->n; i++) {
        const llm_counter *counters =
            (const llm_counter *)(const void *)((const char *)view->list[i] + offset);
        struct labels labels = labels_of(view->list[i]);
        for (size_t k = 0; k < LLM_STATUS_COUNT; k++) {
            const uint64_t value = value_of(&counters[k]);
            labels.list[3] = (llm_header){LLM_STR("status"), llm_str_from(llm_status_name(-(llm_status)k))};
            if (value > 0) {
                llm_exposition_sample(e, "", labels.list, 4, value);
            }
        }
    }
}

static void single(struct llm_exposition *e, const struct view *view, size_t offset) {
    for (size_t i = 0; i < view->n; i++) {
        const llm_counter *counter =
            (const llm_counter *)(const void *)((const char *)view->list[i] + offset);
        llm_exposition_sample(e, "", labels_of(view->list[i]).list, 3, value_of(counter));
    }
}

static void in_flight(struct llm_exposition *e, const struct view *view) {
    for (size_t i = 0; i < view->n; i++) {
        const struct llm_series *s = view->list[i];
        const uint64_t ended = value_of(&s->ended), started = value_of(&s->started);
        llm_exposition_sample(e, "", labels_of(s).list, 3, started > ended ? started - ended : 0);
    }
}

static void tokens(struct llm_exposition *e, const struct view *view) {
    static const char *const names[LLM_TOKENS_COUNT] = {
        "input", "output", "cache_read", "cache_write", "reasoning", "audio_input", "audio_output"};
    for (size_t i = 0; i < view->n; i++) {
        struct labels labels = labels_of(view->list[i]);
        for (size_t k = 0; k < LLM_TOKENS_COUNT; k++) {
            const uint64_t value = value_of(&view->list[i]->tokens[k]);
            labels.list[3] = (llm_header){LLM_STR("class"), llm_str_from(names[k])};
            if (value > 0 || k <= LLM_TOKENS_OUTPUT) {
                llm_exposition_sample(e, "", labels.list, 4, value);
            }
        }
    }
}

static void cost(struct llm_exposition *e, const struct view *view) {
    for (size_t i = 0; i < view->n; i++) {
        struct labels labels = labels_of(view->list[i]);
        for (size_t k = 0; k < 2; k++) {
            labels.list[3] =
                (llm_header){LLM_STR("source"), k == 0 ? LLM_STR("catalogue") : LLM_STR("provider")};
            llm_exposition_decimal(e, "", labels.list, 4, value_of(&view->list[i]->cost[k]), 12);
        }
    }
}

static void histogram(struct llm_exposition *e, const struct view *view, size_t offset,
                      const struct bound *bounds, size_t n) {
    for (size_t i = 0; i < view->n; i++) {
        const llm_counter *buckets =
            (const llm_counter *)(const void *)((const char *)view->list[i] + offset);
        struct labels labels = labels_of(view->list[i]);
        uint64_t count = 0;
        for (size_t k = 0; k <= n; k++) {
            labels.list[3] = (llm_header){LLM_STR("le"), llm_str_from(k < n ? bounds[k].text : "+Inf")};
            count += value_of(&buckets[k]);
            llm_exposition_sample(e, "_bucket", labels.list, 4, count);
        }
        llm_exposition_decimal(e, "_sum", labels.list, 3, value_of(&buckets[n + 1]),
                               6); // it stands behind them
        llm_exposition_sample(e, "_count", labels.list, 3, count);
    }
}

#define IN_SERIES(member) offsetof(struct llm_series, member)

static void write_series(struct llm_exposition *e, const struct view *view) {
    llm_exposition_family(e, "llm_master_calls_total", "counter", "Calls that ended, by outcome.");
    by_status(e, view, IN_SERIES(calls));
    llm_exposition_family(e, "llm_master_calls_in_flight", "gauge", "Calls under way.");
    in_flight(e, view);
    llm_exposition_family(e, "llm_master_attempts_total", "counter", "Attempts that ended, by outcome.");
    by_status(e, view, IN_SERIES(attempts));
    llm_exposition_family(e, "llm_master_retries_total", "counter",
                          "Attempts that repeated the one before at the same place.");
    single(e, view, IN_SERIES(retries));
    llm_exposition_family(e, "llm_master_fallbacks_total", "counter",
                          "Attempts that went to another model or provider.");
    single(e, view, IN_SERIES(fallbacks));
    llm_exposition_family(e, "llm_master_hedges_total", "counter", "Attempts that raced another one.");
    single(e, view, IN_SERIES(hedges));
    llm_exposition_family(e, "llm_master_tokens_total", "counter",
                          "Tokens by class; input and output hold the other classes.");
    tokens(e, view);
    llm_exposition_family(e, "llm_master_cost_usd_total", "counter", "Cost in USD, exact to 12 decimals.");
    cost(e, view);
    llm_exposition_family(e, "llm_master_calls_unpriced_total", "counter",
                          "Calls that were answered and whose cost is unknown.");
    single(e, view, IN_SERIES(unpriced));
    llm_exposition_family(e, "llm_master_call_duration_seconds", "histogram",
                          "From the start of a call to its end.");
    histogram(e, view, IN_SERIES(duration), duration_bounds, LLM_DURATION_BUCKETS - 1);
    llm_exposition_family(e, "llm_master_first_token_seconds", "histogram",
                          "From the start of a call to its first output.");
    histogram(e, view, IN_SERIES(first), first_bounds, LLM_FIRST_BUCKETS - 1);
}

static const struct {
    const char *name, *help;
    unsigned decimals;
} plain[LLM_COUNT_PLAIN] = {
    [LLM_COUNT_LIMIT_WAITS] = {"llm_master_limit_waits_total", "Attempts that waited for a limit.", 0},
    [LLM_COUNT_LIMIT_WAIT_US] = {"llm_master_limit_wait_seconds_total", "Time that was waited for limits.",
                                 6},
    [LLM_COUNT_LIMIT_REFUSALS] = {"llm_master_limit_refusals_total", "Attempts that a limit refused.", 0},
    [LLM_COUNT_BREAKER_OPENS] = {"llm_master_breaker_opens_total", "Times that a circuit breaker opened.", 0},
    [LLM_COUNT_LEDGER_LOST] = {"llm_master_ledger_rows_lost_total", "Rows that could not be written.", 0},
    [LLM_COUNT_CACHE_HITS] = {"llm_master_cache_hits_total", "Calls that the cache answered.", 0},
    [LLM_COUNT_SHARED] = {"llm_master_shared_total", "Calls that got the answer of another one under way.",
                          0},
    [LLM_COUNT_RELOADS] = {"llm_master_reloads_total", "Reloads that took effect.", 0},
    [LLM_COUNT_RELOADS_FAILED] = {"llm_master_reloads_failed_total", "Reloads that changed nothing.", 0},
    [LLM_COUNT_LOG_DROPPED] = {"llm_master_log_records_dropped_total", "Log records that were lost or cut.",
                               0},
};

static void write_plain(struct llm_exposition *e, struct llm_metrics *metrics) {
    llm_exposition_family(e, "llm_master_calls_refused_total", "counter",
                          "Calls that were refused before they began.");
    for (size_t k = 1; k < LLM_STATUS_COUNT; k++) {
        const llm_header label = {LLM_STR("status"), llm_str_from(llm_status_name(-(llm_status)k))};
        const uint64_t value = value_of(&metrics->refused[k]);
        if (value > 0) {
            llm_exposition_sample(e, "", &label, 1, value);
        }
    }
    for (size_t i = 0; i < LLM_COUNT_PLAIN; i++) {
        llm_exposition_family(e, plain[i].name, "counter", plain[i].help);
        llm_exposition_decimal(e, "", NULL, 0, value_of(&metrics->plain[i]), plain[i].decimals);
    }
}

llm_status llm_metrics_write(struct llm_metrics *metrics, struct llm_buf *text) {
    struct view *view = llm_mem_new(sizeof *view);
    struct llm_exposition e = {.text = text};
    if (view == NULL) {
        return LLM_E_NOMEM;
    }
    for (size_t i = 0; i < SLOTS && view->n < LLM_MAX_METRIC_SERIES; i++) {
        struct llm_series *series = atomic_load_explicit(&metrics->slots[i], memory_order_acquire);
        if (series != NULL && is_used(series)) {
            view->list[view->n++] = series;
        }
    }
    if (is_used(metrics->other)) {
        view->list[view->n++] = metrics->other;
    }
    qsort(view->list, view->n, sizeof view->list[0], by_labels);
    write_series(&e, view);
    write_plain(&e, metrics);
    llm_mem_free(view);
    return e.status;
}
