// SPDX-License-Identifier: MIT
// Tool calls.  Which call a piece belongs to: its index; without one its id; without that the last one.  Arguments go on as they
// were sent; where none came, they are {}.
#include "openai_compat.h"

struct feed {
    const llm_out *out;
    struct oai_call call;
    llm_str id, name;
    bool sent;
};

static uint64_t hash(llm_str id) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < id.len; i++) {
        h = (h ^ (unsigned char)id.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return id.len == 0 ? 0 : h | 1;
}

static struct oai_call *find_index(llm_job *job, uint32_t choice, uint32_t index) {
    for (size_t i = job->n_calls; i > 0; i--) {
        if (job->calls[i - 1].choice == choice && job->calls[i - 1].index == index) {
            return &job->calls[i - 1];
        }
    }
    return NULL;
}

// By id; without one (0) the last.
static struct oai_call *find_id(llm_job *job, uint32_t choice, uint64_t id_hash) {
    for (size_t i = job->n_calls; i > 0; i--) {
        struct oai_call *call = &job->calls[i - 1];
        if (call->choice == choice && (id_hash == 0 || call->id_hash == id_hash)) {
            return call;
        }
    }
    return NULL;
}

static uint32_t next_index(const llm_job *job, uint32_t choice) {
    uint32_t next = 0;
    for (size_t i = 0; i < job->n_calls; i++) {
        if (job->calls[i].choice == choice && job->calls[i].index >= next) {
            next = job->calls[i].index + 1;
        }
    }
    return next;
}

static struct oai_call *add_call(llm_job *job, uint32_t choice, uint32_t index) {
    if (job->n_calls == job->cap_calls) {
        const size_t cap = job->cap_calls == 0 ? 16 : job->cap_calls * 2;
        struct oai_call *calls = job->args->alloc(job->args->alloc_ctx, cap * sizeof *calls);
        if (calls == NULL) {
            return NULL;
        }
        if (job->n_calls > 0) {
            memcpy(calls, job->calls, job->n_calls * sizeof *calls);
        }
        job->calls = calls;
        job->cap_calls = cap;
    }
    job->calls[job->n_calls] = (struct oai_call){.choice = choice, .index = index};
    return &job->calls[job->n_calls++];
}

static llm_status LLM_CALL give_args(void *ctx, const void *p, size_t n) {
    struct feed *f = ctx;
    const llm_str id = f->sent ? (llm_str){"", 0} : f->id;
    const llm_str name = f->sent ? (llm_str){"", 0} : f->name;
    f->sent = true;
    return f->out->tool(f->out->ctx, f->call.choice, f->call.index, id.ptr, id.len, name.ptr, name.len, p, n);
}

// Are these all arguments of a call?
static bool is_complete(llm_job *job, llm_str args) {
    const llm_str text = llm_json_type(args) == '"' ? oai_decode(job, args, OAI_TEXT_DATA) : args;
    return llm_json_type(text) == '{' && llm_json_check(text, 64, NULL);
}

// args: a string with the JSON text in it, or the JSON itself.
static llm_status give(llm_job *job, struct oai_call *call, llm_str id, llm_str name, llm_str args,
                       const llm_out *out) {
    struct feed f = {.out = out, .call = *call, .id = id, .name = name};
    const char type = llm_json_type(args);
    // The text "null" too stands for no arguments.
    const bool says_null = type == '"' && !call->has_args && oai_is(args, "null");
    const bool has_args = type == '"' ? oai_has_text(args) && !says_null : type != 0 && type != 'n';
    if (has_args) {
        call->is_complete = call->id_hash == 0 && !call->has_args && is_complete(job, args);
        call->has_args = true;
        return type == '"' ? oai_decode_to(args, give_args, &f) : give_args(&f, args.ptr, args.len);
    }
    return id.len > 0 || name.len > 0 ? give_args(&f, "", 0) : LLM_OK;
}

// The call that a piece belongs to.  whole: pieces are whole calls, in order, and some servers give all of them index 0.
static struct oai_call *call_of(llm_job *job, llm_str piece, uint32_t choice, bool whole, llm_str id,
                                bool has_name) {
    int64_t index = -1;
    const uint64_t id_hash = hash(id);
    struct oai_call *call = NULL;
    if (!whole && oai_int64(oai_get(piece, "index"), &index) && index >= 0 && index < OAI_CALLS_MAX) {
        call = find_index(job, choice, (uint32_t)index);
        if (call != NULL && call->has_args && has_name && id_hash != 0 && call->id_hash != id_hash) {
            // The number of a call that is complete, used for another one: go by the id.
            index = -1;
            call = find_id(job, choice, id_hash);
        } else if (call != NULL && call->is_complete && has_name && id_hash == 0) {
            index = -1; // the same where there are no ids
            call = NULL;
        }
    } else if (!whole) {
        index = -1;
        const bool starts = id_hash == 0 && has_name; // a name begins a call, a piece without one goes on
        call = starts ? NULL : find_id(job, choice, id_hash);
    }
    if (call == NULL) {
        call = add_call(job, choice, index >= 0 ? (uint32_t)index : next_index(job, choice));
    }
    if (call != NULL && id_hash != 0) {
        call->id_hash = id_hash;
    }
    return call;
}

static llm_status tool_call(llm_job *job, llm_str piece, uint32_t choice, bool whole, const llm_out *out) {
    static const char *const places[] = {"function", "custom", NULL};
    llm_str function = piece; // some put name and arguments beside the id
    for (size_t i = 0; places[i] != NULL; i++) {
        const llm_str inner = oai_get(piece, places[i]);
        if (llm_json_type(inner) == '{') {
            function = inner;
            break;
        }
    }
    if (job->n_calls >= OAI_CALLS_MAX) {
        return oai_fault(out, LLM_E_LIMIT, "too many tool calls", NULL);
    }
    const llm_str id = oai_decode(job, oai_get(piece, "id"), OAI_TEXT_ID);
    const llm_str name = oai_decode(job, oai_get(function, "name"), OAI_TEXT_NAME);
    const llm_str args = oai_get(function, "arguments");
    struct oai_call *call = call_of(job, piece, choice, whole, id, name.len > 0);
    if (call == NULL) {
        return LLM_E_NOMEM;
    }
    return give(job, call, id, name, args.ptr != NULL ? args : oai_get(function, "input"), out);
}

llm_status oai_tool_calls(llm_job *job, llm_str calls, uint32_t choice, bool whole, const llm_out *out) {
    if (llm_json_type(calls) == '{') { // one, without a list around it
        return tool_call(job, calls, choice, whole, out);
    }
    llm_json_iter it = oai_begin(calls);
    llm_status status = LLM_OK;
    while (status >= 0 && oai_next(&it)) {
        status = llm_json_type(it.value) == '{' ? tool_call(job, it.value, choice, whole, out) : LLM_OK;
    }
    return status;
}

llm_status oai_function_call(llm_job *job, llm_str function, uint32_t choice, const llm_out *out) {
    const llm_str name = oai_decode(job, oai_get(function, "name"), OAI_TEXT_NAME);
    const llm_str args = oai_get(function, "arguments");
    struct oai_call *call = find_index(job, choice, 0);
    if (call == NULL && name.len == 0) {
        return LLM_OK; // {"name":"","arguments":""} stands where there is none
    }
    if (call == NULL) {
        call = add_call(job, choice, 0);
    }
    return call == NULL ? LLM_E_NOMEM : give(job, call, (llm_str){"", 0}, name, args, out);
}

llm_status oai_tools_end(llm_job *job, uint32_t choice, const llm_out *out) {
    for (size_t i = 0; i < job->n_calls; i++) {
        struct oai_call *call = &job->calls[i];
        if (call->choice == choice && !call->has_args) {
            call->has_args = true;
            const llm_status status = out->tool(out->ctx, choice, call->index, "", 0, "", 0, "{}", 2);
            if (status < 0) {
                return status;
            }
        }
    }
    return LLM_OK;
}
