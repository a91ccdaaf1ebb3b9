// SPDX-License-Identifier: MIT
// What the simulator says it sent, and what the calls say they got: added up apart from each other, in whole numbers.
#include "soak.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

const struct soak_price soak_prices[2] = {{"alpha", "alpha-1", 150000, 75000, 600000},
                                          {"beta", "beta-1", 50000, 50000, 80000}};

struct key {
    uint32_t answers, complete, records;
    int64_t cost; // of the last answer with a usage
};

static int64_t number(const cJSON *note, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(note, name);
    return item != NULL ? (int64_t)item->valuedouble : 0;
}

static int64_t cost_of(const cJSON *note) {
    const struct soak_price *price = &soak_prices[number(note, "price")];
    const int64_t input = number(note, "input"), cached = number(note, "cached");
    return (input - cached) * price->input + cached * price->cached + number(note, "output") * price->output;
}

static void take_answer(struct key *keys, uint64_t n_keys, const char *line, struct soak_sums *sums) {
    cJSON *json = cJSON_Parse(line);
    const cJSON *key = cJSON_GetObjectItemCaseSensitive(json, "key");
    const cJSON *note = cJSON_GetObjectItemCaseSensitive(json, "note");
    const bool complete = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "complete"));
    uint64_t number = 0;
    for (const char *p = cJSON_IsString(key) ? key->valuestring : ""; *p >= '0' && *p <= '9'; p++) {
        number = number * 10 + (uint64_t)(*p - '0');
    }
    sums->answers++;
    if (number > 0 && number < n_keys && cJSON_IsObject(note)) {
        keys[number].answers++;
        keys[number].complete += complete ? 1 : 0;
        keys[number].cost = cost_of(note);
        sums->answers_complete += complete ? 1 : 0;
    }
    cJSON_Delete(json);
}

static void take_record(struct key *keys, uint64_t n_keys, const struct soak_record *r,
                        struct soak_sums *sums) {
    if (r->key == 0 || r->key >= n_keys) {
        return;
    }
    struct key *key = &keys[r->key];
    sums->records++;
    sums->keys_twice += key->records++ > 0 ? 1 : 0;
    if (r->status == LLM_OK && !r->freed) {
        sums->good++;
        sums->good_without_answer += key->complete == 0 ? 1 : 0;
        sums->good_twice += key->complete > 1 ? 1 : 0;
    }
    if (r->usage) { // also of a call that was cancelled or freed behind it
        // A call that is freed has no end: what it cost is known to the ledger only.
        sums->cost_here += r->freed ? key->cost : r->cost;
        sums->cost_there += key->cost;
        sums->wrong_cost += !r->freed && r->cost != key->cost ? 1 : 0;
    }
}

bool soak_oracle(const char *dir, unsigned threads, const char *answers, uint64_t n_keys,
                 struct soak_sums *sums) {
    struct key *keys = calloc(n_keys, sizeof *keys);
    FILE *file = fopen(answers, "r");
    char *line = NULL;
    size_t cap = 0;
    if (keys == NULL || file == NULL) {
        free(keys);
        return false;
    }
    while (getline(&line, &cap, file) > 0) {
        take_answer(keys, n_keys, line, sums);
    }
    free(line);
    (void)fclose(file);
    for (unsigned i = 0; i < threads; i++) {
        char path[600];
        struct soak_record record;
        (void)snprintf(path, sizeof path, "%s/records.%u", dir, i);
        file = fopen(path, "rb");
        while (file != NULL && fread(&record, sizeof record, 1, file) == 1) {
            take_record(keys, n_keys, &record, sums);
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    free(keys);
    return true;
}
