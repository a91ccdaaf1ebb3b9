// SPDX-License-Identifier: MIT
// The provider's file, read once: what it says about paths, parameters and quirks.
#include "openai_compat.h"

const char *const oai_operations[OAI_OPERATIONS] = {"chat",       "completions", "embeddings", "image",
                                                    "image.edit", "models",      "moderation"};

static const char *const default_paths[OAI_OPERATIONS] = {
    "/chat/completions", "/completions", "/embeddings", "/images/generations",
    "/images/edits",     "/models",      "/moderations"};

// What a message for people is kept in until shutdown.
struct note {
    struct note *next;
    char text[240];
};

struct plugin {
    const llm_host *host;
    struct note *notes;
};

// Where a file is read from and into.  A first pass only counts (rules is NULL).
struct reader {
    llm_instance *inst;
    struct oai_rule *rules;
    size_t n_rules;
    char *text; // room for texts with escapes
    const char *wrong;
    llm_str what; // the member that `wrong` speaks of
};

llm_status LLM_CALL oai_init(const llm_host *host, void **ret) {
    struct plugin *plugin = host->alloc(host->ctx, NULL, sizeof *plugin);
    if (plugin == NULL) {
        return LLM_E_NOMEM;
    }
    *plugin = (struct plugin){host, NULL};
    *ret = plugin;
    return LLM_OK;
}

void LLM_CALL oai_shutdown(void *ctx) {
    struct plugin *plugin = ctx;
    const llm_host *host = plugin->host;
    while (plugin->notes != NULL) {
        struct note *note = plugin->notes;
        plugin->notes = note->next;
        (void)host->alloc(host->ctx, note, 0);
    }
    (void)host->alloc(host->ctx, plugin, 0);
}

static bool wrong(struct reader *r, llm_str what, const char *why) {
    if (r->wrong == NULL) {
        r->wrong = why;
        r->what = what;
    }
    return false;
}

static llm_str text_of(struct reader *r, llm_str string) {
    const llm_str plain = oai_plain(string);
    if (plain.ptr != NULL || llm_json_type(string) != '"') {
        return plain;
    }
    const size_t len = llm_json_decode(string, r->text, llm_json_decoded_len(string));
    const llm_str text = {r->text, len};
    r->text += len;
    return text;
}

static void add_rule(struct reader *r, const struct oai_rule *scope, struct oai_rule rule) {
    if (r->rules != NULL) {
        rule.match = scope->match;
        rule.operation = scope->operation;
        rule.bit = oai_bit(rule.name);
        r->rules[r->n_rules] = rule;
    }
    r->n_rules++;
}

/* ---- params ----------------------------------------------------------------------------------------------------- */

static bool read_rename(struct reader *r, const struct oai_rule *scope, llm_str v) {
    llm_json_iter it = oai_begin(v);
    while (oai_next(&it)) {
        if (llm_json_type(it.value) != '"') {
            return wrong(r, it.name, "params.rename: the new name must be a string");
        }
        add_rule(r, scope,
                 (struct oai_rule){.kind = OAI_RENAME,
                                   .name = text_of(r, it.name),
                                   .to = it.value,
                                   .new_name = text_of(r, it.value)});
    }
    return true;
}

static bool read_drop(struct reader *r, const struct oai_rule *scope, llm_str v, enum oai_rule_kind kind) {
    llm_json_iter it = oai_begin(v);
    while (oai_next(&it)) {
        if (llm_json_type(it.value) != '"') {
            return wrong(r, it.value, "params.drop: names only");
        }
        add_rule(r, scope, (struct oai_rule){.kind = kind, .name = text_of(r, it.value)});
    }
    return true;
}

static bool read_values(struct reader *r, const struct oai_rule *scope, llm_str v) {
    llm_json_iter member = oai_begin(v);
    while (oai_next(&member)) {
        if (llm_json_type(member.value) != '{') {
            return wrong(r, member.name, "params.values: an object of old to new value is needed");
        }
        const llm_str name = text_of(r, member.name);
        llm_json_iter it = oai_begin(member.value);
        while (oai_next(&it)) {
            add_rule(r, scope,
                     (struct oai_rule){
                         .kind = OAI_VALUE, .name = name, .from = text_of(r, it.name), .to = it.value});
        }
    }
    return true;
}

static bool read_defaults(struct reader *r, const struct oai_rule *scope, llm_str v) {
    llm_json_iter it = oai_begin(v);
    while (oai_next(&it)) {
        add_rule(r, scope,
                 (struct oai_rule){
                     .kind = OAI_DEFAULT, .name = text_of(r, it.name), .to = it.value, .new_name = it.name});
    }
    return true;
}

static bool read_messages(struct reader *r, const struct oai_rule *scope, llm_str v) {
    llm_json_iter it = oai_begin(v);
    while (oai_next(&it)) {
        if (oai_is(it.name, "drop")) {
            if (!read_drop(r, scope, it.value, OAI_MESSAGE_DROP)) {
                return false;
            }
        } else if (oai_is(it.name, "roles")) {
            llm_json_iter role = oai_begin(it.value);
            while (oai_next(&role)) {
                if (llm_json_type(role.value) != '"') {
                    return wrong(r, role.name, "params.messages.roles: the new role must be a string");
                }
                add_rule(
                    r, scope,
                    (struct oai_rule){.kind = OAI_ROLE, .name = text_of(r, role.name), .to = role.value});
            }
        } else {
            return wrong(r, it.name, "params.messages: unknown member");
        }
    }
    return true;
}

static bool read_params(struct reader *r, llm_str params, const struct oai_rule *scope);

// One entry of params.models: for models that fit `match`.
static bool read_scoped(struct reader *r, llm_str entry) {
    const llm_str match = oai_get(entry, "match");
    if (llm_json_type(match) != '"') {
        return wrong(r, entry, "params.models: match is missing");
    }
    const struct oai_rule scope = {.match = text_of(r, match),
                                   .operation = text_of(r, oai_get(entry, "operation"))};
    return read_params(r, entry, &scope);
}

static bool read_params(struct reader *r, llm_str params, const struct oai_rule *scope) {
    static const struct oai_rule everything = {.kind = OAI_RENAME};
    const bool scoped = scope != NULL;
    const struct oai_rule *s = scoped ? scope : &everything;
    llm_json_iter it = oai_begin(params);
    while (oai_next(&it)) {
        bool ok = true;
        if (oai_is(it.name, "rename")) {
            ok = read_rename(r, s, it.value);
        } else if (oai_is(it.name, "drop")) {
            ok = read_drop(r, s, it.value, OAI_DROP);
        } else if (oai_is(it.name, "values")) {
            ok = read_values(r, s, it.value);
        } else if (oai_is(it.name, "defaults")) {
            ok = read_defaults(r, s, it.value);
        } else if (oai_is(it.name, "messages")) {
            ok = read_messages(r, s, it.value);
        } else if (!scoped && oai_is(it.name, "models")) {
            llm_json_iter entry = oai_begin(it.value);
            while (ok && oai_next(&entry)) {
                ok = read_scoped(r, entry.value);
            }
        } else if (!scoped || (!oai_is(it.name, "match") && !oai_is(it.name, "operation"))) {
            ok = wrong(r, it.name, "params: unknown member");
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* ---- quirks ------------------------------------------------------------------------------------------------------- */

// Which of the words is it?
static bool read_word(struct reader *r, const llm_json_iter *it, const char *const *words, int *ret) {
    for (int i = 0; words[i] != NULL; i++) {
        if (oai_is(it->value, words[i])) {
            *ret = i;
            return true;
        }
    }
    return wrong(r, it->name, "quirks: not a value that this quirk has");
}

static bool read_flag(struct reader *r, const llm_json_iter *it, bool *ret) {
    int flag;
    if (!llm_json_bool(it->value, &flag)) {
        return wrong(r, it->name, "quirks: true or false is needed");
    }
    *ret = flag != 0;
    return true;
}

static bool read_cost(struct reader *r, const llm_json_iter *it) {
    int64_t scale = 0;
    const llm_str pointer = oai_get(it->value, "pointer");
    const llm_str scale_v = oai_get(it->value, "scale");
    if (llm_json_type(pointer) != '"' || (scale_v.ptr != NULL && !oai_int64(scale_v, &scale)) || scale < 0 ||
        scale > 12) {
        return wrong(r, it->name, "quirks: a pointer, and a scale from 0 to 12, are needed");
    }
    r->inst->cost_pointer = text_of(r, pointer);
    r->inst->cost_scale = (unsigned)scale;
    return true;
}

static bool read_finish_reasons(struct reader *r, const llm_json_iter *it) {
    static const char *const words[] = {"stop", "length", "tool_calls", "content_filter", "other", NULL};
    llm_json_iter reason = oai_begin(it->value);
    while (oai_next(&reason)) {
        int word;
        if (!read_word(r, &reason, words, &word)) {
            return false;
        }
    }
    r->inst->finish_reasons = it->value;
    return true;
}

static bool read_quirk(struct reader *r, const llm_json_iter *it) {
    static const char *const usage[] = {"ask", "unasked", NULL};
    static const char *const tokens[] = {"inside", "outside", "gap", NULL};
    static const char *const audio[] = {"inside", "outside", NULL};
    int word = 0;
    bool flag = false;
    if (oai_is(it->name, "stream_usage")) {
        const bool ok = read_word(r, it, usage, &word);
        r->inst->usage_unasked = word == 1;
        return ok;
    }
    if (oai_is(it->name, "reasoning_tokens")) {
        const bool ok = read_word(r, it, tokens, &word);
        r->inst->reasoning_tokens = (enum oai_tokens)word;
        return ok;
    }
    if (oai_is(it->name, "audio_tokens")) {
        const bool ok = read_word(r, it, audio, &word);
        r->inst->audio_tokens = (enum oai_tokens)word;
        return ok;
    }
    if (oai_is(it->name, "cost")) {
        return read_cost(r, it);
    }
    if (oai_is(it->name, "finish_reasons")) {
        return read_finish_reasons(r, it);
    }
    if (oai_is(it->name, "errors")) {
        r->inst->error_rules = it->value;
        const char *bad = oai_error_rules_check(it->value);
        return bad == NULL || wrong(r, it->name, bad);
    }
    if (oai_is(it->name, "image_edit_form")) {
        return read_flag(r, it, &r->inst->edits_by_form);
    }
    if (oai_is(it->name, "think_tags")) {
        return read_flag(r, it, &r->inst->think_tags);
    }
    if (oai_is(it->name, "model_in_body")) {
        const bool ok = read_flag(r, it, &flag);
        r->inst->model_in_path = ok && !flag;
        return ok;
    }
    return wrong(r, it->name, "quirks: unknown");
}

/* ---- all of it ------------------------------------------------------------------------------------------------------ */

static bool read_paths(struct reader *r, llm_str paths) {
    for (size_t i = 0; i < OAI_OPERATIONS; i++) {
        r->inst->paths[i] = (llm_str){default_paths[i], strlen(default_paths[i])};
    }
    llm_json_iter it = oai_begin(paths);
    while (oai_next(&it)) {
        const char type = llm_json_type(it.value);
        if (type != '"' && type != 'n') {
            return wrong(r, it.name, "paths: a string or null is needed");
        }
        // Other operations' paths are other generators' business.
        for (size_t i = 0; i < OAI_OPERATIONS; i++) {
            if (oai_is(it.name, oai_operations[i])) {
                r->inst->paths[i] = text_of(r, it.value);
            }
        }
    }
    return true;
}

static bool read_file(struct reader *r, llm_str config) {
    if (!read_paths(r, oai_get(config, "paths")) || !read_params(r, oai_get(config, "params"), NULL)) {
        return false;
    }
    llm_json_iter it = oai_begin(oai_get(config, "quirks"));
    while (oai_next(&it)) {
        if (!read_quirk(r, &it)) {
            return false;
        }
    }
    return true;
}

static llm_status explain(struct plugin *plugin, const struct reader *r, llm_str *message) {
    struct note *note = plugin->host->alloc(plugin->host->ctx, NULL, sizeof *note);
    if (note == NULL) {
        return LLM_E_NOMEM;
    }
    note->next = plugin->notes;
    plugin->notes = note;
    const size_t len = strlen(r->wrong);
    const size_t room = sizeof note->text - len - 2;
    size_t what = r->what.len < room ? r->what.len : room;
    while (what < r->what.len && what > 0 && ((unsigned char)r->what.ptr[what] & 0xc0) == 0x80) {
        what--;
    }
    memcpy(note->text, r->wrong, len);
    memcpy(note->text + len, ": ", 2);
    memcpy(note->text + len + 2, r->what.ptr != NULL ? r->what.ptr : "", what);
    *message = (llm_str){note->text, len + 2 + what};
    return LLM_E_CONFIG;
}

// By kind, each kind in the order of the file: one pass over them applies all.  The kinds stand in the order in which they work.
static void sort_rules(struct oai_rule *rules, size_t n) {
    for (size_t i = 1; i < n; i++) {
        const struct oai_rule rule = rules[i];
        size_t at = i;
        for (; at > 0 && rules[at - 1].kind > rule.kind; at--) {
            rules[at] = rules[at - 1];
        }
        rules[at] = rule;
    }
}

llm_status LLM_CALL oai_instance_new(void *ctx, const llm_instance_args *args, llm_instance **ret,
                                     llm_str *message) {
    struct plugin *plugin = ctx;
    const llm_host *host = plugin->host;
    llm_instance counted = {.host = host};
    char *scratch = host->alloc(host->ctx, NULL, args->config.len + 1);
    if (scratch == NULL) {
        return LLM_E_NOMEM;
    }
    struct reader r = {.inst = &counted, .text = scratch};
    const bool ok = read_file(&r, args->config);
    (void)host->alloc(host->ctx, scratch, 0);
    if (!ok) {
        return explain(plugin, &r, message);
    }
    const size_t rules_size = r.n_rules * sizeof(struct oai_rule);
    llm_instance *inst = host->alloc(host->ctx, NULL, sizeof *inst + rules_size + args->config.len + 1);
    if (inst == NULL) {
        return LLM_E_NOMEM;
    }
    *inst = (llm_instance){.host = host, .name = args->name};
    struct oai_rule *rules = (struct oai_rule *)(inst + 1);
    r = (struct reader){.inst = inst, .rules = rules, .text = (char *)rules + rules_size};
    (void)read_file(&r, args->config);
    sort_rules(rules, r.n_rules);
    inst->rules = rules;
    inst->n_rules = r.n_rules;
    for (size_t i = 0; i < r.n_rules; i++) {
        inst->n_defaults += rules[i].kind == OAI_DEFAULT ? 1 : 0;
        inst->n_params += rules[i].kind < OAI_ROLE ? 1 : 0;
    }
    *ret = inst;
    return LLM_OK;
}

void LLM_CALL oai_instance_free(llm_instance *inst) {
    if (inst != NULL) {
        (void)inst->host->alloc(inst->host->ctx, inst, 0);
    }
}
