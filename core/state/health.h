// SPDX-License-Identifier: MIT
// Health: what is known of each provider, of each of its keys and of each target (a provider's model) from the calls of late.
// It belongs to the master and outlives reloads.
//
// Times are monotonic microseconds (llm_clock_us()) and are given; a clock that stands still or jumps back is harmless.  Nothing
// allocates and nothing waits but for one short lock a provider, except llm_health_get(), llm_health_target() and llm_health_configure(),
// which belong to the making of a snapshot.
//
// What an outcome says:
//     the provider is at fault (its breaker counts it)   LLM_E_OVERLOADED, _SERVER, _TIMEOUT, _TRANSPORT, _PROTOCOL
//     the provider is well, the key rests                LLM_E_RATE_LIMITED, _QUOTA, _AUTH
//     the provider is well                               LLM_OK; every other status with which a byte of an answer came
//     nothing                                            LLM_E_CANCELLED; every other status without a byte of an answer
// A time-out that the caller chose shorter than the settings' is to be given as LLM_E_CANCELLED: it is no fault of the provider's.
#ifndef LLM_STATE_HEALTH_H
#define LLM_STATE_HEALTH_H

#include "base/str.h"
#include "config/breaker.h"
#include "state/breaker.h"

struct llm_health;
struct llm_health_entry;  // a key of a provider; with it the provider
struct llm_health_target; // a model of a provider: its latency and what is in flight

enum llm_health_pass {
    LLM_HEALTH_GO,
    LLM_HEALTH_PROBE, // the one call that finds out whether the provider is back
    LLM_HEALTH_COOLING, // it may go, but the key rests: another key, or another provider, is better (llm_health_look() only)
    LLM_HEALTH_OPEN, // it may not
};

// ---- life --------------------------------------------------------------------------------------------------------------

// seed: of the jitter, any number.  NULL: out of memory.
struct llm_health *llm_health_new(uint64_t seed);
// No call may be between enter and leave.  NULL is fine.
void llm_health_free(struct llm_health *health);
// [any] Whenever a provider's breaker has changed its state; called without a lock, in the thread of the attempt.
typedef void (*llm_health_changed_fn)(void *ctx, llm_str provider, enum llm_breaker_state state);
// Before the first attempt.
void llm_health_on_change(struct llm_health *health, llm_health_changed_fn changed, void *ctx);
// [any] From now on by these rules.  Keys that rest because they were refused (LLM_E_AUTH, LLM_E_QUOTA) are tried again.
void llm_health_configure(struct llm_health *health, const struct llm_breaker_settings *breaker,
                          const struct llm_retry_budget_settings *budget);

// [any] Has the provider refused this key (LLM_E_AUTH), and answered no call with it since?  Reloads do not change that.
bool llm_health_was_refused(struct llm_health_entry *entry);
// [any] The key is another one from now on.
void llm_health_renew(struct llm_health_entry *entry);

// [any] Find or make.  What is given never moves and lives as long as the health.  NULL: out of memory.
struct llm_health_entry *llm_health_get(struct llm_health *health, llm_str provider, llm_str key);
struct llm_health_target *llm_health_target(struct llm_health *health, llm_str provider, llm_str model);

// ---- attempts ----------------------------------------------------------------------------------------------------------

// What an attempt holds between enter and leave.  Zeroed: nothing.
struct llm_health_ticket {
    struct llm_health_entry *entry;   // NULL: nothing is held
    struct llm_health_target *target; // nullable
    uint64_t start_us;
    struct llm_breaker_ticket breaker;
};

// [any] An attempt is about to start.  target: nullable.  GO, PROBE: it is in flight and *ret is to be given to llm_health_leave().
// OPEN: *ret_retry_after_ms (>= 1) says when to ask again, and *ret is zeroed.
enum llm_health_pass llm_health_enter(struct llm_health_entry *entry, struct llm_health_target *target,
                                      uint64_t now_us, struct llm_health_ticket *ret,
                                      uint64_t *ret_retry_after_ms);

// [any] An attempt is over.  A ticket that holds nothing is left alone, so that a second call is harmless.
// status: LLM_OK or what went wrong.  first_byte_us: from the start to the first byte of the answer; 0: none came.
// retry_after_ms: the provider's advice; -1: none.
void llm_health_leave(struct llm_health_ticket *ticket, uint64_t now_us, llm_status status,
                      uint64_t first_byte_us, int64_t retry_after_ms);

// ---- choice ------------------------------------------------------------------------------------------------------------

// [any] What llm_health_enter() would say, or COOLING; nothing changes.  COOLING, OPEN: *ret_retry_after_ms (>= 1) says until when.
enum llm_health_pass llm_health_look(struct llm_health_entry *entry, uint64_t now_us,
                                     uint64_t *ret_retry_after_ms);

#define LLM_HEALTH_SCORE_COOLING (UINT64_MAX / 2)
#define LLM_HEALTH_SCORE_OPEN UINT64_MAX

// [any] The smaller the better: estimate of the latency (us) * (in flight + 1) * (faults in a row + 1), of the target where there is one
// (NULL: of the provider).  0: nothing is known and nothing in flight, or a probe is due.  For two targets taken at random of many, the
// better one is the choice.
uint64_t llm_health_score(struct llm_health_entry *entry, struct llm_health_target *target, uint64_t now_us);

// [any] Which of a provider's keys the next attempt uses: in turn, of two neighbours the one with less in flight and fewer refusals,
// none that rests while another does not; when all rest, the one that does so for the shortest time.  n >= 1; all of one provider.
size_t llm_health_pick(struct llm_health_entry *const *keys, size_t n, uint64_t now_us);

// ---- retry budget --------------------------------------------------------------------------------------------------------

// [any] A call (not a try of it) goes to the provider.
void llm_health_deposit(struct llm_health_entry *entry, uint64_t now_us);
// [any] It is tried again with the provider: true, or the budget is used up and it may not.
bool llm_health_withdraw(struct llm_health_entry *entry, uint64_t now_us);
// [any] Would it be true?  Nothing is taken.
bool llm_health_can_withdraw(struct llm_health_entry *entry, uint64_t now_us);

// ---- what people see -----------------------------------------------------------------------------------------------------

struct llm_health_view {
    enum llm_breaker_state state; // of the provider, as of now
    uint64_t retry_after_ms;      // OPEN: until the next probe; 0: another call may be the probe
    uint32_t consecutive;         // faults in a row
    uint32_t in_flight;           // attempts with the provider
    uint64_t latency_us;          // estimate, not faded; 0: unknown
    uint64_t retries_left;
    uint32_t key_in_flight;
    uint64_t key_rests_ms; // 0: it does not
    llm_status key_status; // why it rests
};

// [any]
void llm_health_view(struct llm_health_entry *entry, uint64_t now_us, struct llm_health_view *ret);

#endif
