// SPDX-License-Identifier: MIT
// The files of a recording, made of a call that is over.
#ifndef LLM_CLI_RECORD_FILES_H
#define LLM_CLI_RECORD_FILES_H

#include "fixture.h"
#include "redaction.h"

struct record_files {
    struct fixture *fixture;
    struct redaction *redaction;
    const llm_response *response;
    const char *operation, *format; // format nullable
    llm_str query;                  // the body that was asked with
    bool stream;
    // what came of it
    size_t n_exchanges;
    int32_t http_status; // of the last one
    size_t answer_bytes;
};

// Put them into the fixture, redacted and checked.  CLI_OK, or CLI_FAILED after saying why.
int record_files(struct record_files *files);

#endif
