// SPDX-License-Identifier: MIT
// A plugin's manifest: judged whole, the members that the loader needs picked out.  Providers and models are the catalogue's.
#ifndef LLM_PLUGIN_MANIFEST_H
#define LLM_PLUGIN_MANIFEST_H

#include "llm_provider.h"
#include "plugin/reason.h"

// Slices of the text.
struct llm_manifest {
    llm_str id, version; // without quotes; plain ASCII
    llm_str name;        // JSON string; absent: none
    llm_str generators;  // JSON object, name -> operation; absent: none
    llm_str libraries;   // JSON array of strings; absent: none
    llm_str store;       // the kind of store that it is, a name; absent: it is a provider plugin
};

// LLM_E_DENIED with the reason: no JSON, a required member missing or wrong, a newer manifest, another ABI major, a permission that
// nobody knows, a host interface that this host does not offer.
llm_status llm_manifest_read(llm_str text, const llm_host *host, struct llm_manifest *ret,
                             struct llm_reason *why);

// Does needs.libraries list this file name?
bool llm_manifest_lists_library(const struct llm_manifest *manifest, llm_str name);

// Is it a name of a generator or an operation: 1 to LLM_MAX_NAME_BYTES of a-z A-Z 0-9 _ - .
bool llm_manifest_is_name(llm_str name);

#endif
