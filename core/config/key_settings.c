// SPDX-License-Identifier: MIT
// Settings "keys": a provider's key, or several of them.
#include "config/keys.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "config/builder.h"
#include "llm_json.h"

struct key_reader {
    struct llm_settings_builder *b;
    const char *name; // "keys.openai"
    struct llm_key_setting key;
    int sources;
};

static llm_status no_memory(llm_error *err) {
    return llm_fail(err, LLM_E_NOMEM, "out of memory");
}

// ---- one key -----------------------------------------------------------------------------------------------------------

static llm_status take_value(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct key_reader *r = ctx;
    char text[LLM_MAX_KEY_BYTES + 64], where[256];
    llm_error inner = LLM_ERROR_INIT;
    r->sources++;
    if (llm_json_type(value) != '"') {
        return llm_document_fail(doc, value, err, "%s.value must be a string", r->name);
    }
    (void)snprintf(where, sizeof where, "%s.value", r->name);
    const size_t len = llm_json_decode(value, text, sizeof text);
    const llm_status status = llm_key_set(&r->key.value, (llm_str){text, len}, where, &inner);
    llm_wipe(text, sizeof text);
    return status == LLM_E_CONFIG ? llm_document_fail(doc, value, err, "%s", inner.message)
           : status == LLM_OK     ? LLM_OK
                                  : no_memory(err);
}

static llm_status take_file(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct key_reader *r = ctx;
    r->sources++;
    return llm_settings_take_path(r->b, doc, value, "a key's file", &r->key.file, err);
}

static llm_status take_command(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct key_reader *r = ctx;
    r->sources++;
    return llm_document_string(doc, value, "a key's command", &r->b->settings->arena, &r->key.command, err);
}

static llm_status take_env(void *ctx, const struct llm_document *doc, llm_str value, llm_error *err) {
    struct key_reader *r = ctx;
    r->sources++;
    return llm_document_string(doc, value, "a key's env", &r->b->settings->arena, &r->key.env, err);
}

// The key becomes the settings', or is wiped.
static llm_status append(struct llm_settings_builder *b, struct llm_key_setting *key, llm_error *err) {
    struct llm_settings *s = b->settings;
    struct llm_key_setting *bigger =
        llm_arena_grow(&s->arena, b->keys, s->n_keys, &b->cap_keys, sizeof *bigger);
    if (bigger == NULL) {
        llm_secret_done(&key->value);
        return no_memory(err);
    }
    bigger[s->n_keys++] = *key;
    s->keys = b->keys = bigger;
    return LLM_OK;
}

static llm_status take_one(struct llm_settings_builder *b, const struct llm_document *doc, llm_str value,
                           llm_str provider, uint32_t number, const char *name, llm_error *err) {
    static const struct llm_document_member members[] = {
        {"value", take_value}, {"file", take_file}, {"command", take_command},
        {"env", take_env},     {NULL, NULL},
    };
    struct key_reader r = {
        .b = b, .name = name, .key = {.provider = provider, .origin = b->origin, .number = number}};
    if (llm_json_type(value) != '{') { // perhaps the key itself: nothing of it is shown
        return llm_document_fail(
            doc, value, err, "%s must be an object: {\"file\": \"~/FILE\"} or {\"env\": \"VARIABLE\"}", name);
    }
    llm_status status = llm_document_members(doc, value, name, members, &r, err);
    if (status == LLM_OK && r.sources != 1) {
        status =
            llm_document_fail(doc, value, err, "%s needs exactly one of value, file, command, env", name);
    }
    if (status != LLM_OK) {
        llm_secret_done(&r.key.value);
        return status;
    }
    return append(b, &r.key, err);
}

// ---- all of them ---------------------------------------------------------------------------------------------------------

// What an earlier layer said.
static void drop(struct llm_settings_builder *b, llm_str provider) {
    struct llm_settings *s = b->settings;
    size_t left = 0;
    for (size_t i = 0; i < s->n_keys; i++) {
        if (llm_str_eq(s->keys[i].provider, provider)) {
            llm_secret_done(&s->keys[i].value);
        } else {
            b->keys[left++] = s->keys[i];
        }
    }
    s->n_keys = left;
}

static llm_status take_list(struct llm_settings_builder *b, const struct llm_document *doc, llm_str value,
                            llm_str provider, const char *name, llm_error *err) {
    uint32_t number = 0;
    llm_json_iter it = llm_json_begin(value);
    while (llm_json_next(&it)) {
        char place[200];
        if (++number > LLM_MAX_KEYS) {
            return llm_document_fail(doc, it.value, err, "%s has more than %u keys", name, LLM_MAX_KEYS);
        }
        (void)snprintf(place, sizeof place, "%s[%u]", name, (unsigned)(number - 1));
        const llm_status status = take_one(b, doc, it.value, provider, number, place, err);
        if (status != LLM_OK) {
            return status;
        }
    }
    return number != 0 ? LLM_OK
                       : llm_document_fail(doc, value, err, "%s is empty: leave it out, or give a key", name);
}

// A copy for people.
static llm_status note(struct llm_settings_builder *b, llm_str value, llm_str provider, const char *name,
                       llm_error *err) {
    const bool is_list = llm_json_type(value) == '[';
    struct llm_buf text = {.max = LLM_MAX_SETTINGS_BYTES};
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &text);
    llm_json_iter it = llm_json_begin(value);
    if (is_list) {
        llm_json_array(&w);
    }
    for (size_t i = 0; i < b->settings->n_keys; i++) {
        const struct llm_key_setting *key = &b->settings->keys[i];
        if (!llm_str_eq(key->provider, provider) || (is_list && !llm_json_next(&it))) {
            continue;
        }
        llm_json_raw(&w, llm_secret_has(&key->value) ? LLM_STR("{\"value\": \"(hidden)\"}")
                         : is_list                   ? it.value
                                                     : value);
    }
    if (is_list) {
        llm_json_array_end(&w);
    }
    const llm_status status =
        w.status == LLM_OK ? llm_settings_taken(b, name, llm_buf_str(&text), err) : no_memory(err);
    llm_buf_done(&text);
    return status;
}

static llm_status take_provider(struct llm_settings_builder *b, const struct llm_document *doc,
                                llm_json_iter it, llm_error *err) {
    llm_str provider;
    char name[160];
    llm_status status = llm_document_string(doc, it.name, "keys", &b->settings->arena, &provider, err);
    if (status != LLM_OK) {
        return status;
    }
    (void)snprintf(name, sizeof name, "keys.%.*s", LLM_FMT(provider));
    drop(b, provider);
    status = llm_json_type(it.value) == '[' ? take_list(b, doc, it.value, provider, name, err)
                                            : take_one(b, doc, it.value, provider, 1, name, err);
    return status == LLM_OK ? note(b, it.value, provider, name, err) : status;
}

llm_status llm_keys_take(void *builder, const struct llm_document *doc, llm_str value, llm_error *err) {
    if (llm_json_type(value) != '{') {
        return llm_document_fail(doc, value, err,
                                 "keys must be an object: {\"provider\": {\"file\": \"...\"}}");
    }
    llm_json_iter it = llm_json_begin(value);
    while (llm_json_next(&it)) {
        const llm_status status = take_provider(builder, doc, it, err);
        if (status != LLM_OK) {
            return status;
        }
    }
    return LLM_OK;
}
