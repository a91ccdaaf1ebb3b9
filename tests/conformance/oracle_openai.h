// SPDX-License-Identifier: MIT
// A second reading of an answer in OpenAI's format, slow and plain: what a recording holds, in the words of codec_result_text().
#ifndef LLM_TEST_ORACLE_OPENAI_H
#define LLM_TEST_ORACLE_OPENAI_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oracle {
    const char *id, *provider, *operation;
    uint32_t status;
    bool stream;
    cJSON *usage;  // what oracle_read() found: the last usage object, NULL: none
    char tier[32]; // the service tier that stands beside it, unless that is "auto"; "": none
    char *text;    // and all the rest, without the line of the raw usage
};

void oracle_read(struct oracle *o, const char *body, size_t n);
void oracle_done(struct oracle *o);

// The same as the members of a response (docs/response.md) that a recording decides, to be deleted; o->usage and o->text stay empty.
cJSON *oracle_response(struct oracle *o, const char *body);

#endif
