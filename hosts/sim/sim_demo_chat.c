// SPDX-License-Identifier: MIT
// Text services: OpenAI's chat and embeddings, and the small service of the example plugin.
#include "sim_demo.h"

#include <time.h>

// The text of a message: its string, or its text parts one behind the other.
static void add_content(struct host_text *text, llm_str content) {
    if (llm_json_type(content) == '"') {
        host_text_decoded(text, content);
        return;
    }
    llm_json_iter it = llm_json_begin(content);
    while (llm_json_next(&it)) {
        const llm_str part = llm_json_get(it.value, "text");
        if (part.ptr != NULL && llm_json_type(part) == '"') {
            host_text_decoded(text, part);
        }
    }
}

size_t llm_sim_demo_say(struct llm_sim_demo *demo, llm_str said, int64_t words_max, bool *ret_cut) {
    host_text_text(&demo->answer, "You said: ");
    const llm_str start = llm_sim_demo_first_words(said, LLM_SIM_MAX_DEMO_WORDS - 16);
    host_text_add(&demo->answer, start.ptr, start.len);
    host_text_text(&demo->answer, said.len > 0 ? " - and this is the simulator's answer."
                                               : "nothing - and this is the simulator's answer.");
    const size_t words = llm_sim_demo_words(host_text_str(&demo->answer));
    *ret_cut = words_max >= 0 && (uint64_t)words_max < words;
    return *ret_cut ? (size_t)words_max : words;
}

struct chat {
    struct llm_sim_demo *demo;
    struct llm_sim_made *made;
    llm_str model; // raw JSON
    size_t input_tokens, output_tokens;
    bool cut;
    int64_t created;
};

static void begin_object(struct chat *chat, llm_json_writer *w, const char *object) {
    char id[32] = "chatcmpl-sim-";
    struct host_text buf = {id, strlen(id), sizeof id, false};
    host_text_number(&buf, chat->demo->count);
    *w = llm_json_writer_to(host_text_sink, &chat->made->body);
    llm_json_object(w);
    llm_json_name(w, "id");
    llm_json_string(w, host_text_str(&buf));
    llm_json_name(w, "object");
    llm_json_cstring(w, object);
    llm_json_name(w, "created");
    llm_json_integer(w, chat->created);
    llm_json_name(w, "model");
    llm_json_raw(w, chat->model);
}

static void add_usage(const struct chat *chat, llm_json_writer *w) {
    llm_json_name(w, "usage");
    llm_json_object(w);
    llm_json_name(w, "prompt_tokens");
    llm_json_integer(w, (int64_t)chat->input_tokens);
    llm_json_name(w, "completion_tokens");
    llm_json_integer(w, (int64_t)chat->output_tokens);
    llm_json_name(w, "total_tokens");
    llm_json_integer(w, (int64_t)(chat->input_tokens + chat->output_tokens));
    llm_json_object_end(w);
}

static void begin_choice(llm_json_writer *w, const char *part) {
    llm_json_name(w, "choices");
    llm_json_array(w);
    llm_json_object(w);
    llm_json_name(w, "index");
    llm_json_integer(w, 0);
    llm_json_name(w, part);
    llm_json_object(w);
}

static void end_choice(llm_json_writer *w, const char *finish) {
    llm_json_object_end(w);
    llm_json_name(w, "finish_reason");
    if (finish == NULL) {
        llm_json_null(w);
    } else {
        llm_json_cstring(w, finish);
    }
    llm_json_object_end(w);
    llm_json_array_end(w);
}

static void add_chunk(struct chat *chat, const char *role, llm_str content, const char *finish) {
    llm_json_writer w;
    host_text_text(&chat->made->body, "data: ");
    begin_object(chat, &w, "chat.completion.chunk");
    begin_choice(&w, "delta");
    if (role != NULL) {
        llm_json_name(&w, "role");
        llm_json_cstring(&w, role);
    }
    if (content.ptr != NULL) {
        llm_json_name(&w, "content");
        llm_json_string(&w, content);
    }
    end_choice(&w, finish);
    llm_json_object_end(&w);
    host_text_text(&chat->made->body, "\n\n");
    llm_sim_made_cut(chat->made);
}

static void answer_stream(struct chat *chat, llm_str answer, bool with_usage) {
    add_chunk(chat, "assistant", host_str(""), NULL);
    while (answer.len > 0) {
        const llm_str word = llm_sim_demo_first_words(answer, 1);
        add_chunk(chat, NULL, word, NULL);
        answer = (llm_str){answer.ptr + word.len, answer.len - word.len};
    }
    add_chunk(chat, NULL, (llm_str){0}, chat->cut ? "length" : "stop");
    if (with_usage) {
        llm_json_writer w;
        host_text_text(&chat->made->body, "data: ");
        begin_object(chat, &w, "chat.completion.chunk");
        llm_json_name(&w, "choices");
        llm_json_array(&w);
        llm_json_array_end(&w);
        add_usage(chat, &w);
        llm_json_object_end(&w);
        host_text_text(&chat->made->body, "\n\n");
        llm_sim_made_cut(chat->made);
    }
    host_text_text(&chat->made->body, "data: [DONE]\n\n");
    llm_sim_made_end(chat->made, 200, "text/event-stream", NULL, true);
}

static void answer_whole(struct chat *chat, llm_str answer) {
    llm_json_writer w;
    begin_object(chat, &w, "chat.completion");
    begin_choice(&w, "message");
    llm_json_name(&w, "role");
    llm_json_cstring(&w, "assistant");
    llm_json_name(&w, "content");
    llm_json_string(&w, answer);
    llm_json_name(&w, "refusal");
    llm_json_null(&w);
    end_choice(&w, chat->cut ? "length" : "stop");
    add_usage(chat, &w);
    llm_json_object_end(&w);
    llm_sim_demo_json(chat->made);
}

void llm_sim_demo_chat(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                       struct llm_sim_made *made) {
    const llm_str body = request->body;
    struct chat chat = {.demo = demo, .made = made, .model = llm_json_get(body, "model")};
    const llm_str messages = llm_json_get(body, "messages");
    if (llm_json_type(chat.model) != '"' || llm_json_type(messages) != '[') {
        llm_sim_demo_error(made, 400, "invalid_request", "\"model\" and \"messages\" are needed.");
        return;
    }
    llm_json_iter it = llm_json_begin(messages);
    while (llm_json_next(&it)) {
        host_text_reset(&demo->text, SIZE_MAX);
        add_content(&demo->text, llm_json_get(it.value, "content"));
        chat.input_tokens += llm_sim_demo_words(host_text_str(&demo->text));
    }
    int64_t words_max = -1;
    int stream = 0, with_usage = 0;
    llm_json_int64(llm_json_get(body, "max_tokens"), &words_max);
    llm_json_int64(llm_json_get(body, "max_completion_tokens"), &words_max);
    llm_json_bool(llm_json_get(body, "stream"), &stream);
    llm_json_bool(llm_json_get(llm_json_get(body, "stream_options"), "include_usage"), &with_usage);
    chat.created = (int64_t)time(NULL);
    chat.output_tokens = llm_sim_demo_say(demo, host_text_str(&demo->text), words_max, &chat.cut);
    const llm_str answer = llm_sim_demo_first_words(host_text_str(&demo->answer), chat.output_tokens);
    if (stream) {
        answer_stream(&chat, answer, with_usage != 0);
    } else {
        answer_whole(&chat, answer);
    }
}

static void add_talk(struct llm_sim_made *made, bool stream, llm_str text, bool end, size_t in, size_t out) {
    llm_json_writer w = llm_json_writer_to(host_text_sink, &made->body);
    if (stream) {
        host_text_text(&made->body, "data: ");
    }
    llm_json_object(&w);
    if (text.ptr != NULL) {
        llm_json_name(&w, stream ? "t" : "text");
        llm_json_string(&w, text);
    }
    if (end) {
        llm_json_name(&w, "end");
        llm_json_cstring(&w, "stop");
        llm_json_name(&w, "in");
        llm_json_integer(&w, (int64_t)in);
        llm_json_name(&w, "out");
        llm_json_integer(&w, (int64_t)out);
    }
    llm_json_object_end(&w);
    if (stream) {
        host_text_text(&made->body, "\n\n");
        llm_sim_made_cut(made);
    }
}

void llm_sim_demo_talk(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                       struct llm_sim_made *made) {
    const llm_str say = llm_json_get(request->body, "say");
    int stream = 0;
    bool cut;
    if (llm_json_type(say) != '"') {
        host_text_text(&made->body, "{\"oops\":\"say something\"}");
        llm_sim_made_end(made, 400, "application/json", NULL, false);
        return;
    }
    llm_json_bool(llm_json_get(request->body, "stream"), &stream);
    host_text_decoded(&demo->text, say);
    const llm_str said = host_text_str(&demo->text);
    const size_t in = llm_sim_demo_words(said);
    const size_t out = llm_sim_demo_say(demo, said, -1, &cut);
    llm_str answer = host_text_str(&demo->answer);
    if (!stream) {
        add_talk(made, false, answer, true, in, out);
        llm_sim_demo_json(made);
        return;
    }
    while (answer.len > 0) {
        const llm_str word = llm_sim_demo_first_words(answer, 1);
        add_talk(made, true, word, false, 0, 0);
        answer = (llm_str){answer.ptr + word.len, answer.len - word.len};
    }
    add_talk(made, true, (llm_str){0}, true, in, out);
    llm_sim_made_end(made, 200, "text/event-stream", NULL, true);
}

// A number from -0.999 to 0.999.
static void add_fraction(llm_json_writer *w, uint32_t seed) {
    char digits[8];
    struct host_text buf = {digits, 0, sizeof digits, false};
    const uint32_t thousandths = seed % 1000;
    host_text_text(&buf, seed & 0x10000 ? "-0." : "0.");
    host_text_text(&buf, thousandths < 10 ? "00" : thousandths < 100 ? "0" : "");
    host_text_number(&buf, thousandths);
    llm_json_raw(w, host_text_str(&buf));
}

static void add_vector(llm_json_writer *w, int64_t index, llm_str text, int64_t dimensions, bool base64) {
    uint32_t seed = llm_sim_demo_hash(text);
    llm_json_object(w);
    llm_json_name(w, "object");
    llm_json_cstring(w, "embedding");
    llm_json_name(w, "index");
    llm_json_integer(w, index);
    llm_json_name(w, "embedding");
    if (base64) {
        llm_json_string_begin(w);
    } else {
        llm_json_array(w);
    }
    for (int64_t i = 0; i < dimensions; i += base64 ? 3 : 1) {
        seed = seed * 1664525u + 1013904223u;
        if (!base64) {
            add_fraction(w, seed >> 8);
            continue;
        }
        float three[3];
        char text64[20];
        struct host_text buf = {text64, 0, sizeof text64, false};
        const size_t n = dimensions - i < 3 ? (size_t)(dimensions - i) : 3;
        for (size_t k = 0; k < n; k++) {
            three[k] = (float)(int32_t)(seed >> (8 + k) & 255) / 256.0f;
        }
        host_text_base64(&buf, three, n * sizeof three[0]);
        llm_json_string_piece(w, buf.ptr, buf.len, 1);
    }
    if (base64) {
        llm_json_string_end(w);
    } else {
        llm_json_array_end(w);
    }
    llm_json_object_end(w);
}

void llm_sim_demo_embeddings(struct llm_sim_demo *demo, const struct llm_sim_request *request,
                             struct llm_sim_made *made) {
    const llm_str body = request->body;
    const llm_str input = llm_json_get(body, "input");
    const bool is_list = llm_json_type(input) == '[';
    const bool base64 = llm_json_is(llm_json_get(body, "encoding_format"), "base64");
    int64_t dimensions = 8, index = 0;
    size_t tokens = 0;
    llm_json_int64(llm_json_get(body, "dimensions"), &dimensions);
    if (input.ptr == NULL || dimensions < 1 || dimensions > 4096) {
        llm_sim_demo_error(made, 400, "invalid_request", "\"input\" is needed, \"dimensions\" is 1 to 4096.");
        return;
    }
    llm_json_writer w = llm_json_writer_to(host_text_sink, &made->body);
    llm_json_object(&w);
    llm_json_name(&w, "object");
    llm_json_cstring(&w, "list");
    llm_json_name(&w, "data");
    llm_json_array(&w);
    llm_json_iter it = llm_json_begin(input);
    while (is_list ? llm_json_next(&it) : index == 0) {
        const llm_str item = is_list ? it.value : input;
        demo->text.len = 0;
        if (llm_json_type(item) == '"') {
            host_text_decoded(&demo->text, item);
        } else {
            host_text_add(&demo->text, item.ptr, item.len);
        }
        tokens += llm_sim_demo_words(host_text_str(&demo->text));
        add_vector(&w, index++, host_text_str(&demo->text), dimensions, base64);
    }
    llm_json_array_end(&w);
    llm_json_name(&w, "model");
    llm_json_raw(&w, llm_json_get(body, "model"));
    llm_json_name(&w, "usage");
    llm_json_object(&w);
    llm_json_name(&w, "prompt_tokens");
    llm_json_integer(&w, (int64_t)tokens);
    llm_json_name(&w, "total_tokens");
    llm_json_integer(&w, (int64_t)tokens);
    llm_json_object_end(&w);
    llm_json_object_end(&w);
    llm_sim_demo_json(made);
}
