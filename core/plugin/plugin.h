// SPDX-License-Identifier: MIT
// Plugins: find -> trust -> load -> adopt.  A plugin object is never freed before the registry, and code is never unmapped.
#ifndef LLM_PLUGIN_PLUGIN_H
#define LLM_PLUGIN_PLUGIN_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/str.h"
#include "llm_provider.h"

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

struct llm_plugin {
    const char *path; // as found
    llm_str id, version, name;
    llm_str manifest; // JSON text, valid, NUL-terminated
    char *reason;     // one line that says what is wrong and what to do; NULL: nothing is
    uint64_t dev, ino, size;
    int64_t mtime_ns;
    pthread_mutex_t control;                   // serialises [control] functions; guards state while loading
    _Atomic int state;                         // enum llm_plugin_state
    const llm_provider_descriptor *descriptor; // set when LOADED
    void *plugin;                              // what init() gave
    struct llm_plugin_generator *generators;
    size_t n_generators;
    pthread_mutex_t serial; // held around [call] functions when the codec says LLM_CODEC_SERIAL
};

// All plugin files ever seen by one master.
struct llm_plugins;

struct llm_plugins *llm_plugins_new(const llm_host *host); // host: borrowed until free; NULL: out of memory
void llm_plugins_free(struct llm_plugins *plugins);        // shutdown() of what was loaded

// Look at every *.so in the directories (in their order, names by byte value) without running any code, and give the list
// in *ret (borrowed until llm_plugins_free; the array itself from arena).  A file that was seen before and did not change keeps its
// object.  A directory that does not exist is no error and adds nothing.  LLM_E_NOMEM, LLM_E_LIMIT.
llm_status llm_plugins_scan(struct llm_plugins *plugins, const char *const *dirs, struct llm_arena *arena,
                            struct llm_plugin ***ret, size_t *ret_count, llm_error *err);

// Load it if it is not loaded yet (any thread).  LLM_E_INTERNAL with the reason when that fails, now or earlier.
llm_status llm_plugin_load(struct llm_plugins *plugins, struct llm_plugin *plugin, llm_error *err);

// By name, or NULL.  LOADED plugins only.
const struct llm_plugin_generator *llm_plugin_generator(const struct llm_plugin *plugin, llm_str name);
// The first one for an operation, or NULL.
const struct llm_plugin_generator *llm_plugin_generator_for(const struct llm_plugin *plugin,
                                                            llm_str operation);

// "refused", "found", ...  Static.
const char *llm_plugin_state_name(int state);

#endif
