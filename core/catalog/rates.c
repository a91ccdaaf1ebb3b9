// SPDX-License-Identifier: MIT
#include "catalog/rates.h"

#include "base/error.h"
#include "base/limits.h"
#include "llm_json.h"

#define TOKENS_MAX (INT64_C(1) << 40)

static const struct unit {
    const char *of;
    int decimals;
    bool (*parse)(llm_str text, llm_yocto *ret);
} per_million = {"per million", 18, llm_price_parse_per_million},
  per_one = {"per one", 24, llm_price_parse_per_one},
  per_second = {"per second", 21, llm_price_parse_per_second};

static const struct member {
    const char *name;
    enum llm_price_class class;
    const struct unit *unit;
} members[] = {
    {"input_per_mtok", LLM_PRICE_INPUT, &per_million},
    {"output_per_mtok", LLM_PRICE_OUTPUT, &per_million},
    {"cache_read_per_mtok", LLM_PRICE_CACHE_READ, &per_million},
    {"cache_write_per_mtok", LLM_PRICE_CACHE_WRITE, &per_million},
    {"cache_write_1h_per_mtok", LLM_PRICE_CACHE_WRITE_1H, &per_million},
    {"reasoning_per_mtok", LLM_PRICE_REASONING, &per_million},
    {"audio_input_per_mtok", LLM_PRICE_AUDIO_INPUT, &per_million},
    {"audio_output_per_mtok", LLM_PRICE_AUDIO_OUTPUT, &per_million},
    {"image_input_per_mtok", LLM_PRICE_IMAGE_INPUT, &per_million},
    {"image_output_per_mtok", LLM_PRICE_IMAGE_OUTPUT, &per_million},
    {"per_image", LLM_PRICE_IMAGE, &per_one},
    {"per_second", LLM_PRICE_MILLISECOND, &per_second},
    {"per_character", LLM_PRICE_CHARACTER, &per_one},
    {"per_page", LLM_PRICE_PAGE, &per_one},
    {"per_search", LLM_PRICE_SEARCH, &per_one},
    {"per_request", LLM_PRICE_REQUEST, &per_one},
};

#define MEMBERS (sizeof members / sizeof members[0])

const char *llm_rates_name(size_t n) {
    return n < MEMBERS ? members[n].name : NULL;
}

size_t llm_rates_find(llm_str member) {
    for (size_t i = 0; i < MEMBERS; i++) {
        if (llm_str_is(member, members[i].name)) {
            return i;
        }
    }
    return SIZE_MAX;
}

llm_status llm_rates_take(struct llm_rates_draft *draft, size_t n, const struct llm_document *doc,
                          llm_str value, llm_error *err) {
    const struct member *row = &members[n];
    const llm_str text = llm_json_type(value) == '"' ? llm_json_plain(value) : value;
    if (text.ptr == NULL || !row->unit->parse(text, &draft->prices[row->class])) {
        return llm_document_fail(
            doc, value, err,
            "%s must be a decimal number of USD %s such as \"0.15\": no sign, no exponent, at most "
            "%d decimals",
            row->name, row->unit->of, row->unit->decimals);
    }
    draft->classes |= UINT32_C(1) << row->class;
    return LLM_OK;
}

llm_status llm_rates_keep(const struct llm_rates_draft *draft, struct llm_arena *arena, struct llm_rates *ret,
                          llm_error *err) {
    llm_yocto *prices =
        llm_arena_new(arena, (size_t)__builtin_popcount(draft->classes) * sizeof *prices + sizeof *prices);
    if (prices == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    size_t n = 0;
    for (uint32_t left = draft->classes; left != 0; left &= left - 1) {
        prices[n++] = draft->prices[__builtin_ctz(left)];
    }
    *ret = (struct llm_rates){draft->classes, prices};
    return LLM_OK;
}

// ---- prices under a condition ---------------------------------------------------------------------------------

// One of "prices" while it is read.
struct making {
    struct llm_arena *arena;
    struct llm_rates_draft draft;
    struct llm_price_rule rule;
};

static llm_status take_word(struct making *m, const struct llm_document *doc, llm_str value, const char *what,
                            llm_str *ret, llm_error *err) {
    const llm_status status = llm_document_string(doc, value, what, m->arena, ret, err);
    return status == LLM_OK && ret->len >= LLM_MAX_USAGE_WORD_BYTES
               ? llm_document_fail(doc, value, err, "%s must be shorter than %u bytes", what,
                                   LLM_MAX_USAGE_WORD_BYTES)
               : status;
}

static llm_status take_from(struct making *m, const struct llm_document *doc, llm_str value, llm_error *err) {
    const llm_status status = llm_document_string(doc, value, "from", m->arena, &m->rule.from_text, err);
    return status == LLM_OK && !llm_price_parse_date(m->rule.from_text, &m->rule.from)
               ? llm_document_fail(doc, value, err,
                                   "from must be a day such as \"2026-02-01\", or a time such as "
                                   "\"2026-02-01T16:30:00Z\"")
               : status;
}

static llm_status take_times(struct making *m, const struct llm_document *doc, llm_str value,
                             llm_error *err) {
    const llm_str text = llm_json_type(value) == '"' ? llm_json_plain(value) : value;
    return llm_price_parse_times(text, &m->rule.times)
               ? LLM_OK
               : llm_document_fail(
                     doc, value, err,
                     "times must be a decimal number above 0 such as \"0.5\": at most 1000, at most "
                     "6 decimals");
}

static llm_status take(struct making *m, const struct llm_document *doc, llm_str name, llm_str value,
                       llm_error *err) {
    struct llm_price_rule *rule = &m->rule;
    const size_t rate = llm_rates_find(name);
    if (rate != SIZE_MAX) {
        return llm_rates_take(&m->draft, rate, doc, value, err);
    }
    if (llm_str_is(name, "from")) {
        return take_from(m, doc, value, err);
    }
    if (llm_str_is(name, "times")) {
        return take_times(m, doc, value, err);
    }
    if (llm_str_is(name, "above_input_tokens")) {
        return llm_document_int(doc, value, "above_input_tokens", 0, TOKENS_MAX, &rule->above, err);
    }
    if (llm_str_is(name, "past")) {
        return llm_document_int(doc, value, "past", 0, TOKENS_MAX, &rule->past, err);
    }
    llm_str *const words[] = {&rule->tier, &rule->size, &rule->quality};
    static const char *const names[] = {"tier", "size", "quality"};
    for (size_t i = 0; i < 3; i++) {
        if (llm_str_is(name, names[i])) {
            return take_word(m, doc, value, names[i], words[i], err);
        }
    }
    return llm_document_fail(doc, value, err,
                             "unknown member \"%.*s\" of \"prices\": they are tier, size, quality, from, "
                             "above_input_tokens, past, times and the names of prices",
                             LLM_FMT(name));
}

static llm_status judge(const struct making *m, const struct llm_document *doc, llm_str object,
                        llm_error *err) {
    const struct llm_price_rule *rule = &m->rule;
    const bool has_times = rule->times != LLM_PRICE_ONCE;
    if (m->draft.classes == 0 && !has_times) {
        return llm_document_fail(doc, object, err, "an entry of \"prices\" without a price");
    }
    if (has_times && (m->draft.classes != 0 || rule->past >= 0)) {
        return llm_document_fail(doc, object, err,
                                 "\"times\" stands for prices: it goes with none, and not with \"past\"");
    }
    if (rule->tier.ptr == NULL && rule->size.ptr == NULL && rule->quality.ptr == NULL && rule->above < 0 &&
        rule->past < 0 && rule->from_text.ptr == NULL) {
        return llm_document_fail(doc, object, err,
                                 "an entry of \"prices\" needs a condition: tier, size, quality, from, "
                                 "above_input_tokens or past");
    }
    return LLM_OK;
}

static llm_status read_rule(struct making *m, const struct llm_document *doc, llm_str object,
                            llm_error *err) {
    if (llm_json_type(object) != '{') {
        return llm_document_fail(doc, object, err, "an entry of \"prices\" must be an object");
    }
    llm_json_iter it = llm_json_begin(object);
    while (llm_json_next(&it)) {
        const llm_str name = llm_json_plain(it.name);
        llm_json_iter before = llm_json_begin(object);
        while (llm_json_next(&before) && before.name.ptr != it.name.ptr) {
            if (llm_str_eq(before.name, it.name)) {
                return llm_document_fail(doc, it.name, err, "\"%.*s\" stands twice", LLM_FMT(name));
            }
        }
        const llm_status status = take(m, doc, name, it.value, err);
        if (status != LLM_OK) {
            return status;
        }
    }
    const llm_status status = judge(m, doc, object, err);
    return status == LLM_OK ? llm_rates_keep(&m->draft, m->arena, &m->rule.rates, err) : status;
}

llm_status llm_price_read_rules(const struct llm_document *doc, llm_str value, struct llm_arena *arena,
                                struct llm_price *ret, llm_error *err) {
    const size_t count = llm_json_type(value) == '[' ? llm_json_count(value) : 0;
    if (llm_json_type(value) != '[' || count > LLM_MAX_PRICE_RULES) {
        return llm_document_fail(doc, value, err, "prices must be an array of at most %u objects",
                                 LLM_MAX_PRICE_RULES);
    }
    struct llm_price_rule *rules = llm_arena_new(arena, (count + 1) * sizeof *rules);
    if (rules == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    llm_json_iter it = llm_json_begin(value);
    for (size_t n = 0; n < count && llm_json_next(&it); n++) {
        struct making making = {
            .arena = arena, .rule = {.from = INT64_MIN, .above = -1, .past = -1, .times = LLM_PRICE_ONCE}};
        const llm_status status = read_rule(&making, doc, it.value, err);
        if (status != LLM_OK) {
            return status;
        }
        rules[n] = making.rule;
    }
    llm_price_sort(rules, count);
    ret->rules = rules;
    ret->n_rules = count;
    ret->known = ret->known || count > 0;
    return LLM_OK;
}
