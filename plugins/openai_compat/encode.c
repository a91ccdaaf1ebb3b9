// SPDX-License-Identifier: MIT
// The request: the caller's JSON with the model's name replaced and what `params` say, everything else byte for byte.
#include "openai_compat.h"

#define OUR_MEMBERS 4 // model, stream, stream_options, images or mask

/* ---- a job ------------------------------------------------------------------------------------------------------ */

static bool streams(enum oai_operation operation, const llm_job_args *args) {
    if ((args->flags & LLM_JOB_STREAM) == 0) {
        return false;
    }
    if (operation == OAI_IMAGE || operation == OAI_IMAGE_EDIT) { // few can: only where the caller says so
        int wanted = 0;
        return llm_json_bool(oai_get(args->request, "stream"), &wanted) && wanted;
    }
    return operation == OAI_CHAT || operation == OAI_COMPLETIONS;
}

llm_status oai_open(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                    enum oai_operation operation, llm_job **ret) {
    const llm_str path = inst->paths[operation];
    if (path.ptr == NULL) {
        return oai_fault(out, LLM_E_UNSUPPORTED, "the provider does not offer this operation", "operation");
    }
    if (args->n_attachments > 0 && operation != OAI_CHAT && operation != OAI_IMAGE_EDIT) {
        return oai_fault(out, LLM_E_UNSUPPORTED, "this operation takes no attachments", "attachments");
    }
    size_t attach_at = 0;
    if (args->n_attachments > 0 && !oai_attach_place(args, operation, &attach_at)) {
        return oai_fault(out, LLM_E_UNSUPPORTED, "there is no place for the attachments in the request",
                         "attachments");
    }
    const size_t members_size = (args->n_fields + inst->n_defaults + OUR_MEMBERS) * sizeof(struct oai_member);
    const size_t url_size =
        path.len + path.len / 7 * 3 * args->model.len + 1; // {model} may stand there often
    llm_job *job = args->alloc(args->alloc_ctx, sizeof *job + members_size + url_size);
    if (job == NULL) {
        return LLM_E_NOMEM;
    }
    job->inst = inst;
    job->args = args;
    job->operation = operation;
    job->members = (struct oai_member *)(job + 1);
    job->url = (char *)job->members + members_size;
    job->stream = streams(operation, args);
    job->attach_at = attach_at;
    job->is_native = args->format.len > 7 && memcmp(args->format.ptr, "openai.", 7) == 0;
    *ret = job;
    return LLM_OK;
}

void LLM_CALL oai_close(llm_job *job) {
    (void)job; // its memory is the call's
}

/* ---- splicing --------------------------------------------------------------------------------------------------- */

void oai_splice_put(struct oai_splice *s, llm_str text) {
    if (s->status >= 0 && text.len > 0) {
        s->status = s->req->body(s->req->ctx, text.ptr, text.len);
    }
}

void oai_splice_to(struct oai_splice *s, const char *to) {
    if (to > s->from) {
        oai_splice_put(s, (llm_str){s->from, (size_t)(to - s->from)});
        s->from = to;
    }
}

void oai_splice_over(struct oai_splice *s, llm_str old) {
    oai_splice_to(s, old.ptr);
    s->from = old.ptr + old.len;
}

/* ---- members ------------------------------------------------------------------------------------------------------ */

static struct oai_member *add_member(llm_job *job, const char *raw_name, llm_str value) {
    struct oai_member *m = &job->members[job->n_members++];
    *m = (struct oai_member){.new_name = {raw_name, strlen(raw_name)}, .value = value, .added = true};
    m->name = (llm_str){m->new_name.ptr + 1, m->new_name.len - 2};
    return m;
}

static struct oai_member *find_member(llm_job *job, const char *name) {
    for (size_t i = 0; i < job->n_members; i++) {
        if (!job->members[i].dropped && oai_same(job->members[i].name, name)) {
            return &job->members[i];
        }
    }
    return NULL;
}

static llm_status set_stream(llm_job *job, const llm_out *out) {
    struct oai_member *stream = find_member(job, "stream");
    struct oai_member *options = find_member(job, "stream_options");
    int asked = 0;
    if (stream != NULL && llm_json_bool(stream->value, &asked) && (asked != 0) == job->stream) {
        // as it should be
    } else if (stream != NULL) {
        stream->value = job->stream ? OAI_LITERAL("true") : OAI_LITERAL("false");
    } else if (job->stream) {
        (void)add_member(job, "\"stream\"", OAI_LITERAL("true"));
    }
    if (!job->stream && asked != 0 && options != NULL) { // only a stream may have them
        options->dropped = true;
        return oai_warn(out, "param_dropped", options->name, "the answer is not streamed", OAI_LITERAL(""));
    }
    if (job->stream && options == NULL && !job->inst->usage_unasked &&
        (job->operation == OAI_CHAT || job->operation == OAI_COMPLETIONS)) {
        (void)add_member(job, "\"stream_options\"", OAI_LITERAL("{\"include_usage\":true}"));
        job->usage_is_ours = true;
    }
    return LLM_OK;
}

// An absent value stands for the model's name, which is written in JSON when its turn comes.
static void set_model(llm_job *job) {
    struct oai_member *m = find_member(job, "model");
    if (job->inst->model_in_path) {
        if (m != NULL) {
            m->dropped = true;
        }
    } else if (m == NULL && job->args->model.ptr != NULL) {
        (void)add_member(job, "\"model\"", (llm_str){NULL, 0});
    } else if (m != NULL && job->args->model.ptr != NULL && !oai_is_str(m->value, job->args->model)) {
        m->value = (llm_str){NULL, 0};
    }
}

static llm_status prepare(llm_job *job, const llm_out *out) {
    const llm_job_args *args = job->args;
    job->n_members = args->n_fields;
    for (size_t i = 0; i < args->n_fields; i++) {
        job->members[i] = (struct oai_member){.name = args->fields[i].name, .value = args->fields[i].value};
    }
    set_model(job);
    llm_status status = set_stream(job, out);
    if (status >= 0) {
        status = oai_params_apply(job, out);
    }
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void put_value(struct oai_splice *s, const llm_job *job, const struct oai_member *m) {
    if (m->value.ptr != NULL) {
        oai_splice_put(s, m->value);
    } else if (s->status >= 0) {
        llm_json_writer w = llm_json_writer_to(s->req->body, s->req->ctx);
        oai_string(&w, job->args->model);
        s->status = w.status;
    }
}

static bool edits_messages(const llm_job *job) {
    return job->operation == OAI_CHAT && (job->args->n_attachments > 0 || oai_messages_are_edited(job));
}

// Members that the request has: each either stays where it lies or is written anew.
static bool put_old_members(struct oai_splice *s, const llm_job *job, const llm_out *out, const char **end) {
    const char *prev = *end; // behind the last member
    bool first = true;
    for (size_t i = 0; i < job->args->n_fields; i++) {
        const llm_str old = job->args->fields[i].value;
        const struct oai_member *m = &job->members[i];
        if (m->dropped) {
            oai_splice_to(s, prev);
            s->from = old.ptr + old.len;
        } else {
            if (first && i > 0) { // all before were dropped: so is the comma
                const char *comma = memchr(prev, ',', (size_t)(old.ptr - prev));
                s->from = comma != NULL ? comma + 1 : prev;
            }
            if (m->new_name.ptr != NULL) {
                oai_splice_to(s, prev);
                oai_splice_put(s, first ? OAI_LITERAL("") : OAI_LITERAL(","));
                oai_splice_put(s, m->new_name);
                oai_splice_put(s, OAI_LITERAL(":"));
                s->from = old.ptr;
            }
            if (m->value.ptr != old.ptr) {
                oai_splice_over(s, old);
                put_value(s, job, m);
            } else if (oai_same(m->name, "messages") && edits_messages(job)) {
                oai_messages_edit(s, job, m->value, out);
            }
            first = false;
        }
        prev = old.ptr + old.len;
    }
    *end = prev;
    return first;
}

// out: where to say what was changed in messages; NULL: it was said.
static llm_status put_body(const llm_job *job, const llm_http_request *req, const llm_out *out) {
    const llm_str request = job->args->request;
    const char *end = memchr(request.ptr, '{', request.len);
    if (end == NULL) {
        return LLM_E_INVALID_REQUEST;
    }
    struct oai_splice s = {.req = req, .from = request.ptr, .status = LLM_OK};
    end++;
    bool first = put_old_members(&s, job, out, &end);
    oai_splice_to(&s, end);
    for (size_t i = job->args->n_fields; i < job->n_members; i++) {
        if (!job->members[i].dropped) {
            oai_splice_put(&s, first ? OAI_LITERAL("") : OAI_LITERAL(","));
            oai_splice_put(&s, job->members[i].new_name);
            oai_splice_put(&s, OAI_LITERAL(":"));
            put_value(&s, job, &job->members[i]);
            first = false;
        }
    }
    if (job->operation == OAI_IMAGE_EDIT) {
        oai_attach_images(&s, job, first);
    }
    oai_splice_to(&s, request.ptr + request.len);
    return s.status;
}

/* ---- target and fields ---------------------------------------------------------------------------------------------- */

static llm_str target(const llm_job *job) {
    static const char hex[] = "0123456789ABCDEF";
    const llm_str path = job->inst->paths[job->operation];
    size_t n = 0;
    for (size_t i = 0; i < path.len; i++) {
        if (path.len - i < 7 || memcmp(path.ptr + i, "{model}", 7) != 0) {
            job->url[n++] = path.ptr[i];
            continue;
        }
        for (size_t k = 0; k < job->args->model.len; k++) {
            const unsigned char c = (unsigned char)job->args->model.ptr[k];
            if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                (c != 0 && strchr("-._~", c) != NULL)) {
                job->url[n++] = (char)c;
            } else {
                job->url[n++] = '%';
                job->url[n++] = hex[c >> 4];
                job->url[n++] = hex[c & 15];
            }
        }
        i += 6;
    }
    return (llm_str){job->url, n};
}

static llm_status put_line(const llm_job *job, const llm_http_request *req) {
    const bool get = job->operation == OAI_MODELS;
    const llm_str url = target(job);
    return req->line(req->ctx, get ? "GET" : "POST", get ? 3 : 4, url.ptr, url.len);
}

static llm_status put_head(llm_job *job, const llm_http_request *req, bool form) {
    llm_status status =
        form ? oai_form_head(job, req) : req->header(req->ctx, "content-type", 12, "application/json", 16);
    if (status >= 0 && job->stream) {
        status = req->header(req->ctx, "accept", 6, "text/event-stream", 17);
    }
    if (status >= 0 && job->stream) {
        status = req->framing(req->ctx, LLM_FRAME_SSE_FIELDS);
    }
    return status;
}

// What an earlier attempt left behind.
static void forget(llm_job *job) {
    job->has_model = job->has_id = job->has_answer = job->has_finish = job->terminated = false;
    job->n_blobs = job->audio_blob = 0;
    job->audio = (struct oai_base64){0};
    job->n_choices = job->n_calls = 0;
}

llm_status LLM_CALL oai_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                               const llm_out *out) {
    if (step->attempt > 0) {
        forget(job);
    }
    llm_status status = put_line(job, req);
    if (status < 0 || job->operation == OAI_MODELS) {
        return status < 0 ? status : req->idempotent(req->ctx);
    }
    const llm_out *warnings = step->attempt == 0 ? out : NULL;
    const bool form = oai_form_is_wanted(job);
    status = prepare(job, warnings);
    if (status >= 0) {
        status = put_head(job, req, form);
    }
    if (status < 0) {
        return status;
    }
    return form ? oai_form_body(job, req) : put_body(job, req, warnings);
}
