// SPDX-License-Identifier: MIT
// From what a provider's files say to a provider that can be used.
#include "catalog/build.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "catalog/base_url.h"
#include "config/keys.h"
#include "llm_json.h"

#define HEADERS_MAX 64u
#define VARIABLES_MAX 32u
#define VARIABLE_BYTES_MAX 256u

struct variable {
    llm_str name, value; // value absent: it has none
    llm_str env;         // the first variable that could give it
    bool required;
};

// One provider while it is made.
struct making {
    struct llm_build *build;
    struct llm_arena *arena;
    const struct llm_source *source;
    struct llm_provider *provider;
    struct variable variables[VARIABLES_MAX];
    size_t n_variables;
    struct variable *variable; // that is read now
    llm_str base_url_env;      // what base_url_env gave; absent: nothing
    bool disabled, auth_required_set;
};

typedef llm_status (*take_fn)(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err);

static llm_status no_memory(llm_error *err) {
    return llm_fail(err, LLM_E_NOMEM, "out of memory");
}

// The first problem stays.
static llm_status set_problem(struct making *m, llm_str text, llm_error *err) {
    if (text.ptr == NULL) {
        return no_memory(err);
    }
    if (m->provider->problem.ptr == NULL) {
        m->provider->problem = text;
    }
    return LLM_OK;
}

static llm_status add_notice(struct llm_arena *arena, struct llm_provider *provider, llm_str text) {
    if (text.ptr != NULL && provider->notice.ptr != NULL) {
        text = llm_arena_format(arena, "%.*s; %.*s", LLM_FMT(provider->notice), LLM_FMT(text));
    }
    if (text.ptr == NULL) {
        return LLM_E_NOMEM;
    }
    provider->notice = text;
    return LLM_OK;
}

bool llm_plugin_is_named(const struct llm_plugin *plugin, llm_str name) {
    if (plugin->id.ptr != NULL && llm_str_eq(plugin->id, name)) {
        return true;
    }
    const char *slash = strrchr(plugin->path, '/');
    llm_str file = llm_str_from(slash != NULL ? slash + 1 : plugin->path);
    if (file.len > 3 && llm_str_is(llm_str_cut(file, file.len - 3), ".so")) {
        file.len -= 3;
    }
    return llm_str_eq(file, name);
}

// ---- variables ---------------------------------------------------------------------------------------------

static bool is_env_name(llm_str name) {
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.len > 0 && name.len < 256;
}

// Names of environment variables.  *ret: comma-separated, from the snapshot's arena.
static llm_status env_names(struct making *m, const struct llm_document *doc, llm_str value, const char *what,
                            llm_str *ret, llm_error *err) {
    llm_str *names = NULL;
    size_t count = 0;
    llm_status status = llm_document_strings(doc, value, what, &m->build->scratch, &names, &count, err);
    llm_str list = LLM_STR("");
    for (size_t i = 0; status == LLM_OK && i < count; i++) {
        if (!is_env_name(names[i])) {
            return llm_document_fail(doc, value, err, "%s: \"%.*s\" is no name of an environment variable",
                                     what, LLM_FMT(names[i]));
        }
        list = llm_arena_format(m->arena, "%.*s%s%.*s", LLM_FMT(list), i > 0 ? "," : "", LLM_FMT(names[i]));
        status = list.ptr != NULL ? LLM_OK : no_memory(err);
    }
    if (status == LLM_OK) {
        *ret = list;
    }
    return status;
}

// The value of the first variable of a comma list that is set; absent: none.
static llm_str env_value(struct making *m, llm_str list) {
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        const size_t len = comma != NULL ? (size_t)(comma - list.ptr) : list.len;
        char name[256];
        llm_str value;
        (void)snprintf(name, sizeof name, "%.*s", (int)len, list.ptr);
        if (llm_settings_env(&m->build->snapshot->settings, name, &value) == LLM_OK) {
            return value;
        }
        list = llm_str_cut(list, comma != NULL ? len + 1 : len);
    }
    return (llm_str){0};
}

static llm_status take_variable_env(void *ctx, const struct llm_document *doc, llm_str value,
                                    llm_error *err) {
    struct making *m = ctx;
    llm_str names = {0};
    const llm_status status = env_names(m, doc, value, "a variable's env", &names, err);
    if (status != LLM_OK) {
        return status;
    }
    const char *comma = memchr(names.ptr, ',', names.len);
    m->variable->env = (llm_str){names.ptr, comma != NULL ? (size_t)(comma - names.ptr) : names.len};
    const llm_str found = env_value(m, names);
    if (found.ptr != NULL) {
        m->variable->value = llm_arena_dup(m->arena, found);
        return m->variable->value.ptr != NULL ? LLM_OK : no_memory(err);
    }
    return LLM_OK;
}

static llm_status take_variable_text(void *ctx, const struct llm_document *doc, llm_str value,
                                     llm_error *err) {
    struct making *m = ctx;
    return llm_document_string(doc, value, "a variable's value", m->arena, &m->variable->value, err);
}

static llm_status take_variable_required(void *ctx, const struct llm_document *doc, llm_str value,
                                         llm_error *err) {
    struct making *m = ctx;
    return llm_document_bool(doc, value, "a variable's required", &m->variable->required, err);
}

static llm_status take_nothing(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    (void)ctx;
    (void)doc;
    (void)value;
    (void)err;
    return LLM_OK;
}

// value goes before env goes before default: read in the other order, each that is there replaces the one before.
static llm_status read_variable(struct making *m, const struct llm_document *doc, llm_str object,
                                llm_error *err) {
    static const struct llm_document_member members[] = {
        {"env", take_nothing},      {"value", take_nothing}, {"default", take_nothing},
        {"required", take_nothing}, {"title", take_nothing}, {NULL, NULL},
    };
    static const struct llm_document_member order[] = {
        {"default", take_variable_text},
        {"env", take_variable_env},
        {"value", take_variable_text},
        {"required", take_variable_required},
    };
    llm_status status = llm_document_members(doc, object, "a variable", members, m, err);
    for (size_t i = 0; status == LLM_OK && i < sizeof order / sizeof order[0]; i++) {
        const llm_str value = llm_json_get(object, order[i].name);
        status = value.ptr != NULL ? order[i].take(m, doc, value, err) : LLM_OK;
    }
    return status;
}

static llm_status take_variables(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    if (llm_json_type(value) != '{' || llm_json_count(value) > VARIABLES_MAX) {
        return llm_document_fail(doc, value, err, "variables must be an object of at most %u", VARIABLES_MAX);
    }
    llm_json_iter it = llm_json_begin(value);
    while (llm_json_next(&it)) {
        m->variable = &m->variables[m->n_variables++];
        llm_status status =
            llm_document_string(doc, it.name, "a variable's name", m->arena, &m->variable->name, err);
        status = status == LLM_OK ? read_variable(m, doc, it.value, err) : status;
        if (status == LLM_OK && m->variable->value.ptr == NULL && m->build->snapshot->settings.offline) {
            m->variable->value = m->variable->name;
        }
        if (status == LLM_OK && m->variable->required && m->variable->value.ptr == NULL) {
            status = set_problem(m,
                                 llm_arena_format(m->arena, "set %.*s (its %.*s)", LLM_FMT(m->variable->env),
                                                  LLM_FMT(m->variable->name)),
                                 err);
        }
        if (status != LLM_OK) {
            return status;
        }
    }
    return LLM_OK;
}

static bool is_url_word(llm_str value) {
    for (size_t i = 0; i < value.len; i++) {
        const char c = value.ptr[i];
        const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && c != '-' && c != '.' && c != '_' && c != '~') {
            return false;
        }
    }
    return value.len > 0 && value.len <= VARIABLE_BYTES_MAX;
}

// Put values where {names} stand.  in_url: they may hold the bytes of a URL's word only.
// *ret_missing: a variable without a value; then *ret is absent.
static llm_status fill(struct making *m, const struct llm_document *doc, llm_str at, llm_str text,
                       bool in_url, llm_str *ret, const struct variable **ret_missing, llm_error *err) {
    llm_str done = LLM_STR("");
    *ret_missing = NULL;
    while (text.len > 0) {
        const char *open = memchr(text.ptr, '{', text.len);
        const llm_str plain = {text.ptr, open != NULL ? (size_t)(open - text.ptr) : text.len};
        llm_str value = LLM_STR("");
        text = llm_str_cut(text, plain.len);
        if (open != NULL) {
            const char *close = memchr(text.ptr, '}', text.len);
            const llm_str name = {text.ptr + 1, close != NULL ? (size_t)(close - text.ptr - 1) : 0};
            size_t i = 0;
            while (i < m->n_variables && !llm_str_eq(m->variables[i].name, name)) {
                i++;
            }
            if (close == NULL || i == m->n_variables) {
                return llm_document_fail(doc, at, err, "{%.*s} is not among its variables", LLM_FMT(name));
            }
            value = m->variables[i].value;
            if (value.ptr == NULL) {
                *ret_missing = &m->variables[i];
                *ret = (llm_str){0};
                return LLM_OK;
            }
            if (in_url && !is_url_word(value)) {
                return llm_document_fail(
                    doc, at, err, "the value of {%.*s} may hold letters, digits, '-', '.', '_' and '~' only",
                    LLM_FMT(name));
            }
            text = llm_str_cut(text, name.len + 2);
        }
        done = llm_arena_format(m->arena, "%.*s%.*s%.*s", LLM_FMT(done), LLM_FMT(plain), LLM_FMT(value));
        if (done.ptr == NULL) {
            return no_memory(err);
        }
    }
    *ret = done;
    return LLM_OK;
}

// ---- base URL -----------------------------------------------------------------------------------------------

// *ret_wrong: what is wrong with it (static); NULL: it is set.
static llm_status set_url(struct making *m, llm_str url, const char **ret_wrong, llm_error *err) {
    struct llm_base_url parsed;
    while (url.len > 0 && url.ptr[url.len - 1] == '/') {
        url.len--;
    }
    *ret_wrong = llm_base_url_judge(url, &parsed);
    m->provider->base_url = llm_arena_dup(m->arena, url);
    return m->provider->base_url.ptr != NULL ? LLM_OK : no_memory(err);
}

static llm_status take_base_url_env(void *ctx, const struct llm_document *doc, llm_str value,
                                    llm_error *err) {
    struct making *m = ctx;
    llm_str names = {0};
    const llm_status status = env_names(m, doc, value, "base_url_env", &names, err);
    m->base_url_env = status == LLM_OK ? env_value(m, names) : (llm_str){0};
    return status;
}

static llm_status take_base_url(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    const struct variable *missing = NULL;
    const char *wrong = NULL;
    llm_str text = {0}, url = {0};
    llm_status status = llm_document_string(doc, value, "base_url", &m->build->scratch, &text, err);
    status = status == LLM_OK ? fill(m, doc, value, text, true, &url, &missing, err) : status;
    if (status != LLM_OK) {
        return status;
    }
    if (missing != NULL) {
        m->provider->base_url = llm_arena_dup(m->arena, text); // as it is, for people
        return set_problem(m,
                           llm_arena_format(m->arena, "set %.*s (the {%.*s} of its base URL)",
                                            LLM_FMT(missing->env), LLM_FMT(missing->name)),
                           err);
    }
    status = set_url(m, url, &wrong, err);
    return wrong != NULL ? llm_document_fail(doc, value, err, "base_url \"%.*s\" cannot be used: %s",
                                             LLM_FMT(url), wrong)
                         : status;
}

// The settings' base_urls, and variables of the environment, go before the file.
static llm_status override_base_url(struct making *m, llm_error *err) {
    const struct llm_settings *settings = &m->build->snapshot->settings;
    const char *place = "the variable of its base_url_env", *wrong = NULL;
    llm_str url = m->base_url_env;
    for (size_t i = 0; i < settings->n_base_urls; i++) {
        if (llm_str_eq(settings->base_urls[i].name, m->provider->name)) {
            url = settings->base_urls[i].value;
            place = "the settings' base_urls";
        }
    }
    if (url.ptr == NULL) {
        return LLM_OK;
    }
    m->provider->problem = (llm_str){0}; // a variable that is not set is not needed
    const llm_status status = set_url(m, url, &wrong, err);
    return wrong != NULL
               ? set_problem(m,
                             llm_arena_format(m->arena, "the base URL \"%.*s\" in %s cannot be used: %s",
                                              LLM_FMT(url), place, wrong),
                             err)
               : status;
}

// ---- auth ------------------------------------------------------------------------------------------------------

static bool is_token(llm_str name) {
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || strchr(marks, c) == NULL)) {
            return false;
        }
    }
    return name.len > 0 && name.len <= 128;
}

static bool is_ascii(llm_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || (unsigned char)text.ptr[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static llm_status take_scheme(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    static const char *const names[] = {"none", "bearer", "header", "query", "basic"}; // enum llm_auth_scheme
    struct making *m = ctx;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (llm_json_is(value, names[i])) {
            m->provider->auth = (enum llm_auth_scheme)i;
            return LLM_OK;
        }
    }
    return llm_document_fail(doc, value, err, "auth.scheme must be bearer, header, query, basic or none");
}

static llm_status take_auth_name(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    const llm_status status =
        llm_document_string(doc, value, "auth.name", m->arena, &m->provider->auth_name, err);
    return status == LLM_OK && !is_token(m->provider->auth_name)
               ? llm_document_fail(doc, value, err, "auth.name is no name of a header field or parameter")
               : status;
}

static llm_status take_auth_prefix(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    const llm_status status =
        llm_document_string(doc, value, "auth.prefix", m->arena, &m->provider->auth_prefix, err);
    return status == LLM_OK && !is_ascii(m->provider->auth_prefix)
               ? llm_document_fail(doc, value, err, "auth.prefix must be plain ASCII")
               : status;
}

static llm_status take_key_env(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    return env_names(m, doc, value, "auth.key_env", &m->provider->key_env, err);
}

static llm_status take_auth_required(void *ctx, const struct llm_document *doc, llm_str value,
                                     llm_error *err) {
    struct making *m = ctx;
    m->auth_required_set = true;
    return llm_document_bool(doc, value, "auth.required", &m->provider->key_required, err);
}

static llm_status take_auth(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    static const struct llm_document_member members[] = {
        {"scheme", take_scheme},   {"name", take_auth_name},         {"prefix", take_auth_prefix},
        {"key_env", take_key_env}, {"required", take_auth_required}, {NULL, NULL},
    };
    struct making *m = ctx;
    struct llm_provider *p = m->provider;
    p->auth = LLM_AUTH_BEARER;
    const llm_status status = llm_document_members(doc, value, "auth", members, m, err);
    if (status != LLM_OK) {
        return status;
    }
    if ((p->auth == LLM_AUTH_HEADER || p->auth == LLM_AUTH_QUERY) && p->auth_name.ptr == NULL) {
        return llm_document_fail(doc, value, err, "auth.name is missing: the field or parameter for the key");
    }
    if (!m->auth_required_set) {
        p->key_required = p->auth != LLM_AUTH_NONE;
    }
    if (p->auth == LLM_AUTH_NONE && p->key_required) {
        return llm_document_fail(doc, value, err, "auth.required does not go with the scheme \"none\"");
    }
    return LLM_OK;
}

// ---- the other members ----------------------------------------------------------------------------------------

static llm_status take_title(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    return llm_document_string(doc, value, "title", m->arena, &m->provider->title, err);
}

static llm_status take_plugin(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    return llm_document_string(doc, value, "plugin", m->arena, &m->provider->plugin_name, err);
}

static llm_status take_disabled(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    return llm_document_bool(doc, value, "disabled", &m->disabled, err);
}

static llm_status take_caching(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    return llm_document_bool(doc, value, "supports_caching", &m->provider->supports_caching, err);
}

static llm_status take_key(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    (void)ctx;
    return llm_document_fail(doc, value, err,
                             "a provider file holds no key: put it into the environment, or into \"keys\" of "
                             "config.json");
}

static llm_status take_text(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    llm_str text;
    return llm_document_string(doc, value, "a text for people", &m->build->scratch, &text, err);
}

static llm_status take_object(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    (void)ctx;
    return llm_json_type(value) == '{'
               ? LLM_OK
               : llm_document_fail(doc, value, err, "paths, params and quirks must be objects");
}

static llm_status take_models(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    (void)ctx;
    return llm_json_type(value) == '[' ? LLM_OK
                                       : llm_document_fail(doc, value, err, "models must be an array");
}

// A field that the core or the transfer owns, or that would be a credential in a file.
static bool is_reserved_header(llm_str name) {
    static const char *const reserved[] = {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "authorization",
        "proxy-authorization",
        "cookie",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "keep-alive",
        "proxy-connection",
    };
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (llm_str_eq_nocase(name, llm_str_from(reserved[i]))) {
            return true;
        }
    }
    return false;
}

static llm_status take_headers(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    const size_t count = llm_json_count(value);
    if (llm_json_type(value) != '{' || count > HEADERS_MAX) {
        return llm_document_fail(doc, value, err, "headers must be an object of at most %u strings",
                                 HEADERS_MAX);
    }
    llm_header *list = llm_arena_new(m->arena, (count + 1) * sizeof *list);
    if (list == NULL) {
        return no_memory(err);
    }
    llm_json_iter it = llm_json_begin(value);
    while (llm_json_next(&it)) {
        llm_header *field = &list[m->provider->n_headers];
        const struct variable *missing = NULL;
        llm_str text;
        llm_status status = llm_document_string(doc, it.name, "a header's name", m->arena, &field->name, err);
        if (status == LLM_OK && (!is_token(field->name) || is_reserved_header(field->name))) {
            return llm_document_fail(doc, it.name, err, "\"%.*s\" is no header that may be set here",
                                     LLM_FMT(field->name));
        }
        status = status == LLM_OK
                     ? llm_document_string(doc, it.value, "a header's value", m->arena, &text, err)
                     : status;
        status =
            status == LLM_OK ? fill(m, doc, it.value, text, false, &field->value, &missing, err) : status;
        if (status == LLM_OK && missing == NULL && !is_ascii(field->value)) {
            status = llm_document_fail(doc, it.value, err, "the value of %.*s must be plain ASCII",
                                       LLM_FMT(field->name));
        }
        if (status != LLM_OK) {
            return status;
        }
        m->provider->n_headers += missing == NULL ? 1 : 0;
    }
    m->provider->headers = list;
    return LLM_OK;
}

static llm_status take_origins(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    llm_str *list = NULL;
    size_t count = 0, kept = 0;
    llm_status status = llm_document_strings(doc, value, "origins", m->arena, &list, &count, err);
    for (size_t i = 0; status == LLM_OK && i < count; i++) {
        const struct variable *missing = NULL;
        llm_str origin = {0};
        status = fill(m, doc, value, list[i], true, &origin, &missing, err);
        if (status != LLM_OK || missing != NULL) {
            continue;
        }
        const char *wrong = llm_origin_judge(origin);
        if (wrong != NULL) {
            return llm_document_fail(doc, value, err, "origin \"%.*s\" cannot be used: %s", LLM_FMT(origin),
                                     wrong);
        }
        list[kept++] = origin;
    }
    if (status == LLM_OK) {
        m->provider->origins = list;
        m->provider->n_origins = kept;
    }
    return status;
}

static llm_status take_prefixes(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct making *m = ctx;
    llm_str *list = NULL;
    size_t count = 0;
    const llm_status status = llm_document_strings(doc, value, "prefixes", m->arena, &list, &count, err);
    for (size_t i = 0; status == LLM_OK && i < count; i++) {
        if (list[i].len > LLM_MAX_PREFIX_BYTES) {
            return llm_document_fail(doc, value, err, "a prefix is longer than %u bytes",
                                     LLM_MAX_PREFIX_BYTES);
        }
    }
    m->provider->prefixes = list;
    m->provider->n_prefixes = status == LLM_OK ? count : 0;
    return status;
}

static llm_status take_generate_map(void *ctx, const struct llm_document *doc, llm_str value,
                                    llm_error *err) {
    struct making *m = ctx;
    if (llm_json_type(value) != '{') {
        return llm_document_fail(doc, value, err, "generate_map must be an object: pattern to generator");
    }
    struct llm_generate_rule *rules = llm_arena_new(m->arena, (llm_json_count(value) + 1) * sizeof *rules);
    if (rules == NULL) {
        return no_memory(err);
    }
    llm_json_iter it = llm_json_begin(value);
    size_t count = 0;
    while (llm_json_next(&it)) {
        struct llm_generate_rule *rule = &rules[count++];
        llm_status status = llm_document_string(doc, it.name, "a pattern", m->arena, &rule->pattern, err);
        status = status == LLM_OK ? llm_document_string(doc, it.value, "a generator's name", m->arena,
                                                        &rule->generator, err)
                                  : status;
        if (status != LLM_OK) {
            return status;
        }
    }
    m->provider->rules = rules;
    m->provider->n_rules = count;
    return LLM_OK;
}

// ---- all of it --------------------------------------------------------------------------------------------------

// In the order in which they are read: variables before what holds them.
static const struct {
    const char *name;
    take_fn take;
} members[] = {
    {"disabled", take_disabled},
    {"title", take_title},
    {"plugin", take_plugin},
    {"variables", take_variables},
    {"base_url", take_base_url},
    {"base_url_env", take_base_url_env},
    {"auth", take_auth},
    {"headers", take_headers},
    {"origins", take_origins},
    {"prefixes", take_prefixes},
    {"generate_map", take_generate_map},
    {"models", take_models},
    {"supports_caching", take_caching},
    {"paths", take_object},
    {"params", take_object},
    {"quirks", take_object},
    {"homepage", take_text},
    {"docs", take_text},
    {"source", take_text},
    {"as_of", take_text},
    {"notes", take_text},
    {"key", take_key},
    {"api_key", take_key},
    {"name", NULL},
    {"custom", NULL},
};

static bool is_known(llm_str name) {
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (llm_str_is(name, members[i].name)) {
            return true;
        }
    }
    return false;
}

// A member that nobody knows is the plugin's; but one that is a letter or two away from a known one is most likely a mistake.
static llm_status notice_misspelt(struct making *m) {
    for (size_t i = 0; i < m->source->n_members; i++) {
        const llm_str name = m->source->members[i].name;
        const char *near = NULL;
        for (size_t k = 0; k < sizeof members / sizeof members[0] && name.len > 3 && !is_known(name); k++) {
            near = llm_str_distance(name, llm_str_from(members[k].name)) <= 2 ? members[k].name : near;
        }
        if (near != NULL &&
            add_notice(m->arena, m->provider,
                       llm_arena_format(m->arena, "unknown member \"%.*s\": did you mean \"%s\"?",
                                        LLM_FMT(name), near)) != LLM_OK) {
            return LLM_E_NOMEM;
        }
    }
    return LLM_OK;
}

static llm_status find_plugin(struct making *m, llm_error *err) {
    struct llm_snapshot *snapshot = m->build->snapshot;
    struct llm_provider *p = m->provider;
    struct llm_plugin *refused = NULL;
    if (p->plugin_name.ptr == NULL && m->source->plugin != NULL) {
        p->plugin = m->source->plugin;
        p->plugin_name = p->plugin->id;
        return LLM_OK;
    }
    if (p->plugin_name.ptr == NULL) {
        p->plugin_name = LLM_STR(LLM_DEFAULT_PLUGIN);
    }
    for (size_t i = 0; i < snapshot->n_plugins; i++) {
        struct llm_plugin *plugin = snapshot->plugins[i];
        if (!llm_plugin_is_named(plugin, p->plugin_name)) {
            continue;
        }
        const int state = atomic_load(&plugin->state);
        if (state == LLM_PLUGIN_FOUND || state == LLM_PLUGIN_LOADED) {
            p->plugin = plugin;
            return LLM_OK;
        }
        refused = refused != NULL ? refused : plugin;
    }
    if (refused != NULL) {
        p->is_refused = p->problem.ptr == NULL;
        return set_problem(m,
                           llm_arena_format(m->arena, "its plugin %s is %s: %s", refused->path,
                                            llm_plugin_state_name(atomic_load(&refused->state)),
                                            refused->reason != NULL ? refused->reason : "no reason known"),
                           err);
    }
    return set_problem(m,
                       llm_arena_format(m->arena,
                                        "its plugin \"%.*s\" is in no plugin directory (see "
                                        "\"plugins list --all\" and \"config show\")",
                                        LLM_FMT(p->plugin_name)),
                       err);
}

static llm_status take_members(struct making *m, llm_error *err) {
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct llm_source_member member = llm_source_get(m->source, members[i].name);
        if (member.value.ptr == NULL || members[i].take == NULL) {
            continue;
        }
        const llm_status status = members[i].take(m, member.doc, member.value, err);
        if (status != LLM_OK || m->disabled) {
            return status;
        }
    }
    return LLM_OK;
}

llm_status llm_provider_build(struct llm_build *build, const struct llm_source *source,
                              struct llm_provider *ret, bool *ret_disabled, llm_error *err) {
    struct making making = {
        .build = build, .arena = &build->snapshot->arena, .source = source, .provider = ret};
    struct making *m = &making;
    *ret = (struct llm_provider){.from_manifest = source->plugin != NULL};
    ret->name = llm_arena_dup(m->arena, source->name);
    llm_status status = ret->name.ptr != NULL ? take_members(m, err) : no_memory(err);
    *ret_disabled = m->disabled;
    if (status != LLM_OK || m->disabled) {
        return status;
    }
    status = override_base_url(m, err);
    if (status == LLM_OK && ret->base_url.ptr == NULL) {
        status = llm_document_fail(source->doc, source->text, err, "\"base_url\" is missing%s%.*s",
                                   ret->notice.ptr != NULL ? "; " : "", LLM_FMT(ret->notice));
    }
    status = status == LLM_OK ? find_plugin(m, err) : status;
    llm_str text = {0};
    status = status == LLM_OK ? llm_source_text(build, source, &text) : status;
    status = status == LLM_OK ? llm_source_json(build, source, &ret->config) : status;
    if (status != LLM_OK) {
        return status;
    }
    ret->title = ret->title.ptr != NULL ? ret->title : ret->name;
    ret->source = llm_arena_dup(m->arena, text);
    return ret->source.ptr != NULL && notice_misspelt(m) == LLM_OK ? LLM_OK : no_memory(err);
}
