// SPDX-License-Identifier: MIT
#include "config/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "check_main.h"
#include "fail_alloc.h"
#include "llm_json.h"
#include "temp_dir.h"

static const struct {
    const char *in, *out; // out NULL: a comment is not closed
} comments[] = {
    {"", ""},
    {"{}", "{}"},
    {"// all of it", "            "},
    {"1 // one\n2", "1       \n2"},
    {"1 /* a */ 2", "1         2"},
    {"1 /* a\nb */ 2", "1     \n     2"},
    {"/**/1", "    1"},
    {"/***/1", "     1"},
    {"\"// no\"", "\"// no\""},
    {"\"/* no */\"", "\"/* no */\""},
    {"\"a\\\"// no\" // yes", "\"a\\\"// no\"       "},
    {"\"a\\\\\" // yes", "\"a\\\\\"       "},
    {"\"open // no", "\"open // no"},
    {"\"open\\", "\"open\\"},
    {"/ 1", "/ 1"},
    {"/", "/"},
    {"/* open", NULL},
    {"/*/", NULL},
    {"1 /* // */ 2", "1          2"},
    {"// /* \n1", "      \n1"},
    {"\xc3\xa4 // \xc3\xa4", "\xc3\xa4      "},
};

START_TEST(comments_become_blanks_in_place) {
    char text[64];
    const size_t len = strlen(comments[_i].in);
    memcpy(text, comments[_i].in, len + 1);
    ck_assert_int_eq(llm_document_blank_comments(text, len), comments[_i].out != NULL);
    if (comments[_i].out != NULL) {
        ck_assert_str_eq(text, comments[_i].out);
    }
}
END_TEST

static const struct {
    const char *text, *message;
} bad[] = {
    {"", "f:1:1: no valid JSON: it ends too early"},
    {"  \n ", "f:2:2: no valid JSON: it ends too early"},
    {"{\"a\": 1", "f:1:8: no valid JSON: it ends too early"},
    {"{\"a\": tru }", "f:1:10: no valid JSON here"},
    {"// c\n{\"a\": 1,}", "f:2:9: no valid JSON here"},
    {"{} x", "f:1:4: no valid JSON here"},
    {"{\"\xc3\xa4\": x}", "f:1:7: no valid JSON here"},
    {"\xef\xbb\xbf{}", "f:1:1: begins with a byte order mark"},
    {"{} /* x", "a comment is not closed"},
    {"{\"a\": \"\xff\"}", "f:1:8: no valid JSON here"},
};

START_TEST(bad_json_is_named_by_line_and_column) {
    struct llm_document doc = {0};
    llm_error err = LLM_ERROR_INIT;
    ck_assert_int_eq(llm_document_parse(&doc, LLM_STR("f"), llm_str_from(bad[_i].text), &err), LLM_E_CONFIG);
    ck_assert_msg(strstr(err.message, bad[_i].message) != NULL, "%s", err.message);
    ck_assert_ptr_null(doc.bytes);
}
END_TEST

START_TEST(depth_is_bounded) {
    char text[3 * (LLM_MAX_JSON_DEPTH + 1) + 1];
    for (int depth = LLM_MAX_JSON_DEPTH; depth <= LLM_MAX_JSON_DEPTH + 1; depth++) {
        struct llm_document doc = {0};
        llm_error err = LLM_ERROR_INIT;
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        ck_assert_int_eq(llm_document_parse(&doc, LLM_STR("f"), (llm_str){text, 2 * (size_t)depth}, &err),
                         depth <= LLM_MAX_JSON_DEPTH ? LLM_OK : LLM_E_CONFIG);
        llm_document_done(&doc);
    }
}
END_TEST

START_TEST(size_is_bounded) {
    char *text = malloc(LLM_MAX_SETTINGS_BYTES + 1);
    struct llm_document doc = {0};
    llm_error err = LLM_ERROR_INIT;
    memset(text, ' ', LLM_MAX_SETTINGS_BYTES + 1);
    text[0] = '1';
    ck_assert_int_eq(llm_document_parse(&doc, LLM_STR("f"), (llm_str){text, LLM_MAX_SETTINGS_BYTES}, &err),
                     LLM_OK);
    llm_document_done(&doc);
    ck_assert_int_eq(
        llm_document_parse(&doc, LLM_STR("f"), (llm_str){text, LLM_MAX_SETTINGS_BYTES + 1}, &err),
        LLM_E_CONFIG);
    free(text);
}
END_TEST

START_TEST(files_are_read_when_only_their_owner_can_write_them) {
    static const struct {
        mode_t mode;
        llm_status status;
        const char *message;
    } rows[] = {
        {0600, LLM_OK, ""},
        {0644, LLM_OK, ""},
        {0444, LLM_OK, ""},
        {0646, LLM_E_CONFIG, "everybody can write it"},
        {0666, LLM_E_CONFIG, "everybody can write it"},
    };
    struct temp_dir dir;
    temp_dir_new(&dir);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct llm_document doc = {0};
        llm_error err = LLM_ERROR_INIT;
        temp_dir_write(&dir, "a.json", "{} // x", 7, rows[i].mode);
        ck_assert_int_eq(llm_document_read(&doc, llm_str_from(temp_dir_file(&dir, "a.json")), &err),
                         rows[i].status);
        ck_assert_msg(strstr(err.message, rows[i].message) != NULL, "%s", err.message);
        ck_assert_int_eq(doc.readable_by_others, rows[i].status == LLM_OK && (rows[i].mode & 044) != 0);
        llm_document_done(&doc);
    }
    temp_dir_free(&dir);
}
END_TEST

START_TEST(what_is_no_file_is_refused) {
    struct temp_dir dir;
    struct llm_document doc = {0};
    llm_error err = LLM_ERROR_INIT;
    temp_dir_new(&dir);
    temp_dir_make(&dir, "d", 0755);
    ck_assert_int_eq(mkfifo(temp_dir_file(&dir, "pipe"), 0600), 0);
    ck_assert_int_eq(llm_document_read(&doc, llm_str_from(temp_dir_file(&dir, "none")), &err),
                     LLM_E_NOT_FOUND);
    ck_assert_int_eq(llm_document_read(&doc, llm_str_from(temp_dir_file(&dir, "d")), &err), LLM_E_CONFIG);
    ck_assert_int_eq(llm_document_read(&doc, llm_str_from(temp_dir_file(&dir, "pipe")), &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(
        strstr(err.message, "no regular file") != NULL ? err.message : strstr(err.message, "not a regular"));
    temp_dir_write(&dir, "x", "", 0, 0600);
    ck_assert_int_eq(llm_document_read(&doc, llm_str_from(temp_dir_file(&dir, "x/y")), &err),
                     LLM_E_NOT_FOUND);
    temp_dir_free(&dir);
}
END_TEST

static llm_status take_count(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    (void)doc;
    (void)value;
    (void)err;
    (*(int *)ctx)++;
    return LLM_OK;
}

static const struct llm_document_member table[] = {
    {"alpha", take_count}, {"beta", take_count}, {"gamma", take_count}, {NULL, NULL}};

static const struct {
    const char *text, *message;
    int count;
} members[] = {
    {"{}", NULL, 0},
    {"{\"alpha\": 1, \"gamma\": 2}", NULL, 2},
    {"{\"\\u0061lpha\": 1}", NULL, 1},
    {"{\"Alpha\": 1}", "f:1:2: unknown member \"Alpha\" in it; did you mean \"alpha\"?", 0},
    {"{\n  \"bета\": 1}", "f:2:3: unknown member", 0},
    {"{\"gama\": 1}", "did you mean \"gamma\"?", 0},
    {"{\"zzzzzzzz\": 1}", "known: alpha, beta, gamma", 0},
    {"{\"beta\": 1, \"beta\": 2}", "f:1:13: it names \"beta\" twice", 1},
    {"[]", "f:1:1: it must be an object", 0},
    {"1", "f:1:1: it must be an object", 0},
};

START_TEST(members_are_known_and_stand_once) {
    struct llm_document doc = {0};
    llm_error err = LLM_ERROR_INIT;
    int count = 0;
    ck_assert_int_eq(llm_document_parse(&doc, LLM_STR("f"), llm_str_from(members[_i].text), &err), LLM_OK);
    const llm_status status = llm_document_members(&doc, doc.root, "it", table, &count, &err);
    ck_assert_int_eq(status, members[_i].message == NULL ? LLM_OK : LLM_E_CONFIG);
    ck_assert_msg(members[_i].message == NULL || strstr(err.message, members[_i].message) != NULL, "%s",
                  err.message);
    ck_assert_int_eq(count, members[_i].count);
    llm_document_done(&doc);
}
END_TEST

START_TEST(values_are_typed) {
    static const char text[] =
        "{\"s\": \"a\\u00e4\", \"e\": \"\", \"c\": \"a\\nb\", \"z\": \"a\\u0000b\", \"i\": 12, \"h\": 1.5,"
        " \"t\": true, \"l\": [\"x\", \"y\"], \"m\": [\"x\", 1], \"n\": null}";
    struct llm_document doc = {0};
    struct llm_arena arena = {0};
    llm_error err = LLM_ERROR_INIT;
    llm_str s = LLM_STR("kept"), *list = NULL;
    size_t count = 0;
    int64_t number = 77;
    bool flag = false;
    ck_assert_int_eq(llm_document_parse(&doc, LLM_STR("f"), llm_str_from(text), &err), LLM_OK);
#define GET(name) llm_json_get(doc.root, name)
    ck_assert_int_eq(llm_document_string(&doc, GET("e"), "e", &arena, &s, &err), LLM_E_CONFIG);
    ck_assert_int_eq(llm_document_string(&doc, GET("c"), "c", &arena, &s, &err), LLM_E_CONFIG);
    ck_assert_int_eq(llm_document_string(&doc, GET("z"), "z", &arena, &s, &err), LLM_E_CONFIG);
    ck_assert_int_eq(llm_document_string(&doc, GET("i"), "i", &arena, &s, &err), LLM_E_CONFIG);
    ck_assert_int_eq(llm_document_string(&doc, GET("n"), "n", &arena, &s, &err), LLM_E_CONFIG);
    ck_assert(llm_str_is(s, "kept"));
    ck_assert_int_eq(llm_document_string(&doc, GET("s"), "s", &arena, &s, &err), LLM_OK);
    ck_assert(llm_str_is(s, "a\xc3\xa4"));
    ck_assert_int_eq(llm_document_int(&doc, GET("i"), "i", 0, 11, &number, &err), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "i must be a whole number from 0 to 11"));
    ck_assert_int_eq(llm_document_int(&doc, GET("i"), "i", 13, 20, &number, &err), LLM_E_CONFIG);
    ck_assert_int_eq(llm_document_int(&doc, GET("h"), "h", 0, 20, &number, &err), LLM_E_CONFIG);
    ck_assert_int_eq(number, 77);
    ck_assert_int_eq(llm_document_int(&doc, GET("i"), "i", 12, 12, &number, &err), LLM_OK);
    ck_assert_int_eq(number, 12);
    ck_assert_int_eq(llm_document_bool(&doc, GET("i"), "i", &flag, &err), LLM_E_CONFIG);
    ck_assert_int_eq(llm_document_bool(&doc, GET("t"), "t", &flag, &err), LLM_OK);
    ck_assert(flag);
    ck_assert_int_eq(llm_document_strings(&doc, GET("m"), "m", &arena, &list, &count, &err), LLM_E_CONFIG);
    ck_assert_int_eq(llm_document_strings(&doc, GET("i"), "i", &arena, &list, &count, &err), LLM_E_CONFIG);
    ck_assert_ptr_null(list);
    ck_assert_int_eq(llm_document_strings(&doc, GET("l"), "l", &arena, &list, &count, &err), LLM_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert(llm_str_is(list[1], "y"));
    ck_assert_int_eq(llm_document_strings(&doc, GET("s"), "s", &arena, &list, &count, &err), LLM_OK);
    ck_assert_uint_eq(count, 1);
#undef GET
    llm_arena_done(&arena);
    llm_document_done(&doc);
}
END_TEST

START_TEST(memory_that_is_gone_is_reported) {
    struct temp_dir dir;
    struct llm_document doc = {0};
    llm_error err = LLM_ERROR_INIT;
    temp_dir_new(&dir);
    temp_dir_write(&dir, "a.json", "{}", 2, 0600);
    const llm_str path = llm_str_from(temp_dir_file(&dir, "a.json"));
    for (size_t n = 0;; n++) {
        fail_alloc_after(n);
        const llm_status status = llm_document_read(&doc, path, &err);
        const bool failed = fail_alloc_off();
        if (!failed) {
            ck_assert_int_eq(status, LLM_OK);
            break;
        }
        ck_assert_int_eq(status, LLM_E_NOMEM);
        ck_assert_ptr_null(doc.bytes);
    }
    llm_document_done(&doc);
    temp_dir_free(&dir);
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof(list)[0])

int main(void) {
    Suite *suite = suite_create("document");
    TCase *tests = tcase_create("document");
    tcase_add_loop_test(tests, comments_become_blanks_in_place, 0, COUNT(comments));
    tcase_add_loop_test(tests, bad_json_is_named_by_line_and_column, 0, COUNT(bad));
    tcase_add_test(tests, depth_is_bounded);
    tcase_add_test(tests, size_is_bounded);
    tcase_add_test(tests, files_are_read_when_only_their_owner_can_write_them);
    tcase_add_test(tests, what_is_no_file_is_refused);
    tcase_add_loop_test(tests, members_are_known_and_stand_once, 0, COUNT(members));
    tcase_add_test(tests, values_are_typed);
    tcase_add_test(tests, memory_that_is_gone_is_reported);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
