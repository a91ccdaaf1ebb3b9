// SPDX-License-Identifier: MIT
// Text for people.  On a terminal, control sequences in text of others are made visible instead of being obeyed.
#ifndef LLM_CLI_TERM_H
#define LLM_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct term {
    FILE *file;
    bool is_terminal;
    bool colours;  // a terminal, NO_COLOR is not set, TERM is not "dumb"
    char last;     // the last byte that was written; '\n' at the start
    bool held_cr;  // private: a CR whose LF may follow in the next piece
    bool held_c2;  // private: the first byte of what may be a C1 control
    unsigned more; // private: bytes that the character under way still has
};

struct term term_of(FILE *file);

// Text of others, in pieces that may end inside a character.  On a terminal: CR LF is LF; other control bytes (C0 but LF and TAB,
// DEL, C1) are shown as symbols, bytes that are no UTF-8 as U+FFFD.  Elsewhere: as it is.
void term_write(struct term *term, const char *p, size_t n);
void term_text(struct term *term, const char *text);

// What a piece left open is written; then all of it is flushed.  false: it could not be written.
bool term_flush(struct term *term);

// Our own escape sequences: nothing without colours.  "31": red, "1": bold, "2": faint, "0": end.
void term_style(struct term *term, const char *code);

#endif
