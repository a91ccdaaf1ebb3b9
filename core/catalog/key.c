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

// ---- the keys ------------------------------------------------------------------------------------------------------

void llm_provider_wipe_keys(struct llm_provider *provider) {
    for (size_t i = 0; i < provider->n_keys; i++) {
        llm_secret_done(&provider->keys[i].secret);
    }
}

// A key does not leave this machine in the clear.
static llm_status withhold(struct llm_build *build, struct llm_provider *provider) {
    struct llm_base_url url;
    if (provider->n_keys == 0 || llm_base_url_judge(provider->base_url, &url) != NULL || url.is_https ||
        url.reach == LLM_REACH_LOOPBACK) {
        return LLM_OK;
    }
    const llm_str text = llm_arena_format(
        &build->snapshot->arena, "its key is not sent: %.*s is plain http to another machine (use https)",
        LLM_FMT(provider->base_url));
    llm_provider_wipe_keys(provider);
    provider->n_keys = 0;
    if (!provider->key_required) {
        return add_notice(build, provider, text);
    }
    provider->problem = provider->problem.ptr != NULL ? provider->problem : text;
    return text.ptr != NULL ? LLM_OK : llm_build_no_memory(build);
}

static llm_status name_key(struct llm_build *build, const struct llm_provider *provider, uint32_t number,
                           struct llm_provider_key *key) {
    key->name = number < 2 ? provider->name
                           : llm_arena_format(&build->snapshot->arena, "%.*s#%u", LLM_FMT(provider->name),
                                              (unsigned)number);
    return key->name.ptr != NULL ? LLM_OK : llm_build_no_memory(build);
}

// The keys that the settings give, and without one of these the first of the variables.  A variable that is not set gives none.
static llm_status read_keys(struct llm_build *build, struct llm_provider *provider, llm_error *err) {
    const struct llm_settings *settings = &build->snapshot->settings;
    struct llm_arena *arena = &build->snapshot->arena;
    const struct llm_key_setting *setting = llm_settings_key_setting(settings, provider->name);
    llm_status status = LLM_OK;
    for (; status == LLM_OK && setting != NULL; setting = llm_settings_key_next(settings, setting)) {
        struct llm_provider_key *key = &provider->keys[provider->n_keys];
        if (setting->command.ptr != NULL) {
            key->command = setting;
            key->origin = llm_arena_format(arena, "command in %.*s", LLM_FMT(setting->origin));
            status = key->origin.ptr != NULL ? LLM_OK : LLM_E_NOMEM;
        } else {
            status = llm_settings_key_of(settings, setting, arena, &key->secret, &key->origin, err);
        }
        if (status == LLM_E_NOT_FOUND) {
            status = LLM_OK;
            continue;
        }
        if (status == LLM_OK) {
            provider->n_keys++; // from here on it is wiped with the others
            status = name_key(build, provider, setting->number, key);
        }
    }
    if (status == LLM_OK && provider->n_keys == 0) {
        struct llm_provider_key *key = &provider->keys[0];
        status =
            llm_settings_key_of_envs(settings, provider->key_env, arena, &key->secret, &key->origin, err);
        provider->n_keys = status == LLM_OK ? 1 : 0;
        status = status == LLM_OK ? name_key(build, provider, 1, key) : status;
    }
    return status == LLM_E_NOT_FOUND ? LLM_OK : status;
}

// At least one, and what is known of each.
static llm_status complete_keys(struct llm_build *build, struct llm_provider *provider) {
    struct llm_health *health = build->snapshot->health;
    if (provider->n_keys == 0) {
        provider->keys[0] = (struct llm_provider_key){.name = provider->name};
        provider->n_keys = 1;
    }
    provider->key_origin = provider->keys[0].origin;
    for (size_t i = 0; health != NULL && i < provider->n_keys; i++) {
        struct llm_provider_key *key = &provider->keys[i];
        key->health = provider->health[i] = llm_health_get(health, provider->name, key->name);
        if (key->health == NULL) {
            return llm_build_no_memory(build);
        }
    }
    return LLM_OK;
}

llm_status llm_provider_find_keys(struct llm_build *build, struct llm_provider *provider) {
    const struct llm_settings *settings = &build->snapshot->settings;
    struct llm_arena *arena = &build->snapshot->arena;
    const struct llm_key_setting *setting = llm_settings_key_setting(settings, provider->name);
    llm_error inner = LLM_ERROR_INIT;
    size_t most = 1;
    for (; setting != NULL; setting = llm_settings_key_next(settings, setting)) {
        most++;
    }
    provider->keys = llm_arena_new(arena, most * sizeof *provider->keys);
    provider->health = llm_arena_new(arena, most * sizeof *provider->health);
    if (provider->keys == NULL || provider->health == NULL) {
        return llm_build_no_memory(build);
    }
    llm_status status = provider->auth != LLM_AUTH_NONE ? read_keys(build, provider, &inner) : LLM_OK;
    if (status == LLM_E_NOMEM) {
        return llm_build_no_memory(build);
    }
    if (status == LLM_E_CONFIG) {
        llm_provider_wipe_keys(provider);
        provider->n_keys = 0;
    }
    if (status == LLM_E_CONFIG && provider->problem.ptr == NULL) {
        provider->problem = llm_arena_dup(arena, llm_str_from(inner.message));
        if (provider->problem.ptr == NULL) {
            return llm_build_no_memory(build);
        }
    }
    status = withhold(build, provider);
    return status == LLM_OK ? complete_keys(build, provider) : status;
}

const struct llm_provider_key *llm_provider_choose_key(const struct llm_provider *provider, uint64_t now_us) {
    const size_t at = provider->n_keys > 1 && provider->health[0] != NULL
                          ? llm_health_pick(provider->health, provider->n_keys, now_us)
                          : 0;
    return &provider->keys[at];
}

// The longest first, each length in a pass of its own: one secret may be the begin of another.
struct redaction {
    char *text;
    size_t len, changed;
    size_t at, next; // the length of this pass, and of the next one
};

static void redact(struct redaction *r, const struct llm_secret *secret) {
    if (secret->len == r->at) {
        r->changed += llm_secret_redact(secret, r->text, r->len);
    } else if (secret->len < r->at && secret->len > r->next) {
        r->next = secret->len;
    }
}

static void redact_keys(struct redaction *r, const struct llm_provider *provider) {
    for (size_t i = 0; i < provider->n_keys; i++) {
        redact(r, &provider->keys[i].secret);
    }
}

size_t llm_provider_redact(const struct llm_provider *provider, char *text, size_t len) {
    struct redaction r = {.text = text, .len = len, .next = SIZE_MAX};
    while (r.next > 0) {
        r.at = r.next;
        r.next = 0;
        redact_keys(&r, provider);
    }
    return r.changed;
}

static void redact_providers(struct redaction *r, const struct llm_snapshot *snapshot) {
    for (size_t i = 0; i < snapshot->n_providers; i++) {
        const struct llm_provider *provider = &snapshot->providers[i];
        pthread_mutex_t *lock = provider->plugin != NULL ? &provider->plugin->control : NULL;
        if (lock != NULL) { // a first call may be adding what a command gave
            (void)pthread_mutex_lock(lock);
        }
        redact_keys(r, provider);
        if (lock != NULL) {
            (void)pthread_mutex_unlock(lock);
        }
    }
}

size_t llm_snapshot_redact(struct llm_snapshot *snapshot, const llm_str *words, size_t n_words, char *text,
                           size_t len) {
    const struct llm_settings *settings = &snapshot->settings;
    struct redaction r = {.text = text, .len = len, .next = SIZE_MAX};
    while (r.next > 0) {
        r.at = r.next;
        r.next = 0;
        for (size_t i = 0; i < settings->n_keys; i++) {
            redact(&r, &settings->keys[i].value);
        }
        redact_providers(&r, snapshot);
        for (size_t i = 0; i < n_words; i++) {
            const struct llm_secret word = {(char *)(uintptr_t)words[i].ptr, words[i].len}; // only read
            redact(&r, &word);
        }
    }
    return r.changed;
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
