// SPDX-License-Identifier: MIT
// Reading a script: members by table, errors with their place.
#ifndef LLM_SIM_PARSE_H
#define LLM_SIM_PARSE_H

#include "host_text.h"
#include "sim_reply.h"

struct llm_sim_fixtures;

struct llm_sim_parse {
    llm_str text;     // the whole script: places are counted in it
    const char *name; // its file
    struct host_pool *pool;
    const struct llm_sim_fixtures *fixtures; // nullable
    llm_error *err;                          // nullable
};

// A member of an object, and who reads it into target.
struct llm_sim_member {
    const char *name;
    llm_status (*read)(struct llm_sim_parse *parse, void *target, llm_str value);
};

// Write "FILE:LINE:COLUMN: message" and give LLM_E_CONFIG; at is a slice of the script.
llm_status llm_sim_parse_bad(const struct llm_sim_parse *parse, llm_str at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
llm_status llm_sim_parse_nomem(const struct llm_sim_parse *parse);

// Walk an object; a member that the table does not know is an error that names those it does.
llm_status llm_sim_parse_object(struct llm_sim_parse *parse, llm_str object,
                                const struct llm_sim_member *table, size_t n, void *target);

llm_status llm_sim_parse_string(struct llm_sim_parse *parse, llm_str value, llm_str *ret);
llm_status llm_sim_parse_bool(struct llm_sim_parse *parse, llm_str value, bool *ret);
llm_status llm_sim_parse_integer(struct llm_sim_parse *parse, llm_str value, int64_t min, int64_t max,
                                 int64_t *ret);

// A reply object into *reply; *ret_echo: it answers with the request.  Its memory comes from the pool.
llm_status llm_sim_parse_reply(struct llm_sim_parse *parse, llm_str value, struct llm_sim_reply *reply,
                               bool *ret_echo);

#endif
