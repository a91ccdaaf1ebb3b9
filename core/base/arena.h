// SPDX-License-Identifier: MIT
// Memory that is let go all at once.  One arena a call, one a snapshot.
#ifndef LLM_BASE_ARENA_H
#define LLM_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "llm_master.h"

struct llm_arena_block;

// Zeroed is valid: empty, without a limit.
struct llm_arena {
    struct llm_arena_block *top;  // the block that is cut from
    struct llm_arena_block *kept; // blocks that llm_arena_reset() kept for later
    size_t used;                  // bytes cut
    size_t limit;                 // bytes that may be cut; 0: no limit
};

// Zeroed bytes, aligned for any object, borrowed until reset or done.  NULL: limit or memory exhausted; nothing changed.
void *llm_arena_new(struct llm_arena *arena, size_t size);

// The same, not zeroed, aligned to 1: for text.
char *llm_arena_bytes(struct llm_arena *arena, size_t size);

// A copy with a NUL behind it; ptr NULL: exhausted.  The copy of an absent text is absent.
llm_str llm_arena_dup(struct llm_arena *arena, llm_str s);

// printf; ptr NULL: exhausted.
llm_str llm_arena_format(struct llm_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// A list of objects of `size` bytes with room for one more than `count`: the old one, or a larger copy (the old one stays cut).
// *cap: how many it has room for.  NULL: exhausted; the old one is as it was.
void *llm_arena_grow(struct llm_arena *arena, void *list, size_t count, size_t *cap, size_t size);

// Everything cut is gone; up to keep_bytes of blocks stay allocated for the next user.
void llm_arena_reset(struct llm_arena *arena, size_t keep_bytes);

void llm_arena_done(struct llm_arena *arena);

#endif
