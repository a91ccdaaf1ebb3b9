// SPDX-License-Identifier: MIT
// What is known, as JSON.  docs/describe.md describes the shapes.
#include "catalog/report.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "catalog/rates.h"

#define DESCRIPTION_BYTES_MAX (256u << 20)

void llm_report_text(llm_json_writer *w, const char *name, llm_str text) {
    llm_json_name(w, name);
    llm_json_string(w, text);
}

void llm_report_bool(llm_json_writer *w, const char *name, bool value) {
    llm_json_name(w, name);
    llm_json_boolean(w, value ? 1 : 0);
}

static void report_integer(llm_json_writer *w, const char *name, int64_t value) {
    llm_json_name(w, name);
    llm_json_integer(w, value);
}

const char *llm_provider_state(const struct llm_provider *provider) {
    if (provider->problem.ptr != NULL) {
        return "problem";
    }
    return llm_provider_need_key(provider, NULL) != LLM_OK ? "no_key" : "ready";
}

llm_str llm_report_file(const char *path) {
    const char *slash = strrchr(path, '/');
    return llm_str_from(slash != NULL ? slash + 1 : path);
}

bool llm_report_knows(const struct llm_snapshot *snapshot, llm_str provider) {
    for (size_t i = 0; i < snapshot->n_providers; i++) {
        if (llm_str_eq(snapshot->providers[i].name, provider)) {
            return true;
        }
    }
    return false;
}

// ---- models -----------------------------------------------------------------------------------------------

static bool holds(llm_str object, llm_str name) {
    llm_json_iter it = llm_json_begin(object);
    while (llm_json_next(&it)) {
        if (llm_json_is_str(it.name, name)) {
            return true;
        }
    }
    return false;
}

// The entry's own members; prices always as strings, as they were written.  under: what holds them
// already is left out.
static void report_entry(llm_json_writer *w, llm_str entry, llm_str under) {
    static const char *const ours[] = {"id", "provider", "operation", "source"};
    llm_json_iter it = llm_json_begin(entry);
    while (llm_json_next(&it)) {
        const llm_str name = llm_json_plain(it.name);
        const bool rate = llm_rates_find(name) != SIZE_MAX;
        bool skip = under.ptr != NULL && holds(under, name);
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
            skip = skip || llm_str_is(name, ours[i]);
        }
        if (skip) {
            continue;
        }
        llm_json_name_str(w, name);
        if (rate && llm_json_type(it.value) == '0') {
            llm_json_string(w, it.value);
        } else {
            llm_json_raw(w, it.value);
        }
    }
}

static void report_source(llm_json_writer *w, const struct llm_catalogue *catalogue, llm_str json) {
    llm_str name, as_of;
    llm_catalogue_source(catalogue, json, &name, &as_of);
    llm_report_text(w, "source", name);
    llm_report_text(w, "as_of", as_of);
}

static bool has_price(llm_str entry) {
    bool has = llm_json_get(entry, "prices").ptr != NULL;
    for (size_t i = 0; !has && llm_rates_name(i) != NULL; i++) {
        has = llm_json_get(entry, llm_rates_name(i)).ptr != NULL;
    }
    return has;
}

// A model of a provider's file; the catalogue's price where it gives none.
static void report_model(llm_json_writer *w, struct llm_snapshot *s, const struct llm_model *model) {
    const struct llm_catalogue *catalogue = model->price.known ? NULL : llm_shelf_catalogue(s);
    struct llm_catalogue_entry entry;
    const bool listed = catalogue != NULL &&
                        llm_catalogue_find(catalogue, model->provider->name, model->id, &entry) &&
                        has_price(entry.json);
    const llm_str source = llm_json_get(model->json, "source");
    llm_json_object(w);
    llm_report_text(w, "provider", model->provider->name);
    llm_report_text(w, "id", model->id);
    llm_report_text(w, "operation", model->operation);
    llm_report_bool(w, "priced", model->price.known || (listed && has_price(entry.json)));
    llm_report_text(w, "state", llm_str_from(llm_provider_state(model->provider)));
    report_entry(w, model->json, (llm_str){0});
    if (listed) {
        report_entry(w, entry.json, model->json);
        report_source(w, catalogue, entry.json);
    } else if (source.ptr != NULL) {
        llm_json_name(w, "source");
        llm_json_raw(w, source);
    }
    llm_json_object_end(w);
}

static void report_catalogued(llm_json_writer *w, const struct llm_catalogue *catalogue,
                              const struct llm_catalogue_entry *entry, const struct llm_provider *provider) {
    const llm_str operation = llm_json_plain(llm_json_get(entry->json, "operation"));
    llm_json_object(w);
    llm_report_text(w, "provider", entry->provider);
    llm_report_text(w, "id", entry->id);
    llm_report_text(w, "operation", operation.ptr != NULL ? operation : LLM_STR("chat"));
    llm_report_bool(w, "priced", has_price(entry->json));
    llm_report_text(w, "state",
                    llm_str_from(provider != NULL ? llm_provider_state(provider) : "not_configured"));
    report_entry(w, entry->json, (llm_str){0});
    report_source(w, catalogue, entry->json);
    llm_json_object_end(w);
}

static const struct llm_provider *provider_of(const struct llm_snapshot *s, llm_str name) {
    for (size_t i = 0; i < s->n_providers; i++) {
        if (llm_str_eq(s->providers[i].name, name)) {
            return &s->providers[i];
        }
    }
    return NULL;
}

static bool is_own(const struct llm_snapshot *s, const struct llm_provider *provider, llm_str id) {
    for (size_t i = 0; provider != NULL && i < provider->n_models; i++) {
        if (llm_str_eq(s->models[provider->first_model + i].id, id)) {
            return true;
        }
    }
    return false;
}

static void report_shelf(struct llm_snapshot *s, llm_str filter, bool all, llm_json_writer *w) {
    const struct llm_catalogue *catalogue = llm_shelf_catalogue(s);
    const struct llm_provider *provider = NULL;
    struct llm_catalogue_entry entry;
    size_t at = catalogue != NULL && filter.ptr != NULL ? llm_catalogue_provider(catalogue, filter) : 0;
    llm_str last = {0};
    while (catalogue != NULL && llm_catalogue_next(catalogue, &at, &entry)) {
        if (filter.ptr != NULL && !llm_str_eq(entry.provider, filter)) {
            return;
        }
        provider =
            last.ptr != NULL && llm_str_eq(last, entry.provider) ? provider : provider_of(s, entry.provider);
        last = entry.provider;
        const bool ready = provider != NULL && strcmp(llm_provider_state(provider), "ready") == 0;
        if ((all || ready) && !is_own(s, provider, entry.id)) {
            report_catalogued(w, catalogue, &entry, provider);
        }
    }
}

static void report_files(struct llm_snapshot *s, llm_str filter, llm_json_writer *w) {
    for (size_t i = 0; i < s->n_models; i++) {
        if (filter.ptr == NULL || llm_str_eq(s->models[i].provider->name, filter)) {
            report_model(w, s, &s->models[i]);
        }
    }
}

static void report_models(struct llm_snapshot *s, llm_str filter, llm_json_writer *w) {
    report_files(s, filter, w);
    report_shelf(s, filter, false, w);
}

static void report_all_models(struct llm_snapshot *s, llm_str filter, llm_json_writer *w) {
    report_files(s, filter, w);
    report_shelf(s, filter, true, w);
}

// ---- providers and keys --------------------------------------------------------------------------------------

static const char *const schemes[] = {"none", "bearer", "header", "query", "basic"}; // enum llm_auth_scheme

static void report_names(llm_json_writer *w, const char *name, const llm_str *list, size_t count) {
    llm_json_name(w, name);
    llm_json_array(w);
    for (size_t i = 0; i < count; i++) {
        llm_json_string(w, list[i]);
    }
    llm_json_array_end(w);
}

static void report_provider(llm_json_writer *w, const struct llm_provider *p) {
    llm_json_object(w);
    llm_report_text(w, "name", p->name);
    llm_report_text(w, "title", p->title);
    llm_report_text(w, "state", llm_str_from(llm_provider_state(p)));
    llm_report_text(w, "plugin", p->plugin_name);
    llm_report_text(w, "plugin_path", p->plugin != NULL ? llm_str_from(p->plugin->path) : (llm_str){0});
    llm_report_text(w, "base_url", p->base_url);
    llm_report_text(w, "auth", llm_str_from(schemes[p->auth]));
    llm_report_bool(w, "key_required", p->key_required);
    llm_report_bool(w, "key_found", p->key_origin.ptr != NULL);
    llm_report_text(w, "key_origin", p->key_origin);
    report_names(w, "prefixes", p->prefixes, p->n_prefixes);
    report_integer(w, "models", (int64_t)p->n_models);
    llm_report_bool(w, "supports_caching", p->supports_caching);
    llm_report_text(w, "source", p->source);
    llm_report_text(w, "problem", p->problem);
    llm_report_text(w, "notice", p->notice);
    llm_report_health(w, p);
    static const char *const texts[] = {"homepage", "docs", "as_of"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        llm_json_name(w, texts[i]);
        llm_json_raw(w, llm_json_get(p->config, texts[i]));
    }
    llm_json_object_end(w);
}

static void report_key(llm_json_writer *w, const struct llm_provider *p) {
    llm_str rest = p->key_env;
    llm_json_object(w);
    llm_report_text(w, "provider", p->name);
    llm_report_bool(w, "found", p->key_origin.ptr != NULL);
    llm_report_text(w, "origin", p->key_origin);
    llm_report_key_ring(w, p);
    llm_json_name(w, "variables");
    llm_json_array(w);
    while (rest.len > 0) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        const llm_str name = {rest.ptr, comma != NULL ? (size_t)(comma - rest.ptr) : rest.len};
        llm_json_string(w, name);
        rest = llm_str_cut(rest, name.len + (comma != NULL ? 1 : 0));
    }
    llm_json_array_end(w);
    llm_report_bool(w, "required", p->key_required);
    llm_report_text(w, "problem", p->problem);
    llm_report_text(w, "notice", p->notice);
    llm_json_object_end(w);
}

static void report_providers(struct llm_snapshot *s, llm_str filter, llm_json_writer *w) {
    for (size_t i = 0; i < s->n_providers; i++) {
        if (filter.ptr == NULL || llm_str_eq(s->providers[i].name, filter)) {
            report_provider(w, &s->providers[i]);
        }
    }
}

static void report_keys(struct llm_snapshot *s, llm_str filter, llm_json_writer *w) {
    for (size_t i = 0; i < s->n_providers; i++) {
        if (filter.ptr == NULL || llm_str_eq(s->providers[i].name, filter)) {
            report_key(w, &s->providers[i]);
        }
    }
}

// ---- plugins and settings ---------------------------------------------------------------------------------------

// By id, file name with or without ".so", path, or the name for people.
static bool plugin_fits(const struct llm_plugin *plugin, llm_str filter) {
    llm_str file = llm_report_file(plugin->path);
    const bool is_file = llm_str_eq(file, filter) || llm_str_is(filter, plugin->path);
    file.len -= file.len > 3 ? 3 : 0;
    return is_file || llm_str_eq(file, filter) ||
           (plugin->id.ptr != NULL && llm_str_eq(plugin->id, filter)) ||
           (plugin->name.ptr != NULL && llm_str_eq(plugin->name, filter));
}

static void report_plugin(llm_json_writer *w, const struct llm_snapshot *s, const struct llm_plugin *plugin) {
    const int state = atomic_load(&plugin->state);
    const llm_str manifest = plugin->manifest;
    llm_json_object(w);
    llm_report_text(w, "id", plugin->id);
    llm_report_text(w, "name", plugin->name);
    llm_report_text(w, "version", plugin->version);
    llm_report_text(w, "file", llm_report_file(plugin->path));
    llm_report_text(w, "path", llm_str_from(plugin->path));
    llm_report_text(w, "state", llm_str_from(llm_plugin_state_name(state)));
    llm_report_text(w, "reason", llm_str_from(plugin->reason));
    llm_json_name(w, "license");
    llm_json_raw(w, llm_json_get(manifest, "license"));
    llm_json_name(w, "homepage");
    llm_json_raw(w, llm_json_get(manifest, "homepage"));
    llm_json_name(w, "generators");
    llm_json_raw(w, llm_json_get(manifest, "generators"));
    llm_json_name(w, "providers");
    llm_json_array(w);
    for (size_t i = 0; i < s->n_providers; i++) {
        if (s->providers[i].plugin == plugin) {
            llm_json_string(w, s->providers[i].name);
        }
    }
    llm_json_array_end(w);
    llm_json_object_end(w);
}

static void report_plugins(struct llm_snapshot *s, llm_str filter, llm_json_writer *w) {
    for (size_t i = 0; i < s->n_plugins; i++) {
        if (filter.ptr == NULL || plugin_fits(s->plugins[i], filter)) {
            report_plugin(w, s, s->plugins[i]);
        }
    }
}

static void report_setting(llm_json_writer *w, const char *name, llm_str value, llm_str origin) {
    llm_json_object(w);
    llm_report_text(w, "name", llm_str_from(name));
    llm_json_name(w, "value");
    llm_json_raw(w, value);
    llm_report_text(w, "origin", origin);
    llm_json_object_end(w);
}

static void report_path(llm_json_writer *w, const char *name, const char *path, const char *origin) {
    llm_json_object(w);
    llm_report_text(w, "name", llm_str_from(name));
    llm_report_text(w, "value", llm_str_from(path));
    llm_report_text(w, "origin", llm_str_from(origin));
    llm_json_object_end(w);
}

static void report_config(struct llm_snapshot *s, llm_str filter, llm_json_writer *w) {
    const struct llm_settings *settings = &s->settings;
    if (settings->config_file.ptr != NULL && filter.ptr == NULL) {
        report_path(w, "config_file", settings->config_file.ptr, "");
    }
    for (size_t i = 0; i < settings->n_origins; i++) {
        const struct llm_setting_origin *row = &settings->origins[i];
        if (filter.ptr == NULL || llm_str_is(filter, row->name)) {
            report_setting(w, row->name, row->value, row->origin);
        }
    }
    for (size_t i = 0; filter.ptr == NULL && settings->provider_dirs[i] != NULL; i++) {
        report_path(w, "provider_dirs", settings->provider_dirs[i], "built in");
    }
    if (filter.ptr == NULL && settings->user_provider_dir != NULL) {
        report_path(w, "provider_dirs", settings->user_provider_dir, "the user's own");
    }
    for (size_t i = 0; filter.ptr == NULL && settings->model_dirs[i] != NULL; i++) {
        report_path(w, "model_dirs", settings->model_dirs[i], "built in");
    }
    if (filter.ptr == NULL && settings->user_model_dir != NULL) {
        report_path(w, "model_dirs", settings->user_model_dir, "the user's own");
    }
}

static void report_doctor(struct llm_snapshot *s, llm_str filter, llm_json_writer *w) {
    (void)filter;
    llm_report_doctor(s, w);
}

// ---- what was asked for ---------------------------------------------------------------------------------------------

static const struct subject {
    const char *name;
    void (*report)(struct llm_snapshot *s, llm_str filter, llm_json_writer *w);
    enum { BY_NOTHING, BY_PROVIDER, BY_PLUGIN } filter;
} subjects[] = {
    {"models", report_models, BY_PROVIDER},       {"models_all", report_all_models, BY_PROVIDER},
    {"providers", report_providers, BY_PROVIDER}, {"keys", report_keys, BY_PROVIDER},
    {"plugins", report_plugins, BY_PLUGIN},       {"config", report_config, BY_NOTHING},
    {"doctor", report_doctor, BY_NOTHING},
};

static bool is_catalogued(struct llm_snapshot *s, llm_str provider) {
    const struct llm_catalogue *catalogue = llm_shelf_catalogue(s);
    struct llm_catalogue_entry entry;
    size_t at = catalogue != NULL ? llm_catalogue_provider(catalogue, provider) : 0;
    return catalogue != NULL && llm_catalogue_next(catalogue, &at, &entry) &&
           llm_str_eq(entry.provider, provider);
}

// LLM_E_NOT_FOUND with the nearest name when the filter fits nothing.
static llm_status check_filter(struct llm_snapshot *s, const struct subject *subject, llm_str filter,
                               llm_error *err) {
    llm_str nearest = {0};
    size_t nearest_distance = filter.len / 2 + 2;
    const size_t count = subject->filter == BY_PROVIDER ? s->n_providers
                         : subject->filter == BY_PLUGIN ? s->n_plugins
                                                        : 0;
    if (filter.ptr == NULL || subject->filter == BY_NOTHING ||
        (subject->report == report_all_models && is_catalogued(s, filter))) {
        return LLM_OK;
    }
    for (size_t i = 0; i < count; i++) {
        llm_str name;
        if (subject->filter == BY_PROVIDER) {
            name = s->providers[i].name;
        } else {
            name = llm_report_file(s->plugins[i]->path);
            name.len -= name.len > 3 ? 3 : 0;
        }
        if (llm_str_eq(name, filter) ||
            (subject->filter == BY_PLUGIN && plugin_fits(s->plugins[i], filter))) {
            return LLM_OK;
        }
        const size_t distance = llm_str_distance(name, filter);
        nearest = distance < nearest_distance ? name : nearest;
        nearest_distance = distance < nearest_distance ? distance : nearest_distance;
    }
    for (size_t i = 0; i < s->n_providers && subject->filter == BY_PLUGIN; i++) {
        if (llm_str_eq(s->providers[i].name, filter)) {
            return llm_fail(err, LLM_E_NOT_FOUND,
                            "no plugin \"%.*s\": that is a provider, of the plugin %.*s", LLM_FMT(filter),
                            LLM_FMT(s->providers[i].plugin_name));
        }
    }
    return llm_fail(err, LLM_E_NOT_FOUND, "no %s \"%.*s\"%s%.*s",
                    subject->filter == BY_PROVIDER ? "provider" : "plugin", LLM_FMT(filter),
                    nearest.ptr != NULL ? "; nearest: " : "", LLM_FMT(nearest));
}

llm_status llm_snapshot_describe(struct llm_snapshot *snapshot, const char *what, const char *filter,
                                 char **ret, size_t *ret_len, llm_error *err) {
    const struct subject *subject = NULL;
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        subject = what != NULL && strcmp(subjects[i].name, what) == 0 ? &subjects[i] : subject;
    }
    if (subject == NULL) {
        return llm_fail(
            err, LLM_E_INVALID_REQUEST,
            "\"%s\" is none of models, models_all, providers, keys, plugins, config, limits, doctor",
            what != NULL ? what : "");
    }
    llm_status status = check_filter(snapshot, subject, llm_str_from(filter), err);
    if (status != LLM_OK) {
        return status;
    }
    struct llm_buf text = {.max = DESCRIPTION_BYTES_MAX};
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &text);
    llm_json_array(&w);
    subject->report(snapshot, llm_str_from(filter), &w);
    llm_json_array_end(&w);
    if (w.status != LLM_OK) {
        llm_buf_done(&text);
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    if (ret_len != NULL) {
        *ret_len = text.len;
    }
    *ret = llm_buf_take(&text);
    return LLM_OK;
}
