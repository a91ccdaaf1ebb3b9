// SPDX-License-Identifier: MIT
// Counters and histograms of one master.  Counting takes no lock and allocates nothing once a series is there; labels are bounded: a
// model beyond LLM_MAX_METRIC_MODELS is counted as "other".  docs/observe.md describes every metric.
#ifndef LLM_OBSERVE_METRICS_H
#define LLM_OBSERVE_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

#define LLM_OTHER_LABEL "other" // stands for what had no place of its own

#define LLM_STATUS_COUNT 23u     // LLM_OK and each LLM_E_*
#define LLM_DURATION_BUCKETS 15u // 14 bounds and what lies above
#define LLM_FIRST_BUCKETS 17u    // 16 bounds and what lies above

enum llm_token_class {
    LLM_TOKENS_INPUT, // all input, the cached and the audio part included
    LLM_TOKENS_OUTPUT,
    LLM_TOKENS_CACHE_READ,
    LLM_TOKENS_CACHE_WRITE,
    LLM_TOKENS_REASONING,
    LLM_TOKENS_AUDIO_INPUT,
    LLM_TOKENS_AUDIO_OUTPUT,
    LLM_TOKENS_COUNT,
};

typedef _Atomic uint64_t llm_counter;

// What is counted for one provider, operation and model.  Its members are added to with llm_count().
struct llm_series {
    llm_str provider, operation, model;
    uint64_t hash;
    llm_counter calls[LLM_STATUS_COUNT], attempts[LLM_STATUS_COUNT]; // by -status
    llm_counter retries, fallbacks, hedges;
    llm_counter tokens[LLM_TOKENS_COUNT];
    llm_counter cost[2]; // pico-USD: by the catalogue, stated by the provider
    llm_counter unpriced;
    llm_counter duration[LLM_DURATION_BUCKETS], duration_us;
    llm_counter first[LLM_FIRST_BUCKETS], first_us;
    llm_counter started, ended; // their difference is under way
    char text[];                // of the labels
};

// What has no labels.  Whoever sees it happen counts it with llm_metrics_count().
enum llm_plain_counter {
    LLM_COUNT_LIMIT_WAITS,
    LLM_COUNT_LIMIT_WAIT_US,
    LLM_COUNT_LIMIT_REFUSALS,
    LLM_COUNT_BREAKER_OPENS,
    LLM_COUNT_LEDGER_LOST, // rows that a ledger could not write before it was given up
    LLM_COUNT_CACHE_HITS,
    LLM_COUNT_SHARED, // calls that got the answer of another under way
    LLM_COUNT_RELOADS,
    LLM_COUNT_RELOADS_FAILED,
    LLM_COUNT_LOG_DROPPED,
    LLM_COUNT_PLAIN,
};

struct llm_metrics;

struct llm_metrics *llm_metrics_new(void); // NULL: out of memory
void llm_metrics_free(struct llm_metrics *metrics);

// [any] The series of these labels, made at first use.  Never NULL: where there is no place or no memory, it is that of "other".
// Valid until llm_metrics_free().
struct llm_series *llm_metrics_series(struct llm_metrics *metrics, llm_str provider, llm_str operation,
                                      llm_str model);

static inline void llm_count(llm_counter *counter, uint64_t n) {
    (void)atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

// [any]
void llm_metrics_count(struct llm_metrics *metrics, enum llm_plain_counter which, uint64_t n);

// [any] A call that was refused before it began.
void llm_metrics_refused(struct llm_metrics *metrics, llm_status status);

// [any] Put a time into a series.
void llm_series_duration(struct llm_series *series, uint64_t us);
void llm_series_first(struct llm_series *series, uint64_t us);

// Index in an array of LLM_STATUS_COUNT.
static inline size_t llm_status_index(llm_status status) {
    const size_t index = status < 0 ? (size_t) - (int64_t)status : 0;
    return index < LLM_STATUS_COUNT ? index : LLM_STATUS_COUNT - 1;
}

// [any] All of it as Prometheus text (exposition format 0.0.4), put behind what is in `text`; series in the order of their labels.
llm_status llm_metrics_write(struct llm_metrics *metrics, struct llm_buf *text);

#endif
