// SPDX-License-Identifier: MIT
// Answers of chat and of its predecessor, whole or a chunk of a stream: choices with their text, reasoning, calls and finish.
#include "openai_compat.h"

#define PARTS_DEPTH_MAX 4

static llm_status give_text(llm_job *job, llm_str string, uint32_t choice, uint32_t channel,
                            const llm_out *out) {
    if (!oai_has_text(string)) {
        return LLM_OK;
    }
    if (channel == LLM_TEXT_CONTENT && job->inst->think_tags) {
        return oai_think_text(job, string, choice, out);
    }
    return oai_text(string, out, choice, channel);
}

static llm_status give_parts(llm_job *job, llm_str v, uint32_t choice, uint32_t channel, unsigned depth,
                             const llm_out *out);

// One part of a content that is a list: {"type":"text","text":...}, {"type":"thinking","thinking":[...]}, ...
static llm_status give_part(llm_job *job, llm_str part, uint32_t choice, uint32_t channel, unsigned depth,
                            const llm_out *out) {
    static const llm_str names[] = {OAI_NAME("type"),    OAI_NAME("text"),      OAI_NAME("thinking"),
                                    OAI_NAME("refusal"), OAI_NAME("image_url"), OAI_NAME("summary")};
    enum { TYPE, TEXT, THINKING, REFUSAL, IMAGE, SUMMARY, N };
    llm_str v[N] = {{NULL, 0}};
    oai_pick(part, names, v, N);
    if (oai_is(v[TYPE], "thinking") || oai_is(v[TYPE], "reasoning") || oai_is(v[TYPE], "reasoning.text") ||
        oai_is(v[TYPE], "reasoning.summary")) {
        channel = LLM_TEXT_REASONING;
    }
    llm_status status = give_text(job, v[TEXT], choice, channel, out);
    if (status >= 0 && v[THINKING].ptr != NULL) {
        status = give_parts(job, v[THINKING], choice, LLM_TEXT_REASONING, depth + 1, out);
    }
    if (status >= 0 && channel == LLM_TEXT_REASONING && !oai_has_text(v[TEXT])) {
        status = give_parts(job, v[SUMMARY], choice, channel, depth + 1, out);
    }
    if (status >= 0) {
        status = give_text(job, v[REFUSAL], choice, LLM_TEXT_REFUSAL, out);
    }
    if (status >= 0 && v[IMAGE].ptr != NULL) {
        status = oai_image(job, v[IMAGE], (llm_str){NULL, 0}, out);
    }
    return status;
}

static llm_status give_parts(llm_job *job, llm_str v, uint32_t choice, uint32_t channel, unsigned depth,
                             const llm_out *out) {
    const char type = llm_json_type(v);
    if (type == '"') {
        return give_text(job, v, choice, channel, out);
    }
    if (type == '{') {
        return depth >= PARTS_DEPTH_MAX ? LLM_OK : give_part(job, v, choice, channel, depth, out);
    }
    llm_json_iter it = oai_begin(v);
    llm_status status = LLM_OK;
    while (status >= 0 && depth < PARTS_DEPTH_MAX && oai_next(&it)) {
        status = give_parts(job, it.value, choice, channel, depth + 1, out);
    }
    return status;
}

enum message_member {
    CONTENT,
    REASONING_CONTENT, // these three say the same where more than one is there
    REASONING,
    REASONING_TEXT,
    REASONING_DETAILS,
    REFUSAL_TEXT,
    TOOL_CALLS,
    FUNCTION_CALL,
    AUDIO,
    IMAGES,
    MESSAGE_MEMBERS
};

static llm_status give_reasoning(llm_job *job, const llm_str *v, uint32_t choice, const llm_out *out) {
    struct oai_choice *c = &job->choices[choice];
    for (size_t i = REASONING_CONTENT; i <= REASONING_TEXT; i++) {
        if (oai_has_text(v[i])) {
            c->flags |= OAI_PLAIN;
            return oai_text(v[i], out, choice, LLM_TEXT_REASONING);
        }
    }
    if ((c->flags & OAI_PLAIN) != 0 || v[REASONING_DETAILS].ptr == NULL) {
        return LLM_OK;
    }
    return give_parts(job, v[REASONING_DETAILS], choice, LLM_TEXT_REASONING, 0, out);
}

static llm_status give_images(llm_job *job, llm_str images, const llm_out *out) {
    llm_json_iter it = oai_begin(images);
    llm_status status = LLM_OK;
    while (status >= 0 && oai_next(&it)) {
        const llm_str url = oai_get(it.value, "image_url");
        status = oai_image(job, url.ptr != NULL ? url : it.value, (llm_str){NULL, 0}, out);
    }
    return status;
}

static llm_status give_message(llm_job *job, llm_str message, uint32_t choice, bool whole,
                               const llm_out *out) {
    static const llm_str names[MESSAGE_MEMBERS] = {
        OAI_NAME("content"),        OAI_NAME("reasoning_content"), OAI_NAME("reasoning"),
        OAI_NAME("reasoning_text"), OAI_NAME("reasoning_details"), OAI_NAME("refusal"),
        OAI_NAME("tool_calls"),     OAI_NAME("function_call"),     OAI_NAME("audio"),
        OAI_NAME("images")};
    llm_str v[MESSAGE_MEMBERS] = {{NULL, 0}};
    oai_pick(message, names, v, MESSAGE_MEMBERS);
    llm_status status = give_reasoning(job, v, choice, out);
    if (status >= 0) {
        status = give_parts(job, v[CONTENT], choice, LLM_TEXT_CONTENT, 0, out);
    }
    if (status >= 0) {
        status = give_text(job, v[REFUSAL_TEXT], choice, LLM_TEXT_REFUSAL, out);
    }
    if (status >= 0) {
        status = oai_tool_calls(job, v[TOOL_CALLS], choice, whole, out);
    }
    if (status >= 0 && llm_json_type(v[FUNCTION_CALL]) == '{') {
        status = oai_function_call(job, v[FUNCTION_CALL], choice, out);
    }
    if (status >= 0 && llm_json_type(v[AUDIO]) == '{') {
        status = oai_audio(job, v[AUDIO], whole, out);
    }
    return status < 0 ? status : give_images(job, v[IMAGES], out);
}

/* ---- the end of a choice ------------------------------------------------------------------------------------------ */

static const struct {
    const char *word;
    uint32_t reason;
} finish_words[] = {
    {"stop", LLM_FINISH_STOP},
    {"eos", LLM_FINISH_STOP},
    {"eos_token", LLM_FINISH_STOP},
    {"end", LLM_FINISH_STOP},
    {"end_turn", LLM_FINISH_STOP},
    {"stop_sequence", LLM_FINISH_STOP},
    {"complete", LLM_FINISH_STOP},
    {"completed", LLM_FINISH_STOP},
    {"length", LLM_FINISH_LENGTH},
    {"max_tokens", LLM_FINISH_LENGTH},
    {"model_length", LLM_FINISH_LENGTH},
    {"max_output_tokens", LLM_FINISH_LENGTH},
    {"max_length", LLM_FINISH_LENGTH},
    {"token_limit", LLM_FINISH_LENGTH},
    {"model_context_window_exceeded", LLM_FINISH_LENGTH},
    {"tool_calls", LLM_FINISH_TOOL_CALLS},
    {"tool_call", LLM_FINISH_TOOL_CALLS},
    {"tool_use", LLM_FINISH_TOOL_CALLS},
    {"function_call", LLM_FINISH_TOOL_CALLS},
    {"content_filter", LLM_FINISH_CONTENT_FILTER},
    {"content_filtered", LLM_FINISH_CONTENT_FILTER},
    {"safety", LLM_FINISH_CONTENT_FILTER},
    {"refusal", LLM_FINISH_CONTENT_FILTER},
    {"sensitive", LLM_FINISH_CONTENT_FILTER},
    {"prohibited_content", LLM_FINISH_CONTENT_FILTER},
    {"blocklist", LLM_FINISH_CONTENT_FILTER},
    {"recitation", LLM_FINISH_CONTENT_FILTER},
    {"guardrail_intervened", LLM_FINISH_CONTENT_FILTER},
};

static uint32_t finish_reason(const llm_job *job, llm_str word) {
    static const char *const ours[] = {"stop", "length", "tool_calls", "content_filter"};
    llm_json_iter it = oai_begin(job->inst->finish_reasons);
    while (oai_next(&it)) {
        if (oai_is_str(it.name, word)) {
            for (uint32_t i = 0; i < 4; i++) {
                if (oai_is(it.value, ours[i])) {
                    return i;
                }
            }
            return LLM_FINISH_OTHER;
        }
    }
    for (size_t i = 0; i < sizeof finish_words / sizeof finish_words[0]; i++) {
        if (oai_glob((llm_str){finish_words[i].word, strlen(finish_words[i].word)}, word, true)) {
            return finish_words[i].reason;
        }
    }
    return LLM_FINISH_OTHER;
}

// word: the provider's, absent when it gave none.
static llm_status finish(llm_job *job, uint32_t choice, llm_str word, llm_str native, const llm_out *out) {
    struct oai_choice *c = &job->choices[choice];
    if ((c->flags & OAI_FINISHED) != 0) {
        return LLM_OK;
    }
    c->flags |= OAI_FINISHED;
    job->has_finish = job->has_finish || word.ptr != NULL;
    llm_status status = job->inst->think_tags ? oai_think_end(job, choice, out) : LLM_OK;
    if (status >= 0) {
        status = oai_tools_end(job, choice, out);
    }
    if (status < 0) {
        return status;
    }
    const uint32_t reason = word.ptr != NULL ? finish_reason(job, word) : LLM_FINISH_OTHER;
    return out->finish(out->ctx, choice, reason, native.ptr, native.len);
}

bool oai_chat_is_finished(const llm_job *job) {
    for (uint32_t i = 0; i < job->n_choices; i++) {
        if ((job->choices[i].flags & (OAI_SEEN | OAI_FINISHED)) == OAI_SEEN) {
            return false;
        }
    }
    return job->has_finish;
}

llm_status oai_chat_end(llm_job *job, const llm_out *out) {
    llm_status status = oai_audio_end(job, out);
    for (uint32_t i = 0; i < job->n_choices && status >= 0; i++) {
        if ((job->choices[i].flags & OAI_SEEN) != 0) {
            status = finish(job, i, (llm_str){NULL, 0}, (llm_str){NULL, 0}, out);
        }
    }
    return status;
}

/* ---- choices ------------------------------------------------------------------------------------------------------- */

// Make room for it: no memory, false.
static bool have_choice(llm_job *job, size_t index) {
    if (index < job->n_choices) {
        return true;
    }
    size_t n = job->n_choices > 0 ? job->n_choices : 1;
    while (n <= index) {
        n *= 2;
    }
    struct oai_choice *choices = job->args->alloc(job->args->alloc_ctx, n * sizeof *choices);
    if (choices == NULL) {
        return false;
    }
    if (job->n_choices > 0) {
        memcpy(choices, job->choices, job->n_choices * sizeof *choices);
    }
    job->choices = choices; // the rest is zero
    job->n_choices = n;
    return true;
}

enum choice_member { INDEX, DELTA, MESSAGE, TEXT, FINISH, NATIVE_FINISH, ERROR, USAGE, CHOICE_MEMBERS };

static llm_status give_choice(llm_job *job, const llm_str *v, uint32_t choice, bool whole,
                              const llm_out *out) {
    struct oai_choice *c = &job->choices[choice];
    c->flags |= OAI_SEEN;
    llm_status status = LLM_OK;
    if (llm_json_type(v[DELTA]) == '{') {
        c->flags |= OAI_DELTA;
        status = give_message(job, v[DELTA], choice, false, out);
    } else if (llm_json_type(v[MESSAGE]) == '{' && (c->flags & OAI_DELTA) == 0) {
        status = give_message(job, v[MESSAGE], choice, whole, out);
    } else if (v[TEXT].ptr != NULL) {
        status = give_text(job, v[TEXT], choice, LLM_TEXT_CONTENT, out);
    }
    if (status < 0 || oai_is_failure(v[ERROR])) {
        return status;
    }
    if (!oai_has_text(v[FINISH])) {
        const bool empty =
            whole && oai_is(v[FINISH], ""); // the provider's own word; in a chunk it is none yet
        return empty ? finish(job, choice, (llm_str){NULL, 0}, (llm_str){"", 0}, out) : LLM_OK;
    }
    const llm_str word = oai_decode(job, v[FINISH], OAI_TEXT_ID);
    const llm_str native =
        oai_has_text(v[NATIVE_FINISH]) ? oai_decode(job, v[NATIVE_FINISH], OAI_TEXT_NAME) : word;
    return word.ptr == NULL ? LLM_E_NOMEM : finish(job, choice, word, native, out);
}

// What stands inside a choice and concerns the whole answer; absent: nothing.
struct inner {
    llm_str usage, error;
};

static llm_status give_choices(llm_job *job, llm_str choices, bool whole, struct inner *inner,
                               const llm_out *out) {
    static const llm_str names[CHOICE_MEMBERS] = {OAI_NAME("index"),         OAI_NAME("delta"),
                                                  OAI_NAME("message"),       OAI_NAME("text"),
                                                  OAI_NAME("finish_reason"), OAI_NAME("native_finish_reason"),
                                                  OAI_NAME("error"),         OAI_NAME("usage")};
    llm_json_iter it = oai_begin(choices);
    llm_status status = LLM_OK;
    for (int64_t n = 0; status >= 0 && oai_next(&it); n++) {
        llm_str v[CHOICE_MEMBERS] = {{NULL, 0}};
        oai_pick(it.value, names, v, CHOICE_MEMBERS);
        int64_t index = n;
        (void)oai_int64(v[INDEX], &index);
        if (index < 0 || index >= (int64_t)OAI_CHOICES_MAX) {
            return oai_fault(out, LLM_E_PROTOCOL, "the number of a choice is out of range", NULL);
        }
        if (!have_choice(job, (size_t)index)) {
            return LLM_E_NOMEM;
        }
        job->has_answer = true;
        status = give_choice(job, v, (uint32_t)index, whole, out);
        inner->usage = llm_json_type(v[USAGE]) == '{' ? v[USAGE] : inner->usage;
        inner->error = oai_is_failure(v[ERROR]) ? v[ERROR] : inner->error;
    }
    return status;
}

static llm_status give_identity(llm_job *job, llm_str model, llm_str id, const llm_out *out) {
    const bool new_model = !job->has_model && oai_has_text(model);
    const bool new_id = !job->has_id && oai_has_text(id);
    if (!new_model && !new_id) {
        return LLM_OK;
    }
    job->has_model |= new_model;
    job->has_id |= new_id;
    const llm_str m = new_model ? oai_decode(job, model, OAI_TEXT_NAME) : (llm_str){"", 0};
    const llm_str i = new_id ? oai_decode(job, id, OAI_TEXT_ID) : (llm_str){"", 0};
    return out->identity(out->ctx, m.ptr, m.len, i.ptr, i.len);
}

enum top_member { TOP_CHOICES, TOP_USAGE, TOP_MODEL, TOP_ID, TOP_TIER, TOP_ERROR, TOP_GROQ, TOP_MEMBERS };

llm_status oai_chat_chunk(llm_job *job, llm_str doc, bool whole, const llm_out *out) {
    static const llm_str names[TOP_MEMBERS] = {
        OAI_NAME("choices"),      OAI_NAME("usage"), OAI_NAME("model"), OAI_NAME("id"),
        OAI_NAME("service_tier"), OAI_NAME("error"), OAI_NAME("x_groq")};
    llm_str v[TOP_MEMBERS] = {{NULL, 0}};
    oai_pick(doc, names, v, TOP_MEMBERS);
    const bool failed =
        oai_is_failure(v[TOP_ERROR]) || (v[TOP_CHOICES].ptr == NULL && oai_is_failure_body(doc));
    // A chunk that the caller did not ask for is not for the caller.
    const bool only_usage =
        job->usage_is_ours && llm_json_type(v[TOP_USAGE]) == '{' && oai_at(v[TOP_CHOICES], 0).ptr == NULL;
    llm_status status = LLM_OK;
    if (job->is_native && !failed && !only_usage) {
        status = out->verbatim(out->ctx);
    }
    if (status >= 0) {
        status = give_identity(job, v[TOP_MODEL], v[TOP_ID], out);
    }
    struct inner inner = {{NULL, 0}, {NULL, 0}};
    if (status >= 0) {
        status = give_choices(job, v[TOP_CHOICES], whole, &inner, out);
    }
    llm_str usage = llm_json_type(v[TOP_USAGE]) == '{' ? v[TOP_USAGE] : inner.usage;
    usage = usage.ptr != NULL ? usage : oai_get(v[TOP_GROQ], "usage");
    if (status >= 0 && llm_json_type(usage) == '{') { // also of a failure: it has its price
        const int64_t images = job->n_blobs > 0 ? (int64_t)job->n_blobs : -1;
        status = oai_usage(job, doc, usage, v[TOP_TIER], images, out);
    }
    if (status < 0 || failed) {
        return status < 0 ? status : oai_fault_in_answer(job, doc, out);
    }
    if (inner.error.ptr != NULL) {
        return oai_fault_in_answer(job, inner.error, out);
    }
    return oai_has_text(oai_get(v[TOP_GROQ], "error")) ? oai_fault_in_answer(job, v[TOP_GROQ], out) : LLM_OK;
}
