// SPDX-License-Identifier: MIT
// The provider files that ship: all of them load, none claims what another has, and names go where people expect.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "catalog/build.h"
#include "check_main.h"
#include "llm_json.h"
#include "world.h"

static struct world w;
static size_t n_files;

static struct llm_document examples;

static void read_examples(void) {
    char name[2000];
    size_t len = 0;
    llm_error err = LLM_ERROR_INIT;
    snprintf(name, sizeof name, "%s/tests/catalog/cost_examples.json", getenv("LLM_TEST_SOURCE"));
    char *text = temp_dir_read(name, &len);
    if (llm_document_parse(&examples, LLM_STR("cost_examples.json"), (llm_str){text, len}, &err) != LLM_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    free(text);
}

static void copy_catalogue(void) {
    char name[2000];
    size_t len = 0;
    snprintf(name, sizeof name, "%s/data/catalogue.jsonl", getenv("LLM_TEST_SOURCE"));
    char *text = temp_dir_read(name, &len);
    temp_dir_write(&w.dir, "plugins/catalogue.jsonl", text, len, 0644);
    free(text);
}

static void setup(void) {
    char path[1000], name[2000];
    world_new(&w);
    copy_catalogue();
    snprintf(path, sizeof path, "%s/providers.d", getenv("LLM_TEST_SOURCE"));
    DIR *dir = opendir(path);
    ck_assert_ptr_nonnull(dir);
    const struct dirent *entry;
    n_files = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        size_t len = 0;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        char *text = temp_dir_read(name, &len);
        snprintf(name, sizeof name, "plugins/providers.d/%s", entry->d_name);
        temp_dir_write(&w.dir, name, text, len, 0644);
        free(text);
        n_files++;
    }
    closedir(dir);
    // Some are served by this plugin, so it is looked at too (none of its code runs).
    struct temp_dir plugins;
    snprintf(plugins.path, sizeof plugins.path, "%s", temp_dir_file(&w.dir, "plugins"));
    snprintf(name, sizeof name, "%s/plugins/custom.so", getenv("LLM_TEST_BUILD"));
    temp_dir_copy(&plugins, name, "custom.so");
    setenv("AZURE_OPENAI_RESOURCE", "res", 1);
    setenv("SNOWFLAKE_ACCOUNT", "myorg-myaccount", 1);
    world_must(&w, NULL);
}

static void teardown(void) {
    world_free(&w);
}

START_TEST(all_load_without_complaint) {
    ck_assert_msg(w.snapshot->n_refused == 0, "%s",
                  w.snapshot->n_refused > 0 ? w.snapshot->refused[0].value.ptr : "");
    ck_assert_uint_ge(n_files, 18);
    for (size_t i = 0; i < w.snapshot->n_providers; i++) {
        const struct llm_provider *p = &w.snapshot->providers[i];
        ck_assert_msg(p->problem.ptr == NULL, "%s: %s", p->name.ptr, p->problem.ptr);
        ck_assert_msg(p->notice.ptr == NULL, "%s: %s", p->name.ptr, p->notice.ptr);
    }
    // One provider a file, named like it; the plugin that echoes brings one more.
    ck_assert_uint_eq(w.snapshot->n_providers, n_files + 1);
}
END_TEST

START_TEST(prefixes_are_unique) {
    const struct llm_snapshot *s = w.snapshot;
    for (size_t i = 0; i < s->n_providers; i++) {
        for (size_t k = 0; k < s->n_providers; k++) {
            for (size_t a = 0; i != k && a < s->providers[i].n_prefixes; a++) {
                for (size_t b = 0; b < s->providers[k].n_prefixes; b++) {
                    ck_assert_msg(!llm_str_starts(s->providers[i].prefixes[a], s->providers[k].prefixes[b]),
                                  "%s and %s share \"%s\"", s->providers[i].name.ptr,
                                  s->providers[k].name.ptr, s->providers[i].prefixes[a].ptr);
                }
            }
        }
    }
}
END_TEST

START_TEST(facts_say_where_they_are_from) {
    for (size_t i = 0; i < w.snapshot->n_providers; i++) {
        const struct llm_provider *p = &w.snapshot->providers[i];
        bool priced = false;
        for (size_t k = 0; k < p->n_models; k++) {
            const struct llm_model *m = &w.snapshot->models[p->first_model + k];
            priced = priced || (m->price.known && !(world_price(m, LLM_PRICE_INPUT) == 0 &&
                                                    world_price(m, LLM_PRICE_OUTPUT) <= 0));
        }
        if (p->from_manifest) {
            continue;
        }
        ck_assert_msg(llm_json_get(p->config, "docs").ptr != NULL, "%s", p->name.ptr);
        if (priced) {
            ck_assert_msg(llm_json_get(p->config, "as_of").ptr != NULL, "%s", p->name.ptr);
            ck_assert_msg(llm_json_get(p->config, "source").ptr != NULL, "%s", p->name.ptr);
        }
    }
}
END_TEST

static const struct {
    const char *name, *base_url, *auth_name, *key_env;
} providers[] = {
    {"openai", "https://api.openai.com/v1", NULL, "OPENAI_API_KEY"},
    {"azure", "https://res.openai.azure.com/openai/v1", "api-key", "AZURE_OPENAI_API_KEY,AZURE_API_KEY"},
    {"groq", "https://api.groq.com/openai/v1", NULL, "GROQ_API_KEY"},
    {"deepseek", "https://api.deepseek.com", NULL, "DEEPSEEK_API_KEY"},
    {"mistral", "https://api.mistral.ai/v1", NULL, "MISTRAL_API_KEY"},
    {"xai", "https://api.x.ai/v1", NULL, "XAI_API_KEY"},
    {"together", "https://api.together.ai/v1", NULL, "TOGETHER_API_KEY"},
    {"fireworks", "https://api.fireworks.ai/inference/v1", NULL, "FIREWORKS_API_KEY"},
    {"openrouter", "https://openrouter.ai/api/v1", NULL, "OPENROUTER_API_KEY"},
    {"perplexity", "https://api.perplexity.ai", NULL, "PERPLEXITY_API_KEY"},
    {"cerebras", "https://api.cerebras.ai/v1", NULL, "CEREBRAS_API_KEY"},
    {"moonshot", "https://api.moonshot.ai/v1", NULL, "MOONSHOT_API_KEY"},
    {"alibaba", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", NULL, "DASHSCOPE_API_KEY"},
    {"zai", "https://api.z.ai/api/paas/v4", NULL, "ZAI_API_KEY,ZHIPU_API_KEY"},
    {"ollama", "http://localhost:11434/v1", NULL, "OLLAMA_API_KEY"},
    {"vllm", "http://localhost:8000/v1", NULL, "VLLM_API_KEY"},
    {"llamacpp", "http://localhost:8080/v1", NULL, "LLAMACPP_API_KEY"},
    {"lmstudio", "http://localhost:1234/v1", NULL, "LMSTUDIO_API_KEY"},
    {"huggingface", "https://router.huggingface.co/v1", NULL, "HF_TOKEN,HUGGINGFACE_API_KEY"},
    {"snowflake", "https://myorg-myaccount.snowflakecomputing.com/api/v2/cortex/v1", NULL,
     "SNOWFLAKE_CORTEX_PAT,SNOWFLAKE_TOKEN"},
};

START_TEST(they_point_where_they_should) {
    const struct llm_provider *p = world_provider(&w, providers[_i].name);
    ck_assert_ptr_nonnull(p);
    ck_assert(llm_str_is(p->base_url, providers[_i].base_url));
    ck_assert(llm_str_is(p->key_env, providers[_i].key_env));
    ck_assert_int_eq(p->auth, providers[_i].auth_name != NULL ? LLM_AUTH_HEADER : LLM_AUTH_BEARER);
    ck_assert(providers[_i].auth_name == NULL || llm_str_is(p->auth_name, providers[_i].auth_name));
    ck_assert_int_eq(p->key_required, strncmp(providers[_i].base_url, "https", 5) == 0);
}
END_TEST

static const struct {
    const char *model, *operation, *route;
} routes[] = {
    {"gpt-4o-mini", NULL, "openai/gpt-4o-mini priced"},
    {"gpt-4o-2024-08-06", NULL, "openai/gpt-4o-2024-08-06 priced"},
    {"gpt-77", NULL, "openai/gpt-77"},
    {"o1", NULL, "openai/o1 priced"},
    {"o3-new", NULL, "openai/o3-new"},
    {"text-embedding-3-small", "embeddings", "openai/text-embedding-3-small priced"},
    {"gpt-image-1", "image", "openai/gpt-image-1 priced"},
    {"dall-e-3", "image", "openai/dall-e-3 priced"},
    {"azure/gpt-4o-mini", NULL, "azure/gpt-4o-mini priced"},
    {"azure/my-deployment", NULL, "azure/my-deployment"},
    {"grok-3-mini", NULL, "xai/grok-3-mini priced"},
    {"grok-99", NULL, "xai/grok-99"},
    {"deepseek-chat", NULL, "deepseek/deepseek-chat priced"},
    {"mistral-small-latest", NULL, "mistral/mistral-small-latest priced"},
    {"ministral-99", NULL, "mistral/ministral-99"},
    {"codestral-99", NULL, "mistral/codestral-99"},
    {"mistral-embed", "embeddings", "mistral/mistral-embed priced"},
    {"sonar", NULL, "perplexity/sonar priced"},
    {"sonar-new", NULL, "perplexity/sonar-new"},
    {"glm-4.7", NULL, "zai/glm-4.7 priced"},
    {"qwen3-max", NULL, "alibaba/qwen3-max priced"},
    {"kimi-k3", NULL, "moonshot/kimi-k3"},
    {"moonshot-v1-8k", NULL, "moonshot/moonshot-v1-8k priced"},
    {"accounts/fireworks/models/new", NULL, "fireworks/accounts/fireworks/models/new"},
    {"openrouter/anthropic/claude-haiku-4.5", NULL, "openrouter/anthropic/claude-haiku-4.5 priced"},
    {"anthropic/claude-haiku-4.5", NULL, "openrouter/anthropic/claude-haiku-4.5 priced"},
    {"ollama/gpt-oss:120b", NULL, "ollama/gpt-oss:120b priced"},
    {"groq/llama-3.3-70b-versatile", NULL, "groq/llama-3.3-70b-versatile priced"},
    {"llama-3.3-70b-versatile", NULL, "groq/llama-3.3-70b-versatile priced"},
};

START_TEST(names_go_where_people_expect) {
    const char *got = world_route(&w, routes[_i].model, routes[_i].operation, NULL);
    ck_assert_msg(strcmp(got, routes[_i].route) == 0, "%s: %s", routes[_i].model, got);
}
END_TEST

START_TEST(prices_are_those_of_the_manual) {
    struct llm_route route;
    llm_usage usage;
    llm_usage_clear(&usage);
    usage.input_tokens = 12;
    usage.output_tokens = 34;
    ck_assert_int_eq(
        llm_snapshot_route(w.snapshot, LLM_STR("gpt-4o-mini"), LLM_STR("chat"), NULL, &route, NULL), LLM_OK);
    ck_assert_int_eq(llm_price_cost(&route.model->price, &usage, 0, NULL), 22200000);
}
END_TEST

static void usage_of(llm_str json, llm_usage *ret) {
    const struct {
        const char *name;
        int64_t *count;
    } counts[] = {{"input_tokens", &ret->input_tokens},
                  {"output_tokens", &ret->output_tokens},
                  {"cache_read_tokens", &ret->cache_read_tokens},
                  {"cache_write_tokens", &ret->cache_write_tokens},
                  {"cache_write_1h_tokens", &ret->cache_write_1h_tokens},
                  {"reasoning_tokens", &ret->reasoning_tokens},
                  {"audio_input_tokens", &ret->audio_input_tokens},
                  {"audio_output_tokens", &ret->audio_output_tokens},
                  {"image_input_tokens", &ret->image_input_tokens},
                  {"image_output_tokens", &ret->image_output_tokens},
                  {"images", &ret->images},
                  {"milliseconds", &ret->milliseconds},
                  {"characters", &ret->characters},
                  {"pages", &ret->pages},
                  {"searches", &ret->searches}};
    llm_usage_clear(ret);
    ret->tier = llm_json_plain(llm_json_get(json, "tier"));
    ret->dimensions = llm_json_plain(llm_json_get(json, "size"));
    ret->quality = llm_json_plain(llm_json_get(json, "quality"));
    size_t known = 0;
    known += ret->tier.ptr != NULL ? 1 : 0;
    known += ret->dimensions.ptr != NULL ? 1 : 0;
    known += ret->quality.ptr != NULL ? 1 : 0;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        known += llm_json_int64(llm_json_get(json, counts[i].name), counts[i].count) ? 1 : 0;
    }
    ck_assert_uint_eq(known, llm_json_count(json));
}

// A provider's price page, the counts of a call, and what it then costs to the last pico-USD: by the entry that the example gives,
// and by what ships, where that lists the model.
START_TEST(a_call_costs_what_the_price_page_says) {
    const llm_str example = llm_json_at(examples.root, (size_t)_i);
    const llm_str vendor = llm_json_plain(llm_json_get(example, "vendor")),
                  id = llm_json_plain(llm_json_get(example, "model")),
                  shipped = llm_json_plain(llm_json_get(example, "shipped"));
    struct llm_arena arena = {0};
    struct llm_catalogue_entry entry = {vendor, id, llm_json_get(example, "entry")};
    struct llm_model model;
    llm_usage usage;
    llm_error err = LLM_ERROR_INIT;
    int64_t at = 0, expected = -1;
    ck_assert(llm_price_parse_date(llm_json_plain(llm_json_get(example, "at")), &at));
    (void)llm_json_int64(llm_json_get(example, "pico_usd"), &expected);
    usage_of(llm_json_get(example, "usage"), &usage);
    ck_assert_msg(llm_model_read(&arena, &entry, &model, &err) == LLM_OK, "%s", err.message);
    ck_assert_int_eq(llm_price_cost(&model.price, &usage, at, NULL), expected);
    if (llm_str_is(shipped, "catalogue")) {
        const struct llm_catalogue *catalogue = llm_shelf_catalogue(w.snapshot);
        ck_assert(catalogue != NULL && llm_catalogue_find(catalogue, vendor, id, &entry));
        ck_assert_msg(llm_model_read(&arena, &entry, &model, &err) == LLM_OK, "%s", err.message);
        ck_assert_int_eq(llm_price_cost(&model.price, &usage, at, NULL), expected);
    } else if (shipped.ptr != NULL) {
        char name[200];
        struct llm_route route;
        snprintf(name, sizeof name, "%.*s", LLM_FMT(shipped));
        ck_assert_msg(llm_snapshot_route(w.snapshot, id, model.operation, name, &route, &err) == LLM_OK, "%s",
                      err.message);
        ck_assert_ptr_nonnull(route.model);
        ck_assert_int_eq(llm_price_cost(&route.model->price, &usage, at, NULL), expected);
    }
    llm_arena_done(&arena);
}
END_TEST

// Every entry can be used, and the file is whole.
START_TEST(the_catalogue_is_sound) {
    const struct llm_catalogue *catalogue = llm_shelf_catalogue(w.snapshot);
    llm_error err = LLM_ERROR_INIT;
    struct llm_catalogue_entry entry;
    struct llm_arena arena = {0};
    size_t at = 0, models = 0, n_providers = 0, priced = 0;
    llm_str last = {0};
    ck_assert_ptr_nonnull(catalogue);
    ck_assert_msg(llm_catalogue_check(catalogue, "catalogue", &err) == LLM_OK, "%s", err.message);
    while (llm_catalogue_next(catalogue, &at, &entry)) {
        struct llm_model model;
        llm_str source, as_of;
        ck_assert_msg(llm_model_read(&arena, &entry, &model, &err) == LLM_OK, "%.*s/%.*s: %s",
                      LLM_FMT(entry.provider), LLM_FMT(entry.id), err.message);
        llm_catalogue_source(catalogue, entry.json, &source, &as_of);
        ck_assert(source.len > 0 && as_of.len == 10);
        models++;
        priced += model.price.known ? 1 : 0;
        n_providers += llm_str_eq(last, entry.provider) ? 0 : 1;
        last = entry.provider;
        llm_arena_reset(&arena, 65536);
    }
    llm_arena_done(&arena);
    ck_assert_uint_ge(models, 2000);
    ck_assert_uint_ge(priced, 2000);
    ck_assert_uint_ge(n_providers, 60);
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof(list)[0])

int main(void) {
    read_examples();
    Suite *suite = suite_create("shipped");
    TCase *tests = tcase_create("shipped");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, all_load_without_complaint);
    tcase_add_test(tests, prefixes_are_unique);
    tcase_add_test(tests, facts_say_where_they_are_from);
    tcase_add_loop_test(tests, they_point_where_they_should, 0, COUNT(providers));
    tcase_add_loop_test(tests, names_go_where_people_expect, 0, COUNT(routes));
    tcase_add_test(tests, prices_are_those_of_the_manual);
    tcase_add_test(tests, the_catalogue_is_sound);
    tcase_add_loop_test(tests, a_call_costs_what_the_price_page_says, 0, (int)llm_json_count(examples.root));
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
