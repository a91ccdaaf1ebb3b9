// SPDX-License-Identifier: MIT
// The codec for services that speak OpenAI's HTTP format.  What differs between them is data in the provider's file
// (docs/providers.md: paths, params, quirks), read once by config.c.  Reading order: entry.c, encode.c, chat.c, errors.c.
#ifndef OPENAI_COMPAT_H
#define OPENAI_COMPAT_H

#include <stdbool.h>

#include "llm_json.h"
#include "llm_provider.h"

#define OAI_CHOICES_MAX 128u
#define OAI_CALLS_MAX 4096u
#define OAI_BOUNDARY_MAX 24u
#define OAI_HELD_MAX 14u // bytes that may still become <think> or </think>

#define OAI_LITERAL(text)                                                                                    \
    (llm_str) {                                                                                              \
        "" text "", sizeof(text) - 1                                                                         \
    }

enum oai_operation {
    OAI_CHAT,
    OAI_COMPLETIONS,
    OAI_EMBEDDINGS,
    OAI_IMAGE,
    OAI_IMAGE_EDIT,
    OAI_MODELS,
    OAI_MODERATION,
    OAI_OPERATIONS
};

// The operations' names in provider files and in llm_job_args.
extern const char *const oai_operations[OAI_OPERATIONS];

/* ---- the provider's file, read: config.c ----------------------------------------------------------------------- */

// In the order in which they are applied.
enum oai_rule_kind { OAI_RENAME, OAI_DROP, OAI_VALUE, OAI_DEFAULT, OAI_ROLE, OAI_MESSAGE_DROP };

// One thing that is done to a request's members (`params`).  Texts are decoded but where it says raw.
struct oai_rule {
    enum oai_rule_kind kind;
    llm_str match;     // model pattern; absent: every model
    llm_str operation; // absent: every one
    llm_str name;      // of the member; OAI_ROLE: the role
    uint64_t bit;      // oai_bit(name)
    llm_str
        to; // OAI_RENAME: the new name, raw; OAI_VALUE, OAI_ROLE: the new value, raw; OAI_DEFAULT: the value, raw
    llm_str from;     // OAI_VALUE: the string that is replaced
    llm_str new_name; // OAI_RENAME: the new name; OAI_DEFAULT: the name, raw
};

enum oai_tokens { OAI_INSIDE, OAI_OUTSIDE, OAI_GAP };

// One provider.
struct llm_instance {
    const llm_host *host;
    llm_str name;
    llm_str paths[OAI_OPERATIONS]; // absent: the provider has no such operation
    const struct oai_rule *rules;  // sorted by kind
    size_t n_rules;
    size_t n_params;        // those before OAI_ROLE: about members of the request
    size_t n_defaults;      // of kind OAI_DEFAULT: as many members may be added
    llm_str error_rules;    // raw array
    llm_str finish_reasons; // raw object
    llm_str cost_pointer;
    unsigned cost_scale;
    enum oai_tokens reasoning_tokens, audio_tokens;
    bool usage_unasked, think_tags, model_in_path;
    bool edits_by_form; // an image edit with attachments is sent as a form
};

// LLM_E_CONFIG: *message says what is wrong and lives until oai_shutdown().
llm_status LLM_CALL oai_init(const llm_host *host, void **ret);
void LLM_CALL oai_shutdown(void *ctx);
llm_status LLM_CALL oai_instance_new(void *ctx, const llm_instance_args *args, llm_instance **ret,
                                     llm_str *message);
void LLM_CALL oai_instance_free(llm_instance *inst);

/* ---- one call --------------------------------------------------------------------------------------------------- */

// A top-level member of the request on its way out.
struct oai_member {
    llm_str name;     // as it will be called
    llm_str new_name; // raw; absent: as it was
    llm_str value;    // raw: what is sent; its first byte may lie elsewhere than in the request
    bool dropped, added;
};

enum oai_choice_flags {
    OAI_SEEN = 1,     // the answer has this choice
    OAI_FINISHED = 2, // its finish was given
    OAI_PLAIN = 4,    // its reasoning came in a field of its own: reasoning_details would say it again
    OAI_DELTA = 8     // it came in deltas: a cumulative `message` beside them is not read
};

enum oai_think { OAI_THINK_START, OAI_THINK_INSIDE, OAI_THINK_OVER };

struct oai_choice {
    uint8_t flags; // oai_choice_flags
    uint8_t think; // oai_think
    uint8_t n_held;
    char held[OAI_HELD_MAX];
};

struct oai_call {
    uint32_t choice, index;
    uint64_t id_hash; // 0: none
    bool has_args;
    bool is_complete; // it has no id, and its arguments came in one piece
};

// Base64 that comes in pieces of any length.
struct oai_base64 {
    uint32_t bits;
    unsigned n_digits;
};

struct oai_room {
    char *ptr;
    size_t cap;
};

enum oai_slot { OAI_TEXT_ID, OAI_TEXT_NAME, OAI_TEXT_CODE, OAI_TEXT_PARAM, OAI_TEXT_DATA, OAI_TEXT_SLOTS };

struct llm_job {
    llm_instance *inst;
    const llm_job_args *args;
    enum oai_operation operation;
    bool stream;        // the answer is asked for as a stream
    bool usage_is_ours; // include_usage was put in here, not by the caller
    bool is_native;     // the caller's format is this one
    bool has_model, has_id;
    bool has_answer; // anything of an answer was seen
    bool has_finish; // some choice was finished
    bool terminated; // [DONE], or a whole body
    bool no_memory;  // some text could not be kept
    uint32_t n_blobs;
    uint32_t audio_blob; // the stream's audio: index + 1
    struct oai_base64 audio;
    struct oai_choice *choices; // those that the answer may have had: mostly one
    size_t n_choices;
    struct oai_call *calls;
    size_t n_calls, cap_calls;
    struct oai_room texts[OAI_TEXT_SLOTS];
    struct oai_member *members;
    size_t n_members;
    size_t attach_at; // which message gets the attachments
    char *url;        // room for the path with the model in it
    char boundary[OAI_BOUNDARY_MAX];
    size_t boundary_len;
};

// encode.c, params.c
llm_status oai_open(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                    enum oai_operation operation, llm_job **ret);
void LLM_CALL oai_close(llm_job *job);
llm_status LLM_CALL oai_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                               const llm_out *out);
// What `params` does to the members.  out NULL (everywhere here): say nothing of what was dropped or changed.
llm_status oai_params_apply(llm_job *job, const llm_out *out);
llm_status oai_warn(const llm_out *out, const char *code, llm_str param, const char *before, llm_str after);
bool oai_rule_fits(const struct oai_rule *rule, const llm_job_args *args);
// One bit that other names mostly do not have.
uint64_t oai_bit(llm_str name);

// Writes a JSON text again with changes; what stays is handed over in long pieces, as it lies in the original.
struct oai_splice {
    const llm_http_request *req;
    const char *from; // the first byte that was not handed over
    llm_status status;
};
void oai_splice_to(struct oai_splice *s, const char *to);
void oai_splice_put(struct oai_splice *s, llm_str text);
void oai_splice_over(struct oai_splice *s, llm_str old); // leave `old` out
// messages.c: the messages with the roles and members that the rules say, and with the attachments in the user's last one.
// Is there a rule about messages for this job's model?
bool oai_messages_are_edited(const llm_job *job);
void oai_messages_edit(struct oai_splice *s, const llm_job *job, llm_str messages, const llm_out *out);
// attach.c: attachments as JSON.  Is there a place for them, and in which message?
bool oai_attach_place(const llm_job_args *args, enum oai_operation operation, size_t *ret_message);
// Content with the attachments behind it.
void oai_attach_content(struct oai_splice *s, const llm_job *job, llm_str content);
// The images (and mask) of an edit as members.
void oai_attach_images(struct oai_splice *s, const llm_job *job, bool first);

bool oai_attach_is_mask(const llm_attachment *attachment);

// form.c: the request as multipart/form-data.
bool oai_form_is_wanted(const llm_job *job);
// The field with the boundary, once the members are what they will be.  LLM_E_INVALID_REQUEST: there is no boundary that the body
// does not hold.
llm_status oai_form_head(llm_job *job, const llm_http_request *req);
llm_status oai_form_body(const llm_job *job, const llm_http_request *req);

// decode.c
llm_status LLM_CALL oai_data(llm_job *job, const llm_chunk *chunk, const llm_out *out);
llm_status LLM_CALL oai_end(llm_job *job, llm_status transport, const llm_out *out);
llm_status LLM_CALL oai_fail(llm_job *job, const llm_head *head, const llm_bytes *body, llm_fault *fault);
// chat.c: chat and completions
llm_status oai_chat_chunk(llm_job *job, llm_str doc, bool whole, const llm_out *out);
// Was there a finish for every choice that was seen?
bool oai_chat_is_finished(const llm_job *job);
// Give what is still owed for choices without a finish.
llm_status oai_chat_end(llm_job *job, const llm_out *out);
// tools.c
llm_status oai_tool_calls(llm_job *job, llm_str calls, uint32_t choice, bool whole, const llm_out *out);
llm_status oai_function_call(llm_job *job, llm_str function, uint32_t choice, const llm_out *out);
llm_status oai_tools_end(llm_job *job, uint32_t choice, const llm_out *out);
// think.c
llm_status oai_think_text(llm_job *job, llm_str string, uint32_t choice, const llm_out *out);
llm_status oai_think_end(llm_job *job, uint32_t choice, const llm_out *out);
// media.c
llm_status oai_image(llm_job *job, llm_str image, llm_str mime,
                     const llm_out *out); // {"b64_json"|"url"} or a URL
llm_status oai_audio(llm_job *job, llm_str audio, bool whole, const llm_out *out);
llm_status oai_audio_end(llm_job *job, const llm_out *out);
// The decoded bytes of base64 text; writes at most n / 4 * 3 + 3. SIZE_MAX: no base64.
size_t oai_base64_decode(struct oai_base64 *state, const char *p, size_t n, uint8_t *ret);
// What is left in the state: at most 2 bytes.
size_t oai_base64_end(struct oai_base64 *state, uint8_t *ret);

// lists.c: embeddings, images, models, moderation; whole bodies
llm_status oai_list_body(llm_job *job, llm_str doc, const llm_out *out);
llm_status oai_image_event(llm_job *job, llm_str doc, const llm_out *out);

// usage.c.  doc: what the usage stands in; usage may be absent; tier: doc's service_tier; images: -1 or the number produced.
llm_status oai_usage(llm_job *job, llm_str doc, llm_str usage, llm_str tier, int64_t images,
                     const llm_out *out);

// What a failure says; texts are absent when it does not.
struct oai_failure {
    uint32_t status;       // HTTP; 200: inside an answer
    int64_t number;        // a status from 400 to 599 that the body states; 0: none
    llm_str body;          // JSON
    llm_str code, type;    // decoded
    llm_str message;       // decoded
    llm_str inner_message; // of the server behind a gateway, with its escapes
};

// errors.c
// What is wrong with a provider's own rules; NULL: nothing.
const char *oai_error_rules_check(llm_str own);
// Set fault->code (and retry) where something tells more than what is there.
void oai_classify(const llm_job *job, const struct oai_failure *f, llm_fault *fault);
// retry.c: the time to wait that a failure states, in ms, at most a day; 0: none.
uint64_t oai_retry_after(llm_str error, llm_str message);

// fault.c
// Fill *fault from the body of a failure; its texts live in job->texts.  http_status 0: inside a 2xx answer.
void oai_fault_read(llm_job *job, llm_str body, llm_fault *fault);
// Does `error` say that there is one?  Is the whole document one?
bool oai_is_failure(llm_str error);
bool oai_is_failure_body(llm_str doc);
// Report the failure that stands in a 2xx answer, and give its code.
llm_status oai_fault_in_answer(llm_job *job, llm_str body, const llm_out *out);
// Report one of our own.
llm_status oai_fault(const llm_out *out, llm_status code, const char *message, const char *param);

// text.c.  As llm_json_* of the same name.
llm_str oai_get(llm_str object, const char *name);
llm_str oai_at(llm_str array, size_t index);
llm_json_iter oai_begin(llm_str v);
int oai_next(llm_json_iter *it);
bool oai_is(llm_str string, const char *text);
bool oai_is_str(llm_str string, llm_str text);
bool oai_int64(llm_str v, int64_t *ret);
bool oai_decimal(llm_str v, unsigned scale, int64_t *ret);
llm_str oai_plain(llm_str string);
llm_status oai_text(llm_str string, const llm_out *out, uint32_t choice, uint32_t channel);
llm_status oai_decode_to(llm_str string, llm_json_sink sink, void *ctx);
void oai_string(llm_json_writer *w, llm_str text);

bool oai_glob(llm_str pattern, llm_str text, bool fold_case);
bool oai_same(llm_str a, const char *b);
// As llm_json_pick, for names whose lengths are known.
#define OAI_NAME(text)                                                                                       \
    { "" text "", sizeof(text) - 1 }
void oai_pick(llm_str object, const llm_str *names, llm_str *values, size_t n);
// A string decoded: a slice of the document when it has no escapes, else in job->texts[slot].  Absent: no string, or no memory.
llm_str oai_decode(llm_job *job, llm_str string, enum oai_slot slot);
// The same, always in job->texts[slot], so that it lasts.
llm_str oai_keep(llm_job *job, llm_str string, enum oai_slot slot);
// At least size bytes; NULL: no memory.
char *oai_room(llm_job *job, enum oai_slot slot, size_t size);
// A non-empty string?
bool oai_has_text(llm_str v);

#endif
