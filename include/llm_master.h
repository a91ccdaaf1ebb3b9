/* SPDX-License-Identifier: MIT
 *
 * llm_master.h - LLM Master for programs: one call, any model.  This header is all that a program needs.
 *
 *     cc hello.c $(pkg-config --cflags --libs llm_master)
 *
 * THE MODEL.  An llm_master holds what is known: settings, plugins, providers, models.  A query names a model and
 * carries a request; the library finds the provider, lets its plugin translate, does the HTTP, and gives back
 * events (text, tool calls, images, ...) or the whole response: content, usage, exact cost, latency, attempts.
 *
 *   blocking      llm_query(): the caller's own thread does the work; any number of threads at once.
 *   event loop    llm_loop_new(), llm_call_start(): many calls on one thread.  The host polls llm_loop_fd() and calls
 *                 llm_loop_run(loop, 0) when it is readable; or gives llm_loop_options.watch and .timer and drives
 *                 the sockets itself with llm_loop_ready().
 *   pull          llm_call_next(): the next event of a call; runs the loop while there is none.
 *
 * EVERY CALL ENDS WITH EXACTLY ONE LLM_EVENT_END, also after a failure, a time-out or a cancel; nothing follows it.
 *
 * THREAD TAGS:  [any] any thread, concurrently.  [loop] the thread that uses this loop now; one at a time.
 *
 * OWNERSHIP.  What a function gives through a `ret_` parameter is the caller's, who frees it with the function that
 * the comment names; it is written only on LLM_OK.  Every pointer in an event is borrowed until the callback returns
 * (llm_call_next: until the next call of it).  What an accessor of a response gives is borrowed until
 * llm_response_free().  All *_free functions accept NULL.
 *
 * The library starts no thread (but for plugins that block, the ledger and llm_master_watch()), installs no signal handler, changes no locale, writes to no
 * descriptor of the host.  Structs that begin with `size` grow at their end: start them with their *_INIT, or with zeros and size = sizeof.
 *
 * TEXT is UTF-8 with a length.  A llm_str whose ptr is NULL is absent.  Only a `const char *` ends with a NUL.
 */
#ifndef LLM_MASTER_H
#define LLM_MASTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LLM_MASTER_VERSION "0.1.0"

#if defined(__GNUC__)
#define LLM_API __attribute__((visibility("default")))
#else
#define LLM_API
#endif

/* ---- values: the same text stands in llm_provider.h, so that both headers can be included -------- */
#ifndef LLM_VALUES_1
#define LLM_VALUES_1

/* What happened.  0 and above: fine.  Below: what the caller should do about it. */
typedef int32_t llm_status;

#define LLM_OK 0
#define LLM_MORE 1  /* feed me more                                      */
#define LLM_DONE 2  /* the result is complete                            */
#define LLM_AGAIN 3 /* another exchange: encode() again with step + 1    */

#define LLM_E_INVALID_REQUEST (-1) /* 400, 422: fix the request                             */
#define LLM_E_AUTH (-2)            /* 401: the key is missing, wrong or expired             */
#define LLM_E_PERMISSION (-3)      /* 403                                                   */
#define LLM_E_NOT_FOUND (-4)       /* 404: no such model, route or job                      */
#define LLM_E_CONFLICT (-5)        /* 409                                                   */
#define LLM_E_TOO_LARGE (-6)       /* 413, or a body over a limit                           */
#define LLM_E_CONTEXT_LENGTH (-7)  /* too many tokens: shorten, or take a larger model      */
#define LLM_E_CONTENT_FILTER (-8)  /* refused by policy                                     */
#define LLM_E_RATE_LIMITED (-9)    /* 429 that clears by waiting                            */
#define LLM_E_QUOTA (-10)          /* 402, or a 429 that only money or a calendar clears    */
#define LLM_E_OVERLOADED (-11)     /* 503, 529                                              */
#define LLM_E_SERVER (-12)         /* other 5xx                                             */
#define LLM_E_TIMEOUT (-13)        /* connect, first byte, idle or total                    */
#define LLM_E_TRANSPORT (-14)      /* DNS, TCP, TLS, HTTP framing                           */
#define LLM_E_PROTOCOL (-15)       /* a 2xx whose body is not what was promised; cut stream */
#define LLM_E_CANCELLED (-16)      /* by the caller                                         */
#define LLM_E_UNSUPPORTED (-17)    /* this operation, feature or parameter                  */
#define LLM_E_CONFIG (-18)         /* the provider's configuration is wrong                 */
#define LLM_E_NOMEM (-19)          /* out of memory                                         */
#define LLM_E_LIMIT (-20)          /* a limit that the host imposed                         */
#define LLM_E_DENIED (-21)         /* something the user has not allowed                    */
#define LLM_E_INTERNAL (-22)       /* a bug; the plugin's, when it comes from a plugin      */

typedef struct llm_str {
    const char *ptr;
    size_t len;
} llm_str;

typedef struct llm_bytes {
    const uint8_t *ptr;
    size_t len;
} llm_bytes;

/* A header field, or a member of a JSON object (name decoded, value raw JSON). */
typedef struct llm_header {
    llm_str name, value;
} llm_header;

#define LLM_END(T, f) (offsetof(T, f) + sizeof(((T *)0)->f))
#define LLM_HAS(T, p, f) ((p)->size >= LLM_END(T, f) && (p)->f)

#endif /* LLM_VALUES_1 */

#ifndef LLM_ATTACHMENT_1
#define LLM_ATTACHMENT_1
/* Bytes that travel beside the JSON of a request. */
typedef struct llm_attachment {
    llm_bytes data;
    llm_str mime; /* "image/png" */
    llm_str name; /* file name, or absent */
} llm_attachment; /* frozen */
#endif

typedef struct llm_master llm_master;     /* settings, plugins, providers, models; shared by all threads */
typedef struct llm_loop llm_loop;         /* drives calls; one thread at a time */
typedef struct llm_call llm_call;         /* one query under way */
typedef struct llm_response llm_response; /* what came of it */

/* ---- errors ------------------------------------------------------------------------------------ */

/* What went wrong.  Owns nothing: copy it freely. */
typedef struct llm_error {
    uint32_t size;
    llm_status status;   /* LLM_OK: no error */
    int32_t http_status; /* 100..599; 0: there was no answer */
    int32_t reserved;
    int64_t retry_after_ms; /* when the provider says that trying again makes sense; -1: it did not say */
    char provider[64];      /* its name; "" before a route was found */
    char provider_code[96]; /* its own word for it; "" when none */
    char param[96];         /* which request field; "" when not said */
    char request_id[128];   /* the provider's; "" when none */
    char message[768];      /* one line for people: what happened and what to do; no secret */
} llm_error;

#define LLM_ERROR_INIT                                                                                       \
    { (uint32_t)sizeof(llm_error), 0, 0, 0, -1, "", "", "", "", "" }

/* [any] The name of a status as it stands in JSON: "ok", "rate_limited", ...  Static. */
LLM_API const char *llm_status_name(llm_status status);

/* [any] The version of the library that runs: "0.1.0".  Static. */
LLM_API const char *llm_version(void);

/* ---- the master --------------------------------------------------------------------------------- */

#define LLM_LOG_DEBUG 0
#define LLM_LOG_INFO 1
#define LLM_LOG_WARN 2
#define LLM_LOG_ERROR 3

/* [any] One line, without a newline and without a secret; borrowed.  Must not call into the library. */
typedef void (*llm_log_fn)(void *ctx, int32_t level, const char *line, size_t len);

/* An exchange as a host-given transport sees it.  Credentials are left out. */
typedef struct llm_outgoing {
    uint32_t size;
    uint32_t reserved;
    uint64_t call_id;
    llm_str method, url;
    const llm_header *headers; /* names in lower case */
    size_t n_headers;
    llm_bytes body;
} llm_outgoing;

/* How a transport answers.  head once, then data as often as it likes, each piece as a read of a socket would give it. */
typedef struct llm_reply {
    uint32_t size;
    uint32_t reserved;
    void *ctx;
    llm_status (*head)(void *ctx, uint32_t http_status, const llm_header *headers, size_t n_headers);
    llm_status (*data)(void *ctx, const void *p, size_t n);
} llm_reply;

/* Takes the place of HTTP: for replaying recordings, tests and simulations.
 * exchange: [loop] answers through `reply` and returns LLM_OK (the body is complete) or LLM_E_TRANSPORT (it broke). */
typedef struct llm_transport {
    uint32_t size;
    uint32_t reserved;
    void *ctx;
    llm_status (*exchange)(void *ctx, const llm_outgoing *request, const llm_reply *reply);
} llm_transport;

/* A named fact of a log record or a span: text, or a number when text.ptr is NULL. */
typedef struct llm_field {
    const char *name; /* "gen_ai.request.model", ... */
    llm_str text;
    int64_t number;
} llm_field;

/* One line of the log, in parts.  Only fields of the list in docs/observe.md occur; no secret, prompt or answer among them. */
typedef struct llm_log_record {
    uint32_t size;
    int32_t level;     /* LLM_LOG_* */
    int64_t time_us;   /* since 1970, wall clock */
    const char *event; /* "call_end", "attempt_end", "reload", "breaker_open", ... */
    const llm_field *fields;
    size_t n_fields;
} llm_log_record;

/* [any] Borrowed.  Must not call into the library. */
typedef void (*llm_log_record_fn)(void *ctx, const llm_log_record *record);

/* A finished span, by the names of OpenTelemetry's GenAI conventions: one for each call, one for each attempt of it. */
typedef struct llm_span {
    uint32_t size;
    uint32_t is_attempt; /* 1: of a call; parent_id is the call's span */
    const char *name;    /* "chat gpt-4o-mini" */
    uint64_t span_id, parent_id, call_id;
    int64_t start_us, end_us; /* since 1970, wall clock; end_us >= start_us */
    llm_status status;
    uint32_t reserved;
    const llm_field *attributes;
    size_t n_attributes;
} llm_span;

/* [any] Borrowed.  Must not call into the library. */
typedef void (*llm_span_fn)(void *ctx, const llm_span *span);

#define LLM_MASTER_NO_ENVIRONMENT 1u  /* read no environment variable at all: only what is given here */
#define LLM_MASTER_NO_CONFIG 2u       /* read no config.json and no user's providers.d, models.d */
#define LLM_MASTER_NO_DEFAULT_DIRS 4u /* plugins only from plugin_dirs */
#define LLM_MASTER_NO_LEDGER 8u       /* record no call, whatever the settings say; reports work */

typedef struct llm_master_options {
    uint32_t size;
    uint32_t flags;                 /* LLM_MASTER_* */
    const char *config_file;        /* NULL: $XDG_CONFIG_HOME/llm-master/config.json, which may be absent */
    const char *const *plugin_dirs; /* NULL-terminated, searched first; NULL: none */
    const char *settings;           /* JSON object laid over the file and the environment; NULL: none */
    int32_t log_level;              /* LLM_LOG_*: less is not given to `log` */
    int32_t reserved;
    llm_log_fn log; /* NULL: no log */
    void *log_ctx;
    const llm_transport *transport; /* NULL: HTTP.  Borrowed until llm_master_free() */
    llm_log_record_fn log_record;   /* NULL: none; takes log_level and log_ctx */
    llm_span_fn span;               /* NULL: none */
    void *span_ctx;
} llm_master_options;

#define LLM_MASTER_OPTIONS_INIT                                                                              \
    {                                                                                                        \
        (uint32_t)sizeof(llm_master_options), 0, NULL, NULL, NULL, LLM_LOG_WARN, 0, NULL, NULL, NULL, NULL,  \
            NULL, NULL                                                                                       \
    }

/* [any] Read settings and manifests; runs no plugin's code yet.
 * options NULL: all defaults.  Free with llm_master_free().
 * LLM_E_CONFIG: a file cannot be read or is wrong (message: file, line, column).  LLM_E_NOMEM.
 * A plugin or a provider file that is refused is not an error: see llm_master_describe("plugins"). */
LLM_API llm_status llm_master_new(const llm_master_options *options, llm_master **ret_master, llm_error *err);

/* [any] Once: no other function may use the master then, and no call or loop of it may be left; responses may.  Rows of the
 * ledger that wait are written, within 5 s; those that cannot be are lost, and the log says how many.  A plugin that blocks and does not
 * hear that its call was cancelled keeps what it uses until it comes back; the log function is not called for it. */
LLM_API void llm_master_free(llm_master *master);

/* [any] Read everything again; calls under way finish on what they began with, and what was counted stays.  On failure nothing changes.
 * Commands that give keys run again when their provider is next called.
 * LLM_E_CONFIG: config.json, or a provider or model file that was not wrong before, is wrong; a plugin that was good is refused now. */
LLM_API llm_status llm_master_reload(llm_master *master, llm_error *err);

/* [any] From now on reload by itself, a moment after something changed in the plugin, provider or model directories or in config.json: a plugin that is
 * dropped in works at once.  Keys of commands stay, unless their provider refused them.  It also reads everything once at the start.  Starts one
 * thread, which blocks all signals; why a change was not taken is told to the log, once.  Idempotent.  docs/reload.md.
 * LLM_E_LIMIT: the kernel's bounds on watches (the message names them), or no descriptor or thread is left.  LLM_E_NOMEM. */
LLM_API llm_status llm_master_watch(llm_master *master, llm_error *err);
/* [any] Stop it, and wait for the thread; not from inside the log's function.  llm_master_free() does it too. */
LLM_API void llm_master_unwatch(llm_master *master);

/* [any] What is known, as one JSON document, NUL-terminated; free with llm_free().
 * what: "models" "models_all" "providers" "keys" "plugins" "config" "limits" "doctor" "cache".
 * filter: "plugins": the name or file of one; "models", "models_all", "providers", "keys": a provider's name; NULL: all.
 * LLM_E_NOT_FOUND: nothing of that name (the message gives the nearest).  LLM_E_INVALID_REQUEST: unknown `what`. */
LLM_API llm_status llm_master_describe(llm_master *master, const char *what, const char *filter,
                                       char **ret_json, size_t *ret_len, llm_error *err);

/* [any] Overwrite with '*' what must not be shown: every key that the settings and providers of this master have by now, and the
 * n_words (nullable) texts that only the caller knows.  As it is, with %XX, \uXXXX or backslashes, in hexadecimal, and inside base64;
 * 4 or 5 bytes only where they stand by themselves, less than 4 not at all, less than 8 only as they are.  The length stays.
 * Gives how many bytes have become '*'; 0: nothing of it is in the text. */
LLM_API size_t llm_redact(llm_master *master, const llm_str *words, size_t n_words, char *text, size_t len);

/* [any] Counters and histograms of all calls so far, as text for Prometheus (exposition format 0.0.4, Content-Type
 * "text/plain; version=0.0.4"), NUL-terminated; free with llm_free().  docs/observe.md lists them.  LLM_E_NOMEM. */
LLM_API llm_status llm_master_metrics(llm_master *master, char **ret_text, size_t *ret_len, llm_error *err);

/* [any] The host's log could not take n lines or records: count them (llm_master_log_records_dropped_total). */
LLM_API void llm_master_log_dropped(llm_master *master, uint64_t n);

#define LLM_UPDATE_DRY_RUN 1u /* read and compare; write nothing */
#define LLM_UPDATE_STRICT 2u  /* one entry that is wrong refuses the list; otherwise it is left out */

typedef struct llm_models_update_args {
    uint32_t size;
    uint32_t flags;    /* LLM_UPDATE_* */
    const char *file;  /* LiteLLM's or models.dev's list, or a catalogue; at most 16 MiB */
    const char *as_of; /* the day the list is from, "2026-07-24"; NULL: the day its file was last changed */
    const char *catalogue; /* NULL: the user's, $XDG_DATA_HOME/llm-master/catalogue.jsonl */
} llm_models_update_args;

/* [any] Bring a newer list of models and prices into the user's catalogue (docs/cost.md).  It is read whole, compared with the
 * catalogue in use, and swapped in at once; the old file stays beside it as ".bak".  On failure nothing has changed.  In force from
 * the next llm_master_reload() on.  May block: it reads and writes files.
 * ret_json: the report, NUL-terminated, nullable; free with llm_free().
 * LLM_E_NOT_FOUND: no such file.  LLM_E_CONFIG: it is none of these, is wrong (message: key, line, column), or the catalogue cannot be
 * written.  LLM_E_INVALID_REQUEST: an argument is wrong.  LLM_E_NOMEM. */
LLM_API llm_status llm_models_update(llm_master *master, const llm_models_update_args *args, char **ret_json,
                                     size_t *ret_len, llm_error *err);

/* [any] Free what llm_master_describe, llm_models_update, llm_master_metrics, llm_response_json or llm_fetch gave. */
LLM_API void llm_free(void *p);

/* ---- the ledger: docs/ledger.md ------------------------------------------------------------------- */

/* [any] Wait until the rows of all calls that ended before are safe.  LLM_OK also without a ledger.
 * LLM_E_TIMEOUT: not within timeout_ms; the message says why.  LLM_E_DENIED: in a child process that was forked. */
LLM_API llm_status llm_master_flush(llm_master *master, uint32_t timeout_ms, llm_error *err);

typedef struct llm_usage_args {
    uint32_t size;
    uint32_t flags;   /* 0 */
    const char *what; /* NULL: "sums"; "calls": one by one; "check": is the store intact */
    const char
        *by; /* sums by these, separated by ',': day provider model operation tag key status; NULL: one */
    int64_t since_us;     /* calls that began then or later, since 1970, UTC; 0: all */
    int64_t until_us;     /* calls that began before that; 0: all */
    int32_t day_offset_s; /* added to UTC to find the day */
    uint32_t limit;       /* calls: at most so many; 0: 1000 */
    const char *after;    /* calls: only those behind this one, an id; NULL: from the first */
    const char *provider, *model, *operation, *tag, *key, *status; /* NULL: all; "": calls without one */
} llm_usage_args;

/* [any] What the ledger knows, as one JSON document (docs/ledger.md), NUL-terminated; free with llm_free().  Opens the store for
 * reading; blocks.  args NULL: one sum over all.
 * LLM_E_NOT_FOUND: the settings name no ledger.  LLM_E_INVALID_REQUEST: args.  LLM_E_CONFIG: the store cannot be opened.
 * LLM_E_LIMIT: too much for one document.  LLM_E_NOMEM.  Else what the store says. */
LLM_API llm_status llm_master_usage(llm_master *master, const llm_usage_args *args, char **ret_json,
                                    size_t *ret_len, llm_error *err);

/* ---- a query ------------------------------------------------------------------------------------- */

#define LLM_EVENT_START                                                                                      \
    0u /* an answer begins: provider and model are known; again when another attempt takes over */
#define LLM_EVENT_TEXT 1u     /* text; channel */
#define LLM_EVENT_TOOL 2u     /* a fragment of tool call `index`: id, name (when new), text = arguments */
#define LLM_EVENT_BLOB 3u     /* blob `index`: mime, data (decoded), last; or url in text */
#define LLM_EVENT_VECTOR 4u   /* vector `index`: text = JSON array as sent, or vector/n_vector */
#define LLM_EVENT_USAGE 5u    /* usage */
#define LLM_EVENT_FINISH 6u   /* choice is complete: finish, native */
#define LLM_EVENT_WARNING 7u  /* id = code, name = param, text */
#define LLM_EVENT_JSON 8u     /* name = kind, text = JSON */
#define LLM_EVENT_PROGRESS 9u /* a job is being waited for: wait_ms until the next look */
#define LLM_EVENT_RAW 10u     /* text = a chunk of the answer as the provider sent it (LLM_QUERY_RAW) */
#define LLM_EVENT_ERROR 11u   /* error; LLM_EVENT_END follows */
#define LLM_EVENT_END 12u     /* the last one: status */

#define LLM_TEXT_CONTENT 0u
#define LLM_TEXT_REASONING 1u
#define LLM_TEXT_REFUSAL 2u

#define LLM_FINISH_STOP 0u
#define LLM_FINISH_LENGTH 1u
#define LLM_FINISH_TOOL_CALLS 2u
#define LLM_FINISH_CONTENT_FILTER 3u
#define LLM_FINISH_OTHER 4u

/* What a call used.  -1: not reported (never taken for 0).  input_tokens counts all input, the cached part included;
 * output_tokens all output, reasoning included. */
typedef struct llm_usage {
    uint32_t size;
    uint32_t reserved;
    int64_t input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens,
        reasoning_tokens;
    int64_t audio_input_tokens, audio_output_tokens, images, milliseconds, characters;
    llm_str raw; /* the provider's own object, as sent; absent: none */
    int64_t image_input_tokens, image_output_tokens, pages, searches;
    llm_str tier; /* service tier: "flex", "priority", "batch", ...; absent: not said */
    llm_str dimensions,
        quality; /* of images or video ("1024x1024", "720p", "high"), where they decide on the price; absent: not said */
} llm_usage;

/* Money in pico-USD (1 USD = 10^12); -1: unknown, which is not 0. */
#define LLM_COST_UNKNOWN 0u
#define LLM_COST_CATALOGUE 1u /* computed from the catalogue's prices */
#define LLM_COST_PROVIDER 2u  /* stated by the provider */
#define LLM_COST_CACHE 3u     /* 0: the answer was known, or is that of another call under way */

typedef struct llm_event {
    uint32_t size;
    uint32_t type; /* LLM_EVENT_* */
    uint32_t choice, index;
    uint32_t channel; /* LLM_TEXT_* */
    uint32_t finish;  /* LLM_FINISH_* */
    uint32_t last;
    llm_status status;
    llm_str text, id, name, mime, native;
    llm_bytes data;
    const float *vector;
    size_t n_vector;
    uint64_t wait_ms;
    const llm_usage *usage;
    const llm_error *error;
} llm_event;

/* [loop] Return LLM_OK to go on, any negative status to cancel the call (LLM_EVENT_END still follows).  May start calls,
 * cancel and free any call, its own too. */
typedef llm_status (*llm_event_fn)(void *ctx, llm_call *call, const llm_event *event);

#define LLM_QUERY_STREAM 1u        /* ask the provider for a stream */
#define LLM_QUERY_COLLECT 2u       /* keep the content too for llm_call_response(); llm_query() always does */
#define LLM_QUERY_RAW 4u           /* keep (and give as events) the provider's answer as it came */
#define LLM_QUERY_BORROW 8u        /* body and attachments stay valid until the end event: do not copy them */
#define LLM_QUERY_NO_WAIT 16u      /* refuse at once (LLM_E_LIMIT) instead of waiting for a limit */
#define LLM_QUERY_NO_FALLBACK 32u  /* no other model or provider than the one asked for */
#define LLM_QUERY_CACHE 64u        /* give and keep the answer of exactly this request (docs/cache.md) */
#define LLM_QUERY_SHARE 128u       /* let identical calls under way share one answer */
#define LLM_QUERY_ACKNOWLEDGE 256u /* the end event waits until the ledger's row is safe */
#define LLM_QUERY_DEBUG 512u       /* keep a record of each exchange for llm_response_json(): "debug" */
#define LLM_QUERY_DEBUG_BODIES 1024u /* with LLM_QUERY_DEBUG: the begin of each body too, keys left out */
#define LLM_QUERY_NO_CACHE 2048u     /* neither give nor keep, also where the settings enable the cache */
#define LLM_QUERY_EXCHANGES 4096u /* keep each exchange whole, keys left out, for llm_response_exchange() */

typedef struct llm_query_args {
    uint32_t size;
    uint32_t flags;        /* LLM_QUERY_* */
    const char *operation; /* NULL: "chat" */
    const char
        *model; /* name, alias, "provider/model"; NULL: the body's "model", else the configured default */
    const char *provider; /* NULL: by the model's route */
    const char *format;   /* of body; NULL: "openai." + operation, e.g. "openai.chat" */
    llm_str body;         /* the request, one JSON object; absent: made from prompt and system */
    const char *prompt;   /* UTF-8; used when body is absent */
    const char *system;   /* UTF-8, or NULL */
    const llm_attachment *attachments;
    size_t n_attachments;
    uint32_t connect_timeout_ms;    /* 0: the configured one (5 s) */
    uint32_t first_byte_timeout_ms; /* 0: the configured one (300 s) */
    uint32_t idle_timeout_ms;       /* 0: the configured one (120 s) */
    uint32_t total_timeout_ms;      /* 0: the configured one (600 s) */
    llm_event_fn on_event;          /* NULL: pull with llm_call_next(), or wait for the response */
    void *ctx;
    const char *tag; /* who asks: for limits, the ledger and the cache; at most 128 bytes; NULL: nobody */
    const char *const
        *fallbacks; /* models to try after the one asked for, NULL-terminated; NULL: the configured ones */
    uint32_t max_attempts; /* tries over all of them; 0: the configured number (3); 1: no retry */
    uint32_t max_wait_ms;  /* for limits; 0: the configured one (30 s) */
    uint32_t hedge_ms; /* ask again elsewhere when no output came by then; 0: the configured one (never) */
    uint32_t reserved;
} llm_query_args;

#define LLM_QUERY_INIT (uint32_t)sizeof(llm_query_args)

/* [any] Ask and wait: the calling thread does the work.  Connections stay warm between calls.
 * ret_response is written also when the call failed after it began: it then holds what came before the failure, and
 * llm_response_error() is set.  Free it with llm_response_free().  Nullable.
 * LLM_E_NOT_FOUND: no such model (the message names the nearest).  LLM_E_AUTH: no key.  LLM_E_INVALID_REQUEST: body is no
 * JSON object, is deeper than 64, or names a member twice.  LLM_E_NOMEM.  Everything else: what the provider gave. */
LLM_API llm_status llm_query(llm_master *master, const llm_query_args *args, llm_response **ret_response,
                             llm_error *err);

/* [any] GET a URL that a provider gave as a result.  No credential is sent and no redirect followed.  https only, and never to an
 * address that is not public; when `from` (nullable: the response that holds the URL) came from a provider on this machine, http to
 * this machine too.  At most max_bytes.  *ret_data has a NUL behind it; free with llm_free().
 * LLM_E_DENIED: not such a URL.  LLM_E_LIMIT: larger than max_bytes.  Else what a GET can give. */
LLM_API llm_status llm_fetch(llm_master *master, const llm_response *from, const char *url, size_t max_bytes,
                             uint8_t **ret_data, size_t *ret_len, llm_error *err);

/* ---- loops and calls -------------------------------------------------------------------------------- */

#define LLM_LOOP_READ 1
#define LLM_LOOP_WRITE 2

typedef struct llm_loop_options {
    uint32_t size;
    uint32_t reserved;
    /* Host's own event loop; both or none.  watch: tell me when fd is ready for `events` (LLM_LOOP_*; 0: stop watching), as long
     * as it is (level-triggered); an error or a hang-up counts as ready.  The fd may be a new one or one watched before, with
     * other events; it is still open when 0 is said.
     * timer: call llm_loop_ready(loop, -1, 0) after that many ms (0: soon; -1: never); it replaces the one before. */
    void (*watch)(void *ctx, int fd, int events);
    void (*timer)(void *ctx, int64_t after_ms);
    void *ctx;
} llm_loop_options;

/* [any] Free with llm_loop_free().  options NULL: the loop's own epoll.  LLM_E_NOMEM, LLM_E_LIMIT (no descriptor left). */
LLM_API llm_status llm_loop_new(llm_master *master, const llm_loop_options *options, llm_loop **ret_loop,
                                llm_error *err);

/* [loop] Calls that are left are cancelled (their end events are given) and freed. */
LLM_API void llm_loop_free(llm_loop *loop);

/* [any] One descriptor to poll for reading; -1 when the host drives the sockets. */
LLM_API int llm_loop_fd(llm_loop *loop);

/* [loop] Do what is due, waiting for it at most timeout_ms (0: not at all; -1: until something happened).
 * Gives the number of calls that are not ended yet, or a negative status. */
LLM_API int llm_loop_run(llm_loop *loop, int timeout_ms);

/* [loop] A watched descriptor is ready (events: LLM_LOOP_*), or the timer is due (fd -1).  As llm_loop_run. */
LLM_API int llm_loop_ready(llm_loop *loop, int fd, int events);

/* [any] Make llm_loop_run() in another thread return. */
LLM_API void llm_loop_wake(llm_loop *loop);

/* [loop] Begin a call.  Events come later, from llm_loop_run(), llm_loop_ready() or llm_call_next(), never from in here.
 * args and what it points to may go when this returns (but see LLM_QUERY_BORROW); ctx is yours.
 * Errors as llm_query's that are known before anything is sent; then no event will come.  Free with llm_call_free(). */
LLM_API llm_status llm_call_start(llm_loop *loop, const llm_query_args *args, llm_call **ret_call,
                                  llm_error *err);

/* [loop] The next event (calls without on_event only): runs the loop while there is none.
 * LLM_OK: *ret_event is set.  LLM_DONE: the end event was given before.  LLM_E_TIMEOUT: none within timeout_ms (-1: no limit;
 * 0: the loop runs once, without waiting).  LLM_E_INVALID_REQUEST: the call has an on_event, or this is a callback of its loop. */
LLM_API llm_status llm_call_next(llm_call *call, int timeout_ms, const llm_event **ret_event);

/* [any] Stop it.  The end event follows.  Idempotent; the call must not be freed yet. */
LLM_API void llm_call_cancel(llm_call *call);

/* [loop] Cancels it (without events) when it is not ended. */
LLM_API void llm_call_free(llm_call *call);

/* [loop] What came of it so far; from the end event on (also inside its callback) all of it: usage, cost, times; content with
 * LLM_QUERY_COLLECT.  It is the one that the call fills: before the end event read it on the loop's thread only.  Always
 * LLM_OK.  The caller's: llm_response_free().  Survives the call. */
LLM_API llm_status llm_call_response(llm_call *call, llm_response **ret_response);

/* ---- the response --------------------------------------------------------------------------------------- */

LLM_API void llm_response_free(llm_response *response);

/* [any] The first choice's text, NUL-terminated; "" when none.  ret_len nullable (the text may hold NULs). */
LLM_API const char *llm_response_content(const llm_response *response, size_t *ret_len);
LLM_API const char *llm_response_reasoning(const llm_response *response, size_t *ret_len);

/* [any] The failure, or NULL. */
LLM_API const llm_error *llm_response_error(const llm_response *response);

/* [any] The usage; never NULL. */
LLM_API const llm_usage *llm_response_usage(const llm_response *response);

/* [any] pico-USD, or -1 when the model has no price.  ret_source: LLM_COST_*, nullable. */
LLM_API int64_t llm_response_cost(const llm_response *response, uint32_t *ret_source);

/* [any] Facts: "id" "call_id" (the ledger's) "operation" "provider" "model" "provider_model" "finish_reason" "native_finish_reason"
 * "provider_request_id"; NULL when unknown. */
LLM_API const char *llm_response_get(const llm_response *response, const char *fact);

/* [any] From the start of the call to its end, and to the first content; -1: there was none. */
LLM_API int64_t llm_response_latency_us(const llm_response *response);
LLM_API int64_t llm_response_first_token_us(const llm_response *response);

/* [any] How many attempts it took: tries, fall-backs and hedges, those too that a limit refused. */
LLM_API size_t llm_response_attempts(const llm_response *response);

/* [any] Blobs (images, audio, ...), by position 0, 1, ...  Gives 0 when there is none there.  ret_blob->size must be set.  data or url is set. */
typedef struct llm_blob {
    uint32_t size;
    uint32_t index;
    llm_str mime, url;
    llm_bytes data;
} llm_blob;
LLM_API int llm_response_blob(const llm_response *response, size_t position, llm_blob *ret_blob);

#define LLM_EXCHANGE_CUT 1u  /* the answer did not come whole: the connection broke, or was left */
#define LLM_EXCHANGE_PART 2u /* something of the call's exchanges could not be kept: memory, or a limit */

/* One HTTP exchange of a call: what was sent and what came, byte for byte, but that the keys of all providers are overwritten with '*'.
 * Everything else is as it was: cookies, ids of accounts.  Write down only what is known to be harmless. */
typedef struct llm_exchange_record {
    uint32_t size;
    uint32_t flags;      /* LLM_EXCHANGE_* */
    uint32_t attempt;    /* of the call: 1, 2, ... */
    int32_t http_status; /* 0: no answer came */
    llm_status status;   /* what became of it */
    uint32_t reserved;
    llm_str method, url;
    const llm_header *request_headers; /* a value that is absent (ptr NULL): the credential */
    size_t n_request_headers;
    const llm_header *answer_headers; /* names in lower case */
    size_t n_answer_headers;
    llm_bytes request_body, answer_body;
} llm_exchange_record;

/* [any] The exchanges of a call with LLM_QUERY_EXCHANGES that are over, by position 0, 1, ..., of all its attempts (not of races).
 * Gives 0 when there is none there.  ret->size must be set.  Answers of the cache have none.  Borrowed until llm_response_free(). */
LLM_API int llm_response_exchange(const llm_response *response, size_t position,
                                  llm_exchange_record *ret_exchange);

/* [any] All of it as JSON, the shape that docs/response.md describes; NUL-terminated; free with llm_free().
 * Not in it: the bytes of blobs (their sizes are).  LLM_E_NOMEM. */
LLM_API llm_status llm_response_json(const llm_response *response, char **ret_json, size_t *ret_len);

#ifdef __cplusplus
}
#endif
#endif /* LLM_MASTER_H */
