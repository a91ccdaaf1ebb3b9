// SPDX-License-Identifier: MIT
#include "state/ledger.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

#define CHUNK_ROWS 256u    // places that are allocated at once
#define LINGER_MS 10u      // rows that nobody waits for are gathered that long
#define BACKOFF_MIN_MS 50u // after the first failure
#define BACKOFF_MAX_MS 1000u
#define GRACE_MS 500u // for a store that was interrupted

enum writer { AWAKE, IDLE, LINGERING }; // what the writer does; set AWAKE by whoever wakes it

struct chunk {
    struct chunk *next;
    struct llm_ledger_row rows[CHUNK_ROWS];
};

struct llm_ledger {
    struct llm_ledger_options options;
    struct llm_ledger_settings settings; // its texts are copies
    char *texts[3];
    void *page;
    _Atomic uint32_t *alive; // in the page, which is zeros in a forked child; NULL: the system cannot do that
    pid_t pid;
    pthread_mutex_t lock; // guards everything down to `reason`
    pthread_cond_t work, done;
    struct llm_ledger_row *free_rows, *first, *last; // first, last: the queue
    struct chunk *chunks;
    size_t n_rows, n_used;              // places, and those that are not free
    uint64_t queued, written, failures; // rows ever committed, and of these safe
    uint64_t urgent;                    // do not linger before so many are written
    enum writer writer;
    bool failing, stop, ended, orphan;
    uint64_t stop_us;
    char reason[512];
    _Atomic uint32_t acknowledge_ms;
    atomic_bool mute;       // the host's log is gone
    llm_host host;          // our own: it lasts as long as the writer
    pthread_mutex_t notify; // held while safe() is called
    pthread_t thread;
    llm_store *_Atomic store; // the writer's; NULL: to be opened
};

static bool is_forked(const struct llm_ledger *ledger) {
    return ledger->alive != NULL ? atomic_load_explicit(ledger->alive, memory_order_relaxed) == 0
                                 : ledger->pid != getpid();
}

static void say(const struct llm_ledger *ledger, int32_t level, const char *line) {
    if (ledger->options.log != NULL && !atomic_load(&ledger->mute)) {
        ledger->options.log(ledger->options.ctx, level, line);
    }
}

static struct timespec when(uint64_t us) {
    return (struct timespec){.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
}

// ---- what the store gets ---------------------------------------------------------------------------------------------

static const void *LLM_CALL host_interface(void *ctx, const char *id) {
    (void)ctx;
    (void)id;
    return NULL;
}

static void LLM_CALL host_log(void *ctx, int32_t level, const char *msg, size_t len) {
    char line[512];
    (void)snprintf(line, sizeof line, "ledger: %.*s", LLM_FMT(((llm_str){msg, len})));
    say(ctx, level, line);
}

static void *LLM_CALL host_alloc(void *ctx, void *old, size_t size) {
    (void)ctx;
    if (size == 0) {
        llm_mem_free(old);
        return NULL;
    }
    return llm_mem_resize(old, size);
}

static void make_host(struct llm_ledger *ledger) {
    ledger->host = (llm_host){.size = (uint32_t)sizeof ledger->host,
                              .abi_minor = LLM_ABI_MINOR,
                              .ctx = ledger,
                              .name = "llm-master",
                              .version = LLM_MASTER_VERSION,
                              .get_interface = host_interface,
                              .log = host_log,
                              .alloc = host_alloc};
}

// ---- the store -----------------------------------------------------------------------------------------------------

static llm_status open_store(const llm_store_descriptor *store, const struct llm_ledger_settings *settings,
                             const llm_host *host, uint32_t flags, llm_store **ret, llm_store_fault *fault) {
    const llm_store_args args = {
        .size = (uint32_t)sizeof args,
        .flags = flags | (settings->built_in_path ? LLM_STORE_MAKE : 0u),
        .path = settings->path,
        .config = settings->config,
        .wait_ms = settings->wait_ms,
        .host = host,
    };
    *fault = (llm_store_fault){.size = (uint32_t)sizeof *fault};
    const llm_status status = store->open(&args, ret, fault);
    fault->message[sizeof fault->message - 1] = '\0';
    if (status < 0 && fault->message[0] == '\0') {
        (void)snprintf(fault->message, sizeof fault->message, "%s", llm_status_name(status));
    }
    return status;
}

llm_status llm_ledger_open(const llm_store_descriptor *store, const struct llm_ledger_settings *settings,
                           const llm_host *host, bool read, llm_store **ret, llm_error *err) {
    llm_store_fault fault;
    const llm_status status = open_store(store, settings, host, read ? LLM_STORE_READ : 0u, ret, &fault);
    if (status >= 0) {
        return LLM_OK;
    }
    return status == LLM_E_NOMEM ? llm_fail(err, status, "out of memory")
                                 : llm_fail(err, LLM_E_CONFIG, "ledger: %s", fault.message);
}

static void close_store(struct llm_ledger *ledger) {
    (void)pthread_mutex_lock(&ledger->lock);
    llm_store *store =
        atomic_exchange(&ledger->store, NULL); // under the lock: nobody interrupts what is gone
    (void)pthread_mutex_unlock(&ledger->lock);
    if (store != NULL) {
        ledger->options.store->close(store);
    }
}

static llm_status append(struct llm_ledger *ledger, const llm_store_row *const *rows, size_t n,
                         llm_store_fault *fault) {
    const llm_store_descriptor *d = ledger->options.store;
    llm_store *store = atomic_load(&ledger->store);
    llm_status status = LLM_OK;
    *fault = (llm_store_fault){.size = (uint32_t)sizeof *fault};
    if (store == NULL) {
        status = open_store(d, &ledger->settings, &ledger->host, 0, &store, fault);
        if (status < 0) {
            return status;
        }
        atomic_store(&ledger->store, store);
    }
    status = d->append(store, rows, n, fault);
    fault->message[sizeof fault->message - 1] = '\0';
    if (status < 0 && fault->message[0] == '\0') {
        (void)snprintf(fault->message, sizeof fault->message, "%s", llm_status_name(status));
    }
    if (status < 0 && status != LLM_E_OVERLOADED) {
        close_store(ledger);
    }
    return status;
}

// ---- the writer ------------------------------------------------------------------------------------------------------

static bool past_stop(const struct llm_ledger *ledger) {
    return ledger->stop && llm_clock_us() >= ledger->stop_us;
}

// The lock is held.  false: there is nothing more to do, for ever.
static bool wait_for_work(struct llm_ledger *ledger) {
    while (ledger->first == NULL && !ledger->stop) {
        ledger->writer = IDLE;
        (void)pthread_cond_wait(&ledger->work, &ledger->lock);
    }
    ledger->writer = AWAKE;
    if (ledger->first == NULL) {
        return false;
    }
    const struct timespec until = when(llm_clock_us() + LINGER_MS * 1000u);
    int late = 0;
    while (late == 0 && !ledger->stop && ledger->urgent <= ledger->written &&
           ledger->queued - ledger->written < LLM_MAX_LEDGER_BATCH) {
        ledger->writer = LINGERING;
        late = pthread_cond_timedwait(&ledger->work, &ledger->lock, &until);
    }
    ledger->writer = AWAKE;
    return true;
}

// Wait before the next try; the lock is held.
static void back_off(struct llm_ledger *ledger, uint32_t ms) {
    uint64_t until = llm_clock_us() + ms * 1000u;
    int late = 0;
    while (late == 0) {
        until = ledger->stop && ledger->stop_us < until ? ledger->stop_us : until;
        const struct timespec at = when(until);
        late = llm_clock_us() >= until ? 1 : pthread_cond_timedwait(&ledger->work, &ledger->lock, &at);
    }
}

static void tell_waiters(struct llm_ledger *ledger, struct llm_ledger_row *first, size_t n) {
    (void)pthread_mutex_lock(&ledger->notify);
    for (struct llm_ledger_row *row = first;; row = row->next) {
        void *waiter = atomic_exchange(&row->waiter, NULL);
        if (waiter != NULL) {
            ledger->options.safe(waiter);
        }
        if (--n == 0) { // what is behind the last one changes without this lock
            break;
        }
    }
    (void)pthread_mutex_unlock(&ledger->notify);
}

// The first n rows of the queue are safe: their places are free.  The lock is held.
static void release(struct llm_ledger *ledger, struct llm_ledger_row *last, size_t n) {
    struct llm_ledger_row *first = ledger->first;
    ledger->first = last->next;
    ledger->last = ledger->first != NULL ? ledger->last : NULL;
    last->next = ledger->free_rows;
    ledger->free_rows = first;
    ledger->n_used -= n;
    ledger->written += n;
    (void)pthread_cond_broadcast(&ledger->done);
}

// A change of weather; the lock is held, and let go while the host's log is called.
static void note(struct llm_ledger *ledger, bool failing, const char *reason) {
    char line[768];
    const bool changed = ledger->failing != failing;
    const uint64_t waiting = ledger->queued - ledger->written;
    const bool queue = ledger->settings.queue;
    ledger->failing = failing;
    ledger->failures += failing ? 1 : 0;
    if (failing) {
        (void)snprintf(ledger->reason, sizeof ledger->reason, "%s", reason);
    }
    if (!changed) {
        return;
    }
    (void)pthread_mutex_unlock(&ledger->lock);
    if (failing) {
        (void)snprintf(line, sizeof line, "ledger: %s; %llu rows wait in memory, and %s", reason,
                       (unsigned long long)waiting, queue ? "calls go on" : "calls are refused");
        say(ledger, LLM_LOG_ERROR, line);
    } else {
        (void)snprintf(line, sizeof line, "ledger: rows are written again");
        say(ledger, LLM_LOG_WARN, line);
    }
    (void)pthread_mutex_lock(&ledger->lock);
}

// One group to the store.  The lock is held, but not while the store works.  false: the store said no.
static bool write_group(struct llm_ledger *ledger) {
    const llm_store_row *rows[LLM_MAX_LEDGER_BATCH];
    struct llm_ledger_row *last = NULL;
    llm_store_fault fault;
    size_t n = 0;
    for (struct llm_ledger_row *row = ledger->first; row != NULL && n < LLM_MAX_LEDGER_BATCH;
         row = row->next) {
        rows[n++] = &row->row;
        last = row;
    }
    struct llm_ledger_row *first = ledger->first; // commits only change what is behind the last
    (void)pthread_mutex_unlock(&ledger->lock);
    const llm_status status = append(ledger, rows, n, &fault);
    if (status >= 0) {
        tell_waiters(ledger, first, n);
    }
    (void)pthread_mutex_lock(&ledger->lock);
    note(ledger, status < 0, fault.message);
    if (status >= 0) {
        release(ledger, last, n);
    }
    return status >= 0;
}

static void destroy(struct llm_ledger *ledger) {
    while (ledger->chunks != NULL) {
        struct chunk *next = ledger->chunks->next;
        llm_mem_free(ledger->chunks);
        ledger->chunks = next;
    }
    if (ledger->alive != NULL) {
        (void)munmap(ledger->page, (size_t)sysconf(_SC_PAGESIZE));
    }
    for (size_t i = 0; i < sizeof ledger->texts / sizeof ledger->texts[0]; i++) {
        llm_mem_free(ledger->texts[i]);
    }
    (void)pthread_mutex_destroy(&ledger->lock);
    (void)pthread_mutex_destroy(&ledger->notify);
    (void)pthread_cond_destroy(&ledger->work);
    (void)pthread_cond_destroy(&ledger->done);
    llm_mem_free(ledger);
}

static void *writer_main(void *arg) {
    struct llm_ledger *ledger = arg;
    uint32_t wait_ms = BACKOFF_MIN_MS;
    (void)pthread_mutex_lock(&ledger->lock);
    while (wait_for_work(ledger) && !past_stop(ledger)) {
        if (write_group(ledger)) {
            wait_ms = BACKOFF_MIN_MS;
            continue;
        }
        back_off(ledger, wait_ms);
        wait_ms = wait_ms * 2 < BACKOFF_MAX_MS ? wait_ms * 2 : BACKOFF_MAX_MS;
    }
    (void)pthread_mutex_unlock(&ledger->lock);
    close_store(ledger);
    (void)pthread_mutex_lock(&ledger->lock);
    ledger->ended = true;
    const bool orphan = ledger->orphan;
    (void)pthread_cond_broadcast(&ledger->done);
    (void)pthread_mutex_unlock(&ledger->lock);
    if (orphan) {
        destroy(ledger);
    }
    return NULL;
}

// ---- life ------------------------------------------------------------------------------------------------------------

static bool copy_settings(struct llm_ledger *ledger, const struct llm_ledger_settings *from) {
    llm_str *const to[] = {&ledger->settings.store, &ledger->settings.path, &ledger->settings.config};
    ledger->settings = *from;
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
        ledger->texts[i] = llm_mem_dup(*to[i]);
        if (ledger->texts[i] == NULL && to[i]->ptr != NULL) {
            return false;
        }
        to[i]->ptr = ledger->texts[i];
    }
    return true;
}

// The lock is held, or nobody else is there.
static bool add_chunk(struct llm_ledger *ledger) {
    struct chunk *chunk = llm_mem_new(sizeof *chunk);
    if (chunk == NULL) {
        return false;
    }
    chunk->next = ledger->chunks;
    ledger->chunks = chunk;
    for (size_t i = CHUNK_ROWS; i > 0; i--) {
        chunk->rows[i - 1].next = ledger->free_rows;
        ledger->free_rows = &chunk->rows[i - 1];
    }
    ledger->n_rows += CHUNK_ROWS;
    return true;
}

static void watch_forks(struct llm_ledger *ledger) {
    ledger->pid = getpid();
#ifdef MADV_WIPEONFORK
    const size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return;
    }
    if (madvise(page, size, MADV_WIPEONFORK) != 0) {
        (void)munmap(page, size);
        return;
    }
    ledger->page = page;
    ledger->alive = page;
    atomic_store(ledger->alive, 1);
#endif
}

static bool start_writer(struct llm_ledger *ledger) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); // signals are the host's threads'
    const int failed = pthread_create(&ledger->thread, NULL, writer_main, ledger);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0;
}

llm_status llm_ledger_new(const struct llm_ledger_options *options, struct llm_ledger **ret, llm_error *err) {
    struct llm_ledger *ledger = llm_mem_new(sizeof *ledger);
    if (ledger == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&ledger->work, &monotonic);
    (void)pthread_cond_init(&ledger->done, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&ledger->lock, NULL);
    (void)pthread_mutex_init(&ledger->notify, NULL);
    ledger->options = *options;
    make_host(ledger);
    watch_forks(ledger);
    if (!copy_settings(ledger, options->settings) || !add_chunk(ledger)) {
        destroy(ledger);
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    atomic_init(&ledger->acknowledge_ms, ledger->settings.acknowledge_ms);
    llm_store *store = NULL;
    const llm_status status =
        llm_ledger_open(options->store, &ledger->settings, &ledger->host, false, &store, err);
    atomic_init(&ledger->store, store);
    if (status != LLM_OK) {
        destroy(ledger);
        return status;
    }
    if (!start_writer(ledger)) {
        options->store->close(store);
        destroy(ledger);
        return llm_fail(err, LLM_E_NOMEM, "ledger: no thread can be started for it");
    }
    *ret = ledger;
    return LLM_OK;
}

// The lock is held.
static void wait_for_end(struct llm_ledger *ledger, uint64_t until_us) {
    const struct timespec until = when(until_us);
    int late = 0;
    while (!ledger->ended && late == 0) {
        late = pthread_cond_timedwait(&ledger->done, &ledger->lock, &until);
    }
}

uint64_t llm_ledger_free(struct llm_ledger *ledger, uint32_t timeout_ms) {
    char line[768];
    if (ledger == NULL || is_forked(ledger)) {
        return 0;
    }
    (void)pthread_mutex_lock(&ledger->lock);
    ledger->stop = true;
    ledger->stop_us = llm_clock_us() + (uint64_t)timeout_ms * 1000;
    (void)pthread_cond_broadcast(&ledger->work);
    wait_for_end(ledger, ledger->stop_us + 1000);
    if (!ledger->ended) {
        llm_store *store = atomic_load(&ledger->store);
        if (store != NULL) {
            ledger->options.store->interrupt(store);
        }
        wait_for_end(ledger, llm_clock_us() + GRACE_MS * 1000u);
    }
    const uint64_t lost = ledger->queued - ledger->written;
    const bool ended = ledger->ended;
    if (lost > 0) {
        (void)snprintf(line, sizeof line, "ledger: %llu rows are lost: %s", (unsigned long long)lost,
                       ledger->failing ? ledger->reason : "there was no time to write them");
        say(ledger, LLM_LOG_ERROR, line);
    }
    ledger->orphan = !ended; // it holds what it uses, and frees it if it ever comes back
    atomic_store(&ledger->mute, !ended);
    const pthread_t thread = ledger->thread;
    (void)pthread_mutex_unlock(&ledger->lock);
    if (!ended) {
        (void)pthread_detach(thread);
        return lost;
    }
    (void)pthread_join(thread, NULL);
    destroy(ledger);
    return lost;
}

llm_status llm_ledger_flush(struct llm_ledger *ledger, uint32_t timeout_ms, llm_error *err) {
    if (is_forked(ledger)) {
        return llm_fail(err, LLM_E_DENIED, "ledger: this process was forked: make an llm_master in it");
    }
    const struct timespec until = when(llm_clock_us() + (uint64_t)timeout_ms * 1000);
    llm_status status = LLM_OK;
    int late = 0;
    (void)pthread_mutex_lock(&ledger->lock);
    const uint64_t target = ledger->queued;
    ledger->urgent = target > ledger->urgent ? target : ledger->urgent;
    (void)pthread_cond_broadcast(&ledger->work);
    while (ledger->written < target && late == 0) {
        late = pthread_cond_timedwait(&ledger->done, &ledger->lock, &until);
    }
    if (ledger->written < target) {
        status = llm_fail(err, LLM_E_TIMEOUT, "ledger: %llu rows are not written after %u ms: %s",
                          (unsigned long long)(target - ledger->written), timeout_ms,
                          ledger->failing ? ledger->reason : "the store is slow");
    }
    (void)pthread_mutex_unlock(&ledger->lock);
    return status;
}

// ---- rows --------------------------------------------------------------------------------------------------------------

// The lock is held.
static llm_status take(struct llm_ledger *ledger, struct llm_ledger_row **ret, llm_error *err) {
    const struct llm_ledger_settings *s = &ledger->settings;
    const bool full = ledger->n_used >= s->queue_rows;
    if (ledger->failing && (full || !s->queue)) {
        return llm_fail(err, LLM_E_DENIED, "ledger: %s; calls are refused until rows can be written again",
                        ledger->reason);
    }
    if (full) {
        return llm_fail(err, LLM_E_LIMIT,
                        "ledger: %zu calls and rows are under way; ledger.queue_rows is the limit",
                        ledger->n_used);
    }
    if (ledger->free_rows == NULL && !add_chunk(ledger)) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    *ret = ledger->free_rows;
    ledger->free_rows = (*ret)->next;
    ledger->n_used++;
    return LLM_OK;
}

llm_status llm_ledger_begin(struct llm_ledger *ledger, struct llm_ledger_row **ret, llm_error *err) {
    if (is_forked(ledger)) {
        return llm_fail(
            err, LLM_E_DENIED,
            "this process was forked after llm_master_new(), and the ledger is the parent's: make an "
            "llm_master in the child");
    }
    (void)pthread_mutex_lock(&ledger->lock);
    const llm_status status = take(ledger, ret, err);
    (void)pthread_mutex_unlock(&ledger->lock);
    if (status == LLM_OK) {
        atomic_store_explicit(&(*ret)->waiter, NULL, memory_order_relaxed);
        (*ret)->used = 0;
    }
    return status;
}

void llm_ledger_drop(struct llm_ledger *ledger, struct llm_ledger_row *row) {
    if (row == NULL || is_forked(ledger)) {
        return;
    }
    (void)pthread_mutex_lock(&ledger->lock);
    row->next = ledger->free_rows;
    ledger->free_rows = row;
    ledger->n_used--;
    (void)pthread_mutex_unlock(&ledger->lock);
}

llm_str llm_ledger_text(struct llm_ledger_row *row, llm_str text) {
    if (text.ptr == NULL) {
        return text;
    }
    size_t n = sizeof row->text - row->used;
    n = text.len < n ? text.len : n;
    while (n < text.len && n > 0 && ((unsigned char)text.ptr[n] & 0xc0) == 0x80) {
        n--;
    }
    char *to = row->text + row->used;
    memcpy(to, text.ptr, n);
    row->used += n;
    return (llm_str){to, n};
}

void llm_ledger_commit(struct llm_ledger *ledger, struct llm_ledger_row *row, void *waiter) {
    if (is_forked(ledger)) { // begun in the parent, which records it
        return;
    }
    row->next = NULL;
    atomic_store_explicit(&row->waiter, waiter, memory_order_relaxed);
    (void)pthread_mutex_lock(&ledger->lock);
    *(ledger->last != NULL ? &ledger->last->next : &ledger->first) = row;
    ledger->last = row;
    ledger->queued++;
    ledger->urgent = waiter != NULL ? ledger->queued : ledger->urgent;
    const bool wake = ledger->writer == IDLE ||
                      (ledger->writer == LINGERING &&
                       (waiter != NULL || ledger->queued - ledger->written >= LLM_MAX_LEDGER_BATCH));
    ledger->writer = wake ? AWAKE : ledger->writer;
    (void)pthread_mutex_unlock(&ledger->lock);
    if (wake) {
        (void)pthread_cond_signal(&ledger->work);
    }
}

void llm_ledger_forget(struct llm_ledger *ledger, struct llm_ledger_row *row, void *waiter) {
    if (is_forked(ledger)) {
        return;
    }
    (void)pthread_mutex_lock(&ledger->notify);
    (void)atomic_compare_exchange_strong(&row->waiter, &waiter, NULL);
    (void)pthread_mutex_unlock(&ledger->notify);
}

// ---- facts ---------------------------------------------------------------------------------------------------------------

void llm_ledger_look(struct llm_ledger *ledger, struct llm_ledger_facts *ret) {
    *ret = (struct llm_ledger_facts){0};
    if (is_forked(ledger)) {
        return;
    }
    (void)pthread_mutex_lock(&ledger->lock);
    ret->failing = ledger->failing;
    ret->waiting = ledger->queued - ledger->written;
    ret->written = ledger->written;
    ret->failures = ledger->failures;
    if (ledger->failing) {
        memcpy(ret->reason, ledger->reason, sizeof ret->reason);
    }
    (void)pthread_mutex_unlock(&ledger->lock);
}

bool llm_ledger_same(const struct llm_ledger *ledger, const struct llm_ledger_settings *settings) {
    const struct llm_ledger_settings *own = &ledger->settings;
    return llm_str_eq(own->store, settings->store) && llm_str_eq(own->path, settings->path) &&
           llm_str_eq(own->config, settings->config) && own->wait_ms == settings->wait_ms;
}

void llm_ledger_configure(struct llm_ledger *ledger, const struct llm_ledger_settings *settings) {
    if (is_forked(ledger)) {
        return;
    }
    (void)pthread_mutex_lock(&ledger->lock);
    ledger->settings.queue = settings->queue;
    ledger->settings.queue_rows = settings->queue_rows;
    (void)pthread_mutex_unlock(&ledger->lock);
    atomic_store(&ledger->acknowledge_ms, settings->acknowledge_ms);
}

uint32_t llm_ledger_acknowledge_ms(const struct llm_ledger *ledger) {
    return atomic_load(&ledger->acknowledge_ms);
}
