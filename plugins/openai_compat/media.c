// SPDX-License-Identifier: MIT
// Images and audio in an answer.
#include "openai_compat.h"

static int digit(char c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

size_t oai_base64_decode(struct oai_base64 *state, const char *p, size_t n, uint8_t *ret) {
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        const int value = digit(p[i]);
        if (value >= 0) {
            state->bits = state->bits << 6 | (uint32_t)value;
            if (++state->n_digits == 4) {
                ret[len++] = (uint8_t)(state->bits >> 16);
                ret[len++] = (uint8_t)(state->bits >> 8);
                ret[len++] = (uint8_t)state->bits;
                *state = (struct oai_base64){0};
            }
        } else if (p[i] == '=') { // the end, or of a piece that was encoded by itself
            len += oai_base64_end(state, ret + len);
        } else if (p[i] != '\n' && p[i] != '\r') {
            return SIZE_MAX;
        }
    }
    return len;
}

size_t oai_base64_end(struct oai_base64 *state, uint8_t *ret) {
    const struct oai_base64 last = *state;
    *state = (struct oai_base64){0};
    if (last.n_digits < 2) {
        return 0;
    }
    ret[0] = (uint8_t)(last.n_digits == 2 ? last.bits >> 4 : last.bits >> 10);
    ret[1] = (uint8_t)(last.bits >> 2);
    return last.n_digits - 1;
}

// An URL with the bytes in it: "data:image/png;base64,...".
static bool split_data_url(llm_str url, llm_str *mime, llm_str *data) {
    if (url.len < 5 || memcmp(url.ptr, "data:", 5) != 0) {
        return false;
    }
    const char *comma = memchr(url.ptr, ',', url.len);
    if (comma == NULL || comma - url.ptr < 12 || memcmp(comma - 7, ";base64", 7) != 0) {
        return false;
    }
    const char *semicolon = memchr(url.ptr, ';', url.len);
    *mime = (llm_str){url.ptr + 5, (size_t)(semicolon - url.ptr - 5)};
    *data = (llm_str){comma + 1, (size_t)(url.ptr + url.len - comma - 1)};
    return true;
}

static llm_status give_url(llm_job *job, llm_str url, llm_str mime, const llm_out *out) {
    llm_str data;
    if (url.ptr == NULL) {
        return LLM_E_NOMEM;
    }
    if (split_data_url(url, &mime, &data)) {
        return out->blob_base64(out->ctx, job->n_blobs++, mime.ptr, mime.len, data.ptr, data.len, 1);
    }
    return out->blob_url(out->ctx, job->n_blobs++, mime.ptr, mime.len, url.ptr, url.len);
}

llm_status oai_image(llm_job *job, llm_str image, llm_str mime, const llm_out *out) {
    if (llm_json_type(image) == '"') {
        return oai_has_text(image) ? give_url(job, oai_decode(job, image, OAI_TEXT_DATA), mime, out) : LLM_OK;
    }
    const llm_str base64 = oai_get(image, "b64_json");
    const llm_str own_mime = oai_decode(job, oai_get(image, "mime_type"), OAI_TEXT_NAME);
    mime = own_mime.len > 0 ? own_mime : mime;
    if (oai_has_text(base64)) {
        const llm_str data = oai_decode(job, base64, OAI_TEXT_DATA);
        return data.ptr == NULL
                   ? LLM_E_NOMEM
                   : out->blob_base64(out->ctx, job->n_blobs++, mime.ptr, mime.len, data.ptr, data.len, 1);
    }
    const llm_str url = oai_get(image, "url");
    return oai_has_text(url) ? give_url(job, oai_decode(job, url, OAI_TEXT_DATA), mime, out) : LLM_OK;
}

// A stream's audio comes in pieces, each of them base64 by itself or not: it is given as bytes.
static llm_status audio_piece(llm_job *job, llm_str data, const llm_out *out) {
    if (job->audio_blob == 0) {
        job->audio_blob = ++job->n_blobs;
    }
    uint8_t *bytes = (uint8_t *)oai_room(job, OAI_TEXT_DATA, data.len / 4 * 3 + 8);
    if (bytes == NULL) {
        return LLM_E_NOMEM;
    }
    const size_t n = oai_base64_decode(&job->audio, data.ptr, data.len, bytes);
    if (n == SIZE_MAX) {
        return oai_fault(out, LLM_E_PROTOCOL, "audio that is no base64", NULL);
    }
    return n == 0 ? LLM_OK : out->blob(out->ctx, job->audio_blob - 1, "", 0, bytes, n, 0);
}

llm_status oai_audio(llm_job *job, llm_str audio, bool whole, const llm_out *out) {
    const llm_str data = oai_get(audio, "data");
    if (!oai_has_text(data)) {
        return LLM_OK; // a transcript, or its end: in the raw answer
    }
    const llm_str base64 = oai_decode(job, data, OAI_TEXT_CODE);
    if (base64.ptr == NULL) {
        return LLM_E_NOMEM;
    }
    if (!whole) {
        return audio_piece(job, base64, out);
    }
    return out->blob_base64(out->ctx, job->n_blobs++, "", 0, base64.ptr, base64.len, 1);
}

llm_status oai_audio_end(llm_job *job, const llm_out *out) {
    uint8_t rest[3];
    if (job->audio_blob == 0) {
        return LLM_OK;
    }
    const uint32_t index = job->audio_blob - 1;
    job->audio_blob = 0;
    const size_t n = oai_base64_end(&job->audio, rest);
    return out->blob(out->ctx, index, "", 0, rest, n, 1);
}
