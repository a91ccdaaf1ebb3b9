// SPDX-License-Identifier: MIT
#include "term.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct term term_of(FILE *file) {
    const char *no_color = getenv("NO_COLOR");
    const char *name = getenv("TERM");
    struct term term = {.file = file, .last = '\n', .is_terminal = isatty(fileno(file)) == 1};
    term.colours = term.is_terminal && (no_color == NULL || no_color[0] == '\0') && name != NULL &&
                   strcmp(name, "dumb") != 0;
    return term;
}

static void put(struct term *term, const char *p, size_t n) {
    if (n > 0) {
        fwrite(p, 1, n, term->file);
        term->last = p[n - 1];
    }
}

// U+2400 and what follows are pictures of the C0 controls; U+2421 of DEL.
static void put_picture(struct term *term, unsigned char c) {
    const unsigned char code = c == 0x7f ? 0x21 : c;
    const char picture[] = {(char)0xe2, (char)0x90, (char)(0x80 | code), '\0'};
    put(term, picture, 3);
}

static const char replacement[] = "\xef\xbf\xbd"; // U+FFFD

// A byte that follows a held one.  true: it was used up.
static bool settle(struct term *term, unsigned char c) {
    if (term->held_cr) {
        term->held_cr = false;
        if (c != '\n') {
            put_picture(term, '\r');
        }
    }
    if (term->held_c2) {
        term->held_c2 = false;
        term->more = 0;
        if (c >= 0x80 && c < 0xa0) {
            put(term, replacement, 3);
            return true;
        }
        put(term, "\xc2", 1);
        if (c >= 0xa0 && c < 0xc0) {
            put(term, (const char *)&c, 1);
            return true;
        }
    }
    return false;
}

enum shown { AS_IT_IS, HELD, AS_PICTURE, AS_REPLACEMENT };

static enum shown judge(struct term *term, unsigned char c) {
    if (c >= 0x80 && c < 0xc0) {
        if (term->more == 0) {
            return AS_REPLACEMENT;
        }
        term->more--;
        return AS_IT_IS;
    }
    term->more = 0;
    if (c < 0x80) {
        return c == '\r' ? HELD : (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? AS_PICTURE : AS_IT_IS;
    }
    if (c < 0xc2 || c > 0xf4) {
        return AS_REPLACEMENT;
    }
    term->more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    return c == 0xc2 ? HELD : AS_IT_IS;
}

void term_write(struct term *term, const char *p, size_t n) {
    size_t from = 0; // what is not written yet
    if (!term->is_terminal) {
        put(term, p, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)p[i];
        if ((term->held_cr || term->held_c2) && settle(term, c)) {
            from = i + 1;
            continue;
        }
        const enum shown shown = judge(term, c);
        if (shown == AS_IT_IS) {
            continue;
        }
        put(term, p + from, i - from);
        from = i + 1;
        if (shown == HELD) {
            term->held_cr = c == '\r';
            term->held_c2 = c == 0xc2;
        } else if (shown == AS_PICTURE) {
            put_picture(term, c);
        } else {
            put(term, replacement, 3);
        }
    }
    put(term, p + from, n - from);
}

void term_text(struct term *term, const char *text) {
    term_write(term, text, strlen(text));
}

bool term_flush(struct term *term) {
    if (term->held_cr) {
        put_picture(term, '\r');
    }
    if (term->held_c2) {
        put(term, replacement, 3);
    }
    term->held_cr = term->held_c2 = false;
    return fflush(term->file) == 0 && ferror(term->file) == 0;
}

void term_style(struct term *term, const char *code) {
    if (term->colours) {
        fprintf(term->file, "\033[%sm", code);
    }
}
