// SPDX-License-Identifier: MIT
// llm-json-check: does each file hold one JSON text?  The judge is the one that requests and answers pass.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/gate.h"
#include "llm_json.h"

enum { DEPTH_MAX = 100000 };

static const char usage[] = "usage: llm-json-check FILE...\n"
                            "\n"
                            "Judges each file (- is standard input) by the grammar of RFC 8259: one JSON "
                            "text in UTF-8, blanks around it, nothing\n"
                            "else.  Names that stand twice in an object are legal there, and so is half a "
                            "surrogate pair written as \\u escape.\n"
                            "Nesting is judged down to 100000 levels.  Prints for each file\n"
                            "\n"
                            "  FILE: ok\n"
                            "  FILE:LINE:COLUMN: what is wrong      counted from 1, a column is a character\n"
                            "\n"
                            "Exit status: 0 all are valid; 1 one is not, or cannot be read; 2 wrong usage.\n";

static void *grow(void *p, size_t size) {
    void *bigger = realloc(p, size);
    if (bigger == NULL) {
        fprintf(stderr, "llm-json-check: out of memory\n");
        exit(1);
    }
    return bigger;
}

// The bytes of a file, to be freed; false: errno.
static bool read_file(const char *path, char **ret_bytes, size_t *ret_len) {
    const bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    size_t len = 0, cap = 1 << 16, got;
    if (file == NULL) {
        return false;
    }
    char *bytes = grow(NULL, cap);
    errno = 0;
    while ((got = fread(bytes + len, 1, cap - len, file)) > 0) {
        len += got;
        if (len == cap) {
            bytes = grow(bytes, cap *= 2);
        }
    }
    const int failed = ferror(file) ? errno : 0;
    if (!is_stdin) {
        (void)fclose(file);
    }
    if (failed != 0) {
        free(bytes);
        errno = failed;
        return false;
    }
    *ret_bytes = bytes;
    *ret_len = len;
    return true;
}

static bool check(const char *path) {
    static uint64_t levels[(DEPTH_MAX + 63) / 64];
    char *bytes;
    size_t len, at;
    if (!read_file(path, &bytes, &len)) {
        fprintf(stderr, "llm-json-check: %s: %s\n", path, strerror(errno));
        return false;
    }
    const llm_str text = {bytes, len};
    const int bad = llm_json_judge(text, DEPTH_MAX, levels, &at);
    if (bad == LLM_JSON_VALID) {
        printf("%s: ok\n", path);
    } else {
        const struct llm_gate_place place = llm_gate_place(text, at);
        char words[LLM_GATE_WORDS_BYTES];
        llm_gate_words(text, bad, at, words);
        printf("%s:%zu:%zu: %s\n", path, place.line, place.column, words);
    }
    free(bytes);
    return bad == LLM_JSON_VALID;
}

int main(int argc, char **argv) {
    int i = 1;
    bool good = true;
    if (i < argc && strcmp(argv[i], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (i < argc && strcmp(argv[i], "--") == 0) {
        i++;
    } else if (i < argc && argv[i][0] == '-' && argv[i][1] != '\0') {
        fprintf(stderr, "llm-json-check: no option %s; --help tells more\n", argv[i]);
        return 2;
    }
    if (i == argc) {
        fputs(usage, stderr);
        return 2;
    }
    for (; i < argc; i++) {
        good = check(argv[i]) && good;
    }
    return fflush(stdout) == 0 && good ? 0 : 1;
}
