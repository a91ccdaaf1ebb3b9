// SPDX-License-Identifier: MIT
// Image services in OpenAI's and Recraft's formats, and the files that their URLs name.
#include "sim_demo.h"

#include "sim_png.h"

#include <time.h>

struct images {
    struct llm_sim_demo *demo;
    const struct llm_sim_request *request;
    struct llm_sim_made *made;
    bool recraft, single, vector, base64;
    int64_t n;
};

static bool ends_with(llm_str path, const char *end) {
    const size_t n = strlen(end);
    return path.len >= n && memcmp(path.ptr + path.len - n, end, n) == 0;
}

// A plain string member that begins with prefix.
static bool begins(llm_str object, const char *name, const char *prefix) {
    const llm_str text = llm_json_plain(llm_json_get(object, name));
    const size_t n = strlen(prefix);
    return text.ptr != NULL && text.len >= n && memcmp(text.ptr, prefix, n) == 0;
}

static bool holds(llm_str object, const char *name, const char *part) {
    const llm_str text = llm_json_plain(llm_json_get(object, name));
    return text.len > 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static void add_image(struct images *images, llm_json_writer *w, uint32_t seed) {
    struct host_text *scratch = &images->demo->answer;
    struct host_text *text = &images->demo->text;
    scratch->len = 0;
    text->len = 0;
    llm_json_object(w);
    if (images->recraft) {
        host_text_text(text, "00000000-0000-4000-8000-0000");
        for (int shift = 28; shift >= 0; shift -= 4) {
            host_text_hex(text, seed >> shift & 15);
        }
        llm_json_name(w, "image_id");
        llm_json_string(w, host_text_str(text));
    }
    if (images->base64) {
        if (images->vector) {
            llm_sim_svg(scratch, seed);
        } else {
            llm_sim_png(scratch, seed);
        }
        text->len = 0;
        host_text_base64(text, scratch->ptr, scratch->len);
        llm_json_name(w, "b64_json");
        llm_json_string(w, host_text_str(text));
    } else {
        llm_sim_demo_origin(images->demo, images->request, scratch);
        host_text_text(scratch, "/sim/blob/");
        host_text_number(scratch, seed);
        host_text_text(scratch, images->vector ? ".svg" : ".png");
        llm_json_name(w, "url");
        llm_json_string(w, host_text_str(scratch));
    }
    llm_json_object_end(w);
}

static void add_cost(const struct images *images, llm_json_writer *w, size_t words) {
    if (images->recraft) {
        llm_json_name(w, "credits");
        llm_json_integer(w, images->n * (images->vector ? 80 : 40));
        return;
    }
    llm_json_name(w, "usage");
    llm_json_object(w);
    llm_json_name(w, "input_tokens");
    llm_json_integer(w, (int64_t)words);
    llm_json_name(w, "output_tokens");
    llm_json_integer(w, images->n * 16);
    llm_json_name(w, "total_tokens");
    llm_json_integer(w, (int64_t)words + images->n * 16);
    llm_json_object_end(w);
}

static bool read_request(struct images *images) {
    const llm_str body = images->request->body, path = images->request->path;
    const bool generation = ends_with(path, "/generations") || ends_with(path, "/raster") ||
                            ends_with(path, "/vector") || ends_with(path, "/edits");
    images->single = ends_with(path, "/vectorize") || ends_with(path, "/removeBackground") ||
                     ends_with(path, "Upscale") || ends_with(path, "/eraseRegion");
    images->recraft = !generation || begins(body, "model", "recraft");
    images->vector = ends_with(path, "/vectorize") || ends_with(path, "/vector") ||
                     holds(body, "model", "vector") || begins(body, "style", "vector") ||
                     begins(body, "style", "icon");
    images->base64 = llm_json_is(llm_json_get(body, "response_format"), "b64_json") ||
                     (llm_json_get(body, "response_format").ptr == NULL && !images->recraft &&
                      !begins(body, "model", "dall-e"));
    images->n = 1;
    llm_json_int64(llm_json_get(body, "n"), &images->n);
    return images->n >= 1 && images->n <= 10;
}

void llm_sim_demo_images(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                         struct llm_sim_made *made) {
    struct images images = {.demo = demo, .request = request, .made = made};
    const llm_str prompt = llm_json_get(request->body, "prompt");
    const bool has_prompt = llm_json_type(prompt) == '"';
    if (!read_request(&images)) {
        llm_sim_demo_error(made, 400, "invalid_request", "\"n\" is 1 to 10.");
        return;
    }
    if (has_prompt) {
        host_text_decoded(&demo->text, prompt);
    }
    const size_t words = llm_sim_demo_words(host_text_str(&demo->text));
    const uint32_t seed = llm_sim_demo_hash(host_text_str(&demo->text));
    if (!has_prompt && ends_with(request->path, "/generations")) {
        llm_sim_demo_error(made, 400, "invalid_request", "\"prompt\" is needed.");
        return;
    }
    llm_json_writer w = llm_json_writer_to(host_text_sink, &made->body);
    llm_json_object(&w);
    llm_json_name(&w, "created");
    llm_json_integer(&w, (int64_t)time(NULL));
    if (images.single) {
        images.n = 1;
        llm_json_name(&w, "image");
        add_image(&images, &w, seed);
    } else {
        llm_json_name(&w, "data");
        llm_json_array(&w);
        for (int64_t i = 0; i < images.n; i++) {
            add_image(&images, &w, seed + 0x01010101u * (uint32_t)i);
        }
        llm_json_array_end(&w);
    }
    add_cost(&images, &w, words);
    llm_json_object_end(&w);
    llm_sim_demo_json(made);
}

void llm_sim_demo_blob(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                       struct llm_sim_made *made) {
    static const char prefix[] = "/sim/blob/";
    uint32_t seed = 0;
    (void)demo;
    for (size_t i = sizeof prefix - 1; i < request->path.len; i++) {
        const char c = request->path.ptr[i];
        if (c < '0' || c > '9') {
            break;
        }
        seed = seed * 10 + (uint32_t)(c - '0');
    }
    if (ends_with(request->path, ".svg")) {
        llm_sim_svg(&made->body, seed);
        llm_sim_made_end(made, 200, "image/svg+xml", NULL, false);
        return;
    }
    llm_sim_png(&made->body, seed);
    llm_sim_made_end(made, 200, "image/png", NULL, false);
}
