// SPDX-License-Identifier: MIT
// Answers that are lists: embeddings, images, models, moderations.
#include "openai_compat.h"

static llm_status give_identity(llm_job *job, llm_str doc, const llm_out *out) {
    const llm_str model = oai_decode(job, oai_get(doc, "model"), OAI_TEXT_NAME);
    const llm_str id = oai_decode(job, oai_get(doc, "id"), OAI_TEXT_ID);
    if (model.len == 0 && id.len == 0) {
        return LLM_OK;
    }
    return out->identity(out->ctx, model.ptr, model.len, id.ptr, id.len);
}

/* ---- embeddings ------------------------------------------------------------------------------------------------------- */

// Little-endian 32-bit floats as base64.
static llm_status give_base64(llm_job *job, llm_str string, uint32_t index, const llm_out *out) {
    const llm_str text = oai_decode(job, string, OAI_TEXT_CODE);
    uint8_t *bytes = (uint8_t *)oai_room(job, OAI_TEXT_DATA, text.len / 4 * 3 + 8);
    if (text.ptr == NULL || bytes == NULL) {
        return LLM_E_NOMEM;
    }
    struct oai_base64 state = {0};
    size_t n = oai_base64_decode(&state, text.ptr, text.len, bytes);
    n = n == SIZE_MAX ? n : n + oai_base64_end(&state, bytes + n);
    if (n % 4 != 0) {
        return oai_fault(out, LLM_E_PROTOCOL, "an embedding that is neither an array nor base64", NULL);
    }
    for (size_t i = 0; i < n; i += 4) { // in place: whatever this machine's byte order
        const uint32_t bits = (uint32_t)bytes[i] | (uint32_t)bytes[i + 1] << 8 |
                              (uint32_t)bytes[i + 2] << 16 | (uint32_t)bytes[i + 3] << 24;
        memcpy(bytes + i, &bits, 4);
    }
    return out->vector(out->ctx, index, (const float *)(void *)bytes, n / 4);
}

static llm_status give_embeddings(llm_job *job, llm_str data, const llm_out *out) {
    llm_json_iter it = oai_begin(data);
    llm_status status = LLM_OK;
    for (int64_t n = 0; status >= 0 && oai_next(&it); n++) {
        const llm_str embedding = oai_get(it.value, "embedding");
        int64_t index = n;
        (void)oai_int64(oai_get(it.value, "index"), &index);
        index = index >= 0 && index <= INT32_MAX ? index : n;
        if (llm_json_type(embedding) == '"') {
            status = give_base64(job, embedding, (uint32_t)index, out);
        } else if (llm_json_type(embedding) == '[') {
            status = out->vector_json(out->ctx, (uint32_t)index, embedding.ptr, embedding.len);
        } else {
            status = oai_fault(out, LLM_E_PROTOCOL, "an entry without an embedding", NULL);
        }
    }
    return status;
}

/* ---- images ------------------------------------------------------------------------------------------------------------- */

static llm_str mime_of(llm_str doc) {
    const llm_str format = oai_get(doc, "output_format");
    return oai_is(format, "png")                             ? OAI_LITERAL("image/png")
           : oai_is(format, "jpeg") || oai_is(format, "jpg") ? OAI_LITERAL("image/jpeg")
           : oai_is(format, "webp")                          ? OAI_LITERAL("image/webp")
                                                             : (llm_str){NULL, 0};
}

static llm_status give_usage(llm_job *job, llm_str doc, const llm_out *out) {
    const llm_str usage = oai_get(doc, "usage");
    const bool images = job->operation == OAI_IMAGE || job->operation == OAI_IMAGE_EDIT;
    if (!images && llm_json_type(usage) != '{') {
        return LLM_OK;
    }
    return oai_usage(job, doc, llm_json_type(usage) == '{' ? usage : (llm_str){NULL, 0},
                     oai_get(doc, "service_tier"), images ? (int64_t)job->n_blobs : -1, out);
}

static llm_status give_images(llm_job *job, llm_str doc, llm_str data, const llm_out *out) {
    llm_json_iter it = oai_begin(data);
    llm_status status = LLM_OK;
    while (status >= 0 && oai_next(&it)) {
        status = oai_image(job, it.value, mime_of(doc), out);
    }
    if (status >= 0 && job->n_blobs == 0) {
        return oai_fault(out, LLM_E_PROTOCOL, "the answer holds no image", NULL);
    }
    return status;
}

llm_status oai_image_event(llm_job *job, llm_str doc, const llm_out *out) {
    const llm_str type = oai_decode(job, oai_get(doc, "type"), OAI_TEXT_NAME);
    if (oai_is_failure_body(doc)) {
        return oai_fault_in_answer(job, doc, out);
    }
    if (!oai_glob(OAI_LITERAL("*.completed"), type, false)) {
        return LLM_OK; // a first sketch of the image, or something new
    }
    job->has_answer = job->has_finish = true;
    llm_status status = job->is_native ? out->verbatim(out->ctx) : LLM_OK;
    if (status >= 0) {
        status = oai_image(job, doc, mime_of(doc), out);
    }
    return status < 0 ? status : give_usage(job, doc, out);
}

/* ---- a whole body --------------------------------------------------------------------------------------------------------- */

static llm_status give_data(llm_job *job, llm_str doc, llm_str data, const llm_out *out) {
    switch (job->operation) {
    case OAI_EMBEDDINGS: return give_embeddings(job, data, out);
    case OAI_IMAGE:
    case OAI_IMAGE_EDIT: return give_images(job, doc, data, out);
    case OAI_MODELS: return out->json(out->ctx, "models", 6, data.ptr, data.len);
    default: return out->json(out->ctx, "moderation", 10, data.ptr, data.len);
    }
}

llm_status oai_list_body(llm_job *job, llm_str doc, const llm_out *out) {
    if (oai_is_failure(oai_get(doc, "error"))) {
        return oai_fault_in_answer(job, doc, out);
    }
    llm_str data = oai_get(doc, job->operation == OAI_MODERATION ? "results" : "data");
    if (job->operation == OAI_MODELS && llm_json_type(data) != '[') { // some give the bare list
        data = llm_json_type(doc) == '[' ? doc : oai_get(doc, "models");
    }
    if (llm_json_type(data) != '[') {
        return oai_is_failure_body(doc) ? oai_fault_in_answer(job, doc, out)
                                        : oai_fault(out, LLM_E_PROTOCOL, "the answer holds no list", NULL);
    }
    job->has_answer = true;
    llm_status status = job->is_native ? out->verbatim(out->ctx) : LLM_OK;
    if (status >= 0) {
        status = give_identity(job, doc, out);
    }
    if (status >= 0) {
        status = give_data(job, doc, data, out);
    }
    return status < 0 ? status : give_usage(job, doc, out);
}
