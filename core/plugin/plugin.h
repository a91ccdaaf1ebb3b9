// SPDX-License-Identifier: MIT
// Plugins: find -> trust -> load -> adopt.  A plugin object is never freed before the registry, and code is never unmapped.
#ifndef LLM_PLUGIN_PLUGIN_H
#define LLM_PLUGIN_PLUGIN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "llm_provider.h"
#include "llm_store.h"

enum llm_plugin_state {
    LLM_PLUGIN_REFUSED,  // reason says why; its code never ran
    LLM_PLUGIN_SHADOWED, // another file with the same id comes first; reason names it
    LLM_PLUGIN_FOUND,    // file and manifest are fine; not loaded yet
    LLM_PLUGIN_LOADED,
    LLM_PLUGIN_FAULTED, // loading failed, or it broke the contract; reason
};

// A generator as the core uses it: the plugin's tables copied into ours, absent members replaced by stubs, so that nobody
// tests a pointer.  codec.open == NULL: this generator blocks (generate.run is set).
struct llm_plugin_generator {
    llm_str name, operation;
    const char *const *formats; // NULL-terminated, at least one
    llm_codec codec;
    llm_generate generate;
};

// One file as it was when it was looked at.  It belongs to the registry and stays valid until llm_plugins_free().  What a scan
// found out never changes: only FOUND -> LOADED -> FAULTED and FOUND -> FAULTED happen to an object; everything else makes
// another object.
struct llm_plugin {
    const char *path; // absolute, links in the directory resolved
    llm_str id, version,
        name; // NUL-terminated; absent when the manifest could not be read; name: the id when it has none
    llm_str manifest; // JSON text, valid, NUL-terminated; absent when it is not
    llm_str store;    // what kind of store it is; absent: a provider plugin
    const char
        *reason; // one line that says what is wrong and what to do; NULL: nothing is.  Read it after state
    uint64_t dev, ino, size;
    int64_t mtime_ns, ctime_ns;
    pthread_mutex_t control;  // serialises [control] functions; guards state while loading
    pthread_cond_t keys_came; // with control: commands that give a provider's keys are over
    _Atomic int state;        // enum llm_plugin_state
    // Set when LOADED.  Our own copy: no function of it is NULL, absent ones are stubs (instance_new gives NULL).
    const llm_provider_descriptor *descriptor;
    void *plugin; // what init() gave
    const llm_store_descriptor
        *store_descriptor; // of a store, in the place of these two; every function is set
    struct llm_plugin_generator *generators;
    size_t n_generators;
    pthread_mutex_t serial;    // held around [call] functions when the codec says LLM_CODEC_SERIAL
    struct llm_plugins *owner; // private, like the rest
    _Atomic bool is_mapped;    // its code is in memory, for ever
    uint32_t id_hash;
};

// All plugin files ever seen by one master.
struct llm_plugins;

struct llm_plugins *llm_plugins_new(const llm_host *host); // host: borrowed until free; NULL: out of memory
void llm_plugins_free(
    struct llm_plugins *plugins); // shutdown() of what was loaded; nobody may use it any more

// Look at every *.so (but .*) in the directories (in their order, names by byte value), without running any code, and give the list
// in *ret (objects borrowed until llm_plugins_free; the array itself from arena).  A file that did not change (path, device,
// inode, size, time) and whose state did not change keeps its object; a changed one gets a new object, and the old one
// stays for those who use it.  A file written over while its code is mapped is refused, and the old object FAULTED.
// A directory that does not exist is no error and adds nothing; one that cannot be read is an entry of its own, REFUSED; one
// that others can write to gives all its files REFUSED; one that came before, under any name, adds nothing.
// LLM_E_NOMEM; LLM_E_LIMIT: more than LLM_MAX_PLUGINS files.  [any thread, one at a time]
llm_status llm_plugins_scan(struct llm_plugins *plugins, const char *const *dirs, struct llm_arena *arena,
                            struct llm_plugin ***ret, size_t *ret_count, llm_error *err);

// Load it if it is not loaded yet (any thread): check the file again, map exactly what was checked, take its tables over, init().
// LLM_E_INTERNAL with the reason when that fails, now or earlier; LLM_E_DENIED with the reason: REFUSED or SHADOWED;
// LLM_E_NOMEM: try again.  A store is refused: llm_plugin_load_store().
llm_status llm_plugin_load(struct llm_plugins *plugins, struct llm_plugin *plugin, llm_error *err);

// The same for a store: its descriptor is set then.  A provider plugin is refused.
llm_status llm_plugin_load_store(struct llm_plugins *plugins, struct llm_plugin *plugin, llm_error *err);

// It broke the contract: FAULTED from now on, with this reason.  Calls under way go on.
void llm_plugin_fault(struct llm_plugin *plugin, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// By name, or NULL.  LOADED plugins only.
const struct llm_plugin_generator *llm_plugin_generator(const struct llm_plugin *plugin, llm_str name);
// The first one for an operation, or NULL.
const struct llm_plugin_generator *llm_plugin_generator_for(const struct llm_plugin *plugin,
                                                            llm_str operation);

// "refused", "found", ...  Static.
const char *llm_plugin_state_name(int state);

#endif
