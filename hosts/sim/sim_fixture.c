// SPDX-License-Identifier: MIT
#include "sim_fixture.h"

#include "sim.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DEPTH_MAX 8u // folders below folders

struct llm_sim_fixtures {
    struct host_pool pool;
    struct llm_sim_fixture *list; // by id
    size_t n, cap;
    uint32_t sizes[1], delay_ms;
};

static bool is_transport(llm_str name) {
    static const char *const names[] = {
        "content-length", "transfer-encoding", "content-encoding", "connection",
        "keep-alive",     "trailer",           "upgrade",          "alt-svc"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (host_same_name(name, host_str(names[i]))) {
            return true;
        }
    }
    return false;
}

static void build_head(struct host_text *head, const struct llm_sim_fixture *fixture, llm_str headers,
                       llm_str file) {
    bool has_type = false;
    llm_sim_head_status(head, fixture->reply.status);
    llm_json_iter it = llm_json_begin(headers);
    while (llm_json_next(&it)) {
        const llm_str name = llm_json_plain(llm_json_at(it.value, 0));
        if (name.ptr == NULL || is_transport(name)) {
            continue;
        }
        has_type |= host_same_name(name, host_str("content-type"));
        host_text_add(head, name.ptr, name.len);
        host_text_text(head, ": ");
        host_text_decoded(head, llm_json_at(it.value, 1));
        host_text_text(head, "\r\n");
    }
    if (!has_type) {
        llm_sim_head_field(head, host_str("content-type"), host_str(llm_sim_type_of(file)));
    }
    if (fixture->reply.chunked) {
        host_text_text(head, "transfer-encoding: chunked\r\n\r\n");
        return;
    }
    host_text_text(head, "content-length: ");
    host_text_number(head,
                     fixture->reply.body.len + (fixture->reply.fault == LLM_SIM_CUT)); // one that never comes
    host_text_text(head, "\r\n\r\n");
}

// A write ends behind each event or line of a stream.
static bool find_ends(struct llm_sim_fixtures *all, struct llm_sim_fixture *fixture, bool events) {
    const llm_str body = fixture->reply.body;
    size_t n = 0, cap = 16;
    size_t *ends = malloc(cap * sizeof *ends);
    for (size_t i = 0; i < body.len && ends != NULL; i++) {
        const bool blank = i + 1 == body.len || body.ptr[i + 1] == '\n' || body.ptr[i + 1] == '\r';
        if (i + 1 < body.len && (body.ptr[i] != '\n' || (events && blank))) {
            continue;
        }
        if (events && i + 1 < body.len && (i == 0 || (body.ptr[i - 1] != '\n' && body.ptr[i - 1] != '\r'))) {
            continue;
        }
        if (n == cap) {
            cap *= 2;
            size_t *more = realloc(ends, cap * sizeof *ends);
            if (more == NULL) {
                free(ends);
            }
            ends = more;
        }
        if (ends != NULL) {
            ends[n++] = i + 1;
        }
    }
    size_t *kept = ends == NULL ? NULL : host_pool_alloc(&all->pool, (n + 1) * sizeof *kept);
    if (kept != NULL) {
        memcpy(kept, ends, n * sizeof *kept);
        fixture->reply.ends = kept;
        fixture->reply.n_ends = n;
    }
    free(ends);
    return kept != NULL;
}

static llm_str path_of(llm_str url) {
    const char *scheme = url.len == 0 ? NULL : memmem(url.ptr, url.len, "://", 3);
    const char *from = scheme == NULL ? url.ptr : scheme + 3;
    const char *end = url.ptr + url.len;
    const char *slash = from == end ? NULL : memchr(from, '/', (size_t)(end - from));
    if (slash == NULL) {
        return (llm_str){0};
    }
    const char *mark = memchr(slash, '?', (size_t)(end - slash));
    return (llm_str){slash, (size_t)((mark != NULL ? mark : end) - slash)};
}

// folder/name, NUL-terminated.
static const char *join(struct host_text *buf, llm_str folder, llm_str name) {
    buf->len = 0;
    host_text_add(buf, folder.ptr, folder.len);
    host_text_text(buf, "/");
    host_text_add(buf, name.ptr, name.len);
    host_text_add(buf, "", 1);
    return buf->failed ? "" : buf->ptr;
}

struct loading {
    struct llm_sim_fixtures *all;
    llm_str folder;
    struct host_text path, file;
    llm_error *err;
};

static llm_status load_file(struct loading *load, llm_str name) {
    load->file.len = 0;
    return host_text_file(&load->file, join(&load->path, load->folder, name), load->err);
}

static llm_status load_request(struct loading *load, struct llm_sim_fixture *fixture, llm_str name) {
    const llm_status status = load_file(load, name);
    const llm_str body = host_text_str(&load->file);
    if (status == LLM_OK && llm_json_check(body, 64, NULL)) {
        fixture->model = host_pool_decode(&load->all->pool, llm_json_get(body, "model"));
    }
    return status;
}

static llm_status load_response(struct loading *load, struct llm_sim_fixture *fixture, llm_str response) {
    const llm_str name = llm_json_plain(llm_json_get(response, "body"));
    const llm_str type = host_str(llm_sim_type_of(name));
    const bool events = host_same(type, host_str("text/event-stream"));
    struct host_text head = {0};
    int64_t status_code = 200;
    int cut = 0;
    llm_status status = name.ptr == NULL ? LLM_OK : load_file(load, name);
    if (status != LLM_OK) {
        return status;
    }
    llm_json_int64(llm_json_get(response, "status"), &status_code);
    fixture->reply = (struct llm_sim_reply){.times = 1, .delay_ms = load->all->delay_ms};
    fixture->reply.status = (unsigned)status_code;
    llm_json_bool(llm_json_get(response, "cut"), &cut);
    fixture->reply.body =
        host_pool_copy(&load->all->pool, name.ptr == NULL ? (llm_str){0} : host_text_str(&load->file));
    fixture->reply.chunked = events || host_same(type, host_str("application/x-ndjson"));
    if (cut) { // the connection ends where it ended
        fixture->reply.fault = LLM_SIM_CUT;
        fixture->reply.after = fixture->reply.body.len;
    }
    if (load->all->sizes[0] > 0) {
        fixture->reply.sizes = load->all->sizes;
        fixture->reply.n_sizes = 1;
    }
    build_head(&head, fixture, llm_json_get(response, "headers"), name);
    fixture->reply.head = host_pool_copy(&load->all->pool, host_text_str(&head));
    const bool failed = head.failed || fixture->reply.body.ptr == NULL || fixture->reply.head.ptr == NULL ||
                        (fixture->reply.chunked && !find_ends(load->all, fixture, events));
    host_text_done(&head);
    return failed ? host_fail(load->err, LLM_E_NOMEM, "recordings: out of memory") : LLM_OK;
}

static struct llm_sim_fixture *add(struct llm_sim_fixtures *all) {
    if (all->n == all->cap) {
        const size_t cap = all->cap == 0 ? 64 : all->cap * 2;
        struct llm_sim_fixture *list = realloc(all->list, cap * sizeof *list);
        if (list == NULL || all->n >= LLM_SIM_MAX_FIXTURES) {
            all->list = list != NULL ? list : all->list;
            return NULL;
        }
        all->list = list;
        all->cap = cap;
    }
    struct llm_sim_fixture *fixture = &all->list[all->n++];
    *fixture = (struct llm_sim_fixture){0};
    return fixture;
}

// A recording whose request is not kept is found by the model that answered.
static void guess_model(struct llm_sim_fixtures *all, struct llm_sim_fixture *fixture) {
    if (fixture->model.ptr == NULL && llm_json_check(fixture->reply.body, 64, NULL)) {
        fixture->model = host_pool_decode(&all->pool, llm_json_get(fixture->reply.body, "model"));
    }
}

static llm_status load_one(struct loading *load) {
    struct host_pool *pool = &load->all->pool;
    llm_status status = load_file(load, host_str("meta.json"));
    if (status != LLM_OK) {
        return status;
    }
    const llm_str meta = host_pool_copy(pool, host_text_str(&load->file));
    struct llm_sim_fixture *fixture = add(load->all);
    if (meta.ptr == NULL || fixture == NULL) {
        return host_fail(load->err, LLM_E_NOMEM, "recordings: out of memory, or too many");
    }
    if (!llm_json_check(meta, 64, NULL)) {
        return host_fail(load->err, LLM_E_CONFIG, "%.*s/meta.json: not JSON", (int)load->folder.len,
                         load->folder.ptr);
    }
    const llm_str request = llm_json_get(meta, "request");
    int64_t step = 0;
    int stream = 0;
    fixture->id = host_pool_decode(pool, llm_json_get(meta, "id"));
    fixture->method = host_pool_decode(pool, llm_json_get(request, "method"));
    fixture->path = path_of(host_pool_decode(pool, llm_json_get(request, "url")));
    fixture->sequence = host_pool_decode(pool, llm_json_pointer(meta, host_str("/sequence/id")));
    llm_json_int64(llm_json_pointer(meta, host_str("/sequence/n")), &step);
    llm_json_bool(llm_json_get(meta, "stream"), &stream);
    fixture->sequence_step = (uint64_t)step;
    fixture->stream = stream != 0;
    if (fixture->id.ptr == NULL) {
        return host_fail(load->err, LLM_E_CONFIG, "%.*s/meta.json: no \"id\"", (int)load->folder.len,
                         load->folder.ptr);
    }
    const llm_str body = llm_json_plain(llm_json_get(request, "body"));
    if (body.ptr != NULL) {
        status = load_request(load, fixture, body);
    }
    if (status == LLM_OK) {
        status = load_response(load, fixture, llm_json_get(meta, "response"));
    }
    guess_model(load->all, fixture);
    return status;
}

static llm_status load_tree(struct llm_sim_fixtures *all, llm_str folder, unsigned depth, llm_error *err) {
    struct loading load = {.all = all, .folder = folder, .err = err};
    struct stat info;
    llm_status status = LLM_OK;
    if (stat(join(&load.path, folder, host_str("meta.json")), &info) == 0) {
        status = load_one(&load);
    }
    DIR *dir = opendir(folder.ptr);
    if (dir == NULL && depth == 0) {
        status = host_fail(err, LLM_E_CONFIG, "%s: cannot be opened: %s", folder.ptr, strerror(errno));
    }
    const struct dirent *entry = NULL;
    while (status == LLM_OK && dir != NULL && depth < DEPTH_MAX && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)) {
            continue;
        }
        const char *path = join(&load.path, folder, host_str(entry->d_name));
        const llm_str below = host_pool_copy(&all->pool, host_str(path));
        status = below.ptr == NULL ? LLM_E_NOMEM : load_tree(all, below, depth + 1, err);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    host_text_done(&load.path);
    host_text_done(&load.file);
    return status;
}

static int compare(const void *a, const void *b) {
    const llm_str x = ((const struct llm_sim_fixture *)a)->id, y = ((const struct llm_sim_fixture *)b)->id;
    const int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

llm_status llm_sim_fixtures_new(const char *folder, uint32_t chunk_bytes, uint32_t delay_ms,
                                struct llm_sim_fixtures **ret_fixtures, llm_error *err) {
    struct llm_sim_fixtures *all = calloc(1, sizeof *all);
    if (all == NULL) {
        return host_fail(err, LLM_E_NOMEM, "recordings: out of memory");
    }
    all->sizes[0] = chunk_bytes;
    all->delay_ms = delay_ms;
    llm_status status = load_tree(all, host_str(folder), 0, err);
    if (status == LLM_OK && all->n == 0) {
        status = host_fail(err, LLM_E_CONFIG, "%s: no recording (meta.json) below it", folder);
    }
    if (status != LLM_OK) {
        llm_sim_fixtures_free(all);
        return status;
    }
    qsort(all->list, all->n, sizeof *all->list, compare);
    *ret_fixtures = all;
    return LLM_OK;
}

void llm_sim_fixtures_free(struct llm_sim_fixtures *fixtures) {
    if (fixtures != NULL) {
        host_pool_done(&fixtures->pool);
        free(fixtures->list);
        free(fixtures);
    }
}

struct llm_sim_fixture *llm_sim_fixtures_get(const struct llm_sim_fixtures *fixtures, llm_str id) {
    const struct llm_sim_fixture key = {.id = id};
    return bsearch(&key, fixtures->list, fixtures->n, sizeof *fixtures->list, compare);
}

// The id in /fixture/ID and /fixture/ID/...; absent: another path.
static llm_str id_in(llm_str path) {
    static const char prefix[] = "/fixture/";
    const size_t n = sizeof prefix - 1;
    if (path.len <= n || memcmp(path.ptr, prefix, n) != 0) {
        return (llm_str){0};
    }
    const char *id = path.ptr + n;
    const char *slash = memchr(id, '/', path.len - n);
    return (llm_str){id, slash != NULL ? (size_t)(slash - id) : path.len - n};
}

static bool ends_with(llm_str path, llm_str tail) {
    return tail.len > 1 && path.len >= tail.len &&
           memcmp(path.ptr + path.len - tail.len, tail.ptr, tail.len) == 0;
}

// 0: it does not fit; more is better.
static unsigned score(const struct llm_sim_fixture *fixture, const struct llm_sim_request *request,
                      llm_str model, bool stream) {
    unsigned points = 1;
    if (fixture->path.ptr == NULL || !host_same(fixture->method, request->method)) {
        return 0;
    }
    if (host_same(fixture->path, request->path)) {
        points += 2;
    } else if (!ends_with(request->path, fixture->path) && !ends_with(fixture->path, request->path)) {
        return 0;
    }
    const bool both = model.ptr != NULL && fixture->model.ptr != NULL;
    if (both && !host_same(model, fixture->model)) {
        return 0;
    }
    return fixture->stream == stream ? points + (both ? 4 : 0) : 0;
}

static bool is_turn_of(const struct llm_sim_fixture *a, const struct llm_sim_fixture *b) {
    if (a->served != b->served) {
        return a->served < b->served;
    }
    return host_same(a->sequence, b->sequence) && a->sequence_step < b->sequence_step;
}

struct llm_sim_fixture *llm_sim_fixtures_match(struct llm_sim_fixtures *fixtures,
                                               const struct llm_sim_request *request) {
    const llm_str id = id_in(request->path);
    struct llm_sim_fixture *best = NULL;
    if (id.ptr != NULL) {
        best = llm_sim_fixtures_get(fixtures, id);
    } else {
        const bool is_json = llm_json_check(request->body, 64, NULL);
        char name[512];
        const size_t len =
            is_json ? llm_json_decode(llm_json_get(request->body, "model"), name, sizeof name) : SIZE_MAX;
        const llm_str model = {len == SIZE_MAX ? NULL : name, len == SIZE_MAX ? 0 : len};
        int stream = 0;
        unsigned top = 0;
        if (is_json) {
            llm_json_bool(llm_json_get(request->body, "stream"), &stream);
        }
        for (size_t i = 0; i < fixtures->n; i++) {
            struct llm_sim_fixture *fixture = &fixtures->list[i];
            const unsigned points = score(fixture, request, model, stream != 0);
            if (points > top || (points > 0 && points == top && is_turn_of(fixture, best))) {
                top = points;
                best = fixture;
            }
        }
    }
    if (best != NULL) {
        best->served++;
    }
    return best;
}
