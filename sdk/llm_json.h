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

#if defined(__SSE2__) && defined(__GNUC__)
#include <emmintrin.h>
#endif

#include "llm_provider.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- judging ------------------------------------------------------------------------------------------------- */

/* Is text one JSON value by RFC 8259: strict grammar, valid UTF-8, at most depth_max levels of nesting, nothing behind it but blanks?
 * 1 yes; 0 no, and *ret_at (nullable) is the offset of the first byte that is wrong (the length: it ends too early).
 * depth_max above LLM_JSON_DEPTH_MAX counts as that.  Names that stand twice are legal, so is half a surrogate pair as \u escape. */
#define LLM_JSON_DEPTH_MAX 1024u
static inline int llm_json_check(llm_str text, unsigned depth_max, size_t *ret_at);

/* What llm_json_judge() found. */
#define LLM_JSON_VALID 0
#define LLM_JSON_BAD_END 1    /* the text ends too early */
#define LLM_JSON_BAD_SYNTAX 2 /* a byte that cannot stand here */
#define LLM_JSON_BAD_BYTE 3   /* a control byte inside a string */
#define LLM_JSON_BAD_ESCAPE 4 /* no escape of JSON behind a backslash */
#define LLM_JSON_BAD_UTF8 5   /* no UTF-8 */
#define LLM_JSON_BAD_NUMBER 6 /* a digit is missing */
#define LLM_JSON_BAD_DEPTH 7  /* nested too deep */
#define LLM_JSON_BAD_TAIL 8   /* something behind the value */

/* As llm_json_check(), to any depth: `levels` points to (depth_max + 63) / 64 words of scratch memory.  LLM_JSON_VALID or
 * LLM_JSON_BAD_*. */
static inline int llm_json_judge(llm_str text, unsigned depth_max, uint64_t *levels, size_t *ret_at);
/* The same for one value at the start of text, which may go on behind it: *ret_at is then where it does. */
static inline int llm_json_judge_value(llm_str text, unsigned depth_max, uint64_t *levels, size_t *ret_at);
/* A few words for people: "a byte that cannot stand here".  Static. */
static inline const char *llm_json_bad_text(int bad);

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
static inline int llm_json_is_str(llm_str string, llm_str text);

/* 1 and *ret, or 0 and *ret untouched.  int64: no fraction, no exponent but 1.0 and 1e3 that are whole; it must fit. */
static inline int llm_json_int64(llm_str v, int64_t *ret);
static inline int llm_json_bool(llm_str v, int *ret);
/* A decimal number as an integer of 10^-scale: llm_json_decimal("0.0123", 12, &x) -> 12,300,000,000.  Digits past the scale are cut
 * off; exponents are understood; it must fit. */
static inline int llm_json_decimal(llm_str v, unsigned scale, int64_t *ret);
/* A double, correctly rounded enough for vectors (relative error below 1e-15), whatever the locale.  0 also when it is too large. */
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

/* Decode a string into a sink, in few pieces, each of whole characters. LLM_E_PROTOCOL: v is no string. */
static inline llm_status llm_json_decode_to(llm_str string, llm_json_sink sink, void *ctx);

/* Decode a string straight into out->text; nothing when it is absent, null or empty.  LLM_E_PROTOCOL: another type. */
static inline llm_status llm_json_text(llm_str string, const llm_out *out, uint32_t choice, uint32_t channel);

/* ---- writing ---------------------------------------------------------------------------------------------------- */

typedef struct llm_json_writer {
    llm_json_sink sink;
    void *ctx;
    llm_status
        status; /* the first failure of the sink; then nothing more is written.  Check it once, at the end. */
    uint32_t depth; /* private */
    uint64_t comma; /* private: one bit a level */
    int after_name; /* private */
} llm_json_writer;

static inline llm_json_writer llm_json_writer_to(llm_json_sink sink, void *ctx);
static inline void llm_json_object(llm_json_writer *w);     /* {  at most 63 levels, else LLM_E_LIMIT */
static inline void llm_json_object_end(llm_json_writer *w); /* }  */
static inline void llm_json_array(llm_json_writer *w);      /* [  */
static inline void llm_json_array_end(llm_json_writer *w);  /* ]  */
static inline void llm_json_name(llm_json_writer *w, const char *name); /* "name": */
static inline void llm_json_name_str(llm_json_writer *w, llm_str name); /* decoded text */
static inline void llm_json_name_raw(llm_json_writer *w,
                                     llm_str name); /* with its quotes, as llm_json_iter gives it */
static inline void llm_json_raw(llm_json_writer *w, llm_str value); /* a JSON value as it is; absent: null */
static inline void llm_json_string(llm_json_writer *w,
                                   llm_str text); /* text, escaped; absent: null; bad UTF-8 -> U+FFFD */
static inline void llm_json_cstring(llm_json_writer *w, const char *text);
static inline void llm_json_integer(llm_json_writer *w, int64_t value);
static inline void llm_json_boolean(llm_json_writer *w, int value);
static inline void llm_json_null(llm_json_writer *w);
/* The start, more and the end of a string that comes in pieces (text is escaped; a piece may end inside a character only with raw = 1,
 * which copies bytes that need no escaping, such as base64). */
static inline void llm_json_string_begin(llm_json_writer *w);
static inline void llm_json_string_piece(llm_json_writer *w, const char *p, size_t n, int raw);
static inline void llm_json_string_end(llm_json_writer *w);

/* ---- text ------------------------------------------------------------------------------------------------------- */

/* The length of the UTF-8 character (RFC 3629) at p, of which n > 0 bytes are there, and *ret_valid 1; or 0 and the number of bytes
 * that one U+FFFD stands for. */
static inline size_t llm_json_utf8_len(const char *p, size_t n, int *ret_valid);

/* ================================================================================================================== *
 * What follows is how it is done; names that end in _ are private.                                                    *
 * ================================================================================================================== */

static inline llm_str llm_json_slice_(const char *p, const char *end) {
    llm_str s;
    s.ptr = p;
    s.len = p != NULL ? (size_t)(end - p) : 0;
    return s;
}

/* Behind the last byte; NULL for an absent text (which may not be added to). */
static inline const char *llm_json_end_(llm_str s) {
    return s.ptr != NULL ? s.ptr + s.len : s.ptr;
}

static inline const char *llm_json_blanks_(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    return p;
}

static inline int llm_json_digit_(char c) {
    return c >= '0' && c <= '9';
}

#define LLM_JSON_ONES_ UINT64_C(0x0101010101010101)
#define LLM_JSON_TOPS_ UINT64_C(0x8080808080808080)

/* The first byte in [p, end) that is '"' or '\\'. */
static inline const char *llm_json_quote_(const char *p, const char *end) {
#if defined(__SSE2__) && defined(__GNUC__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    while (end - p >= 16) {
        const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        const int hit = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, slash)));
        if (hit != 0) {
            return p + __builtin_ctz((unsigned)hit);
        }
        p += 16;
    }
#else
    while (end - p >= 8) {
        uint64_t x, q, s;
        memcpy(&x, p, 8);
        q = x ^ (LLM_JSON_ONES_ * '"');
        s = x ^ (LLM_JSON_ONES_ * '\\');
        if ((((q - LLM_JSON_ONES_) & ~q) | ((s - LLM_JSON_ONES_) & ~s)) & LLM_JSON_TOPS_) {
            break;
        }
        p += 8;
    }
#endif
    while (p < end && *p != '"' && *p != '\\') {
        p++;
    }
    return p;
}

/* The first byte in [p, end) that is '"', '\\', below 0x20 or above 0x7f. */
static inline const char *llm_json_odd_(const char *p, const char *end) {
#if defined(__SSE2__) && defined(__GNUC__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
    while (end - p >= 16) {
        const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        const __m128i odd =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, slash)),
                         _mm_cmplt_epi8(x, space)); /* signed: bytes above 0x7f are negative */
        const int hit = _mm_movemask_epi8(odd);
        if (hit != 0) {
            return p + __builtin_ctz((unsigned)hit);
        }
        p += 16;
    }
#else
    while (end - p >= 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        if (((((x ^ (LLM_JSON_ONES_ * '"')) - LLM_JSON_ONES_) |
              ((x ^ (LLM_JSON_ONES_ * '\\')) - LLM_JSON_ONES_) | (x - LLM_JSON_ONES_ * 0x20) | x) &
             LLM_JSON_TOPS_) != 0) {
            break;
        }
        p += 8;
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80) {
        p++;
    }
    return p;
}

static inline size_t llm_json_utf8_len(const char *p, size_t n, int *ret_valid) {
    const unsigned char *b = (const unsigned char *)p;
    size_t want, i;
    unsigned char low = 0x80, high = 0xbf; /* what the second byte may be */
    if (n >= 3 && b[0] > 0xe0 && b[0] < 0xf0 && b[0] != 0xed && (b[1] & 0xc0) == 0x80 &&
        (b[2] & 0xc0) == 0x80) {
        *ret_valid = 1; /* most of the world's characters: no special case among these */
        return 3;
    }
    *ret_valid = b[0] < 0x80;
    if (b[0] < 0xc2 || b[0] > 0xf4) {
        return 1;
    }
    want = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
    if (b[0] == 0xe0) {
        low = 0xa0;
    } else if (b[0] == 0xed) {
        high = 0x9f;
    } else if (b[0] == 0xf0) {
        low = 0x90;
    } else if (b[0] == 0xf4) {
        high = 0x8f;
    }
    for (i = 1; i < want; i++) {
        if (i == n || b[i] < low || b[i] > high) {
            return i;
        }
        low = 0x80;
        high = 0xbf;
    }
    *ret_valid = 1;
    return want;
}

/* ---- judging: each function gets a byte and gives the one behind what it judged, or sets *bad and gives the wrong byte ---- */

static inline const char *llm_json_judge_escape_(const char *p, const char *end, int *bad) {
    int i;
    if (++p == end) {
        *bad = LLM_JSON_BAD_END;
        return p;
    }
    switch (*p) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return p + 1;
    case 'u': break;
    default: *bad = LLM_JSON_BAD_ESCAPE; return p;
    }
    p++;
    for (i = 0; i < 4; i++, p++) {
        if (p == end) {
            *bad = LLM_JSON_BAD_END;
            return p;
        }
        if (!llm_json_digit_(*p) && !((*p | 0x20) >= 'a' && (*p | 0x20) <= 'f')) {
            *bad = LLM_JSON_BAD_ESCAPE;
            return p;
        }
    }
    return p;
}

static inline const char *llm_json_judge_string_(const char *p, const char *end, int *bad) {
    for (p++;;) {
        int valid;
        p = llm_json_odd_(p, end);
        if (p == end) {
            *bad = LLM_JSON_BAD_END;
            return p;
        }
        if (*p == '"') {
            return p + 1;
        }
        if (*p == '\\') {
            p = llm_json_judge_escape_(p, end, bad);
            if (*bad != 0) {
                return p;
            }
            continue;
        }
        if ((unsigned char)*p < 0x20) {
            *bad = LLM_JSON_BAD_BYTE;
            return p;
        }
        do {
            const size_t n = llm_json_utf8_len(p, (size_t)(end - p), &valid);
            if (!valid) {
                *bad = LLM_JSON_BAD_UTF8;
                return p;
            }
            p += n;
        } while (p < end && (unsigned char)*p >= 0x80);
    }
}

static inline const char *llm_json_judge_digits_(const char *p, const char *end, int *bad) {
    if (p == end || !llm_json_digit_(*p)) {
        *bad = p == end ? LLM_JSON_BAD_END : LLM_JSON_BAD_NUMBER;
        return p;
    }
    while (p < end && llm_json_digit_(*p)) {
        p++;
    }
    return p;
}

static inline const char *llm_json_judge_number_(const char *p, const char *end, int *bad) {
    if (*p == '-') {
        p++;
    }
    if (p < end && *p == '0') {
        p++;
    } else {
        p = llm_json_judge_digits_(p, end, bad);
    }
    if (*bad == 0 && p < end && *p == '.') {
        p = llm_json_judge_digits_(p + 1, end, bad);
    }
    if (*bad == 0 && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) {
            p++;
        }
        p = llm_json_judge_digits_(p, end, bad);
    }
    return p;
}

static inline const char *llm_json_judge_word_(const char *p, const char *end, const char *word, int *bad) {
    for (; *word != '\0'; word++, p++) {
        if (p == end || *p != *word) {
            *bad = p == end ? LLM_JSON_BAD_END : LLM_JSON_BAD_SYNTAX;
            return p;
        }
    }
    return p;
}

/* Anything but an object or array. */
static inline const char *llm_json_judge_scalar_(const char *p, const char *end, int *bad) {
    switch (*p) {
    case '"': return llm_json_judge_string_(p, end, bad);
    case 't': return llm_json_judge_word_(p, end, "true", bad);
    case 'f': return llm_json_judge_word_(p, end, "false", bad);
    case 'n': return llm_json_judge_word_(p, end, "null", bad);
    default: break;
    }
    if (*p == '-' || llm_json_digit_(*p)) {
        return llm_json_judge_number_(p, end, bad);
    }
    *bad = LLM_JSON_BAD_SYNTAX;
    return p;
}

/* "name" : and the blanks around them. */
static inline const char *llm_json_judge_name_(const char *p, const char *end, int *bad) {
    p = llm_json_blanks_(p, end);
    if (p < end && *p == '"') {
        p = llm_json_judge_string_(p, end, bad);
        if (*bad != 0) {
            return p;
        }
        p = llm_json_blanks_(p, end);
        if (p < end && *p == ':') {
            return p + 1;
        }
    }
    *bad = p == end ? LLM_JSON_BAD_END : LLM_JSON_BAD_SYNTAX;
    return p;
}

/* One value; bit n of levels: level n is an object. */
static inline const char *llm_json_judge_(const char *p, const char *end, unsigned depth_max,
                                          uint64_t *levels, int *bad) {
    unsigned depth = 0;
    int is_object = 0;
    for (;;) {
        p = llm_json_blanks_(p, end);
        if (p == end) {
            *bad = LLM_JSON_BAD_END;
            return p;
        }
        if (*p == '{' || *p == '[') {
            if (depth == depth_max) {
                *bad = LLM_JSON_BAD_DEPTH;
                return p;
            }
            is_object = *p == '{';
            if (depth % 64 == 0) {
                levels[depth / 64] = 0; /* a word is first used at its first bit */
            }
            levels[depth / 64] &= ~(UINT64_C(1) << (depth % 64));
            levels[depth / 64] |= (uint64_t)is_object << (depth % 64);
            depth++;
            p = llm_json_blanks_(p + 1, end);
            if (p == end || *p != (is_object ? '}' : ']')) {
                if (is_object) {
                    p = llm_json_judge_name_(p, end, bad);
                    if (*bad != 0) {
                        return p;
                    }
                }
                continue;
            }
        } else {
            p = llm_json_judge_scalar_(p, end, bad);
            if (*bad != 0) {
                return p;
            }
        }
        /* Behind a value: whatever closes here, then a comma. */
        for (;;) {
            if (depth == 0) {
                return p;
            }
            p = llm_json_blanks_(p, end);
            if (p == end || (*p != ',' && *p != (is_object ? '}' : ']'))) {
                *bad = p == end ? LLM_JSON_BAD_END : LLM_JSON_BAD_SYNTAX;
                return p;
            }
            if (*p++ == ',') {
                break;
            }
            depth--;
            is_object = depth > 0 && (levels[(depth - 1) / 64] >> ((depth - 1) % 64) & 1) != 0;
        }
        if (is_object) {
            p = llm_json_judge_name_(p, end, bad);
            if (*bad != 0) {
                return p;
            }
        }
    }
}

static inline int llm_json_judge_value(llm_str text, unsigned depth_max, uint64_t *levels, size_t *ret_at) {
    int bad = 0;
    const char *at = text.ptr;
    if (text.ptr == NULL) {
        bad = LLM_JSON_BAD_END;
    } else {
        at = llm_json_judge_(text.ptr, text.ptr + text.len, depth_max, levels, &bad);
    }
    if (ret_at != NULL) {
        *ret_at = text.ptr != NULL ? (size_t)(at - text.ptr) : 0;
    }
    return bad;
}

static inline int llm_json_judge(llm_str text, unsigned depth_max, uint64_t *levels, size_t *ret_at) {
    size_t at;
    int bad = llm_json_judge_value(text, depth_max, levels, &at);
    if (bad == 0) {
        at = (size_t)(llm_json_blanks_(text.ptr + at, text.ptr + text.len) - text.ptr);
        bad = at < text.len ? LLM_JSON_BAD_TAIL : 0;
    }
    if (ret_at != NULL) {
        *ret_at = at;
    }
    return bad;
}

static inline int llm_json_check(llm_str text, unsigned depth_max, size_t *ret_at) {
    uint64_t levels[LLM_JSON_DEPTH_MAX / 64];
    size_t at;
    if (llm_json_judge(text, depth_max < LLM_JSON_DEPTH_MAX ? depth_max : LLM_JSON_DEPTH_MAX, levels, &at) ==
        0) {
        return 1;
    }
    if (ret_at != NULL) {
        *ret_at = at;
    }
    return 0;
}

static inline const char *llm_json_bad_text(int bad) {
    switch (bad) {
    case LLM_JSON_VALID: return "valid";
    case LLM_JSON_BAD_END: return "the text ends too early";
    case LLM_JSON_BAD_BYTE: return "a control byte in a string (it must be escaped)";
    case LLM_JSON_BAD_ESCAPE: return "no escape of JSON";
    case LLM_JSON_BAD_UTF8: return "no valid UTF-8";
    case LLM_JSON_BAD_NUMBER: return "a digit is missing";
    case LLM_JSON_BAD_DEPTH: return "nested too deep";
    case LLM_JSON_BAD_TAIL: return "something behind the JSON value";
    default: return "a byte that cannot stand here";
    }
}

/* ---- reading: NULL means "no value here" ---- */

/* Behind the string whose opening quote is at p. */
static inline const char *llm_json_skip_string_(const char *p, const char *end) {
    for (p++;;) {
        p = llm_json_quote_(p, end);
        if (p == end) {
            return NULL;
        }
        if (*p == '"') {
            return p + 1;
        }
        if (end - p < 2) {
            return NULL;
        }
        p += 2;
    }
}

/* Behind the object or array that opens at p.  In valid JSON brackets match, so that counting them is enough. */
static inline const char *llm_json_skip_nest_(const char *p, const char *end) {
    size_t depth = 0;
    while (p < end) {
        const char c = *p;
        if (c == '"') {
            p = llm_json_skip_string_(p, end);
            if (p == NULL) {
                return NULL;
            }
            continue;
        }
        p++;
        if ((c | 0x20) == '{') { /* '[' too */
            depth++;
        } else if ((c | 0x20) == '}') { /* ']' too */
            if (--depth == 0) {
                return p;
            }
        }
    }
    return NULL;
}

static inline const char *llm_json_skip_(const char *p, const char *end) {
    if (p >= end) {
        return NULL;
    }
    switch (*p) {
    case '"': return llm_json_skip_string_(p, end);
    case '{':
    case '[': return llm_json_skip_nest_(p, end);
    case '-':
    case 't':
    case 'f':
    case 'n': break;
    default:
        if (!llm_json_digit_(*p)) {
            return NULL;
        }
    }
    while (p < end && (llm_json_digit_(*p) || (*p | 0x20) >= 'a' || *p == '.' || *p == '-' || *p == '+')) {
        if (*p == '{' || *p == '}' || *p == '[' || *p == ']') {
            break;
        }
        p++;
    }
    return p;
}

static inline char llm_json_type(llm_str v) {
    const char *end = llm_json_end_(v);
    const char *p = llm_json_blanks_(v.ptr, end);
    if (p == end) {
        return 0;
    }
    switch (*p) {
    case '{':
    case '[':
    case '"':
    case 'n':
    case 't':
    case 'f': return *p;
    case '-': return '0';
    default: return llm_json_digit_(*p) ? '0' : '\0';
    }
}

static inline llm_str llm_json_value(llm_str text) {
    const char *p, *end;
    if (text.ptr == NULL) {
        return text;
    }
    p = llm_json_blanks_(text.ptr, text.ptr + text.len);
    end = llm_json_skip_(p, text.ptr + text.len);
    return end != NULL ? llm_json_slice_(p, end) : llm_json_slice_(NULL, NULL);
}

static inline llm_json_iter llm_json_begin(llm_str v) {
    llm_json_iter it;
    const char *end = llm_json_end_(v);
    const char *p = llm_json_blanks_(v.ptr, end);
    it.name = it.value = llm_json_slice_(NULL, NULL);
    it.is_object = p < end && *p == '{';
    it.at = p < end && (*p == '{' || *p == '[') ? p + 1 : end;
    it.end = end;
    return it;
}

static inline int llm_json_next(llm_json_iter *it) {
    const char *end = it->end;
    const char *p = llm_json_blanks_(it->at, end);
    const char *after;
    if (p < end && *p == ',') {
        p = llm_json_blanks_(p + 1, end);
    }
    it->at = end; /* unless all goes well, the walk is over */
    if (it->is_object) {
        if (p >= end || *p != '"') {
            return 0;
        }
        after = llm_json_skip_string_(p, end);
        if (after == NULL) {
            return 0;
        }
        it->name = llm_json_slice_(p, after);
        p = llm_json_blanks_(after, end);
        if (p == end || *p != ':') {
            return 0;
        }
        p = llm_json_blanks_(p + 1, end);
    }
    after = llm_json_skip_(p, end);
    if (after == NULL) {
        return 0;
    }
    it->value = llm_json_slice_(p, after);
    it->at = after;
    return 1;
}

static inline size_t llm_json_count(llm_str v) {
    llm_json_iter it = llm_json_begin(v);
    size_t n = 0;
    while (llm_json_next(&it)) {
        n++;
    }
    return n;
}

/* What stands between the quotes; absent: no string. */
static inline llm_str llm_json_inner_(llm_str v) {
    const char *p, *end;
    if (v.ptr == NULL) {
        return v;
    }
    end = v.ptr + v.len;
    p = llm_json_blanks_(v.ptr, end);
    while (end > p && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\t')) {
        end--;
    }
    return end - p >= 2 && *p == '"' && end[-1] == '"' ? llm_json_slice_(p + 1, end - 1)
                                                       : llm_json_slice_(NULL, NULL);
}

static inline int llm_json_hex4_(const char *p, const char *end, uint32_t *ret) {
    uint32_t value = 0;
    int i;
    if (end - p < 4) {
        return 0;
    }
    for (i = 0; i < 4; i++) {
        const char c = p[i], lower = (char)(c | 0x20);
        if (llm_json_digit_(c)) {
            value = value * 16 + (uint32_t)(c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            value = value * 16 + (uint32_t)(lower - 'a') + 10;
        } else {
            return 0;
        }
    }
    *ret = value;
    return 1;
}

static inline size_t llm_json_put_utf8_(uint32_t c, char *out) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Decode the escape whose backslash is at *p into out (4 bytes) and go behind it. */
static inline size_t llm_json_escape_(const char **p, const char *end, char *out) {
    const char *at = *p + 1;
    uint32_t c = 0xfffd, low;
    const char kind = at < end ? *at++ : 'u';
    *p = at;
    switch (kind) {
    case 'b': out[0] = '\b'; return 1;
    case 'f': out[0] = '\f'; return 1;
    case 'n': out[0] = '\n'; return 1;
    case 'r': out[0] = '\r'; return 1;
    case 't': out[0] = '\t'; return 1;
    case 'u': break;
    default: out[0] = kind; return 1;
    }
    if (!llm_json_hex4_(at, end, &c)) {
        return llm_json_put_utf8_(0xfffd, out);
    }
    *p = at += 4;
    if (c >= 0xd800 && c < 0xe000) {
        if (c < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
            llm_json_hex4_(at + 2, end, &low) && low >= 0xdc00 && low < 0xe000) {
            *p = at + 6;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        } else {
            c = 0xfffd;
        }
    }
    return llm_json_put_utf8_(c, out);
}

/* Is the string between these quotes, decoded, this text?  pointer: ~0 and ~1 in text stand for '~' and '/'. */
static inline int llm_json_same_slow_(llm_str inner, const char *text, size_t n, int pointer) {
    const char *p = inner.ptr, *end = inner.ptr + inner.len, *t = text, *t_end = text + n;
    while (p < end) {
        char out[4];
        size_t i, len = 1;
        if (*p == '\\') {
            len = llm_json_escape_(&p, end, out);
        } else {
            out[0] = *p++;
        }
        for (i = 0; i < len; i++) {
            char c;
            if (t == t_end) {
                return 0;
            }
            c = *t++;
            if (pointer && c == '~' && t < t_end) {
                c = *t++ == '1' ? '/' : '~';
            }
            if (c != out[i]) {
                return 0;
            }
        }
    }
    return t == t_end;
}

static inline int llm_json_same_(llm_str inner, const char *text, size_t n) {
    if (inner.len > 0 && memchr(inner.ptr, '\\', inner.len) != NULL) {
        return llm_json_same_slow_(inner, text, n, 0);
    }
    return inner.len == n && (n == 0 || memcmp(inner.ptr, text, n) == 0);
}

static inline int llm_json_is_str(llm_str string, llm_str text) {
    const llm_str inner = llm_json_inner_(string);
    return inner.ptr != NULL && text.ptr != NULL && llm_json_same_(inner, text.ptr, text.len);
}

static inline int llm_json_is(llm_str string, const char *text) {
    return text != NULL && llm_json_is_str(string, llm_json_slice_(text, text + strlen(text)));
}

/* A name from the walk: the quotes are there for sure. */
static inline int llm_json_name_is_(llm_str name, const char *text, size_t n) {
    const llm_str inner = llm_json_slice_(name.ptr + 1, name.ptr + name.len - 1);
    /* Most names differ at once, in the first byte. */
    if (n > 0 && inner.len > 0 && inner.ptr[0] != text[0] && inner.ptr[0] != '\\') {
        return 0;
    }
    return llm_json_same_(inner, text, n);
}

static inline llm_str llm_json_get(llm_str object, const char *name) {
    llm_json_iter it = llm_json_begin(object);
    llm_str found = llm_json_slice_(NULL, NULL);
    const size_t n = strlen(name);
    if (!it.is_object) {
        return found;
    }
    while (llm_json_next(&it)) {
        if (llm_json_name_is_(it.name, name, n)) {
            found = it.value;
        }
    }
    return found;
}

static inline llm_str llm_json_at(llm_str array, size_t index) {
    llm_json_iter it = llm_json_begin(array);
    while (!it.is_object && llm_json_next(&it)) {
        if (index-- == 0) {
            return it.value;
        }
    }
    return llm_json_slice_(NULL, NULL);
}

static inline void llm_json_pick(llm_str object, const char *const *names, llm_str *values, size_t n) {
    llm_json_iter it = llm_json_begin(object);
    size_t i;
    for (i = 0; i < n; i++) {
        values[i] = llm_json_slice_(NULL, NULL);
    }
    while (it.is_object && llm_json_next(&it)) {
        for (i = 0; i < n; i++) {
            if ((it.name.ptr[1] == names[i][0] || it.name.ptr[1] == '\\' || names[i][0] == '\0') &&
                llm_json_name_is_(it.name, names[i], strlen(names[i]))) {
                values[i] = it.value;
            }
        }
    }
}

/* A member or element by one token of a JSON Pointer. */
static inline llm_str llm_json_step_(llm_str v, const char *token, size_t n) {
    llm_json_iter it = llm_json_begin(v);
    llm_str found = llm_json_slice_(NULL, NULL);
    if (it.is_object) {
        while (llm_json_next(&it)) {
            const llm_str inner = llm_json_slice_(it.name.ptr + 1, it.name.ptr + it.name.len - 1);
            if (llm_json_same_slow_(inner, token, n, 1)) {
                found = it.value;
            }
        }
        return found;
    }
    if (n > 0 && n <= 9 && (n == 1 || token[0] != '0')) {
        size_t index = 0, i;
        for (i = 0; i < n; i++) {
            if (!llm_json_digit_(token[i])) {
                return found;
            }
            index = index * 10 + (size_t)(token[i] - '0');
        }
        return llm_json_at(v, index);
    }
    return found;
}

static inline llm_str llm_json_pointer(llm_str doc, llm_str pointer) {
    llm_str v = llm_json_value(doc);
    const char *p = pointer.ptr, *end = llm_json_end_(pointer);
    while (v.ptr != NULL && p < end) {
        const char *stop;
        if (*p != '/') {
            return llm_json_slice_(NULL, NULL);
        }
        p++;
        stop = p < end ? (const char *)memchr(p, '/', (size_t)(end - p)) : end;
        stop = stop != NULL ? stop : end;
        v = llm_json_step_(v, p, (size_t)(stop - p));
        p = stop;
    }
    return v;
}

/* ---- numbers: digits * 10^exponent ---- */

typedef struct llm_json_number_ {
    const char *digits, *end; /* the digits, with perhaps a point among them */
    int64_t count;            /* how many digits */
    int64_t exponent;
    int negative;
} llm_json_number_;

static inline int llm_json_read_number_(llm_str v, llm_json_number_ *n) {
    const char *p, *end, *after;
    int bad = 0, negative_exponent = 0;
    int64_t exponent = 0;
    if (llm_json_type(v) != '0') {
        return 0;
    }
    end = v.ptr + v.len;
    p = llm_json_blanks_(v.ptr, end);
    after = llm_json_judge_number_(p, end, &bad);
    if (bad != 0 || llm_json_blanks_(after, end) != end) {
        return 0;
    }
    n->negative = *p == '-';
    n->digits = p += n->negative;
    n->count = n->exponent = 0;
    for (; p < after && llm_json_digit_(*p); p++) {
        n->count++;
    }
    if (p < after && *p == '.') {
        for (p++; p < after && llm_json_digit_(*p); p++) {
            n->count++;
            n->exponent--;
        }
    }
    n->end = p;
    if (p < after) { /* e or E */
        negative_exponent = *++p == '-';
        p += *p == '-' || *p == '+';
        for (; p < after; p++) {
            exponent = exponent < INT64_C(100000000000000000) ? exponent * 10 + (*p - '0') : exponent;
        }
    }
    n->exponent += negative_exponent ? -exponent : exponent;
    return 1;
}

static inline int llm_json_scaled_(llm_str v, unsigned scale, int exact, int64_t *ret) {
    llm_json_number_ n;
    uint64_t value = 0, max;
    int64_t shift, kept, i = 0;
    const char *p;
    if (!llm_json_read_number_(v, &n)) {
        return 0;
    }
    max = (uint64_t)INT64_MAX + (n.negative ? 1u : 0u);
    shift = n.exponent + (int64_t)scale;
    kept = shift < 0 ? n.count + shift : n.count;
    for (p = n.digits; p < n.end; p++) {
        uint64_t digit;
        if (*p == '.') {
            continue;
        }
        digit = (uint64_t)(*p - '0');
        if (i++ < kept) {
            if (value > (max - digit) / 10) {
                return 0;
            }
            value = value * 10 + digit;
        } else if (exact && digit != 0) {
            return 0;
        }
    }
    for (; shift > 0 && value != 0; shift--) {
        if (value > max / 10) {
            return 0;
        }
        value *= 10;
    }
    *ret = n.negative ? (int64_t)(0 - value) : (int64_t)value;
    return 1;
}

static inline int llm_json_int64(llm_str v, int64_t *ret) {
    return llm_json_scaled_(v, 0, 1, ret);
}

static inline int llm_json_decimal(llm_str v, unsigned scale, int64_t *ret) {
    return llm_json_scaled_(v, scale, 0, ret);
}

static inline int llm_json_bool(llm_str v, int *ret) {
    const llm_str word = llm_json_value(v);
    if (word.len == 4 && memcmp(word.ptr, "true", 4) == 0) {
        *ret = 1;
        return 1;
    }
    if (word.len == 5 && memcmp(word.ptr, "false", 5) == 0) {
        *ret = 0;
        return 1;
    }
    return 0;
}

/* The upper half of a * b. */
static inline uint64_t llm_json_mul_high_(uint64_t a, uint64_t b) {
    const uint64_t a_low = a & 0xffffffffu, a_high = a >> 32, b_low = b & 0xffffffffu, b_high = b >> 32;
    const uint64_t low = a_low * b_low, mid = a_high * b_low + (low >> 32),
                   mid2 = a_low * b_high + (mid & 0xffffffffu);
    return a_high * b_high + (mid >> 32) + (mid2 >> 32);
}

/* mantissa * 10^exponent as the bits of a binary64; 0: too large.  mantissa > 0, exponent from -511 to 511. */
static inline int llm_json_binary_(uint64_t mantissa, int exponent, uint64_t *ret_bits) {
    /* 10^(2^k) and 10^-(2^k) as m * 2^e with the top bit of m set. */
    static const uint64_t m[2][9] = {
        {UINT64_C(0xa000000000000000), UINT64_C(0xc800000000000000), UINT64_C(0x9c40000000000000),
         UINT64_C(0xbebc200000000000), UINT64_C(0x8e1bc9bf04000000), UINT64_C(0x9dc5ada82b70b59e),
         UINT64_C(0xc2781f49ffcfa6d5), UINT64_C(0x93ba47c980e98ce0), UINT64_C(0xaa7eebfb9df9de8e)},
        {UINT64_C(0xcccccccccccccccd), UINT64_C(0xa3d70a3d70a3d70a), UINT64_C(0xd1b71758e219652c),
         UINT64_C(0xabcc77118461cefd), UINT64_C(0xe69594bec44de15b), UINT64_C(0xcfb11ead453994ba),
         UINT64_C(0xa87fea27a539e9a5), UINT64_C(0xddd0467c64bce4a1), UINT64_C(0xc0314325637a193a)}};
    static const int e[2][9] = {{-60, -57, -50, -37, -10, 43, 149, 362, 787},
                                {-67, -70, -77, -90, -117, -170, -276, -489, -914}};
    const int sign = exponent < 0, magnitude = sign ? -exponent : exponent;
    int two = 0, k, shift;
    while ((mantissa >> 63) == 0) {
        mantissa <<= 1;
        two--;
    }
    for (k = 0; k < 9; k++) {
        if ((magnitude >> k & 1) != 0) {
            mantissa = llm_json_mul_high_(mantissa, m[sign][k]);
            two += e[sign][k] + 64;
            if ((mantissa >> 63) == 0) {
                mantissa <<= 1;
                two--;
            }
        }
    }
    two += 63; /* now the value is 1.xxx * 2^two */
    shift = two >= -1022 ? 11 : 11 - 1022 - two;
    if (two > 1023 || shift > 63) {
        *ret_bits = 0;
        return two <= 1023;
    }
    /* A carry out of the mantissa lands in the exponent, where it belongs. */
    *ret_bits = (two >= -1022 ? (uint64_t)(two + 1022) << 52 : 0) + (mantissa >> shift) +
                (mantissa >> (shift - 1) & 1);
    return *ret_bits < UINT64_C(0x7ff0000000000000);
}

static inline int llm_json_double(llm_str v, double *ret) {
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    llm_json_number_ n;
    uint64_t mantissa = 0, bits;
    int64_t exponent;
    double value = 0;
    const char *p;
    if (!llm_json_read_number_(v, &n)) {
        return 0;
    }
    exponent = n.exponent;
    for (p = n.digits; p < n.end; p++) {
        if (*p == '.') {
            continue;
        }
        if (mantissa < UINT64_C(1000000000000000000)) {
            mantissa = mantissa * 10 + (uint64_t)(*p - '0');
        } else {
            exponent++; /* a digit past the nineteenth */
        }
    }
    if (mantissa == 0 || exponent < -400) {
        value = 0;
    } else if (exponent > 400) {
        return 0;
    } else if (mantissa <= UINT64_C(9007199254740992) && exponent >= -22 && exponent <= 22) {
        value = exponent < 0 ? (double)mantissa / tens[-exponent] : (double)mantissa * tens[exponent];
    } else {
        if (!llm_json_binary_(mantissa, (int)exponent, &bits)) {
            return 0;
        }
        memcpy(&value, &bits, sizeof value);
    }
    *ret = n.negative ? -value : value;
    return 1;
}

/* ---- strings ---- */

static inline llm_str llm_json_plain(llm_str string) {
    const llm_str inner = llm_json_inner_(string);
    if (inner.len > 0 && memchr(inner.ptr, '\\', inner.len) != NULL) {
        return llm_json_slice_(NULL, NULL);
    }
    return inner;
}

/* The next decoded piece of [*p, end): a run of the text itself, or an escape in out.  *p < end. */
static inline llm_str llm_json_piece_(const char **p, const char *end, char *out) {
    const char *start = *p, *stop;
    if (*start == '\\') {
        const size_t n = llm_json_escape_(p, end, out);
        return llm_json_slice_(out, out + n);
    }
    stop = (const char *)memchr(start, '\\', (size_t)(end - start));
    *p = stop != NULL ? stop : end;
    return llm_json_slice_(start, *p);
}

static inline size_t llm_json_decode(llm_str string, char *buf, size_t cap) {
    const llm_str inner = llm_json_inner_(string);
    const char *p = inner.ptr, *end = llm_json_end_(inner);
    size_t len = 0;
    if (inner.ptr == NULL) {
        return SIZE_MAX;
    }
    while (p < end) {
        char out[4];
        llm_str piece = llm_json_piece_(&p, end, out);
        const int cut = piece.len > cap - len;
        if (cut) {
            for (piece.len = cap - len; piece.len > 0 && ((unsigned char)piece.ptr[piece.len] & 0xc0) == 0x80;
                 piece.len--) {
            }
        }
        if (piece.len > 0) {
            memcpy(buf + len, piece.ptr, piece.len);
            len += piece.len;
        }
        if (cut) {
            break;
        }
    }
    return len;
}

static inline size_t llm_json_decoded_len(llm_str string) {
    const llm_str inner = llm_json_inner_(string);
    const char *p = inner.ptr, *end = llm_json_end_(inner);
    size_t len = 0;
    while (inner.ptr != NULL && p < end) {
        char out[4];
        len += llm_json_piece_(&p, end, out).len;
    }
    return len;
}

/* Gathers short pieces, so that the sink is not called for each escape. */
typedef struct llm_json_gather_ {
    llm_json_sink sink;
    void *ctx;
    llm_status status;
    size_t n;
    char buf[1024];
} llm_json_gather_;

static inline void llm_json_flush_(llm_json_gather_ *g) {
    if (g->n > 0 && g->status >= 0) {
        g->status = g->sink(g->ctx, g->buf, g->n);
    }
    g->n = 0;
}

static inline void llm_json_gather_put_(llm_json_gather_ *g, const char *p, size_t n) {
    if (n > sizeof g->buf - g->n) {
        llm_json_flush_(g);
    }
    if (n <= sizeof g->buf / 2) {
        memcpy(g->buf + g->n, p, n);
        g->n += n;
        return;
    }
    llm_json_flush_(g);
    if (g->status >= 0) {
        g->status = g->sink(g->ctx, p, n);
    }
}

static inline llm_status llm_json_decode_to(llm_str string, llm_json_sink sink, void *ctx) {
    const llm_str inner = llm_json_inner_(string);
    const char *p = inner.ptr, *end = llm_json_end_(inner);
    llm_json_gather_ g;
    if (inner.ptr == NULL) {
        return LLM_E_PROTOCOL;
    }
    g.sink = sink;
    g.ctx = ctx;
    g.status = LLM_OK;
    g.n = 0;
    while (p < end && g.status >= 0) {
        char out[4];
        const llm_str piece = llm_json_piece_(&p, end, out);
        if (p == end && g.n == 0) { /* nothing to join it with */
            g.status = sink(ctx, piece.ptr, piece.len);
            break;
        }
        llm_json_gather_put_(&g, piece.ptr, piece.len);
    }
    llm_json_flush_(&g);
    return g.status < 0 ? g.status : LLM_OK;
}

typedef struct llm_json_text_ {
    const llm_out *out;
    uint32_t choice, channel;
} llm_json_text_;

static inline llm_status LLM_CALL llm_json_text_sink_(void *ctx, const void *p, size_t n) {
    const llm_json_text_ *t = (const llm_json_text_ *)ctx;
    return t->out->text(t->out->ctx, t->choice, t->channel, (const char *)p, n);
}

static inline llm_status llm_json_text(llm_str string, const llm_out *out, uint32_t choice,
                                       uint32_t channel) {
    llm_json_text_ t;
    const char type = llm_json_type(string);
    if (type == 0 || type == 'n') {
        return LLM_OK;
    }
    t.out = out;
    t.choice = choice;
    t.channel = channel;
    return llm_json_decode_to(string, llm_json_text_sink_, &t);
}

/* ---- writing ---- */

static inline void llm_json_write_(llm_json_writer *w, const char *p, size_t n) {
    if (w->status >= 0 && n > 0) {
        const llm_status status = w->sink(w->ctx, p, n);
        if (status < 0) {
            w->status = status;
        }
    }
}

/* A comma where one is due, put into lead: its length. */
static inline size_t llm_json_comma_(llm_json_writer *w, char *lead) {
    const uint64_t bit = UINT64_C(1) << (w->depth & 63);
    if (w->after_name) {
        w->after_name = 0;
        return 0;
    }
    if ((w->comma & bit) == 0) {
        w->comma |= bit;
        return 0;
    }
    *lead = ',';
    return 1;
}

/* A short value. */
static inline void llm_json_token_(llm_json_writer *w, const char *p, size_t n) {
    char buf[32];
    const size_t lead = llm_json_comma_(w, buf);
    memcpy(buf + lead, p, n);
    llm_json_write_(w, buf, lead + n);
}

static inline void llm_json_open_(llm_json_writer *w, char bracket) {
    llm_json_token_(w, &bracket, 1);
    if (w->depth >= 63) {
        w->status = w->status < 0 ? w->status : LLM_E_LIMIT;
        return;
    }
    w->depth++;
    w->comma &= ~(UINT64_C(1) << w->depth);
}

static inline void llm_json_close_(llm_json_writer *w, char bracket) {
    if (w->depth == 0) {
        w->status = w->status < 0 ? w->status : LLM_E_INTERNAL;
        return;
    }
    w->depth--;
    w->after_name = 0;
    llm_json_write_(w, &bracket, 1);
}

static inline llm_json_writer llm_json_writer_to(llm_json_sink sink, void *ctx) {
    llm_json_writer w;
    w.sink = sink;
    w.ctx = ctx;
    w.status = LLM_OK;
    w.depth = 0;
    w.comma = 0;
    w.after_name = 0;
    return w;
}

static inline void llm_json_object(llm_json_writer *w) {
    llm_json_open_(w, '{');
}

static inline void llm_json_object_end(llm_json_writer *w) {
    llm_json_close_(w, '}');
}

static inline void llm_json_array(llm_json_writer *w) {
    llm_json_open_(w, '[');
}

static inline void llm_json_array_end(llm_json_writer *w) {
    llm_json_close_(w, ']');
}

static inline size_t llm_json_escaped_(unsigned char c, char *out) {
    static const char hex[] = "0123456789abcdef";
    out[0] = '\\';
    switch (c) {
    case '"': out[1] = '"'; return 2;
    case '\\': out[1] = '\\'; return 2;
    case '\b': out[1] = 'b'; return 2;
    case '\f': out[1] = 'f'; return 2;
    case '\n': out[1] = 'n'; return 2;
    case '\r': out[1] = 'r'; return 2;
    case '\t': out[1] = 't'; return 2;
    default: break;
    }
    memcpy(out + 1, "u00", 3);
    out[4] = hex[c >> 4];
    out[5] = hex[c & 15];
    return 6;
}

/* Text, escaped, without quotes. */
static inline void llm_json_escape_to_(llm_json_gather_ *g, const char *p, const char *end) {
    while (p < end) {
        const char *run = p;
        char out[6];
        int valid = 1;
        size_t n = 0;
        for (;;) {
            p = llm_json_odd_(p, end);
            if (p == end || (unsigned char)*p < 0x80) {
                break;
            }
            n = llm_json_utf8_len(p, (size_t)(end - p), &valid);
            if (!valid) {
                break;
            }
            p += n;
        }
        if (p > run) {
            llm_json_gather_put_(g, run, (size_t)(p - run));
        }
        if (p == end) {
            return;
        }
        if (valid) {
            llm_json_gather_put_(g, out, llm_json_escaped_((unsigned char)*p++, out));
        } else {
            llm_json_gather_put_(g, "\xef\xbf\xbd", 3);
            p += n;
        }
    }
}

static inline void llm_json_gather_to_(llm_json_gather_ *g, llm_json_writer *w) {
    g->sink = w->sink;
    g->ctx = w->ctx;
    g->status = w->status;
    g->n = 0;
}

static inline void llm_json_gather_end_(llm_json_gather_ *g, llm_json_writer *w) {
    llm_json_flush_(g);
    w->status = g->status < 0 ? g->status : w->status;
}

/* A comma where due, the text in quotes, and what follows (at most 1 byte). */
static inline void llm_json_quoted_(llm_json_writer *w, const char *p, size_t n, const char *tail) {
    llm_json_gather_ g;
    llm_json_gather_to_(&g, w);
    g.n = llm_json_comma_(w, g.buf);
    g.buf[g.n++] = '"';
    llm_json_escape_to_(&g, p, p + n);
    llm_json_gather_put_(&g, "\"", 1);
    llm_json_gather_put_(&g, tail, strlen(tail));
    llm_json_gather_end_(&g, w);
}

static inline void llm_json_name_str(llm_json_writer *w, llm_str name) {
    llm_json_quoted_(w, name.ptr != NULL ? name.ptr : "", name.len, ":");
    w->after_name = 1;
}

static inline void llm_json_name(llm_json_writer *w, const char *name) {
    llm_json_name_str(w, llm_json_slice_(name, name + strlen(name)));
}

static inline void llm_json_name_raw(llm_json_writer *w, llm_str name) {
    char lead;
    if (llm_json_comma_(w, &lead) != 0) {
        llm_json_write_(w, ",", 1);
    }
    llm_json_write_(w, name.ptr, name.len);
    llm_json_write_(w, ":", 1);
    w->after_name = 1;
}

static inline void llm_json_null(llm_json_writer *w) {
    llm_json_token_(w, "null", 4);
}

static inline void llm_json_raw(llm_json_writer *w, llm_str value) {
    char lead;
    if (value.ptr == NULL || value.len == 0) {
        llm_json_null(w);
        return;
    }
    if (llm_json_comma_(w, &lead) != 0) {
        llm_json_write_(w, ",", 1);
    }
    llm_json_write_(w, value.ptr, value.len); /* on its own: the host may refer to it instead of copying */
}

static inline void llm_json_string(llm_json_writer *w, llm_str text) {
    if (text.ptr == NULL) {
        llm_json_null(w);
        return;
    }
    llm_json_quoted_(w, text.ptr, text.len, "");
}

static inline void llm_json_cstring(llm_json_writer *w, const char *text) {
    llm_json_string(w, llm_json_slice_(text, text != NULL ? text + strlen(text) : NULL));
}

static inline void llm_json_integer(llm_json_writer *w, int64_t value) {
    char buf[24];
    size_t at = sizeof buf;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        buf[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) {
        buf[--at] = '-';
    }
    llm_json_token_(w, buf + at, sizeof buf - at);
}

static inline void llm_json_boolean(llm_json_writer *w, int value) {
    llm_json_token_(w, value ? "true" : "false", value ? 4 : 5);
}

static inline void llm_json_string_begin(llm_json_writer *w) {
    llm_json_token_(w, "\"", 1);
}

static inline void llm_json_string_piece(llm_json_writer *w, const char *p, size_t n, int raw) {
    llm_json_gather_ g;
    if (raw) {
        llm_json_write_(w, p, n);
        return;
    }
    llm_json_gather_to_(&g, w);
    llm_json_escape_to_(&g, p, p + n);
    llm_json_gather_end_(&g, w);
}

static inline void llm_json_string_end(llm_json_writer *w) {
    llm_json_write_(w, "\"", 1);
}

#ifdef __cplusplus
}
#endif
#endif /* LLM_JSON_H */
