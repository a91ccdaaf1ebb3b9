// SPDX-License-Identifier: MIT
// recraft.so: vectors, every field of the specification, failures.
#include "codec_vectors.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/limits.h"
#include "llm_json.h"

const llm_provider_descriptor *LLM_ENTRY(void);

static const char *source(const char *path, char *buf, size_t cap) {
    (void)snprintf(buf, cap, "%s/%s", getenv("LLM_TEST_SOURCE"), path);
    return buf;
}

// ---- every property of every request schema goes through

static const char *const operations[][2] = {
    {"image", "/v1/images/generations"},
    {"chat", "/v1/images/generations"},
    {"image.raster", "/v1/images/generations/raster"},
    {"image.vector", "/v1/images/generations/vector"},
    {"image.image_to_image", "/v1/images/imageToImage"},
    {"image.inpaint", "/v1/images/inpaint"},
    {"image.outpaint", "/v1/images/outpaint"},
    {"image.replace_background", "/v1/images/replaceBackground"},
    {"image.generate_background", "/v1/images/generateBackground"},
    {"image.variate", "/v1/images/variateImage"},
    {"image.explore", "/v1/images/explore"},
    {"image.explore_similar", "/v1/images/explore/similar"},
    {"image.vectorize", "/v1/images/vectorize"},
    {"image.remove_background", "/v1/images/removeBackground"},
    {"image.crisp_upscale", "/v1/images/crispUpscale"},
    {"image.creative_upscale", "/v1/images/creativeUpscale"},
    {"image.clarity_upscale", "/v1/images/clarityUpscale"},
    {"image.generative_upscale", "/v1/images/generativeUpscale"},
    {"image.erase_region", "/v1/images/eraseRegion"},
    {"styles.create", "/v1/styles"},
    {"styles.list", "/v1/styles"},
    {"styles.basic", "/v1/styles/basic"},
    {"styles.get", "/v1/styles/{style_id}"},
    {"styles.delete", "/v1/styles/{style_id}"},
    {"prompt.enhance", "/v1/prompts/enhance"},
    {"colors.optimize", "/v1/colors/optimize"},
    {"account", "/v1/users/me"},
    {"models", "/v1/models"},
    {"status", "/status"},
    {"ping", "/ping"},
};
#define OPERATIONS (sizeof operations / sizeof operations[0])

// The names of all properties of a schema, allOf and $ref followed.
static void collect(const cJSON *spec, const cJSON *schema, cJSON *names) {
    const cJSON *ref = cJSON_GetObjectItemCaseSensitive(schema, "$ref");
    if (cJSON_IsString(ref)) {
        const cJSON *schemas =
            cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(spec, "components"), "schemas");
        collect(spec, cJSON_GetObjectItemCaseSensitive(schemas, strrchr(ref->valuestring, '/') + 1), names);
        return;
    }
    const cJSON *part;
    cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(schema, "allOf")) {
        collect(spec, part, names);
    }
    cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(schema, "properties")) {
        if (cJSON_GetObjectItemCaseSensitive(names, part->string) == NULL) {
            cJSON_AddNullToObject(names, part->string);
        }
    }
}

// A value for a member that nothing else has, in a spelling that a re-print would change.
static void put_member(struct llm_buf *out, const char *name, size_t number, bool as_list) {
    if (strcmp(name, "prompt") == 0 || strcmp(name, "image_url") == 0 || strcmp(name, "mask_url") == 0 ||
        strcmp(name, "model") == 0) {
        (void)llm_buf_printf(out, "\"%s\":\"v\\u0065%zu\"", name, number);
    } else if (as_list) {
        (void)llm_buf_printf(out, "\"%s\":[\"a%zu\"]", name, number);
    } else {
        (void)llm_buf_printf(out, "\"%s\":{ \"n\" : 1.%zu0, \"big\":9007199254740993 }", name, number);
    }
}

static bool as_list(const char *name) {
    return strcmp(name, "image_urls") == 0 || strcmp(name, "style_reference_urls") == 0;
}

static void check_fields(struct tap *tap, const char *operation, const cJSON *names) {
    struct llm_buf request = {.max = LLM_MAX_REQUEST_BYTES}, want = {.max = LLM_MAX_REQUEST_BYTES};
    struct codec_result result;
    char line[128];
    const char *lost = NULL;
    size_t n = 0;
    const cJSON *name;

    (void)llm_buf_puts(&request, "{");
    cJSON_ArrayForEach(name, names) {
        if (strcmp(name->string, "response_format") != 0) { // an object is no response format of Recraft's
            (void)llm_buf_puts(&request, n > 0 ? ", " : "");
            put_member(&request, name->string, n++, as_list(name->string));
        }
    }
    (void)llm_buf_puts(&request, n > 0 ? ", \"response_format\":\"b64_json\"}" : "}");
    (void)codec_host_run(
        &(struct codec_case){
            .plugin = LLM_ENTRY(), .operation = operation, .model = "recraftv3", .request = request.ptr},
        &result);
    n = 0;
    cJSON_ArrayForEach(name, names) {
        want.len = 0;
        if (strcmp(name->string, "model") == 0) {
            (void)llm_buf_puts(&want, "\"model\":\"recraftv3\"");
            n++;
        } else if (strcmp(name->string, "response_format") == 0) {
            (void)llm_buf_puts(&want, "\"response_format\":\"b64_json\"");
        } else {
            put_member(&want, name->string, n++, as_list(name->string));
        }
        if (result.n_exchanges == 0 || strstr(llm_buf_str(&result.exchanges[0].body).ptr, want.ptr) == NULL) {
            lost = name->string;
        }
    }
    (void)snprintf(line, sizeof line, "%s passes all %d members of its schema", operation,
                   cJSON_GetArraySize(names));
    tap_result(tap, lost == NULL && result.n_warnings == 0, line, "lost or warned about: %s; %s",
               lost != NULL ? lost : "-", codec_result_text(&result));
    codec_result_done(&result);
    llm_buf_done(&request);
    llm_buf_done(&want);
}

static cJSON *read_spec(void) {
    char path[4096];
    const char *shared = getenv("LLM_MASTER_SHARED");
    if (shared != NULL) {
        (void)snprintf(path, sizeof path, "%s/specs/recraft.openapi.json", shared);
    } else {
        (void)source("../shared/specs/recraft.openapi.json", path, sizeof path);
    }
    FILE *f = fopen(path, "rb");
    char *text = f != NULL ? calloc(1, 1u << 20) : NULL;
    cJSON *spec = text != NULL && fread(text, 1, (1u << 20) - 1, f) > 0 ? cJSON_Parse(text) : NULL;
    free(text);
    if (f != NULL) {
        (void)fclose(f);
    }
    return spec;
}

static bool is_known(const char *path) {
    for (size_t i = 0; i < OPERATIONS; i++) {
        if (strcmp(operations[i][1], path) == 0) {
            return true;
        }
    }
    return false;
}

static void check_specification(struct tap *tap) {
    cJSON *spec = read_spec();
    if (spec == NULL) {
        tap_skip(tap, "every member of the specification passes", "the shared specification is not there");
        return;
    }
    const cJSON *paths = cJSON_GetObjectItemCaseSensitive(spec, "paths"), *path;
    cJSON_ArrayForEach(path, paths) {
        tap_result(tap, is_known(path->string), path->string, "no operation for it");
    }
    for (size_t i = 0; i < OPERATIONS; i++) {
        const cJSON *post = cJSON_GetObjectItemCaseSensitive(
            cJSON_GetObjectItemCaseSensitive(paths, operations[i][1]), "post");
        const cJSON *content = cJSON_GetObjectItemCaseSensitive(
            cJSON_GetObjectItemCaseSensitive(post, "requestBody"), "content");
        const cJSON *json = cJSON_GetObjectItemCaseSensitive(content, "application/json");
        if (json != NULL && strcmp(operations[i][0], "styles.list") != 0) {
            cJSON *names = cJSON_CreateObject();
            collect(spec, cJSON_GetObjectItemCaseSensitive(json, "schema"), names);
            check_fields(tap, operations[i][0], names);
            cJSON_Delete(names);
        }
    }
    cJSON_Delete(spec);
}

// ---- the manifest and the table say the same

static void check_generators(struct tap *tap) {
    size_t n = 0;
    bool ok = true;
    for (const llm_generator *const *g = LLM_ENTRY()->generators; *g != NULL; g++, n++) {
        ok =
            ok && strcmp((*g)->name, (*g)->operation) == 0 && (*g)->codec != NULL && (*g)->formats[0] != NULL;
    }
    tap_result(tap, ok && n == OPERATIONS + 1, "a generator for each operation, and image.edit",
               "%zu generators", n);
}

static void check_copies(struct tap *tap) {
    // The megabytes of an image go through without a copy: as a member, as an attachment.
    enum { SIZE = 1 << 20 };
    char *request = malloc(SIZE + 200);
    size_t n = (size_t)snprintf(request, 200, "{\"image_url\":\"data:image/png;base64,");
    memset(request + n, 'A', SIZE);
    (void)snprintf(request + n + SIZE, 100, "\"}");
    const llm_attachment attachment = {.data = {(const uint8_t *)request, SIZE}, .mime = {"image/png", 9}};
    struct codec_result result;
    for (int i = 0; i < 2; i++) {
        (void)codec_host_run(&(struct codec_case){.plugin = LLM_ENTRY(),
                                                  .operation = "image.vectorize",
                                                  .request = i == 0 ? request : "{}",
                                                  .attachments = &attachment,
                                                  .n_attachments = (size_t)i},
                             &result);
        tap_result(tap,
                   result.n_exchanges == 1 && result.exchanges[0].body.len > SIZE &&
                       result.exchanges[0].copied_bytes < 200,
                   i == 0 ? "a data URL in the request is not copied" : "an attachment is not copied",
                   "%zu bytes copied", result.n_exchanges == 1 ? result.exchanges[0].copied_bytes : 0);
        codec_result_done(&result);
    }
    free(request);
}

int main(void) {
    struct tap tap = {0, 0};
    char path[4096];
    codec_vectors_run(&tap, LLM_ENTRY(), source("tests/vectors/recraft/requests.json", path, sizeof path));
    codec_vectors_run(&tap, LLM_ENTRY(), source("tests/vectors/recraft/answers.json", path, sizeof path));
    check_generators(&tap);
    check_copies(&tap);
    check_specification(&tap);
    return tap_done(&tap);
}
