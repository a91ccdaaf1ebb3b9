// SPDX-License-Identifier: MIT
#include "fail_alloc.h"

#include <stdatomic.h>
#include <stdint.h>

// What the linker's --wrap calls the real ones, and what it calls instead of them.
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

static atomic_size_t asked;            // allocations so far
static atomic_size_t from = SIZE_MAX;  // the first that fails
static atomic_size_t until = SIZE_MAX; // the first after it that works
static atomic_size_t bytes;            // and their bytes
static atomic_bool failed;

static bool refuse(size_t size) {
    (void)atomic_fetch_add(&bytes, size);
    const size_t number = atomic_fetch_add(&asked, 1);
    const bool no = number >= atomic_load(&from) && number < atomic_load(&until);
    if (no) {
        atomic_store(&failed, true);
    }
    return no;
}

static void arm(size_t n, bool once) {
    const size_t first = atomic_load(&asked) + n;
    atomic_store(&failed, false);
    atomic_store(&until, once ? first + 1 : SIZE_MAX);
    atomic_store(&from, first);
}

void fail_alloc_after(size_t n) {
    arm(n, true);
}

void fail_alloc_from(size_t n) {
    arm(n, false);
}

bool fail_alloc_off(void) {
    atomic_store(&from, SIZE_MAX);
    return atomic_exchange(&failed, false);
}

size_t fail_alloc_bytes(void) {
    return atomic_load(&bytes);
}

size_t fail_alloc_count(void) {
    return atomic_load(&asked);
}

void *__wrap_malloc(size_t size) {
    return refuse(size) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return refuse(count * size) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size) {
    return refuse(size) ? NULL : __real_realloc(p, size);
}
