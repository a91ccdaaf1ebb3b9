// SPDX-License-Identifier: MIT
// plugins vectors: recordings (folders with a meta.json) as vectors, with what the plugin makes of them now.
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/limits.h"
#include "base/mem.h"
#include "llm_json.h"
#include "validator.h"

#define HEADERS_SHOWN 16

struct step {
    llm_str meta, request, answer; // whole files
};

struct recorded {
    const char *folder;
    llm_str query;
    struct step steps[CODEC_EXCHANGES_MAX];
    size_t n_steps;
    bool failed; // it was said
};

static void say(struct recorded *r, const char *what, const char *why) {
    (void)fprintf(stderr, "llm-plugin-check: %s: %s%s%s\n", r->folder, what, why[0] != '\0' ? ": " : "", why);
    r->failed = true;
}

static bool is_folder_of_one(const char *folder) {
    char path[8192];
    (void)snprintf(path, sizeof path, "%s/meta.json", folder);
    return access(path, R_OK) == 0;
}

// ---- reading -----------------------------------------------------------------------------------------------------------

// The file that the string names, beside meta.json; absent: it names none.
static llm_str read_named(struct recorded *r, const char *folder, llm_str name) {
    char path[4096];
    const llm_str plain = llm_json_plain(name);
    if (plain.ptr == NULL) {
        return (llm_str){NULL, 0};
    }
    (void)snprintf(path, sizeof path, "%s/%.*s", folder, LLM_FMT(plain));
    if (memchr(plain.ptr, '/', plain.len) != NULL) { // recordings are passed around
        say(r, "meta.json names a file outside its folder", path);
        return (llm_str){NULL, 0};
    }
    const llm_str text = codec_vectors_file(path);
    if (text.ptr == NULL) {
        say(r, path, strerror(errno));
    }
    return text;
}

static void read_step(struct recorded *r, const char *folder) {
    struct step *step = &r->steps[r->n_steps++];
    step->meta = read_named(r, folder, LLM_STR("\"meta.json\""));
    if (step->meta.ptr == NULL || !llm_json_check(step->meta, 64, NULL) || llm_json_type(step->meta) != '{') {
        say(r, "meta.json is no JSON object", "");
        return;
    }
    step->request = read_named(r, folder, llm_json_get(llm_json_get(step->meta, "request"), "body"));
    step->answer = read_named(r, folder, llm_json_get(llm_json_get(step->meta, "response"), "body"));
    if (r->n_steps == 1) {
        const llm_str query = llm_json_get(llm_json_get(step->meta, "query"), "body");
        r->query = read_named(
            r, folder, query.ptr != NULL ? query : llm_json_get(llm_json_get(step->meta, "request"), "body"));
        if (r->query.ptr == NULL || !llm_json_check(r->query, 64, NULL)) {
            say(r, "it does not hold what was asked, as JSON", "");
        }
    }
}

static void read_all(struct recorded *r, const char *folder) {
    char path[4096];
    *r = (struct recorded){.folder = folder};
    if (is_folder_of_one(folder)) {
        read_step(r, folder);
        return;
    }
    for (size_t i = 1; !r->failed; i++) {
        (void)snprintf(path, sizeof path, "%s/%zu", folder, i);
        if (!is_folder_of_one(path)) {
            break;
        }
        if (r->n_steps == CODEC_EXCHANGES_MAX) {
            say(r, "more exchanges than a vector may have", "");
            return;
        }
        read_step(r, path);
    }
}

static void forget(struct recorded *r) {
    for (size_t i = 0; i < r->n_steps; i++) {
        llm_mem_free((void *)(uintptr_t)r->steps[i].meta.ptr);
        llm_mem_free((void *)(uintptr_t)r->steps[i].request.ptr);
        llm_mem_free((void *)(uintptr_t)r->steps[i].answer.ptr);
    }
    llm_mem_free((void *)(uintptr_t)r->query.ptr);
}

// ---- writing -----------------------------------------------------------------------------------------------------------

static void member(llm_json_writer *w, const char *name, llm_str json) {
    if (json.ptr != NULL && llm_json_type(json) != 'n') {
        llm_json_name(w, name);
        llm_json_raw(w, json);
    }
}

static void text(llm_json_writer *w, const char *name, llm_str value) {
    llm_json_name(w, name);
    llm_json_string(w, value);
}

// JSON as it stands, where not even a blank is around it, and null would not mean that there is none; lines; text; else base64.
static void write_bytes(llm_json_writer *w, const char *name, llm_str bytes, bool may_be_lines) {
    const bool bare = bytes.len > 0 && (unsigned char)bytes.ptr[0] > ' ' &&
                      (unsigned char)bytes.ptr[bytes.len - 1] > ' ' && bytes.ptr[0] != '"' &&
                      bytes.ptr[0] != 'n';
    if (bare && llm_json_check(bytes, 64, NULL)) {
        member(w, name, bytes);
        return;
    }
    if (!llm_str_utf8(bytes)) {
        char *base64 = llm_mem_new(llm_base64_len(bytes.len) + 1);
        llm_json_name(w, may_be_lines ? "answer_base64" : "body_base64");
        llm_json_string(w, (llm_str){base64, base64 == NULL ? 0
                                                            : llm_base64_encode((const uint8_t *)bytes.ptr,
                                                                                bytes.len, base64)});
        llm_mem_free(base64);
        return;
    }
    if (!may_be_lines || bytes.len == 0 || bytes.ptr[bytes.len - 1] != '\n') {
        text(w, name, bytes);
        return;
    }
    llm_json_name(w, "lines");
    llm_json_array(w);
    while (bytes.len > 0) {
        const size_t n = (size_t)((const char *)memchr(bytes.ptr, '\n', bytes.len) - bytes.ptr);
        llm_json_string(w, (llm_str){bytes.ptr, n});
        bytes = llm_str_cut(bytes, n + 1);
    }
    llm_json_array_end(w);
}

static void write_head(llm_json_writer *w, llm_str headers) {
    size_t n = 0;
    llm_json_name(w, "answer_headers");
    llm_json_object(w);
    for (llm_json_iter it = llm_json_begin(headers); llm_json_next(&it) && n < HEADERS_SHOWN; n++) {
        const llm_str name = llm_json_plain(llm_json_at(it.value, 0));
        if (name.ptr != NULL) {
            llm_json_name_str(w, name);
            llm_json_raw(w, llm_json_at(it.value, 1));
        }
    }
    llm_json_object_end(w);
}

static void write_step(llm_json_writer *w, const struct step *step, const struct codec_exchange *made) {
    const llm_str response = llm_json_get(step->meta, "response");
    int cut = 0;
    llm_json_object(w);
    if (made != NULL) {
        char line[LLM_MAX_URL_BYTES + 64];
        const int n = snprintf(line, sizeof line, "%.*s %.*s", LLM_FMT(llm_buf_str(&made->method)),
                               LLM_FMT(llm_buf_str(&made->url)));
        static const char *const framings[] = {"whole", "sse", "lines", "raw", "sse_fields"};
        text(w, "sent", (llm_str){line, n > 0 && (size_t)n < sizeof line ? (size_t)n : 0});
        text(w, "framing", llm_str_from(framings[made->framing]));
    }
    if (step->request.ptr != NULL) {
        write_bytes(w, "body", step->request, false);
    }
    member(w, "status", llm_json_get(response, "status"));
    write_head(w, llm_json_get(response, "headers"));
    write_bytes(w, "answer", step->answer.ptr != NULL ? step->answer : LLM_STR(""), true);
    if (llm_json_bool(llm_json_get(response, "cut"), &cut) && cut) {
        member(w, "cut", LLM_STR("true"));
    }
    llm_json_object_end(w);
}

static void write_events(llm_json_writer *w, llm_str lines) {
    llm_json_name(w, "events");
    llm_json_array(w);
    while (lines.len > 0) {
        const char *lf = memchr(lines.ptr, '\n', lines.len);
        const size_t n = lf != NULL ? (size_t)(lf - lines.ptr) : lines.len;
        llm_json_string(w, (llm_str){lines.ptr, n});
        lines = llm_str_cut(lines, lf != NULL ? n + 1 : n);
    }
    llm_json_array_end(w);
}

// made NULL: without what the plugin makes of it.
static void write_vector(const struct check *check, const struct recorded *r, struct codec_result *made,
                         llm_json_writer *w) {
    const llm_str meta = r->steps[0].meta, query = llm_json_get(meta, "query");
    const llm_str model = llm_json_get(meta, "model");
    llm_json_object(w);
    member(w, "name", llm_json_get(meta, "id"));
    member(w, "operation", llm_json_get(meta, "operation"));
    member(w, "format", llm_json_get(query, "format"));
    member(w, "model", model.ptr != NULL ? model : llm_json_get(r->query, "model"));
    member(w, "stream", llm_json_get(meta, "stream"));
    if (check->config != NULL) {
        member(w, "config", llm_str_from(check->config));
    }
    if (check->base_url != NULL) {
        text(w, "base_url", llm_str_from(check->base_url));
    }
    member(w, "request", llm_json_value(r->query));
    llm_json_name(w, "exchanges");
    llm_json_array(w);
    for (size_t i = 0; i < r->n_steps; i++) {
        write_step(w, &r->steps[i], made != NULL && i < made->n_exchanges ? &made->exchanges[i] : NULL);
    }
    llm_json_array_end(w);
    if (made != NULL) {
        write_events(w, llm_str_from(codec_result_text(made)));
    }
    llm_json_object_end(w);
}

// false: it could not be made, or the plugin sends something else than was recorded; it was said.
static bool print_vector(const struct check *check, struct recorded *r, size_t *n_printed) {
    static struct codec_vector_case v;
    struct llm_buf bare = {.max = LLM_MAX_RESPONSE_BYTES}, whole = {.max = LLM_MAX_RESPONSE_BYTES};
    struct llm_buf why = {.max = LLM_MAX_RESPONSE_BYTES};
    struct codec_result made;
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &bare);
    write_vector(check, r, NULL, &w);
    if (w.status != LLM_OK) {
        say(r, "out of memory", "");
        llm_buf_done(&bare);
        return false;
    }
    codec_vector_read(&v, check->plugin, llm_buf_str(&bare));
    (void)codec_host_run(&v.c, &made);
    w = llm_json_writer_to(llm_buf_sink, &whole);
    write_vector(check, r, &made, &w);
    codec_result_done(&made);
    codec_vector_done(&v);
    (void)printf("%s%s", (*n_printed)++ == 0 ? "[" : ",\n",
                 w.status == LLM_OK ? llm_buf_str(&whole).ptr : "{}");
    codec_vector_read(&v, check->plugin, llm_buf_str(&whole));
    if (w.status != LLM_OK) {
        say(r, "out of memory", "");
    } else if (!codec_vector_compare(&v, CODEC_SPLIT_WHOLE, &why)) {
        say(r, "the plugin does not send what was recorded", llm_buf_str(&why).ptr);
    }
    codec_vector_done(&v);
    llm_buf_done(&bare);
    llm_buf_done(&whole);
    llm_buf_done(&why);
    return !r->failed;
}

static bool do_folder(const struct check *check, const char *folder, size_t *n, size_t *n_printed) {
    static struct recorded r;
    read_all(&r, folder);
    if (r.n_steps == 0) {
        return true;
    }
    const bool ok = !r.failed && print_vector(check, &r, n_printed);
    *n += 1;
    forget(&r);
    return ok;
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

int check_vectors(const struct check_options *options, const char *folder) {
    static const struct check_test as_if = {1, "vectors", CHECK_ERROR, "", "", NULL};
    static struct check check;
    struct dirent **entries = NULL;
    size_t n = 0, n_printed = 0;
    check = (struct check){.options = options, .test = &as_if, .fd = -1, .random = 1};
    if (!check_load(&check)) {
        (void)fprintf(stderr, "llm-plugin-check: %s: %s\n", options->file, check.text);
        return 2;
    }
    bool ok = do_folder(&check, folder, &n, &n_printed);
    const int count = n == 0 ? scandir(folder, &entries, is_visible, alphasort) : 0;
    for (int i = 0; i < count; i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        ok = do_folder(&check, path, &n, &n_printed) && ok;
        free(entries[i]);
    }
    free(entries);
    if (n == 0) {
        (void)fprintf(stderr, "llm-plugin-check: %s: no recording (meta.json) in it\n", folder);
        return 2;
    }
    (void)printf("%s]\n", n_printed == 0 ? "[" : "");
    return fflush(stdout) != 0 ? 2 : ok ? 0 : 1;
}
