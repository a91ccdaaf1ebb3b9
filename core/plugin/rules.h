// SPDX-License-Identifier: MIT
// What a plugin may link to and export.
#ifndef LLM_PLUGIN_RULES_H
#define LLM_PLUGIN_RULES_H

#include "plugin/elf.h"
#include "plugin/manifest.h"

// Libraries: the C and C++ run-time and what needs.libraries lists.  Search paths: $ORIGIN and below.  Exports: the entry
// function of this ABI major, and of others, and nothing else.  No undefined symbol of ours (llm_...).
// LLM_E_DENIED with the reason.  *ret_uses_origin: it has a search path, so it must be loaded by its name.
llm_status llm_rules_check(struct llm_elf *elf, const struct llm_manifest *manifest, bool *ret_uses_origin,
                           struct llm_reason *why);

// The parts of it, for the validator: a library that every plugin may need; a search path with nothing but $ORIGIN and what lies below
// it; a name that linkers define in every object.
bool llm_rules_is_common_library(llm_str name);
bool llm_rules_is_below_origin(llm_str path);
bool llm_rules_is_linker_name(llm_str name);

#endif
