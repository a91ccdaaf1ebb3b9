// SPDX-License-Identifier: MIT
// Any text as a provider file: what is refused says why, and what is taken can be routed to and described.
#include "catalog/build.h"

#include <stdlib.h>

#include "base/mem.h"
#include "llm_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool fact) {
    if (!fact) {
        abort();
    }
}

static void add(struct llm_build *build, const struct llm_document *doc, llm_str object) {
    struct llm_snapshot *s = build->snapshot;
    struct llm_source source = {.origin = doc->name};
    struct llm_provider *provider = &s->providers[s->n_providers];
    llm_error err = LLM_ERROR_INIT;
    bool disabled = false;
    if (llm_source_read(build, doc, object, &source, &err) != LLM_OK) {
        need(err.message[0] != '\0');
        return;
    }
    source.name = LLM_STR("fuzzed");
    if (llm_provider_build(build, &source, provider, &disabled, &err) != LLM_OK) {
        need(err.message[0] != '\0');
        return;
    }
    if (disabled) {
        return;
    }
    need(llm_json_check(provider->config, 64, NULL));
    need(provider->base_url.len > 0);
    s->n_providers = 1;
    need(llm_provider_find_keys(build, provider) == LLM_OK);
    need(llm_models_build(build, provider, &source) == LLM_OK);
}

static void use(struct llm_snapshot *s) {
    static const char *const subjects[] = {"models", "providers", "keys", "doctor"};
    struct llm_route route;
    llm_error err = LLM_ERROR_INIT;
    for (size_t i = 0; i < s->n_models && i < 50; i++) {
        const llm_status status =
            llm_snapshot_route(s, s->models[i].id, s->models[i].operation, NULL, &route, &err);
        need(status == LLM_OK || err.message[0] != '\0');
    }
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        char *json = NULL;
        size_t len = 0;
        need(llm_snapshot_describe(s, subjects[i], NULL, &json, &len, &err) == LLM_OK);
        need(llm_json_check((llm_str){json, len}, 80, NULL));
        llm_mem_free(json);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    struct llm_snapshot s = {0};
    struct llm_document doc = {0};
    llm_error err = LLM_ERROR_INIT;
    struct llm_build build = {.snapshot = &s, .err = &err};
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    need(llm_settings_read(&options, &s.settings, &err) == LLM_OK);
    s.providers = llm_arena_new(&s.arena, 2 * sizeof *s.providers);
    need(s.providers != NULL);
    if (llm_document_parse(&doc, LLM_STR("file"), (llm_str){(const char *)data, size}, &err) == LLM_OK) {
        add(&build, &doc, llm_json_type(doc.root) == '[' ? llm_json_at(doc.root, 0) : doc.root);
        need(llm_route_index(&build) == LLM_OK);
        use(&s);
    }
    llm_document_done(&doc);
    llm_build_done(&build);
    llm_settings_done(&s.settings);
    llm_arena_done(&s.arena);
    return 0;
}
