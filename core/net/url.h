// SPDX-License-Identifier: MIT
// What the core must know of a URL: is it one, where does it go.
#ifndef LLM_NET_URL_H
#define LLM_NET_URL_H

#include "base/arena.h"
#include "base/str.h"

struct llm_url {
    llm_str
        origin; // "https://api.example.com" or with ":8443" where the port is not the scheme's own; lower case
    llm_str host; // without brackets
    bool https;
    bool loopback; // localhost, 127.0.0.0/8, ::1
};

// text: http or https, absolute, at most LLM_MAX_URL_BYTES, no user information, no control byte or blank.  Strings go to arena.
// LLM_E_INVALID_REQUEST with the reason; LLM_E_NOMEM.
llm_status llm_url_parse(llm_str text, struct llm_arena *arena, struct llm_url *ret, llm_error *err);

// Does the host of a URL that starts with http:// lie on this machine?  Cheap, for base URLs that were judged before.
bool llm_url_is_loopback(llm_str url);

struct sockaddr;
// Is it an address of the public internet (no loopback, private, link-local, shared, mapped or reserved one)?
bool llm_address_is_public(const struct sockaddr *address);

#endif
