// SPDX-License-Identifier: MIT
// Built-in answers: small stand-ins for providers, so that everything can be tried without a key or a script.
//
//   POST .../chat/completions, .../embeddings, .../images/generations; GET .../models    OpenAI's formats
//   POST .../images/<operation>, .../styles; GET .../styles, .../users/me               Recraft's formats
//   POST .../talk                                                                       the example plugin's service
//   POST .../talk/BIRD; POST .../jobs, GET .../jobs/N, .../albums/N                     examples/providers.d
//   GET  /sim/blob/SEED.png, .svg                                                       what image URLs point to
#ifndef LLM_SIM_DEMO_H
#define LLM_SIM_DEMO_H

#include "sim_http.h"
#include "sim_reply.h"

#define LLM_SIM_DEMO_JOBS 64u // submitted jobs that are remembered

struct llm_sim_demo_job {
    uint32_t seed;
    unsigned prints, looks; // looks: how often it was looked at
};

struct llm_sim_demo {
    llm_str origin;       // "http://127.0.0.1:PORT", for URLs in answers when the request names no host
    uint32_t chunk_bytes; // as in llm_sim_options
    uint32_t delay_ms;
    uint64_t count;                // answers so far; stands in ids
    struct host_text text, answer; // scratch of the answer under way
    uint32_t sizes[1];
    struct llm_sim_demo_job jobs[LLM_SIM_DEMO_JOBS];
    uint64_t n_jobs; // submitted so far
};

void llm_sim_demo_done(struct llm_sim_demo *demo);

// Make the answer.  *ret_name: what stands in the log, static.  false: nothing here has that path.
bool llm_sim_demo_answer(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                         struct llm_sim_made *made, const char **ret_name);

// ---- for the files of the demo: one function a service ------------------------------------------------------------

void llm_sim_demo_chat(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                       struct llm_sim_made *made);
void llm_sim_demo_talk(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                       struct llm_sim_made *made);
void llm_sim_demo_embeddings(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                             struct llm_sim_made *made);
void llm_sim_demo_images(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                         struct llm_sim_made *made);
void llm_sim_demo_blob(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                       struct llm_sim_made *made);

void llm_sim_demo_bird(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                       struct llm_sim_made *made);
void llm_sim_demo_submit(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                         struct llm_sim_made *made);
void llm_sim_demo_look(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                       struct llm_sim_made *made);
void llm_sim_demo_album(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                        struct llm_sim_made *made);

// Fill demo->answer from what was said (at most words_max words of it count; -1: all); gives how many words may be sent.
size_t llm_sim_demo_say(struct llm_sim_demo *demo, llm_str said, int64_t words_max, bool *ret_cut);

// An error in OpenAI's format.
void llm_sim_demo_error(struct llm_sim_made *made, unsigned status, const char *code, const char *message);

// "http://HOST": the host that the request came for.
void llm_sim_demo_origin(const struct llm_sim_demo *demo, const struct llm_sim_request *request,
                         struct host_text *to);

// Complete a JSON answer.
void llm_sim_demo_json(struct llm_sim_made *made);

size_t llm_sim_demo_words(llm_str text);
// Up to and with the blank behind the n-th word.
llm_str llm_sim_demo_first_words(llm_str text, size_t n);
uint32_t llm_sim_demo_hash(llm_str text);

#endif
