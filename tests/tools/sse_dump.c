// SPDX-License-Identifier: MIT
// llm-sse-dump: the events of a stream, one JSON object a line.  The cutter is the one that answers pass.
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "llm_json.h"
#include "net/frames.h"

static const char usage[] =
    "usage: llm-sse-dump [--bytes | --split N] [--pending] <STREAM\n"
    "\n"
    "Reads an event stream from standard input and prints each event, as soon as it is complete, as one line "
    "of JSON:\n"
    "\n"
    "  {\"event\":\"message\",\"data\":\"...\",\"id\":\"\"}\n"
    "\n"
    "The events are those of the WHATWG standard: bad UTF-8 is U+FFFD, \"event\" is \"message\" when none "
    "was named, \"id\" is the\n"
    "last one given so far, and an event whose blank line never came is dropped.\n"
    "\n"
    "  --bytes    feed the stream byte by byte; the events are the same\n"
    "  --split N  feed the first N bytes apart from the rest; the events are the same\n"
    "  --pending  print also the event that the end of the stream leaves without its blank line, with "
    "\"pending\":true.  (An\n"
    "             answer's body is read more leniently than the standard: there such an event counts when "
    "its last line was\n"
    "             complete, or its data is a complete JSON object, array or string, or [DONE].)\n"
    "\n"
    "Exit status: 0; 1 an event is larger than 64 MiB, or the stream cannot be read; 2 wrong usage.\n";

struct dump {
    struct llm_frames frames;
    struct llm_buf line;
};

static void name_string(llm_json_writer *w, const char *name, llm_str text) {
    llm_json_name(w, name);
    llm_json_string(w, text);
}

static llm_status print(struct dump *dump, const llm_chunk *chunk, bool pending) {
    llm_json_writer w = llm_json_writer_to(llm_buf_sink, &dump->line);
    dump->line.len = 0;
    llm_json_object(&w);
    name_string(&w, "event", chunk->event);
    name_string(&w, "data", (llm_str){(const char *)chunk->data.ptr, chunk->data.len});
    name_string(&w, "id", llm_frames_last_id(&dump->frames));
    if (pending) {
        llm_json_name(&w, "pending");
        llm_json_boolean(&w, 1);
    }
    llm_json_object_end(&w);
    if (w.status < 0) {
        return w.status;
    }
    (void)fwrite(dump->line.ptr, 1, dump->line.len, stdout);
    (void)putchar('\n');
    return fflush(stdout) == 0 ? LLM_OK : LLM_E_TRANSPORT;
}

static llm_status on_chunk(void *ctx, const llm_chunk *chunk) {
    return print(ctx, chunk, false);
}

// cut: where the first piece ends at the latest; bytes: each is a piece.
static llm_status feed_all(struct dump *dump, bool bytes, size_t cut) {
    static char buf[1 << 16];
    ssize_t got;
    llm_status status = LLM_OK;
    while (status == LLM_OK && (got = read(STDIN_FILENO, buf, sizeof buf)) != 0) {
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            fprintf(stderr, "llm-sse-dump: %s\n", strerror(errno));
            return LLM_E_TRANSPORT;
        }
        for (size_t at = 0; at < (size_t)got && status == LLM_OK;) {
            size_t n = bytes ? 1 : (size_t)got - at;
            n = cut > 0 && n > cut ? cut : n;
            status = llm_frames_feed(&dump->frames, buf + at, n);
            cut -= cut > 0 ? n : 0;
            at += n;
        }
    }
    return status;
}

int main(int argc, char **argv) {
    static struct dump dump; // zeroed
    bool bytes = false, pending = false;
    uint64_t cut = 0;
    llm_chunk chunk;
    for (int i = 1; i < argc; i++) {
        const bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--bytes") == 0) {
            bytes = true;
        } else if (strcmp(argv[i], "--pending") == 0) {
            pending = true;
        } else if (strcmp(argv[i], "--split") == 0 && has_value &&
                   llm_str_uint(llm_str_from(argv[i + 1]), SIZE_MAX, &cut)) {
            i++;
        } else {
            fprintf(stderr, "llm-sse-dump: %s: no such option, or its number is missing; --help tells more\n",
                    argv[i]);
            return 2;
        }
    }
    dump.line.max = 8 * (size_t)LLM_MAX_EVENT_BYTES; // escaped
    llm_frames_init(&dump.frames, LLM_FRAME_SSE, LLM_MAX_EVENT_BYTES, SIZE_MAX, on_chunk, &dump);
    dump.frames.strict = true;
    llm_status status = feed_all(&dump, bytes, (size_t)cut);
    if (status == LLM_OK && pending && llm_frames_pending(&dump.frames, &chunk)) {
        status = print(&dump, &chunk, true);
    }
    if (status != LLM_OK) {
        fprintf(stderr, "llm-sse-dump: %s\n", llm_status_name(status));
    }
    llm_frames_done(&dump.frames);
    llm_buf_done(&dump.line);
    return status == LLM_OK ? 0 : 1;
}
