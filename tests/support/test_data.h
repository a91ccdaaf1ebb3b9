// SPDX-License-Identifier: MIT
// Files that tests run over: those of the tree, and those of the shared directory beside it, which may be absent.
#ifndef LLM_TEST_DATA_H
#define LLM_TEST_DATA_H

#include <stdbool.h>
#include <stddef.h>

#define TEST_PATH_BYTES 4096

// The path of a file of the tree ("tests/conformance/vectors/sse.json").
void test_data_source(char path[TEST_PATH_BYTES], const char *name);

// The path of a file or folder of the shared directory (LLM_MASTER_SHARED, else ../shared beside the tree); false: not there.
bool test_data_shared(char path[TEST_PATH_BYTES], const char *name);

// The bytes of a file in a block of just that size (NULL: cannot be read), to be freed with free().
char *test_data_read(const char *path, size_t *ret_len);

// The n bytes with a NUL behind them, to be freed: unlike strndup it reads no byte more.
char *test_data_text(const char *bytes, size_t n);

#endif
