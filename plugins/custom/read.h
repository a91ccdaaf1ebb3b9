// SPDX-License-Identifier: MIT
// Reading a description: each kind of object is a table of its members, and whatever is not in the table is an error.
#ifndef CUSTOM_READ_H
#define CUSTOM_READ_H

#include "custom.h"

// Where a placeholder stands decides what it may use.
#define MAY_USE_SUBMIT 1u
#define MAY_USE_ITEM 2u
#define MAY_USE_FILES 4u
#define MAY_USE_POLL 8u

struct reader {
    struct arena *arena;
    char *message; // MESSAGE_MAX bytes
    char at[256];  // where we are
    size_t at_len;
    unsigned allowed;            // MAY_USE_*
    struct operation *operation; // the one that is read
};

// For "%.*s".
#define SHORT(s) (int)((s).len < 60 ? (s).len : 60), (s).ptr

// LLM_E_CONFIG; the message begins with where we are.
llm_status custom_wrong(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Go down to a member or element; what it gives is given to custom_up().
size_t custom_down(struct reader *r, llm_str name);
size_t custom_down_number(struct reader *r, size_t number);
void custom_up(struct reader *r, size_t before);

// Read v into *ret; `more` is what the kind needs to know.  LLM_E_CONFIG, LLM_E_NOMEM.
typedef llm_status (*read_fn)(struct reader *r, llm_str v, void *ret, const void *more);

// A member of an object.  A table of them ends with one without name.
struct entry {
    const char *name;
    read_fn read;
    const void *more;
    size_t offset;
    bool is_required;
    unsigned allows; // MAY_USE_*, added below it
};
#define ENTRY(T, member, name, ...)                                                                          \
    { name, __VA_ARGS__, offsetof(T, member), false, 0 }
#define REQUIRED(T, member, name, ...)                                                                       \
    { name, __VA_ARGS__, offsetof(T, member), true, 0 }
#define END_OF_ENTRIES                                                                                       \
    { NULL, NULL, NULL, 0, false, 0 }

// What a list or a map is made of.
struct items {
    read_fn read;
    const void *more;
    size_t size;
    size_t offset;       // map: of the value, behind the name
    const char *example; // map: for the message
};

// more: the entries.
llm_status custom_read_object(struct reader *r, llm_str v, void *ret, const void *more);
// An array of them, or one alone -> {T *list; size_t n}.  more: struct items.
llm_status custom_read_list(struct reader *r, llm_str v, void *ret, const void *more);
// An object of them; T begins with its name (llm_str, NUL-terminated).  more: struct items.
llm_status custom_read_map(struct reader *r, llm_str v, void *ret, const void *more);
llm_status custom_read_string(struct reader *r, llm_str v, void *ret,
                              const void *more); // llm_str, NUL-terminated
llm_status custom_read_bool(struct reader *r, llm_str v, void *ret, const void *more);
llm_status custom_read_count(struct reader *r, llm_str v, void *ret, const void *more); // int64_t above 0
llm_status custom_read_usd(struct reader *r, llm_str v, void *ret, const void *more);   // int64_t pico-USD
llm_status custom_read_word(struct reader *r, llm_str v, void *ret,
                            const void *more); // int32_t: its place in the list `more`, from 1
llm_status custom_read_path(struct reader *r, llm_str v, void *ret, const void *more); // struct path
llm_status custom_read_text(struct reader *r, llm_str v, void *ret, const void *more); // struct text
llm_status custom_read_node(struct reader *r, llm_str v, void *ret, const void *more); // struct node

llm_status custom_path_read(struct reader *r, llm_str text, struct path *ret);

#endif
