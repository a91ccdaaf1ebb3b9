// SPDX-License-Identifier: MIT
// What the benchmarks share: CPU time, medians, one line a figure.
#ifndef LLM_BENCH_H
#define LLM_BENCH_H

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int bench_missed;

static inline double bench_cpu_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static inline int bench_by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static inline double bench_median(double *values, size_t n) {
    qsort(values, n, sizeof *values, bench_by_value);
    return values[n / 2];
}

// name, value, goal, what stands beside it, "ok" or "MISSED".
static inline void bench_row(const char *name, double value, const char *unit, double goal,
                             const char *beside) {
    const int ok = value <= goal;
    bench_missed += ok ? 0 : 1;
    printf("%-46s %10.3f %-6s goal %8.2f  %-40s %s\n", name, value, unit, goal, beside, ok ? "ok" : "MISSED");
    (void)fflush(stdout);
}

// Both sides on one processor: between two, a wake-up costs more than the work.
static inline void bench_pin(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

#endif
