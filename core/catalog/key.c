// SPDX-License-Identifier: MIT
// Which provider gets which key.
#include "catalog/build.h"

#include "base/error.h"
#include "catalog/base_url.h"

// Take the first name off a comma list; false: it is empty.
static bool next_name(llm_str *list, llm_str *ret) {
    if (list->len == 0) {
        return false;
    }
    const char *comma = memchr(list->ptr, ',', list->len);
    *ret = (llm_str){list->ptr, comma != NULL ? (size_t)(comma - list->ptr) : list->len};
    *list = llm_str_cut(*list, ret->len + (comma != NULL ? 1 : 0));
    return true;
}

static bool holds(llm_str list, llm_str name) {
    llm_str item;
    while (next_name(&list, &item)) {
        if (llm_str_eq(item, name)) {
            return true;
        }
    }
    return false;
}

static llm_status add_notice(struct llm_build *build, struct llm_provider *provider, llm_str text) {
    if (text.ptr != NULL && provider->notice.ptr != NULL) {
        text =
            llm_arena_format(&build->snapshot->arena, "%.*s; %.*s", LLM_FMT(provider->notice), LLM_FMT(text));
    }
    if (text.ptr == NULL) {
        return llm_build_no_memory(build);
    }
    provider->notice = text;
    return LLM_OK;
}

// A provider made earlier that has a right to something, and is not of the same plugin's manifest.
static const struct llm_provider *owner(const struct llm_build *build, const struct llm_provider *provider,
                                        bool (*has)(const struct llm_provider *owner, llm_str what),
                                        llm_str what) {
    const struct llm_snapshot *s = build->snapshot;
    for (size_t i = 0; i < s->n_providers; i++) {
        const struct llm_provider *other = &s->providers[i];
        if (!(other->from_manifest && other->plugin == provider->plugin) && has(other, what)) {
            return other;
        }
    }
    return NULL;
}

static bool has_key_env(const struct llm_provider *provider, llm_str name) {
    return holds(provider->key_env, name);
}

// A longer prefix would take the models away as well.
static bool has_prefix_of(const struct llm_provider *provider, llm_str prefix) {
    for (size_t i = 0; i < provider->n_prefixes; i++) {
        if (llm_str_starts(prefix, provider->prefixes[i])) {
            return true;
        }
    }
    return false;
}

static llm_status limit_keys(struct llm_build *build, struct llm_provider *provider) {
    struct llm_arena *arena = &build->snapshot->arena;
    llm_str left = LLM_STR(""), rest = provider->key_env, name;
    while (next_name(&rest, &name)) {
        const struct llm_provider *other = owner(build, provider, has_key_env, name);
        if (other == NULL) {
            left =
                llm_arena_format(arena, "%.*s%s%.*s", LLM_FMT(left), left.len > 0 ? "," : "", LLM_FMT(name));
            if (left.ptr == NULL) {
                return llm_build_no_memory(build);
            }
            continue;
        }
        const llm_status status = add_notice(
            build, provider,
            llm_arena_format(
                arena,
                "the variable %.*s belongs to %.*s and is not given to this plugin; to allow it, put "
                "{\"%.*s\": {\"env\": \"%.*s\"}} into \"keys\" of config.json",
                LLM_FMT(name), LLM_FMT(other->name), LLM_FMT(provider->name), LLM_FMT(name)));
        if (status != LLM_OK) {
            return status;
        }
    }
    provider->key_env = left;
    return LLM_OK;
}

static llm_status limit_prefixes(struct llm_build *build, struct llm_provider *provider) {
    struct llm_arena *arena = &build->snapshot->arena;
    llm_str *kept = llm_arena_new(arena, (provider->n_prefixes + 1) * sizeof *kept);
    size_t count = 0;
    if (kept == NULL) {
        return llm_build_no_memory(build);
    }
    for (size_t i = 0; i < provider->n_prefixes; i++) {
        const struct llm_provider *other = owner(build, provider, has_prefix_of, provider->prefixes[i]);
        if (other == NULL) {
            kept[count++] = provider->prefixes[i];
            continue;
        }
        const llm_status status = add_notice(
            build, provider,
            llm_arena_format(arena, "the prefix \"%.*s\" belongs to %.*s: name this one as %.*s/MODEL",
                             LLM_FMT(provider->prefixes[i]), LLM_FMT(other->name), LLM_FMT(provider->name)));
        if (status != LLM_OK) {
            return status;
        }
    }
    provider->prefixes = kept;
    provider->n_prefixes = count;
    return LLM_OK;
}

llm_status llm_provider_limit_claims(struct llm_build *build, struct llm_provider *provider,
                                     const struct llm_source *source) {
    if (!provider->from_manifest) {
        return LLM_OK;
    }
    const struct llm_source *manifest = source;
    while (manifest->under != NULL) {
        manifest = manifest->under;
    }
    const struct llm_document *doc = manifest->doc;
    // What the user's own file says about it is the user's decision.
    llm_status status = LLM_OK;
    if (llm_source_get(source, "auth").doc == doc) {
        status = limit_keys(build, provider);
    }
    if (status == LLM_OK && llm_source_get(source, "prefixes").doc == doc) {
        status = limit_prefixes(build, provider);
    }
    return status;
}

// A key does not leave this machine in the clear.
static llm_status withhold(struct llm_build *build, struct llm_provider *provider) {
    struct llm_base_url url;
    if (provider->key_origin.ptr == NULL || llm_base_url_judge(provider->base_url, &url) != NULL ||
        url.is_https || url.reach == LLM_REACH_LOOPBACK) {
        return LLM_OK;
    }
    const llm_str text = llm_arena_format(
        &build->snapshot->arena, "its key is not sent: %.*s is plain http to another machine (use https)",
        LLM_FMT(provider->base_url));
    llm_secret_done(&provider->key);
    provider->key_origin = (llm_str){0};
    provider->key_by_command = false;
    if (!provider->key_required) {
        return add_notice(build, provider, text);
    }
    provider->problem = provider->problem.ptr != NULL ? provider->problem : text;
    return text.ptr != NULL ? LLM_OK : llm_build_no_memory(build);
}

llm_status llm_provider_find_key(struct llm_build *build, struct llm_provider *provider) {
    const struct llm_settings *settings = &build->snapshot->settings;
    struct llm_arena *arena = &build->snapshot->arena;
    const struct llm_key_setting *setting = llm_settings_key_setting(settings, provider->name);
    llm_error inner = LLM_ERROR_INIT;
    if (provider->auth == LLM_AUTH_NONE) {
        return LLM_OK;
    }
    if (setting != NULL && setting->command.ptr != NULL) {
        provider->key_by_command = true;
        provider->key_origin = llm_arena_format(arena, "command in %.*s", LLM_FMT(setting->origin));
        return provider->key_origin.ptr != NULL ? withhold(build, provider) : llm_build_no_memory(build);
    }
    const llm_status status = llm_settings_key(settings, provider->name, provider->key_env, arena,
                                               &provider->key, &provider->key_origin, &inner);
    if (status == LLM_E_NOMEM) {
        return llm_build_no_memory(build);
    }
    if (status == LLM_E_CONFIG && provider->problem.ptr == NULL) {
        provider->problem = llm_arena_dup(arena, llm_str_from(inner.message));
        return provider->problem.ptr != NULL ? LLM_OK : llm_build_no_memory(build);
    }
    return withhold(build, provider);
}

llm_status llm_provider_need_key(const struct llm_provider *provider, llm_error *err) {
    llm_str first, rest = provider->key_env;
    if (!provider->key_required || provider->key_origin.ptr != NULL) {
        return LLM_OK;
    }
    if (next_name(&rest, &first)) {
        return llm_fail(err, LLM_E_AUTH,
                        "no key for %.*s: set %.*s in the environment, or keys.%.*s in config.json",
                        LLM_FMT(provider->name), LLM_FMT(first), LLM_FMT(provider->name));
    }
    return llm_fail(err, LLM_E_AUTH, "no key for %.*s: set keys.%.*s in config.json%s%.*s",
                    LLM_FMT(provider->name), LLM_FMT(provider->name),
                    provider->notice.ptr != NULL ? "; " : "", LLM_FMT(provider->notice));
}
