// SPDX-License-Identifier: MIT
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *llm_mem_new(size_t size) {
    return calloc(1, size != 0 ? size : 1);
}

void *llm_mem_array(size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL; // some allocators stop the program here
    }
    return llm_mem_new(count * size);
}

void *llm_mem_resize(void *p, size_t size) {
    return realloc(p, size != 0 ? size : 1);
}

void llm_mem_free(void *p) {
    free(p);
}

char *llm_mem_dup(llm_str s) {
    if (s.ptr == NULL || s.len == SIZE_MAX) {
        return NULL;
    }
    char *copy = malloc(s.len + 1);
    if (copy != NULL) {
        memcpy(copy, s.ptr, s.len);
        copy[s.len] = '\0';
    }
    return copy;
}

bool llm_mem_grow(void **list, size_t count, size_t *cap, size_t size) {
    if (count < *cap) {
        return true;
    }
    const size_t more = *cap != 0 ? *cap * 2 : 8;
    if (more > SIZE_MAX / size) {
        return false;
    }
    void *bigger = realloc(*list, more * size);
    if (bigger == NULL) {
        return false;
    }
    *list = bigger;
    *cap = more;
    return true;
}
