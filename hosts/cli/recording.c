// SPDX-License-Identifier: MIT
#include "recording.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim_http.h"

#define DEPTH_MAX 8u // folders below folders

struct loading {
    struct recording *recording;
    const char *folder;
    llm_error *err;
};

// folder/name, NUL-terminated; absent: out of memory.
static llm_str join(struct host_pool *pool, const char *folder, llm_str name) {
    struct host_text path = {0};
    host_text_text(&path, folder);
    host_text_text(&path, "/");
    host_text_add(&path, name.ptr, name.len);
    const llm_str kept = path.failed ? (llm_str){0} : host_pool_copy(pool, host_text_str(&path));
    host_text_done(&path);
    return kept;
}

static llm_status load_file(struct loading *load, llm_str name, llm_str *ret) {
    struct host_text text = {0};
    if (memchr(name.ptr, '/', name.len) != NULL) { // recordings are passed around
        return host_fail(load->err, LLM_E_CONFIG, "%s/meta.json: names a file outside its folder: %.*s",
                         load->folder, (int)(name.len < 256 ? name.len : 256), name.ptr);
    }
    const llm_str path = join(&load->recording->pool, load->folder, name);
    llm_status status = path.ptr == NULL ? LLM_E_NOMEM : host_text_file(&text, path.ptr, load->err);
    if (status == LLM_OK) {
        *ret = host_pool_copy(&load->recording->pool, host_text_str(&text));
        status = ret->ptr == NULL ? LLM_E_NOMEM : LLM_OK;
    }
    host_text_done(&text);
    return status;
}

static llm_status load_headers(struct recording *recording, llm_str headers, llm_str file) {
    bool has_type = false;
    llm_json_iter it = llm_json_begin(headers);
    while (llm_json_next(&it) && recording->n_headers < RECORDING_MAX_HEADERS - 1) {
        llm_header *header = &recording->headers[recording->n_headers++];
        header->name = host_pool_decode(&recording->pool, llm_json_at(it.value, 0));
        header->value = host_pool_decode(&recording->pool, llm_json_at(it.value, 1));
        if (header->name.ptr == NULL || header->value.ptr == NULL) {
            return LLM_E_NOMEM;
        }
        has_type |= host_same_name(header->name, host_str("content-type"));
    }
    if (!has_type) {
        recording->headers[recording->n_headers++] =
            (llm_header){host_str("content-type"), host_str(llm_sim_type_of(file))};
    }
    return LLM_OK;
}

// Some first events say "" before they know.
static bool is_name(llm_str model) {
    return llm_json_type(model) == '"' && !llm_json_is(model, "");
}

// The model is what was asked for; else what answered: in the body, or in one of the first events of a stream.
static llm_str find_model(struct recording *recording) {
    llm_str text = recording->answer;
    llm_str model = llm_json_get(recording->request, "model");
    if (!is_name(model) && llm_json_check(text, 64, NULL)) {
        model = llm_json_get(text, "model");
    }
    while (!is_name(model) && text.len > 0 && recording->stream) {
        const char *lf = memchr(text.ptr, '\n', text.len);
        const llm_str line = {text.ptr, lf != NULL ? (size_t)(lf - text.ptr) : text.len};
        if (line.len > 6 && memcmp(line.ptr, "data: ", 6) == 0) {
            model = llm_json_get(llm_json_value((llm_str){line.ptr + 6, line.len - 6}), "model");
        }
        text = (llm_str){text.ptr + line.len + (lf != NULL), text.len - line.len - (lf != NULL)};
    }
    return is_name(model) ? host_pool_decode(&recording->pool, model) : (llm_str){0};
}

static llm_status load_meta(struct loading *load, llm_str meta) {
    struct recording *recording = load->recording;
    const llm_str response = llm_json_get(meta, "response"), request = llm_json_get(meta, "request");
    const llm_str answer_file = llm_json_plain(llm_json_get(response, "body"));
    const llm_str request_file = llm_json_plain(llm_json_get(request, "body"));
    int64_t status_code = 200;
    const llm_str query = llm_json_get(meta, "query");
    const llm_str query_file = llm_json_plain(llm_json_get(query, "body"));
    int stream = 0, cut = 0;
    llm_status status = LLM_OK;
    llm_json_int64(llm_json_get(response, "status"), &status_code);
    llm_json_bool(llm_json_get(meta, "stream"), &stream);
    recording->status = (unsigned)status_code;
    recording->stream = stream != 0;
    llm_json_bool(llm_json_get(response, "cut"), &cut);
    recording->cut = cut != 0;
    recording->format = host_pool_decode(&recording->pool, llm_json_get(query, "format"));
    recording->provider = host_pool_decode(&recording->pool, llm_json_get(meta, "provider"));
    recording->operation = host_pool_decode(&recording->pool, llm_json_get(meta, "operation"));
    if (answer_file.ptr != NULL) {
        status = load_file(load, answer_file, &recording->answer);
    }
    if (status == LLM_OK && (query_file.ptr != NULL || request_file.ptr != NULL)) {
        status = load_file(load, query_file.ptr != NULL ? query_file : request_file, &recording->request);
    }
    if (status == LLM_OK) {
        status = load_headers(recording, llm_json_get(response, "headers"), answer_file);
    }
    if (!llm_json_check(recording->request, 64, NULL) || llm_json_type(recording->request) != '{') {
        recording->request = (llm_str){0};
    }
    recording->model = host_pool_decode(&recording->pool, llm_json_get(query, "model"));
    if (recording->model.ptr == NULL) {
        recording->model = find_model(recording);
    }
    return status;
}

static llm_status load_one(struct recording *recording, const char *folder, llm_error *err) {
    struct loading load = {recording, folder, err};
    llm_str meta = {0};
    *recording = (struct recording){0};
    llm_status status = load_file(&load, host_str("meta.json"), &meta);
    if (status == LLM_OK && (!llm_json_check(meta, 64, NULL) || llm_json_type(llm_json_value(meta)) != '{')) {
        status = host_fail(err, LLM_E_CONFIG, "%s/meta.json: not a JSON object", folder);
    }
    status = status == LLM_OK ? load_meta(&load, llm_json_value(meta)) : status;
    if (status == LLM_E_NOMEM) {
        host_fail(err, status, "out of memory");
    }
    if (status != LLM_OK) {
        recording_done(recording);
    }
    return status;
}

void recording_done(struct recording *recording) {
    struct recording *next = recording->next;
    host_pool_done(&recording->pool);
    while (next != NULL) {
        struct recording *step = next;
        next = step->next;
        host_pool_done(&step->pool);
        free(step);
    }
}

llm_status recording_exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    struct recording *recording = *(struct recording **)ctx;
    (void)request;
    while (recording != NULL && recording->played > 0) {
        recording = recording->next;
    }
    if (recording == NULL) {
        return LLM_E_TRANSPORT; // more than was recorded
    }
    recording->played++;
    llm_status status = reply->head(reply->ctx, recording->status, recording->headers, recording->n_headers);
    llm_str left = recording->answer;
    while (status >= 0 && left.len > 0) {
        const size_t n = recording->piece_bytes > 0 && recording->piece_bytes < left.len
                             ? recording->piece_bytes
                             : left.len;
        status = reply->data(reply->ctx, left.ptr, n);
        left = (llm_str){left.ptr + n, left.len - n};
    }
    return status < 0 ? status : recording->cut ? LLM_E_TRANSPORT : LLM_OK;
}

// folder/N, in pool; absent: there is no such step.
static llm_str step_folder(struct host_pool *pool, const char *folder, uint64_t n) {
    struct host_text path = {0};
    host_text_text(&path, folder);
    host_text_text(&path, "/");
    host_text_number(&path, n);
    const size_t len = path.len;
    host_text_text(&path, "/meta.json");
    host_text_add(&path, "", 1);
    const bool is_there = !path.failed && access(path.ptr, F_OK) == 0;
    const llm_str kept = is_there ? host_pool_copy(pool, (llm_str){path.ptr, len}) : (llm_str){0};
    host_text_done(&path);
    return kept;
}

static llm_status load_steps(struct recording *recording, const char *folder, llm_error *err) {
    struct recording *last = recording;
    llm_str below;
    for (uint64_t n = 2; (below = step_folder(&recording->pool, folder, n)).ptr != NULL; n++) {
        struct recording *step = calloc(1, sizeof *step);
        if (step == NULL) {
            return host_fail(err, LLM_E_NOMEM, "out of memory");
        }
        const llm_status status = load_one(step, below.ptr, err);
        if (status != LLM_OK) {
            free(step);
            return status;
        }
        last->next = step;
        last = step;
    }
    return LLM_OK;
}

llm_status recording_load(struct recording *recording, const char *folder, llm_error *err) {
    struct host_pool pool = {0};
    struct host_text own = {0};
    host_text_text(&own, folder);
    host_text_text(&own, "/meta.json");
    host_text_add(&own, "", 1);
    const bool alone = own.failed || access(own.ptr, F_OK) == 0;
    const llm_str first = alone ? (llm_str){0} : step_folder(&pool, folder, 1);
    llm_status status = load_one(recording, first.ptr != NULL ? first.ptr : folder, err);
    if (status == LLM_OK && first.ptr != NULL && (status = load_steps(recording, folder, err)) != LLM_OK) {
        recording_done(recording);
    }
    host_text_done(&own);
    host_pool_done(&pool);
    return status;
}

// ---- trees -------------------------------------------------------------------------------------------------------------

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

// false: it was stopped.
static bool walk(const char *folder, unsigned depth, bool (*visit)(void *ctx, const char *folder),
                 void *ctx) {
    struct dirent **entries = NULL;
    const int n = scandir(folder, &entries, is_visible, alphasort);
    bool go_on = true;
    for (int i = 0; i < n && go_on; i++) {
        go_on = strcmp(entries[i]->d_name, "meta.json") != 0 || visit(ctx, folder);
    }
    for (int i = 0; i < n; i++) {
        struct host_pool pool = {0};
        const unsigned char type = entries[i]->d_type;
        if (go_on && depth < DEPTH_MAX && (type == DT_DIR || type == DT_UNKNOWN || type == DT_LNK)) {
            const llm_str below = join(&pool, folder, host_str(entries[i]->d_name));
            go_on = below.ptr == NULL || walk(below.ptr, depth + 1, visit, ctx);
        }
        host_pool_done(&pool);
        free(entries[i]);
    }
    free(entries);
    return go_on;
}

llm_status recording_walk(const char *folder, bool (*visit)(void *ctx, const char *folder), void *ctx,
                          llm_error *err) {
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return host_fail(err, LLM_E_CONFIG, "%s: cannot be opened: %s", folder, strerror(errno));
    }
    closedir(dir);
    walk(folder, 0, visit, ctx);
    return LLM_OK;
}

llm_str recording_operation(llm_str word) {
    static const struct {
        const char *word, *operation;
    } known[] = {
        {"chat.completions", "chat"},
        {"images.generations", "image"},
        {"images.edits", "image.edit"},
        {"images.variations", "image.variate"},
        {"moderations", "moderation"},
        {"audio.speech", "speech"},
        {"audio.transcriptions", "transcription"},
        {"audio.translations", "translation"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (host_same(word, host_str(known[i].word))) {
            return host_str(known[i].operation);
        }
    }
    return word;
}

void recording_write_request(struct host_text *body, llm_str model, llm_str operation) {
    llm_json_writer w = llm_json_writer_to(host_text_sink, body);
    llm_json_object(&w);
    llm_json_name(&w, "model");
    llm_json_string(&w, model);
    if (operation.len >= 5 && memcmp(operation.ptr, "image", 5) == 0) {
        llm_json_name(&w, "prompt");
        llm_json_cstring(&w, "recorded");
    } else if (host_same(operation, host_str("embeddings")) || host_same(operation, host_str("moderation"))) {
        llm_json_name(&w, "input");
        llm_json_cstring(&w, "recorded");
    } else {
        llm_json_name(&w, "messages");
        llm_json_array(&w);
        llm_json_object(&w);
        llm_json_name(&w, "role");
        llm_json_cstring(&w, "user");
        llm_json_name(&w, "content");
        llm_json_cstring(&w, "recorded");
        llm_json_object_end(&w);
        llm_json_array_end(&w);
    }
    llm_json_object_end(&w);
}
