// SPDX-License-Identifier: MIT
#include "config/paths.h"

#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/error.h"
#include "config/keys.h"

#define WALK_UP_MAX 4 // how far above an object file its build tree or prefix is looked for

static llm_status no_memory(llm_error *err) {
    return llm_fail(err, LLM_E_NOMEM, "out of memory");
}

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

// "/a/b" of "/a/b/c"; absent above the root.
static llm_str parent(llm_str path) {
    const char *slash = path.ptr != NULL ? memrchr(path.ptr, '/', path.len) : NULL;
    return slash != NULL && slash > path.ptr ? (llm_str){path.ptr, (size_t)(slash - path.ptr)} : (llm_str){0};
}

// dir + suffix when there is such a file; absent otherwise.  false: out of memory.
static bool join_existing(struct llm_arena *arena, llm_str dir, const char *suffix, llm_str *ret) {
    const llm_str path = llm_arena_format(arena, "%.*s%s", LLM_FMT(dir), suffix);
    if (path.ptr == NULL) {
        return false;
    }
    *ret = exists(path.ptr) ? path : (llm_str){0};
    return true;
}

// A build tree has a build file and our provider files among its plugins.
static bool build_tree(struct llm_arena *arena, llm_str dir, struct llm_places *ret) {
    llm_str ninja, providers, plugins;
    if (!join_existing(arena, dir, "/build.ninja", &ninja) ||
        !join_existing(arena, dir, "/plugins/providers.d", &providers) ||
        !join_existing(arena, dir, "/plugins", &plugins)) {
        return false;
    }
    if (ninja.ptr != NULL && providers.ptr != NULL) {
        *ret = (struct llm_places){.plugins = plugins, .is_build_tree = true, .data = plugins};
    }
    return true;
}

// dir is where a library lies ("/opt/x/lib"), or the prefix above the folder of a program.
static bool installed(struct llm_arena *arena, llm_str dir, struct llm_places *ret) {
    static const char *const libs[] = {"/llm-master/plugins", "/lib/llm-master/plugins",
                                       "/lib64/llm-master/plugins"};
    for (size_t i = 0; i < sizeof libs / sizeof libs[0] && ret->plugins.ptr == NULL; i++) {
        if (!join_existing(arena, dir, libs[i], &ret->plugins)) {
            return false;
        }
    }
    return ret->data.ptr != NULL || join_existing(arena, dir, "/share/llm-master", &ret->data);
}

llm_status llm_places_of(llm_str object, struct llm_arena *arena, struct llm_places *ret) {
    struct llm_places found = {0};
    llm_str dir = parent(object);
    for (int i = 0; i < WALK_UP_MAX && dir.len > 0; i++, dir = parent(dir)) {
        if (!build_tree(arena, dir, &found)) {
            return LLM_E_NOMEM;
        }
        if (found.plugins.ptr != NULL) {
            *ret = found;
            return LLM_OK;
        }
    }
    dir = parent(object);
    for (int i = 0; i < WALK_UP_MAX && dir.len > 0; i++, dir = parent(dir)) {
        if (!installed(arena, dir, &found)) {
            return LLM_E_NOMEM;
        }
    }
    *ret = found;
    return LLM_OK;
}

struct object {
    uintptr_t address;
    char path[PATH_MAX];
};

static int find_object(struct dl_phdr_info *info, size_t size, void *ctx) {
    struct object *object = ctx;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        const uintptr_t start = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD || object->address < start || object->address - start >= part->p_memsz) {
            continue;
        }
        const char *name = info->dlpi_name != NULL ? info->dlpi_name : "";
        if (name[0] == '/' && realpath(name, object->path) == NULL) {
            object->path[0] = '\0';
        }
        return name[0] == '/' ? 1 : 2;
    }
    return 0;
}

llm_status llm_places_find(struct llm_arena *arena, struct llm_places *ret) {
    struct object object = {.address = (uintptr_t)&llm_places_find};
    if (getauxval(AT_SECURE) != 0) {
        return LLM_OK;
    }
    if (dl_iterate_phdr(find_object, &object) != 1) {
        const ssize_t len = readlink("/proc/self/exe", object.path, sizeof object.path - 1);
        object.path[len > 0 ? len : 0] = '\0';
    }
    return object.path[0] == '/' ? llm_places_of(llm_str_from(object.path), arena, ret) : LLM_OK;
}

llm_status llm_path_absolute(struct llm_settings *settings, llm_str path, const char *what, llm_str *ret,
                             llm_error *err) {
    llm_str home = {0}, full;
    if (llm_str_starts(path, LLM_STR("~/")) && llm_settings_env(settings, "HOME", &home) == LLM_OK) {
        full = llm_arena_format(&settings->arena, "%.*s%.*s", LLM_FMT(home), LLM_FMT(llm_str_cut(path, 1)));
    } else {
        full = llm_arena_dup(&settings->arena, path);
    }
    if (full.ptr == NULL) {
        return no_memory(err);
    }
    if (full.ptr[0] != '/') {
        return llm_fail(err, LLM_E_CONFIG, "%s: \"%.*s\" is a relative path; give an absolute one", what,
                        LLM_FMT(path));
    }
    *ret = full;
    return LLM_OK;
}

// The XDG rule: a relative value counts as none; then the default below HOME.
static llm_status xdg_dir(struct llm_settings *settings, const char *variable, const char *below_home,
                          const char *suffix, llm_str *ret, llm_error *err) {
    llm_str base = {0};
    const char *middle = "";
    if (llm_settings_env(settings, variable, &base) != LLM_OK || base.ptr[0] != '/') {
        base = (llm_str){0};
        middle = below_home;
        if (llm_settings_env(settings, "HOME", &base) != LLM_OK || base.ptr[0] != '/') {
            *ret = (llm_str){0};
            return LLM_OK;
        }
    }
    *ret = llm_arena_format(&settings->arena, "%.*s%s%s", LLM_FMT(base), middle, suffix);
    return ret->ptr != NULL ? LLM_OK : no_memory(err);
}

llm_status llm_path_user_config(struct llm_settings *settings, llm_str *ret, llm_error *err) {
    return xdg_dir(settings, "XDG_CONFIG_HOME", "/.config", "/llm-master", ret, err);
}

llm_status llm_path_user_state(struct llm_settings *settings, llm_str *ret, llm_error *err) {
    return xdg_dir(settings, "XDG_STATE_HOME", "/.local/state", "/llm-master", ret, err);
}

// A list of directories that grows.
struct dirs {
    struct llm_settings *settings;
    const char **list;
    size_t count, cap;
    llm_status (*add_origin)(void *ctx, llm_str dir, llm_str origin);
    void *ctx;
};

static llm_status add_dir(struct dirs *dirs, llm_str dir, const char *origin, llm_error *err) {
    while (dir.len > 1 && dir.ptr[dir.len - 1] == '/') {
        dir.len--;
    }
    const llm_str copy = llm_arena_dup(&dirs->settings->arena, dir);
    if (copy.ptr == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < dirs->count; i++) {
        if (strcmp(dirs->list[i], copy.ptr) == 0) {
            return LLM_OK;
        }
    }
    // Two more: this one and the NULL behind the last.
    const char **list =
        llm_arena_grow(&dirs->settings->arena, dirs->list, dirs->count + 1, &dirs->cap, sizeof *list);
    if (list == NULL) {
        return no_memory(err);
    }
    list[dirs->count++] = copy.ptr;
    list[dirs->count] = NULL;
    dirs->list = list;
    return dirs->add_origin != NULL ? dirs->add_origin(dirs->ctx, copy, llm_str_from(origin)) : LLM_OK;
}

static llm_status add_explicit(struct dirs *dirs, const char *const *list, llm_error *err) {
    for (; list != NULL && *list != NULL; list++) {
        char path[PATH_MAX];
        llm_str dir = llm_str_from(*list);
        // A person named it, here and now: it must be there, and relative to the current directory is what is meant.
        if (realpath(*list, path) == NULL) {
            return llm_fail(err, LLM_E_CONFIG, "plugin directory \"%s\" does not exist", *list);
        }
        dir = (*list)[0] == '/' ? dir : llm_str_from(path);
        const llm_status status = add_dir(dirs, dir, "options", err);
        if (status != LLM_OK) {
            return status;
        }
    }
    return LLM_OK;
}

// A colon list of a variable.  *ret_set: the variable is there.
static llm_status add_variable(struct dirs *dirs, const char *name, const char *origin, bool *ret_set,
                               llm_error *err) {
    llm_str list = {0};
    *ret_set = llm_settings_env(dirs->settings, name, &list) == LLM_OK;
    while (list.len > 0) {
        const char *colon = memchr(list.ptr, ':', list.len);
        const llm_str item = {list.ptr, colon != NULL ? (size_t)(colon - list.ptr) : list.len};
        list = llm_str_cut(list, item.len + (colon != NULL ? 1 : 0));
        if (item.len == 0) {
            continue;
        }
        llm_str dir;
        llm_status status = llm_path_absolute(dirs->settings, item, origin, &dir, err);
        status = status == LLM_OK ? add_dir(dirs, dir, origin, err) : status;
        if (status != LLM_OK) {
            return status;
        }
    }
    return LLM_OK;
}

static llm_status add_defaults(struct dirs *dirs, const struct llm_places *places, llm_error *err) {
    llm_str user;
    llm_status status = places->is_build_tree ? add_dir(dirs, places->plugins, "build tree", err) : LLM_OK;
    status = status == LLM_OK ? xdg_dir(dirs->settings, "XDG_DATA_HOME", "/.local/share",
                                        "/llm-master/plugins", &user, err)
                              : status;
    if (status == LLM_OK && user.ptr != NULL) {
        status = add_dir(dirs, user, "built in", err);
    }
    if (status == LLM_OK && places->plugins.ptr != NULL) {
        // What is installed elsewhere belongs to another version.
        return add_dir(dirs, places->plugins, "beside the program", err);
    }
    status = status == LLM_OK ? add_dir(dirs, LLM_STR("/usr/local/lib/llm-master/plugins"), "built in", err)
                              : status;
    return status == LLM_OK ? add_dir(dirs, llm_str_from(LLM_LIBDIR_PLUGINS), "built in", err) : status;
}

// The plugin directories' own "providers.d" or "models.d", then the installation's.
static llm_status add_data_dirs(struct llm_settings *settings, const char *plugin_dirs[], llm_str data,
                                const char *folder, const char ***ret, llm_error *err) {
    struct dirs dirs = {.settings = settings};
    llm_status status = LLM_OK;
    for (size_t i = 0; status == LLM_OK && plugin_dirs[i] != NULL; i++) {
        const llm_str dir = llm_arena_format(&settings->arena, "%s/%s", plugin_dirs[i], folder);
        status = dir.ptr != NULL ? add_dir(&dirs, dir, "", err) : no_memory(err);
    }
    if (status == LLM_OK && data.ptr != NULL) {
        const llm_str dir = llm_arena_format(&settings->arena, "%.*s/%s", LLM_FMT(data), folder);
        status = dir.ptr != NULL ? add_dir(&dirs, dir, "", err) : no_memory(err);
    }
    *ret = dirs.list;
    return status;
}

static llm_status user_dir(struct llm_settings *settings, const char *folder, const char **ret,
                           llm_error *err) {
    llm_str dir;
    const llm_status status = llm_path_user_config(settings, &dir, err);
    if (status != LLM_OK || dir.ptr == NULL) {
        return status;
    }
    const llm_str full = llm_arena_format(&settings->arena, "%.*s/%s", LLM_FMT(dir), folder);
    *ret = full.ptr;
    return full.ptr != NULL ? LLM_OK : no_memory(err);
}

static llm_status find_plugin_dirs(struct dirs *dirs, const llm_master_options *options,
                                   const llm_header *from_settings, size_t n_from_settings,
                                   const struct llm_places *places, llm_error *err) {
    const bool only_named = (options->flags & LLM_MASTER_NO_DEFAULT_DIRS) != 0;
    bool replaced = false, added = false;
    llm_status status = add_explicit(dirs, options->plugin_dirs, err);
    if (status == LLM_OK && !only_named) {
        status = add_variable(dirs, "LLM_MASTER_PLUGIN_PATH_ADD", "environment LLM_MASTER_PLUGIN_PATH_ADD",
                              &added, err);
    }
    if (status == LLM_OK && !only_named) {
        status = add_variable(dirs, "LLM_MASTER_PLUGIN_PATH", "environment LLM_MASTER_PLUGIN_PATH", &replaced,
                              err);
    }
    for (size_t i = 0; status == LLM_OK && !only_named && i < n_from_settings; i++) {
        status = add_dir(dirs, from_settings[i].name, from_settings[i].value.ptr, err);
    }
    return status == LLM_OK && !only_named && !replaced ? add_defaults(dirs, places, err) : status;
}

static llm_status find_catalogues(struct llm_settings *settings, const llm_master_options *options,
                                  llm_str data, llm_error *err) {
    llm_str user = {0};
    if (data.ptr != NULL) {
        const llm_str file = llm_arena_format(&settings->arena, "%.*s/" LLM_CATALOGUE_FILE, LLM_FMT(data));
        settings->catalogue = file.ptr;
        if (file.ptr == NULL) {
            return no_memory(err);
        }
    }
    if ((options->flags & LLM_MASTER_NO_CONFIG) != 0) {
        return LLM_OK;
    }
    const llm_status status =
        xdg_dir(settings, "XDG_DATA_HOME", "/.local/share", "/llm-master/" LLM_CATALOGUE_FILE, &user, err);
    settings->user_catalogue = user.ptr;
    return status;
}

llm_status llm_settings_find_dirs(struct llm_settings *settings, const llm_master_options *options,
                                  const llm_header *from_settings, size_t n_from_settings,
                                  llm_status (*add_origin)(void *ctx, llm_str dir, llm_str origin), void *ctx,
                                  llm_error *err) {
    static const char *none[] = {NULL};
    struct dirs dirs = {.settings = settings, .add_origin = add_origin, .ctx = ctx};
    struct llm_places places = {0};
    llm_str data = {0};
    settings->plugin_dirs = settings->provider_dirs = settings->model_dirs = none;
    if ((options->flags & LLM_MASTER_NO_DEFAULT_DIRS) == 0) {
        if (llm_places_find(&settings->arena, &places) != LLM_OK) {
            return no_memory(err);
        }
        data = places.data.ptr != NULL ? places.data : llm_str_from(LLM_DATADIR);
    }
    llm_status status = find_plugin_dirs(&dirs, options, from_settings, n_from_settings, &places, err);
    settings->plugin_dirs = dirs.list != NULL ? dirs.list : none;
    const char **found = none;
    if (status == LLM_OK) {
        status = add_data_dirs(settings, settings->plugin_dirs, data, "providers.d", &found, err);
        settings->provider_dirs = found != NULL ? found : none;
    }
    if (status == LLM_OK) {
        status = add_data_dirs(settings, settings->plugin_dirs, data, "models.d", &found, err);
        settings->model_dirs = found != NULL ? found : none;
    }
    if (status == LLM_OK && (options->flags & LLM_MASTER_NO_CONFIG) == 0) {
        status = user_dir(settings, "providers.d", &settings->user_provider_dir, err);
        status = status == LLM_OK ? user_dir(settings, "models.d", &settings->user_model_dir, err) : status;
    }
    return status == LLM_OK ? find_catalogues(settings, options, data, err) : status;
}
