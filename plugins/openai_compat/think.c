// SPDX-License-Identifier: MIT
// For servers that leave a model's thoughts in its text: what stands between <think> and </think> at the start is reasoning.
#include "openai_compat.h"

struct feed {
    llm_job *job;
    const llm_out *out;
    uint32_t choice;
};

static llm_status give(const struct feed *f, uint32_t channel, const char *p, size_t n) {
    return n == 0 ? LLM_OK : f->out->text(f->out->ctx, f->choice, channel, p, n);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// Blanks and a beginning of <think>: wait for more.  It is the whole tag: inside.  Anything else: over.
static llm_status feed_start(const struct feed *f, struct oai_choice *c, char byte) {
    static const char tag[] = "<think>";
    size_t blanks = 0;
    while (blanks < c->n_held && is_blank(c->held[blanks])) {
        blanks++;
    }
    const size_t at = c->n_held - blanks;
    const bool fits = byte == tag[at] || (at == 0 && is_blank(byte));
    if (fits && byte == '>') {
        c->think = OAI_THINK_INSIDE;
        c->n_held = 0;
        return LLM_OK;
    }
    if (fits && c->n_held < OAI_HELD_MAX) {
        c->held[c->n_held++] = byte;
        return LLM_OK;
    }
    c->think = OAI_THINK_OVER;
    const size_t n = c->n_held;
    c->n_held = 0;
    return give(f, LLM_TEXT_CONTENT, c->held, n);
}

// Text up to </think>; a part of the tag at the end of a piece is held as a number of letters.
static llm_status feed_inside(const struct feed *f, struct oai_choice *c, const char **ret_p,
                              const char *end) {
    static const char tag[] = "</think>";
    const char *p = *ret_p, *run = p;
    llm_status status = LLM_OK;
    while (p < end && c->think == OAI_THINK_INSIDE && status >= 0) {
        if (*p == tag[c->n_held]) {
            status = c->n_held == 0 ? give(f, LLM_TEXT_REASONING, run, (size_t)(p - run)) : LLM_OK;
            run = ++p;
            c->think = tag[++c->n_held] == '\0' ? OAI_THINK_OVER : OAI_THINK_INSIDE;
        } else if (c->n_held > 0) { // no tag after all; this byte may begin one
            status = give(f, LLM_TEXT_REASONING, tag, c->n_held);
            c->n_held = 0;
        } else {
            p++;
        }
    }
    if (c->think == OAI_THINK_OVER) {
        c->n_held = 0;
    } else if (c->n_held == 0 && status >= 0) {
        status = give(f, LLM_TEXT_REASONING, run, (size_t)(p - run));
    }
    *ret_p = p;
    return status;
}

static llm_status LLM_CALL feed_piece(void *ctx, const void *piece, size_t n) {
    const struct feed *f = ctx;
    struct oai_choice *c = &f->job->choices[f->choice];
    const char *p = piece, *end = p + n;
    llm_status status = LLM_OK;
    while (p < end && c->think == OAI_THINK_START && status >= 0) {
        status = feed_start(f, c, *p);
        p += c->think != OAI_THINK_OVER ? 1 : 0; // else the byte belongs to the text
    }
    if (p < end && c->think == OAI_THINK_INSIDE && status >= 0) {
        status = feed_inside(f, c, &p, end);
    }
    return status < 0 ? status : give(f, LLM_TEXT_CONTENT, p, (size_t)(end - p));
}

llm_status oai_think_text(llm_job *job, llm_str string, uint32_t choice, const llm_out *out) {
    struct feed f = {job, out, choice};
    return oai_decode_to(string, feed_piece, &f);
}

llm_status oai_think_end(llm_job *job, uint32_t choice, const llm_out *out) {
    struct oai_choice *c = &job->choices[choice];
    const struct feed f = {job, out, choice};
    const size_t n = c->n_held;
    c->n_held = 0;
    if (c->think == OAI_THINK_START) {
        c->think = OAI_THINK_OVER;
        return give(&f, LLM_TEXT_CONTENT, c->held, n);
    }
    return c->think == OAI_THINK_INSIDE ? give(&f, LLM_TEXT_REASONING, "</think>", n) : LLM_OK;
}
