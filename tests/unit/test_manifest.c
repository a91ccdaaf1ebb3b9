// SPDX-License-Identifier: MIT
#include "check_main.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "plugin/manifest.h"

static const void *offer(void *ctx, const char *id) {
    return strcmp(id, "llm.host.sign/1") == 0 ? ctx : NULL;
}

static int anything;
static const llm_host host = {.size = sizeof host, .ctx = &anything, .get_interface = offer};
static const llm_host bare_host = {.size = sizeof bare_host};
static struct llm_reason why;

static llm_status read_with(const llm_host *by, const char *text, struct llm_manifest *ret) {
    why.text[0] = '\0';
    return llm_manifest_read(llm_str_from(text), by, ret, &why);
}

#define HEAD                                                                                                 \
    "{\"manifest\": 1, \"id\": \"com.acme.provider\", \"version\": \"1.0.0\", \"abi\": {\"major\": 1}"

START_TEST(reads_what_the_loader_needs) {
    struct llm_manifest manifest;
    const llm_status status = read_with(&host,
                                        " \n{\"manifest\": 1, \"id\": \"com.acme.provider\", \"version\": "
                                        "\"1.2.3\", \"name\": \"Acme \\u00e9\","
                                        "\"abi\": {\"minor\": 9, \"major\": 1.0}, \"generators\": {\"draw\": "
                                        "\"image.edit\"}, \"permissions\": [],"
                                        "\"needs\": {\"host_interfaces\": [\"llm.host.sign/1\"], "
                                        "\"libraries\": [\"libz.so.1\", \"libcjson.so.1\"]},"
                                        "\"providers\": [], \"unknown\": {\"is\": \"fine\"}} ",
                                        &manifest);
    ck_assert_msg(status == LLM_OK, "%s", why.text);
    ck_assert(llm_str_is(manifest.id, "com.acme.provider"));
    ck_assert(llm_str_is(manifest.version, "1.2.3"));
    ck_assert(llm_str_is(manifest.name, "\"Acme \\u00e9\""));
    ck_assert(llm_str_is(manifest.generators, "{\"draw\": \"image.edit\"}"));
    ck_assert(llm_manifest_lists_library(&manifest, LLM_STR("libcjson.so.1")));
    ck_assert(!llm_manifest_lists_library(&manifest, LLM_STR("libcjson.so")));
    ck_assert(!llm_manifest_lists_library(&manifest, LLM_STR("")));
}
END_TEST

START_TEST(takes_the_shortest) {
    struct llm_manifest manifest;
    ck_assert_int_eq(read_with(&bare_host, HEAD "}", &manifest), LLM_OK);
    ck_assert_ptr_null(manifest.name.ptr);
    ck_assert_ptr_null(manifest.generators.ptr);
    ck_assert(!llm_manifest_lists_library(&manifest, LLM_STR("libz.so.1")));
}
END_TEST

static const struct {
    const char *text, *reason;
} bad[] = {
    {"", "manifest: no valid JSON at byte 0 of 0 (the text ends too early)"},
    {"{\"manifest\": 1,}", "manifest: no valid JSON at byte 15 of 16"},
    {"{\"manifest\": 1} x", "(something behind the JSON value): correct it and compile again"},
    {"\"text\"", "manifest: it is no JSON object: write {\"manifest\": 1, ...}"},
    {"{}", "manifest: \"manifest\" is missing: write \"manifest\": 1"},
    {"{\"manifest\": \"1\"}", "manifest: \"manifest\" has the wrong type: write it like 1"},
    {"{\"manifest\": 2}", "manifest format 2; this core reads format 1: use a newer core"},
    {"{\"manifest\": 1.5}", "manifest format 1.5; this core reads format 1"},
    {"{\"manifest\": 1, \"manifest\": 1}", "manifest: \"manifest\" stands there twice: remove one"},
    {"{\"manifest\": 1, \"m\\u0061nifest\": 1}", "manifest: \"manifest\" stands there twice: remove one"},
    {HEAD ", \"name\": 7}", "manifest: \"name\" has the wrong type: write it like \"Acme\""},
    {HEAD ", \"generators\": []}",
     "manifest: \"generators\" has the wrong type: write it like {\"chat\": \"chat\"}"},
    {HEAD ", \"providers\": {}}", "manifest: \"providers\" has the wrong type"},
    {HEAD ", \"permissions\": {}}", "manifest: \"permissions\" has the wrong type"},
    {HEAD ", \"permissions\": [\"net\"]}",
     "it asks for the permission \"net\", which this core does not know"},
    {HEAD ", \"permissions\": [1]}", "it asks for the permission 1, which this core does not know"},
    {HEAD ", \"needs\": {\"libraries\": {}}}", "manifest: \"needs\" has a member of the wrong type"},
    {HEAD ", \"needs\": {\"libraries\": [7]}}",
     "manifest: \"libraries\" holds 7: file names like \"libz.so.1\""},
    {HEAD ", \"needs\": {\"libraries\": [\"../x.so\"]}}",
     "manifest: \"libraries\" holds \"../x.so\": file names"},
    {HEAD ", \"needs\": {\"libraries\": [\"\"]}}", "manifest: \"libraries\" holds \"\": file names"},
    {HEAD ", \"needs\": {\"host_interfaces\": \"x\"}}", "manifest: \"needs\" has a member of the wrong type"},
    {HEAD ", \"needs\": {\"host_interfaces\": [7]}}",
     "manifest: \"host_interfaces\" holds 7: strings are expected"},
    {HEAD ", \"needs\": {\"host_interfaces\": [\"llm.x/1\"]}}",
     "it needs the host interface llm.x/1, which this"},
    {HEAD ", \"generators\": {\"\": \"chat\"}}",
     "manifest: the generator \"\": \"chat\" is no pair of names"},
    {HEAD ", \"generators\": {\"chat\": 1}}", "manifest: the generator \"chat\": 1 is no pair of names"},
    {HEAD ", \"generators\": {\"a b\": \"chat\"}}",
     "manifest: the generator \"a b\": \"chat\" is no pair of names"},
};

START_TEST(says_what_is_wrong) {
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct llm_manifest manifest;
        ck_assert_msg(read_with(&host, bad[i].text, &manifest) == LLM_E_DENIED, "%s", bad[i].text);
        ck_assert_msg(strstr(why.text, bad[i].reason) != NULL, "%s: %s", bad[i].text, why.text);
    }
}
END_TEST

static const struct {
    const char *id, *version, *major;
    const char *reason; // NULL: fine
} values[] = {
    {"a.b", "0.0.1", "1", NULL},
    {"Com.Acme-2.pro_vider", "10.20.30-rc.1+build.5", "1", NULL},
    {"com.acme", "1.0.0+x", "1e0", NULL},
    {"acme", "1.0.0", "1", "manifest: the id \"acme\" is not like \"com.acme.provider\""},
    {".com.acme", "1.0.0", "1", "manifest: the id \".com.acme\" is not like"},
    {"com.acme.", "1.0.0", "1", "manifest: the id"},
    {"com..acme", "1.0.0", "1", "manifest: the id"},
    {"com.ac me", "1.0.0", "1", "manifest: the id"},
    {"com.acm\\u0065", "1.0.0", "1", "manifest: the id"},
    {"", "1.0.0", "1", "manifest: the id \"\" is not like"},
    {"com.acme", "", "1", "manifest: the version \"\" is not like \"1.0.0\""},
    {"com.acme", "1.0", "1", "manifest: the version \"1.0\" is not like"},
    {"com.acme", "1.0.0.0", "1", "manifest: the version"},
    {"com.acme", "1..0", "1", "manifest: the version"},
    {"com.acme", "v1.0.0", "1", "manifest: the version"},
    {"com.acme", "1.0.0-a b", "1", "manifest: the version"},
    {"com.acme", "1.0.0 ", "1", "manifest: the version"},
    {"com.acme", "1.0.0", "2", "it needs ABI 2; this core has ABI 1: use a newer core"},
    {"com.acme", "1.0.0", "0", "it needs ABI 0; this core has ABI 1: use a newer version of the plugin"},
    {"com.acme", "1.0.0", "-1", "it needs ABI -1; this core has ABI 1: use a newer version of the plugin"},
    {"com.acme", "1.0.0", "1.5",
     "manifest: \"abi\" has no \"major\": write \"abi\": {\"major\": 1, \"minor\": 0}"},
    {"com.acme", "1.0.0", "\"1\"", "manifest: \"abi\" has no \"major\""},
    {"com.acme", "1.0.0", "99999999999999999999", "manifest: \"abi\" has no \"major\""},
};

START_TEST(judges_ids_versions_and_majors) {
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[512];
        struct llm_manifest manifest;
        snprintf(text, sizeof text,
                 "{\"manifest\":1,\"id\":\"%s\",\"version\":\"%s\",\"abi\":{\"major\":%s}}", values[i].id,
                 values[i].version, values[i].major);
        const llm_status status = read_with(&host, text, &manifest);
        if (values[i].reason == NULL) {
            ck_assert_msg(status == LLM_OK, "%s: %s", text, why.text);
        } else {
            ck_assert_msg(status == LLM_E_DENIED && strstr(why.text, values[i].reason) != NULL, "%s: %s",
                          text, why.text);
        }
    }
}
END_TEST

START_TEST(limits_names) {
    for (size_t len = LLM_MAX_NAME_BYTES; len <= LLM_MAX_NAME_BYTES + 1; len++) {
        char id[LLM_MAX_NAME_BYTES + 2] = "a.", text[512];
        struct llm_manifest manifest;
        memset(id + 2, 'x', len - 2);
        snprintf(text, sizeof text,
                 "{\"manifest\":1,\"id\":\"%s\",\"version\":\"1.0.0\",\"abi\":{\"major\":1}}", id);
        const bool fits = len <= LLM_MAX_NAME_BYTES;
        ck_assert_int_eq(read_with(&host, text, &manifest), fits ? LLM_OK : LLM_E_DENIED);
        snprintf(text, sizeof text, HEAD ",\"generators\":{\"chat\":\"%s\"}}", id);
        ck_assert_int_eq(read_with(&host, text, &manifest), fits ? LLM_OK : LLM_E_DENIED);
        ck_assert_int_eq(llm_manifest_is_name((llm_str){id, len}), fits);
        memset(id, '1', len);
        memcpy(id, "1.0.0+", 6);
        snprintf(text, sizeof text,
                 "{\"manifest\":1,\"id\":\"a.b\",\"version\":\"%s\",\"abi\":{\"major\":1}}", id);
        ck_assert_int_eq(read_with(&host, text, &manifest), fits ? LLM_OK : LLM_E_DENIED);
        memset(id, 'i', len);
        snprintf(text, sizeof text, HEAD ",\"needs\":{\"host_interfaces\":[\"%s\"]}}", id);
        ck_assert_int_eq(read_with(&host, text, &manifest), LLM_E_DENIED);
    }
    ck_assert(!llm_manifest_is_name(LLM_STR("")));
    ck_assert(llm_manifest_is_name(LLM_STR("image.edit-2_x")));
}
END_TEST

START_TEST(limits_depth) {
    char text[512];
    struct llm_manifest manifest;
    for (int depth = LLM_MAX_MANIFEST_DEPTH; depth <= LLM_MAX_MANIFEST_DEPTH + 1; depth++) {
        snprintf(text, sizeof text, HEAD ",\"x\":%.*s%.*s}", depth - 1, "[[[[[[[[[[[[[[[[[[[[", depth - 1,
                 "]]]]]]]]]]]]]]]]]]]]");
        ck_assert_int_eq(read_with(&host, text, &manifest),
                         depth <= LLM_MAX_MANIFEST_DEPTH ? LLM_OK : LLM_E_DENIED);
    }
    ck_assert_ptr_nonnull(strstr(why.text, "(nested too deep)"));
}
END_TEST

START_TEST(keeps_reasons_short_and_clean) {
    static char text[4096];
    struct llm_manifest manifest;
    memset(text, 'x', sizeof text - 1);
    memcpy(text, HEAD ",\"permissions\":[\"", sizeof HEAD - 1 + 17);
    memcpy(text + sizeof text - 5, "\"]}", 4);
    ck_assert_int_eq(read_with(&host, text, &manifest), LLM_E_DENIED);
    ck_assert_uint_lt(strlen(why.text), sizeof why.text);
    (void)llm_refuse(&why, "a\nb\x1b[31m\x7f");
    ck_assert_str_eq(why.text, "a b [31m ");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("manifest");
    TCase *tests = tcase_create("manifest");
    tcase_add_test(tests, reads_what_the_loader_needs);
    tcase_add_test(tests, takes_the_shortest);
    tcase_add_test(tests, says_what_is_wrong);
    tcase_add_test(tests, judges_ids_versions_and_majors);
    tcase_add_test(tests, limits_names);
    tcase_add_test(tests, limits_depth);
    tcase_add_test(tests, keeps_reasons_short_and_clean);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
