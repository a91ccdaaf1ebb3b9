// SPDX-License-Identifier: MIT
// malloc() and getenv() of this program stand before the C library's: what the plugin's own code asks for is counted here.
#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#include "validator.h"

static uintptr_t watch_from, watch_to;
static _Atomic uint64_t counted;
static _Atomic int64_t live;
static _Atomic uint64_t fail_at;
static char asked[512];

void check_memory_watch(uintptr_t from, uintptr_t to) {
    watch_from = from;
    watch_to = to;
}

void check_memory_reset(uint64_t at) {
    atomic_store(&counted, 0);
    atomic_store(&live, 0);
    atomic_store(&fail_at, at);
}

uint64_t check_memory_count(void) {
    return atomic_load(&counted);
}

int64_t check_memory_live(void) {
    return atomic_load(&live);
}

const char *check_environment_report(void) {
    return asked;
}

#if LLM_SANITIZED || !defined(__GLIBC__)

bool check_memory_works(void) {
    return false;
}

#else

bool check_memory_works(void) {
    return true;
}

#define IS_PLUGIN                                                                                            \
    (watch_to != 0 && (uintptr_t)__builtin_return_address(0) >= watch_from &&                                \
     (uintptr_t)__builtin_return_address(0) < watch_to)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void __libc_free(void *p);

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);
char *getenv(const char *name);
char *secure_getenv(const char *name);

// Which blocks are the plugin's: whoever frees one may do so by a jump from its code, so that the caller's address tells nothing.
#define BLOCKS (1u << 16)
static void *blocks[BLOCKS];
static atomic_flag blocks_lock = ATOMIC_FLAG_INIT;

static void lock(void) {
    while (atomic_flag_test_and_set_explicit(&blocks_lock, memory_order_acquire)) {
    }
}

static void unlock(void) {
    atomic_flag_clear_explicit(&blocks_lock, memory_order_release);
}

static size_t slot(const void *p) {
    return (size_t)(((uintptr_t)p >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 48);
}

static void *add_block(void *p) {
    if (p == NULL) {
        return NULL;
    }
    lock();
    for (size_t i = slot(p), n = 0; n < BLOCKS; i = (i + 1) % BLOCKS, n++) {
        if (blocks[i] == NULL || blocks[i] == (void *)1) {
            blocks[i] = p;
            atomic_fetch_add(&live, 1);
            break;
        }
    }
    unlock();
    return p;
}

static bool take_block(const void *p) {
    bool found = false;
    lock();
    for (size_t i = slot(p), n = 0; n < BLOCKS && blocks[i] != NULL; i = (i + 1) % BLOCKS, n++) {
        if (blocks[i] == p) {
            blocks[i] = (void *)1; // was one: the search goes on behind it
            atomic_fetch_sub(&live, 1);
            found = true;
            break;
        }
    }
    unlock();
    return found;
}

static bool refuse(void) {
    return atomic_fetch_add(&counted, 1) + 1 == atomic_load(&fail_at);
}

void *malloc(size_t size) {
    if (IS_PLUGIN) {
        return refuse() ? NULL : add_block(__libc_malloc(size));
    }
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    if (IS_PLUGIN) {
        return refuse() ? NULL : add_block(__libc_calloc(count, size));
    }
    return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size) {
    if (watch_to == 0 || (p == NULL && !IS_PLUGIN)) {
        return __libc_realloc(p, size);
    }
    if (p != NULL && !take_block(p)) {
        return __libc_realloc(p, size);
    }
    if (size != 0 && refuse()) {
        (void)add_block(p);
        return NULL;
    }
    void *moved = __libc_realloc(p, size);
    if (moved == NULL && size != 0) {
        (void)add_block(p);
        return NULL;
    }
    return add_block(moved);
}

void free(void *p) {
    if (p != NULL && watch_to != 0) {
        (void)take_block(p);
    }
    __libc_free(p);
}

// ---- the environment -----------------------------------------------------------------------------------------------

static void note(const char *name) {
    const size_t len = strlen(asked), n = strlen(name);
    if (len + n + 3 < sizeof asked) {
        memcpy(asked + len, len > 0 ? ", " : "", len > 0 ? 2 : 0);
        memcpy(asked + len + (len > 0 ? 2 : 0), name, n + 1);
    }
}

extern char **environ;

static char *find(const char *name) {
    const size_t n = strlen(name);
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, name, n) == 0 && (*at)[n] == '=') {
            return *at + n + 1;
        }
    }
    return NULL;
}

char *getenv(const char *name) {
    if (IS_PLUGIN) {
        note(name);
    }
    return find(name);
}

char *secure_getenv(const char *name) {
    if (IS_PLUGIN) {
        note(name);
    }
    return find(name);
}

#endif
