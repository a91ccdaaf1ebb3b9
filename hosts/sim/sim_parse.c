// SPDX-License-Identifier: MIT
#include "sim_parse.h"

#include "sim.h"

#include <stdarg.h>
#include <stdio.h>

llm_status llm_sim_parse_bad(const struct llm_sim_parse *parse, llm_str at, const char *format, ...) {
    char what[384];
    unsigned line, column;
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    host_text_place(parse->text, at.ptr == NULL ? 0 : (size_t)(at.ptr - parse->text.ptr), &line, &column);
    return host_fail(parse->err, LLM_E_CONFIG, "%s:%u:%u: %s", parse->name, line, column, what);
}

llm_status llm_sim_parse_nomem(const struct llm_sim_parse *parse) {
    return host_fail(parse->err, LLM_E_NOMEM, "%s: out of memory", parse->name);
}

static llm_status unknown_member(const struct llm_sim_parse *parse, llm_str name,
                                 const struct llm_sim_member *table, size_t n) {
    struct host_text known = {0};
    for (size_t i = 0; i < n; i++) {
        host_text_text(&known, i == 0 ? "" : " ");
        host_text_text(&known, table[i].name);
    }
    const llm_status status = llm_sim_parse_bad(parse, name, "unknown member %.*s; known here: %.*s",
                                                (int)(name.len < 64 ? name.len : 64), name.ptr,
                                                (int)known.len, known.ptr != NULL ? known.ptr : "");
    host_text_done(&known);
    return status;
}

llm_status llm_sim_parse_object(struct llm_sim_parse *parse, llm_str object,
                                const struct llm_sim_member *table, size_t n, void *target) {
    if (llm_json_type(object) != '{') {
        return llm_sim_parse_bad(parse, object, "an object is expected here");
    }
    llm_json_iter it = llm_json_begin(object);
    while (llm_json_next(&it)) {
        size_t i = 0;
        while (i < n && !llm_json_is(it.name, table[i].name)) {
            i++;
        }
        if (i == n) {
            return unknown_member(parse, it.name, table, n);
        }
        const llm_status status = table[i].read(parse, target, it.value);
        if (status != LLM_OK) {
            return status;
        }
    }
    return LLM_OK;
}

llm_status llm_sim_parse_string(struct llm_sim_parse *parse, llm_str value, llm_str *ret) {
    if (llm_json_type(value) != '"') {
        return llm_sim_parse_bad(parse, value, "a string is expected here");
    }
    *ret = host_pool_decode(parse->pool, value);
    return ret->ptr == NULL ? llm_sim_parse_nomem(parse) : LLM_OK;
}

llm_status llm_sim_parse_bool(struct llm_sim_parse *parse, llm_str value, bool *ret) {
    int yes;
    if (!llm_json_bool(value, &yes)) {
        return llm_sim_parse_bad(parse, value, "true or false is expected here");
    }
    *ret = yes != 0;
    return LLM_OK;
}

llm_status llm_sim_parse_integer(struct llm_sim_parse *parse, llm_str value, int64_t min, int64_t max,
                                 int64_t *ret) {
    int64_t n;
    if (!llm_json_int64(value, &n) || n < min || n > max) {
        return llm_sim_parse_bad(parse, value, "a whole number from %lld to %lld is expected here",
                                 (long long)min, (long long)max);
    }
    *ret = n;
    return LLM_OK;
}
