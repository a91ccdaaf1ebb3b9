// SPDX-License-Identifier: MIT
#include "plugin/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "plugin/adopt.h"
#include "plugin/inspect.h"
#include "plugin/ownership.h"
#include "plugin/registry.h"

typedef const llm_provider_descriptor *(LLM_CALL *entry_fn)(void);
typedef const llm_store_descriptor *(LLM_CALL *store_entry_fn)(void);

#define ENTRY_NAME "llm_provider_entry_v1"
#define STORE_ENTRY_NAME "llm_store_entry_v1"

// ---- the file again -----------------------------------------------------------------------------------------

static llm_status refuse_changed(struct llm_reason *why) {
    return llm_refuse(why, "it changed after it was looked at: reload");
}

// Open the file once more: *ret_fd is what was scanned, judged anew.
static llm_status open_checked(const struct llm_plugins *plugins, const struct llm_plugin *plugin,
                               int *ret_fd, bool *ret_uses_origin, struct llm_reason *why) {
    char dir[PATH_MAX];
    const char *slash = strrchr(plugin->path, '/');
    (void)snprintf(dir, sizeof dir, "%.*s", slash == plugin->path ? 1 : (int)(slash - plugin->path),
                   plugin->path);
    llm_status status = llm_ownership_check_dir(dir, why);
    const int fd = status == LLM_OK ? llm_inspect_open(AT_FDCWD, plugin->path) : -1;
    struct stat st;
    if (status == LLM_OK && (fd < 0 || fstat(fd, &st) != 0)) {
        status = llm_refuse(why, "cannot open it any more: %s", strerror(errno));
    } else if (status == LLM_OK &&
               (plugin->ino != (uint64_t)st.st_ino || plugin->dev != (uint64_t)st.st_dev ||
                plugin->size != (uint64_t)st.st_size ||
                plugin->mtime_ns != (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec)) {
        status = refuse_changed(why);
    }
    struct llm_elf *elf = status == LLM_OK ? llm_mem_new(sizeof *elf) : NULL;
    if (status == LLM_OK && elf == NULL) {
        status = LLM_E_NOMEM;
    }
    if (status == LLM_OK) {
        struct llm_arena arena = {0};
        struct llm_inspection inspection = {0};
        status = llm_inspect(fd, &st, plugins->host, elf, &arena, &inspection, why);
        if (status == LLM_OK && !llm_str_eq(inspection.text, plugin->manifest)) {
            status = refuse_changed(why);
        }
        *ret_uses_origin = inspection.uses_origin;
        llm_arena_done(&arena);
    }
    llm_mem_free(elf);
    if (status != LLM_OK && fd >= 0) {
        (void)close(fd);
    }
    *ret_fd = fd;
    return status;
}

// ---- mapping ------------------------------------------------------------------------------------------------

// The dynamic linker knows libraries by the names they were opened with, while descriptor numbers and paths come back with other
// content.  So the same place is spelled in a way of its own for each inode: slashes, and dots between them.
static void spell(char *name, size_t size, const char *dir, const char *file,
                  const struct llm_plugin *plugin) {
    char detour[2 * 2 * 64 + 1];
    size_t n = 0;
    for (unsigned bit = 0; bit < 2 * 64; bit++) {
        const uint64_t word = bit < 64 ? plugin->ino : plugin->dev;
        if ((word >> (bit % 64) & 1) != 0) {
            detour[n++] = '.';
        }
        detour[n++] = '/';
    }
    (void)snprintf(name, size, "%s/%.*s%s", dir, (int)n, detour, file);
}

// The descriptor's name, so that what was checked is what is mapped.  Without /proc, with $ORIGIN, or when reports are to show the
// file's name, its own has to do: nobody but its owner and root can change what that leads to.
static void name_file(char *name, size_t size, const struct llm_plugin *plugin, int fd, bool uses_origin) {
    char text[PATH_MAX];
    (void)snprintf(text, sizeof text, "%d", fd);
    spell(name, size, "/proc/self/fd", text, plugin);
    if (LLM_SANITIZED || uses_origin || access(name, R_OK) != 0) {
        const char *slash = strrchr(plugin->path, '/');
        (void)snprintf(text, sizeof text, "%.*s", (int)(slash - plugin->path), plugin->path);
        spell(name, size, text, slash + 1, plugin);
    }
}

// dlopen's message without the name that we gave to the file.
static const char *message_of(const char *message, const char *name) {
    const size_t len = strlen(name);
    if (message == NULL) {
        return "no reason given";
    }
    return strncmp(message, name, len) == 0 && strncmp(message + len, ": ", 2) == 0 ? message + len + 2
                                                                                    : message;
}

static llm_status map(struct llm_plugin *plugin, int fd, bool uses_origin, void **ret,
                      struct llm_reason *why) {
    char name[PATH_MAX + 512];
    name_file(name, sizeof name, plugin, fd, uses_origin);
    *ret = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (*ret == NULL) {
        return llm_refuse(why, "the system cannot load it: %s", message_of(dlerror(), name));
    }
    plugin->is_mapped = true;
    return LLM_OK;
}

static llm_status find_entry(void *handle, const char *name, void **ret, struct llm_reason *why) {
    *ret = dlsym(handle, name);
    return *ret != NULL ? LLM_OK
                        : llm_refuse(why, "the system does not find %s in it: compile it again", name);
}

// ---- loading ------------------------------------------------------------------------------------------------

static llm_status adopt_provider(struct llm_plugins *plugins, struct llm_plugin *plugin, void *symbol,
                                 const struct llm_adopt_expected *expected, struct llm_reason *why) {
    entry_fn entry = NULL;
    memcpy(&entry, &symbol, sizeof entry); // ISO C has no cast from data to function pointers
    const llm_provider_descriptor *theirs = entry();
    struct llm_adopted adopted = {NULL, NULL, 0};
    (void)pthread_mutex_lock(&plugins->lock);
    const llm_status status = llm_adopt(theirs, expected, &plugins->arena, &adopted, why);
    (void)pthread_mutex_unlock(&plugins->lock);
    if (status != LLM_OK) {
        return status;
    }
    const llm_status begun = adopted.descriptor->init(plugins->host, &plugin->plugin);
    if (begun != LLM_OK) {
        return llm_refuse(why, "its init() failed: %s (%d)", llm_status_name(begun), (int)begun);
    }
    plugin->generators = adopted.generators;
    plugin->n_generators = adopted.n_generators;
    plugin->descriptor = adopted.descriptor;
    return LLM_OK;
}

static llm_status adopt_store(struct llm_plugins *plugins, struct llm_plugin *plugin, void *symbol,
                              const struct llm_adopt_expected *expected, struct llm_reason *why) {
    store_entry_fn entry = NULL;
    memcpy(&entry, &symbol, sizeof entry);
    const llm_store_descriptor *theirs = entry(), *ours = NULL;
    (void)pthread_mutex_lock(&plugins->lock);
    const llm_status status = llm_adopt_store(theirs, expected, &plugins->arena, &ours, why);
    (void)pthread_mutex_unlock(&plugins->lock);
    if (status == LLM_OK) {
        plugin->store_descriptor = ours;
    }
    return status;
}

// The plugin's control is held.
static llm_status load(struct llm_plugins *plugins, struct llm_plugin *plugin, struct llm_reason *why) {
    int fd = -1;
    bool uses_origin = false;
    void *handle = NULL, *symbol = NULL;
    struct llm_manifest manifest;
    const bool is_store = plugin->store.ptr != NULL;
    llm_status status = open_checked(plugins, plugin, &fd, &uses_origin, why);
    if (status != LLM_OK) {
        return status;
    }
    status = map(plugin, fd, uses_origin, &handle, why);
    (void)close(fd);
    if (status == LLM_OK) {
        status = find_entry(handle, is_store ? STORE_ENTRY_NAME : ENTRY_NAME, &symbol, why);
    }
    if (status == LLM_OK) {
        status = llm_manifest_read(plugin->manifest, plugins->host, &manifest, why);
    }
    if (status != LLM_OK) {
        return status;
    }
    const struct llm_adopt_expected expected = {plugin->id, plugin->version, manifest.generators};
    return (is_store ? adopt_store : adopt_provider)(plugins, plugin, symbol, &expected, why);
}

static llm_status fail_with_reason(const struct llm_plugin *plugin, llm_status status, llm_error *err) {
    return llm_fail(err, status, "plugin %s: %s", plugin->path, plugin->reason);
}

static llm_status load_once(struct llm_plugins *plugins, struct llm_plugin *plugin, llm_error *err) {
    if (plugin->state == LLM_PLUGIN_LOADED) {
        return LLM_OK;
    }
    struct llm_reason why;
    llm_status status = LLM_OK;
    (void)pthread_mutex_lock(&plugin->control);
    if (plugin->state == LLM_PLUGIN_FOUND) {
        status = load(plugins, plugin, &why);
        (void)pthread_mutex_lock(&plugins->lock);
        if (status == LLM_OK) {
            plugin->state = LLM_PLUGIN_LOADED;
        } else if (status != LLM_E_NOMEM) {
            llm_plugins_fault_locked(plugins, plugin, why.text);
        }
        (void)pthread_mutex_unlock(&plugins->lock);
    }
    (void)pthread_mutex_unlock(&plugin->control);
    if (status == LLM_E_NOMEM) {
        return llm_fail(err, status, "out of memory while loading plugin %s", plugin->path);
    }
    switch ((enum llm_plugin_state)plugin->state) {
    case LLM_PLUGIN_FOUND:
    case LLM_PLUGIN_LOADED: return LLM_OK;
    case LLM_PLUGIN_FAULTED: return fail_with_reason(plugin, LLM_E_INTERNAL, err);
    case LLM_PLUGIN_REFUSED:
    case LLM_PLUGIN_SHADOWED: break;
    }
    return fail_with_reason(plugin, LLM_E_DENIED, err);
}

llm_status llm_plugin_load(struct llm_plugins *plugins, struct llm_plugin *plugin, llm_error *err) {
    if (plugin->store.ptr != NULL) {
        return llm_fail(err, LLM_E_DENIED, "plugin %s: it is a store, and no provider can use it",
                        plugin->path);
    }
    return load_once(plugins, plugin, err);
}

llm_status llm_plugin_load_store(struct llm_plugins *plugins, struct llm_plugin *plugin, llm_error *err) {
    if (plugin->manifest.ptr != NULL && plugin->store.ptr == NULL) {
        return llm_fail(err, LLM_E_DENIED, "plugin %s: it is no store", plugin->path);
    }
    return load_once(plugins, plugin, err);
}
