// SPDX-License-Identifier: MIT
// What the files of recraft.so share.
#ifndef RECRAFT_H
#define RECRAFT_H

#include "llm_json.h"
#include "llm_provider.h"

#define TRY(expr)                                                                                            \
    do {                                                                                                     \
        const llm_status try_status_ = (expr);                                                               \
        if (try_status_ < 0) {                                                                               \
            return try_status_;                                                                              \
        }                                                                                                    \
    } while (0)

// What an operation takes from a request besides the members that are passed on as they are.
#define TAKES_MODEL 1u
#define TAKES_PROMPT 2u    // must have one: prompt, or the last user message
#define TAKES_IMAGE 4u     // must have one: image_url
#define TAKES_MASK 8u      // must have one: mask_url
#define TAKES_STYLE_ID 16u // in the path
#define MAY_BE_INPAINT 32u // it is image.inpaint when there is a mask
#define MAKES_VECTORS 64u  // every result is an SVG
#define OUTSIDE_V1 128u    // the path does not lie under /v1

enum recraft_answer {
    ANSWER_IMAGES, // {"data": [IMAGE...]} or {"image": IMAGE}
    ANSWER_JSON,   // `member` of the answer (NULL: all of it) is given as `kind`
    ANSWER_TEXT,   // `member` is a string
    ANSWER_NOTHING,
};

struct recraft_operation {
    const char *name; // of the operation and of the generator
    const char *method, *path;
    unsigned takes;
    const char *files; // the member that takes a list of images; NULL: there is none
    enum recraft_answer answer;
    const char *member, *kind;
};

struct llm_instance {
    const llm_host *host;
    llm_str base_url;
    llm_str billing; // "api", "subscription"; absent: as the account is set
};

struct llm_job {
    const llm_host *host;
    const llm_instance *instance;
    const llm_job_args *args;
    const struct recraft_operation *operation;
    llm_str prompt;        // JSON: a string, or the content of a message; absent: none
    llm_str style_id;      // for the path
    llm_str image, mask;   // JSON strings; absent: none, or in an attachment
    uint32_t image_number; // attachment + 1; 0: none
    uint32_t mask_number;
    int is_repeated; // warnings were given already
    int is_answered;
    char message[768];
    char code[96];
};

// operations.c

// By name ("image.inpaint"); NULL: there is none.
const struct recraft_operation *recraft_operation_find(llm_str name);
// NULL-terminated, one generator an operation, all with the codec that recraft.c exports.
extern const llm_generator *const recraft_generators[];
extern const llm_codec recraft_codec;

// request.c

// Find prompt, image and mask in the request.  LLM_E_INVALID_REQUEST (after out->fault): one that must be there is not.
llm_status recraft_request_read(llm_job *job, const llm_out *out);
// Write the request.  Warnings for what Recraft does not know or cannot do.
llm_status recraft_request_write(const llm_job *job, const llm_http_request *req, const llm_out *out);
// Raw JSON of a top-level member; absent: not there, or null.
llm_str recraft_field(const llm_job_args *args, const char *name);

// images.c

// "image/png" by the first bytes; NULL: unknown.
const char *recraft_mime_of_bytes(llm_bytes bytes);
// The same for base64 text.
const char *recraft_mime_of_base64(llm_str text);
// By the end of the path in a URL; NULL: unknown.
const char *recraft_mime_of_url(llm_str url);
// The address of an image however it is given: "URL", {"url": "URL"}, {"image_url": ...}, [ANY, ...].  Absent: none.
llm_str recraft_image_address(llm_str value);
// The last user message's content, a string or a list of parts; absent: none.
llm_str recraft_last_user_content(llm_str messages);
// The first part of that kind ("text", "image_url") in a content; absent: none.
llm_str recraft_content_part(llm_str content, const char *kind);

// answer.c

// The whole body of a 2xx answer.
llm_status recraft_answer_read(llm_job *job, llm_bytes body, const llm_out *out);
// Fill a fault from the body of a failure.
void recraft_fault_read(llm_job *job, llm_str body, llm_fault *fault);

static inline llm_str recraft_str(const char *text) {
    return (llm_str){text, strlen(text)};
}

static inline int recraft_is(llm_str a, const char *b) {
    return a.len == strlen(b) && (a.len == 0 || memcmp(a.ptr, b, a.len) == 0);
}

#endif
