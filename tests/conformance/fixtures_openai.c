// SPDX-License-Identifier: MIT
// Every recorded answer whose provider speaks OpenAI's format, through openai_compat with the provider's shipped file: what the
// codec says must be what a second reading, written here with cJSON and sharing nothing with the codec, finds in the recording.
// Whole, byte by byte, and cut at every place.
//
//     fixtures_openai [DIRECTORY]    the directory of the recordings instead of the usual one
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/limits.h"
#include "codec_host.h"
#include "oracle_openai.h"
#include "tap.h"
#include "test_data.h"

const llm_provider_descriptor *llm_provider_entry_v1(void);

static const struct {
    const char *recorded, *operation;
} operations[] = {
    {"chat.completions", "chat"},    {"completions", "completions"}, {"embeddings", "embeddings"},
    {"images.generations", "image"}, {"images.edits", "image.edit"}, {"moderations", "moderation"},
};

// They have an operation of that name in a format of their own.
static const char *const others[] = {"cohere", "gemini", "vertex", "anthropic", "bedrock"};

// A file with a NUL behind it, to be freed; NULL: cannot be read.
static char *read_text(const char *path, size_t *ret_len) {
    size_t n = 0;
    char *bytes = test_data_read(path, &n);
    char *text = bytes != NULL ? test_data_text(bytes, n) : NULL;
    free(bytes);
    *ret_len = n;
    return text;
}

// The provider's shipped file as plain JSON, to be freed; NULL: there is none.
static char *read_config(const char *provider) {
    char name[128], path[TEST_PATH_BYTES];
    size_t n;
    (void)snprintf(name, sizeof name, "providers.d/%s.json", provider);
    test_data_source(path, name);
    char *text = read_text(path, &n);
    if (text != NULL) {
        cJSON_Minify(text); // comments are allowed there
    }
    return text;
}

static const char *operation_of(const cJSON *fixture) {
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fixture, "operation"));
    const char *provider = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fixture, "provider"));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(provider, others[i]) == 0 && strcmp(name, "chat.completions") != 0) {
            return NULL;
        }
    }
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(name, operations[i].recorded) == 0) {
            return operations[i].operation;
        }
    }
    return NULL;
}

// The raw usage is compared as a document, and must stand in the body as it is; the rest of the text as it is.
static bool raw_is_right(const struct codec_result *result, const cJSON *want, const char *body) {
    if (result->usage.raw.ptr == NULL) {
        return want == NULL;
    }
    cJSON *raw = cJSON_Parse(result->usage.raw.ptr);
    const bool same = want != NULL && raw != NULL && cJSON_Compare(raw, want, 1);
    cJSON_Delete(raw);
    return same && strstr(body, result->usage.raw.ptr) != NULL;
}

// Takes the raw usage out of a text.
static void drop_raw(char *text, size_t raw_len) {
    char *line = strncmp(text, "raw ", 4) == 0 ? text : strstr(text, "\nraw ");
    if (line != NULL) {
        line += *line == '\n' ? 1 : 0;
        const char *end = line + 4 + raw_len + 1;
        memmove(line, end, strlen(end) + 1);
    }
}

static void check_splits(struct tap *tap, const char *id, struct codec_case *c, const char *want) {
    const size_t n = c->answers[0].body.len;
    // A run costs time as the body is long: of long ones some thousand places are tried, those behind line ends among them.
    const size_t step = getenv("LLM_TEST_LONG") != NULL ? 1 : 1 + n * n / 8000000;
    size_t bad = SIZE_MAX;
    for (size_t at = 0; at <= n && bad == SIZE_MAX; at++) {
        const bool line_end = at > 0 && at < n && c->answers[0].body.ptr[at - 1] == '\n';
        if (at % step != 0 && !(line_end && n < 200000)) {
            continue;
        }
        struct codec_result result;
        c->split = at == 0 ? CODEC_SPLIT_BYTES : at;
        codec_host_run(c, &result);
        bad = strcmp(codec_result_text(&result), want) == 0 ? bad : at;
        codec_result_done(&result);
    }
    char name[200];
    (void)snprintf(name, sizeof name, "%s, cut everywhere", id);
    tap_result(tap, bad == SIZE_MAX, name, "cut at %zu it is another answer", bad);
}

static void check_fixture(struct tap *tap, const char *dir, const cJSON *fixture) {
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fixture, "id"));
    const char *provider = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fixture, "provider"));
    const char *place = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fixture, "dir"));
    const char *file = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fixture, "response_body"));
    const uint32_t status =
        (uint32_t)cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(fixture, "status"));
    char path[TEST_PATH_BYTES + 1024];
    (void)snprintf(path, sizeof path, "%s/%s/%s", dir, place, file);
    size_t n = 0;
    char *body = read_text(path, &n);
    char *config = read_config(provider);
    if (body == NULL) {
        tap_result(tap, 0, id, "cannot read %s", path);
        free(config);
        return;
    }
    const struct codec_answer answer = {.status = status, .body = {body, n}};
    struct codec_case c = {.plugin = llm_provider_entry_v1(),
                           .provider = provider,
                           .config = config,
                           .operation = operation_of(fixture),
                           .model = "m",
                           .request = "{\"model\":\"m\"}",
                           .stream = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(fixture, "stream")),
                           .answers = &answer,
                           .n_answers = 1};
    struct oracle want = {
        .provider = provider, .operation = c.operation, .status = status, .stream = c.stream};
    oracle_read(&want, body, n);
    struct codec_result result;
    codec_host_run(&c, &result);
    const bool raw = raw_is_right(&result, want.usage, body);
    const char *got = codec_result_text(&result);
    char *with_raw = strdup(got);
    char *without = strdup(got);
    drop_raw(without, result.usage.raw.len);
    tap_result(tap, strcmp(without, want.text) == 0 && raw, id, "%s\n# wanted\n%s# got\n%s",
               raw ? "" : "the raw usage differs", want.text, without);
    codec_result_done(&result);
    check_splits(tap, id, &c, with_raw);
    free(with_raw);
    free(without);
    oracle_done(&want);
    free(body);
    free(config);
}

int main(int argc, char **argv) {
    struct tap tap = {0};
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES + 16];
    size_t n;
    if (argc > 1) {
        (void)snprintf(dir, sizeof dir, "%s", argv[1]);
    } else {
        (void)test_data_shared(dir, "fixtures");
    }
    (void)snprintf(path, sizeof path, "%s/index.json", dir);
    char *text = read_text(path, &n);
    cJSON *index = text != NULL ? cJSON_Parse(text) : NULL;
    free(text);
    if (index == NULL) {
        tap_skip(&tap, "recordings", "there are none here");
        return tap_done(&tap);
    }
    const cJSON *fixture;
    cJSON_ArrayForEach(fixture, cJSON_GetObjectItemCaseSensitive(index, "fixtures")) {
        if (operation_of(fixture) != NULL) {
            check_fixture(&tap, dir, fixture);
        }
    }
    cJSON_Delete(index);
    return tap_done(&tap);
}
