// SPDX-License-Identifier: MIT
// The second reading as the members of a response.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle_state.h"

static cJSON *get(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *str(const cJSON *object, const char *name) {
    const char *s = cJSON_GetStringValue(get(object, name));
    return s != NULL && s[0] != '\0' ? s : NULL;
}

static void put(cJSON *object, const char *name, const char *text) {
    if (text != NULL && text[0] != '\0') {
        cJSON_AddStringToObject(object, name, text);
    }
}

static void put_count(cJSON *object, const char *name, double count) {
    if (count >= 0) {
        cJSON_AddNumberToObject(object, name, count);
    }
}

/* ---- chat ------------------------------------------------------------------------------------------------------------------ */

static void put_calls(cJSON *object, const struct choice *c) {
    cJSON *list = NULL;
    int n = 0;
    for (size_t i = 0; i < CALLS; i++) {
        const struct call *call = &c->calls[i];
        if (!call->used) {
            continue;
        }
        list = list != NULL ? list : cJSON_AddArrayToObject(object, "tool_calls");
        cJSON *one = cJSON_CreateObject();
        cJSON_AddNumberToObject(one, "index", n++);
        cJSON_AddStringToObject(one, "id", call->id.n > 0 ? call->id.p : "");
        cJSON_AddStringToObject(one, "name", call->name.n > 0 ? call->name.p : "");
        cJSON_AddStringToObject(one, "arguments", call->args.n > 0 ? call->args.p : "{}");
        cJSON_AddItemToArray(list, one);
    }
}

static void put_choice(cJSON *object, const struct state *s, const struct choice *c) {
    put(object, "content", c->parts[0].p);
    put(object, "reasoning", c->parts[1].p);
    put(object, "refusal", c->parts[2].p);
    put_calls(object, c);
    if (c->finish != NULL || (s->error == NULL && oracle_is_whole(s))) {
        put(object, "finish_reason", oracle_finish(c));
        put(object, "native_finish_reason", c->native);
    }
}

static void put_choices(cJSON *ret, const struct state *s) {
    size_t n = 0;
    for (size_t i = 0; i < CHOICES; i++) {
        n = s->choices[i].used ? i + 1 : n;
    }
    if (n > 0) {
        put_choice(ret, s, &s->choices[0]);
    }
    if (n < 2) {
        return;
    }
    cJSON *list = cJSON_AddArrayToObject(ret, "choices");
    for (size_t i = 0; i < n; i++) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddNumberToObject(one, "index", (double)i);
        put_choice(one, s, &s->choices[i]);
        cJSON_AddItemToArray(list, one);
    }
}

/* ---- failures -------------------------------------------------------------------------------------------------------------- */

static void put_failure(cJSON *ret, const cJSON *doc, uint32_t http_status) {
    struct oracle_failure f;
    cJSON *error = cJSON_AddObjectToObject(ret, "error");
    oracle_fail(doc, http_status, &f);
    put(error, "code", f.name);
    put(error, "message", f.message);
    cJSON_AddNumberToObject(error, "http_status", f.status > 0 ? f.status : http_status);
    put(error, "provider_code", f.code);
    put(error, "param", f.param);
}

static void put_cut(cJSON *ret, uint32_t http_status) {
    cJSON *error = cJSON_AddObjectToObject(ret, "error");
    put(error, "code", "protocol");
    cJSON_AddNumberToObject(error, "http_status", http_status);
}

/* ---- lists ------------------------------------------------------------------------------------------------------------------- */

static const char *image_type(const cJSON *doc, const cJSON *image) {
    static const char *const kinds[][3] = {
        {"png", "iVBORw0KGgo", "image/png"}, {"jpeg", "/9j/", "image/jpeg"}, {"webp", "UklGR", "image/webp"}};
    const char *format = str(doc, "output_format"), *bytes = str(image, "b64_json");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((format != NULL && strcmp(format, kinds[i][0]) == 0) ||
            (bytes != NULL && strncmp(bytes, kinds[i][1], strlen(kinds[i][1])) == 0)) {
            return kinds[i][2];
        }
    }
    return str(image, "mime_type");
}

static int put_images(cJSON *ret, const cJSON *doc) {
    const cJSON *image;
    int n = 0;
    cJSON *list = cJSON_AddArrayToObject(ret, "blobs");
    cJSON_ArrayForEach(image, get(doc, "data")) {
        cJSON *one = cJSON_CreateObject();
        const char *base64 = str(image, "b64_json");
        cJSON_AddNumberToObject(one, "index", n++);
        put(one, "mime", image_type(doc, image));
        put(one, "url", str(image, "url"));
        if (base64 != NULL) {
            cJSON_AddNumberToObject(one, "bytes", (double)(strcspn(base64, "=") * 3 / 4));
        }
        cJSON_AddItemToArray(list, one);
    }
    return n;
}

// Vectors as JSON text, so that their numbers stay text.
static void put_vectors(cJSON *ret, const cJSON *doc, const char *body) {
    const cJSON *one;
    const char *at = body;
    cJSON *list = cJSON_AddArrayToObject(ret, "embeddings");
    cJSON_ArrayForEach(one, get(doc, "data")) {
        const char *base64 = str(one, "embedding");
        char *text = base64 != NULL ? oracle_floats(base64) : oracle_array(at, "embedding", &at);
        const size_t n = strlen(text) + 3;
        char *array = malloc(n);
        (void)snprintf(array, n, base64 != NULL ? "[%s]" : "%s", text);
        cJSON_AddItemToArray(list, cJSON_CreateRaw(array));
        free(array);
        free(text);
    }
}

static void put_list(cJSON *ret, struct oracle *o, const cJSON *doc, const char *body, int *ret_images) {
    if (strcmp(o->operation, "embeddings") == 0) {
        put_vectors(ret, doc, body);
    } else if (strcmp(o->operation, "moderation") == 0) {
        cJSON_AddItemToObject(ret, "moderation", cJSON_Duplicate(get(doc, "results"), 1));
    } else {
        *ret_images = put_images(ret, doc);
    }
    put(ret, "id", str(doc, "id"));
    put(ret, "provider_model", str(doc, "model"));
    if (cJSON_IsObject(get(doc, "usage"))) {
        o->usage = cJSON_Duplicate(get(doc, "usage"), 1);
    }
}

/* ---- all of it ----------------------------------------------------------------------------------------------------------------- */

static void put_usage(cJSON *ret, const struct oracle *o, int images) {
    struct oracle_counts c;
    cJSON *usage = cJSON_AddObjectToObject(ret, "usage");
    oracle_count(o, images, &c);
    put_count(usage, "input_tokens", c.in);
    put_count(usage, "output_tokens", c.out);
    put_count(usage, "cache_read_tokens", c.read);
    put_count(usage, "cache_write_tokens", c.write);
    put_count(usage, "reasoning_tokens", c.reasoning);
    put_count(usage, "audio_input_tokens", c.audio_in);
    put_count(usage, "audio_output_tokens", c.audio_out);
    put_count(usage, "images", c.images);
    if (c.image_in >= 0) {
        put_count(usage, "image_input_tokens", c.image_in);
    }
    if (c.image_out >= 0) {
        put_count(usage, "image_output_tokens", c.image_out);
    }
    if (o->tier[0] != '\0') {
        put(usage, "tier", o->tier);
    }
    cJSON_AddItemToObject(usage, "raw", o->usage != NULL ? cJSON_Duplicate(o->usage, 1) : cJSON_CreateNull());
    if (c.pico_usd >= 0) {
        cJSON *cost = cJSON_AddObjectToObject(ret, "cost");
        cJSON_AddNumberToObject(cost, "pico_usd", c.pico_usd);
        put(cost, "source", "provider");
    }
}

static void put_chat(cJSON *ret, struct oracle *o, const char *body) {
    struct state *s = calloc(1, sizeof *s);
    s->o = o;
    oracle_chat_read(s, body, strlen(body));
    put(ret, "id", s->id);
    put(ret, "provider_model", s->model);
    put_choices(ret, s);
    if (s->error != NULL) {
        put_failure(ret, s->error, o->status);
    } else if (!oracle_is_whole(s)) {
        put_cut(ret, o->status);
    }
    const bool came = get(ret, "content") != NULL || get(ret, "reasoning") != NULL ||
                      get(ret, "refusal") != NULL || get(ret, "tool_calls") != NULL;
    cJSON_AddBoolToObject(ret, "truncated", get(ret, "error") != NULL && came);
    oracle_state_done(s);
    free(s);
}

// What the price of an image depends on.
static void put_words(cJSON *usage, const cJSON *doc) {
    static const char *const words[] = {"size", "quality"};
    for (size_t i = 0; i < 2; i++) {
        const char *word = str(doc, words[i]);
        if (word != NULL && strcmp(word, "auto") != 0) {
            put(usage, words[i], word);
        }
    }
}

cJSON *oracle_response(struct oracle *o, const char *body) {
    const bool chat = strcmp(o->operation, "chat") == 0 || strcmp(o->operation, "completions") == 0;
    cJSON *ret = cJSON_CreateObject();
    cJSON *doc = chat && o->status < 300 ? NULL : cJSON_Parse(body);
    int images = -1;
    if (o->status >= 300) {
        put_failure(ret, doc, o->status);
    } else if (chat) {
        put_chat(ret, o, body);
    } else {
        put_list(ret, o, doc, body, &images);
    }
    put_usage(ret, o, images);
    put_words(cJSON_GetObjectItemCaseSensitive(ret, "usage"), images >= 0 ? doc : NULL);
    cJSON_Delete(doc);
    return ret;
}
