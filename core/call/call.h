// SPDX-License-Identifier: MIT
// The life of a call: one direction, one file a step.
//
//     start    resolve the route, judge the request                            start.c
//     reuse    an answer that is known already, or under way                   reuse.c
//     open     the plugin's job for the target of this attempt                 start.c
//     admit    limits are reserved; the call may wait for its turn             admit.c
//     attempt  encode -> exchange -> frames -> head/data/end -> events         attempt.c, request.c, sink.c
//     decide   done? another exchange? retry? fall back? give up?              decide.c, verdict.c, target.c
//     settle   cost, the error                                                 settle.c
//     record   the ledger's row                                                record.c
//     finish   metrics, the cache, the end event                               settle.c
//
// call.c holds the state table over them.  A step never calls backwards: it returns what comes next.
#ifndef LLM_CALL_CALL_H
#define LLM_CALL_CALL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/gate.h"
#include "base/id.h"
#include "base/spare.h"
#include "call/response.h"
#include "call/reuse.h"
#include "call/verdict.h"
#include "catalog/chain.h"
#include "catalog/snapshot.h"
#include "llm_provider.h"
#include "net/frames.h"
#include "net/http.h"
#include "net/reactor.h"
#include "observe/facts.h"
#include "observe/metrics.h"
#include "state/health.h"
#include "state/limits.h"

// ---- the master --------------------------------------------------------------------------------------------------

struct llm_master {
    atomic_uint
        refs; // the host's, and one of each thread of a plugin that blocks: it may be deaf, and outlive the host's
    atomic_bool closed;   // the host has let it go: its log is not called any more
    atomic_uint in_log;   // plugins that are in it now
    pthread_mutex_t lock; // guards snapshot, loops, net_rules; never held while anything outside is called
    struct llm_snapshot *snapshot;
    struct llm_loop *idle_loops;
    size_t n_idle_loops;
    uint64_t net_rules; // guarded by lock; changes with ca_file and proxy: an older loop is not used again
    pthread_mutex_t reload; // one reload at a time
    struct llm_plugins *plugins;
    struct llm_response_pool *responses;
    struct llm_limits *limits;
    struct llm_reuse *reuse;
    struct llm_watch *watch;   // guarded by lock; NULL: nobody asked for it
    struct llm_health *health; // of providers and keys; outlives reloads
    struct llm_metrics *metrics;
    struct llm_recorder *recorder; // the ledger
    _Atomic uint64_t next_id;
    uint64_t id_seed;
    llm_host host;
    // The host's options, copied: a reload reads them again.
    llm_master_options options;
    struct llm_arena options_arena;
};

// The last one frees what plugins may still be using, and shuts them down.
void llm_master_unref(struct llm_master *master);

// A reference to the snapshot of now; llm_snapshot_unref().
struct llm_snapshot *llm_master_snapshot(struct llm_master *master);

// llm_master_reload().  said: NULL: the host asks for it, so that keys' commands run again; else nobody does: they do not, and a failure
// is told to the log only when its message is not `said`.
llm_status llm_master_read_again(struct llm_master *master, const char *said, llm_error *err);

static inline bool llm_master_logs(const struct llm_master *master, int32_t level) {
    return master->options.log != NULL && level >= master->options.log_level;
}

// One line for the host's log; control bytes are made blanks.
void llm_master_log(struct llm_master *master, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Does anyone listen to this event?  Ask before facts are gathered.
bool llm_master_listens(const struct llm_master *master, enum llm_log_event event);
// [any] Give an event to the host: as a record, and as a line of the text log.
void llm_master_tell(struct llm_master *master, enum llm_log_event event, const struct llm_facts *facts);

// A reload is over; error NULL: it took effect.  The snapshot of now is the new one.
void llm_master_observe_reload(struct llm_master *master, const llm_error *error);
// Tell of the plugins that are refused.
void llm_master_observe_plugins(struct llm_master *master);
// [any] ctx: the master.  A breaker changed; the ledger says something.
void llm_master_observe_breaker(void *ctx, llm_str provider, enum llm_breaker_state state);
void llm_master_observe_ledger(void *ctx, int32_t level, const char *line);

// ---- loops -------------------------------------------------------------------------------------------------------

struct llm_loop {
    struct llm_loop *next; // in master->idle_loops
    struct llm_master *master;
    uint64_t net_rules; // the master's when it was made
    struct llm_reactor reactor;
    struct llm_http *http;
    struct llm_call *calls;                    // all that are not freed
    struct llm_call *ready_first, *ready_last; // to be advanced
    struct llm_call *pool;                     // freed ones, their memory kept
    size_t n_pool, n_open;                     // n_open: not ended yet
    struct llm_spare spare;                    // of the pool
    struct llm_call *graves;            // freed by the host: released when nothing of them is on the stack
    _Atomic(struct llm_call *) cancels; // asked for by any thread
    uint32_t depth;                     // > 0: inside run, frees wait
    uint64_t progress;                  // counts what happened: a run that saw something does not wait
    _Atomic(pthread_t) thread;          // who runs it now, while depth > 0
    atomic_bool running;
    uint64_t random;          // llm_random_next()
    atomic_bool was_run;      // thread says who ran it last
    struct llm_arena scratch; // empty between steps
};

// A loop from the master's store, or a new one; give it back with llm_loop_give().
llm_status llm_loop_take(struct llm_master *master, struct llm_loop **ret, llm_error *err);
void llm_loop_give(struct llm_loop *loop);
// Let call be advanced in the next round of its loop.
void llm_loop_queue(struct llm_call *call);
void llm_loop_unqueue(struct llm_call *call);
// Nobody else may attend to it any more: take it off the list of those who were.
void llm_loop_unlist(struct llm_call *call);

// ---- calls -------------------------------------------------------------------------------------------------------

enum llm_step_name { // what a call does next
    LLM_STEP_REUSE,
    LLM_STEP_OPEN,
    LLM_STEP_ADMIT,
    LLM_STEP_ENCODE,
    LLM_STEP_EXCHANGE,
    LLM_STEP_DECIDE,
    LLM_STEP_SETTLE,
    LLM_STEP_RECORD,
    LLM_STEP_FINISH,
    LLM_STEP_PAUSE, // nothing until something happens outside
    LLM_STEP_ENDED,
};

enum llm_phase {
    LLM_PHASE_NONE,
    LLM_PHASE_SHARE,
    LLM_PHASE_WAIT,
    LLM_PHASE_TURN,
    LLM_PHASE_FIRST_BYTE,
    LLM_PHASE_IDLE,
    LLM_PHASE_RECORD
};

enum llm_delivery { LLM_DELIVER_CALLBACK, LLM_DELIVER_PULL };

struct llm_body_piece { // of the body under construction
    const void *ptr;    // NULL: `at` in the call's body buffer
    size_t at, len;
};

// The HTTP request under construction.
struct llm_draft {
    llm_str method, url;
    bool absolute, own_origin, anonymous, idempotent, has_content_type, has_accept;
    uint32_t framing;
    uint64_t wait_ms;
    const char **lines; // array from llm_mem, kept
    size_t n_lines, cap_lines;
    struct llm_body_piece *pieces;
    size_t n_pieces, cap_pieces;
    struct llm_slice *slices; // pieces, resolved
    size_t cap_slices;
    struct llm_buf body;
    size_t body_bytes;
    char *secret; // the line or URL that holds the credential: wiped after the exchange
    size_t secret_len;
};

// What limits have to do with an attempt.  docs/policies.md says what is reserved and what counts in the end.
struct llm_admission {
    struct llm_wait wait;
    uint32_t max_wait_ms;
    bool asked, admitted; // something is reserved or waited for; it is reserved, and the attempt goes on
    bool sent;            // something may have reached the provider
    bool has_usage;       // the provider said what was used
    int64_t input_tokens, output_tokens; // as estimated before it
    uint64_t output_bytes;               // of text that came
    uint32_t blobs;                      // that came
    uint64_t waited_us;                  // all attempts of the call together
};

struct llm_queued; // an event that waits for llm_call_next()
struct llm_worker; // the thread of a generator that blocks

struct llm_call {
    struct llm_call *next, *prev; // loop->calls; next also in loop->pool
    struct llm_call *ready_next;
    struct llm_call *cancel_next, *grave_next;
    bool ready, freed, ended;
    bool attempt_open; // between llm_call_open() and llm_call_attempt_over()
    bool settled;      // from llm_call_settle() on: it cannot be stopped any more

    bool kept;     // llm_query() waits for it: a free from inside a callback only cancels
    uint32_t busy; // > 0: a callback of the host runs in it
    atomic_bool cancel_asked, cancel_listed;
    atomic_bool woken; // another thread has something for it: llm_loop_queue() it
    struct llm_loop *loop;
    struct llm_snapshot *snapshot;
    uint64_t id;        // of this master
    struct llm_id name; // of all: the response's id
    int64_t started_us; // wall clock
    llm_str tag;        // who asks; absent: nobody
    uint32_t flags;     // LLM_QUERY_*
    enum llm_step_name step;
    struct llm_arena arena;

    enum llm_delivery delivery;
    llm_event_fn on_event;
    void *ctx;
    struct llm_arena queue_arena;
    struct llm_queued *queue_first, *queue_last;
    llm_event pulled;
    bool end_pulled;

    struct llm_chain chain; // where it may go
    size_t target;          // of the chain: where this attempt goes
    llm_str format;         // that was asked for; absent: the usual one
    llm_str prompt_tail;    // of a body that was made from a prompt: what stands behind its model
    uint32_t attempts, max_attempts;
    uint32_t throttles, transients; // failed attempts of each kind
    bool counted;                   // this attempt is among them
    bool told;                      // the host has been given output
    bool charged_unknown;           // a failed attempt may have cost something that nobody stated
    bool estimated;                 // a limit counted an estimate for an attempt
    int64_t spent;                  // on the attempts so far, pico-USD
    uint32_t spent_source;          // LLM_COST_*
    enum llm_stage stage;           // of this attempt
    // A second attempt that races this one (hedge.c), and, in that one, what it races.
    struct llm_call *racer, *racing;
    bool lost, won;      // the other one gave output first; the racer did
    bool draws;          // the racer takes a try of its provider's budget when it begins
    bool held;           // this attempt failed while the racer runs: decided on when that has failed too
    size_t racer_target; // of the call's chain
    uint32_t hedge_ms;   // 0: never
    struct llm_timer hedge_timer;
    uint32_t advice;      // LLM_RETRY_* of its failure
    bool final;           // the failure stays
    bool impatient;       // the caller's time-outs are shorter than the settings'
    uint64_t back_off_us; // before this attempt
    uint64_t queued_us;   // for limits before this attempt: of admission.waited_us

    struct llm_route route;
    const struct llm_provider_key *key; // of this attempt
    struct llm_health_ticket ticket;    // of this attempt, while it is under way
    uint64_t first_byte_us;             // of this attempt, when the head of its answer came; 0: not yet
    llm_instance *instance;
    const struct llm_plugin_generator *generator;
    struct llm_gate gate;
    llm_job_args job_args;
    llm_job *job;
    llm_step job_step;
    uint32_t exchanges;

    struct llm_admission admission;
    struct llm_draft draft;
    struct llm_exchange *exchange;
    struct llm_debug *debug; // of the exchange that began last; in the response; NULL: none is kept
    struct llm_frames frames;
    llm_http_request request_verbs;
    llm_out out_verbs;
    uint32_t http_status;
    bool answer_is_2xx, stopped;
    struct llm_buf error_body;
    llm_header *head_fields;
    size_t n_head_fields;
    llm_status outcome;     // of the exchange: LLM_DONE, LLM_AGAIN, or what went wrong
    llm_error error;        // details, when outcome < 0
    struct llm_buf scratch; // decoded blobs
    struct llm_base64 base64;
    uint32_t blob_index;
    bool blob_typed;

    enum llm_phase phase;
    enum llm_step_name resume; // where a wait goes on
    uint64_t activity_us, wait_until_us, total_until_us, attempt_us;
    uint32_t connect_ms, first_byte_ms, idle_ms, total_ms;
    struct llm_timer timer;

    struct llm_reuse_state reuse;
    struct llm_share share;
    struct llm_response *response;
    struct llm_worker *worker;

    struct llm_series *series;         // where it is counted as under way; NULL: it is not
    struct llm_series *series_now;     // of the last attempt
    struct llm_series *series_hint;    // of the call before in this memory: mostly it is the same one
    llm_str observed[2];               // provider and model of series_now
    bool observed_move;                // that the call goes elsewhere was told
    struct llm_recorder_use *recorder; // NULL: no ledger
    struct llm_ledger_row *row;        // its place in the ledger, until it is committed
    struct llm_ledger_row *waiting_row;
    atomic_int recorded; // private to record.c: waits for its row, or knows that it is safe
};

// Everything that can be refused before anything is sent; on LLM_OK the call is in its loop.
llm_status llm_call_new(struct llm_loop *loop, const llm_query_args *args, enum llm_delivery delivery,
                        struct llm_call **ret, llm_error *err);
// Go on until it pauses or is ended.
void llm_call_advance(struct llm_call *call);
// Now: nothing of it is on the stack.
void llm_call_release(struct llm_call *call);
// [any] Let its loop look at it: a cancel, or news from its worker.
void llm_call_attend(struct llm_call *call);
// The memory of freed calls.
void llm_call_pool_free(struct llm_loop *loop);
// Stop what it is doing and let it settle with this status (and the error that is in call->error, when set).
void llm_call_abort(struct llm_call *call, llm_status status);

// Steps.  A step that gives LLM_STEP_PAUSE has set call->step to where the call goes on when llm_loop_queue() wakes it.
// reuse: OPEN; SETTLE when the answer was given from what is known; PAUSE while a call of the same content is under way.
enum llm_step_name llm_call_reuse(struct llm_call *call);
enum llm_step_name llm_call_open(struct llm_call *call);
// admit: ENCODE; PAUSE while it waits for its turn; DECIDE when a limit refuses it (outcome and error are set).
enum llm_step_name llm_call_admit(struct llm_call *call);
enum llm_step_name llm_call_encode(struct llm_call *call);
enum llm_step_name llm_call_exchange(struct llm_call *call);
enum llm_step_name llm_call_decide(struct llm_call *call);
enum llm_step_name llm_call_settle(struct llm_call *call);
// record: FINISH; PAUSE until the row is safe, where the host asked for that.
enum llm_step_name llm_call_record(struct llm_call *call);
enum llm_step_name llm_call_finish(struct llm_call *call);

// Its exchange is about to be stopped: while that still connects, nothing was sent.
void llm_call_look_if_sent(struct llm_call *call);
// An attempt is over, whatever came of it (call->outcome, call->error): exactly once for each llm_call_open().
void llm_call_attempt_over(struct llm_call *call);
// What was reserved for the attempt becomes what was used.  Idempotent.
void llm_call_admit_over(struct llm_call *call);
// An answer that is known is about to be given: limits on the caller's requests count it.  It does not wait: LLM_E_LIMIT (the error is set).
llm_status llm_call_admit_hit(struct llm_call *call);
// Waits no longer: it was cancelled or timed out.  Idempotent.
void llm_call_admit_cancel(struct llm_call *call);
// Output or usage that came, for what is settled.
void llm_call_admit_see(struct llm_call *call, const llm_event *event);
// The limits of a snapshot are in force from now on.  LLM_E_NOMEM: nothing changed.
llm_status llm_master_limits(struct llm_master *master, const struct llm_snapshot *snapshot);
// llm_master_describe("limits").  LLM_E_NOMEM.
llm_status llm_master_describe_limits(struct llm_master *master, const struct llm_snapshot *snapshot,
                                      char **ret, size_t *ret_len, llm_error *err);
// A place in the ledger for a call that is about to begin; LLM_OK also without a ledger.  Else as llm_ledger_begin().
llm_status llm_call_record_begin(struct llm_call *call, llm_error *err);
// The call is gone, whether it was recorded or not.  Idempotent.
void llm_call_record_drop(struct llm_call *call);
// Its row became safe: it goes on.
bool llm_call_record_is_safe(struct llm_call *call);
// It does not wait for its row any more.  Idempotent.
void llm_call_record_forget(struct llm_call *call);
// It has waited long enough.
void llm_call_record_late(struct llm_call *call);
// [writer] The row of this call (waiter) is safe.
void llm_call_record_safe(void *waiter);
// An event that is given, while call->reuse.records.
void llm_call_reuse_event(struct llm_call *call, const llm_event *event);
// Waits no longer for another call: it was cancelled or timed out.  Idempotent.
void llm_call_reuse_cancel(struct llm_call *call);
// The call is over: keep the answer when it may be kept, let those go on that share it.  Idempotent.
void llm_call_reuse_over(struct llm_call *call);
// What is counted and told to the host's listeners.
void llm_call_observe_start(struct llm_call *call);
void llm_call_observe_refused(struct llm_call *call, const llm_error *error); // instead of a start
void llm_call_observe_open(struct llm_call *call);                            // an attempt begins
struct llm_verdict;
void llm_call_observe_verdict(struct llm_call *call, const struct llm_verdict *verdict); // on one that failed
void llm_call_observe_attempt(struct llm_call *call, const struct llm_attempt *attempt);
void llm_call_observe_winner(
    struct llm_call *call); // the call's route is another now, and was not fallen back to
void llm_call_observe_end(struct llm_call *call);        // idempotent
void llm_call_observe_limit_wait(struct llm_call *call); // it stands in line
// It was admitted, or refused (status).
void llm_call_observe_limit_over(struct llm_call *call, bool waited, uint64_t wait_us, llm_status status);

// Give an event to the host and to the response.  LLM_OK, or what the codec is to stop with.
llm_status llm_call_emit(struct llm_call *call, llm_event *event);

// Make a target of the chain this call's: instance, generator, format, body.  On failure only the target's problem is noted.  No job may be open.
llm_status llm_call_take_target(struct llm_call *call, size_t index, llm_error *err);
// The answer is known, and a target's: the call is named after it.  LLM_E_NOMEM.
llm_status llm_call_take_route(struct llm_call *call, size_t index);
// The first that can be used; the error of the first when none can.
llm_status llm_call_first_target(struct llm_call *call, llm_error *err);
// One that is left and takes a failure of this class; false: none.
bool llm_call_next_target(struct llm_call *call, llm_status status);
uint32_t llm_call_targets_left(const struct llm_call *call, llm_status status);
// The provider is left alone for now: outcome and error say until when, unless an attempt failed before.
bool llm_call_breaker_is_open(struct llm_call *call);
void llm_call_left_alone(struct llm_call *call, uint64_t wait_ms);
// OPEN with another target, or SETTLE.
enum llm_step_name llm_call_skip_target(struct llm_call *call);
// Has this call been at the provider before?
bool llm_call_tried(const struct llm_call *call, const struct llm_provider *provider);
// Warn of targets that cannot be used.
void llm_call_tell_problems(struct llm_call *call);

// Go on with `resume` at that time: gives PAUSE.  A cancel or the deadline ends the wait.
enum llm_step_name llm_call_wait(struct llm_call *call, uint64_t until_us, enum llm_step_name resume);
// End the plugin's job, when there is one.
void llm_call_close_job(struct llm_call *call);

// The verbs of a call, bound to it once.
void llm_sink_bind(struct llm_call *call);    // call->out_verbs
void llm_request_bind(struct llm_call *call); // call->request_verbs

// The event goes to the host: what llm_call_emit() does when no other attempt is in its way.
llm_status llm_call_give(struct llm_call *call, llm_event *event);
// Keep a copy of an event with the call; give those that a racer kept to its call.
llm_status llm_call_enqueue(struct llm_call *call, const llm_event *event);
llm_status llm_call_flush(struct llm_call *racer, struct llm_call *call);

// Hedge (hedge.c).
void llm_call_hedge_arm(struct llm_call *call); // the first attempt begins
llm_status llm_call_hedge_event(struct llm_call *racer, llm_event *event,
                                bool binds);                    // the racer says something
void llm_call_hedge_lose(struct llm_call *call);                // the call gives output: its racer has lost
void llm_call_hedge_yield(struct llm_call *call);               // the racer has won: end this attempt
enum llm_step_name llm_call_hedge_over(struct llm_call *racer); // the racer is over: ENDED
void llm_call_hedge_stop(struct llm_call *call); // no race any more; the racer is over when it returns

// A call's memory, from the pool or new; and back.
struct llm_call *llm_call_take(struct llm_loop *loop);
void llm_call_drop(struct llm_call *call);
// Into the loop's list; out of it and released, when nothing of it is on the stack.
void llm_loop_list(struct llm_call *call);
void llm_loop_bury(struct llm_call *call);

// Start a new draft; its memory is kept.
void llm_request_reset(struct llm_call *call);
// Put together what is sent: lines, credential, slices.  LLM_E_DENIED, LLM_E_CONFIG, LLM_E_INVALID_REQUEST, LLM_E_NOMEM (call->error is set).
llm_status llm_request_finish(struct llm_call *call, struct llm_http_call *ret);
void llm_request_wipe(struct llm_call *call);

// Write call->error.
llm_status llm_call_fail(struct llm_call *call, llm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// From what a plugin said.
void llm_call_fault(struct llm_call *call, const llm_fault *fault);

// Deadlines.
void llm_call_phase(struct llm_call *call, enum llm_phase phase);
void llm_call_on_timer(struct llm_timer *timer);

// Generators that block.
enum llm_step_name llm_worker_start(struct llm_call *call);
void llm_worker_drain(struct llm_call *call); // give its events; ends the call when it is done
void llm_worker_stop(struct llm_call *call);  // tell it, and wait for it

// Calls around [call] functions of a codec: they hold the plugin's lock when it is not thread-safe.
void llm_codec_enter(struct llm_call *call);
void llm_codec_leave(struct llm_call *call);

// For the log and the debug record (debug.c): nothing when neither is wanted.
void llm_call_debug_request(struct llm_call *call, const struct llm_http_call *http);
void llm_call_debug_head(struct llm_call *call, uint32_t http_status, const llm_header *headers, size_t n);
void llm_call_debug_data(struct llm_call *call, const void *p, size_t n);
void llm_call_debug_over(struct llm_call *call); // call->outcome is known; idempotent
void llm_call_debug_number(struct llm_call *call,
                           uint32_t attempt); // the attempt is over, and this is its place in the list

// For LLM_QUERY_EXCHANGES (tape.c): nothing when it was not asked for.
void llm_call_tape_request(struct llm_call *call, const struct llm_http_call *http);
void llm_call_tape_head(struct llm_call *call, uint32_t http_status, const llm_header *headers, size_t n);
void llm_call_tape_data(struct llm_call *call, const void *p, size_t n);
void llm_call_tape_cut(struct llm_call *call);  // the connection broke, or was left; before ..._over
void llm_call_tape_over(struct llm_call *call); // call->outcome is known; idempotent

// Overwrite each occurrence of the call's secrets.
void llm_call_redact_text(struct llm_call *call, char *text, size_t len);

// 1 KiB of readable text for the log: secrets removed.
llm_str llm_call_redact(struct llm_call *call, llm_str text, char *buf, size_t size);

#endif
