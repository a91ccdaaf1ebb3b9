// SPDX-License-Identifier: MIT
// Messages: roles that a provider does not know are renamed, members that it refuses are left out, attachments put in.
#include "openai_compat.h"

struct edit {
    struct oai_splice *s;
    const llm_job *job;
    const llm_out *out;
    uint64_t said; // rules that a warning was given for; those from the 64th on warn each time
};

static const struct oai_rule *find_rule(const struct edit *e, enum oai_rule_kind kind, llm_str string) {
    for (size_t i = e->job->inst->n_params; i < e->job->inst->n_rules; i++) {
        const struct oai_rule *rule = &e->job->inst->rules[i];
        if (rule->kind == kind && oai_is_str(string, rule->name) && oai_rule_fits(rule, e->job->args)) {
            return rule;
        }
    }
    return NULL;
}

static void say(struct edit *e, const struct oai_rule *rule, const char *code, const char *before,
                llm_str after) {
    char param[80] = "messages[].";
    const size_t at = (size_t)(rule - e->job->inst->rules);
    if (e->out == NULL || e->s->status < 0 || (at < 64 && (e->said >> at & 1) != 0)) {
        return;
    }
    e->said |= at < 64 ? UINT64_C(1) << at : 0;
    const llm_str name = rule->kind == OAI_ROLE ? OAI_LITERAL("role") : rule->name;
    const size_t n = name.len < sizeof param - 11 ? name.len : 0;
    memcpy(param + 11, name.ptr, n);
    e->s->status = oai_warn(e->out, code, (llm_str){param, 11 + n}, before, after);
}

static void edit_value(struct edit *e, const llm_json_iter *it, bool attach) {
    if (oai_is(it->name, "role")) {
        const struct oai_rule *rule = find_rule(e, OAI_ROLE, it->value);
        if (rule != NULL) {
            oai_splice_over(e->s, it->value);
            oai_splice_put(e->s, rule->to);
            say(e, rule, "param_changed", "sent as ", rule->to);
        }
    } else if (attach && oai_is(it->name, "content")) {
        oai_attach_content(e->s, e->job, it->value);
    }
}

// The message at p; gives what follows its last member.
static const char *edit_message(struct edit *e, const char *p, const char *end, bool attach) {
    llm_json_iter it = oai_begin((llm_str){p, (size_t)(end - p)});
    const char *prev = p + 1;
    bool first = true;
    bool gap = false; // the comma behind what was left out is left out too
    while (oai_next(&it)) {
        const struct oai_rule *rule = find_rule(e, OAI_MESSAGE_DROP, it.name);
        if (rule != NULL) {
            oai_splice_to(e->s, prev);
            e->s->from = it.value.ptr + it.value.len;
            gap = first;
            say(e, rule, "param_dropped", "not taken by ", e->job->inst->name);
        } else {
            if (gap) {
                e->s->from = it.name.ptr;
                gap = false;
            }
            first = false;
            edit_value(e, &it, attach);
        }
        prev = it.value.ptr + it.value.len;
    }
    return prev;
}

bool oai_messages_are_edited(const llm_job *job) {
    for (size_t i = job->inst->n_params; i < job->inst->n_rules; i++) {
        if (oai_rule_fits(&job->inst->rules[i], job->args)) {
            return true;
        }
    }
    return false;
}

void oai_messages_edit(struct oai_splice *s, const llm_job *job, llm_str messages, const llm_out *out) {
    struct edit e = {.s = s, .job = job, .out = out};
    const char *end = messages.ptr + messages.len;
    const char *p = messages.ptr + 1;
    if (llm_json_type(messages) != '[') {
        return;
    }
    // By hand and not with llm_json_next, so that each byte is looked at once: prompts are long.
    for (size_t n = 0; (p = memchr(p, '{', (size_t)(end - p))) != NULL; n++) {
        p = edit_message(&e, p, end, job->args->n_attachments > 0 && n == job->attach_at);
        p = memchr(p, '}', (size_t)(end - p));
        if (p == NULL) {
            return;
        }
    }
}
