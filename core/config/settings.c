// SPDX-License-Identifier: MIT
#include "config/settings.h"

#include <assert.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "config/builder.h"
#include "config/cache.h"
#include "config/document.h"
#include "config/keys.h"
#include "config/paths.h"
#include "llm_json.h"

#define TIMEOUT_MS_MAX 86400000 // a day

static llm_status no_memory(llm_error *err) {
    return llm_fail(err, LLM_E_NOMEM, "out of memory");
}

// ---- origins ----------------------------------------------------------------------------------------

// A new row; with replace, in place of an older one of that name.
static llm_status note(struct llm_settings_builder *b, const char *name, llm_str value, llm_str origin,
                       bool replace) {
    struct llm_settings *s = b->settings;
    struct llm_arena *arena = &s->arena;
    const struct llm_setting_origin row = {
        .name = llm_arena_dup(arena, llm_str_from(name)).ptr,
        .value = llm_arena_dup(arena, value),
        .origin = llm_arena_dup(arena, origin),
    };
    if (row.name == NULL || row.value.ptr == NULL || row.origin.ptr == NULL) {
        return LLM_E_NOMEM;
    }
    assert(s->n_origins == 0 || b->origins != NULL);
    for (size_t i = 0; replace && i < s->n_origins; i++) {
        if (strcmp(b->origins[i].name, name) == 0) {
            b->origins[i] = row;
            return LLM_OK;
        }
    }
    struct llm_setting_origin *rows =
        llm_arena_grow(arena, b->origins, s->n_origins, &b->cap_origins, sizeof *rows);
    if (rows == NULL) {
        return LLM_E_NOMEM;
    }
    rows[s->n_origins++] = row;
    s->origins = b->origins = rows;
    return LLM_OK;
}

static llm_status note_text(struct llm_settings_builder *b, const char *name, llm_str text, llm_str origin,
                            bool replace) {
    struct llm_buf json = {.max = LLM_MAX_SETTINGS_BYTES};
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &json);
    llm_json_string(&w, text);
    const llm_status status =
        w.status == LLM_OK ? note(b, name, llm_buf_str(&json), origin, replace) : w.status;
    llm_buf_done(&json);
    return status;
}

static llm_status note_dir(void *ctx, llm_str dir, llm_str origin) {
    return note_text(ctx, "plugin_dirs", dir, origin, false);
}

llm_status llm_settings_taken(struct llm_settings_builder *b, const char *name, llm_str value,
                              llm_error *err) {
    return note(b, name, value, b->origin, true) == LLM_OK ? LLM_OK : no_memory(err);
}

// ---- simple members ---------------------------------------------------------------------------------

static llm_status take_schema(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    (void)ctx;
    (void)doc;
    (void)value;
    (void)err;
    return LLM_OK; // "$schema": for editors
}

static llm_status take_default_model(void *ctx, const struct llm_document *doc, llm_str value,
                                     llm_error *err) {
    struct llm_settings_builder *b = ctx;
    llm_str model;
    const llm_status status =
        llm_document_string(doc, value, "default_model", &b->settings->arena, &model, err);
    if (status != LLM_OK) {
        return status;
    }
    if (model.len > LLM_MAX_MODEL_BYTES) {
        return llm_document_fail(doc, value, err, "default_model is longer than %u bytes",
                                 LLM_MAX_MODEL_BYTES);
    }
    b->settings->default_model = model;
    return llm_settings_taken(b, "default_model", value, err);
}

static llm_status take_timeout(struct llm_settings_builder *b, const struct llm_document *doc, llm_str value,
                               const char *name, uint32_t *ret, llm_error *err) {
    int64_t ms = 0;
    const llm_status status = llm_document_int(doc, value, name, 1, TIMEOUT_MS_MAX, &ms, err);
    if (status != LLM_OK) {
        return status;
    }
    *ret = (uint32_t)ms;
    return llm_settings_taken(b, name, value, err);
}

static llm_status take_connect(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    return take_timeout(b, doc, value, "timeouts.connect_ms", &b->settings->connect_timeout_ms, err);
}

static llm_status take_first_byte(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    return take_timeout(b, doc, value, "timeouts.first_byte_ms", &b->settings->first_byte_timeout_ms, err);
}

static llm_status take_idle(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    return take_timeout(b, doc, value, "timeouts.idle_ms", &b->settings->idle_timeout_ms, err);
}

static llm_status take_total(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    return take_timeout(b, doc, value, "timeouts.total_ms", &b->settings->total_timeout_ms, err);
}

static llm_status take_timeouts(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    static const struct llm_document_member members[] = {
        {"connect_ms", take_connect},
        {"first_byte_ms", take_first_byte},
        {"idle_ms", take_idle},
        {"total_ms", take_total},
        {NULL, NULL},
    };
    return llm_document_members(doc, value, "timeouts", members, ctx, err);
}

llm_status llm_settings_take_path(struct llm_settings_builder *b, const struct llm_document *doc,
                                  llm_str value, const char *what, llm_str *ret, llm_error *err) {
    llm_str path, full;
    llm_error inner = LLM_ERROR_INIT;
    llm_status status = llm_document_string(doc, value, what, &b->settings->arena, &path, err);
    if (status != LLM_OK) {
        return status;
    }
    status = llm_path_absolute(b->settings, path, what, &full, &inner);
    if (status == LLM_E_CONFIG) {
        return llm_document_fail(doc, value, err, "%s", inner.message);
    }
    if (status != LLM_OK) {
        return no_memory(err);
    }
    *ret = full;
    return LLM_OK;
}

static llm_status take_ca_file(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    const llm_status status = llm_settings_take_path(b, doc, value, "ca_file", &b->settings->ca_file, err);
    return status == LLM_OK ? llm_settings_taken(b, "ca_file", value, err) : status;
}

static llm_status take_proxy(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    static const char *const schemes[] = {"http://", "https://", "socks5://", "socks5h://"};
    struct llm_settings_builder *b = ctx;
    llm_str proxy;
    const llm_status status = llm_document_string(doc, value, "proxy", &b->settings->arena, &proxy, err);
    if (status != LLM_OK) {
        return status;
    }
    bool known = llm_str_is(proxy, "environment");
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        known = known || llm_str_starts(proxy, llm_str_from(schemes[i]));
    }
    if (!known) {
        return llm_document_fail(
            doc, value, err, "proxy must be \"environment\" or a URL with http, https, socks5 or socks5h");
    }
    b->settings->proxy = proxy;
    return llm_settings_taken(
        b, "proxy", memchr(proxy.ptr, '@', proxy.len) != NULL ? LLM_STR("\"(with a password)\"") : value,
        err);
}

static llm_status take_plugin_dirs(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    if (llm_json_type(value) != '[') {
        return llm_document_fail(doc, value, err, "plugin_dirs must be an array of paths");
    }
    llm_json_iter it = llm_json_begin(value);
    while (llm_json_next(&it)) {
        llm_str dir;
        const llm_status status = llm_settings_take_path(b, doc, it.value, "plugin_dirs", &dir, err);
        if (status != LLM_OK) {
            return status;
        }
        llm_header *list = llm_arena_grow(&b->settings->arena, b->plugin_dirs, b->n_plugin_dirs,
                                          &b->cap_plugin_dirs, sizeof *list);
        if (list == NULL) {
            return no_memory(err);
        }
        list[b->n_plugin_dirs++] = (llm_header){dir, b->origin};
        b->plugin_dirs = list;
    }
    return LLM_OK;
}

// ---- maps: name to something -----------------------------------------------------------------------------

// Set name = value; a later layer's takes an earlier one's place.
static llm_status put(struct llm_settings_builder *b, llm_header **list, size_t *count, size_t *cap,
                      llm_header entry, llm_error *err) {
    for (size_t i = 0; i < *count; i++) {
        if (llm_str_eq((*list)[i].name, entry.name)) {
            (*list)[i].value = entry.value;
            return LLM_OK;
        }
    }
    llm_header *bigger = llm_arena_grow(&b->settings->arena, *list, *count, cap, sizeof *bigger);
    if (bigger == NULL) {
        return no_memory(err);
    }
    bigger[(*count)++] = entry;
    *list = bigger;
    return LLM_OK;
}

// An object from names to strings.
static llm_status take_map(struct llm_settings_builder *b, const struct llm_document *doc, llm_str value,
                           const char *what, llm_header **list, size_t *count, size_t *cap, llm_error *err) {
    struct llm_arena *arena = &b->settings->arena;
    if (llm_json_type(value) != '{') {
        return llm_document_fail(doc, value, err, "%s must be an object of strings", what);
    }
    llm_json_iter it = llm_json_begin(value);
    while (llm_json_next(&it)) {
        llm_header entry;
        char name[160];
        llm_status status = llm_document_string(doc, it.name, what, arena, &entry.name, err);
        if (status != LLM_OK) {
            return status;
        }
        (void)snprintf(name, sizeof name, "%s.%.*s", what, LLM_FMT(entry.name));
        status = llm_document_string(doc, it.value, name, arena, &entry.value, err);
        status = status == LLM_OK ? put(b, list, count, cap, entry, err) : status;
        status = status == LLM_OK ? llm_settings_taken(b, name, it.value, err) : status;
        if (status != LLM_OK) {
            return status;
        }
    }
    return LLM_OK;
}

static llm_status take_aliases(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    const llm_status status =
        take_map(b, doc, value, "aliases", &b->aliases, &b->settings->n_aliases, &b->cap_aliases, err);
    b->settings->aliases = b->aliases;
    return status;
}

static llm_status take_base_urls(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct llm_settings_builder *b = ctx;
    const llm_status status = take_map(b, doc, value, "base_urls", &b->base_urls, &b->settings->n_base_urls,
                                       &b->cap_base_urls, err);
    b->settings->base_urls = b->base_urls;
    return status;
}

// ---- the layers --------------------------------------------------------------------------------------------

static llm_status take_document(struct llm_settings_builder *b, const struct llm_document *doc,
                                llm_error *err) {
    static const struct llm_document_member members[] = {
        {"$schema", take_schema},
        {"admission", llm_settings_take_admission},
        {"aliases", take_aliases},
        {"base_urls", take_base_urls},
        {"breaker", llm_breaker_take},
        {"ca_file", take_ca_file},
        {"cache", llm_cache_settings_take},
        {"default_model", take_default_model},
        {"keys", llm_keys_take},
        {"ledger", llm_ledger_settings_take},
        {"limits", llm_settings_take_limits},
        {"plugin_dirs", take_plugin_dirs},
        {"proxy", take_proxy},
        {"retry", llm_retry_take},
        {"retry_budget", llm_retry_budget_take},
        {"routes", llm_routes_take},
        {"timeouts", take_timeouts},
        {NULL, NULL},
    };
    return llm_document_members(doc, doc->root, "the settings", members, b, err);
}

static llm_status read_built_in(struct llm_settings_builder *b, llm_error *err) {
    static const struct {
        const char *name;
        uint32_t ms;
        const char *text;
    } rows[] = {
        {"timeouts.connect_ms", 5000, "5000"},     {"timeouts.first_byte_ms", 300000, "300000"},
        {"timeouts.idle_ms", 120000, "120000"},    {"timeouts.total_ms", 600000, "600000"},
        {"admission.max_wait_ms", 30000, "30000"}, {"admission.output_tokens", 4096, "4096"},
    };
    struct llm_settings *s = b->settings;
    uint32_t *const members[] = {&s->connect_timeout_ms, &s->first_byte_timeout_ms, &s->idle_timeout_ms,
                                 &s->total_timeout_ms,   &s->limits.max_wait_ms,    &s->limits.output_tokens};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        *members[i] = rows[i].ms;
        if (note(b, rows[i].name, llm_str_from(rows[i].text), LLM_STR("built in"), true) != LLM_OK) {
            return no_memory(err);
        }
    }
    llm_status status = llm_breaker_built_in(b, err);
    status = status == LLM_OK ? llm_retry_built_in(b, err) : status;
    b->origin = LLM_STR("built in");
    return status == LLM_OK ? llm_cache_settings_built_in(b, err) : status;
}

// Which file, and whether it must be there.
static llm_status find_file(struct llm_settings_builder *b, const llm_master_options *options,
                            bool *ret_named, llm_error *err) {
    struct llm_settings *s = b->settings;
    llm_str value;
    *ret_named = true;
    if (options->config_file != NULL) {
        s->config_file = llm_arena_dup(&s->arena, llm_str_from(options->config_file));
        return s->config_file.ptr != NULL ? LLM_OK : no_memory(err);
    }
    if (llm_settings_env(s, "LLM_MASTER_CONFIG", &value) == LLM_OK) {
        return llm_path_absolute(s, value, "environment LLM_MASTER_CONFIG", &s->config_file, err);
    }
    *ret_named = false;
    llm_str dir;
    const llm_status status = llm_path_user_config(s, &dir, err);
    if (status != LLM_OK || dir.ptr == NULL) {
        return status;
    }
    s->config_file = llm_arena_format(&s->arena, "%.*s/config.json", LLM_FMT(dir));
    return s->config_file.ptr != NULL ? LLM_OK : no_memory(err);
}

static llm_status read_file(struct llm_settings_builder *b, const llm_master_options *options,
                            llm_error *err) {
    struct llm_settings *s = b->settings;
    struct llm_document doc = {0};
    bool named = false;
    if ((options->flags & LLM_MASTER_NO_CONFIG) != 0) {
        return LLM_OK;
    }
    llm_status status = find_file(b, options, &named, err);
    if (status != LLM_OK || s->config_file.ptr == NULL) {
        return status;
    }
    status = llm_document_read(&doc, s->config_file, err);
    if (status == LLM_E_NOT_FOUND) {
        return named ? llm_fail(err, LLM_E_CONFIG, "%.*s: no such file", LLM_FMT(s->config_file)) : LLM_OK;
    }
    b->origin = s->config_file;
    status = status == LLM_OK ? take_document(b, &doc, err) : status;
    llm_document_done(&doc);
    return status;
}

static llm_status read_environment(struct llm_settings_builder *b, llm_error *err) {
    struct llm_settings *s = b->settings;
    llm_str value;
    if (llm_settings_env(s, "LLM_MASTER_MODEL", &value) != LLM_OK) {
        return LLM_OK;
    }
    if (value.len > LLM_MAX_MODEL_BYTES) {
        return llm_fail(err, LLM_E_CONFIG, "environment LLM_MASTER_MODEL is longer than %u bytes",
                        LLM_MAX_MODEL_BYTES);
    }
    s->default_model = llm_arena_dup(&s->arena, value);
    if (s->default_model.ptr == NULL ||
        note_text(b, "default_model", value, LLM_STR("environment LLM_MASTER_MODEL"), true) != LLM_OK) {
        return no_memory(err);
    }
    return LLM_OK;
}

static llm_status read_options(struct llm_settings_builder *b, const llm_master_options *options,
                               llm_error *err) {
    struct llm_document doc = {0};
    if (options->settings == NULL) {
        return LLM_OK;
    }
    b->origin = LLM_STR("options");
    llm_status status = llm_document_parse(&doc, b->origin, llm_str_from(options->settings), err);
    status = status == LLM_OK ? take_document(b, &doc, err) : status;
    llm_document_done(&doc);
    return status;
}

llm_status llm_settings_read(const llm_master_options *options, struct llm_settings *ret, llm_error *err) {
    static const llm_master_options defaults = LLM_MASTER_OPTIONS_INIT;
    options = options != NULL ? options : &defaults;
    struct llm_settings settings = {
        .use_environment = (options->flags & LLM_MASTER_NO_ENVIRONMENT) == 0,
        .offline = LLM_HAS(llm_master_options, options, transport),
        .arena = {.limit = 16 * LLM_MAX_SETTINGS_BYTES},
    };
    struct llm_settings_builder b = {.settings = &settings};
    llm_status status = read_built_in(&b, err);
    status = status == LLM_OK ? llm_ledger_settings_built_in(&b, err) : status;
    status = status == LLM_OK ? read_file(&b, options, err) : status;
    status = status == LLM_OK ? read_environment(&b, err) : status;
    status = status == LLM_OK ? read_options(&b, options, err) : status;
    status = status == LLM_OK ? llm_routes_check(&settings, err) : status;
    if (status == LLM_OK) {
        status =
            llm_settings_find_dirs(&settings, options, b.plugin_dirs, b.n_plugin_dirs, note_dir, &b, err);
    }
    status = status == LLM_OK ? llm_ledger_settings_finish(&b, err) : status;
    if (status != LLM_OK) {
        llm_settings_done(&settings);
        return status;
    }
    *ret = settings;
    return LLM_OK;
}

void llm_settings_done(struct llm_settings *settings) {
    for (size_t i = 0; i < settings->n_keys; i++) {
        llm_secret_done(&settings->keys[i].value);
    }
    llm_arena_done(&settings->arena);
    *settings = (struct llm_settings){0};
}
