// SPDX-License-Identifier: MIT
// A locale in which 1.5 is written 1,5.  Few machines have one installed, so one is made: glibc reads a category from
// $LOCPATH/NAME/LC_NUMERIC.
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "validator.h"

#define NAME "comma"

static bool is_comma(void) {
    return strcmp(localeconv()->decimal_point, ",") == 0; // NOLINT: the validator is a program
}

#if defined(__GLIBC__)
// The file as glibc maps it: offsets from its beginning, then what they point to.
static const struct {
    uint32_t magic, count;
    uint32_t decimal_point, thousands_sep, grouping, decimal_wide, thousands_wide, codeset;
    char texts[4];
    uint32_t wide_comma, wide_nothing;
    char utf8[8];
} numeric = {0x20031115u ^ LC_NUMERIC, 6, 32, 34, 34, 36, 40, 44, ",", ',', 0, "UTF-8"};

static bool write_numeric(const char *path) {
    FILE *f = fopen(path, "wb");
    const bool written = f != NULL && fwrite(&numeric, sizeof numeric, 1, f) == 1;
    return f != NULL && fclose(f) == 0 && written;
}

static bool set_made(void) {
    const char *top = getenv("TMPDIR");
    char dir[512], folder[sizeof dir + 8], path[sizeof folder + 16];
    const int n =
        snprintf(dir, sizeof dir, "%s/llm-locale-XXXXXX", top != NULL && top[0] == '/' ? top : "/tmp");
    if (n < 0 || (size_t)n >= sizeof dir || mkdtemp(dir) == NULL) {
        return false;
    }
    (void)snprintf(folder, sizeof folder, "%s/%s", dir, NAME);
    (void)snprintf(path, sizeof path, "%s/LC_NUMERIC", folder);
    const bool set = mkdir(folder, 0700) == 0 && write_numeric(path) && setenv("LOCPATH", dir, 1) == 0 &&
                     setlocale(LC_NUMERIC, NAME) != NULL; // NOLINT: the validator is a program
    (void)unsetenv("LOCPATH");
    (void)unlink(path);
    (void)rmdir(folder);
    (void)rmdir(dir);
    return set && is_comma();
}
#else
static bool set_made(void) {
    return false; // how this C library keeps its locales is not known here
}
#endif

bool check_decimal_comma(void) {
    static const char *const installed[] = {"de_DE.UTF-8", "de_DE.utf8",  "fr_FR.UTF-8",
                                            "ru_RU.UTF-8", "pt_BR.UTF-8", "es_ES.UTF-8"};
    bool set = set_made();
    for (size_t i = 0; !set && i < sizeof installed / sizeof installed[0]; i++) {
        set = setlocale(LC_ALL, installed[i]) != NULL && is_comma(); // NOLINT: the validator is a program
    }
    return set;
}
