/* SPDX-License-Identifier: MIT
 *
 * llm_json.h - JSON for codecs, header only: a reader over slices and a writer into a sink.  It allocates nothing, builds no
 * tree, keeps no state, depends on no locale, and never re-prints what it only carries.
 *
 * READING.  A value is a llm_str: the slice of the document that holds it, from its first to its last byte ("abc" with the quotes,
 * {...} with the braces).  An absent value has ptr NULL; every function takes it and answers "absent", so look-ups chain:
 *
 *     llm_str text = llm_json_get(llm_json_get(llm_json_at(llm_json_get(doc, "choices"), 0), "delta"), "content");
 *
 * The functions expect text that is valid JSON; on anything else they stay inside the slice, end, and answer something absent.
 * llm_json_check() judges text of unknown origin.  Names are compared after decoding escapes, letters' case matters.
 *
 * WRITING.  llm_json_writer puts text into a sink (llm_http_request.body fits) and sets commas by itself.
 */
#ifndef LLM_JSON_H
#define LLM_JSON_H

#include <string.h>

#include "llm_provider.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- judging ------------------------------------------------------------------------------------------------- */

/* Is text one JSON value by RFC 8259: strict grammar, valid UTF-8, at most depth_max levels of nesting, nothing behind it but blanks?
 * 1 yes; 0 no, and *ret_at (nullable) is the offset of the first byte that is wrong (the length: it ends too early). */
static inline int llm_json_check(llm_str text, unsigned depth_max, size_t *ret_at);

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* '{' '[' '"' 'n' 't' 'f', '0' for a number, 0 for absent or no value. */
static inline char llm_json_type(llm_str v);

/* The value at the start of text, blanks around it left out; absent: none. */
static inline llm_str llm_json_value(llm_str text);

/* Member of an object (the last one of that name), element of an array. */
static inline llm_str llm_json_get(llm_str object, const char *name);
static inline llm_str llm_json_at(llm_str array, size_t index);

/* RFC 6901: "/choices/0/delta/content"; "" is the document itself. */
static inline llm_str llm_json_pointer(llm_str doc, llm_str pointer);

/* Several members in one pass: values[i] belongs to names[i]; absent where there is none. */
static inline void llm_json_pick(llm_str object, const char *const *names, llm_str *values, size_t n);

/* Walk an object or array:  llm_json_iter it = llm_json_begin(v); while (llm_json_next(&it)) use(it.name, it.value);
 * name: the raw slice with its quotes (absent in an array). */
typedef struct llm_json_iter {
    llm_str name, value;
    const char *at, *end; /* private */
    int is_object;
} llm_json_iter;
static inline llm_json_iter llm_json_begin(llm_str v);
static inline int llm_json_next(llm_json_iter *it);
static inline size_t llm_json_count(llm_str v);

/* Is this a string (or a name from llm_json_iter) equal to text, after decoding? */
static inline int llm_json_is(llm_str string, const char *text);

/* 1 and *ret, or 0 and *ret untouched.  int64: no fraction, no exponent but 1.0 and 1e3 that are whole; it must fit. */
static inline int llm_json_int64(llm_str v, int64_t *ret);
static inline int llm_json_bool(llm_str v, int *ret);
/* A decimal number as an integer of 10^-scale: llm_json_decimal("0.0123", 12, &x) -> 12,300,000,000.  Digits past the scale are cut
 * off; exponents are understood; it must fit. */
static inline int llm_json_decimal(llm_str v, unsigned scale, int64_t *ret);
/* A double, correctly rounded enough for vectors (relative error below 1e-15), whatever the locale. */
static inline int llm_json_double(llm_str v, double *ret);

/* A string without escapes, as a slice of the document; absent when it has escapes or is no string. */
static inline llm_str llm_json_plain(llm_str string);
/* Decode a string into buf: the bytes written (at most cap; cut at a character), or SIZE_MAX when v is no string.  Half a surrogate
 * pair becomes U+FFFD. */
static inline size_t llm_json_decode(llm_str string, char *buf, size_t cap);
/* The decoded length of a string; 0 when it is none. */
static inline size_t llm_json_decoded_len(llm_str string);

/* A place that takes text in pieces; a negative status stops the giver, who returns it. */
typedef llm_status(LLM_CALL *llm_json_sink)(void *ctx, const void *p, size_t n);

/* Decode a string into a sink, in as few pieces as its escapes allow. LLM_E_PROTOCOL: v is no string. */
static inline llm_status llm_json_decode_to(llm_str string, llm_json_sink sink, void *ctx);

/* Decode a string straight into out->text; nothing when it is absent, null or empty. */
static inline llm_status llm_json_text(llm_str string, const llm_out *out, uint32_t choice, uint32_t channel);

/* ---- writing ---------------------------------------------------------------------------------------------------- */

typedef struct llm_json_writer {
    llm_json_sink sink;
    void *ctx;
    llm_status status; /* the first failure of the sink; then nothing more is written.  Check it once, at the end. */
    uint32_t depth;    /* private */
    uint64_t comma;    /* private: one bit a level */
    int after_name;    /* private */
} llm_json_writer;

static inline llm_json_writer llm_json_writer_to(llm_json_sink sink, void *ctx);
static inline void llm_json_object(llm_json_writer *w);     /* {  at most 63 levels */
static inline void llm_json_object_end(llm_json_writer *w); /* } */
static inline void llm_json_array(llm_json_writer *w);      /* [ */
static inline void llm_json_array_end(llm_json_writer *w);  /* ] */
static inline void llm_json_name(llm_json_writer *w, const char *name);   /* "name": */
static inline void llm_json_name_str(llm_json_writer *w, llm_str name);   /* decoded text */
static inline void llm_json_raw(llm_json_writer *w, llm_str value);       /* a JSON value as it is; absent: null */
static inline void llm_json_string(llm_json_writer *w, llm_str text);     /* text, escaped; absent: null; bad UTF-8 -> U+FFFD */
static inline void llm_json_cstring(llm_json_writer *w, const char *text);
static inline void llm_json_integer(llm_json_writer *w, int64_t value);
static inline void llm_json_boolean(llm_json_writer *w, int value);
static inline void llm_json_null(llm_json_writer *w);
/* The start, more and the end of a string that comes in pieces (text is escaped; a piece may end inside a character only with raw = 1,
 * which copies bytes that need no escaping, such as base64). */
static inline void llm_json_string_begin(llm_json_writer *w);
static inline void llm_json_string_piece(llm_json_writer *w, const char *p, size_t n, int raw);
static inline void llm_json_string_end(llm_json_writer *w);

#ifdef __cplusplus
}
#endif
#endif /* LLM_JSON_H */
