// SPDX-License-Identifier: MIT
#include "sim_script.h"

#include "sim_parse.h"

#include <stdio.h>
#include <stdlib.h>

struct header_condition {
    llm_str name, glob; // glob absent: the field must be absent
    struct header_condition *next;
};

struct body_condition {
    llm_str pointer, value; // value: raw JSON; null fits an absent one too
    struct body_condition *next;
};

struct rule {
    llm_str name, method, path, query;
    struct header_condition *headers;
    struct body_condition *body;
    llm_str note; // raw JSON
    uint64_t nth_first, nth_last, every, seen;
    bool echo, has_reply;
    struct llm_sim_reply reply;
};

struct llm_sim_script {
    struct host_pool pool;
    llm_str text; // a copy: conditions are slices of it
    struct rule *rules;
    size_t n_rules;
    bool demo;
    bool counts; // a rule asks for the nth request: all see every request
};

static llm_status read_method(struct llm_sim_parse *parse, void *target, llm_str value) {
    return llm_sim_parse_string(parse, value, &((struct rule *)target)->method);
}

static llm_status read_path(struct llm_sim_parse *parse, void *target, llm_str value) {
    return llm_sim_parse_string(parse, value, &((struct rule *)target)->path);
}

static llm_status read_query(struct llm_sim_parse *parse, void *target, llm_str value) {
    return llm_sim_parse_string(parse, value, &((struct rule *)target)->query);
}

static llm_status read_header(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct rule *rule = target;
    if (llm_json_type(value) != '{') {
        return llm_sim_parse_bad(parse, value, "an object of header globs is expected here");
    }
    llm_json_iter it = llm_json_begin(value);
    while (llm_json_next(&it)) {
        struct header_condition *condition = host_pool_alloc(parse->pool, sizeof *condition);
        if (condition == NULL) {
            return llm_sim_parse_nomem(parse);
        }
        llm_status status = llm_sim_parse_string(parse, it.name, &condition->name);
        if (status == LLM_OK && llm_json_type(it.value) != 'n') {
            status = llm_sim_parse_string(parse, it.value, &condition->glob);
        }
        if (status != LLM_OK) {
            return status;
        }
        condition->next = rule->headers;
        rule->headers = condition;
    }
    return LLM_OK;
}

static llm_status read_body(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct rule *rule = target;
    if (llm_json_type(value) != '{') {
        return llm_sim_parse_bad(parse, value, "an object of JSON pointers and values is expected here");
    }
    llm_json_iter it = llm_json_begin(value);
    while (llm_json_next(&it)) {
        struct body_condition *condition = host_pool_alloc(parse->pool, sizeof *condition);
        if (condition == NULL) {
            return llm_sim_parse_nomem(parse);
        }
        const llm_status status = llm_sim_parse_string(parse, it.name, &condition->pointer);
        if (status != LLM_OK) {
            return status;
        }
        if (condition->pointer.len > 0 && condition->pointer.ptr[0] != '/') {
            return llm_sim_parse_bad(parse, it.name, "a JSON pointer begins with '/'");
        }
        condition->value = it.value;
        condition->next = rule->body;
        rule->body = condition;
    }
    return LLM_OK;
}

static llm_status read_nth(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct rule *rule = target;
    int64_t first = 0, last = INT64_MAX;
    llm_status status;
    if (llm_json_type(value) != '[') {
        status = llm_sim_parse_integer(parse, value, 1, INT64_MAX, &first);
        last = first;
    } else {
        status = llm_sim_parse_integer(parse, llm_json_at(value, 0), 1, INT64_MAX, &first);
        if (status == LLM_OK && llm_json_count(value) > 1 && llm_json_type(llm_json_at(value, 1)) != 'n') {
            status = llm_sim_parse_integer(parse, llm_json_at(value, 1), first, INT64_MAX, &last);
        }
    }
    rule->nth_first = (uint64_t)first;
    rule->nth_last = last == INT64_MAX ? UINT64_MAX : (uint64_t)last;
    return status;
}

static llm_status read_every(struct llm_sim_parse *parse, void *target, llm_str value) {
    int64_t every;
    const llm_status status = llm_sim_parse_integer(parse, value, 1, INT64_MAX, &every);
    if (status == LLM_OK) {
        ((struct rule *)target)->every = (uint64_t)every;
    }
    return status;
}

static llm_status read_match(struct llm_sim_parse *parse, void *target, llm_str value) {
    static const struct llm_sim_member members[] = {
        {"method", read_method}, {"path", read_path}, {"query", read_query}, {"header", read_header},
        {"body", read_body},     {"nth", read_nth},   {"every", read_every},
    };
    return llm_sim_parse_object(parse, value, members, sizeof members / sizeof members[0], target);
}

static llm_status read_name(struct llm_sim_parse *parse, void *target, llm_str value) {
    return llm_sim_parse_string(parse, value, &((struct rule *)target)->name);
}

static llm_status read_note(struct llm_sim_parse *parse, void *target, llm_str value) {
    (void)parse;
    ((struct rule *)target)->note = value;
    return LLM_OK;
}

static llm_status read_reply(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct rule *rule = target;
    rule->has_reply = true;
    return llm_sim_parse_reply(parse, value, &rule->reply, &rule->echo);
}

static llm_status read_rule(struct llm_sim_parse *parse, struct rule *rule, llm_str value, size_t number) {
    static const struct llm_sim_member members[] = {
        {"name", read_name},
        {"match", read_match},
        {"reply", read_reply},
        {"note", read_note},
    };
    rule->nth_first = rule->every = 1;
    rule->nth_last = UINT64_MAX;
    const llm_status status =
        llm_sim_parse_object(parse, value, members, sizeof members / sizeof members[0], rule);
    if (status != LLM_OK) {
        return status;
    }
    if (!rule->has_reply) {
        return llm_sim_parse_bad(parse, value, "the rule has no \"reply\"");
    }
    if (rule->name.ptr == NULL) {
        char name[32];
        snprintf(name, sizeof name, "rule %zu", number);
        rule->name = host_pool_copy(parse->pool, host_str(name));
    }
    return rule->name.ptr == NULL ? llm_sim_parse_nomem(parse) : LLM_OK;
}

// Does it count the requests that fit it?
static bool is_counting(const struct rule *rule) {
    return rule->nth_last != UINT64_MAX || rule->nth_first > 1 || rule->every > 1;
}

static llm_status read_rules(struct llm_sim_parse *parse, void *target, llm_str value) {
    struct llm_sim_script *script = target;
    if (llm_json_type(value) != '[') {
        return llm_sim_parse_bad(parse, value, "a list of rules is expected here");
    }
    const size_t n = llm_json_count(value);
    if (n > LLM_SIM_MAX_RULES) {
        return llm_sim_parse_bad(parse, value, "more than %u rules", LLM_SIM_MAX_RULES);
    }
    script->rules = host_pool_alloc(parse->pool, (n + 1) * sizeof *script->rules);
    if (script->rules == NULL) {
        return llm_sim_parse_nomem(parse);
    }
    llm_json_iter it = llm_json_begin(value);
    while (llm_json_next(&it)) {
        struct rule *rule = &script->rules[script->n_rules++];
        const llm_status status = read_rule(parse, rule, it.value, script->n_rules);
        if (status != LLM_OK) {
            return status;
        }
        script->counts |= is_counting(rule);
    }
    return LLM_OK;
}

static llm_status read_demo(struct llm_sim_parse *parse, void *target, llm_str value) {
    return llm_sim_parse_bool(parse, value, &((struct llm_sim_script *)target)->demo);
}

static llm_status read_script(struct llm_sim_parse *parse, struct llm_sim_script *script) {
    static const struct llm_sim_member members[] = {{"demo", read_demo}, {"rules", read_rules}};
    size_t at;
    if (!llm_json_check(parse->text, 64, &at)) {
        const llm_str place = {parse->text.ptr + at, 0};
        return llm_sim_parse_bad(parse, place, "this is not JSON");
    }
    const llm_str value = llm_json_value(parse->text);
    if (llm_json_type(value) == '[') {
        return read_rules(parse, script, value);
    }
    return llm_sim_parse_object(parse, value, members, sizeof members / sizeof members[0], script);
}

llm_status llm_sim_script_new(llm_str text, const char *name, const struct llm_sim_fixtures *fixtures,
                              struct llm_sim_script **ret_script, llm_error *err) {
    struct llm_sim_script *script = calloc(1, sizeof *script);
    if (script == NULL) {
        return host_fail(err, LLM_E_NOMEM, "%s: out of memory", name);
    }
    struct llm_sim_parse parse = {.name = name, .pool = &script->pool, .fixtures = fixtures, .err = err};
    script->demo = true;
    script->text = host_pool_copy(&script->pool, text);
    parse.text = script->text;
    const llm_status status =
        script->text.ptr == NULL ? llm_sim_parse_nomem(&parse) : read_script(&parse, script);
    if (status != LLM_OK) {
        llm_sim_script_free(script);
        return status;
    }
    *ret_script = script;
    return LLM_OK;
}

void llm_sim_script_free(struct llm_sim_script *script) {
    if (script != NULL) {
        host_pool_done(&script->pool);
        free(script);
    }
}

bool llm_sim_script_demo(const struct llm_sim_script *script) {
    return script->demo;
}

static bool is_same_string(llm_str a, llm_str b) {
    const llm_str plain_a = llm_json_plain(a), plain_b = llm_json_plain(b);
    if (plain_a.ptr != NULL && plain_b.ptr != NULL) {
        return host_same(plain_a, plain_b);
    }
    struct host_text x = {0}, y = {0};
    llm_json_decode_to(a, host_text_sink, &x);
    llm_json_decode_to(b, host_text_sink, &y);
    const bool same = host_same(host_text_str(&x), host_text_str(&y));
    host_text_done(&x);
    host_text_done(&y);
    return same;
}

static bool is_same_value(llm_str got, llm_str want) {
    const char type = llm_json_type(want);
    if (llm_json_type(got) != type) {
        return type == 'n' && got.ptr == NULL;
    }
    if (type == '"') {
        return is_same_string(got, want);
    }
    if (type == '0' || type == 't' || type == 'f' || type == 'n') {
        return host_same(got, want);
    }
    struct host_text x = {0}, y = {0};
    host_text_minified(&x, got);
    host_text_minified(&y, want);
    const bool same = host_same(host_text_str(&x), host_text_str(&y));
    host_text_done(&x);
    host_text_done(&y);
    return same;
}

static bool fits_headers(const struct rule *rule, const struct llm_sim_request *request) {
    for (const struct header_condition *c = rule->headers; c != NULL; c = c->next) {
        bool found = false;
        for (size_t i = 0; i < request->n_headers && !found; i++) {
            found = host_same_name(request->headers[i].name, c->name) &&
                    (c->glob.ptr == NULL || host_glob(c->glob, request->headers[i].value));
        }
        if (found == (c->glob.ptr == NULL)) {
            return false;
        }
    }
    return true;
}

static bool fits_body(const struct rule *rule, const struct llm_sim_request *request) {
    if (rule->body == NULL) {
        return true;
    }
    if (!llm_json_check(request->body, 64, NULL)) {
        return false;
    }
    for (const struct body_condition *c = rule->body; c != NULL; c = c->next) {
        if (!is_same_value(llm_json_pointer(request->body, c->pointer), c->value)) {
            return false;
        }
    }
    return true;
}

static bool fits(const struct rule *rule, const struct llm_sim_request *request) {
    if (rule->method.ptr != NULL && !host_same(rule->method, request->method)) {
        return false;
    }
    if (rule->path.ptr != NULL && !host_glob(rule->path, request->path)) {
        return false;
    }
    if (rule->query.ptr != NULL && !host_glob(rule->query, request->query)) {
        return false;
    }
    return fits_headers(rule, request) && fits_body(rule, request);
}

bool llm_sim_script_match(struct llm_sim_script *script, const struct llm_sim_request *request,
                          struct llm_sim_hit *ret_hit) {
    bool found = false;
    for (size_t i = 0; i < script->n_rules; i++) {
        struct rule *rule = &script->rules[i];
        if ((found && !is_counting(rule)) || !fits(rule, request)) {
            continue;
        }
        rule->seen++;
        if (!found && rule->seen >= rule->nth_first && rule->seen <= rule->nth_last &&
            rule->seen % rule->every == 0) {
            found = true;
            *ret_hit = (struct llm_sim_hit){rule->name, rule->note, rule->echo, &rule->reply};
            if (!script->counts) {
                break;
            }
        }
    }
    return found;
}
