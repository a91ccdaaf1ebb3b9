// SPDX-License-Identifier: MIT
// Which answer a request gets.
#include "sim_server.h"

static void make_echo(struct llm_sim_made *made, const struct llm_sim_request *request, unsigned status) {
    llm_json_writer w = llm_json_writer_to(host_text_sink, &made->body);
    llm_json_object(&w);
    llm_sim_log_request(&w, request, SIZE_MAX);
    llm_json_object_end(&w);
    llm_sim_made_end(made, status, "application/json", NULL, false);
}

static void make_not_found(struct llm_sim_made *made, const struct llm_sim_request *request) {
    struct host_text message = {0};
    host_text_text(&message, "The simulator has no answer for ");
    host_text_add(&message, request->method.ptr, request->method.len);
    host_text_text(&message, " ");
    host_text_add(&message, request->path.ptr, request->path.len);
    host_text_add(&message, "", 1);
    llm_sim_demo_error(made, 404, "no_answer", message.failed ? "" : message.ptr);
    host_text_done(&message);
}

static const struct llm_sim_reply *choose(struct llm_sim *sim, const struct llm_sim_request *request,
                                          struct llm_sim_made *made, llm_str *ret_name, llm_str *ret_note) {
    struct llm_sim_hit hit;
    const char *service = "";
    if (sim->script != NULL && llm_sim_script_match(sim->script, request, &hit)) {
        *ret_name = hit.name;
        *ret_note = hit.note;
        if (!hit.echo) {
            return hit.reply;
        }
        make_echo(made, request, hit.reply->status);
        return &made->reply;
    }
    const struct llm_sim_fixture *fixture =
        sim->fixtures == NULL ? NULL : llm_sim_fixtures_match(sim->fixtures, request);
    if (fixture != NULL) {
        *ret_name = fixture->id;
        return &fixture->reply;
    }
    if (sim->no_demo || !llm_sim_demo_answer(&sim->demo, request, made, &service)) {
        make_not_found(made, request);
    }
    *ret_name = host_str(service);
    return &made->reply;
}

static void take_key(const struct llm_sim *sim, const struct llm_sim_request *request,
                     struct llm_sim_answered *answered) {
    if (sim->answers_key.ptr == NULL || !llm_json_check(request->body, 64, NULL)) {
        return;
    }
    const llm_str key = llm_json_plain(llm_json_pointer(request->body, sim->answers_key));
    if (key.ptr != NULL && key.len <= sizeof answered->key) {
        memcpy(answered->key, key.ptr, key.len);
        answered->key_len = key.len;
    }
}

const struct llm_sim_reply *llm_sim_answer(struct llm_sim *sim, uint64_t connection,
                                           const struct llm_sim_request *request, struct llm_sim_made *made,
                                           struct llm_sim_answered *answered) {
    llm_str name = {0}, note = {0};
    llm_sim_made_reset(made);
    const struct llm_sim_reply *reply = choose(sim, request, made, &name, &note);
    const uint64_t number = atomic_fetch_add_explicit(&sim->requests, 1, memory_order_relaxed) + 1;
    llm_sim_log_write(&sim->log, number, connection, request, name, reply->status);
    answered->open = sim->answers.fd >= 0;
    if (answered->open) {
        answered->status = reply->status;
        answered->name = name;
        answered->note = note;
        answered->number = number;
        answered->key_len = 0;
        take_key(sim, request, answered);
    }
    return reply;
}

const struct llm_sim_reply *llm_sim_refuse(struct llm_sim_made *made, unsigned status) {
    llm_sim_made_reset(made);
    llm_sim_demo_error(made, status, "bad_request", "The simulator cannot read this request.");
    made->reply.close_after = true;
    return &made->reply;
}
