// SPDX-License-Identifier: MIT
// Which header fields may be shown with their values: in the log and in the debug record.  All others are named only.
#ifndef LLM_OBSERVE_HEADERS_H
#define LLM_OBSERVE_HEADERS_H

#include <stdbool.h>

#include "base/str.h"

// NULL-terminated, lower case; a '*' at the end stands for any rest.
extern const char *const llm_shown_headers[];

// name: any case.
bool llm_header_is_shown(llm_str name);

// Parameters of a URL's query that are shown with their values.
bool llm_parameter_is_shown(llm_str name);

// A URL as it may be shown: the values of other parameters, user information and a fragment become "***".  Cut at size - 1.  Gives its length.
size_t llm_url_show(llm_str url, char *text, size_t size);

#endif
