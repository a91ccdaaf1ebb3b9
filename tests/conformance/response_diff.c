// SPDX-License-Identifier: MIT
#include "response_diff.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llm_json.h"

#define PATH_BYTES 128
#define MESSAGE_MIN 200 // a message that is longer may be cut

struct diff {
    char *why;
    size_t cap;
};

static bool is_nothing(const cJSON *v) {
    const cJSON *one;
    if (cJSON_IsObject(v)) {
        bool empty = true;
        cJSON_ArrayForEach(one, v) {
            empty = empty && is_nothing(one);
        }
        return empty;
    }
    return v == NULL || cJSON_IsNull(v) || (cJSON_IsString(v) && v->valuestring[0] == '\0') ||
           (cJSON_IsArray(v) && v->child == NULL);
}

static bool is_optional(const char *name) {
    static const char *const names[] = {"id",
                                        "operation",
                                        "provider",
                                        "model",
                                        "provider_model",
                                        "cost",
                                        "latency_ms",
                                        "usd",
                                        "first_token_ms",
                                        "attempts",
                                        "provider_request_id",
                                        "truncated",
                                        "raw",
                                        "embeddings",
                                        "param",
                                        "retry_after_ms",
                                        "warnings",
                                        "pico_usd",
                                        "source",
                                        "message",
                                        "images"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool differ(struct diff *d, const char *path, const cJSON *want, const cJSON *got) {
    char *w = want != NULL ? cJSON_PrintUnformatted(want) : NULL;
    char *g = got != NULL ? cJSON_PrintUnformatted(got) : NULL;
    (void)snprintf(d->why, d->cap, "%s is %.80s, expected %.80s", path, g != NULL ? g : "absent",
                   w != NULL ? w : "none");
    free(w);
    free(g);
    return false;
}

static bool is_same_text(const char *path, const char *want, const char *got) {
    const size_t n = strlen(got);
    return strcmp(want, got) == 0 ||
           (strcmp(path, ".error.message") == 0 && n >= MESSAGE_MIN && strncmp(want, got, n) == 0);
}

static bool is_same_scalar(const char *path, const cJSON *want, const cJSON *got) {
    if (got == NULL || (want->type & 0xff) != (got->type & 0xff)) {
        return false;
    }
    if (cJSON_IsString(want)) {
        return is_same_text(path, want->valuestring, got->valuestring);
    }
    return !cJSON_IsNumber(want) ||
           fabs(want->valuedouble - got->valuedouble) <= 1e-9 * fabs(want->valuedouble);
}

static bool compare(struct diff *d, const char *path, const cJSON *want, const cJSON *got);

static bool compare_objects(struct diff *d, const char *path, const cJSON *want, const cJSON *got) {
    char below[PATH_BYTES];
    const cJSON *one;
    cJSON_ArrayForEach(one, want) {
        (void)snprintf(below, sizeof below, "%s.%s", path, one->string);
        if (strcmp(below, ".embeddings") != 0 &&
            !compare(d, below, one, cJSON_GetObjectItemCaseSensitive(got, one->string))) {
            return false;
        }
    }
    cJSON_ArrayForEach(one, got) {
        (void)snprintf(below, sizeof below, "%s.%s", path, one->string);
        if (cJSON_GetObjectItemCaseSensitive(want, one->string) == NULL && !is_nothing(one) &&
            !is_optional(one->string)) {
            return differ(d, below, NULL, one);
        }
    }
    return true;
}

static bool compare(struct diff *d, const char *path, const cJSON *want, const cJSON *got) {
    char below[PATH_BYTES];
    if (is_nothing(want)) {
        return is_nothing(got) || differ(d, path, want, got);
    }
    if (strcmp(path, ".usage.raw") == 0 || strcmp(path, ".moderation") == 0) {
        return cJSON_Compare(want, got, 1) || differ(d, path, want, got);
    }
    if (cJSON_IsObject(want) && cJSON_IsObject(got)) {
        return compare_objects(d, path, want, got);
    }
    if (!cJSON_IsArray(want)) {
        return is_same_scalar(path, want, got) || differ(d, path, want, got);
    }
    if (!cJSON_IsArray(got) || cJSON_GetArraySize(want) != cJSON_GetArraySize(got)) {
        return differ(d, path, want, got);
    }
    for (int i = 0; i < cJSON_GetArraySize(want); i++) {
        (void)snprintf(below, sizeof below, "%s[%d]", path, i);
        if (!compare(d, below, cJSON_GetArrayItem(want, i), cJSON_GetArrayItem(got, i))) {
            return false;
        }
    }
    return true;
}

static char *without_blanks(llm_str text) {
    char *copy = malloc(text.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(" \t\r\n", text.ptr[i]) == NULL) {
            copy[n++] = text.ptr[i];
        }
    }
    copy[n] = '\0';
    return copy;
}

static bool compare_vectors(struct diff *d, const char *want, const char *got) {
    char *w = without_blanks(llm_json_get((llm_str){want, strlen(want)}, "embeddings"));
    char *g = without_blanks(llm_json_get((llm_str){got, strlen(got)}, "embeddings"));
    const bool same = strcmp(w, g) == 0;
    if (!same) {
        (void)snprintf(d->why, d->cap, ".embeddings are %.60s, expected %.60s", g, w);
    }
    free(w);
    free(g);
    return same;
}

bool response_is(const char *want, const char *got, char *why, size_t cap) {
    struct diff d = {why, cap};
    cJSON *w = cJSON_Parse(want), *g = cJSON_Parse(got);
    bool same = w != NULL && g != NULL;
    if (!same) {
        (void)snprintf(why, cap, "%s is no JSON", w == NULL ? "what is expected" : "the response");
    }
    same = same && compare(&d, "", w, g) && compare_vectors(&d, want, got);
    cJSON_Delete(w);
    cJSON_Delete(g);
    return same;
}
