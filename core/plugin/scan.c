// SPDX-License-Identifier: MIT
#include "plugin/plugin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "llm_json.h"
#include "plugin/inspect.h"
#include "plugin/ownership.h"
#include "plugin/registry.h"

// One look at all directories.  The registry's lock is held.
struct scan {
    struct llm_plugins *plugins;
    size_t n_known; // objects from earlier scans
    struct llm_plugin **list;
    size_t n_list, cap_list;
    struct stat *dirs; // those that were looked at
    size_t n_dirs, cap_dirs;
    struct llm_arena temp; // for one file
};

// The directory that is being looked at.
struct dir {
    const char *path; // real
    int fd;
    bool is_refused;
    struct llm_reason why;
};

static int64_t nanoseconds(struct timespec t) {
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// ---- objects ------------------------------------------------------------------------------------------

static bool is_same_inode(const struct llm_plugin *plugin, const struct stat *st) {
    return plugin->ino == (uint64_t)st->st_ino && plugin->dev == (uint64_t)st->st_dev;
}

static bool is_same_content(const struct llm_plugin *plugin, const struct stat *st) {
    return plugin->size == (uint64_t)st->st_size && plugin->mtime_ns == nanoseconds(st->st_mtim);
}

static bool is_usable(const struct llm_plugin *plugin) {
    return plugin->state != LLM_PLUGIN_REFUSED && plugin->state != LLM_PLUGIN_SHADOWED;
}

static llm_status make_object(struct scan *scan, const char *path, const struct stat *st,
                              struct llm_plugin **ret) {
    struct llm_plugins *plugins = scan->plugins;
    struct llm_plugin *plugin = llm_arena_new(&plugins->arena, sizeof *plugin);
    const llm_str copy = llm_arena_dup(&plugins->arena, llm_str_from(path));
    if (plugin == NULL || copy.ptr == NULL ||
        !llm_mem_grow((void **)&plugins->objects, plugins->n_objects, &plugins->cap_objects,
                      sizeof(struct llm_plugin *))) {
        return LLM_E_NOMEM;
    }
    plugin->path = copy.ptr;
    plugin->dev = (uint64_t)st->st_dev;
    plugin->ino = (uint64_t)st->st_ino;
    plugin->size = (uint64_t)st->st_size;
    plugin->mtime_ns = nanoseconds(st->st_mtim);
    plugin->ctime_ns = nanoseconds(st->st_ctim);
    plugin->owner = plugins;
    (void)pthread_mutex_init(&plugin->control, NULL);
    (void)pthread_cond_init(&plugin->keys_came, NULL);
    (void)pthread_mutex_init(&plugin->serial, NULL);
    plugins->objects[plugins->n_objects++] = plugin;
    *ret = plugin;
    return LLM_OK;
}

// What a file turned out to be.
struct verdict {
    enum llm_plugin_state state; // REFUSED, SHADOWED or FOUND
    const char *reason;          // NULL: none
    llm_str id, version, name, manifest, store;
    uint32_t id_hash;
    bool is_kept; // these texts belong to the registry already
};

static llm_status keep_texts(struct llm_arena *arena, struct llm_plugin *plugin,
                             const struct verdict *verdict) {
    const struct {
        llm_str from;
        llm_str *to;
    } texts[] = {
        {verdict->id, &plugin->id},       {verdict->version, &plugin->version},
        {verdict->name, &plugin->name},   {verdict->manifest, &plugin->manifest},
        {verdict->store, &plugin->store},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i].to = verdict->is_kept ? texts[i].from : llm_arena_dup(arena, texts[i].from);
        if (texts[i].to->ptr == NULL && texts[i].from.ptr != NULL) {
            return LLM_E_NOMEM;
        }
    }
    return LLM_OK;
}

static bool fits(const struct llm_plugin *plugin, const char *path, const struct stat *st,
                 const struct verdict *verdict) {
    if (!is_same_inode(plugin, st) || !is_same_content(plugin, st) || strcmp(plugin->path, path) != 0) {
        return false;
    }
    if (verdict->state == LLM_PLUGIN_FOUND) {
        return is_usable(plugin) && llm_str_eq(plugin->manifest, verdict->manifest);
    }
    return (int)verdict->state == plugin->state && plugin->ctime_ns == nanoseconds(st->st_ctim) &&
           strcmp(plugin->reason, verdict->reason) == 0;
}

// Put the file into the list, with the object that it had before when nothing changed.
static llm_status add(struct scan *scan, const char *path, const struct stat *st,
                      const struct verdict *verdict) {
    struct llm_plugins *plugins = scan->plugins;
    struct llm_plugin *plugin = NULL;
    for (size_t i = 0; i < scan->n_known && plugin == NULL; i++) {
        plugin = fits(plugins->objects[i], path, st, verdict) ? plugins->objects[i] : NULL;
    }
    if (plugin == NULL) {
        llm_status status = make_object(scan, path, st, &plugin);
        if (status == LLM_OK) {
            status = keep_texts(&plugins->arena, plugin, verdict);
        }
        const llm_str reason = llm_arena_dup(&plugins->arena, llm_str_from(verdict->reason));
        if (status != LLM_OK || (reason.ptr == NULL && verdict->reason != NULL)) {
            return LLM_E_NOMEM;
        }
        plugin->reason = reason.ptr;
        plugin->id_hash = verdict->id_hash;
        plugin->state = (int)verdict->state;
    }
    if (!llm_mem_grow((void **)&scan->list, scan->n_list, &scan->cap_list, sizeof(struct llm_plugin *))) {
        return LLM_E_NOMEM;
    }
    scan->list[scan->n_list++] = plugin;
    return LLM_OK;
}

static llm_status add_refused(struct scan *scan, const char *path, const struct stat *st,
                              const char *reason) {
    const struct verdict verdict = {.state = LLM_PLUGIN_REFUSED, .reason = reason};
    return add(scan, path, st, &verdict);
}

// ---- one file -------------------------------------------------------------------------------------------

// The same file, found good at an earlier look; NULL: none.  What was refused is looked at again: the cause may be gone.
static const struct llm_plugin *remembered(const struct scan *scan, const char *path, const struct stat *st) {
    for (size_t i = 0; i < scan->n_known; i++) {
        const struct llm_plugin *plugin = scan->plugins->objects[i];
        if (is_same_inode(plugin, st) && is_same_content(plugin, st) && plugin->state != LLM_PLUGIN_REFUSED &&
            plugin->ctime_ns == nanoseconds(st->st_ctim) && strcmp(plugin->path, path) == 0) {
            return plugin;
        }
    }
    return NULL;
}

// Mapped code must not change below us, nor be initialised twice.
static bool is_in_use(struct scan *scan, const char *path, const struct stat *st, struct llm_reason *why) {
    for (size_t i = 0; i < scan->plugins->n_objects; i++) {
        struct llm_plugin *plugin = scan->plugins->objects[i];
        if (!plugin->is_mapped || !is_same_inode(plugin, st)) {
            continue;
        }
        if (!is_same_content(plugin, st)) {
            (void)llm_refuse(why,
                             "it was written over while it was loaded: restart, and install with "
                             "cp NEW %s.new && mv %s.new %s",
                             path, path, path);
            llm_plugins_fault_locked(scan->plugins, plugin, why->text);
            return true;
        }
        if (strcmp(plugin->path, path) != 0) {
            (void)llm_refuse(
                why, "it is the same file as %s, which is loaded: restart, or copy it instead of linking it",
                plugin->path);
            return true;
        }
    }
    return false;
}

static llm_status decode_name(struct llm_arena *arena, llm_str json, llm_str *ret) {
    char text[LLM_MAX_NAME_BYTES], clean[LLM_MAX_NAME_BYTES];
    const size_t len = llm_json_decode(json, text, sizeof text - 1);
    if (len >= sizeof text || len == 0) {
        return LLM_OK; // none: the id takes its place
    }
    llm_error_text(clean, sizeof clean, (llm_str){text, len});
    *ret = llm_arena_dup(arena, llm_str_from(clean));
    return ret->ptr != NULL ? LLM_OK : LLM_E_NOMEM;
}

// Open and judge a file.  *verdict's texts and reason last until the next file.
static llm_status inspect(struct scan *scan, const struct dir *dir, const char *name, const struct stat *st,
                          struct verdict *verdict, struct llm_reason *why) {
    struct llm_plugins *plugins = scan->plugins;
    struct llm_inspection inspection = {0};
    llm_arena_reset(&scan->temp, SIZE_MAX);
    llm_status status = llm_ownership_check_file(st, why);
    const int fd = status == LLM_OK ? llm_inspect_open(dir->fd, name) : -1;
    struct stat opened;
    if (status == LLM_OK && fd < 0) {
        status = llm_refuse(why, "cannot open it: %s", strerror(errno));
    } else if (status == LLM_OK &&
               (fstat(fd, &opened) != 0 || opened.st_ino != st->st_ino || opened.st_dev != st->st_dev)) {
        status = llm_refuse(why, "it was replaced while it was being looked at: look again");
    }
    if (status == LLM_OK) {
        status = llm_inspect(fd, &opened, plugins->host, &plugins->scratch, &scan->temp, &inspection, why);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (status == LLM_E_NOMEM) {
        return status;
    }
    verdict->state = status == LLM_OK ? LLM_PLUGIN_FOUND : LLM_PLUGIN_REFUSED;
    verdict->reason = status == LLM_OK ? NULL : why->text;
    verdict->id = inspection.manifest.id;
    verdict->version = inspection.manifest.version;
    verdict->manifest = inspection.text;
    verdict->store = inspection.manifest.store;
    verdict->name = verdict->id;
    return decode_name(&scan->temp, inspection.manifest.name, &verdict->name);
}

// FNV-1a: ids are often alike but for their ends.
static uint32_t hash_of(llm_str id) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < id.len; i++) {
        hash = (hash ^ (unsigned char)id.ptr[i]) * 16777619u;
    }
    return hash;
}

// The plugin of this id that comes first.
static const struct llm_plugin *winner(const struct scan *scan, const struct verdict *verdict) {
    for (size_t i = 0; i < scan->n_list; i++) {
        const struct llm_plugin *plugin = scan->list[i];
        if (plugin->id_hash == verdict->id_hash && is_usable(plugin) && llm_str_eq(plugin->id, verdict->id)) {
            return plugin;
        }
    }
    return NULL;
}

static llm_status look_at(struct scan *scan, const struct dir *dir, const char *name) {
    char path[PATH_MAX];
    struct llm_reason why;
    struct stat st;
    if (snprintf(path, sizeof path, "%s/%s", dir->path[1] != '\0' ? dir->path : "", name) >=
            (int)sizeof path ||
        fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return LLM_OK; // it went away after it was listed
    }
    if (dir->is_refused) {
        return add_refused(scan, path, &st, dir->why.text);
    }
    struct verdict verdict = {.state = LLM_PLUGIN_FOUND};
    const struct llm_plugin *before = remembered(scan, path, &st);
    if (before == NULL) {
        if (is_in_use(scan, path, &st, &why)) {
            return add_refused(scan, path, &st, why.text);
        }
        const llm_status status = inspect(scan, dir, name, &st, &verdict, &why);
        if (status != LLM_OK) {
            return status;
        }
    } else {
        verdict.id = before->id;
        verdict.version = before->version;
        verdict.name = before->name;
        verdict.manifest = before->manifest;
        verdict.store = before->store;
        verdict.is_kept = true;
    }
    verdict.id_hash = hash_of(verdict.id);
    const struct llm_plugin *first = verdict.state == LLM_PLUGIN_FOUND ? winner(scan, &verdict) : NULL;
    if (first != NULL) {
        verdict.state = LLM_PLUGIN_SHADOWED;
        (void)llm_refuse(&why, "%s has the same id %.*s and comes first: remove one of the two", first->path,
                         LLM_FMT(verdict.id));
        verdict.reason = why.text;
    }
    return add(scan, path, &st, &verdict);
}

// ---- directories ----------------------------------------------------------------------------------------

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_plugin_name(const char *name) {
    const size_t len = strlen(name);
    return name[0] != '.' && len > 3 && strcmp(name + len - 3, ".so") == 0;
}

struct names {
    struct llm_arena arena;
    char **list;
    size_t n, cap;
};

static llm_status list_names(DIR *stream, size_t max, struct names *names) {
    const struct dirent *entry;
    while ((entry = readdir(stream)) != NULL) {
        if (!is_plugin_name(entry->d_name)) {
            continue;
        }
        if (names->n == max) {
            return LLM_E_LIMIT;
        }
        const llm_str copy = llm_arena_dup(&names->arena, llm_str_from(entry->d_name));
        if (copy.ptr == NULL || !llm_mem_grow((void **)&names->list, names->n, &names->cap, sizeof(char *))) {
            return LLM_E_NOMEM;
        }
        names->list[names->n++] = (char *)(uintptr_t)copy.ptr;
    }
    if (names->n > 0) {
        qsort(names->list, names->n, sizeof(char *), by_bytes);
    }
    return LLM_OK;
}

static llm_status look_through(struct scan *scan, const struct dir *dir, DIR *stream, llm_error *err) {
    struct names names = {{0}, NULL, 0, 0};
    llm_status status = list_names(stream, LLM_MAX_PLUGINS - scan->n_list, &names);
    if (status == LLM_E_LIMIT) {
        (void)llm_fail(err, status, "more than %u plugin files, counted up to %s: remove some",
                       LLM_MAX_PLUGINS, dir->path);
    }
    for (size_t i = 0; i < names.n && status == LLM_OK; i++) {
        status = look_at(scan, dir, names.list[i]);
    }
    llm_arena_done(&names.arena);
    llm_mem_free(names.list);
    return status;
}

// Has this directory been looked at?  If not, it counts as looked at from now on.
static llm_status see_dir(struct scan *scan, const struct stat *st, bool *ret_seen) {
    *ret_seen = false;
    for (size_t i = 0; i < scan->n_dirs; i++) {
        if (scan->dirs[i].st_ino == st->st_ino && scan->dirs[i].st_dev == st->st_dev) {
            *ret_seen = true;
            return LLM_OK;
        }
    }
    if (!llm_mem_grow((void **)&scan->dirs, scan->n_dirs, &scan->cap_dirs, sizeof *st)) {
        return LLM_E_NOMEM;
    }
    scan->dirs[scan->n_dirs++] = *st;
    return LLM_OK;
}

static llm_status scan_dir(struct scan *scan, const char *given, llm_error *err) {
    char real[PATH_MAX];
    struct stat st = {0};
    struct dir dir = {.path = real, .fd = -1};
    if (realpath(given, real) != NULL) {
        dir.fd = open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    } else if (errno == ENOENT) {
        return LLM_OK;
    }
    DIR *stream = dir.fd >= 0 ? fdopendir(dir.fd) : NULL;
    if (stream == NULL || fstat(dir.fd, &st) != 0) {
        const int code = errno;
        if (stream != NULL) {
            (void)closedir(stream);
        } else if (dir.fd >= 0) {
            (void)close(dir.fd);
        }
        (void)llm_refuse(&dir.why, "cannot list this directory: %s", strerror(code));
        return add_refused(scan, given, &st, dir.why.text);
    }
    bool seen = false;
    llm_status status = see_dir(scan, &st, &seen);
    if (status == LLM_OK && !seen) {
        dir.is_refused = llm_ownership_check_dir(real, &dir.why) != LLM_OK;
        status = look_through(scan, &dir, stream, err);
    }
    (void)closedir(stream);
    return status;
}

llm_status llm_plugins_scan(struct llm_plugins *plugins, const char *const *dirs, struct llm_arena *arena,
                            struct llm_plugin ***ret, size_t *ret_count, llm_error *err) {
    llm_status status = LLM_OK;
    (void)pthread_mutex_lock(&plugins->lock);
    struct scan scan = {.plugins = plugins, .n_known = plugins->n_objects};
    for (size_t i = 0; dirs != NULL && dirs[i] != NULL && status == LLM_OK; i++) {
        status = scan_dir(&scan, dirs[i], err);
    }
    struct llm_plugin **list = NULL;
    if (status == LLM_OK) {
        list = llm_arena_new(arena, (scan.n_list + 1) * sizeof(struct llm_plugin *));
        status = list != NULL ? LLM_OK : LLM_E_NOMEM;
    }
    if (status == LLM_OK) {
        if (scan.n_list > 0) {
            memcpy(list, scan.list, scan.n_list * sizeof(struct llm_plugin *));
        }
        *ret = list;
        *ret_count = scan.n_list;
    }
    (void)pthread_mutex_unlock(&plugins->lock);
    llm_arena_done(&scan.temp);
    llm_mem_free(scan.list);
    llm_mem_free(scan.dirs);
    return status == LLM_E_NOMEM ? llm_fail(err, status, "out of memory while looking for plugins") : status;
}
