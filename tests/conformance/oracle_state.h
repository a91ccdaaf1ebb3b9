// SPDX-License-Identifier: MIT
// What the second reading finds, before it is written down: shared by its two ways of writing.
#ifndef LLM_TEST_ORACLE_STATE_H
#define LLM_TEST_ORACLE_STATE_H

#include "oracle_openai.h"

#define CHOICES 8
#define CALLS 32

struct text {
    char *p; // NULL: empty
    size_t n;
};

struct call {
    bool used;
    struct text id, name, args;
};

struct choice {
    bool used;
    struct text parts[3]; // content, reasoning, refusal
    struct call calls[CALLS];
    char *finish, *native;
};

struct state {
    struct oracle *o;
    struct choice choices[CHOICES];
    char *model, *id;
    cJSON *error; // the document that holds a failure
    bool done;
};

// Counts; -1: not reported.  pico_usd: the cost that the answer states.
struct oracle_counts {
    double in, out, read, write, reasoning, audio_in, audio_out, image_in, image_out, images, pico_usd;
};

// Texts lie in the document, NULL where there is none; status 0: none but that of the answer.
struct oracle_failure {
    const char *name, *message, *code, *param;
    char digits[32];
    double status;
};

// An answer of chat or completions whose status is good.
void oracle_chat_read(struct state *s, const char *body, size_t n);
void oracle_state_done(struct state *s);
// Did the answer come to its end?
bool oracle_is_whole(const struct state *s);
// The common word for how a choice ended.
const char *oracle_finish(const struct choice *c);
// images: -1 or their number.
void oracle_count(const struct oracle *o, double images, struct oracle_counts *ret);
void oracle_fail(const cJSON *doc, double http_status, struct oracle_failure *ret);
// The text of the array behind the next "name" from `from` on, to be freed; *ret_end: its last byte.  NULL: there is none.
char *oracle_array(const char *from, const char *name, const char **ret_end);
// Little-endian floats in base64 as text between commas, to be freed; NULL: none.
char *oracle_floats(const char *base64);

#endif
