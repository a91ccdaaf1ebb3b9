// SPDX-License-Identifier: MIT
#include "sim_demo.h"

void llm_sim_demo_done(struct llm_sim_demo *demo) {
    host_text_done(&demo->text);
    host_text_done(&demo->answer);
}

void llm_sim_demo_json(struct llm_sim_made *made) {
    llm_sim_made_end(made, 200, "application/json", NULL, false);
}

void llm_sim_demo_error(struct llm_sim_made *made, unsigned status, const char *code, const char *message) {
    llm_json_writer w = llm_json_writer_to(host_text_sink, &made->body);
    llm_json_object(&w);
    llm_json_name(&w, "error");
    llm_json_object(&w);
    llm_json_name(&w, "message");
    llm_json_cstring(&w, message);
    llm_json_name(&w, "type");
    llm_json_cstring(&w, "invalid_request_error");
    llm_json_name(&w, "param");
    llm_json_null(&w);
    llm_json_name(&w, "code");
    llm_json_cstring(&w, code);
    llm_json_object_end(&w);
    llm_json_object_end(&w);
    llm_sim_made_end(made, status, "application/json", NULL, false);
}

void llm_sim_demo_origin(const struct llm_sim_demo *demo, const struct llm_sim_request *request,
                         struct host_text *to) {
    const llm_str host = request->host;
    bool clean = host.len > 0 && host.len < 256;
    for (size_t i = 0; i < host.len && clean; i++) {
        const char c = host.ptr[i];
        clean = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                c == ':' || c == '-' || c == '[' || c == ']';
    }
    if (!clean) {
        host_text_add(to, demo->origin.ptr, demo->origin.len);
        return;
    }
    host_text_text(to, "http://");
    host_text_add(to, host.ptr, host.len);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

size_t llm_sim_demo_words(llm_str text) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        n += !is_blank(text.ptr[i]) && (i == 0 || is_blank(text.ptr[i - 1]));
    }
    return n;
}

llm_str llm_sim_demo_first_words(llm_str text, size_t n) {
    size_t at = 0;
    while (at < text.len && n > 0) {
        while (at < text.len && is_blank(text.ptr[at])) {
            at++;
        }
        while (at < text.len && !is_blank(text.ptr[at])) {
            at++;
        }
        at += at < text.len;
        n--;
    }
    return (llm_str){text.ptr, at};
}

uint32_t llm_sim_demo_hash(llm_str text) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (uint8_t)text.ptr[i]) * 16777619u;
    }
    return hash;
}

static void answer_models(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                          struct llm_sim_made *made) {
    static const char *const models[] = {"sim-chat", "sim-embed", "sim-image", "recraftv3"};
    (void)demo;
    (void)request;
    llm_json_writer w = llm_json_writer_to(host_text_sink, &made->body);
    llm_json_object(&w);
    llm_json_name(&w, "object");
    llm_json_cstring(&w, "list");
    llm_json_name(&w, "data");
    llm_json_array(&w);
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        llm_json_object(&w);
        llm_json_name(&w, "id");
        llm_json_cstring(&w, models[i]);
        llm_json_name(&w, "object");
        llm_json_cstring(&w, "model");
        llm_json_name(&w, "created");
        llm_json_integer(&w, 1700000000);
        llm_json_name(&w, "owned_by");
        llm_json_cstring(&w, "simulator");
        llm_json_object_end(&w);
    }
    llm_json_array_end(&w);
    llm_json_object_end(&w);
    llm_sim_demo_json(made);
}

static void answer_account(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                           struct llm_sim_made *made) {
    (void)demo;
    (void)request;
    host_text_text(
        &made->body,
        "{\"id\":\"sim-user\",\"email\":\"sim@example.org\",\"name\":\"Simulator\",\"credits\":5000}");
    llm_sim_demo_json(made);
}

static void answer_style(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                         struct llm_sim_made *made) {
    (void)demo;
    (void)request;
    host_text_text(&made->body,
                   "{\"id\":\"5f0c0f6e-0000-4000-8000-000000000001\",\"style\":\"any\","
                   "\"creation_time\":\"2026-01-01T00:00:00Z\",\"is_private\":true,\"credits\":40}");
    llm_sim_demo_json(made);
}

static void answer_styles(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                          struct llm_sim_made *made) {
    (void)demo;
    (void)request;
    host_text_text(&made->body,
                   "{\"styles\":[{\"id\":\"5f0c0f6e-0000-4000-8000-000000000001\","
                   "\"style\":\"any\",\"creation_time\":\"2026-01-01T00:00:00Z\",\"is_private\":true,"
                   "\"credits\":0}]}");
    llm_sim_demo_json(made);
}

static const struct {
    const char *method, *path, *name;
    void (*answer)(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                   struct llm_sim_made *made);
} services[] = {
    {"POST", "*/chat/completions", "demo chat", llm_sim_demo_chat},
    {"POST", "*/talk", "demo talk", llm_sim_demo_talk},
    {"POST", "*/talk/*", "demo bird", llm_sim_demo_bird},
    {"POST", "*/jobs", "demo job", llm_sim_demo_submit},
    {"GET", "*/jobs/*", "demo look", llm_sim_demo_look},
    {"GET", "*/albums/*", "demo album", llm_sim_demo_album},
    {"POST", "*/embeddings", "demo embeddings", llm_sim_demo_embeddings},
    {"POST", "*/images/*", "demo images", llm_sim_demo_images},
    {"GET", "*/models", "demo models", answer_models},
    {"GET", "*/users/me", "demo account", answer_account},
    {"POST", "*/styles", "demo style", answer_style},
    {"GET", "*/styles", "demo styles", answer_styles},
    {"GET", "/sim/blob/*", "demo blob", llm_sim_demo_blob},
};

static bool is_multipart(const struct llm_sim_request *request) {
    return host_glob(host_str("multipart/*"), llm_sim_header(request, "content-type"));
}

bool llm_sim_demo_answer(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                         struct llm_sim_made *made, const char **ret_name) {
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        if (!host_same(request->method, host_str(services[i].method)) ||
            !host_glob(host_str(services[i].path), request->path)) {
            continue;
        }
        demo->count++;
        host_text_reset(&demo->text, LLM_SIM_MAX_KEPT_BYTES);
        host_text_reset(&demo->answer, LLM_SIM_MAX_KEPT_BYTES);
        made->reply.delay_ms = demo->delay_ms;
        if (demo->chunk_bytes > 0) {
            demo->sizes[0] = demo->chunk_bytes;
            made->reply.sizes = demo->sizes;
            made->reply.n_sizes = 1;
        }
        if (services[i].method[0] == 'P' && is_multipart(request)) {
            struct llm_sim_request form = *request;
            form.body = host_str("{\"prompt\":\"\"}"); // the fields of a form are not read
            services[i].answer(demo, &form, made);
        } else if (services[i].method[0] == 'P' && !llm_json_check(request->body, 64, NULL)) {
            llm_sim_demo_error(made, 400, "invalid_json", "The body is not JSON.");
        } else {
            services[i].answer(demo, request, made);
        }
        *ret_name = services[i].name;
        return true;
    }
    return false;
}
