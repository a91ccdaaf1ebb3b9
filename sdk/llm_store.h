/* SPDX-License-Identifier: MIT
 *
 * llm_store.h - the contract between LLM Master and a store, ABI major 1.
 *
 * THE MODEL.  A store keeps the ledger: one row for every call that was settled.  It is a plugin of a kind of its own: it
 * is found, checked and loaded as a provider plugin is (llm_provider.h), but it does input and output, and it blocks.  The core
 * calls append() from one thread that does nothing else, never from the path of a call.
 *
 *     open -> append ... append -> close            the writer's
 *     open (LLM_STORE_READ) -> sums, rows, check -> close       a report's
 *
 * WHAT A FILE NEEDS.  One shared object that exports exactly one symbol, llm_store_entry_v1, and carries a manifest
 * (LLM_STORE_MANIFEST below).  Libraries that it needs stand in needs.libraries.  It lies in a plugin directory, beside others.
 * Compile:  cc -std=c11 -O2 -fPIC -fvisibility=hidden -shared -Wl,-z,defs,-z,now -o store_acme.so store_acme.c -lacme
 *
 * THREAD TAGS:
 *     [store]  one at a time for one llm_store; the thread may differ between two calls; may block
 *     [any]    any thread, concurrently; must not block
 * Several llm_stores may be open at once, also on the same place, in one process and in several.
 *
 * LIFETIME, STATUS, GROWTH, TEXT: as in llm_provider.h.  Every pointer argument is borrowed until the function returns.
 * On failure a function fills *fault.  What the core does then depends on the status:
 *     LLM_E_OVERLOADED   somebody else has it: tries again soon, with the same llm_store
 *     every other        closes this llm_store, and opens another after a while; LLM_E_CONFIG, LLM_E_DENIED, LLM_E_LIMIT (no room),
 *                        LLM_E_TRANSPORT (a server), LLM_E_NOMEM, LLM_E_CANCELLED (interrupt), LLM_E_INTERNAL (damaged) say why
 */
#ifndef LLM_STORE_H
#define LLM_STORE_H

#include "llm_provider.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LLM_STORE_ABI_MAJOR 1u /* stands in the entry symbol's name and in the manifest */
#define LLM_STORE_ABI_MINOR 0u

/* Why it failed.  The core sets size; the store fills message: one line for people, what happened and what to do, NUL-terminated. */
typedef struct llm_store_fault {
    uint32_t size;
    int32_t code; /* the store's own number, 0: none */
    char message[496];
} llm_store_fault;

/* ---- a row ------------------------------------------------------------------------------------------- */

#define LLM_ROW_CACHED 1u    /* the answer was known, or another call's: nothing was sent */
#define LLM_ROW_TRUNCATED 2u /* it failed after output had begun */
#define LLM_ROW_ESTIMATED 4u /* a limit counted an estimate; the row has none of it */
#define LLM_ROW_STREAM 8u    /* a stream was asked for */

/* Numbers of usage, in this order in llm_store_row.usage and llm_store_sum.usage. */
#define LLM_USAGE_INPUT_TOKENS 0u
#define LLM_USAGE_OUTPUT_TOKENS 1u
#define LLM_USAGE_CACHE_READ_TOKENS 2u
#define LLM_USAGE_CACHE_WRITE_TOKENS 3u
#define LLM_USAGE_CACHE_WRITE_1H_TOKENS 4u
#define LLM_USAGE_REASONING_TOKENS 5u
#define LLM_USAGE_AUDIO_INPUT_TOKENS 6u
#define LLM_USAGE_AUDIO_OUTPUT_TOKENS 7u
#define LLM_USAGE_IMAGES 8u
#define LLM_USAGE_MILLISECONDS 9u
#define LLM_USAGE_CHARACTERS 10u
#define LLM_USAGE_NUMBERS 11u

/* One settled call.  A text that is absent, and a number of -1, is not known: NULL in a database.  That is not 0. */
typedef struct llm_store_row {
    uint32_t size;
    uint32_t flags;  /* LLM_ROW_* */
    uint8_t id[16];  /* the row's key: unique; sorts by time (UUID version 7) */
    int64_t time_us; /* when the call began, since 1970, UTC; its milliseconds are the first 6 bytes of id */
    int64_t duration_us, first_token_us;
    int64_t usage[LLM_USAGE_NUMBERS]; /* each at most 10^12 */
    int64_t cost_pico_usd;
    int32_t http_status; /* 0: no answer came */
    uint32_t attempts;   /* how many; 0 when the answer was known already */
    llm_str operation, provider, model, provider_model;
    llm_str key;           /* which of the provider's keys, by name; never the key */
    llm_str tag;           /* who asked */
    llm_str status;        /* "ok", "rate_limited", ... */
    llm_str cost_source;   /* "catalogue", "provider", "cache" */
    llm_str request_id;    /* the provider's */
    llm_str attempts_json; /* a JSON array, when there was more than one */
} llm_store_row;

/* ---- reports ------------------------------------------------------------------------------------------ */

/* What rows are put together by; also the order in which sums are sorted. */
#define LLM_BY_DAY 1u
#define LLM_BY_PROVIDER 2u
#define LLM_BY_MODEL 4u
#define LLM_BY_OPERATION 8u
#define LLM_BY_TAG 16u
#define LLM_BY_KEY 32u
#define LLM_BY_STATUS 64u

/* Which rows.  An absent text: all of them; an empty one: those without. */
typedef struct llm_store_query {
    uint32_t size;
    uint32_t by;          /* LLM_BY_*; 0: one sum over all */
    int64_t since_us;     /* rows that began then or later; INT64_MIN: no bound */
    int64_t until_us;     /* rows that began before that; INT64_MAX: no bound */
    int32_t day_offset_s; /* added to UTC before the day is taken */
    uint32_t limit;       /* rows(): at most so many; 0: all */
    const uint8_t *after; /* rows(): only ids (16 bytes) behind this one; NULL: from the first */
    llm_str provider, model, operation, tag, key, status;
} llm_store_query;

/* A sum over a group of rows.  Exact: a store that cannot (overflow) fails. */
typedef struct llm_store_sum {
    uint32_t size;
    uint32_t by;                                          /* which of the following are set */
    int64_t day;                                          /* days since 1970 */
    llm_str provider, model, operation, tag, key, status; /* absent: the rows have none */
    int64_t calls, failed, cached, truncated, estimated, attempts;
    int64_t usage[LLM_USAGE_NUMBERS];      /* of the rows that know it and are not LLM_ROW_CACHED; -1: none */
    int64_t cost_micro_usd, cost_pico_usd; /* the sum is both together; pico from 0 to 999,999 */
    int64_t cost_unknown;                  /* rows whose cost is not known: they are not in the sum */
    int64_t duration_us;                   /* sum */
    int64_t first_token_us, first_tokens;  /* sum, and over how many rows */
} llm_store_sum;

/* Receivers of what a report finds: borrowed during the call.  A negative status stops the report, which returns it. */
typedef llm_status(LLM_CALL *llm_store_sum_fn)(void *ctx, const llm_store_sum *sum);
typedef llm_status(LLM_CALL *llm_store_row_fn)(void *ctx, const llm_store_row *row);
typedef llm_status(LLM_CALL *llm_store_problem_fn)(void *ctx, llm_str problem);

/* ---- the store itself ----------------------------------------------------------------------------------- */

typedef struct llm_store llm_store; /* the store's own state for one place */

#define LLM_STORE_READ 1u /* for reports: nothing is made or changed, also not the schema */
#define LLM_STORE_MAKE 2u /* the place is the built-in one: make directories on the way to it */

typedef struct llm_store_args {
    uint32_t size;
    uint32_t flags; /* LLM_STORE_* */
    llm_str
        path; /* "ledger.path" of the settings, NUL-terminated: a file, or what else tells the place; absent: not set */
    llm_str config;   /* "ledger.config" of the settings, a JSON object for the store alone; absent: none */
    uint32_t wait_ms; /* how long to wait for others that have it locked, at most */
    uint32_t reserved;
    const llm_host *host; /* valid until close() has returned */
} llm_store_args;

typedef struct llm_store_descriptor {
    uint32_t size;
    uint32_t abi_minor;  /* the LLM_STORE_ABI_MINOR it was compiled with */
    const char *id;      /* "org.llm-master.store-sqlite"; equals the manifest's */
    const char *version; /* "0.1.0"; equals the manifest's */
    /* [store] Open, and make or migrate what is not there, or is older.  A newer schema, and what is somebody else's, is refused
     * and left as it is.  Without LLM_STORE_READ the caller is going to write: what would make append() fail, fails here. */
    llm_status(LLM_CALL *open)(const llm_store_args *args, llm_store **ret, llm_store_fault *fault);
    void(LLM_CALL *close)(llm_store *store); /* [store] */
    /* [store] Add n rows, all or none.  LLM_OK: they are safe, whatever happens to process or machine from now on.  A row whose id is
     * there already changes nothing and is no failure: after a failure the same rows come again. */
    llm_status(LLM_CALL *append)(llm_store *store, const llm_store_row *const *rows, size_t n,
                                 llm_store_fault *fault);
    /* [store] Sums by group, ordered by day, provider, model, operation, tag, key, status; absent texts first. */
    llm_status(LLM_CALL *sums)(llm_store *store, const llm_store_query *query, llm_store_sum_fn give,
                               void *ctx, llm_store_fault *fault);
    /* [store] Rows, ordered by id. */
    llm_status(LLM_CALL *rows)(llm_store *store, const llm_store_query *query, llm_store_row_fn give,
                               void *ctx, llm_store_fault *fault);
    /* [store] Look at everything; each thing that is wrong is given.  LLM_OK also then. */
    llm_status(LLM_CALL *check)(llm_store *store, llm_store_problem_fn give, void *ctx,
                                llm_store_fault *fault);
    /* [any] Make the function that runs now, and those that come, return LLM_E_CANCELLED soon. */
    void(LLM_CALL *interrupt)(llm_store *store);
} llm_store_descriptor;

/* The one exported symbol, as llm_provider.h's LLM_ENTRY. */
#ifndef LLM_STORE_ENTRY
#define LLM_STORE_ENTRY llm_store_entry_v1
#endif
LLM_EXPORT const llm_store_descriptor *LLM_CALL LLM_STORE_ENTRY(void);

/* ---- the manifest ---------------------------------------------------------------------------------------- *
 *
 *   { "manifest": 1, "id": "com.acme.store", "version": "1.0.0", "abi": {"major": 1, "minor": 0},    required
 *     "store": "acme",                                          required: what "ledger.store" of the settings says
 *     "name": "Acme", "license": "MIT", "homepage": "https://...",
 *     "needs": {"host_interfaces": [], "libraries": ["libacme.so.1"]}, "permissions": [] }
 */
#define LLM_STORE_NOTE_TYPE 2u /* of the owner LLM_NOTE_NAME */
#if defined(__ELF__)
#define LLM_STORE_MANIFEST(json_literal)                                                                     \
    static const struct {                                                                                    \
        uint32_t namesz, descsz, type;                                                                       \
        char name[12];                                                                                       \
        char desc[(sizeof(json_literal) + 3u) & ~(size_t)3u];                                                \
    } llm_store_note_v1_ __attribute__((section(".note.llm_master"), used, aligned(4))) = {                  \
        10u, (uint32_t)sizeof(json_literal), LLM_STORE_NOTE_TYPE, LLM_NOTE_NAME, json_literal}
#endif

#ifdef LLM_ASSERT_
LLM_ASSERT_(sizeof(llm_store_fault) == 504 && sizeof(llm_store_row) == 312);
LLM_ASSERT_(offsetof(llm_store_row, usage) == 48 && offsetof(llm_store_row, operation) == 152);
LLM_ASSERT_(sizeof(llm_store_query) == 136 && sizeof(llm_store_sum) == 296);
LLM_ASSERT_(sizeof(llm_store_args) == 56 && sizeof(llm_store_descriptor) == 80);
#endif

#ifdef __cplusplus
}
#endif
#endif /* LLM_STORE_H */
