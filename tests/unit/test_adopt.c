// SPDX-License-Identifier: MIT
// Taking over a plugin's tables: those of today, those of an older plugin (shorter) and of a newer one (longer).
#include "check_main.h"

#include <stdio.h>

#include "base/limits.h"
#include "fail_alloc.h"
#include "plugin/adopt.h"

static struct llm_reason why;
static struct llm_arena arena;
static struct llm_adopted adopted;

static llm_status LLM_CALL open_job(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                                    llm_job **ret) {
    (void)inst;
    (void)args;
    (void)out;
    *ret = NULL;
    return LLM_OK;
}
static void LLM_CALL close_job(llm_job *job) {
    (void)job;
}
static llm_status LLM_CALL encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                  const llm_out *out) {
    (void)job;
    (void)step;
    (void)req;
    (void)out;
    return LLM_OK;
}
static llm_status LLM_CALL head(llm_job *job, const llm_head *h, const llm_out *out) {
    (void)job;
    (void)h;
    (void)out;
    return LLM_E_PROTOCOL;
}
static llm_status LLM_CALL data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    (void)job;
    (void)chunk;
    (void)out;
    return LLM_MORE;
}
static llm_status LLM_CALL end(llm_job *job, llm_status transport, const llm_out *out) {
    (void)job;
    (void)transport;
    (void)out;
    return LLM_DONE;
}
static llm_status LLM_CALL fail_job(llm_job *job, const llm_head *h, const llm_bytes *body,
                                    llm_fault *fault) {
    (void)job;
    (void)h;
    (void)body;
    (void)fault;
    return LLM_AGAIN;
}
static llm_status LLM_CALL run(llm_instance *inst, const llm_job_args *args, const llm_run *state,
                               const llm_out *out) {
    (void)inst;
    (void)args;
    (void)state;
    (void)out;
    return LLM_DONE;
}
static llm_status LLM_CALL init(const llm_host *host, void **plugin) {
    (void)host;
    *plugin = &arena;
    return LLM_E_CONFIG;
}

// Each table with room behind it, where a newer plugin has members that we do not know.
static struct {
    llm_codec table;
    void *later[8];
} codec;
static struct {
    llm_generate table;
    void *later[8];
} generate;
static struct {
    llm_generator table;
    void *later[8];
} generator, generator_2;
static struct {
    llm_provider_descriptor table;
    void *later[8];
} descriptor;
static const char *formats[LLM_MAX_FORMATS + 2];
static const llm_generator *generators[LLM_MAX_GENERATORS + 2];

static void begin(void) {
    codec.table = (llm_codec){sizeof(llm_codec), 0, open_job, close_job, encode, head, data, end, fail_job};
    generate.table = (llm_generate){sizeof(llm_generate), 3, run};
    memset(formats, 0, sizeof formats);
    formats[0] = "openai.chat";
    generator.table = (llm_generator){sizeof(llm_generator), 0, "chat", "chat", formats, &codec.table, NULL};
    generator_2.table =
        (llm_generator){sizeof(llm_generator), 0, "work", "image", formats, NULL, &generate.table};
    memset(generators, 0, sizeof generators);
    generators[0] = &generator.table;
    generators[1] = &generator_2.table;
    descriptor.table = (llm_provider_descriptor){
        .size = sizeof(llm_provider_descriptor), .id = "a.b", .version = "1.0.0", .generators = generators};
}

static void finish(void) {
    llm_arena_done(&arena);
}

static llm_status adopt_with(const char *listed) {
    const struct llm_adopt_expected expected = {LLM_STR("a.b"), LLM_STR("1.0.0"), llm_str_from(listed)};
    adopted = (struct llm_adopted){NULL, NULL, 0};
    why.text[0] = '\0';
    return llm_adopt(&descriptor.table, &expected, &arena, &adopted, &why);
}

static void ck_adopted(void) {
    ck_assert_msg(adopt_with(NULL) == LLM_OK, "%s", why.text);
}

static void ck_refused(const char *reason) {
    ck_assert_int_eq(adopt_with(NULL), LLM_E_DENIED);
    ck_assert_msg(strstr(why.text, reason) != NULL, "\"%s\" is not in: %s", reason, why.text);
}

START_TEST(copies_the_tables_of_today) {
    descriptor.table.init = init;
    ck_adopted();
    ck_assert_uint_eq(adopted.n_generators, 2);
    const struct llm_plugin_generator *chat = &adopted.generators[0], *work = &adopted.generators[1];
    ck_assert(llm_str_is(chat->name, "chat") && llm_str_is(work->name, "work"));
    ck_assert(llm_str_is(work->operation, "image"));
    ck_assert_int_eq(memcmp(&chat->codec, &codec.table, sizeof codec.table), 0);
    ck_assert(chat->generate.run == NULL && work->codec.open == NULL);
    ck_assert(work->generate.run == run && work->generate.max_concurrency == 3);
    ck_assert_str_eq(chat->formats[0], "openai.chat");
    ck_assert_ptr_ne(chat->formats, formats); // not theirs
    ck_assert(adopted.descriptor->init == init);
}
END_TEST

START_TEST(fills_what_is_left_out) {
    codec.table.head = NULL;
    codec.table.fail = NULL;
    ck_adopted();
    const llm_codec *ours = &adopted.generators[0].codec;
    ck_assert_int_eq(ours->head(NULL, NULL, NULL), LLM_OK);
    ck_assert_int_eq((ours->fail)(NULL, NULL, NULL, NULL), LLM_OK); // Check has a macro of that name
    void *plugin = &arena;
    llm_instance *instance = (llm_instance *)(void *)&arena;
    ck_assert_int_eq(adopted.descriptor->init(NULL, &plugin), LLM_OK);
    ck_assert_ptr_null(plugin);
    ck_assert_int_eq(adopted.descriptor->instance_new(NULL, NULL, &instance, NULL), LLM_OK);
    ck_assert_ptr_null(instance);
    adopted.descriptor->instance_free(NULL);
    adopted.descriptor->shutdown(NULL);
    ck_assert_ptr_null(adopted.descriptor->get_interface("llm.x/1"));
}
END_TEST

// An older plugin: its tables end earlier, and what lies behind them is not theirs.
START_TEST(takes_shorter_tables) {
    codec.table.size = LLM_END(llm_codec, end);
    descriptor.table.size = LLM_END(llm_provider_descriptor, generators);
    descriptor.table.init = init;
    generator.table.size = LLM_END(llm_generator, codec);
    generator.table.generate = &generate.table;
    ck_adopted();
    ck_assert_int_eq((adopted.generators[0].codec.fail)(NULL, NULL, NULL, NULL), LLM_OK);
    ck_assert(adopted.descriptor->init != init);
    ck_assert(adopted.generators[0].generate.run == NULL);
    ck_assert_uint_eq(adopted.generators[0].codec.size, sizeof(llm_codec)); // ours is whole
    ck_assert_uint_eq(adopted.descriptor->size, sizeof(llm_provider_descriptor));
}
END_TEST

// A newer plugin: its tables go on behind what we know.
START_TEST(takes_longer_tables) {
    codec.table.size = sizeof codec;
    generate.table.size = sizeof generate;
    generator.table.size = generator_2.table.size = sizeof generator;
    descriptor.table.size = sizeof descriptor;
    memset(codec.later, 0xaa, sizeof codec.later);
    memset(generate.later, 0xaa, sizeof generate.later);
    memset(generator.later, 0xaa, sizeof generator.later);
    memset(descriptor.later, 0xaa, sizeof descriptor.later);
    ck_adopted();
    ck_assert_uint_eq(adopted.generators[0].codec.size, sizeof(llm_codec));
    ck_assert_uint_eq(adopted.generators[1].generate.size, sizeof(llm_generate));
    ck_assert(adopted.generators[0].codec.fail == fail_job);
}
END_TEST

START_TEST(limits_table_sizes) {
    static const struct {
        uint32_t *size;
        uint32_t min;
        const char *name;
    } tables[] = {
        {&codec.table.size, LLM_END(llm_codec, end), "its llm_codec has size "},
        {&generate.table.size, LLM_END(llm_generate, run), "its llm_generate has size "},
        {&generator.table.size, LLM_END(llm_generator, codec), "its llm_generator has size "},
        {&descriptor.table.size, LLM_END(llm_provider_descriptor, generators), "its descriptor has size "},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        static const uint32_t wrong[] = {0, 1, 4, LLM_MAX_TABLE_BYTES + 1, UINT32_MAX};
        begin();
        for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++) {
            *tables[i].size = wrong[j];
            ck_refused(tables[i].name);
        }
        *tables[i].size = tables[i].min - 1;
        ck_refused(tables[i].name);
        *tables[i].size = tables[i].min;
        ck_adopted();
        *tables[i].size = LLM_MAX_TABLE_BYTES;
        ck_adopted();
    }
}
END_TEST

START_TEST(limits_generators_and_formats) {
    static llm_generator many[LLM_MAX_GENERATORS + 1];
    static char names[LLM_MAX_GENERATORS + 1][16];
    for (unsigned i = 0; i <= LLM_MAX_GENERATORS; i++) {
        snprintf(names[i], sizeof names[i], "g%u", i);
        many[i] = generator.table;
        many[i].name = names[i];
        generators[i] = &many[i];
    }
    ck_refused("its descriptor has too many generators: give 1 to 256, then NULL");
    generators[LLM_MAX_GENERATORS] = NULL;
    ck_adopted();
    ck_assert_uint_eq(adopted.n_generators, LLM_MAX_GENERATORS);
    for (unsigned i = 0; i <= LLM_MAX_FORMATS; i++) {
        formats[i] = "openai.chat";
    }
    ck_refused("its generator g0 takes too many formats: name 1 to 64, then NULL");
    formats[LLM_MAX_FORMATS] = NULL;
    ck_adopted();
    formats[0] = "open ai";
    ck_refused("its generator g0 takes a format that is no name");
    formats[0] = NULL;
    ck_refused("its generator g0 takes no formats");
}
END_TEST

START_TEST(limits_names) {
    char name[LLM_MAX_NAME_BYTES + 2];
    memset(name, 'n', sizeof name);
    name[LLM_MAX_NAME_BYTES] = '\0';
    generator.table.name = name;
    ck_adopted();
    name[LLM_MAX_NAME_BYTES] = 'n';
    name[LLM_MAX_NAME_BYTES + 1] = '\0';
    ck_refused("a generator has no name or no operation");
    generator.table.name = "chat";
    generator.table.operation = NULL;
    ck_refused("a generator has no name or no operation");
    generator.table.operation = name;
    ck_refused("a generator has no name or no operation");
    generator.table.operation = "chat";
    descriptor.table.id = name;
    ck_refused("its descriptor says id (nothing), its manifest a.b: make them equal");
}
END_TEST

START_TEST(compares_with_the_manifest) {
    ck_assert_int_eq(adopt_with("{\"chat\": \"chat\", \"work\": \"image\"}"), LLM_OK);
    ck_assert_int_eq(adopt_with("{\"chat\": \"chat\"}"), LLM_E_DENIED);
    ck_assert_str_eq(why.text, "its descriptor has 2 generators, its manifest lists 1: make them equal");
    ck_assert_int_eq(adopt_with("{\"chat\": \"chat\", \"draw\": \"image\"}"), LLM_E_DENIED);
    ck_assert_str_eq(why.text,
                     "its manifest lists the generator draw for image, its descriptor has none of that name: "
                     "make them equal");
    ck_assert_int_eq(adopt_with("{\"chat\": \"image\", \"work\": \"image\"}"), LLM_E_DENIED);
    ck_assert_str_eq(
        why.text,
        "its manifest lists the generator chat for image, its descriptor has chat: make them equal");
}
END_TEST

START_TEST(survives_failing_allocations) {
    for (size_t n = 0;; n++) {
        llm_arena_done(&arena);
        fail_alloc_after(n);
        const llm_status status = adopt_with(NULL);
        if (!fail_alloc_off()) {
            ck_assert_int_eq(status, LLM_OK);
            break;
        }
        ck_assert_int_eq(status, LLM_E_NOMEM);
    }
    for (size_t limit = 1; limit < 4096; limit++) { // every cut from the arena
        llm_arena_done(&arena);
        arena.limit = limit;
        const llm_status status = adopt_with(NULL);
        ck_assert(status == LLM_OK || status == LLM_E_NOMEM);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("adopt");
    TCase *tests = tcase_create("adopt");
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, copies_the_tables_of_today);
    tcase_add_test(tests, fills_what_is_left_out);
    tcase_add_test(tests, takes_shorter_tables);
    tcase_add_test(tests, takes_longer_tables);
    tcase_add_test(tests, limits_table_sizes);
    tcase_add_test(tests, limits_generators_and_formats);
    tcase_add_test(tests, limits_names);
    tcase_add_test(tests, compares_with_the_manifest);
    tcase_add_test(tests, survives_failing_allocations);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
