// SPDX-License-Identifier: MIT
// TAP for test programs that run over data and do not use Check.
#ifndef LLM_TEST_TAP_H
#define LLM_TEST_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct tap {
    int run, failed;
};

/* One result; name and the reason (shown when it failed) are printf-like. */
static inline void tap_result(struct tap *tap, int ok, const char *name, const char *why, ...)
    __attribute__((format(printf, 4, 5)));
static inline void tap_result(struct tap *tap, int ok, const char *name, const char *why, ...) {
    va_list args;
    tap->run++;
    printf("%s %d - %s\n", ok ? "ok" : "not ok", tap->run, name);
    if (!ok) {
        tap->failed++;
        printf("# ");
        va_start(args, why);
        vprintf(why, args);
        va_end(args);
        printf("\n");
    }
}

static inline void tap_skip(struct tap *tap, const char *name, const char *reason) {
    tap->run++;
    printf("ok %d - %s # SKIP %s\n", tap->run, name, reason);
}

/* The plan, and the exit status. */
static inline int tap_done(struct tap *tap) {
    printf("1..%d\n", tap->run);
    fflush(stdout);
    return tap->failed == 0 ? 0 : 1;
}

#endif
