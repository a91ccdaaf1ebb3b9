// SPDX-License-Identifier: MIT
#include "table.h"

#include <stdlib.h>

static size_t characters(llm_str text) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return n;
}

struct table table_new(const char *const *heads, size_t n_columns) {
    struct table table = {.heads = heads, .n_columns = n_columns};
    for (size_t i = 0; i < n_columns; i++) {
        table.widths[i] = strlen(heads[i]);
    }
    return table;
}

static void end_cell(struct table *table, size_t from) {
    if (table->n_cells == table->cap_cells) {
        const size_t cap = table->cap_cells == 0 ? 256 : table->cap_cells * 2;
        size_t *ends = realloc(table->ends, cap * sizeof *ends);
        if (ends == NULL) {
            table->failed = true;
            return;
        }
        table->ends = ends;
        table->cap_cells = cap;
    }
    if (table->text.len == from) {
        host_text_text(&table->text, "-");
    }
    for (size_t i = from; i < table->text.len; i++) {
        const unsigned char c = (unsigned char)table->text.ptr[i];
        table->text.ptr[i] = c < 0x20 || c == 0x7f ? ' ' : table->text.ptr[i];
    }
    const size_t width = characters((llm_str){table->text.ptr + from, table->text.len - from});
    size_t *widest = &table->widths[table->n_cells % table->n_columns];
    *widest = width > *widest ? width : *widest;
    table->ends[table->n_cells++] = table->text.len;
}

void table_cell(struct table *table, llm_str text) {
    const size_t from = table->text.len;
    host_text_add(&table->text, text.ptr, text.len);
    end_cell(table, from);
}

void table_string(struct table *table, llm_str json) {
    const size_t from = table->text.len;
    if (llm_json_type(json) == '"') {
        host_text_decoded(&table->text, json);
    } else if (llm_json_type(json) != 'n') {
        host_text_add(&table->text, json.ptr, json.len);
    }
    end_cell(table, from);
}

static void print_cell(const struct table *table, struct term *term, size_t column, llm_str text) {
    term_write(term, text.ptr, text.len);
    if (column + 1 == table->n_columns) {
        term_text(term, "\n");
        return;
    }
    for (size_t i = characters(text); i < table->widths[column] + 2; i++) {
        term_text(term, " ");
    }
}

void table_print(struct table *table, struct term *term) {
    size_t from = 0, column = 0;
    term_style(term, "1");
    for (size_t i = 0; i < table->n_columns; i++) {
        print_cell(table, term, i, host_str(table->heads[i]));
    }
    term_style(term, "0");
    for (size_t i = 0; i < table->n_cells; i++) {
        const llm_str text = {table->text.ptr + from, table->ends[i] - from};
        print_cell(table, term, column, text);
        column = column + 1 < table->n_columns ? column + 1 : 0;
        from = table->ends[i];
    }
    host_text_done(&table->text);
    free(table->ends);
    table->ends = NULL;
}
