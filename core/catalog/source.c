// SPDX-License-Identifier: MIT
// From directories and manifests to sources: what each provider's and model's files say, laid over each other.
#include "catalog/build.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "config/trust.h"
#include "llm_json.h"

typedef llm_status (*object_fn)(struct llm_build *build, const struct llm_document *doc, llm_str object,
                                llm_str origin, bool is_user);

llm_status llm_build_no_memory(struct llm_build *build) {
    return llm_fail(build->err, LLM_E_NOMEM, "out of memory");
}

llm_status llm_build_refuse(struct llm_build *build, llm_str file, llm_str reason) {
    struct llm_snapshot *s = build->snapshot;
    llm_header *list = llm_arena_grow(&s->arena, s->refused, s->n_refused, &build->cap_refused, sizeof *list);
    if (list == NULL) {
        return llm_build_no_memory(build);
    }
    s->refused = list;
    list[s->n_refused] = (llm_header){llm_arena_dup(&s->arena, file), llm_arena_dup(&s->arena, reason)};
    if (list[s->n_refused].name.ptr == NULL || list[s->n_refused].value.ptr == NULL) {
        return llm_build_no_memory(build);
    }
    s->n_refused++;
    return LLM_OK;
}

// Pass LLM_E_NOMEM on; any other failure refuses the file.
static llm_status refuse_error(struct llm_build *build, llm_status status, llm_str file,
                               const llm_error *inner) {
    return status == LLM_E_NOMEM ? llm_build_no_memory(build)
                                 : llm_build_refuse(build, file, llm_str_from(inner->message));
}

// ---- sources ------------------------------------------------------------------------------------------

static bool is_name(llm_str name) {
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        const bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alnum && (i == 0 || (c != '-' && c != '_' && c != '.'))) {
            return false;
        }
    }
    return name.len > 0 && name.len <= LLM_MAX_PROVIDER_NAME_BYTES;
}

struct llm_source_member llm_source_get(const struct llm_source *source, const char *name) {
    const llm_str wanted = llm_str_from(name);
    for (size_t i = 0; i < source->n_members; i++) {
        if (llm_str_eq(source->members[i].name, wanted)) {
            return source->members[i];
        }
    }
    return (struct llm_source_member){0};
}

llm_status llm_source_read(struct llm_build *build, const struct llm_document *doc, llm_str object,
                           struct llm_source *ret, llm_error *err) {
    if (llm_json_type(object) != '{') {
        return llm_document_fail(doc, object, err, "an object belongs here");
    }
    size_t cap = 0;
    ret->text = object;
    ret->doc = doc;
    llm_json_iter it = llm_json_begin(object);
    while (llm_json_next(&it)) {
        llm_str name = llm_json_plain(it.name);
        llm_status status = LLM_OK;
        if (name.ptr == NULL || name.len == 0) {
            status = llm_document_string(doc, it.name, "a member's name", &build->scratch, &name, err);
        }
        for (size_t i = 0; status == LLM_OK && i < ret->n_members; i++) {
            if (llm_str_eq(ret->members[i].name, name)) {
                status = llm_document_fail(doc, it.name, err, "\"%.*s\" stands twice", LLM_FMT(name));
            }
        }
        if (status == LLM_OK && ret->n_members >= LLM_MAX_SOURCE_MEMBERS) {
            status = llm_document_fail(doc, it.name, err, "more than %u members", LLM_MAX_SOURCE_MEMBERS);
        }
        if (status != LLM_OK) {
            return status;
        }
        struct llm_source_member *list =
            llm_arena_grow(&build->scratch, ret->members, ret->n_members, &cap, sizeof *list);
        if (list == NULL) {
            return llm_build_no_memory(build);
        }
        ret->members = list;
        ret->members[ret->n_members++] = (struct llm_source_member){name, it.value, doc};
    }
    return LLM_OK;
}

llm_status llm_source_append(struct llm_build *build, struct llm_source_list *list,
                             const struct llm_source *item) {
    struct llm_source *bigger =
        llm_arena_grow(&build->scratch, list->items, list->count, &list->cap, sizeof *bigger);
    if (bigger == NULL) {
        return llm_build_no_memory(build);
    }
    bigger[list->count++] = *item;
    list->items = bigger;
    return LLM_OK;
}

llm_status llm_source_lay_over(struct llm_build *build, const struct llm_source *under,
                               const struct llm_source *over, struct llm_source *ret) {
    struct llm_source merged = *under;
    struct llm_source *kept = llm_arena_new(&build->scratch, sizeof *kept);
    merged.members =
        llm_arena_new(&build->scratch, (under->n_members + over->n_members + 1) * sizeof *merged.members);
    if (merged.members == NULL || kept == NULL) {
        return llm_build_no_memory(build);
    }
    *kept = *under;
    merged.under = kept;
    merged.origin = over->origin;
    merged.is_user = over->is_user;
    memcpy(merged.members, under->members, under->n_members * sizeof *merged.members);
    for (size_t i = 0; i < over->n_members; i++) {
        size_t at = 0;
        while (at < under->n_members && !llm_str_eq(under->members[at].name, over->members[i].name)) {
            at++;
        }
        at = at < under->n_members ? at : merged.n_members++;
        merged.members[at] = over->members[i];
    }
    *ret = merged;
    return LLM_OK;
}

llm_status llm_source_text(struct llm_build *build, const struct llm_source *source, llm_str *ret) {
    if (source->under == NULL) {
        *ret = source->origin;
        return LLM_OK;
    }
    llm_str under;
    const llm_status status = llm_source_text(build, source->under, &under);
    if (status != LLM_OK) {
        return status;
    }
    *ret =
        llm_arena_format(&build->scratch, "%.*s with %.*s over it", LLM_FMT(under), LLM_FMT(source->origin));
    return ret->ptr != NULL ? LLM_OK : llm_build_no_memory(build);
}

llm_status llm_source_json(struct llm_build *build, const struct llm_source *source, llm_str *ret) {
    if (source->under == NULL) {
        *ret = llm_arena_dup(&build->snapshot->arena, source->text);
        return ret->ptr != NULL ? LLM_OK : llm_build_no_memory(build);
    }
    struct llm_buf text = {.max = LLM_MAX_SETTINGS_BYTES * 2u};
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &text);
    llm_json_object(&w);
    for (size_t i = 0; i < source->n_members; i++) {
        llm_json_name_str(&w, source->members[i].name);
        llm_json_raw(&w, source->members[i].value);
    }
    llm_json_object_end(&w);
    *ret = w.status == LLM_OK ? llm_arena_dup(&build->snapshot->arena, llm_buf_str(&text)) : (llm_str){0};
    llm_buf_done(&text);
    return ret->ptr != NULL ? LLM_OK : llm_build_no_memory(build);
}

// ---- one object of a file ------------------------------------------------------------------------------------

static struct llm_source *find(struct llm_source_list *list, llm_str name) {
    for (size_t i = 0; i < list->count; i++) {
        if (llm_str_eq(list->items[i].name, name)) {
            return &list->items[i];
        }
    }
    return NULL;
}

static llm_status refuse_taken(struct llm_build *build, const struct llm_source *source,
                               const struct llm_source *owner) {
    const llm_str reason = llm_arena_format(
        &build->scratch, "the provider \"%.*s\" is already defined by %.*s; give it another name",
        LLM_FMT(source->name), LLM_FMT(owner->origin));
    return reason.ptr != NULL ? llm_build_refuse(build, source->origin, reason) : llm_build_no_memory(build);
}

// Read an object with a "name" (or, for models, "provider" and "id").
static llm_status read_source(struct llm_build *build, const struct llm_document *doc, llm_str object,
                              const char *name, struct llm_source *ret, llm_error *err) {
    llm_status status = llm_source_read(build, doc, object, ret, err);
    if (status != LLM_OK) {
        return status;
    }
    const struct llm_source_member member = llm_source_get(ret, name);
    if (member.value.ptr == NULL) {
        return llm_document_fail(doc, object, err, "\"%s\" is missing", name);
    }
    status = llm_document_string(doc, member.value, name, &build->scratch, &ret->name, err);
    if (status == LLM_OK && !is_name(ret->name)) {
        status = llm_document_fail(doc, member.value, err,
                                   "\"%s\" must be lower-case letters, digits, '-', '_', '.' (at most %u)",
                                   name, LLM_MAX_PROVIDER_NAME_BYTES);
    }
    return status;
}

static llm_status take_provider(struct llm_build *build, const struct llm_document *doc, llm_str object,
                                llm_str origin, bool is_user) {
    llm_error inner = LLM_ERROR_INIT;
    struct llm_source source = {.origin = origin, .is_user = is_user};
    const llm_status status = read_source(build, doc, object, "name", &source, &inner);
    if (status != LLM_OK) {
        return refuse_error(build, status, origin, &inner);
    }
    struct llm_source_list *list = is_user ? &build->user : &build->providers;
    const struct llm_source *owner = find(&build->providers, source.name);
    if (!is_user && owner != NULL) {
        return refuse_taken(build, &source, owner);
    }
    if (build->providers.count + build->user.count >= LLM_MAX_PROVIDERS) {
        return llm_build_refuse(build, origin, LLM_STR("too many providers"));
    }
    return llm_source_append(build, list, &source);
}

static llm_status take_model(struct llm_build *build, const struct llm_document *doc, llm_str object,
                             llm_str origin, bool is_user) {
    llm_error inner = LLM_ERROR_INIT;
    struct llm_source source = {.origin = origin, .is_user = is_user};
    llm_status status = read_source(build, doc, object, "provider", &source, &inner);
    if (status == LLM_OK) {
        const llm_str id = llm_source_get(&source, "id").value;
        status = llm_document_string(doc, id.ptr != NULL ? id : object, "\"id\"", &build->scratch, &source.id,
                                     &inner);
    }
    return status == LLM_OK ? llm_source_append(build, &build->models, &source)
                            : refuse_error(build, status, origin, &inner);
}

// ---- files and directories ----------------------------------------------------------------------------------

// A document that lives as long as the build does.
static llm_status new_document(struct llm_build *build, struct llm_document **ret) {
    struct llm_document **list = llm_arena_grow(&build->scratch, build->docs, build->n_docs, &build->cap_docs,
                                                sizeof(struct llm_document *));
    struct llm_document *doc = llm_arena_new(&build->scratch, sizeof *doc);
    if (list == NULL || doc == NULL) {
        return llm_build_no_memory(build);
    }
    build->docs = list;
    list[build->n_docs++] = *ret = doc;
    return LLM_OK;
}

static llm_status read_file(struct llm_build *build, llm_str path, bool is_user, object_fn take) {
    struct llm_document *doc = NULL;
    llm_error inner = LLM_ERROR_INIT;
    llm_status status = new_document(build, &doc);
    if (status != LLM_OK) {
        return status;
    }
    status = llm_document_read(doc, path, &inner);
    if (status == LLM_E_NOT_FOUND) {
        return LLM_OK; // it went away meanwhile
    }
    if (status != LLM_OK) {
        return refuse_error(build, status, path, &inner);
    }
    if (llm_json_type(doc->root) != '[') {
        return take(build, doc, doc->root, path, is_user);
    }
    llm_json_iter it = llm_json_begin(doc->root);
    while (status == LLM_OK && llm_json_next(&it)) {
        status = take(build, doc, it.value, path, is_user);
    }
    return status;
}

static int by_bytes(const void *a, const void *b) {
    const llm_str *x = a, *y = b;
    const int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

// The names in an open directory that end in ".json", sorted.
static llm_status list_names(struct llm_build *build, DIR *dir, llm_str **ret, size_t *ret_count) {
    llm_str *list = NULL;
    size_t count = 0, cap = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        const llm_str name = llm_str_from(entry->d_name);
        if (name.len < 6 || name.ptr[0] == '.' || !llm_str_is(llm_str_cut(name, name.len - 5), ".json")) {
            continue;
        }
        list = llm_arena_grow(&build->scratch, list, count, &cap, sizeof *list);
        const llm_str copy = list != NULL ? llm_arena_dup(&build->scratch, name) : (llm_str){0};
        if (copy.ptr == NULL) {
            return llm_build_no_memory(build);
        }
        list[count++] = copy;
        if (count >= LLM_MAX_PROVIDERS) {
            break;
        }
    }
    if (count > 1) {
        qsort(list, count, sizeof *list, by_bytes);
    }
    *ret = list;
    *ret_count = count;
    return LLM_OK;
}

static llm_status read_open_dir(struct llm_build *build, DIR *dir, const char *path, bool is_user,
                                object_fn take) {
    struct stat info;
    const char *distrust = fstat(dirfd(dir), &info) == 0 ? llm_trust_file(&info) : "it cannot be looked at";
    if (distrust != NULL) {
        return llm_build_refuse(build, llm_str_from(path), llm_str_from(distrust));
    }
    llm_str *names = NULL;
    size_t count = 0;
    llm_status status = list_names(build, dir, &names, &count);
    for (size_t i = 0; status == LLM_OK && i < count; i++) {
        const llm_str file = llm_arena_format(&build->scratch, "%s/%s", path, names[i].ptr);
        status = file.ptr != NULL ? read_file(build, file, is_user, take) : llm_build_no_memory(build);
    }
    return status;
}

// A directory that does not exist adds nothing.
static llm_status read_dir(struct llm_build *build, const char *path, bool is_user, object_fn take) {
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return LLM_OK;
    }
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        const int failed = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return llm_build_refuse(build, llm_str_from(path), llm_str_from(strerror(failed)));
    }
    const llm_status status = read_open_dir(build, dir, path, is_user, take);
    (void)closedir(dir);
    return status;
}

// ---- manifests -------------------------------------------------------------------------------------------------

// Does a user's file stand by itself, so that a manifest may not bring a provider of its name?  A file with a base URL does, unless
// it names that plugin.
static bool stands_alone(const struct llm_source *user, const struct llm_plugin *plugin) {
    if (llm_source_get(user, "base_url").value.ptr == NULL) {
        return false;
    }
    const llm_str name = llm_json_plain(llm_source_get(user, "plugin").value);
    return name.ptr == NULL || !llm_plugin_is_named(plugin, name);
}

static llm_status take_manifest_provider(struct llm_build *build, const struct llm_document *doc,
                                         llm_str object, struct llm_plugin *plugin) {
    llm_error inner = LLM_ERROR_INIT;
    struct llm_source source = {.plugin = plugin, .origin = doc->name};
    const llm_status status = read_source(build, doc, object, "name", &source, &inner);
    if (status != LLM_OK) {
        return refuse_error(build, status, source.origin, &inner);
    }
    const struct llm_source *owner = find(&build->providers, source.name);
    if (owner != NULL) {
        return refuse_taken(build, &source, owner);
    }
    for (size_t i = 0; i < build->user.count; i++) {
        if (llm_str_eq(build->user.items[i].name, source.name) &&
            stands_alone(&build->user.items[i], plugin)) {
            return refuse_taken(build, &source, &build->user.items[i]);
        }
    }
    if (build->providers.count + build->user.count >= LLM_MAX_PROVIDERS) {
        return llm_build_refuse(build, source.origin, LLM_STR("too many providers"));
    }
    return llm_source_append(build, &build->providers, &source);
}

static llm_status read_manifest(struct llm_build *build, struct llm_plugin *plugin) {
    struct llm_document *doc = NULL;
    llm_error inner = LLM_ERROR_INIT;
    const llm_str origin = llm_arena_format(&build->scratch, "manifest of %s", plugin->path);
    llm_status status = origin.ptr != NULL ? new_document(build, &doc) : llm_build_no_memory(build);
    if (status != LLM_OK) {
        return status;
    }
    status = llm_document_parse(doc, origin, plugin->manifest, &inner);
    if (status != LLM_OK) {
        return refuse_error(build, status, origin, &inner);
    }
    const llm_str providers = llm_json_get(doc->root, "providers");
    if (providers.ptr != NULL && llm_json_type(providers) != '[') {
        return llm_build_refuse(build, origin, LLM_STR("\"providers\" must be an array"));
    }
    llm_json_iter it = llm_json_begin(providers);
    while (providers.ptr != NULL && status == LLM_OK && llm_json_next(&it)) {
        status = take_manifest_provider(build, doc, it.value, plugin);
    }
    return status;
}

static bool is_usable(const struct llm_plugin *plugin) {
    const int state = atomic_load(&plugin->state);
    return state == LLM_PLUGIN_FOUND || state == LLM_PLUGIN_LOADED;
}

// ---- all of it ---------------------------------------------------------------------------------------------------

static llm_status lay_user_over(struct llm_build *build) {
    llm_status status = LLM_OK;
    for (size_t i = 0; status == LLM_OK && i < build->user.count; i++) {
        const struct llm_source *over = &build->user.items[i];
        struct llm_source *under = find(&build->providers, over->name);
        status = under != NULL ? llm_source_lay_over(build, under, over, under)
                               : llm_source_append(build, &build->providers, over);
    }
    return status;
}

llm_status llm_build_read(struct llm_build *build) {
    const struct llm_settings *settings = &build->snapshot->settings;
    llm_status status = LLM_OK;
    for (size_t i = 0; status == LLM_OK && settings->provider_dirs[i] != NULL; i++) {
        status = read_dir(build, settings->provider_dirs[i], false, take_provider);
    }
    if (status == LLM_OK && settings->user_provider_dir != NULL) {
        status = read_dir(build, settings->user_provider_dir, true, take_provider);
    }
    for (size_t i = 0; status == LLM_OK && i < build->snapshot->n_plugins; i++) {
        if (is_usable(build->snapshot->plugins[i])) {
            status = read_manifest(build, build->snapshot->plugins[i]);
        }
    }
    status = status == LLM_OK ? lay_user_over(build) : status;
    for (size_t i = 0; status == LLM_OK && settings->model_dirs[i] != NULL; i++) {
        status = read_dir(build, settings->model_dirs[i], false, take_model);
    }
    if (status == LLM_OK && settings->user_model_dir != NULL) {
        status = read_dir(build, settings->user_model_dir, true, take_model);
    }
    return status;
}

void llm_build_done(struct llm_build *build) {
    for (size_t i = 0; i < build->n_docs; i++) {
        llm_document_done(build->docs[i]);
    }
    llm_arena_done(&build->scratch);
}
