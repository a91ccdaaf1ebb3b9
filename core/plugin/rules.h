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

#endif
