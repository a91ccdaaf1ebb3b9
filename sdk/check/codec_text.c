// SPDX-License-Identifier: MIT
#include "codec_host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

static const char *const channels[] = {"content", "reasoning", "refusal"};
static const char *const reasons[] = {"stop", "length", "tool_calls", "content_filter", "other"};

// In quotes; control bytes, quotes and backslashes escaped.
static void put_quoted(struct llm_buf *out, llm_str s) {
    (void)llm_buf_puts(out, "\"");
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.ptr[i];
        if (c == '\n') {
            (void)llm_buf_puts(out, "\\n");
        } else if (c < 0x20) {
            (void)llm_buf_printf(out, "\\x%02x", c);
        } else {
            (void)llm_buf_puts(out, c == '"' || c == '\\' ? "\\" : "");
            (void)llm_buf_put(out, &s.ptr[i], 1);
        }
    }
    (void)llm_buf_puts(out, "\"");
}

static void put_named(struct llm_buf *out, const char *name, llm_str s) {
    (void)llm_buf_printf(out, "%s ", name);
    put_quoted(out, s);
    (void)llm_buf_puts(out, "\n");
}

static void put_label(struct llm_buf *out, const char *name, uint32_t choice) {
    (void)llm_buf_puts(out, name);
    if (choice != 0) {
        (void)llm_buf_printf(out, "[%" PRIu32 "]", choice);
    }
    (void)llm_buf_puts(out, " ");
}

static void put_choice(struct llm_buf *out, const struct codec_result *r, uint32_t choice) {
    const struct codec_choice *c = codec_result_choice(r, choice);
    for (uint32_t i = 0; c != NULL && i < 3; i++) {
        if (c->text[i].len > 0) {
            put_label(out, channels[i], choice);
            put_quoted(out, llm_buf_str(&c->text[i]));
            (void)llm_buf_puts(out, "\n");
        }
    }
    for (uint32_t index = 0; index < LLM_MAX_TOOL_CALLS; index++) {
        for (size_t i = 0; i < r->n_tools; i++) {
            const struct codec_tool *tool = &r->tools[i];
            if (tool->choice == choice && tool->index == index) {
                put_label(out, "tool", choice);
                (void)llm_buf_printf(out, "%" PRIu32 " ", index);
                put_quoted(out, llm_buf_str(&tool->id));
                (void)llm_buf_puts(out, " ");
                put_quoted(out, llm_buf_str(&tool->name));
                (void)llm_buf_puts(out, " ");
                (void)llm_buf_put(out, tool->args.ptr, tool->args.len);
                (void)llm_buf_puts(out, "\n");
            }
        }
    }
    if (c != NULL && c->finished) {
        put_label(out, "finish", choice);
        (void)llm_buf_printf(out, "%s ",
                             reasons[c->reason <= LLM_FINISH_OTHER ? c->reason : LLM_FINISH_OTHER]);
        if (c->has_native) {
            put_quoted(out, llm_buf_str(&c->native));
        } else {
            (void)llm_buf_puts(out, "-");
        }
        (void)llm_buf_puts(out, "\n");
    }
}

static void put_binary(struct llm_buf *out, const struct codec_result *r) {
    for (size_t i = 0; i < r->n_blobs; i++) {
        const struct codec_blob *blob = &r->blobs[i];
        static const char *const kinds[] = {"bytes", "base64", "url"};
        (void)llm_buf_printf(out, "blob %" PRIu32 " %.*s %s ", blob->index, LLM_FMT(llm_buf_str(&blob->mime)),
                             kinds[blob->kind]);
        for (size_t b = 0; blob->kind == CODEC_BLOB_BYTES && b < blob->data.len; b++) {
            (void)llm_buf_printf(out, "%02x", (unsigned char)blob->data.ptr[b]);
        }
        if (blob->kind != CODEC_BLOB_BYTES) {
            (void)llm_buf_put(out, blob->data.ptr, blob->data.len);
        }
        (void)llm_buf_puts(out, blob->complete ? "\n" : "...\n");
    }
    for (size_t i = 0; i < r->n_vectors; i++) {
        const struct codec_vector *vector = &r->vectors[i];
        (void)llm_buf_printf(out, "vector %" PRIu32 " ", vector->index);
        if (vector->is_json) {
            (void)llm_buf_put(out, vector->data.ptr, vector->data.len);
        }
        for (size_t b = 0; !vector->is_json && b < vector->data.len; b += sizeof(float)) {
            char number[32];
            float f;
            memcpy(&f, vector->data.ptr + b, sizeof f);
            (void)snprintf(number, sizeof number, "%.9g", (double)f);
            char *comma = strchr(number, ','); // test 54 runs in such a locale
            if (comma != NULL) {
                *comma = '.';
            }
            (void)llm_buf_printf(out, "%s%s", b == 0 ? "" : ",", number);
        }
        (void)llm_buf_puts(out, "\n");
    }
}

// A service tier that is none.
static bool is_usual(llm_str tier) {
    return llm_str_is(tier, "default") || llm_str_is(tier, "standard") || llm_str_is(tier, "on_demand");
}

static void put_usage(struct llm_buf *out, const struct codec_result *r) {
    const llm_counts *u = &r->usage;
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {
        {"in", u->input_tokens},
        {"out", u->output_tokens},
        {"read", u->cache_read_tokens},
        {"write", u->cache_write_tokens},
        {"write1h", u->cache_write_1h_tokens},
        {"reasoning", u->reasoning_tokens},
        {"ain", u->audio_input_tokens},
        {"aout", u->audio_output_tokens},
        {"images", u->images},
        {"ms", u->milliseconds},
        {"chars", u->characters},
        {"cost", u->cost_pico_usd},
        {"iin", u->image_input_tokens},
        {"iout", u->image_output_tokens},
        {"pages", u->pages},
        {"searches", u->searches},
    };
    if (!r->has_usage) {
        return;
    }
    (void)llm_buf_puts(out, "usage");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (counts[i].value != -1) {
            (void)llm_buf_printf(out, " %s=%" PRId64, counts[i].name, counts[i].value);
        }
    }
    const struct {
        const char *name;
        const struct llm_buf *word;
    } words[] = {{"tier", &r->usage_words[0]}, {"size", &r->usage_words[1]}, {"quality", &r->usage_words[2]}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].word->len > 0 && !is_usual(llm_buf_str(words[i].word))) {
            (void)llm_buf_printf(out, " %s=%.*s", words[i].name, LLM_FMT(llm_buf_str(words[i].word)));
        }
    }
    (void)llm_buf_puts(out, "\n");
    if (u->raw.ptr != NULL) {
        (void)llm_buf_puts(out, "raw ");
        (void)llm_buf_put(out, u->raw.ptr, u->raw.len);
        (void)llm_buf_puts(out, "\n");
    }
}

static void put_part(struct llm_buf *out, const char *name, llm_str part) {
    if (part.ptr != NULL) {
        (void)llm_buf_printf(out, " %s=", name);
        put_quoted(out, part);
    }
}

static void put_fault(struct llm_buf *out, const llm_fault *fault) {
    (void)llm_buf_printf(out, "fault %s %" PRIu32 " ", llm_status_name(fault->code), fault->http_status);
    put_quoted(out, fault->message);
    put_part(out, "code", fault->provider_code);
    put_part(out, "param", fault->param);
    put_part(out, "id", fault->request_id);
    if (fault->retry != LLM_RETRY_DEFAULT) {
        (void)llm_buf_printf(out, " retry=%" PRIu32, fault->retry);
    }
    if (fault->retry_after_ms != 0) {
        (void)llm_buf_printf(out, " after=%" PRIu64, fault->retry_after_ms);
    }
    (void)llm_buf_puts(out, "\n");
}

const char *codec_result_text(struct codec_result *r) {
    struct llm_buf *out = &r->text;
    out->len = 0;
    (void)llm_buf_puts(out, "");
    if (r->model.len > 0) {
        put_named(out, "model", llm_buf_str(&r->model));
    }
    if (r->id.len > 0) {
        put_named(out, "id", llm_buf_str(&r->id));
    }
    for (uint32_t choice = 0; choice < LLM_MAX_CHOICES; choice++) {
        bool seen = codec_result_choice(r, choice) != NULL;
        for (size_t i = 0; i < r->n_tools; i++) {
            seen |= r->tools[i].choice == choice;
        }
        if (seen) {
            put_choice(out, r, choice);
        }
    }
    put_binary(out, r);
    put_usage(out, r);
    for (size_t i = 0; i < r->n_jsons; i++) {
        (void)llm_buf_printf(out, "json %.*s ", LLM_FMT(llm_buf_str(&r->jsons[i].name)));
        (void)llm_buf_put(out, r->jsons[i].text.ptr, r->jsons[i].text.len);
        (void)llm_buf_puts(out, "\n");
    }
    for (size_t i = 0; i < r->n_warnings; i++) {
        (void)llm_buf_printf(out, "warn %.*s %.*s %.*s\n", LLM_FMT(llm_buf_str(&r->warnings[i].name)),
                             LLM_FMT(llm_buf_str(&r->warnings[i].param)),
                             LLM_FMT(llm_buf_str(&r->warnings[i].text)));
    }
    if (r->has_fault) {
        put_fault(out, &r->fault);
    }
    if (r->breach.len > 0) {
        (void)llm_buf_printf(out, "breach %.*s", LLM_FMT(llm_buf_str(&r->breach)));
    }
    if (r->status != LLM_OK) {
        (void)llm_buf_printf(out, "status %s\n", llm_status_name(r->status));
    }
    return out->ptr;
}

const char *codec_request_text(struct codec_result *r, size_t n) {
    struct llm_buf *out = &r->text;
    out->len = 0;
    (void)llm_buf_puts(out, "");
    if (n >= r->n_exchanges) {
        return out->ptr;
    }
    const struct codec_exchange *ex = &r->exchanges[n];
    (void)llm_buf_printf(out, "%.*s %.*s\n", LLM_FMT(llm_buf_str(&ex->method)),
                         LLM_FMT(llm_buf_str(&ex->url)));
    (void)llm_buf_put(out, ex->headers.ptr, ex->headers.len);
    (void)llm_buf_puts(out, "\n");
    (void)llm_buf_put(out, ex->body.ptr, ex->body.len);
    return out->ptr;
}

const struct codec_choice *codec_result_choice(const struct codec_result *r, uint32_t choice) {
    for (size_t i = 0; i < r->n_choices; i++) {
        if (r->choices[i].choice == choice) {
            return &r->choices[i];
        }
    }
    return NULL;
}

static void pairs_done(struct codec_pair *pairs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        llm_buf_done(&pairs[i].name);
        llm_buf_done(&pairs[i].param);
        llm_buf_done(&pairs[i].text);
    }
    llm_mem_free(pairs);
}

static void answer_done(struct codec_result *r) {
    for (size_t i = 0; i < r->n_choices; i++) {
        for (size_t k = 0; k < 3; k++) {
            llm_buf_done(&r->choices[i].text[k]);
        }
        llm_buf_done(&r->choices[i].native);
    }
    for (size_t i = 0; i < r->n_tools; i++) {
        llm_buf_done(&r->tools[i].id);
        llm_buf_done(&r->tools[i].name);
        llm_buf_done(&r->tools[i].args);
    }
    for (size_t i = 0; i < r->n_blobs; i++) {
        llm_buf_done(&r->blobs[i].mime);
        llm_buf_done(&r->blobs[i].data);
    }
    for (size_t i = 0; i < r->n_vectors; i++) {
        llm_buf_done(&r->vectors[i].data);
    }
    llm_mem_free(r->choices);
    llm_mem_free(r->tools);
    llm_mem_free(r->blobs);
    llm_mem_free(r->vectors);
}

void codec_result_done(struct codec_result *r) {
    for (size_t i = 0; i < r->n_exchanges; i++) {
        llm_buf_done(&r->exchanges[i].method);
        llm_buf_done(&r->exchanges[i].url);
        llm_buf_done(&r->exchanges[i].headers);
        llm_buf_done(&r->exchanges[i].body);
    }
    llm_mem_free(r->exchanges);
    answer_done(r);
    pairs_done(r->warnings, r->n_warnings);
    pairs_done(r->jsons, r->n_jsons);
    struct llm_buf *const bufs[] = {&r->usage_words[0],
                                    &r->usage_words[1],
                                    &r->usage_words[2],
                                    &r->usage_raw,
                                    &r->model,
                                    &r->id,
                                    &r->breach,
                                    &r->text,
                                    &r->fault_text[0],
                                    &r->fault_text[1],
                                    &r->fault_text[2],
                                    &r->fault_text[3],
                                    &r->log};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) {
        llm_buf_done(bufs[i]);
    }
    *r = (struct codec_result){.status = LLM_OK};
}
