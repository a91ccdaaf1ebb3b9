// SPDX-License-Identifier: MIT
// The only place that calls malloc: arena.c and buf.c build on it.  Tests make every call of it fail once.
#ifndef LLM_BASE_MEM_H
#define LLM_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "llm_master.h"

// Zeroed memory; NULL: none left.  size 0 gives a valid pointer.  Free with llm_mem_free().
void *llm_mem_new(size_t size);

// As llm_mem_new for count objects of size bytes; NULL also when the product does not fit.
void *llm_mem_array(size_t count, size_t size);

// realloc's rules; on NULL the old block is as it was.
void *llm_mem_resize(void *p, size_t size);

void llm_mem_free(void *p);

// A NUL-terminated copy; NULL: none left, or s.ptr is NULL.
char *llm_mem_dup(llm_str s);

// Make *list (of objects of `size` bytes, *cap of them allocated) hold one more than `count`; false: none left.
bool llm_mem_grow(void **list, size_t count, size_t *cap, size_t size);

#endif
