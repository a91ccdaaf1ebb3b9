// SPDX-License-Identifier: MIT
// The parts of the command line that need no call: terminal text, options, files, bodies, tables.
#include "body.h"
#include "check_main.h"
#include "files.h"
#include "table.h"

#include <stdlib.h>
#include <unistd.h>

static struct term opened(bool is_terminal) {
    struct term term = term_of(tmpfile());
    term.is_terminal = is_terminal;
    term.colours = false;
    return term;
}

static const char *written(struct term *term) {
    static char text[1024];
    term_flush(term);
    rewind(term->file);
    text[fread(text, 1, sizeof text - 1, term->file)] = '\0';
    fclose(term->file);
    return text;
}

START_TEST(control_bytes_are_shown_on_a_terminal) {
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"plain\ttext\n", "plain\ttext\n"},
        {"a\x1b[31mb", "a␛[31mb"},
        {"bell\a back\b del\x7f", "bell␇ back␈ del␡"},
        {"crlf\r\nnext", "crlf\nnext"},
        {"cr\rover", "cr␍over"},
        {"cr\r", "cr␍"},
        {"c1 \xc2\x9b x", "c1 \xef\xbf\xbd x"},
        {"nbsp \xc2\xa0 x", "nbsp \xc2\xa0 x"},
        {"h\xc3\xa9llo € 😀", "h\xc3\xa9llo € 😀"},
        {"\xe2\x82\x9b stays", "\xe2\x82\x9b stays"},
        {"stray \x9b byte", "stray \xef\xbf\xbd byte"},
        {"\xc0\xaf \xf5", "\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd"},
        {"end \xc2", "end \xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t n = strlen(cases[i].text);
        for (size_t step = 1; step <= n; step += step < 3 ? 1 : n) {
            struct term term = opened(true);
            for (size_t at = 0; at < n; at += step) {
                term_write(&term, cases[i].text + at, n - at < step ? n - at : step);
            }
            ck_assert_str_eq(written(&term), cases[i].want);
        }
    }
}
END_TEST

START_TEST(elsewhere_bytes_are_left_alone) {
    struct term term = opened(false);
    term_text(&term, "a\x1b[31mb\r\n\xc2\x9b");
    ck_assert_str_eq(written(&term), "a\x1b[31mb\r\n\xc2\x9b");
}
END_TEST

START_TEST(near_names_are_found) {
    static const char *const names[] = {"query", "image", "providers", "plugins"};
    static const struct {
        const char *typed, *want;
    } cases[] = {
        {"qurey", "query"},
        {"images", "image"},
        {"provider", "providers"},
        {"pluggins", "plugins"},
        {"x", NULL},
        {"something", NULL},
        {"", NULL},
        {"a-name-that-is-far-too-long-to-be-anything-at-all", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *got = cli_nearest(cases[i].typed, names, 4);
        ck_assert_msg(cases[i].want == NULL ? got == NULL : got != NULL && strcmp(got, cases[i].want) == 0,
                      "%s: %s", cases[i].typed, got != NULL ? got : "none");
    }
}
END_TEST

START_TEST(pictures_tell_their_size) {
    static const struct {
        const char *bytes;
        size_t n;
        unsigned width, height; // 0: it does not say
    } cases[] = {
        {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\2\0\0\3\4", 24, 258, 772},
        {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1", 19, 0, 0},
        {"GIF89a\x10\0\x20\1", 10, 16, 288},
        {"\xff\xd8\xff\xe0\0\4ab\xff\xc0\0\x11\x08\0\x40\0\x80\3", 19, 128, 64},
        {"\xff\xd8\xff\xe0\xff\xff", 6, 0, 0},
        {"RIFF\0\0\0\0WEBPVP8X\n\0\0\0\0\0\0\0\xff\3\0\xff\1\0", 30, 1024, 512},
        {"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x0f\xc0\1\0", 25, 16, 8},
        {"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\1\x2a\x40\0\x20\0", 30, 64, 32},
        {"<svg", 4, 0, 0},
        {"", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned width = 0, height = 0;
        const bool known = cli_picture_size((llm_str){cases[i].bytes, cases[i].n}, &width, &height);
        ck_assert_msg(known == (cases[i].width != 0), "case %zu", i);
        ck_assert_msg(!known || (width == cases[i].width && height == cases[i].height), "case %zu: %ux%u", i,
                      width, height);
    }
}
END_TEST

START_TEST(kinds_are_told_from_bytes_then_names) {
    static const struct {
        const char *bytes, *name, *want;
    } cases[] = {
        {"\x89PNG\r\n\x1a\nrest", "x.jpg", "image/png"},
        {"\xff\xd8\xff rest", "x", "image/jpeg"},
        {"%PDF-1.7", "x.txt", "application/pdf"},
        {"text", "x.JSON", "application/json"},
        {"text", "notes", "text/plain"},
        {"\1\2\3", "notes", "application/octet-stream"},
        {"\xff\xfe x", "notes", "application/octet-stream"},
        {"h\xc3\xa9", "x.md", "text/plain"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_str_eq(cli_mime_of(host_str(cases[i].bytes), cases[i].name), cases[i].want);
    }
    ck_assert_str_eq(cli_extension_of(host_str("image/jpeg")), "jpg");
    ck_assert_str_eq(cli_extension_of(host_str("image/unheard-of")), "bin");
}
END_TEST

START_TEST(results_have_names_of_their_own) {
    static const struct {
        const char *output;
        size_t index, count;
        const char *want;
    } cases[] = {
        {"car.png", 1, 1, "car.png"},
        {"car.png", 2, 3, "car-2.png"},
        {"car", 2, 2, "car-2"},
        {"a.b/car", 1, 2, "a.b/car-1"},
        {".hidden", 1, 2, ".hidden-1"},
        {"dir/.hidden", 1, 2, "dir/.hidden-1"},
        {"dir/a.tar.gz", 1, 2, "dir/a.tar-1.gz"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct host_text path = {0};
        ck_assert(cli_result_path(cases[i].output, "image", cases[i].index, cases[i].count, "png", &path));
        ck_assert_str_eq(path.ptr, cases[i].want);
        host_text_done(&path);
    }
}
END_TEST

START_TEST(options_are_read_in_every_spelling) {
    static const struct cli_option table[] = {
        {'m', "model", "MODEL", ""}, {'j', "json", NULL, ""}, {0, "schema", "FILE", ""}};
    char texts[][12] = {"-mA",  "-m",     "B", "--model",   "C",  "--model=D", "-jm",   "E",
                        "-vqj", "--json", "-", "--schema=", "--", "-m",        "--json"};
    char *words[sizeof texts / sizeof texts[0]];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        words[i] = texts[i];
    }
    const char *const want[] = {"m:A", "m:B", "m:C", "m:D", "j", "m:E", "j", "j", "-", "s:", "-m", "--json"};
    struct cli cli = {.out = opened(false), .err = opened(false)};
    struct cli_args args = {.cli = &cli,
                            .argv = words,
                            .argc = sizeof words / sizeof words[0],
                            .command = "x",
                            .table = table,
                            .n_table = 3};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        char got[64];
        const int found = cli_args_next(&args);
        if (found == CLI_ARG_OPERAND) {
            snprintf(got, sizeof got, "%s", args.value);
        } else {
            ck_assert_int_eq(found, CLI_ARG_OPTION);
            snprintf(got, sizeof got, "%c%s%s", args.option->name[0], args.value != NULL ? ":" : "",
                     args.value != NULL ? args.value : "");
        }
        ck_assert_str_eq(got, want[i]);
    }
    ck_assert_int_eq(cli_args_next(&args), CLI_ARG_END);
    ck_assert(cli.quiet && cli.verbose == 1);
    fclose(cli.out.file);
    fclose(cli.err.file);
}
END_TEST

START_TEST(tables_are_as_wide_as_their_cells) {
    static const char *const heads[] = {"A", "LONG", "LAST"};
    struct term term = opened(false);
    struct table table = table_new(heads, 3);
    table_cell(&table, host_str("wide cell"));
    table_cell(&table, host_str("é"));
    table_cell(&table, (llm_str){0});
    table_string(&table, host_str("\"x\\ny\""));
    table_string(&table, host_str("12"));
    table_string(&table, host_str("null"));
    table_print(&table, &term);
    ck_assert_str_eq(written(&term), "A          LONG  LAST\nwide cell  é     -\nx y        12    -\n");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cli");
    TCase *tests = tcase_create("cli");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, control_bytes_are_shown_on_a_terminal);
    tcase_add_test(tests, elsewhere_bytes_are_left_alone);
    tcase_add_test(tests, near_names_are_found);
    tcase_add_test(tests, pictures_tell_their_size);
    tcase_add_test(tests, kinds_are_told_from_bytes_then_names);
    tcase_add_test(tests, results_have_names_of_their_own);
    tcase_add_test(tests, options_are_read_in_every_spelling);
    tcase_add_test(tests, tables_are_as_wide_as_their_cells);
    return check_main(suite);
}
