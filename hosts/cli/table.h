// SPDX-License-Identifier: MIT
// Tables for people: columns as wide as what stands in them, the last one as long as it is.
#ifndef LLM_CLI_TABLE_H
#define LLM_CLI_TABLE_H

#include "cli.h"

#define CLI_MAX_COLUMNS 12u

struct table {
    const char *const *heads;
    size_t n_columns;
    size_t widths[CLI_MAX_COLUMNS]; // in characters
    struct host_text text;          // all cells, one behind the other
    size_t *ends;                   // where each ends
    size_t n_cells, cap_cells;
    bool failed;
};

// heads: static.
struct table table_new(const char *const *heads, size_t n_columns);
void table_cell(struct table *table, llm_str text);   // absent or empty: "-"; control bytes are blanks
void table_string(struct table *table, llm_str json); // a JSON string, decoded; other values as they stand
// Print it, and free it.
void table_print(struct table *table, struct term *term);

#endif
