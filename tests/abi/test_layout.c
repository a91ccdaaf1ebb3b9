// SPDX-License-Identifier: MIT
// The plugin ABI as numbers, against the frozen file layout_1.txt: nothing in it may ever change, only lines may be added at the
// end of a struct (with a new LLM_ABI_MINOR) and new constants.  `test_layout print` prints the file.
#include <stdio.h>
#include <stdlib.h>

#include "llm_provider.h"
#include "tap.h"

struct row {
    const char *type, *member; // member NULL: the whole struct
    long long at, size;        // a constant: its value in `at`, size -1
};

#define WHOLE(T)                                                                                             \
    { #T, NULL, 0, (long long)sizeof(T) }
#define MEMBER(T, f)                                                                                         \
    { #T, #f, (long long)offsetof(T, f), (long long)sizeof(((T *)0)->f) }
#define CONSTANT(c)                                                                                          \
    { #c, NULL, (long long)(c), -1 }

static const struct row rows[] = {
    WHOLE(llm_str),
    MEMBER(llm_str, ptr),
    MEMBER(llm_str, len),
    WHOLE(llm_bytes),
    MEMBER(llm_bytes, ptr),
    MEMBER(llm_bytes, len),
    WHOLE(llm_header),
    MEMBER(llm_header, name),
    MEMBER(llm_header, value),
    WHOLE(llm_fault),
    MEMBER(llm_fault, size),
    MEMBER(llm_fault, code),
    MEMBER(llm_fault, retry),
    MEMBER(llm_fault, http_status),
    MEMBER(llm_fault, retry_after_ms),
    MEMBER(llm_fault, message),
    MEMBER(llm_fault, provider_code),
    MEMBER(llm_fault, request_id),
    MEMBER(llm_fault, param),
    WHOLE(llm_host),
    MEMBER(llm_host, size),
    MEMBER(llm_host, abi_minor),
    MEMBER(llm_host, ctx),
    MEMBER(llm_host, name),
    MEMBER(llm_host, version),
    MEMBER(llm_host, get_interface),
    MEMBER(llm_host, log),
    MEMBER(llm_host, alloc),
    WHOLE(llm_http_request),
    MEMBER(llm_http_request, size),
    MEMBER(llm_http_request, reserved),
    MEMBER(llm_http_request, ctx),
    MEMBER(llm_http_request, line),
    MEMBER(llm_http_request, header),
    MEMBER(llm_http_request, body),
    MEMBER(llm_http_request, body_attachment),
    MEMBER(llm_http_request, body_base64),
    MEMBER(llm_http_request, framing),
    MEMBER(llm_http_request, wait_ms),
    MEMBER(llm_http_request, header_secret),
    MEMBER(llm_http_request, query_secret),
    MEMBER(llm_http_request, anonymous),
    MEMBER(llm_http_request, idempotent),
    WHOLE(llm_head),
    MEMBER(llm_head, size),
    MEMBER(llm_head, http_status),
    MEMBER(llm_head, headers),
    MEMBER(llm_head, n_headers),
    WHOLE(llm_chunk),
    MEMBER(llm_chunk, size),
    MEMBER(llm_chunk, frame),
    MEMBER(llm_chunk, event),
    MEMBER(llm_chunk, data),
    WHOLE(llm_counts),
    MEMBER(llm_counts, size),
    MEMBER(llm_counts, flags),
    MEMBER(llm_counts, input_tokens),
    MEMBER(llm_counts, output_tokens),
    MEMBER(llm_counts, cache_read_tokens),
    MEMBER(llm_counts, cache_write_tokens),
    MEMBER(llm_counts, cache_write_1h_tokens),
    MEMBER(llm_counts, reasoning_tokens),
    MEMBER(llm_counts, audio_input_tokens),
    MEMBER(llm_counts, audio_output_tokens),
    MEMBER(llm_counts, images),
    MEMBER(llm_counts, milliseconds),
    MEMBER(llm_counts, characters),
    MEMBER(llm_counts, cost_pico_usd),
    MEMBER(llm_counts, raw),
    MEMBER(llm_counts, image_input_tokens),
    MEMBER(llm_counts, image_output_tokens),
    MEMBER(llm_counts, pages),
    MEMBER(llm_counts, searches),
    MEMBER(llm_counts, tier),
    MEMBER(llm_counts, dimensions),
    MEMBER(llm_counts, quality),
    WHOLE(llm_out),
    MEMBER(llm_out, size),
    MEMBER(llm_out, reserved),
    MEMBER(llm_out, ctx),
    MEMBER(llm_out, text),
    MEMBER(llm_out, tool),
    MEMBER(llm_out, blob),
    MEMBER(llm_out, blob_base64),
    MEMBER(llm_out, blob_url),
    MEMBER(llm_out, vector),
    MEMBER(llm_out, vector_json),
    MEMBER(llm_out, usage),
    MEMBER(llm_out, finish),
    MEMBER(llm_out, fault),
    MEMBER(llm_out, warn),
    MEMBER(llm_out, identity),
    MEMBER(llm_out, verbatim),
    MEMBER(llm_out, json),
    WHOLE(llm_instance_args),
    MEMBER(llm_instance_args, size),
    MEMBER(llm_instance_args, n_secrets),
    MEMBER(llm_instance_args, name),
    MEMBER(llm_instance_args, base_url),
    MEMBER(llm_instance_args, config),
    MEMBER(llm_instance_args, secret_names),
    WHOLE(llm_attachment),
    MEMBER(llm_attachment, data),
    MEMBER(llm_attachment, mime),
    MEMBER(llm_attachment, name),
    WHOLE(llm_job_args),
    MEMBER(llm_job_args, size),
    MEMBER(llm_job_args, flags),
    MEMBER(llm_job_args, id),
    MEMBER(llm_job_args, operation),
    MEMBER(llm_job_args, format),
    MEMBER(llm_job_args, model),
    MEMBER(llm_job_args, request),
    MEMBER(llm_job_args, fields),
    MEMBER(llm_job_args, n_fields),
    MEMBER(llm_job_args, attachments),
    MEMBER(llm_job_args, n_attachments),
    MEMBER(llm_job_args, alloc_ctx),
    MEMBER(llm_job_args, alloc),
    WHOLE(llm_step),
    MEMBER(llm_step, size),
    MEMBER(llm_step, step),
    MEMBER(llm_step, attempt),
    MEMBER(llm_step, reserved),
    WHOLE(llm_codec),
    MEMBER(llm_codec, size),
    MEMBER(llm_codec, flags),
    MEMBER(llm_codec, open),
    MEMBER(llm_codec, close),
    MEMBER(llm_codec, encode),
    MEMBER(llm_codec, head),
    MEMBER(llm_codec, data),
    MEMBER(llm_codec, end),
    MEMBER(llm_codec, fail),
    WHOLE(llm_run),
    MEMBER(llm_run, size),
    MEMBER(llm_run, cancel_fd),
    MEMBER(llm_run, ctx),
    MEMBER(llm_run, timeout_ms),
    MEMBER(llm_run, cancelled),
    WHOLE(llm_generate),
    MEMBER(llm_generate, size),
    MEMBER(llm_generate, max_concurrency),
    MEMBER(llm_generate, run),
    WHOLE(llm_generator),
    MEMBER(llm_generator, size),
    MEMBER(llm_generator, flags),
    MEMBER(llm_generator, name),
    MEMBER(llm_generator, operation),
    MEMBER(llm_generator, formats),
    MEMBER(llm_generator, codec),
    MEMBER(llm_generator, generate),
    WHOLE(llm_provider_descriptor),
    MEMBER(llm_provider_descriptor, size),
    MEMBER(llm_provider_descriptor, abi_minor),
    MEMBER(llm_provider_descriptor, id),
    MEMBER(llm_provider_descriptor, version),
    MEMBER(llm_provider_descriptor, generators),
    MEMBER(llm_provider_descriptor, init),
    MEMBER(llm_provider_descriptor, shutdown),
    MEMBER(llm_provider_descriptor, instance_new),
    MEMBER(llm_provider_descriptor, instance_free),
    MEMBER(llm_provider_descriptor, get_interface),
    CONSTANT(LLM_ABI_MAJOR),
    CONSTANT(LLM_OK),
    CONSTANT(LLM_MORE),
    CONSTANT(LLM_DONE),
    CONSTANT(LLM_AGAIN),
    CONSTANT(LLM_E_INVALID_REQUEST),
    CONSTANT(LLM_E_AUTH),
    CONSTANT(LLM_E_PERMISSION),
    CONSTANT(LLM_E_NOT_FOUND),
    CONSTANT(LLM_E_CONFLICT),
    CONSTANT(LLM_E_TOO_LARGE),
    CONSTANT(LLM_E_CONTEXT_LENGTH),
    CONSTANT(LLM_E_CONTENT_FILTER),
    CONSTANT(LLM_E_RATE_LIMITED),
    CONSTANT(LLM_E_QUOTA),
    CONSTANT(LLM_E_OVERLOADED),
    CONSTANT(LLM_E_SERVER),
    CONSTANT(LLM_E_TIMEOUT),
    CONSTANT(LLM_E_TRANSPORT),
    CONSTANT(LLM_E_PROTOCOL),
    CONSTANT(LLM_E_CANCELLED),
    CONSTANT(LLM_E_UNSUPPORTED),
    CONSTANT(LLM_E_CONFIG),
    CONSTANT(LLM_E_NOMEM),
    CONSTANT(LLM_E_LIMIT),
    CONSTANT(LLM_E_DENIED),
    CONSTANT(LLM_E_INTERNAL),
    CONSTANT(LLM_RETRY_DEFAULT),
    CONSTANT(LLM_RETRY_NEVER),
    CONSTANT(LLM_RETRY_SAFE),
    CONSTANT(LLM_RETRY_AFTER),
    CONSTANT(LLM_LOG_DEBUG),
    CONSTANT(LLM_LOG_INFO),
    CONSTANT(LLM_LOG_WARN),
    CONSTANT(LLM_LOG_ERROR),
    CONSTANT(LLM_FRAME_WHOLE),
    CONSTANT(LLM_FRAME_SSE),
    CONSTANT(LLM_FRAME_LINES),
    CONSTANT(LLM_FRAME_RAW),
    CONSTANT(LLM_FRAME_SSE_FIELDS),
    CONSTANT(LLM_TEXT_CONTENT),
    CONSTANT(LLM_TEXT_REASONING),
    CONSTANT(LLM_TEXT_REFUSAL),
    CONSTANT(LLM_FINISH_STOP),
    CONSTANT(LLM_FINISH_LENGTH),
    CONSTANT(LLM_FINISH_TOOL_CALLS),
    CONSTANT(LLM_FINISH_CONTENT_FILTER),
    CONSTANT(LLM_FINISH_OTHER),
    CONSTANT(LLM_JOB_STREAM),
    CONSTANT(LLM_CODEC_SERIAL),
    CONSTANT(LLM_CODEC_DETERMINISTIC),
    CONSTANT(LLM_NOTE_TYPE),
};

enum { N_ROWS = sizeof rows / sizeof rows[0] };

static void print_row(char *line, size_t size, const struct row *row) {
    if (row->size < 0) {
        snprintf(line, size, "%s = %lld", row->type, row->at);
    } else if (row->member == NULL) {
        snprintf(line, size, "%s: %lld", row->type, row->size);
    } else {
        snprintf(line, size, "%s.%s: %lld at %lld", row->type, row->member, row->size, row->at);
    }
}

// Members follow each other without a hole that their alignment does not explain: none was forgotten above.
static int is_complete(size_t first, size_t *ret_next) {
    long long end = 0, align = 1;
    size_t i = first + 1;
    for (; i < N_ROWS && rows[i].member != NULL; i++) {
        const long long own =
            rows[i].size >= 8 ? 8 : rows[i].size; // all ABI types of 8 bytes and more align to 8
        align = own > align ? own : align;
        if ((end + own - 1) / own * own != rows[i].at) {
            break;
        }
        end = rows[i].at + rows[i].size;
    }
    *ret_next = i;
    return (i == N_ROWS || rows[i].member == NULL) && (end + align - 1) / align * align == rows[first].size;
}

static int frozen_has(const char *frozen, const char *line) {
    const size_t len = strlen(line);
    for (const char *at = frozen; (at = strstr(at, line)) != NULL; at += len) {
        if ((at == frozen || at[-1] == '\n') && at[len] == '\n') {
            return 1;
        }
    }
    return 0;
}

static int ours_has(const char *line, size_t len) {
    char own[160];
    for (size_t i = 0; i < N_ROWS; i++) {
        print_row(own, sizeof own, &rows[i]);
        if (strlen(own) == len && memcmp(own, line, len) == 0) {
            return 1;
        }
    }
    return 0;
}

// One result for each struct, one for all constants, one for what the header lost.
static void compare(struct tap *tap, const char *frozen) {
    char line[160];
    for (size_t i = 0; i < N_ROWS;) {
        const int is_struct = rows[i].size >= 0;
        const char *name = is_struct ? rows[i].type : "constants";
        size_t next = N_ROWS;
        int fine = !is_struct || is_complete(i, &next);
        snprintf(line, sizeof line, "a member is missing in the table of this test");
        for (; fine && i < next; i++) {
            print_row(line, sizeof line, &rows[i]);
            fine = frozen_has(frozen, line);
        }
        i = next;
        tap_result(tap, fine, name, "not in layout_1.txt: %s", line);
    }
    size_t len = 0;
    const char *at = frozen;
    for (; *at != '\0'; at += len + (at[len] == '\n' ? 1 : 0)) {
        len = strcspn(at, "\n");
        if (!ours_has(at, len)) {
            break;
        }
    }
    tap_result(tap, *at == '\0', "nothing was taken away", "not in the header any more: %.*s", (int)len, at);
}

int main(int argc, char **argv) {
    static char frozen[64 << 10];
    struct tap tap = {0, 0};
    if (argc == 2 && strcmp(argv[1], "print") == 0) {
        for (size_t i = 0; i < N_ROWS; i++) {
            char line[160];
            print_row(line, sizeof line, &rows[i]);
            puts(line);
        }
        return 0;
    }
    if (sizeof(void *) != 8) {
        tap_skip(&tap, "layout", "the frozen file is for 64 bits");
        return tap_done(&tap);
    }
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (file == NULL) {
        printf("Bail out! usage: test_layout FILE\n");
        return 99;
    }
    frozen[fread(frozen, 1, sizeof frozen - 1, file)] = '\0';
    fclose(file);
    compare(&tap, frozen);
    tap_result(&tap, strcmp(LLM_NOTE_NAME, "LLMMaster") == 0, "the note's owner", "%s", LLM_NOTE_NAME);
    return tap_done(&tap);
}
