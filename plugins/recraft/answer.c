// SPDX-License-Identifier: MIT
#include "recraft.h"

#define DEPTH_MAX 64

// An item of an answer without its image: image_id, revised_prompt, features, what is new.  Written twice: to count, to fill.
struct text {
    char *ptr;
    size_t len, cap;
};

static llm_status LLM_CALL text_add(void *ctx, const void *p, size_t n) {
    struct text *text = ctx;
    if (text->ptr != NULL && n <= text->cap - text->len) {
        memcpy(text->ptr + text->len, p, n);
    }
    text->len += n;
    return LLM_OK;
}

// ---- failures

// How the words of a failure are to be understood; the first that is found in its code or message.
static const struct {
    const char *words;
    llm_status code;
} meanings[] = {
    {"not_enough_credits", LLM_E_QUOTA},
    {"not enough credits", LLM_E_QUOTA},
    {"insufficient permission", LLM_E_PERMISSION},
    {"insufficient_permission", LLM_E_PERMISSION},
    {"insufficient", LLM_E_QUOTA},
    {"not enough units", LLM_E_QUOTA},
    {"nsfw", LLM_E_CONTENT_FILTER},
    {"moderat", LLM_E_CONTENT_FILTER},
    {"content_policy", LLM_E_CONTENT_FILTER},
    {"content policy", LLM_E_CONTENT_FILTER},
    {"unauthorized", LLM_E_AUTH},
};

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int mentions(const char *text, const char *words) {
    for (; *text != '\0'; text++) {
        size_t n = 0;
        while (words[n] != '\0' && lower(text[n]) == words[n]) {
            n++;
        }
        if (words[n] == '\0') {
            return 1;
        }
    }
    return 0;
}

// Decoded and NUL-terminated; "" when v is no string.
static llm_str copy_string(llm_str v, char *buf, size_t cap) {
    const size_t n = llm_json_decode(v, buf, cap - 1);
    buf[n == SIZE_MAX ? 0 : n] = '\0';
    return n == SIZE_MAX ? (llm_str){NULL, 0} : (llm_str){buf, n};
}

// As much as fits and is UTF-8, without blanks at the end.
static llm_str copy_text(llm_str text, char *buf, size_t cap) {
    size_t n = 0;
    while (n < text.len) {
        int valid;
        const size_t len = llm_json_utf8_len(text.ptr + n, text.len - n, &valid);
        if (!valid || n + len >= cap) {
            break;
        }
        n += len;
    }
    while (n > 0 && (text.ptr[n - 1] == '\n' || text.ptr[n - 1] == '\r' || text.ptr[n - 1] == ' ')) {
        n--;
    }
    memcpy(buf, text.ptr, n);
    buf[n] = '\0';
    return (llm_str){buf, n};
}

// {"code", "message"}, {"error": "text"}, {"error": {"code", "message"}}, or plain text.
void recraft_fault_read(llm_job *job, llm_str body, llm_fault *fault) {
    job->code[0] = job->message[0] = '\0';
    if (llm_json_check(body, DEPTH_MAX, NULL) && llm_json_type(llm_json_value(body)) == '{') {
        const llm_str doc = llm_json_value(body);
        const llm_str error = llm_json_get(doc, "error");
        const llm_str inner = llm_json_type(error) == '{' ? error : doc;
        llm_str message = llm_json_get(inner, "message");
        if (message.ptr == NULL) {
            message = llm_json_type(error) == '"' ? error : llm_json_get(inner, "detail");
        }
        const llm_str code = copy_string(llm_json_get(inner, "code"), job->code, sizeof job->code);
        message = copy_string(message, job->message, sizeof job->message);
        fault->provider_code = code.len > 0 ? code : fault->provider_code;
        fault->message = message.len > 0 ? message : fault->message;
    } else if (body.len > 0 && body.ptr[0] != '<') {
        const llm_str message = copy_text(body, job->message, sizeof job->message);
        fault->message = message.len > 0 ? message : fault->message;
    }
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (mentions(job->code, meanings[i].words) || mentions(job->message, meanings[i].words)) {
            fault->code = meanings[i].code;
            fault->retry = LLM_RETRY_NEVER;
            return;
        }
    }
}

static llm_status fail(const llm_out *out, llm_fault *fault) {
    const llm_status status = out->fault(out->ctx, fault);
    return status < 0 ? status : fault->code;
}

static llm_status broken(const llm_out *out, const char *text) {
    llm_fault fault = {.size = sizeof fault, .code = LLM_E_PROTOCOL, .retry = LLM_RETRY_NEVER};
    fault.message = recraft_str(text);
    return fail(out, &fault);
}

// ---- images

static int makes_vectors(const llm_job *job) {
    const llm_str model = job->args->model;
    return (job->operation->takes & MAKES_VECTORS) ||
           (model.len > 7 && memcmp(model.ptr + model.len - 7, "_vector", 7) == 0);
}

// What kind of image the caller gets when neither bytes nor URL tell.
static const char *expected_mime(const llm_job *job) {
    llm_str format = recraft_field(job->args, "image_format");
    if (format.ptr == NULL) {
        format = recraft_field(job->args, "output_format");
    }
    if (makes_vectors(job)) {
        return "image/svg+xml";
    }
    return llm_json_is(format, "png") ? "image/png" : llm_json_is(format, "webp") ? "image/webp" : "";
}

// The inside of a string without escapes in buf, which is as long as the string; absent: it is none, or out of memory.
static llm_str plain_copy(const llm_job *job, llm_str string, char **ret_buf) {
    const size_t cap = llm_json_decoded_len(string);
    *ret_buf = cap == 0 ? NULL : job->host->alloc(job->host->ctx, NULL, cap);
    if (*ret_buf == NULL) {
        return (llm_str){NULL, 0};
    }
    return (llm_str){*ret_buf, llm_json_decode(string, *ret_buf, cap)};
}

static llm_status give_text(const llm_job *job, llm_str text, uint32_t index, int is_url,
                            const llm_out *out) {
    const char *mime = is_url ? recraft_mime_of_url(text) : recraft_mime_of_base64(text);
    if (mime == NULL) {
        mime = expected_mime(job);
    }
    if (is_url) {
        return out->blob_url(out->ctx, index, mime, strlen(mime), text.ptr, text.len);
    }
    return out->blob_base64(out->ctx, index, mime, strlen(mime), text.ptr, text.len, 1);
}

static llm_status give_image(const llm_job *job, llm_str item, uint32_t index, const llm_out *out) {
    llm_str value = llm_json_get(item, "b64_json");
    const int is_url = llm_json_type(value) != '"';
    if (is_url) {
        value = llm_json_get(item, "url");
    }
    if (llm_json_type(value) != '"') {
        return broken(out, "an image of the answer has neither url nor b64_json");
    }
    const llm_str plain = llm_json_plain(value);
    if (plain.ptr != NULL) {
        return give_text(job, plain, index, is_url, out);
    }
    // Escapes ("\/") are legal here, if unusual.
    char *buf = NULL;
    const llm_str copy = plain_copy(job, value, &buf);
    const llm_status status = copy.ptr != NULL ? give_text(job, copy, index, is_url, out) : LLM_E_NOMEM;
    job->host->alloc(job->host->ctx, buf, 0);
    return status;
}

static void write_facts(llm_json_writer *w, llm_str item) {
    llm_json_object(w);
    for (llm_json_iter it = llm_json_begin(item); llm_json_next(&it);) {
        if (llm_json_is(it.name, "url") || llm_json_is(it.name, "b64_json")) {
            continue;
        }
        llm_json_name_raw(w, it.name);
        llm_json_raw(w, it.value);
    }
    llm_json_object_end(w);
}

static void write_all_facts(struct text *text, llm_str images) {
    llm_json_writer w = llm_json_writer_to(text_add, text);
    text->len = 0;
    llm_json_array(&w);
    if (llm_json_type(images) == '{') {
        write_facts(&w, images);
    } else {
        for (llm_json_iter it = llm_json_begin(images); llm_json_next(&it);) {
            write_facts(&w, it.value);
        }
    }
    llm_json_array_end(&w);
}

// The ids are what image.explore_similar and later edits ask for.
static llm_status give_facts(const llm_job *job, llm_str images, const llm_out *out) {
    struct text text = {NULL, 0, 0};
    write_all_facts(&text, images);
    text.cap = text.len;
    text.ptr = job->host->alloc(job->host->ctx, NULL, text.cap);
    if (text.ptr == NULL) {
        return LLM_E_NOMEM;
    }
    write_all_facts(&text, images);
    const llm_status status = out->json(out->ctx, "images", 6, text.ptr, text.len);
    job->host->alloc(job->host->ctx, text.ptr, 0);
    return status;
}

static llm_status give_images(const llm_job *job, llm_str doc, const llm_out *out, int64_t *ret_count) {
    const llm_str data = llm_json_get(doc, "data");
    const llm_str single = llm_json_get(doc, "image");
    uint32_t count = 0;

    if (llm_json_type(data) == '[') {
        for (llm_json_iter it = llm_json_begin(data); llm_json_next(&it); count++) {
            TRY(give_image(job, it.value, count, out));
        }
        TRY(give_facts(job, data, out));
    } else if (llm_json_type(single) == '{') {
        TRY(give_image(job, single, count++, out));
        TRY(give_facts(job, single, out));
    } else {
        return broken(out, "the answer has neither \"data\" nor \"image\"");
    }
    const llm_str style_id = llm_json_get(doc, "style_id");
    if (llm_json_type(style_id) == '"') {
        TRY(out->json(out->ctx, "style_id", 8, style_id.ptr, style_id.len));
    }
    *ret_count = count;
    return out->finish(out->ctx, 0, LLM_FINISH_STOP, NULL, 0);
}

// ---- everything else

static llm_status give_json(const llm_job *job, llm_str doc, const llm_out *out) {
    const struct recraft_operation *op = job->operation;
    const llm_str value = op->member != NULL ? llm_json_get(doc, op->member) : doc;
    if (value.ptr == NULL) {
        return broken(out, "the answer is not what this operation promises");
    }
    return out->json(out->ctx, op->kind, strlen(op->kind), value.ptr, value.len);
}

static llm_status give_words(const llm_job *job, llm_str doc, const llm_out *out) {
    const llm_str value = llm_json_get(doc, job->operation->member);
    if (llm_json_type(value) != '"') {
        return broken(out, "the answer is not what this operation promises");
    }
    TRY(llm_json_text(value, out, 0, LLM_TEXT_CONTENT));
    return out->finish(out->ctx, 0, LLM_FINISH_STOP, NULL, 0);
}

// 1,000 credits are one dollar.  An account's `credits` are what is left, not what this call cost.
static llm_status give_usage(llm_str credits, int64_t images, const llm_out *out) {
    llm_counts counts = LLM_COUNTS_INIT;
    counts.images = images;
    const int has_cost = llm_json_decimal(credits, 9, &counts.cost_pico_usd) && counts.cost_pico_usd >= 0;
    if (!has_cost) {
        counts.cost_pico_usd = -1;
    }
    return has_cost || images >= 0 ? out->usage(out->ctx, &counts) : LLM_OK;
}

// A 2xx that says that it is a failure.
static int is_failure(const struct recraft_operation *op, llm_str doc) {
    const llm_str error = llm_json_get(doc, "error");
    const char type = llm_json_type(error);
    return type == '{' || (type == '"' && !llm_json_is(error, "")) ||
           (op->answer != ANSWER_JSON && llm_json_get(doc, "code").ptr != NULL &&
            llm_json_get(doc, "message").ptr != NULL);
}

llm_status recraft_answer_read(llm_job *job, llm_bytes body, const llm_out *out) {
    const struct recraft_operation *op = job->operation;
    const llm_str text = {(const char *)body.ptr, body.len};
    int64_t images = -1;

    if (op->answer == ANSWER_NOTHING) {
        return LLM_DONE;
    }
    if (!llm_json_check(text, DEPTH_MAX, NULL) || llm_json_type(llm_json_value(text)) != '{') {
        return broken(out, "the answer is no JSON object");
    }
    const llm_str doc = llm_json_value(text);
    if (is_failure(op, doc)) {
        llm_fault fault = {.size = sizeof fault, .code = LLM_E_SERVER, .http_status = 200};
        recraft_fault_read(job, doc, &fault);
        return fail(out, &fault);
    }
    switch (op->answer) {
    case ANSWER_IMAGES: TRY(give_images(job, doc, out, &images)); break;
    case ANSWER_TEXT: TRY(give_words(job, doc, out)); break;
    case ANSWER_JSON: TRY(give_json(job, doc, out)); break;
    case ANSWER_NOTHING: break;
    }
    const int is_account = op->kind != NULL && strcmp(op->kind, "account") == 0;
    TRY(give_usage(is_account ? (llm_str){NULL, 0} : llm_json_get(doc, "credits"), images, out));
    return LLM_DONE;
}
