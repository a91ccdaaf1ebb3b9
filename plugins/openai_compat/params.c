// SPDX-License-Identifier: MIT
// What a provider's `params` do to the members of a request: rename, drop, values, defaults, in this order.
#include "openai_compat.h"

bool oai_rule_fits(const struct oai_rule *rule, const llm_job_args *args) {
    if (rule->match.ptr != NULL && !oai_glob(rule->match, args->model, false)) {
        return false;
    }
    return rule->operation.ptr == NULL ||
           (rule->operation.len == args->operation.len &&
            memcmp(rule->operation.ptr, args->operation.ptr, rule->operation.len) == 0);
}

uint64_t oai_bit(llm_str name) {
    const unsigned char *c = (const unsigned char *)name.ptr;
    return name.len == 0 ? 1 : UINT64_C(1) << ((c[0] + c[name.len - 1] * 5u + name.len * 11) % 64);
}

static uint64_t bits_of_members(const llm_job *job) {
    uint64_t bits = 0;
    for (size_t i = 0; i < job->n_members; i++) {
        bits |= oai_bit(job->members[i].name);
    }
    return bits;
}

static struct oai_member *find(llm_job *job, llm_str name) {
    for (size_t i = 0; i < job->n_members; i++) {
        struct oai_member *m = &job->members[i];
        if (!m->dropped && m->name.len == name.len && memcmp(m->name.ptr, name.ptr, name.len) == 0) {
            return m;
        }
    }
    return NULL;
}

llm_status oai_warn(const llm_out *out, const char *code, llm_str param, const char *before, llm_str after) {
    char text[160];
    if (out == NULL) {
        return LLM_OK;
    }
    const size_t n = strlen(before);
    const size_t m = after.len < sizeof text - n ? after.len : 0; // a name as long as that is left out
    memcpy(text, before, n);
    if (m > 0) {
        memcpy(text + n, after.ptr, m);
    }
    return out->warn(out->ctx, code, strlen(code), param.ptr, param.len, text, n + m);
}

static llm_status rename_member(llm_job *job, const struct oai_rule *rule, struct oai_member *m,
                                const llm_out *out) {
    const llm_str old = m->name;
    if (find(job, rule->new_name) != NULL) {
        m->dropped = true;
        return oai_warn(out, "param_dropped", old, "given together with ", rule->new_name);
    }
    m->name = rule->new_name;
    m->new_name = rule->to;
    return oai_warn(out, "param_renamed", old, "sent as ", rule->new_name);
}

static llm_status change_member(const struct oai_rule *rule, struct oai_member *m, const llm_out *out) {
    if (!oai_is_str(m->value, rule->from)) {
        return LLM_OK;
    }
    m->value = rule->to;
    return oai_warn(out, "param_changed", m->name, "sent as ", rule->to);
}

static llm_status apply(llm_job *job, const struct oai_rule *rule, const llm_out *out) {
    struct oai_member *m = find(job, rule->name);
    out = m != NULL && m->added ? NULL : out; // what the caller did not give was not taken from him
    switch (rule->kind) {
    case OAI_RENAME: return m == NULL ? LLM_OK : rename_member(job, rule, m, out);
    case OAI_DROP:
        if (m == NULL) {
            return LLM_OK;
        }
        m->dropped = true;
        return oai_warn(out, "param_dropped", m->name, "not taken by ", job->inst->name);
    case OAI_VALUE: return m == NULL ? LLM_OK : change_member(rule, m, out);
    case OAI_DEFAULT:
        if (m != NULL && !m->added) {
            return LLM_OK;
        }
        if (m == NULL) { // room for all of them was made in oai_open
            m = &job->members[job->n_members++];
        }
        *m = (struct oai_member){
            .name = rule->name, .new_name = rule->new_name, .value = rule->to, .added = true};
        return LLM_OK;
    default: return LLM_OK; // about messages: messages.c
    }
}

llm_status oai_params_apply(llm_job *job, const llm_out *out) {
    uint64_t bits = bits_of_members(job);
    for (size_t i = 0; i < job->inst->n_params; i++) {
        const struct oai_rule *rule = &job->inst->rules[i];
        // Most rules are about members that the request does not have: that is the cheapest thing to see.
        if (rule->kind != OAI_DEFAULT && ((rule->bit & bits) == 0 || find(job, rule->name) == NULL)) {
            continue;
        }
        if (!oai_rule_fits(rule, job->args)) {
            continue;
        }
        const llm_status status = apply(job, rule, out);
        if (status < 0) {
            return status;
        }
        bits = bits_of_members(job); // it may have another name now, or be new
    }
    return LLM_OK;
}
