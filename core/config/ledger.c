// SPDX-License-Identifier: MIT
#include "config/ledger.h"

#include "base/error.h"
#include "base/limits.h"
#include "config/builder.h"
#include "config/paths.h"
#include "llm_json.h"

#define WAIT_MS_MAX 600000 // ten minutes

static llm_status no_memory(llm_error *err) {
    return llm_fail(err, LLM_E_NOMEM, "out of memory");
}

static llm_status take_store(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    struct llm_ledger_settings *s = &b->settings->ledger;
    const llm_status status =
        llm_document_string(doc, value, "ledger.store", &b->settings->arena, &s->store, err);
    if (status != LLM_OK) {
        return status;
    }
    s->on = !llm_str_is(s->store, "none");
    return llm_settings_taken(b, "ledger.store", value, err);
}

static llm_status take_path(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    llm_str path;
    llm_error inner = LLM_ERROR_INIT;
    llm_status status = llm_document_string(doc, value, "ledger.path", &b->settings->arena, &path, err);
    if (status != LLM_OK) {
        return status;
    }
    const bool is_url = llm_str_glob(LLM_STR("*://*"), path);
    if (!is_url) {
        status = llm_path_absolute(b->settings, path, "ledger.path", &path, &inner);
    }
    if (status == LLM_E_CONFIG) {
        return llm_document_fail(doc, value, err, "%s", inner.message);
    }
    if (status != LLM_OK) {
        return no_memory(err);
    }
    b->settings->ledger.path = path;
    const bool secret = is_url && memchr(path.ptr, '@', path.len) != NULL;
    return llm_settings_taken(b, "ledger.path", secret ? LLM_STR("\"(with a password)\"") : value, err);
}

static llm_status take_config(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    if (llm_json_type(value) != '{') {
        return llm_document_fail(doc, value, err,
                                 "ledger.config must be an object, as the store describes it");
    }
    b->settings->ledger.config = llm_arena_dup(&b->settings->arena, value);
    if (b->settings->ledger.config.ptr == NULL) {
        return no_memory(err);
    }
    return llm_settings_taken(b, "ledger.config", LLM_STR("\"(hidden)\""), err);
}

static llm_status take_on_failure(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    const bool queue = llm_json_is(value, "queue");
    if (!queue && !llm_json_is(value, "refuse")) {
        return llm_document_fail(doc, value, err, "ledger.on_failure must be \"refuse\" or \"queue\"");
    }
    b->settings->ledger.queue = queue;
    return llm_settings_taken(b, "ledger.on_failure", value, err);
}

static llm_status take_number(struct llm_settings_builder *b, const struct llm_document *doc, llm_str value,
                              const char *name, int64_t min, int64_t max, uint32_t *ret, llm_error *err) {
    int64_t number = 0;
    const llm_status status = llm_document_int(doc, value, name, min, max, &number, err);
    if (status != LLM_OK) {
        return status;
    }
    *ret = (uint32_t)number;
    return llm_settings_taken(b, name, value, err);
}

static llm_status take_queue_rows(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    return take_number(b, doc, value, "ledger.queue_rows", LLM_MIN_LEDGER_ROWS, LLM_MAX_LEDGER_ROWS,
                       &b->settings->ledger.queue_rows, err);
}

static llm_status take_acknowledge(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    return take_number(b, doc, value, "ledger.acknowledge_ms", 1, WAIT_MS_MAX,
                       &b->settings->ledger.acknowledge_ms, err);
}

static llm_status take_wait(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    return take_number(b, doc, value, "ledger.wait_ms", 0, WAIT_MS_MAX, &b->settings->ledger.wait_ms, err);
}

llm_status llm_ledger_settings_take(void *ctx, const struct llm_document *doc, llm_str value,
                                    llm_error *err) {
    static const struct llm_document_member members[] = {
        {"acknowledge_ms", take_acknowledge},
        {"config", take_config},
        {"on_failure", take_on_failure},
        {"path", take_path},
        {"queue_rows", take_queue_rows},
        {"store", take_store},
        {"wait_ms", take_wait},
        {NULL, NULL},
    };
    struct llm_settings_builder *b = ctx;
    struct llm_ledger_settings *s = &b->settings->ledger;
    if (s->store.ptr == NULL) {
        s->store = LLM_STR("sqlite");
        s->on = true;
    }
    return llm_document_members(doc, value, "ledger", members, ctx, err);
}

llm_status llm_ledger_settings_built_in(struct llm_settings_builder *b, llm_error *err) {
    static const struct {
        const char *name, *json;
    } rows[] = {
        {"ledger.store", "\"none\""},   {"ledger.on_failure", "\"refuse\""},
        {"ledger.queue_rows", "16384"}, {"ledger.acknowledge_ms", "10000"},
        {"ledger.wait_ms", "15000"},
    };
    b->settings->ledger =
        (struct llm_ledger_settings){.queue_rows = 16384, .acknowledge_ms = 10000, .wait_ms = 15000};
    b->origin = LLM_STR("built in");
    llm_status status = LLM_OK;
    for (size_t i = 0; status == LLM_OK && i < sizeof rows / sizeof rows[0]; i++) {
        status = llm_settings_taken(b, rows[i].name, llm_str_from(rows[i].json), err);
    }
    return status;
}

llm_status llm_ledger_settings_finish(struct llm_settings_builder *b, llm_error *err) {
    struct llm_ledger_settings *s = &b->settings->ledger;
    llm_str dir;
    if (!s->on || s->path.ptr != NULL || !llm_str_is(s->store, "sqlite")) {
        return LLM_OK;
    }
    const llm_status status = llm_path_user_state(b->settings, &dir, err);
    if (status != LLM_OK) {
        return status;
    }
    if (dir.ptr == NULL) {
        return llm_fail(err, LLM_E_CONFIG,
                        "ledger.path is not set, and there is no home directory to put it in: set it");
    }
    s->path = llm_arena_format(&b->settings->arena, "%.*s/ledger.db", LLM_FMT(dir));
    s->built_in_path = true;
    return s->path.ptr != NULL ? LLM_OK : no_memory(err);
}
