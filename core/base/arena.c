// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_BYTES 1024u // the smallest block of an arena that holds nothing: many never need more
#define BLOCK_BYTES 4096u // of the others

struct llm_arena_block {
    struct llm_arena_block *next;
    size_t size, used;
    alignas(max_align_t) char data[];
};

// A kept block that is large enough, or a new one.
static struct llm_arena_block *take_block(struct llm_arena *arena, size_t size) {
    for (struct llm_arena_block **at = &arena->kept; *at != NULL; at = &(*at)->next) {
        if ((*at)->size >= size) {
            struct llm_arena_block *block = *at;
            *at = block->next;
            return block;
        }
    }
    const size_t least = arena->top == NULL ? FIRST_BYTES : BLOCK_BYTES;
    const size_t room = size > least ? size : least;
    if (room > SIZE_MAX - sizeof(struct llm_arena_block)) {
        return NULL;
    }
    // Not zeroed here: llm_arena_new() does that for what is cut.
    struct llm_arena_block *block = llm_mem_resize(NULL, sizeof *block + room);
    if (block != NULL) {
        block->size = room;
    }
    return block;
}

static void *cut(struct llm_arena *arena, size_t size, size_t align) {
    if (arena->limit != 0 && (size > arena->limit || arena->used > arena->limit - size)) {
        return NULL;
    }
    struct llm_arena_block *top = arena->top;
    size_t at = top != NULL ? (top->used + align - 1) & ~(align - 1) : 0;
    if (top == NULL || at > top->size || size > top->size - at) {
        top = take_block(arena, size);
        if (top == NULL) {
            return NULL;
        }
        top->next = arena->top;
        top->used = 0;
        arena->top = top;
        at = 0;
    }
    top->used = at + size;
    arena->used += size;
    return top->data + at;
}

void *llm_arena_new(struct llm_arena *arena, size_t size) {
    void *p = cut(arena, size, alignof(max_align_t));
    return p != NULL ? memset(p, 0, size) : NULL;
}

char *llm_arena_bytes(struct llm_arena *arena, size_t size) {
    return cut(arena, size, 1);
}

llm_str llm_arena_dup(struct llm_arena *arena, llm_str s) {
    if (s.ptr == NULL || s.len == SIZE_MAX) {
        return (llm_str){NULL, 0};
    }
    char *copy = llm_arena_bytes(arena, s.len + 1);
    if (copy == NULL) {
        return (llm_str){NULL, 0};
    }
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (llm_str){copy, s.len};
}

llm_str llm_arena_format(struct llm_arena *arena, const char *format, ...) {
    char first[256]; // most texts fit and are printed once
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int len = vsnprintf(first, sizeof first, format, args);
    va_end(args);
    char *text = len >= 0 ? llm_arena_bytes(arena, (size_t)len + 1) : NULL;
    if (text != NULL && (size_t)len < sizeof first) {
        memcpy(text, first, (size_t)len + 1);
    } else if (text != NULL) {
        (void)vsnprintf(text, (size_t)len + 1, format, again);
    }
    va_end(again);
    return (llm_str){text, text != NULL ? (size_t)len : 0};
}

void *llm_arena_grow(struct llm_arena *arena, void *list, size_t count, size_t *cap, size_t size) {
    if (count < *cap) {
        return list;
    }
    const size_t more = *cap != 0 ? *cap * 2 : 8;
    void *bigger = more <= SIZE_MAX / 2 / size ? llm_arena_new(arena, more * size) : NULL;
    if (bigger == NULL) {
        return NULL;
    }
    if (list != NULL && count > 0) {
        memcpy(bigger, list, count * size);
    }
    *cap = more;
    return bigger;
}

void llm_arena_reset(struct llm_arena *arena, size_t keep_bytes) {
    size_t kept = 0;
    for (struct llm_arena_block *block = arena->kept; block != NULL; block = block->next) {
        kept += block->size;
    }
    while (arena->top != NULL) {
        struct llm_arena_block *block = arena->top;
        arena->top = block->next;
        if (block->size <= keep_bytes && kept <= keep_bytes - block->size) {
            kept += block->size;
            block->next = arena->kept;
            arena->kept = block;
        } else {
            llm_mem_free(block);
        }
    }
    arena->used = 0;
}

void llm_arena_done(struct llm_arena *arena) {
    llm_arena_reset(arena, 0);
    while (arena->kept != NULL) {
        struct llm_arena_block *block = arena->kept;
        arena->kept = block->next;
        llm_mem_free(block);
    }
    *arena = (struct llm_arena){0};
}
