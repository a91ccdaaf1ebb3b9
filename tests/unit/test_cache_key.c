// SPDX-License-Identifier: MIT
// Which requests are the same question: pairs that are and pairs that are not, whatever they look like.
#include "state/cache_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/gate.h"
#include "base/limits.h"
#include "check_main.h"
#include "fail_alloc.h"

static struct llm_cache_key key_of(const char *json) {
    struct llm_arena scratch = {0};
    struct llm_cache_key key;
    ck_assert_int_eq(llm_cache_key_json(llm_str_from(json), llm_sha256_pick(), &scratch, &key), LLM_OK);
    llm_arena_done(&scratch);
    return key;
}

static bool same(const struct llm_cache_key *a, const struct llm_cache_key *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static const struct {
    const char *left, *right;
    bool same;
} pairs[] = {
    // the order of members and blanks do not matter
    {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
    {"{\"a\":1,\"b\":2}", " { \"a\" : 1 ,\n\t\"b\" : 2 } \r\n", true},
    {"{\"x\":{\"a\":[1,{\"c\":3,\"d\":4}],\"b\":2}}", "{\"x\":{\"b\":2,\"a\":[1,{\"d\":4,\"c\":3}]}}", true},
    {"{\"b\":1,\"aa\":2,\"a\":3,\"\":4,\"ab\":5,\"c\":6}",
     "{\"\":4,\"a\":3,\"aa\":2,\"ab\":5,\"b\":1,\"c\":6}", true},
    // the order of elements does
    {"[1,2]", "[2,1]", false},
    {"[[1],[2]]", "[[1,2]]", false},
    {"[[],[]]", "[[[]]]", false},
    {"[1,[2,3]]", "[[1,2],3]", false},
    // strings by their value
    {"\"a\"", "\"\\u0061\"", true},
    {"\"\xc3\xa4\"", "\"\\u00e4\"", true},
    {"\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\"", true},
    {"\"\\ud83D\\uDE00\"", "\"\\uD83d\\udE00\"", true},
    {"\"/\"", "\"\\/\"", true},
    {"\"\\n\\t\\\"\\\\\"", "\"\\u000a\\u0009\\u0022\\u005c\"", true},
    {"{\"\\u0061\":1}", "{\"a\":1}", true},
    {"\"a\"", "\"A\"", false},
    {"\"a\"", "\"a \"", false},
    {"\"a\"", "\"a\\u0000\"", false},
    {"\"\\u00e4\"", "\"a\\u0308\"", false}, // alike to the eye only
    {"\"\"", "\"\\u0000\"", false},
    // half a surrogate pair is no character: by its text
    {"\"\\ud800\"", "\"\\ud800\"", true},
    {"\"\\ud800\"", "\"\\ud801\"", false},
    {"\"\\ud800\"", "\"\\ufffd\"", false},
    {"\"\\ud800\"", "\"\xef\xbf\xbd\"", false},
    {"\"\\udc00\\ud800\"", "\"\\ufffd\\ufffd\"", false},
    {"\"\\ud800x\"", "\"\\ud800y\"", false},
    {"{\"\\ud800\":1}", "{\"\\ufffd\":1}", false},
    {"{\"\\ud800\":1}", "{\"\\ud801\":1}", false},
    {"{\"\\ud800\":1,\"a\":2}", "{\"a\":2,\"\\ud800\":1}", true},
    {"\"\\\\ud800\"", "\"\\ud800\"", false},
    // numbers by their text: a provider may tell them apart
    {"1", "1.0", false},
    {"1", "1e0", false},
    {"0", "-0", false},
    {"9007199254740993", "9007199254740992", false},
    {"0.1", "0.10", false},
    // kinds
    {"1", "\"1\"", false},
    {"true", "\"true\"", false},
    {"null", "\"null\"", false},
    {"null", "false", false},
    {"{}", "[]", false},
    {"{\"a\":null}", "{}", false},
    {"[]", "[null]", false},
    {"{\"a\":[]}", "{\"a\":{}}", false},
    // nothing slips from one place into another
    {"{\"a\":\"b\",\"c\":\"d\"}", "{\"a\":\"bc\",\"\":\"d\"}", false},
    {"{\"ab\":\"c\"}", "{\"a\":\"bc\"}", false},
    {"[\"ab\",\"c\"]", "[\"a\",\"bc\"]", false},
    {"{\"a\":{\"b\":1},\"c\":2}", "{\"a\":{\"b\":1,\"c\":2}}", false},
    {"[\"a\",1]", "[\"a1\"]", false},
    // names that stand twice inside: their order matters, the order to others does not
    {"{\"a\":1,\"a\":2}", "{\"a\":2,\"a\":1}", false},
    {"{\"a\":1,\"b\":0,\"a\":2}", "{\"b\":0,\"a\":1,\"a\":2}", true},
    {"{\"a\":1,\"a\":1}", "{\"a\":1}", false},
    {"{\"a\":1,\"\\u0061\":2}", "{\"\\u0061\":1,\"a\":2}", true},
    // a member that is called like the one that is skipped at the top
    {"{\"x\":{\"stream\":true}}", "{\"x\":{}}", false},
};

START_TEST(equal_and_different) {
    const struct llm_cache_key a = key_of(pairs[_i].left), b = key_of(pairs[_i].right);
    ck_assert_msg(same(&a, &b) == pairs[_i].same, "%s and %s", pairs[_i].left, pairs[_i].right);
}
END_TEST

START_TEST(many_members_in_any_order) {
    enum { N = 1000 };
    char *left = malloc(N * 32), *right = malloc(N * 32), *other = malloc(N * 32);
    size_t l = 0, r = 0, o = 0;
    for (size_t i = 0; i < N; i++) {
        const size_t k = i * 387 % N; // every one once
        l += (size_t)snprintf(left + l, N * 32 - l, "%c\"m%zu\":%zu", i > 0 ? ',' : '{', i, i);
        r += (size_t)snprintf(right + r, N * 32 - r, "%c\"m%zu\":%zu", i > 0 ? ',' : '{', k, k);
        o += (size_t)snprintf(other + o, N * 32 - o, "%c\"m%zu\":%zu", i > 0 ? ',' : '{', k,
                              k == 500 ? 501 : k);
    }
    (void)snprintf(left + l, 2, "}");
    (void)snprintf(right + r, 2, "}");
    (void)snprintf(other + o, 2, "}");
    const struct llm_cache_key a = key_of(left), b = key_of(right), c = key_of(other);
    ck_assert(same(&a, &b));
    ck_assert(!same(&a, &c));
    free(left);
    free(right);
    free(other);
}
END_TEST

// ---- whole questions -----------------------------------------------------------------------------------------------

struct file {
    const char *data, *mime, *name; // data NULL: no more
};

struct question {
    const char *provider, *model, *tag, *body;
    struct file files[2];
};

static llm_status ask(const struct question *q, struct llm_cache_key *ret) {
    struct llm_arena arena = {0}, scratch = {0};
    struct llm_gate gate;
    const llm_str facts[] = {llm_str_from(q->provider), llm_str_from(q->model), llm_str_from(q->tag)};
    ck_assert_int_eq(llm_gate_request(llm_str_from(q->body), &arena, &gate, NULL), LLM_OK);
    llm_attachment attachments[2];
    size_t n = 0;
    for (; n < 2 && q->files[n].data != NULL; n++) {
        const struct file *file = &q->files[n];
        attachments[n] = (llm_attachment){{(const uint8_t *)file->data, strlen(file->data)},
                                          llm_str_from(file->mime),
                                          llm_str_from(file->name)};
    }
    const struct llm_cache_question question = {.facts = facts,
                                                .n_facts = 3,
                                                .fields = gate.fields,
                                                .n_fields = gate.n_fields,
                                                .skip = LLM_STR("stream"),
                                                .attachments = attachments,
                                                .n_attachments = n};
    const llm_status status = llm_cache_key_make(&question, llm_sha256_pick(), &scratch, ret);
    llm_arena_done(&arena);
    llm_arena_done(&scratch);
    return status;
}

#define PLAIN                                                                                                \
    {                                                                                                        \
        "p", "m", "t", "{}", {                                                                               \
            { NULL, NULL, NULL }                                                                             \
        }                                                                                                    \
    }
#define WITH(...)                                                                                            \
    {                                                                                                        \
        "p", "m", "t", "{}", {                                                                               \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define ASKS(provider, model, tag, body)                                                                     \
    {                                                                                                        \
        provider, model, tag, body, {                                                                        \
            { NULL, NULL, NULL }                                                                             \
        }                                                                                                    \
    }

// clang-format off
static const struct {
    const char *why;
    struct question left, right;
    bool same;
} questions[] = {
    {"all alike", ASKS("p", "m", "t", "{\"a\":1}"), ASKS("p", "m", "t", "{\"a\":1}"), true},
    {"stream", ASKS("p", "m", NULL, "{\"a\":1}"), ASKS("p", "m", NULL, "{\"stream\":true,\"a\":1}"), true},
    {"stream, spelled otherwise", ASKS("p", "m", NULL, "{\"a\":1,\"stream\":false}"),
     ASKS("p", "m", NULL, "{\"\\u0073tream\":true,\"a\":1}"), true},
    {"order at the top", ASKS("p", "m", NULL, "{\"a\":1,\"b\":2}"), ASKS("p", "m", NULL, "{\"b\":2,\"a\":1}"), true},
    {"provider", PLAIN, ASKS("q", "m", "t", "{}"), false},
    {"model", PLAIN, ASKS("p", "n", "t", "{}"), false},
    {"tag", PLAIN, ASKS("p", "m", "u", "{}"), false},
    {"no tag and an empty one", ASKS("p", "m", NULL, "{}"), ASKS("p", "m", "", "{}"), false},
    {"a fact that moves", ASKS("pm", "", "t", "{}"), PLAIN, false},
    {"request", PLAIN, ASKS("p", "m", "t", "{\"a\":2}"), false},
    {"same attachments", WITH({"x", "image/png", NULL}), WITH({"x", "image/png", NULL}), true},
    {"attachment or none", WITH({"x", "image/png", NULL}), PLAIN, false},
    {"bytes of it", WITH({"x", "image/png", NULL}), WITH({"y", "image/png", NULL}), false},
    {"kind of it", WITH({"x", "image/png", NULL}), WITH({"x", "image/gif", NULL}), false},
    {"name of it", WITH({"x", "image/png", "a"}), WITH({"x", "image/png", NULL}), false},
    {"cut elsewhere", WITH({"xy", "a/b", NULL}, {"z", "a/b", NULL}), WITH({"x", "a/b", NULL}, {"yz", "a/b", NULL}), false},
};
// clang-format on

START_TEST(whole_questions) {
    struct llm_cache_key a, b;
    ck_assert_int_eq(ask(&questions[_i].left, &a), LLM_OK);
    ck_assert_int_eq(ask(&questions[_i].right, &b), LLM_OK);
    ck_assert_msg(same(&a, &b) == questions[_i].same, "%s", questions[_i].why);
}
END_TEST

// The gate has made U+FFFD of it: it cannot be told what it was.
START_TEST(a_name_that_lost_its_meaning_has_no_key) {
    struct llm_cache_key key;
    const struct question q = ASKS("p", "m", NULL, "{\"\\ud800\":1}");
    ck_assert_int_eq(ask(&q, &key), LLM_E_UNSUPPORTED);
}
END_TEST

START_TEST(no_memory_is_said) {
    const llm_str json = LLM_STR("{\"b\":{\"\\u0064\":1,\"c\":2},\"a\":[{\"z\":1,\"y\":2}]}");
    for (size_t n = 0;; n++) {
        struct llm_arena scratch = {0};
        struct llm_cache_key key;
        fail_alloc_after(n);
        const llm_status status = llm_cache_key_json(json, llm_sha256_pick(), &scratch, &key);
        const bool failed = fail_alloc_off();
        llm_arena_done(&scratch);
        ck_assert_int_eq(status, failed ? LLM_E_NOMEM : LLM_OK);
        if (!failed) {
            break;
        }
    }
    struct llm_arena tight = {.limit = 100};
    struct llm_cache_key key;
    ck_assert_int_eq(llm_cache_key_json(json, llm_sha256_pick(), &tight, &key), LLM_E_NOMEM);
    llm_arena_done(&tight);
}
END_TEST

START_TEST(as_deep_as_the_gate_allows) {
    char json[2 * LLM_MAX_JSON_DEPTH + 1];
    memset(json, '[', LLM_MAX_JSON_DEPTH);
    memset(json + LLM_MAX_JSON_DEPTH, ']', LLM_MAX_JSON_DEPTH);
    json[2 * LLM_MAX_JSON_DEPTH] = '\0';
    const struct llm_cache_key deep = key_of(json), flat = key_of("[]");
    ck_assert(!same(&deep, &flat));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cache_key");
    TCase *tcase = tcase_create("cache_key");
    tcase_add_loop_test(tcase, equal_and_different, 0, CHECK_ROWS(pairs));
    tcase_add_test(tcase, many_members_in_any_order);
    tcase_add_loop_test(tcase, whole_questions, 0, CHECK_ROWS(questions));
    tcase_add_test(tcase, a_name_that_lost_its_meaning_has_no_key);
    tcase_add_test(tcase, no_memory_is_said);
    tcase_add_test(tcase, as_deep_as_the_gate_allows);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
