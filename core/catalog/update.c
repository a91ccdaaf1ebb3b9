// SPDX-License-Identifier: MIT
#include "catalog/update.h"

#include <stdio.h>

#include "base/error.h"
#include "base/limits.h"
#include "catalog/build.h"
#include "catalog/import.h"
#include "llm_json.h"

#define CHANGES_MAX 20000u // that are reported one by one

struct update {
    const struct llm_catalogue *old;
    const char *kind;
    llm_str as_of;
    struct llm_import import;
    struct llm_buf body, changes; // lines; members of the report's array
    llm_json_writer writer;       // of changes
    size_t entries, fresh, changed, gone, prices, reported;
    llm_status status;
};

// ---- telling what changed ------------------------------------------------------------------------------------

static void report(struct update *u, const char *what, llm_str provider, llm_str id, llm_str before,
                   llm_str after) {
    if (u->reported++ >= CHANGES_MAX) {
        return;
    }
    llm_json_writer *w = &u->writer;
    llm_json_object(w);
    llm_json_name(w, "what");
    llm_json_cstring(w, what);
    llm_json_name(w, "provider");
    llm_json_string(w, provider);
    llm_json_name(w, "id");
    llm_json_string(w, id);
    if (before.ptr != NULL) {
        llm_json_name(w, "before");
        llm_json_raw(w, before);
    }
    if (after.ptr != NULL) {
        llm_json_name(w, "after");
        llm_json_raw(w, after);
    }
    llm_json_object_end(w);
}

// Their objects, without the source: that is another number when a list went up.
static bool same_facts(const struct llm_import_entry *a, const struct llm_import_entry *b) {
    return llm_str_eq(a->operation, b->operation) && a->context == b->context && a->output == b->output &&
           a->abilities == b->abilities;
}

static void compare(struct update *u, const struct llm_import_entry *entry,
                    const struct llm_import_entry *before, llm_str before_json, llm_str after_json) {
    const bool same_prices = llm_import_same_prices(entry, before);
    if (same_prices && same_facts(entry, before)) {
        return;
    }
    u->changed++;
    u->prices += same_prices ? 0 : 1;
    report(u, same_prices ? "changed" : "price", entry->provider, entry->id, before_json, after_json);
}

// ---- the new lines -------------------------------------------------------------------------------------------

static int order_of(const struct llm_import_entry *a, const struct llm_catalogue_entry *b) {
    const llm_str x[] = {a->provider, a->id}, y[] = {b->provider, b->id};
    int order = 0;
    for (size_t i = 0; order == 0 && i < 2; i++) {
        const size_t n = x[i].len < y[i].len ? x[i].len : y[i].len;
        order = n > 0 ? memcmp(x[i].ptr, y[i].ptr, n) : 0;
        order = order != 0 ? order : (x[i].len > y[i].len) - (x[i].len < y[i].len);
    }
    return order;
}

// The place of an old source in the new header: the list is 0, the others follow without the one that it takes the place of.
static size_t source_now(const struct update *u, size_t source, bool *ret_same_list) {
    const llm_str sources = llm_json_get(u->old->header, "sources");
    size_t now = 1;
    *ret_same_list = false;
    for (size_t i = 0; i <= source; i++) {
        const bool same = llm_json_is(llm_json_get(llm_json_at(sources, i), "name"), u->kind);
        *ret_same_list = i == source && same;
        now += i < source && !same ? 1 : 0;
    }
    return now;
}

static void put_line(struct update *u, struct llm_import_entry *entry) {
    const llm_status status = llm_import_write(entry, &u->body);
    u->status = u->status == LLM_OK ? status : u->status;
    u->entries++;
}

static llm_str last_json(const struct update *u) {
    const llm_str body = {u->body.ptr, u->body.len > 0 ? u->body.len - 1 : 0};
    const char *start = body.ptr != NULL && body.len > 0 ? memrchr(body.ptr, '\n', body.len) : NULL;
    const llm_str line = start != NULL ? llm_str_cut(body, (size_t)(start - body.ptr) + 1) : body;
    const char *tab = line.ptr != NULL && line.len > 0 ? memrchr(line.ptr, '\t', line.len) : NULL;
    return tab != NULL ? llm_str_cut(line, (size_t)(tab - line.ptr) + 1) : (llm_str){NULL, 0};
}

// An entry that the list does not hold: gone when it was the list's, kept otherwise.
static void keep_old(struct update *u, const struct llm_catalogue_entry *old) {
    struct llm_import_entry entry;
    bool same_list;
    if (!llm_import_from_json(&u->import, old, &entry)) {
        u->status = LLM_E_NOMEM;
        return;
    }
    entry.source = source_now(u, entry.source, &same_list);
    if (same_list) {
        u->gone++;
        report(u, "gone", old->provider, old->id, old->json, (llm_str){NULL, 0});
        return;
    }
    put_line(u, &entry);
}

// An entry that both hold: the list's goes first when it has a price or the old one has none.  What it lacks is kept.
static void take_both(struct update *u, const struct llm_import_entry *entry,
                      const struct llm_catalogue_entry *old) {
    struct llm_import_entry before, now = *entry;
    bool same_list;
    if (!llm_import_from_json(&u->import, old, &before)) {
        u->status = LLM_E_NOMEM;
        return;
    }
    if (entry->n_rates > 0 || before.n_rates == 0) {
        llm_import_fill(&u->import, &now, &before);
        now.source = 0;
    } else {
        now = before;
        llm_import_fill(&u->import, &now, entry);
        now.source = source_now(u, before.source, &same_list);
        now.source = same_list ? 0 : now.source;
    }
    put_line(u, &now);
    compare(u, &now, &before, old->json, last_json(u));
}

static void take_new(struct update *u, struct llm_import_entry *entry) {
    put_line(u, entry);
    u->fresh++;
    report(u, "new", entry->provider, entry->id, (llm_str){NULL, 0}, last_json(u));
}

// Both in the order of their names.
static llm_status merge(struct update *u) {
    struct llm_catalogue_entry old = {0};
    size_t at = 0, i = 0;
    bool has_old = u->old != NULL && llm_catalogue_next(u->old, &at, &old);
    while (u->status == LLM_OK && (has_old || i < u->import.n_entries)) {
        struct llm_import_entry *entry = i < u->import.n_entries ? &u->import.entries[i] : NULL;
        const int order = entry == NULL ? 1 : !has_old ? -1 : order_of(entry, &old);
        if (order < 0) {
            take_new(u, entry);
        } else if (order > 0) {
            keep_old(u, &old);
        } else {
            take_both(u, entry, &old);
        }
        i += order <= 0 ? 1 : 0;
        has_old = order >= 0 ? llm_catalogue_next(u->old, &at, &old) : has_old;
    }
    return u->import.no_memory ? LLM_E_NOMEM : u->status;
}

// ---- the header ----------------------------------------------------------------------------------------------

static llm_str later(llm_str a, llm_str b) {
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) >= 0 ? a : b;
}

static void write_source(llm_json_writer *w, llm_str name, llm_str as_of) {
    llm_json_object(w);
    llm_json_name(w, "name");
    llm_json_string(w, name);
    llm_json_name(w, "as_of");
    llm_json_string(w, as_of);
    llm_json_object_end(w);
}

static llm_status write_header(const struct update *u, struct llm_buf *text) {
    const llm_str header = u->old != NULL ? u->old->header : LLM_STR("{}");
    const llm_str sources = llm_json_get(header, "sources");
    char crc[16];
    llm_str as_of = u->as_of;
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, text);
    llm_json_object(&w);
    const struct {
        const char *name;
        size_t value;
    } counts[] = {{"catalogue", 1}, {"entries", u->entries}, {"bytes", u->body.len}};
    for (size_t i = 0; i < 3; i++) {
        llm_json_name(&w, counts[i].name);
        llm_json_integer(&w, (int64_t)counts[i].value);
    }
    (void)snprintf(crc, sizeof crc, "%08x", (unsigned)llm_crc32(0, llm_buf_str(&u->body)));
    llm_json_name(&w, "crc32");
    llm_json_cstring(&w, crc);
    llm_json_name(&w, "sources");
    llm_json_array(&w);
    write_source(&w, llm_str_from(u->kind), u->as_of);
    llm_json_iter it = llm_json_begin(sources);
    while (llm_json_type(sources) == '[' && llm_json_next(&it)) {
        const llm_str name = llm_json_plain(llm_json_get(it.value, "name"));
        const llm_str date = llm_json_plain(llm_json_get(it.value, "as_of"));
        if (!llm_str_is(name, u->kind)) {
            write_source(&w, name, date);
            as_of = later(as_of, date);
        }
    }
    llm_json_array_end(&w);
    llm_json_name(&w, "as_of");
    llm_json_string(&w, as_of);
    static const char *const kept[] = {"names", "free"};
    for (size_t i = 0; i < 2; i++) {
        const llm_str value = llm_json_get(header, kept[i]);
        if (value.ptr != NULL) {
            llm_json_name(&w, kept[i]);
            llm_json_raw(&w, value);
        }
    }
    llm_json_object_end(&w);
    const llm_status status = llm_buf_puts(text, "\n");
    return w.status != LLM_OK ? w.status : status;
}

// ---- the report ----------------------------------------------------------------------------------------------

static llm_status write_report(const struct update *u, struct llm_buf *out) {
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, out);
    llm_json_object(&w);
    llm_json_name(&w, "format");
    llm_json_cstring(&w, u->kind);
    llm_json_name(&w, "as_of");
    llm_json_string(&w, u->as_of);
    const struct {
        const char *name;
        size_t value;
    } counts[] = {{"models", u->entries},       {"new", u->fresh}, {"changed", u->changed},
                  {"price_changes", u->prices}, {"gone", u->gone}, {"bad", u->import.n_bad}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        llm_json_name(&w, counts[i].name);
        llm_json_integer(&w, (int64_t)counts[i].value);
    }
    llm_json_name(&w, "bad_entries");
    llm_json_array(&w);
    for (size_t i = 0; i < u->import.n_bad; i++) {
        llm_json_string(&w, u->import.bad[i]);
    }
    llm_json_array_end(&w);
    llm_json_name(&w, "changes");
    llm_json_raw(&w, llm_buf_str(&u->changes));
    llm_json_object_end(&w);
    return w.status;
}

// ---- making it -----------------------------------------------------------------------------------------------

static llm_status from_list(struct update *u, const struct llm_document *doc, const char *name,
                            uint32_t flags, llm_error *err) {
    u->kind = llm_import_kind(doc->root);
    if (u->kind == NULL) {
        return llm_fail(err, LLM_E_CONFIG,
                        "%s: this is neither LiteLLM's nor models.dev's list, nor a catalogue", name);
    }
    u->import.doc = doc;
    if (u->old != NULL) {
        u->import.names = llm_json_get(u->old->header, "names");
        u->import.free_of = llm_json_get(u->old->header, "free");
    }
    const llm_status status = llm_import_read(&u->import, u->kind, err);
    if (status != LLM_OK) {
        return status;
    }
    if (u->import.n_bad > 0 && (flags & LLM_UPDATE_STRICT) != 0) {
        return llm_fail(err, LLM_E_CONFIG, "%.*s", LLM_FMT(u->import.bad[0]));
    }
    if (u->import.n_entries == 0) {
        return llm_fail(err, LLM_E_CONFIG, "%s: no entry of it can be used%s%.*s", name,
                        u->import.n_bad > 0 ? "; the first: " : "",
                        LLM_FMT(u->import.n_bad > 0 ? u->import.bad[0] : LLM_STR("")));
    }
    return LLM_OK;
}

static llm_status make_from_list(struct update *u, llm_str list, const char *name, uint32_t flags,
                                 struct llm_buf *text, llm_error *err) {
    struct llm_document doc = {0};
    llm_status status = llm_document_parse(&doc, llm_str_from(name), list, err);
    status = status == LLM_OK ? from_list(u, &doc, name, flags, err) : status;
    if (status == LLM_OK) {
        status = merge(u);
        status = status == LLM_OK ? write_header(u, text) : status;
        status = status == LLM_OK ? llm_buf_put(text, u->body.ptr, u->body.len) : status;
        if (status != LLM_OK) {
            status = llm_fail(err, status,
                              status == LLM_E_NOMEM ? "out of memory" : "the catalogue would be too large");
        }
    }
    llm_document_done(&doc);
    return status;
}

// A catalogue takes the place of the old one as it is.
static llm_status make_from_catalogue(struct update *u, const struct llm_catalogue *made, llm_str list,
                                      const char *name, struct llm_buf *text, llm_error *err) {
    struct llm_catalogue_entry entry = {0}, old = {0};
    size_t at = 0;
    u->kind = "catalogue";
    u->as_of = made->as_of;
    u->entries = made->entries;
    llm_status status = llm_catalogue_check(made, name, err);
    while (status == LLM_OK && llm_catalogue_next(made, &at, &entry)) {
        struct llm_import_entry now, before;
        struct llm_model model;
        status = llm_model_read(&u->import.arena, &entry, &model, err);
        if (status != LLM_OK) {
            break;
        }
        if (u->old == NULL || !llm_catalogue_find(u->old, entry.provider, entry.id, &old)) {
            u->fresh++;
            report(u, "new", entry.provider, entry.id, (llm_str){NULL, 0}, entry.json);
        } else if (llm_import_from_json(&u->import, &entry, &now) &&
                   llm_import_from_json(&u->import, &old, &before)) {
            compare(u, &now, &before, old.json, entry.json);
        }
    }
    at = 0;
    while (status == LLM_OK && u->old != NULL && llm_catalogue_next(u->old, &at, &old)) {
        if (!llm_catalogue_find(made, old.provider, old.id, &entry)) {
            u->gone++;
            report(u, "gone", old.provider, old.id, old.json, (llm_str){NULL, 0});
        }
    }
    return status == LLM_OK ? llm_buf_put(text, list.ptr, list.len) : status;
}

llm_status llm_catalogue_make(const struct llm_catalogue *old, llm_str list, const char *name, llm_str as_of,
                              uint32_t flags, struct llm_buf *text, struct llm_buf *out, llm_error *err) {
    struct update u = {.old = old,
                       .as_of = as_of,
                       .body = {.max = LLM_MAX_CATALOGUE_BYTES - LLM_MAX_CATALOGUE_LINE},
                       .changes = {.max = 4 * LLM_MAX_CATALOGUE_BYTES}};
    struct llm_catalogue made;
    text->len = out->len = 0;
    u.writer = llm_json_writer_to(llm_buf_sink, &u.changes);
    llm_json_array(&u.writer);
    llm_status status = llm_str_starts(list, LLM_STR("{\"catalogue\":"))
                            ? llm_catalogue_of(list, name, &made, err)
                            : LLM_MORE;
    status = status == LLM_OK     ? make_from_catalogue(&u, &made, list, name, text, err)
             : status == LLM_MORE ? make_from_list(&u, list, name, flags, text, err)
                                  : status;
    llm_json_array_end(&u.writer);
    if (status == LLM_OK && (u.writer.status != LLM_OK || write_report(&u, out) != LLM_OK)) {
        status = llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    llm_buf_done(&u.body);
    llm_buf_done(&u.changes);
    llm_import_done(&u.import);
    return status;
}
