// SPDX-License-Identifier: MIT
#include "form.h"

#define BOUNDARY "form-0000-end-of-part"
#define DIGITS 5 // where its number stands

struct form {
    const llm_http_request *req;
    char boundary[sizeof BOUNDARY];
    llm_status status; // of the last verb: after a refusal no other follows
};

static int holds(const void *p, size_t n, const char *word) {
    const char *at = (const char *)p, *end = at + n;
    const size_t len = strlen(word);
    while (n >= len && (at = (const char *)memchr(at, word[0], (size_t)(end - at))) != NULL) {
        if ((size_t)(end - at) >= len && memcmp(at, word, len) == 0) {
            return 1;
        }
        at++;
    }
    return 0;
}

// What parts the parts must not be in one of them.  No random number: the same request gives the same bytes.
static int choose_boundary(struct form *f, const llm_job_args *args) {
    memcpy(f->boundary, BOUNDARY, sizeof BOUNDARY);
    for (unsigned n = 0; n < 10000; n++) {
        for (unsigned i = 0, rest = n; i < 4; i++, rest /= 10) {
            f->boundary[DIGITS + 3 - i] = (char)('0' + rest % 10);
        }
        int taken = holds(args->request.ptr, args->request.len, f->boundary);
        for (size_t i = 0; !taken && i < args->n_attachments; i++) {
            taken = holds(args->attachments[i].data.ptr, args->attachments[i].data.len, f->boundary);
        }
        if (!taken) {
            return 1;
        }
    }
    return 0;
}

static void put(struct form *f, const char *p, size_t n) {
    if (f->status >= 0 && n > 0) {
        f->status = f->req->body(f->req->ctx, p, n);
    }
}

static void put_word(struct form *f, const char *word) {
    put(f, word, strlen(word));
}

// Inside quotes, or as a header's value: what could end either becomes '_'.
static void put_safe(struct form *f, llm_str text, const char *otherwise) {
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        put(f, (unsigned char)c < ' ' || c == '"' || c == '\\' ? "_" : &c, 1);
    }
    put_word(f, text.len == 0 ? otherwise : "");
}

// name, then `suffix` ("" or "[]")
static void begin_part(struct form *f, const char *name, const char *suffix) {
    put_word(f, "--");
    put_word(f, f->boundary);
    put_word(f, "\r\nContent-Disposition: form-data; name=\"");
    put_word(f, name);
    put_word(f, suffix);
    put_word(f, "\"");
}

static llm_status put_decoded(void *ctx, const void *p, size_t n) {
    struct form *f = (struct form *)ctx;
    put(f, (const char *)p, n);
    return f->status;
}

static void put_field(struct form *f, const char *name, const char *suffix, llm_str value) {
    begin_part(f, name, suffix);
    put_word(f, "\r\n\r\n");
    if (llm_json_type(value) == '"') {
        const llm_status status = llm_json_decode_to(value, put_decoded, f);
        f->status = f->status < 0 ? f->status : status;
    } else {
        put(f, value.ptr, value.len);
    }
    put_word(f, "\r\n");
}

static void put_file(struct form *f, const char *name, const llm_attachment *attachment, uint32_t number) {
    begin_part(f, name, "");
    put_word(f, "; filename=\"");
    put_safe(f, attachment->name, "file");
    put_word(f, "\"\r\nContent-Type: ");
    put_safe(f, attachment->mime, "application/octet-stream");
    put_word(f, "\r\n\r\n");
    if (f->status >= 0) {
        f->status = f->req->body_attachment(f->req->ctx, number); // referred to, not copied
    }
    put_word(f, "\r\n");
}

static void put_member(struct form *f, const char *name, llm_str value) {
    if (llm_json_type(value) != '[') {
        put_field(f, name, "", value);
        return;
    }
    for (llm_json_iter it = llm_json_begin(value); f->status >= 0 && llm_json_next(&it);) {
        put_field(f, name, "[]", it.value);
    }
}

static llm_status begin_form(struct form *f, const char *path) {
    static const char type[] = "multipart/form-data; boundary=";
    char value[sizeof type + sizeof f->boundary];
    memcpy(value, type, sizeof type);
    memcpy(value + sizeof type - 1, f->boundary, sizeof f->boundary);
    const llm_status status = f->req->line(f->req->ctx, TEXT("POST"), path, strlen(path));
    return status == LLM_OK ? f->req->header(f->req->ctx, TEXT("content-type"), value, strlen(value))
                            : status;
}

llm_status request_form(llm_job *job, const char *path, const struct member *members,
                        const char *(*part)(const llm_attachment *attachment), const llm_http_request *req,
                        const llm_out *out) {
    const llm_job_args *args = job->args;
    struct form f;
    llm_status told = LLM_OK;
    f.req = req;
    if (!choose_boundary(&f, args)) {
        return refuse(out, LLM_E_INVALID_REQUEST, "attachments", "no boundary is free in this form");
    }
    f.status = begin_form(&f, path);
    if (args->model.ptr != NULL) {
        begin_part(&f, "model", "");
        put_word(&f, "\r\n\r\n");
        put(&f, args->model.ptr, args->model.len);
        put_word(&f, "\r\n");
    }
    for (size_t i = 0; i < args->n_fields && f.status >= 0; i++) {
        const struct member *m = request_member(members, args->fields[i].name, out, &told);
        if (told < 0) {
            return told;
        }
        if (m != NULL && m->theirs != NULL) {
            put_member(&f, m->theirs, args->fields[i].value);
        }
    }
    for (size_t i = 0; i < args->n_attachments; i++) {
        put_file(&f, part(&args->attachments[i]), &args->attachments[i], (uint32_t)i);
    }
    put_word(&f, "--");
    put_word(&f, f.boundary);
    put_word(&f, "--\r\n");
    return f.status;
}
