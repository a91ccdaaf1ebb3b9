// SPDX-License-Identifier: MIT
// What a recorded exchange must not tell: keys, and what names an account, a person or a single request.  Text keeps its length: '*' for
// every byte.
#ifndef LLM_CLI_REDACTION_H
#define LLM_CLI_REDACTION_H

#include "cli.h"

#define REDACTION_MAX_WORDS 128u    // --redact, and ids that headers told
#define REDACTION_MAX_HEADERS 64u   // --keep-header
#define REDACTION_WORD_BYTES_MIN 4u // shorter ones would be found everywhere

struct redaction {
    struct cli *cli; // its master knows the keys
    llm_str words[REDACTION_MAX_WORDS];
    size_t n_words;
    llm_str kept[REDACTION_MAX_HEADERS];
    size_t n_kept;
    bool failed; // an id found no room
};

enum redaction_header {
    REDACTION_SHOWN,  // name and value
    REDACTION_HIDDEN, // the value is "***"
    REDACTION_LEFT,   // not even the name belongs into the list: credentials, cookies
    REDACTION_WIRE,   // of the connection, not of the exchange: left out without a word
};
enum redaction_header redaction_header(const struct redaction *redaction, llm_str name);

// Remember the ids that headers tell (accounts, projects, requests, sessions): they are looked for everywhere.  Borrowed.
void redaction_learn(struct redaction *redaction, const llm_exchange_record *exchange);

// Overwrite keys, words, secret parameters of URLs and credentials in text; failure: of an answer that refuses, also keys that a server
// has masked in part.
void redaction_apply(struct redaction *redaction, char *text, size_t len, bool failure);

// Is a key or a word in it?  CLI_OK: no.  CLI_FAILED: yes, or out of memory; it was said.
int redaction_check(const struct redaction *redaction, const char *name, llm_str text);

#endif
