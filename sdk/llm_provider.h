/* SPDX-License-Identifier: MIT
 *
 * llm_provider.h - the contract between LLM Master and a provider plugin, ABI major 1.
 *
 * THE MODEL.  A plugin is a codec.  It turns a request of the caller into an HTTP request, and the
 * bytes of the answer into events (text, tool calls, images, usage, ...).  It does no I/O: no socket,
 * file, clock, environment variable or thread.  The core does all that once, for every provider, and
 * writes the credential at the socket; a plugin never sees a key.
 *
 *     open -> encode -> [HTTP] -> head -> data ... data -> end --LLM_DONE--> close
 *               ^                                            |
 *               '--------------------LLM_AGAIN---------------'   (the next exchange: step + 1)
 *
 *     A status of 400 and above gives  fail -> close  instead of head/data/end; a redirect is never followed and
 *     ends the job without fail().
 *     close() may come at any moment after open(): that is how a call is cancelled.  Nothing follows it.
 *
 * WHAT A FILE NEEDS.  One shared object that exports exactly one symbol, llm_provider_entry_v1, and
 * carries a manifest (LLM_MANIFEST below) which the core reads without running the file.  It links
 * against nothing of ours: what it needs from the core arrives as function pointers.
 * Compile:  cc -std=c11 -O2 -fPIC -fvisibility=hidden -shared -Wl,-z,defs,-z,now -o acme.so acme.c
 *
 * THREAD TAGS, on every function:
 *     [control]  one at a time, never concurrent with anything else in this plugin
 *     [any]      any thread, concurrently; must not block
 *     [call]     one at a time for one llm_job; the thread may differ between two calls; must not block
 *     [worker]   a thread of the host's own for this call; may block; must honour cancellation
 *
 * LIFETIME.  Every pointer argument is borrowed until the function returns, unless its comment says
 * otherwise.  Nobody frees memory of the other side: what a plugin produces it hands to a verb
 * (a function of llm_http_request or llm_out), and the core copies during that call.
 *
 * STATUS.  Functions return LLM_OK (0) or a positive LLM_MORE / LLM_DONE / LLM_AGAIN where allowed, or a
 * negative LLM_E_*.  Any verb may answer a negative status (the caller cancelled, a limit was reached):
 * stop and return that status unchanged.
 *
 * GROWTH.  Structs that begin with `uint32_t size` grow at the end, never otherwise; the side that
 * allocates one sets `size` to its own sizeof.  Read a member that was added after 1.0 only through
 * LLM_HAS.  llm_str, llm_bytes and llm_header are frozen.  New constants may appear: have a default
 * branch.  Nothing is ever reordered, retyped, reused or removed within a major.
 *
 * TEXT is UTF-8 with a length; it is not NUL-terminated unless the comment says so.  A llm_str whose
 * ptr is NULL is absent; one with len 0 and a pointer is empty.
 */
#ifndef LLM_PROVIDER_H
#define LLM_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LLM_ABI_MAJOR 1u /* stands in the entry symbol's name and in the manifest */
#define LLM_ABI_MINOR 1u /* grows when a member or an id is added; for messages only */

#if defined(_WIN32)
#define LLM_CALL __cdecl
#define LLM_EXPORT __declspec(dllexport)
#else
#define LLM_CALL
#define LLM_EXPORT __attribute__((visibility("default")))
#endif

/* ---- values: the same text stands in llm_master.h, so that both headers can be included -------- */
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

/* ---- what went wrong at the provider ----------------------------------------------------------- */

#define LLM_RETRY_DEFAULT 0u /* the host decides from code and http_status */
#define LLM_RETRY_NEVER 1u
#define LLM_RETRY_SAFE 2u  /* the provider did no work */
#define LLM_RETRY_AFTER 3u /* safe, but not before retry_after_ms */

/* A failure.  In fail() the host has filled it from status and headers; correct what you know better. */
typedef struct llm_fault {
    uint32_t size;
    llm_status code;         /* LLM_E_*, negative */
    uint32_t retry;          /* LLM_RETRY_* */
    uint32_t http_status;    /* 100..599; 0: leave it to the host */
    uint64_t retry_after_ms; /* 0: the provider gave no advice; the host clamps it to one day */
    llm_str message;         /* for people, in the provider's words; the host removes known secrets */
    llm_str provider_code;   /* verbatim, e.g. "insufficient_quota"; absent: none */
    llm_str request_id;      /* the provider's; absent: the host looks in the usual headers */
    llm_str param;           /* which request field is at fault; absent: not said */
} llm_fault;

/* ---- host -> plugin ---------------------------------------------------------------------------- */

#define LLM_LOG_DEBUG 0
#define LLM_LOG_INFO 1
#define LLM_LOG_WARN 2
#define LLM_LOG_ERROR 3

/* Services of the core.  Valid from init() until shutdown() has returned. */
typedef struct llm_host {
    uint32_t size;
    uint32_t abi_minor;
    void *ctx;           /* the first argument of every function here */
    const char *name;    /* NUL-terminated, static: "llm-master" */
    const char *version; /* NUL-terminated, static: "0.1.0" */
    /* [any] An optional interface by id; NULL when this host does not offer it. */
    const void *(LLM_CALL *get_interface)(void *ctx, const char *id);
    /* [any] One line for the host's log.  No prompt text above DEBUG. */
    void(LLM_CALL *log)(void *ctx, int32_t level, const char *msg, size_t len);
    /* [any] realloc's rules; size 0 frees and gives NULL; NULL: out of memory.  An offer, not a duty:
     * it lets the host account for the plugin's memory. */
    void *(LLM_CALL *alloc)(void *ctx, void *old, size_t size);
} llm_host;

/* ---- building one HTTP request: the plugin pushes, the host copies ------------------------------ */

#define LLM_FRAME_WHOLE 0u /* the body in one chunk, when it is complete; the default */
#define LLM_FRAME_SSE 1u   /* text/event-stream: one chunk per event */
#define LLM_FRAME_LINES 2u /* NDJSON: one chunk per line, blank lines left out */
#define LLM_FRAME_RAW 3u   /* bytes as they arrive */
/* SSE, and also each line whose field name SSE does not define: event = that name (blanks kept),
 * data = the rest of the line.  For servers that send `error: {...}`. */
#define LLM_FRAME_SSE_FIELDS 4u

/* The verbs of encode().  `line` comes first, once; the rest in any order. */
typedef struct llm_http_request {
    uint32_t size;
    uint32_t reserved;
    void *ctx; /* the first argument of every verb */
    /* Method and target.  A target that begins with '/' is appended to the provider's base URL; else it
     * is absolute and its origin must be one that the manifest or the provider file names.
     * LLM_E_DENIED: another origin. LLM_E_INVALID_REQUEST: control bytes, or no valid URL. */
    llm_status(LLM_CALL *line)(void *ctx, const char *method, size_t method_len, const char *url,
                               size_t url_len);
    /* A field.  Host, Content-Length, Connection, Transfer-Encoding and the credential are the host's. */
    llm_status(LLM_CALL *header)(void *ctx, const char *name, size_t name_len, const char *value,
                                 size_t value_len);
    /* Append to the body.  Bytes that lie inside llm_job_args.request, or in an attachment, are referred
     * to and not copied; all others are copied at once. */
    llm_status(LLM_CALL *body)(void *ctx, const void *p, size_t n);
    /* Append attachment number n, as it is, or as base64 text. */
    llm_status(LLM_CALL *body_attachment)(void *ctx, uint32_t n);
    llm_status(LLM_CALL *body_base64)(void *ctx, uint32_t n);
    /* How a 2xx body is cut into chunks: LLM_FRAME_*.  Other answers are always WHOLE, and so is a 2xx that
     * turns out not to be an event stream or lines (its first byte says so; llm_chunk.frame tells). */
    llm_status(LLM_CALL *framing)(void *ctx, uint32_t frame);
    /* Wait before sending: for polling a job.  At most 60,000 ms. */
    llm_status(LLM_CALL *wait_ms)(void *ctx, uint64_t ms);
    /* Secret number n of the instance as a field (prefix put before it) or as a query parameter.
     * Only where the provider's declared auth does not do it already. */
    llm_status(LLM_CALL *header_secret)(void *ctx, const char *name, size_t name_len, const char *prefix,
                                        size_t prefix_len, uint32_t n);
    llm_status(LLM_CALL *query_secret)(void *ctx, const char *name, size_t name_len, uint32_t n);
    /* Send no credential with this exchange: for result URLs. */
    llm_status(LLM_CALL *anonymous)(void *ctx);
    /* The host may repeat this exchange: nothing is billed or done twice. */
    llm_status(LLM_CALL *idempotent)(void *ctx);
} llm_http_request;

/* The head of an answer.  Names are lower case; repeated fields stay apart, in the order sent. */
typedef struct llm_head {
    uint32_t size;
    uint32_t http_status;
    const llm_header *headers;
    size_t n_headers;
} llm_head;

/* A piece of a 2xx body, cut as asked. */
typedef struct llm_chunk {
    uint32_t size;
    uint32_t frame; /* LLM_FRAME_*: how it was cut in fact */
    llm_str event;  /* SSE: the event's name, "message" when none was given */
    llm_bytes data; /* SSE: the data lines joined by \n; SSE and LINES: valid UTF-8 */
} llm_chunk;

/* ---- what a call produces: the plugin pushes, the host copies ------------------------------------ */

#define LLM_TEXT_CONTENT 0u
#define LLM_TEXT_REASONING 1u
#define LLM_TEXT_REFUSAL 2u

#define LLM_FINISH_STOP 0u
#define LLM_FINISH_LENGTH 1u
#define LLM_FINISH_TOOL_CALLS 2u
#define LLM_FINISH_CONTENT_FILTER 3u
#define LLM_FINISH_OTHER 4u

/* What was used.  -1: not reported.  Input counts all input (cached included), output all output
 * (reasoning included); the others say how much of those.  Later reports replace earlier ones. */
typedef struct llm_counts {
    uint32_t size;
    uint32_t flags; /* 0 */
    int64_t input_tokens;
    int64_t output_tokens;
    int64_t cache_read_tokens;
    int64_t cache_write_tokens;    /* all of them */
    int64_t cache_write_1h_tokens; /* of these, kept for an hour */
    int64_t reasoning_tokens;
    int64_t audio_input_tokens;
    int64_t audio_output_tokens;
    int64_t images;       /* produced */
    int64_t milliseconds; /* of audio or video */
    int64_t characters;
    int64_t cost_pico_usd; /* only when the provider states one; -1: it does not */
    llm_str raw;           /* the provider's own usage object, JSON as sent; absent: none */
    /* since 1.1 */
    int64_t image_input_tokens;  /* of the input */
    int64_t image_output_tokens; /* of the output */
    int64_t pages;               /* read */
    int64_t searches;            /* made, or units of search */
    llm_str
        tier; /* service tier that the answer states, else the one asked for: "flex", "priority", "batch" */
    llm_str dimensions; /* of the images or the video, as a price list names it: "1024x1024", "720p" */
    llm_str quality;    /* of the images: "low", "hd" */
} llm_counts;

#define LLM_COUNTS_INIT                                                                                      \
    {                                                                                                        \
        (uint32_t)sizeof(llm_counts), 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, {NULL, 0}, -1, -1,  \
            -1, -1, {NULL, 0}, {NULL, 0}, {                                                                  \
            NULL, 0                                                                                          \
        }                                                                                                    \
    }

/* Channel of a call's results.  `choice` is 0 unless the caller asked for several. */
typedef struct llm_out {
    uint32_t size;
    uint32_t reserved;
    void *ctx; /* the first argument of every verb */
    /* A piece of text: valid UTF-8, decoded (no JSON escapes). channel: LLM_TEXT_*. */
    llm_status(LLM_CALL *text)(void *ctx, uint32_t choice, uint32_t channel, const char *p, size_t n);
    /* A fragment of tool call `index` (0, 1, ... within the choice; sparse numbers are fine).  A non-empty id or
     * name replaces the one before; args are appended: JSON text as the provider sent it. */
    llm_status(LLM_CALL *tool)(void *ctx, uint32_t choice, uint32_t index, const char *id, size_t id_len,
                               const char *name, size_t name_len, const char *args, size_t args_len);
    /* Binary content number `index`: bytes, base64 text, or a URL where it can be fetched.  mime may be empty: the
     * host then tells it from the first bytes.  Bytes and base64 may come in pieces; last = 1 with the last one. */
    llm_status(LLM_CALL *blob)(void *ctx, uint32_t index, const char *mime, size_t mime_len, const uint8_t *p,
                               size_t n, uint32_t last);
    llm_status(LLM_CALL *blob_base64)(void *ctx, uint32_t index, const char *mime, size_t mime_len,
                                      const char *p, size_t n, uint32_t last);
    llm_status(LLM_CALL *blob_url)(void *ctx, uint32_t index, const char *mime, size_t mime_len,
                                   const char *url, size_t url_len);
    /* Vector number `index`: floats, or the JSON array as it was sent (nothing is rounded). */
    llm_status(LLM_CALL *vector)(void *ctx, uint32_t index, const float *v, size_t n);
    llm_status(LLM_CALL *vector_json)(void *ctx, uint32_t index, const char *p, size_t n);
    llm_status(LLM_CALL *usage)(void *ctx, const llm_counts *counts);
    /* The end of a choice, once.  native: the provider's own word, absent when it gave none. */
    llm_status(LLM_CALL *finish)(void *ctx, uint32_t choice, uint32_t reason, const char *native, size_t n);
    /* A failure inside a 2xx answer; then return its code. */
    llm_status(LLM_CALL *fault)(void *ctx, const llm_fault *fault);
    /* A parameter was dropped or changed, or something was odd.  code: "param_dropped", "param_renamed", ... */
    llm_status(LLM_CALL *warn)(void *ctx, const char *code, size_t code_len, const char *param,
                               size_t param_len, const char *text, size_t n);
    /* The model's and the answer's own ids, where the answer states them; empty: not said. */
    llm_status(LLM_CALL *identity)(void *ctx, const char *model, size_t model_len, const char *id,
                                   size_t id_len);
    /* This chunk is already in the caller's format: a host that forwards bytes forwards this one. */
    llm_status(LLM_CALL *verbatim)(void *ctx);
    /* The long tail: `kind` becomes a member of the response ("ranking", "moderation", "models", ...), the value is JSON
     * text, carried as it is.  The same kind again replaces it. */
    llm_status(LLM_CALL *json)(void *ctx, const char *kind, size_t kind_len, const char *p, size_t n);
} llm_out;

/* ---- one configured provider, one call ----------------------------------------------------------- */

typedef struct llm_instance llm_instance; /* the plugin's own state for one provider */
typedef struct llm_job llm_job;           /* the plugin's own state for one call     */

/* Valid until instance_free() has returned. */
typedef struct llm_instance_args {
    uint32_t size;
    uint32_t n_secrets;
    llm_str name;                /* the provider's name: "groq" */
    llm_str base_url;            /* without a trailing '/' */
    llm_str config;              /* the provider's JSON object, as in its file or manifest; no key is in it */
    const llm_str *secret_names; /* secret n is referred to by its number */
} llm_instance_args;

#ifndef LLM_ATTACHMENT_1
#define LLM_ATTACHMENT_1
/* Bytes that travel beside the JSON of a request. */
typedef struct llm_attachment {
    llm_bytes data;
    llm_str mime; /* "image/png" */
    llm_str name; /* file name, or absent */
} llm_attachment; /* frozen */
#endif

#define LLM_JOB_STREAM 1u /* the caller wants the answer as it is made */

/* Valid until close() has returned: keep slices, copy nothing. */
typedef struct llm_job_args {
    uint32_t size;
    uint32_t flags; /* LLM_JOB_* */
    uint64_t id;
    llm_str operation; /* "chat", "embeddings", "image", "image.edit", "models", ... */
    llm_str
        format;    /* what `request` is written in: "openai.chat", "openai.embeddings", "openai.image", ... */
    llm_str model; /* the provider's own name for it; absent when the operation has none */
    llm_str request; /* one JSON object: valid UTF-8, depth <= 64, no top-level name twice */
    const llm_header
        *fields; /* its top-level members in order: name decoded, value raw JSON inside `request` */
    size_t n_fields;
    const llm_attachment *attachments;
    size_t n_attachments;
    /* [call] Zeroed memory, aligned for any object, that lives until close() has returned; nobody frees it.  NULL: none left.
     * Made for the job itself and what it must keep: a codec that takes its memory here needs no heap. */
    void *alloc_ctx;
    void *(LLM_CALL *alloc)(void *alloc_ctx, size_t size);
} llm_job_args;

typedef struct llm_step {
    uint32_t size;
    uint32_t step;    /* 0, and one more after each LLM_AGAIN */
    uint32_t attempt; /* 0, and one more for each time the host repeats this step */
    uint32_t reserved;
} llm_step;

/* ---- plugin -> host: the codec -------------------------------------------------------------------- */

#define LLM_CODEC_SERIAL 1u /* not thread-safe: the host serialises all [call] functions of this plugin */
#define LLM_CODEC_DETERMINISTIC 2u /* same bytes in, same verbs out: the host may replay a call */

typedef struct llm_codec {
    uint32_t size;
    uint32_t flags; /* LLM_CODEC_* */
    /* [any] Begin a job.  A request that this provider cannot do is refused here, with out->fault naming the
     * parameter.  On failure *ret stays as it was and close() is not called. */
    llm_status(LLM_CALL *open)(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                               llm_job **ret);
    /* [call] End the job, at any moment: frees everything. */
    void(LLM_CALL *close)(llm_job *job);
    /* [call] Write the request of this step.  out: for warnings only. */
    llm_status(LLM_CALL *encode)(llm_job *job, const llm_step *step, const llm_http_request *req,
                                 const llm_out *out);
    /* [call] May be NULL.  The head of a 2xx answer. */
    llm_status(LLM_CALL *head)(llm_job *job, const llm_head *head, const llm_out *out);
    /* [call] A chunk of a 2xx body; its slices end with this call.  LLM_MORE (or LLM_OK): go on.  LLM_DONE: complete; the host stops reading and
     * still calls end(LLM_OK) once. */
    llm_status(LLM_CALL *data)(llm_job *job, const llm_chunk *chunk, const llm_out *out);
    /* [call] The body is over.  transport: LLM_OK, or LLM_E_TRANSPORT when the connection broke before its end.
     * -> LLM_DONE, LLM_AGAIN, or an error (LLM_E_PROTOCOL for a stream that was cut). */
    llm_status(LLM_CALL *end)(llm_job *job, llm_status transport, const llm_out *out);
    /* [call] May be NULL.  A status of 400 and above with its whole body (bounded; any bytes, JSON or not).  `fault` is
     * filled from status and headers, Retry-After too.  Slices put into it may lie in `body`, in constants or in memory of
     * the job; the host copies them behind this call.  Return LLM_OK; or LLM_AGAIN when this status means "not ready" and
     * encode() is to be called for the next step; or an error such as LLM_E_NOMEM: `fault` stands as far as it got. */
    llm_status(LLM_CALL *fail)(llm_job *job, const llm_head *head, const llm_bytes *body, llm_fault *fault);
} llm_codec;

/* ---- plugin -> host: the escape hatch, for what is not HTTP ----------------------------------------- */

typedef struct llm_run {
    uint32_t size;
    int32_t cancel_fd; /* readable once the call is cancelled; -1: none */
    void *ctx;
    uint64_t timeout_ms;                      /* what is left of the call's total time; 0: no limit */
    uint32_t(LLM_CALL *cancelled)(void *ctx); /* [any] 1 once the call is cancelled */
} llm_run;

typedef struct llm_generate {
    uint32_t size;
    uint32_t max_concurrency; /* 0: no limit */
    /* [worker] Do the whole job; verbs of `out` from this thread only.  LLM_DONE or an error. */
    llm_status(LLM_CALL *run)(llm_instance *inst, const llm_job_args *args, const llm_run *run,
                              const llm_out *out);
} llm_generate;

/* ---- the plugin itself ------------------------------------------------------------------------------- */

/* A named function for one operation; exactly one of codec and generate is set. */
typedef struct llm_generator {
    uint32_t size;
    uint32_t flags;             /* 0 */
    const char *name;           /* NUL-terminated: "chat", "recraft_image"; what generate_map refers to */
    const char *operation;      /* NUL-terminated: "chat", "image", ... */
    const char *const *formats; /* NULL-terminated: formats it takes as they are, the first is preferred */
    const llm_codec *codec;
    const llm_generate *generate;
} llm_generator;

/* The provider descriptor. */
typedef struct llm_provider_descriptor {
    uint32_t size;
    uint32_t abi_minor;                     /* the LLM_ABI_MINOR it was compiled with */
    const char *id;                         /* "ai.recraft.provider"; equals the manifest's */
    const char *version;                    /* "1.2.0"; equals the manifest's */
    const llm_generator *const *generators; /* NULL-terminated; the names are unique */
    /* [control] May be NULL. Once, before anything else. *plugin is the argument of the others. */
    llm_status(LLM_CALL *init)(const llm_host *host, void **plugin);
    void(LLM_CALL *shutdown)(void *plugin); /* [control] may be NULL */
    /* [control] May be NULL: then `inst` is NULL everywhere.  A wrong configuration: LLM_E_CONFIG and *message, which
     * must stay valid until shutdown. */
    llm_status(LLM_CALL *instance_new)(void *plugin, const llm_instance_args *args, llm_instance **ret,
                                       llm_str *message);
    void(LLM_CALL *instance_free)(llm_instance *inst); /* [control] may be NULL when instance_new is */
    const void *(LLM_CALL *get_interface)(
        const char *id); /* [any] may be NULL; optional capabilities by id */
} llm_provider_descriptor;

/* The one exported symbol: no allocation, no I/O, no thread; gives static const data.  A static build renames it:
 * -DLLM_ENTRY=llm_acme_entry_v1 */
#ifndef LLM_ENTRY
#define LLM_ENTRY llm_provider_entry_v1
#endif
LLM_EXPORT const llm_provider_descriptor *LLM_CALL LLM_ENTRY(void);

/* ---- the manifest: facts that are read from the file without running it ------------------------------- *
 *
 * A JSON object, at most 64 KiB and 16 levels deep, in an allocated ELF note (strip keeps it):
 *
 *   { "manifest": 1, "id": "com.acme.provider", "version": "1.0.0",       required
 *     "name": "Acme", "license": "MIT", "homepage": "https://...",        for people
 *     "abi": {"major": 1, "minor": 0},                                    required
 *     "generators": {"chat": "chat"},                                     name -> operation
 *     "needs": {"host_interfaces": [], "libraries": []},                  libraries besides the C and C++ ones: "libz.so.1"
 *     "permissions": [],                                                  an unknown one refuses the plugin
 *     "providers": [ PROVIDER, ... ] }
 *
 * PROVIDER is the object that a file in providers.d/ holds too; docs/providers.md describes every member:
 *
 *   { "name": "acme", "base_url": "https://api.acme.example/v1",
 *     "auth": {"scheme": "bearer", "key_env": "ACME_API_KEY"},            bearer header query basic none
 *     "prefixes": ["acme-"], "generate_map": {"*": "chat"},               model pattern -> generator
 *     "models": [{"id": "acme-1", "operation": "chat", "input_per_mtok": "0.15", "output_per_mtok": "0.60"}] }
 */
#define LLM_NOTE_NAME "LLMMaster" /* 9 letters and a NUL, padded to 12 */
#define LLM_NOTE_TYPE 1u
#if defined(__ELF__)
#define LLM_MANIFEST(json_literal)                                                                           \
    static const struct {                                                                                    \
        uint32_t namesz, descsz, type;                                                                       \
        char name[12];                                                                                       \
        char desc[(sizeof(json_literal) + 3u) & ~(size_t)3u];                                                \
    } llm_note_v1_ __attribute__((section(".note.llm_master"), used, aligned(4))) = {                        \
        10u, (uint32_t)sizeof(json_literal), LLM_NOTE_TYPE, LLM_NOTE_NAME, json_literal}
#endif

/* ---- the layout is part of the contract ----------------------------------------------------------------- */
#if UINTPTR_MAX == 0xffffffffffffffffu &&                                                                    \
    (defined(__cplusplus) ? __cplusplus >= 201103L                                                           \
                          : defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L)
#if defined(__cplusplus)
#define LLM_ASSERT_(c) static_assert(c, "LLM Master ABI 1.0 layout")
#else
#define LLM_ASSERT_(c) _Static_assert(c, "LLM Master ABI 1.0 layout")
#endif
LLM_ASSERT_(sizeof(llm_str) == 16 && sizeof(llm_bytes) == 16 && sizeof(llm_header) == 32);
LLM_ASSERT_(sizeof(llm_attachment) == 48);
LLM_ASSERT_(sizeof(llm_fault) == 88 && offsetof(llm_fault, message) == 24);
LLM_ASSERT_(sizeof(llm_host) == 56 && offsetof(llm_host, get_interface) == 32);
LLM_ASSERT_(sizeof(llm_http_request) == 104 && sizeof(llm_head) == 24 && sizeof(llm_chunk) == 40);
LLM_ASSERT_(sizeof(llm_counts) == 200 && offsetof(llm_counts, raw) == 104);
LLM_ASSERT_(sizeof(llm_out) == 128);
LLM_ASSERT_(sizeof(llm_instance_args) == 64 && sizeof(llm_job_args) == 128 && sizeof(llm_step) == 16);
LLM_ASSERT_(sizeof(llm_codec) == 64 && sizeof(llm_run) == 32 && sizeof(llm_generate) == 16);
LLM_ASSERT_(sizeof(llm_generator) == 48 && sizeof(llm_provider_descriptor) == 72);
#endif

#ifdef __cplusplus
}
#endif
#endif /* LLM_PROVIDER_H */
