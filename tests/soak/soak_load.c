// SPDX-License-Identifier: MIT
// Threads that call: one with llm_query(), the others each with a loop.  Some calls are cancelled or freed at a random event.
#include "soak.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROMPT_BYTES 4096

struct worker;

struct guest {
    struct worker *worker;
    struct guest *next_free;
    llm_call *call;
    struct soak_record record;
    uint32_t events, cancel_at, free_at;
};

struct worker {
    struct soak_load *load;
    pthread_t thread;
    unsigned number;
    uint32_t seed;
    llm_loop *loop; // NULL: llm_query()
    FILE *records;
    struct guest guests[SOAK_OPEN_MAX], *free_guests;
    size_t open;
    char body[PROMPT_BYTES + 512];
};

static struct worker *workers[SOAK_THREADS_MAX];

static uint32_t roll(struct worker *w, uint32_t n) {
    w->seed = w->seed * 1664525u + 1013904223u;
    return (w->seed >> 8) % n;
}

static uint64_t now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

// ---- the end of a call ------------------------------------------------------------------------------------------------

static void count_end(struct soak_load *load, const struct soak_record *r) {
    atomic_fetch_add(&load->ended, 1);
    atomic_fetch_add(r->status == LLM_OK            ? &load->good
                     : r->status == LLM_E_CANCELLED ? &load->cancelled
                                                    : &load->failed,
                     1);
    if (r->ends != 1) {
        atomic_fetch_add(&load->bad_ends, 1);
    }
}

static void take_response(struct soak_record *record, const llm_response *response) {
    record->cost = llm_response_cost(response, NULL);
    record->usage = llm_response_usage(response)->output_tokens >= 0;
}

static void give_back(struct guest *guest) {
    struct worker *w = guest->worker;
    (void)fwrite(&guest->record, sizeof guest->record, 1, w->records);
    guest->next_free = w->free_guests;
    w->free_guests = guest;
    w->open--;
}

static void on_end(struct guest *guest, const llm_event *event) {
    llm_response *response = NULL;
    guest->record.ends++;
    guest->record.status = event->status;
    if (guest->call == NULL) { // llm_query(): its caller looks
        return;
    }
    if (llm_call_response(guest->call, &response) == LLM_OK) {
        take_response(&guest->record, response);
        llm_response_free(response);
    }
    count_end(guest->worker->load, &guest->record);
    llm_call_free(guest->call);
    give_back(guest);
}

static llm_status on_event(void *ctx, llm_call *call, const llm_event *event) {
    struct guest *guest = ctx;
    if (guest->record.ends > 0 || guest->record.freed) {
        atomic_fetch_add(&guest->worker->load->bad_ends, 1);
        return LLM_OK;
    }
    if (event->type == LLM_EVENT_END) {
        on_end(guest, event);
        return LLM_OK;
    }
    guest->events++;
    if (guest->events == guest->cancel_at) {
        llm_call_cancel(call);
    }
    if (guest->events == guest->free_at && guest->call != NULL) {
        llm_response *response = NULL; // what it cost so far
        if (llm_call_response(call, &response) == LLM_OK) {
            take_response(&guest->record, response);
            llm_response_free(response);
        }
        guest->record.freed = 1;
        atomic_fetch_add(&guest->worker->load->freed, 1);
        llm_call_free(call);
        give_back(guest);
    }
    return LLM_OK;
}

// ---- the beginning ----------------------------------------------------------------------------------------------------

static struct guest *take(struct worker *w) {
    struct guest *guest = w->free_guests;
    if (guest == NULL) {
        return NULL;
    }
    w->free_guests = guest->next_free;
    w->open++;
    *guest = (struct guest){.worker = w};
    guest->record.key = atomic_fetch_add(&w->load->next_key, 1);
    guest->record.cost = -1;
    const uint32_t mood = roll(w, 200);
    guest->cancel_at = mood < 4 ? 1 + roll(w, 8) : 0;
    guest->free_at = mood == 4 ? 1 + roll(w, 8) : 0;
    return guest;
}

static llm_query_args make_args(struct worker *w, struct guest *guest) {
    static const char *const fallbacks[] = {"beta-1", NULL};
    static const char *const tags[] = {"team-a", "team-b", "team-c", NULL};
    const bool stream = roll(w, 2) == 0;
    char prompt[PROMPT_BYTES];
    const size_t n = 16 + roll(w, PROMPT_BYTES - 32);
    memset(prompt, 'a', n);
    prompt[n] = '\0';
    const int len =
        snprintf(w->body, sizeof w->body,
                 "{\"model\":\"%s\",\"stream\":%s,\"user\":\"%llu\",\"messages\":[{\"role\":\"user\","
                 "\"content\":\"%s\"}]}",
                 roll(w, 4) == 0 ? "beta-1" : "alpha-1", stream ? "true" : "false",
                 (unsigned long long)guest->record.key, prompt);
    return (llm_query_args){LLM_QUERY_INIT,
                            .flags = (stream ? LLM_QUERY_STREAM : 0u) | LLM_QUERY_COLLECT,
                            .body = {w->body, (size_t)len},
                            .first_byte_timeout_ms = 5000,
                            .idle_timeout_ms = 5000,
                            .total_timeout_ms = 20000,
                            .tag = tags[roll(w, 4)],
                            .fallbacks = fallbacks,
                            .on_event = on_event,
                            .ctx = guest};
}

static void refuse(struct worker *w, struct guest *guest, llm_status status, const llm_error *err) {
    if (atomic_fetch_add(&w->load->refused, 1) == 0) {
        (void)snprintf(w->load->refusal, sizeof w->load->refusal, "%s: %s", llm_status_name(status),
                       err->message);
    }
    guest->record.status = status;
    guest->next_free = w->free_guests;
    w->free_guests = guest;
    w->open--;
}

static void begin_one(struct worker *w) {
    struct guest *guest = take(w);
    llm_error err = LLM_ERROR_INIT;
    if (guest == NULL) { // more than SOAK_OPEN_MAX are under way: wait
        return;
    }
    const llm_query_args args = make_args(w, guest);
    if (w->loop != NULL) {
        const llm_status status = llm_call_start(w->loop, &args, &guest->call, &err);
        if (status != LLM_OK) {
            refuse(w, guest, status, &err);
            return;
        }
        atomic_fetch_add(&w->load->started, 1);
        return;
    }
    llm_response *response = NULL;
    guest->free_at = 0;
    const llm_status status = llm_query(w->load->master, &args, &response, &err);
    if (response == NULL && guest->record.ends == 0) {
        refuse(w, guest, status, &err);
        return;
    }
    atomic_fetch_add(&w->load->started, 1);
    take_response(&guest->record, response);
    count_end(w->load, &guest->record);
    llm_response_free(response);
    give_back(guest);
}

static void wait_until(struct worker *w, uint64_t at) {
    const uint64_t now = now_us();
    const int ms = at > now ? (int)((at - now + 999) / 1000) : 0;
    if (w->loop != NULL) {
        (void)llm_loop_run(w->loop, ms);
        return;
    }
    const struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    (void)nanosleep(&nap, NULL);
}

static void *worker_main(void *arg) {
    struct worker *w = arg;
    struct soak_load *load = w->load;
    const uint64_t gap = 1000000ull * load->threads / load->rate;
    uint64_t next = now_us() + gap * w->number / load->threads;
    while (!atomic_load(&load->stop)) {
        wait_until(w, next);
        while (next <= now_us() && !atomic_load(&load->stop)) {
            begin_one(w);
            next += gap / 2 + roll(w, (uint32_t)gap);
        }
    }
    for (int i = 0; i < 1200 && w->open > 0; i++) {
        (void)llm_loop_run(w->loop, 50);
    }
    llm_loop_free(w->loop); // what is left gets its end event: counted
    (void)fclose(w->records);
    return NULL;
}

static bool start_one(struct soak_load *load, unsigned i) {
    char path[600];
    struct worker *w = calloc(1, sizeof *w);
    workers[i] = w;
    if (w == NULL) {
        return false;
    }
    w->load = load;
    w->number = i;
    w->seed = load->seed * 7919u + i;
    for (size_t k = 0; k < SOAK_OPEN_MAX; k++) {
        w->guests[k].next_free = w->free_guests;
        w->free_guests = &w->guests[k];
    }
    (void)snprintf(path, sizeof path, "%s/records.%u", load->dir, i);
    w->records = fopen(path, "wb");
    return w->records != NULL && (i == 0 || llm_loop_new(load->master, NULL, &w->loop, NULL) == LLM_OK) &&
           pthread_create(&w->thread, NULL, worker_main, w) == 0;
}

bool soak_load_start(struct soak_load *load) {
    for (unsigned i = 0; i < load->threads; i++) {
        if (!start_one(load, i)) {
            return false;
        }
    }
    return true;
}

void soak_load_join(struct soak_load *load) {
    for (unsigned i = 0; i < load->threads; i++) {
        (void)pthread_join(workers[i]->thread, NULL);
        free(workers[i]);
    }
}
