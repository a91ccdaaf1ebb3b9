// SPDX-License-Identifier: MIT
#include "recraft.h"

enum action {
    PASS,   // as it is
    SILENT, // means nothing here, or is written elsewhere
    DROP,   // with a warning
    RENAME, // with a warning
};

#define ALWAYS 1u
#define WITH_MESSAGES 2u // when the request is one for a chat

// Members that Recraft does not have.
static const struct rule {
    const char *name;
    enum action action;
    const char *to; // RENAME
    unsigned when;
} rules[] = {
    {"messages", SILENT, NULL, ALWAYS},
    {"model", SILENT, NULL, ALWAYS},
    {"partial_images", SILENT, NULL, ALWAYS},
    {"stream", SILENT, NULL, ALWAYS},
    {"stream_options", SILENT, NULL, ALWAYS},
    {"background", DROP, NULL, ALWAYS},
    {"input_fidelity", DROP, NULL, ALWAYS},
    {"moderation", DROP, NULL, ALWAYS},
    {"output_compression", DROP, NULL, ALWAYS},
    {"quality", DROP, NULL, ALWAYS},
    {"user", DROP, NULL, ALWAYS},
    {"output_format", RENAME, "image_format", ALWAYS},
    {"seed", RENAME, "random_seed", ALWAYS},
    {"audio", DROP, NULL, WITH_MESSAGES},
    {"frequency_penalty", DROP, NULL, WITH_MESSAGES},
    {"logit_bias", DROP, NULL, WITH_MESSAGES},
    {"logprobs", DROP, NULL, WITH_MESSAGES},
    {"max_completion_tokens", DROP, NULL, WITH_MESSAGES},
    {"max_tokens", DROP, NULL, WITH_MESSAGES},
    {"metadata", DROP, NULL, WITH_MESSAGES},
    {"modalities", DROP, NULL, WITH_MESSAGES},
    {"parallel_tool_calls", DROP, NULL, WITH_MESSAGES},
    {"presence_penalty", DROP, NULL, WITH_MESSAGES},
    {"reasoning_effort", DROP, NULL, WITH_MESSAGES},
    {"service_tier", DROP, NULL, WITH_MESSAGES},
    {"stop", DROP, NULL, WITH_MESSAGES},
    {"store", DROP, NULL, WITH_MESSAGES},
    {"temperature", DROP, NULL, WITH_MESSAGES},
    {"tool_choice", DROP, NULL, WITH_MESSAGES},
    {"tools", DROP, NULL, WITH_MESSAGES},
    {"top_logprobs", DROP, NULL, WITH_MESSAGES},
    {"top_p", DROP, NULL, WITH_MESSAGES},
};

// Members that some models refuse: those whose name begins with `begins` and does not hold `unless`.
static const struct {
    const char *begins, *unless, *member;
} refusals[] = {
    {"recraftv4", "_styles", "style"},
    {"recraftv4", "_styles", "style_id"},
    {"recraftv4", "_styles", "style_match"},
    {"recraftv4", "_styles", "substyle"},
};

#define STYLE_ID_MAX 64
#define STRENGTH "0.5" // of an edit that does not say: half way between the image and something else

static int contains(llm_str text, const char *part) {
    const size_t n = strlen(part);
    for (size_t i = 0; i + n <= text.len; i++) {
        if (memcmp(text.ptr + i, part, n) == 0) {
            return 1;
        }
    }
    return 0;
}

static int begins(llm_str text, const char *start) {
    return text.len >= strlen(start) && memcmp(text.ptr, start, strlen(start)) == 0;
}

static llm_status refuse(const llm_out *out, const char *param, const char *text) {
    llm_fault fault = {.size = sizeof fault, .code = LLM_E_INVALID_REQUEST, .retry = LLM_RETRY_NEVER};
    fault.message = recraft_str(text);
    fault.param = recraft_str(param);
    const llm_status status = out->fault(out->ctx, &fault);
    return status < 0 ? status : LLM_E_INVALID_REQUEST;
}

llm_str recraft_field(const llm_job_args *args, const char *name) {
    for (size_t i = 0; i < args->n_fields; i++) {
        if (recraft_is(args->fields[i].name, name)) {
            const llm_str value = args->fields[i].value;
            return llm_json_type(value) == 'n' ? (llm_str){NULL, 0} : value;
        }
    }
    return (llm_str){NULL, 0};
}

// ---- reading what the caller gave

static llm_str first_address(const llm_job_args *args, const char *const *names) {
    for (; *names != NULL; names++) {
        const llm_str address = recraft_image_address(recraft_field(args, *names));
        if (address.ptr != NULL) {
            return address;
        }
    }
    return (llm_str){NULL, 0};
}

static void number_attachments(llm_job *job) {
    const unsigned takes = job->operation->takes;
    const llm_job_args *args = job->args;

    for (uint32_t i = 0; i < args->n_attachments; i++) {
        const int has_image = job->image.ptr != NULL || job->image_number != 0;
        const int has_mask = job->mask.ptr != NULL || job->mask_number != 0;
        const int named =
            (takes & (TAKES_MASK | MAY_BE_INPAINT)) && begins(args->attachments[i].name, "mask");
        if (!has_mask && (named || (has_image && (takes & TAKES_MASK)))) {
            job->mask_number = i + 1;
        } else if (!has_image) {
            job->image_number = i + 1;
        }
    }
}

static void read_images(llm_job *job, llm_str content) {
    static const char *const image_names[] = {"image_url", "image", "images", NULL};
    static const char *const mask_names[] = {"mask_url", "mask", NULL};
    const unsigned takes = job->operation->takes;

    job->image = first_address(job->args, image_names);
    if (job->image.ptr == NULL) {
        job->image = recraft_image_address(recraft_content_part(content, "image_url"));
    }
    if (takes & (TAKES_MASK | MAY_BE_INPAINT)) {
        job->mask = first_address(job->args, mask_names);
    }
    number_attachments(job);
    if ((takes & MAY_BE_INPAINT) && (job->mask.ptr != NULL || job->mask_number != 0)) {
        job->operation = recraft_operation_find(recraft_str("image.inpaint"));
    }
}

// An id is letters, digits and dashes: nothing that would change the path.
static llm_status read_style_id(llm_job *job, const llm_out *out) {
    const llm_str given = recraft_field(job->args, "style_id");
    const llm_str id = llm_json_plain(given.ptr != NULL ? given : recraft_field(job->args, "id"));
    for (size_t i = 0; i < id.len; i++) {
        const char c = id.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-')) {
            return refuse(out, "style_id", "a style's id is letters, digits and dashes");
        }
    }
    if (id.len == 0 || id.len > STYLE_ID_MAX) {
        return refuse(out, "style_id", "\"style_id\" must name the style");
    }
    job->style_id = id;
    return LLM_OK;
}

llm_status recraft_request_read(llm_job *job, const llm_out *out) {
    const llm_str content = recraft_last_user_content(recraft_field(job->args, "messages"));

    job->prompt = recraft_field(job->args, "prompt");
    if (job->prompt.ptr == NULL &&
        (llm_json_type(content) == '"' || recraft_content_part(content, "text").ptr != NULL)) {
        job->prompt = content;
    }
    if (job->operation->takes & TAKES_IMAGE) {
        read_images(job, content);
    }
    const unsigned takes = job->operation->takes;
    if ((takes & TAKES_PROMPT) && job->prompt.ptr == NULL) {
        return refuse(out, "prompt",
                      "there is no prompt: give \"prompt\", or \"messages\" with a user message");
    }
    if ((takes & TAKES_IMAGE) && job->image.ptr == NULL && job->image_number == 0) {
        return refuse(
            out, "image",
            "this operation works on an image: give \"image_url\" (a URL or data URL), or attach a file");
    }
    if ((takes & TAKES_MASK) && job->mask.ptr == NULL && job->mask_number == 0) {
        return refuse(
            out, "mask",
            "this operation needs a mask: give \"mask_url\" (a URL or data URL), or attach a second file");
    }
    return (takes & TAKES_STYLE_ID) ? read_style_id(job, out) : LLM_OK;
}

// ---- writing what Recraft takes

// A request under way: the body goes straight to the host, so that what lies in the caller's request is not copied.
struct body {
    const llm_job *job;
    const llm_http_request *req;
    const llm_out *out;
    llm_json_writer json;
};

static llm_status warn(const struct body *b, const char *code, llm_str param, const char *text) {
    if (b->job->is_repeated || b->json.status < 0) {
        return b->json.status;
    }
    return b->out->warn(b->out->ctx, code, strlen(code), param.ptr, param.len, text, strlen(text));
}

static void write_prompt(struct body *b) {
    llm_json_name(&b->json, "prompt");
    if (llm_json_type(b->job->prompt) != '[') {
        llm_json_raw(&b->json, b->job->prompt);
        return;
    }
    // Several text parts are one text; what stands between their quotes is JSON already.
    int first = 1;
    llm_json_string_begin(&b->json);
    for (llm_json_iter it = llm_json_begin(b->job->prompt); llm_json_next(&it);) {
        const llm_str text = llm_json_get(it.value, "text");
        if (!llm_json_is(llm_json_get(it.value, "type"), "text") || llm_json_type(text) != '"') {
            continue;
        }
        if (!first) {
            llm_json_string_piece(&b->json, "\\n", 2, 1);
        }
        llm_json_string_piece(&b->json, text.ptr + 1, text.len - 2, 1);
        first = 0;
    }
    llm_json_string_end(&b->json);
}

// An attachment as a data URL, its base64 made by the host.
static void write_attachment(struct body *b, uint32_t n) {
    const llm_attachment *attachment = &b->job->args->attachments[n];
    llm_str mime = attachment->mime;
    if (mime.len == 0) {
        const char *known = recraft_mime_of_bytes(attachment->data);
        mime = recraft_str(known != NULL ? known : "application/octet-stream");
    }
    llm_json_string_begin(&b->json);
    llm_json_string_piece(&b->json, "data:", 5, 1);
    llm_json_string_piece(&b->json, mime.ptr, mime.len, 0);
    llm_json_string_piece(&b->json, ";base64,", 8, 1);
    if (b->json.status >= 0) {
        const llm_status status = b->req->body_base64(b->req->ctx, n);
        b->json.status = status < 0 ? status : b->json.status;
    }
    llm_json_string_end(&b->json);
}

static void write_image(struct body *b, const char *name, llm_str address, uint32_t number) {
    llm_json_name(&b->json, name);
    if (address.ptr != NULL) {
        llm_json_raw(&b->json, address);
    } else {
        write_attachment(b, number - 1);
    }
}

// Lists of images: the member itself, OpenAI's or the multipart form's name for it, attachments.
static const char *const list_names[] = {"images", "style_references", NULL};

static int is_list_name(llm_str name) {
    for (const char *const *n = list_names; *n != NULL; n++) {
        if (recraft_is(name, *n)) {
            return 1;
        }
    }
    return 0;
}

// One more item; the list is begun with the first.
static void begin_item(struct body *b, const char *name, int *begun) {
    if (!*begun) {
        llm_json_name(&b->json, name);
        llm_json_array(&b->json);
        *begun = 1;
    }
}

static void write_item(struct body *b, const char *name, llm_str item, int *begun) {
    const llm_str address = recraft_image_address(item);
    begin_item(b, name, begun);
    llm_json_raw(&b->json, address.ptr != NULL ? address : item);
}

static void write_list(struct body *b, const char *name) {
    const llm_job_args *args = b->job->args;
    const char *const names[] = {name, list_names[0], list_names[1]};
    int begun = 0;

    for (size_t i = 0; i < 3; i++) {
        const llm_str list = recraft_field(args, names[i]);
        if (list.ptr != NULL && llm_json_type(list) != '[') { // one, without a list around it
            write_item(b, name, list, &begun);
            continue;
        }
        for (llm_json_iter it = llm_json_begin(list); llm_json_next(&it);) {
            write_item(b, name, it.value, &begun);
        }
    }
    for (uint32_t i = 0; i < args->n_attachments; i++) {
        begin_item(b, name, &begun);
        write_attachment(b, i);
    }
    if (begun) {
        llm_json_array_end(&b->json);
    }
}

static int is_image_name(llm_str name) {
    return recraft_is(name, "image") || recraft_is(name, "images") || recraft_is(name, "image_url");
}

static int is_mask_name(llm_str name) {
    return recraft_is(name, "mask") || recraft_is(name, "mask_url");
}

// Members that the operation writes by itself.
static int is_written(const struct recraft_operation *op, llm_str name) {
    return ((op->takes & TAKES_PROMPT) && recraft_is(name, "prompt")) ||
           ((op->takes & TAKES_IMAGE) && is_image_name(name)) ||
           ((op->takes & TAKES_MASK) && is_mask_name(name)) ||
           (op->files != NULL && (recraft_is(name, op->files) || is_list_name(name)));
}

static int is_refused(llm_str model, llm_str name) {
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (recraft_is(name, refusals[i].member) && begins(model, refusals[i].begins) &&
            !contains(model, refusals[i].unless)) {
            return 1;
        }
    }
    return 0;
}

static const struct rule *rule_for(const llm_job *job, llm_str name) {
    const unsigned now = ALWAYS | (recraft_field(job->args, "messages").ptr != NULL ? WITH_MESSAGES : 0u);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if ((rules[i].when & now) && recraft_is(name, rules[i].name)) {
            return &rules[i];
        }
    }
    return NULL;
}

// A value that OpenAI has and Recraft has not; NULL: it is fine.
static const char *wrong_value(llm_str name, llm_str value) {
    if (recraft_is(name, "size") && llm_json_is(value, "auto")) {
        return "Recraft has no size \"auto\"; it takes its own default";
    }
    if (recraft_is(name, "response_format") && llm_json_type(value) != '"') {
        return "Recraft's response_format is \"url\" or \"b64_json\"";
    }
    if (recraft_is(name, "output_format") && !llm_json_is(value, "png") && !llm_json_is(value, "webp")) {
        return "Recraft makes png and webp";
    }
    return NULL;
}

static llm_status write_field(struct body *b, llm_str name, llm_str value) {
    const struct recraft_operation *op = b->job->operation;
    const struct rule *rule = rule_for(b->job, name);

    if (is_written(op, name) || (rule != NULL && rule->action == SILENT)) {
        return LLM_OK;
    }
    if (rule != NULL && rule->action == DROP) {
        return warn(b, "param_dropped", name, "Recraft has no such parameter");
    }
    if ((op->takes & TAKES_IMAGE) && is_mask_name(name)) {
        return warn(b, "param_dropped", name, "this operation takes no mask");
    }
    if ((op->takes & TAKES_MODEL) && is_refused(b->job->args->model, name)) {
        return warn(b, "param_dropped", name,
                    "this model takes no style; recraftv3 and the *_styles models do");
    }
    const char *wrong = wrong_value(name, value);
    if (wrong != NULL) {
        return warn(b, "param_dropped", name, wrong);
    }
    if (rule != NULL && rule->action == RENAME) {
        if (recraft_field(b->job->args, rule->to).ptr != NULL) {
            return warn(b, "param_dropped", name, "Recraft's own name for it is given too");
        }
        TRY(warn(b, "param_renamed", name, rule->to));
        name = recraft_str(rule->to);
    }
    llm_json_name_str(&b->json, name);
    llm_json_raw(&b->json, value);
    return b->json.status;
}

static llm_status write_body(struct body *b) {
    const llm_job *job = b->job;
    const llm_job_args *args = job->args;
    const unsigned takes = job->operation->takes;

    llm_json_object(&b->json);
    if (takes & TAKES_MODEL) {
        if (args->model.len > 0) {
            llm_json_name(&b->json, "model");
            llm_json_string(&b->json, args->model);
        } else if (recraft_field(args, "model").ptr != NULL) {
            llm_json_name(&b->json, "model");
            llm_json_raw(&b->json, recraft_field(args, "model"));
        }
    }
    if (takes & TAKES_PROMPT) {
        write_prompt(b);
    }
    if (takes & TAKES_IMAGE) {
        write_image(b, "image_url", job->image, job->image_number);
    }
    if (takes & TAKES_MASK) {
        write_image(b, "mask_url", job->mask, job->mask_number);
    }
    if (job->operation->files != NULL) {
        write_list(b, job->operation->files);
    }
    if ((takes & MAY_BE_INPAINT) && recraft_field(args, "strength").ptr == NULL) {
        TRY(warn(b, "param_added", recraft_str("strength"), "an edit needs one: " STRENGTH " is sent"));
        llm_json_name(&b->json, "strength");
        llm_json_raw(&b->json, recraft_str(STRENGTH));
    }
    for (size_t i = 0; i < args->n_fields; i++) {
        TRY(write_field(b, args->fields[i].name, args->fields[i].value));
    }
    llm_json_object_end(&b->json);
    return b->json.status;
}

// What was given and goes nowhere, beyond single members.
static llm_status warn_of_losses(const struct body *b) {
    const llm_job *job = b->job;
    const llm_job_args *args = job->args;
    const unsigned takes = job->operation->takes;
    const size_t used = (job->image_number != 0) + (size_t)((takes & TAKES_MASK) && job->mask_number != 0);

    if (job->operation->files == NULL && args->n_attachments > used) {
        TRY(warn(b, "param_dropped", recraft_str("attachments"), "this operation takes fewer files"));
    }
    if ((takes & TAKES_IMAGE) && llm_json_count(recraft_field(args, "images")) > 1) {
        TRY(warn(b, "param_dropped", recraft_str("images"), "only the first image is used"));
    }
    if (llm_json_count(recraft_field(args, "messages")) > 1) {
        TRY(warn(b, "param_dropped", recraft_str("messages"), "only the last user message is used"));
    }
    return LLM_OK;
}

// ---- the request line

struct url {
    char text[4096];
    size_t len;
};

static void url_add(struct url *url, llm_str text) {
    const size_t room = sizeof url->text - url->len;
    const size_t n = text.len < room ? text.len : room;
    if (n > 0) {
        memcpy(url->text + url->len, text.ptr, n);
    }
    url->len += n;
}

static llm_status write_line(const llm_job *job, const llm_http_request *req) {
    const struct recraft_operation *op = job->operation;
    llm_str base = job->instance->base_url;
    struct url url;

    url.len = 0;
    if (op->takes & OUTSIDE_V1) {
        if (base.len > 3 && memcmp(base.ptr + base.len - 3, "/v1", 3) == 0) {
            base.len -= 3;
        }
        url_add(&url, base);
    }
    url_add(&url, recraft_str(op->path));
    if (op->takes & TAKES_STYLE_ID) {
        url_add(&url, job->style_id);
    }
    if (job->instance->billing.len > 0 && !(op->takes & OUTSIDE_V1)) {
        url_add(&url, recraft_str("?billing="));
        url_add(&url, job->instance->billing);
    }
    return req->line(req->ctx, op->method, strlen(op->method), url.text, url.len);
}

llm_status recraft_request_write(const llm_job *job, const llm_http_request *req, const llm_out *out) {
    TRY(write_line(job, req));
    TRY(req->header(req->ctx, "accept", 6, "application/json", 16));
    TRY(req->framing(req->ctx, LLM_FRAME_WHOLE));
    if (strcmp(job->operation->method, "POST") != 0) {
        return req->idempotent(req->ctx);
    }
    struct body b = {.job = job, .req = req, .out = out, .json = llm_json_writer_to(req->body, req->ctx)};
    TRY(req->header(req->ctx, "content-type", 12, "application/json", 16));
    TRY(write_body(&b));
    return warn_of_losses(&b);
}
