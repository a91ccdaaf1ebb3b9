// SPDX-License-Identifier: MIT
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define NUMBERS_MAX 100000u // names that are tried without -o

const char *cli_extension_of(llm_str mime) {
    static const struct {
        const char *mime, *extension;
    } known[] = {
        {"image/png", "png"},         {"image/jpeg", "jpg"},    {"image/webp", "webp"},
        {"image/gif", "gif"},         {"image/svg+xml", "svg"}, {"image/avif", "avif"},
        {"audio/mpeg", "mp3"},        {"audio/wav", "wav"},     {"audio/ogg", "ogg"},
        {"audio/flac", "flac"},       {"video/mp4", "mp4"},     {"application/pdf", "pdf"},
        {"application/json", "json"}, {"text/plain", "txt"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (host_same(mime, host_str(known[i].mime))) {
            return known[i].extension;
        }
    }
    return "bin";
}

// ---- pictures --------------------------------------------------------------------------------------------------------------

static unsigned byte_at(llm_str data, size_t at) {
    return at < data.len ? (unsigned char)data.ptr[at] : 0;
}

static unsigned big16(llm_str data, size_t at) {
    return byte_at(data, at) << 8 | byte_at(data, at + 1);
}

static unsigned little16(llm_str data, size_t at) {
    return byte_at(data, at + 1) << 8 | byte_at(data, at);
}

static bool begins(llm_str data, size_t at, const char *magic) {
    const size_t n = strlen(magic);
    return data.len >= at + n && memcmp(data.ptr + at, magic, n) == 0;
}

static bool jpeg_size(llm_str data, unsigned *ret_width, unsigned *ret_height) {
    size_t at = 2;
    while (at + 9 < data.len && byte_at(data, at) == 0xff) {
        const unsigned marker = byte_at(data, at + 1);
        const bool frame =
            marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        if (frame) {
            *ret_height = big16(data, at + 5);
            *ret_width = big16(data, at + 7);
            return true;
        }
        at += 2 + big16(data, at + 2);
    }
    return false;
}

static bool webp_size(llm_str data, unsigned *ret_width, unsigned *ret_height) {
    if (begins(data, 12, "VP8X") && data.len >= 30) {
        *ret_width = 1 + (little16(data, 24) | byte_at(data, 26) << 16);
        *ret_height = 1 + (little16(data, 27) | byte_at(data, 29) << 16);
        return true;
    }
    if (begins(data, 12, "VP8L") && data.len >= 25) {
        const unsigned bits = little16(data, 21) | little16(data, 23) << 16;
        *ret_width = 1 + (bits & 0x3fff);
        *ret_height = 1 + (bits >> 14 & 0x3fff);
        return true;
    }
    if (begins(data, 12, "VP8 ") && data.len >= 30) {
        *ret_width = little16(data, 26) & 0x3fff;
        *ret_height = little16(data, 28) & 0x3fff;
        return true;
    }
    return false;
}

bool cli_picture_size(llm_str data, unsigned *ret_width, unsigned *ret_height) {
    if (begins(data, 0, "\x89PNG\r\n\x1a\n") && data.len >= 24) {
        *ret_width = big16(data, 16) << 16 | big16(data, 18);
        *ret_height = big16(data, 20) << 16 | big16(data, 22);
        return true;
    }
    if (begins(data, 0, "GIF8") && data.len >= 10) {
        *ret_width = little16(data, 6);
        *ret_height = little16(data, 8);
        return true;
    }
    if (begins(data, 0, "\xff\xd8\xff")) {
        return jpeg_size(data, ret_width, ret_height);
    }
    return begins(data, 0, "RIFF") && begins(data, 8, "WEBP") && webp_size(data, ret_width, ret_height);
}

// ---- names and writing ---------------------------------------------------------------------------------------------------------

static void number_in(const char *output, size_t index, struct host_text *ret) {
    const char *slash = strrchr(output, '/');
    const char *dot = strrchr(slash != NULL ? slash : output, '.');
    const size_t stem =
        dot != NULL && dot != output && dot[-1] != '/' ? (size_t)(dot - output) : strlen(output);
    host_text_add(ret, output, stem);
    host_text_text(ret, "-");
    host_text_number(ret, index);
    host_text_text(ret, output + stem);
}

bool cli_result_path(const char *output, const char *stem, size_t index, size_t count, const char *extension,
                     struct host_text *ret) {
    for (size_t number = index; number < NUMBERS_MAX; number++) {
        ret->len = 0;
        if (output == NULL) {
            host_text_text(ret, stem);
            host_text_text(ret, "-");
            host_text_number(ret, number);
            host_text_text(ret, ".");
            host_text_text(ret, extension);
        } else if (count > 1) {
            number_in(output, index, ret);
        } else {
            host_text_text(ret, output);
        }
        host_text_add(ret, "", 1);
        if (ret->failed || output != NULL || access(ret->ptr, F_OK) != 0) {
            break;
        }
    }
    return !ret->failed;
}

int cli_save(struct cli *cli, const char *path, llm_str data, bool force) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL), 0666);
    if (fd < 0 && errno == EEXIST) {
        cli_say(cli, NULL, "%s: there is such a file already; -f overwrites it", path);
        return CLI_FAILED;
    }
    size_t at = 0;
    while (fd >= 0 && at < data.len) {
        const ssize_t n = write(fd, data.ptr + at, data.len - at);
        if (n < 0 && errno != EINTR) {
            break;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    const int saved = errno;
    const bool closed = fd >= 0 && close(fd) == 0;
    if (!closed || at < data.len) {
        cli_say(cli, NULL, "%s: cannot be written: %s", path, strerror(saved));
        return CLI_FAILED;
    }
    return CLI_OK;
}
