// SPDX-License-Identifier: MIT
#include "plugin/reason.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

#undef llm_refuse // the analyzer's view of it

llm_status llm_refuse(struct llm_reason *why, const char *format, ...) {
    char line[sizeof why->text + 64];
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    const size_t n = len < 0 ? 0 : (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
    llm_error_text(why->text, sizeof why->text, (llm_str){line, n});
    return LLM_E_DENIED;
}
