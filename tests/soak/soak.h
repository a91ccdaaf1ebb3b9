// SPDX-License-Identifier: MIT
// The soak: many calls for a long time against a simulator that fails now and then, and the sums at the end.
#ifndef LLM_SOAK_H
#define LLM_SOAK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "llm_master.h"

#define SOAK_THREADS_MAX 16
#define SOAK_OPEN_MAX 512 // calls under way in one thread

// What became of a call, as it is written to a file of its thread.
struct soak_record {
    uint64_t key;   // stands in the request's body
    int64_t cost;   // pico-USD; -1: unknown
    int32_t status; // of the end event
    uint8_t ends, freed, usage, attempts;
};

struct soak_load {
    llm_master *master;
    unsigned rate, threads; // calls a second, of all threads together
    char dir[512];          // where the records go
    uint32_t seed;
    atomic_bool stop;
    atomic_uint_least64_t next_key, started, ended, good, failed, cancelled, freed;
    atomic_uint_least64_t refused; // calls that did not begin
    atomic_uint_least64_t bad_ends;
    char refusal[1024]; // the first one's message
};

// Call for as long as `stop` is not set, then wait for what is under way.  Give false when a thread could not be started.
bool soak_load_start(struct soak_load *load);
void soak_load_join(struct soak_load *load);

// The sums at the end.
struct soak_sums {
    uint64_t records, good, good_without_answer, good_twice, wrong_cost, keys_twice;
    uint64_t answers, answers_complete;
    int64_t cost_here, cost_there; // of the calls that gave a cost: what they said, what the simulator sent
};

// records_dir: DIR/records.N of each thread; answers: the simulator's log.  false: a file cannot be read.
bool soak_oracle(const char *records_dir, unsigned threads, const char *answers, uint64_t keys,
                 struct soak_sums *ret);

// What a token costs, in pico-USD, and the models that cost it.
struct soak_price {
    const char *provider, *model;
    int64_t input, cached, output;
};
extern const struct soak_price soak_prices[2];

#endif
