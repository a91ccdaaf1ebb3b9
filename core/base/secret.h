// SPDX-License-Identifier: MIT
// A credential: not printable, not copyable by accident, wiped when it goes.
#ifndef LLM_BASE_SECRET_H
#define LLM_BASE_SECRET_H

#include "base/str.h"

// Zeroed is valid: no secret.
struct llm_secret {
    char *bytes; // private: read it with llm_secret_reveal() where it is sent, nowhere else
    size_t len;
};

// A copy of value without trailing newlines and blanks.
// LLM_E_CONFIG: empty, over LLM_MAX_KEY_BYTES, or a control byte in it (it would break a header).  LLM_E_NOMEM.
llm_status llm_secret_set(struct llm_secret *secret, llm_str value);

static inline bool llm_secret_has(const struct llm_secret *secret) {
    return secret->bytes != NULL;
}

static inline llm_str llm_secret_reveal(const struct llm_secret *secret) {
    return (llm_str){secret->bytes, secret->len};
}

void llm_secret_done(struct llm_secret *secret);

// Overwrite each occurrence of the secret in text[0..len) with '*'; also the begin of it (6 bytes or more) that a cut has left at the
// end.  One of 4 or 5 bytes is looked for only between bytes that are no letters and no digits; a shorter one is not.
// One of 8 bytes or more also where it is written with %XX, \uXXXX or backslashes, in hexadecimal, or inside base64 text, wherever it
// begins there.  Gives how many bytes have become '*'.
size_t llm_secret_redact(const struct llm_secret *secret, char *text, size_t len);

// Overwrite memory in a way that the compiler may not leave out.
void llm_wipe(void *p, size_t n);

#endif
