// SPDX-License-Identifier: MIT
// What was used.  Providers count differently (which of the counts hold the others); the total tells, where there is one.
#include "openai_compat.h"

enum member {
    PROMPT,
    INPUT,
    COMPLETION,
    OUTPUT,
    TOTAL,
    PROMPT_DETAILS,
    INPUT_DETAILS,
    INPUT_DETAIL,
    COMPLETION_DETAILS,
    OUTPUT_DETAILS,
    CACHE_HIT,
    CACHED,
    NUM_CACHED,
    CACHE_READ,
    CACHE_CREATION,
    REASONING,
    COST,
    TICKS,
    ESTIMATED,
    SEARCHES,
    MEMBERS
};

static const llm_str names[MEMBERS] = {OAI_NAME("prompt_tokens"),
                                       OAI_NAME("input_tokens"),
                                       OAI_NAME("completion_tokens"),
                                       OAI_NAME("output_tokens"),
                                       OAI_NAME("total_tokens"),
                                       OAI_NAME("prompt_tokens_details"),
                                       OAI_NAME("input_tokens_details"),
                                       OAI_NAME("input_token_details"),
                                       OAI_NAME("completion_tokens_details"),
                                       OAI_NAME("output_tokens_details"),
                                       OAI_NAME("prompt_cache_hit_tokens"),
                                       OAI_NAME("cached_tokens"),
                                       OAI_NAME("num_cached_tokens"),
                                       OAI_NAME("cache_read_input_tokens"),
                                       OAI_NAME("cache_creation_input_tokens"),
                                       OAI_NAME("reasoning_tokens"),
                                       OAI_NAME("cost"),
                                       OAI_NAME("cost_in_usd_ticks"),
                                       OAI_NAME("estimated_cost"),
                                       OAI_NAME("num_search_queries")};

#define COUNT_MAX (INT64_C(1) << 53) // beyond it nothing was counted; sums of a few never overflow

static bool is_count(llm_str v, int64_t *ret) {
    return oai_int64(v, ret) && *ret >= 0 && *ret <= COUNT_MAX;
}

// A count: the first of two that is one, else -1.
static int64_t count(llm_str a, llm_str b) {
    int64_t n;
    return is_count(a, &n) || is_count(b, &n) ? n : -1;
}

static int64_t or_else(int64_t a, int64_t b) {
    return a >= 0 ? a : b;
}

static int64_t at_most(int64_t a, int64_t max) {
    return max >= 0 && a > max ? max : a;
}

static llm_str object(llm_str a, llm_str b, llm_str c) {
    return llm_json_type(a) == '{' ? a : llm_json_type(b) == '{' ? b : c;
}

// The cost that the answer states: where the provider's file says, else in the places that are known.  A 0 in units smaller than a
// dollar stands where no price is known.
static int64_t cost(const llm_job *job, llm_str doc, const llm_str *v) {
    int64_t pico = -1;
    bool small_units = job->inst->cost_scale > 0;
    if (job->inst->cost_pointer.ptr != NULL) {
        (void)oai_decimal(llm_json_pointer(doc, job->inst->cost_pointer), 12 - job->inst->cost_scale, &pico);
    } else if (!oai_decimal(v[COST], 12, &pico) && !oai_decimal(oai_get(v[COST], "total_cost"), 12, &pico) &&
               !oai_decimal(v[ESTIMATED], 12, &pico)) {
        small_units = oai_decimal(v[TICKS], 2, &pico) != 0;
    }
    return pico < 0 || (pico == 0 && small_units) ? -1 : pico;
}

// The tokens that came on top of completion or prompt: thoughts, sound, or what a cache was read or written for.
static void settle(const llm_job *job, llm_counts *c, int64_t total) {
    const int64_t in = c->input_tokens, out = c->output_tokens;
    if (in < 0 || out < 0) {
        return;
    }
    const int64_t reasoning = or_else(c->reasoning_tokens, 0);
    const int64_t audio = or_else(c->audio_input_tokens, 0);
    const int64_t read = or_else(c->cache_read_tokens, 0), written = or_else(c->cache_write_tokens, 0);
    const int64_t more = total - in - out;
    if (total < 0) {
        c->output_tokens += job->inst->reasoning_tokens == OAI_OUTSIDE ? reasoning : 0;
        c->input_tokens += job->inst->audio_tokens == OAI_OUTSIDE ? audio : 0;
    } else if (more > 0 && more == reasoning) {
        c->output_tokens += reasoning;
    } else if (more > 0 && more == audio) {
        c->input_tokens += audio;
    } else if (more > 0 && (more == read + written || more == read || more == written)) {
        c->input_tokens += more;
    } else if (more > 0 && c->reasoning_tokens < 0) { // nothing else is left that it could be
        c->output_tokens += more;
        c->reasoning_tokens = more;
    }
}

// A word that a price can depend on; absent: it says nothing.
static llm_str word(llm_str value) {
    const llm_str text = llm_json_type(value) == '"' ? llm_json_plain(value) : (llm_str){NULL, 0};
    return text.len == 0 || oai_is(value, "auto") ? (llm_str){NULL, 0} : text;
}

// A word as the answer states it, else as it was asked for.
static llm_str stated(const llm_job *job, llm_str said, const char *name) {
    llm_str text = word(said);
    for (size_t i = job->args->n_fields; i > 0 && text.ptr == NULL; i--) {
        if (oai_same(job->args->fields[i - 1].name, name)) {
            text = word(job->args->fields[i - 1].value);
        }
    }
    return text;
}

llm_status oai_usage(llm_job *job, llm_str doc, llm_str usage, llm_str tier, int64_t images,
                     const llm_out *out) {
    llm_counts c = LLM_COUNTS_INIT;
    llm_str v[MEMBERS] = {{NULL, 0}};
    oai_pick(usage, names, v, MEMBERS);
    const llm_str in = object(v[PROMPT_DETAILS], v[INPUT_DETAILS], v[INPUT_DETAIL]);
    const llm_str made = object(v[COMPLETION_DETAILS], v[OUTPUT_DETAILS], (llm_str){NULL, 0});
    const int64_t total = count(v[TOTAL], v[TOTAL]);
    c.input_tokens = count(v[PROMPT], v[INPUT]);
    c.output_tokens = count(v[COMPLETION], v[OUTPUT]);
    if (job->operation == OAI_EMBEDDINGS && c.input_tokens < 0) {
        c.input_tokens = total;
    }
    c.cache_read_tokens =
        or_else(count(oai_get(in, "cached_tokens"), v[CACHE_HIT]),
                or_else(count(v[CACHED], v[NUM_CACHED]), count(v[CACHE_READ], v[CACHE_READ])));
    c.cache_write_tokens = count(oai_get(in, "cache_write_tokens"), v[CACHE_CREATION]);
    c.reasoning_tokens = count(oai_get(made, "reasoning_tokens"), v[REASONING]);
    c.audio_input_tokens = count(oai_get(in, "audio_tokens"), (llm_str){NULL, 0});
    c.audio_output_tokens = count(oai_get(made, "audio_tokens"), (llm_str){NULL, 0});
    c.image_input_tokens = count(oai_get(in, "image_tokens"), (llm_str){NULL, 0});
    c.image_output_tokens = count(oai_get(made, "image_tokens"), (llm_str){NULL, 0});
    c.searches = count(v[SEARCHES], (llm_str){NULL, 0});
    settle(job, &c, total);
    c.cache_read_tokens = at_most(c.cache_read_tokens, c.input_tokens);
    c.reasoning_tokens = at_most(c.reasoning_tokens, c.output_tokens);
    c.images = images;
    c.cost_pico_usd = cost(job, doc, v);
    c.raw = usage;
    c.tier = stated(job, tier, "service_tier");
    if (job->operation == OAI_IMAGE || job->operation == OAI_IMAGE_EDIT) {
        c.dimensions = stated(job, oai_get(doc, "size"), "size");
        c.quality = stated(job, oai_get(doc, "quality"), "quality");
    }
    return out->usage(out->ctx, &c);
}
