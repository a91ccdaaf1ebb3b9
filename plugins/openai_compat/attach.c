// SPDX-License-Identifier: MIT
// Attachments: what travels beside the request goes into its JSON, the bytes as base64 that the host writes.
#include "openai_compat.h"

bool oai_attach_is_mask(const llm_attachment *attachment) {
    static const llm_str mask = {"mask*", 5};
    return oai_glob(mask, attachment->name, true);
}

bool oai_attach_place(const llm_job_args *args, enum oai_operation operation, size_t *ret_message) {
    if (operation == OAI_IMAGE_EDIT) {
        size_t masks = oai_get(args->request, "mask").ptr != NULL;
        for (size_t i = 0; i < args->n_attachments; i++) {
            masks += oai_attach_is_mask(&args->attachments[i]);
        }
        return masks <= 1 && oai_get(args->request, "images").ptr == NULL;
    }
    bool found = false;
    size_t n = 0;
    for (llm_json_iter it = oai_begin(oai_get(args->request, "messages")); oai_next(&it); n++) {
        if (oai_is(oai_get(it.value, "role"), "user") && oai_get(it.value, "content").ptr != NULL) {
            *ret_message = n;
            found = true;
        }
    }
    return found;
}

static void put_base64(struct oai_splice *s, uint32_t n) {
    if (s->status >= 0) {
        s->status = s->req->body_base64(s->req->ctx, n);
    }
}

static void put_string(struct oai_splice *s, llm_str text) {
    if (s->status >= 0) {
        llm_json_writer w = llm_json_writer_to(s->req->body, s->req->ctx);
        oai_string(&w, text);
        s->status = w.status;
    }
}

static void put_data_url(struct oai_splice *s, const llm_job *job, uint32_t n) {
    const llm_str mime = job->args->attachments[n].mime;
    if (s->status >= 0) {
        llm_json_writer w = llm_json_writer_to(s->req->body, s->req->ctx);
        llm_json_string_begin(&w);
        llm_json_string_piece(&w, "data:", 5, 1);
        llm_json_string_piece(&w, mime.len > 0 ? mime.ptr : "application/octet-stream",
                              mime.len > 0 ? mime.len : 24, 0);
        llm_json_string_piece(&w, ";base64,", 8, 1);
        s->status = w.status;
    }
    put_base64(s, n);
    oai_splice_put(s, OAI_LITERAL("\""));
}

// "wav" of "audio/x-wav".
static llm_str audio_format(llm_str mime) {
    llm_str format = {mime.ptr + 6, mime.len - 6};
    if (format.len > 2 && memcmp(format.ptr, "x-", 2) == 0) {
        format = (llm_str){format.ptr + 2, format.len - 2};
    }
    return oai_same(format, "mpeg")   ? OAI_LITERAL("mp3")
           : oai_same(format, "wave") ? OAI_LITERAL("wav")
                                      : format;
}

static void put_part(struct oai_splice *s, const llm_job *job, uint32_t n) {
    static const llm_str image = {"image/*", 7}, audio = {"audio/*", 7};
    const llm_attachment *attachment = &job->args->attachments[n];
    if (oai_glob(image, attachment->mime, true)) {
        oai_splice_put(s, OAI_LITERAL("{\"type\":\"image_url\",\"image_url\":{\"url\":"));
        put_data_url(s, job, n);
    } else if (oai_glob(audio, attachment->mime, true)) {
        oai_splice_put(s, OAI_LITERAL("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\""));
        put_base64(s, n);
        oai_splice_put(s, OAI_LITERAL("\",\"format\":"));
        put_string(s, audio_format(attachment->mime));
    } else {
        oai_splice_put(s, OAI_LITERAL("{\"type\":\"file\",\"file\":{\"filename\":"));
        put_string(s, attachment->name.len > 0 ? attachment->name : OAI_LITERAL("attachment"));
        oai_splice_put(s, OAI_LITERAL(",\"file_data\":"));
        put_data_url(s, job, n);
    }
    oai_splice_put(s, OAI_LITERAL("}}"));
}

void oai_attach_content(struct oai_splice *s, const llm_job *job, llm_str content) {
    const char type = llm_json_type(content);
    bool first = true;
    if (type == '[') {
        first = oai_at(content, 0).ptr == NULL;
        oai_splice_to(s, content.ptr + content.len - 1);
    } else {
        oai_splice_over(s, content);
        oai_splice_put(s, OAI_LITERAL("["));
        if (oai_has_text(content)) {
            oai_splice_put(s, OAI_LITERAL("{\"type\":\"text\",\"text\":"));
            oai_splice_put(s, content);
            oai_splice_put(s, OAI_LITERAL("}"));
            first = false;
        }
    }
    for (uint32_t n = 0; n < job->args->n_attachments; n++) {
        oai_splice_put(s, first ? OAI_LITERAL("") : OAI_LITERAL(","));
        put_part(s, job, n);
        first = false;
    }
    oai_splice_put(s, type == '[' ? OAI_LITERAL("") : OAI_LITERAL("]"));
}

void oai_attach_images(struct oai_splice *s, const llm_job *job, bool first) {
    bool opened = false;
    for (uint32_t n = 0; n < job->args->n_attachments; n++) {
        if (!oai_attach_is_mask(&job->args->attachments[n])) {
            oai_splice_put(s, opened || first ? OAI_LITERAL("") : OAI_LITERAL(","));
            oai_splice_put(s, opened ? OAI_LITERAL(",{\"image_url\":")
                                     : OAI_LITERAL("\"images\":[{\"image_url\":"));
            put_data_url(s, job, n);
            oai_splice_put(s, OAI_LITERAL("}"));
            opened = true;
        }
    }
    oai_splice_put(s, opened ? OAI_LITERAL("]") : OAI_LITERAL(""));
    for (uint32_t n = 0; n < job->args->n_attachments; n++) {
        if (oai_attach_is_mask(&job->args->attachments[n])) {
            oai_splice_put(s, first && !opened ? OAI_LITERAL("") : OAI_LITERAL(","));
            oai_splice_put(s, OAI_LITERAL("\"mask\":{\"image_url\":"));
            put_data_url(s, job, n);
            oai_splice_put(s, OAI_LITERAL("}"));
            return;
        }
    }
}
