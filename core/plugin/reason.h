// SPDX-License-Identifier: MIT
// Why a plugin is not used: one line that a person can act on - what is wrong, both values, what to do.
#ifndef LLM_PLUGIN_REASON_H
#define LLM_PLUGIN_REASON_H

#include "base/str.h"

struct llm_reason {
    char text[512];
};

// Write the line (cut at a character, control bytes become spaces) and give LLM_E_DENIED.
llm_status llm_refuse(struct llm_reason *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
#ifdef __clang_analyzer__ // it sees one file at a time
#define llm_refuse(why, ...) (llm_refuse(why, __VA_ARGS__), LLM_E_DENIED)
#endif

#endif
