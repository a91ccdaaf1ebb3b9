// SPDX-License-Identifier: MIT
// The catalogue's file: found where it lies, judged, and replaced by a newer list without ever being lost.
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "catalog/import.h"
#include "catalog/update.h"
#include "check_main.h"
#include "fail_alloc.h"
#include "llm_json.h"
#include "world.h"

static struct world w;

static const char lines[] =
    "acme\tone\t{\"input_per_mtok\":\"1\",\"output_per_mtok\":\"2\",\"context_tokens\":9000,\"source\":0}\n"
    "acme\tpaint\t{\"operation\":\"image\",\"per_image\":\"0.5\",\"source\":0}\n"
    "other\tone\t{\"input_per_mtok\":\"7\",\"output_per_mtok\":\"8\",\"source\":0}\n";

// A whole catalogue around these lines.
static void write_catalogue(const char *name, const char *text, const char *as_of) {
    char all[4096];
    size_t entries = 0;
    for (const char *at = text; *at != '\0'; at++) {
        entries += *at == '\n' ? 1 : 0;
    }
    snprintf(all, sizeof all,
             "{\"catalogue\":1,\"entries\":%zu,\"bytes\":%zu,\"crc32\":\"%08x\",\"as_of\":\"%s\",\"sources\":"
             "[{\"name\":"
             "\"litellm\",\"as_of\":\"%s\"}]}\n%s",
             entries, strlen(text), (unsigned)llm_crc32(0, llm_str_from(text)), as_of, as_of, text);
    world_file(&w, name, all);
}

static void setup(void) {
    world_new(&w);
    temp_dir_make(&w.dir, "data", 0755);
    temp_dir_make(&w.dir, "data/llm-master", 0755);
    setenv("XDG_DATA_HOME", temp_dir_file(&w.dir, "data"), 1);
    world_file(&w, "plugins/providers.d/acme.json",
               "{\"name\":\"acme\",\"base_url\":\"https://acme.example/v1\",\"models\":["
               "{\"id\":\"two\",\"input_per_mtok\":\"3\",\"output_per_mtok\":\"4\"},{\"id\":\"paint\","
               "\"operation\":\"image\"}]}");
    write_catalogue("plugins/catalogue.jsonl", lines, "2026-01-01");
}

static void teardown(void) {
    unsetenv("XDG_DATA_HOME");
    world_free(&w);
}

static const struct llm_model *route(const char *name, const char *operation) {
    static struct llm_route ret;
    ret = (struct llm_route){0};
    const llm_status status =
        llm_snapshot_route(w.snapshot, llm_str_from(name), llm_str_from(operation), NULL, &ret, &w.err);
    return status == LLM_OK ? ret.model : NULL;
}

START_TEST(names_and_prices_come_from_it_when_no_file_has_them) {
    world_must(&w, NULL);
    ck_assert_int_eq(world_price(route("one", "chat"), LLM_PRICE_INPUT), 1000000);
    ck_assert_int_eq(route("one", "chat")->context_tokens, 9000);
    ck_assert_int_eq(world_price(route("acme/one", "chat"), LLM_PRICE_OUTPUT), 2000000);
    ck_assert_int_eq(world_price(route("two", "chat"), LLM_PRICE_INPUT), 3000000);
    ck_assert_int_eq(world_price(route("paint", "image"), LLM_PRICE_IMAGE), 500000000000);
    ck_assert_ptr_eq(route("one", "chat"), route("acme/one", "chat"));
    ck_assert_ptr_null(route("other/one", "chat")); // nobody is called that here
    ck_assert_ptr_null(route("nothing", "chat"));
    (void)route("one", "chat");
    const size_t before = fail_alloc_count();
    for (int i = 0; i < 100; i++) {
        (void)route("one", "chat");
        (void)route("paint", "image");
    }
    ck_assert_uint_eq(fail_alloc_count(), before);
}
END_TEST

START_TEST(the_users_goes_first_unless_it_is_older) {
    write_catalogue("data/llm-master/catalogue.jsonl",
                    "acme\tone\t{\"input_per_mtok\":\"5\",\"output_per_mtok\":\"6\",\"source\":0}\n",
                    "2026-01-01");
    world_must(&w, NULL);
    ck_assert_int_eq(world_price(route("one", "chat"), LLM_PRICE_INPUT), 5000000);
    write_catalogue("plugins/catalogue.jsonl", lines, "2026-01-02");
    world_must(&w, NULL);
    ck_assert_int_eq(world_price(route("one", "chat"), LLM_PRICE_INPUT), 1000000);
    world_file(&w, "data/llm-master/catalogue.jsonl",
               "{\"catalogue\":1,\"entries\":1,\"bytes\":9,\"crc32\":\"00000000\"}\n");
    world_must(&w, NULL);
    ck_assert_int_eq(world_price(route("one", "chat"), LLM_PRICE_INPUT), 1000000);
    char *doctor = world_describe(&w, "doctor", NULL);
    ck_assert_ptr_nonnull(strstr(doctor, "it was cut or changed"));
    llm_mem_free(doctor);
}
END_TEST

START_TEST(a_models_file_goes_over_it) {
    world_file(
        &w, "user/llm-master/models.d/mine.json",
        "[{\"provider\":\"acme\",\"id\":\"one\",\"input_per_mtok\":\"0.1\",\"output_per_mtok\":\"0.2\"}]");
    world_must(&w, NULL);
    ck_assert_int_eq(world_price(route("one", "chat"), LLM_PRICE_INPUT), 100000);
}
END_TEST

START_TEST(listing_shows_others_when_asked) {
    world_must(&w, NULL);
    char *some = world_describe(&w, "models", NULL), *all = world_describe(&w, "models_all", NULL);
    ck_assert_ptr_nonnull(strstr(some, "\"two\""));
    ck_assert_ptr_nonnull(strstr(some, "\"per_image\":\"0.5\""));
    ck_assert_ptr_null(strstr(some, "\"not_configured\""));
    ck_assert_ptr_nonnull(strstr(all, "\"provider\":\"other\",\"id\":\"one\""));
    ck_assert_ptr_nonnull(strstr(all, "\"source\":\"litellm\",\"as_of\":\"2026-01-01\""));
    llm_mem_free(some);
    llm_mem_free(all);
}
END_TEST

// ---- a newer list ----------------------------------------------------------------------------------------------

static const char list[] = "{\"acme/one\": {\"litellm_provider\": \"acme\", \"input_cost_per_token\": "
                           "1.5e-07, \"output_cost_per_token\": 2e-6},\n"
                           " \"acme/three\": {\"litellm_provider\": \"acme\", \"mode\": \"embedding\", "
                           "\"input_cost_per_token\": 2e-08}}\n";

static llm_status update(const char *file, uint32_t flags, char **ret_json) {
    size_t len = 0;
    const llm_models_update_args args = {
        .size = sizeof args, .flags = flags, .file = file, .as_of = "2026-03-01"};
    w.err = (llm_error)LLM_ERROR_INIT;
    return llm_catalogue_update(w.snapshot, &args, ret_json, &len, &w.err);
}

static int64_t number(const char *json, const char *name) {
    int64_t ret = -1;
    (void)llm_json_int64(llm_json_get(llm_str_from(json), name), &ret);
    return ret;
}

START_TEST(a_list_is_compared_and_swapped_in) {
    char *json = NULL;
    world_file(&w, "list.json", list);
    world_must(&w, NULL);
    const char *file = temp_dir_file(&w.dir, "list.json"), *target = w.snapshot->settings.user_catalogue;
    struct stat info;
    ck_assert_msg(update(file, LLM_UPDATE_DRY_RUN, &json) == LLM_OK, "%s", w.err.message);
    ck_assert_int_ne(stat(target, &info), 0);
    llm_mem_free(json);
    ck_assert_msg(update(file, 0, &json) == LLM_OK, "%s", w.err.message);
    ck_assert_int_eq(number(json, "models"), 2);
    ck_assert_int_eq(number(json, "new"), 1);
    ck_assert_int_eq(number(json, "price_changes"), 1);
    ck_assert_int_eq(number(json, "gone"), 2);
    llm_mem_free(json);
    world_must(&w, NULL);
    ck_assert_int_eq(world_price(route("one", "chat"), LLM_PRICE_INPUT), 150000);
    ck_assert_int_eq(route("one", "chat")->context_tokens, 9000); // the list does not say another
    ck_assert_int_eq(world_price(route("three", "embeddings"), LLM_PRICE_INPUT), 20000);
    ck_assert_msg(update(file, 0, &json) == LLM_OK, "%s", w.err.message);
    ck_assert_int_eq(number(json, "changed") + number(json, "new") + number(json, "gone"), 0);
    llm_mem_free(json);
    char old[1000];
    snprintf(old, sizeof old, "%s.bak", w.snapshot->settings.user_catalogue);
    ck_assert_int_eq(stat(old, &info), 0);
}
END_TEST

static const struct {
    const char *text;
    uint32_t flags;
    const char *message;
} bad[] = {
    {"", 0, "no valid JSON"},
    {"{\"a\": {\"litellm_provider\": ", 0, "bad.json:1:"},
    {"{\"a\": 1}", 0, "neither LiteLLM's nor models.dev's"},
    {"[]", 0, "neither LiteLLM's nor models.dev's"},
    {"{\"a\": {\"litellm_provider\": \"b\",\n \"input_cost_per_token\": -1e-6}}", 0,
     "no entry of it can be used; the first: "},
    {"{\"a\": {\"litellm_provider\": \"b\"},\n\"c\": {\"litellm_provider\": \"d\",\n "
     "\"input_cost_per_token\": -1e-6}}",
     LLM_UPDATE_STRICT, "bad.json:3:26: c: input_cost_per_token is less than 0"},
    {"{\"catalogue\":1,\"entries\":0,\"bytes\":4,\"crc32\":\"00000000\"}\n", 0, "it was cut or changed"},
    {"{\"catalogue\":1,\"entries\":1,\"bytes\":5,\"crc32\":\"00000000\"}\nabcd\n", 0,
     "its checksum is another one"},
};

START_TEST(what_is_wrong_changes_nothing) {
    char *json = NULL;
    struct stat info;
    world_file(&w, "bad.json", bad[_i].text);
    world_must(&w, NULL);
    ck_assert_int_eq(update(temp_dir_file(&w.dir, "bad.json"), bad[_i].flags, &json), LLM_E_CONFIG);
    ck_assert_msg(strstr(w.err.message, bad[_i].message) != NULL, "%s", w.err.message);
    ck_assert_ptr_null(json);
    ck_assert_int_ne(stat(w.snapshot->settings.user_catalogue, &info), 0);
}
END_TEST

START_TEST(it_survives_what_the_system_refuses) {
    char *json = NULL;
    world_file(&w, "list.json", list);
    world_must(&w, NULL);
    ck_assert_int_eq(update("/nonexistent/list.json", 0, &json), LLM_E_NOT_FOUND);
    // A directory stands where the file belongs.
    temp_dir_make(&w.dir, "data/llm-master/catalogue.jsonl", 0755);
    ck_assert_int_eq(update(temp_dir_file(&w.dir, "list.json"), 0, &json), LLM_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(w.err.message, "cannot be replaced"));
    ck_assert_ptr_null(json);
}
END_TEST

START_TEST(memory_may_run_out_anywhere) {
    world_must(&w, NULL);
    const struct llm_catalogue *old = llm_shelf_catalogue(w.snapshot);
    for (size_t n = 0;; n++) {
        struct llm_buf text = {.max = 1 << 20}, report = {.max = 1 << 20};
        llm_error err = LLM_ERROR_INIT;
        fail_alloc_after(n);
        const llm_status status = llm_catalogue_make(old, llm_str_from(list), "list", LLM_STR("2026-03-01"),
                                                     0, &text, &report, &err);
        const bool failed = fail_alloc_off();
        llm_buf_done(&text);
        llm_buf_done(&report);
        ck_assert_msg(!failed || status == LLM_E_NOMEM, "%zu: %d %s", n, (int)status, err.message);
        if (!failed) {
            ck_assert_int_eq(status, LLM_OK);
            break;
        }
    }
    for (size_t n = 0;; n++) { // a look-up then finds no price, and the next one does
        world_must(&w, NULL);
        fail_alloc_after(n);
        (void)route("one", "chat");
        const bool failed = fail_alloc_off();
        const struct llm_model *model = route("one", "chat");
        ck_assert(model != NULL && model->price.known);
        if (!failed) {
            break;
        }
    }
}
END_TEST

static const struct {
    const char *number;
    int places;
    const char *text; // NULL: refused
} decimals[] = {
    {"1.5e-07", 6, "0.15"},
    {"3.75e-8", 6, "0.0375"},
    {"0", 6, "0"},
    {"-0.0", 6, "0"},
    {"1E-5", 6, "10"},
    {"2.5E+0", 0, "2.5"},
    {"100", 0, "100"},
    {"0.0500", 0, "0.05"},
    {"1.0", 0, "1"},
    {"1e-24", 6, "0.000000000000000001"},
    {"1e-25", 6, NULL},
    {"-1", 0, NULL},
    {"10000", 0, "10000"},
    {"10000.1", 0, NULL},
    {"1e99999", 0, NULL},
    {"1e-99999", 0, NULL},
    {"\"1\"", 0, NULL},
    {"true", 0, NULL},
    {"2.9999900000000002e-06", 6, "2.9999900000000002"},
    {"0.30000000000000004", 0, "0.30000000000000004"},
};

START_TEST(numbers_are_moved_exactly) {
    char buf[80];
    size_t len = 0;
    const char *wrong =
        llm_import_decimal(llm_str_from(decimals[_i].number), decimals[_i].places, 18, 10000, buf, &len);
    ck_assert_msg((wrong == NULL) == (decimals[_i].text != NULL), "%s", decimals[_i].number);
    if (wrong == NULL) {
        ck_assert_msg(llm_str_is((llm_str){buf, len}, decimals[_i].text), "%s: %.*s", decimals[_i].number,
                      (int)len, buf);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("catalogue");
    TCase *tests = tcase_create("catalogue");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, names_and_prices_come_from_it_when_no_file_has_them);
    tcase_add_test(tests, the_users_goes_first_unless_it_is_older);
    tcase_add_test(tests, a_models_file_goes_over_it);
    tcase_add_test(tests, listing_shows_others_when_asked);
    tcase_add_test(tests, a_list_is_compared_and_swapped_in);
    tcase_add_loop_test(tests, what_is_wrong_changes_nothing, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, it_survives_what_the_system_refuses);
    tcase_add_test(tests, memory_may_run_out_anywhere);
    tcase_add_loop_test(tests, numbers_are_moved_exactly, 0, (int)(sizeof decimals / sizeof decimals[0]));
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
