// SPDX-License-Identifier: MIT
// Makes chosen allocations of the code under test fail.  A test that uses it names fail_alloc_dep among its dependencies:
// the linker then sends malloc, calloc and realloc of all that is linked into the program (not of shared libraries) here.
//
//     for (size_t n = 0;; n++) {
//         fail_alloc_after(n);
//         llm_status status = work();
//         if (!fail_alloc_off()) break; // n was past the last allocation: the work is done
//         ck_assert_int_eq(status, LLM_E_NOMEM);
//     }
//
// Check allocates in each of its assertions: keep them out of what is counted or made to fail.
#ifndef LLM_TEST_FAIL_ALLOC_H
#define LLM_TEST_FAIL_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

// Let n more allocations of this process work, make the one after them fail, and let all later ones work.
void fail_alloc_after(size_t n);

// The same, but all later ones fail too.
void fail_alloc_from(size_t n);

// All work again.  Was there one that failed since fail_alloc_after()?
bool fail_alloc_off(void);

// Allocations asked for since the process began.  The difference of two says what a piece of work costs.
size_t fail_alloc_count(void);
// And their bytes.
size_t fail_alloc_bytes(void);

#endif
