// SPDX-License-Identifier: MIT
#include "catalog/import.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "catalog/rates.h"
#include "llm_json.h"

#define IMPORT_BYTES_MAX (256u << 20)
#define ENTRIES_MAX 262144u
#define BAD_MAX 1000u
#define DIGITS_MAX 48
#define MTOK_MAX 10000u // USD per million tokens: more is a mistake of the list
#define COUNT_MAX (INT64_C(1) << 40)

static const char *const abilities[] = {
    "tools", "vision", "audio", "video", "pdf", "reasoning", "structured_output", "caching"};

#define ABILITIES (sizeof abilities / sizeof abilities[0])

void llm_import_done(struct llm_import *import) {
    llm_arena_done(&import->arena);
}

// ---- numbers -------------------------------------------------------------------------------------------------

struct number {
    char digits[DIGITS_MAX + 1]; // no zero at either end
    size_t n;
    int64_t exponent; // of the last digit
};

static const char *read_number(llm_str text, struct number *ret) {
    const bool negative = text.len > 0 && text.ptr[0] == '-';
    size_t i = negative ? 1 : 0;
    bool point = false;
    *ret = (struct number){.n = 0};
    for (; i < text.len && text.ptr[i] != 'e' && text.ptr[i] != 'E'; i++) {
        const char c = text.ptr[i];
        point = point || c == '.';
        if (c == '.') {
            continue;
        }
        if (ret->n == DIGITS_MAX) {
            return "has too many digits";
        }
        ret->exponent -= point ? 1 : 0;
        if (c != '0' || ret->n > 0) {
            ret->digits[ret->n++] = c;
        }
    }
    if (i < text.len) {
        uint64_t value;
        const bool down = i + 1 < text.len && text.ptr[i + 1] == '-';
        i += i + 1 < text.len && (down || text.ptr[i + 1] == '+') ? 2 : 1;
        if (!llm_str_uint(llm_str_cut(text, i), 9999, &value)) {
            return "has too large an exponent";
        }
        ret->exponent += down ? -(int64_t)value : (int64_t)value;
    }
    while (ret->n > 0 && ret->digits[ret->n - 1] == '0') {
        ret->n--;
        ret->exponent++;
    }
    return negative && ret->n > 0 ? "is less than 0" : NULL;
}

const char *llm_import_decimal(llm_str number, int places, unsigned decimals, unsigned max, char *buf,
                               size_t *ret_len) {
    struct number n;
    if (llm_json_type(number) != '0') {
        return "is no number";
    }
    const char *wrong = read_number(number, &n);
    if (wrong != NULL || n.n == 0) {
        buf[0] = '0';
        *ret_len = 1;
        return wrong;
    }
    n.exponent += places;
    const int64_t whole = (int64_t)n.n + n.exponent; // digits before the point, when above 0
    uint64_t value = 0;
    if (whole > 10) {
        return "is too large";
    }
    if (n.exponent < 0 && -n.exponent > (int64_t)decimals) {
        return "has too many decimals";
    }
    size_t len = 0;
    for (int64_t i = 0; i < whole; i++) {
        buf[len++] = i < (int64_t)n.n ? n.digits[i] : '0';
        value = value * 10 + (uint64_t)(buf[len - 1] - '0');
    }
    if (value > max || (value == max && n.exponent < 0)) {
        return "is too large";
    }
    if (len == 0) {
        buf[len++] = '0';
    }
    if (n.exponent < 0) {
        buf[len++] = '.';
        for (int64_t i = whole; i < (int64_t)n.n; i++) {
            buf[len++] = i < 0 ? '0' : n.digits[i];
        }
    }
    *ret_len = len;
    return NULL;
}

int64_t llm_import_count(llm_str number) {
    char buf[80];
    size_t len;
    uint64_t value;
    return llm_import_decimal(number, 0, 0, UINT32_MAX, buf, &len) == NULL &&
                   llm_str_uint((llm_str){buf, len}, COUNT_MAX - 1, &value)
               ? (int64_t)value
               : 0;
}

// ---- entries -------------------------------------------------------------------------------------------------

void llm_import_refuse(struct llm_import *import, llm_str key, llm_str place, const char *what,
                       llm_str member) {
    llm_error err = LLM_ERROR_INIT;
    if (import->n_bad >= BAD_MAX) {
        return;
    }
    (void)llm_document_fail(import->doc, place, &err, "%.*s: %.*s%s%s", (int)(key.len < 200 ? key.len : 200),
                            key.ptr, LLM_FMT(member), member.len > 0 ? " " : "", what);
    llm_str *list =
        llm_arena_grow(&import->arena, import->bad, import->n_bad, &import->cap_bad, sizeof *list);
    const llm_str text = llm_arena_dup(&import->arena, llm_str_from(err.message));
    if (list == NULL || text.ptr == NULL) {
        import->no_memory = true;
        return;
    }
    import->bad = list;
    list[import->n_bad++] = text;
}

static bool is_provider(llm_str name) {
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        const bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alnum && (i == 0 || (c != '-' && c != '_' && c != '.'))) {
            return false;
        }
    }
    return name.len > 0 && name.len <= LLM_MAX_PROVIDER_NAME_BYTES;
}

static bool is_plain(llm_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    return text.len > 0 && text.len <= LLM_MAX_MODEL_BYTES;
}

llm_str llm_import_provider(struct llm_import *import, llm_str name) {
    llm_json_iter it = llm_json_begin(import->names);
    while (import->names.ptr != NULL && llm_json_next(&it)) {
        if (llm_json_is_str(it.name, name)) {
            const llm_str ours = llm_json_plain(it.value);
            return is_provider(ours) ? ours : (llm_str){NULL, 0};
        }
    }
    char *copy =
        name.len <= LLM_MAX_PROVIDER_NAME_BYTES ? llm_arena_bytes(&import->arena, name.len + 1) : NULL;
    import->no_memory |= copy == NULL && name.len <= LLM_MAX_PROVIDER_NAME_BYTES;
    for (size_t i = 0; copy != NULL && i < name.len; i++) {
        const char c = name.ptr[i];
        copy[i] = c == '_' ? '-' : c;
        copy[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : copy[i];
    }
    const llm_str ours = {copy, copy != NULL ? name.len : 0};
    return is_provider(ours) ? ours : (llm_str){NULL, 0};
}

struct llm_import_entry *llm_import_new(struct llm_import *import, llm_str key, llm_str place,
                                        llm_str provider, llm_str id, const char *operation) {
    provider = llm_import_provider(import, provider);
    if (provider.ptr == NULL) {
        llm_import_refuse(import, key, place, "its provider has no name that can be one", (llm_str){NULL, 0});
        return NULL;
    }
    if (!is_plain(id)) {
        llm_import_refuse(import, key, place, "its name has control characters, or is too long",
                          (llm_str){NULL, 0});
        return NULL;
    }
    if (import->n_entries >= ENTRIES_MAX) {
        llm_import_refuse(import, key, place, "there are too many entries", (llm_str){NULL, 0});
        return NULL;
    }
    struct llm_import_entry *list = llm_arena_grow(&import->arena, import->entries, import->n_entries,
                                                   &import->cap_entries, sizeof *list);
    if (list == NULL) {
        import->no_memory = true;
        return NULL;
    }
    import->entries = list;
    list[import->n_entries] = (struct llm_import_entry){
        .provider = provider, .id = id, .operation = llm_str_from(operation), .order = import->n_entries};
    return &list[import->n_entries++];
}

static bool is_at(const struct llm_import_rate *rate, int64_t above, llm_str tier) {
    return rate->above == above && llm_str_eq(rate->tier, tier);
}

static llm_str rate_of(const struct llm_import_entry *entry, size_t name, int64_t above, llm_str tier) {
    for (size_t i = 0; i < entry->n_rates; i++) {
        if (entry->rates[i].name == name && is_at(&entry->rates[i], above, tier)) {
            return entry->rates[i].text;
        }
    }
    return (llm_str){NULL, 0};
}

static void add_rate(struct llm_import *import, struct llm_import_entry *entry, struct llm_import_rate rate) {
    if (rate_of(entry, rate.name, rate.above, rate.tier).ptr != NULL) {
        return;
    }
    struct llm_import_rate *list =
        llm_arena_grow(&import->arena, entry->rates, entry->n_rates, &entry->cap_rates, sizeof *list);
    if (list == NULL || rate.text.ptr == NULL) {
        import->no_memory = true;
        return;
    }
    entry->rates = list;
    list[entry->n_rates++] = rate;
}

const char *llm_import_put(struct llm_import *import, struct llm_import_entry *entry, size_t name,
                           llm_str number, int places, int64_t above, llm_str tier) {
    char buf[80];
    size_t len;
    const llm_str member = llm_str_from(llm_rates_name(name));
    const unsigned decimals = llm_str_starts(member, LLM_STR("per_second")) ? 21
                              : llm_str_starts(member, LLM_STR("per_"))     ? 24
                                                                            : 18;
    const char *wrong = llm_import_decimal(number, places, decimals, MTOK_MAX, buf, &len);
    if (wrong == NULL) {
        add_rate(
            import, entry,
            (struct llm_import_rate){name, above, tier, llm_arena_dup(&import->arena, (llm_str){buf, len})});
    }
    return wrong;
}

void llm_import_able(struct llm_import_entry *entry, const char *ability) {
    for (size_t i = 0; i < ABILITIES; i++) {
        entry->abilities |= strcmp(abilities[i], ability) == 0 ? 1u << i : 0;
    }
}

// ---- the whole list ------------------------------------------------------------------------------------------

static int compare(llm_str a, llm_str b) {
    const size_t n = a.len < b.len ? a.len : b.len;
    const int order = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

// The one with a price before the one without, then as they were read.
static int by_name(const void *a, const void *b) {
    const struct llm_import_entry *x = a, *y = b;
    int order = compare(x->provider, y->provider);
    order = order != 0 ? order : compare(x->id, y->id);
    order = order != 0 ? order : (x->n_rates == 0) - (y->n_rates == 0);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static bool is_zero(const struct llm_import_entry *entry) {
    for (size_t i = 0; i < entry->n_rates; i++) {
        if (!llm_str_is(entry->rates[i].text, "0")) {
            return false;
        }
    }
    return true;
}

static bool ends(llm_str text, llm_str end) {
    return text.len >= end.len && llm_str_eq(llm_str_cut(text, text.len - end.len), end);
}

// A list writes 0 for what it does not know: only where things are free it is a price.
static void drop_holes(const struct llm_import *import, struct llm_import_entry *entry) {
    bool is_free = ends(entry->id, LLM_STR(":free")) || ends(entry->id, LLM_STR("-free"));
    llm_json_iter it = llm_json_begin(import->free_of);
    while (import->free_of.ptr != NULL && llm_json_next(&it)) {
        is_free = is_free || llm_json_is_str(it.value, entry->provider);
    }
    entry->n_rates = !is_free && is_zero(entry) ? 0 : entry->n_rates;
}

const char *llm_import_kind(llm_str root) {
    llm_json_iter it = llm_json_begin(root);
    for (size_t i = 0; llm_json_type(root) == '{' && i < 50 && llm_json_next(&it); i++) {
        if (llm_json_is(it.name, "sample_spec") || llm_json_type(it.value) != '{') {
            continue;
        }
        if (llm_json_type(llm_json_get(it.value, "litellm_provider")) == '"') {
            return "litellm";
        }
        if (llm_json_type(llm_json_get(it.value, "models")) == '{') {
            return "models.dev";
        }
    }
    return NULL;
}

llm_status llm_import_read(struct llm_import *import, const char *kind, llm_error *err) {
    import->arena.limit = IMPORT_BYTES_MAX;
    if (strcmp(kind, "litellm") == 0) {
        llm_import_litellm(import, import->doc->root);
    } else {
        llm_import_models_dev(import, import->doc->root);
    }
    if (import->no_memory) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < import->n_entries; i++) {
        drop_holes(import, &import->entries[i]);
    }
    if (import->n_entries > 1) {
        qsort(import->entries, import->n_entries, sizeof *import->entries, by_name);
    }
    size_t kept = 0;
    for (size_t i = 0; i < import->n_entries; i++) {
        const struct llm_import_entry *entry = &import->entries[i];
        const struct llm_import_entry *last = kept > 0 ? &import->entries[kept - 1] : NULL;
        if (last == NULL || !llm_str_eq(last->provider, entry->provider) ||
            !llm_str_eq(last->id, entry->id)) {
            import->entries[kept++] = *entry;
        }
    }
    import->n_entries = kept;
    return LLM_OK;
}

// ---- entries of the catalogue --------------------------------------------------------------------------------

// The rates of an object, under a condition.
static void take_rates(struct llm_import *import, struct llm_import_entry *entry, llm_str object,
                       int64_t above, llm_str tier) {
    llm_json_iter it = llm_json_begin(object);
    while (llm_json_next(&it)) {
        const size_t name = llm_rates_find(llm_json_plain(it.name));
        const llm_str text = llm_json_plain(it.value);
        if (name != SIZE_MAX && text.ptr != NULL) {
            add_rate(import, entry, (struct llm_import_rate){name, above, tier, text});
        }
    }
}

static void take_rules(struct llm_import *import, struct llm_import_entry *entry, llm_str rules) {
    llm_json_iter it = llm_json_begin(rules);
    while (rules.ptr != NULL && llm_json_next(&it)) {
        int64_t above = -1;
        llm_str tier = LLM_STR("");
        bool ours = true;
        llm_json_iter member = llm_json_begin(it.value);
        while (llm_json_next(&member)) {
            if (llm_json_is(member.name, "tier")) {
                tier = llm_json_plain(member.value);
            } else if (llm_json_is(member.name, "above_input_tokens")) {
                ours = ours && llm_json_int64(member.value, &above) != 0;
            } else {
                ours = ours && llm_rates_find(llm_json_plain(member.name)) != SIZE_MAX;
            }
        }
        if (ours && tier.ptr != NULL) {
            take_rates(import, entry, it.value, above, tier);
        }
    }
}

bool llm_import_from_json(struct llm_import *import, const struct llm_catalogue_entry *from,
                          struct llm_import_entry *ret) {
    const llm_str operation = llm_json_plain(llm_json_get(from->json, "operation"));
    *ret = (struct llm_import_entry){.provider = from->provider,
                                     .id = from->id,
                                     .operation = operation.len > 0 ? operation : LLM_STR("chat"),
                                     .context = llm_import_count(llm_json_get(from->json, "context_tokens")),
                                     .output = llm_import_count(llm_json_get(from->json, "output_tokens"))};
    uint64_t source = 0;
    (void)llm_str_uint(llm_json_get(from->json, "source"), LLM_MAX_PROVIDERS, &source);
    ret->source = (size_t)source;
    const llm_str able = llm_json_get(from->json, "abilities");
    llm_json_iter it = llm_json_begin(able);
    while (able.ptr != NULL && llm_json_next(&it)) {
        for (size_t i = 0; i < ABILITIES; i++) {
            ret->abilities |= llm_json_is(it.value, abilities[i]) ? 1u << i : 0;
        }
    }
    take_rates(import, ret, from->json, -1, LLM_STR(""));
    take_rules(import, ret, llm_json_get(from->json, "prices"));
    return !import->no_memory;
}

void llm_import_fill(struct llm_import *import, struct llm_import_entry *entry,
                     const struct llm_import_entry *other) {
    entry->context = entry->context > 0 ? entry->context : other->context;
    entry->output = entry->output > 0 ? entry->output : other->output;
    entry->abilities |= other->abilities;
    bool agree = true;
    for (size_t name = 0; name < 2 && entry->n_rates > 0; name++) {
        agree =
            agree && llm_str_eq(rate_of(entry, name, -1, LLM_STR("")), rate_of(other, name, -1, LLM_STR("")));
    }
    for (size_t i = 0; agree && i < other->n_rates; i++) {
        add_rate(import, entry, other->rates[i]);
    }
}

bool llm_import_same_prices(const struct llm_import_entry *a, const struct llm_import_entry *b) {
    bool same = a->n_rates == b->n_rates;
    for (size_t i = 0; same && i < a->n_rates; i++) {
        const struct llm_import_rate *rate = &a->rates[i];
        same = llm_str_eq(rate_of(b, rate->name, rate->above, rate->tier), rate->text);
    }
    return same;
}

// ---- writing -------------------------------------------------------------------------------------------------

static int by_condition(const void *a, const void *b) {
    const struct llm_import_rate *x = a, *y = b;
    const int order = compare(x->tier, y->tier);
    if (order != 0 || x->above != y->above) {
        return order != 0 ? order : x->above < y->above ? -1 : 1;
    }
    return x->name < y->name ? -1 : x->name > y->name;
}

static void write_rates(llm_json_writer *w, const struct llm_import_entry *entry) {
    const struct llm_import_rate *last = NULL;
    bool in_rule = false;
    for (size_t i = 0; i < entry->n_rates; i++) {
        const struct llm_import_rate *rate = &entry->rates[i];
        const bool base = rate->above < 0 && rate->tier.len == 0;
        if (!base && (last == NULL || !is_at(last, rate->above, rate->tier))) {
            if (in_rule) {
                llm_json_object_end(w);
            } else {
                llm_json_name(w, "prices");
                llm_json_array(w);
            }
            in_rule = true;
            llm_json_object(w);
            if (rate->tier.len > 0) {
                llm_json_name(w, "tier");
                llm_json_string(w, rate->tier);
            }
            if (rate->above >= 0) {
                llm_json_name(w, "above_input_tokens");
                llm_json_integer(w, rate->above);
            }
        }
        llm_json_name(w, llm_rates_name(rate->name));
        llm_json_string(w, rate->text);
        last = rate;
    }
    if (in_rule) {
        llm_json_object_end(w);
        llm_json_array_end(w);
    }
}

static void write_abilities(llm_json_writer *w, uint32_t bits) {
    if (bits == 0) {
        return;
    }
    llm_json_name(w, "abilities");
    llm_json_array(w);
    for (size_t i = 0; i < ABILITIES; i++) {
        if ((bits >> i & 1) != 0) {
            llm_json_cstring(w, abilities[i]);
        }
    }
    llm_json_array_end(w);
}

llm_status llm_import_write(struct llm_import_entry *entry, struct llm_buf *out) {
    const size_t start = out->len;
    if (entry->n_rates > 1) {
        qsort(entry->rates, entry->n_rates, sizeof *entry->rates, by_condition);
    }
    const llm_str names[] = {entry->provider, LLM_STR("\t"), entry->id, LLM_STR("\t")};
    for (size_t i = 0; i < 4; i++) {
        const llm_status put = llm_buf_put(out, names[i].ptr, names[i].len);
        if (put != LLM_OK) {
            return put;
        }
    }
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, out);
    llm_json_object(&w);
    if (!llm_str_is(entry->operation, "chat")) {
        llm_json_name(&w, "operation");
        llm_json_string(&w, entry->operation);
    }
    const struct {
        const char *name;
        int64_t value;
    } limits[] = {{"context_tokens", entry->context}, {"output_tokens", entry->output}};
    for (size_t i = 0; i < 2; i++) {
        if (limits[i].value > 0) {
            llm_json_name(&w, limits[i].name);
            llm_json_integer(&w, limits[i].value);
        }
    }
    write_rates(&w, entry);
    write_abilities(&w, entry->abilities);
    llm_json_name(&w, "source");
    llm_json_integer(&w, (int64_t)entry->source);
    llm_json_object_end(&w);
    const llm_status status = llm_buf_puts(out, "\n");
    if (status != LLM_OK || w.status != LLM_OK) {
        return w.status != LLM_OK ? w.status : status;
    }
    return out->len - start > LLM_MAX_CATALOGUE_LINE ? LLM_E_LIMIT : LLM_OK;
}
