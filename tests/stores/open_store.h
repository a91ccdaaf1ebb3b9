// SPDX-License-Identifier: MIT
// For tests of stores: find a store's file, check and load it as the core does, and make rows for it.
#ifndef LLM_TEST_OPEN_STORE_H
#define LLM_TEST_OPEN_STORE_H

#include "llm_store.h"

// A store's file; NULL: store_sqlite.so of the build.  Aborts with a message when it cannot be loaded.  As long as the program.
const llm_store_descriptor *store_load(const char *file);

// Row number n, the same each time: times a second apart from 2026-01-01, three providers, costs of n dollars and n pico-USD.
llm_store_row store_row(uint32_t n);

#endif
