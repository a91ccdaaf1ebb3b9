// SPDX-License-Identifier: MIT
#include "sim_timer.h"

#include <stdlib.h>
#include <time.h>

uint64_t llm_sim_now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void put(struct llm_sim_timers *timers, struct llm_sim_timer *timer, size_t index) {
    timers->heap[index] = timer;
    timer->index = index;
}

static void move_up(struct llm_sim_timers *timers, struct llm_sim_timer *timer, size_t index) {
    while (index > 1 && timers->heap[index / 2]->due_us > timer->due_us) {
        put(timers, timers->heap[index / 2], index);
        index /= 2;
    }
    put(timers, timer, index);
}

static void move_down(struct llm_sim_timers *timers, struct llm_sim_timer *timer, size_t index) {
    while (index * 2 <= timers->n) {
        size_t below = index * 2;
        below += below < timers->n && timers->heap[below + 1]->due_us < timers->heap[below]->due_us;
        if (timers->heap[below]->due_us >= timer->due_us) {
            break;
        }
        put(timers, timers->heap[below], index);
        index = below;
    }
    put(timers, timer, index);
}

bool llm_sim_timer_set(struct llm_sim_timers *timers, struct llm_sim_timer *timer, uint64_t due_us) {
    llm_sim_timer_clear(timers, timer);
    if (timers->n + 2 > timers->cap) {
        const size_t cap = timers->cap == 0 ? 64 : timers->cap * 2;
        struct llm_sim_timer **heap = realloc(timers->heap, cap * sizeof *heap);
        if (heap == NULL) {
            return false;
        }
        timers->heap = heap;
        timers->cap = cap;
    }
    timer->due_us = due_us;
    move_up(timers, timer, ++timers->n);
    return true;
}

void llm_sim_timer_clear(struct llm_sim_timers *timers, struct llm_sim_timer *timer) {
    const size_t index = timer->index;
    if (index == 0) {
        return;
    }
    timer->index = 0;
    struct llm_sim_timer *last = timers->heap[timers->n--];
    if (last == timer) {
        return;
    }
    if (index > 1 && timers->heap[index / 2]->due_us > last->due_us) {
        move_up(timers, last, index);
    } else {
        move_down(timers, last, index);
    }
}

struct llm_sim_timer *llm_sim_timer_first(const struct llm_sim_timers *timers) {
    return timers->n == 0 ? NULL : timers->heap[1];
}

void llm_sim_timers_done(struct llm_sim_timers *timers) {
    free(timers->heap);
    *timers = (struct llm_sim_timers){0};
}
