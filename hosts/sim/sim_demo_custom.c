// SPDX-License-Identifier: MIT
// The services of examples/providers.d: a bird whose talk is lines of JSON, and a darkroom where a job is submitted, looked at
// until it is done, and then fetched as an album.
#include "sim_demo.h"

#include "sim_png.h"

#define LOOKS_UNTIL_READY 2u
#define CENTS_PER_PRINT 4

// ---- talk ----------------------------------------------------------------------------------------------------------

static void begin_line(llm_json_writer *w, struct llm_sim_made *made, const char *kind) {
    *w = llm_json_writer_to(host_text_sink, &made->body);
    llm_json_object(w);
    llm_json_name(w, "kind");
    llm_json_cstring(w, kind);
}

static void end_line(llm_json_writer *w, struct llm_sim_made *made) {
    llm_json_object_end(w);
    host_text_text(&made->body, "\n");
    llm_sim_made_cut(made);
}

static void add_id(llm_json_writer *w, const char *name, const char *prefix, uint64_t number) {
    char id[32];
    struct host_text text = {id, 0, sizeof id, false};
    host_text_text(&text, prefix);
    host_text_number(&text, number);
    llm_json_name(w, name);
    llm_json_string(w, host_text_str(&text));
}

static void add_spent(llm_json_writer *w, bool cut, size_t in, size_t out) {
    llm_json_name(w, "why");
    llm_json_cstring(w, cut ? "tired" : "complete");
    llm_json_name(w, "spent");
    llm_json_object(w);
    llm_json_name(w, "in");
    llm_json_integer(w, (int64_t)in);
    llm_json_name(w, "out");
    llm_json_integer(w, (int64_t)out);
    llm_json_object_end(w);
}

// What stands behind the last '/' of the path.
static llm_str last_part(llm_str path) {
    const char *slash = memrchr(path.ptr, '/', path.len);
    return slash == NULL ? path : (llm_str){slash + 1, path.len - (size_t)(slash + 1 - path.ptr)};
}

void llm_sim_demo_bird(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                       struct llm_sim_made *made) {
    const llm_str turns = llm_json_get(request->body, "turns");
    llm_json_writer w;
    int64_t words_max = -1;
    int flow = 0;
    bool cut;
    size_t in = 0;
    if (llm_json_type(turns) != '[') {
        host_text_text(&made->body, "{\"kind\":\"squawk\",\"number\":3,\"because\":\"turns are needed\"}");
        llm_sim_made_end(made, 400, "application/json", NULL, false);
        return;
    }
    llm_json_bool(llm_json_get(request->body, "flow"), &flow);
    llm_json_int64(llm_json_get(llm_json_get(request->body, "limits"), "words"), &words_max);
    llm_json_iter it = llm_json_begin(turns);
    while (llm_json_next(&it)) {
        host_text_reset(&demo->text, SIZE_MAX);
        host_text_decoded(&demo->text, llm_json_get(it.value, "says"));
        in += llm_sim_demo_words(host_text_str(&demo->text));
    }
    const size_t out = llm_sim_demo_say(demo, host_text_str(&demo->text), words_max, &cut);
    llm_str said = llm_sim_demo_first_words(host_text_str(&demo->answer), out);
    if (!flow) {
        w = llm_json_writer_to(host_text_sink, &made->body);
        llm_json_object(&w);
        add_id(&w, "talk", "talk-", demo->count);
        llm_json_name(&w, "said");
        llm_json_string(&w, said);
        add_spent(&w, cut, in, out);
        llm_json_object_end(&w);
        llm_sim_demo_json(made);
        return;
    }
    begin_line(&w, made, "opened");
    add_id(&w, "talk", "talk-", demo->count);
    llm_json_name(&w, "bird");
    llm_json_string(&w, last_part(request->path));
    end_line(&w, made);
    while (said.len > 0) {
        const llm_str word = llm_sim_demo_first_words(said, 1);
        begin_line(&w, made, "word");
        llm_json_name(&w, "w");
        llm_json_string(&w, word);
        end_line(&w, made);
        said = (llm_str){said.ptr + word.len, said.len - word.len};
    }
    begin_line(&w, made, "closed");
    add_spent(&w, cut, in, out);
    end_line(&w, made);
    llm_sim_made_end(made, 200, "application/x-ndjson", NULL, true);
}

// ---- darkroom --------------------------------------------------------------------------------------------------------

// The number at the end of /jobs/7 or /albums/7, and its job; NULL: there is none of that number.
static struct llm_sim_demo_job *find_job(struct llm_sim_demo *demo, llm_str path, uint64_t *ret_number) {
    const llm_str digits = last_part(path);
    int64_t number;
    if (!llm_json_int64(digits, &number) || number < 1 || (uint64_t)number > demo->n_jobs ||
        demo->n_jobs - (uint64_t)number >= LLM_SIM_DEMO_JOBS) {
        return NULL;
    }
    *ret_number = (uint64_t)number;
    return &demo->jobs[(uint64_t)number % LLM_SIM_DEMO_JOBS];
}

static void answer_no_job(struct llm_sim_made *made) {
    host_text_text(&made->body, "{\"reason\":\"there is no such job\",\"reason_code\":\"no_job\"}");
    llm_sim_made_end(made, 404, "application/json", NULL, false);
}

void llm_sim_demo_submit(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                         struct llm_sim_made *made) {
    const llm_str scene = llm_json_get(request->body, "scene");
    int64_t prints = 1;
    llm_json_int64(llm_json_get(request->body, "prints"), &prints);
    if (llm_json_type(scene) != '"' || prints < 1 || prints > 10) {
        host_text_text(&made->body,
                       "{\"reason\":\"a scene is needed, and 1 to 10 prints\",\"reason_code\":\"form\"}");
        llm_sim_made_end(made, 400, "application/json", NULL, false);
        return;
    }
    host_text_decoded(&demo->text, scene);
    const uint64_t number = ++demo->n_jobs;
    demo->jobs[number % LLM_SIM_DEMO_JOBS] = (struct llm_sim_demo_job){
        .seed = llm_sim_demo_hash(host_text_str(&demo->text)), .prints = (unsigned)prints};
    llm_json_writer w = llm_json_writer_to(host_text_sink, &made->body);
    llm_json_object(&w);
    add_id(&w, "job", "", number);
    add_id(&w, "look_at", "/jobs/", number);
    llm_json_name(&w, "price_cents");
    llm_json_integer(&w, CENTS_PER_PRINT * prints);
    llm_json_object_end(&w);
    llm_sim_made_end(made, 202, "application/json", NULL, false);
}

void llm_sim_demo_look(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                       struct llm_sim_made *made) {
    uint64_t number = 0;
    struct llm_sim_demo_job *job = find_job(demo, request->path, &number);
    if (job == NULL) {
        answer_no_job(made);
        return;
    }
    const bool ready = ++job->looks >= LOOKS_UNTIL_READY;
    llm_json_writer w = llm_json_writer_to(host_text_sink, &made->body);
    llm_json_object(&w);
    add_id(&w, "job", "", number);
    llm_json_name(&w, "state");
    llm_json_cstring(&w, ready ? "ready" : "developing");
    if (ready) {
        add_id(&w, "album", "/albums/", number);
    }
    llm_json_object_end(&w);
    llm_sim_demo_json(made);
}

void llm_sim_demo_album(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                        struct llm_sim_made *made) {
    uint64_t number = 0;
    const struct llm_sim_demo_job *job = find_job(demo, request->path, &number);
    if (job == NULL) {
        answer_no_job(made);
        return;
    }
    llm_json_writer w = llm_json_writer_to(host_text_sink, &made->body);
    llm_json_object(&w);
    add_id(&w, "album", "album-", number);
    llm_json_name(&w, "prints");
    llm_json_array(&w);
    for (unsigned i = 0; i < job->prints; i++) {
        demo->text.len = demo->answer.len = 0;
        llm_sim_png(&demo->answer, job->seed + 0x01010101u * i);
        host_text_base64(&demo->text, demo->answer.ptr, demo->answer.len);
        llm_json_object(&w);
        llm_json_name(&w, "inline");
        llm_json_string(&w, host_text_str(&demo->text));
        llm_json_name(&w, "kind");
        llm_json_cstring(&w, "image/png");
        llm_json_object_end(&w);
    }
    llm_json_array_end(&w);
    llm_json_name(&w, "bill");
    llm_json_object(&w);
    llm_json_name(&w, "prints");
    llm_json_integer(&w, job->prints);
    llm_json_name(&w, "cents");
    llm_json_integer(&w, (int64_t)CENTS_PER_PRINT * job->prints);
    llm_json_object_end(&w);
    llm_json_object_end(&w);
    llm_sim_demo_json(made);
}
