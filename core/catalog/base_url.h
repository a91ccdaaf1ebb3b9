// SPDX-License-Identifier: MIT
// The URLs that configuration may hold: a small, strict subset of RFC 3986, judged before anything else sees it.
#ifndef LLM_CATALOG_BASE_URL_H
#define LLM_CATALOG_BASE_URL_H

#include "base/str.h"

enum llm_reach {
    LLM_REACH_PUBLIC,
    LLM_REACH_PRIVATE, // RFC 1918, RFC 4193, link-local; a name without a dot, or under .local, .lan, .internal, .home.arpa
    LLM_REACH_LOOPBACK,
};

// Slices of the text.
struct llm_base_url {
    bool is_https;
    llm_str host; // "api.x.ai", "127.0.0.1", "[::1]"
    llm_str port; // digits; absent: the scheme's
    llm_str path; // "" or from '/' on
    enum llm_reach reach;
};

// Judge a base URL: http or https in lower case, a host, a port from 1 to 65535, a path; no user, query, fragment, blank, control or
// non-ASCII byte, backslash, dot segment or trailing '/'.  NULL, or what is wrong (static).
const char *llm_base_url_judge(llm_str url, struct llm_base_url *ret);

// Judge an origin pattern: "https://host[:port]", where the host may begin with "*."; http for this machine only.
// NULL, or what is wrong (static).
const char *llm_origin_judge(llm_str origin);

#endif
