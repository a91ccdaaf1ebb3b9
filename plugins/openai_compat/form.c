// SPDX-License-Identifier: MIT
// A request as multipart/form-data: members as fields, attachments as files whose bytes are not copied.
#include "openai_compat.h"

#define TRIES 1000u
#define BOUNDARY "Xllm-master-" // its first letter is nowhere else in it: a search never has to step back

bool oai_form_is_wanted(const llm_job *job) {
    return job->inst->edits_by_form && job->operation == OAI_IMAGE_EDIT && job->args->n_attachments > 0;
}

/* ---- the boundary: a text that nothing in the body holds ------------------------------------------------------- */

struct search {
    const char *text;
    size_t len, at;
};

static llm_status LLM_CALL look(void *ctx, const void *p, size_t n) {
    struct search *s = ctx;
    const char *bytes = p;
    for (size_t i = 0; i < n && s->at < s->len; i++) {
        s->at = bytes[i] == s->text[s->at] ? s->at + 1 : bytes[i] == s->text[0] ? 1 : 0;
    }
    return LLM_OK;
}

static void look_at_value(struct search *s, llm_str value) {
    llm_json_iter it = oai_begin(value);
    if (llm_json_type(value) == '"') {
        (void)oai_decode_to(value, look, s);
        return;
    }
    (void)look(s, value.ptr, value.len);
    while (!it.is_object && oai_next(&it)) {
        if (llm_json_type(it.value) == '"') {
            (void)oai_decode_to(it.value, look, s);
        }
    }
}

static bool is_held(const llm_job *job, const char *text, size_t len) {
    struct search s = {text, len, 0};
    for (size_t i = 0; i < job->n_members && s.at < len; i++) {
        look_at_value(&s, job->members[i].value);
    }
    (void)look(&s, job->args->model.ptr, job->args->model.len);
    for (size_t i = 0; i < job->args->n_attachments && s.at < len; i++) {
        const llm_bytes data = job->args->attachments[i].data;
        s.at = data.len > 0 && memmem(data.ptr, data.len, text, len) != NULL ? len : 0;
    }
    return s.at == len;
}

static llm_status choose(llm_job *job) {
    static const char digits[] = "0123456789";
    const size_t n = sizeof BOUNDARY - 1;
    memcpy(job->boundary, BOUNDARY, n);
    for (unsigned k = 0; k < TRIES; k++) {
        job->boundary[n] = digits[k / 100];
        job->boundary[n + 1] = digits[k / 10 % 10];
        job->boundary[n + 2] = digits[k % 10];
        if (!is_held(job, job->boundary, n + 3)) {
            job->boundary_len = n + 3;
            return LLM_OK;
        }
    }
    return LLM_E_INVALID_REQUEST;
}

llm_status oai_form_head(llm_job *job, const llm_http_request *req) {
    static const char type[] = "multipart/form-data; boundary=";
    char line[sizeof type + OAI_BOUNDARY_MAX];
    const llm_status status = choose(job);
    if (status < 0) {
        return status;
    }
    memcpy(line, type, sizeof type - 1);
    memcpy(line + sizeof type - 1, job->boundary, job->boundary_len);
    return req->header(req->ctx, "content-type", 12, line, sizeof type - 1 + job->boundary_len);
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

// What stands between quotes in a part's head.
static void put_quoted(struct oai_splice *s, llm_str text) {
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (c == '"' || c == '\r' || c == '\n') {
            oai_splice_put(s, (llm_str){text.ptr + from, i - from});
            oai_splice_put(s, c == '"'    ? OAI_LITERAL("%22")
                              : c == '\r' ? OAI_LITERAL("%0D")
                                          : OAI_LITERAL("%0A"));
            from = i + 1;
        }
    }
    oai_splice_put(s, (llm_str){text.ptr + from, text.len - from});
}

static void begin(struct oai_splice *s, const llm_job *job, llm_str name, const char *after) {
    oai_splice_put(s, OAI_LITERAL("--"));
    oai_splice_put(s, (llm_str){job->boundary, job->boundary_len});
    oai_splice_put(s, OAI_LITERAL("\r\ncontent-disposition: form-data; name=\""));
    put_quoted(s, name);
    oai_splice_put(s, (llm_str){after, strlen(after)});
}

static llm_status LLM_CALL put_piece(void *ctx, const void *p, size_t n) {
    oai_splice_put(ctx, (llm_str){p, n});
    return ((struct oai_splice *)ctx)->status;
}

// Text as it is, other values as JSON; null says nothing.
static void put_field(struct oai_splice *s, const llm_job *job, llm_str name, llm_str value, bool in_list) {
    const char type = llm_json_type(value);
    if (type == 'n' || type == 0) {
        return;
    }
    begin(s, job, name, in_list ? "[]\"\r\n\r\n" : "\"\r\n\r\n");
    const llm_str plain = oai_plain(value);
    if (plain.ptr != NULL || type != '"') {
        oai_splice_put(s, plain.ptr != NULL ? plain : value);
    } else if (s->status >= 0) {
        (void)oai_decode_to(value, put_piece, s);
    }
    oai_splice_put(s, OAI_LITERAL("\r\n"));
}

static void put_member(struct oai_splice *s, const llm_job *job, const struct oai_member *m) {
    if (m->value.ptr == NULL) { // the model's name
        begin(s, job, m->name, "\"\r\n\r\n");
        oai_splice_put(s, job->args->model);
        oai_splice_put(s, OAI_LITERAL("\r\n"));
    } else if (llm_json_type(m->value) == '[') {
        llm_json_iter it = oai_begin(m->value);
        while (oai_next(&it)) {
            put_field(s, job, m->name, it.value, true);
        }
    } else {
        put_field(s, job, m->name, m->value, false);
    }
}

static llm_str safe_mime(llm_str mime) {
    for (size_t i = 0; i < mime.len; i++) {
        if ((unsigned char)mime.ptr[i] < ' ' || mime.ptr[i] == 0x7f) {
            mime.len = 0;
        }
    }
    return mime.len > 0 ? mime : OAI_LITERAL("application/octet-stream");
}

static void put_file(struct oai_splice *s, const llm_job *job, uint32_t n, llm_str field) {
    const llm_attachment *file = &job->args->attachments[n];
    begin(s, job, field, "\"; filename=\"");
    put_quoted(s, file->name.len > 0 ? file->name : OAI_LITERAL("file"));
    oai_splice_put(s, OAI_LITERAL("\"\r\ncontent-type: "));
    oai_splice_put(s, safe_mime(file->mime));
    oai_splice_put(s, OAI_LITERAL("\r\n\r\n"));
    if (s->status >= 0) {
        s->status = s->req->body_attachment(s->req->ctx, n);
    }
    oai_splice_put(s, OAI_LITERAL("\r\n"));
}

llm_status oai_form_body(const llm_job *job, const llm_http_request *req) {
    struct oai_splice s = {.req = req, .from = NULL, .status = LLM_OK};
    for (size_t i = 0; i < job->n_members; i++) {
        if (!job->members[i].dropped) {
            put_member(&s, job, &job->members[i]);
        }
    }
    for (uint32_t n = 0; n < job->args->n_attachments; n++) {
        put_file(&s, job, n,
                 oai_attach_is_mask(&job->args->attachments[n]) ? OAI_LITERAL("mask")
                                                                : OAI_LITERAL("image[]"));
    }
    oai_splice_put(&s, OAI_LITERAL("--"));
    oai_splice_put(&s, (llm_str){job->boundary, job->boundary_len});
    oai_splice_put(&s, OAI_LITERAL("--\r\n"));
    return s.status;
}
